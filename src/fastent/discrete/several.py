"""Three variables and more."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._codes import check_missing
from fastent._counts.strata import information_of_strata
from fastent._levels import of_integers
from fastent._samples import Array
from fastent._threads import workers_for
from fastent.discrete._common import described, in_unit, select
from fastent.discrete.counting import complete_samples


@described
def conditional_mutual_information(
    x: Any = None,
    y: Any = None,
    z: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """Information that x and y share beyond z, I(x; y | z) = sum_k p_k I(x; y | z = k).

    Every stratum of z is summed up as `mutual_information` is: never below 0, and exactly 0 where x and y are
    independent in each.

    Parameters
    ----------
    <XYZ>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SEVERAL>

    Notes
    -----
    Cover & Thomas, Elements of Information Theory, 2.5.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.conditional_mutual_information([0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 0, 1], base=2)
    np.float64(1.0)
    """
    name = "conditional_mutual_information"
    found = _of_three(name, x, y, z, contingency, weights, missing, workers)
    return in_unit(name, found.given, base)


@described
def interaction_information(
    x: Any = None,
    y: Any = None,
    z: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """I(x; y | z) - I(x; y): positive where z makes x and y depend (synergy), negative where it explains them.

    Parameters
    ----------
    <XYZ>
    <BASE>
    <WEIGHTS>
    <COMMON>

    <SEVERAL>

    Notes
    -----
    McGill 1954, whose sign this is; the co-information has the other one for three variables.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.interaction_information([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], base=2)
    np.float64(1.0)
    """
    name = "interaction_information"
    found = _of_three(name, x, y, z, contingency, weights, missing, workers)
    return in_unit(name, found.given - found.alone, base)


@described
def total_correlation(
    x: Any = None,
    *,
    contingency: Any = None,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Any:
    """How far columns are from independent, sum_c H(x_c) - H(x_1, ..., x_m), at least 0.

    Parameters
    ----------
    x : array_like
        Labels, (samples, columns).
    contingency : array_like or sparse matrix, optional
        Instead of x, the table of its columns: counts or weights, with one dimension for each.
    <BASE>
    <WEIGHTS>
    <COMMON>

    Returns
    -------
    float
        nan where there are no samples.

    <RAISES>

    Notes
    -----
    Watanabe 1960. For two columns it is their mutual information, and exactly 0 for independent columns.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> discrete.total_correlation([[0, 0, 0], [1, 1, 1]], base=2)
    np.float64(2.0)
    >>> discrete.total_correlation(contingency=np.ones((2, 3, 4)))
    np.float64(0.0)
    """
    name = "total_correlation"
    if (x is None) == (contingency is None) or (contingency is not None and weights is not None):
        raise TypeError(f"{name}: pass either x or contingency=")
    check_missing(name, missing)
    if contingency is not None:
        return in_unit(name, _of_table(name, contingency, workers), base)
    columns = _samples.read_columns(name, "x", x, missing, workers)
    w = _samples.relative_weights(name, weights, len(columns.codes))
    complete, _, w = complete_samples(columns, columns, w)
    each = [complete.column(i) for i in range(complete.codes.shape[1])]
    if not each or not len(complete.codes) or (w is not None and not w.any()):
        return np.float64(np.nan)
    # as a chain of mutual informations, none of which is negative
    value, earlier = 0.0, each[0]
    for i in range(1, len(each)):
        value += float(select(_samples.target_statistics(name, each[i], earlier, w, workers), "mi")[0])
        if i + 1 < len(each):
            earlier = _joined(name, earlier, each[i], workers)[0]
    return in_unit(name, value, base)


def _of_table(function: str, contingency: Any, workers: int | None) -> float:
    if hasattr(contingency, "tocoo"):
        return float(select(_samples.table_statistics(function, contingency, workers), "mi"))
    table = _samples.read_weights_of_cells(function, contingency)
    if not table.size:
        raise ValueError(f"{function}: contingency must have levels along every axis, got shape {table.shape}")
    chain = [0.0 if table.any() else np.nan]
    while table.ndim > 1:  # the last variable and all before it; then these, in the same way
        pairs = table.reshape(-1, table.shape[-1])
        chain.append(float(select(_samples.table_statistics(function, pairs, workers), "mi")))
        table = table.sum(axis=-1)
    return sum(reversed(chain))


# ---- three variables -----------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    given: Any  # I(x; y | z)
    alone: Any  # I(x; y)


def _of_three(
    function: str, x: Any, y: Any, z: Any, contingency: Any, weights: Any, missing: str, workers: int | None
) -> _Found:
    labels = {"x": x, "y": y, "z": z}
    given = [name for name, value in labels.items() if value is not None]
    if contingency is not None and (given or weights is not None):
        raise TypeError(f"{function}: pass either x, y and z, or contingency=, not both")
    if contingency is None and len(given) < 3:
        raise TypeError(f"{function}: pass x, y and z, or contingency=")
    check_missing(function, missing)
    if contingency is not None:
        return _of_tables(function, contingency, workers)
    columns = {name: _samples.read_columns(function, name, value, missing, workers) for name, value in labels.items()}
    left, right, strata = columns.values()
    _samples.check_target(function, strata, "z")
    for name in ("y", "z"):
        _samples.check_lengths(function, left, columns[name], ("x", name))
    w = _samples.relative_weights(function, weights, len(left.codes))
    found = np.zeros((2, len(left.levels), len(right.levels)))
    for j in range(len(right.levels)):
        one = right.column(j)
        if all(column.kept is None for column in columns.values()):
            found[:, :, j] = _of_columns(function, left, one, strata, w, workers)
            continue
        for i in range(len(left.levels)):  # every pair has the samples with all three labels
            found[:, i, j : j + 1] = _of_columns(function, *_complete(left.column(i), one, strata, w), workers)
    if right.single:
        found = found[:, :, 0]
    return _Found(*(found[:, 0] if left.single else found))


def _complete(
    x: _samples.Columns, y: _samples.Columns, z: _samples.Columns, weights: Array | None
) -> tuple[_samples.Columns, _samples.Columns, _samples.Columns, Array | None]:
    kept = np.ones(len(x.codes), bool)
    for side in (x, y, z):
        if side.kept is not None:
            kept &= side.kept[:, 0]
    one, two, three = (side._replace(codes=side.codes[kept], kept=None) for side in (x, y, z))
    return one, two, three, None if weights is None else weights[kept]


def _joined(
    function: str, first: _samples.Columns, second: _samples.Columns, workers: int | None
) -> tuple[_samples.Columns, Array]:
    """One code for each pair of labels that occurs, and the pairs in order: (code of first) * levels + second."""
    pairs = first.codes[:, :1].astype(np.int64) * int(second.levels[0]) + second.codes[:, :1]
    joined = of_integers(pairs, workers_for(function, workers, len(pairs)))[0]
    codes = joined.codes.astype(np.uint32) if joined.codes.dtype.itemsize > 4 else joined.codes
    return _samples.Columns(codes[:, None], np.array([max(len(joined.levels), 1)]), None, True, None), joined.levels


def _of_columns(
    function: str,
    x: _samples.Columns,
    y: _samples.Columns,
    z: _samples.Columns,
    weights: Array | None,
    workers: int | None,
) -> tuple[Array, Array]:
    """I(x; y | z) and I(x; y) of every column of x: counted against y and z as one target."""
    columns = x.codes.shape[1]
    given = np.full(columns, np.nan)
    if not len(x.codes):
        return given, given
    target, pairs = _joined(function, z, y, workers)
    strata = pairs // int(y.levels[0])
    threads = workers_for(function, workers, x.codes.size)
    if _samples.is_dense(x, target):
        for batch, tables in _samples.tables(function, x, target, weights, workers):
            for i, table in zip(range(batch.start, batch.stop), tables, strict=True):
                cells = np.ascontiguousarray(table.reshape(-1, len(pairs)).T)
                given[i] = _within(strata, *_positive(cells), threads)
    else:
        for i in range(columns):
            found = _samples.positive_cells(target.codes[:, 0], x.codes[:, i], weights)
            given[i] = _within(strata, found.x, found.y, found.counts, threads)
    return given, select(_samples.target_statistics(function, x, y, weights, workers), "mi")


def _of_tables(function: str, contingency: Any, workers: int | None) -> _Found:
    """The same of tables (x, y, z)."""
    tables = _samples.read_weights_of_cells(function, contingency)
    if tables.ndim < 3 or 0 in tables.shape[-3:]:
        raise ValueError(
            f"{function}: contingency must be a table (levels of x, levels of y, levels of z), got shape {tables.shape}"
        )
    alone = select(_samples.table_statistics(function, tables.sum(axis=-1), workers), "mi")
    levels = tables.shape[-3:]
    strata = np.repeat(np.arange(levels[2]), levels[1])
    threads = workers_for(function, workers, tables.size)
    given = np.zeros(alone.shape)
    for place in np.ndindex(alone.shape):
        given[place] = _within(strata, *_positive(tables[place].transpose(2, 1, 0).reshape(-1, levels[0])), threads)
    return _Found(given[()], alone)


def _positive(table: Array) -> tuple[Array, Array, Array]:
    """Rows, columns and counts of the cells that occur."""
    row, column = np.nonzero(table)
    return row, column, table[row, column]


def _within(strata: Array, pair: Array, x: Array, counts: Array, workers: int) -> float:
    """The mean of I(x; y) over the strata, by their weight, of cells (pair of stratum and y, x), sorted.

    strata: of each pair, in order.
    """
    if not len(counts):
        return float("nan")
    stratum = strata[pair]
    present, bounds = _runs(stratum)
    place = np.searchsorted(present, stratum)
    y, y_levels = _numbered(pair, place, len(present))
    x, x_levels = _numbered(stratum * (int(x.max()) + 1) + x, place, len(present))
    high, low = _samples.in_parts(counts)
    found = information_of_strata(high, y, x, bounds, y_levels, x_levels, workers, low)
    mass = np.bincount(place, _samples.scaled(high))
    return float((mass * found).sum() / mass.sum())


def _numbered(labels: Array, place: Array, strata: int) -> tuple[Array, Array]:
    """Labels that are of one stratum each, in the order of the strata, from 0 in each; and how many it has."""
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    levels = np.bincount(place[first], minlength=strata)
    return number - (np.cumsum(levels) - levels)[place], levels


def _runs(sorted_values: Array) -> tuple[Array, Array]:
    """The different values, and where each begins and the last ends."""
    begins = np.flatnonzero(np.diff(sorted_values, prepend=sorted_values[0] - 1))
    return sorted_values[begins], np.append(begins, len(sorted_values)).astype(np.int64)
