"""Functions of single counts that estimators are made of: tables of small counts, asymptotic series elsewhere."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SERIES_FROM = 16  # asymptotic series with the seven Bernoulli numbers below are exact to the last digit from here on
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)  # B_2, B_4, ..., B_14


def polynomial(x: Values, coefficients: tuple[float, ...]) -> Values:
    """c_0 + c_1 x + c_2 x^2 + ..."""
    value = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


def _look_up(n: Values, table: Values, series: Values) -> Values:
    return np.where(n < len(table), table[np.minimum(n, len(table) - 1).astype(np.intp)], series)


_DIGAMMA = tuple(b / (2 * j) for j, b in enumerate(BERNOULLI, 1))
_DIGAMMA_HALF = tuple(-(1 - 2.0 ** (1 - 2 * j)) * c for j, c in enumerate(_DIGAMMA, 1))
STIRLING = tuple(b / (2 * j * (2 * j - 1)) for j, b in enumerate(BERNOULLI, 1))
_JACKKNIFE = tuple(1 / (j * (j + 1)) for j in range(1, 64))

# psi(n) = -gamma + 1 + 1/2 + ... + 1/(n-1);  psi(m + 1/2) = -gamma - 2 ln 2 + 2 (1 + 1/3 + ... + 1/(2m-1))
_DIGAMMA_BIAS = np.array(
    [math.nan] + [math.fsum([math.log(n), np.euler_gamma, *(-1 / j for j in range(1, n))])
                  for n in range(1, SERIES_FROM)]
)  # fmt: skip
_GRASSBERGER_BIAS = np.array(
    [math.nan] + [math.fsum([math.log(n), math.log(2), np.euler_gamma, *(-2 / j for j in range(1, n, 2))])
                  for n in range(1, 2 * SERIES_FROM)]
)  # fmt: skip
_JACKKNIFE_BIAS = np.array(
    [math.nan, 1.0] + [math.fsum(c / float(n)**j for j, c in enumerate(_JACKKNIFE, 1))
                       for n in range(2, SERIES_FROM)]
)  # fmt: skip


def digamma_series(x: Values) -> Values:
    """ln x - psi(x) = 1/(2x) + B_2/(2 x^2) + B_4/(4 x^4) + ..., for x >= 16."""
    x = 1 / x
    return x / 2 + x * x * polynomial(x * x, _DIGAMMA)


def digamma_bias(n: Values) -> Values:
    """ln n - psi(n) of positive integers; positive and falling."""
    return _look_up(n, _DIGAMMA_BIAS, digamma_series(n))


def digamma(n: Values) -> Values:
    """psi(n) of positive integers."""
    value: Values = np.log(n) - digamma_bias(n)
    return value


def grassberger_bias(n: Values) -> Values:
    """ln n - G(n) of positive integers; G(n) = psi(n) + (-1)^n (psi((n+1)/2) - psi(n/2))/2 = ln 2 + psi(n//2 + 1/2)."""
    m = np.maximum(n // 2, 1)
    squared = 1 / m**2
    return _look_up(n, _GRASSBERGER_BIAS, np.log1p(n % 2 / (2 * m)) + squared * polynomial(squared, _DIGAMMA_HALF))


def jackknife_bias(n: Values) -> Values:
    """1 - (n-1) ln(n/(n-1)) = 1/(2n) + 1/(6 n^2) + 1/(12 n^3) + ... of positive integers; positive and falling."""
    return _look_up(n, _JACKKNIFE_BIAS, polynomial(1 / n, _JACKKNIFE[:14]) / n)
