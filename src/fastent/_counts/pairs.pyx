"""All pairs of columns by bit planes: tiles of columns against tiles of columns."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastent._counts.engine cimport (
    COUNTS_H_X,
    COUNTS_H_X_GIVEN_Y,
    COUNTS_H_Y,
    COUNTS_H_Y_GIVEN_X,
    COUNTS_MI,
    COUNTS_PLANE,
    COUNTS_SCRATCH,
    COUNTS_STATISTICS,
    active,
    counts_cells,
    counts_parts,
    counts_table,
    empty_planes,
    list_cells,
    statistics_scratch,
)
from fastent._engine cimport Scratch, View, ceil_div
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef enum:
    SLICE_ROWS = 1 << 24    # samples times columns per worker between looks at Ctrl-C
    OVERLAP_WORDS = 1024    # of each plane at a time: the planes of a tile stay in the second cache
    OVERLAP_STRIP = 4       # planes that the kernel takes at a time
    TILE_PLANES = 128
    MIN_TILE_PLANES = 32


cdef class PairCounter:
    """Tiles of columns of x against tiles of columns of y, or of x itself.

    fits: whether all codes are below the levels, which may be guessed; the statistics are of no use otherwise.
    """
    cdef const counts_table *kernels
    cdef object planes, y_planes, levels, y_levels, offsets, y_offsets, margins, y_margins
    cdef bint same
    cdef readonly bint fits
    cdef int64_t n, words
    cdef int workers

    def __init__(self, x, levels, y, y_levels, int workers):
        self.kernels = active
        self.same = y is None
        self.fits = True
        self.n = x.shape[0]
        self.words = ceil_div(self.n, COUNTS_PLANE) * (COUNTS_PLANE // 64)
        self.workers = workers
        self.levels, self.offsets = levels, np.concatenate([[0], np.cumsum(levels - 1)]).astype(np.int64)
        self.planes, self.margins = self.pack(x, levels, self.offsets)
        if self.same:
            self.y_levels, self.y_offsets = levels, self.offsets
            self.y_planes, self.y_margins = self.planes, self.margins
        else:
            self.y_levels, self.y_offsets = y_levels, np.concatenate([[0], np.cumsum(y_levels - 1)]).astype(np.int64)
            self.y_planes, self.y_margins = self.pack(y, y_levels, self.y_offsets)

    cdef object pack(self, x, levels, offsets):
        """The planes of all columns, and the counts of their levels."""
        cdef View view = View(x)
        cdef const int64_t[::1] level_view = levels, offset = offsets
        total = int(offsets.max()) + 1
        packed, counts = empty_planes(total, self.n), np.zeros(total, np.int64)
        cdef uint64_t[:, ::1] planes = packed
        cdef int64_t[::1] count = counts
        cdef const char *data = <const char *>view.view.buf
        cdef int64_t row = view.view.strides[0], column = view.view.strides[1], m = x.shape[1], c
        cdef int threads = enter_region(self.workers)
        cdef Scratch scratch = Scratch(COUNTS_SCRATCH * threads)
        cdef int64_t[::1] top = np.zeros(m, np.int64)
        if self.n:
            with nogil:
                for c in prange(m, num_threads=threads, schedule="dynamic", chunksize=1):
                    top[c] = self.kernels.pack(data + c * column, row, self.n, level_view[c], &planes[offset[c], 0],
                                               planes.shape[1], &count[offset[c]],
                                               scratch.memory + COUNTS_SCRATCH * threadid())
        leave_region(threads)
        self.fits = self.fits and bool((np.asarray(top) < levels).all())
        begins = offsets[:m]
        margins = np.insert(counts[:total - 1].astype(np.float64), begins, 0.0)
        firsts = begins + np.arange(m)
        if m:
            margins[firsts] = self.n - np.add.reduceat(margins, firsts)
        return packed, margins

    def tiles(self, offsets):
        """Column numbers where tiles begin: enough of them for the workers, and few enough planes for the cache."""
        cdef int64_t total = offsets.max()
        cdef int64_t tiles = max(ceil_div(total, TILE_PLANES), <int64_t>(3 * self.workers ** 0.5))
        cdef int64_t planes = max(MIN_TILE_PLANES, OVERLAP_STRIP * ceil_div(total, OVERLAP_STRIP * tiles))
        begins, begin, last = [0], 0, len(offsets) - 1
        while begin < last:
            end = int(np.searchsorted(offsets, offsets[begin] + planes, side="right")) - 1
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
        if self.same:  # the halves of tiles come last
            pairs.sort(key=lambda pair: pair[0] == pair[1])
        if pairs and m and k:
            self.run(np.array(pairs, np.int64), x_tiles, y_tiles, np.array(which, np.int64), result)
        return result

    cdef int run(self, pairs, x_tiles, y_tiles, which, result) except -1:
        cdef const int64_t[:, ::1] pair = pairs
        cdef const int64_t[::1] x_tile = x_tiles, y_tile = y_tiles, wanted = which
        cdef const int64_t[::1] levels = self.levels, y_levels = self.y_levels
        cdef const int64_t[::1] offset = self.offsets, y_offset = self.y_offsets
        cdef double[::1] margin = self.margins, y_margin = self.y_margins
        cdef const uint64_t[:, ::1] planes = self.planes, y_planes = self.y_planes
        cdef double[:, :, ::1] out = result
        cdef int64_t most = max(int(np.diff(self.offsets[x_tiles]).max()), 1)
        cdef int64_t y_most = max(int(np.diff(self.y_offsets[y_tiles]).max()), 1)
        cdef int64_t top = int(self.levels.max()), y_top = int(self.y_levels.max())
        cdef int64_t common_bytes = 8 * most * y_most
        cdef int64_t size = common_bytes + 8 * top * y_top + statistics_scratch(top, y_top) + 64, first, last, i
        cdef int threads = enter_region(self.workers)
        cdef Scratch scratch = Scratch(size * threads)
        cdef int64_t step = max(threads, SLICE_ROWS * 64 * threads // max(1, self.n * most * y_most))
        try:
            for first in range(0, pair.shape[0], step):
                last = min(first + step, pair.shape[0])
                with nogil:
                    for i in prange(first, last, num_threads=threads, schedule="dynamic",
                                    chunksize=1):
                        self.tile_pair(x_tile[pair[i, 0]], x_tile[pair[i, 0] + 1], y_tile[pair[i, 1]],
                                       y_tile[pair[i, 1] + 1], y_most, levels, y_levels, offset, y_offset, margin,
                                       y_margin, planes, y_planes, wanted, out,
                                       scratch.memory + size * threadid(), common_bytes, top, y_top)
                PyErr_CheckSignals()
        finally:
            leave_region(threads)
        return 0

    cdef void tile_pair(self, int64_t begin, int64_t end, int64_t y_begin, int64_t y_end, int64_t stride,
                        const int64_t[::1] levels, const int64_t[::1] y_levels, const int64_t[::1] offset,
                        const int64_t[::1] y_offset, double[::1] margin, double[::1] y_margin,
                        const uint64_t[:, ::1] planes, const uint64_t[:, ::1] y_planes, const int64_t[::1] wanted,
                        double[:, :, ::1] out, char *scratch, int64_t common_bytes, int64_t top,
                        int64_t y_top) noexcept nogil:
        cdef int64_t *common = <int64_t *>scratch
        cdef double *table = <double *>(scratch + common_bytes)
        cdef double *rest = table + top * y_top
        cdef double statistics[COUNTS_STATISTICS]
        cdef counts_cells cells
        cdef counts_parts values
        cdef int64_t a = offset[end] - offset[begin], b = y_offset[y_end] - y_offset[y_begin]
        cdef int64_t pitch = planes.shape[1], y_pitch = y_planes.shape[1], block, word, last, i, j, s, first
        cdef bint mi_only = wanted.shape[0] == 1 and wanted[0] == COUNTS_MI
        memset(common, 0, <size_t>common_bytes)
        values.high, values.low = table, NULL
        cells.x_counts.low = cells.y_counts.low = NULL
        if a > 0 and b > 0:
            for block in range(ceil_div(self.words, OVERLAP_WORDS)):
                word = block * OVERLAP_WORDS
                last = min(word + OVERLAP_WORDS, self.words) - word
                if not self.same or begin != y_begin:
                    self.kernels.overlap(&planes[offset[begin], word], a, pitch, &y_planes[y_offset[y_begin], word], b,
                                         y_pitch, last, common, stride)
                    continue
                for s in range(ceil_div(a, OVERLAP_STRIP)):  # half of the tile; levels of one column never meet
                    i = s * OVERLAP_STRIP
                    self.kernels.overlap(&planes[offset[begin] + i, word], min(OVERLAP_STRIP, a - i), pitch,
                                         &planes[offset[begin] + i, word], a - i, pitch, last,
                                         common + i * stride + i, stride)
        for i in range(begin, end):
            first = y_begin
            if self.same and y_begin <= i:
                first = i
            for j in range(first, y_end):
                cells.x_levels, cells.y_levels = levels[i], y_levels[j]
                cells.x_counts.high, cells.y_counts.high = &margin[offset[i] + i], &y_margin[y_offset[j] + j]
                fill_table(common + (offset[i] - offset[begin]) * stride + y_offset[j] - y_offset[y_begin], stride,
                           &cells, table)
                list_cells(values, &cells, rest)
                self.kernels.statistics(&cells, mi_only, statistics)
                for s in range(wanted.shape[0]):
                    out[s, i, j] = statistics[wanted[s]]
                    if self.same:
                        out[s, j, i] = statistics[mirrored(wanted[s])]


cdef void fill_table(const int64_t *common, int64_t stride, const counts_cells *margins, double *table) noexcept nogil:
    """Cells of level 0 are what the others leave of the margins."""
    cdef int64_t i, j
    cdef double left, cell
    for j in range(margins.y_levels):
        table[j] = margins.y_counts.high[j]
    for i in range(1, margins.x_levels):
        left = margins.x_counts.high[i]
        for j in range(1, margins.y_levels):
            cell = <double>common[(i - 1) * stride + j - 1]
            table[i * margins.y_levels + j] = cell
            table[j] -= cell
            left -= cell
        table[i * margins.y_levels] = left
        table[0] -= left


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
