"""scikit-learn's log loss on fastent's engine."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastent.compat._sklearn_inputs import (
    check_array,
    check_lengths,
    encoded,
    num_samples,
    target_type,
    unique,
    validate,
)

Array = NDArray[Any]

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16))


def log_loss(
    y_true: Any,
    y_proba: Any = None,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: Any = None,
    y_pred: Any = "deprecated",
) -> float:
    """Mean of -ln p over the probabilities p given to the true labels (cross-entropy): sklearn.metrics.log_loss.

    Parameters
    ----------
    y_true : array_like
        True labels, or an indicator matrix (samples, classes) of zeros and ones.
    y_proba : array_like
        Probabilities (samples, classes) in the order of the sorted labels; or those of the second of two labels,
        (samples,). They are clipped to [eps, 1 - eps] of their dtype.
    normalize : bool
        Divide the sum by the number or weight of the samples.
    sample_weight : array_like, optional
        Weight of each sample.
    labels : array_like, optional
        All the labels, if `y_true` may lack some.
    y_pred : array_like
        An older name of `y_proba`.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        Probabilities below 0, above 1, nan or infinite; one label only; labels that are not discrete, are not in
        `labels` or are not as many as the columns of `y_proba`; arrays of different lengths.
    TypeError
        Labels that cannot be sorted, bytes.
    ZeroDivisionError
        Weights that add up to zero.

    Warns
    -----
    UserWarning
        Rows of `y_proba` do not sum to one; `labels` are not sorted.
    FutureWarning
        `y_pred` is used.

    Examples
    --------
    >>> round(log_loss(["no", "yes", "yes"], [0.2, 0.9, 0.6]), 12)
    0.279776563579
    >>> round(log_loss([2, 0], [[0.1, 0.1, 0.8], [0.5, 0.25, 0.25]], labels=[0, 1, 2]), 12)
    0.458145365937
    """
    given = {"y_true": (y_true, "array"), "y_proba": ([] if y_proba is None else y_proba, "array")}
    given |= {"normalize": (normalize, "bool"), "sample_weight": (sample_weight, "array none")}
    validate("log_loss", **given, labels=(labels, "array none"), y_pred=(y_pred, "array str"))
    if not (isinstance(y_pred, str) and y_pred == "deprecated"):
        if y_proba is not None:
            raise ValueError("Cannot use both `y_pred` and `y_proba`. `y_pred` is deprecated, use `y_proba` instead.")
        message = "`y_pred` was renamed to `y_proba` in version 1.9 and will be removed in 1.11. Use `y_proba` instead."
        warnings.warn(message, FutureWarning, stacklevel=2)
        y_proba = y_pred

    p = check_array(y_proba, _FLOATS, min_samples=1)
    if p.max() > 1:
        raise ValueError(f"y_prob contains values greater than 1: {p.max()}")
    if p.min() < 0:
        raise ValueError(f"y_prob contains values lower than 0: {p.min()}")
    check_lengths(p, y_true, sample_weight)
    weights = None if sample_weight is None else _check_weights(sample_weight, len(p))
    classes, truth = _targets(y_true, labels)
    if p.ndim == 2 and p.shape[1] == 1:
        p = p[:, 0]
    _check_rows(p, classes, labels)

    loss = _losses(truth, p)
    if normalize:
        return float(np.average(loss, weights=weights))
    return float(loss.sum() if weights is None else np.dot(loss, weights))


def _losses(truth: Array, p: Array) -> Array:
    """Loss of each sample, of codes or an indicator matrix, and probabilities (samples, classes) or of class 1."""
    eps = np.finfo(p.dtype).eps
    low, high = float(eps), float(1 - eps)
    if truth.ndim == 2:
        p = np.clip(p.astype(np.float64), low, high)
        logs = np.stack([np.log1p(-p), np.log(p)], axis=1) if p.ndim == 1 else np.log(p)
        return -np.asarray((truth * logs).sum(axis=1))
    if p.ndim == 2:
        picked = p[np.arange(len(p)), truth].astype(np.float64)
        return -np.log(np.clip(picked, low, high))
    p = np.clip(p.astype(np.float64), low, high)
    second = truth.astype(bool)
    logs = np.empty(len(p))
    logs[second] = np.log(p[second])
    logs[~second] = np.log1p(-p[~second])
    return -logs


def _check_rows(p: Array, classes: Array, labels: Any) -> None:
    """Probabilities that sum to one, and are as many as there are classes."""
    columns = 2 if p.ndim == 1 else p.shape[1]
    if p.ndim == 2:
        off = np.abs(p.sum(axis=1, dtype=np.float64) - 1)
        if not (off <= 1e-8 + math.sqrt(np.finfo(p.dtype).eps)).all():
            message = "The y_prob values do not sum to one. Make sure to pass probabilities."
            warnings.warn(message, UserWarning, stacklevel=3)
    if len(classes) == columns:
        return
    if labels is None:
        raise ValueError(
            f"y_true and y_prob contain different number of classes: {len(classes)} vs {columns}. Please provide the "
            f"true labels explicitly through the labels argument. Classes found in y_true: {classes}"
        )
    raise ValueError(
        "The number of classes in labels is different from that in y_prob. "
        f"Classes found in labels: {classes}"
    )  # fmt: skip


def _check_weights(sample_weight: Any, samples: int) -> Array:
    weights = check_array(sample_weight, name="sample_weight")
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. Expected either a scalar value or "
            f"a 1D array of length {samples}."
        )
    if np.all(weights == 0):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def _targets(y_true: Any, labels: Any) -> tuple[Array, Array]:
    """The sorted classes, and the class of each sample: as a code, or as a row of an indicator matrix."""
    source = y_true if labels is None else labels
    kind = fitted = target_type(source, "y")
    if "multioutput" in kind:
        raise ValueError("Multioutput target data is not supported with label binarization")
    if num_samples(source) == 0:
        raise ValueError(f"y has 0 samples: {source!r}")
    classes = _classes(source, kind)
    if labels is not None:
        if not np.all(classes == labels):
            message = (
                f"Labels passed were {labels}. But this function assumes labels are ordered lexicographically. Pass "
                f"the ordered labels={classes.tolist()} and ensure that the columns of y_prob correspond to this "
                "ordering."
            )
            warnings.warn(message, UserWarning, stacklevel=3)
        if not np.all(np.isin(unique(np.asarray(y_true), any_order=True), labels)):
            unknown = set(y_true) - set(labels)
            raise ValueError(f"y_true contains values {unknown} not belonging to the passed labels {labels}.")
    if len(classes) == 1:
        if labels is not None:
            raise ValueError(f"The labels array needs to contain at least two labels, got {classes}.")
        raise ValueError(
            f"y_true contains only one label ({classes[0]}). Please provide the list of all expected class labels "
            "explicitly through the labels argument."
        )

    if labels is not None:
        kind = target_type(y_true)
    array = check_array(y_true, name="y")
    if kind.startswith("multilabel"):
        if not fitted.startswith("multilabel"):
            raise ValueError("The object was not fitted with multilabel input.")
        if len(classes) != array.shape[1]:
            found = np.arange(array.shape[1])
            raise ValueError(f"classes {classes} mismatch with the labels {found} found in the data")
        return classes, array.astype(np.int64, copy=False)
    if "multioutput" in kind:
        raise ValueError("Multioutput target data is not supported with label binarization")
    if kind not in ("binary", "multiclass"):
        raise ValueError("The type of target data is not known")
    codes, _, levels = encoded(array.ravel())
    if labels is not None:
        codes = np.searchsorted(classes, levels)[codes]
    return classes, codes


def _classes(y: Any, kind: str) -> Array:
    """The labels that occur, sorted."""
    if kind == "multilabel-indicator":
        return np.arange(check_array(y, min_samples=1).shape[1])
    if isinstance(y, np.ma.MaskedArray):
        return np.asarray(sorted(set(np.unique(y))))  # a masked label has no hash
    if kind not in ("binary", "multiclass"):
        if isinstance(y, np.ndarray):
            np.unique(y)  # that its labels cannot be sorted comes first
        raise ValueError(f"Unknown label type: {(y,)!r}")
    if hasattr(y, "__array__"):
        array = np.asarray(y)
        return np.asarray(unique(array).tolist()) if array.dtype == object else unique(array)
    types = set(map(type, y))
    if all(issubclass(t, str) for t in types) or all(issubclass(t, Real) for t in types):
        return unique(np.asarray(y))
    found = set(y)
    if len({isinstance(label, str) for label in found}) > 1:
        raise ValueError(f"Mix of label input types (string and number); Got {np.unique(y)}.")
    return np.asarray(sorted(found))
