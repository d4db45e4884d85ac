"""All validation and geometry: from a caller's arguments to an engine call.

A plan sees every call as batch dimensions (outputs) and reduced dimensions (entries), merged where strides allow: plain
rows, columns, one reference against many rows and all pairs are the same loop. Every refusal is made here, before
any work, in a sentence that names the function and the argument, what it got and what would do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastent._arrays import Array, as_array, fresh_dtype
from fastent._rows import engine
from fastent._threads import SERIAL_ENTRIES, workers_for

Result = Any  # a NumPy scalar for 1-D input, otherwise an array

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


class Measure(NamedTuple):
    """How a public function of rows maps to the engine."""

    function: str
    kernel: str
    raw_kernel: str | None = None
    """for numbers used as they are, where it differs"""
    finish: str = "as_it_is"
    raw_finish: str | None = None
    bound: Callable[[int], float] = lambda length: math.inf
    """the largest value of a distribution of this length"""


class InvalidRowError(ValueError):
    """A row that is not a distribution, under invalid="raise"."""

    def __init__(self, function: str, name: str, index: tuple[int, ...], reason: str) -> None:
        self.function, self.name, self.index, self.reason = function, name, index, reason
        row = f"row {index[0] if len(index) == 1 else index} of {name}" if index else name
        super().__init__(f"{function}: {row} is not a distribution: {reason}; invalid='nan' gives nan for such rows")


class _Geometry(NamedTuple):
    batch_shape: tuple[int, ...]
    reduce_shape: tuple[int, ...]
    batch_strides: list[tuple[int, ...]]  # of p, q, where, out
    reduce_strides: list[tuple[int, ...]]
    outer: bool


# ---- refusals of options ----


def log_of_base(function: str, base: float | None) -> float:
    """What divides nats into the unit of `base`."""
    if base is None:
        return 1.0
    try:
        number = float(base)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: base must be a number or None, got {base!r}") from None
    if not 0 < number < math.inf or number == 1:
        raise ValueError(f"{function}: base must be a positive number other than 1, got {base!r}")
    return math.log(number)


def check_order(function: str, order: float) -> float:
    try:
        number = float(order)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: order must be a number, got {order!r}") from None
    if not number >= 0:
        raise ValueError(f"{function}: order must be at least 0 (infinity included), got {order!r}")
    return number


def check_weights(function: str, weights: Sequence[float]) -> tuple[float, float]:
    try:
        first, second = (float(w) for w in weights)
    except (TypeError, ValueError):
        raise ValueError(f"{function}: weights must be two numbers, the shares of p and q, got {weights!r}") from None
    if not (first >= 0 and second >= 0 and abs(first + second - 1) <= 1e-12):
        raise ValueError(f"{function}: weights must be non-negative and sum to 1, got {weights!r}")
    return first, second


def _check_invalid(function: str, invalid: str) -> None:
    if invalid not in ("nan", "raise"):
        raise ValueError(f"{function}: invalid must be 'nan' or 'raise', got {invalid!r}")


def check_axes(function: str, axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Distinct axes from 0 on, in increasing order."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    axes = set()
    for one in given:
        try:
            number = operator.index(one)
        except TypeError:
            raise TypeError(f"{function}: axis must be an integer, a tuple of integers or None, got {axis!r}") from None
        if not -ndim <= number < ndim:
            raise np.exceptions.AxisError(f"{function}: axis {number} is out of range for {ndim} dimensions")
        if number % ndim in axes:
            raise ValueError(f"{function}: axis names dimension {number} twice, got {axis!r}")
        axes.add(number % ndim)
    if not axes:
        raise ValueError(f"{function}: axis must name at least one dimension, got ()")
    return tuple(sorted(axes))


def _check_where(function: str, where: Any, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.asarray(where)
    if mask.dtype != np.bool_:
        raise TypeError(f"{function}: where must be a boolean array, got dtype {mask.dtype}")
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(f"{function}: where must broadcast to the input's shape {shape}, got {mask.shape}") from None


def check_out(function: str, out: Any, shape: tuple[int, ...], name: str = "out") -> None:
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} must be a plain NumPy array, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"{function}: {name} must have shape {shape}, got {out.shape}")
    if out.dtype.kind != "f" and out.dtype.name != "bfloat16":
        raise TypeError(f"{function}: {name} must have a floating-point dtype, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{function}: {name} must be writeable, got a read-only array")


def _broadcast_rows(function: str, p: Array, q: Array, axis: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """Common shape of p and q; along the reduced axes they must agree, nothing is broadcast there."""
    ndim = max(p.values.ndim, q.values.ndim)
    axes = check_axes(function, axis, ndim)
    shapes = [(1,) * (ndim - a.values.ndim) + a.values.shape for a in (p, q)]
    lengths = [tuple(shape[a] for a in axes) for shape in shapes]
    if lengths[0] != lengths[1]:
        got = [length[0] if len(length) == 1 else length for length in lengths]
        raise ValueError(f"{function}: p and q must agree along axis {axis}, got {got[0]} and {got[1]}")
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{function}: p and q must broadcast against each other, got shapes {p.values.shape} and {q.values.shape}"
        ) from None


# ---- geometry ----


def _merge(shape: list[int], strides: list[list[int]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Drop dimensions of one, and join neighbours that every operand walks as one."""
    dims = [(n, [s[d] for s in strides]) for d, n in enumerate(shape) if n != 1]
    # the largest steps outermost; equal ones keep their order
    dims.sort(key=lambda dim: -max(abs(step) for step in dim[1][:2]))
    merged: list[tuple[int, list[int]]] = []
    for n, steps in dims:
        if merged and all(outer == n * step for outer, step in zip(merged[-1][1], steps, strict=True)):
            merged[-1] = (merged[-1][0] * n, steps)
        else:
            merged.append((n, steps))
    if not merged:
        merged = [(1, [0] * len(strides))]
    return tuple(n for n, _ in merged), [tuple(steps[i] for _, steps in merged) for i in range(len(strides))]


def _lanes_are_outputs(length: int, operands: list[Array | None], reduce_strides: list[tuple[int, ...]]) -> bool:
    """Short rows, and rows whose entries lie far apart, are computed side by side.

    The choice looks at one row only, never at how many there are: the bits of a row must not depend on the batch.
    """
    if length < engine.SHORT_ROW_LENGTH:
        return True
    return any(
        operand is not None and abs(strides[-1]) > 4 * operand.values.itemsize
        for operand, strides in zip(operands, reduce_strides, strict=True)
    )


def _geometry(
    shape: tuple[int, ...], axes: tuple[int, ...], operands: list[Array | None], out: np.ndarray[Any, Any]
) -> _Geometry:
    batch = [d for d in range(len(shape)) if d not in axes]
    absent = (0,) * len(shape)
    strides = [operand.values.strides if operand is not None else absent for operand in operands]
    out_strides = [0] * len(shape)
    for d, stride in zip(batch, out.strides, strict=True):
        out_strides[d] = stride
    batch_shape, batch_strides = _merge(
        [shape[d] for d in batch], [[s[d] for d in batch] for s in [*strides, out_strides]]
    )
    reduce_shape, reduce_strides = _merge([shape[d] for d in axes], [[s[d] for d in axes] for s in strides])
    length = math.prod(reduce_shape)
    if length == 1:
        reduce_strides = [(operand.values.itemsize if operand is not None else 0,) for operand in operands]
    outer = _lanes_are_outputs(length, operands[:2], reduce_strides[:2])
    return _Geometry(batch_shape, reduce_shape, batch_strides, reduce_strides, outer)


def _spec(operand: Array | None, geometry: _Geometry, position: int) -> tuple[Any, ...] | None:
    if operand is None:
        return None
    batch, reduce = geometry.batch_strides[position], geometry.reduce_strides[position]
    return operand.values, operand.code, operand.swapped, batch, reduce


def _broadcast(operand: Array, shape: tuple[int, ...]) -> Array:
    return operand if operand.values.shape == shape else operand._replace(values=np.broadcast_to(operand.values, shape))


def _target(
    out: np.ndarray[Any, Any] | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    keep: bool,
    inputs: list[Array | None],
) -> np.ndarray[Any, Any]:
    """Where the engine writes: `out` itself when it can hold the values and touches no input."""
    if (
        out is None
        or not keep
        or out.dtype not in (FLOAT32, FLOAT64)
        or any(a is not None and np.may_share_memory(out, a.values) for a in inputs)
    ):
        return np.empty(shape, dtype)
    return out


# ---- rows ----


def _is_plain(p: Any, q: Any, binary: bool, axis: Any) -> bool:
    """Contiguous rows of float64 or float32 along the last axis, and q of the same kind."""
    return (
        type(p) is np.ndarray
        and (p.dtype is FLOAT64 or p.dtype is FLOAT32)
        and p.ndim > 0
        and p.size > 0
        and (axis == -1 or (p.ndim == 1 and axis in (0, None)))
        and p.flags.c_contiguous
        and (
            not binary or (type(q) is np.ndarray and q.dtype is p.dtype and q.shape == p.shape and q.flags.c_contiguous)
        )
    )


def reduce_rows(
    measure: Measure,
    p: Any,
    q: Any = None,
    *,
    binary: bool = False,
    order: float = 0.0,
    weight: float = 0.5,
    divisor: float | Callable[[int], float] = 1.0,
    axis: int | tuple[int, ...] | None,
    normalize: bool,
    where: Any,
    keepdims: bool,
    out: Any,
    invalid: str,
    workers: int | None,
) -> Result:
    """Reduce the rows of p, or of p and q, to one number each."""
    if where is None and out is None and not keepdims and invalid == "nan" and _is_plain(p, q, binary, axis):
        # plain rows: a general plan costs more than the computation when they are few
        dtype, rows, length = p.dtype, p.size // p.shape[-1], p.shape[-1]
        codes = _codes(measure, dtype is FLOAT32, normalize)
        numbers = _numbers(measure, length, normalize, order, weight, divisor)
        if p.ndim == 1 and workers is None and length < SERIAL_ENTRIES:
            value = engine.reduce_row(codes, numbers, dtype is FLOAT32, p, q if binary else None)
            return np.float32(value) if dtype is FLOAT32 else np.float64(value)
        result = np.empty(p.shape[:-1], dtype)
        code, step = engine.DTYPES[dtype.name], p.itemsize
        left_spec = (p, code, False, (step * length,), (step,))
        right_spec = (q, code, False, (step * length,), (step,)) if binary else None
        engine.reduce(
            codes, numbers, (rows,), (length,), length < engine.SHORT_ROW_LENGTH,
            left_spec, right_spec, None, (result, code, False, (step,), ()),
            workers_for(measure.function, workers, p.size),
        )  # fmt: skip
        return result[()]

    function = measure.function
    _check_invalid(function, invalid)
    left = as_array(function, "p", p)
    right = as_array(function, "q", q) if binary else None
    shape = left.values.shape if right is None else _broadcast_rows(function, left, right, axis)
    axes = check_axes(function, axis, len(shape))
    mask = None if where is None else _check_where(function, where, shape)
    dtype = fresh_dtype(left, right)
    kept = (
        tuple(1 if d in axes else n for d, n in enumerate(shape))
        if keepdims
        else tuple(n for d, n in enumerate(shape) if d not in axes)
    )
    if out is not None:
        check_out(function, out, kept)
    entries = math.prod(shape)
    count = workers_for(function, workers, entries)

    left = _broadcast(left, shape)
    right = None if right is None else _broadcast(right, shape)
    covered = None if mask is None else Array(mask.view(np.uint8), engine.DTYPES["bool"], False, "bool")
    length = math.prod(shape[a] for a in axes)
    target = _target(out, kept, dtype, invalid == "nan", [left, right, covered])
    flat = (
        target.reshape(tuple(n for d, n in enumerate(shape) if d not in axes)) if keepdims and target.size else target
    )
    if length == 0:
        target[...] = np.nan
    elif target.size:
        operands = [left, right, covered]
        geometry = _geometry(shape, axes, operands, flat)
        single = target.dtype == FLOAT32
        spec = (flat, engine.DTYPES[flat.dtype.name], False, geometry.batch_strides[3], ())
        engine.reduce(
            _codes(measure, single, normalize),
            _numbers(measure, length, normalize, order, weight, divisor),
            geometry.batch_shape, geometry.reduce_shape, geometry.outer,
            _spec(left, geometry, 0), _spec(right, geometry, 1), _spec(covered, geometry, 2), spec, count,
        )  # fmt: skip
    if invalid == "raise" and np.isnan(target).any():
        _raise_invalid(function, [("p", left), ("q", right)], mask, axes, flat, normalize)
    if out is None:
        return target[()]
    if out is not target:
        out[...] = target
    return out


def _codes(measure: Measure, single: bool, normalize: bool) -> tuple[int, int, int, int]:
    kernel = measure.kernel if normalize else measure.raw_kernel or measure.kernel
    finish = measure.finish if normalize else measure.raw_finish or measure.finish
    return engine.MEASURES[kernel], int(single), int(normalize), engine.FINISHES[finish]


def _numbers(
    measure: Measure, length: int, normalize: bool, order: float, weight: float, divisor: float | Callable[[int], float]
) -> tuple[float, float, float, float]:
    unit = divisor if isinstance(divisor, float) else divisor(length)
    return order, weight, unit, measure.bound(length) if normalize else math.inf


def _raise_invalid(
    function: str,
    operands: list[tuple[str, Array | None]],
    mask: Any,
    axes: tuple[int, ...],
    result: Any,
    normalize: bool,
) -> None:
    """Name the first bad row, its position and the reason."""
    index = tuple(int(i) for i in np.argwhere(np.isnan(result))[0]) if result.ndim else ()
    reason = "its sum is 0"
    for name, operand in operands:
        if operand is None:
            continue
        row = operand.take_row(axes, index)
        included = np.ones(row.shape, bool) if mask is None else Array(mask, 0, False, "bool").take_row(axes, index)
        found = describe_entries(row, included)
        if found is not None or not np.any((row != 0) & included):
            raise InvalidRowError(
                function, name, index, found or ("it has no entries" if not included.any() else reason)
            )
    raise InvalidRowError(function, "p", index, "its value is not defined")


def describe_entries(row: Any, included: Any) -> str | None:
    """What is wrong with the first bad entry of a row of float64; None if nothing is."""
    bad = included & ~((row >= 0) & (row < np.inf))
    if not bad.any():
        return None
    position = tuple(int(i) for i in np.argwhere(bad)[0])
    value = row[position]
    kind = "NaN" if np.isnan(value) else f"negative ({value})" if value < 0 else "infinite"
    return f"entry {position[0] if len(position) == 1 else position} is {kind}"


# ---- single elements ----


def map_elements(
    function: str,
    element: str,
    operands: tuple[tuple[str, Any], ...],
    *,
    divisor: float = 1.0,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Result:
    """Apply a function of one or two numbers to every element; the others keep the value of `out`, or are nan."""
    _check_invalid(function, invalid)
    arrays = [as_array(function, name, value, scalar=True) for name, value in operands]
    try:
        shape = np.broadcast_shapes(*(a.values.shape for a in arrays))
    except ValueError:
        names = " and ".join(name for name, _ in operands)
        shapes = " and ".join(str(a.values.shape) for a in arrays)
        raise ValueError(f"{function}: {names} must broadcast against each other, got shapes {shapes}") from None
    mask = None if where is None else _check_where(function, where, shape)
    dtype = fresh_dtype(*arrays)
    if out is not None:
        check_out(function, out, shape)
    count = workers_for(function, workers, math.prod(shape))
    arrays = [_broadcast(a, shape) for a in arrays]
    covered = None if mask is None else Array(mask.view(np.uint8), engine.DTYPES["bool"], False, "bool")
    inputs: list[Array | None] = [*arrays, *[None] * (2 - len(arrays)), covered]
    target = _target(out, shape, dtype, invalid == "nan", inputs)
    if target is not out and mask is not None:
        target[...] = np.nan if out is None else out
    if target.size:
        written = Array(target, engine.DTYPES[target.dtype.name], False, target.dtype.name)
        dims, steps = _merge(
            list(shape), [list(a.values.strides if a else (0,) * len(shape)) for a in [*inputs, written]]
        )
        first, second, third, last = (
            None if a is None else (a.values, a.code, a.swapped, step[:-1] or (0,), step[-1:])
            for a, step in zip([*inputs, written], steps, strict=True)
        )
        engine.map_lines(
            engine.ELEMENTS[element], divisor, dims[:-1] or (1,), dims[-1], first, second, third, last, count
        )
    if invalid == "raise":
        bad = np.isnan(target) if mask is None else np.isnan(target) & mask
        if bad.any():
            position = tuple(int(i) for i in np.argwhere(bad)[0])
            values = ", ".join(
                f"{name} = {a.take_row((), position)[()]}" for (name, _), a in zip(operands, arrays, strict=True)
            )
            raise ValueError(
                f"{function}: element {position if position else ''} is outside the domain: {values}".replace("  ", " ")
            )
    if out is None:
        return target[()]
    if out is not target:
        out[...] = target
    return out


def divide_by_log_count(
    function: str, values: Any, p: Any, where: Any, axis: int | tuple[int, ...] | None, keepdims: bool, out: Any
) -> Result:
    """values / ln k for the number k of entries that `where` includes; 0 for k = 1. `values` has kept dimensions."""
    shape = as_array(function, "p", p).values.shape
    axes = check_axes(function, axis, len(shape))
    counts = np.count_nonzero(_check_where(function, where, shape), axis=axes, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(counts == 1, values * 0, np.minimum(values / np.log(counts), 1)).astype(values.dtype)
    if not keepdims:
        shares = shares.reshape(tuple(n for d, n in enumerate(shape) if d not in axes))
    if out is None:
        return shares[()]
    check_out(function, out, shares.shape)
    out[...] = shares
    return out
