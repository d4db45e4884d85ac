/* What tables say: entropies and mutual information. Part of kernels.c.
 *
 * Sums are kept to twice the digits, and so are the numbers themselves where they have low parts: what one cell leaves of
 * its row or of the total may be far below the last digit of either.
 */
#ifndef FASTENT_INFORMATION_H
#define FASTENT_INFORMATION_H

struct parts {
    vd high, low;
};

INLINE vd load_counts(const double *counts, int64_t i, int64_t n, double filling) {
    return i + VL <= n ? vload(counts + i) : vpad(vload_part(counts + i, n - i), n - i, filling);
}

INLINE struct parts load_parts(counts_parts counts, int64_t i, int64_t n, double filling, int two_parts) {
    return (struct parts){load_counts(counts.high, i, n, filling), two_parts ? load_counts(counts.low, i, n, 0) : vset(0)};
}

/* Sums that come out the same in either order of x and y: exact up to the last digit of the total. */
INLINE void add_exactly(struct parts *sum, vd term) {
    vd lost;
    sum->high = vtwo_sum(sum->high, term, &lost);
    sum->low += lost;
}

INLINE double exact_total(const struct parts *sum, double *rest) {
    double high = 0, low = 0;
    for (int i = 0; i < VL; i++) {
        double term = vlane(sum->high, i), next = high + term, from = next - high;
        low += (high - (next - from)) + (term - from) + vlane(sum->low, i);
        high = next;
    }
    double total = high + low;
    *rest = low - (total - high);
    return total;
}

INLINE double rounded_total(const struct parts *sum) {
    double rest;
    return exact_total(sum, &rest);
}

INLINE struct parts total_of(counts_parts counts, int64_t n, int two_parts) {
    struct parts sum = {vset(0), vset(0)};
    for (int64_t i = 0; i < n; i += VL) {
        struct parts c = load_parts(counts, i, n, 0, two_parts);
        add_exactly(&sum, c.high);
        sum.low += c.low;
    }
    double low, high = exact_total(&sum, &low);
    return (struct parts){vset(high), vset(low)};
}

/* Of integers, whose sums are exact. */
INLINE struct parts total_of_integers(const double *counts, int64_t n) {
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += counts[i];
    return (struct parts){vset(total), vset(0)};
}

/* part ln(whole/part): never negative, and with all digits where little is left. */
INLINE vd surprise(struct parts part, struct parts whole) {
    vd rest = (whole.high - part.high) + (whole.low - part.low);
    return part.high * vlog_ratio_value(vlog_ratio(whole.high, part.high, rest, PRECISE));
}

/* A count next to the total is at a distance that is summed without it. */
INLINE double entropy_of(const double *counts, int64_t n, double total) {
    struct parts sum = {vset(0), vset(0)}, others = sum;
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = counts[i] > largest ? counts[i] : largest;
    for (int64_t i = 0; i < n; i += VL) {
        vd c = load_counts(counts, i, n, 0);
        add_exactly(&others, vselect(vlt(c, vset(largest)), c, vset(0)));
    }
    const vd rest = vset(rounded_total(&others));
    for (int64_t i = 0; i < n; i += VL) {
        vd c = load_counts(counts, i, n, 0);
        vm some = vlt(vset(0), c);
        c = vselect(some, c, vset(total));
        add_exactly(&sum, vselect(some, c * vlog_ratio_value(vlog_ratio(vset(total), c, rest, PRECISE)), vset(0)));
    }
    return total > 0 ? rounded_total(&sum) / total : __builtin_nan("");
}

static double entropy(const double *counts, int64_t n) {
    const struct parts total = total_of((counts_parts){(double *)counts, NULL}, n, 0);
    return entropy_of(counts, n, vlane(total.high, 0));
}

/* c total against row column, a term that is never negative: both products exact, so that independence is seen as such.
 * Two parts are of numbers far apart, so the row is scaled to [1, 2), for the products to stay inside float64. */
INLINE vd shared_term(struct parts c, struct parts total, struct parts row, struct parts column, int two_parts) {
    vd observed = c.high * total.high, observed_lost = vproduct_error(c.high, total.high, observed);
    vd exponent, back = vset(1), smaller = vset(0);
    if (two_parts) {
        vsplit(row.high, &exponent);
        back = vpow2(exponent);
        const vd scale = vpow2(-exponent);
        row.high *= scale;
        row.low *= scale;
        observed *= scale;
        observed_lost *= scale;
        smaller = (c.high * total.low + c.low * total.high) * scale - (row.high * column.low + row.low * column.high);
    }
    vd independent = row.high * column.high, lost = vproduct_error(row.high, column.high, independent);
    if (!two_parts) {
        vd difference = (observed - independent) + (observed_lost - lost);
        return vkl_term(observed, independent, difference, PRECISE);
    }
    vd rest, between = vtwo_sum(observed_lost, -lost, &rest);
    vd difference = ((observed - independent) + between) + (rest + smaller);
    /* sums of two parts are rounded themselves: less than that says nothing */
    difference = vselect(vlt(vset(0x1p-98) * independent, vabs(difference)), difference, vset(0));
    return back * vkl_term(observed, independent, difference, PRECISE);
}

INLINE void statistics_in(const counts_cells *t, int mi_only, int two_parts, double *result) {
    const struct parts nothing = {vset(0), vset(0)}, one = {vset(1), vset(0)};
    struct parts joint = nothing, x_given_y = nothing, y_given_x = nothing, shared = nothing;
    struct parts total = total_of_integers(t->x_counts.high, t->x_levels);
    if (two_parts) { /* two orders of adding weights up; half of both is the same for (y, x) */
        const struct parts of_x = total_of(t->x_counts, t->x_levels, 1), of_y = total_of(t->y_counts, t->y_levels, 1);
        total.high = vtwo_sum(of_x.high * vset(0.5), of_y.high * vset(0.5), &total.low);
        total.low += (of_x.low + of_y.low) * vset(0.5);
    }
    const double whole = vlane(total.high, 0);
    int64_t x_used = 0, y_used = 0;
    for (int64_t i = 0; i < t->x_levels; i++)
        x_used += t->x_counts.high[i] > 0;
    for (int64_t i = 0; i < t->y_levels; i++)
        y_used += t->y_counts.high[i] > 0;
    for (int64_t i = 0; i < t->n; i += VL) {
        struct parts c = load_parts(t->cells, i, t->n, 0, two_parts);
        struct parts row = load_parts(t->rows, i, t->n, 1, two_parts), column = load_parts(t->columns, i, t->n, 1, two_parts);
        vm some = vlt(vset(0), c.high);
        c.high = vselect(some, c.high, one.high);
        if (!mi_only) {
            add_exactly(&joint, vselect(some, surprise(c, total), vset(0)));
            add_exactly(&x_given_y, vselect(some, surprise(c, column), vset(0)));
            add_exactly(&y_given_x, vselect(some, surprise(c, row), vset(0)));
        }
        add_exactly(&shared, vselect(some, shared_term(c, total, row, column, two_parts), vset(0)));
    }
    /* an empty cell counts with what was expected in it */
    for (int64_t i = 0; i < t->x_levels && t->n < x_used * y_used; i += VL) {
        struct parts row = load_parts(t->x_counts, i, t->x_levels, 0, two_parts);
        struct parts vacant = load_parts(t->vacant, i, t->x_levels, 0, two_parts);
        vd product = row.high * vacant.high;
        add_exactly(&shared, product);
        add_exactly(&shared, vproduct_error(row.high, vacant.high, product));
        if (two_parts)
            add_exactly(&shared, row.high * vacant.low + row.low * vacant.high);
    }
    if (!mi_only) {
        result[COUNTS_H_XY] = rounded_total(&joint) / whole;
        result[COUNTS_H_X_GIVEN_Y] = rounded_total(&x_given_y) / whole;
        result[COUNTS_H_Y_GIVEN_X] = rounded_total(&y_given_x) / whole;
    }
    if (!mi_only || t->n == x_used || t->n == y_used) {
        result[COUNTS_H_X] = entropy_of(t->x_counts.high, t->x_levels, whole);
        result[COUNTS_H_Y] = entropy_of(t->y_counts.high, t->y_levels, whole);
    }
    double mi = rounded_total(&shared) / whole / whole;
    /* the same partition under other names: its entropy, added up in two orders, is one number */
    if (t->n == x_used && t->n == y_used)
        result[COUNTS_H_X] = result[COUNTS_H_Y] = result[COUNTS_H_XY] =
            result[result[COUNTS_H_X] < result[COUNTS_H_Y] ? COUNTS_H_X : COUNTS_H_Y];
    /* one variable decides the other: nothing is left to round */
    if (t->n == x_used)
        mi = result[COUNTS_H_Y];
    if (t->n == y_used)
        mi = result[COUNTS_H_X];
    result[COUNTS_MI] = mi;
}

static void statistics(const counts_cells *table, int mi_only, double *result) {
    if (table->cells.low == NULL)
        statistics_in(table, mi_only, 0, result);
    else
        statistics_in(table, mi_only, 1, result);
}

#endif
