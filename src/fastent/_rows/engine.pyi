from typing import Any

MEASURES: dict[str, int]
FINISHES: dict[str, int]
ELEMENTS: dict[str, int]
DTYPES: dict[str, int]
SHORT_ROW_LENGTH: int

def isas() -> tuple[str, ...]: ...
def isa() -> str: ...
def use_isa(name: str) -> None: ...
def reduce(
    codes: tuple[int, int, int, int],
    numbers: tuple[float, float, float, float],
    batch_shape: tuple[int, ...],
    reduce_shape: tuple[int, ...],
    outer: bool,
    p: tuple[Any, ...] | None,
    q: tuple[Any, ...] | None,
    where: tuple[Any, ...] | None,
    out: tuple[Any, ...],
    workers: int,
) -> None: ...
def reduce_row(
    codes: tuple[int, int, int, int], numbers: tuple[float, float, float, float], dtype: int, p: Any, q: Any
) -> float: ...
def map_lines(
    function: int,
    divisor: float,
    batch_shape: tuple[int, ...],
    length: int,
    p: tuple[Any, ...] | None,
    q: tuple[Any, ...] | None,
    where: tuple[Any, ...] | None,
    out: tuple[Any, ...] | None,
    workers: int,
) -> None: ...
