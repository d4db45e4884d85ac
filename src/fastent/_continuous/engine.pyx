# cython: cdivision=True
"""The continuous engine: divergences of diagonal normals in parallel over outputs, sorted samples over rows, and within
long ones over their parts.

Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from fastent._engine cimport Buffers, Scratch, Tables, ceil_div, piece, tables_of, whole_lines
from fastent._openmp cimport enter_region, leave_region

import numpy as np

cdef extern from "kernels.h" nogil:
    enum:
        CONTINUOUS_MAX_DIMS, CONTINUOUS_BLOCK
        NORMAL_INPUTS, NORMAL_OPERANDS, NORMAL_SCRATCH
        SAMPLE_ROOM, SAMPLE_WINDOWS, SAMPLE_GAPS, SAMPLE_SLOPES, SAMPLE_NEIGHBORS, SAMPLE_HISTOGRAM

    ctypedef struct normal_job:
        char *data[NORMAL_OPERANDS]
        int64_t batch_steps[NORMAL_OPERANDS][CONTINUOUS_MAX_DIMS]
        int64_t reduce_steps[NORMAL_OPERANDS][CONTINUOUS_MAX_DIMS]
        int64_t batch_shape[CONTINUOUS_MAX_DIMS]
        int64_t reduce_shape[CONTINUOUS_MAX_DIMS]
        int32_t batch_dims, reduce_dims
        int64_t length, segment
        int32_t single, lanes_are_outputs
        double mu_q, log_var_q, precision

    ctypedef struct continuous_table:
        const char *isa
        void normal(const normal_job *, int64_t, int64_t, int64_t, double *, void *) noexcept nogil
        void gather(const char *, int64_t, int64_t, int64_t, int64_t, int64_t, void *) noexcept nogil
        double sample(const void *, int64_t, int64_t, int64_t, double, int, void *) noexcept nogil
        int64_t sample_scratch(int64_t, int64_t, int) noexcept nogil
        int put_in_order(const void *, int64_t, int64_t, int64_t, double *, double *, void *) noexcept nogil
        void merge(const double *, int64_t, const double *, int64_t, int64_t, int64_t, double *) noexcept nogil
        int64_t sample_room(int64_t, int) noexcept nogil
        void extend(double *, int64_t, int64_t, int) noexcept nogil
        int64_t sample_terms(int64_t, int) noexcept nogil
        double sample_sum(const double *, int64_t, int64_t, int, int64_t, int64_t) noexcept nogil
        double sample_total(const double *, int64_t) noexcept nogil
        double histogram(const double *, int64_t, int64_t, double) noexcept nogil
        double cross_neighbors(const double *, int64_t, const double *, int64_t, int64_t, int64_t) noexcept nogil

cdef extern from "tables.h" nogil:
    const void **continuous_tables()

# The one place where C's numbers get names in Python.
SUMS = {
    "windows": SAMPLE_WINDOWS, "gaps": SAMPLE_GAPS, "slopes": SAMPLE_SLOPES, "neighbors": SAMPLE_NEIGHBORS,
    "histogram": SAMPLE_HISTOGRAM,
}

cdef enum:
    SEGMENT_INNER = 1 << 16  # entries of a row that are added up apart
    SEGMENT_OUTER = 1 << 10  # entries of a column
    SLICE = 1 << 22          # entries per worker between looks at Ctrl-C
    PIECE = 1 << 14          # entries that a worker takes at a time
    TOGETHER = 8             # samples that are gathered together when they lie beside each other,
    GATHERED = 1 << 20       # and the bytes that they may take
    LONG = 1 << 18           # numbers from which on workers share a sample, if there are not enough for all;
    SLOW = 1 << 24           # where it costs this much, they do in any case, so that Ctrl-C comes in between
    RUN = 1 << 24            # numbers that are put in order by one worker, at most

cdef Tables tables = tables_of(continuous_tables())
cdef const continuous_table *active = <const continuous_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Compute with the kernels of one instruction set from now on."""
    global active
    active = <const continuous_table *>tables.named(name)


def normal_sums(operands, batch_shape, batch_steps, reduce_shape, reduce_steps, bint single, bint outer,
                double mu_q, double log_var_q, double precision, int workers):
    """Twice the divergence of each output, and the gradients where there are arrays for them: float64 sums.

    operands: mu, log_var, mu_q, log_var_q, d_mu, d_log_var, None where absent; steps: one tuple per operand.
    """
    cdef normal_job job
    cdef Buffers buffers = Buffers()
    cdef int64_t outputs = 1, segments
    cdef int threads
    memset(&job, 0, sizeof(job))
    job.batch_dims, job.reduce_dims = <int>len(batch_shape), <int>len(reduce_shape)
    job.length = 1
    for d, n in enumerate(batch_shape):
        job.batch_shape[d] = n
        outputs *= n
    for d, n in enumerate(reduce_shape):
        job.reduce_shape[d] = n
        job.length *= n
    for i, operand in enumerate(operands):
        job.data[i] = <char *>buffers.address(operand, i >= NORMAL_INPUTS)
        for d, step in enumerate(batch_steps[i]):
            job.batch_steps[i][d] = step
        for d, step in enumerate(reduce_steps[i]):
            job.reduce_steps[i][d] = step
    job.single, job.lanes_are_outputs = single, outer
    job.mu_q, job.log_var_q, job.precision = mu_q, log_var_q, precision
    job.segment = SEGMENT_OUTER if outer else SEGMENT_INNER
    segments = max(1, ceil_div(job.length, job.segment))
    sums = np.empty((segments, outputs))
    if outputs:
        threads = enter_region(workers)
        try:
            run_normal(&job, outputs, segments, sums, threads)
        finally:
            leave_region(threads)
    total = sums[0]
    for i in range(1, segments):
        total += sums[i]
    return total


cdef int run_normal(const normal_job *job, int64_t outputs, int64_t segments, double[:, ::1] sums,
                    int workers) except -1:
    """Pieces of outputs times segments, slice by slice."""
    cdef const continuous_table *table = active
    cdef int64_t entries = max(1, min(job.segment, job.length)), width, pieces, units, unit, first, last, slice_units
    cdef Scratch scratch = Scratch(<int64_t>NORMAL_SCRATCH * workers)
    cdef char *memory = scratch.memory
    width = max(1, PIECE // entries)
    if job.lanes_are_outputs:
        width = max(CONTINUOUS_BLOCK, width // CONTINUOUS_BLOCK * CONTINUOUS_BLOCK)
    pieces = ceil_div(outputs, width)
    units = pieces * segments
    slice_units = max(workers, SLICE * workers // (entries * min(width, outputs)))
    for first in range(0, units, slice_units):
        last = min(first + slice_units, units)
        with nogil:
            for unit in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                table.normal(job, unit % pieces * width, min((unit % pieces + 1) * width, outputs), unit // pieces,
                             &sums[unit // pieces, unit % pieces * width], memory + NORMAL_SCRATCH * threadid())
        if last < units:
            PyErr_CheckSignals()
    return 0


def sample_sums(x, offsets, int64_t n, int64_t step, int sum, m, double scale, int workers):
    """One of SUMS over each sample: n numbers of x, `step` bytes apart from each of these offsets on; m for each."""
    cdef Buffers buffers = Buffers()
    cdef const char *data = <const char *>buffers.address(x)
    cdef const int64_t[::1] starts = offsets
    cdef const int64_t[::1] windows = m
    cdef int64_t samples = starts.shape[0], item = x.itemsize, i
    result = np.empty(samples)
    if samples:
        threads = enter_region(workers)
        try:
            if (n >= LONG and samples < threads) or sample_cost(n, np.max(m), sum) >= SLOW:
                for i in range(samples):
                    result[i] = long_sample(data + starts[i], item, n, step, sum, windows[i], scale, threads)
            else:
                run_samples(data, starts, item, n, step, sum, windows, scale, result, threads)
        finally:
            leave_region(threads)
    return result


cdef inline int64_t sample_cost(int64_t n, int64_t m, int sum) noexcept:
    return n * (1 + m // 8 if sum == SAMPLE_SLOPES else 1)


cdef int run_samples(const char *data, const int64_t[::1] starts, int64_t item, int64_t n, int64_t step, int sum,
                     const int64_t[::1] windows, double scale, double[::1] result, int workers) except -1:
    """Groups of samples, slice by slice."""
    cdef const continuous_table *table = active
    cdef int64_t samples = starts.shape[0], together = 1, groups, group, first, last, slice_groups, cost
    if step != item:
        together = max(1, min(TOGETHER * 8 // item, GATHERED // (n * item)))
    cdef int64_t m = int(np.max(windows))
    cdef int64_t needed = whole_lines(table.sample_scratch(n, m, sum))
    cdef int64_t stride = needed + whole_lines(together * n * item)
    cdef Scratch scratch = Scratch(stride * workers)
    cdef char *memory = scratch.memory
    cost = sample_cost(n * together, m, sum)
    groups = ceil_div(samples, together)
    slice_groups = max(workers, SLICE * workers // cost)
    for first in range(0, groups, slice_groups):
        last = min(first + slice_groups, groups)
        with nogil:
            for group in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                run_group(table, data, &starts[0], item, n, step, sum, &windows[0], scale, group * together,
                          min((group + 1) * together, samples), memory + stride * threadid(), needed, &result[0])
        if last < groups:
            PyErr_CheckSignals()
    return 0


cdef void run_group(const continuous_table *table, const char *data, const int64_t *starts, int64_t item, int64_t n,
                    int64_t step, int sum, const int64_t *m, double scale, int64_t begin, int64_t end, char *scratch,
                    int64_t needed, double *result) noexcept nogil:
    """The samples [begin, end), gathered as far as they are evenly apart."""
    cdef int64_t i, rows, row_step
    cdef char *gathered = scratch + needed
    cdef int64_t next = begin
    while next < end:
        if step == item:
            result[next] = table.sample(data + starts[next], item, n, m[next], scale, sum, scratch)
            next += 1
            continue
        row_step = starts[next + 1] - starts[next] if next + 1 < end else 0
        rows = 1
        while next + rows < end and starts[next + rows] - starts[next] == rows * row_step:
            rows += 1
        table.gather(data + starts[next], item, step, row_step, rows, n, gathered)
        for i in range(rows):
            result[next + i] = table.sample(gathered + i * n * item, item, n, m[next + i], scale, sum,
                                            scratch)
        next += rows


cdef double long_sample(const char *data, int64_t item, int64_t n, int64_t step, int sum, int64_t m, double scale,
                        int workers) except? -1:
    """One sample: runs of it put in order and merged two by two, then the parts of the sum."""
    cdef const continuous_table *table = active
    cdef int64_t room = table.sample_room(m, sum), size = n + 2 * room + SAMPLE_ROOM, runs = 1
    cdef int64_t terms = table.sample_terms(m, sum), parts = ceil_div(n, terms), together, first, last, i
    cdef Scratch scratch = Scratch(16 * size)
    cdef double *x = <double *>scratch.memory + room
    cdef double *spare = x + size
    while runs < workers or n > runs * RUN:
        runs *= 2
    if not sort_runs(data, item, n, step, x, spare, runs, workers):
        return NAN
    while runs > 1:
        merge_runs(x, n, runs, spare, workers)
        runs //= 2
        x, spare = spare, x
    if sum == SAMPLE_HISTOGRAM:
        return table.histogram(x, n, m, scale)
    table.extend(x, n, m, sum)
    together = max(workers, SLICE * workers // sample_cost(terms, m, sum))
    for first in range(0, parts, together):
        last = min(first + together, parts)
        with nogil:
            for i in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                spare[i] = table.sample_sum(x, n, m, sum, i * terms, min(n, (i + 1) * terms))
        if last < parts:
            PyErr_CheckSignals()
    return table.sample_total(spare, parts)


cdef int sort_runs(const char *data, int64_t item, int64_t n, int64_t step, double *x, double *spare, int64_t runs,
                   int workers) except -1:
    """Run i begins at n i / runs, so that two that are merged are one of half as many. 0 if there is a nan."""
    cdef const continuous_table *table = active
    cdef int64_t size = whole_lines(table.sample_scratch(0, 0, SAMPLE_WINDOWS)), first, last, i, begin, end
    cdef Scratch scratch = Scratch(size * workers)
    cdef uint8_t[::1] sorted = np.empty(runs, np.uint8)
    for first in range(0, runs, workers):
        last = min(first + workers, runs)
        with nogil:
            for i in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                begin, end = n * i // runs, n * (i + 1) // runs
                sorted[i] = table.put_in_order(data + begin * step, item, step, end - begin, x + begin, spare + begin,
                                               scratch.memory + size * threadid())
        PyErr_CheckSignals()
    return np.asarray(sorted).all()


cdef int merge_runs(const double *x, int64_t n, int64_t runs, double *to, int workers) except -1:
    """Each run of even number and the one behind it, in as many shares as keep the workers busy."""
    cdef const continuous_table *table = active
    cdef int64_t shares = max(ceil_div(4 * workers, runs // 2), 2 * n // runs * 4 // SLICE), units = runs // 2 * shares
    cdef int64_t first, last, unit, share, begin, middle, end
    for first in range(0, units, 4 * workers):
        last = min(first + 4 * workers, units)
        with nogil:
            for unit in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                begin, share = unit // shares * 2, unit % shares
                middle, end = n * (begin + 1) // runs, n * (begin + 2) // runs
                begin = n * begin // runs
                table.merge(x + begin, middle - begin, x + middle, end - middle, piece(end - begin, share, shares),
                            piece(end - begin, share + 1, shares), to + begin)
        PyErr_CheckSignals()
    return 0


cdef enum:
    CROSS_PIECE = 1 << 14  # numbers whose neighbours are looked up at a time


def cross_neighbor_sum(x, y, int64_t k, int workers):
    """The sum of ln(distance to the k-th nearest number of y) over x, both sorted float64."""
    cdef int64_t pieces = ceil_div(len(x), CROSS_PIECE)
    # the k nearest to a number begin at most k places before it
    firsts = np.minimum(np.maximum(np.searchsorted(y, x[::CROSS_PIECE]) - k, 0), len(y) - k).astype(np.int64)
    sums = np.empty(pieces)
    threads = enter_region(workers)
    try:
        run_cross_neighbors(x, y, k, firsts, sums, threads)
    finally:
        leave_region(threads)
    return float(sums.sum())


cdef int run_cross_neighbors(const double[::1] x, const double[::1] y, int64_t k, const int64_t[::1] firsts,
                             double[::1] sums, int workers) except -1:
    cdef int64_t n = x.shape[0], count = y.shape[0], pieces = sums.shape[0], first, last, i
    cdef int64_t slice_pieces = max(workers, SLICE * workers // CROSS_PIECE)
    cdef const continuous_table *table = active
    for first in range(0, pieces, slice_pieces):
        last = min(first + slice_pieces, pieces)
        with nogil:
            for i in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                sums[i] = table.cross_neighbors(&x[i * CROSS_PIECE], min(CROSS_PIECE, n - i * CROSS_PIECE), &y[0],
                                                count, k, firsts[i])
        if last < pieces:
            PyErr_CheckSignals()
    return 0
