/* Sums of blocks joined to those of a row, as a binary tree over the numbers of the blocks. */
#ifndef FASTENT_ROWS_TREE_H
#define FASTENT_ROWS_TREE_H

#include "terms.h"

INLINE void join(int measure, int chain, struct node *into, const struct node *later) {
    struct node both = *into;
    both.p = vtwo_sum(into->p, later->p, &both.p_low);
    both.q = vtwo_sum(into->q, later->q, &both.q_low);
    both.p_low += into->p_low + later->p_low;
    both.q_low += into->q_low + later->q_low;
    both.top = vmax(into->top, later->top);
    both.reference = vmax(into->reference, later->reference);
    if (chain) {
        vd zero = vset(0);
        vd earlier_part = vselect(vlt(zero, into->p), into->p / both.p * into->value, zero);
        vd later_part = vselect(vlt(zero, later->p), later->p / both.p * later->value, zero);
        both.value = earlier_part + later_part + two_point_value(measure, into, later, &both);
        both.value = vselect(veq(both.p, zero), zero, both.value);
    } else {
        both.value = into->value + later->value;
        both.second = into->second + later->second;
        both.rest = into->rest + later->rest;
    }
    *into = both;
}

/* A binary counter over part numbers: after part i, as many joins as i+1 has trailing zeros. */
struct tree {
    struct node *levels;
    int depth, vectors, measure, chain;
};

INLINE void tree_join_top(struct tree *tree) {
    struct node *into = tree->levels + (tree->depth - 2) * tree->vectors;
    for (int v = 0; v < tree->vectors; v++)
        join(tree->measure, tree->chain, into + v, into + tree->vectors + v);
    tree->depth--;
}

INLINE void tree_add(struct tree *tree, const struct node *part, int64_t number) {
    memcpy(tree->levels + tree->depth++ * tree->vectors, part, sizeof(struct node) * (size_t)tree->vectors);
    for (int64_t n = number + 1; n % 2 == 0; n /= 2)
        tree_join_top(tree);
}

INLINE const struct node *tree_total(struct tree *tree) {
    while (tree->depth > 1)
        tree_join_top(tree);
    return tree->levels;
}

#endif
