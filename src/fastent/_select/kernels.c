/* The selection kernels: planes of many columns against a few, and what their counts say. */
#include "kernels.h"

#include "../_simd/columns.h"
#include "terms.h"
#include "twos.h"

/* ---- columns to planes ---- */

static int are_neighbours(const int64_t *columns, int64_t count) {
    for (int64_t c = 1; c < count; c++)
        if (columns[c] != columns[0] + c)
            return 0;
    return 1;
}

/* One column as bytes; wide codes are of few levels and fit. */
static void gather_bytes(const char *from, int64_t item, int64_t row_stride, int64_t n, uint8_t *to) {
    for (int64_t i = 0; i < n; i++)
        to[i] = (uint8_t)code_at(from + i * row_stride, item, 0);
}

static void pack(const select_planes *job, int64_t begin, int64_t end, int64_t row_begin, int64_t row_end, void *scratch) {
    uint8_t *bytes = scratch;
    uint64_t plane[SELECT_BLOCK / 64];
    int together = job->item == 1 && job->row_stride != 1 && are_neighbours(job->columns + begin, end - begin);
    for (int64_t row = row_begin; row < row_end; row += SELECT_BLOCK) {
        int64_t n = row_end - row < SELECT_BLOCK ? row_end - row : SELECT_BLOCK;
        const char *source = job->codes + row * job->row_stride;
        if (together)
            gather_columns(source + job->columns[begin] * job->column_stride, 1, job->row_stride, job->column_stride, n,
                           end - begin, (char *)bytes, SELECT_BLOCK);
        for (int64_t c = begin; c < end; c++) {
            const char *column = source + job->columns[c] * job->column_stride;
            const uint8_t *x = bytes + (together ? (c - begin) * SELECT_BLOCK : 0);
            if (job->item == 1 && job->row_stride == 1)
                x = (const uint8_t *)column;
            else if (!together)
                gather_bytes(column, job->item, job->row_stride, n, bytes);
            for (int64_t level = 1; level < job->levels[c]; level++) {
                int64_t p = job->first[c] + level - 1;
                uint64_t *to = job->planes + (p / SELECT_LANES * job->words + row / 64) * SELECT_LANES + p % SELECT_LANES;
                pack_level(x, n, level, plane);
                for (int64_t w = 0; w < (n + 63) / 64; w++)
                    to[w * SELECT_LANES] = plane[w];
            }
        }
    }
}

/* ---- planes against planes ---- */

#define PARTS (SELECT_LANES / VWORDS)

/* A group of planes against `targets` others: each loaded vector meets all of them, and nothing is added across lanes. */
#define DEFINE_MEET(name, attribute, bits)                                                                             \
    attribute INLINE void name##_few(const uint64_t *x, const uint64_t *const *z, const int targets, int64_t begin,    \
                                     int64_t end, int64_t *common) {                                                   \
        for (int part = 0; part < PARTS; part++) {                                                                     \
            vwords sums[8];                                                                                            \
            for (int t = 0; t < targets; t++)                                                                          \
                sums[t] = no_words();                                                                                  \
            for (int64_t w = begin; w < end; w++) {                                                                    \
                vwords words = load_words(x + w * SELECT_LANES + part * VWORDS);                                       \
                for (int t = 0; t < targets; t++)                                                                      \
                    sums[t] = add_words(sums[t], bits(both_words(words, same_words(z[t][w]))));                        \
            }                                                                                                          \
            for (int t = 0; t < targets; t++)                                                                          \
                add_to_words((uint64_t *)common + t * SELECT_LANES + part * VWORDS, sums[t]);                          \
        }                                                                                                              \
    }                                                                                                                  \
    attribute static void name(const uint64_t *x, const uint64_t *const *z, int targets, int64_t begin, int64_t end,   \
                               int64_t *common) {                                                                      \
        switch (targets) {                                                                                             \
            case 1: name##_few(x, z, 1, begin, end, common); break;                                                    \
            case 2: name##_few(x, z, 2, begin, end, common); break;                                                    \
            case 3: name##_few(x, z, 3, begin, end, common); break;                                                    \
            case 4: name##_few(x, z, 4, begin, end, common); break;                                                    \
            case 5: name##_few(x, z, 5, begin, end, common); break;                                                    \
            case 6: name##_few(x, z, 6, begin, end, common); break;                                                    \
            case 7: name##_few(x, z, 7, begin, end, common); break;                                                    \
            default: name##_few(x, z, 8, begin, end, common);                                                          \
        }                                                                                                              \
    }

DEFINE_MEET(meet_plain, , bits_of_words)

typedef void meet(const uint64_t *, const uint64_t *const *, int, int64_t, int64_t, int64_t *);

#if defined(VPOPCNT_ATTRIBUTE)
DEFINE_MEET(meet_vpopcnt, VPOPCNT_ATTRIBUTE, bits_of_words_vpopcnt)
static meet *best_meet(void) { return has_vpopcnt() ? meet_vpopcnt : meet_plain; }
#else
static meet *best_meet(void) { return meet_plain; }
#endif

static void overlap(const uint64_t *planes, int64_t groups, int64_t words, const uint64_t *targets, int64_t count,
                    int64_t begin, int64_t end, int64_t *common) {
    meet *both = best_meet();
    for (int64_t group = 0; group < groups; group++) {
        const uint64_t *x = planes + group * words * SELECT_LANES;
        for (int64_t word = begin; word < end; word += SELECT_WORDS) {
            int64_t last = end - word < SELECT_WORDS ? end : word + SELECT_WORDS;
            for (int64_t t = 0; t < count; t += 8) {
                int some = count - t < 8 ? (int)(count - t) : 8;
                const uint64_t *z[8];
                for (int i = 0; i < some; i++)
                    z[i] = targets + (t + i) * words;
                both(x, z, some, word, last, common + (group * count + t) * SELECT_LANES);
            }
        }
    }
}

/* ---- sample by sample ---- */

INLINE void count_alone(const char *x, int64_t item, const uint16_t *z, int64_t n, int64_t z_levels, int64_t *table) {
    for (int64_t i = 0; i < n; i++)
        table[code_at(x, item, i) * z_levels + z[i]]++;
}

INLINE void count_by_four(const char *x, int64_t item, const uint16_t *z, int64_t n, int64_t cells, int64_t z_levels,
                          uint32_t *private_tables) {
    for (int64_t i = 0; i < n; i++)
        private_tables[i % 4 * cells + code_at(x, item, i) * z_levels + z[i]]++;
}

static void count(const char *x, int64_t item, const uint16_t *z, int64_t n, int64_t cells, int64_t z_levels,
                  uint32_t *private_tables, int64_t *table) {
    const int64_t most = INT64_C(1) << 30;
    if (cells > SELECT_PRIVATE) {
        if (item == 1)
            count_alone(x, 1, z, n, z_levels, table);
        else
            count_alone(x, 2, z, n, z_levels, table);
        return;
    }
    for (int64_t begin = 0; begin < n; begin += most) {
        int64_t some = n - begin < most ? n - begin : most;
        memset(private_tables, 0, 4 * (size_t)cells * sizeof(*private_tables));
        if (item == 1)
            count_by_four(x + begin, 1, z + begin, some, cells, z_levels, private_tables);
        else
            count_by_four(x + 2 * begin, 2, z + begin, some, cells, z_levels, private_tables);
        for (int64_t c = 0; c < cells; c++)
            for (int64_t t = 0; t < 4; t++)
                table[c] += private_tables[t * cells + c];
    }
}

static void count_entries(const uint32_t *rows, const uint16_t *codes, int64_t entries, int64_t x_levels, int64_t rest,
                          const uint16_t *z, int64_t z_levels, const int64_t *z_counts, int64_t *table) {
    int64_t *others = table + rest * z_levels;
    for (int64_t i = 0; i < entries; i++)
        table[codes[i] * z_levels + z[rows[i]]]++;
    for (int64_t cell = 0; cell < z_levels; cell++) {
        others[cell] = z_counts[cell];
        for (int64_t x = 0; x < x_levels; x++)
            if (x != rest)
                others[cell] -= table[x * z_levels + cell];
    }
}

/* ---- tables from planes ---- */

/* Where the counts of a plane with the first target are; those with the next ones follow at SELECT_LANES. */
INLINE const int64_t *lane_of(const int64_t *common, int64_t plane, int64_t targets) {
    return common + plane / SELECT_LANES * targets * SELECT_LANES + plane % SELECT_LANES;
}

static void first(const int64_t *common, int64_t plane, int64_t x_levels, int64_t y_levels, const int64_t *y_counts,
                  int64_t *table, int64_t *x_counts) {
    memcpy(table, y_counts, (size_t)y_levels * sizeof(*table));
    for (int64_t x = 1; x < x_levels; x++) {
        const int64_t *lane = lane_of(common, plane + x - 1, y_levels);
        x_counts[x] = 0;
        for (int64_t y = 0; y < y_levels; y++) {
            int64_t both = lane[y * SELECT_LANES];
            table[x * y_levels + y] = both;
            table[y] -= both;
            x_counts[x] += both;
        }
    }
    x_counts[0] = 0;
    for (int64_t y = 0; y < y_levels; y++)
        x_counts[0] += table[y];
}

INLINE void fill_levels(const int64_t *common, int64_t plane, int64_t x_levels, int64_t w_levels, int64_t y_levels,
                        const int64_t *x_counts, const int64_t *w_counts, int64_t *table) {
    const int64_t z_levels = w_levels * y_levels, targets = z_levels - y_levels;
    memcpy(table, w_counts, (size_t)z_levels * sizeof(*table));
    for (int64_t x = 1; x < x_levels; x++) {
        const int64_t *lane = lane_of(common, plane + x - 1, targets);
        int64_t *row = table + x * z_levels;
        memcpy(row, x_counts + x * y_levels, (size_t)y_levels * sizeof(*row));
        for (int64_t w = 1; w < w_levels; w++)
            for (int64_t y = 0; y < y_levels; y++) {
                int64_t both = *lane;
                lane += SELECT_LANES;
                row[w * y_levels + y] = both;
                row[y] -= both;
                table[w * y_levels + y] -= both;
            }
        for (int64_t y = 0; y < y_levels; y++)
            table[y] -= row[y];
    }
}

static void fill(const int64_t *common, int64_t plane, int64_t x_levels, int64_t w_levels, int64_t y_levels,
                 const int64_t *x_counts, const int64_t *w_counts, int64_t *table) {
    if (x_levels == 2 && w_levels == 2 && y_levels == 1) /* unrolled: there are often very many of these */
        fill_levels(common, plane, 2, 2, 1, x_counts, w_counts, table);
    else if (x_levels == 2 && w_levels == 2 && y_levels == 2)
        fill_levels(common, plane, 2, 2, 2, x_counts, w_counts, table);
    else
        fill_levels(common, plane, x_levels, w_levels, y_levels, x_counts, w_counts, table);
}

/* ---- what tables say ---- */

/* The sums xwy and xw of a table, and its positive cells. */
INLINE void sum_cells(const select_terms *terms, const int64_t *table, int64_t w_levels, int64_t y_levels, int64_t x_used,
                      int64_t w_used, select_sums *sums) {
    int64_t xwy = 0, xw = 0, cells = 0;
    for (int64_t x = 0; x < x_used; x++)
        for (int64_t w = 0; w < w_used; w++) {
            const int64_t *cell = table + (x * w_levels + w) * y_levels;
            int64_t both = 0;
            for (int64_t y = 0; y < y_levels; y++) {
                both += cell[y];
                cells += cell[y] > 0;
                xwy += term_of(terms, cell[y]);
            }
            xw += term_of(terms, both);
        }
    sums->xwy = xwy;
    sums->xw = xw;
    sums->cells = cells;
}

static void sum(const select_terms *terms, const int64_t *table, int64_t w_levels, int64_t y_levels, int64_t x_used,
                int64_t w_used, select_sums *sums) {
    select_sums s = {0};
    sum_cells(terms, table, w_levels, y_levels, x_used, w_used, &s);
    for (int64_t x = 0; x < x_used; x++) {
        int64_t of_x = 0;
        for (int64_t y = 0; y < y_levels; y++) {
            int64_t both = 0;
            for (int64_t w = 0; w < w_used; w++)
                both += table[(x * w_levels + w) * y_levels + y];
            s.xy += term_of(terms, both);
            of_x += both;
        }
        s.x += term_of(terms, of_x);
        s.samples += of_x;
    }
    for (int64_t w = 0; w < w_used; w++) {
        int64_t of_w = 0;
        for (int64_t y = 0; y < y_levels; y++) {
            int64_t both = 0;
            for (int64_t x = 0; x < x_used; x++)
                both += table[(x * w_levels + w) * y_levels + y];
            s.wy += term_of(terms, both);
            of_w += both;
        }
        s.w += term_of(terms, of_w);
    }
    for (int64_t y = 0; y < y_levels; y++) {
        int64_t of_y = 0;
        for (int64_t x = 0; x < x_used; x++)
            for (int64_t w = 0; w < w_used; w++)
                of_y += table[(x * w_levels + w) * y_levels + y];
        s.y += term_of(terms, of_y);
    }
    s.n = term_of(terms, s.samples);
    *sums = s;
}

INLINE int64_t one_more(const select_terms *terms, int64_t *count) {
    int64_t before = term_of(terms, *count);
    return term_of(terms, ++*count) - before;
}

INLINE void strata_of(const select_terms *terms, const char *x, int64_t item, const uint32_t *order, const uint16_t *y,
                      const int64_t *ends, int64_t strata, int64_t x_levels, int64_t x_used, int64_t y_levels,
                      int64_t *scratch, select_sums *sums) {
    int64_t *xwy = scratch, *xw = xwy + x_levels * y_levels, *wy = xw + x_levels;
    int64_t *xy = wy + y_levels, *of_x = xy + x_levels * y_levels, *of_y = of_x + x_levels;
    select_sums s = {0};
    for (int64_t stratum = 0, i = 0; stratum < strata; stratum++) {
        int64_t first = i, of_w = 0;
        for (; i < ends[stratum]; i++) {
            int64_t code = code_at(x, item, order[i]), target = y[i];
            if (code >= x_used)
                continue;
            int64_t cells = s.cells;
            cells += xwy[code * y_levels + target] == 0;
            s.xwy += one_more(terms, &xwy[code * y_levels + target]);
            s.xw += one_more(terms, &xw[code]);
            s.wy += one_more(terms, &wy[target]);
            s.xy += one_more(terms, &xy[code * y_levels + target]);
            s.cells = cells;
            of_w++;
        }
        s.w += term_of(terms, of_w);
        s.samples += of_w;
        for (i = first; i < ends[stratum]; i++) {
            int64_t code = code_at(x, item, order[i]), target = y[i];
            xwy[code * y_levels + target] = xw[code] = wy[target] = 0;
        }
    }
    for (int64_t code = 0; code < x_used; code++)
        for (int64_t target = 0; target < y_levels; target++) {
            of_x[code] += xy[code * y_levels + target];
            of_y[target] += xy[code * y_levels + target];
            xy[code * y_levels + target] = 0;
        }
    for (int64_t code = 0; code < x_used; code++)
        s.x += term_of(terms, of_x[code]);
    for (int64_t target = 0; target < y_levels; target++)
        s.y += term_of(terms, of_y[target]);
    s.n = term_of(terms, s.samples);
    memset(of_x, 0, (size_t)(x_levels + y_levels) * sizeof(*of_x));
    *sums = s;
}

static void sum_strata(const select_terms *terms, const char *x, int64_t item, const uint32_t *order, const uint16_t *y,
                       const int64_t *ends, int64_t strata, int64_t x_levels, int64_t x_used, int64_t y_levels,
                       int64_t *scratch, select_sums *sums) {
    if (item == 1)
        strata_of(terms, x, 1, order, y, ends, strata, x_levels, x_used, y_levels, scratch, sums);
    else
        strata_of(terms, x, 2, order, y, ends, strata, x_levels, x_used, y_levels, scratch, sums);
}

INLINE void report(const select_terms *terms, const select_sums *s, const int64_t *which, int64_t count, double *result,
                   int64_t stride) {
    int64_t rounding = rounding_of(terms, s->samples, s->cells);
    double unit = s->samples > 0 ? terms->unit / (double)s->samples : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t found = information(s, which[i]);
        result[i * stride] = found > rounding ? (double)found * unit : 0;
    }
}

static void statistics(const select_terms *terms, const select_sums *s, const int64_t *which, int64_t count, double *result,
                       int64_t stride) {
    report(terms, s, which, count, result, stride);
}

static void tell(const select_terms *terms, const int64_t *table, int64_t x_levels, int64_t w_levels, int64_t y_levels,
                 const select_sums *known, int64_t x_sum, int64_t xy_sum, const int64_t *which, int64_t count, double *result,
                 int64_t stride) {
    select_sums s = {.x = x_sum, .xy = xy_sum, .wy = known->wy, .w = known->w, .y = known->y, .n = known->n,
                     .samples = known->samples};
    if (x_levels == 2 && w_levels == 2 && y_levels == 1)
        sum_cells(terms, table, 2, 1, 2, 2, &s);
    else if (x_levels == 2 && w_levels == 2 && y_levels == 2)
        sum_cells(terms, table, 2, 2, 2, 2, &s);
    else
        sum_cells(terms, table, w_levels, y_levels, x_levels, w_levels, &s);
    report(terms, &s, which, count, result, stride);
}

#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(select_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const select_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .pack = pack,
    .overlap = overlap,
    .count = count,
    .count_entries = count_entries,
    .first = first,
    .fill = fill,
    .sum = sum,
    .sum_strata = sum_strata,
    .statistics = statistics,
    .tell = tell,
    .tell_twos = tell_twos,
    .term = term,
};
