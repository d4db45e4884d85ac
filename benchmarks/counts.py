"""Benchmarks of counting: labels and their mutual information against scikit-learn, NumPy and pandas.

    python benchmarks/counts.py [--quick] [--json FILE]

Contestants take turns in one process, each warmed up; times are minima over the turns. `report.py` runs this and makes
the table from the JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from works import Work, command_line

from fastent import discrete, encode
from fastent.cli import main

Array = np.ndarray[Any, Any]


def works(scale: float) -> Iterator[Work]:
    from scipy.stats import MonteCarloMethod, chi2_contingency
    from sklearn.feature_selection import mutual_info_classif
    from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    n = int(1_000_000 * scale)
    x = rng.integers(0, 10, n)
    y = (x + rng.integers(0, 3, n)) % 10
    for dtype, limit in (("int64", 100), ("uint8", 150)):
        a, b = x.astype(dtype), y.astype(dtype)
        combined = a.astype(np.int64) * 10 + b
        yield Work(
            f"MI of two columns, {dtype}, {n} samples", n, "ns per sample",
            {
                "fastent": lambda a=a, b=b: discrete.mutual_information(a, b),
                "scikit-learn": lambda a=a, b=b: mutual_info_score(a, b),
                "np.bincount of the combined code, counts only": lambda c=combined: np.bincount(c, minlength=100),
            },
            {"scikit-learn": limit, "np.bincount of the combined code, counts only": 1},
        )  # fmt: skip
    n = int(100_000 * scale)
    levels = rng.integers(0, 10, (n, 100)).astype(np.uint8)
    target = rng.integers(0, 2, n).astype(np.uint8)
    few = levels[:, :10]
    for order in "FC":
        X = np.asarray(levels, order=order)
        yield Work(
            f"MI of 100 columns with a target, {n} samples, {order} order", n * 100, "ns per sample and column",
            {
                "fastent": lambda X=X: discrete.mutual_information(X, target),
                "scikit-learn (10 columns)": lambda: mutual_info_classif(few, target, discrete_features=True),
            },
            {"scikit-learn (10 columns)": 500},
            0.15,
            {"scikit-learn (10 columns)": 10},
        )  # fmt: skip
    X = np.asfortranarray(levels)
    yield Work(
        f"all pairs of 100 columns of 10 levels, {n} samples", n * 4950, "ns per sample and pair",
        {"fastent": lambda: discrete.mutual_information_matrix(X)}, limit=0.05,
    )  # fmt: skip
    n = int(1_000_000 * scale)
    binary = np.asfortranarray(rng.integers(0, 2, (n, 200)).astype(np.uint8))
    yield Work(
        f"all pairs of 200 binary columns, {n} samples", n * 19900, "ns per sample and pair",
        {"fastent": lambda: discrete.mutual_information_matrix(binary)}, limit=0.001,
    )  # fmt: skip
    numbers = rng.normal(size=(n // 10, 10))
    classes = np.digitize(numbers[:, 3] + rng.normal(size=len(numbers)), [-0.5, 0.5]).astype(np.uint8)
    yield Work(
        f"best split of 10 columns, {len(numbers)} samples, 3 classes", numbers.size, "ns per sample and column",
        {
            "fastent": lambda: discrete.best_split(numbers, classes),
            "scikit-learn, a tree of one split": lambda: DecisionTreeClassifier(criterion="entropy", max_depth=1).fit(
                numbers, classes
            ),
            "NumPy, sorted columns": lambda: [sorted_split(column, classes) for column in numbers.T],
        },
        {"scikit-learn, a tree of one split": 1, "NumPy, sorted columns": 1},
    )  # fmt: skip
    a, b = rng.integers(0, 100, (2, 10_000))
    yield Work(
        "adjusted MI of 10000 labels, 100 levels", 1, "ms",
        {
            "fastent": lambda: discrete.adjusted_mutual_information(a, b),
            "scikit-learn": lambda: adjusted_mutual_info_score(a, b),
        },
        {"scikit-learn": 20},
    )  # fmt: skip
    table = rng.integers(500, 1500, (10, 10))
    resampled = MonteCarloMethod(n_resamples=999, rng=1)
    yield Work(
        f"permutation test of a table of 10 x 10, {table.sum()} samples, 999 tables", 1, "ms",
        {
            "fastent": lambda: discrete.permutation_test(contingency=table, permutations=999, rng=1),
            "SciPy, chi-squared": lambda: chi2_contingency(table, correction=False, method=resampled),
        },
        {"SciPy, chi-squared": 1},
    )  # fmt: skip
    yield from encodings(rng, n)
    yield from tables(rng, n // 4)


def encodings(rng: np.random.Generator, n: int) -> Iterator[Work]:
    """Labels of few and of many levels, against pandas, which sorts them, too."""
    import pandas as pd

    for levels in (50, 100_000):
        pick = rng.integers(0, levels, n)
        words = np.array([f"level {i}" for i in rng.permutation(levels)])
        numbers = rng.integers(-(2**62), 2**62, levels)
        labels = {
            "int64": numbers[pick],
            "float64": (numbers / 7)[pick],
            "strings of NumPy": words[pick],
            "bytes of NumPy": words.astype("S")[pick],
            "StringDType": words[pick].astype(np.dtypes.StringDType()),  # type: ignore[attr-defined]
            "objects that recur": words.astype(object)[pick],
            "objects, each a copy": words[pick].astype(object),
            "a pandas Categorical": pd.Series(words[pick], dtype="category"),
        }
        for title, column in labels.items():
            yield Work(
                f"encode {title}, {levels} levels, {n} labels", n, "ns per label",
                {
                    "fastent": lambda s=column: encode(s),
                    "pandas.factorize, sorted": lambda s=column: pd.factorize(s, sort=True),
                },
                {"pandas.factorize, sorted": 1},
            )  # fmt: skip


def tables(rng: np.random.Generator, n: int) -> Iterator[Work]:
    """The command on a CSV file of fractions, whole numbers and words, with pyarrow and without."""
    import pandas as pd

    def associate(path: str) -> None:
        with redirect_stdout(StringIO()):
            if main(["associate", path, "--target", "9"]):
                raise SystemExit("fastent associate refuses the table")

    def without_pyarrow(path: str) -> None:
        with patch.dict(sys.modules, pyarrow=None):
            associate(path)

    columns = [
        *rng.normal(size=(4, n)).round(5),
        *rng.integers(0, 20, (4, n)),
        *np.array(["ash", "elm", "oak"])[rng.integers(0, 3, (2, n))],
    ]
    with TemporaryDirectory() as folder:
        path = f"{folder}/table.csv"
        pd.DataFrame({str(i): column for i, column in enumerate(columns)}).to_csv(path, index=False)
        yield Work(
            f"fastent associate, a CSV of {n} x 10", n * 10, "ns per cell",
            {
                "fastent": lambda: associate(path),
                "fastent, without pyarrow": lambda: without_pyarrow(path),
                "pandas.read_csv, reading alone": lambda: pd.read_csv(path),
            },
        )  # fmt: skip


def sorted_split(values: Array, classes: Array) -> tuple[float, float]:
    """The threshold of most information gain, as one writes it in NumPy."""
    order = np.argsort(values)
    values, below = values[order], np.cumsum(np.eye(classes.max() + 1)[classes[order]], axis=0)

    def left_over(counts: Array) -> Array:
        p = counts / counts.sum(axis=1, keepdims=True)
        return -(counts * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1) / len(values)  # type: ignore[no-any-return]

    rest = left_over(below[:-1]) + left_over(below[-1] - below[:-1])
    rest[values[1:] == values[:-1]] = np.inf
    best = int(np.argmin(rest))
    return (values[best] + values[best + 1]) / 2, float(left_over(below[-1:])[0] - rest[best])


if __name__ == "__main__":
    command_line(works, __doc__)
