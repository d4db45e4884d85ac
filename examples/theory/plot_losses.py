"""Draw slow.svg: how a sigmoid learns from squared error and from cross-entropy, starting far on the wrong side.

pip install fastent matplotlib
python examples/theory/plot_losses.py
"""

import numpy as np

from fastent import logits

START, RATE, STEPS = -6.0, 0.5, 200


def sigmoid(z: float | np.ndarray) -> np.ndarray:
    return logits.softmax(np.stack([z, np.zeros_like(z)], axis=-1))[..., 0]


def gradient(loss: str, z: float) -> float:
    """Of the loss by the logit z, for target 1."""
    if loss == "squared error":
        a = float(sigmoid(z))
        return (a - 1) * a * (1 - a)
    return float(logits.binary_cross_entropy(z, 1.0, return_grad=True)[1])


def learn(loss: str) -> np.ndarray:
    """The probability of the target during gradient descent."""
    path = [START]
    for _ in range(STEPS):
        path.append(path[-1] - RATE * gradient(loss, path[-1]))
    return sigmoid(np.array(path))


def main() -> None:
    from style import BLUE, RED, panels, save

    figure, (slope, course) = panels(2)
    z = np.linspace(-8, 8, 161)
    for loss, colour in (("cross-entropy", BLUE), ("squared error", RED)):
        slope.plot(z, [-gradient(loss, value) for value in z], color=colour, label=loss)
        course.plot(learn(loss), color=colour, label=loss)
    slope.set(xlabel="logit; the target is 1", ylabel="push towards the target", ylim=(0, 1.05))
    slope.set_title("Badly wrong, hardly pushed")
    slope.legend()
    course.set(xlabel="step", ylabel="probability of the target", ylim=(0, 1.05))
    course.set_title("The same start, the same rate")
    course.legend(loc="center right")
    save(figure, "slow")


if __name__ == "__main__":
    main()
