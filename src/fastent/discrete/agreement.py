"""How far two labellings agree: shares of their information, clusterings against classes."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from fastent import _samples
from fastent._chance import expected_mutual_information
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete._common import described, ratio, select
from fastent.discrete.counting import complete_samples

_AVERAGES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "arithmetic": lambda x, y, xy: (x + y) / 2,
    "geometric": lambda x, y, xy: np.sqrt(x * y),
    "min": lambda x, y, xy: np.minimum(x, y),
    "max": lambda x, y, xy: np.maximum(x, y),
    "joint": lambda x, y, xy: xy,
}


def _average(function: str, average: str, found: Array) -> Array:
    if not isinstance(average, str) or average not in _AVERAGES:
        raise ValueError(f"{function}: average must be one of {', '.join(_AVERAGES)}, got {average!r}")
    return _AVERAGES[average](*(select(found, name) for name in ("h_x", "h_y", "h_xy")))


@described
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
    both_constant = (select(found, "h_x") == 0) & (select(found, "h_y") == 0)
    share = ratio(select(found, "mi"), _average(function, average, found), 0.0)
    return np.where(both_constant, 1.0, np.minimum(share, 1.0))[()]


@described
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


@described
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
        margins = [margins_of(name, table) for table in each_table(name, contingency)]
    else:
        margins = list(margins_of_columns(name, x, y, missing, workers))
    threads = workers_for(name, workers, len(margins) * 1_000_000)
    expected = np.array([expected_information(a, b, threads) for a, b in margins]).reshape(found.shape[:-1])
    mean, mi = _average(name, average, found), select(found, "mi")
    same = (select(found, "h_x_given_y") == 0) & (select(found, "h_y_given_x") == 0)
    # where all labels of one side differ there is one table only, and nothing beyond chance
    most = np.array([min(a.max(initial=0), b.max(initial=0)) for a, b in margins])
    rigid = most.reshape(found.shape[:-1]) <= 1
    adjusted = ratio(mi - expected, np.where(rigid, 1.0, mean - expected), 0.0)
    return np.where(same, 1.0, np.where(rigid & ~np.isnan(mi), 0.0, adjusted))[()]


def each_table(function: str, contingency: Any) -> list[Any]:
    table = _samples.read_cells(function, contingency)
    return [table] if isinstance(table, _samples.Sample) else list(table.reshape(-1, *table.shape[-2:]))


def margins_of(function: str, table: Any) -> tuple[Array, Array]:
    cells = table.counts if isinstance(table, _samples.Sample) else table
    if (cells != np.floor(cells)).any():
        raise ValueError(f"{function}: contingency must hold whole counts, for which chance is defined")
    with np.errstate(over="ignore"):
        total = cells.sum()
    if total >= 2.0**63:
        raise ValueError(
            f"{function}: contingency must hold fewer than 2**63 samples, which is what can be counted, got {total:.3g}"
        )
    if isinstance(table, _samples.Sample):
        return table.x_counts.astype(np.int64), table.y_counts.astype(np.int64)
    whole = cells.astype(np.int64)
    return whole.sum(1), whole.sum(0)


def margins_of_columns(function: str, x: Any, y: Any, missing: str, workers: int | None) -> Any:
    left = _samples.read_columns(function, "x", x, missing, workers)
    right = _samples.read_columns(function, "y", y, missing, workers)
    for i in range(left.codes.shape[1]):
        one, other, _ = complete_samples(left.column(i), right, None)
        yield _samples.level_counts(one, None)[0], _samples.level_counts(other, None)[0]


def expected_information(a: Array, b: Array, workers: int) -> float:
    """Expected mutual information given both margins: equal counts are done once."""
    total = int(a.sum())
    if total == 0:
        return float("nan")
    a, a_times = np.unique(a[a > 0], return_counts=True)
    b, b_times = np.unique(b[b > 0], return_counts=True)
    times = a_times.astype(float), b_times.astype(float)
    a, b = a.astype(np.int64), b.astype(np.int64)
    return expected_mutual_information(a, times[0], b, times[1], total, workers)


@described
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
    if not isinstance(beta, Real):
        raise TypeError(f"homogeneity_completeness_v_measure: beta must be a number, got {beta!r}")
    if not 0 <= beta < np.inf:
        raise ValueError(f"homogeneity_completeness_v_measure: beta must be at least 0 and finite, got {beta}")
    names = ("labels_true", "labels_pred")
    found = _samples.measure(
        "homogeneity_completeness_v_measure", labels_true, labels_pred, contingency, weights, missing, workers, names
    )
    mi = select(found, "mi")
    homogeneity = np.minimum(ratio(mi, select(found, "h_x"), 1.0), 1.0)
    completeness = np.minimum(ratio(mi, select(found, "h_y"), 1.0), 1.0)
    product, weighted = (1 + beta) * homogeneity * completeness, beta * homogeneity + completeness
    return homogeneity, completeness, ratio(product, weighted, 0.0)


@described
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
    name = "purity"
    _samples.check_inputs(name, labels_true, labels_pred, contingency, weights, ("labels_true", "labels_pred"))
    workers_for(name, workers, 0)
    if contingency is None:
        left = _samples.read_columns(name, "labels_true", labels_true, missing, workers)
        right = _samples.read_columns(name, "labels_pred", labels_pred, missing, workers)
        _samples.check_target(name, right, "labels_pred")
        _samples.check_lengths(name, left, right, ("labels_true", "labels_pred"))
        w = _samples.relative_weights(name, weights, len(left.codes))
        shares = []
        for i in range(len(left.levels)):
            one, other, part = complete_samples(left.column(i), right, w)
            shares.append(_purity_of(_samples.positive_cells(one.codes[:, 0], other.codes[:, 0], part)))
        return np.float64(shares[0]) if left.single else np.array(shares)
    table = _samples.read_table(name, contingency)
    if isinstance(table, _samples.Sample):
        return np.float64(_purity_of(table))
    return ratio(table.max(-2).sum(-1), table.sum((-2, -1)), np.nan)


def _purity_of(sample: _samples.Sample) -> float:
    largest = np.zeros(len(sample.y_counts))
    np.maximum.at(largest, sample.y, sample.counts)
    total = sample.counts.sum()
    return float(largest.sum() / total) if total else np.nan
