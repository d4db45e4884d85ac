/* The counting engine's contract between Cython and C. Codes are small integers, uint8 or uint16; everything is validated
 * above, and nothing here can fail or allocate.
 */
#ifndef FASTENT_COUNTS_KERNELS_H
#define FASTENT_COUNTS_KERNELS_H

#include <stdint.h>

/* How the cells of two columns are counted; all give the same integers. */
enum counts_method {
    COUNTS_CELLS,  /* one cell of the table per sample: any codes, any weights */
    COUNTS_WORDS,  /* both codes as one byte, eight samples to a word and four private tables: at most 256 cells of uint8 */
    COUNTS_PLANES, /* a bit per sample and level, then population counts: few levels of uint8 */
    COUNTS_METHODS
};

/* Columns of codes against one target. Strides in bytes. */
typedef struct {
    const char *x;
    int64_t item, row_stride, column_stride; /* item: bytes of a code, 1 or 2 */
    const int64_t *levels;   /* of each column */
    const char *y;           /* contiguous codes of the target */
    int64_t y_item, y_levels;
    const uint64_t *y_planes; /* for COUNTS_PLANES: of all samples, and of its levels 1, 2, ... */
    int64_t pitch;            /* words between them */
    const double *weights;    /* of the samples, or NULL */
    int64_t table_stride;     /* cells between the tables of two columns */
    const int32_t *methods;   /* of each column */
    int32_t *outside;         /* set to 1 where a uint8 code of x is not below its levels, and not counted; NULL: none is */
} counts_job;

#define COUNTS_PLANE 512  /* samples of which a plane is a multiple: vectors of it are read as a whole */
#define COUNTS_BLOCK 8192 /* samples that are counted at a time: a multiple of that */
#define COUNTS_GROUP 16   /* columns that are made contiguous at a time */
#define COUNTS_PITCH (COUNTS_BLOCK + 64) /* codes between these columns: a power of two would put them into the same cache sets */
#define COUNTS_PLANES_SCRATCH (3 * COUNTS_BLOCK) /* the bits of a block and the planes of 16 levels */
#define COUNTS_SCRATCH (COUNTS_GROUP * COUNTS_PITCH * 2 + COUNTS_PLANES_SCRATCH)

/* A contiguous column of integers, read as codes value - base, all of them below `levels`. */
typedef struct {
    const char *values;
    int64_t item; /* bytes of one, 1 to 8 */
    uint64_t base; /* wraps where it is negative */
    int64_t levels;
} counts_integers;

#define COUNTS_INTEGERS_LEVELS 16                       /* of both columns, where they are counted by planes */
#define COUNTS_INTEGERS_SCRATCH (2 * COUNTS_BLOCK + 2 * COUNTS_PLANES_SCRATCH) /* blocks of both, and their planes */

/* Numbers in two parts, for sums of more digits than float64 holds. low: what rounding took from each, or NULL: nothing. */
typedef struct {
    double *high, *low;
} counts_parts;

/* The positive cells of a table, each with the sums of its row and of its column, and the margins of the table. */
typedef struct {
    counts_parts cells, rows, columns;
    int64_t n;
    counts_parts x_counts, y_counts;
    int64_t x_levels, y_levels;
    counts_parts vacant; /* of each row: the sum of the columns where it has no cell */
} counts_cells;

/* What can be known of two variables from their table, in nats. */
enum counts_statistic {
    COUNTS_H_X, COUNTS_H_Y, COUNTS_H_XY, COUNTS_MI,
    COUNTS_H_X_GIVEN_Y, COUNTS_H_Y_GIVEN_X,
    COUNTS_STATISTICS
};

typedef struct {
    const char *isa;
    /* Adds the samples [row_begin, row_end) of the columns [begin, end) to their tables: int64 counts, or doubles where
     * there are weights. row_begin is a multiple of 64. By planes, the cells of level 0 are left to complete(). */
    void (*count)(const counts_job *job, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch,
                  void *tables);
    /* The cells of level 0 from the others and the counts of y, once all samples are in. */
    void (*complete)(int64_t *table, int64_t x_levels, int64_t y_levels, const int64_t *y_counts);
    /* What COUNTS_PLANES costs, in cycles of a sample and a pair of levels. */
    double (*plane_cost)(void);
    /* The planes of levels 1, 2, ... of one column, adding up their samples in `counts`; returns the largest code. */
    int64_t (*pack)(const char *codes, int64_t row_stride, int64_t n, int64_t levels, uint64_t *planes, int64_t pitch,
                    int64_t *counts, void *scratch);
    /* common[i * stride + j] += samples in both planes i of a and j of b; words: a multiple of COUNTS_PLANE / 64. */
    void (*overlap)(const uint64_t *a, int64_t a_planes, int64_t a_pitch, const uint64_t *b, int64_t b_planes,
                    int64_t b_pitch, int64_t words, int64_t *common, int64_t stride);
    /* Statistics of a table. Exchanging x and y exchanges the results, to the bit. All numbers have low parts or none has;
     * those with low parts are 0 or from 2^-800 to 2^350. Where only the mutual information is wanted, the others are
     * left out. */
    void (*statistics)(const counts_cells *table, int mi_only, double *result);
    /* -sum c/S ln(c/S) of one row of counts. */
    double (*entropy)(const double *counts, int64_t n);
    /* Raises tops[c] to the largest code of column c. */
    void (*largest)(const char *codes, int64_t item, int64_t row_stride, int64_t column_stride, int64_t rows,
                    int64_t columns, uint16_t *tops);
    /* Signed integers less `base` as uint8, n > 0 of them, and the smallest and the largest, which may not fit. */
    void (*narrow)(const char *values, int64_t item, int64_t n, int64_t base, uint8_t *codes, int64_t *lowest,
                   int64_t *highest);
    /* Adds the samples [begin, end) to the table of two columns of integers, by COUNTS_WORDS or COUNTS_PLANES; 0 if one
     * is not among its levels: the table is of no use then. By planes, the cells of level 0 are of the margins. */
    int (*count_integers)(const counts_integers *x, const counts_integers *y, int method, int64_t begin, int64_t end,
                          void *scratch, int64_t *table);
} counts_table;

#endif
