"""Counting is exact: every method, instruction set, layout and number of workers gives the integers of a Counter."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from oracle_discrete import count, ranks, table_of

from fastent import _samples, _threads
from fastent._counts import engine
from fastent._counts.labels import table_of_integers
from fastent.discrete import add_tables, contingency, counts, mutual_information, mutual_information_matrix

METHODS = tuple(engine.METHODS)
ROWS = (0, 1, 63, 64, 65, 511, 512, 513, 8191, 8192, 8193)  # around words of 64 samples, vectors of 512, blocks of 8192
COLUMNS = (1, 15, 16, 17, 33)  # around a group of 16
LEVELS = (1, 2, 3, 16, 17, 255, 256, 300)
WORKERS = (1, 2)


@pytest.fixture(scope="module", autouse=True)
def _counting(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=-1)[::2, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "Fortran reversed": lambda a: np.asfortranarray(a[::-1, ::-1])[::-1, ::-1],
}


@functools.lru_cache(maxsize=4)
def codes(rows: int, levels: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Columns of codes in which all levels occur, as far as there are rows; every third column has a favourite."""
    rng = np.random.default_rng((seed, rows, *levels))
    made = np.empty((rows, len(levels)), np.uint16)
    for c, k in enumerate(levels):
        column = rng.integers(0, k, rows)
        if c % 3 == 2:
            column[rng.random(rows) < 0.9] = k // 2
        column[:k] = np.arange(min(k, rows))
        made[:, c] = rng.permutation(column)
    made.flags.writeable = False
    return made


def expected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tables of codes by a Counter: (columns, levels of x, levels of y)."""
    shape = int(x.max(initial=0)) + 1, int(y.max(initial=0)) + 1
    return np.stack([table_of(column.tolist(), y.tolist(), shape) for column in x.T])


@functools.cache
def expected_of(rows: int, levels: tuple[int, ...], y_levels: int) -> np.ndarray:
    return expected(codes(rows, levels), codes(rows, (y_levels,), seed=1)[:, 0])


def check(got: Any, want: np.ndarray, what: object = None) -> None:
    assert isinstance(got, np.ndarray) and got.dtype == want.dtype, (what, got)
    np.testing.assert_array_equal(got, want, err_msg=str(what), strict=True)


# ---- every way to count --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("rows", ROWS[1:])
def test_block_boundaries(rows: int, columns: int, threads: None) -> None:
    levels = tuple(itertools.islice(itertools.cycle((1, 2, 3, 16)), columns))
    x = codes(rows, levels).astype(np.uint8)
    for k in (1, 2, 3, 16):
        y = codes(rows, (k,), seed=1)[:, 0].astype(np.uint8)
        want = expected_of(rows, levels, k)
        for layout in LAYOUTS if k == 3 else ("C", "Fortran"):  # the layout of x and the levels of y do not meet
            laid = LAYOUTS[layout](x)
            for method in ("auto", *METHODS):
                check(contingency(laid, y, method=method, workers=1), want, (k, layout, method))
                if k == 3 and layout == "C" and rows > 2000 and columns in (1, 17, 33):
                    check(contingency(laid, y, method=method, workers=2), want, (layout, method))


INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


@pytest.mark.parametrize("rows", [1, 8193, 200_001])
@pytest.mark.parametrize("levels", [(1, 1), (2, 3), (1, 256), (10, 10), (16, 16)])
def test_integers_in_one_pass(rows: int, levels: tuple[int, int], threads: None) -> None:
    """The table of a Counter, for every integer dtype, far from 0, and whatever the number of workers."""
    x, y = codes(rows, levels).T.astype(np.int64)
    want = expected(x[:, None], y)[0]
    for i, dtype in enumerate(INTEGERS):
        info, other = np.iinfo(dtype), np.iinfo(INTEGERS[-1 - i])
        if levels[0] - 1 > info.max - info.min or (rows > 9000 and i % 3):
            continue
        left = (x + (info.min if i % 2 else info.max - levels[0] + 1)).astype(dtype)
        right = (y.astype(object) + other.max - levels[1] + 1).astype(other.dtype)
        for workers in (1, 3):
            got = table_of_integers(left, right, workers)
            if got is not None:  # the sample may have missed the ends of the range
                check(got, want[: got.shape[0], : got.shape[1]], (dtype, workers))
            assert got is not None or max(levels) > 16, (dtype, workers)
        assert mutual_information(left, right) == mutual_information(contingency=want)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("row", [0, 1, 99_998, 99_999])
def test_integers_beyond_a_sample(dtype: str, row: int) -> None:
    """A value that the guess of the range did not see is seen."""
    x, y = codes(100_000, (3, 4)).T.astype(dtype)
    x[row] = np.iinfo(dtype).max
    for left, right in ((x, y), (y, x)):
        assert table_of_integers(left, right, 2) is None
        want = mutual_information(contingency=contingency(left.astype(object), right.astype(object)))
        assert mutual_information(left, right) == want


@pytest.mark.parametrize("layout", ["C", "Fortran"])
@pytest.mark.parametrize("top", [3, 17, 200, 255])
def test_codes_beyond_a_guess(layout: str, top: int) -> None:
    """A code that the sample of the rows did not show is seen, whichever way its column is counted."""
    rows = 3001
    x = codes(rows, (2, 3, 16, 17, 90, 2) * 4).astype(np.uint8)
    y = codes(rows, (3,), seed=1)[:, 0].astype(np.uint8)
    x[700, 1] = top
    laid = LAYOUTS[layout](x)
    want = [mutual_information(contingency=table) for table in expected(x, y)]
    for workers in (1, 2):
        assert mutual_information(laid, y, workers=workers).tolist() == want
    few = np.where(x < 16, x, 0)  # bit planes of all pairs
    few[700, 1] = top
    some = LAYOUTS[layout](few)
    matrix = mutual_information_matrix(some, workers=2)
    for i, j in itertools.product(range(6), repeat=2):
        table = expected(few[:, [i]], few[:, j])[0]
        assert matrix[i, j] == mutual_information(contingency=table), (i, j)
    np.testing.assert_array_equal(mutual_information_matrix(some, some[:, :2], workers=3), matrix[:, :2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, "str"])
def test_no_rows(dtype: Any) -> None:
    nothing = np.zeros((0, 3), dtype)
    for method in ("auto", "cells") if dtype == np.uint16 else ("auto", *METHODS):
        assert contingency(nothing[:, 0], nothing[:, 0], method=method).sum() == 0
        assert contingency(nothing, nothing[:, 0], method=method).shape[0] == 3
        assert contingency(nothing, nothing, method=method).shape[:2] == (3, 3)
    assert counts(nothing[:, 0]).sum() == 0 and [c.sum() for c in counts(nothing)] == [0, 0, 0]
    assert contingency(nothing[:, 0], nothing[:, 0], sparse=True).sum() == 0


def test_no_columns() -> None:
    y = np.zeros(5, np.uint8)
    assert contingency(np.zeros((5, 0), np.uint8), y).shape[0] == 0
    assert contingency(y, np.zeros((5, 0), np.uint8)).shape[0] == 0
    assert counts(np.zeros((5, 0), np.uint8)) == []


@pytest.mark.parametrize("y_levels", LEVELS)
@pytest.mark.parametrize("x_levels", LEVELS)
def test_levels(x_levels: int, y_levels: int, threads: None) -> None:
    rows = 2049
    x, y = codes(rows, (x_levels, x_levels, x_levels)), codes(rows, (y_levels,), seed=1)[:, 0]
    want = expected_of(rows, (x_levels,) * 3, y_levels)
    few = x_levels <= 256 and y_levels <= 256
    for dtype in (np.uint8, np.uint16) if few else (np.uint16,):
        for method in ("auto", *METHODS):
            fits = method in ("auto", "cells") or (
                dtype == np.uint8 and (method == "planes" or x_levels * y_levels <= 256)
            )
            for lay, workers in ((np.ascontiguousarray, 1), (np.asfortranarray, 1 + (x_levels == y_levels))):
                laid = lay(x.astype(dtype))
                if fits:
                    got = contingency(laid, y.astype(dtype), method=method, workers=workers)
                    check(got, want, (dtype, method, workers))
                else:
                    with pytest.raises(ValueError, match="method="):
                        contingency(laid, y.astype(dtype), method=method, workers=workers)
    if few:  # columns of different width meet
        check(contingency(x, y.astype(np.uint8), workers=1), want)
        check(contingency(x.astype(np.uint8), y, workers=1), want)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int64", "uint64", "bool", "float64", "str", "object"])
def test_kinds_of_labels(dtype: str, layout: str, threads: None) -> None:
    """All levels occur, so that codes, offsets and ranks are the same numbers."""
    rows, k = 2500, 2 if dtype == "bool" else 17
    x, y = codes(rows, (2,) * 3 if dtype == "bool" else (17, 17, 17)), codes(rows, (k,), seed=1)
    want = expected(x, y[:, 0])

    def labels(made: np.ndarray) -> np.ndarray:
        if dtype in ("str", "object"):
            return np.array([f"level {i:03}" for i in range(k)]).astype(dtype)[made]
        return made.astype(dtype) - (5 if dtype in ("int8", "int64") else 0)

    lay = LAYOUTS[layout]
    for workers in WORKERS if layout == "C" and dtype in ("uint8", "int64") else (1,):
        laid_x, laid_y = lay(labels(x)), lay(labels(y))[:, 0]
        check(contingency(laid_x, laid_y, workers=workers), want)
        check(contingency(laid_x[:, 1], laid_y, workers=workers), want[1])
        check(contingency(laid_x.tolist(), laid_y.tolist(), workers=workers), want)
        for i, found in enumerate(counts(laid_x, workers=workers)):
            check(found, want[i].sum(axis=1))
        check(counts(laid_x[:, 2], workers=workers), want[2].sum(axis=1))


@pytest.mark.parametrize("columns", [1, 3, 40])
def test_many_rows(columns: int) -> None:
    """Beyond the size below which a call is serial; with one column the samples are cut, with many the columns."""
    rows = 140_001
    x = codes(rows, tuple(range(2, 2 + columns))).astype(np.uint8)
    y = codes(rows, (5,), seed=1)[:, 0].astype(np.uint8)
    want = np.zeros((columns, int(x.max()) + 1, 5), np.int64)
    for c in range(columns):
        np.add.at(want[c], (x[:, c], y), 1)
    if columns == 1:
        check(want, expected(x, y))
    for method in METHODS:
        for workers in (1, 2, 3):
            check(contingency(x, y, method=method, workers=workers), want, (method, workers))
    check(contingency(np.asfortranarray(x), y, workers=2), want)


@pytest.mark.parametrize("method", METHODS)
def test_one_label_nearly_always(method: str) -> None:
    """Sums of the private tables and of the population counts, which hold a block at a time."""
    x, y = np.zeros((2, 300_000), np.uint8)
    x[-1], y[7] = 3, 1
    want = np.array([[299_998, 1], [0, 0], [0, 0], [1, 0]])
    for workers in WORKERS:
        check(contingency(x, y, method=method, workers=workers), want)
        check(contingency(np.c_[x, y, x], y, method=method, workers=workers)[2], want)


def test_columns_that_overlap_in_memory() -> None:
    one = np.arange(40, dtype=np.uint8) % 3
    repeated = np.broadcast_to(one[:, None], (40, 20))
    check(contingency(repeated, one), np.broadcast_to(np.diag([14, 13, 13]), (20, 3, 3)).copy())
    constant = np.broadcast_to(np.uint8(2), (40, 5))
    check(contingency(constant, one), np.broadcast_to([[0, 0, 0], [0, 0, 0], [14, 13, 13]], (5, 3, 3)).copy())
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(99, dtype=np.uint16) * 7 % 5, 60).T
    check(contingency(windows, windows[:, 3]), expected(windows, windows[:, 3]))


def test_unaligned_and_read_only() -> None:
    x = codes(500, (300,))[:, 0]
    raw = np.zeros(2 * len(x) + 1, np.uint8)
    unaligned = raw[1:].view(np.uint16)
    unaligned[:] = x
    assert not unaligned.flags.aligned and not x.flags.writeable
    y = codes(500, (3,), seed=1)[:, 0]
    check(contingency(unaligned, y), expected(x[:, None], y)[0])
    check(contingency(x.astype(">u2"), y.astype(">i4")), expected(x[:, None], y)[0])


# ---- levels --------------------------------------------------------------------------------------------------------


def test_codes_that_do_not_occur() -> None:
    got = contingency(np.array([5, 0], np.uint8), np.array([2, 2], np.uint16))
    assert got.shape == (6, 3) and got.sum() == got[5, 2] + got[0, 2] == 2
    assert contingency(["b", "f", "b"], [0.5, 7.5, -1]).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_integers_count_alike_in_every_layout() -> None:
    """Labels with gaps: the table depends on the labels, not on where they lie."""
    x, y = np.array([0, 2, 2, 0, 5]), np.array([7, 7, 9, 9, 9])
    spread = np.repeat(x, 2)[::2]
    assert not spread.flags.c_contiguous
    check(counts(spread), counts(x))
    check(contingency(spread, y), contingency(x, y))
    check(contingency(x[:, None], y)[0], contingency(x, y))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("layout", ["contiguous", "strided"])
def test_ends_of_the_integers(dtype: type, layout: str) -> None:
    info = np.iinfo(dtype)
    for labels in ((info.min, info.max), (info.max - 1, info.max), (info.min, info.min + 1), (info.min // 2, info.max)):
        x = np.array(labels, dtype)[np.arange(5000) % 7 % 2]
        x = x if layout == "contiguous" else np.repeat(x, 2)[::2]
        got = counts(x)
        assert got[got > 0].tolist() == [2857, 2143], labels
        assert mutual_information(x, x) > 0.6


def test_late_extremes() -> None:
    """The smallest and the largest label come after the first thousand."""
    for late in (-300, -1, 1, 200, 300):
        x = np.zeros(5000, np.int64)
        x[4000] = late
        got = counts(x)
        assert got[got > 0].tolist() == ([1, 4999] if late < 0 else [4999, 1])
        assert contingency(x, x).sum() == 5000


# ---- weights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "str"])
@pytest.mark.parametrize("rows", [1, 64, 2049, 5000])
def test_integer_weights_repeat_samples(rows: int, dtype: str, threads: None) -> None:
    times = np.random.default_rng(rows).integers(1, 5, rows)
    x = codes(rows, (2, 3, 16) * 6).astype(dtype)
    y = codes(rows, (5,), seed=1)[:, 0].astype(dtype)
    want = contingency(np.repeat(x, times, axis=0), np.repeat(y, times), workers=1)
    for layout, lay in LAYOUTS.items():
        check(contingency(lay(x), y, weights=times, workers=1 + (layout == "C")), want.astype(np.float64), layout)
    one = contingency(x[:, 1], y, weights=times, workers=1)
    check(contingency(x[:, 1], y, weights=times, sparse=True, workers=1).toarray(), one)
    check(counts(x[:, 1], weights=times, workers=1), one.sum(axis=1))


def test_weights_against_exact_sums() -> None:
    rows = 3000
    x, y = codes(rows, (3, 16, 7)), codes(rows, (5,), seed=1)[:, 0]
    weights = np.random.default_rng(2).random(rows) * 10.0 ** np.random.default_rng(3).integers(-8, 8, rows)
    for c in range(3):
        want = table_of(x[:, c].tolist(), y.tolist(), (int(x.max()) + 1, 5), weights)
        np.testing.assert_allclose(contingency(x, y, weights=weights)[c], want, rtol=1e-12)
        sparse = contingency(x[:, c], y, weights=weights, sparse=True).toarray()
        np.testing.assert_allclose(sparse, want[: len(sparse)], rtol=1e-12)
        np.testing.assert_allclose(
            counts(x, weights=weights)[c], want.sum(axis=1)[: int(x[:, c].max()) + 1], rtol=1e-12
        )


@pytest.mark.parametrize("rows", [2049, 131_071, 131_072, 131_073, 400_001])
def test_weighted_sums_do_not_depend_on_workers(rows: int, threads: None) -> None:
    x = codes(rows, (3, 40)).astype(np.uint8)
    y = codes(rows, (4,), seed=1)[:, 0].astype(np.uint8)
    weights = np.random.default_rng(rows).random(rows)
    want = contingency(x, y, weights=weights, workers=1)
    for workers in (2, 3):
        check(contingency(x, y, weights=weights, workers=workers), want)
        check(contingency(np.asfortranarray(x), y, weights=weights, workers=workers), want)
    check(contingency(x[:, 1], y, weights=weights, workers=2), want[1])
    np.testing.assert_allclose(want.sum(axis=(1, 2)), weights.sum(), rtol=1e-12)


def test_counts_beyond_32_bits() -> None:
    x, y = np.arange(6, dtype=np.uint8) % 2, np.arange(6, dtype=np.uint8) % 3
    big = np.full(6, 2.0**40) + np.arange(6)
    check(contingency(x, y, weights=big), table_of(x.tolist(), y.tolist(), (2, 3), big))
    check(counts(x, weights=big), np.array([3 * 2.0**40 + 6, 3 * 2.0**40 + 9]))
    assert mutual_information(x, y, weights=np.full(6, 2.0**45)) == 0
    assert mutual_information(x, x, weights=np.full(6, 2.0**45)) == mutual_information(x, x)
    assert mutual_information(contingency=[[3_000_000_000, 0], [0, 3_000_000_000]], base=2) == 1


def test_streamed_counts_beyond_31_bits() -> None:
    """More samples than 2**31, most of them of one cell, in pieces."""
    rng = np.random.default_rng(3)
    rows, pieces = 1 << 24, 150
    x = (rng.random(rows) < 0.04).astype(np.uint8)
    y = np.where(rng.random(rows) < 0.02, 2, x).astype(np.uint8)
    table = add_tables(contingency(x, y, workers=1) for _ in range(pieces))
    want = np.bincount(x * 3 + y, minlength=6).reshape(2, 3) * pieces
    check(table, want)
    assert table.max() > 1 << 31 and table.sum() == rows * pieces
    once = want // pieces  # the same distribution
    assert mutual_information(contingency=table) == pytest.approx(mutual_information(contingency=once), rel=1e-15)
    assert counts(x).sum() * pieces == add_tables(counts(x) for _ in range(pieces)).sum()


def test_tables_of_pieces() -> None:
    x, y = codes(5000, (300, 7)).T
    whole = contingency(x, y)
    for cuts in ([], [1], [1, 2, 3], list(range(0, 5000, 97))):
        pieces = zip(np.split(x, cuts), np.split(y, cuts), strict=True)
        check(add_tables(contingency(a, b) for a, b in pieces if len(a)), whole, cuts)
    several = add_tables([contingency(codes(9, (2, 3)), y[:9]), contingency(codes(8, (4, 1)), y[:8])])
    assert several.ndim == 3 and several.sum() == 2 * 9 + 2 * 8
    first = np.array([1, 2])
    mixed = add_tables([first, [0.5], np.array([True, False, True])])
    check(mixed, np.array([2.5, 2.0, 1.0]))
    check(first, np.array([1, 2]))  # is not what is added to
    assert add_tables([first]) is not first
    assert add_tables([1, 2]) == 3 and add_tables([1, 2.5, 1]) == 4.5
    for bad, error, message in (
        ([], ValueError, "add_tables: tables must hold at least one piece, got none"),
        ([[1], [[1]]], ValueError, "add_tables: .*dimensions each, got 1, and 2 in piece 1"),
        ([["a"]], TypeError, "add_tables: piece 0 of tables must hold real numbers .*, got dtype <U1"),
        ([[1], [[1], [1, 2]]], TypeError, "add_tables: piece 1 of tables must be an array of numbers, got list"),
        ([np.ma.array([1, 2], mask=[0, 1])], TypeError, "add_tables: piece 0 of tables must not be a masked array"),
        (5, TypeError, "add_tables: tables must be an iterable of tables, got int"),
        ([[1, 2], [1, -1]], ValueError, "add_tables: piece 1 of tables must be finite and at least 0, got -1 at index"),
        ([[1, NAN]], ValueError, "add_tables: piece 0 of tables must be finite and at least 0, got nan at index 1"),
        ([np.array([2**63 + 5], np.uint64)], OverflowError, r"add_tables: a count exceeds 2\*\*63 - 1 in piece 0"),
        ([[2**62], [2**62]], OverflowError, r"add_tables: a count exceeds 2\*\*63 - 1 in piece 1"),
    ):
        with pytest.raises(error, match=message):
            add_tables(bad)


def test_weights_of_zero_count_nothing() -> None:
    x, y = [0, 1, 2, 1], [0, 0, 1, 1]
    check(contingency(x, y, weights=[1, 0, 0, 2]), np.array([[1.0, 0], [0, 2], [0, 0]]))
    assert contingency(x, y, weights=[1, 0, 0, 2], sparse=True).nnz == 2


# ---- many levels ---------------------------------------------------------------------------------------------------


def test_more_levels_than_16_bits() -> None:
    rows = 70_000
    x = np.arange(rows) * 3 - 17
    y = np.random.default_rng(0).permutation(rows) // 2  # 35 000 levels, each twice
    table = contingency(x, y, sparse=True)
    assert scipy.sparse.issparse(table) and table.shape == (rows, rows // 2) and table.nnz == rows
    assert table.dtype == np.int64 and (table.sum(axis=1) == 1).all() and (table.sum(axis=0) == 2).all()
    row, column = table.nonzero()
    np.testing.assert_array_equal(np.sort(row * rows + column), np.arange(rows) * rows + y)
    assert mutual_information(x, y) == pytest.approx(np.log(rows / 2), rel=1e-13)
    assert mutual_information(y, x) == mutual_information(x, y) == mutual_information(y, y)
    names = np.array([f"{i:06}" for i in range(rows)])
    assert mutual_information(names, y) == mutual_information(x, y)
    weighted = contingency(x, y, weights=np.full(rows, 0.5), sparse=True)
    assert weighted.dtype == np.float64 and weighted.sum() == rows / 2
    with pytest.raises(ValueError, match=r"contingency: the table of 70000 x 35000 levels .* pass sparse=True"):
        contingency(x, y)


def test_sparse_tables_equal_dense_ones() -> None:
    x, y = codes(5000, (40,))[:, 0], codes(5000, (50,), seed=1)[:, 0]
    for labels in (x, x.astype(np.uint8), x.astype(str)):
        check(contingency(labels, y, sparse=True).toarray(), contingency(labels, y))
    check(contingency(x[:, None], y[:, None], sparse=True).toarray(), contingency(x, y))
    missing = np.where(x == 3, np.nan, x)
    for how in ("level", "omit"):
        check(contingency(missing, y, sparse=True, missing=how).toarray(), contingency(missing, y, missing=how))


def test_as_many_cells_as_are_allowed() -> None:
    side = 2048  # 2**22 cells
    x = np.arange(side, dtype=np.uint16)
    check(contingency(x, x), np.eye(side, dtype=np.int64))
    assert side * side == _samples.DENSE_CELLS
    with pytest.raises(ValueError, match=r"2049 x 2048 levels .*more than 4194304 cells.*; pass sparse=True"):
        contingency(np.arange(side + 1, dtype=np.uint16), np.r_[x, x[:1]])


def test_wide_codes_are_refused_dense() -> None:
    """70 000 x 2 cells are few, but codes beyond 16 bits are counted sparsely."""
    x = np.arange(70_000)
    with pytest.raises(ValueError, match=r"70000 x 2 levels .*65536 levels.*; pass sparse=True"):
        contingency(x, x % 2)
    got = contingency(x, x % 2, sparse=True)
    assert got.shape == (70_000, 2) and got.nnz == 70_000 and (got.sum(axis=0) == 35_000).all()


# ---- two dimensions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_all_pairs(dtype: str) -> None:
    x = codes(700, (2, 5, 3)).astype(dtype)
    y = codes(700, (4, 1, 6, 2), seed=1).astype(dtype)
    got = contingency(x, y)
    assert got.shape == (3, 4, 5, 6)
    for i, j in np.ndindex(3, 4):
        one = contingency(x[:, i], y[:, j])
        check(got[i, j, : one.shape[0], : one.shape[1]], one)
        assert got[i, j].sum() == one.sum() == 700
        check(contingency(x[:, i], y)[j], got[i, j, : one.shape[0]])
        check(contingency(x, y[:, j])[i], got[i, j, :, : one.shape[1]])
    alone = contingency(x)
    assert alone.shape == (3, 3, 5, 5)
    check(alone, contingency(x, x))
    check(alone, alone.transpose(1, 0, 3, 2).copy())
    check(contingency(x[:, 0]), np.diag(counts(x[:, 0])))


@pytest.mark.parametrize("rows", [65, 70_001])
def test_all_pairs_by_planes(rows: int, threads: None) -> None:
    """Any number of planes against any other, and more words than are taken at a time: what their tables say."""
    for columns in (1, 2, 3, 5, 30) if rows == 65 else (3,):
        levels = tuple(itertools.islice(itertools.cycle((4, 2, 16, 3, 2)), columns))
        x = codes(rows, levels).astype(np.uint8)
        want = mutual_information(contingency=contingency(x, method="cells"))
        for laid, workers in ((x, 1), (np.asfortranarray(x), 3)):
            np.testing.assert_array_equal(mutual_information_matrix(laid, workers=workers), want)
            np.testing.assert_array_equal(mutual_information_matrix(laid, laid[:, :3], workers=workers), want[:, :3])


# ---- missing labels ------------------------------------------------------------------------------------------------

NAN = float("nan")
GAPS_X, GAPS_Y = [0.0, NAN, 1.0, 1.0, NAN, 0.0], ["a", "b", None, "b", None, "a"]


def test_missing_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^contingency: x has a missing label in row 1; .*missing='omit'"):
        contingency(GAPS_X, GAPS_Y)
    with pytest.raises(ValueError, match=r"^contingency: y has a missing label in row 2"):
        contingency([0] * 6, GAPS_Y, missing="raise")
    with pytest.raises(ValueError, match=r"^counts: x has a missing label in column 1, row 1"):
        counts(np.c_[[0.0] * 6, GAPS_X])
    with pytest.raises(ValueError, match="missing must be 'raise', 'level' or 'omit', got 'drop'"):
        contingency(GAPS_X, GAPS_Y, missing="drop")


def test_missing_labels_as_a_level() -> None:
    want = np.array([[2, 0, 0], [0, 1, 1], [0, 1, 1]])  # the last level of each
    check(contingency(GAPS_X, GAPS_Y, missing="level"), want)
    check(counts(GAPS_X, missing="level"), np.array([2, 2, 2]))
    check(counts(GAPS_Y, missing="level", weights=np.arange(6.0)), np.array([5.0, 4, 6]))


def test_missing_labels_left_out() -> None:
    check(contingency(GAPS_X, GAPS_Y, missing="omit"), np.array([[2, 0], [0, 1]]))
    check(contingency(GAPS_X, GAPS_Y, missing="omit", weights=np.arange(6.0)), np.array([[5.0, 0], [0, 3]]))
    check(counts(GAPS_X, missing="omit"), np.array([2, 2]))
    check(counts(GAPS_Y, missing="omit", weights=np.arange(6.0)), np.array([5.0, 4]))
    assert contingency([NAN, NAN], [0, 1], missing="omit").sum() == 0
    for got, want in zip(counts(np.c_[GAPS_X, [3.0] * 6], missing="omit"), ([2, 2], [6]), strict=True):
        assert got.tolist() == want


def test_missing_labels_are_left_out_of_their_pair_only() -> None:
    x = np.array([[0, 0], [1, NAN], [NAN, 0], [0, 0], [1, 1.0]])
    y = np.array([0, 1, 0, 0, 1.0])
    for i in range(2):
        check(contingency(x, y, missing="omit")[i], contingency(x[:, i], y, missing="omit"))
        check(contingency(y, x, missing="omit")[i], contingency(y, x[:, i], missing="omit"))


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_errors() -> None:
    x = np.zeros(4, np.uint8)
    with pytest.raises(ValueError, match="contingency: x and y must have as many samples, got 4 and 3"):
        contingency(x, x[:3])
    with pytest.raises(ValueError, match="contingency: method must be one of auto, cells, words, planes, got 'bytes'"):
        contingency(x, x, method="bytes")
    with pytest.raises(
        ValueError, match=r"contingency: x must be labels of shape .*, got ndarray of shape \(4, 1, 1\)"
    ):
        contingency(x[:, None, None], x)
    with pytest.raises(ValueError, match=r"contingency: y must be labels of shape .*, got uint8 of shape \(\)"):
        contingency(x, np.uint8(1))
    with pytest.raises(ValueError, match="sparse=True takes one column of labels each"):
        contingency(np.c_[x, x], x, sparse=True)
    with pytest.raises(ValueError, match="contingency: workers must be at least 1"):
        contingency(x, x, workers=0)
    with pytest.raises(TypeError, match="complex128"):
        counts(np.zeros(3, complex))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1, 1, NAN, 1], r"weights must be finite and at least 0, got nan at index 2"),
        ([1, 1, 1, np.inf], r"weights must be finite and at least 0, got inf at index 3"),
        ([1, -0.5, -1, 1], r"weights must be finite and at least 0, got -0\.5 at index 1"),
        ([1, 1, 1], r"weights must be one number per sample, 4 of them, got shape \(3,\)"),
        ([[1, 1, 1, 1]], r"weights must be one number per sample, 4 of them, got shape \(1, 4\)"),
        (1, r"weights must be one number per sample, 4 of them, got shape \("),
    ],
    ids=["nan", "infinite", "negative", "short", "matrix", "scalar"],
)
def test_bad_weights(bad: Any, message: str) -> None:
    x = [0, 1, 0, 1]
    for name, call in (
        ("contingency", lambda: contingency(x, x, weights=bad)),
        ("counts", lambda: counts(x, weights=bad)),
        ("mutual_information", lambda: mutual_information(x, x, weights=bad)),
    ):
        with pytest.raises(ValueError, match=f"^{name}: {message}"):
            call()


def test_methods_that_do_not_fit() -> None:
    small, wide = np.arange(20, dtype=np.uint8), np.arange(20, dtype=np.uint16)
    for method in ("words", "planes"):
        for call in (
            lambda m=method: contingency(wide, small, method=m),
            lambda m=method: contingency(small, wide, method=m),
            lambda m=method: contingency(small, small % 2, weights=np.ones(20), method=m),
        ):
            with pytest.raises(
                ValueError, match=f"^contingency: method='{method}' takes unweighted columns of at most 256"
            ):
                call()
    with pytest.raises(ValueError, match=r"method='words' .* 256 cells; method='cells' takes any"):
        contingency(small, small, method="words")
    check(contingency(small, small, method="planes"), np.eye(20, dtype=np.int64))


def test_the_reference_itself() -> None:
    """Counted by hand."""
    assert count("abab", [0, 0, 0, 1]) == {("a", 0): 2, ("b", 0): 1, ("b", 1): 1}
    assert ranks(["b", "a", "b"]) == [1, 0, 1]
    assert table_of([1, 0, 1], [0, 0, 0], (2, 1)).tolist() == [[1], [2]]
