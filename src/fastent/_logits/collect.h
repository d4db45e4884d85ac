/* First walk over rows of REALs: largest entries, and sums of exponentials in units of them. Each entry is read from memory
 * once: a block is walked for its largest entry and again, in cache, for its sums.
 *
 * Long rows are walked one by one, many entries of one row in the lanes. Short ones are laid side by side first, some
 * entries of every row in the lanes: they have neither ends that fill no vector nor sums across lanes.
 *
 * Included once per REAL, with PREFIX, VEC, LANES and ITEM of its vector; see lanes.h.
 */

/* What the loops need of one row, in its own type. */
struct NAMED(row) {
    REAL top, above, lowest, shift, exponent;
    REAL rounder; /* added to x/ln 2, it leaves the exponent of the row's power of two in the low bits */
    REAL inverse_high, inverse_low;
};

/* The same of up to VL rows; lower entries, less the shift, count as `lowest`. */
struct NAMED(rows) {
    REAL top[VL], above[VL], lowest[VL], shift[VL], exponent[VL], rounder[VL];
};

/* The same in lanes: one row in all of them, or rows side by side. */
struct NAMED(units) {
    VEC top, above, lowest, shift, rounder, inverse_high, inverse_low;
};

/* Powers of two will be in units of 2^(K - offset). */
INLINE void NAMED(lay_out_rows)(const logits_job *job, const struct state *s, double floor, double offset,
                                struct NAMED(rows) *rows) {
    vd above = above_shift(s);
    OP(store_narrow)(rows->top, s->top);
    OP(store_narrow)(rows->above, above);
    OP(store_narrow)(rows->lowest, (s->exponent * vset(LN2) - vset(floor)) * vset(1 / job->inverse_high));
    OP(store_narrow)(rows->shift, s->shift);
    OP(store_narrow)(rows->exponent, s->exponent);
    OP(store_narrow)(rows->rounder, vset(CONSTANT(ROUNDER) + CONSTANT(BIAS) + offset) - s->exponent);
}

INLINE REAL NAMED(inverse_low)(const logits_job *job) {
    return (REAL)(job->inverse_high - (double)(REAL)job->inverse_high + job->inverse_low);
}

INLINE struct NAMED(row) NAMED(make_row)(const logits_job *job, const struct NAMED(rows) *rows, int r) {
    return (struct NAMED(row)){rows->top[r],      rows->above[r],   rows->lowest[r],          rows->shift[r],
                               rows->exponent[r], rows->rounder[r], (REAL)job->inverse_high, NAMED(inverse_low)(job)};
}

INLINE struct NAMED(units) NAMED(of_one_row)(const struct NAMED(row) *row) {
    return (struct NAMED(units)){OP(set)(row->top),     OP(set)(row->above),        OP(set)(row->lowest),     OP(set)(row->shift),
                                 OP(set)(row->rounder), OP(set)(row->inverse_high), OP(set)(row->inverse_low)};
}

/* z - shift, but not lower than what counts: next to a huge shift only their difference tells how low. A NaN stays.
 * `plain`: no shift, and T is 1. */
INLINE VEC NAMED(bounded)(VEC z, const struct NAMED(units) *units, int plain) {
    return OP(max)(units->lowest, plain ? z : z - units->shift);
}

/* exp(difference/T) = 2^k (1 + q); *rounded is k + rounder */
INLINE VEC NAMED(exp_parts)(VEC difference, const struct NAMED(units) *units, int plain, VEC *rounded) {
    const VEC per_two = OP(set)((REAL)(1 / LN2));
    if (plain) {
        *rounded = OP(fma)(difference, per_two, units->rounder);
        return OP(exp_rest_plain)(difference, *rounded - units->rounder);
    }
    VEC x = difference * units->inverse_high;
    VEC low = OP(lost_product)(difference, units->inverse_high, x) + difference * units->inverse_low;
    *rounded = OP(fma)(x, per_two, units->rounder);
    return OP(exp_rest)(x, *rounded - units->rounder, low);
}

INLINE VEC NAMED(part)(const REAL *x, int64_t n, int64_t i, REAL filling) {
    return i + LANES <= n ? OP(load)(x + i) : OP(pad)(OP(load_part)(x + i, n - i), n - i, filling);
}

/* ---- the terms of some entries ---- */

struct NAMED(sums) {
    VEC powers, lost; /* the second: by roundings of the first */
    VEC spread, spread_lost;
    VEC rests[CONSTANT(CHAINS)];
    VEC others[CONSTANT(CHAINS)]; /* how many entries are below the top, where it may be among them */
};

INLINE void NAMED(begin)(struct NAMED(sums) *sums) {
    sums->powers = sums->lost = sums->spread = sums->spread_lost = OP(set)(0);
    for (int c = 0; c < CONSTANT(CHAINS); c++)
        sums->rests[c] = sums->others[c] = OP(set)(0);
}

struct NAMED(terms) {
    VEC powers, spread;
};

/* 2^k and 2^k q of the terms are added apart: a sum of one term then has no rounding of 1 + q. This adds the rest to chain
 * c and returns 2^k, and the spread. `tops`: whether the top may be among the entries. */
INLINE struct NAMED(terms) NAMED(add_rests)(VEC z, const struct NAMED(units) *units, int plain, int entropy, int tops, int c,
                                          struct NAMED(sums) *sums) {
    VEC rounded, bounded = NAMED(bounded)(z, units, plain), q = NAMED(exp_parts)(bounded, units, plain, &rounded);
    VEC power, spread = OP(set)(0);
    if (tops) {
        MASK below = OP(differs)(z, units->top); /* NaN, too: q has it */
        power = OP(from_bits)(OP(shift_bits_where)(below, rounded));
        sums->others[c] = OP(count_where)(below, sums->others[c]);
    } else {
        power = OP(from_bits)(OP(shift_bits)(rounded));
    }
    sums->rests[c] = OP(fma)(power, q, sums->rests[c]);
    if (entropy) {
        VEC gap = units->above - bounded;
        spread = OP(fma)(power, q, power) * (plain ? gap : gap * units->inverse_high);
    }
    return (struct NAMED(terms)){power, spread};
}

INLINE void NAMED(add_powers)(VEC powers, struct NAMED(sums) *sums) {
    VEC lost;
    sums->powers = OP(two_sum)(sums->powers, powers, &lost);
    sums->lost += lost;
}

/* Equal terms round alike: their sum would lose as much with each. */
INLINE void NAMED(add_spread)(VEC spread, struct NAMED(sums) *sums) {
    VEC lost;
    sums->spread = OP(two_sum)(sums->spread, spread, &lost);
    sums->spread_lost += lost;
}

INLINE VEC NAMED(chained)(const VEC *chains) {
    VEC all = chains[0];
    for (int c = 1; c < CONSTANT(CHAINS); c++)
        all += chains[c];
    return all;
}

/* As many vectors as there are chains, from entry i on. `carry`: keep what the sum of powers loses; four floats are added up
 * before, to save time, and long rows save all of it. */
INLINE void NAMED(add_vectors)(const REAL *x, const struct NAMED(units) *units, int plain, int entropy, int tops, int carry,
                               struct coming coming, int64_t i, struct NAMED(sums) *sums) {
    VEC powers[CONSTANT(CHAINS)], spreads[CONSTANT(CHAINS)];
    const char *line = coming.from + i * coming.item;
    for (int c = 0; c < CONSTANT(CHAINS); c++) {
        if (coming.far)
            PREFETCH_SECOND(line + c * LANES * coming.item);
        else
            PREFETCH(line + c * LANES * coming.item); /* in between: many at once would be waited for */
        struct NAMED(terms) terms = NAMED(add_rests)(OP(load)(x + i + c * LANES), units, plain, entropy, tops, c, sums);
        powers[c] = terms.powers;
        spreads[c] = terms.spread;
    }
    if (entropy)
        NAMED(add_spread)(NAMED(chained)(spreads), sums);
#if defined(DOUBLES)
    (void)carry;
    for (int c = 0; c < CONSTANT(CHAINS); c++)
        NAMED(add_powers)(powers[c], sums);
#else
    VEC four = (powers[0] + powers[1]) + (powers[2] + powers[3]);
    if (carry)
        NAMED(add_powers)(four, sums);
    else
        sums->powers += four;
#endif
}

/* One vector. */
INLINE void NAMED(add_vector)(VEC z, const struct NAMED(units) *units, int plain, int entropy, int tops,
                              struct NAMED(sums) *sums) {
    struct NAMED(terms) terms = NAMED(add_rests)(z, units, plain, entropy, tops, 0, sums);
    NAMED(add_powers)(terms.powers, sums);
    if (entropy)
        NAMED(add_spread)(terms.spread, sums);
}

/* On to doubles, where what the roundings lose is part of the excess. All but the others begin again. */
INLINE void NAMED(flush)(struct NAMED(sums) *sums, int entropy, struct entry_sums *doubles) {
    vd lost;
    doubles->rest = vtwo_sum(doubles->rest, OP(fold)(SUM, sums->powers), &lost);
    doubles->excess += OP(fold)(SUM, NAMED(chained)(sums->rests) + sums->lost) + lost;
    if (entropy) {
        doubles->spread = vtwo_sum(doubles->spread, OP(fold)(SUM, sums->spread), &lost);
        doubles->spread_low += OP(fold)(SUM, sums->spread_lost) + lost;
    }
    sums->powers = sums->lost = sums->spread = sums->spread_lost = OP(set)(0);
    for (int c = 0; c < CONSTANT(CHAINS); c++)
        sums->rests[c] = OP(set)(0);
}

/* Entries equal to the top among `vectors` of them. */
INLINE vd NAMED(ties_of)(const struct NAMED(sums) *sums, int64_t vectors) {
    return vset((double)(vectors * LANES / VL)) - OP(fold)(SUM, NAMED(chained)(sums->others));
}

/* ---- rows one by one ---- */

/* The largest of n entries, of all and of each chunk, lane by lane; *lowest: the smallest, where that is asked for. */
INLINE vd NAMED(extremes)(const REAL *x, int64_t n, VEC *chunks, vd *lowest) {
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
        *lowest = OP(fold)(LOWEST, low);
    return OP(fold)(HIGHEST, all);
}

/* The sums over n entries of a row. */
INLINE void NAMED(sum_chunk)(const REAL *x, int64_t n, struct coming coming, const struct NAMED(units) *units, int plain,
                             int entropy, int tops, struct entry_sums *doubles) {
    struct NAMED(sums) sums;
    int64_t i = 0;
    NAMED(begin)(&sums);
    for (; i + CONSTANT(CHAINS) * LANES <= n; i += CONSTANT(CHAINS) * LANES)
        NAMED(add_vectors)(x, units, plain, entropy, tops, 0, coming, i, &sums);
    for (; i < n; i += LANES)
        NAMED(add_vector)(NAMED(part)(x, n, i, -(REAL)INF), units, plain, entropy, tops, &sums);
    NAMED(flush)(&sums, entropy, doubles);
    if (tops)
        doubles->ties += NAMED(ties_of)(&sums, (n + LANES - 1) / LANES);
}

/* Only chunks that have the top look at each entry for it. */
INLINE struct entry_sums NAMED(sum_entries)(const REAL *x, int64_t n, struct coming coming, const struct NAMED(row) *row, int plain,
                                            int entropy, const VEC *chunks) {
    const struct NAMED(units) units = NAMED(of_one_row)(row);
    struct entry_sums sums = no_entry_sums();
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t length = n - start < CONSTANT(CHUNK) ? n - start : CONSTANT(CHUNK);
        if (OP(any)(OP(equal)(*chunks++, units.top)))
            NAMED(sum_chunk)(x + start, length, coming, &units, plain, entropy, 1, &sums);
        else
            NAMED(sum_chunk)(x + start, length, coming, &units, plain, entropy, 0, &sums);
        coming.from += length * coming.item;
    }
    return sums;
}

/* One block of up to VL rows taken into their state; `lowest`: NULL, or the smallest entries so far. */
INLINE void NAMED(collect_long)(const logits_job *job, const REAL *const *x, int64_t n, const struct coming *coming, int rows,
                                int entropy, struct state *s, vd *lowest) {
    const int is_double = sizeof(REAL) == sizeof(double);
    VEC chunks[VL][BLOCK / CONSTANT(CHUNK)];
    struct NAMED(rows) of;
    struct entry_sums sums;
    vd rest[VL], excess[VL], spread[VL], ties[VL], lost = vset(0);
    for (int r = 0; r < rows; r++)
        rest[r] = lowest ? NAMED(extremes)(x[r], n, chunks[r], excess + r) : NAMED(extremes)(x[r], n, chunks[r], NULL);
    if (lowest)
        *lowest = vmin(*lowest, across_lanes(LOWEST, excess, rows));
    raise_top(job, s, across_lanes(HIGHEST, rest, rows), is_double, entropy);
    NAMED(lay_out_rows)(job, s, CONSTANT(FLOOR), CONSTANT(OFFSET), &of);
    const int plain = is_plain(job, s);
    for (int r = 0; r < rows; r++) {
        struct NAMED(row) row = NAMED(make_row)(job, &of, r);
        sums = plain ? NAMED(sum_entries)(x[r], n, coming[r], &row, 1, entropy, chunks[r])
                     : NAMED(sum_entries)(x[r], n, coming[r], &row, 0, entropy, chunks[r]);
        rest[r] = sums.rest;
        excess[r] = sums.excess;
        spread[r] = sums.spread + sums.spread_low;
        ties[r] = sums.ties;
    }
    if (is_double && !entropy) { /* floats and entropies would gain nothing */
        sums.rest = sum_across_lanes(rest, excess, rows, &lost);
        sums.excess = lost;
    } else {
        for (int r = 0; r < rows; r++)
            rest[r] += excess[r];
        sums.rest = across_lanes(SUM, rest, rows);
        sums.excess = vset(0);
    }
    sums.ties = across_lanes(SUM, ties, rows);
    if (entropy)
        sums.spread = across_lanes(SUM, spread, rows);
    sums.spread_low = vset(0);
    add_to_state(s, &sums, entropy);
}

/* ---- rows side by side ---- */

#define TAKEN (LANES / VL * CONSTANT(BESIDE)) /* entries of a row that BESIDE vectors have */

/* Lay them out from `columns` on; returns how many vectors that are. Lanes without an entry get `filling`; `top`, `lowest`:
 * NULL, or for the largest and smallest entries of each row. */
INLINE int64_t NAMED(lay_beside)(const REAL *const *x, int64_t n, int rows, REAL *columns, REAL filling, vd *top, vd *lowest) {
    const REAL *streams[VL];
    VEC high = OP(set)(-(REAL)INF), low = OP(set)((REAL)INF), each[CONSTANT(BESIDE)];
    int64_t count = 0, at = 0;
    for (int r = 0; r < VL; r++)
        streams[r] = x[r < rows ? r : 0];
    for (; at + TAKEN <= n; at += TAKEN, count += CONSTANT(BESIDE)) {
        OP(beside)(streams, at, each);
        for (int i = 0; i < CONSTANT(BESIDE); i++) {
            OP(store)(columns + (count + i) * LANES, each[i]);
            if (top)
                high = OP(max)(each[i], high);
            if (lowest)
                low = OP(min)(each[i], low);
        }
    }
    if (at < n) {
        OP(beside_part)(streams, at, n - at, filling, each);
        for (int i = 0; i < CONSTANT(BESIDE) && i < n - at; i++, count++) {
            OP(store)(columns + count * LANES, each[i]);
            if (top)
                high = OP(max)(each[i], high);
        }
        if (lowest) {
            OP(beside_part)(streams, at, n - at, (REAL)INF, each);
            for (int i = 0; i < CONSTANT(BESIDE) && i < n - at; i++)
                low = OP(min)(each[i], low);
        }
    }
    if (top)
        *top = OP(fold)(HIGHEST, high);
    if (lowest)
        *lowest = vmin(*lowest, OP(fold)(LOWEST, low));
    return count;
}
#undef TAKEN

INLINE struct entry_sums NAMED(sum_beside)(const REAL *columns, int64_t count, struct coming coming,
                                           const struct NAMED(units) *units, int plain, int entropy) {
    struct entry_sums doubles = no_entry_sums();
    struct NAMED(sums) sums;
    int64_t i = 0;
    NAMED(begin)(&sums);
    for (int64_t flushed = 0; i + CONSTANT(CHAINS) <= count; i += CONSTANT(CHAINS)) {
        NAMED(add_vectors)(columns, units, plain, entropy, 1, 1, coming, i * LANES, &sums);
        if (i - flushed >= CONSTANT(BESIDE_CHUNK)) {
            NAMED(flush)(&sums, entropy, &doubles);
            flushed = i;
        }
    }
    for (; i < count; i++)
        NAMED(add_vector)(OP(load)(columns + i * LANES), units, plain, entropy, 1, &sums);
    NAMED(flush)(&sums, entropy, &doubles);
    doubles.ties = NAMED(ties_of)(&sums, count);
    return doubles;
}

/* The sums over whole rows, `count` vectors of them. */
INLINE void NAMED(collect_short)(const logits_job *job, const REAL *columns, int64_t count, struct coming coming,
                                 int entropy, struct state *s) {
    const int is_double = sizeof(REAL) == sizeof(double);
    struct NAMED(units) units;
    struct entry_sums sums;
    vd above = above_shift(s);
    units.top = OP(to_beside)(s->top);
    units.above = OP(to_beside)(above);
    units.lowest = OP(to_beside)(above - vset(CONSTANT(FLOOR) / job->inverse_high));
    units.shift = OP(to_beside)(s->shift);
    units.rounder = OP(to_beside)(vset(CONSTANT(ROUNDER) + CONSTANT(BIAS) + CONSTANT(OFFSET)) - s->exponent);
    units.inverse_high = OP(set)((REAL)job->inverse_high);
    units.inverse_low = OP(set)(NAMED(inverse_low)(job));
    if (is_plain(job, s))
        sums = NAMED(sum_beside)(columns, count, coming, &units, 1, entropy);
    else
        sums = NAMED(sum_beside)(columns, count, coming, &units, 0, entropy);
    if (!is_double || entropy) {
        sums.rest += sums.excess;
        sums.excess = vset(0);
    }
    add_to_state(s, &sums, entropy);
}

/* ---- one function for each use ---- */

static void NAMED(collect_long_plain)(const logits_job *job, const REAL *const *x, int64_t n, const struct coming *coming,
                                      int rows, struct state *s, vd *lowest) {
    NAMED(collect_long)(job, x, n, coming, rows, 0, s, lowest);
}

static void NAMED(collect_long_entropy)(const logits_job *job, const REAL *const *x, int64_t n, const struct coming *coming,
                                        int rows, struct state *s, vd *lowest) {
    NAMED(collect_long)(job, x, n, coming, rows, 1, s, lowest);
}

static void NAMED(collect_short_plain)(const logits_job *job, const REAL *columns, int64_t count,
                                       struct coming coming, struct state *s) {
    NAMED(collect_short)(job, columns, count, coming, 0, s);
}

static void NAMED(collect_short_entropy)(const logits_job *job, const REAL *columns, int64_t count,
                                         struct coming coming, struct state *s) {
    NAMED(collect_short)(job, columns, count, coming, 1, s);
}
