"""What two labellings share by chance: the expected mutual information of shuffled labels."""

from cython.parallel cimport prange
from libc.math cimport log
from libc.stdint cimport int64_t

from fastent._openmp cimport enter_region, leave_region

import numpy as np


cdef double surplus(double n, double m) noexcept nogil:
    """n ln(n/m) - (n - m), never negative; near n = m by the series of atanh, where the logarithm would cancel."""
    cdef double d = n - m, s = d / (n + m), z = s * s
    if n == 0:
        return m
    if z > 0.01:
        return n * log(n / m) - d
    return s * d + 2 * n * s * z * (1. / 3 + z * (1. / 5 + z * (1. / 7 + z * (1. / 9 + z * (1. / 11 + z * (1. / 13
                                    + z * (1. / 15 + z / 17)))))))


cdef double expected_of_pair(int64_t a, int64_t b, int64_t total) noexcept nogil:
    """Mean surplus of n over m = a b / N, where n is hypergeometric: outwards from its most likely value.

    The surpluses add up to the information because the mean of n is m.
    """
    cdef int64_t lowest = max(<int64_t>0, a + b - total), highest = min(a, b), n, mode
    cdef double weight, weights = 0, value = 0, mean = <double>a * <double>b / <double>total
    mode = min(highest, max(lowest, <int64_t>((<double>(a + 1) * <double>(b + 1)) / <double>(total + 2))))
    weight = 1
    for n in range(mode, highest + 1):
        weights += weight
        value += weight * surplus(<double>n, mean)
        weight = weight * <double>(a - n) * <double>(b - n) / (<double>(n + 1) * <double>(total - a - b + n + 1))
        if weight < 1e-25:
            break
    weight = 1
    n = mode
    while n > lowest:
        weight = weight * <double>n * <double>(total - a - b + n) / (<double>(a - n + 1) * <double>(b - n + 1))
        n = n - 1
        weights += weight
        value += weight * surplus(<double>n, mean)
        if weight < 1e-25:
            break
    return value / weights / <double>total


def expected_mutual_information(a, a_times, b, b_times, int64_t total, int workers):
    """Of two labellings with shuffled samples; a and b: distinct counts of their levels, and how often each occurs."""
    cdef const int64_t[::1] x = a, y = b
    sums = np.zeros((len(a), len(b)))
    cdef double[:, ::1] out = sums
    cdef int64_t i, j, m = x.shape[0], k = y.shape[0]
    cdef int threads = enter_region(workers if m * k > 256 else 1)
    with nogil:
        for i in prange(m, num_threads=threads, schedule="dynamic", chunksize=1):
            for j in range(k):
                out[i, j] = expected_of_pair(x[i], y[j], total)
    leave_region(threads)
    return float(a_times @ sums @ b_times)
