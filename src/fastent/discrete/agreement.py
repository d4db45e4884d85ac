"""How far two labellings agree: shares of their information, clusterings against classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastent import _samples
from fastent._codes import check_missing
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete import _margins, _metrics
from fastent.discrete._common import described, ratio
from fastent.discrete._metrics import Options
from fastent.discrete.counting import complete_samples


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
    options = _metrics.check_options(name, Options(average))
    found = _samples.measure(name, x, y, contingency, weights, missing, workers)
    return _metrics.share(_metrics.facts_of(found), options)


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
    The normalised mutual information by the arithmetic mean; 1 where both are constant. Press et al., Numerical
    Recipes.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.symmetric_uncertainty([0, 0, 1, 1], [0, 1, 0, 1])
    np.float64(0.0)
    """
    found = _samples.measure("symmetric_uncertainty", x, y, contingency, weights, missing, workers)
    return _metrics.share(_metrics.facts_of(found), Options())


@described
def adjusted_mutual_information(
    x: Any = None,
    y: Any = None,
    *,
    average: str = "arithmetic",
    contingency: Any = None,
    weights: Any = None,
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
    <TIMES>
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
    options = _metrics.check_options(name, Options(average))
    found, margins = _margins.measure(name, x, y, contingency, weights, missing, workers)
    facts, shape = _metrics.facts_of(found), found.shape[:-1]
    facts["expected"] = _margins.expected_information(name, margins, workers).reshape(shape)
    facts["largest"] = margins.largest().reshape(shape)
    return _metrics.adjusted_share(facts, options)


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
        Each between 0 and 1, and 1 where there is nothing to tell apart; nan where there are no samples.

    <RAISES>

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
    name, names = "homogeneity_completeness_v_measure", ("labels_true", "labels_pred")
    options = _metrics.check_options(name, Options(beta=beta))
    found = _samples.measure(name, labels_true, labels_pred, contingency, weights, missing, workers, names)
    facts = _metrics.facts_of(found)
    return (
        _metrics.homogeneity(facts, options),
        _metrics.completeness(facts, options),
        _metrics.v_measure(facts, options),
    )


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
    labels_true : array_like
        Classes, (samples,) or (samples, columns).
    labels_pred : array_like
        Clusters, (samples,).
    contingency : array_like, optional
        Instead of the labels, their table (classes, clusters), or a stack of such.
    <WEIGHTS>
    <COMMON>

    <SCALAR>

    Notes
    -----
    Manning, Raghavan & Schuetze, Introduction to Information Retrieval, 16.3.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.purity([0, 0, 1, 1], [0, 0, 0, 1])
    np.float64(0.75)
    """
    name = "purity"
    _samples.check_inputs(name, labels_true, labels_pred, contingency, weights, ("labels_true", "labels_pred"))
    check_missing(name, missing)
    workers_for(name, workers, 0)
    if contingency is None:
        left = _samples.read_columns(name, "labels_true", labels_true, missing, workers)
        right = _samples.read_columns(name, "labels_pred", labels_pred, missing, workers)
        _samples.check_target(name, right, "labels_pred")
        _samples.check_lengths(name, left, right, ("labels_true", "labels_pred"))
        w = _samples.relative_weights(name, weights, len(left.codes))
        shares = purities(name, left, right, w, workers)
        return shares[0] if left.single else shares
    table = _samples.read_cells(name, contingency)
    if isinstance(table, _samples.Sample):
        return np.float64(_purity_of(table))
    return _purities_of(table.reshape(-1, *table.shape[-2:])).reshape(table.shape[:-2])[()]


def purities(
    function: str, left: _samples.Columns, right: _samples.Columns, weights: Array | None, workers: int | None
) -> Array:
    """Of every column of classes with one of clusters."""
    columns = left.codes.shape[1]
    result = np.zeros(columns)
    if left.kept is not None or right.kept is not None:  # pairwise complete
        for i in range(columns):
            one, two, w = complete_samples(left.column(i), right, weights)
            result[i] = purities(function, one, two, w, workers)[0]
    elif _samples.is_dense(left, right):
        for batch, tables in _samples.tables(function, left, right, weights, workers):
            result[batch] = _purities_of(tables.reshape(len(tables), -1, int(right.levels[0])))
    else:
        for i in range(columns):
            result[i] = _purity_of(_samples.positive_cells(left.codes[:, i], right.codes[:, 0], weights))
    return result


def _purities_of(tables: Array) -> Array:
    """Of each table of a stack."""
    with np.errstate(over="ignore"):
        totals = tables.sum((-2, -1))
    whole = tables.dtype.kind == "i" or (tables == np.floor(tables)).all()
    if whole and totals.max(initial=0) <= 2.0**53:  # sums are exact in any order
        found: Array = np.asarray(ratio(tables.max(-2).sum(-1), totals, np.nan))
        return found
    return np.array([_share_of_largest(table.max(0), table[table > 0]) for table in tables])


def _purity_of(sample: _samples.Sample) -> float:
    largest = np.zeros(len(sample.y_counts))
    np.maximum.at(largest, sample.y, sample.counts)
    return _share_of_largest(largest, sample.counts)


def _share_of_largest(largest: Array, cells: Array) -> float:
    """The same of a table in any form: `fsum` rounds once, whatever the order and the zeros."""
    if not len(cells):
        return math.nan
    down = -math.frexp(float(largest.max()))[1]
    return math.fsum(np.ldexp(largest, down).tolist()) / math.fsum(np.ldexp(cells, down).tolist())
