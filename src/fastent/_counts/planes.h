/* Bit planes: a bit per sample for each level, and the samples that two planes have in common. Part of kernels.c.
 *
 * A plane is a whole number of vectors long, with no bits behind the last sample.
 */
#ifndef FASTENT_PLANES_H
#define FASTENT_PLANES_H

#define LEVELS_AT_A_TIME 16

static int64_t plane_words(int64_t n) { return (n + COUNTS_PLANE - 1) / COUNTS_PLANE * (COUNTS_PLANE / 64); }

/* Bits of the codes below `levels`. */
static int width_of(int64_t levels) {
    int width = 1;
    while (levels > INT64_C(1) << width)
        width++;
    return width;
}

/* ---- from codes to planes ---- */

#define READ_AHEAD 4096 /* bytes: a core that waits for each line of memory reads at half its pace */

INLINE void split_bits(const uint8_t *x, int width, uint64_t *bits, int64_t pitch) {
    for (int b = 0; b < width; b++)
        bits[b * pitch] = bit_of_bytes(x, b);
}

INLINE uint8_t split_some(const uint8_t *x, int64_t n, int width, uint64_t *bits) {
    const int64_t words = plane_words(n);
    uint8_t last[64] = {0}, tops[sizeof(vbytes)];
    vbytes top = load_bytes(last);
    int64_t word = 0;
    for (; word < n / 64; word++) {
        PREFETCH(x + 64 * word + READ_AHEAD);
        split_bits(x + 64 * word, width, bits + word, words);
        for (int64_t i = 0; i < 64; i += (int64_t)sizeof(vbytes))
            top = larger_bytes(top, load_bytes(x + 64 * word + i));
    }
    if (n % 64) {
        memcpy(last, x + 64 * word, (size_t)(n % 64));
        split_bits(last, width, bits + word++, words);
    }
    for (; word < words; word++)
        for (int b = 0; b < width; b++)
            bits[b * words + word] = 0;
    memcpy(tops, &top, sizeof(top));
    const uint8_t before = largest_byte(tops, sizeof(tops)), after = largest_byte(last, sizeof(last));
    return before > after ? before : after;
}

/* The bits of n codes, from the lowest, a plane each; zeros behind the last code. Returns the largest code. */
static uint8_t split_codes(const uint8_t *x, int64_t n, int width, uint64_t *bits) {
    switch (width) { /* loops over few bits are gone where the compiler knows how many */
        case 1: return split_some(x, n, 1, bits);
        case 2: return split_some(x, n, 2, bits);
        case 3: return split_some(x, n, 3, bits);
        case 4: return split_some(x, n, 4, bits);
        default: return split_some(x, n, width, bits);
    }
}

/* Where each of the four values of two bits is; where there is one bit, of the first two. */
INLINE void meet_bits(const uint64_t *bits, int64_t words, int width, vwords *values) {
    const vwords low = load_words(bits);
    values[0] = other_words(same_words(UINT64_MAX), low);
    values[1] = low;
    if (width > 1) {
        const vwords high = load_words(bits + words);
        for (int i = 0; i < 2; i++) {
            values[2 + i] = both_words(values[i], high);
            values[i] = other_words(values[i], high);
        }
    }
}

/* The planes of those of the levels [base, base + LEVELS_AT_A_TIME) that are from 1 on and below `levels`, of a block's
 * codes split into bits: each level is a product of bits, which are fewer than levels. Returns how many there are. */
static int64_t meet_levels(const uint64_t *bits, int width, int64_t words, int64_t base, int64_t levels, uint64_t *planes,
                           int64_t pitch) {
    const int64_t first = base == 0, last = levels - base < LEVELS_AT_A_TIME ? levels - base : LEVELS_AT_A_TIME;
    for (int64_t word = 0; word < words; word += VWORDS) {
        vwords within = same_words(UINT64_MAX), low[4], high[4] = {within, within, within, within};
        meet_bits(bits + word, words, width, low);
        if (width > 2)
            meet_bits(bits + 2 * words + word, words, width - 2, high);
        for (int b = 4; b < width; b++) {
            const vwords bit = load_words(bits + b * words + word);
            within = base >> b & 1 ? both_words(within, bit) : other_words(within, bit);
        }
        for (int i = 0; i < 4 && width > 4; i++)
            high[i] = both_words(high[i], within);
        for (int64_t level = first; level < last; level++)
            store_words(planes + (level - first) * pitch + word, both_words(low[level % 4], high[level / 4]));
    }
    return last - first;
}

/* ---- what planes have in common ---- */

#define OVERLAP_TILE 4

/* Some planes against some: every loaded vector meets all of the others. What follows in the planes of a, where the caller
 * goes on, is asked for meanwhile: measured on 200 planes in the third cache, a tenth of the time. */
#define DEFINE_OVERLAP(name, attribute, bits)                                                                        \
    attribute INLINE void name##_tile(const uint64_t *a, const uint64_t *b, int64_t pitch, int64_t b_pitch, int rows,\
                                      int columns, int64_t words, const uint64_t *next, int64_t *common,             \
                                      int64_t stride) {                                                              \
        vwords sums[OVERLAP_TILE][OVERLAP_TILE];                                                                     \
        for (int i = 0; i < rows; i++)                                                                               \
            for (int j = 0; j < columns; j++)                                                                        \
                sums[i][j] = no_words();                                                                             \
        for (int64_t w = 0; w < words; w += VWORDS) {                                                                \
            if (next != NULL)                                                                                        \
                PREFETCH_SECOND(next + w);                                                                           \
            vwords y[OVERLAP_TILE];                                                                                  \
            for (int j = 0; j < columns; j++)                                                                        \
                y[j] = load_words(b + j * b_pitch + w);                                                              \
            for (int i = 0; i < rows; i++) {                                                                         \
                vwords x = load_words(a + i * pitch + w);                                                            \
                for (int j = 0; j < columns; j++)                                                                    \
                    sums[i][j] = add_words(sums[i][j], bits(both_words(x, y[j])));                                   \
            }                                                                                                        \
        }                                                                                                            \
        for (int i = 0; i < rows; i++) {                                                                             \
            if (columns == OVERLAP_TILE)                                                                             \
                add_four_sums(common + i * stride, sums[i]);                                                         \
            for (int j = 0; j < columns && columns < OVERLAP_TILE; j++)                                              \
                common[i * stride + j] += sum_words(sums[i][j]);                                                     \
        }                                                                                                            \
    }                                                                                                                \
    attribute INLINE void name##_rows(const uint64_t *a, const uint64_t *b, int64_t pitch, int64_t b_pitch, int rows,\
                                      int64_t b_planes, int64_t words, int64_t *common, int64_t stride) {            \
        int64_t j = 0;                                                                                               \
        for (; j + 4 <= b_planes; j += 4)                                                                            \
            name##_tile(a, b + j * b_pitch, pitch, b_pitch, rows, 4, words,                                          \
                        j / 4 < rows ? a + j / 4 * pitch + words : NULL, common + j, stride);                        \
        if (b_planes & 2) {                                                                                          \
            name##_tile(a, b + j * b_pitch, pitch, b_pitch, rows, 2, words, NULL, common + j, stride);               \
            j += 2;                                                                                                  \
        }                                                                                                            \
        if (b_planes & 1)                                                                                            \
            name##_tile(a, b + j * b_pitch, pitch, b_pitch, rows, 1, words, NULL, common + j, stride);               \
    }                                                                                                                \
    attribute static void name(const uint64_t *a, int64_t a_planes, int64_t pitch, const uint64_t *b,                \
                               int64_t b_planes, int64_t b_pitch, int64_t words, int64_t *common, int64_t stride) {  \
        int64_t i = 0;                                                                                               \
        for (; i + 4 <= a_planes; i += 4)                                                                            \
            name##_rows(a + i * pitch, b, pitch, b_pitch, 4, b_planes, words, common + i * stride, stride);          \
        if (a_planes & 2) {                                                                                          \
            name##_rows(a + i * pitch, b, pitch, b_pitch, 2, b_planes, words, common + i * stride, stride);          \
            i += 2;                                                                                                  \
        }                                                                                                            \
        if (a_planes & 1)                                                                                            \
            name##_rows(a + i * pitch, b, pitch, b_pitch, 1, b_planes, words, common + i * stride, stride);          \
    }

DEFINE_OVERLAP(overlap_plain, , bits_of_words)
#if defined(VPOPCNT_ATTRIBUTE)
DEFINE_OVERLAP(overlap_vpopcnt, VPOPCNT_ATTRIBUTE, bits_of_words_vpopcnt)
#endif

/* common[i * stride + j] += samples in both plane i of a and plane j of b. */
static void overlap(const uint64_t *a, int64_t a_planes, int64_t a_pitch, const uint64_t *b, int64_t b_planes,
                    int64_t b_pitch, int64_t words, int64_t *common, int64_t stride) {
#if defined(VPOPCNT_ATTRIBUTE)
    if (has_vpopcnt()) {
        overlap_vpopcnt(a, a_planes, a_pitch, b, b_planes, b_pitch, words, common, stride);
        return;
    }
#endif
    overlap_plain(a, a_planes, a_pitch, b, b_planes, b_pitch, words, common, stride);
}

/* Cycles of a sample and a pair of planes, as measured. */
static double plane_cost(void) {
#if defined(VPOPCNT_ATTRIBUTE)
    return has_vpopcnt() ? 0.003 : 0.006;
#elif defined(VEC_AVX2)
    return 0.011;
#else
    return 0.05;
#endif
}

/* ---- tables ---- */

/* Adds n codes to the rows of the table that belong to the levels from 1 on; b: planes of y, one for each column. Returns
 * the largest code. */
static uint8_t count_planes(const uint8_t *x, int64_t n, int64_t levels, const uint64_t *b, int64_t b_planes, int64_t b_pitch,
                         uint64_t *scratch, int64_t *table) {
    const int64_t words = plane_words(n);
    const int width = width_of(levels);
    uint64_t *planes = scratch + 8 * words; /* behind the bits */
    const uint8_t top = split_codes(x, n, width, scratch);
    for (int64_t base = 0; base < levels; base += LEVELS_AT_A_TIME) {
        int64_t packed = meet_levels(scratch, width, words, base, levels, planes, words);
        overlap(planes, packed, words, b, b_planes, b_pitch, words, table + (base + (base == 0)) * b_planes, b_planes);
    }
    return top;
}

static void complete(int64_t *table, int64_t x_levels, int64_t y_levels, const int64_t *y_counts) {
    for (int64_t j = 0; j < y_levels; j++)
        table[j] = y_counts[j];
    for (int64_t i = 1; i < x_levels; i++) {
        for (int64_t j = 1; j < y_levels; j++) {
            table[i * y_levels] -= table[i * y_levels + j];
            table[j] -= table[i * y_levels + j];
        }
        table[0] -= table[i * y_levels];
    }
}

static int64_t pack(const char *codes, int64_t row_stride, int64_t n, int64_t levels, uint64_t *planes, int64_t pitch,
                    int64_t *counts, void *scratch) {
    uint8_t *contiguous = scratch, top = 0;
    uint64_t *bits = (uint64_t *)(contiguous + COUNTS_BLOCK), *all = bits + COUNTS_BLOCK / 8;
    const int width = width_of(levels);
    memset(all, 255, COUNTS_BLOCK / 8);
    for (int64_t row = 0; row < n; row += COUNTS_BLOCK) {
        const int64_t rows = n - row < COUNTS_BLOCK ? n - row : COUNTS_BLOCK, words = plane_words(rows);
        const uint8_t *x = (const uint8_t *)codes + row * row_stride;
        if (row_stride != 1) {
            gather_columns((const char *)x, 1, row_stride, 0, rows, 1, (char *)contiguous, rows);
            x = contiguous;
        }
        uint64_t *next = planes + row / 64;
        const uint8_t highest = split_codes(x, rows, width, levels == 2 ? next : bits); /* of two levels, bits are planes */
        top = highest > top ? highest : top;
        for (int64_t base = 0; base < levels && levels > 2; base += LEVELS_AT_A_TIME)
            next += pitch * meet_levels(bits, width, words, base, levels, next, pitch);
        overlap(planes + row / 64, levels - 1, pitch, all, 1, words, words, counts, 1);
    }
    return top;
}

#endif
