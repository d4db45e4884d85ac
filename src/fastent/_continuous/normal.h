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

/* What is read after some blocks, of an address that need not exist. Measured on one AVX-512 core, float32 from memory:
 * 0.60 ns per component with it, 1.26 without. */
#define AHEAD 4096
INLINE void look_ahead(const void *p) {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch((const char *)p + AHEAD);
#else
    (void)p;
#endif
}

INLINE vd load_upto(const double *p, int64_t n) { return n < VL ? vload_part(p, n) : vload(p); }

INLINE void store_upto(double *p, vd x, int64_t n) {
    if (n >= VL) {
        vstore(p, x);
        return;
    }
    double lanes[VL];
    vstore(lanes, x);
    for (int64_t i = 0; i < n; i++)
        memcpy(p + i, lanes + i, sizeof(double));
}

/* The sum of a block, or every term apart. */
INLINE double block_of_doubles(const normal_job *job, const struct normal_block *block, double *terms, int constant,
                               int gradients, int each) {
    const double *mu = block->x[NORMAL_MU], *log_var = block->x[NORMAL_LOG_VAR];
    const double *mu_q = block->x[NORMAL_MU_Q], *log_var_q = block->x[NORMAL_LOG_VAR_Q];
    double *d_mu = block->gradient[0], *d_log_var = block->gradient[1];
    vd total[4] = {vset(0), vset(0), vset(0), vset(0)};
    for (int64_t i = 0, v = 0; i < block->n; i += VL, v++) {
        int64_t n = block->n - i;
        look_ahead(mu + i);
        look_ahead(log_var + i);
        vd q = constant ? vset(job->mu_q) : load_upto(mu_q + i, n);
        vd width = constant ? vset(job->log_var_q) : load_upto(log_var_q + i, n);
        vd precision = constant ? vset(job->precision) : vexp_times(-width, vset(1));
        struct normal_term term = normal_term(load_upto(mu + i, n), load_upto(log_var + i, n), q, width, precision);
        if (gradients) {
            store_upto(d_mu + i, term.d_mu, n);
            store_upto(d_log_var + i, term.d_log_var, n);
        }
        if (each)
            store_upto(terms + i, term.value, n);
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

/* As above; *extreme is set where entries have to be done in doubles. */
INLINE double block_of_floats(const normal_job *job, const struct normal_block *block, double *terms, int constant,
                              int gradients, int each, int *extreme) {
    const float *mu = block->x[NORMAL_MU], *log_var = block->x[NORMAL_LOG_VAR];
    const float *mu_q = block->x[NORMAL_MU_Q], *log_var_q = block->x[NORMAL_LOG_VAR_Q];
    float *d_mu = block->gradient[0], *d_log_var = block->gradient[1];
    const vs reach = sset(SINGLE_LOG_VAR), mu_reach = sset(SINGLE_MU), nothing = sset(0);
    vd total[4] = {vset(0), vset(0), vset(0), vset(0)};
    sm bad = slt(nothing, nothing);
    for (int64_t i = 0, v = 0; i < block->n; i += SL, v++) {
        int64_t n = block->n - i;
        look_ahead(mu + i);
        look_ahead(log_var + i);
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
        if (each) {
            store_upto(terms + i, swiden(value, 0), n);
            if (n > VL)
                store_upto(terms + i + VL, swiden(value, 1), n - VL);
        } else {
            total[v % 2] = total[v % 2] + swiden(value, 0);
            total[2 + v % 2] = total[2 + v % 2] + swiden(value, 1);
        }
    }
    *extreme = sany(bad);
    return sum_lanes((total[0] + total[1]) + (total[2] + total[3]));
}
#endif

/* Which instance of a loop: q as two numbers, gradients, terms apart. */
INLINE int instance(const struct normal_block *block, const double *terms) {
    return (block->x[NORMAL_MU_Q] == NULL) * 4 + (block->gradient[0] != NULL) * 2 + (terms != NULL);
}

static double doubles(const normal_job *job, const struct normal_block *block, double *terms) {
    switch (instance(block, terms)) {
        case 0: return block_of_doubles(job, block, terms, 0, 0, 0);
        case 1: return block_of_doubles(job, block, terms, 0, 0, 1);
        case 2: return block_of_doubles(job, block, terms, 0, 1, 0);
        case 3: return block_of_doubles(job, block, terms, 0, 1, 1);
        case 4: return block_of_doubles(job, block, terms, 1, 0, 0);
        case 5: return block_of_doubles(job, block, terms, 1, 0, 1);
        case 6: return block_of_doubles(job, block, terms, 1, 1, 0);
        default: return block_of_doubles(job, block, terms, 1, 1, 1);
    }
}

/* A block of floats in doubles: its terms apart, and its gradients where `wide` says. */
static void widened(const normal_job *job, const struct normal_block *block, struct normal_block *wide, double *terms,
                    double *spare) {
    wide->n = block->n;
    for (int o = 0; o < NORMAL_INPUTS; o++) {
        const float *from = block->x[o];
        double *to = spare + o * CONTINUOUS_BLOCK;
        for (int64_t i = 0; from && i < block->n; i++)
            to[i] = from[i];
        wide->x[o] = from ? to : NULL;
    }
    for (int g = 0; g < 2; g++)
        wide->gradient[g] = block->gradient[g] ? spare + (NORMAL_INPUTS + g) * CONTINUOUS_BLOCK : NULL;
    doubles(job, wide, terms);
}

#if defined(VEC_SINGLE)
static double lanes_of_floats(const normal_job *job, const struct normal_block *block, double *terms, int *extreme) {
    switch (instance(block, terms)) {
        case 0: return block_of_floats(job, block, terms, 0, 0, 0, extreme);
        case 1: return block_of_floats(job, block, terms, 0, 0, 1, extreme);
        case 2: return block_of_floats(job, block, terms, 0, 1, 0, extreme);
        case 3: return block_of_floats(job, block, terms, 0, 1, 1, extreme);
        case 4: return block_of_floats(job, block, terms, 1, 0, 0, extreme);
        case 5: return block_of_floats(job, block, terms, 1, 0, 1, extreme);
        case 6: return block_of_floats(job, block, terms, 1, 1, 0, extreme);
        default: return block_of_floats(job, block, terms, 1, 1, 1, extreme);
    }
}
#else
/* Everything is done in doubles. */
static double lanes_of_floats(const normal_job *job, const struct normal_block *block, double *terms, int *extreme) {
    (void)job, (void)block, (void)terms;
    *extreme = 1;
    return 0;
}
#endif

INLINE int is_extreme(const normal_job *job, const struct normal_block *wide, int64_t i) {
#if defined(VEC_SINGLE)
    const double *mu = wide->x[NORMAL_MU], *log_var = wide->x[NORMAL_LOG_VAR];
    const double *mu_q = wide->x[NORMAL_MU_Q], *log_var_q = wide->x[NORMAL_LOG_VAR_Q];
    float width = (float)(log_var_q ? log_var_q[i] : job->log_var_q);
    float d = (float)log_var[i] - width, difference = (float)mu[i] - (float)(mu_q ? mu_q[i] : job->mu_q);
    return !(d > -SINGLE_LOG_VAR && d < SINGLE_LOG_VAR && width > -SINGLE_LOG_VAR && width < SINGLE_LOG_VAR &&
             difference > -SINGLE_MU && difference < SINGLE_MU);
#else
    (void)job, (void)wide, (void)i;
    return 1;
#endif
}

/* Extreme entries alone are done again: what becomes of an entry does not depend on those beside it. */
static double floats(const normal_job *job, const struct normal_block *block, double *terms, double *spare) {
    double anew[CONTINUOUS_BLOCK], apart[CONTINUOUS_BLOCK], sum = 0;
    struct normal_block wide;
    int extreme;
    double found = lanes_of_floats(job, block, terms, &extreme);
    if (!extreme)
        return found;
    if (!terms) {
        terms = apart;
        lanes_of_floats(job, block, terms, &extreme);
    }
    widened(job, block, &wide, anew, spare);
    for (int64_t i = 0; i < block->n; i++) {
        if (is_extreme(job, &wide, i)) {
            terms[i] = anew[i];
            for (int g = 0; g < 2; g++)
                if (block->gradient[g])
                    ((float *)block->gradient[g])[i] = (float)((double *)wide.gradient[g])[i];
        }
        sum += terms[i];
    }
    return sum;
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
                         int64_t n, double *terms, double *scratch) {
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
    double sum = job->single ? floats(job, &block, terms, scratch + NORMAL_OPERANDS * CONTINUOUS_BLOCK)
                             : doubles(job, &block, terms);
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

/* Whether n such rows follow each other in every array. */
static int are_consecutive(const normal_job *job) {
    for (int o = 0; o < NORMAL_OPERANDS; o++)
        if (job->data[o] && job->batch_steps[o][job->batch_dims - 1] != job->length * (job->single ? 4 : 8))
            return 0;
    return 1;
}

/* Rows shorter than this are computed as one stream, and their terms added up apart. */
#define SHORT_ROW 48

/* n such rows along the last batch dimension: nothing is looked up between them. */
static void short_rows(const normal_job *job, const int64_t *start, int64_t n, double *sums, double *spare) {
    const int stream = job->length < SHORT_ROW, together = stream && are_consecutive(job);
    const int64_t rows = together ? CONTINUOUS_BLOCK / job->length : 1;
    double terms[CONTINUOUS_BLOCK], sum;
    int64_t offsets[NORMAL_OPERANDS];
    memcpy(offsets, start, sizeof(offsets));
    for (int64_t i = 0; i < n; i += rows) {
        int64_t count = n - i < rows ? n - i : rows;
        struct normal_block block = {.n = count * job->length};
        for (int o = 0; o < NORMAL_OPERANDS; o++) {
            char *at = job->data[o] ? job->data[o] + offsets[o] : NULL;
            if (o < NORMAL_INPUTS)
                block.x[o] = at;
            else
                block.gradient[o - NORMAL_D_MU] = at;
            offsets[o] += count * job->batch_steps[o][job->batch_dims - 1];
        }
        sum = job->single ? floats(job, &block, stream ? terms : NULL, spare) : doubles(job, &block, stream ? terms : NULL);
        if (!stream) {
            sums[i] = sum;
            continue;
        }
        for (int64_t r = 0; r < count; r++) {
            const double *row = terms + r * job->length;
            double parts[4] = {0, 0, 0, 0};
            int64_t j = 0;
            for (; j + 4 <= job->length; j += 4)
                for (int part = 0; part < 4; part++)
                    parts[part] += row[j + part];
            for (; j < job->length; j++)
                parts[j % 4] += row[j];
            sums[i + r] = (parts[0] + parts[2]) + (parts[1] + parts[3]);
        }
    }
}

static void normal(const normal_job *job, int64_t begin, int64_t end, int64_t segment, double *sums, void *scratch) {
    int64_t first = segment * job->segment, last = first + job->segment;
    int along = job->batch_dims - 1;
    int64_t line = job->batch_shape[along];
    last = last < job->length ? last : job->length;
    const int direct = are_short_rows(job);
    double terms[CONTINUOUS_BLOCK];
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
            line_block(job, offsets, job->batch_steps, along, n, terms, scratch);
            for (int64_t j = 0; j < n; j++)
                sums[output - begin + j] += terms[j];
        }
    }
}

#endif
