/* The row engine's contract between Cython and C: a job describes arrays and a measure, a table holds the kernels of one
 * instruction set. Everything is validated above; nothing here can fail or allocate.
 */
#ifndef FASTENT_ROWS_KERNELS_H
#define FASTENT_ROWS_KERNELS_H

#include <stdint.h>

#include "../_simd/dtypes.h"

#define ROWS_MAX_DIMS 64

/* What is summed over a row. Several public functions share one and differ in how they finish. */
enum rows_measure {
    ROWS_ENTROPY,
    ROWS_GINI,             /* sum p (1 - p) */
    ROWS_SQUARES,          /* sum x^2, for numbers used as they are */
    ROWS_RENYI,
    ROWS_SUPPORT,          /* number of positive entries */
    ROWS_MIN_ENTROPY,      /* -ln max p */
    ROWS_CROSS_ENTROPY,
    ROWS_KL,
    ROWS_LOG_RATIO,        /* sum x ln(x/y), for numbers used as they are */
    ROWS_JEFFREYS,
    ROWS_JS,
    ROWS_JS_WEIGHTED,
    ROWS_HELLINGER,        /* half the sum of (sqrt p - sqrt q)^2 */
    ROWS_TOTAL_VARIATION,
    ROWS_RENYI_DIVERGENCE,
    ROWS_MEASURES
};

/* What is done to the sum. */
enum rows_finish { ROWS_AS_IT_IS, ROWS_EXP, ROWS_LOG, ROWS_SQRT, ROWS_ONE_MINUS, ROWS_LESS_ONE, ROWS_TSALLIS };

/* Functions of single elements, for the map kernels. */
enum rows_element {
    ROWS_INFORMATION, ROWS_BINARY_ENTROPY, ROWS_BINARY_CROSS_ENTROPY, ROWS_ENTR, ROWS_REL_ENTR, ROWS_KL_DIV, ROWS_ELEMENTS
};

/* An array seen as batch dimensions and reduced dimensions; strides in bytes. */
typedef struct {
    char *data;
    int32_t dtype;
    int32_t swapped; /* bytes in the other order */
    int64_t batch_strides[ROWS_MAX_DIMS];
    int64_t reduce_strides[ROWS_MAX_DIMS];
} rows_operand;

typedef struct {
    rows_operand p, q, where, out; /* q and where: data is NULL when absent */
    int32_t batch_dims, reduce_dims;
    int64_t batch_shape[ROWS_MAX_DIMS];
    int64_t reduce_shape[ROWS_MAX_DIMS];
    int64_t length;     /* entries of a row: the product of reduce_shape */
    int32_t lanes_are_outputs; /* the shape of the loop: outer when set, inner otherwise */
    int32_t tile_width; /* outputs done together, along the last batch dimension; at most ROWS_TILE */
    int32_t pairs;      /* the two batch dimensions are a grid, computed as pairs: tiles of tile_width rows of each side */
    int32_t measure;
    int32_t grade;      /* 0: as good as float64 gets, 1: good enough for float32 results */
    int32_t normalize;
    int32_t finish;
    int (*interrupted)(void); /* NULL, or asked between segments of a long row whether to give up */
    double order;       /* Renyi and Tsallis */
    double weight;      /* of p in the weighted Jensen-Shannon divergence */
    double divisor;     /* ln(base), ln(k) */
    double bound;       /* the largest possible value; rounding is not allowed past it */
} rows_job;

#define ROWS_TILE 128           /* outputs of a tile */
#define ROWS_TILE_ROW 136       /* doubles between its rows: not a power of two, which would fall into few cache sets */
#define ROWS_OUTER_BLOCK 64     /* entries of a block along the reduced axis, when lanes are outputs */
/* blocks of a segment, the piece of a long row that one thread works on: powers of two, so that the tree stays the same */
#define ROWS_SEGMENT_INNER 64
#define ROWS_SEGMENT_OUTER 256

/* Work on one tile in pieces: collect the statistics of segments, fold them, then sum the terms of segments. */
enum rows_phase { ROWS_STATISTICS, ROWS_RATIO, ROWS_TERMS, ROWS_PHASES };

/* Everything below gets scratch memory of scratch_bytes(job), one piece per thread. */
typedef struct {
    const char *isa;
    /* Tiles of outputs, whole rows at a time. */
    void (*reduce)(const rows_job *job, int64_t tile_begin, int64_t tile_end, void *scratch);
    /* Long rows in pieces: for every phase that runs, the nodes of all segments of a tile, then their fold into `totals`.
     * After the last phase fold writes the outputs; it returns 0 if it could not and `reduce` has to do the tile. */
    int (*phase_runs)(const rows_job *job, int phase);
    void (*segment)(const rows_job *job, int64_t tile, int64_t number, int phase, const void *totals, void *nodes,
                    void *scratch);
    int (*fold)(const rows_job *job, int64_t tile, int64_t segments, int phase, const void *nodes, void *totals,
                void *scratch);
    /* Functions of single elements: job->measure is a rows_element, the one reduced dimension is the line walked along,
     * and the tile width is 1. A line has block_count pieces. */
    void (*map)(const rows_job *job, int64_t piece_begin, int64_t piece_end, void *scratch);
    /* All pairs of rows: how many rows of each side a tile of them may have, 0 where reduce has to do it; and tiles. */
    int64_t (*pair_rows)(const rows_job *job);
    void (*pairs)(const rows_job *job, int64_t tile_begin, int64_t tile_end, void *scratch);
    int64_t (*scratch_bytes)(const rows_job *job);
    int64_t (*block_count)(const rows_job *job); /* of one row */
    int64_t (*tile_node_bytes)(const rows_job *job);
} rows_table;

#endif
