"""The binning engine: columns of numbers to codes, in parallel over tiles of rows and columns.

Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from fastent._engine cimport Scratch, Tables, View, ceil_div, tables_of
from fastent._openmp cimport enter_region, leave_region

import numpy as np

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
    const void **bins_tables()

cdef enum:
    CHUNK_ROWS = 1 << 15     # of one tile: its codes stay in the second cache
    SLICE_TILES = 256        # per worker, between looks at Ctrl-C

cdef Tables tables = tables_of(bins_tables())
cdef const bins_table *active = <const bins_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Cut with the kernels of one instruction set from now on."""
    global active
    active = <const bins_table *>tables.named(name)


def cut(x, edges, missing, codes, int workers):
    """The bins of the entries of x, into codes.

    x: (rows, columns) float32 or float64, any strides; edges: for each column an array of its inner edges, sorted, of
    the dtype of x; missing: int64, the code of nan in each column; codes: uint8 or uint16 in Fortran order.
    """
    cdef View x_view = View(x), codes_view = View(codes)
    flat = np.concatenate([*edges, np.zeros(1, x.dtype)])
    cdef View edges_view = View(flat)
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
    groups, chunks = ceil_div(m, BINS_GROUP), ceil_div(n, CHUNK_ROWS)
    cdef int threads = enter_region(workers)
    cdef Scratch scratch = Scratch(BINS_SCRATCH * threads)
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
        leave_region(threads)
