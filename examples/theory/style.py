"""How every figure of the theory pages looks, and where it goes: docs/figures/."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
INK, QUIET, BLUE, RED, GREEN = "#1a1a1a", "#c9ccd1", "#1f77b4", "#c8322b", "#2e8b57"

plt.rcParams.update(
    {
        "svg.hashsalt": "fastent",  # the same file from the same numbers
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 12,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "figure.constrained_layout.use": True,
    }
)


def panels(columns: int = 1, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(1, columns, figsize=(8.4, height), squeeze=False)
    return figure, list(axes[0])


def save(figure: Figure, name: str) -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    part = FIGURES / f"{name}.part"
    figure.savefig(part, format="svg", metadata={"Date": None})
    part.rename(FIGURES / f"{name}.svg")
    plt.close(figure)
