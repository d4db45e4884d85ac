"""One array of logits: normaliser, softmax, entropy, the likeliest classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent._logit_rows import (
    CODES,
    NOT_A_CLASS,
    Derivatives,
    Labels,
    Rows,
    check_labels,
    check_temperature,
    halves,
    logits_array,
    reduce_logits,
)
from fastent._logits import engine
from fastent._plan import check_out, log_of_base
from fastent._threads import workers_for
from fastent.logits._common import described
from fastent.logits.losses import cross_entropy, measured

LARGEST_CODES = (engine.VALUES["log_sum_exp"], engine.MAPS["nothing"], engine.FINISHES["as_it_is"])


def _rows(function: str, z: Any, axis: Any) -> Rows:
    return Rows(function, {"z": logits_array(function, "z", z)}, axis)


@described
def log_sum_exp(z: Any, *, axis: int = -1, temperature: float = 1.0, workers: int | None = None) -> Any:
    """Logarithm of the normaliser of softmax(z / T), ln sum exp(z / T).

    Parameters
    ----------
    <LOGITS>
    <AXIS>
    <TEMPERATURE>
    <WORKERS>

    <RESULT>

    Notes
    -----
    Computed as m + ln(1 + R) with m the largest entry and R the sum of exp(z - m) over the others: nothing overflows.
    <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> print(logits.log_sum_exp([1000.0, 1000.0]))
    1000.6931471805599
    """
    rows = _rows("log_sum_exp", z, axis)
    temperature = check_temperature("log_sum_exp", temperature)
    values, _, _ = reduce_logits(rows, "log_sum_exp", temperature=temperature, workers=workers)
    return values[()]


def _entries(function: str, mapping: str, z: Any, axis: Any, temperature: Any, out: Any, workers: int | None) -> Any:
    rows = _rows(function, z, axis)
    temperature = check_temperature(function, temperature)
    if out is not None:
        check_out(function, out, rows.shape)
    _, found, _ = reduce_logits(
        rows, "log_sum_exp", temperature=temperature, derivatives=Derivatives(mapping, out=out), wants_values=False,
        workers=workers,
    )  # fmt: skip
    return found


@described
def softmax(z: Any, *, axis: int = -1, temperature: float = 1.0, out: Any = None, workers: int | None = None) -> Any:
    """Probabilities exp(z / T) / sum exp(z / T).

    Parameters
    ----------
    <LOGITS>
    <AXIS>
    <TEMPERATURE>
    <ENTRIES>

    Notes
    -----
    Entries of -inf give exactly 0. <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> logits.softmax([0.0, 0.0, -float("inf")])
    array([0.5, 0.5, 0. ])
    """
    return _entries("softmax", "softmax", z, axis, temperature, out, workers)


@described
def log_softmax(
    z: Any, *, axis: int = -1, temperature: float = 1.0, out: Any = None, workers: int | None = None
) -> Any:
    """Logarithms of the probabilities, z / T - ln sum exp(z / T), in nats.

    Parameters
    ----------
    <LOGITS>
    <AXIS>
    <TEMPERATURE>
    <ENTRIES>

    Notes
    -----
    The largest entry's is -ln(1 + R) with R the odds against it, so that certain rows keep their digits. <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> logits.log_softmax([0.0, -50.0])
    array([-1.92874985e-22, -5.00000000e+01])
    """
    return _entries("log_softmax", "log_softmax", z, axis, temperature, out, workers)


@described
def entropy(
    z: Any,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    base: float | None = None,
    sample_weight: Any = None,
    reduction: str = "none",
    empty: float = float("nan"),
    return_grad: bool = False,
    grad_out: Any = None,
    workers: int | None = None,
) -> Any:
    """Entropy of a = softmax(z / T), -sum a ln a.

    Parameters
    ----------
    <LOGITS>
    <AXIS>
    <TEMPERATURE>
    <BASE>
    <REDUCED>
    return_grad : bool
        Also return the derivative by z, -a (ln a + H) / T.
    <GRAD_OUT>
    <WORKERS>

    <RESULT>
        With `return_grad` a tuple of it and an array of the shape of z.

    Notes
    -----
    Computed as ln(1 + R) + sum exp(z - m)(m - z) / (1 + R), all terms of one sign. <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> print(logits.entropy([0.0, 0.0, 0.0, 0.0], base=2))
    2.0
    >>> print(logits.entropy([0.0, -100.0]))  # e**-100 * 101
    3.757276735781045e-42
    """
    return measured(
        _rows("entropy", z, axis), "entropy", temperature=temperature, base=base, sample_weight=sample_weight,
        reduction=reduction, empty=empty, workers=workers, return_grad=return_grad, grad_out=grad_out,
    )  # fmt: skip


@described
def perplexity(
    z: Any,
    target: Any = None,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    sample_weight: Any = None,
    ignore_index: int | None = NOT_A_CLASS,
    empty: float = float("nan"),
    workers: int | None = None,
) -> Any:
    """exp of the entropy of each row; with labels, exp of the mean loss over all tokens of the batch.

    Parameters
    ----------
    <LOGITS>
    target : array_like of int, optional
        The class of each row: the result is then one number, exp(mean of -ln softmax(z / T)[target]).
    <AXIS>
    <TEMPERATURE>
    sample_weight : array_like, optional
        Weight of each row in that mean.
    ignore_index : int or None
        Rows with this label are left out and never read.
    empty : float
        What the mean over no rows is.
    <WORKERS>

    <RESULT>
        With `target` a float64 scalar.

    Notes
    -----
    Between 1 and the number of classes without labels. <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> print(logits.perplexity([0.0, 0.0, 0.0, 0.0]))
    4.0
    >>> round(float(logits.perplexity([[2.0, 0.0], [0.0, 0.0], [9.0, 1.0]], [0, 1, -100])), 4)
    1.5069
    """
    if target is not None:
        loss = cross_entropy(
            z, target, axis=axis, temperature=temperature, sample_weight=sample_weight, ignore_index=ignore_index,
            reduction="mean", empty=empty, workers=workers,
        )  # fmt: skip
        with np.errstate(over="ignore"):
            return np.exp(np.float64(loss))
    if sample_weight is not None:
        raise ValueError("perplexity: sample_weight weighs labelled rows; pass target as well")
    rows = _rows("perplexity", z, axis)
    temperature = check_temperature("perplexity", temperature)
    values, _, _ = reduce_logits(rows, "entropy", temperature=temperature, finish="exp", workers=workers)
    return values[()]


@described
def log_prob_of(
    z: Any,
    labels: Any,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    base: float | None = None,
    workers: int | None = None,
) -> Any:
    """Log-probability of one class per row, ln softmax(z / T)[label]; never above 0.

    Parameters
    ----------
    <LOGITS>
    labels : array_like of int
        A class for each row.
    <AXIS>
    <TEMPERATURE>
    <BASE>
    <WORKERS>

    <RESULT>

    Raises
    ------
    ValueError
        A label out of range, with its row.

    Notes
    -----
    <INVALID>

    Examples
    --------
    >>> from fastent import logits
    >>> logits.log_prob_of([[0.0, 0.0], [3.0, 0.0]], [1, 0], base=2)
    array([-1.        , -0.07009673])
    """
    rows = _rows("log_prob_of", z, axis)
    found: Labels = check_labels("log_prob_of", labels, rows.batch, rows.classes, None, "labels")
    values, _, _ = reduce_logits(
        rows, "label_loss", temperature=check_temperature("log_prob_of", temperature), labels=found,
        divisor=log_of_base("log_prob_of", base), workers=workers,
    )  # fmt: skip
    return 0 - values[()]


@described
def top_k_log_prob(
    z: Any, k: int, *, axis: int = -1, temperature: float = 1.0, base: float | None = None, workers: int | None = None
) -> tuple[Any, Any]:
    """The k likeliest classes of each row: their log-probabilities, largest first, and their numbers.

    Parameters
    ----------
    <LOGITS>
    k : int
        How many, from 1 to the number of classes. Of equal logits the first comes first.
    <AXIS>
    <TEMPERATURE>
    <BASE>
    <WORKERS>

    Returns
    -------
    (log_prob, labels) : ndarrays
        Both with the classes' axis last, of length k: floats as for the other functions, and int64.

    Notes
    -----
    <INVALID> Its labels are -1.

    Examples
    --------
    >>> from fastent import logits
    >>> log_prob, labels = logits.top_k_log_prob([[0.0, 2.0, 1.0]], 2)
    >>> labels
    array([[1, 2]])
    >>> log_prob.round(4)
    array([[-0.4076, -1.4076]])
    """
    function = "top_k_log_prob"
    rows = _rows(function, z, axis)
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool):
        raise TypeError(f"{function}: k must be an integer, got {k!r}")
    if not 1 <= k <= rows.classes:
        raise ValueError(f"{function}: k must be between 1 and {rows.classes} (the number of classes), got {k}")
    values = np.empty((*rows.batch, k), rows.dtype)
    places = np.empty((*rows.batch, k), np.int64)
    temperature = check_temperature(function, temperature)
    divisor = log_of_base(function, base)
    if rows.count:
        batch_shape, specs = rows.specs(None, None)
        engine.largest(
            (*LARGEST_CODES, CODES[rows.dtype]), (0.0, *halves(temperature), divisor, 1.0),
            batch_shape, rows.classes,
            (specs[0], None, None, None), values, places, int(k),
            workers_for(function, workers, rows.count * rows.classes),
        )  # fmt: skip
    return values, places
