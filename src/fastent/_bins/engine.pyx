"""The binning engine: columns of numbers to codes, in parallel over tiles of rows and columns.

Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.buffer cimport PyBUF_FULL_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

import numpy as np

from fastent import _openmp

cdef extern from "kernels.h" nogil:
    enum:
        BINS_BLOCK, BINS_GROUP, BINS_SCRATCH

    ctypedef struct bins_job:
        const char *x
        int64_t item, row_stride, column_stride
        const char *edges
        const int64_t *offsets
        const int64_t *counts
        const int64_t *missing
        char *codes
        int64_t code_item, code_stride

    ctypedef struct bins_table:
        const char *isa
        void cut(const bins_job *, int64_t, int64_t, int64_t, int64_t, void *) noexcept nogil

cdef extern from "tables.h" nogil:
    enum:
        MAX_TABLES
    int bins_tables(const bins_table **)

cdef enum:
    CHUNK_ROWS = 1 << 15     # of one tile: its codes stay in the second cache
    SLICE_TILES = 256        # per worker, between looks at Ctrl-C

cdef const bins_table *tables[MAX_TABLES]
cdef int table_count = bins_tables(tables)
cdef const bins_table *active = tables[table_count - 1]


def isas():
    """Names of the instruction sets that can be used here, lowest first."""
    return tuple([tables[i].isa.decode() for i in range(table_count)])


def use_isa(str name):
    """Cut with the kernels of one instruction set from now on."""
    global active
    for i in range(table_count):
        if tables[i].isa.decode() == name:
            active = tables[i]
            return
    raise ValueError(f"the instruction set {name!r} is not available here; these are: {', '.join(isas())}")


cdef class _View:
    """The buffer of an array, held while a call runs."""
    cdef Py_buffer view

    def __cinit__(self, array):
        PyObject_GetBuffer(array, &self.view, PyBUF_FULL_RO)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef class _Scratch:
    """Memory of a call, one piece for each worker."""
    cdef char *memory

    def __cinit__(self, int64_t size):
        self.memory = <char *>PyMem_RawMalloc(<size_t>max(1, size))
        if self.memory == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_RawFree(self.memory)


def cut(x, edges, missing, codes, int workers):
    """The bins of the entries of x, into codes.

    x: (rows, columns) float32 or float64, any strides; edges: for each column an array of its inner edges, sorted, of
    the dtype of x; missing: int64, the code of nan in each column; codes: uint8 or uint16 in Fortran order.
    """
    cdef _View x_view = _View(x), codes_view = _View(codes)
    flat = np.concatenate([*edges, np.zeros(1, x.dtype)])
    cdef _View edges_view = _View(flat)
    counts = np.array([len(one) for one in edges], np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    cdef const int64_t[::1] count = counts, offset = offsets, absent = missing
    cdef bins_job job
    cdef const bins_table *kernels = active
    cdef int64_t n = x.shape[0], m = x.shape[1], groups, chunks, unit, first, last, step
    if not n or not m:
        return
    job.x = <const char *>x_view.view.buf
    job.item = x_view.view.itemsize
    job.row_stride, job.column_stride = x_view.view.strides[0], x_view.view.strides[1]
    job.edges, job.offsets, job.counts = <const char *>edges_view.view.buf, &offset[0], &count[0]
    job.missing = &absent[0]
    job.codes, job.code_item = <char *>codes_view.view.buf, codes_view.view.itemsize
    job.code_stride = codes_view.view.strides[1]
    groups, chunks = (m + BINS_GROUP - 1) // BINS_GROUP, (n + CHUNK_ROWS - 1) // CHUNK_ROWS
    cdef int threads = workers if workers > 1 and _openmp.enter() else 1
    cdef _Scratch scratch = _Scratch(BINS_SCRATCH * threads)
    step = SLICE_TILES * threads
    try:
        for first in range(0, groups * chunks, step):
            last = min(first + step, groups * chunks)
            with nogil:
                for unit in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                    kernels.cut(&job, unit % groups * BINS_GROUP, min(m, (unit % groups + 1) * BINS_GROUP),
                                unit // groups * CHUNK_ROWS, min(n, (unit // groups + 1) * CHUNK_ROWS),
                                scratch.memory + BINS_SCRATCH * threadid())
            PyErr_CheckSignals()
    finally:
        if threads > 1:
            _openmp.leave()
