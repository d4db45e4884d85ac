"""Candidates that are sparse: of each column the entries are counted, and all other samples have the same level."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.string cimport memset

import numpy as np

from fastent import _openmp

from fastent._select.engine cimport (
    SELECT_CELLS, SELECT_PRIVATE, SLICE_SAMPLES, Candidates, Meeting, Wanted, _Scratch, region, select_sums, wanted_of,
)


cdef class SparseCandidates(Candidates):
    """Columns of which none is packed.

    codes: what tells their shape; starts: where the entries of each begin, and their end; rows: uint32; entries: uint16
    codes; rest: the level of samples without an entry.
    """
    cdef const int64_t[::1] starts, rest
    cdef const uint32_t[::1] rows
    cdef const uint16_t[::1] entries

    def __init__(self, codes, levels, used, int64_t y_levels, logs, int64_t scale, int workers):
        super().__init__(codes, levels, used, np.zeros(0, np.int64), y_levels, logs, scale, workers)
        self.starts, self.rest, self.rows, self.entries = codes.starts, codes.rest, codes.rows, codes.entries

    def meet_columns(self, Meeting meeting, some, which, out):
        """Statistics `which` of some columns: in a table, or if that is large by strata of w."""
        cdef const int64_t[::1] column = np.ascontiguousarray(some, np.int64)
        cdef Wanted wanted = wanted_of(which, out)
        cdef int64_t count = column.shape[0], first, last, step, i
        if not count:
            return
        cdef int64_t size = self.scratch_for(meeting, int(self.levels[some].max()))
        cdef int64_t whole = size if meeting.order == NULL else size + 2 * self.n  # strata take a column of codes
        cdef int64_t cells = self.rows.shape[0] + count * min(size // 8 - 2 * SELECT_PRIVATE, SELECT_CELLS)
        if meeting.order != NULL:
            cells += count * self.n
        cdef int threads = region(self.workers, 2 * cells)
        cdef _Scratch scratch = _Scratch(whole * threads)
        step = max(threads, SLICE_SAMPLES * threads // max(1, cells // count))
        try:
            for first in range(0, count, step):
                last = min(first + step, count)
                with nogil:
                    for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                        self.meet_entries(meeting, column[i], &wanted, scratch.memory + whole * threadid(), size)
                PyErr_CheckSignals()
        finally:
            if threads > 1:
                _openmp.leave()

    cdef void meet_entries(self, Meeting meeting, int64_t column, const Wanted *wanted, char *scratch,
                           int64_t size) noexcept nogil:
        cdef int64_t i, begin = self.starts[column], count = self.starts[column + 1] - begin
        cdef int64_t z_levels = meeting.w_levels * meeting.y_levels, cells = self.level[column] * z_levels
        cdef const uint32_t *rows = &self.rows[0] + begin
        cdef const uint16_t *entries = &self.entries[0] + begin
        cdef int64_t *table = <int64_t *>(scratch + 16 * SELECT_PRIVATE)
        cdef uint16_t *codes = <uint16_t *>(scratch + size)
        cdef select_sums sums
        if meeting.z != NULL and cells <= SELECT_CELLS:
            self.kernels.count_entries(rows, entries, count, self.level[column], self.rest[column], meeting.z, z_levels,
                                       meeting.counts, table)
            self.conclude(meeting, column, table, wanted)
            memset(table, 0, 8 * cells)
        else:
            for i in range(self.n):
                codes[i] = <uint16_t>self.rest[column]
            for i in range(count):
                codes[rows[i]] = entries[i]
            self.kernels.sum_strata(&self.terms, <const char *>codes, 2, meeting.order, meeting.y, meeting.ends,
                                    meeting.w_used, self.level[column], self.use[column], meeting.y_levels, table,
                                    &sums)
            self.report(meeting, column, &sums, wanted)
