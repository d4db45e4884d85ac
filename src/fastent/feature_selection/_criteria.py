"""What is maximised: every criterion of greedy selection as data.

A criterion is one term for each selected column w, folded into one number per candidate x, and a score made of that
number and of the relevance I(x; y). Its terms come from the statistics of (x, w, y) that `_counting` returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Statistics = Mapping[str, Array]


@dataclass(frozen=True)
class Limits:
    """What a term can be at most (or at least, where it counts against a candidate), before it is counted."""

    h_y: float


@dataclass(frozen=True)
class Criterion:
    """Terms, how they are folded, and the score of (relevance, folded terms, number of terms)."""

    formula: str
    needs: tuple[str, ...] = ()
    term: Callable[[Statistics], Array] | None = None
    fold: str = "sum"  # "sum", "min", "max", or "last": only the newest term counts
    score: Callable[[Array, Array, int], Array] = lambda relevance, folded, count: relevance
    limit: Callable[[Limits], float] | None = None  # the most favourable term; None: there is no bound
    with_y: bool = True  # whether terms depend on the target
    joint: bool = False  # whether w is all selected columns together
    relevance: Callable[[Statistics], Array] = lambda first: first["mi_xw"]

    @property
    def neutral(self) -> float:
        """What folding begins with."""
        return {"sum": 0.0, "min": math.inf, "max": -math.inf, "last": 0.0}[self.fold]

    @property
    def sums_redundancy(self) -> bool:
        """Whether the folded terms are the sum of I(x; w)."""
        return self.fold == "sum" and self.needs == ("mi_xw",)

    def fold_in(self, before: Array, term: Array | float) -> None:
        """Fold terms into what came before, in place."""
        if self.fold == "last":
            before[:] = term
        else:
            {"sum": np.add, "min": np.minimum, "max": np.maximum}[self.fold](before, term, out=before)

    def scores(self, relevance: Array, folded: Array, count: int) -> Array:
        """Without any selected column, the relevance."""
        return relevance if count == 0 else self.score(relevance, folded, count)

    def optimistic(self, folded: Array, missing: Array, limits: Limits) -> Array:
        """The most favourable outcome where some terms have not been counted."""
        assert self.limit is not None
        limit = self.limit(limits)
        if self.fold == "sum":
            return folded + missing * limit if limit else folded
        found = folded.copy()
        self.fold_in(found, limit)
        return np.where(missing > 0, found, folded)


def _share(part: Array, whole: Array) -> Array:
    """part / whole, and 0 where both are 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _quotient(relevance: Array, redundancy: Array) -> Array:
    unbounded = np.where(relevance > 0, np.inf, 0.0)
    return np.divide(relevance, redundancy, out=unbounded, where=redundancy > 0)


def _uncertainty(s: Statistics) -> Array:
    """Symmetric uncertainty of x and w: H(x) + H(w) = I(x; w) + H(x, w)."""
    return _share(2 * s["mi_xw"], s["mi_xw"] + s["h_xwy"])


def _joint(s: Statistics) -> Array:
    return s["mi_xw_y"]


def _joint_share(s: Statistics) -> Array:
    return _share(s["mi_xw_y"], s["h_xwy"])


def _redundancy(s: Statistics) -> Array:
    return s["mi_xw"]


def _net(s: Statistics) -> Array:
    """What x and w share less what they share given y."""
    return s["mi_xw"] - s["mi_xw_given_y"]


def criteria(beta: float, gamma: float) -> dict[str, Criterion]:
    """All criteria by name; beta and gamma are the weights of those that have them."""
    both = ("mi_xw", "mi_xw_given_y")
    shared: dict[str, Any] = {"needs": ("mi_xw",), "term": _redundancy, "with_y": False, "limit": lambda _: 0.0}
    return {
        "mim": Criterion("I(x; y)", limit=lambda limits: 0.0),
        "mifs": Criterion(
            "I(x; y) - beta sum_w I(x; w)", score=lambda r, a, n: r - beta * a, **{**shared, **_only_if(beta >= 0)}
        ),
        "mrmr": Criterion("I(x; y) - mean_w I(x; w)", score=lambda r, a, n: r - a / n, **shared),
        "mrmr_quotient": Criterion(
            "I(x; y) / mean_w I(x; w)", score=lambda r, a, n: _quotient(r, a / n), **shared
        ),
        "jmi": Criterion(
            "sum_w I(x, w; y)", ("mi_xw_y",), _joint, score=lambda r, a, n: a, limit=lambda limits: limits.h_y
        ),
        "cmim": Criterion(
            "min(I(x; y), min_w I(x; y | w))", ("mi_xy_given_w",), lambda s: s["mi_xy_given_w"], "min",
            lambda r, a, n: np.minimum(r, a), lambda limits: math.inf,
        ),
        "jmim": Criterion(
            "min_w I(x, w; y)", ("mi_xw_y",), _joint, "min", lambda r, a, n: a, lambda limits: limits.h_y
        ),
        "njmim": Criterion(
            "min_w I(x, w; y) / H(x, w, y)", ("mi_xw_y", "h_xwy"), _joint_share, "min", lambda r, a, n: a,
            lambda limits: 1.0,
        ),
        "disr": Criterion(
            "sum_w I(x, w; y) / H(x, w, y)", ("mi_xw_y", "h_xwy"), _joint_share, "sum", lambda r, a, n: a,
            lambda limits: 1.0,
        ),
        "cife": Criterion("I(x; y) - sum_w (I(x; w) - I(x; w | y))", both, _net, score=lambda r, a, n: r - a),
        "icap": Criterion(
            "I(x; y) - sum_w max(0, I(x; w) - I(x; w | y))", both, lambda s: np.maximum(_net(s), 0.0),
            score=lambda r, a, n: r - a, limit=lambda limits: 0.0,
        ),
        "betagamma": Criterion(
            "I(x; y) - beta sum_w I(x; w) + gamma sum_w I(x; w | y)", both,
            lambda s: beta * s["mi_xw"] - gamma * s["mi_xw_given_y"], score=lambda r, a, n: r - a,
        ),
        "cmi": Criterion(
            "I(x; y | all selected)", ("mi_xy_given_w",), lambda s: s["mi_xy_given_w"], "last", lambda r, a, n: a,
            joint=True,
        ),
        "fcbf": Criterion(
            "SU(x, y), unless SU(x, w) >= SU(x, y) for a w", ("mi_xw", "h_xwy"), _uncertainty, "max",
            lambda r, a, n: np.where(a >= r, -np.inf, r), lambda limits: -math.inf, with_y=False,
            relevance=_uncertainty,
        ),
    }  # fmt: skip


def _only_if(bounded: bool) -> dict[str, Any]:
    return {} if bounded else {"limit": None}


NAMES = tuple(criteria(1.0, 1.0))
