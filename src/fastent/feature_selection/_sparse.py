"""Sparse columns as codes: of each column the samples that do not have its commonest level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

BLOCK_NUMBERS = 1 << 20
"""Numbers of a sparse matrix that are dense at a time, while they are cut into bins."""

DIRECT = 256
"""Integers below are their own codes; columns of others are relabelled."""


class SparseCodes(NamedTuple):
    """Column c has entries[starts[c]:starts[c + 1]] in its rows of the same places, and rest[c] in all others."""

    starts: Array  # int64
    rows: Array  # uint32
    entries: Array  # uint16
    rest: Array  # int64
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        return len(self.rows) + self.shape[1]

    def column(self, c: int) -> Array:
        codes = np.full(self.shape[0], self.rest[c], np.uint16)
        part = slice(self.starts[c], self.starts[c + 1])
        codes[self.rows[part]] = self.entries[part]
        return codes

    def block(self, columns: Array) -> Array:
        codes = np.empty((self.shape[0], len(columns)), np.uint16, order="F")
        for i, c in enumerate(columns):
            codes[:, i] = self.column(c)
        return codes

    def samples(self, kept: Array) -> SparseCodes:
        """Of some samples, where kept is True."""
        among = kept[self.rows]
        starts = np.concatenate([[0], np.cumsum(among)])[self.starts]
        place = np.cumsum(kept) - 1
        rows = place[self.rows[among]].astype(np.uint32)
        return SparseCodes(starts, rows, self.entries[among], self.rest, (int(kept.sum()), self.shape[1]))


def is_sparse(X: Any) -> bool:
    """Whether X is a matrix or array of scipy.sparse."""
    return type(X).__module__.startswith("scipy.sparse") and hasattr(X, "tocsc")


def columns_of_sparse(X: Any) -> Any:
    """X column by column, every entry once; X itself stays as it is."""
    columns = X.tocsc()
    if not columns.has_canonical_format:
        columns = columns.copy()
        columns.sum_duplicates()
    return columns


def codes_of_integers(columns: Any) -> tuple[SparseCodes, Array]:
    """Codes and levels of integers, of which 0 is the commonest; entries that are 0 count as absent."""
    samples, count = columns.shape
    data, rows = columns.data, columns.indices
    starts = columns.indptr.astype(np.int64)
    present = data != 0
    if not present.all():
        starts = np.concatenate([[0], np.cumsum(present)])[starts]
        data, rows = data[present], rows[present]
    if not len(data) or (data.min() > 0 and data.max() < DIRECT):
        codes = data.astype(np.uint16)
    else:
        of_column = np.repeat(np.arange(count), np.diff(starts))
        order = np.lexsort((data, of_column))
        fresh = np.ones(len(data), bool)
        ordered, owner = data[order], of_column[order]
        fresh[1:] = (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])
        number = np.cumsum(fresh)
        codes = np.empty(len(data), np.int64)
        codes[order] = number - np.concatenate([[0], number])[starts[owner]]
    levels = np.ones(count, np.int64)
    has_entries = np.diff(starts) > 0
    if has_entries.any():
        levels[has_entries] += np.maximum.reduceat(codes, starts[:-1][has_entries])
    entries = codes.astype(np.uint16, copy=False)
    return SparseCodes(starts, rows.astype(np.uint32), entries, np.zeros(count, np.int64), (samples, count)), levels


def gathered(blocks: Iterable[Array], samples: int) -> SparseCodes:
    """Blocks of dense codes, one after the other."""
    starts, rests = [0], []
    rows, entries = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint16)]
    for block in blocks:
        for column in block.T:
            rest = int(np.bincount(column).argmax())
            place = np.flatnonzero(column != rest)
            starts.append(starts[-1] + len(place))
            rows.append(place.astype(np.uint32))
            entries.append(column[place].astype(np.uint16))
            rests.append(rest)
    whole = (samples, len(rests))
    return SparseCodes(
        np.array(starts, np.int64), np.concatenate(rows), np.concatenate(entries), np.array(rests, np.int64), whole
    )
