"""Benchmarks of problems of the sizes that were timed with praznik, an R package of the same methods in C and OpenMP.

    python benchmarks/praznik.py [--quick] [--json FILE]

praznik is not run here: its times, of two threads on two Zen 4 cores, are the limits that fastent should keep on two
processors. Contestants take turns in one process, each warmed up; times are minima over the turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from works import Work, command_line

from fastent import discrete
from fastent.feature_selection import select

SECONDS = {"jmi": 1.46, "mrmr": 0.92, "pairs": 0.375, "target": 0.011, "jmi of ten levels": 0.26}
"""Times of praznik. A limit in ns is one of them divided by the units of the whole problem, in quick runs too."""


def works(scale: float) -> Iterator[Work]:
    from sklearn.feature_selection import mutual_info_classif
    from sklearn.metrics import mutual_info_score

    rng = np.random.default_rng(0)
    columns = int(20_000 * scale)
    X, y = rng.integers(0, 2, (800, columns), np.uint8), rng.integers(0, 2, 800, np.uint8)
    step = "ns per sample, column and step"
    for criterion in ("jmi", "mrmr"):
        yield Work(
            f"{criterion}, 50 of {columns} binary columns, 800 samples", X.size * 50, step,
            {"fastent": lambda c=criterion: select(X, y, 50, c)},
            limit=SECONDS[criterion] * 1e9 / (800 * 20_000 * 50),
        )  # fmt: skip

    n = int(100_000 * scale)
    X10, y10 = np.asfortranarray(rng.integers(0, 10, (n, 100), np.uint8)), rng.integers(0, 2, n, np.uint8)
    few = X10[:, :10]
    yield Work(
        f"jmi, 20 of 100 columns of ten levels, {n} samples", X10.size * 20, step,
        {"fastent": lambda: select(X10, y10, 20, "jmi")},
        limit=SECONDS["jmi of ten levels"] * 1e9 / (100_000 * 100 * 20),
    )  # fmt: skip
    classif, score = "scikit-learn, mutual_info_classif (10 columns)", "scikit-learn, mutual_info_score (45 pairs)"
    yield Work(
        f"MI of 100 columns of ten levels with a binary target, {n} samples", X10.size, "ns per sample and column",
        {
            "fastent": lambda: discrete.mutual_information(X10, y10),
            classif: lambda: mutual_info_classif(few, y10, discrete_features=True),
        },
        limit=SECONDS["target"] * 1e9 / (100_000 * 100),
        shares={classif: 10.0},
    )  # fmt: skip
    pairs = 100 * 99 // 2
    yield Work(
        f"MI of all pairs of 100 columns of ten levels, {n} samples", n * pairs, "ns per sample and pair",
        {
            "fastent": lambda: discrete.mutual_information_matrix(X10),
            score: lambda: [mutual_info_score(few[:, i], few[:, j]) for i in range(10) for j in range(i)],
        },
        limit=SECONDS["pairs"] * 1e9 / (100_000 * pairs),
        shares={score: pairs / 45},
    )  # fmt: skip


if __name__ == "__main__":
    command_line(works, __doc__)
