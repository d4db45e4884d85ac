"""The table of special values, for every measure, dtype and instruction set, and along every path through the engine.

A special row stands between ordinary ones. Its own value must be the one of the table, and the other rows must keep
the bits they have without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from oracle import BINARY, ELEMENTWISE, MEASURES, ROWS, UNARY, Case, Split, has_negative_zero, split, ulps

DTYPES = {
    np.dtype(t).name: np.dtype(t)
    for t in ("f8", "f4", "f2", ml_dtypes.bfloat16, "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
}
LENGTHS = (1, 2, 3, 7, 8, 31, 33, 200)  # either side of the limit between short and long rows
FEW = ("float64", "float32", "uint8")  # dtypes of which the reduced sweep takes all lengths
LONG = 70_001
NAN, INF = np.nan, np.inf

by_case = pytest.mark.parametrize("case", ROWS, ids=str)
by_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fV"


def result_dtype(dtype: np.dtype[Any]) -> type:
    return np.float32 if is_float(dtype) and dtype.itemsize < 8 else np.float64


def limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The largest number and the smallest positive one."""
    if dtype.kind == "b":
        return True, True
    if not is_float(dtype):
        return np.iinfo(dtype).max, 1
    info = ml_dtypes.finfo(dtype)
    return info.max, info.smallest_subnormal


@cache
def ordinary(k: int, dtype: np.dtype[Any], number: int = 0) -> np.ndarray:
    row = np.array([1, 2, 3, 1, 5, 4, 2]).astype(dtype)[(np.arange(k) + number) % 7]
    row.flags.writeable = False
    return row


# ---- paths: where a special row lies in memory ---------------------------------------------------------------------

AT, ROWS_AROUND = 4, 11  # the special row, and how many rows there are
Batch = tuple[list[np.ndarray], dict[str, Any]]


def stack(rows: list[np.ndarray]) -> list[np.ndarray]:
    """One matrix per input: the special row of that input among ordinary rows."""
    batch = []
    for i, row in enumerate(rows):
        matrix = np.stack([ordinary(row.size, row.dtype, number + i) for number in range(ROWS_AROUND)])
        matrix[AT] = row
        batch.append(matrix)
    return batch


def inner(rows: list[np.ndarray]) -> Batch:
    return stack(rows), {"axis": -1}


def outer(rows: list[np.ndarray]) -> Batch:
    return [np.ascontiguousarray(m.T) for m in stack(rows)], {"axis": 0}


def outer_wide(rows: list[np.ndarray]) -> Batch:
    """Columns of several tiles; the special one repeats every eleven."""
    return [np.tile(m.T, (1, 13)) for m in stack(rows)], {"axis": 0}


def strided(rows: list[np.ndarray]) -> Batch:
    wide = [np.repeat(m, 2, axis=1) for m in stack(rows)]
    return [w[:, ::2] for w in wide], {"axis": -1}


def backwards(rows: list[np.ndarray]) -> Batch:
    flipped = [m[:, ::-1].copy() for m in stack(rows)]
    return [f[:, ::-1] for f in flipped], {"axis": -1}


def masked(rows: list[np.ndarray]) -> Batch:
    """Invalid numbers on both sides of the row, all excluded."""
    batch = []
    for m in stack(rows):
        wide = np.full((ROWS_AROUND, m.shape[1] + 4), NAN if is_float(m.dtype) else -1 if m.dtype.kind == "i" else 1)
        wide = wide.astype(m.dtype)
        wide[:, 2:-2] = m
        batch.append(wide)
    where = np.zeros(batch[0].shape[1], bool)
    where[2:-2] = True
    return batch, {"axis": -1, "where": where}


def one_reference(rows: list[np.ndarray]) -> Batch:
    """The first input a batch, the others one row with a zero stride."""
    return [stack(rows)[0], *(np.broadcast_to(r, (ROWS_AROUND, r.size)) for r in rows[1:])], {"axis": -1}


PATHS: dict[str, Callable[[list[np.ndarray]], Batch]] = {
    f.__name__: f for f in (inner, outer, outer_wide, strided, backwards, masked, one_reference)
}


# ---- the table -----------------------------------------------------------------------------------------------------

Special = tuple[str, list[np.ndarray], float | None]  # name, rows, the value; None stands for the oracle's


def with_entry(row: np.ndarray, position: int, value: Any) -> np.ndarray:
    row = row.copy()
    row[position] = value
    return row


def one_hot(k: int, dtype: np.dtype[Any], position: int, value: Any = 1) -> np.ndarray:
    return with_entry(np.zeros(k, dtype), position, value)


def invalid_rows(k: int, dtype: np.dtype[Any], arity: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    good = [ordinary(k, dtype, i) for i in range(arity)]
    entries: list[float] = [NAN, -1, INF, -INF, -limits(dtype)[1]] if is_float(dtype) else []
    entries += [-1, -128] if dtype.kind == "i" else []
    for which in range(arity):
        for entry, position in itertools.product(entries, sorted({0, k // 2, k - 1})):
            rows = [with_entry(row, position, entry) if i == which else row for i, row in enumerate(good)]
            yield f"{entry} at {position} of input {which}", rows
        yield f"zeros in input {which}", [np.zeros_like(row) if i == which else row for i, row in enumerate(good)]
        if is_float(dtype):
            yield f"-0.0 in input {which}", [row * -0.0 if i == which else row for i, row in enumerate(good)]
            if k > 1:  # bad whatever the other entries are, and also where the other input is 0
                rows = [with_entry(row, 0, INF if i == which else 0) for i, row in enumerate(good)]
                yield f"inf against 0 in input {which}", rows
                rows = [with_entry(row, k - 1, NAN if i == which else 0) for i, row in enumerate(good)]
                yield f"nan against 0 in input {which}", rows


def valid_rows(case: Case, k: int, dtype: np.dtype[Any]) -> Iterator[Special]:
    measure, arity = case.measure, case.arity
    positions, (big, tiny) = sorted({0, k // 2, k - 1}), limits(dtype)
    p, q = ordinary(k, dtype), ordinary(k, dtype, 1)
    hot = 0.0 if measure.zero_on_one_hot or measure.zero_on_equal else None
    hot = 0.0 if measure.name == "cross_entropy" else 1.0 if measure.name == "perplexity" else hot
    for position in positions:
        for value in {1, big, tiny}:
            yield f"one-hot {value} at {position}", [one_hot(k, dtype, position, value)] * arity, hot
    equal = 0.0 if measure.zero_on_equal else None
    yield "equal rows", [p] * arity, equal
    yield "ones", [np.ones(k, dtype)] * arity, equal
    yield "the largest number", [np.full(k, big, dtype)] * arity, equal
    yield "the smallest number", [np.full(k, tiny, dtype)] * arity, equal
    if k > 1:
        gaps = [with_entry(row, position, 0) for row, position in itertools.product((p, q), (0, k - 1))]
        yield "equal rows with a zero", [gaps[0]] * arity, equal
        yield "0 and 0", [gaps[0], gaps[2]][:arity], None
        yield "0 and q", [gaps[1], q][:arity], None
        if is_float(dtype):
            yield "-0.0 and q", [with_entry(p, k // 2, -0.0), q][:arity], None
            yield "-0.0 and -0.0", [with_entry(row, k // 2, -0.0) for row in (p, q)[:arity]], None
            yield "the largest and the smallest", [with_entry(row, 0, big) for row in (p * 0 + tiny, q)[:arity]], None
            if arity == 2 and dtype.itemsize < 8:  # float64 would have to tell 2^-2098 of a sum from 2^-2022: not yet
                yield "p and the smallest of q", [p, with_entry(np.full(k, big, dtype), 0, tiny)], None
    if arity == 2:
        for position in positions if k > 1 else ():
            yield f"p and 0 at {position}", [p, with_entry(q, position, 0)], INF if case.support else None
            yield f"0 and 0 at {position}, then p and 0", [
                with_entry(p, position, 0),
                with_entry(with_entry(q, position, 0), position - 1, 0),
            ], (INF if case.support else None) if k > 2 else NAN  # fmt: skip
        if k > 1:
            left = (np.arange(k) < (k + 1) // 2).astype(dtype)
            disjoint = case.support or measure.name == "renyi_divergence"
            yield "disjoint", [p * left, p * (1 - left).astype(dtype)], INF if disjoint else None
            yield "q of one entry", [p, one_hot(k, dtype, 0)], INF if case.support else None
            yield "p of one entry", [one_hot(k, dtype, 0), q], None
        if is_float(dtype):
            half = np.where(np.arange(k) < (k + 1) // 2, 0.5, 1).astype(dtype)
            yield "overflowing sums", [np.full(k, big, dtype), big * half], equal if k == 1 else None
            yield "subnormal sums", [np.full(k, tiny, dtype), tiny / half], equal if k == 1 else None
            # Exactly proportional, from one end of the range to the other: scaling by 2^n changes no bit.
            yield "proportional", [np.ldexp(1.0, 9) * p, p * tiny] if dtype == np.float64 else [p, p * tiny], equal


@cache
def table(case: Case, k: int, dtype: np.dtype[Any]) -> list[tuple[str, list[np.ndarray], float | Split]]:
    """The rows and their values: a float is meant to the bit, a Split to the last few."""
    entries: list[tuple[str, list[np.ndarray], float | Split]] = []
    for name, rows, value in valid_rows(case, k, dtype):
        rows = [row.astype(dtype) for row in rows]
        value = NAN if any(not row.any() for row in rows) else value
        entries.append((name, rows, split(case.exact(*rows)) if value is None else value))
    return entries


def wrong(case: Case, got: Any, want: float | Split, dtype: np.dtype[Any]) -> str:
    """What is wrong with the value of a special row: empty if nothing."""
    got = np.asarray(got)
    if isinstance(want, Split):
        value, allowed = want.high, case.slack(want.high) * case.ulps(result_dtype(dtype), want.high)
        error = np.asarray(ulps(got, Split(*(np.broadcast_to(part, got.shape) for part in (want.high, want.low)))))
    else:
        value, allowed = np.array(want), 0
        error = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, INF)
    worst = np.max(error)
    if worst > 0 and not worst <= allowed:
        return f"got {got.ravel()[np.argmax(error)]!r}, want {float(value)!r}, {worst:.3g} ulp"
    return "-0.0" if has_negative_zero(got) else ""


def run(case: Case, path: str, rows: list[np.ndarray], **options: Any) -> tuple[Any, Any]:
    """The value of the special row and the bits of all the others."""
    inputs, where = PATHS[path](rows)
    got = case.call(*inputs, **where, **options)
    special = np.arange(got.size) % ROWS_AROUND == AT
    return got[special], got[~special].tobytes()


@by_case
@by_dtype
def test_valid_rows(case: Case, dtype: np.dtype[Any], isa: str, slow: bool) -> None:
    failures = []
    for number, k in enumerate(LENGTHS if slow else (1, 2, 3, 8, 33) if dtype.name in FEW else (2, 33)):
        for name, rows, want in table(case, k, dtype):
            found = {"one row": wrong(case, case.call(*rows), want, dtype)}
            for path in PATHS if slow else list(PATHS)[number % 2 :: 2]:
                got, others = run(case, path, rows)
                found[path] = wrong(case, got, want, dtype)
                if path != "one_reference" and others != ordinary_bits(case, path, k, dtype, isa):
                    found[path] += " other rows changed"
            failures += [f"k={k} {name}, {path}: {text}" for path, text in found.items() if text]
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:12])


@cache
def ordinary_bits(case: Case, path: str, k: int, dtype: np.dtype[Any], isa: str) -> bytes:
    return run(case, path, [ordinary(k, dtype, AT + i) for i in range(case.arity)])[1]


@by_case
@by_dtype
@pytest.mark.parametrize("normalize", [True, False])
def test_invalid_rows(case: Case, dtype: np.dtype[Any], normalize: bool, isa: str, slow: bool) -> None:
    """nan for the row, nothing for its neighbours, and an exception naming it when asked."""
    if not slow and not normalize and dtype.name not in FEW:
        pytest.skip("reduced")
    failures = []
    for number, k in enumerate(LENGTHS if slow else LENGTHS[:-1:2] if dtype.name in FEW else (2, 33)):
        for name, rows in invalid_rows(k, dtype, case.arity):
            if not np.isnan(case.call(*rows, normalize=normalize)):
                failures.append(f"k={k} {name}, one row: {case.call(*rows, normalize=normalize)!r}")
            for path in PATHS if slow else list(PATHS)[number % 2 :: 2]:
                got, others = run(case, path, rows, normalize=normalize)
                if not np.isnan(got).all():
                    failures.append(f"k={k} {name}, {path}: {got!r}")
                if path != "one_reference" and normalize and others != ordinary_bits(case, path, k, dtype, isa):
                    failures.append(f"k={k} {name}, {path}: other rows changed")
                if path == "outer_wide" and not slow:
                    continue
                try:
                    run(case, path, rows, normalize=normalize, invalid="raise")
                    failures.append(f"k={k} {name}, {path}: invalid='raise' did not raise")
                except ValueError as refusal:
                    first = AT if path != "one_reference" or "input 0" in name else 0
                    says = f"{case.measure.name}: row {first} of {case.measure.inputs['input 1' in name]} "
                    if not str(refusal).startswith(says):
                        failures.append(f"k={k} {name}, {path}: the message does not begin with {says}: {refusal}")
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:12])


@by_case
def test_valid_rows_are_not_refused(case: Case, isa: str) -> None:
    """Zeros, infinite divergences, subnormals and huge numbers are values, not errors."""
    for k in (3, 40):
        for dtype in (DTYPES["float64"], DTYPES["float32"]):
            for name, rows, want in table(case, k, dtype):
                for path in ("inner", "outer"):
                    inputs, where = PATHS[path](rows)
                    if not np.isnan(want.high if isinstance(want, Split) else want):
                        assert not np.isnan(case.call(*inputs, **where, invalid="raise")).any(), (k, name, path)


# ---- rows of many blocks -------------------------------------------------------------------------------------------


def long_rows(case: Case, dtype: np.dtype[Any]) -> Iterator[Special]:
    p, q = ordinary(LONG, dtype), ordinary(LONG, dtype, 1)
    big, tiny = limits(dtype)
    if is_float(dtype):
        yield "nan at the end", [with_entry(p, LONG - 1, NAN), q][: case.arity], NAN
        yield "inf in the middle", [with_entry(p, LONG // 2, INF), q][: case.arity], NAN
        yield "-1 at the start of the last input", [p, with_entry(q, 0, -1)][-case.arity :], NAN
        half = np.where(np.arange(LONG) < LONG // 2, 0.5, 1).astype(dtype)
        yield "the smallest number", [np.full(LONG, tiny, dtype), tiny / half], None
    yield "zeros", [p * 0, q][: case.arity], NAN
    zero = 0.0 if case.measure.zero_on_one_hot or case.measure.zero_on_equal else None
    hot = {"cross_entropy": 0.0, "perplexity": 1.0}.get(case.measure.name, zero)
    yield "one-hot", [one_hot(LONG, dtype, 65_536)] * case.arity, hot
    equal = 0.0 if case.measure.zero_on_equal else None
    yield "ones", [np.ones(LONG, dtype)] * case.arity, equal
    yield "the largest number", [np.full(LONG, big, dtype)] * case.arity, equal
    if case.arity == 2:
        yield "p and 0 at the end", [p, with_entry(q, LONG - 1, 0)], INF if case.support else None
        yield "equal", [p, p], equal


@cache
def long_value(case: Case, dtype: np.dtype[Any], name: str) -> Split:
    rows = next(rows for this, rows, _ in long_rows(case, dtype) if this == name)
    return split(case.exact(*rows[: case.arity]))


@by_case
@by_dtype
def test_long_rows(case: Case, dtype: np.dtype[Any], isa: str, slow: bool) -> None:
    if not slow and dtype.name not in FEW:
        pytest.skip("reduced")
    failures = []
    filler = [ordinary(LONG, dtype, i) for i in range(case.arity)]
    for number, (name, rows, value) in enumerate(long_rows(case, dtype)):
        want = long_value(case, dtype, name) if value is None else value
        rows = [row.astype(dtype) for row in rows[: case.arity]]
        batch = [np.stack([f, row, f]) for f, row in zip(filler, rows, strict=True)]
        got = {"one row": case.call(*rows), "one worker": case.call(*rows, workers=1)}
        if slow or number % 2:
            got["inner"] = case.call(*batch)[1]
        if slow or not number % 2:
            got["outer"] = case.call(*(np.ascontiguousarray(b.T) for b in batch), axis=0)[1]
        found = {path: wrong(case, v, want, dtype) for path, v in got.items()}
        failures += [f"{name}, {path}: {text}" for path, text in found.items() if text]
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:12])


def test_the_values_of_the_table_in_numbers(isa: str) -> None:
    """A few lines of the table spelled out, so that table and oracle cannot be wrong together."""
    import fastent as f

    assert f.entropy([1e308] * 3) == pytest.approx(np.log(3), rel=1e-15)
    assert f.entropy(np.ones(70_000, np.float16)) == np.float32(np.log(70_000))
    assert f.entropy([5e-324, 5e-324]) == np.log(2)
    assert f.entropy([0, 5, 0]) == 0 and f.perplexity([0, 5, 0]) == 1
    assert f.entropy([1, 1e-20]) == pytest.approx(4.705170185988091e-19, rel=1e-15)
    assert f.normalized_entropy([3.0]) == 0 and f.normalized_entropy([2, 2, 2]) == pytest.approx(1, rel=4e-16)
    assert f.kl_divergence([1, 1], [1, 0]) == f.cross_entropy([1, 1], [1, 0]) == INF
    assert f.jeffreys_divergence([1, 1], [1, 0]) == f.jeffreys_divergence([1, 0], [1, 1]) == INF
    assert f.js_divergence([1, 0], [0, 1]) == np.log(2) and f.js_distance([1, 0], [0, 1]) == np.sqrt(np.log(2))
    assert f.hellinger_distance([1, 0], [0, 1]) == f.total_variation([1, 0], [0, 1]) == 1
    assert f.renyi_divergence([1, 1], [1, 0], 0.5) == pytest.approx(np.log(2), rel=1e-15)
    assert f.renyi_divergence([1, 1], [1, 0], 2) == f.renyi_divergence([1, 0], [0, 1], 0.5) == INF
    assert f.renyi_entropy([4, 2, 2, 0], 0) == pytest.approx(np.log(3), rel=1e-15)
    assert f.renyi_entropy([4, 2, 2, 0], INF) == pytest.approx(np.log(2), rel=1e-15)
    assert f.kl_divergence([5e-324, 5e-324], [5e-324, 1e-323]) == pytest.approx(np.log(9 / 8) / 2, rel=1e-14)
    assert f.information_content(0) == INF and f.binary_entropy(0.5) == np.log(2)
    assert f.binary_cross_entropy(1, 0) == INF and f.binary_cross_entropy(1, 1) == 0
    assert np.isnan(f.js_divergence([1, NAN], [1, 1])) and np.isnan(f.entropy([])) and np.isnan(f.entropy([0, 0]))


# ---- elementwise measures ------------------------------------------------------------------------------------------

ENDS = (0.0, -0.0, 1.0, 0.5, 1 - 2.0**-53, 2.0**-60, 5e-324, 1e-45, 1e-40, 2.0**-24, 0.1)
OUTSIDE = (NAN, INF, -INF, -5e-324, -1.0, -1e-40)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
@by_dtype
def test_elementwise(case: Case, dtype: np.dtype[Any], isa: str) -> None:
    failures = []
    entries: list[float] = [*ENDS, *OUTSIDE, 1.5, 2, limits(dtype)[0]] if is_float(dtype) else [0, 1, 2]
    entries = entries + ([-1, -128] if dtype.kind == "i" else [])
    with np.errstate(over="ignore"):
        grid = np.array(list(itertools.product(entries, repeat=case.arity)), dtype=np.float64).astype(dtype).T
    want, high = elementwise_exact(case, dtype), elementwise_exact(case, dtype).high
    for n in (1, 3, 8, 17, 1000):
        place = np.arange(len(high)) * (n + 1) + n // 2  # special entries among ordinary ones
        line = np.ones((case.arity, len(high) * (n + 1) + n), dtype)
        line[:, place] = grid
        for name, inputs in {
            "contiguous": line,
            "strided": np.repeat(line, 2, axis=1)[:, ::2],
            "backwards": line[:, ::-1].copy()[:, ::-1],
            "two axes": np.asfortranarray(line[:, : line.shape[1] // 2 * 2].reshape(case.arity, 2, -1)),
        }.items():
            got = case.call(*inputs).ravel()
            here = place[place < got.size]
            error = ulps(got[here], Split(high[: here.size], want.low[: here.size]))
            zero_or_one = np.isin(high[: here.size], (0, INF)) | np.isnan(high[: here.size])
            off = np.flatnonzero(~(error <= np.where(zero_or_one, 0, case.ulps(result_dtype(dtype)))))
            failures += [f"n={n} {name}: f({grid[:, i]}) = {got[here[i]]!r}, want {high[i]!r}" for i in off[:3]]
            failures += [f"n={n} {name}: -0.0"] if has_negative_zero(got) else []
            ones = np.setdiff1d(np.arange(got.size), here)
            failures += [] if (got[ones] == 0).all() else [f"n={n} {name}: the entries around changed"]
    bad = np.flatnonzero(np.isnan(high))
    for i in bad[:20]:
        line = np.ones((case.arity, 50), dtype)
        line[:, 17] = grid[:, i]
        with pytest.raises(ValueError, match=rf"(?s){case.measure.name}.*17"):
            case.call(*line, invalid="raise")
    case.call(*grid[:, np.flatnonzero(~np.isnan(high))], invalid="raise")
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:12])


@cache
def elementwise_exact(case: Case, dtype: np.dtype[Any]) -> Split:
    entries: list[float] = [*ENDS, *OUTSIDE, 1.5, 2, limits(dtype)[0]] if is_float(dtype) else [0, 1, 2]
    entries = entries + ([-1, -128] if dtype.kind == "i" else [])
    with np.errstate(over="ignore"):
        grid = np.array(list(itertools.product(entries, repeat=case.arity)), dtype=np.float64).astype(dtype).T
    return split(case.exact(*grid))


def test_the_table_covers_every_measure() -> None:
    assert {c.measure.name for c in (*UNARY, *BINARY, *ELEMENTWISE)} == set(MEASURES)
    for case in BINARY:
        entries = table(case, 3, DTYPES["float64"])
        values = {name: want.high if isinstance(want, Split) else want for name, _, want in entries}
        assert np.isinf(values["p and 0 at 1"]) == case.support
        assert np.isfinite(values["0 and q"]) or case.measure.name == "jeffreys_divergence"
