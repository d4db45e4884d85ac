from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def expected_mutual_information(
    a: Array, a_times: Array, b: Array, b_times: Array, total: int, workers: int
) -> float: ...
