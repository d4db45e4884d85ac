"""The best place to cut sorted samples in two."""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t, uint32_t

import numpy as np


def best_end(const uint32_t[::1] codes, const uint8_t[::1] ends, int64_t levels, const double[::1] terms, bint gini):
    """The cut that leaves the least: the last sample before it, and the counts of the levels on both its sides.

    codes: of the target, in the order of the values; ends[i]: whether one may cut behind sample i; terms[c]: c ln c of
    every count, or c squared for the Gini impurity. The first of several equal cuts; -1 if there is none.
    """
    cdef int64_t n = codes.shape[0], best = -1, i, j
    cdef double least = INFINITY, low, high, left_over
    total = np.zeros((2, levels), np.int64)
    kept = np.zeros((2, levels), np.int64)
    cdef int64_t[:, ::1] side = total, found = kept
    with nogil:
        for i in range(n):
            side[1, codes[i]] += 1
        for i in range(n - 1):
            side[0, codes[i]] += 1
            side[1, codes[i]] -= 1
            if not ends[i]:
                continue
            low = high = 0
            for j in range(levels):
                low += terms[side[0, j]]
                high += terms[side[1, j]]
            if gini:
                left_over = -low / <double>(i + 1) - high / <double>(n - 1 - i)
            else:
                left_over = (terms[i + 1] - low) + (terms[n - 1 - i] - high)
            if left_over < least:
                least, best = left_over, i
                found[:, :] = side
    return best, kept
