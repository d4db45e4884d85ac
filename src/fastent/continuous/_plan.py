"""From a caller's numbers to an engine call: every refusal of `fastent.continuous`, and where the numbers lie."""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from fastent import _plan
from fastent._arrays import as_array
from fastent._continuous import engine
from fastent._threads import workers_for

Array = np.ndarray[Any, Any]
Axis = int | tuple[int, ...] | None

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def real(function: str, name: str, value: Any) -> Array:
    """Real numbers as aligned float64 or float32 in the machine's byte order; the caller's own memory if it can be."""
    array = as_array(function, name, value, scalar=True)
    values = array.values
    if array.dtype == "bfloat16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    if values.dtype in (FLOAT64, FLOAT32) and values.dtype.isnative:
        return values if values.flags.aligned else values.copy()
    return values.astype(FLOAT32 if array.dtype in ("float32", "float16") else FLOAT64)


def common(arrays: list[Array], weak: list[bool]) -> np.dtype[Any]:
    """float32 if everything but Python's numbers is."""
    strong = [a for a, is_weak in zip(arrays, weak, strict=True) if not is_weak]
    return FLOAT32 if strong and all(a.dtype == FLOAT32 for a in strong) else FLOAT64


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, np.generic)


def check_count(function: str, name: str, value: Any, low: int, high: int, meaning: str) -> int:
    """An integer in [low, high], or a refusal."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an integer, got {value!r}") from None
    if not low <= number <= high:
        raise ValueError(f"{function}: {name} must be between {low} and {high} ({meaning}), got {number}")
    return number


# ---- divergence of diagonal normals ----


class Normals(NamedTuple):
    """What a divergence of diagonal normals gave: twice its value as float64, and the gradients."""

    sums: Array
    gradients: tuple[Array, Array] | None
    dtype: np.dtype[Any]


def _empty(like: Array, shape: tuple[int, ...]) -> Array:
    return np.empty_like(like) if like.shape == shape else np.empty(shape, like.dtype)


def _is_plain(mu: Any, log_var: Any, mu_q: Any, log_var_q: Any, axis: Axis) -> bool:
    """Contiguous rows of one dtype against the standard normal."""
    return (
        type(mu) is np.ndarray
        and type(log_var) is np.ndarray
        and (mu.dtype is FLOAT64 or mu.dtype is FLOAT32)
        and log_var.dtype is mu.dtype
        and mu.ndim > 0
        and mu.size > 0
        and mu.shape == log_var.shape
        and type(axis) is int
        and axis == -1
        and type(mu_q) is float
        and mu_q == 0
        and type(log_var_q) is float
        and log_var_q == 0
        and mu.flags.c_contiguous
        and mu.flags.aligned
        and log_var.flags.c_contiguous
        and log_var.flags.aligned
    )


def diagonal_normals(
    function: str, mu: Any, log_var: Any, mu_q: Any, log_var_q: Any, axis: Axis, gradients: bool, workers: int | None
) -> Normals:
    if _is_plain(mu, log_var, mu_q, log_var_q, axis):
        # plain rows: a general plan costs more than the computation when they are few
        length = mu.shape[-1]
        both = (np.empty_like(mu), np.empty_like(mu)) if gradients else None
        steps = ((mu.itemsize,),) * 6
        rows = ((mu.itemsize * length,),) * 6
        sums = engine.normal_sums(
            (mu, log_var, None, None, *(both or (None, None))), (mu.size // length,), rows, (length,), steps,
            mu.dtype == FLOAT32, False, mu_q, log_var_q, 1.0, workers_for(function, workers, mu.size),
        )  # fmt: skip
        return Normals(sums.reshape(mu.shape[:-1]), both, mu.dtype)
    names = ("mu", "log_var", "mu_q", "log_var_q")
    given = (mu, log_var, mu_q, log_var_q)
    arrays = [real(function, name, value) for name, value in zip(names, given, strict=True)]
    dtype = common(arrays, [is_number(value) for value in given])
    arrays = [a.astype(dtype, copy=False) for a in arrays]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(names, arrays, strict=True))
        raise ValueError(f"{function}: the arrays must broadcast against each other, got shapes {shapes}") from None
    if not shape:
        raise ValueError(f"{function}: mu or log_var must have at least one dimension, got numbers")
    axes = _plan.check_axes(function, axis, len(shape))
    count = workers_for(function, workers, math.prod(shape))
    constant = arrays[2].ndim == 0 and arrays[3].ndim == 0
    numbers = (float(arrays[2]), float(arrays[3])) if constant else (0.0, 0.0)
    with np.errstate(over="ignore"):
        precision = float(np.exp(np.float64(-numbers[1])))
    slopes = None
    if gradients:
        slopes = _empty(arrays[0], shape), _empty(arrays[0], shape)
    inputs = [np.broadcast_to(a, shape) for a in arrays]
    operands: list[Array | None] = [*(inputs[:2] if constant else inputs), *([None, None] if constant else [])]
    operands += list(slopes) if slopes else [None, None]
    batch = [d for d in range(len(shape)) if d not in axes]
    kept = tuple(shape[d] for d in batch)
    if math.prod(shape) == 0:
        return Normals(np.zeros(kept), slopes, dtype)
    strides = [a.strides if a is not None else (0,) * len(shape) for a in operands]
    # in the order of memory, and the sums with them
    walk = sorted(batch, key=lambda d: -max(abs(s[d]) for s in strides[:2]))
    batch_shape, batch_steps = _plan._merge([shape[d] for d in walk], [[s[d] for d in walk] for s in strides])
    reduce_shape, reduce_steps = _plan._merge([shape[d] for d in axes], [[s[d] for d in axes] for s in strides])
    item = dtype.itemsize
    outer = (
        math.prod(reduce_shape) > 1
        and all(abs(steps[-1]) != item for steps in reduce_steps[:2])
        and any(steps[-1] == item for steps in batch_steps[:2])
    )
    sums = engine.normal_sums(
        operands, batch_shape, batch_steps, reduce_shape, reduce_steps, dtype == FLOAT32, outer, *numbers, precision,
        count,
    )  # fmt: skip
    places = [walk.index(d) for d in batch]
    return Normals(sums.reshape([shape[d] for d in walk]).transpose(places), slopes, dtype)


# ---- samples ----


class Samples(NamedTuple):
    """Variables of n numbers each, along the last dimension, and where they lie in memory."""

    values: Array
    offsets: Array  # of each variable's first number, in bytes

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape[:-1])

    @property
    def n(self) -> int:
        return int(self.values.shape[-1])

    def sums(self, name: str, m: int | Array, workers: int, scale: float = 0.0) -> Array:
        """One of the engine's sums over every variable."""
        windows = np.ascontiguousarray(np.broadcast_to(np.asarray(m, np.int64), self.shape)).ravel()
        found = engine.sample_sums(
            self.values, self.offsets, self.n, self.values.strides[-1], engine.SUMS[name], windows, scale, workers
        )
        return found.reshape(self.shape)


def samples(function: str, x: Any, axis: int) -> Samples:
    values = real(function, "x", x)
    if values.ndim == 0:
        raise ValueError(f"{function}: x must have at least one dimension, got the number {values[()]}")
    try:
        place = operator.index(axis)
    except TypeError:
        raise TypeError(f"{function}: axis must be an integer, got {axis!r}") from None
    if not -values.ndim <= place < values.ndim:
        raise np.exceptions.AxisError(f"{function}: axis {place} is out of range for {values.ndim} dimensions")
    values = np.moveaxis(values, place, -1)
    if values.shape[-1] >= 1 << 32:
        raise ValueError(f"{function}: x must have fewer than 2^32 samples along axis {axis}, got {values.shape[-1]}")
    offsets = np.zeros(values.shape[:-1], np.int64)
    for d, (length, stride) in enumerate(zip(values.shape[:-1], values.strides[:-1], strict=True)):
        offsets += np.arange(length).reshape(-1, *[1] * (values.ndim - 2 - d)) * stride
    return Samples(values, offsets.ravel())


def cross_neighbor_sum(x: Array, y: Array, k: int, workers: int) -> float:
    """The sum of ln(distance to the k-th nearest number of y) over x."""
    return engine.cross_neighbor_sum(np.sort(x), np.sort(y), k, workers)
