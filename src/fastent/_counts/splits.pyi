from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def best_end(codes: Array, ends: Array, levels: int, terms: Array, gini: bool) -> tuple[int, Array]: ...
