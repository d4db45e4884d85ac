"""Labels of any kind as small integer codes: relabelled once, here, so that counting sees nothing but codes.

    input  ->  columns  ->  one way per kind of label      ->  codes in the smallest dtype
    _read      _column      integers, few values, objects      encode, as_codes

No other library is imported: its objects are recognised by the module of their type and asked with their own methods.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from fastent._levels import (
    Column,
    code_dtype,
    extremes,
    first_rows,
    object_array,
    of_integers,
    of_objects,
    of_values,
    relabelled,
)
from fastent._threads import workers_for

_Array = np.ndarray[Any, Any]
Missing = Literal["raise", "level", "omit"]


class Encoded(NamedTuple):
    """What `encode` returns: `levels[codes]` are the labels."""

    codes: _Array
    levels: _Array | list[_Array]
    missing: int | list[int | None] | None


class Codes(NamedTuple):
    """Label columns as the measures take them: every value is below the cardinality of its column."""

    values: _Array  # uint8, uint16 or uint32 of shape (n,) or (n, columns), with any strides
    cardinalities: _Array  # int64, one per column
    kept: _Array | None  # False where a label is missing and left out, in the shape of values; None: all are kept
    names: list[Any] | None  # of the columns of a frame


class _Input(NamedTuple):
    columns: Sequence[Any]  # arrays, or columns of another library
    matrix: _Array | None  # all of them in one array, if they are
    rows: int
    ndim: int
    names: list[Any] | None = None  # of the columns of a frame
    label: Any = None  # name of a series


# ---- public --------------------------------------------------------------------------------------------------------


def encode(X: Any, missing: Missing = "raise", *, workers: int | None = None) -> Encoded:
    """Labels as small integers: the sorted levels of each column are numbered 0, 1, 2, ...

    Encode once what is measured often: arrays of uint8 or uint16 codes are counted as they are.

    Parameters
    ----------
    X : array_like
        Labels of shape (n,) or (n, columns): booleans, integers, floats, strings, bytes, dates or Python objects, in
        lists, arrays, masked arrays and tensors; series, frames and tables of pandas, polars and pyarrow, whose
        columns may differ in type.
    missing : {"raise", "level", "omit"}
        What becomes of None, nan, NaT, NA, nulls and masked entries: a ValueError that names the first one; one more
        level with the last code; or that code without a level.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    codes : ndarray
        In the shape of X and the smallest of uint8, uint16 and uint32 that fits; 2-D codes are in Fortran order.
    levels : ndarray, for 2-D input a list with one per column
        The label of each code. The level of missing labels is nan or NaT where there is one, otherwise None.
    missing : int or None, for 2-D input a list with one per column
        The code of missing labels; None if there are none. With "omit" it is one past the levels, and
        `codes != missing` are the labels to keep.

    Raises
    ------
    ValueError
        X is not 1-D or 2-D, labels are missing, or a column has more than 2**32 - 1 levels.
    TypeError
        Complex numbers, records, labels that cannot be hashed, or a tensor that is not on the CPU.

    Notes
    -----
    Labels are the same if they are equal: 0.0 and -0.0, and among objects also 1, 1.0 and True. Objects that cannot
    be sorted are numbered in the order in which they appear. All categories of a pandas Categorical or a polars Enum
    are levels, in their order, also those that do not occur. A polars Categorical and a pyarrow dictionary are ways to
    store labels, not sets of them: they are relabelled.

    Examples
    --------
    >>> import fastent
    >>> codes, levels, _ = fastent.encode(["oak", "elm", "oak", "ash"])
    >>> print(codes, levels)
    [2 1 2 0] ['ash' 'elm' 'oak']
    >>> codes, levels, missing = fastent.encode([20.5, float("nan"), 3.0], missing="level")
    >>> print(codes, levels, missing)
    [1 2 0] [ 3.  20.5  nan] 2
    """
    source = _read(X, "encode: X", missing)
    threads = workers_for("encode", workers, source.rows * len(source.columns))
    columns = _columns(source, "encode: X", missing, keep=False, workers=threads)
    flags = [None if column.missing is None else len(column.levels) for column in columns]
    codes = _stack(source, columns, [len(c.levels) + (c.missing is not None) for c in columns])
    for column, flag, out in zip(columns, flags, _each(codes), strict=True):
        if column.missing is not None:
            out[column.missing] = flag
    extend = missing == "level"
    levels = [_with_missing(c.levels) if extend and c.missing is not None else c.levels for c in columns]
    return Encoded(codes, levels[0], flags[0]) if source.ndim == 1 else Encoded(codes, levels, flags)


def as_codes(X: Any, name: str, missing: Missing = "raise", workers: int | None = None) -> Codes:
    """The operand of a measure: uint8, uint16 and bool arrays as they are, without a copy; anything else encoded.

    `name` begins the messages, as in "mutual_information: x". The codes of omitted labels are 0.
    """
    source = _read(X, name, missing)
    codes = None if source.matrix is None else _ready(source.matrix)
    if codes is not None:
        counts = np.zeros(len(source.columns), np.int64)
        if codes.size:
            counts += extremes(codes if codes.ndim == 2 else codes[:, None])[1]
            counts += 1
        return Codes(codes, counts, None, source.names)
    threads = workers_for(name.partition(":")[0], workers, source.rows * len(source.columns))
    columns = _columns(source, name, missing, keep=True, workers=threads)
    extend = missing == "level"
    # A column of nothing but missing labels has no level, yet its codes are 0.
    sizes = [max(len(c.levels) + (extend and c.missing is not None), min(source.rows, 1)) for c in columns]
    values = _stack(source, columns, sizes)
    kept = None
    if extend:
        for column, out in zip(columns, _each(values), strict=True):
            if column.missing is not None:
                out[column.missing] = len(column.levels)
    elif any(column.missing is not None for column in columns):
        kept = np.ones(values.shape, bool, order="F")
        for column, out in zip(columns, _each(kept), strict=True):
            if column.missing is not None:
                out[column.missing] = False
    return Codes(values, np.array(sizes, np.int64), kept, source.names)


# ---- from columns to codes -----------------------------------------------------------------------------------------


def _columns(source: _Input, name: str, missing: str, keep: bool, workers: int) -> list[Column]:
    """Every column relabelled; with `keep`, those that are codes already stay as they are."""
    try:
        if source.matrix is not None and source.matrix.dtype.kind in "iu":
            return of_integers(source.matrix if source.ndim == 2 else source.matrix[:, None], workers)
        columns = [_column(column, keep, workers) for column in source.columns]
    except (TypeError, NotImplementedError) as error:  # of dict, pandas and pyarrow
        raise TypeError(f"{name} must hold labels that can be hashed and compared ({error})") from error
    for i, column in enumerate(columns):
        if missing == "raise" and column.missing is not None:
            which = source.label if source.ndim == 1 else source.names[i] if source.names else i
            where = "" if which is None else f"column {which!r}, "
            raise ValueError(
                f"{name} has a missing label in {where}row {int(column.missing.argmax())}; fill it, or pass "
                "missing='level' to make missing labels a level or missing='omit' to leave them out"
            )
    return columns


def _stack(source: _Input, columns: list[Column], sizes: list[int]) -> _Array:
    dtype = code_dtype(max(sizes, default=0))
    if source.ndim == 1:
        return columns[0].codes.astype(dtype, copy=False)
    codes = np.empty((source.rows, len(columns)), dtype, order="F")
    for column, out in zip(columns, _each(codes), strict=True):
        out[:] = column.codes
    return codes


def _each(array: _Array) -> list[_Array]:
    return [array] if array.ndim == 1 else list(array.T)


def _ready(array: _Array) -> _Array | None:
    """The array if it holds codes that can be counted as they are."""
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    return array if array.dtype in (np.uint8, np.uint16) and array.flags.aligned else None


def _with_missing(levels: _Array) -> _Array:
    """One more level: nan or NaT where the dtype has one, else None."""
    if levels.dtype.kind in "fmM":
        return np.append(levels, np.array(["nan" if levels.dtype.kind == "f" else "NaT"], levels.dtype))
    if hasattr(levels.dtype, "na_object"):
        return np.append(levels, np.array([levels.dtype.na_object], levels.dtype))
    return object_array([*levels.tolist(), None])


# ---- reading -------------------------------------------------------------------------------------------------------


def check_missing(function: str, missing: Any) -> None:
    if not isinstance(missing, str) or missing not in ("raise", "level", "omit"):
        raise ValueError(f"{function}: missing must be 'raise', 'level' or 'omit', got {missing!r}")


def _read(X: Any, name: str, missing: str) -> _Input:
    check_missing(name.partition(":")[0], missing)
    library = type(X).__module__.partition(".")[0]
    if library == "pandas" and hasattr(X, "factorize"):
        plain = isinstance(X.dtype, np.dtype) and X.dtype.kind in "biu"
        return _Input([X], _native(X.to_numpy()) if plain else None, len(X), 1, label=getattr(X, "name", None))
    if library == "pandas" and hasattr(X, "iloc"):
        kinds = set(X.dtypes)
        plain = len(kinds) == 1 and all(isinstance(kind, np.dtype) and kind.kind in "biu" for kind in kinds)
        columns = [X.iloc[:, i] for i in range(X.shape[1])]  # names may repeat
        return _Input(columns, _native(X.to_numpy()) if plain else None, len(X), 2, list(X.columns))
    if library == "polars" and hasattr(X, "to_physical"):
        return _Input([X], None, len(X), 1, label=X.name or None)
    if library == "polars" and hasattr(X, "get_columns"):
        return _Input(X.get_columns(), None, X.height, 2, list(X.columns))
    if library == "pyarrow" and hasattr(X, "dictionary_encode"):
        return _Input([X], None, len(X), 1)
    if library == "pyarrow" and hasattr(X, "column_names"):
        return _Input(X.columns, None, X.num_rows, 2, list(X.column_names))

    array: Any
    if library == "torch" and hasattr(X, "detach"):
        array = array_of_torch(X, name)
    elif isinstance(X, list | tuple):
        array = _of_list(X, name)
    else:
        array = X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    if array.ndim not in (1, 2):
        got = f"{type(X).__name__} of shape {array.shape}"
        raise ValueError(f"{name} must be labels of shape (n,) or (n, columns), got {got}")
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind in "cV":
        raise TypeError(f"{name} must hold labels (numbers, strings, dates or objects), got dtype {array.dtype}")
    array = _native(array)
    if isinstance(array, np.ma.MaskedArray) and not np.ma.is_masked(array):
        array = array.data
    columns = [array] if array.ndim == 1 else [array[:, i] for i in range(array.shape[1])]
    return _Input(columns, None if isinstance(array, np.ma.MaskedArray) else array, len(array), array.ndim)


def _native(array: _Array) -> _Array:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def array_of_torch(tensor: Any, name: str) -> _Array:
    """A tensor as an array; `name` begins the messages, as in "select: X"."""
    tensor = tensor.detach()
    if tensor.device.type != "cpu":
        argument = name.rpartition(" ")[2]
        raise TypeError(f"{name} must be a tensor on the CPU, got one on {tensor.device}; pass {argument}.cpu()")
    array: _Array = (
        tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor.resolve_conj().resolve_neg()
    ).numpy()
    return array


def _of_list(labels: list[Any] | tuple[Any, ...], name: str) -> _Array:
    """Numbers as numbers, anything else as objects: NumPy would make strings of [1, "a"] and of ["a", nan]."""
    try:
        array = np.array(labels, dtype=object)
        kinds = set(map(type, array.ravel().tolist()))
        if any(
            not issubclass(kind, int | float | complex | np.generic) or issubclass(kind, str | bytes) for kind in kinds
        ):
            return array
        numbers = np.asarray(labels)
    except ValueError as error:
        raise ValueError(f"{name} must be labels of shape (n,) or (n, columns), got a ragged list ({error})") from None
    if numbers.dtype.kind == "f" and any(issubclass(kind, int | np.integer) for kind in kinds):
        return array if (np.abs(numbers) >= 2.0**53).any() else numbers  # integers that float64 would round
    return numbers


# ---- one column ----------------------------------------------------------------------------------------------------


def _column(column: Any, keep: bool, workers: int) -> Column:
    if isinstance(column, np.ma.MaskedArray):
        return _of_array(column.data, np.ma.getmaskarray(column), keep, workers)
    if isinstance(column, np.ndarray):
        return _of_array(column, None, keep, workers)
    library = type(column).__module__.partition(".")[0]
    return {"pandas": _of_pandas, "polars": _of_polars, "pyarrow": _of_arrow}[library](column, keep, workers)


def _of_pandas(column: Any, keep: bool, workers: int) -> Column:
    dtype = column.dtype
    if dtype.name == "category":
        categorical = getattr(column, "cat", column)
        return _of_categories(np.asarray(categorical.codes), np.array(categorical.categories))
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _of_array(_native(column.to_numpy()), None, keep, workers)
    if dtype.kind in "biuf" and hasattr(dtype, "numpy_dtype"):  # Int64, boolean, double[pyarrow]
        values = column.to_numpy(dtype=dtype.numpy_dtype, na_value=False if dtype.kind == "b" else 0)
        return _of_array(values, np.asarray(column.isna()), keep, workers)
    codes, labels = column.factorize()
    absent = [None] if len(codes) and codes.min() < 0 else []  # the last label, which is that of the code -1
    return relabelled(codes, labels.tolist() + absent)


def _of_polars(column: Any, keep: bool, workers: int) -> Column:
    kind = type(column.dtype).__name__
    mask = column.is_null().to_numpy() if column.null_count() else None
    if kind in ("Date", "Datetime", "Duration"):
        return _of_array(column.to_numpy(), None, keep, workers)
    if kind == "Boolean" or (column.dtype.is_numeric() and kind not in ("Decimal", "Int128", "UInt128")):
        whole = column if mask is None else column.fill_null(False if kind == "Boolean" else 0)
        return _of_array(whole.to_numpy(), mask, keep, workers)
    if kind == "String":  # the cast is a hash join
        levels = column.drop_nulls().unique().sort()
        column = column.cast(sys.modules["polars"].Enum(levels))
        kind = "Enum"
    if kind == "Enum":
        codes = column.to_physical() if mask is None else column.to_physical().cast(int).fill_null(-1)
        return _of_categories(codes.to_numpy(), object_array(column.dtype.categories.to_list()))
    if kind == "Categorical":
        numbers = of_integers(column.to_physical().cast(int).fill_null(-1).to_numpy()[:, None])[0]
        labels = column.gather(first_rows(numbers.codes, len(numbers.levels))).to_list()
        return relabelled(numbers.codes, labels)
    return of_objects(object_array(column.to_list()), workers)


def _of_arrow(column: Any, keep: bool, workers: int) -> Column:
    kind = str(column.type)
    if kind.startswith(("date32", "date64", "timestamp", "duration")):
        return _of_array(column.to_numpy(zero_copy_only=False), None, keep, workers)
    if kind == "bool" or kind in ("halffloat", "float", "double") or kind.startswith(("int", "uint")):
        mask = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
        whole = column if mask is None else column.fill_null(False if kind == "bool" else 0)
        return _of_array(whole.to_numpy(zero_copy_only=False), mask, keep, workers)
    if not kind.startswith("dictionary"):
        column = column.dictionary_encode()
    if hasattr(column, "chunks"):
        column = column.unify_dictionaries().combine_chunks()
    return _of_encoding(column.indices.cast("int64").fill_null(-1).to_numpy(), column.dictionary.to_pylist())


def _of_array(values: _Array, mask: _Array | None, keep: bool, workers: int) -> Column:
    """A column of an array, of which `mask` marks missing entries beside those that are so by themselves."""
    if values.dtype.kind in "fmM":
        absent = np.isnan(values)  # also of NaT
        mask = absent if mask is None else mask | absent
    if mask is None or not mask.any():
        codes = _ready(values) if keep else None
        if codes is not None:
            return Column(codes, np.arange(int(codes.max()) + 1 if len(codes) else 0), None)
        return of_values(values, workers)
    part = of_values(values[~mask], workers)
    codes = np.zeros(len(values), part.codes.dtype)
    codes[~mask] = part.codes
    if part.missing is not None:
        mask = mask.copy()
        mask[~mask] = part.missing
    return Column(codes, part.levels, mask)


def _of_categories(codes: _Array, categories: _Array) -> Column:
    """All categories are levels, used or not; the code -1 is missing."""
    absent = codes < 0
    codes = codes.astype(code_dtype(len(categories)))
    codes[absent] = 0
    return Column(codes, categories, absent if absent.any() else None)


def _of_encoding(codes: _Array, labels: Any) -> Column:
    """What another library has numbered: the labels that occur, sorted; the code -1 is missing."""
    column = of_integers(codes[:, None])[0]
    return relabelled(column.codes, [None if code < 0 else labels[code] for code in column.levels.tolist()])
