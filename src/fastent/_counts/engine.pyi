from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

METHODS: dict[str, int]
STATISTICS: dict[str, int]
WEIGHED_ROWS: int

def isas() -> tuple[str, ...]: ...
def use_isa(name: str) -> None: ...
def choose_methods(levels: Array, y_levels: int, bytes_only: bool, weighted: bool) -> Array: ...
def statistics_of_tables(
    counts: Array, levels: Array, y_levels: int, workers: int, low: Array | None = None
) -> Array: ...
def statistics_of_cells(
    counts: Array, x: Array, y: Array, x_levels: int, y_levels: int, low: Array | None = None
) -> Array: ...
def entropy_of_counts(counts: Array) -> Array: ...

class TargetCounter:
    cells: int
    def __init__(
        self,
        x: Array,
        levels: Array,
        y: Array,
        y_levels: int,
        weights: Array | None,
        methods: Array,
        workers: int,
        guessed: bool = False,
    ) -> None: ...
    def count(self, begin: int, end: int) -> Array | None: ...
