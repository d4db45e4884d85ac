"""What counts as an array of numbers: lists, tensors, frames and columns of other libraries; and what is refused."""

from __future__ import annotations

import array
import datetime
import decimal
import fractions
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scripts import run

import fastent

ROWS = [[1, 2, 0, 5], [3, 3, 3, 3], [0, 0, 1, 0]]
P = np.array(ROWS, dtype=float)


def check(got: Any, values: Any, dtype: Any = np.float64, axis: int = -1) -> None:
    """The entropy of plain float64 numbers, in the dtype that is due."""
    want = fastent.entropy(np.asarray(values, dtype=np.float64), axis=axis)
    assert type(got) is type(want.astype(dtype)[()])
    assert np.asarray(got).dtype == dtype
    np.testing.assert_allclose(got, want, rtol=1e-15 if dtype == np.float64 else 1e-6)


# ---- Python --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 5],
        (0.25, 0.75),
        [True, False, True],
        range(5),
        array.array("d", [0.5, 1.5]),
        array.array("i", [5, 1]),
        memoryview(array.array("f", [5, 1])),
        bytearray(b"\x01\x05"),
        np.float64(3) * np.ones(3),
        [np.float32(1), np.float64(3)],
        [np.array([1, 2]), np.array([3, 4])],
        [[1, 2], (3, 4)],
        ROWS,
    ],
    ids=lambda values: type(values).__name__,
)
def test_sequences(values: Any) -> None:
    got = fastent.entropy(values)
    plain = np.asarray(values)
    dtype = np.float32 if plain.dtype == np.float32 else np.float64
    check(got, plain, dtype)
    np.testing.assert_array_equal(fastent.kl_divergence(values, plain), 0 * got)
    element = fastent.information_content(values)
    np.testing.assert_array_equal(element, fastent.information_content(plain))


def test_scalars() -> None:
    """Elementwise functions take numbers; rows need a dimension."""
    for number in (0.5, np.float64(0.5), np.array(0.5), True, 1, np.float32(0.5), fractions.Fraction(1, 2).__float__()):
        for function in (fastent.information_content, fastent.binary_entropy):
            got = function(number)
            assert isinstance(got, np.floating)
            assert got == function(np.array([number]))[0]
        with pytest.raises(ValueError, match="entropy: p must have at least one dimension"):
            fastent.entropy(number)
    assert fastent.information_content(np.float32(0.5)).dtype == np.float32


def test_array_interfaces() -> None:
    """Objects that know how to become an array, and subclasses."""

    class Interface:
        __array_interface__ = P.__array_interface__

    class Array:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return P

    class Subclass(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("not to be used")

    for value in (Interface(), Array(), P.view(Subclass), np.rec.array(P)):
        got = fastent.entropy(value)
        assert type(got) is np.ndarray
        check(got, P)
        assert type(fastent.entropy(value, axis=None)) is np.float64


def test_memory_mapped(tmp_path: Any) -> None:
    np.save(tmp_path / "p.npy", P)
    got = fastent.entropy(np.load(tmp_path / "p.npy", mmap_mode="r"))
    assert type(got) is np.ndarray
    check(got, P)


def test_empty() -> None:
    for empty in ([], (), np.empty(0), range(0)):
        assert np.isnan(fastent.entropy(empty))
        assert fastent.information_content(empty).shape == (0,)
    assert fastent.entropy([[], []]).shape == (2,)
    assert fastent.entropy(np.empty((0, 3))).shape == (0,)


# ---- torch ---------------------------------------------------------------------------------------------------------


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    single = {torch.float32, torch.float16, torch.bfloat16}
    integers = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    for dtype in (torch.float64, *single, *integers, torch.bool):
        p = torch.tensor(ROWS).to(dtype)
        due, plain = np.float32 if dtype in single else np.float64, p.to(torch.float64).numpy()
        check(fastent.entropy(p), plain, due)
        check(fastent.entropy(p, axis=0), plain, due, axis=0)
        check(fastent.entropy(p.T), plain.T, due)
        check(fastent.entropy(p[::2, 1:]), plain[::2, 1:], due)
        check(fastent.entropy(p[0]), plain[0], due)
        got = fastent.kl_divergence(p.expand(2, 3, 4), p[0] + p[2])
        assert got.shape == (2, 3)
        assert got.dtype == due
        np.testing.assert_array_equal(fastent.kl_divergence(p, p), np.zeros(3))
        assert fastent.information_content(p[0, 0]) == 0
        if dtype.is_floating_point:
            p.requires_grad_()
            check(fastent.entropy(p), plain, due)
            check(fastent.entropy(p * 2), 2 * plain, due)  # not a leaf
            assert p.requires_grad
        assert torch.equal(p.detach(), torch.tensor(ROWS).to(dtype))
    assert fastent.kl_divergence(torch.tensor(ROWS).bfloat16(), P).dtype == np.float64
    check(fastent.entropy(torch.nn.Parameter(torch.tensor(P))), P)
    check(fastent.entropy([torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])]), [[1, 2], [3, 4]], np.float32)
    check(fastent.entropy(torch.tensor(-P).neg()), P)
    check(fastent.entropy(torch._neg_view(torch.tensor(-P))), P)
    with torch.no_grad():
        check(fastent.entropy(torch.tensor(P, requires_grad=True)), P)


def test_torch_where() -> None:
    torch = pytest.importorskip("torch")
    mask = np.array([True, True, False, True])
    np.testing.assert_array_equal(fastent.entropy(P, where=torch.tensor(mask)), fastent.entropy(P, where=mask))


TORCH_REFUSED = {
    "complex": "torch.ones(2, dtype=torch.complex64)",
    "float8": "torch.ones(2).to(torch.float8_e4m3fn)",
    "sparse": "torch.ones(2).to_sparse()",
    "no memory": "torch.ones(2, device='meta')",
}


@pytest.mark.parametrize("expression", TORCH_REFUSED.values(), ids=TORCH_REFUSED)
def test_torch_refused(expression: str) -> None:
    tensor = eval(expression, {"torch": pytest.importorskip("torch")})
    with pytest.raises(TypeError, match=r"^entropy: p must "):
        fastent.entropy(tensor)
    with pytest.raises(TypeError, match=r"^kl_divergence: q must "):
        fastent.kl_divergence([1, 1], tensor)


# ---- frames and columns --------------------------------------------------------------------------------------------


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=list("abcd"), index=[5, 6, 7])
    check(fastent.entropy(frame), P)
    check(fastent.entropy(frame, axis=0), P, axis=0)
    check(fastent.entropy(frame.astype("float32")), P, np.float32)
    check(fastent.entropy(frame["a"]), P[:, 0])
    check(fastent.entropy(frame.loc[6]), P[1])
    check(fastent.entropy(frame.index), [5, 6, 7])
    check(fastent.entropy(frame > 0), P > 0)
    np.testing.assert_array_equal(fastent.kl_divergence(frame, frame.loc[5]), fastent.kl_divergence(P, P[0]))
    mixed = frame.astype({"a": "float32", "b": "int8", "c": bool})
    check(fastent.entropy(mixed), mixed.to_numpy(dtype=float))
    assert type(fastent.entropy(frame)) is np.ndarray
    sparse = pandas.Series(pandas.arrays.SparseArray([0.0, 1, 0, 3]))
    check(fastent.entropy(sparse), [0, 1, 0, 3])


NULLABLE = ["Int64", "UInt8", "Float64", "Float32", "boolean", "int64[pyarrow]", "double[pyarrow]"]
by_nullable = pytest.mark.parametrize("dtype", NULLABLE)


@by_nullable
def test_pandas_nullable(dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    values = [1, 0, 1] if dtype == "boolean" else [1, 2, 5]
    due = np.float32 if dtype == "Float32" else np.float64
    column = pandas.Series(values, dtype=dtype)
    check(fastent.entropy(column), values, due)
    check(fastent.entropy(column.array), values, due)
    frame = pandas.DataFrame({"a": column, "b": column})
    check(fastent.entropy(frame, axis=0), np.transpose([values, values]), due, axis=0)


@by_nullable
def test_pandas_missing(dtype: str) -> None:
    """NA is NaN: it makes the row invalid unless `where` leaves it out."""
    pandas = pytest.importorskip("pandas")
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    values = [1, 0, 1] if dtype == "boolean" else [1, 2, 5]
    due = np.float32 if dtype == "Float32" else np.float64
    missing = pandas.Series([*values, None], dtype=dtype)
    got = fastent.entropy(missing)
    assert np.isnan(got)
    assert got.dtype == due
    check(fastent.entropy(missing, where=[True, True, True, False]), values, due)


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(ROWS, schema=list("abcd"), orient="row")
    check(fastent.entropy(frame), P)
    check(fastent.entropy(frame, axis=0), P, axis=0)
    check(fastent.entropy(frame["a"]), P[:, 0])
    single = frame.cast(polars.Float32)
    check(fastent.entropy(single), P, np.float32)
    check(fastent.entropy(single["d"]), P[:, 3], np.float32)
    check(fastent.entropy(frame["a"] > 0), P[:, 0] > 0)
    check(fastent.entropy(polars.concat([frame["a"], frame["b"]], rechunk=False)), [*P[:, 0], *P[:, 1]])
    missing = polars.Series([1, None, 3])
    assert np.isnan(fastent.entropy(missing))
    check(fastent.entropy(missing, where=[True, False, True]), [1, 3])
    np.testing.assert_array_equal(fastent.js_divergence(frame, frame), np.zeros(3))
    nested = polars.Series([[1.0, 2.0], [3.0, 4.0]], dtype=polars.Array(polars.Float64, 2))
    check(fastent.entropy(nested), [[1, 2], [3, 4]])


def test_pyarrow() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    for kind in ("float64", "int64", "uint8", "bool_", "float32", "float16"):
        values = (
            [True, False, True] if kind == "bool_" else np.array([1, 2, 5], "f2") if kind == "float16" else [1, 2, 5]
        )
        column = pyarrow.array(values, type=getattr(pyarrow, kind)())
        due = np.float32 if kind in ("float32", "float16") else np.float64
        check(fastent.entropy(column), values, due)
        check(fastent.entropy(column.slice(1)), values[1:], due)
        check(fastent.entropy(pyarrow.chunked_array([column, column])), [*values, *values], due)
    missing = pyarrow.array([1, None, 3])
    assert np.isnan(fastent.entropy(missing))
    check(fastent.entropy(missing, where=[True, False, True]), [1, 3])
    table = pyarrow.table({name: P[:, i] for i, name in enumerate("abcd")})
    check(fastent.entropy(table), P)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_of_text_are_refused(library: str) -> None:
    module = pytest.importorskip(library)
    make = {"pandas": "Series", "polars": "Series", "pyarrow": "array"}[library]
    days = [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2)]
    columns = [getattr(module, make)(["a", "b"]), getattr(module, make)(days)]
    if library == "pandas":
        columns += [module.DataFrame({"a": [1, 2], "b": ["x", "y"]}), module.Series(["a", "b"], dtype="category")]
        columns += [module.Series([1 + 2j]), module.Series([[1, 2], [3]])]
    if library == "polars":
        columns += [module.DataFrame({"a": [1, 2], "b": ["x", "y"]}), module.Series([[1, 2], [3]])]
    for column in columns:
        with pytest.raises(TypeError, match=r"^entropy: p must "):
            fastent.entropy(column)
        with pytest.raises(TypeError, match=r"^kl_divergence: q must "):
            fastent.kl_divergence([1, 2], column)


# ---- ml_dtypes -----------------------------------------------------------------------------------------------------


def test_bfloat16() -> None:
    p = P.astype(ml_dtypes.bfloat16)
    check(fastent.entropy(p), P, np.float32)
    check(fastent.entropy(p.T), P.T, np.float32)
    check(fastent.entropy(p[::-1, ::2]), P[::-1, ::2], np.float32)
    assert fastent.kl_divergence(p, P).dtype == np.float64
    assert fastent.kl_divergence(p, P.astype(np.float16)).dtype == np.float32
    check(fastent.entropy([ml_dtypes.bfloat16(1), ml_dtypes.bfloat16(3)]), [1, 3], np.float32)
    assert fastent.information_content(ml_dtypes.bfloat16(0.5)).dtype == np.float32


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "int4", "uint4", "float4_e2m1fn"])
def test_other_small_types_are_refused(name: str) -> None:
    if not hasattr(ml_dtypes, name):
        pytest.skip("an older ml_dtypes")
    with pytest.raises(TypeError, match=rf"entropy: p must hold real numbers.*got dtype {name}"):
        fastent.entropy(P.astype(getattr(ml_dtypes, name)))


# ---- refusals ------------------------------------------------------------------------------------------------------

REFUSED: dict[str, Any] = {
    "object": np.array([1, 2], dtype=object),
    "None": None,
    "list with None": [1.0, None],
    "decimals": [decimal.Decimal(1), decimal.Decimal(2)],
    "fractions": [fractions.Fraction(1, 2)] * 2,
    "huge integers": [2**70, 1],
    "ragged list": [[1, 2], [3]],
    "complex64": np.array([1, 2], dtype=np.complex64),
    "complex128": [1 + 0j, 2],
    "text": ["1", "2"],
    "one text": "0.5",
    "bytes": b"12",
    "array of bytes": np.array([b"1", b"2"]),
    "StringDType": np.array(["1", "2"], dtype=np.dtypes.StringDType()),
    "datetime64": np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
    "timedelta64": np.array([1, 2], dtype="m8[s]"),
    "structured": np.zeros(2, dtype=[("a", "f8"), ("b", "f8")]),
    "void": np.zeros(2, dtype="V8"),
    "dict": {"a": 0.5, "b": 0.5},
    "set": {0.5, 0.25},
    "generator": (x for x in (0.5, 0.5)),
    "function": len,
    "masked array": np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]),
    "masked array without a mask": np.ma.masked_array([1, 2, 3]),
    "matrix": np.ones((1, 2)).view(np.matrix),
}
if np.dtype(np.longdouble) != np.dtype(np.float64):
    REFUSED |= {"longdouble": np.array([1, 2], dtype=np.longdouble), "clongdouble": np.ones(2, np.clongdouble)}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_refused(value: Any) -> None:
    """By every kind of function, for either argument, naming both; before any work."""
    out = np.full(2, 7.0)
    for call in (
        lambda: fastent.entropy(value),
        lambda: fastent.kl_divergence(value, [0.5, 0.5]),
        lambda: fastent.kl_divergence([0.5, 0.5], value),
        lambda: fastent.entropy(value, out=out),
        lambda: fastent.information_content(value),
        lambda: fastent.binary_cross_entropy([0.5, 0.5], value),
        lambda: fastent.renyi_entropy(value, 2),
    ):
        with pytest.raises(TypeError, match=r"^[a-z_]+: [pqy] must ") as refusal:
            call()
        assert "\n" not in str(refusal.value)
    assert (out == 7).all()


def test_refusals_say_what_to_pass() -> None:
    masked = REFUSED["masked array"]
    with pytest.raises(TypeError, match="masked"):
        fastent.entropy(masked)
    assert fastent.entropy(masked.data, where=~masked.mask) == fastent.entropy([1, 3])
    with pytest.raises(TypeError, match=r"matrix.*asarray"):
        fastent.entropy(REFUSED["matrix"])
    with pytest.raises(TypeError, match=r"dtype complex128.*astype"):
        fastent.entropy(REFUSED["complex128"])


# ---- nothing is imported -------------------------------------------------------------------------------------------


def test_no_library_is_imported() -> None:
    """Neither by importing fastent nor by using it."""
    script = """
import sys
import numpy as np
import fastent
p = np.random.default_rng(0).random((100, 1000))
for name in fastent.distributions.__all__:
    arguments = [p, p] if name.endswith(("divergence", "distance", "variation", "cross_entropy")) else [p]
    getattr(fastent, name)(*arguments, *[2] * (name.startswith(("renyi", "tsallis"))))
codes = (3 * p).astype(np.uint8)
fastent.discrete.mutual_information_matrix(codes[:, :5])
fastent.encode(codes[:, 0].astype(float))
fastent.entropy([[1, 2], [3, 4]])
try:
    fastent.entropy(["a"])
except TypeError:
    pass
libraries = "torch pandas polars pyarrow scipy sklearn ml_dtypes numba matplotlib mpmath"
print(*sorted(set(libraries.split()) & set(sys.modules)))
"""
    assert run(script).split() == []
