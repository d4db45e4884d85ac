from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def information_of_strata(
    cells: Array,
    rows: Array,
    columns: Array,
    bounds: Array,
    x_levels: Array,
    y_levels: Array,
    workers: int,
    low: Array | None = None,
) -> Array: ...
