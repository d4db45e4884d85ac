"""What the engines share: kernel tables, buffers, scratch memory, shares of work."""

cimport cython
from libc.stdint cimport int64_t

cdef enum:
    MOST_BUFFERS = 12  # that a call holds
    LINE = 64          # bytes of a cache line, and of the widest vector


@cython.cdivision(True)
cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


@cython.cdivision(True)
cdef inline int64_t piece(int64_t total, int64_t number, int64_t count) noexcept nogil:
    """Where piece `number` of `count` begins."""
    return total // count * number + min(total % count, number)


cdef inline int64_t whole_lines(int64_t size) noexcept nogil:
    """So many bytes, rounded up to cache lines."""
    return (size + LINE - 1) & ~<int64_t>(LINE - 1)


cdef class Tables:
    cdef const void **tables
    cdef const void *best(self) noexcept
    cdef const void *named(self, str name) except NULL


cdef Tables tables_of(const void **tables)


cdef class View:
    cdef Py_buffer view


cdef class Buffers:
    cdef Py_buffer views[MOST_BUFFERS]
    cdef int held
    cdef void *address(self, array, bint writable=*) except? NULL


cdef class Scratch:
    cdef void *allocated
    cdef char *memory


ctypedef void (*unit_task)(const void *, int64_t, int64_t, char *) noexcept nogil

cdef int run_slices(unit_task task, const void *job, int64_t units, int64_t slice_units, int64_t scratch_bytes,
                    int workers) except -1
