from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def information_of_strata(
    cells: Array,
    rows: Array,
    columns: Array,
    bounds: Array,
    x_counts: Array,
    x_bounds: Array,
    y_counts: Array,
    y_bounds: Array,
    workers: int,
) -> Array: ...
