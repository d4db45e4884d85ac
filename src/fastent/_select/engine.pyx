"""The selection engine: every candidate column against one selected column and the target, in parallel over columns.

Columns of few levels are packed into bit planes once and counted by population counts; the others sample by sample into
a table, or, where the table would be large, stratum by stratum. Everything is added up in integers: results depend
neither on the method nor on how work is cut. Long calls come back to Python between slices, so that Ctrl-C is honoured.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from fastent._engine cimport Scratch, Tables, View, ceil_div, tables_of
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef extern from "tables.h" nogil:
    const void **select_tables()

# The one place where C's numbers get names in Python.
STATISTICS = {
    "mi_xw": SELECT_MI_XW, "mi_xw_given_y": SELECT_MI_XW_GIVEN_Y, "mi_xw_y": SELECT_MI_XW_Y,
    "mi_xy_given_w": SELECT_MI_XY_GIVEN_W, "h_xwy": SELECT_H_XWY,
}
LANES = SELECT_LANES
CELLS = SELECT_CELLS

# Cycles for a sample and a pair of planes, measured; a sample that is counted by itself takes two.
PLANE_CYCLES = {"base": 0.016, "v3": 0.009, "v4": 0.003}
CELL_CYCLES = 2.0

cdef enum:
    PART_BYTES = 1 << 20      # counts per worker that exist at a time
    SLICE_WORDS = 1 << 24     # words of planes per worker between looks at Ctrl-C
    SLICE_SAMPLES = 1 << 25   # samples times columns per worker between looks at Ctrl-C
    SERIAL_CYCLES = 1 << 18   # of work, below which waking threads costs more than it gives
    COLUMN_CYCLES = 64        # from the counts of a column to its statistics

cdef Tables tables = tables_of(select_tables())
cdef const select_table *active = <const select_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Count with the kernels of one instruction set from now on."""
    global active
    active = <const select_table *>tables.named(name)


def isa():
    """The name of the instruction set in use."""
    return active.isa.decode()


cdef int worthwhile(int workers, int64_t cycles) noexcept:
    """Workers for so much work."""
    return workers if cycles > SERIAL_CYCLES else 1


def aligned_zeros(int64_t words):
    """uint64 zeros that begin at a cache line, as the lanes of planes do."""
    memory = np.zeros(words + 7, np.uint64)
    cdef int64_t offset = -(<int64_t>memory.ctypes.data // 8) % 8
    return memory[offset:offset + words]


cdef class Meeting:
    """What the candidates meet: one column w and the target y, in the forms that the ways of counting take.

    targets: planes of w's levels but the first, each with y's levels (or, the first time, of all levels of y alone);
    counts: (levels of w, levels of y); z: uint16 codes w * levels of y + y; order, ends, y: samples by level of w.
    """
    def __init__(self, Candidates candidates, counts, int64_t w_used, bint with_y, bint first, targets=None, z=None,
                 order=None, ends=None, y=None):
        cdef const int64_t[:, ::1] count_view = counts
        cdef const uint64_t[:, ::1] target_view
        cdef const uint16_t[::1] z_view
        cdef const uint32_t[::1] order_view
        cdef const int64_t[::1] end_view
        cdef const uint16_t[::1] y_view
        self.keep = (counts, targets, z, order, ends, y)
        self.w_levels, self.y_levels = counts.shape
        self.w_used, self.with_y, self.first = w_used, with_y, first
        self.complete = w_used == self.w_levels
        self.counts = &count_view[0, 0]
        if targets is not None and targets.size:
            target_view = targets
            self.targets, self.target_count = &target_view[0, 0], targets.shape[0]
        if z is not None and z.size:
            z_view = z
            self.z = &z_view[0]
        if order is not None and order.size:
            order_view, y_view = order, y
            self.order, self.y = &order_view[0], &y_view[0]
        if ends is not None and ends.size:
            end_view = ends
            self.ends = &end_view[0]
        self.known = candidates.margins_of(count_view)


cdef Wanted wanted_of(const int64_t[::1] which, double[:, ::1] out) noexcept:
    if which.shape[0]:
        return Wanted(&which[0], which.shape[0], &out[0, 0], out.shape[1])
    return Wanted(NULL, 0, NULL, 0)


cdef int64_t table_bytes(Meeting meeting, int64_t levels) noexcept nogil:
    cdef int64_t cells = min(levels * meeting.w_levels * meeting.y_levels, SELECT_CELLS)
    return 8 * max(cells, levels * (2 * meeting.y_levels + 2) + 2 * meeting.y_levels)


cdef class Candidates:
    """Columns of codes, some of them packed, and what is known of each from its table with the target.

    codes: (samples, columns) uint8 or uint16, any strides; levels: int64; used: levels without that of missing labels;
    packed: the numbers of the columns to pack, in order; blocks: of eight of those, whose planes fill whole groups
    (first and last in packed, first and last group, whether all have two levels and miss no labels).
    """
    def __init__(self, codes, levels, used, packed, int64_t y_levels, logs, int64_t scale, int workers):
        cdef const uint64_t[::1] log = logs
        cdef const int64_t[::1] level = levels, use = used
        cdef int64_t c
        self.kernels = active
        self.codes, self.levels, self.used, self.workers = codes, levels, used, workers
        self.n, self.m = codes.shape
        self.words, self.all_y_levels = ceil_div(self.n, 64), y_levels
        self.terms.logs, self.terms.scale, self.terms.unit = &log[0], scale, 1.0 / (<int64_t>1 << scale)
        small = np.zeros(min(self.n + 1, SELECT_SMALL), np.int64)
        cdef int64_t[::1] products = small
        for c in range(small.shape[0]):
            products[c] = self.kernels.term(&self.terms, c)
        self.terms.small, self.terms.limit = &products[0], small.shape[0]
        offsets, sums = np.zeros(self.m + 1, np.int64), np.zeros((2, self.m + 1), np.int64)
        np.cumsum(levels, out=offsets[1:])
        held = int(offsets[self.m]) if len(packed) else 0
        self.counts, self.x_counts = np.zeros((held + 1, y_levels), np.int64), np.zeros((held + 1, 1), np.int64)
        cdef const int64_t[::1] offset = offsets
        cdef int64_t[:, ::1] sum_view = sums, count_view = self.counts, x_count_view = self.x_counts
        self.level, self.use, self.offset = &level[0], &use[0], &offset[0]
        self.x_sums, self.xy_sums = &sum_view[0, 0], &sum_view[1, 0]
        self.xy_counts, self.only_x_counts = &count_view[0, 0], &x_count_view[0, 0]
        self.keep = (logs, small, offsets, sums)
        self.pack(np.ascontiguousarray(packed, np.int64))

    cdef int pack(self, packed) except -1:
        cdef int64_t count = len(packed)
        levels = np.ascontiguousarray(self.levels[packed])
        starts = np.arange(0, count, SELECT_LANES)
        sizes = np.add.reduceat(levels - 1, starts) if count else np.zeros(0, np.int64)
        self.groups, self.most_levels = -(-sizes // SELECT_LANES), levels.max(initial=0)
        ends = np.cumsum(self.groups)
        begins = ends - self.groups
        before = np.cumsum(levels - 1) - (levels - 1)
        block = np.arange(count) // SELECT_LANES
        first = np.ascontiguousarray(begins[block] * SELECT_LANES + before - before[starts][block], np.int64)
        cdef int64_t groups = int(self.groups.sum())
        self.packed, self.first = packed, np.full(self.m, -1, np.int64)
        self.first[packed] = first
        two = (levels == 2) & (self.used[packed] == 2)
        twos = np.logical_and.reduceat(two, starts) if count else two
        blocks = np.stack([starts, np.minimum(starts + SELECT_LANES, count), begins, ends, twos], axis=1)
        self.blocks = np.ascontiguousarray(blocks, np.int64)
        self.planes = aligned_zeros(groups * self.words * SELECT_LANES).reshape(groups, self.words, SELECT_LANES)
        self.keep += (levels, first)
        if not groups or not self.n:
            return 0
        cdef const int64_t[::1] columns = packed, level = levels, first_plane = first
        cdef uint64_t[:, :, ::1] planes = self.planes
        self.codes_view = View(self.codes)
        self.job.codes = <const char *>self.codes_view.view.buf
        self.job.item = self.codes_view.view.itemsize
        self.job.row_stride, self.job.column_stride = self.codes_view.view.strides[0], self.codes_view.view.strides[1]
        self.job.columns, self.job.levels, self.job.first = &columns[0], &level[0], &first_plane[0]
        self.job.planes, self.job.words = &planes[0, 0, 0], self.words
        self.run_pack(count)
        return 0

    cdef int run_pack(self, int64_t count) except -1:
        cdef int64_t groups = ceil_div(count, SELECT_GROUP), chunk_rows, chunks, units, unit, first, last, step
        cdef int threads = enter_region(worthwhile(self.workers, self.n * count // 4))
        cdef Scratch scratch = Scratch(SELECT_SCRATCH * threads, True)
        chunks = 1 if groups >= 4 * threads else ceil_div(4 * threads, groups)
        chunk_rows = max(SELECT_BLOCK, ceil_div(ceil_div(self.n, chunks), SELECT_BLOCK) * SELECT_BLOCK)
        chunks = ceil_div(self.n, chunk_rows)
        units = groups * chunks
        step = max(threads, SLICE_SAMPLES * threads // (SELECT_GROUP * min(chunk_rows, self.n)))
        # a cache line of row-major bytes has four groups of columns: they go to one worker, one after the other
        cdef int together = 4 if groups >= 16 * threads else 1
        try:
            for first in range(0, units, step):
                last = min(first + step, units)
                with nogil:
                    for unit in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=together):
                        self.kernels.pack(&self.job, unit // chunks * SELECT_GROUP,
                                          min(count, (unit // chunks + 1) * SELECT_GROUP), unit % chunks * chunk_rows,
                                          min(self.n, (unit % chunks + 1) * chunk_rows),
                                          scratch.memory + SELECT_SCRATCH * threadid())
                PyErr_CheckSignals()
        finally:
            leave_region(threads)
        return 0

    def planes_of(self, int64_t column):
        """The planes of a packed column, one after the other."""
        p = self.first[column] + np.arange(self.levels[column] - 1)
        return np.ascontiguousarray(self.planes[p // SELECT_LANES, :, p % SELECT_LANES])

    cdef int64_t term(self, int64_t count) noexcept:
        return self.terms.small[count] if count < self.terms.limit else self.kernels.term(&self.terms, count)

    cdef select_sums margins_of(self, const int64_t[:, ::1] counts) noexcept:
        """The sums of the table of w and y, and of its margins."""
        cdef select_sums sums
        cdef int64_t w, y, both
        memset(&sums, 0, sizeof(sums))
        for w in range(counts.shape[0]):
            both = 0
            for y in range(counts.shape[1]):
                both += counts[w, y]
                sums.wy += self.term(counts[w, y])
            sums.w += self.term(both)
            sums.samples += both
        for y in range(counts.shape[1]):
            both = 0
            for w in range(counts.shape[0]):
                both += counts[w, y]
            sums.y += self.term(both)
        sums.n = self.term(sums.samples)
        return sums

    # ---- blocks of planes --------------------------------------------------------------------------------------------

    def meet_planes(self, Meeting meeting, some, which, out):
        """Statistics `which` of the columns of some blocks, into the rows of out. The first time w is the target
        itself, and its counts with every column are kept."""
        blocks = self.blocks if some is None else np.ascontiguousarray(self.blocks[some])
        cdef const int64_t[:, ::1] block = blocks
        cdef const int64_t[::1] packed = self.packed, first_plane = self.first
        cdef Wanted wanted = wanted_of(which, out)
        cdef int64_t count = blocks.shape[0], chunk_words, chunks, first, last, step, part, i, unit, cell_bytes
        if not count:
            return
        groups = self.groups if some is None else self.groups[some]
        cdef int64_t most = groups.max()
        cdef int64_t cycles = groups.sum() * self.words * meeting.target_count + count * SELECT_LANES * COLUMN_CYCLES
        cdef int threads = enter_region(worthwhile(self.workers, cycles))
        chunks = 1 if count >= 2 * threads else ceil_div(2 * threads, count)
        chunk_words = max(SELECT_WORDS, ceil_div(ceil_div(self.words, chunks), SELECT_WORDS) * SELECT_WORDS)
        chunks = max(1, ceil_div(self.words, chunk_words))
        part = max(1, most * meeting.target_count * SELECT_LANES)
        step = max(threads, PART_BYTES * threads // (8 * part * chunks))
        step = min(count, step, max(threads, SLICE_WORDS * threads // max(1, part * min(chunk_words, self.words))))
        if self.parts is None or self.parts.size < step * chunks * part:
            self.parts = np.empty(step * chunks * part, np.int64)
        cdef int64_t[::1] common = self.parts
        cell_bytes = 8 * self.most_levels * meeting.w_levels * meeting.y_levels
        cdef Scratch scratch = Scratch(cell_bytes * threads, True)
        cdef select_twos twos = select_twos(self.x_sums, self.x_sums, self.offset, self.only_x_counts)
        if meeting.with_y:
            twos.xy_sums, twos.counts = self.xy_sums, self.xy_counts
        cdef bint among_twos = not meeting.first and meeting.complete and meeting.w_levels == 2
        cdef const select_twos *known = &twos if among_twos and self.n < self.terms.limit else NULL
        try:
            for first in range(0, count, step):
                last = min(first + step, count)
                with nogil:
                    # one loop does both where rows are not cut: a barrier less
                    for unit in prange(first * chunks, last * chunks, num_threads=threads, schedule="static"):
                        self.overlap(meeting, block[unit // chunks, 2], block[unit // chunks, 3],
                                     unit % chunks * chunk_words, chunk_words, &common[(unit - first * chunks) * part],
                                     part)
                        if chunks == 1:
                            self.finish(meeting, &common[(unit - first) * part], 1, part, &packed[0], &block[unit, 0],
                                        &first_plane[0], known, &wanted,
                                        <int64_t *>(scratch.memory + cell_bytes * threadid()))
                    if chunks > 1:
                        for i in prange(first, last, num_threads=threads, schedule="static"):
                            self.finish(meeting, &common[(i - first) * chunks * part], chunks, part, &packed[0],
                                        &block[i, 0], &first_plane[0], known, &wanted,
                                        <int64_t *>(scratch.memory + cell_bytes * threadid()))
                PyErr_CheckSignals()
        finally:
            leave_region(threads)

    cdef void overlap(self, Meeting meeting, int64_t begin, int64_t end, int64_t word, int64_t words,
                      int64_t *common, int64_t part) noexcept nogil:
        memset(common, 0, 8 * part)
        if meeting.target_count and self.words and end > begin:
            self.kernels.overlap(self.job.planes + begin * self.words * SELECT_LANES, end - begin, self.words,
                                 meeting.targets, meeting.target_count, word, min(word + words, self.words), common)

    cdef void finish(self, Meeting meeting, int64_t *common, int64_t chunks, int64_t part, const int64_t *packed,
                     const int64_t *block, const int64_t *first, const select_twos *twos, const Wanted *wanted,
                     int64_t *table) noexcept nogil:
        cdef int64_t i, c, column, offset, levels
        cdef const int64_t *counts = self.xy_counts if meeting.with_y else self.only_x_counts
        for i in range(part, chunks * part):
            common[i % part] += common[i]
        if block[4] and twos != NULL:
            self.kernels.tell_twos(&self.terms, common, meeting.y_levels, twos, packed + block[0],
                                   block[1] - block[0], meeting.counts, &meeting.known, wanted.which, wanted.count,
                                   wanted.result, wanted.stride)
            return
        for c in range(block[0], block[1]):
            column = packed[c]
            levels, offset = self.level[column], self.offset[column]
            if meeting.first:
                self.kernels.first(common, first[column] - block[2] * SELECT_LANES, levels, meeting.w_levels,
                                   meeting.counts, table, self.only_x_counts + offset)
                for i in range(levels * meeting.w_levels):
                    self.xy_counts[offset * self.all_y_levels + i] = table[i]
            else:
                self.kernels.fill(common, first[column] - block[2] * SELECT_LANES, levels, meeting.w_levels,
                                  meeting.y_levels, counts + offset * meeting.y_levels, meeting.counts, table)
            self.conclude(meeting, column, table, wanted)

    cdef void conclude(self, Meeting meeting, int64_t column, const int64_t *table,
                       const Wanted *wanted) noexcept nogil:
        cdef select_sums sums
        if meeting.first or not meeting.complete or self.use[column] != self.level[column]:
            self.kernels.sum(&self.terms, table, meeting.w_levels, meeting.y_levels, self.use[column], meeting.w_used,
                             &sums)
            self.report(meeting, column, &sums, wanted)
        else:
            self.kernels.tell(&self.terms, table, self.level[column], meeting.w_levels, meeting.y_levels,
                              &meeting.known, self.x_sums[column],
                              self.xy_sums[column] if meeting.with_y else self.x_sums[column], wanted.which,
                              wanted.count, wanted.result + column, wanted.stride)

    cdef void report(self, Meeting meeting, int64_t column, const select_sums *sums,
                     const Wanted *wanted) noexcept nogil:
        if meeting.first:  # where w is the target
            self.x_sums[column], self.xy_sums[column] = sums.x, sums.xw
        self.kernels.statistics(&self.terms, sums, wanted.which, wanted.count, wanted.result + column, wanted.stride)

    # ---- columns one by one ------------------------------------------------------------------------------------------

    def meet_columns(self, Meeting meeting, some, which, out):
        """Statistics `which` of some columns, one by one: in a table, or if that is large by strata of w."""
        cdef const int64_t[::1] column = np.ascontiguousarray(some, np.int64)
        cdef Wanted wanted = wanted_of(which, out)
        cdef int64_t count = column.shape[0], first, last, step, i
        if not count:
            return
        self.read_columns()
        cdef int64_t levels = self.levels[some].max(), samples = self.samples_of(meeting, levels)
        cdef int64_t size = self.scratch_for(meeting, levels)
        cdef int threads = enter_region(worthwhile(self.workers, 2 * samples * count))
        cdef Scratch scratch = Scratch(size * threads, True)
        step = max(threads, SLICE_SAMPLES * threads // samples)
        try:
            for first in range(0, count, step):
                last = min(first + step, count)
                with nogil:
                    for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                        self.meet_column(meeting, column[i], &wanted, scratch.memory + size * threadid())
                PyErr_CheckSignals()
        finally:
            leave_region(threads)

    cdef int read_columns(self) except -1:
        """Makes columns contiguous, once."""
        if self.columns_view is None:
            item = self.codes.itemsize
            self.columnar = self.codes if self.codes.strides[0] == item else np.asfortranarray(self.codes)
            self.columns_view = View(self.columnar)
        return 0

    cdef int64_t samples_of(self, Meeting meeting, int64_t levels) noexcept:
        """What is counted of a column, on average."""
        return max(1, self.n)

    cdef int64_t scratch_for(self, Meeting meeting, int64_t levels) noexcept:
        """Bytes of zeros for a column of so many levels: private tables, and a table or what strata take."""
        return 16 * SELECT_PRIVATE + table_bytes(meeting, levels)

    cdef void meet_column(self, Meeting meeting, int64_t column, const Wanted *wanted, char *scratch) noexcept nogil:
        cdef const char *x = <const char *>self.columns_view.view.buf + column * self.columns_view.view.strides[1]
        cdef int64_t item = self.columns_view.view.itemsize, z_levels = meeting.w_levels * meeting.y_levels
        cdef int64_t cells = self.level[column] * z_levels
        cdef int64_t *table = <int64_t *>(scratch + 16 * SELECT_PRIVATE)
        cdef select_sums sums
        if meeting.z != NULL and cells <= SELECT_CELLS:
            self.kernels.count(x, item, meeting.z, self.n, cells, z_levels, <uint32_t *>scratch, table)
            self.conclude(meeting, column, table, wanted)
            memset(table, 0, 8 * cells)
        else:
            self.kernels.sum_strata(&self.terms, x, item, meeting.order, meeting.y, meeting.ends, meeting.w_used,
                                    self.level[column], self.use[column], meeting.y_levels, table, &sums)
            self.report(meeting, column, &sums, wanted)
