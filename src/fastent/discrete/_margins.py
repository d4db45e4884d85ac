"""Counts of the levels of both variables of a pair: what chance would make of them is all in these.

columns or tables  ->  margins, each of them once  ->  expected information, random tables, degrees of freedom
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._chance import expected_of_cells
from fastent._codes import check_missing
from fastent._counts import random_tables
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete.counting import complete_samples

CELLS = 1 << 22
"""Cells of tables whose expected information is summed up at a time."""


class Margins(NamedTuple):
    """Counts of levels, int64, sorted and positive; and the two of each pair, in the order that they have in `counts`.

    Neither the names of levels nor which variable comes first can make a difference.
    """

    counts: list[Array]
    pairs: Array

    def totals(self) -> Array:
        found: Array = np.array([c.sum() for c in self.counts], np.int64)[self.pairs[:, 0]]
        return found

    def freedom(self) -> Array:
        """Degrees of freedom of the pairs."""
        levels = np.array([max(len(c), 1) for c in self.counts])
        found: Array = np.prod(levels[self.pairs] - 1.0, axis=1)
        return found

    def largest(self) -> Array:
        """The largest count that the largest levels of both leave to a cell."""
        most = np.array([c.max(initial=0) for c in self.counts])
        found: Array = most[self.pairs].min(axis=1)
        return found


def margins_of(sides: list[Array], pairs: Array) -> Margins:
    """Of counts of levels, and the numbers of the two sides of each pair."""
    ordered = [np.sort(np.asarray(c[c > 0]).astype(np.int64)) for c in sides]
    keys = [(len(c), c.tobytes()) for c in ordered]
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    number = {key: i for i, key in enumerate(sorted(first))}
    numbers = np.array([number[key] for key in keys], np.int64)
    return Margins([ordered[first[key]] for key in number], np.sort(numbers[pairs.reshape(-1, 2)], axis=1))


# ---- columns and tables --------------------------------------------------------------------------------------------


def whole_weights(function: str, weights: Any, samples: int) -> Array | None:
    """Weights that say how often a sample was seen."""
    values = _samples.check_weights(function, weights, samples)
    if values is not None:
        _check_whole(function, "weights", values[None])
    return values


def _check_whole(function: str, name: str, values: Array) -> None:
    """Of each row."""
    if (values != np.floor(values)).any():
        raise ValueError(f"{function}: {name} must hold whole counts, for which chance is defined")
    with np.errstate(over="ignore"):
        total = values.sum(axis=-1).max(initial=0.0)
    if total >= 2.0**63:
        raise ValueError(
            f"{function}: {name} must hold fewer than 2**63 samples, which is what can be counted, got {total:.3g}"
        )


def measure(
    function: str, x: Any, y: Any, contingency: Any, weights: Any, missing: str, workers: int | None
) -> tuple[Array, Margins]:
    """All statistics, last, of what `_samples.measure` takes, and the margins in the same order."""
    _samples.check_inputs(function, x, y, contingency, weights, ("x", "y"))
    check_missing(function, missing)
    if contingency is not None:
        workers_for(function, workers, 0)
        return _measure_tables(function, contingency, workers)
    left, right = _samples.read_pair(function, x, y, missing, workers)
    assert right is not None
    _samples.check_target(function, right, "y")
    w = whole_weights(function, weights, len(left.codes))
    found = _samples.target_statistics(function, left, right, w, workers)
    return found[0] if left.single else found, margins_of_columns(left, right, w, workers)


def _measure_tables(function: str, contingency: Any, workers: int | None) -> tuple[Array, Margins]:
    tables = _samples.read_cells(function, contingency)
    if isinstance(tables, _samples.Sample):
        _check_whole(function, "contingency", tables.counts[None])
        return _samples.statistics_of_sample(tables), margins_of([tables.x_counts, tables.y_counts], np.arange(2))
    _check_whole(function, "contingency", tables.reshape(-1, math.prod(tables.shape[-2:])))
    whole = _samples.read_weights_of_cells(function, contingency).reshape(-1, *tables.shape[-2:]).astype(np.int64)
    sides = [side for both in zip(whole.sum(axis=2), whole.sum(axis=1), strict=True) for side in both]
    return _samples.table_statistics(function, contingency, workers), margins_of(sides, np.arange(len(sides)))


def margins_of_columns(
    left: _samples.Columns, right: _samples.Columns | None, weights: Array | None, workers: int | None
) -> Margins:
    """Of all pairs, row by row; without `right` those of `upper_pairs`."""
    other = left if right is None else right
    columns, others = left.codes.shape[1], other.codes.shape[1]
    i, j = upper_pairs(columns) if right is None else np.indices((columns, others)).reshape(2, -1)
    if left.kept is None and other.kept is None:
        sides = _samples.level_counts(left, weights, workers)
        if right is not None:
            sides += _samples.level_counts(right, weights, workers)
            j = j + columns
        return margins_of(sides, np.stack([i, j], axis=1))
    sides = []
    for a, b in zip(i, j, strict=True):  # each pair has the samples that have both labels
        one, two, w = complete_samples(left.column(a), other.column(b), weights)
        sides += [_samples.level_counts(side, w, workers)[0] for side in (one, two)]
    return margins_of(sides, np.arange(len(sides)))


def upper_pairs(columns: int) -> tuple[Array, Array]:
    """Pairs of columns of one matrix, each of them once."""
    i, j = np.triu_indices(columns)
    return i, j


def as_matrix(values: Array, columns: int, others: int | None) -> Array:
    """Values of the pairs of `margins_of_columns` as a matrix; symmetric where there are no others."""
    if others is not None:
        return values.reshape(columns, others)
    matrix = np.zeros((columns, columns), values.dtype)
    i, j = upper_pairs(columns)
    matrix[i, j] = matrix[j, i] = values
    return matrix


# ---- chance --------------------------------------------------------------------------------------------------------


def expected_information(function: str, margins: Margins, workers: int | None) -> Array:
    """Mean mutual information of all tables with these margins (Vinh, Epps & Bailey 2010), of each pair.

    Levels of equal counts are done once, and so are pairs of equal margins.
    """
    number = margins.pairs[:, 0] * len(margins.counts) + margins.pairs[:, 1]
    _, first, place = np.unique(number, return_index=True, return_inverse=True)
    pairs = margins.pairs[first]
    levels = [np.unique(c, return_counts=True) for c in margins.counts]
    sizes = np.array([len(values) for values, _ in levels])
    totals = [int(c.sum()) for c in margins.counts]
    found = np.full(len(pairs), np.nan)
    cells = np.prod(sizes[pairs], axis=1)
    begin = 0
    while begin < len(pairs):
        end = begin + max(1, int(np.searchsorted(np.cumsum(cells[begin:]), CELLS)))
        numbers, rows, columns, times = [], [], [], []
        for p in range(begin, min(end, len(pairs))):
            (a, a_times), (b, b_times) = (levels[side] for side in pairs[p])
            numbers.append(np.full(len(a) * len(b), p - begin))
            rows.append(np.repeat(a, len(b)))
            columns.append(np.tile(b, len(a)))
            times.append(np.outer(a_times, b_times).ravel())
        which, row, column = (np.concatenate(parts) for parts in (numbers, rows, columns))
        total = np.array([totals[side] for side in pairs[begin:end, 0]], np.int64)[which]
        threads = workers_for(function, workers, 100 * len(which))
        each = expected_of_cells(row, column, total, threads) * np.concatenate(times)
        found[begin:end] = np.bincount(which, each, minlength=len(pairs[begin:end]))
        begin = end
    empty = np.array([totals[side] == 0 for side in pairs[:, 0]], bool)
    return np.where(empty, np.nan, found)[place]


def times_reached(
    function: str, margins: Margins, observed: Array, tables: int, seed: int, workers: int | None
) -> Array:
    """How many of so many random tables with these margins have at least the observed information, of each pair."""
    totals = margins.totals()
    if (totals > 1 << 53).any():
        raise ValueError(f"{function}: tables must hold at most 2**53 samples, got {totals.max()}; use g_test")
    levels = np.array([len(c) for c in margins.counts])[margins.pairs]
    reached = np.zeros(len(margins.pairs), np.int64)
    some = totals > 0
    if some.any():
        shuffled = random_tables.shuffling_pays(levels[some, 0], levels[some, 1], totals[some])
        reached[some] = random_tables.times_reached(
            margins.counts, margins.pairs[some], observed[some], shuffled.astype(np.uint8), tables, seed,
            workers_for(function, workers, int(some.sum()) * tables * 100))  # fmt: skip
    return reached
