"""Nearest-neighbour estimates: against the definitions, against scikit-learn, and what is promised of every input."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import oracle_neighbors as oracle
import pytest
from layouts import LAYOUTS, memory, seeded
from scripts import PRELUDE, run

import fastent
from fastent import _neighbor_samples
from fastent._neighbors import engine
from fastent.compat import sklearn as ours
from fastent.feature_selection import mutual_information_continuous as measure

nan = math.nan


def positive(values: Any) -> np.ndarray:
    return np.maximum(values, 0)


def check_discrete(X: np.ndarray, y: Any, k: int, **options: Any) -> None:
    expected = [oracle.discrete(column, list(y), k) for column in X.T]
    np.testing.assert_allclose(
        measure(X, y, n_neighbors=k, discrete_target=True, **options), positive(expected), rtol=1e-12, atol=1e-13
    )


def check_continuous(X: np.ndarray, y: np.ndarray, k: int, **options: Any) -> None:
    expected = [oracle.continuous(column, y, k) for column in X.T]
    np.testing.assert_allclose(
        measure(X, y, n_neighbors=k, discrete_target=False, **options), positive(expected), rtol=1e-12, atol=1e-13
    )


# ---- against the definitions ---------------------------------------------------------------------------------------

KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "levels": lambda rng, shape: rng.integers(0, 6, shape).astype(float),
    "half zeros": lambda rng, shape: np.where(rng.random(shape) < 0.5, 0.0, rng.standard_normal(shape)),
    "far away": lambda rng, shape: 1e9 + rng.standard_normal(shape),
    "heavy tails": lambda rng, shape: rng.standard_cauchy(shape) ** 3,
    "missing": lambda rng, shape: np.where(rng.random(shape) < 0.3, nan, np.round(rng.standard_normal(shape), 1)),
    "signed zeros": lambda rng, shape: rng.choice([-0.0, 0.0, 1.0, -1.0, 5e-324], shape),
    "huge": lambda rng, shape: rng.choice([1.0, -1.0], shape) * 3e307 * rng.random(shape),
    "tiny": lambda rng, shape: 5e-324 * rng.integers(0, 1000, shape),
}
SIZES = (4, 5, 8, 23, 60, 150)


def cases() -> list[Any]:
    return [
        pytest.param(kind, n, k, id=f"{kind}, {n} samples, k={k}")
        for (kind, n), k in zip(itertools.product(KINDS, SIZES), itertools.cycle(range(1, 8)))
        if k < n
    ]


@pytest.mark.parametrize(("kind", "n", "k"), cases())
def test_definitions(isa: str, kind: str, n: int, k: int) -> None:
    rng = seeded("definitions", kind, n, k)
    X = KINDS[kind](rng, (n, 3))
    labels = rng.choice([0, 1, 2, 7], n, p=[0.5, 0.3, 0.15, 0.05])
    X[:, 0] = np.where(labels == 1, X[:, 0] * 0.5, X[:, 0])
    check_discrete(X, labels, k, workers=3)
    check_continuous(X, X[:, 0] * 0.5 + rng.uniform(-0.2, 0.2, n) * np.nanmax(np.abs(X[:, 0])), k, workers=3)
    check_continuous(X, KINDS[kind](rng, n), k)


def test_many_samples(isa: str) -> None:
    """More samples than the sort inserts, in several strips."""
    rng = seeded("many")
    for n in (300, 1600):
        X = np.column_stack([rng.standard_normal(n), rng.integers(0, 5, n), np.round(rng.standard_normal(n), 1)])
        check_discrete(X[:, :2], rng.integers(0, 40, n), 3)
        check_continuous(X[:, :1], X[:, 0] ** 2 + 0.1 * rng.standard_normal(n), 4)
        check_continuous(X[:, 1:2], np.round(X[:, 0]), 3)


def test_values_that_agree_in_their_first_bits(isa: str) -> None:
    """Insertion gives up, and the lower bits are sorted first."""
    rng = seeded("low bits")
    X = 1 + rng.integers(0, 1 << 20, (400, 1)) * 2.0**-52
    X[::7] += 1
    check_discrete(X, rng.integers(0, 3, 400), 3)
    check_continuous(X, (X[:, 0] - 1) ** 2, 3)


def test_many_neighbours(isa: str) -> None:
    rng = seeded("many neighbours")
    X = np.column_stack([rng.standard_normal(120), np.round(rng.standard_normal(120))])
    for k in (16, 17, 40, 119):
        check_discrete(X, rng.integers(0, 2, 120), k)
        check_continuous(X, np.round(8 * X[:, 0]) / 8 + X[:, 1], k)  # of differences that are exact


def test_only_samples_of_a_class_are_left_out() -> None:
    x = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 9.0])
    labels = np.array(["a", "a", "a", "b", "b", "c"])
    assert measure(x, labels) == measure(x[:5], labels[:5]) == pytest.approx(oracle.discrete(x, list(labels), 3))
    x[4] = nan  # the other b is alone now
    assert measure(x, labels) == measure(x[:3], labels[:3], n_neighbors=2) == 0


def test_classes_of_two_values() -> None:
    """By hand: in each class the neighbour is at distance 1, and no other value is nearer."""
    expected = oracle.psi(4) - oracle.psi(2)
    assert measure([0.0, 1.0, 10.0, 11.0], [0, 0, 1, 1], n_neighbors=1) == pytest.approx(float(expected), abs=1e-15)


# ---- promises ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 50, 3000])
def test_constant_columns_have_exactly_nothing(isa: str, n: int) -> None:
    rng = seeded("constant", n)
    X = np.column_stack([np.full(n, 0.1), np.full(n, -1e300), np.zeros(n)])
    for y in (rng.integers(0, 3, n), np.arange(n) % 2, rng.standard_normal(n), np.round(rng.standard_normal(n))):
        assert measure(X, y).tolist() == [0, 0, 0]
    assert measure(rng.standard_normal((n, 2)), np.zeros(n)).tolist() == [0, 0]
    assert measure(rng.standard_normal((n, 2)), np.zeros(n, int)).tolist() == [0, 0]  # one class
    assert measure(X, np.zeros(n)).tolist() == [0, 0, 0]


def test_workers_change_no_bit(isa: str) -> None:
    rng = seeded("workers")
    X = rng.standard_normal((40_000, 5))
    X[:, 3] = np.round(X[:, 3])
    X[rng.random(X.shape) < 0.01] = nan
    for y in (rng.integers(0, 5, len(X)), X[:, 0] + rng.standard_normal(len(X)), rng.standard_normal((len(X), 2))):
        one = measure(X, y, workers=1)
        assert one.tobytes() == measure(X, y, workers=2).tobytes() == measure(X, y, workers=3).tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i1", "i8", "u2", "u8", "?", "bfloat16"])
def test_every_dtype_and_layout(dtype: str, layout: str) -> None:
    rng = seeded("layouts")
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    X = rng.integers(0, 2 if dtype == "?" else 60, (80, 11)).astype(kind)
    y = rng.integers(0, 3, 80)
    view = LAYOUTS[layout](X)
    before = memory(view)
    wide = X.astype(np.float64)
    for target in (y, wide[:, 1] + wide[:, 0]):
        got = measure(view, target)
        assert got.dtype == np.float64
        assert got.tobytes() == measure(wide, target).tobytes()
    assert memory(view) == before


def test_shapes() -> None:
    rng = seeded("shapes")
    X, labels, y = rng.standard_normal((50, 3)), rng.integers(0, 3, (50, 2)), rng.standard_normal((50, 2))
    for targets in (labels, y):
        both = measure(X, targets)
        assert both.shape == (3, 2)
        assert both[:, 1].tobytes() == measure(X, targets[:, 1]).tobytes()
        assert both[2].tobytes() == measure(X[:, 2], targets).tobytes()
        single = measure(X[:, 2], targets[:, 1])
        assert isinstance(single, np.float64)
        assert single == both[2, 1]
        assert measure(X[:, :0], targets).shape == (0, 2)


def test_several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = seeded("tiles")
    X, y = rng.standard_normal((300, 40)), rng.integers(0, 3, 300)
    whole = measure(X, y), measure(X, X[:, 3])
    monkeypatch.setattr(_neighbor_samples, "TILE_BYTES", 1)
    assert (measure(X, y) == whole[0]).all()
    assert (measure(X, X[:, 3]) == whole[1]).all()


def test_permutations(isa: str) -> None:
    rng = seeded("permutations")
    X, y = np.round(rng.standard_normal((200, 6)), 1), rng.integers(0, 4, 200)
    columns, rows = rng.permutation(6), rng.permutation(200)
    for target in (y, X[:, 0] + rng.standard_normal(200)):
        found = measure(X, target)
        assert (measure(X[:, columns], target) == found[columns]).all()
        np.testing.assert_allclose(measure(X[rows], target[rows]), found, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(measure(-X, target), found, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(measure(X, target, base=2), found / math.log(2), rtol=1e-15)


def test_symmetry_and_units() -> None:
    rng = seeded("symmetry")
    x = rng.standard_normal(300)
    y = x + rng.standard_normal(300)
    assert measure(x, y) == pytest.approx(measure(y, x), rel=1e-12)
    for unit in (2.0**-900, 2.0**40, 2.0**900):
        assert measure(x * unit, y) == measure(x, y * unit) == measure(x, y)


def test_it_estimates_the_information_of_a_normal_distribution() -> None:
    rng = seeded("normal")
    x, noise = rng.standard_normal((2, 20_000))
    for r in (0.0, 0.6, 0.95):
        truth = -0.5 * math.log(1 - r * r)
        assert measure(x, r * x + math.sqrt(1 - r * r) * noise) == pytest.approx(truth, abs=0.03)


def test_missing_samples_are_those_of_the_pair() -> None:
    rng = seeded("pairs")
    X, y = rng.standard_normal((100, 3)), rng.standard_normal((100, 2))
    X[rng.random(X.shape) < 0.2], y[rng.random(y.shape) < 0.2] = nan, nan
    found = measure(X, y)
    for c, t in itertools.product(range(3), range(2)):
        kept = ~np.isnan(X[:, c]) & ~np.isnan(y[:, t])
        assert found[c, t] == measure(X[kept, c], y[kept, t])
    labels = np.array([None, "a", "b", "a"] * 25, object)
    kept = labels != None  # noqa: E711
    assert (measure(X, labels) == measure(X[kept], labels[kept])).all()


def test_too_few_complete_samples_are_nan() -> None:
    X = np.column_stack([np.full(10, nan), [1.0] + 9 * [nan], [1.0, 2.0, 3.0, 4.0] + 6 * [nan], np.arange(10.0)])
    assert np.isnan(measure(X, np.arange(10) % 2)).tolist() == [True, True, False, False]
    assert np.isnan(measure(X, np.arange(10.0))).tolist() == [True, True, False, False]
    assert np.isnan(measure(X, np.arange(10.0), n_neighbors=4)).tolist() == [True, True, True, False]
    assert np.isnan(measure(X, np.full(10, nan))).all()
    assert np.isnan(measure(np.arange(4.0), np.arange(4)))  # classes of one sample


def test_targets_say_what_they_are() -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    labels = [0, 1, 2, 3, 4, 5] * 2
    x = np.array(labels) + seeded("targets").uniform(0, 1.5, 12)
    as_labels, as_numbers = (measure(x, labels, discrete_target=discrete) for discrete in (True, False))
    assert as_labels != as_numbers
    names = np.array(list("abcdef"))[labels]
    for y in (
        labels, np.array(labels, np.uint8), names, names.astype(object), pd.Series(labels), pd.Categorical(names),
        pl.Series(labels), pd.Series(names, dtype="category"), pd.Series(labels, dtype="Int64"),
    ):  # fmt: skip
        assert measure(x, y) == as_labels
    assert measure(x, np.array(labels) > 2) == measure(x, (np.array(labels) > 2).astype(int))
    for y in (np.array(labels, float), np.array(labels, np.float32), pd.Series(labels, dtype="Float64")):
        assert measure(x, y) == measure(x, pl.Series(np.asarray(y, float))) == as_numbers
        assert measure(x, y, discrete_target=True) == as_labels


def test_frames() -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    rng = seeded("frames")
    X, y = rng.standard_normal((30, 2)), rng.integers(0, 2, 30)
    X[3, 1] = nan
    for frame in (pd.DataFrame(X), pl.DataFrame(X), pd.DataFrame(X).astype("Float64")):
        assert (measure(frame, y) == measure(X, y)).all()


# ---- refusals ------------------------------------------------------------------------------------------------------

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
REFUSED: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (X, Y, {"n_neighbors": 0}, ValueError, "n_neighbors must be between 1 and 5"),
    (X, Y, {"n_neighbors": 6}, ValueError, "n_neighbors must be between 1 and 5 .*, got 6"),
    (X, Y, {"n_neighbors": 2.0}, TypeError, "n_neighbors must be an integer, got 2.0"),
    (X, Y[:5], {}, ValueError, "X and y must have as many samples, got 6 and 5"),
    (X, Y[:, None, None], {}, ValueError, "y"),
    (X[None], Y, {}, ValueError, r"X must be 1-D or 2-D.*\(1, 6, 2\)"),
    (X[:1], Y[:1], {}, ValueError, "at least 2 samples, got 1"),
    (X[:0], Y[:0], {}, ValueError, "at least 2 samples, got 0"),
    (np.where(X == 3, np.inf, X), Y, {}, ValueError, "X must not hold infinities"),
    (np.where(X == 3, -np.inf, X).astype("f4").T.copy().T, Y, {}, ValueError, "X must not hold infinities"),
    (np.where(X == 3, -np.inf, X).astype("f2"), Y, {}, ValueError, "X must not hold infinities"),
    (np.where(X == 3, np.inf, X).astype(ml_dtypes.bfloat16), Y, {}, ValueError, "X must not hold infinities"),
    (X, np.where(Y == 0, np.inf, 1.0), {}, ValueError, "y must not hold infinities"),
    (X.astype(object), Y, {}, TypeError, "X must hold real numbers"),
    (X + 0j, Y, {}, TypeError, "X must hold real numbers.*complex128"),
    (X.astype(str), Y, {}, TypeError, "X must hold real numbers"),
    (np.ma.array(X, mask=X > 3), Y, {}, TypeError, r"masked array; pass X.filled\(np.nan\)"),
    (X, Y + 0j, {}, TypeError, "y"),
    (X, Y, {"discrete_target": "yes"}, TypeError, "discrete_target must be 'auto', True or False, got 'yes'"),
    (X, Y, {"base": 1}, ValueError, "base must be a positive number"),
    (X, Y, {"workers": 0}, ValueError, "workers must be at least 1"),
    (X, Y.astype(str), {"discrete_target": False}, TypeError, "y must hold real numbers"),
    (None, Y, {}, TypeError, "X"),
]


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda r: r[-1])
def test_refusals(refusal: Any) -> None:
    x, y, options, error, message = refusal
    with pytest.raises(error, match=message) as caught:
        measure(x, y, **options)
    assert str(caught.value).startswith("mutual_information_continuous: ")
    assert "\n" not in str(caught.value)


CTRL_C = """
from fastent.feature_selection import mutual_information_continuous
n = 200_000
x = np.random.default_rng(0).random(n)
X = np.broadcast_to(x[:, None], (n, 5000))  # much to compute in little memory
y = {"discrete": np.arange(n) % 3, "continuous": x**2}[sys.argv[1]]
pressed = []

def press():
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(1, press).start()
try:
    mutual_information_continuous(X, y, workers=2)
except KeyboardInterrupt:
    print(time.perf_counter() - pressed[0])
else:
    sys.exit("the call ended before it was interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("target", ["discrete", "continuous"])
def test_ctrl_c(target: str, record_property: Any) -> None:
    seconds = float(run(PRELUDE + CTRL_C, target, timeout=60))
    record_property("seconds", seconds)
    assert seconds < 10  # a promise of half a second, and machines that are busy


def test_module_is_lazy() -> None:
    assert "feature_selection" in dir(fastent)
    assert fastent.feature_selection is sys.modules["fastent.feature_selection"]


# ---- scikit-learn --------------------------------------------------------------------------------------------------

selection = pytest.importorskip("sklearn.feature_selection")
sparse = pytest.importorskip("scipy.sparse")
NAMES = ("mutual_info_classif", "mutual_info_regression")


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function(*args, **kwargs)
        except Exception as error:
            found = (type(error).__name__, str(error))
    # NumPy's own, and a subclass of UserWarning there
    return found, {str(w.message) for w in caught if issubclass(w.category, UserWarning)}


def check_same(name: str, *args: Any, **kwargs: Any) -> None:
    expected, expected_warnings = outcome(getattr(selection, name), *args, **kwargs)
    got, got_warnings = outcome(getattr(ours, name), *args, **kwargs)
    assert got_warnings == expected_warnings
    if isinstance(expected, tuple):
        assert got == expected
    else:
        assert got.dtype == np.float64  # theirs are integers if all are 0
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def table(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    """Columns of very different sizes, some of few levels, one of them constant at times."""
    X = rng.standard_normal((n, m)) * rng.choice([1, 1e-3, 1e6, 1e12], m) + rng.choice([0, 0, 1e3, 1e9], m)
    X[:, rng.random(m) < 0.1] = 3
    few = rng.random(m) < 0.3
    X[:, few] = np.round(X[:, few] / 1e6)
    return X


TABLES = {
    "doubles": lambda X: X,
    "rounded": np.round,
    "floats": lambda X: X.astype(np.float32),
    "integers": lambda X: np.round(X % 50).astype(int),
    "Fortran": np.asfortranarray,
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "list": lambda X: X.tolist(),
}


SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", TABLES)
def test_same_numbers_as_scikit_learn(isa: str, kind: str, seed: int) -> None:
    rng = seeded("sklearn", kind, seed)
    n, m, k = int(rng.integers(8, 250)), int(rng.integers(1, 6)), int(rng.integers(1, 7))
    X = TABLES[kind](table(rng, n, m))
    first = np.asarray(X)[:, 0]
    numbers = first / max(first.std(), 1e-9) + rng.standard_normal(n)
    y = [numbers, numbers.astype(np.float32), np.round(numbers).astype(int)][seed % 3]
    features = [False, True, "auto", rng.random(m) < 0.5, [m - 1]][seed % 5]
    options = {"n_neighbors": k, "random_state": seed, "discrete_features": features}
    check_same("mutual_info_classif", X, rng.integers(0, rng.integers(1, 9), n), **options)
    check_same("mutual_info_regression", X, y, **options)


@pytest.mark.parametrize("seed", range(4))
def test_same_numbers_for_sparse_columns(seed: int) -> None:
    rng = seeded("sparse", seed)
    dense = rng.poisson(0.4, (90, 7))
    y = rng.standard_normal(90)
    for X in (sparse.csr_matrix(dense), sparse.csc_array(dense), sparse.coo_matrix(dense.astype(float))):
        check_same("mutual_info_classif", X, dense[:, 0] > 0, random_state=seed)
        check_same("mutual_info_regression", X, y, random_state=seed)
        check_same("mutual_info_classif", X, y > 0, discrete_features=False)


@pytest.mark.parametrize("name", NAMES)
def test_same_answers_to_wrong_calls(name: str) -> None:
    rng = seeded("wrong")
    X, y = rng.standard_normal((30, 3)), rng.integers(0, 3, 30)
    for options in (
        {"n_neighbors": 0}, {"n_neighbors": 2.5}, {"n_neighbors": 30}, {"discrete_features": "x"}, {"copy": 2},
        {"discrete_features": 3}, {"discrete_features": [7]}, {"discrete_features": [0.5]}, {"discrete_features": []},
        {"discrete_features": ["a"]}, {"random_state": "a"}, {"random_state": -1}, {"n_jobs": "a"}, {"n_jobs": 0},
    ):  # fmt: skip
        check_same(name, X, y, **{"random_state": 0, **options})
    for x, target in (
        (X[:, 0], y), (X, y[:5]), (X, None), (X * nan, y), (X * np.inf, y), (X, y[:, None]), (X, np.c_[y, y]),
        (X[:0], y[:0]), (X[:, :0], y), (X + 0j, y), (X.astype(str), y), (X[None], y), (X, np.where(y == 0, nan, y)),
        (X.astype(object), y), ("abc", y), (X, [str(v) for v in y]),
    ):  # fmt: skip
        if name == "mutual_info_regression" and isinstance(target, list):
            continue  # there it is a message of NumPy
        check_same(name, x, target, random_state=0)
    if name == "mutual_info_classif":
        for target in (y + 0.5, np.arange(30), np.arange(30) // 2):
            check_same(name, X, target, random_state=0)
        check_same(name, X, y, discrete_features=True)


def test_drop_ins_promises(isa: str) -> None:
    rng = seeded("drop-ins")
    X, y = rng.standard_normal((20_000, 3)), rng.integers(0, 3, 20_000)
    before = X.copy()
    for name, target in zip(NAMES, (y, X[:, 0] ** 2), strict=True):
        found = [getattr(ours, name)(X, target, random_state=1, n_jobs=n, copy=False) for n in (None, 1, 2, 3, -1, -2)]
        assert len({f.tobytes() for f in found}) == 1
        state = np.random.RandomState(1)
        assert (getattr(ours, name)(X, target, random_state=state) == found[0]).all()
    state, ties = np.random.RandomState(1), np.round(X)
    first, second = (ours.mutual_info_classif(ties, y, random_state=state) for _ in range(2))
    assert (first != second).any()  # it has moved on
    assert X.tobytes() == before.tobytes()


def test_in_selectors() -> None:
    rng = seeded("selectors")
    X = rng.standard_normal((200, 6))
    y = (X[:, 4] + X[:, 1] > 0).astype(int)
    best = selection.SelectKBest(ours.mutual_info_classif, k=2).fit(X, y)
    assert best.get_support(indices=True).tolist() == [1, 4]
    half = selection.SelectPercentile(ours.mutual_info_regression, percentile=34).fit(X, X[:, 1] - X[:, 4])
    assert half.get_support(indices=True).tolist() == [1, 4]


def test_noise_aside_both_are_the_same() -> None:
    rng = seeded("both")
    X, y = rng.standard_normal((500, 4)), rng.integers(0, 3, 500)
    X[:, 0] += y
    np.testing.assert_allclose(measure(X, y), ours.mutual_info_classif(X, y, random_state=0), atol=1e-8)
    target = X[:, 0] + X[:, 1]
    np.testing.assert_allclose(measure(X, target), ours.mutual_info_regression(X, target, random_state=0), atol=1e-8)


def test_isas_agree() -> None:
    """Sums are added in the same order everywhere."""
    rng = seeded("isas")
    X, y = rng.standard_normal((3000, 2)), rng.integers(0, 3, 3000)
    found = set()
    before = engine.isas()[-1]
    for name in engine.isas():
        engine.use_isa(name)
        found.add((measure(X, y).tobytes(), measure(X, X[:, 1] ** 2).tobytes()))
    engine.use_isa(before)
    assert len(found) == 1
    with pytest.raises(ValueError, match="not available"):
        engine.use_isa("v9")
