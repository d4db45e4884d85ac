/* The row engine's kernel tables. */
#ifndef FASTENT_ROWS_TABLES_H
#define FASTENT_ROWS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(rows)

#endif
