"""Fit a normal density to one with two humps, by the forward and by the reverse divergence; draw fits.svg.

pip install fastent matplotlib
python examples/theory/fit_normal.py
"""

import numpy as np

import fastent

GRID = np.linspace(-8, 8, 801)


def normal(mean: float, deviation: float) -> np.ndarray:
    """Weights of a normal on the grid; the package divides them by their sum."""
    return np.exp(-0.5 * ((GRID - mean) / deviation) ** 2)


def two_humps() -> np.ndarray:
    return 0.6 * normal(-2.5, 0.8) / 0.8 + 0.4 * normal(2.5, 0.8) / 0.8


def fit(direction: str) -> tuple[float, float, float]:
    """Mean and deviation of the best normal by exhaustive search, and its divergence in nats."""
    means, deviations = np.linspace(-4, 4, 81), np.linspace(0.4, 4, 91)
    target = two_humps()
    models = np.array([[normal(mean, deviation) for deviation in deviations] for mean in means])
    cost = fastent.kl_divergence(target, models) if direction == "forward" else fastent.kl_divergence(models, target)
    row, column = np.unravel_index(np.argmin(cost), cost.shape)
    return float(means[row]), float(deviations[column]), float(cost[row, column])


def main() -> None:
    from style import BLUE, QUIET, RED, panels, save

    figure, (axes,) = panels()
    step = GRID[1] - GRID[0]
    axes.fill_between(GRID, two_humps() / (two_humps().sum() * step), color=QUIET, label="truth P")
    for direction, colour, name in (("forward", BLUE, "KL(P, Q)"), ("reverse", RED, "KL(Q, P)")):
        mean, deviation, cost = fit(direction)
        density = normal(mean, deviation)
        axes.plot(
            GRID,
            density / (density.sum() * step),
            color=colour,
            label=f"least {name}: mean {mean:.1f}, deviation {deviation:.2f}, {cost:.2f} nats",
        )
    axes.set(xlabel="x", ylabel="density", xlim=(-8, 8), ylim=(0, 0.72))
    axes.set_title("Forward covers both humps, reverse picks one")
    axes.legend(loc="upper right", fontsize=10)
    save(figure, "fits")


if __name__ == "__main__":
    main()
