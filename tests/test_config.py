"""What the installation says about itself, how an instruction set is pinned, and what importing costs and changes."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import ROWS
from scripts import CLEAN, run

import fastent
from fastent._rows import engine

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
KEYS = ("version", "isa", "isa_available", "openmp", "workers", "workers_from", "compiler")
SHOW = "import fastent, json; print(json.dumps(fastent.show_config(verbose=False)))"


# ---- show_config ---------------------------------------------------------------------------------------------------


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    config = fastent.show_config()
    printed = capsys.readouterr().out
    for key in KEYS:
        shown = ", ".join(config[key]) if key == "isa_available" else str(config[key])
        assert any(line.split(None, 1) == [key, shown] for line in printed.splitlines()), (key, printed)
    assert config["isa"] in config["isa_available"]
    assert config["isa_available"][0] == "base"
    assert config["workers"] >= 1
    assert config["compiler"]
    assert config == fastent.show_config(verbose=False)
    assert capsys.readouterr().out == ""


def test_version() -> None:
    assert fastent.__version__ == importlib.metadata.version("fastent")
    assert fastent.show_config(verbose=False)["version"] == fastent.__version__


def test_public_names() -> None:
    """Every name of __all__ is there, has an example that doctest runs, and nothing public is left out."""
    for name in fastent.__all__:
        value = getattr(fastent, name)
        assert inspect.ismodule(value) or ">>> " in value.__doc__, name
    public = {name for name, value in vars(fastent).items() if callable(value) and not name.startswith("_")}
    assert public - {"Any"} | {*fastent._LATER, "encode"} == set(fastent.__all__) <= set(dir(fastent))
    assert list(fastent.__all__) == sorted(fastent.__all__)


# ---- instruction sets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", engine.isas())
def test_fastent_isa_pins(name: str) -> None:
    config = json.loads(run(SHOW, FASTENT_ISA=name))
    assert config["isa"] == name
    assert tuple(config["isa_available"]) == engine.isas()


def test_fastent_isa_unset() -> None:
    """The highest; an empty or blank variable is none."""
    for environment in ({}, {"FASTENT_ISA": ""}, {"FASTENT_ISA": " "}):
        assert json.loads(run(SHOW, **environment))["isa"] == engine.isas()[-1]


@pytest.mark.parametrize("name", ["v5", "V3", "avx2", "base,v3", "0"])
def test_fastent_isa_unknown(name: str) -> None:
    script = """
import sys
try:
    import fastent
except ImportError as error:
    print(error)
else:
    sys.exit("no error")
"""
    message = run(script, FASTENT_ISA=name)
    assert f"FASTENT_ISA={name}" in message
    assert ", ".join(engine.isas()) in message
    assert len(message.splitlines()) == 1


def test_fastent_isa_unknown_to_the_command(tmp_path: Path) -> None:
    """One line and exit code 2, like everything else that is wrong with a command."""
    script = tmp_path / "fastent"
    script.write_text("from fastent.cli import main\nmain()\n")
    other = tmp_path / "other.py"
    other.write_text("import fastent\n")
    environment = CLEAN | {"FASTENT_ISA": "v5"}
    for command, code in ((["-m", "fastent", "info"], 2), ([str(script), "info"], 2), ([str(other), "fastent"], 1)):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code and done.stdout == "", command
        assert "FASTENT_ISA=v5 is not available here; these are: base" in done.stderr
        assert (len(done.stderr.splitlines()) == 1) == (code == 2), done.stderr


@pytest.mark.thread_unsafe(reason="the instruction set belongs to the process")
def test_use_isa() -> None:
    before, p = engine.isa(), np.random.default_rng(0).random((50, 100))
    values = []
    try:
        for isa in engine.isas():
            engine.use_isa(isa)
            assert engine.isa() == isa == fastent.show_config(verbose=False)["isa"]
            values.append(fastent.entropy(p))
            with pytest.raises(ValueError, match=r"'v9' is not available here; these are: base"):
                engine.use_isa("v9")
            assert engine.isa() == isa
    finally:
        engine.use_isa(before)
    np.testing.assert_allclose(values, np.broadcast_to(values[0], np.shape(values)), rtol=1e-15)


# ---- import --------------------------------------------------------------------------------------------------------


def test_import_time(record_property: Any) -> None:
    """Printed; the limit only catches the import of a large library."""
    script = """
import numpy
from time import perf_counter
start = perf_counter()
import fastent
print(perf_counter() - start)
"""
    seconds = min(float(run(script)) for _ in range(3))
    print(f"importing fastent after numpy: {1000 * seconds:.1f} ms")
    record_property("seconds", seconds)
    assert seconds < 1


def test_import_needs_numpy_alone() -> None:
    script = """
import sys
import numpy
before = set(sys.modules)
import fastent
packages = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(*(name for name in packages if not name.startswith(("_cython", "cython_runtime"))))
"""
    assert run(script).split() == ["fastent"]


@linux
def test_import_changes_nothing() -> None:
    """No thread, no handler, no environment, no floating-point mode; and computing changes none of these, either."""
    script = """
import gc, locale, os, signal, sys, threading, time, warnings
import numpy as np

def state():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
    return {
        "signals": {s: signal.getsignal(s) for s in signal.valid_signals()},
        "signals of C": [status[name] for name in ("SigCgt", "SigIgn", "SigBlk")],
        "environment": dict(os.environ),
        "affinity": os.sched_getaffinity(0),
        "directory": os.getcwd(),
        "path": list(sys.path),
        "filters": list(warnings.filters),
        "floating-point errors": np.geterr(),
        "locale": locale.setlocale(locale.LC_ALL),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "collector": gc.get_threshold(),
        "hooks": (sys.excepthook, threading.excepthook, sys.getswitchinterval(), sys.getrecursionlimit()),
    }

def modes():
    "Subnormals as operand and as result, and rounding to nearest; of both types."
    found = []
    for t in (np.float32, np.float64):
        tiny = np.full(9, np.finfo(t).tiny)
        small = np.full(9, np.finfo(t).smallest_subnormal)
        found += [bool((tiny / 2 > 0).all()), bool((small + small > small).all())]
        found += [bool(t(1) + np.finfo(t).eps / 2 == 1), bool(t(-1) - np.finfo(t).eps / 2 == -1)]
    return found

def modes_of_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(modes()))
    thread.start()
    thread.join()
    return found

def tasks():
    return len(os.listdir("/proc/self/task"))

before, threads = state(), tasks()
assert all(modes()) and all(modes_of_a_thread())
import fastent
assert tasks() == threads, "importing starts a thread"
assert fastent.entropy([0.5, 0.5]) > 0
assert tasks() == threads, "a small call starts a thread"
assert state() == before, [name for name in before if before[name] != state()[name]]
assert all(modes()) and all(modes_of_a_thread()), "importing changes the floating-point mode"
P = np.random.default_rng(0).random((300, 1000))
for workers in (1, 2):
    fastent.entropy(P, workers=workers)
    fastent.binary_entropy(P, workers=workers)
assert state() == before, [name for name in before if before[name] != state()[name]]
assert all(modes()) and all(modes_of_a_thread()), "computing changes the floating-point mode"
"""
    run(script)


def test_no_warning_or_floating_point_error() -> None:
    """Not even where terms are infinite, invalid or subnormal."""
    p = np.array([[0, 1, np.nan], [1e308, 1e308, 5e-324], [0, 0, 0], [np.inf, 1, -1]])
    with np.errstate(all="raise"):
        for case in ROWS:
            case.call(*[p, p[::-1]][: case.arity])
        fastent.binary_cross_entropy(p, p[::-1])
        fastent.normalized_entropy(p, where=p > 0)
