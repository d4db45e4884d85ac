/* Columns of two levels, of which there are often very many: what a group of their planes says, without a table. */
#ifndef FASTENT_SELECT_TWOS_H
#define FASTENT_SELECT_TWOS_H

#include "terms.h"

/* The counts of lane `lane` where w has its second level and y the level y, for both levels of x, and where w has its first. */
INLINE void cells_of_two(const int64_t *common, int64_t lane, const int64_t *x_counts, const int64_t *w_counts, int64_t y,
                         int64_t y_levels, int64_t cells[4]) {
    cells[0] = common[y * SELECT_LANES + lane];
    cells[1] = w_counts[y_levels + y] - cells[0];
    cells[2] = x_counts[y_levels + y] - cells[0];
    cells[3] = w_counts[y] - cells[2];
}

INLINE int64_t positive_of_two(const int64_t *common, int64_t lane, const int64_t *x_counts, const int64_t *w_counts,
                               int64_t y_levels) {
    int64_t positive = 0, cells[4];
    for (int64_t y = 0; y < y_levels; y++) {
        cells_of_two(common, lane, x_counts, w_counts, y, y_levels, cells);
        for (int i = 0; i < 4; i++)
            positive += cells[i] > 0;
    }
    return positive;
}

INLINE void tell_lanes(const select_terms *terms, const int64_t *common, int64_t y_levels, const select_twos *x,
                       const int64_t *columns, int64_t count, const int64_t *w_counts, const select_sums *known,
                       const int64_t *which, int64_t statistics, double *result, int64_t stride) {
    const int64_t *small = terms->small;
    int64_t xwy[SELECT_LANES], xw[SELECT_LANES];
    for (int64_t lane = 0; lane < count; lane++) {
        const int64_t *x_counts = x->counts + x->first_counts[columns[lane]] * y_levels;
        int64_t sum = 0, both[4] = {0}, cells[4];
        for (int64_t y = 0; y < y_levels; y++) {
            cells_of_two(common, lane, x_counts, w_counts, y, y_levels, cells);
            for (int i = 0; i < 4; i++) {
                both[i] += cells[i];
                sum += small[cells[i]];
            }
        }
        xwy[lane] = sum;
        xw[lane] = y_levels == 1 ? sum : small[both[0]] + small[both[1]] + small[both[2]] + small[both[3]];
    }
    /* most are beyond what rounding may be at most: only the others' cells are looked at */
    const int64_t samples = known->samples, rounding = rounding_of(terms, samples, 4 * y_levels);
    const double unit = samples > 0 ? terms->unit / (double)samples : 0;
    for (int64_t i = 0; i < statistics; i++)
        for (int64_t lane = 0; lane < count; lane++) {
            const int64_t column = columns[lane];
            select_sums s = *known;
            s.xwy = xwy[lane], s.xw = xw[lane], s.x = x->x_sums[column], s.xy = x->xy_sums[column];
            int64_t found = information(&s, which[i]);
            if (found <= rounding) {
                const int64_t *x_counts = x->counts + x->first_counts[column] * y_levels;
                int64_t positive = positive_of_two(common, lane, x_counts, w_counts, y_levels);
                found = found > rounding_of(terms, samples, positive) ? found : 0;
            }
            result[i * stride + column] = (double)found * unit;
        }
}

static void tell_twos(const select_terms *terms, const int64_t *common, int64_t y_levels, const select_twos *x,
                      const int64_t *columns, int64_t count, const int64_t *w_counts, const select_sums *known,
                      const int64_t *which, int64_t statistics, double *result, int64_t stride) {
    if (y_levels == 1)
        tell_lanes(terms, common, 1, x, columns, count, w_counts, known, which, statistics, result, stride);
    else if (y_levels == 2)
        tell_lanes(terms, common, 2, x, columns, count, w_counts, known, which, statistics, result, stride);
    else
        tell_lanes(terms, common, y_levels, x, columns, count, w_counts, known, which, statistics, result, stride);
}

#endif
