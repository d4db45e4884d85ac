"""Text that many docstrings share, written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def documented(texts: Mapping[str, str]) -> Callable[[Function], Function]:
    """A decorator that puts `texts` in the place of <NAMES> in a docstring."""

    def fill(function: Function) -> Function:
        for name, text in texts.items():
            function.__doc__ = (function.__doc__ or "").replace(f"<{name}>", text)
        return function

    return fill
