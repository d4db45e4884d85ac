"""Numbers to codes: bins from quantiles, of equal width, by description length, or as given."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._bins import engine
from fastent._columns import columns_of, floats_of
from fastent._threads import check_workers, workers_for
from fastent.feature_selection._inputs import edges_of_each, plain_array
from fastent.feature_selection._mdlp import cuts

Array = np.ndarray[Any, Any]

MOST_BINS = 65_535
GATHER_ROWS = 2048


class Discretized(NamedTuple):
    """What `discretize` returns; for 1-D X one array of edges and one code.

    Examples
    --------
    >>> from fastent.feature_selection import discretize
    >>> discretize([1.0, 2.0, 8.0], "uniform:2").edges
    array([1. , 4.5, 8. ])
    """

    codes: Array  # uint8 or uint16, in the shape of X, in Fortran order
    edges: Any  # of each column, from the lowest to the highest: bin b goes from edges[b] to edges[b + 1]
    missing: Any  # the code of nan in each column, one past its bins; None where there is none


def discretize(
    X: Any, bins: Any = "quantile:16", y: Any = None, *, missing: str = "level", workers: int | None = None
) -> Discretized:
    """Cut numbers into bins, column by column, as small codes that everything discrete counts as they are.

    Parameters
    ----------
    X : array_like
        Numbers of shape (samples,) or (samples, columns), or a frame of such. float32 stays float32, and matrices in
        C order are read as they are.
    bins : str or edges
        "quantile:K", K bins with about as many samples each: edges are `numpy.quantile` at 0, 1/K, ..., 1.
        "uniform:K", K bins of equal width. "mdlp", as many as tell enough about y (Fayyad & Irani 1993).
        Or increasing edges e_0, ..., e_K, an array for all columns or a list with one for each, such as `edges` of an
        earlier result.
    y : array_like, optional
        Labels of the target, which "mdlp" needs.
    missing : {"level", "omit", "raise"}
        What nan becomes: the code after those of the bins, as one more level or, for "omit", to be left out; or a
        ValueError.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    codes : ndarray
        Bin b holds edges[b] <= x < edges[b + 1], the last one also its upper edge. What lies outside is in the first or
        the last bin.
    edges : list of ndarray of float64
        Equal edges are kept once, so there may be fewer bins than asked for; a constant column has one, [c, c].
    missing : list of int or None
        The code of nan in each column, None where there is none.

    Raises
    ------
    ValueError, TypeError
        X is not numeric, a column holds nothing but nan or an infinity where edges are to be found, edges do not
        increase, or `bins` is not understood.

    Examples
    --------
    >>> from fastent.feature_selection import discretize
    >>> codes, edges, missing = discretize([1.0, 2.0, float("nan"), 4.0, 9.0], "quantile:2")
    >>> print(codes, edges, missing)
    [0 0 2 1 1] [1. 3. 9.] 2
    >>> discretize([-5.0, 2.9, 3.0, 77.0], edges).codes
    array([0, 0, 1, 1], dtype=uint8)
    """
    name = "discretize"
    matrix, names = _matrix(name, X)
    single = matrix.ndim == 1
    target = None
    if y is not None:
        labels = _samples.read_columns(name, "y", y, "raise", workers)
        _samples.check_target(name, labels, "y")
        target = labels.codes[:, 0]
        if len(target) != len(matrix):
            raise ValueError(f"{name}: X and y must have as many samples, got {len(matrix)} and {len(target)}")
    found = discretized(name, matrix[:, None] if single else matrix, bins, target, missing, workers, names)
    return Discretized(found.codes[:, 0], found.edges[0], found.missing[0]) if single else found


def discretized(
    function: str, X: Array, bins: Any, y: Array | None, missing: str, workers: int | None, names: list[Any] | None
) -> Discretized:
    """The same of a matrix of numbers and a target of codes."""
    if missing not in ("level", "omit", "raise"):
        raise ValueError(f"{function}: missing must be 'level', 'omit' or 'raise', got {missing!r}")
    if workers is not None:
        check_workers(function, workers)
    columns = X.shape[1]
    threads = workers_for(function, workers, X.size)
    labels = names if names is not None else list(range(columns))
    rule, number = _rule(function, bins, y is not None)
    has_nan = _check_values(function, X, missing, labels, rule != "edges")
    if rule == "edges":
        edges = _given(function, bins, columns)
    elif rule == "mdlp" and y is not None and y.dtype.kind == "i" and (y < 0).any():  # samples without a label
        told = y >= 0
        _check_values(function, X[told], missing, labels, True)
        edges = _found(function, X[told], rule, number, y[told], labels, threads)
    else:
        edges = _found(function, X, rule, number, y, labels, threads)
    inside = [np.asarray(one, np.float64)[1:-1] for one in edges]
    sizes = np.array([len(one) + 1 for one in inside], np.int64)
    dtype = np.uint8 if int((sizes + has_nan).max(initial=1)) <= 256 else np.uint16
    codes = np.zeros(X.shape, dtype, order="F")
    for part, values in _as_floats(X):
        cut = [_at_least(one, values.dtype) for one in inside[part]]
        engine.cut(values, cut, sizes[part], codes[:, part], threads)
    return Discretized(codes, edges, [int(k) if nan else None for k, nan in zip(sizes, has_nan, strict=True)])


def _matrix(function: str, X: Any) -> tuple[Array, list[Any] | None]:
    X = plain_array(function, "X", X)
    frame = columns_of(X)
    if frame is not None:
        names, columns = frame
        parts = []
        for i, column in enumerate(columns):
            values = floats_of(column)
            values = np.asarray(column) if values is None else values
            if values.dtype.kind not in "biuf":
                which = i if names is None else repr(names[i])
                raise TypeError(f"{function}: X must hold numbers, got dtype {values.dtype} in column {which}")
            parts.append(values)
        if not parts:
            return np.zeros((len(X), 0)), names
        matrix = np.empty((len(parts[0]), len(parts)), np.result_type(*parts), order="F")
        for i, values in enumerate(parts):
            matrix[:, i] = values
        return matrix, names
    matrix = np.asarray(X)
    if matrix.dtype.kind not in "biuf":
        raise TypeError(
            f"{function}: X must hold numbers, got dtype {matrix.dtype}; labels are codes with fastent.encode"
        )
    if matrix.ndim not in (1, 2):
        raise ValueError(f"{function}: X must have shape (samples,) or (samples, columns), got {matrix.shape}")
    return matrix, None


def _check_values(function: str, X: Array, missing: str, labels: Sequence[Any], to_find: bool) -> Array:
    """Which columns hold nan; none may hold nothing else where edges are `to_find`."""
    if not len(X):
        raise ValueError(f"{function}: there are no samples")
    has_nan = np.zeros(X.shape[1], bool)
    if X.dtype.kind != "f":
        return has_nan
    step = max(1, (1 << 20) // max(1, X.shape[1]))
    all_nan = np.ones(X.shape[1], bool)
    for begin in range(0, len(X), step):
        # a sum is nan where an entry is, or two infinities
        with np.errstate(invalid="ignore", over="ignore"):
            suspect = np.isnan(X[begin : begin + step].sum(axis=0))
        all_nan &= suspect
        for c in np.flatnonzero(suspect).tolist():
            nan = np.isnan(X[begin : begin + step, c])
            all_nan[c] &= bool(nan.all())
            if nan.any() and missing == "raise":
                raise ValueError(
                    f"{function}: X is nan in column {labels[c]!r}, row {begin + int(nan.argmax())}; pass "
                    "missing='level' to make nan a level or missing='omit' to leave it out"
                )
            has_nan[c] |= bool(nan.any())
    if to_find and all_nan.any():
        raise ValueError(f"{function}: column {labels[int(all_nan.argmax())]!r} of X holds nothing but nan")
    return has_nan


def _rule(function: str, bins: Any, has_target: bool) -> tuple[str, int]:
    if not isinstance(bins, str):
        return "edges", 0
    rule, _, text = bins.partition(":")
    if rule == "mdlp" and not text:
        if not has_target:
            raise ValueError(f"{function}: bins='mdlp' needs the labels y")
        return rule, 0
    if rule not in ("quantile", "uniform") or not text.isdecimal() or not 1 <= int(text) <= MOST_BINS:
        raise ValueError(
            f"{function}: bins must be 'quantile:K' or 'uniform:K' with K from 1 to {MOST_BINS}, 'mdlp', or edges, "
            f"got {bins!r}"
        )
    return rule, int(text)


def check_bins(function: str, bins: Any, columns: int) -> None:
    """Refuse what cuts no column, also where all columns are labels."""
    if bins is None:
        return
    if _rule(function, bins, True)[0] == "edges":
        _given(function, bins, columns)


def _given(function: str, bins: Any, columns: int) -> list[Array]:
    """Edges that the caller has, one array for each column."""
    several = edges_of_each(bins)
    try:
        edges = [np.asarray(one) for one in bins] if several else [np.asarray(bins)]
    except ValueError:  # ragged
        raise TypeError(f"{function}: bins must be a string or arrays of numbers, got {bins!r}") from None
    if several and len(edges) != columns:
        raise ValueError(f"{function}: bins must hold edges for each of the {columns} columns, got {len(edges)}")
    found = []
    for i, one in enumerate(edges):
        if one.dtype.kind not in "iuf" or one.ndim != 1:
            raise TypeError(f"{function}: bins must be a string or arrays of numbers, got {bins!r}")
        one = one.astype(np.float64)
        constant = len(one) == 2 and one[0] == one[1]
        if not 2 <= len(one) <= MOST_BINS + 1 or not (constant or (one[1:] > one[:-1]).all()):
            raise ValueError(
                f"{function}: edges must increase, from 2 to {MOST_BINS + 1} of them, got {one.tolist()[:8]}"
                + (f" for column {i}" if several else "")
            )
        found.append(one)
    return found if several else found * columns


def _found(
    function: str, X: Array, rule: str, number: int, y: Array | None, labels: Sequence[Any], threads: int
) -> list[Array]:
    """Edges from the values of each column; a few columns at a time are made contiguous and sorted."""
    columns = X.shape[1]
    group = 1 if abs(X.strides[0]) == X.itemsize else max(1, min(8, columns // (2 * threads)))

    def of_group(begin: int) -> list[Array]:
        part = X[:, begin : begin + group].T
        block = np.empty(part.shape, X.dtype.newbyteorder("="))
        for start in range(0, len(X), GATHER_ROWS):  # few enough for the cache: their lines are read once
            block[:, start : start + GATHER_ROWS] = part[:, start : start + GATHER_ROWS]
        columns_left = (i for i in range(len(block)) if not stopped.is_set())
        return [_edges_of(function, block[i], rule, number, y, labels[begin + i]) for i in columns_left]

    stopped = threading.Event()
    begins = range(0, columns, group)
    if threads == 1:
        return [edges for begin in begins for edges in of_group(begin)]
    with ThreadPoolExecutor(threads) as pool:  # sorting leaves the interpreter free
        try:
            return [edges for part in pool.map(of_group, begins) for edges in part]
        finally:
            stopped.set()  # Ctrl-C does not wait for the columns that threads have before them


def _edges_of(function: str, values: Array, rule: str, number: int, y: Array | None, label: Any) -> Array:
    """The edges of one column, whose values are ours to reorder."""
    if rule == "mdlp":
        assert y is not None
        inner, low, high = cuts(values, y)
    elif rule == "uniform":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        inner = np.linspace(low, high, number + 1)[1:-1] if np.isfinite(high - low) else np.zeros(0)
    else:
        values.sort()  # nan comes last
        count = int(np.searchsorted(values, np.nan)) if values.dtype.kind == "f" else len(values)
        low, high = float(values[0]), float(values[count - 1])
        inner = _quantiles(values[:count], np.linspace(0, 1, number + 1)[1:-1])
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{function}: column {label!r} of X holds an infinity; pass edges, or replace it")
    edges = np.unique(np.concatenate([[low], inner, [high]]))
    return edges if len(edges) > 1 else np.array([low, low])


def _quantiles(ordered: Array, shares: Array) -> Array:
    """numpy.quantile by its linear method, in float64, of sorted values."""
    place = shares * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    t = place - below
    a = ordered[below].astype(np.float64)
    b = ordered[np.minimum(below + 1, len(ordered) - 1)].astype(np.float64)
    with np.errstate(invalid="ignore"):
        step = b - a
        found: Array = np.where(t >= 0.5, b - step * (1 - t), a + step * t)
    return found


def _as_floats(X: Array) -> Iterator[tuple[slice, Array]]:
    """The matrix as it is if it holds native float32 or float64, else a few columns at a time as such."""
    if X.dtype in (np.float32, np.float64) and X.dtype.isnative and X.flags.aligned:
        yield slice(0, X.shape[1]), X
        return
    dtype = np.float32 if X.dtype.kind == "f" and X.dtype.itemsize <= 4 else np.float64
    for begin in range(0, X.shape[1], 16):
        part = slice(begin, min(begin + 16, X.shape[1]))
        yield part, np.asfortranarray(X[:, part], dtype)


def _at_least(edges: Array, dtype: Any) -> Array:
    """Edges in the type of the values, rounded up: x >= edge means the same."""
    with np.errstate(over="ignore"):
        near = edges.astype(dtype)
    low = near.astype(np.float64) < edges
    near[low] = np.nextafter(near[low], np.array(np.inf, dtype))
    return near
