"""Write wine.csv: the chemical analysis of 178 Italian wines of three cultivars, from scikit-learn's bundled data.

    python examples/wine/make_table.py

Source: M. Forina et al., PARVUS; UCI Machine Learning Repository (CC BY 4.0).
"""

import csv
from pathlib import Path

from sklearn.datasets import load_wine

wine = load_wine()
with open(Path(__file__).with_name("wine.csv"), "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*wine.feature_names, "cultivar"])
    for row, label in zip(wine.data.tolist(), wine.target.tolist(), strict=True):
        writer.writerow([*row, wine.target_names[label]])
