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
metrics, cluster, selection = (
    pytest.importorskip(f"sklearn.{name}") for name in ("metrics", "metrics.cluster", "feature_selection")
)
pd, pl, sp = (pytest.importorskip(name) for name in ("pandas", "polars", "scipy.sparse"))
mp = MPContext()  # a context of our own: the precision of mpmath.mp is shared with other tests
mp.dps = 40

MATRIX = np.ones((1, 3)).view(np.matrix)
nan, inf, NA, obj, ANY = np.nan, np.inf, pd.NA, object, 1e300
f2, f4 = np.float16, np.float32
NAMES = [name for name in ours.__all__ if name != "InvalidParameterError"]
AVERAGES = [{"average_method": a} for a in ("arithmetic", "geometric", "min", "max")]
BETAS = [{}, {"beta": 0.3}, {"beta": 4}, {"beta": np.float64(2)}, {"beta": True}]
SCORES = {name: [{}] for name in ("mutual_info_score", "homogeneity_score", "completeness_score")}
SCORES |= {name: [{}, *AVERAGES] for name in ("normalized_mutual_info_score", "adjusted_mutual_info_score")}
SCORES |= dict.fromkeys(("homogeneity_completeness_v_measure", "v_measure_score"), BETAS)


def theirs(name):
    return next(getattr(module, name) for module in (cluster, metrics, selection) if hasattr(module, name))


def outcome(function, args, kwargs):
    """What a call returns or raises, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    return result, {(w.category, str(w.message)) for w in caught if "in cast" not in str(w.message)}  # listed


def check(name, *args, atol=1e-14, **kwargs):
    """Same value, type, dtype, shape, error, message and warnings."""
    expected, expected_warnings = outcome(theirs(name), args, kwargs)
    got, got_warnings = outcome(getattr(ours, name), args, kwargs)
    if isinstance(expected, Exception):
        texts = [sorted(str(e)) if "values {" in str(e) else str(e) for e in (got, expected)]  # of sets, in any order
        same = type(got).__name__ == type(expected).__name__ and texts[0] == texts[1]
    elif sp.issparse(expected):
        same = type(got) is type(expected) and got.indices.dtype == expected.indices.dtype and got.has_canonical_format
        same = same and got.dtype == expected.dtype and np.array_equal(got.toarray(), expected.toarray())
    else:
        same = type(got) is type(expected) and np.shape(got) == np.shape(expected)
        same = same and np.allclose(got, expected, rtol=1e-12, atol=atol)
        same = same and (not isinstance(got, np.ndarray) or got.dtype == expected.dtype)
    outcomes = expected, expected_warnings, got, got_warnings
    assert same and got_warnings == expected_warnings, f"{outcomes} of {args!s:.300}, {kwargs}"


def check_scores(x, y, adjusted=1e-12):
    for name, options in SCORES.items():
        for kwargs in options:
            check(name, x, y, atol=adjusted if name.startswith("adj") else 1e-14, **kwargs)


@pytest.mark.parametrize("name", NAMES)
def test_signature(name):
    got, expected = (inspect.signature(f).parameters.values() for f in (getattr(ours, name), theirs(name)))
    assert [(p.name, p.kind, p.default) for p in got] == [(p.name, p.kind, p.default) for p in expected]


def test_needs_neither_scikit_learn_nor_scipy():
    code = """
import sys
import numpy as np
from fastent.compat.sklearn import *
mutual_info_score(["a", "b"], [1.0, 2.0]), adjusted_mutual_info_score([1, 1, 2], [1, 2, 2])
mutual_info_score(None, None, contingency=[[1, 2], [3, 4]]), contingency_matrix([1, 2], [1, 2])
mutual_info_classif([[0.5], [1.5], [2.5]], ["a", "b", "a"]), mutual_info_regression(np.eye(5), np.arange(5.0))
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
# fmt: off
KINDS = {
    "int": lambda x: x, "list": lambda x: x.tolist(), "tuple": lambda x: tuple(x.tolist()),
    "int16": lambda x: -3 * x.astype(np.int16), "wide": lambda x: x * 10**15, "uint8": lambda x: x.astype(np.uint8) * 2,
    "bool": lambda x: x > 2, "float": lambda x: x.astype(np.float64), "big-endian": lambda x: x.astype(">f4"),
    "longdouble": lambda x: x.astype(np.longdouble), "fractions": lambda x: x / 8 - 0.3, "str": lambda x: WORDS[x],
    "list of str": lambda x: WORDS[x].tolist(), "objects": lambda x: WORDS[x].astype(object),
    "numbers as objects": lambda x: x.astype(object), "strided": lambda x: np.repeat(x, 3)[::3],
    "mixed list": lambda x: [WORDS[i] if i % 2 else int(i) for i in x], "dates": lambda x: x.astype("M8[D]"),
    "records": lambda x: np.array(list(zip(x % 3, x // 3, strict=True)), "i4,i4"),
    "masked": lambda x: np.ma.array(x, mask=x == 1), "pandas": lambda x: pd.Series(x, index=x),
    "pandas str": lambda x: pd.Series(WORDS[x]), "pandas Int64": lambda x: pd.Series(x, dtype="Int64"),
    "pandas categories": lambda x: pd.Series(WORDS[x], dtype="category"), "pandas index": lambda x: pd.Index(WORDS[x]),
    "pandas boolean": lambda x: pd.Series(x > 2, dtype="boolean"), "polars": lambda x: pl.Series(WORDS[x]),
    "pandas arrow": lambda x: pd.Series(x, dtype="int64[pyarrow]"),
    "pandas sparse": lambda x: pd.Series(x, dtype="Sparse[int]"),
}
BAD_LABELS = [
    5, None, "ab", b"ab", {1, 2}, {"a": 1}, iter([1]), np.array(5), [[1, 2]], [[0.1], [0.2]], [[0, 1], [1, 2]],
    [[0.5, 1], [1, 2]], np.ones((1, 1, 1)), np.ones((1, 0)), np.ones((0, 1)), [1], [1, 2, 3], [0.1, nan], [0.1, -inf],
    [1, None], ["a", None], [nan, "a"], np.array(["a", None], obj), np.array([nan, 1], obj), [NA, 1], [b"a", b"b"],
    [1j, 2], MATRIX, [[1], [2, 3]], np.array([[1], [2, 3]], obj), np.array([1, "a"], obj), [0.1, 0.2],
    pd.Series([1, None], dtype="Int64"), pd.Series([True, None], dtype="boolean"), pd.Series(["a", None]),
    pd.Series([1.5, 2], dtype="Float64"), pd.Series(["a", None], dtype="string[pyarrow]"), pd.DataFrame({"a": [1, 2]}),
    pl.Series([1, None]), pl.Series(["a", None]), sp.csr_array([[1, 2]]), [1e300, 2], range(2), [2**70, 1],
    [[0.1, 0.2], [0.3, 0.4]], [["a", "b"], ["a", "c"]], np.array(["2020", "NaT"], "M8[D]"),
]
TABLES = [
    [[1, 2], [3, 4]], [[0, 0]], [[3], [4]], [1, 2], [1.7, 2], 5, "ab", [], [[]], {}, [[nan, 1], [1, 1]], [[inf, 1]],
    np.array([[1, 1j]]), [["a", "b"]], [["1", "2"], ["3", "4"]], np.ones((2, 2, 2)), np.ones((0, 2)), np.ones((2, 0)),
    np.array(5), np.array(["a", "b"]), pd.Series([1, 2]), pd.DataFrame([[1, 2], [3, 4]]), pl.Series([1, 2]),
    pd.DataFrame([[1, 2], [3, 4]], dtype="Int64"), pl.DataFrame([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]], obj),
    np.array([[nan, 2]], obj), [["a"], [1, 2]], MATRIX, [[True, False], [False, True]], [[0, 5], [0, 7]],
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
LOST = [
    [[1.7, 2.0], [3.0, 4.25]], [[10**6, 10**6], [10**6, 10**6 + 1]], [[4 * 10**9, 1], [1, 4 * 10**9]],
    [[2.0**62, 1.0], [3.0, 2.0**62]],
]
# fmt: on


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_labels(kind):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 8, 200), rng.integers(0, 4, 200)
    check_scores(KINDS[kind](x), y)
    check_scores(y.tolist(), KINDS[kind](x))
    check("contingency_matrix", KINDS[kind](x), y)
    check("contingency_matrix", KINDS[kind](y), KINDS[kind](x), sparse=True)


def test_random_labellings(rng):
    for _ in range(40):
        n, levels, others = rng.integers(1, 80), *rng.integers(1, 9, 2)
        x, y = rng.integers(0, levels, n), rng.integers(0, others, n)
        y = np.where(rng.random(n) < rng.choice([0, 0.5, 0.9]), x, y)
        rigid = len(set(x)) == n or len(set(y)) == n  # listed: shuffling changes nothing
        check_scores(x, y, adjusted=ANY if rigid else 1e-12)


LABEL = st.sampled_from([0, 1, 2, -1, 1.5, True, 2.0, "a", "b", "", None, nan, b"c", 10**20])


@given(st.lists(LABEL, min_size=1, max_size=7), st.data(), st.booleans())
def test_any_labels(x, data, objects):
    y = data.draw(st.lists(LABEL, min_size=len(x) - 1, max_size=len(x)))
    x = np.fromiter(x, object, len(x)) if objects else x
    if len(x) == len(y):
        check("contingency_matrix", x, y)
    if y:
        check_scores(x, y, adjusted=ANY)


def test_many_labels(rng):
    n, x = 100_000, rng.integers(0, 40, 100_000)
    y = np.where(rng.random(n) < 0.3, x, rng.integers(0, 100, n))
    for name, options in SCORES.items():
        check(name, x, y, atol=1e-11 if name.startswith("adj") else 1e-14, **options[-1])
    check("mutual_info_score", WORDS[x % 8].astype(object), y.astype(str))
    check("contingency_matrix", x, np.arange(n) // 2)  # too large, or with too many levels, for dense counting
    check("contingency_matrix", np.arange(n) // 50, y * 100 + x)
    check("contingency_matrix", np.arange(n), y, sparse=True)
    assert ours.adjusted_mutual_info_score(np.arange(n), np.arange(n)[::-1]) == 1.0


def test_constant_single_and_empty():
    for x, y in (([], []), ([3], ["a"]), ([1] * 5, [2] * 5), ([1] * 5, [1, 2, 2, 2, 3]), ([1, 2, 1], [0, 0, 0])):
        for name, options in SCORES.items():
            for kwargs in options if x or name != "mutual_info_score" else []:  # listed
                check(name, x, y, **kwargs)
        check("contingency_matrix", x, y)
        check("contingency_matrix", x, y, sparse=True)
    with pytest.raises(ValueError, match="not defined without samples"):
        ours.mutual_info_score([], [])


@pytest.mark.parametrize("bad", BAD_LABELS, ids=lambda bad: f"{bad!s:.25}".replace("\n", " "))
@pytest.mark.parametrize("name", SCORES)
def test_refused_labels(name, bad):
    for x, y in ((bad, [1, 2]), ([2, 1], bad), (bad, bad), ([0.5, 1.5], bad)):
        check(name, x, y, atol=ANY if name.startswith("adj") else 1e-14)  # listed: of two samples


@pytest.mark.parametrize("kwargs", [{"average_method": "min "}, {"average_method": None}, {"beta": -1}, {"beta": nan}])
def test_refused_options(kwargs):
    for name in [name for name, options in SCORES.items() if kwargs.keys() <= options[-1].keys()]:
        expected, got = (outcome(f, ([1], [1]), kwargs)[0] for f in (theirs(name), getattr(ours, name)))
        assert sorted(str(got)) == sorted(str(expected))  # listed: the averages are in any order
        assert isinstance(got, ours.InvalidParameterError) and isinstance(got, ValueError | TypeError)
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
        assert ours.mutual_info_score(None, None, contingency=table) == ours.mutual_info_score(x, y)
        assert table is not duplicates or duplicates.nnz == 300, "the caller's table was changed"
        check("mutual_info_score", None, None, contingency=table)


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


@pytest.mark.parametrize("table", LOST, ids=str)
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
        with pytest.raises(ValueError, match=r"must be 1D|inconsistent numbers"):
            ours.contingency_matrix(x, y)


def test_refused_tables():
    zeros, negative = ([[0, 0], [0, 0]], "nothing but zeros"), ([[1, -1], [2, 3]], "negative numbers, got -1")
    cases = [zeros, negative, *((sp.csr_array(table), message) for table, message in (zeros, negative))]
    cases += [
        (sp.csr_array([[1.5, nan]]), "Input contains NaN"),
        (sp.coo_array(np.ones((2, 2, 2))), "array with dim 3"),
    ]
    for table, message in cases:
        with pytest.raises(ValueError, match=message):
            ours.mutual_info_score(None, None, contingency=table)


# ---- log loss ------------------------------------------------------------------------------------------------------

# fmt: off
T, ONE, M8 = [0, 1, 1], [0.2, 0.7, 0.6], np.array(["2020", "2021", "2021"], "M8[Y]")
TWO, THREE = [[0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], [[0.5, 0.2, 0.3], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]
INDICATOR, COLUMN = np.array([[0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1]])
PROBABILITIES = [
    ONE, [[p] for p in ONE], TWO, THREE, np.array(TWO) * 0.9, np.array(THREE) * 0.9, [0.2, 0.7, 1.1], [0.2, 0.7, -0.1],
    [0.2, 0.7, nan], [0.2, 0.7, inf], [], 0.5, None, np.array(0.5), np.ones((1, 1, 1)), np.ones((3, 0)), list("abc"),
    [".2", ".7", ".6"], [1j, 1, 1], np.array([1j, 1, 1]), MATRIX, sp.csr_array(TWO), [0, 1, 0], [False, True],
    np.longdouble(ONE), np.array(ONE, ">f8"), pd.Series(ONE), pd.Series(ONE, dtype="Float64"), pd.DataFrame(TWO),
    pl.Series(ONE), [ONE], np.ma.array(ONE, mask=[0, 0, 1]), np.ones((0, 2)), np.array(ONE, obj), "abc", {1, 2, 3},
]
TRUTHS = [
    T, [0, 0, 0], ["a"] * 3, [0, 1, 2], [0, 1], [], [0, 1, 5], "abc", {0, 1, 2}, 5, INDICATOR, INDICATOR * 2,
    INDICATOR > 0, INDICATOR.tolist(), INDICATOR * 1.0, COLUMN, COLUMN.tolist(), COLUMN + 6, [0.5, 1, 1], [1.0, 0, 1],
    np.array([0.5, 1, 1]), [nan, 0, 1], np.array([nan, 0, 1]), [inf, 0, 1], [1, "a", 1], np.array([1, "a", 1], obj),
    np.array(T, obj), np.array(list("aba"), obj), list("aba"), [b"a", b"b", b"b"], [None, 1, 1], ["a", None, "b"],
    [[0, 1], [1], [1]], pd.Series(list("xyx")), pd.Series(list("xyx"), dtype="category"), pd.Series(T, dtype="Int64"),
    pd.Series([1, None, 1], dtype="Int64"), pd.Series(T, dtype="boolean"), pd.DataFrame({"a": T}), pl.Series(T),
    sp.csr_array(INDICATOR), np.array(T, np.uint8), [True, False, True], [T], [[1, 2], [3, 4], [5, 6]], (0, 1, 1),
    np.array([[1, 2.5], [3, 4], [5, 6]]), np.ones((3, 1, 1)), np.array(1), M8, [1j, 2, 3], range(3), [2**70, 1, 1],
    np.ma.array(T, mask=[0, 0, 1]), np.ma.array(T), pd.arrays.SparseArray(T), np.array(["a", 1, "b"], obj),
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
    for labels, p in [(None, ONE), (None, TWO), (None, THREE), *((labels, THREE) for labels in LABELS), ([0, 1], ONE)]:
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
            total = ours.log_loss(y, proba, labels=[0, 1], normalize=False)
            assert total == pytest.approx(float(mp.fsum(losses)), rel=2e-15)
        for k, x, loss in zip(y, p, losses, strict=True):
            assert ours.log_loss([k], np.array([x]), labels=[0, 1]) == pytest.approx(float(loss), rel=2e-15)
    got = ours.log_loss(np.zeros(len(p), int), np.stack([p, 1 - p], axis=1), labels=[0, 1])
    assert got == pytest.approx(float(-mp.fsum(map(mp.ln, q)) / len(p)), rel=2e-15)


def test_warnings_name_the_line_that_calls():
    with pytest.warns(UserWarning, match="expects discrete values") as caught:
        ours.v_measure_score([0.5, 1.5], [1, 2])
        ours.mutual_info_score([0.5, 1.5], [1, 2])
    with pytest.warns(Warning) as more:
        ours.log_loss(T, y_pred=np.array(TWO) * 0.9, labels=[1, 0])
    assert len(caught) == 2 and len(more) == 3 and {w.filename for w in [*caught, *more]} == {__file__}
