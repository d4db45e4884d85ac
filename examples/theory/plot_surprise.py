"""Draw surprise.svg, the information of an event, and binary_entropy.svg, the uncertainty of a coin.

pip install fastent matplotlib
python examples/theory/plot_surprise.py
"""

import numpy as np
from style import BLUE, INK, QUIET, RED, panels, save

import fastent


def surprise() -> None:
    figure, (one, two) = panels(2)
    p = np.linspace(0.005, 1, 400)
    one.plot(p, fastent.information_content(p, base=2), color=BLUE, label="$-\\log_2 p$")
    one.plot(p, 2 * (1 - p), color=QUIET, label="$2(1-p)$")
    one.set(xlabel="probability of the event", ylabel="surprise, bits", xlim=(0, 1), ylim=(0, 8))
    one.set_title("Rare events surprise")
    one.legend()

    heads = np.arange(1, 11)
    chance = 0.5**heads
    two.plot(heads, fastent.information_content(chance, base=2), "o-", color=BLUE, label="logarithm")
    two.plot(heads, 2 * (1 - chance), "o-", color=QUIET, label="linear")
    two.plot(heads, 4 / 3 * (1 - chance**2), "o-", color=RED, label="polynomial")
    two.set(xlabel="heads in a row", ylabel="surprise, one head = 1", ylim=(0, 10.5))
    two.set_title("Each further head adds one bit")
    two.legend()
    save(figure, "surprise")


def coin() -> None:
    figure, (axes,) = panels()
    p = np.linspace(0, 1, 401)
    axes.plot(p, fastent.binary_entropy(p, base=2), color=BLUE)
    for marked in (0.5, 0.8, 0.9):
        height = fastent.binary_entropy(marked, base=2)
        axes.plot(marked, height, "o", color=RED)
        axes.annotate(
            f"{marked:.1f}: {height:.3f} bits", (marked, height), (8, 4), textcoords="offset points", color=INK
        )
    axes.set(xlabel="probability of heads", ylabel="entropy, bits", xlim=(0, 1.15), ylim=(0, 1.12))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.spines["bottom"].set_bounds(0, 1)
    axes.set_title("A fair coin is the hardest to guess")
    save(figure, "binary_entropy")


if __name__ == "__main__":
    surprise()
    coin()
