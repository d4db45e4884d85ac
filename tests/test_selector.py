"""InformationSelector among scikit-learn's own, floating-point columns in select, scorecards and pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scripts import run
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastent.feature_selection import (
    InformationSelector,
    discretize,
    information_value,
    population_stability_index,
    select,
)

CANCER = load_breast_cancer(as_frame=True)


@parametrize_with_checks([InformationSelector(), InformationSelector("cmim", 2, bins="uniform:5", lazy=True)])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    script = """
import sys
import fastent
assert "fastent.feature_selection" not in sys.modules
from fastent.feature_selection import select
select([[0, 1], [1, 1]], [0, 1], 1)
assert "sklearn" not in sys.modules and "matplotlib" not in sys.modules and "scipy" not in sys.modules
from fastent.feature_selection import InformationSelector
assert "sklearn" in sys.modules
"""
    run(script)


def test_frames_keep_their_names() -> None:
    X, y = CANCER.data, CANCER.target
    want = select(X, y, 5, "mrmr", bins="quantile:16", missing="level")
    fitted = InformationSelector("mrmr", 5).fit(X, y)
    assert fitted.selection_.indices.tolist() == want.indices.tolist()
    names = [name for name in X.columns if name in want.names]
    assert fitted.get_feature_names_out().tolist() == names
    assert fitted.get_support(indices=True).tolist() == sorted(want.indices.tolist())
    out = InformationSelector("mrmr", 5).set_output(transform="pandas").fit_transform(X, y)
    assert isinstance(out, pd.DataFrame) and list(out.columns) == names
    pd.testing.assert_frame_equal(out, X[names])
    frame = pl.DataFrame(X.to_numpy(), schema=list(X.columns))
    again = InformationSelector("mrmr", 5).set_output(transform="polars").fit_transform(frame, y.to_numpy())
    assert isinstance(again, pl.DataFrame) and again.columns == names
    np.testing.assert_array_equal(again.to_numpy(), X[names].to_numpy())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_several_types_are_read_column_by_column(library: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    columns = {
        "noise": rng.standard_normal(300),
        "kind": np.array(["oak", "elm", "ash"], object)[y + rng.integers(0, 2, 300)],
        "many": rng.integers(0, 40, 300),
    }
    X = pd.DataFrame(columns) if library == "pandas" else pl.DataFrame(columns)
    want = select(X, y, 3, "mim", bins="quantile:16")
    found = InformationSelector("mim", 3).fit(X, y)
    assert found.selection_.names == want.names and want.names[0] == "kind"
    np.testing.assert_array_equal(found.scores_, want.relevances)
    numbers = X[["noise", "many"]]
    np.testing.assert_array_equal(InformationSelector("mim", 2).fit(numbers, y).scores_, want.relevances[[0, 2]])


def test_in_a_pipeline_and_a_search() -> None:
    X, y = CANCER.data, CANCER.target
    search = GridSearchCV(
        make_pipeline(InformationSelector(), LogisticRegression(solver="liblinear")),
        {"informationselector__k": [1, 6], "informationselector__criterion": ["cmim", "mrmr"]},
        cv=2,
    )
    search.fit(X, y)
    assert search.best_params_["informationselector__k"] == 6 and search.best_score_ > 0.9


def test_fewer_features_than_k_and_continuous_targets() -> None:
    X = np.arange(12.0).reshape(6, 2)
    with pytest.warns(UserWarning, match="k=10 is larger than the 2 features"):
        assert InformationSelector().fit_transform(X, [0, 1, 0, 1, 0, 1]).shape == (6, 2)
    with pytest.raises(ValueError, match="continuous"):
        InformationSelector(k=1).fit(X, np.linspace(0, 1, 6))


# ---- floating-point columns in select ------------------------------------------------------------------------------


def test_floats_are_selected_as_their_bins() -> None:
    X, y = CANCER.data.to_numpy(), CANCER.target.to_numpy()
    for bins in ("quantile:8", "uniform:8", "mdlp"):
        codes = discretize(X, bins, y).codes
        want, found = select(codes, y, 6), select(X, y, 6, bins=bins)
        assert found.indices.tolist() == want.indices.tolist()
        np.testing.assert_array_equal(found.scores, want.scores)
    mixed = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical.from_codes(y, ["a", "b"]), "n": y * 3})
    assert select(mixed, y, 2, "mim", bins="quantile:4").names == ["kind", "n"]


def test_nan_as_a_level_or_left_out() -> None:
    X, y = CANCER.data.to_numpy()[:, :6].copy(), CANCER.target.to_numpy()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    codes, _, missing = discretize(X, "quantile:8")
    labels = codes.astype(object)
    labels[codes == np.array(missing)] = None
    for way in ("level", "omit"):
        found, want = select(X, y, 4, bins="quantile:8", missing=way), select(labels, y, 4, missing=way)
        assert found.indices.tolist() == want.indices.tolist()
        np.testing.assert_array_equal(found.scores, want.scores)
    with pytest.raises(ValueError, match=r"^select: X is nan in column 0, row"):
        select(X, y, 4, bins="quantile:8")
    X[:, 3] = np.nan
    with pytest.raises(ValueError, match=r"^select: column 3 of X holds nothing but nan"):
        select(X, y, 4, bins="quantile:8", missing="omit")


def test_a_selection_is_drawn() -> None:
    import matplotlib

    with matplotlib.rc_context({"backend": "agg"}):
        found = select(CANCER.data, CANCER.target, 4, bins="quantile:8")
        ax = found.plot()
        assert [t.get_text() for t in ax.get_yticklabels()] == [f"{n}  {i + 1}" for i, n in enumerate(found.names)]
        assert [p.get_width() for p in ax.patches] == found.relevance.tolist()
        assert found.plot(ax) is ax
        matplotlib.pyplot.close(ax.figure)


# ---- scorecards ----------------------------------------------------------------------------------------------------


def divergence(p: list[float], q: list[float]) -> float:
    """Kullback & Leibler 1951: sum (p - q) ln(p / q) of the shares."""
    if any((a == 0) != (b == 0) for a, b in zip(p, q, strict=True)):
        return math.inf
    return math.fsum(
        (a / sum(p) - b / sum(q)) * math.log((a / sum(p)) / (b / sum(q))) for a, b in zip(p, q, strict=True)
    )


def test_information_value() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    X = np.stack([rng.integers(0, 5, 300), (y + rng.integers(0, 3, 300)) % 4], axis=1).astype(np.uint8)
    for added in (0.0, 0.5, 2.0):
        found = information_value(X, np.array(["no", "yes"])[y], smoothing=added)
        for c in range(2):
            counts = [
                [float(((X[:, c] == v) & (y == t)).sum()) + added for v in range(X[:, c].max() + 1)] for t in (0, 1)
            ]
            assert found[c] == pytest.approx(divergence(*counts), rel=1e-13)
    assert information_value(X, y)[0] == information_value(X, y, smoothing=0.5)[0]
    w = rng.integers(1, 4, 300)
    repeated = information_value(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(information_value(X, y, sample_weight=w), repeated, rtol=1e-13)
    assert information_value([[0], [1]], [0, 1], smoothing=0).tolist() == [np.inf]
    floats = X + 0.25
    np.testing.assert_array_equal(
        information_value(floats, y, bins="uniform:3"), information_value(discretize(floats, "uniform:3").codes, y)
    )
    for y_wrong, options, message in (
        (rng.integers(0, 3, 300), {}, "must have two different labels, got 3"),
        (y, {"smoothing": -1}, "smoothing must be finite and at least 0, got -1"),
        (y, {"missing": "?"}, "missing must be"),
    ):
        with pytest.raises(ValueError, match=f"^information_value: .*{message}"):
            information_value(X, y_wrong, **options)


def test_population_stability_index() -> None:
    rng = np.random.default_rng(1)
    X, X_new = rng.standard_normal((400, 3)), rng.standard_normal((250, 3)) + np.array([0, 0.5, 3])
    found = population_stability_index(X, X_new, bins="quantile:5")
    assert found[0] < 0.1 < found[1] < found[2]
    edges = discretize(X, "quantile:5").edges
    for c in range(3):
        sides = [np.bincount(np.digitize(side[:, c], edges[c][1:-1]), minlength=5) + 0.5 for side in (X, X_new)]
        assert found[c] == pytest.approx(divergence(*(side.tolist() for side in sides)), rel=1e-13)
    assert population_stability_index(X, X).tolist() == [0, 0, 0]
    codes = rng.integers(0, 4, (100, 2))
    shifted = population_stability_index(codes, codes[:50] + np.array([0, 9]), smoothing=0)
    assert shifted[1] == np.inf > shifted[0]
    with pytest.raises(
        ValueError, match=r"^population_stability_index: .*as many columns, got \(400, 3\) and \(250, 2\)"
    ):
        population_stability_index(X, X_new[:, :2])
    with pytest.raises(ValueError, match=r"^population_stability_index: there are no samples in X_new"):
        population_stability_index(X, X_new[:0])
    with pytest.raises(TypeError, match=r"^population_stability_index: X and X_new must hold numbers"):
        population_stability_index([["a"]], [["b"]])
