"""Two distributions per row: how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastent._plan import (
    Measure,
    check_order,
    check_weights,
    log_of_base,
    reduce_rows,
)
from fastent.distributions._common import EQUAL_WEIGHTS, Axis, described, log_two, one

_CROSS_ENTROPY = Measure("cross_entropy", "cross_entropy")
_KL_DIVERGENCE = Measure("kl_divergence", "kl", "log_ratio")
_JEFFREYS_DIVERGENCE = Measure("jeffreys_divergence", "jeffreys")
_HELLINGER_DISTANCE = Measure("hellinger_distance", "hellinger", finish="sqrt", bound=one)
_TOTAL_VARIATION = Measure("total_variation", "total_variation", bound=one)


@described
def cross_entropy(
    p: Any,
    q: Any,
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
    """Expected code length of p under q, -sum p ln q.

    Parameters
    ----------
    <PAIR>
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    inf where p > 0 = q; entries with p = 0 contribute 0. No epsilon is added anywhere. CE(p, q) = H(p) + KL(p, q).

    Examples
    --------
    >>> import fastent
    >>> print(fastent.cross_entropy([1, 0], [0.5, 0.5], base=2))
    1.0
    """
    return reduce_rows(
        _CROSS_ENTROPY, p, q, binary=True, divisor=log_of_base("cross_entropy", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def kl_divergence(
    p: Any,
    q: Any,
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
    """Kullback-Leibler divergence of p from q, KL(p, q) = sum p ln(p / q): first the truth, then the model.

    Parameters
    ----------
    <PAIR>
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    inf where p > 0 = q; never negative, exactly 0.0 for equal rows. Summed as p ln(p/q) - p + q, which has no
    negative terms, so nearly equal distributions keep their digits. With normalize=False it is sum x ln(x/y), which
    may be negative. Kullback & Leibler 1951.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.kl_divergence([0.5, 0.5], [0.25, 0.75]))
    0.14384103...
    >>> P, Q = [[0.5, 0.5], [0.9, 0.1]], [0.5, 0.5]
    >>> print(fastent.kl_divergence(P, Q))  # one reference against many rows
    [0.         0.36806421]
    """
    return reduce_rows(
        _KL_DIVERGENCE, p, q, binary=True, divisor=log_of_base("kl_divergence", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def jeffreys_divergence(
    p: Any,
    q: Any,
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
    """Symmetrised Kullback-Leibler divergence, sum (p - q) ln(p / q); also the population stability index.

    Parameters
    ----------
    <PAIR>
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    inf where just one of p, q is 0; exactly symmetric, and exactly 0.0 for equal rows. Jeffreys 1946.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.jeffreys_divergence([0.5, 0.5], [0.25, 0.75]))
    0.27465307...
    """
    return reduce_rows(
        _JEFFREYS_DIVERGENCE, p, q, binary=True, divisor=log_of_base("jeffreys_divergence", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def js_divergence(
    p: Any,
    q: Any,
    *,
    weights: Sequence[float] = EQUAL_WEIGHTS,
    axis: Axis = -1,
    base: float | None = None,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Jensen-Shannon divergence, w1 KL(p, m) + w2 KL(q, m) with m = w1 p + w2 q. For its square root see js_distance.

    Parameters
    ----------
    <PAIR>
    weights : two floats
        Shares of p and q in the mixture; they sum to 1.
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    Always finite: in [0, ln 2] for equal weights, ln 2 for rows without common support, exactly 0.0 for equal rows,
    exactly symmetric. Summed as m h((p - q)/(p + q)) with an even function h, so nearly equal rows keep their digits.
    All pairs of many rows, js_divergence(P[:, None], Q[None]), take one logarithm for two entries, and may differ from
    the same pair alone in the last digits, within the same 8 ulp. Lin 1991.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.js_divergence([1, 0], [0, 1], base=2))
    1.0
    >>> print(fastent.js_divergence([0.5, 0.5], [0.25, 0.75], weights=(0.9, 0.1)))
    0.01183068...
    """
    return _jensen_shannon(
        "js_divergence", "as_it_is", p, q, weights, base,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def js_distance(
    p: Any,
    q: Any,
    *,
    weights: Sequence[float] = EQUAL_WEIGHTS,
    axis: Axis = -1,
    base: float | None = None,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Jensen-Shannon distance, the square root of the divergence; for equal weights a metric.

    Parameters
    ----------
    <PAIR>
    weights : two floats
        Shares of p and q in the mixture; they sum to 1.
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    `base` divides the divergence, under the root. All pairs of many rows may differ from the same pair alone in the
    last digits, as js_divergence says. Endres & Schindelin 2003.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.js_distance([1, 0], [0, 1], base=2))
    1.0
    """
    return _jensen_shannon(
        "js_distance", "sqrt", p, q, weights, base,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


def _jensen_shannon(
    function: str, finish: str, p: Any, q: Any, weights: Sequence[float], base: float | None, **options: Any
) -> Any:
    first, second = (0.5, 0.5) if weights is EQUAL_WEIGHTS else check_weights(function, weights)
    if first == second:
        measure = Measure(function, "js", finish=finish, bound=log_two)
    else:
        largest = -sum(w * math.log(w) for w in (first, second) if w > 0)
        measure = Measure(function, "js_weighted", finish=finish, bound=lambda k: largest)
    return reduce_rows(measure, p, q, binary=True, weight=first, divisor=log_of_base(function, base), **options)


@described
def hellinger_distance(
    p: Any,
    q: Any,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Hellinger distance, sqrt(1 - sum sqrt(p q)); in [0, 1].

    Parameters
    ----------
    <PAIR>
    <ROWS>

    <RESULT>

    Notes
    -----
    Computed as sqrt(sum (sqrt p - sqrt q)^2 / 2), which is the same for rows that sum to 1 and is the definition for
    numbers used as they are. It has no unit, hence no `base`.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.hellinger_distance([1, 0], [0.5, 0.5]))
    0.54119610...
    """
    return reduce_rows(
        _HELLINGER_DISTANCE, p, q, binary=True,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def total_variation(
    p: Any,
    q: Any,
    *,
    axis: Axis = -1,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Total variation distance, sum abs(p - q) / 2; in [0, 1].

    Parameters
    ----------
    <PAIR>
    <ROWS>

    <RESULT>

    Notes
    -----
    The largest difference of the probabilities of any event. It has no unit, hence no `base`.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.total_variation([1, 0], [0.25, 0.75]))
    0.75
    """
    return reduce_rows(
        _TOTAL_VARIATION, p, q, binary=True,
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def renyi_divergence(
    p: Any,
    q: Any,
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
    """Renyi divergence of order a, ln(sum p^a q^(1-a)) / (a - 1).

    Parameters
    ----------
    <PAIR>
    order : float
        a >= 0. Limits: 0 gives -ln of q's mass where p > 0, 1 the Kullback-Leibler divergence, inf ln(max p/q).
    <BASE>
    <ROWS>

    <RESULT>

    Notes
    -----
    For a >= 1 inf where p > 0 = q; for a < 1 inf only without common support. Never negative, exactly 0.0 for equal
    rows. Summed as p^a q^(1-a) - a p - (1-a) q, terms of one sign. van Erven & Harremoes 2014.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.renyi_divergence([0.5, 0.5], [0.25, 0.75], 2))
    0.28768207...
    """
    order = check_order("renyi_divergence", order)
    measure = Measure("renyi_divergence", "renyi_divergence")
    if order == 1:
        measure = Measure("renyi_divergence", "kl", "log_ratio")
    return reduce_rows(
        measure, p, q, binary=True, order=order, divisor=log_of_base("renyi_divergence", base),
        axis=axis, normalize=normalize, where=where, keepdims=keepdims, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip
