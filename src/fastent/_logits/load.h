/* Pieces of rows as contiguous REALs: pointers into the array where they are that already, otherwise converted copies.
 *
 * Included once per REAL, with ITEM its number type; see lanes.h.
 */

/* n items at an address of any alignment */
#define CONVERT(dtype, type, expression)                                     \
    case dtype:                                                              \
        for (int64_t i = 0; i < n; i++) {                                    \
            type item;                                                       \
            memcpy(&item, source + i * (int64_t)sizeof(type), sizeof(type)); \
            target[i] = (REAL)(expression);                                  \
        }                                                                    \
        break;

static void NAMED(convert)(REAL *target, const char *source, int dtype, int64_t n) {
    switch (dtype) {
        CONVERT(ITEM_FLOAT64, double, item)
        CONVERT(ITEM_FLOAT32, float, item)
        CONVERT(ITEM_BFLOAT16, uint16_t, bfloat_to_float(item))
#if defined(FROM_HALVES)
    case ITEM_FLOAT16:
        FROM_HALVES(target, source, n);
        break;
#else
        CONVERT(ITEM_FLOAT16, uint16_t, half_to_float(item))
#endif
    }
}
#undef CONVERT

INLINE int NAMED(is_direct)(const logits_operand *operand) {
    return operand->dtype == ITEM && !operand->swapped && operand->along == (int64_t)sizeof(REAL);
}

/* Entries [start, start + n) of the row at byte offset `row`. */
static const REAL *NAMED(load_entries)(const logits_operand *operand, int64_t row, int64_t start, int64_t n, REAL *target,
                                       char *raw) {
    const char *source = operand->data + row + start * operand->along;
    int64_t size = item_size(operand->dtype);
    if (NAMED(is_direct)(operand))
        return (const REAL *)source;
    if (operand->along == size && !operand->swapped) {
        NAMED(convert)(target, source, operand->dtype, n);
        return target;
    }
    gather(raw, source, operand->along, n, size, operand->swapped);
    NAMED(convert)(target, raw, operand->dtype, n);
    return target;
}

/* The same of several rows that lie side by side in memory: entry by entry, so that every line of it is read once. */
static void NAMED(load_beside)(const logits_operand *operand, int64_t row, int64_t step, int rows, int64_t start, int64_t n,
                               REAL *const *targets) {
    const char *source = operand->data + row + start * operand->along;
    int64_t size = item_size(operand->dtype);
    for (int64_t i = 0; i < n; i++, source += operand->along) {
        char raw[8 * VL];
        REAL line[VL];
        gather(raw, source, step, rows, size, operand->swapped);
        NAMED(convert)(line, raw, operand->dtype, rows);
        for (int r = 0; r < rows; r++)
            targets[r][i] = line[r];
    }
}

/* Where entries of a row are written: in place, or in `target`, from where put_entries takes them. */
INLINE REAL *NAMED(place_of)(const logits_operand *operand, int64_t row, int64_t start, REAL *target) {
    return NAMED(is_direct)(operand) ? (REAL *)(operand->data + row + start * operand->along) : target;
}

static void NAMED(put_entries)(const logits_operand *operand, int64_t row, int64_t start, int64_t n, const REAL *values) {
    char *target = operand->data + row + start * operand->along;
    if (NAMED(is_direct)(operand))
        return;
    for (int64_t i = 0; i < n; i++) {
        double wide = values[i];
        float narrow = (float)values[i];
        if (operand->dtype == ITEM_FLOAT64)
            memcpy(target + i * operand->along, &wide, sizeof(wide));
        else
            memcpy(target + i * operand->along, &narrow, sizeof(narrow));
    }
}
