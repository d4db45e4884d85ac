"""The nearest-neighbour engine: what columns share with targets, in parallel over columns, pairs and blocks of samples.

Every sum is over one class or one block of samples in a fixed order, so results do not depend on the workers. Long
calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint32_t

import math

from fastent._engine cimport Scratch, Tables, View, ceil_div, tables_of, whole_lines
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef extern from "kernels.h" nogil:
    enum:
        NEIGHBORS_GROUP, NEIGHBORS_BLOCK
        NEIGHBORS_COUNTED, NEIGHBORS_IGNORED, NEIGHBORS_IGNORED_SINGLE

    ctypedef struct neighbors_job:
        int64_t n, k, ties
        const double *digamma

    ctypedef struct neighbors_target:
        double *values
        uint32_t *groups

    ctypedef struct neighbors_pair:
        int64_t n
        double *x
        double *y
        double *strip_x
        double *strip_y
        uint32_t *x_index
        uint32_t *y_index
        uint32_t *starts

    ctypedef struct neighbors_table:
        const char *isa
        void gather(const char *, int64_t, int64_t, int64_t, int64_t, int64_t, double *, int64_t) noexcept nogil
        void jitter(double *, int64_t, double, double, const double *, int64_t) noexcept nogil
        int infinite(const char *, int64_t, int64_t, int64_t) noexcept nogil
        double discrete(const neighbors_job *, const double *, const int32_t *, int64_t, void *) noexcept nogil
        void target(const neighbors_job *, const double *, neighbors_target *, void *) noexcept nogil
        void pair(const neighbors_job *, const double *, const neighbors_target *, neighbors_pair *,
                  void *) noexcept nogil
        double block(const neighbors_job *, const neighbors_pair *, int64_t, void *) noexcept nogil

    int64_t neighbors_sort_bytes(int64_t)
    int64_t neighbors_discrete_bytes(int64_t, int64_t)
    int64_t neighbors_block_bytes(int64_t, int64_t)
    int64_t neighbors_target_bytes(int64_t)
    int64_t neighbors_pair_bytes(int64_t, int64_t)

cdef extern from "tables.h" nogil:
    const void **neighbors_tables()

# What becomes of ties, for Python.
TIES = {"counted": NEIGHBORS_COUNTED, "ignored": NEIGHBORS_IGNORED, "ignored, single": NEIGHBORS_IGNORED_SINGLE}

cdef enum:
    SLICE_SAMPLES = 1 << 22  # of columns sorted, per worker between looks at Ctrl-C
    SLICE_POINTS = 1 << 18   # of pairs searched
    PAIRS_BYTES = 1 << 28    # of pairs that exist at a time, as long as there are enough of them for all workers

cdef Tables tables = tables_of(neighbors_tables())
cdef const neighbors_table *active = <const neighbors_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Use the kernels of one instruction set from now on."""
    global active
    active = <const neighbors_table *>tables.named(name)


def gather(x, int64_t begin, int64_t end, int workers):
    """The columns [begin, end) of a float32 or float64 matrix, of any strides, as rows of float64."""
    cdef View view = View(x)
    cdef int64_t n = view.view.shape[0], item = view.view.itemsize, m = end - begin, unit, first, units, group
    cdef int64_t row = view.view.strides[0], column = view.view.strides[1]
    cdef const char *data = <const char *>view.view.buf + begin * column
    columns = np.empty((m, n))
    cdef double[:, ::1] out = columns
    cdef const neighbors_table *kernels = active
    if not n or not m:
        return columns
    cdef int threads = enter_region(workers)
    group = max(1, min(NEIGHBORS_GROUP, m // (2 * threads)))
    units = ceil_div(m, group)
    with nogil:
        for unit in prange(units, num_threads=threads, schedule="dynamic", chunksize=1):
            first = unit * group
            kernels.gather(data + first * column, item, row, column, n, min(group, m - first), &out[first, 0], n)
    leave_region(threads)
    return columns


def infinite(x, int workers):
    """Whether there is an infinity in a float32 or float64 matrix."""
    cdef View view = View(x)
    cdef int64_t n = view.view.shape[0], m = view.view.shape[1], item = view.view.itemsize, i, chunk, chunks, begin
    cdef int64_t row = view.view.strides[0], column = view.view.strides[1]
    cdef const char *data = <const char *>view.view.buf
    cdef const neighbors_table *kernels = active
    if not n or not m:
        return False
    if row == m * column:  # one run
        n, m, row = n * m, 1, column
    elif n < m or row > column:
        n, m, row, column = m, n, column, row
    chunks = max(1, min(16, n * m // 65536))
    found = np.zeros(chunks, np.intc)
    cdef int[::1] out = found
    cdef int threads = enter_region(workers)
    with nogil:
        for chunk in prange(chunks, num_threads=threads, schedule="dynamic", chunksize=1):
            begin = n * chunk // chunks
            for i in range(m):
                out[chunk] |= kernels.infinite(data + i * column + begin * row, item, row,
                                               n * (chunk + 1) // chunks - begin)
    leave_region(threads)
    return bool(found.any())


def jitter(columns, divisors, amplitudes, noise, int workers):
    """Each row of float64 `columns` divided, plus amplitude times a column of `noise`, in place."""
    cdef double[:, ::1] rows = columns
    cdef const double[::1] divisor = divisors, amplitude = amplitudes
    cdef const double[:, :] added = noise
    cdef int64_t m = rows.shape[0], n = rows.shape[1], i, stride = added.strides[0] // 8
    cdef const neighbors_table *kernels = active
    if not n or not m:
        return
    cdef int threads = enter_region(workers)
    with nogil:
        for i in prange(m, num_threads=threads, schedule="dynamic", chunksize=1):
            kernels.jitter(&rows[i, 0], n, divisor[i], amplitude[i], &added[0, i], stride)
    leave_region(threads)


cdef neighbors_job job_of(int64_t n, int64_t k, int64_t ties, const double[::1] digamma) noexcept:
    cdef neighbors_job job
    job.n, job.k, job.ties, job.digamma = n, k, ties, &digamma[0]
    return job


def discrete(columns, codes, levels, int64_t k, int64_t ties, digamma, int workers):
    """Ross 2014 for rows of float64 `columns` and of int32 `codes`, which has so many `levels`: (codes, columns)."""
    cdef const double[:, ::1] x = columns
    cdef const int32_t[:, ::1] y = codes
    cdef const int64_t[::1] y_levels = levels
    cdef int64_t m = x.shape[0], n = x.shape[1], targets = y.shape[0], unit, first, last, units = m * targets
    result = np.full((targets, m), np.nan)
    cdef double[:, ::1] out = result
    if not n or not units:
        return result
    cdef neighbors_job job = job_of(n, k, ties, digamma)
    cdef const neighbors_table *kernels = active
    cdef int threads = enter_region(workers)
    cdef int64_t size = whole_lines(neighbors_discrete_bytes(n, levels.max())), slice_units
    cdef Scratch scratch
    try:
        scratch = Scratch(size * threads)
        slice_units = max(1, SLICE_SAMPLES // n) * threads
        for first in range(0, units, slice_units):
            last = min(first + slice_units, units)
            with nogil:
                for unit in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                    out[unit // m, unit % m] = kernels.discrete(
                        &job, &x[unit % m, 0], &y[unit // m, 0], y_levels[unit // m],
                        scratch.memory + size * threadid())
            PyErr_CheckSignals()
    finally:
        leave_region(threads)
    return result


cdef class _Pairs:
    """Continuous columns and targets, and room for some pairs of them."""
    cdef neighbors_job job
    cdef const neighbors_table *kernels
    cdef const double[:, ::1] x, y
    cdef int64_t m, n, targets, room, blocks
    cdef int threads
    cdef Scratch target_memory, pair_memory, structs
    cdef neighbors_target *target
    cdef neighbors_pair *pair

    def __cinit__(self, x, y, int64_t k, int64_t ties, digamma, int threads):
        self.kernels = active
        self.x, self.y = x, y
        self.m, self.n, self.targets = x.shape[0], x.shape[1], y.shape[0]
        self.threads = threads
        self.job = job_of(self.n, k, ties, digamma)
        self.blocks = ceil_div(self.n, NEIGHBORS_BLOCK)
        cdef int64_t target_size = whole_lines(neighbors_target_bytes(self.n))
        cdef int64_t pair_size = whole_lines(neighbors_pair_bytes(self.n, k)), i
        self.room = max(threads, min(self.m * self.targets, PAIRS_BYTES // pair_size))
        self.structs = Scratch(self.targets * sizeof(neighbors_target) + self.room * sizeof(neighbors_pair))
        self.target = <neighbors_target *>self.structs.memory
        self.pair = <neighbors_pair *>(self.structs.memory + self.targets * sizeof(neighbors_target))
        self.target_memory = Scratch(self.targets * target_size)
        self.pair_memory = Scratch(self.room * pair_size)
        for i in range(self.targets):
            self.target[i].values = <double *>(self.target_memory.memory + i * target_size)
            self.target[i].groups = <uint32_t *>(self.target[i].values + self.n)
        for i in range(self.room):
            self.place(&self.pair[i], <double *>(self.pair_memory.memory + i * pair_size))

    cdef void place(self, neighbors_pair *pair, double *memory) noexcept:
        pair.x, pair.y = memory, memory + self.n
        pair.strip_x, pair.strip_y = memory + 2 * self.n, memory + 3 * self.n
        pair.x_index = <uint32_t *>(memory + 4 * self.n)
        pair.y_index = pair.x_index + self.n + 1
        pair.starts = pair.y_index + self.n + 1

    cdef int sort_targets(self, Scratch scratch, int64_t size) except -1:
        cdef int64_t i, first, last, step = max(1, SLICE_SAMPLES // self.n) * self.threads
        for first in range(0, self.targets, step):
            last = min(first + step, self.targets)
            with nogil:
                for i in prange(first, last, num_threads=self.threads, schedule="dynamic", chunksize=1):
                    self.kernels.target(&self.job, &self.y[i, 0], &self.target[i], scratch.memory + size * threadid())
            PyErr_CheckSignals()
        return 0

    cdef int prepare(self, int64_t begin, int64_t end, Scratch scratch, int64_t size) except -1:
        """Pairs [begin, end) of all, column after column of one target after the other."""
        cdef int64_t i, first, last, step = max(1, SLICE_SAMPLES // self.n) * self.threads
        for first in range(begin, end, step):
            last = min(first + step, end)
            with nogil:
                for i in prange(first, last, num_threads=self.threads, schedule="dynamic", chunksize=1):
                    self.kernels.pair(&self.job, &self.x[i % self.m, 0], &self.target[i // self.m],
                                      &self.pair[i - begin], scratch.memory + size * threadid())
            PyErr_CheckSignals()
        return 0

    cdef int search(self, int64_t count, double[:, ::1] sums, Scratch scratch, int64_t size) except -1:
        cdef int64_t unit, first, last, units = count * self.blocks, step
        step = max(1, SLICE_POINTS // min(self.n, NEIGHBORS_BLOCK)) * self.threads
        for first in range(0, units, step):
            last = min(first + step, units)
            with nogil:
                for unit in prange(first, last, num_threads=self.threads, schedule="dynamic", chunksize=1):
                    sums[unit // self.blocks, unit % self.blocks] = self.kernels.block(
                        &self.job, &self.pair[unit // self.blocks], unit % self.blocks,
                        scratch.memory + size * threadid())
            PyErr_CheckSignals()
        return 0

    cdef object run(self):
        cdef int64_t sort_size = whole_lines(neighbors_sort_bytes(self.n))
        cdef int64_t block_size = whole_lines(neighbors_block_bytes(self.n, self.job.k))
        cdef Scratch scratch = Scratch(max(sort_size, block_size) * self.threads)
        cdef int64_t units = self.m * self.targets, begin, end, i
        result = np.full(units, np.nan)
        cdef double[::1] out = result
        sums = np.empty((self.room, self.blocks))
        self.sort_targets(scratch, sort_size)
        for begin in range(0, units, self.room):
            end = min(begin + self.room, units)
            self.prepare(begin, end, scratch, sort_size)
            self.search(end - begin, sums, scratch, block_size)
            for i in range(begin, end):
                if self.pair[i - begin].n > self.job.k:
                    out[i] = math.fsum(sums[i - begin]) / self.pair[i - begin].n
        return result.reshape(self.targets, self.m)


def continuous(columns, targets, int64_t k, int64_t ties, digamma, int workers):
    """Kraskov 2004, first algorithm, for rows of float64 `columns` and `targets`: (targets, columns)."""
    cdef int threads
    if not columns.size or not targets.size:
        return np.full((len(targets), len(columns)), np.nan)
    threads = enter_region(workers)
    try:
        return _Pairs(columns, targets, k, ties, digamma, threads).run()
    finally:
        leave_region(threads)
