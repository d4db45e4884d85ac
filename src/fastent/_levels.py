"""Values of one column to codes and sorted levels: one way for each kind of value.

short integer ranges    looked up in a table
few different numbers   a hash without collisions, every label compared with its level
anything else           sorted, or numbered by a dict
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

_Array = np.ndarray[Any, Any]

_BLOCK = 1 << 14  # labels at a time: what one step leaves behind is still in the cache for the next
_FEW = 1024  # levels for which a hash without collisions is soon found
_SMALL = 4096  # labels below which a plain sort or dict is as good as anything
_WORDS = 16  # of 8 bytes: longer strings are left to a dict


class Column(NamedTuple):
    codes: _Array  # of any integer dtype; 0 where missing
    levels: _Array
    missing: _Array | None  # True where a label is missing; None: nowhere


def code_dtype(levels: int) -> np.dtype[Any]:
    if levels >= 1 << 32:
        raise ValueError(f"a column of labels must have at most 2**32 - 1 levels, got {levels}")
    return np.dtype(np.uint8 if levels <= 1 << 8 else np.uint16 if levels <= 1 << 16 else np.uint32)


def object_array(labels: Sequence[Any]) -> _Array:
    array = np.empty(len(labels), object)
    for i, label in enumerate(labels):  # assigned as a whole, labels that are tuples would be taken apart
        array[i] = label
    return array


def of_values(values: _Array) -> Column:
    kind = values.dtype.kind
    if kind in "iu":
        return of_integers(values[:, None])[0]
    if kind in "bmM":  # as the integers they are
        column = of_integers(values.view(np.uint8 if kind == "b" else np.int64)[:, None])[0]
        return column._replace(levels=column.levels.view(values.dtype))
    if kind == "f":
        return _of_numbers(values)
    if kind in "cV":
        raise TypeError(f"got dtype {values.dtype}")
    return (_of_few(values) if kind in "US" else None) or of_objects(values)


# ---- integers ------------------------------------------------------------------------------------------------------


def extremes(X: _Array) -> tuple[_Array, _Array]:
    """Smallest and largest entry of each column."""
    rows, columns = X.shape
    if not 1 < columns <= 32 or abs(X.strides[0]) < abs(X.strides[1]):
        return X.min(axis=0), X.max(axis=0)
    low = high = X[0]  # NumPy takes 16 ns per element to reduce rows as short as these
    step = _BLOCK // columns
    for start in range(0, rows, step):
        block = X[start : start + step].T.copy()
        low, high = np.minimum(low, block.min(axis=1)), np.maximum(high, block.max(axis=1))
    return low, high


def of_integers(X: _Array) -> list[Column]:
    """Columns of integers, by a table over the range of each, block by block through all columns.

    np.unique takes 40 ns per label, this 1 to 3 (matrices in C order up to 6).
    """
    rows, columns = X.shape
    if not X.size:
        return [Column(np.empty(rows, np.uint8), np.empty(0, X.dtype), None) for _ in range(columns)]
    low, high = extremes(X)
    sizes = [int(b) - int(a) + 1 for a, b in zip(low, high, strict=True)]
    limit = max(256, 2 * rows if columns == 1 else min(2 * rows, 1 << 16))
    short = [i for i, size in enumerate(sizes) if size <= limit]
    if len(short) < columns:
        if columns == 1:
            return [_of_numbers(X[:, 0])]
        rest = iter(of_integers(X[:, short]))
        return [next(rest) if size <= limit else of_integers(X[:, [i]])[0] for i, size in enumerate(sizes)]

    starts = np.cumsum([0, *sizes])  # of the tables of the columns, one after the other
    first = low.astype(np.int64)[:, None]  # uint64 wraps here, and back when it is added
    shift = starts[:-1, None] - first
    step = min(max(_BLOCK // columns, 64), rows)
    buffer = np.empty((columns, step), np.int64)

    seen = np.zeros(starts[-1], bool)

    def blocks(add: _Array) -> Iterator[tuple[slice, _Array]]:
        for start in range(0, rows, step):
            part = slice(start, min(start + step, rows))
            block = buffer[:, : part.stop - start]
            yield part, np.add(X[part].T, add, out=block, dtype=np.int64, casting="unsafe")

    def look_up(counts: _Array) -> _Array | None:
        """Codes; None if a label is of a level not seen."""
        unseen = int(counts.max())
        codes = np.empty((rows, columns), code_dtype(unseen + 1), order="F")
        if seen.all():
            for part, block in blocks(-first):
                codes.T[:, part] = block
            return codes
        ranks = np.cumsum(seen) - 1 - np.repeat(np.cumsum(counts) - counts, sizes)
        table = np.where(seen, ranks, unseen).astype(codes.dtype)
        for part, block in blocks(shift):
            found = table.take(block)
            if found.max() == unseen:
                return None
            codes.T[:, part] = found
        return codes

    # A sample has seen the levels, as a rule. Marking by all labels takes longer than looking all of them up.
    sample = np.add(X[:: max(rows // 1024, 1)].T, shift, dtype=np.int64, casting="unsafe")
    seen[sample.ravel()] = True
    counts = np.add.reduceat(seen, starts[:-1], dtype=np.int64)
    likely = seen.all() or sample.size >= min(8 * int(counts.sum()), X.size)
    codes = look_up(counts) if likely else None
    if codes is None:
        for _, block in blocks(shift):
            seen[block.ravel()] = True
        counts = np.add.reduceat(seen, starts[:-1], dtype=np.int64)
        codes = look_up(counts)
        assert codes is not None
    levels = (np.flatnonzero(seen) - np.repeat(shift, counts)).astype(X.dtype)
    split = np.split(levels, np.cumsum(counts)[:-1])
    return [Column(codes[:, i], split[i], None) for i in range(columns)]


# ---- numbers and strings of few levels -----------------------------------------------------------------------------


def _of_numbers(values: _Array) -> Column:
    few = _of_few(values)
    if few is not None:
        return few
    levels, codes = np.unique(values, return_inverse=True)
    return Column(codes, levels + levels.dtype.type(0), None)  # -0.0 becomes 0.0


def _of_few(values: _Array) -> Column | None:
    """Labels of fixed width by a hash that is free of collisions among the levels; None if there are too many levels.

    Every label is compared with the level it is taken for, and those that differ are new levels: nothing is left to
    chance. np.unique takes 40 ns per number and 200 per string of six characters, this 6 and 18.
    """
    rows = len(values)
    if rows < _SMALL or not 0 < values.dtype.itemsize <= 8 * _WORDS or values.dtype.char == "g":
        return None
    values = np.ascontiguousarray(values)
    levels = np.unique(values[:: rows // (_SMALL // 2)])
    known = _hash_of(levels)
    codes = np.empty(rows, np.uint16)
    for start in range(0, rows, _BLOCK):
        block = values[start : start + _BLOCK]
        words = _words(block)
        while known is not None:
            found = known.table.take(_slots(words, known.factors, known.shift))
            new = np.zeros(len(block), bool)
            for word, level in zip(words, known.words, strict=True):
                new |= level.take(found) != word
            if not new.any():
                codes[start : start + _BLOCK] = found
                break
            levels = np.concatenate([levels, np.unique(block[new])])
            known = _hash_of(levels)
        if known is None:
            return None
    order = np.argsort(levels)
    ranks = np.empty(len(levels), code_dtype(len(levels)))
    ranks[order] = np.arange(len(levels))
    levels = levels[order]
    return Column(ranks.take(codes), levels + levels.dtype.type(0) if levels.dtype.kind == "f" else levels, None)


class _Hash(NamedTuple):
    table: _Array  # slot -> number of the one level that may be there
    factors: list[np.uint64]
    shift: np.uint64
    words: list[_Array]  # of the levels


def _hash_of(levels: _Array) -> _Hash | None:
    count, words = len(levels), _words(levels)
    if count > _FEW:
        return None
    bits = min(max(8, 2 * count.bit_length()), 20)  # so that an attempt succeeds with probability 0.6 at least
    shift = np.uint64(64 - bits)
    odd = (np.uint64(pow(0xD1342543DE82EF95, i, 1 << 64)) for i in itertools.count(1))
    for _ in range(64):
        factors = list(itertools.islice(odd, len(words)))
        slots = _slots(words, factors, shift)
        if len(np.unique(slots)) == count:
            table = np.zeros(1 << bits, np.uint16)
            table[slots] = np.arange(count)
            return _Hash(table, factors, shift, words)
    return None


def _slots(words: list[_Array], factors: list[np.uint64], shift: np.uint64) -> _Array:
    total = words[0] * factors[0]
    for word, factor in zip(words[1:], factors[1:], strict=True):
        total += word * factor
    total >>= shift
    return total.view(np.int64)


def _words(values: _Array) -> list[_Array]:
    """Labels as 64-bit words, equal where the labels are."""
    if values.dtype.kind == "f":
        return [(values.astype(np.float64) + 0.0).view(np.uint64)]  # -0.0 becomes 0.0
    if values.dtype.kind in "iu":
        return [values.astype(np.uint64)]
    width = math.gcd(values.dtype.itemsize, 8)
    columns = values.view(f"u{width}").reshape(len(values), -1)
    return [columns[:, i].astype(np.uint64) for i in range(columns.shape[1])]


# ---- objects -------------------------------------------------------------------------------------------------------


def of_objects(values: _Array) -> Column:
    """Objects, and strings that are too long or too many for a hash of their own, by a dict.

    Columns of objects are often references to the same few: then their addresses are hashed instead, which takes
    10 ns per label; the dict takes 50.
    """
    if values.dtype == object and len(values) >= _SMALL:
        values = np.ascontiguousarray(values)
        few = _of_few(np.ndarray(values.shape, np.intp, buffer=values))
        if few is not None:
            first = first_rows(few.codes, len(few.levels))
            return relabelled(few.codes, [values[i] for i in first], np.argsort(first).tolist())
    numbers: defaultdict[Any, int] = defaultdict(itertools.count().__next__)
    codes = np.empty(len(values), np.int64)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].tolist()
        codes[start : start + _BLOCK] = np.fromiter(map(numbers.__getitem__, block), np.int64, len(block))
    column = relabelled(codes, list(numbers))
    return column if values.dtype == object else column._replace(levels=np.array(column.levels, values.dtype))


def first_rows(codes: _Array, levels: int) -> _Array:
    """The row in which each code appears first."""
    first = np.empty(levels, np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several assignments the last one stays
    return first


def relabelled(codes: _Array, labels: list[Any], order: list[int] | None = None) -> Column:
    """Numbered labels, some equal, in the order of the sorted levels; or, if they cannot be sorted, in this order."""
    distinct = list(dict.fromkeys(labels if order is None else [labels[i] for i in order]))
    if not {str, bytes, int, bool}.issuperset(map(type, distinct)):
        distinct = [label for label in distinct if not _is_missing(label)]
    with contextlib.suppress(TypeError):
        distinct = sorted(distinct)
    ranks = dict(zip(distinct, itertools.count(), strict=False))
    table = np.array([ranks.get(label, -1) for label in labels], np.int64)
    absent = table < 0
    table[absent] = 0
    missing = absent.take(codes) if absent.any() else None
    return Column(table.astype(code_dtype(len(ranks))).take(codes), object_array(distinct), missing)


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)  # nan, NaT, Decimal("nan")
    except (TypeError, ValueError):
        return type(label).__name__ == "NAType"
