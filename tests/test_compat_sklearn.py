"""fastent.compat.sklearn against scikit-learn itself, and the differences its docstring lists against exact values."""

import inspect
import itertools
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import MPContext

from fastent.compat import sklearn as ours

pytest.importorskip("sklearn", minversion="1.9")
metrics, cluster = (pytest.importorskip(f"sklearn.{name}") for name in ("metrics", "metrics.cluster"))
pd, pl, sp = (pytest.importorskip(name) for name in ("pandas", "polars", "scipy.sparse"))
mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 40

nan, inf, NA, obj = np.nan, np.inf, pd.NA, object
f2, f4 = np.float16, np.float32
NAMES = [name for name in ours.__all__ if name != "InvalidParameterError"]
AVERAGES = [{"average_method": a} for a in ("arithmetic", "geometric", "min", "max")]
BETAS = [{}, {"beta": 0.3}, {"beta": 4}, {"beta": np.float32(2)}, {"beta": True}]
SCORES = {
    "mutual_info_score": [{}],
    "normalized_mutual_info_score": [{}, *AVERAGES],
    "adjusted_mutual_info_score": [{}, *AVERAGES],
    "homogeneity_completeness_v_measure": BETAS,
    "v_measure_score": BETAS,
    "homogeneity_score": [{}],
    "completeness_score": [{}],
}


def theirs(name):
    return getattr(cluster, name, None) or getattr(metrics, name)


def outcome(function, args, kwargs):
    """What a call returns or raises, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    casts = "invalid value encountered in cast"  # listed
    return result, {(w.category, str(w.message)) for w in caught if str(w.message) != casts}


def check(name, *args, rtol=1e-12, atol=1e-14, **kwargs):
    """Same value, type, dtype, shape, error, message and warnings."""
    expected, expected_warnings = outcome(theirs(name), args, kwargs)
    got, got_warnings = outcome(getattr(ours, name), args, kwargs)
    label = f"{name}: {expected!r} {expected_warnings}, fastent {got!r} {got_warnings} of {args}, {kwargs}"
    if isinstance(expected, Exception):
        assert (type(got).__name__, str(got)) == (type(expected).__name__, str(expected)), label
    else:
        assert not isinstance(got, Exception) and type(got) is type(expected), label
        if sp.issparse(expected):
            assert got.indices.dtype == expected.indices.dtype and got.has_canonical_format, label
            assert got.dtype == expected.dtype, label
            got, expected = got.toarray(), expected.toarray()
        if isinstance(expected, np.ndarray):
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape), label
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, err_msg=label)
    assert got_warnings == expected_warnings, label


def rigid(x, y):
    """Listed: nothing to shuffle in one of the two, but not equal partitions."""
    return len(set(x)) == len(x) or len(set(y)) == len(y)


def check_scores(x, y, atol=1e-14, adjusted=True):
    for name, options in SCORES.items():
        for kwargs in options:
            if adjusted or name != "adjusted_mutual_info_score":
                check(name, x, y, atol=1e-12 if name.startswith("adj") else atol, **kwargs)


@pytest.mark.parametrize("name", NAMES)
def test_signature(name):
    got, expected = (inspect.signature(f).parameters.values() for f in (getattr(ours, name), theirs(name)))
    assert [(p.name, p.kind, p.default) for p in got] == [(p.name, p.kind, p.default) for p in expected]


def test_needs_neither_scikit_learn_nor_scipy():
    code = """
import sys
from fastent.compat.sklearn import *
mutual_info_score(["a", "b"], [1.0, 2.0]), adjusted_mutual_info_score([1, 1, 2], [1, 2, 2])
mutual_info_score(None, None, contingency=[[1, 2], [3, 4]]), contingency_matrix([1, 2], [1, 2])
log_loss(["a", "b"], [0.1, 0.2]), log_loss([0, 1], [[0.1, 0.9], [0.2, 0.8]], sample_weight=[1, 2])
assert not {"sklearn", "scipy", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sparse_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match="needs SciPy"):
        ours.contingency_matrix([1, 2], [1, 2], sparse=True)


# ---- agreement -----------------------------------------------------------------------------------------------------

WORDS = np.array(["oak", "elm", "ash", "yew", "fir", "box", "bay", "fig"])
KINDS = {
    "int": lambda x: x,
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "negative": lambda x: -3 * x.astype(np.int16),
    "wide": lambda x: x * 10**15,
    "uint8": lambda x: x.astype(np.uint8) * 2,
    "bool": lambda x: x > 2,
    "float": lambda x: x.astype(np.float64),
    "big-endian": lambda x: x.astype(">f4"),
    "longdouble": lambda x: x.astype(np.longdouble),
    "fractions": lambda x: x / 8 - 0.3,
    "str": lambda x: WORDS[x],
    "list of str": lambda x: WORDS[x].tolist(),
    "objects": lambda x: WORDS[x].astype(object),
    "numbers as objects": lambda x: x.astype(object),
    "mixed list": lambda x: [WORDS[i] if i % 2 else int(i) for i in x],
    "dates": lambda x: x.astype("M8[D]"),
    "records": lambda x: np.array(list(zip(x % 3, x // 3, strict=True)), "i4,i4"),
    "strided": lambda x: np.repeat(x, 3)[::3],
    "masked": lambda x: np.ma.array(x, mask=x == 1),
    "pandas": lambda x: pd.Series(x, index=x),
    "pandas str": lambda x: pd.Series(WORDS[x]),
    "pandas categories": lambda x: pd.Series(WORDS[x], dtype="category"),
    "pandas Int64": lambda x: pd.Series(x, dtype="Int64"),
    "pandas boolean": lambda x: pd.Series(x > 2, dtype="boolean"),
    "pandas arrow": lambda x: pd.Series(x, dtype="int64[pyarrow]"),
    "pandas sparse": lambda x: pd.Series(x, dtype="Sparse[int]"),
    "pandas index": lambda x: pd.Index(WORDS[x]),
    "polars": lambda x: pl.Series(WORDS[x]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_labels(kind):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 8, 200), rng.integers(0, 4, 200)
    check_scores(KINDS[kind](x), y)
    check_scores(y.tolist(), KINDS[kind](x))
    check("contingency_matrix", KINDS[kind](x), y)
    check("contingency_matrix", KINDS[kind](y), KINDS[kind](x), sparse=True)


def test_random_labellings(rng):
    for _ in range(150):
        n, levels, others = rng.integers(1, 80), *rng.integers(1, 9, 2)
        x, y = rng.integers(0, levels, n), rng.integers(0, others, n)
        y = np.where(rng.random(n) < rng.choice([0, 0.5, 0.9]), x, y)
        check_scores(x, y, adjusted=not rigid(x, y))


LABEL = st.sampled_from([0, 1, 2, -1, 1.5, True, 2.0, "a", "b", "", None, nan, b"c", 10**20])


@given(st.lists(LABEL, min_size=1, max_size=7), st.data(), st.booleans())
def test_any_labels(x, data, objects):
    y = data.draw(st.lists(LABEL, min_size=len(x) - 1, max_size=len(x)))
    if objects:
        x = np.fromiter(x, object, len(x))
    check("contingency_matrix", x, y) if len(x) == len(y) else None
    if y:
        check_scores(x, y, adjusted=False)


def test_many_labels(rng):
    n = 100_000
    x = rng.integers(0, 40, n)
    y = np.where(rng.random(n) < 0.3, x, rng.integers(0, 500, n))
    check_scores(x, y)
    check_scores(WORDS[x % 8].astype(object), y.astype(str), adjusted=False)
    check("contingency_matrix", x, np.arange(n) // 2)  # too large, or with too many levels, for dense counting
    check("contingency_matrix", np.arange(n) // 50, y * 20 + x)
    check("contingency_matrix", np.arange(n), y, sparse=True)
    assert ours.adjusted_mutual_info_score(np.arange(n), np.arange(n)[::-1]) == 1.0


def test_constant_single_and_empty():
    for x, y in (([], []), ([3], ["a"]), ([1] * 5, [2] * 5), ([1] * 5, [1, 2, 2, 2, 3]), ([1, 2, 1], [0, 0, 0])):
        for name, options in SCORES.items():
            for kwargs in options:
                if x or name != "mutual_info_score":
                    check(name, x, y, **kwargs)
        check("contingency_matrix", x, y)
        check("contingency_matrix", x, y, sparse=True)
    with pytest.raises(ValueError, match="not defined without samples"):
        ours.mutual_info_score([], [])


# fmt: off
BAD_LABELS = [
    5, None, "ab", b"ab", {1, 2}, {"a": 1}, iter([1]), np.array(5), [[1, 2]], [[0.1], [0.2]], [[0, 1], [1, 2]],
    [[0.5, 1], [1, 2]], np.ones((1, 1, 1)), np.ones((1, 0)), np.ones((0, 1)), [1], [1, 2, 3], [0.1, nan], [0.1, -inf],
    [1, None], ["a", None], [nan, "a"], np.array(["a", None], obj), np.array([nan, 1], obj), [NA, 1], [b"a", b"b"],
    [1j, 2], np.matrix([1, 2]), [[1], [2, 3]], np.array([[1], [2, 3]], obj), np.array([1, "a"], obj), [0.1, 0.2],
    pd.Series([1, None], dtype="Int64"), pd.Series([True, None], dtype="boolean"), pd.Series(["a", None]),
    pd.Series([1.5, 2], dtype="Float64"), pd.Series(["a", None], dtype="string[pyarrow]"), pd.DataFrame({"a": [1, 2]}),
    pl.Series([1, None]), pl.Series(["a", None]), sp.csr_array([[1, 2]]), [1e300, 2], range(2), [2**70, 1],
    [[0.1, 0.2], [0.3, 0.4]], [["a", "b"], ["a", "c"]], np.array(["2020", "NaT"], "M8[D]"), memoryview(b"ab"),
]
TABLES = [
    [[1, 2], [3, 4]], [[0, 0]], [[3], [4]], [1, 2], [1.7, 2], 5, "ab", [], [[]], {}, [[nan, 1], [1, 1]], [[inf, 1]],
    np.array([[1, 1j]]), [["a", "b"]], [["1", "2"], ["3", "4"]], np.ones((2, 2, 2)), np.ones((0, 2)), np.ones((2, 0)),
    np.array(5), np.array(["a", "b"]), pd.Series([1, 2]), pd.DataFrame([[1, 2], [3, 4]]), pl.Series([1, 2]),
    pd.DataFrame([[1, 2], [3, 4]], dtype="Int64"), pl.DataFrame([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]], obj),
    np.array([[nan, 2]], obj), [["a"], [1, 2]], np.matrix([[1, 2]]), [[True, False], [False, True]], [[0, 5], [0, 7]],
    np.array([[1, 2], [3, 4]], np.uint64), np.array([[1, 2], [3, 4]], "M8[s]"), sp.coo_array([1, 2, 3]),
    sp.csr_array((0, 3)), sp.csr_array([[1j, 2]]), sp.lil_array([[1, 2], [3, 4]]), sp.dia_array(np.eye(3)),
    sp.csc_matrix([[1, 2], [3, 0]]), sp.coo_array(([1, 2, 3, 4, 0], ([0, 0, 1, 1, 1], [0, 0, 1, 1, 0]))),
]
MATRIX_OPTIONS = [
    *({"dtype": t} for t in (bool, np.int8, np.uint16, f4, float, complex, np.longdouble, None, "i4", "bogus")),
    {"eps": 0}, {"eps": 0.5}, {"eps": True}, {"eps": -1}, {"eps": inf}, {"eps": nan}, {"eps": "1"}, {"sparse": 1},
    {"eps": 0.1, "dtype": f4}, {"eps": f4(0.1), "dtype": f4}, {"eps": 0.5, "dtype": bool}, {"sparse": True, "eps": 1},
    {"sparse": True}, {"sparse": True, "dtype": np.uint8}, {"sparse": True, "dtype": None}, {"sparse": np.True_},
    {"sparse": True, "dtype": f2},
]
# fmt: on


@pytest.mark.parametrize("bad", BAD_LABELS, ids=lambda bad: f"{bad!s:.25}".replace("\n", " "))
@pytest.mark.parametrize("name", SCORES)
def test_refused_labels(name, bad):
    for x, y in ((bad, [1, 2]), ([2, 1], bad), (bad, bad), ([0.5, 1.5], bad)):
        if x is not bad or not (name.startswith("adj") and len(np.unique([str(i) for i in y])) > 1):
            check(name, x, y)


@pytest.mark.parametrize("kwargs", [{"average_method": "min "}, {"average_method": None}, {"beta": -1}, {"beta": inf}])
def test_refused_options(kwargs):
    names = [name for name, options in SCORES.items() if any(kwargs.keys() <= o.keys() for o in options)]
    for name in names:
        expected, got = (outcome(f, ([1], [1]), kwargs)[0] for f in (theirs(name), getattr(ours, name)))
        assert sorted(str(got)) == sorted(str(expected))  # listed: the averages are in any order
        assert isinstance(got, ours.InvalidParameterError) and isinstance(got, ValueError | TypeError)
    check("v_measure_score", [1], [1], beta=nan)
    check("v_measure_score", [1], [1], beta="1")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table!s:.25}".replace("\n", " "))
def test_tables(table):
    check("mutual_info_score", None, None, contingency=table)
    check("mutual_info_score", "labels", None, contingency=table)


def test_tables_of_labels(rng):
    x, y = rng.integers(0, 6, 300), rng.integers(0, 5, 300)
    counts = np.histogram2d(x, y, (6, 5))[0]
    duplicates = sp.coo_array((np.ones(300, int), (x, y)))
    for table in (counts, counts.astype(int).tolist(), sp.csr_array(counts), sp.csc_matrix(counts), duplicates):
        check("mutual_info_score", None, None, contingency=table)
        assert ours.mutual_info_score(None, None, contingency=table) == ours.mutual_info_score(x, y)
    assert duplicates.nnz == 300  # left as it was


@pytest.mark.parametrize("kwargs", MATRIX_OPTIONS, ids=str)
def test_contingency_matrix(kwargs):
    check("contingency_matrix", [1, 2, 1] + [5] * 300, [2, 1, 1] + [9] * 300, **kwargs)
    check("contingency_matrix", [nan, 1, nan, -0.0, 0.0], [b"b", b"a", b"b", b"a", b"a"], **kwargs)
    check("contingency_matrix", pd.Series([1, 2, None], dtype="Int64"), [1j, 2, 2], **kwargs)


# ---- what scikit-learn loses ---------------------------------------------------------------------------------------


def exact_information(table):
    table = [[mp.mpf(c) for c in row] for row in table]
    total, rows = mp.fsum(map(mp.fsum, table)), [mp.fsum(row) for row in table]
    columns = [mp.fsum(column) for column in zip(*table, strict=True)]
    cells = [(c, a, b) for row, a in zip(table, rows, strict=True) for c, b in zip(row, columns, strict=True) if c]
    return mp.fsum(c / total * mp.ln(c * total / a / b) for c, a, b in cells)


@pytest.mark.parametrize(
    "table",
    [
        [[1.7, 2.0], [3.0, 4.25]],
        [[10**6, 10**6], [10**6, 10**6 + 1]],
        [[4 * 10**9, 1], [1, 4 * 10**9]],
        [[2.0**62, 1.0], [3.0, 2.0**62]],
        [[1e-300, 2e-300], [3e-300, 1e-300]],
    ],
)
def test_exact_information(table):
    for form in (table, np.array(table), np.array(table, object), pd.DataFrame(table), sp.csr_array(table)):
        got = ours.mutual_info_score(None, None, contingency=form)
        assert got == pytest.approx(float(exact_information(table)), rel=1e-14, abs=0)


def test_exactly_zero_and_one(rng):
    for rows, columns in itertools.product(range(2, 8), repeat=2):
        table = np.outer(rng.integers(1, 50, rows), rng.integers(1, 50, columns))
        assert ours.mutual_info_score(None, None, contingency=table) == 0.0
        x = np.repeat(np.arange(rows * columns), rng.integers(1, 9, rows * columns))
        y = rng.permutation(rows * columns)[x]
        assert all(ours.normalized_mutual_info_score(x, y, **kwargs) == 1.0 for kwargs in AVERAGES)
        assert all(ours.adjusted_mutual_info_score(x, y, **kwargs) == 1.0 for kwargs in AVERAGES)
        assert ours.homogeneity_completeness_v_measure(x, y) == (1.0, 1.0, 1.0)
        assert ours.homogeneity_score(x // columns, y) == ours.completeness_score(x, y % columns) == 1.0


def test_other_listed_values():
    for x, y in ((range(7), [0, 0, 1, 1, 2, 2, 2]), ([0, 0, 0, 1, 1, 1, 2, 2], range(8))):
        assert {ours.adjusted_mutual_info_score(x, y, **kwargs) for kwargs in AVERAGES} == {0.0}
    assert ours.homogeneity_completeness_v_measure([1, 1, 1], [1, 1, 2], beta=0) == (1.0, 0.0, 0.0)
    close = pd.Series([2**53, 2**53 + 1], dtype="Int64")
    assert ours.mutual_info_score(close, [0, 1]) == ours.mutual_info_score([0, 1], [0, 1]) == math.log(2)
    strings = np.array(["a", "b"], np.dtypes.StringDType())
    assert ours.mutual_info_score(strings, [0, 1]) == math.log(2)
    assert ours.contingency_matrix([1, 1], [1, 1], dtype=f2).dtype == f2
    for kwargs in ({"dtype": object}, {"dtype": "U3"}):
        with pytest.raises(ValueError, match="dtype must be"):
            ours.contingency_matrix([1, 2], [1, 2], **kwargs)
    for x, y in (([[1, 2]], [1]), (None, None), ([1, 2, 3], [1, 2])):
        with pytest.raises(ValueError, match="must be 1D|inconsistent numbers of samples"):
            ours.contingency_matrix(x, y)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[0, 0], [0, 0]], "nothing but zeros"),
        (sp.csr_array((2, 2)), "nothing but zeros"),
        ([[1, -1], [2, 3]], "negative numbers, got -1"),
        (sp.csr_array([[1, -1], [2, 3]]), "negative numbers, got -1"),
        (sp.csr_array([[1.5, nan], [3, 4]]), "Input contains NaN."),
        (sp.coo_array(np.ones((2, 2, 2))), "Found array with dim 3"),
    ],
)
def test_refused_tables(table, message):
    with pytest.raises(ValueError, match=message):
        ours.mutual_info_score(None, None, contingency=table)


# ---- log loss ------------------------------------------------------------------------------------------------------

# fmt: off
T, ONE, M8 = [0, 1, 1], [0.2, 0.7, 0.6], np.array(["2020", "2021", "2021"], "M8[Y]")
TWO, THREE = [[0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], [[0.5, 0.2, 0.3], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]
INDICATOR, COLUMN = np.array([[0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1]])
PROBABILITIES = [
    ONE, [[p] for p in ONE], TWO, THREE, np.array(TWO) * 0.9, np.array(THREE) * 0.9, [0.2, 0.7, 1.1], [0.2, 0.7, -0.1],
    [0.2, 0.7, nan], [0.2, 0.7, inf], [], 0.5, None, np.array(0.5), np.ones((1, 1, 1)), np.ones((3, 0)), ["a", "b", "c"],
    [".2", ".7", ".6"], [1j, 1, 1], np.array([1j, 1, 1]), np.matrix(ONE), sp.csr_array(TWO), [0, 1, 0], [False, True, True],
    np.longdouble(ONE), np.array(ONE, ">f8"), pd.Series(ONE), pd.Series(ONE, dtype="Float64"), pd.DataFrame(TWO),
    pl.Series(ONE), [ONE], np.ma.array(ONE, mask=[0, 0, 1]), np.ones((0, 2)), np.array(ONE, obj), "abc", {1, 2, 3},
]
TRUTHS = [
    T, [0, 0, 0], ["a"] * 3, [0, 1, 2], [0, 1], [], [0, 1, 5], "abc", {0, 1, 2}, 5, INDICATOR, INDICATOR * 2, INDICATOR > 0,
    INDICATOR.tolist(), INDICATOR * 1.0, COLUMN, COLUMN.tolist(), COLUMN + 6, [0.5, 1, 1], np.array([0.5, 1, 1]),
    [1.0, 0, 1], [nan, 0, 1], np.array([nan, 0, 1]), [inf, 0, 1], [1, "a", 1], np.array([1, "a", 1], obj), np.array(T, obj),
    np.array(list("aba"), obj), list("aba"), [b"a", b"b", b"b"], [None, 1, 1], ["a", None, "b"], [[0, 1], [1], [1]],
    pd.Series(["x", "y", "x"]), pd.Series(["x", "y", "x"], dtype="category"), pd.Series(T, dtype="Int64"),
    pd.Series([1, None, 1], dtype="Int64"), pd.Series(T, dtype="boolean"), pd.DataFrame({"a": T}), pl.Series(T),
    sp.csr_array(INDICATOR), np.array(T, np.uint8), [True, False, True], [T], [[1, 2], [3, 4], [5, 6]], (0, 1, 1),
    np.array([[1, 2.5], [3, 4], [5, 6]]), np.ones((3, 1, 1)), np.array(1), M8, [1j, 2, 3], range(3), [2**70, 1, 1],
    np.ma.array(T, mask=[0, 0, 1]), np.ma.array(T), ["a", "b", "a"], pd.arrays.SparseArray(T),
]
LABELS = [
    [0, 1], [1, 0], [0], [], [0, 1, 2], [2, 0, 1], [-1, 0, 1], [0, 1, 1], [0.5, 1], "ab", ["0", "1"], ["a", "b"],
    list("cab"), pd.Series([1, 0]), np.array([0, 1]), (0, 1), {0, 1}, range(3), [False, True], [0, "a"], [[0], [1]],
    np.array([[0, 1]]), np.array(["a", "b"], obj), np.array([0, 1], obj), [0.0, 1.0], [None, 1], M8[:2],
]
WEIGHTS = [
    [1, 2], [1, 2, 3], [0, 0, 0], [1, -1, 0], [1, nan, 0], [[1], [1], [0]], 2, [True, False, True], ["a", "b", "c"],
    pd.Series([1, 2, 3], index=[5, 6, 7]), np.array([1, 2, 3], f4), np.array([1, 2, 3], obj), [1e300, 1e300, 1],
]
# fmt: on


@pytest.mark.parametrize("y", TRUTHS, ids=lambda y: f"{y!s:.25}".replace("\n", " "))
def test_log_loss(y):
    for p, labels in itertools.product((ONE, TWO, THREE), (None, *LABELS)):
        check("log_loss", y, p, labels=labels)


@pytest.mark.parametrize("p", PROBABILITIES, ids=lambda p: f"{p!s:.25}".replace("\n", " "))
def test_log_loss_of_probabilities(p):
    for y, weights in itertools.product((T, INDICATOR, [0, 1, 2], [1, 1, 1]), (None, [1, 2, 3])):
        check("log_loss", y, p, sample_weight=weights)
        check("log_loss", y, p, normalize=False, sample_weight=weights)
    check("log_loss", T, y_pred=p)
    check("log_loss", T, p, y_pred=p)


def test_log_loss_options():
    for weights, normalize in itertools.product(WEIGHTS, (True, False)):
        check("log_loss", T, ONE, sample_weight=weights, normalize=normalize)
        check("log_loss", [0, 1, 2], THREE, sample_weight=weights, normalize=normalize)
    for kwargs in ({"normalize": 1}, {"normalize": None}, {"normalize": np.False_}, {"y_pred": "x"}, {"y_pred": 3}, {}):
        check("log_loss", T, ONE, **kwargs)
        check("log_loss", T, **kwargs)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_log_loss_of_many(rng, classes):
    y, p = rng.integers(0, classes, 5000), rng.dirichlet(np.full(classes, 0.5), 5000)
    words = np.sort(WORDS)[:classes]
    for truth in (y, words[y], words[y].tolist(), words[y].astype(object), pd.Series(words[y]), np.eye(classes)[y]):
        check("log_loss", truth, p)
        check("log_loss", truth, p, sample_weight=rng.random(5000), normalize=False)
    check("log_loss", y % 2, p[:, 0].clip(0.01), atol=1e-13)
    check("log_loss", y, p, labels=range(classes))


@pytest.mark.parametrize("dtype", [f2, f4, np.float64])
def test_log_loss_is_exact(rng, dtype):
    """Of the probabilities as they are in their dtype: clipped by its eps, but computed in 64 bits."""
    eps = mp.mpf(float(np.finfo(dtype).eps))
    p = np.concatenate([[0, 1, np.finfo(dtype).eps, 1 - np.finfo(dtype).eps, 1e-7, 1e-3], rng.random(50)]).astype(dtype)
    q = [min(max(mp.mpf(float(x)), eps), 1 - eps) for x in p]
    for y in (np.zeros(len(p), int), np.ones(len(p), int), np.arange(len(p)) % 2):
        losses = [-mp.ln(x if k else 1 - x) for x, k in zip(q, y, strict=True)]
        for proba in (p, p[:, None]):
            got = ours.log_loss(y, proba, labels=[0, 1], normalize=False)
            assert got == pytest.approx(float(mp.fsum(losses)), rel=1e-15)
        for i in range(len(p)):
            assert ours.log_loss(y[i : i + 1], p[i : i + 1], labels=[0, 1]) == pytest.approx(
                float(losses[i]), rel=1e-15
            )
    two = np.stack([1 - p, p], axis=1)
    picked = [min(max(mp.mpf(float(x)), eps), 1 - eps) for x in two[:, 0]]
    got = ours.log_loss(np.zeros(len(p), int), two, labels=[0, 1])
    assert got == pytest.approx(float(-mp.fsum(map(mp.ln, picked)) / len(p)), rel=1e-15)


def test_warnings_name_the_line_that_calls():
    with pytest.warns(UserWarning, match="expects discrete values") as caught:
        ours.v_measure_score([0.5, 1.5], [1, 2])
        ours.mutual_info_score([0.5, 1.5], [1, 2])
    with pytest.warns(Warning) as more:
        ours.log_loss(T, y_pred=np.array(TWO) * 0.9, labels=[1, 0])
    assert len(caught) == 2 and len(more) == 3 and {w.filename for w in [*caught, *more]} == {__file__}
