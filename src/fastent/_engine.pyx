"""What the engines share: kernel tables, buffers, scratch memory, and work in slices that Ctrl-C can come between."""

from cpython.buffer cimport PyBUF_FULL_RO, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uintptr_t

cdef enum:
    CHUNKS = 8  # pieces per worker of a slice, so that an interrupted core delays the others little


cdef inline str isa_of(const void *table):
    """The first member of every kernel table is the name of its instruction set."""
    return (<const char **>table)[0].decode()


cdef class Tables:
    """An engine's kernel tables that can be used here, lowest instruction set first, NULL behind the last."""

    def isas(self):
        """Names of the instruction sets that can be used here, lowest first."""
        names = []
        cdef const void **table = self.tables
        while table[0] != NULL:
            names.append(isa_of(table[0]))
            table += 1
        return tuple(names)

    cdef const void *best(self) noexcept:
        cdef const void **table = self.tables
        while table[1] != NULL:
            table += 1
        return table[0]

    cdef const void *named(self, str name) except NULL:
        cdef const void **table = self.tables
        while table[0] != NULL:
            if isa_of(table[0]) == name:
                return table[0]
            table += 1
        raise ValueError(
            f"the instruction set {name!r} is not available here; these are: {', '.join(self.isas())}")


cdef Tables tables_of(const void **tables):
    cdef Tables result = Tables()
    result.tables = tables
    return result


cdef class View:
    """The buffer of an array, held while a call runs."""

    def __cinit__(self, array):
        PyObject_GetBuffer(array, &self.view, PyBUF_FULL_RO)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef class Buffers:
    """The buffers of a call's arrays, held while it runs."""

    cdef void *address(self, array, bint writable=False) except? NULL:
        """Where the array's numbers begin; NULL for None."""
        if array is None:
            return NULL
        assert self.held < MOST_BUFFERS
        PyObject_GetBuffer(array, &self.views[self.held], PyBUF_FULL_RO | (PyBUF_WRITABLE if writable else 0))
        self.held += 1
        return self.views[self.held - 1].buf

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])


cdef class Scratch:
    """Memory of a call, aligned for vectors."""

    def __cinit__(self, int64_t size, bint zeros=False):
        self.allocated = PyMem_RawCalloc(size + LINE, 1) if zeros else PyMem_RawMalloc(size + LINE)
        if self.allocated == NULL:
            raise MemoryError
        self.memory = <char *>whole_lines(<uintptr_t>self.allocated)

    def __dealloc__(self):
        PyMem_RawFree(self.allocated)


cdef int run_slices(unit_task task, const void *job, int64_t units, int64_t slice_units, int64_t scratch_bytes,
                    int workers) except -1:
    """task(job, begin, end, scratch) for all units: slice by slice, each shared out among the workers."""
    cdef int64_t stride = whole_lines(scratch_bytes), first, count, chunks, i
    cdef Scratch scratch = Scratch(stride * workers)
    cdef char *memory = scratch.memory
    for first in range(0, units, slice_units):
        count = min(slice_units, units - first)
        chunks = min(count, workers * CHUNKS)
        with nogil:
            if workers > 1:
                for i in prange(chunks, num_threads=workers, schedule="dynamic", chunksize=1):
                    task(job, first + piece(count, i, chunks), first + piece(count, i + 1, chunks),
                         memory + stride * threadid())
            else:
                task(job, first, first + count, memory)
        if first + count < units:
            PyErr_CheckSignals()
    return 0
