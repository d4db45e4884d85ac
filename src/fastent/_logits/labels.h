/* Losses of labels, in lanes of floats, for rows of logits between -88 T and 88 T: for most rows there are.
 *
 * With the label's own entry left out the loss is ln(1 + R), R the sum of exp((z - z_label)/T) over the others: never a
 * difference, so that nothing has to be known of the largest entry, and the entries are walked once, in units of 1. Rows
 * that floats have no room for are told by the bits of their exponents, or by the sum, and done as all others are; but
 * classes that are masked by a low number are no terms of the sum, and so are raised to the lowest that counts as none. A
 * job looks for them once it has found one: the bits of other rows are the same either way.
 *
 * Included after drive.h for floats; see lanes.h.
 */

/* k/unit + base has k + 127 in its last eight bits, and no other bit but the first of its exponent: every number whose
 * exponential is not between 2^-127, which counts as 0, and 2^128 leaves some other bit. */
#define ORDINARY_UNIT 0x1p22f
#define ORDINARY_BASE (2 + float_BIAS / ORDINARY_UNIT)
#define ORDINARY_BITS UINT32_C(0x400000ff)

#define ORDINARY 88.0        /* the same said of a logit over T */
#define ORDINARY_SUM 0x1p-80 /* below, terms of 2^-127 might show */
#define NO_TERM (-87.9f)     /* exp of this counts as 0 */
#define STEP (float_CHAINS * SL)
#define ORDINARY_CHUNK (8 * STEP)
#define AHEAD 2048           /* entries from the one that is read to the one that is fetched meanwhile */

/* ln 2 in one part: what it lacks is made up for in the sum of a row, where most is of nearly the same exponent */
#define ORDINARY_LN2 0x1.62e43p-1f

struct ordinary_units {
    vs inverse_high, inverse_low;
    float no_term; /* an entry that counts as none */
};

INLINE struct ordinary_units make_ordinary_units(const logits_job *job) {
    return (struct ordinary_units){sset((float)job->inverse_high), sset(inverse_low_float(job)),
                                   (float)(NO_TERM / job->inverse_high)};
}

struct ordinary_sums {
    vs powers, lost; /* the second: by roundings of the first */
    vs rests[float_CHAINS];
    vsi bits; /* that any exponent had */
};

/* The same of up to VL rows, each in its lane. */
struct ordinary_rows {
    vd sum;     /* of exp(z/T), without the label's */
    vd outside; /* 0 for rows of ordinary logits */
};

INLINE struct ordinary_sums no_ordinary_sums(vsi bits) {
    struct ordinary_sums sums = {.powers = sset(0), .lost = sset(0), .bits = bits};
    for (int c = 0; c < float_CHAINS; c++)
        sums.rests[c] = sset(0);
    return sums;
}

/* Adds q 2^k of exp(z/T) = 2^k (1 + q) to chain c; returns 2^k, and its exponent among the bits. `plain`: T is 1. */
INLINE vs add_ordinary(vs z, const struct ordinary_units *units, int plain, int c, struct ordinary_sums *sums, vsi *bits) {
    const vs base = sset(ORDINARY_BASE);
    vs x = plain ? z : z * units->inverse_high;
    vs rounded = sfma(x, sset((float)(1 / LN2) / ORDINARY_UNIT), base), power = sfrom_bits(sshift_bits(rounded));
    vs r = sfma(rounded - base, sset(-ORDINARY_LN2 * ORDINARY_UNIT), x);
    if (!plain)
        r += slost_product(z, units->inverse_high, x) + z * units->inverse_low;
    vs q = sfma(r * r, spolynomial(r, EXP_FLOATS, COUNT(EXP_FLOATS)), r);
    sums->rests[c] = sfma(power, q, sums->rests[c]);
    *bits = sbits(rounded);
    return power;
}

/* What the sum loses is kept: with positive numbers, or a smaller negative one, the larger one tells. */
INLINE void add_ordinary_powers(vs powers, struct ordinary_sums *sums) {
    vs larger = smax(powers, sums->powers), smaller = smin(powers, sums->powers);
    sums->powers += powers;
    sums->lost += smaller - (sums->powers - larger);
}

/* One vector. */
INLINE void add_ordinary_vector(vs z, const struct ordinary_units *units, int plain, struct ordinary_sums *sums) {
    vsi bits;
    add_ordinary_powers(add_ordinary(z, units, plain, 0, sums, &bits), sums);
    sums->bits |= bits;
}

INLINE struct coming behind(struct coming coming, int64_t entries) {
    coming.from += entries * coming.item;
    return coming;
}

/* The chains go to the sum that keeps what it loses: long ones would lose the same with each of many equal terms. */
INLINE void settle_rests(struct ordinary_sums *sums) {
    add_ordinary_powers(chained_float(sums->rests), sums);
    for (int c = 0; c < float_CHAINS; c++)
        sums->rests[c] = sset(0);
}

INLINE vd ordinary_sum(struct ordinary_sums *sums) {
    settle_rests(sums);
    return sfold(SUM, sums->powers) + sfold(SUM, sums->lost);
}

/* n entries, a multiple of STEP. */
INLINE void add_ordinary_steps(const float *x, int64_t n, const struct ordinary_units *units, int plain,
                               struct coming coming, struct ordinary_sums *sums) {
    for (int64_t start = 0; start < n; start += ORDINARY_CHUNK) {
        int64_t end = n - start < ORDINARY_CHUNK ? n : start + ORDINARY_CHUNK;
        for (int64_t i = start; i < end; i += STEP) {
            vs powers[float_CHAINS];
            vsi bits[float_CHAINS];
            for (int c = 0; c < float_CHAINS; c++) {
                PREFETCH(coming.from + (i + c * SL) * coming.item);
                powers[c] = add_ordinary(sload(x + i + c * SL), units, plain, c, sums, bits + c);
            }
            sums->bits = sany_bits(bits[2], bits[3], sany_bits(bits[0], bits[1], sums->bits));
            add_ordinary_powers((powers[0] + powers[1]) + (powers[2] + powers[3]), sums);
        }
        settle_rests(sums);
    }
}

/* Not 0 in lanes of logits that are not ordinary. */
INLINE vs outside(vsi bits) { return sabs(sfrom_int(bits & sset_bits(~ORDINARY_BITS))); }

INLINE int is_outside(vsi bits) { return sany(slt(sset(0), outside(bits))); }

/* n entries, none of them too low; NaN stays. */
INLINE void raise_low(float *to, const float *x, int64_t n, const struct ordinary_units *units) {
    for (int64_t i = 0; i < n; i += SL) {
        vs raised = smax(sset(units->no_term), part_float(x, n, i, 0));
        if (i + SL <= n)
            sstore(to + i, raised);
        else
            sstore_part(to + i, raised, n - i);
    }
}

/* ---- rows one by one ---- */

/* The sum over n entries of a row, lane by lane; entry number `label` is left out, if it is one of them. */
INLINE vd sum_ordinary(const float *x, int64_t n, int64_t label, const struct ordinary_units *units, int plain,
                       struct coming coming, vsi *bits) {
    struct ordinary_sums sums = no_ordinary_sums(*bits);
    float copy[STEP];
    int64_t whole = n / STEP * STEP, cut = label >= 0 && label < whole ? label / STEP * STEP : whole;
    add_ordinary_steps(x, cut, units, plain, coming, &sums);
    if (cut < whole) {
        memcpy(copy, x + cut, sizeof(copy));
        copy[label - cut] = units->no_term;
        add_ordinary_steps(copy, STEP, units, plain, behind(coming, cut), &sums);
        cut += STEP;
        add_ordinary_steps(x + cut, whole - cut, units, plain, behind(coming, cut), &sums);
    }
    for (int64_t i = whole; i < n; i += SL) {
        sstore(copy, part_float(x, n, i, units->no_term));
        if (label >= i && label < i + SL)
            copy[label - i] = units->no_term;
        add_ordinary_vector(sload(copy), units, plain, &sums);
    }
    *bits = sums.bits;
    return ordinary_sum(&sums);
}

/* The same of entries that may be too low. */
INLINE vd sum_block(const float *x, int64_t n, int64_t label, const struct ordinary_units *units, int plain, struct coming coming,
                    vsi *bits, struct workspace *w) {
    const vsi before = *bits;
    if (!w->low) {
        vd sum = sum_ordinary(x, n, label, units, plain, coming, bits);
        if (!is_outside(*bits))
            return sum;
        w->low = 1;
        *bits = before;
    }
    raise_low(w->again, x, n, units);
    return sum_ordinary(w->again, n, label, units, plain, coming, bits);
}

INLINE void sum_ordinary_long(struct walk_float *walk, const struct ordinary_units *units, int plain, struct ordinary_rows *found) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    struct pieces_float *pieces = &walk->z.pieces;
    int64_t block = block_length(job), item = item_size(job->z.dtype), n;
    vd sums[VL], others[VL];
    vsi bits[VL];
    for (int r = 0; r < g->rows; r++) {
        sums[r] = vset(0);
        bits[r] = sset_bits(0);
    }
    for (int64_t start = 0; start < job->length; start += n) {
        n = job->length - start < block ? job->length - start : block;
        load_group_float(&job->z, g->z, g->rows, start, n, walk->w->z, walk->w->raw, pieces);
        for (int r = 0; r < g->rows; r++) {
            const struct coming coming = {job->z.data + g->z[r] + (start + AHEAD) * item, item, 0};
            if (!is_outside(bits[r]))
                sums[r] += sum_block(pieces->of[r], n, job->labels[g->index[r]] - start, units, plain, coming, bits + r, walk->w);
        }
    }
    for (int r = 0; r < g->rows; r++)
        others[r] = sfold(HIGHEST, outside(bits[r]));
    found->sum = across_lanes(SUM, sums, g->rows);
    found->outside = across_lanes(HIGHEST, others, g->rows);
}

/* ---- rows side by side ---- */

static int64_t lay_ordinary_beside(struct walk_float *walk, const struct ordinary_units *units, float *columns) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    struct pieces_float *pieces = &walk->z.pieces;
    load_group_float(&job->z, g->z, g->rows, 0, job->length, walk->w->z, walk->w->raw, pieces);
    int64_t count = lay_beside_float(pieces->of, job->length, g->rows, columns, units->no_term, NULL, NULL);
    for (int r = 0; r < g->rows; r++)
        columns[splace_beside(r, job->labels[g->index[r]])] = units->no_term;
    return count;
}

INLINE struct ordinary_sums sum_ordinary_columns(const float *columns, int64_t count, const struct ordinary_units *units, int plain,
                                        struct coming coming) {
    struct ordinary_sums sums = no_ordinary_sums(sset_bits(0));
    int64_t whole = count / float_CHAINS * STEP;
    add_ordinary_steps(columns, whole, units, plain, coming, &sums);
    for (int64_t i = whole; i < count * SL; i += SL)
        add_ordinary_vector(sload(columns + i), units, plain, &sums);
    return sums;
}

/* The same of entries that may be too low. */
INLINE void sum_ordinary_beside(float *columns, int64_t count, const struct ordinary_units *units, int plain,
                                struct coming coming, struct workspace *w, struct ordinary_rows *found) {
    struct ordinary_sums sums;
    if (!w->low) {
        sums = sum_ordinary_columns(columns, count, units, plain, coming);
        w->low = is_outside(sums.bits);
    }
    if (w->low) {
        raise_low(columns, columns, count * SL, units);
        sums = sum_ordinary_columns(columns, count, units, plain, coming);
    }
    found->sum = ordinary_sum(&sums);
    found->outside = sfold(HIGHEST, outside(sums.bits));
}

/* ---- whole groups ---- */

/* What the sums say about the rows, with the label in the place of the top; the numbers of the rows, and of their entries.
 * Rows that are not ordinary are done in the other way. */
static void finish_label_losses(struct walk_float *walk, const struct ordinary_rows *found) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    const vd lacking = vset((double)ORDINARY_LN2 - LN2);
    vd exponent, logit = vload(g->label_logit), x = logit * vset(job->inverse_high);
    vsplit(found->sum, &exponent);
    vd sum = vfma(found->sum, lacking * exponent, found->sum), ratio = vexp_times(-x, sum);
    vd distance = vselect(veq(found->outside, vset(0)), vabs(x), vset(INF));
    vm ordinary = vle(vset(ORDINARY_SUM), vselect(vle(distance, vset(ORDINARY)), vselect(vlt(sum, vset(INF)), sum, vset(0)), vset(0)));
    if (job->mapping || job->class_weights) {
        struct state *s = &walk->z.state;
        vd of_label = sum / ratio, valid = vselect(ordinary, vset(1), vset(NOT_A_NUMBER));
        const struct row_sums sums = {valid, ratio * valid, vlog1p(ratio) * valid};
        *s = no_entries();
        s->top = logit;
        vsplit(sum + of_label, &s->exponent);
        s->unit = vscale(of_label, -s->exponent);
        finish_rows_float(walk, &sums, &sums);
    } else {
        store_values(job, g, vlog1p(ratio));
    }
    if (vall(ordinary))
        return;
    struct group others = rows_where(g, vnot(ordinary));
    if (others.rows > 0)
        do_groups_float(job, &others, 1, walk->w);
}

INLINE void label_losses(const logits_job *job, struct group *groups, int count, int plain, struct workspace *w) {
    const struct ordinary_units units = make_ordinary_units(job);
    const int64_t room = room_beside(job), item = item_size(job->z.dtype);
    struct walk_float walks[GROUPS];
    struct ordinary_rows found[GROUPS];
    int64_t vectors = 0;
    set_out_float(job, groups, count, w, walks);
    for (int i = 0; i < count; i++)
        if (lie_beside_float(job))
            vectors = lay_ordinary_beside(walks + i, &units, (float *)w->columns + i * room);
        else
            sum_ordinary_long(walks + i, &units, plain, found + i);
    for (int i = 0; i < count && lie_beside_float(job); i++) {
        const struct coming coming = {job->z.data + groups[i].z[0] + count * groups[i].rows * job->length * item, item, 0};
        sum_ordinary_beside((float *)w->columns + i * room, vectors, &units, plain, coming, w, found + i);
    }
    for (int i = 0; i < count; i++)
        finish_label_losses(walks + i, found + i);
}

static void do_label_losses(const logits_job *job, struct group *groups, int count, struct workspace *w) {
    logits_job losses;
    if (job->diagonal.data) { /* at the top it has the digits of what that leaves to others, unknown here */
        do_groups_float(job, groups, count, w);
        losses = *job;
        losses.diagonal.data = NULL;
        job = &losses;
    }
    if (job->inverse_high == 1)
        label_losses(job, groups, count, 1, w);
    else
        label_losses(job, groups, count, 0, w);
}
