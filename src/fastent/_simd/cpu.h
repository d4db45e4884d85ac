/* Which x86-64 level this processor and operating system can run: 1 (baseline), 3 or 4.
 *
 * Both must agree: the processor has the instructions (CPUID), the system saves their registers (XGETBV).
 */
#ifndef FASTENT_CPU_H
#define FASTENT_CPU_H

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>

static int has_bits(unsigned value, unsigned bits) { return (value & bits) == bits; }

static int x86_level(void) {
    unsigned a, b, c, d, b7, c7, d7, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_bits(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_POPCNT))
        return 1;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !has_bits(saved, 0x06))
        return 1; /* xmm and ymm state */
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !has_bits(c, bit_LZCNT) || !has_bits(b7, bit_AVX2 | bit_BMI | bit_BMI2))
        return 1;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    return has_bits(saved, 0xe6) && has_bits(b7, avx512) ? 4 : 3; /* and opmask, zmm state */
}
#else
static int x86_level(void) { return 1; }
#endif

#endif
