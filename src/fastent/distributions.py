"""Measures of rows of distributions: probabilities, or non-negative weights or counts.

Each public function names its formula, picks an engine measure and its unit, and leaves everything else to the plan.
In the formulas x and y are rows as given, p = x / sum(x) and q = y / sum(y); with `normalize=False` p and q are x and y
themselves. Logarithms are natural: results are in nats unless `base` says otherwise.

Sources: Shannon 1948; Kullback & Leibler 1951; Cover & Thomas, Elements of Information Theory; others where used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastent._docs import documented
from fastent._plan import (
    Measure,
    check_order,
    check_weights,
    divide_by_log_count,
    log_of_base,
    map_elements,
    reduce_rows,
)

LN2 = math.log(2)
EQUAL_WEIGHTS = (0.5, 0.5)
Axis = int | tuple[int, ...] | None

_OPTIONS = {
    "BASE": """base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.""",
    "ROWS": """axis : int, tuple of int or None
        Dimensions along which the entries of one distribution lie; None for all.
    normalize : bool
        Divide by the sums first (True), or use the numbers as they are.
    where : array of bool, optional
        Entries that count; broadcast against the input.
    keepdims : bool
        Keep reduced dimensions with length 1.
    out : ndarray, optional
        Where to write the result; it is also returned.
    invalid : {"nan", "raise"}
        What becomes of a row with a NaN, negative or infinite entry, or one that is empty or sums to 0: nan for that
        row, or a ValueError that names the first one, its place and the reason.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "ELEMENTS": """where : array of bool, optional
        Elements to compute; the others keep the value of `out`, or are nan.
    out : ndarray, optional
        Where to write the result; it is also returned.
    invalid : {"nan", "raise"}
        What becomes of an element outside the domain: nan, or a ValueError that names the first one.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "RESULT": """Returns
    -------
    ndarray, or a NumPy scalar for 1-D input
        float64; float32 if all inputs are float32, float16 or bfloat16. Integers and booleans are counts.""",
    "PAIR": """p, q : array_like
        Non-negative numbers. They broadcast against each other except along `axis`, where they must agree.""",
    "ONE": """p : array_like
        Non-negative numbers.""",
}


_documented = documented(_OPTIONS)


def _log_length(length: int) -> float:
    return math.log(length)


def _log_two(length: int) -> float:
    return LN2


def _one(length: int) -> float:
    return 1.0


_ENTROPY = Measure("entropy", "entropy", bound=_log_length)
_NORMALIZED_ENTROPY = Measure("normalized_entropy", "entropy", bound=_log_length)
_PERPLEXITY = Measure("perplexity", "entropy", finish="exp", bound=float)
_GINI_IMPURITY = Measure("gini_impurity", "gini", "squares", raw_finish="one_minus", bound=lambda k: 1 - 1 / k)
_CROSS_ENTROPY = Measure("cross_entropy", "cross_entropy")
_KL_DIVERGENCE = Measure("kl_divergence", "kl", "log_ratio")
_JEFFREYS_DIVERGENCE = Measure("jeffreys_divergence", "jeffreys")
_HELLINGER_DISTANCE = Measure("hellinger_distance", "hellinger", finish="sqrt", bound=_one)
_TOTAL_VARIATION = Measure("total_variation", "total_variation", bound=_one)


@_documented
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


@_documented
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


@_documented
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


@_documented
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


def _renyi_measure(function: str, order: float) -> Measure:
    """The engine measure of an order: its limits are measures of their own."""
    if order == 0:
        return Measure(function, "support", finish="log", bound=_log_length)
    if order == 1:
        return Measure(function, "entropy", bound=_log_length)
    if order == math.inf:
        return Measure(function, "min_entropy", bound=_log_length)
    return Measure(function, "renyi", bound=_log_length)


@_documented
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


@_documented
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


@_documented
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


@_documented
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


@_documented
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


@_documented
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
    Lin 1991.

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


@_documented
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
    `base` divides the divergence, under the root. Endres & Schindelin 2003.

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
        measure = Measure(function, "js", finish=finish, bound=_log_two)
    else:
        largest = -sum(w * math.log(w) for w in (first, second) if w > 0)
        measure = Measure(function, "js_weighted", finish=finish, bound=lambda k: largest)
    return reduce_rows(measure, p, q, binary=True, weight=first, divisor=log_of_base(function, base), **options)


@_documented
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


@_documented
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


@_documented
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


@_documented
def information_content(
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Information content (surprisal) of each probability, -ln p.

    Parameters
    ----------
    p : array_like
        Probabilities, any shape. 0 gives inf; negative, infinite and NaN give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Examples
    --------
    >>> import fastent
    >>> print(fastent.information_content([1, 0.5, 0.125], base=2))
    [0. 1. 3.]
    """
    return map_elements(
        "information_content", "information", (("p", p),), divisor=log_of_base("information_content", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@_documented
def binary_entropy(
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Entropy of each yes-or-no probability, -p ln p - (1-p) ln(1-p).

    Parameters
    ----------
    p : array_like
        Probabilities in [0, 1], any shape; others give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Notes
    -----
    0 and 1 give exactly 0.0; ln(1-p) is taken as log1p(-p), so tiny p keep their digits.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.binary_entropy([0, 0.5, 1], base=2))
    [0. 1. 0.]
    """
    return map_elements(
        "binary_entropy", "binary_entropy", (("p", p),), divisor=log_of_base("binary_entropy", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@_documented
def binary_cross_entropy(
    y: Any,
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Cross-entropy of each yes-or-no label y and prediction p, -y ln p - (1-y) ln(1-p).

    Parameters
    ----------
    y, p : array_like
        Labels (or probabilities of them) and predicted probabilities, both in [0, 1]; they broadcast. Others give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Notes
    -----
    inf where a certain prediction is wrong; a term with weight 0 contributes 0.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.binary_cross_entropy([1, 0], [0.5, 0.75], base=2))
    [1. 2.]
    """
    return map_elements(
        "binary_cross_entropy", "binary_cross_entropy", (("y", y), ("p", p)),
        divisor=log_of_base("binary_cross_entropy", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip
