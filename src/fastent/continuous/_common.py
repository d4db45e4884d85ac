"""What the measures of continuous variables share: options in docstrings, units."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastent._docs import documented
from fastent._plan import log_of_base

_OPTIONS = {
    "BASE": """base : float, optional
        Unit of the result: 2 for bits, 10 for hartleys; nats without it.""",
    "WORKERS": """workers : int, optional
        Threads; -1 for all. The result does not depend on it.""",
    "AXIS": """axis : int
        Dimension along which the samples lie; every other index is a variable of its own.""",
}
described = documented(_OPTIONS)


def in_unit(function: str, values: Any, base: float | None, dtype: Any = np.float64) -> Any:
    """Nats in another unit, as numbers of this dtype; never -0.0."""
    divisor = log_of_base(function, base)
    values = np.asarray(values, np.float64)
    return ((values / divisor if divisor != 1 else values) + 0.0).astype(dtype)[()]
