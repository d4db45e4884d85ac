/* The continuous kernels: diagonal normals, and sorted samples. */
#include "kernels.h"

#include "normal.h"
#include "samples.h"

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
    .sample_room = room,
    .put_in_order = put_in_order,
    .merge = merge,
    .extend = extend,
    .sample_terms = sample_terms,
    .sample_sum = sample_sum,
    .sample_total = sample_total,
    .histogram = histogram_entropy,
    .cross_neighbors = cross_neighbors,
};
