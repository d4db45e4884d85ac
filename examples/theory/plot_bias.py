"""Draw bias.svg: estimates of entropy from samples of normal variables, in one dimension and in many.

pip install fastent[scipy] matplotlib
python examples/theory/plot_bias.py
"""

import numpy as np

from fastent import continuous

DIMENSIONS = (1, 2, 4, 8, 16, 24)
REPEATS = 24


def bias(n: int, dimensions: int) -> float:
    """Mean estimate minus the true entropy of independent standard normals, in nats per dimension."""
    rng = np.random.default_rng(n + dimensions)
    truth = dimensions * continuous.entropy(continuous.Normal(0.0, 1.0))
    found = [continuous.joint_differential_entropy(rng.normal(size=(n, dimensions))) for _ in range(REPEATS)]
    return float((np.mean(found) - truth) / dimensions)


def main() -> None:
    from style import BLUE, GREEN, QUIET, RED, panels, save

    figure, (narrow, wide) = panels(2)
    rng = np.random.default_rng(0)
    sizes = (10, 20, 50, 100, 200, 500, 1000)
    truth = float(continuous.entropy(continuous.Normal(0.0, 1.0)))
    for method, colour in (("vasicek", RED), ("ebrahimi", BLUE), ("nearest neighbors", GREEN)):
        means = [continuous.differential_entropy(rng.normal(size=(400, n)), method=method).mean() for n in sizes]
        narrow.plot(sizes, np.array(means) - truth, "o-", ms=4, color=colour, label=method)
    narrow.set(xscale="log", xlabel="samples", ylabel="bias, nats")
    narrow.set_title("One dimension")
    narrow.legend()
    for n, colour in ((100, RED), (1000, BLUE), (4000, GREEN)):
        wide.plot(DIMENSIONS, [bias(n, d) for d in DIMENSIONS], "o-", ms=4, color=colour, label=f"{n} samples")
    wide.set(xlabel="dimensions", ylabel="bias, nats per dimension")
    wide.set_title("Many dimensions")
    wide.legend()
    for axes in (narrow, wide):
        axes.axhline(0, color=QUIET, zorder=0)
    save(figure, "bias")


if __name__ == "__main__":
    main()
