"""The textbook definition of every measure of labels, evaluated exactly: what the tests compare with.

Probabilities are exact fractions of counts or weights, and every logarithm has 50 digits, so whatever cancels in a
definition costs nothing that matters. Written from Cover & Thomas, Elements of Information Theory, chapter 2, and from
the papers named below; nothing here is tuned, and nothing may come from the package. Results are in nats, and nan where
there are no samples. The one liberty: equal terms of a sum are computed once and multiplied by how often they occur.

Labels are sequences of anything hashable; a table is turned into labels and weights by `labels_of`.
"""

from __future__ import annotations

import functools
import math
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from mpmath import MPContext

mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 50
NAN = mp.mpf("nan")
_LOCK = threading.RLock()  # functions of a context change its precision while they work

Outcome = tuple[Hashable, ...]
Pmf = dict[Outcome, Fraction]


class NoSamples(Exception):
    """There is nothing to measure."""


def measure(define: Callable[..., Any]) -> Callable[..., Any]:
    """A definition, evaluated by one thread at a time; nan without samples."""

    @functools.wraps(define)
    def evaluate(*columns: Any, **options: Any) -> Any:
        with _LOCK:
            try:
                return define(*columns, **options)
            except NoSamples:
                return NAN

    return evaluate


# ---- distributions of labels ---------------------------------------------------------------------------------------


def plain(column: Any) -> list[Any]:
    """The labels as Python objects."""
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def count(*columns: Any, weights: Any = None) -> Counter[Outcome]:
    """How often each combination of labels occurs, or the exact sum of its weights."""
    outcomes = zip(*map(plain, columns), strict=True)
    if weights is None:
        return Counter(outcomes)
    mass: Counter[Outcome] = Counter()
    for outcome, weight in zip(outcomes, plain(weights), strict=True):
        mass[outcome] += Fraction(weight)  # type: ignore[assignment]
    return mass


def distribution(*columns: Any, weights: Any = None) -> Pmf:
    mass = count(*columns, weights=weights)
    total = mass.total()
    if not total:
        raise NoSamples
    return {outcome: Fraction(m) / total for outcome, m in mass.items() if m}


def marginal(p: Pmf, *axes: int) -> Pmf:
    """The distribution of some of the variables."""
    sums: Pmf = {}
    for outcome, mass in p.items():
        part = tuple(outcome[a] for a in axes)
        sums[part] = sums.get(part, Fraction(0)) + mass
    return sums


def labels_of(table: Any) -> tuple[list[int], list[int], list[Any]]:
    """A table as labels x and y, one sample per cell, and its cells as their weights."""
    table = np.asarray(table)
    i, j = np.indices(table.shape)
    return i.ravel().tolist(), j.ravel().tolist(), table.ravel().tolist()


@functools.lru_cache(maxsize=1 << 16)
def ln(x: Fraction) -> Any:
    return mp.ln(number(x))


def number(x: Fraction) -> Any:
    return mp.mpf(x.numerator) / x.denominator


def expectation(values: Iterable[tuple[Fraction, Fraction]]) -> Any:
    """sum of p ln r over pairs (p, r)."""
    return mp.fsum(times * number(p) * ln(r) for (p, r), times in Counter(values).items())


def entropy_of(p: Pmf) -> Any:
    return -expectation((mass, mass) for mass in p.values())


# ---- information (Cover & Thomas, equations 2.1, 2.8, 2.12, 2.28, 2.61) --------------------------------------------


@measure
def entropy(x: Any, *, weights: Any = None) -> Any:
    return entropy_of(distribution(x, weights=weights))


@measure
def joint_entropy(*columns: Any, weights: Any = None) -> Any:
    return entropy_of(distribution(*columns, weights=weights))


@measure
def conditional_entropy(x: Any, y: Any, *, weights: Any = None) -> Any:
    """H(X | Y) = -sum p(x, y) ln p(x | y)."""
    p = distribution(x, y, weights=weights)
    p_y = marginal(p, 1)
    return -expectation((mass, mass / p_y[(j,)]) for (_, j), mass in p.items())


@measure
def mutual_information(x: Any, y: Any, *, weights: Any = None) -> Any:
    """I(X; Y) = sum p(x, y) ln p(x, y) / (p(x) p(y))."""
    p = distribution(x, y, weights=weights)
    p_x, p_y = marginal(p, 0), marginal(p, 1)
    return expectation((mass, mass / (p_x[(i,)] * p_y[(j,)])) for (i, j), mass in p.items())


information_gain = mutual_information  # Quinlan 1986


@measure
def conditional_mutual_information(x: Any, y: Any, z: Any, *, weights: Any = None) -> Any:
    """I(X; Y | Z) = sum p(x, y, z) ln p(x, y | z) / (p(x | z) p(y | z))."""
    p = distribution(x, y, z, weights=weights)
    p_xz, p_yz, p_z = marginal(p, 0, 2), marginal(p, 1, 2), marginal(p, 2)
    return expectation(
        (mass, (mass / p_z[(k,)]) / (p_xz[i, k] / p_z[(k,)] * (p_yz[j, k] / p_z[(k,)])))
        for (i, j, k), mass in p.items()
    )


@measure
def interaction_information(x: Any, y: Any, z: Any, *, weights: Any = None) -> Any:
    """McGill 1954: I(X; Y | Z) - I(X; Y)."""
    return conditional_mutual_information(x, y, z, weights=weights) - mutual_information(x, y, weights=weights)


@measure
def total_correlation(*columns: Any, weights: Any = None) -> Any:
    """Watanabe 1960: sum p(x1, ..., xm) ln p(x1, ..., xm) / (p(x1) ... p(xm))."""
    p = distribution(*columns, weights=weights)
    each = [marginal(p, a) for a in range(len(columns))]
    return expectation(
        (mass, mass / math.prod(p_a[(label,)] for p_a, label in zip(each, outcome, strict=True)))
        for outcome, mass in p.items()
    )


@measure
def variation_of_information(x: Any, y: Any, *, weights: Any = None) -> Any:
    """Meila 2007: H(X | Y) + H(Y | X)."""
    return conditional_entropy(x, y, weights=weights) + conditional_entropy(y, x, weights=weights)


@measure
def pmi(x: Any, y: Any, *, weights: Any = None) -> dict[Outcome, Any]:
    """Church & Hanks 1990: ln p(x, y) / (p(x) p(y)) of every pair of labels; -inf where they never meet."""
    p = distribution(x, y, weights=weights)
    p_x, p_y = marginal(p, 0), marginal(p, 1)
    return {
        (i, j): ln(p[i, j] / (a * b)) if (i, j) in p else -mp.inf for (i,), a in p_x.items() for (j,), b in p_y.items()
    }


@measure
def npmi(x: Any, y: Any, *, weights: Any = None) -> dict[Outcome, Any]:
    """Bouma 2009: divided by -ln p(x, y), with its limits 1 where there is one pair only and -1 where there is none."""
    p = distribution(x, y, weights=weights)
    return {
        pair: mp.mpf(-1) if pair not in p else mp.mpf(1) if p[pair] == 1 else value / -ln(p[pair])
        for pair, value in pmi(x, y, weights=weights).items()
    }


# ---- shares --------------------------------------------------------------------------------------------------------

AVERAGES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "arithmetic": lambda x, y, xy: (x + y) / 2,
    "geometric": lambda x, y, xy: mp.sqrt(x * y),
    "min": lambda x, y, xy: min(x, y),
    "max": lambda x, y, xy: max(x, y),
    "joint": lambda x, y, xy: xy,
}


def average_entropy(x: Any, y: Any, average: str, weights: Any = None) -> Any:
    entropies = entropy(x, weights=weights), entropy(y, weights=weights), joint_entropy(x, y, weights=weights)
    return AVERAGES[average](*entropies)


@measure
def normalized_mutual_information(x: Any, y: Any, *, average: str = "arithmetic", weights: Any = None) -> Any:
    """Vinh, Epps & Bailey 2010. Two constants agree, a constant and a variable do not."""
    if not joint_entropy(x, y, weights=weights):
        return mp.mpf(1)
    mean = average_entropy(x, y, average, weights)
    return mutual_information(x, y, weights=weights) / mean if mean else mp.mpf(0)


@measure
def symmetric_uncertainty(x: Any, y: Any, *, weights: Any = None) -> Any:
    """2 I(X; Y) / (H(X) + H(Y)), and 1 for two constants."""
    both = entropy(x, weights=weights) + entropy(y, weights=weights)
    return 2 * mutual_information(x, y, weights=weights) / both if both else mp.mpf(1)


@measure
def gain_ratio(x: Any, y: Any, *, weights: Any = None) -> Any:
    """Quinlan 1993: I(X; Y) / H(X), and 0 where X does not split."""
    split = entropy(x, weights=weights)
    return mutual_information(x, y, weights=weights) / split if split else mp.mpf(0)


# ---- agreement of clusterings --------------------------------------------------------------------------------------


@measure
def expected_mutual_information(x: Any, y: Any) -> Any:
    """Vinh, Epps & Bailey 2010: the mean of I over all ways to shuffle the samples.

    The cell of levels with a and b of N samples is hypergeometric: it is n in C(b, n) C(N-b, a-n) of C(N, a) ways.
    """
    if not plain(x):
        raise NoSamples
    return _expected(*(tuple(sorted(Counter(count(labels).values()).items())) for labels in (x, y)))


@functools.cache
def _expected(levels_x: tuple[tuple[int, int], ...], levels_y: tuple[tuple[int, int], ...]) -> Any:
    """From the counts of levels, and how many levels have each."""
    total = sum(a * times for a, times in levels_x)
    sums = []
    for a, times_a in levels_x:
        for b, times_b in levels_y:
            for n in range(max(1, a + b - total), min(a, b) + 1):
                ways = math.comb(b, n) * math.comb(total - b, a - n)
                chance = mp.mpf(ways) / math.comb(total, a)
                sums.append(times_a * times_b * chance * n / total * ln(Fraction(total * n, a * b)))
    return mp.fsum(sums)


@measure
def adjusted_mutual_information(x: Any, y: Any, *, average: str = "arithmetic") -> Any:
    """(I - E[I]) / (mean(H(X), H(Y)) - E[I]); 1 for the same partition, otherwise 0 where that is 0 / 0."""
    if not variation_of_information(x, y):
        return mp.mpf(1)
    expected = expected_mutual_information(x, y)
    beyond, room = mutual_information(x, y) - expected, average_entropy(x, y, average) - expected
    return beyond / room if abs(room) > mp.mpf(10) ** -40 else mp.mpf(0)


@measure
def homogeneity_completeness_v_measure(
    classes: Any, clusters: Any, *, beta: float = 1.0, weights: Any = None
) -> tuple[Any, Any, Any]:
    """Rosenberg & Hirschberg 2007: 1 - H(C | K) / H(C), 1 - H(K | C) / H(K), and their weighted harmonic mean."""
    whole = entropy(classes, weights=weights), entropy(clusters, weights=weights)
    left = (
        conditional_entropy(classes, clusters, weights=weights),
        conditional_entropy(clusters, classes, weights=weights),
    )
    h, c = (1 - rest / all_of_it if all_of_it else mp.mpf(1) for rest, all_of_it in zip(left, whole, strict=True))
    b = mp.mpf(beta)
    return h, c, (1 + b) * h * c / (b * h + c) if b * h + c else mp.mpf(0)


@measure
def purity(classes: Any, clusters: Any, *, weights: Any = None) -> Any:
    """The share of samples in the largest class of their cluster."""
    p = distribution(classes, clusters, weights=weights)
    largest: dict[Hashable, Fraction] = {}
    for (_, cluster), mass in p.items():
        largest[cluster] = max(largest.get(cluster, Fraction(0)), mass)
    return number(sum(largest.values(), Fraction(0)))


# ---- tables --------------------------------------------------------------------------------------------------------


def table_of(x: Sequence[int], y: Sequence[int], shape: tuple[int, int], weights: Any = None) -> np.ndarray:
    """The table of codes: int64, or float64 of the exact sums of the weights."""
    table = np.zeros(shape, np.int64 if weights is None else np.float64)
    for (i, j), mass in count(x, y, weights=weights).items():
        table[i, j] = mass
    return table


def ranks(column: Any) -> list[int]:
    """Labels numbered in their order, from 0."""
    place = {label: i for i, label in enumerate(sorted(set(plain(column))))}
    return [place[label] for label in plain(column)]
