"""The logits engine: from a plan's arrays and integers to kernel calls, in parallel over rows.

A row is done by one thread from beginning to end: its bits depend neither on the workers nor on the other rows. Long
calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from cpython.buffer cimport PyBUF_FULL_RO, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset

from fastent import _openmp

cdef extern from "kernels.h" nogil:
    enum:
        LOGITS_MAX_DIMS, LOGITS_PIECE, MEMBERS_VALUES
        LOGITS_LOG_SUM_EXP, LOGITS_ENTROPY, LOGITS_LABEL_LOSS, LOGITS_TARGET_LOSS, LOGITS_CROSS_ENTROPY, LOGITS_KL
        LOGITS_JS
        LOGITS_NOTHING, LOGITS_SOFTMAX, LOGITS_LOG_SOFTMAX, LOGITS_GRADIENT, LOGITS_GRADIENT_FIRST
        LOGITS_AS_IT_IS, LOGITS_EXP, LOGITS_SQRT
        MEMBERS_TOTAL, MEMBERS_ALEATORIC, MEMBERS_EPISTEMIC, MEMBERS_MARGIN, MEMBERS_LEAST_CONFIDENCE
        MEMBERS_VARIATION_RATIO, MEMBERS_VOTE_ENTROPY

    ctypedef struct logits_operand:
        char *data
        int dtype, swapped
        int64_t along
        int64_t batch_strides[LOGITS_MAX_DIMS]

    ctypedef struct logits_job:
        logits_operand z, u, map, diagonal
        int batch_dims
        int64_t batch_shape[LOGITS_MAX_DIMS]
        int64_t length
        int value, mapping, finish
        void *values
        int values_dtype
        const int64_t *labels
        const double *row_weights
        const double *class_weights
        const float *class_weights_float
        double class_weight_sum, smoothing, inverse_high, inverse_low, divisor, map_scale

    ctypedef struct binary_job:
        const char *z
        const char *y
        const double *pos_weight
        const double *weight
        int64_t pos_weights, first
        int is_double
        char *loss
        char *gradient
        char *diagonal
        double *sums
        double divisor, map_scale
        int64_t count

    ctypedef struct members_job:
        logits_operand p
        int64_t members, classes
        int logits
        int values_dtype
        void *values[MEMBERS_VALUES]
        double divisor

    ctypedef struct logits_table:
        const char *isa
        void rows(const logits_job *, int64_t, int64_t, void *) noexcept nogil
        int64_t rows_scratch(const logits_job *) noexcept nogil
        void largest(const logits_job *, int64_t, int64_t *, int64_t, int64_t, void *) noexcept nogil
        int64_t largest_scratch(const logits_job *, int64_t) noexcept nogil
        void binary(const binary_job *, int64_t, int64_t) noexcept nogil
        void members(const members_job *, int64_t, int64_t, void *) noexcept nogil
        int64_t members_scratch(const members_job *) noexcept nogil

cdef extern from "tables.h" nogil:
    enum:
        MAX_TABLES
    int logits_tables(const logits_table **)

# The one place where C's numbers get names in Python.
VALUES = {
    "log_sum_exp": LOGITS_LOG_SUM_EXP, "entropy": LOGITS_ENTROPY, "label_loss": LOGITS_LABEL_LOSS,
    "target_loss": LOGITS_TARGET_LOSS, "cross_entropy": LOGITS_CROSS_ENTROPY, "kl": LOGITS_KL, "js": LOGITS_JS,
}
MAPS = {
    "nothing": LOGITS_NOTHING, "softmax": LOGITS_SOFTMAX, "log_softmax": LOGITS_LOG_SOFTMAX,
    "gradient": LOGITS_GRADIENT, "gradient_first": LOGITS_GRADIENT_FIRST,
}
FINISHES = {"as_it_is": LOGITS_AS_IT_IS, "exp": LOGITS_EXP, "sqrt": LOGITS_SQRT}
MEMBERS = {
    "total": MEMBERS_TOTAL, "aleatoric": MEMBERS_ALEATORIC, "epistemic": MEMBERS_EPISTEMIC, "margin": MEMBERS_MARGIN,
    "least_confidence": MEMBERS_LEAST_CONFIDENCE, "variation_ratio": MEMBERS_VARIATION_RATIO,
    "vote_entropy": MEMBERS_VOTE_ENTROPY,
}
PIECE = LOGITS_PIECE

cdef enum:
    SLICE = 1 << 22  # entries per worker between looks at Ctrl-C
    CHUNKS = 8       # pieces per worker of a slice, so that an interrupted core delays the others little

cdef const logits_table *tables[MAX_TABLES]
cdef int table_count = logits_tables(tables)
cdef const logits_table *active = tables[table_count - 1]


def isas():
    """Names of the instruction sets that can be used here, lowest first."""
    return tuple([tables[i].isa.decode() for i in range(table_count)])


def use_isa(str name):
    """Compute with the kernels of one instruction set from now on."""
    global active
    for i in range(table_count):
        if tables[i].isa.decode() == name:
            active = tables[i]
            return
    raise ValueError(f"the instruction set {name!r} is not available here; these are: {', '.join(isas())}")


cdef class _Buffers:
    """The buffers of a call's arrays, held while it runs."""
    cdef Py_buffer views[16]
    cdef int held

    cdef void *address(self, array, bint writable=False) except? NULL:
        """Where the array's numbers begin; NULL for None."""
        if array is None:
            return NULL
        PyObject_GetBuffer(array, &self.views[self.held], PyBUF_FULL_RO | (PyBUF_WRITABLE if writable else 0))
        self.held += 1
        return self.views[self.held - 1].buf

    cdef int fill(self, logits_operand *operand, spec, bint writable=False) except -1:
        """`spec`: array, dtype code, bytes swapped, batch strides, stride along the rows; or None."""
        if spec is None:
            return 0
        array, code, swapped, batch_strides, along = spec
        operand.data = <char *>self.address(array, writable)
        operand.dtype = code
        operand.swapped = swapped
        operand.along = along
        for d, stride in enumerate(batch_strides):
            operand.batch_strides[d] = stride
        return 0

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])


cdef class _Scratch:
    """Memory of a call, aligned for vectors, a piece for each worker."""
    cdef void *memory
    cdef char *aligned
    cdef int64_t stride

    def __cinit__(self, int64_t size, int workers):
        self.stride = (size + 63) & ~63
        self.memory = PyMem_RawMalloc(<size_t>(self.stride * workers + 64))
        if self.memory == NULL:
            raise MemoryError
        self.aligned = <char *>((<uintptr_t>self.memory + 63) & ~<uintptr_t>63)

    def __dealloc__(self):
        PyMem_RawFree(self.memory)


cdef inline int64_t piece(int64_t total, int64_t number, int64_t count) noexcept nogil:
    """Where piece `number` of `count` begins."""
    return total // count * number + min(total % count, number)


# What one call does to units [begin, end): rows, or pieces of elements.
ctypedef struct task:
    const logits_table *table
    const logits_job *rows
    const binary_job *binary
    const members_job *members
    int64_t count
    int64_t *places


cdef void do_units(const task *t, int64_t begin, int64_t end, void *scratch) noexcept nogil:
    if t.binary != NULL:
        t.table.binary(t.binary, begin, end)
    elif t.members != NULL:
        t.table.members(t.members, begin, end, scratch)
    elif t.places != NULL:
        t.table.largest(t.rows, t.count, t.places, begin, end, scratch)
    else:
        t.table.rows(t.rows, begin, end, scratch)


cdef int run(const task *t, int64_t units, int64_t unit_entries, int64_t scratch_bytes, int workers) except -1:
    """Slice by slice, each shared out among the workers. One parallel region at a time: whoever comes second computes
    serially."""
    cdef bint region = workers > 1 and _openmp.enter()
    cdef int64_t first, count, chunks, i, slice_units
    cdef _Scratch scratch
    cdef char *memory
    cdef int64_t stride
    if not region:
        workers = 1
    try:
        scratch = _Scratch(scratch_bytes, workers)
        memory, stride = scratch.aligned, scratch.stride
        slice_units = max(workers, <int64_t>SLICE * workers // max(1, unit_entries))
        for first in range(0, units, slice_units):
            count = min(slice_units, units - first)
            chunks = min(count, workers * CHUNKS)
            with nogil:
                if workers > 1:
                    for i in prange(chunks, num_threads=workers, schedule="dynamic", chunksize=1):
                        do_units(t, first + piece(count, i, chunks), first + piece(count, i + 1, chunks),
                                 memory + stride * threadid())
                else:
                    do_units(t, first, first + count, memory)
            if first + count < units:
                PyErr_CheckSignals()
    finally:
        if region:
            _openmp.leave()
    return 0


def rows(tuple codes, tuple numbers, tuple batch_shape, int64_t length, tuple arrays, tuple per_row,
         tuple per_class, int workers):
    """Numbers of rows, and of their entries.

    codes: value, map, finish, dtype of the values; numbers: smoothing, 1/T in two parts, divisor, scale of the map;
    arrays: specs of z, u, map, diagonal; per_row: values, labels, weights; per_class: weights, the same as
    float32, their sum.
    """
    cdef logits_job job
    cdef task t
    cdef _Buffers buffers = _Buffers()
    cdef int64_t units = 1
    memset(&job, 0, sizeof(job))
    memset(&t, 0, sizeof(t))
    fill_rows(&job, buffers, codes, numbers, batch_shape, length, arrays)
    job.values = buffers.address(per_row[0], True)
    job.labels = <const int64_t *>buffers.address(per_row[1])
    job.row_weights = <const double *>buffers.address(per_row[2])
    job.class_weights = <const double *>buffers.address(per_class[0])
    job.class_weights_float = <const float *>buffers.address(per_class[1])
    job.class_weight_sum = per_class[2]
    for n in batch_shape:
        units *= n
    t.table, t.rows = active, &job
    run(&t, units, length, active.rows_scratch(&job), workers)


cdef int fill_rows(logits_job *job, _Buffers buffers, tuple codes, tuple numbers, tuple batch_shape, int64_t length,
                   tuple arrays) except -1:
    job.value, job.mapping, job.finish, job.values_dtype = codes
    job.smoothing, job.inverse_high, job.inverse_low, job.divisor, job.map_scale = numbers
    job.batch_dims = <int>len(batch_shape)
    for d, n in enumerate(batch_shape):
        job.batch_shape[d] = n
    job.length = length
    buffers.fill(&job.z, arrays[0])
    buffers.fill(&job.u, arrays[1])
    buffers.fill(&job.map, arrays[2], True)
    buffers.fill(&job.diagonal, arrays[3], True)
    return 0


def largest(tuple codes, tuple numbers, tuple batch_shape, int64_t length, tuple arrays, values, places, int64_t count,
            int workers):
    """The `count` largest log-probabilities of each row, and their places."""
    cdef logits_job job
    cdef task t
    cdef _Buffers buffers = _Buffers()
    cdef int64_t units = 1
    memset(&job, 0, sizeof(job))
    memset(&t, 0, sizeof(t))
    fill_rows(&job, buffers, codes, numbers, batch_shape, length, arrays)
    job.values = buffers.address(values, True)
    for n in batch_shape:
        units *= n
    t.table, t.rows, t.count, t.places = active, &job, count, <int64_t *>buffers.address(places, True)
    run(&t, units, length, active.largest_scratch(&job, count), workers)


def binary(bint is_double, int64_t count, tuple inputs, int64_t pos_weights, int64_t first, tuple outputs,
           double divisor, double map_scale, int workers):
    """Losses of independent binary targets, element `first` of a larger array and those behind it.

    inputs: z, y, pos_weight, weight; outputs: loss, gradient, diagonal, sums of pieces.
    """
    cdef binary_job job
    cdef task t
    cdef _Buffers buffers = _Buffers()
    memset(&t, 0, sizeof(t))
    job.is_double, job.count, job.pos_weights, job.first = is_double, count, pos_weights, first
    job.divisor, job.map_scale = divisor, map_scale
    job.z = <const char *>buffers.address(inputs[0])
    job.y = <const char *>buffers.address(inputs[1])
    job.pos_weight = <const double *>buffers.address(inputs[2])
    job.weight = <const double *>buffers.address(inputs[3])
    job.loss = <char *>buffers.address(outputs[0], True)
    job.gradient = <char *>buffers.address(outputs[1], True)
    job.diagonal = <char *>buffers.address(outputs[2], True)
    job.sums = <double *>buffers.address(outputs[3], True)
    t.table, t.binary = active, &job
    run(&t, (count + LOGITS_PIECE - 1) // LOGITS_PIECE, LOGITS_PIECE, 64, workers)


def members(tuple spec, bint logits, int64_t members, int64_t rows, int64_t classes, int dtype, dict values,
            double divisor, int workers):
    """Uncertainties of an ensemble: `values` has an array of one number per row for each name of MEMBERS wanted."""
    cdef members_job job
    cdef task t
    cdef _Buffers buffers = _Buffers()
    memset(&job, 0, sizeof(job))
    memset(&t, 0, sizeof(t))
    buffers.fill(&job.p, spec)
    job.logits, job.members, job.classes, job.values_dtype, job.divisor = logits, members, classes, dtype, divisor
    for name, array in values.items():
        job.values[<int>MEMBERS[name]] = buffers.address(array, True)
    t.table, t.members = active, &job
    run(&t, rows, members * classes, active.members_scratch(&job), workers)
