"""Losses of logits against labels, distributions or other logits, with derivatives in the same call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastent._arrays import Array
from fastent._logit_rows import (
    FLOAT64,
    NO_DERIVATIVES,
    NOT_A_CLASS,
    Derivatives,
    Labels,
    Numbers,
    Rows,
    check_class_weight,
    check_derivatives_out,
    check_flag,
    check_labels,
    check_number,
    check_smoothing,
    check_temperature,
    check_weights,
    logits_array,
    reduce_logits,
)
from fastent._plan import log_of_base
from fastent.logits._common import described

REDUCTIONS = ("none", "mean", "sum")
SIDES = {"p": "gradient_first", "q": "gradient"}


def check_reduction(function: str, reduction: Any) -> str:
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(f"{function}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}")
    return reduction


def mean_weight(rows: Rows, labels: Labels | None, row_weights: Numbers | None, class_weights: Numbers | None) -> float:
    """What a mean is divided by: the weights of the rows that are kept."""
    if labels is None or class_weights is None:
        if row_weights is None:
            return float(rows.count if labels is None or labels.kept is None else np.count_nonzero(labels.kept))
        kept = slice(None) if labels is None or labels.kept is None else labels.kept
        return math.fsum(row_weights.reshape(-1)[kept])
    kept = labels.codes >= 0
    weights = class_weights[labels.codes[kept]]
    return math.fsum(weights if row_weights is None else weights * row_weights.reshape(-1)[kept])


def reduced(values: Numbers, reduction: str, total: float, empty: float, dtype: np.dtype[Any]) -> Any:
    if reduction == "none":
        return values[()]
    if reduction == "mean" and total == 0:
        return dtype.type(empty)
    loss = values.sum(dtype=np.float64)
    return dtype.type(loss / total if reduction == "mean" else loss)


def measured(
    rows: Rows,
    value: str,
    *,
    temperature: Any,
    base: float | None,
    sample_weight: Any,
    reduction: str,
    empty: float,
    workers: int | None,
    labels: Labels | None = None,
    label_smoothing: Any = 0.0,
    class_weight: Any = None,
    mapping: str = "gradient",
    return_grad: bool = False,
    return_hess: bool = False,
    grad_out: Any = None,
    hess_out: Any = None,
) -> Any:
    """A measure of rows, weighted and reduced, and the derivatives asked for."""
    function = rows.function
    temperature, smoothing = check_temperature(function, temperature), check_smoothing(function, label_smoothing)
    reduction, divisor = check_reduction(function, reduction), log_of_base(function, base)
    empty = check_number(function, "empty", empty)
    return_grad = check_flag(function, "return_grad", return_grad) or grad_out is not None
    return_hess = check_flag(function, "return_hess", return_hess) or hess_out is not None
    row_weights = check_weights(function, "sample_weight", sample_weight, rows.batch, "row")
    class_weights = check_class_weight(function, class_weight, rows.classes)
    total = mean_weight(rows, labels, row_weights, class_weights) if reduction == "mean" else 1.0
    derivatives = NO_DERIVATIVES
    if return_grad or return_hess:
        check_derivatives_out(function, rows.shape, grad_out, hess_out)
        derivatives = Derivatives(mapping, return_hess, 1 / total if total else 0.0, grad_out, hess_out)
    values, grad, hess = reduce_logits(
        rows, value, temperature=temperature, divisor=divisor, labels=labels, smoothing=smoothing,
        row_weights=row_weights, class_weights=class_weights, derivatives=derivatives,
        dtype=rows.dtype if reduction == "none" else FLOAT64, workers=workers,
    )  # fmt: skip
    loss = reduced(values, reduction, total, empty, rows.dtype)
    if not (return_grad or return_hess):
        return loss
    return (loss, *([grad] if return_grad else []), *([hess] if return_hess else []))


@described
def cross_entropy(
    z: Any,
    target: Any = None,
    *,
    target_logits: Any = None,
    axis: int = -1,
    temperature: float = 1.0,
    base: float | None = None,
    label_smoothing: float = 0.0,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = NOT_A_CLASS,
    reduction: str = "none",
    empty: float = float("nan"),
    return_grad: bool = False,
    return_hess: bool = False,
    grad_out: Any = None,
    hess_out: Any = None,
    workers: int | None = None,
) -> Any:
    """Cross-entropy of targets t and a = softmax(z / T), -sum t ln a: the loss of classifiers and language models.

    Parameters
    ----------
    <LOGITS>
    target : array_like
        Integers, one per row: labels. Or numbers of the shape of z: one-hot rows or probabilities, used as they are.
    target_logits : array_like
        Instead of `target`: t = softmax(target_logits / T), as a teacher gives it; broadcast to the shape of z.
    <AXIS>
    <TEMPERATURE>
    <BASE>
    label_smoothing : float
        e in the smoothed target (1 - e) t + e / k, k the number of classes.
    class_weight : array_like, optional
        A weight w for each class: the loss is -sum w t ln a.
    sample_weight : array_like, optional
        A weight for each row's loss.
    ignore_index : int or None
        For labels only. Rows with this label are left out: never read, loss 0, derivatives 0.
    reduction : {"none", "mean", "sum"}
        A loss per row, or one number. The mean divides by the weights of the rows that are kept: of the samples, and
        with labels also of their classes.
    empty : float
        What the mean over no rows is.
    return_grad, return_hess : bool
        Also return the derivative of the result by z, (a - t) / T for unweighted rows, and the diagonal of its second
        derivative, a (1 - a) / T^2, both of the shape of z.
    <DERIVATIVES_OUT>
    <WORKERS>

    <RESULT>
        With derivatives a tuple: loss, grad, hess, as far as asked for.

    Raises
    ------
    ValueError
        A label out of range, with its row; both or neither of the targets; weights of another shape.

    Notes
    -----
    With a label y it is ln(1 + R), R the sum of exp((z - z_y) / T) over the others, or, where floats have no room for
    that and in float64, (m - z_y) / T + ln(1 + Q), m the largest entry and Q the same sum around it: terms that are
    never negative, so that confident rows keep their digits. A class of -inf as target gives inf. <INVALID>

    Options and their meaning are those of PyTorch's `torch.nn.functional.cross_entropy`; the default of `reduction` is
    "none".

    Examples
    --------
    >>> from fastent import logits
    >>> print(logits.cross_entropy([0.0, 40.0], 1))
    4.248354255291589e-18
    >>> z = [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    >>> logits.cross_entropy(z, [0, 2]).round(4)
    array([0.2395, 1.5514])
    >>> loss, grad = logits.cross_entropy(z, [0, 2], reduction="mean", return_grad=True)
    >>> print(loss.round(4), grad.round(3).tolist())
    0.8955 [[-0.107, 0.053, 0.053], [0.106, 0.288, -0.394]]
    >>> buffer = np.empty((2, 3))  # reused in every step of a loop
    >>> loss, grad = logits.cross_entropy(z, [0, 2], reduction="mean", grad_out=buffer)
    >>> grad is buffer
    True
    """
    function = "cross_entropy"
    if (target is None) == (target_logits is None):
        raise ValueError("cross_entropy: pass either target (labels or probabilities) or target_logits")
    logits = logits_array(function, "z", z)
    labels = None
    if target_logits is not None:
        if check_smoothing(function, label_smoothing) or class_weight is not None:
            raise ValueError("cross_entropy: label_smoothing and class_weight are for target, not for target_logits")
        rows = Rows(
            function, {"z": logits, "target_logits": logits_array(function, "target_logits", target_logits)}, axis
        )
        value = "cross_entropy"
    elif np.ndim(target) == logits.values.ndim:
        targets = logits_array(function, "target", target)
        rows = Rows(function, {"z": logits, "target": targets}, axis)
        if targets.values.shape != logits.values.shape:
            raise ValueError(
                f"{function}: the target must have the shape of z, {logits.values.shape}, got {targets.values.shape}; "
                "np.broadcast_to(target, z.shape) repeats it without a copy"
            )
        value = "target_loss"
    else:
        rows = Rows(function, {"z": logits}, axis)
        labels = check_labels(function, target, rows.batch, rows.classes, ignore_index)
        value = "label_loss"
    if labels is None and ignore_index not in (None, NOT_A_CLASS):
        raise ValueError(f"{function}: ignore_index is for labels, got {ignore_index} beside other targets")
    if rows.shape != logits.values.shape:
        raise ValueError(
            f"{function}: target_logits must broadcast to the shape of z, {logits.values.shape}, got {rows.shape}"
        )
    return measured(
        rows, value, temperature=temperature, base=base, sample_weight=sample_weight, reduction=reduction, empty=empty,
        workers=workers, labels=labels, label_smoothing=label_smoothing, class_weight=class_weight,
        return_grad=return_grad, return_hess=return_hess, grad_out=grad_out, hess_out=hess_out,
    )  # fmt: skip


@described
def kl_divergence(
    z_p: Any,
    z_q: Any,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    base: float | None = None,
    sample_weight: Any = None,
    reduction: str = "none",
    empty: float = float("nan"),
    return_grad: bool | str = False,
    return_hess: bool = False,
    grad_out: Any = None,
    hess_out: Any = None,
    workers: int | None = None,
) -> Any:
    """Kullback-Leibler divergence of p = softmax(z_p / T) from q = softmax(z_q / T), sum p ln(p / q).

    Parameters
    ----------
    z_p, z_q : array_like
        Logits, first of the truth or teacher, then of the model or student; they broadcast except along `axis`.
        Exchange them for the reverse divergence.
    <AXIS>
    <TEMPERATURE>
    <BASE>
    <REDUCED>
    return_grad : bool or {"p", "q"}
        Also return the derivative of the result by z_q, (q - p) / T (True or "q"), or by z_p, p (ln(p / q) - KL) / T
        ("p").
    return_hess : bool
        Also return the diagonal of the second derivative by z_q, q (1 - q) / T^2.
    <DERIVATIVES_OUT>
    <WORKERS>

    <RESULT>
        With derivatives a tuple: divergence, grad, hess, as far as asked for, these of the shape of the logits.

    Notes
    -----
    Each term is p ln(p / q) - p + q, which is never negative, from the differences of the logits: nearly equal rows
    keep their digits, and equal ones, or ones that differ by a constant, give 0 to rounding. inf where p > 0 and q = 0:
    such a divergence has no derivative by z_p, which is then nan for every class with p > 0; that by z_q remains q - p.
    <INVALID>

    Source: Kullback & Leibler 1951; as a loss for distillation Hinton, Vinyals & Dean 2015, who multiply it by T^2.

    Examples
    --------
    >>> from fastent import logits
    >>> teacher, student = [[2.0, 0.0, -1.0]], [[1.0, 0.0, 0.0]]
    >>> logits.kl_divergence(teacher, student).round(4)
    array([0.1834])
    >>> logits.kl_divergence(student, teacher, temperature=2.0).round(4)
    array([0.0811])
    """
    side = _side("kl_divergence", return_grad, grad_out)
    if (check_flag("kl_divergence", "return_hess", return_hess) or hess_out is not None) and side == "p":
        name = "return_hess" if return_hess else "hess_out"
        raise ValueError(f"kl_divergence: {name} is for the derivatives by z_q, not beside return_grad='p'")
    return measured(
        _pair("kl_divergence", z_p, z_q, axis), "kl", temperature=temperature, base=base, sample_weight=sample_weight,
        reduction=reduction, empty=empty, workers=workers, mapping=SIDES[side or "q"], return_grad=side is not None,
        return_hess=return_hess, grad_out=grad_out, hess_out=hess_out,
    )  # fmt: skip


@described
def js_divergence(
    z_p: Any,
    z_q: Any,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    base: float | None = None,
    sample_weight: Any = None,
    reduction: str = "none",
    empty: float = float("nan"),
    return_grad: bool | str = False,
    grad_out: Any = None,
    workers: int | None = None,
) -> Any:
    """Jensen-Shannon divergence of p = softmax(z_p / T) and q = softmax(z_q / T): between 0 and ln 2, symmetric.

    Parameters
    ----------
    z_p, z_q : array_like
        Logits; they broadcast except along `axis`.
    <AXIS>
    <TEMPERATURE>
    <BASE>
    <REDUCED>
    return_grad : bool or {"p", "q"}
        Also return the derivative of the result by z_q, q (ln(q / m) - KL(q, m)) / 2T (True or "q"), or the same of p
        by z_p ("p").
    <GRAD_OUT>
    <WORKERS>

    <RESULT>
        With `return_grad` a tuple of it and an array of the shape of the logits.

    Notes
    -----
    (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2 (Lin 1991), from the differences of the logits. <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> print(logits.js_divergence([0.0, -float("inf")], [-float("inf"), 0.0], base=2))
    1.0
    """
    side = _side("js_divergence", return_grad, grad_out)
    return measured(
        _pair("js_divergence", z_p, z_q, axis), "js", temperature=temperature, base=base, sample_weight=sample_weight,
        reduction=reduction, empty=empty, workers=workers, mapping=SIDES[side or "q"], return_grad=side is not None,
        grad_out=grad_out,
    )  # fmt: skip


def _side(function: str, return_grad: Any, grad_out: Any) -> str | None:
    """By whose logits a divergence is derived."""
    if isinstance(return_grad, str) and return_grad in SIDES:
        return return_grad
    if not isinstance(return_grad, (bool, np.bool_)):
        raise ValueError(f"{function}: return_grad must be a bool, 'p' or 'q', got {return_grad!r}")
    return "q" if return_grad or grad_out is not None else None


def _pair(function: str, z_p: Any, z_q: Any, axis: Any) -> Rows:
    operands: dict[str, Array] = {
        "z_p": logits_array(function, "z_p", z_p),
        "z_q": logits_array(function, "z_q", z_q),
    }
    return Rows(function, operands, axis)
