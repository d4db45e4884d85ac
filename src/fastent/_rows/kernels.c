/* The row kernels: rows cut into blocks, blocks reduced as spans (span.h), their sums joined as a tree.
 *
 * Two shapes: inner, where a block is a piece of one row, and outer, where it is a packed tile of pieces side by side.
 * Blocks begin at fixed places and the tree is a function of the block numbers, so the bits depend neither on who computes
 * which part nor on how many rows there are.
 *
 * Three kinds of rows are done again. A row that lanes of floats cannot do well (single.h): in double lanes. A row whose
 * sum leaves [2^-960, 2^1000): with its entries scaled by a power of two; what is still outside then is invalid. A pair of
 * rows whose divergence is below 2^-60: with sums to twice the digits.
 */
#include "blocks.h"
#include "extremes.h"
#include "kernels.h"
#include "map.h"
#include "pairs.h"
#include "tree.h"

#define NEARLY_EQUAL 0x1p-60

/* Float lanes where there are any for the measure; divergences masked by zeros would mostly be done again. */
static int first_grade(const rows_job *job) {
    int floats = job->grade == SINGLE && job->normalize && block_kernels[job->measure][FLOAT_LANES] != NULL
                 && (job->measure != ROWS_KL || job->where.data == NULL);
    return floats ? FLOAT_LANES : job->grade;
}

/* Blocks [first, last) of a tile, joined. */
static void join_blocks(int phase, const rows_job *job, const struct tile *t, int64_t first, int64_t last,
                        const double *scale_p, const double *scale_q, const struct node *totals, struct node *result,
                        struct workspace *w) {
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
        if (job->out.dtype == ITEM_FLOAT64) {
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

/* For pairs: two prepared sides, room for a row on its way there, and the workspace of those done again. */
struct pairs_workspace {
    struct pairs_layout layout;
    struct side sides[2];
    double *x, *row;
    struct workspace again;
};

static int64_t lay_out_pairs(struct pairs_workspace *w, char *scratch, const rows_job *job) {
    w->layout = pairs_layout(job);
    const struct pairs_layout *l = &w->layout;
    char *at = scratch + lay_out(&w->again, scratch, job);
    at = (char *)(((uintptr_t)at + 63) & ~(uintptr_t)63);
    for (int s = 0; s < 2; s++) {
        w->sides[s].rows = cut(&at, l->rows * l->pitch * l->item);
        w->sides[s].first = -1;
    }
    w->x = cut(&at, (job->length + VL) * (int64_t)sizeof(double));
    w->row = cut(&at, l->pitch * (int64_t)sizeof(double));
    return at - scratch;
}

static int64_t scratch_bytes(const rows_job *job) {
    struct workspace w;
    struct pairs_workspace pairs;
    return (job->pairs ? lay_out_pairs(&pairs, NULL, job) : lay_out(&w, NULL, job)) + 64;
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
    correct_extremes(job, t, nodes, scale_p, scale_q, values, w);
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

/* ---- pairs ---- */

static int64_t pair_rows(const rows_job *job) { return are_pairs(job) ? pairs_layout(job).rows : 0; }

/* The rows of the operand that is walked along batch dimension `d`, from `first` on; what is missing in the last group
 * repeats the first of them. */
static void prepare_side(const rows_job *job, int d, int64_t first, struct pairs_workspace *w) {
    struct side *side = w->sides + d;
    const rows_operand *operand = job->p.batch_strides[d] ? &job->p : &job->q;
    int64_t rest = job->batch_shape[d] - first;
    side->first = first;
    side->count = rest < job->tile_width ? rest : job->tile_width;
    for (int64_t r = 0; r < side->count || r % PAIRS_TOGETHER; r++)
        prepare_row(job, operand, (first + (r < side->count ? r : 0)) * operand->batch_strides[d], &w->layout, side, r, w->x,
                    w->row, &w->again.loader);
}

/* Divergences of one row with those of the other side, from k times each; what is small is computed again. */
static void finish_pairs(const rows_job *job, int64_t row, struct pairs_workspace *w, double *values) {
    const struct side *q = w->sides + 1;
    const double doubt = w->sides[0].doubt[row], share = 1 / (double)job->length;
    int64_t group = rows_together(job), at = w->sides[0].first + row;
    struct tile t = {.vectors = 1};
    for (int64_t i = 0; i < q->count;) {
        for (t.width = 0; i + t.width < q->count && t.width < group; t.width++)
            if (values[i + t.width] > doubt + q->doubt[i + t.width])
                break;
        if (t.width == 0) {
            values[i++] *= share;
            continue;
        }
        double again[VL];
        t.p = at * job->p.batch_strides[0] + (q->first + i) * job->p.batch_strides[1];
        t.q = at * job->q.batch_strides[0] + (q->first + i) * job->q.batch_strides[1];
        tile_values(job, &t, again, &w->again);
        memcpy(values + i, again, sizeof(double) * (size_t)t.width);
        i += t.width;
    }
}

/* Tiles of pairs, those with the same rows of the first dimension one after the other. */
static void pairs(const rows_job *job, int64_t tile_begin, int64_t tile_end, void *scratch) {
    struct pairs_workspace w;
    lay_out_pairs(&w, scratch, job);
    int64_t across = (job->batch_shape[1] + job->tile_width - 1) / job->tile_width;
    for (int64_t tile = tile_begin; tile < tile_end; tile++) {
        int64_t first = tile / across * job->tile_width;
        if (w.sides[0].first != first)
            prepare_side(job, 0, first, &w);
        prepare_side(job, 1, tile % across * job->tile_width, &w);
        for (int64_t row = 0; row < w.sides[0].count; row++) {
            double values[PAIRS_ROWS + VL];
            struct tile t = {.width = w.sides[1].count};
            t.out = (first + row) * job->out.batch_strides[0] + w.sides[1].first * job->out.batch_strides[1];
            pair_row(w.sides, row, w.sides + 1, &w.layout, values);
            finish_pairs(job, row, &w, values);
            store(job, &t, values);
        }
    }
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
    for (int r = 0; r < t.width; r++)
        if (may_be_extreme(job, total + r / VL, r % VL, 1, 1))
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
    .pair_rows = pair_rows,
    .pairs = pairs,
    .scratch_bytes = scratch_bytes,
    .block_count = block_count,
    .tile_node_bytes = tile_node_bytes,
};
