"""What counts as an array: everything NumPy can see as numbers, and tensors, frames and columns of other libraries.

No other library is imported: their objects are recognised by the module of their type.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from fastent._rows import engine

_SINGLE = ("float32", "float16", "bfloat16")
FLOATS = frozenset(("float64", *_SINGLE))


class Array(NamedTuple):
    """An operand as the engine takes it."""

    values: np.ndarray[Any, Any]  # bfloat16 as its bits, uint16
    code: int
    swapped: bool
    dtype: str

    def take_row(self, axes: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """One row as float64 (or bool), for messages."""
        batch = iter(index)
        row = self.values[tuple(slice(None) if d in axes else next(batch) for d in range(self.values.ndim))]
        if self.dtype == "bfloat16":
            return np.asarray((row.astype(np.uint32) << 16).view(np.float32), np.float64)
        return np.asarray(row, bool if self.values.dtype == np.bool_ else np.float64)


_KNOWN = {np.dtype(name): (code, False, name) for name, code in engine.DTYPES.items() if name != "bfloat16"}
_KNOWN |= {
    dtype.newbyteorder(): (code, True, name) for dtype, (code, _, name) in list(_KNOWN.items()) if dtype.itemsize > 1
}


def _of_torch(function: str, name: str, value: Any) -> Array | np.ndarray[Any, Any]:
    tensor = value.detach()
    if tensor.device.type != "cpu":
        raise TypeError(
            f"{function}: {name} must be a tensor on the CPU, got one on {tensor.device}; pass {name}.cpu()"
        )
    torch = sys.modules["torch"]
    if tensor.dtype == torch.bfloat16:
        return Array(tensor.view(torch.int16).numpy().view(np.uint16), engine.DTYPES["bfloat16"], False, "bfloat16")
    array: np.ndarray[Any, Any] = tensor.resolve_neg().numpy()
    return array


def _of_frame(value: Any) -> np.ndarray[Any, Any]:
    """pandas, polars, pyarrow: missing values become NaN."""
    library = type(value).__module__.partition(".")[0]
    array = np.asarray(value)
    if library == "pandas" and array.dtype == object:
        single = {str(dtype) for dtype in np.atleast_1d(value.dtypes)} <= {"Float32", "float32", "float16"}
        return np.asarray(value.to_numpy(dtype=np.float32 if single else np.float64, na_value=np.nan))
    return array


def as_array(function: str, name: str, value: Any, scalar: bool = False) -> Array:
    """The operand, or a TypeError that says what to pass."""
    if type(value) is not np.ndarray:
        library = type(value).__module__.partition(".")[0]
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{function}: {name} must not be a masked array; pass {name}.data and where=~{name}.mask")
        if isinstance(value, np.matrix):
            raise TypeError(f"{function}: {name} must not be a np.matrix; pass np.asarray({name})")
        try:
            if library == "torch" and hasattr(value, "detach"):
                value = _of_torch(function, name, value)
            elif library in ("pandas", "polars", "pyarrow"):
                value = _of_frame(value)
            else:
                value = np.asarray(value)
        except (ValueError, TypeError, RuntimeError) as error:
            if str(error).startswith(function):
                raise
            got = type(value).__name__
            raise TypeError(f"{function}: {name} must be an array of numbers, got {got} ({error})") from None
    if isinstance(value, Array):
        array = value
    else:
        known = _KNOWN.get(value.dtype)
        if known is not None:
            array = Array(value, *known)
        elif value.dtype.name == "bfloat16":
            array = Array(value.view(np.uint16), engine.DTYPES["bfloat16"], False, "bfloat16")
        else:
            raise TypeError(
                f"{function}: {name} must hold real numbers (floats of up to 64 bits, integers or booleans), got dtype "
                f"{value.dtype}; convert it, for example with {name}.astype(np.float64)"
            )
    if array.values.ndim == 0 and not scalar:
        raise ValueError(f"{function}: {name} must have at least one dimension, got the number {array.values[()]}")
    return array


def refuse_masked(function: str, name: str, value: Any) -> None:
    """Where nan marks what is missing, so that a mask would be lost."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{function}: {name} must not be a masked array; pass {name}.filled(np.nan), "
            f"or integers as {name}.astype(float).filled(np.nan)"
        )


def fresh_dtype(*operands: Array | None) -> np.dtype[Any]:
    """float32 if all operands are floats of at most 32 bits, otherwise float64."""
    single = all(operand is None or operand.dtype in _SINGLE for operand in operands)
    return np.dtype(np.float32 if single else np.float64)


def require(function: str, name: str, values: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any], must: str) -> None:
    """Every entry is allowed, or a refusal that names the first that is not."""
    if allowed.all():
        return
    position = tuple(int(i) for i in np.argwhere(~allowed)[0])
    place = f" at index {position[0] if len(position) == 1 else position}" if position else ""
    raise ValueError(f"{function}: {name} must be {must}, got {values[position]}{place}")


def require_weights(function: str, name: str, values: np.ndarray[Any, Any]) -> None:
    require(function, name, values, (values >= 0) & (values < np.inf), "finite and at least 0")
