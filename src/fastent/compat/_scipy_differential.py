"""scipy.stats.differential_entropy on fastent's engine; `fastent.compat.scipy` hands it on.

Signature, defaults, conventions, dtypes and messages of SciPy 1.17. Every difference:

======================================================= ============================== ==============================
case                                                    SciPy                          fastent.compat.scipy
======================================================= ============================== ==============================
memory of "correa"                                      2 window_length + 1 times x    one variable per worker
float32 and float16 samples                             computed in their own digits   computed in float64
repeated samples that make a window 0                   -inf and a RuntimeWarning      -inf
longdouble, complex or object samples                   computed, or other errors      TypeError
text, where there is too little of it                   nan                            TypeError
the category of the warning about too few samples       scipy.stats.SmallSampleWarning RuntimeWarning, its parent
methods in the message about `method`                   in any order                   always in the same order
``SCIPY_ARRAY_API=1``                                   torch, jax and cupy compute    NumPy on the CPU
threads                                                 one                            see `fastent.set_workers`
======================================================= ============================== ==============================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastent._threads import workers_for
from fastent.continuous import _plan
from fastent.continuous.samples import chosen_method, default_window, spacing_entropy

Array = NDArray[Any]
Result = NDArray[np.floating[Any]] | np.floating[Any]

_METHODS = ("vasicek", "van es", "correa", "ebrahimi", "auto")
_POLICIES = ("propagate", "raise", "omit")
_SEE = "See documentation for sample size requirements."
_TOO_SMALL = f"One or more sample arguments is too small; all returned values will be NaN. {_SEE}"
_TOO_SMALL_LEFT = (
    f"After omitting NaNs, one or more sample arguments is too small; all returned values will be NaN. {_SEE}"
)
_ALL_TOO_SMALL = (
    "All axis-slices of one or more sample arguments are too small; all elements of returned arrays will be NaN. "
    + _SEE
)
_SOME_TOO_SMALL = (
    "After omitting NaNs, one or more axis-slices of one or more sample arguments is too small; corresponding elements "
    f"of returned arrays will be NaN. {_SEE}"
)


def differential_entropy(
    values: ArrayLike,
    *,
    window_length: int | None = None,
    base: float | None = None,
    axis: int | tuple[int, ...] | None = 0,
    method: str = "auto",
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Result:
    """Differential entropy estimated from samples: scipy.stats.differential_entropy.

    Parameters
    ----------
    values : array_like
        Samples. Masked ones are left out.
    window_length : int, optional
        At least 1 and less than half of the samples; the integer next to their square root without it.
    base : float, optional
        Base of the logarithm, in place of nats.
    axis : int, tuple of int or None
        Axes that hold the samples of one variable; None for all.
    method : {'vasicek', 'van es', 'ebrahimi', 'correa', 'auto'}
        The estimator, see `fastent.continuous.differential_entropy`.
    nan_policy : {'propagate', 'omit', 'raise'}
        A nan makes its variable nan, is left out, or raises ValueError.
    keepdims : bool
        Keep the reduced axes, with length one.

    Returns
    -------
    numpy scalar or ndarray
        Of the dtype of floating samples, otherwise float64. nan, with a warning, for too few samples in one dimension.

    Raises
    ------
    ValueError
        `window_length` does not suit the samples, `base` is not positive, unknown `method` or `nan_policy`.
    TypeError
        The samples are not real numbers of at most 64 bits.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=100)
    >>> round(float(differential_entropy(x)), 4)
    1.3345
    """
    array, mask = _read(values)
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind == "f" else np.dtype(np.float64)
    axes = tuple(range(array.ndim)) if axis is None else _axes(axis, array.ndim)
    rows, hidden = (None if a is None else _rows(a, axes, axis is None) for a in (array, mask))
    assert rows is not None
    options = window_length, base, method

    if rows.ndim == 1:
        result = np.asarray(_of_one(rows, hidden, nan_policy, options), dtype)
    else:
        result = np.asarray(_of_many(rows, hidden, nan_policy, options), dtype)
    if keepdims:
        return np.expand_dims(result, axes)
    return result[()]


def _read(values: Any) -> tuple[Array, Array | None]:
    """Numbers of at least one dimension, and which of them are hidden, if any."""
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    array = np.atleast_1d(np.asarray(values))
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"differential_entropy: values must hold real numbers of at most 64 bits, got dtype {array.dtype}"
        )
    if mask is not None:
        mask = np.atleast_1d(mask)
    return array, mask if mask is not None and mask.any() else None


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    given = np.atleast_1d(axis)
    message = "`axis` must be an integer, a tuple of integers, or `None`."
    try:
        with np.errstate(invalid="ignore"):
            axes = given.astype(int)
    except ValueError as error:
        raise np.exceptions.AxisError(message) from error
    if not np.array_equal(axes, given):
        raise np.exceptions.AxisError(message)
    axes = np.where(axes < 0, axes + ndim, axes)
    if axes.max() >= ndim or axes.min() < 0:
        raise np.exceptions.AxisError(f"`axis` is out of bounds for array of dimension {ndim}")
    if len(set(axes.tolist())) != axes.size:
        raise np.exceptions.AxisError("`axis` must contain only distinct elements")
    return tuple(axes.tolist())


def _rows(array: Array, axes: tuple[int, ...], flat: bool) -> Array:
    """The samples of a variable along the last dimension."""
    if flat:
        return array.ravel()
    moved = np.moveaxis(array, axes, range(-len(axes), 0))
    kept = moved.ndim - len(axes)
    return moved if len(axes) == 1 else moved.reshape(*moved.shape[:kept], math.prod(moved.shape[kept:]))


def _has_nan(array: Array, policy: Any) -> bool:
    if policy not in _POLICIES:
        raise ValueError(f"nan_policy must be one of {{{', '.join(map(repr, _POLICIES))}}}.")
    found = array.size > 0 and array.dtype.kind == "f" and bool(np.isnan(array.max()))
    if found and policy == "raise":
        raise ValueError("The input contains nan values")
    return found


def _is_too_small(n: int, window_length: Any) -> bool:
    window = default_window(n) if window_length is None else window_length
    return not 2 <= 2 * window < n


def _of_one(row: Array, hidden: Array | None, policy: str, options: tuple[Any, ...]) -> Any:
    message = _TOO_SMALL
    shown = row if hidden is None else row[~hidden]
    if _has_nan(shown, policy):
        if policy == "propagate":
            return np.nan
        shown, message = shown[~np.isnan(shown)], _TOO_SMALL_LEFT
    if _is_too_small(shown.size, options[0]):
        warnings.warn(message, RuntimeWarning, stacklevel=3)
        return np.nan
    return _estimate(shown, *options)


def _of_many(rows: Array, hidden: Array | None, policy: str, options: tuple[Any, ...]) -> Any:
    shape, n = rows.shape[:-1], rows.shape[-1]
    too_small = _is_too_small(n, options[0])
    if rows.size == 0 and (too_small or math.prod(shape) == 0):
        if too_small and math.prod(shape):
            warnings.warn(_ALL_TOO_SMALL, RuntimeWarning, stacklevel=3)
        return np.full(shape, np.nan)
    if hidden is not None:
        rows = np.where(hidden, rows.dtype.type(0), rows)
    # engines make a variable with a nan nan, so that under "propagate" nobody has to look for one
    if hidden is not None or policy != "propagate" or too_small:
        has_nan = _has_nan(rows, policy)
        if hidden is not None or (has_nan and (policy == "omit" or too_small)):
            return np.array(list(_each(rows, hidden, policy, has_nan, options))).reshape(shape)
    return _estimate(rows, *options)


def _each(rows: Array, hidden: Array | None, policy: str, has_nan: bool, options: tuple[Any, ...]) -> Iterator[Any]:
    """One variable after the other, of those of its samples that count."""
    for index in np.ndindex(rows.shape[:-1]):
        row = rows[index]
        shown = row if hidden is None else row[~hidden[index]]
        if has_nan and policy == "propagate" and np.isnan(row).any():
            yield np.nan
            continue
        if has_nan and policy == "omit":
            shown = shown[~np.isnan(shown)]
        if _is_too_small(shown.size, options[0]):
            if has_nan and policy == "omit":
                warnings.warn(_SOME_TOO_SMALL, RuntimeWarning, stacklevel=5)
            yield np.nan
            continue
        yield _estimate(shown, *options)


def _estimate(rows: Array, window_length: Any, base: Any, method: str) -> Any:
    n = rows.shape[-1]
    window = default_window(n) if window_length is None else window_length
    if not 2 <= 2 * window < n:
        raise ValueError(f"Window length ({window}) must be positive and less than half the sample size ({n}).")
    if base is not None and base <= 0:
        raise ValueError("`base` must be a positive number or `None`.")
    method = method.lower()
    if method not in _METHODS:
        raise ValueError(f"`method` must be one of {{{', '.join(map(repr, _METHODS))}}}")
    samples = _plan.samples("differential_entropy", rows, -1)
    workers = workers_for("differential_entropy", None, rows.size)
    result = spacing_entropy(samples, chosen_method(method, n), window, workers)
    return result if base is None else result / math.log(base)
