"""Selection as a scikit-learn transformer. Importing this module imports scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator  # type: ignore[import-untyped]
    from sklearn.feature_selection import SelectorMixin  # type: ignore[import-untyped]
    from sklearn.utils.multiclass import check_classification_targets  # type: ignore[import-untyped]
    from sklearn.utils.validation import check_is_fitted, validate_data  # type: ignore[import-untyped]
except ImportError:
    raise ImportError("InformationSelector needs scikit-learn 1.6 or newer: pip install 'fastent[sklearn]'") from None

from fastent._columns import columns_of
from fastent.feature_selection.selecting import select

Array = np.ndarray[Any, Any]


class InformationSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Greedy selection of features by information, as a transformer for pipelines and searches.

    Parameters
    ----------
    criterion : str
        As in `select`, whose other parameters these are too.
    k : int
        How many features; all of them, with a warning, where there are fewer.
    bins : str
        How floating-point features are cut into bins to be counted; labels are counted as they are. The columns of
        frames are read one by one.
    beta, gamma, lazy, min_gain, max_p_value, missing, workers
        As in `select`; missing values are a level of their own here, unless `missing` says otherwise.

    Attributes
    ----------
    selection_ : Selection
        The features in the order of selection, with their scores.
    scores_ : ndarray
        The mutual information of every feature and the target, in nats.
    n_features_in_, feature_names_in_
        What fit has seen.

    Examples
    --------
    >>> from fastent.feature_selection import InformationSelector
    >>> X = [[0, 5, 1], [0, 5, 0], [1, 5, 1], [1, 5, 0]]
    >>> InformationSelector(k=1).fit_transform(X, [0, 0, 1, 1]).tolist()
    [[0], [0], [1], [1]]
    """

    def __init__(
        self,
        criterion: str = "jmi",
        k: int = 10,
        *,
        bins: Any = "quantile:16",
        beta: float = 1.0,
        gamma: float = 1.0,
        lazy: bool = False,
        min_gain: float | None = None,
        max_p_value: float | None = None,
        missing: str = "level",
        workers: int | None = None,
    ) -> None:
        self.criterion = criterion
        self.k = k
        self.bins = bins
        self.beta = beta
        self.gamma = gamma
        self.lazy = lazy
        self.min_gain = min_gain
        self.max_p_value = max_p_value
        self.missing = missing
        self.workers = workers

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> InformationSelector:
        """Select features of X, (samples, features), dense or sparse, for class labels y with weights of samples."""
        frame = X if columns_of(X) is not None else None
        X, y = validate_data(
            self, X, y, accept_sparse="csc", dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_classification_targets(y)
        if frame is not None:  # column by column: as one matrix, floats beside strings are objects, integers floats
            X = frame
        elif X.dtype.kind not in "biuf":
            X = _of_objects(X)
        k, features = self.k, X.shape[1]
        if isinstance(k, int | np.integer) and k > features:
            warnings.warn(
                f"InformationSelector: k={k} is larger than the {features} features; all are kept", stacklevel=2
            )
            k = features
        if len(np.unique(y)) < 2:
            raise ValueError("InformationSelector: y must have at least two classes, got 1 class")
        self.selection_ = select(
            X, y, k, self.criterion, bins=self.bins, beta=self.beta, gamma=self.gamma, lazy=self.lazy,
            min_gain=self.min_gain, max_p_value=self.max_p_value, sample_weight=sample_weight, missing=self.missing,
            names=getattr(self, "feature_names_in_", None), workers=self.workers,
        )  # fmt: skip
        self.scores_ = self.selection_.relevances
        return self

    def _get_support_mask(self) -> Array:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, bool)
        mask[self.selection_.indices] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


def _of_objects(X: Array) -> Array:
    """Objects that are all numbers as numbers, so that they are cut into bins; otherwise labels."""
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError):
        if any(isinstance(entry, dict | list) for entry in X.ravel()[:64]):
            raise TypeError("InformationSelector: argument must be a string or a number, got objects") from None
        return X
