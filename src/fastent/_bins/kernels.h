/* The binning engine's contract between Cython and C. Edges are validated and sorted above, and nothing here can fail. */
#ifndef FASTENT_BINS_KERNELS_H
#define FASTENT_BINS_KERNELS_H

#include <stdint.h>

#define BINS_BLOCK 1024 /* rows at a time */
#define BINS_GROUP 16   /* columns that are made contiguous at a time */
#define BINS_LINEAR 24  /* edges up to which all are compared, which vectorises; above, they are searched */
#define BINS_SCRATCH (BINS_BLOCK * BINS_GROUP * 8 + BINS_BLOCK * 8)

/* A matrix of float32 or float64, and the inner edges of its columns, in its own type. Strides in bytes. */
typedef struct {
    const char *x;
    int64_t item, row_stride, column_stride;
    const char *edges;       /* of all columns, one after the other */
    const int64_t *offsets;  /* of each column in edges */
    const int64_t *counts;   /* edges of each column */
    const int64_t *missing;  /* the code of nan in each column */
    char *codes;             /* columns of codes, contiguous */
    int64_t code_item, code_stride; /* bytes of a code, 1 or 2, and between columns */
} bins_job;

typedef struct {
    const char *isa;
    /* codes[c][i] = number of edges of column c that x[i, c] is not below, for rows [row_begin, row_end) of the columns
     * [begin, end), at most BINS_GROUP of them. nan gets the code `missing`. */
    void (*cut)(const bins_job *, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch);
} bins_table;

#endif
