"""Measures of discrete samples: columns of labels, or the contingency tables that count them.

Here `entropy` takes labels and counts them; `fastent.entropy` takes the probabilities or counts themselves. Labels are
categories of any kind (see `fastent.encode`); arrays of uint8 or uint16 are counted as they are. In the formulas n is
the number of samples, n_ij those with level i of x and level j of y, and p = n_ij / n; logarithms are natural, and
results in nats unless `base` says otherwise.

A 2-D x holds one variable per column, and a measure against one y gives one value per column; of all pairs of columns
`mutual_information_matrix` gives any measure of two, `g_test_matrix` and `permutation_test_matrix` the p-values.

Sources: Shannon 1948; Cover & Thomas, Elements of Information Theory; others where used.
"""

from fastent._estimators import ESTIMATORS
from fastent.discrete.agreement import (
    adjusted_mutual_information,
    homogeneity_completeness_v_measure,
    normalized_mutual_information,
    purity,
    symmetric_uncertainty,
)
from fastent.discrete.counting import add_tables, contingency, counts
from fastent.discrete.estimated import entropy_of_counts
from fastent.discrete.information import (
    conditional_entropy,
    entropy,
    gain_ratio,
    information_gain,
    joint_entropy,
    mutual_information,
    variation_of_information,
)
from fastent.discrete.pairs import mutual_information_matrix
from fastent.discrete.pointwise import pmi
from fastent.discrete.several import conditional_mutual_information, interaction_information, total_correlation
from fastent.discrete.significance import g_test, g_test_matrix, permutation_test, permutation_test_matrix
from fastent.discrete.splits import BestSplit, best_split

__all__ = [
    "ESTIMATORS",
    "BestSplit",
    "add_tables",
    "adjusted_mutual_information",
    "best_split",
    "conditional_entropy",
    "conditional_mutual_information",
    "contingency",
    "counts",
    "entropy",
    "entropy_of_counts",
    "g_test",
    "g_test_matrix",
    "gain_ratio",
    "homogeneity_completeness_v_measure",
    "information_gain",
    "interaction_information",
    "joint_entropy",
    "mutual_information",
    "mutual_information_matrix",
    "normalized_mutual_information",
    "permutation_test",
    "permutation_test_matrix",
    "pmi",
    "purity",
    "symmetric_uncertainty",
    "total_correlation",
    "variation_of_information",
]
