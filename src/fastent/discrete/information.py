"""Entropy of labels, and what two labels say about each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _samples
from fastent._counts import engine
from fastent._estimators import check_estimator, entropy_of_counts
from fastent._samples import Array
from fastent.discrete import _metrics
from fastent.discrete._common import described, in_unit, select
from fastent.discrete.counting import complete_samples, dense_tables


@described
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
        How to estimate from few samples: "plugin", or one of `fastent.discrete.ESTIMATORS`, whose bins are the levels
        that occur: codes and categories that no sample has are none.
    <COMMON>

    <SCALAR>

    Notes
    -----
    Shannon 1948; the sources of the estimators stand in `entropy_of_counts`.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.entropy(["a", "b", "a", "b"], base=2)
    np.float64(1.0)
    """
    check_estimator("entropy", estimator)
    columns = _samples.read_columns("entropy", "x", x, missing, workers)
    # estimators other than the plug-in take weights as counts
    read_weights = _samples.relative_weights if estimator == "plugin" else _samples.check_weights
    found = _samples.level_counts(columns, read_weights("entropy", weights, len(columns.codes)), workers)
    values = np.array([entropy_of_row(row, estimator) for row in found])
    return in_unit("entropy", values[0] if columns.single else values, base)


def entropy_of_row(counts: Array, estimator: str) -> float:
    if estimator == "plugin":
        return float(engine.entropy_of_counts(np.ascontiguousarray(counts, np.float64)[None])[0])
    return float(
        entropy_of_counts(counts[counts > 0][None], estimator, function="entropy", name="weights of levels")[0]
    )


@described
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

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, 2.2.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.joint_entropy([0, 0, 1, 1], [0, 1, 0, 1], base=2)
    np.float64(2.0)
    """
    found = _samples.measure("joint_entropy", x, y, contingency, weights, missing, workers)
    return in_unit("joint_entropy", select(found, "h_xy"), base)


@described
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

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, 2.2.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.conditional_entropy([0, 1, 2, 3], [0, 0, 1, 1], base=2)
    np.float64(1.0)
    """
    found = _samples.measure("conditional_entropy", x, y, contingency, weights, missing, workers)
    return in_unit("conditional_entropy", select(found, "h_x_given_y"), base)


@described
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
        whose differences may be negative. The bins of labels are the levels that occur, and all pairs of them; those of
        a table are all its rows, columns and cells, also empty ones.
    <COMMON>

    <SCALAR>

    Notes
    -----
    Shannon 1948; Cover & Thomas, Elements of Information Theory, 2.3.

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
    if check_estimator(name, estimator) == "plugin":
        found = select(_samples.measure(name, x, y, contingency, weights, missing, workers), "mi")
        return in_unit(name, found, base)
    if weights is not None:
        raise ValueError(f"{name}: estimators other than 'plugin' take counts, not weights")
    _samples.check_inputs(name, x, y, contingency, weights, ("x", "y"))
    if contingency is not None:
        table = _samples.read_cells(name, contingency)
        if isinstance(table, _samples.Sample):
            return in_unit(name, _estimated(estimator, table.x_counts, table.y_counts, table.counts)[()], base)
        margins = table.sum(-1), table.sum(-2)
        return in_unit(name, _estimated(estimator, *margins, table.reshape(*table.shape[:-2], -1)), base)
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_target(name, right, "y")
    _samples.check_lengths(name, left, right, ("x", "y"))
    values = []
    for i in range(len(left.levels)):  # levels that other columns have are none of this one
        one, other, _ = complete_samples(left.column(i), right, None)
        values.append(float(_estimated(estimator, *_occurring(one, other, workers))))
    return in_unit(name, values[0] if left.single else np.array(values), base)


def _occurring(x: _samples.Columns, y: _samples.Columns, workers: int | None) -> list[Array]:
    """Counts of the levels of x, of those of y and of the pairs, of those that occur."""
    if _samples.is_dense(x, y):
        table = dense_tables(x, y, None, workers, "auto")[0, 0]
        parts = [table.sum(1), table.sum(0), table.ravel()]
    else:
        sample = _samples.positive_cells(x.codes[:, 0], y.codes[:, 0], None)
        parts = [sample.x_counts, sample.y_counts, sample.counts]
    return [part[part > 0] for part in parts]


def _estimated(estimator: str, x: Array, y: Array, pairs: Array) -> Array:
    """H(x) + H(y) - H(x, y) of each table, as estimated; `pairs` may leave out empty cells."""
    bins = x.shape[-1], y.shape[-1], x.shape[-1] * y.shape[-1]
    h_x, h_y, h_xy = (
        entropy_of_counts(counts, estimator, k, "mutual_information", "contingency")
        for counts, k in zip((x, y, pairs), bins, strict=True)
    )
    found: Array = h_x + h_y - h_xy
    return found


@described
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
    return in_unit("information_gain", select(found, "mi"), base)


@described
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
    return _metrics.gain_ratio(_metrics.facts_of(found), _metrics.Options())


@described
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
    return in_unit("variation_of_information", select(found, "h_x_given_y") + select(found, "h_y_given_x"), base)
