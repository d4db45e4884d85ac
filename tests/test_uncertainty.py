"""Uncertainties of ensembles against their definitions, their identities, and what they take and refuse."""

from __future__ import annotations

import itertools
import math
from typing import Any

import ml_dtypes
import numpy as np
import oracle_logits as oracle
import pytest
from layouts import LAYOUTS, memory

from fastent.uncertainty import MEASURES, predictive_uncertainty

DTYPES = ("float64", "float32")
ENTROPIES = ("total", "aleatoric", "epistemic", "vote_entropy")


def members_of(*shape: int, logits: bool, seed: int = 0, dtype: Any = "f8", scale: float = 3.0) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal(shape) * scale
    return (z if logits else np.exp(z)).astype(dtype)


def check(got: dict[str, Any], want: list[dict[str, Any]], units: float = 40) -> None:
    """Every measure of every row, within some roundings of the exact number or, of differences, of 1.

    Divergences are of second order: where shares agree to the last digit, its square is left.
    """
    for name, values in got.items():
        tolerance = units * np.finfo(np.asarray(values).dtype).eps
        exact = oracle.floats([row[name] for row in want])
        linear = {"margin": tolerance, "variation_ratio": tolerance, "epistemic": tolerance**2}.get(name, 1e-300)
        np.testing.assert_allclose(values, exact, rtol=tolerance, atol=linear, err_msg=name)


# ---- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_definitions(dtype: str, logits: bool, isa: str) -> None:
    for members, classes in ((1, 4), (2, 2), (3, 7), (8, 9), (5, 33), (17, 3)):
        p = members_of(members, 4, classes, logits=logits, dtype=dtype)
        for base in (None, 2):
            want = [oracle.predictive_uncertainty(p[:, i].tolist(), logits, base) for i in range(4)]
            got = predictive_uncertainty(p, logits=logits, base=base)
            assert list(got) == list(MEASURES) and all(v.dtype == dtype for v in got.values())
            check(got, want)


@pytest.mark.parametrize("logits", [False, True])
def test_confident_members_keep_their_digits(logits: bool, isa: str) -> None:
    """All but certain of the same class, to 1e-30; and certain of different ones."""
    z = np.random.default_rng(0).standard_normal((6, 5, 8))
    z[..., 3] += np.linspace(20, 70, 5)
    p = z if logits else np.exp(z)
    got = predictive_uncertainty(p, logits=logits)
    assert got["total"].max() < 1e-5 and got["total"].min() < 1e-25
    check(got, [oracle.predictive_uncertainty(p[:, i].tolist(), logits) for i in range(5)], units=200)
    sure = np.eye(4)[[0, 1, 2, 3]][:, None]
    found = predictive_uncertainty(np.log(sure, where=sure > 0, out=np.full(sure.shape, -math.inf)), logits=True)
    for each in (found, predictive_uncertainty(sure)):
        assert each["total"] == pytest.approx(math.log(4), rel=1e-15)
        assert each["epistemic"] == pytest.approx(math.log(4), rel=1e-15)
        assert each["aleatoric"] == 0 and each["variation_ratio"] == 0.75


def test_shares_that_the_digits_of_the_oracle_do_not_show_beside_1(isa: str) -> None:
    """Of x and 1 - x, to first order in x: x (1 - ln x) and the mean of x ln(x / m) - x + m."""
    for x, y in ((1e-40, 1e-50), (1e-70, 1e-80), (1e-250, 1e-290)):
        p, mean = np.array([[[1.0, x]], [[1.0, y]]]), (x + y) / 2
        want = oracle.predictive_uncertainty(p[:, 0].tolist(), False)
        assert float(want["total"]) == pytest.approx(mean * (1 - math.log(mean)), rel=1e-12)
        parts = [v * math.log(v / mean) - v + mean for v in (x, y)]
        assert float(want["epistemic"]) == pytest.approx(sum(parts) / 2, rel=1e-12)
        check(predictive_uncertainty(p, ["total", "aleatoric"]), [want], units=200)


def test_members_that_nearly_agree(isa: str) -> None:
    """The information between them is of the order of the square of their difference, and keeps its digits."""
    z = np.random.default_rng(0).standard_normal((4, 3, 10))
    for difference in (1e-3, 1e-5, 1e-7):
        p = np.exp(z[:1] + difference * z)
        want = oracle.floats([oracle.predictive_uncertainty(p[:, i].tolist(), False)["epistemic"] for i in range(3)])
        np.testing.assert_allclose(predictive_uncertainty(p, "epistemic"), want, rtol=1e-15 / difference + 1e-13)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("members", [1, 2, 3, 7, 10, 200])
def test_identical_members_have_no_epistemic_part(members: int, logits: bool, isa: str) -> None:
    for dtype in DTYPES:
        one = members_of(1, 20, 13, logits=logits, dtype=dtype)
        found = predictive_uncertainty(np.repeat(one, members, 0), logits=logits)
        assert (found["epistemic"] == 0).all()
        assert not found["variation_ratio"].any() and not found["vote_entropy"].any()
        np.testing.assert_allclose(found["total"], found["aleatoric"], rtol=16 * np.finfo(dtype).eps)


def test_members_of_the_same_shares_have_no_epistemic_part(isa: str) -> None:
    """Weights that are exact multiples of each other, though their sums and quotients are rounded."""
    rng = np.random.default_rng(0)
    for classes in (2, 3, 10, 64, 65, 3000):
        weights = np.ldexp(rng.integers(1, 1 << 50, (20, classes)).astype(float), rng.integers(-60, 0, (20, classes)))
        members = weights * np.array([1, 3, 5, 7, 6])[:, None, None]
        found = predictive_uncertainty(members)
        assert (found["epistemic"] == 0).all()
        np.testing.assert_allclose(found["total"], predictive_uncertainty(members[0][None], "total"), rtol=1e-14)
        members[4, :, 0] *= 1 + 1e-12
        assert (predictive_uncertainty(members, "epistemic") > 0).all()


@pytest.mark.parametrize("logits", [False, True])
def test_many_members_of_many_classes(logits: bool, isa: str) -> None:
    """More than the shares that fit in scratch memory; the identity instead of the oracle."""
    p = members_of(200, 2, 5000, logits=logits)
    found = predictive_uncertainty(p, logits=logits)
    np.testing.assert_allclose(found["total"], found["aleatoric"] + found["epistemic"], rtol=1e-13)
    shares = np.exp(p - p.max(-1, keepdims=True)) if logits else p
    shares = shares / shares.sum(-1, keepdims=True)
    mean = shares.mean(0)
    np.testing.assert_allclose(found["total"], -(mean * np.log(mean)).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(found["aleatoric"], -(shares * np.log(shares)).sum(-1).mean(0), rtol=1e-12)
    ranked = np.sort(mean, axis=-1)
    np.testing.assert_allclose(found["margin"], ranked[:, -1] - ranked[:, -2], rtol=1e-9)
    np.testing.assert_allclose(found["least_confidence"], 1 - ranked[:, -1], rtol=1e-13)
    votes = [np.bincount(row) for row in p.argmax(-1).T]
    np.testing.assert_allclose(found["variation_ratio"], [1 - v.max() / 200 for v in votes], rtol=1e-14)
    part = [v[v > 0] / 200 for v in votes]
    np.testing.assert_allclose(found["vote_entropy"], [-(v * np.log(v)).sum() for v in part], rtol=1e-13)


def test_identities_of_many_rows(isa: str) -> None:
    for logits, dtype in itertools.product((False, True), DTYPES):
        p = members_of(6, 500, 12, logits=logits, dtype=dtype, scale=6)
        found = predictive_uncertainty(p, logits=logits)
        whole = found["aleatoric"].astype(float) + found["epistemic"]
        np.testing.assert_allclose(found["total"], whole, rtol=8 * np.finfo(dtype).eps)
        assert (found["epistemic"] >= 0).all() and (found["aleatoric"] >= 0).all()
        assert (found["epistemic"] <= math.log(6) * (1 + 1e-6)).all() and (found["total"] <= math.log(12)).all()


def test_votes_with_ties(isa: str) -> None:
    """A vote goes to the first largest entry, wherever in a vector it stands."""
    p = np.full((4, 3, 9), 1.0)
    p[1, 1, 8], p[2, 1, 8], p[3, 1, 4] = 2, 2, 2
    p[0, 2, [3, 7]] = p[1, 2, [3, 7]] = p[2, 2, [7, 8]] = p[3, 2, [7, 8]] = 5
    found = predictive_uncertainty(p, ["variation_ratio", "vote_entropy"])
    assert found["variation_ratio"].tolist() == [0, 0.5, 0.5]
    np.testing.assert_allclose(found["vote_entropy"], [0, 1.5 * math.log(2), math.log(2)], rtol=1e-15)
    assert np.array_equal(predictive_uncertainty(p, "vote_entropy", logits=True), found["vote_entropy"])


# ---- special values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", [False, True])
def test_a_bad_row_is_nan_and_no_other_notices(logits: bool, isa: str) -> None:
    bad = [math.nan, math.inf] + ([] if logits else [-1.0, -math.inf])
    for classes, value in itertools.product((2, 9, 40), bad):
        p = members_of(3, 12, classes, logits=logits)
        clean = predictive_uncertainty(p, logits=logits)
        p[2, 5, classes - 1] = value
        p[0, 7] = -math.inf if logits else 0
        found = predictive_uncertainty(p, logits=logits)
        for name, values in found.items():
            assert np.isnan(values[[5, 7]]).all(), (name, value)
            assert np.array_equal(np.delete(values, [5, 7]), np.delete(clean[name], [5, 7])), name


def test_sums_beyond_the_range(isa: str) -> None:
    """Weights that overflow when added, and subnormal ones, are weights like others."""
    small = np.random.default_rng(0).integers(1, 9, (3, 4, 6)).astype(float)
    want = predictive_uncertainty(small)
    for factor in (2.0**1020, 2.0**-1074, 2.0**-1020, 2.0**-950):
        for name, values in predictive_uncertainty(small * factor).items():
            np.testing.assert_allclose(values, want[name], rtol=1e-14, err_msg=f"{name} times {factor}")
    huge = predictive_uncertainty(np.full((2, 3), 1e308), logits=True)
    assert huge["total"] == pytest.approx(math.log(3), rel=1e-15)
    assert predictive_uncertainty(np.full((2, 3), 1e308))["total"] == pytest.approx(math.log(3), rel=1e-15)


def test_zeros_and_one_class(isa: str) -> None:
    found = predictive_uncertainty([[[1.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]]])
    exact = oracle.predictive_uncertainty([[1, 0, 0], [0.5, 0.5, 0]], False)
    check(found, [exact])
    single = predictive_uncertainty(np.ones((3, 2, 1)))
    assert all((v == (name == "margin")).all() for name, v in single.items())
    assert all(np.isnan(v).all() for v in predictive_uncertainty(np.ones((3, 2, 0))).values())
    assert all(v.shape == (0,) for v in predictive_uncertainty(np.ones((3, 0, 4))).values())


# ---- what is taken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, logits: bool, isa: str) -> None:
    for dtype in ("f8", "f4", "f2", ml_dtypes.bfloat16):
        p = members_of(3, 5, 2, 11, logits=logits, dtype=dtype, scale=1)
        want = predictive_uncertainty(p, logits=logits)
        for order in ((0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0)):
            laid = LAYOUTS[layout](p.transpose(order).copy())
            before = memory(laid)
            places = [order.index(d) for d in (0, 3)]
            found = predictive_uncertainty(laid, logits=logits, member_axis=places[0], axis=places[1])
            for name, values in found.items():
                kept = [d for d in order if d in (1, 2)]
                assert np.array_equal(values if kept == [1, 2] else values.T, want[name]), (name, order)
            assert memory(laid) == before


def test_subsets_and_workers_give_the_same_bits(isa: str) -> None:
    for logits, shape in itertools.product((False, True), ((4, 3001, 5), (20, 101, 70), (3, 7, 20_001))):
        p = members_of(*shape, logits=logits)
        whole = predictive_uncertainty(p, logits=logits, workers=1)
        for workers in (2, 3):
            again = predictive_uncertainty(p, logits=logits, workers=workers)
            assert all(np.array_equal(again[name], whole[name]) for name in MEASURES)
        for name in MEASURES:
            assert np.array_equal(predictive_uncertainty(p, name, logits=logits), whole[name])
        pair = predictive_uncertainty(p, ["vote_entropy", "epistemic"], logits=logits)
        assert list(pair) == ["vote_entropy", "epistemic"]
        assert all(np.array_equal(values, whole[name]) for name, values in pair.items())
        alone = predictive_uncertainty(p[:, 3], logits=logits)
        assert all(alone[name] == whole[name][3] for name in MEASURES)


def test_integers_and_units() -> None:
    counts = np.random.default_rng(0).integers(0, 9, (4, 5, 3)) + 1
    want = predictive_uncertainty(counts.astype(float))
    for dtype in ("u1", "i4", "i8"):
        found = predictive_uncertainty(counts.astype(dtype))
        assert all(found[name].dtype == np.float64 and np.array_equal(found[name], want[name]) for name in MEASURES)
    bits = predictive_uncertainty(counts, base=2)
    for name in MEASURES:
        factor = math.log(2) if name in ENTROPIES else 1
        np.testing.assert_allclose(bits[name] * factor, want[name], rtol=1e-15)
    assert isinstance(predictive_uncertainty(counts[:, 0], "total"), np.float64)


P = np.ones((2, 3, 4))
REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "measure": ({"measures": "entropy"}, ValueError, "among total.*got 'entropy'"),
    "one of two": ({"measures": ["total", "bald"]}, ValueError, "got 'bald'"),
    "none": ({"measures": []}, ValueError, "at least one"),
    "one dimension": ({"p": [0.5, 0.5]}, ValueError, "dimension of members and one of classes, got 1"),
    "axes": ({"axis": 0}, ValueError, "must differ, both are 0"),
    "axis": ({"axis": 3}, ValueError, "axis 3 is out of range"),
    "axis type": ({"member_axis": 0.0}, TypeError, "one integer"),
    "no members": ({"p": np.ones((0, 3, 4))}, ValueError, r"at least one member, got shape \(0, 3, 4\)"),
    "base": ({"base": -1}, ValueError, "base"),
    "complex": ({"p": P + 1j}, TypeError, "real numbers"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    given, error, message = REFUSALS[name]
    with pytest.raises(error, match=message) as caught:
        predictive_uncertainty(**{"p": P, **given})
    assert str(caught.value).startswith("predictive_uncertainty: ")


def test_batches_of_several_dimensions() -> None:
    """Rows in one line of memory, and rows that are not, as one by one."""
    p = np.random.default_rng(3).dirichlet(np.ones(4), (3, 6, 5))
    want = [[predictive_uncertainty(p[:, i, j], "epistemic") for j in range(5)] for i in range(6)]
    for q in (p, np.ascontiguousarray(p.swapaxes(1, 2)).swapaxes(1, 2), np.repeat(p, 2, axis=2)[:, :, ::2]):
        assert predictive_uncertainty(q, "epistemic").tolist() == want
