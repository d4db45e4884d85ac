# cython: cdivision=True
"""Tables at random with given margins, and how many of them have as much information as the observed one."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.math cimport exp, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from fastent._chance cimport surplus
from fastent._counts.engine cimport (
    COUNTS_MI,
    COUNTS_STATISTICS,
    active,
    cells_scratch,
    cells_statistics,
    counts_table,
)
from fastent._engine cimport Scratch, ceil_div, whole_lines
from fastent._openmp cimport enter_region, leave_region

import numpy as np

EXACT = 1 << 27  # samples of which any cells have exact sums, also in no order

cdef enum:
    MOST_DRAWN = 16         # tables of a pair that a worker draws at a time
    SLICE_NS = 100_000_000  # of work per worker between looks at Ctrl-C
    FACTORIALS = 1024       # small numbers whose factorials are looked up

# Measured: a cell of a table that is drawn, a step away from its likeliest count, a sample that is shuffled, and a cell
# of the table that they make.
CELL_NS, STEP_NS, SHUFFLE_NS, MADE_NS = 80.0, 6.0, 5.0, 30.0


cdef inline int64_t likeliest(int64_t a, int64_t b, int64_t total) noexcept nogil:
    """The count of most weight in a cell whose row and column have a and b of all samples."""
    cdef int64_t mode = <int64_t>((<double>(a + 1) * <double>(b + 1)) / <double>(total + 2))
    return min(min(a, b), max(max(<int64_t>0, a + b - total), mode))


cdef inline double step_up(double n, double a, double b, double rest) noexcept nogil:
    """The weight of n + 1 by that of n, 0 for the largest; rest: total - a - b."""
    return (a - n) * (b - n) / ((n + 1) * (rest + n + 1))


cdef inline double step_down(double n, double a, double b, double rest) noexcept nogil:
    """The weight of n - 1 by that of n, 0 for the smallest."""
    return n * (rest + n) / ((a - n + 1) * (b - n + 1))


cdef struct margins_job:
    int64_t *x          # counts of the levels of both, all positive
    int64_t *y
    int64_t x_levels, y_levels, total
    const double *excess


cdef inline uint64_t mixed(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline uint64_t draw(uint64_t *state) noexcept nogil:
    """SplitMix64 (Steele, Lea & Flood 2014)."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    return mixed(state[0])


cdef inline uint64_t stream(uint64_t seed, int64_t number) noexcept nogil:
    """Where the random numbers of a table begin: who draws it, and what else is drawn, does not matter."""
    return mixed(seed ^ mixed(<uint64_t>number + 1))


cdef inline double around(int64_t n) noexcept nogil:
    """The square of what Stirling's formula has beside (n/e)^n."""
    return 6.283185307179586 * <double>n if n else 1.0


cdef inline double excess_of(int64_t n, const double *small) noexcept nogil:
    """What the logarithm of n! has beside Stirling's formula."""
    cdef double z
    if n < FACTORIALS:
        return small[n]
    z = 1 / <double>n
    return z * (1. / 12 - z * z / 360)


def excesses():
    """What `excess_of` looks up."""
    n = np.arange(1.0, FACTORIALS)
    return np.concatenate([[0.0], np.cumsum(np.log(n)) - n * np.log(n) + n - 0.5 * np.log(2 * np.pi * n)])


cdef int64_t random_count(int64_t a, int64_t b, int64_t total, const double *excess, uint64_t *state) noexcept nogil:
    """A hypergeometric number: of a samples, those in the column that has b of all.

    Inversion that searches outwards from the likeliest value, whose chance is that of the 2 x 2 table around it. By
    Stirling's formula its logarithm is a sum of surpluses of cells and small excesses: nothing large cancels.
    """
    cdef int64_t rest = total - a - b, up, mode = likeliest(a, b, total), c = total - a, d = total - b
    cdef double u, above, below, above_n, below_n, n = <double>total, mean = <double>a * (<double>b / n)
    cdef double off = <double>mode - mean, exponent
    if max(<int64_t>0, -rest) == min(a, b):
        return mode
    up = mode
    exponent = (
        excess_of(a, excess) + excess_of(c, excess) + excess_of(b, excess) + excess_of(d, excess)
        - excess_of(total, excess) - excess_of(up, excess) - excess_of(a - up, excess) - excess_of(b - up, excess)
        - excess_of(rest + up, excess)
        - surplus(off, mean) - surplus(-off, <double>a * (<double>d / n)) - surplus(-off, <double>c * (<double>b / n))
        - surplus(off, <double>c * (<double>d / n)))
    above = exp(exponent) * sqrt(
        around(a) / around(up) * (around(b) / around(b - up)) * (around(c) / around(a - up))
        * (around(d) / around(rest + up)) / around(total))
    below = above
    above_n = below_n = <double>mode
    u = <double>(draw(state) >> 11) * 1.1102230246251565e-16 - above
    while u >= 0 and above + below > 1e-20:
        above = above * step_up(above_n, <double>a, <double>b, <double>rest)
        below = below * step_down(below_n, <double>a, <double>b, <double>rest)
        above_n += 1
        below_n -= 1
        u -= above
        if u < 0:
            return <int64_t>above_n
        u -= below
        if u < 0:
            return <int64_t>below_n
    return mode  # also for what the roundings have left over


cdef int64_t random_table(const margins_job *job, uint64_t *state, int64_t *left, double *cell, int64_t *row,
                          int64_t *column) noexcept nogil:
    """The positive cells of a table, drawn row by row, each cell given those before (Patefield 1981); their number."""
    cdef int64_t i, j, n, found = 0, rest, below = job.total, beside
    for j in range(job.y_levels):
        left[j] = job.y[j]
    for i in range(job.x_levels):
        rest, beside = job.x[i], below
        for j in range(job.y_levels):
            if rest == 0:
                break
            n = random_count(rest, left[j], beside, job.excess, state)
            beside -= left[j]
            left[j] -= n
            rest -= n
            if n > 0:
                cell[found], row[found], column[found] = <double>n, i, j
                found += 1
        below -= job.x[i]
    return found


cdef int64_t shuffled_table(const margins_job *job, uint64_t *state, int64_t *counted, int32_t *labels, int32_t *met,
                            double *cell, int64_t *row, int64_t *column) noexcept nogil:
    """The positive cells of the labels of x and those of y in random order (Fisher & Yates); `counted` begins as 0."""
    cdef int64_t i, j, k = 0, other, found = 0, begin = 0, levels, _sample
    cdef int32_t label
    for j in range(job.y_levels):
        for _sample in range(job.y[j]):
            labels[k] = <int32_t>j
            k += 1
    for i in range(job.x_levels):
        levels = 0
        for k in range(begin, begin + job.x[i]):
            # the remainder favours small numbers by less than one in 2^33
            other = k + <int64_t>(draw(state) % <uint64_t>(job.total - k))
            label = labels[other]
            labels[other] = labels[k]
            labels[k] = label
            if counted[label] == 0:
                met[levels] = label
                levels += 1
            counted[label] += 1
        begin += job.x[i]
        for k in range(levels):
            label = met[k]
            cell[found], row[found], column[found] = <double>counted[label], i, label
            counted[label] = 0
            found += 1
    return found


def drawing_ns(x_levels, y_levels, totals):
    cells = np.asarray(x_levels, np.float64) * y_levels
    return cells * (CELL_NS + STEP_NS * np.sqrt(totals / cells))


def shuffling_ns(x_levels, y_levels, totals):
    return SHUFFLE_NS * totals + MADE_NS * np.minimum(np.asarray(x_levels, np.float64) * y_levels, totals)


def shuffling_pays(x_levels, y_levels, totals):
    """Whether to shuffle samples rather than to draw cells, for each pair."""
    ways = shuffling_ns(x_levels, y_levels, totals), drawing_ns(x_levels, y_levels, totals)
    return (ways[0] < ways[1]) & (totals < EXACT)


def times_reached(counts, pairs, observed, shuffled, int64_t tables, uint64_t seed, int workers):
    """How many of so many random tables have at least the observed information, for each pair.

    counts: of the levels of several variables, sorted and positive; pairs: two of them each; shuffled: uint8, how the
    tables are made. A table depends on its number and the seed only.
    """
    cdef const int64_t[:, ::1] pair = pairs
    cdef const double[::1] least = np.asarray(observed) * (1 - 1e-12)  # the same table in another order is as large
    cdef const uint8_t[::1] by_shuffling = shuffled
    cdef const int64_t[::1] values = np.concatenate([*counts, np.zeros(1, np.int64)])
    cdef const int64_t[::1] offset = np.cumsum([0, *map(len, counts)])
    cdef const double[::1] excess = excesses()
    cdef const int64_t[::1] total = np.array([c.sum() for c in counts], np.int64)
    cdef int64_t m = pair.shape[0], first, last, i
    lengths = np.diff(offset)[np.asarray(pairs)]
    samples = np.asarray(total)[np.asarray(pairs)[:, 0]]
    cells = np.minimum(lengths[:, 0] * lengths[:, 1], samples)
    work = np.where(shuffled, shuffling_ns(*lengths.T, samples), drawing_ns(*lengths.T, samples))
    cdef int64_t most_cells = int(cells.max(initial=1)), most = int(lengths.max(initial=1))
    cdef int64_t most_shuffled = int(samples[np.asarray(shuffled, bool)].max(initial=0))
    cdef int64_t size = whole_lines(
        cells_scratch(most_cells, most, most) + 8 * (3 * most_cells + most) + 4 * (most_shuffled + most))
    cdef int64_t drawn = max(1, min(MOST_DRAWN, <int64_t>(SLICE_NS / work.max(initial=1.0))))
    cdef int64_t blocks = ceil_div(tables, drawn)
    cdef int64_t step = max(workers, <int64_t>(SLICE_NS * workers / (drawn * work.max(initial=1.0))))
    step = min(step, m * blocks)
    reached, part = np.zeros(m, np.int64), np.zeros(step, np.int64)
    cdef int64_t[::1] out = part
    cdef Scratch scratch = Scratch(size * workers)
    cdef const counts_table *kernels = active
    cdef int threads = enter_region(workers)
    try:
        for first in range(0, m * blocks, step):
            last = min(first + step, m * blocks)
            with nogil:
                for i in prange(first, last, num_threads=threads, schedule="dynamic", chunksize=1):
                    out[i - first] = reached_of(
                        kernels, values, offset, total, &excess[0], pair[i // blocks, 0], pair[i // blocks, 1],
                        by_shuffling[i // blocks], least[i // blocks], i % blocks * drawn,
                        min(tables, (i % blocks + 1) * drawn), seed, scratch.memory + size * threadid(), most_cells)
            np.add.at(reached, np.arange(first, last) // blocks, part[:last - first])
            PyErr_CheckSignals()
    finally:
        leave_region(threads)
    return reached


cdef int64_t reached_of(const counts_table *kernels, const int64_t[::1] values, const int64_t[::1] offset,
                        const int64_t[::1] total, const double *excess, int64_t x, int64_t y, bint shuffled,
                        double least, int64_t begin, int64_t end, uint64_t seed, char *scratch,
                        int64_t most_cells) noexcept nogil:
    """Of the tables [begin, end) of a pair, those that reach `least`."""
    cdef margins_job job
    cdef int64_t reached = 0, number, found, i
    cdef uint64_t state
    cdef double statistics[COUNTS_STATISTICS]
    job.x_levels, job.y_levels = offset[x + 1] - offset[x], offset[y + 1] - offset[y]
    cdef double *cell = <double *>scratch
    cdef int64_t *row = <int64_t *>(cell + most_cells)
    cdef int64_t *column = row + most_cells
    cdef int64_t *left = column + most_cells
    cdef double *room = <double *>(left + job.y_levels)
    cdef int32_t *met = <int32_t *>(scratch + 8 * (3 * most_cells + job.y_levels)
                                    + cells_scratch(most_cells, job.x_levels, job.y_levels))
    cdef int32_t *labels = met + job.y_levels
    job.x, job.y = <int64_t *>&values[offset[x]], <int64_t *>&values[offset[y]]
    job.total, job.excess = total[x], excess
    for i in range(job.y_levels):
        left[i] = 0
    for number in range(begin, end):
        state = stream(seed, number)
        if shuffled:
            found = shuffled_table(&job, &state, left, labels, met, cell, row, column)
        else:
            found = random_table(&job, &state, left, cell, row, column)
        cells_statistics(kernels, cell, NULL, row, column, found, job.x_levels, job.y_levels, True, room, statistics)
        reached += statistics[COUNTS_MI] >= least
    return reached
