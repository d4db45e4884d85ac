"""The closed forms: entropy of each family, and divergence within it, arranged so that no digits cancel.

x - 1 - ln x and its like are taken from fastent's kernels, which know them to the last digits next to 1. Of the
gamma function only the remainders of Stirling's formula are used: the large parts of ln Gamma and digamma are
cancelled here, by hand, and not in the last digits of a result.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastent import _plan as rows_plan
from fastent import distributions
from fastent.continuous import _plan
from fastent.continuous._plan import Array
from fastent.continuous.records import (
    Bernoulli,
    Beta,
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)

HALF_LN_2PI_E = 0.5 * (1 + math.log(2 * math.pi))


# ---- functions whose digits cancel when written out ----


def gap(x: Any, y: Any) -> Any:
    """x ln(x/y) - x + y: never negative, with all digits next to x = y."""
    return rows_plan.map_elements("kl_divergence", "kl_div", (("x", x), ("y", y)))


def gap_from_one(x: Any, y: Any) -> Any:
    """r - 1 - ln r for r = x/y."""
    return gap(y, x) / y


def exp_excess(x: Any) -> Any:
    """exp(x) - 1 - x, likewise."""
    return _plan.diagonal_normals("kl_divergence", 0.0, np.asarray(x)[..., None], 0.0, 0.0, -1, False, None).sums[()]


def special_functions(family: str) -> Any:
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        raise ImportError(
            f"{family}: the gamma function needs SciPy, which is not installed; run: pip install 'fastent[scipy]'"
        ) from None


STIRLING_FROM = 32.0
"""From here on eight terms of the asymptotic series leave nothing to the last digit."""

BERNOULLI_NUMBERS = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def stirling_rests(family: str, a: Array) -> tuple[Array, Array]:
    """s(a) = ln Gamma(a) - ((a - 1/2) ln a - a + ln(2 pi)/2) and -s'(a) = ln a - 1/(2a) - digamma(a)."""
    special = special_functions(family)
    small = np.minimum(a, STIRLING_FROM)
    value = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * math.log(2 * math.pi))
    slope = np.log(small) - 0.5 / small - special.digamma(small)
    large = np.maximum(a, STIRLING_FROM)
    square = 1 / (large * large)
    value_series, slope_series = np.zeros_like(large), np.zeros_like(large)
    for k in range(len(BERNOULLI_NUMBERS), 0, -1):
        number = BERNOULLI_NUMBERS[k - 1]
        value_series = value_series * square + number / (2 * k * (2 * k - 1))
        slope_series = slope_series * square + number / (2 * k)
    is_small = a < STIRLING_FROM
    return np.where(is_small, value, value_series / large), np.where(is_small, slope, slope_series * square)


NEAR_TERMS = 15
"""Powers up to this one of a sixteenth leave nothing to the last digit."""


def gamma_bregman(family: str, a: Array, b: Array) -> Array:
    """ln Gamma(b) - ln Gamma(a) - (b - a) digamma(a), less the gap of b from a.

    The first part is the sum of zeta(k, a) (a - b)^k / k from k = 2 on (Taylor; DLMF 5.15.1), which keeps its digits
    next to a = b; elsewhere the remainders of Stirling's formula do, and where these are small, already from a
    difference of 1/2 on.
    """
    a, b = np.broadcast_arrays(a, b)
    rest_a, slope_a = stirling_rests(family, a)
    rest_b, _ = stirling_rests(family, b)
    result = np.asarray(0.5 * gap_from_one(b, a) + ((rest_b - rest_a) + (b - a) * slope_a))
    near = (np.abs(b - a) <= a / 16) & ((a < STIRLING_FROM) | (np.abs(b - a) < 0.5))
    x, y = a[near], b[near]
    zeta = special_functions(family).zeta
    series = sum((zeta(k, x) * (x - y) ** (k - 2) / k for k in range(NEAR_TERMS, 1, -1)), np.zeros_like(x))
    result[near] = (x - y) ** 2 * series - gap(y, x)
    return result


# ---- entropies ----


def normal_entropy(p: Normal) -> Any:
    loc, scale = p._wide()
    return HALF_LN_2PI_E + np.log(scale) + 0 * loc


def multivariate_normal_entropy(p: MultivariateNormal) -> Any:
    mean = p._wide()[0]
    diagonal = np.diagonal(p.cholesky(), axis1=-2, axis2=-1)
    return mean.shape[-1] * HALF_LN_2PI_E + np.log(diagonal).sum(axis=-1) + 0 * mean.sum(axis=-1)


def bernoulli_entropy(p: Bernoulli) -> Any:
    return distributions.binary_entropy(p._wide()[0])


def categorical_entropy(p: Categorical) -> Any:
    return distributions.entropy(p._wide()[0])


POISSON_SERIES_FROM = 200.0
POISSON_SERIES = (1 / 12, 1 / 24, 19 / 360, 9 / 80, 863 / 2520, 1375 / 1008)
"""Of 1/mu, subtracted from ln(2 pi e mu)/2: Knessl 1998."""

POISSON_TERMS = 450  # beyond them there is less than 1e-40 of a mean of 200


def poisson_entropy(p: Poisson) -> Any:
    mu = p._wide()[0]
    large = np.maximum(mu, POISSON_SERIES_FROM)
    series = np.zeros_like(large)
    for coefficient in reversed(POISSON_SERIES):
        series = (series + coefficient) / large
    result = np.asarray(HALF_LN_2PI_E + 0.5 * np.log(large) - series)
    few = np.isnan(mu) | (mu < POISSON_SERIES_FROM)
    means = mu[few]
    values = np.empty_like(means)
    for first in range(0, means.size, 4096):
        values[first : first + 4096] = _poisson_sums(means[first : first + 4096])
    result[few] = values
    return result


def _poisson_sums(mu: Array) -> Array:
    """sum p (mu - ln(mu^k / k!)) over p = exp(-mu) mu^k / k!"""
    weights = np.cumprod(mu[:, None] / np.arange(1, POISSON_TERMS), axis=1)
    logs = np.log(np.maximum(weights, 5e-324))
    first = np.exp(-mu)
    return np.asarray(first * mu + first * np.where(weights > 0, weights * (mu[:, None] - logs), 0).sum(axis=1))


def exponential_entropy(p: Exponential) -> Any:
    scale, loc = p._wide()
    return 1 + np.log(scale) + 0 * loc


def gamma_entropy(p: Gamma) -> Any:
    a, scale = p._wide()
    rest, slope = stirling_rests("Gamma", a)
    return np.log(scale) + (HALF_LN_2PI_E + 0.5 * np.log(a) - 0.5 / a + rest + (a - 1) * slope)


def beta_entropy(p: Beta) -> Any:
    a, b = np.broadcast_arrays(*p._wide())
    c = a + b
    (rest_a, slope_a), (rest_b, slope_b), (rest_c, slope_c) = (stirling_rests("Beta", x) for x in (a, b, c))
    logs = 0.5 * (np.log(a / c) + np.log(b / c) - np.log(c))
    rests = rest_a + rest_b - rest_c - 0.5 / a - 0.5 / b + 1 / c
    return HALF_LN_2PI_E + logs + rests + ((a - 1) * slope_a + (b - 1) * slope_b - (c - 2) * slope_c)


def laplace_entropy(p: Laplace) -> Any:
    loc, scale = p._wide()
    return 1 + math.log(2) + np.log(scale) + 0 * loc


def uniform_entropy(p: Uniform) -> Any:
    loc, scale = p._wide()
    return np.log(scale) + 0 * loc


# ---- divergences ----


def normal_kl(p: Normal, q: Normal) -> Any:
    (mu, s), (mu_q, s_q) = p._wide(), q._wide()
    # with r = s / s_q: (r^2 - 1 - ln r^2) / 2 = (r - 1 - ln r) + (r - 1)^2 / 2
    return gap_from_one(s, s_q) + 0.5 * (((s - s_q) / s_q) ** 2 + ((mu - mu_q) / s_q) ** 2)


def multivariate_normal_kl(p: MultivariateNormal, q: MultivariateNormal) -> Any:
    """With M = L_q^-1 L_p of the Cholesky factors: half of |M|^2 - d - 2 sum ln M_ii + |L_q^-1 (mean - mean_q)|^2."""
    mean, mean_q = p._wide()[0], q._wide()[0]
    if mean.shape[-1] != mean_q.shape[-1]:
        raise ValueError(
            f"kl_divergence: p and q must have the same dimension, got {mean.shape[-1]} and {mean_q.shape[-1]}"
        )
    factor, factor_q = p.cholesky(), q.cholesky()
    diagonals = [np.diagonal(f, axis1=-2, axis2=-1) for f in (factor, factor_q)]
    less_identity = _solve(factor_q, factor - factor_q)
    shift = _solve(factor_q, (mean - mean_q)[..., None])[..., 0]
    rest = np.square(less_identity).sum(axis=(-1, -2)) + np.square(shift).sum(axis=-1)
    return gap_from_one(*diagonals).sum(axis=-1) + 0.5 * rest


def _solve(factor: Array, right: Array) -> Array:
    known = np.isfinite(factor).all(axis=(-1, -2), keepdims=True)
    found = np.linalg.solve(np.where(known, factor, np.eye(factor.shape[-1])), right)
    return np.asarray(np.where(known, found, np.nan))


def bernoulli_kl(p: Bernoulli, q: Bernoulli) -> Any:
    x, y = p._wide()[0], q._wide()[0]
    return gap(x, y) + gap(1 - x, 1 - y)


def categorical_kl(p: Categorical, q: Categorical) -> Any:
    x, y = p._wide()[0], q._wide()[0]
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"kl_divergence: p and q must have the same categories, got {x.shape[-1]} and {y.shape[-1]}")
    return distributions.kl_divergence(x, y)


def poisson_kl(p: Poisson, q: Poisson) -> Any:
    return gap(p._wide()[0], q._wide()[0])


def exponential_kl(p: Exponential, q: Exponential) -> Any:
    (scale, loc), (scale_q, loc_q) = p._wide(), q._wide()
    value = gap_from_one(scale, scale_q) + (loc - loc_q) / scale_q
    return np.where((loc < loc_q) & ~np.isnan(value), np.inf, value)


def gamma_kl(p: Gamma, q: Gamma) -> Any:
    (a, scale), (a_q, scale_q) = p._wide(), q._wide()
    mean = a * (scale / scale_q)
    underflow = a_q * (np.log(a_q) - np.log(a) - 1 - np.log(scale) + np.log(scale_q))
    value = np.where(mean < 1e-290, underflow, np.where(mean < np.inf, gap(a_q, mean), mean))
    return value + gamma_bregman("Gamma", a, a_q)


def beta_kl(p: Beta, q: Beta) -> Any:
    (a, b), (a_q, b_q) = p._wide(), q._wide()
    c, c_q = a + b, a_q + b_q
    ratio = c_q / c
    first = gap(a_q, a * ratio) + gap(b_q, b * ratio)
    rest = gamma_bregman("Beta", a, a_q) + gamma_bregman("Beta", b, b_q) - gamma_bregman("Beta", c, c_q)
    equal = (a == a_q) & (b == b_q)
    return np.where(equal, 0, np.maximum(first + rest, 0))


def laplace_kl(p: Laplace, q: Laplace) -> Any:
    (loc, scale), (loc_q, scale_q) = p._wide(), q._wide()
    distance = np.abs(loc - loc_q) / scale
    excess = exp_excess(-distance)
    return gap_from_one(scale, scale_q) + np.where(excess == 0, 0, scale / scale_q * excess)


def uniform_kl(p: Uniform, q: Uniform) -> Any:
    (loc, scale), (loc_q, scale_q) = p._wide(), q._wide()
    outside = (loc < loc_q) | (loc + scale > loc_q + scale_q)
    unknown = np.isnan(loc + scale + loc_q + scale_q)
    excess = (scale_q - scale) / scale
    value = np.where(excess < np.inf, np.log1p(excess), np.log(scale_q) - np.log(scale))
    return np.where(unknown, np.nan, np.where(outside, np.inf, value))


# ---- cross-entropies that are more than a sum ----


def bernoulli_cross_entropy(p: Bernoulli, q: Bernoulli) -> Any:
    return distributions.binary_cross_entropy(p._wide()[0], q._wide()[0])


def categorical_cross_entropy(p: Categorical, q: Categorical) -> Any:
    x, y = p._wide()[0], q._wide()[0]
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cross_entropy: p and q must have the same categories, got {x.shape[-1]} and {y.shape[-1]}")
    return distributions.cross_entropy(x, y)


Form = Callable[..., Any]
FORMS: dict[type[Distribution], tuple[Form, Form, Form | None]] = {
    Normal: (normal_entropy, normal_kl, None),
    MultivariateNormal: (multivariate_normal_entropy, multivariate_normal_kl, None),
    Bernoulli: (bernoulli_entropy, bernoulli_kl, bernoulli_cross_entropy),
    Categorical: (categorical_entropy, categorical_kl, categorical_cross_entropy),
    Poisson: (poisson_entropy, poisson_kl, None),
    Exponential: (exponential_entropy, exponential_kl, None),
    Gamma: (gamma_entropy, gamma_kl, None),
    Beta: (beta_entropy, beta_kl, None),
    Laplace: (laplace_entropy, laplace_kl, None),
    Uniform: (uniform_entropy, uniform_kl, None),
}
"""Entropy, divergence, and cross-entropy where it is not the sum of both."""
