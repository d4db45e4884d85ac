"""Pointwise mutual information of cells of any size against the textbook; its identities, and those of purity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from mpmath import MPContext

from fastent import discrete
from fastent.discrete import pmi

mp = MPContext()
mp.dps = 1300  # products of cells from 5e-324 to 1e308, of which differences are left

KINDS = ("pmi", "npmi", "ppmi")


def textbook(table: np.ndarray, kind: str) -> np.ndarray:
    cells = [[mp.mpf(cell) for cell in row] for row in table.tolist()]
    rows, columns = [mp.fsum(row) for row in cells], [mp.fsum(column) for column in zip(*cells, strict=True)]
    total, found = mp.fsum(rows), np.zeros(table.shape)
    for i, j in np.ndindex(table.shape):
        if cells[i][j] == 0:
            found[i, j] = {"pmi": -np.inf, "npmi": -1, "ppmi": 0}[kind]
            continue
        value = mp.log(cells[i][j] * total / (rows[i] * columns[j]))
        share = 1 if cells[i][j] == total else value / mp.log(total / cells[i][j])
        found[i, j] = {"pmi": value, "npmi": share, "ppmi": max(value, 0)}[kind]
    return found


def forms(table: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """What each way in says of the table."""
    x, y = (place.ravel() for place in np.indices(table.shape))
    sparse = pmi(contingency=scipy.sparse.csr_array(table), kind=kind).toarray()
    return {
        "table": pmi(contingency=table, kind=kind),
        "turned": pmi(contingency=table.T, kind=kind).T,
        "stack": pmi(contingency=np.stack([np.ones_like(table), table]), kind=kind)[1],
        "sparse": np.where(table > 0, sparse, {"pmi": -np.inf, "npmi": -1, "ppmi": 0}[kind]),
        "labels": pmi(x, y, weights=table.ravel(), kind=kind),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "table",
    [
        [[1e-250, 1e-200], [1e-200, 1]],
        [[1e-170, 1e-165], [1e-165, 1]],
        [[1e-300, 1], [1, 1e300]],
        [[1, 1e-20], [1e-20, 1e-20]],
        [[1, 1e-20], [1e-20, 0]],
        [[1e308, 1e308, 1e308], [1e308, 5e-324, 1e-310]],
        [[5e-324, 1e-310], [1e-320, 0]],
        [[1e300, 1e-300, 1e-300], [1e-300, 0, 1e-310]],
    ],
)
def test_cells_far_apart(kind: str, table: list[list[float]]) -> None:
    want = textbook(np.array(table), kind)
    for form, got in forms(np.array(table), kind).items():
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=2e-15, err_msg=form)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_any_size(kind: str, rng: np.random.Generator) -> None:
    for reach in (1, 20, 300):
        for _ in range(3):
            shape = rng.integers(1, 5, 2)
            table = rng.random(shape) * 10.0 ** rng.uniform(-reach, reach, shape)
            want = textbook(table, kind)
            for form, got in forms(table, kind).items():
                np.testing.assert_allclose(got, want, rtol=1e-13, atol=2e-15, err_msg=f"{form} {table.tolist()}")


def test_weights_whose_sum_leaves_float64() -> None:
    got = pmi([0, 0, 0, 1], [0, 0, 0, 1], weights=[1e308, 1e308, 5e-324, 5e-324])
    want = float(mp.log(2 * mp.mpf(1e308) / mp.mpf(5e-324)))
    np.testing.assert_allclose(got, [[0, -np.inf], [-np.inf, want]], rtol=1e-15)


def test_independent_counts_have_none(rng: np.random.Generator) -> None:
    for _ in range(50):
        x, y = (rng.integers(1, 1 << 14, size) for size in rng.integers(2, 6, 2))
        table = np.outer(x, y)
        table[0] *= 10**6
        for kind in KINDS:
            assert (pmi(contingency=table, kind=kind) == 0).all(), table.tolist()
            assert not pmi(contingency=scipy.sparse.csr_array(table), kind=kind).data.any(), table.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_variables_may_change_places(kind: str, rng: np.random.Generator) -> None:
    for most in (4, 1000, 1 << 40):
        table = rng.integers(0, most, (9, 14))
        table[2, 3] *= 1000
        np.testing.assert_array_equal(pmi(contingency=table, kind=kind), pmi(contingency=table.T, kind=kind).T)


def test_npmi_is_within_its_bounds(rng: np.random.Generator) -> None:
    for weights in (None, rng.random(3000), rng.random(3000) ** 40):
        x = rng.integers(0, 37, 3000).astype(np.uint8)
        same = pmi(x, x, kind="npmi", weights=weights)
        np.testing.assert_array_equal(same, 2 * np.eye(len(same)) - 1)
        y = np.where(rng.random(3000) < 0.9, x, 0).astype(np.uint8)
        found = pmi(x, y, kind="npmi", weights=weights)
        assert (abs(found) <= 1).all()


def test_options_are_checked_for_tables_too() -> None:
    table = np.array([[3, 1], [1, 2]])
    for f in (pmi, discrete.purity, discrete.mutual_information, discrete.g_test):
        for given in (table, scipy.sparse.csr_array(table)):
            with pytest.raises(ValueError, match=rf"^{f.__name__}: missing must be"):
                f(contingency=given, missing="x")
            with pytest.raises(ValueError, match=rf"^{f.__name__}: workers must be"):
                f(contingency=given, workers=0)


def test_negative_duplicates_of_sparse_tables() -> None:
    table: Any = scipy.sparse.coo_array(([2, 1, -1, 3], ([0, 1, 1, 1], [0, 0, 0, 1])), shape=(2, 2))
    for f in (pmi, discrete.purity, discrete.mutual_information):
        with pytest.raises(ValueError, match=rf"^{f.__name__}: contingency must hold .* at least 0, got -1"):
            f(contingency=table)


def test_purity_is_the_same_in_every_form(rng: np.random.Generator) -> None:
    X = np.floor(rng.random((3000, 5)) ** 2 * [2, 7, 30, 120, 250]).astype(np.uint8)
    for weights in (rng.random(3000), rng.random(3000) ** 40):
        matrix = discrete.mutual_information_matrix(X, metric="purity", weights=weights)
        together = np.stack([discrete.purity(X, y, weights=weights) for y in X.T], axis=1)
        np.testing.assert_array_equal(matrix, together)
        for i, j in np.ndindex(matrix.shape):
            x, y = X[:, i], X[:, j]
            table = discrete.contingency(x, y, weights=weights)
            for given in (table, table[::-1, ::-1], np.pad(table, 3), table * 2.0**300, scipy.sparse.csr_array(table)):
                assert discrete.purity(contingency=given) == matrix[i, j]
            assert discrete.purity(x.astype(np.int64) * 70_000, y, weights=weights) == matrix[i, j]
            assert discrete.purity(x, y, weights=weights) == matrix[i, j]


def test_purity_of_tables_of_any_size() -> None:
    table = np.array([[3.5, 1], [2, 7]])
    sizes = [2.0**-1000, 1, 2.0**1000, 2.0**1020]
    got = discrete.purity(contingency=[[table * size for size in sizes], [table, 0 * table, table, table]])
    want = 10.5 / 13.5
    np.testing.assert_array_equal(got, [[want] * 4, [want, np.nan, want, want]])
    assert discrete.purity(contingency=np.full((2, 2), 1e308)) == 0.5
