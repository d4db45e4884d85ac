"""Estimators from samples: against their papers' formulas, against SciPy, and on every instruction set."""

from __future__ import annotations

import inspect
import itertools
import os
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.stats
from oracle_continuous import differential_entropy as exact
from oracle_continuous import nearest_neighbor_entropy, nearest_neighbor_kl

from fastent import _threads, continuous
from fastent._continuous import engine
from fastent.compat import scipy as ours
from fastent.continuous import differential_entropy, joint_differential_entropy

inf, nan = np.inf, np.nan
SPACINGS = ("vasicek", "van es", "ebrahimi", "correa")
SIZES = (3, 4, 5, 8, 9, 17, 33, 48, 49, 64, 100, 513)
theirs = scipy.stats.differential_entropy


@pytest.fixture(scope="module", autouse=True)
def _kernels(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


# ---- the estimators ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SPACINGS)
def test_spacings(rng, method):
    for n in SIZES:
        for m in {1, max(1, n // 5), (n - 1) // 2}:
            if method == "correa" and n * m > 3000:
                continue  # the oracle is slow
            x = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
            got = differential_entropy(x, method=method, window_length=m)
            np.testing.assert_allclose(got, float(exact(x, method, m)), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("method", SPACINGS)
@pytest.mark.parametrize("n", [1000, 2049, 12_000])
def test_long_samples_as_scipy(rng, method, n):
    x = rng.gamma(0.3, size=n)
    m = 20 if method == "correa" else None
    np.testing.assert_allclose(
        differential_entropy(x, method=method, window_length=m), theirs(x, method=method, window_length=m), rtol=1e-12
    )


def test_spread_over_the_range_of_doubles(rng):
    """Differences from subnormal to huge ones."""
    x = np.concatenate([[0.0, 5e-324, 1e-310], 10.0 ** np.linspace(-300, 300, 120)])
    for method in ("vasicek", "van es", "ebrahimi"):
        got = differential_entropy(x, method=method, window_length=1)
        np.testing.assert_allclose(got, float(exact(x, method, 1)), rtol=1e-13)


def test_neighbors_in_one_dimension(rng):
    for n, k in ((2, 1), (5, 4), (9, 3), (40, 12), (60, 13), (60, 20), (130, 5), (130, 128)):
        x = rng.normal(size=n)
        want = float(nearest_neighbor_entropy(x[:, None].tolist(), k))
        got = differential_entropy(x, method="nearest neighbors", k=k)
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
        assert joint_differential_entropy(x, k=k) == got == joint_differential_entropy(x[:, None], k=k)


def test_neighbors_by_brute_force(rng):
    """Long enough for blocks, with values that repeat, but never more than k times."""
    x = np.concatenate([rng.normal(size=1500), np.repeat(rng.normal(size=100).round(2), 2)])
    x = np.concatenate([np.unique(x), np.unique(x)[:300]])
    distances = np.sort(np.abs(x[:, None] - x), axis=1)
    for k in (2, 3, 12, 13, 50):
        want = np.log(distances[:, k]).mean() + np.log(2) + (1 / np.arange(k, x.size)).sum()
        np.testing.assert_allclose(differential_entropy(x, method="nearest neighbors", k=k), want, rtol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
def test_neighbors_in_more_dimensions(rng, metric):
    for d, k in ((2, 1), (3, 4)):
        x = rng.normal(size=(40, d))
        want = float(nearest_neighbor_entropy(x.tolist(), k, metric))
        np.testing.assert_allclose(joint_differential_entropy(x, k=k, metric=metric), want, rtol=1e-12)


def test_divergence_by_neighbors(rng):
    for (n, m, d), k in itertools.product([(30, 20, 1), (2, 3, 1), (30, 45, 2)], [1, 2]):
        if k >= n:
            continue
        x, y = rng.normal(size=(n, d)), rng.normal(0.5, 2, size=(m, d))
        want = float(nearest_neighbor_kl(x.tolist(), y.tolist(), k))
        np.testing.assert_allclose(continuous.nearest_neighbor_kl(x, y, k=k), want, rtol=1e-12, atol=1e-13)


def test_divergence_of_long_samples(threads, rng):
    """Pieces of the longer sample find their place in the other."""
    x, y = rng.normal(size=40_000), rng.normal(0.3, 1.5, size=3000)
    k = 7
    sorted_y = np.sort(y)
    at = np.searchsorted(sorted_y, x)
    near = np.abs(sorted_y[np.clip(at[:, None] + np.arange(-k, k), 0, 2999)] - x[:, None])
    near[(at[:, None] + np.arange(-k, k) < 0) | (at[:, None] + np.arange(-k, k) > 2999)] = inf
    other = np.log(np.sort(near, axis=1)[:, k - 1]).sum()
    own = (
        differential_entropy(x, method="nearest neighbors", k=k) - np.log(2) - (1 / np.arange(k, 40_000)).sum()
    ) * 40_000
    want = (other - own) / 40_000 + np.log(3000 / 39_999)
    found = [continuous.nearest_neighbor_kl(x, y, k=k, workers=workers) for workers in (1, 2, 3)]
    np.testing.assert_allclose(found[0], want, rtol=1e-9)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("bins", ["fd", "scott", "auto", "doane", "stone", "rice", "sturges", "sqrt", 1, 7])
def test_histogram(rng, bins):
    x = rng.normal(size=(2, 300))
    for row, got in zip(x, differential_entropy(x, method="histogram", bins=bins), strict=True):
        counts, edges = np.histogram(row, bins)
        want = scipy.stats.rv_histogram((counts, edges)).entropy()
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 10, 1000, 5000])
def test_histograms_hold_what_those_of_numpy_hold(rng, n):
    """Also with values on the edges of bins, and with far more bins than samples."""
    rows = np.stack([rng.gamma(0.1, size=n), rng.integers(0, 50, n) / 10, rng.standard_t(1, n), np.arange(n) * 0.1])
    for bins in ("fd", 1, 10, 333, 100_000):
        for row, got in zip(rows, differential_entropy(rows, method="histogram", bins=bins), strict=True):
            if row.min() == row.max():
                continue
            counts, edges = np.histogram(row, bins)
            share = counts[counts > 0] / n
            want = -(share * np.log(share / (edges[1] - edges[0]))).sum()
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_they_estimate_what_they_say(rng):
    x = rng.normal(size=20_000) * 0.01
    want = continuous.entropy(continuous.Normal(0, 0.01))
    assert want < 0
    for method in (*SPACINGS, "nearest neighbors", "histogram"):
        assert abs(differential_entropy(x, method=method) - want) < 0.05
    y = rng.normal(0.01, 0.02, size=20_000)
    want = continuous.kl_divergence(continuous.Normal(0, 0.01), continuous.Normal(0.01, 0.02))
    assert abs(continuous.nearest_neighbor_kl(x, y, k=5) - want) < 0.05


# ---- special values ------------------------------------------------------------------------------------------------


def test_ties():
    """More equal samples than a window or a neighbourhood holds: the distribution has an atom."""
    x = np.array([0.0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7])
    for method, options in (
        *((method, {"window_length": 1}) for method in ("vasicek", "van es", "ebrahimi")),
        ("nearest neighbors", {"k": 3}),
    ):
        assert differential_entropy(x, method=method, **options) == -inf
        assert differential_entropy(-x, method=method, **options) == -inf
    assert np.isnan(differential_entropy(x, method="correa", window_length=1))
    assert np.isfinite(differential_entropy(x, method="nearest neighbors", k=4))
    assert np.isfinite(differential_entropy(x, window_length=2, method="vasicek"))
    pairs = np.stack([x, x], axis=1)
    assert joint_differential_entropy(pairs, k=3) == -inf and np.isfinite(joint_differential_entropy(pairs, k=4))


def test_ties_between_samples():
    x, y = [0.0, 1, 1, 1, 2], [0.25, 0.75, 1.5, 3]
    for a, b in ((x, y), ([[v, v] for v in x], [[v, v] for v in y])):
        assert continuous.nearest_neighbor_kl(a, b, k=2) == inf
        assert np.isnan(continuous.nearest_neighbor_kl(b, a, k=2)) == (1.0 in y)
        assert np.isnan(continuous.nearest_neighbor_kl(a, a, k=1))
    assert np.isnan(continuous.nearest_neighbor_kl(y, [0.25, 5], k=1))


@pytest.mark.parametrize("method", [*SPACINGS, "nearest neighbors", "histogram"])
def test_constant_nan_and_infinite_samples(rng, method):
    x = rng.normal(size=(4, 60))
    x[1] = 3.7
    x[2, 5] = nan
    x[3, 5] = inf
    got = differential_entropy(x, method=method)
    assert np.isfinite(got[0]) and np.isnan(got[2])
    assert np.isnan(got[1]) if method == "correa" else got[1] == -inf
    assert np.isnan(got[3]) if method in ("correa", "histogram") else got[3] == inf
    np.testing.assert_array_equal(got[0], differential_entropy(x[0], method=method))


def test_signed_zeros_are_equal():
    x = np.array([-0.0, 0.0, -0.0, 0.0, 1, 2, 3])
    assert differential_entropy(x, method="vasicek", window_length=1) == -inf


# ---- layouts, dtypes, workers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*SPACINGS, "nearest neighbors", "histogram"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_layouts_and_axes(rng, method, dtype):
    x = rng.normal(size=(3, 5, 40)).astype(dtype)
    want = differential_entropy(x, method=method)
    assert want.shape == (3, 5) and want.dtype == dtype
    for order in itertools.permutations(range(3)):
        axis = order.index(2)
        batch = [d for d in order if d != 2]
        for turned in (
            x.transpose(order),
            np.ascontiguousarray(x.transpose(order)),
            np.asfortranarray(x.transpose(order)),
        ):
            before = turned.copy()
            got = differential_entropy(turned, method=method, axis=axis)
            np.testing.assert_array_equal(got, want.transpose(batch))
            np.testing.assert_array_equal(turned, before)
    np.testing.assert_array_equal(differential_entropy(x[::-1, ::2, ::-1], method=method), want[::-1, ::2])
    np.testing.assert_array_equal(differential_entropy(np.repeat(x, 2, axis=2)[..., ::2], method=method, axis=-1), want)


def test_many_columns_at_once(rng):
    """Columns are gathered in groups."""
    x = rng.normal(size=(50, 37))
    want = [differential_entropy(column.copy()) for column in x.T]
    for a in (x, x.astype("float32")):
        got = differential_entropy(a, axis=0)
        np.testing.assert_allclose(got, want, rtol=1e-12 if a.dtype == float else 1e-5)
    np.testing.assert_array_equal(differential_entropy(x[:, ::3], axis=0), want[::3])
    np.testing.assert_array_equal(differential_entropy(np.broadcast_to(x[:, :1], (50, 9)), axis=0), [want[0]] * 9)


def test_other_dtypes(rng):
    x = rng.permutation(200)
    want = differential_entropy(x.astype(float))
    for a in (x, x.astype(np.uint8), x.astype(np.float16), x.astype(">f8"), x.astype(">f4"), x.tolist()):
        got = differential_entropy(a)
        np.testing.assert_allclose(got, want, rtol=1e-6)
        dtype = getattr(a, "dtype", np.dtype(int))
        assert got.dtype == (np.float32 if dtype.kind == "f" and dtype.itemsize < 8 else np.float64)
    assert isinstance(differential_entropy(x), np.float64)
    np.testing.assert_allclose(differential_entropy(x, base=2), want / np.log(2), rtol=1e-15)


@pytest.mark.parametrize("method", [*SPACINGS, "nearest neighbors"])
def test_workers_change_no_bit(threads, rng, method):
    x = rng.normal(size=(23, 600))
    for a, axis in ((x, -1), (np.ascontiguousarray(x.T), 0)):
        one = differential_entropy(a, method=method, axis=axis, workers=1)
        for workers in (2, 3):
            np.testing.assert_array_equal(differential_entropy(a, method=method, axis=axis, workers=workers), one)


def test_empty_batches():
    assert differential_entropy(np.zeros((0, 10))).shape == (0,)
    assert differential_entropy(np.zeros((10, 0, 2)), axis=0).shape == (0, 2)


# ---- refusals ------------------------------------------------------------------------------------------------------

X = np.arange(20.0).reshape(2, 10) ** 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((3.0,), {}, ValueError, ("x", "dimension", "3.0")),
        (([1.0, 2.0],), {}, ValueError, ("x", "3 samples", "2")),
        (([1.0],), {"method": "nearest neighbors"}, ValueError, ("x", "2 samples", "1")),
        (([],), {"method": "histogram"}, ValueError, ("x", "2 samples", "0")),
        ((X,), {"method": "Vasicek"}, ValueError, ("method", "'vasicek'", "'Vasicek'")),
        ((X,), {"window_length": 5}, ValueError, ("window_length", "1 and 4", "10 samples", "5")),
        ((X,), {"window_length": 0}, ValueError, ("window_length", "0")),
        ((X,), {"window_length": 2.0}, TypeError, ("window_length", "2.0")),
        ((X,), {"method": "nearest neighbors", "k": 10}, ValueError, ("k", "1 and 9", "10")),
        ((X,), {"method": "nearest neighbors", "k": 0}, ValueError, ("k", "0")),
        ((X,), {"method": "histogram", "bins": "knuth"}, ValueError, ("bins", "fd", "'knuth'")),
        ((X,), {"method": "histogram", "bins": 0}, ValueError, ("bins", "0")),
        ((X,), {"method": "histogram", "bins": [1, 2]}, TypeError, ("bins", "[1, 2]")),
        ((X,), {"axis": 2}, np.exceptions.AxisError, ("axis", "2")),
        ((X,), {"axis": (0, 1)}, TypeError, ("axis", "(0, 1)")),
        ((X,), {"base": 1}, ValueError, ("base", "1")),
        ((X,), {"workers": 0}, ValueError, ("workers", "0")),
        ((X + 1j,), {}, TypeError, ("x", "complex")),
        ((np.ma.array(X),), {}, TypeError, ("x", "masked")),
    ],
)
def test_refusals(arguments, options, error, says):
    with pytest.raises(error) as caught:
        differential_entropy(*arguments, **options)
    for words in ("differential_entropy", *says):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: joint_differential_entropy([1.0]), ValueError, ("X", "2 samples")),
        (lambda: joint_differential_entropy(np.zeros((2, 3, 4))), ValueError, ("X", "(2, 3, 4)")),
        (lambda: joint_differential_entropy([[1.0, nan], [2, 3]]), ValueError, ("X", "nan", "row 0", "column 1")),
        (lambda: joint_differential_entropy(X, metric="cosine"), ValueError, ("metric", "'cosine'")),
        (lambda: joint_differential_entropy(X, k=2), ValueError, ("k", "1 and 1", "2")),
        (lambda: continuous.nearest_neighbor_kl(X, X[:, :3]), ValueError, ("dimensions", "10", "3")),
        (lambda: continuous.nearest_neighbor_kl([1.0], [2.0]), ValueError, ("2 samples", "1")),
        (
            lambda: continuous.nearest_neighbor_kl([1.0, 2, 3], [2.0], k=2),
            ValueError,
            ("k", "3 samples of X", "1 of Y"),
        ),
        (lambda: continuous.nearest_neighbor_kl([1.0, inf], [2.0]), ValueError, ("X", "inf")),
        (lambda: continuous.nearest_neighbor_kl([1.0, 2], ["a"]), TypeError, ("Y", "real numbers")),
    ],
)
def test_refusals_of_neighbors(call, error, says):
    with pytest.raises(error) as caught:
        call()
    for words in says:
        assert words in str(caught.value)


# ---- the drop-in for SciPy -----------------------------------------------------------------------------------------


def outcome(function: Any, *args: Any, **kwargs: Any) -> tuple[Any, set[str]]:
    """What a call returns or raises, and its warnings; those of SciPy's arithmetic are listed as a difference."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    return result, {str(w.message) for w in caught}


def listed(message: str) -> str:
    """Messages that list a set, whose order is random, in one order."""
    return re.sub(r"\{(.*)\}", lambda found: ", ".join(sorted(found[1].split(", "))), message)


def check(*args: Any, rtol: float = 1e-12, **kwargs: Any) -> None:
    expected, expected_warnings = outcome(theirs, *args, **kwargs)
    got, got_warnings = outcome(ours.differential_entropy, *args, **kwargs)
    if isinstance(expected, Exception):
        assert type(got) is type(expected), (got, expected)
        assert listed(str(got)) == listed(str(expected))
        return
    assert not isinstance(got, Exception), got
    assert type(got) is type(expected) and got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)
    assert got_warnings == expected_warnings


def samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).gamma(2.0, size=shape)


@pytest.mark.parametrize("method", [*SPACINGS, "auto", "VASICEK"])
@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 1), (1, 2), (2, 0), (0, 1, 2), (-1,)])
def test_scipy_axes(method, axis):
    for shape in ((20, 30, 12), (11, 13, 9)):
        for keepdims in (False, True):
            for order in "CF":
                check(samples(*shape).copy(order), method=method, axis=axis, keepdims=keepdims)
    check(samples(50, 4, 40), method=method, axis=axis, window_length=3, base=2)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 6, 7, 10, 11, 1000, 1001])
def test_scipy_sizes(n):
    for x in (samples(n), samples(n, 2), samples(0, n), samples(n, 0)):
        for axis, keepdims in itertools.product((0, -1, None), (False, True)):
            for window in (None, 1, 0, -1):
                check(x, axis=axis, keepdims=keepdims, window_length=window)


@pytest.mark.parametrize("policy", ["propagate", "omit", "raise", "other"])
def test_scipy_nan_policies(policy):
    x = samples(5, 30)
    x[1, 3] = nan
    x[2, :28] = nan
    x[3] = nan
    for axis, keepdims in itertools.product((0, 1, None, (0, 1)), (False, True)):
        for method in ("auto", "correa"):
            check(x, axis=axis, nan_policy=policy, keepdims=keepdims, method=method)
            check(samples(5, 30), axis=axis, nan_policy=policy, keepdims=keepdims, method=method)
    for row in (*x, samples(30), x[:, :2]):
        check(row, nan_policy=policy)
        check(row, nan_policy=policy, window_length=1)


@pytest.mark.parametrize("policy", ["propagate", "omit"])
def test_scipy_masked_arrays(policy):
    x = samples(6, 40)
    mask = np.random.default_rng(1).random(x.shape) < 0.3
    mask[2, :39] = True
    holes = np.where(np.random.default_rng(2).random(x.shape) < 0.02, nan, x)
    for values in (x, holes):
        for masked in (np.ma.array(values, mask=mask), np.ma.array(values, mask=False), np.ma.array(values)):
            for axis in (0, 1, None):
                check(masked, axis=axis, nan_policy=policy, method="vasicek")
            check(masked[0], nan_policy=policy)


@pytest.mark.parametrize(
    "options",
    [
        {"window_length": 15}, {"window_length": 14}, {"base": 0}, {"base": -1}, {"base": 10}, {"base": 0.5},
        {"method": "ekblom"}, {"axis": 2}, {"axis": -3}, {"axis": (0, 0)}, {"axis": 0.5}, {"axis": "a"},
        {"window_length": 40, "base": -1}, {"base": -1, "method": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_scipy_options(options):
    for axis in ({}, {"axis": 1}) if "axis" not in options else ({},):
        check(samples(30, 31), **axis, **options)
        check(samples(30), **options)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", ">f8"])
def test_scipy_dtypes(dtype):
    x = (samples(40, 5) * 10).astype(dtype)
    check(x, rtol=1e-5 if dtype == "f4" else 1e-12)
    check(x.tolist())
    check(x[:, 0], rtol=1e-5 if dtype == "f4" else 1e-12)


def test_scipy_signature():
    mine, scipys = (list(inspect.signature(f).parameters.values()) for f in (ours.differential_entropy, theirs))
    assert [(p.name, p.kind, p.default) for p in mine] == [(p.name, p.kind, p.default) for p in scipys]


def test_scipy_ties():
    x = np.repeat(samples(20), 5)
    for method in ("vasicek", "van es", "ebrahimi"):
        for window in (1, 2, 3, 10):
            expected, _ = outcome(theirs, x, method=method, window_length=window)
            got, warned = outcome(ours.differential_entropy, x, method=method, window_length=window)
            np.testing.assert_allclose(got, expected, rtol=1e-12)
            assert not warned  # listed
            assert np.isneginf(got) == (window < 5)  # windows at the ends are one-sided


def test_scipy_differs_as_listed():
    for x in (np.longdouble([1, 2, 4, 8]), np.array([1, 2, 4, 8j]), np.array([1, 2, 4], object), ["a", "b"]):
        with pytest.raises(TypeError, match="real numbers"):
            ours.differential_entropy(x)
    half = (samples(200) * 3).astype("f2")
    got, wide = ours.differential_entropy(half), theirs(half.astype(float))
    assert got.dtype == np.float16 and abs(got - wide) < 2e-3
    with pytest.warns(RuntimeWarning, match="too small"):
        assert np.isnan(ours.differential_entropy([1.0, 2.0]))


def test_correa_of_a_size_that_exhausts_memory_elsewhere(rng):
    """SciPy holds 2 window_length + 1 copies of the samples, several times over."""
    import tracemalloc

    x = rng.normal(size=(20, 10_000))
    tracemalloc.start()
    got = ours.differential_entropy(x, axis=1, method="correa")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * x.nbytes
    np.testing.assert_allclose(got[3], theirs(x[3], method="correa"), rtol=1e-12)
