"""From labels to codes: codes as they are, integers of a small range, and anything else by a hash.

Numbering goes in the order of appearance, in pieces that workers share; the caller sorts the levels, so that the codes
do not depend on the pieces.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport Py_EQ, PyObject, PyObject_Hash, PyObject_RichCompareBool
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from fastent._counts.engine cimport (
    COUNTS_INTEGERS_LEVELS,
    COUNTS_INTEGERS_SCRATCH,
    COUNTS_PLANES,
    COUNTS_WORDS,
    active,
    counts_integers,
    counts_table,
    planes_cycles,
)
from fastent._engine cimport Scratch, View, ceil_div
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef extern from "hash.h" nogil:
    enum:
        HASH_BLOCK

    ctypedef struct hash_slot:
        uint64_t key
        int64_t code

    ctypedef struct hash_table:
        hash_slot *slots
        int bits
        int64_t levels, room

    ctypedef struct hash_labels:
        hash_table table
        const char *labels
        int64_t item, n
        uint64_t zero
        int64_t done
        uint32_t *codes
        int64_t *first

    size_t home_of(const hash_table *, uint64_t) noexcept
    size_t next_to(const hash_table *, size_t) noexcept
    uint64_t mix(uint64_t) noexcept
    void hash_move(hash_table *, hash_slot *, int, int) noexcept
    void number_words(hash_labels *, int64_t) noexcept
    void number_bytes(hash_labels *, int64_t) noexcept
    void renumber(const uint32_t *, int64_t, int64_t, const void *, void *) noexcept
    void PREFETCH(const void *) noexcept

cdef extern from *:
    """
    /* Whether two objects are exact strings with the same characters. */
    static int same_text(PyObject *a, PyObject *b) {
        if (!PyUnicode_CheckExact(a) || !PyUnicode_CheckExact(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b))
            return 0;
        size_t size = (size_t)PyUnicode_GET_LENGTH(a);
        return size == (size_t)PyUnicode_GET_LENGTH(b) &&
               memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), size * PyUnicode_KIND(a)) == 0;
    }
    """
    bint same_text(PyObject *, PyObject *) noexcept

cdef enum:
    FIRST_BITS = 12       # of the smallest table
    GROWTH_BITS = 2
    CHUNK = 1 << 16       # labels below which a worker does not get a table of its own
    SAMPLE = 1 << 12
    SLICE = 1 << 22       # labels per worker between looks at Ctrl-C


def narrow(values, int workers):
    """Contiguous signed integers as uint8 codes: (codes, lowest, highest); codes is None if they do not fit."""
    cdef View view = View(values)
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
        granted = enter_region(workers)
        run_narrow(table, data, item, n, base, &out[0], extremes, chunks, granted)
        leave_region(granted)
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
    cdef View view = View(codes)
    cdef int64_t n = view.view.shape[0], m = view.view.shape[1], i, begin
    cdef int64_t item = view.view.itemsize, row = view.view.strides[0], column = view.view.strides[1]
    cdef const char *data = <const char *>view.view.buf
    cdef const counts_table *table = active
    cdef int64_t chunks = max(1, min(4 * workers, n // 4096))
    tops = np.zeros((chunks, m), np.uint16)
    cdef uint16_t[:, ::1] out = tops
    cdef int threads
    if n and m:
        threads = enter_region(workers)
        with nogil:
            for i in prange(chunks, num_threads=threads, schedule="dynamic", chunksize=1):
                begin = n * i // chunks
                table.largest(data + begin * row, item, row, column, n * (i + 1) // chunks - begin, m, &out[i, 0])
        leave_region(threads)
    return tops.max(axis=0).astype(np.int64)


cdef bint guess_levels(values, View view, counts_integers *x) except -1:
    """What a sample of the integers says of their range; whether it is one of bytes."""
    sample = values[::max(1, len(values) // 512)]
    low, high = int(sample.min()), int(sample.max())
    if high - low > 255:
        return False
    x.values, x.item = <const char *>view.view.buf, view.view.itemsize
    x.base, x.levels = low & 0xFFFFFFFFFFFFFFFF, high - low + 1
    return True


def table_of_integers(x, y, int workers):
    """The table of two contiguous columns of integers in one pass over them, its levels those of the range of a sample.

    None where the table has more than 256 cells, or an integer is outside its range.
    """
    cdef int64_t n = len(x), first, last, chunk_rows, chunks, i
    cdef counts_integers left, right
    cdef View x_view = View(x), y_view = View(y)
    if not guess_levels(x, x_view, &left) or not guess_levels(y, y_view, &right) or left.levels * right.levels > 256:
        return None
    cdef int method = COUNTS_WORDS
    cdef bint planes = planes_cycles(left.levels, right.levels) + planes_cycles(right.levels, 1) < 1
    if planes and max(left.levels, right.levels) <= COUNTS_INTEGERS_LEVELS:
        method = COUNTS_PLANES
    chunk_rows = ceil_div(max(CHUNK, min(SLICE, n // (4 * workers))), CHUNK) * CHUNK
    chunks = ceil_div(n, chunk_rows)
    cdef int threads = enter_region(workers if chunks > 1 else 1)
    parts = np.zeros((chunks, left.levels * right.levels), np.int64)
    cdef int64_t[:, ::1] tables = parts
    cdef uint8_t[::1] fits = np.ones(chunks, np.uint8)
    cdef Scratch scratch = Scratch(COUNTS_INTEGERS_SCRATCH * threads)
    cdef const counts_table *kernels = active
    try:
        for first in range(0, chunks, 8 * threads):
            last = min(chunks, first + 8 * threads)
            with nogil:
                for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                    fits[i] = kernels.count_integers(
                        &left, &right, method, i * chunk_rows, min(n, (i + 1) * chunk_rows),
                        scratch.memory + COUNTS_INTEGERS_SCRATCH * threadid(), &tables[i, 0])
            PyErr_CheckSignals()
            if not np.asarray(fits[first:last]).all():
                return None
    finally:
        leave_region(threads)
    total = parts.sum(axis=0)
    cdef int64_t[::1] cells = total
    cdef int64_t[::1] y_counts = total[:right.levels].copy()
    if method == COUNTS_PLANES:
        y_counts[0] = n - int(total[1:right.levels].sum())
        kernels.complete(&cells[0], left.levels, right.levels, &y_counts[0])
    return total.reshape(left.levels, right.levels)


cdef class Numbering:
    """Labels of one contiguous column, equal where their bytes are (and 0.0 where -0.0 is).

    first: the row in which each level appears first; codes(ranks) gives every label the rank of its level.
    """
    cdef readonly object first
    cdef object numbers, bounds, tables
    cdef int workers

    def __init__(self, values, int workers):
        cdef int64_t n = len(values), chunks = max(1, min(workers, n // CHUNK)), i
        if chunks > 1 and len(Numbering(np.ascontiguousarray(values[::n // SAMPLE]), 1).first) > SAMPLE // 4:
            chunks = 1  # of many levels most would be in all pieces, and be numbered again
        self.workers = workers
        self.bounds = [n * i // chunks for i in range(chunks + 1)]
        self.numbers = np.empty(n, np.uint32)
        pieces = self.number(values, chunks)
        if chunks == 1:
            self.first, self.tables = pieces[0], [np.arange(len(pieces[0]), dtype=np.uint32)]
            return
        levels = np.concatenate(pieces)  # those of one piece may be those of another
        merged = Numbering(values[levels], 1)
        self.first = levels[merged.first]
        self.tables = np.split(merged.numbers, np.cumsum([len(piece) for piece in pieces])[:-1])

    cdef list number(self, values, int64_t chunks):
        """The rows, by piece, in which levels appear first."""
        cdef View view = View(values.view(f"V{values.dtype.itemsize}"))
        cdef uint32_t[::1] numbers = self.numbers
        cdef int64_t item = view.view.itemsize, i, begin, end
        cdef bint words = item in (1, 2, 4, 8), unfinished = True
        cdef uint64_t zero = <uint64_t>1 << (8 * item - 1) if values.dtype.kind == "f" else 0
        cdef Scratch scratch = Scratch(chunks * sizeof(hash_labels))
        cdef hash_labels *work = <hash_labels *>scratch.memory
        cdef int threads = enter_region(<int>chunks)
        memory, first = [None] * chunks, [np.empty(0, np.int64)] * chunks
        memset(work, 0, chunks * sizeof(hash_labels))
        try:
            for i in range(chunks):
                begin, end = self.bounds[i], self.bounds[i + 1]
                work[i].item, work[i].n, work[i].zero = item, end - begin, zero
                if end > begin:
                    work[i].labels = <const char *>view.view.buf + begin * item
                    work[i].codes = &numbers[begin]
                memory[i], first[i] = grow(&work[i], first[i], words)
            while unfinished:
                with nogil:
                    for i in prange(chunks, num_threads=threads, schedule="static", chunksize=1):
                        if words:
                            number_words(&work[i], min(work[i].n, work[i].done + SLICE))
                        else:
                            number_bytes(&work[i], min(work[i].n, work[i].done + SLICE))
                PyErr_CheckSignals()
                unfinished = False
                for i in range(chunks):
                    if work[i].done < work[i].n:
                        unfinished = True
                        if work[i].table.levels >= work[i].table.room:
                            memory[i], first[i] = grow(&work[i], first[i], words)
        finally:
            leave_region(threads)
        return [first[i][:work[i].table.levels] + self.bounds[i] for i in range(chunks)]

    def codes(self, ranks):
        """Codes of the dtype of the ranks, which belong to the levels in the order of `first`."""
        cdef const uint32_t[::1] numbers = self.numbers
        cdef int64_t n = len(self.numbers), item = ranks.dtype.itemsize, parts, j, begin, end
        result = np.empty(n, ranks.dtype)
        if n == 0:
            return result
        cdef View out = View(result)
        tables = [np.ascontiguousarray(ranks[table]) for table in self.tables]
        held = [View(table) for table in tables]
        cdef char *to = <char *>out.view.buf
        cdef int threads
        for j in range(len(self.tables)):
            begin, end = self.bounds[j], self.bounds[j + 1]
            parts = max(1, min(4 * self.workers, (end - begin) // CHUNK))
            threads = enter_region(self.workers if parts > 1 else 1)
            self.renumber_piece(&numbers[0], begin, end, parts, item, (<View>held[j]).view.buf, to, threads)
            leave_region(threads)
        return result

    cdef int renumber_piece(self, const uint32_t *numbers, int64_t begin, int64_t end, int64_t parts, int64_t item,
                            const void *table, char *out, int threads) except -1:
        cdef int64_t i, low
        with nogil:
            for i in prange(parts, num_threads=threads, schedule="dynamic", chunksize=1):
                low = begin + (end - begin) * i // parts
                renumber(numbers + low, begin + (end - begin) * (i + 1) // parts - low, item, table, out + low * item)
        return 0


cdef tuple grow(hash_labels *work, first, bint words):
    """A table with room for more levels, and as much room for the rows in which they appear first."""
    slots = moved(&work.table, words)
    cdef int64_t[::1] rows = np.empty(work.table.room + HASH_BLOCK, np.int64)
    kept = work.table.levels
    np.asarray(rows)[:kept] = first[:kept]
    work.first = &rows[0]
    return slots, np.asarray(rows)


cdef moved(hash_table *table, bint words):
    """What is in a table, in one that is larger; the memory of that one."""
    cdef int bits = table.bits + GROWTH_BITS if table.slots != NULL else FIRST_BITS
    memory = np.zeros((<int64_t>1 << bits, 2), np.uint64)
    cdef uint64_t[:, ::1] slots = memory
    hash_move(table, <hash_slot *>&slots[0, 0], bits, words)
    return memory


cdef inline PyObject *object_at(size_t address) noexcept:
    return <PyObject *>address if address else <PyObject *>None  # as NumPy reads it


cdef class ObjectNumbering:
    """Python objects numbered by hash and equality, block by block, as a dict would.

    levels: the first object of each level, in order of appearance.
    """
    cdef readonly list levels
    cdef hash_table table
    cdef object memory

    def __init__(self):
        self.levels = []
        self.memory = moved(&self.table, False)

    def add(self, objects):
        """Numbers of the objects in a contiguous array, uint32. TypeError if one cannot be hashed."""
        cdef int64_t n = len(objects), begin, end, i
        numbers = np.empty(n, np.uint32)
        cdef uint32_t[::1] out = numbers
        cdef uint64_t hashes[HASH_BLOCK]
        cdef const size_t[::1] addresses = np.ndarray(n, np.uintp, buffer=objects)
        for begin in range(0, n, HASH_BLOCK):
            end = min(n, begin + HASH_BLOCK)
            if self.table.levels >= self.table.room:
                self.memory = moved(&self.table, False)
            for i in range(end, min(n, end + HASH_BLOCK)):
                PREFETCH(<void *>addresses[i])
            for i in range(begin, end):
                hashes[i - begin] = mix(<uint64_t>PyObject_Hash(<object>object_at(addresses[i])))
                PREFETCH(self.table.slots + home_of(&self.table, hashes[i - begin]))
            for i in range(begin, end):
                out[i] = self.number(object_at(addresses[i]), hashes[i - begin])
        return numbers

    cdef int64_t number(self, PyObject *label, uint64_t hashed) except -1:
        cdef hash_slot *slots = self.table.slots
        cdef size_t place = home_of(&self.table, hashed)
        cdef PyObject *level
        while slots[place].code:
            if slots[place].key == hashed:
                level = <PyObject *>self.levels[slots[place].code - 1]
                if level == label or same_text(level, label):
                    break
                # what is compared may be taken out of the array by the comparison: `<object>` holds it
                if PyObject_RichCompareBool(<object>level, <object>label, Py_EQ):
                    break
            place = next_to(&self.table, place)
        else:
            self.levels.append(<object>label)
            self.table.levels += 1
            slots[place].key = hashed
            slots[place].code = self.table.levels
        return slots[place].code - 1
