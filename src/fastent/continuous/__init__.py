"""Entropy and divergence of continuous variables: closed forms of named distributions, normal variables, samples.

A distribution is a small record of its parameters, named as in SciPy: ``Normal(loc, scale)``. Parameters may be
arrays; they broadcast, and every function then gives an array. The differential entropy of a continuous variable
depends on the unit it is measured in and may be negative.
"""

from fastent.continuous.closed_forms import cross_entropy, entropy, kl_divergence
from fastent.continuous.normals import diagonal_normal_kl, normal_mutual_information
from fastent.continuous.records import (
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
from fastent.continuous.samples import differential_entropy, joint_differential_entropy, nearest_neighbor_kl

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Exponential",
    "Gamma",
    "Laplace",
    "MultivariateNormal",
    "Normal",
    "Poisson",
    "Uniform",
    "cross_entropy",
    "diagonal_normal_kl",
    "differential_entropy",
    "entropy",
    "joint_differential_entropy",
    "kl_divergence",
    "nearest_neighbor_kl",
    "normal_mutual_information",
]
