"""Measures of labels: against the textbook, the laws between them, and every form of input the same numbers."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
import oracle_discrete as oracle
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fastent import discrete
from fastent._counts import engine
from fastent._estimators import ESTIMATORS, entropy_of_counts
from fastent.discrete import (
    adjusted_mutual_information,
    conditional_entropy,
    conditional_mutual_information,
    contingency,
    counts,
    entropy,
    gain_ratio,
    homogeneity_completeness_v_measure,
    information_gain,
    interaction_information,
    mutual_information,
    mutual_information_matrix,
    normalized_mutual_information,
    pmi,
    purity,
    total_correlation,
    variation_of_information,
)


@pytest.fixture(scope="module", autouse=True)
def _counting(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


# ---- the functions of two columns of labels ------------------------------------------------------------------------


class Case(NamedTuple):
    """A function with its options."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return "-".join([self.name, *(str(v) for _, v in self.options)])

    def takes(self, parameter: str) -> bool:
        return parameter in inspect.signature(getattr(discrete, self.name)).parameters

    def call(self, *labels: Any, **options: Any) -> Any:
        return getattr(discrete, self.name)(*labels, **dict(self.options), **options)

    def exact(self, *labels: Any, **options: Any) -> Any:
        found = getattr(oracle, self.name)(*labels, **dict(self.options), **options)
        return tuple(map(float, found)) if isinstance(found, tuple) else float(found)


PLAIN = [
    Case(name)
    for name in (
        "joint_entropy",
        "conditional_entropy",
        "mutual_information",
        "information_gain",
        "variation_of_information",
        "symmetric_uncertainty",
        "gain_ratio",
        "purity",
        "homogeneity_completeness_v_measure",
    )
]
NORMALIZED = [Case("normalized_mutual_information", (("average", a),)) for a in oracle.AVERAGES]
ADJUSTED = [Case("adjusted_mutual_information", (("average", a),)) for a in oracle.AVERAGES]
CASES = [*PLAIN, Case("homogeneity_completeness_v_measure", (("beta", 0.25),)), *NORMALIZED, *ADJUSTED]
SYMMETRIC = [
    c for c in CASES if c.name.endswith(("mutual_information", "joint_entropy", "uncertainty", "of_information"))
]
WITH_BASE = [c for c in PLAIN if c.takes("base")]
OF_SAMPLES = [c for c in CASES if c not in ADJUSTED]  # the others take whole numbers for weights

RNG = np.random.default_rng(11)
TABLES: dict[str, Any] = {
    "one sample": [[1]],
    "two alike": [[2]],
    "two unlike": np.eye(2, dtype=int),
    "two of three": [[1, 1], [0, 1]],
    "both constant": [[7]],
    "x constant": [[3, 4, 5]],
    "y constant": [[3], [4]],
    "both unique": np.eye(40, dtype=int),
    "x unique": np.eye(4, dtype=int).repeat(6, axis=0),
    "y unique": np.eye(4, dtype=int).repeat(6, axis=1),
    "independent": np.outer([1, 2, 3], [4, 1, 5, 7]),
    "nearly independent": np.outer([2, 3, 4], [8, 3, 10]) + np.array([[0, 1, 0], [0, 0, 0], [2, 0, 0]]),
    "nearly decided": [[600, 1, 0], [0, 200, 0], [0, 0, 99]],
    "y decides x": [[3, 0, 5, 0], [0, 2, 0, 0], [0, 0, 0, 9]],
    "empty levels": [[0, 0, 0, 0], [4, 0, 1, 0], [0, 0, 0, 0], [2, 0, 8, 0]],
    "3 x 4": RNG.integers(0, 12, (3, 4)),
    "10 x 12": RNG.integers(0, 9, (10, 12)) * RNG.integers(0, 2, (10, 12)),
    "30 x 30": RNG.integers(0, 2, (30, 30)) * RNG.integers(0, 2, (30, 30)),
    "one of 600": [[600, 0], [0, 1]],
    "one of 600 each": [[599, 1], [1, 0]],
}
UNBALANCED = {
    "one of a million": [[10**6, 0], [0, 1]],
    "one of a million each": [[10**6 - 1, 1], [1, 0]],
    "one of a million in x": [[500_000, 500_000], [0, 1]],
}
SHAPES = [*TABLES, *UNBALANCED]


def table_named(name: str) -> np.ndarray:
    return np.asarray({**TABLES, **UNBALANCED}[name])


@functools.lru_cache(maxsize=4)
def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes in random order that have the table of this name."""
    table = table_named(name)
    x, y, times = oracle.labels_of(table)
    order = np.random.default_rng(5).permutation(int(table.sum()))
    # uint8 codes keep levels that do not occur, below the largest one
    return tuple(np.repeat(column, times).astype(np.uint8)[order] for column in (x, y))


@functools.cache
def wanted(case: Case, name: str) -> Any:
    if case in ADJUSTED:
        return case.exact(*samples(name))
    x, y, times = oracle.labels_of(table_named(name))
    return case.exact(x, y, weights=times)


def check(got: Any, want: Any, what: object = None, relative: float = 1e-13, absolute: float = 1e-14) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.dtype == np.float64, (what, got, want)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore"):
        close = np.abs(got - want) <= np.maximum(absolute, relative * np.abs(want))
    assert (same | close).all(), f"{what}: got {got}, want {want}, difference {got - want}"


def bits(a: Any) -> bytes:
    return np.asarray(a).tobytes()


def same_bits(got: Any, want: Any, what: object = None) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and bits(got) == bits(want), f"{what}: got {got}, want {want}"


# ---- against the textbook ------------------------------------------------------------------------------------------


def has_exact_value(case: Case, name: str) -> bool:
    """The chances of a million samples take hours; where I = E[I] = min(H(x), H(y)) there is a test of its own."""
    return case not in ADJUSTED or not (name in UNBALANCED or (("average", "min") in case.options and "unique" in name))


@pytest.mark.parametrize("name", SHAPES)
def test_values(name: str) -> None:
    x, y = samples(name)
    table = table_named(name)
    for case in CASES:
        if has_exact_value(case, name):
            want = wanted(case, name)
            check(case.call(contingency=table), want, case)
            if name not in UNBALANCED or case in PLAIN[:3]:
                check(case.call(x, y), want, case)
            check(case.call(contingency=table.astype(float) if case in ADJUSTED else table * 0.125), want, case)


@pytest.mark.parametrize("name", SHAPES)
def test_values_of_entropy(name: str) -> None:
    for labels in samples(name):
        want = float(oracle.entropy(counts(labels).nonzero()[0], weights=counts(labels)[counts(labels) > 0]))
        check(entropy(labels), want)
        if name not in UNBALANCED:
            check(entropy(labels.astype(str)), want)


@pytest.mark.parametrize("name", SHAPES)
def test_small_values_keep_their_digits(name: str) -> None:
    """Sums of terms of one sign: relative accuracy, however small the result is."""
    x, y = samples(name)
    for case in (Case("conditional_entropy"), Case("variation_of_information"), Case("mutual_information")):
        check(case.call(x, y), wanted(case, name), case, absolute=0)
    want = float(oracle.entropy(*oracle.labels_of(table_named(name))[::2][:1], weights=table_named(name).ravel()))
    check(entropy(x), want, absolute=0)


@pytest.mark.parametrize("kind", ["str", "float", "object", "bool", "list"])
def test_kinds_of_labels(kind: str) -> None:
    x, y = (labels % 2 if kind == "bool" else labels for labels in samples("10 x 12"))
    exact_x, exact_y = x.tolist(), y.tolist()
    if kind == "list":
        labels: list[Any] = [[f"level {v}" for v in exact_x], [v if v % 2 else f"{v}" for v in exact_y]]
    else:
        labels = [v.astype(kind) for v in (x, y)]
    for case in CASES:
        check(case.call(*labels), case.exact(exact_x, exact_y), case)
    check(entropy(labels[0]), float(oracle.entropy(exact_x)))


@functools.cache
def three(name: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(3)
    n = {"few": 6, "some": 200}.get(name, 60)
    x, y, z = rng.integers(0, (2, 3, 4), (n, 3)).astype(np.uint8).T
    if name == "exclusive or":
        y, z = y % 2, x ^ (y % 2)
    elif name == "copies":
        y = z = x
    elif name == "chain":
        y, z = (x + (rng.random(n) < 0.2)).astype(np.uint8), x
    elif name == "one sample":
        x, y, z = x[:1], y[:1], z[:1]
    elif name == "constant z":
        z = np.zeros_like(x)
    elif name == "unique z":
        z = np.arange(n, dtype=np.uint8)
    return x, y, z


THREE = ("few", "some", "exclusive or", "copies", "chain", "one sample", "constant z", "unique z")


@pytest.mark.parametrize("name", THREE)
def test_values_of_three_variables(name: str) -> None:
    x, y, z = three(name)
    weights = np.random.default_rng(8).random(len(x))
    for options in ({}, {"weights": weights}):
        for a, b, c in itertools.permutations((x, y, z)):
            want = float(oracle.conditional_mutual_information(a, b, c, **options))
            got = conditional_mutual_information(a, b, c, **options)
            check(got, want)
            assert got >= 0
            check(
                interaction_information(a, b, c, **options), float(oracle.interaction_information(a, b, c, **options))
            )
        want = float(oracle.total_correlation(x, y, z, **options))
        check(total_correlation(np.c_[x, y, z], **options), want)
        check(total_correlation(np.c_[x, y], **options), float(oracle.mutual_information(x, y, **options)))
        for f in (conditional_mutual_information, interaction_information):
            check(f(x, y, z, base=2, **options), f(x, y, z, **options) / math.log(2))
        check(total_correlation(np.c_[x, y, z], base=2, **options), want / math.log(2))
    check(conditional_mutual_information(x.astype(str), y.tolist(), z.astype(float)),
          float(oracle.conditional_mutual_information(x, y, z)))  # fmt: skip


def test_many_columns_together() -> None:
    X = np.random.default_rng(0).integers(0, 5, (70, 12)).astype(np.uint8)
    X[:, 7] = X[:, 2]
    check(total_correlation(X), float(oracle.total_correlation(*X.T)))
    wide = np.random.default_rng(0).integers(0, 60_000, (50, 9)).astype(np.uint16)
    check(total_correlation(wide), float(oracle.total_correlation(*wide.T)))
    assert total_correlation(X[:, :1]) == 0 and total_correlation(X[:, 0]) == 0


@pytest.mark.parametrize("name", ["two unlike", "x constant", "y decides x", "3 x 4", "10 x 12", "one of 600 each"])
@pytest.mark.parametrize("kind", ["pmi", "npmi", "ppmi"])
def test_pointwise(kind: str, name: str) -> None:
    table = table_named(name)
    x, y = samples(name)
    exact = {"pmi": oracle.pmi, "npmi": oracle.npmi, "ppmi": oracle.pmi}[kind](x, y)
    want = np.full(table.shape, np.nan)
    for (i, j), value in exact.items():
        want[i, j] = max(value, 0) if kind == "ppmi" else float(value)
    for got in (pmi(x, y, kind=kind), pmi(contingency=table, kind=kind), pmi(contingency=table / 3, kind=kind)):
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
        check(got, want)
    unit = 1 if kind == "npmi" else math.log(2)
    check(pmi(x, y, kind=kind, base=2) * unit, want)
    stack = np.stack([table, table.T * 0 + 1] if table.shape[0] == table.shape[1] else [table, table + 1])
    check(pmi(contingency=stack, kind=kind)[0], want)


@pytest.mark.parametrize("kind", ["pmi", "npmi", "ppmi"])
def test_pointwise_of_sparse_tables(kind: str) -> None:
    table = table_named("30 x 30")
    want = pmi(contingency=table, kind=kind, base=2)
    for given_table in (scipy.sparse.csr_array(table), scipy.sparse.coo_matrix(table / 3)):
        got = pmi(contingency=given_table, kind=kind, base=2)
        assert got.format == "csr" and got.shape == table.shape and got.nnz == (table > 0).sum()
        row, column = table.nonzero()
        check(got.toarray()[row, column], want[row, column])
    x, y = np.arange(100_000), np.arange(100_000) // 2
    many = pmi(contingency=contingency(x, y, sparse=True), kind=kind)
    assert many.nnz == 100_000
    check(many.data, np.full(100_000, math.log(50_000) / (math.log(100_000) if kind == "npmi" else 1)))
    assert pmi(contingency=scipy.sparse.csr_array((3, 4)), kind=kind).nnz == 0


def test_pointwise_of_columns() -> None:
    X, y = mixed("mixed")[:, [1, 2, 6]], mixed("10 levels", seed=1)[:, :2]
    weights = np.random.default_rng(0).random(len(X))
    for options in ({}, {"weights": weights, "kind": "npmi"}):
        got = pmi(X, y, **options)
        assert got.shape == (3, 2, 17, 10)
        for i, j in np.ndindex(3, 2):
            want = pmi(X[:, i], y[:, j], **options)
            check(got[i, j, : len(want)], want, absolute=0)
            assert np.isnan(got[i, j, len(want) :]).all()
        same_bits(pmi(X, y[:, 1], **options), got[:, 1])


def test_pointwise_of_levels_that_never_occur() -> None:
    for kind in ("pmi", "npmi", "ppmi"):
        got = pmi(contingency=[[2, 0, 1], [0, 0, 0]], kind=kind)
        assert np.isnan(got[1]).all() and np.isnan(got[:, 1]).all() and np.isfinite(got[0, ::2]).all(), kind


@pytest.mark.parametrize("name", ["both unique", "x unique", "y unique"])
def test_adjusted_by_the_smaller_entropy_where_chance_explains_everything(name: str) -> None:
    """I, E[I] and the smaller entropy are one number: not beyond chance, unless the partitions are the same."""
    want = float(name == "both unique")
    check(adjusted_mutual_information(*samples(name), average="min"), want)


def test_adjusted_for_many_samples() -> None:
    """The chances of all possible cells sum to 1, also among many samples: here E[I] = I."""
    for n in (100, 1000, 10_000):
        x = np.arange(n)
        check(adjusted_mutual_information(x, x // 4), 0.0, n, absolute=1e-13)


# ---- laws ----------------------------------------------------------------------------------------------------------

SIDE = st.integers(1, 6)


@st.composite
def tables(draw: st.DrawFn, entry: Any = None, dtype: Any = np.int64, shape: Any = None) -> np.ndarray:
    """Tables with something in them."""
    entry = st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 10**9)) if entry is None else entry
    shape = (draw(SIDE), draw(SIDE)) if shape is None else shape
    table = draw(hnp.arrays(dtype, shape, elements=entry, fill=st.nothing()))
    assume(table.any())
    return table


FLOATS = st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.sampled_from([1.0, 0.1, 1e-3]))
FEW = st.integers(0, 3)


@st.composite
def columns(draw: st.DrawFn, number: int = 3) -> np.ndarray:
    """A few columns of few labels."""
    n = draw(st.integers(1, 40))
    return draw(hnp.arrays(np.uint8, (n, number), elements=FEW))


def both_ways(table: np.ndarray) -> None:
    for case in SYMMETRIC:
        if case not in ADJUSTED:  # there are tests of samples for these
            same_bits(case.call(contingency=table), case.call(contingency=table.T), case)
    for a, b in ((table, table.T), (table.T, table)):
        h, c, v = discrete.homogeneity_completeness_v_measure(contingency=a)
        other = discrete.homogeneity_completeness_v_measure(contingency=b)
        same_bits((h, c, v), (other[1], other[0], other[2]))


@given(tables())
def test_symmetric_to_the_bit(table: np.ndarray) -> None:
    both_ways(table)


@given(tables(entry=FLOATS, dtype=np.float64))
@example(np.array([[0.1, 0.2], [0.3, 0.7], [0.6, 1e-3]]))
def test_symmetric_to_the_bit_of_float_tables(table: np.ndarray) -> None:
    both_ways(table)


@given(columns(2))
def test_symmetric_to_the_bit_of_labels(both: np.ndarray) -> None:
    x, y = both.T
    for case in SYMMETRIC:
        same_bits(case.call(x, y), case.call(y, x), case)


@pytest.mark.parametrize("levels", [2, 17, 100, 1000])
def test_symmetric_to_the_bit_of_many_labels(levels: int) -> None:
    x, y = np.random.default_rng(levels).integers(0, levels, (2, 5000)).astype(np.uint16)
    y = np.where(x % 3 == 0, x, y)
    for left, right in ((x, y), (x, y.astype(np.uint32) * 70_000)):
        for case in SYMMETRIC:
            if case not in ADJUSTED:
                same_bits(case.call(left, right), case.call(right, left), case)


def sizes(table: np.ndarray) -> tuple[float, float, float, float]:
    return tuple(
        float(case.call(contingency=t))
        for case, t in (
            (Case("joint_entropy"), table),
            (Case("mutual_information"), table),
            (Case("conditional_entropy"), table),
            (Case("conditional_entropy"), table.T),
        )
    )


@given(tables())
def test_chain_rule(table: np.ndarray) -> None:
    h_xy, mi, x_given_y, y_given_x = sizes(table)
    rows, totals = np.arange(table.shape[0]), table.sum(axis=1)
    h_x = entropy(rows, weights=totals)
    h_y = entropy(np.arange(table.shape[1]), weights=table.sum(axis=0))
    room = 1e-14
    assert abs(h_x + y_given_x - h_xy) <= room and abs(h_y + x_given_y - h_xy) <= room
    assert abs(h_x - x_given_y - mi) <= room and abs(h_y - y_given_x - mi) <= room
    assert abs(h_x + h_y - mi - h_xy) <= room
    assert abs(variation_of_information(contingency=table) - (h_xy - mi)) <= room
    assert information_gain(contingency=table) == mi


@given(columns())
def test_chain_rule_of_three_variables(labels: np.ndarray) -> None:
    x, y, z = labels.T
    y_and_z = y * 4 + z
    given_z = conditional_mutual_information(x, y, z)
    room = 1e-14
    assert abs(mutual_information(x, y_and_z) - mutual_information(x, z) - given_z) <= room
    assert abs(interaction_information(x, y, z) - (given_z - mutual_information(x, y))) <= room
    assert abs(interaction_information(x, y, z) - interaction_information(z, x, y)) <= room
    assert abs(total_correlation(labels) - mutual_information(x, y) - mutual_information(x * 4 + y, z)) <= room
    assert given_z <= min(conditional_entropy(x, z), conditional_entropy(y, z)) + room


@given(tables(), st.integers(0, 4))
def test_merging_levels_loses_information(table: np.ndarray, at: int) -> None:
    assume(table.shape[0] > 1)
    at %= table.shape[0] - 1
    merged = np.delete(table, at, axis=0)
    merged[at] += table[at]
    room = 1e-14
    for case in (Case("joint_entropy"), Case("mutual_information"), Case("conditional_entropy")):
        assert case.call(contingency=merged) <= case.call(contingency=table) + room, case
    assert conditional_entropy(contingency=merged.T) >= conditional_entropy(contingency=table.T) - room


@given(st.one_of(tables(), tables(entry=FLOATS, dtype=np.float64)))
def test_bounds(table: np.ndarray) -> None:
    h_xy, mi, x_given_y, y_given_x = sizes(table)
    h_x = entropy(np.arange(table.shape[0]), weights=table.sum(axis=1))
    h_y = entropy(np.arange(table.shape[1]), weights=table.sum(axis=0))
    more, room = 1 + 1e-14, 1e-14
    assert 0 <= mi <= min(h_x, h_y) * more + room
    assert 0 <= x_given_y <= h_x * more + room and 0 <= y_given_x <= h_y * more + room
    assert max(h_x, h_y) <= h_xy * more + room and h_xy <= (h_x + h_y) * more + room
    for h, occupied in ((h_x, table.any(axis=1)), (h_y, table.any(axis=0)), (h_xy, table > 0)):
        assert 0 <= h <= math.log(occupied.sum()) * more
        assert occupied.sum() > 1 or h == 0
    for case in (*NORMALIZED, Case("symmetric_uncertainty"), Case("homogeneity_completeness_v_measure")):
        got = np.asarray(case.call(contingency=table))
        assert ((got >= 0) & (got <= 1)).all(), case
    assert 0 <= gain_ratio(contingency=table) <= more
    assert 1 / table.shape[0] <= purity(contingency=table) * more and purity(contingency=table) <= 1
    values = [c.call(contingency=table) for c in CASES if c not in ADJUSTED]
    assert not any(np.signbit(v).any() for v in map(np.asarray, values))


@given(columns(2))
def test_adjusted_is_at_most_one(both: np.ndarray) -> None:
    for case in ADJUSTED:
        assert case.call(*both.T) <= 1 + 1e-12, case


@given(tables(), st.randoms(use_true_random=False))
def test_names_of_levels_do_not_matter(table: np.ndarray, random: Any) -> None:
    rows, places = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(places)
    renamed = table[rows][:, places]
    padded = np.pad(renamed, ((0, 1), (2, 0)))
    for case in OF_SAMPLES:
        want = np.asarray(case.call(contingency=table))
        check(case.call(contingency=renamed), want, case, relative=1e-14)
        check(case.call(contingency=padded), want, case, relative=1e-14)


@given(columns(), st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(labels: np.ndarray, random: Any) -> None:
    order = list(range(len(labels)))
    random.shuffle(order)
    x, y, z = labels.T
    a, b, c = labels[order].T
    for case in CASES:
        same_bits(case.call(a, b), case.call(x, y), case)
    same_bits(entropy(a), entropy(x))
    same_bits(conditional_mutual_information(a, b, c), conditional_mutual_information(x, y, z))
    same_bits(total_correlation(labels[order]), total_correlation(labels))


@given(
    hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 10**6)),
    hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 10**6)),
)
@example(np.array([94_906_265]), np.array([94_906_265]))
@example(np.array([30_000_001, 64_906_265]), np.array([1, 3, 94_906_260]))
@example(np.arange(1, 300), np.arange(1, 280))
def test_independent_tables_share_nothing(x: np.ndarray, y: np.ndarray) -> None:
    table = np.outer(x, y)
    assume(table.any())
    zero = np.zeros(())
    for given_table in (table, table.astype(float), table.T):
        same_bits(mutual_information(contingency=given_table), zero)
    for case in (*NORMALIZED, Case("symmetric_uncertainty")):
        if (x > 0).sum() > 1 or (y > 0).sum() > 1:
            same_bits(case.call(contingency=table), zero, case)
    i, j, weights = oracle.labels_of(table)
    same_bits(mutual_information(i, j, weights=weights), zero)
    assert discrete.g_test(contingency=table) == (0, 1)


@given(columns())
def test_independent_labels_share_nothing(labels: np.ndarray) -> None:
    """All pairs of two columns, once each."""
    x, y, _ = labels.T
    every = np.repeat(x, len(y)), np.tile(y, len(x))
    same_bits(mutual_information(*every), 0.0)
    same_bits(mutual_information(every[0].astype(str), every[1].astype(float)), 0.0)
    same_bits(mutual_information_matrix(np.stack(every, axis=1))[0, 1], 0.0)
    same_bits(conditional_mutual_information(*every, np.zeros(len(every[0]), np.uint8)), 0.0)


def says_all_about_itself(x: Any) -> None:
    h, zero, one = entropy(x), 0.0, 1.0
    for case in (Case("mutual_information"), Case("information_gain")):
        same_bits(case.call(x, x), h, case)
    for case in (Case("conditional_entropy"), Case("variation_of_information")):
        same_bits(case.call(x, x), zero, case)
    for case in (*NORMALIZED, *ADJUSTED, Case("symmetric_uncertainty")):
        same_bits(case.call(x, x), one, case)
    same_bits(discrete.homogeneity_completeness_v_measure(x, x), np.ones(3))
    same_bits(gain_ratio(x, x), one if h else zero)
    same_bits(mutual_information_matrix(np.asarray(x)[:, None])[0, 0], h)


@given(columns(1))
def test_labels_say_all_about_themselves(labels: np.ndarray) -> None:
    says_all_about_itself(labels[:, 0])
    says_all_about_itself((labels[:, 0] * 0.7).tolist())


@pytest.mark.parametrize("levels", [2, 17, 300, 5000])
def test_many_labels_say_all_about_themselves(levels: int) -> None:
    x = np.random.default_rng(levels).integers(0, levels, 5000)
    says_all_about_itself(x)
    says_all_about_itself(x * 1_000_003)


@given(tables(), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_what_is_decided_leaves_nothing(table: np.ndarray, merge: list[int]) -> None:
    """y decides x: each level of y is in one level of x."""
    made = np.zeros((4, table.shape[1]), np.int64)
    made[merge[: table.shape[1]], np.arange(table.shape[1])] = table[0]
    assume(made.any())
    same_bits(conditional_entropy(contingency=made), 0.0)
    h_x = entropy(np.arange(4), weights=made.sum(axis=1))
    same_bits(mutual_information(contingency=made), h_x)
    same_bits(mutual_information(contingency=made.T), h_x)
    h, _, _ = discrete.homogeneity_completeness_v_measure(contingency=made)
    same_bits(h, 1.0)
    assert purity(contingency=made) == 1
    floats = made * 0.1
    same_bits(conditional_entropy(contingency=floats), 0.0)


# ---- every column as if it were alone ------------------------------------------------------------------------------


@functools.cache
def mixed(kind: str, rows: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    levels = {"binary": [2] * 11, "10 levels": [10] * 11, "100 levels": [100] * 6,
              "mixed": [1, 2, 3, 40, 5, 300, 17, 256]}[kind]  # fmt: skip
    hidden = rng.random(rows)
    X = np.stack([(np.where(rng.random(rows) < 0.4, hidden, rng.random(rows)) * k) for k in levels], axis=1)
    return X.astype(np.uint16 if max(levels) > 256 else np.uint8)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_columns_against_a_target(case: Case) -> None:
    y = mixed("mixed", seed=1)[:, 4]
    for kind in ("binary", "10 levels", "mixed"):
        X = mixed(kind)
        for matrix, target in (
            (X, y),
            (X, y.astype(np.uint8)),
            (np.asfortranarray(X[::-1]), y[::-1]),
            (X, y.astype(str)),
        ):
            got = np.asarray(case.call(matrix, target))
            want = np.stack([case.call(matrix[:, i], target) for i in range(X.shape[1])], axis=-1)
            same_bits(got, want, kind)
        if case.name != "purity":
            same_bits(case.call(X, y[:, None]), case.call(X, y))
    if case in OF_SAMPLES:
        weights = np.random.default_rng(4).random(len(y))
        got = np.asarray(case.call(X, y, weights=weights))
        want = np.stack([case.call(X[:, i], y, weights=weights) for i in range(X.shape[1])], axis=-1)
        check(got, want) if case.name == "purity" else same_bits(got, want)


@pytest.mark.parametrize("missing", ["level", "omit"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_columns_with_missing_labels(case: Case, missing: str) -> None:
    rng = np.random.default_rng(2)
    X = mixed("10 levels").astype(float)[:60, :4]
    y = mixed("binary", seed=1).astype(float)[:60, 0]
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 3] = np.where(np.isnan(X[:, 3]), 0, X[:, 3])
    y[rng.random(60) < 0.1] = np.nan
    got = np.asarray(case.call(X, y, missing=missing))
    for i in range(4):
        same_bits(got[..., i], case.call(X[:, i], y, missing=missing))
        x = X[:, i]
        if missing == "omit":
            kept = ~np.isnan(x) & ~np.isnan(y)
            check(case.call(x, y, missing=missing), case.exact(x[kept], y[kept]))
        else:
            named = [np.where(np.isnan(v), -1, v).tolist() for v in (x, y)]
            check(case.call(x, y, missing=missing), case.exact(*named))
    with pytest.raises(ValueError, match="missing label"):
        case.call(X, y)


def test_missing_labels_in_three_variables() -> None:
    x, y, z = (v.astype(float) for v in three("some"))
    x[3], y[7], z[11] = np.nan, np.nan, np.nan
    whole = ~(np.isnan(x) | np.isnan(y) | np.isnan(z))
    for name in ("conditional_mutual_information", "interaction_information"):
        f, exact = getattr(discrete, name), getattr(oracle, name)
        check(f(x, y, z, missing="omit"), float(exact(x[whole], y[whole], z[whole])))
        check(f(x, y, z, missing="level"), float(exact(*(np.nan_to_num(v, nan=-1) for v in (x, y, z)))))
        with pytest.raises(ValueError, match=f"{name}: x has a missing label in row 3"):
            f(x, y, z)
    both = np.c_[x, y, z]
    check(total_correlation(both, missing="omit"), float(oracle.total_correlation(*both[whole].T)))
    check(total_correlation(both, missing="level"), float(oracle.total_correlation(*np.nan_to_num(both, nan=-1).T)))
    check(entropy(x, missing="omit"), float(oracle.entropy(x[~np.isnan(x)])))
    check(entropy(both, missing="level"), [float(oracle.entropy(np.nan_to_num(v, nan=-1))) for v in both.T])


def test_missing_labels_with_weights() -> None:
    x, y = [0.0, math.nan, 1, 1, 0, 1], [0, 1, 0, 1, 1, 1]
    weights = np.array([1.5, 9, 0.5, 2, 1, 0])
    kept = [0, 2, 3, 4, 5]
    for case in OF_SAMPLES:
        got = case.call(x, y, weights=weights, missing="omit")
        check(got, case.exact([x[i] for i in kept], [y[i] for i in kept], weights=weights[kept]), case)


# ---- all pairs -----------------------------------------------------------------------------------------------------

METRICS = {
    "mi": "mutual_information",
    "nmi": "normalized_mutual_information",
    "ami": "adjusted_mutual_information",
    "su": "symmetric_uncertainty",
    "vi": "variation_of_information",
    **{name: name for name in ("information_gain", "joint_entropy", "conditional_entropy", "gain_ratio", "purity")},
    "homogeneity": 0,
    "completeness": 1,
    "v_measure": 2,
}
DIRECTED = ("conditional_entropy", "gain_ratio", "purity", "homogeneity", "completeness")


def of_two(metric: str) -> Any:
    """The function of two columns."""
    name = METRICS[metric]
    if isinstance(name, str):
        return getattr(discrete, name)
    return lambda *labels, **options: homogeneity_completeness_v_measure(*labels, **options)[name]


def check_pairs(X: np.ndarray, Y: np.ndarray | None, metric: str, **options: Any) -> None:
    got = mutual_information_matrix(X, Y, metric=metric, **options)
    right = X if Y is None else Y
    want = np.stack([of_two(metric)(X, right[:, j], **options) for j in range(right.shape[1])], axis=1)
    same_bits(got, want, metric)
    if Y is None and metric not in DIRECTED:
        same_bits(got, got.T.copy(), metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["binary", "10 levels", "100 levels", "mixed"])
def test_all_pairs(kind: str, metric: str) -> None:
    X = mixed(kind)
    check_pairs(X, None, metric)
    check_pairs(X, mixed("binary", seed=1), metric)
    check_pairs(np.asfortranarray(X), mixed("mixed", seed=1)[:, :5], metric)
    check_pairs(X[::-1, ::-2], mixed("10 levels", seed=1)[::-1, 1:4], metric)
    check_pairs(X[:, :2], X[:, 3:4], metric)
    same_bits(mutual_information_matrix(X, metric=metric)[3, 1], of_two(metric)(X[:, 3], X[:, 1]))
    same_bits(mutual_information_matrix(X, X[:, 1], metric=metric)[:, 0], of_two(metric)(X, X[:, 1]))


@pytest.mark.parametrize("metric", METRICS)
def test_all_pairs_with_weights(metric: str) -> None:
    for kind in ("binary", "mixed"):
        X, Y, weights = mixed(kind)[:40], mixed("10 levels", seed=1)[:40, :3], np.random.default_rng(1).random(40)
        check_pairs(X, None, metric, weights=np.ceil(4 * weights))
        if metric != "ami":
            check_pairs(X, Y, metric, weights=weights)
            check_pairs(X, None, metric, weights=weights)


@pytest.mark.parametrize("average", oracle.AVERAGES)
def test_all_pairs_by_other_averages(average: str) -> None:
    X = mixed("mixed")[:, :5]
    for metric in ("nmi", "ami"):
        check_pairs(X, None, metric, average=average)
    check_pairs(X, X, "v_measure", beta=0.25)


def test_several_measures_of_all_pairs() -> None:
    X, Y = mixed("10 levels"), mixed("mixed", seed=1)[:, :3]
    for labels in ((X,), (X, Y), (X, Y[:, 0])):
        for base in (None, 2):
            together = mutual_information_matrix(*labels, metric=[*METRICS, "mutual_information"], base=base)
            apart = [mutual_information_matrix(*labels, metric=metric, base=base) for metric in [*METRICS, "mi"]]
            same_bits(together, np.stack(apart))
    same_bits(mutual_information_matrix(X, metric=("vi",)), mutual_information_matrix(X, metric="vi")[None])


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 900, 40_000])
def test_all_pairs_of_many_columns(rows: int) -> None:
    """Several tiles of planes, and more samples than are compared at a time."""
    rng = np.random.default_rng(rows)
    X = (rng.random((rows, 70)) * rng.integers(1, 9, 70)).astype(np.uint8)
    Y = (rng.random((rows, 9)) * rng.integers(1, 17, 9)).astype(np.uint8)
    check_pairs(X[:, : 70 if rows < 1000 else 20], None, "mi")
    check_pairs(X, Y[:, :3], "vi")
    check_pairs(Y, X[:, ::9], "conditional_entropy")
    same_bits(mutual_information_matrix(X, workers=1), mutual_information_matrix(X, workers=2))
    same_bits(mutual_information_matrix(X, Y, workers=1), mutual_information_matrix(X, Y, workers=3))


def test_all_pairs_of_wide_columns() -> None:
    """One column that has more planes than a tile, beside small ones."""
    rng = np.random.default_rng(0)
    X = (rng.random((900, 6)) * [16, 2, 16, 16, 1, 16]).astype(np.uint8)
    X[:16, 0] = np.arange(16)
    check_pairs(X, None, "mi")
    check_pairs(np.repeat(X, 3, axis=1), X, "joint_entropy")


def test_all_pairs_of_other_labels() -> None:
    X = mixed("10 levels")[:, :4]
    want = mutual_information_matrix(X)
    names = X.astype(str)
    same_bits(mutual_information_matrix(names), want)
    same_bits(mutual_information_matrix(names.tolist(), X), want)
    holes = X.astype(float)
    holes[5, 1] = holes[9, 3] = np.nan
    for missing, metric in itertools.product(("level", "omit"), METRICS):
        check_pairs(holes, None, metric, missing=missing)
        check_pairs(holes, X, metric, missing=missing)
    check(mutual_information_matrix(X, base=2) * math.log(2), want)
    same_bits(mutual_information_matrix(X[:, 0]), want[:1, :1])


def test_the_diagonal_holds_the_entropies() -> None:
    for kind in ("binary", "10 levels", "100 levels", "mixed"):
        X = mixed(kind)
        same_bits(np.diag(mutual_information_matrix(X)).copy(), entropy(X))
        check(np.diag(mutual_information_matrix(X, metric="joint_entropy")), entropy(X), relative=1e-15)
        for metric in ("nmi", "ami", "su", "homogeneity", "completeness", "v_measure", "purity"):
            same_bits(np.diag(mutual_information_matrix(X, metric=metric)).copy(), np.ones(X.shape[1]))
        for metric in ("vi", "conditional_entropy"):
            same_bits(np.diag(mutual_information_matrix(X, metric=metric)).copy(), np.zeros(X.shape[1]))


# ---- tables as input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stacks_of_tables(case: Case) -> None:
    stack = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 5))
    got = np.asarray(case.call(contingency=stack))
    assert got.shape[-2:] == (2, 3)
    for i, j in np.ndindex(2, 3):
        same_bits(got[..., i, j], case.call(contingency=stack[i, j]))
    same_bits(case.call(contingency=stack.astype(float)), got)
    same_bits(case.call(contingency=np.asfortranarray(stack)), got)
    same_bits(case.call(contingency=stack.tolist()), got)
    same_bits(case.call(contingency=stack.astype(np.uint8)[:, ::-1]), got[..., ::-1])
    assert np.asarray(case.call(contingency=stack[:0])).shape[-2:] == (0, 3)


@pytest.mark.parametrize("name", ["one sample", "x constant", "empty levels", "10 x 12", "30 x 30", "nearly decided"])
def test_sparse_tables(name: str) -> None:
    table = table_named(name)
    for make, dtype in ((scipy.sparse.csr_array, np.int64), (scipy.sparse.csc_array, np.int32),
                        (scipy.sparse.coo_matrix, np.float64), (scipy.sparse.dok_array, np.uint8)):  # fmt: skip
        sparse = make(table.astype(dtype))
        for case in CASES:
            if case.name != "purity":
                want = np.asarray(case.call(contingency=table.astype(dtype)))
                check(case.call(contingency=sparse), want, (case, make), relative=1e-14)


def test_sparse_tables_may_have_an_entry_twice() -> None:
    table = table_named("10 x 12")
    row, column = np.nonzero(table)
    halves = np.r_[table[row, column] * 0.5, table[row, column] * 0.5, 0]
    for make in (scipy.sparse.coo_array, scipy.sparse.coo_matrix):
        twice = make((halves, (np.r_[row, row, 0], np.r_[column, column, 0])), shape=table.shape)
        before = twice.copy()
        for case in PLAIN[:-2]:
            check(case.call(contingency=twice), np.asarray(case.call(contingency=table)), case, relative=1e-14)
        assert twice.nnz == before.nnz, "the caller's array has changed"
        np.testing.assert_array_equal(twice.data, before.data)


def test_purity_of_many_labels() -> None:
    x = np.arange(5000)
    assert purity(x, x) == 1 and purity(x, x // 2) == 0.5


def test_purity_of_a_sparse_table() -> None:
    table = table_named("10 x 12")
    check(purity(contingency=scipy.sparse.csr_array(table)), purity(contingency=table))


def test_sparse_tables_of_many_levels() -> None:
    x, y = np.arange(100_000), np.arange(100_000) // 2
    table = contingency(x, y, sparse=True)
    for case in (Case("mutual_information"), Case("conditional_entropy"), Case("variation_of_information")):
        same_bits(case.call(contingency=table), case.call(x, y))
    check(conditional_entropy(x, y), math.log(2))
    check(mutual_information(x, y), math.log(50_000))


@settings(max_examples=25)
@given(tables(entry=st.one_of(st.just(0.0), st.floats(0.05, 20)), dtype=np.float64))
def test_float_tables(table: np.ndarray) -> None:
    i, j, weights = oracle.labels_of(table)
    for case in OF_SAMPLES:
        want = case.exact(i, j, weights=weights)
        check(case.call(contingency=table), want, case)
        check(case.call(i, j, weights=weights), want, case)


def test_tables_of_any_size() -> None:
    """Neither the sums nor the products of the largest floats overflow, nor do the smallest vanish."""
    table = np.array([[0.5, 0.25], [0.0, 0.25]])
    for case in OF_SAMPLES:
        want = np.asarray(case.call(contingency=table))
        for exponent in (-900, -400, -60, 60, 400, 900):
            check(case.call(contingency=np.ldexp(table, exponent)), want, (case, exponent))


NOTHING: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "table": ((), {"contingency": np.zeros((3, 4))}),
    "sparse table": ((), {"contingency": scipy.sparse.csr_array((3, 4))}),
    "no codes": ((np.zeros(0, np.uint8), np.zeros(0, np.uint8)), {}),
    "no labels": (([], []), {}),
    "all missing": (([math.nan, math.nan], [0, 1]), {"missing": "omit"}),
    "weights of 0": (([0, 1], [1, 1]), {"weights": [0, 0]}),
    "weights of 0 for many levels": ((np.arange(70_000), np.arange(70_000)), {"weights": np.zeros(70_000)}),
}


@pytest.mark.parametrize("form", NOTHING)
def test_no_samples(form: str) -> None:
    labels, options = NOTHING[form]
    for case in CASES:
        if case.name != "purity" or not form.endswith(("sparse table", "many levels")):
            assert np.isnan(np.asarray(case.call(*labels, **options))).all(), case


def test_no_samples_of_columns() -> None:
    nothing = np.zeros((0, 3), np.uint8)
    for labels in (nothing, nothing.astype(float)):
        for case in CASES:
            got = np.asarray(case.call(labels, labels[:, 0]))
            assert got.shape[-1:] == (3,) and np.isnan(got).all(), case
        for metric in METRICS:
            got = mutual_information_matrix(labels, metric=metric)
            assert got.shape == (3, 3) and np.isnan(got).all(), metric
        assert np.isnan(entropy(labels)).all() and np.isnan(total_correlation(labels))
        x, y, z = labels.T
        assert np.isnan(conditional_mutual_information(x, y, z)) and np.isnan(interaction_information(x, y, z))
        assert np.isnan(discrete.g_test(x, y)).all()
        assert np.isnan(discrete.permutation_test(x, y, permutations=3)).all()
    none = np.zeros(4, np.uint8)
    for f in (conditional_mutual_information, interaction_information):
        assert np.isnan(f(none, none, none, weights=np.zeros(4)))
    assert np.isnan(total_correlation(np.c_[none, none], weights=np.zeros(4)))
    assert np.isnan(entropy(none, weights=np.zeros(4)))


def test_no_columns() -> None:
    nothing, y = np.zeros((5, 0), np.uint8), np.zeros(5, np.uint8)
    for case in CASES:
        assert np.asarray(case.call(nothing, y)).shape[-1:] == (0,), case
    assert mutual_information_matrix(nothing).shape == (0, 0)
    assert mutual_information_matrix(nothing, y[:, None]).shape == (0, 1)
    assert mutual_information_matrix(y[:, None], nothing).shape == (1, 0)
    assert entropy(nothing).shape == (0,)


# ---- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", OF_SAMPLES, ids=str)
def test_weights(case: Case) -> None:
    x, y = samples("3 x 4")
    weights = np.random.default_rng(0).random(len(x))
    check(case.call(x, y, weights=weights), case.exact(x, y, weights=weights))
    times = np.random.default_rng(0).integers(0, 4, len(x))
    same_bits(case.call(x, y, weights=times), case.call(np.repeat(x, times), np.repeat(y, times)))
    check(case.call(x, y, weights=np.full(len(x), 0.1)), np.asarray(case.call(x, y)))
    check(case.call(x, y, weights=times * 2.0**50), np.asarray(case.call(x, y, weights=times)))


def test_weights_of_many_levels() -> None:
    x, y = np.arange(70_000) // 2, np.arange(70_000) % 3
    weights = np.random.default_rng(0).integers(1, 4, 70_000) * 0.25
    codes = x.astype(np.uint16)
    for case in (Case("mutual_information"), Case("conditional_entropy"), Case("joint_entropy")):
        same_bits(case.call(np.repeat(x, 3) * 3, np.repeat(y, 3), weights=np.repeat(weights, 3)),
                  case.call(np.repeat(codes, 3), np.repeat(y, 3), weights=np.repeat(weights, 3)))  # fmt: skip
        check(case.call(x, y, weights=weights * 4), float(case.call(x, y, weights=weights)))


@pytest.mark.parametrize("case", WITH_BASE, ids=str)
def test_base(case: Case) -> None:
    x, y = samples("10 x 12")
    nats = case.call(x, y)
    for base in (2, 10, 0.5, math.e, 1e300):
        check(case.call(x, y, base=base) * math.log(base), nats)
        check(case.call(contingency=contingency(x, y), base=base) * math.log(base), nats)
        check(case.call(np.c_[x, y], y, base=base) * math.log(base), case.call(np.c_[x, y], y))
    assert case.call([0, 0, 1, 1], [0, 1, 0, 1], base=2) in (0, 1, 2)
    for base in (0, 1, -2, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"{case.name}: base must be a positive number other than 1"):
            case.call(x, y, base=base)
    with pytest.raises(TypeError, match=f"{case.name}: base must be a number or None, got 'bits'"):
        case.call(x, y, base="bits")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators(estimator: str) -> None:
    x, y = samples("10 x 12")
    table = contingency(x, y)
    h_x, h_y, h_xy = (entropy_of_counts(t, estimator) for t in (table.sum(1), table.sum(0), table.ravel()))
    check(entropy(x, estimator=estimator), float(h_x))
    check(entropy(y.astype(str), estimator=estimator, base=2), float(h_y / math.log(2)))
    check(mutual_information(x, y, estimator=estimator), float(h_x + h_y - h_xy), absolute=1e-13)
    got = mutual_information(contingency=np.stack([table, table]), estimator=estimator, base=2)
    check(got, np.full(2, (h_x + h_y - h_xy) / math.log(2)), absolute=1e-13)
    if estimator == "plugin":
        same_bits(entropy(x), entropy(x, estimator=estimator))
        same_bits(mutual_information(x, y), mutual_information(x, y, estimator=estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators_of_columns(estimator: str) -> None:
    """A column has its own levels, whatever stands beside it."""
    X = np.c_[mixed("binary")[:, :2], mixed("10 levels")[:, :2]]
    y = mixed("10 levels", seed=1)[:, 0] % 3
    same_bits(entropy(X, estimator=estimator), [entropy(x, estimator=estimator) for x in X.T])
    check(mutual_information(X, y, estimator=estimator), [mutual_information(x, y, estimator=estimator) for x in X.T])


def test_estimators_of_sparse_tables() -> None:
    table = table_named("3 x 4")
    want = mutual_information(contingency=table, estimator="miller-madow")
    check(mutual_information(contingency=scipy.sparse.csr_array(table), estimator="miller-madow"), want)


# ---- significance --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["two unlike", "independent", "nearly independent", "3 x 4", "10 x 12", "one of 600", *UNBALANCED]
)
def test_g_test(name: str) -> None:
    table = table_named(name)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    want = scipy.stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    absolute = 1e-13 * table.sum()  # the reference sums observed ln(observed/expected), which cancels
    for got in (discrete.g_test(*samples(name)), discrete.g_test(contingency=table)):
        check(got[0], want.statistic, absolute=absolute)
        check(got[1], want.pvalue, relative=1e-10, absolute=absolute)
        check(got[0], 2 * table.sum() * wanted(Case("mutual_information"), name))


def test_g_test_of_several() -> None:
    X, y = mixed("mixed"), mixed("binary", seed=1)[:, 0]
    statistic, p = discrete.g_test(X, y)
    assert statistic.shape == p.shape == (X.shape[1],) and p[0] == 1 and statistic[0] == 0
    for i in range(X.shape[1]):
        same_bits((statistic[i], p[i]), discrete.g_test(X[:, i], y))
    stack = np.random.default_rng(0).integers(1, 9, (2, 3, 4, 5))
    statistic, p = discrete.g_test(contingency=stack)
    assert statistic.shape == p.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        want = scipy.stats.chi2_contingency(stack[i, j], correction=False, lambda_="log-likelihood")
        check((statistic[i, j], p[i, j]), (want.statistic, want.pvalue), relative=1e-12)
    padded = np.pad(stack[0, 0], ((0, 2), (1, 0)))
    check(discrete.g_test(contingency=padded), discrete.g_test(contingency=stack[0, 0]), "levels that do not occur")
    check(discrete.g_test(contingency=scipy.sparse.csr_array(padded)), discrete.g_test(contingency=stack[0, 0]))
    holes = X[:, 1].astype(float)
    holes[::7] = np.nan
    kept = ~np.isnan(holes)
    same_bits(discrete.g_test(holes, y, missing="omit"), discrete.g_test(X[kept, 1], y[kept]))


def test_permutation_test() -> None:
    X, y = mixed("mixed"), mixed("binary", seed=1)[:, 0]
    statistic, p = discrete.permutation_test(X, y, permutations=19, rng=7)
    same_bits(statistic, mutual_information(X, y))
    assert ((p * 20) % 1 == 0).all() and (p >= 1 / 20).all() and (p <= 1).all() and p[0] == 1
    for rng in (7, np.random.default_rng(7)):
        again = discrete.permutation_test(X, y, permutations=19, rng=rng)
        same_bits(again, (statistic, p))
    for i in range(X.shape[1]):  # all columns meet the same shuffles
        same_bits(discrete.permutation_test(X[:, i], y, permutations=19, rng=7), (statistic[i], p[i]))
    x = np.random.default_rng(0).integers(0, 3, 400)
    others = [discrete.permutation_test(x, y, permutations=99, rng=seed)[1] for seed in range(6)]
    assert len(set(others)) > 1


def test_permutation_test_does_not_depend_on_workers() -> None:
    X = mixed("10 levels", rows=9000)
    y = mixed("binary", rows=9000, seed=1)[:, 0]
    assert X.size > 65_536
    one, two = (discrete.permutation_test(X, y, permutations=9, rng=1, workers=workers) for workers in (1, 2))
    same_bits(one, two)


def test_permutation_test_finds_the_exact_chance() -> None:
    """Of the 6 ways to give two of four samples the label 1, 2 are as good as the given one."""
    statistic, p = discrete.permutation_test([0, 0, 1, 1], ["b", "b", "a", "a"], permutations=1999, rng=0)
    assert statistic == math.log(2) and abs(p - 1 / 3) < 0.04
    x = [0] * 20 + [1] * 20
    assert discrete.permutation_test(x, x, permutations=99, rng=1)[1] == 0.01
    many = np.arange(70_000)
    assert discrete.permutation_test(many, many, permutations=1, rng=0) == (entropy(many), 1)


def test_permutation_test_of_missing_labels() -> None:
    X = np.array([[0, 0], [1, np.nan], [np.nan, 0], [0, 0], [1, 1.0], [1, 0]])
    y = [0, 1, 0, 0, 1, 0]
    statistic, _ = discrete.permutation_test(X, y, missing="omit", permutations=1, rng=0)
    same_bits(statistic, mutual_information(X, y, missing="omit"))


# ---- thresholds ----------------------------------------------------------------------------------------------------


def gini(labels: np.ndarray) -> float:
    return 1 - sum((n / len(labels)) ** 2 for n in oracle.count(labels).values())


@pytest.mark.parametrize("criterion", ["entropy", "gini"])
@pytest.mark.parametrize("kind", ["continuous", "ties", "integers", "one value", "two values"])
def test_best_split(kind: str, criterion: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 40)
    x = {"continuous": rng.normal(y), "ties": np.round(rng.normal(y)), "integers": rng.integers(-3, 9, 40) + y,
         "one value": np.ones(40), "two values": y // 2}[kind]  # fmt: skip

    def gain(threshold: float) -> float:
        below = x <= threshold
        if criterion == "entropy":
            return float(oracle.mutual_information(below, y))
        return gini(y) - sum(part.mean() * gini(y[part]) for part in (below, ~below))

    got = discrete.best_split(x, y, criterion=criterion)
    values = np.unique(x)
    if len(values) == 1:
        assert np.isnan(got.threshold) and got.gain == 0
        return
    best = max(gain(v) for v in values[:-1])
    check(got.gain, best)
    check(gain(got.threshold), best)
    assert got.threshold in (values[1:] + values[:-1]) / 2
    both = discrete.best_split(np.c_[x, -x], y, criterion=criterion)
    same_bits((both.threshold[0], both.gain[0]), got)
    check(both.gain[1], best)
    check(discrete.best_split(x, y.astype(str), criterion=criterion, workers=2).gain, best)
    holes = np.r_[x.astype(float), np.nan]
    check(discrete.best_split(holes, np.r_[y, 0], criterion=criterion).gain, best)
    check(discrete.best_split(x, y, base=2).gain * math.log(2), discrete.best_split(x, y).gain)


# ---- refusals ------------------------------------------------------------------------------------------------------

PAIRS = sorted({case.name for case in CASES} | {"g_test", "pmi"})


@pytest.mark.parametrize("name", PAIRS)
def test_labels_or_a_table(name: str) -> None:
    f = getattr(discrete, name)
    x, table = [0, 1, 1], [[1, 2], [3, 4]]
    for labels in ((x, x), (x,), (None, x)):
        with pytest.raises(TypeError, match=f"{name}: pass either .*, or contingency=, not both"):
            f(*labels, contingency=table)
    for labels in ((), (x,), (None, x)):
        with pytest.raises(TypeError, match=f"{name}: pass .* and .*, or contingency="):
            f(*labels)
    with pytest.raises((TypeError, ValueError), match=f"{name}: "):
        f(contingency=table, weights=[1, 1, 1])


def test_labels_or_a_table_with_estimators() -> None:
    x, table = [0, 1, 1], [[1, 2], [3, 4]]
    for estimator in ("plugin", "jackknife"):
        with pytest.raises(TypeError, match="mutual_information: pass"):
            mutual_information(x, x, contingency=table, estimator=estimator)
        with pytest.raises(TypeError, match="mutual_information: pass x and y, or contingency="):
            mutual_information(x, estimator=estimator)


@pytest.mark.parametrize("name", PAIRS)
def test_bad_tables(name: str) -> None:
    f = getattr(discrete, name)
    for bad in ([[1, -1]], [[1.0, math.nan]], [[math.inf, 1]], scipy.sparse.csr_array([[1.0, -1.0]])):
        with pytest.raises(ValueError, match=f"{name}: contingency must hold finite numbers of at least 0, got "):
            f(contingency=bad)
    for shape in ((2,), (0, 4), (3, 0), (2, 0, 3)):
        with pytest.raises(
            ValueError, match=rf"{name}: contingency must be a table .*, got shape {re.escape(str(shape))}"
        ):
            f(contingency=np.ones(shape))
    with pytest.raises(TypeError, match=f"{name}: contingency must hold real numbers .*, got dtype"):
        f(contingency=[["a", "b"], ["c", "d"]])


@pytest.mark.parametrize("name", PAIRS)
def test_bad_labels(name: str) -> None:
    f = getattr(discrete, name)
    with pytest.raises(ValueError, match=f"{name}: .* must have as many samples, got 3 and 2"):
        f([0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match=f"{name}: .* has a missing label in row 1"):
        f([0, math.nan, 1], [0, 1, 0])
    with pytest.raises(ValueError, match="missing must be 'raise', 'level' or 'omit', got 'drop'"):
        f([0, 1], [0, 1], missing="drop")
    with pytest.raises(ValueError, match=f"{name}: workers must be at least 1"):
        f([0, 1], [0, 1], workers=0)
    with pytest.raises(ValueError, match=rf"{name}: .* must be labels of shape .*\(2, 1, 1\)"):
        f(np.zeros((2, 1, 1), np.uint8), [0, 1])
    if name != "pmi":
        with pytest.raises(ValueError, match=f"{name}: .* must be one column of labels, got 2 columns"):
            f([0, 1], [[0, 1], [1, 0]])


@pytest.mark.parametrize("name", ["conditional_mutual_information", "interaction_information"])
def test_bad_labels_of_three_variables(name: str) -> None:
    f = getattr(discrete, name)
    with pytest.raises(ValueError, match=f"{name}: x and z must have as many samples, got 2 and 3"):
        f([0, 1], [0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match=f"{name}: z must be one column of labels, got 2 columns"):
        f([0, 1], [0, 1], [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=f"{name}: weights must be one number per sample, 2 of them"):
        f([0, 1], [0, 1], [0, 1], weights=[1])


def test_unknown_options() -> None:
    x, y = [0, 1, 1], [0, 0, 1]
    for f in (normalized_mutual_information, adjusted_mutual_information):
        match = f"{f.__name__}: average must be one of arithmetic, geometric, min, max, joint, got 'mean'"
        with pytest.raises(ValueError, match=match):
            f(x, y, average="mean")
    with pytest.raises(ValueError, match="pmi: kind must be 'pmi', 'npmi' or 'ppmi', got 'lift'"):
        pmi(x, y, kind="lift")
    with pytest.raises(ValueError, match=r"mutual_information_matrix: metric must be one of mi, nmi, .*, got 'lift'"):
        mutual_information_matrix(np.c_[x, y], metric="lift")
    with pytest.raises(ValueError, match="mutual_information_matrix: x and y must have as many samples, got 3 and 2"):
        mutual_information_matrix(np.c_[x, y], np.c_[x[:2], y[:2]])
    for f in (lambda e: entropy(x, estimator=e), lambda e: mutual_information(x, y, estimator=e)):
        with pytest.raises(ValueError, match=r"estimator must be one of plugin, miller-madow, .*; got 'bayes'"):
            f("bayes")
    with pytest.raises(ValueError, match="mutual_information: estimators other than 'plugin' take counts, not weights"):
        mutual_information(x, y, estimator="jackknife", weights=[1, 1, 1])
    for beta in (-1, math.nan):
        with pytest.raises(ValueError, match="homogeneity_completeness_v_measure: beta must be at least 0"):
            discrete.homogeneity_completeness_v_measure(x, y, beta=beta)
    for permutations in (0, -3):
        with pytest.raises(ValueError, match="permutation_test: permutations must be at least 1"):
            discrete.permutation_test(x, y, permutations=permutations)
    with pytest.raises(ValueError, match="best_split: criterion must be 'entropy' or 'gini', got 'mae'"):
        discrete.best_split(x, y, criterion="mae")
    with pytest.raises(TypeError, match="best_split: x must hold real numbers"):
        discrete.best_split(["a", "b", "c"], y)
    for f in (adjusted_mutual_information, discrete.g_test):
        with pytest.raises(ValueError, match=f"{f.__name__}: contingency must hold whole counts"):
            f(contingency=[[0.5, 1], [2, 3]])
