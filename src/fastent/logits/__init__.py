"""Measures and losses of softmax(z), straight from logits z: each is read from memory once, nothing is materialised.

In the formulas a = softmax(z / T), T the temperature, along one axis of an array of any shape; results are in nats
unless `base` says otherwise. `fastent.entropy` and its siblings take probabilities; the functions of the same names
here take logits.

Sources: Shannon 1948; Kullback & Leibler 1951; others where used.
"""

from fastent.logits.binary import binary_cross_entropy
from fastent.logits.losses import cross_entropy, js_divergence, kl_divergence
from fastent.logits.reductions import (
    entropy,
    log_prob_of,
    log_softmax,
    log_sum_exp,
    perplexity,
    softmax,
    top_k_log_prob,
)

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "entropy",
    "js_divergence",
    "kl_divergence",
    "log_prob_of",
    "log_softmax",
    "log_sum_exp",
    "perplexity",
    "softmax",
    "top_k_log_prob",
]
