"""Sparse columns and weighted samples: the numbers of dense columns, and of any cutting of the work."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from fastent import _threads
from fastent.feature_selection import (
    InformationSelector,
    Selection,
    _counting,
    _weighting,
    information_value,
    select,
)
from fastent.feature_selection._criteria import NAMES


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


def sample(rows: int = 300, columns: int = 12, largest: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Columns of which a few entries are not 0, some of them where the target says so."""
    rng = np.random.default_rng(columns)
    y = rng.integers(0, 3, rows)
    X = np.where(rng.random((rows, columns)) < 0.1, rng.integers(1, largest, (rows, columns)), 0)
    X[:, ::5] = np.where(rng.random((rows, len(X[0, ::5]))) < 0.3, y[:, None], X[:, ::5])
    X[:, 1] = 0
    X[:, 2] = 1
    return X, y


def equal(a: Selection, b: Selection) -> None:
    for name in ("indices", "scores", "relevance", "redundancy", "relevances", "counted"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", NAMES)
def test_sparse_is_dense(criterion: str, weighted: bool, threads: None) -> None:
    X, y = sample()
    w = np.random.default_rng(1).random(len(y)) if weighted else None
    k = None if criterion == "fcbf" else 5
    want = select(X, y, k, criterion, sample_weight=w)
    for workers in (1, 2):
        equal(want, select(sp.csr_matrix(X), y, k, criterion, sample_weight=w, workers=workers))


@pytest.mark.usefixtures("isa")
def test_sparse_is_dense_on_every_instruction_set(threads: None) -> None:
    X, y = sample()
    for form in (sp.csr_matrix, sp.csc_array, sp.coo_array):
        equal(select(X, y, 5), select(form(X), y, 5))


@pytest.mark.parametrize("criterion", ["jmi", "cmi"])
def test_sparse_strata_are_tables(criterion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = sample()
    want = select(X, y, 6, criterion)
    monkeypatch.setattr(_counting, "table_fits", lambda cells: cells < 0)
    equal(want, select(sp.csr_array(X), y, 6, criterion))


def test_kinds_of_sparse_numbers() -> None:
    X, y = sample()
    for values in (X > 0, X.astype(np.uint8), X * -7, X * 100_000, X * np.arange(1, 13)):
        equal(select(values, y, 8), select(sp.csc_matrix(values), y, 8))
    floats = X * np.linspace(0.5, 2, 12, dtype=np.float32)
    floats[:40, 5] = np.nan
    for bins in ("quantile:8", "uniform:3", "mdlp", [-1.0, 0.5, 3.0, 9.0]):
        for missing in ("level", "omit"):
            options: dict[str, Any] = {"bins": bins, "missing": missing}
            equal(select(floats, y, 8, **options), select(sp.csr_array(floats), y, 8, **options))
    edges = [np.array([0, c + 1.0, 20]) for c in range(12)]
    equal(select(X / 2, y, 8, bins=edges), select(sp.csr_array(X / 2), y, 8, bins=edges))
    target = y.astype(object)
    target[::6] = None
    equal(select(X, target, 8, missing="omit"), select(sp.csr_array(X), target, 8, missing="omit"))


def test_zeros_and_repeated_entries_that_are_stored() -> None:
    X, y = sample()
    row, column = np.nonzero(np.ones(X.shape))
    twice = (np.tile(row, 2), np.tile(column, 2))
    entries = np.concatenate([X.ravel(), X.ravel()])
    stored = sp.coo_array((entries, twice), X.shape)
    equal(select(2 * X, y, 8), select(stored, y, 8))
    columns = stored.tocsc()
    before = columns.data.copy()
    select(columns, y, 3)
    np.testing.assert_array_equal(columns.data, before)


@pytest.mark.parametrize("bins", [None, "quantile:4"])
def test_sparse_is_never_dense(bins: str | None) -> None:
    rng = np.random.default_rng(0)
    X = sp.random_array((20_000, 2_000), density=1e-4, rng=rng, format="csr")
    X.data[:] = 1.0
    y = rng.integers(0, 2, 20_000)
    tracemalloc.start()
    select(X if bins else X.astype(np.int64), y, 3, bins=bins)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 2_000 / 2  # bytes; a dense matrix of codes has one for each number


def test_sparse_in_the_transformer_and_in_scorecards() -> None:
    X, y = sample()
    dense = InformationSelector("cmim", 5).fit(X, y)
    found = InformationSelector("cmim", 5).fit(sp.csr_matrix(X), y)
    equal(dense.selection_, found.selection_)
    out = found.transform(sp.csr_matrix(X))
    assert sp.issparse(out)
    np.testing.assert_array_equal(out.toarray(), dense.transform(X))
    np.testing.assert_array_equal(information_value(X, y > 0), information_value(sp.csc_array(X), y > 0))


def test_sparse_refusals() -> None:
    X, y = sample()
    with pytest.raises(TypeError, match=r"^select: X holds floating-point numbers \(a sparse array of float64\)"):
        select(sp.csr_array(X / 2), y, 2)
    with pytest.raises(TypeError, match=r"^select: a sparse X must hold numbers, got dtype complex128"):
        select(sp.csr_array(X * 1j), y, 2)
    with pytest.raises(ValueError, match=r"^select: X and y must have as many samples, got 300 and 299"):
        select(sp.csr_array(X), y[1:], 2)
    many = np.zeros((70_000, 1), np.int64)
    many[:, 0] = np.arange(70_000)
    with pytest.raises(ValueError, match=r"^select: column 0 of X has 70000 levels, more than 65536"):
        select(sp.csc_array(many), np.arange(70_000) % 2, 1)


# ---- weights -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("criterion", ["betagamma", "disr", "cmi"])
def test_weighted_sums_do_not_depend_on_how_work_is_cut(
    criterion: str, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = sample()
    w = np.random.default_rng(2).random(len(y))
    want = select(X, y, 4, criterion, sample_weight=w, workers=1)
    for workers in (2, 3):
        equal(want, select(np.asfortranarray(X), y, 4, criterion, sample_weight=w, workers=workers))
    monkeypatch.setattr(_weighting, "BATCH_BYTES", 1)
    equal(want, select(X, y, 4, criterion, sample_weight=w, workers=2))
    monkeypatch.setattr(_weighting, "TABLE_CELLS", 0)
    large = select(X, y, 4, criterion, sample_weight=w)
    assert large.indices.tolist() == want.indices.tolist()
    np.testing.assert_allclose(large.scores, want.scores, rtol=1e-12, atol=1e-14)


def test_whole_weights_repeat_samples() -> None:
    X, y = sample(500, 20)
    w = np.random.default_rng(3).integers(0, 4, len(y))
    found = select(X, y, 10, "jmi", sample_weight=w)
    repeated = select(np.repeat(X, w, axis=0), np.repeat(y, w), 10, "jmi")
    assert found.indices.tolist() == repeated.indices.tolist()
    np.testing.assert_allclose(found.scores, repeated.scores, rtol=1e-12)


@pytest.mark.parametrize("criterion", ["jmi", "cmim", "cife", "disr", "mrmr", "cmi"])
def test_weighted_tables_of_which_few_cells_occur(criterion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = sample(200, 6)
    weights = np.random.default_rng(0).random(200)
    labels = X.astype(object)
    labels[::7, 3] = None
    want = select(labels, y, 4, criterion, sample_weight=weights, missing="omit")
    monkeypatch.setattr(_weighting, "TABLE_CELLS", 0)
    monkeypatch.setattr(_weighting, "LARGE_CELLS", 0)
    found = select(labels, y, 4, criterion, sample_weight=weights, missing="omit")
    assert found.indices.tolist() == want.indices.tolist()
    np.testing.assert_allclose(found.scores, want.scores, rtol=1e-11, atol=1e-13)


def test_memory_of_weighted_columns() -> None:
    rng = np.random.default_rng(0)
    X = sp.random_array((4000, 4000), density=1e-4, rng=rng, format="csc")
    X.data = np.ones(len(X.data))
    many = rng.permuted(np.tile(np.arange(20000), (2, 1)), axis=1).T
    tracemalloc.start()
    select(X.astype(np.uint8), rng.integers(0, 2, 4000), 1, "mim", sample_weight=rng.random(4000))
    select(many, rng.integers(0, 2, 20000), 2, "jmi", sample_weight=rng.random(20000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
