/* The nearest-neighbour engine's kernel tables. */
#ifndef FASTENT_NEIGHBORS_TABLES_H
#define FASTENT_NEIGHBORS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(neighbors)

#endif
