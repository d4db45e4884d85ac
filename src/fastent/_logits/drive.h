/* One group of rows from load to store: both walks, the numbers of the rows, the numbers of their entries.
 *
 * Included once per REAL after load.h, collect.h and terms.h; see lanes.h.
 */

struct NAMED(pieces) {
    const REAL *of[VL];
    VEC lowest[VL]; /* the smallest entries of each row, where divergences ask for them */
};

/* The entries [start, start + n) of the group's rows. */
static void NAMED(load_group)(const logits_operand *operand, const int64_t *offsets, int rows, int64_t start, int64_t n,
                              REAL *buffer, char *raw, struct NAMED(pieces) *pieces) {
    int64_t step = rows > 1 ? offsets[1] - offsets[0] : 0, size = item_size(operand->dtype);
    int beside = rows > 1 && operand->along != size && (step == size || step == -size);
    REAL *targets[VL];
    for (int r = 0; r < rows; r++) {
        targets[r] = buffer + r * n;
        pieces->of[r] = targets[r];
        beside = beside && offsets[r] == offsets[0] + r * step;
    }
    if (beside) {
        NAMED(load_beside)(operand, offsets[0], step, rows, start, n, targets);
        return;
    }
    for (int r = 0; r < rows; r++)
        pieces->of[r] = NAMED(load_entries)(operand, offsets[r], start, n, targets[r], raw);
}

static struct state NAMED(collect)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows,
                                   int entropy, REAL *buffer, char *raw, struct NAMED(pieces) *pieces) {
    struct state s = no_entries();
    struct ahead ahead = {.size = item_size(operand->dtype)};
    ahead.far = job->length <= block_length(job) && rows * job->length > NEAR_ENTRIES;
    int64_t block = block_length(job);
    VEC *lowest = job->value == LOGITS_KL ? pieces->lowest : NULL;
    for (int r = 0; r < rows; r++)
        pieces->lowest[r] = OP(set)((REAL)INF);
    for (int64_t start = 0; start < job->length; start += block) {
        int64_t n = job->length - start < block ? job->length - start : block;
        NAMED(load_group)(operand, offsets, rows, start, n, buffer, raw, pieces);
        for (int r = 0; r < rows; r++) /* the next block, or the rows below */
            ahead.at[r] = operand->data + offsets[r] + (start + (n < job->length ? n : rows * n)) * ahead.size;
        if (entropy)
            NAMED(collect_entropy)(job, pieces->of, n, &ahead, rows, &s, lowest);
        else
            NAMED(collect_plain)(job, pieces->of, n, &ahead, rows, &s, lowest);
    }
    return s;
}

/* In lanes of floats: rows whose rest those took for zero, again in doubles. */
#if !defined(DOUBLES)
static void NAMED(refine)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows, int entropy,
                          struct workspace *w, struct state *s, struct row_sums *sums) {
    vm again = vlt(sums->rest, vset(FLOAT_LOWEST_REST));
    if (!vany(again))
        return;
    struct pieces_double pieces;
    struct state better = collect_double(job, operand, offsets, rows, entropy, w->again, w->raw, &pieces);
    struct row_sums better_sums = finish_sums(&better, 1);
    s->shift = vselect(again, better.shift, s->shift);
    s->exponent = vselect(again, better.exponent, s->exponent);
    s->spread = vselect(again, better.spread * vset(0x1p-840), s->spread); /* in the units of floats */
    sums->rest = vselect(again, better_sums.rest, sums->rest);
    sums->log_sum = vselect(again, better_sums.log_sum, sums->log_sum);
    s->unit = vselect(again, better.unit, s->unit);
    s->unit_low = vselect(again, better.unit_low, s->unit_low);
    sums->valid = vselect(again, better_sums.valid, sums->valid);
}
#else
static void NAMED(refine)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows, int entropy,
                          struct workspace *w, struct state *s, struct row_sums *sums) {
    (void)job, (void)operand, (void)offsets, (void)rows, (void)entropy, (void)w, (void)s, (void)sums;
}
#endif

/* Everything about a group that the second walk needs. */
struct NAMED(walk) {
    const logits_job *job;
    const struct group *group;
    struct workspace *w;
    struct NAMED(pieces) z, u;
    struct NAMED(known) p[VL], q[VL];
    struct NAMED(log_ratio) ratio[VL];
    struct NAMED(targets) targets[VL];
    int64_t at; /* where the pieces begin, -1 before any are loaded */
};

static int64_t NAMED(go_to)(struct NAMED(walk) *walk, int64_t start) {
    const logits_job *job = walk->job;
    int64_t block = block_length(job), n = job->length - start < block ? job->length - start : block;
    if (walk->at != start) {
        NAMED(load_group)(&job->z, walk->group->z, walk->group->rows, start, n, walk->w->z, walk->w->raw, &walk->z);
        if (job->u.data)
            NAMED(load_group)(&job->u, walk->group->u, walk->group->rows, start, n, walk->w->u, walk->w->raw, &walk->u);
        walk->at = start;
    }
    return n;
}

INLINE const REAL *NAMED(class_weights)(const logits_job *job, int64_t start) {
    const void *weights = sizeof(REAL) == sizeof(double) ? (const void *)job->class_weights : (const void *)job->class_weights_float;
    return weights ? (const REAL *)weights + start : NULL;
}

/* The sums of the second walk, each row in its lane; `mass`: of the targets. */
static void NAMED(second_sums)(struct NAMED(walk) *walk, vd *total, vd *mass) {
    const logits_job *job = walk->job;
    vd sums[VL], masses[VL];
    for (int r = 0; r < VL; r++)
        sums[r] = masses[r] = vset(0);
    int64_t n;
    for (int64_t start = 0; start < job->length; start += n) {
        n = NAMED(go_to)(walk, start);
        for (int r = 0; r < walk->group->rows; r++) {
            const REAL *z = walk->z.of[r], *u = job->u.data ? walk->u.of[r] : NULL;
            vd part, more = vset(0);
            const struct NAMED(known) *p = walk->p + r, *q = walk->q + r;
            if (job->value == LOGITS_CROSS_ENTROPY || job->value == LOGITS_JS)
                part = NAMED(sum_pairs)(job->value, job->mapping, z, u, n, p, q, walk->ratio + r, &more);
            else if (job->value == LOGITS_KL && p->all_high && q->all_high)
                part = vset(p->factor) * NAMED(sum_kl)(1, z, u, n, p, q, walk->ratio + r);
            else if (job->value == LOGITS_KL)
                part = vset(p->factor) * NAMED(sum_kl)(0, z, u, n, p, q, walk->ratio + r);
            else
                NAMED(sum_targets)(z, u, NAMED(class_weights)(job, start), n, p, walk->targets[r], &more, &part);
            sums[r] += part;
            masses[r] += more;
        }
    }
    *total = across_lanes(SUM, sums, walk->group->rows);
    *mass = across_lanes(SUM, masses, walk->group->rows);
}

/* The numbers of all entries, from the value and the mass of the targets of each row. `s`, `sums`: of z. */
static void NAMED(write_maps)(struct NAMED(walk) *walk, const struct state *s, const struct row_sums *sums, vd value, vd mass) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    const int labels = job->value == LOGITS_LABEL_LOSS, label_gradients = labels && job->mapping == LOGITS_GRADIENT;
    double scales[VL], of_softmax[VL], of_labels[VL] = {0};
    vd scale = vload(g->weight) * vset(job->map_scale) * vset(job->inverse_high);
    vstore(scales, scale);
    vstore(of_softmax, labels || job->value == LOGITS_TARGET_LOSS ? scale * mass : scale);
    if (label_gradients)
        vstore(of_labels, label_slopes(job, g, s, sums, mass, scale));
    struct NAMED(slopes) slopes[VL] = {0};
    for (int r = 0; r < g->rows; r++) {
        double rest = walk->p[r].rest;
        if (job->value == LOGITS_KL && job->mapping == LOGITS_GRADIENT)
            rest = walk->q[r].rest;
        slopes[r].scale = (REAL)of_softmax[r];
        slopes[r].target = (REAL)scales[r];
        slopes[r].value = (REAL)vlane(value, r);
        slopes[r].mass = (REAL)vlane(mass, r);
        slopes[r].second = (REAL)(of_softmax[r] * job->inverse_high);
        slopes[r].top_second = (REAL)(of_softmax[r] * job->inverse_high * (rest / (1 + rest) / (1 + rest)));
        slopes[r].targets = walk->targets[r];
    }
    int64_t n;
    for (int64_t start = 0; start < job->length; start += n) {
        n = NAMED(go_to)(walk, start);
        for (int r = 0; r < g->rows; r++) {
            REAL *map = NAMED(place_of)(&job->map, g->map[r], start, walk->w->map);
            REAL *diagonal = job->diagonal.data ? NAMED(place_of)(&job->diagonal, g->diagonal[r], start, walk->w->diagonal) : NULL;
            NAMED(map_row)(job->value, job->mapping, walk->p[r].plain, walk->z.of[r], job->u.data ? walk->u.of[r] : NULL,
                           NAMED(class_weights)(job, start), n, walk->p + r, walk->q + r, walk->ratio + r, slopes + r, map,
                           diagonal);
            int64_t label = label_gradients ? job->labels[g->index[r]] - start : -1;
            if (label >= 0 && label < n)
                map[label] = (REAL)of_labels[r];
            NAMED(put_entries)(&job->map, g->map[r], start, n, map);
            if (diagonal)
                NAMED(put_entries)(&job->diagonal, g->diagonal[r], start, n, diagonal);
        }
    }
    for (int r = 0; r < g->rows; r++) /* NaN, too, counts as nothing */
        if (g->weight[r] == 0) {
            write_zeros(&job->map, g->map[r], job->length);
            write_zeros(&job->diagonal, g->diagonal[r], job->length);
        }
}

static void NAMED(do_group)(const logits_job *job, struct group *g, struct workspace *w) {
    const int is_double = sizeof(REAL) == sizeof(double), entropy = job->value == LOGITS_ENTROPY;
    const int pairs = job->value == LOGITS_CROSS_ENTROPY || job->value == LOGITS_KL || job->value == LOGITS_JS;
    const int lowest = job->value == LOGITS_KL;
    const int targets = job->value == LOGITS_TARGET_LOSS || (job->value == LOGITS_LABEL_LOSS && job->smoothing != 0);
    struct NAMED(walk) walk;
    walk.job = job;
    walk.group = g;
    walk.w = w;
    walk.at = -1;
    find_labels(job, g); /* long before they are needed */
    struct state s = NAMED(collect)(job, &job->z, g->z, g->rows, entropy, w->z, w->raw, &walk.z), t = s;
    struct row_sums z = finish_sums(&s, is_double), u = z;
    NAMED(refine)(job, &job->z, g->z, g->rows, entropy, w, &s, &z);
    if (pairs) {
        t = NAMED(collect)(job, &job->u, g->u, g->rows, 0, w->u, w->raw, &walk.u);
        u = finish_sums(&t, is_double);
        NAMED(refine)(job, &job->u, g->u, g->rows, 0, w, &t, &u);
    }
    if (job->length <= block_length(job) && (!job->u.data || pairs))
        walk.at = 0;
    vd total = vset(0), mass = target_mass(job, g);
    if (pairs || targets || job->mapping) {
        NAMED(know)(job, &s, &z, g->rows, lowest ? walk.z.lowest : NULL, walk.p);
        if (pairs)
            NAMED(know)(job, &t, &u, g->rows, lowest ? walk.u.lowest : NULL, walk.q);
        for (int r = 0; r < g->rows; r++) {
            if (pairs)
                walk.ratio[r] = NAMED(make_log_ratio)(job, walk.p + r, walk.q + r);
            walk.targets[r].keep = (REAL)(1 - job->smoothing);
            walk.targets[r].even = (REAL)(job->smoothing / (double)job->length);
        }
        if (pairs || targets) {
            vd found;
            NAMED(second_sums)(&walk, &total, &found);
            if (job->value == LOGITS_TARGET_LOSS || job->value == LOGITS_JS)
                mass = found;
        }
    }
    vd value = row_value(job, g, &s, &z, &u, is_double, total, mass);
    store_values(job, g, value);
    if (job->mapping)
        NAMED(write_maps)(&walk, &s, &z, value, mass);
#if !defined(DOUBLES)
    if (pairs)
        do_huge_rows(job, g, vmax(vabs(s.top), vabs(t.top)), w);
#endif
}
