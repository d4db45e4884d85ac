"""Entropy of counts that somebody else made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastent import _estimators, _samples
from fastent._plan import check_axes
from fastent.discrete._common import described, in_unit


@described
def entropy_of_counts(
    counts: Any,
    *,
    estimator: str = "plugin",
    axis: int | tuple[int, ...] | None = -1,
    bins: int | None = None,
    base: float | None = None,
) -> Any:
    """Entropy of the distributions that rows of counts were drawn from, estimated.

    The plug-in estimate -sum (n_i / n) ln(n_i / n) is too small on average, by about (k - 1) / 2n; the others correct
    it in their ways.

    Parameters
    ----------
    counts : array_like
        How often each of k bins was observed: whole numbers. Empty bins count for "shrinkage", "jeffreys", "laplace",
        "perks", "minimax" and "nsb", not for the others.
    estimator : str
        One of `fastent.discrete.ESTIMATORS`.
    axis : int, tuple of int or None
        Along which the bins lie; None: all dimensions.
    bins : int, optional
        How many bins there are, where `counts` leave out empty ones.
    <BASE>

    Returns
    -------
    ndarray of float64, or a scalar
        One value per row of counts; nan for a row without observations.

    Raises
    ------
    TypeError
        Counts that are no real numbers.
    ValueError
        Negative or fractional counts, nan or infinity; an unknown estimator.
    ImportError
        For "nsb" without SciPy.

    Notes
    -----
    Sources: Miller 1955 ("miller-madow"), Hausser & Strimmer 2009 ("shrinkage"), Chao & Shen 2003, Grassberger 1988 and
    2003, Zhang 2012, Nemenman, Shafee & Bialek 2002 ("nsb"); the others are means of a Dirichlet prior.

    Examples
    --------
    >>> from fastent import discrete
    >>> discrete.entropy_of_counts([[4, 2, 1], [1, 1, 0]]).round(4)
    array([0.9557, 0.6931])
    >>> discrete.entropy_of_counts([[4, 2, 1], [1, 1, 0]], estimator="miller-madow").round(4)
    array([1.0986, 0.9431])
    """
    function = "entropy_of_counts"
    array = _samples.real_numbers(function, "counts", counts)
    _estimators.check_estimator(function, estimator)
    axes = check_axes(function, axis, array.ndim)
    moved = np.moveaxis(array, axes, range(-len(axes), 0))
    kept = moved.shape[: -len(axes)]
    rows = moved.reshape(*kept, math.prod(moved.shape[-len(axes) :]))
    return in_unit(function, _estimators.entropy_of_counts(rows, estimator, bins), base)
