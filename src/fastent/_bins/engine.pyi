from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def isas() -> tuple[str, ...]: ...
def use_isa(name: str) -> None: ...
def cut(x: Array, edges: Sequence[Array], missing: Array, codes: Array, workers: int) -> None: ...
