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

/* ---- what tables say ---- */

INLINE vd load_counts(const double *counts, int64_t i, int64_t n, double filling) {
    return i + VL <= n ? vload(counts + i) : vpad(vload_part(counts + i, n - i), n - i, filling);
}

/* Sum of counts, exact as long as it fits. */
INLINE double total_of(const double *counts, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += counts[i];
    return sum;
}

/* part ln(whole/part), for part = whole + lost - rest: never negative, and with all digits where little is left. */
INLINE vd surprise(vd part, vd whole, vd lost) {
    return part * vlog_ratio_value(vlog_ratio(whole, part, (whole - part) + lost, PRECISE));
}

/* Sums that come out the same in either order of x and y: exact up to the last digit of the total. */
struct exact_sum {
    vd high, low;
};

INLINE void add_exactly(struct exact_sum *sum, vd term) {
    vd lost;
    sum->high = vtwo_sum(sum->high, term, &lost);
    sum->low += lost;
}

INLINE double exact_total(const struct exact_sum *sum) {
    double high = 0, low = 0;
    for (int i = 0; i < VL; i++) {
        double term = vlane(sum->high, i), next = high + term, from = next - high;
        low += (high - (next - from)) + (term - from) + vlane(sum->low, i);
        high = next;
    }
    return high + low;
}

static double entropy_of(const double *counts, int64_t n, double total) {
    struct exact_sum sum = {vset(0), vset(0)}, weights = sum;
    add_exactly(&weights, vset(-total / VL));
    for (int64_t i = 0; i < n; i += VL)
        add_exactly(&weights, load_counts(counts, i, n, 0));
    const vd lost = vset(exact_total(&weights)); /* by the roundings of the total */
    for (int64_t i = 0; i < n; i += VL) {
        vd c = load_counts(counts, i, n, 0);
        vm some = vlt(vset(0), c);
        add_exactly(&sum, vselect(some, surprise(vselect(some, c, vset(total)), vset(total), lost), vset(0)));
    }
    return total > 0 ? exact_total(&sum) / total : __builtin_nan("");
}

static double entropy(const double *counts, int64_t n) { return entropy_of(counts, n, total_of(counts, n)); }

static void statistics(const double *cells, const double *rows, const double *columns, int64_t n, const double *x_counts,
                       int64_t x_levels, const double *y_counts, int64_t y_levels, int mi_only, double *result) {
    const struct exact_sum nothing = {vset(0), vset(0)};
    struct exact_sum joint = nothing, x_given_y = nothing, y_given_x = nothing, shared = nothing, expected = nothing;
    /* two orders of adding weights up; half of both is the same for (y, x) */
    const double total = 0.5 * (total_of(x_counts, x_levels) + total_of(y_counts, y_levels));
    int64_t x_used = 0, y_used = 0;
    for (int64_t i = 0; i < x_levels; i++)
        x_used += x_counts[i] > 0;
    for (int64_t i = 0; i < y_levels; i++)
        y_used += y_counts[i] > 0;
    for (int64_t i = 0; i < n; i += VL) {
        vd cell = load_counts(cells, i, n, 0), row = load_counts(rows, i, n, 1), column = load_counts(columns, i, n, 1);
        vm some = vlt(vset(0), cell);
        vd c = vselect(some, cell, vset(1));
        if (!mi_only) {
            add_exactly(&joint, vselect(some, surprise(c, vset(total), vset(0)), vset(0)));
            add_exactly(&x_given_y, vselect(some, surprise(c, column, vset(0)), vset(0)));
            add_exactly(&y_given_x, vselect(some, surprise(c, row, vset(0)), vset(0)));
        }
        /* c total against row column: both products exact, so that independence is seen as such */
        vd observed = c * vset(total), independent = row * column;
        vd lost = vproduct_error(row, column, independent);
        vd difference = (observed - independent) + (vproduct_error(c, vset(total), observed) - lost);
        add_exactly(&shared, vselect(some, vkl_term(observed, independent, difference, PRECISE), vset(0)));
        add_exactly(&expected, vselect(some, independent, vset(0)));
        add_exactly(&expected, vselect(some, lost, vset(0)));
    }
    result[COUNTS_H_XY] = exact_total(&joint) / total;
    result[COUNTS_H_X_GIVEN_Y] = exact_total(&x_given_y) / total;
    result[COUNTS_H_Y_GIVEN_X] = exact_total(&y_given_x) / total;
    if (!mi_only || n == x_used || n == y_used) {
        result[COUNTS_H_X] = entropy_of(x_counts, x_levels, total);
        result[COUNTS_H_Y] = entropy_of(y_counts, y_levels, total);
    }
    /* an empty cell counts with what was expected in it: total^2 less all that was expected elsewhere */
    double missing = 0;
    if (n < x_used * y_used) {
        double square = total * total, lost = vlane(vproduct_error(vset(total), vset(total), vset(square)), 0);
        add_exactly(&expected, vset(-square / VL));
        add_exactly(&expected, vset(-lost / VL));
        missing = -exact_total(&expected);
        missing = missing > 0 ? missing : 0;
    }
    double mi = (exact_total(&shared) + missing) / total / total;
    /* the same partition under other names: its entropy, added up in two orders, is one number */
    if (n == x_used && n == y_used)
        result[COUNTS_H_X] = result[COUNTS_H_Y] = result[COUNTS_H_XY] =
            result[result[COUNTS_H_X] < result[COUNTS_H_Y] ? COUNTS_H_X : COUNTS_H_Y];
    /* one variable decides the other: nothing is left to round */
    if (n == x_used)
        mi = result[COUNTS_H_Y];
    if (n == y_used)
        mi = result[COUNTS_H_X];
    result[COUNTS_MI] = mi;
}

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
