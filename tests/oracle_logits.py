"""Softmax, its losses and its divergences as textbooks define them, in 60 digits.

What the tests of logits compare with. Rows are lists of floats and enter as the exact numbers they are. A probability
is exp(z/T) over the sum of them, measured from the largest so that mpmath's exponents stay small; its logarithm is kept
as -ln(1 + odds against the largest) and distances from it, because 60 digits would not show a row that is certain to
100. Nothing here comes from the package.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath.ctx_mp import MPContext

CTX = MPContext()  # of its own: its precision is never changed, so that threads may share it
CTX.dps = 60
mpf = CTX.mpf
INF, NAN = mpf("inf"), mpf("nan")

Numbers = Sequence[Any]


class Softmax:
    """p = softmax(z/T), and -ln p, of one row."""

    def __init__(self, z: Numbers, temperature: float = 1.0) -> None:
        z = [mpf(v) for v in z]
        self.k = len(z)
        self.bad = not z or any(CTX.isnan(v) or v == INF for v in z) or all(v == -INF for v in z)
        if self.bad:
            self.p = self.nll = [NAN] * self.k
            self.log_sum_exp = NAN
            return
        t, place = mpf(temperature), max(range(self.k), key=lambda i: z[i])
        gaps = [(z[place] - v) / t for v in z]
        odds = CTX.fsum(CTX.exp(-g) for i, g in enumerate(gaps) if i != place)
        self.p = [CTX.exp(-g) / (1 + odds) for g in gaps]
        self.nll = [g + CTX.log1p(odds) for g in gaps]
        self.log_sum_exp = z[place] / t + CTX.log1p(odds)


@functools.cache
def softmax_of(z: tuple[Any, ...], temperature: float) -> Softmax:
    """The same, kept: options are crossed on few rows."""
    return Softmax(z, temperature)


def product(weight: Any, value: Any) -> Any:
    """0 times infinity is 0."""
    return mpf(0) if weight == 0 else weight * value


def expected(weights: Numbers, values: Numbers) -> Any:
    return CTX.fsum(product(w, v) for w, v in zip(weights, values, strict=True))


# ---- one row of logits ---------------------------------------------------------------------------------------------


def log_sum_exp(z: Numbers, temperature: float = 1.0) -> Any:
    return Softmax(z, temperature).log_sum_exp


def softmax(z: Numbers, temperature: float = 1.0) -> list[Any]:
    return list(Softmax(z, temperature).p)


def log_softmax(z: Numbers, temperature: float = 1.0) -> list[Any]:
    return [-v for v in Softmax(z, temperature).nll]


def entropy(z: Numbers, temperature: float = 1.0) -> Any:
    a = Softmax(z, temperature)
    return NAN if a.bad else expected(a.p, a.nll)


def perplexity(z: Numbers, temperature: float = 1.0) -> Any:
    return CTX.exp(entropy(z, temperature))


def entropy_gradient(z: Numbers, temperature: float = 1.0) -> list[Any]:
    a, h = Softmax(z, temperature), entropy(z, temperature)
    return [product(p, v - h) / mpf(temperature) for p, v in zip(a.p, a.nll, strict=True)]


def top_k(z: Numbers, k: int, temperature: float = 1.0) -> list[tuple[Any, int]]:
    a = Softmax(z, temperature)
    order = sorted(range(a.k), key=lambda i: (-mpf(z[i]), i))
    return [(-a.nll[i], i) for i in order[:k]]


# ---- cross-entropy -------------------------------------------------------------------------------------------------


def one_hot(label: int, k: int) -> list[Any]:
    return [mpf(i == label) for i in range(k)]


def row_loss(z: Numbers, target: Numbers, weights: Numbers | None, smoothing: float, temperature: float) -> Any:
    """-sum w t ln a with t smoothed."""
    a = Softmax(z, temperature)
    return NAN if a.bad else expected(weighted_target(target, weights, smoothing), a.nll)


def weighted_target(target: Numbers, weights: Numbers | None, smoothing: float) -> list[Any]:
    e, k = mpf(smoothing), len(target)
    smoothed = [(1 - e) * mpf(t) + e / k for t in target]
    return smoothed if weights is None else [mpf(w) * t for w, t in zip(weights, smoothed, strict=True)]


def cross_entropy(
    z: Sequence[Numbers],
    targets: Sequence[int | Numbers | None],
    *,
    temperature: float = 1.0,
    base: float | None = None,
    label_smoothing: float = 0.0,
    class_weight: Numbers | None = None,
    sample_weight: Numbers | None = None,
    reduction: str = "none",
) -> tuple[Any, list[list[Any]], list[list[Any]]]:
    """Losses of rows, and the first and second derivatives; a target is a label, a distribution, or None: left out."""
    unit = mpf(1) if base is None else CTX.ln(mpf(base))
    rows, t = [], mpf(temperature)
    total, losses = mpf(0), []
    for i, (row, target) in enumerate(zip(z, targets, strict=True)):
        weight = mpf(1) if sample_weight is None else mpf(sample_weight[i])
        if target is None:
            rows.append((mpf(0), [mpf(0)] * len(row), [mpf(0)] * len(row), [mpf(0)] * len(row)))
            losses.append(mpf(0))
            continue
        label = isinstance(target, int)
        distribution = one_hot(target, len(row)) if isinstance(target, int) else list(target)
        total += weight * (mpf(class_weight[target]) if label and class_weight is not None else 1)
        goal = weighted_target(distribution, class_weight, label_smoothing)
        a = softmax_of(tuple(row), temperature)
        losses.append(product(weight, NAN if a.bad else expected(goal, a.nll)) / unit)
        rows.append((weight, [CTX.fsum(goal)] * len(row), a.p, goal))
    divisor = total if reduction == "mean" else mpf(1)
    scale = 1 / (divisor * unit) if divisor else mpf(0)
    grad = [
        [scale * w * (m * p - g) / t for m, p, g in zip(masses, shares, goal, strict=True)]
        for w, masses, shares, goal in rows
    ]
    hess = [
        [scale * w * m * p * (1 - p) / t**2 for m, p in zip(masses, shares, strict=True)]
        for w, masses, shares, _ in rows
    ]
    if reduction == "none":
        return losses, grad, hess
    return (CTX.fsum(losses) / divisor if divisor else NAN), grad, hess


# ---- pairs ---------------------------------------------------------------------------------------------------------


def kl(z_p: Numbers, z_q: Numbers, temperature: float = 1.0) -> Any:
    p, q = Softmax(z_p, temperature), Softmax(z_q, temperature)
    if p.bad or q.bad:
        return NAN
    return CTX.fsum(product(a, v - u) for a, u, v in zip(p.p, p.nll, q.nll, strict=True) if a)


def kl_gradient(z_p: Numbers, z_q: Numbers, by: str, temperature: float = 1.0) -> list[Any]:
    p, q, t = Softmax(z_p, temperature), Softmax(z_q, temperature), mpf(temperature)
    if by == "q":
        return [(b - a) / t for a, b in zip(p.p, q.p, strict=True)]
    value = kl(z_p, z_q, temperature)
    return [product(a, v - u - value) / t if a else mpf(0) for a, u, v in zip(p.p, p.nll, q.nll, strict=True)]


def kl_hessian(z_p: Numbers, z_q: Numbers, temperature: float = 1.0) -> list[Any]:
    """The diagonal of the second derivative by z_q."""
    return [b * (1 - b) / mpf(temperature) ** 2 for b in Softmax(z_q, temperature).p]


def js(z_p: Numbers, z_q: Numbers, temperature: float = 1.0) -> Any:
    p, q = softmax(z_p, temperature), softmax(z_q, temperature)
    return mean_divergence([p, q])


def js_gradient(z_p: Numbers, z_q: Numbers, by: str, temperature: float = 1.0) -> list[Any]:
    p, q = softmax(z_p, temperature), softmax(z_q, temperature)
    x, mean = p if by == "p" else q, mean_of([p, q])
    ratios = [CTX.ln(a / m) if a else mpf(0) for a, m in zip(x, mean, strict=True)]
    return [a * (r - expected(x, ratios)) / (2 * mpf(temperature)) for a, r in zip(x, ratios, strict=True)]


def binary_cross_entropy(z: float, y: float, weight: float = 1.0) -> tuple[Any, Any, Any]:
    """Loss, gradient and second derivative of one target."""
    z, y, w = mpf(z), mpf(y), mpf(weight)
    if CTX.isnan(z):
        return NAN, NAN, NAN
    no, yes = CTX.log1p(CTX.exp(z)), CTX.log1p(CTX.exp(-z))  # -ln(1 - a), -ln a
    a, b = CTX.exp(-yes), CTX.exp(-no)
    return product(w * y, yes) + product(1 - y, no), (1 - y) * a - w * y * b, (w * y + 1 - y) * a * b


# ---- ensembles: each member a row of probabilities, or of logits ---------------------------------------------------


def shares(row: Numbers, logits: bool) -> list[Any]:
    if logits:
        return softmax(row)
    row = [mpf(v) for v in row]
    total = CTX.fsum(row)
    if not CTX.isfinite(total) or total <= 0 or min(row) < 0:
        return [NAN] * len(row)
    return [v / total for v in row]


def logarithms(p: Numbers) -> list[Any]:
    """Of shares; the largest's from the sum of the others, as it may be 1 but for far less than 60 digits show."""
    place = max(range(len(p)), key=lambda i: p[i])
    rest = CTX.fsum(v for i, v in enumerate(p) if i != place)
    return [CTX.log1p(-rest) if i == place else CTX.ln(v) for i, v in enumerate(p)]


def shannon(p: Numbers) -> Any:
    return -expected(p, logarithms(p))


def mean_of(rows: Sequence[Numbers]) -> list[Any]:
    return [CTX.fsum(column) / len(rows) for column in zip(*rows, strict=True)]


def mean_divergence(rows: Sequence[Numbers]) -> Any:
    of_mean = logarithms(mean_of(rows))
    each = ([a - b for a, b in zip(logarithms(row), of_mean, strict=True)] for row in rows)
    return CTX.fsum(expected(row, ratios) for row, ratios in zip(rows, each, strict=True)) / len(rows)


def predictive_uncertainty(members: Sequence[Numbers], logits: bool, base: float | None = None) -> dict[str, Any]:
    rows = [shares(row, logits) for row in members]
    names = ("total", "aleatoric", "epistemic", "margin", "least_confidence", "variation_ratio", "vote_entropy")
    if any(CTX.isnan(v) for row in rows for v in row):
        return dict.fromkeys(names, NAN)
    unit = mpf(1) if base is None else CTX.ln(mpf(base))
    mean = mean_of(rows)
    ranked = sorted(range(len(mean)), key=lambda i: -mean[i])
    rest = CTX.fsum(mean[i] for i in ranked[1:])
    votes = [max(range(len(row)), key=lambda i: (mpf(row[i]), -i)) for row in members]
    of_class = [mpf(votes.count(c)) / len(rows) for c in set(votes)]
    return {
        "total": shannon(mean) / unit,
        "aleatoric": CTX.fsum(shannon(row) for row in rows) / len(rows) / unit,
        "epistemic": mean_divergence(rows) / unit,
        "margin": mean[ranked[0]] - (mean[ranked[1]] if len(mean) > 1 else 0),
        "least_confidence": rest,
        "variation_ratio": 1 - max(of_class),
        "vote_entropy": shannon(of_class) / unit,
    }


# ---- derivatives by differences ------------------------------------------------------------------------------------


def differences(function: Callable[[list[Any]], Any], z: Numbers) -> tuple[list[Any], list[Any]]:
    """First derivatives and second ones along each axis, right to about 25 digits."""
    step, first, second = mpf(10) ** -15, [], []
    z = [mpf(v) for v in z]
    middle = function(z)
    for i in range(len(z)):
        more, less = ([*z[:i], z[i] + h, *z[i + 1 :]] for h in (step, -step))
        above, below = function(more), function(less)
        first.append((above - below) / (2 * step))
        second.append((above - 2 * middle + below) / step**2)
    return first, second


# ---- comparing -----------------------------------------------------------------------------------------------------


def floats(values: Any) -> np.ndarray:
    """Nested lists of exact numbers as float64."""
    return np.asarray(np.frompyfunc(float, 1, 1)(np.array(values, dtype=object)), np.float64)


def ulps(got: Any, want: Any, dtype: Any) -> float:
    """Distance of one number from the exact one in units of its last place; 0 for the same infinity or NaN."""
    got, want = float(got), mpf(want)
    if CTX.isnan(want) or math.isnan(got):
        return 0.0 if CTX.isnan(want) and math.isnan(got) else math.inf
    bits, smallest, largest = (24, -149, 128) if np.dtype(dtype) == np.float32 else (53, -1074, 1024)
    half = CTX.ldexp(2 - CTX.ldexp(1, -bits), largest - 1)  # from here on the nearest number is infinity
    if abs(want) >= half:
        want = INF if want > 0 else -INF
    if CTX.isinf(want) or math.isinf(got):
        return 0.0 if got == want else math.inf
    exponent = CTX.frexp(want)[1] if want else smallest
    return float(abs(mpf(got) - want) / CTX.ldexp(1, max(exponent - bits, smallest)))
