/* Ensembles over few classes: VL rows side by side, a lane each, so that nothing is added up across lanes. */
#ifndef FASTENT_LOGITS_MEMBERS_SHORT_H
#define FASTENT_LOGITS_MEMBERS_SHORT_H

#include "members.h"

#define SHORT_CLASSES 64

struct short_scratch {
    double *shares; /* members x classes x VL */
    double *entropy, *vote; /* of each member, VL each */
    double *buffer;
    char *raw;
};

static int is_short(const members_job *job) {
    return job->classes <= SHORT_CLASSES && job->members * job->classes * VL <= 2 * MEMBERS_ENTRIES;
}

static int64_t lay_out_short(struct short_scratch *s, char *scratch, const members_job *job) {
    char *at = (char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    s->shares = cut(&at, 8 * VL * job->members * job->classes);
    s->entropy = cut(&at, 8 * VL * job->members);
    s->vote = cut(&at, 8 * VL * job->members);
    s->buffer = cut(&at, 8 * VL * job->classes);
    s->raw = cut(&at, 8 * VL * job->classes);
    return at - scratch;
}

/* Entries of `rows` rows of one member become columns: class c of all rows at columns + c * VL. */
static void load_columns(const members_job *job, int64_t offset, int rows, double *columns, struct short_scratch *s) {
    const int64_t classes = job->classes, across = job->p.batch_strides[1], size = item_size(job->p.dtype);
    const double *from[VL] = {0};
    if (across == classes * size && job->p.along == size) {
        const char *next = job->p.data + offset + VL * across; /* its rows in the next tile */
        for (int64_t at = 0; at < rows * across; at += 64)
            PREFETCH_SECOND(next + at);
        from[0] = load_entries_double(&job->p, offset, 0, rows * classes, s->buffer, s->raw);
        for (int r = 1; r < rows; r++)
            from[r] = from[0] + r * classes;
    } else {
        for (int r = 0; r < rows; r++) {
            from[r] = s->buffer + r * classes;
            const double *x = load_entries_double(&job->p, offset + r * across, 0, classes, s->buffer + r * classes, s->raw);
            if (x != from[r])
                memcpy(s->buffer + r * classes, x, sizeof(double) * (size_t)classes);
        }
    }
    for (int r = rows; r < VL; r++)
        from[r] = from[0];
    int r = 0;
    for (; r + 2 <= VL; r += 2) {
        if (from[r + 1] - from[r] == classes)
            transpose_rows_double(from[r], classes, classes, columns + r, VL);
        else
            for (int64_t c = 0; c < classes; c++) {
                memcpy(columns + c * VL + r, from[r] + c, sizeof(double));
                memcpy(columns + c * VL + r + 1, from[r + 1] + c, sizeof(double));
            }
    }
    for (; r < VL; r++)
        for (int64_t c = 0; c < classes; c++)
            memcpy(columns + c * VL + r, from[r] + c, sizeof(double));
}

/* The sum of each row's weights times `scale`, to twice the digits before it is rounded: NaN where it overflows. */
INLINE vd sum_columns(const double *columns, int64_t classes, vd scale) {
    vd sum = vset(0), low = vset(0), lost;
    for (int64_t c = 0; c < classes; c++) {
        sum = vtwo_sum(sum, scale * vload(columns + c * VL), &lost);
        low += lost;
    }
    return sum + low;
}

/* Weights become shares; returns 1, or NaN where a row is invalid. What overflows, or has lost digits below the normal
 * numbers, is added up again, scaled by a power of two. */
INLINE vd normalise_columns(double *columns, int64_t classes) {
    const vd one = vset(1), nan = vset(NOT_A_NUMBER);
    vd sum = sum_columns(columns, classes, one), least = vset(INF);
    vd scale = vselect(vlt(sum, vset(0x1p-900)), vset(0x1p500), vselect(vlt(sum, vset(INF)), one, vset(0x1p-500)));
    if (vany(vdiffers(scale, one)))
        sum = sum_columns(columns, classes, scale);
    vd inverse = one / sum;
    for (int64_t c = 0; c < classes; c++) {
        vd weight = vload(columns + c * VL);
        least = vmin(least, weight);
        vstore(columns + c * VL, scale * weight * inverse);
    }
    vd valid = vselect(vlt(vset(0), sum), vselect(vlt(sum, vset(INF)), one, nan), nan);
    return vselect(vle(vset(0), least), valid, nan);
}

/* Logits become shares; *entropy is that of each row. */
INLINE vd soften_columns(double *columns, int64_t classes, vd *entropy) {
    const vd zero = vset(0), one = vset(1), nan = vset(NOT_A_NUMBER);
    vd top = vset(-INF), rest = zero, ties = zero, spread = zero;
    for (int64_t c = 0; c < classes; c++)
        top = vmax(vload(columns + c * VL), top);
    for (int64_t c = 0; c < classes; c++) {
        vd z = vload(columns + c * VL), gap = vmax(vset(-2000), z - top); /* a NaN stays */
        vm below = vdiffers(z, top);
        vd power = vexp_times(gap, one) + gap * zero;
        rest += vselect(below, power, zero);
        ties += vselect(below, zero, one);
        spread += vselect(below, power * -gap, zero);
        vstore(columns + c * VL, power);
    }
    rest += ties - one;
    vd valid = vselect(vle(zero, rest), vselect(vlt(vabs(top), vset(INF)), one, nan), nan);
    vd inverse = one / (one + rest);
    *entropy = vlog1p(rest) + spread * inverse;
    for (int64_t c = 0; c < classes; c++)
        vstore(columns + c * VL, vload(columns + c * VL) * inverse);
    return valid;
}

INLINE vd peeled_entropy(const struct peeled *s) { return s->entropy - (vset(1) - s->rest) * vlog1p(-s->rest); }

/* The first class with the largest share. */
INLINE vd first_largest(const double *columns, int64_t classes) {
    vd best = vload(columns), place = vset(0);
    for (int64_t c = 1; c < classes; c++) {
        vm more = vlt(best, vload(columns + c * VL));
        best = vselect(more, vload(columns + c * VL), best);
        place = vselect(more, vset((double)c), place);
    }
    return place;
}

static void give_lanes(const members_job *job, int which, int64_t row, int rows, vd value, int in_nats) {
    double lanes[VL];
    vstore(lanes, value);
    for (int r = 0; r < rows; r++)
        give_value(job, which, row + r, lanes[r], in_nats);
}

static void members_tile(const members_job *job, int64_t row, int rows, struct short_scratch *s) {
    const int own_entropy = job->values[MEMBERS_ALEATORIC] && !job->logits, information = job->values[MEMBERS_EPISTEMIC] != NULL;
    const int votes = job->values[MEMBERS_VARIATION_RATIO] || job->values[MEMBERS_VOTE_ENTROPY];
    const int of_mean = job->values[MEMBERS_TOTAL] || job->values[MEMBERS_MARGIN] || job->values[MEMBERS_LEAST_CONFIDENCE];
    const int64_t members = job->members, classes = job->classes, pitch = classes * VL;
    const vd zero = vset(0), one = vset(1), tiny = vset(0x1p-1000), share_of_one = one / vset((double)members);
    struct peeled mean = {zero, zero, zero, zero};
    vd valid = one, divergence = zero, aleatoric = zero, low = zero, lost, entropy = zero;
    for (int64_t m = 0; m < members; m++) /* all of them first: what was stored a moment ago is slow to read */
        load_columns(job, row * job->p.batch_strides[1] + m * job->p.batch_strides[0], rows, s->shares + m * pitch, s);
    for (int64_t m = 0; m < members; m++) {
        double *columns = s->shares + m * pitch;
        if (votes)
            vstore(s->vote + m * VL, first_largest(columns, classes));
        valid *= job->logits ? soften_columns(columns, classes, &entropy) : normalise_columns(columns, classes);
        if (own_entropy) {
            struct peeled own = {zero, zero, zero, zero};
            for (int64_t c = 0; c < classes; c++)
                peel(&own, vload(columns + c * VL));
            entropy = peeled_entropy(&own);
        }
        aleatoric = vtwo_sum(aleatoric, entropy, &lost);
        low += lost;
    }
    for (int64_t c = 0; c < classes; c++) {
        const double *column = s->shares + c * VL;
        vd sum = zero, first = vload(column), apart = zero, part = zero;
        for (int64_t m = 0; m < members; m++) {
            vd share = vload(column + m * pitch);
            sum += share;
            apart = vmax(vabs(share - first), apart);
        }
        vm same = all_agree(first, apart);
        vd average = vselect(same, first, sum * share_of_one);
        if (of_mean)
            peel(&mean, average);
        vd inverse = one / vmax(tiny, average);
        for (int64_t m = 0; m < members && information; m++) {
            vd share = vload(column + m * pitch);
            part += vratio_term(vmax(tiny, share * inverse), (share - average) * inverse);
        }
        divergence += vselect(same, zero, vselect(vlt(tiny, average), average * part, zero));
    }
    give_lanes(job, MEMBERS_TOTAL, row, rows, valid * peeled_entropy(&mean), 1);
    give_lanes(job, MEMBERS_ALEATORIC, row, rows, valid * ((aleatoric + low) / vset((double)members)), 1);
    give_lanes(job, MEMBERS_EPISTEMIC, row, rows, valid * vmax(zero, divergence * share_of_one), 1);
    give_lanes(job, MEMBERS_MARGIN, row, rows, valid * (mean.top - mean.second), 0);
    give_lanes(job, MEMBERS_LEAST_CONFIDENCE, row, rows, valid * mean.rest, 0);
    vd most = zero, vote_entropy = zero;
    for (int64_t c = 0; c < classes && votes; c++) {
        vd count = zero;
        for (int64_t m = 0; m < members; m++)
            count += vselect(veq(vload(s->vote + m * VL), vset((double)c)), one, zero);
        vd of_all = count / vset((double)members);
        most = vmax(of_all, most);
        vote_entropy += minus_x_log_x(of_all);
    }
    give_lanes(job, MEMBERS_VARIATION_RATIO, row, rows, valid * (one - most), 0);
    give_lanes(job, MEMBERS_VOTE_ENTROPY, row, rows, valid * vote_entropy, 1);
}

static void members_short(const members_job *job, int64_t begin, int64_t end, void *scratch) {
    struct short_scratch s;
    lay_out_short(&s, scratch, job);
    for (int64_t row = begin; row < end; row += VL)
        members_tile(job, row, end - row < VL ? (int)(end - row) : VL, &s);
}

#endif
