"""All pairs of the rows of two arrays: Jensen-Shannon divergences from what is prepared for each row.

Such a pair may differ from the same pair alone, within the promise. References are in long double: the worst errors of
the definition are far below one unit of float64 for rows that differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import MEASURES, Split, exact, split, ulps

import fastent

wide = pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="long double is no wider than double")
DTYPES = ("float64", "float32")
LENGTHS = (32, 33, 64, 100, 128, 601, 1000)
SLOW_LENGTHS = (*LENGTHS, 47, 127, 129, 255, 2049, 4096, 4097)

Rows = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def dirichlet(concentration: float) -> Rows:
    return lambda rng, shape: np.maximum(rng.gamma(concentration, size=shape), 1e-30)


def peaks(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    rows = 1e-3 * rng.random(shape)
    rows[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = 1
    return rows


def every_size(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    rows: np.ndarray = 10.0 ** rng.uniform(-30, 30, shape)
    return rows


# Equal numbers in many places are the hardest: their roundings do not average out.
REGIMES: dict[str, Rows] = {
    **{f"Dirichlet {c:g}": dirichlet(c) for c in (0.01, 0.1, 1, 10, 100, 1000)},
    "zeros": lambda rng, shape: rng.gamma(1, size=shape) * (rng.random(shape) < 0.4),
    "small counts": lambda rng, shape: rng.integers(1, 60, shape).astype(float),
    "two levels": lambda rng, shape: np.where(rng.random(shape) < 0.5, 1.0, 3.0),
    "powers of two": lambda rng, shape: 2.0 ** rng.integers(-3, 3, shape),
    "peaks": peaks,
    "every size": every_size,
}


def grid(p: np.ndarray, q: np.ndarray, measure: Any = fastent.js_divergence, **options: Any) -> np.ndarray:
    result: np.ndarray = measure(p[:, None], q[None], **options)
    return result


def one_by_one(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.stack([fastent.js_divergence(row, q) for row in p])


def reference(p: np.ndarray, q: np.ndarray) -> Split:
    p, q = (a.astype(np.longdouble) / a.astype(np.longdouble).sum(-1, keepdims=True) for a in (p, q))
    p = p[:, None]
    mean = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        to_p, to_q = (np.where(a > 0, a * np.log(a / mean), 0).sum(-1) for a in (p, q))
    value = (to_p + to_q) / 2
    high = value.astype(np.float64)
    return Split(high, (value - high).astype(np.float64))


def pair(regime: str, k: int, dtype: str, n: int = 21, m: int = 13) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([k, *regime.encode()])
    make = REGIMES[regime]
    p, q = make(rng, (n, k)).astype(dtype), make(rng, (m, k)).astype(dtype)
    p[:, 0] += p.sum(-1) == 0
    q[:, 0] += q.sum(-1) == 0
    return p, q


@wide
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_digit(regime: str, dtype: str, isa: str, slow: bool) -> None:
    for k in SLOW_LENGTHS if slow else LENGTHS:
        p, q = pair(regime, k, dtype, *((60, 50) if slow else ()))
        got, want = grid(p, q), reference(p, q)
        assert got.dtype == dtype
        near = want.high < 1e-3  # these are held to what alone is promised, in test_nearly_equal_rows
        error = np.where(near, 0, ulps(got, want))
        at = np.unravel_index(np.argmax(error), error.shape)
        assert error[at] <= 8, (k, at, got[at], want.high[at])
        assert (got >= 0).all() and (got <= got.dtype.type(math.log(2))).all()


@pytest.mark.parametrize("k", [2, 3, 10, 31, 40])
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_the_definition(k: int, dtype: str, isa: str) -> None:
    p, q = pair("zeros", k, dtype, 9, 8)
    want = exact(MEASURES["js_divergence"], p[:, None], q[None])
    assert (ulps(grid(p, q), want) <= 8).all()
    want = exact(MEASURES["js_distance"], p[:, None], q[None])
    assert (ulps(grid(p, q, fastent.js_distance), want) <= 8).all()
    bits = exact(MEASURES["js_divergence"], p[:, None], q[None], base=2)
    assert (ulps(grid(p, q, base=2), bits) <= 8).all()


def test_they_are_computed_as_pairs(isa: str) -> None:
    """Otherwise nothing here tests anything: the last digits of some pairs differ from those of the pair alone."""
    for dtype, k in itertools.product(DTYPES, (33, 4096)):
        p, q = pair("Dirichlet 1", k, dtype)
        alone = one_by_one(p, q)
        if dtype == "float64" or isa != "base":  # doubles hide it in float32
            assert (grid(p, q) != alone).any()
        assert (ulps(grid(p, q), split(alone.astype(object))) <= 16).all()
    for k in (31, 4097):  # too short and too long to be prepared
        p, q = pair("Dirichlet 1", k, "float64")
        assert (grid(p, q) == one_by_one(p, q)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nearly_equal_rows(dtype: str, isa: str) -> None:
    """Below what is certain every pair is the one that is computed alone, to the bit: near pairs keep their digits."""
    rng = np.random.default_rng(5)
    for k, difference in itertools.product((32, 100, 601), (1e-2, 1e-4, 1e-6, 1e-8, 1e-12)):
        base = rng.gamma(1.0, size=k)
        p, q = ((base * (1 + difference * rng.standard_normal((n, k)))).astype(dtype) for n in (9, 11))
        assert (grid(p, q) == one_by_one(p, q)).all(), (k, difference)
    for regime in REGIMES:
        p, _ = pair(regime, 100, dtype)
        assert (np.diagonal(grid(p, p)) == 0).all(), regime
        assert (np.diagonal(grid(p, 2 * p)) == 0).all(), regime
    same = np.ones((9, 64), dtype)
    assert (grid(same, 3 * same) == 0).all()


def test_rows_without_common_support(isa: str) -> None:
    for k in (32, 100, 1000):
        p, q = pair("Dirichlet 1", k, "float64")
        left = np.arange(k) < k // 2
        p, q = p * left, q * ~left
        assert (ulps(grid(p, q), split(np.full(1, math.log(2), object))) <= 8).all()
        p, q = np.eye(k)[:9], np.eye(k)[:10]
        want = np.where(np.eye(9, 10) == 1, 0, math.log(2))
        assert (abs(grid(p, q) - want) <= 4e-16).all()
        assert (grid(p, q) <= math.log(2)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_symmetric_to_the_bit(dtype: str, isa: str) -> None:
    for regime, k in itertools.product(REGIMES, (33, 100)):
        p, q = pair(regime, k, dtype)
        both = grid(p, q)
        assert both.tobytes() == np.ascontiguousarray(grid(q, p).T).tobytes(), (regime, k)
        swapped = fastent.js_divergence(p[None], q[:, None])
        assert both.tobytes() == np.ascontiguousarray(swapped.T).tobytes(), (regime, k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_other_rows_and_the_workers(dtype: str, isa: str) -> None:
    """The bits of a pair depend on its two rows, however the grid is cut into tiles and shared out."""
    for k, n, m in ((33, 201, 130), (128, 130, 67), (1000, 41, 70), (4096, 9, 30)):
        p, q = pair("Dirichlet 1", k, dtype, n, m)
        p[5] = q[3] = 1  # some are done again
        whole = grid(p, q, workers=1)
        for workers in (2, 3):
            assert grid(p, q, workers=workers).tobytes() == whole.tobytes(), (k, workers)
        order = np.random.default_rng(1).permutation(n)
        assert grid(p[order], q).tobytes() == whole[order].tobytes()
        assert grid(p[:8], q[-9:]).tobytes() == np.ascontiguousarray(whole[:8, -9:]).tobytes()
        out = np.zeros((2 * n, 3 * m), whole.dtype)[::2, ::3]
        assert grid(p, q, out=out) is out and (out == whole).all()


def test_bad_rows(isa: str) -> None:
    """Rows that are no distributions, or out of the ordinary range, are as they are alone, and change no other row."""
    p, q = pair("Dirichlet 1", 100, "float64")
    clean = grid(p, q)
    odd = {"NaN": np.nan, "negative": -1e-9, "infinite": np.inf, "huge": 1.7e308, "negative zero": -0.0}
    spoiled = p.copy()
    for i, value in enumerate(odd.values()):
        spoiled[2 * i + 1, 7] = value
    spoiled[12], spoiled[14], spoiled[16] = 0, 5e-324 * np.arange(100), 1.7e308
    got = grid(spoiled, q)
    others = [i for i in range(len(p)) if i not in (1, 3, 5, 7, 9, 12, 14, 16)]
    assert got[others].tobytes() == clean[others].tobytes()
    assert np.isnan(got[[1, 3, 5, 12]]).all()
    alone = one_by_one(spoiled, q)
    assert (got[[7, 14, 16]] == alone[[7, 14, 16]]).all()
    assert np.isfinite(got[9]).all()
    assert np.array_equal(grid(q, spoiled).T, got, equal_nan=True)
    with pytest.raises(ValueError, match=r"row \(1, 0\) of p .* entry 7 is NaN"):
        grid(spoiled, q, invalid="raise")


def test_types_and_layouts(isa: str) -> None:
    p, q = (a.astype(np.uint8) for a in pair("small counts", 60, "float64"))
    want = grid(p.astype("f8"), q.astype("f8"))
    for dtype in (np.uint8, np.int64, ">f8", "f8"):
        assert grid(p.astype(dtype), q.astype(dtype)).tobytes() == want.tobytes(), dtype
    narrow = grid(p.astype("f4"), q.astype("f4"))
    assert grid(p.astype("f2"), q.astype("f2")).tobytes() == narrow.tobytes()
    assert (ulps(narrow, split(want.astype(object))) <= 8).all()
    steps = np.repeat(p.astype("f8"), 3, axis=1)[:, ::3]
    assert grid(steps, q).tobytes() == want.tobytes()
    assert grid(p.astype("f8")[::-1], q)[::-1].tobytes() == want.tobytes()
    read_only = p.astype("f8")
    read_only.flags.writeable = False
    before = read_only.copy()
    assert grid(read_only, q).tobytes() == want.tobytes() and (read_only == before).all()
    masked = grid(p, q, where=np.arange(60) < 59)
    assert (ulps(masked, split(grid(p[:, :59], q[:, :59]).astype(object))) <= 16).all()
    deep = fastent.js_divergence(p.reshape(3, 7, 1, 60), q)
    assert deep.reshape(want.shape).tobytes() == want.tobytes()
    raw = grid(p, q, normalize=False)
    assert raw[4, 5] == fastent.js_divergence(p[4], q[5], normalize=False)


def test_powers_of_two_change_no_bit(isa: str) -> None:
    p, q = pair("Dirichlet 1", 100, "float64")
    want = grid(p, q)
    for exponent in (-900, -1, 7, 900):
        assert grid(np.ldexp(p, exponent), q).tobytes() == want.tobytes(), exponent
