"""Make probabilities.npy and labels.npy: cross-validated class probabilities of scikit-learn's handwritten digits.

    pip install scikit-learn
    python examples/digits/make_probabilities.py

Every image is predicted by a model that never saw it: ten stratified, shuffled folds, fixed seeds. The model is a
kernel logistic regression (RBF features, then a multinomial logistic regression), chosen because it is trained on the
log loss itself and therefore needs no calibration afterwards; gamma and C are the best by log loss of a handful tried
on these same folds. The last digits of the probabilities depend on the versions of scikit-learn and BLAS; the files
beside this script are the ones every figure in this project uses.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

HERE = Path(__file__).parent


def calibration_error(probability: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by the size of each bin."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    gap = np.bincount(which, probability - correct, bins)
    return float(np.abs(gap).sum() / len(probability))


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    model = make_pipeline(
        MinMaxScaler(),
        Nystroem(gamma=0.08, n_components=600, random_state=0),
        LogisticRegression(C=300, max_iter=5000),
    )
    folds = StratifiedKFold(n_splits=10, shuffle=True, random_state=0)
    probabilities = cross_val_predict(model, images, labels, cv=folds, method="predict_proba")

    correct = probabilities.argmax(axis=1) == labels
    print(f"accuracy           {correct.mean():.2%} ({np.count_nonzero(~correct)} of {len(labels)} wrong)")
    print(f"log loss           {log_loss(labels, probabilities):.4f} nats")
    print(f"calibration error  {calibration_error(probabilities.max(axis=1), correct):.2%}")

    probabilities = probabilities.astype(np.float32)
    print(f"row sums           1 within {np.abs(probabilities.sum(axis=1, dtype=float) - 1).max():.0e}")
    np.save(HERE / "probabilities.npy", probabilities)
    np.save(HERE / "labels.npy", labels.astype(np.uint8))


if __name__ == "__main__":
    main()
