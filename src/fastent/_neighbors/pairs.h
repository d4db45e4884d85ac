/* Two continuous columns (Kraskov, Stoegbauer and Grassberger 2004, first algorithm).
 *
 * x is cut into strips of about sqrt(2 k n) samples, and the points of each strip put in the order of y. The k nearest of a
 * point are looked for up and down in its own strip, then in those to its left and right that are not too far away. How
 * many x and y are nearer than the k-th is read from the sorted columns, entered through buckets of equal width.
 */
#ifndef FASTENT_NEIGHBORS_PAIRS_H
#define FASTENT_NEIGHBORS_PAIRS_H

#include "../_simd/sort.h"
#include "search.h"
#include "kernels.h"

#define PAIRS_MISSING UINT32_MAX
#define PAIRS_POINTS 64 /* that are searched for before they are counted */
#define PAIRS_USUAL 3   /* neighbours: the default */
#define PAIRS_FEW 16    /* neighbours that are kept in order */
#define PAIRS_INFINITY __builtin_inf()

/* ---- units ---- */

INLINE double power_of_two(int exponent) {
    uint64_t bits = (uint64_t)(exponent + EXPONENT_BIAS) << MANTISSA_BITS;
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

/* The power of two that brings the largest of n numbers near 1, as far as one goes. */
static double unit_of(const double *values, int64_t n) {
    double largest = 0;
    uint64_t bits;
    for (int64_t i = 0; i < n; i++) {
        double size = values[i] < 0 ? -values[i] : values[i];
        largest = size > largest ? size : largest;
    }
    memcpy(&bits, &largest, 8);
    int exponent = EXPONENT_BIAS - (int)(bits >> MANTISSA_BITS);
    exponent = exponent < 1 - EXPONENT_BIAS ? 1 - EXPONENT_BIAS : exponent;
    return largest > 0 ? power_of_two(exponent) : 1;
}

INLINE double sum_of(const double *values, int64_t n, double mean, int squares) {
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        double part = 0;
        for (int64_t i = begin; i < n && i < begin + 1024; i++)
            part += squares ? (values[i] - mean) * (values[i] - mean) : values[i];
        sum += part;
    }
    return sum;
}

/* Standard deviation of n sorted numbers; 1 if they are all the same. */
static double deviation_of(const double *values, int64_t n) {
    double variance = sum_of(values, n, sum_of(values, n, 0, 0) / (double)n, 1) / (double)n;
    return n > 0 && values[0] < values[n - 1] && variance > 0 ? __builtin_sqrt(variance) : 1;
}

/* ---- buckets ---- */

INLINE int64_t bucket_of(double x, double lowest, double width, int64_t n) {
    double place = (x - lowest) * width;
    return place > 0 ? place < (double)n ? (int64_t)place : n : 0;
}

/* index[b]: the first of n sorted values that is in bucket b or behind it. Returns buckets per unit. */
static double make_index(const double *values, int64_t n, uint32_t *index) {
    double range = values[n - 1] - values[0], width = range > 0 ? (double)n / range : 0;
    width = width < PAIRS_INFINITY ? width : 0;
    int64_t b = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t here = bucket_of(values[i], values[0], width, n); b <= here; b++)
            index[b] = (uint32_t)i;
    for (; b <= n; b++)
        index[b] = (uint32_t)n;
    return width;
}

/* How many values are nearer to x than r, differences multiplied by `ratio`; `reach` is r without it. */
INLINE int64_t near_values(const double *values, int64_t n, const uint32_t *index, double width, double x, double r,
                           double reach, double ratio) {
    int64_t first = index[bucket_of(x - reach, values[0], width, n)];
    int64_t end = index[bucket_of(x + reach, values[0], width, n)];
    return end_after(values, n, end, x, r, ratio) - first_after(values, n, first, x, r, ratio);
}

/* ---- before the search ---- */

static void target(const neighbors_job *job, const double *column, neighbors_target *target, void *scratch) {
    const int64_t room = job->n;
    double *spare = scratch;
    uint64_t *words = (uint64_t *)(spare + room);
    uint32_t *rows = (uint32_t *)(words + 2 * room), *samples = rows + room, *counts = samples + room;
    int64_t n = 0;
    for (int64_t i = 0; i < room; i++) {
        target->groups[i] = PAIRS_MISSING;
        target->values[n] = column[i];
        samples[n] = (uint32_t)i;
        n += column[i] == column[i];
    }
    target->n = n;
    target->scale = job->ties == NEIGHBORS_COUNTED ? unit_of(target->values, n) : 1;
    for (int64_t i = 0; i < n; i++)
        target->values[i] *= target->scale;
    sort_double_rows(target->values, rows, n, spare, words, counts);
    uint32_t group = 0;
    for (int64_t i = 0; i < n; i++) {
        if (target->values[i] > target->values[group])
            group = (uint32_t)i;
        target->groups[samples[rows[i]]] = group;
    }
}

/* Strips of the sorted x, of `size` values or more: none ends between equal values. */
static int64_t cut_strips(const double *x, int64_t n, int64_t size, uint32_t *starts) {
    int64_t strips = 0;
    for (int64_t begin = 0; begin < n; strips++) {
        starts[strips] = (uint32_t)begin;
        begin += size;
        while (begin < n && x[begin] == x[begin - 1])
            begin++;
    }
    starts[strips] = (uint32_t)n;
    return strips;
}

static void pair(const neighbors_job *job, const double *column, const neighbors_target *target, neighbors_pair *pair,
                 void *scratch) {
    const int64_t room = job->n;
    double *spare = scratch;
    uint64_t *words = (uint64_t *)(spare + room);
    uint32_t *rows = (uint32_t *)(words + 2 * room), *groups = rows + room, *counts = groups + room;
    int64_t n = 0;
    for (int64_t i = 0; i < room; i++) {
        pair->x[n] = column[i];
        groups[n] = target->groups[i];
        n += column[i] == column[i] && target->groups[i] != PAIRS_MISSING;
    }
    pair->n = n;
    pair->strips = 0;
    if (n <= job->k)
        return;
    const double scale = job->ties == NEIGHBORS_COUNTED ? unit_of(pair->x, n) : 1;
    for (int64_t i = 0; i < n; i++)
        pair->x[i] *= scale;
    sort_double_rows(pair->x, rows, n, spare, words, counts);
    const int64_t most = neighbors_strips(n, job->k);
    pair->strips = cut_strips(pair->x, n, (n + most - 1) / most, pair->starts);

    /* each point to its place in the order of y, among equal y in the order of x */
    double *x_at = spare;
    uint32_t *strip_at = (uint32_t *)words, *next = strip_at + room;
    for (int64_t i = 0; i < target->n; i++) {
        strip_at[i] = PAIRS_MISSING;
        next[i] = (uint32_t)i;
    }
    for (int64_t strip = 0; strip < pair->strips; strip++) {
        for (int64_t i = pair->starts[strip]; i < pair->starts[strip + 1]; i++) {
            uint32_t place = next[groups[rows[i]]]++;
            x_at[place] = pair->x[i];
            strip_at[place] = (uint32_t)strip;
        }
    }
    uint32_t *fill = next;
    memcpy(fill, pair->starts, sizeof(uint32_t) * (size_t)pair->strips);
    n = 0;
    for (int64_t i = 0; i < target->n; i++) {
        if (strip_at[i] == PAIRS_MISSING)
            continue;
        uint32_t slot = fill[strip_at[i]]++;
        pair->strip_x[slot] = x_at[i];
        pair->strip_y[slot] = pair->y[n++] = target->values[i];
    }
    pair->ratio = job->ties == NEIGHBORS_COUNTED ? deviation_of(pair->x, n) / deviation_of(pair->y, n) : 1;
    pair->x_width = make_index(pair->x, n, pair->x_index);
    pair->y_width = make_index(pair->y, n, pair->y_index);
}

/* ---- the search ---- */

/* The k smallest distances found, the largest of them last. A few are kept in order, many as a heap from the end. */
struct nearest {
    double *distances;
    int64_t k;
};

/* Without a branch: which distances are small enough cannot be foreseen. */
INLINE void keep_in_order(double *distances, int64_t k, double distance) {
    for (int64_t i = k - 1; i > 0; i--) {
        double larger = distances[i - 1] > distance ? distances[i - 1] : distance;
        distances[i] = distances[i] < larger ? distances[i] : larger;
    }
    distances[0] = distances[0] < distance ? distances[0] : distance;
}

static void keep_in_heap(double *distances, int64_t k, double distance) {
    double *root = distances + k - 1;
    int64_t place = 0;
    if (!(distance < *root))
        return;
    for (int64_t child = 1; child < k; child = 2 * place + 1) {
        if (child + 1 < k && root[-child] < root[-child - 1])
            child++;
        if (!(distance < root[-child]))
            break;
        root[-place] = root[-child];
        place = child;
    }
    root[-place] = distance;
}

INLINE void keep_nearest(const struct nearest *nearest, double distance) {
    if (nearest->k <= PAIRS_FEW)
        keep_in_order(nearest->distances, nearest->k, distance);
    else
        keep_in_heap(nearest->distances, nearest->k, distance);
}

/* Points from `from` to the one before `to`, by steps of 1 or -1, until their y is too far away. */
INLINE void search_strip(const neighbors_pair *pair, int64_t from, int64_t to, int64_t step, double x, double y,
                         const struct nearest *nearest) {
    const double *last = nearest->distances + nearest->k - 1;
    for (int64_t i = from; i != to; i += step) {
        double apart = (step > 0 ? pair->strip_y[i] - y : y - pair->strip_y[i]) * pair->ratio;
        if (!(apart < *last))
            return;
        double across = pair->strip_x[i] - x;
        across = across < 0 ? -across : across;
        keep_nearest(nearest, across > apart ? across : apart);
    }
}

/* Another strip, entered where the point's y would be; cursors move on with the y of the points. */
INLINE void search_other(const neighbors_pair *pair, int64_t strip, uint32_t *cursors, double x, double y,
                         const struct nearest *nearest) {
    int64_t begin = pair->starts[strip], end = pair->starts[strip + 1];
    int64_t at = first_within(pair->strip_y, begin, end, cursors[strip], y, NEIGHBORS_TIE, 1);
    cursors[strip] = (uint32_t)at;
    search_strip(pair, at, end, 1, x, y, nearest);
    search_strip(pair, at - 1, begin - 1, -1, x, y, nearest);
}

/* The points of a strip at the place of the i-th: equal x are in one strip, and there after equal y in order. */
INLINE int64_t same_points(const neighbors_pair *pair, int64_t begin, int64_t end, int64_t i, double x, double y) {
    int64_t first = first_within(pair->strip_y, begin, end, i, y, NEIGHBORS_TIE, 1);
    int64_t last = end_within(pair->strip_y, begin, end, i + 1, y, NEIGHBORS_TIE, 1);
    return end_within(pair->strip_x, first, last, i + 1, x, NEIGHBORS_TIE, 1) -
           first_within(pair->strip_x, first, last, i, x, NEIGHBORS_TIE, 1);
}

/* How far the k-th nearest point of the i-th in a strip is, and how many are nearer. */
INLINE double search_point(const neighbors_job *job, const neighbors_pair *pair, int64_t strip, int64_t i, uint32_t *cursors,
                           const struct nearest *nearest, int64_t *inner) {
    const double x = pair->strip_x[i], y = pair->strip_y[i];
    const int64_t begin = pair->starts[strip], end = pair->starts[strip + 1];
    const double *last = nearest->distances + nearest->k - 1;
    for (int64_t j = 0; j < nearest->k; j++)
        nearest->distances[j] = PAIRS_INFINITY;
    search_strip(pair, i + 1, end, 1, x, y, nearest);
    search_strip(pair, i - 1, begin - 1, -1, x, y, nearest);
    for (int64_t s = strip - 1; s >= 0 && x - pair->x[pair->starts[s + 1] - 1] < *last; s--)
        search_other(pair, s, cursors, x, y, nearest);
    for (int64_t s = strip + 1; s < pair->strips && pair->x[pair->starts[s]] - x < *last; s++)
        search_other(pair, s, cursors, x, y, nearest);
    const double r = *last;
    *inner = nearest->k;
    if (job->ties == NEIGHBORS_COUNTED) {
        *inner = 1;
        for (int64_t j = 0; j < nearest->k; j++)
            *inner += nearest->distances[j] < r;
        if (!(r > 0))
            *inner = same_points(pair, begin, end, i, x, y);
    }
    return r > 0 ? r : NEIGHBORS_TIE;
}

/* Points [first, last) of a strip. They are searched for, then counted: the processor works on the next ones meanwhile. */
INLINE double sum_of_points(const neighbors_job *job, const neighbors_pair *pair, int64_t strip, int64_t first,
                            int64_t last, uint32_t *cursors, const struct nearest *nearest) {
    double radii[PAIRS_POINTS], sum = 0;
    int64_t inner[PAIRS_POINTS];
    for (int64_t i = first; i < last; i++)
        radii[i - first] = search_point(job, pair, strip, i, cursors, nearest, &inner[i - first]);
    for (int64_t i = first; i < last; i++) {
        const double r = radii[i - first], *digamma = job->digamma;
        int64_t near_x = near_values(pair->x, pair->n, pair->x_index, pair->x_width, pair->strip_x[i], r, r, 1);
        int64_t near_y = near_values(pair->y, pair->n, pair->y_index, pair->y_width, pair->strip_y[i], r,
                                     r / pair->ratio, pair->ratio);
        sum += (digamma[inner[i - first]] - digamma[near_y]) + (digamma[pair->n] - digamma[near_x]);
    }
    return sum;
}

INLINE double sum_of_block(const neighbors_job *job, const neighbors_pair *pair, int64_t block, uint32_t *cursors,
                           const struct nearest *nearest) {
    double sum = 0;
    for (int64_t s = 0; s < pair->strips; s++) {
        if (pair->starts[s] / NEIGHBORS_BLOCK != block)
            continue;
        memcpy(cursors, pair->starts, sizeof(uint32_t) * (size_t)pair->strips);
        for (int64_t i = pair->starts[s]; i < pair->starts[s + 1]; i += PAIRS_POINTS) {
            int64_t last = i + PAIRS_POINTS < pair->starts[s + 1] ? i + PAIRS_POINTS : pair->starts[s + 1];
            sum += sum_of_points(job, pair, s, i, last, cursors, nearest);
        }
    }
    return sum;
}

/* A block is made of the strips that begin in it. For the usual k the distances are kept in registers. */
static double block(const neighbors_job *job, const neighbors_pair *pair, int64_t block, void *scratch) {
    double *distances = scratch, few[PAIRS_USUAL];
    uint32_t *cursors = (uint32_t *)(distances + job->k);
    if (job->k == PAIRS_USUAL)
        return sum_of_block(job, pair, block, cursors, &(struct nearest){few, PAIRS_USUAL});
    return sum_of_block(job, pair, block, cursors, &(struct nearest){distances, job->k});
}

#endif
