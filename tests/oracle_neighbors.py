"""Nearest-neighbour estimates of mutual information as their papers define them: what the tests compare with.

Every distance between two samples is written down, sorted and counted; nothing is clever, and nothing may come from the
package. Distances are those of float64 numbers, which is where ties are decided; everything else has 40 digits.

Sources: Ross 2014 for a discrete target; Kraskov, Stoegbauer & Grassberger 2004, equation 8, for a continuous one.
Ties as in Gao, Kannan, Oh & Viswanath 2017: where the k-th neighbour is at distance 0, k is the number of points there.
Where several share its distance, k is the number of those that are nearer, itself included.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpmath import MPContext

mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 40
_LOCK = threading.Lock()


@functools.cache
def psi(n: int) -> Any:
    """-gamma + 1 + 1/2 + ... + 1/(n - 1)."""
    return -mp.euler + mp.fsum(mp.one / i for i in range(1, n))


def mean(terms: Sequence[Any]) -> float:
    return float(mp.fsum(terms) / len(terms)) if terms else math.nan


def nearer(distances: np.ndarray, radius: float) -> int:
    """How many samples are nearer than the radius, or as near as that if it is 0; one's own is at distance 0."""
    return int(np.sum(distances < radius if radius > 0 else distances == 0))


def discrete(x: np.ndarray, labels: Sequence[Any], k: int) -> float:
    """Ross 2014, equation 3 of the paper for each sample, averaged; the only sample of a class does not take part."""
    with _LOCK:
        kept = [
            i for i in range(len(x))
            if not math.isnan(x[i]) and labels[i] is not None
            and sum(labels[j] == labels[i] and not math.isnan(x[j]) for j in range(len(x))) > 1
        ]  # fmt: skip
        x, labels = np.asarray(x, np.float64)[kept], [labels[i] for i in kept]
        terms = []
        for i in range(len(x)):
            distances = np.abs(x - x[i])
            own = distances[[label == labels[i] for label in labels]]
            radius = np.sort(own)[min(k, len(own) - 1)]
            inner, outer = nearer(own, radius), nearer(distances, radius)
            terms.append(psi(inner) - psi(outer) + psi(len(x)) - psi(len(own)))
        return mean(terms)


def unit(values: np.ndarray) -> np.ndarray:
    """Times a power of two, which loses nothing: the largest is near 1."""
    largest = float(np.abs(values).max())
    return values * math.ldexp(1.0, min(1 - math.frexp(largest)[1], 1023)) if largest else values


def deviation(values: np.ndarray) -> float:
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((values - centre) ** 2) / len(values)) if values.min() < values.max() else 1.0


def continuous(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """Kraskov 2004, equation 8, distances in units of the standard deviations."""
    with _LOCK:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        kept = ~np.isnan(x) & ~np.isnan(y)
        x, y = x[kept], y[kept]
        if len(x) <= k:
            return math.nan
        x, y = unit(x), unit(y)
        ratio = deviation(x) / deviation(y)
        terms = []
        for i in range(len(x)):
            across, apart = np.abs(x - x[i]), np.abs(y - y[i]) * ratio
            both = np.maximum(across, apart)
            radius = np.sort(both)[k]
            terms.append(
                psi(nearer(both, radius)) - psi(nearer(across, radius)) - psi(nearer(apart, radius)) + psi(len(x))
            )
        return mean(terms)
