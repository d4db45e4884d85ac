"""Mutual information within strata: of every stratum's table, given as its positive cells."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from fastent._counts.engine cimport (
    COUNTS_MI,
    COUNTS_STATISTICS,
    active,
    cells_scratch,
    cells_statistics,
    counts_table,
)
from fastent._engine cimport Buffers, Scratch, whole_lines
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef enum:
    SLICE = 1 << 20      # strata between looks at Ctrl-C
    FEW_CELLS = 1 << 12  # are done before other threads have begun


def information_of_strata(cells, rows, columns, bounds, x_levels, y_levels, int workers, low=None):
    """Of strata one after the other: where their cells begin, and how many rows and columns they have.

    The cells of a stratum are sorted; its rows and columns are numbered from 0. low: what float64 lacks of the cells.
    """
    cdef const double[::1] cell = cells
    cdef const int64_t[::1] row = rows, column = columns, bound = bounds, width = x_levels, height = y_levels
    cdef int64_t m = bound.shape[0] - 1, first, last, i
    result = np.zeros(m)
    cdef double[::1] out = result
    cdef Buffers held = Buffers()
    cdef double *lacking = <double *>held.address(low)
    cdef const counts_table *kernels = active
    cdef int64_t most = int(np.diff(bounds).max(initial=1))
    cdef int64_t size = whole_lines(
        cells_scratch(most, int(x_levels.max(initial=1)), int(y_levels.max(initial=1))))
    cdef Scratch scratch = Scratch(size * workers)
    cdef int threads = enter_region(workers if cell.shape[0] > FEW_CELLS else 1)
    try:
        for first in range(0, m, SLICE):
            last = min(m, first + SLICE)
            with nogil:
                for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=64):
                    out[i] = information(kernels, &cell[bound[i]], lacking + bound[i] if lacking != NULL else NULL,
                                         &row[bound[i]], &column[bound[i]], bound[i + 1] - bound[i], width[i],
                                         height[i], <double *>(scratch.memory + size * threadid()))
            PyErr_CheckSignals()
    finally:
        leave_region(threads)
    return result


cdef double information(const counts_table *kernels, const double *cell, double *low, const int64_t *row,
                        const int64_t *column, int64_t n, int64_t x_levels, int64_t y_levels,
                        double *room) noexcept nogil:
    cdef double statistics[COUNTS_STATISTICS]
    cells_statistics(kernels, cell, low, row, column, n, x_levels, y_levels, True, room, statistics)
    return statistics[COUNTS_MI]
