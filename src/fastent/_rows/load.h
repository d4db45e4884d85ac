/* Bring pieces of an operand into contiguous REALs (double, or float): any dtype, any strides, byte order, mask.
 *
 * Three steps, each a plain loop the compiler vectorises: gather (strides, byte order: by item size only), convert (dtype
 * only), mask and scale. So no loop is written for a combination of them. Contiguous rows of REALs that are unmasked and
 * unscaled are not copied: load_row returns a pointer into the array.
 *
 * Included once per REAL, with REAL_DTYPE, REAL_LANES (of its vector), REAL_ROWS (transposed at a time) and perhaps
 * REAL_FROM_HALVES (instructions that convert float16) beside it.
 */
#define NAMED_AS(name, real) name##_##real
#define NAMED_BY(name, real) NAMED_AS(name, real)
#define NAMED(name) NAMED_BY(name, REAL)

/* n items at an address of any alignment */
#define CONVERT(dtype, type, expression)                                  \
    case dtype:                                                           \
        for (int64_t i = 0; i < n; i++) {                                 \
            type item;                                                    \
            memcpy(&item, source + i * (int64_t)sizeof(type), sizeof(type)); \
            target[i] = (REAL)(expression);                               \
        }                                                                 \
        break;

static void NAMED(convert)(REAL *target, const char *source, int dtype, int64_t n) {
    switch (dtype) {
        CONVERT(ITEM_FLOAT64, double, item)
        CONVERT(ITEM_FLOAT32, float, item)
#if defined(REAL_FROM_HALVES)
    case ITEM_FLOAT16:
        REAL_FROM_HALVES(target, source, n);
        break;
#else
        CONVERT(ITEM_FLOAT16, uint16_t, half_to_float(item))
#endif
        CONVERT(ITEM_BFLOAT16, uint16_t, bfloat_to_float(item))
        CONVERT(ITEM_INT8, int8_t, item)
        CONVERT(ITEM_INT16, int16_t, item)
        CONVERT(ITEM_INT32, int32_t, item)
        CONVERT(ITEM_INT64, int64_t, int64_to_double(item))
        CONVERT(ITEM_UINT8, uint8_t, item)
        CONVERT(ITEM_UINT16, uint16_t, item)
        CONVERT(ITEM_UINT32, uint32_t, item)
        CONVERT(ITEM_UINT64, uint64_t, uint64_to_double(item))
    }
}

/* n items a stride apart, converted */
static void NAMED(load_run)(const rows_operand *operand, const char *source, int64_t stride, int64_t n, REAL *target,
                     const struct loader *loader) {
    int64_t size = item_size(operand->dtype);
    if (stride == size && !operand->swapped) {
        NAMED(convert)(target, source, operand->dtype, n);
        return;
    }
    while (n > 0) {
        int64_t part = n < LOAD_CHUNK ? n : LOAD_CHUNK;
        gather(loader->raw, source, stride, part, size, operand->swapped);
        NAMED(convert)(target, loader->raw, operand->dtype, part);
        source += part * stride;
        target += part;
        n -= part;
    }
}

/* Entries [start, start + n) of the row at byte offset `row`. */
static void NAMED(load_entries)(const rows_job *job, const rows_operand *operand, int64_t row, int64_t start, int64_t n,
                         REAL *target, const struct loader *loader) {
    while (n > 0) {
        int64_t run, offset = reduce_offset(job, operand, start, &run);
        if (run > n)
            run = n;
        NAMED(load_run)(operand, operand->data + row + offset, operand->reduce_strides[job->reduce_dims - 1], run, target, loader);
        start += run;
        target += run;
        n -= run;
    }
}

INLINE void NAMED(keep_where)(REAL *target, const REAL *mask, int64_t n) {
    for (int64_t i = 0; i < n; i++) /* selection, not a product: what is masked may be NaN */
        target[i] = mask[i] != 0 ? target[i] : 0;
}

/* A block of one row: a pointer into the array where that will do, otherwise `target`. */
static const REAL *NAMED(load_row)(const rows_job *job, const rows_operand *operand, int64_t row, int64_t where_row, int64_t start,
                              int64_t n, double scale, REAL *target, const struct loader *loader) {
    int64_t stride = operand->reduce_strides[job->reduce_dims - 1];
    if (operand->dtype == REAL_DTYPE && !operand->swapped && stride == (int64_t)sizeof(REAL) && job->reduce_dims == 1
        && scale == 1 && job->where.data == NULL)
        return (const REAL *)(operand->data + row) + start;
    NAMED(load_entries)(job, operand, row, start, n, target, loader);
    if (job->where.data != NULL) {
        NAMED(load_entries)(job, &job->where, where_row, start, n, loader->staging, loader);
        NAMED(keep_where)(target, loader->staging, n);
    }
    if (scale != 1)
        for (int64_t i = 0; i < n; i++)
            target[i] = (REAL)scaled_entry(target[i], scale);
    return target;
}

/* Rows side by side: entry j of output w to target[j * ROWS_TILE_ROW + w]. */
static void NAMED(load_columns)(const rows_job *job, const rows_operand *operand, int64_t row, int64_t width, int64_t start,
                         int64_t n, REAL *target, const struct loader *loader) {
    int64_t size = item_size(operand->dtype);
    int64_t across = operand->batch_strides[job->batch_dims - 1];
    int64_t along = operand->reduce_strides[job->reduce_dims - 1];
    if (across == 0 || along != size || job->reduce_dims > 1 || across == size) {
        for (int64_t j = 0, run; j < n; j += run) {
            const char *source = operand->data + row + reduce_offset(job, operand, start + j, &run);
            if (run > n - j)
                run = n - j;
            for (int64_t i = 0; i < run; i++)
                NAMED(load_run)(operand, source + i * along, across, width, target + (j + i) * ROWS_TILE_ROW, loader);
        }
        return;
    }
    /* contiguous rows: convert several at once, then transpose */
    const char *source = operand->data + row + start * size;
    int whole = across == n * size; /* the rows follow each other without gaps */
    int direct = operand->dtype == REAL_DTYPE && !operand->swapped;
    int64_t group = LOAD_CHUNK / n / REAL_ROWS * REAL_ROWS;
    for (int64_t first = 0; first < width; first += group) {
        int64_t rows = width - first < group ? width - first : group;
        const char *from = source + first * across;
        const REAL *staged = loader->staging;
        int64_t pitch = n;
        if (direct && across % (int64_t)sizeof(REAL) == 0) {
            staged = (const REAL *)from;
            pitch = across / (int64_t)sizeof(REAL);
        } else if (whole) {
            NAMED(load_run)(operand, from, size, rows * n, loader->staging, loader);
        } else {
            for (int64_t w = 0; w < rows; w++)
                NAMED(load_run)(operand, from + w * across, size, n, (REAL *)loader->staging + w * n, loader);
        }
        int64_t w = 0;
        for (; w + REAL_ROWS <= rows; w += REAL_ROWS)
            NAMED(transpose_rows)(staged + w * pitch, pitch, n, target + first + w, ROWS_TILE_ROW);
        for (; w < rows; w++)
            for (int64_t j = 0; j < n; j++)
                memcpy(target + j * ROWS_TILE_ROW + first + w, staged + w * pitch + j, sizeof(REAL));
    }
}

/* A block of a tile, mask and per-output scale applied; unused lanes of the last vector hold ones, a valid row. */
static void NAMED(load_tile)(const rows_job *job, const rows_operand *operand, int64_t row, int64_t where_row, int64_t width,
                      int64_t start, int64_t n, const double *scales, REAL *target, REAL *mask,
                      const struct loader *loader) {
    NAMED(load_columns)(job, operand, row, width, start, n, target, loader);
    if (job->where.data != NULL)
        NAMED(load_columns)(job, &job->where, where_row, width, start, n, mask, loader);
    for (int64_t j = 0; j < n; j++) {
        REAL *entries = target + j * ROWS_TILE_ROW;
        if (job->where.data != NULL)
            NAMED(keep_where)(entries, mask + j * ROWS_TILE_ROW, width);
        if (scales != NULL)
            for (int64_t w = 0; w < width; w++)
                entries[w] = (REAL)scaled_entry(entries[w], scales[w]);
        for (int64_t w = width; w % REAL_LANES; w++)
            entries[w] = 1;
    }
}

#undef REAL
#undef REAL_DTYPE
#undef REAL_LANES
#undef REAL_ROWS
#undef REAL_FROM_HALVES
#undef CONVERT
#undef NAMED
#undef NAMED_AS
#undef NAMED_BY
