"""Measure how many digits the textbook formulas, SciPy and fastent keep; print the table as Markdown.

pip install fastent scipy mpmath
python examples/theory/accuracy_table.py

The exact values come from mpmath with 60 digits, from the binary numbers that every contestant is given.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

import fastent
from fastent import logits

mp.dps = 60
Numbers = tuple[np.ndarray[Any, Any], ...]


@dataclass
class Case:
    name: str
    rows: Numbers
    exact: Callable[..., mpmath.mpf]
    textbook: Callable[..., float]
    scipy: Callable[..., float]
    fastent: Callable[..., float]


def exact_shares(row: np.ndarray[Any, Any]) -> list[mpmath.mpf]:
    values = [mpf(float(value)) for value in row]
    total = mp.fsum(values)
    return [value / total for value in values]


def exact_entropy(x: np.ndarray[Any, Any]) -> mpmath.mpf:
    return -mp.fsum(p * mp.log(p) for p in exact_shares(x))


def exact_kl(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> mpmath.mpf:
    return mp.fsum(p * mp.log(p / q) for p, q in zip(exact_shares(x), exact_shares(y), strict=True))


def exact_js_distance(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> mpmath.mpf:
    pairs = list(zip(exact_shares(x), exact_shares(y), strict=True))
    return mp.sqrt(mp.fsum(p * mp.log(2 * p / (p + q)) + q * mp.log(2 * q / (p + q)) for p, q in pairs) / 2)


def exact_loss(z: np.ndarray[Any, Any]) -> mpmath.mpf:
    """Of label 1."""
    return mp.log(mp.fsum(mp.exp(mpf(float(value))) for value in z)) - mpf(float(z[1]))


def shares(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return x / x.sum()


def plain_entropy(x: np.ndarray[Any, Any]) -> float:
    p = shares(x)
    return float(-(p * np.log(p)).sum())


def plain_kl(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    p, q = shares(x), shares(y)
    return float((p * np.log(p / q)).sum())


def plain_js_distance(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    p, q = shares(x), shares(y)
    return float(np.sqrt(plain_entropy(p + q) - (plain_entropy(p) + plain_entropy(q)) / 2))


def plain_loss(z: np.ndarray[Any, Any]) -> float:
    return float(-np.log(np.exp(z[1]) / np.exp(z).sum()))


def cases() -> list[Case]:
    from scipy.spatial.distance import jensenshannon
    from scipy.special import log_softmax
    from scipy.stats import entropy

    rng = np.random.default_rng(7)
    x = rng.random(20)
    close = x * (1 + 1e-8 * rng.standard_normal(20))
    h = (exact_entropy, plain_entropy, entropy, fastent.entropy)
    kl = (exact_kl, plain_kl, entropy, fastent.kl_divergence)
    js = (exact_js_distance, plain_js_distance, jensenshannon, fastent.js_distance)
    loss = (exact_loss, plain_loss, lambda z: -log_softmax(z)[1], lambda z: logits.cross_entropy(z, 1))
    return [
        Case("entropy of an ordinary row", (x,), *h),
        Case("entropy, one dominant entry: [1, 1e-20]", (np.array([1, 1e-20]),), *h),
        Case("entropy, sum overflows: [1e308, 1e308, 1e308]", (np.full(3, 1e308),), *h),
        Case("entropy of 70 000 ones in float16", (np.ones(70_000, np.float16),), *h),
        Case("divergence of ordinary rows", (x, rng.random(20)), *kl),
        Case("divergence of rows that differ by 1e-8", (x, close), *kl),
        Case("Jensen-Shannon distance of these", (x, close), *js),
        Case("loss of a confident, right classifier: logits [0, 40]", (np.array([0.0, 40.0]),), *loss),
        Case("loss of a wrong one: logits [800, 0]", (np.array([800.0, 0.0]),), *loss),
    ]


def digits(got: Any, exact: mpmath.mpf) -> str:
    """The relative error, or what came out instead of a number."""
    value = float(got)
    if not np.isfinite(value):
        return f"**{value}**"
    error = float(abs(mpf(value) - exact) / exact)
    text = f"{error:.0e}" if error >= np.finfo(float).eps / 2 else "0"
    return f"**{text}**" if error > 1e-6 else text


def markdown() -> str:
    import scipy

    lines = ["| case | exact value | textbook formula | SciPy | fastent |", "|---|---:|---:|---:|---:|"]
    for case in cases():
        exact = case.exact(*case.rows)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = [digits(f(*case.rows), exact) for f in (case.textbook, case.scipy, case.fastent)]
        lines.append(f"| {case.name} | {mp.nstr(exact, 6)} | {' | '.join(found)} |")
    notes = (
        "Relative errors; 0 is an error below half a unit in the last place, bold what has lost more than half of its "
        "digits. float16 rows give a float32 result. Measured when this page was built, with "
        f"SciPy {scipy.__version__}, NumPy {np.__version__} and fastent {fastent.__version__}."
    )
    return "\n".join([*lines, "", notes, ""])


if __name__ == "__main__":
    print(markdown())
