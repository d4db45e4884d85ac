"""Thresholds of numeric columns that tell most about a target, as decision trees look for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._counts import engine
from fastent._counts.splits import best_end
from fastent._plan import log_of_base
from fastent._samples import STATISTICS, Array
from fastent._threads import workers_for
from fastent.discrete._common import described


class BestSplit(NamedTuple):
    """What `best_split` returns: a number each, or one per column of a 2-D x.

    threshold: samples with x <= threshold on one side, the others on the other; nan without a split. gain: what the
    sides tell about y, 0 without a split.
    """

    threshold: Any
    gain: Any


@described
def best_split(
    x: Any,
    y: Any,
    *,
    criterion: str = "entropy",
    base: float | None = None,
    missing: str = "raise",
    workers: int | None = None,
) -> BestSplit:
    """The threshold of each numeric column that leaves the least uncertainty about y on its two sides.

    Parameters
    ----------
    x : array_like
        Numbers, (samples,) or (samples, columns). Samples where a column is nan take no part in its split.
    y : array_like
        Labels, (samples,).
    criterion : {"entropy", "gini"}
        Information gain H(y) - H(y | x <= threshold), or the same with the Gini impurity.
    <BASE>
    <COMMON>

    Returns
    -------
    threshold, gain : float, or ndarray with one value per column
        Half way between two neighbouring values; the lowest of several that are equally good. A column of one value
        has no split: nan and a gain of 0.

    Raises
    ------
    TypeError, ValueError
        x is not numeric, lengths differ, the criterion is unknown, or labels are missing.

    Notes
    -----
    One sort per column, columns in parallel. Breiman et al. 1984; Quinlan 1986.

    Examples
    --------
    >>> from fastent import discrete
    >>> threshold, gain = discrete.best_split([1.0, 2.0, 10.0, 11.0], ["a", "a", "b", "b"], base=2)
    >>> print(threshold, gain)
    6.0 1.0
    """
    name = "best_split"
    if criterion not in ("entropy", "gini"):
        raise ValueError(f"{name}: criterion must be 'entropy' or 'gini', got {criterion!r}")
    divisor = log_of_base(name, base)
    values = _samples.real_numbers(name, "x", x, masked="np.nan")
    if values.ndim not in (1, 2):
        raise ValueError(f"{name}: x must have shape (samples,) or (samples, columns), got {values.shape}")
    target = _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_target(name, target, "y")
    if len(values) != len(target.codes):
        raise ValueError(f"{name}: x and y must have as many samples, got {len(values)} and {len(target.codes)}")
    codes, matrix = target.codes[:, 0], values if values.ndim == 2 else values[:, None]
    if target.kept is not None:
        codes, matrix = codes[target.kept[:, 0]], matrix[target.kept[:, 0]]
    levels = int(target.levels[0])

    terms = _terms(len(codes), criterion)
    target_codes = codes.astype(np.uint32)

    def split(column: int) -> tuple[float, float]:
        return _split_of(matrix[:, column], target_codes, levels, criterion, terms)

    threads = workers_for(name, workers, matrix.size)
    with ThreadPoolExecutor(threads) as pool:  # sorting and counting leave the interpreter free
        found = np.array(list(pool.map(split, range(matrix.shape[1])))).reshape(-1, 2)
    gain = found[:, 1] / divisor if criterion == "entropy" else found[:, 1]
    if values.ndim == 1:
        return BestSplit(found[0, 0], gain[0])
    return BestSplit(found[:, 0], gain)


def _terms(samples: int, criterion: str) -> Array:
    """What a level contributes to the uncertainty of a side, for every count of it."""
    counts = np.arange(samples + 1, dtype=np.float64)
    return counts**2 if criterion == "gini" else counts * np.log(np.maximum(counts, 1))


def _split_of(values: Array, codes: Array, levels: int, criterion: str, terms: Array) -> tuple[float, float]:
    if values.dtype.kind == "f":
        kept = ~np.isnan(values)
        if not kept.all():
            values, codes = values[kept], codes[kept]
    if not len(values):
        return np.nan, np.nan
    order = np.argsort(values)  # of equal values in any order: they are on one side
    values, codes = values[order], codes[order]
    ends = np.zeros(len(values), np.uint8)
    ends[:-1] = values[1:] > values[:-1]
    best, table = best_end(codes, ends, levels, terms, criterion == "gini")
    if best < 0:
        return np.nan, 0.0
    low, high = float(values[best]), float(values[best + 1])
    threshold = low + (high - low) / 2
    return (threshold if threshold < high else low), _gain(table.astype(np.float64), criterion)


def _gain(table: Array, criterion: str) -> float:
    """From the counts of both sides, without cancellation."""
    if criterion == "entropy":
        found = engine.statistics_of_tables(table.reshape(1, -1), np.array([2], np.int64), table.shape[1], 1)
        return float(found[0, STATISTICS["mi"]])
    (low, high), n = table.sum(axis=1), table.sum()
    difference = table[0] / low - table[1] / high
    return float(low * high / n**2 * (difference**2).sum())
