"""`fastent compare`: how far a student's predictions are from a teacher's, row by row."""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

from fastent import distributions, logits
from fastent._stream import Array, InputError, NpyFile, Summary, blocks
from fastent._terminal import Progress, number_text

LEVELS = (0.01, 0.05, 0.95, 0.99)


def add_command(commands: Any) -> None:
    add = commands.add_parser(
        "compare",
        help="compare the predictions of two models, row by row",
        description="Kullback-Leibler divergence of every row of STUDENT's predictions from TEACHER's, summed up, and "
        "how often both prefer the same class.",
    )
    add.add_argument("teacher", metavar="TEACHER", help=".npy file of logits")
    add.add_argument("student", metavar="STUDENT", help=".npy file of logits of the same shape")
    add.add_argument("--probabilities", action="store_true", help="the files hold probabilities or other weights")
    add.add_argument("--temperature", type=float, default=1.0, help="divide the logits by it (default: 1)")
    add.add_argument("--base", type=float, help="base of the logarithm (default: e; 2 gives bits)")
    add.add_argument("--workers", type=int, help="threads (default: as fastent info says; -1: all)")
    add.set_defaults(run=run)


class Moments:
    """Mean and standard error of numbers that arrive in pieces, without loss of digits to a large mean."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: Array) -> None:
        """Join the moments of a piece to those so far (Chan, Golub & LeVeque 1979)."""
        if not len(values):
            return
        both = self.count + len(values)
        with np.errstate(over="ignore"):  # sums and squares of huge divergences
            mean = float(values.mean(dtype=np.float64))
            if math.isinf(self.mean) or math.isinf(mean):  # infinite from here on; there is no spread about it
                self.mean, self.squares = self.mean + mean, math.nan
            else:
                shift = mean - self.mean
                self.squares += float(np.square(values - mean, dtype=np.float64).sum())
                self.squares += shift * (shift * (self.count * len(values) / both))  # 0 at first for any shift
                self.mean += shift * (len(values) / both)
        self.count = both

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.squares / (self.count - 1) / self.count) if self.count > 1 else math.nan


def run(args: argparse.Namespace) -> None:
    """fastent compare"""
    if args.probabilities and args.temperature != 1:
        raise InputError("--temperature is for logits, not for --probabilities")
    teacher, student = NpyFile(args.teacher), NpyFile(args.student)
    if teacher.array.shape != student.array.shape:
        raise InputError(
            f"{args.teacher} and {args.student} must have the same shape, got {teacher.array.shape} and "
            f"{student.array.shape}"
        )
    if teacher.array.ndim < 2 or teacher.array.size == 0:
        raise InputError(f"{args.teacher} holds no rows of classes: its shape is {teacher.array.shape}")
    options: dict[str, Any] = {"base": args.base, "workers": args.workers}
    if not args.probabilities:
        options["temperature"] = args.temperature
    divergence = distributions.kl_divergence if args.probabilities else logits.kl_divergence
    rows = teacher.array.size // teacher.array.shape[-1]
    summary, moments, agree = Summary(1), Moments(), 0
    progress = Progress("compare", rows, teacher.array.nbytes + student.array.nbytes)
    for index in blocks(teacher.array.shape, teacher.array.ndim - 1, teacher.array.itemsize):
        parts = teacher.array[index], student.array[index]
        try:
            values = np.ravel(divergence(*parts, **options))
        except (TypeError, ValueError) as error:
            raise InputError(str(error)) from None
        same = np.argmax(parts[0], axis=-1) == np.argmax(parts[1], axis=-1)
        valid = ~np.isnan(values)
        agree += int(np.count_nonzero(np.ravel(same) & valid))
        moments.add(values[valid])
        summary.add(values)
        teacher.release()
        student.release()
        progress.add(len(values))
    progress.clear()
    print(*lines(args, teacher, summary, moments, agree), sep="\n")


def percentage(part: int, whole: int) -> str:
    """The share in per cent, which is 0 or 100 only where it is none or all of them."""
    if not whole:
        return "nan"
    text = f"{part / whole:.2%}"
    if text == "100.00%" and part < whole:
        return "more than 99.99%"
    return "less than 0.01%" if text == "0.00%" and part else text


def lines(args: argparse.Namespace, teacher: NpyFile, summary: Summary, moments: Moments, agree: int) -> list[str]:
    unit = {None: "nats", 2: "bits"}.get(args.base, f"in base {args.base or math.e:g}")
    valid = summary.rows - summary.invalid
    low, lower, middle, upper, high = summary.quantiles((*LEVELS[:2], 0.5, *LEVELS[2:]))
    names = [f"{level:.0%}" for level in LEVELS]
    largest = summary.top_values[0] if len(summary.top_values) else math.nan
    where = f" in row {summary.top_rows[0]:,}" if len(summary.top_rows) else ""
    shown = {
        "compared": f"{summary.rows:,} rows of {teacher.array.shape[-1]:,} {teacher.array.dtype}, "
        f"{summary.invalid:,} invalid",
        "KL": f"of {args.student} from {args.teacher}, {unit}",
        "mean": f"{number_text(moments.mean if valid else math.nan)} +- {moments.standard_error:.2g} (standard error)",
        "median": number_text(middle),
        "quantiles": "   ".join(
            f"{name} {value:.4g}" for name, value in zip(names, (low, lower, upper, high), strict=True)
        ),
        "maximum": number_text(float(largest)) + where,
        "same class": f"{percentage(agree, valid)} of rows have the same top class",
    }
    return [f"{label:<11} {text}" for label, text in shown.items()]
