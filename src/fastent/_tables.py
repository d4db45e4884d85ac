"""Tables in files: names and columns in, rows of a .csv out.

The cells of a .csv are first numbered, column by column: by pyarrow where it is installed and the file is long, else by
the standard library's reader. What the different cells of a column are, numbers or labels, is decided once, below both.
"""

from __future__ import annotations

import csv
import difflib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from fastent._levels import object_array
from fastent._stream import InputError
from fastent._terminal import Progress

_WHOLE = r"[+-]?(?:0|[1-9][0-9]{0,400})"
_DECIMAL = re.compile(rf"(?:{_WHOLE}(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NO_DECIMALS = {"nan", "inf", "-inf"}
SHORT = 2 << 20  # bytes of a .csv that are read before pyarrow is imported
BATCH = 1 << 14  # rows between looks at the progress
SHOWN = 10  # names in a message

Array = np.ndarray[Any, Any]


class Cells(NamedTuple):
    """A column of a .csv: which of its different texts stands in each row."""

    codes: Array
    texts: list[str]


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
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(f"cannot read {path}: it must be text in UTF-8, but has the byte 0x{byte:02x}") from None
    except (OSError, ValueError, NotImplementedError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise InputError(f"cannot read {path}: {reason}") from None
    if not columns:
        raise InputError(f"{path} holds no columns")
    if not len(columns[0]):
        raise InputError(f"{path} holds no rows")
    return names, columns


def check_target(path: str, names: Sequence[str], target: str) -> None:
    if target not in names:
        raise InputError(f"{path} has no column {target!r}; {_instead(names, target)}")
    if len(names) < 2:
        raise InputError(f"{path} has no column beside {target!r}")


def _instead(names: Sequence[str], target: str) -> str:
    if len(names) == 1:
        return f"it has one, {names[0]!r}{_no_commas(names[0])}"
    folded = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(target.lower(), folded, n=3)
    if near:
        return f"did you mean {' or '.join(folded[name] for name in near)}?"
    return f"it has {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"


def _no_commas(name: str) -> str:
    return "; cells must be separated by commas" if any(mark in name for mark in ";\t|") else ""


def check_several(path: str, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise InputError(f"{path} has one column, {names[0]!r}{_no_commas(names[0])}; --pairs needs two or more")


def _check_names(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"column names repeat in its header, such as {Counter(names).most_common(1)[0][0]!r}")


# ---- .csv ----------------------------------------------------------------------------------------------------------


def _read_csv(path: str) -> tuple[list[str], list[Any]]:
    with open(path, newline="", encoding="utf-8-sig") as file, _cells_of_any_length():
        reader = csv.reader(file)
        rows = filter(None, reader)
        names = [name.strip() for name in next(rows, [])]
        _check_names(names)
        size = os.fstat(file.fileno()).st_size
        progress = Progress("reading", size, size)
        try:
            cells = _cells_by_pyarrow(path, len(names), reader.line_num, progress) if size >= SHORT else None
            cells = cells or _cells_by_csv(rows, len(names), file.buffer, progress)
        finally:
            progress.clear()
    return names, [_numbers_or_labels(column) for column in cells]


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


class _Numbering(dict[str, int]):
    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


def _cells_by_csv(rows: Iterator[list[str]], width: int, source: Any, progress: Progress) -> list[Cells]:
    numbers = [_Numbering() for _ in range(width)]
    codes: list[list[Array]] = [[np.empty(0, np.uint32)] for _ in range(width)]
    done = 0
    while batch := list(islice(rows, BATCH)):
        for number, row in enumerate(batch, done + 1):
            if len(row) != width:
                raise ValueError(f"row {number} has {len(row)} fields, the header has {width}")
        for column, part, seen in zip(zip(*batch, strict=True), codes, numbers, strict=True):
            part.append(np.fromiter(map(seen.__getitem__, column), np.uint32, len(column)))
        done += len(batch)
        if source.seekable():  # a pipe has neither a position nor a length
            progress.at(source.tell())
    return [Cells(np.concatenate(part), list(seen)) for part, seen in zip(codes, numbers, strict=True)]


def _cells_by_pyarrow(path: str, width: int, skipped: int, progress: Progress) -> list[Cells] | None:
    """The same, several times as fast; None without pyarrow, and for what it refuses or might read in another way.

    The other reader then says what is wrong with a row, or reads what is right: rows longer than pyarrow's blocks, and
    line ends within quotes, of which pyarrow 26 loses the second half if a block begins there.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import csv as arrow_csv
    except ImportError:
        return None
    names = [str(i) for i in range(width)]
    kinds = dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string()))
    batches = []
    try:
        with (
            pa.OSFile(path) as file,
            arrow_csv.open_csv(
                file,
                read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=skipped),
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(column_types=kinds, null_values=[], strings_can_be_null=False),
            ) as reader,
        ):
            for batch in reader:
                batches.append(batch)
                progress.at(file.tell())
            table = pa.Table.from_batches(batches, reader.schema).unify_dictionaries()
    except pa.ArrowException:
        return None
    columns = [column.combine_chunks() for column in table.columns]
    cells = [Cells(column.indices.to_numpy(), column.dictionary.to_pylist()) for column in columns]
    return None if any("\r" in text for column in cells for text in column.texts) else cells


def _numbers_or_labels(cells: Cells) -> Array:
    values = _numbers_if_all([text.strip() for text in cells.texts])
    return (object_array(values) if isinstance(values, list) else values)[cells.codes]


def _numbers_if_all(cells: list[str]) -> Any:
    """Numbers if every cell that is not empty is a plain decimal one, otherwise strings and None. Among decimals, nan
    and inf are numbers, too: so programs print them.

    Integers of up to 64 bits stay as they are. Those that a float would round, beside fractions or empty cells, are
    labels, as are codes like 007: cells that differ stay different.
    """
    labels = [cell or None for cell in cells]
    special = [cell for cell in cells if cell in _NO_DECIMALS]
    decimals = [cell for cell in cells if cell and cell not in _NO_DECIMALS]
    if not decimals or not all(map(_DECIMAL.fullmatch, decimals)):
        return labels
    whole = [int(cell) for cell in decimals if cell.lstrip("+-").isdigit()]
    if len(whole) == len(cells):
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
                return np.array(whole, dtype)
        return labels
    numbers = np.array([float(cell or "nan") for cell in cells])
    overflows = np.count_nonzero(np.isinf(numbers)) > len(special) - special.count("nan")
    return labels if overflows or max(map(abs, whole), default=0) > 1 << 53 else numbers


# ---- other files ---------------------------------------------------------------------------------------------------


def _read_npy(path: str) -> tuple[list[str], list[Any]]:
    with open(path, "rb") as file:
        if npy.read_magic(file) == (1, 0) and npy.read_array_header_1_0(file)[2].hasobject:
            raise ValueError(
                "it holds pickled Python objects, which are never loaded; save numbers or strings, or write a .csv"
            )
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype.names:
        columns = [array[name] for name in array.dtype.names]
        for name, column in zip(array.dtype.names, columns, strict=True):
            if column.ndim != 1:
                raise ValueError(f"each field must hold one value per row, but {name!r} has shape {column.shape}")
        return list(array.dtype.names), columns
    if array.ndim != 2:
        raise ValueError(f"it must hold a matrix (rows, columns), but has shape {array.shape}")
    return [str(i) for i in range(array.shape[1])], [array[:, i] for i in range(array.shape[1])]


def _read_arrow(path: str) -> tuple[list[str], list[Any]]:
    try:
        from pyarrow import feather, parquet, types
    except ImportError:
        raise InputError(f"{path}: files of this kind need pyarrow: pip install 'fastent[arrow]'") from None
    if path.lower().endswith(".parquet"):
        dataset = parquet.ParquetDataset(path)
        _check_names(dataset.schema.names)  # before pyarrow, which cannot read names that repeat
        found = dataset.read()
    else:
        found = feather.read_table(path)
        _check_names(found.column_names)
    return list(found.column_names), [
        _masked(column) if column.null_count and types.is_integer(column.type) else column for column in found.columns
    ]


def _masked(integers: Any) -> Array:
    """Integers with nulls, of which NumPy would make floats, and so round them."""
    return np.ma.MaskedArray(integers.fill_null(0).to_numpy(), integers.is_null().to_numpy())


# ---- out -----------------------------------------------------------------------------------------------------------


def check_output(output: str | None, table: str, suffixes: Sequence[str]) -> None:
    if output is None:
        return
    path = Path(output)
    if path.suffix.lower() not in suffixes:
        which = suffixes[0] if len(suffixes) == 1 else f"one of {', '.join(suffixes)}"
        raise InputError(f"cannot write {output}: its suffix must be {which}")
    if path.exists() and Path(table).exists() and path.samefile(table):
        raise InputError(f"cannot write {output}: it is the table itself")


def write_rows(file: BinaryIO, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for row in (head, *rows):
        file.write((",".join(map(_field, row)) + "\n").encode())


def _field(cell: Any) -> str:
    text = cell if isinstance(cell, str) else repr(float(cell))
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
