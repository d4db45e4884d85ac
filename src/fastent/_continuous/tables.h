/* The continuous engine's kernel tables. */
#ifndef FASTENT_CONTINUOUS_TABLES_H
#define FASTENT_CONTINUOUS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(continuous)

#endif
