"""The logits engine: from a plan's arrays and integers to kernel calls, in parallel over rows.

A row is done by one thread from beginning to end: its bits depend neither on the workers nor on the other rows. Long
calls come back to Python between slices of work, so that Ctrl-C is honoured.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from fastent._engine cimport Buffers, Tables, ceil_div, run_slices, tables_of
from fastent._openmp cimport enter_region, leave_region

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
    const void **logits_tables()

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

cdef Tables tables = tables_of(logits_tables())
cdef const logits_table *active = <const logits_table *>tables.best()
isas = tables.isas


def use_isa(str name):
    """Compute with the kernels of one instruction set from now on."""
    global active
    active = <const logits_table *>tables.named(name)


# What one call does to units [begin, end): rows, or pieces of elements.
ctypedef struct task:
    const logits_table *table
    const logits_job *rows
    const binary_job *binary
    const members_job *members
    int64_t count
    int64_t *places


cdef void do_units(const void *job, int64_t begin, int64_t end, char *scratch) noexcept nogil:
    cdef const task *t = <const task *>job
    if t.binary != NULL:
        t.table.binary(t.binary, begin, end)
    elif t.members != NULL:
        t.table.members(t.members, begin, end, scratch)
    elif t.places != NULL:
        t.table.largest(t.rows, t.count, t.places, begin, end, scratch)
    else:
        t.table.rows(t.rows, begin, end, scratch)


cdef int run(const task *t, int64_t units, int64_t unit_entries, int64_t scratch_bytes, int workers) except -1:
    workers = enter_region(workers)
    try:
        run_slices(do_units, t, units, max(workers, <int64_t>SLICE * workers // max(1, unit_entries)), scratch_bytes,
                   workers)
    finally:
        leave_region(workers)
    return 0


cdef int fill_operand(logits_operand *operand, Buffers buffers, spec, bint writable=False) except -1:
    """`spec`: array, dtype code, bytes swapped, batch strides, stride along the rows; or None."""
    if spec is None:
        return 0
    array, code, swapped, batch_strides, along = spec
    operand.data = <char *>buffers.address(array, writable)
    operand.dtype = code
    operand.swapped = swapped
    operand.along = along
    for d, stride in enumerate(batch_strides):
        operand.batch_strides[d] = stride
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
    cdef Buffers buffers = Buffers()
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


cdef int fill_rows(logits_job *job, Buffers buffers, tuple codes, tuple numbers, tuple batch_shape, int64_t length,
                   tuple arrays) except -1:
    job.value, job.mapping, job.finish, job.values_dtype = codes
    job.smoothing, job.inverse_high, job.inverse_low, job.divisor, job.map_scale = numbers
    job.batch_dims = <int>len(batch_shape)
    for d, n in enumerate(batch_shape):
        job.batch_shape[d] = n
    job.length = length
    fill_operand(&job.z, buffers, arrays[0])
    fill_operand(&job.u, buffers, arrays[1])
    fill_operand(&job.map, buffers, arrays[2], True)
    fill_operand(&job.diagonal, buffers, arrays[3], True)
    return 0


def largest(tuple codes, tuple numbers, tuple batch_shape, int64_t length, tuple arrays, values, places, int64_t count,
            int workers):
    """The `count` largest log-probabilities of each row, and their places."""
    cdef logits_job job
    cdef task t
    cdef Buffers buffers = Buffers()
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
    cdef Buffers buffers = Buffers()
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
    run(&t, ceil_div(count, LOGITS_PIECE), LOGITS_PIECE, 64, workers)


def members(tuple spec, bint logits, int64_t members, int64_t rows, int64_t classes, int dtype, dict values,
            double divisor, int workers):
    """Uncertainties of an ensemble: `values` has an array of one number per row for each name of MEMBERS wanted."""
    cdef members_job job
    cdef task t
    cdef Buffers buffers = Buffers()
    memset(&job, 0, sizeof(job))
    memset(&t, 0, sizeof(t))
    fill_operand(&job.p, buffers, spec)
    job.logits, job.members, job.classes, job.values_dtype, job.divisor = logits, members, classes, dtype, divisor
    for name, array in values.items():
        job.values[<int>MEMBERS[name]] = buffers.address(array, True)
    t.table, t.members = active, &job
    run(&t, rows, members * classes, active.members_scratch(&job), workers)
