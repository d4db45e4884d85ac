from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

STATISTICS: dict[str, int]
LANES: int
PLANE_CYCLES: dict[str, float]
CELL_CYCLES: float
CELLS: int

def isas() -> tuple[str, ...]: ...
def isa() -> str: ...
def use_isa(name: str) -> None: ...

class Meeting:
    def __init__(
        self,
        candidates: Candidates,
        counts: Array,
        w_used: int,
        with_y: bool,
        first: bool,
        targets: Array | None = None,
        z: Array | None = None,
        order: Array | None = None,
        ends: Array | None = None,
        y: Array | None = None,
    ) -> None: ...

class Candidates:
    codes: Array
    levels: Array
    used: Array
    packed: Array
    first: Array
    blocks: Array
    def __init__(
        self,
        codes: Array,
        levels: Array,
        used: Array,
        packed: Array,
        y_levels: int,
        logs: Array,
        scale: int,
        workers: int,
    ) -> None: ...
    def planes_of(self, column: int) -> Array: ...
    def meet_planes(self, meeting: Meeting, wanted: Array | None, which: Array, out: Array) -> None: ...
    def meet_columns(self, meeting: Meeting, wanted: Array, which: Array, out: Array) -> None: ...
