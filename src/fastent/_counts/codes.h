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

/* n integers less `base`, which wraps where they are smaller, as bytes; returns whether they fit. */
#define SHRINK(type)                                                          \
    {                                                                         \
        type beyond = 0, code;                                                \
        for (int64_t i = 0; i < n; i++) {                                     \
            memcpy(&code, values + i * (int64_t)sizeof(type), sizeof(type));  \
            code = (type)(code - (type)x->base);                              \
            beyond |= code;                                                   \
            codes[i] = (uint8_t)code;                                         \
        }                                                                     \
        return beyond == (uint8_t)beyond;                                     \
    }

static int shrink(const counts_integers *x, const char *values, int64_t n, uint8_t *codes) {
    switch (x->item) {
        case 8: SHRINK(uint64_t)
        case 4: SHRINK(uint32_t)
        case 2: SHRINK(uint16_t)
        default: SHRINK(uint8_t)
    }
}

#define SHRUNK_AT_A_TIME 256 /* lines of memory ahead are asked for in between */

/* n integers as bytes, where they are or in `room`; NULL if one does not fit. */
static const uint8_t *codes_of(const counts_integers *x, int64_t begin, int64_t n, uint8_t *room) {
    const char *values = x->values + begin * x->item;
    if (x->item == 1 && x->base == 0)
        return (const uint8_t *)values;
    for (int64_t i = 0; i < n; i += SHRUNK_AT_A_TIME) {
        for (int64_t byte = 0; byte < SHRUNK_AT_A_TIME * x->item; byte += 64)
            PREFETCH(values + i * x->item + READ_AHEAD + byte);
        if (!shrink(x, values + i * x->item, n - i < SHRUNK_AT_A_TIME ? n - i : SHRUNK_AT_A_TIME, room + i))
            return NULL;
    }
    return room;
}

static int count_integers(const counts_integers *x, const counts_integers *y, int method, int64_t begin, int64_t end,
                          void *scratch, int64_t *table) {
    const int64_t pitch = COUNTS_BLOCK / 64, ky = y->levels;
    uint8_t *x_room = scratch, *y_room = x_room + COUNTS_BLOCK, *combined = y_room + COUNTS_BLOCK;
    uint32_t(*tables)[CELLS_OF_A_BYTE] = (uint32_t(*)[CELLS_OF_A_BYTE])(combined + COUNTS_BLOCK);
    uint64_t *all = (uint64_t *)combined, *y_planes = all + pitch, *rest = all + COUNTS_INTEGERS_LEVELS * pitch;
    if (method == COUNTS_PLANES)
        memset(all, 255, COUNTS_BLOCK / 8);
    for (int64_t row = begin; row < end; row += COUNTS_BLOCK) {
        const int64_t n = end - row < COUNTS_BLOCK ? end - row : COUNTS_BLOCK, words = plane_words(n);
        const uint8_t *a = codes_of(x, row, n, x_room), *b = a == NULL ? NULL : codes_of(y, row, n, y_room);
        if (b == NULL)
            return 0;
        if (method == COUNTS_WORDS) {
            if (largest_byte(a, n) >= x->levels || largest_byte(b, n) >= ky)
                return 0;
            count_words(a, b, x->levels, ky, n, combined, tables, table);
            continue;
        }
        const int fits = split_codes(b, n, width_of(ky), rest) < ky;
        meet_levels(rest, width_of(ky), words, 0, ky, y_planes, pitch);
        overlap(y_planes, ky - 1, pitch, all, 1, pitch, words, table + 1, 1);
        if (count_planes(a, n, x->levels, all, ky, pitch, rest, table) >= x->levels || !fits)
            return 0;
    }
    return 1;
}

#endif
