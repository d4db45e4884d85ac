"""The plan of discrete samples: label columns or tables in, statistics out, and every refusal on the way.

    labels  ->  codes (_codes.py)  ->  a counter of the engine  ->  statistics: six numbers per pair of columns
    tables  ---------------------------------------------------->

Few cells: dense tables, in batches of columns. Many cells, or more levels than uint16 holds: sorted positive cells.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastent._arrays import as_array, require_weights
from fastent._codes import Codes, as_codes, check_missing
from fastent._counts import engine
from fastent._counts import labels as label_engine
from fastent._counts.pairs import PairCounter
from fastent._threads import workers_for

Array = np.ndarray[Any, Any]

DENSE_CELLS = 1 << 22
"""Tables of more cells are kept as their positive cells."""

BATCH_BYTES = 1 << 26
"""Tables that exist at a time."""

GUESSED_ENTRIES = 1 << 16
"""The levels of smaller matrices are found sooner than they are guessed."""

METHODS = ("auto", *engine.METHODS)
STATISTICS = engine.STATISTICS


class Columns(NamedTuple):
    """Label columns: codes (samples, columns), levels and rows to keep of each, and what the caller passed."""

    codes: Array
    levels: Array
    kept: Array | None
    single: bool
    names: list[Any] | None
    guessed: bool = False

    def column(self, i: int) -> Columns:
        kept = None if self.kept is None else self.kept[:, i : i + 1]
        return Columns(self.codes[:, i : i + 1], self.levels[i : i + 1], kept, True, None, self.guessed)


class _WrongGuess(Exception):
    """A code is beyond the levels that a sample of the rows shows."""


class Sample(NamedTuple):
    """The cells of a pair of columns with positive counts, sorted, with the counts of both margins.

    low: what float64 lacks of the counts, where it does not hold them.
    """

    x: Array
    y: Array
    counts: Array
    x_counts: Array
    y_counts: Array
    low: Array | None = None


def read_columns(
    function: str, name: str, labels: Any, missing: str, workers: int | None, dense: bool = False
) -> Columns:
    """Labels as codes; `dense` where levels that do not occur would show."""
    check_missing(function, missing)
    codes = _ready_codes(labels, function, workers, dense)
    if codes is None:
        codes = as_codes(labels, f"{function}: {name}", missing, workers)  # type: ignore[arg-type]
    values, kept = codes.values, codes.kept
    single = values.ndim == 1
    if single:
        values = values[:, None]
        kept = None if kept is None else kept[:, None]
    levels = np.maximum(np.asarray(codes.cardinalities, np.int64), 1)  # also of no samples
    return Columns(values, levels, kept, single, codes.names)


def _ready_codes(labels: Any, function: str, workers: int | None, dense: bool) -> Codes | None:
    """The common cases at the speed of memory: codes as they are, and integers of a small range less the smallest."""
    if type(labels) is not np.ndarray or labels.size == 0 or not labels.dtype.isnative:
        return None
    threads = workers_for(function, workers, labels.size)
    if labels.dtype in (np.uint8, np.uint16) and labels.ndim in (1, 2) and labels.flags.aligned:
        matrix = labels if labels.ndim == 2 else labels[:, None]
        return Codes(labels, label_engine.largest_codes(matrix, threads) + 1, None, None)
    if not dense and labels.dtype.kind == "i" and labels.ndim == 1 and labels.flags.c_contiguous:
        codes, lowest, highest = label_engine.narrow(labels, threads)
        return None if codes is None else Codes(codes, np.array([highest - lowest + 1], np.int64), None, None)
    return None


def real_numbers(function: str, name: str, value: Any, masked: str = "0") -> Array:
    """An argument of real numbers, or a TypeError; `masked` is what would say that an entry is not there."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} must not be a masked array; pass {name}.filled({masked})")
    plain = np.asarray(value) if isinstance(value, np.ndarray) else value
    if isinstance(plain, np.ndarray) and plain.dtype.kind in "biuf":
        return plain
    found = as_array(function, name, plain, scalar=True)
    return (found.values.astype(np.uint32) << 16).view(np.float32) if found.dtype == "bfloat16" else found.values


def check_weights(function: str, weights: Any, samples: int, name: str = "weights") -> Array | None:
    """Weights as they are, whose sums are counts."""
    if weights is None:
        return None
    values = np.ascontiguousarray(real_numbers(function, name, weights), np.float64)
    if values.shape != (samples,):
        raise ValueError(
            f"{function}: {name} must be one number per sample, {samples} of them, got shape {values.shape}"
        )
    require_weights(function, name, values)
    return values


def relative_weights(function: str, weights: Any, samples: int) -> Array | None:
    """Weights whose sums and products stay inside float64: for shares, which a common factor does not change."""
    values = check_weights(function, weights, samples)
    return None if values is None else scaled(values)


def check_lengths(function: str, x: Columns, y: Columns, names: tuple[str, str]) -> None:
    if len(x.codes) != len(y.codes):
        raise ValueError(
            f"{function}: {names[0]} and {names[1]} must have as many samples, got {len(x.codes)} and {len(y.codes)}"
        )


def check_target(function: str, y: Columns, name: str) -> None:
    if not y.single and y.codes.shape[1] != 1:
        raise ValueError(f"{function}: {name} must be one column of labels, got {y.codes.shape[1]} columns")


def check_method(function: str, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"{function}: method must be one of {', '.join(METHODS)}, got {method!r}")


# ---- counting ------------------------------------------------------------------------------------------------------


def level_counts(x: Columns, weights: Array | None, workers: int | None = None) -> list[Array]:
    """Counts of the levels of each column."""
    counts: list[Array] = []
    if weights is None and x.kept is None and x.codes.dtype.itemsize <= 2 and len(x.codes):
        nothing = Columns(np.zeros((len(x.codes), 1), np.uint8), np.ones(1, np.int64), None, True, None)
        for _, found in tables("counts", x, nothing, None, workers):
            counts.extend(found)
        return [row[:levels] for row, levels in zip(counts, x.levels, strict=True)]
    for i in range(x.codes.shape[1]):
        codes, w, levels = x.codes[:, i], weights, int(x.levels[i]) if len(x.codes) else 0
        if x.kept is not None:
            codes, w = codes[x.kept[:, i]], None if w is None else w[x.kept[:, i]]
        counts.append(np.bincount(codes, w, minlength=levels))
    return counts


def _methods(function: str, x: Columns, y: Columns, weights: Array | None, method: str) -> Array:
    bytes_only = x.codes.dtype == np.uint8 and y.codes.dtype == np.uint8
    y_levels = int(y.levels[0])
    chosen = engine.choose_methods(x.levels, y_levels, bytes_only, weights is not None)
    if method != "auto" and len(x.codes):
        fits = method == "cells" or (bytes_only and weights is None)
        if not fits or (method == "words" and int(x.levels.max(initial=1)) * y_levels > 256):
            raise ValueError(
                f"{function}: method={method!r} takes unweighted columns of at most 256 levels"
                + (", and 256 cells" if method == "words" else "")
                + "; method='cells' takes any"
            )
        chosen[:] = engine.METHODS[method]
    return chosen


def tables(
    function: str, x: Columns, y: Columns, weights: Array | None, workers: int | None, method: str = "auto"
) -> Iterator[tuple[slice, Array]]:
    """Dense tables (columns, levels of x, levels of y) of a batch of columns after the other."""
    samples, columns = x.codes.shape
    methods = _methods(function, x, y, weights, method)
    target = np.ascontiguousarray(y.codes[:, 0])
    threads = workers_for(function, workers, samples * columns)
    counter = engine.TargetCounter(x.codes, x.levels, target, int(y.levels[0]), weights, methods, threads, x.guessed)
    batch = max(1, BATCH_BYTES // (8 * counter.cells * (4 * threads + 1)))
    for begin in range(0, columns, batch):
        end = min(columns, begin + batch)
        counts = counter.count(begin, end)
        if counts is None:
            raise _WrongGuess
        yield slice(begin, end), counts


def positive_cells(x: Array, y: Array, weights: Array | None) -> Sample:
    """The table of two columns of any codes as its positive cells."""
    pairs = x.astype(np.uint64) << np.uint64(32) | y.astype(np.uint64)
    if weights is None:
        cells, counts = np.unique(pairs, return_counts=True)
        counts = counts.astype(np.float64)
    else:
        cells, place = np.unique(pairs, return_inverse=True)
        counts = np.bincount(place, weights, minlength=len(cells)).astype(np.float64)
    left, right = (cells >> np.uint64(32)).astype(np.int64), (cells & np.uint64(0xFFFFFFFF)).astype(np.int64)
    kept = counts > 0
    left, right, counts = left[kept], right[kept], counts[kept]
    return Sample(left, right, counts, np.bincount(left, counts), np.bincount(right, counts))


def is_dense(x: Columns, y: Columns) -> bool:
    small = x.codes.dtype.itemsize <= 2 and y.codes.dtype.itemsize <= 2
    return small and int(x.levels.max(initial=1)) * int(y.levels.max(initial=1)) <= DENSE_CELLS


def check_dense(function: str, x: Columns, y: Columns, remedy: str) -> None:
    """Before the memory is asked for."""
    if not is_dense(x, y):
        raise ValueError(
            f"{function}: the table of {int(x.levels.max())} x {int(y.levels.max())} levels is too large to be dense "
            f"(more than {DENSE_CELLS} cells, or 65536 levels); {remedy}"
        )


def statistics_of_sample(sample: Sample) -> Array:
    if not len(sample.counts):
        return np.full(len(STATISTICS), np.nan)
    shape = len(sample.x_counts), len(sample.y_counts)
    return engine.statistics_of_cells(sample.counts, sample.x, sample.y, *shape, sample.low)


def target_statistics(
    function: str, x: Columns, y: Columns, weights: Array | None, workers: int | None, method: str = "auto"
) -> Array:
    """Statistics of every column of x with the one of y: (columns, statistics)."""
    columns = x.codes.shape[1]
    result = np.zeros((columns, len(STATISTICS)))
    if x.kept is not None or y.kept is not None:  # pairwise complete
        for i in range(columns):
            kept = np.ones(len(x.codes), bool)
            for side in (x.column(i), y):
                kept &= True if side.kept is None else side.kept[:, 0]
            part = Columns(x.codes[kept, i : i + 1], x.levels[i : i + 1], None, True, None, x.guessed)
            other = Columns(y.codes[kept], y.levels, None, True, None)
            left_weights = None if weights is None else weights[kept]
            result[i] = target_statistics(function, part, other, left_weights, workers, method)[0]
        return result
    if not is_dense(x, y):
        for i in range(columns):
            result[i] = statistics_of_sample(positive_cells(x.codes[:, i], y.codes[:, 0], weights))
        return result
    for batch, counts in tables(function, x, y, weights, workers, method):
        flat = counts.astype(np.float64, copy=False)
        threads = workers_for(function, workers, flat.size)
        result[batch] = engine.statistics_of_tables(flat, x.levels[batch], int(y.levels[0]), threads)
    return result


MIRRORED = {"h_x": "h_y", "h_y": "h_x", "h_x_given_y": "h_y_given_x", "h_y_given_x": "h_x_given_y"}


def pair_statistics(
    function: str, x: Columns, y: Columns | None, which: tuple[str, ...], weights: Array | None, workers: int | None
) -> Array:
    """What `measure_pairs` returns, of columns that are read."""
    other = x if y is None else y
    plain = weights is None and x.kept is None and other.kept is None
    levels = max(int(x.levels.max(initial=1)), int(other.levels.max(initial=1)))
    numbers = [STATISTICS[name] for name in which]
    one_by_one = y is not None and y.codes.shape[1] == 1
    if plain and not one_by_one and levels <= 16 and x.codes.dtype == other.codes.dtype == np.uint8:
        threads = workers_for(function, workers, x.codes.size)
        y_codes, y_levels = (None, None) if y is None else (y.codes, y.levels)
        counter = PairCounter(x.codes, x.levels, y_codes, y_levels, threads)
        if not counter.fits:
            raise _WrongGuess
        return counter.statistics(numbers)
    if x.guessed or other.guessed:  # what counts one by one does not check both sides
        raise _WrongGuess
    result = np.zeros((len(which), x.codes.shape[1], other.codes.shape[1]))
    mirrored = [STATISTICS[MIRRORED.get(name, name)] for name in which]
    for j in range(other.codes.shape[1]):
        last = j + 1 if y is None else x.codes.shape[1]
        part = Columns(x.codes[:, :last], x.levels[:last], None if x.kept is None else x.kept[:, :last], False, None)
        found = target_statistics(function, part, other.column(j), weights, workers)
        result[:, :last, j] = found[:, numbers].T
        if y is None:
            result[:, j, :last] = found[:, mirrored].T
    return result


# ---- tables --------------------------------------------------------------------------------------------------------


def read_weights_of_cells(function: str, contingency: Any) -> Array:
    """A table of any number of dimensions: int64 as it is, float64 of a size whose products stay inside it."""
    numbers = real_numbers(function, "contingency", contingency)
    values = np.asarray(numbers, np.float64, order="C")
    _check_cells(function, values)
    if numbers.dtype.kind in "iu" and values.sum() < 2.0**63:
        return np.ascontiguousarray(numbers, np.int64)
    return scaled(values)


def read_cells(function: str, contingency: Any) -> Sample | Array:
    """A ready table: float64 of shape (..., levels of x, levels of y), or its positive cells if it is sparse."""
    return _read_parts(function, contingency)[0]


def _read_parts(function: str, contingency: Any) -> tuple[Sample | Array, Array | None]:
    """A ready table, and what float64 lacks of it, where it does not hold all its integers."""
    if not hasattr(contingency, "tocoo"):
        table, low = _real_cells(function, contingency)
        _check_shape(function, table.shape, table.ndim >= 2)
        return table, low
    sparse = contingency.tocoo(copy=True)
    _check_shape(function, sparse.shape, sparse.ndim == 2)
    _check_cells(function, real_numbers(function, "contingency", sparse.data))  # before one makes up for another
    sparse.sum_duplicates()
    data, low = _real_cells(function, sparse.data)
    kept = np.lexsort((sparse.col, sparse.row))
    kept = kept[data[kept] > 0]
    row, column, data = sparse.row[kept].astype(np.int64), sparse.col[kept].astype(np.int64), data[kept]
    x_counts, y_counts = (np.zeros(size) for size in sparse.shape)
    with np.errstate(over="ignore"):
        np.add.at(x_counts, row, data)
        np.add.at(y_counts, column, data)
    low = None if low is None else low[kept]
    return Sample(row, column, data, x_counts, y_counts, low), low


def scaled(counts: Array) -> Array:
    """Weights near the ends of float64's range by a power of two, so that products of them stay inside."""
    largest = float(counts.max(initial=0.0))
    return counts if largest == 0 or 1e-100 < largest < 1e100 else np.ldexp(counts, -math.frexp(largest)[1])


def _check_shape(function: str, shape: tuple[int, ...], is_table: bool) -> None:
    if not is_table or 0 in shape[-2:]:
        raise ValueError(f"{function}: contingency must be a table (levels of x, levels of y), got shape {shape}")


def _real_cells(function: str, cells: Any) -> tuple[Array, Array | None]:
    numbers = real_numbers(function, "contingency", cells)
    _check_cells(function, np.asarray(numbers, np.float64))
    return in_parts(numbers)


def in_parts(numbers: Array) -> tuple[Array, Array | None]:
    """As float64, and what that lacks of integers that it does not hold."""
    values = np.asarray(numbers, np.float64, order="C")
    if numbers.dtype.kind not in "iu" or values.max(initial=0.0) <= 2.0**53:
        return values, None
    upper = (numbers >> 32).astype(np.float64) * 2.0**32
    return values, np.ascontiguousarray((upper - values) + (numbers & 0xFFFFFFFF).astype(np.float64))


def _check_cells(function: str, cells: Array) -> None:
    bad = ~((cells >= 0) & (cells < np.inf))
    if bad.any():
        value = cells[bad].flat[0]
        raise ValueError(f"{function}: contingency must hold finite numbers of at least 0, got {value}")


def table_statistics(function: str, contingency: Any, workers: int | None) -> Array:
    workers_for(function, workers, 0)  # sparse tables have no use for them, but mistakes are the same
    table, low = _read_parts(function, contingency)
    if isinstance(table, Sample):
        return statistics_of_sample(table)
    batch, (rows, columns) = table.shape[:-2], table.shape[-2:]
    flat = table.reshape(-1, rows * columns)
    low = None if low is None else low.reshape(flat.shape)
    levels = np.full(len(flat), rows, np.int64)
    threads = workers_for(function, workers, table.size)
    return engine.statistics_of_tables(flat, levels, columns, threads, low).reshape(*batch, len(STATISTICS))


def check_inputs(function: str, x: Any, y: Any, contingency: Any, weights: Any, names: tuple[str, str]) -> None:
    """Labels or a table."""
    if contingency is not None:
        if x is not None or y is not None or weights is not None:
            raise TypeError(f"{function}: pass either {names[0]} and {names[1]}, or contingency=, not both")
    elif x is None or y is None:
        raise TypeError(f"{function}: pass {names[0]} and {names[1]}, or contingency=")


def _guess_columns(labels: Any) -> Columns | None:
    """Columns of uint8 codes with the levels that a sample of their rows shows; None if they are anything else.

    It saves reading them once more; whoever counts checks the codes, and falls back on the levels there are.
    """
    if type(labels) is not np.ndarray or labels.dtype != np.uint8 or labels.ndim != 2 or labels.size < GUESSED_ENTRIES:
        return None
    rows = len(labels)
    sample = [label_engine.largest_codes(part, 1) for part in (labels[:512], labels[:: max(1, rows // 64)])]
    return Columns(labels, np.maximum(*sample) + 1, None, False, None, True)


def _integer_statistics(function: str, x: Any, y: Any, workers: int | None) -> Array | None:
    """Two arrays of integers of small ranges, the commonest case, in one pass over memory; None if they are not."""
    for labels in (x, y):
        plain = type(labels) is np.ndarray and labels.ndim == 1 and labels.dtype.kind in "iu" and labels.dtype.isnative
        if not plain or not labels.flags.c_contiguous or not labels.flags.aligned or not 0 < len(labels) == len(x):
            return None
    table = label_engine.table_of_integers(x, y, workers_for(function, workers, len(x)))
    if table is None:
        return None
    levels = np.array([len(table)], np.int64)
    found: Array = engine.statistics_of_tables(table.astype(np.float64).reshape(1, -1), levels, table.shape[1], 1)[0]
    return found


def measure(
    function: str,
    x: Any,
    y: Any,
    contingency: Any,
    weights: Any,
    missing: str,
    workers: int | None,
    names: tuple[str, str] = ("x", "y"),
) -> Array:
    """All statistics, last: of one table, of two columns, or of every column of x with y."""
    check_inputs(function, x, y, contingency, weights, names)
    check_missing(function, missing)
    if contingency is not None:
        return table_statistics(function, contingency, workers)
    found = _integer_statistics(function, x, y, workers) if weights is None else None
    if found is not None:
        return found
    left = _guess_columns(x) if weights is None else None
    if left is None:
        left = read_columns(function, names[0], x, missing, workers)
    right = read_columns(function, names[1], y, missing, workers)
    check_target(function, right, names[1])
    check_lengths(function, left, right, names)
    w = relative_weights(function, weights, len(left.codes))
    try:
        found = target_statistics(function, left, right, w, workers)
    except _WrongGuess:
        left = read_columns(function, names[0], x, missing, workers)
        found = target_statistics(function, left, right, w, workers)
    return found[0] if left.single else found


def read_pair(function: str, x: Any, y: Any, missing: str, workers: int | None) -> tuple[Columns, Columns | None]:
    """Columns of x and those of y, if any."""
    left = read_columns(function, "x", x, missing, workers)
    right = None if y is None else read_columns(function, "y", y, missing, workers)
    if right is not None:
        check_lengths(function, left, right, ("x", "y"))
    return left, right


def measure_pairs(
    function: str, x: Any, y: Any, which: tuple[str, ...], weights: Any, missing: str, workers: int | None
) -> Array:
    """The statistics `which` of all pairs of columns: (statistics, columns of x, columns of y or x)."""
    check_missing(function, missing)
    left, right = (_guess_columns(labels) if weights is None else None for labels in (x, y))
    if left is not None and (y is None or (right is not None and len(left.codes) == len(right.codes))):
        with contextlib.suppress(_WrongGuess):
            return pair_statistics(function, left, right, which, None, workers)
    left, right = read_pair(function, x, y, missing, workers)
    w = relative_weights(function, weights, len(left.codes))
    return pair_statistics(function, left, right, which, w, workers)
