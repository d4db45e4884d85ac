"""Scorecards: how much bins tell about a yes-or-no target, and whether new data still falls into them alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastent import _samples, distributions
from fastent._columns import columns_of, floats_of
from fastent.feature_selection._inputs import edges_of_each, plain_array, read_all
from fastent.feature_selection._options import read_number
from fastent.feature_selection.binning import Discretized, check_bins, discretized

Array = np.ndarray[Any, Any]


def _check_smoothing(function: str, smoothing: Any) -> float:
    smoothing = read_number(function, "smoothing", smoothing)
    if not 0 <= smoothing < math.inf:
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
        y has not exactly two labels, smoothing is negative, or there is no weight.

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
    if weights is not None:
        shares = np.bincount(target.codes, _samples.scaled(weights), minlength=2)
        if not shares.any() or (not added and not shares.all()):
            whom = "all samples of a label while smoothing is 0" if shares.any() else "every sample"
            raise ValueError(f"{name}: sample_weight must not be zero for {whom}")
        largest = float(weights.max())
        if largest > 1e100:  # sums of them would overflow; shares stay as they are
            weights, added = np.ldexp(weights, -math.frexp(largest)[1]), math.ldexp(added, -math.frexp(largest)[1])
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
        Columns of frames are matched by their names.
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
        Different columns or names, no samples, or entries that are no numbers.

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
    left, names = _columns(name, "X", X)
    right, new_names = _columns(name, "X_new", X_new)
    if len(left) != len(right):
        raise ValueError(
            f"{name}: X and X_new must have shape (samples, columns) with as many columns, "
            f"got {_shape(left)} and {_shape(right)}"
        )
    if names is not None and new_names is not None and names != new_names:
        right = _matched(name, right, names, new_names)
    for which, side in (("X", left), ("X_new", right)):
        if not side or not len(side[0]):
            raise ValueError(f"{name}: there are no {'samples' if side else 'columns'} in {which}")
    check_bins(name, bins, len(left))
    pairs: list[Any] = [None] * len(left)
    labels = list(range(len(left))) if names is None else names
    of_floats = [c for c, column in enumerate(left) if column.dtype.kind == "f"]
    if of_floats:
        cut = [bins[c] for c in of_floats] if edges_of_each(bins) else bins
        some = [labels[c] for c in of_floats]
        first, second = (np.column_stack([side[c] for c in of_floats]) for side in (left, right))
        before = discretized(name, first, cut, None, missing, workers, some)
        sides = [before, discretized(name, second, before.edges, None, missing, workers, some)]
        for i, c in enumerate(of_floats):
            pairs[c] = _binned_shares(sides, i, missing == "level")
    for c in set(range(len(left))) - set(of_floats):
        pairs[c] = _code_shares(name, left[c], right[c])
    found = np.zeros(len(left))
    for c, (p, q) in enumerate(pairs):
        used = (p + q) > 0
        found[c] = distributions.jeffreys_divergence(p[used] + added, q[used] + added)
    return found


def _columns(function: str, argument: str, X: Any) -> tuple[list[Array], list[Any] | None]:
    """Columns of numbers, and their names if X is a frame."""
    X = plain_array(function, argument, X)
    frame = columns_of(X)
    if frame is None:
        matrix = np.asarray(X)
        if matrix.ndim != 2:
            raise ValueError(f"{function}: {argument} must have shape (samples, columns), got {matrix.shape}")
        columns = list(matrix.T)
    else:
        columns = frame[1]
    floats = [floats_of(column) for column in columns]
    found = [np.asarray(c) if part is None else part for part, c in zip(floats, columns, strict=True)]
    for column in found:
        if column.dtype.kind not in "biuf":
            raise TypeError(f"{function}: X and X_new must hold numbers, got dtype {column.dtype} in {argument}")
    return found, None if frame is None else frame[0]


def _shape(columns: list[Array]) -> tuple[int, int]:
    return (len(columns[0]) if columns else 0, len(columns))


def _matched(function: str, columns: list[Array], names: list[Any], found: list[Any]) -> list[Array]:
    """The columns in the order of names."""
    if len(set(found)) < len(found) or set(names) != set(found):
        raise ValueError(f"{function}: X and X_new must have columns of the same names, got {names} and {found}")
    return [columns[found.index(name)] for name in names]


def _binned_shares(sides: list[Discretized], column: int, with_missing: bool) -> list[Array]:
    bins = len(sides[0].edges[column]) - 1
    counts = [np.bincount(side.codes[:, column], minlength=bins + 1).astype(np.float64) for side in sides]
    return counts if with_missing else [one[:bins] for one in counts]


def _code_shares(name: str, left: Array, right: Array) -> list[Array]:
    if right.dtype.kind not in "biu":
        raise TypeError(f"{name}: a column is of integers in X and of {right.dtype} in X_new; make both the same")
    both = np.unique(np.concatenate([left, right]), return_inverse=True)[1]
    levels = int(both.max()) + 1
    return [np.bincount(part, minlength=levels).astype(np.float64) for part in (both[: len(left)], both[len(left) :])]
