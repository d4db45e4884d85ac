/* The counting kernels: columns of codes to contingency tables, and tables to entropies and mutual information.
 *
 * Counts are exact integers, so nothing here depends on how the samples are cut. What is computed from them uses terms
 * that cannot be negative, and exact products of counts: independent columns have a mutual information of exactly 0.
 */
#include "kernels.h"

#include "../_simd/log.h"
#include "../_simd/columns.h"

#define CELLS_OF_A_BYTE 256

INLINE uint8_t largest_byte(const uint8_t *bytes, int64_t n) {
    uint8_t top = 0;
    for (int64_t i = 0; i < n; i++)
        top = bytes[i] > top ? bytes[i] : top;
    return top;
}

#include "planes.h"

/* ---- one block of one column against the target ---- */

INLINE void count_cells(const char *x, int64_t x_item, const char *y, int64_t y_item, int64_t y_levels, int64_t n,
                        int64_t *table) {
    for (int64_t i = 0; i < n; i++)
        table[code_at(x, x_item, i) * y_levels + code_at(y, y_item, i)]++;
}

INLINE void weigh_cells(const char *x, int64_t x_item, const char *y, int64_t y_item, int64_t y_levels, int64_t n,
                        const double *weights, double *table) {
    for (int64_t i = 0; i < n; i++)
        table[code_at(x, x_item, i) * y_levels + code_at(y, y_item, i)] += weights[i];
}

/* Four private tables: samples of the same cell in a row do not wait for each other. */
static void count_bytes(const uint8_t *bytes, int64_t n, uint32_t (*tables)[CELLS_OF_A_BYTE], int64_t *table, int64_t cells) {
    memset(tables, 0, 4 * sizeof(*tables));
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        for (int b = 0; b < 8; b++)
            tables[b % 4][(word >> (8 * b)) & 255]++;
    }
    for (; i < n; i++)
        tables[0][bytes[i]]++;
    for (int64_t c = 0; c < cells; c++)
        table[c] += (int64_t)tables[0][c] + tables[1][c] + tables[2][c] + tables[3][c];
}

static void count_words(const uint8_t *x, const uint8_t *y, int64_t x_levels, int64_t y_levels, int64_t n, uint8_t *combined,
                        uint32_t (*tables)[CELLS_OF_A_BYTE], int64_t *table) {
    if (y_levels == 1) {
        count_bytes(x, n, tables, table, x_levels);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        combined[i] = (uint8_t)(x[i] * y_levels + y[i]);
    count_bytes(combined, n, tables, table, x_levels * y_levels);
}

static void count(const counts_job *job, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch,
                  void *tables) {
    char *columns = scratch;
    uint64_t *planes = (uint64_t *)(columns + COUNTS_GROUP * COUNTS_PITCH * 2);
    uint8_t *combined = (uint8_t *)planes;
    uint32_t(*private_tables)[CELLS_OF_A_BYTE] = (uint32_t(*)[CELLS_OF_A_BYTE])(combined + COUNTS_BLOCK);
    const int64_t pitch = COUNTS_PITCH * job->item, cell = 8;
    for (int64_t row = row_begin; row < row_end; row += COUNTS_BLOCK) {
        int64_t n = row_end - row < COUNTS_BLOCK ? row_end - row : COUNTS_BLOCK;
        const char *y = job->y + row * job->y_item;
        for (int64_t group = begin; group < end; group += COUNTS_GROUP) {
            int64_t width = end - group < COUNTS_GROUP ? end - group : COUNTS_GROUP;
            const char *source = job->x + row * job->row_stride + group * job->column_stride;
            int direct = job->row_stride == job->item;
            /* the last, smaller group is gathered together with columns before it */
            int64_t shift = group + width >= COUNTS_GROUP ? COUNTS_GROUP - width : 0;
            if (!direct)
                gather_columns(source - shift * job->column_stride, job->item, job->row_stride, job->column_stride, n,
                               shift + width, columns, pitch);
            for (int64_t c = 0; c < width; c++) {
                const char *x = direct ? source + c * job->column_stride : columns + (c + shift) * pitch;
                char *table = (char *)tables + (group + c - begin) * job->table_stride * cell;
                int64_t x_levels = job->levels[group + c];
                int method = job->methods[group + c];
                int64_t top = 0;
                if (method == COUNTS_PLANES)
                    top = count_planes((const uint8_t *)x, n, x_levels, job->y_planes + row / 64, job->y_levels, job->pitch,
                                       planes, (int64_t *)table);
                else if (job->outside != NULL)
                    top = largest_byte((const uint8_t *)x, n);
                if (job->outside != NULL && top >= x_levels)
                    raise_flag(job->outside);
                else if (method == COUNTS_PLANES)
                    continue;
                else if (job->weights != NULL)
                    weigh_cells(x, job->item, y, job->y_item, job->y_levels, n, job->weights + row, (double *)table);
                else if (method == COUNTS_WORDS)
                    count_words((const uint8_t *)x, (const uint8_t *)y, x_levels, job->y_levels, n, combined, private_tables,
                                (int64_t *)table);
                else if (job->item == 1 && job->y_item == 1)
                    count_cells(x, 1, y, 1, job->y_levels, n, (int64_t *)table);
                else
                    count_cells(x, job->item, y, job->y_item, job->y_levels, n, (int64_t *)table);
            }
        }
    }
}

#include "codes.h"

#include "information.h"

#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(counts_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const counts_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .count = count,
    .complete = complete,
    .plane_cost = plane_cost,
    .pack = pack,
    .overlap = overlap,
    .statistics = statistics,
    .entropy = entropy,
    .largest = largest,
    .narrow = narrow,
    .count_integers = count_integers,
};
