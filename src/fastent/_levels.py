"""Values of one column to codes and sorted levels: one way for each kind of value.

short integer ranges   looked up in a table
numbers and strings    a hash of their bytes
objects                a hash of their addresses where these recur, and their own
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastent._counts.labels import Numbering, ObjectNumbering

_Array = np.ndarray[Any, Any]

_BLOCK = 1 << 14  # labels at a time: what one step leaves behind is still in the cache for the next
_SMALL = 4096  # labels of a sample
_SHORT = 64  # characters of strings that are sorted as arrays of fixed width


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


def of_values(values: _Array, workers: int = 1) -> Column:
    kind = values.dtype.kind
    if kind in "iu":
        return of_integers(values[:, None], workers)[0]
    if kind in "bmM":  # as the integers they are
        column = of_integers(values.view(np.uint8 if kind == "b" else np.int64)[:, None], workers)[0]
        return column._replace(levels=column.levels.view(values.dtype))
    if kind in "cV":
        raise TypeError(f"got dtype {values.dtype}")
    if values.dtype.char == "g":  # some of its bytes mean nothing
        levels, codes = np.unique(values, return_inverse=True)
        return Column(codes, levels + levels.dtype.type(0), None)
    if kind == "f" or (kind in "US" and values.dtype.itemsize):
        return _of_fixed(values, workers)
    return of_objects(values, workers)


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


def of_integers(X: _Array, workers: int = 1) -> list[Column]:
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
            return [_of_fixed(X[:, 0], workers)]
        rest = iter(of_integers(X[:, short], workers))
        return [next(rest) if size <= limit else of_integers(X[:, [i]], workers)[0] for i, size in enumerate(sizes)]

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


# ---- numbers and strings -------------------------------------------------------------------------------------------


def _of_fixed(values: _Array, workers: int) -> Column:
    """Labels that are equal where their bytes are, by a hash; the levels are sorted then."""
    values = np.ascontiguousarray(values)
    numbering = Numbering(values, workers)
    levels = values[numbering.first]
    if levels.dtype.kind == "f":
        levels += levels.dtype.type(0)  # -0.0 becomes 0.0
    order = _order_of_strings(levels) if levels.dtype.kind in "US" else np.argsort(levels)
    return Column(numbering.codes(_ranks(order)), levels[order], None)


def _ranks(order: _Array) -> _Array:
    ranks = np.empty(len(order), code_dtype(len(order)))
    ranks[order] = np.arange(len(order))
    return ranks


def _order_of_strings(levels: _Array) -> _Array:
    """What np.argsort returns of different strings, a tenth as long: eight characters at a time as one integer."""
    count = len(levels)
    if not count:
        return np.arange(0)
    text = levels.view(np.uint8 if levels.dtype.kind == "S" else np.uint32).reshape(count, -1)
    if text.dtype == np.uint32 and text.max(initial=0) < 256:
        text = text.astype(np.uint8)
    per_word = 8 // text.itemsize
    padded = np.zeros((count, -(-text.shape[1] // per_word) * per_word), text.dtype.newbyteorder(">"))
    padded[:, : text.shape[1]] = text
    words = padded.view(">u8").T.astype(np.uint64)
    words = words[(words != words[:, :1]).any(axis=1)]  # less what all levels have in common
    if not len(words):
        return np.arange(count)
    order = np.argsort(words[0])
    starts = np.ones(count + 1, bool)  # of strings that are equal so far
    starts[1:-1] = False
    for former, word in itertools.pairwise(words):
        starts[1:-1] |= np.diff(former[order]) != 0
        tied = np.flatnonzero(~(starts[:-1] & starts[1:]))
        if not len(tied):
            break
        group = np.cumsum(starts[:-1])[tied]
        order[tied] = order[tied][np.lexsort((word[order[tied]], group))]
    return order


# ---- objects -------------------------------------------------------------------------------------------------------


def of_objects(values: _Array, workers: int) -> Column:
    """Objects, and strings of no fixed width, by their hash.

    Columns of objects are often references to the same few: then their addresses are hashed instead, which is several
    times as fast, and the objects once each.
    """
    if values.dtype == object and _recurring(values):
        values = np.ascontiguousarray(values)
        numbering = Numbering(_addresses(values), workers)
        levels = of_objects(values[numbering.first], workers)
        missing = None if levels.missing is None else numbering.codes(levels.missing.view(np.uint8)).view(bool)
        return Column(numbering.codes(levels.codes), levels.levels, missing)
    numbering_of_objects = ObjectNumbering()
    codes = np.empty(len(values), np.uint32)
    for start in range(0, len(values), _BLOCK):
        block = np.ascontiguousarray(values[start : start + _BLOCK], object)
        codes[start : start + _BLOCK] = numbering_of_objects.add(block)
    column = relabelled(codes, numbering_of_objects.levels)
    return column if values.dtype == object else column._replace(levels=np.array(column.levels, values.dtype))


def _addresses(values: _Array) -> _Array:
    return np.ndarray(values.shape, np.intp, buffer=values)


def _recurring(values: _Array) -> bool:
    """Whether a column of objects seems to refer to fewer than some 200 000 different ones."""
    if len(values) < 4 * _SMALL:
        return False
    sample = np.ascontiguousarray(values[:: len(values) // _SMALL][:_SMALL])
    return len(Numbering(_addresses(sample), 1).first) <= _SMALL - _SMALL // 100


def first_rows(codes: _Array, levels: int) -> _Array:
    """The row in which each code appears first."""
    first = np.empty(levels, np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several assignments the last one stays
    return first


def relabelled(codes: _Array, labels: list[Any]) -> Column:
    """Numbered labels, some equal, in the order of the sorted levels; or, if they cannot be sorted, in this order."""
    distinct = list(dict.fromkeys(labels))
    kinds = set(map(type, distinct))
    if kinds == {str} and len(distinct) == len(labels) and max(map(len, distinct)) <= _SHORT:
        text = np.array(distinct)
        if int(np.strings.str_len(text).sum()) == sum(map(len, distinct)):  # no NULs at the end
            order = _order_of_strings(text)
            return Column(_ranks(order).take(codes), np.array(distinct, object)[order], None)
    if not {str, bytes, int, bool}.issuperset(kinds):
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
