"""Statistics of tables whose cells are far apart, and of counts that float64 does not hold: against the textbook."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from mpmath import MPContext

from fastent import discrete
from fastent._counts import engine

mp = MPContext()
mp.dps = 700  # sums of cells from 1e-300 to 1e300, of which differences are left

FORMS: dict[str, Callable[[Any], Any]] = {"dense": np.asarray, "sparse": scipy.sparse.csr_array}
REACH = np.finfo(np.float64).tiny  # results below have fewer digits


@pytest.fixture(scope="module", autouse=True)
def _counting(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


def textbook(table: np.ndarray) -> dict[str, float]:
    cells = [[mp.mpf(cell) for cell in row] for row in table.tolist()]
    rows, columns = [mp.fsum(row) for row in cells], [mp.fsum(column) for column in zip(*cells, strict=True)]
    total = mp.fsum(rows)
    sums = dict.fromkeys(("mutual_information", "joint_entropy", "conditional_entropy", "x_known"), mp.mpf(0))
    for row, x in zip(cells, rows, strict=True):
        for cell, y in zip(row, columns, strict=True):
            if cell:
                sums["mutual_information"] += cell * mp.log(cell * total / (x * y))
                sums["joint_entropy"] += cell * mp.log(total / cell)
                sums["conditional_entropy"] += cell * mp.log(y / cell)
                sums["x_known"] += cell * mp.log(x / cell)
    sums["variation_of_information"] = sums["conditional_entropy"] + sums.pop("x_known")
    return {name: float(value / total) for name, value in sums.items()}


def check(table: np.ndarray) -> None:
    for name, want in textbook(table).items():
        for form, make in FORMS.items():
            got = getattr(discrete, name)(contingency=make(table))
            assert got == pytest.approx(want, rel=1e-12 if table.dtype.kind == "i" else 1e-13, abs=REACH), (
                name, form, table.tolist(),
            )  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        [[1, 1e-20], [1e-20, 1]],
        [[1, 1e-20], [1e-20, 0]],
        [[1, 1e-20], [1e-20, 1e-20]],
        [[1e-200, 1e-200], [1e-200, 1]],
        [[1e300, 1e-4], [1e290, 3e-8]],
        [[1e308, 1e308, 1e300], [1e308, 1e308, 5e-324]],
        [[5e-324, 1e-310], [1e-320, 0]],
        [[1, 1e-30, 1e-60], [1e-20, 0, 1e-90], [0, 1e-50, 0]],
    ],
)
def test_one_cell_dominates(table: list[list[float]]) -> None:
    check(np.array(table))
    check(np.array(table).T)


@pytest.mark.parametrize("reach", [0, 1, 20, 60, 150, 300])
def test_cells_of_any_size(reach: int, rng: np.random.Generator) -> None:
    for _ in range(8):
        shape = rng.integers(1, 6, 2)
        table = rng.random(shape) * 10.0 ** rng.uniform(-reach, reach, shape)
        check(table)
        check(table * (rng.random(shape) < 0.7) + np.eye(*shape))
        x, y = (rng.random(size) * 10.0 ** rng.uniform(-reach / 2, reach / 2, size) for size in shape)
        check(np.outer(x, y) * (1 + 10.0 ** rng.uniform(-15, -1) * rng.random(shape)))


def test_samples_of_weights_of_any_size(rng: np.random.Generator) -> None:
    for reach in (20, 150, 300):
        table = rng.random((3, 4)) * 10.0 ** rng.uniform(-reach, reach, (3, 4))
        x, y = np.indices(table.shape)
        for name, want in textbook(table).items():
            got = getattr(discrete, name)(x.ravel(), y.ravel(), weights=table.ravel())
            assert got == pytest.approx(want, rel=1e-13, abs=REACH), name


@pytest.mark.parametrize(
    "weights", [[1, 1e-20], [1, 1e-310, 0], [1e300, 1e-8], [1e-310, 1e-320, 3e-312], [1e308, 1e308, 1]]
)
def test_entropy_of_weights_of_any_size(weights: list[float]) -> None:
    table = np.array([weights])
    want = textbook(table)["joint_entropy"]
    assert discrete.entropy(range(len(weights)), weights=weights) == pytest.approx(want, rel=1e-15, abs=REACH)


def test_each_table_of_a_stack_has_its_own_size() -> None:
    table = np.array([[3.0, 1], [2, 7]])
    want = discrete.mutual_information(contingency=table)
    got = discrete.mutual_information(contingency=[table * 2.0**-900, table, table * 2.0**900])
    np.testing.assert_array_equal(got, np.full(3, want))


def test_independent_tables_of_large_integers(rng: np.random.Generator) -> None:
    for dtype, bits in ((np.int64, (30, 32)), (np.uint64, (32, 31))):
        for _ in range(20):
            x, y = (rng.integers(1, 1 << b, size) for b, size in zip(bits, rng.integers(2, 6, 2), strict=True))
            table = np.outer(x.astype(dtype), y.astype(dtype))
            for make in FORMS.values():
                assert discrete.mutual_information(contingency=make(table)) == 0, table.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_independent_large_integers_say_nothing_in_any_measure(form: str, rng: np.random.Generator) -> None:
    for _ in range(20):
        table = np.outer(rng.integers(1, 2**30, 2), rng.integers(1, 2**30, 3))
        ready = FORMS[form](table)
        assert discrete.total_correlation(contingency=ready) == 0
        assert discrete.g_test(contingency=ready)[0] == 0
        strata = np.stack([table, table], axis=-1)
        assert discrete.conditional_mutual_information(contingency=strata) == 0
        assert discrete.interaction_information(contingency=strata) == 0


def test_independent_tables_of_floats(rng: np.random.Generator) -> None:
    for _ in range(20):
        x, y = (rng.integers(1, 1 << 26, 4) * 2.0 ** rng.integers(-200, 200, 4) for _ in range(2))
        for make in FORMS.values():
            assert discrete.mutual_information(contingency=make(np.outer(x, y))) == 0
        assert discrete.mutual_information(contingency=np.tile(rng.random(9), (3, 1))) == 0
        assert discrete.mutual_information(contingency=rng.random((1, 5))) == 0


def test_nearly_independent_tables_of_large_integers(rng: np.random.Generator) -> None:
    """Off by single counts of more digits than float64 has: the mutual information is about 1e-40."""
    for _ in range(10):
        x, y = rng.integers(1 << 29, 1 << 30, 3), rng.integers(1 << 30, 1 << 31, 2)
        check(np.outer(x, y) + rng.integers(0, 3, (3, 2)))
