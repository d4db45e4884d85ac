"""Cuts that are worth their description length: Fayyad & Irani 1993, from one sort of the column."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def cuts(values: Array, y: Array) -> tuple[Array, float, float]:
    """The cuts of a column that the labels y pay for, and its smallest and largest value; nan takes no part."""
    if values.dtype.kind == "f":
        kept = ~np.isnan(values)
        values, y = values[kept], y[kept]
    order = np.argsort(values, kind="stable")
    values = values[order].astype(np.float64)
    present, labels = np.unique(y[order], return_inverse=True)
    ends = np.append(np.flatnonzero(values[1:] > values[:-1]), len(values) - 1)
    # counts[i]: labels of the samples up to the i-th different value, with a row of zeros before
    counts = np.zeros((len(ends) + 1, len(present)), np.int64)
    for label in range(len(present)):
        counts[1:, label] = np.cumsum(labels == label)[ends]
    found: list[int] = []
    parts = [(0, len(ends))]
    while parts:  # a stack, as parts may be nested deeper than Python's
        begin, end = parts.pop()
        cut = _best(counts[begin : end + 1])
        if cut is not None:
            found.append(begin + cut)
            parts += [(begin, begin + cut), (begin + cut, end)]
    places = np.sort(np.array(found, np.int64))
    low, high = values[ends[places - 1]], values[np.minimum(ends[places - 1] + 1, len(values) - 1)]
    middle = low + (high - low) / 2
    return np.where(middle > low, middle, high), float(values[0]), float(values[-1])


def _bits(counts: Array) -> Array:
    """n H of each row of counts, in bits."""
    n = counts.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, counts * np.log2(n[..., None] / counts), 0.0)
    found: Array = terms.sum(axis=-1)
    return found


def _best(counts: Array) -> int | None:
    """The number of values before the best cut, if it is accepted."""
    if len(counts) < 3:
        return None
    left = counts[1:-1] - counts[0]
    right = counts[-1] - counts[1:-1]
    whole = counts[-1] - counts[0]
    after = _bits(left) + _bits(right)
    # what rounding tells apart is one number: the lowest cut wins
    best = int(np.flatnonzero(after <= after.min() * (1 + 1e-12))[0])
    n, before = int(whole.sum()), float(_bits(whole))
    k, k_left, k_right = (int((part > 0).sum()) for part in (whole, left[best], right[best]))
    n_left, n_right = int(left[best].sum()), int(right[best].sum())
    entropies = before / n, float(_bits(left[best])) / n_left, float(_bits(right[best])) / n_right
    whole_cost = k * np.log2(3.0) + np.log1p(-2 * 3.0**-k) / np.log(2.0)  # log2(3**k - 2)
    delta = whole_cost - (k * entropies[0] - k_left * entropies[1] - k_right * entropies[2])
    gain = (before - float(after[best])) / n
    return best + 1 if gain > (np.log2(n - 1) + delta) / n else None
