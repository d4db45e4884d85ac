/* First walk over rows of REALs: largest entries, and sums of exponentials in units of them. Each entry is read from memory
 * once: a block is walked for its largest entry and again, in cache, for its sums.
 *
 * Included once per REAL, with PREFIX, VEC, LANES and ITEM of its vector; see lanes.h.
 */

/* What the loops need of one row, in its own type. */
struct NAMED(row) {
    REAL top, above, lowest, shift, exponent, factor;
    REAL inverse_high, inverse_low;
};

/* The same of up to VL rows; lower entries, less the shift, count as `lowest`. */
struct NAMED(rows) {
    REAL top[VL], above[VL], lowest[VL], shift[VL], exponent[VL];
};

INLINE void NAMED(lay_out_rows)(const logits_job *job, const struct state *s, double floor, struct NAMED(rows) *rows) {
    vd above = finite_or_zero(s->top - s->shift); /* without a finite top any will do */
    OP(store_narrow)(rows->top, s->top);
    OP(store_narrow)(rows->above, above);
    OP(store_narrow)(rows->lowest, above - vset(floor / job->inverse_high));
    OP(store_narrow)(rows->shift, s->shift);
    OP(store_narrow)(rows->exponent, s->exponent);
}

INLINE struct NAMED(row) NAMED(make_row)(const logits_job *job, const struct NAMED(rows) *rows, int r) {
    struct NAMED(row) row = {0};
    row.top = rows->top[r];
    row.above = rows->above[r];
    row.shift = rows->shift[r];
    row.exponent = rows->exponent[r];
    row.lowest = rows->lowest[r];
    row.inverse_high = (REAL)job->inverse_high;
    row.inverse_low = (REAL)(job->inverse_high - (double)row.inverse_high + job->inverse_low);
    return row;
}

/* z - shift, but not lower than what counts: next to a huge shift only their difference tells how low. A NaN stays.
 * `plain`: no shift, and T is 1. */
INLINE VEC NAMED(bounded)(VEC z, const struct NAMED(row) *row, int plain) {
    return OP(max)(OP(set)(row->lowest), plain ? z : z - OP(set)(row->shift));
}

/* exp(difference/T) = 2^k (1 + q); k is what *rounded has in its low bits */
INLINE VEC NAMED(exp_parts)(VEC difference, const struct NAMED(row) *row, int plain, VEC *rounded) {
    const VEC rounder = OP(set)(CONSTANT(ROUNDER)), per_two = OP(set)((REAL)(1 / LN2));
    if (plain) {
        *rounded = OP(fma)(difference, per_two, rounder);
        return OP(exp_rest_plain)(difference, *rounded - rounder);
    }
    VEC high = OP(set)(row->inverse_high), x = difference * high;
    VEC low = OP(lost_product)(difference, high, x) + difference * OP(set)(row->inverse_low);
    *rounded = OP(fma)(x, per_two, rounder);
    return OP(exp_rest)(x, *rounded - rounder, low);
}

INLINE VEC NAMED(part)(const REAL *x, int64_t n, int64_t i, REAL filling) {
    return i + LANES <= n ? OP(load)(x + i) : OP(pad)(OP(load_part)(x + i, n - i), n - i, filling);
}

/* The largest of n entries, of all and of each chunk, lane by lane; *lowest: the smallest, where that is asked for. */
INLINE vd NAMED(extremes)(const REAL *x, int64_t n, VEC *chunks, VEC *lowest) {
    VEC all = OP(set)(-(REAL)INF), low = OP(set)((REAL)INF);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK), i = start;
        VEC even = OP(set)(-(REAL)INF), odd = even;
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            VEC a = OP(load)(x + i), b = OP(load)(x + i + LANES);
            even = OP(max)(a, even);
            odd = OP(max)(b, odd);
            if (lowest)
                low = OP(min)(b, OP(min)(a, low));
        }
        for (; i < end; i += LANES) {
            even = OP(max)(NAMED(part)(x, end, i, -(REAL)INF), even);
            if (lowest)
                low = OP(min)(NAMED(part)(x, end, i, (REAL)INF), low);
        }
        *chunks = OP(max)(even, odd);
        all = OP(max)(all, *chunks++);
    }
    if (lowest)
        *lowest = OP(min)(low, *lowest);
    return OP(fold_top)(all);
}

struct NAMED(sums) {
    VEC powers, rests, spread;
    VEC lost; /* by the roundings of the powers' sum: among doubles, which have the time */
    int64_t others; /* entries below the top */
};

/* `tops`: whether the top may be among the entries. */
INLINE void NAMED(add_entries)(VEC z, const struct NAMED(row) *row, int64_t bias, int plain, int entropy, int tops,
                               struct NAMED(sums) *sums) {
    VEC rounded, bounded = NAMED(bounded)(z, row, plain), q = NAMED(exp_parts)(bounded, row, plain, &rounded), power;
    if (tops) {
        MASK below = OP(differs)(z, OP(set)(row->top)); /* NaN, too: q has it */
        power = OP(from_bits)(OP(add_bits_where)(below, OP(shift_bits)(rounded), OP(set_bits)(bias)));
        sums->others += OP(count)(below);
    } else {
        power = OP(from_bits)(OP(shift_bits)(rounded) + OP(set_bits)(bias));
        sums->others += LANES;
    }
    /* 2^k and 2^k q are added apart: a sum of one term then has no rounding of 1 + q */
#if defined(DOUBLES)
    VEC lost;
    sums->powers = OP(two_sum)(sums->powers, power, &lost);
    sums->lost += lost;
#else
    sums->powers += power;
#endif
    sums->rests = OP(fma)(power, q, sums->rests);
    if (entropy) {
        VEC gap = OP(set)(row->above) - bounded;
        sums->spread = OP(fma)(OP(fma)(power, q, power), plain ? gap : gap * OP(set)(row->inverse_high), sums->spread);
    }
}

/* The sums over n entries of a row. */
INLINE void NAMED(sum_chunk)(const REAL *x, int64_t n, const struct ahead *ahead, const char *next,
                             const struct NAMED(row) *row, int64_t bias, int plain, int entropy, int tops, struct entry_sums *sums) {
    const VEC zero = OP(set)(0);
    struct NAMED(sums) even = {zero, zero, zero, zero, 0}, odd = even;
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        if (ahead->far) {
            PREFETCH_SECOND(next + i * ahead->size);
            PREFETCH_SECOND(next + (i + LANES) * ahead->size);
        } else {
            PREFETCH(next + i * ahead->size);
            PREFETCH(next + (i + LANES) * ahead->size);
        }
        NAMED(add_entries)(OP(load)(x + i), row, bias, plain, entropy, tops, &even);
        NAMED(add_entries)(OP(load)(x + i + LANES), row, bias, plain, entropy, tops, &odd);
    }
    for (; i < n; i += LANES)
        NAMED(add_entries)(NAMED(part)(x, n, i, -(REAL)INF), row, bias, plain, entropy, tops, &even);
#if defined(DOUBLES)
    vd lost, powers = vtwo_sum(even.powers, odd.powers, &lost);
    even.lost += odd.lost + lost;
    sums->rest = vtwo_sum(sums->rest, powers, &lost);
    sums->excess += (even.rests + odd.rests) + (even.lost + lost);
#else
    sums->rest += OP(fold)(even.powers + odd.powers);
    sums->excess += OP(fold)(even.rests + odd.rests);
#endif
    sums->others += (double)(even.others + odd.others);
    if (entropy)
        sums->spread += OP(fold)(even.spread + odd.spread);
}

/* Meanwhile what lies `ahead` of the row, from `next` on, is fetched. Only chunks that have the top look at each entry for it. */
INLINE struct entry_sums NAMED(sum_entries)(const REAL *x, int64_t n, const struct ahead *ahead, const char *next,
                                            const struct NAMED(row) *row, int plain, int entropy, const VEC *chunks) {
    const int64_t bias = ((int64_t)(CONSTANT(BIAS) + CONSTANT(OFFSET)) - (int64_t)row->exponent) << CONSTANT(MANTISSA);
    struct entry_sums sums = {vset(0), vset(0), vset(0), 0};
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t length = n - start < CONSTANT(CHUNK) ? n - start : CONSTANT(CHUNK);
        if (OP(any)(OP(equal)(*chunks++, OP(set)(row->top))))
            NAMED(sum_chunk)(x + start, length, ahead, next + start * ahead->size, row, bias, plain, entropy, 1, &sums);
        else
            NAMED(sum_chunk)(x + start, length, ahead, next + start * ahead->size, row, bias, plain, entropy, 0, &sums);
    }
    return sums;
}

/* One block of up to VL rows taken into their state; `lowest`: NULL, or the smallest entries of each row so far. */
INLINE void NAMED(collect_block)(const logits_job *job, const REAL *const *x, int64_t n, const struct ahead *ahead, int rows,
                                 int entropy, struct state *s, VEC *lowest) {
    const int is_double = sizeof(REAL) == sizeof(double);
    VEC chunks[VL][BLOCK / CONSTANT(CHUNK)];
    struct NAMED(rows) of;
    vd each[VL], excess[VL], spread[VL];
    double others[VL] = {0};
    for (int r = 0; r < rows; r++)
        each[r] = lowest ? NAMED(extremes)(x[r], n, chunks[r], lowest + r) : NAMED(extremes)(x[r], n, chunks[r], NULL);
    raise_top(job, s, across_lanes(HIGHEST, each, rows), is_double, entropy);
    NAMED(lay_out_rows)(job, s, CONSTANT(FLOOR), &of);
    const int plain = is_plain(job, s);
    for (int r = 0; r < rows; r++) {
        struct NAMED(row) row = NAMED(make_row)(job, &of, r);
        struct entry_sums sums =
            plain ? NAMED(sum_entries)(x[r], n, ahead, ahead->at[r], &row, 1, entropy, chunks[r])
                  : NAMED(sum_entries)(x[r], n, ahead, ahead->at[r], &row, 0, entropy, chunks[r]);
        each[r] = sums.rest;
        excess[r] = sums.excess;
        spread[r] = sums.spread;
        others[r] = sums.others;
    }
    if (is_double && !entropy) { /* floats and entropies would gain nothing */
        vd lost, lost_too, sum = sum_across_lanes(each, excess, rows, &lost);
        s->rest = vtwo_sum(s->rest, sum, &lost_too);
        s->excess += lost + lost_too;
    } else {
        for (int r = 0; r < rows; r++)
            each[r] += excess[r];
        s->rest += across_lanes(SUM, each, rows);
    }
    s->ties += vset((double)((n + LANES - 1) / LANES * LANES)) - vload(others);
    if (entropy)
        s->spread += across_lanes(SUM, spread, rows);
}

static void NAMED(collect_plain)(const logits_job *job, const REAL *const *x, int64_t n, const struct ahead *ahead, int rows,
                                 struct state *s, VEC *lowest) {
    NAMED(collect_block)(job, x, n, ahead, rows, 0, s, lowest);
}

static void NAMED(collect_entropy)(const logits_job *job, const REAL *const *x, int64_t n, const struct ahead *ahead, int rows,
                                   struct state *s, VEC *lowest) {
    NAMED(collect_block)(job, x, n, ahead, rows, 1, s, lowest);
}
