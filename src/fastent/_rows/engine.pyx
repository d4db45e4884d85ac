"""The row engine: from a plan's arrays and integers to kernel calls, in parallel over outputs or pieces of long rows.

Pieces are cut at fixed places and joined as a fixed tree: the bits of a result do not depend on the number of workers.
Long calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.buffer cimport PyBUF_FULL_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastent._engine cimport Buffers, Scratch, Tables, ceil_div, run_slices, tables_of, whole_lines
from fastent._openmp cimport enter_region, leave_region

cdef extern from "kernels.h" nogil:
    enum:
        ROWS_MAX_DIMS, ROWS_TILE, ROWS_SEGMENT_INNER, ROWS_SEGMENT_OUTER, ROWS_PHASES
        ITEM_FLOAT64, ITEM_FLOAT32, ITEM_FLOAT16, ITEM_BFLOAT16
        ITEM_INT8, ITEM_INT16, ITEM_INT32, ITEM_INT64, ITEM_UINT8, ITEM_UINT16, ITEM_UINT32, ITEM_UINT64
        ROWS_ENTROPY, ROWS_GINI, ROWS_SQUARES, ROWS_RENYI, ROWS_SUPPORT, ROWS_MIN_ENTROPY, ROWS_CROSS_ENTROPY
        ROWS_KL, ROWS_LOG_RATIO, ROWS_JEFFREYS, ROWS_JS, ROWS_JS_WEIGHTED, ROWS_HELLINGER, ROWS_TOTAL_VARIATION
        ROWS_RENYI_DIVERGENCE
        ROWS_AS_IT_IS, ROWS_EXP, ROWS_LOG, ROWS_SQRT, ROWS_ONE_MINUS, ROWS_LESS_ONE, ROWS_TSALLIS
        ROWS_INFORMATION, ROWS_BINARY_ENTROPY, ROWS_BINARY_CROSS_ENTROPY, ROWS_ENTR, ROWS_REL_ENTR, ROWS_KL_DIV

    ctypedef struct rows_operand:
        char *data
        int dtype
        int swapped
        int64_t batch_strides[ROWS_MAX_DIMS]
        int64_t reduce_strides[ROWS_MAX_DIMS]

    ctypedef struct rows_job:
        rows_operand p, q, where, out
        int batch_dims, reduce_dims
        int64_t batch_shape[ROWS_MAX_DIMS]
        int64_t reduce_shape[ROWS_MAX_DIMS]
        int64_t length
        int lanes_are_outputs
        int tile_width
        int pairs
        int measure
        int grade
        int normalize
        int finish
        int (*interrupted)() noexcept nogil
        double order, weight, divisor, bound

    ctypedef struct rows_table:
        const char *isa
        void reduce(const rows_job *, int64_t, int64_t, void *) noexcept nogil
        int phase_runs(const rows_job *, int) noexcept nogil
        void segment(const rows_job *, int64_t, int64_t, int, const void *, void *, void *) noexcept nogil
        int fold(const rows_job *, int64_t, int64_t, int, const void *, void *, void *) noexcept nogil
        void map(const rows_job *, int64_t, int64_t, void *) noexcept nogil
        int64_t pair_rows(const rows_job *) noexcept nogil
        void pairs(const rows_job *, int64_t, int64_t, void *) noexcept nogil
        int64_t scratch_bytes(const rows_job *) noexcept nogil
        int64_t block_count(const rows_job *) noexcept nogil
        int64_t tile_node_bytes(const rows_job *) noexcept nogil

cdef extern from "tables.h" nogil:
    const void **rows_tables()

# The one place where C's numbers get names in Python.
MEASURES = {
    "entropy": ROWS_ENTROPY, "gini": ROWS_GINI, "squares": ROWS_SQUARES, "renyi": ROWS_RENYI, "support": ROWS_SUPPORT,
    "min_entropy": ROWS_MIN_ENTROPY, "cross_entropy": ROWS_CROSS_ENTROPY, "kl": ROWS_KL, "log_ratio": ROWS_LOG_RATIO,
    "jeffreys": ROWS_JEFFREYS, "js": ROWS_JS, "js_weighted": ROWS_JS_WEIGHTED, "hellinger": ROWS_HELLINGER,
    "total_variation": ROWS_TOTAL_VARIATION, "renyi_divergence": ROWS_RENYI_DIVERGENCE,
}
FINISHES = {
    "as_it_is": ROWS_AS_IT_IS, "exp": ROWS_EXP, "log": ROWS_LOG, "sqrt": ROWS_SQRT, "one_minus": ROWS_ONE_MINUS,
    "less_one": ROWS_LESS_ONE,
    "tsallis": ROWS_TSALLIS,
}
ELEMENTS = {
    "information": ROWS_INFORMATION, "binary_entropy": ROWS_BINARY_ENTROPY,
    "binary_cross_entropy": ROWS_BINARY_CROSS_ENTROPY, "entr": ROWS_ENTR, "rel_entr": ROWS_REL_ENTR,
    "kl_div": ROWS_KL_DIV,
}
DTYPES = {
    "float64": ITEM_FLOAT64, "float32": ITEM_FLOAT32, "float16": ITEM_FLOAT16, "bfloat16": ITEM_BFLOAT16,
    "int8": ITEM_INT8, "int16": ITEM_INT16, "int32": ITEM_INT32, "int64": ITEM_INT64,
    "uint8": ITEM_UINT8, "uint16": ITEM_UINT16, "uint32": ITEM_UINT32, "uint64": ITEM_UINT64, "bool": ITEM_UINT8,
}

cdef enum:
    SLICE = 1 << 22       # entries per worker between looks at Ctrl-C: 2 to 80 ms
    SLOW_SLICE = 1 << 20  # where powers are taken
    SMALLEST_SIDE = 16    # rows of a tile of pairs: fewer share too little of what is prepared
    CHUNKS = 8            # pieces to share out, for each worker

cdef Tables tables = tables_of(rows_tables())
cdef const rows_table *active = <const rows_table *>tables.best()
isas = tables.isas


def isa():
    """The instruction set in use."""
    return active.isa.decode()


def use_isa(str name):
    """Compute with the kernels of one instruction set from now on."""
    global active
    active = <const rows_table *>tables.named(name)


cdef extern from "Python.h":
    # declared without an exception: the kernels carry on, and the engine looks afterwards
    int check_signals "PyErr_CheckSignals"()
    void *PyErr_Occurred()


cdef int interrupted() noexcept nogil:
    with gil:
        return check_signals()


cdef int raise_pending() except -1:
    return -1 if PyErr_Occurred() != NULL else 0


cdef int64_t slice_entries(const rows_job *job) noexcept nogil:
    return SLOW_SLICE if job.measure == ROWS_RENYI or job.measure == ROWS_RENYI_DIVERGENCE else SLICE


cdef int fill_operand(rows_operand *operand, Buffers buffers, spec, bint writable=False) except -1:
    """`spec`: array, dtype code, bytes swapped, batch strides, reduce strides; or None."""
    if spec is None:
        return 0
    array, code, swapped, batch_strides, reduce_strides = spec
    operand.data = <char *>buffers.address(array, writable)
    operand.dtype = code
    operand.swapped = swapped
    for d, stride in enumerate(batch_strides):
        operand.batch_strides[d] = stride
    for d, stride in enumerate(reduce_strides):
        operand.reduce_strides[d] = stride
    return 0


# What one call does to units [begin, end): tiles, or pieces of lines.
ctypedef struct task:
    const rows_table *table
    const rows_job *job
    bint mapping


cdef void do_units(const void *job, int64_t begin, int64_t end, char *scratch) noexcept nogil:
    cdef const task *t = <const task *>job
    if t.mapping:
        t.table.map(t.job, begin, end, scratch)
    elif t.job.pairs:
        t.table.pairs(t.job, begin, end, scratch)
    else:
        t.table.reduce(t.job, begin, end, scratch)


cdef int run_units(const rows_job *job, int64_t units, int64_t unit_entries, int workers, bint mapping) except -1:
    cdef task t
    t.table, t.job, t.mapping = active, job, mapping
    return run_slices(do_units, &t, units, max(1, slice_entries(job) * workers // max(1, unit_entries)),
                      active.scratch_bytes(job), workers)


cdef int run_segments(rows_job *job, int64_t tiles, int64_t segment_entries, int workers) except -1:
    """Few long rows: all segments of a tile in parallel, phase by phase, then their fold."""
    cdef const rows_table *table = active
    cdef int64_t segment_blocks = ROWS_SEGMENT_OUTER if job.lanes_are_outputs else ROWS_SEGMENT_INNER
    cdef int64_t segments = ceil_div(table.block_count(job), segment_blocks), node = table.tile_node_bytes(job)
    cdef int64_t stride = whole_lines(table.scratch_bytes(job))
    cdef int64_t slice_segments = max(workers, slice_entries(job) * workers // segment_entries)
    cdef int64_t tile, first, last, i
    cdef int phase, done
    cdef Scratch scratch = Scratch(stride * workers), nodes = Scratch(node * (segments + 1))
    cdef char *memory = scratch.memory
    cdef char *totals = nodes.memory
    cdef char *parts = totals + node
    for tile in range(tiles):
        done = 1
        for phase in range(ROWS_PHASES):
            if not table.phase_runs(job, phase):
                continue
            for first in range(0, segments, slice_segments):
                last = min(first + slice_segments, segments)
                with nogil:
                    if workers > 1:
                        for i in prange(first, last, num_threads=workers, schedule="dynamic", chunksize=1):
                            table.segment(job, tile, i, phase, totals, parts + node * i, memory + stride * threadid())
                    else:
                        for i in range(first, last):
                            table.segment(job, tile, i, phase, totals, parts + node * i, memory)
                PyErr_CheckSignals()
            with nogil:
                done = table.fold(job, tile, segments, phase, parts, totals, memory)
        if not done:
            run_tile(table, job, tile, memory)
    return 0


cdef int run_tile(const rows_table *table, rows_job *job, int64_t tile, void *scratch) except -1:
    job.interrupted = interrupted
    with nogil:
        table.reduce(job, tile, tile + 1, scratch)
    job.interrupted = NULL
    return raise_pending()


cdef int run(rows_job *job, int64_t outputs, int workers) except -1:
    cdef int64_t along = job.batch_shape[job.batch_dims - 1], lines = outputs // along, width = ROWS_TILE
    cdef int64_t blocks = active.block_count(job), tiles, tile_entries
    cdef int64_t segment_blocks = ROWS_SEGMENT_OUTER if job.lanes_are_outputs else ROWS_SEGMENT_INNER
    cdef int64_t side = active.pair_rows(job)
    if side > 0:
        return run_pairs(job, side, workers)
    if not job.lanes_are_outputs:
        # rows are done one after the other anyway: small tiles share them out evenly, and let Ctrl-C in between
        width = min(width, max(1, slice_entries(job) // job.length))
        if workers > 1:
            width = min(width, max(1, outputs // (workers * CHUNKS)))
    tiles = lines * ceil_div(along, width)
    tile_entries = job.length * min(width, along)
    if blocks > segment_blocks and (tile_entries > slice_entries(job) or (workers > 1 and tiles < 4 * workers)):
        if not job.lanes_are_outputs:
            width, tiles, tile_entries = 1, outputs, job.length
        job.tile_width = <int>width
        return run_segments(job, tiles, max(1, segment_blocks * tile_entries // blocks), workers)
    job.tile_width = <int>width
    return run_units(job, tiles, tile_entries, workers, False)


cdef int run_pairs(rows_job *job, int64_t side, int workers) except -1:
    """Square tiles of a grid of pairs, smaller ones where there would be too few to share out."""
    cdef int64_t rows = job.batch_shape[0], columns = job.batch_shape[1]
    while workers > 1 and side > SMALLEST_SIDE and ceil_div(rows, side) * ceil_div(columns, side) < workers * CHUNKS:
        side //= 2
    job.pairs = 1
    job.tile_width = <int>side
    return run_units(job, ceil_div(rows, side) * ceil_div(columns, side), side * side * job.length, workers, False)


def reduce(tuple codes, tuple numbers, tuple batch_shape, tuple reduce_shape, bint outer, tuple p, q, where, tuple out,
           int workers):
    """Reduce every row of a plan. codes: measure, grade, normalize, finish; numbers: order, weight, divisor, bound."""
    cdef rows_job job
    cdef Buffers buffers = Buffers()
    cdef int64_t outputs = 1
    memset(&job, 0, sizeof(job))
    job.measure, job.grade, job.normalize, job.finish = codes
    job.order, job.weight, job.divisor, job.bound = numbers
    fill_shapes(&job, batch_shape, reduce_shape)
    job.lanes_are_outputs = outer
    fill_operand(&job.p, buffers, p)
    fill_operand(&job.q, buffers, q)
    fill_operand(&job.where, buffers, where)
    fill_operand(&job.out, buffers, out, True)
    for n in batch_shape:
        outputs *= n
    run_shared(&job, outputs, workers, False)


cdef int fill_shapes(rows_job *job, tuple batch_shape, tuple reduce_shape) except -1:
    job.batch_dims = <int>len(batch_shape)
    job.reduce_dims = <int>len(reduce_shape)
    job.length = 1
    for d, n in enumerate(batch_shape):
        job.batch_shape[d] = n
    for d, n in enumerate(reduce_shape):
        job.reduce_shape[d] = n
        job.length *= n
    return 0


cdef int run_shared(rows_job *job, int64_t outputs, int workers, bint mapping) except -1:
    workers = enter_region(workers)
    try:
        if mapping:
            run_units(job, outputs * active.block_count(job), min(job.length, 2048), workers, True)
        else:
            run(job, outputs, workers)
    finally:
        leave_region(workers)
    return 0


def map_lines(int function, double divisor, tuple batch_shape, int64_t length, tuple p, q, where, tuple out,
              int workers):
    """Apply a function to every element of a plan."""
    cdef rows_job job
    cdef Buffers buffers = Buffers()
    cdef int64_t outputs = 1
    memset(&job, 0, sizeof(job))
    job.measure = function
    job.divisor = divisor
    job.tile_width = 1
    fill_shapes(&job, batch_shape, (length,))
    fill_operand(&job.p, buffers, p)
    fill_operand(&job.q, buffers, q)
    fill_operand(&job.where, buffers, where)
    fill_operand(&job.out, buffers, out, True)
    for n in batch_shape:
        outputs *= n
    run_shared(&job, outputs, workers, True)


def reduce_row(tuple codes, tuple numbers, int dtype, p, q):
    """One contiguous row, the call with the least overhead: returns the value as a float."""
    cdef rows_job job
    cdef Py_buffer p_view, q_view
    cdef double value = 0
    cdef Scratch scratch
    job.measure, job.grade, job.normalize, job.finish = codes
    job.order, job.weight, job.divisor, job.bound = numbers
    PyObject_GetBuffer(p, &p_view, PyBUF_FULL_RO)
    job.p.data = <char *>p_view.buf
    job.p.dtype = job.q.dtype = dtype
    job.p.swapped = job.q.swapped = 0
    job.length = job.reduce_shape[0] = p_view.shape[0]
    job.p.reduce_strides[0] = job.q.reduce_strides[0] = p_view.strides[0]
    PyBuffer_Release(&p_view)  # the caller's reference keeps the memory
    job.q.data = NULL
    if q is not None:
        PyObject_GetBuffer(q, &q_view, PyBUF_FULL_RO)
        job.q.data = <char *>q_view.buf
        PyBuffer_Release(&q_view)
    job.where.data = NULL
    job.pairs = 0
    job.interrupted = NULL
    job.out.data = <char *>&value
    job.out.dtype = ITEM_FLOAT64
    job.batch_dims = job.reduce_dims = 1
    job.batch_shape[0] = 1
    job.p.batch_strides[0] = job.q.batch_strides[0] = job.where.batch_strides[0] = job.out.batch_strides[0] = 0
    job.lanes_are_outputs = job.length < SHORT_ROW
    job.tile_width = ROWS_TILE
    scratch = Scratch(active.scratch_bytes(&job))
    active.reduce(&job, 0, 1, scratch.memory)
    return value


SHORT_ROW_LENGTH = SHORT_ROW
cdef enum:
    SHORT_ROW = 32  # shorter rows are computed side by side, lane by lane
