"""The plan of feature selection: tables and targets to codes, names and options, and every refusal on the way."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastent import _samples
from fastent._codes import as_codes

Array = np.ndarray[Any, Any]


class Table(NamedTuple):
    """Columns of codes. The last level of a column with used < levels stands for missing labels."""

    codes: Array  # (samples, columns), uint8 or uint16
    levels: Array
    used: Array
    names: list[Any] | None


class Target(NamedTuple):
    codes: Array  # uint16, contiguous
    levels: int
    kept: Array | None  # samples that have a label, where some are left out


def columns_of(X: Any) -> tuple[list[Any] | None, list[Any]] | None:
    """Names and columns of a frame, None for anything else."""
    library = type(X).__module__.partition(".")[0]
    if library == "pandas" and hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:
        return list(X.columns), [X.iloc[:, i] for i in range(X.shape[1])]
    if library == "polars" and hasattr(X, "get_columns"):
        return list(X.columns), X.get_columns()
    if library == "pyarrow" and hasattr(X, "column_names"):
        return list(X.column_names), list(X.columns)
    return None


def floats_of(column: Any) -> Array | None:
    """A column of a frame as floating-point numbers, nan where missing, if that is what it holds."""
    kind = str(column.type if hasattr(column, "type") else column.dtype).lower()
    if not kind.startswith(("float", "double", "halffloat")):
        return None
    if hasattr(column, "isna"):  # pandas, whose nullable types have no nan of their own
        values = column.to_numpy(dtype=np.float32 if kind.startswith("float32") else np.float64, na_value=np.nan)
    elif hasattr(column, "type"):
        values = column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    else:
        values = column.to_numpy()
    return np.asarray(values)


def read_table(function: str, X: Any, y: Array | None, bins: Any, missing: str, workers: int | None) -> Table:
    """Labels as codes; with `bins`, floating-point columns as the bins they fall into."""
    frame = columns_of(X)
    if frame is None:
        if isinstance(X, list | tuple):
            X = _matrix_of_list(X)
        shape = np.shape(X)
        if len(shape) != 2:
            raise ValueError(f"{function}: X must have shape (samples, columns), got {shape}")
        if getattr(X, "dtype", None) is not None and np.dtype(getattr(X, "dtype", object)).kind == "f":
            return _binned(function, np.asarray(X), y, bins, missing, workers, None)
        if bins is not None and not isinstance(X, np.ndarray):
            X = np.asarray(X)
        return _labels(function, X, missing, workers, None)
    names, columns = frame
    numbers = [floats_of(column) for column in columns]
    if all(part is None for part in numbers):
        return _labels(function, X, missing, workers, names)
    parts = []
    for i, (column, part) in enumerate(zip(columns, numbers, strict=True)):
        name = None if names is None else [names[i]]
        if part is None:
            parts.append(_labels(function, column, missing, workers, name))
        else:
            one = bins if not isinstance(bins, list) else bins[i : i + 1]
            parts.append(_binned(function, part[:, None], y, one, missing, workers, name))
    dtype = np.result_type(*(part.codes for part in parts))
    codes = np.empty((len(parts[0].codes), len(parts)), dtype, order="F")
    for i, table in enumerate(parts):
        codes[:, i] = table.codes[:, 0]
    return Table(codes, np.concatenate([p.levels for p in parts]), np.concatenate([p.used for p in parts]), names)


def _matrix_of_list(X: Any) -> Any:
    """Numbers as an array; anything else is left to be encoded."""
    found = np.asarray(X, dtype=object) if any(np.ndim(row) != 1 for row in X) else None
    if found is not None:
        return found
    numbers = np.asarray(X)
    return numbers if numbers.dtype.kind in "biuf" else np.array([list(row) for row in X], dtype=object)


def _binned(
    function: str, X: Array, y: Array | None, bins: Any, missing: str, workers: int | None, names: list[Any] | None
) -> Table:
    from fastent.feature_selection.binning import discretized

    if bins is None:
        which = f"column {names[0]!r}" if names else f"an array of {X.dtype}"
        raise TypeError(
            f"{function}: X holds floating-point numbers ({which}); pass bins='quantile:16' or the like to "
            "cut them into bins, or integer codes"
        )
    found = discretized(function, X, bins, y, missing, workers, names)
    bins_of = np.array([max(1, len(edges) - 1) for edges in found.edges], np.int64)
    has = np.array([code is not None for code in found.missing], bool)
    levels = bins_of + has
    return Table(found.codes, levels, bins_of if missing == "omit" else levels, names)


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
    if codes.dtype.itemsize > 2 or levels.max(initial=1) > 1 << 16:
        column = int(levels.argmax())
        which = repr(names[column]) if names else column
        raise ValueError(
            f"{function}: column {which} of X has {levels[column]} levels, more than 65536; "
            "cut it into bins, or leave it out"
        )
    return Table(codes, levels, used, names)


def read_target(function: str, y: Any, samples: int, missing: str, workers: int | None) -> Target:
    """The target's labels as codes without gaps."""
    kind = getattr(y, "dtype", None)
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
    if len(present) > 1 << 16 or (kind is not None and getattr(kind, "kind", "") == "f" and len(present) > 256):
        raise ValueError(
            f"{function}: y has {len(present)} different labels; "
            "cut a continuous target into bins with discretize first"
        )
    return Target(np.ascontiguousarray(dense, np.uint16), len(present), kept)


def read_names(function: str, names: Any, table: Table) -> list[Any]:
    columns = table.codes.shape[1]
    if names is None:
        return list(table.names) if table.names is not None else list(range(columns))
    given: list[Any] = list(names)
    if len(given) != columns:
        raise ValueError(f"{function}: names must be one for each of the {columns} columns of X, got {len(given)}")
    return given


def read_columns(function: str, argument: str, wanted: Any, names: list[Any]) -> list[int]:
    """Column numbers of names or numbers, each once."""
    if wanted is None:
        return []
    if isinstance(wanted, str) or not isinstance(wanted, Sequence | np.ndarray):
        wanted = [wanted]
    found = []
    place = {name: i for i, name in reversed(list(enumerate(names)))}
    for one in wanted:
        if isinstance(one, str) or (not isinstance(one, int | np.integer) and one in place):
            if one not in place:
                raise ValueError(f"{function}: {argument} has {one!r}, which is not the name of a column of X")
            found.append(place[one])
            continue
        try:
            number = operator.index(one)
        except TypeError:
            raise TypeError(f"{function}: {argument} must hold names or numbers of columns, got {one!r}") from None
        if not -len(names) <= number < len(names):
            raise ValueError(f"{function}: {argument} has column {number}, and X has columns 0 to {len(names) - 1}")
        found.append(number % len(names))
    return list(dict.fromkeys(found))


def read_k(function: str, k: Any, most: int, least: int, reason: str) -> int:
    """How many columns to select; None is as many as there are."""
    if k is None:
        return most
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"{function}: k must be an integer or None, got {k!r}") from None
    if not max(1, least) <= number <= most:
        raise ValueError(f"{function}: k must be between {max(1, least)} and {most} ({reason}), got {number}")
    return number
