"""Entropy, divergence and cross-entropy of named distributions, from their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent.continuous._common import described, in_unit
from fastent.continuous.forms import FORMS
from fastent.continuous.records import Distribution


@described
def entropy(p: Distribution, *, base: float | None = None) -> Any:
    """Entropy of a named distribution; differential, and possibly negative, for continuous ones.

    ====================================  ==========================================================================
    Normal(loc, scale)                    ln(2 pi e scale^2) / 2
    MultivariateNormal(mean, cov)         ln det(2 pi e cov) / 2
    Exponential(scale, loc)               1 + ln scale
    Laplace(loc, scale)                   1 + ln(2 scale)
    Uniform(loc, scale)                   ln scale
    Gamma(a, scale)                       a + ln scale + ln Gamma(a) + (1 - a) digamma(a)
    Beta(a, b)                            ln B(a, b) - (a-1) digamma(a) - (b-1) digamma(b) + (a+b-2) digamma(a+b)
    Poisson(mu)                           mu (1 - ln mu) + exp(-mu) sum_k mu^k ln(k!) / k!
    Bernoulli(p)                          -p ln p - (1-p) ln(1-p)
    Categorical(p)                        -sum p_i ln p_i
    ====================================  ==========================================================================

    Parameters
    ----------
    p : Normal, MultivariateNormal, Bernoulli, Categorical, Poisson, Exponential, Gamma, Beta, Laplace or Uniform
        Parameters may be arrays.
    <BASE>

    Returns
    -------
    ndarray, or a NumPy scalar
        One value per element of the broadcast parameters; float32 if all of them are, else float64. nan where one is.

    Raises
    ------
    TypeError
        `p` is no such record.
    ImportError
        Gamma and Beta without SciPy, an optional extra.

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, table 17.1; Lazo & Rathie 1978. Poisson means from 200 on by the
    series of Knessl 1998.

    Examples
    --------
    >>> from fastent import continuous
    >>> continuous.entropy(continuous.Normal(0.0, [0.1, 1.0])).round(4)
    array([-0.8836,  1.4189])
    >>> continuous.entropy(continuous.Uniform(0, 8), base=2)
    np.float64(3.0)
    """
    _check("entropy", "p", p)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        value = FORMS[type(p)][0](p)
    return in_unit("entropy", value, base, p.dtype)


@described
def kl_divergence(p: Distribution, q: Distribution, *, base: float | None = None) -> Any:
    """Kullback-Leibler divergence of two distributions of one family, the mean of ln(p(x) / q(x)) under p.

    Never negative, exactly 0 for equal parameters, inf where q does not cover what p can give. With r for
    scale / scale_q and m for loc - loc_q:

    ====================================  ==========================================================================
    Normal(loc, scale)                    (r^2 - 1) / 2 - ln r + m^2 / (2 scale_q^2)
    MultivariateNormal(mean, cov)         (tr(cov_q^-1 cov) - d - ln det(cov_q^-1 cov) + m^T cov_q^-1 m) / 2
    Exponential(scale, loc)               r - 1 - ln r + m / scale_q, inf for m < 0
    Laplace(loc, scale)                   r exp(-abs(m) / scale) + abs(m) / scale_q - 1 - ln r
    Uniform(loc, scale)                   -ln r, inf unless q's interval holds p's
    Gamma(a, scale)                       (a - a_q) digamma(a) - ln(Gamma(a) / Gamma(a_q)) - a_q ln r + a (r - 1)
    Beta(a, b)                            ln(B(a_q, b_q) / B(a, b)) + (a - a_q) digamma(a) + (b - b_q) digamma(b)
                                          + (a_q + b_q - a - b) digamma(a + b)
    Poisson(mu)                           mu ln(mu / mu_q) - mu + mu_q
    Bernoulli(p)                          p ln(p/q) + (1-p) ln((1-p)/(1-q))
    Categorical(p)                        sum p_i ln(p_i / q_i)
    ====================================  ==========================================================================

    Parameters
    ----------
    p, q : records of one family
        As for `entropy`; their parameters broadcast against each other.
    <BASE>

    Returns
    -------
    ndarray, or a NumPy scalar
        float32 if all parameters are, else float64. nan where one is.

    Raises
    ------
    TypeError
        Records of different families, or no records.
    ValueError
        Parameters that do not broadcast, different numbers of categories or dimensions.
    ImportError
        Gamma and Beta without SciPy, an optional extra.

    Notes
    -----
    Gil, Alajaji & Linder 2013, tables 1 and 2. They are computed as sums of terms that cannot be negative, so that
    nearly equal distributions keep their digits; those of Beta keep what the rounding of a + b leaves of them.

    Examples
    --------
    >>> from fastent import continuous
    >>> from fastent.continuous import Normal, Uniform
    >>> continuous.kl_divergence(Normal([0.0, 1.0, 0.0], [1.0, 1.0, 2.0]), Normal(0, 1)).round(4)
    array([0.    , 0.5   , 0.8069])
    >>> continuous.kl_divergence(Uniform(0, 2), Uniform(0, 1))
    np.float64(inf)
    """
    dtype = _check_pair("kl_divergence", p, q)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        value = FORMS[type(p)][1](p, q)
    return in_unit("kl_divergence", value, base, dtype)


@described
def cross_entropy(p: Distribution, q: Distribution, *, base: float | None = None) -> Any:
    """Cross-entropy of two distributions of one family, the mean of -ln q(x) under p: entropy(p) + kl_divergence(p, q).

    Parameters
    ----------
    p, q : records of one family
        As for `entropy`; their parameters broadcast against each other.
    <BASE>

    Returns
    -------
    ndarray, or a NumPy scalar
        float32 if all parameters are, else float64; inf where q does not cover what p can give. That of continuous
        distributions may be negative.

    Raises
    ------
    TypeError, ValueError, ImportError
        As by `kl_divergence`.

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, chapter 8.

    Examples
    --------
    >>> from fastent import continuous
    >>> from fastent.continuous import Bernoulli
    >>> continuous.cross_entropy(Bernoulli(0.5), Bernoulli([0.5, 0.25]), base=2).round(4)
    array([1.    , 1.2075])
    """
    dtype = _check_pair("cross_entropy", p, q)
    of_entropy, of_kl, of_cross_entropy = FORMS[type(p)]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        value = of_cross_entropy(p, q) if of_cross_entropy else of_entropy(p) + of_kl(p, q)
    return in_unit("cross_entropy", value, base, dtype)


def _check(function: str, name: str, record: Any) -> None:
    if type(record) not in FORMS:
        families = ", ".join(family.__name__ for family in FORMS)
        raise TypeError(f"{function}: {name} must be one of {families}, got {type(record).__name__}")


def _check_pair(function: str, p: Any, q: Any) -> Any:
    _check(function, "p", p)
    _check(function, "q", q)
    if type(p) is not type(q):
        raise TypeError(
            f"{function}: p and q must be of one family, got {type(p).__name__} and {type(q).__name__}; "
            "there is no closed form between families"
        )
    shapes = [record.batch_shape for record in (p, q)]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{function}: p and q must broadcast against each other, got shapes {shapes[0]} and {shapes[1]}"
        ) from None
    return np.result_type(p.dtype, q.dtype)
