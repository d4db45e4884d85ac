"""What the measures of distributions share: options in docstrings, bounds."""

from __future__ import annotations

import math

from fastent._docs import documented

LN2 = math.log(2)
EQUAL_WEIGHTS = (0.5, 0.5)
Axis = int | tuple[int, ...] | None

_OPTIONS = {
    "BASE": """base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.""",
    "ROWS": """axis : int, tuple of int or None
        Dimensions along which the entries of one distribution lie; None for all.
    normalize : bool
        Divide by the sums first (True), or use the numbers as they are.
    where : array of bool, optional
        Entries that count; broadcast against the input.
    keepdims : bool
        Keep reduced dimensions with length 1.
    out : ndarray, optional
        Where to write the result; it is also returned.
    invalid : {"nan", "raise"}
        What becomes of a row with a NaN, negative or infinite entry, or one that is empty or sums to 0: nan for that
        row, or a ValueError that names the first one, its place and the reason.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "ELEMENTS": """where : array of bool, optional
        Elements to compute; the others keep the value of `out`, or are nan.
    out : ndarray, optional
        Where to write the result; it is also returned.
    invalid : {"nan", "raise"}
        What becomes of an element outside the domain: nan, or a ValueError that names the first one.
    workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "RESULT": """Returns
    -------
    ndarray, or a NumPy scalar for 1-D input
        float64; float32 if all inputs are float32, float16 or bfloat16. Integers and booleans are counts.""",
    "PAIR": """p, q : array_like
        Non-negative numbers. They broadcast against each other except along `axis`, where they must agree.""",
    "ONE": """p : array_like
        Non-negative numbers.""",
}


described = documented(_OPTIONS)


def log_length(length: int) -> float:
    return math.log(length)


def log_two(length: int) -> float:
    return LN2


def one(length: int) -> float:
    return 1.0
