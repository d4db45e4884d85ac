from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def expected_of_cells(a: Array, b: Array, totals: Array, workers: int) -> Array: ...
