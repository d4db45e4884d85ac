"""Samples so long that workers share one: against NumPy and SciPy, and bit by bit against one worker."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats
from scipy.special import digamma

from fastent._continuous import engine
from fastent.continuous import differential_entropy

inf, nan = np.inf, np.nan


@pytest.fixture(scope="module", autouse=True)
def _kernels(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


LONG = 300_001  # workers share such a sample
OPTIONS = [
    {"method": "vasicek"},
    {"method": "ebrahimi", "window_length": 70_000},  # ends that are longer than the parts of a sum
    {"method": "van es"},
    {"method": "correa", "window_length": 2},
    {"method": "nearest neighbors", "k": 2},
    {"method": "nearest neighbors", "k": 40},
    {"method": "histogram"},
]


def reference(x, method, window_length=None, k=None):
    if method == "histogram":
        counts, edges = np.histogram(x, "fd")
        share = counts[counts > 0] / x.size
        return -np.sum(share * np.log(share / np.diff(edges)[counts > 0]))
    if k is None:
        return scipy.stats.differential_entropy(x, method=method, window_length=window_length)
    x = np.sort(x)
    padded = np.concatenate([np.full(k, -inf), x, np.full(k, inf)])
    nearest = np.full(x.size, inf)
    for first in range(k + 1):  # of the windows of k + 1 numbers around each
        below, above = x - padded[first : first + x.size], padded[first + k : first + k + x.size] - x
        nearest = np.minimum(nearest, np.maximum(below, above))
    return np.mean(np.log(nearest)) + np.log(2) + digamma(x.size) - digamma(k)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_samples_that_workers_share(rng, options):
    """Sorted in runs and added up in parts: the same bits as by one worker, in any layout, beside other samples."""
    x = rng.standard_normal((LONG, 4))
    x[:, 1] = np.round(x[:, 1], 3) + np.arange(LONG) * 1e-9  # clusters, already nearly in order
    alone = [differential_entropy(x[:, i].copy(), workers=1, **options) for i in (0, 1)]
    np.testing.assert_allclose(alone, [reference(x[:, i], **options) for i in (0, 1)], rtol=1e-12)
    for workers in (2, 3, 5):
        for i in (0, 1):
            assert differential_entropy(x[::-1, i], workers=workers, **options) == alone[i]
    assert differential_entropy(x, axis=0, workers=2, **options)[:2].tolist() == alone
    narrow = x[:, 0].astype(np.float32)
    assert differential_entropy(narrow, workers=3, **options) == np.float32(
        differential_entropy(narrow.astype(np.float64), workers=1, **options)
    )


@pytest.mark.parametrize("method", ["vasicek", "van es", "ebrahimi", "nearest neighbors"])
def test_special_samples_that_workers_share(rng, method):
    x = rng.standard_normal(LONG)
    with_nan, with_infinity, both = x.copy(), x.copy(), np.ones(LONG)
    with_nan[-5], with_infinity[1000], both[7] = nan, inf, inf
    for workers in (1, 4):
        assert np.isnan(differential_entropy(with_nan, method=method, workers=workers))
        assert differential_entropy(with_infinity, method=method, workers=workers) == inf
        assert differential_entropy(np.ones(LONG), method=method, workers=workers) == -inf
        assert np.isnan(differential_entropy(both, method=method, workers=workers))
