/* Single entries: their sizes, byte orders and conversions, whatever the type they are converted to. */
#ifndef FASTENT_ITEMS_H
#define FASTENT_ITEMS_H

#include "dtypes.h"
#include "vec.h"

INLINE int64_t item_size(int dtype) {
    static const int8_t sizes[ITEM_DTYPES] = {8, 4, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8};
    return sizes[dtype];
}

INLINE float half_to_float(uint16_t half) {
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

INLINE float bfloat_to_float(uint16_t bfloat) {
    uint32_t bits = (uint32_t)bfloat << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

#if defined(VEC_AVX512)
INLINE double uint64_to_double(uint64_t n) { return (double)n; }
INLINE double int64_to_double(int64_t n) { return (double)n; }
#else
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
#endif

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

#endif
