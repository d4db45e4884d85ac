/* The binning kernels: numbers to the codes of the bins they fall into. */
#include "kernels.h"

#include "../_simd/vec.h"

/* Rows of some columns, made contiguous column by column. */
#define DEFINE_GATHER(name, word)                                                                                   \
    static void name(const char *from, int64_t row_stride, int64_t column_stride, int64_t n, int64_t columns, word *to) { \
        for (int64_t row = 0; row < n; row++)                                                                       \
            for (int64_t c = 0; c < columns; c++)                                                                   \
                memcpy(to + c * BINS_BLOCK + row, from + row * row_stride + c * column_stride, sizeof(word));       \
    }

/* Few edges: each compared with all values, codes in lanes as wide as the values. Many: halving without branches. */
#define DEFINE_CUT(name, real, integer)                                                                     \
    static void name##_few(const real *x, int64_t n, const real *edges, int64_t count, int64_t missing,     \
                           integer *codes) {                                                                \
        for (int64_t i = 0; i < n; i++)                                                                     \
            codes[i] = x[i] != x[i] ? (integer)missing : 0;                                                 \
        for (int64_t e = 0; e < count; e++) {                                                               \
            const real edge = edges[e];                                                                     \
            for (int64_t i = 0; i < n; i++)                                                                 \
                codes[i] += x[i] >= edge;                                                                   \
        }                                                                                                   \
    }                                                                                                       \
    static void name##_many(const real *x, int64_t n, const real *edges, int64_t count, int64_t missing,    \
                            integer *codes) {                                                               \
        int64_t half = 1;                                                                                   \
        while (2 * half <= count)                                                                           \
            half *= 2;                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            /* two overlapping parts of half - 1 edges each: which one, then halving */                     \
            int64_t below = x[i] >= edges[count - half] ? count - half + 1 : 0;                             \
            for (int64_t step = half / 2; step > 0; step /= 2)                                              \
                below += x[i] >= edges[below + step - 1] ? step : 0;                                        \
            codes[i] = (integer)(x[i] != x[i] ? missing : below);                                           \
        }                                                                                                   \
    }

DEFINE_GATHER(gather_float, float)
DEFINE_GATHER(gather_double, double)
DEFINE_CUT(cut_float, float, int32_t)
DEFINE_CUT(cut_double, double, int64_t)

#define DEFINE_STORE(name, integer)                                                              \
    static void name(const integer *codes, int64_t n, char *to, int64_t item) {                  \
        if (item == 1)                                                                           \
            for (int64_t i = 0; i < n; i++)                                                      \
                ((uint8_t *)to)[i] = (uint8_t)codes[i];                                          \
        else                                                                                     \
            for (int64_t i = 0; i < n; i++)                                                      \
                ((uint16_t *)to)[i] = (uint16_t)codes[i];                                        \
    }

DEFINE_STORE(store_of_float, int32_t)
DEFINE_STORE(store_of_double, int64_t)

static void cut_column(const bins_job *job, int64_t c, const char *x, int64_t n, char *codes, void *lanes) {
    const char *edges = job->edges + job->offsets[c] * job->item;
    int64_t count = job->counts[c], missing = job->missing[c];
    if (job->item == 4) {
        (count <= BINS_LINEAR ? cut_float_few : cut_float_many)((const float *)x, n, (const float *)edges, count, missing,
                                                                lanes);
        store_of_float(lanes, n, codes, job->code_item);
    } else {
        (count <= BINS_LINEAR ? cut_double_few : cut_double_many)((const double *)x, n, (const double *)edges, count, missing,
                                                                  lanes);
        store_of_double(lanes, n, codes, job->code_item);
    }
}

static void cut(const bins_job *job, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch) {
    char *columns = scratch;
    void *lanes = columns + BINS_BLOCK * BINS_GROUP * 8;
    int direct = job->row_stride == job->item;
    for (int64_t row = row_begin; row < row_end; row += BINS_BLOCK) {
        int64_t n = row_end - row < BINS_BLOCK ? row_end - row : BINS_BLOCK;
        const char *source = job->x + row * job->row_stride + begin * job->column_stride;
        if (!direct && job->item == 4)
            gather_float(source, job->row_stride, job->column_stride, n, end - begin, (float *)columns);
        else if (!direct)
            gather_double(source, job->row_stride, job->column_stride, n, end - begin, (double *)columns);
        for (int64_t c = begin; c < end; c++) {
            const char *x = direct ? source + (c - begin) * job->column_stride : columns + (c - begin) * BINS_BLOCK * job->item;
            cut_column(job, c, x, n, job->codes + c * job->code_stride + row * job->code_item, lanes);
        }
    }
}

#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(bins_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const bins_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .cut = cut,
};
