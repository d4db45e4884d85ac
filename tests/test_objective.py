"""The losses as objectives: what learns by their derivatives comes as far as with the libraries' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastent import logits

ROUNDS, RATE, DEPTH = 40, 0.1, 2


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_wine(return_X_y=True)
    return x, y


def newton_boosting(x: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, list[float]]:
    """Trees of least squares on -gradient/hessian, weighted by the hessian: each leaf is a Newton step."""
    from sklearn.tree import DecisionTreeRegressor

    z, course = np.log(np.bincount(y) / len(y)) * np.ones((len(y), 1)), []
    for _ in range(ROUNDS):
        loss, grad, hess = logits.cross_entropy(z, y, reduction="mean", return_grad=True, return_hess=True)
        course.append(float(loss))
        hess = np.maximum(hess, 1e-12 / len(y))
        for c in range(classes):
            tree = DecisionTreeRegressor(max_depth=DEPTH, random_state=0)
            tree.fit(x, -grad[:, c] / hess[:, c], sample_weight=hess[:, c])
            z[:, c] += RATE * tree.predict(x)
    return z, course


def test_newton_boosting(wine: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    x, y = wine
    z, course = newton_boosting(x, y, 3)
    assert (np.diff(course) < 0).all()
    theirs = GradientBoostingClassifier(n_estimators=ROUNDS, learning_rate=RATE, max_depth=DEPTH, random_state=0)
    loss = logits.cross_entropy(theirs.fit(x, y).decision_function(x), y, reduction="mean")
    assert course[-1] < 1.05 * loss < 0.1 * course[0]
    assert (z.argmax(-1) == y).all()


def test_gradient_descent_of_logistic_regression(wine: tuple[np.ndarray, np.ndarray]) -> None:
    """The derivatives lead to the minimum that scikit-learn finds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y = wine
    x = StandardScaler().fit_transform(x)
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x, y)

    def objective(w: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
        loss, grad = logits.cross_entropy(x @ w + b, y, reduction="sum", return_grad=True)
        return float(loss) + 0.5 * float((w * w).sum()), grad

    best, _ = objective(model.coef_.T, model.intercept_)
    w, b = np.zeros((x.shape[1], 3)), np.zeros(3)
    for _ in range(3000):
        _, grad = objective(w, b)
        w -= 0.01 * (x.T @ grad + w)
        b -= 0.01 * grad.sum(0)
    assert objective(w, b)[0] == pytest.approx(best, rel=1e-8)


def test_lightgbm(wine: tuple[np.ndarray, np.ndarray]) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    x, y = wine
    options: dict[str, Any] = {
        "n_estimators": ROUNDS,
        "num_leaves": 4,
        "min_child_samples": 5,
        "verbose": -1,
        "n_jobs": 1,
    }

    def objective(labels: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, grad, hess = logits.cross_entropy(z, labels.astype(int), return_grad=True, return_hess=True)
        return grad, hess * 3 / 2  # LightGBM's own factor, k / (k - 1)

    ours = lightgbm.LGBMClassifier(objective=objective, **options).fit(x, y)
    theirs = lightgbm.LGBMClassifier(objective="multiclass", boost_from_average=False, **options).fit(x, y)
    losses = [logits.cross_entropy(m.predict(x, raw_score=True), y, reduction="mean") for m in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] < 0.1
