/* The kernel tables of this build that this machine can run, lowest first: DECLARE_TABLES(rows) declares rows_base and the
 * others, and rows_tables(), which lists them. */
#ifndef FASTENT_TABLES_H
#define FASTENT_TABLES_H

#include "cpu.h"

#define MAX_TABLES 3

#if defined(FASTENT_HAS_V3)
#define TABLE_V3(engine) extern const engine##_table engine##_v3;
#define ADD_V3(engine) if (level >= 3) tables[count++] = &engine##_v3;
#else
#define TABLE_V3(engine)
#define ADD_V3(engine)
#endif
#if defined(FASTENT_HAS_V4)
#define TABLE_V4(engine) extern const engine##_table engine##_v4;
#define ADD_V4(engine) if (level >= 4) tables[count++] = &engine##_v4;
#else
#define TABLE_V4(engine)
#define ADD_V4(engine)
#endif

#define DECLARE_TABLES(engine)                                 \
    extern const engine##_table engine##_base;                 \
    TABLE_V3(engine)                                           \
    TABLE_V4(engine)                                           \
    static int engine##_tables(const engine##_table **tables) { \
        int count = 0, level = x86_level();                    \
        (void)level;                                           \
        tables[count++] = &engine##_base;                      \
        ADD_V3(engine)                                         \
        ADD_V4(engine)                                         \
        return count;                                          \
    }

#endif
