"""The command `fastent select`: the columns of a table that tell most about one of them, chosen one after the other.

table file  ->  columns with names  ->  bins and codes  ->  a selection  ->  a ranked table, a CSV file, a picture
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastent._associate import encoded_column, stacked
from fastent._codes import Encoded
from fastent._stream import InputError, replacing
from fastent._tables import check_output, check_target, read_columns, write_rows
from fastent._terminal import Progress, number_text, table

PICTURES = (".png", ".svg", ".pdf")
FEW = 16  # numbers of as many different values or fewer are labels, where the bins do not say how many there are

Array = np.ndarray[Any, Any]


def _codes_of(encoded: Encoded, bins: str, y: Array | None) -> Array:
    """Labels as they are, numbers of many values in bins; missing cells are a level of their own."""
    from fastent.feature_selection import discretize

    levels = encoded.levels
    count = bins.partition(":")[2]
    few = int(count) if count.isdecimal() else FEW
    if not isinstance(levels, np.ndarray) or levels.dtype.kind not in "iuf" or len(levels) <= few:
        return encoded.codes
    numbers = np.append(levels.astype(np.float64), np.nan)[encoded.codes]
    found: Array = discretize(numbers, bins, y).codes
    return found


def _read(args: argparse.Namespace) -> tuple[list[str], list[Array], Array]:
    """Names and codes of the candidates, and the codes of the target."""
    from fastent.feature_selection._inputs import MOST_FLOAT_LABELS

    names, columns = read_columns(args.table)
    check_target(args.table, names, args.target)
    encoded = encoded_column(args.table, args.target, columns[names.index(args.target)])
    goal, levels = encoded.codes, encoded.levels
    if isinstance(levels, np.ndarray) and levels.dtype.kind == "f" and len(levels) > MOST_FLOAT_LABELS:
        raise InputError(
            f"{args.table}, column {args.target}: {len(levels)} different numbers are a continuous target; "
            "cut it into bins first"
        )
    progress = Progress("encoding", len(columns), 0)
    kept, codes = [], []
    try:
        for name, column in zip(names, columns, strict=True):
            if name != args.target:
                kept.append(name)
                encoded = encoded_column(args.table, name, column)
                try:
                    codes.append(_codes_of(encoded, args.bins, goal))
                except (TypeError, ValueError) as error:
                    reason = str(error).replace("column 0 of X", "the column")
                    raise InputError(f"{args.table}, column {name}: {reason}") from None
            progress.add(1)
    finally:
        progress.clear()
    return kept, codes, np.asarray(goal)


def gains_of(codes: Array, y: Array, indices: Array) -> list[float]:
    """What each column adds to the information of those before it about y: I(x; y | all before)."""
    from fastent import _samples

    joined, before, found = np.zeros(len(y), np.int64), 0.0, []
    for c in indices:
        joined = np.unique(joined * (int(codes[:, c].max()) + 1) + codes[:, c], return_inverse=True)[1]
        sample = _samples.positive_cells(joined, y, None)
        after = float(_samples.statistics_of_sample(sample)[_samples.STATISTICS["mi"]])
        found.append(max(0.0, after - before))
        before = max(before, after)
    return found


def select_columns(args: argparse.Namespace) -> None:
    """fastent select"""
    check_output(args.output, args.table, [".csv"])
    check_output(args.plot, args.table, PICTURES)
    if args.plot and not find_spec("matplotlib"):
        raise InputError("--plot needs matplotlib: pip install 'fastent[plot]'")
    with ExitStack() as stack:
        output, picture = (
            stack.enter_context(replacing(Path(path))) if path else None for path in (args.output, args.plot)
        )
        lines = _selected(args, output, picture)
    print(*lines, sep="\n")
    for path in (args.output, args.plot):
        if path:
            print(f"written    {path}", file=sys.stderr)


def _selected(args: argparse.Namespace, output: BinaryIO | None, picture: BinaryIO | None) -> list[str]:
    from fastent.feature_selection.selecting import selected

    names, codes, y = _read(args)
    matrix = stacked(codes)
    k = min(args.k, len(names))
    progress = Progress("select", k, k * matrix.nbytes)
    try:
        found = selected(
            matrix, y, k, args.criterion, min_gain=args.min_gain, names=names, workers=args.workers, lazy=args.lazy,
            watch=lambda: progress.add(1),
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise InputError(str(error)) from None
    finally:
        progress.clear()
    gains = gains_of(matrix, y, found.indices)
    columns = [found.scores.tolist(), gains, found.relevance.tolist(), found.redundancy.tolist()]
    numbers = list(zip(*columns, strict=True))
    head = ["column", "score", "gain", "relevance", "redundancy"]
    if output:
        write_rows(output, head, ([name, *row] for name, row in zip(found.names, numbers, strict=True)))
    if picture:
        _draw(found, picture, Path(args.plot).suffix[1:].lower())
    cells = [
        [str(i), name, *map(number_text, row)]
        for i, (name, row) in enumerate(zip(found.names, numbers, strict=True), 1)
    ]
    return table(["step", *head], cells)


def _draw(found: Any, picture: BinaryIO, kind: str) -> None:
    import matplotlib

    with matplotlib.rc_context({"backend": "agg"}):
        found.plot().figure.savefig(picture, format=kind, dpi=120)


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _bins(text: str) -> str:
    rule, _, count = text.partition(":")
    if text != "mdlp" and (
        rule not in ("quantile", "uniform") or not count.isdecimal() or not 2 <= int(count) <= 65535
    ):
        raise argparse.ArgumentTypeError(f"expected quantile:K, uniform:K with K from 2 on, or mdlp, got {text!r}")
    return text


def add_command(commands: Any) -> None:
    add = commands.add_parser(
        "select",
        help="choose the columns of a table that together tell most about one of them",
        description="Choose the columns of a table that tell most about a target column, one after\nthe other.",
        epilog="score: the criterion when the column was chosen; gain: what it adds to the\n"
        "information of all columns before it about the target, which few samples\n"
        "overstate; relevance: its information about the target; redundancy: its mean\n"
        "information about the columns before it. All in nats.\n\n"
        "Missing cells count as a level of their own.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument(
        "table", metavar="TABLE", help=".csv with a header, .npy matrix; with pyarrow .parquet, .arrow, .feather"
    )
    add.add_argument(
        "--target", metavar="COLUMN", required=True, help="name of the target column (of a .npy file: its number)"
    )
    add.add_argument("-k", metavar="K", type=_whole, default=20, help="how many columns, at most (default: 20)")
    add.add_argument(
        "--criterion", metavar="NAME", default="jmi", help="mim, mrmr, jmi, cmim, ... (default: jmi); see select()"
    )
    add.add_argument(
        "--bins", metavar="RULE", type=_bins, default="quantile:16",
        help="how numbers of many values are cut: quantile:K, uniform:K or mdlp (default: quantile:16)",
    )  # fmt: skip
    add.add_argument(
        "--min-gain", metavar="NATS", type=float,
        help="stop before a column with a lower score (jmi, jmim, njmim, disr: with a lower gain)",
    )  # fmt: skip
    add.add_argument("--lazy", action="store_true", help="count candidates only while they can win; the same result")
    add.add_argument("--workers", type=int, help="threads (default: as fastent info says; -1: all)")
    add.add_argument("-o", "--output", metavar="OUT.csv", help="write the table to this file")
    add.add_argument("--plot", metavar="OUT.png", help="draw relevance and redundancy to this .png, .svg or .pdf file")
    add.set_defaults(run=select_columns)
