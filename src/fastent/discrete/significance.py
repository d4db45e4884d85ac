"""Is it more than chance: tests of independence."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from fastent import _samples
from fastent._samples import Array
from fastent.discrete._common import described, select
from fastent.discrete.agreement import each_table, margins_of, margins_of_columns
from fastent.discrete.counting import complete_samples


@described
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
        margins = [margins_of("g_test", table) for table in each_table("g_test", contingency)]
    else:
        margins = list(margins_of_columns("g_test", x, y, missing, workers))
    shape = found.shape[:-1]
    totals = np.array([float(a.sum()) for a, _ in margins]).reshape(shape)
    freedom = np.array([((a > 0).sum() - 1.0) * ((b > 0).sum() - 1.0) for a, b in margins]).reshape(shape)
    statistic = 2 * totals * select(found, "mi")
    p_value = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), np.where(totals > 0, 1.0, np.nan))
    return statistic[()], p_value[()]


@described
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
    if isinstance(permutations, bool) or not isinstance(permutations, Integral):
        raise TypeError(f"{name}: permutations must be an integer, got {permutations!r}")
    if permutations < 1:
        raise ValueError(f"{name}: permutations must be at least 1, got {permutations}")
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name}: rng must be a seed of at least 0, a numpy.random.Generator or None, got {rng!r} ({error})"
        ) from None
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_target(name, right, "y")
    _samples.check_lengths(name, left, right, ("x", "y"))
    if left.kept is not None or right.kept is not None:  # every column with the samples that have both labels
        parts = [complete_samples(left.column(i), right, None)[:2] for i in range(len(left.levels))]
    else:
        parts = [(left, right)]
    if len(parts) > 1 and not isinstance(rng, Integral):  # the generator moves on, a seed starts anew for each
        rng = int(generator.integers(2**63))
    found = [_permuted(name, one, other, int(permutations), rng, workers) for one, other in parts]
    observed, p_value = (np.concatenate(values) for values in zip(*found, strict=True))
    return (observed[0], p_value[0]) if left.single else (observed, p_value)


def _permuted(
    name: str, left: _samples.Columns, right: _samples.Columns, permutations: int, rng: Any, workers: int | None
) -> tuple[Array, Array]:
    observed = select(_samples.target_statistics(name, left, right, None, workers), "mi")
    generator = np.random.default_rng(rng)
    reached = np.zeros(observed.shape)
    for _ in range(permutations):
        shuffled = right._replace(codes=generator.permutation(right.codes))
        found = select(_samples.target_statistics(name, left, shuffled, None, workers), "mi")
        reached += found >= observed * (1 - 1e-12)  # the same table in another order is as large
    p_value = np.where(np.isnan(observed), np.nan, (1 + reached) / (1 + permutations))
    return observed, p_value
