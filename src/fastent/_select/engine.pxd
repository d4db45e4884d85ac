"""What the modules of the selection engine share: the kernels, and the classes that sparse columns build upon."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from fastent._engine cimport View

cdef extern from "kernels.h" nogil:
    enum:
        SELECT_LANES, SELECT_GROUP, SELECT_BLOCK, SELECT_WORDS, SELECT_SMALL, SELECT_CELLS, SELECT_PRIVATE
        SELECT_SCRATCH, SELECT_STATISTICS
        SELECT_MI_XW, SELECT_MI_XW_GIVEN_Y, SELECT_MI_XW_Y, SELECT_MI_XY_GIVEN_W, SELECT_H_XWY

    ctypedef struct select_terms:
        const int64_t *small
        int64_t limit
        const uint64_t *logs
        int64_t scale
        double unit

    ctypedef struct select_planes:
        const char *codes
        int64_t item, row_stride, column_stride
        const int64_t *columns
        const int64_t *levels
        const int64_t *first
        uint64_t *planes
        int64_t words

    ctypedef struct select_sums:
        int64_t xwy, xw, xy, wy, x, w, y, n, samples, cells

    ctypedef struct select_twos:
        const int64_t *x_sums
        const int64_t *xy_sums
        const int64_t *first_counts
        const int64_t *counts

    ctypedef struct select_table:
        const char *isa
        void pack(const select_planes *, int64_t, int64_t, int64_t, int64_t, void *) noexcept nogil
        void overlap(const uint64_t *, int64_t, int64_t, const uint64_t *, int64_t, int64_t, int64_t,
                     int64_t *) noexcept nogil
        void count(const char *, int64_t, const uint16_t *, int64_t, int64_t, int64_t, uint32_t *,
                   int64_t *) noexcept nogil
        void count_entries(const uint32_t *, const uint16_t *, int64_t, int64_t, int64_t, const uint16_t *, int64_t,
                           const int64_t *, int64_t *) noexcept nogil
        void first(const int64_t *, int64_t, int64_t, int64_t, const int64_t *, int64_t *, int64_t *) noexcept nogil
        void fill(const int64_t *, int64_t, int64_t, int64_t, int64_t, const int64_t *, const int64_t *,
                  int64_t *) noexcept nogil
        void sum(const select_terms *, const int64_t *, int64_t, int64_t, int64_t, int64_t,
                 select_sums *) noexcept nogil
        void tell(const select_terms *, const int64_t *, int64_t, int64_t, int64_t, const select_sums *, int64_t,
                  int64_t, const int64_t *, int64_t, double *, int64_t) noexcept nogil
        void tell_twos(const select_terms *, const int64_t *, int64_t, const select_twos *, const int64_t *, int64_t,
                       const int64_t *, const select_sums *, const int64_t *, int64_t, double *, int64_t) noexcept nogil
        void sum_strata(const select_terms *, const char *, int64_t, const uint32_t *, const uint16_t *,
                        const int64_t *, int64_t, int64_t, int64_t, int64_t, int64_t *, select_sums *) noexcept nogil
        void statistics(const select_terms *, const select_sums *, const int64_t *, int64_t, double *,
                        int64_t) noexcept nogil
        int64_t term(const select_terms *, int64_t) noexcept nogil

cdef struct Wanted:
    # Which statistics, and where number i of a column goes: result[i * stride + column].
    const int64_t *which
    int64_t count
    double *result
    int64_t stride


cdef Wanted wanted_of(const int64_t[::1] which, double[:, ::1] out) noexcept


cdef class Meeting:
    cdef object keep
    cdef const uint64_t *targets
    cdef int64_t target_count
    cdef const int64_t *counts
    cdef const uint16_t *z
    cdef const uint32_t *order
    cdef const int64_t *ends
    cdef const uint16_t *y
    cdef int64_t w_levels, w_used, y_levels
    cdef select_sums known
    cdef bint complete, with_y, first


cdef int64_t table_bytes(Meeting meeting, int64_t levels) noexcept nogil


cdef class Candidates:
    cdef const select_table *kernels
    cdef select_terms terms
    cdef select_planes job
    cdef View codes_view, columns_view
    cdef object keep, columnar, planes, parts, groups
    cdef int64_t n, m, words, all_y_levels, most_levels
    cdef int workers
    cdef readonly object codes, levels, used, packed, first, blocks, counts, x_counts
    cdef const int64_t *level
    cdef const int64_t *use
    cdef const int64_t *offset
    cdef int64_t *x_sums
    cdef int64_t *xy_sums
    cdef int64_t *xy_counts
    cdef int64_t *only_x_counts

    cdef int pack(self, packed) except -1
    cdef int run_pack(self, int64_t count) except -1
    cdef int64_t term(self, int64_t count) noexcept
    cdef select_sums margins_of(self, const int64_t[:, ::1] counts) noexcept
    cdef void overlap(self, Meeting meeting, int64_t begin, int64_t end, int64_t word, int64_t words,
                      int64_t *common, int64_t part) noexcept nogil
    cdef void finish(self, Meeting meeting, int64_t *common, int64_t chunks, int64_t part, const int64_t *packed,
                     const int64_t *block, const int64_t *first, const select_twos *twos, const Wanted *wanted,
                     int64_t *table) noexcept nogil
    cdef void conclude(self, Meeting meeting, int64_t column, const int64_t *table,
                       const Wanted *wanted) noexcept nogil
    cdef void report(self, Meeting meeting, int64_t column, const select_sums *sums,
                     const Wanted *wanted) noexcept nogil
    cdef int read_columns(self) except -1
    cdef int64_t samples_of(self, Meeting meeting, int64_t levels) noexcept
    cdef int64_t scratch_for(self, Meeting meeting, int64_t levels) noexcept
    cdef void meet_column(self, Meeting meeting, int64_t column, const Wanted *wanted, char *scratch) noexcept nogil
