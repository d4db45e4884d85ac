"""fastent.compat.scipy against SciPy itself, and every difference its docstring lists against the exact value."""

import inspect
import itertools
import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import mp, mpf
from oracle import MEASURES, exact, relative_error

import fastent
from fastent.compat import scipy as ours

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
nan, inf = np.nan, np.inf
f2, f4 = np.float16, np.float32
NAMES = ("entropy", "jensenshannon", "entr", "rel_entr", "kl_div")


@pytest.fixture(scope="module")
def theirs():
    pytest.importorskip("scipy", minversion="1.17")
    from scipy import special, stats
    from scipy.spatial import distance

    homes = {"entropy": stats, "jensenshannon": distance}
    return {name: getattr(homes.get(name, special), name) for name in NAMES}


def outcome(function, args, kwargs):
    """What a call returns or raises, and its warnings, once each: SciPy repeats them row by row."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    return result, {(w.category, str(w.message)) for w in caught if not issubclass(w.category, DeprecationWarning)}


def same_error(got, expected):
    """SciPy's class, or a parent of it: some of NumPy's are private."""
    return isinstance(got, Exception) and isinstance(expected, type(got)) and str(got) == str(expected)


def check(theirs, name, *args, rtol=None, **kwargs):
    """Same value, type, dtype, shape, error, message and warnings."""
    expected, expected_warnings = outcome(theirs[name], args, kwargs)
    got, got_warnings = outcome(getattr(ours, name), args, kwargs)
    label = f"{name}: SciPy {expected!r} {expected_warnings}, fastent {got!r} {got_warnings} of {kwargs}, {args}"
    if isinstance(expected, Exception):
        assert same_error(got, expected), label
    else:
        assert type(got) is type(expected) and got.dtype == expected.dtype and got.shape == expected.shape, label
        rtol = rtol or (3e-6 if expected.dtype == np.float32 else 1e-12)
        assert np.allclose(got, expected, rtol=rtol, atol=rtol, equal_nan=True), label
    assert got_warnings == expected_warnings, label


def random_rows(*shape, seed=0):
    return np.random.default_rng(seed).gamma(0.7, size=shape)


P, Q = random_rows(4, 5), random_rows(4, 5, seed=1)
P3, Q3 = random_rows(2, 3, 4), random_rows(2, 3, 4, seed=1)
HOLES = np.where(random_rows(4, 5, seed=2) < 0.3, nan, P)
ZEROS = np.where(random_rows(4, 5, seed=3) < 0.3, 0, P)
# fmt: off
ODD_ROWS = np.array([
    [1, 2, 3, 4], [1, -1, 3, 4], [-1, -2, -3, -4], [0, 0, 0, 0], [1, -1, 0, 0], [1, -1, 2, -2], [nan, 1, 2, 3],
    [inf, 1, 2, 3], [-inf, 1, 2, 3], [inf, -inf, 1, 2], [inf, nan, 1, -1], [0, 5, 0, 0], [-0.0, -0.0, 2, 2],
    [0, -3, -1, -0.0], [nan] * 4, [1, 1, 1, -3], [2, 0, -1, -1], [1e-300, -1e-300, 1, 1], [1, nan, -1, 0],
])
INPUTS = {
    "1d": P[0], "2d": P, "3d": P3, "0d": np.array(2.0), "zeros": ZEROS, "holes": HOLES, "f4": f4(P), "bool": P > 0.5,
    "f4 holes": f4(HOLES), "int": np.arange(12).reshape(3, 4), "u1": np.uint8([[200, 100], [255, 9]]), "odd": ODD_ROWS,
    "odd columns": ODD_ROWS.T, "odd f4": f4(ODD_ROWS), "fortran": np.asfortranarray(P), "empty": np.ones(0),
    "strided": P3[::-1, ::2, ::-1], "big-endian": P.astype(">f8"), "no rows": np.ones((0, 3)),
    "no columns": np.ones((3, 0)), "empty f4": np.ones((2, 0, 3), f4),
}
AXES = [
    0, 1, -1, -2, 2, None, (0, 1), (1, 0), (-1,), (), (0, 0), (0, 7), np.int64(0), 1.0, "0", (1.0,), True,
    np.array([0]),
]
BASES = [None, 2, 10.0, np.float64(3), f4(2), 0.5, 1, inf, nan, 0, -2, "2", 1j, [2, 3], np.array(2.0), True, 10**400]
PAIRS = [
    (P, P[0]), (P, P[:, :1]), (P, P[:1]), (P[0], P), (P[:, None], Q[None]), (P3, Q3[0]), (P3, P3[0, 0]), (P3, [[1.0]]),
    (P, Q[:2]), ([1, 2, 3], [1.0, 2]), ([1, 2, 3], 2.0), (3, 4), (3.0, [1, 2]), ([], []), ([], [1.0]), (P, 1),
    (0.0, 0.0), (np.ones((0, 3)), np.ones(3)), (np.ones((2, 0)), np.ones((2, 1))), ([[1], [2]], [3, 4]),
]
DTYPES = "?bBhHiIlLefd"
REFUSED = [
    np.longdouble([1, 2]), [1j, 2], np.array([1, 2], object), ["a", "b"], "ab", b"ab", np.array(["2020-01"], "M8[D]"),
    [[1], [1, 2]], {}, {1, 2}, None, [None], np.array([1.5, None], object), object, iter("ab"),
]
CALLS = {
    "entropy": [
        ((), {}), (([1], [1], 2, 0, "omit"), {}), (([1],), {"foo": 1}), (([1],), {"pk": [1]}), ((), {"qk": [1]}),
        (([1, nan],), {"base": -1, "nan_policy": "raise"}), (([1, 2], [1, 2, 3]), {"base": -1, "axis": 4}),
        ((None, [1, 2]), {}), (([],), {"base": -1}), (([1, nan],), {"axis": 3, "nan_policy": "what"}),
        ((P,), {"keepdims": "x"}), ((P,), {"keepdims": None}), ((P,), {"nan_policy": []}), ((P, None, 2, -1), {}),
        ((), {"pk": [1, 2], "qk": [3, 4]}), ((np.array([1, 2], "m8[s]"),), {}),
    ],
    "jensenshannon": [
        (([1],), {}), (([1], [1], 2, 0), {}), (([1], [1]), {"foo": 1}), *(((P, Q), {"axis": axis}) for axis in AXES),
        *(((P, Q), {"keepdims": keepdims}) for keepdims in ("x", None, np.True_, 1, 1.5)),
    ],
}
UFUNC_OPTIONS = [
    {"dtype": "f4"}, {"dtype": "f8"}, {"dtype": "f2"}, {"dtype": int}, {"dtype": "what"}, {"casting": "no"},
    {"dtype": "f4", "casting": "safe"}, {"dtype": "f4", "casting": "unsafe"}, {"casting": "what"}, {"order": "z"},
    {"signature": (None, None, "f")}, {"subok": False}, {"where": True}, {"foo": 1}, {"out": None}, {"out": (None,)},
    {"out": (None, None)}, {"out": [1.0] * 5}, {"out": "f8"}, {"out": "f4"}, {"out": "f2"}, {"out": "i8"}, {"out": "g"},
    {"out": "D"}, {"out": "i8", "casting": "unsafe"}, {"out": "f8", "where": P > 0.5}, {"out": "f8", "where": False},
    {"out": "f8", "where": [1, 0, 0.0, 2, 0]}, {"out": "f8", "where": None}, {"out": "f8", "where": [True] * 4},
    {"out": "read-only"}, {"out": "small"}, {"out": "large"}, {"out": "other"}, {"out": "tuple"},
]
# fmt: on


@pytest.mark.parametrize("name", NAMES)
def test_signature(theirs, name):
    try:
        expected = inspect.signature(theirs[name]).parameters.values()
    except ValueError:
        pytest.skip("this NumPy does not tell the signature of a ufunc")
    got = inspect.signature(getattr(ours, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in got] == [(p.name, p.kind, p.default) for p in expected]


def test_import_needs_no_scipy():
    code = "import sys, fastent.compat.scipy; assert not {'scipy', 'pandas', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_documented_examples():
    """The values in SciPy's docstrings."""
    fair, biased = [0.5, 0.5], [0.9, 0.1]
    assert ours.entropy(fair, base=2) == 1.0
    assert ours.entropy(biased, base=2) == pytest.approx(0.46899559358928117, rel=1e-15)
    assert ours.entropy(fair, biased, base=2) == pytest.approx(0.7369655941662062, rel=1e-15)
    assert ours.entropy(fair, base=2) + ours.entropy(fair, biased, base=2) == pytest.approx(1.736965594166206)
    assert ours.jensenshannon([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], 2.0) == 1.0
    assert ours.jensenshannon([1.0, 0.0], fair) == pytest.approx(0.46450140402245893, rel=1e-15)
    assert ours.jensenshannon([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]) == 0.0
    a, b = np.arange(1, 13).reshape(3, 4), np.arange(13, 25).reshape(3, 4)
    columns, rows = [0.1954288, 0.1447697, 0.1138377, 0.0927636], [0.1402339, 0.0399106, 0.0201815]
    np.testing.assert_allclose(ours.jensenshannon(a, b, axis=0), columns, atol=5e-8)
    np.testing.assert_allclose(ours.jensenshannon(a, b, axis=1), rows, atol=5e-8)


# ---- rows, as SciPy reduces them ----


@pytest.mark.parametrize("kind", INPUTS)
def test_entropy(theirs, kind):
    for axis, keepdims, policy in itertools.product(AXES, (False, True), ("propagate", "omit", "raise")):
        if not (keepdims and isinstance(axis, np.ndarray)):  # listed
            check(theirs, "entropy", INPUTS[kind], axis=axis, keepdims=keepdims, nan_policy=policy)


@pytest.mark.parametrize("kind", INPUTS)
def test_relative_entropy(theirs, kind):
    p = INPUTS[kind]
    for q in (np.roll(p, 1), np.abs(p) + 1, p.astype(f4), p[..., :1]) if p.ndim else (p + 1,):
        for axis, policy in itertools.product((0, -1, None, (0, -1)), ("propagate", "omit", "raise")):
            hidden = axis is None and q.size not in (1, p.size)  # listed: a nan hides that the shapes do not fit
            if not hidden and (axis != (0, -1) or p.ndim > 1):
                check(theirs, "entropy", p, q, axis=axis, nan_policy=policy, keepdims=axis == 0, rtol=1e-6)


@pytest.mark.parametrize("name", ["entropy", "jensenshannon"])
@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{base!r:.20}")
def test_base(theirs, name, base):
    for p, axis in itertools.product((P, f4(P), ZEROS, P3, np.eye(4), P[0], f4(P[0]), f2([1, 3])), (0, -1)):
        q = np.asarray(np.roll(p, 1) + 1, p.dtype)
        rtol = {"e": 2e-3, "f": 3e-6, "d": None}[p.dtype.char]
        if name == "entropy":
            check(theirs, name, p, base=base, axis=axis, rtol=rtol)
        check(theirs, name, p, q, base, axis=axis, rtol=rtol)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(str(np.shape(x)) for x in pair))
@pytest.mark.parametrize("name", ["entropy", "jensenshannon"])
def test_broadcasting(theirs, name, pair):
    for axis, keepdims in itertools.product((0, 1, -1, None, (0, 1), (-1,), ()), (False, True)):
        check(theirs, name, *pair, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["entropy", "jensenshannon", "rel_entr", "kl_div"])
def test_pairs_of_dtypes(theirs, name):
    for a, b in itertools.product(DTYPES, DTYPES):
        x, y = np.array([3, 1, 0, 4], a), np.array([1, 2, 2, 3], b)
        for pair in ((x, y), (x, 2), (1.5, x), (y, True)):
            check(theirs, name, *pair, rtol=2e-3 if "e" in a + b else 3e-6)


@pytest.mark.parametrize("x", REFUSED, ids=lambda x: f"{x!s:.20}")
def test_refused_types(theirs, x):
    check(theirs, "entropy", x)
    check(theirs, "entropy", x, keepdims=True, base=2)
    check(theirs, "jensenshannon", x, x)
    check(theirs, "jensenshannon", [1.0, 2.0], x)
    check(theirs, "entr", x)
    check(theirs, "rel_entr", [1.0, 2.0], x)
    check(theirs, "kl_div", x, x)


@pytest.mark.parametrize(("name", "args", "kwargs"), [(name, *call) for name, calls in CALLS.items() for call in calls])
def test_calls(theirs, name, args, kwargs):
    check(theirs, name, *args, **kwargs)


@pytest.mark.parametrize("policy", ["what", "OMIT", None, 1])
def test_unknown_policy(theirs, policy):
    expected, _ = outcome(theirs["entropy"], ([1.0],), {"nan_policy": policy})
    got, _ = outcome(ours.entropy, ([1.0],), {"nan_policy": policy})
    assert type(got) is type(expected) and sorted(str(got)) == sorted(str(expected))  # listed: SciPy's order is random


def test_masked_arrays(theirs):
    for p, mask in itertools.product((P, HOLES, ODD_ROWS[:4, :1] * P, f4(P)), (False, True, np.isnan(HOLES), P > 0.5)):
        masked = np.ma.array(p, mask=mask)
        for axis, policy in itertools.product((0, 1, None, (0, 1)), ("propagate", "omit", "raise")):
            check(theirs, "entropy", masked, axis=axis, nan_policy=policy)
            check(theirs, "entropy", masked, Q, axis=axis, nan_policy=policy, keepdims=True, rtol=1e-6)
            check(theirs, "entropy", Q, masked, axis=axis, nan_policy=policy)
        check(theirs, "jensenshannon", masked, Q, rtol=1e-6)


def test_other_containers(theirs):
    pd, pl, torch = (pytest.importorskip(name) for name in ("pandas", "polars", "torch"))
    frame = pd.DataFrame(P, columns=list("abcde"))
    for x in (
        *([1, 2], (1.0, 2), range(1, 4), memoryview(P[0]), bytearray(b"ab"), frame, frame["a"], frame.index + 1),
        *(pl.Series(P[0]), pl.DataFrame(P), torch.tensor(P), torch.tensor(f4(P)), torch.tensor(2.0)),
        *(pd.Series([1, 2], dtype="Int64"), pd.Series([1.0, None], dtype="Float64"), pd.Series(["a"])),
    ):
        check(theirs, "entropy", x)
        check(theirs, "entropy", x, x)
        check(theirs, "jensenshannon", x, x, rtol=1e-7)


def test_few_odd_rows_among_many():
    """The others keep their bits, and the input its own."""
    p, q = random_rows(500, 40), random_rows(500, 40, seed=1)
    p[::7, 3], q[3::11, 5], p[2::50] = -1, nan, 0
    for axis, x, y in ((1, p, q), (0, p.T, q.T)):
        for got, core in (
            (ours.entropy(x, axis=axis), fastent.entropy(x, axis=axis)),
            (ours.entropy(x, y, axis=axis), fastent.kl_divergence(x, y, axis=axis)),
        ):
            valid = ~np.isnan(core)
            assert 300 < valid.sum() < 500
            np.testing.assert_array_equal(got[valid], core[valid])
        assert np.isneginf(ours.entropy(x, axis=axis)[::7]).sum() == 71 and (p[0, 3], p[2].sum()) == (-1, 0)


NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 0.25, 3.0, 100.0, 1e-3, 7.5, 1.0, 2.0, 0.5, -1.0, -0.0, -3.5, nan, inf, -inf])
SHAPES = st.sampled_from([(3,), (2, 3), (3, 1), (1, 3), (2, 2, 3), (1,), (0,), (2, 0)])
ARRAYS = SHAPES.flatmap(lambda shape: hnp.arrays(st.sampled_from([np.float64, f4]), shape, elements=NUMBERS))
OPTIONS = {
    "axis": st.sampled_from([0, -1, 1, None]),
    "base": st.sampled_from([None, 2, 0.5]),
    "keepdims": st.booleans(),
}


@given(p=ARRAYS, q=st.none() | ARRAYS, policy=st.sampled_from(["propagate", "omit", "raise"]), **OPTIONS)
def test_any_rows(theirs, p, q, policy, axis, base, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    if q is None or axis is not None or p.size == q.size:  # listed, as above
        check(theirs, "entropy", p, q, base, nan_policy=policy, rtol=1e-6, **options)
    if q is not None:
        got, _ = outcome(ours.jensenshannon, (p, q, base), options)
        expected, warned = outcome(theirs["jensenshannon"], (p, q, base), options)
        if isinstance(expected, Exception):
            assert same_error(got, expected)
            return
        noisy = "invalid value encountered in sqrt" in {text for _, text in warned}
        same = np.isclose(got, expected, rtol=1e-6, atol=1e-3, equal_nan=True) | (noisy & np.isnan(expected))
        assert same.all() and (type(got), got.dtype, got.shape) == (type(expected), expected.dtype, expected.shape)


# ---- entr, rel_entr, kl_div: as the ufuncs ----

SPECIAL = np.array([0.0, -0.0, 1, 2, 0.5, -1, inf, -inf, nan, 5e-324, 1e308, -5e-324, 1e-308, 1 + 2**-52, 0.1, 3e-320])
ELEMENTWISE = {"entr": (SPECIAL,), "rel_entr": (SPECIAL[:, None], SPECIAL), "kl_div": (SPECIAL[:, None], SPECIAL)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elements(theirs, name, dtype):
    inputs = [x if dtype in "efd" else np.arange(x.size).reshape(x.shape) for x in ELEMENTWISE[name]]
    with np.errstate(all="ignore"):
        inputs = [x.astype(dtype) for x in inputs]
        if name == "kl_div":  # listed: quotients out of range, and x = inf
            x, y = np.broadcast_arrays(*inputs)
            quotient = x.astype(np.result_type(x, f4)) / y
            inputs = [np.where(np.isfinite(quotient) & (quotient != 0), a, a.dtype.type(1)) for a in (x, y)]
    check(theirs, name, *inputs)
    check(theirs, name, *(x.tolist() for x in inputs))
    check(theirs, name, *(x.flat[2] for x in inputs))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_layouts_of_elements(theirs, name):
    unaligned = np.frombuffer(b"x" + P3.tobytes(), np.uint8)[1:].view(float).reshape(P3.shape)
    views = P3, np.asfortranarray(P3), P3.transpose(2, 0, 1), P3[::-1, ::2, ::-1], np.broadcast_to(P3[0], (2, 3, 4))
    for x in (*views, P3.astype(">f4"), unaligned, P3[:0], np.float64(0.3), np.array(0.3, "f4")):
        for order in "KACF":
            inputs = (x,) if name == "entr" else (x, np.asfortranarray(x + 1))
            before = [np.array(a) for a in inputs]
            check(theirs, name, *inputs, order=order)
            strides = [f(*inputs, order=order).strides for f in (getattr(ours, name), theirs[name])]
            assert strides[0] == strides[1] and all(map(np.array_equal, inputs, before))


@pytest.mark.parametrize("options", UFUNC_OPTIONS, ids=str)
def test_arguments_of_ufuncs(theirs, options):
    def call(function, inputs):
        kwargs, kind, out = dict(options), options.get("out"), None
        if isinstance(kind, str):
            shape = {"small": (5,), "large": (2, 4, 5), "other": (4, 3)}.get(kind, P.shape)
            out = np.full(shape, 7).astype(float if len(kind) > 2 else kind)
            out.flags.writeable = kind != "read-only"
            kwargs["out"] = (out,) if kind == "tuple" else out
        if len(inputs) == 1 and "signature" in kwargs:
            kwargs["signature"] = kwargs["signature"][1:]
        result, _ = outcome(function, inputs, kwargs)
        assert out is None or isinstance(result, Exception) or result is out
        return result

    for name, x in itertools.product(ELEMENTWISE, (P, f4(P), np.arange(20).reshape(4, 5))):
        inputs = (x,) if name == "entr" else (x, Q)
        expected, got = call(theirs[name], inputs), call(getattr(ours, name), inputs)
        if isinstance(expected, Exception):
            assert same_error(got, expected), (name, expected, got)
        else:
            np.testing.assert_allclose(got, expected, rtol=3e-6)
            assert got.dtype == expected.dtype


def test_overlapping_out():
    x, y = random_rows(100), random_rows(100)
    expected = ours.entr(x[:-1])
    np.testing.assert_array_equal(ours.entr(x[:-1], out=x[1:]), expected)
    expected = ours.kl_div(y[::-1], y)
    assert ours.kl_div(y[::-1], y, y) is y
    np.testing.assert_array_equal(y, expected)


def test_array_protocols(theirs):
    pd, pl, torch = (pytest.importorskip(name) for name in ("pandas", "polars", "torch"))
    left, right = pd.Series([0.5, 2, 0], index=list("abc"), name="n"), pd.Series([1.0, 2, 3], index=list("bad"))
    frame, masked = pd.DataFrame({"a": [0.5], "b": [3]}), np.ma.array([0.5, 0.25], mask=[0, 1])
    matrix, tensor, column = np.asmatrix([[0.5, 2.0]]), torch.tensor([0.5, 2]), pl.Series("x", [0.5, None])
    nullable = pd.Series([3, None], dtype="Float64")
    singles = left, frame, pd.Index([0.5, 2]), masked, nullable, column, matrix, tensor, pl.DataFrame({"a": [0.5]})
    pairs = (left, right), (left, 2.0), (np.ones(3), left), (frame, frame), (masked, [1.0, 2]), (column, column)
    for inputs in (*((x,) for x in singles), *pairs, (matrix, [1.0, 2]), (tensor, np.ones(2))):
        for name in ("entr",) if len(inputs) == 1 else ("rel_entr", "kl_div"):
            results = [outcome(f, inputs, {})[0] for f in (getattr(ours, name), theirs[name])]
            rounded = [re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.6f}", str(r)) for r in results]
            assert type(results[0]) is type(results[1]) and rounded[0] == rounded[1]


# ---- the differences that the docstring lists, with exact values; SciPy, if installed, must still differ ----


def near(rows, size):
    return rows * (1 + size * np.random.default_rng(5).uniform(-1, 1, rows.shape))


def is_wrong(result, want, threshold):
    """nan, infinite or far from the truth."""
    with np.errstate(invalid="ignore"):
        return not np.all(relative_error(result, want) < threshold)


DOMINATED = np.array([[1, 1e-20], [1e-20, 1], [1, 1e-30]])
BIG = np.array([[1e308, 1e308, 1e307], [1e308, 1e308, 5e307]])
RIGHT = {
    "nearly equal rows, Jensen-Shannon": ("jensenshannon", (P, near(P, 1e-8)), 1e-7),
    "nearly equal rows, relative entropy": ("entropy", (P, near(P, 1e-8)), 1e-7),
    "subnormal entries, Jensen-Shannon": ("jensenshannon", ([1e-323, 1, 2], [5e-324, 1.0, 3]), 1e-13),
    "dominated row": ("entropy", (DOMINATED,), 1e-15),
    "dominated row, float32": ("entropy", (f4(DOMINATED),), 2e-7),
    "overflow": ("entropy", (BIG,), 1e-15),
    "overflow, relative entropy": ("entropy", (BIG[:, ::-1] / 3, BIG), 1e-13),
    "overflow, Jensen-Shannon": ("jensenshannon", (BIG, BIG[:, ::-1]), 1e-13),
    "overflow, float32": ("entropy", (f4([3e38, 3e38, 1e38]),), 2e-7),
    "overflow, float16": ("entropy", (np.ones(70000, f2),), 2e-7),
    "overflow, int64": ("entropy", (np.array([2**62] * 3),), 1e-15),
    "overflow, uint64": ("entropy", (np.array([2**63] * 2, np.uint64),), 1e-15),
    "underflow of qk": ("entropy", ([1.0, 1], [1e308, 1e-20]), 1e-13),
    "float16": ("entropy", (f2(random_rows(200) + 0.1),), 2e-7),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_where_scipy_is_not(request, case):
    name, inputs, rtol = RIGHT[case]
    measure = MEASURES["js_distance" if name == "jensenshannon" else "entropy" if len(inputs) == 1 else "kl_divergence"]
    want = exact(measure, *inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not is_wrong(getattr(ours, name)(*inputs, axis=-1), want, rtol)
    expected, _ = outcome(request.getfixturevalue("theirs")[name], inputs, {"axis": -1})
    assert is_wrong(expected, want, 1e-5 if case == "float16" else 1e-3)


@pytest.mark.parametrize("base", [None, 2, 10.0, 0.5])
def test_never_nan_nor_negative_near_equality(base):
    for size, dtype in itertools.product((1e-5, 1e-8, 1e-12, 1e-16), (float, f4)):
        p = random_rows(300, 9).astype(dtype)
        q = near(p, size).astype(dtype)
        assert np.all(ours.entropy(p, q, base, axis=1) * (1 if base != 0.5 else -1) >= 0)
        assert base == 0.5 or np.all(ours.jensenshannon(p, q, base, axis=1) >= 0)  # below 1: the root of a negative
        assert np.all(ours.jensenshannon(p, p, axis=1) == 0) and np.all(ours.entropy(p, p, axis=1) == 0)


def test_negative_rows_that_overflow():
    row = [1e308, 1e308, -1e308]
    assert relative_error(ours.entropy([-1e308] * 3), mp.ln(3)) < 1e-15 and ours.entropy(row) == -inf
    assert ours.entropy(row, [1, 1, 1]) == inf == ours.jensenshannon(row, [1, 1, 1])
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide"):
        assert np.isnan(ours.entropy([1e308, -1e308, 0])) and ours.entropy([1e308, -1e308]) == -inf


def test_long_float32_columns():
    p = np.tile(f4(random_rows(1, 4)) + f4(0.1), (1 << 20, 1))
    np.testing.assert_allclose(ours.entropy(p), math.log(1 << 20), rtol=1.2e-7)


def test_kl_div_everywhere(theirs):
    near_one = [(1.0, 1 + 2**-52), (3.0, 3 + 1e-12), (0.1, 0.1 + 1e-9)]
    far = [(1.0, 5e-324), (5e-324, 2.0), (1e-308, 1e308), (1e-300, 1e308), (2.0, 1e-308)]
    for x, y in near_one + far:
        with mp.workprec(4000):
            want = mpf(x) * mp.ln(mpf(x) / mpf(y)) - mpf(x) + mpf(y)
        assert relative_error(ours.kl_div(x, y), want) < 1e-14 and is_wrong(theirs["kl_div"](x, y), want, 1e-6)
    assert np.isnan(ours.kl_div(inf, 2.0)) and np.isnan(theirs["kl_div"](inf, 2.0))


def test_no_negative_zero():
    assert not np.signbit([ours.entr(1.0), ours.entr([1.0])[0], ours.kl_div(0.0, -0.0), ours.entr(f4(1))]).any()


def test_types_that_differ():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    rows = np.array([[1, 3, 0], [-1, -3, -0.0], [-1, 3, 1]], bfloat16)
    for x in (f2([1, nan]), np.ones((0, 3), f2).T, f2([[1, nan], [1, 1]]), rows):
        assert ours.entropy(x).dtype == np.float32
    np.testing.assert_allclose(ours.entropy(rows, axis=1), [ours.entropy([1, 3])] * 2 + [-inf], rtol=1e-7)
    assert ours.entropy(np.asmatrix(P), axis=None) == ours.entropy(P, axis=None)
    assert ours.entropy(P, axis=[0, 1], keepdims=True).shape == (1, 1)
    assert np.isnan(ours.entr([0.5, 2], where=[True, False])).tolist() == [False, True]


def test_errors_that_differ():
    for x in (np.longdouble([1, nan]), [1j, nan], np.array([1, nan], object)):
        with pytest.raises(TypeError, match="ufunc 'entr' not supported for the input types"):
            ours.entropy(x)
    empty, hole = (np.ones((3, 0)),), ([nan, 1],)
    for args, kwargs in (
        *((empty, {"base": -1}), (empty, {"nan_policy": "what"}), (hole, {"base": -1})),
        ((*hole, [1, 2, 3]), {"axis": None}),
    ):
        with pytest.raises(ValueError, match=r"must be a positive|must be one of {'propagate'|incompatible"):
            ours.entropy(*args, **kwargs)
    with pytest.raises(TypeError, match="Cannot cast ufunc 'entr' output from dtype"):
        ours.entr(P, out=np.zeros(P.shape, int))


def test_scipy_differs_as_listed(theirs):
    entropy, entr = theirs["entropy"], theirs["entr"]
    assert entropy(f2([1, nan])).dtype == f2 and np.isnan(entropy([nan, 1], base=-1))
    assert entropy(np.ones((3, 0)), base=-1, nan_policy="what").shape == (0,)
    assert np.isnan(entropy([nan, 1], [1, 2, 3], axis=None)) and np.isnan(entropy(np.longdouble([nan])))
    assert np.signbit([entr(1.0), theirs["kl_div"](0.0, -0.0)]).all()
    for x, options in ((np.asmatrix(P), {"axis": None}), (P, {"axis": [0, 1], "keepdims": True})):
        assert isinstance(outcome(entropy, (x,), options)[0], TypeError)
    assert outcome(entr, ([0.5],), {"where": [False]})[1]
