/* Rows with entries below 2^-1900 of their sum: there is no common scale for all of them in doubles.
 *
 * Cross-entropy and the divergences that can be infinite depend on the logarithms of such entries, however small these
 * are. Rows whose sum is that large are walked once more with logarithms of the entries as they are; where what the
 * ordinary way had lost matters, the plain definition is the value: it is then hundreds times the other terms.
 */
#ifndef FASTENT_ROWS_EXTREMES_H
#define FASTENT_ROWS_EXTREMES_H

#include "blocks.h"

#define EXTREMES_CHUNK 32       /* entries; fits in any workspace's buffers */
#define EXTREMES_LOOK (1 << 20) /* entries between looks at whether to give up */
#define EXTREMES_SMALL 0x1p-990 /* shares whose logarithms are those of the entry and of the sum, apart */
#define EXTREMES_MATTER 1e-13   /* nats: what is rounded in the definition is less than what the ordinary way had lost */

/* Whether the row in lane r may have such entries: its sum of q (or of p, where that has a logarithm, too) is above 2^900,
 * or that of the other operand pulled the common scale down by as much. */
static int may_be_extreme(const rows_job *job, const struct node *n, int r, double scale_p, double scale_q) {
    int both = job->measure == ROWS_JEFFREYS;
    if (!job->normalize || !(job->measure == ROWS_CROSS_ENTROPY || job->measure == ROWS_KL || both))
        return 0;
    double p = vlane(n->p, r) / scale_p, q = vlane(n->q, r) / scale_q;
    return q > 0x1p900 * (p < 1 ? p : 1) || (both && p > 0x1p900 * (q < 1 ? q : 1));
}

struct share {
    vd value, log;
    vm small;
};

/* entry / sum and its logarithm; sum_log: that of the sum of unscaled entries */
INLINE struct share share_of(vd entry, double scale, double sum, vd sum_log) {
    struct share s;
    s.value = entry * vset(scale) / vset(sum);
    s.small = vlt(s.value, vset(EXTREMES_SMALL));
    s.log = vselect(s.small, vlog(entry) - sum_log, vlog(s.value));
    return s;
}

/* The value of row r of a tile by definition, and the part of it that small shares have. */
static double extreme_value(const rows_job *job, const struct tile *t, const struct node *n, int r, double scale_p,
                            double scale_q, struct workspace *w, double *small_part) {
    int last = job->batch_dims - 1, lane = r % VL;
    int64_t p = t->p + r * job->p.batch_strides[last], q = t->q + r * job->q.batch_strides[last];
    int64_t where = t->where + r * job->where.batch_strides[last];
    double p_sum = vlane(n->p, lane), q_sum = vlane(n->q, lane);
    vd p_log = vlog(vset(p_sum)) - vlog(vset(scale_p)), q_log = vlog(vset(q_sum)) - vlog(vset(scale_q));
    vd sum = vset(0), lost = vset(0), small = vset(0), error;
    for (int64_t start = 0; start < job->length; start += EXTREMES_CHUNK) {
        if (job->interrupted != NULL && start % EXTREMES_LOOK == 0 && job->interrupted())
            break; /* the value no longer matters */
        int64_t count = job->length - start < EXTREMES_CHUNK ? job->length - start : EXTREMES_CHUNK;
        const double *x = load_row_double(job, &job->p, p, where, start, count, 1, w->x, &w->loader);
        const double *y = load_row_double(job, &job->q, q, where, start, count, 1, w->y, &w->loader);
        for (int64_t i = 0; i < count; i += VL) {
            vd entry = count - i < VL ? vload_part(x + i, count - i) : vload(x + i);
            vd other = count - i < VL ? vload_part(y + i, count - i) : vload(y + i);
            struct share a = share_of(entry, scale_p, p_sum, p_log), b = share_of(other, scale_q, q_sum, q_log);
            vd term = job->measure == ROWS_CROSS_ENTROPY ? -(a.value * b.log)
                      : job->measure == ROWS_KL          ? a.value * (a.log - b.log)
                                                         : (a.value - b.value) * (a.log - b.log);
            vd without_p = vset(job->measure == ROWS_JEFFREYS ? INF : 0);
            term = vselect(veq(entry, vset(0)), without_p, vselect(veq(other, vset(0)), vset(INF), term));
            term = vselect(vlt(vset(0), vmax(entry, other)), term, vset(0));
            sum = vtwo_sum(sum, term, &error);
            lost += error;
            small += vselect(a.small, term, vselect(b.small, term, vset(0)));
        }
    }
    double total = 0;
    *small_part = 0;
    for (int i = 0; i < VL; i++) {
        total += vlane(sum, i) < INF ? vlane(sum, i) + vlane(lost, i) : INF;
        *small_part += vlane(small, i);
    }
    return total;
}

/* Rows of a tile that are extreme get their values. */
static void correct_extremes(const rows_job *job, const struct tile *t, const struct node *nodes, const double *scale_p,
                             const double *scale_q, double *values, struct workspace *w) {
    for (int r = 0; r < (int)t->width; r++) {
        const struct node *n = nodes + r / VL;
        double by_p = scale_p ? scale_p[r] : 1, by_q = scale_q ? scale_q[r] : 1, small;
        if (!may_be_extreme(job, n, r % VL, by_p, by_q) || !(values[r] <= INF))
            continue;
        double value = extreme_value(job, t, n, r, by_p, by_q, w, &small);
        if (small > EXTREMES_MATTER)
            values[r] = value;
    }
}

#endif
