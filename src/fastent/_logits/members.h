/* Ensembles: what the members of a row agree on, from blocks of classes of all members, without an array of means.
 *
 * Two walks: the normalisers of the members, then every term. Entropies leave the largest share out and add it as a
 * logarithm of what the others have, so that confident rows keep their digits; the information that members carry is a
 * sum of divergences from their mean, which is never negative.
 */
#ifndef FASTENT_LOGITS_MEMBERS_H
#define FASTENT_LOGITS_MEMBERS_H

#include "state.h"

#define MEMBERS_ENTRIES 32768 /* shares in scratch memory */

/* Shares of a distribution, lane by lane: the two largest, and the others' sum and entropy. */
struct peeled {
    vd top, second, rest, entropy;
};

struct uncertainty_scratch {
    struct known_double *known;
    double *normaliser, *scale;
    double *shares;     /* members x block */
    struct peeled *own; /* of each member */
    double *best;       /* of each member: its largest entry, */
    int64_t *vote;      /* and where */
    double *entropy;
    double *buffer;
    char *raw;
};

/* Where the shares of all members are no farther from the first one's than the roundings of their sums and quotients: what
 * such distances would add up to says nothing. */
INLINE vm all_agree(vd first, vd apart) { return vle(apart, first * vset(0x1p-50)); }

INLINE vd minus_x_log_x(vd x) { return vselect(vlt(vset(0), x), -x * vlog(x), vset(0)); }

INLINE void peel(struct peeled *s, vd share) {
    vd low = vmin(share, s->top);
    s->top = vmax(share, s->top);
    s->second = vmax(low, s->second);
    s->rest += low;
    s->entropy += minus_x_log_x(low);
}

/* All lanes as one: largest, second, sum of all but the largest, entropy. */
struct peeled_row {
    double top, second, rest, entropy;
};

static struct peeled_row peeled_total(const struct peeled *s) {
    struct peeled_row row = {0};
    double entropies[VL] = {0};
    for (int i = 0; i < VL; i++) {
        double top = vlane(s->top, i), second = vlane(s->second, i);
        double low = top < row.top ? top : row.top;
        row.second = row.second > second ? row.second : second;
        row.second = row.second > low ? row.second : low;
        row.top = top > row.top ? top : row.top;
        row.rest += vlane(s->rest, i) + low;
        row.entropy += vlane(s->entropy, i);
        entropies[i] = low;
    }
    vd lows = minus_x_log_x(vload(entropies));
    for (int i = 0; i < VL; i++)
        row.entropy += vlane(lows, i);
    row.entropy -= (1 - row.rest) * vlane(vlog1p(vset(-row.rest)), 0);
    return row;
}

static int64_t members_block(const members_job *job) {
    int64_t block = MEMBERS_ENTRIES / job->members / VL * VL;
    block = block < VL ? VL : block;
    return job->classes < block ? job->classes : block;
}

static int64_t lay_out_members(struct uncertainty_scratch *s, char *scratch, const members_job *job) {
    int64_t members = job->members, pitch = (members_block(job) + VL - 1) / VL * VL;
    char *at = (char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    s->known = cut(&at, (int64_t)sizeof(struct known_double) * members);
    s->normaliser = cut(&at, 8 * members);
    s->scale = cut(&at, 8 * members);
    s->shares = cut(&at, 8 * members * pitch);
    s->own = cut(&at, (int64_t)sizeof(struct peeled) * members);
    s->best = cut(&at, 8 * members);
    s->vote = cut(&at, 8 * members);
    s->entropy = cut(&at, 8 * members);
    s->buffer = cut(&at, 8 * VL * BLOCK);
    s->raw = cut(&at, 8 * BLOCK);
    return at - scratch;
}

/* Logits: what turns a member's entries into shares, and its entropy. */
static int know_logits(const members_job *job, int64_t offset, struct uncertainty_scratch *s) {
    logits_job rows = {.z = job->p, .length = job->classes, .inverse_high = 1, .value = LOGITS_ENTROPY};
    struct found_double found;
    for (int64_t first = 0; first < job->members; first += VL) {
        int count = job->members - first < VL ? (int)(job->members - first) : VL;
        int64_t offsets[VL];
        for (int r = 0; r < count; r++)
            offsets[r] = offset + (first + r) * job->p.batch_strides[0];
        int64_t step = rows_together(&rows);
        for (int64_t r = 0; r < count; r += step) {
            int part = count - r < step ? (int)(count - r) : (int)step;
            collect_double(&rows, &job->p, offsets + r, part, 1, s->buffer, s->raw, &found);
            struct row_sums sums = finish_sums(&found.state, 1);
            vd entropy = sums.log_sum + mean_gap(&found.state, &sums, 1);
            know_double(&rows, &found.state, &sums, part, NULL, s->known + first + r);
            for (int i = 0; i < part; i++) {
                s->entropy[first + r + i] = vlane(entropy, i);
                if (vlane(sums.valid, i) != 1)
                    return 0;
            }
        }
    }
    return 1;
}

/* The sum of a member's entries times `scale`, to twice the digits before it is rounded, and its least entry. */
static double scaled_sum(const members_job *job, int64_t offset, double scale, struct uncertainty_scratch *s, double *least) {
    vd sum = vset(0), lows = vset(0), lost, smallest = vset(INF);
    for (int64_t start = 0, n; start < job->classes; start += n) {
        n = job->classes - start < BLOCK ? job->classes - start : BLOCK;
        const double *x = load_entries_double(&job->p, offset, start, n, s->buffer, s->raw);
        for (int64_t i = 0; i < n; i += VL) {
            sum = vtwo_sum(sum, vset(scale) * part_double(x, n, i, 0), &lost);
            lows += lost;
            smallest = vmin(part_double(x, n, i, 0), smallest);
        }
    }
    vd total = vset(0), low = vset(0);
    *least = INF;
    for (int i = 0; i < VL; i++) {
        total = vtwo_sum(total, vset(vlane(sum, i)), &lost);
        low += lost + vset(vlane(lows, i));
        *least = vlane(smallest, i) < *least ? vlane(smallest, i) : *least;
    }
    return vlane(total + low, 0);
}

/* Probabilities: the sum of each member. What overflows, or has lost digits below the normal numbers, is added up again,
 * scaled by a power of two. */
static int know_sums(const members_job *job, int64_t offset, struct uncertainty_scratch *s) {
    for (int64_t m = 0; m < job->members; m++) {
        const int64_t member = offset + m * job->p.batch_strides[0];
        double least, total = scaled_sum(job, member, 1, s, &least);
        s->scale[m] = total < 0x1p-900 ? 0x1p500 : total < INF ? 1 : 0x1p-500;
        if (s->scale[m] != 1)
            total = scaled_sum(job, member, s->scale[m], s, &least);
        if (!(total > 0 && total < INF && least >= 0))
            return 0;
        s->normaliser[m] = total;
    }
    return 1;
}

/* Shares of one block of a member, padded with zeros; its largest entry, if votes are counted. */
static void fill_shares(const members_job *job, int64_t m, int64_t offset, int64_t start, int64_t n, int votes, double *shares,
                        struct uncertainty_scratch *s) {
    for (int64_t at = 0, part; at < n; at += part) {
        part = n - at < BLOCK ? n - at : BLOCK;
        const double *x = load_entries_double(&job->p, offset + m * job->p.batch_strides[0], start + at, part, s->buffer, s->raw);
        vd scale = vset(s->scale[m]), inverse = vset(1) / vset(s->normaliser[m]);
        for (int64_t i = 0; i < part; i += VL) {
            vd z = part_double(x, part, i, job->logits ? -INF : 0);
            vstore(shares + at + i, job->logits ? probability_double(z, s->known + m, 0) : scale * z * inverse);
        }
        for (int64_t i = 0; i < part && votes; i++) {
            double entry;
            memcpy(&entry, x + i, sizeof(double));
            if (entry > s->best[m]) {
                s->best[m] = entry;
                s->vote[m] = start + at + i;
            }
        }
    }
}

/* How often the commonest vote occurs, and the entropy of all. Sorts the votes. */
static int64_t tally(int64_t *votes, int64_t members, double *entropy) {
    int64_t most = 0;
    vd sum = vset(0);
    for (int64_t gap = members / 2; gap > 0; gap /= 2) /* Shell's sort */
        for (int64_t i = gap; i < members; i++)
            for (int64_t j = i - gap; j >= 0 && votes[j] > votes[j + gap]; j -= gap) {
                int64_t held = votes[j];
                votes[j] = votes[j + gap];
                votes[j + gap] = held;
            }
    for (int64_t begin = 0, end; begin < members; begin = end) {
        for (end = begin; end < members && votes[end] == votes[begin]; end++)
            ;
        sum += minus_x_log_x(vset((double)(end - begin) / (double)members));
        most = end - begin > most ? end - begin : most;
    }
    *entropy = vlane(sum, 0);
    return most;
}

static void give_value(const members_job *job, int which, int64_t row, double value, int in_nats) {
    if (job->values[which] == NULL)
        return;
    value = (in_nats ? value / job->divisor : value) + 0.0;
    if (job->values_dtype == ITEM_FLOAT64)
        ((double *)job->values[which])[row] = value;
    else
        ((float *)job->values[which])[row] = (float)value;
}

static void members_row(const members_job *job, int64_t row, struct uncertainty_scratch *s) {
    const int own_entropy = job->values[MEMBERS_ALEATORIC] && !job->logits, information = job->values[MEMBERS_EPISTEMIC] != NULL;
    const int votes = job->values[MEMBERS_VARIATION_RATIO] || job->values[MEMBERS_VOTE_ENTROPY];
    const int64_t members = job->members, block = members_block(job), pitch = (block + VL - 1) / VL * VL;
    const vd zero = vset(0), tiny = vset(0x1p-1000), share_of_one = vset(1 / (double)members);
    const int64_t offset = row * job->p.batch_strides[1];
    struct peeled mean = {zero, zero, zero, zero};
    vd divergence = zero;
    if (!(job->logits ? know_logits(job, offset, s) : know_sums(job, offset, s))) {
        for (int which = 0; which < MEMBERS_VALUES; which++)
            give_value(job, which, row, NOT_A_NUMBER, 0);
        return;
    }
    for (int64_t m = 0; m < members; m++) {
        s->best[m] = -INF;
        s->vote[m] = 0;
        s->own[m] = mean;
    }
    for (int64_t start = 0; start < job->classes; start += block) {
        int64_t n = job->classes - start < block ? job->classes - start : block;
        for (int64_t m = 0; m < members; m++)
            fill_shares(job, m, offset, start, n, votes, s->shares + m * pitch, s);
        for (int64_t i = 0; i < n; i += VL) {
            vd sum = zero, first = vload(s->shares + i), apart = zero, part = zero;
            for (int64_t m = 0; m < members; m++) {
                vd share = vload(s->shares + m * pitch + i);
                sum += share;
                apart = vmax(vabs(share - first), apart);
            }
            vm same = all_agree(first, apart);
            vd average = vselect(same, first, sum * share_of_one), inverse = vset(1) / vmax(tiny, average);
            peel(&mean, average);
            for (int64_t m = 0; m < members && (information || own_entropy); m++) {
                vd share = vload(s->shares + m * pitch + i);
                if (information)
                    part += vratio_term(vmax(tiny, share * inverse), (share - average) * inverse);
                if (own_entropy)
                    peel(s->own + m, share);
            }
            divergence += vselect(same, zero, vselect(vlt(tiny, average), average * part, zero));
        }
    }
    struct peeled_row total = peeled_total(&mean);
    double epistemic = 0, vote_entropy = 0;
    vd entropies = zero, low = zero, lost;
    for (int64_t m = 0; m < members && job->values[MEMBERS_ALEATORIC]; m++) {
        entropies = vtwo_sum(entropies, vset(own_entropy ? peeled_total(s->own + m).entropy : s->entropy[m]), &lost);
        low += lost;
    }
    double aleatoric = vlane(entropies + low, 0) / (double)members;
    for (int i = 0; i < VL; i++)
        epistemic += vlane(divergence, i) / (double)members;
    double commonest = votes ? (double)tally(s->vote, members, &vote_entropy) : 0;
    give_value(job, MEMBERS_TOTAL, row, total.entropy, 1);
    give_value(job, MEMBERS_ALEATORIC, row, aleatoric, 1);
    give_value(job, MEMBERS_EPISTEMIC, row, epistemic > 0 ? epistemic : 0, 1);
    give_value(job, MEMBERS_MARGIN, row, total.top - total.second, 0);
    give_value(job, MEMBERS_LEAST_CONFIDENCE, row, total.rest, 0);
    give_value(job, MEMBERS_VARIATION_RATIO, row, 1 - commonest / (double)members, 0);
    give_value(job, MEMBERS_VOTE_ENTROPY, row, vote_entropy, 1);
}

static void members_long(const members_job *job, int64_t begin, int64_t end, void *scratch) {
    struct uncertainty_scratch s;
    lay_out_members(&s, scratch, job);
    for (int64_t row = begin; row < end; row++)
        members_row(job, row, &s);
}

#endif
