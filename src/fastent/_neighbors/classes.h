/* A continuous column and a discrete target (Ross 2014).
 *
 * Everything is one sort: in its order the samples of each class are listed, with their values and their ranks. The k
 * nearest of a class are a window of its list that moves forward with the sample; how many samples of any class are nearer
 * than the k-th is known from the ranks at the ends of the window but for a few steps.
 */
#ifndef FASTENT_NEIGHBORS_CLASSES_H
#define FASTENT_NEIGHBORS_CLASSES_H

#include "../_simd/sort.h"
#include "search.h"
#include "kernels.h"

#define CLASSES_BLOCK 64 /* samples whose windows are found before any is counted */

struct classes {
    int64_t n;              /* samples */
    double *all;            /* their values, sorted */
    double *values;         /* those of one class after the other, each sorted */
    uint32_t *ranks;        /* of these in `all` */
    double *spare;
};

/* Samples of which both are known, but for the only sample of a class: their values, codes and the sizes of the classes. */
static int64_t complete_samples(const double *column, const int32_t *codes, int64_t n, int64_t levels, double *values,
                                int32_t *kept, int64_t *sizes) {
    int64_t m = 0, single = 0;
    for (int64_t i = 0; i < n; i++) {
        values[m] = column[i];
        kept[m] = codes[i];
        m += column[i] == column[i] && codes[i] >= 0;
    }
    memset(sizes, 0, sizeof(*sizes) * (size_t)levels);
    for (int64_t i = 0; i < m; i++)
        sizes[kept[i]]++;
    for (int64_t c = 0; c < levels; c++)
        single |= sizes[c] == 1;
    if (!single)
        return m;
    n = m;
    m = 0;
    for (int64_t i = 0; i < n; i++) {
        values[m] = values[i];
        kept[m] = kept[i];
        m += sizes[kept[i]] > 1;
    }
    for (int64_t c = 0; c < levels; c++)
        sizes[c] = sizes[c] == 1 ? 0 : sizes[c];
    return m;
}

/* In classes of so few samples scikit-learn's distances come from squares, sqrt(x^2 - 2 x y + y^2), with lost digits. */
INLINE double expanded_distance(const struct classes *classes, int64_t begin, int64_t size, double x, int64_t k, int single) {
    for (int64_t i = 0; i < size; i++) {
        double y = classes->values[begin + i], square = (x * x + -2 * (x * y)) + y * y;
        classes->spare[i] = square > 0 ? square : 0;
    }
    double square = smallest(classes->spare, size, k);
    return single ? (double)__builtin_sqrtf((float)square) : __builtin_sqrt(square);
}

/* Where the k nearest of a sample's class are, and how far the k-th is. */
struct window {
    double r;
    int64_t first, end;       /* of the class that may be nearer */
    int64_t all_first, all_end; /* the same among all samples */
};

/* The sum of the terms of samples [first, last) of a class, counted from its begin; `*place` is where the window of the one
 * before `first` begins. Windows come first, then counts: the processor works on the next ones meanwhile. */
INLINE double sum_of_class(const neighbors_job *job, const struct classes *classes, int64_t begin, int64_t size,
                           int64_t first, int64_t last, int64_t *place) {
    const double *values = classes->values + begin, *digamma = job->digamma;
    const uint32_t *ranks = classes->ranks + begin;
    const int64_t k = job->k < size ? job->k : size - 1;
    const int counted = job->ties == NEIGHBORS_COUNTED, expanded = !counted && size <= 2 * k + 1;
    const double of_class = digamma[classes->n] - digamma[size];
    struct window windows[CLASSES_BLOCK];
    int64_t a = *place;
    double sum = 0;
    for (int64_t j = first; j < last; j++) {
        const double x = values[j];
        a = a < j - k ? j - k : a;
        while (a + k + 1 < size && values[a + k + 1] - x < x - values[a])
            a++;
        double below = x - values[a], above = values[a + k] - x, r = below > above ? below : above;
        if (expanded)
            r = expanded_distance(classes, begin, size, x, k, job->ties == NEIGHBORS_IGNORED_SINGLE);
        r = r > 0 ? r : NEIGHBORS_TIE;
        const int outside = !(below < r), inside = above < r;
        windows[j - first] = (struct window){r, a + outside, a + k + inside, ranks[a] + outside, ranks[a + k] + inside};
    }
    for (int64_t j = first; j < last; j++) {
        const struct window *window = &windows[j - first];
        const double x = values[j], r = window->r;
        int64_t inner = k;
        if (counted)
            inner = end_within(values, 0, size, window->end, x, r, 1) - first_within(values, 0, size, window->first, x, r, 1);
        int64_t near = end_after(classes->all, classes->n, window->all_end, x, r, 1) -
                       first_before(classes->all, classes->n, window->all_first, x, r, 1);
        sum += (digamma[inner] - digamma[near]) + of_class;
    }
    *place = a;
    return sum;
}

static double discrete(const neighbors_job *job, const double *column, const int32_t *codes, int64_t levels, void *scratch) {
    const int64_t room = job->n;
    struct classes classes;
    int64_t *sizes = scratch, *fill = sizes + levels + 1;
    classes.all = (double *)(fill + levels + 1);
    classes.spare = classes.all + room;
    uint64_t *words = (uint64_t *)(classes.spare + room);
    uint32_t *rows = (uint32_t *)(words + 2 * room);
    int32_t *kept = (int32_t *)(rows + room);
    uint32_t *counts = (uint32_t *)(kept + room);
    const int64_t n = classes.n = complete_samples(column, codes, room, levels, classes.all, kept, sizes);
    if (!n)
        return __builtin_nan("");
    sort_double_rows(classes.all, rows, n, classes.spare, words, counts);
    classes.values = (double *)words; /* which have been sorted */
    classes.ranks = (uint32_t *)(words + room);
    for (int64_t c = 0, begin = 0; c < levels; begin += sizes[c++])
        fill[c] = begin;
    for (int64_t i = 0; i < n; i++) {
        int64_t slot = fill[kept[rows[i]]]++;
        classes.values[slot] = classes.all[i];
        classes.ranks[slot] = (uint32_t)i;
    }
    double sum = 0;
    for (int64_t c = 0, begin = 0; c < levels; begin += sizes[c++]) {
        int64_t place = 0;
        for (int64_t first = 0; first < sizes[c]; first += CLASSES_BLOCK) {
            int64_t last = first + CLASSES_BLOCK < sizes[c] ? first + CLASSES_BLOCK : sizes[c];
            sum += sum_of_class(job, &classes, begin, sizes[c], first, last, &place);
        }
    }
    return sum / (double)n;
}

#endif
