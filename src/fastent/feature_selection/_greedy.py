"""Greedy selection step by step, eager or lazy, from a counter and a criterion.

Eager: every candidate is counted with the column selected last. Lazy: a candidate is counted only while the best it can
still reach is not below the best that is known; the columns come out in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastent.feature_selection._counting import AnyCounter
from fastent.feature_selection._criteria import Criterion, Limits
from fastent.feature_selection._inputs import Variable

Array = np.ndarray[Any, Any]

ROUND = 8
"""Candidates that are brought up to date in the first round of a step; twice as many in each round that follows."""

SLACK = 1e-9
"""Bounds are raised by this share, so that rounding never makes one lower than the score it bounds."""


class Step(NamedTuple):
    column: int
    score: float
    redundancy: float | None  # the mean of I(x; w) over the columns selected before; None where terms do not tell
    counted: int  # candidates that met a selected column to find this one


class State(NamedTuple):
    """Everything that a later selection continues from."""

    folded: Array  # of each column
    shared: Array  # the sum of I(x; w)
    depth: Array  # how many selected columns it has met
    selected: tuple[int, ...]


class Greedy:
    """One selection in progress."""

    def __init__(
        self,
        counter: AnyCounter,
        criterion: Criterion,
        variables: Callable[[Sequence[int]], Variable],
        allowed: Array,
        lazy: bool,
        h_y: float,
        state: State | None = None,
    ) -> None:
        self.counter, self.criterion, self.variables, self.lazy = counter, criterion, variables, lazy
        first = counter.first(("mi_xw", "h_xwy"))
        self.mutual_information = first["mi_xw"]
        self.relevance = criterion.relevance(first)
        self.limits = Limits(h_y)
        self.allowed = allowed.copy()
        columns = len(allowed)
        self.folded = np.full(columns, criterion.neutral)
        self.shared = self.folded if criterion.sums_redundancy else np.zeros(columns)
        self.pairwise = criterion.term is not None and not criterion.joint
        self.needs = tuple(dict.fromkeys((*criterion.needs, "mi_xw"))) if self.pairwise else criterion.needs
        self.depth = np.zeros(columns, np.int64)
        self.even: int | None = 0  # how many selected columns all have met; None: `depth` tells
        self.masked = np.empty(columns)  # scores of the allowed columns
        self.selected: list[int] = []
        self.out = np.zeros((len(self.needs), columns))
        self.prepared: dict[int, Any] = {}
        if state is not None:
            self.folded[:], self.shared[:], self.depth[:] = state.folded, state.shared, state.depth
            self.selected, self.even = list(state.selected), None
            self.allowed[self.selected] = False

    def _spread(self) -> None:
        """From now on columns may have met different numbers of selected ones."""
        if self.even is not None:
            self.depth[:], self.even = self.even, None

    def state(self) -> State:
        self._spread()
        return State(self.folded, self.shared, self.depth, tuple(self.selected))

    def steps(self, forced: Sequence[int]) -> Iterator[Step]:
        """Columns in the order of selection: the forced ones, then the best, until there is none left."""
        waiting = [column for column in forced if column not in self.selected]
        self.allowed[waiting] = False
        while waiting or self.allowed.any():
            must = waiting.pop(0) if waiting else None
            column, score, counted = self._lazily(must) if self.lazy else self._eagerly(must)
            if score == -np.inf and must is None:
                return
            redundancy = float(self.shared[column]) / max(1, len(self.selected)) if self.pairwise else None
            yield Step(column, score, redundancy, counted)
            self.selected.append(column)
            self.allowed[column] = False

    def redundancy(self) -> Array:
        """The mean of I(x; w) of every selected column over those before it, where terms do not tell."""
        sums, out = np.zeros(len(self.allowed)), np.zeros((1, len(self.allowed)))
        for i, w in enumerate(self.selected[:-1]):
            later = np.array(self.selected[i + 1 :])
            self.counter.meet(self.counter.prepare(self.variables([w]), False), ("mi_xw",), out, later)
            sums[later] += out[0, later]
        return sums[self.selected] / np.maximum(np.arange(len(self.selected)), 1)

    def _meet(self, depth: int, columns: Array | None) -> int:
        """Fold in the term of the selected column number `depth`, for all columns or for some and their neighbours;
        returns how many have it now."""
        criterion = self.criterion
        if depth not in self.prepared:
            given = self.selected[: depth + 1] if criterion.joint else self.selected[depth : depth + 1]
            prepared = self.counter.prepare(self.variables(given), criterion.with_y)
            self.prepared = {**self.prepared, depth: prepared} if self.lazy else {depth: prepared}
        counted = self.counter.meet(self.prepared[depth], self.needs, self.out, columns)
        assert criterion.term is not None
        if counted is None and self.even is not None:
            statistics = dict(zip(self.needs, self.out, strict=True))
            criterion.fold_in(self.folded, criterion.term(statistics))
            if self.pairwise and self.shared is not self.folded:
                self.shared += statistics["mi_xw"]
            self.even += 1
            return len(self.depth)
        current = self.depth == depth
        if counted is not None:
            current &= counted
        found = np.flatnonzero(current)
        statistics = dict(zip(self.needs, self.out[:, found], strict=True))
        folded = self.folded[found]
        criterion.fold_in(folded, criterion.term(statistics))
        self.folded[found] = folded
        if self.pairwise and self.shared is not self.folded:
            self.shared[found] += statistics["mi_xw"]
        self.depth[found] += 1
        return len(found)

    def _scores(self, columns: Array) -> Array:
        return self.criterion.scores(self.relevance[columns], self.folded[columns], len(self.selected))

    def _eagerly(self, must: int | None) -> tuple[int, float, int]:
        counted = 0
        if self.criterion.term is not None and self.selected:
            if self.criterion.joint:  # only the newest term counts
                self.even = len(self.selected) - 1
            for depth in range(int(self.depth.min()) if self.even is None else self.even, len(self.selected)):
                counted += self._meet(depth, None)
            self.even = len(self.selected)
        scores = self.criterion.scores(self.relevance, self.folded, len(self.selected))
        if must is not None:
            return must, float(scores[must]), counted
        self.masked.fill(-np.inf)
        np.copyto(self.masked, scores, where=self.allowed)
        best = int(np.argmax(self.masked))
        return best, float(self.masked[best]), counted

    def _bounds(self, candidates: Array) -> tuple[Array, Array]:
        """The most that candidates can reach, and which of them have met every selected column."""
        missing = len(self.selected) - self.depth[candidates]
        if self.criterion.term is None or not self.selected:
            return self._scores(candidates), np.ones(len(candidates), bool)
        folded = self.criterion.optimistic(self.folded[candidates], missing, self.limits)
        bound = self.criterion.scores(self.relevance[candidates], folded, len(self.selected))
        fresh = missing == 0
        raised = ~fresh & np.isfinite(bound)
        bound = bound.copy()
        bound[raised] += SLACK * np.abs(bound[raised]) + SLACK**2
        return bound, fresh

    def _lazily(self, must: int | None) -> tuple[int, float, int]:
        candidates = np.flatnonzero(self.allowed) if must is None else np.array([must])
        counted, most = 0, ROUND
        self._spread()
        while True:
            bound, fresh = self._bounds(candidates)
            best = bound[fresh].max() if fresh.any() else -np.inf
            stale = np.flatnonzero(~fresh & (bound >= best))
            if not len(stale):
                known = np.where(fresh, bound, -np.inf)
                place = int(np.argmax(known))
                return int(candidates[place]), float(known[place]), counted
            if len(stale) > most:
                stale = stale[np.argpartition(-bound[stale], most)[:most]]
            most *= 2
            columns = candidates[stale]
            for depth in np.unique(self.depth[columns]):
                counted += self._meet(int(depth), columns[self.depth[columns] == depth])
