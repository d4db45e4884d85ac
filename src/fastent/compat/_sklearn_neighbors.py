"""sklearn.feature_selection.mutual_info_classif and mutual_info_regression on fastent's engine of nearest neighbours.

scikit-learn divides continuous columns by their standard deviation and adds noise from `random_state`. Here the same
numbers are drawn in the same order and rounded in the same places, so that neighbours are the same ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastent import discrete
from fastent._codes import as_codes
from fastent._docs import documented
from fastent._neighbor_samples import digammas
from fastent._neighbors import engine
from fastent._threads import available_processors, workers_for
from fastent.compat._sklearn_inputs import (
    check_array,
    check_columns,
    check_lengths,
    check_numbers,
    check_size,
    encoded,
    is_sparse,
    num_samples,
    target_type,
    unique,
    validate,
)

Array = NDArray[Any]

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16))
_TILE = 1 << 23  # numbers that are made contiguous at a time
_BLOCK = 1 << 15  # numbers that NumPy takes through its steps at a time: temporaries stay in the cache


described = documented({
    "COLUMNS": """X : array_like or sparse matrix
        Columns, (samples, features).""",
    "DISCRETE": """discrete_features : 'auto', bool or array_like
        Which columns hold labels: all, none, a mask or indices. 'auto': all of a sparse X, none of a dense one.""",
    "COPY": """copy : bool
        Has no effect: X is never overwritten.""",
    "JOBS": """n_jobs : int, optional
        Threads; None leaves it to `fastent.set_workers`. The result does not depend on it.

    Returns
    -------
    ndarray
        One value per column, in nats, at least 0.""",
    "TYPES": """TypeError
        Parameters of a wrong type.""",
})  # fmt: skip


@described
def mutual_info_classif(
    X: Any,
    y: Any,
    *,
    discrete_features: Any = "auto",
    n_neighbors: int = 3,
    copy: bool = True,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> Array:
    """Mutual information of columns with a discrete target: sklearn.feature_selection.mutual_info_classif.

    Parameters
    ----------
    <COLUMNS>
    y : array_like
        Labels, (samples,).
    <DISCRETE>
    n_neighbors : int
        Neighbours for continuous columns.
    <COPY>
    random_state : int, RandomState or None
        Source of the noise that is added to continuous columns.
    <JOBS>

    Raises
    ------
    ValueError
        X or y of wrong shapes, not finite, or continuous columns in a sparse X; labels that are continuous, or all
        different; parameters out of range.
    <TYPES>

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(200, 2))
    >>> mutual_info_classif(X, X[:, 0] > 0, random_state=0).round(3)
    array([0.684, 0.056])
    """
    name = "mutual_info_classif"
    _validate(name, X, y, discrete_features, n_neighbors, copy, random_state, n_jobs)
    _check_classes(y)
    return _estimate(name, X, y, discrete_features, True, int(n_neighbors), random_state, n_jobs)


@described
def mutual_info_regression(
    X: Any,
    y: Any,
    *,
    discrete_features: Any = "auto",
    n_neighbors: int = 3,
    copy: bool = True,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> Array:
    """Mutual information of columns with a continuous target: sklearn.feature_selection.mutual_info_regression.

    Parameters
    ----------
    <COLUMNS>
    y : array_like
        Numbers, (samples,).
    <DISCRETE>
    n_neighbors : int
        Neighbours, fewer than samples.
    <COPY>
    random_state : int, RandomState or None
        Source of the noise that is added to continuous columns and to y.
    <JOBS>

    Raises
    ------
    ValueError
        X or y of wrong shapes, not finite, or continuous columns in a sparse X; parameters out of range.
    <TYPES>

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(200, 2))
    >>> mutual_info_regression(X, X[:, 0] ** 2, random_state=0).round(3)
    array([2.833, 0.005])
    """
    name = "mutual_info_regression"
    _validate(name, X, y, discrete_features, n_neighbors, copy, random_state, n_jobs)
    return _estimate(name, X, y, discrete_features, False, int(n_neighbors), random_state, n_jobs)


# ---- refusals ------------------------------------------------------------------------------------------------------


def _validate(
    name: str, X: Any, y: Any, discrete_features: Any, n_neighbors: Any, copy: Any, random_state: Any, n_jobs: Any
) -> None:
    validate(
        name,
        X=(X, "array sparse"),
        y=(y, "array"),
        discrete_features=(discrete_features, "auto bool array"),
        n_neighbors=(n_neighbors, "count"),
        copy=(copy, "bool"),
        random_state=(random_state, "seed random_state none"),
        n_jobs=(n_jobs, "integer none"),
    )


def _check_classes(y: Any) -> None:
    kind = target_type(y, "y")
    if kind not in ("binary", "multiclass", "multiclass-multioutput", "multilabel-indicator"):
        raise ValueError(
            f"Unknown label type: {kind}. Maybe you are trying to fit a classifier, which expects discrete classes on "
            "a regression target with continuous values."
        )
    samples = num_samples(y)
    if kind.startswith("multiclass") and samples > 20 and len(unique(np.ravel(y))) > round(0.5 * samples):
        warnings.warn(
            "The number of unique classes is greater than 50% of the number of samples. `y` could represent a "
            "regression problem, not a classification problem.",
            UserWarning,
            stacklevel=3,
        )


def _check_target(y: Any, numeric: bool) -> Array:
    array = check_array(y, name="y")
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples, ), "
            "for example using ravel().",
            UserWarning,
            stacklevel=4,
        )
    elif array.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    array = array.reshape(-1)
    return array.astype(np.float64) if numeric and array.dtype.kind == "O" else array


def _discrete_mask(discrete_features: Any, columns: int, sparse: bool) -> Array:
    if isinstance(discrete_features, str):  # "auto"
        return np.full(columns, sparse)
    if isinstance(discrete_features, bool | np.bool_):
        return np.full(columns, bool(discrete_features))
    given = check_numbers(check_array(discrete_features))
    check_size(given, 1)
    mask = np.zeros(columns, bool)
    mask[given] = True  # raises where these are no indices
    return mask


def _random_state(random_state: Any) -> Any:
    if random_state is None:
        return np.random.mtrand._rand
    return np.random.RandomState(int(random_state)) if isinstance(random_state, Integral) else random_state


def _workers(name: str, n_jobs: int | None, numbers: int) -> int:
    """joblib's meaning of n_jobs: -1 is all, -2 all but one."""
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    if n_jobs is not None and n_jobs < -1:
        n_jobs = max(1, available_processors() + 1 + n_jobs)
    return workers_for(name, None if n_jobs is None else int(n_jobs), 16 * numbers)


# ---- scaling, as sklearn.preprocessing.scale does it, and noise ----------------------------------------------------


def _deviations(columns: Array) -> Array:
    """np.nanstd of columns without nan, step by step; 1 where it is next to nothing."""
    samples = len(columns)
    centred = columns - columns.sum(axis=0, keepdims=True) / samples
    np.multiply(centred, centred, out=centred)
    deviations: Array = np.sqrt(centred.sum(axis=0) / samples)
    deviations[deviations < 10 * np.finfo(np.float64).eps] = 1.0
    return deviations


def _add_noise(rows: Array, noise: Array, workers: int) -> None:
    """Each row, a column of X, divided by its deviation, and its noise added."""
    columns = rows.T
    divisors, amplitudes = np.empty(len(rows)), np.empty(len(rows))
    step = max(1, _BLOCK // len(columns))
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        divisors[part] = _deviations(columns[:, part])
        sizes = columns[:, part] / divisors[part]
        amplitudes[part] = 1e-10 * np.maximum(1, np.mean(np.abs(sizes, out=sizes), axis=0))
    engine.jitter(rows, divisors, amplitudes, noise, workers)


def _noisy_target(y: Array, rng: Any) -> Array:
    """y in units of its deviation, with noise, in the precision it came in."""
    values = y.astype(y.dtype if y.dtype in _FLOATS else np.float64)
    deviation = np.nanstd(values)
    values /= 1.0 if deviation == 0 else deviation
    values += 1e-10 * np.maximum(1, np.mean(np.abs(values))) * rng.standard_normal(size=len(values))
    return values


# ---- columns -------------------------------------------------------------------------------------------------------


def _tiles(count: int, samples: int) -> Iterator[slice]:
    step = max(1, _TILE // samples)
    return (slice(begin, min(begin + step, count)) for begin in range(0, count, step))


def _gathered(X: Array, places: Array, workers: int) -> Array:
    """Columns of X as rows of float64."""
    first, last = int(places[0]), int(places[-1]) + 1
    if last - first != len(places):
        X, first, last = X[:, places], 0, len(places)
    if X.dtype not in _FLOATS[:2] or not X.dtype.isnative:
        X, first, last = X[:, first:last].astype(np.float64), 0, last - first
    return engine.gather(X, first, last, workers)


def _dense(X: Any, places: Array) -> Array:
    """Columns of labels, also of a sparse X."""
    if not is_sparse(X):
        return np.asarray(X[:, places])
    dense = np.zeros((X.shape[0], len(places)), order="F")
    for i, place in enumerate(places):
        entries = slice(X.indptr[place], X.indptr[place + 1])
        dense[X.indices[entries], i] = X.data[entries]
    return dense


def _rows_of_codes(columns: Array) -> tuple[Array, Array]:
    codes = as_codes(columns, "X", "level")
    return np.ascontiguousarray(codes.values.T, np.int32), np.maximum(codes.cardinalities, 1)


def _estimate(
    name: str,
    X: Any,
    y: Any,
    discrete_features: Any,
    discrete_target: bool,
    k: int,
    random_state: Any,
    n_jobs: int | None,
) -> Array:
    X = check_columns(X)
    y = _check_target(y, not discrete_target)
    check_lengths(X, y)
    samples, columns = X.shape
    mask = _discrete_mask(discrete_features, columns, is_sparse(X))
    labels, numbers = np.flatnonzero(mask), np.flatnonzero(~mask)
    if len(numbers) and is_sparse(X):
        raise ValueError("Sparse matrix `X` can't have continuous features.")
    workers = _workers(name, n_jobs, samples * columns)
    rng = _random_state(random_state)
    noise = rng.standard_normal(size=(samples, len(numbers))) if len(numbers) else np.empty((samples, 0))
    target = y if discrete_target else _noisy_target(y, rng)
    if len(numbers) and not discrete_target and k >= samples:
        raise ValueError(
            f"Expected n_neighbors < n_samples_fit, but n_neighbors = {k}, n_samples_fit = {samples}, "
            f"n_samples = {samples}"
        )
    result = np.empty(columns)
    table, ties = digammas(samples), engine.TIES["ignored"]
    if discrete_target and len(numbers):
        codes, levels, _ = encoded(target)
        target_codes, target_levels = codes.astype(np.int32)[None], np.array([levels])
    for tile in _tiles(len(numbers), samples):
        rows = _gathered(X, numbers[tile], workers)
        _add_noise(rows, noise[:, tile], workers)
        if discrete_target:
            found = engine.discrete(rows, target_codes, target_levels, k, ties, table, workers)
        else:
            found = engine.continuous(rows, target.astype(np.float64)[None], k, ties, table, workers)
        result[numbers[tile]] = _at_least_zero(found[0])
    for tile in _tiles(len(labels), samples):
        dense = _dense(X, labels[tile])
        if discrete_target:
            _warn_of_continuous(dense, target)
            result[labels[tile]] = discrete.mutual_information(dense, target, missing="level", workers=workers)
        else:
            if target.dtype == np.float32:
                ties = engine.TIES["ignored, single"]
            wide = target.astype(np.float64)[None]
            found = engine.discrete(wide, *_rows_of_codes(dense), k, ties, table, workers)
            result[labels[tile]] = _at_least_zero(found[:, 0])
    return result


def _at_least_zero(found: Array) -> Array:
    if np.isnan(found).any():  # no two samples of any class
        raise ValueError("Found array with 0 sample(s) (shape=(0, 1)) while a minimum of 1 is required.")
    return np.maximum(found, 0.0)


def _warn_of_continuous(columns: Array, target: Array) -> None:
    for column in columns.T if columns.dtype.kind == "f" else ():
        if (column != np.rint(column)).any():
            warnings.warn(
                f"Clustering metrics expects discrete values but received {target_type(column)} values for label, and "
                f"{target_type(target)} values for target",
                UserWarning,
                stacklevel=4,
            )
