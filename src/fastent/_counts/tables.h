/* The counting engine's kernel tables. */
#ifndef FASTENT_COUNTS_TABLES_H
#define FASTENT_COUNTS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(counts)

#endif
