"""How often labels and pairs of labels occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _samples
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
        int64; float64 with weights. Entry c belongs to code c of `fastent.encode(x)`; uint8 and uint16 are codes
        themselves, other integers of a small range count from their smallest.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.counts(["b", "a", "b"])
    array([1, 2])
    """
    columns = _samples.read_columns("counts", "x", x, missing, workers)
    found = _samples.level_counts(columns, _samples.check_weights("counts", weights, len(columns.codes)))
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
    left = _samples.read_columns(name, "x", x, missing, workers)
    right = left if y is None else _samples.read_columns(name, "y", y, missing, workers)
    _samples.check_lengths(name, left, right, ("x", "y"))
    w = _samples.check_weights(name, weights, len(left.codes))
    if left.kept is not None or right.kept is not None:
        left, right, w = complete_samples(left, right, w)
    if sparse:
        return _sparse_table(left, right, w)
    if not _samples._is_dense(left, right):
        raise ValueError(
            f"{name}: the table of {int(left.levels.max())} x {int(right.levels.max())} levels is too large to be "
            f"dense (more than {_samples.DENSE_CELLS} cells, or 65536 levels); pass sparse=True"
        )
    rows = int(left.levels.max(initial=1))
    found = []
    for j in range(right.codes.shape[1]):
        target = right.column(j)
        parts = [part for _, part in _samples.tables(name, left, target, w, workers, method)]
        columns = int(target.levels[0])
        table = np.concatenate(parts) if parts else np.zeros((0, rows * columns), np.int64)
        table = table.reshape(-1, rows, columns)
        padding = int(right.levels.max()) - columns
        found.append(np.pad(table, ((0, 0), (0, 0), (0, padding))) if padding else table)
    result = np.stack(found, 1) if found else np.zeros((left.codes.shape[1], 0, rows, 0), np.int64)
    if right.single:
        result = result[:, 0]
    return result[0] if left.single else result


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
        raise ImportError("contingency: sparse=True needs SciPy: pip install fastent[scipy]") from None
    if left.codes.shape[1] != 1 or right.codes.shape[1] != 1:
        raise ValueError("contingency: sparse=True takes one column of labels each")
    s = _samples.positive_cells(left.codes[:, 0], right.codes[:, 0], weights)
    data = s.counts if weights is not None else s.counts.astype(np.int64)
    return coo_array((data, (s.x, s.y)), shape=(int(left.levels[0]), int(right.levels[0]))).tocsr()
