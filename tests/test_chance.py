"""The expected mutual information of shuffled labels, of any size: against the hypergeometric sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import MPContext

from fastent import discrete
from fastent._chance import expected_of_cells
from fastent.discrete._margins import expected_information, margins_of

mp = MPContext()
mp.dps = 40
REACH = 12  # standard deviations: what is farther off has a chance of 1e-32


def expected(a: int, b: int, total: int) -> Any:
    """sum P(n) n/N ln(n N / (a b)) over the cell's counts n."""
    mean = mp.mpf(a) * b / total
    near = REACH * (mp.sqrt(mean * (total - a) * (total - b) / total / (total - 1)) + 1)
    lowest = max(0, a + b - total, int(mean - near))
    weight, weights, value = mp.mpf(1), mp.mpf(0), mp.mpf(0)
    for n in range(lowest, min(a, b, int(mean + near)) + 1):
        weights += weight
        value += weight * (n * mp.log(n / mean) if n else 0)
        weight = weight * (a - n) * (b - n) / (mp.mpf(n + 1) * (total - a - b + n + 1))
    return value / weights / total


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        (30, 20, 60),
        (20_000, 30_000, 60_000),
        (16_900, 33_000, 66_000),  # a standard deviation of 64.8: the fewest that are summed in steps
        (500_000, 500_000, 1_000_000),
        (5_000, 900_000, 1_000_000),
        (980_000, 950_000, 1_000_000),
    ],
)
def test_one_cell(a: int, b: int, total: int) -> None:
    found = expected_of_cells(*(np.array([n]) for n in (a, b, total)), 1)[0]
    assert found == pytest.approx(float(expected(a, b, total)), rel=1e-13)


def test_totals_beyond_what_can_be_summed_one_by_one() -> None:
    """By the chi-squared distribution, (r - 1) (c - 1) / 2N up to terms of 1/N^2."""
    for total in (10**12, 10**15, 4 * 10**18):
        sides = [np.array([total // 2, total // 4, total // 4]), np.array([total // 2] * 2)]
        found = expected_information("", margins_of(sides, np.arange(2)), 1)[0]
        assert found == pytest.approx(1 / total, rel=10 / total + 1e-13)
    table = np.array([[2, 1], [1, 2]]) * 10**17
    mi, h = discrete.mutual_information(contingency=table), discrete.entropy([0, 1])
    assert discrete.adjusted_mutual_information(contingency=table) == pytest.approx(mi / h, rel=1e-13)


@pytest.mark.parametrize("average", ["min", "geometric", "arithmetic", "max", "joint"])
def test_a_constant_tells_nothing_of_a_variable(average: str) -> None:
    for total in (10, 10**8, 10**15):
        table = np.random.default_rng(total).integers(1, total, (1, 3))
        for one in (table, table.T):
            assert discrete.adjusted_mutual_information(contingency=one, average=average) == 0
