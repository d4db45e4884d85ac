"""Who takes part in the benchmarks, and how each computes each piece of work at its best.

A contestant is a function from a job to the calls it has for it: {measure: call}. What is missing there it cannot do;
an empty dict says that it can do nothing with such input. A call takes nothing and returns the result. Temporaries and
results are written to buffers made and touched before, wherever the contestant can, and every contestant uses all
processors if it can use more than one. Packages are imported by the functions: what is not installed is left out.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from shutil import which
from typing import Any

import numpy as np
from work import Array, Job

Calls = dict[str, Callable[[], Any]]
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
FLOATS = ("f64", "f32")


@dataclass(frozen=True)
class Contestant:
    key: str
    label: str
    package: str  # the distribution it comes from
    module: str  # what has to be importable
    calls: Callable[[Job], Calls]
    note: str = ""
    program: str = ""  # what has to be on the path as well
    compiles: bool = False  # its first call says nothing about its speed
    yardstick: bool = False  # its time is worth knowing, its result is not one of the measures

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None and (not self.program or which(self.program) is not None)

    def prepare(self, job: Job) -> Callable[[], Any] | None:
        """A call ready to be timed; None if it cannot do this."""
        if job.item.only and self.key not in job.item.only:
            return None
        return self.calls(job).get(job.measure)

    def version(self) -> str:
        return version(self.package)


# ---- fastent -------------------------------------------------------------------------------------------------------


def fastent_with(workers: int) -> Callable[[Job], Calls]:
    def calls(job: Job) -> Calls:
        import fastent

        p, q = job.p, job.q
        if p.ndim == 1 and workers != -1:  # a single row has one worker anyway
            return {}
        if p.ndim == 1:  # what a user would type
            return {
                "entropy": lambda: fastent.entropy(p),
                "kl": lambda: fastent.kl_divergence(p, q),
                "js": lambda: fastent.js_distance(p, q),
            }
        out = job.result("float32" if job.item.dtype in ("f32", "f16") else "float64")
        options: dict[str, Any] = {"axis": job.axis, "workers": workers, "out": out}
        return {
            "entropy": lambda: fastent.entropy(p, **options),
            "kl": lambda: fastent.kl_divergence(p, q, **options),
            "js": lambda: fastent.js_distance(p, q, **options),
            "pairs": lambda: fastent.js_distance(p[:, None], q[None], workers=workers, out=out),
        }

    return calls


# ---- SciPy and NumPy -----------------------------------------------------------------------------------------------


def scipy_functions(job: Job) -> Calls:
    from scipy.spatial.distance import cdist, jensenshannon
    from scipy.stats import entropy

    p, q, axis = job.p, job.q, job.axis
    return {
        "entropy": lambda: entropy(p, axis=axis),
        "kl": lambda: entropy(p, q, axis=axis),
        "js": lambda: jensenshannon(p, q, axis=axis),
        "pairs": lambda: cdist(p, q, "jensenshannon"),
    }


def scipy_ufuncs(job: Job) -> Calls:
    from scipy.special import entr, rel_entr

    p, q, axis, a = job.p, job.q, job.axis, job.scratch

    def js() -> Any:
        m = np.add(p, q, out=a)
        np.multiply(m, 0.5, out=m)
        b = job.second_scratch
        both = rel_entr(p, m, out=b).sum(axis) + rel_entr(q, m, out=b).sum(axis)
        return np.sqrt(both / 2)

    return {
        "entropy": lambda: entr(p, out=a).sum(axis),
        "kl": lambda: rel_entr(p, q, out=a).sum(axis),
        "js": js,
    }


def _product_sum(x: Array, y: Array, axis: int) -> Any:
    """sum(x * y) without the temporary: whichever of NumPy's two ways is fast along this axis."""
    return np.vecdot(x, y) if axis == -1 else np.einsum("ij,ij->j", x, y)


def numpy_expression(job: Job) -> Calls:
    p, q, axis, a = job.p, job.q, job.axis, job.scratch

    def entropy() -> Any:
        return -_product_sum(p, np.log(p, out=a), axis)

    def kl() -> Any:
        np.divide(p, q, out=a)
        return _product_sum(p, np.log(a, out=a), axis)

    def js() -> Any:
        m, b = np.add(p, q, out=a), job.second_scratch
        total = _product_sum(p, np.log(np.divide(p, m, out=b), out=b), axis)
        total += _product_sum(q, np.log(np.divide(q, m, out=b), out=b), axis)
        return np.sqrt(np.maximum(total / 2 + math.log(2), 0))

    return {"entropy": entropy, "kl": kl, "js": js}


def numpy_log(job: Job) -> Calls:
    p, a = job.p, job.scratch
    return {"entropy": lambda: np.log(p, out=a)}


# ---- compilers and threads -----------------------------------------------------------------------------------------


def numexpr_expression(job: Job) -> Calls:
    import numexpr

    numexpr.set_num_threads(PROCESSORS)
    names, axis, a = {"p": job.p, "q": job.q}, job.axis, job.scratch

    def evaluate(expression: str) -> Any:  # its own sum() uses one thread and strides badly
        return numexpr.evaluate(expression, local_dict=names, global_dict={}, out=a).sum(axis)

    return {
        "entropy": lambda: -evaluate("p * log(p)"),
        "kl": lambda: evaluate("p * log(p / q)"),
        "js": lambda: np.sqrt(np.maximum(evaluate("p * log(2 * p / (p + q)) + q * log(2 * q / (p + q))") / 2, 0)),
    }


def numba_kernels(job: Job) -> Calls:
    if job.item.dtype == "f16":  # numba has no float16 on processors
        return {}
    import numba_kernels as kernels

    p, q = job.p, job.q
    if p.ndim == 1:
        return {
            "entropy": lambda: kernels.entropy_pair(p),
            "kl": lambda: kernels.kl_pair(p, q),
            "js": lambda: kernels.js_pair(p, q),
        }
    out = job.result(None if job.item.dtype in FLOATS else "float64")
    last = job.axis == -1
    entropy, kl, js = (
        (kernels.entropy_last, kernels.kl_last, kernels.js_last)
        if last
        else (kernels.entropy_first, kernels.kl_first, kernels.js_first)
    )

    def returning(kernel: Callable[..., None], *arrays: Array) -> Callable[[], Array]:
        def call() -> Array:
            kernel(*arrays, out)
            return out

        return call

    return {
        "entropy": returning(entropy, p),
        "kl": returning(kl, p, q),
        "js": returning(js, p, q),
        "pairs": returning(kernels.js_all_pairs, p, q),
    }


def torch_eager(job: Job) -> Calls:
    if job.item.dtype not in FLOATS:
        return {}
    import torch

    torch.set_num_threads(PROCESSORS)
    p, q, a = map(torch.from_numpy, (job.p, job.q, job.scratch))
    out = torch.from_numpy(job.result()) if p.ndim == 2 else torch.empty((), dtype=p.dtype)
    axis = job.axis

    def entropy() -> Any:  # torch.special.entr is two to three times slower than the logarithm
        torch.log(p, out=a).mul_(p)
        return torch.sum(a, axis, out=out).neg_()

    def kl() -> Any:
        torch.div(p, q, out=a).log_().mul_(p)
        return torch.sum(a, axis, out=out)

    def js() -> Any:
        b = torch.from_numpy(job.second_scratch)
        torch.add(p, q, out=a)
        torch.div(p, a, out=b).log_().mul_(p)
        torch.div(q, a, out=a).log_().mul_(q)
        torch.sum(b.add_(a), axis, out=out)
        return out.div_(2).add_(math.log(2)).clamp_min_(0).sqrt_()

    return {"entropy": entropy, "kl": kl, "js": js}


def torch_compiled(job: Job) -> Calls:
    """Only where it helps: on axis 0 and for a single row it is no faster than torch without it, and takes seconds."""
    if job.item.dtype not in FLOATS or job.axis == 0 or job.p.ndim == 1:
        return {}
    import torch

    torch.set_num_threads(PROCESSORS)
    torch.compiler.reset()  # one job at a time; without it shapes pile up until torch gives up on compiling
    p, q, axis = torch.from_numpy(job.p), torch.from_numpy(job.q), job.axis

    def entropy(p: Any) -> Any:
        return -(p * p.log()).sum(axis)

    def kl(p: Any, q: Any) -> Any:
        return (p * (p / q).log()).sum(axis)

    def js(p: Any, q: Any) -> Any:
        m = p + q
        return ((p * (p / m).log() + q * (q / m).log()).sum(axis) / 2 + math.log(2)).clamp_min(0).sqrt()

    def pairs(p: Any, q: Any) -> Any:
        m = (p[:, None] + q[None]) / 2
        known = entropy(p)[:, None] + entropy(q)[None]
        return (-(m * m.log()).sum(-1) - known / 2).clamp_min(0).sqrt()

    def compiled(function: Callable[..., Any], *arrays: Any) -> Callable[[], Any]:
        fused = torch.compile(function, dynamic=False)
        return lambda: fused(*arrays)

    return {
        "entropy": compiled(entropy, p),
        "kl": compiled(kl, p, q),
        "js": compiled(js, p, q),
        "pairs": compiled(pairs, p, q),
    }


# ---- distances of vectors, columns of tables -----------------------------------------------------------------------


def vector_distances(module: str) -> Callable[[Job], Calls]:
    """Both take threads= and use one. SimSIMD also makes that number OpenMP's limit for the whole process."""

    def calls(job: Job) -> Calls:
        if job.item.dtype not in FLOATS or job.axis == 0:
            return {}
        from importlib import import_module

        library: Any = import_module(module)
        p, q = job.p, job.q
        if p.ndim == 1:
            return {"kl": lambda: library.kullbackleibler(p, q), "js": lambda: library.jensenshannon(p, q)}
        out = job.result("float64")

        def returning(function: Callable[..., Any], *arguments: Any) -> Callable[[], Array]:
            def call() -> Array:
                function(p, q, *arguments, out=out)
                return out

            return call

        return {
            "kl": returning(library.kullbackleibler),
            "js": returning(library.jensenshannon),
            "pairs": returning(partial(library.cdist, threads=PROCESSORS), "jensenshannon"),
        }

    return calls


def polars_columns(job: Job) -> Calls:
    """The entropy of columns, in the layout polars itself would hold them in."""
    if job.item.dtype not in FLOATS or job.count > 1000:
        return {}
    import polars

    options: dict[str, Any] = {"base": math.e, "normalize": True}
    if job.p.ndim == 1:
        series = polars.Series(job.p)
        return {"entropy": lambda: series.entropy(**options)}
    frame = polars.DataFrame([polars.Series(str(i), c) for i, c in enumerate(np.moveaxis(job.p, job.axis, -1))])
    return {"entropy": lambda: frame.select(polars.all().entropy(**options)).row(0)}


# ---- the bare read -------------------------------------------------------------------------------------------------


def bare_read(job: Job) -> Calls:
    """The fastest parallel sum there is of the same memory, whatever the bytes mean."""
    if job.p.ndim == 1 or job.item.pairs:
        return {}
    from time import perf_counter

    memory = (job.p,) if job.item.measure == "entropy" else (job.p, job.q)
    readers: list[Callable[[], Any]] = []
    if find_spec("numba"):
        import numba_kernels as kernels

        words = [a.reshape(-1).view("int64") for a in memory]
        readers.append(lambda: [kernels.read(w) for w in words])
    if find_spec("torch") and job.item.dtype in FLOATS:
        import torch

        torch.set_num_threads(PROCESSORS)
        tensors = [torch.from_numpy(a) for a in memory]
        readers.append(lambda: [torch.sum(t) for t in tensors])
    if not readers:
        return {}

    def seconds(reader: Callable[[], Any]) -> float:
        reader()
        start = perf_counter()
        reader()
        reader()
        return perf_counter() - start

    return {job.measure: min(readers, key=seconds)}


# ---- the list ------------------------------------------------------------------------------------------------------

ALL = (
    Contestant("fastent", "fastent", "fastent", "fastent", fastent_with(-1), f"workers={PROCESSORS}"),
    Contestant("fastent-1", "fastent, one worker", "fastent", "fastent", fastent_with(1), "workers=1"),
    Contestant("fastent-2", "fastent, two workers", "fastent", "fastent", fastent_with(2), "workers=2"),
    Contestant("scipy", "SciPy", "scipy", "scipy", scipy_functions,
               "scipy.stats.entropy, scipy.spatial.distance.jensenshannon, cdist for all pairs"),
    Contestant("special", "scipy.special", "scipy", "scipy", scipy_ufuncs, "entr(p, out=a).sum(axis), rel_entr"),
    Contestant("numpy", "NumPy", "numpy", "numpy", numpy_expression, "log(p, out=a), then vecdot or einsum"),
    Contestant("numexpr", "numexpr", "numexpr", "numexpr", numexpr_expression, "all threads, then NumPy's sum"),
    Contestant("numba", "numba", "numba", "numba", numba_kernels, "prange, fastmath=True, one pass",
               compiles=True),
    Contestant("torch", "torch", "torch", "torch", torch_eager, "all threads, in place"),
    Contestant("compiled", "torch.compile", "torch", "torch", torch_compiled, "all threads, fused",
               program="g++", compiles=True),
    Contestant("numkong", "NumKong", "numkong", "numkong", vector_distances("numkong"), "one thread"),
    Contestant("simsimd", "SimSIMD", "simsimd", "simsimd", vector_distances("simsimd"), "one thread"),
    Contestant("polars", "polars", "polars", "polars", polars_columns, "Expr.entropy of up to 1000 columns"),
    Contestant("log", "np.log alone", "numpy", "numpy", numpy_log, "np.log(p, out=a), one thread", yardstick=True),
    Contestant("read", "bare read", "numpy", "numpy", bare_read, "parallel sum of the same bytes",
               compiles=True, yardstick=True),
)  # fmt: skip


@cache
def taking_part() -> tuple[Contestant, ...]:
    """Those that are installed; two workers are all of them on two processors."""
    return tuple(c for c in ALL if c.installed and (c.key != "fastent-2" or PROCESSORS > 2))


def absent() -> tuple[Contestant, ...]:
    """Those that are left out because they are not installed."""
    return tuple(c for c in ALL if not c.installed)


def by_key(key: str) -> Contestant:
    return next(c for c in ALL if c.key == key)
