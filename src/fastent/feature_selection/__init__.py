"""Which columns of a table tell most about a target: their scores, greedy selection, and the bins it counts.

Logarithms are natural, and information is in nats.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastent.feature_selection.binning import Discretized, discretize
    from fastent.feature_selection.estimator import InformationSelector
    from fastent.feature_selection.neighbors import mutual_information_continuous
    from fastent.feature_selection.result import Selection
    from fastent.feature_selection.scorecards import information_value, population_stability_index
    from fastent.feature_selection.selecting import select

_HOMES = {
    "Discretized": "binning",
    "InformationSelector": "estimator",
    "discretize": "binning",
    "information_value": "scorecards",
    "mutual_information_continuous": "neighbors",
    "population_stability_index": "scorecards",
    "Selection": "result",
    "select": "selecting",
}

__all__ = [
    "Discretized",
    "InformationSelector",
    "Selection",
    "discretize",
    "information_value",
    "mutual_information_continuous",
    "population_stability_index",
    "select",
]


def __getattr__(name: str) -> Any:
    """Everything is imported when it is first asked for, scikit-learn only for its estimator."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"fastent.feature_selection.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'fastent.feature_selection' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
