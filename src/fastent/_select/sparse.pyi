from typing import Any

import numpy as np

from fastent._select.engine import Candidates

Array = np.ndarray[Any, Any]

class SparseCandidates(Candidates):
    def __init__(
        self, codes: Any, levels: Array, used: Array, y_levels: int, logs: Array, scale: int, workers: int
    ) -> None: ...
