"""The work items of the benchmarks: what is computed, on which numbers, and what the exact answer is.

All float inputs are rows (or columns) of probabilities that sum to 1 as nearly as their dtype can, so that contestants
which do not normalise may leave it out. No entry is 0: contestants that need a branch for zeros are spared it too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SHAPES = {"short": (1_000_000, 10), "middle": (100_000, 100), "long": (10_000, 1000), "huge": (10, 1_000_000)}
DTYPES: dict[str, np.dtype[Any]] = {
    "f64": np.dtype("float64"),
    "f32": np.dtype("float32"),
    "f16": np.dtype("float16"),
    "i64": np.dtype("int64"),
    "u8": np.dtype("uint8"),
}
MEASURES = {"entropy": "entropy", "kl": "kl_divergence", "js": "js_distance"}  # the oracle's names
POOL = 2048  # longer distributions repeat this many draws in random order, which keeps their exact value cheap
SAMPLE = 2048  # about as many entries are evaluated exactly per item
NEARLY = {"f64": 1e-6, "f32": 1e-3}  # relative difference of nearly equal rows


@dataclass(frozen=True)
class Item:
    """One piece of work. `shape` is the input's; `axis` the one that is summed over."""

    key: str
    measure: str  # a key of MEASURES
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES
    axis: int = -1
    pairs: bool = False  # every row of p against every row of q
    nearly_equal: bool = False
    headline: bool = False  # a line of the table in the README
    only: tuple[str, ...] = ()  # keys of the contestants; all of them if empty

    @property
    def title(self) -> str:
        size = " x ".join(f"{n:,}".replace(",", " ") for n in self.shape)
        what = {"entropy": "entropy", "kl": "KL", "js": "JS"}[self.measure]
        if self.pairs:
            n, k = self.shape
            return f"{what} {self.dtype}, all pairs of {n} and {n} rows of {k}"
        if len(self.shape) == 1:
            return f"{what} {self.dtype}, one row of {size}"
        return f"{what} {self.dtype}, {size}" + (", axis=0" if self.axis == 0 else "")

    @property
    def elements(self) -> int:
        """Entries, or pairs of entries, that go into the result; 1 where the call as a whole is of interest."""
        if len(self.shape) == 1:
            return 1
        return math.prod(self.shape) * (self.shape[0] if self.pairs else 1)


@dataclass(frozen=True, eq=False)
class Job:
    """An item with its numbers, as the contestants get it."""

    item: Item
    p: Array
    q: Array

    @property
    def measure(self) -> str:
        return "pairs" if self.item.pairs else self.item.measure

    @property
    def axis(self) -> int:
        return self.item.axis

    @cached_property
    def scratch(self) -> Array:
        """A buffer like p, already touched, shared by all contestants that write a temporary."""
        return np.ones_like(self.p)

    @cached_property
    def second_scratch(self) -> Array:
        return np.ones_like(self.p)

    @property
    def count(self) -> int:
        """The number of distributions."""
        return int(self.p.size // self.p.shape[self.axis])

    def result(self, dtype: Any = None) -> Array:
        """A touched buffer for the result."""
        return np.ones((len(self.p), len(self.q)) if self.item.pairs else self.count, dtype or self.p.dtype)


# ---- numbers -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)  # p and q of one shape: the measures of a shape follow each other
def _draw(shape: tuple[int, ...], dtype: str, axis: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    kind = DTYPES[dtype]
    if kind.kind in "iu":
        return rng.integers(0, 200, shape, kind)
    k = shape[axis]
    drawn = list(shape)
    drawn[axis] = min(k, POOL)
    x = rng.standard_exponential(drawn)
    if k > POOL:  # the same order for every seed: p and q then have POOL different pairs
        x = x.take(np.random.default_rng(k).integers(POOL, size=k), axis=axis)
    x /= x.sum(axis, keepdims=True)
    return x.astype(kind)


def job(item: Item) -> Job:
    p = _draw(item.shape, item.dtype, item.axis, 1)
    if item.measure == "entropy":
        return Job(item, p, p)
    if not item.nearly_equal:
        return Job(item, p, _draw(item.shape, item.dtype, item.axis, 2))
    noise = np.random.default_rng(3).standard_normal(item.shape).clip(-4, 4)
    q = p * (1 + NEARLY[item.dtype] * noise)
    q /= q.sum(item.axis, keepdims=True)
    return Job(item, p, q.astype(p.dtype))


# ---- the exact answer ----------------------------------------------------------------------------------------------


def exact(job: Job) -> tuple[Array, Array]:
    """Positions in the flattened result, and the exact values there, from the tests' oracle."""
    import oracle

    k = min(job.p.shape[job.axis], POOL)
    size = max(1, SAMPLE // k)
    measure = oracle.MEASURES[MEASURES[job.item.measure]]
    if job.item.pairs:
        where = np.random.default_rng(4).integers(len(job.p) * len(job.q), size=size)
        rows = (job.p[where // len(job.q)], job.q[where % len(job.q)])
    else:
        where = np.linspace(0, job.count - 1, min(size, job.count)).astype(int)
        stacked = (np.moveaxis(np.atleast_2d(a), job.axis, -1) for a in (job.p, job.q))
        rows = tuple(a[where] for a in stacked)[: len(measure.inputs)]
    return where, oracle.to_float(oracle.exact(measure, *rows))


def relative_error(result: Any, where: Array, values: Array) -> float:
    """The largest relative error of a contestant's result at the sampled positions."""
    found = np.asarray(result, dtype=np.float64).reshape(-1)[where]
    return float(np.max(np.abs(found / values - 1)))


# ---- the list ------------------------------------------------------------------------------------------------------

_ENGINE = ("scipy", "numba", "fastent-1", "fastent", "read")


def _grid(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Item]:
    """Three measures, two dtypes, four shapes, both axes."""
    for label, shape in shapes.items():
        for axis in (-1, 0):
            for dtype in ("f64", "f32"):
                for measure in MEASURES:
                    shown = axis == -1 and ((measure == "entropy" and label != "huge") or label == "long")
                    shown |= label == "middle" and axis == 0 and measure == "entropy"
                    key = f"{measure}-{dtype}-{label}" + ("-axis0" if axis == 0 else "")
                    yield Item(key, measure, shape, dtype, axis, headline=shown)


@cache
def items(quick: bool) -> tuple[Item, ...]:
    """All work, or a reduced form of it with the same keys and a twentieth of the numbers (all pairs: 1/400)."""
    return tuple(_items(20 if quick else 1))


def _items(divisor: int) -> Iterator[Item]:
    shapes = {label: (max(n // divisor, 10), k) for label, (n, k) in SHAPES.items() if label != "huge"}
    shapes["huge"] = (10, SHAPES["huge"][1] // divisor)
    for item in _grid(shapes):
        if divisor == 1 or item.axis == -1 or item.measure == "entropy":
            yield item
    for dtype in ("i64", "u8", "f16"):
        for label in ("short", "long"):
            key, shown = f"entropy-{dtype}-{label}", label == "long"
            yield Item(key, "entropy", shapes[label], dtype, headline=shown, only=_ENGINE)
    for axis, suffix in ((-1, ""), (0, "-axis0")):
        yield Item(f"entropy-f64-large{suffix}", "entropy", (1_000_000 // divisor, 100), "f64", axis, only=_ENGINE)
    yield Item("js-f64-pairs", "js", (1000 // divisor, 128), "f64", pairs=True, headline=True)
    for dtype in ("f64", "f32"):
        for measure in MEASURES:
            yield Item(f"{measure}-{dtype}-call", measure, (100,), dtype, headline=dtype == "f64")
        for measure in ("kl", "js"):
            yield Item(f"{measure}-{dtype}-nearly", measure, (8, 250), dtype, nearly_equal=True)
