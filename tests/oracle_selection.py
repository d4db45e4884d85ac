"""Greedy selection by its definition, evaluated exactly: what the tests of fastent.feature_selection compare with.

Every score is computed anew at every step from the labels themselves, by the textbook measures of oracle_discrete.
Criteria are written from the papers: Lewis 1992 (MIM), Battiti 1994 (MIFS), Peng, Long & Ding 2005 and Ding & Peng 2005
(mRMR), Yang & Moody 1999 (JMI), Fleuret 2004 (CMIM), Bennasar, Hicks & Setchi 2015 (JMIM, NJMIM), Meyer & Bontempi 2006
(DISR), Lin & Tang 2006 (CIFE), Jakulin 2005 (ICAP), Brown et al. 2012 (the others), Yu & Liu 2003 (FCBF); mdlp from
Fayyad & Irani 1993. A label of None is missing: a measure sees the samples that have all of its labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import oracle_discrete as discrete

mp = discrete.mp
Labels = Sequence[Any]


def complete(columns: Sequence[Labels], weights: Labels | None) -> tuple[list[Labels], Labels | None]:
    """The samples that have all labels."""
    kept = [i for i, row in enumerate(zip(*columns, strict=True)) if None not in row]
    return [[c[i] for i in kept] for c in columns], None if weights is None else [weights[i] for i in kept]


def measured(name: str, *columns: Labels, weights: Labels | None = None) -> Any:
    parts, w = complete(columns, weights)
    found = getattr(discrete, name)(*parts, weights=w)
    return mp.mpf(0) if mp.isnan(found) else found


def together(*columns: Labels) -> Labels:
    """Several columns as one, missing where one of them is."""
    return [None if None in row else row for row in zip(*columns, strict=True)]


class Oracle:
    """Scores of the candidates X[c] for y, given the selected columns."""

    def __init__(self, X: Sequence[Labels], y: Labels, weights: Labels | None = None, beta: Any = 1, gamma: Any = 1):
        self.X, self.y, self.weights, self.beta, self.gamma = X, y, weights, mp.mpf(beta), mp.mpf(gamma)

    def mi(self, x: int) -> Any:
        return measured("mutual_information", self.X[x], self.y, weights=self.weights)

    def between(self, x: int, w: int) -> Any:
        return measured("mutual_information", self.X[x], self.X[w], weights=self.weights)

    def between_given(self, x: int, w: int) -> Any:
        return measured("conditional_mutual_information", self.X[x], self.X[w], self.y, weights=self.weights)

    def given(self, x: int, *selected: int) -> Any:
        s = together(*(self.X[w] for w in selected))
        return measured("conditional_mutual_information", self.X[x], self.y, s, weights=self.weights)

    def joint(self, x: int, w: int) -> Any:
        return measured("mutual_information", together(self.X[x], self.X[w]), self.y, weights=self.weights)

    def joint_share(self, x: int, w: int) -> Any:
        whole = measured("joint_entropy", self.X[x], self.X[w], self.y, weights=self.weights)
        return self.joint(x, w) / whole if whole else mp.mpf(0)

    def uncertainty(self, a: Labels, b: Labels) -> Any:
        (a, b), w = complete([a, b], self.weights)
        both = discrete.entropy(a, weights=w) + discrete.entropy(b, weights=w)
        return 2 * discrete.mutual_information(a, b, weights=w) / both if both else mp.mpf(0)

    def net(self, x: int, w: int) -> Any:
        return self.between(x, w) - self.between_given(x, w)

    def quotient(self, x: int, selected: Sequence[int]) -> Any:
        mean = mp.fsum(self.between(x, w) for w in selected) / len(selected)
        relevance = self.mi(x)
        return relevance / mean if mean else mp.inf if relevance else mp.mpf(0)

    def fcbf(self, x: int, selected: Sequence[int]) -> Any:
        relevance = self.uncertainty(self.X[x], self.y)
        dropped = any(self.uncertainty(self.X[x], self.X[w]) >= relevance for w in selected)
        return -mp.inf if dropped else relevance

    def score(self, criterion: str, x: int, selected: Sequence[int]) -> Any:
        if not selected:
            return self.uncertainty(self.X[x], self.y) if criterion == "fcbf" else self.mi(x)
        return SCORES[criterion](self, x, selected)

    def select(self, criterion: str, k: int, forced: Sequence[int] = (), banned: Sequence[int] = ()) -> list[int]:
        """The columns with the largest score, of equal ones the lowest; scores closer than 1e-40 are equal."""
        selected = list(forced)
        while len(selected) < k:
            best, found = -mp.inf, None
            for x in range(len(self.X)):
                if x in selected or x in banned:
                    continue
                score = self.score(criterion, x, selected)
                if score > -mp.inf and (found is None or score > best + mp.mpf(10) ** -40):
                    best, found = score, x
            if found is None:
                break
            selected.append(found)
        return selected

    def scores(self, criterion: str, selected: Sequence[int]) -> list[float]:
        return [float(self.score(criterion, x, selected[:i])) for i, x in enumerate(selected)]


SCORES: dict[str, Callable[[Oracle, int, Sequence[int]], Any]] = {
    "mim": lambda o, x, s: o.mi(x),
    "mifs": lambda o, x, s: o.mi(x) - o.beta * mp.fsum(o.between(x, w) for w in s),
    "mrmr": lambda o, x, s: o.mi(x) - mp.fsum(o.between(x, w) for w in s) / len(s),
    "mrmr_quotient": Oracle.quotient,
    "jmi": lambda o, x, s: mp.fsum(o.joint(x, w) for w in s),
    "cmim": lambda o, x, s: min([o.mi(x), *(o.given(x, w) for w in s)]),
    "jmim": lambda o, x, s: min(o.joint(x, w) for w in s),
    "njmim": lambda o, x, s: min(o.joint_share(x, w) for w in s),
    "disr": lambda o, x, s: mp.fsum(o.joint_share(x, w) for w in s),
    "cife": lambda o, x, s: o.mi(x) - mp.fsum(o.net(x, w) for w in s),
    "icap": lambda o, x, s: o.mi(x) - mp.fsum(max(mp.mpf(0), o.net(x, w)) for w in s),
    "betagamma": lambda o, x, s: (
        o.mi(x) - o.beta * mp.fsum(o.between(x, w) for w in s) + o.gamma * mp.fsum(o.between_given(x, w) for w in s)
    ),
    "cmi": lambda o, x, s: o.given(x, *s),
    "fcbf": Oracle.fcbf,
}


# ---- minimum description length ------------------------------------------------------------------------------------


def mdlp(values: Sequence[float], labels: Labels) -> list[float]:
    """Fayyad & Irani 1993: cuts half way between neighbouring values, each the best of its part and worth its bits."""
    pairs = sorted(zip(values, labels, strict=True), key=lambda pair: pair[0])
    return sorted(_cuts(pairs))


def _bits(pairs: Sequence[tuple[float, Any]]) -> Any:
    return discrete.entropy([label for _, label in pairs]) / mp.ln(2)


def _cuts(pairs: Sequence[tuple[float, Any]]) -> list[float]:
    n, best = len(pairs), None
    for i in range(1, n):
        if pairs[i - 1][0] == pairs[i][0]:
            continue
        left, right = pairs[:i], pairs[i:]
        after = (len(left) * _bits(left) + len(right) * _bits(right)) / n
        if best is None or after < best[0] - mp.mpf(10) ** -40:
            best = after, i
    if best is None:
        return []
    after, i = best
    left, right = pairs[:i], pairs[i:]
    k, k1, k2 = (len(Counter(label for _, label in part)) for part in (pairs, left, right))
    delta = mp.log(3**k - 2, 2) - (k * _bits(pairs) - k1 * _bits(left) - k2 * _bits(right))
    if _bits(pairs) - after <= (mp.log(n - 1, 2) + delta) / n:
        return []
    low, high = pairs[i - 1][0], pairs[i][0]
    return [*_cuts(left), low + (high - low) / 2, *_cuts(right)]


def code(value: float, edges: Sequence[float]) -> int:
    """The bin of a value: the number of inner edges that do not exceed it."""
    return sum(edge <= value for edge in edges[1:-1]) if not math.isnan(value) else -1
