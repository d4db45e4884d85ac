"""The command `fastent associate`: which columns of a table tell about a target, or about each other.

table file  ->  columns with names  ->  codes  ->  statistics of pairs  ->  a ranking, or a matrix
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastent import discrete
from fastent._codes import Encoded, encode
from fastent._stream import InputError, replacing
from fastent._terminal import Progress, number_text, table
from fastent._threads import check_workers
from fastent.discrete._metrics import is_symmetric

METRICS = {
    "mi": "mutual information in nats",
    "nmi": "mutual information by the mean of both entropies",
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
SMALLEST_FIRST = ("conditional_entropy", "vi")
SHOWN = 20
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,400})")
_NO_DECIMALS = {"nan", "inf", "-inf"}
_DECIMAL = re.compile(rf"({_WHOLE.pattern}(\.[0-9]*)?|[+-]?\.[0-9]+)([eE][+-]?[0-9]+)?")
BATCH = 64  # columns between looks at the progress


class Table(NamedTuple):
    names: list[str]
    codes: list[np.ndarray[Any, Any]]  # one column after the other


def read_columns(path: str) -> tuple[list[str], list[Any]]:
    """Names and columns of a .csv, .npy, .parquet, .arrow or .feather file."""
    suffix = Path(path).suffix.lower()
    readers = {
        ".csv": _read_csv,
        ".npy": _read_npy,
        ".parquet": _read_arrow,
        ".arrow": _read_arrow,
        ".feather": _read_arrow,
    }
    if suffix not in readers:
        raise InputError(f"cannot read {path}: its suffix must be one of {', '.join(readers)}")
    try:
        names, columns = readers[suffix](path)
    except (OSError, ValueError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"cannot read {path}: {reason}") from None
    if not columns:
        raise InputError(f"{path} holds no columns")
    return names, columns


def read_table(path: str, bins: int) -> Table:
    """The columns of a file as codes."""
    names, columns = read_columns(path)
    progress = Progress("reading", len(columns), 0)
    codes = []
    try:
        for name, column in zip(names, columns, strict=True):
            try:
                codes.append(_codes_of(column, bins))
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}, column {name}: {error}") from None
            progress.add(1)
    finally:
        progress.clear()
    return Table(names, codes)


def _read_csv(path: str) -> tuple[list[str], list[Any]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        rows = [row for row in reader if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} fields, the header has {len(names)}")
    if len(set(names)) != len(names):
        raise ValueError("column names repeat in its header")
    return names, [_numbers_if_all([cell.strip() for cell in column]) for column in zip(*rows, strict=True)]


def _numbers_if_all(cells: list[str]) -> Any:
    """Numbers if every cell that is not empty is a plain decimal one, otherwise strings and None. Among decimals, nan
    and inf are numbers, too: so programs print them.

    Integers of up to 64 bits stay as they are. Those that a float would round, beside fractions or empty cells, are
    labels, as are codes like 007: cells that differ stay different.
    """
    filled = [cell for cell in cells if cell]
    labels = [cell or None for cell in cells]
    decimals = [cell for cell in filled if cell not in _NO_DECIMALS]
    if not all(map(_DECIMAL.fullmatch, decimals)) or not decimals:
        return labels
    whole = [int(cell) for cell in filled if _WHOLE.fullmatch(cell)]
    if whole and len(whole) == len(cells):
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
                return np.array(whole, dtype)
        return labels
    numbers = np.array([float(cell or "nan") for cell in cells])
    if np.isinf([float(cell) for cell in decimals]).any() or max(map(abs, whole), default=0) > 1 << 53:
        return labels
    return numbers


def _read_npy(path: str) -> tuple[list[str], list[Any]]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype.names:
        return list(array.dtype.names), [array[name] for name in array.dtype.names]
    if array.ndim != 2:
        raise ValueError(f"it must hold a matrix (rows, columns), but has shape {array.shape}")
    return [str(i) for i in range(array.shape[1])], [array[:, i] for i in range(array.shape[1])]


def _read_arrow(path: str) -> tuple[list[str], list[Any]]:
    try:
        from pyarrow import feather, parquet  # type: ignore[import-untyped]
    except ImportError:
        raise InputError(f"{path}: files of this kind need pyarrow: pip install fastent[arrow]") from None
    read = parquet.read_table if path.lower().endswith(".parquet") else feather.read_table
    found = read(path)
    return list(found.column_names), list(found.columns)


def encoded_column(column: Any) -> Encoded:
    values = column if isinstance(column, list) else np.asarray(column)
    return encode(values if isinstance(values, list) or values.dtype.kind != "O" else column, missing="level")


def _codes_of(column: Any, bins: int) -> np.ndarray[Any, Any]:
    """Labels as they are; numbers of more than `bins` different values by their quantiles. Missing is a level."""
    encoded = encoded_column(column)
    levels = encoded.levels if encoded.missing is None else encoded.levels[:-1]
    numeric = isinstance(levels, np.ndarray) and levels.dtype.kind in "iuf"
    if not numeric or not bins or len(levels) <= bins:
        return encoded.codes
    numbers = np.asarray(levels, np.float64)
    present = encoded.codes if encoded.missing is None else encoded.codes[encoded.codes != encoded.missing]
    edges = np.unique(np.quantile(numbers[present], np.arange(1, bins) / bins))
    binned = np.append(np.searchsorted(edges, numbers, side="right"), len(edges) + 1)  # missing comes last
    return np.asarray(binned[encoded.codes], np.uint8 if len(edges) < 255 else np.uint16)


# ---- one target ----------------------------------------------------------------------------------------------------


def stacked(codes: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    dtype = np.result_type(*codes)
    matrix = np.empty((len(codes[0]), len(codes)), dtype, order="F")
    for i, column in enumerate(codes):
        matrix[:, i] = column
    return matrix


def rank(data: Table, target: str, metrics: list[str], workers: int | None) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Columns by the first metric, the strongest association first, and the values of all metrics."""
    goal = data.codes[data.names.index(target)]
    others = [i for i, name in enumerate(data.names) if name != target]
    values = np.empty((len(others), len(metrics)))
    progress = Progress("associate", len(others), sum(data.codes[i].nbytes for i in others))
    try:
        for begin in range(0, len(others), BATCH):
            batch = stacked([data.codes[i] for i in others[begin : begin + BATCH]])
            found = discrete.mutual_information_matrix(batch, goal, metric=metrics, workers=workers)
            values[begin : begin + BATCH] = found[:, :, 0].T
            progress.add(batch.shape[1])
    finally:
        progress.clear()
    order = _order(metrics[0], values[:, 0])
    return [data.names[others[i]] for i in order], values[order]


def _order(metric: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The strongest association first."""
    return np.argsort(values if metric in SMALLEST_FIRST else -values, kind="stable")


def check_csv(output: str) -> None:
    if Path(output).suffix.lower() != ".csv":
        raise InputError(f"cannot write {output}: its suffix must be .csv")


def write_csv(output: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    check_csv(output)
    with replacing(Path(output)) as binary:
        text = "\n".join(",".join(_field(cell) for cell in row) for row in (head, *rows)) + "\n"
        binary.write(text.encode())


def _field(cell: Any) -> str:
    text = cell if isinstance(cell, str) else repr(float(cell))
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _run_target(args: argparse.Namespace, data: Table) -> None:
    if args.target not in data.names:
        raise InputError(f"{args.table} has no column {args.target!r}; it has {', '.join(data.names[:10])}")
    if len(data.names) < 2:
        raise InputError(f"{args.table} has no column beside {args.target!r}")
    names, values = rank(data, args.target, args.metric, args.workers)
    if args.output:
        write_csv(
            args.output, ["column", *args.metric], [[name, *row] for name, row in zip(names, values, strict=True)]
        )
    shown = names[:SHOWN]
    cells = [[name, *map(number_text, row)] for name, row in zip(shown, values, strict=False)]
    print(*table(["column", *args.metric], cells), sep="\n")
    if len(names) > len(shown):
        print(f"({len(shown)} of {len(names):,} columns; -o FILE.csv writes all of them)")


def _run_pairs(args: argparse.Namespace, data: Table) -> None:
    if len(args.metric) != 1:
        raise InputError("--pairs takes one --metric")
    if len(data.names) < 2:
        raise InputError(f"{args.table} has one column, {data.names[0]!r}; --pairs needs two or more")
    metric = args.metric[0]
    matrix = discrete.mutual_information_matrix(stacked(data.codes), metric=metric, workers=args.workers)
    if args.output:
        write_csv(args.output, ["", *data.names], [[name, *row] for name, row in zip(data.names, matrix, strict=True)])
    both_ways = ~np.eye(len(data.names), dtype=bool)
    left, right = np.nonzero(np.triu(both_ways) if is_symmetric(metric) else both_ways)
    order = _order(metric, matrix[left, right])[:SHOWN]
    cells = [[data.names[left[i]], data.names[right[i]], number_text(matrix[left[i], right[i]])] for i in order]
    print(*table(["column", "column", metric], cells), sep="\n")
    if len(left) > len(order):
        print(f"({len(order)} of {len(left):,} pairs; -o FILE.csv writes the matrix)")


def associate(args: argparse.Namespace) -> None:
    """fastent associate"""
    if args.pairs == (args.target is not None):
        raise InputError("pass either --target COLUMN or --pairs")
    if args.workers is not None:
        try:
            check_workers("associate", args.workers)
        except ValueError as error:
            raise InputError(str(error)) from None
    data = read_table(args.table, args.bins)
    if args.pairs:
        _run_pairs(args, data)
    else:
        _run_target(args, data)
    if args.output:
        print(f"written    {args.output}", file=sys.stderr)


def _metrics(text: str) -> list[str]:
    names = text.replace("-", "_").split(",")
    for name in names:
        if name not in METRICS:
            raise argparse.ArgumentTypeError(f"there is no metric {name!r}; there is {', '.join(METRICS)}")
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
        description="Rank the columns of a table by what they tell about a target column, or all pairs of columns.",
        epilog=f"metrics:\n{lines}\n\nOf --pairs, the first column stands for the column, the second for the target.\n"
        "Missing cells count as a level of their own.\n"
        "Cells of a .csv are numbers where a whole column is, in plain decimals: 007, nan and 1_000 are labels.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("table", metavar="TABLE", help=".csv with a header, .npy matrix; with pyarrow .parquet, .feather")
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
