"""Greedy selection by sums of weights: tables from the counting engine, a batch of columns at a time.

Sums of floating-point numbers depend on their order, which is that of the samples in pieces of a fixed size: results do
not depend on workers. Statistics are sums of terms that are not negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastent import _samples
from fastent._counts import engine
from fastent._threads import workers_for
from fastent.feature_selection._inputs import Table, Variable
from fastent.feature_selection._sparse import BLOCK_NUMBERS, SparseCodes

Array = np.ndarray[Any, Any]

BATCH_BYTES = 1 << 24
"""Tables that exist at a time."""

LARGE_CELLS = 1 << 24
"""Of still larger tables only the cells that occur are counted."""

TABLE_CELLS = 1 << 22
"""Larger tables are counted one by one, without the levels of w that do not occur."""


class WeightedCounter:
    """Answers the questions of `_counting.Counter`."""

    def __init__(self, table: Table, y: Array, y_levels: int, weights: Array, workers: int | None) -> None:
        self.table, self.y, self.y_levels = table, y, y_levels
        self.weights = _samples.scaled(weights)
        self.workers = workers_for("select", workers, len(y) * len(table.levels))

    def first(self, which: tuple[str, ...]) -> dict[str, Array]:
        out = np.zeros((len(which), len(self.table.levels)))
        self.meet(self.prepare(Variable(self.y, -1, self.y_levels, self.y_levels), False), which, out)
        return dict(zip(which, out, strict=True))

    def prepare(self, w: Variable, with_y: bool) -> tuple[Variable, Array, int]:
        """w, the codes of (w, y) or of w alone, and the levels of y in them."""
        codes = (self.table.column(w.column) if w.codes is None else w.codes).astype(np.int64)
        return (w, codes * self.y_levels + self.y, self.y_levels) if with_y else (w, codes, 1)

    def meet(
        self, prepared: tuple[Variable, Array, int], which: tuple[str, ...], out: Array, columns: Array | None = None
    ) -> Array | None:
        w, z, y_levels = prepared
        every = np.arange(len(self.table.levels)) if columns is None else columns
        small = self.table.levels[every] * (w.levels * y_levels) <= TABLE_CELLS
        if w.levels * y_levels > 1 << 16:
            small[:] = False
        for some, tables in self._batches(every[small], w, z, y_levels):
            for row, name in enumerate(which):
                out[row, some] = STATISTICS[name](tables, self.workers)
        for c in every[~small]:
            if self.table.levels[c] * min(w.used, len(z)) * y_levels > LARGE_CELLS:
                found = self._of_positive_cells(int(c), w, z, y_levels, which)
                out[:, c] = [found[name] for name in which]
                continue
            tables = self._large_table(int(c), w, z, y_levels)[None]
            for row, name in enumerate(which):
                out[row, c] = STATISTICS[name](tables, self.workers)[0]
        if columns is None:
            return None
        counted = np.zeros(len(self.table.levels), bool)
        counted[columns] = True
        return counted

    def _batches(self, columns: Array, w: Variable, z: Array, y_levels: int) -> Iterator[tuple[Array, Array]]:
        """Columns of about as many levels, and their tables (columns, x, w, y) without missing labels."""
        target = z.astype(np.uint8 if w.levels * y_levels <= 256 else np.uint16)
        sizes = np.ceil(np.log2(self.table.levels[columns])).astype(np.int64)
        for size in np.unique(sizes):
            alike = columns[sizes == size]
            cells = int(self.table.levels[alike].max()) * w.levels * y_levels
            step = max(1, BATCH_BYTES // (8 * cells * (2 + len(z) // engine.WEIGHED_ROWS)))
            if isinstance(self.table.codes, SparseCodes):  # whose block is dense
                step = min(step, max(1, BLOCK_NUMBERS // max(1, len(z))))
            for begin in range(0, len(alike), step):
                some = alike[begin : begin + step]
                codes, levels = self.table.block(some), np.ascontiguousarray(self.table.levels[some])
                methods = engine.choose_methods(levels, w.levels * y_levels, False, True)
                counter = engine.TargetCounter(
                    codes, levels, target, w.levels * y_levels, self.weights, methods, self.workers
                )
                counts = counter.count(0, len(some))
                assert counts is not None
                tables = counts.reshape(len(some), -1, w.levels, y_levels)
                for i in np.flatnonzero(self.table.used[some] < levels):
                    tables[i, self.table.used[some[i]] :] = 0
                yield some, tables[:, :, : w.used]

    def _of_positive_cells(
        self, column: int, w: Variable, z: Array, y_levels: int, which: tuple[str, ...]
    ) -> dict[str, float]:
        """Statistics of a table of which few cells occur."""
        x = self.table.column(column).astype(np.int64)
        kept = (z < w.used * y_levels) & (x < self.table.used[column])
        x, (w_codes, y), weights = x[kept], np.divmod(z[kept], y_levels), self.weights[kept]
        xw = np.unique(x * np.int64(w.levels) + w_codes, return_inverse=True)[1]
        found = {}
        for name in which:
            if name == "mi_xw":
                found[name] = _of_pair("mi", x, w_codes, weights)
            elif name in ("mi_xw_y", "h_xwy"):
                found[name] = _of_pair("mi" if name == "mi_xw_y" else "h_xy", xw, y, weights)
            else:
                one, stratum = (w_codes, y) if name == "mi_xw_given_y" else (y, w_codes)
                found[name] = _of_pair_within(x, one, stratum, weights)
        return found

    def _large_table(self, column: int, w: Variable, z: Array, y_levels: int) -> Array:
        kept = z < w.used * y_levels
        present, place = np.unique(z[kept] // y_levels, return_inverse=True)
        x = self.table.column(column)[kept].astype(np.int64)
        shape = int(self.table.levels[column]), len(present), y_levels
        cell = (x * shape[1] + place) * y_levels + z[kept] % y_levels
        cells = np.bincount(cell, self.weights[kept], minlength=shape[0] * shape[1] * shape[2])
        return cells.reshape(shape)[: int(self.table.used[column])]


# ---- what tables say -----------------------------------------------------------------------------------------------


def _statistic(name: str, tables: Array, workers: int) -> Array:
    """Of each table (rows, columns), the last two axes; 0 of one without any weight."""
    *batch, rows, columns = tables.shape
    flat = np.ascontiguousarray(tables, np.float64).reshape(-1, rows * columns)
    found = np.zeros(len(flat))
    if flat.size:
        statistics = engine.statistics_of_tables(flat, np.full(len(flat), rows, np.int64), columns, workers)
        np.copyto(found, statistics[:, engine.STATISTICS[name]], where=flat.any(axis=1))
    return found.reshape(batch)


def _of_pair(name: str, x: Array, y: Array, weights: Array) -> float:
    """A statistic of two columns of codes, 0 of those without any weight."""
    cells = _samples.positive_cells(x, y, weights)
    return float(_samples.statistics_of_sample(cells)[_samples.STATISTICS[name]]) if len(cells.counts) else 0.0


def _of_pair_within(x: Array, y: Array, strata: Array, weights: Array) -> float:
    """The mean of I(x; y) over the strata, by their weight."""
    order = np.argsort(strata, kind="stable")
    x, y, strata, weights = x[order], y[order], strata[order], weights[order]
    ends = [*(np.flatnonzero(strata[1:] != strata[:-1]) + 1).tolist(), len(strata)]
    found, begin = 0.0, 0
    for end in ends:
        part = slice(begin, end)
        if end - begin > 1:
            found += float(weights[part].sum()) * _of_pair("mi", x[part], y[part], weights[part])
        begin = end
    whole = float(weights.sum())
    return found / whole if whole > 0 else 0.0


def information_within(tables: Array, workers: int) -> Array:
    """The mean of I over the strata of (..., strata, rows, columns), by their weight."""
    mass = tables.sum(axis=(-2, -1))
    whole = mass.sum(axis=-1)
    found = (mass * _statistic("mi", tables, workers)).sum(axis=-1)
    mean: Array = np.divide(found, whole, out=np.zeros_like(found), where=whole > 0)
    return mean


def _joined(tables: Array) -> Array:
    """(columns, x, w, y) as (columns, (x, w), y)."""
    return tables.reshape(len(tables), -1, tables.shape[3])


STATISTICS: dict[str, Callable[[Array, int], Array]] = {
    "mi_xw": lambda tables, workers: _statistic("mi", tables.sum(axis=3), workers),
    "mi_xw_given_y": lambda tables, workers: information_within(tables.transpose(0, 3, 1, 2), workers),
    "mi_xw_y": lambda tables, workers: _statistic("mi", _joined(tables), workers),
    "mi_xy_given_w": lambda tables, workers: information_within(tables.transpose(0, 2, 1, 3), workers),
    "h_xwy": lambda tables, workers: _statistic("h_xy", _joined(tables), workers),
}
