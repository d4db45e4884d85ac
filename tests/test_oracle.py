"""The oracle itself, against SciPy, closed forms and identities: it shares no code with either."""

from __future__ import annotations

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from mpmath import mp, mpf
from oracle import BINARY, CASES, INF, MEASURES, ROWS, Case, exact, has_negative_zero, relative_error, to_float, ulps
from scipy import special, stats
from scipy.spatial import distance

M = MEASURES


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.dirichlet(np.ones(30), size=6), rng.dirichlet(np.ones(30), size=6)


def close(got: object, want: object) -> None:
    np.testing.assert_allclose(np.asarray(to_float(got)), want, rtol=1e-13)


def test_against_scipy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    close(exact(M["entropy"], p), stats.entropy(p, axis=-1))
    close(exact(M["entropy"], p, base=2), stats.entropy(p, base=2, axis=-1))
    close(exact(M["entropy"], p, axis=0), stats.entropy(p, axis=0))
    close(exact(M["entropy"], p, axis=None), stats.entropy(p, axis=None))
    close(exact(M["entropy"], p, normalize=False), special.entr(p).sum(-1))
    close(exact(M["kl_divergence"], p, q), stats.entropy(p, q, axis=-1))
    close(exact(M["kl_divergence"], p, 3 * q, normalize=False), special.rel_entr(p, 3 * q).sum(-1))
    close(exact(M["js_distance"], p, q), distance.jensenshannon(p, q, axis=-1))
    close(exact(M["js_distance"], p, q, base=2), distance.jensenshannon(p, q, axis=-1, base=2))
    close(exact(M["total_variation"], p, q), [distance.cityblock(a, b) / 2 for a, b in zip(p, q, strict=True)])
    close(exact(M["hellinger_distance"], p, q), np.sqrt(1 - np.sqrt(p * q).sum(-1)))
    close(exact(M["renyi_entropy"], p, order=3), np.log((p**3).sum(-1)) / -2)
    close(exact(M["renyi_divergence"], p, q, order=0.5), -2 * np.log(np.sqrt(p * q).sum(-1)))


def test_elementwise_against_scipy(rng: np.random.Generator) -> None:
    y, p = rng.random((2, 4, 5))
    close(exact(M["information_content"], p), -np.log(p))
    close(exact(M["information_content"], p, base=2), -np.log2(p))
    close(exact(M["binary_entropy"], p), special.entr(p) + special.entr(1 - p))
    close(exact(M["binary_cross_entropy"], y, p), -special.xlogy(y, p) - special.xlog1py(1 - y, -p))


@pytest.mark.parametrize("k", [1, 2, 3, 17, 70_000])
def test_uniform_rows(k: int) -> None:
    row = np.full(k, 0.3)
    for name in ("entropy", "renyi_entropy"):
        for params in M[name].params:
            assert ulps(float(exact(M[name], row, **params)), mp.ln(k)) <= 1
    assert float(exact(M["normalized_entropy"], row)) == (k > 1)
    assert float(exact(M["perplexity"], row)) == k
    assert float(exact(M["gini_impurity"], row)) == float(1 - Fraction(1, k))
    assert float(exact(M["tsallis_entropy"], row, order=2)) == float(1 - Fraction(1, k))
    for case in ROWS:
        want = case.largest(k) if case.arity == 1 else 0.0 if case.measure.zero_on_equal else math.log(k)
        assert float(case.exact(*[row] * case.arity)) == pytest.approx(want, rel=1e-14)


def test_exact_counts() -> None:
    """Counts are integers, also where float64 cannot hold them."""
    row, other = [2**62 + 1, 2**62 + 3, 5], [2**62 + 3, 2**62 + 1, 5]
    total = sum(row)
    with mp.workprec(300):
        want = mp.fsum(mpf(v) / total * mp.ln(mpf(total) / v) for v in row)
        divergence = mp.fsum(mpf(v) / total * mp.ln(mpf(v) / w) for v, w in zip(row, other, strict=True))
    assert relative_error(float(want), exact(M["entropy"], np.array(row))) < 2**-52
    got = exact(M["kl_divergence"], np.array(row), np.array(other, dtype=np.uint64))
    assert 0 < divergence < 1e-36
    assert relative_error(float(divergence), got) < 2**-52
    squares = 1 - sum(Fraction(v, total) ** 2 for v in row)
    assert float(exact(M["gini_impurity"], row)) == float(squares)


def test_nothing_is_lost_to_cancellation() -> None:
    for tiny in (1e-3, 1e-20, 1e-300, 5e-324):
        with mp.workprec(300):
            r = mpf(tiny)
            r = r / (1 + r)  # the small probability
            want = -r * mp.ln(r) - (1 - r) * mp.log1p(-r)
        assert ulps(float(exact(M["entropy"], [1, tiny])), want) <= 1
    assert float(exact(M["kl_divergence"], [1.0, 0.0], [1.0, 5e-324])) == 5e-324
    for delta in (2.0**-10, 2.0**-27, 2.0**-52):  # KL of [1/2 + d, 1/2 - d] from uniform is 2 d^2 + 4 d^4 / 3 + ...
        d = mpf(delta) / 2
        got = exact(M["kl_divergence"], [1 + delta, 1 - delta], [1, 1])
        assert relative_error(float(2 * d**2 + 4 * d**4 / 3), got) < 1e-10
    assert exact(M["kl_divergence"], [1, 3], [2, 6]) == 0
    assert exact(M["renyi_divergence"], [1, 3], [2, 6], order=7.25) == 0


def test_identities(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    m = (p / p.sum(-1, keepdims=True) + q / q.sum(-1, keepdims=True)) / 2
    kl, js, h, cross = M["kl_divergence"], M["js_divergence"], M["entropy"], M["cross_entropy"]
    close(exact(cross, p, q), to_float(exact(h, p) + exact(kl, p, q)))
    close(exact(M["jeffreys_divergence"], p, q), to_float(exact(kl, p, q) + exact(kl, q, p)))
    close(exact(js, p, q), to_float((exact(kl, p, m) + exact(kl, q, m)) / 2))
    close(exact(js, p, q), to_float(exact(M["js_distance"], p, q) ** 2))
    close(exact(js, p, q, weights=(0.25, 0.75)), to_float(exact(js, q, p, weights=(0.75, 0.25))))
    close(exact(M["normalized_entropy"], p), to_float(exact(h, p) / mp.ln(30)))
    close(exact(M["perplexity"], p), np.exp(to_float(exact(h, p))))
    close(exact(M["tsallis_entropy"], p, order=2), to_float(exact(M["gini_impurity"], p)))
    for near in (1 - 1e-6, 1 + 1e-6):
        assert abs(exact(M["renyi_entropy"], p[0], order=near) - exact(h, p[0])) < 1e-5
        assert abs(exact(M["tsallis_entropy"], p[0], order=near) - exact(h, p[0])) < 1e-5
        assert abs(exact(M["renyi_divergence"], p[0], q[0], order=near) - exact(kl, p[0], q[0])) < 1e-5
    assert abs(exact(M["renyi_divergence"], p[0], q[0], order=500) / exact(
        M["renyi_divergence"], p[0], q[0], order=math.inf) - 1) < 0.02  # fmt: skip


def test_special_values() -> None:
    for case in ROWS:
        for bad in ([1, math.nan], [1, -1], [1, math.inf], [0, 0], []):
            assert mp.isnan(case.exact(*[np.array(bad, dtype=float)] * case.arity)), (case, bad)
        if case.arity == 1 and case.measure.zero_on_one_hot:
            assert case.exact([0, 3, 0]) == 0
        if case.measure.zero_on_equal:
            assert case.exact([0.1, 0.2, 0], [0.1, 0.2, 0]) == 0
    for case in BINARY:
        assert (case.exact([1, 1], [1, 0]) == INF) == case.support
        assert (case.exact([1, 0], [0, 1]) == INF) == (case.support or case.measure.name == "renyi_divergence")
    js, tv = M["js_divergence"], M["total_variation"]
    assert ulps(math.log(2), exact(js, [1, 0], [0, 1])) < 1
    assert exact(tv, [1, 0], [0, 3]) == exact(M["hellinger_distance"], [1, 0], [0, 3]) == 1
    assert exact(M["jeffreys_divergence"], [1, 0], [1, 1]) == INF
    assert exact(M["information_content"], 0) == INF
    assert exact(M["information_content"], 1) == exact(M["binary_entropy"], 1) == exact(M["binary_entropy"], 0) == 0
    assert mp.isnan(exact(M["binary_entropy"], 1.5)) and mp.isnan(exact(M["information_content"], -1.0))
    assert exact(M["binary_cross_entropy"], 0.5, 0) == exact(M["binary_cross_entropy"], 0, 1) == INF


def test_axes_where_and_broadcasting(rng: np.random.Generator) -> None:
    a = rng.random((2, 3, 4))
    h = M["entropy"]
    assert exact(h, a, axis=(0, 2)).shape == (3,)
    assert exact(h, a, axis=(0, 2))[1] == exact(h, a[:, 1].ravel())
    assert exact(h, a, axis=1, keepdims=True).shape == (2, 1, 4)
    assert exact(h, a, axis=None) == exact(h, a.ravel())
    mask = np.array([True, False, True, True])
    assert exact(h, a, where=mask)[1, 2] == exact(h, a[1, 2][mask])
    assert exact(M["normalized_entropy"], a, where=mask)[0, 0] == exact(M["normalized_entropy"], a[0, 0][mask])
    kl = M["kl_divergence"]
    assert exact(kl, a[0][:, None], a[1][None])[2, 1] == exact(kl, a[0, 2], a[1, 1])
    assert exact(h, np.zeros((0, 3))).shape == (0,)
    assert np.frompyfunc(mp.isnan, 1, 1)(exact(h, np.zeros((3, 0)))).all()


@pytest.mark.parametrize("dtype", ["f4", "f2", ml_dtypes.bfloat16, "u8", "i1", "?", ">f8", ">i4"])
def test_every_dtype_enters_exactly(dtype: object) -> None:
    a = np.array([0, 1, 1, 0, 1]).astype(dtype)
    assert ulps(math.log(3), exact(M["entropy"], a)) <= 1
    a = np.array([0.1, 0.7]).astype(dtype)
    if np.dtype(dtype).kind in "fV":
        assert exact(M["entropy"], a) == exact(M["entropy"], a.astype(np.float64))


def test_ulps() -> None:
    one = mpf(1)
    assert ulps(1.0, one) == 0
    assert ulps(np.nextafter(1.0, 2), one) == 1
    assert ulps(np.nextafter(1.0, 0), one) == 0.5
    assert ulps(np.float32(1) + np.finfo(np.float32).eps, one) == 1
    assert ulps(1 + 2.0**-23, one, np.float32) == 1
    with mp.workprec(100):
        assert ulps(1.0, one + mpf(2) ** -54) == 0.25
    assert ulps(5e-324, mpf(0)) == 1
    assert ulps(np.inf, INF) == ulps(np.nan, mpf("nan")) == 0
    assert np.isinf(ulps(np.array([np.inf, np.nan, 1, -np.inf]), np.array([one, one, INF, INF]))).all()
    assert relative_error(1.5, one) == 0.5 and relative_error(0.0, mpf(0)) == 0 and relative_error(1.0, mpf(0)) == INF
    assert has_negative_zero([1.0, -0.0]) and not has_negative_zero([0.0, -1.0])


def test_the_table_is_complete() -> None:
    import fastent

    named = {name for name in M if callable(getattr(fastent, name, None))}
    assert named == set(M)
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.measure.kind for case in CASES} == {"unary", "binary", "elementwise"}
    assert all(isinstance(case, Case) and case.largest(5) >= 0 for case in CASES)
