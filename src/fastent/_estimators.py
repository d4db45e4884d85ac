"""Estimators of Shannon entropy from rows of counts, in nats.

A row is reduced to its spectrum: its distinct counts in increasing order, and in how many bins each occurs. Every
estimator is a sum over the spectrum, so results do not depend on the order of the bins nor on the other rows of a
batch, bit for bit. Where an estimator has the form plug-in + bias correction, the terms are written as
n (ln(N/n) + correction(n)) with the correction in closed form: no difference of large logarithms is ever taken.

In the formulas n are the counts of the k bins, N is their sum, psi the digamma function, and sums run over the bins.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastent._series import (
    BERNOULLI,
    SERIES_FROM,
    STIRLING,
    Values,
    digamma_bias,
    digamma_series,
    grassberger_bias,
    jackknife_bias,
    polynomial,
)

_CELLS = 2**18  # counts in one block of rows: its temporaries are a few megabytes


class _Spectrum(NamedTuple):
    """The distinct counts of each row, one row after the other; each row has at least one."""

    n: Values  # distinct counts, increasing within a row
    bins: Values  # in how many bins of the row each occurs
    lengths: NDArray[np.intp]  # how many distinct counts each row has
    starts: NDArray[np.intp]  # where each row starts
    N: Values  # total of each row
    k: int

    def spread(self, per_row: Values) -> Values:
        """Repeat the value of each row for each of its distinct counts, along the last axis."""
        return np.repeat(per_row, self.lengths, axis=-1)

    def sum(self, terms: Values) -> Values:
        """Sum over the bins of each row, along the last axis, in an order that depends on nothing but the row."""
        return np.asarray(np.add.reduceat(self.bins * terms, self.starts, axis=-1))

    def keep(self, rows: NDArray[np.bool_]) -> _Spectrum:
        """Only these rows; at least one."""
        kept = np.repeat(rows, self.lengths)
        lengths = self.lengths[rows]
        starts = np.cumsum(lengths) - lengths
        return _Spectrum(self.n[kept], self.bins[kept], lengths, starts, self.N[rows], self.k)


def _spectrum(rows: Values, zeros: bool, bins_of_row: int) -> _Spectrum:
    """Spectrum of rows with positive totals; empty bins enter as a distinct count 0, or not at all."""
    unlisted = bins_of_row - rows.shape[1] if zeros else 0
    if unlisted:
        rows = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
    m, k = rows.shape
    counts = np.sort(rows, axis=1)
    first = np.ones((m, k), bool)
    first[:, 1:] = counts[:, 1:] != counts[:, :-1]
    if not zeros:
        first &= counts > 0
    lengths = first.sum(axis=1)
    starts = np.cumsum(lengths) - lengths
    where = np.flatnonzero(first)
    end_of_row = (where // k + 1) * k
    bins = (np.minimum(np.append(where[1:], m * k), end_of_row) - where).astype(np.float64)
    if unlisted:
        bins[starts] += unlisted - 1  # one of them has a place in the row, the first one
    n = counts.ravel()[where]
    return _Spectrum(n, bins, lengths, starts, np.add.reduceat(bins * n, starts), bins_of_row)


# ---- estimators that see only the occupied bins ---------------------------------------------------------------------


def _corrected(s: _Spectrum, correction: Values | float) -> Values:
    """sum n/N (ln(N/n) + correction). ln(N/n) is log1p((N-n)/n): all its digits are right also where n is nearly N."""
    return s.sum(s.n * (np.log1p((s.spread(s.N) - s.n) / s.n) + correction)) / s.N


def _plugin(s: _Spectrum) -> Values:
    """Entropy of the observed frequencies, sum n/N ln(N/n). Shannon 1948."""
    return _corrected(s, 0.0)


def _miller_madow(s: _Spectrum) -> Values:
    """Plug-in + (occupied bins - 1) / (2N). Miller 1955."""
    return _plugin(s) + (s.sum(np.ones_like(s.n)) - 1) / (2 * s.N)


def _chao_shen(s: _Spectrum) -> Values:
    """-sum p ln p / (1 - (1-p)^N), p = C n/N, coverage C = 1 - (bins with n = 1)/N. Chao & Shen 2003.

    If all observations are alone in their bins, one fewer is counted, as in the R package entropy: C is never 0.
    """
    single = s.sum((s.n == 1).astype(np.float64))
    single = s.spread(np.where(single == s.N, single - 1, single))
    N = s.spread(s.N)
    p = (N - single) / N * (s.n / N)
    with np.errstate(divide="ignore"):  # p = 1 is surely seen
        seen = -np.expm1(N * np.log1p(-p))
    return s.sum(p * np.log1p(((N - s.n) * N + single * s.n) / ((N - single) * s.n)) / seen)


def _grassberger_1988(s: _Spectrum) -> Values:
    """sum n/N (ln N - psi(n) - (-1)^n / (n+1)). Grassberger 1988."""
    return _corrected(s, digamma_bias(s.n) - (1 - 2 * (s.n % 2)) / (s.n + 1))


def _grassberger_2003(s: _Spectrum) -> Values:
    """ln N - sum n/N G(n), G(n) = psi(n) + (-1)^n (psi((n+1)/2) - psi(n/2)) / 2. Grassberger 2003."""
    return _corrected(s, grassberger_bias(s.n))


def _zhang(s: _Spectrum) -> Values:
    """sum n/N sum_{v=1}^{N-n} (1/v) prod_{j<v} (1 - (n-1)/(N-1-j)) = psi(N) - sum n/N psi(n). Zhang 2012.

    The identity, which turns the inner sum of N-n terms into two harmonic numbers, is in Schuermann 2015.
    """
    return _corrected(s, digamma_bias(s.n) - s.spread(digamma_bias(s.N)))


def _jackknife(s: _Spectrum) -> Values:
    """N H - (N-1)/N sum n H', H' the plug-in without one of the n observations. Zahl 1977; Burnham & Overton 1978.

    Equal to sum n/N (D(N) - D(n)), D(n) = n ln n - (n-1) ln(n-1) = ln n + 1 - bias(n). Without its only observation
    a row is empty: nan for N = 1.
    """
    value = _corrected(s, jackknife_bias(s.n) - s.spread(jackknife_bias(s.N)))
    return np.where(s.N == 1, np.nan, value)


# ---- estimators that see all bins -----------------------------------------------------------------------------------


def _entropy_of_shares(s: _Spectrum, share: Values, rest: Values, total: Values) -> Values:
    """-sum p ln p of p = share/total; rest is total - share, given because the difference would lose digits."""
    return s.sum(share * np.log1p(rest / np.where(share > 0, share, 1.0))) / total


def _shrinkage(s: _Spectrum) -> Values:
    """Plug-in of lambda/k + (1-lambda) n/N, lambda = (1 - sum p^2) / ((N-1) sum (p - 1/k)^2). Hausser & Strimmer 2009.

    lambda is at most 1, and 1 where it is 0/0: for equal counts, and for N = 1.
    """
    N = s.spread(s.N)
    with np.errstate(divide="ignore", invalid="ignore"):
        intensity = s.k**2 * s.sum(s.n * (N - s.n)) / ((s.N - 1) * s.sum((s.k * s.n - N) ** 2))
    weight = s.spread(np.where(intensity < 1, intensity, 1.0))
    share = weight * N / s.k + (1 - weight) * s.n
    rest = weight * N * ((s.k - 1) / s.k) + (1 - weight) * (N - s.n)
    return _entropy_of_shares(s, share, rest, s.N)


def _posterior_mean(s: _Spectrum, pseudo: Values) -> Values:
    """Plug-in of (n + a) / (N + k a), the posterior mean under a symmetric Dirichlet prior with parameter a."""
    a = s.spread(pseudo)
    return _entropy_of_shares(s, s.n + a, s.spread(s.N) - s.n + (s.k - 1) * a, s.N + s.k * pseudo)


def _jeffreys(s: _Spectrum) -> Values:
    """Posterior mean with a = 1/2. Krichevsky & Trofimov 1981."""
    return _posterior_mean(s, np.full_like(s.N, 0.5))


def _laplace(s: _Spectrum) -> Values:
    """Posterior mean with a = 1. Holste et al. 1998."""
    return _posterior_mean(s, np.ones_like(s.N))


def _perks(s: _Spectrum) -> Values:
    """Posterior mean with a = 1/k. Perks 1947; Schuermann & Grassberger 1996."""
    return _posterior_mean(s, np.full_like(s.N, 1 / s.k))


def _minimax(s: _Spectrum) -> Values:
    """Posterior mean with a = sqrt(N)/k. Trybula 1958."""
    return _posterior_mean(s, np.sqrt(s.N) / s.k)


# ---- Nemenman, Shafee & Bialek --------------------------------------------------------------------------------------

_INTERVALS = 32  # of one grid
_MOST_INTERVALS = 2**12  # a bound only: the widest posteriors take 512
_ZOOMS = 4  # each shrinks the bracket up to 16-fold, from about 100 to less than the width of any posterior
_NEGLIGIBLE = 50.0  # exp(-50) of the largest weight is far below one ulp of the integral


def _special_functions() -> Any:
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        raise ImportError(
            "entropy_of_counts: estimator 'nsb' needs SciPy, which is not installed; run: pip install 'fastent[scipy]'"
        ) from None


def _nsb(s: _Spectrum) -> Values:
    """Posterior mean of H under a mixture of Dirichlet priors that is flat in their mean entropy. NSB 2002.

    H = int w(b) E[H | n, b] db / int w(b) db with
    w(b) = d/db (psi(kb+1) - psi(b+1)) * Gamma(kb)/Gamma(N+kb) * prod Gamma(n+b)/Gamma(b).

    In t = ln b the integrand is analytic for abs(Im t) < pi and falls at least as exp(-abs(t)), so the trapezoidal rule
    converges geometrically: halving the step squares the error. A grid zooms in on where w is not negligible, then
    the step is halved until the change is below 1e-9 of H and 1e-6 of the integral of w (H hardly depends on b if N is
    large), which leaves the last digits. Rows do not see each other.
    """
    special = _special_functions()
    if s.k == 1:
        return np.zeros_like(s.N)
    grid = (np.arange(_INTERVALS + 1) / _INTERVALS)[:, None]
    low = -45.0 - math.log(s.k) - np.log1p(np.log(s.N))
    high = 45.0 + 2 * np.log(s.N)
    for _ in range(_ZOOMS):
        t = low + (high - low) * grid
        weight = _at_nodes(_nsb_log_weight, s, np.exp(t), special)
        top = weight.max(axis=0)
        near = weight > top - _NEGLIGIBLE
        left = np.maximum(near.argmax(axis=0) - 1, 0)
        right = np.minimum(_INTERVALS + 1 - near[::-1].argmax(axis=0), _INTERVALS)
        low, high = (np.take_along_axis(t, edge[None], axis=0)[0] for edge in (left, right))

    result = np.full_like(s.N, np.nan)
    rows = np.arange(len(s.N))
    mass, moment, last, last_now = (np.full_like(s.N, start) for start in (0.0, 0.0, np.nan, np.nan))
    intervals, points = _INTERVALS, grid
    while True:
        for chunk in np.array_split(points, intervals // _INTERVALS):
            b = np.exp(low + (high - low) * chunk)
            weight = np.exp(_at_nodes(_nsb_log_weight, s, b, special) - top)
            mass = mass + _sum_nodes(weight)
            moment = moment + _sum_nodes(weight * _at_nodes(_nsb_mean, s, b, special))
        integral, now = mass / intervals, moment / mass
        result[rows] = now
        rough = ~((np.abs(now - last_now) <= 1e-9 * now) & (np.abs(integral - last) <= 1e-6 * integral))
        if not rough.any() or intervals == _MOST_INTERVALS:
            return result
        s, rows, last, last_now = s.keep(rough), rows[rough], integral[rough], now[rough]
        low, high, top, mass, moment = (state[rough] for state in (low, high, top, mass, moment))
        points = ((np.arange(intervals) + 0.5) / intervals)[:, None]
        intervals *= 2


def _at_nodes(function: Callable[..., Values], s: _Spectrum, b: Values, special: Any) -> Values:
    """function(s, b, special), so many nodes at a time that temporaries stay small."""
    step = max(1, _CELLS // len(s.n))
    return np.concatenate([function(s, b[i : i + step], special) for i in range(0, len(b), step)])


def _sum_nodes(terms: Values) -> Values:
    """Sum of the nodes of each row, in the same order for one row as for many."""
    return np.asarray(np.ascontiguousarray(terms.T).sum(axis=1))


def _nsb_log_weight(s: _Spectrum, b: Values, special: Any) -> Values:
    """ln(b w(b)) up to a constant of the row; b has a node in each row and a row of the batch in each column.

    Stirling's formula, with its remainder, is put in for every gamma function: differences of gammaln would be noise.
    """
    bs, total = s.spread(b), s.k * b
    terms = _stirling(s.n + bs, special) - s.spread(_stirling(b, special)) - 0.5 * np.log1p(s.n / bs)
    of_total = _stirling(total + s.N, special) - _stirling(total, special) - 0.5 * np.log1p(s.N / total)
    return s.sum(terms) - of_total + _nsb_gap(s, b) + _nsb_log_prior(b, s.k, special)


def _nsb_gap(s: _Spectrum, b: Values) -> Values:
    """gap(b) - gap(0), gap(b) = sum y ln(y/m) - (y - m), Stirling's leading terms; m = N/k + b, y = n + b.

    Near 0 and for large b in two orders. Where the counts are far from uniform, gap(b) is about N for all b that matter
    and its differences would be noise: they are summed as n ln(1 + b/n) - m_0 ln(1 + b/m_0) + b ln(y/m), m_0 = N/k.
    For large b, which matters only where the counts are close to uniform, both gaps are small but those terms are not.
    """
    mean = s.N / s.k
    off = s.n - s.spread(mean)
    bs, ms = s.spread(b), s.spread(mean + b)
    y = s.n + bs
    z = off / ms
    log_ratio = np.where(z > -0.5, np.log1p(np.maximum(z, -0.5)), np.log(y / ms))
    positive = np.where(s.n > 0, s.n, 1.0)
    near = s.sum(s.n * np.log1p(bs / positive) - s.spread(mean * np.log1p(b / mean)) + bs * log_ratio)
    far = s.sum(y * log_ratio - off) - s.sum(s.n * np.log(positive / s.spread(mean)) - off)
    return np.where(b < s.sum(np.abs(off)) / s.k, near, far)


def _nsb_log_prior(b: Values, k: int, special: Any) -> Values:
    """ln(b d/db (psi(kb+1) - psi(b+1))); for large b from the series of psi', whose leading terms cancel."""
    inverse = 1 / np.maximum(b, SERIES_FROM)
    series = (1 - 1 / k) / 2 - inverse * polynomial(
        inverse * inverse, tuple(c * (1 - float(k) ** (-2 * j)) for j, c in enumerate(BERNOULLI, 1))
    )
    small = np.minimum(b, SERIES_FROM)
    slope = k * special.zeta(2, k * small + 1) - special.zeta(2, small + 1)  # zeta(2, x) is psi'(x)
    return np.where(b < SERIES_FROM, np.log(slope) + np.log(b), np.log(series) - np.log(b))


def _nsb_mean(s: _Spectrum, b: Values, special: Any) -> Values:
    """E[H | n, b] = psi(A+1) - sum y/A psi(y+1) = sum y/A (ln(A/y) + excess(A) - excess(y)), y = n + b, A = N + kb."""
    bs = s.spread(b)
    y = s.n + bs
    total = s.N + s.k * b
    rest = s.spread(s.N) - s.n + (s.k - 1) * bs
    excess = s.spread(_digamma_excess(total, special)) - _digamma_excess(y, special)
    return s.sum(y * (np.log1p(rest / y) + excess)) / total


def _stirling(x: Values, special: Any) -> Values:
    """ln Gamma(x) - ((x - 1/2) ln x - x + ln(2 pi)/2), for x > 0."""
    inverse = 1 / np.maximum(x, SERIES_FROM)
    value = inverse * polynomial(inverse * inverse, STIRLING)
    small = x < SERIES_FROM
    few = x[small]
    value[small] = special.gammaln(few) - (few - 0.5) * np.log(few) + few - 0.5 * math.log(2 * math.pi)
    return value


def _digamma_excess(x: Values, special: Any) -> Values:
    """psi(x+1) - ln x, for x > 0."""
    large = np.maximum(x, SERIES_FROM)
    value = 1 / large - digamma_series(large)
    small = x < SERIES_FROM
    few = x[small]
    value[small] = special.digamma(few + 1) - np.log(few)
    return value


# ---- the one entrance -----------------------------------------------------------------------------------------------


class _Estimator(NamedTuple):
    function: Callable[[_Spectrum], Values]
    sees_zeros: bool = False
    cells: int = _CELLS


_ESTIMATORS = {
    "plugin": _Estimator(_plugin),
    "miller-madow": _Estimator(_miller_madow),
    "shrinkage": _Estimator(_shrinkage, sees_zeros=True),
    "jeffreys": _Estimator(_jeffreys, sees_zeros=True),
    "laplace": _Estimator(_laplace, sees_zeros=True),
    "perks": _Estimator(_perks, sees_zeros=True),
    "minimax": _Estimator(_minimax, sees_zeros=True),
    "chao-shen": _Estimator(_chao_shen),
    "grassberger-1988": _Estimator(_grassberger_1988),
    "grassberger-2003": _Estimator(_grassberger_2003),
    "zhang": _Estimator(_zhang),
    "jackknife": _Estimator(_jackknife),
    "nsb": _Estimator(_nsb, sees_zeros=True, cells=_CELLS // _INTERVALS),
}

ESTIMATORS: tuple[str, ...] = tuple(_ESTIMATORS)


def check_estimator(function: str, estimator: Any) -> str:
    if not isinstance(estimator, str) or estimator not in _ESTIMATORS:
        raise ValueError(f"{function}: estimator must be one of {', '.join(ESTIMATORS)}; got {estimator!r}")
    return estimator


def entropy_of_counts(
    counts: NDArray[Any],
    estimator: str,
    bins: int | None = None,
    function: str = "entropy_of_counts",
    name: str = "counts",
) -> Values:
    """Estimate the entropy, in nats, of the distribution that each row of counts was drawn from.

    Parameters
    ----------
    counts : ndarray, shape (..., k)
        How often each of k bins was observed: integers, booleans, or floats that are whole numbers. Exact up to totals
        of 2**53; beyond, counts enter rounded to float64.
    estimator : str
        One of ESTIMATORS.
    bins : int, optional
        How many bins there are, if `counts` leave out empty ones; otherwise k.
    function, name : str
        The function and its argument that messages name.

    Returns
    -------
    ndarray of float64, shape (...,)
        nan for a row without observations.

    Raises
    ------
    TypeError
        If `counts` are not real numbers.
    ValueError
        If `counts` has no dimension or holds a negative or fractional number, nan or infinity; if `estimator` is not
        known.
    ImportError
        If `estimator` is "nsb" and SciPy is not installed.

    Notes
    -----
    What each estimator is and where it comes from stands at its function above. Its special values:

    ================  ============  =========================  ================================================
    estimator         empty bins    one occupied bin           one observation (N = 1)
    ================  ============  =========================  ================================================
    plugin            do not count  0                          0
    miller-madow      do not count  0                          0
    shrinkage         count         0; ln k for N = 1          ln k: shrunk all the way
    jeffreys          count         0 if k = 1, otherwise > 0  the general formula
    laplace           count         0 if k = 1, otherwise > 0  the general formula
    perks             count         0 if k = 1, otherwise > 0  the general formula
    minimax           count         0 if k = 1, otherwise > 0  the general formula, here equal to perks
    chao-shen         do not count  0                          0
    grassberger-1988  do not count  ln N - psi(N) -            gamma + 1/2
                                    (-1)^N/(N+1), may be < 0
    grassberger-2003  do not count  ln N - G(N), may be < 0    gamma + ln 2
    zhang             do not count  0                          0
    jackknife         do not count  0; nan for N = 1           nan: without it there is no observation
    nsb               count         0 if k = 1, otherwise > 0  the general formula
    ================  ============  =========================  ================================================

    The literature also has the alternating term of grassberger-1988 as (-1)^n / (n (n+1)); this is the form of the
    common implementations.
    """
    estimate, sees_zeros, cells = _ESTIMATORS[check_estimator(function, estimator)]
    counts = np.asarray(counts)
    if counts.dtype.kind not in "biuf":
        raise TypeError(f"{function}: {name} must hold whole numbers, got dtype {counts.dtype}")
    if counts.ndim == 0:
        raise ValueError(f"{function}: {name} must have at least one dimension, got the number {counts[()]}")
    *batch, k = counts.shape
    rows = counts.reshape(math.prod(batch), k)
    height = max(1, cells // max(k, 1))
    blocks = [slice(start, start + height) for start in range(0, len(rows), height)]
    for block in blocks:
        _check_counts(f"{function}: {name}", rows[block], block.start, tuple(batch))
    result = np.full(len(rows), np.nan)
    for block in blocks:
        numbers = rows[block].astype(np.float64)
        filled = numbers.any(axis=1)
        if filled.any():
            result[block][filled] = estimate(_spectrum(numbers[filled], sees_zeros, k if bins is None else bins))
    return result.reshape(batch)


def _check_counts(name: str, rows: NDArray[Any], start: int, batch: tuple[int, ...]) -> None:
    """Refuse what is not a count; `start` is the number of the first row in the flattened batch."""
    if rows.dtype.kind in "bu":
        return
    bad = rows < 0
    if rows.dtype.kind == "f":
        bad |= ~np.isfinite(rows) | (rows != np.floor(rows))
    if bad.any():
        i, j = (int(place) for place in np.argwhere(bad)[0])
        place = tuple(int(x) for x in np.unravel_index(start + i, batch))
        row = f"row {place[0] if len(place) == 1 else place}" if place else "row 0"
        raise ValueError(
            f"{name} must be whole numbers from 0 on, got {rows[i, j]} in {row}, bin {j}; "
            "pass how often each bin was observed, not probabilities or weights"
        )
