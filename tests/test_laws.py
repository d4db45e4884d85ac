"""Laws that hold whatever the numbers are: ranges, identities between measures, and what may not change a bit."""

from __future__ import annotations

import itertools
import math
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracle import BINARY, CASES, ELEMENTWISE, ROWS, UNARY, Case, has_negative_zero

import fastent

NAMED = {case.id: case for case in CASES}
H, KL, CE, JS = (NAMED[f"{n}"] for n in ("entropy", "kl_divergence", "cross_entropy", "js_divergence"))
DIVERGENCES = [c for c in BINARY if c.measure.zero_on_equal]

LENGTHS = st.integers(1, 40)
# One size: measures without a promise for extreme rows. Any size: the promised ones, and laws about bits.
ENTRY = st.one_of(st.just(0.0), st.floats(1e-3, 1e3), st.sampled_from([1.0, 2.0, 0.5, 1e-3]))
ANY_ENTRY = st.one_of(st.just(0.0), st.floats(0, 1e300, allow_nan=False), st.sampled_from([1.0, 5e-324, 1e-310, 1e300]))
DTYPE = st.sampled_from([np.float64, np.float32])


@st.composite
def batches(draw: st.DrawFn, arrays: int = 1, entry: Any = ENTRY, rows: int = 3) -> list[np.ndarray]:
    """Matrices of one shape in which every row has a sum."""
    shape = draw(st.integers(1, rows)), draw(LENGTHS)
    made = [draw(hnp.arrays(np.float64, shape, elements=entry, fill=st.nothing())) for _ in range(arrays)]
    for a in made:
        a[~a.any(-1), draw(st.integers(0, shape[1] - 1))] = 1
    return made


@st.composite
def counts(draw: st.DrawFn, arrays: int = 1, low: int = 0) -> list[np.ndarray]:
    shape = draw(st.integers(2, 5)), draw(st.integers(2, 8))
    made = [draw(hnp.arrays(np.int64, shape, elements=st.integers(low, 999))) for _ in range(arrays)]
    for a in made:
        a[:, 0] += a.sum(-1) == 0
    return made


def same(case: Case, a: Any, b: Any, times: float = 2) -> bool:
    """Equal within `times` the promise; nearly equal rows within the absolute error of rows that differ by 1e-8."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(invalid="ignore"):
        size = np.maximum(abs(a), abs(b))
        allowed = times * case.ulps(np.float64, size) * np.spacing(np.where(np.isfinite(size), size, 0))
        if case.measure.zero_on_equal:
            linear = case.measure.linear or case.params.get("order") == math.inf
            allowed = allowed + (1e-14 if linear or not case.measure.promised else 1e-24)
        elif not case.measure.promised:
            allowed = allowed + times * 1e-15
        return bool(np.all((a == b) | (abs(a - b) <= allowed) | (np.isnan(a) & np.isnan(b))))


def bits(a: Any) -> bytes:
    return np.asarray(a).tobytes()


# ---- ranges --------------------------------------------------------------------------------------------------------


@given(batches(entry=ANY_ENTRY))
@example([np.array([[1, 1e-20]])])
@example([np.array([[1e308, 1e308, 5e-324]])])
def test_entropies_are_between_zero_and_that_of_the_uniform_row(isa: str, batch: list[np.ndarray]) -> None:
    for case in UNARY:
        got, largest = case.call(*batch), case.largest(batch[0].shape[1])
        assert (got >= 0).all() and not has_negative_zero(got), case
        room = 1 + case.ulps(np.float64, max(largest, 1)) * 2.0**-52
        assert (got <= largest * room).all(), (case, got, largest)


@given(batches(entry=ANY_ENTRY, arrays=2), DTYPE)
@example([np.array([[1e308, 5e-324]]), np.array([[5e-324, 1e308]])], np.float64)
@example([np.array([[1.0, 1.0]]), np.array([[1.0, 1 + 2.0**-52]])], np.float64)
def test_divergences_are_not_negative_and_bounded(isa: str, batch: list[np.ndarray], dtype: type) -> None:
    with np.errstate(over="ignore", under="ignore"):
        p, q = (np.minimum(a, np.finfo(dtype).max).astype(dtype) for a in batch)
    assume(p.any(-1).all() and q.any(-1).all())
    for case in DIVERGENCES:
        got = case.call(p, q)
        assert (got >= 0).all() and not has_negative_zero(got), (case, got)
        assert (got <= dtype(case.largest(p.shape[1]))).all(), (case, got)
        assert bits(case.call(p, p)) == bits(np.zeros(len(p), dtype)), case


@given(batches(arrays=2), st.floats(-15, -1))
def test_nearly_equal_rows_stay_in_range(isa: str, batch: list[np.ndarray], exponent: float) -> None:
    p, direction = batch
    q = p * (1 + 10.0**exponent * (direction / direction.max() - 0.5))
    for case in DIVERGENCES:
        got = case.call(p, q)
        assert (got >= 0).all() and np.isfinite(got).all(), (case, got)


@given(hnp.arrays(np.float64, 9, elements=st.floats(0, 1)), hnp.arrays(np.float64, 9, elements=st.floats(0, 1)))
def test_binary_measures(isa: str, y: np.ndarray, p: np.ndarray) -> None:
    h, cross = fastent.binary_entropy(p), fastent.binary_cross_entropy(y, p)
    assert (h >= 0).all() and (h <= np.log(2)).all() and (cross >= 0).all()
    assert not any(has_negative_zero(c.call(*(y, p)[: c.arity])) for c in ELEMENTWISE)
    assert same(NAMED["binary_entropy"], fastent.binary_cross_entropy(p, p), h)
    assert (cross >= fastent.binary_entropy(y) * (1 - 1e-14)).all()
    two = fastent.entropy(np.stack([p, 1 - p]), axis=0)
    assert np.allclose(two, h, rtol=1e-14, atol=1e-15)
    information = fastent.information_content(p)
    assert np.allclose(information[p > 0], -np.log(p[p > 0]), rtol=1e-14, atol=0)
    assert np.isinf(information[p == 0]).all()


# ---- identities ----------------------------------------------------------------------------------------------------


@given(batches(arrays=2))
def test_symmetric_to_the_bit(isa: str, batch: list[np.ndarray]) -> None:
    for case in BINARY:
        for dtype in (np.float64, np.float32) if case.symmetric else ():
            p, q = (a.astype(dtype) for a in batch)
            assert bits(case.call(p, q)) == bits(case.call(q, p)), case
    p, q = batch
    one, other = JS.call(p, q, weights=(0.25, 0.75)), JS.call(q, p, weights=(0.75, 0.25))
    assert same(JS, one, other)


@given(batches(arrays=2))
def test_cross_entropy_is_entropy_plus_divergence(isa: str, batch: list[np.ndarray]) -> None:
    p, q = batch
    assert same(CE, CE.call(p, q), H.call(p) + KL.call(p, q))
    assert same(NAMED["jeffreys_divergence"], fastent.jeffreys_divergence(p, q), KL.call(p, q) + KL.call(q, p))
    assert same(NAMED["js_distance"], fastent.js_distance(p, q) ** 2, JS.call(p, q))


@given(batches())
def test_orders_and_names_of_the_same_number(isa: str, batch: list[np.ndarray]) -> None:
    p = batch[0]
    k = p.shape[1]
    h = H.call(p)
    assert same(NAMED["perplexity"], fastent.perplexity(p), np.exp(h))
    assert same(NAMED["normalized_entropy"], fastent.normalized_entropy(p), h / math.log(k) if k > 1 else h)
    assert bits(fastent.renyi_entropy(p, 1)) == bits(fastent.tsallis_entropy(p, 1.0)) == bits(h)
    assert same(NAMED["gini_impurity"], fastent.gini_impurity(p), fastent.tsallis_entropy(p, 2))
    assert same(NAMED["renyi_entropy-2"], fastent.renyi_entropy(p, 2), -np.log1p(-fastent.gini_impurity(p)))
    support = (p > 0).sum(-1)
    assert same(NAMED["renyi_entropy-0"], fastent.renyi_entropy(p, 0), np.log(support))
    assert (fastent.tsallis_entropy(p, 0) == support - 1).all()
    assert same(CE, fastent.cross_entropy(p, p), h)


@given(counts())
def test_chain_rule_of_entropy(isa: str, batch: list[np.ndarray]) -> None:
    """H of a table is H of its row sums plus the mean H of its rows."""
    table = batch[0]
    weights = table.sum(-1) / table.sum()
    assert np.isclose(H.call(table, axis=None), H.call(table.sum(-1)) + weights @ H.call(table), rtol=1e-13, atol=1e-14)
    columns = table[:, table.any(0)]
    weights = columns.sum(0) / columns.sum()
    both = H.call(columns.sum(0)) + weights @ H.call(columns, axis=0)
    assert np.isclose(H.call(columns, axis=None), both, rtol=1e-13, atol=1e-14)


@given(counts(arrays=2, low=1))
def test_chain_rule_of_divergence(isa: str, batch: list[np.ndarray]) -> None:
    p, q = batch
    weights = p.sum(-1) / p.sum()
    both = KL.call(p.sum(-1), q.sum(-1)) + weights @ KL.call(p, q)
    assert np.isclose(KL.call(p, q, axis=None), both, rtol=1e-12, atol=1e-14)


@given(counts(arrays=2, low=1))
def test_independent_rows_add(isa: str, batch: list[np.ndarray]) -> None:
    p, q = batch
    product = p[0][:, None] * p[1]
    for case in UNARY:
        if case.measure.name in ("entropy", "renyi_entropy"):
            assert np.isclose(case.call(product, axis=None), case.call(p[0]) + case.call(p[1]), rtol=1e-12, atol=1e-13)
    other = q[0][:, None] * q[1]
    for case in BINARY:
        if case.measure.name in ("kl_divergence", "renyi_divergence", "cross_entropy"):
            both = case.call(p[0], q[0]) + case.call(p[1], q[1])
            assert np.isclose(case.call(product, other, axis=None), both, rtol=1e-12, atol=1e-13), case


@given(batches(arrays=2), st.one_of(st.floats(1.01, 1e6), st.floats(0.01, 0.99)))
def test_base_is_a_unit(isa: str, batch: list[np.ndarray], base: float) -> None:
    for case in ROWS:
        if case.measure.base and not (case.measure.linear and base < 1):
            unit = math.sqrt(math.log(base)) if case.measure.linear else math.log(base)
            in_base, nats = (case.call(*batch[: case.arity], **o) for o in ({"base": base}, {}))
            assert np.allclose(in_base * unit, nats, rtol=4e-15, atol=1e-300, equal_nan=True), (case, base)
            assert not has_negative_zero(in_base), case


@given(batches(arrays=3))
def test_inequalities(isa: str, batch: list[np.ndarray]) -> None:
    p, q, r = batch
    more, room = 1 + 1e-12, 1e-14
    tv, hellinger = fastent.total_variation(p, q), fastent.hellinger_distance(p, q)
    assert (KL.call(p, q) * more + room >= 2 * tv**2).all()  # Pinsker
    assert (hellinger**2 <= tv * more + room).all() and (tv <= math.sqrt(2) * hellinger * more + room).all()
    assert (JS.call(p, q) <= tv * math.log(2) * more + room).all()
    for case in BINARY:
        if case.measure.linear and case.symmetric:  # distances
            assert (case.call(p, q) <= (case.call(p, r) + case.call(r, q)) * more + room).all(), case
    for name, sign in (("renyi_entropy", -1), ("renyi_divergence", 1)):
        cases = [c for c in ROWS if c.measure.name == name]
        for low, high in itertools.pairwise([c.call(*batch[: c.arity]) for c in cases]):
            with np.errstate(invalid="ignore"):
                assert (np.isinf(high) | (sign * (high - low) >= -room - 1e-12 * abs(high))).all(), name
    assert (CE.call(p, q) * more + room >= H.call(p)).all()


@given(counts(arrays=2), st.integers(1, 6))
def test_merging_categories_loses_information(isa: str, batch: list[np.ndarray], at: int) -> None:
    def merge(a: np.ndarray) -> np.ndarray:
        return np.add.reduceat(a, [0, min(at, a.shape[1] - 1)], axis=1)

    p, q = batch
    for case in ROWS:
        if case.measure.name not in ("cross_entropy", "normalized_entropy"):
            fine, coarse = case.call(*batch[: case.arity]), case.call(*(merge(a) for a in (p, q)[: case.arity]))
            assert (coarse <= fine * (1 + 1e-12) + 1e-14).all(), (case, coarse, fine)


# ---- what changes nothing, or no bit -------------------------------------------------------------------------------


@given(batches(arrays=2), st.randoms(use_true_random=False))
def test_order_of_the_categories(isa: str, batch: list[np.ndarray], random: Any) -> None:
    order = list(range(batch[0].shape[1]))
    random.shuffle(order)
    for case in ROWS:
        inputs = batch[: case.arity]
        assert same(case, case.call(*inputs), case.call(*(a[:, order] for a in inputs))), case


@given(batches(arrays=2), st.integers(1, 40))
def test_appended_zeros(isa: str, batch: list[np.ndarray], n: int) -> None:
    for case in ROWS:
        inputs = batch[: case.arity]
        longer = [np.pad(a, ((0, 0), (0, n))) for a in inputs]
        if case.measure.name != "normalized_entropy":
            assert same(case, case.call(*inputs), case.call(*longer)), case
        excluded = np.arange(longer[0].shape[1]) < inputs[0].shape[1]
        assert same(case, case.call(*inputs), case.call(*longer, where=excluded)), case


@given(batches(arrays=2), st.integers(-900, 900), st.integers(-900, 900))
def test_powers_of_two_change_no_bit(isa: str, batch: list[np.ndarray], m: int, n: int) -> None:
    for case in ROWS:
        inputs = batch[: case.arity]
        scaled = [np.ldexp(a, e) for a, e in zip(inputs, (m, n), strict=False)]
        assert bits(case.call(*inputs)) == bits(case.call(*scaled)), (case, m, n)
        narrow = [a.astype(np.float32) for a in inputs]
        scaled = [np.ldexp(a, e // 10) for a, e in zip(narrow, (m, n), strict=False)]
        assert bits(case.call(*narrow)) == bits(case.call(*scaled)), (case, "float32", m // 10, n // 10)
        each = np.ldexp(inputs[0], np.arange(len(inputs[0]))[:, None] * 7)  # every row its own power
        assert bits(case.call(*inputs)) == bits(case.call(each, *inputs[1:])), case


BAD = st.sampled_from([np.nan, np.inf, -np.inf, -1.0, -5e-324])


@given(batches(arrays=2, rows=6), BAD, st.integers(0, 5), st.integers(0, 39), st.integers(0, 1), DTYPE)
def test_a_bad_row_changes_no_other(
    isa: str, batch: list[np.ndarray], bad: float, row: int, column: int, which: int, dtype: type
) -> None:
    for case in ROWS:
        inputs = [a.astype(dtype) for a in batch[: case.arity]]
        row, column, which = row % len(inputs[0]), column % inputs[0].shape[1], which % case.arity
        spoiled = [a.copy() for a in inputs]
        with np.errstate(under="ignore"):
            spoiled[which][row, column] = min(bad, -np.finfo(dtype).smallest_subnormal) if bad < 0 else bad
        others = np.arange(len(inputs[0])) != row
        for axis in (-1, 0):
            good, got = ([a if axis else np.ascontiguousarray(a.T) for a in x] for x in (inputs, spoiled))
            got, good = case.call(*got, axis=axis), case.call(*good, axis=axis)
            assert np.isnan(got[row]) and bits(got[others]) == bits(good[others]), (case, axis)


@given(batches(arrays=2, rows=9), st.randoms(use_true_random=False), st.integers(1, 8))
def test_the_other_rows_and_the_cut_of_the_batch(isa: str, batch: list[np.ndarray], random: Any, at: int) -> None:
    order = list(range(len(batch[0])))
    random.shuffle(order)
    for case in ROWS:
        inputs = batch[: case.arity]
        whole = case.call(*inputs)
        assert bits(whole[order]) == bits(case.call(*(a[order] for a in inputs))), case
        parts = [case.call(*(a[part] for a in inputs)) for part in (slice(at), slice(at, None))]
        assert bits(whole) == bits(np.concatenate(parts)), case
        assert bits(whole) == bits([case.call(*(a[i] for a in inputs)) for i in range(len(whole))]), case
        many = case.call(*(np.tile(a, (400, 1)) for a in inputs), workers=2)
        assert bits(np.tile(whole, 400)) == bits(many), case


@given(counts(arrays=2))
def test_counts_are_the_numbers_they_are(isa: str, batch: list[np.ndarray]) -> None:
    for case in ROWS:
        inputs = batch[: case.arity]
        floats = case.call(*(a.astype(np.float64) for a in inputs))
        for dtype in (np.int64, np.uint16, np.int32):
            assert same(case, floats, case.call(*(a.astype(dtype) for a in inputs)), 1), (case, dtype)


@given(batches(arrays=2, rows=5), hnp.arrays(np.bool_, 40))
def test_excluded_entries_do_not_exist(isa: str, batch: list[np.ndarray], mask: np.ndarray) -> None:
    mask = mask[: batch[0].shape[1]]
    for case in ROWS:
        inputs = batch[: case.arity]
        masked = case.call(*inputs, where=mask)
        assert same(case, masked, case.call(*(a[:, mask] for a in inputs))), case
        assert bits(case.call(*inputs, where=np.ones_like(mask))) == bits(case.call(*inputs)), case
