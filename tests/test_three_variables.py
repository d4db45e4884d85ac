"""Conditional, interaction and total information: of columns, of tables, and stratum by stratum."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle_discrete as oracle
import pytest
import scipy.sparse

from fastent import discrete
from fastent._counts import engine
from fastent.discrete import conditional_mutual_information, interaction_information, total_correlation

MEASURES = ("conditional_mutual_information", "interaction_information")


@pytest.fixture(scope="module", autouse=True)
def _counting(isa: str) -> Iterator[None]:
    engine.use_isa(isa)
    yield
    engine.use_isa(os.environ.get("FASTENT_ISA") or engine.isas()[-1])


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(want, float), rtol=1e-13, atol=1e-14)


def same_bits(got: Any, want: Any) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.tobytes() == want.tobytes(), (got, want)


def columns(rows: int = 150, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, (1, 2, 3, 5, 30, 200), (rows, 6))
    X[:, 3] = (X[:, 1] + X[:, 2] + (rng.random(rows) < 0.2)) % 5
    return X.astype(np.uint8)


def table_of(*labels: np.ndarray, weights: Any = None) -> np.ndarray:
    table = np.zeros([int(x.max()) + 1 for x in labels])
    np.add.at(table, labels, 1.0 if weights is None else weights)
    return table


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("form", ["codes", "strings", "many levels", "weights"])
def test_every_column_of_x(form: str, name: str) -> None:
    f, exact = getattr(discrete, name), getattr(oracle, name)
    X, options = columns(), {}
    y, z = X[:, 2].copy(), X[:, 3].copy()
    if form == "weights":
        options = {"weights": np.random.default_rng(1).integers(0, 5, len(X)) * 0.25}
    given = {"strings": X.astype(str), "many levels": X.astype(np.int64) * 70_001}.get(form, X)
    got = f(given, y, z, **options)
    assert got.shape == (6,)
    for i in range(6):
        same_bits(got[i], f(given[:, i], y, z, **options))
        close(got[i], exact(X[:, i], y, z, **options))
    close(f(given, y, z, base=2, **options) * math.log(2), got)
    same_bits(f(given, y, z, workers=1, **options), f(given, y, z, workers=3, **options))
    assert f(given[:, :0], y, z, **options).shape == (0,)


@pytest.mark.parametrize("name", MEASURES)
def test_all_pairs_of_columns(name: str) -> None:
    f = getattr(discrete, name)
    X = columns()
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X.astype(float))
    for labels, options in ((X, {}), (X, {"weights": np.arange(len(X)) % 3 * 0.5}), (holes, {"missing": "omit"})):
        x, Y, z = labels[:, 1:3], labels[:, 3:], labels[:, 2]
        got = f(x, Y, z, **options)
        same_bits(got, np.stack([f(x, y, z, **options) for y in Y.T], axis=1))
        same_bits(f(x[:, 0], Y, z, **options), got[0])
        same_bits(f(Y[:, :1], x, z, **options).shape, (1, 2))
    assert f(X, X[:, :0], X[:, 1]).shape == (6, 0)


@pytest.mark.parametrize("name", MEASURES)
def test_columns_with_missing_labels(name: str) -> None:
    f, exact = getattr(discrete, name), getattr(oracle, name)
    rng = np.random.default_rng(2)
    X = columns().astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y, z, weights = X[:, 1], X[:, 2], rng.random(len(X))
    for options in ({}, {"weights": weights}):
        got = f(X[:, 3:], y, z, missing="omit", **options)
        for value, x in zip(got, X[:, 3:].T, strict=True):
            kept = ~np.isnan(np.c_[x, y, z]).any(axis=1)
            part = {key: w[kept] for key, w in options.items()}
            close(value, exact(x[kept], y[kept], z[kept], **part))
    level = [np.nan_to_num(v, nan=-1) for v in (X[:, 3], y, z)]
    close(f(X[:, 3], y, z, missing="level"), exact(*level))


@pytest.mark.parametrize("name", MEASURES)
def test_tables(name: str) -> None:
    f = getattr(discrete, name)
    X = columns()
    weights = np.random.default_rng(1).integers(0, 5, len(X)) * 0.25
    for a, b, c in itertools.permutations((1, 2, 3)):
        x, y, z = X[:, a], X[:, b], X[:, c]
        same_bits(f(contingency=table_of(x, y, z)), f(x, y, z))
        same_bits(f(contingency=table_of(x, y, z, weights=weights)), f(x, y, z, weights=weights))
    table = table_of(*X[:, 1:4].T)
    want = f(contingency=table)
    same_bits(f(contingency=np.pad(table.astype(int), ((0, 1), (2, 0), (1, 3)))), want)
    stack = np.stack([table, table[::-1], table * 0])[None]
    got = f(contingency=stack)
    assert got.shape == (1, 3) and np.isnan(got[0, 2])
    close(got[0, :2], [want, want])
    for exponent in (-900, 900):
        close(f(contingency=np.ldexp(table, exponent), base=2) * math.log(2), want)


def test_independent_within_every_stratum() -> None:
    rng = np.random.default_rng(0)
    strata = [np.outer(rng.integers(0, 5, 3), rng.integers(1, 5, 4)) for _ in range(50)]
    table = np.stack(strata, axis=-1)
    assert discrete.mutual_information(contingency=table.sum(axis=-1)) > 0
    same_bits(conditional_mutual_information(contingency=table), np.zeros(()))
    x, y, z = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    for labels in ((x, y, z), (x * 70_001, y, z * 70_001), (y, x, z)):
        same_bits(conditional_mutual_information(*labels), np.zeros(()))
    same_bits(conditional_mutual_information(np.c_[x, x, y], y, z)[:2], np.zeros(2))


def test_many_strata() -> None:
    rng = np.random.default_rng(0)
    z = rng.permutation(np.arange(40_000) // 2)
    x, y = rng.integers(0, 2, (2, 40_000)).astype(np.uint8)
    # two samples in a stratum share ln 2 where both labels differ, and nothing otherwise
    order = np.argsort(z, kind="stable")
    pairs = [v[order].reshape(-1, 2) for v in (x, y)]
    differ = [v[:, 0] != v[:, 1] for v in pairs]
    close(conditional_mutual_information(x, y, z), (differ[0] & differ[1]).mean() * math.log(2))
    same_bits(conditional_mutual_information(x, y, np.arange(40_000)), 0.0)


def test_what_is_known_leaves_nothing() -> None:
    X = columns()
    y = X[:, 3]
    for x in X.T:
        same_bits(conditional_mutual_information(x, y, y), 0.0)
        same_bits(conditional_mutual_information(x, x, np.zeros_like(x)), discrete.entropy(x))


# ---- many variables ------------------------------------------------------------------------------------------------


def test_tables_of_many_variables() -> None:
    X = columns()[:, :5]
    weights = np.random.default_rng(1).integers(0, 5, len(X)) * 0.25
    for last in range(1, 6):
        part = X[:, :last]
        table = table_of(*part.T)
        same_bits(total_correlation(contingency=table), total_correlation(part))
        close(total_correlation(contingency=table), oracle.total_correlation(*part.T))
        close(total_correlation(contingency=table, base=2) * math.log(2), total_correlation(part))
        weighted = table_of(*part.T, weights=weights)
        same_bits(total_correlation(contingency=weighted), total_correlation(part, weights=weights))
    pair = discrete.contingency(X[:, 2], X[:, 3])
    for form in (pair, scipy.sparse.csr_array(pair)):
        close(total_correlation(contingency=form), discrete.mutual_information(X[:, 2], X[:, 3]))
    close(total_correlation(X.astype(np.int64) * 70_001), total_correlation(X))
    same_bits(total_correlation(X, workers=1), total_correlation(X, workers=3))


def test_independent_variables_share_nothing() -> None:
    table = np.einsum("i,j,k,l->ijkl", [1, 2, 3], [4, 1], [7, 0, 5], [2, 9])
    same_bits(total_correlation(contingency=table), np.zeros(()))
    labels = np.stack([np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape)], axis=1)
    same_bits(total_correlation(labels), np.zeros(()))
    assert np.isnan(total_correlation(contingency=table * 0))


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEASURES)
def test_refusals(name: str) -> None:
    f = getattr(discrete, name)
    x, table = [0, 1, 1], np.ones((2, 2, 2))
    for labels in ((x, x, x), (x,), (None, x)):
        with pytest.raises(TypeError, match=rf"^{name}: pass either x, y and z, or contingency=, not both"):
            f(*labels, contingency=table)
    with pytest.raises(TypeError, match=rf"^{name}: pass either"):
        f(contingency=table, weights=[1, 1])
    for labels in ((), (x, x)):
        with pytest.raises(TypeError, match=rf"^{name}: pass x, y and z, or contingency="):
            f(*labels)
    for shape in ((2, 2), (2, 0, 2), (0, 2, 2, 0)):
        with pytest.raises(ValueError, match=rf"^{name}: contingency must be a table \(levels of x, .*, got shape"):
            f(contingency=np.ones(shape))
    with pytest.raises(ValueError, match=rf"^{name}: contingency must hold finite numbers of at least 0, got -1.0"):
        f(contingency=-table)
    with pytest.raises(ValueError, match=rf"^{name}: missing must be"):
        f(x, x, x, missing="drop")


def test_refusals_of_many_variables() -> None:
    X, table = np.zeros((3, 2), np.uint8), np.ones((2, 2, 2))
    for labels, options in (((X,), {"contingency": table}), ((), {}), ((), {"contingency": table, "weights": [1]})):
        with pytest.raises(TypeError, match="total_correlation: pass either x or contingency="):
            total_correlation(*labels, **options)
    for bad in (np.ones((2, 0, 3)), np.ones(0)):
        with pytest.raises(ValueError, match="total_correlation: contingency must have levels along every axis"):
            total_correlation(contingency=bad)


def test_nothing_to_measure() -> None:
    nothing = np.zeros((0, 3), np.uint8)
    for f in (conditional_mutual_information, interaction_information):
        got = f(nothing, nothing[:, 0], nothing[:, 1])
        assert got.shape == (3,) and np.isnan(got).all()
        assert np.isnan(f(contingency=np.zeros((2, 2, 2))))
