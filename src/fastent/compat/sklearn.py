"""scikit-learn's clustering agreement, log loss and feature scores on fastent's engines: change the import, no more.

The line ::

    from fastent.compat.sklearn import log_loss, mutual_info_classif, mutual_info_score

replaces the functions of that name in ``sklearn.metrics``, ``sklearn.metrics.cluster`` and
``sklearn.feature_selection`` of scikit-learn 1.9: the same signatures, defaults, values, types, warnings and messages,
with the speed and the accuracy of `fastent.discrete`. `mutual_info_classif` and `mutual_info_regression` draw the same
noise from the same `random_state`. Neither scikit-learn nor SciPy need be installed, SciPy only for sparse tables and
columns. Every difference:

======================================================= ============================== ==============================
case                                                    scikit-learn                   fastent.compat.sklearn
======================================================= ============================== ==============================
**values of mutual information and what is made of it**
independent, nearly independent or equal labels         lost digits, 0 and 1 missed    all digits, exactly 0 and 1
`contingency` of floats                                 cut off to integers            as it is
`contingency` with counts beyond 3e9                    nan, ValueError or any number  the value
labels all different against others that are not        1e-16 for 0; with 'min' any    0.0
v_measure_score with ``beta=0`` of one class            ZeroDivisionError              0.0
`beta` in float32                                       computed in 32 bits            computed in 64 bits
pandas Int64 labels beyond 2**53                        rounded, some of them together kept apart
labels in NumPy's StringDType                           TypeError                      the value
**values of log_loss**
small probabilities of the second class in one column   lost digits: 1 - p is rounded  all digits
float32 and float16 probabilities                       computed in 32 or 16 bits      computed in 64 bits
sums of such rows, for the warning that they are not 1  in 32 or 16 bits               in 64 bits
**contingency_matrix**
``dtype=float32`` and counts beyond 2**24               2**24                          the count
``dtype=float16`` or one that is not native, dense      ValueError                     the table
other dtypes that do not hold numbers                   ValueError in SciPy's words    ValueError, in other words
labels that are not 1-D, or that differ in length       IndexError, or SciPy's words   ValueError, as by the scores
**mutual_info_classif, mutual_info_regression**
``copy=False``                                          X may be overwritten           X is left as it is
``n_jobs=None``                                         one, or joblib's context       see `fastent.set_workers`
nothing in any column                                   zeros of int64                 zeros of float64
y of shape (samples, 1)                                 DataConversionWarning          UserWarning, its base
discrete columns and float16 targets                    distances in 16 bits           in 64 bits
`discrete_features` as a mask of another length         IndexError, or fewer values    IndexError
**errors and warnings**
mutual_info_score of no samples, or a table of zeros    ValueError: math domain error  ValueError that says so
negative counts in `contingency`                        nan and warnings               ValueError
nan or infinity in a sparse `contingency`               any number, or other errors    ValueError, as in a dense one
sparse `contingency` of three dimensions                any number                     ValueError, as for a dense one
parameter of a wrong type                               InvalidParameterError          a class of that name and bases
averages in the message about `average_method`          in any order                   always in the same order
nan labels, and float labels beyond 2**63               one more RuntimeWarning        none of NumPy's warnings
wrong calls                                             in the words of inspect        in Python's words
origin of a warning                                     a file of scikit-learn         the line that calls
**machinery**
``sklearn.set_config``                                  is obeyed                      has no effect
sparse tables, with ``sparse_interface="sparray"``      csr_array                      csr_matrix, the default
torch, cupy and others with ``array_api_dispatch``      compute                        NumPy on the CPU
threads                                                 one                            see `fastent.set_workers`
======================================================= ============================== ==============================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastent import _samples, discrete
from fastent.compat._sklearn_inputs import (
    AVERAGES,
    InvalidParameterError,
    check_clusterings,
    check_table,
    clusterings,
    encoded,
    is_sparse,
    validate,
)
from fastent.compat._sklearn_loss import log_loss
from fastent.compat._sklearn_neighbors import mutual_info_classif, mutual_info_regression

__all__ = [
    "InvalidParameterError",
    "adjusted_mutual_info_score",
    "completeness_score",
    "contingency_matrix",
    "homogeneity_completeness_v_measure",
    "homogeneity_score",
    "log_loss",
    "mutual_info_classif",
    "mutual_info_regression",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "v_measure_score",
]

Array = NDArray[Any]


def mutual_info_score(labels_true: Any, labels_pred: Any, *, contingency: Any = None) -> float:
    """Mutual information of two labellings in nats: sklearn.metrics.mutual_info_score.

    Parameters
    ----------
    labels_true, labels_pred : array_like or None
        Labels of the same samples.
    contingency : array_like or sparse matrix, optional
        Their table (classes, clusters), counts or weights; the labels are ignored then.

    Returns
    -------
    float
        Never negative; 0.0 for independent labellings.

    Raises
    ------
    ValueError
        Labels that are not 1-D, differ in length, are nan or infinite; a table that is not 2-D, holds negative numbers
        or nothing.
    TypeError
        Labels that cannot be sorted, or bytes.

    Warns
    -----
    UserWarning
        Labels are floats that are not whole.

    Examples
    --------
    >>> round(mutual_info_score([0, 0, 1, 1], ["a", "a", "b", "c"]), 12)
    0.69314718056
    >>> mutual_info_score(None, None, contingency=[[2, 4], [1, 2]])
    0.0
    """
    name = "mutual_info_score"
    labels = {"labels_true": (labels_true, "array none"), "labels_pred": (labels_pred, "array none")}
    validate(name, **labels, contingency=(contingency, "array sparse none"))
    if contingency is None:
        x, y = clusterings(name, labels_true, labels_pred, "array none")
        if not len(x):
            raise ValueError(f"{name} is not defined without samples")
        return float(discrete.mutual_information(x, y, missing="level"))
    table = check_table(contingency)
    cells = table.data if is_sparse(table) else table
    if cells.size and cells.min() < 0:
        raise ValueError(f"{name}: contingency must not hold negative numbers, got {cells.min()}")
    if 1 in table.shape:
        return 0.0
    if not cells.any():
        raise ValueError(f"{name} is not defined without samples, and contingency holds nothing but zeros")
    return float(discrete.mutual_information(contingency=table))


def normalized_mutual_info_score(labels_true: Any, labels_pred: Any, *, average_method: str = "arithmetic") -> float:
    """Mutual information divided by a mean of both entropies: sklearn.metrics.normalized_mutual_info_score.

    Parameters
    ----------
    labels_true, labels_pred : array_like
        Labels of the same samples.
    average_method : {'arithmetic', 'geometric', 'min', 'max'}
        The mean of the two entropies.

    Returns
    -------
    float
        Between 0 and 1: 1.0 for equal partitions, also those of one level or of no samples.

    Raises
    ------
    ValueError, TypeError
        As `mutual_info_score`, and for other means.

    Examples
    --------
    >>> normalized_mutual_info_score([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    >>> round(normalized_mutual_info_score([0, 0, 1, 1], [0, 1, 2, 3], average_method="geometric"), 12)
    0.707106781187
    """
    average = (average_method, "average")
    x, y = clusterings("normalized_mutual_info_score", labels_true, labels_pred, average_method=average)
    h_x, h_y, mi, same = _shared(x, y)
    if same or mi == 0:
        return float(same)
    return min(mi / AVERAGES[average_method](h_x, h_y), 1.0)


def adjusted_mutual_info_score(labels_true: Any, labels_pred: Any, *, average_method: str = "arithmetic") -> float:
    """Mutual information beyond what chance would give: sklearn.metrics.adjusted_mutual_info_score.

    (I - E[I]) / (mean(H(true), H(pred)) - E[I]), where E[I] is the mean over all ways to shuffle the samples.

    Parameters
    ----------
    labels_true, labels_pred : array_like
        Labels of the same samples.
    average_method : {'arithmetic', 'geometric', 'min', 'max'}
        The mean of the two entropies.

    Returns
    -------
    float
        1.0 for equal partitions, about 0 for independent ones, negative below chance.

    Raises
    ------
    ValueError, TypeError
        As `normalized_mutual_info_score`.

    Examples
    --------
    >>> adjusted_mutual_info_score([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    >>> round(adjusted_mutual_info_score([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 2]), 12)
    0.50236070272
    """
    average = (average_method, "average")
    given = clusterings("adjusted_mutual_info_score", labels_true, labels_pred, average_method=average)
    x, y = (encoded(labels)[0] for labels in given)
    if not len(x):
        return 1.0
    counts = [discrete.counts(codes) for codes in (x, y)]
    for rigid in ([len(c) == 1 for c in counts], [int(c.max()) == 1 for c in counts]):
        if any(rigid):  # shuffling changes nothing: all the information there is, is expected
            return float(all(rigid))
    return float(discrete.adjusted_mutual_information(x, y, average=average_method))


def homogeneity_completeness_v_measure(
    labels_true: Any, labels_pred: Any, *, beta: float = 1.0
) -> tuple[float, float, float]:
    """Homogeneity, completeness and their weighted mean: sklearn.metrics.homogeneity_completeness_v_measure.

    Parameters
    ----------
    labels_true : array_like
        Classes.
    labels_pred : array_like
        Clusters of the same samples.
    beta : float
        Weight of completeness against homogeneity in the harmonic mean, at least 0.

    Returns
    -------
    homogeneity, completeness, v_measure : float
        Each between 0 and 1, and 1.0 where there is nothing to tell apart.

    Raises
    ------
    ValueError, TypeError
        As `mutual_info_score`, and for other `beta`.

    Examples
    --------
    >>> [round(score, 12) for score in homogeneity_completeness_v_measure([0, 0, 1, 1], [0, 1, 2, 3])]
    [1.0, 0.5, 0.666666666667]
    """
    name = "homogeneity_completeness_v_measure"
    return _v_measures(*clusterings(name, labels_true, labels_pred, beta=(beta, "weight")), beta)


def homogeneity_score(labels_true: Any, labels_pred: Any) -> float:
    """Whether clusters hold samples of one class only, I / H(true): sklearn.metrics.homogeneity_score.

    Parameters
    ----------
    labels_true : array_like
        Classes.
    labels_pred : array_like
        Clusters of the same samples.

    Returns
    -------
    float
        Between 0 and 1; 1.0 where there is only one class.

    Examples
    --------
    >>> homogeneity_score([0, 0, 1, 1], [0, 1, 2, 3])
    1.0
    """
    return _v_measures(*clusterings("homogeneity_score", labels_true, labels_pred), 1.0)[0]


def completeness_score(labels_true: Any, labels_pred: Any) -> float:
    """Whether the samples of a class are in one cluster, I / H(pred): sklearn.metrics.completeness_score.

    Parameters
    ----------
    labels_true : array_like
        Classes.
    labels_pred : array_like
        Clusters of the same samples.

    Returns
    -------
    float
        Between 0 and 1; 1.0 where there is only one cluster.

    Examples
    --------
    >>> completeness_score([0, 0, 1, 1], [0, 1, 2, 3])
    0.5
    """
    return _v_measures(*clusterings("completeness_score", labels_true, labels_pred), 1.0)[1]


def v_measure_score(labels_true: Any, labels_pred: Any, *, beta: float = 1.0) -> float:
    """Harmonic mean of homogeneity and completeness: sklearn.metrics.v_measure_score.

    Parameters
    ----------
    labels_true : array_like
        Classes.
    labels_pred : array_like
        Clusters of the same samples.
    beta : float
        Weight of completeness against homogeneity, at least 0.

    Returns
    -------
    float
        (1 + beta) h c / (beta h + c), between 0 and 1.

    Examples
    --------
    >>> round(v_measure_score([0, 0, 1, 1], [0, 1, 2, 3]), 12)
    0.666666666667
    """
    return _v_measures(*clusterings("v_measure_score", labels_true, labels_pred, beta=(beta, "weight")), beta)[2]


def _v_measures(x: Array, y: Array, beta: float) -> tuple[float, float, float]:
    h_x, h_y, mi, same = _shared(x, y)
    if same:
        return 1.0, 1.0, 1.0
    homogeneity, completeness = (min(mi / h, 1.0) if h else 1.0 for h in (h_x, h_y))
    weighted = float(beta) * homogeneity + completeness
    return homogeneity, completeness, (1 + float(beta)) * homogeneity * completeness / weighted if weighted else 0.0


def _shared(x: Array, y: Array) -> tuple[float, float, float, bool]:
    """Both entropies, the mutual information, and whether the partitions are the same."""
    if not len(x):
        return 0.0, 0.0, 0.0, True
    found = _samples.measure("mutual_information", x, y, None, None, "level", None)
    values = {name: float(found[place]) for name, place in _samples.STATISTICS.items()}
    same = values["h_x_given_y"] == values["h_y_given_x"] == 0  # h_x and h_y may differ by a rounding even then
    return values["h_x"], values["h_y"], values["mi"], same


def contingency_matrix(
    labels_true: Any, labels_pred: Any, *, eps: float | None = None, sparse: bool = False, dtype: Any = np.int64
) -> Any:
    """How many samples have each class and each cluster: sklearn.metrics.cluster.contingency_matrix.

    Parameters
    ----------
    labels_true, labels_pred : array_like
        Labels of the same samples; nan is a label here.
    eps : float, optional
        Number to add to every count, at least 0.
    sparse : bool
        Return a scipy.sparse.csr_matrix.
    dtype : dtype
        Of the counts; None for float64.

    Returns
    -------
    ndarray or csr_matrix
        Of shape (classes, clusters), both sorted.

    Raises
    ------
    ValueError
        `eps` together with ``sparse=True``, labels that are not 1-D or differ in length, a `dtype` not of numbers.
    ImportError
        ``sparse=True`` without SciPy.

    Examples
    --------
    >>> contingency_matrix(["a", "a", "b", "b"], [3, 3, 3, 1])
    array([[0, 2],
           [1, 1]])
    """
    labels = {"labels_true": (labels_true, "array none"), "labels_pred": (labels_pred, "array none")}
    validate("contingency_matrix", **labels, eps=(eps, "weight none"), sparse=(sparse, "bool"))
    if eps is not None and sparse:
        raise ValueError("Cannot set 'eps' when sparse=True")
    given = (labels_true, labels_pred)
    arrays = [x if isinstance(x, np.ma.MaskedArray) else np.asarray(x) for x in given]  # masked labels are a label
    check_clusterings(*arrays)
    wanted = np.dtype(dtype)
    if wanted.kind not in "biufc" and not sparse:
        raise ValueError(f"dtype must be one of numbers, got {wanted}")
    (x, rows, _), (y, columns, _) = map(encoded, arrays)

    if sparse:
        try:
            from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError("contingency_matrix: sparse=True needs SciPy: pip install 'fastent[scipy]'") from None
        cells = _samples.positive_cells(x, y, None)
        return csr_matrix((cells.counts, (cells.x, cells.y)), shape=(rows, columns), dtype=wanted)
    if len(x) and max(x.itemsize, y.itemsize) <= 2 and rows * columns <= _samples.DENSE_CELLS:
        table = discrete.contingency(x, y)
    else:
        cells = _samples.positive_cells(x, y, None)
        table = np.zeros((rows, columns), np.int64)
        table[cells.x, cells.y] = cells.counts
    table = table.astype(wanted, copy=False)
    return table if eps is None else table + eps
