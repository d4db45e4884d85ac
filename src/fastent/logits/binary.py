"""The loss of independent binary targets, one logit each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastent._arrays import FLOATS, Array, as_array
from fastent._logit_rows import (
    FLOAT32,
    FLOAT64,
    NARROW,
    Numbers,
    can_hold,
    check_derivatives_out,
    check_flag,
    check_number,
    check_weights,
    delivered,
    logits_array,
    plain_numbers,
)
from fastent._logits import engine
from fastent._plan import log_of_base
from fastent._threads import workers_for
from fastent.logits._common import described
from fastent.logits.losses import check_reduction

STRETCH = 256 * engine.PIECE
"""Elements per call of the engine: so many of other layouts and types are converted at a time."""


@described
def binary_cross_entropy(
    z: Any,
    y: Any,
    *,
    pos_weight: Any = None,
    sample_weight: Any = None,
    base: float | None = None,
    reduction: str = "none",
    empty: float = float("nan"),
    return_grad: bool = False,
    return_hess: bool = False,
    grad_out: Any = None,
    hess_out: Any = None,
    workers: int | None = None,
) -> Any:
    """Loss of a yes or no, with a = 1 / (1 + exp(-z)): -w y ln a - (1 - y) ln(1 - a), element by element.

    Parameters
    ----------
    z : array_like
        Logits of any shape: one per target. For several labels at once, (rows, labels).
    y : array_like
        Targets from 0 to 1, of the shape of z.
    pos_weight : array_like, optional
        w, the weight of the positives: a number, or one per entry of the last dimension.
    sample_weight : array_like, optional
        A weight for each element's loss; broadcast against z.
    <BASE>
    reduction : {"none", "mean", "sum"}
        A loss per element, or one number; the mean divides by the sample weights.
    empty : float
        What the mean over no elements is.
    return_grad, return_hess : bool
        Also return the derivative of the result by z, a - y without weights, and the second one, a (1 - a).
    <DERIVATIVES_OUT>
    <WORKERS>

    Returns
    -------
    ndarray of the shape of z, or a NumPy scalar
        float64 if z is float64 or integers, or y is float64; otherwise float32. With derivatives a tuple: loss, grad,
        hess, as far as asked for.

    Raises
    ------
    ValueError
        A target outside [0, 1], with its place.

    Notes
    -----
    Computed as w y softplus(-z) + (1 - y) softplus(z), terms that are never negative. An infinite logit gives the
    limit: 0 if it is right, inf if it is wrong. NaN gives nan. Options are those of PyTorch's
    `binary_cross_entropy_with_logits`, `sample_weight` being its `weight`; but the mean of weighted losses is divided
    by the sum of their weights, there by their number, and the default of `reduction` is "none".

    Examples
    --------
    >>> from fastent import logits
    >>> logits.binary_cross_entropy([0.0, 3.0, -50.0], [1, 1, 0])
    array([6.93147181e-01, 4.85873516e-02, 1.92874985e-22])
    >>> print(logits.binary_cross_entropy([[2.0, -1.0]], [[1, 1]], pos_weight=[1.0, 3.0], reduction="mean").round(4))
    2.0334
    """
    function = "binary_cross_entropy"
    shape = tuple(np.shape(z))
    logits = logits_array(function, "z", z if shape else np.atleast_1d(z))
    targets = _targets(function, y, logits.values.shape)
    reduction, empty = check_reduction(function, reduction), check_number(function, "empty", empty)
    return_grad = check_flag(function, "return_grad", return_grad) or grad_out is not None
    return_hess = check_flag(function, "return_hess", return_hess) or hess_out is not None
    check_derivatives_out(function, shape, grad_out, hess_out)
    divisor = log_of_base(function, base)
    last = logits.values.shape[-1]
    pos_weights = None if pos_weight is None else check_weights(function, "pos_weight", pos_weight, (last,), "label")
    weights = check_weights(function, "sample_weight", sample_weight, logits.values.shape, "element")
    count = logits.values.size
    total = float(count if weights is None else math.fsum(weights.reshape(-1))) if reduction == "mean" else 1.0
    dtype = FLOAT32 if logits.dtype in NARROW and targets.dtype in NARROW else FLOAT64
    operands = [logits.values, targets.values]
    losses = np.empty(shape, dtype) if reduction == "none" else None
    grad = _map_for(grad_out, dtype, shape, operands) if return_grad else None
    hess = _map_for(hess_out, dtype, shape, operands) if return_hess else None
    sums = np.empty(-(-count // engine.PIECE))
    scale = 1 / (total * divisor) if total else 0.0
    for first in range(0, count, STRETCH):
        part = slice(first, min(first + STRETCH, count))
        pieces = sums[first // engine.PIECE : -(-part.stop // engine.PIECE)]
        inputs = (_flat(logits, part, dtype), _flat(targets, part, dtype))
        _check_range(function, inputs[1], targets, first)
        loss_part, grad_part, hess_part = (None if o is None else o.reshape(-1)[part] for o in (losses, grad, hess))
        engine.binary(
            dtype == FLOAT64, part.stop - first,
            (*inputs, pos_weights, None if weights is None else weights.reshape(-1)[part]), last, first,
            (loss_part, grad_part, hess_part, pieces), divisor, scale,
            workers_for(function, workers, part.stop - first),
        )  # fmt: skip
    if losses is not None:
        loss: Any = losses[()]
    elif reduction == "mean" and total == 0:
        loss = dtype.type(empty)
    else:
        loss = dtype.type(math.fsum(sums) / total)
    derivatives = ((grad, grad_out), (hess, hess_out))
    found = [o[()] if out is None else delivered(o, out) for o, out in derivatives if o is not None]
    return (loss, *found) if found else loss


def _targets(function: str, y: Any, shape: tuple[int, ...]) -> Array:
    """Numbers of the shape of the logits; whole numbers of few bits and booleans are exact in any float."""
    array = as_array(function, "y", y, scalar=True)
    if array.values.shape != shape and not (array.values.ndim == 0 and shape == (1,)):
        raise ValueError(f"{function}: y must have the shape of z, {shape}, got {array.values.shape}")
    if array.dtype not in FLOATS:
        return Array(array.values, array.code, array.swapped, "float32")
    return array


def _map_for(out: Numbers | None, dtype: np.dtype[Any], shape: tuple[int, ...], operands: list[Numbers]) -> Numbers:
    """Where the engine writes a number per element: `out`, or a new array."""
    if out is not None and out.flags.carray and can_hold(out, dtype, operands):
        return out
    return np.empty(shape, dtype)


def _flat(array: Array, part: slice, dtype: np.dtype[Any]) -> Numbers:
    """Elements of the array in C order, as contiguous numbers of the dtype: a view where they are that already."""
    values = array.values
    if values.flags.c_contiguous and values.dtype == dtype:
        return values.reshape(-1)[part]
    piece = values.reshape(-1)[part] if values.flags.c_contiguous else values.flat[part]
    return np.ascontiguousarray(plain_numbers(array._replace(values=piece)), dtype)


def _check_range(function: str, values: Numbers, targets: Array, first: int) -> None:
    if values.min() >= 0 and values.max() <= 1:  # false for nan
        return
    wrong = int(np.flatnonzero(~((values >= 0) & (values <= 1)))[0])
    place = tuple(int(i) for i in np.unravel_index(first + wrong, targets.values.shape or (1,)))
    raise ValueError(
        f"{function}: y must be between 0 and 1, got {values[wrong]} at {place[0] if len(place) == 1 else place}"
    )
