"""What two labellings share by chance: the expected mutual information of shuffled labels."""

from cython.parallel cimport prange
from libc.math cimport exp, log
from libc.stdint cimport int64_t

import numpy as np

from fastent import _openmp


cdef double expected_of_pair(int64_t a, int64_t b, int64_t total, const double *log_factorials) noexcept nogil:
    """Sum of n/N ln(N n/(a b)) over the hypergeometric distribution of n, outwards from its most likely value."""
    cdef int64_t lowest = max(<int64_t>0, a + b - total), highest = min(a, b), n, mode
    cdef double start, weight, value = 0, scale = <double>total / (<double>a * <double>b)
    mode = min(highest, max(lowest, <int64_t>((<double>(a + 1) * <double>(b + 1)) / <double>(total + 2))))
    start = exp(log_factorials[a] + log_factorials[b] + log_factorials[total - a] + log_factorials[total - b]
                - log_factorials[total] - log_factorials[mode] - log_factorials[a - mode] - log_factorials[b - mode]
                - log_factorials[total - a - b + mode])
    weight = start
    for n in range(mode, highest + 1):
        if n > 0:
            value += weight * n * log(n * scale)
        weight = weight * <double>(a - n) * <double>(b - n) / (<double>(n + 1) * <double>(total - a - b + n + 1))
        if weight < 1e-25 * start:
            break
    weight = start
    n = mode
    while n > lowest:
        weight = weight * <double>n * <double>(total - a - b + n) / (<double>(a - n + 1) * <double>(b - n + 1))
        n = n - 1
        if n > 0:
            value += weight * n * log(n * scale)
        if weight < 1e-25 * start:
            break
    return value / total


def expected_mutual_information(a, a_times, b, b_times, int64_t total, log_factorials, int workers):
    """Of two labellings with shuffled samples; a and b: distinct counts of their levels, and how often each occurs."""
    cdef const int64_t[::1] x = a, y = b
    cdef const double[::1] table = log_factorials
    sums = np.zeros((len(a), len(b)))
    cdef double[:, ::1] out = sums
    cdef int64_t i, j, m = x.shape[0], k = y.shape[0]
    cdef bint region = workers > 1 and m * k > 256 and _openmp.enter()
    cdef int threads = workers if region else 1
    with nogil:
        for i in prange(m, num_threads=threads, schedule="dynamic", chunksize=1):
            for j in range(k):
                out[i, j] = expected_of_pair(x[i], y[j], total, &table[0])
    if region:
        _openmp.leave()
    return float(a_times @ sums @ b_times)
