"""Draw distillation.png: how far a weak classifier of digits is from a strong one, and how far both can be trusted.

pip install fastent matplotlib
python examples/digits/plot_distillation.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fastent import logits

HERE = Path(__file__).parent
INK, QUIET, COLOURS = "#1a1a1a", "#c9ccd1", {"teacher": "#1f77b4", "student": "#c8322b"}
BINS = 8


def reliability(z: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence and accuracy of equally many rows each, least confident first; and how many."""
    log_prob, best = logits.top_k_log_prob(z, 1)
    order = np.argsort(log_prob[:, 0])
    parts = np.array_split(order, BINS)
    confidence = np.exp(log_prob[:, 0])
    right = best[:, 0] == labels
    return (
        np.array([confidence[p].mean() for p in parts]),
        np.array([right[p].mean() for p in parts]),
        np.array([len(p) for p in parts]),
    )


def main() -> None:
    labels = np.load(HERE / "labels.npy")
    z = {name: np.load(HERE / f"{name}_logits.npy") for name in COLOURS}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")

    left.plot([0, 1], [0, 1], color=QUIET, zorder=0)
    for name, colour in COLOURS.items():
        confidence, accuracy, count = reliability(z[name], labels)
        error = np.sqrt(accuracy * (1 - accuracy) / count)
        loss = logits.cross_entropy(z[name], labels, reduction="mean")
        left.errorbar(
            confidence, accuracy, error, color=colour, marker="o", ms=4, label=f"{name}, loss {loss:.3f} nats"
        )
    left.set(xlim=(0.3, 1.02), ylim=(0.3, 1.02), xlabel="confidence in the top class", ylabel="share that is right")
    left.set_title("Calibration", loc="left", color=INK)
    left.legend(frameon=False, loc="lower right")

    edges = np.logspace(-4, 1.2, 53)
    for temperature, shade in ((1, 1.0), (4, 0.45)):
        kl = logits.kl_divergence(z["teacher"], z["student"], temperature=temperature)
        label = f"T = {temperature}, mean {kl.mean():.3f} nats"
        right.hist(
            np.clip(kl, edges[0], None),
            edges,
            histtype="stepfilled",
            alpha=0.35 * shade + 0.15,
            color="#444",
            label=label,
        )
    right.set(xscale="log", xlabel="KL(teacher, student) of one digit, nats", ylabel="digits")
    right.set_title("What the student misses, softened by a temperature", loc="left", color=INK)
    right.legend(frameon=False, loc="upper left")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE / "distillation.png", dpi=110)


if __name__ == "__main__":
    main()
