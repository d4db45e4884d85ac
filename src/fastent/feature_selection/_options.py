"""Options of feature selection: columns by name, number or mask, how many of them, and numbers."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def read_number(function: str, option: str, value: Any) -> float:
    """A real number."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {option} must be a number, got {value!r}")
    return float(value)


def read_columns(function: str, argument: str, wanted: Any, names: list[Any]) -> list[int]:
    """Column numbers of names or numbers, or of a mask with one entry per column; each once."""
    if wanted is None:
        return []
    if hasattr(wanted, "to_numpy"):  # series
        wanted = wanted.to_numpy()
    if isinstance(wanted, set | frozenset | dict):
        raise TypeError(
            f"{function}: {argument} must be names or numbers of columns in a list, got {wanted!r}, which has no order"
        )
    if isinstance(wanted, str) or not isinstance(wanted, Sequence | np.ndarray):
        wanted = [wanted]
    if isinstance(wanted, np.ndarray):
        wanted = wanted.tolist() if wanted.ndim else [wanted[()]]
    if len(wanted) and all(isinstance(one, bool | np.bool_) for one in wanted):
        if len(wanted) != len(names):
            raise ValueError(
                f"{function}: {argument} must be names or numbers of columns, or a mask with one entry for each of "
                f"the {len(names)} columns of X, got a mask of {len(wanted)}"
            )
        return [i for i, one in enumerate(wanted) if one]
    found = []
    place = {name: i for i, name in reversed(list(enumerate(names)))}
    for one in wanted:
        if isinstance(one, str) or (not isinstance(one, int | np.integer) and _is_key(one, place)):
            if one not in place:
                raise ValueError(f"{function}: {argument} has {one!r}, which is not the name of a column of X")
            found.append(place[one])
            continue
        try:
            if isinstance(one, bool | np.bool_):
                raise TypeError
            number = operator.index(one)
        except TypeError:
            raise TypeError(f"{function}: {argument} must hold names or numbers of columns, got {one!r}") from None
        if not -len(names) <= number < len(names):
            raise ValueError(f"{function}: {argument} has column {number}, and X has columns 0 to {len(names) - 1}")
        found.append(number % len(names))
    return list(dict.fromkeys(found))


def _is_key(one: Any, place: dict[Any, int]) -> bool:
    try:
        return one in place
    except TypeError:  # it has no hash
        return False


def read_k(function: str, k: Any, most: int, least: int, reason: str, least_reason: str = "") -> int:
    """How many columns to select; None is as many as there are."""
    if not most:
        raise ValueError(f"{function}: exclude must leave a column to choose, got all columns of X")
    if k is None:
        return most
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"{function}: k must be an integer or None, got {k!r}") from None
    if not max(1, least) <= number <= most:
        more = f"; {least_reason} take {least}" if least_reason and number < least else ""
        raise ValueError(f"{function}: k must be between {max(1, least)} and {most} ({reason}), got {number}{more}")
    return number
