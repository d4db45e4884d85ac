"""What single pairs of levels say about each other."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._codes import check_missing
from fastent._plan import log_of_base
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete._common import described, in_unit
from fastent.discrete.counting import tables_of_pairs

LOWEST = -2000
"""An exponent below those of all positive numbers."""


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
    check_missing(name, missing)
    workers_for(name, workers, 0)
    if contingency is None:
        left = _samples.read_columns(name, "x", x, missing, workers, dense=True)
        right = _samples.read_columns(name, "y", y, missing, workers, dense=True)
        _samples.check_lengths(name, left, right, ("x", "y"))
        _samples.check_dense(name, left, right, "pass contingency=discrete.contingency(x, y, sparse=True)")
        w = _samples.check_weights(name, weights, len(left.codes))
        cells = _counted(left, right, w, workers)
    else:
        table = _samples.read_cells(name, contingency)
        if isinstance(table, _samples.Sample):
            return _of_sample(table, kind, base)
        cells = Parts(*np.frexp(table))
    columns = _sums(cells, -2)
    return _values(cells, _sums(cells, -1), columns, _sums(columns, -1), None, kind, base)


class Parts(NamedTuple):
    """Numbers as mantissas of [0.5, 1) and powers of two, for no sum or product to leave float64."""

    mantissas: Array
    exponents: Array


def _counted(left: _samples.Columns, right: _samples.Columns, weights: Array | None, workers: int | None) -> Parts:
    cells = Parts(*np.frexp(tables_of_pairs(left, right, weights, workers, "auto")))
    over = np.isinf(cells.mantissas)
    if weights is None or not over.any():
        return cells
    down = len(weights).bit_length()  # enough for the sum of all, and only for the cells that need it
    again = np.frexp(tables_of_pairs(left, right, np.ldexp(weights, -down), workers, "auto"))
    return Parts(np.where(over, again[0], cells.mantissas), np.where(over, again[1] + down, cells.exponents))


def _sums(cells: Parts, *axes: int) -> Parts:
    largest = _heights(cells).max(axes, keepdims=True, initial=LOWEST)
    sums = np.ldexp(cells.mantissas, cells.exponents - largest)
    for axis in axes:  # one after the other, for the zeros that pad a table to change no bit
        sums = np.cumsum(sums, axis).take([-1], axis)
    mantissas, exponents = np.frexp(sums)
    return Parts(mantissas, exponents + largest)


def _heights(cells: Parts) -> Array:
    """Exponents, with that of 0 below all others."""
    return np.where(cells.mantissas > 0, cells.exponents, np.int32(LOWEST))


def _log(mantissas: Array, exponents: Array) -> Array:
    near = np.clip(exponents, -1000, 1000)
    found: Array = np.log(np.ldexp(mantissas, near)) + (exponents - near) * math.log(2)
    return found


def _values(
    cells: Parts, rows: Parts, columns: Parts, total: Parts, places: tuple[Array, Array] | None, kind: str, base: Any
) -> Any:
    """Of tables, or with `places` of the cells of one."""
    c, r, k, n = (part.mantissas for part in (cells, rows, columns, total))
    c_exponents, r_exponents, k_exponents, n_exponents = (part.exponents for part in (cells, rows, columns, total))
    with np.errstate(divide="ignore", invalid="ignore"):
        # products of whole counts are equal where they should be, and the variables may change places
        values = _log((c * n) / (r * k), (c_exponents + n_exponents) - (r_exponents + k_exponents))
        if kind == "ppmi":
            return in_unit("pmi", np.maximum(values, 0.0), base)
        if kind == "npmi":
            share = values / -_log(c / n, c_exponents - n_exponents)
            most = np.ldexp(c / n, c_exponents - n_exponents) > 0.75
            if most.any():
                share = np.where(most, _share_of_most(cells, most, places), share)
            alone = _equal(cells, rows) & _equal(cells, columns) & ~most
            share = np.where(alone, 1.0, np.where(c == 0, -1.0, np.clip(share, -1.0, 1.0)))
            return np.where(np.isnan(values), np.nan, share)
    return in_unit("pmi", values, base)


def _share_of_most(cells: Parts, most: Array, places: tuple[Array, Array] | None) -> Array:
    """npmi where a cell is most of its table: a quotient of what the others are next to it, however little.

    a, b: the others of its row and of its column; d: those of neither.
    """
    axes: tuple[int, ...]
    if places is None:
        axes, in_row, in_column = (-2, -1), most.any(-1, keepdims=True), most.any(-2, keepdims=True)
    else:
        axes, (in_row, in_column) = (0,), (place == place[most] for place in places)
    a, b, d = (
        _sums(Parts(np.where(of, cells.mantissas, 0.0), cells.exponents), *axes)
        for of in (in_row & ~most, in_column & ~most, ~in_row & ~in_column)
    )
    c = cells.mantissas
    with np.errstate(all="ignore"):  # cells that are not the most have values here that nobody reads
        largest = np.maximum(np.maximum(_heights(a), _heights(b)), _heights(d))
        a_of, b_of, d_of = (np.ldexp(part.mantissas, part.exponents - largest) for part in (a, b, d))
        a_by, b_by, d_by = (np.ldexp(part.mantissas, part.exponents - cells.exponents) for part in (a, b, d))
        others = a_of + b_of + d_of
        expected = (1 + a_by / c) * (1 + b_by / c)
        surplus = (d_by * c - a_by * b_by) / (c * c * expected)
        share = (d_of * c - a_of * b_by) / (c * others * expected)
        share *= _log1p_by(surplus) / _log1p_by((a_by + b_by + d_by) / c)
        return np.where(others == 0, 1.0, share)


def _log1p_by(t: Array) -> Array:
    return np.where(t == 0, 1.0, np.log1p(t) / t)


def _equal(one: Parts, other: Parts) -> Array:
    found: Array = (one.mantissas == other.mantissas) & (one.exponents == other.exponents)
    return found


def _of_sample(table: _samples.Sample, kind: str, base: float | None) -> Any:
    from scipy.sparse import coo_array  # type: ignore[import-untyped]

    shape = len(table.x_counts), len(table.y_counts)
    cells, places = Parts(*np.frexp(table.counts)), (table.x, table.y)
    rows, columns = (_sums_of_levels(cells, *side) for side in zip(places, shape, strict=True))
    data = _values(cells, rows, columns, _sums_of_levels(cells, np.zeros_like(table.x), 1), places, kind, base)
    return coo_array((data, (table.x, table.y)), shape=shape).tocsr()


def _sums_of_levels(cells: Parts, place: Array, levels: int) -> Parts:
    """For each cell, the sum of those of its level."""
    largest = np.full(levels, LOWEST, np.int32)
    np.maximum.at(largest, place, cells.exponents)
    terms = np.ldexp(cells.mantissas, cells.exponents - largest[place])
    sums = np.frexp(np.bincount(place, terms, minlength=levels))
    return Parts(sums[0][place], (sums[1] + largest)[place])
