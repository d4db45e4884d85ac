"""Closed forms against integrals of their densities, normal mutual information against its definition, and refusals."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from oracle_continuous import LOCK, mp
from oracle_continuous import entropy as exact_entropy
from oracle_continuous import kl_divergence as exact_kl

import fastent
from fastent import continuous
from fastent.continuous import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
    Gamma,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)

inf, nan = np.inf, np.nan

# parameters of p; every pair of one family is a divergence
PARAMETERS = {
    "Normal": [(0.0, 1.0), (0.5, 0.1), (-3.0, 5.0), (1e-3, 1.001)],
    "Laplace": [(0.0, 1.0), (0.5, 0.1), (-3.0, 5.0), (1e-3, 1.001)],
    "Exponential": [(1.0, 0.0), (0.25, 0.0), (7.0, 0.0)],
    "Gamma": [(1.0, 1.0), (3.5, 0.2), (0.7, 4.0), (40.0, 1.0)],
    "Beta": [(1.0, 1.0), (2.5, 3.0), (0.7, 4.0), (30.0, 50.0)],
    "Poisson": [(1e-6,), (0.5,), (3.0,), (30.0,), (199.0,), (201.0,)],
    "Uniform": [(0.0, 1.0), (-1.0, 3.0), (-4.0, 9.5)],
}
FAMILIES = {name: getattr(continuous, name) for name in PARAMETERS}
SCIPY = {
    "Normal": lambda p: scipy.stats.norm(*p),
    "Laplace": lambda p: scipy.stats.laplace(*p),
    "Exponential": lambda p: scipy.stats.expon(p[1], p[0]),
    "Gamma": lambda p: scipy.stats.gamma(p[0], scale=p[1]),
    "Beta": lambda p: scipy.stats.beta(*p),
    "Poisson": lambda p: scipy.stats.poisson(*p),
    "Uniform": lambda p: scipy.stats.uniform(*p),
}


def relative(got, want):
    with LOCK:
        return float(abs((mp.mpf(float(got)) - want) / want)) if want else float(abs(got))


@pytest.mark.parametrize("family", PARAMETERS)
def test_entropy(family):
    for parameters in PARAMETERS[family]:
        got = continuous.entropy(FAMILIES[family](*parameters))
        want = exact_entropy(family, parameters)
        assert isinstance(got, np.float64)
        assert relative(got, want) < 2e-14 or abs(float(want) - got) < 1e-15
        np.testing.assert_allclose(got, SCIPY[family](parameters).entropy(), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("family", PARAMETERS)
def test_divergence(family):
    for p, q in itertools.product(PARAMETERS[family], repeat=2):
        got = continuous.kl_divergence(FAMILIES[family](*p), FAMILIES[family](*q))
        if p == q:
            assert got == 0 and not np.signbit(got)
        elif family == "Uniform" and not (q[0] <= p[0] and p[0] + p[1] <= q[0] + q[1]):
            assert got == inf
        else:
            assert relative(got, exact_kl(family, p, q)) < 1e-13
            cross = continuous.cross_entropy(FAMILIES[family](*p), FAMILIES[family](*q))
            np.testing.assert_allclose(cross, continuous.entropy(FAMILIES[family](*p)) + got, rtol=1e-13, atol=1e-13)


NEAR = {  # formulas whose digits cancel, with 60 digits
    Normal: ((0.3, 2.0), lambda m, s, n, t: mp.log(t / s) + (s * s + (m - n) ** 2) / (2 * t * t) - mp.mpf(1) / 2),
    Laplace: (
        (0.3, 2.0),
        lambda m, s, n, t: mp.log(t / s) + abs(m - n) / t + s / t * mp.exp(-abs(m - n) / s) - 1,
    ),
    Exponential: ((2.0, 0.0), lambda s, a, t, b: s / t - 1 - mp.log(s / t) + (a - b) / t),
    Poisson: ((3.0,), lambda m, n: m * mp.log(m / n) - m + n),
    Bernoulli: ((0.3,), lambda p, q: p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q))),
}


@pytest.mark.parametrize("family", NEAR, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_nearly_equal_distributions_keep_their_digits(family, size):
    p, formula = NEAR[family]
    q = tuple(x * (1 + size) for x in p)
    got = continuous.kl_divergence(family(*p), family(*q))
    with LOCK, mp.workdps(60):
        want = formula(*(mp.mpf(x) for x in (*p, *q)))
        # the complement of a probability is rounded, which the difference of two shows
        assert got > 0 and relative(got, want) < (1e-14 if family is not Bernoulli else 1e-15 / size)


def exact_gamma_kl(a, s, b, t):
    a, s, b, t = (mp.mpf(float(x)) for x in (a, s, b, t))
    return (a - b) * mp.digamma(a) - mp.loggamma(a) + mp.loggamma(b) - b * mp.log(s / t) + a * (s / t - 1)


def exact_beta_kl(a, b, x, y):
    a, b, x, y = (mp.mpf(float(value)) for value in (a, b, x, y))
    logs = mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y) - mp.loggamma(a) - mp.loggamma(b) + mp.loggamma(a + b)
    return logs + (a - x) * mp.digamma(a) + (b - y) * mp.digamma(b) + (x + y - a - b) * mp.digamma(a + b)


@pytest.mark.parametrize("a", [1e-5, 0.3, 5.0, 31.0, 33.0, 500.0, 1e6])
def test_nearly_equal_gammas_keep_their_digits(a):
    with LOCK, mp.workdps(60):
        for size in (0.2, 1 / 16, 0.03, 1e-3, 1e-6, 1e-9):
            for b in (a * (1 + size), a * (1 - size)):
                for scale in (1.0, a / b):  # of the same mean, too, where large shapes nearly agree
                    got = continuous.kl_divergence(Gamma(a), Gamma(b, scale))
                    bound = 1e-10 if size > 0.02 else 1e-14 if scale == 1 else 2e-13 * max(1, a)
                    assert relative(got, exact_gamma_kl(a, 1, b, scale)) < bound
            got = continuous.kl_divergence(Beta(a, 2.0), Beta(a * (1 + size), 2.0 * (1 - size)))
            want = exact_beta_kl(a, 2.0, a * (1 + size), 2.0 * (1 - size))
            assert relative(got, want) < max(1e-10, 1e-15 / size)  # the sum of the shapes is rounded


def test_scales_at_the_ends_of_the_range():
    """Ratios that overflow, where the divergence does not, and where it does."""
    small, large = 1e-300, 1e300
    for p, q in (
        (Normal(0.0, small), Normal(0.0, large)),
        (Laplace(0.0, small), Laplace(0.0, large)),
        (Exponential(small), Exponential(large)),
        (Gamma(1.0, small), Gamma(1.0, large)),
    ):
        logs = np.log(large) - np.log(small)
        assert logs - 1.001 < continuous.kl_divergence(p, q) < logs
        assert continuous.kl_divergence(q, p) == inf
    got = continuous.kl_divergence(Uniform(0, [small, 5e-324]), Uniform(0, large))
    np.testing.assert_allclose(got, np.log(large) - np.log([small, 5e-324]), rtol=1e-15)


def test_gamma_and_beta_with_large_shapes():
    """ln Gamma is huge there and cancels."""
    with LOCK, mp.workdps(60):
        for a in (1e-3, 31.9, 32.0, 1e4, 1e8, 1e12):
            x = mp.mpf(a)
            want = x + mp.loggamma(x) + (1 - x) * mp.digamma(x)
            assert relative(continuous.entropy(Gamma(a)), want) < 1e-14
            b = x + 2
            want = (
                mp.loggamma(x) + mp.loggamma(b) - mp.loggamma(x + b) - (x - 1) * mp.digamma(x) - (b - 1) * mp.digamma(b)
            ) + (x + b - 2) * mp.digamma(x + b)
            assert relative(continuous.entropy(Beta(a, float(b))), want) < 1e-13
        for a, b in ((1e6, 1e6 + 1), (1e9, 1.1e9)):
            x, y = mp.mpf(a), mp.mpf(b)
            want = (x - y) * mp.digamma(x) - mp.loggamma(x) + mp.loggamma(y)
            assert relative(continuous.kl_divergence(Gamma(a), Gamma(b)), want) < 1e-12


def test_multivariate_normal(rng):
    for d in (1, 2, 5):
        mixing = rng.normal(size=(2, d, d + 2))
        cov, mean = mixing @ mixing.transpose(0, 2, 1), rng.normal(size=(2, d))
        p, q = MultivariateNormal(mean[0], cov[0]), MultivariateNormal(mean[1], cov[1])
        np.testing.assert_allclose(
            continuous.entropy(p), scipy.stats.multivariate_normal(mean[0], cov[0]).entropy(), rtol=1e-13
        )
        inverse, shift = np.linalg.inv(cov[1]), mean[1] - mean[0]
        want = np.trace(inverse @ cov[0]) - d + shift @ inverse @ shift - np.linalg.slogdet(inverse @ cov[0])[1]
        np.testing.assert_allclose(continuous.kl_divergence(p, q), want / 2, rtol=1e-10)
        assert continuous.kl_divergence(p, p) == 0
        both = MultivariateNormal(mean, cov)
        np.testing.assert_array_equal(continuous.kl_divergence(both, q), [continuous.kl_divergence(p, q), 0])
        diagonal = MultivariateNormal(mean[0], np.diag(np.diag(cov[0])))
        scales = np.sqrt(np.diag(cov[0]))
        np.testing.assert_allclose(
            continuous.entropy(diagonal), continuous.entropy(Normal(mean[0], scales)).sum(), rtol=1e-12
        )
    unknown = MultivariateNormal([[0.0, nan], [0.0, 0.0]], [[2.0, 1.0], [1.0, 2.0]])
    assert np.isnan(continuous.entropy(unknown)).tolist() == [True, False]


def test_discrete_families_are_those_of_the_package(rng):
    p, q = rng.dirichlet(np.ones(6), (2, 4))
    np.testing.assert_allclose(continuous.entropy(Categorical(p * 7)), fastent.entropy(p), rtol=1e-14)
    np.testing.assert_allclose(continuous.kl_divergence(Categorical(p), Categorical(q)), fastent.kl_divergence(p, q))
    np.testing.assert_allclose(continuous.cross_entropy(Categorical(p), Categorical(q)), fastent.cross_entropy(p, q))
    x, y = p[:, 0], q[:, 0]
    pairs = np.stack([x, 1 - x], -1), np.stack([y, 1 - y], -1)
    np.testing.assert_allclose(continuous.entropy(Bernoulli(x)), fastent.entropy(pairs[0]), rtol=1e-14)
    np.testing.assert_allclose(continuous.kl_divergence(Bernoulli(x), Bernoulli(y)), fastent.kl_divergence(*pairs))
    np.testing.assert_allclose(continuous.cross_entropy(Bernoulli(x), Bernoulli(y)), fastent.cross_entropy(*pairs))


def test_supports():
    kl = continuous.kl_divergence
    assert kl(Exponential(1, 0.0), Exponential(1, 0.5)) == inf == continuous.cross_entropy(Uniform(0, 2), Uniform(0, 1))
    np.testing.assert_allclose(kl(Exponential(1, 0.5), Exponential(1, 0.0)), 0.5)
    assert kl(Poisson([0.0, 0.0, 2.0]), Poisson([0.0, 1.5, 0.0])).tolist() == [0.0, 1.5, inf]
    assert kl(Bernoulli([0, 1, 0.5]), Bernoulli([0, 1, 1])).tolist() == [0.0, 0.0, inf]
    assert kl(Categorical([[1, 0], [1, 1]]), Categorical([1, 0])).tolist() == [0.0, inf]
    assert kl(Uniform(0, 1), Uniform(0, 1)) == 0
    assert continuous.entropy(Poisson(0)) == 0 == continuous.entropy(Bernoulli(1))


def test_parameters_broadcast():
    scales = np.array([0.5, 1.0, 2.0])
    p = Normal(np.zeros((4, 1)), scales)
    assert continuous.entropy(p).shape == (4, 3)
    assert continuous.kl_divergence(p, Normal(1.0, np.ones((5, 1, 1)))).shape == (5, 4, 3)
    single = continuous.kl_divergence(Normal(0.0, 0.5), Normal(1.0, 1.0))
    np.testing.assert_array_equal(continuous.kl_divergence(p, Normal(1.0, 1.0))[:, 0], single)
    np.testing.assert_allclose(continuous.entropy(p, base=2), continuous.entropy(p) / np.log(2), rtol=1e-15)


@pytest.mark.parametrize("name", [*PARAMETERS, "Bernoulli"])
def test_dtypes(name):
    family = getattr(continuous, name)
    parameters = PARAMETERS.get(name, [(0.3,)])[-1]
    single = family(*(np.float32(x) for x in parameters))
    double = family(*parameters)
    assert single.dtype == np.float32 and double.dtype == np.float64
    for function in (continuous.entropy, lambda p: continuous.kl_divergence(p, p)):
        assert function(single).dtype == np.float32 and function(double).dtype == np.float64
        np.testing.assert_allclose(function(single), function(double), rtol=1e-5, atol=1e-7)
    assert continuous.kl_divergence(single, double).dtype == np.float64


def test_nan_parameters_give_nan():
    assert np.isnan(continuous.entropy(Normal([nan, 0], 1))).tolist() == [True, False]
    for p in (Normal(0, nan), Laplace(nan), Exponential(nan), Gamma(nan), Beta(nan, 1), Poisson(nan), Bernoulli(nan)):
        assert np.isnan(continuous.entropy(p)) and np.isnan(continuous.kl_divergence(p, p))
    assert np.isnan(continuous.kl_divergence(Uniform(nan, 1), Uniform(0, 1)))
    assert np.isnan(continuous.kl_divergence(Exponential(nan, 0), Exponential(1, 1)))  # not covered, as far as one sees


def test_records_are_immutable_copies():
    loc = np.array([0.0, 1.0])
    p = Normal(loc, 2)
    before = continuous.kl_divergence(p, Normal())
    loc[0] = 5
    np.testing.assert_array_equal(continuous.kl_divergence(p, Normal()), before)
    with pytest.raises(AttributeError):
        p.loc = 3
    with pytest.raises(ValueError, match="read-only"):
        p.loc[0] = 3
    assert repr(p) == "Normal(loc=[0.0, 1.0], scale=2.0)"


REFUSED_RECORDS = [
    (lambda: Normal(0, 0), ValueError, ("Normal", "scale", "positive", "0.0")),
    (lambda: Normal(0, [1, -2]), ValueError, ("Normal", "scale", "-2.0", "index 1")),
    (lambda: Normal(inf, 1), ValueError, ("Normal", "loc", "finite", "inf")),
    (lambda: Normal([0, 1], [1, 2, 3]), ValueError, ("Normal", "broadcast", "(2,)", "(3,)")),
    (lambda: Normal("a"), TypeError, ("Normal", "loc", "real numbers")),
    (lambda: Laplace(0, -1), ValueError, ("Laplace", "scale")),
    (lambda: Exponential(0), ValueError, ("Exponential", "scale")),
    (lambda: Exponential(1, inf), ValueError, ("Exponential", "loc")),
    (lambda: Gamma(-1, 1), ValueError, ("Gamma", "a", "positive")),
    (lambda: Gamma(1, inf), ValueError, ("Gamma", "scale", "finite")),
    (lambda: Beta(1, 0), ValueError, ("Beta", "b")),
    (lambda: Uniform(0, 0), ValueError, ("Uniform", "scale")),
    (lambda: Poisson(-1), ValueError, ("Poisson", "mu", "non-negative")),
    (lambda: Bernoulli([[0.5, 1.5]]), ValueError, ("Bernoulli", "p", "between 0 and 1", "1.5", "(0, 1)")),
    (lambda: Categorical(0.5), ValueError, ("Categorical", "p", "()")),
    (lambda: Categorical([0.5, -0.5]), ValueError, ("Categorical", "p", "non-negative")),
    (lambda: Categorical([[1, 1], [0, 0]]), ValueError, ("Categorical", "p", "zeros")),
    (lambda: MultivariateNormal([0, 0], [[1, 0, 0], [0, 1, 0]]), ValueError, ("MultivariateNormal", "cov", "(2, 3)")),
    (lambda: MultivariateNormal([0, 0], np.eye(3)), ValueError, ("MultivariateNormal", "(2,)", "(3, 3)")),
    (lambda: MultivariateNormal([0, 0], [[1, 2], [2, 1]]), ValueError, ("MultivariateNormal", "positive definite")),
    (lambda: MultivariateNormal([0, 0], [[2, 1], [0, 2]]), ValueError, ("MultivariateNormal", "symmetric")),
    (lambda: MultivariateNormal(np.zeros((3, 2)), np.ones((2, 1, 1)) * np.eye(2)), ValueError, ("broadcast",)),
]


@pytest.mark.parametrize(("make", "error", "says"), REFUSED_RECORDS)
def test_refused_parameters(make, error, says):
    with pytest.raises(error) as caught:
        make()
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: continuous.entropy(3), TypeError, ("entropy", "p", "Normal", "int")),
        (lambda: continuous.kl_divergence(Normal(), 3), TypeError, ("kl_divergence", "q", "int")),
        (lambda: continuous.kl_divergence(Normal(), Laplace()), TypeError, ("Normal", "Laplace", "family")),
        (lambda: continuous.cross_entropy(Gamma(1), Exponential()), TypeError, ("cross_entropy", "Gamma")),
        (lambda: continuous.kl_divergence(Normal([1, 2]), Normal([1, 2, 3])), ValueError, ("broadcast", "(2,)")),
        (lambda: continuous.kl_divergence(Categorical([1, 1]), Categorical([1, 1, 1])), ValueError, ("2", "3")),
        (lambda: continuous.cross_entropy(Categorical([1, 1]), Categorical([1, 1, 1])), ValueError, ("cross_entropy",)),
        (
            lambda: continuous.kl_divergence(
                MultivariateNormal([0], [[1]]), MultivariateNormal([0, 0], [[1, 0], [0, 1]])
            ),
            ValueError,
            ("dimension", "1", "2"),
        ),
        (lambda: continuous.entropy(Normal(), base=1), ValueError, ("entropy", "base")),
        (lambda: continuous.kl_divergence(Normal(), Normal(), base=-2), ValueError, ("kl_divergence", "base")),
    ],
)
def test_refusals(call, error, says):
    with pytest.raises(error) as caught:
        call()
    for words in says:
        assert words in str(caught.value)


def test_without_scipy(monkeypatch):
    for name in ("scipy.special", "scipy.spatial"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (
        lambda: continuous.entropy(Gamma(1)),
        lambda: continuous.kl_divergence(Beta(1, 1), Beta(1, 2)),
        lambda: continuous.joint_differential_entropy(np.eye(5)),
        lambda: continuous.nearest_neighbor_kl(np.eye(5), np.eye(5)),
    ):
        with pytest.raises(ImportError, match=r"SciPy.*fastent\[scipy\]"):
            call()
    assert continuous.entropy(Normal()) > 0 and continuous.joint_differential_entropy(np.arange(5.0)) > 0


# ---- normal mutual information -------------------------------------------------------------------------------------


def exact_pair(x, y):
    with LOCK, mp.workdps(60):
        x, y = ([mp.mpf(float(v)) for v in column] for column in (x, y))
        mean_x, mean_y = mp.fsum(x) / len(x), mp.fsum(y) / len(y)
        products = mp.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) ** 2
        squares = mp.fsum((a - mean_x) ** 2 for a in x) * mp.fsum((b - mean_y) ** 2 for b in y)
        return -mp.log(1 - products / squares) / 2


def test_mutual_information_of_pairs(rng):
    """From hardly correlated to nearly collinear columns; beside it, ln(1 - r^2) of a rounded r keeps few digits."""
    x = rng.normal(size=300)
    noise = rng.normal(size=300)
    noise -= x * (noise @ x) / (x @ x)
    for size, rtol in ((1e5, 1e-9), (1.0, 1e-13), (1e-3, 1e-13), (1e-6, 1e-11), (1e-8, 1e-9)):
        for sign in (1, -1):
            y = sign * 3 * x + 5 + size * noise
            want = exact_pair(x, y)
            matrix = continuous.normal_mutual_information(np.stack([x, y, noise], axis=1))
            np.testing.assert_array_equal(matrix, matrix.T)
            assert np.isposinf(np.diag(matrix)).all()
            np.testing.assert_allclose(matrix[0, 1], float(want), rtol=rtol)
            np.testing.assert_allclose(continuous.normal_mutual_information(x, y), float(want), rtol=rtol, atol=1e-16)


def test_mutual_information_of_groups(rng):
    z = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5))
    for split in (1, 2, 3):
        x, y = z[:, :split], z[:, split:]
        cov = [np.linalg.slogdet(np.cov(a.T).reshape(a.shape[1], -1))[1] for a in (x, y, z)]
        got = continuous.normal_mutual_information(x, y)
        np.testing.assert_allclose(got, 0.5 * (cov[0] + cov[1] - cov[2]), rtol=1e-10)
        np.testing.assert_allclose(continuous.normal_mutual_information(y, x), got, rtol=1e-12)
        # columns that others determine add nothing
        more = np.column_stack([x, x.sum(axis=1), np.ones(500)])
        np.testing.assert_allclose(continuous.normal_mutual_information(more, y), got, rtol=1e-9)
    np.testing.assert_allclose(
        continuous.normal_mutual_information(z[:, 0], z[:, 1]),
        continuous.normal_mutual_information(z)[0, 1],
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        continuous.normal_mutual_information(z, base=2) * np.log(2), continuous.normal_mutual_information(z), rtol=1e-15
    )


def test_constant_and_scaled_columns(rng):
    x = rng.normal(size=(50, 3))
    x[:, 1] = 7.1
    matrix = continuous.normal_mutual_information(x)
    assert (matrix[1] == 0).all() and matrix[0, 0] == inf and not np.signbit(matrix).any()
    assert continuous.normal_mutual_information(x[:, :1], x[:, 1]) == 0
    scaled = continuous.normal_mutual_information(x * [1e300, 1, 1e-300])
    np.testing.assert_allclose(scaled, matrix, rtol=1e-12)
    assert continuous.normal_mutual_information(x[:, 0], -2 * x[:, 0]) == inf


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((np.zeros((1, 3)),), ValueError, ("X", "2 samples", "1")),
        ((np.zeros((2, 3, 4)),), ValueError, ("X", "(2, 3, 4)")),
        ((np.array([[0.0, 1], [nan, 1], [2, 3]]),), ValueError, ("X", "nan", "row 1", "column 0")),
        ((np.zeros((9, 1)), np.zeros((8, 1))), ValueError, ("X and Y", "9", "8")),
        ((np.zeros((5, 3)), np.zeros((5, 2))), ValueError, ("columns", "3 + 2", "5 samples")),
        ((np.zeros((5, 3)), np.array([["a"]] * 5)), TypeError, ("Y", "real numbers")),
    ],
)
def test_refusals_of_mutual_information(arguments, error, says):
    with pytest.raises(error) as caught:
        continuous.normal_mutual_information(*arguments)
    for words in ("normal_mutual_information", *says):
        assert words in str(caught.value)


def test_import_is_lazy():
    program = """
import sys, fastent
print("fastent.continuous" in sys.modules)
fastent.continuous.Normal
print("scipy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]
