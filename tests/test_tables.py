"""Tables in files: pyarrow and the standard library read the same of a .csv, and `fastent associate --pairs` stops."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts import read_terminal

from fastent import _associate, _tables
from fastent._stream import InputError
from fastent.cli import main

WITH, WITHOUT = 0, math.inf  # where pyarrow's part begins
CELLS = [
    "a",
    "1",
    "",
    " ",
    '"q,r"',
    '"q""r"',
    '"n\nl"',
    'u"v',
    '"a"b',
    '""',
    '"',
    "\\",
    "é",
    ' "s"',
    "NA",
    "null",
    "7 ",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str | bytes, name: str = "t.csv") -> str:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def read(path: str, short: float, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Names and columns, each with its dtype; or the refusal."""
    monkeypatch.setattr(_tables, "SHORT", short)
    try:
        names, columns = _tables.read_columns(path)
    except InputError as error:
        return str(error)
    return names, [(column.dtype, [repr(cell) for cell in column.tolist()]) for column in columns]


def read_by_both(path: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("pyarrow")
    found = read(path, WITHOUT, monkeypatch)
    assert read(path, WITH, monkeypatch) == found, Path(path).read_bytes()
    return found


@pytest.mark.parametrize(
    ("column", "dtype", "cells"),
    [
        ("1\n-2\n+3", "int64", ["1", "-2", "3"]),
        ("1\n18446744073709551615", "uint64", ["1", "18446744073709551615"]),
        ("1\n\n2.5", "float64", ["1.0", "2.5"]),  # an empty line is no row
        ('1\n""\n 2.5 ', "float64", ["1.0", "nan", "2.5"]),
        ("1.0\n1.00\ninf\n-inf\nnan", "float64", ["1.0", "1.0", "inf", "-inf", "nan"]),
        ("007\n7", "object", ["'007'", "'7'"]),
        ('"1"\n"2"', "int64", ["1", "2"]),  # quotes say where a cell ends, not what it is
        ("NA\nnull\nNULL\n#N/A", "object", ["'NA'", "'null'", "'NULL'", "'#N/A'"]),
        ("true\nfalse", "object", ["'true'", "'false'"]),
        ("2020-01-01\n2020-01-02", "object", ["'2020-01-01'", "'2020-01-02'"]),
        ('"red, dark"\n "x"\n""""', "object", ["'red, dark'", "'\"x\"'", "'\"'"]),
        ('"two\nlines"\nx', "object", ["'two\\nlines'", "'x'"]),
        ("x\r\ny\rz", "object", ["'x'", "'y'", "'z'"]),
        ("\u2003wide\u2003\nwide", "object", ["'wide'", "'wide'"]),
        ("a\0b\na", "object", ["'a\\x00b'", "'a'"]),
        (f"{'long' * 300_000}\nx", "object", [repr("long" * 300_000), "'x'"]),
    ],
)
@pytest.mark.parametrize("head", ["x\n", "\ufeffx\r\n", '\n\n"x"\n', " x \r"], ids=["plain", "mark", "blank", "spaces"])
def test_columns(column: str, dtype: str, cells: list[str], head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_by_both(write(head + column), monkeypatch) == (["x"], [(np.dtype(dtype), cells)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n\n3\n", "cannot read t.csv: row 2 has 1 fields, the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "cannot read t.csv: row 2 has 3 fields, the header has 2"),
        ("a,b,a\n1,2,3\n", "cannot read t.csv: column names repeat in its header, such as 'a'"),
        ("a,a \n1,2\n", "cannot read t.csv: column names repeat in its header, such as 'a'"),
        (b"a,b\n\xe9,2\n", "cannot read t.csv: it must be text in UTF-8, but has the byte 0xe9"),
        ("a,b\n1,2\n".encode("utf-16-le"), "cannot read t.csv: row 2 has 1 fields, the header has 2"),
        ("", "t.csv holds no columns"),
        ("\n\n", "t.csv holds no columns"),
        ("a,b\n", "t.csv holds no rows"),
        ("a,b", "t.csv holds no rows"),
    ],
)
def test_refusals(text: str | bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_by_both(write(text), monkeypatch) == words


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather"])
def test_repeated_names_of_other_files(suffix: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.Table.from_arrays([pa.array([1, 2])] * 3, names=list("aba"))
    path = f"t.{suffix}"
    if suffix == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    with pytest.raises(InputError) as refusal:
        _tables.read_columns(path)
    assert str(refusal.value) == f"cannot read {path}: column names repeat in its header, such as 'a'"


def test_a_long_explanation_is_cut_to_its_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather

    for error in (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):

        def fail(_: str, error: type[Exception] = error) -> None:
            raise error("no such codec\na: int64\nb: int64")

        monkeypatch.setattr(feather, "read_table", fail)
        with pytest.raises(InputError, match=r"^cannot read t\.arrow: no such codec$"):
            _tables.read_columns("t.arrow")


@pytest.mark.parametrize("seed", range(4))
def test_any_text(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of odd cells, and sheer noise: read alike, or refused alike."""
    rng = random.Random(seed)
    read_rows = 0
    for trial in range(150):
        if trial % 3:
            rows = [f"{rng.choice(CELLS)},{rng.choice(CELLS)}" for _ in range(rng.randint(1, 6))]
            text = "x,y\n" + "".join(row + rng.choice(["\n", "\r\n", "\r", "\n\n"]) for row in rows)
        else:
            text = "x,y\n" + "".join(rng.choices('ab1,,""\n\r \0é\t\\', k=rng.randint(0, 12)))
        read_rows += not isinstance(read_by_both(write(text), monkeypatch), str)
    assert read_rows > 20


def test_a_line_end_in_quotes_where_a_block_of_pyarrow_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow 26 loses the second half of the line end, which makes two levels of one."""
    start = len("x\n") + 1
    for shift in range(3):
        text = "x\n" + "y" * ((1 << 20) - start - shift - 2) + '\n"a\r\nb"\n"a\r\nb"\n'
        _, [(_, cells)] = read_by_both(write(text), monkeypatch)
        assert cells[1:] == ["'a\\r\\nb'"] * 2


def test_both_readers_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    path, used = write("x\n1\n2\n"), []
    for name in ("_cells_by_csv", "_cells_by_pyarrow"):
        reader = getattr(_tables, name)
        monkeypatch.setattr(_tables, name, lambda *a, n=name, r=reader: used.append(n) or r(*a))
    read(path, WITHOUT, monkeypatch)
    read(path, WITH, monkeypatch)
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # not installed
    assert read(path, WITH, monkeypatch)[0] == ["x"]
    assert used == ["_cells_by_csv", "_cells_by_pyarrow", "_cells_by_pyarrow", "_cells_by_csv"]


def test_the_command_says_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 5000)
    columns = [
        (rng.normal(size=5000) + y).round(3).astype(str),
        np.array(["", "left", '"to, fro"'])[rng.integers(0, 3, 5000)],
        np.where(rng.random(5000) < 0.1, "", y.astype(str)),
        np.char.mod("id%d", np.arange(5000)),
        y.astype(str),
    ]
    path = write("number,text,gaps,id,y\n" + "".join(",".join(row) + "\n" for row in zip(*columns, strict=True)))
    for options in (["--target", "y", "--metric", "mi,ami"], ["--pairs", "--metric", "nmi"]):
        outputs = []
        for short in (WITH, WITHOUT):
            monkeypatch.setattr(_tables, "SHORT", short)
            assert main(["associate", path, *options, "-o", "out.csv"]) == 0
            outputs.append((capsys.readouterr(), Path("out.csv").read_text()))
        assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        (["alcohol", "hue"], "Hue", "did you mean hue?"),
        (["alcohol", "hue"], "alchool", "did you mean alcohol?"),
        (["alcohol", "hue"], "price", "it has alcohol, hue"),
        ([f"column {i}" for i in range(12)], "x", "column 8, column 9, ..."),
        (["a;b;y"], "y", "it has one, 'a;b;y'; cells must be separated by commas"),
        (["a"], "y", "it has one, 'a'"),
    ],
)
def test_what_there_is_instead(names: list[str], wanted: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        _tables.check_target("t.csv", names, wanted)
    assert str(refusal.value).endswith(words)


def test_a_matrix_too_large_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("a,b\n1,2\n")
    monkeypatch.setattr(_associate, "_all_pairs", lambda *_: np.empty((1 << 28, 1 << 28)))
    assert main(["associate", path, "--pairs", "-o", "out.csv"]) == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith("fastent: Unable to allocate") and refusal.count("\n") == 1
    assert os.listdir() == ["t.csv"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_while_all_pairs_are_counted() -> None:
    """It is heard between batches of pairs; the progress is gone and what was there before is still there."""
    import pty

    rng = np.random.default_rng(0)
    np.save("x.npy", np.asfortranarray(rng.integers(0, 17, (4000, 1200), np.uint8)))
    write("old", "out.csv")
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fastent", "associate", "x.npy", "--pairs", "-o", "out.csv"],
        stdout=subprocess.PIPE, stderr=end, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    os.close(end)
    seen = b""
    while b"associate  [" not in seen and (more := read_terminal(terminal)):
        seen += more
    process.send_signal(signal.SIGINT)
    while more := read_terminal(terminal):
        seen += more
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert seen.decode().split("\r")[-2].strip() == ""
    assert sorted(os.listdir()) == ["out.csv", "x.npy"]
    assert Path("out.csv").read_text() == "old"
