"""Every refusal: the right exception, and a sentence that names the function, the argument, what it got and what would
do. Refusals come before any work: `out` keeps its contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from oracle import BINARY, CASES, MEASURES, ROWS, Case

A = np.arange(1.0, 13).reshape(3, 4)
NUMBER = np.float64(3.0)

FIRST = {name: next(c for c in CASES if c.measure.name == name) for name in MEASURES}
ALL = list(FIRST.values())
OF_ROWS = [c for c in ALL if c.measure.kind != "elementwise"]
PAIRS = [c for c in ALL if c.arity == 2]
BASED = [c for c in ALL if c.measure.base]
ORDERED = [c for c in ALL if "order" in c.params]
WEIGHTED = [c for c in ALL if c.measure.name.startswith("js_")]


@dataclass(frozen=True)
class Refusal:
    """options: what is refused; says: words the message must contain, besides the name of the function."""

    cases: list[Case]
    options: dict[str, Any]
    error: type[Exception]
    says: tuple[str, ...]
    inputs: Callable[[Case], tuple[Any, ...]] = field(default=lambda case: (A,) * case.arity)


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape)
    out.flags.writeable = False
    return out


REFUSALS = [
    Refusal(ALL, {"invalid": "ignore"}, ValueError, ("invalid", "'ignore'", "'nan'", "'raise'")),
    Refusal(ALL, {"invalid": None}, ValueError, ("invalid", "None", "'nan'", "'raise'")),
    Refusal(ALL, {"where": np.ones(3, bool)}, ValueError, ("where", "broadcast", "(3, 4)", "(3,)")),
    Refusal(ALL, {"where": np.ones((2, 3, 4), bool)}, ValueError, ("where", "(3, 4)", "(2, 3, 4)")),
    Refusal(ALL, {"where": np.ones((3, 4))}, TypeError, ("where", "bool", "float64")),
    Refusal(ALL, {"where": np.ones((3, 4), np.int8)}, TypeError, ("where", "bool", "int8")),
    Refusal(OF_ROWS, {"out": np.zeros(4)}, ValueError, ("out", "shape", "(3,)", "(4,)")),
    Refusal(OF_ROWS, {"out": np.zeros((3, 1))}, ValueError, ("out", "(3,)", "(3, 1)")),
    Refusal(OF_ROWS, {"out": np.zeros(3), "keepdims": True}, ValueError, ("out", "(3, 1)", "(3,)")),
    Refusal(OF_ROWS, {"out": np.zeros(3, int)}, TypeError, ("out", "float", "int64")),
    Refusal(OF_ROWS, {"out": np.zeros(3, complex)}, TypeError, ("out", "float", "complex128")),
    Refusal(OF_ROWS, {"out": [0.0, 0.0, 0.0]}, TypeError, ("out", "array", "list")),
    Refusal(OF_ROWS, {"out": read_only((3,))}, ValueError, ("out", "writ", "read-only")),
    Refusal(OF_ROWS, {"axis": 2}, np.exceptions.AxisError, ("axis", "2", "2 dimensions")),
    Refusal(OF_ROWS, {"axis": -3}, np.exceptions.AxisError, ("axis", "-3", "2 dimensions")),
    Refusal(OF_ROWS, {"axis": (0, 5)}, np.exceptions.AxisError, ("axis", "5", "2 dimensions")),
    Refusal(OF_ROWS, {"axis": (0, 0)}, ValueError, ("axis", "(0, 0)", "twice")),
    Refusal(OF_ROWS, {"axis": (1, -1)}, ValueError, ("axis", "(1, -1)", "twice")),
    Refusal(OF_ROWS, {"axis": ()}, ValueError, ("axis", "()", "at least one")),
    Refusal(OF_ROWS, {"axis": 1.0}, TypeError, ("axis", "1.0", "integer")),
    Refusal(OF_ROWS, {"axis": "rows"}, TypeError, ("axis", "'rows'", "integer")),
    *(Refusal(BASED, {"base": b}, ValueError, ("base", str(b), "positive")) for b in (0, 1, -2, 0.0, 1.0, np.inf)),
    Refusal(BASED, {"base": np.nan}, ValueError, ("base", "nan", "positive")),
    Refusal(BASED, {"base": 1j}, TypeError, ("base", "1j", "number")),
    Refusal(BASED, {"base": [2]}, TypeError, ("base", "[2]", "number")),
    *(Refusal(ORDERED, {"order": a}, ValueError, ("order", str(a), "at least 0")) for a in (-1, -0.5, -np.inf, np.nan)),
    Refusal(ORDERED, {"order": None}, TypeError, ("order", "None", "number")),
    Refusal(ORDERED, {"order": [2]}, TypeError, ("order", "[2]", "number")),
    *(
        Refusal(WEIGHTED, {"weights": w}, ValueError, ("weights", str(w), "sum to 1"))
        for w in ((0.5, 0.6), (1, 1), (0, 0), (-0.5, 1.5), (np.nan, 0.5), (np.inf, 1))
    ),
    Refusal(WEIGHTED, {"weights": (0.5,)}, ValueError, ("weights", "(0.5,)", "two")),
    Refusal(WEIGHTED, {"weights": (0.5, 0.25, 0.25)}, ValueError, ("weights", "(0.5, 0.25, 0.25)", "two")),
    *(Refusal(ALL, {"workers": n}, ValueError, ("workers", str(n), "at least 1", "-1")) for n in (0, -2)),
    Refusal(ALL, {"workers": 1.5}, TypeError, ("workers", "1.5", "integer")),
    Refusal(ALL, {"workers": "two"}, TypeError, ("workers", "'two'", "integer")),
    Refusal(OF_ROWS, {}, ValueError, ("p", "dimension", "3.0"), lambda case: (NUMBER,) * case.arity),
    Refusal(OF_ROWS, {"axis": None}, ValueError, ("p", "dimension", "3.0"), lambda case: (NUMBER,) * case.arity),
]


def call(case: Case, *inputs: Any, **options: Any) -> Any:
    import fastent

    return getattr(fastent, case.measure.name)(*inputs, **{**case.params, **options})


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: "-".join(f"{k}={v!r}"[:40] for k, v in r.options.items()))
def test_refusals(refusal: Refusal) -> None:
    for case in refusal.cases:
        with pytest.raises(refusal.error) as caught:
            call(case, *refusal.inputs(case), **refusal.options)
        check(str(caught.value), case, *refusal.says)


def check(message: str, case: Case, *says: str) -> None:
    assert message.startswith(f"{case.measure.name}: "), message
    assert [word for word in says if word not in message] == [], message
    assert "\n" not in message


# ---- inputs --------------------------------------------------------------------------------------------------------

WRONG_TYPES = {
    "object": A.astype(object),
    "complex128": A + 0j,
    "complex64": A.astype(np.complex64),
    "<U1": np.array([["a"]]),
    "|S1": np.array([[b"a"]]),
    "datetime64": np.array([["2020-01-01"]], dtype="M8[D]"),
    "timedelta64": np.array([[3]], dtype="m8[s]"),
    str(np.dtype(np.longdouble)): A.astype(np.longdouble),
    "f0": np.zeros((3, 4), dtype="i4,f4"),
}


@pytest.mark.parametrize("case", ALL, ids=str)
@pytest.mark.parametrize("dtype", WRONG_TYPES)
def test_dtypes_refused(case: Case, dtype: str) -> None:
    for position, argument in enumerate(case.measure.inputs):
        inputs = [A / 20] * case.arity
        inputs[position] = WRONG_TYPES[dtype]
        with pytest.raises(TypeError) as caught:
            call(case, *inputs)
        check(str(caught.value), case, f"{argument} ", dtype, "float64")


@pytest.mark.parametrize("case", ALL, ids=str)
def test_kinds_of_array_refused(case: Case) -> None:
    for position, argument in enumerate(case.measure.inputs):
        inputs = [A / 20] * case.arity
        for wrong, says in {
            "masked": (np.ma.array(A, mask=A > 3), ("masked", "where")),
            "matrix": (np.matrix(A), ("matrix", "np.asarray")),
            "ragged": ([[1, 2], [3]], ("list",)),
            "None": (None, ("object",)),
            "dict": ({1: 2}, ("object",)),
            "text": ("some text", ("<U9",)),
        }.values():
            inputs[position] = wrong
            with pytest.raises(TypeError) as caught:
                call(case, *inputs)
            check(str(caught.value), case, f"{argument} ", *says)


@pytest.mark.parametrize("case", [c for c in OF_ROWS if c.arity == 2], ids=str)
def test_p_and_q_that_do_not_fit(case: Case) -> None:
    name = case.measure.name
    ones = np.ones
    for p, q, axis, message in (
        ((2, 64), (2, 63), -1, f"{name}: p and q must agree along axis -1, got 64 and 63"),
        ((2, 64), (63,), -1, f"{name}: p and q must agree along axis -1, got 64 and 63"),
        ((2, 64), (2, 1), -1, f"{name}: p and q must agree along axis -1, got 64 and 1"),
        ((2, 0), (2, 1), -1, f"{name}: p and q must agree along axis -1, got 0 and 1"),
        ((64, 2), (63, 2), 0, f"{name}: p and q must agree along axis 0, got 64 and 63"),
    ):
        with pytest.raises(ValueError) as caught:
            call(case, ones(p), ones(q), axis=axis)
        assert str(caught.value) == message
    for p, q, axis in (((2, 3, 4), (2, 3, 5), (0, 2)), ((2, 3, 4), (3, 3, 4), (0, 2)), ((2, 4), (4,), None)):
        with pytest.raises(ValueError, match=rf"^{name}: p and q must agree along axis"):
            call(case, ones(p), ones(q), axis=axis)
    with pytest.raises(ValueError) as caught:
        call(case, ones((2, 4)), ones((3, 4)))
    check(str(caught.value), case, "p and q", "broadcast", "(2, 4)", "(3, 4)")
    for inputs in ((A, NUMBER), (NUMBER, A)):
        with pytest.raises(ValueError, match=f"^{name}: "):
            call(case, *inputs)


def test_elementwise_inputs_that_do_not_fit() -> None:
    with pytest.raises(ValueError) as caught:
        call(FIRST["binary_cross_entropy"], np.ones((2, 4)), np.ones((3, 4)))
    check(str(caught.value), FIRST["binary_cross_entropy"], "y and p", "(2, 4)", "(3, 4)")
    for name in ("information_content", "binary_entropy"):
        with pytest.raises(ValueError) as caught:
            call(FIRST[name], A / 20, out=np.zeros((4, 3)))
        check(str(caught.value), FIRST[name], "out", "(3, 4)", "(4, 3)")


@pytest.mark.parametrize("case", ALL, ids=str)
def test_options_a_measure_does_not_have(case: Case) -> None:
    unknown = {"axes": 0, "base": 2, "weights": (0.5, 0.5), "axis": 0, "keepdims": True, "normalize": False}
    has = {"base"} if case.measure.base else set()
    has |= {"weights"} if case in WEIGHTED else set()
    has |= {"axis", "keepdims", "normalize"} if case in OF_ROWS else set()
    for option in unknown.keys() - has:
        with pytest.raises(TypeError, match=option):
            call(case, *[A / 20] * case.arity, **{option: unknown[option]})
    with pytest.raises(TypeError):  # options are keyword-only
        call(case, *[A / 20] * case.arity, *([-1] if "order" in case.params else []), -1)
    if "order" in case.params:
        with pytest.raises(TypeError, match="order"):
            import fastent

            getattr(fastent, case.measure.name)(*[A] * case.arity)


# ---- invalid="raise" -----------------------------------------------------------------------------------------------

REASONS: dict[str, tuple[float, tuple[str, ...]]] = {
    "nan": (np.nan, ("nan",)),
    "negative": (-2.5, ("negative", "-2.5")),
    "infinite": (np.inf, ("infinite",)),
    "negative infinite": (-np.inf, ("inf",)),
}


@pytest.mark.parametrize("case", OF_ROWS, ids=str)
@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_first_bad_row_is_named(case: Case, reason: str, dtype: Any, isa: str) -> None:
    """Function, argument, row, position and reason; of several bad rows the first."""
    bad, words = REASONS[reason]
    for position, argument in enumerate(case.measure.inputs):
        inputs = [np.ones((40, 50), dtype) for _ in range(case.arity)]
        inputs[position][23, 37] = bad
        inputs[position][31, 2] = -1
        inputs[position][38] = 0
        for layout in ("rows", "columns", "reversed"):
            rows = {
                "rows": inputs,
                "columns": [np.asfortranarray(a) for a in inputs],
                "reversed": [a[:, ::-1].copy()[:, ::-1] for a in inputs],
            }[layout]
            with pytest.raises(ValueError) as caught:
                call(case, *rows, invalid="raise")
            check(str(caught.value), case, f" {argument} ", "row 23", "37")
            assert all(word in str(caught.value).lower() for word in words), caught.value
        with pytest.raises(ValueError) as caught:
            call(case, *(a.T for a in inputs), axis=0, invalid="raise", workers=2)
        check(str(caught.value), case, f" {argument} ", "row 23", "37")


@pytest.mark.parametrize("case", OF_ROWS, ids=str)
def test_rows_without_a_sum_are_named(case: Case, isa: str) -> None:
    zero = np.ones((6, 5))
    zero[4] = 0
    for position, argument in enumerate(case.measure.inputs):
        inputs = [np.ones((6, 5))] * case.arity
        inputs[position] = zero
        with pytest.raises(ValueError) as caught:
            call(case, *inputs, invalid="raise")
        check(str(caught.value), case, f" {argument} ", "row 4", "sum")
    with pytest.raises(ValueError) as caught:
        call(case, *[np.ones((3, 0))] * case.arity, invalid="raise")
    check(str(caught.value), case, "row 0", "entries")
    mask = np.ones((6, 5), bool)
    mask[2] = False
    with pytest.raises(ValueError) as caught:
        call(case, *[np.ones((6, 5))] * case.arity, where=mask, invalid="raise")
    check(str(caught.value), case, "row 2", "entries")


@pytest.mark.parametrize("case", OF_ROWS, ids=str)
def test_rows_are_named_as_the_result_is_indexed(case: Case, isa: str) -> None:
    cube = np.ones((2, 3, 4))
    cube[1, 2, 3] = -1
    for axis, row, entry in ((2, "(1, 2)", "3"), (1, "(1, 3)", "2"), (0, "(2, 3)", "1"), ((0, 2), "row 2", "(1, 3)")):
        with pytest.raises(ValueError) as caught:
            call(case, *[cube] * case.arity, axis=axis, invalid="raise")
        check(str(caught.value), case, row, f"entry {entry}")
    with pytest.raises(ValueError, match=f"^{case.measure.name}: p .*negative"):
        call(case, *[cube] * case.arity, axis=None, invalid="raise")


def test_elements_are_named(isa: str) -> None:
    for name, bad in (("information_content", -0.5), ("binary_entropy", 1.5), ("binary_entropy", -0.5)):
        p = np.full((30, 40), 0.5)
        p[17, 23] = bad
        p[20, 1] = np.nan
        with pytest.raises(ValueError) as caught:
            call(FIRST[name], p, invalid="raise")
        check(str(caught.value), FIRST[name], "(17, 23)", "p = ", str(bad))
    y, p = np.full((2, 9, 8), 0.5)
    y[3, 4] = 2
    with pytest.raises(ValueError) as caught:
        call(FIRST["binary_cross_entropy"], y, p, invalid="raise")
    check(str(caught.value), FIRST["binary_cross_entropy"], "(3, 4)", "y = 2.0")
    masked = call(FIRST["binary_cross_entropy"], y, p, where=y < 1, invalid="raise")
    assert np.isnan(masked[3, 4]) and np.isfinite(np.delete(masked, 3 * 8 + 4)).all()


@pytest.mark.parametrize("case", OF_ROWS, ids=str)
def test_a_refusal_leaves_out_alone(case: Case) -> None:
    out = np.full(3, 7.0)
    for options in ({"axis": 5}, {"where": np.ones(9, bool)}, {"invalid": "?"}, {"workers": 0}):
        with pytest.raises(ValueError):
            call(case, *[A] * case.arity, out=out, **options)
        assert (out == 7).all()


def test_every_measure_is_refused_something() -> None:
    assert {c.measure.name for r in REFUSALS for c in r.cases} == set(MEASURES)
    assert {c.measure.name for c in (*ROWS, *BINARY)} <= set(FIRST)
    assert PAIRS and BASED and ORDERED and WEIGHTED
