"""Differential entropy and divergence estimated from samples."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from fastent._threads import workers_for
from fastent.continuous import _plan
from fastent.continuous._common import described, in_unit
from fastent.continuous._plan import Array, Samples

METHODS = ("auto", "vasicek", "van es", "ebrahimi", "correa", "nearest neighbors", "histogram")
RULES = ("auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt")


def harmonic(first: int, last: int) -> float:
    """1/first + ... + 1/last."""
    step = 1 << 20
    return math.fsum(
        float((1.0 / np.arange(at, min(at + step, last + 1))).sum()) for at in range(first, last + 1, step)
    )  # fmt: skip


def default_window(n: int) -> int:
    return math.floor(math.sqrt(n) + 0.5)


def chosen_method(method: str, n: int) -> str:
    """What "auto" stands for, as in SciPy."""
    if method != "auto":
        return method
    return "van es" if n <= 10 else "ebrahimi" if n <= 1000 else "vasicek"


def spacing_entropy(samples: Samples, method: str, m: int, workers: int) -> Array:
    """The estimators that are made of spacings of the sorted sample; 2 m < n."""
    n = samples.n
    if method == "van es":
        # ln((n + 1) / m) of each term cancels ln m - ln(n + 1)
        return samples.sums("gaps", m, workers) / (n - m) + harmonic(m, n)
    if method == "correa":
        return math.log(n) - samples.sums("slopes", m, workers) / n
    logs = samples.sums("windows", m, workers) / n
    if method == "vasicek":
        return logs + math.log(n / (2 * m))
    # windows that the ends cut short count as long as they are
    weights = 2 * float(np.log1p(np.arange(m) / m).sum()) + (n - 2 * m) * math.log(2)
    return logs + (math.log(n / m) - weights / n)


def _histogram_entropy(samples: Samples, bins: str | int, workers: int) -> Array:
    """Freedman & Diaconis' rule takes the quartiles of what is sorted anyway; NumPy counts the bins of other rules."""
    if bins == "fd":
        return samples.sums("histogram", 0, workers, 2 * samples.n ** (-1 / 3))
    if not isinstance(bins, str):
        return samples.sums("histogram", bins, workers)
    numbers = np.ones(samples.shape, np.int64)
    for index in np.ndindex(samples.shape):
        row = np.asarray(samples.values[index], np.float64)
        if np.isfinite(row).all() and row.min() < row.max():
            numbers[index] = np.histogram_bin_edges(row, bins).size - 1
    return samples.sums("histogram", numbers, workers)


@described
def differential_entropy(
    x: Any,
    *,
    method: str = "auto",
    window_length: int | None = None,
    k: int = 3,
    bins: str | int = "fd",
    axis: int = -1,
    base: float | None = None,
    workers: int | None = None,
) -> Any:
    """Differential entropy of continuous variables, estimated from samples; it may be negative.

    With the n samples in order, indices kept between the first and the last, and m = window_length:

    ===================  ========================================================================================
    "vasicek"            mean of ln(n / (2m) (x[i+m] - x[i-m]))
    "ebrahimi"           mean of ln(n / (c m) (x[i+m] - x[i-m])), c from 1 at the ends to 2 within
    "van es"             mean of ln((n+1) / m (x[i+m] - x[i])) over i <= n - m, + 1/m + ... + 1/n + ln(m / (n+1))
    "correa"             -mean of ln(slope / n) of the regression of i on x within x[i-m] .. x[i+m]
    "nearest neighbors"  mean of ln(2 r) + digamma(n) - digamma(k), r the distance to the k-th nearest sample
    "histogram"          -sum p ln(p / width) over bins
    "auto"               "van es" up to 10 samples, "ebrahimi" up to 1000, "vasicek" beyond
    ===================  ========================================================================================

    Parameters
    ----------
    x : array_like
        Samples, any shape.
    method : str
        One of those above.
    window_length : int, optional
        m, at least 1 and less than half of n; the integer next to the square root of n without it.
    k : int
        Which neighbour, from 1 to n - 1.
    bins : int or str
        How many bins of one width, or a rule of numpy.histogram_bin_edges: "fd" (Freedman & Diaconis), "scott", "auto",
        "doane", "stone", "rice", "sturges" or "sqrt".
    <AXIS>
    <BASE>
    <WORKERS>

    Returns
    -------
    ndarray, or a NumPy scalar for 1-D input
        float32 if x is float32 (or float16, bfloat16), else float64. nan for a variable with a nan. Samples that repeat
        so often that a window, or a distance to the k-th neighbour, is 0 give -inf, the entropy of a variable that
        takes single values with positive probability; "correa" gives nan then. By "histogram" only a constant variable
        gives -inf.

    Raises
    ------
    ValueError
        Unknown method or rule; too few samples for the window or the neighbour; an axis out of range.
    TypeError
        The entries are not real numbers.

    Notes
    -----
    Vasicek 1976; van Es 1992; Ebrahimi, Pflughoeft & Soofi 1994; Correa 1995; Kozachenko & Leonenko 1987; Freedman &
    Diaconis 1981. Variables are sorted and added up in parallel, and so are the parts of a long one; the rules other
    than "fd" are applied by NumPy, to one variable after the other. Bins are those of numpy.histogram.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import continuous
    >>> x = np.random.default_rng(0).normal(size=(2, 2000))
    >>> continuous.differential_entropy(x).round(2)
    array([1.42, 1.41])
    >>> continuous.differential_entropy(x * 0.1, method="nearest neighbors").round(2)
    array([-0.87, -0.89])
    """
    function = "differential_entropy"
    if method not in METHODS:
        raise ValueError(f"{function}: method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
    samples = _plan.samples(function, x, axis)
    count = workers_for(function, workers, samples.values.size)
    n, dtype = samples.n, samples.values.dtype
    if method == "nearest neighbors":
        _need(function, n, 2, axis)
        _plan.check_count(function, "k", k, 1, n - 1, f"one less than the {n} samples")
        values = samples.sums("neighbors", k, count) / n + (math.log(2) + harmonic(k, n - 1))
    elif method == "histogram":
        _need(function, n, 2, axis)
        if isinstance(bins, str):
            if bins not in RULES:
                raise ValueError(f"{function}: bins must be a number or one of {', '.join(RULES)}, got {bins!r}")
        else:
            bins = _plan.check_count(function, "bins", bins, 1, 1 << 31, "as many as fit in memory")
        values = _histogram_entropy(samples, bins, count)
    else:
        _need(function, n, 3, axis)
        window = default_window(n) if window_length is None else window_length
        most = (n - 1) // 2
        m = _plan.check_count(function, "window_length", window, 1, most, f"less than half of the {n} samples")
        values = spacing_entropy(samples, chosen_method(method, n), m, count)
    return in_unit(function, values, base, dtype)


def _need(function: str, n: int, least: int, axis: int) -> None:
    if n < least:
        raise ValueError(f"{function}: x must have at least {least} samples along axis {axis}, got {n}")


# ---- nearest neighbours in any dimension ----


def _points(function: str, name: str, value: Any) -> Array:
    points = np.asarray(_plan.real(function, name, value), np.float64)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(f"{function}: {name} must have shape (samples,) or (samples, dimensions), got {points.shape}")
    if not np.isfinite(points).all():
        row, column = np.argwhere(~np.isfinite(points))[0]
        raise ValueError(
            f"{function}: {name} must be finite, got {points[row, column]} in row {row}, column {column}; "
            "leave such samples out"
        )
    return points


def _tree(function: str, points: Array) -> Any:
    try:
        return importlib.import_module("scipy.spatial").cKDTree(points)
    except ImportError:
        raise ImportError(
            f"{function}: more than one dimension needs SciPy, which is not installed: pip install 'fastent[scipy]'"
        ) from None


def _log_distances(tree: Any, points: Array, k: int, norm: float, workers: int) -> float:
    """The sum of ln(distance to the k-th nearest point of the tree), -inf if one of them is 0."""
    total = 0.0
    for first in range(0, len(points), 1 << 16):
        distances, _ = tree.query(points[first : first + (1 << 16)], k=[k], p=norm, workers=workers)
        with np.errstate(divide="ignore"):
            total += float(np.log(distances).sum())
    return total


METRICS = {"euclidean": 2.0, "chebyshev": math.inf}


def _log_unit_ball(dimensions: int, metric: str) -> float:
    if metric == "chebyshev" or dimensions == 1:
        return dimensions * math.log(2)
    return 0.5 * dimensions * math.log(math.pi) - math.lgamma(0.5 * dimensions + 1)


@described
def joint_differential_entropy(
    X: Any, *, k: int = 3, metric: str = "euclidean", base: float | None = None, workers: int | None = None
) -> Any:
    """Differential entropy of a continuous vector, from the distances of samples to their nearest neighbours.

    d mean(ln r) + ln V + digamma(n) - digamma(k), where r is the distance of one of the n samples to the k-th nearest
    other one and V the volume of the ball of radius 1 in d dimensions (Kozachenko & Leonenko). It may be negative.

    Parameters
    ----------
    X : array_like
        (samples, dimensions), or (samples,) for one dimension.
    k : int
        Which neighbour, from 1 to n - 1.
    metric : {"euclidean", "chebyshev"}
        What a distance is; "chebyshev" is the largest difference of a coordinate.
    <BASE>
    <WORKERS>

    Returns
    -------
    float
        -inf where a sample occurs more than k times: a single value has positive probability.

    Raises
    ------
    ValueError
        Fewer than 2 samples, k out of range, unknown metric, numbers that are not finite.
    TypeError
        The entries are not real numbers.
    ImportError
        More than one dimension without SciPy, an optional extra.

    Notes
    -----
    Kozachenko & Leonenko 1987; for k > 1 Singh et al. 2003. Exact neighbours, by sorting in one dimension and by a k-d
    tree of SciPy in more.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import continuous
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> continuous.joint_differential_entropy(X, base=2).round(1)  # of the distribution: log2(2 pi e) = 4.09
    np.float64(4.1)
    """
    function = "joint_differential_entropy"
    if metric not in METRICS:
        raise ValueError(f"{function}: metric must be 'euclidean' or 'chebyshev', got {metric!r}")
    points = _points(function, "X", X)
    n, dimensions = points.shape
    if n < 2:
        raise ValueError(f"{function}: X must have at least 2 samples, got {n}")
    _plan.check_count(function, "k", k, 1, n - 1, f"one less than the {n} samples")
    count = workers_for(function, workers, points.size)
    if dimensions == 1:
        logs = float(_plan.samples(function, points[:, 0], 0).sums("neighbors", k, count))
    else:
        logs = _log_distances(_tree(function, points), points, k + 1, METRICS[metric], count)
    value = dimensions * logs / n + (_log_unit_ball(dimensions, metric) + harmonic(k, n - 1))
    return in_unit(function, value, base)


@described
def nearest_neighbor_kl(X: Any, Y: Any, *, k: int = 1, base: float | None = None, workers: int | None = None) -> Any:
    """Kullback-Leibler divergence of the distribution of one sample from that of another, by nearest neighbours.

    d mean(ln(s / r)) + ln(m / (n - 1)), where r is the distance of one of the n samples of X to the k-th nearest other
    one, and s that to the k-th nearest of the m samples of Y, in d dimensions. An estimate: it may be negative where
    the distributions are close.

    Parameters
    ----------
    X, Y : array_like
        (samples, dimensions) each, or (samples,) for one dimension.
    k : int
        Which neighbour, at least 1, less than the samples of X and at most those of Y.
    <BASE>
    <WORKERS>

    Returns
    -------
    float
        inf where a sample of X occurs more than k times and not in Y: it has positive probability in one and none in
        the other. nan where k samples of Y equal one of X: such ties decide nothing.

    Raises
    ------
    ValueError
        Different dimensions, too few samples for k, numbers that are not finite.
    TypeError
        The entries are not real numbers.
    ImportError
        More than one dimension without SciPy, an optional extra.

    Notes
    -----
    Wang, Kulkarni & Verdu 2009, equation 5, Euclidean distances. Exact neighbours, by sorting in one dimension and by a
    k-d tree of SciPy in more.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import continuous
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(0, 1, 5000), rng.normal(1, 1, 5000)
    >>> continuous.nearest_neighbor_kl(x, y, k=5).round(1)  # of the distributions: 0.5
    np.float64(0.5)
    """
    function = "nearest_neighbor_kl"
    x, y = _points(function, "X", X), _points(function, "Y", Y)
    (n, dimensions), m = x.shape, len(y)
    if y.shape[1] != dimensions:
        raise ValueError(f"{function}: X and Y must have the same dimensions, got {dimensions} and {y.shape[1]}")
    if n < 2 or m < 1:
        raise ValueError(f"{function}: X must have at least 2 samples and Y at least 1, got {n} and {m}")
    _plan.check_count(function, "k", k, 1, min(n - 1, m), f"with {n} samples of X and {m} of Y")
    count = workers_for(function, workers, x.size + y.size)
    if dimensions == 1:
        own = float(_plan.samples(function, x[:, 0], 0).sums("neighbors", k, count))
        other = _plan.cross_neighbor_sum(x[:, 0], y[:, 0], k, count)
    else:
        own = _log_distances(_tree(function, x), x, k + 1, METRICS["euclidean"], count)
        other = _log_distances(_tree(function, y), x, k, METRICS["euclidean"], count)
    if other == -math.inf:
        return in_unit(function, math.nan, base)
    return in_unit(function, dimensions * (other - own) / n + math.log(m / (n - 1)), base)
