"""The counting engine: from columns of codes to tables and statistics, in parallel over columns, samples or pairs.

Counts are integers, so cutting the samples changes nothing; weights are added in pieces of a fixed size, in order.
Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.buffer cimport PyBUF_FULL_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memset

import numpy as np

from fastent import _openmp

cdef extern from "kernels.h" nogil:
    enum:
        COUNTS_CELLS, COUNTS_WORDS, COUNTS_PLANES
        COUNTS_BLOCK, COUNTS_GROUP, COUNTS_SCRATCH, COUNTS_STATISTICS
        COUNTS_H_X, COUNTS_H_Y, COUNTS_H_XY, COUNTS_MI, COUNTS_H_X_GIVEN_Y, COUNTS_H_Y_GIVEN_X

    ctypedef struct counts_job:
        const char *x
        int64_t item, row_stride, column_stride
        const int64_t *levels
        const char *y
        int64_t y_item, y_levels
        const uint64_t *y_planes
        int64_t words
        const double *weights
        int64_t table_stride
        const int32_t *methods

    ctypedef struct counts_table:
        const char *isa
        void count(const counts_job *, int64_t, int64_t, int64_t, int64_t, void *, void *) noexcept nogil
        void complete(int64_t *, int64_t, int64_t, const int64_t *) noexcept nogil
        void pack(const char *, int64_t, int64_t, int64_t, uint64_t *, int64_t, void *) noexcept nogil
        void overlap(const uint64_t *, int64_t, const uint64_t *, int64_t, int64_t, int64_t, int64_t, int64_t *,
                     int64_t) noexcept nogil
        void statistics(const double *, const double *, const double *, int64_t, const double *, int64_t,
                        const double *, int64_t, double *) noexcept nogil
        double entropy(const double *, int64_t) noexcept nogil
        void largest(const char *, int64_t, int64_t, int64_t, int64_t, int64_t, uint16_t *) noexcept nogil
        void narrow(const char *, int64_t, int64_t, int64_t, uint8_t *, int64_t *, int64_t *) noexcept nogil

cdef extern from "tables.h" nogil:
    enum:
        MAX_TABLES
    int counts_tables(const counts_table **)

# The one place where C's numbers get names in Python.
METHODS = {"cells": COUNTS_CELLS, "words": COUNTS_WORDS, "planes": COUNTS_PLANES}
STATISTICS = {
    "h_x": COUNTS_H_X, "h_y": COUNTS_H_Y, "h_xy": COUNTS_H_XY, "mi": COUNTS_MI,
    "h_x_given_y": COUNTS_H_X_GIVEN_Y, "h_y_given_x": COUNTS_H_Y_GIVEN_X,
}

cdef enum:
    WEIGHED_ROWS = 1 << 17  # samples whose weights are added up apart
    SLICE_ROWS = 1 << 24    # samples times columns per worker between looks at Ctrl-C
    OVERLAP_WORDS = 512     # of each plane at a time: the planes of two tiles stay in the second cache
    TILE_PLANES = 64

cdef const counts_table *tables[MAX_TABLES]
cdef int table_count = counts_tables(tables)
cdef const counts_table *active = tables[table_count - 1]


def isas():
    """Names of the instruction sets that can be used here, lowest first."""
    return tuple([tables[i].isa.decode() for i in range(table_count)])


def use_isa(str name):
    """Count with the kernels of one instruction set from now on."""
    global active
    for i in range(table_count):
        if tables[i].isa.decode() == name:
            active = tables[i]
            return
    raise ValueError(f"the instruction set {name!r} is not available here; these are: {', '.join(isas())}")


cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


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


cdef int region(int workers) except -1:
    """Workers of a parallel region: one region at a time, whoever comes second computes serially."""
    return workers if workers > 1 and _openmp.enter() else 1


def narrow(values, int workers):
    """Contiguous signed integers as uint8 codes: (codes, lowest, highest); codes is None if they do not fit."""
    cdef _View view = _View(values)
    cdef int64_t n = view.view.shape[0], item = view.view.itemsize, chunks
    cdef const char *data = <const char *>view.view.buf
    codes = np.empty(n, np.uint8)
    cdef uint8_t[::1] out = codes
    chunks = max(1, min(n // 65536, 8 * workers))
    cdef int64_t[:, ::1] extremes = np.zeros((2, chunks), np.int64)
    cdef int64_t base, low, high
    cdef const counts_table *table = active
    base = int(values[:1024].min())
    for _attempt in range(2):
        granted = region(workers)
        run_narrow(table, data, item, n, base, &out[0], extremes, chunks, granted)
        if granted > 1:
            _openmp.leave()
        low, high = int(np.asarray(extremes[0]).min()), int(np.asarray(extremes[1]).max())
        if <uint64_t>high - <uint64_t>low > 255:
            return None, low, high
        if base == low:
            break
        base = low
    return codes, low, high


cdef int run_narrow(const counts_table *table, const char *data, int64_t item, int64_t n, int64_t base, uint8_t *codes,
                    int64_t[:, ::1] extremes, int64_t chunks, int workers) except -1:
    cdef int64_t i, begin
    with nogil:
        for i in prange(chunks, num_threads=workers, schedule="dynamic", chunksize=1):
            begin = n * i // chunks
            table.narrow(data + begin * item, item, n * (i + 1) // chunks - begin, base, codes + begin,
                         &extremes[0, i], &extremes[1, i])
    return 0


def largest_codes(codes, int workers):
    """The largest code of each column of a uint8 or uint16 matrix."""
    cdef _View view = _View(codes)
    cdef int64_t n = view.view.shape[0], m = view.view.shape[1], i, begin
    cdef int64_t item = view.view.itemsize, row = view.view.strides[0], column = view.view.strides[1]
    cdef const char *data = <const char *>view.view.buf
    cdef const counts_table *table = active
    cdef int64_t chunks = max(1, min(4 * workers, n // 4096))
    tops = np.zeros((chunks, m), np.uint16)
    cdef uint16_t[:, ::1] out = tops
    cdef int threads
    if n and m:
        threads = region(workers)
        with nogil:
            for i in prange(chunks, num_threads=threads, schedule="dynamic", chunksize=1):
                begin = n * i // chunks
                table.largest(data + begin * row, item, row, column, n * (i + 1) // chunks - begin, m, &out[i, 0])
        if threads > 1:
            _openmp.leave()
    return tops.max(axis=0).astype(np.int64)


def choose_methods(levels, int64_t y_levels, bint bytes_only, bint weighted):
    """The fastest method for each column, by measured costs of a sample: planes, words, cells."""
    planes = (levels - 1) * (0.033 + 0.004 * (y_levels - 1)) < 1
    words = levels * y_levels <= 256
    methods = np.where(planes, COUNTS_PLANES, np.where(words, COUNTS_WORDS, COUNTS_CELLS))
    if weighted or not bytes_only:
        methods[:] = COUNTS_CELLS
    return methods.astype(np.int32)


cdef class TargetCounter:
    """Counts columns of codes against one target, a batch of columns at a time.

    x: (samples, columns) uint8 or uint16, any strides; y: contiguous uint8 or uint16; methods: int32 per column.
    """
    cdef _View x_view, y_view, weights_view
    cdef counts_job job
    cdef int64_t n, columns
    cdef int workers
    cdef readonly int64_t cells  # of the largest table
    cdef object keep, y_counts

    def __init__(self, x, levels, y, int64_t y_levels, weights, methods, int workers):
        cdef const int64_t[::1] level_view = levels
        cdef const int32_t[::1] method_view = methods
        cdef uint64_t[:, ::1] planes
        cdef _Scratch scratch = _Scratch(COUNTS_SCRATCH)
        memset(&self.job, 0, sizeof(self.job))
        self.x_view, self.y_view = _View(x), _View(y)
        self.n, self.columns = x.shape
        self.workers = workers
        self.job.x = <const char *>self.x_view.view.buf
        self.job.item = self.x_view.view.itemsize
        self.job.row_stride, self.job.column_stride = self.x_view.view.strides[0], self.x_view.view.strides[1]
        self.job.y = <const char *>self.y_view.view.buf
        self.job.y_item, self.job.y_levels = self.y_view.view.itemsize, y_levels
        self.job.levels = &level_view[0] if self.columns else NULL
        self.job.methods = &method_view[0] if self.columns else NULL
        self.cells = self.job.table_stride = (int(levels.max()) if self.columns else 1) * y_levels
        if weights is not None:
            self.weights_view = _View(weights)
            self.job.weights = <const double *>self.weights_view.view.buf
        self.job.words = ceil_div(self.n, 64)
        self.keep = (levels, methods, weights)
        if (methods == COUNTS_PLANES).any() and y_levels > 1:
            packed = np.zeros((y_levels - 1, self.job.words), np.uint64)
            planes = packed
            if self.n:
                active.pack(self.job.y, self.job.y_item, self.n, y_levels, &planes[0, 0], self.job.words,
                            scratch.memory)
            self.job.y_planes = &planes[0, 0] if self.n else NULL
            self.keep += (packed,)
        self.y_counts = np.zeros(y_levels, np.int64)
        if (methods == COUNTS_PLANES).any():
            self.y_counts[1:] = np.bitwise_count(packed).sum(axis=1) if y_levels > 1 and self.n else 0
            self.y_counts[0] = self.n - self.y_counts[1:].sum()

    def count(self, int64_t begin, int64_t end):
        """Tables of the columns [begin, end): (columns, cells), int64, or float64 where there are weights."""
        cdef int64_t groups = ceil_div(end - begin, COUNTS_GROUP), chunk_rows, chunks, i
        cdef bint weighted = self.job.weights != NULL
        cdef int workers = region(self.workers)
        try:
            chunk_rows = WEIGHED_ROWS
            if not weighted:
                chunks = 1 if groups >= 4 * workers else ceil_div(4 * workers, groups)
                chunk_rows = max(COUNTS_BLOCK, ceil_div(ceil_div(self.n, chunks), COUNTS_BLOCK) * COUNTS_BLOCK)
            chunks = max(1, ceil_div(self.n, chunk_rows))
            parts = np.zeros((chunks, end - begin, self.cells), np.float64 if weighted else np.int64)
            if self.n and end > begin:
                self.run(parts, begin, end, groups, chunks, chunk_rows, workers)
        finally:
            if workers > 1:
                _openmp.leave()
        total = parts[0]
        for i in range(1, chunks):
            total += parts[i]
        if not weighted:
            self.complete(total, begin, end)
        return total

    cdef int run(self, parts, int64_t begin, int64_t end, int64_t groups, int64_t chunks, int64_t chunk_rows,
                 int workers) except -1:
        cdef _View view = _View(parts)
        cdef char *memory = <char *>view.view.buf
        cdef int64_t units = groups * chunks, unit, first, last, stride = (end - begin) * self.cells * 8
        cdef int64_t slice_units = max(workers, SLICE_ROWS * workers // (COUNTS_GROUP * min(chunk_rows, self.n)))
        cdef _Scratch scratch = _Scratch(COUNTS_SCRATCH * workers)
        cdef const counts_table *table = active
        for first in range(0, units, slice_units):
            last = min(first + slice_units, units)
            with nogil:
                for unit in prange(first, last, num_threads=workers, schedule="dynamic",
                                   chunksize=1):
                    self.count_unit(table, begin, end, unit // chunks, unit % chunks, chunk_rows,
                                    scratch.memory + COUNTS_SCRATCH * threadid(), memory + unit % chunks * stride)
            PyErr_CheckSignals()
        return 0

    cdef void count_unit(self, const counts_table *table, int64_t begin, int64_t end, int64_t group, int64_t chunk,
                         int64_t chunk_rows, void *scratch, char *part) noexcept nogil:
        cdef int64_t first = begin + group * COUNTS_GROUP, last = min(first + COUNTS_GROUP, end)
        table.count(&self.job, first, last, chunk * chunk_rows, min((chunk + 1) * chunk_rows, self.n), scratch,
                    part + (first - begin) * self.cells * 8)

    cdef int complete(self, total, int64_t begin, int64_t end) except -1:
        cdef int64_t[:, ::1] view = total
        cdef const int64_t[::1] y_view = self.y_counts
        cdef int64_t c
        for c in range(begin, end):
            if self.job.methods[c] == COUNTS_PLANES:
                active.complete(&view[c - begin, 0], self.job.levels[c], self.job.y_levels, &y_view[0])
        return 0


cdef int64_t statistics_scratch(int64_t x_levels, int64_t y_levels) noexcept nogil:
    return 8 * (3 * x_levels * y_levels + x_levels + y_levels)


cdef void table_statistics(const counts_table *kernels, const double *table, int64_t x_levels, int64_t y_levels,
                           double *scratch, double *result) noexcept nogil:
    """Margins and positive cells of a table, and what they say."""
    cdef int64_t i, j, n = 0, cells = x_levels * y_levels
    cdef double *x = scratch
    cdef double *y = x + x_levels
    cdef double *cell = y + y_levels
    cdef double *row = cell + cells
    cdef double *column = row + cells
    for j in range(y_levels):
        y[j] = 0
    for i in range(x_levels):
        x[i] = 0
        for j in range(y_levels):
            x[i] += table[i * y_levels + j]
            y[j] += table[i * y_levels + j]
    for i in range(x_levels):
        for j in range(y_levels):
            if table[i * y_levels + j] > 0:
                cell[n] = table[i * y_levels + j]
                row[n] = x[i]
                column[n] = y[j]
                n += 1
    kernels.statistics(cell, row, column, n, x, x_levels, y, y_levels, result)


def statistics_of_tables(counts, levels, int64_t y_levels, int workers):
    """All statistics of float64 tables (tables, cells), table i of levels[i] x y_levels: (tables, statistics)."""
    cdef const double[:, ::1] view = counts
    cdef const int64_t[::1] level_view = levels
    cdef int64_t m = view.shape[0], i
    result = np.zeros((m, COUNTS_STATISTICS))
    if not m:
        return result
    cdef double[:, ::1] out = result
    cdef int64_t size = statistics_scratch(int(levels.max()), y_levels)
    cdef int threads = region(workers if counts.size > 65536 else 1)
    cdef _Scratch scratch = _Scratch(size * threads)
    cdef const counts_table *kernels = active
    with nogil:
        for i in prange(m, num_threads=threads, schedule="dynamic", chunksize=16):
            table_statistics(kernels, &view[i, 0], level_view[i], y_levels,
                             <double *>(scratch.memory + size * threadid()), &out[i, 0])
    if threads > 1:
        _openmp.leave()
    return result


def statistics_of_cells(cells, rows, columns, x_counts, y_counts):
    """All statistics of one table given as its positive cells, with the sums of their rows and columns."""
    cdef const double[::1] cell = cells, row = rows, column = columns, x = x_counts, y = y_counts
    result = np.zeros(COUNTS_STATISTICS)
    cdef double[::1] out = result
    if cell.shape[0]:
        with nogil:
            active.statistics(&cell[0], &row[0], &column[0], cell.shape[0], &x[0], x.shape[0], &y[0], y.shape[0],
                              &out[0])
    return result


def entropy_of_counts(counts):
    """-sum p ln p of each row of a float64 matrix of counts; 0 where there are none."""
    cdef const double[:, ::1] view = counts
    result = np.zeros(view.shape[0])
    cdef double[::1] out = result
    cdef int64_t i
    with nogil:
        for i in range(view.shape[0]):
            out[i] = active.entropy(&view[i, 0], view.shape[1])
    return result


cdef class PairCounter:
    """All pairs of columns by bit planes: tiles of columns of x against tiles of columns of y, or of x itself."""
    cdef const counts_table *kernels
    cdef object planes, y_planes, levels, y_levels, offsets, y_offsets, counts, y_counts
    cdef bint same
    cdef int64_t n, words
    cdef int workers

    def __init__(self, x, levels, y, y_levels, int workers):
        self.kernels = active
        self.same = y is None
        self.n = x.shape[0]
        self.words = ceil_div(self.n, 64)
        self.workers = workers
        self.levels, self.offsets = levels, np.concatenate([[0], np.cumsum(levels - 1)]).astype(np.int64)
        self.planes, self.counts = self.pack(x, levels, self.offsets)
        if self.same:
            self.y_levels, self.y_offsets, self.y_planes, self.y_counts = levels, self.offsets, self.planes, self.counts
        else:
            self.y_levels, self.y_offsets = y_levels, np.concatenate([[0], np.cumsum(y_levels - 1)]).astype(np.int64)
            self.y_planes, self.y_counts = self.pack(y, y_levels, self.y_offsets)

    cdef object pack(self, x, levels, offsets):
        """The planes of all columns, and the counts of their levels from 1 on."""
        cdef _View view = _View(x)
        cdef const int64_t[::1] level_view = levels, offset = offsets
        total = int(offsets.max()) + 1
        packed, counts = np.zeros((total, self.words), np.uint64), np.zeros(total, np.int64)
        cdef uint64_t[:, ::1] planes = packed
        cdef int64_t[::1] count = counts
        cdef const char *data = <const char *>view.view.buf
        cdef int64_t row = view.view.strides[0], column = view.view.strides[1], m = x.shape[1], c, p
        cdef int threads = region(self.workers)
        cdef _Scratch scratch = _Scratch(COUNTS_SCRATCH * threads)
        if self.n:
            with nogil:
                for c in prange(m, num_threads=threads, schedule="dynamic", chunksize=1):
                    self.kernels.pack(data + c * column, row, self.n, level_view[c], &planes[offset[c], 0], self.words,
                                      scratch.memory + COUNTS_SCRATCH * threadid())
                    for p in range(offset[c], offset[c + 1]):
                        self.kernels.overlap(&planes[p, 0], 1, &planes[p, 0], 1, self.words, 0, self.words,
                                             &count[p], 1)
        if threads > 1:
            _openmp.leave()
        return packed, counts

    @staticmethod
    def tiles(offsets):
        """Column numbers where tiles begin: as many columns as have TILE_PLANES planes together, at least one."""
        begins, begin, last = [0], 0, len(offsets) - 1
        while begin < last:
            end = int(np.searchsorted(offsets, offsets[begin] + TILE_PLANES, side="right")) - 1
            begin = min(last, max(begin + 1, end))
            begins.append(begin)
        return np.array(begins, np.int64)

    def statistics(self, which):
        """Statistics (their numbers in `which`) of all pairs: (len(which), columns of x, columns of y)."""
        cdef int64_t m = len(self.levels), k = len(self.y_levels)
        result = np.zeros((len(which), m, k))
        x_tiles = self.tiles(self.offsets)
        y_tiles = x_tiles if self.same else self.tiles(self.y_offsets)
        pairs = [(i, j) for i in range(len(x_tiles) - 1) for j in range(i if self.same else 0, len(y_tiles) - 1)]
        if pairs and m and k:
            self.run(np.array(pairs, np.int64), x_tiles, y_tiles, np.array(which, np.int64), result)
        return result

    cdef int run(self, pairs, x_tiles, y_tiles, which, result) except -1:
        cdef const int64_t[:, ::1] pair = pairs
        cdef const int64_t[::1] x_tile = x_tiles, y_tile = y_tiles, wanted = which
        cdef const int64_t[::1] levels = self.levels, y_levels = self.y_levels
        cdef const int64_t[::1] offset = self.offsets, y_offset = self.y_offsets
        cdef const int64_t[::1] count = self.counts, y_count = self.y_counts
        cdef const uint64_t[:, ::1] planes = self.planes, y_planes = self.y_planes
        cdef double[:, :, ::1] out = result
        cdef int64_t most = max(int(np.diff(self.offsets[x_tiles]).max()), 1)
        cdef int64_t y_most = max(int(np.diff(self.y_offsets[y_tiles]).max()), 1)
        cdef int64_t top = int(self.levels.max()), y_top = int(self.y_levels.max())
        cdef int64_t common_bytes = 8 * most * y_most
        cdef int64_t size = common_bytes + 8 * top * y_top + statistics_scratch(top, y_top) + 64, first, last, i
        cdef int threads = region(self.workers)
        cdef _Scratch scratch = _Scratch(size * threads)
        cdef int64_t step = max(threads, SLICE_ROWS * 64 * threads // max(1, self.n * most * y_most))
        try:
            for first in range(0, pair.shape[0], step):
                last = min(first + step, pair.shape[0])
                with nogil:
                    for i in prange(first, last, num_threads=threads, schedule="dynamic",
                                    chunksize=1):
                        self.tile_pair(x_tile[pair[i, 0]], x_tile[pair[i, 0] + 1], y_tile[pair[i, 1]],
                                       y_tile[pair[i, 1] + 1], y_most, levels, y_levels, offset, y_offset, count,
                                       y_count, planes, y_planes, wanted, out,
                                       scratch.memory + size * threadid(), common_bytes, top, y_top)
                PyErr_CheckSignals()
        finally:
            if threads > 1:
                _openmp.leave()
        return 0

    cdef void tile_pair(self, int64_t begin, int64_t end, int64_t y_begin, int64_t y_end, int64_t stride,
                        const int64_t[::1] levels, const int64_t[::1] y_levels, const int64_t[::1] offset,
                        const int64_t[::1] y_offset, const int64_t[::1] count, const int64_t[::1] y_count,
                        const uint64_t[:, ::1] planes, const uint64_t[:, ::1] y_planes, const int64_t[::1] wanted,
                        double[:, :, ::1] out, char *scratch, int64_t common_bytes, int64_t top,
                        int64_t y_top) noexcept nogil:
        cdef int64_t *common = <int64_t *>scratch
        cdef double *table = <double *>(scratch + common_bytes)
        cdef double *rest = table + top * y_top
        cdef double statistics[COUNTS_STATISTICS]
        cdef int64_t a = offset[end] - offset[begin], b = y_offset[y_end] - y_offset[y_begin]
        cdef int64_t block, word, i, j, s, first
        memset(common, 0, <size_t>common_bytes)
        if a > 0 and b > 0:
            for block in range(ceil_div(self.words, OVERLAP_WORDS)):
                word = block * OVERLAP_WORDS
                self.kernels.overlap(&planes[offset[begin], 0], a, &y_planes[y_offset[y_begin], 0], b, self.words, word,
                                     min(word + OVERLAP_WORDS, self.words), common, stride)
        for i in range(begin, end):
            first = y_begin
            if self.same and y_begin <= i:
                first = i
            for j in range(first, y_end):
                self.fill_table(common, stride, offset[i] - offset[begin], y_offset[j] - y_offset[y_begin], levels[i],
                                y_levels[j], &count[offset[i]], &y_count[y_offset[j]], table)
                table_statistics(self.kernels, table, levels[i], y_levels[j], rest, statistics)
                for s in range(wanted.shape[0]):
                    out[s, i, j] = statistics[wanted[s]]
                    if self.same:
                        out[s, j, i] = statistics[mirrored(wanted[s])]

    cdef void fill_table(self, const int64_t *common, int64_t stride, int64_t row, int64_t column, int64_t x_levels,
                         int64_t y_levels, const int64_t *x_count, const int64_t *y_count,
                         double *table) noexcept nogil:
        """Cells of level 0 are what the others leave of the margins."""
        cdef int64_t i, j, left, rest
        table[0] = <double>self.n
        for j in range(1, y_levels):
            table[j] = <double>y_count[j - 1]
            table[0] -= <double>y_count[j - 1]
        for i in range(1, x_levels):
            left = x_count[i - 1]
            for j in range(1, y_levels):
                rest = common[(row + i - 1) * stride + column + j - 1]
                table[i * y_levels + j] = <double>rest
                table[j] -= <double>rest
                left -= rest
            table[i * y_levels] = <double>left
            table[0] -= <double>left


cdef inline int64_t mirrored(int64_t statistic) noexcept nogil:
    """The same of (y, x)."""
    if statistic == COUNTS_H_X:
        return COUNTS_H_Y
    if statistic == COUNTS_H_Y:
        return COUNTS_H_X
    if statistic == COUNTS_H_X_GIVEN_Y:
        return COUNTS_H_Y_GIVEN_X
    if statistic == COUNTS_H_Y_GIVEN_X:
        return COUNTS_H_X_GIVEN_Y
    return statistic
