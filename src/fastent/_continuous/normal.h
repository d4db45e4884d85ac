/* Kullback-Leibler divergence of diagonal normals, and its gradients.
 *
 * With d = log_var - log_var_q, twice the divergence is the sum of exp(d) - 1 - d and (mu - mu_q)^2 exp(-log_var_q): no
 * term is negative, and the first keeps its digits where the variances agree. Floats are computed in lanes of floats and
 * added up in doubles; blocks with entries that lanes of floats cannot hold are done again in doubles.
 */
#ifndef FASTENT_NORMAL_H
#define FASTENT_NORMAL_H

#include "../_simd/exp_single.h"
#include "sums.h"

/* Contiguous numbers of one block: double, or float. */
struct normal_block {
    const void *x[NORMAL_INPUTS];
    void *gradient[2];
    int64_t n;
};

struct normal_term {
    vd value, d_mu, d_log_var; /* the gradients of the divergence, and twice its value */
};

INLINE struct normal_term normal_term(vd mu, vd log_var, vd mu_q, vd log_var_q, vd precision) {
    struct normal_term term;
    vd less_one, difference = mu - mu_q;
    vd excess = vexp_excess(log_var - log_var_q, &less_one);
    term.d_mu = difference * precision;
    term.d_log_var = vset(0.5) * less_one;
    term.value = vfma(term.d_mu, difference, excess);
    return term;
}

INLINE vd load_upto(const double *p, int64_t n) { return n < VL ? vload_part(p, n) : vload(p); }

INLINE void store_upto(double *p, vd x, int64_t n) {
    if (n >= VL) {
        vstore(p, x);
        return;
    }
    double lanes[VL];
    vstore(lanes, x);
    memcpy(p, lanes, sizeof(double) * (size_t)n);
}

/* The sum of a block, or with `each` every term added to sums[i]. */
INLINE double block_of_doubles(const normal_job *job, const struct normal_block *block, double *sums, int constant,
                               int gradients, int each) {
    const double *mu = block->x[NORMAL_MU], *log_var = block->x[NORMAL_LOG_VAR];
    const double *mu_q = block->x[NORMAL_MU_Q], *log_var_q = block->x[NORMAL_LOG_VAR_Q];
    double *d_mu = block->gradient[0], *d_log_var = block->gradient[1];
    vd total[4] = {vset(0), vset(0), vset(0), vset(0)};
    for (int64_t i = 0, v = 0; i < block->n; i += VL, v++) {
        int64_t n = block->n - i;
        vd q = constant ? vset(job->mu_q) : load_upto(mu_q + i, n);
        vd width = constant ? vset(job->log_var_q) : load_upto(log_var_q + i, n);
        vd precision = constant ? vset(job->precision) : vexp_times(-width, vset(1));
        struct normal_term term = normal_term(load_upto(mu + i, n), load_upto(log_var + i, n), q, width, precision);
        if (gradients) {
            store_upto(d_mu + i, term.d_mu, n);
            store_upto(d_log_var + i, term.d_log_var, n);
        }
        if (each)
            store_upto(sums + i, load_upto(sums + i, n) + term.value, n);
        else
            total[v % 4] = total[v % 4] + (n < VL ? vpad(term.value, n, 0) : term.value);
    }
    return sum_lanes((total[0] + total[1]) + (total[2] + total[3]));
}

#if defined(VEC_SINGLE)

/* Beyond these, powers and squares leave the range of floats. */
#define SINGLE_LOG_VAR 80.0f
#define SINGLE_MU 1e15f

INLINE vs sload_upto(const float *p, int64_t n) { return n < SL ? sload_part(p, n) : sload(p); }

INLINE void sstore_upto(float *p, vs x, int64_t n) {
    if (n >= SL)
        *(vs_unaligned *)p = x;
    else
        memcpy(p, &x, sizeof(float) * (size_t)n);
}

/* As above; *extreme is set where the block has to be done in doubles, and then nothing was added. */
INLINE double block_of_floats(const normal_job *job, const struct normal_block *block, double *sums, int constant,
                              int gradients, int *extreme) {
    const float *mu = block->x[NORMAL_MU], *log_var = block->x[NORMAL_LOG_VAR];
    const float *mu_q = block->x[NORMAL_MU_Q], *log_var_q = block->x[NORMAL_LOG_VAR_Q];
    float *d_mu = block->gradient[0], *d_log_var = block->gradient[1];
    const vs reach = sset(SINGLE_LOG_VAR), mu_reach = sset(SINGLE_MU), nothing = sset(0);
    vd total[4] = {vset(0), vset(0), vset(0), vset(0)};
    sm bad = slt(nothing, nothing);
    for (int64_t i = 0, v = 0; i < block->n; i += SL, v++) {
        int64_t n = block->n - i;
        vs q = constant ? sset((float)job->mu_q) : sload_upto(mu_q + i, n);
        vs width = constant ? sset((float)job->log_var_q) : sload_upto(log_var_q + i, n);
        vs x = sload_upto(mu + i, n), s = sload_upto(log_var + i, n);
        if (n < SL && constant) { /* what is behind the end equals q */
            x = spad(x, n, (float)job->mu_q);
            s = spad(s, n, (float)job->log_var_q);
        }
        vs difference = x - q, d = s - width, less_one;
        bad = (sm)(bad | (sm)~(slt(sabs(d), reach) & slt(sabs(difference), mu_reach) & slt(sabs(width), reach)));
        vs precision = constant ? sset((float)job->precision) : sexp(-width);
        vs excess = sexp_excess(d, &less_one), slope = difference * precision;
        vs value = sfma(slope, difference, excess);
        if (gradients) {
            sstore_upto(d_mu + i, slope, n);
            sstore_upto(d_log_var + i, sset(0.5f) * less_one, n);
        }
        if (sums) {
            double lanes[SL];
            vstore(lanes, swiden(value, 0));
            vstore(lanes + VL, swiden(value, 1));
            memcpy(sums + i, lanes, sizeof(double) * (size_t)(n < SL ? n : SL));
        } else {
            total[v % 2] = total[v % 2] + swiden(value, 0);
            total[2 + v % 2] = total[2 + v % 2] + swiden(value, 1);
        }
    }
    *extreme = sany(bad);
    return sum_lanes((total[0] + total[1]) + (total[2] + total[3]));
}
#endif

#define INSTANCE(constant, gradients)                                                                               \
    static double doubles_##constant##gradients(const normal_job *job, const struct normal_block *b, double *sums) { \
        return sums ? block_of_doubles(job, b, sums, constant, gradients, 1)                                        \
                    : block_of_doubles(job, b, sums, constant, gradients, 0);                                       \
    }
INSTANCE(0, 0)
INSTANCE(0, 1)
INSTANCE(1, 0)
INSTANCE(1, 1)
#undef INSTANCE

static double doubles(const normal_job *job, const struct normal_block *block, double *sums) {
    static double (*const kernels[2][2])(const normal_job *, const struct normal_block *, double *) = {
        {doubles_00, doubles_01}, {doubles_10, doubles_11}};
    return kernels[block->x[NORMAL_MU_Q] == NULL][block->gradient[0] != NULL](job, block, sums);
}

/* A block of floats, in doubles. `spare` has room for six blocks. */
static double widened(const normal_job *job, const struct normal_block *block, double *sums, double *spare) {
    struct normal_block wide = {.n = block->n};
    for (int o = 0; o < NORMAL_INPUTS; o++) {
        const float *from = block->x[o];
        double *to = spare + o * CONTINUOUS_BLOCK;
        for (int64_t i = 0; from && i < block->n; i++)
            to[i] = from[i];
        wide.x[o] = from ? to : NULL;
    }
    for (int g = 0; g < 2; g++)
        wide.gradient[g] = block->gradient[g] ? spare + (NORMAL_INPUTS + g) * CONTINUOUS_BLOCK : NULL;
    double sum = doubles(job, &wide, sums);
    for (int g = 0; g < 2; g++) {
        const double *from = wide.gradient[g];
        float *to = block->gradient[g];
        for (int64_t i = 0; from && i < block->n; i++)
            to[i] = (float)from[i];
    }
    return sum;
}

static double floats(const normal_job *job, const struct normal_block *block, double *sums, double *spare) {
#if defined(VEC_SINGLE)
    double terms[CONTINUOUS_BLOCK], sum;
    double *each = sums ? terms : NULL;
    int extreme;
    switch ((block->x[NORMAL_MU_Q] == NULL) * 2 + (block->gradient[0] != NULL)) {
        case 0: sum = block_of_floats(job, block, each, 0, 0, &extreme); break;
        case 1: sum = block_of_floats(job, block, each, 0, 1, &extreme); break;
        case 2: sum = block_of_floats(job, block, each, 1, 0, &extreme); break;
        default: sum = block_of_floats(job, block, each, 1, 1, &extreme);
    }
    if (!extreme) {
        for (int64_t i = 0; sums && i < block->n; i++)
            sums[i] += terms[i];
        return sum;
    }
#endif
    return widened(job, block, sums, spare);
}

/* ---- where the numbers are ---- */

/* Adds to each operand's offset where entry `index` of these dimensions lies. */
INLINE void add_offsets(const int64_t *shape, const int64_t (*steps)[CONTINUOUS_MAX_DIMS], int dims, int64_t index,
                        int64_t *offsets) {
    for (int d = dims - 1; d >= 0; d--) {
        int64_t position = d ? index % shape[d] : index;
        index = d ? index / shape[d] : 0;
        for (int o = 0; o < NORMAL_OPERANDS; o++)
            offsets[o] += position * steps[o][d];
    }
}

/* One block along dimension d of `steps`: made contiguous where it is not, computed, gradients put in their places. */
static double line_block(const normal_job *job, const int64_t *offsets, const int64_t (*steps)[CONTINUOUS_MAX_DIMS], int d,
                         int64_t n, double *sums, double *scratch) {
    struct normal_block block = {.n = n};
    const int64_t item = job->single ? 4 : 8;
    for (int o = 0; o < NORMAL_OPERANDS; o++) {
        if (!job->data[o])
            continue;
        char *at = job->data[o] + offsets[o], *buffer = (char *)(scratch + o * CONTINUOUS_BLOCK);
        int scattered = steps[o][d] != item && n > 1;
        if (scattered && o < NORMAL_INPUTS)
            for (int64_t i = 0; i < n; i++)
                memcpy(buffer + i * item, at + i * steps[o][d], (size_t)item);
        if (o < NORMAL_INPUTS)
            block.x[o] = scattered ? buffer : at;
        else
            block.gradient[o - NORMAL_D_MU] = scattered ? buffer : at;
    }
    double sum = job->single ? floats(job, &block, sums, scratch + NORMAL_OPERANDS * CONTINUOUS_BLOCK)
                             : doubles(job, &block, sums);
    for (int o = NORMAL_D_MU; o < NORMAL_OPERANDS; o++) {
        const char *from = block.gradient[o - NORMAL_D_MU];
        char *to = job->data[o] ? job->data[o] + offsets[o] : NULL;
        for (int64_t i = 0; to && from != to && i < n; i++)
            memcpy(to + i * steps[o][d], from + i * item, (size_t)item);
    }
    return sum;
}

/* The entries [first, last) of one output. */
static double reduce_entries(const normal_job *job, const int64_t *start, int64_t first, int64_t last, double *scratch) {
    int along = job->reduce_dims - 1;
    int64_t line = job->reduce_shape[along];
    vd sum = vset(0), lost = vset(0), error;
    for (int64_t i = first, n; i < last; i += n) {
        int64_t offsets[NORMAL_OPERANDS], rest = line - i % line;
        n = last - i < rest ? last - i : rest;
        n = n < CONTINUOUS_BLOCK ? n : CONTINUOUS_BLOCK;
        memcpy(offsets, start, sizeof(offsets));
        add_offsets(job->reduce_shape, job->reduce_steps, job->reduce_dims, i, offsets);
        sum = vtwo_sum(sum, vset(line_block(job, offsets, job->reduce_steps, along, n, NULL, scratch)), &error);
        lost = lost + error;
    }
    double total = vlane(sum, 0);
    /* an infinite total has a meaningless rest */
    return total < __builtin_inf() ? total + vlane(lost, 0) : total;
}

/* Whether rows are single blocks, contiguous in every array. */
static int are_short_rows(const normal_job *job) {
    if (job->lanes_are_outputs || job->reduce_dims > 1 || job->length > CONTINUOUS_BLOCK)
        return 0;
    for (int o = 0; o < NORMAL_OPERANDS; o++)
        if (job->data[o] && job->reduce_steps[o][0] != (job->single ? 4 : 8) && job->length > 1)
            return 0;
    return 1;
}

/* n such rows along the last batch dimension: nothing is looked up between them. */
static void short_rows(const normal_job *job, const int64_t *start, int64_t n, double *sums, double *spare) {
    struct normal_block block = {.n = job->length};
    int64_t offsets[NORMAL_OPERANDS];
    memcpy(offsets, start, sizeof(offsets));
    for (int64_t i = 0; i < n; i++) {
        for (int o = 0; o < NORMAL_OPERANDS; o++) {
            char *at = job->data[o] ? job->data[o] + offsets[o] : NULL;
            if (o < NORMAL_INPUTS)
                block.x[o] = at;
            else
                block.gradient[o - NORMAL_D_MU] = at;
            offsets[o] += job->batch_steps[o][job->batch_dims - 1];
        }
        sums[i] = job->single ? floats(job, &block, NULL, spare) : doubles(job, &block, NULL);
    }
}

static void normal(const normal_job *job, int64_t begin, int64_t end, int64_t segment, double *sums, void *scratch) {
    int64_t first = segment * job->segment, last = first + job->segment;
    int along = job->batch_dims - 1;
    int64_t line = job->batch_shape[along];
    last = last < job->length ? last : job->length;
    int direct = are_short_rows(job);
    for (int64_t output = begin, n; output < end; output += n) {
        int64_t start[NORMAL_OPERANDS] = {0};
        add_offsets(job->batch_shape, job->batch_steps, job->batch_dims, output, start);
        n = end - output < line - output % line ? end - output : line - output % line;
        if (direct) {
            short_rows(job, start, n, sums + (output - begin), scratch);
            continue;
        }
        if (!job->lanes_are_outputs) {
            sums[output - begin] = reduce_entries(job, start, first, last, scratch);
            n = 1;
            continue;
        }
        n = n < CONTINUOUS_BLOCK ? n : CONTINUOUS_BLOCK;
        memset(sums + (output - begin), 0, sizeof(double) * (size_t)n);
        for (int64_t i = first; i < last; i++) {
            int64_t offsets[NORMAL_OPERANDS];
            memcpy(offsets, start, sizeof(offsets));
            add_offsets(job->reduce_shape, job->reduce_steps, job->reduce_dims, i, offsets);
            line_block(job, offsets, job->batch_steps, along, n, sums + (output - begin), scratch);
        }
    }
}

#endif
