"""All pairs of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastent import _samples
from fastent._codes import check_missing
from fastent._plan import log_of_base
from fastent._samples import Array
from fastent.discrete import _margins, _metrics
from fastent.discrete._common import described, in_unit
from fastent.discrete._metrics import Options
from fastent.discrete.agreement import purities


@described
def mutual_information_matrix(
    x: Any,
    y: Any = None,
    *,
    metric: str | Sequence[str] = "mi",
    average: str = "arithmetic",
    beta: float = 1.0,
    base: float | None = None,
    weights: Any = None,
    missing: str = "raise",
    workers: int | None = None,
) -> Array:
    """Mutual information, or other measures, of all pairs of columns: of x with those of y, or of x among themselves.

    Entry (i, j) is what the function of two columns says of column i of x and column j of y.

    Parameters
    ----------
    <PAIRS>
    metric : str, or a sequence of them for several from the same counts
        A function of two columns: "mutual_information" ("mi"), "normalized_mutual_information" ("nmi"),
        "adjusted_mutual_information" ("ami"), "symmetric_uncertainty" ("su"), "variation_of_information" ("vi"),
        "information_gain", "joint_entropy", "v_measure"; or one that has a direction: "conditional_entropy" is
        H(x_i | y_j), "gain_ratio" and "homogeneity" divide by H(x_i), "completeness" by H(y_j), and "purity" takes
        x_i for classes and y_j for clusters.
    average : {"arithmetic", "geometric", "min", "max", "joint"}
        The mean of the two entropies in "nmi" and "ami".
    beta : float
        Weight of completeness against homogeneity in "v_measure".
    base : float, optional
        Unit of information and entropies: 2 for bits, 10 for hartleys; nats without it.
    weights : array_like, optional
        Weight of each sample, finite and at least 0; whole numbers for "ami".
    <COMMON>

    Returns
    -------
    ndarray
        (columns of x, columns of y), for several metrics preceded by them.

    <RAISES>

    Notes
    -----
    The formulas and their sources stand with the functions. Of x alone the result is symmetric where the measure is;
    the diagonal of the mutual information holds the entropies, that of "nmi", "ami" and "su" 1, also for constants,
    and that of "vi" 0. "ami" needs the expectation for each pair of margins, which takes longer than counting.

    Examples
    --------
    >>> import numpy as np
    >>> from fastent import discrete
    >>> X = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]])
    >>> discrete.mutual_information_matrix(X, base=2)
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    >>> mi, nmi = discrete.mutual_information_matrix(X, X[:, 0], metric=["mi", "nmi"], base=2)
    >>> print(mi.ravel(), nmi.ravel())
    [1. 0. 0.] [1. 0. 0.]
    """
    name = "mutual_information_matrix"
    log_of_base(name, base)  # a base that does not enter is checked all the same
    options = _metrics.check_options(name, Options(average, beta))
    single = isinstance(metric, str) or not isinstance(metric, Sequence)
    metrics = [_metrics.metric_named(name, one) for one in ([metric] if single else metric)]
    if not metrics:
        raise ValueError(f"{name}: metric must name at least one measure, got {metric!r}")
    needed = tuple(dict.fromkeys(fact for one in metrics for fact in one.facts))
    facts = _facts_of_pairs(name, x, y, needed, weights, missing, workers)
    found = []
    for one in metrics:
        values = one.formula(facts, options)
        found.append(in_unit(name, values, base) if one.in_nats else values)
    result: Array = np.asarray(found[0]) if single else np.stack(found)
    return result


def _facts_of_pairs(
    function: str, x: Any, y: Any, needed: tuple[str, ...], weights: Any, missing: str, workers: int | None
) -> dict[str, Array]:
    """What the formulas take, each (columns of x, columns of y)."""
    of_tables = tuple(fact for fact in needed if fact in _samples.STATISTICS)
    if of_tables == needed:
        return dict(zip(needed, _samples.measure_pairs(function, x, y, needed, weights, missing, workers), strict=True))
    check_missing(function, missing)
    of_chance = "expected" in needed
    left, right = _samples.read_pair(function, x, y, missing, workers)
    read_weights = _margins.whole_weights if of_chance else _samples.relative_weights
    w = read_weights(function, weights, len(left.codes))
    facts = dict(
        zip(of_tables, _samples.pair_statistics(function, left, right, of_tables, w, workers), strict=True)
        if of_tables
        else ()
    )
    other = left if right is None else right
    if "purity" in needed:
        each = [purities(function, left, other.column(j), w, workers) for j in range(len(other.levels))]
        facts["purity"] = np.stack(each, axis=1) if each else np.zeros((len(left.levels), 0))
    if of_chance:
        shape = len(left.levels), None if right is None else len(right.levels)
        margins = _margins.margins_of_columns(left, right, w, workers)
        facts["expected"] = _margins.as_matrix(_margins.expected_information(function, margins, workers), *shape)
        facts["largest"] = _margins.as_matrix(margins.largest(), *shape)
    return facts
