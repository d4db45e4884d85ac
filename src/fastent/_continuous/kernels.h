/* The continuous engine's contract between Cython and C: divergences of diagonal normals, and sums of logarithms over
 * sorted samples. Everything is validated above; nothing here can fail or allocate.
 */
#ifndef FASTENT_CONTINUOUS_KERNELS_H
#define FASTENT_CONTINUOUS_KERNELS_H

#include <stdint.h>

#define CONTINUOUS_MAX_DIMS 64
#define CONTINUOUS_BLOCK 512 /* entries that are computed at a time */

/* The arrays of a divergence between normals. */
enum normal_operand { NORMAL_MU, NORMAL_LOG_VAR, NORMAL_MU_Q, NORMAL_LOG_VAR_Q, NORMAL_INPUTS,
                      NORMAL_D_MU = NORMAL_INPUTS, NORMAL_D_LOG_VAR, NORMAL_OPERANDS };

/* All arrays broadcast to one shape, seen as batch dimensions (outputs) and reduced ones; steps in bytes. */
typedef struct {
    char *data[NORMAL_OPERANDS]; /* q's are NULL when they are two numbers, gradients when nobody asks for them */
    int64_t batch_steps[NORMAL_OPERANDS][CONTINUOUS_MAX_DIMS];
    int64_t reduce_steps[NORMAL_OPERANDS][CONTINUOUS_MAX_DIMS];
    int64_t batch_shape[CONTINUOUS_MAX_DIMS], reduce_shape[CONTINUOUS_MAX_DIMS];
    int32_t batch_dims, reduce_dims;
    int64_t length;  /* entries of an output */
    int64_t segment; /* entries that are summed apart: long rows are cut at the same places whoever computes them */
    int32_t single;  /* float32, otherwise float64 */
    int32_t lanes_are_outputs;
    double mu_q, log_var_q, precision; /* the numbers of q, and 1 / variance */
} normal_job;

#define NORMAL_SCRATCH (12 * CONTINUOUS_BLOCK * 8)

#define SAMPLE_ROOM 32 /* numbers of room behind a sample, besides its window */

/* What is summed over a sorted sample. */
enum sample_sum {
    SAMPLE_WINDOWS,   /* ln(x[i + m] - x[i - m]), indices kept within the sample */
    SAMPLE_GAPS,      /* ln(x[i + m] - x[i]) */
    SAMPLE_SLOPES,    /* ln of the slope of the regression of i on x within x[i - m] .. x[i + m] (Correa) */
    SAMPLE_NEIGHBORS, /* ln of the distance to the m-th nearest neighbour */
    SAMPLE_HISTOGRAM, /* the entropy of a histogram of m bins; m = 0: of bins `scale` times as wide as the quartiles are apart */
    SAMPLE_SUMS
};

typedef struct {
    const char *isa;
    /* Twice the divergence, added up over one segment of the outputs [begin, end). */
    void (*normal)(const normal_job *job, int64_t begin, int64_t end, int64_t segment, double *sums, void *scratch);
    /* `rows` samples of n numbers of `item` bytes, at `row_step` bytes from each other, one behind the other. */
    void (*gather)(const char *from, int64_t item, int64_t step, int64_t row_step, int64_t rows, int64_t n, void *to);
    /* One of the sums over n contiguous floats (item 4) or doubles (8) in any order, m < n but for histograms; nan if one
     * of them is. */
    double (*sample)(const void *raw, int64_t item, int64_t n, int64_t m, double scale, int sum, void *scratch);
    int64_t (*sample_scratch)(int64_t n, int64_t m, int sum);
    /* The same in parts, for samples so long that workers share them. First runs of `step` bytes from number to number are
     * put in order; returns 0 if there is a nan. x: doubles; spare: room for as many; scratch: of no numbers. */
    int (*put_in_order)(const void *raw, int64_t item, int64_t step, int64_t n, double *x, double *spare, void *scratch);
    /* Then pairs of runs are merged, the numbers [begin, end) of a pair at a time. */
    void (*merge)(const double *a, int64_t a_count, const double *b, int64_t b_count, int64_t begin, int64_t end, double *to);
    /* What is summed needs room for sample_room() numbers before x and that many and SAMPLE_ROOM behind. */
    int64_t (*sample_room)(int64_t m, int sum);
    void (*extend)(double *x, int64_t n, int64_t m, int sum);
    /* So many of the n terms are added up apart, whoever does it; then what all these parts give together. A histogram is
     * done as a whole. */
    int64_t (*sample_terms)(int64_t m, int sum);
    double (*sample_sum)(const double *x, int64_t n, int64_t m, int sum, int64_t begin, int64_t end);
    double (*sample_total)(const double *parts, int64_t count);
    double (*histogram)(const double *x, int64_t n, int64_t bins, double scale);
    /* The sum of ln(distance to the k-th nearest of y) over x, both sorted; those nearest to x[0] begin at `first` or
     * later. */
    double (*cross_neighbors)(const double *x, int64_t n, const double *y, int64_t y_count, int64_t k, int64_t first);
} continuous_table;

#endif
