/* The nearest-neighbour kernels: columns made contiguous, and how much information they share with a target. */
#include "kernels.h"

#include "../_simd/vec.h"

#include "classes.h"
#include "pairs.h"

/* ---- columns ---- */

INLINE double item_at(const char *from, int64_t item) {
    float narrow;
    double wide;
    if (item == 4) {
        memcpy(&narrow, from, 4);
        return narrow;
    }
    memcpy(&wide, from, 8);
    return wide;
}

INLINE void gather_items(const char *from, int64_t item, int64_t row_stride, int64_t column_stride, int64_t n,
                         int64_t columns, double *to, int64_t pitch) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < columns; c++)
            to[c * pitch + i] = item_at(from + i * row_stride + c * column_stride, item);
}

static void gather(const char *from, int64_t item, int64_t row_stride, int64_t column_stride, int64_t n, int64_t columns,
                   double *to, int64_t pitch) {
    const int64_t unit = item == 4 ? 4 : 8;
    if (row_stride == unit) {
        for (int64_t c = 0; c < columns; c++)
            gather_items(from + c * column_stride, unit, unit, 0, n, 1, to + c * pitch, 0);
    } else if (columns == NEIGHBORS_GROUP && column_stride == 8 && unit == 8) {
        gather_items(from, 8, row_stride, 8, n, NEIGHBORS_GROUP, to, pitch);
    } else {
        gather_items(from, unit, row_stride, column_stride, n, columns, to, pitch);
    }
}

static void jitter(double *column, int64_t n, double divisor, double amplitude, const double *noise, int64_t stride) {
    for (int64_t i = 0; i < n; i++)
        column[i] = column[i] / divisor + amplitude * noise[i * stride];
}

static int infinite(const char *from, int64_t item, int64_t stride, int64_t n) {
    int found = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = item_at(from + i * stride, item);
        found |= x - x != 0 && x == x; /* of infinities the difference is NaN */
    }
    return found;
}

#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(neighbors_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const neighbors_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .gather = gather,
    .jitter = jitter,
    .infinite = infinite,
    .discrete = discrete,
    .target = target,
    .pair = pair,
    .block = block,
};
