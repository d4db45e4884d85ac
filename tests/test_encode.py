"""Labels of any kind become small codes: `levels[codes]` are the labels, whatever held them."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scripts import run

from fastent._codes import as_codes, encode
from fastent._levels import code_dtype

N = 20_000  # beyond the size below which everything is sorted or goes through a dict
STRING_DTYPE = np.lib.NumpyVersion(np.__version__) >= "2.1.0"  # before, copies of long strings lose their memory
STRINGS = np.array(["oak", "elm", "", "ash", "a much longer name, of many words", "\u00e9rable", "\U0001f333"])
PICK = np.random.default_rng(5).integers(0, 7, N)
NAN = float("nan")


def check(X: Any, labels: Any) -> None:
    """The codes give back the labels, are dense and small, and the levels are sorted."""
    got = encode(X)
    labels = np.asarray(labels)
    assert got.codes.shape == labels.shape
    codes, labels = got.codes.reshape(len(labels), -1), labels.reshape(len(labels), -1)
    all_levels = got.levels if isinstance(got.levels, list) else [got.levels]
    assert got.missing == (None if got.codes.ndim == 1 else [None] * codes.shape[1])
    assert len(all_levels) == codes.shape[1]
    for i, found in enumerate(all_levels):
        np.testing.assert_array_equal(found[codes[:, i]], labels[:, i])
        np.testing.assert_array_equal(np.unique(codes[:, i]), np.arange(len(found)))
        assert list(found) == sorted(found)
    assert got.codes.dtype == code_dtype(max(map(len, all_levels)))


# ---- arrays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 50, N])
@pytest.mark.parametrize("dtype", ["?", *"bBhHiIqQ", "e", "f", "d", "g", ">i4", ">f8", ">u2"])
def test_numbers(dtype: str, n: int) -> None:
    kind = np.dtype(dtype).kind
    low = {"b": 0, "u": 0}.get(kind, -3)
    x = (PICK[:n] + low).astype(dtype)
    check(x, x)
    check(x[::-2], x[::-2])
    check((x * np.array(3, dtype))[:, None], (x * np.array(3, dtype))[:, None])  # with gaps between the levels
    assert encode(x).levels.dtype == x.dtype.newbyteorder("=")


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_ends_of_the_range(dtype: str) -> None:
    info = np.iinfo(dtype)
    for ends in ([info.min, info.max], [info.max - 2, info.max], [info.min, info.min + 3]):
        x = np.array(ends, dtype)[PICK % 2]
        check(x, x)
        check(x[:3], x[:3])
    x = np.arange(N, dtype=np.int64).astype(dtype)
    check(x, x)


@pytest.mark.parametrize("levels", [255, 256, 257, 1023, 2000, 65_536, 65_537])
def test_smallest_dtype(levels: int) -> None:
    x = np.random.default_rng(1).permutation(np.arange(levels + 9) % levels)
    for labels in (x, x * 5 - 99, x * 10**12, x / 8, x.astype(str)):
        got = encode(labels)
        assert got.codes.dtype == (np.uint8 if levels <= 256 else np.uint16 if levels <= 65_536 else np.uint32)
        assert len(got.levels) == levels
        np.testing.assert_array_equal(got.levels[got.codes], labels)
    with pytest.raises(ValueError, match=r"at most 2\*\*32 - 1 levels, got 4294967296"):
        code_dtype(2**32)


def test_late_levels() -> None:
    """Levels that a sample of the rows does not show."""
    for kind in (np.int64, np.float64, str, object):
        x = np.zeros(N, np.int64)
        x[[777, -1]] = [5, -2]
        check(x.astype(kind), x.astype(kind))
        x = np.repeat(np.arange(1500), 40).astype(kind)  # more and more of them
        np.testing.assert_array_equal(np.take(encode(x).levels, encode(x).codes), x)
    wide = np.array([0, 7 * 2**40, -(2**62)])[PICK % 3]
    wide[-1] = 3
    check(wide, wide)


@pytest.mark.parametrize("bits", [0, 1, 16, 31, 40, 52, 63])
def test_numbers_that_differ_in_few_bits(bits: int) -> None:
    """Whatever bits the labels differ in, each is a level of its own, and found again."""
    distinct = np.unique(np.arange(60_000, dtype=np.uint64) << np.uint64(bits))
    x = np.random.default_rng(bits).permutation(np.concatenate([distinct, distinct]))
    for labels in (x, x.view(np.int64), x.astype(np.float64), x.view("S8") if bits % 8 == 0 else x):
        got = encode(labels)
        np.testing.assert_array_equal(got.levels[got.codes], labels)
        np.testing.assert_array_equal(got.levels, np.unique(labels))


@pytest.mark.parametrize("levels", [3, 500, 60_000])
def test_workers_change_nothing(levels: int) -> None:
    rng = np.random.default_rng(levels)
    x = rng.permutation(np.resize(rng.normal(size=levels), 300_000))
    strings = np.char.add("label ", (x * 1e6).astype(np.int64).astype(str))
    for labels in (x, (x * 1e12).astype(np.int64), strings, strings.astype(object)):
        want = encode(labels, workers=1)
        for workers in (2, 3):
            got = encode(labels, workers=workers)
            assert got.codes.dtype == want.codes.dtype
            np.testing.assert_array_equal(got.codes, want.codes)
            np.testing.assert_array_equal(got.levels, want.levels)
    with pytest.raises(ValueError, match="encode: workers must be at least 1, or -1"):
        encode(x, workers=0)


@pytest.mark.parametrize("characters", ["ab", "az\xe9\xff", "a\u0100\U0001f333"])
def test_order_of_strings(characters: str) -> None:
    """Sorted by code point, whatever the strings have in common and however long they are."""
    rng = np.random.default_rng(7)
    words = {"", *("".join(rng.choice(list(characters), size)) for size in rng.integers(1, 30, 3000))}
    shared = ["a common beginning, " + word for word in words]
    for labels in (sorted(words), shared):
        picked = [labels[i] for i in rng.integers(0, len(labels), 9000)]
        for made in (np.array(picked), np.array(picked, object), picked):
            assert list(encode(made).levels) == sorted(set(picked))
        if STRING_DTYPE:
            assert list(encode(np.array(picked, np.dtypes.StringDType())).levels) == sorted(set(picked))
        if characters.isascii():
            assert list(encode(np.array(picked, "S")).levels) == sorted({word.encode() for word in picked})


def test_strings_that_end_with_nul() -> None:
    """Fixed width cannot tell them apart; objects and StringDType can."""
    labels = ["a", "a\0", "a\0\0", "b"] * 5000
    kinds = [object, *([np.dtypes.StringDType()] if STRING_DTYPE else [])]
    for kind in kinds:
        got = encode(np.array(labels, kind))
        assert list(got.codes[:4]) == [0, 1, 2, 3] and list(got.levels) == labels[:4]


class Label:
    """Compares with a Python function, which may fail or change the labels."""

    def __init__(self, value: int, act: Any = None) -> None:
        self.value, self.act = value, act

    def __hash__(self) -> int:
        return self.value % 2

    def __eq__(self, other: object) -> bool:
        if self.act:
            self.act()
        return isinstance(other, Label) and self.value == other.value


def test_objects_with_functions_of_their_own() -> None:
    labels = np.array([Label(i % 5) for i in range(3000)], object)
    got = encode(labels)  # of two hashes
    assert list(got.codes[:10]) == [0, 1, 2, 3, 4] * 2 and got.codes.max() == 4

    def fail() -> None:
        raise RuntimeError("not comparable today")

    with pytest.raises(RuntimeError, match="not comparable today"):
        encode(np.array([Label(1, fail), Label(1, fail)], object))

    changing = np.empty(500, object)
    changing[:] = [Label(1, lambda: changing.fill(None)) for _ in range(500)]
    encode(changing, missing="omit")  # what it finds is anybody's guess, but it lives


def test_zeros_are_one_level() -> None:
    for n in (4, N):
        got = encode(np.resize([0.0, -0.0, np.inf, -np.inf], n))
        assert str(got.levels) == "[-inf   0.  inf]" and list(got.codes[:4]) == [1, 1, 2, 0]


@pytest.mark.parametrize("n", [1, 50, N])
def test_strings_dates_objects(n: int) -> None:
    strings = STRINGS[PICK[:n]]
    check(strings, strings)
    check(strings[::-2], strings[::-2])
    if STRING_DTYPE:
        check(strings.astype(np.dtypes.StringDType()), strings)
    check(np.char.encode(strings, "utf8"), np.char.encode(strings, "utf8"))
    check(strings.astype(STRINGS.dtype.newbyteorder()), strings)
    check(strings.tolist(), strings)
    check(strings.astype(object), strings)  # as many objects as rows
    check(STRINGS.astype(object)[PICK[:n]], strings)  # seven objects
    for days in (PICK[:n].astype("M8[D]"), PICK[:n].astype("m8[h]"), PICK[:n].astype("M8[D]").astype("M8[ns]")):
        check(days, days)
    mixed = pd.Series([["x", 2, (3, 4), b"y", 2.0, decimal.Decimal(2), True][i] for i in PICK[:n]]).to_numpy(object)
    got = encode(mixed)
    assert got.levels[got.codes].tolist() == mixed.tolist()
    assert list(got.levels) == list(dict.fromkeys(mixed))  # not to be sorted: in order of appearance


def test_lists() -> None:
    check([3, 1, 3], [3, 1, 3])
    check([1, 2.5, True], [1, 2.5, True])
    check([[1, 5], [0, 5]], [[1, 5], [0, 5]])
    check((b"b", b"a"), np.array([b"b", b"a"]))
    check(range(3), range(3))
    for kept_apart in ([1, "1", "b"], [2**53, 2**53 + 1, 0.5], [2**63, 2**63 + 1, -1], [2**70, 1], ["a", "a\0"]):
        assert len(encode(kept_apart).levels) == len(kept_apart)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    check(torch.tensor([[3, 1], [2, 1]]), [[3, 1], [2, 1]])
    check(torch.tensor([0.5, -1]).to(torch.bfloat16), [0.5, -1])
    X = np.arange(6, dtype=np.uint8)
    assert np.shares_memory(as_codes(torch.from_numpy(X), "x").values, X)
    with pytest.raises(TypeError, match=r"must hold labels .*dtype"):
        encode(torch.tensor([1j]))
    with pytest.raises(TypeError, match=r"f: x must be a tensor on the CPU, got one on meta; pass x.cpu\(\)"):
        as_codes(torch.zeros(3, device="meta"), "f: x")


def test_matrices() -> None:
    rng = np.random.default_rng(2)
    for columns in (2, 7, 40, 300):
        X = rng.integers(-5, 90, (300, columns))
        X[:, 1] *= 10**14
        for layout in (X, np.asfortranarray(X), X[::-1, ::-1], X.astype("f4"), X.astype(str), X.astype(object)):
            check(layout[:90], layout[:90])
            assert encode(layout).codes.flags.f_contiguous
    assert encode(np.empty((0, 3))).codes.shape == (0, 3)
    assert encode(np.empty((3, 0), int)).codes.shape == (3, 0)
    for empty in ([], np.empty(0, int), np.empty(0, "U3"), pd.Series([], dtype=object), pl.Series([], dtype=pl.String)):
        assert (len(encode(empty).codes), len(encode(empty).levels)) == (0, 0)
        assert list(as_codes(empty, "x").cardinalities) == [0]


# ---- frames and columns of other libraries -------------------------------------------------------------------------


DATES = [datetime.date(2020, 1, 2), datetime.date(2019, 5, 5)]
TIMES = [datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), datetime.datetime(2019, 1, 2, tzinfo=datetime.UTC)]
TEXT, AB, FLAGS = ["b", "a"], ["a", "b"], [True, False]
COLUMNS = {
    "pandas Int64": (pd.Series, [2**60 + 1, 2**60], "Int64"),
    "pandas boolean": (pd.Series, FLAGS, "boolean"),
    "pandas Float32": (pd.Series, [2.5, -1], "Float32"),
    "pandas int64[pyarrow]": (pd.Series, [7, -2], "int64[pyarrow]"),
    "pandas bool[pyarrow]": (pd.Series, FLAGS, "bool[pyarrow]"),
    "pandas string[pyarrow]": (pd.Series, TEXT, "string[pyarrow]"),
    "pandas str": (pd.Series, TEXT, None),
    "pandas object": (pd.Series, TEXT, object),
    "pandas index": (pd.Index, TEXT, None),
    "pandas array": (pd.array, [7, -2], "Int8"),
    "pandas dates": (pd.Series, [pd.Timestamp(d) for d in DATES], None),
    "pandas times": (pd.Series, [pd.Timestamp(t) for t in TIMES], None),
    "pandas category": (pd.Series, TEXT, pd.CategoricalDtype(AB)),
    "pandas categorical": (pd.Categorical, TEXT, pd.CategoricalDtype(AB)),
    "polars int": (pl.Series, [7, -2], pl.Int16),
    "polars bool": (pl.Series, FLAGS, pl.Boolean),
    "polars string": (pl.Series, TEXT, pl.String),
    "polars category": (pl.Series, TEXT, pl.Categorical),
    "polars enum": (pl.Series, TEXT, pl.Enum(AB)),
    "polars date": (pl.Series, DATES, pl.Date),
    "polars time": (pl.Series, [datetime.time(2), datetime.time(1)], pl.Time),
    "pyarrow int": ("arrow", [7, -2], pa.int64()),
    "pyarrow bool": ("arrow", FLAGS, pa.bool_()),
    "pyarrow string": ("arrow", TEXT, pa.large_string()),
    "pyarrow date": ("arrow", DATES, pa.date32()),
    "pyarrow dictionary": ("arrow", TEXT, pa.dictionary(pa.int8(), pa.string())),
    "objects": (np.array, TEXT, object),
    "masked": (np.ma.array, [5, 3], int),
    "masked strings": (np.ma.array, TEXT, "U1"),
    "masked floats": (np.ma.array, [5.5, 3], float),
    "floats": (np.array, [5.5, 3], float),
    "dates": (np.array, DATES, "M8[D]"),
    **({"StringDType": (np.array, TEXT, np.dtypes.StringDType(na_object=None))} if STRING_DTYPE else {}),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
@pytest.mark.parametrize("times", [1, N // 4])
def test_columns_and_their_missing_labels(case: str, times: int) -> None:
    make, (large, small), dtype = COLUMNS[case]
    make = make if make != "arrow" else lambda labels, dtype: pa.array(labels, dtype)
    full = [large, small, small, large]
    if case.startswith("masked"):
        X = make(full * times, dtype=dtype, mask=[False, False, True, False] * times)
    else:
        X = make([large, small, None, large] * times, dtype=dtype)
    got = encode(make(full * times, dtype=dtype))
    assert list(got.codes) == [1, 0, 0, 1] * times and got.missing is None and got.codes.flags.writeable
    want = full if got.levels.dtype.kind != "M" else np.array([str(v)[:10] for v in full], "M8[D]")
    np.testing.assert_array_equal(got.levels[got.codes[:4]], want)
    with pytest.raises(ValueError, match=r"encode: X has a missing label in row 2; .*missing='level'.*missing='omit'"):
        encode(X)

    omitted, extra = encode(X, missing="omit"), encode(X, missing="level")
    for got, levels in ((omitted, 2), (extra, 3)):
        assert list(got.codes) == [1, 0, 2, 1] * times
        assert (got.codes.dtype, got.missing, len(got.levels)) == (np.uint8, 2, levels)
    np.testing.assert_array_equal(extra.levels[:2], omitted.levels)
    assert extra.levels[2] is None or extra.levels[2] != extra.levels[2]

    codes, cardinalities, kept, names = as_codes(X, "x", missing="omit")
    assert list(kept) == [True, True, False, True] * times and list(codes) == [1, 0, 0, 1] * times
    assert list(cardinalities) == [2] and names is None
    codes, cardinalities, kept, _ = as_codes(X, "x", missing="level")
    assert list(codes) == [1, 0, 2, 1] * times and list(cardinalities) == [3] and kept is None


def test_nothing_but_missing() -> None:
    for X in ([None, None], [NAN, NAN], pd.Series([None] * 2), pl.Series([None, None]), pa.nulls(2), [NAN, None]):
        assert len(encode(X, missing="omit").levels) == 0
        assert list(encode(X, missing="level").codes) == [0, 0]
        codes, cardinalities, kept, _ = as_codes(X, "x", missing="omit")
        assert list(codes) == [0, 0] and list(cardinalities) == [1] and not kept.any()
    got = encode([1, None, pd.NA, NAN, pd.NaT, decimal.Decimal("nan"), "a"], missing="omit")
    assert list(got.codes) == [0, 2, 2, 2, 2, 2, 1]


def test_categories_are_kept() -> None:
    """Declared categories stay in their order, used or not; ways to store strings are relabelled."""
    for X in (pd.Categorical(["b", "a"], ["b", "x", "a"]), pl.Series(["b", "a"], dtype=pl.Enum(["b", "x", "a"]))):
        got = encode(X)
        assert list(got.levels) == ["b", "x", "a"] and list(got.codes) == [0, 2]
        assert list(as_codes(X, "x").cardinalities) == [3]
    stored = pa.DictionaryArray.from_arrays(pa.array([3, 0, 1, None, 2]), ["b", None, "x", "a", "unused"])
    chunks = pa.chunked_array([pa.array(["b"]).dictionary_encode(), pa.array(["a", "b"]).dictionary_encode()])
    assert list(encode(stored, missing="level").levels) == ["a", "b", "x", None]
    assert list(encode(stored.slice(1, 2), missing="level").codes) == [0, 1]
    assert list(encode(chunks).codes) == [1, 0, 1]
    assert list(encode(pl.concat([pl.Series(["b", "a"], dtype=pl.Categorical)] * 2)).codes) == [1, 0, 1, 0]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames(library: str) -> None:
    data = {"n": [30, 10, 30], "s": ["x", None, "y"], "u": np.array([5, 0, 5], np.uint8)}
    X = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library](data)
    got = encode(X, missing="level")
    np.testing.assert_array_equal(got.codes, [[1, 0, 1], [0, 2, 0], [1, 1, 1]])
    assert (got.missing, got.codes.flags.f_contiguous) == ([None, 2, None], True)
    assert [list(levels) for levels in got.levels] == [[10, 30], ["x", "y", None], [0, 5]]
    with pytest.raises(ValueError, match="f: x has a missing label in column 's', row 1"):
        as_codes(X, "f: x")
    codes = as_codes(X, "f: x", missing="omit")
    np.testing.assert_array_equal(codes.values, [[1, 0, 5], [0, 0, 0], [1, 1, 5]])  # the column u is kept
    np.testing.assert_array_equal(codes.kept, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert (list(codes.cardinalities), codes.names) == ([2, 2, 6], ["n", "s", "u"])


# ---- codes as they are, and refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_codes_are_not_copied(dtype: type) -> None:
    X = (np.arange(120).reshape(20, 6) % 7 * (1 if dtype == np.bool_ else 36)).astype(dtype)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    for x in (X, np.asfortranarray(X), X[::2, ::-3], X[:, 2], X[:, :1], np.ma.array(X), frame, frame["b"]):
        got, plain = as_codes(x, "x"), np.asarray(x)
        assert np.shares_memory(got.values, plain) and got.values.strides == plain.strides and got.kept is None
        assert list(got.cardinalities) == list(np.atleast_1d(plain.max(axis=0).astype(int) + 1))
    assert as_codes(frame, "x").names == list("abcdef") and as_codes(X, "x").names is None
    assert not np.shares_memory(encode(X).codes, X)
    assert as_codes(np.arange(3, dtype=">u2"), "x").values.dtype.isnative
    assert list(as_codes(np.array([-1, 5]), "x").values) == [0, 1]


def test_refusals() -> None:
    for X in (3, "oak", np.zeros((2, 3, 4)), {"a": 1}):
        with pytest.raises(ValueError, match=rf"encode: X must be .*, got \w+ of shape \({str(np.shape(X))[1:-1]}\)"):
            encode(X)
    for X in (np.zeros(3, complex), [1j], np.zeros(2, "i4,f8"), pd.Series([1j])):
        with pytest.raises(TypeError, match=r"f: x must hold labels .*dtype"):
            as_codes(X, "f: x")
    for X in ([[1, 2], [3]], pd.Series([[1], [2]]), pl.Series([[1], [2]]), pa.array([[1], [2]])):
        with pytest.raises(TypeError, match="encode: X must hold labels that can be hashed"):
            encode(X)
    with pytest.raises(ValueError, match="encode: missing must be 'raise', 'level' or 'omit', got 'drop'"):
        encode([1], missing="drop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="X has a missing label in column 1, row 2"):
        encode([[0, 1], [2, 3], [4, NAN], [NAN, NAN]][:3])
    with pytest.raises(ValueError, match="X has a missing label in column 'size', row 0"):
        encode(pd.Series([None, 1], name="size"))


def test_imports_no_other_library() -> None:
    found = run(
        "import fastent._codes, sys; print(sorted({'pandas', 'polars', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    assert found.strip() == "[]"
