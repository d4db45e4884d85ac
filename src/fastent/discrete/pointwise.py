"""What single pairs of levels say about each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _samples
from fastent._plan import log_of_base
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete._common import described, in_unit
from fastent.discrete.counting import tables_of_pairs


@described
def pmi(
    x: Any = None,
    y: Any = None,
    *,
    kind: str = "pmi",
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Pointwise mutual information of every cell, ln(p_ij / (p_i p_j)).

    Parameters
    ----------
    x, y : array_like
        Labels, (samples,) or (samples, columns).
    kind : {"pmi", "npmi", "ppmi"}
        As it is; divided by -ln p_ij, between -1 and 1; or with negative values as 0.
    contingency : array_like or sparse matrix, optional
        Instead of x and y, their table, or a stack of such.
    <BASE>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    ndarray
        (levels of x, levels of y), in the shape of `discrete.contingency(x, y)`. Cells that never occur are -inf (npmi
        -1, ppmi 0); nan where a level never occurs.
    scipy.sparse.csr_array
        Of a sparse table: the cells that occur, and no others.

    Raises
    ------
    ValueError
        Labels of more than 2**22 cells, or 65536 levels, among others.

    Notes
    -----
    Church & Hanks 1990; Bouma 2009.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.pmi([0, 0, 1, 1], [0, 0, 1, 1], base=2)
    array([[  1., -inf],
           [-inf,   1.]])
    """
    name = "pmi"
    if kind not in ("pmi", "npmi", "ppmi"):
        raise ValueError(f"{name}: kind must be 'pmi', 'npmi' or 'ppmi', got {kind!r}")
    log_of_base(name, base)  # npmi has no unit, but a base that is none is a mistake
    _samples.check_inputs(name, x, y, contingency, weights, ("x", "y"))
    if contingency is None:
        left = _samples.read_columns(name, "x", x, missing, workers, dense=True)
        right = _samples.read_columns(name, "y", y, missing, workers, dense=True)
        _samples.check_lengths(name, left, right, ("x", "y"))
        workers_for(name, workers, 0)
        _samples.check_dense(name, left, right, "pass contingency=discrete.contingency(x, y, sparse=True)")
        w = _samples.relative_weights(name, weights, len(left.codes))
        contingency = tables_of_pairs(left, right, w, workers, "auto")
    table = _samples.read_table(name, contingency)
    if isinstance(table, _samples.Sample):
        return _of_cells(table, kind, base)
    total = table.sum((-2, -1), keepdims=True)
    return _values(table, table.sum(-1, keepdims=True), table.sum(-2, keepdims=True), total, kind, base)


def _values(cells: Array, rows: Array, columns: Array, total: Any, kind: str, base: float | None) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(cells / (rows * (columns / total)))
        if kind == "ppmi":
            return in_unit("pmi", np.maximum(values, 0.0), base)
        if kind == "npmi":
            share = values / -np.log(cells / total)
            share = np.where(cells == total, 1.0, np.where(cells == 0, -1.0, share))
            return np.where(np.isnan(values), np.nan, share)
    return in_unit("pmi", values, base)


def _of_cells(table: _samples.Sample, kind: str, base: float | None) -> Any:
    from scipy.sparse import coo_array  # type: ignore[import-untyped]

    cells = _samples.scaled(table.counts)
    x_counts, y_counts = (
        np.bincount(place, cells, minlength=len(counts))
        for place, counts in ((table.x, table.x_counts), (table.y, table.y_counts))
    )
    data = _values(cells, x_counts[table.x], y_counts[table.y], cells.sum(), kind, base)
    return coo_array((data, (table.x, table.y)), shape=(len(x_counts), len(y_counts))).tocsr()
