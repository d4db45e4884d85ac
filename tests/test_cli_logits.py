"""`fastent score --logits` and `fastent compare`, end to end: every test runs `python -m fastent` on files."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastent
from fastent import logits
from fastent._compare import Moments, percentage

pytestmark = pytest.mark.thread_unsafe(reason="each test has a directory and processes of its own")

EXAMPLES = Path(__file__).parent.parent / "examples" / "digits"
ROWS, CLASSES = 300, 40


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    z = 3 * rng.standard_normal((ROWS, CLASSES))
    np.save("z.npy", z)
    np.save("u.npy", z + rng.standard_normal(z.shape))
    np.save("y.npy", rng.integers(0, CLASSES, ROWS))


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastent", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def done(*args: object) -> str:
    found = run(*args)
    assert (found.returncode, found.stderr) == (0, ""), found.stderr
    return found.stdout


def refused(*args: object) -> str:
    before = sorted(os.listdir())
    found = run(*args)
    assert found.returncode == 2, found.stdout
    assert found.stderr.startswith("fastent: ")
    assert found.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before
    return found.stderr


def load(*names: str) -> list[np.ndarray]:
    return [np.load(f"{name}.npy") for name in names]


@pytest.mark.parametrize(
    ("measure", "options", "expected"),
    [
        ("entropy", [], lambda z, u, y: logits.entropy(z)),
        ("entropy", ["--base", 2, "--temperature", 3], lambda z, u, y: logits.entropy(z, base=2, temperature=3)),
        ("perplexity", [], lambda z, u, y: logits.perplexity(z)),
        ("log_sum_exp", [], lambda z, u, y: logits.log_sum_exp(z)),
        ("cross_entropy", ["--labels", "y.npy"], lambda z, u, y: logits.cross_entropy(z, y)),
        (
            "cross_entropy", ["--labels", "y.npy", "--ignore-index", 3, "--label-smoothing", 0.1],
            lambda z, u, y: logits.cross_entropy(z, y, ignore_index=3, label_smoothing=0.1),
        ),
        ("cross_entropy", ["--against", "u.npy"], lambda z, u, y: logits.cross_entropy(z, target_logits=u)),
        ("kl_divergence", ["--against", "u.npy"], lambda z, u, y: logits.kl_divergence(z, u)),
        ("js-divergence", ["--against", "u.npy"], lambda z, u, y: logits.js_divergence(z, u)),
    ],
)  # fmt: skip
def test_the_files_hold_what_the_function_returns(measure, options, expected) -> None:
    done("score", "z.npy", "--logits", "--measure", measure, *options, "-o", "out.npy")
    want = expected(*load("z", "u", "y"))
    assert np.load("out.npy").tobytes() == want.tobytes()


def test_labels_go_with_rows_of_any_axis_and_order() -> None:
    z, y = load("z", "y")
    np.save("f.npy", np.asfortranarray(z.reshape(20, 15, CLASSES)))
    np.save("g.npy", y.reshape(20, 15))
    done("score", "f.npy", "--logits", "--measure", "cross_entropy", "--labels", "g.npy", "-o", "out.npy")
    assert np.allclose(np.load("out.npy"), logits.cross_entropy(z, y).reshape(20, 15), rtol=1e-14)
    np.save("t.npy", np.ascontiguousarray(z.T))
    done("score", "t.npy", "--axis", 0, "--logits", "--measure", "cross_entropy", "--labels", "y.npy", "-o", "out.npy")
    assert np.allclose(np.load("out.npy"), logits.cross_entropy(z, y), rtol=1e-14)


def test_labels_that_say_yes_or_no() -> None:
    z, y = load("z", "y")
    np.save("two.npy", z[:, :2])
    np.save("yes.npy", y > 20)
    done("score", "two.npy", "--logits", "--measure", "cross_entropy", "--labels", "yes.npy", "-o", "out.npy")
    assert np.load("out.npy").tobytes() == logits.cross_entropy(z[:, :2], (y > 20).astype(int)).tobytes()


def test_blocks_meet_their_labels() -> None:
    rng = np.random.default_rng(5)
    z = rng.standard_normal((5000, 1000)).astype(np.float32)  # more than one block
    y = rng.integers(0, 1000, 5000).astype(np.uint16)
    np.save("big.npy", z)
    np.save("big_y.npy", y)
    done("score", "big.npy", "--logits", "--measure", "cross_entropy", "--labels", "big_y.npy", "-o", "out.npy")
    assert np.load("out.npy").tobytes() == logits.cross_entropy(z, y).tobytes()


def test_a_wrong_label_is_named_by_its_row_in_the_file() -> None:
    np.save("big.npy", np.zeros((5000, 1000), np.float32))  # more than one block
    labels = np.zeros(5000, np.int16)
    labels[4321] = 1000
    np.save("big_y.npy", labels)
    arguments = ("big.npy", "--logits", "--measure", "cross_entropy", "--labels", "big_y.npy", "-o", "out.npy")
    assert "big_y.npy must hold labels from 0 to 999, got 1000 in row 4321" in refused("score", *arguments)
    assert "1 left out" in done("score", *arguments, "--ignore-index", 1000)


def test_rows_that_are_left_out_are_not_in_the_mean() -> None:
    z, y = load("z", "y")
    y[::3] = -100
    np.save("y.npy", y)
    shown = done("score", "z.npy", "--logits", "--measure", "cross_entropy", "--labels", "y.npy", "--top", 1)
    loss = logits.cross_entropy(z, y)
    assert "300 rows of 40 float64, 0 invalid, 100 left out" in shown
    assert numbers(shown, "mean")[0] == pytest.approx(loss[y >= 0].mean(), rel=1e-5)
    assert int(shown.splitlines()[1].split()[0]) == int(loss.argmax())


def test_the_top_rows_show_the_softmax() -> None:
    z, y = load("z", "y")
    shown = done("score", "z.npy", "--logits", "--measure", "cross_entropy", "--labels", "y.npy", "--top", 1)
    row, loss, top, share = shown.splitlines()[1].split()
    worst = int(np.argmax(logits.cross_entropy(z, y)))
    assert (int(row), int(top)) == (worst, int(z[worst].argmax()))
    assert float(loss) == pytest.approx(logits.cross_entropy(z, y)[worst], rel=1e-5)
    assert float(share) == pytest.approx(logits.softmax(z[worst]).max(), abs=1e-4)


def test_an_invalid_row_is_named() -> None:
    (z,) = load("z")
    z[7, 3] = np.nan
    np.save("z.npy", z)
    assert "1 invalid" in done("score", "z.npy", "--logits", "--measure", "entropy")
    assert "row 7" in refused("score", "z.npy", "--logits", "--measure", "entropy", "--invalid", "raise", "-o", "x.npy")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["score", "z.npy", "--measure", "entropy", "--labels", "y.npy"], "--labels is for logits"),
        (["score", "z.npy", "--measure", "entropy", "--temperature", 2], "--temperature is for logits"),
        (["score", "z.npy", "--logits", "--measure", "entropy", "--labels", "y.npy"], "no meaning for entropy"),
        (["score", "z.npy", "--logits", "--measure", "cross_entropy"], "needs --labels FILE or --against Q"),
        (["score", "z.npy", "--measure", "entropy", "--ignore-index", 2], "--ignore-index is for logits"),
        (["score", "z.npy", "--logits", "--measure", "entropy", "--label-smoothing", 0.1], "no meaning for entropy"),
        (
            ["score", "z.npy", "--logits", "--measure", "cross_entropy", "--against", "u.npy", "--ignore-index", 2],
            "--ignore-index is for labels",
        ),
        (["score", "z.npy", "--logits", "--measure", "kl_divergence"], "needs --against"),
        (
            ["score", "z.npy", "--logits", "--measure", "hellinger_distance"],
            "no measure 'hellinger_distance' of logits",
        ),
        (["score", "z.npy", "--logits", "--measure", "entropy", "--temperature", 0], "temperature must be a positive"),
        (["score", "z.npy", "--logits", "--measure", "cross_entropy", "--labels", "z.npy"], "must hold class numbers"),
        (["score", "z.npy", "--logits", "--measure", "cross_entropy", "--labels", "short.npy"], "one label per row"),
        (["score", "z.npy", "--logits", "--measure", "cross_entropy", "--labels", "wrong.npy"], "got 40 in row 9"),
        (["compare", "z.npy", "short.npy"], "must have the same shape"),
        (["compare", "y.npy", "y.npy"], "no rows of classes"),
        (["compare", "z.npy", "missing.npy"], "cannot read missing.npy"),
        (["compare", "z.npy", "u.npy", "--temperature", "-1"], "temperature must be a positive"),
        (["compare", "z.npy", "u.npy", "--probabilities", "--temperature", "2"], "--temperature is for logits"),
    ],
)
def test_refusals(arguments, reason) -> None:
    (y,) = load("y")
    np.save("short.npy", y[1:])
    y[9] = CLASSES
    np.save("wrong.npy", y)
    assert reason in refused(*arguments)


def numbers(text: str, label: str) -> list[float]:
    (line,) = [line for line in text.splitlines() if line.startswith(label)]
    return [float(word) for word in re.findall(r"(?<![\w.])-?\d[\d.]*(?:e[+-]?\d+)?(?!\d*%)", line)]


@pytest.mark.parametrize("probabilities", [False, True])
def test_compare_sums_up_the_divergences_of_all_rows(probabilities) -> None:
    z, u = load("z", "u")
    z[5, 2] = np.nan
    if probabilities:
        z, u = np.exp(z), np.exp(u)
    np.save("z.npy", z)
    np.save("u.npy", u)
    kl = (fastent if probabilities else logits).kl_divergence(z, u)
    shown = done("compare", "z.npy", "u.npy", *["--probabilities"] * probabilities)
    kl = np.delete(kl, 5)
    assert "300 rows of 40 float64, 1 invalid" in shown
    mean, error = numbers(shown, "mean")
    assert mean == pytest.approx(kl.mean(), rel=1e-5)
    assert error == pytest.approx(kl.std(ddof=1) / np.sqrt(len(kl)), rel=0.05)
    assert numbers(shown, "median")[0] == pytest.approx(np.quantile(kl, 0.5, method="inverted_cdf"), rel=1e-5)
    levels = [np.quantile(kl, level, method="inverted_cdf") for level in (0.01, 0.05, 0.95, 0.99)]
    assert numbers(shown, "quantiles") == pytest.approx(levels, rel=1e-3)
    assert numbers(shown, "maximum")[0] == pytest.approx(kl.max(), rel=1e-5)
    same = np.delete(z.argmax(1) == u.argmax(1), 5).mean()
    assert f"{same:.2%} of rows" in shown


def test_compare_in_bits_and_at_a_temperature() -> None:
    z, u = load("z", "u")
    shown = done("compare", "z.npy", "u.npy", "--base", 2, "--temperature", 5)
    assert numbers(shown, "mean")[0] == pytest.approx(
        logits.kl_divergence(z, u, base=2, temperature=5).mean(), rel=1e-5
    )
    assert "bits" in shown


@pytest.mark.parametrize("first", [[math.inf, 1.0], [1.0, 2.0]])
@pytest.mark.parametrize("second", [[3.0, math.inf], [4.0]])
def test_the_mean_of_pieces_is_infinite_where_a_number_is(first, second) -> None:
    moments = Moments()
    for piece in (first, second, [1.0, 2.0]):
        moments.add(np.array(piece))
    values = np.array([*first, *second, 1.0, 2.0])
    assert moments.mean == pytest.approx(values.mean())
    if math.isinf(values.mean()):
        assert math.isnan(moments.standard_error)
    else:
        assert moments.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(len(values)))


def test_compare_says_inf_of_an_infinite_row_and_warns_of_nothing() -> None:
    (z,) = load("z")
    u = z.copy()
    u[0, 3] = -np.inf
    np.save("u.npy", u)
    assert "mean        inf +- nan" in done("compare", "z.npy", "u.npy")
    np.save("z.npy", np.array([[0.0, 1e200], [0.0, 2e200]]))
    np.save("u.npy", np.array([[1e200, 0.0], [2e200, 0.0]]))
    assert "mean        1.5e+200 +- inf" in done("compare", "z.npy", "u.npy")


def test_all_and_none_are_written_only_where_they_are() -> None:
    shown = {
        (0, 0): "nan", (0, 9): "0.00%", (9, 9): "100.00%", (1, 3): "33.33%",
        (1_499_999, 1_500_000): "more than 99.99%", (1, 1_500_000): "less than 0.01%",
    }  # fmt: skip
    assert {pair: percentage(*pair) for pair in shown} == shown


def test_the_readme_shows_what_the_example_gives() -> None:
    readme = EXAMPLES.parents[1] / "README.md"
    if not readme.exists():
        pytest.skip("the README is not beside the tests")
    found = subprocess.run(
        [sys.executable, "-m", "fastent", "compare", "examples/digits/teacher_logits.npy",
         "examples/digits/student_logits.npy"],
        capture_output=True, text=True, timeout=120, cwd=EXAMPLES.parents[1],
    )  # fmt: skip
    assert found.returncode == 0
    assert found.stdout in readme.read_text(encoding="utf-8")
