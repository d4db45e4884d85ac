"""The textbook definition of every measure of continuous variables: what the tests compare with.

Densities are integrated and probabilities summed with 30 digits; estimators are written out as in their papers, one
sample at a time, in the digits of mpmath. Nothing here is tuned, and nothing may come from the package.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from mpmath import MPContext

mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 30
INF = mp.inf
LOCK = threading.RLock()

Logarithm = Callable[[Any], Any]  # of a density or a probability, -inf outside the support


# ---- distributions: logarithm of the density, and the points between which to integrate ----------------------------


def normal(loc: float, scale: float) -> tuple[Logarithm, list[Any]]:
    loc, scale = mp.mpf(loc), mp.mpf(scale)
    points = [loc + scale * z for z in (-40, -10, -4, -1, 0, 1, 4, 10, 40)]
    return lambda x: -(((x - loc) / scale) ** 2) / 2 - mp.log(scale) - mp.log(2 * mp.pi) / 2, points


def laplace(loc: float, scale: float) -> tuple[Logarithm, list[Any]]:
    loc, scale = mp.mpf(loc), mp.mpf(scale)
    points = [loc + scale * z for z in (-90, -20, -5, -1, 0, 1, 5, 20, 90)]
    return lambda x: -abs(x - loc) / scale - mp.log(2 * scale), points


def exponential(scale: float, loc: float) -> tuple[Logarithm, list[Any]]:
    loc, scale = mp.mpf(loc), mp.mpf(scale)
    return (
        lambda x: -(x - loc) / scale - mp.log(scale) if x >= loc else -INF,
        [loc + scale * z for z in (0, 1, 5, 20, 90)],
    )


def uniform(loc: float, scale: float) -> tuple[Logarithm, list[Any]]:
    loc, scale = mp.mpf(loc), mp.mpf(scale)
    return lambda x: -mp.log(scale) if loc <= x <= loc + scale else -INF, [loc, loc + scale / 2, loc + scale]


def gamma(a: float, scale: float) -> tuple[Logarithm, list[Any]]:
    a, scale = mp.mpf(a), mp.mpf(scale)
    end = a + 40 * mp.sqrt(a) + 80
    return (
        lambda x: (a - 1) * mp.log(x / scale) - x / scale - mp.loggamma(a) - mp.log(scale),
        [scale * z for z in sorted({mp.mpf(0), a / 100, a / 4, a, 2 * a, a + 5 * mp.sqrt(a), a + 20, end})],
    )


def beta(a: float, b: float) -> tuple[Logarithm, list[Any]]:
    a, b = mp.mpf(a), mp.mpf(b)
    return (
        lambda x: (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - mp.log(mp.beta(a, b)),
        [mp.mpf(z) for z in (0, 0.01, 0.1, 0.5, 0.9, 0.99, 1)],
    )


def poisson(mu: float) -> Logarithm:
    mu = mp.mpf(mu)
    return lambda k: (k * mp.log(mu) if k else mp.mpf(0)) - mu - mp.loggamma(k + 1) if mu or not k else -INF


DENSITIES: dict[str, Callable[..., tuple[Logarithm, list[Any]]]] = {
    "Normal": normal,
    "Laplace": laplace,
    "Exponential": exponential,
    "Uniform": uniform,
    "Gamma": gamma,
    "Beta": beta,
}


def mean(logarithm: Logarithm, points: list[Any], of: Logarithm) -> Any:
    """The mean of `of` under a density."""

    def weighed(x: Any) -> Any:
        weight = mp.exp(logarithm(x))
        return weight * of(x) if weight else mp.mpf(0)

    return mp.quad(weighed, points)


def entropy(family: str, parameters: Sequence[float]) -> Any:
    with LOCK:
        if family == "Poisson":
            log_p = poisson(*parameters)
            return -mp.fsum(mp.exp(log_p(k)) * log_p(k) for k in poisson_range(parameters[0]))
        log_p, points = DENSITIES[family](*parameters)
        return mean(log_p, points, lambda x: -log_p(x))


def kl_divergence(family: str, p: Sequence[float], q: Sequence[float]) -> Any:
    with LOCK:
        if family == "Poisson":
            log_p, log_q = poisson(*p), poisson(*q)
            return mp.fsum(mp.exp(log_p(k)) * (log_p(k) - log_q(k)) for k in poisson_range(p[0]))
        (log_p, points), (log_q, _) = DENSITIES[family](*p), DENSITIES[family](*q)
        kinks = [mp.mpf(q[0])] if family == "Laplace" else []
        inside = [x for x in kinks if points[0] < x < points[-1]]
        return mean(log_p, sorted(points + inside), lambda x: log_p(x) - log_q(x))


def poisson_range(mu: float) -> range:
    return range(int(mu + 40 * math.sqrt(mu) + 80))


def diagonal_normal_kl(mu: Any, log_var: Any, mu_q: Any, log_var_q: Any) -> Any:
    """Of sequences of numbers."""
    with LOCK:
        total = mp.mpf(0)
        for numbers in zip(mu, log_var, mu_q, log_var_q, strict=True):
            m, s, m_q, s_q = (mp.mpf(float(number)) for number in numbers)
            total += mp.expm1(s - s_q) - (s - s_q) + (m - m_q) ** 2 * mp.exp(-s_q)
        return total / 2


# ---- estimators ----------------------------------------------------------------------------------------------------


def differential_entropy(sample: Sequence[float], method: str, m: int) -> Any:
    """As in Noughabi 2015, one sample at a time."""
    with LOCK:
        x = sorted(mp.mpf(float(number)) for number in sample)
        n = len(x)

        def at(i: int) -> Any:
            return x[min(max(i, 0), n - 1)]

        def log(value: Any) -> Any:
            return mp.log(value) if value else -INF

        if method == "vasicek":
            return mp.fsum(log(mp.mpf(n) / (2 * m) * (at(i + m) - at(i - m))) for i in range(n)) / n
        if method == "ebrahimi":
            total = mp.mpf(0)
            for i in range(1, n + 1):
                c = 1 + mp.mpf(i - 1) / m if i <= m else 1 + mp.mpf(n - i) / m if i >= n - m + 1 else 2
                total += log(n / (c * m) * (at(i - 1 + m) - at(i - 1 - m)))
            return total / n
        if method == "van es":
            first = mp.fsum(log(mp.mpf(n + 1) / m * (x[i + m] - x[i])) for i in range(n - m)) / (n - m)
            return first + mp.fsum(mp.mpf(1) / k for k in range(m, n + 1)) + mp.log(m) - mp.log(n + 1)
        total = mp.mpf(0)
        for i in range(n):
            window = [at(j) for j in range(i - m, i + m + 1)]
            centre = mp.fsum(window) / len(window)
            slope = mp.fsum((w - centre) * (j - m) for j, w in enumerate(window))
            total -= mp.log(slope / (n * mp.fsum((w - centre) ** 2 for w in window)))
        return total / n


def distance(a: Sequence[float], b: Sequence[float], metric: str) -> Any:
    apart = [abs(mp.mpf(float(x)) - mp.mpf(float(y))) for x, y in zip(a, b, strict=True)]
    return max(apart) if metric == "chebyshev" else mp.sqrt(mp.fsum(d * d for d in apart))


def nearest_neighbor_entropy(points: Sequence[Sequence[float]], k: int, metric: str = "euclidean") -> Any:
    with LOCK:
        n, d = len(points), len(points[0])
        ball = mp.mpf(2) ** d if metric == "chebyshev" else mp.pi ** (mp.mpf(d) / 2) / mp.gamma(mp.mpf(d) / 2 + 1)
        total = mp.mpf(0)
        for i, point in enumerate(points):
            total += mp.log(sorted(distance(point, other, metric) for j, other in enumerate(points) if j != i)[k - 1])
        return d * total / n + mp.log(ball) + mp.digamma(n) - mp.digamma(k)


def nearest_neighbor_kl(x: Sequence[Sequence[float]], y: Sequence[Sequence[float]], k: int) -> Any:
    with LOCK:
        n, m, d = len(x), len(y), len(x[0])
        total = mp.mpf(0)
        for i, point in enumerate(x):
            own = sorted(distance(point, other, "euclidean") for j, other in enumerate(x) if j != i)[k - 1]
            total += mp.log(sorted(distance(point, other, "euclidean") for other in y)[k - 1] / own)
        return d * total / n + mp.log(mp.mpf(m) / (n - 1))
