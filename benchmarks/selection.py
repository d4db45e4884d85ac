"""Benchmarks of feature selection: greedy selection and bins against NumPy and scikit-learn, and how both grow.

    python benchmarks/selection.py [--quick] [--json FILE]

Contestants take turns in one process, each warmed up; times are minima over the turns. Growth is the time per sample,
column and step at every size: numbers that stay the same are linear growth.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from works import Work, command_line

from fastent.feature_selection import discretize, select


def entropy_of_columns(codes: np.ndarray, levels: int) -> np.ndarray:
    """H of each column of codes, by one bincount."""
    rows, columns = codes.shape
    counts = np.bincount((codes + levels * np.arange(columns)).ravel(), minlength=levels * columns)
    counts = counts.reshape(columns, levels)
    return np.log(rows) - (counts * np.log(np.maximum(counts, 1))).sum(axis=1) / rows


def numpy_jmi(X: np.ndarray, y: np.ndarray, k: int) -> list[int]:
    """JMI as one would write it with NumPy: one bincount over all columns per step."""
    x, target = X.astype(np.int64), y.astype(np.int64)
    levels, classes = int(x.max()) + 1, int(target.max()) + 1
    score = entropy_of_columns(x, levels) - entropy_of_columns(x * classes + target[:, None], levels * classes)
    total, chosen = np.zeros(x.shape[1]), [int(score.argmax())]
    while len(chosen) < k:
        pair = x * levels + x[:, chosen[-1:]]
        joint = entropy_of_columns(pair * classes + target[:, None], levels**2 * classes)
        total += entropy_of_columns(pair, levels**2) - joint
        free = total.copy()
        free[chosen] = -np.inf
        chosen.append(int(free.argmax()))
    return chosen


TENTH = ("(a tenth of the columns)", "(5 columns)")


def works(scale: float) -> Iterator[Work]:
    from scipy.sparse import random_array
    from sklearn.preprocessing import KBinsDiscretizer

    rng = np.random.default_rng(0)
    columns = int(20_000 * scale)
    X, y = rng.integers(0, 2, (800, columns)).astype(np.uint8), rng.integers(0, 2, 800).astype(np.uint8)
    for criterion, limit in (("jmi", 30.0), ("mrmr", 20.0), ("cmim", None)):
        few = X[:, : columns // 10]
        peers = {"NumPy (a tenth of the columns)": lambda X=few: numpy_jmi(X, y, 50)} if criterion == "jmi" else {}
        yield Work(
            f"{criterion}, 50 of {columns} binary columns, 800 samples", 1, "ms",
            {"fastent": lambda c=criterion: select(X, y, 50, c)} | peers, limit=limit,
        )  # fmt: skip
    told = X.copy()
    told[:, :40] = np.where(rng.random((800, 40)) < 0.8, y[:, None], told[:, :40])
    yield Work(
        f"cmim, 30 of {columns} binary columns of which 40 tell something", 1, "ms",
        {
            "fastent": lambda: select(told, y, 30, "cmim", lazy=True),
            "fastent, eager": lambda: select(told, y, 30, "cmim"),
        },
    )  # fmt: skip
    n = int(100_000 * scale)
    X10, y10 = rng.integers(0, 10, (n, 100)).astype(np.uint8), rng.integers(0, 2, n).astype(np.uint8)
    yield Work(
        f"jmi, 20 of 100 columns of ten levels, {n} samples", 1, "ms",
        {"fastent": lambda: select(X10, y10, 20, "jmi")}, limit=50.0,
    )  # fmt: skip
    weight = rng.random(n)
    yield Work(
        f"jmi, 20 of 100 columns of ten levels, {n} weighted samples", 1, "ms",
        {"fastent": lambda: select(X10, y10, 20, "jmi", sample_weight=weight)},
    )  # fmt: skip
    words = random_array((n, columns), density=1e-3, format="csc", rng=rng)
    words = (words > 0).astype(np.uint8)
    some = words[:, : columns // 10].toarray()
    yield Work(
        f"jmi, 10 of {columns} sparse columns, one entry in 1000, {n} samples", 1, "ms",
        {
            "fastent": lambda: select(words, y10, 10, "jmi"),
            f"fastent, dense {TENTH[0]}": lambda: select(some, y10, 10, "jmi"),
        },
    )  # fmt: skip
    n = int(1_000_000 * scale)
    F = rng.standard_normal((n, 50), dtype=np.float32)
    few = F[:, :5]
    bins = KBinsDiscretizer(16, encode="ordinal", strategy="quantile", quantile_method="linear", subsample=None)
    peer = "KBinsDiscretizer (5 columns)"
    yield Work(
        f"quantile:16 of {n} x 50 float32", n * 50, "ns per number",
        {"fastent": lambda: discretize(F, "quantile:16"), peer: lambda: bins.fit_transform(few)}, {peer: 5},
    )  # fmt: skip
    edges = discretize(F, "quantile:16").edges
    inner = [one[1:-1].astype(np.float32) for one in edges]
    digits = "np.searchsorted (5 columns)"
    yield Work(
        f"given edges of {n} x 50 float32", n * 50, "ns per number",
        {
            "fastent": lambda: discretize(F, edges),
            digits: lambda: [np.searchsorted(inner[c], F[:, c], side="right") for c in range(5)],
        },
    )  # fmt: skip


def growth(scale: float) -> Iterator[Work]:
    """The same selection of more columns, and of more rows."""
    rng = np.random.default_rng(1)
    for columns in (10_000, 100_000, 1_000_000):
        m = int(columns * scale)
        X, y = rng.integers(0, 2, (1000, m), dtype=np.uint8), rng.integers(0, 2, 1000, dtype=np.uint8)
        yield Work(
            f"growth: jmi, 10 of {m} binary columns, 1000 samples", 1000 * m * 10, "ns per sample, column and step",
            {"fastent": lambda X=X, y=y: select(X, y, 10, "jmi")},
        )  # fmt: skip
        del X
    for rows in (10_000, 100_000, 1_000_000, 10_000_000):
        n = int(rows * scale)
        X = np.asfortranarray(rng.integers(0, 4, (n, 20), dtype=np.uint8))
        y = rng.integers(0, 2, n, dtype=np.uint8)
        yield Work(
            f"growth: jmi, 10 of 20 columns of four levels, {n} samples", n * 200, "ns per sample, column and step",
            {"fastent": lambda X=X, y=y: select(X, y, 10, "jmi")},
        )  # fmt: skip


def all_works(scale: float) -> Iterator[Work]:
    for work in itertools.chain(works(scale), growth(scale)):
        yield work._replace(shares={name: 10.0 for name in work.contestants if name.endswith(TENTH)})


if __name__ == "__main__":
    command_line(all_works, __doc__)
