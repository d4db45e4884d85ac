"""Normal variables: the divergence of diagonal ones, and mutual information from correlations."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from fastent.continuous import _plan
from fastent.continuous._common import described, in_unit
from fastent.continuous._plan import Array, Axis


@overload
def diagonal_normal_kl(
    mu: Any,
    log_var: Any,
    mu_q: Any = ...,
    log_var_q: Any = ...,
    *,
    axis: Axis = ...,
    return_grad: Literal[False] = ...,
    workers: int | None = ...,
) -> Any: ...
@overload
def diagonal_normal_kl(
    mu: Any,
    log_var: Any,
    mu_q: Any = ...,
    log_var_q: Any = ...,
    *,
    axis: Axis = ...,
    return_grad: Literal[True],
    workers: int | None = ...,
) -> tuple[Any, Array, Array]: ...
@described
def diagonal_normal_kl(
    mu: Any,
    log_var: Any,
    mu_q: Any = 0.0,
    log_var_q: Any = 0.0,
    *,
    axis: Axis = -1,
    return_grad: bool = False,
    workers: int | None = None,
) -> Any:
    """Kullback-Leibler divergence of normals with independent components, the regulariser of variational autoencoders.

    1/2 sum(exp(d) - 1 - d + (mu - mu_q)^2 / exp(log_var_q)) with d = log_var - log_var_q. Both terms are computed so
    that they are never negative and keep their digits where the normals nearly agree; exactly 0 where they are equal.

    Parameters
    ----------
    mu, log_var : array_like
        Means and logarithms of variances of the first normal.
    mu_q, log_var_q : array_like
        Those of the second; the standard normal by default. All four broadcast.
    axis : int, tuple of int or None
        Dimensions along which the components of one normal lie; None for all.
    return_grad : bool
        Also return the derivatives with respect to mu and to log_var.
    <WORKERS>

    Returns
    -------
    ndarray, or a NumPy scalar
        In nats; float32 if all arrays are float32 (or float16, bfloat16), else float64. nan where a parameter is nan,
        inf where mu or log_var is infinite and nothing cancels it.
    d_mu, d_log_var : ndarray
        With return_grad: (mu - mu_q) / exp(log_var_q) and (exp(d) - 1) / 2, of the shape all four broadcast to.

    Raises
    ------
    ValueError
        Shapes do not broadcast, or `axis` names no dimension.
    TypeError
        The entries are not real numbers.

    Notes
    -----
    Kingma & Welling 2014, appendix B. One pass over the arrays of any layout, and no temporary of their size, except
    that numbers of other dtypes than float32 and float64 are converted first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import continuous
    >>> mu, log_var = np.array([[0.0, 0.0], [1.0, 2.0]]), np.zeros((2, 2))
    >>> continuous.diagonal_normal_kl(mu, log_var)
    array([0. , 2.5])
    >>> value, d_mu, d_log_var = continuous.diagonal_normal_kl(mu, log_var, return_grad=True)
    >>> d_mu
    array([[0., 0.],
           [1., 2.]])
    """
    found = _plan.diagonal_normals(
        "diagonal_normal_kl", mu, log_var, mu_q, log_var_q, axis, return_grad, workers
    )  # fmt: skip
    with np.errstate(over="ignore"):
        value = in_unit("diagonal_normal_kl", 0.5 * found.sums, None, found.dtype)
    return (value, *found.gradients) if found.gradients is not None else value


# ---- correlations ----

NEARLY_COLLINEAR = 0.9
"""Beyond this correlation 1 - r is taken from the difference of the columns, where it keeps its digits."""

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""Unit columns that differ by less differ in rounding only."""


def _information(squares: Array, rests: Array) -> Array:
    """-1/2 ln(1 - r^2) from r^2 where that is small, and from 1 - r^2 elsewhere."""
    with np.errstate(divide="ignore"):
        return np.where(squares < 0.5, -0.5 * np.log1p(-np.minimum(squares, 0.5)), -0.5 * np.log(rests)) + 0.0


def _unit_columns(columns: Array) -> Array:
    """Centred columns of length 1; zeros where a column is constant."""
    largest = np.abs(columns).max(axis=0)
    with np.errstate(invalid="ignore"):
        scaled = columns / np.where(largest > 0, largest, 1)
    centred = scaled - scaled.mean(axis=0)
    centred -= centred.mean(axis=0)  # what the first mean lost
    centred[:, np.ptp(scaled, axis=0) == 0] = 0
    lengths = np.sqrt(np.square(centred).sum(axis=0))
    return np.asarray(centred / np.where(lengths == 0, 1, lengths))


def _pairs(columns: Array) -> Array:
    unit = _unit_columns(columns)
    r = np.clip(unit.T @ unit, -1, 1)
    r = (r + r.T) / 2
    rests = (1 - r) * (1 + r)
    for i, row in enumerate(r):
        near = np.flatnonzero(np.abs(row[i:]) > NEARLY_COLLINEAR) + i
        step = max(1, (1 << 20) // len(unit))  # columns at a time
        for first in range(0, near.size, step):
            some = near[first : first + step]
            apart = np.square(unit[:, some] * np.sign(row[some]) - unit[:, i : i + 1]).sum(axis=0)
            apart[apart < ROUNDING**2] = 0
            rests[i, some] = rests[some, i] = apart * (1 - apart / 4)  # 1 - r = apart / 2
    return _information(r * r, rests)


def _directions(columns: Array) -> Array:
    """An orthonormal basis of what the centred columns span."""
    vectors, lengths, _ = np.linalg.svd(_unit_columns(columns), full_matrices=False)
    tolerance = (lengths.max() if lengths.size else 0) * max(columns.shape) * np.finfo(np.float64).eps
    return np.asarray(vectors[:, lengths > tolerance])


def _groups(left: Array, right: Array) -> float:
    """Over canonical correlations; their sines come from what one group leaves of the other."""
    x, y = _directions(left), _directions(right)
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    if not y.shape[1]:
        return 0.0
    cosines = np.linalg.svd(x.T @ y, compute_uv=False)
    sines = np.linalg.svd(y - x @ (x.T @ y), compute_uv=False)[::-1]
    sines[sines < ROUNDING] = 0
    return float(_information(np.minimum(cosines, 1) ** 2, sines**2).sum())


def _read_columns(name: str, value: Any) -> Array:
    function = "normal_mutual_information"
    columns = np.asarray(_plan.real(function, name, value), np.float64)
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2:
        raise ValueError(
            f"{function}: {name} must be columns of samples, (samples, columns), got shape {columns.shape}"
        )
    if len(columns) < 2:
        raise ValueError(f"{function}: {name} must have at least 2 samples, got {len(columns)}")
    if not np.isfinite(columns).all():
        row, column = np.argwhere(~np.isfinite(columns))[0]
        raise ValueError(
            f"{function}: {name} must be finite, got {columns[row, column]} in row {row}, column {column}; "
            "leave such samples out"
        )
    return columns


@described
def normal_mutual_information(X: Any, Y: Any = None, *, base: float | None = None) -> Any:
    """Mutual information of jointly normal variables, from their correlations.

    Between two variables -1/2 ln(1 - r^2); between two groups 1/2 ln(det S_x det S_y / det S_xy), which is the sum of
    -1/2 ln(1 - r_i^2) over the canonical correlations r_i.

    Parameters
    ----------
    X : array_like
        (samples, columns), or (samples,) for a single column.
    Y : array_like, optional
        A second group of columns of the same samples.
    <BASE>

    Returns
    -------
    ndarray or float
        Without Y the matrix over all pairs of columns of X, inf on its diagonal; with Y the value for the two groups.
        float64. Digits are right next to r = 0 and next to abs(r) = 1; inf where columns determine each other but for
        rounding. A constant column says nothing: 0, also about itself.

    Raises
    ------
    ValueError
        Fewer than 2 samples, numbers that are not finite, groups of different lengths, or so many columns for the
        samples that one group fits the other whatever it holds.
    TypeError
        The entries are not real numbers.

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, example 8.5.1; Hotelling 1936 for canonical correlations. For
    other than jointly normal variables it is that of the normal with the same covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import continuous
    >>> X = np.array([[1.0, 1], [2, 1], [3, 2], [4, 3]])
    >>> continuous.normal_mutual_information(X).round(3)
    array([[  inf, 1.108],
           [1.108,   inf]])
    >>> continuous.normal_mutual_information(X[:, 0], X[:, 1], base=2).round(3)
    np.float64(1.598)
    """
    function = "normal_mutual_information"
    left = _read_columns("X", X)
    if Y is None:
        return in_unit(function, _pairs(left), base)
    right = _read_columns("Y", Y)
    if len(left) != len(right):
        raise ValueError(f"{function}: X and Y must have the same samples, got {len(left)} and {len(right)}")
    if left.shape[1] + right.shape[1] >= len(left):
        raise ValueError(
            f"{function}: X and Y must have fewer columns together than samples, got {left.shape[1]} + "
            f"{right.shape[1]} columns of {len(left)} samples"
        )
    return in_unit(function, _groups(left, right), base)
