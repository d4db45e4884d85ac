"""Measures of rows of distributions: probabilities, or non-negative weights or counts.

Each public function names its formula, picks an engine measure and its unit, and leaves everything else to the plan.
In the formulas x and y are rows as given, p = x / sum(x) and q = y / sum(y); with `normalize=False` p and q are x and y
themselves. Logarithms are natural: results are in nats unless `base` says otherwise.

Sources: Shannon 1948; Kullback & Leibler 1951; Cover & Thomas, Elements of Information Theory; others where used.
"""

from fastent.distributions.divergences import (
    cross_entropy,
    hellinger_distance,
    jeffreys_divergence,
    js_distance,
    js_divergence,
    kl_divergence,
    renyi_divergence,
    total_variation,
)
from fastent.distributions.elements import (
    binary_cross_entropy,
    binary_entropy,
    information_content,
)
from fastent.distributions.entropies import (
    entropy,
    gini_impurity,
    normalized_entropy,
    perplexity,
    renyi_entropy,
    tsallis_entropy,
)

__all__ = [
    "binary_cross_entropy",
    "binary_entropy",
    "cross_entropy",
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
    "total_variation",
    "tsallis_entropy",
]
