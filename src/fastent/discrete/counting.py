"""How often labels and pairs of labels occur."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastent import _samples
from fastent._arrays import require_weights
from fastent._samples import Array
from fastent.discrete._common import described


@described
def counts(x: Any, *, weights: Any = None, missing: str = "raise", workers: int | None = None) -> Any:
    """How often each level occurs.

    Parameters
    ----------
    <X>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    ndarray, for 2-D x a list with one per column
        int64; float64 with weights. Entry c belongs to code c of `fastent.encode(x)`, and of uint8, uint16 and bool
        to the code c itself.

    <RAISES>

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.counts(["b", "a", "b"])
    array([1, 2])
    """
    columns = _samples.read_columns("counts", "x", x, missing, workers, dense=True)
    found = _samples.level_counts(columns, _samples.check_weights("counts", weights, len(columns.codes)), workers)
    return found[0] if columns.single else found


@described
def contingency(
    x: Any,
    y: Any = None,
    *,
    weights: Any = None,
    sparse: bool = False,
    method: str = "auto",
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Joint counts of labels: n_ij samples have level i of x and level j of y.

    Parameters
    ----------
    x, y : array_like
        Labels, (samples,) or (samples, columns). Without y, x against itself.
    <WEIGHTS>
    sparse : bool
        Return a scipy.sparse array of two columns of labels, whose size is that of the cells that occur.
    method : {"auto", "cells", "words", "planes"}
        How to count; all give the same integers. "words" and "planes" are for few levels.
    <COMMON>

    Returns
    -------
    ndarray
        int64, float64 with weights, of shape (levels of x, levels of y); for 2-D x preceded by its columns, for 2-D y
        by those of x and of y. Levels are as in `counts`; tables of columns with fewer levels are padded with zeros.

    Raises
    ------
    ValueError
        Different numbers of samples, missing labels, a method that does not fit, or a dense table of more than
        2**22 cells.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.contingency([0, 0, 1, 1, 1], [1, 1, 0, 0, 1])
    array([[0, 2],
           [2, 1]])
    """
    name = "contingency"
    _samples.check_method(name, method)
    left = _samples.read_columns(name, "x", x, missing, workers, dense=True)
    right = left if y is None else _samples.read_columns(name, "y", y, missing, workers, dense=True)
    _samples.check_lengths(name, left, right, ("x", "y"))
    w = _samples.check_weights(name, weights, len(left.codes))
    if sparse:
        return _sparse_table(left, right, w)
    _samples.check_dense(name, left, right, "pass sparse=True")
    return tables_of_pairs(left, right, w, workers, method)


def tables_of_pairs(
    left: _samples.Columns, right: _samples.Columns, weights: Array | None, workers: int | None, method: str
) -> Array:
    """Dense tables, preceded by the columns of x and of y where these are more than one."""
    if left.kept is None and right.kept is None:
        result = dense_tables(left, right, weights, workers, method)
    else:  # each pair with the samples that have both labels
        dtype = np.int64 if weights is None else np.float64
        result = np.zeros((len(left.levels), len(right.levels), _most(left), _most(right)), dtype)
        for i, j in np.ndindex(result.shape[:2]):
            one, other, part = complete_samples(left.column(i), right.column(j), weights)
            table = dense_tables(one, other, part, workers, method)[0, 0]
            result[i, j, : table.shape[0], : table.shape[1]] = table
    if right.single:
        result = result[:, 0]
    return result[0] if left.single else result


def _most(columns: _samples.Columns) -> int:
    return int(columns.levels.max(initial=1))


def dense_tables(
    left: _samples.Columns, right: _samples.Columns, weights: Array | None, workers: int | None, method: str
) -> Array:
    """Tables of all pairs, (columns of left, columns of right, levels of left, levels of right)."""
    shape = (len(left.levels), len(right.levels), _most(left), _most(right))
    result = np.zeros(shape, np.int64 if weights is None else np.float64)
    for j in range(shape[1]):
        target = right.column(j)
        levels = int(target.levels[0])
        for batch, tables in _samples.tables("contingency", left, target, weights, workers, method):
            result[batch, j, :, :levels] = tables.reshape(-1, shape[2], levels)
    return result


def add_tables(tables: Iterable[Any]) -> Array:
    """Counts of pieces, added up: n_ij = sum over pieces of n_ij, so that samples may come as a stream.

    What it returns is taken by the measures as `contingency=`: only one piece and one table are in memory at a time.

    Parameters
    ----------
    tables : iterable of array_like
        Counts or weights of the pieces, as `counts` and `contingency` return them, of any number of dimensions, the
        same for all. Pieces that lack the last levels are padded with zeros. The labels must be numbered alike in all
        pieces: codes of uint8, uint16 or bool, or categories, not labels that each piece would number anew.

    Returns
    -------
    ndarray
        int64, or float64 if a piece is of floats, in the shape of the largest piece along each axis.

    Raises
    ------
    ValueError
        There are no pieces, or they differ in their number of dimensions.
        A count is negative, nan or infinite.
    TypeError
        `tables` cannot be iterated over, or a piece does not hold real numbers.
    OverflowError
        A count or a sum of integers exceeds 2**63 - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> pieces = [(np.uint8([0, 1, 1]), np.uint8([0, 1, 0])), (np.uint8([2, 2]), np.uint8([1, 1]))]
    >>> table = discrete.add_tables(discrete.contingency(x, y) for x, y in pieces)
    >>> table
    array([[1, 0],
           [1, 1],
           [0, 2]])
    >>> print(round(discrete.mutual_information(contingency=table), 4))
    0.3958
    """
    name = "add_tables"
    total: Array | None = None
    if not isinstance(tables, Iterable):
        raise TypeError(f"{name}: tables must be an iterable of tables, got {type(tables).__name__}; pass [table]")
    for i, piece in enumerate(tables):
        counts = _samples.real_numbers(name, f"piece {i} of tables", piece)
        require_weights(name, f"piece {i} of tables", counts)
        if counts.dtype.kind == "u" and counts.max(initial=0) > np.iinfo(np.int64).max:
            raise OverflowError(f"{name}: a count exceeds 2**63 - 1 in piece {i}; pass tables of floats")
        counts = counts.astype(np.float64 if counts.dtype.kind == "f" else np.int64)
        if total is None:
            total = counts
            continue
        if counts.ndim != total.ndim:
            raise ValueError(
                f"{name}: tables must have as many dimensions each, got {total.ndim}, and {counts.ndim} in piece {i}"
            )
        shape = tuple(np.maximum(total.shape, counts.shape).tolist())
        if shape != total.shape or counts.dtype.kind == "f":
            larger = np.zeros(shape, np.result_type(total, counts))
            larger[tuple(map(slice, total.shape))] = total
            total = larger
        place: Any = (*map(slice, counts.shape), ...)
        part = total[place]  # a view, also of a table without dimensions
        if total.dtype == np.int64 and (part > np.iinfo(np.int64).max - counts).any():
            raise OverflowError(f"{name}: a count exceeds 2**63 - 1 in piece {i}; pass tables of floats")
        part += counts
    if total is None:
        raise ValueError(f"{name}: tables must hold at least one piece, got none")
    return total


contingency_table = contingency  # also where `contingency` is an argument


def complete_samples(
    left: _samples.Columns, right: _samples.Columns, weights: Array | None
) -> tuple[_samples.Columns, _samples.Columns, Array | None]:
    """Samples with all their labels."""
    kept = np.ones(len(left.codes), bool)
    for side in (left, right):
        if side.kept is not None:
            kept &= side.kept.all(axis=1)
    weights = None if weights is None else weights[kept]
    sides = [side._replace(codes=side.codes[kept], kept=None) for side in (left, right)]
    return sides[0], sides[1], weights


def _sparse_table(left: _samples.Columns, right: _samples.Columns, weights: Array | None) -> Any:
    try:
        from scipy.sparse import coo_array  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError("contingency: sparse=True needs SciPy: pip install 'fastent[scipy]'") from None
    if left.codes.shape[1] != 1 or right.codes.shape[1] != 1:
        raise ValueError("contingency: sparse=True takes one column of labels each")
    if left.kept is not None or right.kept is not None:
        left, right, weights = complete_samples(left, right, weights)
    s = _samples.positive_cells(left.codes[:, 0], right.codes[:, 0], weights)
    data = s.counts if weights is not None else s.counts.astype(np.int64)
    return coo_array((data, (s.x, s.y)), shape=(int(left.levels[0]), int(right.levels[0]))).tocsr()
