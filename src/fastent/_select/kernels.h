/* The selection engine's contract between Cython and C: every candidate column x meets one column w and the target y.
 *
 * Sums of n ln n over the cells of a table are kept as integers of 2^-scale nats: added in any order they are the same,
 * so that columns with the same table tie exactly, whatever the names of their levels. Everything is validated above, and
 * nothing here can fail or allocate.
 */
#ifndef FASTENT_SELECT_KERNELS_H
#define FASTENT_SELECT_KERNELS_H

#include <stdint.h>

#define SELECT_LANES 8     /* planes that lie side by side, a word of each */
#define SELECT_GROUP 16    /* columns that are packed at a time */
#define SELECT_BLOCK 2048  /* samples at a time: a multiple of 64 */
#define SELECT_WORDS 256   /* of 64 samples: planes of a group that stay in the first cache */
#define SELECT_SMALL 65536 /* counts whose n ln n is looked up; logarithms of as many integers make all others */
#define SELECT_CELLS 65536 /* of the largest table that is counted sample by sample */
#define SELECT_PRIVATE 2048 /* cells up to which there are four tables, so that equal samples do not wait for each other */
#define SELECT_LOG_BITS 58
#define SELECT_SCRATCH (SELECT_GROUP * SELECT_BLOCK + SELECT_BLOCK)

/* What is learned about x from w and y, in nats. */
enum select_statistic {
    SELECT_MI_XW,         /* I(x; w) */
    SELECT_MI_XW_GIVEN_Y, /* I(x; w | y) */
    SELECT_MI_XW_Y,       /* I(x, w; y) */
    SELECT_MI_XY_GIVEN_W, /* I(x; y | w) */
    SELECT_H_XWY,         /* H(x, w, y) */
    SELECT_STATISTICS
};

/* c ln c as an integer. */
typedef struct {
    const int64_t *small;  /* of c < limit */
    int64_t limit;
    const uint64_t *logs;  /* ln c 2^58 for c < SELECT_SMALL */
    int64_t scale;         /* bits after the point, at most SELECT_LOG_BITS */
    double unit;           /* 2^-scale */
} select_terms;

/* Columns that are packed into planes. Plane p is lane p % 8 of group p / 8. */
typedef struct {
    const char *codes;
    int64_t item, row_stride, column_stride; /* item: bytes of a code, 1 or 2 */
    const int64_t *columns, *levels, *first; /* of each packed column: its number, levels, and first plane */
    uint64_t *planes;
    int64_t words;
} select_planes;

/* Sums of c ln c over a table (x, w, y) and its margins. */
typedef struct {
    int64_t xwy, xw, xy, wy, x, w, y, n;
    int64_t samples, cells; /* counted; positive cells bound the rounding */
} select_sums;

/* What is known of columns of two levels, by their numbers: the sums, and where their counts start. */
typedef struct {
    const int64_t *x_sums, *xy_sums, *first_counts;
    const int64_t *counts; /* (x, y), or those of x alone where there is no y */
} select_twos;

typedef struct {
    const char *isa;
    /* The planes of the packed columns [begin, end), samples [row_begin, row_end); row_begin is a multiple of 64. */
    void (*pack)(const select_planes *, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch);
    /* common[(group * targets + target) * SELECT_LANES + lane] += samples in both planes, words [begin, end). */
    void (*overlap)(const uint64_t *planes, int64_t groups, int64_t words, const uint64_t *targets, int64_t count,
                    int64_t begin, int64_t end, int64_t *common);
    /* Adds the cells (x, z) of all samples to the table, z < z_levels. `private` holds 4 * SELECT_PRIVATE numbers. */
    void (*count)(const char *x, int64_t item, const uint16_t *z, int64_t n, int64_t cells, int64_t z_levels,
                  uint32_t *private_tables, int64_t *table);
    /* The cells (x, z) of a column given by its entries, the samples that do not have the level `rest`; z_counts: of all
     * samples. The table holds zeros before. */
    void (*count_entries)(const uint32_t *rows, const uint16_t *codes, int64_t entries, int64_t x_levels, int64_t rest,
                          const uint16_t *z, int64_t z_levels, const int64_t *z_counts, int64_t *table);
    /* The table (x, y) from the overlap of x's planes, `plane` the first of them, with those of all levels of y; and the
     * counts of x. */
    void (*first)(const int64_t *common, int64_t plane, int64_t x_levels, int64_t y_levels, const int64_t *y_counts,
                  int64_t *table, int64_t *x_counts);
    /* The table (x, w, y) from the overlap of x's planes with those of (w, y) for all levels of w but the first, and from
     * the tables (x, y) and (w, y). */
    void (*fill)(const int64_t *common, int64_t plane, int64_t x_levels, int64_t w_levels, int64_t y_levels,
                 const int64_t *x_counts, const int64_t *w_counts, int64_t *table);
    /* The sums of a table (x, w, y), of which levels from x_used and w_used on are left out. */
    void (*sum)(const select_terms *, const int64_t *table, int64_t w_levels, int64_t y_levels, int64_t x_used,
                int64_t w_used, select_sums *sums);
    /* The statistics of a table none of whose levels are left out, and whose sums but xwy and xw are known. */
    void (*tell)(const select_terms *, const int64_t *table, int64_t x_levels, int64_t w_levels, int64_t y_levels,
                 const select_sums *known, int64_t x_sum, int64_t xy_sum, const int64_t *which, int64_t count, double *result,
                 int64_t stride);
    /* The same for up to SELECT_LANES columns and w of two levels each, whose planes are one group: straight from its overlap
     * with the planes of w's second level and each level of y, without a table. n < limit. */
    void (*tell_twos)(const select_terms *, const int64_t *common, int64_t y_levels, const select_twos *,
                      const int64_t *columns, int64_t count, const int64_t *w_counts, const select_sums *known,
                      const int64_t *which, int64_t statistics, double *result, int64_t stride);
    /* The same from samples ordered by w: stratum s ends before ends[s]. scratch: x_levels (2 y_levels + 2) + 2 y_levels
     * numbers of zero, which are left so. */
    void (*sum_strata)(const select_terms *, const char *x, int64_t item, const uint32_t *order, const uint16_t *y,
                       const int64_t *ends, int64_t strata, int64_t x_levels, int64_t x_used, int64_t y_levels,
                       int64_t *scratch, select_sums *sums);
    /* Some statistics, from the sums: result[i * stride] is number which[i]. */
    void (*statistics)(const select_terms *, const select_sums *, const int64_t *which, int64_t count, double *result,
                       int64_t stride);
    /* c ln c, 2^scale times as large, from its logarithm. */
    int64_t (*term)(const select_terms *, int64_t c);
} select_table;

#endif
