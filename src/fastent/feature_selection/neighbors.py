"""Mutual information of continuous columns, from distances to nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent import _neighbor_samples as plan
from fastent._plan import log_of_base

_NAME = "mutual_information_continuous"


def mutual_information_continuous(
    X: Any,
    y: Any,
    *,
    n_neighbors: int = 3,
    discrete_target: bool | str = "auto",
    base: float | None = None,
    workers: int | None = None,
) -> Any:
    """Mutual information of continuous columns with a target, estimated from nearest neighbours; at least 0.

    For a discrete target, where m_i of all N samples and k_i of the N_i in its class are nearer to x_i than the k-th
    nearest of its class, itself included (Ross 2014):

        mean_i psi(k_i) - psi(m_i) + psi(N) - psi(N_i)

    For a continuous one, where k_i points (x, y), a_i of the x and b_i of the y are nearer than the k-th nearest point
    by the larger of both distances (Kraskov, Stoegbauer & Grassberger 2004, first algorithm):

        mean_i psi(k_i) - psi(a_i) + psi(N) - psi(b_i)

    Parameters
    ----------
    X : array_like
        Numbers of shape (samples,) or (samples, columns), in any layout. They are compared in float64, a few columns
        at a time.
    y : array_like
        Target or targets, (samples,) or (samples, targets): numbers, or labels of any kind.
    n_neighbors : int
        k, from 1 to samples - 1: more neighbours give less variance and more bias. In a class of fewer samples, all of
        the others are taken.
    discrete_target : {"auto", True, False}
        Whether y holds labels. "auto": unless it holds floating-point numbers, column by column of a frame.
    base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it, bit for bit.

    Returns
    -------
    float, or ndarray of shape (columns,), (targets,) or (columns, targets)
        nan for a column with too few samples: none, of a continuous target at most k, of a discrete one no two in any
        class.

    Raises
    ------
    ValueError
        Shapes that do not fit, n_neighbors out of range, infinities, fewer than two samples.
    TypeError
        X that does not hold real numbers (objects, complex numbers, strings), masked arrays, other options of a wrong
        type.

    Notes
    -----
    No noise is added: the result is a function of the data. Ties are counted. Where the k-th neighbour is at distance
    0, k_i is the number of equal points (Gao et al. 2017); where several samples share the distance of the k-th
    neighbour, k_i is the number of the nearer ones, itself included. So a constant column has exactly 0. Without ties,
    k_i = k.

    Samples that are missing (nan, None, nulls) in a column or in a target are left out of that pair. The only sample
    of a class is left out. Estimates below 0 are raised to 0. Distances to a continuous target are compared in units
    of the standard deviations of x and y.

    References
    ----------
    Kraskov, Stoegbauer & Grassberger, Estimating mutual information, Physical Review E 69, 2004.
    Ross, Mutual information between discrete and continuous data sets, PLoS ONE 9(2), 2014.
    Gao, Kannan, Oh & Viswanath, Estimating mutual information for discrete-continuous mixtures, NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent.feature_selection import mutual_information_continuous
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 1000)
    >>> X = np.column_stack([y + rng.normal(0, 0.1, 1000), rng.normal(size=1000), np.ones(1000)])
    >>> mutual_information_continuous(X, y).round(3)
    array([0.691, 0.011, 0.   ])
    """
    divisor = log_of_base(_NAME, base)
    if discrete_target != "auto" and not isinstance(discrete_target, bool | np.bool_):
        raise TypeError(f"{_NAME}: discrete_target must be 'auto', True or False, got {discrete_target!r}")
    matrix = plan.read_matrix(_NAME, "X", X, workers)
    several = plan.columns_of_targets(y) if discrete_target == "auto" else []
    if len({plan.is_discrete(one) for one in several}) == 2:  # each target for itself
        columns_of_result = [
            mutual_information_continuous(X, one, n_neighbors=n_neighbors, base=base, workers=workers)
            for one in several
        ]
        return np.stack(columns_of_result, axis=-1)
    discrete = plan.is_discrete(y) if discrete_target == "auto" else bool(discrete_target)
    targets = plan.read_targets(_NAME, y, discrete, workers)
    samples, columns = matrix.values.shape
    plan.check_samples(_NAME, samples, targets.values.shape[1])
    k = plan.check_neighbors(_NAME, n_neighbors, samples)
    result = np.empty((columns, len(targets.values)))
    for place, found in plan.estimates(_NAME, matrix, targets, k, workers):
        result[place] = found
    result /= divisor
    return result[0 if matrix.single else slice(None), 0 if targets.single else slice(None)]
