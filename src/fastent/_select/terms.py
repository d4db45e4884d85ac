"""Logarithms of integers as integers: what the selection engine makes its sums of n ln n from."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

LOG_BITS = 58
SMALL = 1 << 16

_EXACT = 256  # below, in rational numbers


@functools.cache
def logarithms() -> np.ndarray[Any, Any]:
    """ln c in units of 2**-58 for c < 65536, off by at most one unit; 0 for c = 0.

    ln (k + 1)/k = 2 artanh t with t = 1/(2k + 1), added up: the leading term exactly, with its remainder, and what
    follows it in floating point, which is small.
    """
    k = np.arange(1, SMALL - 1, dtype=np.int64)
    whole, rest = np.divmod(np.int64(1 << (LOG_BITS + 1)), 2 * k + 1)
    t = 1.0 / (2 * k + 1)
    square = t * t
    series = square / 3 + square**2 / 5 + square**3 / 7 + square**4 / 9 + square**5 / 11
    part = (rest + 2.0 ** (LOG_BITS + 1) * series) * t
    for i in range(1, _EXACT):
        step = Fraction(1, 2 * i + 1)
        exact = sum((step ** (2 * j + 1) / (2 * j + 1) for j in range(30)), Fraction(0)) * 2 ** (LOG_BITS + 1)
        whole[i - 1] = math.floor(exact)
        part[i - 1] = float(exact - math.floor(exact))
    found = np.zeros(SMALL, np.int64)
    found[2:] = np.cumsum(whole) + np.rint(np.cumsum(part)).astype(np.int64)
    found.flags.writeable = False
    return found.view(np.uint64)


def scale_for(samples: int) -> int:
    """Bits after the point, so that n ln n and the sums of four of them stay inside 64 bits."""
    largest = max(1, math.ceil(samples * math.log(max(samples, 2))))
    return min(LOG_BITS, 60 - largest.bit_length())
