/* The largest entries of rows, in order: a heap whose root is the least of those kept. */
#ifndef FASTENT_LOGITS_LARGEST_H
#define FASTENT_LOGITS_LARGEST_H

#include "state.h"

struct kept {
    double logit;
    int64_t place;
};

/* Of equal logits the first is the larger. */
INLINE int is_less(struct kept a, struct kept b) {
    return a.logit < b.logit || (a.logit == b.logit && a.place > b.place);
}

static void sink(struct kept *heap, int64_t size, struct kept item) {
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < size; at = child) {
        child += child + 1 < size && is_less(heap[child + 1], heap[child]);
        if (!is_less(heap[child], item))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void offer(struct kept *heap, int64_t *size, int64_t count, struct kept item) {
    if (*size == count) {
        if (is_less(heap[0], item))
            sink(heap, count, item);
        return;
    }
    int64_t at = (*size)++;
    for (; at > 0 && is_less(item, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = item;
}

static int64_t largest_scratch(const logits_job *job, int64_t count) {
    return rows_scratch(job) + (int64_t)sizeof(struct kept) * count + 64;
}

static void largest_of_row(const logits_job *job, int64_t row, int64_t count, struct kept *heap, int64_t *places,
                           struct workspace *w) {
    int64_t offset = row_offset(job, &job->z, row), size = 0, n, block = block_length(job);
    struct found_double found;
    collect_double(job, &job->z, &offset, 1, 0, w->z, w->raw, &found);
    struct row_sums sums = finish_sums(&found.state, 1);
    double top = vlane(found.state.top, 0), log_sum = vlane(sums.log_sum, 0);
    int valid = vlane(sums.valid, 0) == 1;
    for (int64_t start = 0; start < job->length; start += n) {
        n = job->length - start < block ? job->length - start : block;
        const double *x = load_entries_double(&job->z, offset, start, n, w->z, w->raw);
        for (int64_t i = 0; i < n; i++) {
            struct kept item = {0, start + i};
            memcpy(&item.logit, x + i, sizeof(double));
            if (size < count || !(item.logit <= heap[0].logit))
                offer(heap, &size, count, item);
        }
    }
    for (int64_t rank = count - 1; rank >= 0; rank--) { /* the least is taken out, again and again */
        struct kept least = heap[0];
        sink(heap, rank, heap[rank]);
        double value = valid ? (0.5 * least.logit - 0.5 * top) * (2 * job->inverse_high) - log_sum : NOT_A_NUMBER;
        places[rank] = valid ? least.place : -1;
        if (job->values_dtype == ITEM_FLOAT64)
            ((double *)job->values)[row * count + rank] = value / job->divisor;
        else
            ((float *)job->values)[row * count + rank] = (float)(value / job->divisor);
    }
}

static void largest(const logits_job *job, int64_t count, int64_t *places, int64_t begin, int64_t end, void *scratch) {
    struct workspace w;
    char *at = (char *)scratch + lay_out(&w, scratch, job);
    struct kept *heap = (struct kept *)(((uintptr_t)at + 63) & ~(uintptr_t)63);
    for (int64_t row = begin; row < end; row++)
        largest_of_row(job, row, count, heap, places + row * count, &w);
}

#endif
