"""The plan of feature selection: tables and targets to codes, names and options, and every refusal on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastent import _codes, _samples
from fastent._arrays import refuse_masked
from fastent._codes import as_codes
from fastent._columns import columns_of, floats_of, floats_of_objects, holds_floats, library_of
from fastent.feature_selection._sparse import (
    BLOCK_NUMBERS,
    SparseCodes,
    codes_of_integers,
    columns_of_sparse,
    gathered,
    is_sparse,
)

Array = np.ndarray[Any, Any]

MOST_FLOAT_LABELS = 256
"""A target of more different floating-point numbers is continuous."""


class Table(NamedTuple):
    """Columns of codes. The last level of a column with used < levels stands for missing labels."""

    codes: Array | SparseCodes  # (samples, columns), uint8 or uint16
    levels: Array
    used: Array
    names: list[Any] | None

    def column(self, c: int) -> Array:
        """The codes of a column, contiguous."""
        return self.codes.column(c) if isinstance(self.codes, SparseCodes) else np.ascontiguousarray(self.codes[:, c])

    def block(self, columns: Array) -> Array:
        """The codes of some columns."""
        if isinstance(self.codes, SparseCodes):
            return self.codes.block(columns)
        return self.codes if len(columns) == self.codes.shape[1] else self.codes[:, columns]

    def blocks(self) -> Iterator[Array]:
        """The numbers of all columns, and where these are sparse of so many as may be dense at a time."""
        samples, count = self.codes.shape
        step = max(1, BLOCK_NUMBERS // max(1, samples)) if isinstance(self.codes, SparseCodes) else max(1, count)
        return (np.arange(begin, min(begin + step, count)) for begin in range(0, count, step))

    def samples(self, kept: Array) -> Table:
        """Of some samples, where kept is True."""
        codes = self.codes.samples(kept) if isinstance(self.codes, SparseCodes) else self.codes[kept]
        return self._replace(codes=codes)


class Variable(NamedTuple):
    """One variable that the candidates meet: contiguous codes, or the number of a column that has them."""

    codes: Array | None
    column: int
    levels: int
    used: int  # levels without that of missing labels


class Target(NamedTuple):
    codes: Array  # uint16, contiguous
    levels: int
    kept: Array | None  # samples that have a label, where some are left out


def plain_array(function: str, name: str, X: Any) -> Any:
    """Tensors as arrays; masked arrays are refused, anything else is left as it is."""
    refuse_masked(function, name, X)
    if library_of(X) == "torch" and hasattr(X, "detach"):
        return _codes.array_of_torch(X, f"{function}: {name}")
    return X


def read_table(function: str, X: Any, y: Array | None, bins: Any, missing: str, workers: int | None) -> Table:
    """Labels as codes; with `bins`, floating-point columns as the bins they fall into."""
    from fastent.feature_selection.binning import check_bins

    if is_sparse(X):
        check_bins(function, bins, X.shape[-1])
        return _sparse_table(function, X, y, bins, missing, workers)
    frame = columns_of(X)
    if frame is None:
        shape = np.shape(X)
        if len(shape) != 2:
            raise ValueError(f"{function}: X must have shape (samples, columns), got {shape}")
        check_bins(function, bins, shape[1])
        if getattr(X, "dtype", None) is not None and np.dtype(getattr(X, "dtype", object)).kind == "f":
            return _binned(function, np.asarray(X), y, bins, missing, workers, None)
        X = np.asarray(X)
        if X.dtype != object or all(floats_of_objects(column) is None for column in X.T):
            return _labels(function, X, missing, workers, None)
        frame = None, list(X.T)
    names, columns = frame
    check_bins(function, bins, len(columns))
    numbers = [floats_of(column) for column in columns]
    if all(part is None for part in numbers):
        return _labels(function, X, missing, workers, names)
    parts = []
    for i, (column, part) in enumerate(zip(columns, numbers, strict=True)):
        name = [i if names is None else names[i]]
        if part is None:
            parts.append(_labels(function, column, missing, workers, name))
        else:
            parts.append(_binned(function, part[:, None], y, bins_of(bins, i, i + 1), missing, workers, name))
    dtype = np.result_type(*(np.asarray(part.codes) for part in parts))
    codes = np.empty((parts[0].codes.shape[0], len(parts)), dtype, order="F")
    for i, table in enumerate(parts):
        codes[:, i] = table.column(0)
    return Table(codes, np.concatenate([p.levels for p in parts]), np.concatenate([p.used for p in parts]), names)


def edges_of_each(bins: Any) -> bool:
    """Whether edges are given for each column on its own."""
    return isinstance(bins, list | tuple) and len(bins) > 0 and all(np.ndim(one) == 1 for one in bins)


def bins_of(bins: Any, first: int, last: int) -> Any:
    """What cuts the columns [first, last), where edges may be given for each column."""
    return bins[first:last] if edges_of_each(bins) else bins


def _sparse_table(function: str, X: Any, y: Array | None, bins: Any, missing: str, workers: int | None) -> Table:
    """Integers as labels; floating-point columns cut into bins, some of them at a time."""
    if len(X.shape) != 2:
        raise ValueError(f"{function}: X must have shape (samples, columns), got {X.shape}")
    samples, count = X.shape
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{function}: a sparse X must hold numbers, got dtype {X.dtype}")
    columns = columns_of_sparse(X)
    if X.dtype.kind != "f":
        codes, levels = codes_of_integers(columns)
        _check_levels(function, levels, None)
        return Table(codes, levels, levels, None)
    if bins is None:
        _refuse_floats(function, f"a sparse array of {X.dtype}")
    tables: list[Table] = []

    def blocks() -> Iterator[Array]:
        step = max(1, BLOCK_NUMBERS // max(1, samples))
        for begin in range(0, count, step):
            end = min(begin + step, count)
            dense, names = columns[:, begin:end].toarray(order="F"), list(range(begin, end))
            found = _binned(function, dense, y, bins_of(bins, begin, end), missing, workers, names)
            tables.append(found._replace(codes=np.zeros((0, 0), np.uint8)))
            yield np.asarray(found.codes)

    codes = gathered(blocks(), samples)
    levels, used = (np.concatenate([np.zeros(0, np.int64), *(t[i] for t in tables)]) for i in (1, 2))
    return Table(codes, levels, used, None)


def _matrix_of_list(function: str, X: Any) -> Any:
    """Numbers as an array; anything else is left to be encoded."""
    if any(np.ndim(row) != 1 for row in X):
        return np.asarray(X, dtype=object)
    if len({len(row) for row in X}) > 1:
        raise ValueError(f"{function}: X must have shape (samples, columns), got rows of different lengths")
    numbers = np.asarray(X)
    return numbers if numbers.dtype.kind in "biuf" else np.array([list(row) for row in X], dtype=object)


def _binned(
    function: str, X: Array, y: Array | None, bins: Any, missing: str, workers: int | None, names: list[Any] | None
) -> Table:
    from fastent.feature_selection.binning import discretized

    if bins is None:
        _refuse_floats(function, f"column {names[0]!r}" if names and len(names) == 1 else f"an array of {X.dtype}")
    found = discretized(function, X, bins, y, missing, workers, names)
    bins_of = np.array([max(1, len(edges) - 1) for edges in found.edges], np.int64)
    has = np.array([code is not None for code in found.missing], bool)
    levels = bins_of + has
    return Table(found.codes, levels, bins_of if missing == "omit" else levels, names)


def _refuse_floats(function: str, which: str) -> NoReturn:
    raise TypeError(
        f"{function}: X holds floating-point numbers ({which}); pass bins='quantile:16' or the like to "
        "cut them into bins, or integer codes"
    )


def _check_levels(function: str, levels: Array, names: list[Any] | None) -> None:
    if levels.max(initial=1) > 1 << 16:
        column = int(levels.argmax())
        which = repr(names[column]) if names else column
        raise ValueError(
            f"{function}: column {which} of X has {levels[column]} levels, more than 65536; "
            "cut it into bins, or leave it out"
        )


def _labels(function: str, X: Any, missing: str, workers: int | None, names: list[Any] | None) -> Table:
    found = None
    if isinstance(X, np.ndarray) and X.dtype in (np.uint8, np.uint16):
        ready = _samples.read_columns(function, "X", X, missing, workers)
        return Table(ready.codes, ready.levels, ready.levels, names)
    found = as_codes(X, f"{function}: X", missing)  # type: ignore[arg-type]
    codes = found.values if found.values.ndim == 2 else found.values[:, None]
    levels = np.maximum(np.asarray(found.cardinalities, np.int64), 1)
    used = levels
    if found.kept is not None:
        kept = found.kept if found.kept.ndim == 2 else found.kept[:, None]
        has = ~kept.all(axis=0)
        levels = levels + has
        if levels.max() > 256 and codes.dtype == np.uint8:
            codes = codes.astype(np.uint16)
        codes = np.where(kept, codes, used.astype(codes.dtype))
    _check_levels(function, levels, names)
    return Table(codes, levels, used, names)


def read_target(function: str, y: Any, samples: int, missing: str, workers: int | None) -> Target:
    """The target's labels as codes without gaps."""
    if y is None:
        raise TypeError(f"{function}: y must be labels of the target, (samples,), got None")
    found = _samples.read_columns(function, "y", y, missing, workers)
    _samples.check_target(function, found, "y")
    if len(found.codes) != samples:
        raise ValueError(f"{function}: X and y must have as many samples, got {samples} and {len(found.codes)}")
    codes, kept = found.codes[:, 0], None if found.kept is None else found.kept[:, 0]
    if kept is not None:
        codes = codes[kept]
    if not len(codes):
        raise ValueError(f"{function}: there are no samples")
    present, dense = np.unique(codes, return_inverse=True)
    if len(present) < 2:
        raise ValueError(f"{function}: y must have at least two different labels, got {len(present)}")
    if len(present) > 1 << 16 or (len(present) > MOST_FLOAT_LABELS and holds_floats(y)):
        raise ValueError(
            f"{function}: y has {len(present)} different labels; "
            "cut a continuous target into bins with discretize first"
        )
    return Target(np.ascontiguousarray(dense, np.uint16), len(present), kept)


def read_all(
    function: str, X: Any, y: Any, bins: Any, missing: str, sample_weight: Any, workers: int | None
) -> tuple[Table, Target, Array | None]:
    """Codes, target and weights of the samples that have a label."""
    if missing not in ("raise", "level", "omit"):
        raise ValueError(f"{function}: missing must be 'raise', 'level' or 'omit', got {missing!r}")
    if X is None:
        raise TypeError(f"{function}: X must be labels or numbers of shape (samples, columns), got None")
    X = _matrix_of_list(function, X) if isinstance(X, list | tuple) else plain_array(function, "X", X)
    shape = (X.num_rows,) if hasattr(X, "num_rows") else X.shape if hasattr(X, "shape") else np.shape(X)
    samples = shape[0] if shape else 0
    target = read_target(function, y, samples, missing, workers)
    weights = _samples.check_weights(function, sample_weight, samples, "sample_weight")
    cut_by = None
    if isinstance(bins, str) and bins == "mdlp":
        cut_by = target.codes if target.kept is None else _spread(target)
    table = read_table(function, X, cut_by, bins, missing, workers)
    if not table.codes.shape[1]:
        raise ValueError(f"{function}: X has no columns")
    if target.kept is not None:
        table = table.samples(target.kept)
        weights = None if weights is None else weights[target.kept]
    return table, target, weights


def _spread(target: Target) -> Array:
    """Codes of all samples, -1 where the label is missing."""
    assert target.kept is not None
    codes = np.full(len(target.kept), -1, np.int32)
    codes[target.kept] = target.codes
    return codes


def read_names(function: str, names: Any, table: Table) -> list[Any]:
    columns = table.codes.shape[1]
    if names is None:
        return list(table.names) if table.names is not None else list(range(columns))
    given: list[Any] = list(names)
    if len(given) != columns:
        raise ValueError(f"{function}: names must be one for each of the {columns} columns of X, got {len(given)}")
    return given
