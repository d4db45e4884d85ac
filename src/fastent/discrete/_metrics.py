"""The measures of a pair of variables, as formulas of a few facts about it.

A fact is a statistic of the counting engine (`STATISTICS`), or one of these: `expected`, the mutual information that
shuffled labels have on average; `largest`, the most that a cell can hold; `purity`. The functions of two columns and
the matrix of all pairs evaluate the same formulas, so that they agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from fastent._samples import STATISTICS, Array
from fastent.discrete._common import ratio

Facts = Mapping[str, Array]

AVERAGES: dict[str, Callable[[Facts], Array]] = {
    "arithmetic": lambda f: (f["h_x"] + f["h_y"]) / 2,
    "geometric": lambda f: np.sqrt(f["h_x"] * f["h_y"]),
    "min": lambda f: np.minimum(f["h_x"], f["h_y"]),
    "max": lambda f: np.maximum(f["h_x"], f["h_y"]),
    "joint": lambda f: f["h_xy"],
}


class Options(NamedTuple):
    average: str = "arithmetic"
    beta: float = 1.0


def check_options(function: str, options: Options) -> Options:
    average, beta = options
    if not isinstance(average, str) or average not in AVERAGES:
        raise ValueError(f"{function}: average must be one of {', '.join(AVERAGES)}, got {average!r}")
    if not isinstance(beta, Real):
        raise TypeError(f"{function}: beta must be a number, got {beta!r}")
    if not 0 <= beta < np.inf:
        raise ValueError(f"{function}: beta must be at least 0 and finite, got {beta}")
    return options


def facts_of(found: Array) -> dict[str, Array]:
    """Statistics, which are last, by name."""
    return {name: found[..., i] for name, i in STATISTICS.items()}


# ---- formulas ------------------------------------------------------------------------------------------------------


def share(f: Facts, options: Options) -> Any:
    """Information by a mean of the entropies; two constants agree, a constant and a variable do not."""
    both_constant = (f["h_x"] == 0) & (f["h_y"] == 0)
    found = ratio(f["mi"], AVERAGES[options.average](f), 0.0)
    return np.where(both_constant, 1.0, np.minimum(found, 1.0))[()]


def symmetric_share(f: Facts, _: Options) -> Any:
    return share(f, Options())


def adjusted_share(f: Facts, options: Options) -> Any:
    mean = AVERAGES[options.average](f)
    same = (f["h_x_given_y"] == 0) & (f["h_y_given_x"] == 0)
    # where all labels of one side differ there is one table only, and nothing beyond chance
    rigid = f["largest"] <= 1
    adjusted = ratio(f["mi"] - f["expected"], np.where(rigid, 1.0, mean - f["expected"]), 0.0)
    return np.where(same, 1.0, np.where(rigid & ~np.isnan(f["mi"]), 0.0, adjusted))[()]


def gain_ratio(f: Facts, _: Options) -> Any:
    return ratio(f["mi"], f["h_x"], 0.0)


def homogeneity(f: Facts, _: Options) -> Any:
    return np.minimum(ratio(f["mi"], f["h_x"], 1.0), 1.0)


def completeness(f: Facts, _: Options) -> Any:
    return np.minimum(ratio(f["mi"], f["h_y"], 1.0), 1.0)


def v_measure(f: Facts, options: Options) -> Any:
    h, c, beta = homogeneity(f, options), completeness(f, options), options.beta
    return ratio((1 + beta) * h * c, beta * h + c, 0.0)


# ---- by name -------------------------------------------------------------------------------------------------------


class Metric(NamedTuple):
    """The facts that a formula takes; whether (y, x) has the same value; whether the base of the logarithm enters."""

    facts: tuple[str, ...]
    formula: Callable[[Facts, Options], Any]
    symmetric: bool = True
    in_nats: bool = False


_ENTROPIES = ("mi", "h_x", "h_y", "h_xy")
_INFORMATION = Metric(("mi",), lambda f, _: f["mi"], in_nats=True)

METRICS: dict[str, Metric] = {
    "mutual_information": _INFORMATION,
    "information_gain": _INFORMATION,
    "normalized_mutual_information": Metric(_ENTROPIES, share),
    "adjusted_mutual_information": Metric(
        (*_ENTROPIES, "h_x_given_y", "h_y_given_x", "expected", "largest"), adjusted_share
    ),
    "symmetric_uncertainty": Metric(("mi", "h_x", "h_y"), symmetric_share),
    "gain_ratio": Metric(("mi", "h_x"), gain_ratio, symmetric=False),
    "homogeneity": Metric(("mi", "h_x"), homogeneity, symmetric=False),
    "completeness": Metric(("mi", "h_y"), completeness, symmetric=False),
    "v_measure": Metric(("mi", "h_x", "h_y"), v_measure),
    "purity": Metric(("purity",), lambda f, _: f["purity"], symmetric=False),
    "variation_of_information": Metric(
        ("h_x_given_y", "h_y_given_x"), lambda f, _: f["h_x_given_y"] + f["h_y_given_x"], in_nats=True
    ),
    "joint_entropy": Metric(("h_xy",), lambda f, _: f["h_xy"], in_nats=True),
    "conditional_entropy": Metric(("h_x_given_y",), lambda f, _: f["h_x_given_y"], symmetric=False, in_nats=True),
}
ABBREVIATIONS = {
    "mi": "mutual_information",
    "nmi": "normalized_mutual_information",
    "ami": "adjusted_mutual_information",
    "su": "symmetric_uncertainty",
    "vi": "variation_of_information",
}
NAMES = (*ABBREVIATIONS, *METRICS)


def metric_named(function: str, name: Any) -> Metric:
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(f"{function}: metric must be one of {', '.join(NAMES)}, got {name!r}")
    return METRICS[ABBREVIATIONS.get(name, name)]


def is_symmetric(name: str) -> bool:
    return METRICS[ABBREVIATIONS.get(name, name)].symmetric
