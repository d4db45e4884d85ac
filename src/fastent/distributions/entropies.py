"""Uncertainty of one distribution per row."""

from __future__ import annotations

import math
from typing import Any

from fastent._plan import (
    Measure,
    check_order,
    divide_by_log_count,
    log_of_base,
    reduce_rows,
)
from fastent.distributions._common import Axis, described, log_length

_ENTROPY = Measure("entropy", "entropy", bound=log_length)
_NORMALIZED_ENTROPY = Measure("normalized_entropy", "entropy", bound=log_length)
_PERPLEXITY = Measure("perplexity", "entropy", finish="exp", bound=float)
_GINI_IMPURITY = Measure("gini_impurity", "gini", "squares", raw_finish="one_minus", bound=lambda k: 1 - 1 / k)


@described
def entropy(
    p: Any,
    *,
    axis: Axis = -1,
    base: float | None = None,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Shannon entropy of each distribution, H(p) = -sum p ln p.

    This is the entropy of given probabilities or counts, one distribution per row; it does not count labels.

    Parameters
    ----------
    <ONE>
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    0 ln 0 is 0; a row with one positive entry has entropy exactly 0.0. The largest entry, where it exceeds half of
    the sum, enters as -p ln p = -p log1p(-(rest)): [1, 1e-20] keeps all digits. At most 4 ulp off on any input.
    Shannon 1948.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.entropy([[0.5, 0.5], [1.0, 0.0]], base=2))
    [1. 0.]
    >>> print(fastent.entropy([3, 1, 0, 4]))  # counts
    0.97431475...
    """
    return reduce_rows(
        _ENTROPY, p, divisor=log_of_base("entropy", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def normalized_entropy(
    p: Any,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Entropy as a share of its largest possible value, H(p) / ln k for k entries; in [0, 1].

    Parameters
    ----------
    <ONE>
    <ROWS>

    <RESULT>

    Notes
    -----
    k is the length of the axis, or the number of entries that `where` includes; k = 1 gives 0. Also called Pielou's
    evenness or efficiency.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.normalized_entropy([[1, 1, 1], [1, 0, 0]]))
    [1. 0.]
    """
    if where is None:
        return reduce_rows(
            _NORMALIZED_ENTROPY, p, divisor=lambda k: math.log(k) if k > 1 else math.inf,
            axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
        )  # fmt: skip
    values = reduce_rows(
        _NORMALIZED_ENTROPY, p,
        axis=axis, normalize=normalize, where=where, keepdims=True, out=None, invalid=invalid, workers=workers,
    )  # fmt: skip
    return divide_by_log_count("normalized_entropy", values, p, where, axis, keepdims, out)


@described
def perplexity(
    p: Any,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Effective number of categories, exp H(p); the same in every base, in [1, k].

    Parameters
    ----------
    <ONE>
    <ROWS>

    <RESULT>

    Examples
    --------
    >>> import fastent
    >>> print(fastent.perplexity([[1, 1, 0, 0], [1, 0, 0, 0]]))
    [2. 1.]
    """
    return reduce_rows(
        _PERPLEXITY, p,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


def _renyi_measure(function: str, order: float) -> Measure:
    """The engine measure of an order: its limits are measures of their own."""
    if order == 0:
        return Measure(function, "support", finish="log", bound=log_length)
    if order == 1:
        return Measure(function, "entropy", bound=log_length)
    if order == math.inf:
        return Measure(function, "min_entropy", bound=log_length)
    return Measure(function, "renyi", bound=log_length)


@described
def renyi_entropy(
    p: Any,
    order: float,
    *,
    axis: Axis = -1,
    base: float | None = None,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Renyi entropy of order a, ln(sum p^a) / (1 - a).

    Parameters
    ----------
    <ONE>
    order : float
        a >= 0. Limits: 0 gives ln of the number of positive entries, 1 Shannon's entropy, inf -ln(max p).
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    Computed as -ln(max p) + ln(sum p (p / max p)^(a-1)) / (1 - a), two non-negative parts: no order near 1 and no
    long tail loses digits. Renyi 1961.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.renyi_entropy([0.5, 0.25, 0.25], 2, base=2))
    1.41503749...
    """
    order = check_order("renyi_entropy", order)
    return reduce_rows(
        _renyi_measure("renyi_entropy", order), p, order=order, divisor=log_of_base("renyi_entropy", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def tsallis_entropy(
    p: Any,
    order: float,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Tsallis entropy of order a, (1 - sum p^a) / (a - 1); order 1 is Shannon's entropy in nats.

    Parameters
    ----------
    <ONE>
    order : float
        a >= 0, finite or inf (which gives 0).
    <ROWS>

    <RESULT>

    Notes
    -----
    Computed from the Renyi entropy H_a as expm1((1 - a) H_a) / (1 - a), which keeps all digits. It has no unit, hence
    no `base`. Havrda & Charvat 1967, Tsallis 1988.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.tsallis_entropy([0.5, 0.25, 0.25], 2))
    0.625
    """
    order = check_order("tsallis_entropy", order)
    measure = _renyi_measure("tsallis_entropy", order)
    if order != 1:
        measure = measure._replace(finish="tsallis", raw_finish="tsallis", bound=lambda k: math.inf)
        if order == 0:
            measure = measure._replace(finish="less_one", raw_finish="less_one", bound=lambda k: k)
    return reduce_rows(
        measure, p, order=order,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def gini_impurity(
    p: Any,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Probability that two draws differ, 1 - sum p^2.

    Parameters
    ----------
    <ONE>
    <ROWS>

    <RESULT>

    Notes
    -----
    Computed as sum p (1 - p). Also called Gini-Simpson index or logical entropy; not the Gini coefficient of
    inequality.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.gini_impurity([[1, 1], [2, 0]]))
    [0.5 0. ]
    """
    return reduce_rows(
        _GINI_IMPURITY, p,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip
