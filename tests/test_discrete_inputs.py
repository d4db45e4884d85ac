"""What the measures of labels are given: containers, options, masks, and the ends of the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from fastent import discrete as d
from fastent._estimators import ESTIMATORS, entropy_of_counts

LABELS = [0, 200, 200, 7]
CONTAINERS: list[Callable[[list[int]], Any]] = [
    list,
    lambda labels: [float(x) for x in labels],
    lambda labels: [str(x) for x in labels],
    *(lambda labels, dtype=dtype: np.array(labels, dtype) for dtype in ("u1", "u2", "i2", "i8", "f4")),
]


# ---- estimators ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_only_levels_that_occur_are_bins(estimator: str) -> None:
    h = entropy_of_counts(np.array([1, 1, 2]), estimator)
    table = [[1, 0], [1, 0], [0, 2]]
    mi = d.mutual_information(contingency=table, estimator=estimator)
    for container in CONTAINERS:
        x, y = container(LABELS), container([0, 1, 1, 0])
        np.testing.assert_equal(d.entropy(x, estimator=estimator), h)
        np.testing.assert_allclose(d.mutual_information(x, y, estimator=estimator), mi, rtol=1e-13, atol=1e-14)


def test_values_of_gaps() -> None:
    assert d.entropy(np.array(LABELS, "u1"), estimator="laplace") == pytest.approx(1.0790, abs=1e-4)
    got = d.mutual_information(np.array(LABELS, "u1"), [0, 1, 1, 0], estimator="laplace")
    assert got == pytest.approx(0.0764, abs=1e-4)


def test_levels_of_rows_left_out_are_no_bins() -> None:
    x, y = [0.0, 1.0, 1.0, 2.0, 5.0], [0.0, 1.0, 0.0, 1.0, math.nan]
    want = d.mutual_information(x[:4], y[:4], estimator="laplace")
    assert d.mutual_information(x, y, estimator="laplace", missing="omit") == want


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bins_that_are_not_listed(estimator: str) -> None:
    rows = np.array([[3, 1, 0, 4], [1, 1, 1, 1], [0, 0, 0, 9]])
    whole = entropy_of_counts(np.pad(rows, ((0, 0), (0, 5))), estimator)
    np.testing.assert_array_equal(entropy_of_counts(rows, estimator, bins=9), whole)
    table = np.zeros((4, 5), int)
    table[:3, :2] = [[5, 0], [2, 1], [0, 7]]
    want = d.mutual_information(contingency=table, estimator=estimator)
    got = d.mutual_information(contingency=scipy.sparse.csr_array(table), estimator=estimator)
    np.testing.assert_array_equal(got, want)


def test_bad_estimators_name_the_function() -> None:
    for bad in ("bayes", ["laplace"], None):
        with pytest.raises(ValueError, match=r"^entropy: estimator must be one of"):
            d.entropy([0, 1], estimator=bad)
        with pytest.raises(ValueError, match=r"^mutual_information: estimator must be one of"):
            d.mutual_information([0, 1], [0, 1], estimator=bad)
    with pytest.raises(ValueError, match=r"^mutual_information: contingency must be whole numbers"):
        d.mutual_information(contingency=[[0.5, 1], [1, 1]], estimator="laplace")
    with pytest.raises(ValueError, match=r"^entropy: weights of levels must be whole numbers"):
        d.entropy([0, 1], weights=[0.5, 1], estimator="laplace")


def test_tables_of_many_levels_take_little_memory() -> None:
    x, y = np.arange(100_000), np.arange(100_000) // 2
    for estimator in ("miller-madow", "laplace"):
        assert np.isfinite(d.mutual_information(x, y, estimator=estimator))
    assert d.mutual_information(x, y, estimator="miller-madow") == pytest.approx(
        d.mutual_information(x, y) + 49_999 / 200_000
    )
    with pytest.raises(
        ValueError, match=r"^pmi: the table of 100000 x 50000 levels is too large .*; pass contingency="
    ):
        d.pmi(x, y)
    one = d.pmi(contingency=scipy.sparse.coo_array(([1], ([0], [0])), shape=(100_000, 90_000)))
    assert one.nnz == 1 and one.shape == (100_000, 90_000)


# ---- options and operands ------------------------------------------------------------------------------------------

PAIRS = [
    d.mutual_information,
    d.conditional_entropy,
    d.normalized_mutual_information,
    d.adjusted_mutual_information,
    d.purity,
    d.g_test,
    d.permutation_test,
    d.contingency,
    d.pmi,
    d.best_split,
]


def test_missing_is_checked_for_integers_too() -> None:
    x = np.array([0, 1, 1, 0])
    for dtype in (np.uint8, np.int64):
        for f in PAIRS:
            with pytest.raises(ValueError, match=rf"^{f.__name__}: missing must be 'raise', .*, got 'banana'"):
                f(x.astype(dtype), x.astype(dtype), missing="banana")
        for f in (d.entropy, d.counts):
            with pytest.raises(ValueError, match=rf"^{f.__name__}: missing must be 'raise', .*, got 'banana'"):
                f(x.astype(dtype), missing="banana")
        for X in (x[:, None], np.zeros((1 << 16, 2))):
            with pytest.raises(ValueError, match=r"^mutual_information_matrix: missing must be"):
                d.mutual_information_matrix(X.astype(dtype), missing="banana")


def test_masks_are_not_dropped() -> None:
    y = [0, 1, 1, 0]
    masked = np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0])
    with pytest.raises(TypeError, match=r"^best_split: x must not be a masked array; pass x.filled\(np.nan\)"):
        d.best_split(masked, y)
    for f in (d.mutual_information, d.contingency, d.purity, d.pmi):
        with pytest.raises(TypeError, match=rf"^{f.__name__}: weights must not be a masked array"):
            f(y, y, weights=masked)
    for f in (d.mutual_information, d.purity, d.pmi, d.g_test):
        with pytest.raises(TypeError, match=rf"^{f.__name__}: contingency must not be a masked array"):
            f(contingency=masked.reshape(2, 2))


@pytest.mark.parametrize("bad", [[1, 1j], ["1", "2"], ["a", "b"], [1, None]])
def test_what_is_not_real_is_refused_by_name(bad: Any) -> None:
    for f in (d.entropy, d.counts):
        with pytest.raises(TypeError, match=rf"^{f.__name__}: weights must hold real numbers"):
            f([0, 1], weights=bad)
    with pytest.raises(TypeError, match=r"^mutual_information: contingency must hold real numbers"):
        d.mutual_information(contingency=[bad, bad])
    with pytest.raises(TypeError, match=r"^purity: contingency must be an array of numbers"):
        d.purity(contingency=[[1, 2], [1]])


@pytest.mark.parametrize("size", [1e308, 1e307, 1e-307, 5e-324])
def test_weights_at_the_ends_of_the_range(size: float) -> None:
    x, y, w = [0, 1, 1, 0], [0, 1, 0, 1], [size] * 4
    bit = pytest.approx(math.log(2), rel=1e-14)
    assert d.entropy(x, weights=w) == bit
    assert d.mutual_information(x, x, weights=w) == bit
    assert d.purity(x, y, weights=w) == 0.5
    assert d.conditional_mutual_information(x, x, y, weights=w) == bit
    assert d.total_correlation(np.c_[x, x], weights=w) == bit
    assert d.pmi(x, x, weights=w)[0, 0] == bit
    assert d.mutual_information_matrix(np.c_[x, y], weights=w)[0, 0] == bit


def test_tables_for_which_chance_is_not_defined() -> None:
    big = np.array([[6 * 10**18, 10**18], [10**18, 6 * 10**18]])
    for f in (d.g_test, d.adjusted_mutual_information):
        for table in (big, [[1e19, 1e18], [1e18, 1e19]], [[2.0**400, 2.0**399], [2.0**399, 2.0**400]]):
            for form in (np.asarray, scipy.sparse.csr_array):
                with pytest.raises(
                    ValueError, match=rf"^{f.__name__}: contingency must hold fewer than 2\*\*63 samples"
                ):
                    f(contingency=form(table))
        with pytest.raises(ValueError, match=rf"^{f.__name__}: contingency must hold whole counts"):
            f(contingency=[[1.5, 0.5], [0.5, 1.5]])
    assert d.g_test(contingency=[[2**61, 2**60], [2**60, 2**61]])[1] == 0


def test_columns_meet_the_same_shuffles() -> None:
    x = np.random.default_rng(0).integers(0, 2, 40).astype(float)
    y = np.random.default_rng(1).integers(0, 2, 40)
    x[3] = math.nan
    X = np.c_[x, x, x]
    for rng in (7, np.random.default_rng(7), np.random.SeedSequence(7), None):
        p = d.permutation_test(X, y, permutations=199, rng=rng, missing="omit")[1]
        assert p[0] == p[1] == p[2]


def test_options_of_permutation_test() -> None:
    for bad in (9.5, "9", True):
        with pytest.raises(TypeError, match=r"^permutation_test: permutations must be an integer, got"):
            d.permutation_test([0, 1], [0, 1], permutations=bad)
    assert d.permutation_test([0, 1], [0, 1], permutations=np.int64(9))[1] <= 1
    for bad, error in (("a", TypeError), (-1, ValueError)):
        with pytest.raises(error, match=r"^permutation_test: rng must be a seed .*, got"):
            d.permutation_test([0, 1], [0, 1], rng=bad)


def test_options_that_are_lists_texts_or_no_base() -> None:
    x = [0, 1, 1]
    for f in (d.normalized_mutual_information, d.adjusted_mutual_information):
        with pytest.raises(ValueError, match=rf"^{f.__name__}: average must be one of"):
            f(x, x, average=["min"])
    for metric in (["mi", "lift"], [["mi"]], None, 3, {"mi"}):
        with pytest.raises(ValueError, match=r"^mutual_information_matrix: metric must be one of mi, nmi, "):
            d.mutual_information_matrix(np.c_[x, x], metric=metric)
    with pytest.raises(ValueError, match=r"^mutual_information_matrix: metric must name at least one measure"):
        d.mutual_information_matrix(np.c_[x, x], metric=[])
    with pytest.raises(TypeError, match=r"^homogeneity_completeness_v_measure: beta must be a number, got '1'"):
        d.homogeneity_completeness_v_measure(x, x, beta="1")
    with pytest.raises(ValueError, match=r"^homogeneity_completeness_v_measure: beta must be .* finite, got inf"):
        d.homogeneity_completeness_v_measure(x, x, beta=math.inf)
    for kind in ("pmi", "npmi", "ppmi"):
        with pytest.raises(ValueError, match=r"^pmi: base must be a positive number other than 1"):
            d.pmi(x, x, kind=kind, base=1)
    for metric in ("mi", "nmi", "su"):
        with pytest.raises(ValueError, match=r"^mutual_information_matrix: base must be a positive number"):
            d.mutual_information_matrix(np.c_[x, x], metric=metric, base=1)


@pytest.mark.parametrize("small", [1e-6, 1e-10, 1e-16, 1e-30])
def test_a_weight_that_dominates_hides_no_other(small: float, isa: str) -> None:
    with localcontext(prec=60):
        share = Decimal(small) / (1 + Decimal(small))
        want = -(share * share.ln() + (1 - share) * (1 - share).ln())
    assert d.entropy([0, 1], weights=[1, small]) == pytest.approx(float(want), rel=1e-15)
