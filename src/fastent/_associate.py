"""The command `fastent associate`: which columns of a table tell about a target, or about each other.

table file  ->  columns with names  ->  codes  ->  statistics of pairs  ->  a ranking, or a matrix
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastent import discrete
from fastent._codes import Encoded, encode
from fastent._stream import InputError, replacing
from fastent._tables import check_output, check_several, check_target, read_columns, write_rows
from fastent._terminal import Progress, number_text, table
from fastent._threads import check_workers
from fastent.discrete._metrics import NAMES, Metric, is_symmetric, metric_named

METRICS = {
    "mi": "mutual information in nats",
    "nmi": "mutual information by the mean of both entropies",
    "su": "the same, called symmetric uncertainty",
    "ami": "the same, adjusted for chance",
    "gain_ratio": "mutual information by the entropy of the column",
    "homogeneity": "the same; 1 where the column is constant",
    "completeness": "mutual information by the entropy of the target",
    "v_measure": "harmonic mean of these two",
    "purity": "share of the most frequent level of the column, given the target",
    "joint_entropy": "entropy of both in nats",
    "conditional_entropy": "entropy of the column in nats, given the target; smallest first",
    "vi": "variation of information in nats, a distance; smallest first",
}
SMALLEST_FIRST = ("conditional_entropy", "vi", "variation_of_information")
SHOWN = 20
BATCH = 256  # columns between looks at the progress; pairs of smaller batches are slower


class Table(NamedTuple):
    names: list[str]
    codes: list[np.ndarray[Any, Any]]  # one column after the other


def read_table(path: str, bins: int, target: str | None) -> Table:
    """The columns of a file as codes; it must have the target, or without one several columns."""
    names, columns = read_columns(path)
    if target is None:
        check_several(path, names)
    else:
        check_target(path, names, target)
    progress = Progress("encoding", len(columns), 0)
    codes = []
    try:
        for name, column in zip(names, columns, strict=True):
            codes.append(_codes_of(encoded_column(path, name, column), bins))
            progress.add(1)
    finally:
        progress.clear()
    return Table(names, codes)


def encoded_column(path: str, name: str, column: Any) -> Encoded:
    """The codes of a column, missing cells with the last one, and the levels of the others; a refusal names the file
    and the column.
    """
    values = np.asanyarray(column)
    try:
        return encode(values if values.dtype.kind != "O" else column, missing="omit")
    except (TypeError, ValueError) as error:
        reason = str(error).replace("encode: X", "it").partition("\n")[0]
        raise InputError(f"{path}, column {name}: {reason}") from None


def _codes_of(encoded: Encoded, bins: int) -> np.ndarray[Any, Any]:
    """Labels as they are; numbers of more than `bins` different values by their quantiles. Missing is a level.

    The quantiles are those of ranks: integers beyond 2**53 would become equal among floats, and between finite
    numbers and infinity there is nothing to interpolate.
    """
    levels = encoded.levels
    numeric = isinstance(levels, np.ndarray) and levels.dtype.kind in "iuf"
    if not numeric or not bins or len(levels) <= bins:
        return encoded.codes
    ends = np.cumsum(np.bincount(encoded.codes, minlength=len(levels))[: len(levels)])  # rows up to each level
    quantiles = -(np.arange(1, bins) * (1 - ends[-1]) // bins)  # the rank at each of them, rounded up
    edges = np.unique(np.searchsorted(ends, quantiles, side="right"))
    binned = np.searchsorted(edges, np.arange(len(levels)), side="right")
    binned = np.append(binned, len(edges) + 1)  # missing comes last
    return np.asarray(binned[encoded.codes], np.uint8 if len(edges) < 255 else np.uint16)


# ---- one target ----------------------------------------------------------------------------------------------------


def stacked(codes: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    dtype = np.result_type(*codes)
    matrix = np.empty((len(codes[0]), len(codes)), dtype, order="F")
    for i, column in enumerate(codes):
        matrix[:, i] = column
    return matrix


def _batches(codes: Sequence[np.ndarray[Any, Any]]) -> Iterator[list[int]]:
    """Positions of columns, a batch between looks at the progress, of one dtype each: where one column has so many
    levels that it is counted by sorting, those with it are, too.
    """
    order = sorted(range(len(codes)), key=lambda i: codes[i].itemsize)
    for _, equal in groupby(order, key=lambda i: codes[i].itemsize):
        while batch := list(islice(equal, BATCH)):
            yield batch


def rank(data: Table, target: str, metrics: list[str], workers: int | None) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Columns by the first metric, the strongest association first, and the values of all metrics."""
    goal = data.codes[data.names.index(target)]
    others = [i for i, name in enumerate(data.names) if name != target]
    values = np.empty((len(others), len(metrics)))
    progress = Progress("associate", len(others), sum(data.codes[i].nbytes for i in others))
    try:
        for batch in _batches([data.codes[i] for i in others]):
            columns = stacked([data.codes[others[i]] for i in batch])
            found = discrete.mutual_information_matrix(columns, goal, metric=metrics, workers=workers)
            values[batch] = found[:, :, 0].T
            progress.add(len(batch))
    finally:
        progress.clear()
    order = _order(metrics[0], values[:, 0])
    return [data.names[others[i]] for i in order], values[order]


def _order(metric: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The strongest association first."""
    return np.argsort(values if metric in SMALLEST_FIRST else -values, kind="stable")


def _all_pairs(data: Table, metric: str, workers: int | None) -> np.ndarray[Any, Any]:
    """The metric of every column with every other, batch by batch."""
    batches = list(_batches(data.codes))
    stacks = [stacked([data.codes[i] for i in batch]) for batch in batches]
    matrix = np.empty((len(data.codes), len(data.codes)))
    progress = Progress("associate", matrix.size, 0)
    try:
        for a, (rows, x) in enumerate(zip(batches, stacks, strict=True)):
            for columns, y in zip(batches[: a + 1], stacks, strict=False):
                other = None if y is x else y  # within a batch half of the pairs is counted
                found = discrete.mutual_information_matrix(x, other, metric=metric, workers=workers)
                matrix[np.ix_(rows, columns)] = found
                if y is not x and is_symmetric(metric):
                    matrix[np.ix_(columns, rows)] = found.T
                elif y is not x:
                    matrix[np.ix_(columns, rows)] = discrete.mutual_information_matrix(
                        y, x, metric=metric, workers=workers
                    )
                progress.add(found.size * (1 if y is x else 2))
    finally:
        progress.clear()
    return matrix


def _target_lines(args: argparse.Namespace, data: Table, file: BinaryIO | None) -> list[str]:
    names, values = rank(data, args.target, args.metric, args.workers)
    if file:
        write_rows(file, ["column", *args.metric], ([name, *row] for name, row in zip(names, values, strict=True)))
    shown = names[:SHOWN]
    cells = [[name, *map(number_text, row)] for name, row in zip(shown, values, strict=False)]
    lines = table(["column", *args.metric], cells)
    if len(names) > len(shown):
        lines.append(f"({len(shown)} of {len(names):,} columns; -o FILE.csv writes all of them)")
    return lines


def _pairs_lines(args: argparse.Namespace, data: Table, file: BinaryIO | None) -> list[str]:
    metric = args.metric[0]
    matrix = _all_pairs(data, metric, args.workers)
    if file:
        write_rows(file, ["", *data.names], ([name, *row] for name, row in zip(data.names, matrix, strict=True)))
    both_ways = ~np.eye(len(data.names), dtype=bool)
    left, right = np.nonzero(np.triu(both_ways) if is_symmetric(metric) else both_ways)
    order = _order(metric, matrix[left, right])[:SHOWN]
    cells = [[data.names[left[i]], data.names[right[i]], number_text(matrix[left[i], right[i]])] for i in order]
    lines = table(["column", "column", metric], cells)
    if len(left) > len(order):
        lines.append(f"({len(order)} of {len(left):,} pairs; -o FILE.csv writes the matrix)")
    return lines


def associate(args: argparse.Namespace) -> None:
    """fastent associate"""
    if args.pairs == (args.target is not None):
        raise InputError("pass either --target COLUMN or --pairs")
    if args.pairs and len(args.metric) != 1:
        raise InputError("--pairs takes one --metric")
    if args.workers is not None:
        try:
            check_workers("associate", args.workers)
        except ValueError as error:
            raise InputError(str(error)) from None
    check_output(args.output, args.table, [".csv"])
    with replacing(Path(args.output)) if args.output else nullcontext() as file:
        data = read_table(args.table, args.bins, args.target)
        lines = (_pairs_lines if args.pairs else _target_lines)(args, data, file)
    print(*lines, sep="\n")
    if args.output:
        print(f"written    {args.output}", file=sys.stderr)


def _metrics(text: str) -> list[str]:
    names = [name.strip() for name in text.lower().replace("-", "_").split(",")]
    seen: dict[Metric, str] = {}
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"there is no metric {name!r}; there is {', '.join(METRICS)}")
        metric = metric_named("associate", name)
        if metric in seen:
            raise argparse.ArgumentTypeError(f"{name!r} repeats {seen[metric]!r}; name each metric once")
        seen[metric] = name
    return names


def _bins(text: str) -> int:
    if not text.isdecimal() or int(text) == 1 or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"expected 0 or a number of bins from 2 to 65535, got {text!r}")
    return int(text)


def add_command(commands: Any) -> None:
    width = max(map(len, METRICS)) + 2
    lines = "\n".join(f"  {name:<{width}}{text}" for name, text in METRICS.items())
    add = commands.add_parser(
        "associate",
        help="rank the columns of a table by what they tell about one of them",
        description="Rank the columns of a table by what they tell about a target column,\nor all pairs of columns.",
        epilog=f"metrics, also by their long names such as mutual_information:\n{lines}\n\n"
        "Of --pairs, the first column stands for the column, the second for the target.\n"
        "Missing cells count as a level of their own.\n"
        "Cells of a .csv are numbers where a whole column is, in plain decimals:\n007 and 1_000 are labels.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument(
        "table", metavar="TABLE", help=".csv with a header, .npy matrix; with pyarrow .parquet, .arrow, .feather"
    )
    add.add_argument("--target", metavar="COLUMN", help="name of the target column (of a .npy file: its number)")
    add.add_argument("--pairs", action="store_true", help="all pairs of columns instead")
    add.add_argument(
        "--metric",
        metavar="NAME,...",
        type=_metrics,
        default=["mi"],
        help="what to compute; the first ranks (list below)",
    )
    add.add_argument(
        "--bins",
        metavar="K",
        type=_bins,
        default=10,
        help="numbers of more than K different values are cut at K-quantiles (default: 10; 0: never)",
    )
    add.add_argument("--workers", type=int, help="threads (default: as fastent info says; -1: all)")
    add.add_argument("-o", "--output", metavar="OUT.csv", help="write all values to this file")
    add.set_defaults(run=associate)
