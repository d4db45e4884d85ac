"""Measures of discrete samples: columns of labels, or the contingency tables that count them.

Here `entropy` takes labels and counts them; `fastent.entropy` takes the probabilities or counts themselves. Labels are
categories of any kind (see `fastent.encode`); arrays of uint8 or uint16 are counted as they are. In the formulas n is
the number of samples, n_ij those with level i of x and level j of y, and p = n_ij / n; logarithms are natural, and
results in nats unless `base` says otherwise.

A 2-D x holds one variable per column, and a measure against one y gives one value per column.

Sources: Shannon 1948; Cover & Thomas, Elements of Information Theory; others where used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastent import _samples
from fastent._counts import engine
from fastent._docs import documented
from fastent._estimators import ESTIMATORS, entropy_of_counts
from fastent._plan import log_of_base
from fastent._samples import STATISTICS, Array
from fastent._threads import workers_for

__all__ = [
    "ESTIMATORS",
    "adjusted_mutual_information",
    "conditional_entropy",
    "conditional_mutual_information",
    "contingency",
    "counts",
    "entropy",
    "g_test",
    "gain_ratio",
    "homogeneity_completeness_v_measure",
    "information_gain",
    "interaction_information",
    "joint_entropy",
    "mutual_information",
    "mutual_information_matrix",
    "normalized_mutual_information",
    "permutation_test",
    "pmi",
    "purity",
    "symmetric_uncertainty",
    "total_correlation",
    "variation_of_information",
]

_OPTIONS = {
    "X": """x : array_like
        Labels, (samples,) or (samples, columns).""",
    "XY": """x : array_like
        Labels, (samples,) or (samples, columns): one value, or one per column.
    y : array_like
        Labels, (samples,).
    contingency : array_like or sparse matrix, optional
        Instead of x and y, their table: counts or weights of shape (levels of x, levels of y), or a stack of such.""",
    "BASE": """base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.""",
    "WEIGHTS": """weights : array_like, optional
        Weight of each sample, finite and at least 0.""",
    "COMMON": """missing : {"raise", "level", "omit"}
        What becomes of missing labels (None, nan, nulls): a ValueError that names the first one, one more level, or
        samples that are left out wherever they miss a label of the pair.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "SCALAR": """Returns
    -------
    float, or ndarray with one value per column or table
        nan where there are no samples.""",
}
_documented = documented(_OPTIONS)


def _scaled(function: str, values: Any, base: float | None) -> Any:
    divisor = log_of_base(function, base)
    values = np.asarray(values) / divisor if divisor != 1 else np.asarray(values)
    return values[()]


def _select(found: Array, name: str) -> Array:
    return found[..., STATISTICS[name]]


def _ratio(numerator: Array, denominator: Array, empty: float) -> Any:
    """A quotient that is `empty` where both are 0."""
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator == 0, np.where(np.isnan(numerator), np.nan, empty), numerator / denominator)[()]


# ---- counts --------------------------------------------------------------------------------------------------------


@_documented
def counts(x: Any, *, weights: Any = None, missing: str = "raise", workers: int | None = None) -> Any:
    """How often each level occurs.

    Parameters
    ----------
    <X>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    ndarray, for 2-D x a list with one per column
        int64; float64 with weights. Entry c belongs to code c of `fastent.encode(x)`; uint8 and uint16 are codes
        themselves, other integers of a small range count from their smallest.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.counts(["b", "a", "b"])
    array([1, 2])
    """
    columns = _samples.read_columns("counts", "x", x, missing, workers)
    found = _samples.level_counts(columns, _samples.check_weights("counts", weights, len(columns.codes)))
    return found[0] if columns.single else found


@_documented
def contingency(
    x: Any,
    y: Any = None,
    *,
    weights: Any = None,
    sparse: bool = False,
    method: str = "auto",
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Joint counts of labels: n_ij samples have level i of x and level j of y.

    Parameters
    ----------
    x, y : array_like
        Labels, (samples,) or (samples, columns). Without y, x against itself.
    <WEIGHTS>
    sparse : bool
        Return a scipy.sparse array of two columns of labels, whose size is that of the cells that occur.
    method : {"auto", "cells", "words", "planes"}
        How to count; all give the same integers. "words" and "planes" are for few levels.
    <COMMON>

    Returns
    -------
    ndarray
        int64, float64 with weights, of shape (levels of x, levels of y); for 2-D x preceded by its columns, for 2-D y
        by those of x and of y. Levels are as in `counts`; tables of columns with fewer levels are padded with zeros.

    Raises
    ------
    ValueError
        Different numbers of samples, missing labels, a method that does not fit, or a dense table of more than
        2**22 cells.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.contingency([0, 0, 1, 1, 1], [1, 1, 0, 0, 1])
    array([[0, 2],
           [2, 1]])
    """
    name = "contingency"
    _samples.check_method(name, method)
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = left if y is None else _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_lengths(name, left, right, ("x", "y"))
    w = _samples.check_weights(name, weights, len(left.codes))
    if left.kept is not None or right.kept is not None:
        left, right, w = _complete(left, right, w)
    if sparse:
        return _sparse_table(left, right, w)
    if not _samples._is_dense(left, right):
        raise ValueError(
            f"{name}: the table of {int(left.levels.max())} x {int(right.levels.max())} levels has more than "
            f"{_samples.DENSE_CELLS} cells; pass sparse=True"
        )
    rows = int(left.levels.max(initial=1))
    found = []
    for j in range(right.codes.shape[1]):
        target = right.column(j)
        parts = [part for _, part in _samples.tables(name, left, target, w, workers, method)]
        columns = int(target.levels[0])
        table = np.concatenate(parts) if parts else np.zeros((0, rows * columns), np.int64)
        table = table.reshape(-1, rows, columns)
        padding = int(right.levels.max()) - columns
        found.append(np.pad(table, ((0, 0), (0, 0), (0, padding))) if padding else table)
    result = np.stack(found, 1) if found else np.zeros((left.codes.shape[1], 0, rows, 0), np.int64)
    if right.single:
        result = result[:, 0]
    return result[0] if left.single else result


_contingency = contingency  # also where `contingency` is an argument


def _complete(
    left: _samples.Columns, right: _samples.Columns, weights: Array | None
) -> tuple[_samples.Columns, _samples.Columns, Array | None]:
    """Samples with all their labels."""
    kept = np.ones(len(left.codes), bool)
    for side in (left, right):
        if side.kept is not None:
            kept &= side.kept.all(axis=1)
    weights = None if weights is None else weights[kept]
    sides = [side._replace(codes=side.codes[kept], kept=None) for side in (left, right)]
    return sides[0], sides[1], weights


def _sparse_table(left: _samples.Columns, right: _samples.Columns, weights: Array | None) -> Any:
    try:
        from scipy.sparse import coo_array  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError("contingency: sparse=True needs SciPy: pip install fastent[scipy]") from None
    if left.codes.shape[1] != 1 or right.codes.shape[1] != 1:
        raise ValueError("contingency: sparse=True takes one column of labels each")
    s = _samples.positive_cells(left.codes[:, 0], right.codes[:, 0], weights)
    data = s.counts if weights is not None else s.counts.astype(np.int64)
    return coo_array((data, (s.x, s.y)), shape=(int(left.levels[0]), int(right.levels[0]))).tocsr()


# ---- entropies -----------------------------------------------------------------------------------------------------


@_documented
def entropy(
    x: Any,
    *,
    base: float | None = None,
    weights: Any = None,
    estimator: str = "plugin",
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Entropy of labels, H(x) = -sum p_i ln p_i with p_i = n_i / n.

    It counts labels; the entropy of given probabilities is `fastent.entropy`.

    Parameters
    ----------
    <X>
    <BASE>
    <WEIGHTS>
    estimator : str
        How to estimate from few samples: "plugin", or one of `fastent.discrete.ESTIMATORS`.
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.entropy(["a", "b", "a", "b"], base=2)
    np.float64(1.0)
    """
    columns = _samples.read_columns("entropy", "x", x, missing, workers)
    found = _samples.level_counts(columns, _samples.check_weights("entropy", weights, len(columns.codes)))
    values = np.array([_entropy_of(row, estimator) for row in found])
    return _scaled("entropy", values[0] if columns.single else values, base)


def _entropy_of(counts: Array, estimator: str) -> float:
    if estimator == "plugin":
        return float(engine.entropy_of_counts(np.ascontiguousarray(counts, np.float64)[None])[0])
    return float(entropy_of_counts(counts[None], estimator)[0])


@_documented
def joint_entropy(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Entropy of pairs of labels, H(x, y) = -sum p_ij ln p_ij.

    Parameters
    ----------
    <XY>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.joint_entropy([0, 0, 1, 1], [0, 1, 0, 1], base=2)
    np.float64(2.0)
    """
    found = _samples.measure("joint_entropy", x, y, contingency, weights, missing, workers)
    return _scaled("joint_entropy", _select(found, "h_xy"), base)


@_documented
def conditional_entropy(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Entropy left in x once y is known, H(x | y) = sum p_ij ln(p_j / p_ij).

    Every term is at least 0, so nothing cancels where y nearly decides x; 0 exactly where it does.

    Parameters
    ----------
    <XY>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.conditional_entropy([0, 1, 2, 3], [0, 0, 1, 1], base=2)
    np.float64(1.0)
    """
    found = _samples.measure("conditional_entropy", x, y, contingency, weights, missing, workers)
    return _scaled("conditional_entropy", _select(found, "h_x_given_y"), base)


# ---- shared information --------------------------------------------------------------------------------------------


@_documented
def mutual_information(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    estimator: str = "plugin",
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Mutual information, I(x; y) = sum p_ij ln(p_ij / (p_i p_j)).

    Summed as terms that cannot be negative, of exact products of counts: never below 0, exactly 0 for independent
    tables, and exactly H(x) where y decides x.

    Parameters
    ----------
    <XY>
    <BASE>
    <WEIGHTS>
    estimator : str
        How to estimate H(x) + H(y) - H(x, y) from few samples: "plugin", or one of `fastent.discrete.ESTIMATORS`,
        whose differences may be negative.
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> discrete.mutual_information(["a", "a", "b", "b"], [0, 0, 1, 1], base=2)
    np.float64(1.0)
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> discrete.mutual_information(X, [0, 0, 1, 1], base=2)
    array([1., 0.])
    """
    name = "mutual_information"
    if estimator == "plugin":
        found = _select(_samples.measure(name, x, y, contingency, weights, missing, workers), "mi")
        return _scaled(name, found, base)
    if weights is not None:
        raise ValueError(f"{name}: estimators other than 'plugin' take counts, not weights")
    if contingency is None:
        if x is None or y is None:
            raise TypeError(f"{name}: pass x and y, or contingency=")
        contingency = _contingency(x, y, missing=missing, workers=workers)
    table = np.asarray(contingency)
    if table.ndim < 2:
        raise ValueError(f"{name}: contingency must be a table (levels of x, levels of y), got shape {table.shape}")
    joint = entropy_of_counts(table.reshape(*table.shape[:-2], -1), estimator)
    margins = entropy_of_counts(table.sum(-1), estimator) + entropy_of_counts(table.sum(-2), estimator)
    return _scaled(name, margins - joint, base)


@_documented
def information_gain(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """What a split of the samples by x tells about y: H(y) - H(y | x), which is the mutual information.

    Parameters
    ----------
    <XY>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    Quinlan 1986. Thresholds of numeric columns are found by `best_split`.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.information_gain(["sun", "sun", "rain"], [1, 1, 0], base=2).round(4)
    np.float64(0.9183)
    """
    found = _samples.measure("information_gain", x, y, contingency, weights, missing, workers)
    return _scaled("information_gain", _select(found, "mi"), base)


@_documented
def gain_ratio(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Information gain of x about y by the entropy of the split, I(x; y) / H(x); 0 where x has one level.

    Parameters
    ----------
    <XY>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    Quinlan 1993, C4.5.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.gain_ratio([0, 1, 2, 3], [0, 0, 1, 1])
    np.float64(0.5)
    """
    found = _samples.measure("gain_ratio", x, y, contingency, weights, missing, workers)
    return _ratio(_select(found, "mi"), _select(found, "h_x"), 0.0)


@_documented
def variation_of_information(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Distance between two labellings, H(x | y) + H(y | x): a metric, 0 for the same partition.

    Parameters
    ----------
    <XY>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    Meila 2007.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.variation_of_information(["a", "a", "b"], [7, 7, 3])
    np.float64(0.0)
    """
    found = _samples.measure("variation_of_information", x, y, contingency, weights, missing, workers)
    return _scaled("variation_of_information", _select(found, "h_x_given_y") + _select(found, "h_y_given_x"), base)


_AVERAGES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "arithmetic": lambda x, y, xy: (x + y) / 2,
    "geometric": lambda x, y, xy: np.sqrt(x) * np.sqrt(y),
    "min": lambda x, y, xy: np.minimum(x, y),
    "max": lambda x, y, xy: np.maximum(x, y),
    "joint": lambda x, y, xy: xy,
}


def _average(function: str, average: str, found: Array) -> Array:
    if average not in _AVERAGES:
        raise ValueError(f"{function}: average must be one of {', '.join(_AVERAGES)}, got {average!r}")
    return _AVERAGES[average](*(_select(found, name) for name in ("h_x", "h_y", "h_xy")))


@_documented
def normalized_mutual_information(
    x: Any = None,
    y: Any = None,
    *,
    average: str = "arithmetic",
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Mutual information as a share, I(x; y) / mean(H(x), H(y)); 1 where both have one level only.

    Parameters
    ----------
    <XY>
    average : {"arithmetic", "geometric", "min", "max", "joint"}
        The mean of the two entropies; "joint" divides by H(x, y).
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    Between 0 and 1. Where one variable is constant and the other is not, it is 0, also by the averages that are 0
    themselves. Strehl & Ghosh 2002; Vinh, Epps & Bailey 2010.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.normalized_mutual_information([0, 0, 1, 1], [1, 1, 0, 0])
    np.float64(1.0)
    """
    name = "normalized_mutual_information"
    found = _samples.measure(name, x, y, contingency, weights, missing, workers)
    return _share(name, found, average)


def _share(function: str, found: Array, average: str) -> Any:
    both_constant = (_select(found, "h_x") == 0) & (_select(found, "h_y") == 0)
    share = _ratio(_select(found, "mi"), _average(function, average, found), 0.0)
    return np.where(both_constant, 1.0, np.minimum(share, 1.0))[()]


@_documented
def symmetric_uncertainty(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Symmetric uncertainty, 2 I(x; y) / (H(x) + H(y)), between 0 and 1.

    Parameters
    ----------
    <XY>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    The normalised mutual information by the arithmetic mean. Press et al., Numerical Recipes.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.symmetric_uncertainty([0, 0, 1, 1], [0, 1, 0, 1])
    np.float64(0.0)
    """
    found = _samples.measure("symmetric_uncertainty", x, y, contingency, weights, missing, workers)
    return _share("symmetric_uncertainty", found, "arithmetic")


@_documented
def adjusted_mutual_information(
    x: Any = None,
    y: Any = None,
    *,
    average: str = "arithmetic",
    contingency: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Mutual information beyond chance, (I - E[I]) / (mean(H(x), H(y)) - E[I]); 1 for the same partition.

    E[I] is the exact expectation over all tables with the same margins.

    Parameters
    ----------
    <XY>
    average : {"arithmetic", "geometric", "min", "max", "joint"}
        The mean of the two entropies.
    <COMMON>

    <SCALAR>

    Notes
    -----
    About 0 for independent labels, and negative below chance. Vinh, Epps & Bailey 2010.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.adjusted_mutual_information([0, 0, 1, 1], [1, 1, 0, 0])
    np.float64(1.0)
    """
    name = "adjusted_mutual_information"
    found = _samples.measure(name, x, y, contingency, None, missing, workers)
    if contingency is not None:
        margins = [_margins_of(name, table) for table in _each_table(name, contingency)]
    else:
        margins = list(_margins_of_columns(name, x, y, missing, workers))
    threads = workers_for(name, workers, len(margins) * 1_000_000)
    expected = np.array([_expected(a, b, threads) for a, b in margins]).reshape(found.shape[:-1])
    mean, mi = _average(name, average, found), _select(found, "mi")
    same = (_select(found, "h_x_given_y") == 0) & (_select(found, "h_y_given_x") == 0)
    gap = mean - expected
    tiny = np.finfo(float).eps
    gap = np.where(gap < 0, np.minimum(gap, -tiny), np.maximum(gap, tiny))
    return np.where(same, 1.0, (mi - expected) / gap)[()]


def _each_table(function: str, contingency: Any) -> list[Any]:
    table = _samples.read_table(function, contingency)
    return [table] if isinstance(table, _samples.Sample) else list(table.reshape(-1, *table.shape[-2:]))


def _margins_of(function: str, table: Any) -> tuple[Array, Array]:
    a, b = (table.x_counts, table.y_counts) if isinstance(table, _samples.Sample) else (table.sum(1), table.sum(0))
    if (a != np.floor(a)).any() or (b != np.floor(b)).any():
        raise ValueError(f"{function}: contingency must hold whole counts, for which chance is defined")
    return a.astype(np.int64), b.astype(np.int64)


def _margins_of_columns(function: str, x: Any, y: Any, missing: str, workers: int | None) -> Any:
    left = _samples.read_columns(function, "x", x, missing, workers)
    right = _samples.read_columns(function, "y", y, missing, workers)
    for i in range(left.codes.shape[1]):
        one, other, _ = _complete(left.column(i), right, None)
        yield _samples.level_counts(one, None)[0], _samples.level_counts(other, None)[0]


def _expected(a: Array, b: Array, workers: int) -> float:
    """Expected mutual information given both margins: equal counts are done once."""
    total = int(a.sum())
    if total == 0:
        return float("nan")
    logs = np.log(np.arange(1, total + 1, dtype=np.longdouble))
    log_factorials = np.concatenate([[0.0], np.cumsum(logs)]).astype(np.float64)
    a, a_times = np.unique(a[a > 0], return_counts=True)
    b, b_times = np.unique(b[b > 0], return_counts=True)
    times = a_times.astype(float), b_times.astype(float)
    a, b = a.astype(np.int64), b.astype(np.int64)
    return engine.expected_mutual_information(a, times[0], b, times[1], total, log_factorials, workers)


@_documented
def homogeneity_completeness_v_measure(
    labels_true: Any = None,
    labels_pred: Any = None,
    *,
    beta: float = 1.0,
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Any, Any, Any]:
    """Do clusters hold single classes, I / H(true); are classes in single clusters, I / H(pred); and their mean.

    Parameters
    ----------
    labels_true : array_like
        Classes, (samples,) or (samples, columns).
    labels_pred : array_like
        Clusters, (samples,).
    beta : float
        Weight of completeness against homogeneity in the harmonic mean.
    contingency : array_like or sparse matrix, optional
        Instead of the labels, their table (classes, clusters).
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    homogeneity, completeness, v_measure
        Each between 0 and 1, and 1 where there is nothing to tell apart.

    Notes
    -----
    Rosenberg & Hirschberg 2007.

    Examples
    --------
    >>> from fastent import discrete
    >>> h, c, v = discrete.homogeneity_completeness_v_measure([0, 0, 1, 1], [0, 1, 2, 3])
    >>> print(h, c, round(v, 4))
    1.0 0.5 0.6667
    """
    if not beta >= 0:
        raise ValueError(f"homogeneity_completeness_v_measure: beta must be at least 0, got {beta}")
    names = ("labels_true", "labels_pred")
    found = _samples.measure(
        "homogeneity_completeness_v_measure", labels_true, labels_pred, contingency, weights, missing, workers, names
    )
    mi = _select(found, "mi")
    homogeneity = np.minimum(_ratio(mi, _select(found, "h_x"), 1.0), 1.0)
    completeness = np.minimum(_ratio(mi, _select(found, "h_y"), 1.0), 1.0)
    product, weighted = (1 + beta) * homogeneity * completeness, beta * homogeneity + completeness
    return homogeneity, completeness, _ratio(product, weighted, 0.0)


@_documented
def purity(
    labels_true: Any = None,
    labels_pred: Any = None,
    *,
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Share of samples in the largest class of their cluster, sum_j max_i n_ij / n.

    Parameters
    ----------
    labels_true, labels_pred : array_like
        Classes and clusters, (samples,).
    contingency : array_like, optional
        Instead of the labels, their table (classes, clusters), or a stack of such.
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.purity([0, 0, 1, 1], [0, 0, 0, 1])
    np.float64(0.75)
    """
    table = contingency
    if table is None:
        table = _contingency(labels_true, labels_pred, weights=weights, missing=missing, workers=workers)
    table = np.asarray(table, np.float64)
    return _ratio(table.max(-2, initial=0.0).sum(-1), table.sum((-2, -1)), np.nan)


# ---- three variables and more --------------------------------------------------------------------------------------


def _combined(function: str, columns: list[_samples.Columns]) -> Array:
    """One code for each combination of labels that occurs."""
    codes = np.zeros(len(columns[0].codes), np.int64)
    for column in columns:
        codes = codes * int(column.levels[0]) + column.codes[:, 0]
        codes = np.unique(codes, return_inverse=True)[1]  # dense again, so that products never overflow
    return codes


def _entropies_of(
    function: str, labels: dict[str, Any], weights: Any, missing: str, workers: int | None
) -> tuple[list[_samples.Columns], Array | None]:
    columns = [_samples.read_columns(function, name, x, missing, workers) for name, x in labels.items()]
    names = list(labels)
    for name, column in zip(names, columns, strict=True):
        _samples.check_target(function, column, name)
        _samples.check_lengths(function, columns[0], column, (names[0], name))
    w = _samples.check_weights(function, weights, len(columns[0].codes))
    kept = np.ones(len(columns[0].codes), bool)
    for column in columns:
        if column.kept is not None:
            kept &= column.kept[:, 0]
    columns = [c._replace(codes=c.codes[kept], kept=None) for c in columns]
    return columns, None if w is None else w[kept]


def _joint(function: str, columns: list[_samples.Columns], weights: Array | None) -> float:
    codes = _combined(function, columns)
    return _entropy_of(np.bincount(codes, weights), "plugin") if len(codes) else float("nan")


@_documented
def conditional_mutual_information(
    x: Any,
    y: Any,
    z: Any,
    *,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Information that x and y share beyond z, I(x; y | z) = sum_k p_k I(x; y | z = k), at least 0.

    Parameters
    ----------
    x, y, z : array_like
        Labels, (samples,).
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.conditional_mutual_information([0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 0, 1], base=2)
    np.float64(1.0)
    """
    name = "conditional_mutual_information"
    columns, w = _entropies_of(name, {"x": x, "y": y, "z": z}, weights, missing, workers)
    left, right, given = (c.codes[:, 0] for c in columns)
    if not len(left):
        return np.float64(np.nan)
    order = np.argsort(given, kind="stable")
    ends = np.flatnonzero(np.diff(given[order])) + 1
    total, value = 0.0, 0.0
    for part in np.split(order, ends):
        sample = _samples.positive_cells(left[part], right[part], None if w is None else w[part])
        mass = float(sample.counts.sum())
        if mass > 0:
            total += mass
            value += mass * float(_select(_samples.statistics_of_sample(sample), "mi"))
    return _scaled(name, value / total if total else np.nan, base)


@_documented
def total_correlation(
    x: Any, *, base: float | None = None, weights: Any = None, missing: str = "raise", workers: int | None = None
) -> Any:
    """How far columns are from independent, sum_c H(x_c) - H(x_1, ..., x_m), at least 0.

    Parameters
    ----------
    x : array_like
        Labels, (samples, columns).
    <BASE>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    float
        nan where there are no samples.

    Notes
    -----
    Watanabe 1960. For two columns it is their mutual information.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.total_correlation([[0, 0, 0], [1, 1, 1]], base=2)
    np.float64(2.0)
    """
    name = "total_correlation"
    columns = _samples.read_columns(name, "x", x, missing, workers)
    w = _samples.check_weights(name, weights, len(columns.codes))
    complete, _, w = _complete(columns, columns, w)
    each = [complete.column(i) for i in range(complete.codes.shape[1])]
    if not each or not len(complete.codes):
        return np.float64(np.nan)
    # as a chain of mutual informations, none of which is negative
    value = 0.0
    for i in range(1, len(each)):
        earlier = _combined(name, each[:i]).astype(np.uint32)
        sample = _samples.positive_cells(earlier, each[i].codes[:, 0], w)
        value += float(_select(_samples.statistics_of_sample(sample), "mi"))
    return _scaled(name, value, base)


@_documented
def interaction_information(
    x: Any,
    y: Any,
    z: Any,
    *,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """I(x; y | z) - I(x; y): positive where z makes x and y depend (synergy), negative where it explains them.

    Parameters
    ----------
    x, y, z : array_like
        Labels, (samples,).
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    McGill 1954, whose sign this is; the co-information has the other one for three variables.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.interaction_information([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], base=2)
    np.float64(1.0)
    """
    name = "interaction_information"
    columns, w = _entropies_of(name, {"x": x, "y": y, "z": z}, weights, missing, workers)
    x, y, z = (c.codes[:, 0] for c in columns)
    given = conditional_mutual_information(x, y, z, weights=w, workers=workers)
    return _scaled(name, given - mutual_information(x, y, weights=w, workers=workers), base)


@_documented
def pmi(
    x: Any = None,
    y: Any = None,
    *,
    kind: str = "pmi",
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Pointwise mutual information of every cell, ln(p_ij / (p_i p_j)).

    Parameters
    ----------
    x, y : array_like
        Labels, (samples,).
    kind : {"pmi", "npmi", "ppmi"}
        As it is; divided by -ln p_ij, between -1 and 1; or with negative values as 0.
    contingency : array_like, optional
        Instead of x and y, their table.
    <BASE>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    ndarray
        (levels of x, levels of y). Cells that never occur are -inf (npmi -1, ppmi 0); nan where a level never occurs.

    Notes
    -----
    Church & Hanks 1990; Bouma 2009.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.pmi([0, 0, 1, 1], [0, 0, 1, 1], base=2)
    array([[  1., -inf],
           [-inf,   1.]])
    """
    if kind not in ("pmi", "npmi", "ppmi"):
        raise ValueError(f"pmi: kind must be 'pmi', 'npmi' or 'ppmi', got {kind!r}")
    table = contingency
    if table is None:
        table = _contingency(x, y, weights=weights, missing=missing, workers=workers)
    read = _samples.read_table("pmi", table.toarray() if hasattr(table, "toarray") else table)
    assert not isinstance(read, _samples.Sample)
    total = read.sum((-2, -1), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = read.sum(-1, keepdims=True) * (read.sum(-2, keepdims=True) / total)
        values = np.log(read / expected)
        if kind == "ppmi":
            return _scaled("pmi", np.maximum(values, 0.0), base)
        if kind == "npmi":
            share = values / -np.log(read / total)
            share = np.where(read == total, 1.0, np.where(read == 0, -1.0, share))
            return np.where(np.isnan(values), np.nan, share)
    return _scaled("pmi", values, base)


# ---- many pairs ----------------------------------------------------------------------------------------------------

_METRICS: dict[str, tuple[str, ...]] = {
    "mi": ("mi",),
    "nmi": ("mi", "h_x", "h_y"),
    "su": ("mi", "h_x", "h_y"),
    "vi": ("h_x_given_y", "h_y_given_x"),
    "joint_entropy": ("h_xy",),
    "conditional_entropy": ("h_x_given_y",),
}


@_documented
def mutual_information_matrix(
    x: Any,
    y: Any = None,
    *,
    metric: str = "mi",
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Array:
    """Mutual information of all pairs of columns: of x with those of y, or of x among themselves.

    Parameters
    ----------
    x, y : array_like
        Labels, (samples, columns). Without y the result is symmetric and half of it is computed; its diagonal holds
        the entropies.
    metric : {"mi", "nmi", "su", "vi", "joint_entropy", "conditional_entropy"}
        What to return of each pair: mutual information, normalised by the arithmetic mean (nmi, the same as
        symmetric uncertainty), variation of information, or H(x, y) or H(x | y).
    <BASE>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    ndarray
        (columns of x, columns of y).

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> X = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]])
    >>> discrete.mutual_information_matrix(X, base=2)
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    name = "mutual_information_matrix"
    if metric not in _METRICS:
        raise ValueError(f"{name}: metric must be one of {', '.join(_METRICS)}, got {metric!r}")
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = None if y is None else _samples.read_columns(name, "y", y, missing, workers)
    if right is not None:
        _samples.check_lengths(name, left, right, ("x", "y"))
    w = _samples.check_weights(name, weights, len(left.codes))
    which = _METRICS[metric]
    found = dict(zip(which, _samples.pair_statistics(name, left, right, which, w, workers), strict=True))
    if metric in ("nmi", "su"):
        constant = (found["h_x"] == 0) & (found["h_y"] == 0)
        share = np.minimum(_ratio(found["mi"], (found["h_x"] + found["h_y"]) / 2, 0.0), 1.0)
        normalized: Array = np.where(constant, 1.0, share)
        return normalized
    result: Array = _scaled(name, sum(found.values()), base)
    return result


# ---- significance --------------------------------------------------------------------------------------------------


@_documented
def g_test(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Any, Any]:
    """G-test of independence: G = 2 n I(x; y), and its p-value by the chi-squared distribution. Needs SciPy.

    Parameters
    ----------
    <XY>
    <COMMON>

    Returns
    -------
    statistic, p_value : float, or ndarray with one value per column
        Degrees of freedom are (levels of x that occur - 1)(levels of y that occur - 1); p is 1 where they are 0.

    Notes
    -----
    Sokal & Rohlf, Biometry. Without continuity correction.

    Examples
    --------
    >>> from fastent import discrete
    >>> statistic, p = discrete.g_test(contingency=[[10, 20], [30, 5]])
    >>> print(round(statistic, 3), round(p, 7))
    19.717 9e-06
    """
    try:
        from scipy.special import chdtrc  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError("g_test: p-values need SciPy: pip install fastent[scipy]") from None
    found = _samples.measure("g_test", x, y, contingency, None, missing, workers)
    if contingency is not None:
        margins = [_margins_of("g_test", table) for table in _each_table("g_test", contingency)]
    else:
        margins = list(_margins_of_columns("g_test", x, y, missing, workers))
    shape = found.shape[:-1]
    totals = np.array([float(a.sum()) for a, _ in margins]).reshape(shape)
    freedom = np.array([((a > 0).sum() - 1.0) * ((b > 0).sum() - 1.0) for a, b in margins]).reshape(shape)
    statistic = 2 * totals * _select(found, "mi")
    p_value = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), np.where(totals > 0, 1.0, np.nan))
    return statistic[()], p_value[()]


@_documented
def permutation_test(
    x: Any,
    y: Any,
    *,
    permutations: int = 999,
    rng: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Any, Any]:
    """Mutual information, and how often shuffled labels reach it: p = (1 + reached) / (1 + permutations).

    Shuffling y keeps both margins as they are, and all columns of x meet the same shuffles.

    Parameters
    ----------
    x : array_like
        Labels, (samples,) or (samples, columns).
    y : array_like
        Labels, (samples,).
    permutations : int
        Number of shuffles.
    rng : int, numpy.random.Generator or None
        Seed or generator of the shuffles.
    <COMMON>

    Returns
    -------
    statistic, p_value : float, or ndarray with one value per column

    Notes
    -----
    Phipson & Smyth 2010 for the two ones in p.

    Examples
    --------
    >>> from fastent import discrete
    >>> x = [0] * 20 + [1] * 20
    >>> discrete.permutation_test(x, x, permutations=99, rng=1)[1]
    np.float64(0.01)
    """
    name = "permutation_test"
    if permutations < 1:
        raise ValueError(f"{name}: permutations must be at least 1, got {permutations}")
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_target(name, right, "y")
    _samples.check_lengths(name, left, right, ("x", "y"))
    left, right, _ = _complete(left, right, None)
    observed = _select(_samples.target_statistics(name, left, right, None, workers), "mi")
    generator = np.random.default_rng(rng)
    reached = np.zeros(observed.shape)
    for _ in range(permutations):
        shuffled = right._replace(codes=generator.permutation(right.codes))
        found = _select(_samples.target_statistics(name, left, shuffled, None, workers), "mi")
        reached += found >= observed * (1 - 1e-12)  # the same table in another order is as large
    p_value = np.where(np.isnan(observed), np.nan, (1 + reached) / (1 + permutations))
    return (observed[0], p_value[0]) if left.single else (observed, p_value)
