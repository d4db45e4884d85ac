/* Sums of logarithms over sorted samples: gaps, windows, local slopes, distances to neighbours. */
#ifndef FASTENT_CONTINUOUS_SAMPLES_H
#define FASTENT_CONTINUOUS_SAMPLES_H

#include "../_simd/sort.h"
#include "sums.h"

#define BUFFER (CONTINUOUS_BLOCK + 4 * VL)

INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* ln(high[i] - low[i]) over n entries; a step of 0 keeps the first. */
INLINE void add_differences(struct log_sum *s, const double *high, int high_step, const double *low, int low_step, int64_t n) {
    double buffer[BUFFER];
    for (int64_t i = 0, count; i < n; i += count) {
        count = n - i < CONTINUOUS_BLOCK ? n - i : CONTINUOUS_BLOCK;
        int64_t j = 0;
        for (; j + VL <= count; j += VL) {
            vd above = high_step ? vload(high + i + j) : vset(*high), below = low_step ? vload(low + i + j) : vset(*low);
            vstore(buffer + j, above - below);
        }
        for (; j < count; j++)
            buffer[j] = high[high_step * (i + j)] - low[low_step * (i + j)];
        add_logs(s, buffer, count);
    }
}

/* What follows adds up the terms [begin, end) of the n that a sorted sample has, or the part of them that there is. */

static void add_gaps(struct log_sum *s, const double *x, int64_t n, int64_t m, int64_t begin, int64_t end) {
    end = smaller(end, n - m);
    add_differences(s, x + begin + m, 1, x + begin, 1, end - begin);
}

static void add_windows(struct log_sum *s, const double *x, int64_t n, int64_t m, int64_t begin, int64_t end) {
    if (begin < m)
        add_differences(s, x + begin + m, 1, x, 0, smaller(end, m) - begin);
    if (end > m)
        add_gaps(s, x, n, 2 * m, larger(begin, m) - m, end - m);
    if (end > n - m)
        add_differences(s, x + n - 1, 0, x + larger(begin, n - m) - m, 1, end - larger(begin, n - m));
}

enum { TOGETHER = 4 };

/* m numbers before the sample and behind it: its first and its last. */
static void extend(double *x, int64_t n, int64_t m, int which) {
    if (which != SAMPLE_SLOPES)
        return;
    for (int64_t i = 0; i < m; i++)
        x[-1 - i] = x[0];
    for (int64_t i = 0; i < m + TOGETHER * VL; i++) /* lanes behind the last number compute something, too */
        x[n + i] = x[n - 1];
}

/* Within 2m + 1 numbers around x[i], which have the positions j = -m .. m: sum j (x - mean) / sum (x - mean)^2. The numbers
 * are taken from x[i], their median, which is within a standard deviation of the mean: one bit cancels at most. The sample
 * is extended. */
static void add_slopes(struct log_sum *s, const double *x, int64_t m, int64_t begin, int64_t end) {
    double buffer[BUFFER];
    for (int64_t count; begin < end; begin += count) {
        count = smaller(end - begin, CONTINUOUS_BLOCK);
        for (int64_t i = 0; i < count; i += TOGETHER * VL) {
            vd centre[TOGETHER], sum[TOGETHER], product[TOGETHER], square[TOGETHER];
            const double *at = x + begin + i;
            for (int v = 0; v < TOGETHER; v++) {
                centre[v] = vload(at + v * VL);
                sum[v] = product[v] = square[v] = vset(0);
            }
            for (int64_t j = -m; j <= m; j++) {
                for (int v = 0; v < TOGETHER; v++) {
                    vd difference = vload(at + j + v * VL) - centre[v];
                    sum[v] = sum[v] + difference;
                    product[v] = vfma(difference, vset((double)j), product[v]);
                    square[v] = vfma(difference, difference, square[v]);
                }
            }
            for (int v = 0; v < TOGETHER; v++) {
                vd spread = square[v] - sum[v] * sum[v] / vset((double)(2 * m + 1));
                vstore(buffer + i + v * VL, product[v] / spread);
            }
        }
        add_logs(s, buffer, count);
    }
}

/* The largest distance within the nearest window of k + 1 numbers, itself included, for x[i] inside the sample. */
INLINE double neighbor_distance(const double *x, int64_t n, int64_t k, int64_t i, int64_t *start) {
    int64_t first = *start > i - k ? *start : i - k > 0 ? i - k : 0;
    while (first < i && first + k + 1 < n && x[first + k + 1] - x[i] < x[i] - x[first])
        first++;
    *start = first;
    double below = x[i] - x[first], above = x[first + k] - x[i];
    return below < above ? above : below;
}

/* Windows are tried one by one for all lanes up to this many neighbours: fewer operations than following their start. */
#define FEW_NEIGHBORS 12

INLINE void few_neighbor_distances(const double *x, int64_t k, int64_t begin, int64_t count, double *distances) {
    for (int64_t i = 0; i < count; i += VL) {
        int64_t at = begin + (i + VL <= count ? i : count - VL);
        vd centre = vload(x + at), nearest = vset(__builtin_inf());
        for (int64_t j = 0; j <= k; j++) {
            vd below = centre - vload(x + at - j), above = vload(x + at - j + k) - centre;
            nearest = vmin(vmax(below, above), nearest);
        }
        vstore(distances + (at - begin), nearest);
    }
}

static void add_neighbors(struct log_sum *s, const double *x, int64_t n, int64_t k, int64_t begin, int64_t end) {
    double buffer[BUFFER];
    int64_t start = 0, inside = smaller(end, n - k); /* where few neighbours end */
    for (int64_t count; begin < end; begin += count) {
        int few = k <= FEW_NEIGHBORS && begin >= k && inside - begin >= VL;
        count = smaller((few ? inside : begin < k ? smaller(k, end) : end) - begin, CONTINUOUS_BLOCK);
        if (few)
            few_neighbor_distances(x, k, begin, count, buffer);
        else
            for (int64_t i = 0; i < count; i++)
                buffer[i] = neighbor_distance(x, n, k, begin + i, &start);
        add_logs(s, buffer, count);
    }
}

/* Rows that lie beside each other, one behind the other: a cache line that is read once serves all of them. */
static void gather(const char *from, int64_t item, int64_t step, int64_t row_step, int64_t rows, int64_t n, void *to) {
    char *target = to;
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < rows; r++) {
            if (item == 8)
                memcpy(target + (r * n + i) * 8, from + r * row_step + i * step, 8);
            else
                memcpy(target + (r * n + i) * 4, from + r * row_step + i * step, 4);
        }
}

INLINE void fetch(const void *from, int64_t item, int64_t step, int64_t n, void *to) {
    if (step == item)
        memcpy(to, from, (size_t)(item * n));
    else
        gather(from, item, step, 0, 1, n, to);
}

/* n numbers, `step` bytes apart, as doubles in order, at `x`; 0 if one of them is no number. `spare` has room for as many,
 * `counts` for SORT_COUNTS. */
static int put_in_order(const void *raw, int64_t item, int64_t step, int64_t n, double *x, double *spare, void *counts) {
    int64_t numbers = 0;
    if (item == 8) {
        fetch(raw, 8, step, n, x);
        for (int64_t i = 0; i < n; i++)
            numbers += x[i] == x[i];
        if (numbers == n)
            sort_doubles(x, n, spare, counts);
    } else {
        float *values = (float *)spare;
        fetch(raw, 4, step, n, values);
        for (int64_t i = 0; i < n; i++)
            numbers += values[i] == values[i];
        if (numbers == n)
            sort_floats(values, n, values + n, counts);
        for (int64_t i = 0; i < n; i++)
            x[i] = values[i];
    }
    return numbers == n;
}

/* A percentile of a sorted sample, by NumPy's interpolation. */
INLINE double percentile(const double *x, int64_t n, double share) {
    double position = share * (double)(n - 1);
    int64_t i = (int64_t)position;
    double t = position - (double)i, step = i + 1 < n ? x[i + 1] - x[i] : 0;
    return t < 0.5 ? x[i] + step * t : x[i + 1 < n ? i + 1 : i] - step * (1 - t);
}

INLINE double log_of(double x) { return vlane(vlog(vset(x)), 0); }

/* -sum p ln(p / width) over bins of one width, as many as are given or as `scale` times the range between the quartiles
 * goes into the whole; bins and what is in them are those of numpy.histogram. Empty bins take no time. */
static double histogram_entropy(const double *x, int64_t n, int64_t bins, double scale) {
    const double first = x[0], range = x[n - 1] - first;
    double buffer[BUFFER], sum = 0, count = 0, number = (double)bins, here = -1;
    int64_t used = 0;
    if (!(range < __builtin_inf()))
        return __builtin_nan("");
    if (range == 0)
        return -__builtin_inf();
    if (!bins) {
        double width = scale * (percentile(x, n, 0.75) - percentile(x, n, 0.25)), ratio = width > 0 ? range / width : 1;
        number = ratio < 0x1p52 ? (double)(int64_t)ratio : 0x1p52;
        number += number < ratio && ratio < 0x1p52;
    }
    const double step = range / number, norm = number / range;
    for (int64_t i = 0; i <= n; i++) {
        double bin = -2;
        if (i < n) {
            bin = (double)(int64_t)((x[i] - first) * norm);
            bin -= bin == number;
            if (x[i] < bin * step + first)
                bin -= 1;
            else if (bin + 1 < number && x[i] >= (bin + 1) * step + first)
                bin += 1;
        }
        if (bin == here) {
            count += 1;
            continue;
        }
        if (count > 0)
            buffer[used++] = count;
        here = bin;
        count = 1;
        if (used == CONTINUOUS_BLOCK || i == n) {
            for (int64_t j = 0; j < used; j++)
                sum += buffer[j] * log_of(buffer[j]);
            used = 0;
        }
    }
    return log_of((double)n * step) - sum / (double)n;
}

/* Room before the sample and behind it, besides SAMPLE_ROOM. */
static int64_t room(int64_t m, int which) { return which == SAMPLE_SLOPES ? m : 0; }

static double sample_sum(const double *x, int64_t n, int64_t m, int which, int64_t begin, int64_t end) {
    struct log_sum s = {0};
    switch (which) {
        case SAMPLE_WINDOWS: add_windows(&s, x, n, m, begin, end); break;
        case SAMPLE_GAPS: add_gaps(&s, x, n, m, begin, end); break;
        case SAMPLE_SLOPES: add_slopes(&s, x, m, begin, end); break;
        default: add_neighbors(&s, x, n, m, begin, end); break;
    }
    return log_sum_value(&s);
}

/* Whole blocks; fewer of terms that take long. */
static int64_t sample_terms(int64_t m, int which) {
    enum { MOST_BLOCKS = 128 };
    return CONTINUOUS_BLOCK * larger(1, which == SAMPLE_SLOPES ? MOST_BLOCKS * 8 / (8 + m) : MOST_BLOCKS);
}

/* The sum of its parts, to twice the digits. */
static double sample_total(const double *parts, int64_t count) {
    double sum = parts[0], lost = 0;
    for (int64_t i = 1; i < count; i++) {
        vd error, total = vtwo_sum(vset(sum), vset(parts[i]), &error);
        sum = vlane(total, 0);
        lost += vlane(error, 0);
    }
    return sum - sum == 0 ? sum + lost : sum; /* an infinity has lost nothing */
}

static double sample(const void *raw, int64_t item, int64_t n, int64_t m, double scale, int which, void *scratch) {
    double *x = (double *)((uint32_t *)scratch + SORT_COUNTS) + room(m, which), *spare = x + n + room(m, which) + SAMPLE_ROOM;
    int64_t parts = 0, terms = sample_terms(m, which);
    if (!put_in_order(raw, item, item, n, x, spare, scratch))
        return __builtin_nan("");
    if (which == SAMPLE_HISTOGRAM)
        return histogram_entropy(x, n, m, scale);
    extend(x, n, m, which);
    for (int64_t begin = 0; begin < n; begin += terms)
        spare[parts++] = sample_sum(x, n, m, which, begin, smaller(n, begin + terms));
    return sample_total(spare, parts);
}

static int64_t sample_scratch(int64_t n, int64_t m, int which) {
    return 4 * SORT_COUNTS + 8 * (2 * n + 2 * room(m, which) + SAMPLE_ROOM);
}

/* How many of the first `count` numbers of two sorted runs, merged, come from the first one: equal numbers before those of
 * the other. */
INLINE int64_t share_of_first(const double *a, int64_t a_count, const double *b, int64_t b_count, int64_t count) {
    int64_t low = larger(0, count - b_count), high = smaller(count, a_count);
    while (low < high) {
        int64_t i = (low + high) / 2;
        if (a[i] <= b[count - i - 1])
            low = i + 1;
        else
            high = i;
    }
    return low;
}

/* The numbers [begin, end) of two sorted runs merged. */
static void merge(const double *a, int64_t a_count, const double *b, int64_t b_count, int64_t begin, int64_t end,
                  double *to) {
    int64_t i = share_of_first(a, a_count, b, b_count, begin), j = begin - i;
    const int64_t i_end = share_of_first(a, a_count, b, b_count, end), j_end = end - i_end;
    to += begin;
    while (i < i_end && j < j_end) { /* without a branch that nobody could foresee */
        int first = a[i] <= b[j];
        *to++ = first ? a[i] : b[j];
        i += first;
        j += !first;
    }
    memcpy(to, i < i_end ? a + i : b + j, sizeof(double) * (size_t)(i_end - i + j_end - j));
}

static double cross_neighbors(const double *x, int64_t n, const double *y, int64_t y_count, int64_t k,
                              int64_t first) {
    struct log_sum s = {0};
    double buffer[BUFFER];
    /* the first of the k nearest in y never falls, because x does not */
    for (int64_t begin = 0, count; begin < n; begin += count) {
        count = n - begin < CONTINUOUS_BLOCK ? n - begin : CONTINUOUS_BLOCK;
        for (int64_t i = 0; i < count; i++) {
            double here = x[begin + i];
            while (first + k < y_count && y[first + k] - here < here - y[first])
                first++;
            double below = here - y[first], above = y[first + k - 1] - here;
            buffer[i] = below < above ? above : below;
        }
        add_logs(&s, buffer, count);
    }
    return log_sum_value(&s);
}

#endif
