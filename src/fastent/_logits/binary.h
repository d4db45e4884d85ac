/* Losses of independent binary targets from their logits: softplus terms that are never negative, element by element. */
#ifndef FASTENT_LOGITS_BINARY_H
#define FASTENT_LOGITS_BINARY_H

#include "lanes.h"

#define STRETCH 512 /* elements converted at a time */

struct binary_stretch {
    double z[STRETCH], y[STRETCH], pos_weight[STRETCH], weight[STRETCH];
    double loss[STRETCH], gradient[STRETCH], diagonal[STRETCH];
};

static void fetch(const binary_job *job, const char *source, int64_t start, int64_t n, double *target) {
    convert_double(target, source + start * (job->is_double ? 8 : 4), job->is_double ? ITEM_FLOAT64 : ITEM_FLOAT32, n);
}

static void give(const binary_job *job, char *target, int64_t start, int64_t n, const double *values) {
    for (int64_t i = 0; i < n; i++) {
        float narrow = (float)values[i];
        if (job->is_double)
            memcpy(target + 8 * (start + i), values + i, 8);
        else
            memcpy(target + 4 * (start + i), &narrow, 4);
    }
}

/* With l = ln(1 + exp(-|z|)): w y (l + max(-z, 0)) + (1 - y)(l + max(z, 0)) for the weight w of positives. The derivative is
 * (1 - y) a - w y (1 - a), the second one (w y + 1 - y) a (1 - a), a the sigmoid. */
INLINE void binary_terms(struct binary_stretch *s, int64_t i) {
    const vd zero = vset(0), one = vset(1);
    vd z = vload(s->z + i), y = vload(s->y + i), positive = vload(s->pos_weight + i) * y, negative = one - y;
    vd weight = vload(s->weight + i);
    vd small = vexp_times(-vabs(z), one), l = vlog1p(small);
    vd loss = vselect(veq(positive, zero), zero, positive * (l + vmax(zero, -z)));
    loss += vselect(veq(negative, zero), zero, negative * (l + vmax(zero, z)));
    vd larger = one / (one + small), smaller = small / (one + small);
    vm above = vlt(zero, z);
    vd a = vselect(above, larger, smaller), b = vselect(above, smaller, larger);
    vd nan = z * zero; /* NaN of an infinite z, too, but that has a limit */
    nan = vselect(vlt(vabs(z), vset(INF)), nan, vselect(veq(z, z), zero, nan));
    vm counts = vlt(zero, weight);
    vstore(s->loss + i, vselect(counts, weight * (loss + nan), zero));
    vstore(s->gradient + i, vselect(counts, weight * (negative * a - positive * b + nan), zero));
    vstore(s->diagonal + i, vselect(counts, weight * ((positive + negative) * a * b + nan), zero));
}

static void binary_piece(const binary_job *job, int64_t piece) {
    struct binary_stretch s;
    int64_t begin = piece * LOGITS_PIECE, end = begin + LOGITS_PIECE < job->count ? begin + LOGITS_PIECE : job->count;
    vd total = vset(0);
    for (int64_t start = begin; start < end; start += STRETCH) {
        int64_t n = end - start < STRETCH ? end - start : STRETCH, whole = (n + VL - 1) / VL * VL;
        fetch(job, job->z, start, n, s.z);
        fetch(job, job->y, start, n, s.y);
        for (int64_t i = 0; i < whole; i++) {
            s.pos_weight[i] = job->pos_weight && i < n ? job->pos_weight[(job->first + start + i) % job->pos_weights] : 1;
            s.weight[i] = i >= n ? 0 : job->weight ? job->weight[start + i] : 1;
            s.z[i] = i < n ? s.z[i] : 0;
            s.y[i] = i < n ? s.y[i] : 0;
        }
        for (int64_t i = 0; i < whole; i += VL) {
            binary_terms(&s, i);
            total += vload(s.loss + i);
        }
        for (int64_t i = 0; i < n; i++) {
            s.loss[i] /= job->divisor;
            s.gradient[i] *= job->map_scale;
            s.diagonal[i] *= job->map_scale;
        }
        if (job->loss)
            give(job, job->loss, start, n, s.loss);
        if (job->gradient)
            give(job, job->gradient, start, n, s.gradient);
        if (job->diagonal)
            give(job, job->diagonal, start, n, s.diagonal);
    }
    if (job->sums) {
        double sum = 0;
        for (int i = 0; i < VL; i++)
            sum += vlane(total, i);
        job->sums[piece] = sum / job->divisor;
    }
}

static void binary(const binary_job *job, int64_t piece_begin, int64_t piece_end) {
    for (int64_t piece = piece_begin; piece < piece_end; piece++)
        binary_piece(job, piece);
}

#endif
