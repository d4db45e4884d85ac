/* Integers as they come: the extremes of codes, and the table of two columns in one pass over memory. Part of kernels.c. */
#ifndef FASTENT_CODES_H
#define FASTENT_CODES_H

INLINE void raise_tops(const char *row, int64_t item, int64_t stride, int64_t columns, uint16_t *tops) {
    for (int64_t c = 0; c < columns; c++) {
        uint16_t code = (uint16_t)code_at(row + c * stride, item, 0);
        tops[c] = code > tops[c] ? code : tops[c];
    }
}

static void largest(const char *codes, int64_t item, int64_t row_stride, int64_t column_stride, int64_t rows,
                    int64_t columns, uint16_t *tops) {
    if (item == 1 && row_stride == 1) {
        for (int64_t c = 0; c < columns; c++) {
            const uint8_t *column = (const uint8_t *)codes + c * column_stride;
            uint8_t top = 0;
            for (int64_t i = 0; i < rows; i++)
                top = column[i] > top ? column[i] : top;
            tops[c] = top > tops[c] ? top : tops[c];
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        const char *row = codes + i * row_stride;
        if (item == 1 && column_stride == 1)
            raise_tops(row, 1, 1, columns, tops);
        else
            raise_tops(row, item, column_stride, columns, tops);
    }
}

/* Contiguous integers of one type less `base`; what does not fit is seen from the extremes. */
#define NARROW(type)                                                          \
    {                                                                         \
        type low, high, value;                                                \
        memcpy(&low, values, sizeof(type));                                   \
        high = low;                                                           \
        for (int64_t i = 0; i < n; i++) {                                     \
            memcpy(&value, values + i * (int64_t)sizeof(type), sizeof(type)); \
            low = value < low ? value : low;                                  \
            high = value > high ? value : high;                               \
            codes[i] = (uint8_t)((uint64_t)value - (uint64_t)base);           \
        }                                                                     \
        *lowest = (int64_t)low;                                               \
        *highest = (int64_t)high;                                             \
        break;                                                                \
    }

static void narrow(const char *values, int64_t item, int64_t n, int64_t base, uint8_t *codes, int64_t *lowest,
                   int64_t *highest) {
    switch (item) {
        case 8: NARROW(int64_t)
        case 4: NARROW(int32_t)
        case 2: NARROW(int16_t)
        default: NARROW(int8_t)
    }
}

/* ---- two columns of integers in one pass ---- */

#define INTEGERS_BLOCK 8192

/* n integers less `base`, as bytes, and what sets a bit where one does not fit. */
#define SHRINK(type)                                                          \
    {                                                                         \
        uint64_t beyond = 0;                                                  \
        type value;                                                           \
        for (int64_t i = 0; i < n; i++) {                                     \
            memcpy(&value, values + i * (int64_t)sizeof(type), sizeof(type)); \
            uint64_t code = (uint64_t)value - base;                           \
            beyond |= code;                                                   \
            codes[i] = (uint8_t)code;                                         \
        }                                                                     \
        return beyond;                                                        \
    }

static uint64_t shrink(const counts_integers *x, int64_t begin, int64_t n, uint8_t *codes) {
    const char *values = x->values + begin * x->item;
    const uint64_t base = (uint64_t)x->base;
    if (x->is_signed)
        switch (x->item) {
            case 8: SHRINK(int64_t)
            case 4: SHRINK(int32_t)
            case 2: SHRINK(int16_t)
            default: SHRINK(int8_t)
        }
    switch (x->item) {
        case 8: SHRINK(uint64_t)
        case 4: SHRINK(uint32_t)
        case 2: SHRINK(uint16_t)
        default: SHRINK(uint8_t)
    }
}

INLINE int shrunk(const counts_integers *x, int64_t begin, int64_t n, uint8_t *codes) {
    return shrink(x, begin, n, codes) < 256 && largest_byte(codes, n) < x->levels;
}

static int64_t pack_levels(const uint8_t *codes, int64_t n, int64_t levels, uint64_t *planes) {
    const int64_t words = (n + 63) / 64;
    for (int64_t level = 1; level < levels; level++)
        pack_level(codes, n, level, planes + (level - 1) * words);
    return words;
}

static int count_integers(const counts_integers *x, const counts_integers *y, int method, int64_t begin, int64_t end,
                          void *scratch, int64_t *table) {
    uint8_t *a = scratch, *b = a + INTEGERS_BLOCK, *combined = b + INTEGERS_BLOCK;
    uint64_t *planes = (uint64_t *)combined; /* of x, then of y */
    uint32_t(*tables)[CELLS_OF_A_BYTE] = (uint32_t(*)[CELLS_OF_A_BYTE])(combined + INTEGERS_BLOCK);
    const int64_t kx = x->levels, ky = y->levels;
    for (int64_t row = begin; row < end; row += INTEGERS_BLOCK) {
        const int64_t n = end - row < INTEGERS_BLOCK ? end - row : INTEGERS_BLOCK;
        if (!shrunk(x, row, n, a) || !shrunk(y, row, n, b))
            return 0;
        if (method == COUNTS_WORDS) {
            count_words(a, b, kx, ky, n, combined, tables, table);
            continue;
        }
        const int64_t words = pack_levels(a, n, kx, planes);
        uint64_t *y_planes = planes + (kx - 1) * words;
        pack_levels(b, n, ky, y_planes);
        for (int64_t i = 1; i < kx; i++)
            table[i * ky] += count_common(planes + (i - 1) * words, planes + (i - 1) * words, words);
        for (int64_t j = 1; j < ky; j++)
            table[j] += count_common(y_planes + (j - 1) * words, y_planes + (j - 1) * words, words);
        if (kx > 1 && ky > 1)
            overlap(planes, kx - 1, y_planes, ky - 1, words, 0, words, table + ky + 1, ky);
    }
    return 1;
}

#endif
