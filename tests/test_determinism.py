"""The bits of a row depend on its numbers alone: not on workers, cuts, order or neighbours, valid or not.

Compared are bytes, within one instruction set and one memory layout of the row; views of one array share its layout.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conftest import slow_run
from oracle import BINARY, CASES, ELEMENTWISE, ROWS, Case

WORKERS = (2, 3, 7)
DTYPES = {np.dtype(t).name: np.dtype(t) for t in ("f8", "f4", "u1", ml_dtypes.bfloat16, ">i8")}
MAIN = ("float64", "float32", "uint8")

FEW = [c for c in ROWS if c.id in ("entropy", "renyi_entropy-0.5", "cross_entropy", "kl_divergence", "js_divergence")]

# The other orders run the same kernels; the other dtypes differ in how they are loaded, and float32 in a few kernels.
SOME = ROWS if slow_run() else [c for c in ROWS if c.params.get("order", 0) in (0, 0.5, 7.25, math.inf)]
SWEEP = [(c, t) for t in MAIN for c in (SOME if t == "float64" or slow_run() else FEW)]

by_case = pytest.mark.parametrize("case", SOME, ids=str)
by_case_and_dtype = pytest.mark.parametrize(("case", "dtype"), SWEEP, ids=[f"{c}-{t}" for c, t in SWEEP])
by_dtype = pytest.mark.parametrize("dtype", MAIN)


@lru_cache(maxsize=64)
def numbers(which: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Many sizes, some zeros; q has zeros in few rows, so that the divergences are finite."""
    rng = np.random.default_rng(zlib.crc32(repr((which, dtype, shape)).encode()))
    values = np.floor(1 + 250 * rng.random(shape) ** 4)
    if dtype not in ("uint8", ">i8"):
        values *= rng.random(shape)
    values *= rng.random(shape) > (0.1 if which == "p" else 1e-5)
    values = values.astype(DTYPES[dtype])
    values.flags.writeable = False
    return values


def inputs(case: Case, dtype: str, shape: tuple[int, ...]) -> list[np.ndarray]:
    return [numbers(which, dtype, shape) for which in case.measure.inputs]


def check(got: Any, want: Any, what: object) -> None:
    """Equal bytes, or the first place where they differ."""
    got, want = (np.atleast_1d(np.ascontiguousarray(a)) for a in (got, want))
    assert got.dtype == want.dtype and got.shape == want.shape, what
    if got.tobytes() != want.tobytes():
        size = got.dtype.itemsize
        different = (got.view(f"V{size}") != want.view(f"V{size}")).nonzero()
        at = tuple(int(i[0]) for i in different)
        count = f"{len(different[0])} of {got.size}"
        pytest.fail(f"{what}: {count} differ, the first at {at}: {got[at]!r}, not {want[at]!r}")


def layouts(arrays: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray], int]]:
    """Rows along the memory and across it."""
    yield "rows", arrays, -1
    yield "columns", [np.ascontiguousarray(a.T) for a in arrays], 0


# ---- workers -------------------------------------------------------------------------------------------------------

SHAPES = {"short": (9601, 7), "middle": (443, 150), "blocks": (14, 4801)}


@by_case_and_dtype
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_workers(case: Case, dtype: str, shape: tuple[int, int], isa: str, slow: bool) -> None:
    arrays = inputs(case, dtype, shape)
    for name, pair, axis in layouts(arrays):
        one = case.call(*pair, axis=axis, workers=1)
        for workers in WORKERS if slow else WORKERS[-2:]:
            check(case.call(*pair, axis=axis, workers=workers), one, (name, workers))
        flipped = [a.T for a in pair]  # the same memory in Fortran order
        check(case.call(*flipped, axis=-1 - axis, workers=2), one, (name, "transposed"))


LONG = {"rows": ((2, 270_003), -1), "columns": ((270_003, 2), 0), "far columns": ((37_003, 9), 0)}


@by_case
@pytest.mark.parametrize("layout", LONG)
def test_long_rows(case: Case, layout: str, isa: str, slow: bool) -> None:
    """Rows that are cut among threads: of several segments, the last one not full."""
    shape, axis = LONG[layout]
    for dtype in MAIN if slow else MAIN[:1]:
        arrays = inputs(case, dtype, shape)
        one = case.call(*arrays, axis=axis, workers=1)
        for workers in WORKERS if slow else WORKERS[:2]:
            check(case.call(*arrays, axis=axis, workers=workers), one, (dtype, workers))
        # alone, a row is cut in other pieces than in company
        alone = case.call(*[a[:1] if axis else a[:, :1] for a in arrays], axis=axis, workers=3)
        check(alone, one[:1], (dtype, "alone"))


A_MILLION = {"rows": ((2, 1_000_003), -1), "columns": ((1_000_003, 2), 0), "all": ((3, 300_007), None)}


@pytest.mark.parametrize("case", [c for c in ROWS if c.id in ("entropy", "kl_divergence")], ids=str)
@by_dtype
@pytest.mark.parametrize("layout", A_MILLION)
def test_a_million_entries(case: Case, dtype: str, layout: str, isa: str) -> None:
    shape, axis = A_MILLION[layout]
    arrays = inputs(case, dtype, shape)
    one = case.call(*arrays, axis=axis, workers=1)
    for workers in WORKERS:
        check(case.call(*arrays, axis=axis, workers=workers), one, workers)


@pytest.mark.parametrize("case", [*FEW, *ELEMENTWISE], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_workers_with_where(case: Case, dtype: str, isa: str) -> None:
    for shape in ((9601, 7), (14, 4801), (1, 140_001)):
        arrays = inputs(case, dtype, shape)
        mask = np.random.default_rng(7).random(shape) < 0.8
        for name, (*pair, where), axis in layouts([*arrays, mask]):
            options: dict[str, Any] = {"where": where} | ({} if case in ELEMENTWISE else {"axis": axis})
            one = case.call(*pair, workers=1, **options)
            for workers in (2, 7):
                check(case.call(*pair, workers=workers, **options), one, (name, shape, workers))


# ---- cuts and order ------------------------------------------------------------------------------------------------


@by_case_and_dtype
@pytest.mark.parametrize("shape", [(261, 7), (141, 40), (7, 2050), (5, 131_073)], ids=str)
def test_cuts(case: Case, dtype: str, shape: tuple[int, int], isa: str, slow: bool) -> None:
    if shape[1] > 1e5 and not slow and (case not in FEW[1:4] or dtype != "float64"):
        pytest.skip("reduced")
    arrays, n = inputs(case, dtype, shape), shape[0]
    cuts = sorted({0, 1, 2, n // 3, n // 3 + 1, n - 2, n})
    order = np.random.default_rng(1).permutation(n)
    few = sorted({0, 1, n // 2, n - 1})
    for name, pair, axis in layouts(arrays):

        def rows(index: Any, kept: int = axis, pair: list[np.ndarray] = pair) -> list[np.ndarray]:
            """Some of them, in the layout they have; a copy by a list of numbers would turn columns into rows."""
            some = [a[:, index] if kept == 0 else a[index] for a in pair]
            return some if isinstance(index, int | slice) else [np.ascontiguousarray(a) for a in some]

        whole = case.call(*pair, axis=axis)
        chunks = [case.call(*rows(slice(a, b)), axis=axis) for a, b in itertools.pairwise(cuts)]
        check(np.concatenate(chunks), whole, (name, "chunks"))
        check(case.call(*rows(order), axis=axis), whole[order], (name, "permuted"))
        check(case.call(*rows(slice(None, None, -1)), axis=axis), whole[::-1], (name, "reversed"))
        check(case.call(*rows(slice(1, None, 3)), axis=axis), whole[1::3], (name, "every third"))
        check(case.call(*rows([0] * 20), axis=axis), whole[[0] * 20], (name, "repeated"))
        for i in few:
            check(case.call(*rows(slice(i, i + 1)), axis=axis), whole[i : i + 1], (name, "row", i))
            check(case.call(*rows(i)), whole[i], (name, "1-D row", i))
        deep = [a.reshape((1, n, 1, -1) if axis else (1, -1, 1, n)) for a in pair]
        check(case.call(*deep, axis=axis or 1).ravel(), whole, (name, "4-D"))
        out = np.zeros(2 * n, whole.dtype)[::2]
        check(case.call(*pair, axis=axis, out=out), whole, (name, "strided out"))


@pytest.mark.parametrize("case", BINARY, ids=str)
@by_dtype
@pytest.mark.parametrize("k", [7, 40, 601])
def test_pairs(case: Case, dtype: str, k: int, isa: str) -> None:
    """All pairs, one reference, and each pair alone; what is done for all pairs together stands in test_pairs.py."""
    p, q = numbers("p", dtype, (7, k)), numbers("q", dtype, (6, k))
    pairs = case.call(p[:, None], q[None], workers=3)
    check(case.call(p[:, None], q[None], workers=1), pairs, "workers")
    check(case.call(p, q[4]), pairs[:, 4], "one q")
    check(case.call(p[5], q), pairs[5], "one p")
    for i, j in ((0, 0), (5, 4), (6, 5)):
        check(case.call(p[i], q[j]), pairs[i, j], ("1-D", i, j))
        check(case.call(p[i : i + 1], q[j : j + 1]), pairs[i : i + 1, j], ("2-D", i, j))


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_elements(case: Case, dtype: str, isa: str) -> None:
    """An element's bits do not depend on where it stands."""
    with np.errstate(invalid="ignore"):
        arrays = [(a / a.max()).astype(a.dtype) for a in inputs(case, dtype, (19, 5003))]
    whole = case.call(*arrays, workers=1)
    for workers in WORKERS:
        check(case.call(*arrays, workers=workers), whole, workers)
    check(case.call(*[a.T for a in arrays]), whole.T, "transposed")
    check(case.call(*[a[::-1, ::-3] for a in arrays]), whole[::-1, ::-3], "steps")
    check(case.call(*[a[3:7, 11:2999] for a in arrays]), whole[3:7, 11:2999], "window")
    for i in (0, 1, 5002):
        check(case.call(*[a[4, i] for a in arrays]), whole[4, i], ("alone", i))
    order = np.random.default_rng(1).permutation(5003)
    check(case.call(*[a[:, order] for a in arrays]), whole[:, order], "permuted")


# ---- neighbours ----------------------------------------------------------------------------------------------------


def bad_rows(k: int) -> dict[str, np.ndarray]:
    """Rows that are invalid, or that are computed in another way than ordinary ones."""
    one = np.zeros(k)
    one[k // 2] = 1
    return {
        "NaN": np.where(one, np.nan, 1),
        "negative": np.where(one, -1, 1),
        "inf": np.where(one, np.inf, 1),
        "zero": np.zeros(k),
        "one-hot": one,
        "overflow": np.full(k, 1.7e308),
        "subnormal": np.full(k, 5e-324),
        "dominated": np.where(one, 1e9, 1.0),
    }


@by_case
@pytest.mark.parametrize("shape", [(150, 7), (45, 40), (10, 2050), (5, 140_000)], ids=str)
def test_bad_rows_change_no_other_row(case: Case, shape: tuple[int, int], isa: str, slow: bool) -> None:
    if shape[1] > 1e5 and not slow and case not in FEW[1:4]:
        pytest.skip("reduced")
    clean, bad = inputs(case, "float64", shape), bad_rows(shape[1])
    for side in range(case.arity):
        names = list(bad) if shape[0] > 9 else ["NaN", "overflow"]
        mixed = [a.copy() for a in clean]
        places = dict(zip(names, np.linspace(1, shape[0] - 2, len(names), dtype=int).tolist(), strict=True))
        for name, i in places.items():
            mixed[side][i] = bad[name]
        good = np.delete(np.arange(shape[0]), list(places.values()))
        for (layout, pair, axis), (_, before, _) in zip(layouts(mixed), layouts(clean), strict=True):
            want = case.call(*before, axis=axis, workers=1)
            for workers in (1, 2):
                got = case.call(*pair, axis=axis, workers=workers)
                check(got[good], want[good], (layout, workers, "input", side))
            for name, i in places.items():
                alone = case.call(*[a[i : i + 1] if axis else a[:, i : i + 1] for a in pair], axis=axis)
                check(got[i : i + 1], alone, (layout, name, "alone", side))
                if name in ("NaN", "negative", "inf", "zero"):
                    assert np.isnan(got[i]), (layout, name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_calls_in_between_change_nothing(case: Case, isa: str) -> None:
    """Scratch memory keeps nothing from one call to the next."""
    arrays = [a / 256 for a in inputs(case, "float64", (65, 33))]
    options: dict[str, Any] = {} if case in ELEMENTWISE else {"axis": 0}
    want = case.call(*arrays, **options)
    case.call(*[np.full((65, 40), np.nan)] * case.arity, **options)
    check(case.call(*arrays, **options), want, "after NaN")
