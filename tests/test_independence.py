"""What chance makes of labels: tests of independence, for columns and for all pairs, and tables drawn at random."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from fastent import discrete
from fastent._counts import engine, random_tables
from fastent.discrete import g_test, g_test_matrix, permutation_test, permutation_test_matrix


@pytest.fixture(scope="module", autouse=True)
def _counting(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


def same_bits(got: Any, want: Any) -> None:
    for one, other in zip(got, want, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape and one.tobytes() == other.tobytes(), (one, other)


def columns(rows: int = 300, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hidden, levels = rng.random(rows), (1, 2, 3, 12, 40, 250)
    mixed = [np.where(rng.random(rows) < 0.15, hidden, rng.random(rows)) * k for k in levels]
    return np.stack(mixed, axis=1).astype(np.uint8)


TESTS = {
    "g_test": (g_test, g_test_matrix, {}),
    "permutation_test": (permutation_test, permutation_test_matrix, {"permutations": 40, "rng": 5}),
}


# ---- tables at random ----------------------------------------------------------------------------------------------


def reached(a: Any, b: Any, observed: float, tables: int, shuffled: bool, seed: int = 1, workers: int = 2) -> int:
    margins = [np.asarray(a, np.int64), np.asarray(b, np.int64)]
    pair, how = np.array([[0, 1]]), np.array([shuffled], np.uint8)
    found = random_tables.times_reached(margins, pair, np.array([observed]), how, tables, seed, workers)
    return int(found[0])


def chances(a: list[int], b: list[int]) -> dict[float, float]:
    """The exact distribution of the mutual information over all ways to give the samples the labels of b."""
    labels = np.repeat(np.arange(len(a)), a).astype(np.uint8)
    found: dict[float, float] = {}
    ways = set(itertools.permutations(np.repeat(np.arange(len(b)), b).tolist()))
    for way in ways:
        mi = round(float(discrete.mutual_information(labels, np.array(way, np.uint8))), 12)
        found[mi] = found.get(mi, 0.0) + 1 / len(ways)
    return found


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("a", "b"), [([4, 4], [3, 5]), ([1, 2, 5], [2, 2, 4]), ([1] * 3 + [4], [3, 4]), ([7], [2, 5])])
def test_tables_come_as_often_as_they_should(a: list[int], b: list[int], shuffled: bool) -> None:
    exact, tables = chances(a, b), 4000
    for least in exact:
        p = min(1.0, sum(share for mi, share in exact.items() if mi >= least - 1e-9))
        got = reached(a, b, least - 1e-9, tables, shuffled) / tables
        assert abs(got - p) <= 4 * math.sqrt(p * (1 - p) / tables) + 1e-12, (least, p, got)


@pytest.mark.parametrize("total", [2000, 10**6, 10**9])
def test_large_tables_come_as_often_as_they_should(total: int) -> None:
    """Of two rows and columns: the hypergeometric distribution."""
    a, b, tables = [total // 5 * 2, total // 5 * 3], [total // 10 * 3, total // 10 * 7], 2000
    law = scipy.stats.hypergeom(total, a[0], b[0])
    n = round(law.mean() + 1.2 * law.std())
    table = np.array([[n, a[0] - n], [b[0] - n, a[1] - b[0] + n]])
    p = law.sf(n - 1) + law.cdf(round(2 * law.mean()) - n)
    got = reached(a, b, float(discrete.mutual_information(contingency=table)), tables, False) / tables
    assert abs(got - p) <= 4 * math.sqrt(p * (1 - p) / tables) + 1e-3


@pytest.mark.parametrize("shuffled", [False, True])
def test_tables_depend_on_their_number_and_the_seed(shuffled: bool) -> None:
    a, b = [5, 20, 30, 45], [10, 10, 80]
    least = 0.02
    found = [reached(a, b, least, k, shuffled) for k in range(1, 120, 7)]
    steps = np.diff(found)
    assert (steps >= 0).all() and (steps <= 7).all() and found[-1] > 0
    assert found == [reached(a, b, least, k, shuffled, workers=5) for k in range(1, 120, 7)]
    assert len({reached(a, b, least, 500, shuffled, seed) for seed in range(8)}) > 1


def test_the_cheaper_way_is_taken() -> None:
    pays = random_tables.shuffling_pays(np.array([2, 100, 100, 50_000]), np.array([2, 100, 100, 2]),
                                 np.array([10**6, 10**3, 10**8, 10**11]))  # fmt: skip
    assert pays.tolist() == [False, True, False, False]


def test_samples_that_all_differ() -> None:
    many = np.arange(70_000)
    assert permutation_test(many, many, permutations=3, rng=0) == (discrete.entropy(many), 1)


# ---- the forms of a test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TESTS)
def test_every_form_is_the_same_test(name: str) -> None:
    f, _, options = TESTS[name]
    X = columns()
    x, y = X[:, 3], X[:, 2]
    want = f(x, y, **options)
    table = discrete.contingency(x, y)
    for form in (table, table.astype(float), table.tolist(), np.pad(table, ((0, 2), (1, 0)))):
        same_bits(f(contingency=form, **options), want)
    same_bits(f(x.astype(str), y.tolist(), **options), want)
    same_bits(f(x[::-1], y[::-1], **options), want)
    assert f(y, x, **options)[1] == want[1] and f(199 - x, y, **options)[1] == want[1]
    sparse = f(contingency=scipy.sparse.csr_array(table), **options)
    np.testing.assert_allclose(sparse, want, rtol=1e-12)
    stack = f(contingency=np.stack([table, np.roll(table, 1, axis=0)])[None], **options)
    assert stack[0].shape == stack[1].shape == (1, 2)
    same_bits((stack[0][0, 0], stack[1][0, 0]), want)


@pytest.mark.parametrize("name", TESTS)
def test_weights_say_how_often_a_sample_was_seen(name: str) -> None:
    f, matrix, options = TESTS[name]
    X = columns()
    times = np.random.default_rng(3).integers(0, 4, len(X))
    for forms in ((X[:, 3], X[:, 2]), (X, X[:, 2])):
        same_bits(f(*forms, weights=times, **options), f(*(np.repeat(x, times, axis=0) for x in forms), **options))
    same_bits(matrix(X, weights=times.astype(float), **options), matrix(np.repeat(X, times, axis=0), **options))
    table = discrete.contingency(X[:, 3], X[:, 2], weights=times)
    same_bits(f(contingency=table, **options), f(X[:, 3], X[:, 2], weights=times, **options))


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("kind", ["codes", "few", "strings", "missing"])
def test_pairs_are_tested_as_two_columns_are(kind: str, name: str) -> None:
    f, matrix, options = TESTS[name]
    X: Any = columns()
    if kind == "few":
        X = X[:, :4] % 5
    elif kind == "strings":
        X = X.astype(str)
    elif kind == "missing":
        X = X.astype(float)
        X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
        options = {**options, "missing": "omit"}
    Y = X[::-1, 1:4]
    same_bits(
        matrix(X, Y, **options), [np.stack(part, 1) for part in zip(*(f(X, y, **options) for y in Y.T), strict=True)]
    )
    statistic, p = matrix(X, **options)
    one = [f(X, x, **options) for x in X.T]
    same_bits((statistic, p), [np.stack(part, 1) for part in zip(*one, strict=True)])
    same_bits((statistic, p), (statistic.T.copy(), p.T.copy()))
    same_bits(matrix(X, workers=1, **options), matrix(X, workers=3, **options))


def test_g_tests_of_pairs_are_those_of_scipy() -> None:
    X = columns()[:, 1:5]
    statistic, p = g_test_matrix(X)
    for i, j in itertools.combinations(range(4), 2):
        table = discrete.contingency(X[:, i], X[:, j])
        table = table[table.any(axis=1)][:, table.any(axis=0)]
        want = scipy.stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        np.testing.assert_allclose((statistic[i, j], p[i, j]), (want.statistic, want.pvalue), rtol=1e-10)


def test_random_tables_agree_with_the_g_test_of_many_samples() -> None:
    X = columns(3000)[:, :4]
    by_chance, by_law = permutation_test_matrix(X, permutations=4000, rng=0)[1], g_test_matrix(X)[1]
    room = 4 * np.sqrt(by_law * (1 - by_law) / 4000) + 5e-3
    assert (np.abs(by_chance - by_law) <= room).all(), (by_chance, by_law)


@pytest.mark.parametrize("name", TESTS)
def test_nothing_to_test(name: str) -> None:
    f, matrix, options = TESTS[name]
    nothing = np.zeros((0, 3), np.uint8)
    assert np.isnan(matrix(nothing, **options)).all() and np.isnan(f(nothing, nothing[:, 0], **options)).all()
    assert np.isnan(f([0, 1], [0, 1], weights=[0, 0], **options)).all()
    assert np.isnan(f(contingency=np.zeros((2, 3)), **options)).all()
    assert matrix(np.zeros((5, 0), np.uint8), **options)[1].shape == (0, 0)
    assert matrix(nothing, np.zeros((0, 0), np.uint8), **options)[1].shape == (3, 0)
    np.testing.assert_array_equal(f([1, 1, 1], [0, 1, 1], **options), (0, 1))


@pytest.mark.parametrize("name", [*TESTS, "adjusted_mutual_information"])
def test_chance_is_of_whole_counts(name: str) -> None:
    f = getattr(discrete, name)
    x = [0, 1, 1, 0]
    for weights in ([1, 0.5, 1, 1], [0.1] * 4):
        with pytest.raises(ValueError, match=f"^{name}: weights must hold whole counts, for which chance is defined"):
            f(x, x, weights=weights)
    with pytest.raises(ValueError, match=rf"^{name}: weights must hold fewer than 2\*\*63 samples"):
        f(x, x, weights=[2.0**62] * 4)
    with pytest.raises(ValueError, match=f"^{name}: contingency must hold whole counts"):
        f(contingency=scipy.sparse.csr_array([[0.5, 1.0]]))
    for labels in ((x, x), (x,)):
        with pytest.raises(TypeError, match=f"^{name}: pass either x and y, or contingency="):
            f(*labels, contingency=[[1, 2], [3, 4]])


def test_refusals_of_pairs() -> None:
    X = columns(20)
    with pytest.raises(ValueError, match=r"^mutual_information_matrix: weights must hold whole counts"):
        discrete.mutual_information_matrix(X, metric=["mi", "ami"], weights=np.full(20, 0.5))
    for name, (_, matrix, _) in TESTS.items():
        with pytest.raises(ValueError, match=f"^{name}_matrix: x and y must have as many samples, got 20 and 19"):
            matrix(X, X[1:])
        with pytest.raises(ValueError, match=f"^{name}_matrix: weights must hold whole counts"):
            matrix(X, weights=np.full(20, 0.5))
        with pytest.raises(ValueError, match=f"^{name}_matrix: missing must be"):
            matrix(X, missing="drop")
    with pytest.raises(ValueError, match=r"^permutation_test_matrix: permutations must be at least 1, got 0"):
        permutation_test_matrix(X, permutations=0)
    with pytest.raises(TypeError, match=r"^permutation_test_matrix: rng must be a seed"):
        permutation_test_matrix(X, rng="a")
    with pytest.raises(ValueError, match=r"^permutation_test: .* at most 2\*\*53 samples.*; use g_test"):
        permutation_test(contingency=[[2**53, 1], [1, 1]])


def test_adjusted_by_weights() -> None:
    X = columns()
    times = np.random.default_rng(3).integers(0, 4, len(X))
    got = discrete.adjusted_mutual_information(X, X[:, 2], weights=times)
    again = np.repeat(X, times, axis=0)
    same_bits((got,), (discrete.adjusted_mutual_information(again, again[:, 2]),))


@pytest.mark.parametrize("permutations", [1 << 31, (1 << 63) - 1, 1 << 63, 1 << 200])
def test_more_permutations_than_anyone_waits_for(permutations: int) -> None:
    for f in (permutation_test, permutation_test_matrix):
        with pytest.raises(ValueError, match=rf"^{f.__name__}: permutations must be at most 2147483647, .*g_test"):
            f([0, 1], [0, 1], permutations=permutations)
