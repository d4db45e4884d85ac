"""Named distributions as records of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from fastent._arrays import require
from fastent.continuous import _plan
from fastent.continuous._plan import Array

Finite: TypeAlias = Any
Positive: TypeAlias = Any
NonNegative: TypeAlias = Any
Probability: TypeAlias = Any
ALLOWED: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "Finite": ("finite", np.isfinite),
    "Positive": ("positive and finite", lambda x: (x > 0) & (x < np.inf)),
    "NonNegative": ("non-negative and finite", lambda x: (x >= 0) & (x < np.inf)),
    "Probability": ("between 0 and 1", lambda x: (x >= 0) & (x <= 1)),
}
"""What a parameter must be, by the annotation of its field; nan is allowed everywhere, and gives nan."""


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """Parameters as read-only arrays of float64, or of float32 if all of them are."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        arrays = {key: _plan.real(name, key, value) for key, value in given.items()}
        dtype = _plan.common(list(arrays.values()), [_plan.is_number(value) for value in given.values()])
        for key, array in arrays.items():
            copy = np.array(array, dtype)  # the caller may change what it gave
            copy.flags.writeable = False
            object.__setattr__(self, key, copy)
        self._check_shapes()
        for entry in fields(self):
            values, (must, allowed) = getattr(self, entry.name), ALLOWED[str(entry.type)]
            require(name, entry.name, values, allowed(values) | np.isnan(values), must)

    def _check_shapes(self) -> None:
        try:
            np.broadcast_shapes(*(getattr(self, entry.name).shape for entry in fields(self)))
        except ValueError:
            shapes = ", ".join(f"{entry.name} {getattr(self, entry.name).shape}" for entry in fields(self))
            raise ValueError(
                f"{type(self).__name__}: parameters must broadcast against each other, got shapes {shapes}"
            ) from None

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 if all parameters are, otherwise float64."""
        found: np.dtype[Any] = getattr(self, fields(self)[0].name).dtype
        return found

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of what the functions return for it."""
        return np.broadcast_shapes(*(getattr(self, entry.name).shape for entry in fields(self)))

    def _wide(self) -> tuple[Array, ...]:
        """The parameters in float64."""
        return tuple(np.asarray(getattr(self, entry.name), np.float64) for entry in fields(self))

    def __repr__(self) -> str:
        parameters = (f"{entry.name}={getattr(self, entry.name).tolist()}" for entry in fields(self))
        return f"{type(self).__name__}({', '.join(parameters)})"


@dataclass(frozen=True, eq=False, repr=False)
class Normal(Distribution):
    """Normal distribution with mean `loc` and standard deviation `scale`."""

    loc: Finite = 0.0
    scale: Positive = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class MultivariateNormal(Distribution):
    """Normal distribution of vectors: `mean` (..., d) and covariance matrix `cov` (..., d, d)."""

    mean: Finite
    cov: Finite

    def __post_init__(self) -> None:
        super().__post_init__()
        cov = self.cov
        sizes = np.sqrt(np.abs(np.diagonal(cov, axis1=-2, axis2=-1)))
        tolerance = (1e-4 if cov.dtype == np.float32 else 1e-8) * sizes[..., :, None] * sizes[..., None, :]
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > tolerance).any():
            raise ValueError("MultivariateNormal: cov must be symmetric, got a matrix that differs from its transpose")
        self.cholesky()

    def _check_shapes(self) -> None:
        mean, cov = self.mean, self.cov
        if mean.ndim < 1 or cov.ndim < 2 or cov.shape[-1] != cov.shape[-2] or cov.shape[-1] != mean.shape[-1]:
            raise ValueError(
                "MultivariateNormal: mean must have shape (..., d) and cov (..., d, d), "
                f"got {mean.shape} and {cov.shape}"
            )
        try:
            np.broadcast_shapes(mean.shape[:-1], cov.shape[:-2])
        except ValueError:
            raise ValueError(
                "MultivariateNormal: mean and cov must broadcast against each other, "
                f"got shapes {mean.shape} and {cov.shape}"
            ) from None

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of what the functions return for it: that of the vectors, without their last dimension."""
        return np.broadcast_shapes(self.mean.shape[:-1], self.cov.shape[:-2])

    def cholesky(self) -> Array:
        """The lower triangular factor of the covariance, in float64."""
        cov = np.asarray(self.cov, np.float64)
        known = np.isfinite(cov).all(axis=(-1, -2), keepdims=True)
        try:
            factors = np.linalg.cholesky(np.where(known, cov, np.eye(cov.shape[-1])))
        except np.linalg.LinAlgError:
            raise ValueError(
                "MultivariateNormal: cov must be positive definite, got a matrix without a Cholesky factor; "
                "drop columns that others determine"
            ) from None
        return np.where(known, factors, np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class Bernoulli(Distribution):
    """A yes with probability `p`, otherwise a no."""

    p: Probability


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(Distribution):
    """Categories with probabilities `p` (..., k), non-negative numbers that are divided by their sum."""

    p: NonNegative

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.p == 0).all(axis=-1).any():
            raise ValueError("Categorical: p must have a positive entry in every row, got a row of zeros")

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of what the functions return for it: that of p, without its last dimension."""
        return tuple(self.p.shape[:-1])

    def _check_shapes(self) -> None:
        if self.p.ndim < 1 or self.p.shape[-1] < 1:
            raise ValueError(f"Categorical: p must have shape (..., k) with k of at least 1, got {self.p.shape}")


@dataclass(frozen=True, eq=False, repr=False)
class Poisson(Distribution):
    """Counts of events with mean `mu`."""

    mu: NonNegative


@dataclass(frozen=True, eq=False, repr=False)
class Exponential(Distribution):
    """Waiting times from `loc` on, with mean `scale` beyond it (the reciprocal of the rate)."""

    scale: Positive = 1.0
    loc: Finite = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Gamma(Distribution):
    """Gamma distribution with shape `a` and `scale`: mean a scale."""

    a: Positive
    scale: Positive = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class Beta(Distribution):
    """Beta distribution on [0, 1] with shapes `a` and `b`."""

    a: Positive
    b: Positive


@dataclass(frozen=True, eq=False, repr=False)
class Laplace(Distribution):
    """Laplace distribution around `loc` with `scale`, the mean distance from it."""

    loc: Finite = 0.0
    scale: Positive = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(Distribution):
    """Uniform distribution between `loc` and `loc + scale`."""

    loc: Finite = 0.0
    scale: Positive = 1.0
