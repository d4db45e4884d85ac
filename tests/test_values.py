"""Every measure, dtype, layout, axis, option and instruction set against the oracle, on well-conditioned numbers.

What rounding does to difficult numbers is the business of test_accuracy; here a wrong stride, a missed tail, a mask
that is ignored or an input that is written to must show.
"""

from __future__ import annotations

import array
import itertools
import zlib
from functools import cache
from typing import Any

import numpy as np
import pytest
from layouts import DTYPES, LAYOUTS, memory, numbers, probabilities, result_dtype, seeded
from oracle import BINARY, CASES, ELEMENTWISE, ROWS, UNARY, Case, Split, has_negative_zero, split, ulps

SHAPES = ((4, 3, 9), (3, 4, 37))
AXES: tuple[Any, ...] = (-1, 0, 1, (0, 2), (0, 1), (2, 1), None)
FEW = ("float64", "float32", "bfloat16", "uint8")  # dtypes of the reduced sweep of the second shape

by_case = pytest.mark.parametrize("case", CASES, ids=str)
by_row_case = pytest.mark.parametrize("case", ROWS, ids=str)
by_dtype = pytest.mark.parametrize("dtype", DTYPES)


@cache
def inputs(case: Case, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    make = probabilities if case.measure.kind == "elementwise" else numbers
    arrays = tuple(make(which, dtype, shape) for which, dtype in zip(case.measure.inputs, dtypes, strict=True))
    for a in arrays:
        a.flags.writeable = False
    return arrays


@cache
def expected(case: Case, dtypes: tuple[str, ...], shape: tuple[int, ...], axis: Any) -> Split:
    return split(case.exact(*inputs(case, dtypes, shape), **axis_option(case, axis)))


def axis_option(case: Case, axis: Any) -> dict[str, Any]:
    return {} if case.measure.kind == "elementwise" else {"axis": axis}


def mismatch(case: Case, got: Any, want: Any, dtype: Any, what: object, factor: Any = 1) -> list[str]:
    """What is wrong with a result: empty if nothing."""
    got, want = np.asarray(got), want if isinstance(want, Split) else split(want)
    if got.shape != want.high.shape or got.dtype != dtype:
        return [f"{what}: shape {got.shape} {got.dtype}, want {want.high.shape} {np.dtype(dtype)}"]
    error = np.asarray(ulps(got, want))
    zero = (want.high == 0) & (got >= 0) & (got <= case.almost_zero(dtype))
    allowed = factor * case.slack(want.high) * case.ulps(dtype, want.high)
    over = ~(zero | (error == 0) | (error <= allowed))
    if over.any():
        at = tuple(map(int, np.argwhere(over)[np.argmax(error[over])]))
        return [f"{what}: {error[at]:.3g} ulp at {at}: got {got[at]!r}, want {float(want.high[at])!r}"]
    return [f"{what}: -0.0"] if has_negative_zero(got) else []


def report(failures: list[str]) -> None:
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:8])


@by_case
@by_dtype
def test_layouts_and_axes(case: Case, dtype: str, isa: str, slow: bool) -> None:
    failures, names = [], list(LAYOUTS)
    for shape in SHAPES if slow or dtype in FEW else SHAPES[:1]:
        arrays = inputs(case, (dtype,) * case.arity, shape)
        views = {name: [layout(a) for a in arrays] for name, layout in LAYOUTS.items()}
        before = {name: [memory(v) for v in pair] for name, pair in views.items()}
        axes = AXES if slow or shape == SHAPES[0] else (-1, (0, 2))
        axes = axes if case.measure.kind != "elementwise" else (None,)
        for number, axis in enumerate(axes):
            want = expected(case, (dtype,) * case.arity, shape, axis)
            for first, name in enumerate(names):
                # The second input has the layout of the first, and then another one.
                for other in dict.fromkeys((name, names[(first + number + 1) % len(names)]) if slow else (name,)):
                    pair = [views[name][0], *[views[other][i] for i in range(1, case.arity)]]
                    got = case.call(*pair, **axis_option(case, axis))
                    failures += mismatch(case, got, want, result_dtype(dtype), (shape, axis, name, other))
        after = {name: [memory(v) for v in pair] for name, pair in views.items()}
        failures += [f"{name}: the input was changed" for name in names if before[name] != after[name]]
    report(failures)


@pytest.mark.parametrize("case", [*BINARY, *(c for c in ELEMENTWISE if c.arity == 2)], ids=str)
def test_two_dtypes_and_layouts(case: Case, isa: str, slow: bool) -> None:
    """p and q of every pair of dtypes, in different layouts."""
    failures, shape = [], SHAPES[0]
    pairs = list(itertools.permutations(DTYPES, 2))
    names = list(LAYOUTS)
    for i, dtypes in enumerate(pairs if slow else pairs[zlib.crc32(case.id.encode()) % 5 :: 5]):
        arrays = inputs(case, dtypes, shape)
        for axis in (-1, 0) if case.measure.kind != "elementwise" else (None,):
            want = expected(case, dtypes, shape, axis)
            layouts = names[i % len(names)], names[(i // len(names) + 2 * i + 1) % len(names)]
            pair = [LAYOUTS[name](a) for name, a in zip(layouts, arrays, strict=True)]
            got = case.call(*pair, **axis_option(case, axis))
            failures += mismatch(case, got, want, result_dtype(*dtypes), (dtypes, axis, layouts))
    report(failures)


@by_row_case
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_zero_strides_and_overlap(case: Case, dtype: str, isa: str) -> None:
    """Views in which several entries share memory: np.broadcast_to and sliding windows."""
    failures = []
    line = inputs(case, (dtype,) * case.arity, SHAPES[1])
    views = {
        "all rows one row": [np.broadcast_to(a[0, 1], (3, 4, 37)) for a in line],
        "constant rows": [np.broadcast_to(a[0, 0, 5:10, None], (5, 6)) for a in line],
        "one number": [np.broadcast_to(a[1, 1, 7], (4, 5)) for a in line],
        "windows": [np.lib.stride_tricks.sliding_window_view(a[1, 2], 11) for a in line],
    }
    for name, pair in views.items():
        for axis in (-1, 0, None):
            got = case.call(*pair, axis=axis)
            failures += mismatch(case, got, case.exact(*pair, axis=axis), result_dtype(dtype), (name, axis))
    report(failures)


# ---- more than one block, more than one worker ---------------------------------------------------------------------

BIG = {"short rows": (9001, 7), "rows": (1203, 65), "wide": (7, 3003), "long": (2, 140_001), "one row": (150_003,)}


@cache
def big(dtype: str, shape: tuple[int, ...], which: str) -> np.ndarray:
    """Rows cut from 97 different numbers, so that the oracle can sum a long one."""
    cycle = np.resize(numbers(which, dtype, (97,)), np.prod(shape))
    if DTYPES[dtype].kind == "b":
        cycle.flat[:: shape[-1]] = True
    cycle.flags.writeable = False
    return cycle.reshape(shape)


@by_row_case
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int64"])
@pytest.mark.parametrize("size", BIG)
def test_workers_and_sizes(case: Case, dtype: str, size: str, isa: str, slow: bool) -> None:
    """Many blocks of rows and rows of many blocks, along the memory and across it: same bits for all workers."""
    if not slow and {"float64": False, "float32": size == "long"}.get(dtype, size not in ("rows", "wide")):
        pytest.skip("reduced")
    shape, failures = BIG[size], []
    arrays = [big(dtype, shape, which) for which in case.measure.inputs]
    for axis in (-1, 0) if len(shape) > 1 else (-1,):
        pair = arrays if axis == -1 else [np.ascontiguousarray(a.T) for a in arrays]
        one = case.call(*pair, axis=axis, workers=1)
        for workers in (2, 3, -1, None) if slow else (2, 3):
            many = case.call(*pair, axis=axis, workers=workers)
            if np.asarray(one).tobytes() != np.asarray(many).tobytes():
                failures.append(f"axis {axis}: workers={workers} gives other bits than workers=1")
        if len(shape) == 1:
            failures += mismatch(case, one, exact_of_big(case, dtype, size, 0), result_dtype(dtype), size)
        else:
            some = sorted({0, 1, shape[0] // 2, shape[0] - 1} if shape[1] < 1e5 else {1})
            for row in some:
                want = exact_of_big(case, dtype, size, row)
                failures += mismatch(case, one[row], want, result_dtype(dtype), (size, axis, row))
    report(failures)


@cache
def exact_of_big(case: Case, dtype: str, size: str, row: int) -> Split:
    return split(case.exact(*(np.atleast_2d(big(dtype, BIG[size], w))[row] for w in case.measure.inputs)))


@by_row_case
def test_every_length(case: Case, isa: str, slow: bool) -> None:
    """Row lengths around every vector width and block: no entry missed, none read twice."""
    failures = []
    for dtype in ("float64", "float32"):
        for k in [*range(1, 70), 127, 128, 129, 1023, 1024, 1025] if slow else [*range(1, 36), 63, 64, 65, 127, 129]:
            arrays = [big(dtype, (97,), which)[:k] + np.float32(0.01) for which in case.measure.inputs]
            want = exact_of_length(case, dtype, k)
            want = Split(want.high[None], want.low[None])
            for n in (1, 5):
                rows = [np.tile(a, (n, 1)) for a in arrays]
                got = case.call(*rows), case.call(*[np.ascontiguousarray(r.T) for r in rows], axis=0)
                for axis, values in zip((-1, 0), got, strict=True):
                    failures += mismatch(case, values[:1], want, result_dtype(dtype), (dtype, k, axis, n))
                    if len(set(values.tolist())) > 1:
                        failures.append(f"{(dtype, k, axis, n)}: equal rows differ, {values}")
    report(failures)


@cache
def exact_of_length(case: Case, dtype: str, k: int) -> Split:
    return split(case.exact(*(big(dtype, (97,), which)[:k] + np.float32(0.01) for which in case.measure.inputs)))


# ---- options -------------------------------------------------------------------------------------------------------


@by_row_case
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "int32", "bool"])
def test_where(case: Case, dtype: str, isa: str) -> None:
    """Excluded entries do not count, whatever they are; a row without entries is nan."""
    failures, shape = [], (4, 4, 9)
    rng = seeded("where", dtype)
    mask = rng.random(shape) < 0.7
    mask[1, 2] = False
    mask[2, 3] = np.arange(9) == 4  # one entry left
    arrays = [a.copy() for a in inputs(case, (dtype,) * case.arity, shape)]
    if DTYPES[dtype].kind not in "b":
        bad = itertools.cycle((-1, -3) if DTYPES[dtype].kind in "iu" else (np.nan, np.inf, -1, -np.inf))
        for a in arrays:
            a[~mask] = [next(bad) for _ in range((~mask).sum())]
    masks = {
        "full": mask,
        "fortran": np.asfortranarray(mask),
        "one per column": np.arange(9) % 4 > 0,
        "rows": mask[:, :, :1],
    }
    for name, where in masks.items():
        clean = arrays if name in ("full", "fortran") else [np.where(mask, a, 1).astype(a.dtype) for a in arrays]
        for axis in (-1, (0, 2)) if name == "fortran" else (0, None):
            want = split(case.exact(*clean, axis=axis, where=where))
            for layout in ("C", "reversed", "Fortran"):
                pair = [LAYOUTS[layout](a) for a in clean]
                before = [memory(a) for a in (*pair, where)]
                got = case.call(*pair, axis=axis, where=where)
                failures += mismatch(case, got, want, result_dtype(dtype), (name, axis, layout))
                if before != [memory(a) for a in (*pair, where)]:
                    failures.append(f"{name}: the input or the mask was changed")
    for scalar in (True, False, np.True_):
        got, want = (f(*arrays, where=scalar) for f in (case.call, case.exact))
        failures += mismatch(case, got, want, result_dtype(dtype), scalar)
    report(failures)


@pytest.mark.parametrize("case", BINARY, ids=str)
def test_where_against_broadcast_pairs(case: Case, isa: str) -> None:
    p, q = inputs(case, ("float64",) * 2, (4, 9))
    where = seeded("pairs").random((4, 4, 9)) < 0.7
    for mask in (where, where[:, :1], where[0], where[0, 0]):
        got = case.call(p[:, None], q[None], where=mask)
        report(mismatch(case, got, case.exact(p[:, None], q[None], where=mask), np.float64, mask.shape))


@by_row_case
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_out_and_keepdims(case: Case, dtype: str, isa: str) -> None:
    failures, shape, result = [], SHAPES[0], result_dtype(dtype)
    arrays = inputs(case, (dtype,) * case.arity, shape)
    for axis in AXES:
        for keepdims in (False, True):
            want = split(case.exact(*arrays, axis=axis, keepdims=keepdims))
            got = case.call(*arrays, axis=axis, keepdims=keepdims)
            failures += mismatch(case, got, want, result, ("keepdims", axis, keepdims))
            for name, layout in LAYOUTS.items():
                if name in ("byteswapped", "read-only") or (want.high.ndim == 0 and name != "C"):
                    continue
                out = layout(np.full(want.high.shape, 5, dtype=result))
                if case.call(*arrays, axis=axis, keepdims=keepdims, out=out) is not out:
                    failures.append(f"{axis}: out was not returned")
                failures += mismatch(case, out, want, result, ("out", axis, keepdims, name))
    report(failures)


@by_case
def test_out_may_overlap_the_input(case: Case, isa: str) -> None:
    """As in NumPy, the result is that of an input nobody writes to."""
    for shape in ((5, 6), (1200, 65)):
        p, *rest = (big("float64", (np.prod(shape),), which).reshape(shape) % 1 for which in case.measure.inputs)
        if case.measure.kind == "elementwise":
            outs: dict[Any, list[Any]] = {None: [np.s_[:], np.s_[::-1], np.s_[:, ::-1]]}
        else:
            outs = {-1: [np.s_[:, 0], np.s_[::-1, -1]], 0: [np.s_[0], np.s_[-1, ::-1]]}
        for axis, places in outs.items():
            want = case.call(p, *rest, **axis_option(case, axis))
            for place in places:
                written = p.copy()
                got = case.call(written, *rest, out=written[place], **axis_option(case, axis))
                assert got.tobytes() == written[place].tobytes() == want.tobytes(), (shape, axis, place)


@pytest.mark.parametrize("case", [c for c in CASES if c.measure.base], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint16"])
def test_base(case: Case, dtype: str, isa: str) -> None:
    arrays, failures = inputs(case, (dtype,) * case.arity, SHAPES[0]), []
    # The root of a divergence is not a number where the logarithm of the base is negative.
    for base in (2, 10, np.float32(3), np.e, 256, *([] if case.measure.linear else [0.5])):
        got, want = (f(*arrays, base=base) for f in (case.call, case.exact))
        # Dividing by the rounded ln(base) costs up to two more roundings.
        more = 1 + 2 / case.ulps(result_dtype(dtype))
        failures += mismatch(case, got, want, result_dtype(dtype), f"base {base}", more)
    report(failures)


@pytest.mark.parametrize("case", [c for c in ROWS if c.id != "tsallis_entropy-inf"], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8"])
def test_numbers_used_as_they_are(case: Case, dtype: str, isa: str) -> None:
    """normalize=False, on numbers whose terms all have one sign, so that the sum keeps its digits.

    What is left is the condition of the last step, ln(sum) or 1 - sum, and of powers of numbers far from 1.
    """
    rng, failures = seeded("as they are", dtype), []
    for shape in ((5, 6), (3, 40)):
        p = rng.uniform(0.01, 0.1, shape)
        q = p * rng.uniform(0.2, 0.8, shape)
        if dtype == "int8":
            p, q = rng.integers(20, 100, shape), rng.integers(1, 10, shape)
        p[:, 3] = 0
        q[1, 3] = 0
        pair = [a.astype(DTYPES[dtype]) for a in (p, q)][: case.arity]
        for axis in (-1, 0, None):
            got, want = (f(*pair, axis=axis, normalize=False) for f in (case.call, case.exact))
            factor = 1.0
            if case.params.get("order", 1) != 1 or case.measure.name == "gini_impurity":
                power = case.params.get("order", 2) * abs(np.log(pair[0].astype(float).max()))
                factor = np.maximum(1, 1 / abs(split(want).high)) + (power if np.isfinite(power) else 0)
            failures += mismatch(case, got, want, result_dtype(dtype), (shape, axis), factor)
        for zero in range(case.arity):  # a row of zeros and a row of nothing stay nan
            bad = [a.copy() for a in pair]
            bad[zero][1] = 0
            got = case.call(*bad, normalize=False)
            failures += [] if np.isnan(got[1]) and not np.isnan(got[0]) else [f"zero row of input {zero}: {got}"]
            got = case.call(*(a[:, :0] for a in pair), normalize=False)
            failures += [] if np.isnan(got).all() else [f"empty rows: {got}"]
    report(failures)


@pytest.mark.parametrize("name", ["entropy", "cross_entropy", "kl_divergence", "js_divergence", "jeffreys_divergence"])
def test_numbers_of_any_size_used_as_they_are(name: str, isa: str) -> None:
    """Terms of both signs and results below zero; the error is measured against the sum of the magnitudes."""
    case = next(c for c in ROWS if c.measure.name == name and not c.params)
    x, y = seeded("any size").gamma(0.5, 3.0, (2, 50, 23))
    y *= 3
    pair = (x, y)[: case.arity]
    got, want = (f(*pair, normalize=False) for f in (case.call, case.exact))
    magnitude = np.sum(x * (np.abs(np.log(x)) + np.abs(np.log(y))) + y * np.abs(np.log(y)), axis=-1)
    error = [abs(float(w - float(g))) for g, w in zip(got, want, strict=True)]
    assert (np.array(error) <= 8 * 2.0**-53 * magnitude).all()
    assert (got < 0).any() == (name in ("entropy", "cross_entropy", "kl_divergence"))


# ---- shapes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BINARY, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_all_pairs(case: Case, dtype: str, isa: str) -> None:
    failures = []
    for k in (5, 40):
        p, q = inputs(case, (dtype,) * 2, (6, k))
        p, q = p[:5], q[:4]
        want = split(case.exact(p[:, None], q[None]))
        result = result_dtype(dtype)
        failures += mismatch(case, case.call(p[:, None], q[None]), want, result, ("pairs", k))
        failures += mismatch(case, case.call(p[:, None], q), want, result, ("q without the axis", k))
        across = case.call(np.ascontiguousarray(p.T)[:, :, None], np.ascontiguousarray(q.T)[:, None], axis=0)
        failures += mismatch(case, across, want, result, ("axis 0", k))
        mixed = case.call(np.asfortranarray(p)[:, None], q[::-1].copy()[::-1][None])
        failures += mismatch(case, mixed, want, result, ("mixed", k))
        one = split(case.exact(p, q[1]))
        failures += mismatch(case, case.call(p, q[1]), one, result, ("one q", k))
        failures += mismatch(case, case.call(p.T, q[1][:, None], axis=0), one, result, ("one q, axis 0", k))
        failures += mismatch(case, case.call(p[1], q), split(case.exact(p[1], q)), result, ("one p", k))
        four = case.call(p[:, None, None], np.stack([q, q[::-1]]))
        want = case.exact(p[:, None, None], np.stack([q, q[::-1]]))
        failures += mismatch(case, four, want, result, ("four axes", k))
    report(failures)


@by_row_case
def test_zero_sizes(case: Case, isa: str) -> None:
    for dtype in DTYPES.values():
        for shape in ((0,), (0, 5), (5, 0), (0, 0), (3, 0, 4), (0, 3, 4), (3, 4, 0)):
            empty = [np.empty(shape, dtype)] * case.arity
            for axis in (*range(len(shape)), None, tuple(range(len(shape)))):
                for keepdims in (False, True):
                    got = case.call(*empty, axis=axis, keepdims=keepdims)
                    want = np.sum(np.zeros(shape), axis=axis, keepdims=keepdims)
                    assert np.shape(got) == want.shape, (dtype, shape, axis)
                    assert np.isnan(got).all(), (dtype, shape, axis, got)


@by_case
def test_one_row_gives_a_scalar(case: Case, isa: str) -> None:
    for dtype in ("float64", "float32", "float16", "int64", "bool"):
        arrays = inputs(case, (dtype,) * case.arity, (9,))
        if case.measure.kind == "elementwise":
            arrays = tuple(a[1] for a in arrays)
        got = case.call(*arrays)
        assert type(got) is result_dtype(dtype), (dtype, type(got))
        report(mismatch(case, got, case.exact(*arrays), result_dtype(dtype), dtype))
        if case.measure.kind != "elementwise":
            assert type(case.call(*(a.reshape(3, 3) for a in arrays), axis=None)) is result_dtype(dtype)


@by_case
def test_array_likes(case: Case, isa: str) -> None:
    """Lists, tuples, nested lists, buffers: whatever np.asarray takes."""
    values = [[0.25, 0.5, 0.125], [0.5, 0.0, 1.0]]
    want = split(case.exact(*[values] * case.arity))
    for alike in (values, tuple(map(tuple, values)), [np.array(v) for v in values], memoryview(np.array(values))):
        report(mismatch(case, case.call(*[alike] * case.arity), want, np.float64, type(alike)))
    flat = array.array("d", values[0])
    report(mismatch(case, case.call(*[flat] * case.arity), split(case.exact(*[flat] * case.arity)), np.float64, flat))
    counts = [[3, 1, 1]] if case.measure.name == "information_content" or case in ROWS else [[1, 0, 1]]
    got, want_counts = (f(*[counts] * case.arity) for f in (case.call, case.exact))
    report(mismatch(case, got, want_counts, np.float64, "counts"))


@pytest.mark.parametrize("library", ["torch", "pandas", "polars", "pyarrow"])
def test_arrays_of_other_libraries(library: str, isa: str) -> None:
    other = pytest.importorskip(library)
    values = np.array([[0.25, 0.5, 0.125], [0.5, 0.0, 1.0]])
    make = {"torch": "tensor", "pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "array"}[library]
    for case in CASES:
        for dtype in (np.float64, np.float32):
            rows = values[0].astype(dtype) if library == "pyarrow" else values.astype(dtype)
            alike = getattr(other, make)(rows)
            assert case.call(*[alike] * case.arity).tobytes() == case.call(*[rows] * case.arity).tobytes(), case


@pytest.mark.parametrize("case", [c for c in ROWS if "order" in c.params], ids=str)
def test_order_by_position(case: Case, isa: str) -> None:
    import fastent

    arrays = inputs(case, ("float64",) * case.arity, SHAPES[0])
    got = getattr(fastent, case.measure.name)(*arrays, case.params["order"])
    assert got.tobytes() == case.call(*arrays).tobytes()


# ---- elementwise measures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
@by_dtype
def test_elementwise_options(case: Case, dtype: str, isa: str) -> None:
    failures, shape, result = [], (7, 33), result_dtype(dtype)
    arrays = inputs(case, (dtype,) * case.arity, shape)
    want = case.exact(*arrays)
    mask = seeded("elementwise").random(shape) < 0.6
    masked = np.where(mask, want, np.nan)
    failures += mismatch(case, case.call(*arrays, where=mask), masked, result, "where")
    failures += mismatch(case, case.call(*arrays, where=mask[0]), np.where(mask[0], want, np.nan), result, "where row")
    out = np.full(shape, 0.75, result)
    assert case.call(*arrays, out=out, where=mask) is out
    failures += mismatch(case, out, np.where(mask, want, np.float64(0.75)), result, "out and where")
    for name in ("C", "Fortran", "strided", "reversed", "unaligned"):
        out = LAYOUTS[name](np.full(shape, 5, result))
        case.call(*arrays, out=out)
        failures += mismatch(case, out, want, result, ("out", name))
    many = [np.tile(a, (400, 1)) for a in arrays]
    bits = {case.call(*many, workers=workers).tobytes() for workers in (1, 2, 3, -1, None)}
    failures += [] if len(bits) == 1 else ["the bits depend on the workers"]
    failures += mismatch(case, case.call(*many)[-7:], want, result, "many")
    if case.arity == 2:
        row, column = arrays[0][0], arrays[1][:, :1]
        failures += mismatch(case, case.call(row, column), case.exact(row, column), result, "broadcast")
    for empty in ((0,), (3, 0)):
        got = case.call(*(np.empty(empty, a.dtype) for a in arrays))
        failures += [] if got.shape == empty and got.dtype == result else [f"{empty}: {got!r}"]
    report(failures)


def test_the_numbers_reach_both_kinds_of_result() -> None:
    """The sweep above would prove little if every row were finite, or none."""
    for dtype in DTYPES:
        for case in (*UNARY[:1], *BINARY[:2]):
            high = expected(case, (dtype,) * case.arity, SHAPES[0], -1).high
            assert np.isfinite(high).any()
            assert case.arity == 1 or np.isinf(high).any() or dtype == "bool"
