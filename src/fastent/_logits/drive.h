/* One group of rows from load to store: both walks, the numbers of the rows, the numbers of their entries.
 *
 * Included once per REAL after load.h, collect.h and terms.h; see lanes.h.
 */

struct NAMED(pieces) {
    const REAL *of[VL];
    vd lowest; /* the smallest entry of each row, where divergences ask for it */
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

/* What the first walk finds of an array's rows. */
struct NAMED(found) {
    struct NAMED(pieces) pieces;
    struct state state;
};

static void NAMED(collect)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows, int entropy,
                           REAL *buffer, char *raw, struct NAMED(found) *found) {
    struct NAMED(pieces) *pieces = &found->pieces;
    int64_t block = block_length(job);
    vd *lowest = job->value == LOGITS_KL ? &pieces->lowest : NULL;
    struct coming coming[VL];
    for (int r = 0; r < rows; r++) {
        coming[r].item = item_size(operand->dtype);
        coming[r].far = job->length <= block && rows * job->length > NEAR_ENTRIES;
    }
    found->state = no_entries();
    pieces->lowest = vset(INF);
    for (int64_t start = 0; start < job->length; start += block) {
        int64_t n = job->length - start < block ? job->length - start : block;
        NAMED(load_group)(operand, offsets, rows, start, n, buffer, raw, pieces);
        for (int r = 0; r < rows; r++) /* the next block, or the rows below */
            coming[r].from = operand->data + offsets[r] + (start + (n < job->length ? n : rows * n)) * coming[r].item;
        if (entropy)
            NAMED(collect_long_entropy)(job, pieces->of, n, coming, rows, &found->state, lowest);
        else
            NAMED(collect_long_plain)(job, pieces->of, n, coming, rows, &found->state, lowest);
    }
}

/* Everything about a group that the second walk needs. */
struct NAMED(walk) {
    const logits_job *job;
    const struct group *group;
    struct workspace *w;
    struct NAMED(found) z, u;
    struct NAMED(known) p[VL], q[VL];
    struct NAMED(log_ratio) ratio[VL];
    struct NAMED(targets) targets[VL];
    int64_t at; /* where the pieces begin, -1 before any are loaded */
};

INLINE int NAMED(lie_beside)(const logits_job *job) {
    return job->length <= SHORT_ROW && job->length >= CONSTANT(BESIDE);
}

/* First walks over one array's rows of several groups. Those of short rows take turns step by step: while one waits for the
 * last numbers of a step the next has begun with it. */
static void NAMED(collect_groups)(const logits_job *job, int second, int entropy, int count, struct NAMED(walk) *walks,
                                  struct workspace *w) {
    const logits_operand *operand = second ? &job->u : &job->z;
    const int is_double = sizeof(REAL) == sizeof(double);
    const int64_t room = room_beside(job), item = item_size(operand->dtype);
    REAL *buffer = second ? w->u : w->z, *columns = w->columns;
    int64_t vectors = 0;
    for (int i = 0; i < count; i++) {
        const struct group *g = walks[i].group;
        struct NAMED(found) *found = second ? &walks[i].u : &walks[i].z;
        const int64_t *offsets = second ? g->u : g->z;
        if (!NAMED(lie_beside)(job)) {
            NAMED(collect)(job, operand, offsets, g->rows, entropy, buffer, w->raw, found);
            continue;
        }
        vd top;
        found->state = no_entries();
        found->pieces.lowest = vset(INF);
        NAMED(load_group)(operand, offsets, g->rows, 0, job->length, buffer, w->raw, &found->pieces);
        vectors = NAMED(lay_beside)(found->pieces.of, job->length, g->rows, columns + i * room,
                                    -(REAL)INF, &top, job->value == LOGITS_KL ? &found->pieces.lowest : NULL);
        raise_top(job, &found->state, top, is_double, entropy);
    }
    for (int i = 0; i < count && NAMED(lie_beside)(job); i++) {
        const struct group *g = walks[i].group;
        struct state *s = second ? &walks[i].u.state : &walks[i].z.state;
        const struct coming coming = {operand->data + (second ? g->u : g->z)[0] + count * g->rows * job->length * item, item, 0};
        if (entropy)
            NAMED(collect_short_entropy)(job, columns + i * room, vectors, coming, s);
        else
            NAMED(collect_short_plain)(job, columns + i * room, vectors, coming, s);
    }
}

/* In lanes of floats: rows whose rest those took for zero, again in doubles. */
#if !defined(DOUBLES)
static void NAMED(refine)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows, int entropy,
                          struct workspace *w, struct state *s, struct row_sums *sums) {
    vm again = vlt(sums->rest, vset(FLOAT_LOWEST_REST));
    if (!vany(again))
        return;
    struct found_double found;
    collect_double(job, operand, offsets, rows, entropy, w->again, w->raw, &found);
    const struct state *better = &found.state;
    struct row_sums better_sums = finish_sums(better, 1);
    s->shift = vselect(again, better->shift, s->shift);
    s->exponent = vselect(again, better->exponent, s->exponent);
    s->spread = vselect(again, better->spread * vset(0x1p-840), s->spread); /* in the units of floats */
    sums->rest = vselect(again, better_sums.rest, sums->rest);
    sums->log_sum = vselect(again, better_sums.log_sum, sums->log_sum);
    s->unit = vselect(again, better->unit, s->unit);
    s->unit_low = vselect(again, better->unit_low, s->unit_low);
    sums->valid = vselect(again, better_sums.valid, sums->valid);
}
#else
static void NAMED(refine)(const logits_job *job, const logits_operand *operand, const int64_t *offsets, int rows, int entropy,
                          struct workspace *w, struct state *s, struct row_sums *sums) {
    (void)job, (void)operand, (void)offsets, (void)rows, (void)entropy, (void)w, (void)s, (void)sums;
}
#endif

static int64_t NAMED(go_to)(struct NAMED(walk) *walk, int64_t start) {
    const logits_job *job = walk->job;
    int64_t block = block_length(job), n = job->length - start < block ? job->length - start : block;
    if (walk->at != start) {
        NAMED(load_group)(&job->z, walk->group->z, walk->group->rows, start, n, walk->w->z, walk->w->raw, &walk->z.pieces);
        if (job->u.data)
            NAMED(load_group)(&job->u, walk->group->u, walk->group->rows, start, n, walk->w->u, walk->w->raw, &walk->u.pieces);
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
            const REAL *z = walk->z.pieces.of[r], *u = job->u.data ? walk->u.pieces.of[r] : NULL;
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
            NAMED(map_row)(job->value, job->mapping, walk->p[r].plain, walk->z.pieces.of[r], job->u.data ? walk->u.pieces.of[r] : NULL,
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
    for (int r = 0; r < g->rows; r++)
        if (g->weight[r] == 0) { /* NaN, too, counts as nothing */
            write_zeros(&job->map, g->map[r], job->length);
            write_zeros(&job->diagonal, g->diagonal[r], job->length);
        } else if (vlane(value, r) != vlane(value, r)) {
            write_nans(&job->map, g->map[r], job->length);
            write_nans(&job->diagonal, g->diagonal[r], job->length);
        }
}

/* The numbers of a group whose first walks are done; `z`, `u`: what they found. */
static void NAMED(finish_rows)(struct NAMED(walk) *walk, const struct row_sums *z, const struct row_sums *u) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    const int is_double = sizeof(REAL) == sizeof(double), pairs = is_of_pairs(job);
    const int targets = job->value == LOGITS_TARGET_LOSS || (job->value == LOGITS_LABEL_LOSS && job->smoothing != 0);
    const struct state *s = &walk->z.state, *t = &walk->u.state;
    vd total = vset(0), mass = target_mass(job, g);
    if (pairs || targets || job->mapping) {
        const int lowest = job->value == LOGITS_KL;
        NAMED(know)(job, s, z, g->rows, lowest ? &walk->z.pieces.lowest : NULL, walk->p);
        if (pairs)
            NAMED(know)(job, t, u, g->rows, lowest ? &walk->u.pieces.lowest : NULL, walk->q);
        for (int r = 0; r < g->rows; r++) {
            if (pairs)
                walk->ratio[r] = NAMED(make_log_ratio)(job, walk->p + r, walk->q + r);
            walk->targets[r].keep = (REAL)(1 - job->smoothing);
            walk->targets[r].even = (REAL)(job->smoothing / (double)job->length);
        }
        if (pairs || targets) {
            vd found;
            NAMED(second_sums)(walk, &total, &found);
            if (job->value == LOGITS_TARGET_LOSS || job->value == LOGITS_JS)
                mass = found;
        }
    }
    vd value = row_value(job, g, s, z, u, is_double, total, mass);
    store_values(job, g, value);
    if (job->mapping)
        NAMED(write_maps)(walk, s, z, value, mass);
}

static void NAMED(finish_group)(struct NAMED(walk) *walk) {
    const logits_job *job = walk->job;
    const struct group *g = walk->group;
    const int is_double = sizeof(REAL) == sizeof(double), entropy = job->value == LOGITS_ENTROPY, pairs = is_of_pairs(job);
    struct state *s = &walk->z.state, *t = &walk->u.state;
    struct row_sums z = finish_sums(s, is_double), u = z;
    NAMED(refine)(job, &job->z, g->z, g->rows, entropy, walk->w, s, &z);
    if (pairs) {
        u = finish_sums(t, is_double);
        NAMED(refine)(job, &job->u, g->u, g->rows, 0, walk->w, t, &u);
    }
    NAMED(finish_rows)(walk, &z, &u);
#if !defined(DOUBLES)
    if (pairs) {
        struct group huge = rows_where(g, vlt(vset(HUGE_FLOAT), vmax(vabs(s->top), vabs(t->top))));
        if (huge.rows > 0)
            do_groups_double(job, &huge, 1, walk->w);
    }
#endif
}

static void NAMED(set_out)(const logits_job *job, struct group *groups, int count, struct workspace *w,
                           struct NAMED(walk) *walks) {
    const int pairs = is_of_pairs(job), kept = count == 1 || (NAMED(is_direct)(&job->z) && (!job->u.data || NAMED(is_direct)(&job->u)));
    for (int i = 0; i < count; i++) {
        walks[i].job = job;
        walks[i].group = groups + i;
        walks[i].w = w;
        walks[i].at = kept && job->length <= block_length(job) && (!job->u.data || pairs) ? 0 : -1;
        find_labels(job, groups + i); /* long before they are needed */
    }
}

static void NAMED(do_groups)(const logits_job *job, struct group *groups, int count, struct workspace *w) {
    struct NAMED(walk) walks[GROUPS];
    const int pairs = is_of_pairs(job);
    NAMED(set_out)(job, groups, count, w, walks);
    NAMED(collect_groups)(job, 0, job->value == LOGITS_ENTROPY, count, walks, w);
    if (pairs)
        NAMED(collect_groups)(job, 1, 0, count, walks, w);
    for (int i = 0; i < count; i++)
        NAMED(finish_group)(walks + i);
}
