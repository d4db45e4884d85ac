"""Mutual information within strata: of every stratum's table, given as its positive cells."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from fastent._counts.engine cimport COUNTS_MI, COUNTS_STATISTICS, active, counts_table
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef enum:
    SLICE = 1 << 20  # strata between looks at Ctrl-C


def information_of_strata(cells, rows, columns, bounds, x_counts, x_bounds, y_counts, y_bounds, int workers):
    """Of strata one after the other: their cells with the sums of rows and columns, and these sums once each."""
    cdef const double[::1] cell = cells, row = rows, column = columns, x = x_counts, y = y_counts
    cdef const int64_t[::1] bound = bounds, x_bound = x_bounds, y_bound = y_bounds
    cdef int64_t m = bound.shape[0] - 1, first, last, i
    result = np.zeros(m)
    cdef double[::1] out = result
    cdef const counts_table *kernels = active
    cdef int threads = enter_region(workers)
    try:
        for first in range(0, m, SLICE):
            last = min(m, first + SLICE)
            with nogil:
                for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=64):
                    out[i] = information(kernels, &cell[bound[i]], &row[bound[i]], &column[bound[i]],
                                         bound[i + 1] - bound[i], &x[x_bound[i]], x_bound[i + 1] - x_bound[i],
                                         &y[y_bound[i]], y_bound[i + 1] - y_bound[i])
            PyErr_CheckSignals()
    finally:
        leave_region(threads)
    return result


cdef double information(const counts_table *kernels, const double *cell, const double *row, const double *column,
                        int64_t n, const double *x, int64_t x_levels, const double *y, int64_t y_levels) noexcept nogil:
    cdef double statistics[COUNTS_STATISTICS]
    kernels.statistics(cell, row, column, n, x, x_levels, y, y_levels, True, statistics)
    return statistics[COUNTS_MI]
