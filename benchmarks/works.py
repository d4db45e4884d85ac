"""What the benchmarks beside that of the rows share: work to do, contestants in turns, a JSON of their times."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


class Work(NamedTuple):
    """Something to compute, what a time is divided by, and who computes it; fastent first."""

    title: str
    units: float
    unit: str  # "ns per ...", or "ms"
    contestants: dict[str, Callable[[], Any]]
    limits: Mapping[str, float] = MappingProxyType({})  # how many times as long as fastent a contestant should take
    limit: float | None = None  # of fastent itself, in the unit
    shares: Mapping[str, float] = MappingProxyType({})  # how many times less than the others a contestant does


WARM = 0.03  # seconds: threads of whoever came before wait for work as long, on our processors
TIMED = 5  # calls in a turn, of what is so short that threads may still wait


def measure(work: Work, turns: int) -> dict[str, Any]:
    """Minima over turns, in the unit; what takes longer than a second is run three times."""
    seconds: dict[str, float] = {}
    for turn in range(turns + 1):
        for name, call in work.contestants.items():
            if turn > 2 and seconds[name] > 1:
                continue
            is_short, warm = seconds.get(name, 0.0) < 0.1, time.perf_counter() + WARM
            while is_short and time.perf_counter() < warm:
                call()
            for _ in range(TIMED if is_short and turn else 1):
                start = time.perf_counter()
                call()
                taken = time.perf_counter() - start
                if turn:
                    seconds[name] = min(taken, seconds.get(name, taken))
    scale = 1e3 if work.unit.startswith("ms") else 1e9
    times = {name: found / work.units * work.shares.get(name, 1.0) * scale for name, found in seconds.items()}
    return {
        "title": work.title,
        "unit": work.unit,
        "times": times,
        "limits": dict(work.limits),
        "limit": work.limit,
    }


def command_line(works: Callable[[float], Iterator[Work]], description: str | None) -> None:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the samples")
    parser.add_argument("--json", type=Path, help="where to write the times")
    options = parser.parse_args()
    found = []
    for work in works(0.05 if options.quick else 1.0):
        found.append(measure(work, 3 if options.quick else 15))
        print(found[-1]["title"], {name: f"{value:.3g}" for name, value in found[-1]["times"].items()}, flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
