"""Is it more than chance: tests of independence."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from fastent import _samples
from fastent._samples import Array
from fastent.discrete import _margins
from fastent.discrete._common import described, select
from fastent.discrete._margins import Margins

MOST_PERMUTATIONS = 2**31 - 1
"""Some minutes for the smallest tables, days for others; p-values below 1e-9 are the business of `g_test`."""


@described
def g_test(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Any, Any]:
    """G-test of independence: G = 2 n I(x; y), and its p-value by the chi-squared distribution. Needs SciPy.

    Parameters
    ----------
    <XY>
    <TIMES>
    <COMMON>

    Returns
    -------
    statistic, p_value : float, or ndarray with one value per column or table
        Degrees of freedom are (levels of x that occur - 1)(levels of y that occur - 1); p is 1 where they are 0. nan
        where there are no samples.

    <RAISES>
    ImportError
        SciPy is not installed.

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
    tail = _chi_squared_tail("g_test")
    found, margins = _margins.measure("g_test", x, y, contingency, weights, missing, workers)
    statistic, p_value = _g_values(tail, select(found, "mi").ravel(), margins)
    shape = found.shape[:-1]
    return statistic.reshape(shape)[()], p_value.reshape(shape)[()]


@described
def g_test_matrix(
    x: Any,
    y: Any = None,
    *,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Array, Array]:
    """`g_test` of all pairs of columns: of x with those of y, or of x among themselves. Needs SciPy.

    Parameters
    ----------
    <PAIRS>
    <TIMES>
    <COMMON>

    <MATRICES>

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> X = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]] * 5)
    >>> discrete.g_test_matrix(X)[1].round(4)
    array([[0., 1., 1.],
           [1., 0., 1.],
           [1., 1., 0.]])
    """
    name = "g_test_matrix"
    tail = _chi_squared_tail(name)
    values, margins, shape = _pairs(name, x, y, weights, missing, workers)
    statistic, p_value = (_margins.as_matrix(part, *shape) for part in _g_values(tail, values, margins))
    return statistic, p_value


def _chi_squared_tail(function: str) -> Any:
    try:
        from scipy.special import chdtrc  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError(f"{function}: p-values need SciPy: pip install 'fastent[scipy]'") from None
    return chdtrc


def _g_values(tail: Any, information: Array, margins: Margins) -> tuple[Array, Array]:
    totals, freedom = margins.totals().astype(np.float64), margins.freedom()
    statistic = 2 * totals * information
    return statistic, np.where(freedom > 0, tail(np.maximum(freedom, 1), statistic), np.where(totals > 0, 1.0, np.nan))


def _pairs(
    function: str, x: Any, y: Any, weights: Any, missing: str, workers: int | None
) -> tuple[Array, Margins, tuple[int, int | None]]:
    """Mutual information and margins of pairs in the order of `margins_of_columns`, and the shape of the matrix."""
    left, right = _samples.read_pair(function, x, y, missing, workers)
    w = _margins.whole_weights(function, weights, len(left.codes))
    matrix = _samples.pair_statistics(function, left, right, ("mi",), w, workers)[0]
    values = matrix[_margins.upper_pairs(len(left.levels))] if right is None else matrix.ravel()
    shape = len(left.levels), None if right is None else len(right.levels)
    return values, _margins.margins_of_columns(left, right, w, workers), shape


@described
def permutation_test(
    x: Any = None,
    y: Any = None,
    *,
    contingency: Any = None,
    permutations: int = 999,
    rng: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Any, Any]:
    """Mutual information, and how often shuffled labels reach it: p = (1 + reached) / (1 + permutations).

    Shuffling y gives tables with the margins of the observed one. Where it is likely to be faster, as it is for many
    samples of few levels, they are drawn as such, cell by cell and with the same chances.

    Parameters
    ----------
    <XY>
    <PERMUTATIONS>
    <TIMES>
    <COMMON>

    Returns
    -------
    statistic, p_value : float, or ndarray with one value per column or table

    <RAISES>

    Notes
    -----
    A seed gives a column the same p-value alone, among others, and as y. Phipson & Smyth 2010 for the two ones in p;
    Patefield 1981 for drawing tables.

    Examples
    --------
    >>> from fastent import discrete
    >>> x = [0] * 20 + [1] * 20
    >>> discrete.permutation_test(x, x, permutations=99, rng=1)[1]
    np.float64(0.01)
    """
    name = "permutation_test"
    seed = _seed(name, permutations, rng)
    found, margins = _margins.measure(name, x, y, contingency, weights, missing, workers)
    observed = select(found, "mi")
    p_value = _p_values(name, margins, observed.ravel(), permutations, seed, workers)
    return observed[()], p_value.reshape(observed.shape)[()]


@described
def permutation_test_matrix(
    x: Any,
    y: Any = None,
    *,
    permutations: int = 999,
    rng: Any = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> tuple[Array, Array]:
    """`permutation_test` of all pairs of columns: of x with those of y, or of x among themselves.

    Parameters
    ----------
    <PAIRS>
    <PERMUTATIONS>
    <TIMES>
    <COMMON>

    <MATRICES>

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> X = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]] * 5)
    >>> discrete.permutation_test_matrix(X, permutations=199, rng=1)[1]
    array([[0.005, 1.   , 1.   ],
           [1.   , 0.005, 1.   ],
           [1.   , 1.   , 0.005]])
    """
    name = "permutation_test_matrix"
    seed = _seed(name, permutations, rng)
    observed, margins, shape = _pairs(name, x, y, weights, missing, workers)
    p_value = _p_values(name, margins, observed, permutations, seed, workers)
    return _margins.as_matrix(observed, *shape), _margins.as_matrix(p_value, *shape)


def _seed(function: str, permutations: Any, rng: Any) -> int:
    """What the random tables begin with, once the options are checked."""
    if isinstance(permutations, bool) or not isinstance(permutations, Integral):
        raise TypeError(f"{function}: permutations must be an integer, got {permutations!r}")
    if permutations < 1:
        raise ValueError(f"{function}: permutations must be at least 1, got {permutations}")
    if int(permutations) > MOST_PERMUTATIONS:
        raise ValueError(
            f"{function}: permutations must be at most {MOST_PERMUTATIONS}, got {permutations}; "
            "g_test has p-values as small as any"
        )
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{function}: rng must be a seed of at least 0, a numpy.random.Generator or None, got {rng!r} ({error})"
        ) from None
    return int(generator.integers(1 << 64, dtype=np.uint64))


def _p_values(
    function: str, margins: Margins, observed: Array, permutations: int, seed: int, workers: int | None
) -> Array:
    reached = _margins.times_reached(function, margins, observed, int(permutations), seed, workers)
    return np.where(np.isnan(observed), np.nan, (1 + reached) / (1 + permutations))
