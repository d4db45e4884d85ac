"""Every candidate against one selected column and the target: how it is counted, on the selection engine.

    Counter                     integer counts: planes, tables, strata or the entries of sparse columns, whatever is
                                fastest; all give the same numbers
    _weighting.WeightedCounter  sums of weights

Both answer the same two questions: `first`, about each column and the target, and `meet`, about each column, the column
that was selected last, and the target.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from fastent._select import engine
from fastent._select.sparse import SparseCandidates
from fastent._select.terms import logarithms, scale_for
from fastent._threads import workers_for
from fastent.feature_selection._inputs import Table, Variable
from fastent.feature_selection._sparse import SparseCodes

Array = np.ndarray[Any, Any]

PLANE_LEVELS = 17
"""Columns of more levels are not packed: their planes would take more than twice the memory of their codes."""


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

    def __init__(self, table: Table, y: Array, y_levels: int, workers: int | None) -> None:
        self.table, self.levels, self.y, self.y_levels = table, table.levels, y, y_levels
        levels, codes = table.levels, table.codes
        self.cost = engine.PLANE_CYCLES[engine.isa()]
        threads = workers_for("select", workers, codes.size)
        terms = logarithms(), scale_for(codes.shape[0])
        self.candidates: engine.Candidates
        if isinstance(codes, SparseCodes):
            self.candidates = SparseCandidates(codes, levels, table.used, y_levels, *terms, threads)
        else:
            packed = np.flatnonzero((levels <= PLANE_LEVELS) & self._pays(levels, y_levels))
            self.candidates = engine.Candidates(codes, levels, table.used, packed, y_levels, *terms, threads)
        packed = self.candidates.packed
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
        return self.table.column(w.column) if w.codes is None else w.codes

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
