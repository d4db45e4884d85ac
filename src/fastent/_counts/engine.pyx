"""The counting engine: from columns of codes to tables and statistics, in parallel over columns or samples.

Counts are integers, so cutting the samples changes nothing; weights are added in pieces of a fixed size, in order.
Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset

from fastent._engine cimport LINE, Buffers, Scratch, Tables, View, ceil_div, tables_of
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef extern from "tables.h" nogil:
    const void **counts_tables()

# The one place where C's numbers get names in Python.
METHODS = {"cells": COUNTS_CELLS, "words": COUNTS_WORDS, "planes": COUNTS_PLANES}
STATISTICS = {
    "h_x": COUNTS_H_X, "h_y": COUNTS_H_Y, "h_xy": COUNTS_H_XY, "mi": COUNTS_MI,
    "h_x_given_y": COUNTS_H_X_GIVEN_Y, "h_y_given_x": COUNTS_H_Y_GIVEN_X,
}

cdef enum:
    WEIGHED_SAMPLES = 1 << 17  # samples whose weights are added up apart
    UNIT_GROUPS = 16        # columns counted together: their blocks and
    UNIT_BYTES = 1 << 19    # their tables stay in the second cache
    SLICE_ROWS = 1 << 24    # samples times columns per worker between looks at Ctrl-C
    MANTISSA_BITS = 52      # of float64
    EXPONENT_BIAS = 1023
    LARGEST_EXPONENT = 300  # of scaled cells: the smallest that shows next to it is normal, and so are their products

cdef double SMALLEST = 2.0 ** -800

WEIGHED_ROWS = WEIGHED_SAMPLES

cdef Tables tables = tables_of(counts_tables())
active = <const counts_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Count with the kernels of one instruction set from now on."""
    global active
    active = <const counts_table *>tables.named(name)


cdef object empty_planes(int64_t planes, int64_t samples):
    """Planes that begin with a line of cache, each at another place of the cache than the one before."""
    words = ceil_div(samples, COUNTS_PLANE) * (COUNTS_PLANE // 64)
    line = LINE // 8
    pitch = words + (line if words // line % 2 == 0 else 0)
    memory = np.empty(planes * pitch + line, np.uint64)
    first = -memory.ctypes.data % LINE // 8
    return memory[first:first + planes * pitch].reshape(planes, pitch)


cpdef double planes_cycles(int64_t x_levels, int64_t y_levels) noexcept:
    """What counting by planes costs of a sample, as measured; splitting off a bit costs as much as some pairs."""
    cdef int64_t bits = 1
    while x_levels > <int64_t>1 << bits:
        bits += 1
    return active.plane_cost() * ((x_levels - 1) * y_levels + 5 * bits)


def choose_methods(levels, int64_t y_levels, bint bytes_only, bint weighted):
    """The fastest method for each column, by measured cycles of a sample: planes, words (1), cells (2)."""
    most = int(levels.max()) if len(levels) else 0
    cycles = np.array([planes_cycles(level, y_levels) for level in range(most + 1)])[levels]
    words = levels * y_levels <= 256
    planes = cycles < np.where(words, 1, 2)
    methods = np.where(planes, COUNTS_PLANES, np.where(words, COUNTS_WORDS, COUNTS_CELLS))
    if weighted or not bytes_only:
        methods[:] = COUNTS_CELLS
    return methods.astype(np.int32)


cdef class TargetCounter:
    """Counts columns of codes against one target, a batch of columns at a time.

    x: (samples, columns) uint8 or uint16, any strides; y: contiguous uint8 or uint16; methods: int32 per column. Where
    the levels of a uint8 x are `guessed`, count() returns None if a code is beyond them.
    """
    cdef View x_view, y_view, weights_view
    cdef counts_job job
    cdef int64_t n, columns
    cdef int workers
    cdef readonly int64_t cells  # of the largest table
    cdef int32_t outside
    cdef object keep, y_counts

    def __init__(self, x, levels, y, int64_t y_levels, weights, methods, int workers, bint guessed=False):
        cdef const int64_t[::1] level_view = levels
        cdef const int32_t[::1] method_view = methods
        cdef uint64_t[:, ::1] planes
        cdef int64_t[::1] y_counts
        cdef Scratch scratch
        memset(&self.job, 0, sizeof(self.job))
        self.x_view, self.y_view = View(x), View(y)
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
            self.weights_view = View(weights)
            self.job.weights = <const double *>self.weights_view.view.buf
        self.outside = 0
        self.job.outside = &self.outside if guessed else NULL
        self.keep = (levels, methods, weights)
        self.y_counts = np.zeros(y_levels, np.int64)
        if self.n and (methods == COUNTS_PLANES).any():
            planes = packed = empty_planes(y_levels, self.n)
            packed[0] = ~np.uint64(0)
            y_counts, scratch = self.y_counts, Scratch(COUNTS_SCRATCH)
            self.job.y_planes, self.job.pitch = &planes[0, 0], planes.shape[1]
            if y_levels > 1:
                active.pack(self.job.y, self.job.y_item, self.n, y_levels, &planes[1, 0], self.job.pitch,
                            &y_counts[1], scratch.memory)
            y_counts[0] = self.n - self.y_counts[1:].sum()
            self.keep += (packed,)

    def count(self, int64_t begin, int64_t end):
        """Tables of the columns [begin, end): (columns, cells), int64, or float64 where there are weights."""
        cdef int64_t width = self.unit_columns(), groups = ceil_div(end - begin, width), chunk_rows, chunks, i
        cdef bint weighted = self.job.weights != NULL
        cdef int workers = enter_region(self.workers)
        try:
            chunk_rows = WEIGHED_SAMPLES
            if not weighted:
                chunks = 1 if groups >= 4 * workers else ceil_div(4 * workers, groups)
                chunk_rows = max(COUNTS_BLOCK, ceil_div(ceil_div(self.n, chunks), COUNTS_BLOCK) * COUNTS_BLOCK)
            chunks = max(1, ceil_div(self.n, chunk_rows))
            parts = np.zeros((chunks, end - begin, self.cells), np.float64 if weighted else np.int64)
            if self.n and end > begin:
                self.run(parts, begin, end, width, chunks, chunk_rows, workers)
        finally:
            leave_region(workers)
        if self.outside:
            return None
        total = parts[0]
        for i in range(1, chunks):
            total += parts[i]
        if not weighted:
            self.complete(total, begin, end)
        return total

    cdef int64_t unit_columns(self) noexcept:
        """Columns that are counted together: of contiguous rows many, so that memory is read once, not once a group."""
        cdef int64_t groups = 1
        if self.job.row_stride != self.job.item:
            groups = max(1, min(UNIT_GROUPS, UNIT_BYTES // (8 * self.cells * COUNTS_GROUP)))
        return groups * COUNTS_GROUP

    cdef int run(self, parts, int64_t begin, int64_t end, int64_t width, int64_t chunks, int64_t chunk_rows,
                 int workers) except -1:
        cdef View view = View(parts)
        cdef char *memory = <char *>view.view.buf
        cdef int64_t units = ceil_div(end - begin, width) * chunks, unit, first, last
        cdef int64_t stride = (end - begin) * self.cells * 8
        cdef int64_t slice_units = max(workers, SLICE_ROWS * workers // (width * min(chunk_rows, self.n)))
        cdef Scratch scratch = Scratch(COUNTS_SCRATCH * workers)
        cdef const counts_table *table = active
        for first in range(0, units, slice_units):
            last = min(first + slice_units, units)
            with nogil:
                for unit in prange(first, last, num_threads=workers, schedule="dynamic",
                                   chunksize=1):
                    self.count_unit(table, begin, end, width, unit // chunks, unit % chunks, chunk_rows,
                                    scratch.memory + COUNTS_SCRATCH * threadid(), memory + unit % chunks * stride)
            PyErr_CheckSignals()
        return 0

    cdef void count_unit(self, const counts_table *table, int64_t begin, int64_t end, int64_t width, int64_t group,
                         int64_t chunk, int64_t chunk_rows, void *scratch, char *part) noexcept nogil:
        cdef int64_t first = begin + group * width, last = min(first + width, end)
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
    return 16 * (4 * x_levels * y_levels + 2 * x_levels + y_levels)


cdef counts_parts parts_in(double **room, int64_t n, bint two_parts, bint zeros) noexcept nogil:
    """So many numbers in memory of which there is enough."""
    cdef counts_parts numbers
    cdef int64_t size = 2 * n if two_parts else n
    numbers.high, numbers.low = room[0], room[0] + n if two_parts else NULL
    if zeros:
        memset(room[0], 0, <size_t>size * sizeof(double))
    room[0] += size
    return numbers


cdef inline void add_to(counts_parts sums, int64_t i, double high, double low) noexcept nogil:
    """Adds to a sum what it loses to rounding, too (Knuth 1969)."""
    cdef double before = sums.high[i], after = before + high, added = after - before
    sums.high[i] = after
    if sums.low != NULL:
        sums.low[i] += (before - (after - added)) + (high - added) + low


cdef inline void add_part(counts_parts sums, int64_t i, counts_parts terms, int64_t j) noexcept nogil:
    add_to(sums, i, terms.high[j], 0 if terms.low == NULL else terms.low[j])


cdef inline void copy_part(counts_parts numbers, int64_t i, counts_parts others, int64_t j) noexcept nogil:
    numbers.high[i] = others.high[j]
    if numbers.low != NULL:
        numbers.low[i] = others.low[j]


cdef bint are_whole(const double *cells, int64_t n) noexcept nogil:
    """Whether the cells are integers whose sums are exact in float64, and their products in two parts."""
    cdef double whole = <double>(<int64_t>1 << 52), most = whole / <double>max(n, 1)
    cdef int64_t i, others = 0
    for i in range(n):
        others += (cells[i] + whole - whole != cells[i]) | (cells[i] > most)
    return others == 0


cdef double power_of_two(int64_t exponent) noexcept nogil:
    cdef uint64_t bits = <uint64_t>(exponent + EXPONENT_BIAS) << MANTISSA_BITS
    cdef double power
    memcpy(&power, &bits, sizeof(power))
    return power


cdef void scale(const double *cells, double *low, int64_t n, counts_parts values) noexcept nogil:
    """Cells by a power of two, for products of them to stay inside float64.

    low: what the cells lack, or NULL. Those too small to show in a result are raised, so that they are still there.
    """
    cdef double largest = 0, half, other
    cdef uint64_t bits
    cdef int64_t i, exponent
    for i in range(n):
        largest = max(largest, cells[i])
    memcpy(&bits, &largest, sizeof(bits))
    exponent = LARGEST_EXPONENT + EXPONENT_BIAS - <int64_t>(bits >> MANTISSA_BITS)
    half = power_of_two(exponent // 2)  # the whole may be beyond float64
    other = power_of_two(exponent - exponent // 2)
    for i in range(n):
        values.high[i] = cells[i] * half * other
        values.low[i] = 0 if low == NULL else low[i] * half * other
        if cells[i] > 0 and values.high[i] < SMALLEST:
            values.high[i], values.low[i] = SMALLEST, 0


cdef void settle(counts_parts sums, int64_t n) noexcept nogil:
    """Low parts as small as they can be."""
    cdef double low
    cdef int64_t i
    for i in range(n if sums.low != NULL else 0):
        low, sums.low[i] = sums.low[i], 0
        add_to(sums, i, low, 0)


cdef void list_cells(counts_parts values, counts_cells *table, double *room) noexcept nogil:
    """The positive cells of a table of known margins, and what its rows have no cells for."""
    cdef int64_t i, j, k, n = 0, x_levels = table.x_levels, y_levels = table.y_levels
    cdef bint two_parts = values.low != NULL
    # not through the pointer, which anything stored could have changed
    cdef counts_parts x = table.x_counts, y = table.y_counts, vacant, cells, rows, columns
    vacant = table.vacant = parts_in(&room, x_levels, two_parts, True)
    cells = table.cells = parts_in(&room, x_levels * y_levels, two_parts, False)
    rows = table.rows = parts_in(&room, x_levels * y_levels, two_parts, False)
    columns = table.columns = parts_in(&room, x_levels * y_levels, two_parts, False)
    for i in range(x_levels):
        for j in range(y_levels):
            k = i * y_levels + j
            if values.high[k] > 0:
                copy_part(cells, n, values, k)
                copy_part(rows, n, x, i)
                copy_part(columns, n, y, j)
                n += 1
            else:
                add_part(vacant, i, y, j)
    settle(vacant, x_levels)
    table.n = n


cdef void table_statistics(const counts_table *kernels, double *cells, double *low, int64_t x_levels,
                           int64_t y_levels, double *room, double *result) noexcept nogil:
    """Margins and positive cells of a table, and what they say."""
    cdef int64_t i, j, n = x_levels * y_levels
    cdef bint two_parts = low != NULL or not are_whole(cells, n)
    cdef counts_parts values, x = parts_in(&room, x_levels, two_parts, True)
    cdef counts_parts y = parts_in(&room, y_levels, two_parts, True)
    cdef counts_cells table
    values.high, values.low = cells, NULL
    if two_parts:
        values = parts_in(&room, n, two_parts, False)
        scale(cells, low, n, values)
    for i in range(x_levels):
        for j in range(y_levels):
            add_part(x, i, values, i * y_levels + j)
            add_part(y, j, values, i * y_levels + j)
    settle(x, x_levels)
    settle(y, y_levels)
    table.x_levels, table.y_levels, table.x_counts, table.y_counts = x_levels, y_levels, x, y
    list_cells(values, &table, room)
    kernels.statistics(&table, False, result)


def statistics_of_tables(counts, levels, int64_t y_levels, int workers, low=None):
    """All statistics of float64 tables (tables, cells), table i of levels[i] x y_levels: (tables, statistics).

    low: what the counts lack, as far as float64 does not hold them; or None.
    """
    cdef Buffers held = Buffers()
    cdef double *lacking = <double *>held.address(low)
    cdef const double[:, ::1] view = counts
    cdef const int64_t[::1] level_view = levels
    cdef int64_t m = view.shape[0], row = view.shape[1], i
    result = np.zeros((m, COUNTS_STATISTICS))
    if not m:
        return result
    cdef double[:, ::1] out = result
    cdef int64_t size = statistics_scratch(int(levels.max()), y_levels)
    cdef int threads = enter_region(workers if counts.size > 65536 else 1)
    cdef Scratch scratch = Scratch(size * threads)
    cdef const counts_table *kernels = active
    with nogil:
        for i in prange(m, num_threads=threads, schedule="dynamic", chunksize=16):
            table_statistics(kernels, <double *>&view[i, 0], NULL if lacking == NULL else lacking + i * row,
                             level_view[i], y_levels, <double *>(scratch.memory + size * threadid()), &out[i, 0])
    leave_region(threads)
    return result


cdef void add_between(counts_parts tree, int64_t leaves, int64_t begin, int64_t end, counts_parts sums,
                      int64_t i) noexcept nogil:
    """Adds the leaves [begin, end) of a tree whose node k is the sum of nodes 2k and 2k + 1."""
    begin += leaves
    end += leaves
    while begin < end:
        if begin & 1:
            add_part(sums, i, tree, begin)
        if end & 1:
            add_part(sums, i, tree, end - 1)
        begin = (begin + 1) >> 1
        end = end >> 1


cdef void find_vacant(counts_cells *table, const int64_t *row, const int64_t *column, double *room) noexcept nogil:
    """What the rows of sorted cells have no cells for: of exact sums the difference, of others without cancellation."""
    cdef int64_t i, k, first, leaves = table.y_levels
    cdef double total = 0
    cdef counts_parts vacant = table.vacant, tree
    if vacant.low == NULL:
        for k in range(leaves):
            total += table.y_counts.high[k]
        for k in range(table.x_levels):
            vacant.high[k] = total
        for i in range(table.n):
            vacant.high[row[i]] -= table.columns.high[i]
        return
    tree = parts_in(&room, 2 * leaves, True, True)
    for k in range(leaves):
        copy_part(tree, leaves + k, table.y_counts, k)
    for k in range(leaves - 1, 0, -1):
        add_part(tree, k, tree, 2 * k)
        add_part(tree, k, tree, 2 * k + 1)
    for i in range(table.n):
        first = 0 if i == 0 or row[i] != row[i - 1] else column[i - 1] + 1
        add_between(tree, leaves, first, column[i], vacant, row[i])
        if i + 1 == table.n or row[i] != row[i + 1]:
            add_between(tree, leaves, column[i] + 1, leaves, vacant, row[i])
    settle(vacant, table.x_levels)


cdef int64_t cells_scratch(int64_t n, int64_t x_levels, int64_t y_levels) noexcept nogil:
    return 16 * (3 * n + 2 * x_levels + 3 * y_levels)


cdef void cells_statistics(const counts_table *kernels, const double *cell, double *low, const int64_t *row,
                           const int64_t *column, int64_t n, int64_t x_levels, int64_t y_levels, bint mi_only,
                           double *room, double *result) noexcept nogil:
    """What a table says that is given as its positive cells; sorted, unless sums of them are exact."""
    cdef bint two_parts = low != NULL or not are_whole(cell, n)
    cdef counts_cells table
    cdef int64_t i
    table.x_levels, table.y_levels, table.n = x_levels, y_levels, n
    table.x_counts = parts_in(&room, x_levels, two_parts, True)
    table.y_counts = parts_in(&room, y_levels, two_parts, True)
    table.vacant = parts_in(&room, x_levels, two_parts, True)
    table.cells = parts_in(&room, n, two_parts, False)
    table.rows = parts_in(&room, n, two_parts, False)
    table.columns = parts_in(&room, n, two_parts, False)
    if two_parts:
        scale(cell, low, n, table.cells)
    else:
        memcpy(table.cells.high, cell, <size_t>n * sizeof(double))
    for i in range(n):
        add_part(table.x_counts, row[i], table.cells, i)
        add_part(table.y_counts, column[i], table.cells, i)
    settle(table.x_counts, x_levels)
    settle(table.y_counts, y_levels)
    for i in range(n):
        copy_part(table.rows, i, table.x_counts, row[i])
        copy_part(table.columns, i, table.y_counts, column[i])
    find_vacant(&table, row, column, room)
    kernels.statistics(&table, mi_only, result)


def statistics_of_cells(counts, x, y, int64_t x_levels, int64_t y_levels, low=None):
    """All statistics of one table given as its positive cells, sorted by their levels of x and y.

    low: what the counts lack, as far as float64 does not hold them; or None.
    """
    cdef const double[::1] cell = counts
    cdef const int64_t[::1] row = x, column = y
    cdef int64_t n = cell.shape[0]
    result = np.zeros(COUNTS_STATISTICS)
    if not n:
        return result
    cdef double[::1] out = result
    cdef Buffers held = Buffers()
    cdef double *lacking = <double *>held.address(low)
    cdef Scratch scratch = Scratch(cells_scratch(n, x_levels, y_levels))
    with nogil:
        cells_statistics(active, &cell[0], lacking, &row[0], &column[0], n, x_levels, y_levels, False,
                         <double *>scratch.memory, &out[0])
    return result


def entropy_of_counts(counts):
    """-sum p ln p of each row of a float64 matrix of counts; nan where there are none."""
    cdef const double[:, ::1] view = counts
    result = np.zeros(view.shape[0])
    cdef double[::1] out = result
    cdef int64_t i, n = view.shape[1]
    cdef Scratch scratch = Scratch(16 * n)
    cdef double *room = <double *>scratch.memory
    cdef counts_parts values = parts_in(&room, n, True, False)
    with nogil:
        for i in range(view.shape[0]):
            if are_whole(&view[i, 0], n):
                out[i] = active.entropy(&view[i, 0], n)
            else:
                scale(&view[i, 0], NULL, n, values)
                out[i] = active.entropy(values.high, n)
    return result
