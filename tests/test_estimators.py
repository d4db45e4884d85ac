"""Entropy estimators of counts: against their published definitions, and promises about batches and refusals.

The definitions are written for one row, the way the papers print them, in 60 digits, with nothing from the package.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import MPContext

from fastent import discrete
from fastent._estimators import ESTIMATORS, entropy_of_counts

mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 60
LOCK = threading.Lock()  # functions of a context change its precision while they work

SAMPLE = [4, 12, 4, 5, 3, 1, 5, 1, 2, 2, 2, 2, 11, 3, 4, 12, 12, 1, 2]
REFERENCE = {
    "plugin": 2.6354442646084584,
    "miller-madow": 2.7377169918811854,
    "shrinkage": 2.786418330532964,
    "jeffreys": 2.69363025642648,
    "laplace": 2.73616519560168,
    "perks": 2.64254705218991,
    "minimax": 2.69301191027416,
    "chao-shen": 2.761664047585218,
    "grassberger-1988": 2.717202487200202,
    "grassberger-2003": 2.7338534051843393,
    "zhang": 2.7446829850611283,
    "jackknife": 2.7658774509216073,
}
Row = list[int]
CLOSED = [name for name in ESTIMATORS if name != "nsb"]
SEES_ZEROS = {"shrinkage", "jeffreys", "laplace", "perks", "minimax", "nsb"}

# ---- the definitions ------------------------------------------------------------------------------------------------


def shannon(p: list[Any]) -> Any:
    return -mp.fsum(x * mp.ln(x) for x in p if x)


def frequencies(row: Row) -> list[Any]:
    return [mp.mpf(n) / sum(row) for n in row]


def occupied(row: Row) -> list[tuple[int, Any]]:
    return [(n, p) for n, p in zip(row, frequencies(row), strict=True) if n]


def plugin(row: Row) -> Any:
    return shannon(frequencies(row))


def miller_madow(row: Row) -> Any:
    return plugin(row) + mp.mpf(len(occupied(row)) - 1) / (2 * sum(row))


def shrinkage(row: Row) -> Any:
    p, target = frequencies(row), mp.mpf(1) / len(row)
    misfit = (sum(row) - 1) * mp.fsum((target - x) ** 2 for x in p)
    weight = min(mp.mpf(1), (1 - mp.fsum(x * x for x in p)) / misfit) if misfit else mp.mpf(1)
    return shannon([weight * target + (1 - weight) * x for x in p])


def dirichlet(pseudo: Callable[[int, int], Any]) -> Callable[[Row], Any]:
    def posterior(row: Row) -> Any:
        a = pseudo(sum(row), len(row))
        return shannon([(n + a) / (sum(row) + len(row) * a) for n in row])

    return posterior


def chao_shen(row: Row) -> Any:
    N, alone = sum(row), row.count(1)
    coverage = 1 - mp.mpf(N - 1 if alone == N else alone) / N
    return -mp.fsum(p * mp.ln(p) / (1 - (1 - p) ** N) for p in (coverage * p for _, p in occupied(row)))


def grassberger_1988(row: Row) -> Any:
    return mp.fsum(p * (mp.ln(sum(row)) - mp.psi(0, n) - mp.mpf(-1) ** n / (n + 1)) for n, p in occupied(row))


def grassberger_2003(row: Row) -> Any:
    def g(n: Any) -> Any:
        return mp.psi(0, n) + mp.mpf(-1) ** n / 2 * (mp.psi(0, (mp.mpf(n) + 1) / 2) - mp.psi(0, mp.mpf(n) / 2))

    return mp.ln(sum(row)) - mp.fsum(p * g(n) for n, p in occupied(row))


def zhang(row: Row) -> Any:
    """The sums and products of the paper, exactly; for the totals where they take too long, their closed form."""
    N = sum(row)
    if N > 2000:
        return mp.psi(0, N) - mp.fsum(p * mp.psi(0, n) for n, p in occupied(row))
    value = Fraction(0)
    for n in filter(None, row):
        product = Fraction(1)
        for v in range(1, N - n + 1):
            product *= 1 - Fraction(n - 1, N - v)
            value += Fraction(n, N) / v * product
    return mp.mpf(value.numerator) / value.denominator


def jackknife(row: Row) -> Any:
    N = sum(row)
    if N == 1:
        return mp.nan
    without = mp.fsum(n * plugin([*row[:i], n - 1, *row[i + 1 :]]) for i, n in enumerate(row) if n)
    return N * plugin(row) - mp.mpf(N - 1) / N * without


def nsb(row: Row) -> Any:
    """Both integrals over ln b at once, as real and imaginary part, by Gauss-Legendre quadrature."""
    N, k, bins = sum(row), len(row), Counter(row)

    def integrand(t: Any) -> Any:
        b = mp.exp(t)
        prior = b * (k * mp.psi(1, k * b + 1) - mp.psi(1, b + 1))
        likelihood = mp.loggamma(k * b) - mp.loggamma(N + k * b)
        likelihood += mp.fsum(m * (mp.loggamma(n + b) - mp.loggamma(b)) for n, m in bins.items())
        total = N + k * b
        mean = mp.psi(0, total + 1) - mp.fsum(m * (n + b) / total * mp.psi(0, n + b + 1) for n, m in bins.items())
        return prior * mp.exp(likelihood + N * mp.ln(k)) * mp.mpc(1, mean)

    pieces = [-45, -20, -12, -8, -5, -2, 0, 2, 5, 8, 12, 20, 45]
    both = mp.quad(integrand, pieces, method="gauss-legendre", maxdegree=4)
    return both.imag / both.real


DEFINITIONS: dict[str, Callable[[Row], Any]] = {
    "plugin": plugin,
    "miller-madow": miller_madow,
    "shrinkage": shrinkage,
    "jeffreys": dirichlet(lambda N, k: mp.mpf(1) / 2),
    "laplace": dirichlet(lambda N, k: mp.mpf(1)),
    "perks": dirichlet(lambda N, k: mp.mpf(1) / k),
    "minimax": dirichlet(lambda N, k: mp.sqrt(N) / k),
    "chao-shen": chao_shen,
    "grassberger-1988": grassberger_1988,
    "grassberger-2003": grassberger_2003,
    "zhang": zhang,
    "jackknife": jackknife,
    "nsb": nsb,
}


def define(name: str, row: Row) -> Any:
    with LOCK:
        return DEFINITIONS[name](row)


def check(row: Row, name: str, tolerance: float) -> None:
    exact, value = define(name, row), float(entropy_of_counts(np.array(row), name))
    if mp.isnan(exact):
        assert math.isnan(value), (name, row)
    else:  # the Grassberger estimators change sign, and the definitions of zero are zero only to 60 digits
        size = max(abs(exact), 0.1 if name.startswith("grassberger") else 1e-40)
        assert abs(value - exact) <= tolerance * size, (name, row, value, exact)


# ---- values ---------------------------------------------------------------------------------------------------------


def test_estimators_are_those_with_a_definition() -> None:
    assert tuple(DEFINITIONS) == ESTIMATORS


@pytest.mark.parametrize("name", CLOSED)
def test_reference_values(name: str) -> None:
    assert math.isclose(entropy_of_counts(np.array(SAMPLE), name), REFERENCE[name], rel_tol=1e-12)
    assert math.isclose(define(name, SAMPLE), REFERENCE[name], rel_tol=1e-12)


@pytest.mark.parametrize("name", CLOSED)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any))
def test_definitions(name: str, row: Row) -> None:
    check(row, name, 2e-14)


EDGES = [[1], [1, 0, 0], [2, 0], [7], [1] * 9, [1, 1, 0], [5] * 8, [2, 2, 2, 0], [15, 16, 17, 31, 32, 33], [1999, 1]]
LARGE = [[10**9, 1], [10**9, 0, 3, 10**9 - 1], [10**9] * 4, [10**9, 999_999_937, 1, 2, 0], [2**52, 5, 1]]


@pytest.mark.parametrize("row", EDGES + LARGE, ids=str)
@pytest.mark.parametrize("name", CLOSED)
def test_definitions_at_the_edges(name: str, row: Row) -> None:
    """Also where one bin holds nearly everything and the entropy is tiny."""
    check(row, name, 2e-14)


@pytest.mark.parametrize(
    "row",
    [SAMPLE, SAMPLE + [0] * 80, [1, 0, 0], [3, 0, 0, 0], [5] * 10, [1] * 6 + [0] * 6, [10**6, 0], [900, 100, 1, 0]],
    ids=lambda row: f"{len(row)} bins, N={sum(row)}",
)
def test_nsb(row: Row) -> None:
    check(row, "nsb", 1e-12)


def test_nsb_where_it_is_known() -> None:
    """One observation says nothing, by symmetry: the mean of H under the prior, which is flat in the mean of H."""
    for k in (2, 3, 10**3, 10**6):
        assert math.isclose(entropy_of_counts(np.arange(k) == k // 2, "nsb"), math.log(k) / 2, rel_tol=1e-13)
    assert entropy_of_counts(np.array([17]), "nsb") == 0


def test_nsb_of_large_counts_tends_to_the_plugin(rng: np.random.Generator) -> None:
    for row in (np.array([10**9, 10**9, 10**9]), rng.multinomial(10**9, rng.dirichlet(np.ones(20)))):
        assert math.isclose(entropy_of_counts(row, "nsb"), entropy_of_counts(row, "plugin"), rel_tol=1e-7)
    assert math.isclose(entropy_of_counts(np.array([10**9, 1, 0, 0]), "nsb"), 2.318078886391747e-08, rel_tol=1e-13)


# ---- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_batch_equals_its_rows(name: str, rng: np.random.Generator) -> None:
    counts = rng.poisson(rng.choice([0.2, 3, 40], (3, 5, 1)), (3, 5, 6))
    counts[1, 2] = 0
    counts[0, 1] = [0, 0, 10**9, 0, 2, 0]
    rows = [entropy_of_counts(row, name) for row in counts.reshape(-1, 6)]
    assert all(row.shape == () and row.dtype == np.float64 for row in rows)
    layouts = (counts, np.asfortranarray(counts), counts.astype(np.float64), np.repeat(counts, 2, axis=1)[:, ::2])
    for same in layouts:
        assert np.array_equal(entropy_of_counts(same, name), np.reshape(rows, (3, 5)), equal_nan=True)
    assert np.array_equal(entropy_of_counts(rng.permuted(counts, axis=2), name), np.reshape(rows, (3, 5)), True)
    assert np.isnan(rows[7])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_blocks_of_rows(name: str, rng: np.random.Generator) -> None:
    k = 3000 if name == "nsb" else 100_000
    counts = rng.poisson(0.3, (4, k))
    counts[:, 0] = [0, 100, 200, 0]
    counts[3] = 0
    expected = [entropy_of_counts(row, name) for row in counts]
    assert np.array_equal(entropy_of_counts(counts, name), expected, equal_nan=True)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_dtypes_shapes_and_empty_rows(name: str) -> None:
    row = [3, 0, 1, 1]
    expected = entropy_of_counts(np.array(row), name)
    for dtype in (np.uint8, np.int16, np.uint64, np.float32, ">i4"):
        assert entropy_of_counts(np.array(row, dtype), name) == expected
    assert np.isfinite(entropy_of_counts(np.array([True, False, True]), name))
    for shape in ((0,), (4,), (2, 0), (0, 4), (3, 0, 2), (2, 3)):
        assert entropy_of_counts(np.zeros(shape, int), name).shape == shape[:-1]
        assert np.isnan(entropy_of_counts(np.zeros(shape), name)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_empty_bins(name: str) -> None:
    more, fewer = (entropy_of_counts(np.array(row), name) for row in ([*SAMPLE, 0, 0], SAMPLE))
    assert more > fewer if name in SEES_ZEROS else more == fewer


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (np.array([[1, 2], [3, -4]]), ("-4", "row 1,", "bin 1")),
        (np.array([[[1, 2], [3, 4]], [[5, 6], [0.5, -1]]]), ("0.5", "row (1, 1)", "bin 0", "not probabilities")),
        (np.array([2, np.nan]), ("nan", "row 0", "bin 1")),
        (np.array([[np.inf, 1]]), ("inf", "row 0", "bin 0")),
        (np.vstack([np.zeros((300_000, 1)), [[-1.0]]]), ("-1.0", "row 300000,")),
    ],
)
def test_what_is_not_a_count(counts: Any, says: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^entropy_of_counts: counts must be whole numbers from 0 on") as error:
        entropy_of_counts(counts, "plugin")
    assert all(words in str(error.value) for words in says)


def test_other_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"estimator must be one of plugin, .*, nsb; got 'ml'"):
        entropy_of_counts(np.array(SAMPLE), "ml")
    with pytest.raises(TypeError, match="whole numbers, got dtype complex128"):
        entropy_of_counts(np.array([1j]), "plugin")
    with pytest.raises(ValueError, match="at least one dimension, got the number 3"):
        entropy_of_counts(np.array(3), "plugin")
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match=r"pip install 'fastent\[scipy\]'"):
        entropy_of_counts(np.array(SAMPLE), "nsb")
    assert np.isfinite(entropy_of_counts(np.array(SAMPLE), "zhang"))


def test_rows_of_counts_along_any_axis() -> None:
    counts = np.random.default_rng(1).integers(0, 6, (2, 3, 4))
    for estimator in ESTIMATORS:
        want = entropy_of_counts(counts, estimator)
        np.testing.assert_array_equal(discrete.entropy_of_counts(counts, estimator=estimator), want)
        along = discrete.entropy_of_counts(np.moveaxis(counts, -1, 0), estimator=estimator, axis=0, base=2)
        np.testing.assert_allclose(along, want / np.log(2), rtol=1e-15)
    assert discrete.entropy_of_counts(counts, axis=None) == entropy_of_counts(counts.reshape(-1), "plugin")
    assert np.isnan(discrete.entropy_of_counts(np.zeros((2, 0)))).all()
    assert discrete.entropy_of_counts(np.zeros((0, 3))).shape == (0,)
    assert discrete.entropy_of_counts([2, 1], estimator="laplace", bins=9) > discrete.entropy_of_counts([2, 1])


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        ([0.5, 1], {}, ValueError, "entropy_of_counts: counts must be whole numbers"),
        (["a"], {}, TypeError, "entropy_of_counts: counts must hold real numbers"),
        (np.ma.array([1, 2], mask=[0, 1]), {}, TypeError, "entropy_of_counts: counts must not be a masked array"),
        ([1, 2], {"estimator": "best"}, ValueError, "entropy_of_counts: estimator must be one of plugin"),
        ([1, 2], {"axis": 1}, np.exceptions.AxisError, "entropy_of_counts: axis 1 is out of range"),
    ],
)
def test_refused_counts(counts: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        discrete.entropy_of_counts(counts, **options)
