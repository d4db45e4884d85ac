/* The selection engine's kernel tables. */
#ifndef FASTENT_SELECT_TABLES_H
#define FASTENT_SELECT_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(select)

#endif
