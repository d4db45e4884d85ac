/* The binning engine's kernel tables. */
#ifndef FASTENT_BINS_TABLES_H
#define FASTENT_BINS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(bins)

#endif
