"""Benchmarks of continuous variables: the regulariser of variational autoencoders, and entropy from samples.

    python benchmarks/continuous.py [--quick] [--json FILE]

Contestants take turns in one process, each warmed up; times are minima over the turns. torch takes part where it is
installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from works import Work, command_line

from fastent import continuous


def torch_contestants(mu: np.ndarray[Any, Any], log_var: np.ndarray[Any, Any]) -> dict[str, Callable[[], Any]]:
    try:
        import torch
    except ImportError:
        return {}
    a, b = torch.from_numpy(mu), torch.from_numpy(log_var)
    return {"torch": lambda: 0.5 * (b.exp() + a.square() - 1 - b).sum(dim=1)}


def torch_gradients(mu: np.ndarray[Any, Any], log_var: np.ndarray[Any, Any]) -> dict[str, Callable[[], Any]]:
    try:
        import torch
    except ImportError:
        return {}
    a, b = torch.from_numpy(mu).requires_grad_(), torch.from_numpy(log_var).requires_grad_()

    def both() -> Any:
        a.grad = b.grad = None
        (0.5 * (b.exp() + a.square() - 1 - b).sum(dim=1)).sum().backward()

    return {"torch": both}


def works(scale: float) -> Iterator[Work]:
    import scipy.stats

    rng = np.random.default_rng(0)
    rows = int(1_000_000 * scale)
    for dtype, components in (("float32", 64), ("float64", 64), ("float32", 8)):
        mu, log_var = (rng.standard_normal((rows, components), np.float32).astype(dtype) for _ in "ab")
        log_var *= 0.3
        yield Work(
            f"divergence from the standard normal, {rows} x {components} {dtype}", mu.size, "ns per component",
            {
                "fastent": lambda a=mu, b=log_var: continuous.diagonal_normal_kl(a, b),
                "NumPy": lambda a=mu, b=log_var: 0.5 * np.sum(np.exp(b) + a**2 - 1 - b, axis=1),
                **torch_contestants(mu, log_var),
            },
            {"NumPy": 8, "torch": 8} if components == 64 and dtype == "float32" else {},
        )  # fmt: skip
        if components == 64 and dtype == "float32":
            yield Work(
                f"the same with gradients, {rows} x {components} {dtype}", mu.size, "ns per component",
                {
                    "fastent": lambda a=mu, b=log_var: continuous.diagonal_normal_kl(a, b, return_grad=True),
                    **torch_gradients(mu, log_var),
                },
            )  # fmt: skip
        del mu, log_var
    rows = max(8, int(1000 * scale))
    x = rng.standard_normal((rows, 10_000))
    for method, few in (("vasicek", rows), ("van es", rows), ("correa", min(rows, 16))):
        yield Work(
            f"differential entropy by {method}, {few} x 10000", few * 10_000, "ns per sample",
            {
                "fastent": lambda a=x[:few], m=method: continuous.differential_entropy(a, method=m),
                "SciPy": lambda a=x[:few], m=method: scipy.stats.differential_entropy(a, axis=1, method=m),
                "np.sort alone": lambda a=x[:few]: np.sort(a, axis=1),
            },
            {"SciPy": 4},
        )  # fmt: skip
    long = rng.standard_normal(int(10_000_000 * scale))
    yield Work(
        f"differential entropy by vasicek, one sample of {long.size}", long.size, "ns per sample",
        {
            "fastent": lambda: continuous.differential_entropy(long, method="vasicek"),
            "SciPy": lambda: scipy.stats.differential_entropy(long, method="vasicek"),
            "np.sort alone": lambda: np.sort(long),
        },
    )  # fmt: skip
    columns = np.ascontiguousarray(x.T)
    yield Work(
        f"differential entropy by vasicek, 10000 x {rows}, columns", x.size, "ns per sample",
        {
            "fastent": lambda: continuous.differential_entropy(columns, method="vasicek", axis=0),
            "SciPy": lambda: scipy.stats.differential_entropy(columns, axis=0, method="vasicek"),
        },
        {"SciPy": 4},
    )  # fmt: skip
    yield Work(
        f"differential entropy by nearest neighbours, {rows} x 10000", x.size, "ns per sample",
        {"fastent": lambda: continuous.differential_entropy(x, method="nearest neighbors", k=3)},
    )  # fmt: skip
    yield Work(
        f"differential entropy by Freedman-Diaconis histograms, {rows} x 10000", x.size, "ns per sample",
        {
            "fastent": lambda: continuous.differential_entropy(x, method="histogram"),
            "np.histogram alone": lambda: [np.histogram(row, "fd") for row in x],
        },
    )  # fmt: skip


if __name__ == "__main__":
    command_line(works, __doc__)
