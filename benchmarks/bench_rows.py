"""Time every contestant on every work item.

    pytest benchmarks --benchmark-json=FILE        everything; benchmarks/report.py makes the tables from it
    pytest benchmarks --quick -k entropy-f64-long  some of it

A test is one contestant's turn in one lap: the contestants of an item follow each other, lap after lap, so that a noisy
minute of the machine falls on all of them. The first turn also compares the values with the exact ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import work
from contestants import Contestant, taking_part

MEMORY = ("entropy-f64-long", "entropy-f64-long-axis0", "kl-f64-long")
MEMORY_CONTESTANTS = ("fastent", "scipy", "special")
IMPORTS = {"fastent": "fastent", "scipy": "scipy.stats", "polars": "polars", "numkong": "numkong"}
IMPORT_TIME = """
import numpy
from time import perf_counter
start = perf_counter()
import {module}
print(perf_counter() - start)
"""
LONG = 0.15  # seconds; such a call needs no second try to be measured


@dataclass(frozen=True)
class Turn:
    """A contestant warmed up on an item."""

    call: Callable[[], Any]
    seconds: float
    error: float | None  # None for yardsticks


@dataclass
class Field:
    """An item laid out for all contestants; they are prepared at their first turn."""

    job: work.Job
    turns: dict[str, Turn | None]
    exact: tuple[work.Array, work.Array] | None = None

    def turn(self, contestant: Contestant) -> Turn | None:
        if contestant.key not in self.turns:
            self.turns[contestant.key] = self._warm(contestant)
        return self.turns[contestant.key]

    def _warm(self, contestant: Contestant) -> Turn | None:
        call = contestant.prepare(self.job)
        if call is None:
            return None
        start = perf_counter()
        result = call()
        once = perf_counter() - start
        error = None
        if not contestant.yardstick:
            if self.exact is None:
                self.exact = work.exact(self.job)
            error = work.relative_error(result, *self.exact)
        if once < LONG or contestant.compiles:
            once = min(seconds(call) for _ in range(3))
        return Turn(call, once, error)


def seconds(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


@lru_cache(maxsize=1)  # the tests of an item follow each other
def field_of(item: work.Item) -> Field:
    return Field(work.job(item), {})


def child(*arguments: str) -> Any:
    """What a fresh interpreter prints as JSON."""
    answer = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    quick = bool(metafunc.config.getoption("--quick"))
    present = {c.key: c for c in taking_part()}
    if metafunc.function is test_rows:
        cases = [
            pytest.param(item, c, lap, id=f"{item.key}-{c.key}-{lap}")
            for item in work.items(quick)
            for lap in range(1 if item.nearly_equal or quick else 3)
            for c in present.values()
            if (not item.only or c.key in item.only) and not (quick and c.key == "compiled")
        ]
        metafunc.parametrize("item, contestant, lap", cases)
    elif metafunc.function is test_memory:
        keys = [key for key in MEMORY_CONTESTANTS if key in present][: 2 if quick else None]
        cases = [pytest.param(k, present[c], id=f"memory-{k}-{c}") for k in MEMORY for c in keys]
        metafunc.parametrize("key, contestant", cases)
    elif metafunc.function is test_import:
        keys = [key for key in IMPORTS if key in present]
        laps = 3 if quick else 5
        cases = [pytest.param(present[c], id=f"import-{c}-{lap}") for lap in range(laps) for c in keys]
        metafunc.parametrize("contestant", cases)


@pytest.mark.benchmark(disable_gc=True)
def test_rows(
    benchmark: Any, request: pytest.FixtureRequest, item: work.Item, contestant: Contestant, lap: int
) -> None:
    turn = field_of(item).turn(contestant)
    if turn is None:
        benchmark.skipped = True
        pytest.skip("cannot do this")
    if lap == 2 and turn.seconds > LONG and not item.headline:
        benchmark.skipped = True
        pytest.skip("two turns are enough for a long call")
    budget = 0.015 if request.config.getoption("--quick") else 0.04
    iterations = max(1, round(2e-3 / turn.seconds)) if turn.seconds < 2e-4 else 1
    rounds = min(10, max(1, int(budget / (turn.seconds * iterations))))
    benchmark.group = item.title
    benchmark.extra_info.update(
        kind="rows", item=item.key, title=item.title, measure=item.measure, elements=item.elements,
        headline=item.headline, nearly_equal=item.nearly_equal, contestant=contestant.key, error=turn.error,
    )  # fmt: skip
    # One call brings the caches into the contestant's state; a long call does that by itself.
    benchmark.pedantic(turn.call, rounds=rounds, iterations=iterations, warmup_rounds=int(turn.seconds < 0.05))


def test_memory(benchmark: Any, request: pytest.FixtureRequest, key: str, contestant: Contestant) -> None:
    if not Path("/proc/self/status").exists():
        benchmark.skipped = True
        pytest.skip("no /proc here")
    size = 2**26 if request.config.getoption("--quick") else 2**30
    script = str(Path(__file__).with_name("memory.py"))
    found = benchmark.pedantic(child, args=(script, contestant.key, key, str(size)))
    benchmark.group = f"memory, {key}"
    benchmark.extra_info.update(kind="memory", item=key, contestant=contestant.key, **found)


def test_import(benchmark: Any, contestant: Contestant) -> None:
    found = benchmark.pedantic(child, args=("-c", IMPORT_TIME.format(module=IMPORTS[contestant.key])))
    benchmark.group = "import"
    benchmark.extra_info.update(
        kind="import", item=IMPORTS[contestant.key], contestant=contestant.key, import_seconds=found
    )
