"""The textbook definition of every measure, evaluated exactly: what the tests compare fastent with.

Each measure is written once, for one row, the way books print it. The numbers of a row enter as the exact rationals
they are, and the working precision is raised until the cancellation in the definition has cost nothing that matters;
`exact` therefore returns about 35 correct digits for any input. Nothing here is tuned, and nothing here may come from
the package. The one liberty: equal entries of a row are summed once and multiplied by how often they occur.

`MEASURES` is the only list of measures in the tests; `CASES` are the measures with their parameters filled in.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import mp, mpf

INF, NAN = mpf("inf"), mpf("nan")
_LOCK = threading.Lock()  # the working precision of mpmath is global


class Row:
    """The distinct entries of one row (or pair of rows), how often each occurs, and the number of entries."""

    def __init__(self, pairs: Counter[tuple[float, ...]], normalize: bool) -> None:
        self.k = pairs.total()
        self.n = list(pairs.values())
        self.columns = [[mpf(v) for v in column] for column in zip(*pairs, strict=True)]
        if normalize:
            totals = [mp.fsum(n * v for n, v in zip(self.n, column, strict=True)) for column in self.columns]
            self.columns = [[v / s for v in column] for column, s in zip(self.columns, totals, strict=True)]

    def sum(self, term: Callable[..., mpf]) -> mpf:
        return mp.fsum(n * term(*v) for n, *v in zip(self.n, *self.columns, strict=True))

    def max(self, term: Callable[..., mpf]) -> mpf:
        return max(term(*v) for v in zip(*self.columns, strict=True))


# ---- terms, with the conventions 0 ln 0 = 0 and p ln(p / 0) = inf -------------------------------------------------


def p_ln_q(p: mpf, q: mpf) -> mpf:
    return mpf(0) if p == 0 else -INF if q == 0 else p * mp.ln(q)


def p_ln_p_over_q(p: mpf, q: mpf) -> mpf:
    return mpf(0) if p == 0 else INF if q == 0 else p * mp.ln(p / q)


def difference_times_ln_ratio(p: mpf, q: mpf) -> mpf:
    return mpf(0) if p == q else INF if p == 0 or q == 0 else (p - q) * mp.ln(p / q)


def power(p: mpf, a: mpf) -> mpf:
    return mpf(0) if p == 0 else p**a


def ratio_power(p: mpf, q: mpf, a: mpf) -> mpf:
    if p == 0:
        return mpf(0)
    if q == 0:
        return mpf(0) if a < 1 else INF
    return p**a * q ** (1 - a)


# ---- measures of one row: nats, before the base and before the `final` function of the measure --------------------


def entropy(row: Row) -> mpf:
    return -row.sum(lambda p: p_ln_q(p, p))


def normalized_entropy(row: Row) -> mpf:
    return mpf(0) if row.k == 1 else entropy(row) / mp.ln(row.k)


def renyi_entropy(row: Row, order: float) -> mpf:
    if order == 1:
        return entropy(row)
    if math.isinf(order):
        return -mp.ln(row.max(lambda p: p))
    a = mpf(order)
    return mp.ln(row.sum(lambda p: power(p, a))) / (1 - a)


def tsallis_entropy(row: Row, order: float) -> mpf:
    if order == 1:
        return entropy(row)
    if math.isinf(order):  # the limit; a row with an entry above 1 only arises with normalize=False
        return mpf(0) if row.max(lambda p: p) <= 1 else -INF
    a = mpf(order)
    return (1 - row.sum(lambda p: power(p, a))) / (a - 1)


def gini_impurity(row: Row) -> mpf:
    return 1 - row.sum(lambda p: p * p)


def cross_entropy(row: Row) -> mpf:
    return -row.sum(p_ln_q)


def kl_divergence(row: Row) -> mpf:
    return row.sum(p_ln_p_over_q)


def jeffreys_divergence(row: Row) -> mpf:
    return row.sum(difference_times_ln_ratio)


def js_divergence(row: Row, weights: tuple[float, float] = (0.5, 0.5)) -> mpf:
    u, v = (mpf(w) / mp.fsum(weights) for w in weights)  # 0.9 and 0.1 are not floats that sum to 1
    to_p = row.sum(lambda p, q: p_ln_p_over_q(p, u * p + v * q)) if u else mpf(0)
    to_q = row.sum(lambda p, q: p_ln_p_over_q(q, u * p + v * q)) if v else mpf(0)
    return u * to_p + v * to_q


def hellinger_squared(row: Row) -> mpf:
    # For rows that sum to 1 this is 1 - sum sqrt(p q); it is the definition for rows that do not.
    return row.sum(lambda p, q: (mp.sqrt(p) - mp.sqrt(q)) ** 2) / 2


def total_variation(row: Row) -> mpf:
    return row.sum(lambda p, q: abs(p - q)) / 2


def renyi_divergence(row: Row, order: float) -> mpf:
    if order == 1:
        return kl_divergence(row)
    if math.isinf(order):
        return mp.ln(row.max(lambda p, q: mpf(0) if p == 0 else INF if q == 0 else p / q))
    a = mpf(order)
    total = row.sum(lambda p, q: ratio_power(p, q, a))
    return INF if total in (0, INF) else mp.ln(total) / (a - 1)


# ---- elementwise measures ------------------------------------------------------------------------------------------


def information_content(p: mpf) -> mpf:
    return INF if p == 0 else -mp.ln(p)


def binary_entropy(p: mpf) -> mpf:
    return binary_cross_entropy(p, p)


def binary_cross_entropy(y: mpf, p: mpf) -> mpf:
    return -p_ln_q(y, p) - p_ln_q(1 - y, 1 - p)


# ---- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Measure:
    """One measure: its definition, its parameters worth testing, its options and its algebra."""

    name: str
    kind: str  # "unary" and "binary" reduce rows; "elementwise" does not
    define: Callable[..., mpf]
    inputs: tuple[str, ...]
    params: tuple[dict[str, Any], ...] = ({},)
    base: bool = True  # takes base=
    final: Callable[[mpf], mpf] = mpf  # applied last, after the base
    symmetric: bool = False  # f(p, q) and f(q, p) are the same bits
    zero_on_equal: bool = False  # f(p, p) == 0
    zero_on_one_hot: bool = False  # f(one-hot) == 0
    nonnegative: bool = True  # of normalised rows
    support: bool = False  # inf where p > 0 and q == 0
    largest: Callable[..., float] | None = None  # the least upper bound for rows of k entries, in nats
    linear: bool = False  # near zero of the order of p - q, and not of its square
    ulps: tuple[int, int] = (8, 8)  # float64 and float32, rows that are not nearly equal
    promised: bool = False  # the contract states these ulps; the others are what the same care gives


def _tsallis_max(k: int, order: float) -> float:
    if order == 1:
        return math.log(k)
    return 0.0 if math.isinf(order) else (1 - k ** (1 - order)) / (order - 1)


def _js_max(k: int, weights: tuple[float, float] = (0.5, 0.5)) -> float:
    return -sum(w * math.log(w) for w in weights if w)


_ORDERS = tuple({"order": a} for a in (0, 0.5, 1, 2, 3, 7.25, math.inf))
_WEIGHTS: tuple[dict[str, Any], ...] = ({}, {"weights": (0.25, 0.75)}, {"weights": (0.9, 0.1)})
_P, _PQ = ("p",), ("p", "q")

MEASURES = {
    m.name: m
    for m in (
        Measure("entropy", "unary", entropy, _P, zero_on_one_hot=True, largest=math.log, ulps=(4, 1), promised=True),
        Measure("normalized_entropy", "unary", normalized_entropy, _P, base=False, zero_on_one_hot=True,
                largest=lambda k: float(k > 1), ulps=(6, 2)),
        Measure("perplexity", "unary", entropy, _P, base=False, final=mp.exp, largest=float,
                ulps=(4, 2)),
        Measure("renyi_entropy", "unary", renyi_entropy, _P, _ORDERS, zero_on_one_hot=True,
                largest=lambda k, order: math.log(k), ulps=(8, 2)),
        Measure("tsallis_entropy", "unary", tsallis_entropy, _P, _ORDERS, base=False, zero_on_one_hot=True,
                largest=_tsallis_max, ulps=(8, 2)),
        Measure("gini_impurity", "unary", gini_impurity, _P, base=False, zero_on_one_hot=True,
                largest=lambda k: 1 - 1 / k, ulps=(8, 2)),
        Measure("cross_entropy", "binary", cross_entropy, _PQ, support=True),
        Measure("kl_divergence", "binary", kl_divergence, _PQ, zero_on_equal=True, support=True, promised=True),
        Measure("jeffreys_divergence", "binary", jeffreys_divergence, _PQ, symmetric=True, zero_on_equal=True,
                support=True),
        Measure("js_divergence", "binary", js_divergence, _PQ, _WEIGHTS, symmetric=True, zero_on_equal=True,
                largest=_js_max, promised=True),
        Measure("js_distance", "binary", js_divergence, _PQ, _WEIGHTS[:2], final=mp.sqrt, symmetric=True,
                zero_on_equal=True, linear=True, largest=lambda k, **w: math.sqrt(_js_max(k, **w))),
        Measure("hellinger_distance", "binary", hellinger_squared, _PQ, base=False, final=mp.sqrt, symmetric=True,
                zero_on_equal=True, linear=True, largest=lambda k: 1.0),
        Measure("total_variation", "binary", total_variation, _PQ, base=False, symmetric=True, zero_on_equal=True,
                linear=True, largest=lambda k: 1.0),
        Measure("renyi_divergence", "binary", renyi_divergence, _PQ, _ORDERS, zero_on_equal=True, support=True),
        Measure("information_content", "elementwise", information_content, _P, nonnegative=False, ulps=(8, 2)),
        Measure("binary_entropy", "elementwise", binary_entropy, _P, largest=lambda k: math.log(2), ulps=(8, 2)),
        Measure("binary_cross_entropy", "elementwise", binary_cross_entropy, ("y", "p"), ulps=(8, 2)),
    )
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """A measure with its parameters: what the tests are parametrised with."""

    measure: Measure
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "-".join([self.measure.name, *(f"{v}".replace(" ", "") for v in self.params.values())])

    def __repr__(self) -> str:
        return self.id

    @property
    def arity(self) -> int:
        return len(self.measure.inputs)

    @property
    def symmetric(self) -> bool:
        return self.measure.symmetric and len(set(self.params.get("weights", (0.5, 0.5)))) == 1

    @property
    def support(self) -> bool:
        return self.measure.support and self.params.get("order", 1) >= 1

    def largest(self, k: int) -> float:
        return math.inf if self.measure.largest is None else self.measure.largest(k, **self.params)

    def ulps(self, dtype: Any, size: Any = 1.0) -> Any:
        """The largest distance allowed from a value of about `size`."""
        narrow = np.dtype(dtype) == np.float32
        if self.measure.name == "perplexity" and not narrow:  # n ulp of H are up to 2 n H ulp of exp H
            nats = np.abs(np.log(np.where(np.isfinite(size) & (size > 0), size, 1)))
            return 2 + 2 * self.measure.ulps[0] * np.maximum(nats, 1)
        return self.measure.ulps[narrow]

    def slack(self, size: Any) -> Any:
        """A factor for `ulps` where the subject is not accuracy, for values near 0.

        The promise is for rows that differ, and measures without one may have the absolute error of ln(1 + x).
        """
        with np.errstate(divide="ignore"):
            return np.where(size == 0, 1, np.maximum(1, (1e-3 if self.measure.promised else 0.1) / np.abs(size)))

    def almost_zero(self, dtype: Any) -> float:
        """The largest value allowed for proportional rows of other bits: their sums are rounded differently."""
        unit = 2.0**-24 if np.dtype(dtype) == np.float32 else 2.0**-53
        linear = self.measure.linear or self.params.get("order") == math.inf
        return (4 * unit if linear else 16 * unit**2) if self.measure.zero_on_equal else 0.0

    def call(self, *inputs: Any, **options: Any) -> Any:
        import fastent

        return getattr(fastent, self.measure.name)(*inputs, **self.params, **options)

    def exact(self, *inputs: Any, **options: Any) -> Any:
        return exact(self.measure, *inputs, **self.params, **options)


CASES = [Case(m, params) for m in MEASURES.values() for params in m.params]
ROWS = [c for c in CASES if c.measure.kind != "elementwise"]
UNARY = [c for c in CASES if c.measure.kind == "unary"]
BINARY = [c for c in CASES if c.measure.kind == "binary"]
ELEMENTWISE = [c for c in CASES if c.measure.kind == "elementwise"]


# ---- evaluation ----------------------------------------------------------------------------------------------------


def _numbers(a: np.ndarray) -> list[float]:
    """The entries as Python numbers, without rounding: integers stay integers, narrow floats widen."""
    return (a.astype(np.int8) if a.dtype == bool else a if a.dtype.kind in "iu" else a.astype(np.float64)).tolist()


def _exponent(v: float) -> int:
    return v.bit_length() if isinstance(v, int) else math.frexp(v)[1]


def _evaluate(value: Callable[[], mpf], numbers: Sequence[Sequence[float]], normalize: bool) -> mpf:
    """`value()` at a precision at which its absolute error is far below its size.

    A result of normalised rows comes from sums whose terms are at most about 1, so its absolute error is a few units
    of the working precision, whatever cancels; that is enough unless the result itself is that small. Two different
    rational rows cannot give a result below `floor`, so what is below it is 0.
    """
    one = [] if normalize else [0]  # numbers used as they are meet constants such as the 1 of 1 - sum p^2
    exponents = [[_exponent(v) for v in column if v] + one or [0] for column in numbers]
    largest = 420 + 2 * sum(max(e) - min(e) + 20 for e in exponents)
    prec = min(largest, 200 + (0 if normalize else max(map(max, exponents))))
    while True:
        with mp.workprec(prec):
            result = value()
            if not mp.isfinite(result) or abs(result) > mp.ldexp(1, 128 - prec):
                return result
            if prec == largest:
                return result if abs(result) > mp.ldexp(1, 100 - prec) else mpf(0)
        prec = min(2 * prec, largest)


def exact_row(measure: Measure, *rows: Any, base: float | None = None, normalize: bool = True, **params: Any) -> mpf:
    """The value of one row (or pair of rows)."""
    pairs = Counter(zip(*(_numbers(np.asarray(row)) for row in rows), strict=True))
    numbers = list(zip(*pairs, strict=True))
    if not all(0 <= v < math.inf for column in numbers for v in column) or not all(map(any, numbers)) or not pairs:
        return NAN

    def value() -> mpf:
        return measure.define(Row(pairs, normalize), **params) / (1 if base is None else mp.ln(base))

    with _LOCK:
        result = _evaluate(value, numbers, normalize)
        with mp.workprec(200):
            return +measure.final(result)


def exact_element(measure: Measure, *entries: float, base: float | None = None) -> mpf:
    """The value of one entry of an elementwise measure."""
    inside = math.inf if measure.name == "information_content" else math.nextafter(1, 2)
    if not all(0 <= v < inside for v in entries):
        return NAN

    def value() -> mpf:
        return measure.define(*map(mpf, entries)) / (1 if base is None else mp.ln(base))

    with _LOCK:
        return _evaluate(value, [[v] for v in entries], normalize=False)


def exact(
    measure: Measure,
    *inputs: Any,
    axis: int | tuple[int, ...] | None = -1,
    base: float | None = None,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    **params: Any,
) -> Any:
    """`measure` of array-likes with the shared options; an object array of mpf, or one mpf for a 0-d result."""
    arrays = [np.asarray(a) for a in inputs]
    shape = np.broadcast_shapes(*(a.shape for a in arrays), *([] if where is None else [np.shape(where)]))
    arrays = [np.broadcast_to(a, shape) for a in arrays]
    mask = np.broadcast_to(True if where is None else np.asarray(where), shape)
    if measure.kind == "elementwise":
        flat = zip(*(_numbers(a.ravel()) for a in arrays), mask.ravel().tolist(), strict=True)
        values = [exact_element(measure, *v, base=base) if used else NAN for *v, used in flat]
        return _array(values, shape)
    axes = tuple(range(len(shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % len(shape) for a in axes)
    kept = [d for d in range(len(shape)) if d not in axes]
    outer = tuple(shape[d] for d in kept)
    k = math.prod(shape[a] for a in axes)
    rows = [a.transpose(*kept, *axes).reshape(math.prod(outer), k) for a in (*arrays, mask)]
    values = [
        exact_row(measure, *(r[used] for r in row), base=base, normalize=normalize, **params)
        for *row, used in zip(*rows, strict=True)
    ]
    return _array(values, tuple(1 if d in axes else n for d, n in enumerate(shape)) if keepdims else outer)


def _array(values: list[mpf], shape: tuple[int, ...]) -> Any:
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result.reshape(shape)[()]


# ---- comparison ----------------------------------------------------------------------------------------------------


def to_float(value: Any) -> Any:
    """Exact values rounded once to float64."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.frompyfunc(float, 1, 1)(value), dtype=np.float64)[()]


@dataclass(frozen=True)
class Split:
    """Exact values as the float64 next to each and what it lacks: compared many times, converted once."""

    high: np.ndarray
    low: np.ndarray


def split(want: Any) -> Split:
    def rest(value: mpf, nearest: float) -> float:
        return float(value - mpf(nearest)) if mp.isfinite(value) else 0.0

    high = np.asarray(to_float(want))
    return Split(high, np.asarray(np.frompyfunc(rest, 2, 1)(want, high), dtype=np.float64))


def ulps(got: Any, want: Any, dtype: Any = None) -> Any:
    """Distance of `got` from the exact `want`, in units in the last place of `want` in `dtype` (that of `got`).

    0 where both are nan or the same infinity, inf where only one of them is.
    """
    got = np.asarray(got)
    bits, smallest = (24, -149) if np.dtype(dtype or got.dtype) == np.float32 else (53, -1074)
    got = got.astype(np.float64)
    want = want if isinstance(want, Split) else split(want)
    high = want.high
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        unit = np.ldexp(1.0, np.where(high == 0, smallest, np.maximum(np.frexp(high)[1] - bits, smallest)))
        distance = np.abs((got - high) - want.low) / unit
    same = (got == high) | (np.isnan(got) & np.isnan(high))
    finite = np.isfinite(got) & np.isfinite(high)
    return np.where(finite, distance, np.where(same, 0.0, np.inf))[()]


def relative_error(got: Any, want: Any) -> Any:
    """abs(got - want) / abs(want), evaluated exactly; 0 for equal values, also zeros and infinities."""

    def one(g: float, w: mpf) -> float:
        g = mpf(float(g))
        if g == w or (mp.isnan(g) and mp.isnan(w)):
            return 0.0
        return float(abs(g - w) / abs(w)) if w and mp.isfinite(w) and mp.isfinite(g) else math.inf

    return np.asarray(np.frompyfunc(one, 2, 1)(got, want), dtype=np.float64)[()]


def has_negative_zero(a: Any) -> bool:
    a = np.asarray(a)
    return bool(np.any((a == 0) & np.signbit(a)))
