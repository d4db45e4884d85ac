"""Every option of the losses and measures of logits with every other, every kind of target and every dtype.

What the numbers are is the oracle's to say, whose derivatives are themselves compared with differences.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import ml_dtypes
import numpy as np
import oracle_logits as oracle
import pytest
from layouts import LAYOUTS
from test_logits import ROWS, check, logits_of, rng_of

from fastent import logits

# ---- cross-entropy: options and targets crossed --------------------------------------------------------------------

TARGETS = ("labels", "some ignored", "a class ignored", "one-hot", "soft", "target_logits")
CASES = (("float64", 7), ("float32", 19), ("float16", 18), ("bfloat16", 7))
"""Rows of four numbers of up to 32 bits and more are computed in lanes of floats, others in doubles."""


def typed(values: Any, dtype: str) -> np.ndarray:
    return np.asarray(values, np.float64).astype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)


def targets_of(kind: str, dtype: str, classes: int) -> tuple[dict[str, Any], list[Any]]:
    """The arguments, and what the oracle takes for them."""
    rng = rng_of(kind)
    labels = rng.integers(classes, size=ROWS)
    ignored = {"some ignored": -100, "a class ignored": 3}.get(kind)
    if kind in ("labels", "some ignored", "a class ignored"):
        if ignored is not None:
            labels[[1, 4]] = ignored
        given = {"target": labels, **({"ignore_index": 3} if ignored == 3 else {})}
        return given, [None if v == ignored else v for v in labels.tolist()]
    if kind == "one-hot":
        t = typed(np.eye(classes)[labels], dtype)
        return {"target": t}, t.astype(float).tolist()
    if kind == "soft":
        t = typed(rng.dirichlet(np.ones(classes), ROWS), dtype)
        return {"target": t}, t.astype(float).tolist()
    return {"target_logits": typed(logits_of(ROWS, classes, seed=9), dtype)}, []


OPTIONS = {
    "temperature": (1.0, 2.5),
    "label_smoothing": (0.0, 0.1),
    "class_weight": (False, True),
    "sample_weight": (False, True),
    "base": (None, 2.0),
    "reduction": ("none", "mean", "sum"),
}


@functools.cache
def crossed(kind: str, dtype: str, classes: int) -> list[tuple[np.ndarray, dict[str, Any], Any]]:
    """Logits, arguments and exact losses and derivatives, for every combination of options."""
    z, found = typed(logits_of(ROWS, classes), dtype), []
    given, targets = targets_of(kind, dtype, classes)
    for values in itertools.product(*OPTIONS.values()):
        options: dict[str, Any] = dict(zip(OPTIONS, values, strict=True))
        options["class_weight"] = np.arange(1, classes + 1) / 2 if options["class_weight"] else None
        options["sample_weight"] = np.arange(ROWS) * 0.75 if options["sample_weight"] else None
        if kind == "target_logits":
            if options["label_smoothing"] or options["class_weight"] is not None:
                continue
            rows = given["target_logits"].astype(float).tolist()
            targets = [oracle.softmax_of(tuple(row), options["temperature"]).p for row in rows]
        exact = oracle.cross_entropy(z.astype(float).tolist(), targets, **options)
        found.append((z, {**given, **options}, [oracle.floats(part) for part in exact]))
    return found


@pytest.mark.parametrize(("dtype", "classes"), CASES)
@pytest.mark.parametrize("kind", TARGETS)
def test_cross_entropy(kind: str, dtype: str, classes: int, isa: str) -> None:
    for number, (z, arguments, want) in enumerate(crossed(kind, dtype, classes)):
        both = logits.cross_entropy(z, **arguments, return_grad=True, return_hess=True)
        for got, exact, what in zip(both, want, ("loss", "grad", "hess"), strict=True):
            assert got.dtype == ("float64" if dtype == "float64" else "float32")
            check(got, exact, (what, number))
        assert np.array_equal(logits.cross_entropy(z, **arguments), both[0])
        for name, part in (("return_grad", both[1]), ("return_hess", both[2])):
            loss, one = logits.cross_entropy(z, **arguments, **{name: True})
            assert np.array_equal(loss, both[0]) and np.array_equal(one, part)


def test_derivatives_are_those_of_the_loss() -> None:
    """The oracle's formulas against differences of its loss: neither is taken on trust."""
    z = logits_of(1, 4)[0].tolist()
    for target in (2, [0.1, 0.2, 0.3, 0.4]):
        for t, e, weights in ((1.0, 0.0, None), (0.7, 0.2, [1.0, 2.0, 0.5, 3.0])):
            _, grad, hess = oracle.cross_entropy([z], [target], temperature=t, label_smoothing=e, class_weight=weights)
            goal = oracle.one_hot(target, 4) if isinstance(target, int) else target
            loss = functools.partial(oracle.row_loss, target=goal, weights=weights, smoothing=e, temperature=t)
            first, second = oracle.differences(loss, z)
            check(oracle.floats(grad[0]), first)
            check(oracle.floats(hess[0]), second)
    other = logits_of(1, 4, seed=3)[0].tolist()
    for value, gradient in ((oracle.kl, oracle.kl_gradient), (oracle.js, oracle.js_gradient)):
        by_p, _ = oracle.differences(lambda x, value=value: value(x, other, 0.7), z)
        by_q, second = oracle.differences(lambda x, value=value: value(z, x, 0.7), other)
        check(oracle.floats([gradient(z, other, side, 0.7) for side in "pq"]), [by_p, by_q])
        if value is oracle.kl:
            check(oracle.floats(oracle.kl_hessian(z, other, 0.7)), second)
    check(oracle.floats(oracle.entropy_gradient(z, 0.7)), oracle.differences(lambda x: oracle.entropy(x, 0.7), z)[0])
    for y, w in ((1.0, 3.0), (0.3, 1.0)):
        _, grad, hess = oracle.binary_cross_entropy(1.25, y, w)
        first, second = oracle.differences(lambda x, y=y, w=w: oracle.binary_cross_entropy(x[0], y, w)[0], [1.25])
        check(oracle.floats([grad, hess]), [first[0], second[0]])


# ---- measures of one array and of two: options crossed -------------------------------------------------------------

MEASURES: dict[str, tuple[Any, ...]] = {  # the function's options; value, derivative and second one of a row
    "entropy": (logits.entropy, {}, oracle.entropy, oracle.entropy_gradient, None),
    "kl by p": (logits.kl_divergence, {"return_grad": "p"}, oracle.kl, "p", None),
    "kl by q": (logits.kl_divergence, {"return_hess": True}, oracle.kl, "q", oracle.kl_hessian),
    "js by p": (logits.js_divergence, {"return_grad": "p"}, oracle.js, "p", None),
    "js by q": (logits.js_divergence, {"return_grad": "q"}, oracle.js, "q", None),
}


@functools.cache
def exact_rows(name: str, dtype: str, classes: int, temperature: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The arrays, and for each row the value and the derivatives."""
    _, _, value, slope, second = MEASURES[name]
    arrays = [typed(logits_of(ROWS, classes, seed=s), dtype) for s in (range(1) if name == "entropy" else range(2))]
    if isinstance(slope, str):
        of = oracle.js_gradient if name.startswith("js") else oracle.kl_gradient
        slope = functools.partial(of, by=slope)
    rows = list(zip(*(a.astype(float).tolist() for a in arrays), strict=True))
    functions = [f for f in (value, slope, second) if f is not None]
    return arrays, [oracle.floats([f(*row, temperature=temperature) for row in rows]) for f in functions]


@pytest.mark.parametrize(("dtype", "classes"), CASES)
@pytest.mark.parametrize("name", MEASURES)
def test_measures_and_their_options(name: str, dtype: str, classes: int, isa: str) -> None:
    function, options = MEASURES[name][:2]
    for t, base, weights, reduction in itertools.product(
        (1.0, 2.5), (None, 2.0), (None, np.arange(ROWS) * 0.75), ("none", "mean", "sum")
    ):
        arrays, exact = exact_rows(name, dtype, classes, t)
        given = {"temperature": t, "base": base, "sample_weight": weights, "reduction": reduction}
        found = function(*arrays, **given, **{"return_grad": True, **options})
        scale = np.ones(ROWS) if weights is None else weights
        total = scale.sum() if reduction == "mean" else 1
        scale = scale / math.log(base or math.e)
        want = [scale * exact[0], *(scale[:, None] * part / total for part in exact[1:])]
        if reduction != "none":
            want[0] = math.fsum(want[0]) / total
        for got, right, what in zip(found, want, ("value", "grad", "hess"), strict=False):
            assert got.dtype == ("float64" if dtype == "float64" else "float32")
            check(got, right, f"{what}, temperature {t}, base {base}, {reduction}", units=24)
        assert len(found) == len(want)
        assert np.array_equal(function(*arrays, **given), found[0])
    nothing = function(*arrays, sample_weight=0, reduction="mean", empty=7, return_grad=True)
    assert nothing[0] == 7 and not nothing[1].any()


# ---- derivatives written to arrays that are given --------------------------------------------------------------------

HESS, BY_P = {"return_hess": True}, {"return_grad": "p"}
DERIVED: dict[str, tuple[Any, dict[str, Any]]] = {  # of z and another array; the options beside return_grad
    "labels": (lambda z, u, **given: logits.cross_entropy(z, [0, -100, 3, 1, 2, 0], **given), HESS),
    "targets": (lambda z, u, **given: logits.cross_entropy(z, logits.softmax(u), **given), HESS),
    "teacher": (lambda z, u, **given: logits.cross_entropy(z, target_logits=u, **given), HESS),
    "kl": (logits.kl_divergence, HESS),
    "kl by p": (logits.kl_divergence, BY_P),
    "js": (logits.js_divergence, {}),
    "js by p": (logits.js_divergence, BY_P),
    "entropy": (lambda z, u, **given: logits.entropy(z, **given), {}),
    "binary": (lambda z, u, **given: logits.binary_cross_entropy(z, u > 0, **given), HESS),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_into_arrays(name: str, dtype: str, isa: str) -> None:
    function, options = DERIVED[name]
    z, u = (logits_of(6, 21, seed=s, dtype=dtype) for s in (1, 2))
    both = "return_hess" in options
    for reduction, layout in itertools.product(("none", "mean"), sorted(LAYOUTS.keys() - {"read-only"})):
        want = function(z, u, reduction=reduction, **{"return_grad": True, **options})
        given = {n: LAYOUTS[layout](np.full(z.shape, 7, dtype)) for n in ("grad_out", "hess_out")[: 1 + both]}
        asked = {} if both else options  # an array alone says that its derivative is wanted
        got = function(z, u, reduction=reduction, **given, **asked)
        for part, right in zip(got, want, strict=True):
            assert np.array_equal(part, right), layout
        assert all(part is out for part, out in zip(got[1:], given.values(), strict=True))


@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_into_arrays_that_others_use(name: str) -> None:
    """The logits themselves, memory that overlaps with them, other dtypes, one array for pairs of derivatives."""
    function, options = DERIVED[name]
    z, u = (logits_of(6, 21, seed=s, dtype="float32") for s in (1, 2))
    want = function(z, u, **{"return_grad": True, **options})
    for which in range(2):
        taken = [z.copy(), u.copy()]
        got = function(*taken, grad_out=taken[which], **options)
        assert got[1] is taken[which]
        assert all(map(np.array_equal, got, want))
    line = np.append(z.ravel(), np.float32(0))
    got = function(line[:-1].reshape(6, 21), u, grad_out=line[1:].reshape(6, 21), **options)
    assert all(map(np.array_equal, got, want))
    for other in (np.dtype("f8"), np.dtype("f2"), np.dtype(ml_dtypes.bfloat16)):
        out = np.full((6, 21), 7, other)
        assert function(z, u, grad_out=out, **options)[1] is out and np.array_equal(out, want[1].astype(other))
    if "return_hess" in options:
        pairs = np.full((6, 21, 2), 7, "f4")
        function(z, u, grad_out=pairs[..., 0], hess_out=pairs[..., 1])
        assert np.array_equal(pairs, np.stack(want[1:], axis=-1))


def test_labels_that_lie_where_the_derivative_goes() -> None:
    z, labels, out = logits_of(99, 21), np.arange(99) % 21, np.empty((99, 21))
    shared = out.view(np.int64).reshape(-1)[: len(labels)]
    shared[:] = labels
    logits.cross_entropy(z, shared, grad_out=out)
    assert np.array_equal(out, logits.cross_entropy(z, labels, return_grad=True)[1])


def test_derivatives_of_rows_left_out_and_of_no_rows(isa: str) -> None:
    z, labels = logits_of(6, 21), np.array([0, -100, 3, -100, 1, 2])
    out, second = np.full((2, 6, 21), 7.0)
    logits.cross_entropy(z, labels, grad_out=out, hess_out=second)
    assert not out[[1, 3]].any() and out[[0, 2, 4, 5]].all()
    assert not second[[1, 3]].any() and second[[0, 2, 4, 5]].all()
    out[:] = 7
    loss, found = logits.cross_entropy(z, np.full(6, -100), reduction="mean", empty=0, grad_out=out)
    assert loss == 0 and found is out and not out.any()
    none = np.empty((0, 21))
    for function, options in DERIVED.values():
        if function is not DERIVED["labels"][0]:
            found = function(none, none, reduction="mean", grad_out=none, **options)
            assert math.isnan(found[0]) and found[1] is none
    number = np.full((), 7.0)
    loss, found = logits.binary_cross_entropy(3.0, 1, grad_out=number)
    assert found is number and number == logits.binary_cross_entropy(3.0, 1, return_grad=True)[1]
