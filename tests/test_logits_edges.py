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


def label_losses(z: np.ndarray, labels: np.ndarray, temperature: float) -> np.ndarray:
    """In long doubles."""
    x = z.astype(np.longdouble) / np.longdouble(temperature)
    each, tops = np.arange(len(z)), x.argmax(axis=1)
    shares = np.exp(x - x[each, tops][:, None])
    shares[each, tops] = 0
    return (x[each, tops] - x[each, labels]) + np.log1p(np.sort(shares, axis=1).sum(axis=1))


def ordinary(rows: int, classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    z = (3 * rng.standard_normal((rows, classes)) * temperature).astype(np.float32)
    labels = rng.integers(0, classes, rows)
    labels[:2] = 0, classes - 1
    return z, labels


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("classes", [4, 7, 100, 257, 1000, 9000])
def test_label_losses_at_the_ends_of_what_floats_hold(classes: int, temperature: float) -> None:
    """Where exponentials leave the range of floats, and where the bits of a number could hide that."""
    ends = [
        86.0, 87.67, 87.69, 87.9, 88.0, 88.03, 88.25, 88.5, 89.0, 120.0, 1e3, 2_907_182.0, 2_907_270.0, 5_814_539.0,
        7_268_174.0, 8_721_897.0, 1e9, 3e38,
    ]  # fmt: skip
    z, labels = ordinary(4 * len(ends), classes, temperature)
    for row, end in enumerate(np.repeat(np.array(ends) * temperature, 4).astype(np.float32)):
        sign, place = (-1) ** row, (labels[row] + 1 + row % 3) % classes
        z[row, place if row % 4 < 2 else labels[row]] = sign * end
    want = label_losses(z, labels, temperature)
    assert logits.cross_entropy(z, labels, temperature=temperature) == pytest.approx(want.astype(float), rel=3e-7)


@pytest.mark.parametrize("low", [-INF, -3e38, -1e9, -5e6, -88.0])
@pytest.mark.parametrize("classes", [5, 100, 300, 9000])
def test_masked_classes_are_no_terms_of_label_losses(classes: int, low: float) -> None:
    z, labels = ordinary(40, classes, 1.0)
    masked = np.random.default_rng(1).random(z.shape) < 0.3
    masked[:8] = False
    masked[np.arange(len(z)), labels] = False
    want, gradient = logits.cross_entropy(np.where(masked, np.float32(-80), z), labels, return_grad=True)
    loss, found = logits.cross_entropy(np.where(masked, np.float32(low), z), labels, return_grad=True)
    assert loss == pytest.approx(want, rel=3e-7)
    assert np.allclose(found, gradient, rtol=1e-6, atol=1e-30)
    assert np.abs(found[masked]).max() < 1e-30


@pytest.mark.parametrize("classes", [5, 100, 300, 9000])
def test_label_losses_depend_on_nothing_but_the_row(classes: int) -> None:
    z, labels = ordinary(70, classes, 1.0)
    z[3, labels[3] - 1], z[11, labels[11] - 1], z[20, labels[20] - 1], z[33, labels[33] - 1] = -INF, np.nan, 200, -2e9
    z[40:50, labels[40:50].max() - 1] = -INF
    alone = [logits.cross_entropy(row[None], [label], return_grad=True) for row, label in zip(z, labels, strict=True)]
    for workers in (1, 2):
        loss, gradient = logits.cross_entropy(z, labels, return_grad=True, workers=workers)
        assert np.array_equal(loss, np.concatenate([one[0] for one in alone]), equal_nan=True)
        assert np.array_equal(gradient, np.concatenate([one[1] for one in alone]), equal_nan=True)
        assert np.array_equal(loss, logits.cross_entropy(z, labels, workers=workers), equal_nan=True)


@pytest.mark.parametrize("low", [0.0, -1e9, -INF])
@pytest.mark.parametrize("classes", [10, 300, 9000])
def test_derivatives_of_confidently_wrong_rows(classes: int, low: float) -> None:
    z, labels = ordinary(20, classes, 1.0)
    tops, masked, each = (labels + 1) % classes, (labels + 2) % classes, np.arange(len(z))
    z[each, tops] = np.linspace(15, 80, len(z))
    z[each, masked] = low
    shares = np.exp(z.astype(np.longdouble) - z[each, tops][:, None])
    others = np.where(np.arange(classes) == tops[:, None], 0, shares).sum(axis=1)
    shares /= (1 + others)[:, None]
    _, gradient, curvature = logits.cross_entropy(z, labels, return_grad=True, return_hess=True)
    want = shares.copy()
    want[each, labels] -= 1
    assert np.allclose(gradient, want.astype(float), rtol=1e-6, atol=1e-38)
    assert curvature[each, tops] == pytest.approx((others / (1 + others) ** 2).astype(float), rel=1e-6, abs=1e-38)


@pytest.mark.parametrize("classes", [100, 256, 2048, 4096, 50_257])
def test_label_losses_of_many_equal_terms(classes: int) -> None:
    """Sums of floats lose the same with each of them."""
    for term in (-13.5, -12.8125, -7.9375, -1.75, 0.38):
        for label in (8.0, 20 + np.log(classes)):
            z = np.full((1, classes), term, np.float32)
            z[0, 0] = label
            want = label_losses(z, np.array([0]), 1.0)
            found = logits.cross_entropy(z, [0])
            assert abs(found - want) < 2 * np.spacing(want.astype(np.float32)), (term, label)
