"""Write breast_cancer.csv: 30 measurements of the cell nuclei of 569 biopsies, from scikit-learn's bundled data.

    python examples/breast_cancer/make_table.py
    fastent select breast_cancer.csv --target diagnosis -k 6 --criterion cmim --bins quantile:8 --plot selection.png

Source: W. Wolberg et al., Breast Cancer Wisconsin (Diagnostic); UCI Machine Learning Repository (CC BY 4.0).
"""

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
with open(Path(__file__).with_name("breast_cancer.csv"), "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*(name.replace(" ", "_") for name in data.feature_names), "diagnosis"])
    for row, label in zip(data.data.tolist(), data.target.tolist(), strict=True):
        writer.writerow([*row, data.target_names[label]])
