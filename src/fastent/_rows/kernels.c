/* The row kernels: rows cut into blocks, blocks reduced as spans (span.h), their sums joined as a tree.
 *
 * Two shapes: inner, where a block is a piece of one row, and outer, where it is a packed tile of pieces side by side.
 * Blocks begin at fixed places and the tree is a function of the block numbers, so the bits depend neither on who computes
 * which part nor on how many rows there are.
 *
 * Two kinds of rows are done again. A row whose sum leaves [2^-960, 2^1000): with its entries scaled by a power of two;
 * what is still outside then is invalid. A pair of rows whose divergence is below 2^-60: with sums to twice the digits.
 */
#include "kernels.h"
#include "items.h"
#include "single.h"

#define REAL double
#define REAL_DTYPE ROWS_FLOAT64
#define REAL_LANES VL
#define REAL_ROWS 2
#include "load.h"
#if defined(VEC_SINGLE)
#define REAL float
#define REAL_DTYPE ROWS_FLOAT32
#define REAL_LANES SL
#define REAL_ROWS 4
#include "load.h"
#endif
#include "map.h"

#define REGULAR_LOW 0x1p-960
#define REGULAR_HIGH 0x1p1000
#define NEARLY_EQUAL 0x1p-60
#define INNER_BLOCK (256 * VL) /* as many roundings in a lane's sum on every instruction set */
#define TILE_VECTORS (ROWS_TILE / VL)

/* Workspace of one thread. */
struct workspace {
    void *x, *y, *mask;
    int grade; /* the job's, or a better one for rows that need it */
    struct loader loader;
    struct node *levels; /* nodes that wait for their sibling, one tile of nodes per level of the tree */
    struct node *part;   /* one tile of nodes under construction */
    double scale_p[ROWS_TILE], scale_q[ROWS_TILE];
};

/* ---- joining parts of a row ---- */

INLINE void join(int measure, int chain, struct node *into, const struct node *later) {
    struct node both = *into;
    both.p = vtwo_sum(into->p, later->p, &both.p_low);
    both.q = vtwo_sum(into->q, later->q, &both.q_low);
    both.p_low += into->p_low + later->p_low;
    both.q_low += into->q_low + later->q_low;
    both.top = vmax(into->top, later->top);
    both.reference = vmax(into->reference, later->reference);
    if (chain) {
        vd zero = vset(0);
        vd earlier_part = vselect(vlt(zero, into->p), into->p / both.p * into->value, zero);
        vd later_part = vselect(vlt(zero, later->p), later->p / both.p * later->value, zero);
        both.value = earlier_part + later_part + two_point_value(measure, into, later, &both);
        both.value = vselect(veq(both.p, zero), zero, both.value);
    } else {
        both.value = into->value + later->value;
        both.second = into->second + later->second;
        both.rest = into->rest + later->rest;
    }
    *into = both;
}

/* A binary counter over part numbers: after part i, as many joins as i+1 has trailing zeros. */
struct tree {
    struct node *levels;
    int depth, vectors, measure, chain;
};

INLINE void tree_join_top(struct tree *tree) {
    struct node *into = tree->levels + (tree->depth - 2) * tree->vectors;
    for (int v = 0; v < tree->vectors; v++)
        join(tree->measure, tree->chain, into + v, into + tree->vectors + v);
    tree->depth--;
}

INLINE void tree_add(struct tree *tree, const struct node *part, int64_t number) {
    memcpy(tree->levels + tree->depth++ * tree->vectors, part, sizeof(struct node) * (size_t)tree->vectors);
    for (int64_t n = number + 1; n % 2 == 0; n /= 2)
        tree_join_top(tree);
}

INLINE const struct node *tree_total(struct tree *tree) {
    while (tree->depth > 1)
        tree_join_top(tree);
    return tree->levels;
}

/* ---- one tile ---- */

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
            span->x = load_row(grade, job, &job->p, p, where, start, n, scale_p ? scale_p[r] : 1, entry_at(w->x, grade, r * pitch), &w->loader);
            look_ahead(job, &job->p, p, start, n, t->width, 0, lanes, &span->x_ahead, &span->x_step);
            if (binary) {
                span->y = load_row(grade, job, &job->q, q, where, start, n, scale_q ? scale_q[r] : 1, entry_at(w->y, grade, r * pitch), &w->loader);
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
INSTANCE(ROWS_RENYI_DIVERGENCE, EXACT_SUMS)
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
#define WITH_FLOATS(measure, ...) [measure] = {[PRECISE] = NAME(measure, PRECISE), [SINGLE] = NAME(measure, SINGLE), FLOATS(measure), __VA_ARGS__}
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
    WITH_EXACT(ROWS_RENYI_DIVERGENCE),
};

/* Float lanes where there are any for the measure; divergences masked by zeros would mostly be done again. */
static int first_grade(const rows_job *job) {
    int floats = job->grade == SINGLE && job->normalize && block_kernels[job->measure][FLOAT_LANES] != NULL
                 && (job->measure != ROWS_KL || job->where.data == NULL);
    return floats ? FLOAT_LANES : job->grade;
}

/* Blocks [first, last) of a tile, joined. */
static void join_blocks(int phase, const rows_job *job, const struct tile *t, int64_t first, int64_t last, const double *scale_p, const double *scale_q, const struct node *totals,
                        struct node *result, struct workspace *w) {
    struct tree tree = {w->levels, 0, t->vectors, job->measure, obeys_chain_rule(job->measure, job->normalize)};
    if (last - first == 1) {
        block_kernels[job->measure][w->grade](phase, job, t, first, scale_p, scale_q, totals, result, w);
        return;
    }
    for (int64_t block = first; block < last; block++) {
        block_kernels[job->measure][w->grade](phase, job, t, block, scale_p, scale_q, totals, w->part, w);
        tree_add(&tree, w->part, block - first);
        if (job->interrupted != NULL && block % ROWS_SEGMENT_OUTER == 0 && job->interrupted())
            break; /* the values no longer matter */
    }
    memcpy(result, tree_total(&tree), sizeof(struct node) * (size_t)t->vectors);
}

static int64_t block_count(const rows_job *job) { return (job->length + block_length(job) - 1) / block_length(job); }

static int finishes_blocks(const rows_job *job) {
    return obeys_chain_rule(job->measure, job->normalize) || is_local(job->measure, job->normalize) || block_count(job) <= 1;
}

/* What a phase over a long row adds to the totals so far. */
static void advance_totals(int phase, struct node *totals, const struct node *sums) {
    if (phase == ROWS_STATISTICS) {
        *totals = *sums;
    } else if (phase == ROWS_RATIO) {
        totals->reference = sums->reference;
    } else {
        totals->value = sums->value;
        totals->second = sums->second;
        totals->rest = sums->rest;
    }
}

static int skips_phase(int measure, int phase) { return phase == ROWS_RATIO && measure != ROWS_RENYI_DIVERGENCE; }

/* All of a tile (outer) or of one row (inner): nodes with the sums and the measure's value. */
static void tile_nodes(const rows_job *job, const struct tile *t, const double *scale_p,
                       const double *scale_q, struct node *result, struct workspace *w) {
    int64_t blocks = block_count(job);
    if (finishes_blocks(job)) {
        join_blocks(0, job, t, 0, blocks, scale_p, scale_q, NULL, result, w);
        return;
    }
    for (int phase = 0; phase < ROWS_PHASES; phase++) {
        if (skips_phase(job->measure, phase))
            continue;
        struct node sums[TILE_VECTORS];
        join_blocks(phase, job, t, 0, blocks, scale_p, scale_q, result, sums, w);
        for (int v = 0; v < t->vectors; v++)
            advance_totals(phase, result + v, sums + v);
    }
}

INLINE vm regular(vd sum) { return vlt(vset(0), vselect(vle(vset(REGULAR_LOW), sum), vset(REGULAR_HIGH) - sum, vset(-1))); }

/* Where the row's sums allow a value; numbers used as they are need only be valid and not all zero. */
static vd masked_value(const rows_job *job, const struct node *n, vd value) {
    const vd nan = vset(NOT_A_NUMBER);
    if (job->normalize) {
        value = vselect(regular(n->p), value, nan);
        return is_binary(job->measure) ? vselect(regular(n->q), value, nan) : value;
    }
    value = vselect(vlt(vset(0), n->p), value, nan);
    value = vselect(vlt(n->top, vset(INF)), value, nan);
    return is_binary(job->measure) ? vselect(vlt(vset(0), n->q), value, nan) : value;
}

static vd node_value(const rows_job *job, const struct node *n) {
    vd value = n->value;
    if (!obeys_chain_rule(job->measure, job->normalize) && !is_local(job->measure, job->normalize)) {
        struct scale s = make_scale(n, job->measure, job);
        value = measure_value(job->measure, n, &s, job->normalize);
    }
    return masked_value(job, n, value);
}

/* Positive sums outside the regular range; zero and NaN stay what they are. */
INLINE vm irregular(vd sum) {
    vd low = vselect(vlt(vset(0), sum), vset(REGULAR_LOW) - sum, vset(0)); /* positive below the range */
    return vlt(vset(0), vselect(vle(vset(REGULAR_HIGH), sum), vset(1), low));
}

static int needs_rescue(const rows_job *job, const struct node *nodes, int vectors) {
    for (int v = 0; v < vectors && job->normalize; v++)
        if (vany(irregular(nodes[v].p)) || (is_binary(job->measure) && vany(irregular(nodes[v].q))))
            return 1;
    return 0;
}

/* Power of two that brings a sum into the regular range, 1 where it is there. */
INLINE double rescue_scale(double sum) {
    return sum >= REGULAR_HIGH ? 0x1p-64 : sum < REGULAR_LOW ? 0x1p120 : 1;
}

static void set_rescue_scales(const struct tile *t, const struct node *nodes, struct workspace *w) {
    for (int64_t i = 0; i < t->width; i++) {
        w->scale_p[i] = rescue_scale(vlane(nodes[i / VL].p, (int)(i % VL)));
        w->scale_q[i] = rescue_scale(vlane(nodes[i / VL].q, (int)(i % VL)));
    }
}

static vd finish(const rows_job *job, vd value) {
    vd bound = vset(job->bound), order_gap = vset(1 - job->order);
    switch (job->finish) {
    case ROWS_EXP: value = vexp_times(value, vset(1)); break;
    case ROWS_LOG: value = vlog(value) + value * vset(0); break; /* NaN stays */
    case ROWS_ONE_MINUS: value = vset(1) - value; break;
    case ROWS_LESS_ONE: value = value - vset(1); break;
    case ROWS_TSALLIS: value = job->order < INF ? vexpm1(order_gap * value) / order_gap : value * vset(0); break;
    }
    value = vmin(bound, value);
    if (job->divisor != 1)
        value = value / vset(job->divisor);
    if (job->finish == ROWS_SQRT)
        value = vsqrt(value);
    return value + vset(0); /* never -0.0 */
}

static void store(const rows_job *job, const struct tile *t, double *values) {
    int64_t stride = job->out.batch_strides[job->batch_dims - 1];
    char *target = job->out.data + t->out;
    for (int64_t i = 0; i < t->width; i += VL)
        vstore(values + i, finish(job, vload(values + i)));
    for (int64_t i = 0; i < t->width; i++) {
        if (job->out.dtype == ROWS_FLOAT64) {
            memcpy(target + i * stride, values + i, 8);
        } else {
            float single = (float)values[i];
            memcpy(target + i * stride, &single, 4);
        }
    }
}

/* ---- the table ---- */

/* Cut the scratch memory of one thread into its buffers, each on a cache line of its own. */
static void *cut(char **at, int64_t bytes) {
    void *piece = *at;
    *at += (bytes + 63) & ~INT64_C(63);
    return piece;
}

static int64_t segment_blocks(const rows_job *job) { return job->lanes_are_outputs ? ROWS_SEGMENT_OUTER : ROWS_SEGMENT_INNER; }

static int node_vectors(const rows_job *job) { return job->lanes_are_outputs ? TILE_VECTORS : 1; }

static int64_t tile_node_bytes(const rows_job *job) { return (int64_t)sizeof(struct node) * node_vectors(job); }

static int tree_levels(const rows_job *job) {
    int levels = 2;
    for (int64_t blocks = block_count(job); blocks > 1; blocks = (blocks + 1) / 2)
        levels++;
    return levels;
}

static int64_t lay_out(struct workspace *w, char *scratch, const rows_job *job) {
    int64_t entries = job->length < block_length(job) ? job->length : block_length(job);
    int64_t rows = rows_together(job), pitch = entries + VL;
    int64_t buffer = (int64_t)sizeof(double) * (job->lanes_are_outputs ? ROWS_TILE_ROW * entries : rows * pitch);
    int64_t nodes = tile_node_bytes(job);
    w->grade = first_grade(job);
    char *at = (char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    w->x = cut(&at, buffer);
    w->y = cut(&at, buffer);
    w->mask = cut(&at, buffer);
    w->loader.raw = cut(&at, 8 * LOAD_CHUNK);
    w->loader.staging = cut(&at, 8 * LOAD_CHUNK);
    w->levels = cut(&at, nodes * tree_levels(job));
    w->part = cut(&at, nodes);
    return at - scratch;
}

static int64_t scratch_bytes(const rows_job *job) {
    struct workspace w;
    return lay_out(&w, NULL, job) + 64;
}

/* Rows so nearly equal that the rounding of their sums shows; rows that are equal are done. */
static int needs_exact_sums(const rows_job *job, const struct node *nodes, int vectors) {
    if (!job->normalize || block_kernels[job->measure][EXACT_SUMS] == NULL)
        return 0;
    for (int v = 0; v < vectors; v++) {
        vd value = node_value(job, nodes + v);
        if (vany(vlt(vset(0), vselect(vlt(value, vset(NEARLY_EQUAL)), value, vset(0)))))
            return 1;
    }
    return 0;
}

/* All of a tile in doubles, again in a better way where its rows call for it: the first way's values stay for the other
 * rows. */
static void tile_values_in_doubles(const rows_job *job, const struct tile *t, double *values, struct workspace *w) {
    struct node nodes[TILE_VECTORS];
    const double *scale_p = NULL, *scale_q = NULL;
    tile_nodes(job, t, NULL, NULL, nodes, w);
    if (needs_rescue(job, nodes, t->vectors)) {
        set_rescue_scales(t, nodes, w);
        scale_p = w->scale_p;
        scale_q = w->scale_q;
        tile_nodes(job, t, scale_p, scale_q, nodes, w);
    }
    for (int v = 0; v < t->vectors; v++)
        vstore(values + v * VL, node_value(job, nodes + v));
    if (needs_exact_sums(job, nodes, t->vectors)) {
        w->grade = EXACT_SUMS;
        tile_nodes(job, t, scale_p, scale_q, nodes, w);
        w->grade = job->grade;
        for (int v = 0; v < t->vectors; v++) {
            vd value = vload(values + v * VL);
            vd exact = node_value(job, nodes + v);
            vstore(values + v * VL, vselect(vlt(value, vset(NEARLY_EQUAL)), vselect(vlt(vset(0), value), exact, value), value));
        }
    }
}

static vm lanes_that_need_doubles(const rows_job *job, const struct node *n) {
#if defined(VEC_SINGLE)
    if (first_grade(job) == FLOAT_LANES)
        return needs_doubles(job->measure, n, node_value(job, n));
#endif
    (void)n;
    return vlt(vset(job->normalize), vset(0)); /* none */
}

static int any_needs_doubles(const rows_job *job, const struct node *nodes, int vectors) {
    for (int v = 0; v < vectors; v++)
        if (vany(lanes_that_need_doubles(job, nodes + v)))
            return 1;
    return 0;
}

static void tile_values(const rows_job *job, const struct tile *t, double *values, struct workspace *w) {
    if (first_grade(job) != FLOAT_LANES) {
        tile_values_in_doubles(job, t, values, w);
        return;
    }
    struct node nodes[TILE_VECTORS];
    w->grade = FLOAT_LANES;
    tile_nodes(job, t, NULL, NULL, nodes, w);
    int again = any_needs_doubles(job, nodes, t->vectors);
    w->grade = job->grade;
    if (again)
        tile_values_in_doubles(job, t, values, w);
    for (int v = 0; v < t->vectors; v++) {
        vd value = node_value(job, nodes + v);
        if (again)
            value = vselect(lanes_that_need_doubles(job, nodes + v), vload(values + v * VL), value);
        vstore(values + v * VL, value);
    }
}

static void reduce_tile(const rows_job *job, int64_t index, struct workspace *w) {
    struct tile t = find_tile(job, index), row = t;
    int last = job->batch_dims - 1, across = !job->lanes_are_outputs;
    double values[ROWS_TILE + VL] = {0};
    int64_t step = across ? rows_together(job) : t.width;
    for (int64_t r = 0; r < t.width; r += step) {
        row.width = t.width - r < step ? t.width - r : step;
        tile_values(job, &row, values + r, w);
        row.p += step * job->p.batch_strides[last];
        row.q += step * job->q.batch_strides[last];
        row.where += step * job->where.batch_strides[last];
    }
    store(job, &t, values);
}

static void reduce(const rows_job *job, int64_t tile_begin, int64_t tile_end, void *scratch) {
    struct workspace w;
    lay_out(&w, scratch, job);
    for (int64_t tile = tile_begin; tile < tile_end; tile++)
        reduce_tile(job, tile, &w);
}

static void segment(const rows_job *job, int64_t tile, int64_t number, int phase, const void *totals, void *nodes,
                    void *scratch) {
    struct workspace w;
    lay_out(&w, scratch, job);
    struct tile t = find_tile(job, tile);
    int64_t first = number * segment_blocks(job), last = first + segment_blocks(job);
    if (last > block_count(job))
        last = block_count(job);
    join_blocks(phase, job, &t, first, last, NULL, NULL, finishes_blocks(job) ? NULL : totals, nodes, &w);
}

static int fold(const rows_job *job, int64_t tile, int64_t segments, int phase, const void *nodes, void *totals,
                void *scratch) {
    struct workspace w;
    lay_out(&w, scratch, job);
    struct tile t = find_tile(job, tile);
    struct tree tree = {w.levels, 0, t.vectors, job->measure, obeys_chain_rule(job->measure, job->normalize)};
    struct node *total = totals;
    for (int64_t s = 0; s < segments; s++)
        tree_add(&tree, (const struct node *)nodes + s * node_vectors(job), s);
    const struct node *sums = tree_total(&tree);
    for (int v = 0; v < t.vectors; v++)
        advance_totals(finishes_blocks(job) ? ROWS_STATISTICS : phase, total + v, sums + v);
    if (phase != ROWS_TERMS)
        return 1;
    if (needs_rescue(job, total, t.vectors) || needs_exact_sums(job, total, t.vectors) || any_needs_doubles(job, total, t.vectors))
        return 0;
    double values[ROWS_TILE + VL] = {0};
    for (int v = 0; v < t.vectors; v++)
        vstore(values + v * VL, node_value(job, total + v));
    store(job, &t, values);
    return 1;
}

/* Pieces of lines: a line is cut every INNER_BLOCK entries. */
static void map(const rows_job *job, int64_t piece_begin, int64_t piece_end, void *scratch) {
    struct workspace w;
    lay_out(&w, scratch, job);
    int64_t pieces = block_count(job);
    for (int64_t piece = piece_begin; piece < piece_end; piece++) {
        int64_t start = piece % pieces * INNER_BLOCK, rest = job->length - start;
        struct tile t = find_tile(job, piece / pieces);
        const int64_t offsets[] = {t.p, t.q, t.where, t.out};
        map_line(job, offsets, start, rest < INNER_BLOCK ? rest : INNER_BLOCK, w.x, w.y, w.mask, &w.loader);
    }
}

static int phase_runs(const rows_job *job, int phase) {
    return finishes_blocks(job) ? phase == ROWS_TERMS : !skips_phase(job->measure, phase);
}

/* -DVARIANT=v3 makes rows_v3, named "v3" */
#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(rows_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const rows_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .reduce = reduce,
    .segment = segment,
    .fold = fold,
    .phase_runs = phase_runs,
    .map = map,
    .scratch_bytes = scratch_bytes,
    .block_count = block_count,
    .tile_node_bytes = tile_node_bytes,
};
