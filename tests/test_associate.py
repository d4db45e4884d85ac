"""`fastent associate`, end to end: every test runs `python -m fastent` on files in a fresh directory."""

import csv
import math
import os
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastent import _associate, _tables, discrete
from fastent._codes import encode
from fastent.discrete import _metrics

pytestmark = pytest.mark.thread_unsafe(reason="each test has a directory and processes of its own")

WINE = Path(__file__).parent.parent / "examples" / "wine" / "wine.csv"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastent", "associate", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def lines(*args: object) -> list[list[str]]:
    done = run(*args)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def refused(*args: object) -> str:
    before = sorted(os.listdir())
    done = run(*args)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("fastent: ")
    assert done.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before
    return done.stderr


def write(name: str, *rows: list[Any]) -> str:
    with open(name, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return name


def test_columns_are_ranked_by_the_first_metric() -> None:
    name = write(
        "t.csv", ["noise", "same", "half", "y"], *[[i % 2, y, y // 2, f"c{y}"] for i in range(8) for y in range(4)]
    )
    shown = lines(name, "--target", "y", "--metric", "mi,nmi,ami")
    assert [line[0] for line in shown] == ["column", "same", "half", "noise"]
    assert shown[1][1:] == ["1.38629", "1", "1"]
    assert float(shown[2][1]) == pytest.approx(np.log(2), rel=1e-5)
    assert shown[3][1] == "0"


def test_a_distance_ranks_from_the_smallest() -> None:
    name = write("t.csv", ["far", "near", "y"], *[[i % 3, i % 2, i % 2] for i in range(12)])
    for metric in ("vi", "variation_of_information"):
        assert [line[0] for line in lines(name, "--target", "y", "--metric", metric)[1:]] == ["near", "far"]


def test_every_metric_of_the_matrix_has_a_line_in_the_help() -> None:
    assert {_metrics.metric_named("", name) for name in _associate.METRICS} == set(_metrics.METRICS.values())


@pytest.mark.parametrize("name", _metrics.NAMES)
def test_metrics_have_the_names_of_the_matrix(name: str) -> None:
    assert _associate._metrics(f"joint-entropy, {name.upper()} " if name != "joint_entropy" else name)[-1] == name


def test_the_example_gives_what_the_readme_shows() -> None:
    readme = WINE.parents[2] / "README.md"
    if not readme.exists():
        pytest.skip("the README is not beside the tests")
    done = run(WINE, "--target", "cultivar", "--metric", "mi,nmi,ami")
    assert done.stdout in readme.read_text(encoding="utf-8")


def test_output_holds_every_digit_and_column() -> None:
    rng = np.random.default_rng(1)
    X = rng.integers(0, 3, (500, 30)).astype(np.uint8)
    np.save("x.npy", X)
    shown = lines("x.npy", "--target", "29", "-o", "out.csv")
    assert shown[-1] == ["(20", "of", "29", "columns;", "-o", "FILE.csv", "writes", "all", "of", "them)"]
    with open("out.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["column", "mi"]
    want = discrete.mutual_information(X[:, :29], X[:, 29])
    assert {int(name): float(value) for name, value in rows} == dict(enumerate(want.tolist()))
    assert [float(value) for _, value in rows] == sorted(want.tolist(), reverse=True)


def test_pairs_write_the_matrix() -> None:
    rng = np.random.default_rng(2)
    X = rng.integers(0, 4, (300, 5)).astype(np.uint8)
    np.save("x.npy", X)
    shown = lines("x.npy", "--pairs", "--metric", "nmi", "-o", "m.csv")
    with open("m.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["", "0", "1", "2", "3", "4"]
    got = np.array([[float(value) for value in row[1:]] for row in rows])
    assert np.array_equal(got, discrete.mutual_information_matrix(X, metric="nmi"))
    best = np.unravel_index(np.argmax(np.triu(got, 1)), got.shape)
    assert shown[1][:2] == [str(best[0]), str(best[1])]


def test_batches_give_what_one_call_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    levels = [3, 70_000, 4, 300, 5, 6, 2]  # columns of several dtypes, in no order of them
    codes = [rng.integers(0, k, 400).astype(np.min_scalar_type(k)) for k in levels]
    X = np.stack(codes, axis=1)
    data = _associate.Table([str(i) for i in range(len(codes))], codes)
    monkeypatch.setattr(_associate, "BATCH", 2)
    for metric in ("vi", "gain_ratio"):
        want = discrete.mutual_information_matrix(X, metric=metric)
        assert np.array_equal(_associate._all_pairs(data, metric, 1), want)
    names, values = _associate.rank(data, "6", ["mi"], 1)
    want = discrete.mutual_information(X[:, :6], X[:, 6])
    assert dict(zip(names, values[:, 0].tolist(), strict=True)) == {str(i): mi for i, mi in enumerate(want.tolist())}


@pytest.mark.parametrize("metric", _associate.METRICS)
def test_every_metric_of_a_target_and_of_pairs(metric: str) -> None:
    X = np.random.default_rng(3).integers(0, 3, (90, 4)).astype(np.uint8)
    X[:, 1] = X[:, 0] // 2
    names = list("abcd")
    data = _associate.Table(names, list(X.T))
    found, values = _associate.rank(data, "d", ["purity", metric], 1)
    matrix = discrete.mutual_information_matrix(X, metric=metric)
    for name, value in zip(found, values[:, 1], strict=True):
        assert value == matrix[names.index(name), 3]
    np.save("x.npy", X)
    shown = lines("x.npy", "--pairs", "--metric", metric)[1:]
    numbers = [float(value) for _, _, value in shown]
    assert numbers == sorted(numbers, reverse=metric not in ("vi", "conditional_entropy"))
    assert len(shown) == (6 if np.array_equal(matrix, matrix.T) else 12)
    for one, other, value in shown:
        assert float(value) == pytest.approx(matrix[int(one), int(other)], rel=1e-5)


def test_numbers_of_many_values_are_cut_at_quantiles_and_missing_cells_are_a_level() -> None:
    y = np.arange(1000) % 2
    x = y + np.linspace(0, 0.5, 1000)
    name = write("t.csv", ["x", "gap", "y"], *[[v, "" if t else 1, t] for v, t in zip(x, y, strict=True)])
    binned = lines(name, "--target", "y", "--bins", "2")
    assert [line[1] for line in binned[1:]] == ["0.693147", "0.693147"]
    assert float(lines(name, "--target", "y", "--bins", "0")[1][1]) == pytest.approx(np.log(2), rel=1e-5)


@pytest.mark.parametrize("first", [0, 2**62, -(2**63), 2**64 - 30])
def test_integers_are_cut_as_integers(first: int) -> None:
    name = write("t.csv", ["id", "y"], *[[first + i, i >= 15] for i in range(30)])
    assert lines(name, "--target", "y") == [["column", "mi"], ["id", "0.693147"]]


def test_infinities_are_cut_without_a_warning() -> None:
    name = write("t.csv", ["x", "y"], *[[v, v == "inf"] for v in [*["-inf"] * 5, *range(20), *["inf"] * 25]])
    done = run(name, "--target", "y")
    assert (done.stdout.split()[-1], done.stderr) == ("0.693147", "")


@pytest.mark.parametrize("bins", [2, 3, 10, 300])
def test_bins_are_those_of_quantiles_of_the_values(bins: int) -> None:
    rng = np.random.default_rng(bins)
    for rows in (501, 701, 1000):
        values = np.where(rng.random(rows) < 0.3, rng.integers(0, 4, rows), rng.normal(2, 2, rows))
        at = [math.ceil(Fraction(i * (rows - 1), bins)) for i in range(1, bins)]  # whatever lies below the next value
        want = np.searchsorted(np.unique(np.sort(values)[at]), values, side="right")
        codes = _associate._codes_of(encode(values, missing="omit"), bins)
        assert np.array_equal(codes, want)
        values[::3] = np.nan
        codes = _associate._codes_of(encode(values, missing="omit"), bins)
        assert len(set(codes[::3].tolist())) == 1 and codes[0] > codes[~np.isnan(values)].max()


def test_names_cannot_steer_the_terminal() -> None:
    name = write("t.csv", ["\x1b[31mé", "y"], [1, 2], [2, 1])
    assert lines(name, "--target", "y")[1] == ["\\x1b[31mé", "0.693147"]
    assert "it has \\x1b[31mé, y\n" in refused(name, "--target", "z")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_table_comes_through_a_pipe() -> None:
    os.mkfifo("t.csv")
    writer = threading.Thread(target=Path("t.csv").write_text, args=("a,y\n1,2\n2,1\n",))
    writer.start()
    shown = lines("t.csv", "--target", "y")
    writer.join()
    assert shown[1] == ["a", "0.693147"]


@pytest.mark.parametrize(
    "cells",
    [
        ["01234", "1234", "0", "1"],
        ["9007199254740993", "9007199254740992", "1", "2"],
        ["9007199254740993", "9007199254740992", "", "2"],
        ["9007199254740993", "9007199254740992", "0.5", "2"],
        ["18446744073709551615", "18446744073709551614", "1", "2"],
        ["18446744073709551617", "18446744073709551616", "1", "2"],
        ["nan", "", "one", "2"],
        ["9" * 5000, "8" * 5000, "1", "2"],
        ["infinity", "inf", "1e400", "2"],
        ["1_000", "1000", "1", "2"],
    ],
)
def test_cells_that_differ_stay_different(cells: list[str]) -> None:
    name = write("t.csv", ["x", "y"], *[[cell, i] for i, cell in enumerate(cells)])
    assert lines(name, "--target", "y")[1] == ["x", "1.38629"]


def test_plain_decimals_are_numbers() -> None:
    cells = ["-1", "+2", "0", "1.50", ".5", "2.", "1e-05", "-1.5E3", "0.0", "", " 7 "]
    found = _tables._numbers_if_all([cell.strip() for cell in cells])
    np.testing.assert_array_equal(found, [-1, 2, 0, 1.5, 0.5, 2, 1e-5, -1500, 0, np.nan, 7])
    assert _tables._numbers_if_all(["3", "-4"]).dtype == np.int64
    np.testing.assert_array_equal(_tables._numbers_if_all(["nan", "-inf", "2"]), [np.nan, -np.inf, 2])


def test_quoted_names_survive() -> None:
    name = write("t.csv", ['a, "b"', "y"], *[[i % 2, i % 2] for i in range(6)])
    run(name, "--target", "y", "-o", "out.csv")
    with open("out.csv", newline="") as file:
        assert next(iter([*csv.reader(file)][1:]))[0] == 'a, "b"'


def test_parquet_with_pyarrow() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": ["u", "v", None, "u"], "y": [1, 2, 3, 1]}), "t.parquet")
    assert lines("t.parquet", "--target", "y")[1] == ["a", "1.03972"]
    big = [None, *range(2**62, 2**62 + 30)]
    parquet.write_table(pa.table({"a": big, "y": [i > 15 for i in range(31)]}), "t.parquet")
    want = discrete.entropy([0] * 16 + [1] * 15)
    assert float(lines("t.parquet", "--target", "y")[1][1]) == pytest.approx(want, rel=1e-5)
    parquet.write_table(pa.table({"a": [[1], [2]], "y": [1, 2]}), "t.parquet")
    assert "fastent: t.parquet, column a: it must hold labels" in refused("t.parquet", "--target", "y")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("t.csv",), "either --target COLUMN or --pairs"),
        (("t.csv", "--target", "z"), "no column 'z'; it has a, y"),
        (("t.csv", "--target", "y", "--metric", "mu"), "no metric 'mu'; there is mi"),
        (("t.csv", "--target", "y", "--metric", "mi,"), "no metric ''; there is mi"),
        (("t.csv", "--target", "y", "--metric", "mi,mi"), "'mi' repeats 'mi'; name each metric once"),
        (("t.csv", "--target", "y", "--metric", "mi,vi,mutual-information"), "'mutual_information' repeats 'mi'"),
        (("t.csv", "--pairs", "--metric", "mi,ami"), "--pairs takes one --metric"),
        (("t.csv", "--target", "y", "--workers", "0"), "associate: workers must be at least 1"),
        (("one.csv", "--pairs"), "one.csv has one column, 'a'; --pairs needs two"),
        (("t.csv", "--target", "y", "--bins", "1"), "from 2 to 65535, got '1'"),
        (("t.csv", "--target", "y", "-o", "out.txt"), "its suffix must be .csv"),
        (("t.csv", "--target", "y", "-o", "no/out.csv"), "cannot write"),
        (("absent.csv", "--pairs"), "No such file"),
        (("t.txt", "--pairs"), "its suffix must be one of .csv"),
        (("ragged.csv", "--pairs"), "row 2 has 1 fields, the header has 2"),
        (("empty.csv", "--pairs"), "holds no columns"),
        (("cube.npy", "--pairs"), "has shape (2, 2, 2)"),
        (("broken.npy", "--pairs"), "cannot read broken.npy"),
        (("objects.npy", "--pairs"), "which are never loaded; save numbers or strings, or write a .csv"),
        (("complex.npy", "--pairs"), "complex.npy, column 0: it must hold labels"),
        (("fields.npy", "--pairs"), "one value per row, but 'b' has shape (3, 2)"),
    ],
)
def test_refusals_are_one_line(args: tuple[str, ...], words: str) -> None:
    write("t.csv", ["a", "y"], [1, 2], [2, 1])
    write("one.csv", ["a"], [1], [2])
    write("ragged.csv", ["a", "y"], [1, 2], [2])
    Path("empty.csv").write_text("")
    Path("t.txt").write_text("")
    np.save("cube.npy", np.zeros((2, 2, 2), np.uint8))
    np.save("objects.npy", np.array([[1, "a"], [2, "b"]], object))
    np.save("complex.npy", np.zeros((2, 2), complex))
    np.save("fields.npy", np.zeros(3, [("a", int), ("b", int, 2)]))
    Path("broken.npy").write_bytes(b"\x93NUMPY nothing")
    assert words in refused(*args)
