/* The continuous kernels: diagonal normals, and sorted samples. */
#include "kernels.h"

#include "normal.h"
#include "samples.h"

/* Rows that lie beside each other, one behind the other: a cache line that is read once serves all of them. */
static void gather(const char *from, int64_t item, int64_t step, int64_t row_step, int64_t rows, int64_t n, void *to) {
    char *target = to;
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < rows; r++) {
            if (item == 8)
                memcpy(target + (r * n + i) * 8, from + r * row_step + i * step, 8);
            else
                memcpy(target + (r * n + i) * 4, from + r * row_step + i * step, 4);
        }
}

#define JOIN(a, b) a##b
#define TABLE_NAME(variant) JOIN(continuous_, variant)
#define QUOTE(text) #text
#define QUOTED(text) QUOTE(text)

const continuous_table TABLE_NAME(VARIANT) = {
    .isa = QUOTED(VARIANT),
    .normal = normal,
    .gather = gather,
    .sample = sample,
    .sample_scratch = sample_scratch,
    .cross_neighbors = cross_neighbors,
};
