"""Greedy selection: against its definition, lazy against eager, and every way to count the same numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import oracle_discrete
import pytest
from oracle_selection import SCORES, Oracle

from fastent import _threads
from fastent._select import engine
from fastent._select.terms import logarithms, scale_for
from fastent.feature_selection import Selection, _counting, select
from fastent.feature_selection._criteria import NAMES, criteria

LAZY = tuple(name for name, one in criteria(1.0, 1.0).items() if one.limit is not None)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are cut into pieces however small they are."""
    monkeypatch.setattr(_threads, "SERIAL_ENTRIES", 0)


def sample(
    seed: int, rows: int = 60, levels: tuple[int, ...] = (2, 2, 3, 4, 2, 5, 1, 3), classes: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Columns that tell something about the target, copies of each other in part, and noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    X = np.empty((rows, len(levels)), np.uint8)
    for c, k in enumerate(levels):
        told = (y * (c + 1)) % k
        X[:, c] = np.where(rng.random(rows) < 0.15 * (c % 5), told, rng.integers(0, k, rows))
        if c >= 2 and c % 3 == 2 and levels[c] >= levels[c - 1]:
            X[:, c] = np.where(rng.random(rows) < 0.7, X[:, c - 1], X[:, c])
    return X, y


def as_lists(X: np.ndarray) -> list[list[Any]]:
    return [column.tolist() for column in X.T]


@functools.cache
def exact_of(seed: int, criterion: str) -> tuple[Oracle, list[int]]:
    X, y = sample(seed)
    oracle = Oracle(as_lists(X), y.tolist())
    return oracle, oracle.select(criterion, X.shape[1])


def exact_order(key: object, compute: Callable[[], list[int]], known: dict[object, list[int]] = {}) -> list[int]:  # noqa: B006
    """What an oracle selects, once for all instruction sets."""
    if key not in known:
        known[key] = compute()
    return known[key]


def check(found: Selection, oracle: Oracle, criterion: str, want: list[int], exact: float = 1e-14) -> None:
    assert found.indices.tolist() == want
    scores = oracle.scores(criterion, want)
    np.testing.assert_allclose(found.scores, scores, rtol=exact, atol=exact)
    np.testing.assert_allclose(found.relevance, [float(oracle.mi(x)) for x in want], rtol=exact, atol=exact)
    redundancy = [float(sum(oracle.between(x, w) for w in want[:i]) / i) if i else 0.0 for i, x in enumerate(want)]
    np.testing.assert_allclose(found.redundancy, redundancy, rtol=exact, atol=exact)


# ---- against the definition ----------------------------------------------------------------------------------------


def test_the_oracle_knows_every_criterion() -> None:
    assert set(SCORES) == set(NAMES)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("criterion", NAMES)
def test_definition(criterion: str, threads: None) -> None:
    for seed in range(2):
        X, y = sample(seed)
        found = select(X, y, X.shape[1] if criterion != "fcbf" else None, criterion)
        check(found, exact_of(seed, criterion)[0], criterion, exact_of(seed, criterion)[1])


@pytest.mark.parametrize("criterion", ["mifs", "betagamma"])
def test_weights_of_redundancy(criterion: str) -> None:
    X, y = sample(7)
    found = select(X, y, 6, criterion, beta=0.3, gamma=0.75)
    oracle = Oracle(as_lists(X), y.tolist(), None, 0.3, 0.75)
    check(found, oracle, criterion, oracle.select(criterion, 6))


@pytest.mark.parametrize("criterion", NAMES)
def test_weighted_samples(criterion: str) -> None:
    X, y = sample(4, rows=40)
    w = np.random.default_rng(1).integers(0, 9, len(y)) / 4
    found = select(X, y, None, criterion, sample_weight=w)
    oracle = Oracle(as_lists(X), y.tolist(), w.tolist())
    check(found, oracle, criterion, oracle.select(criterion, X.shape[1]), exact=1e-12)
    ones = select(X, y, None, criterion, sample_weight=np.ones(len(y)))
    assert ones.indices.tolist() == select(X, y, None, criterion).indices.tolist()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("criterion", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_labels_are_left_out_of_pairs(criterion: str, weighted: bool) -> None:
    X, y = sample(5, 30, (2, 2, 3, 4, 3))
    labels = X.astype(object)
    holes = np.random.default_rng(2).random(X.shape) < 0.2
    holes[:, [0, 3]] = False
    labels[holes] = None
    w = np.random.default_rng(3).integers(1, 5, len(y)).astype(float) if weighted else None
    found = select(labels, y, None, criterion, missing="omit", sample_weight=w)
    oracle = Oracle(as_lists(labels), y.tolist(), None if w is None else w.tolist())
    want = exact_order((criterion, weighted), lambda: oracle.select(criterion, X.shape[1]))
    check(found, oracle, criterion, want, exact=1e-12 if weighted else 1e-14)
    if criterion in LAZY:
        again = select(labels, y, None, criterion, missing="omit", sample_weight=w, lazy=True)
        assert again.indices.tolist() == found.indices.tolist()


def test_missing_labels_as_a_level_and_in_the_target() -> None:
    X, y = sample(6)
    labels = X.astype(object)
    labels[np.random.default_rng(2).random(X.shape) < 0.2] = None
    filled = np.where(np.equal(labels, None), 9, labels).astype(int)
    assert select(labels, y, 5, missing="level").indices.tolist() == select(filled, y, 5).indices.tolist()
    target = y.astype(object)
    target[::7] = None
    kept = np.arange(len(y)) % 7 != 0
    left_out = select(X, target, 5, missing="omit")
    np.testing.assert_array_equal(left_out.scores, select(X[kept], y[kept], 5).scores)
    with pytest.raises(ValueError, match=r"^select: y has a missing label"):
        select(X, target, 5)
    with pytest.raises(ValueError, match=r"^select: X has a missing label"):
        select(labels, y, 5)


# ---- every way to the same numbers ---------------------------------------------------------------------------------


def equal(a: Selection, b: Selection) -> None:
    for name in ("indices", "scores", "relevance", "redundancy", "relevances"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("criterion", LAZY)
def test_lazy_is_eager(criterion: str, threads: None) -> None:
    for seed, columns in ((0, 40), (1, 90)):
        rng = np.random.default_rng(seed)
        X, y = sample(seed, 200, tuple(rng.integers(1, 5, columns)))
        X[:, 3:9] = X[:, 11:17]  # ties
        eager = select(X, y, 12 if criterion != "fcbf" else None, criterion)
        lazy = select(X, y, 12 if criterion != "fcbf" else None, criterion, lazy=True)
        equal(eager, lazy)


@pytest.mark.parametrize("criterion", ["mifs", "mrmr", "cmim", "icap", "fcbf"])
def test_lazy_counts_less(criterion: str) -> None:
    X, y = sample(2, 500, (2,) * 2000)
    eager, lazy = (select(X, y, 10, criterion, lazy=lazy) for lazy in (False, True))
    equal(eager, lazy)
    assert lazy.counted.sum() < eager.counted.sum() / 2


@pytest.mark.parametrize("criterion", ["jmi", "mrmr", "cmi", "fcbf"])
def test_workers_layouts_and_dtypes(criterion: str, threads: None) -> None:
    X, y = sample(3, 300, tuple(np.random.default_rng(3).integers(1, 7, 19)))
    want = select(np.ascontiguousarray(X), y, None, criterion, workers=1)
    for workers in (2, 3):
        equal(want, select(X, y, None, criterion, workers=workers))
    for other in (
        np.asfortranarray(X), X.astype(np.uint16), X.astype(np.int64), np.repeat(X, 2, axis=1)[:, ::2],
        np.asfortranarray(X[::-1, ::-1])[::-1, ::-1],
    ):  # fmt: skip
        equal(want, select(other, y, None, criterion, workers=2))
    equal(want, select(X, np.array(["c", "a", "b"])[y], None, criterion))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize("criterion", ["jmi", "betagamma", "cmi"])
def test_ways_to_count(criterion: str, with_missing: bool, monkeypatch: pytest.MonkeyPatch, threads: None) -> None:
    """Planes, tables and strata: the same integers, so the same bits."""
    X, y = sample(8, 400, (2, 3, 17, 5, 30, 4, 9, 16, 2, 2, 12, 8))
    labels = X.astype(object)
    if with_missing:
        labels[np.random.default_rng(1).random(X.shape) < 0.1] = None
    found = {}
    for name, cost, cells in (("planes", 0.0, 1 << 16), ("tables", 1e9, 1 << 16), ("strata", 1e9, 0)):
        monkeypatch.setitem(engine.PLANE_CYCLES, engine.isa(), cost)
        if cells == 0:
            monkeypatch.setattr(_counting, "table_fits", lambda cells: cells < 0)
        found[name] = select(labels, y, None, criterion, missing="omit")
    equal(found["planes"], found["tables"])
    equal(found["planes"], found["strata"])


@pytest.mark.usefixtures("isa")
def test_many_levels(threads: None) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 3000)
    X = np.stack(
        [rng.integers(0, 900, 3000), y * 300 + rng.integers(0, 200, 3000), rng.integers(0, 60000, 3000)], axis=1
    )
    found = select(X, y, 3, "jmi")
    oracle = Oracle(as_lists(X), y.tolist())
    assert found.indices.tolist() == oracle.select("jmi", 3)
    np.testing.assert_allclose(found.scores, oracle.scores("jmi", found.indices.tolist()), rtol=1e-13)


def test_permuted_columns_permute_the_result() -> None:
    X, y = sample(11, 5000, tuple(np.random.default_rng(5).integers(2, 6, 30)))
    order = np.random.default_rng(6).permutation(30)
    for criterion in NAMES:
        k = None if criterion == "fcbf" else 12
        a, b = select(X, y, k, criterion), select(X[:, order], y, k, criterion)
        told = int((a.scores != 0).sum())  # columns that tell nothing more are all alike
        assert a.indices[:told].tolist() == order[b.indices][:told].tolist()
        np.testing.assert_array_equal(a.scores, b.scores)


@pytest.mark.parametrize("criterion", NAMES)
def test_ties_go_to_the_lowest_index_whatever_levels_are_called(criterion: str) -> None:
    X, y = sample(12, 400, (4,) * 6)
    renamed = np.array([2, 0, 3, 1], np.uint8)[X]
    for left, right in ((X, renamed), (renamed, X)):
        found = select(np.concatenate([left, right], axis=1), y, None if criterion == "fcbf" else 6, criterion)
        lows = [i for i in found.indices.tolist() if i >= 6]
        for i in lows:
            assert i - 6 in found.indices.tolist()[: found.indices.tolist().index(i)]


# ---- the arithmetic ------------------------------------------------------------------------------------------------


def test_logarithms_are_exact_to_a_unit() -> None:
    logs = logarithms()
    for c in (1, 2, 3, 10, 255, 256, 257, 1000, 12345, 32768, 65535):
        assert abs(int(logs[c]) - oracle_discrete.mp.ln(c) * 2**58) <= 1


@pytest.mark.parametrize("samples", [2, 3, 100, 65535, 65536, 10**6, 10**9, 2**32 - 1])
def test_sums_fit(samples: int) -> None:
    largest = samples * np.log(samples) * 2.0 ** scale_for(samples)
    assert largest < 2**61


@pytest.mark.usefixtures("isa")
def test_large_counts() -> None:
    """Beyond the table of logarithms, as exact."""
    rng = np.random.default_rng(4)
    n = 100_000
    y = rng.integers(0, 2, n).astype(np.uint8)
    X = np.stack([rng.random(n) < 0.5, (rng.random(n) < 0.3) | y.astype(bool), y ^ (rng.random(n) < 0.4)], axis=1)
    oracle = Oracle(as_lists(X.astype(np.uint8)), y.tolist())
    found = select(X, y, 3, "jmi")
    assert found.indices.tolist() == oracle.select("jmi", 3)
    np.testing.assert_allclose(found.scores, oracle.scores("jmi", found.indices.tolist()), rtol=1e-14, atol=1e-15)


@pytest.mark.usefixtures("isa")
def test_independence_is_exactly_zero() -> None:
    grid = np.indices((6, 7, 3)).reshape(3, -1)
    for times in (1, 37, 700):
        x, w, y = (np.tile(row, times).astype(np.uint8) for row in grid)
        found = select(np.stack([x, w], axis=1), y, 2, "cmim")
        assert found.relevances.tolist() == [0, 0] and found.scores.tolist() == [0, 0]
        assert found.redundancy.tolist() == [0, 0]


# ---- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", NAMES)
def test_forced_and_banned_columns(criterion: str) -> None:
    X, y = sample(9)
    oracle = Oracle(as_lists(X), y.tolist())
    found = select(X, y, 6 if criterion != "fcbf" else None, criterion, must_include=[5, 2], exclude=[0, -1])
    check(found, oracle, criterion, oracle.select(criterion, 6, forced=[5, 2], banned=[0, 7]))
    if criterion in LAZY:
        k = 6 if criterion != "fcbf" else None
        equal(found, select(X, y, k, criterion, must_include=[5, 2], exclude=[0, -1], lazy=True))


@pytest.mark.parametrize("criterion", [n for n in NAMES if n != "fcbf"])
def test_continuing(criterion: str) -> None:
    X, y = sample(10, 300, tuple(np.random.default_rng(5).integers(2, 6, 30)))
    whole = select(X, y, 12, criterion)
    for lazy in (False, True) if criterion in LAZY else (False,):
        part = select(X, y, 5, criterion, lazy=lazy)
        equal(whole, select(X, y, 12, criterion, continue_from=part, lazy=lazy))
        equal(whole, select(X, y, 12, criterion, continue_from=part))
        equal(part, select(X, y, 5, criterion, continue_from=part))


def test_stop_rules() -> None:
    X, y = sample(13, 400)
    whole = select(X, y, None, "cmim")
    assert whole.stopped == "k" and len(whole) == X.shape[1]
    limit = float(whole.scores[3])
    found = select(X, y, None, "cmim", min_gain=limit)
    assert found.stopped == "min_gain" and found.scores.min() >= limit and len(found) >= 4
    assert select(X, y, None, "fcbf").stopped == "exhausted"
    tested = select(X, y, None, "cmim", max_p_value=0.01)
    assert tested.stopped == "max_p_value" and len(tested) < X.shape[1]
    assert tested.p_values is not None and (tested.p_values <= 0.01).all()
    forced = select(X, y, None, "cmim", max_p_value=0.0, must_include=[6])
    assert forced.indices.tolist() == [6]


def test_p_values_are_those_of_the_g_test() -> None:
    from scipy.stats import chi2

    X, y = sample(14, 400, (2, 3, 4, 2))
    found = select(X, y, 3, "jmi", max_p_value=1.0)
    oracle = Oracle(as_lists(X), y.tolist())
    assert found.p_values is not None
    for i, x in enumerate(found.indices.tolist()):
        levels = len(np.unique(X[:, x]))
        tests = [chi2.sf(2 * len(y) * float(oracle.mi(x)), (levels - 1) * 2)]
        for w in found.indices[:i].tolist():
            freedom = sum(
                (len(np.unique(X[X[:, w] == v, x])) - 1) * (len(np.unique(y[X[:, w] == v])) - 1)
                for v in np.unique(X[:, w])
            )
            tests.append(chi2.sf(2 * len(y) * float(oracle.given(x, w)), freedom))
        assert found.p_values[i] == pytest.approx(max(tests), rel=1e-9, abs=1e-300)


def test_inputs_stay_as_they_are() -> None:
    X, y = sample(15)
    w = np.ones(len(y))
    before = X.copy(), y.copy(), w.copy()
    X.flags.writeable = y.flags.writeable = w.flags.writeable = False
    select(X, y, 3, "cmi")
    select(X, y, 3, "jmi", sample_weight=w)
    for now, then in zip((X, y, w), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_names_and_the_table_of_steps() -> None:
    import pandas as pd
    import polars as pl

    X, y = sample(16, 200, (2, 3, 4, 5))
    names = ["a", "b", "c", "d"]
    want = select(X, y, 3, "mrmr", names=names)
    assert want.names == [names[i] for i in want.indices]
    steps = want.steps
    assert steps["name"].tolist() == want.names and steps["step"].tolist() == [1, 2, 3]
    assert steps["score"].tolist() == want.scores.tolist() and steps["counted"].tolist()[0] == 0
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        equal(want, select(frame, y, 3, "mrmr"))
        assert select(frame, y, 3, "mrmr", must_include="d", exclude=["a"]).names[0] == "d"
    text = repr(want)
    assert text.startswith("Selection of 3 of 4 columns by mrmr (ended by k)\nstep  column")
    assert len(text.splitlines()) == 5


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"k": 9}, ValueError, r"^select: k must be between 1 and 8 \(the number of columns\), got 9$"),
    ({"k": 0}, ValueError, r"^select: k must be between 1 and 8"),
    ({"k": 8, "exclude": [1]}, ValueError, r"between 1 and 7 \(the number of columns that are not excluded\), got 8"),
    ({"k": 1, "must_include": [1, 2]}, ValueError, r"^select: k must be between 2 and 8"),
    ({"k": 2.5}, TypeError, r"^select: k must be an integer or None, got 2.5"),
    ({"criterion": "jmj"}, ValueError, r"^select: criterion must be one of mim, mifs, .*got 'jmj'"),
    ({"criterion": "cmi", "lazy": True}, ValueError, r"^select: lazy=True needs a criterion .*got 'cmi'"),
    ({"y": np.zeros(5)}, ValueError, r"^select: X and y must have as many samples, got 60 and 5"),
    ({"y": np.zeros(60)}, ValueError, r"^select: y must have at least two different labels, got 1"),
    ({"y": np.zeros((60, 2), int)}, ValueError, r"^select: y must be one column of labels, got 2"),
    ({"X": np.zeros((60, 2))}, TypeError, "^select: X holds floating-point numbers"),
    ({"X": np.zeros(60, int)}, ValueError, r"^select: X must have shape \(samples, columns\), got \(60,\)"),
    ({"X": np.zeros((60, 0), int)}, ValueError, r"^select: X has no columns"),
    ({"X": np.full((60, 2), None)}, ValueError, r"^select: X has a missing label in column 0, row 0"),
    ({"missing": "drop"}, ValueError, r"^select: missing must be 'raise', 'level' or 'omit', got 'drop'"),
    ({"sample_weight": np.zeros(60)}, ValueError, r"^select: sample_weight must not be zero for every sample"),
    ({"sample_weight": -np.ones(60)}, ValueError, r"^select: .*must be finite and at least 0, got -1.0 at index 0"),
    ({"names": ["a"]}, ValueError, r"^select: names must be one for each of the 8 columns of X, got 1"),
    ({"must_include": ["z"]}, ValueError, r"^select: must_include has 'z', which is not the name of a column"),
    ({"exclude": [8]}, ValueError, r"^select: exclude has column 8, and X has columns 0 to 7"),
    ({"exclude": [1.5]}, TypeError, r"^select: exclude must hold names or numbers of columns, got 1.5"),
    ({"exclude": [1], "must_include": [1]}, ValueError, r"column 1 is in must_include and in exclude"),
    ({"max_p_value": 2}, ValueError, r"^select: max_p_value must be between 0 and 1, got 2"),
    ({"max_p_value": 0.1, "sample_weight": np.ones(60)}, ValueError, r"max_p_value takes counts of samples"),
    ({"beta": np.nan}, ValueError, r"^select: beta must be finite, got nan"),
    ({"continue_from": 3}, TypeError, r"^select: continue_from must be a Selection, got int"),
    ({"workers": 0}, ValueError, r"^select: workers must be at least 1"),
    (
        {"y": np.arange(60) + 0.5, "X": np.zeros((60, 1), int), "missing": "omit", "k": 2},
        ValueError,
        r"^select: k must",
    ),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED, ids=lambda v: str(v)[:40])
def test_refusals(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    X, y = sample(0)
    with pytest.raises(error, match=message):
        select(**{"X": X, "y": y, "k": 3} | changed)


def test_continuing_from_something_else_is_refused() -> None:
    X, y = sample(0)
    part = select(X, y, 3, "jmi")
    with pytest.raises(ValueError, match=r"^select: continue_from was made with other options"):
        select(X, y, 5, "mrmr", continue_from=part)
    with pytest.raises(ValueError, match=r"^select: continue_from was made from another X, y"):
        select(X[:, ::-1], y, 5, "jmi", continue_from=part)
    with pytest.raises(ValueError, match=r"^select: continue_from was made from 8 columns, and X has 7"):
        select(X[:, 1:], y, 5, "jmi", continue_from=part)
    with pytest.raises(ValueError, match=r"^select: k must be between 3 and 8"):
        select(X, y, 2, "jmi", continue_from=part)
