"""The command line, end to end: every test runs `python -m fastent` as a user would, on files in a fresh directory."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts import on_a_terminal

import fastent
from fastent import _stream

pytestmark = pytest.mark.thread_unsafe(reason="each test has a directory and processes of its own")
posix = pytest.mark.skipif(os.name != "posix", reason="signals, links and terminals of POSIX")

DIGITS = Path(__file__).parent.parent / "examples" / "digits" / "probabilities.npy"
FASTENT = (sys.executable, "-m", "fastent")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FASTENT, *map(str, args)], capture_output=True, text=True, timeout=120, **options)


def score(*args: object, **options: Any) -> str:
    """Standard output of a run that must go well and say nothing on standard error."""
    done = run("score", *args, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def refused(*args: object, **options: Any) -> str:
    """The one line of a run that must fail with exit code 2, leaving no file behind."""
    before = sorted(os.listdir())
    done = run(*args, **options)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("fastent: ")
    assert done.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before
    return done.stderr


def save(name: str, array: np.ndarray) -> np.ndarray:
    np.save(name, array)
    return array


def rows(n: int, k: int, dtype: Any = np.float64, seed: int = 1) -> np.ndarray:
    weights = np.random.default_rng(seed).gamma(0.5, size=(n, k))
    weights += np.finfo(np.float32).tiny
    kind = np.dtype(dtype).kind
    return np.ceil(weights * 20).astype(dtype) if kind in "iu" else weights.astype(dtype)


def sparse(name: str, shape: tuple[int, ...], dtype: str = "<f8", fortran: bool = False) -> int:
    """A .npy file of zeros that takes no room on the disk; its size in bytes."""
    header = {"descr": dtype, "fortran_order": fortran, "shape": shape}
    with open(name, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        size = file.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize
        file.truncate(size)
    return size


# ---- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "order", "axis"),
    [
        *((dtype, order, axis) for dtype in ("f8", "f4") for order in "CF" for axis in (0, -1)),
        *((dtype, "C", -1) for dtype in ("f2", ">f8", ">f4", "u1", "i4", "i8", "?")),
        ("f2", "F", -1),
        ("i8", "C", 0),
    ],
)
def test_values_are_the_librarys(dtype: str, order: str, axis: int) -> None:
    p = save("p.npy", np.asarray(rows(300, 7, dtype), order=order))
    score("p.npy", "--measure", "entropy", "--axis", axis, "-o", "out.npy")
    expected, got = fastent.entropy(p, axis=axis), np.load("out.npy")
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_several_kept_axes(order: str, axis: int) -> None:
    p = save("p.npy", np.asarray(rows(30, 20).reshape(5, 6, 20), order=order))
    expected = fastent.entropy(p, axis=axis)
    score("p.npy", "--measure", "entropy", "--axis", axis, "-o", "out.npy")
    np.testing.assert_array_equal(np.load("out.npy"), expected)

    score("p.npy", "--measure", "entropy", "--axis", axis, "-o", "out.csv")
    with open("out.csv", newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["axis0", "axis1", "entropy"]
    assert {(int(i), int(j)): float(value) for i, j, value in lines} == {
        position: float(value) for position, value in np.ndenumerate(expected)
    }


def test_one_row() -> None:
    p = save("p.npy", rows(1, 50)[0])
    out = score("p.npy", "--measure", "entropy", "-o", "out.npy")
    got = np.load("out.npy")
    assert got.shape == ()
    assert got == fastent.entropy(p)
    assert "1 row of 50 float64" in out
    assert re.search(r"^  0  \d", score("p.npy", "--measure", "entropy"), re.MULTILINE)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0,), (2, 0, 3)])
def test_no_entries(shape: tuple[int, ...]) -> None:
    p = save("p.npy", np.empty(shape))
    score("p.npy", "--measure", "entropy", "-o", "out.npy")
    np.testing.assert_array_equal(np.load("out.npy"), fastent.entropy(p))
    score("p.npy", "--measure", "entropy", "--top", 2)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [0, 1])
def test_more_than_one_block(order: str, axis: int) -> None:
    shape = (_stream.BLOCK // 64 + 1234, 9) if axis else (2000, 2 * _stream.BLOCK // 16000 + 7)
    p = save("p.npy", np.asarray(rows(*shape), order=order))
    score("p.npy", "--measure", "entropy", "--axis", axis, "-o", "out.npy")
    np.testing.assert_array_equal(np.load("out.npy"), fastent.entropy(p, axis=axis))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_csv_reads_back_the_same(dtype: str) -> None:
    p = rows(5000, 6, dtype)
    p[17] = 0
    save("p.npy", p)
    score("p.npy", "--measure", "perplexity", "-o", "out.CSV")
    lines = Path("out.CSV").read_text().splitlines()
    assert lines[0] == "row,perplexity"
    assert lines[18] == "17,nan"
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(5000))
    got = np.array([line.split(",")[1] for line in lines[1:]]).astype(dtype)
    np.testing.assert_array_equal(got, fastent.perplexity(p))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--measure", "entropy", "--base", "2"], lambda p, q: fastent.entropy(p, base=2)),
        (["--measure", "renyi-entropy", "--order", "2"], lambda p, q: fastent.renyi_entropy(p, 2)),
        (["--measure", "tsallis_entropy", "--order", "0.5"], lambda p, q: fastent.tsallis_entropy(p, 0.5)),
        (["--measure", "gini-impurity", "--workers", "1"], lambda p, q: fastent.gini_impurity(p)),
        (["--measure", "js_distance", "--against", "q.npy"], lambda p, q: fastent.js_distance(p, q)),
        (["--measure", "kl-divergence", "--against", "one.npy"], lambda p, q: fastent.kl_divergence(p, q[0])),
        (["--measure", "kl-divergence", "--against", "one2d.npy"], lambda p, q: fastent.kl_divergence(p, q[0])),
        (["--measure", "kl-divergence", "--against", "qf.npy"], lambda p, q: fastent.kl_divergence(p, q)),
        (
            ["--measure", "renyi-divergence", "--order", "0.5", "--against", "q.npy"],
            lambda p, q: fastent.renyi_divergence(p, q, 0.5),
        ),
    ],
    ids=lambda case: "-".join(case).replace("--", "") if isinstance(case, list) else "",
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_measures_and_options(flags: list[str], expected: Callable[..., Any], order: str) -> None:
    p, q = save("p.npy", np.asarray(rows(40, 11), order=order)), save("q.npy", rows(40, 11, "f4", seed=2))
    save("qf.npy", np.asfortranarray(q))
    save("one.npy", q[0])
    save("one2d.npy", q[:1])
    score("p.npy", *flags, "-o", "out.npy")
    np.testing.assert_allclose(np.load("out.npy"), expected(p, q), rtol=1e-14)


@pytest.mark.parametrize(
    ("orders", "axis"), [("CC", 0), ("CC", 1), ("CC", 2), ("CF", 1), ("FC", 0), ("FC", 2), ("FF", 0), ("FF", 1)]
)
def test_against_along_any_axis(orders: str, axis: int) -> None:
    p, q = (np.asarray(rows(24, 5, seed=seed).reshape(4, 6, 5), order=order) for seed, order in enumerate(orders))
    one = q[tuple(slice(None) if i == axis else 0 for i in range(3))]
    save("p.npy", p)
    save("q.npy", q)
    save("one.npy", one)
    score("p.npy", "--measure", "kl_divergence", "--against", "q.npy", "--axis", axis, "-o", "each.npy")
    score("p.npy", "--measure", "kl_divergence", "--against", "one.npy", "--axis", axis, "-o", "all.npy")
    spread = one.reshape([-1 if i == axis else 1 for i in range(3)])
    np.testing.assert_allclose(np.load("each.npy"), fastent.kl_divergence(p, q, axis=axis), rtol=1e-14)
    np.testing.assert_allclose(np.load("all.npy"), fastent.kl_divergence(p, spread, axis=axis), rtol=1e-14)


def test_every_measure_is_offered() -> None:
    listed = run("score", "--help").stdout
    for name in ("entropy", "js_divergence", "hellinger_distance", "total_variation", "cross_entropy"):
        assert name in listed.split()[-40:] or f"{name}," in listed.split()[-40:]
    assert "binary_entropy" not in listed  # works on entries, not on rows
    assert "information_content" not in listed


# ---- what the user sees --------------------------------------------------------------------------------------------


def test_top_of_the_digits() -> None:
    p = np.load(DIGITS)
    values = fastent.entropy(p)
    best = np.argsort(-values, kind="stable")[:10]
    head, *lines = score(DIGITS, "--measure", "entropy", "--top", 10).splitlines()
    assert head.split() == ["row", "entropy", "top", "class", "probability"]
    table = [line.split() for line in lines[:10]]
    assert [int(line[0]) for line in table] == best.tolist()
    assert [float(line[1]) for line in table] == pytest.approx(values[best].tolist(), rel=1e-5)
    assert [int(line[2]) for line in table] == p[best].argmax(axis=1).tolist()
    assert [float(line[3]) for line in table] == pytest.approx(p[best].max(axis=1).tolist(), abs=1e-4)
    assert lines[10] == ""


def test_top_over_many_blocks() -> None:
    p = np.ones((_stream.BLOCK // 64 * 2 + 10, 2), np.uint8)
    p[:, 1] = 255
    p[-3], p[5] = (1, 1), (1, 2)
    save("p.npy", p)
    table = [line.split() for line in score("p.npy", "--measure", "entropy", "--top", 4).splitlines()[1:5]]
    assert [int(line[0]) for line in table] == [len(p) - 3, 5, 0, 1]  # of equal rows the first ones
    assert [line[2:] for line in table[:2]] == [["0", "0.5000"], ["1", "0.6667"]]


def test_top_leaves_invalid_rows_out() -> None:
    p = rows(6, 3)
    p[[0, 2, 3]] = -1
    save("p.npy", p)
    out = score("p.npy", "--measure", "entropy", "--top", 5)
    assert sorted(int(line.split()[0]) for line in out.split("\n\n")[0].splitlines()[1:]) == [1, 4, 5]
    assert "6 rows of 3 float64, 3 invalid" in out


def test_short_and_long_tables() -> None:
    save("p.npy", rows(20, 3))
    table, summary = score("p.npy", "--measure", "entropy").split("\n\n")
    assert len(table.splitlines()) == 21
    save("p.npy", rows(21, 3))
    table, summary = score("p.npy", "--measure", "entropy").split("\n\n")
    assert [line.split()[0] for line in table.splitlines()[1:-1]] == [*"01234", "...", *map(str, range(16, 21))]
    assert "10 of 21 rows" in table
    assert summary.startswith("scored")


def test_summary() -> None:
    p = rows(1000, 5)
    p[3, 2], p[4, 1], p[5] = np.nan, -1, 0
    save("p.npy", p)
    values = fastent.entropy(p)
    valid = values[~np.isnan(values)]
    lines = dict(line.split(maxsplit=1) for line in score("p.npy", "--measure", "entropy", "-o", "o.npy").splitlines())
    assert lines["scored"] == "1,000 rows of 5 float64, 3 invalid"
    assert lines["written"] == "o.npy"
    mean, unit = lines["mean"].split()
    assert float(mean) == pytest.approx(valid.mean(), rel=1e-5)
    assert unit == "nats"
    got = [float(value) for value in re.findall(r"% (\S+)", lines["quantiles"])]
    assert got == pytest.approx(np.quantile(valid, [0.01, 0.05, 0.5, 0.95, 0.99], method="inverted_cdf"), rel=1e-3)
    assert re.fullmatch(r"[\d.]+ m?s, [\d,.]+ rows/s, [\d.]+ GB/s", lines["time"])


def test_infinite_values() -> None:
    save("p.npy", np.array([[0.5, 0.5], [1, 0], [0.5, 0.5]]))
    save("q.npy", np.array([1.0, 0]))
    out = score("p.npy", "--measure", "kl_divergence", "--against", "q.npy", "--top", 3)
    assert [line.split()[:2] for line in out.splitlines()[1:4]] == [["0", "inf"], ["2", "inf"], ["1", "0"]]
    assert "0 invalid" in out
    assert "50% inf" in out


def test_info() -> None:
    done = run("info")
    assert (done.returncode, done.stderr) == (0, "")
    for key in ("version", "isa", "workers"):
        assert key in done.stdout


# ---- refusals ------------------------------------------------------------------------------------------------------

ENTROPY = ("--measure", "entropy")


def broken_files() -> None:
    save("p.npy", rows(10, 4))
    save("wide.npy", rows(10, 5))
    save("scalar.npy", np.array(1.0))
    save("complex.npy", np.ones((3, 3), complex))
    save("text.npy", np.array([["a", "b"]]))
    save("bytes.npy", np.array([[b"a", b"b"]]))
    save("date.npy", np.zeros((2, 2), "M8[s]"))
    save("fields.npy", np.zeros((2, 2), [("a", "f8"), ("b", "f8")]))
    save("void.npy", np.zeros((2, 2), "V2"))
    np.save("object.npy", np.array([[{"os": 1}]]), allow_pickle=True)
    np.savez("p.npz", a=rows(2, 2))
    Path("other.npy").write_text("0.5,0.5\n")
    Path("empty.npy").write_bytes(b"")
    whole = Path("p.npy").read_bytes()
    Path("short.npy").write_bytes(whole[:-1])
    Path("header.npy").write_bytes(whole[:40])
    Path("damaged.npy").write_bytes(whole.replace(b"'shape'", b"'shapf'"))
    Path("negative.npy").write_bytes(whole.replace(b"(10, 4)", b"(-9, 4)"))
    Path("dir.npy").mkdir()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["missing.npy", *ENTROPY], "cannot read missing.npy: No such file"),
        (["dir.npy", *ENTROPY], "dir.npy is not a regular file"),
        (["other.npy", *ENTROPY], "other.npy is not a .npy file"),
        (["p.npz", *ENTROPY], "p.npz is not a .npy file"),
        (["empty.npy", *ENTROPY], "empty.npy is not a .npy file"),
        (["short.npy", *ENTROPY], "short.npy is truncated: 447 bytes where its header promises 448"),
        (["header.npy", *ENTROPY], "header.npy has a .npy header that cannot be read"),
        (["damaged.npy", *ENTROPY], "damaged.npy has a .npy header that cannot be read"),
        (["negative.npy", *ENTROPY], "negative.npy"),
        (["scalar.npy", *ENTROPY], "scalar.npy holds no rows"),
        (["object.npy", *ENTROPY], "object.npy holds pickled Python objects, which are never loaded"),
        (["complex.npy", *ENTROPY], "complex.npy holds complex128"),
        (["text.npy", *ENTROPY], "text.npy holds <U1"),
        (["bytes.npy", *ENTROPY], "bytes.npy holds |S1"),
        (["date.npy", *ENTROPY], "date.npy holds datetime64"),
        (["fields.npy", *ENTROPY], "fields.npy"),
        (["void.npy", *ENTROPY], "void.npy holds |V2"),
        (["p.npy", *ENTROPY, "--axis", "2"], "--axis 2 is out of range"),
        (["p.npy", *ENTROPY, "--axis", "-3"], "--axis -3 is out of range"),
        (["p.npy", *ENTROPY, "--base", "1"], "base"),
        (["p.npy", *ENTROPY, "--base", "two"], "--base"),
        (["p.npy", *ENTROPY, "--workers", "0"], "workers"),
        (["p.npy", *ENTROPY, "--top", "0"], "--top"),
        (["p.npy", *ENTROPY, "--invalid", "drop"], "--invalid"),
        (["p.npy", *ENTROPY, "--order", "2"], "--order has no meaning for entropy"),
        (["p.npy", *ENTROPY, "--against", "p.npy"], "--against has no meaning for entropy"),
        (["p.npy", "--measure", "gini_impurity", "--base", "2"], "--base has no meaning for gini_impurity"),
        (["p.npy", "--measure", "renyi_entropy"], "renyi_entropy needs --order"),
        (["p.npy", "--measure", "kl_divergence"], "kl_divergence needs --against"),
        (["p.npy", "--measure", "kl_divergence", "--against", "wide.npy"], "wide.npy has shape (10, 5)"),
        (["p.npy", "--measure", "kl_divergence", "--against", "complex.npy"], "complex.npy"),
        (["p.npy", "--measure", "kl_divergence", "--against", "missing.npy"], "cannot read missing.npy"),
        (["p.npy", "--measure", "entropi"], "no measure 'entropi'; there is entropy"),
        (["p.npy", "--measure", "binary_entropy"], "no measure 'binary_entropy'"),
        (["p.npy", "--measure", "np"], "no measure 'np'"),
        (["p.npy"], "--measure"),
        ([], "INPUT"),
        (["p.npy", *ENTROPY, "-o", "out.txt"], "cannot write out.txt: its suffix must be .npy or .csv"),
        (["p.npy", *ENTROPY, "-o", "out"], "suffix"),
        (["p.npy", *ENTROPY, "-o", "nowhere/out.npy"], "out.npy: No such file or directory"),
        (["p.npy", *ENTROPY, "-o", "p.npz/out.npy"], "out.npy: Not a directory"),
        (["p.npy", *ENTROPY, "-o", "dir.npy"], "dir.npy: Is a directory"),
        (["p.npy", *ENTROPY, "-o", "p.npy"], "cannot write p.npy: it is the input"),
        (["p.npy", *ENTROPY, "-o", "./dir.npy/../p.npy"], "it is the input"),
        (["p.npy", "--measure", "kl_divergence", "--against", "q.npy", "-o", "q.npy"], "it is the input q.npy"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_refusals(args: list[str], said: str) -> None:
    broken_files()
    save("q.npy", rows(10, 4))
    assert said in refused("score", *args)


def test_usage() -> None:
    assert "COMMAND" in refused()
    assert "'rank'" in refused("rank")
    assert run("--help").returncode == 0


@posix
def test_never_onto_the_input_through_links() -> None:
    save("p.npy", rows(10, 4))
    os.symlink("p.npy", "soft.npy")
    os.link("p.npy", "hard.npy")
    for link in ("soft.npy", "hard.npy"):
        assert "it is the input" in refused("score", "p.npy", *ENTROPY, "-o", link)


@posix
def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.npy")
    assert "not a regular file" in refused("score", "pipe.npy", *ENTROPY)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_forbidden_places() -> None:
    save("p.npy", rows(10, 4))
    save("secret.npy", rows(10, 4))
    os.chmod("secret.npy", 0)
    assert "Permission denied" in refused("score", "secret.npy", *ENTROPY)
    os.mkdir("locked")
    os.chmod("locked", 0o500)
    assert "Permission denied" in refused("score", "p.npy", *ENTROPY, "-o", "locked/out.npy")


@posix
@pytest.mark.parametrize("name", ["out.npy", "out.csv"])
def test_a_full_disk(name: str) -> None:
    import resource

    save("p.npy", rows(5000, 4))
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # noqa: E731
    assert f"{name}: File too large" in refused("score", "p.npy", *ENTROPY, "-o", name, preexec_fn=limit)


# ---- invalid rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_raise_names_the_row_of_the_file(order: str) -> None:
    """Not the row of the block; and what stood at the output stays."""
    n = _stream.BLOCK // 64 + 5000
    p = np.ones((n, 2), order=order)
    p[n - 7, 1], p[n - 3] = -1, np.nan
    save("p.npy", p)
    save("out.npy", np.arange(3))
    said = refused("score", "p.npy", *ENTROPY, "--invalid", "raise", "-o", "out.npy")
    assert f"p.npy, row {n - 7}: " in said
    assert "negative" in said
    np.testing.assert_array_equal(np.load("out.npy"), np.arange(3))

    score("p.npy", *ENTROPY, "--invalid", "nan", "-o", "out.npy")
    assert np.flatnonzero(np.isnan(np.load("out.npy"))).tolist() == [n - 7, n - 3]


@pytest.mark.parametrize("order", ["C", "F"])
def test_raise_names_every_kept_axis(order: str) -> None:
    p = np.ones((4, 5, 6), order=order)
    p[2, 3, 1] = np.inf
    save("p.npy", p)
    said = refused("score", "p.npy", *ENTROPY, "--invalid", "raise")
    assert "row 2,3: " in said
    assert "infinite" in said
    assert "row 3,1: " in refused("score", "p.npy", *ENTROPY, "--invalid", "raise", "--axis", 0)


def test_raise_for_the_second_input() -> None:
    q = rows(10, 4)
    q[6] = 0
    save("p.npy", rows(10, 4))
    save("q.npy", q)
    assert "row 6: " in refused(
        "score", "p.npy", "--measure", "kl_divergence", "--against", "q.npy", "--invalid", "raise"
    )


def test_raise_passes_valid_rows() -> None:
    p = save("p.npy", rows(10, 4))
    score("p.npy", *ENTROPY, "--invalid", "raise", "-o", "out.npy")
    np.testing.assert_array_equal(np.load("out.npy"), fastent.entropy(p))


# ---- the output file -----------------------------------------------------------------------------------------------


@posix
def test_output_replaces_what_a_link_points_to() -> None:
    save("p.npy", rows(10, 4))
    os.mkdir("elsewhere")
    save("elsewhere/old.npy", np.arange(3))
    os.chmod("elsewhere/old.npy", 0o640)
    os.symlink("elsewhere/old.npy", "out.npy")
    score("p.npy", *ENTROPY, "-o", "out.npy")
    assert os.path.islink("out.npy")
    assert os.stat("elsewhere/old.npy").st_mode & 0o777 == 0o640
    assert np.load("elsewhere/old.npy").shape == (10,)
    assert os.listdir("elsewhere") == ["old.npy"]


@posix
def test_a_new_output_has_the_usual_permissions() -> None:
    save("p.npy", rows(10, 4))
    score("p.npy", *ENTROPY, "-o", "out.npy")
    assert os.stat("out.npy").st_mode == os.stat("p.npy").st_mode


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test run in the background of a script ignores them


@posix
@pytest.mark.parametrize(
    ("shape", "flags"),
    [((200_000_000, 8), ["-o", "out.csv"]), ((2_000_000_000, 8), ["--workers", "1", "-o", "out.npy"])],
    ids=["writing", "scoring"],
)
def test_interrupt(shape: tuple[int, ...], flags: list[str]) -> None:
    sparse("big.npy", shape, "|u1")
    Path("out.csv").write_text("old")
    process = subprocess.Popen(
        [*FASTENT, "score", "big.npy", *ENTROPY, *flags],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts,
    )  # fmt: skip
    give_up = time.monotonic() + 30
    while not any(name.endswith(".part") for name in os.listdir()) and time.monotonic() < give_up:
        time.sleep(0.01)
    time.sleep(0.2)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")
    assert time.monotonic() - start < 1  # half a second is promised; a busy machine may need the other half
    assert sorted(os.listdir()) == ["big.npy", "out.csv"]
    assert Path("out.csv").read_text() == "old"


# ---- pipes and terminals -------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("args", [["score", "p.npy", *ENTROPY], ["score", "--help"], ["info"]], ids=" ".join)
def test_a_reader_that_leaves(args: list[str]) -> None:
    save("p.npy", rows(100, 4))
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*FASTENT, *args], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_standard_output_that_cannot_be_written() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    save("p.npy", rows(100, 4))
    with open("/dev/full", "w") as full:
        done = subprocess.run([*FASTENT, "score", "p.npy", *ENTROPY], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No space left" in done.stderr


@posix
def test_progress_on_a_terminal_only() -> None:
    sparse("big.npy", (20_000_000, 8), "|u1")
    out, seen = on_a_terminal(*FASTENT, "score", "big.npy", *ENTROPY)
    frames = seen.split("\r")
    assert re.search(r"entropy  \[#*\.+\]\s+\d+%  \d+\.\d\d GB/s  \d+:\d\d left", seen)
    assert max(map(len, frames)) < 80
    assert frames[-2].strip() == frames[-1] == ""  # nothing is left of it
    assert "20,000,000 rows" in out
    assert run("score", "big.npy", *ENTROPY).stderr == ""


# ---- the parts that only large files reach -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (9,), (7, 5), (5, 1), (1, 5), (3, 4, 5), (2, 1, 3, 4), (4, 0, 3)])
@pytest.mark.parametrize("block", [1, 64, 300, 1 << 20])
@pytest.mark.parametrize("run", [0, 16, 1 << 20])
def test_blocks_cover_everything_once_and_in_order(shape: tuple[int, ...], block: int, run: int) -> None:
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for axis in range(len(shape)):
        sums = [array[index].sum(axis).ravel() for index in _stream.blocks(shape, axis, 8, block, run)]
        expected = array.sum(axis).ravel()
        np.testing.assert_array_equal(np.concatenate([expected[:0], *sums]), expected)


def test_blocks_are_small() -> None:
    for shape, axis in [((10**9, 10), 1), ((10, 10**9), 0), ((10**6, 10**3), 1), ((50, 10**4, 300), 1)]:
        for index, _ in zip(_stream.blocks(shape, axis, 4), range(100), strict=False):
            assert 4 * np.prod([len(range(n)[part]) for part, n in zip(index, shape, strict=True)]) <= _stream.BLOCK
    narrow = next(_stream.blocks((10**9, 10), 0, 4))
    assert narrow == (slice(None), slice(0, 10))  # one pass over the file, not ten


def pieces(values: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (values[start : start + size] for start in range(0, len(values), size))


def test_quantiles_of_more_rows_than_are_kept() -> None:
    n = 5 * _stream.SAMPLE
    values = np.random.default_rng(3).permutation(n) / n
    values[::1000] = np.nan
    summary = _stream.Summary(top=3)
    for piece in pieces(values, 300_007):
        summary.add(piece)
    assert summary.step == 8
    assert sum(map(len, summary._parts)) <= _stream.SAMPLE
    assert (summary.rows, summary.invalid) == (n, n // 1000 + 1)
    assert summary.mean == pytest.approx(np.nanmean(values))
    levels = [0.01, 0.05, 0.5, 0.95, 0.99]
    assert summary.quantiles(levels) == pytest.approx(levels, abs=2e-3)
    assert summary.top_rows.tolist() == np.argsort(-values)[:3].tolist()


def test_a_sample_is_fair_to_rows_that_alternate() -> None:
    summary = _stream.Summary()
    for piece in pieces(np.tile([0.0, 0.0, 0.0, 1.0], 2 * _stream.SAMPLE), 65_536):
        summary.add(piece)
    assert np.concatenate(summary._parts).mean() == pytest.approx(0.25, abs=2e-3)


PEAK = """
import sys
from fastent.cli import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("shape", "fortran", "flags"),
    [
        ((500_000, 100), False, []),
        ((500_000, 100), True, []),
        ((500_000, 100), False, ["--axis", "0"]),
        ((500_000, 100), True, ["--axis", "0"]),
        ((5_000_000, 10), False, ["--axis", "0", "--top", "3"]),
        ((500, 100_000), False, ["--axis", "0", "--top", "3"]),
        ((50_000_000,), False, []),
        ((50_000_000, 1), False, ["-o", "out.npy"]),
        ((500_000, 100), False, ["--measure", "kl_divergence", "--against", "q.npy"]),
        ((500_000, 100), True, ["--measure", "kl_divergence", "--against", "q.npy"]),
    ],
    ids=str,
)
def test_peak_memory_does_not_grow_with_the_file(shape: tuple[int, ...], fortran: bool, flags: list[str]) -> None:
    """400 MB of input are scored with less than 100 MB more than 80 kB of it.

    The peak is this process's own: getrusage would report that of the test runner it was forked from.
    """
    peaks = []
    for size in (tuple(min(n, 100) for n in shape), shape):
        sparse("p.npy", size, fortran=fortran)
        sparse("q.npy", size)
        args = ["score", "p.npy", *ENTROPY, *flags]
        done = subprocess.run([sys.executable, "-c", PEAK, *args], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr) / 1024)
    assert peaks[1] - peaks[0] < 100, f"{peaks[1]:.0f} MB, against {peaks[0]:.0f} MB for a small file"
