/* The logits engine's kernel tables. */
#ifndef FASTENT_LOGITS_TABLES_H
#define FASTENT_LOGITS_TABLES_H

#include "../_simd/tables.h"
#include "kernels.h"

DECLARE_TABLES(logits)

#endif
