"""Numbers of every dtype, and the same numbers in memory of every shape: what the tests of values put through."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

DTYPES = {
    np.dtype(t).name: np.dtype(t)
    for t in ("f8", "f4", "f2", ml_dtypes.bfloat16, "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
}
NARROW = {"float32", "float16", "bfloat16"}  # give float32


# ---- numbers -------------------------------------------------------------------------------------------------------


def seeded(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def result_dtype(*dtypes: str) -> type:
    return np.float32 if NARROW.issuperset(dtypes) else np.float64


def numbers(which: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Entries of a row: zeros among numbers of three sizes, in q large where they are small in p.

    Rows that are nearly equal or nearly one-hot by accident would test rounding. There are fewer zeros in q, so that
    not every row diverges.
    """
    rng, kind = seeded(which, dtype, shape), DTYPES[dtype].kind
    if kind == "b":
        return rng.random(shape) < (0.97 if which == "q" else 0.6)
    size = np.array([1, 10, 3] if which == "q" else [10, 1, 4])[np.indices(shape).sum(0) % 3]
    values = size * (rng.integers(6, 10, shape) if kind in "iu" else rng.uniform(0.6, 1, shape))
    values[rng.random(shape) < (0.004 if which == "q" else 0.15)] = 0
    values.flat[3:5] = [0, 2] if which == "q" else [2, 0]  # rows with p / 0 and 0 / q
    return values.astype(DTYPES[dtype])


def probabilities(which: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Entries of an elementwise measure: all of [0, 1] with both ends, and one invalid entry."""
    rng = seeded(which, dtype, shape, "elementwise")
    values = rng.random(shape)
    values = np.where(rng.random(shape) < 0.1, np.round(values), values)
    values = np.round(values) if DTYPES[dtype].kind in "iub" else values
    values = values.astype(DTYPES[dtype])
    if DTYPES[dtype].kind != "b":
        values.flat[5] = 2
    return values


# ---- layouts -------------------------------------------------------------------------------------------------------


def poison(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Memory around a view: reading any of it changes the result."""
    return np.full(shape, 7 if dtype.kind in "iub" else np.nan).astype(dtype)


def strided(a: np.ndarray) -> np.ndarray:
    big = poison(tuple(2 * n for n in a.shape), a.dtype)
    view = big[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def gap(a: np.ndarray) -> np.ndarray:
    big = poison(tuple(n + (d == 1) for d, n in enumerate(a.shape)), a.dtype)
    view = big[:, : a.shape[1]] if a.ndim > 1 else big
    view[...] = a
    return view


def reverse(a: np.ndarray) -> np.ndarray:
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return a[flip].copy()[flip]


def unaligned(a: np.ndarray) -> np.ndarray:
    view = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def byteswapped(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder("S")) if a.dtype.kind in "fiu" else a.copy()


def rotated(a: np.ndarray) -> np.ndarray:
    order = (*range(1, a.ndim), 0)
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ndarray.copy,
    "Fortran": np.asfortranarray,
    "strided": strided,
    "gap": gap,  # tuple axes that cannot be merged into one
    "reversed": reverse,
    "rotated": rotated,
    "unaligned": unaligned,
    "byteswapped": byteswapped,
    "read-only": read_only,
}


def memory(a: np.ndarray) -> bytes:
    """Every byte of the buffer under a view."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a.tobytes()
