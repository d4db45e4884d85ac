"""What two labellings share by chance: the expected mutual information of shuffled labels."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.math cimport exp, log, log1p, sqrt
from libc.stdint cimport int64_t

from fastent._openmp cimport enter_region, leave_region

import numpy as np


cdef double WIDE = 64  # standard deviation from which Stirling's series has all digits in every cell
cdef double NEGLIGIBLE = 1e-25

cdef enum:
    SLICE = 1 << 15  # cells per worker between looks at Ctrl-C


cdef double surplus(double d, double m) noexcept nogil:
    """n ln(n/m) - d of n = m + d, never negative; near m by the series of atanh, where the logarithm would cancel."""
    cdef double n = m + d, s = d / (n + m), z = s * s
    if n <= 0:
        return m
    if z > 0.01:
        return n * log(n / m) - d
    return s * d + 2 * n * s * z * (1. / 3 + z * (1. / 5 + z * (1. / 7 + z * (1. / 9 + z * (1. / 11 + z * (1. / 13
                                    + z * (1. / 15 + z / 17)))))))


cdef double expected_of_pair(int64_t a, int64_t b, int64_t total) noexcept nogil:
    """Mean surplus of n over m = a b / N, where n is hypergeometric.

    The surpluses add up to the information because the mean of n is m. A level that all samples have tells nothing.
    """
    if a == total or b == total:
        return 0
    cdef double size = <double>total, row = <double>a, column = <double>b, mean = row * column / size
    cdef double deviation = sqrt(mean * <double>(total - a) / size * <double>(total - b) / max(size - 1, 1))
    if deviation < WIDE:
        return sum_over_counts(a, b, total, mean) / size
    return sum_over_steps(mean, row - mean, column - mean, <double>(total - a) - (column - mean), deviation) / size


cdef double sum_over_counts(int64_t a, int64_t b, int64_t total, double mean) noexcept nogil:
    """Outwards from the most likely n."""
    cdef int64_t lowest = max(<int64_t>0, a + b - total), highest = min(a, b), n, mode
    cdef double weight, weights = 0, value = 0
    mode = min(highest, max(lowest, <int64_t>((<double>(a + 1) * <double>(b + 1)) / <double>(total + 2))))
    weight = 1
    for n in range(mode, highest + 1):
        weights += weight
        value += weight * surplus(<double>n - mean, mean)
        weight = weight * <double>(a - n) * <double>(b - n) / (<double>(n + 1) * <double>(total - a - b + n + 1))
        if weight < NEGLIGIBLE:
            break
    weight = 1
    n = mode
    while n > lowest:
        weight = weight * <double>n * <double>(total - a - b + n) / (<double>(a - n + 1) * <double>(b - n + 1))
        n = n - 1
        weights += weight
        value += weight * surplus(<double>n - mean, mean)
        if weight < NEGLIGIBLE:
            break
    return value / weights


cdef inline double unlikelihood(double d, double m) noexcept nogil:
    """ln (m + d)! less ln m! and what is linear in d, by Stirling."""
    return surplus(d, m) + 0.5 * log1p(d / m) + 1 / (12 * (m + d)) - 1 / (12 * m)


cdef double sum_over_steps(double both, double x, double y, double neither, double deviation) noexcept nogil:
    """The same of many counts, given the means of all four cells: in steps of half a standard deviation from the mean.

    Sums of a smooth bell over the integers and over steps of h differ by exp(-2 (pi deviation / h)^2), by Poisson.
    """
    cdef double step = deviation / 2, weight, weights = 1, value = 0, d
    cdef int side
    for side in range(-1, 2, 2):
        d = side * step
        weight = 1
        while weight >= NEGLIGIBLE:
            weight = exp(-unlikelihood(d, both) - unlikelihood(-d, x) - unlikelihood(-d, y) - unlikelihood(d, neither))
            weights += weight
            value += weight * surplus(d, both)
            d += side * step
    return value / weights


def expected_of_cells(a, b, totals, int workers):
    """The expected information of cells, by the counts of their rows and columns and of all samples."""
    cdef const int64_t[::1] row = a, column = b, total = totals
    cdef int64_t m = row.shape[0], first, last, i
    result = np.zeros(m)
    cdef double[::1] out = result
    cdef int threads = enter_region(workers if m > 256 else 1)
    try:
        for first in range(0, m, SLICE * threads):
            last = min(m, first + SLICE * threads)
            with nogil:
                for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=8):
                    out[i] = expected_of_pair(row[i], column[i], total[i])
            PyErr_CheckSignals()
    finally:
        leave_region(threads)
    return result
