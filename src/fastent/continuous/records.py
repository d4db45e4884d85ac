"""Named distributions as records of their parameters."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fastent.continuous import _plan
from fastent.continuous._plan import Array


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """Parameters as read-only arrays of float64, or of float32 if all of them are."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {key: _plan.real(name, key, value) for key, value in given.items()}
        dtype = _plan.common(list(arrays.values()), [_plan.is_number(value) for value in given.values()])
        for key, array in arrays.items():
            copy = np.array(array, dtype)  # the caller may change what it gave
            copy.flags.writeable = False
            object.__setattr__(self, key, copy)
        self._check()

    def _check(self) -> None:
        try:
            np.broadcast_shapes(*(getattr(self, field.name).shape for field in fields(self)))
        except ValueError:
            shapes = ", ".join(f"{field.name} {getattr(self, field.name).shape}" for field in fields(self))
            raise ValueError(
                f"{type(self).__name__}: parameters must broadcast against each other, got shapes {shapes}"
            ) from None

    def _require(self, key: str, allowed: Array, must: str) -> None:
        """Every number is as it must be, or nan."""
        values = getattr(self, key)
        bad = ~(allowed | np.isnan(values))
        if bad.any():
            position = tuple(int(i) for i in np.argwhere(bad)[0])
            place = f" at index {position[0] if len(position) == 1 else position}" if position else ""
            raise ValueError(f"{type(self).__name__}: {key} must be {must}, got {values[position]}{place}")

    def _positive(self, *keys: str) -> None:
        for key in keys:
            values = getattr(self, key)
            self._require(key, (values > 0) & (values < np.inf), "positive and finite")

    def _finite(self, *keys: str) -> None:
        for key in keys:
            self._require(key, np.isfinite(getattr(self, key)), "finite")

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 if all parameters are, otherwise float64."""
        found: np.dtype[Any] = getattr(self, fields(self)[0].name).dtype
        return found

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of what the functions return for it."""
        return np.broadcast_shapes(*(getattr(self, field.name).shape for field in fields(self)))

    def _wide(self) -> tuple[Array, ...]:
        """The parameters in float64."""
        return tuple(np.asarray(getattr(self, field.name), np.float64) for field in fields(self))

    def __repr__(self) -> str:
        parameters = (f"{field.name}={getattr(self, field.name).tolist()}" for field in fields(self))
        return f"{type(self).__name__}({', '.join(parameters)})"


@dataclass(frozen=True, eq=False, repr=False)
class Normal(Distribution):
    """Normal distribution with mean `loc` and standard deviation `scale`."""

    loc: Any = 0.0
    scale: Any = 1.0

    def _check(self) -> None:
        super()._check()
        self._finite("loc")
        self._positive("scale")


@dataclass(frozen=True, eq=False, repr=False)
class MultivariateNormal(Distribution):
    """Normal distribution of vectors: `mean` (..., d) and covariance matrix `cov` (..., d, d)."""

    mean: Any
    cov: Any

    def _check(self) -> None:
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
        self._finite("mean", "cov")
        sizes = np.sqrt(np.abs(np.diagonal(cov, axis1=-2, axis2=-1)))
        tolerance = (1e-4 if cov.dtype == np.float32 else 1e-8) * sizes[..., :, None] * sizes[..., None, :]
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > tolerance).any():
            raise ValueError("MultivariateNormal: cov must be symmetric, got a matrix that differs from its transpose")
        self.cholesky()

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

    p: Any

    def _check(self) -> None:
        self._require("p", (self.p >= 0) & (self.p <= 1), "between 0 and 1")


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(Distribution):
    """Categories with probabilities `p` (..., k), non-negative numbers that are divided by their sum."""

    p: Any

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of what the functions return for it: that of p, without its last dimension."""
        return tuple(self.p.shape[:-1])

    def _check(self) -> None:
        if self.p.ndim < 1 or self.p.shape[-1] < 1:
            raise ValueError(f"Categorical: p must have shape (..., k) with k of at least 1, got {self.p.shape}")
        self._require("p", (self.p >= 0) & (self.p < np.inf), "non-negative and finite")
        empty = ~(self.p != 0).any(axis=-1)
        if empty.any():
            raise ValueError("Categorical: p must have a positive entry in every row, got a row of zeros")


@dataclass(frozen=True, eq=False, repr=False)
class Poisson(Distribution):
    """Counts of events with mean `mu`."""

    mu: Any

    def _check(self) -> None:
        self._require("mu", (self.mu >= 0) & (self.mu < np.inf), "non-negative and finite")


@dataclass(frozen=True, eq=False, repr=False)
class Exponential(Distribution):
    """Waiting times from `loc` on, with mean `scale` beyond it (the reciprocal of the rate)."""

    scale: Any = 1.0
    loc: Any = 0.0

    def _check(self) -> None:
        super()._check()
        self._positive("scale")
        self._finite("loc")


@dataclass(frozen=True, eq=False, repr=False)
class Gamma(Distribution):
    """Gamma distribution with shape `a` and `scale`: mean a scale."""

    a: Any
    scale: Any = 1.0

    def _check(self) -> None:
        super()._check()
        self._positive("a", "scale")


@dataclass(frozen=True, eq=False, repr=False)
class Beta(Distribution):
    """Beta distribution on [0, 1] with shapes `a` and `b`."""

    a: Any
    b: Any

    def _check(self) -> None:
        super()._check()
        self._positive("a", "b")


@dataclass(frozen=True, eq=False, repr=False)
class Laplace(Distribution):
    """Laplace distribution around `loc` with `scale`, the mean distance from it."""

    loc: Any = 0.0
    scale: Any = 1.0

    def _check(self) -> None:
        super()._check()
        self._finite("loc")
        self._positive("scale")


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(Distribution):
    """Uniform distribution between `loc` and `loc + scale`."""

    loc: Any = 0.0
    scale: Any = 1.0

    def _check(self) -> None:
        super()._check()
        self._finite("loc")
        self._positive("scale")
