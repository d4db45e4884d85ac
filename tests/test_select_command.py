"""`fastent select`, end to end: every test runs `python -m fastent` on files in a fresh directory."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts import on_a_terminal

from fastent.feature_selection import discretize, select

pytestmark = pytest.mark.thread_unsafe(reason="each test has a directory and processes of its own")

CANCER = Path(__file__).parent.parent / "examples" / "breast_cancer" / "breast_cancer.csv"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastent", "select", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def lines(*args: object) -> list[list[str]]:
    done = run(*args)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def write(name: str, *rows: list[Any]) -> str:
    with open(name, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return name


def test_the_example_is_what_the_library_selects() -> None:
    with open(CANCER, newline="") as file:
        head, *rows = csv.reader(file)
    X = np.array([row[:-1] for row in rows], float)
    y = np.array([row[-1] for row in rows])
    want = select(discretize(X, "quantile:16").codes, y, 8, "cmim", names=head[:-1])
    shown = lines(CANCER, "--target", "diagnosis", "-k", 8, "--criterion", "cmim", "-o", "out.csv", "--plot", "out.png")
    assert shown[0] == ["step", "column", "score", "gain", "relevance", "redundancy"]
    assert [line[1] for line in shown[1:]] == want.names
    with open("out.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["column", "score", "gain", "relevance", "redundancy"]
    assert [float(row[1]) for row in rows] == want.scores.tolist()
    assert [float(row[3]) for row in rows] == want.relevance.tolist()
    gains = [float(row[2]) for row in rows]
    assert gains[0] == pytest.approx(want.relevance[0]) and sum(gains) <= np.log(2) and min(gains) >= 0
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["out.csv", "out.png"]


def test_labels_numbers_and_missing_cells() -> None:
    rows = [[i % 2, ["x", "y", ""][i % 3], i * 0.5, "ab"[i % 3 == 2]] for i in range(60)]
    name = write("t.csv", ["noise", "told", "number", "goal"], *rows)
    shown = lines(name, "--target", "goal", "-k", "1")
    assert shown[1][1] == "told" and float(shown[1][2]) == pytest.approx(0.636514)
    assert len(lines(name, "--target", "goal")) == 4
    assert len(lines(name, "--target", "goal", "--criterion", "cmim", "--min-gain", "0.1")) == 2


def test_matrices_and_lazy_selection() -> None:
    X = np.random.default_rng(1).integers(0, 3, (400, 30)).astype(np.uint8)
    np.save("x.npy", X)
    shown = lines("x.npy", "--target", "29", "-k", "5", "--criterion", "cmim")
    want = select(X[:, :29], X[:, 29], 5, "cmim")
    assert [int(line[1]) for line in shown[1:]] == want.indices.tolist()
    assert shown == lines("x.npy", "--target", "29", "-k", "5", "--criterion", "cmim", "--lazy", "--workers", "2")


def test_parquet_is_the_same_table_as_csv() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rng = np.random.default_rng(3)
    goal = rng.integers(0, 2, 200)
    kind = np.array(["oak", "elm", "ash"], object)[(goal + rng.integers(0, 2, 200)) % 3]
    kind[::9] = None
    size = goal + rng.standard_normal(200)
    parquet.write_table(pa.table({"kind": kind, "size": size, "noise": rng.random(200), "goal": goal}), "t.parquet")
    parquet.write_table(pa.table({"x": [1, 2]}), "one.parquet")
    shown = lines("t.parquet", "--target", "goal", "-k", 2, "--bins", "quantile:4", "-o", "out.csv")
    codes = [discretize(size, "quantile:4").codes, np.where(kind == None, 3, kind == "elm") + (kind == "oak") * 2]  # noqa: E711
    want = select(np.stack(codes, axis=1).astype(int), goal, 2, names=["size", "kind"])
    assert [line[1] for line in shown[1:]] == want.names
    with open("out.csv", newline="") as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == want.scores.tolist()
    rows = [["" if k is None else k, repr(float(s)), 0, g] for k, s, g in zip(kind, size, goal, strict=True)]
    write("t.csv", ["kind", "size", "noise", "goal"], *rows)
    assert lines("t.csv", "--target", "goal", "-k", 2, "--bins", "quantile:4") == shown
    assert "no column 'goal'; it has one, 'x'" in run("one.parquet", "--target", "goal").stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_progress_on_a_terminal_only() -> None:
    fastent = (sys.executable, "-m", "fastent", "select")
    out, seen = on_a_terminal(*fastent, str(CANCER), "--target", "diagnosis", "-k", "20")
    assert re.search(r"\rencoding  \[#*\.+\]\s+\d+%  \d+:\d\d left", seen)
    assert re.search(r"\rselect  \[#*\.+\]\s+\d+%  \d+\.\d\d GB/s  \d+:\d\d left", seen)
    frames = seen.split("\r")
    assert max(map(len, frames)) < 80 and frames[-2].strip() == frames[-1] == ""
    assert len(out.splitlines()) == 21
    assert run(CANCER, "--target", "diagnosis", "-k", 20).stderr == ""


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("t.csv",), "--target"),
        (("t.csv", "--target", "z"), "no column 'z'; it has a, y"),
        (("t.csv", "--target", "y", "--criterion", "jmj"), "criterion must be one of mim"),
        (("t.csv", "--target", "y", "--criterion", "cmi", "--lazy"), "lazy=True needs a criterion"),
        (("t.csv", "--target", "y", "--bins", "16"), "expected quantile:K"),
        (("t.csv", "--target", "y", "-k", "0"), "from 1 on, got '0'"),
        (("t.csv", "--target", "y", "-o", "out.txt"), "its suffix must be .csv"),
        (("t.csv", "--target", "y", "--plot", "out.gif"), "its suffix must be one of .png"),
        (("one.csv", "--target", "y"), "no column beside 'y'"),
        (("same.csv", "--target", "y"), "y must have at least two different labels"),
        (("absent.csv", "--target", "y"), "No such file"),
        ((CANCER, "--target", "mean_radius"), "column mean_radius: 456 different numbers are a continuous target"),
        (
            ("inf.csv", "--target", "y", "--bins", "quantile:2"),
            "inf.csv, column a: discretize: the column holds an inf",
        ),
    ],
)
def test_refusals_are_one_line(args: tuple[Any, ...], words: str) -> None:
    write("t.csv", ["a", "y"], [1, 2], [2, 1])
    write("one.csv", ["y"], [1], [2])
    write("same.csv", ["a", "y"], [1, 2], [2, 2])
    write("inf.csv", ["a", "y"], ["inf", 1], [2.5, 2], [3.5, 2], [4.5, 1])
    before = sorted(os.listdir())
    done = run(*args)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("fastent: ") and done.stderr.count("\n") == 1
    assert words in done.stderr
    assert sorted(os.listdir()) == before
