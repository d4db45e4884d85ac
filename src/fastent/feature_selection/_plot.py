"""A selection as a picture. Importing this module does not import matplotlib; drawing does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastent.feature_selection.result import Selection

RELEVANCE, REDUNDANCY, SHADE = "#1f77b4", "#c8322b", "#e4e7ea"
MOST = 60
"""Columns that are drawn."""


def draw(selection: Selection, ax: Any) -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Selection.plot needs matplotlib: pip install 'fastent[plot]'") from None
    count = min(len(selection), MOST)
    place = np.arange(count)
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 1.4 + 0.28 * max(count, 3)), layout="constrained")
    ax.barh(place, selection.relevance[:count], height=0.66, color=RELEVANCE, label="relevance I(x; y)")
    ax.plot(
        selection.redundancy[1:count], place[1:], "o", ms=5, color=REDUNDANCY,
        label="redundancy, mean I(x; w) with those above",
    )  # fmt: skip
    ax.set_yticks(place, [f"{name}  {i + 1}" for i, name in enumerate(selection.names[:count])])
    ax.set_ylim(count - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("nats")
    shown = f"{count} of " if count < len(selection) else ""
    columns = len(selection.relevances)
    ax.set_title(
        f"{shown}{len(selection)} of {columns:,} columns, in the order chosen by {selection.criterion}", loc="left",
        fontsize=11,
    )  # fmt: skip
    ax.grid(axis="x", color=SHADE)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.9 / (1 + 0.28 * count)), ncols=2, frameon=False, fontsize=9)
    return ax
