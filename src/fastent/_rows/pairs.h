/* All pairs of rows of two arrays: Jensen-Shannon divergences at the cost of one logarithm for each pair of entries.
 *
 * With u = k p, v = k q and m = (u + v)/2, k JS = sum (u ln u)/2 + sum (v ln v)/2 - sum m ln m, where the first two sums
 * belong to single rows and are prepared once for a tile. What cancels in the difference must not have been rounded:
 *   the factor k makes the terms as small as the deviation from the uniform distribution is;
 *   entries are kept in two parts, the high one of few bits, so that sums of two have no rounding that matters;
 *   ln m = c ln 2 + r with c of few bits and a small r, so that sums of c times a high part are exact, and only the small
 *   ones of c times a low part and of m r are rounded;
 *   what the argument of the logarithm, one number, lost is added: ln m is off by it over m, and m ln m by it;
 *   every few vectors the prepared sums are subtracted lane by lane, so that parts of the divergence itself are added up.
 * A divergence that is small against what was rounded is computed in the other way: `doubt` says how small for each row.
 *
 * An error common to all entries of a row does no harm, nor does the rounding of u: the same u stands on both sides of the
 * difference, whose derivative with respect to it is ln(u/m).
 */
#ifndef FASTENT_ROWS_PAIRS_H
#define FASTENT_ROWS_PAIRS_H

#include "blocks.h"

#define PAIRS_ROWS 64       /* rows of a side of a tile, at most */
#define PAIRS_FEWEST 8      /* rows of an array below which preparing them does not pay */
#define PAIRS_BYTES 0x80000 /* of a prepared side */
#define PAIRS_LONGEST 4096  /* entries of a row: sums of c times high parts are below 2^16 */
#define PAIRS_BLOCK 4       /* vectors between subtractions */
#define PAIRS_FOLD 8        /* blocks between additions to the second level of a sum */
#define PAIRS_TOGETHER 4    /* rows of q that share what is loaded of p */

/* High parts are multiples of these, as exact sums in lanes of doubles and of floats allow; entries are not smaller than
 * these, so that there is a logarithm. */
#define PAIRS_GRID 0x1p-12
#define PAIRS_GRID_FLOATS 0x1p-8
#define PAIRS_TINY 0x1p-900
#define PAIRS_TINY_FLOATS 0x1p-120

/* How large a divergence has to be against the root of the sum of squares of what is rounded, as roundings add up that
 * are independent, and against its sum, as they do where most entries are equal. With these, test_pairs.py finds at most
 * 8 ulp; independent roundings reach them at six standard deviations. */
#define PAIRS_DOUBT 0.4
#define PAIRS_DOUBT_EQUAL 0.1

/* The rows of one array in a tile, prepared: for each row the high and the low parts of u/2, vector by vector, and sums of
 * (u ln u)/2 over blocks, lane by lane: those of c times high parts, and the rest. */
struct side {
    char *rows;
    double doubt[PAIRS_ROWS]; /* k JS below the sum of two rows' doubts is computed again; infinite for bad rows */
    int64_t first, count;
};

/* Which lanes a job's pairs are computed in, and the size of their rows. */
struct pairs_layout {
    int grade, lanes, item;
    int64_t vectors, parts, pitch; /* entries before the sums, and between rows */
    int64_t rows;                  /* of a side */
};

INLINE struct pairs_layout pairs_layout(const rows_job *job) {
    struct pairs_layout l;
    l.grade = job->grade;
#if defined(VEC_SINGLE)
    if (job->grade == SINGLE)
        l.grade = FLOAT_LANES;
#endif
    l.lanes = lanes_of(l.grade);
    l.item = l.grade == FLOAT_LANES ? (int)sizeof(float) : (int)sizeof(double);
    l.vectors = (job->length + l.lanes - 1) / l.lanes;
    l.parts = 2 * l.vectors * l.lanes;
    l.pitch = l.parts + 2 * ((l.vectors + PAIRS_BLOCK - 1) / PAIRS_BLOCK) * l.lanes;
    int64_t fit = PAIRS_BYTES / (l.pitch * l.item) / PAIRS_TOGETHER * PAIRS_TOGETHER;
    l.rows = fit < PAIRS_FEWEST ? PAIRS_FEWEST : fit > PAIRS_ROWS ? PAIRS_ROWS : fit;
    return l;
}

/* A grid: one batch dimension walks p and not q, the other one q and not p. */
static int are_pairs(const rows_job *job) {
    if (job->measure != ROWS_JS || !job->normalize || job->lanes_are_outputs || job->batch_dims != 2)
        return 0;
    if (job->where.data != NULL || job->length > PAIRS_LONGEST)
        return 0;
    const int64_t *p = job->p.batch_strides, *q = job->q.batch_strides;
    int grid = (p[0] == 0 && q[0] != 0 && p[1] != 0 && q[1] == 0) || (p[0] != 0 && q[0] == 0 && p[1] == 0 && q[1] != 0);
    return grid && job->batch_shape[0] >= PAIRS_FEWEST && job->batch_shape[1] >= PAIRS_FEWEST;
}

/* ---- preparation, in doubles ---- */

INLINE double pairs_total(enum across how, vd x) {
    vd each[VL];
    each[0] = x;
    return vlane(across_rows(how, each, 1), 0);
}

/* x rounded to a multiple of the grid, for abs(x) below 2^51 times the grid */
INLINE vd round_to(vd x, double grid) { return (x + vset(1.5 * MAGIC * grid)) - vset(1.5 * MAGIC * grid); }

/* n/2 over the sum of a row, or 0 if that has no value that will do. */
static double half_share(const double *x, int64_t n) {
    struct span span = {x, NULL, VL, n / VL, n % VL, NULL, NULL, 0, 0};
    vd sums, lows, tops;
    span_sum(x, &span, 0, &sums, &lows, &tops);
    double sum = pairs_total(SUM, sums);
    int fits = pairs_total(LOWEST, lows) >= 0 && sum >= REGULAR_LOW && sum <= REGULAR_HIGH;
    return fits ? 0.5 * (double)n / sum : 0;
}

/* The parts of x times `share`, and behind the row's end those of zeros. */
static void split_row(const double *x, int64_t n, double share, const struct pairs_layout *l, double *row) {
    const int floats = l->grade == FLOAT_LANES;
    const double grid = floats ? PAIRS_GRID_FLOATS : PAIRS_GRID, tiny = floats ? PAIRS_TINY_FLOATS : PAIRS_TINY;
    for (int64_t start = 0; start < l->vectors * l->lanes; start += VL) {
        int64_t left = n - start;
        vd entry = left >= VL ? vload(x + start) : left > 0 ? vload_part(x + start, left) : vset(0);
        vd half = vmax(entry * vset(share), vset(tiny)), high = round_to(half, grid);
        double *at = row + start / l->lanes * 2 * l->lanes + start % l->lanes;
        vstore(at, high);
        vstore(at + l->lanes, half - high);
    }
}

/* Sums of (u ln u)/2 over the blocks of a row; returns the row's doubt. */
static double sum_blocks(const struct pairs_layout *l, double *row) {
    const int floats = l->grade == FLOAT_LANES;
    const double largest_rest = floats ? 0.35 : LOG_REST;
    const vd one = vset(1);
    vd squares = vset(0), sizes = vset(0);
    for (int64_t block = 0; block * PAIRS_BLOCK < l->vectors; block++) {
        int64_t left = l->vectors - block * PAIRS_BLOCK, count = left < PAIRS_BLOCK ? left : PAIRS_BLOCK;
        double *sums = row + l->parts + block * 2 * l->lanes;
        for (int64_t lane = 0; lane < l->lanes; lane += VL) {
            vd whole = vset(0), rest = vset(0), coarse;
            for (int64_t i = 0; i < count; i++) {
                const double *at = row + (block * PAIRS_BLOCK + i) * 2 * l->lanes + lane;
                vd high = vload(at), low = vload(at + l->lanes), half = high + low, u = half + half;
                vd log = vlog_rest(u, &coarse, PRECISE);
                whole = vfma(high, coarse, whole);
                rest += vfma(half, log, low * coarse * vset(LN2));
                /* as large as r u, or as m r can be in a mixture with this entry */
                vd size = vmin(vset(largest_rest), vabs(u - one)) * vmax(one, u);
                squares = vfma(size, size, squares);
                sizes += size;
            }
            if (floats) { /* as high as floats hold */
                vd all = whole;
                whole = round_to(vfma(rest, vset(1 / LN2), whole), PAIRS_GRID_FLOATS);
                rest = vfma(all - whole, vset(LN2), rest);
            }
            vstore(sums + lane, whole);
            vstore(sums + l->lanes + lane, rest);
        }
    }
    vd independent = vset(PAIRS_DOUBT) * vsqrt(vset(pairs_total(SUM, squares)));
    return vlane(vmax(independent, vset(PAIRS_DOUBT_EQUAL * pairs_total(SUM, sizes))), 0);
}

/* The row at byte offset `offset` of an array. `x`, `row`: room for it as it is, and prepared. */
static void prepare_row(const rows_job *job, const rows_operand *operand, int64_t offset, const struct pairs_layout *l,
                        struct side *side, int64_t number, double *x, double *row, const struct loader *loader) {
    char *target = side->rows + number * l->pitch * l->item;
    const double *stored = load_row_double(job, operand, offset, 0, 0, job->length, 1, x, loader);
    double share = half_share(stored, job->length);
    if (share == 0) {
        side->doubt[number] = INF;
        memset(target, 0, (size_t)(l->pitch * l->item));
        return;
    }
    split_row(stored, job->length, share, l, row);
    if (l->grade == FLOAT_LANES) /* the low parts as they will be */
        for (int64_t i = 0; i < l->parts; i++)
            row[i] = (float)row[i];
    side->doubt[number] = sum_blocks(l, row);
    if (l->grade == FLOAT_LANES)
        for (int64_t i = 0; i < l->pitch; i++)
            ((float *)target)[i] = (float)row[i];
    else
        memcpy(target, row, sizeof(double) * (size_t)l->pitch);
}

/* ---- pairs: k JS of a row of p with PAIRS_TOGETHER rows of q, spread over lanes ---- */

/* `count` vectors of each row, and the prepared sums of this block. */
INLINE void add_block_double(int grade, int64_t count, const double *x, const double *x_sums, const double *y,
                             const double *y_sums, int64_t pitch, vd *result) {
    vd whole[PAIRS_TOGETHER], low[PAIRS_TOGETHER], rest[PAIRS_TOGETHER], coarse;
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        whole[t] = low[t] = rest[t] = vset(0);
    for (int64_t i = 0; i < count; i++) {
        vd x_high = vload(x + 2 * i * VL), x_low = vload(x + (2 * i + 1) * VL);
        for (int t = 0; t < PAIRS_TOGETHER; t++) {
            const double *at = y + t * pitch + 2 * i * VL;
            vd m_high = x_high + vload(at), m_low = x_low + vload(at + VL), m = m_high + m_low;
            vd log = vlog_rest(m, &coarse, grade);
            whole[t] = vfma(m_high, coarse, whole[t]);
            low[t] = vfma(m_low, coarse, low[t]);
            rest[t] = vfma(m, log, rest[t]) - ((m - m_high) - m_low);
        }
    }
    for (int t = 0; t < PAIRS_TOGETHER; t++) {
        const double *sums = y_sums + t * pitch;
        vd whole_left = ((vload(x_sums) + vload(sums)) - whole[t]) - low[t];
        vd rest_left = (vload(x_sums + VL) + vload(sums + VL)) - rest[t];
        result[t] += vfma(whole_left, vset(LN2), rest_left);
    }
}

INLINE void pair_sums_double(int grade, const double *x, const double *y, const struct pairs_layout *l, vd *result) {
    const double *x_sums = x + l->parts, *y_sums = y + l->parts;
    vd folded[PAIRS_TOGETHER];
    int64_t left = l->vectors;
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        result[t] = folded[t] = vset(0);
    for (; left >= PAIRS_BLOCK; left -= PAIRS_BLOCK) {
        add_block_double(grade, PAIRS_BLOCK, x, x_sums, y, y_sums, l->pitch, result);
        x += 2 * PAIRS_BLOCK * VL;
        y += 2 * PAIRS_BLOCK * VL;
        x_sums += 2 * VL;
        y_sums += 2 * VL;
        if (left / PAIRS_BLOCK % PAIRS_FOLD == 0) /* equal terms are rounded the same way: no long chains */
            for (int t = 0; t < PAIRS_TOGETHER; t++) {
                folded[t] += result[t];
                result[t] = vset(0);
            }
    }
    if (left > 0)
        add_block_double(grade, left, x, x_sums, y, y_sums, l->pitch, result);
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        result[t] += folded[t];
}

#if defined(VEC_SINGLE)
INLINE void add_block_float(int64_t count, const float *x, const float *x_sums, const float *y, const float *y_sums,
                            int64_t pitch, struct wide *result) {
    vs whole[PAIRS_TOGETHER], low[PAIRS_TOGETHER], rest[PAIRS_TOGETHER];
    vsi exponent;
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        whole[t] = low[t] = rest[t] = sset(0);
    for (int64_t i = 0; i < count; i++) {
        vs x_high = sload(x + 2 * i * SL), x_low = sload(x + (2 * i + 1) * SL);
        for (int t = 0; t < PAIRS_TOGETHER; t++) {
            const float *at = y + t * pitch + 2 * i * SL;
            vs m_high = x_high + sload(at), m_low = x_low + sload(at + SL), m = m_high + m_low;
            vs log = slog_reduced(m, &exponent), coarse = sfrom_int(exponent);
            whole[t] = sfma(m_high, coarse, whole[t]);
            low[t] = sfma(m_low, coarse, low[t]);
            rest[t] = sfma(m, log, rest[t]) - ((m - m_high) - m_low);
        }
    }
    for (int t = 0; t < PAIRS_TOGETHER; t++) {
        const float *sums = y_sums + t * pitch;
        vs whole_left = ((sload(x_sums) + sload(sums)) - whole[t]) - low[t];
        vs rest_left = (sload(x_sums + SL) + sload(sums + SL)) - rest[t];
        add_wide(result + t, sfma(whole_left, sset((float)LN2), rest_left));
    }
}

INLINE void pair_sums_float(const float *x, const float *y, const struct pairs_layout *l, vd *result) {
    const float *x_sums = x + l->parts, *y_sums = y + l->parts;
    struct wide sums[PAIRS_TOGETHER];
    int64_t left = l->vectors;
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        sums[t] = nothing();
    for (; left >= PAIRS_BLOCK; left -= PAIRS_BLOCK) {
        add_block_float(PAIRS_BLOCK, x, x_sums, y, y_sums, l->pitch, sums);
        x += 2 * PAIRS_BLOCK * SL;
        y += 2 * PAIRS_BLOCK * SL;
        x_sums += 2 * SL;
        y_sums += 2 * SL;
    }
    if (left > 0)
        add_block_float(left, x, x_sums, y, y_sums, l->pitch, sums);
    for (int t = 0; t < PAIRS_TOGETHER; t++)
        result[t] = sums[t].half[0] + sums[t].half[1];
}
#endif

/* k JS of a row of p with all rows of the other side, which has a multiple of PAIRS_TOGETHER of them. */
static void pair_row(const struct side *p, int64_t row, const struct side *q, const struct pairs_layout *l, double *values) {
    vd sums[PAIRS_ROWS + VL];
    const char *x = p->rows + row * l->pitch * l->item;
    for (int64_t first = 0; first < q->count; first += PAIRS_TOGETHER) {
        const char *y = q->rows + first * l->pitch * l->item;
#if defined(VEC_SINGLE)
        if (l->grade == FLOAT_LANES) {
            pair_sums_float((const float *)x, (const float *)y, l, sums + first);
            continue;
        }
#endif
        if (l->grade == SINGLE)
            pair_sums_double(SINGLE, (const double *)x, (const double *)y, l, sums + first);
        else
            pair_sums_double(PRECISE, (const double *)x, (const double *)y, l, sums + first);
    }
    for (int64_t i = q->count; i % VL; i++)
        sums[i] = vset(0);
    for (int64_t first = 0; first < q->count; first += VL)
        vstore(values + first, vacross_rows(SUM, sums + first));
}

#endif
