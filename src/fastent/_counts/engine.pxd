"""What the modules of the counting engine share: the kernels in use, statistics of tables."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

cdef extern from "kernels.h" nogil:
    enum:
        COUNTS_CELLS, COUNTS_WORDS, COUNTS_PLANES
        COUNTS_PLANE, COUNTS_BLOCK, COUNTS_GROUP, COUNTS_SCRATCH, COUNTS_STATISTICS
        COUNTS_INTEGERS_LEVELS, COUNTS_INTEGERS_SCRATCH
        COUNTS_H_X, COUNTS_H_Y, COUNTS_H_XY, COUNTS_MI, COUNTS_H_X_GIVEN_Y, COUNTS_H_Y_GIVEN_X

    ctypedef struct counts_job:
        const char *x
        int64_t item, row_stride, column_stride
        const int64_t *levels
        const char *y
        int64_t y_item, y_levels
        const uint64_t *y_planes
        int64_t pitch
        const double *weights
        int64_t table_stride
        const int32_t *methods
        int32_t *outside

    ctypedef struct counts_integers:
        const char *values
        int64_t item
        uint64_t base
        int64_t levels

    ctypedef struct counts_parts:
        double *high
        double *low

    ctypedef struct counts_cells:
        counts_parts cells, rows, columns
        int64_t n
        counts_parts x_counts, y_counts
        int64_t x_levels, y_levels
        counts_parts vacant

    ctypedef struct counts_table:
        const char *isa
        void count(const counts_job *, int64_t, int64_t, int64_t, int64_t, void *, void *) noexcept nogil
        void complete(int64_t *, int64_t, int64_t, const int64_t *) noexcept nogil
        double plane_cost() noexcept nogil
        int64_t pack(const char *, int64_t, int64_t, int64_t, uint64_t *, int64_t, int64_t *, void *) noexcept nogil
        void overlap(const uint64_t *, int64_t, int64_t, const uint64_t *, int64_t, int64_t, int64_t, int64_t *,
                     int64_t) noexcept nogil
        void statistics(const counts_cells *, int, double *) noexcept nogil
        double entropy(const double *, int64_t) noexcept nogil
        void largest(const char *, int64_t, int64_t, int64_t, int64_t, int64_t, uint16_t *) noexcept nogil
        void narrow(const char *, int64_t, int64_t, int64_t, uint8_t *, int64_t *, int64_t *) noexcept nogil
        int count_integers(const counts_integers *, const counts_integers *, int, int64_t, int64_t, void *,
                           int64_t *) noexcept nogil

cdef const counts_table *active

cdef object empty_planes(int64_t planes, int64_t samples)
cpdef double planes_cycles(int64_t x_levels, int64_t y_levels) noexcept
cdef int64_t statistics_scratch(int64_t x_levels, int64_t y_levels) noexcept nogil
cdef void list_cells(counts_parts values, counts_cells *table, double *room) noexcept nogil
cdef int64_t cells_scratch(int64_t n, int64_t x_levels, int64_t y_levels) noexcept nogil
cdef void cells_statistics(const counts_table *kernels, const double *cell, double *low, const int64_t *row,
                           const int64_t *column, int64_t n, int64_t x_levels, int64_t y_levels, bint mi_only,
                           double *room, double *result) noexcept nogil
