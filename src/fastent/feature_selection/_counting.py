"""Every candidate against one selected column and the target: how it is counted, on the selection engine.

    Counter          integer counts: planes, tables or strata, whatever is fastest; all give the same numbers
    WeightedCounter  sums of weights, table by table

Both answer the same two questions: `first`, about each column and the target, and `meet`, about each column, the column
that was selected last, and the target.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from fastent import _samples
from fastent._counts import engine as counts_engine
from fastent._select import engine
from fastent._select.terms import logarithms, scale_for
from fastent._threads import workers_for

Array = np.ndarray[Any, Any]

PLANE_LEVELS = 17
"""Columns of more levels are not packed: their planes would take more than twice the memory of their codes."""

TABLE_CELLS = 1 << 22
"""Tables of weights with more cells are kept as their positive cells."""


class Variable(NamedTuple):
    """One variable that the candidates meet: contiguous codes, or the number of a column that has them."""

    codes: Array | None
    column: int
    levels: int
    used: int  # levels without that of missing labels


class Ways(NamedTuple):
    """How columns are counted against so many planes of w and the target."""

    by_planes: Array  # of each block
    blocks: Array | None  # the numbers of those; None: all
    single: Array  # columns that are counted sample by sample


def table_fits(cells: Array) -> Array:
    """Where a table is small enough to be counted sample by sample; others go by strata."""
    fits: Array = cells <= engine.CELLS
    return fits


class AnyCounter(Protocol):
    def first(self, which: tuple[str, ...]) -> dict[str, Array]: ...

    def prepare(self, w: Variable, with_y: bool) -> Any: ...

    def meet(self, prepared: Any, which: tuple[str, ...], out: Array, columns: Array | None = None) -> Array | None: ...


def packed_bits(flags: Array) -> Array:
    """Booleans as uint64 words, the first one lowest."""
    words = np.zeros((len(flags) + 63) // 64, "<u8")
    packed = np.packbits(flags, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    return words.astype(np.uint64, copy=False)


def planes_of_codes(codes: Array, levels: range) -> Array:
    planes = np.zeros((len(levels), (len(codes) + 63) // 64), np.uint64)
    for plane, level in zip(planes, levels, strict=True):
        plane[:] = packed_bits(codes == level)
    return planes


class Counter:
    """Counts of samples."""

    def __init__(self, codes: Array, levels: Array, used: Array, y: Array, y_levels: int, workers: int | None) -> None:
        self.codes, self.levels, self.used, self.y, self.y_levels = codes, levels, used, y, y_levels
        self.cost = engine.PLANE_CYCLES[engine.isa()]
        packed = np.flatnonzero((levels <= PLANE_LEVELS) & self._pays(levels, y_levels))
        threads = workers_for("select", workers, codes.size)
        terms = logarithms(), scale_for(len(codes))
        self.candidates = engine.Candidates(codes, levels, used, packed, y_levels, *terms, threads)
        self.block_of = -np.ones(len(levels), np.int64)
        self.block_of[packed] = np.arange(len(packed)) // engine.LANES
        starts = self.candidates.blocks[:, 0]
        self.block_levels = np.maximum.reduceat(levels[packed], starts) if len(packed) else starts
        self.y_planes = planes_of_codes(y, range(y_levels)) if len(packed) else None
        self.y_counts = np.bincount(y, minlength=y_levels).astype(np.int64)
        self.ways: dict[int, Ways] = {}

    def _pays(self, x_levels: Array, targets: int) -> Array:
        """Where population counts take less time than counting samples."""
        pays: Array = (x_levels - 1) * targets * self.cost < engine.CELL_CYCLES
        return pays

    def first(self, which: tuple[str, ...]) -> dict[str, Array]:
        """Statistics of each column and the target, which stands in the place of w."""
        numbers = np.array([engine.STATISTICS[name] for name in which], np.int64)
        out = np.zeros((len(which), len(self.levels)))
        y = Variable(self.y, -1, self.y_levels, self.y_levels)
        single = np.flatnonzero(self.block_of < 0)
        forms = self._sample_forms(y, self.levels[single], np.zeros(len(self.y), np.uint16), 1)
        meeting = engine.Meeting(
            self.candidates, self.y_counts[:, None], self.y_levels, False, True, self.y_planes, **forms
        )
        self.candidates.meet_planes(meeting, None, numbers, out)
        self.candidates.meet_columns(meeting, single, numbers, out)
        return dict(zip(which, out, strict=True))

    def _ways(self, targets: int) -> Ways:
        if targets not in self.ways:
            by_planes = self._pays(self.block_levels, targets)
            single = np.ones(len(self.levels), bool)
            single[self.candidates.packed] = ~np.repeat(by_planes, np.diff(self.candidates.blocks[:, :2], axis=1)[:, 0])
            blocks = None if by_planes.all() else np.flatnonzero(by_planes)
            self.ways[targets] = Ways(by_planes, blocks, np.flatnonzero(single))
        return self.ways[targets]

    def prepare(self, w: Variable, with_y: bool) -> tuple[Any, Ways]:
        """What the candidates meet, and which blocks and columns of them are counted how."""
        y_levels = self.y_levels if with_y else 1
        targets = (w.levels - 1) * y_levels
        ways = self._ways(targets)
        planes = counts = None
        if ways.by_planes.any():
            assert self.y_planes is not None
            packed = w.codes is None and self.block_of[w.column] >= 0
            planes = (
                self.candidates.planes_of(w.column) if packed else planes_of_codes(self._codes(w), range(1, w.levels))
            )
            if with_y:
                planes = (planes[:, None] & self.y_planes).reshape(targets, planes.shape[1])
            counts = self._counts_of_planes(planes, w.levels, y_levels)
        y = self.y if with_y else np.zeros(len(self.y), np.uint16)
        if counts is None:
            z = self._codes(w).astype(np.int64) * y_levels + y
            counts = np.bincount(z, minlength=w.levels * y_levels).reshape(w.levels, y_levels).astype(np.int64)
        forms = self._sample_forms(w, self.levels[ways.single], y, y_levels)
        return engine.Meeting(self.candidates, counts, w.used, with_y, False, planes, **forms), ways

    def meet(
        self, prepared: tuple[Any, Ways], which: tuple[str, ...], out: Array, columns: Array | None = None
    ) -> Array | None:
        """Statistics of the columns into the rows of out; of some columns, and those of the same blocks.

        Returns which were counted, a boolean per column; None: all.
        """
        meeting, ways = prepared
        numbers = np.array([engine.STATISTICS[name] for name in which], np.int64)
        if columns is None:
            self.candidates.meet_planes(meeting, ways.blocks, numbers, out)
            self.candidates.meet_columns(meeting, ways.single, numbers, out)
            return None
        wanted = np.zeros(len(ways.by_planes), bool)
        wanted[self.block_of[columns[self.block_of[columns] >= 0]]] = True
        counted = np.zeros(len(self.levels), bool)
        counted[columns] = True
        counted[self.candidates.packed] |= wanted[self.block_of[self.candidates.packed]]
        self.candidates.meet_planes(meeting, np.flatnonzero(ways.by_planes & wanted), numbers, out)
        self.candidates.meet_columns(meeting, ways.single[counted[ways.single]], numbers, out)
        return counted

    def _codes(self, w: Variable) -> Array:
        return np.ascontiguousarray(self.codes[:, w.column]) if w.codes is None else w.codes

    def _counts_of_planes(self, planes: Array, w_levels: int, y_levels: int) -> Array:
        counts = np.zeros((w_levels, y_levels), np.int64)
        counts[1:] = np.bitwise_count(planes).sum(axis=1, dtype=np.int64).reshape(w_levels - 1, y_levels)
        whole = self.y_counts if y_levels == self.y_levels else np.array([len(self.y)])
        counts[0] = whole - counts[1:].sum(axis=0)
        return counts

    def _sample_forms(self, w: Variable, x_levels: Array, y: Array, y_levels: int) -> dict[str, Array]:
        """What counting sample by sample needs, for columns of these levels."""
        forms: dict[str, Array] = {}
        if not len(x_levels):
            return forms
        cells = x_levels * w.levels * y_levels
        codes = self._codes(w)
        fits = table_fits(cells)
        if fits.any():
            forms["z"] = (codes.astype(np.int64) * y_levels + y).astype(np.uint16)
        if not fits.all():
            order = np.argsort(codes, kind="stable")
            forms["ends"] = np.cumsum(np.bincount(codes, minlength=w.levels)).astype(np.int64)
            forms["order"], forms["y"] = order.astype(np.uint32), y[order].astype(np.uint16)
        return forms


class WeightedCounter:
    """Sums of weights: terms that are not negative, from the table of each column."""

    def __init__(
        self, codes: Array, levels: Array, used: Array, y: Array, y_levels: int, weights: Array, workers: int | None
    ) -> None:
        self.codes, self.levels, self.used, self.y, self.y_levels = codes, levels, used, y, y_levels
        self.weights = _samples.scaled(weights)
        self.threads = workers_for("select", workers, codes.size)

    def first(self, which: tuple[str, ...]) -> dict[str, Array]:
        out = np.zeros((len(which), len(self.levels)))
        y = Variable(self.y, -1, self.y_levels, self.y_levels)
        self.meet((self.y.astype(np.int64), y, 1), which, out)
        return dict(zip(which, out, strict=True))

    def prepare(self, w: Variable, with_y: bool) -> Any:
        codes = (self.codes[:, w.column] if w.codes is None else w.codes).astype(np.int64)
        return (codes * self.y_levels + self.y, w, self.y_levels) if with_y else (codes, w, 1)

    def meet(self, prepared: Any, which: tuple[str, ...], out: Array, columns: Array | None = None) -> Array | None:
        z, w, y_levels = prepared
        for c in range(len(self.levels)) if columns is None else columns:
            table = self._table(int(c), z, w, y_levels)
            for row, name in enumerate(which):
                out[row, c] = _WEIGHTED[name](table)
        if columns is None:
            return None
        counted = np.zeros(len(self.levels), bool)
        counted[columns] = True
        return counted

    def _table(self, column: int, z: Array, w: Variable, y_levels: int) -> Array:
        """The weights of (x, w, y) where neither x nor w misses its label, without levels of w that do not occur."""
        x = self.codes[:, column].astype(np.int64)
        levels, used = int(self.levels[column]), int(self.used[column])
        w_levels, w_used = w.levels, w.used
        if levels * w_levels * y_levels > TABLE_CELLS:
            kept = z < w_used * y_levels
            present, place = np.unique(z[kept] // y_levels, return_inverse=True)
            w_levels = w_used = len(present)
            x, z, weights = x[kept], place * y_levels + z[kept] % y_levels, self.weights[kept]
        else:
            weights = self.weights
        cells = np.bincount(x * (w_levels * y_levels) + z, weights, minlength=levels * w_levels * y_levels)
        return cells.reshape(levels, w_levels, y_levels)[:used, :w_used]


def mutual_information_of(tables: Array) -> Array:
    """I of each of the tables (tables, rows, columns)."""
    flat = np.ascontiguousarray(tables.reshape(len(tables), -1))
    levels = np.full(len(tables), tables.shape[1], np.int64)
    found = counts_engine.statistics_of_tables(flat, levels, tables.shape[2], 1)
    mi: Array = found[:, counts_engine.STATISTICS["mi"]]
    return mi


def _one(table: Array) -> float:
    return float(mutual_information_of(table[None])[0]) if table.size and table.sum() > 0 else 0.0


def _within(tables: Array) -> float:
    """The mean of I over tables, by their weight."""
    mass = tables.sum(axis=(1, 2))
    kept = mass > 0
    if not kept.any() or not tables.size:
        return 0.0
    return float((mass[kept] * mutual_information_of(tables[kept])).sum() / mass.sum())


def _entropy(table: Array) -> float:
    if not table.size or table.sum() <= 0:
        return 0.0
    return float(counts_engine.entropy_of_counts(np.ascontiguousarray(table.reshape(1, -1)))[0])


_WEIGHTED: dict[str, Any] = {
    "mi_xw": lambda t: _one(t.sum(axis=2)),
    "mi_xw_given_y": lambda t: _within(t.transpose(2, 0, 1)),
    "mi_xw_y": lambda t: _one(t.reshape(-1, t.shape[2])),
    "mi_xy_given_w": lambda t: _within(t.transpose(1, 0, 2)),
    "h_xwy": _entropy,
}
