"""Columns of frames and of objects: which of them hold floating-point numbers, however these are stored.

No other library is imported: its objects are recognised by the module of their type.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def library_of(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def columns_of(X: Any) -> tuple[list[Any] | None, list[Any]] | None:
    """Names and columns of a frame, None for anything else."""
    library = library_of(X)
    if library == "pandas" and hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:
        return list(X.columns), [X.iloc[:, i] for i in range(X.shape[1])]
    if library == "polars" and hasattr(X, "get_columns"):
        return list(X.columns), X.get_columns()
    if library == "pyarrow" and hasattr(X, "column_names"):
        return list(X.column_names), list(X.columns)
    return None


def floats_of(column: Any) -> Array | None:
    """A column of a frame, or an array, as floating-point numbers, nan where missing, if that is what it holds."""
    kind = str(column.type if hasattr(column, "type") else column.dtype).lower()
    if kind.startswith("sparse[float"):  # pandas
        return np.asarray(column, np.float32 if kind.startswith("sparse[float32") else np.float64)
    if kind == "object":
        return floats_of_objects(np.asarray(column, object))
    if kind.startswith("decimal"):
        return _of_decimals(column)
    if not kind.startswith(("float", "double", "halffloat")):
        return None
    if hasattr(column, "isna"):  # pandas, whose nullable types have no nan of their own
        values = column.to_numpy(dtype=np.float32 if kind.startswith("float32") else np.float64, na_value=np.nan)
    elif hasattr(column, "type"):
        values = column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    elif isinstance(column, np.ndarray):
        values = column
    else:
        values = column.to_numpy()
    return np.asarray(values)


def _of_decimals(column: Any) -> Array:
    """Decimals of polars, pyarrow and pandas by way of Python's."""
    entries = column.to_list() if hasattr(column, "to_list") else column.to_pylist()
    return np.array([_number(entry) for entry in entries], np.float64)


def _number(entry: Any) -> float:
    return np.nan if entry is None or type(entry).__name__ == "NAType" else float(entry)


def floats_of_objects(values: Array) -> Array | None:
    """Objects as float64 if they are numbers, some of them floats other than nan; None is nan."""
    kinds = set(map(type, values.tolist()))
    floats = tuple(kind for kind in kinds if issubclass(kind, float | np.floating | Decimal))
    allowed = (int, np.integer, np.bool_, type(None), *floats)
    if not floats or not all(issubclass(kind, allowed) or kind.__name__ == "NAType" for kind in kinds):
        return None
    if not any(isinstance(entry, floats) and entry == entry for entry in values.tolist()):
        return None
    return np.array([_number(entry) for entry in values.tolist()], np.float64)


def holds_floats(y: Any) -> bool:
    """Whether a column of labels, in whatever it came, holds floating-point numbers."""
    if library_of(y) == "torch" and hasattr(y, "is_floating_point"):
        return bool(y.is_floating_point())
    frame = columns_of(y)
    if frame is not None:
        return any(floats_of(column) is not None for column in frame[1])
    if library_of(y) in ("pandas", "polars", "pyarrow") and (hasattr(y, "dtype") or hasattr(y, "type")):
        return floats_of(y) is not None
    if isinstance(y, list | tuple):
        y = np.array(y, dtype=object)
    array = np.asarray(y)
    if array.dtype.name == "bfloat16":
        return True
    if array.dtype == object and array.ndim == 2:
        return any(floats_of_objects(column) is not None for column in array.T)
    return array.dtype.kind == "f" or (array.dtype == object and floats_of_objects(array.ravel()) is not None)
