/* Bring pieces of an operand into contiguous doubles: any dtype, any strides, byte order, mask.
 *
 * Three steps, each a plain loop the compiler vectorises: gather (strides, byte order: by item size only), convert (dtype
 * only), mask and scale. So no loop is written for a combination of them. Rows of float64 that are contiguous, unmasked and
 * unscaled are not copied: load_row returns a pointer into the array.
 */
#ifndef FASTENT_ROWS_LOAD_H
#define FASTENT_ROWS_LOAD_H

#include "../_simd/vec.h"
#include "kernels.h"

#define LOAD_CHUNK 4096 /* doubles in the staging buffer */

struct loader {
    char *raw;       /* staging: LOAD_CHUNK items of up to 8 bytes */
    double *staging; /* staging: LOAD_CHUNK doubles */
};

INLINE int64_t item_size(int dtype) {
    static const int8_t sizes[ROWS_DTYPES] = {8, 4, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8};
    return sizes[dtype];
}

INLINE double half_to_double(uint16_t half) {
    /* the exponent moves by a multiplication, which also makes subnormals right; infinity and NaN get theirs back */
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float magnitude;
    memcpy(&magnitude, &bits, 4);
    magnitude *= 0x1p112f;
    memcpy(&bits, &magnitude, 4);
    bits |= (half & 0x7c00) == 0x7c00 ? UINT32_C(0x7f800000) : 0;
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&magnitude, &bits, 4);
    return magnitude;
}

INLINE double bfloat_to_double(uint16_t bfloat) {
    uint32_t bits = (uint32_t)bfloat << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* AVX2 and SSE2 have no conversion of 64-bit integers: both halves are exact doubles, their sum rounds once */
INLINE double uint64_to_double(uint64_t n) {
    uint64_t high_bits = (n >> 32) | UINT64_C(0x4530000000000000); /* 2^84 + high 2^32 */
    uint64_t low_bits = (n & UINT32_MAX) | MAGIC_BITS;
    double high, low;
    memcpy(&high, &high_bits, 8);
    memcpy(&low, &low_bits, 8);
    return (high - (0x1p84 + MAGIC)) + low;
}

INLINE double int64_to_double(int64_t n) {
    uint64_t high_bits = (((uint64_t)n >> 32) ^ UINT64_C(0x80000000)) | UINT64_C(0x4530000000000000);
    uint64_t low_bits = ((uint64_t)n & UINT32_MAX) | MAGIC_BITS;
    double high, low;
    memcpy(&high, &high_bits, 8);
    memcpy(&low, &low_bits, 8);
    return (high - (0x1p84 + 0x1p63 + MAGIC)) + low;
}

/* n items at an address of any alignment */
#define CONVERT(dtype, type, expression)                                  \
    case dtype:                                                           \
        for (int64_t i = 0; i < n; i++) {                                 \
            type item;                                                    \
            memcpy(&item, source + i * (int64_t)sizeof(type), sizeof(type)); \
            target[i] = expression;                                       \
        }                                                                 \
        break;

static void convert(double *target, const char *source, int dtype, int64_t n) {
    switch (dtype) {
        CONVERT(ROWS_FLOAT64, double, item)
        CONVERT(ROWS_FLOAT32, float, (double)item)
        CONVERT(ROWS_FLOAT16, uint16_t, half_to_double(item))
        CONVERT(ROWS_BFLOAT16, uint16_t, bfloat_to_double(item))
        CONVERT(ROWS_INT8, int8_t, (double)item)
        CONVERT(ROWS_INT16, int16_t, (double)item)
        CONVERT(ROWS_INT32, int32_t, (double)item)
        CONVERT(ROWS_INT64, int64_t, int64_to_double(item))
        CONVERT(ROWS_UINT8, uint8_t, (double)item)
        CONVERT(ROWS_UINT16, uint16_t, (double)item)
        CONVERT(ROWS_UINT32, uint32_t, (double)item)
        CONVERT(ROWS_UINT64, uint64_t, uint64_to_double(item))
    }
}

INLINE void gather_items(char *target, const char *source, int64_t stride, int64_t n, int size) {
    for (int64_t i = 0; i < n; i++)
        memcpy(target + i * size, source + i * stride, (size_t)size);
}

/* n strided items, perhaps in the other byte order, to contiguous ones in this machine's */
static void gather(char *target, const char *source, int64_t stride, int64_t n, int64_t size, int swapped) {
    switch (size) {
        case 1: gather_items(target, source, stride, n, 1); break;
        case 2: gather_items(target, source, stride, n, 2); break;
        case 4: gather_items(target, source, stride, n, 4); break;
        default: gather_items(target, source, stride, n, 8); break;
    }
    if (swapped) {
        for (int64_t i = 0; i < n; i++) {
            char *item = target + i * size;
            for (int64_t low = 0, high = size - 1; low < high; low++, high--) {
                char byte = item[low];
                item[low] = item[high];
                item[high] = byte;
            }
        }
    }
}

/* n items a stride apart, as doubles */
static void load_run(const rows_operand *operand, const char *source, int64_t stride, int64_t n, double *target,
                     const struct loader *loader) {
    int64_t size = item_size(operand->dtype);
    if (stride == size && !operand->swapped) {
        convert(target, source, operand->dtype, n);
        return;
    }
    while (n > 0) {
        int64_t part = n < LOAD_CHUNK ? n : LOAD_CHUNK;
        gather(loader->raw, source, stride, part, size, operand->swapped);
        convert(target, loader->raw, operand->dtype, part);
        source += part * stride;
        target += part;
        n -= part;
    }
}

/* Position `index` along the reduced dimensions, in bytes; `run`: entries that follow along the last of them. */
INLINE int64_t reduce_offset(const rows_job *job, const rows_operand *operand, int64_t index, int64_t *run) {
    int last = job->reduce_dims - 1;
    int64_t offset = 0;
    *run = job->reduce_shape[last] - index % job->reduce_shape[last];
    for (int d = last; d >= 0; d--) {
        offset += index % job->reduce_shape[d] * operand->reduce_strides[d];
        index /= job->reduce_shape[d];
    }
    return offset;
}

/* Entries [start, start + n) of the row at byte offset `row`. */
static void load_entries(const rows_job *job, const rows_operand *operand, int64_t row, int64_t start, int64_t n,
                         double *target, const struct loader *loader) {
    while (n > 0) {
        int64_t run, offset = reduce_offset(job, operand, start, &run);
        if (run > n)
            run = n;
        load_run(operand, operand->data + row + offset, operand->reduce_strides[job->reduce_dims - 1], run, target, loader);
        start += run;
        target += run;
        n -= run;
    }
}

INLINE void keep_where(double *target, const double *mask, int64_t n) {
    for (int64_t i = 0; i < n; i++) /* selection, not a product: what is masked may be NaN */
        target[i] = mask[i] != 0 ? target[i] : 0;
}

/* Next to entries of 1e308 the smallest ones vanish when scaled, but what is positive must not become zero: support and
 * infinite divergences depend on it. */
INLINE double scaled_entry(double entry, double scale) {
    double scaled = entry * scale;
    return entry > 0 && scaled == 0 ? 0x1p-1074 : scaled;
}

/* A block of one row as doubles: a pointer into the array where that will do, otherwise `target`, padded with zeros to
 * whole vectors. *tail: entries of the last vector that must be loaded partly, 0 after padding. */
static const double *load_row(const rows_job *job, const rows_operand *operand, int64_t row, int64_t where_row, int64_t start,
                              int64_t n, double scale, double *target, const struct loader *loader, int64_t *tail) {
    int64_t stride = operand->reduce_strides[job->reduce_dims - 1];
    if (operand->dtype == ROWS_FLOAT64 && !operand->swapped && stride == 8 && job->reduce_dims == 1 && scale == 1
        && job->where.data == NULL) {
        *tail = n % VL;
        return (const double *)(operand->data + row) + start;
    }
    load_entries(job, operand, row, start, n, target, loader);
    if (job->where.data != NULL) {
        load_entries(job, &job->where, where_row, start, n, loader->staging, loader);
        keep_where(target, loader->staging, n);
    }
    if (scale != 1)
        for (int64_t i = 0; i < n; i++)
            target[i] = scaled_entry(target[i], scale);
    for (int64_t i = n; i % VL; i++)
        target[i] = 0;
    *tail = 0;
    return target;
}

/* Rows side by side: entry j of output w to target[j * ROWS_TILE_ROW + w]. */
static void load_columns(const rows_job *job, const rows_operand *operand, int64_t row, int64_t width, int64_t start,
                         int64_t n, double *target, const struct loader *loader) {
    int64_t size = item_size(operand->dtype);
    int64_t across = operand->batch_strides[job->batch_dims - 1];
    int64_t along = operand->reduce_strides[job->reduce_dims - 1];
    if (across == 0 || along != size || job->reduce_dims > 1 || across == size) {
        for (int64_t j = 0, run; j < n; j += run) {
            const char *source = operand->data + row + reduce_offset(job, operand, start + j, &run);
            if (run > n - j)
                run = n - j;
            for (int64_t i = 0; i < run; i++)
                load_run(operand, source + i * along, across, width, target + (j + i) * ROWS_TILE_ROW, loader);
        }
        return;
    }
    /* contiguous rows: convert several at once, then transpose */
    const char *source = operand->data + row + start * size;
    int whole = across == n * size; /* the rows follow each other without gaps */
    int direct = operand->dtype == ROWS_FLOAT64 && !operand->swapped;
    int64_t group = LOAD_CHUNK / n & ~INT64_C(1);
    for (int64_t first = 0; first < width; first += group) {
        int64_t rows = width - first < group ? width - first : group;
        const char *from = source + first * across;
        const double *staged = loader->staging;
        int64_t pitch = n;
        if (direct && across % 8 == 0) {
            staged = (const double *)from;
            pitch = across / 8;
        } else if (whole) {
            load_run(operand, from, size, rows * n, loader->staging, loader);
        } else {
            for (int64_t w = 0; w < rows; w++)
                load_run(operand, from + w * across, size, n, loader->staging + w * n, loader);
        }
        int64_t w = 0;
        for (; w + 2 <= rows; w += 2)
            transpose_two_rows(staged + w * pitch, pitch, n, target + first + w, ROWS_TILE_ROW);
        for (int64_t j = 0; w < rows && j < n; j++)
            memcpy(target + j * ROWS_TILE_ROW + first + w, staged + w * pitch + j, sizeof(double));
    }
}

/* A block of a tile, mask and per-output scale applied; unused lanes of the last vector hold ones, a valid row. */
static void load_tile(const rows_job *job, const rows_operand *operand, int64_t row, int64_t where_row, int64_t width,
                      int64_t start, int64_t n, const double *scales, double *target, double *mask,
                      const struct loader *loader) {
    load_columns(job, operand, row, width, start, n, target, loader);
    if (job->where.data != NULL)
        load_columns(job, &job->where, where_row, width, start, n, mask, loader);
    for (int64_t j = 0; j < n; j++) {
        double *entries = target + j * ROWS_TILE_ROW;
        if (job->where.data != NULL)
            keep_where(entries, mask + j * ROWS_TILE_ROW, width);
        if (scales != NULL)
            for (int64_t w = 0; w < width; w++)
                entries[w] = scaled_entry(entries[w], scales[w]);
        for (int64_t w = width; w % VL; w++)
            entries[w] = 1;
    }
}

#endif
