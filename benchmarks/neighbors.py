"""Benchmarks of nearest-neighbour mutual information: many continuous columns with a target, against scikit-learn.

    python benchmarks/neighbors.py [--quick] [--json FILE]

Contestants take turns in one process; times are minima over the turns. scikit-learn runs with the better of one job and
one per processor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from works import Work, command_line

from fastent.compat import sklearn as drop_ins
from fastent.feature_selection import mutual_information_continuous

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SIZES = ((10_000, 100), (100_000, 50))
LIMITS = {"classif": (40, 20), "regression": (15, 10)}  # how many times as fast as scikit-learn: fastent, its drop-in


def works(scale: float) -> Iterator[Work]:
    from sklearn import feature_selection

    rng = np.random.default_rng(0)
    for samples, columns in SIZES:
        n = int(samples * scale)
        X = rng.standard_normal((n, columns))
        labels = rng.integers(0, 5, n)
        X[:, : columns // 4] += labels[:, None]
        numbers = X[:, : columns // 2].sum(axis=1) + rng.standard_normal(n)
        for kind, y in (("classif", labels), ("regression", numbers)):
            theirs = getattr(feature_selection, f"mutual_info_{kind}")
            drop_in = getattr(drop_ins, f"mutual_info_{kind}")
            native, replaced = LIMITS[kind]
            jobs = {f"scikit-learn, n_jobs={jobs}": jobs for jobs in sorted({1, PROCESSORS})}
            target = "5 classes" if kind == "classif" else "a continuous target"
            yield Work(
                f"{target}, {n} x {columns}", n * columns, "ns per sample and column",
                {
                    "fastent": lambda X=X, y=y: mutual_information_continuous(X, y),
                    "fastent.compat.sklearn": lambda X=X, y=y, f=drop_in: f(X, y, random_state=0),
                }
                | {name: lambda X=X, y=y, f=theirs, j=j: f(X, y, random_state=0, n_jobs=j) for name, j in jobs.items()},
                dict.fromkeys(jobs, float(native)) | {"fastent.compat.sklearn": native / replaced},
            )  # fmt: skip


if __name__ == "__main__":
    command_line(works, __doc__)
