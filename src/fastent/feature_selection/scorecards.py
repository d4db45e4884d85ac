"""Scorecards: how much bins tell about a yes-or-no target, and whether new data still falls into them alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _samples, distributions
from fastent._columns import columns_of, floats_of
from fastent.feature_selection._inputs import read_all
from fastent.feature_selection.binning import Discretized, discretize

Array = np.ndarray[Any, Any]


def _check_smoothing(function: str, smoothing: float) -> float:
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"{function}: smoothing must be finite and at least 0, got {smoothing}")
    return float(smoothing)


def information_value(
    X: Any,
    y: Any,
    *,
    bins: Any = "quantile:10",
    smoothing: float = 0.5,
    sample_weight: Any = None,
    missing: str = "level",
    workers: int | None = None,
) -> Array:
    """Information value of each column for a target of two labels: sum_b (p_b - q_b) ln(p_b / q_b).

    p_b and q_b are the shares of the samples of either label that fall into bin b; ln(p_b / q_b) is the weight of
    evidence of the bin. It is the Jeffreys divergence of the two.

    Parameters
    ----------
    X : array_like
        Labels or numbers of shape (samples, columns).
    y : array_like
        The target, (samples,), of two labels.
    bins : optional
        How floating-point columns are cut, as in `discretize`.
    smoothing : float
        Samples that are added to every bin of both labels. The default, half a sample, keeps bins without samples of a
        label finite; with 0 they are infinite.
    sample_weight : array_like, optional
        Weight of each sample, finite and at least 0.
    missing : {"level", "omit", "raise"}
        What becomes of missing values: a bin of their own, samples left out, or a ValueError.
    workers : int, optional
        Threads; -1 for all.

    Returns
    -------
    ndarray
        One value per column, in nats; 0 where a column tells nothing and nothing is smoothed.

    Raises
    ------
    ValueError
        y has not exactly two labels, or smoothing is negative.

    Notes
    -----
    Siddiqi 2006, Credit Risk Scorecards.

    Examples
    --------
    >>> from fastent.feature_selection import information_value
    >>> information_value([[0, 1], [0, 0], [1, 1], [1, 0]], ["good", "good", "bad", "bad"], smoothing=0.5).round(4)
    array([2.1459, 0.    ])
    """
    name = "information_value"
    added = _check_smoothing(name, smoothing)
    table, target, weights = read_all(name, X, y, bins, missing, sample_weight, workers)
    if target.levels != 2:
        raise ValueError(f"{name}: y must have two different labels, got {target.levels}")
    goal = _samples.Columns(target.codes[:, None], np.array([2], np.int64), None, True, None)
    found = np.zeros(len(table.levels))
    for some in table.blocks():
        columns = _samples.Columns(table.block(some), table.levels[some], None, False, None)
        for batch, counts in _samples.tables(name, columns, goal, weights, workers):
            for column, cells in zip(some[batch], counts, strict=True):
                used = cells.reshape(-1, 2)[: table.used[column]]
                used = used[used.sum(axis=1) > 0] + added
                found[column] = distributions.jeffreys_divergence(used[:, 0], used[:, 1])
    return found


def population_stability_index(
    X: Any,
    X_new: Any,
    *,
    bins: Any = "quantile:10",
    smoothing: float = 0.5,
    missing: str = "level",
    workers: int | None = None,
) -> Array:
    """How far each column has moved: sum_b (p_b - q_b) ln(p_b / q_b) of its shares p in X and q in X_new, per bin.

    Below 0.1 is usually called stable, above 0.25 a shift.

    Parameters
    ----------
    X, X_new : array_like
        Numbers, or codes of bins, of shape (samples, columns); the same columns, any numbers of samples.
    bins : optional
        How floating-point columns are cut, as in `discretize`: edges are found in X and used for both. Columns of
        integers are codes: each value is a bin.
    smoothing : float
        Samples that are added to every bin on both sides; the default is half a sample, and 0 leaves bins that are
        empty on one side infinite.
    missing : {"level", "omit", "raise"}
        What becomes of nan: a bin of its own, samples left out, or a ValueError.
    workers : int, optional
        Threads; -1 for all.

    Returns
    -------
    ndarray
        One value per column, in nats.

    Raises
    ------
    ValueError, TypeError
        Different columns, no samples, or entries that are no numbers.

    Notes
    -----
    Siddiqi 2006; it is the Jeffreys divergence of the two distributions.

    Examples
    --------
    >>> from fastent.feature_selection import population_stability_index
    >>> X, X_new = [[1.0, 5.0], [2.0, 6.0]] * 50, [[1.0, 6.0], [2.0, 6.0]] * 50
    >>> population_stability_index(X, X_new, bins="quantile:2").round(3)
    array([0.   , 2.625])
    """
    name = "population_stability_index"
    added = _check_smoothing(name, smoothing)
    left, right = _numbers(X), _numbers(X_new)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise ValueError(
            f"{name}: X and X_new must have shape (samples, columns) with as many columns, "
            f"got {left.shape} and {right.shape}"
        )
    if not len(left) or not len(right):
        raise ValueError(f"{name}: there are no samples in {'X' if not len(left) else 'X_new'}")
    if left.dtype.kind == right.dtype.kind == "f" or left.dtype.kind == "f":
        before = discretize(left, bins, missing=missing, workers=workers)
        sides = [before, discretize(right, before.edges, missing=missing, workers=workers)]
        pairs = [_binned_shares(sides, c, missing == "level") for c in range(left.shape[1])]
    else:
        pairs = [_code_shares(name, left[:, c], right[:, c]) for c in range(left.shape[1])]
    found = np.zeros(left.shape[1])
    for c, (p, q) in enumerate(pairs):
        used = (p + q) > 0
        found[c] = distributions.jeffreys_divergence(p[used] + added, q[used] + added)
    return found


def _numbers(X: Any) -> Array:
    frame = columns_of(X)
    if frame is None:
        return np.asarray(X)
    parts = [floats_of(column) for column in frame[1]]
    return np.column_stack([np.asarray(c) if p is None else p for p, c in zip(parts, frame[1], strict=True)])


def _binned_shares(sides: list[Discretized], column: int, with_missing: bool) -> list[Array]:
    bins = len(sides[0].edges[column]) - 1
    counts = [np.bincount(side.codes[:, column], minlength=bins + 1).astype(np.float64) for side in sides]
    return counts if with_missing else [one[:bins] for one in counts]


def _code_shares(name: str, left: Array, right: Array) -> list[Array]:
    if left.dtype.kind not in "biu" or right.dtype.kind not in "biu":
        raise TypeError(f"{name}: X and X_new must hold numbers, got dtypes {left.dtype} and {right.dtype}")
    both = np.unique(np.concatenate([left, right]), return_inverse=True)[1]
    levels = int(both.max()) + 1
    return [np.bincount(part, minlength=levels).astype(np.float64) for part in (both[: len(left)], both[len(left) :])]
