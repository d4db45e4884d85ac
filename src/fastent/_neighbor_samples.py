"""The plan of nearest-neighbour estimates: continuous columns and targets in, what they share out, and every refusal.

    columns  ->  tiles of contiguous float64  ->  the engine  ->  nats, of every column with every target

Only a tile of the columns exists in float64 at a time; a C-ordered matrix is never copied whole.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastent import _arrays
from fastent._codes import as_codes
from fastent._columns import columns_of, floats_of, floats_of_objects, holds_floats, library_of
from fastent._neighbors import engine
from fastent._series import digamma
from fastent._threads import workers_for

Array = np.ndarray[Any, Any]

TILE_BYTES = 1 << 26
"""Columns that are made contiguous at a time."""


class Matrix(NamedTuple):
    """Continuous columns as they came."""

    given: _arrays.Array
    values: Array  # (samples, columns), any strides
    single: bool

    def tile(self, begin: int, end: int, workers: int) -> Array:
        """The columns [begin, end) as rows of float64."""
        columns = self.values[:, begin:end]
        if self.given.dtype == "bfloat16":
            columns = (columns.astype(np.uint32) << 16).view(np.float32)
        elif columns.dtype not in (np.float64, np.float32) or not columns.dtype.isnative:
            columns = columns.astype(np.float64)
        return engine.gather(columns, 0, end - begin, workers)

    def tiles(self, workers: int) -> Iterator[tuple[slice, Array]]:
        samples, columns = self.values.shape
        width = max(workers, TILE_BYTES // (8 * max(1, samples)))
        for begin in range(0, columns, width):
            end = min(begin + width, columns)
            yield slice(begin, end), self.tile(begin, end, workers)


class Targets(NamedTuple):
    """Targets, one per row: float64, or int32 codes with the number of levels of each, -1 where a label is missing."""

    values: Array
    levels: Array | None
    single: bool


# ---- refusals ------------------------------------------------------------------------------------------------------


def read_matrix(function: str, name: str, X: Any, workers: int | None) -> Matrix:
    _arrays.refuse_masked(function, name, X)
    given = _arrays.as_array(function, name, X)
    values = given.values
    if values.ndim > 2:
        raise ValueError(f"{function}: {name} must be 1-D or 2-D, one column per variable, got shape {values.shape}")
    matrix = Matrix(given, values if values.ndim == 2 else values[:, None], values.ndim == 1)
    if _has_infinity(function, matrix, workers):
        raise ValueError(f"{function}: {name} must not hold infinities; missing values are nan")
    return matrix


def _has_infinity(function: str, matrix: Matrix, workers: int | None) -> bool:
    values = matrix.values
    if values.dtype in (np.float64, np.float32) and values.dtype.isnative:
        return engine.infinite(values, workers_for(function, workers, values.size))
    if matrix.given.dtype == "bfloat16":
        return bool(((values & 0x7FFF) == 0x7F80).any())
    return values.dtype.kind == "f" and bool(np.isinf(values).any())


def check_neighbors(function: str, k: Any, samples: int) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"{function}: n_neighbors must be an integer, got {k!r}") from None
    if samples < 2:
        raise ValueError(f"{function}: neighbours take at least 2 samples, got {samples}")
    if not 1 <= number < samples:
        raise ValueError(
            f"{function}: n_neighbors must be between 1 and {samples - 1} (the other samples), got {number}"
        )
    return number


def check_samples(function: str, samples: int, other: int) -> None:
    if samples != other:
        raise ValueError(f"{function}: X and y must have as many samples, got {samples} and {other}")
    if samples >= 1 << 32:
        raise ValueError(f"{function}: X must have fewer than 2**32 samples, got {samples}")


# ---- targets -------------------------------------------------------------------------------------------------------


def is_discrete(y: Any) -> bool:
    """Whether labels are anything but floating-point numbers."""
    return not holds_floats(y)


def columns_of_targets(y: Any) -> list[Any]:
    """The columns of a frame or of objects, which may be of several kinds; none of anything else."""
    frame = columns_of(y)
    if frame is not None:
        return frame[1]
    if isinstance(y, list | tuple) and any(isinstance(row, list | tuple) for row in y):
        y = _array_of_rows(y)
    return list(y.T) if isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 2 else []


def _array_of_rows(y: Any) -> Array | None:
    try:
        numbers = np.asarray(y)
        return numbers if numbers.dtype.kind in "biuf" else np.array(y, dtype=object)
    except ValueError:  # ragged: refused where it is read
        return None


def read_targets(function: str, y: Any, discrete: bool, workers: int | None) -> Targets:
    if not discrete:
        if library_of(y) in ("pandas", "polars", "pyarrow") and columns_of(y) is None:
            floats = floats_of(y)
            y = y if floats is None else floats
        elif isinstance(y, list | tuple) or (isinstance(y, np.ndarray) and y.dtype.kind == "O"):
            objects = np.array(y, dtype=object)
            parts = [floats_of_objects(part) for part in (objects.T if objects.ndim == 2 else [objects.ravel()])]
            if objects.ndim <= 2 and all(part is not None for part in parts):
                y = np.array(parts, np.float64).T if objects.ndim == 2 else parts[0]
        matrix = read_matrix(function, "y", y, workers)
        samples, count = matrix.values.shape
        return Targets(matrix.tile(0, count, workers_for(function, workers, samples * count)), None, matrix.single)
    codes = as_codes(y, f"{function}: y", "omit")
    single = codes.values.ndim == 1
    values, kept = (None if part is None else part[:, None] if single else part for part in (codes.values, codes.kept))
    assert values is not None
    rows = np.ascontiguousarray(values.T, np.int32)
    if kept is not None:
        rows[~kept.T] = -1
    return Targets(rows, np.maximum(np.asarray(codes.cardinalities, np.int64), 1), single)


# ---- estimates -----------------------------------------------------------------------------------------------------


def digammas(samples: int) -> Array:
    """Of 0 (never used), 1, ..., samples."""
    return np.concatenate([[np.nan], digamma(np.arange(1.0, samples + 1))])


def estimates(
    function: str, matrix: Matrix, targets: Targets, k: int, workers: int | None
) -> Iterator[tuple[slice, Array]]:
    """Mutual information in nats, a tile of the columns after the other: (columns, targets)."""
    samples = len(matrix.values)
    threads = workers_for(function, workers, matrix.values.size * len(targets.values) * 16)
    table, ties = digammas(samples), engine.TIES["counted"]
    for place, columns in matrix.tiles(threads):
        if targets.levels is None:
            found = engine.continuous(columns, targets.values, k, ties, table, threads)
        else:
            found = engine.discrete(columns, targets.values, targets.levels, k, ties, table, threads)
        yield place, np.maximum(found.T, 0.0)
