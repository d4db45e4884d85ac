from typing import Any

VALUES: dict[str, int]
MAPS: dict[str, int]
FINISHES: dict[str, int]
MEMBERS: dict[str, int]
PIECE: int

Spec = tuple[Any, int, bool, tuple[int, ...], int]

def isas() -> tuple[str, ...]: ...
def use_isa(name: str) -> None: ...
def rows(
    codes: tuple[int, int, int, int],
    numbers: tuple[float, float, float, float, float],
    batch_shape: tuple[int, ...],
    length: int,
    arrays: tuple[Spec | None, Spec | None, Spec | None, Spec | None],
    per_row: tuple[Any, Any, Any],
    per_class: tuple[Any, Any, float],
    workers: int,
) -> None: ...
def largest(
    codes: tuple[int, int, int, int],
    numbers: tuple[float, float, float, float, float],
    batch_shape: tuple[int, ...],
    length: int,
    arrays: tuple[Spec | None, Spec | None, Spec | None, Spec | None],
    values: Any,
    places: Any,
    count: int,
    workers: int,
) -> None: ...
def binary(
    is_double: bool,
    count: int,
    inputs: tuple[Any, Any, Any, Any],
    pos_weights: int,
    first: int,
    outputs: tuple[Any, Any, Any, Any],
    divisor: float,
    map_scale: float,
    workers: int,
) -> None: ...
def members(
    spec: Spec,
    logits: bool,
    members: int,
    rows: int,
    classes: int,
    dtype: int,
    values: dict[str, Any],
    divisor: float,
    workers: int,
) -> None: ...
