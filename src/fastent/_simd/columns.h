/* Columns of codes: made contiguous, and as bit planes. Shared by the engines that count. */
#ifndef FASTENT_COLUMNS_H
#define FASTENT_COLUMNS_H

#include "bytes.h"

/* `columns` columns of n rows, one after the other at `pitch` bytes. */
static void gather_columns(const char *from, int64_t item, int64_t row_stride, int64_t column_stride, int64_t n,
                           int64_t columns, char *to, int64_t pitch) {
    int64_t row = 0;
    if (item == 1 && column_stride == 1 && columns == 16)
        for (; row + TRANSPOSE_ROWS <= n; row += TRANSPOSE_ROWS)
            transpose_bytes((const uint8_t *)from + row * row_stride, row_stride, (uint8_t *)to + row, pitch);
    for (; row < n; row++) {
        const char *source = from + row * row_stride;
        for (int64_t c = 0; c < columns; c++) {
            if (item == 1)
                to[c * pitch + row] = source[c * column_stride];
            else
                memcpy(to + c * pitch + row * 2, source + c * column_stride, 2);
        }
    }
}

INLINE int64_t code_at(const char *codes, int64_t item, int64_t i) {
    uint16_t wide;
    if (item == 1)
        return (uint8_t)codes[i];
    memcpy(&wide, codes + 2 * i, 2);
    return wide;
}

INLINE uint64_t equal_tail(const uint8_t *bytes, int64_t n, uint8_t level) {
    uint8_t part[64] = {0};
    memcpy(part, bytes, (size_t)n);
    return equal_bytes(part, level) & ((UINT64_C(1) << n) - 1);
}

/* The plane of one level: n samples, 64 to a word. */
INLINE void pack_level(const uint8_t *x, int64_t n, int64_t level, uint64_t *plane) {
    int64_t word = 0;
    for (; word < n / 64; word++)
        plane[word] = equal_bytes(x + 64 * word, (uint8_t)level);
    if (n % 64)
        plane[word] = equal_tail(x + 64 * word, n % 64, (uint8_t)level);
}

#endif
