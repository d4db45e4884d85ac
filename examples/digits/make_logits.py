"""Make teacher_logits.npy and student_logits.npy: two classifiers of scikit-learn's handwritten digits, one weaker.

    pip install scikit-learn
    python examples/digits/make_logits.py

The teacher is a multinomial logistic regression on 600 features of the whole image, the student one on the mean
brightness of sixteen squares of 2 x 2 pixels. Every image is predicted by models that never saw it: ten stratified,
shuffled folds, fixed seeds. The last digits depend on the versions of scikit-learn and BLAS; the files beside this
script are the ones every figure in this project uses.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

HERE = Path(__file__).parent


def squares(images: np.ndarray) -> np.ndarray:
    """8 x 8 pixels as 4 x 4 means."""
    return images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    folds = StratifiedKFold(n_splits=10, shuffle=True, random_state=0)
    models = {
        "teacher": make_pipeline(
            MinMaxScaler(),
            Nystroem(gamma=0.08, n_components=600, random_state=0),
            LogisticRegression(C=300, max_iter=5000),
        ),
        "student": make_pipeline(FunctionTransformer(squares), MinMaxScaler(), LogisticRegression(C=30, max_iter=5000)),
    }
    for name, model in models.items():
        logits = cross_val_predict(model, images, labels, cv=folds, method="decision_function").astype(np.float32)
        print(f"{name}  accuracy {(logits.argmax(axis=1) == labels).mean():.2%}")
        np.save(HERE / f"{name}_logits.npy", logits)


if __name__ == "__main__":
    main()
