"""The pages in docs/: every block of Python runs and prints what it says, every command too, every file is there."""

import doctest
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import fastent

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if not any(part.startswith("_") for part in page.parts))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {"sh"}  # installing and building, which the reader's shell does
NEEDS = {"docs/howto/replace.md": "scipy"}


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page, language):
    """The blocks of one language with the line each begins at."""
    text = page.read_text()
    return [(m[2], text.count("\n", 0, m.start(2))) for m in FENCE.finditer(text) if m[1] == language]


@pytest.fixture
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))  # pages add the folder of the examples


def test_there_are_pages():
    if not DOCS.exists():
        pytest.skip("docs is not beside the tests")
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_of_python(page, at_root):
    if name_of(page) in NEEDS:
        pytest.importorskip(NEEDS[name_of(page)])
    parser, runner, names = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS), {}
    printed = []
    for block, line in blocks(page, "python"):
        test = parser.get_doctest(block, names, name_of(page), str(page), line)
        assert test.examples, f"{page}:{line}: a block that runs nothing"
        test.globs = names  # a page is one session
        runner.run(test, out=printed.append, clear_globs=False)
    assert not runner.summarize(verbose=False).failed, "".join(printed)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=name_of)
def test_commands(page, at_root):
    checker = doctest.OutputChecker()
    for block, line in blocks(page, "console"):
        command, _, wanted = block.partition("\n")
        assert command.startswith("$ fastent "), f"{page}:{line}"
        arguments = shlex.split(command)[2:]
        done = subprocess.run(
            [sys.executable, "-m", "fastent", *arguments], capture_output=True, text=True, timeout=60, check=True
        )
        assert checker.check_output(wanted, done.stdout, FLAGS), f"{page}:{line}: {done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        if "_generated" not in target:
            assert (page.parent / target).exists(), target
    languages = {m[1] for m in FENCE.finditer(text)}
    assert languages <= {"python", "console", *NOT_RUN, *(name for name in languages if name.startswith("{"))}


def test_figures_have_scripts():
    """Every figure is shown on a page and drawn by a script, and every one that is drawn is there."""
    if not DOCS.exists():
        pytest.skip("docs is not beside the tests")
    there = {path.stem for path in (DOCS / "figures").iterdir()}
    scripts = "".join(path.read_text() for path in (ROOT / "examples" / "theory").glob("*.py"))
    drawn = set(re.findall(r'save\(figure, "(\w+)"\)', scripts))
    shown = set(re.findall(r"figures/(\w+)\.svg", "".join(page.read_text() for page in PAGES)))
    assert there == drawn == shown


# ---- what the pages claim, by algebra ------------------------------------------------------------------------------


def test_binary_entropy_is_greatest_at_one_half():
    sympy = pytest.importorskip("sympy")
    p = sympy.symbols("p", positive=True)
    h = -p * sympy.log(p) - (1 - p) * sympy.log(1 - p)
    assert sympy.solve(sympy.diff(h, p), p) == [sympy.Rational(1, 2)]
    assert sympy.simplify(sympy.diff(h, p, 2).subs(p, sympy.Rational(1, 2))) == -4  # a maximum
    assert sympy.simplify(h.subs(p, sympy.Rational(1, 2)) - sympy.log(2)) == 0
    for point in (sympy.Rational(1, 5), sympy.Rational(1, 10)):
        exact = float((h.subs(p, point) / sympy.log(2)).evalf(30))
        assert fastent.binary_entropy(float(point), base=2) == pytest.approx(exact, rel=1e-15)


def test_entropy_is_greatest_when_even():
    """Lagrange: with the sum fixed, all derivatives are equal, so all entries are."""
    sympy = pytest.importorskip("sympy")
    p = sympy.symbols("p0:3", positive=True)
    h = -sum(value * sympy.log(value) for value in p)
    even = {value: sympy.Rational(1, 3) for value in p}
    assert len({sympy.simplify(sympy.diff(h, value).subs(even)) for value in p}) == 1
    assert all(sympy.diff(h, value, 2).is_negative for value in p)
    assert sympy.simplify(h.subs(even) - sympy.log(3)) == 0


def test_gradients_of_the_losses():
    """a - y, of softmax and of sigmoid with cross-entropy; with squared error a (1 - a) stands before it."""
    sympy = pytest.importorskip("sympy")
    z = sympy.symbols("z0:3", real=True)
    y = sympy.symbols("y0:3", real=True)
    total = sum(map(sympy.exp, z))
    loss = -sum(t * (value - sympy.log(total)) for t, value in zip(y, z, strict=True))
    for k in range(3):
        wanted = sum(y) * sympy.exp(z[k]) / total - y[k]
        assert sympy.simplify(sympy.diff(loss, z[k]) - wanted) == 0
    a = 1 / (1 + sympy.exp(-z[0]))
    binary = -y[0] * sympy.log(a) - (1 - y[0]) * sympy.log(1 - a)
    assert sympy.simplify(sympy.diff(binary, z[0]) - (a - y[0])) == 0
    squared = (a - y[0]) ** 2 / 2
    assert sympy.simplify(sympy.diff(squared, z[0]) - (a - y[0]) * a * (1 - a)) == 0


# ---- the code of the examples that pages show ----------------------------------------------------------------------


def test_code_lengths(rng, at_root):
    if not DOCS.exists():
        pytest.skip("docs and examples are not beside the tests")
    sys.path.insert(0, str(ROOT / "examples" / "theory"))
    huffman = importlib.import_module("huffman")
    for k in (2, 3, 17, 100):
        p = rng.dirichlet([0.3] * k)
        lengths = huffman.code_lengths(p.tolist())
        mean, entropy = float(p @ lengths), float(fastent.entropy(p, base=2))
        assert sum(2.0**-length for length in lengths) == 1  # Kraft: a complete tree
        assert entropy <= mean < entropy + 1
