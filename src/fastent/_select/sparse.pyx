"""Candidates that are sparse: of each column the entries are counted, and all other samples have the same level."""

from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.string cimport memset

import numpy as np

from fastent._engine cimport ceil_div
from fastent._select.engine cimport SELECT_CELLS, Candidates, Meeting, Wanted, select_sums, table_bytes


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

    cdef int read_columns(self) except -1:
        return 0

    cdef int64_t samples_of(self, Meeting meeting, int64_t levels) noexcept:
        return self.rows.shape[0] // self.m + table_bytes(meeting, levels) // 8 + self.dense_codes(meeting)

    cdef int64_t scratch_for(self, Meeting meeting, int64_t levels) noexcept:
        return 8 * ceil_div(self.dense_codes(meeting), 4) + table_bytes(meeting, levels)

    cdef int64_t dense_codes(self, Meeting meeting) noexcept nogil:
        """Codes of a column that are dense for a while: strata take all of them."""
        return 0 if meeting.order == NULL else self.n

    cdef void meet_column(self, Meeting meeting, int64_t column, const Wanted *wanted, char *scratch) noexcept nogil:
        cdef int64_t i, begin = self.starts[column], count = self.starts[column + 1] - begin
        cdef int64_t z_levels = meeting.w_levels * meeting.y_levels, cells = self.level[column] * z_levels
        cdef const uint32_t *rows = &self.rows[0] + begin
        cdef const uint16_t *entries = &self.entries[0] + begin
        cdef uint16_t *codes = <uint16_t *>scratch
        cdef int64_t *table = <int64_t *>scratch + ceil_div(self.dense_codes(meeting), 4)
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
