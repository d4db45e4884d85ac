/* The nearest-neighbour engine's contract between Cython and C. Columns are contiguous doubles; NaN is a missing value, and
 * there are no infinities. Everything is validated above, and nothing here can fail or allocate.
 */
#ifndef FASTENT_NEIGHBORS_KERNELS_H
#define FASTENT_NEIGHBORS_KERNELS_H

#include <stdint.h>

enum {
    NEIGHBORS_GROUP = 8,      /* columns that are made contiguous at a time: a cache line of doubles */
    NEIGHBORS_BLOCK = 16384,  /* samples of a pair whose terms are added up apart */
    NEIGHBORS_COUNTS = 6144,  /* SORT_COUNTS of _simd/sort.h */
};

enum neighbors_ties {
    NEIGHBORS_COUNTED,       /* k is how many samples are nearer than the k-th, or equal if that is equal: Gao et al. 2017 */
    NEIGHBORS_IGNORED,       /* there are none but by accident, as in scikit-learn, whose rounding is followed as well */
    NEIGHBORS_IGNORED_SINGLE, /* the same for columns that were float32 */
};

typedef struct {
    int64_t n;             /* samples */
    int64_t k;             /* neighbours */
    int64_t ties;          /* neighbors_ties */
    const double *digamma; /* of 0 (not used), 1, ..., n */
} neighbors_job;

/* A target that is continuous, sorted. */
typedef struct {
    int64_t n;              /* samples that it is known for */
    double scale;           /* a power of two, by which `values` is multiplied already */
    double *values;         /* sorted */
    uint32_t *groups;       /* of each sample, where the run of its value begins in `values`; UINT32_MAX if missing */
} neighbors_target;

/* A pair of continuous columns, cut into strips of x whose points are in the order of y, then x. Equal x are in one strip. */
typedef struct {
    int64_t n, strips;
    double ratio;           /* what differences of y are multiplied by, to compare them with those of x */
    double *x, *y;          /* both columns sorted */
    double *strip_x, *strip_y;
    uint32_t *x_index, *y_index; /* where values begin in x and y: n + 1 buckets of equal width */
    double x_width, y_width;     /* buckets per unit */
    uint32_t *starts;       /* of the strips, and n */
} neighbors_pair;

typedef struct {
    const char *isa;
    /* n rows of `columns` columns, `item` bytes (4 or 8) each, strides in bytes: one after the other, `pitch` apart. */
    void (*gather)(const char *from, int64_t item, int64_t row_stride, int64_t column_stride, int64_t n, int64_t columns,
                   double *to, int64_t pitch);
    /* column = column / divisor + amplitude * noise, each operation rounded. */
    void (*jitter)(double *column, int64_t n, double divisor, double amplitude, const double *noise, int64_t stride);
    /* Whether there is an infinity among n items, `stride` bytes apart. */
    int (*infinite)(const char *from, int64_t item, int64_t stride, int64_t n);
    /* Ross 2014: information that a column shares with a target of codes 0 ... levels - 1 (negative: missing); nan if there
     * are no two samples of any level. */
    double (*discrete)(const neighbors_job *job, const double *column, const int32_t *codes, int64_t levels, void *scratch);
    /* Kraskov 2004, first algorithm, in three steps: the target, each pair, the sum of the terms of one block of samples. */
    void (*target)(const neighbors_job *job, const double *column, neighbors_target *target, void *scratch);
    void (*pair)(const neighbors_job *job, const double *column, const neighbors_target *target, neighbors_pair *pair,
                 void *scratch);
    double (*block)(const neighbors_job *job, const neighbors_pair *pair, int64_t block, void *scratch);
} neighbors_table;

/* Bytes of scratch for these, and of the arrays of a target and a pair. */
static inline int64_t neighbors_sort_bytes(int64_t n) { return 40 * n + 4 * NEIGHBORS_COUNTS + 256; }
static inline int64_t neighbors_discrete_bytes(int64_t n, int64_t levels) {
    return neighbors_sort_bytes(n) + 16 * (levels + 2);
}
static inline int64_t neighbors_strips(int64_t n, int64_t k) {
    int64_t strips = 1;
    while (2 * k * strips * strips < n)
        strips++;
    return strips;
}
static inline int64_t neighbors_block_bytes(int64_t n, int64_t k) { return 8 * k + 4 * (neighbors_strips(n, k) + 2) + 64; }
static inline int64_t neighbors_target_bytes(int64_t n) { return 12 * n + 64; }
static inline int64_t neighbors_pair_bytes(int64_t n, int64_t k) { return 40 * n + 4 * (neighbors_strips(n, k) + 2) + 128; }

#endif
