"""Draw digits.png: the least and the most certain of scikit-learn's 1797 handwritten digits.

pip install fastent matplotlib scikit-learn
python examples/digits/plot_digits.py
"""

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits

import fastent

HERE = Path(__file__).parent
WIDTH, HEIGHT, COLUMNS, SIDE = 10.5, 5.9, 8, 1.14  # inches; SIDE is one digit's
INK, QUIET, RIGHT, WRONG = "#1a1a1a", "#c9ccd1", "#1f77b4", "#c8322b"


def two_digits(value: float) -> str:
    """1.7 as it is, 0.0000017 as a power of ten."""
    if value >= 0.01:
        return f"{value:.2f}"
    digits, exponent = f"{value:.1e}".split("e")
    return rf"${digits}\cdot 10^{{{int(exponent)}}}$"


def draw_digit(
    figure: Figure, left: float, top: float, image: np.ndarray, probabilities: np.ndarray, label: int
) -> None:
    """One digit: its image, the ten class probabilities as bars, then entropy, true label and prediction."""
    predicted = int(probabilities.argmax())
    colour = RIGHT if predicted == label else WRONG
    above = figure.add_axes((left / WIDTH, (top - SIDE) / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT))
    below = figure.add_axes((left / WIDTH, (top - SIDE - 0.64) / HEIGHT, SIDE / WIDTH, 0.58 / HEIGHT))

    above.imshow(image, cmap="gray_r", interpolation="bicubic")
    above.set(xticks=[], yticks=[])
    above.spines[:].set_color(QUIET)

    below.bar(range(10), probabilities, width=0.8, color=[colour if i == predicted else QUIET for i in range(10)])
    height = probabilities[predicted]
    below.text(predicted, height + 0.05, f"{height:.0%}", ha="center", va="bottom", fontsize=8, color=colour)
    below.set(xlim=(-0.9, 9.9), ylim=(0, 1.5), yticks=[])
    below.set_xticks(range(10), [str(digit) for digit in range(10)], fontsize=7, color="#666666")
    below.tick_params(length=0, pad=2)
    below.spines[["left", "right", "top"]].set_visible(False)
    below.spines["bottom"].set_color(QUIET)

    middle, line = (left + SIDE / 2) / WIDTH, top - SIDE - 0.93
    entropy = two_digits(float(fastent.entropy(probabilities)))
    figure.text(middle, line / HEIGHT, f"entropy {entropy}", ha="center", fontsize=9, color=INK)
    said = f"true {label}, predicted {predicted}"
    figure.text(middle, (line - 0.19) / HEIGHT, said, ha="center", fontsize=8.5, color=colour)


def main() -> None:
    probabilities, labels = np.load(HERE / "probabilities.npy"), np.load(HERE / "labels.npy")
    images = load_digits().images
    order = np.argsort(fastent.entropy(probabilities))

    figure = plt.figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    for top, title, rows in (
        (HEIGHT - 0.12, "The least certain digits: highest entropy of the class probabilities (nats)", order[::-1]),
        (HEIGHT - 3.08, "The most certain digits: lowest entropy", order),
    ):
        figure.text(0.14 / WIDTH, (top - 0.16) / HEIGHT, title, fontsize=13, fontweight="bold", color=INK)
        for column, row in enumerate(rows[:COLUMNS]):
            draw_digit(figure, 0.14 + 1.297 * column, top - 0.32, images[row], probabilities[row], int(labels[row]))

    png = BytesIO()
    figure.savefig(png, dpi=120)
    picture = Image.open(png).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE)  # less than half the bytes
    picture.save(HERE / "digits.png", optimize=True)


if __name__ == "__main__":
    main()
