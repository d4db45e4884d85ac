"""Logits at the edges: flat rows of many classes, rows without a number, differences beyond the largest number."""

from __future__ import annotations

import os
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest

from fastent import logits
from fastent._logits import engine

INF = np.inf


@pytest.fixture(scope="module", autouse=True)
def _instructions(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64) - z.max())
    return e / e.sum()


@pytest.mark.parametrize("apart", [1e-3, 1.0])
@pytest.mark.parametrize("k", [1000, 50_257])
def test_derivatives_of_flat_rows_keep_their_digits_at_the_top(k: int, apart: float) -> None:
    rng = np.random.default_rng(k)
    p = (rng.standard_normal(k) * 0.1).astype(np.float32)
    q = p + (rng.standard_normal(k) * apart).astype(np.float32)
    want = softmax(q) - softmax(p)
    tops = [p.argmax(), q.argmax()]
    for gradient in (
        logits.kl_divergence(p, q, return_grad=True)[1],
        logits.cross_entropy(q, target_logits=p, return_grad=True)[1],
        logits.cross_entropy(q, softmax(p), return_grad=True)[1],
    ):
        assert gradient[tops] == pytest.approx(want[tops], rel=1e-4)
        assert abs(gradient.sum(dtype=np.float64)) < np.finfo(np.float32).eps  # of the shares, which add up to 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("others", [[3e38, 0, 1, 2], [0, 1, 2, 3]])
def test_rows_with_infinity_have_no_number(dtype: str, others: list[float]) -> None:
    z = np.array([[INF, *others], [1, 2, 3, 4, 5]], dtype)
    found = [
        logits.softmax(z),
        logits.log_softmax(z),
        *logits.cross_entropy(z, [2, 0], return_grad=True, return_hess=True),
    ]
    for values in found:
        assert np.isnan(values[0]).all()
        assert np.isfinite(values[1]).all()


@pytest.mark.parametrize("side", ["p", "q"])
def test_derivatives_of_pairs_with_one_invalid_row(side: str) -> None:
    z, nothing = np.array([[0.0, 1, 2]]), np.full((1, 3), -INF)
    for pair in ((z, nothing), (nothing, z), (z, z * np.nan)):
        for divergence in (logits.js_divergence, logits.kl_divergence):
            value, gradient = divergence(*pair, return_grad=side)
            assert np.isnan(value).all()
            assert np.isnan(gradient).all()


@pytest.mark.parametrize(("dtype", "large"), [("float32", 3e38), ("float64", 1.7e308)])
def test_temperatures_above_one_bring_differences_back_into_range(dtype: str, large: float) -> None:
    z = np.array([large, -large, 0, 1], dtype)
    want = -2 * (float(z[0]) / 1000)
    assert logits.log_softmax(z, temperature=1000)[1] == pytest.approx(want, rel=1e-6)
    assert logits.log_prob_of(z, 1, temperature=1000) == pytest.approx(want, rel=1e-6)
    assert logits.cross_entropy(z, 1, temperature=1000) == pytest.approx(-want, rel=1e-6)
    assert logits.top_k_log_prob(z, 4, temperature=1000)[0][3] == pytest.approx(want, rel=1e-6)
    assert logits.cross_entropy(z, [0.25, 0.25, 0.5, 0], temperature=1000) == pytest.approx(-want / 2, rel=1e-6)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2), ("float64", 4)])
@pytest.mark.parametrize("k", [17, 64, 300, 5000])
def test_entropy_of_many_equal_terms(dtype: str, bound: float, k: int) -> None:
    """They round alike, and so would their sum with each of them."""
    for top in (3.3, 7.77, 10.006347003860967, 14.1):
        z = np.zeros(k, dtype)
        z[0] = top
        with mpmath.workdps(40):
            gap = mpmath.mpf(float(z[0]))
            rest = (k - 1) * mpmath.exp(-gap)
            want = mpmath.log1p(rest) + rest * gap / (1 + rest)
        assert abs(float(logits.entropy(z)) - want) <= bound * float(np.spacing(np.asarray(float(want), dtype)))
