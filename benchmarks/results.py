"""What a run of the benchmarks found, read from its JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

OURS = ("fastent", "fastent-1", "fastent-2")
YARDSTICKS = ("log", "read")


@dataclass
class Cell:
    """One contestant on one item: all its timings, in seconds per call, and its largest relative error."""

    seconds: list[float] = field(default_factory=list)
    error: float | None = None

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def middle(self) -> float:
        return median(self.seconds)


@dataclass
class Row:
    """One work item."""

    key: str
    title: str
    measure: str
    elements: int
    headline: bool
    nearly_equal: bool
    cells: dict[str, Cell] = field(default_factory=lambda: defaultdict(Cell))

    @property
    def is_call(self) -> bool:
        return self.elements == 1

    def time(self, contestant: str, middle: bool = False) -> float:
        """Nanoseconds per element, or microseconds of a whole call."""
        cell = self.cells[contestant]
        return (cell.middle if middle else cell.best) * (1e6 if self.is_call else 1e9) / self.elements

    def ratio(self, contestant: str) -> float:
        """How many times as long as fastent it takes."""
        return self.cells[contestant].best / self.cells["fastent"].best

    @property
    def peers(self) -> list[str]:
        """The contestants that compute the same thing, fastest first."""
        found = [c for c in self.cells if c not in OURS + YARDSTICKS]
        return sorted(found, key=lambda c: self.cells[c].best)

    @property
    def lost_to(self) -> list[str]:
        return [c for c in self.peers if round(self.ratio(c), 2) < 1]


@dataclass
class Results:
    machine: dict[str, Any]
    date: str
    rows: dict[str, Row]
    memory: dict[tuple[str, str], dict[str, Any]]  # (item, contestant)
    imports: dict[str, list[float]]  # seconds by module

    @property
    def lost(self) -> list[Row]:
        return [r for r in self.rows.values() if r.lost_to and not r.nearly_equal]


def load(path: Path) -> Results:
    document = json.loads(path.read_text())
    rows: dict[str, Row] = {}
    memory: dict[tuple[str, str], dict[str, Any]] = {}
    imports: dict[str, list[float]] = defaultdict(list)
    for test in document["benchmarks"]:
        info = test["extra_info"]
        if info["kind"] == "memory":
            memory[info["item"], info["contestant"]] = info
        elif info["kind"] == "import":
            imports[info["item"]].append(info["import_seconds"])
        else:
            facts = {name: info[name] for name in ("title", "measure", "elements", "headline", "nearly_equal")}
            row = rows.setdefault(info["item"], Row(info["item"], **facts))
            cell = row.cells[info["contestant"]]
            cell.seconds += test["stats"]["data"]
            cell.error = info["error"]
    return Results(document["machine_info"]["fastent"], document["datetime"][:10], rows, memory, imports)
