"""Functions of single probabilities."""

from __future__ import annotations

from typing import Any

from fastent._plan import (
    log_of_base,
    map_elements,
)
from fastent.distributions._common import described


@described
def information_content(
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Information content (surprisal) of each probability, -ln p.

    Parameters
    ----------
    p : array_like
        Probabilities, any shape. 0 gives inf; negative, infinite and NaN give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Examples
    --------
    >>> import fastent
    >>> print(fastent.information_content([1, 0.5, 0.125], base=2))
    [0. 1. 3.]
    """
    return map_elements(
        "information_content", "information", (("p", p),), divisor=log_of_base("information_content", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def binary_entropy(
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Entropy of each yes-or-no probability, -p ln p - (1-p) ln(1-p).

    Parameters
    ----------
    p : array_like
        Probabilities in [0, 1], any shape; others give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Notes
    -----
    0 and 1 give exactly 0.0; ln(1-p) is taken as log1p(-p), so tiny p keep their digits.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.binary_entropy([0, 0.5, 1], base=2))
    [0. 1. 0.]
    """
    return map_elements(
        "binary_entropy", "binary_entropy", (("p", p),), divisor=log_of_base("binary_entropy", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip


@described
def binary_cross_entropy(
    y: Any,
    p: Any,
    *,
    base: float | None = None,
    where: Any = None,
    out: Any = None,
    invalid: str = "nan",
    workers: int | None = None,
) -> Any:
    """Cross-entropy of each yes-or-no label y and prediction p, -y ln p - (1-y) ln(1-p).

    Parameters
    ----------
    y, p : array_like
        Labels (or probabilities of them) and predicted probabilities, both in [0, 1]; they broadcast. Others give nan.
    <BASE>
    <ELEMENTS>

    <RESULT>

    Notes
    -----
    inf where a certain prediction is wrong; a term with weight 0 contributes 0.

    Examples
    --------
    >>> import fastent
    >>> print(fastent.binary_cross_entropy([1, 0], [0.5, 0.75], base=2))
    [1. 2.]
    """
    return map_elements(
        "binary_cross_entropy", "binary_cross_entropy", (("y", y), ("p", p)),
        divisor=log_of_base("binary_cross_entropy", base),
        where=where, out=out, invalid=invalid, workers=workers,
    )  # fmt: skip
