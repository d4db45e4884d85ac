/* Losses of labels, in lanes of floats, for rows of logits between -88 T and 88 T: for most rows there are.
 *
 * With the label's own entry left out the loss is ln(1 + R), R the sum of exp((z - z_label)/T) over the others: never a
 * difference, so that nothing has to be known of the largest entry, and the entries are walked once, in units of 1. What
 * floats have no room for shows in the largest distance from 0 or in the sum; such rows are done as all others are.
 *
 * Included after drive.h for floats; see lanes.h.
 */

#define ORDINARY 88.25f      /* as far from 0: exponents of exp(x) from -127, which counts as 0, to 127 */
#define ORDINARY_SUM 0x1p-80 /* below, terms of 2^-127 might show */
#define NO_TERM (-88.02969f) /* exp of this counts as 0 */
#define STEP (float_CHAINS * SL)

/* ln 2 in one part: what it lacks is made up for in the sum of a row, where most is of nearly the same exponent */
#define ORDINARY_LN2 0x1.62e43p-1f

struct ordinary_units {
    vs inverse_high, inverse_low;
    vs limit;      /* of the distance of entries from 0 */
    float no_term; /* an entry that counts as none */
};

INLINE struct ordinary_units make_ordinary_units(const logits_job *job) {
    const double temperature = 1 / job->inverse_high;
    return (struct ordinary_units){sset((float)job->inverse_high), sset(inverse_low_float(job)),
                                   sset((float)(ORDINARY * temperature)), (float)(NO_TERM * temperature)};
}

struct ordinary_sums {
    vs powers, lost, rests[float_CHAINS];
    vs farthest; /* of the entries from 0 */
};

/* The same of up to VL rows, each in its lane. */
struct ordinary_rows {
    vd sum; /* of exp(z/T), without the label's */
    vd farthest;
};

INLINE void begin_ordinary(struct ordinary_sums *sums) {
    sums->powers = sums->lost = sset(0);
    for (int c = 0; c < float_CHAINS; c++)
        sums->rests[c] = sset(0);
}

/* Adds q 2^k of exp(z/T) = 2^k (1 + q) to chain c; returns 2^k. `plain`: T is 1. */
INLINE vs add_ordinary(vs z, const struct ordinary_units *units, int plain, int c, struct ordinary_sums *sums) {
    const vs rounder = sset(float_ROUNDER + float_BIAS);
    vs x = plain ? z : z * units->inverse_high;
    vs rounded = sfma(x, sset((float)(1 / LN2)), rounder), power = sfrom_bits(sshift_bits(rounded));
    vs r = sfma(rounded - rounder, sset(-ORDINARY_LN2), x);
    if (!plain)
        r += slost_product(z, units->inverse_high, x) + z * units->inverse_low;
    vs q = sfma(r * r, spolynomial(r, EXP_FLOATS, COUNT(EXP_FLOATS)), r);
    sums->rests[c] = sfma(power, q, sums->rests[c]);
    sums->farthest = sfarther(z, sums->farthest);
    return power;
}

INLINE void add_ordinary_powers(vs powers, struct ordinary_sums *sums) {
    vs lost;
    sums->powers = stwo_sum(sums->powers, powers, &lost);
    sums->lost += lost;
}

/* n entries, a multiple of STEP. */
INLINE void add_ordinary_steps(const float *x, int64_t n, const struct ordinary_units *units, int plain,
                               struct coming coming, struct ordinary_sums *sums) {
    vs powers[float_CHAINS];
    for (int64_t i = 0; i < n; i += STEP) {
        const char *line = coming.from + i * coming.item;
        for (int c = 0; c < float_CHAINS; c++) {
            if (coming.far)
                PREFETCH_SECOND(line + c * SL * coming.item);
            else
                PREFETCH(line + c * SL * coming.item);
            powers[c] = add_ordinary(sload(x + i + c * SL), units, plain, c, sums);
        }
        add_ordinary_powers((powers[0] + powers[1]) + (powers[2] + powers[3]), sums);
    }
}

INLINE vd ordinary_sum(const struct ordinary_sums *sums) {
    return sfold(SUM, sums->powers) + sfold(SUM, chained_float(sums->rests) + sums->lost);
}

/* ---- rows one by one ---- */

INLINE struct coming behind(struct coming coming, int64_t entries) {
    coming.from += entries * coming.item;
    return coming;
}

/* `length` entries of a chunk but number `out`, if that is one of them. */
INLINE void add_ordinary_chunk(const float *x, int64_t length, int64_t out, const struct ordinary_units *units, int plain,
                               struct coming coming, struct ordinary_sums *sums) {
    float copy[STEP];
    int64_t whole = length / STEP * STEP, cut = out >= 0 && out < whole ? out / STEP * STEP : whole;
    add_ordinary_steps(x, cut, units, plain, coming, sums);
    if (cut < whole) {
        memcpy(copy, x + cut, sizeof(copy));
        copy[out - cut] = units->no_term;
        add_ordinary_steps(copy, STEP, units, plain, behind(coming, cut), sums);
        cut += STEP;
        add_ordinary_steps(x + cut, whole - cut, units, plain, behind(coming, cut), sums);
    }
    for (int64_t i = whole; i < length; i += SL) {
        sstore(copy, part_float(x, length, i, units->no_term));
        if (out >= i && out < i + SL)
            copy[out - i] = units->no_term;
        sums->powers += add_ordinary(sload(copy), units, plain, 0, sums);
    }
}

/* The sum over n entries of a row, lane by lane; entry number `label` is left out, if it is one of them. */
INLINE vd sum_ordinary(const float *x, int64_t n, int64_t label, const struct ordinary_units *units, int plain,
                       struct coming coming, vs *farthest) {
    struct ordinary_sums sums;
    vd total = vset(0);
    sums.farthest = *farthest;
    for (int64_t start = 0; start < n && !sany(slt(units->limit, sums.farthest)); start += float_CHUNK) {
        int64_t length = n - start < float_CHUNK ? n - start : float_CHUNK;
        begin_ordinary(&sums);
        add_ordinary_chunk(x + start, length, label - start, units, plain, behind(coming, start), &sums);
        total += ordinary_sum(&sums);
    }
    *farthest = sums.farthest;
    return total;
}

INLINE void sum_ordinary_long(struct walk_float *walk, const struct ordinary_units *units, int plain, struct ordinary_rows *found) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    struct pieces_float *pieces = &walk->z.pieces;
    struct coming coming[VL];
    int64_t block = block_length(job), n;
    vd sums[VL], far[VL];
    vs farthest[VL];
    for (int r = 0; r < g->rows; r++) {
        sums[r] = vset(0);
        farthest[r] = sset(0);
    }
    for (int64_t start = 0; start < job->length; start += n) {
        n = job->length - start < block ? job->length - start : block;
        load_group_float(&job->z, g->z, g->rows, start, n, walk->w->z, walk->w->raw, pieces);
        look_ahead_float(job, &job->z, g->z, g->rows, start, n, coming);
        for (int r = 0; r < g->rows; r++)
            sums[r] += sum_ordinary(pieces->of[r], n, job->labels[g->index[r]] - start, units, plain, coming[r], farthest + r);
    }
    for (int r = 0; r < g->rows; r++)
        far[r] = vmax(swiden(farthest[r], 0), swiden(farthest[r], 1));
    found->sum = across_lanes(SUM, sums, g->rows);
    found->farthest = across_lanes(HIGHEST, far, g->rows);
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

INLINE void sum_ordinary_beside(const float *columns, int64_t count, const struct ordinary_units *units, int plain,
                                struct coming coming, struct ordinary_rows *found) {
    struct ordinary_sums sums;
    int64_t whole = count / float_CHAINS * STEP;
    sums.farthest = sset(0);
    begin_ordinary(&sums);
    add_ordinary_steps(columns, whole, units, plain, coming, &sums);
    for (int64_t i = whole; i < count * SL; i += SL)
        add_ordinary_powers(add_ordinary(sload(columns + i), units, plain, 0, &sums), &sums);
    found->sum = ordinary_sum(&sums);
    found->farthest = sfold(HIGHEST, sums.farthest);
}

/* ---- whole groups ---- */

/* What the sums say about the rows, with the label in the place of the top; the numbers of the rows, and of their entries.
 * Rows that are not ordinary are done in the other way. */
static void finish_label_losses(struct walk_float *walk, const struct ordinary_units *units, const struct ordinary_rows *found) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    const vd lacking = vset((double)ORDINARY_LN2 - LN2);
    vd exponent, logit = vload(g->label_logit);
    vsplit(found->sum, &exponent);
    vd sum = vfma(found->sum, lacking * exponent, found->sum), ratio = vexp_times(-logit * vset(job->inverse_high), sum);
    vm near = vle(vmax(vabs(logit), found->farthest), swiden(units->limit, 0));
    vm ordinary = vle(vset(ORDINARY_SUM), vselect(near, vselect(vlt(ratio, vset(INF)), sum, vset(0)), vset(0)));
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
        sum_ordinary_beside((const float *)w->columns + i * room, vectors, &units, plain, coming, found + i);
    }
    for (int i = 0; i < count; i++)
        finish_label_losses(walks + i, &units, found + i);
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
