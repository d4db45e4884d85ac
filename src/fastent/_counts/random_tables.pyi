from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def shuffling_pays(x_levels: Array, y_levels: Array, totals: Array) -> Array: ...
def times_reached(
    counts: Sequence[Array], pairs: Array, observed: Array, shuffled: Array, tables: int, seed: int, workers: int
) -> Array: ...
