"""Ctrl-C ends a long call within half a second, whatever it computes.

The calls are on views of little memory with zero strides and would take minutes, on the slowest instruction set. Times
are printed; the limits here are wide because machines that run tests are busy.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from scripts import run

LIMIT = 1.5  # seconds, where half a second is promised

IMPORTS = """
import json, os, signal, sys, threading, time
import numpy as np
import fastent
"""

CALLS = """
row = np.random.default_rng(0).random(1_000_000) + 0.01

def many(*shape):
    "Much to compute in little memory."
    return np.broadcast_to(row[: shape[-1]], shape)

def nowhere(n):
    "Room for n results, all in one place."
    return np.lib.stride_tricks.as_strided(np.zeros(1), (n,), (0,), writeable=True)

def pair(f, *more):
    return lambda p, **options: f(p, p[..., ::-1], *more, **options)

n = 10**11
bytes_ = np.arange(256, dtype="u1")
CALLS = {
    "rows": lambda f, w: f(many(10**9, 1000), out=nowhere(10**9), workers=w),
    "short rows": lambda f, w: f(many(10**10, 7), out=nowhere(10**10), workers=w),
    "few long rows": lambda f, w: f(many(3, 10**5, 10**6), axis=(1, 2), workers=w),
    "one long row": lambda f, w: f(np.broadcast_to(0.5, n), workers=w),
    "columns": lambda f, w: f(many(10**9, 100), axis=0, workers=w),
    "few columns": lambda f, w: f(many(10**10, 2), axis=0, workers=w),
    "masked": lambda f, w: f(many(10**9, 1000), where=bytes_[:1] == 0, out=nowhere(10**9), workers=w),
    "bytes": lambda f, w: f(np.broadcast_to(bytes_, (10**9, 256)), out=nowhere(10**9), workers=w),
    "elements": lambda f, w: fastent.binary_entropy(np.broadcast_to(0.3, n), out=nowhere(n), workers=w),
    "pairs of elements": lambda f, w: fastent.binary_cross_entropy(
        np.broadcast_to(1, n), np.broadcast_to(0.3, n), out=nowhere(n), workers=w),
    "wide windows of a sample": lambda f, w: fastent.continuous.differential_entropy(
        row, method="correa", window_length=400_000, workers=w),
    "wide windows of short samples": lambda f, w: fastent.continuous.differential_entropy(
        row.reshape(4, -1), method="correa", window_length=120_000, workers=w),
}
MEASURES = {
    "entropy": fastent.entropy,
    "kl_divergence": pair(fastent.kl_divergence),
    "renyi_divergence": pair(fastent.renyi_divergence, 7.25),
}
"""

CTRL_C = """
pressed = []

def press():
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(0.3, press).start()
try:
    CALLS[sys.argv[1]](MEASURES[sys.argv[2]], int(sys.argv[3]))
except KeyboardInterrupt:
    print(time.perf_counter() - pressed[0])
else:
    sys.exit("the call ended before it was interrupted")
P = np.tile(row[:100], (1000, 1))  # afterwards calls are parallel as before
assert fastent.entropy(P, workers=3).tobytes() == fastent.entropy(P, workers=1).tobytes()
if fastent.show_config(verbose=False)["openmp"]:
    assert len(os.listdir("/proc/self/task")) >= 3
"""

TICKS = """
ticks = [time.perf_counter()]
signal.signal(signal.SIGALRM, lambda *_: ticks.append(time.perf_counter()))
p, workers = np.broadcast_to(float(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
start = time.perf_counter()
fastent.entropy(p, workers=workers)
signal.setitimer(signal.ITIMER_REAL, 0)
ticks.append(time.perf_counter())
print(max(b - a for a, b in zip(ticks, ticks[1:])), ticks[-1] - start)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
LAYOUTS = [line.split('"')[1] for line in CALLS.splitlines() if ": lambda f, w" in line]
SERIAL = ("rows", "one long row", "columns", "elements")
SLOW = [
    ("rows", "renyi_divergence", "1"),
    ("rows", "renyi_divergence", "2"),
    ("few long rows", "renyi_divergence", "2"),
    ("columns", "kl_divergence", "1"),
]


@pytest.mark.parametrize(
    ("layout", "measure", "workers"),
    [*((layout, "entropy", "2") for layout in LAYOUTS), *((layout, "entropy", "1") for layout in SERIAL), *SLOW],
)
def test_ctrl_c(layout: str, measure: str, workers: str, record_property: Any) -> None:
    seconds = float(run(IMPORTS + CALLS + CTRL_C, layout, measure, workers, timeout=15, FASTENT_ISA="base"))
    print(f"{layout}, {measure}, {workers} workers: {seconds:.3f} s from Ctrl-C to KeyboardInterrupt")
    record_property("seconds", seconds)
    assert seconds < LIMIT


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("value", "n"), [("0.5", 10**8), ("nan", 10**8), ("1e308", 2 * 10**8), ("5e-324", 4 * 10**7)])
def test_signals_are_seen_all_the_time(value: str, n: int, workers: str, record_property: Any) -> None:
    """Also while a row whose sum overflows is done again: the longest time between two looks."""
    longest, total = map(float, run(IMPORTS + CALLS + TICKS, value, str(n), workers, FASTENT_ISA="base").split())
    print(f"a row of {value}, {workers} workers: {longest:.3f} s between looks, of {total:.1f} s")
    record_property("seconds", longest)
    assert longest < LIMIT


SELECTION = """
import scipy.sparse
from fastent.feature_selection import discretize, select
rng = np.random.default_rng(0)
row = rng.random(100)
y = rng.integers(0, 9, 200_000)
narrow = rng.integers(0, 9, (len(y), 40), dtype=np.uint8)
wide = rng.integers(0, 90, (len(y), 40), dtype=np.uint8)
few = scipy.sparse.random_array((len(y), 40), density=0.5, format="csc", rng=rng).astype(bool).astype(int)
CALLS = {
    "planes": lambda f, w: select(np.tile(narrow, 8), y, criterion="jmi", workers=w),
    "columns": lambda f, w: select(np.tile(wide, 8), y, criterion="jmi", workers=w),
    "weights": lambda f, w: select(np.tile(wide, 4), y, sample_weight=rng.random(len(y)), workers=w),
    "sparse": lambda f, w: select(scipy.sparse.hstack([few] * 5), y, criterion="jmi", workers=w),
    "bins": lambda f, w: [discretize(rng.random((len(y), 50)), "mdlp", y // 5, workers=w) for _ in range(100)],
}
MEASURES = {"": None}
"""


@pytest.mark.parametrize(
    ("call", "workers"),
    [("planes", "1"), *((call, "2") for call in ("planes", "columns", "weights", "sparse", "bins"))],
)
def test_ctrl_c_in_selection(call: str, workers: str, record_property: Any) -> None:
    seconds = float(run(IMPORTS + SELECTION + CTRL_C, call, "", workers, timeout=30, FASTENT_ISA="base"))
    print(f"{call}, {workers} workers: {seconds:.3f} s from Ctrl-C to KeyboardInterrupt")
    record_property("seconds", seconds)
    assert seconds < LIMIT


CHANCE = """
from fastent import discrete
rng = np.random.default_rng(0)
row = rng.random(100)
few, many = rng.integers(0, 9, (100_000, 40), dtype=np.uint8), rng.integers(0, 60_000, (100_000, 2))
twos = np.array([[10**12, 10**12], [10**12, 10**12 + 7]])
CALLS = {
    "drawn": lambda f, w: discrete.permutation_test_matrix(few, permutations=10**6, workers=w),
    "drawn, large": lambda f, w: discrete.permutation_test(contingency=twos, permutations=10**6, workers=w),
    "shuffled": lambda f, w: discrete.permutation_test(*many.T, permutations=10**6, workers=w),
    "expected": lambda f, w: [
        discrete.adjusted_mutual_information(contingency=rng.integers(1, 10**7, (200, 200)), workers=w)
        for _ in range(100)],
}
MEASURES = {"": None}
"""


@pytest.mark.parametrize(
    ("call", "workers"), [("drawn", "1"), *((call, "2") for call in ("drawn", "drawn, large", "shuffled", "expected"))]
)
def test_ctrl_c_in_tests_of_chance(call: str, workers: str, record_property: Any) -> None:
    seconds = float(run(IMPORTS + CHANCE + CTRL_C, call, "", workers, timeout=30, FASTENT_ISA="base"))
    print(f"{call}, {workers} workers: {seconds:.3f} s from Ctrl-C to KeyboardInterrupt")
    record_property("seconds", seconds)
    assert seconds < LIMIT
