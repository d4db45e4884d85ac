/* c ln c in integers, what sums of them say, and what of that is rounding. */
#ifndef FASTENT_SELECT_TERMS_H
#define FASTENT_SELECT_TERMS_H

#include "../_simd/vec.h"
#include "kernels.h"

/* c ln c from ln c in units of 2^-58; c < 2^32. */
INLINE int64_t scaled_product(int64_t c, uint64_t log, int64_t scale) {
    uint64_t high = (uint64_t)c * (log >> 32), low = (uint64_t)c * (log & UINT32_MAX);
    if (scale >= SELECT_LOG_BITS - 32)
        return (int64_t)((high << (scale - (SELECT_LOG_BITS - 32))) + (low >> (SELECT_LOG_BITS - scale)));
    return (int64_t)((high + (low >> 32)) >> (SELECT_LOG_BITS - 32 - scale));
}

/* ln c = ln q + e ln 2 + ln(1 + d), where q are the leading 16 bits of c and d < 2^-15 is what the others add. */
static uint64_t log_of(const select_terms *terms, int64_t c) {
    int64_t e = 0;
    while (c >> e >= SELECT_SMALL)
        e++;
    int64_t q = c >> e, rest = c - (q << e);
    double d = (double)rest / (double)(c - rest);
    double more = d * (1 - d * (0.5 - d * (1.0 / 3 - d * (0.25 - d * 0.2))));
    return terms->logs[q] + (uint64_t)e * terms->logs[2] + (uint64_t)(more * 0x1p58 + 0.5);
}

static int64_t term(const select_terms *terms, int64_t c) { return scaled_product(c, log_of(terms, c), terms->scale); }

INLINE int64_t term_of(const select_terms *terms, int64_t c) {
    return c < terms->limit ? terms->small[c] : term(terms, c);
}

INLINE int64_t information(const select_sums *s, int64_t which) {
    switch (which) {
        case SELECT_MI_XW: return (s->xw - s->x) - (s->w - s->n);
        case SELECT_MI_XW_GIVEN_Y: return (s->xwy - s->xy) - (s->wy - s->y);
        case SELECT_MI_XW_Y: return (s->xwy - s->xw) - (s->y - s->n);
        case SELECT_MI_XY_GIVEN_W: return (s->xwy - s->xw) - (s->wy - s->w);
        default: return s->n - s->xwy;
    }
}

/* Each of c ln c is cut off by at most one unit and by what its logarithm lacks: what is not more than that is 0. */
INLINE int64_t rounding_of(const select_terms *terms, int64_t samples, int64_t cells) {
    int64_t logs = (samples >> (SELECT_LOG_BITS - terms->scale)) + 1;
    return 2 * cells + 8 + (samples < SELECT_SMALL ? 2 : 80) * logs;
}

#endif
