"""Functions of logits against their definitions, special values, PyTorch.

Their options are in test_logits_options.py, how exact they are in test_logits_accuracy.py, what they accept and refuse
in test_logits_inputs.py.
"""

from __future__ import annotations

import itertools
import math
import zlib
from typing import Any

import numpy as np
import oracle_logits as oracle
import pytest

from fastent import logits

INF, NAN = math.inf, math.nan
DTYPES = ("float64", "float32")
ROWS, CLASSES = 5, 7


def rng_of(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def logits_of(*shape: int, seed: int = 0, scale: float = 3.0, dtype: str = "float64") -> np.ndarray:
    return (rng_of("z", seed, shape).standard_normal(shape) * scale).astype(dtype)


def check(got: Any, want: Any, what: object = "", units: float = 16) -> None:
    """Within `units` roundings of the exact numbers, or, next to larger ones in the same array, of the largest."""
    want, got = want if isinstance(want, np.ndarray) else oracle.floats(want), np.asarray(got)
    size = np.abs(want[np.isfinite(want)]).max(initial=0)
    tolerance = units * np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * size, err_msg=str(what))


# ---- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_one_array(dtype: str, temperature: float, isa: str) -> None:
    z = logits_of(ROWS, CLASSES, dtype=dtype)
    rows, t = z.tolist(), temperature
    check(logits.log_sum_exp(z, temperature=t), [oracle.log_sum_exp(r, t) for r in rows])
    check(logits.softmax(z, temperature=t), [oracle.softmax(r, t) for r in rows])
    check(logits.log_softmax(z, temperature=t), [oracle.log_softmax(r, t) for r in rows])
    check(logits.perplexity(z, temperature=t), [oracle.perplexity(r, t) for r in rows])
    h, grad = logits.entropy(z, temperature=t, base=2, return_grad=True)
    bits = oracle.CTX.ln(2)
    check(h, [oracle.entropy(r, t) / bits for r in rows])
    check(grad, [[g / bits for g in oracle.entropy_gradient(r, t)] for r in rows])
    labels = np.arange(ROWS) % CLASSES
    want = [oracle.log_softmax(r, t)[i] / bits for r, i in zip(rows, labels, strict=True)]
    check(logits.log_prob_of(z, labels, temperature=t, base=2), want)
    z[0, 3] = z[0].max()  # a tie
    for k in (1, 3, CLASSES):
        log_prob, places = logits.top_k_log_prob(z, k, temperature=t)
        exact = [oracle.top_k(r, k, t) for r in z.tolist()]
        check(log_prob, [[v for v, _ in row] for row in exact])
        assert places.tolist() == [[i for _, i in row] for row in exact]


def test_pairs_broadcast(isa: str) -> None:
    for dtype in DTYPES:
        p, q = (logits_of(ROWS, CLASSES, seed=s, dtype=dtype) for s in (0, 1))
        for function, exact in ((logits.kl_divergence, oracle.kl), (logits.js_divergence, oracle.js)):
            every = function(p[:, None], q[None])
            check(every, [[exact(a, b) for b in q.tolist()] for a in p.tolist()])
            assert np.array_equal(np.diagonal(every), function(p, q))
            slopes = function(p[:, None], q[None], return_grad=True)[1]
            assert np.array_equal(slopes[range(ROWS), range(ROWS)], function(p, q, return_grad=True)[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_binary_cross_entropy(dtype: str, reduction: str, isa: str) -> None:
    z = logits_of(ROWS, 3, dtype=dtype)
    y = rng_of("y").choice([0, 1, 0.25], (ROWS, 3)).astype(dtype)
    pos, weights = np.array([1.0, 0.0, 4.0]), rng_of("w").random((ROWS, 1))
    for options in ({}, {"pos_weight": pos}, {"pos_weight": 2.0, "sample_weight": weights, "base": 2}):
        given: dict[str, Any] = dict(options)
        unit = oracle.CTX.ln(2) if "base" in given else 1
        w = np.broadcast_to(given.get("sample_weight", 1.0), z.shape)
        p = np.broadcast_to(given.get("pos_weight", 1.0), z.shape)
        exact = [
            [
                [oracle.mpf(float(v)) / unit * part for part in oracle.binary_cross_entropy(*map(float, cell))]
                for v, *cell in zip(*cells, strict=True)
            ]
            for cells in zip(w, z, y, p, strict=True)
        ]
        total = oracle.CTX.fsum(w.ravel().tolist()) if reduction == "mean" else 1
        parts = [[[cell[n] for cell in row] for row in exact] for n in range(3)]
        if reduction != "none":
            parts[0] = oracle.CTX.fsum(v for row in parts[0] for v in row) / total
            parts[1:] = [[[v / total for v in row] for row in part] for part in parts[1:]]
        got = logits.binary_cross_entropy(z, y, reduction=reduction, return_grad=True, return_hess=True, **given)
        for found, want in zip(got, parts, strict=True):
            check(found, want, options)


def test_perplexity_of_labels() -> None:
    z, labels = logits_of(ROWS, CLASSES), np.array([0, 6, -100, 2, 3])
    loss = oracle.cross_entropy(z.tolist(), [None if v < 0 else v for v in labels.tolist()], reduction="mean")[0]
    got = logits.perplexity(z, labels)
    assert isinstance(got, np.float64)
    check(got, oracle.CTX.exp(loss))
    check(logits.perplexity(z.astype("float32"), labels), oracle.CTX.exp(loss), units=2**31)
    assert math.isnan(logits.perplexity(z, np.full(ROWS, -100)))
    assert logits.perplexity(z, np.full(ROWS, -100), empty=1.0) == math.exp(1)


# ---- special values ------------------------------------------------------------------------------------------------


def each_function(z: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """A number per row of everything that takes one array."""
    return {
        "log_sum_exp": logits.log_sum_exp(z),
        "entropy": logits.entropy(z),
        "perplexity": logits.perplexity(z),
        "labels": logits.cross_entropy(z, labels),
        "smoothed": logits.cross_entropy(z, labels, label_smoothing=0.2, temperature=3.0),
        "soft": logits.cross_entropy(z, np.full(z.shape, 1 / z.shape[-1], z.dtype)),
        "teacher": logits.cross_entropy(z, target_logits=np.zeros_like(z)),
        "taught": logits.cross_entropy(np.zeros_like(z), target_logits=z),
        "kl": logits.kl_divergence(z, np.ones_like(z)),
        "reverse kl": logits.kl_divergence(np.ones_like(z), z),
        "js": logits.js_divergence(z, np.ones_like(z)),
        "softmax": logits.softmax(z),
        "log_softmax": logits.log_softmax(z),
        "gradient": logits.cross_entropy(z, labels, return_grad=True)[1],
        "entropy gradient": logits.entropy(z, return_grad=True)[1],
        "kl gradient": logits.kl_divergence(z, np.ones_like(z), return_grad=True)[1],
        "top_k": logits.top_k_log_prob(z, 2)[0],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [3, 33, 5000])
def test_a_bad_row_is_nan_and_no_other_notices(dtype: str, k: int, isa: str) -> None:
    z = logits_of(23, k, dtype=dtype)
    labels = np.arange(23) % k
    clean = each_function(z, labels)
    z[3, k // 2], z[9, k - 1], z[14] = NAN, INF, -INF
    z[19] = np.finfo(dtype).max / 4 * np.linspace(-1, 1, k)  # not bad, but computed in another way
    dirty = each_function(z, labels)
    good = np.setdiff1d(np.arange(23), [3, 9, 14, 19])
    for name, values in dirty.items():
        assert np.isnan(values[[3, 9, 14]]).all(), name
        assert values[good].tobytes() == clean[name][good].tobytes(), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_impossible_classes(dtype: str, isa: str) -> None:
    """-inf: as if the class were not there."""
    z = logits_of(4, 6, dtype=dtype)
    more = np.full((4, 9), -INF, dtype)
    more[:, [0, 2, 3, 5, 6, 8]] = z
    for function in (logits.log_sum_exp, logits.entropy, logits.perplexity):
        np.testing.assert_allclose(function(more), function(z), rtol=4 * np.finfo(dtype).eps)
    p = logits.softmax(more)
    assert (p[:, [1, 4, 7]] == 0).all() and not np.signbit(p).any()
    labels = np.array([1, 0, 3, 4])
    loss, grad, hess = logits.cross_entropy(more, labels, return_grad=True, return_hess=True)
    assert np.isinf(loss[[0, 3]]).all() and np.isfinite(loss[1:3]).all()
    assert (grad[[0, 3], [1, 4]] == -1).all() and (hess[:, [1, 4, 7]] == 0).all()
    for t in (0.5, 2.0):
        assert logits.cross_entropy(more, labels, temperature=t)[0] == INF
    assert np.isneginf(logits.log_prob_of(more, labels)[[0, 3]]).all()
    assert np.isinf(logits.cross_entropy(more, labels, label_smoothing=0.1)).all()
    soft = np.where(np.isneginf(more), 0, 1 / 6).astype(dtype)
    assert np.isfinite(logits.cross_entropy(more, soft)).all()
    assert np.isinf(logits.cross_entropy(more, np.full_like(more, 1 / 9))).all()
    assert np.isinf(logits.kl_divergence(np.zeros_like(more), more)).all()
    assert np.isfinite(logits.kl_divergence(more, np.zeros_like(more))).all()
    apart = logits.js_divergence(np.array([0, -INF], dtype), np.array([-INF, 0], dtype))
    assert apart == np.array(math.log(2), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", [-INF, "lowest"])
def test_many_hidden_classes_come_first(hidden: float | str, dtype: str, isa: str) -> None:
    """More than a block of them, in rows and in columns beside others that have none."""
    fill = float(np.finfo(dtype).min) if hidden == "lowest" else hidden
    long, beside = np.full(6000, fill, dtype), np.zeros((6000, 3), dtype)
    long[5000:5003], beside[:5999] = [1, 0, 2], fill
    beside[0, 1] = 0
    seen = long[5000:5003]
    for function in (logits.log_sum_exp, logits.entropy):
        np.testing.assert_allclose(function(long), function(seen), rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_allclose(function(beside, axis=0), function([0, 0]) * np.array([0, 1, 0]), atol=1e-7)
    np.testing.assert_allclose(logits.softmax(long)[5000:5003], logits.softmax(seen), rtol=4 * np.finfo(dtype).eps)
    loss, gradient = logits.cross_entropy(long, 5000, return_grad=True)
    assert loss == pytest.approx(logits.cross_entropy(seen, 0), rel=1e-6) and abs(gradient.sum()) < 1e-6


def test_temperatures_of_any_size(isa: str) -> None:
    """What counts is z / T, however large both are."""
    want = logits.entropy([1.0, 0.0])
    assert logits.entropy([1e38, 0.0], temperature=1e38) == pytest.approx(want, rel=1e-14)
    assert logits.entropy(np.float32([3e38, 0]), temperature=3e38) == pytest.approx(want, rel=1e-6)
    assert logits.entropy(np.r_[np.zeros(4999), 1e38]) == 0
    z = np.full(5000, -1e4)
    z[0], z[4999] = 30000.1, 30007.3
    assert logits.cross_entropy(z, 4999, temperature=0.0115) == pytest.approx(
        np.exp((z[0] - z[4999]) / 0.0115), rel=1e-12
    )


def test_differences_that_floats_have_no_room_for(isa: str) -> None:
    far = np.zeros((3, 20), np.float32)
    far[1, 0] = 2e38
    near = logits_of(3, 20, dtype="float32")
    other = near + np.float32(0.5) * logits_of(3, 20, dtype="float32")[::-1]
    z, u = np.where([[False], [True], [False]], far, near), np.where([[False], [True], [False]], -far, other)
    divergence = logits.kl_divergence(z, u)
    assert divergence[1] == np.float32(2e38)
    assert divergence[[0, 2]].tobytes() == logits.kl_divergence(near, other)[[0, 2]].tobytes()


def test_differences_that_overflow(isa: str) -> None:
    far, back, equal = [1.7e308, -1.7e308], [-1.7e308, 1.7e308], [1.7e308, 1.7e308]
    assert logits.kl_divergence(far, back) == INF and logits.kl_divergence(far, far) == 0
    assert logits.kl_divergence(far, back, temperature=1e300) == 3.4e8
    assert logits.js_divergence(far, back) == math.log(2)
    assert logits.kl_divergence(far, equal) == math.log(2)
    value, grad = logits.js_divergence(far, equal, return_grad=True)
    assert value == pytest.approx(float(oracle.js([1, -INF], [1, 1])), rel=1e-15)
    assert 0 < grad[1] == -grad[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_hardly_possible_classes_that_the_student_all_but_excludes(dtype: str, isa: str) -> None:
    """Shares below the smallest number, beside gaps as large as there are."""
    gap, lows = (3e38, (60.0, 87.5, 95.0, 110.0)) if dtype == "float32" else (1e308, (690.0, 705.0, 740.0, 760.0))
    for k, low in itertools.product((2, 9, 40), lows):
        teacher, student = np.zeros((2, k), dtype)
        teacher[-1], student[-1] = -low, -gap
        p, q = (oracle.Softmax(row.tolist()) for row in (teacher, student))
        want = oracle.kl(teacher.tolist(), student.tolist()), oracle.expected(p.p, q.nll)
        got = logits.kl_divergence(teacher, student), logits.cross_entropy(student, target_logits=teacher)
        np.testing.assert_allclose(got, oracle.floats(want), rtol=5e-6 if dtype == "float32" else 1e-13)
        slope = logits.kl_divergence(teacher, student, return_grad="p")[1][-1]
        right = float(oracle.kl_gradient(teacher.tolist(), student.tolist(), "p")[-1])
        assert slope == pytest.approx(right, rel=5e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_infinite_divergence_has_no_derivative_by_the_first(dtype: str, isa: str) -> None:
    for k in (3, 40):
        p, q = np.zeros((2, 2, k), dtype)
        p[:, 2:] = q[0, 1:] = -INF
        value, grad = logits.kl_divergence(p, q, return_grad="p")
        assert value[0] == INF and np.isnan(grad[0, :2]).all() and not grad[0, 2:].any()
        assert np.isfinite(value[1]) and np.isfinite(grad[1]).all()
        value, grad = logits.kl_divergence(p, q, return_grad="q")
        assert np.array_equal(grad[0], logits.softmax(q[0]) - logits.softmax(p[0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_teacher_who_knows_what_the_student_excludes(dtype: str, isa: str) -> None:
    """However unlikely: the loss is infinite."""
    teacher = np.zeros((1, 50), dtype)
    teacher[:, 7] = -2000
    student = teacher.copy()
    student[:, 7] = -INF
    assert logits.cross_entropy(student, target_logits=teacher)[0] == INF
    assert logits.kl_divergence(teacher, student)[0] == INF
    np.testing.assert_allclose(logits.cross_entropy(student, target_logits=student), np.log(49), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_weight_0_do_not_matter(dtype: str, isa: str) -> None:
    z = np.array([[NAN, 1], [0, 1]], dtype)
    loss, gradient = logits.cross_entropy(z, [0, 1], sample_weight=[0, 1], return_grad=True)
    assert loss[0] == 0 and (gradient[0] == 0).all() and np.isfinite(gradient).all()
    assert logits.binary_cross_entropy(np.array([INF, 0], dtype), [0, 1], sample_weight=[0, 1])[0] == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_huge_logits(dtype: str, isa: str) -> None:
    """Beside a huge logit, others are told apart though their distances to it are rounded."""
    for size in (1e5, 1e10, 1e18, 1e20, 1e30):
        z = np.array([[size, 0, -INF], [-size, 0, -size], [size, size, 0], [-size, -size, -INF]], dtype)
        half = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]])
        for t in (1.0, 0.5, 2.0):
            assert np.array_equal(logits.softmax(z, temperature=t), half), (size, t)
            np.testing.assert_allclose(logits.entropy(z, temperature=t), [0, 0, math.log(2), math.log(2)], rtol=1e-6)
        loss, grad = logits.cross_entropy(z, [0, 1, 1, 0], return_grad=True)
        np.testing.assert_allclose(loss, [0, 0, math.log(2), math.log(2)], rtol=1e-6)
        assert np.array_equal(grad, half - np.eye(3)[[0, 1, 1, 0]])
        assert np.array_equal(logits.kl_divergence(z, z), np.zeros(4))
        assert np.array_equal(logits.js_divergence(z, z), np.zeros(4))


def test_equal_rows_have_no_divergence(isa: str) -> None:
    """Shifted by a constant: 0 up to the square of a rounding, never below."""
    for dtype, bound in (("float64", 1e-28), ("float32", 1e-11)):
        z = logits_of(20, 50, dtype=dtype)
        for function in (logits.kl_divergence, logits.js_divergence):
            assert (function(z, z) == 0).all()
            shifted = function(z, z + 4)
            assert (shifted >= 0).all() and (shifted < bound).all()


def test_no_rows_and_few_classes(isa: str) -> None:
    for dtype in DTYPES:
        none, empty, one = np.zeros((0, 3), dtype), np.zeros((2, 0), dtype), np.array([[3.0], [-1e30]], dtype)
        assert logits.cross_entropy(none, np.zeros(0, int)).shape == (0,)
        for function in (logits.entropy, logits.log_sum_exp, logits.perplexity):
            assert function(none).shape == (0,)
            assert np.isnan(function(empty)).all()
        assert math.isnan(logits.cross_entropy(none, np.zeros(0, int), reduction="mean"))
        assert logits.cross_entropy(none, np.zeros(0, int), reduction="mean", empty=7) == 7
        assert logits.cross_entropy(none, np.zeros(0, int), reduction="sum") == 0
        assert np.isnan(logits.cross_entropy(empty, target_logits=empty)).all()
        assert logits.softmax(empty).shape == (2, 0)
        assert logits.softmax(one).tolist() == [[1], [1]] and logits.entropy(one).tolist() == [0, 0]
        assert logits.cross_entropy(one, [0, 0]).tolist() == [0, 0]
        assert logits.binary_cross_entropy(none, none).shape == (0, 3)
        assert math.isnan(logits.binary_cross_entropy(none, none, reduction="mean"))


def test_rows_that_are_left_out(isa: str) -> None:
    z, labels = logits_of(6, 4), np.array([0, -100, 3, -100, 1, 2])
    z[[1, 3]] = NAN
    loss, grad, hess = logits.cross_entropy(z, labels, return_grad=True, return_hess=True)
    assert (loss[[1, 3]] == 0).all() and not grad[[1, 3]].any() and not hess[[1, 3]].any()
    kept = np.delete(np.arange(6), [1, 3])
    alone = logits.cross_entropy(z[kept], labels[kept], return_grad=True, return_hess=True)
    for got, want in zip((loss, grad, hess), alone, strict=True):
        assert np.array_equal(got[kept], want)
    mean = logits.cross_entropy(z, labels, reduction="mean")
    assert mean == pytest.approx(loss[kept].mean(), rel=1e-15)
    nothing = logits.cross_entropy(z, np.full(6, 2), ignore_index=2, reduction="mean", return_grad=True)
    assert math.isnan(nothing[0]) and not nothing[1].any()
    assert logits.cross_entropy(z, np.full(6, 2), ignore_index=2, reduction="mean", empty=0.0) == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinite_binary_logits(dtype: str, isa: str) -> None:
    z, y = np.array([INF, -INF, INF, -INF, NAN, 0], dtype), np.array([1, 0, 0, 1, 1, 0.5], dtype)
    loss, grad, hess = logits.binary_cross_entropy(z, y, return_grad=True, return_hess=True)
    np.testing.assert_array_equal(loss, np.array([0, 0, INF, INF, NAN, math.log(2)], dtype))
    np.testing.assert_array_equal(grad, np.array([0, 0, 1, -1, NAN, 0], dtype))
    np.testing.assert_array_equal(hess, np.array([0, 0, 0, 0, NAN, 0.25], dtype))


# ---- a second opinion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_pytorch(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    functional, options = torch.nn.functional, {"reduction": reduction}
    z, labels = logits_of(20, 6), rng_of("torch").integers(6, size=20)
    labels[::7] = -100
    weight, soft = np.arange(1.0, 7.0), rng_of("soft").dirichlet(np.ones(6), 20)
    tensor = torch.tensor(z, requires_grad=True)

    def compare(theirs: Any, ours: Any) -> None:
        (gradient,) = torch.autograd.grad(theirs.sum(), tensor)
        np.testing.assert_allclose(ours[0], theirs.detach().numpy(), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(ours[1], gradient.numpy(), rtol=1e-12, atol=1e-14)

    for e, w in itertools.product((0.0, 0.3), (None, weight)):
        tensor_weight = None if w is None else torch.tensor(w)
        given = {"label_smoothing": e, "class_weight": w, "return_grad": True, **options}
        for target in (labels, soft):
            theirs = functional.cross_entropy(tensor, torch.tensor(target), tensor_weight, label_smoothing=e, **options)
            compare(theirs, logits.cross_entropy(z, target, **given))
    other = logits_of(20, 6, seed=5)
    theirs = functional.kl_div(
        tensor.log_softmax(-1), torch.tensor(other).log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    theirs = theirs if reduction == "none" else theirs.sum() / (20 if reduction == "mean" else 1)
    compare(theirs, logits.kl_divergence(other, z, return_grad=True, **options))
    y = rng_of("binary").random(z.shape)
    theirs = functional.binary_cross_entropy_with_logits(
        tensor, torch.tensor(y), pos_weight=torch.tensor(weight), **options
    )
    compare(theirs, logits.binary_cross_entropy(z, y, pos_weight=weight, return_grad=True, **options))
    given = rng_of("weight").random(z.shape)  # their mean is divided by the number of elements, ours by their weights
    theirs = functional.binary_cross_entropy_with_logits(
        tensor, torch.tensor(y), weight=torch.tensor(given) / (given.mean() if reduction == "mean" else 1), **options
    )
    compare(theirs, logits.binary_cross_entropy(z, y, sample_weight=given, return_grad=True, **options))
