"""Entropy and divergence of large arrays, fast and right on every input."""

from fastent import discrete
from fastent._codes import encode
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
    "cross_entropy",
    "discrete",
    "encode",
    "entropy",
    "gini_impurity",
    "hellinger_distance",
    "information_content",
    "jeffreys_divergence",
    "js_distance",
    "js_divergence",
    "kl_divergence",
    "normalized_entropy",
    "perplexity",
    "renyi_divergence",
    "renyi_entropy",
    "set_workers",
    "show_config",
    "total_variation",
    "tsallis_entropy",
]
