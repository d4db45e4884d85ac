"""The plan of what is computed from logits: arrays, labels, weights and every refusal, then one call of the engine."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastent._arrays import FLOATS, Array, as_array, require_weights
from fastent._logits import engine
from fastent._plan import check_out
from fastent._rows.engine import DTYPES
from fastent._threads import workers_for

Numbers = np.ndarray[Any, Any]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
CODES = {FLOAT32: DTYPES["float32"], FLOAT64: DTYPES["float64"]}
COLDEST, HOTTEST = 1e-300, 1e300
NOT_A_CLASS = -100
"""The label of rows that are left out, as in PyTorch."""


class Labels(NamedTuple):
    """One class per row, in C order: -1 where the row is left out."""

    codes: Numbers
    kept: Numbers | None  # None: all


class Derivatives(NamedTuple):
    """What is written for every entry beside the numbers of the rows."""

    mapping: str = "nothing"
    hess: bool = False
    scale: float = 1.0
    out: Numbers | None = None  # None: a new array
    hess_out: Numbers | None = None


NO_DERIVATIVES = Derivatives()


# ---- arguments ----


def logits_array(function: str, name: str, value: Any) -> Array:
    """Floats as they are, other numbers as float64."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{function}: {name} must not be a masked array; pass {name}.filled(-np.inf) to leave its classes out"
        )
    array = as_array(function, name, value)
    if array.dtype in FLOATS:
        return array
    return Array(np.asarray(array.values, np.float64), DTYPES["float64"], False, "float64")


def check_axis(function: str, axis: Any, ndim: int) -> int:
    if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
        raise TypeError(f"{function}: axis must be one integer, got {axis!r}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{function}: axis {axis} is out of range for an array of {ndim} dimensions")
    return int(axis) % ndim


def check_number(function: str, name: str, value: Any) -> float:
    """One real number; not text that shows one, which float() would take."""
    if isinstance(value, float):
        return float(value)
    try:
        if not isinstance(value, (str, bytes, bool, np.bool_)) and np.ndim(value) == 0:
            return float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{function}: {name} must be a number, got {value!r}")


def check_flag(function: str, name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be True or False, got {value!r}")
    return bool(value)


def check_temperature(function: str, temperature: Any) -> float:
    number = check_number(function, "temperature", temperature)
    if not COLDEST <= number <= HOTTEST:
        raise ValueError(
            f"{function}: temperature must be a positive number from {COLDEST} to {HOTTEST}, got {temperature}"
        )
    return number


def check_smoothing(function: str, smoothing: Any) -> float:
    number = check_number(function, "label_smoothing", smoothing)
    if not 0 <= number <= 1:
        raise ValueError(f"{function}: label_smoothing must be between 0 and 1, got {smoothing}")
    return number


def check_weights(function: str, name: str, weights: Any, shape: tuple[int, ...], what: str) -> Numbers | None:
    """Non-negative numbers, contiguous float64, broadcast to the shape."""
    if weights is None:
        return None
    values = plain_numbers(as_array(function, name, weights, scalar=True))
    try:
        found = np.array(np.broadcast_to(values, shape), np.float64, order="C")
    except ValueError:
        raise ValueError(
            f"{function}: {name} must have one number per {what}, shape {shape}, got shape {values.shape}"
        ) from None
    require_weights(function, name, found)
    return found


def check_class_weight(function: str, weights: Any, classes: int) -> Numbers | None:
    if weights is None:
        return None
    shape = np.shape(weights)
    if shape != (classes,):
        raise ValueError(f"{function}: class_weight must have one number per class, {classes}, got shape {shape}")
    return check_weights(function, "class_weight", weights, (classes,), "class")


def check_labels(
    function: str, labels: Any, shape: tuple[int, ...], classes: int, ignore_index: int | None, name: str = "target"
) -> Labels:
    """Class numbers of any integer dtype, one per row."""
    array = np.asarray(labels)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{function}: {name} must hold class numbers (integers), got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{function}: {name} must have one label per row, shape {shape}, got shape {array.shape}")
    if ignore_index is not None and (
        not isinstance(ignore_index, (int, np.integer)) or isinstance(ignore_index, (bool, np.bool_))
    ):
        raise TypeError(f"{function}: ignore_index must be an integer or None, got {ignore_index!r}")
    given = array.reshape(-1)
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))  # still out of range, but not negative
    codes = np.ascontiguousarray(array, np.int64).reshape(-1)
    none_ignored = ignore_index is None or not 0 <= ignore_index < classes
    if none_ignored and (codes.size == 0 or codes.view(np.uint64).max() < classes):  # negative ones are huge ones
        return Labels(codes, None)
    kept = np.ones(codes.shape, bool) if ignore_index is None else np.asarray(given != ignore_index)
    wrong = kept & ((codes < 0) | (codes >= classes))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        place = tuple(int(i) for i in np.unravel_index(row, shape)) if shape else ()
        where = f" in row {place[0] if len(place) == 1 else place}" if place else ""
        raise ValueError(f"{function}: {name} must be labels from 0 to {classes - 1}, got {given[row]}{where}")
    return Labels(np.where(kept, codes, -1), kept)


def plain_numbers(array: Array) -> Numbers:
    """The numbers as an ordinary array, for what is small."""
    if array.dtype == "bfloat16":
        return np.asarray((array.values.astype(np.uint32) << 16).view(np.float32))
    return array.values


# ---- geometry ----


class Rows:
    """Arrays of one shape whose rows lie along `axis`, and the results' shapes."""

    def __init__(self, function: str, operands: dict[str, Array], axis: Any) -> None:
        self.function = function
        self.arrays = list(operands.values())
        shapes = [a.values.shape for a in self.arrays]
        self.axis = check_axis(function, axis, max(map(len, shapes)))
        self.shape: tuple[int, ...] = shapes[0]
        if len(set(shapes)) > 1:
            self.shape = _common_shape(function, list(operands), shapes, axis)
            self.arrays = [a._replace(values=np.broadcast_to(a.values, self.shape)) for a in self.arrays]
        self.classes = self.shape[self.axis]
        self.batch = self._across(self.shape)
        self.count = math.prod(self.batch)
        self.dtype = FLOAT32 if NARROW.issuperset([a.dtype for a in self.arrays]) else FLOAT64

    def _across(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Of a number per dimension those of the batch."""
        return numbers[: self.axis] + numbers[self.axis + 1 :]

    def map_for(self, out: Numbers | None, labels: Labels | None) -> Numbers:
        """Where the engine writes a number per entry: `out`, or a new array, ordered in memory as the first operand."""
        operands = [*[a.values for a in self.arrays], *([] if labels is None else [labels.codes])]
        if out is not None and can_hold(out, self.dtype, operands):
            return out
        return np.empty_like(self.arrays[0].values, dtype=self.dtype, subok=False)

    def specs(self, *maps: Numbers | None) -> tuple[tuple[int, ...], list[engine.Spec | None]]:
        """Batch shape and specs of two operands and the maps: neighbours walked as one dimension by all are joined."""
        specs: list[engine.Spec | None] = [self._spec(a.values, a.code, a.swapped) for a in self.arrays]
        specs += [None] * (2 - len(specs))
        specs += [None if m is None else self._spec(m, CODES[m.dtype]) for m in maps]
        return (self.batch, specs) if len(self.batch) == 1 else _merge_in_order(self.batch, specs)

    def _spec(self, values: Numbers, code: int, swapped: bool = False) -> engine.Spec:
        steps = values.strides
        return values, code, swapped, self._across(steps), steps[self.axis]


NARROW = FLOATS - {"float64"}


def _common_shape(function: str, names: list[str], shapes: list[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Shapes that differ agree along the axis, and broadcast elsewhere."""
    ndim, which = max(map(len, shapes)), " and ".join(names)
    lengths = [((1,) * (ndim - len(shape)) + shape)[axis] for shape in shapes]
    if len(set(lengths)) > 1:
        got = " and ".join(map(str, lengths))
        raise ValueError(f"{function}: {which} must agree along axis {axis}, got {got}")
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        got = " and ".join(map(str, shapes))
        raise ValueError(f"{function}: {which} must broadcast against each other, got shapes {got}") from None


def _merge_in_order(
    shape: tuple[int, ...], specs: list[engine.Spec | None]
) -> tuple[tuple[int, ...], list[engine.Spec | None]]:
    dims: list[tuple[int, list[int]]] = []
    for d, n in enumerate(shape):
        here = [0 if spec is None else spec[3][d] for spec in specs]
        if n == 1:
            continue
        if dims and all(outer == n * inner for outer, inner in zip(dims[-1][1], here, strict=True)):
            dims[-1] = (dims[-1][0] * n, here)
        else:
            dims.append((n, here))
    if not dims:
        dims = [(1, [0] * len(specs))]
    merged = [
        None if spec is None else (*spec[:3], tuple(steps[i] for _, steps in dims), spec[4])
        for i, spec in enumerate(specs)
    ]
    return tuple(n for n, _ in dims), merged


# ---- arrays to write to ----


def check_derivatives_out(function: str, shape: tuple[int, ...], grad_out: Any, hess_out: Any) -> None:
    """Arrays for the derivatives, as far as they are given."""
    for name, out in (("grad_out", grad_out), ("hess_out", hess_out)):
        if out is None:
            continue
        check_out(function, out, shape, name)
        if out.size > 1 and any(step == 0 and n > 1 for n, step in zip(shape, out.strides, strict=True)):
            raise ValueError(f"{function}: {name} must have memory for each number, got an array that repeats itself")
    if grad_out is not None and hess_out is not None and np.shares_memory(grad_out, hess_out):
        raise ValueError(f"{function}: grad_out and hess_out must not share memory")


def can_hold(out: Numbers, dtype: np.dtype[Any], operands: list[Numbers]) -> bool:
    """Whether the engine can write to `out` itself: it has the dtype of the numbers, and touches no operand."""
    return out.dtype == dtype and not any(np.may_share_memory(out, a) for a in operands)


def delivered(found: Numbers | None, out: Numbers | None) -> Numbers | None:
    """The numbers, in `out` if the caller wants them there."""
    if found is None or out is None or found is out:
        return found
    out[...] = found
    return out


# ---- calls ----


@lru_cache(maxsize=64)
def halves(value: float) -> tuple[float, float]:
    """1/value to twice the digits."""
    high = 1 / value
    return high, float(1 / Fraction(value) - Fraction(high))


def reduce_logits(
    rows: Rows,
    value: str,
    *,
    temperature: float = 1.0,
    finish: str = "as_it_is",
    divisor: float = 1.0,
    labels: Labels | None = None,
    smoothing: float = 0.0,
    row_weights: Numbers | None = None,
    class_weights: Numbers | None = None,
    derivatives: Derivatives = NO_DERIVATIVES,
    dtype: np.dtype[Any] | None = None,
    wants_values: bool = True,
    workers: int | None = None,
) -> tuple[Numbers, Numbers | None, Numbers | None]:
    """A number per row (of `dtype`), and maps of the input's shape where derivatives are asked for."""
    dtype = rows.dtype if dtype is None else dtype
    values = np.empty(rows.batch, dtype) if wants_values else None
    map_ = None if derivatives.mapping == "nothing" else rows.map_for(derivatives.out, labels)
    diagonal = rows.map_for(derivatives.hess_out, labels) if derivatives.hess else None
    if rows.classes == 0:
        if values is not None:
            values[...] = np.nan if labels is None else 0  # without classes every label is one that is left out
    elif rows.count:
        batch_shape, specs = rows.specs(map_, diagonal)
        single = None if class_weights is None else class_weights.astype(np.float32)
        total = float(rows.classes) if class_weights is None else math.fsum(class_weights)
        engine.rows(
            (engine.VALUES[value], engine.MAPS[derivatives.mapping], engine.FINISHES[finish], CODES[dtype]),
            (smoothing, *halves(temperature), divisor, derivatives.scale / divisor),
            batch_shape, rows.classes, (specs[0], specs[1], specs[2], specs[3]),
            (values, None if labels is None else labels.codes, row_weights),
            (class_weights, single, total),
            workers_for(rows.function, workers, rows.count * rows.classes),
        )  # fmt: skip
    found = delivered(map_, derivatives.out), delivered(diagonal, derivatives.hess_out)
    return (np.empty(0) if values is None else values), *found
