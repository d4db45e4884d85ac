/* Blocks: pieces of rows small enough for the cache, loaded and reduced as spans.
 *
 * One instance of the loops for each measure and grade, chosen from a table; a grade says how good the terms are and which
 * lanes they are computed in.
 */
#ifndef FASTENT_ROWS_BLOCKS_H
#define FASTENT_ROWS_BLOCKS_H

#include "items.h"
#include "single.h"

#define REAL double
#define REAL_DTYPE ITEM_FLOAT64
#define REAL_LANES VL
#define REAL_ROWS 2
#include "load.h"
#if defined(VEC_SINGLE)
#define REAL float
#define REAL_DTYPE ITEM_FLOAT32
#define REAL_LANES SL
#define REAL_ROWS 4
#define REAL_FROM_HALVES floats_from_halves
#include "load.h"
#endif

#define INNER_BLOCK (256 * VL) /* as many roundings in a lane's sum on every instruction set */
#define TILE_VECTORS (ROWS_TILE / VL)

/* the range of sums in which entries need no scaling */
#define REGULAR_LOW 0x1p-960
#define REGULAR_HIGH 0x1p1000

/* Workspace of one thread. */
struct workspace {
    void *x, *y, *mask;
    int grade; /* the job's, or a better one for rows that need it */
    struct loader loader;
    struct node *levels; /* nodes that wait for their sibling, one tile of nodes per level of the tree */
    struct node *part;   /* one tile of nodes under construction */
    double scale_p[ROWS_TILE], scale_q[ROWS_TILE];
};

/* Outputs side by side, or one after the other. */
struct tile {
    int64_t p, q, where, out; /* byte offsets of its first output */
    int64_t width;
    int vectors; /* of nodes */
};

static struct tile find_tile(const rows_job *job, int64_t index) {
    int last = job->batch_dims - 1;
    int64_t along = job->batch_shape[last];
    int64_t tiles = (along + job->tile_width - 1) / job->tile_width;
    int64_t start = index % tiles * job->tile_width, rest = index / tiles;
    struct tile t = {0};
    t.width = along - start < job->tile_width ? along - start : job->tile_width;
    t.vectors = job->lanes_are_outputs ? (int)((t.width + VL - 1) / VL) : 1;
    t.p = start * job->p.batch_strides[last];
    t.q = start * job->q.batch_strides[last];
    t.where = start * job->where.batch_strides[last];
    t.out = start * job->out.batch_strides[last];
    for (int d = last - 1; d >= 0; d--) {
        int64_t position = rest % job->batch_shape[d];
        rest /= job->batch_shape[d];
        t.p += position * job->p.batch_strides[d];
        t.q += position * job->q.batch_strides[d];
        t.where += position * job->where.batch_strides[d];
        t.out += position * job->out.batch_strides[d];
    }
    return t;
}

INLINE int64_t block_length(const rows_job *job) { return job->lanes_are_outputs ? ROWS_OUTER_BLOCK : INNER_BLOCK; }

/* ---- double lanes or lanes of floats: the grade says which ---- */

INLINE int lanes_of(int grade) { return grade == FLOAT_LANES ? 2 * VL : VL; }

INLINE void *entry_at(void *buffer, int grade, int64_t index) {
    return (char *)buffer + index * (int64_t)(grade == FLOAT_LANES ? sizeof(float) : sizeof(double));
}

INLINE const void *load_row(int grade, const rows_job *job, const rows_operand *operand, int64_t row, int64_t where_row,
                            int64_t start, int64_t n, double scale, void *target, const struct loader *loader) {
#if defined(VEC_SINGLE)
    if (grade == FLOAT_LANES)
        return load_row_float(job, operand, row, where_row, start, n, scale, target, loader);
#endif
    (void)grade;
    return load_row_double(job, operand, row, where_row, start, n, scale, target, loader);
}

INLINE void load_tile(int grade, const rows_job *job, const rows_operand *operand, const struct tile *t, int64_t row,
                      int64_t start, int64_t n, const double *scales, void *target, struct workspace *w) {
#if defined(VEC_SINGLE)
    if (grade == FLOAT_LANES) {
        load_tile_float(job, operand, row, t->where, t->width, start, n, scales, target, w->mask, &w->loader);
        return;
    }
#endif
    (void)grade;
    load_tile_double(job, operand, row, t->where, t->width, start, n, scales, target, w->mask, &w->loader);
}

INLINE void reduce_spans(int measure, int grade, int phase, const rows_job *job, const struct span *spans, int rows,
                         const struct node *totals, struct node *nodes) {
#if defined(VEC_SINGLE)
    if (grade == FLOAT_LANES) {
        single_span_node(measure, phase, job, spans, rows, totals, nodes);
        return;
    }
#endif
    span_node(measure, grade, phase, job, spans, rows, totals, nodes);
}

/* Rows of one block that are done together, so that what happens once per row happens to one lane each. */
INLINE int64_t rows_together(const rows_job *job) {
    int64_t rows = job->length > 0 ? INNER_BLOCK / job->length : VL;
    return rows < 1 ? 1 : rows > VL ? VL : rows;
}

/* What a thread reads from memory after this block: the rows below it, or what follows in long rows. `offset` is that of
 * the block's first output, `first` the number of the span's first one. */
INLINE void look_ahead(const rows_job *job, const rows_operand *operand, int64_t offset, int64_t start, int64_t n,
                       int64_t below, int64_t first, int lanes, const char **ahead, int64_t *step) {
    int64_t along = operand->reduce_strides[job->reduce_dims - 1], across = operand->batch_strides[job->batch_dims - 1];
    *ahead = operand->data + offset + (n < job->length ? (start + n) * along : below * across);
    *step = job->lanes_are_outputs && across < along ? along : lanes * along;
    if (job->lanes_are_outputs) /* memory is walked in its own order, not in that of the outputs */
        *ahead += first * (across < along ? across : n * along);
}

/* The nodes of one block: of one row or a few (inner), or of all outputs of a tile (outer). */
INLINE void block_nodes(int measure, int grade, int phase, const rows_job *job, const struct tile *t, int64_t block,
                        const double *scale_p, const double *scale_q, const struct node *totals, struct node *nodes,
                        struct workspace *w) {
    const int binary = is_binary(measure), lanes = lanes_of(grade), last = job->batch_dims - 1;
    const int64_t start = block * block_length(job);
    const int64_t n = job->length - start < block_length(job) ? job->length - start : block_length(job);
    const int64_t pitch = (n + lanes - 1) / lanes * lanes;
    struct span spans[VL] = {0};
    if (!job->lanes_are_outputs) {
        for (int64_t r = 0; r < t->width; r++) {
            struct span *span = spans + r;
            int64_t p = t->p + r * job->p.batch_strides[last], q = t->q + r * job->q.batch_strides[last];
            int64_t where = t->where + r * job->where.batch_strides[last];
            span->x = load_row(grade, job, &job->p, p, where, start, n, scale_p ? scale_p[r] : 1,
                               entry_at(w->x, grade, r * pitch), &w->loader);
            look_ahead(job, &job->p, p, start, n, t->width, 0, lanes, &span->x_ahead, &span->x_step);
            if (binary) {
                span->y = load_row(grade, job, &job->q, q, where, start, n, scale_q ? scale_q[r] : 1,
                                   entry_at(w->y, grade, r * pitch), &w->loader);
                look_ahead(job, &job->q, q, start, n, t->width, 0, lanes, &span->y_ahead, &span->y_step);
            }
            span->stride = lanes;
            span->count = n / lanes;
            span->tail = n % lanes;
        }
        reduce_spans(measure, grade, phase, job, spans, (int)t->width, totals, nodes);
        return;
    }
    load_tile(grade, job, &job->p, t, t->p, start, n, scale_p, w->x, w);
    if (binary)
        load_tile(grade, job, &job->q, t, t->q, start, n, scale_q, w->y, w);
    for (int v = 0; v < t->vectors; v += lanes / VL) {
        struct span span = {entry_at(w->x, grade, v * VL), entry_at(w->y, grade, v * VL), ROWS_TILE_ROW, n, 0, NULL, NULL, 0, 0};
        look_ahead(job, &job->p, t->p, start, n, t->width, v * VL, lanes, &span.x_ahead, &span.x_step);
        if (binary)
            look_ahead(job, &job->q, t->q, start, n, t->width, v * VL, lanes, &span.y_ahead, &span.y_step);
        reduce_spans(measure, grade, phase, job, &span, 0, totals ? totals + v : NULL, nodes + v);
    }
}

/* One instance of the loops per measure and grade; everything above them takes both at run time. */
typedef void block_kernel(int phase, const rows_job *job, const struct tile *t, int64_t block, const double *scale_p,
                          const double *scale_q, const struct node *totals, struct node *nodes, struct workspace *w);

#define NAME(measure, grade) block_##measure##_##grade
#define PARAMETERS                                                                                              \
    int phase, const rows_job *job, const struct tile *t, int64_t block, const double *scale_p,                 \
        const double *scale_q, const struct node *totals, struct node *nodes, struct workspace *w
#define ARGUMENTS phase, job, t, block, scale_p, scale_q, totals, nodes, w
#define INSTANCE(measure, grade) \
    static void NAME(measure, grade)(PARAMETERS) { block_nodes(measure, grade, ARGUMENTS); }

INSTANCE(ROWS_ENTROPY, PRECISE)
INSTANCE(ROWS_ENTROPY, SINGLE)
INSTANCE(ROWS_GINI, PRECISE)
INSTANCE(ROWS_SQUARES, PRECISE)
INSTANCE(ROWS_RENYI, PRECISE)
INSTANCE(ROWS_SUPPORT, PRECISE)
INSTANCE(ROWS_MIN_ENTROPY, PRECISE)
INSTANCE(ROWS_CROSS_ENTROPY, PRECISE)
INSTANCE(ROWS_CROSS_ENTROPY, SINGLE)
INSTANCE(ROWS_KL, PRECISE)
INSTANCE(ROWS_KL, SINGLE)
INSTANCE(ROWS_KL, EXACT_SUMS)
INSTANCE(ROWS_LOG_RATIO, PRECISE)
INSTANCE(ROWS_JEFFREYS, PRECISE)
INSTANCE(ROWS_JEFFREYS, EXACT_SUMS)
INSTANCE(ROWS_JS, PRECISE)
INSTANCE(ROWS_JS, SINGLE)
INSTANCE(ROWS_JS, EXACT_SUMS)
INSTANCE(ROWS_JS_WEIGHTED, PRECISE)
INSTANCE(ROWS_JS_WEIGHTED, EXACT_SUMS)
INSTANCE(ROWS_HELLINGER, PRECISE)
INSTANCE(ROWS_HELLINGER, EXACT_SUMS)
INSTANCE(ROWS_TOTAL_VARIATION, PRECISE)
INSTANCE(ROWS_RENYI_DIVERGENCE, PRECISE)
#if defined(VEC_SINGLE)
INSTANCE(ROWS_ENTROPY, FLOAT_LANES)
INSTANCE(ROWS_KL, FLOAT_LANES)
INSTANCE(ROWS_JS, FLOAT_LANES)
#define FLOATS(measure) [FLOAT_LANES] = NAME(measure, FLOAT_LANES)
#else
#define FLOATS(measure) [FLOAT_LANES] = NULL
#endif

#define PRECISE_ONLY(measure) [measure] = {[PRECISE] = NAME(measure, PRECISE), [SINGLE] = NAME(measure, PRECISE)}
#define SHORT_SINGLE(measure) [measure] = {[PRECISE] = NAME(measure, PRECISE), [SINGLE] = NAME(measure, SINGLE)}
#define WITH_FLOATS(measure, ...) \
    [measure] = {[PRECISE] = NAME(measure, PRECISE), [SINGLE] = NAME(measure, SINGLE), FLOATS(measure), __VA_ARGS__}
#define WITH_EXACT(measure)                                                                         \
    [measure] = {[PRECISE] = NAME(measure, PRECISE), [SINGLE] = NAME(measure, PRECISE), \
                 [EXACT_SUMS] = NAME(measure, EXACT_SUMS)}

/* Measures without a short polynomial use the precise loop for float32 results, too. */
static block_kernel *const block_kernels[ROWS_MEASURES][GRADES] = {
    WITH_FLOATS(ROWS_ENTROPY, [EXACT_SUMS] = NULL),
    PRECISE_ONLY(ROWS_GINI),
    PRECISE_ONLY(ROWS_SQUARES),
    PRECISE_ONLY(ROWS_RENYI),
    PRECISE_ONLY(ROWS_SUPPORT),
    PRECISE_ONLY(ROWS_MIN_ENTROPY),
    SHORT_SINGLE(ROWS_CROSS_ENTROPY),
    WITH_FLOATS(ROWS_KL, [EXACT_SUMS] = NAME(ROWS_KL, EXACT_SUMS)),
    PRECISE_ONLY(ROWS_LOG_RATIO),
    WITH_EXACT(ROWS_JEFFREYS),
    WITH_FLOATS(ROWS_JS, [EXACT_SUMS] = NAME(ROWS_JS, EXACT_SUMS)),
    WITH_EXACT(ROWS_JS_WEIGHTED),
    WITH_EXACT(ROWS_HELLINGER),
    PRECISE_ONLY(ROWS_TOTAL_VARIATION),
    PRECISE_ONLY(ROWS_RENYI_DIVERGENCE),
};

#endif
