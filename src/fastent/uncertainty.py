"""What an ensemble does not know, and why: from the predictions of its members.

The members may be networks, dropout samples, trees or posterior draws. Total uncertainty is the entropy of their mean;
it splits into what every member is unsure of (aleatoric: noise in the data) and what they disagree about (epistemic:
lack of data), the mutual information of prediction and member, known as BALD.

Sources: Houlsby, Huszar, Ghahramani & Lengyel 2011; Depeweg, Hernandez-Lobato, Doshi-Velez & Udluft 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastent._logit_rows import FLOAT32, FLOAT64, NARROW, check_axis, logits_array
from fastent._logits import engine
from fastent._plan import log_of_base
from fastent._rows.engine import DTYPES
from fastent._threads import workers_for

__all__ = ["MEASURES", "predictive_uncertainty"]

MEASURES = tuple(engine.MEMBERS)
"""The names of all measures."""


def predictive_uncertainty(
    p: Any,
    measures: str | Sequence[str] = MEASURES,
    *,
    logits: bool = False,
    member_axis: int = 0,
    axis: int = -1,
    base: float | None = None,
    workers: int | None = None,
) -> dict[str, Any] | Any:
    """Uncertainties of the mean prediction of an ensemble, all in one pass over its members.

    Parameters
    ----------
    p : array_like
        Predictions, (members, rows, classes) or with any other batch dimensions: probabilities or non-negative weights,
        which are divided by their sums, or logits.
    measures : str or sequence of str
        Which ones. With a = the members' distributions and m their mean:

        ======================  =====================================================================
        ``total``               entropy of the mean, H(m)
        ``aleatoric``           mean entropy of the members, mean H(a)
        ``epistemic``           mutual information of prediction and member (BALD), mean KL(a, m)
        ``margin``              how much likelier under m the first class is than the second
        ``least_confidence``    1 - max m
        ``variation_ratio``     share of members that do not vote for the commonest class
        ``vote_entropy``        entropy of the members' votes
        ======================  =====================================================================
    logits : bool
        The numbers are logits: a = softmax.
    member_axis : int
        Dimension of the members.
    axis : int
        Dimension of the classes.
    base : float, optional
        Unit of the entropies: 2 for bits; nats without it.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    dict of ndarray by name, or the ndarray itself if `measures` is one name
        One number per row; float64 for float64 predictions and for integers, otherwise float32.

    Raises
    ------
    ValueError
        An unknown measure; no members.

    Notes
    -----
    total = aleatoric + epistemic up to rounding; the epistemic part is a sum of divergences, so it is never negative,
    and exactly 0 where the members' shares are equal but for their roundings. A vote goes to a member's first largest
    entry. A row is nan in all measures if a member's row is invalid: NaN, negative or infinite entries, or a sum of 0;
    of logits NaN, +inf, or nothing but -inf.

    Examples
    --------
    >>> from fastent.uncertainty import predictive_uncertainty
    >>> agree, differ = [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]  # two rows of two members each
    >>> found = predictive_uncertainty([agree, differ], ["total", "epistemic"], member_axis=1, base=2)
    >>> print(found["total"].tolist(), found["epistemic"].tolist())
    [1.0, 1.0] [0.0, 1.0]
    """
    function = "predictive_uncertainty"
    if measures is None:
        raise TypeError(f"{function}: measures must be names among {', '.join(MEASURES)}, got None")
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in names:
        if name not in engine.MEMBERS:
            raise ValueError(f"{function}: measures must be among {', '.join(MEASURES)}, got {name!r}")
    if not names:
        raise ValueError(f"{function}: measures must name at least one of {', '.join(MEASURES)}")
    array = logits_array(function, "p", p)
    if array.values.ndim < 2:
        raise ValueError(f"{function}: p must have a dimension of members and one of classes, got {array.values.ndim}")
    first, last = check_axis(function, member_axis, array.values.ndim), check_axis(function, axis, array.values.ndim)
    if first == last:
        raise ValueError(f"{function}: member_axis and axis must differ, both are {first}")
    members, classes = array.values.shape[first], array.values.shape[last]
    if members == 0:
        raise ValueError(f"{function}: p must have at least one member, got shape {array.values.shape}")
    divisor = log_of_base(function, base)
    dtype = FLOAT32 if array.dtype in NARROW else FLOAT64
    moved = np.moveaxis(array.values, (first, last), (0, -1))
    shape = moved.shape[1:-1]
    steps = zip(moved.strides[1:-2], shape[1:], moved.strides[2:-1], strict=True)
    if moved.size and all(outer == n * inner for outer, n, inner in steps):
        moved = moved.reshape(members, -1, classes)  # the same memory: rows in one line
    batch = moved.shape[1:-1]
    found = {name: np.full(batch, np.nan, dtype) for name in names}
    for place in np.ndindex(batch[:-1]):  # a call for each line of rows
        line = moved[(slice(None), *place)] if batch else moved[:, None]
        if line.shape[1] and classes:
            spec = (line, array.code, array.swapped, line.strides[:2], line.strides[2])
            engine.members(
                spec, logits, members, line.shape[1], classes, DTYPES[dtype.name],
                {name: np.atleast_1d(values[place]) if batch else values.reshape(1) for name, values in found.items()},
                divisor, workers_for(function, workers, line.size),
            )  # fmt: skip
    results = {name: values.reshape(shape)[()] for name, values in found.items()}
    return results[measures] if isinstance(measures, str) else results
