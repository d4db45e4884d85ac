/* The logits engine's contract between Cython and C: a job describes arrays and what is wanted of their rows, a table holds
 * the kernels of one instruction set. Everything is validated above; nothing here can fail or allocate.
 *
 * z is a row of logits, T the temperature, a = softmax(z / T). u is a second array of the same shape: logits, or targets.
 */
#ifndef FASTENT_LOGITS_KERNELS_H
#define FASTENT_LOGITS_KERNELS_H

#include <stdint.h>

#include "../_simd/dtypes.h"

#define LOGITS_MAX_DIMS 64

/* The number of a row. */
enum logits_value {
    LOGITS_LOG_SUM_EXP,
    LOGITS_ENTROPY,
    LOGITS_LABEL_LOSS,    /* cross-entropy from a label, smoothed and weighted */
    LOGITS_TARGET_LOSS,   /* cross-entropy from the targets in u, smoothed and weighted */
    LOGITS_CROSS_ENTROPY, /* from softmax(u / T) */
    LOGITS_KL,            /* of a and softmax(u / T) */
    LOGITS_JS,
    LOGITS_VALUES
};

/* What is written for every entry. */
enum logits_map {
    LOGITS_NOTHING,
    LOGITS_SOFTMAX,
    LOGITS_LOG_SOFTMAX,
    LOGITS_GRADIENT,       /* of the value, by z; of KL and JS by u */
    LOGITS_GRADIENT_FIRST, /* of KL and JS by z */
    LOGITS_MAPS
};

enum logits_finish { LOGITS_AS_IT_IS, LOGITS_EXP, LOGITS_SQRT };

/* Strides in bytes. */
typedef struct {
    char *data; /* NULL when absent */
    int32_t dtype, swapped;
    int64_t along; /* between the entries of a row */
    int64_t batch_strides[LOGITS_MAX_DIMS];
} logits_operand;

typedef struct {
    logits_operand z, u, map, diagonal; /* the last two: written */
    int32_t batch_dims;
    int64_t batch_shape[LOGITS_MAX_DIMS];
    int64_t length; /* entries of a row */
    int32_t value, mapping, finish;
    /* one per row, in C order; NULL when absent */
    void *values;
    int32_t values_dtype;
    const int64_t *labels;    /* -1: the row is left out, never read */
    const double *row_weights;
    /* one per class, NULL when absent; their sum, and the same numbers as floats */
    const double *class_weights;
    const float *class_weights_float;
    double class_weight_sum;
    double smoothing;
    double inverse_high, inverse_low; /* 1/T to twice the digits */
    double divisor;                   /* ln(base) */
    double map_scale;                 /* of gradients, beside the row's weight */
} logits_job;

/* Losses of independent binary targets: element by element, or added up over pieces of rows. */
typedef struct {
    const char *z, *y;                       /* doubles or floats, contiguous */
    const double *pos_weight, *weight;       /* NULL when absent */
    int64_t pos_weights;                     /* length of pos_weight, which repeats */
    int64_t first;                           /* where in that cycle the elements begin */
    int32_t is_double;
    char *loss;                              /* NULL, or an element each */
    char *gradient, *diagonal;               /* NULL, or an element each */
    double *sums;                            /* NULL, or the loss of every piece of LOGITS_PIECE elements */
    double divisor, map_scale;
    int64_t count;
} binary_job;

#define LOGITS_PIECE 4096

/* Members of an ensemble: arrays (members, rows, classes) of logits or of probabilities. */
enum members_value {
    MEMBERS_TOTAL, MEMBERS_ALEATORIC, MEMBERS_EPISTEMIC, MEMBERS_MARGIN, MEMBERS_LEAST_CONFIDENCE, MEMBERS_VARIATION_RATIO,
    MEMBERS_VOTE_ENTROPY, MEMBERS_VALUES
};

typedef struct {
    logits_operand p;   /* batch_strides: of members, of rows */
    int64_t members, classes;
    int32_t logits;
    int32_t values_dtype;
    void *values[MEMBERS_VALUES]; /* one per row each, NULL where not wanted */
    double divisor;
} members_job;

/* Everything gets scratch memory of its *_scratch, one piece for each thread. */
typedef struct {
    const char *isa;
    void (*rows)(const logits_job *job, int64_t begin, int64_t end, void *scratch);
    int64_t (*rows_scratch)(const logits_job *job);
    /* The `count` largest entries of each row, largest first: their log-probabilities and places. */
    void (*largest)(const logits_job *job, int64_t count, int64_t *places, int64_t begin, int64_t end, void *scratch);
    int64_t (*largest_scratch)(const logits_job *job, int64_t count);
    void (*binary)(const binary_job *job, int64_t piece_begin, int64_t piece_end);
    void (*members)(const members_job *job, int64_t begin, int64_t end, void *scratch);
    int64_t (*members_scratch)(const members_job *job);
} logits_table;

#endif
