"""Entropy and divergence of large arrays, fast and right on every input."""

from typing import TYPE_CHECKING, Any

from fastent._config import show_config
from fastent._threads import set_workers
from fastent.distributions import (
    binary_cross_entropy,
    binary_entropy,
    cross_entropy,
    entropy,
    gini_impurity,
    hellinger_distance,
    information_content,
    jeffreys_divergence,
    js_distance,
    js_divergence,
    kl_divergence,
    normalized_entropy,
    perplexity,
    renyi_divergence,
    renyi_entropy,
    total_variation,
    tsallis_entropy,
)

__version__ = "0.1.0"

__all__ = [
    "binary_cross_entropy",
    "binary_entropy",
    "continuous",
    "cross_entropy",
    "discrete",
    "encode",
    "entropy",
    "feature_selection",
    "gini_impurity",
    "hellinger_distance",
    "information_content",
    "jeffreys_divergence",
    "js_distance",
    "js_divergence",
    "kl_divergence",
    "logits",
    "normalized_entropy",
    "perplexity",
    "renyi_divergence",
    "renyi_entropy",
    "set_workers",
    "show_config",
    "total_variation",
    "tsallis_entropy",
    "uncertainty",
]

if TYPE_CHECKING:
    from fastent import continuous, discrete, feature_selection, logits, uncertainty
    from fastent._codes import encode


_LATER = ("continuous", "discrete", "feature_selection", "logits", "uncertainty")


def __getattr__(name: str) -> Any:
    """What not everyone needs is imported when it is first asked for: importing fastent stays quick."""
    import importlib

    if name in _LATER:
        return importlib.import_module(f"fastent.{name}")
    if name == "encode":
        return importlib.import_module("fastent._codes").encode
    raise AttributeError(f"module 'fastent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER, "encode"])
