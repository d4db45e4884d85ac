from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Steps = Sequence[tuple[int, ...]]

SUMS: dict[str, int]

def isas() -> tuple[str, ...]: ...
def use_isa(name: str) -> None: ...
def normal_sums(
    operands: Sequence[Array | None],
    batch_shape: tuple[int, ...],
    batch_steps: Steps,
    reduce_shape: tuple[int, ...],
    reduce_steps: Steps,
    single: bool,
    outer: bool,
    mu_q: float,
    log_var_q: float,
    precision: float,
    workers: int,
) -> Array: ...
def sample_sums(
    x: Array, offsets: Array, n: int, step: int, sum: int, m: Array, scale: float, workers: int
) -> Array: ...
def cross_neighbor_sum(x: Array, y: Array, k: int, workers: int) -> float: ...
