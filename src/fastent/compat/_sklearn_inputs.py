"""What scikit-learn accepts and refuses: labels, arrays, columns, tables and parameters, and its messages."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastent import encode

Array = NDArray[Any]

AVERAGES: dict[str, Callable[[float, float], float]] = {
    "arithmetic": lambda x, y: (x + y) / 2,
    "geometric": lambda x, y: math.sqrt(x * y),
    "max": max,
    "min": min,
}

_LARGEST_SEED = 2**32 - 1
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16))
_LABEL_KINDS = "biufmMUST"
_RESHAPE = (
    "Reshape your data either using array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if "
    "it contains a single sample."
)


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a type or a value that the function does not take."""


# ---- labels --------------------------------------------------------------------------------------------------------


def clusterings(
    function: str, labels_true: Any, labels_pred: Any, kind: str = "array", **others: tuple[Any, str]
) -> tuple[Array, Array]:
    """Two labellings of the same samples, ready to be counted, once they and the other parameters are checked."""
    validate(function, labels_true=(labels_true, kind), labels_pred=(labels_pred, kind), **others)
    x, y = check_array(labels_true), check_array(labels_pred)
    continuous = [_is_continuous(labels) for labels in (x, y)]
    if any(continuous):
        kinds = target_type(x), target_type(y)
        if "continuous" in kinds:
            message = (
                f"Clustering metrics expects discrete values but received {kinds[0]} values for label, and {kinds[1]} "
                "values for target"
            )
            warnings.warn(message, UserWarning, stacklevel=3)
    check_clusterings(x, y)
    return _plain(x), _plain(y)


def check_clusterings(x: Array, y: Array) -> None:
    for name, labels in (("labels_true", x), ("labels_pred", y)):
        if labels.ndim != 1:
            raise ValueError(f"{name} must be 1D: shape is {labels.shape}")
    check_lengths(x, y)


def _strings(labels: Array) -> bool:
    return labels.dtype == object and {str, np.str_}.issuperset(map(type, labels.ravel().tolist()))


def _plain(labels: Array) -> Array:
    """Labels that fastent tells apart as NumPy does; objects of several types only NumPy can compare so."""
    if labels.dtype.kind in _LABEL_KINDS or _strings(labels):
        return labels
    codes: Array = np.unique(labels, return_inverse=True)[1]
    return codes


def encoded(labels: Array) -> tuple[Array, int, Any]:
    """Codes of the sorted labels, how many there are, and the labels."""
    levels: Any
    if not isinstance(labels, np.ma.MaskedArray) and (labels.dtype.kind in _LABEL_KINDS or _strings(labels)):
        codes, levels = encode(labels, missing="level")[:2]
    else:
        levels, codes = np.unique(labels, return_inverse=True)
    return codes, len(levels), levels


def unique(labels: Array, any_order: bool = False) -> Array:
    """The labels that occur, sorted; with `any_order`, all of them if sorting is not sure to work."""
    if labels.dtype.kind in _LABEL_KINDS or _strings(labels):
        levels: Array = encoded(labels.ravel())[2]
        return levels
    return labels if any_order else np.unique(labels)


def _is_continuous(labels: Array, name: str = "") -> bool:
    """Whether labels are floats that are not whole; bytes, sequences and what cannot be sorted are refused."""
    first = labels[0] if labels.ndim and len(labels) else None
    if isinstance(first, bytes):
        raise TypeError(
            "Support for labels represented as bytes is not supported. Convert the labels to a string or integer "
            "format."
        )
    if not hasattr(first, "__array__") and isinstance(first, Sequence) and not isinstance(first, str):
        raise ValueError(
            "You appear to be using a legacy multi-label data representation. Sequence of sequences are no longer "
            "supported; use a binary array or sparse matrix instead - the MultiLabelBinarizer transformer can convert "
            "to this format."
        )
    if isinstance(first, str) and not _strings(labels):
        np.unique(labels)  # raises where labels cannot be sorted
    if labels.ndim not in (1, 2) or _whole(labels):
        return False
    _check_finite(labels, name)
    return True


def _whole(labels: Array) -> bool:
    if labels.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return bool((labels.astype(np.int64).astype(labels.dtype) == labels).all())


def target_type(y: Any, name: str = "") -> str:
    """What kind of labels these are, in scikit-learn's terms."""
    if isinstance(y, str) or not (isinstance(y, Sequence) or hasattr(y, "__array__")):
        raise ValueError(f"Expected array-like (array or non-string sequence), got {y!r}")
    if type(y).__name__ == "SparseArray":
        raise ValueError("y cannot be class 'SparseSeries' or 'SparseArray'")
    try:
        array = _to_array(y)
    except ValueError as error:
        if str(error).startswith("Complex data not supported"):
            raise
        array = np.asarray(y, dtype=object)  # rows of different lengths
    several = array.ndim == 2 and array.shape[1] > 1
    if several:
        values = np.unique(array)
        if len(values) < 3 and (values.dtype.kind in "biu" or (values.dtype.kind == "f" and _whole(values))):
            return "multilabel-indicator"
    continuous = _is_continuous(array, name)
    if array.ndim not in (1, 2):
        return "unknown"
    if not array.size:
        return "binary" if array.ndim == 1 else "unknown"
    if array.dtype == object and not isinstance(array.flat[0], str):
        return "unknown"
    kind = "continuous" if continuous else "multiclass" if several or len(unique(array)) > 2 else "binary"
    return kind + "-multioutput" if several else kind


# ---- arrays --------------------------------------------------------------------------------------------------------


def _to_array(given: Any, dtypes: tuple[np.dtype[Any], ...] = ()) -> Array:
    """An array of one of `dtypes`, or else of the first of them; of any dtype without them."""
    if isinstance(given, np.matrix):
        raise TypeError(
            "np.matrix is not supported. Please convert to a numpy array with np.asarray. For more information see: "
            "https://numpy.org/doc/stable/reference/generated/numpy.matrix.html"
        )
    if type(given).__module__.partition(".")[0] == "pandas" and hasattr(given, "isna"):
        given = _of_pandas(given, dtypes)
    elif not hasattr(getattr(given, "dtype", None), "kind") and dtypes:
        given = np.asarray(given, dtypes[0])
    array = np.asarray(given)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    return array if not dtypes or array.dtype in dtypes else array.astype(dtypes[0])


def _of_pandas(given: Any, dtypes: tuple[np.dtype[Any], ...]) -> Any:
    """Without pandas' own numeric dtypes, of which NumPy would make objects."""
    columns = list(given.dtypes) if given.ndim == 2 else [given.dtype]
    kinds = {getattr(dtype, "kind", "O") for dtype in columns}
    own = [d for d in columns if not isinstance(d, np.dtype) and not str(d).startswith("Sparse")]
    if not own or not kinds <= set("biuf"):
        return given
    if dtypes or given.ndim == 2 or np.asarray(given.isna()).any():
        return given.astype(dtypes[0] if dtypes else np.float64)
    return given.astype(own[0].numpy_dtype)


def check_array(given: Any, dtypes: tuple[np.dtype[Any], ...] = (), *, min_samples: int = 0, name: str = "") -> Array:
    """A finite array of at most two dimensions."""
    array = _to_array(given, dtypes)
    if array.ndim > 2:
        raise ValueError(f"Found array with dim {array.ndim}, while dim <= 2 is required.")
    _check_finite(array, name)
    check_size(array, min_samples)
    return array


def check_size(array: Any, min_samples: int) -> None:
    if min_samples and num_samples(array) < min_samples:
        raise ValueError(
            f"Found array with {array.shape[0]} sample(s) (shape={array.shape}) while a minimum of {min_samples} is "
            "required."
        )
    if array.ndim == 2 and array.shape[1] < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required.")


def _check_finite(array: Array, name: str = "", dtype: np.dtype[Any] | None = None) -> None:
    if array.dtype == object:
        if not _strings(array) and np.any(array != array):
            raise ValueError("Input contains NaN")
        return
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()) or np.isfinite(array).all():
            return
    name = f"{name} " if name else ""
    if np.isnan(array).any():
        raise ValueError(f"Input {name}contains NaN.")
    raise ValueError(f"Input {name}contains infinity or a value too large for {dtype or array.dtype!r}.")


def check_table(given: Any) -> Any:
    """A table of numbers, dense or sparse."""
    if is_sparse(given):
        if given.dtype.kind == "c":
            raise ValueError(f"Complex data not supported\n{given}\n")
        if given.ndim < 2:
            raise ValueError(f"Expected 2D input, got input with shape {given.shape}.\n{_RESHAPE}")
        if given.ndim > 2:
            raise ValueError(f"Found array with dim {given.ndim}, while dim <= 2 is required.")
        table = given.tocoo(copy=True)  # duplicates will be added up in place
        _check_finite(table.data, dtype=np.dtype(np.int64))
        check_size(table, 1)
        return table
    array = _to_array(given)
    _check_finite(array if array.dtype.kind == "f" else np.zeros(0), dtype=np.dtype(np.int64))
    if array.dtype.kind not in "biuf":
        whole = array.astype(np.int64)  # of objects, for the errors
        array = array.astype(np.float64) if array.dtype == object else whole
    if array.ndim < 2:
        kind = "scalar array" if array.ndim == 0 else "1D array"
        dtype = getattr(given, "dtype", None)
        if array.ndim and dtype is not None and (hasattr(given, "iloc") or hasattr(dtype, "na_value")):
            raise ValueError(
                f"Expected a 2-dimensional container but got {type(given)} instead. Pass a DataFrame containing a "
                "single row (i.e. single sample) or a single column (i.e. single feature) instead."
            )
        raise ValueError(f"Expected 2D array, got {kind} instead:\narray={array.astype(np.int64)}.\n{_RESHAPE}")
    if array.ndim > 2:
        raise ValueError(f"Found array with dim {array.ndim}, while dim <= 2 is required.")
    check_size(array, 1)
    return array


def check_columns(given: Any) -> Any:
    """Finite numbers in columns: an array, or a sparse matrix in columns."""
    if is_sparse(given):
        if given.dtype.kind == "c":
            raise ValueError(f"Complex data not supported\n{given}\n")
        if given.ndim != 2:
            raise ValueError(f"Expected 2D input, got input with shape {given.shape}.\n{_RESHAPE}")
        columns = given.tocsc()
        _check_finite(columns.data, "X", columns.dtype)
        check_size(columns, 1)
        return columns
    array = check_numbers(_to_array(given))
    if array.ndim < 2:
        kind = "scalar array" if array.ndim == 0 else "1D array"
        raise ValueError(f"Expected 2D array, got {kind} instead:\narray={array}.\n{_RESHAPE}")
    if array.ndim > 2:
        raise ValueError(f"Found array with dim {array.ndim}, while dim <= 2 is required.")
    _check_finite(array, "X")
    check_size(array, 1)
    return array


def check_numbers(array: Array) -> Array:
    """Objects as numbers; strings are refused."""
    if array.dtype.kind in "USV":
        raise ValueError(
            "dtype='numeric' is not compatible with arrays of bytes/strings.Convert your data to numeric values "
            "explicitly instead."
        )
    return array.astype(np.float64) if array.dtype == object else array


def num_samples(x: Any) -> int:
    shape = getattr(x, "shape", None)
    if shape is not None:
        if len(shape) == 0:
            raise TypeError(
                "Input should have at least 1 dimension i.e. satisfy `len(x.shape) > 0`, got scalar "
                f"`{x!r}` instead."
            )  # fmt: skip
        return int(shape[0])
    try:
        return len(x if hasattr(x, "__len__") else np.asarray(x))
    except TypeError as error:
        raise TypeError(f"Expected sequence or array-like, got {type(x)}") from error


def check_lengths(*arrays: Any) -> None:
    lengths = [num_samples(array) for array in arrays if array is not None]
    if len(set(lengths)) > 1:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {lengths}")


# ---- parameters ----------------------------------------------------------------------------------------------------


def is_sparse(x: Any) -> bool:
    """Whether SciPy made it; then SciPy has been imported."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(x))


def _is_array_like(x: Any) -> bool:
    return not np.isscalar(x) and not is_sparse(x) and any(hasattr(x, a) for a in ("__len__", "shape", "__array__"))


def _is_weight(x: Any) -> bool:
    return isinstance(x, Real) and 0 <= float(x) < math.inf


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "array": (_is_array_like, "an array-like"),
    "sparse": (is_sparse, "a sparse array or matrix"),
    "bool": (lambda x: isinstance(x, bool | np.bool_), "an instance of 'bool' or an instance of 'numpy.bool'"),
    "weight": (_is_weight, "a float in the range [0.0, inf)"),
    "str": (lambda x: isinstance(x, str), "an instance of 'str'"),
    "average": (lambda x: isinstance(x, str) and x in AVERAGES, f"a str among {{{str(list(AVERAGES))[1:-1]}}}"),
    "auto": (lambda x: isinstance(x, str) and x == "auto", "a str among {'auto'}"),
    "count": (lambda x: isinstance(x, Integral) and int(x) >= 1, "an int in the range [1, inf)"),
    "seed": (
        lambda x: isinstance(x, Integral) and 0 <= int(x) <= _LARGEST_SEED,
        f"an int in the range [0, {_LARGEST_SEED}]",
    ),
    "random_state": (
        lambda x: isinstance(x, np.random.RandomState),
        "an instance of 'numpy.random.mtrand.RandomState'",
    ),
    "integer": (lambda x: isinstance(x, Integral), "an instance of 'int'"),
    "none": (lambda x: x is None, "None"),
}


def validate(function: str, **parameters: tuple[Any, str]) -> None:
    """Each parameter, in the order of the signature, is of one of the kinds named."""
    for name, (value, allowed) in parameters.items():
        kinds = [_KINDS[kind] for kind in allowed.split()]
        if not any(test(value) for test, _ in kinds):
            texts = [text for _, text in kinds]
            wanted = texts[-1] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
            raise InvalidParameterError(
                f"The {name!r} parameter of {function} must be {wanted}. Got {value!r} instead."
            )
