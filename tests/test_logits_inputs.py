"""What the functions of logits take and refuse; memory: read where it may be, written where it must, and no more of it.

Bits do not depend on layouts that are read in the same order, on workers, or on how a batch is cut.
"""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from layouts import LAYOUTS, memory
from scripts import PRELUDE, run

from fastent import _openmp, logits

FLOATS = {np.dtype(t).name: np.dtype(t) for t in ("f8", "f4", "f2", ml_dtypes.bfloat16)}


def numbers(*shape: int, dtype: Any = "f8", seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 3).astype(dtype)


def labels_of(z: np.ndarray, axis: int = -1) -> np.ndarray:
    shape = tuple(np.delete(z.shape, axis))
    return np.random.default_rng(1).integers(z.shape[axis], size=shape)


def losses(z: np.ndarray, u: np.ndarray, labels: np.ndarray, **options: Any) -> list[np.ndarray]:
    """All that the engine computes of one pair of arrays."""
    both = {"return_grad": True, "return_hess": True}
    return [
        logits.log_sum_exp(z, **options),
        logits.softmax(z, **options),
        logits.log_softmax(z, **options),
        *logits.entropy(z, return_grad=True, **options),
        logits.log_prob_of(z, labels, **options),
        *logits.top_k_log_prob(z, 2, **options),
        *logits.cross_entropy(z, labels, **both, **options),
        *logits.cross_entropy(z, labels, label_smoothing=0.1, temperature=2.0, **both, **options),
        *logits.cross_entropy(z, target_logits=u, return_grad=True, **options),
        *logits.kl_divergence(z, u, return_grad=True, return_hess=True, **options),
        *logits.kl_divergence(z, u, return_grad="p", **options),
        *logits.js_divergence(z, u, return_grad=True, **options),
        *logits.js_divergence(z, u, return_grad="p", **options),
    ]


def same(got: list[np.ndarray], want: list[np.ndarray], what: object) -> None:
    for number, (a, b) in enumerate(zip(got, want, strict=True)):
        assert a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True), (what, number)


# ---- dtypes, layouts, axes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, dtype: str, isa: str) -> None:
    """Every axis of three, with the arrays in the same layout and in different ones; inputs are not changed."""
    z, u = numbers(5, 9, 37, dtype=FLOATS[dtype]), numbers(5, 9, 37, dtype=FLOATS[dtype], seed=2)
    for axis in range(3):
        labels = labels_of(z, axis)
        want = losses(np.moveaxis(z, axis, -1).copy(), np.moveaxis(u, axis, -1).copy(), labels)
        laid, other = LAYOUTS[layout](z), LAYOUTS[layout](u)
        before = memory(laid), memory(other)
        for pair in ((laid, other), (laid, u)):
            got = losses(*pair, labels, axis=axis)
            for number, (a, b) in enumerate(zip(got, want, strict=True)):
                moved = np.moveaxis(a, axis, -1) if a.shape == z.shape else a
                assert a.dtype == b.dtype and np.array_equal(moved, b), (axis, number)
        assert (memory(laid), memory(other)) == before


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtypes(dtype: str, isa: str) -> None:
    """Narrow numbers are what they are: the results are those of the same numbers as float32."""
    z, u = numbers(7, 40, dtype=FLOATS[dtype]), numbers(7, 40, dtype=FLOATS[dtype], seed=2)
    wide = np.float64 if dtype == "float64" else np.float32
    same(losses(z, u, labels_of(z)), losses(z.astype(wide), u.astype(wide), labels_of(z)), dtype)
    mixed = logits.kl_divergence(z, u.astype(np.float64))
    assert mixed.dtype == np.float64
    assert np.array_equal(mixed, logits.kl_divergence(z.astype(np.float64), u.astype(np.float64)))


def test_integers_and_lists() -> None:
    z = np.random.default_rng(0).integers(0, 9, (4, 5))
    want = logits.cross_entropy(z.astype(float), [0, 1, 2, 3])
    for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4"):
        assert np.array_equal(logits.cross_entropy(z.astype(dtype), [0, 1, 2, 3]), want)
        assert np.array_equal(logits.cross_entropy(z, np.arange(4).astype(dtype)), want)
    assert np.array_equal(logits.cross_entropy(z.tolist(), (0, 1, 2, 3)), want)
    assert np.array_equal(logits.cross_entropy(z[:, :2], np.array([True, False, True, False])),
                          logits.cross_entropy(z[:, :2], [1, 0, 1, 0]))  # fmt: skip
    assert isinstance(logits.cross_entropy(z[0], 1), np.float64)
    assert isinstance(logits.entropy(z[0].astype("f4")), np.float32)
    assert logits.cross_entropy(z[0], 1, sample_weight=2.0) == 2 * logits.cross_entropy(z[0], 1)


def test_torch_bfloat16() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(numbers(6, 9), dtype=torch.bfloat16)
    want = logits.entropy(tensor.float().numpy())
    assert np.array_equal(logits.entropy(tensor), want)
    bits = tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    assert np.array_equal(logits.entropy(bits), want)
    labels, wide = torch.arange(6), bits.astype(np.float32)
    same(losses(tensor, tensor.flip(0), labels), losses(wide, wide[::-1], labels.numpy()), "tensors")
    kinds = [{"target": torch.softmax(tensor, -1)}, {"target": labels, "sample_weight": tensor.abs()[:, 0]}]
    for given in kinds:
        plain = {
            name: value.numpy() if value.dtype == torch.int64 else value.float().numpy()
            for name, value in given.items()
        }
        both = {"class_weight": torch.ones(9, dtype=torch.bfloat16), "return_grad": True}
        same(
            logits.cross_entropy(tensor, **given, **both), logits.cross_entropy(wide, **plain, return_grad=True), given
        )
    y = tensor > 0
    want = logits.binary_cross_entropy(wide, y.numpy(), return_grad=True)
    same(logits.binary_cross_entropy(tensor, y.to(torch.bfloat16), return_grad=True), want, "binary")
    assert all(part.dtype == np.float32 for part in want)


@pytest.mark.parametrize("function", [logits.softmax, logits.log_softmax])
def test_out(function: Callable[..., np.ndarray], isa: str) -> None:
    for dtype, out_dtype in itertools.product(("f8", "f4"), ("f8", "f4", ">f4", "f2", ml_dtypes.bfloat16)):
        z = numbers(6, 70, dtype=dtype)
        want = function(z)
        for out in (
            np.zeros((6, 70), out_dtype),
            np.zeros((70, 6), out_dtype).T,
            np.zeros((6, 140), out_dtype)[:, ::2],
        ):
            assert function(z, out=out) is out
            assert np.array_equal(out, want.astype(out_dtype))
        in_place = z.copy()
        assert function(in_place, out=in_place) is in_place and np.array_equal(in_place, want)
        line = np.zeros(6 * 70 + 1, dtype)
        line[:-1] = z.ravel()
        function(line[:-1].reshape(6, 70), out=line[1:].reshape(6, 70))  # overlaps
        assert np.array_equal(line[1:].reshape(6, 70), want)


def test_labels_beyond_64_bits_with_a_sign() -> None:
    """What the label is counts, not its bits: 2^64 - 1 is not -1, nor is it 2^63 - 1."""
    z, labels = numbers(2, 5), np.array([3, 2**64 - 1], "u8")
    for ignored in (-1, 2**63 - 1, None):
        with pytest.raises(ValueError, match="got 18446744073709551615 in row 1"):
            logits.cross_entropy(z, labels, ignore_index=ignored)
    for given in (labels, labels.astype(">u8")):
        assert logits.cross_entropy(z, given, ignore_index=2**64 - 1).tolist() == [logits.cross_entropy(z[0], 3), 0]


def test_broadcast_targets_and_weights() -> None:
    z = numbers(4, 5)
    assert np.array_equal(logits.cross_entropy(z, np.full(4, 2), sample_weight=3.0),
                          3 * logits.cross_entropy(z, np.full(4, 2)))  # fmt: skip
    one = np.broadcast_to(np.float64(0.5), (4, 5))
    assert np.allclose(logits.entropy(one), math.log(5), rtol=1e-15)


# ---- refusals ------------------------------------------------------------------------------------------------------

Z = [[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]]
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no target": (lambda: logits.cross_entropy(Z), ValueError, "either target"),
    "two targets": (lambda: logits.cross_entropy(Z, [0, 1], target_logits=Z), ValueError, "either target"),
    "label": (lambda: logits.cross_entropy(Z, [0, 3]), ValueError, "from 0 to 2, got 3 in row 1"),
    "negative label": (lambda: logits.cross_entropy(Z, [-1, 0]), ValueError, "got -1 in row 0"),
    "label of a row": (lambda: logits.cross_entropy(Z[0], 3), ValueError, "from 0 to 2, got 3$"),
    "label of 3-D": (lambda: logits.cross_entropy([Z], [[0, 5]]), ValueError, r"got 5 in row \(0, 1\)"),
    "large label": (
        lambda: logits.cross_entropy(Z, np.array([0, 2**64 - 100], "u8")), ValueError, "got 18446744073709551516",
    ),
    "large label, swapped": (
        lambda: logits.cross_entropy(Z, np.array([0, 2**64 - 100], ">u8")), ValueError, "got 18446744073709551516",
    ),
    "float label": (lambda: logits.cross_entropy(Z, [0.0, 1.0]), TypeError, "integers.*float64"),
    "label shape": (lambda: logits.cross_entropy(Z, [0, 1, 2]), ValueError, r"one label per row, shape \(2,\), got"),
    "target shape": (lambda: logits.cross_entropy(Z, [[0.5, 0.5]]), ValueError, "axis -1, got 3 and 2"),
    "one target for all": (
        lambda: logits.cross_entropy(Z, [[0.5, 0.5, 0]]), ValueError, r"of z, \(2, 3\), got \(1, 3\).*broadcast_to",
    ),
    "many teachers": (lambda: logits.cross_entropy([Z[0]], target_logits=Z), ValueError, "must broadcast to the shape"),
    "second side": (
        lambda: logits.kl_divergence(Z, Z, return_grad="p", return_hess=True), ValueError, "derivatives by z_q",
    ),
    "side of js": (lambda: logits.js_divergence(Z, Z, return_grad=2), ValueError, "'p' or 'q', got 2"),
    "target rows": (lambda: logits.cross_entropy([Z[0]], Z), ValueError, "must have the shape of z"),
    "classes": (lambda: logits.kl_divergence(Z, [[0.0, 1.0]]), ValueError, "z_p and z_q must agree.*3 and 2"),
    "batches": (lambda: logits.kl_divergence(Z, [Z[0]] * 3), ValueError, "broadcast"),
    "axis": (lambda: logits.entropy(Z, axis=2), ValueError, "axis 2 is out of range"),
    "axis type": (lambda: logits.entropy(Z, axis=(0, 1)), TypeError, "one integer"),
    "number": (lambda: logits.entropy(1.0), ValueError, "at least one dimension"),
    "complex": (lambda: logits.entropy(np.ones(3, complex)), TypeError, "real numbers"),
    "strings": (lambda: logits.entropy(["a", "b"]), TypeError, "numbers"),
    "masked": (lambda: logits.entropy(np.ma.ones(3)), TypeError, "masked"),
    "temperature 0": (lambda: logits.entropy(Z, temperature=0), ValueError, "temperature must be a positive"),
    "temperature nan": (lambda: logits.entropy(Z, temperature=math.nan), ValueError, "positive number.*got nan"),
    "temperature text": (lambda: logits.entropy(Z, temperature="hot"), TypeError, "must be a number, got 'hot'"),
    "base": (lambda: logits.entropy(Z, base=1), ValueError, "base"),
    "smoothing": (lambda: logits.cross_entropy(Z, [0, 1], label_smoothing=1.5), ValueError, "between 0 and 1, got 1.5"),
    "smoothing text": (lambda: logits.cross_entropy(Z, [0, 1], label_smoothing="a"), TypeError, "must be a number"),
    "smoothed teacher": (
        lambda: logits.cross_entropy(Z, target_logits=Z, label_smoothing=0.1), ValueError, "not for target_logits",
    ),
    "class_weight": (lambda: logits.cross_entropy(Z, [0, 1], class_weight=[1, 2]), ValueError, "per class, 3"),
    "negative weight": (
        lambda: logits.cross_entropy(Z, [0, 1], class_weight=[1, 2, -1]), ValueError,
        "class_weight must be finite and at least 0, got -1.0 at index 2",
    ),
    "sample_weight": (lambda: logits.cross_entropy(Z, [0, 1], sample_weight=[1, 2, 3]), ValueError, "per row"),
    "infinite weight": (
        lambda: logits.kl_divergence(Z, Z, sample_weight=[1, math.inf]), ValueError, "finite.*got inf",
    ),
    "reduction": (lambda: logits.cross_entropy(Z, [0, 1], reduction="max"), ValueError, "'sum', got 'max'"),
    "ignore_index": (lambda: logits.cross_entropy(Z, [0, 1], ignore_index="no"), TypeError, "or None, got 'no'"),
    "return_grad": (lambda: logits.kl_divergence(Z, Z, return_grad="z"), ValueError, "got 'z'"),
    "return_grad array": (
        lambda: logits.js_divergence(Z, Z, return_grad=np.array([1, 2])), ValueError, r"got array\(\[1, 2\]\)",
    ),
    "flag": (
        lambda: logits.entropy(Z, return_grad=np.array([1, 2])), TypeError, r"return_grad must be True or False, got",
    ),
    "second flag": (lambda: logits.kl_divergence(Z, Z, return_hess=[1]), TypeError, r"return_hess must.*got \[1\]"),
    "flag of y": (lambda: logits.binary_cross_entropy(0.0, 1, return_grad="p"), TypeError, "return_grad must.*'p'"),
    "reduction array": (
        lambda: logits.entropy(Z, reduction=np.array(["none", "sum"])), ValueError, "reduction must be one of.*array",
    ),
    "smoothing array": (
        lambda: logits.cross_entropy(Z, [0, 1], label_smoothing=np.array([0.1, 0.2])), TypeError, "smoothing.*array",
    ),
    "smoothing beside teacher": (
        lambda: logits.cross_entropy(Z, target_logits=Z, label_smoothing=np.array([0.1, 0.2])), TypeError, "a number",
    ),
    "smoothing digits": (
        lambda: logits.cross_entropy(Z, [0, 1], label_smoothing="0.1"), TypeError, "label_smoothing must.*got '0.1'",
    ),
    "temperature array": (lambda: logits.entropy(Z, temperature=np.ones(2)), TypeError, "temperature must be a number"),
    "empty": (lambda: logits.cross_entropy(Z, [0, 1], empty="x"), TypeError, "empty must be a number, got 'x'"),
    "empty of y": (lambda: logits.binary_cross_entropy(0.0, 1, empty=[0.0]), TypeError, "empty must be a number"),
    "k": (lambda: logits.top_k_log_prob(Z, 4), ValueError, "between 1 and 3"),
    "k type": (lambda: logits.top_k_log_prob(Z, 1.0), TypeError, "must be an integer, got 1.0"),
    "perplexity": (lambda: logits.perplexity(Z, sample_weight=[1, 1]), ValueError, "pass target"),
    "log_prob_of": (lambda: logits.log_prob_of(Z, [0, -100]), ValueError, "labels.*got -100 in row 1"),
    "y": (lambda: logits.binary_cross_entropy(Z, [[0, 1, 2], [0, 0, 0]]), ValueError, r"got 2.0 at \(0, 2\)"),
    "y nan": (lambda: logits.binary_cross_entropy([0.0, 1.0], [0, math.nan]), ValueError, "got nan at 1"),
    "y shape": (lambda: logits.binary_cross_entropy(Z, [0, 1, 1]), ValueError, "the shape of z"),
    "pos_weight": (lambda: logits.binary_cross_entropy(Z, np.ones((2, 3)), pos_weight=[1, 2]), ValueError, "per label"),
    "out shape": (lambda: logits.softmax(Z, out=np.zeros((3, 2))), ValueError, r"shape \(2, 3\), got"),
    "out dtype": (lambda: logits.softmax(Z, out=np.zeros((2, 3), int)), TypeError, "floating-point dtype, got int64"),
    "out list": (lambda: logits.softmax(Z, out=[[0.0] * 3] * 2), TypeError, "NumPy array, got list"),
    "out read-only": (
        lambda: logits.softmax(Z, out=LAYOUTS["read-only"](np.zeros((2, 3)))), ValueError, "writeable",
    ),
    "grad_out shape": (
        lambda: logits.cross_entropy(Z, [0, 1], grad_out=np.zeros(6)), ValueError, r"grad_out.*shape \(2, 3\), got \(6",
    ),
    "grad_out dtype": (lambda: logits.entropy(Z, grad_out=np.zeros((2, 3), int)), TypeError, "grad_out.*got int64"),
    "grad_out list": (lambda: logits.js_divergence(Z, Z, grad_out=Z), TypeError, "grad_out.*array, got list"),
    "grad_out read-only": (
        lambda: logits.kl_divergence(Z, Z, grad_out=LAYOUTS["read-only"](np.zeros((2, 3)))), ValueError,
        "grad_out must be writeable",
    ),
    "out masked": (lambda: logits.softmax(Z, out=np.ma.zeros((2, 3))), TypeError, "plain NumPy array, got MaskedArray"),
    "grad_out repeated": (
        lambda: logits.cross_entropy(Z, [0, 1], grad_out=np.lib.stride_tricks.as_strided(np.zeros(3), (2, 3), (0, 8))),
        ValueError, "grad_out must have memory for each number",
    ),
    "hess_out shape": (
        lambda: logits.binary_cross_entropy(0.5, 1, hess_out=np.zeros(1)), ValueError, r"hess_out.*shape \(\), got",
    ),
    "hess_out beside p": (
        lambda: logits.kl_divergence(Z, Z, return_grad="p", hess_out=np.zeros((2, 3))), ValueError, "hess_out.*by z_q",
    ),
    "one array for both": (
        lambda: logits.cross_entropy(Z, [0, 1], **dict.fromkeys(("grad_out", "hess_out"), np.zeros((2, 3)))),
        ValueError, "must not share memory",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    call, error, message = REFUSALS[name]
    with pytest.raises(error, match=message) as caught:
        call()
    function, _, sentence = str(caught.value).partition(": ")
    assert function in logits.__all__ and sentence


# ---- workers and cuts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(30_011, 5), (601, 150), (9, 10_007)], ids=str)
def test_bits_depend_on_the_row_alone(shape: tuple[int, int], dtype: str, isa: str) -> None:
    z, u = numbers(*shape, dtype=FLOATS[dtype]), numbers(*shape, dtype=FLOATS[dtype], seed=2)
    labels = labels_of(z)
    one = losses(z, u, labels, workers=1)
    for workers in (2, 3):
        same(losses(z, u, labels, workers=workers), one, workers)
    for cut in (slice(1, 4), slice(shape[0] - 1, None), slice(None, None, -1)):
        same(losses(z[cut], u[cut], labels[cut]), [a[cut] for a in one], cut)
    same(losses(z[3], u[3], labels[3]), [a[3] for a in one], "alone")
    for reduction in ("mean", "sum"):
        found = [logits.cross_entropy(z, labels, reduction=reduction, workers=w) for w in (1, 2, 3)]
        found += [logits.binary_cross_entropy(z, u > 0, reduction=reduction, workers=w) - found[0] for w in (1, 2, 3)]
        assert len(set(map(float, found))) == 2


# ---- memory --------------------------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform != "linux", reason="mprotect, /proc")
LENGTHS = (*range(1, 20), 31, 32, 33, 63, 64, 65, 100, 255, 256, 257, 258, 513, 4095, 4096, 4097)


def guarded_calls(rows: int, k: int, dtype: np.dtype[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Calls that take two arrays and give one of the bits that ordinary memory gives."""
    labels = np.arange(rows) % k
    yield "labels", lambda z, u: logits.cross_entropy(z, labels, return_grad=True, return_hess=True)
    yield "loss alone", lambda z, u: logits.cross_entropy(z, labels)
    yield "smoothed", lambda z, u: logits.cross_entropy(z, labels, label_smoothing=0.1, temperature=2.0)
    yield "soft", lambda z, u: logits.cross_entropy(z, u, return_grad=True)
    yield "entropy", lambda z, u: logits.entropy(z, return_grad=True)
    yield "entropy alone", lambda z, u: logits.entropy(z)
    yield "softmax", lambda z, u: (logits.softmax(z), logits.log_softmax(z))
    yield "kl", lambda z, u: logits.kl_divergence(z, u, return_grad=True)
    yield "kl alone", lambda z, u: logits.kl_divergence(z, u)
    yield "js", lambda z, u: logits.js_divergence(z, u, return_grad=True)
    yield "top", lambda z, u: logits.top_k_log_prob(z, min(k, 3))
    yield "binary", lambda z, u: logits.binary_cross_entropy(z, abs(u) < 1, return_grad=True)


def at_the_edges(isa: str, note: str) -> None:
    """In a process of its own: arrays that end or begin at a page that must not be touched."""
    from test_guard_pages import Guarded

    from fastent._config import use_isa
    from fastent.uncertainty import predictive_uncertainty

    use_isa(isa)
    file = os.open(note, os.O_RDWR | os.O_CREAT)
    first, second, count = Guarded(40), Guarded(40), 0
    for dtype, k in itertools.product(FLOATS.values(), LENGTHS):
        for rows in (1, 3) if k > 1000 else (1, 9):
            z, u = numbers(rows, k, dtype=dtype), abs(numbers(rows, k, dtype=dtype, seed=2))
            calls = dict(guarded_calls(rows, k, dtype))
            calls["ensemble"] = lambda z, u: list(predictive_uncertainty(z[:, None], logits=True).values())
            calls["probabilities"] = lambda z, u: list(predictive_uncertainty(u[:, None]).values())
            for name, call in calls.items():
                want = call(z, u)
                for edge in ("end", "begin"):
                    os.pwrite(file, f"{name} of {dtype.name} ({rows}, {k}) at the {edge}".encode().ljust(100), 0)
                    got = call(first.place(z, edge), second.place(u, edge))
                    if [np.asarray(a).tobytes() for a in got] != [np.asarray(a).tobytes() for a in want]:
                        sys.exit(f"other values: {name} of {dtype.name} ({rows}, {k}) at the {edge}")
                    count += 1
    hole = Guarded(1)  # the page before its bytes: a row that is left out lies in it
    for dtype in FLOATS.values():
        size = hole.bytes.size // dtype.itemsize
        start = np.ndarray((size,), dtype, hole.bytes)
        start[:] = numbers(size, dtype=dtype)
        rows = np.lib.stride_tricks.as_strided(start, (2, size), (-hole.bytes.size, dtype.itemsize))
        loss = logits.cross_entropy(rows, [0, -100])
        if loss[1] != 0 or loss[0] != logits.cross_entropy(start.copy(), 0):
            sys.exit("a row that is left out changes another")
        count += 1
    print(count)


@posix
def test_no_byte_outside(isa: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    done = subprocess.run([sys.executable, __file__, isa, str(note)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, (done.returncode, note.read_text().strip(), done.stderr)
    assert int(done.stdout) > 5000


CALLS = {
    "loss": "logits.cross_entropy(z, y, workers=2)",
    "gradient": "logits.cross_entropy(z, y, return_grad=True, return_hess=True, workers=2)",
    "columns": "logits.cross_entropy(z.T, y, axis=0, workers=2)",
    "half": "logits.entropy(z.view('f2'), workers=2)",
    "strided": "logits.entropy(z[:, ::3], workers=2)",
    "kl": "logits.kl_divergence(z, z[::-1], workers=2)",
    "softmax": "logits.softmax(z, workers=2)",
    "softmax, out": "logits.softmax(z, out=o, workers=2)",
    "gradient, out": "logits.cross_entropy(z, y, grad_out=o, workers=2)",
    "top": "logits.top_k_log_prob(z, 5, workers=2)",
    "binary": "logits.binary_cross_entropy(z, b, reduction='sum', workers=2)",
    "ensemble": "fastent.uncertainty.predictive_uncertainty(z.reshape(4, -1, 1024), logits=True, workers=2)",
}
PEAK = """
import sys
from fastent import logits
n = 1 << 13
z = fill(np.empty((n, 1024), "f4"))
b = fill(np.empty((n, 1024), "f4"))
b /= 100
o, y = np.ones((n, 1024), "f4"), np.arange(n) % 1024
for call in sys.argv[1:]:
    eval(call.replace("z", "z[:512]").replace("y,", "y[:512],").replace("b,", "b[:512],").replace("=o", "=o[:512]"))
    forget_peak()
    before = peak()
    result = eval(call)
    extra = peak() - before
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
    print(extra - sum(0 if part is o else part.nbytes for part in parts))
"""


@posix
def test_extra_memory() -> None:
    from test_memory import MEASURE

    found = run(MEASURE + PEAK, *CALLS.values(), timeout=100, MALLOC_MMAP_THRESHOLD_="131072").split()
    extra = dict(zip(CALLS, map(int, found), strict=True))
    assert max(extra.values()) <= 3 << 20, extra


CTRL_C = """
import os, signal, sys, threading, time
import numpy as np
from fastent import logits
from fastent.uncertainty import predictive_uncertainty
row = np.random.default_rng(0).random(1000)
z = np.broadcast_to(row, (10**7, 1000))
pressed = []
def press():
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.3, press).start()
call = eval("lambda: " + sys.argv[1])  # an interrupted eval would end the process with the signal
try:
    call()
except KeyboardInterrupt:
    print(time.perf_counter() - pressed[0])
else:
    sys.exit("the call ended before it was interrupted")
"""


@posix
@pytest.mark.parametrize(
    "call",
    [
        "logits.kl_divergence(z, z[:, ::-1], workers=1)",
        "logits.kl_divergence(z, z[:, ::-1], workers=2)",
        "predictive_uncertainty(z.reshape(10, 10**6, 1000), workers=2)",
    ],
)
def test_ctrl_c(call: str) -> None:
    seconds = float(run(CTRL_C, call, timeout=20, FASTENT_ISA="base"))
    assert seconds < 1.5


FORK_AND_LOSS = """
from fastent import logits
Y = np.arange(300)
LOSS = logits.cross_entropy(P, Y, workers=1, return_grad=True)
def work():
    got = logits.cross_entropy(P, Y, workers=3, return_grad=True)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(got, LOSS))
    assert tasks() >= 3
work()
child(work)
in_thread(lambda: (work(), child(work)))
work()
"""


@posix
@pytest.mark.skipif(not _openmp.openmp_version(), reason="built without OpenMP")
def test_fork() -> None:
    from test_fork import FORK

    run(PRELUDE + FORK + FORK_AND_LOSS)


if __name__ == "__main__":
    at_the_edges(*sys.argv[1:])
