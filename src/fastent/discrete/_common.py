"""What the measures of discrete samples share: options in docstrings, units, ratios."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent._docs import documented
from fastent._plan import log_of_base
from fastent._samples import STATISTICS, Array

_RAISES = """Raises
    ------
    ValueError
        Lengths or shapes that do not fit, missing labels with missing="raise", weights or counts that are negative or
        not finite, an option that there is not.
    TypeError
        Labels, weights, tables or options of another kind."""

_OPTIONS = {
    "RAISES": _RAISES,
    "X": """x : array_like
        Labels, (samples,) or (samples, columns).""",
    "XY": """x : array_like
        Labels, (samples,) or (samples, columns): one value, or one per column.
    y : array_like
        Labels, (samples,).
    contingency : array_like or sparse matrix, optional
        Instead of x and y, their table: counts or weights of shape (levels of x, levels of y), or a stack of such. That
        of samples that come in pieces is made by `discrete.add_tables`.""",
    "PAIRS": """x, y : array_like
        Labels, (samples, columns). Without y it is all pairs of columns of x, each done once.""",
    "MATRICES": f"""Returns
    -------
    statistic, p_value : ndarray
        (columns of x, columns of y). They are not corrected for the number of pairs.

    {_RAISES}""",
    "XYZ": """x, y : array_like
        Labels, (samples,) or (samples, columns): one value, one per column, or all pairs of columns of x and of y.
    z : array_like
        Labels, (samples,).
    contingency : array_like, optional
        Instead of x, y and z, their table: counts or weights of shape (levels of x, levels of y, levels of z), or a
        stack of such.""",
    "BASE": """base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.""",
    "WEIGHTS": """weights : array_like, optional
        Weight of each sample, finite and at least 0.""",
    "TIMES": """weights : array_like, optional
        How often each sample was seen: whole numbers, because chance is that of shuffled samples.""",
    "PERMUTATIONS": """permutations : int
        Number of random tables.
    rng : int, numpy.random.Generator or None
        Seed or generator of these.""",
    "COMMON": """missing : {"raise", "level", "omit"}
        What becomes of missing labels (None, nan, nulls): a ValueError that names the first one, one more level, or
        samples that are left out wherever they miss a label of the pair.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "SEVERAL": f"""Returns
    -------
    float, or ndarray with one value per column, pair of columns or table
        nan where there are no samples.

    {_RAISES}""",
    "SCALAR": f"""Returns
    -------
    float, or ndarray with one value per column or table
        nan where there are no samples.

    {_RAISES}""",
}
described = documented(_OPTIONS)


def in_unit(function: str, values: Any, base: float | None) -> Any:
    divisor = log_of_base(function, base)
    values = np.asarray(values) / divisor if divisor != 1 else np.asarray(values)
    return values[()]


def select(found: Array, name: str) -> Array:
    return found[..., STATISTICS[name]]


def ratio(numerator: Array, denominator: Array, empty: float) -> Any:
    """A quotient that is `empty` where both are 0."""
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator == 0, np.where(np.isnan(numerator), np.nan, empty), numerator / denominator)[()]
