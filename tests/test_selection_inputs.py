"""What feature selection takes: masks, floats in every guise, tensors, edges, and one sentence for all else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fastent.feature_selection import (
    discretize,
    information_value,
    mutual_information_continuous,
    population_stability_index,
    select,
)

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 80)
LABELS = RNG.integers(0, 3, (80, 3))
FLOATS = RNG.standard_normal((80, 2)) + Y[:, None]
NONE = [[float(a), None if i == 5 else float(b)] for i, (a, b) in enumerate(FLOATS)]
WITH_NAN = np.array(NONE, float)


@pytest.mark.parametrize(
    "mask", [np.array([True, False, False]), [True, False, False], pd.Series([True, False, False])]
)
def test_masks_of_columns(mask: Any) -> None:
    assert 0 not in select(LABELS, Y, exclude=mask).indices
    assert select(LABELS, Y, 1, must_include=mask).indices.tolist() == [0]


def test_masked_arrays_are_refused() -> None:
    masked = np.ma.array(LABELS.astype(np.uint8), mask=LABELS == 2)
    sentence = r": X must not be a masked array; pass X.filled\(np.nan\), or integers as"
    with pytest.raises(TypeError, match="^select" + sentence):
        select(masked, Y)
    with pytest.raises(TypeError, match="^information_value" + sentence):
        information_value(masked, Y)
    with pytest.raises(TypeError, match="^discretize" + sentence):
        discretize(masked)


@pytest.mark.parametrize(
    "X",
    [
        NONE,
        np.array(NONE, object),
        pd.DataFrame({c: pd.arrays.SparseArray(WITH_NAN[:, c]) for c in (0, 1)}),
        pd.DataFrame(np.array(NONE, object)),
        pl.DataFrame(np.array(NONE, object)[:, :1].astype(float)).with_columns(
            b=pl.Series([row[1] for row in NONE], dtype=pl.Object)
        ),
    ],
    ids=["list", "objects", "sparse", "frame of objects", "polars"],
)
def test_floats_in_every_guise_are_cut(X: Any) -> None:
    want = select(WITH_NAN, Y, 2, bins="quantile:4", missing="level")
    found = select(X, Y, 2, bins="quantile:4", missing="level")
    assert found.indices.tolist() == want.indices.tolist()
    np.testing.assert_array_equal(found.scores, want.scores)
    with pytest.raises(TypeError, match=r"^select: X holds floating-point numbers"):
        select(X, Y, 2, missing="level")


def test_decimals_are_floats_and_labels_with_nan_are_not() -> None:
    exact = [Decimal(repr(round(float(v), 3))) for v in FLOATS[:, 0]]
    want = select(FLOATS[:, :1].round(3), Y, 1, bins="quantile:4").scores
    assert select(pl.DataFrame({"a": pl.Series(exact)}), Y, 1, bins="quantile:4").scores == want
    assert select([[v] for v in exact], Y, 1, bins="quantile:4").scores == want
    labels = LABELS[:, :1].astype(object)
    labels[3] = np.nan
    assert len(select(labels, Y, 1, missing="level")) == 1


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    want = select(FLOATS, Y, 2, bins="quantile:4")
    for tensor in (torch.tensor(FLOATS), torch.tensor(FLOATS, requires_grad=True)):
        assert select(tensor, torch.tensor(Y), 2, bins="quantile:4").scores.tolist() == want.scores.tolist()
        np.testing.assert_array_equal(discretize(tensor).codes, discretize(FLOATS).codes)
    assert discretize(torch.tensor(FLOATS).bfloat16()).codes.shape == (80, 2)
    assert select(torch.tensor(LABELS), Y, 1).scores == select(LABELS, Y, 1).scores


def test_continuous_targets_are_refused_in_every_guise() -> None:
    y = RNG.standard_normal(300)
    objects = np.array([*y[:-1], None], object)
    X = np.zeros((300, 1), int)
    for target in (y, y.tolist(), objects, pd.Series(y), pd.Series(objects), pl.Series(y), y.astype(np.float32)):
        with pytest.raises(ValueError, match=r"^select: y has (299|300) different labels; cut .* with discretize"):
            select(X, target, missing="omit")
    assert len(select(X, np.arange(300))) == 1


def test_given_edges_need_no_values() -> None:
    X = np.column_stack([FLOATS[:, 0], np.full(80, np.nan)])
    found = discretize(X, [0.0, 1.0, 2.0])
    assert found.codes[:, 1].tolist() == [2] * 80 and found.missing == [None, 2]
    assert population_stability_index(FLOATS, X).shape == (2,)
    with pytest.raises(ValueError, match="holds nothing but nan"):
        discretize(X, "quantile:3")


def test_mdlp_with_very_many_classes_and_samples_without_a_label() -> None:
    assert discretize(np.arange(700.0), "mdlp", np.arange(700)).edges[[0, -1]].tolist() == [0, 699]
    y = [int(v >= 40) for v in range(100)]
    x = np.arange(100.0)
    x = np.concatenate([x, np.linspace(10, 20, 60)])  # without labels
    found = select(x[:, None], [*y, *[None] * 60], 1, bins="mdlp", missing="omit")
    assert found.scores == select(x[:100, None], y, 1, bins="mdlp").scores
    with pytest.raises(ValueError, match="holds nothing but nan"):
        select([[np.nan], [np.nan], [1.0]], [0, 1, None], bins="mdlp", missing="omit")


@pytest.mark.parametrize("edges", [[[0.0, 1]], [[0.0, 1]] * 3, [[0.0, 1], 3]])
def test_edges_for_each_column(edges: Any) -> None:
    import scipy.sparse as sp

    for X in (FLOATS, pd.DataFrame(FLOATS), sp.csr_array(FLOATS), np.zeros((80, 2), int)):
        with pytest.raises(
            (ValueError, TypeError), match=r"^select: bins must (hold edges for each of the 2|be a str)"
        ):
            select(X, Y, bins=edges)


def test_huge_weights() -> None:
    weights = np.full(80, 1e307)
    for criterion in ("jmi", "mrmr"):
        want = select(LABELS, Y, criterion=criterion, sample_weight=weights)
        found = select(LABELS, Y, criterion=criterion, sample_weight=weights, lazy=True)
        assert found.indices.tolist() == want.indices.tolist() and len(found) == 3


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"exclude": [True]},
            ValueError,
            r"exclude must be names or .*, or a mask .* the 3 columns of X, got a mask of 1",
        ),
        ({"exclude": [True, 1, 2]}, TypeError, "exclude must hold names or numbers of columns, got True"),
        ({"must_include": {0}}, TypeError, "must_include must be names or numbers of columns in a list, got {0}"),
        ({"must_include": [[0]]}, TypeError, "must_include must hold names or numbers"),
        ({"exclude": [0, 1, 2]}, ValueError, "exclude must leave a column"),
        (
            {"k": 1, "must_include": [0, 1]},
            ValueError,
            "k must be between 2 and 3 .*, got 1; those in must_include take 2",
        ),
        ({"bins": "foo"}, ValueError, "bins must be 'quantile:K'"),
        ({"min_gain": "0.1"}, TypeError, "min_gain must be a number, got '0.1'"),
        ({"min_gain": np.nan}, ValueError, "min_gain must be a number, got nan"),
        ({"max_p_value": "x"}, TypeError, "max_p_value must be a number, got 'x'"),
        ({"beta": "a"}, TypeError, "beta must be a number, got 'a'"),
        ({"beta": np.inf}, ValueError, "beta must be finite, got inf"),
        ({"criterion": ["jmi"]}, TypeError, r"criterion must be a name, one of mim.* got \['jmi'\]"),
        ({"sample_weight": "w"}, TypeError, "sample_weight must hold real numbers"),
        ({"sample_weight": np.ones(80, complex)}, TypeError, "sample_weight must hold real numbers"),
        ({"sample_weight": -np.ones(80)}, ValueError, "sample_weight must be finite and at least 0"),
        ({"X": None}, TypeError, "X must be labels or numbers .* got None"),
        ({"y": None}, TypeError, "y must be labels of the target, .* got None"),
        ({"X": [[1, 2], [3]], "y": [0, 1]}, ValueError, "X must have shape .* rows of different lengths"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_refusals(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^select: " + message):
        select(**{"X": LABELS, "y": Y} | changed)


def test_targets_of_several_kinds_and_floats_among_objects() -> None:
    y = FLOATS[:, 0] + RNG.standard_normal(80)
    y_none = [None, *y[1:].tolist()]
    want = mutual_information_continuous(FLOATS, [np.nan, *y[1:]])
    assert want[0] > 0
    for target in (y_none, np.array(y_none, object), pd.Series(y_none, dtype=object), pl.Series(y_none)):
        np.testing.assert_array_equal(mutual_information_continuous(FLOATS, target), want)
    single = [mutual_information_continuous(FLOATS, one) for one in (y, Y)]
    for frame in (
        pd.DataFrame({"a": y, "b": Y}),
        pl.DataFrame({"a": y, "b": Y}),
        np.array([list(pair) for pair in zip(y.tolist(), map(str, Y), strict=True)], object),
    ):
        np.testing.assert_array_equal(mutual_information_continuous(FLOATS, frame), np.stack(single, axis=-1))
    assert mutual_information_continuous(FLOATS[:, 0], pd.DataFrame({"a": y, "b": Y})).shape == (2,)


def test_stability_matches_columns_by_name_and_takes_each_for_what_it_is() -> None:
    a, b, n = FLOATS[:, 0], FLOATS[:, 1] + 3, LABELS[:, 0]
    new = pd.DataFrame({"a": a + 1, "b": b, "n": n[::-1]})
    for old in (pd.DataFrame({"a": a, "b": b, "n": n}), pl.DataFrame({"n": n, "b": b, "a": a})):
        found = dict(zip(old.columns, population_stability_index(old, new), strict=True))
        assert found["b"] == found["n"] == 0 < found["a"]
    codes = np.where(n == 2, 1000, n)
    frame = pd.DataFrame({"n": codes, "a": a})
    want = population_stability_index(codes[:, None], codes[:40, None])
    assert population_stability_index(frame, frame[:40], bins="quantile:2")[0] == want[0]
    with pytest.raises(ValueError, match=r"must have columns of the same names, got \['n', 'a'\] and \['n', 'z'\]"):
        population_stability_index(frame, frame.rename(columns={"a": "z"}))


def test_weights_of_the_information_value() -> None:
    with pytest.raises(ValueError, match=r"^information_value: sample_weight must not be zero for every sample"):
        information_value(LABELS, Y, sample_weight=np.zeros(80))
    with pytest.raises(ValueError, match=r"^information_value: .* for all samples of a label while smoothing is 0"):
        information_value(LABELS, Y, sample_weight=Y, smoothing=0)
    found = information_value(LABELS, Y, sample_weight=np.full(80, 1e307), smoothing=0)
    np.testing.assert_allclose(found, information_value(LABELS, Y, smoothing=0), rtol=1e-12)
    with pytest.raises(TypeError, match=r"^information_value: smoothing must be a number, got 'a'"):
        information_value(LABELS, Y, smoothing="a")  # type: ignore[arg-type]


@pytest.mark.parametrize("criterion", ["jmi", "jmim", "njmim", "disr"])
def test_the_least_gain_is_of_what_a_column_adds(criterion: str) -> None:
    y = np.arange(400) % 4
    X = np.column_stack([y // 2, y % 2, y // 2, RNG.integers(0, 2, 400)])
    for weights in (None, RNG.random(400)):
        found = select(X, y, None, criterion, min_gain=0.01, sample_weight=weights)
        assert sorted(found.indices.tolist()) == [0, 1] and found.stopped == "min_gain"
    assert select(X, y, None, criterion, min_gain=0.7).stopped == "min_gain"
    assert len(select(X, y, None, criterion, min_gain=0.0)) == 4
    labels = X.astype(object)
    labels[::5, 0] = None
    assert len(select(labels, y, None, criterion, min_gain=0.01, missing="omit")) == 2
