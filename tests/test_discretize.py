"""Bins: NumPy's quantiles and digits, Fayyad and Irani by brute force, and every layout the same codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_selection as oracle
import pytest

from fastent import _threads
from fastent.feature_selection import discretize

RULES = ("quantile:1", "quantile:4", "quantile:16", "quantile:300", "uniform:10", "uniform:70")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


def numbers(rows: int = 1500, columns: int = 19, dtype: Any = np.float64, holes: bool = False) -> np.ndarray:
    """Normal, rounded (so that values repeat), skewed and constant columns."""
    rng = np.random.default_rng((rows, columns))
    X = rng.standard_normal((rows, columns))
    X[:, 1::4] = np.round(X[:, 1::4], 1)
    X[:, 2::4] = np.exp(3 * X[:, 2::4])
    X[:, 3::8] = 7.5
    if holes:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X.astype(dtype)


def edges_of(x: np.ndarray, rule: str) -> np.ndarray:
    kind, _, k = rule.partition(":")
    x = x[~np.isnan(x)].astype(np.float64)
    shares = np.linspace(0, 1, int(k) + 1)
    found = np.quantile(x, shares) if kind == "quantile" else np.linspace(x.min(), x.max(), int(k) + 1)
    found = np.unique(found)
    return found if len(found) > 1 else np.array([found[0], found[0]])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rule", RULES)
def test_edges_and_codes_are_numpys(rule: str, dtype: Any, threads: None) -> None:
    X = numbers(dtype=dtype, holes=True)
    found = discretize(X, rule)
    for c, x in enumerate(X.T):
        want = edges_of(x, rule)
        np.testing.assert_array_equal(found.edges[c], want, err_msg=str(c))
        codes = np.where(np.isnan(x), len(want) - 1, np.digitize(x.astype(np.float64), want[1:-1]))
        np.testing.assert_array_equal(found.codes[:, c], codes, err_msg=str(c))
        assert found.missing[c] == len(want) - 1
    assert found.codes.dtype == (np.uint16 if rule == "quantile:300" else np.uint8)
    assert found.codes.flags.f_contiguous


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("edges", [1, 2, 3, 7, 8, 9, 23, 24, 25, 26, 31, 32, 33, 63, 64, 65, 127, 254, 255, 256, 1000])
def test_any_number_of_edges(edges: int) -> None:
    rng = np.random.default_rng(edges)
    inner = np.sort(rng.standard_normal(edges))
    outer = np.concatenate([[-9.0], inner, [9.0]])
    x = np.concatenate([rng.standard_normal(2000), inner, [-1e9, 1e9, -np.inf, np.inf, -9.0, 9.0]])
    for dtype in (np.float64, np.float32):
        values = x.astype(dtype)
        found = discretize(values, outer).codes
        np.testing.assert_array_equal(found, np.digitize(values.astype(np.float64), inner))
        assert found.tolist()[:50] == [oracle.code(v, outer.tolist()) for v in values.tolist()[:50]]


@pytest.mark.usefixtures("isa")
def test_layouts_workers_and_dtypes(threads: None) -> None:
    X = numbers(3000, 35, np.float32)
    want = discretize(X, "quantile:16", workers=1)
    for other in (
        np.asfortranarray(X), np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        np.asfortranarray(X[::-1, ::-1])[::-1, ::-1], X.astype(">f4"), X.astype(np.float64),
    ):  # fmt: skip
        for workers in (1, 2, 3):
            found = discretize(other, "quantile:16", workers=workers)
            np.testing.assert_array_equal(found.codes, want.codes)
            for a, b in zip(found.edges, want.edges, strict=True):
                np.testing.assert_array_equal(a, b)
    whole = np.random.default_rng(1).integers(-50, 50, (500, 20))
    as_floats = discretize(whole.astype(float), "uniform:7")
    for dtype in (np.int8, np.int64):
        np.testing.assert_array_equal(discretize(whole.astype(dtype), "uniform:7").codes, as_floats.codes)
    half = X[:, :4].astype(np.float16)
    np.testing.assert_array_equal(
        discretize(half, "quantile:5").codes, discretize(half.astype(float), "quantile:5").codes
    )


def test_edges_are_used_again_and_the_input_is_left_alone() -> None:
    X = numbers(holes=True)
    before = X.copy()
    X.flags.writeable = False
    first = discretize(X, "quantile:8")
    again = discretize(X, first.edges)
    np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(X, before)
    assert discretize(X[:5, 0], first.edges[0]).codes.tolist() == first.codes[:5, 0].tolist()


def test_frames() -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    X = numbers(200, 3)
    want = discretize(X, "quantile:4")
    names = ["a", "b", "c"]
    for frame in (
        pd.DataFrame(X, columns=names),
        pl.DataFrame(X, schema=names),
        pa.table(dict(zip(names, X.T, strict=True))),
    ):
        np.testing.assert_array_equal(discretize(frame, "quantile:4").codes, want.codes)
    gap = pd.DataFrame({"a": pd.array([1.0, None, 3.0], "Float64")})
    assert discretize(gap, "quantile:2").codes.tolist() == [[0], [2], [1]]


def test_memory_of_a_column_at_a_time() -> None:
    """float32 in C order: neither copied nor widened as a whole."""
    import tracemalloc

    X = np.random.default_rng(0).standard_normal((20_000, 64), dtype=np.float32)
    tracemalloc.start()
    try:
        discretize(X, "quantile:16", workers=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.size + X.nbytes / 2  # the codes, and half the input at most


# ---- minimum description length ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_mdlp_is_the_recursion(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = 2 + seed % 3
    y = rng.integers(0, classes, 70)
    X = np.stack([
        rng.standard_normal(70), y + 0.4 * rng.standard_normal(70), np.round(y + rng.standard_normal(70), 1),
        np.sort(y) + 0.1 * rng.standard_normal(70),
    ], axis=1)  # fmt: skip
    found = discretize(X, "mdlp", y)
    for c, x in enumerate(X.T):
        want = oracle.mdlp(x.tolist(), y.tolist())
        np.testing.assert_allclose(found.edges[c], [x.min(), *want, x.max()], rtol=1e-15)
    assert max(len(e) for e in found.edges) > 2


def test_mdlp_cuts_where_classes_change() -> None:
    x = np.arange(100.0)
    found = discretize(x, "mdlp", x >= 40)
    assert found.edges.tolist() == [0, 39.5, 99]
    x[::7] = np.nan
    assert discretize(x, "mdlp", np.arange(100) >= 40).edges.tolist() == [1, 39.5, 99]


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"bins": "quantile"}, ValueError, r"^discretize: bins must be 'quantile:K' or .* got 'quantile'$"),
    ({"bins": "uniform:0"}, ValueError, r"got 'uniform:0'"),
    ({"bins": "mdlp"}, ValueError, r"^discretize: bins='mdlp' needs the labels y"),
    ({"bins": "mdlp", "y": [1, 2]}, ValueError, r"^discretize: X and y must have as many samples, got 3 and 2"),
    ({"bins": [0, 0, 1]}, ValueError, r"^discretize: edges must increase"),
    ({"bins": [0]}, ValueError, r"^discretize: edges must increase, from 2"),
    ({"bins": [[0, 1]] * 3}, ValueError, r"for each of the 2 columns, got 3"),
    ({"bins": None}, TypeError, r"^discretize: bins must be a string or arrays of numbers, got None"),
    ({"X": [[1.0, np.nan], [2.0, np.nan]]}, ValueError, r"^discretize: column 1 of X holds nothing but nan"),
    ({"X": [[1.0, np.inf], [2.0, 0]]}, ValueError, r"^discretize: column 1 of X holds an infinity"),
    ({"X": [[1.0, np.nan], [2.0, 0]], "missing": "raise"}, ValueError, r"X is nan in column 1, row 0; pass"),
    ({"X": [["a", "b"]]}, TypeError, r"^discretize: X must hold numbers, got dtype <U1"),
    ({"X": np.zeros((2, 2, 2))}, ValueError, r"^discretize: X must have shape"),
    ({"X": np.zeros((0, 2))}, ValueError, r"^discretize: there are no samples"),
    ({"missing": "drop"}, ValueError, r"^discretize: missing must be 'level', 'omit' or 'raise', got 'drop'"),
    ({"workers": 0}, ValueError, r"^discretize: workers must be at least 1"),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED, ids=lambda v: str(v)[:40])
def test_refusals(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        discretize(**{"X": [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], "bins": "quantile:2"} | changed)
