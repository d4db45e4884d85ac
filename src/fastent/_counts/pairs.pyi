from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

class PairCounter:
    fits: bool
    def __init__(self, x: Array, levels: Array, y: Array | None, y_levels: Array | None, workers: int) -> None: ...
    def statistics(self, which: list[int]) -> Array: ...
