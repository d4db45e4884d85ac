"""The divergence of diagonal normals: digits, gradients, layouts, special values, on every instruction set."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from oracle_continuous import diagonal_normal_kl as exact

from fastent import _threads
from fastent._continuous import engine
from fastent.continuous import diagonal_normal_kl

inf, nan = np.inf, np.nan
LENGTHS = (1, 2, 7, 8, 15, 16, 17, 33, 64, 511, 512, 513)
BOUND = {"float64": 8 * 2.0**-53, "float32": 8 * 2.0**-24}


@pytest.fixture(scope="module", autouse=True)
def _kernels(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


def definition(mu, log_var, mu_q=0.0, log_var_q=0.0, axis=-1):
    """In float64, good to some digits where nothing cancels."""
    mu, log_var, mu_q, log_var_q = np.broadcast_arrays(*(np.asarray(a, float) for a in (mu, log_var, mu_q, log_var_q)))
    d = log_var - log_var_q
    return 0.5 * np.sum(np.expm1(d) - d + (mu - mu_q) ** 2 * np.exp(-log_var_q), axis=axis)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [2.0, 1e-2, 1e-4, 1e-8])
def test_digits(rng, dtype, size, record_error):
    """Also where the normals nearly agree; q given as numbers, and as arrays."""
    for length in (1, 5, 64):
        mu, log_var, mu_q, log_var_q = (size * rng.normal(size=(4, 12, length))).astype(dtype)
        priors = [(0.0, 0.0)]
        if size > 1:
            priors.append((0.25, -0.5))  # far from equal
        if dtype == "float64":
            priors.append((mu_q, log_var_q))  # below for float32: differences of arrays are rounded
        for prior in priors:
            got = diagonal_normal_kl(mu, log_var, *prior)
            assert got.dtype == dtype
            for i, value in enumerate(got):
                q = [p[i] if np.ndim(p) else [p] * length for p in prior]
                want = exact(mu[i], log_var[i], *q)
                error = float(abs((want - float(value)) / want))
                record_error("diagonal_normal_kl", dtype, "relative", error, BOUND[dtype], f"size {size:g}")
                assert error <= BOUND[dtype]


def test_digits_of_float32_between_two(rng):
    p, q = (rng.normal(size=(2, 2, 100, 20))).astype("float32")
    got = diagonal_normal_kl(*p, *q)
    np.testing.assert_allclose(got, definition(*p.astype(float), *q.astype(float)), rtol=1e-6)
    np.testing.assert_array_equal(diagonal_normal_kl(*p, *p), 0.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_normals_are_exactly_0(rng, dtype):
    mu, log_var = (rng.normal(size=(2, 50, 33)) * 10).astype(dtype)
    for value in (diagonal_normal_kl(mu, log_var, mu, log_var), diagonal_normal_kl(mu * 0, mu * 0)):
        np.testing.assert_array_equal(value, 0.0)
        assert not np.signbit(value).any()
    assert (diagonal_normal_kl(mu * 1e-3, log_var * 1e-3) > 0).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_and_layouts(rng, dtype, length):
    mu, log_var = rng.normal(size=(2, 5, length)).astype(dtype)
    want = definition(mu, log_var)
    d_mu, d_log_var = mu, 0.5 * np.expm1(log_var.astype(float))
    rtol = 1e-13 if dtype == "float64" else 2e-6
    layouts = {
        "C": (mu, log_var, -1),
        "Fortran": (np.asfortranarray(mu), np.asfortranarray(log_var), -1),
        "mixed": (mu, np.asfortranarray(log_var), -1),
        "columns": (np.ascontiguousarray(mu.T), np.ascontiguousarray(log_var.T), 0),
        "strided": (np.repeat(mu, 2, axis=1)[:, ::2], np.repeat(log_var, 3, axis=1)[:, ::3], -1),
        "reversed": (mu[::-1, ::-1].copy()[::-1, ::-1], log_var, -1),
    }
    for name, (a, b, axis) in layouts.items():
        before = a.copy(), b.copy()
        value, grad_mu, grad_log_var = diagonal_normal_kl(a, b, axis=axis, return_grad=True)
        np.testing.assert_allclose(value, want, rtol=rtol, err_msg=name)
        np.testing.assert_array_equal(diagonal_normal_kl(a, b, axis=axis), value, err_msg=name)
        turned = (grad_mu.T, grad_log_var.T) if axis == 0 else (grad_mu, grad_log_var)
        np.testing.assert_array_equal(turned[0], d_mu, err_msg=name)
        np.testing.assert_allclose(turned[1], d_log_var, rtol=rtol, err_msg=name)
        assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plain_rows_take_a_short_way_to_the_same_bits(rng, dtype):
    for shape in ((1,), (7,), (600,), (5, 1), (1, 9), (40, 3), (9, 100), (2, 3, 4)):
        mu, log_var = rng.normal(size=(2, *shape)).astype(dtype)
        long_way = diagonal_normal_kl(mu, log_var, np.float64(0).astype(dtype), return_grad=True)
        for got, want in zip(diagonal_normal_kl(mu, log_var, return_grad=True), long_way, strict=True):
            assert type(got) is type(want) and got.shape == want.shape and got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(diagonal_normal_kl(mu, log_var), long_way[0])


def test_any_axes_and_broadcasting(rng):
    mu = rng.normal(size=(3, 4, 5))
    axes = (0, 1, 2, -1, (0, 1), (0, 2), (1, 2), (2, 0), None)
    for order, axis in itertools.product(itertools.permutations(range(3)), axes):
        a = mu.transpose(order)
        for log_var, mu_q, log_var_q in (
            (a * 0.3, 0.0, 0.0),
            (np.float64(0.2), a[:1], 0.5),
            (a[..., :1], 0.1, a[:, :1] * 0.2),
            (np.ascontiguousarray(a), a[0], a[0]),
        ):
            want = definition(a, log_var, mu_q, log_var_q, axis)
            value, d_mu, d_log_var = diagonal_normal_kl(a, log_var, mu_q, log_var_q, axis=axis, return_grad=True)
            np.testing.assert_allclose(value, want, rtol=1e-12)
            np.testing.assert_allclose(d_mu, (a - mu_q) * np.exp(-np.asarray(log_var_q) + 0 * a), rtol=1e-12)
            np.testing.assert_allclose(d_log_var, 0.5 * np.expm1(log_var - log_var_q + 0 * a), rtol=1e-12)


def test_gradients_are_finite_differences(rng):
    mu, log_var, mu_q, log_var_q = rng.normal(size=(4, 3, 6))
    _, d_mu, d_log_var = diagonal_normal_kl(mu, log_var, mu_q, log_var_q, axis=None, return_grad=True)
    step = 1e-5
    for position in np.ndindex(mu.shape):
        for array, gradient in ((mu, d_mu), (log_var, d_log_var)):
            kept = array[position]
            ends = []
            for sign in (1, -1):
                array[position] = kept + sign * step
                ends.append(diagonal_normal_kl(mu, log_var, mu_q, log_var_q, axis=None))
            array[position] = kept
            assert abs((ends[0] - ends[1]) / (2 * step) - gradient[position]) < 1e-8


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_values(dtype):
    cases = [
        ((0, 0), 0.0),
        ((nan, 0), nan),
        ((0, nan), nan),
        ((inf, 0), inf),
        ((-inf, 0), inf),
        ((0, inf), inf),
        ((0, -inf), inf),
        ((0, 1000), inf),
        ((0, -1000), 499.5),
        ((1e30, 0), 0.5e60 if dtype == "float64" else inf),
        ((0, 85), 0.5 * np.exp(85.0)),
        ((1e-30, 0), 0.5e-60 if dtype == "float64" else 0.0),
    ]
    for length, place in ((1, 0), (5, 2), (40, 39)):
        numbers = np.zeros((len(cases), 2, length), dtype)
        numbers[:, :, place] = [case for case, _ in cases]
        got = diagonal_normal_kl(numbers[:, 0], numbers[:, 1])
        np.testing.assert_allclose(got, np.array([want for _, want in cases], dtype), rtol=1e-6)


def test_extreme_floats_are_computed_in_doubles():
    """Powers of the variances and squares leave the range of floats where the results do not."""
    mu, log_var = np.float32([[1e18, 1], [3e-20, 0]]), np.float32([[0, 87], [0, 0]])
    value, d_mu, d_log_var = diagonal_normal_kl(mu, log_var, return_grad=True)
    wide = diagonal_normal_kl(mu.astype(float), log_var.astype(float), return_grad=True)
    for got, want in zip((value, d_mu, d_log_var), wide, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
    value = diagonal_normal_kl(np.float32([1e-15]), np.float32([85]), np.float32([0]), np.float32([85]))
    np.testing.assert_allclose(value, 0.5e-30 * np.exp(-85.0), rtol=1e-6, atol=1e-45)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_workers_change_no_bit(threads, rng, dtype):
    for shape, axis in (((700, 33), -1), ((3, 70_000), -1), ((3000, 33), 0), ((40, 1100), 0), ((200_000,), -1)):
        mu, log_var = rng.normal(size=(2, *shape)).astype(dtype)
        one = diagonal_normal_kl(mu, log_var, axis=axis, return_grad=True, workers=1)
        for workers in (2, 3):
            for a, b in zip(
                one, diagonal_normal_kl(mu, log_var, axis=axis, return_grad=True, workers=workers), strict=True
            ):
                np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(
            one[0], definition(mu, log_var, axis=axis), rtol=1e-12 if dtype == "float64" else 1e-5
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("extreme", [100.0, nan, 1e20, inf])
def test_other_rows_change_no_bit(rng, dtype, extreme):
    """Also when they hold what lanes of floats cannot, and for a row alone."""
    for shape, axis in (((60, 5), -1), ((60, 100), -1), ((5, 60), 0), ((60, 600), -1)):
        mu, log_var = rng.normal(size=(2, *shape)).astype(dtype)
        want = diagonal_normal_kl(mu, log_var, axis=axis, return_grad=True)
        for which in (mu, log_var):
            spoilt = which.copy()
            rows = spoilt if axis else spoilt.T
            rows[7, 2] = rows[33, 0] = extreme
            pair = (spoilt, log_var) if which is mu else (mu, spoilt)
            keep = np.setdiff1d(np.arange(60), [7, 33])
            for got, expected in zip(diagonal_normal_kl(*pair, axis=axis, return_grad=True), want, strict=True):
                place = keep if axis or got.ndim == 1 else (slice(None), keep)
                np.testing.assert_array_equal(got[place], expected[place])
        if axis:
            np.testing.assert_array_equal(diagonal_normal_kl(mu[9], log_var[9]), want[0][9])
            np.testing.assert_array_equal(diagonal_normal_kl(mu[9:12], log_var[9:12]), want[0][9:12])


def test_other_dtypes_and_kinds(rng):
    mu = rng.integers(-3, 4, (4, 5))
    want = definition(mu, mu * 0)
    for a in (mu, mu.astype(np.int8), mu.astype(np.float16), mu.astype(">f8"), mu.astype(">f4"), mu.tolist()):
        got = diagonal_normal_kl(a, np.zeros((4, 5), np.float16))
        np.testing.assert_allclose(got, want, rtol=1e-6)
        dtype = getattr(a, "dtype", np.dtype(int))
        assert got.dtype == (np.float32 if dtype.kind == "f" and dtype.itemsize < 8 else np.float64)
    assert isinstance(diagonal_normal_kl([1.0], [0.0]), np.float64)
    unaligned = np.frombuffer(b"x" + mu.astype(float).tobytes(), np.uint8)[1:].view(float).reshape(4, 5)
    np.testing.assert_array_equal(diagonal_normal_kl(unaligned, 0.0), want)
    locked = mu.astype(float)
    locked.flags.writeable = False
    np.testing.assert_array_equal(diagonal_normal_kl(locked, 0.0), want)


def test_empty():
    assert diagonal_normal_kl(np.zeros((0, 3)), 0.0).shape == (0,)
    np.testing.assert_array_equal(diagonal_normal_kl(np.zeros((3, 0)), 0.0), np.zeros(3))
    value, d_mu, d_log_var = diagonal_normal_kl(np.zeros((3, 0)), 0.0, return_grad=True)
    assert value.shape == (3,) and d_mu.shape == d_log_var.shape == (3, 0)


def test_no_temporary_of_the_size_of_the_input(rng):
    mu, log_var = rng.normal(size=(2, 4000, 500)).astype("float32")
    for a, b, axis in ((mu, log_var, -1), (mu, log_var, 0), (mu[:, ::-1], log_var.T[::-1].T, -1)):
        tracemalloc.start()
        diagonal_normal_kl(a, b, axis=axis)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < mu.nbytes / 20


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((np.zeros((2, 3)), np.zeros((2, 4))), {}, ValueError, ("broadcast", "(2, 3)", "(2, 4)")),
        ((1.0, 2.0), {}, ValueError, ("mu", "dimension")),
        ((np.zeros(3), 0.0), {"axis": 1}, np.exceptions.AxisError, ("axis", "1")),
        ((np.zeros(3), 0.0), {"axis": "x"}, TypeError, ("axis", "'x'")),
        ((np.zeros(3), 0.0), {"workers": 0}, ValueError, ("workers", "0")),
        ((["a"], 0.0), {}, TypeError, ("mu", "real numbers")),
        ((np.zeros(3), np.zeros(3, complex)), {}, TypeError, ("log_var", "complex")),
        ((np.zeros(3), 0.0, np.ma.zeros(3)), {}, TypeError, ("mu_q", "masked")),
    ],
)
def test_refusals(arguments, options, error, says):
    with pytest.raises(error) as caught:
        diagonal_normal_kl(*arguments, **options)
    for words in ("diagonal_normal_kl", *says):
        assert words in str(caught.value)
