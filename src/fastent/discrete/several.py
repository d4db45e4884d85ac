"""Three variables and more, and all pairs of many."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _samples
from fastent._plan import log_of_base
from fastent._samples import Array
from fastent.discrete._common import described, in_unit, ratio, select
from fastent.discrete.counting import complete_samples
from fastent.discrete.information import entropy_of_row, mutual_information


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
    w = _samples.relative_weights(function, weights, len(columns[0].codes))
    kept = np.ones(len(columns[0].codes), bool)
    for column in columns:
        if column.kept is not None:
            kept &= column.kept[:, 0]
    columns = [c._replace(codes=c.codes[kept], kept=None) for c in columns]
    return columns, None if w is None else w[kept]


def _joint(function: str, columns: list[_samples.Columns], weights: Array | None) -> float:
    codes = _combined(function, columns)
    return entropy_of_row(np.bincount(codes, weights), "plugin") if len(codes) else float("nan")


@described
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
            value += mass * float(select(_samples.statistics_of_sample(sample), "mi"))
    return in_unit(name, value / total if total else np.nan, base)


@described
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
    w = _samples.relative_weights(name, weights, len(columns.codes))
    complete, _, w = complete_samples(columns, columns, w)
    each = [complete.column(i) for i in range(complete.codes.shape[1])]
    if not each or not len(complete.codes):
        return np.float64(np.nan)
    # as a chain of mutual informations, none of which is negative
    value = 0.0
    for i in range(1, len(each)):
        earlier = _combined(name, each[:i]).astype(np.uint32)
        sample = _samples.positive_cells(earlier, each[i].codes[:, 0], w)
        value += float(select(_samples.statistics_of_sample(sample), "mi"))
    return in_unit(name, value, base)


@described
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
    return in_unit(name, given - mutual_information(x, y, weights=w, workers=workers), base)


_METRICS: dict[str, tuple[str, ...]] = {
    "mi": ("mi",),
    "nmi": ("mi", "h_x", "h_y"),
    "su": ("mi", "h_x", "h_y"),
    "vi": ("h_x_given_y", "h_y_given_x"),
    "joint_entropy": ("h_xy",),
    "conditional_entropy": ("h_x_given_y",),
}


@described
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
    log_of_base(name, base)  # a base that does not enter is checked all the same
    if not isinstance(metric, str) or metric not in _METRICS:
        raise ValueError(f"{name}: metric must be one of {', '.join(_METRICS)}, got {metric!r}")
    which = _METRICS[metric]
    found = dict(zip(which, _samples.measure_pairs(name, x, y, which, weights, missing, workers), strict=True))
    if metric in ("nmi", "su"):
        constant = (found["h_x"] == 0) & (found["h_y"] == 0)
        share = np.minimum(ratio(found["mi"], (found["h_x"] + found["h_y"]) / 2, 0.0), 1.0)
        normalized: Array = np.where(constant, 1.0, share)
        return normalized
    result: Array = in_unit(name, sum(found.values()), base)
    return result
