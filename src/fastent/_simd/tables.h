/* The kernel tables of this build that this machine can run, lowest first: DECLARE_TABLES(rows) declares rows_base and the
 * others, and rows_tables(), which lists them. The first member of every table is the name of its instruction set. */
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

#define DECLARE_TABLES(engine)                                                    \
    extern const engine##_table engine##_base;                                    \
    TABLE_V3(engine)                                                              \
    TABLE_V4(engine)                                                              \
    static const void **engine##_tables(void) {                                   \
        static const void *tables[MAX_TABLES + 1]; /* the first NULL is the end */ \
        int count = 0, level = x86_level();                                       \
        (void)level;                                                              \
        tables[count++] = &engine##_base;                                         \
        ADD_V3(engine)                                                            \
        ADD_V4(engine)                                                            \
        return tables;                                                            \
    }

#endif
