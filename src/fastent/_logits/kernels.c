/* The logits kernels: rows of logits walked once for their largest entry and the sum of exponentials, block by block, and a
 * second time, in cache, where something is added up or written for every entry.
 *
 * Up to VL rows are done together, so that what happens once per row happens to one lane each. float32, float16 and
 * bfloat16 are computed in lanes of floats where there are any; sums go on in doubles. The bits of a row depend on nothing
 * but the row.
 */
#include "kernels.h"
#include "state.h"

#define BLOCK 4096         /* entries of a block of one row */
#define GROUP_ENTRIES 8192 /* of all rows of a group, in one block */
#define NEAR_ENTRIES 4096  /* as many of the next group find room in the first cache beside them */
#define GROUPS 4           /* of short rows, that take turns */
#define SHORT_ROW 256      /* measured: as long rows lose more to their ends than to being laid side by side */

struct group {
    int rows;
    int64_t index[VL];
    int64_t z[VL], u[VL], map[VL], diagonal[VL]; /* byte offsets */
    double weight[VL];
    double label_logit[VL];
};

struct workspace {
    void *z, *u, *map, *diagonal, *again, *columns;
    char *raw;
    int low; /* whether logits were found that are too low for labels.h */
};

INLINE int is_strided(const logits_operand *operand) {
    return operand->data && operand->along != item_size(operand->dtype);
}

INLINE int64_t rows_together(const logits_job *job) {
    int64_t rows = GROUP_ENTRIES / job->length;
    if (is_strided(&job->z)) /* rows side by side in memory */
        return VL;
    return rows < 1 ? 1 : rows > VL ? VL : rows;
}

/* How many groups of whole rows find room in the first cache with their copies side by side and the next ones. */
INLINE int groups_together(const logits_job *job) {
    int64_t groups = NEAR_ENTRIES / (VL * job->length);
    return groups < 1 ? 1 : groups > GROUPS ? GROUPS : (int)groups;
}

/* Of a group of short rows that lie side by side, in numbers. */
INLINE int64_t room_beside(const logits_job *job) { return VL * ((job->length + 15) & ~INT64_C(15)); }

INLINE int64_t block_length(const logits_job *job) {
    int64_t block = is_strided(&job->z) && GROUP_ENTRIES / VL < BLOCK ? GROUP_ENTRIES / VL : BLOCK;
    return job->length < block ? job->length : block;
}

INLINE vd across_lanes(enum across how, vd *each, int rows) {
    for (int r = rows; r < VL; r++)
        each[r] = each[0];
    return vacross_rows(how, each);
}

/* The sum of each vector's lanes, and of those of `low`, with what the roundings lost. */
INLINE vd sum_across_lanes(vd *each, vd *low, int rows, vd *lost) {
    vd first, second, low_first, low_second, error;
    for (int r = rows; r < VL; r++) {
        each[r] = each[0];
        low[r] = low[0];
    }
    for (int level = 0, width = VL / 2; width > 0; level++, width /= 2)
        for (int i = 0; i < width; i++) {
            vhalves(level, each[2 * i], each[2 * i + 1], &first, &second);
            vhalves(level, low[2 * i], low[2 * i + 1], &low_first, &low_second);
            each[i] = vtwo_sum(first, second, &error);
            low[i] = low_first + low_second + error;
        }
    *lost = low[0];
    return each[0];
}

/* Of two rows of logits. */
INLINE int is_of_pairs(const logits_job *job) {
    return job->value == LOGITS_CROSS_ENTROPY || job->value == LOGITS_KL || job->value == LOGITS_JS;
}

/* Hard labels, each class with the same weight: the commonest loss. */
INLINE int is_simple(const logits_job *job) {
    return job->value == LOGITS_LABEL_LOSS && job->class_weights == NULL && job->smoothing == 0;
}

/* The weights of the labels' classes. */
static vd label_weights(const logits_job *job, const struct group *g) {
    if (job->class_weights == NULL)
        return vset(1);
    double weights[VL] = {0};
    for (int r = 0; r < g->rows; r++)
        weights[r] = job->class_weights[job->labels[g->index[r]]];
    return vload(weights);
}

/* What the loss of a label is multiplied with: the weight that smoothing leaves it, and what it gives to all classes. */
static vd target_mass(const logits_job *job, const struct group *g) {
    if (job->value != LOGITS_LABEL_LOSS || is_simple(job))
        return vset(1);
    return vset(1 - job->smoothing) * label_weights(job, g)
           + vset(job->smoothing / (double)job->length * job->class_weight_sum);
}

/* The derivative of each row's loss by the logit of its label; `scale`: of the row. */
static vd label_slopes(const logits_job *job, const struct group *g, const struct state *s, const struct row_sums *z, vd mass,
                       vd scale) {
    const vd one = vset(1), logit = vload(g->label_logit), even = vset(job->smoothing / (double)job->length);
    vd share = vexp_times((logit - s->top) * vset(job->inverse_high) - z->log_sum, one);
    vd of_others = vselect(veq(logit, s->top), z->rest / (one + z->rest), one - share);
    return scale * (even * (vset(job->class_weight_sum) - label_weights(job, g)) - mass * of_others);
}

/* The mean of (top - z)/T, each entry with its probability. What the divisor's roundings lost is taken off at the end. */
INLINE vd mean_gap(const struct state *s, const struct row_sums *z, int is_double) {
    vd lost, sum = whole_sum(s, z, &lost), gap = s->spread / (sum * vset(is_double ? 0x1p900 : 0x1p60));
    return vfma(-gap, lost, gap);
}

static vd row_value(const logits_job *job, const struct group *g, const struct state *s, const struct row_sums *z,
                    const struct row_sums *u, int is_double, vd total, vd mass) {
    const vd inverse = vset(job->inverse_high);
    vd lost, gap, weight;
    switch (job->value) {
    case LOGITS_LOG_SUM_EXP: {
        vd x = tempered(job, s->top, &lost);
        return x + (z->log_sum + lost);
    }
    case LOGITS_ENTROPY:
        return z->log_sum + mean_gap(s, z, is_double);
    case LOGITS_LABEL_LOSS:
        gap = vset(0.5) * s->top - vset(0.5) * vload(g->label_logit); /* halves do not overflow */
        if (is_simple(job))
            return vset(2) * tempered(job, gap, &lost) + (z->log_sum + vset(2) * lost * z->valid);
        gap = vset(2) * gap;
        weight = vset(1 - job->smoothing) * label_weights(job, g);
        gap = vselect(veq(weight, vset(0)), vset(0), weight * gap);
        return vfma(gap + total, inverse, vselect(veq(mass, vset(0)), vset(0), mass * z->log_sum)) * z->valid;
    case LOGITS_TARGET_LOSS:
        return vfma(total, inverse, mass * z->log_sum);
    case LOGITS_CROSS_ENTROPY:
        return vfma(total, inverse, z->log_sum) * u->valid;
    case LOGITS_JS:
        return vmin(vset(LN2), total) * u->valid * z->valid;
    default:
        return total * u->valid * z->valid;
    }
}

static void store_values(const logits_job *job, const struct group *g, vd value) {
    if (job->values == NULL)
        return;
    if (job->finish == LOGITS_EXP)
        value = vexp_times(value, vset(1)) + value * vset(0);
    if (job->divisor != 1)
        value = value / vset(job->divisor);
    if (job->finish == LOGITS_SQRT)
        value = vsqrt(value);
    if (job->row_weights) {
        vd weight = vload(g->weight);
        value = vselect(veq(weight, vset(0)), vset(0), weight * value);
    }
    double values[VL];
    float narrow[VL];
    vstore(values, value + vset(0)); /* never -0.0 */
    if (job->values_dtype == ITEM_FLOAT64) {
        for (int r = 0; r < g->rows; r++)
            ((double *)job->values)[g->index[r]] = values[r];
        return;
    }
    for (int r = 0; r < VL; r++)
        narrow[r] = (float)values[r];
    for (int r = 0; r < g->rows; r++)
        ((float *)job->values)[g->index[r]] = narrow[r];
}

/* (p ln(p/m) + q ln(q/m))/2 with m the mean; the difference of p and q comes from the logarithm l of their ratio, because
 * nearly equal ones have lost it. */
INLINE vd js_part(vd p, vd q, vd l) {
    const vd tiny = vset(0x1p-1000), zero = vset(0), half = vset(0.5);
    vm more = vlt(zero, l);
    vd larger = vselect(more, p, q), gap = larger * -vexpm1(vmax(vset(-1000), -vabs(l)));
    vd difference = half * vselect(more, gap, -gap), mean = half * p + half * q;
    vd b = vmax(tiny, mean);
    vd sum = vkl_term(vmax(tiny, p), b, difference, PRECISE) + vkl_term(vmax(tiny, q), b, -difference, PRECISE);
    return vselect(vlt(tiny, mean), half * sum, zero);
}

static void convert_double(double *target, const char *source, int dtype, int64_t n);

static double entry_at(const logits_operand *operand, int64_t row, int64_t position) {
    const char *source = operand->data + row + position * operand->along;
    float single;
    double value = 0;
    if (operand->dtype == ITEM_FLOAT32 && !operand->swapped) {
        memcpy(&single, source, sizeof(single));
        return single;
    }
    char raw[8];
    gather(raw, source, 0, 1, item_size(operand->dtype), operand->swapped);
    convert_double(&value, raw, operand->dtype, 1);
    return value;
}

static void find_labels(const logits_job *job, struct group *g) {
    for (int r = 0; r < g->rows && job->labels; r++)
        g->label_logit[r] = entry_at(&job->z, g->z[r], job->labels[g->index[r]]);
}

/* A derivative of a row that has none. */
static void write_nans(const logits_operand *operand, int64_t row, int64_t length) {
    const double wide = NOT_A_NUMBER;
    const float narrow = (float)NOT_A_NUMBER;
    if (operand->data == NULL)
        return;
    for (int64_t i = 0; i < length; i++)
        memcpy(operand->data + row + i * operand->along, operand->dtype == ITEM_FLOAT64 ? (const void *)&wide : &narrow,
               (size_t)item_size(operand->dtype));
}

static void write_zeros(const logits_operand *operand, int64_t row, int64_t length) {
    if (operand->data == NULL)
        return;
    for (int64_t i = 0; i < length; i++)
        memset(operand->data + row + i * operand->along, 0, (size_t)item_size(operand->dtype));
}

#define DOUBLES 1
#define REAL double
#define PREFIX v
#define VEC vd
#define MASK vm
#define LANES VL
#define ITEM ITEM_FLOAT64
#include "load.h"
#include "collect.h"
#include "terms.h"
#include "drive.h"
#undef DOUBLES
#undef REAL
#undef PREFIX
#undef VEC
#undef MASK
#undef LANES
#undef ITEM
#if defined(VEC_SINGLE)

/* Pairs of rows of such logits once more, in doubles: floats have no room for their differences. */
#define HUGE_FLOAT 1e30

/* Those of a group's rows that are marked. */
static struct group rows_where(const struct group *g, vm marked) {
    struct group found = {0};
    double marks[VL];
    vstore(marks, vselect(marked, vset(1), vset(0)));
    for (int r = 0; r < g->rows; r++) {
        if (marks[r] == 0)
            continue;
        int to = found.rows++;
        found.index[to] = g->index[r];
        found.z[to] = g->z[r];
        found.u[to] = g->u[r];
        found.map[to] = g->map[r];
        found.diagonal[to] = g->diagonal[r];
        found.weight[to] = g->weight[r];
    }
    return found;
}

#define REAL float
#define PREFIX s
#define VEC vs
#define MASK sm
#define LANES SL
#define ITEM ITEM_FLOAT32
#define FROM_HALVES floats_from_halves
#include "load.h"
#include "collect.h"
#include "terms.h"
#include "drive.h"
#include "labels.h"
#undef FROM_HALVES
#endif

/* ---- the table ---- */

/* Temperatures beyond these make bounds that floats do not have. */
#define FLOAT_INVERSE_LOW 1e-6
#define FLOAT_INVERSE_HIGH 1e6

/* Entropies of fewer entries would lose the last digit in floats. */
#define FEW_ENTRIES 17

#if defined(VEC_SINGLE)
INLINE int in_floats(const logits_job *job) {
    return job->length >= (job->value == LOGITS_ENTROPY ? FEW_ENTRIES : BESIDE_FLOAT) && job->value != LOGITS_JS && job->z.dtype != ITEM_FLOAT64
           && (job->u.data == NULL || job->u.dtype != ITEM_FLOAT64) && job->inverse_high >= FLOAT_INVERSE_LOW
           && job->inverse_high <= FLOAT_INVERSE_HIGH;
}
#endif

static int64_t row_offset(const logits_job *job, const logits_operand *operand, int64_t row) {
    int64_t offset = 0;
    if (job->batch_dims == 1)
        return row * operand->batch_strides[0];
    for (int d = job->batch_dims - 1; d >= 0; d--) {
        offset += row % job->batch_shape[d] * operand->batch_strides[d];
        row /= job->batch_shape[d];
    }
    return offset;
}

/* A row whose label says so: its loss is 0, and so are its derivatives. */
static void leave_out(const logits_job *job, int64_t row) {
    if (job->values != NULL && job->values_dtype == ITEM_FLOAT64)
        ((double *)job->values)[row] = 0;
    else if (job->values != NULL)
        ((float *)job->values)[row] = 0;
    write_zeros(&job->map, row_offset(job, &job->map, row), job->length);
    write_zeros(&job->diagonal, row_offset(job, &job->diagonal, row), job->length);
}

/* The group of the next rows from `row` on that are not left out; returns the one behind them. */
static int64_t fill_group(const logits_job *job, struct group *g, int64_t row, int64_t end, int together) {
    int r = 0;
    for (; row < end && r < together; row++) {
        if (job->labels != NULL && job->labels[row] < 0) {
            leave_out(job, row);
            continue;
        }
        g->index[r] = row;
        g->z[r] = row_offset(job, &job->z, row);
        if (job->u.data)
            g->u[r] = row_offset(job, &job->u, row);
        if (job->map.data)
            g->map[r] = row_offset(job, &job->map, row);
        if (job->diagonal.data)
            g->diagonal[r] = row_offset(job, &job->diagonal, row);
        g->weight[r++] = job->row_weights ? job->row_weights[row] : 1;
    }
    g->rows = r;
    return row;
}

static void *cut(char **at, int64_t bytes) {
    void *piece = *at;
    *at += (bytes + 63) & ~INT64_C(63);
    return piece;
}

static int64_t lay_out(struct workspace *w, char *scratch, const logits_job *job) {
    int64_t bytes = (int64_t)sizeof(double) * rows_together(job) * block_length(job);
    char *at = (char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    w->z = cut(&at, bytes);
    w->u = cut(&at, bytes);
    w->again = cut(&at, bytes);
    w->columns = cut(&at, job->length <= SHORT_ROW ? (int64_t)sizeof(double) * groups_together(job) * room_beside(job) : 0);
    w->map = cut(&at, bytes);
    w->diagonal = cut(&at, bytes);
    w->raw = cut(&at, 8 * block_length(job));
    return at - scratch;
}

static int64_t rows_scratch(const logits_job *job) {
    struct workspace w;
    return lay_out(&w, NULL, job) + 64;
}

static void do_groups(const logits_job *job, struct group *groups, int count, struct workspace *w) {
#if defined(VEC_SINGLE)
    if (in_floats(job)) {
        if (job->value == LOGITS_LABEL_LOSS && job->smoothing == 0)
            do_label_losses(job, groups, count, w);
        else
            do_groups_float(job, groups, count, w);
        return;
    }
#endif
    do_groups_double(job, groups, count, w);
}

static void rows(const logits_job *job, int64_t begin, int64_t end, void *scratch) {
    struct workspace w;
    struct group groups[GROUPS] = {0};
    int together = (int)rows_together(job), most = groups_together(job);
    lay_out(&w, scratch, job);
    w.low = 0;
    for (int64_t row = begin; row < end;) {
        int count = 0;
        while (count < most && row < end) {
            row = fill_group(job, groups + count, row, end, together);
            count += groups[count].rows > 0;
        }
        do_groups(job, groups, count, &w);
    }
}

#include "binary.h"
#include "largest.h"
#include "members.h"
#include "members_short.h"

static int64_t members_scratch(const members_job *job) {
    struct uncertainty_scratch many;
    struct short_scratch few;
    return 64 + (is_short(job) ? lay_out_short(&few, NULL, job) : lay_out_members(&many, NULL, job));
}

static void members(const members_job *job, int64_t begin, int64_t end, void *scratch) {
    if (is_short(job))
        members_short(job, begin, end, scratch);
    else
        members_long(job, begin, end, scratch);
}

/* -DVARIANT=v3 makes logits_v3, named "v3" */
#define TABLE_NAME(variant) JOINED(logits_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const logits_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .rows = rows,
    .rows_scratch = rows_scratch,
    .largest = largest,
    .largest_scratch = largest_scratch,
    .binary = binary,
    .members = members,
    .members_scratch = members_scratch,
};
