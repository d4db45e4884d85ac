"""Benchmarks of losses from logits and of ensembles, against PyTorch, SciPy and NumPy.

    python benchmarks/logits.py [--quick] [--json FILE]

Contestants take turns in one process, PyTorch with as many threads as fastent; times are minima over the turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba_kernels import read
from works import Work, command_line

from fastent import logits
from fastent.uncertainty import predictive_uncertainty


def losses(scale: float) -> Iterator[Work]:
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(0)
    for rows, classes, forward in ((100_000, 100, 10.0), (256, 50_257, 10.0), (4096, 1000, 3.5)):
        n = max(2, int(rows * scale))
        z = (3 * rng.standard_normal((n, classes))).astype(np.float32)
        labels = rng.integers(0, classes, n)
        tensor, target = torch.from_numpy(z), torch.from_numpy(labels)
        words = z.reshape(-1)[: z.size // 2 * 2].view(np.int64)
        limits = {"torch": forward}
        if classes > 10_000:
            limits["bare read"] = 0.5
        yield Work(
            f"cross-entropy f32, {n} x {classes}", n * classes, "ns per logit",
            {
                "fastent": lambda z=z, y=labels: logits.cross_entropy(z, y),
                "torch": lambda z=tensor, y=target: functional.cross_entropy(z, y, reduction="none"),
                "bare read": lambda words=words: read(words),
            },
            limits,
        )  # fmt: skip
        leaf = tensor.clone().requires_grad_()

        def backward(leaf=leaf, target=target):
            leaf.grad = None
            functional.cross_entropy(leaf, target, reduction="sum").backward()

        yield Work(
            f"loss and gradient f32, {n} x {classes}", n * classes, "ns per logit",
            {
                "fastent": lambda z=z, y=labels: logits.cross_entropy(z, y, reduction="sum", return_grad=True),
                "torch": backward,
            },
            {"torch": 4.0},
        )  # fmt: skip
        buffer, each, given = np.empty_like(z), torch.arange(n), torch.empty_like(tensor)

        def in_given_memory(z=tensor, y=target, out=given, each=each):
            torch.ops.aten._log_softmax.out(z, 1, False, out=out)
            loss = -out[each, y].sum()
            torch.exp(out, out=out)
            out[each, y] -= 1
            return loss

        yield Work(
            f"loss and gradient into grad_out f32, {n} x {classes}", n * classes, "ns per logit",
            {
                "fastent": lambda z=z, y=labels, out=buffer: logits.cross_entropy(
                    z, y, reduction="sum", grad_out=out
                ),
                "torch": backward,
                "torch by hand, out=": in_given_memory,
            },
            {"torch": 4.0},
        )  # fmt: skip


def reductions(scale: float) -> Iterator[Work]:
    import ml_dtypes
    import torch
    from scipy.special import logsumexp

    rng = np.random.default_rng(1)
    n = max(2, int(4096 * scale))
    for dtype, limit in ((np.float32, 15.0), (np.float64, 8.0)):
        z = (3 * rng.standard_normal((n, 1000))).astype(dtype)
        yield Work(
            f"log-sum-exp f{8 * z.itemsize}, {n} x 1000", z.size, "ns per logit",
            {
                "fastent": lambda z=z: logits.log_sum_exp(z),
                "scipy.special.logsumexp": lambda z=z: logsumexp(z, axis=-1),
            },
            {"scipy.special.logsumexp": limit},
        )  # fmt: skip
    n = max(2, int(256 * scale))
    z = (3 * rng.standard_normal((n, 50_257))).astype(np.float32)
    u = z + rng.standard_normal(z.shape).astype(np.float32)
    p, q = torch.from_numpy(z), torch.from_numpy(u)

    def entropy_of(z=p):
        log_share = torch.log_softmax(z, -1)
        return -(log_share.exp() * log_share).sum(-1)

    def divergence_of(z=p, u=q):
        log_p, log_q = torch.log_softmax(z, -1), torch.log_softmax(u, -1)
        return (log_p.exp() * (log_p - log_q)).sum(-1)

    yield Work(
        f"entropy from logits f32, {n} x 50257", z.size, "ns per logit",
        {"fastent": lambda: logits.entropy(z), "torch": entropy_of}, {"torch": 8.0},
    )  # fmt: skip
    yield Work(
        f"KL of teacher and student f32, {n} x 50257", z.size, "ns per pair of logits",
        {"fastent": lambda: logits.kl_divergence(z, u), "torch": divergence_of}, {"torch": 8.0},
    )  # fmt: skip
    for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
        narrow = z.astype(dtype)
        yield Work(
            f"log-sum-exp {name}, {n} x 50257", z.size, "ns per logit",
            {
                "fastent": lambda narrow=narrow: logits.log_sum_exp(narrow),
                "fastent, float32": lambda: logits.log_sum_exp(z),
            },
            {"fastent, float32": 1.0},
        )  # fmt: skip


def ensembles(scale: float) -> Iterator[Work]:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(10), (20, int(50_000 * scale)))

    def bald():
        mean = p.mean(axis=0)
        total = -(mean * np.log(mean)).sum(-1)
        return total + (p * np.log(p)).sum(-1).mean(axis=0)

    yield Work(
        f"BALD of 20 members, {p.shape[1]} rows, 10 classes", p.size, "ns per probability",
        {"fastent": lambda: predictive_uncertainty(p, "epistemic"), "NumPy": bald}, {"NumPy": 8.0},
    )  # fmt: skip


def works(scale: float) -> Iterator[Work]:
    yield from losses(scale)
    yield from reductions(scale)
    yield from ensembles(scale)


if __name__ == "__main__":
    command_line(works, __doc__)
