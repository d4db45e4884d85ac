/* The kernel tables of this build that this machine can run, lowest first. */
#ifndef FASTENT_ROWS_TABLES_H
#define FASTENT_ROWS_TABLES_H

#include "../_simd/cpu.h"
#include "kernels.h"

extern const rows_table rows_base;
#if defined(FASTENT_HAS_V3)
extern const rows_table rows_v3;
#endif
#if defined(FASTENT_HAS_V4)
extern const rows_table rows_v4;
#endif

#define ROWS_MAX_TABLES 3

static int rows_tables(const rows_table **tables) {
    int count = 0, level = x86_level();
    (void)level;
    tables[count++] = &rows_base;
#if defined(FASTENT_HAS_V3)
    if (level >= 3)
        tables[count++] = &rows_v3;
#endif
#if defined(FASTENT_HAS_V4)
    if (level >= 4)
        tables[count++] = &rows_v4;
#endif
    return count;
}

#endif
