"""How many digits are right: every measure in every regime, against the promises of the package.

    python tests/test_accuracy.py [--slow]      the worst error per measure and dtype, and the row it came from

Kinds of error:
    ulp       units in the last place of the exact value: rows that differ, and entropies of any row
    relative  divergences of rows that nearly agree, where the value is of the order of the square of the difference
    absolute  in units of 2^-53 (2^-24): measures that are of the order of the difference itself
A bound of inf is a difference below what is promised: the value must still be in its range, and the error is shown.
"""

from __future__ import annotations

import itertools
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from oracle import ELEMENTWISE, MEASURES, ROWS, Case, Split, exact, has_negative_zero, split, ulps

DTYPES = ("float64", "float32", "int64")
LENGTHS = (1, 2, 3, 4, 7, 8, 16, 17, 31, 33, 64)
SLOW_LENGTHS = (*range(1, 18), 31, 32, 33, 64, 1000)
NEARLY_EQUAL = 0.05  # total variation below which rows nearly agree
LONG = 65_537

Pair = tuple[np.ndarray, np.ndarray]


class Finding(NamedTuple):
    kind: str
    error: float
    bound: float
    where: str


# ---- regimes: n rows of k entries, in float64; what a dtype cannot hold is scaled for it ---------------------------


def dirichlet(concentration: float) -> Callable[..., Pair]:
    def rows(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
        p, q = (np.maximum(rng.gamma(concentration, size=shape), 1e-30) for _ in range(2))
        return p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)

    return rows


def near(difference: float) -> Callable[..., Pair]:
    def rows(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
        p = rng.gamma(1.0, size=shape)
        p /= p.sum(-1, keepdims=True)
        return p, p * (1 + difference * rng.standard_normal(shape))

    return rows


def dominant(small: float, other: float | None = None) -> Callable[..., Pair]:
    """One entry of almost everything; the rest of p about `small`, of q about `other`."""

    def rows(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
        p, q = small * rng.random(shape), (other or small) * rng.random(shape)
        place = rng.integers(shape[1], size=shape[0]), np.arange(shape[0])
        p[place[::-1]], q[place[::-1]] = 1, rng.uniform(0.9, 1)
        return p, q

    return rows


def one_hot(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    p = np.zeros(shape)
    p[:, rng.integers(shape[1])] = rng.uniform(0.1, 9)
    return p, rng.gamma(1.0, size=shape)


def disjoint(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    p, q = rng.gamma(1.0, size=(2, *shape))
    left = np.arange(shape[1]) < (shape[1] + 1) // 2
    return np.where(left, p, 0), np.where(left, 0, q)


def zeros(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    p, q = rng.gamma(1.0, size=(2, *shape))
    return p * (rng.random(shape) < 0.6), q


def subnormal(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    unit = 1e-45 if dtype == "float32" else 5e-324
    p, q = rng.integers(0, 30, (2, *shape)) * unit
    return p, q + unit


def huge(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    p, q = rng.random((2, *shape)) * (3e38 if dtype == "float32" else 1.7e308)
    return p, q


def every_size(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    """Entries over the whole range of the exponent."""
    decades = 37 if dtype == "float32" else 300
    p, q = 10.0 ** rng.uniform(-decades, decades, (2, *shape))
    return p, q


def both_ends(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
    """Ordinary p against q from the smallest numbers to the largest."""
    ends = [1e-45, 1e-38, 1, 3e38] if dtype == "float32" else [5e-324, 1e-308, 1e-160, 1, 1e308]
    return rng.gamma(1.0, size=shape), rng.choice(ends, shape)


def counts(largest: int) -> Callable[..., Pair]:
    def rows(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> Pair:
        p, q = rng.integers(1, largest, (2, *shape))
        return p, q

    return rows


DIFFERENCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
REGIMES: dict[str, Callable[..., Pair]] = {
    **{f"Dirichlet {a:g}": dirichlet(a) for a in (0.01, 1, 100)},
    **{f"near {d:g}": near(d) for d in DIFFERENCES},
    **{f"dominant {e:g}": dominant(e) for e in (0.3, 1e-3, 1e-8, 1e-20, 1e-36, 1e-300)},
    "dominant 1e-3 and 1e-9": dominant(1e-3, 1e-9),
    "one-hot": one_hot,
    "disjoint": disjoint,
    "zeros": zeros,
    "subnormal": subnormal,
    "huge": huge,
    "every size": every_size,
    "both ends": both_ends,
}
COUNTS = {"small counts": counts(100), "counts": counts(10**6), "huge counts": counts(2**62)}


def regimes_of(dtype: str) -> dict[str, Callable[..., Pair]]:
    if dtype == "int64":
        return COUNTS
    return {name: make for name, make in REGIMES.items() if not (dtype == "float32" and name == "dominant 1e-300")}


@cache
def rows_of(regime: str, k: int, dtype: str, n: int) -> Pair:
    rng = np.random.default_rng(zlib.crc32(f"{regime} {k}".encode()))
    # The oracle sums equal entries once: a long row repeats 257 different pairs.
    p, q = {**REGIMES, **COUNTS}[regime](rng, (n, min(k, 257) if k == LONG else k), dtype)
    pair = [a.astype(dtype) for a in (p, q)]
    return (np.resize(pair[0], (n, k)), np.resize(pair[1], (n, k))) if k == LONG else (pair[0], pair[1])


@cache
def exact_of(case: Case, regime: str, k: int, dtype: str, n: int) -> Split:
    return split(case.exact(*rows_of(regime, k, dtype, n)[: case.arity]))


@cache
def distance_of(regime: str, k: int, dtype: str, n: int) -> np.ndarray:
    return np.asarray(split(exact(MEASURES["total_variation"], *rows_of(regime, k, dtype, n))).high)


# ---- what is promised ----------------------------------------------------------------------------------------------


def allowed_ulps(case: Case, dtype: Any, size: float = 1.0) -> float:
    return float(case.ulps(dtype, size))


def judge(case: Case, dtype: Any, regime: str, distance: float, size: float) -> tuple[str, float]:
    """The kind of error that counts for one row, and how much of it is allowed."""
    narrow = dtype == np.float32
    if case.measure.name == "renyi_divergence" and regime in ("both ends", "every size"):
        return "relative", math.inf  # powers of entries 600 orders of magnitude apart: no promise yet
    if case.arity == 1 or case.measure.name == "cross_entropy" or not distance < NEARLY_EQUAL:
        return "ulp", allowed_ulps(case, dtype, size)
    if case.measure.name == "total_variation" or case.params.get("order") == math.inf:
        return ("absolute", 4.0) if size < NEARLY_EQUAL else ("ulp", allowed_ulps(case, dtype))
    difference = float(regime.removeprefix("near ")) if regime.startswith("near ") else 1.0
    if narrow:
        return "relative", 1e-5 if difference >= 1e-3 else math.inf
    return "relative", 1e-9 if difference >= 1e-8 else math.inf


def measure_error(kind: str, got: Any, want: Split, at: int, dtype: Any) -> float:
    high, low = want.high[at], want.low[at]
    if kind == "ulp" or not np.isfinite(high):
        return float(ulps(np.asarray(got[at]), Split(high, low), dtype))
    error = abs((float(got[at]) - high) - low)
    if kind == "absolute":
        return float(error / (2.0**-24 if dtype == np.float32 else 2.0**-53))
    return float(error / high) if high else 0.0 if error <= case_zero(dtype) else math.inf


def case_zero(dtype: Any) -> float:
    """Rows that agree exactly but for a factor: the rounding of the two sums leaves its square."""
    return 16 * (2.0**-48 if dtype == np.float32 else 2.0**-106)


def out_of_range(case: Case, got: np.ndarray, k: int) -> str:
    """Ranges hold exactly for the bounded divergences, and within the promise for entropies."""
    valid = got[~np.isnan(got)]
    largest = case.largest(k)
    if case.arity == 1 and math.isfinite(largest):
        largest *= 1 + 4 * np.finfo(got.dtype).eps * (1 + math.log(k))
    if case.measure.nonnegative and (valid < 0).any():
        return f"negative: {valid.min()!r}"
    if (valid > got.dtype.type(largest)).any():
        return f"above {largest}: {valid.max()!r}"
    return "-0.0" if has_negative_zero(got) else ""


def findings(case: Case, dtype: str, slow: bool, label: str = "") -> Iterator[Finding]:
    """The errors of one measure and dtype in all regimes, rows and columns alike."""
    result = np.float32 if dtype == "float32" else np.float64
    for regime in regimes_of(dtype):
        pairwise = regime.startswith("near ")
        if case.arity == 1 and pairwise:
            continue
        lengths = SLOW_LENGTHS if slow else LENGTHS[1::3] if pairwise else LENGTHS
        more = (1000, LONG) if regime in ("Dirichlet 1", "near 1e-06", "huge counts") else ()
        for k in (*lengths, *more):
            n = 1 if k >= 1000 else 20 if slow else 3 if k < 17 else 2
            inputs = rows_of(regime, k, dtype, n)[: case.arity]
            want = exact_of(case, regime, k, dtype, n)
            distance = distance_of(regime, k, dtype, n) if case.arity == 2 else np.ones(n)
            for path, got in {
                "rows": case.call(*inputs),
                "columns": case.call(*(np.ascontiguousarray(a.T) for a in inputs), axis=0),
            }.items():
                where = f"{regime}, k={k}, {path}{label}"
                wrong = out_of_range(case, got, k)
                if wrong:
                    yield Finding("range", math.inf, 0.0, f"{wrong} in {where}")
                for at in range(n):
                    kind, bound = judge(case, result, regime, float(distance[at]), float(want.high[at]))
                    error = measure_error(kind, got, want, at, result)
                    yield Finding(kind, error, bound, f"{where}, row {at}: {got[at]!s} for {want.high[at]!s}")


# ---- many ordinary rows: ranked in extended precision, the worst few then judged by the oracle ----------------------


def wide_terms(name: str, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The definition in long double, for ranking only."""

    def divergence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * np.log(a / b)

    return {
        "entropy": lambda: -p * np.log(p),
        "cross_entropy": lambda: -p * np.log(q),
        "kl_divergence": lambda: divergence(p, q),
        "jeffreys_divergence": lambda: divergence(p, q) + divergence(q, p),
        "js_divergence": lambda: (divergence(p, (p + q) / 2) + divergence(q, (p + q) / 2)) / 2,
        "hellinger_distance": lambda: (np.sqrt(p) - np.sqrt(q)) ** 2 / 2,
        "total_variation": lambda: abs(p - q) / 2,
        "gini_impurity": lambda: p * (1 - p),
    }[name]()


MANY = ("entropy", "cross_entropy", "kl_divergence", "jeffreys_divergence", "js_divergence", "hellinger_distance",
        "total_variation", "gini_impurity")  # fmt: skip


def ordinary_batches(slow: bool) -> Iterator[np.ndarray]:
    """Pairs of batches. Sums with long mantissas are harder than random rows: few numbers, times one per row."""
    for k in (2, 3, 4, 5, 7, 8, 13, 40):
        shape, rng = (2, (200_000 if slow else 12_000) // k, k), np.random.default_rng(k)
        yield rng.random(shape) + 1e-9
        yield rng.gamma(0.3, size=shape) + 1e-9
        yield rng.integers(1, 60, shape) * (2 - 0.5 ** rng.integers(1, 53, (*shape[:2], 1)))
        yield 2.0 ** rng.integers(-3, 3, shape) * (rng.random((*shape[:2], 1)) + 0.5)


def findings_of_many(case: Case, dtype: str, slow: bool, label: str = "") -> Iterator[Finding]:
    for batch in ordinary_batches(slow):
        pair = batch.astype(dtype)
        p, q = pair.astype(np.longdouble) / pair.astype(np.longdouble).sum(-1, keepdims=True)
        rough = wide_terms(case.measure.name, p, q).sum(-1)
        rough = np.sqrt(rough) if case.measure.name == "hellinger_distance" else rough
        got = case.call(*pair[: case.arity])
        error = np.abs(got - rough) / np.spacing(rough.astype(got.dtype))
        error[abs(p - q).sum(-1) / 2 < NEARLY_EQUAL] *= case.arity == 1 or case.measure.name == "cross_entropy"
        for at in np.argsort(error)[-2:]:
            rows = [a[at] for a in pair[: case.arity]]
            want = case.exact(*rows)
            where = f"k={rows[0].size}, {' and '.join(str(r[:4].tolist()) for r in rows)}{label}"
            yield Finding("ulp", float(ulps(got[at], want)), allowed_ulps(case, got.dtype), where)


def elementwise_numbers(dtype: str, slow: bool) -> np.ndarray:
    """[0, 1] evenly, towards 0 and towards 1 in the exponent, and their neighbours."""
    n, rng = 1500 if slow else 150, np.random.default_rng(7)
    towards = 10.0 ** rng.uniform(-44 if dtype == "float32" else -323, 0, n)
    values = np.concatenate([rng.random(4 * n), towards, 1 - 10.0 ** rng.uniform(-17, 0, n), [0.5, 1, 0]])
    neighbours = np.nextafter(np.array([0, 0.5, 0.5, 1], dtype), np.array([1, 0, 1, 0], dtype))
    return np.unique(np.concatenate([values.astype(dtype), neighbours]))


@cache
def elementwise_of(case: Case, dtype: str, slow: bool) -> tuple[tuple[np.ndarray, ...], Split]:
    p = elementwise_numbers(dtype, slow)
    y = np.random.default_rng(8).permutation(p)
    y[::7], y[1::7] = 0, 1
    inputs = (p,) if case.arity == 1 else (y, p)
    return inputs, split(case.exact(*inputs))


def elementwise_findings(case: Case, dtype: str, slow: bool, label: str = "") -> Iterator[Finding]:
    inputs, want = elementwise_of(case, dtype, slow)
    got = case.call(*inputs)
    wrong = out_of_range(case, got, 2)
    if wrong:
        yield Finding("range", math.inf, 0.0, wrong + label)
    error, bound = ulps(got, want), allowed_ulps(case, dtype)
    worst = int(np.argmax(error))
    yield Finding("ulp", float(error[worst]), bound, f"{tuple(float(a[worst]) for a in inputs)}{label}")


# ---- tests ---------------------------------------------------------------------------------------------------------


def verdict(case: Case, dtype: str, found: Iterator[Finding], record_error: Callable[..., None]) -> None:
    over = []
    for finding in found:
        if finding.kind != "range":
            record_error(case, dtype, finding.kind, finding.error, finding.bound, finding.where)
        if not finding.error <= finding.bound:
            over.append(finding)
    over.sort(key=lambda f: -f.error / (f.bound or 1))
    lines = [f"{f.kind} {f.error:.3g} of {f.bound:g}: {f.where}" for f in over]
    assert not over, f"{len(over)} over the bound\n" + "\n".join(lines[:10])


@pytest.mark.parametrize("case", ROWS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows(case: Case, dtype: str, isa: str, slow: bool, record_error: Callable[..., None]) -> None:
    verdict(case, dtype, findings(case, dtype, slow, f", {isa}"), record_error)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="long double is no wider than double")
@pytest.mark.parametrize("case", [c for c in ROWS if c.id in MANY], ids=str)
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_many_rows(case: Case, dtype: str, isa: str, slow: bool, record_error: Callable[..., None]) -> None:
    verdict(case, dtype, findings_of_many(case, dtype, slow, f", {isa}"), record_error)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_elements(case: Case, dtype: str, isa: str, slow: bool, record_error: Callable[..., None]) -> None:
    verdict(case, dtype, elementwise_findings(case, dtype, slow, f", {isa}"), record_error)


@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "jeffreys_divergence"])
def test_entries_without_a_common_scale(name: str, isa: str) -> None:
    """5e-324 beside 1e308, in short and long rows, whole blocks of them, and where the other operand is small, too."""
    case, rng = next(c for c in ROWS if c.id == name), np.random.default_rng(3)
    for k in (2, 3, 40, 100, 3000):
        p, q = rng.gamma(1.0, size=(3, k)), rng.choice([5e-324, 1e-308, 1e-160, 1, 1e308], (3, k))
        q[0, :-1], q[:, -1] = 5e-324, 1e308
        for some in (p, p * 1e-300):
            want = case.exact(some, q)
            columns = [np.ascontiguousarray(a.T) for a in (some, q)]
            for got in (case.call(some, q), case.call(*columns, axis=0), case.call(some, q, where=np.ones(k, bool))):
                assert (ulps(got, want) <= 8).all(), k
    p, q = np.ones((2, 200_000)), np.full((2, 200_000), 1e308)
    q[:, ::2] = 5e-324
    want = case.exact(p, q)
    for workers in (1, 2):
        assert (ulps(case.call(p, q, workers=workers), want) <= 8).all()


def test_the_regimes_are_what_they_say() -> None:
    """Wrong rows would be easy rows."""
    for difference in DIFFERENCES:
        p, q = rows_of(f"near {difference:g}", 17, "float64", 3)
        assert 0.1 < np.abs(q / p - 1).max() / difference < 10
    p, q = rows_of("dominant 1e-20", 8, "float64", 3)
    assert ((p == 1).sum(-1) == 1).all() and (np.sort(p)[:, -2] < 1e-19).all() and (np.sort(q)[:, -2] < 1e-19).all()
    p, q = rows_of("disjoint", 9, "float32", 3)
    assert not (p * q).any() and p.any(-1).all() and q.any(-1).all()
    assert rows_of("subnormal", 9, "float32", 3)[0].max() < np.finfo(np.float32).tiny
    assert np.isinf(rows_of("huge", 64, "float64", 3)[0].sum(-1)).all()
    assert rows_of("huge counts", 9, "int64", 3)[0].max() > 2**60
    assert len(rows_of("Dirichlet 1", LONG, "float64", 1)[0][0]) == LONG


def test_a_wrong_digit_is_found() -> None:
    """The bounds are tight enough to see an error of 1e-14, and of 1e-8 between rows that differ by 1e-8."""
    case = next(c for c in ROWS if c.measure.name == "kl_divergence")
    for regime, kind, factor in (("Dirichlet 1", "ulp", 1e-14), ("near 1e-08", "relative", 1e-8)):
        want = exact_of(case, regime, 17, "float64", 3)
        distance = distance_of(regime, 17, "float64", 3)
        assert judge(case, np.float64, regime, float(distance[0]), 1.0)[0] == kind
        for error, found in ((0.0, False), (factor, True)):
            got = want.high * (1 + error)
            bound = judge(case, np.float64, regime, float(distance[0]), 1.0)[1]
            assert (measure_error(kind, got, want, 0, np.float64) > bound) == found


def main(arguments: list[str]) -> None:
    """The worst error per measure, dtype and kind, over all instruction sets."""
    from fastent._rows import engine

    slow = "--slow" in arguments
    for case in (*ROWS, *ELEMENTWISE):
        search = elementwise_findings if case in ELEMENTWISE else findings
        for dtype in DTYPES[:2] if case in ELEMENTWISE else DTYPES:
            worst: dict[str, Finding] = {}
            for isa in engine.isas():
                engine.use_isa(isa)
                more = findings_of_many(case, dtype, slow, f", {isa}") if case.id in MANY and dtype != "int64" else ()
                for f in itertools.chain(search(case, dtype, slow, f", {isa}"), more):
                    kind = f.kind if math.isfinite(f.bound) else "unpromised"
                    if kind not in worst or f.error / (f.bound or 1) > worst[kind].error / (worst[kind].bound or 1):
                        worst[kind] = f
            for kind, f in worst.items():
                mark = "" if f.error <= f.bound else "  <-- over the bound"
                print(f"{case!s:32} {dtype:8} {f.error:9.3g} of {f.bound:<6g} {kind:10} {f.where}{mark}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
