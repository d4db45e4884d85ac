/* Entries of rows: where they lie, and how they are scaled. */
#ifndef FASTENT_ROWS_ITEMS_H
#define FASTENT_ROWS_ITEMS_H

#include "../_simd/items.h"
#include "kernels.h"

#define LOAD_CHUNK 4096 /* entries in the staging buffer */

struct loader {
    char *raw;     /* staging: LOAD_CHUNK items of up to 8 bytes, as they are stored */
    void *staging; /* staging: LOAD_CHUNK entries, converted */
};

/* Next to entries of 1e308 the smallest ones vanish when scaled, but what is positive must not become zero: support and
 * infinite divergences depend on it. */
INLINE double scaled_entry(double entry, double scale) {
    double scaled = entry * scale;
    return entry > 0 && scaled == 0 ? 0x1p-1074 : scaled;
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

#endif
