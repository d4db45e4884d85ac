/* Where in a sorted column the values lie that are nearer than a distance, starting from a guess. */
#ifndef FASTENT_NEIGHBORS_SEARCH_H
#define FASTENT_NEIGHBORS_SEARCH_H

#include "../_simd/vec.h"

/* Smaller than any difference of two doubles that differ: nearer than this are equal values only. */
#define NEIGHBORS_TIE 0x1p-1074

/* Guesses are seldom wrong by more; then the distance doubles. */
#define NEIGHBORS_STEPS 6

/* The first of values[begin], ... within less than r below x, where values[end] is not below x; begin <= guess <= end.
 * Differences are multiplied by `ratio`. */
INLINE int64_t first_within(const double *values, int64_t begin, int64_t end, int64_t guess, double x, double r,
                            double ratio) {
    int64_t low, high, step = 1; /* not within: low; within: high */
    if (guess > begin && (x - values[guess - 1]) * ratio < r) {
        high = guess - 1;
        for (int i = 0; i < NEIGHBORS_STEPS; i++, high--)
            if (high == begin || !((x - values[high - 1]) * ratio < r))
                return high;
        for (low = high - 1; low >= begin && (x - values[low]) * ratio < r; low = high - step) {
            high = low;
            step *= 2;
        }
        low = low < begin ? begin - 1 : low;
    } else {
        low = guess - 1;
        for (int i = 0; i < NEIGHBORS_STEPS; i++, low++)
            if (low + 1 >= end || (x - values[low + 1]) * ratio < r)
                return low + 1;
        for (high = low + 1; high < end && !((x - values[high]) * ratio < r); high = low + step) {
            low = high;
            step *= 2;
        }
        high = high > end ? end : high;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if ((x - values[middle]) * ratio < r)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* One past the last of values[begin], ..., values[end - 1] within less than r above x, where values[begin - 1] is not above
 * x; begin <= guess <= end. */
INLINE int64_t end_within(const double *values, int64_t begin, int64_t end, int64_t guess, double x, double r,
                          double ratio) {
    int64_t low, high, step = 1; /* within: low; not within: high */
    if (guess < end && (values[guess] - x) * ratio < r) {
        low = guess;
        for (int i = 0; i < NEIGHBORS_STEPS; i++, low++)
            if (low + 1 == end || !((values[low + 1] - x) * ratio < r))
                return low + 1;
        for (high = low + 1; high < end && (values[high] - x) * ratio < r; high = low + step) {
            low = high;
            step *= 2;
        }
        high = high > end ? end : high;
    } else {
        high = guess;
        for (int i = 0; i < NEIGHBORS_STEPS; i++, high--)
            if (high <= begin || (values[high - 1] - x) * ratio < r)
                return high;
        for (low = high - 1; low >= begin && !((values[low] - x) * ratio < r); low = high - step) {
            high = low;
            step *= 2;
        }
        low = low < begin ? begin - 1 : low;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if ((values[middle] - x) * ratio < r)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* How far a guess from a bucket may be off to be corrected without a branch. */
#define NEIGHBORS_LANES 8

/* first_within(values, 0, n, ...) where the guess is hardly ever too high, and seldom much too low. */
INLINE int64_t first_after(const double *values, int64_t n, int64_t guess, double x, double r, double ratio) {
    if (guess > 0 && guess + NEIGHBORS_LANES <= n && !((x - values[guess - 1]) * ratio < r)) {
        int64_t beyond = 0;
        for (int i = 0; i < NEIGHBORS_LANES; i++)
            beyond += !((x - values[guess + i]) * ratio < r);
        if (beyond < NEIGHBORS_LANES)
            return guess + beyond;
    }
    return first_within(values, 0, n, guess, x, r, ratio);
}

/* The same where it is hardly ever too low, and seldom much too high. */
INLINE int64_t first_before(const double *values, int64_t n, int64_t guess, double x, double r, double ratio) {
    if (guess >= NEIGHBORS_LANES && guess < n && (x - values[guess]) * ratio < r) {
        int64_t within = 0;
        for (int i = 1; i <= NEIGHBORS_LANES; i++)
            within += (x - values[guess - i]) * ratio < r;
        if (within < NEIGHBORS_LANES)
            return guess - within;
    }
    return first_within(values, 0, n, guess, x, r, ratio);
}

/* end_within(values, 0, n, ...) where the guess is hardly ever too high, and seldom much too low. */
INLINE int64_t end_after(const double *values, int64_t n, int64_t guess, double x, double r, double ratio) {
    if (guess > 0 && guess + NEIGHBORS_LANES <= n && (values[guess - 1] - x) * ratio < r) {
        int64_t within = 0;
        for (int i = 0; i < NEIGHBORS_LANES; i++)
            within += (values[guess + i] - x) * ratio < r;
        if (within < NEIGHBORS_LANES)
            return guess + within;
    }
    return end_within(values, 0, n, guess, x, r, ratio);
}

/* The k-th smallest (from 0) of n numbers, which change places (Hoare 1961). */
static double smallest(double *values, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i <= j) {
                double value = values[i];
                values[i++] = values[j];
                values[j--] = value;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return values[k];
}

#endif
