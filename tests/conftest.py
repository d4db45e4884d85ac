"""Fixtures and switches of the whole suite.

--slow, FASTENT_SLOW=1: the full sweeps instead of the reduced ones.
FASTENT_ISA=v3: what runs on every instruction set runs on this one only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

SEED = 20240617
sys.path.insert(0, str(Path(__file__).parent))  # the import mode does not do it, and every file needs the oracle

settings.register_profile(
    "fastent",
    derandomize=True,
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],  # explaining a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the full sweeps (also FASTENT_SLOW=1)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--slow"):
        os.environ["FASTENT_SLOW"] = "1"  # read by the test modules when they lay out their sweeps
    settings.register_profile("fastent-slow", settings.get_profile("fastent"), max_examples=1000)
    settings.load_profile("fastent-slow" if slow_run() else "fastent")


def slow_run() -> bool:
    return os.environ.get("FASTENT_SLOW", "") not in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not slow_run():
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow or FASTENT_SLOW=1"))


def isas_under_test() -> tuple[str, ...]:
    from fastent._rows import engine

    pinned = os.environ.get("FASTENT_ISA")
    return (pinned,) if pinned else tuple(engine.isas())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", isas_under_test(), indirect=True, scope="module")


@pytest.fixture(scope="module")
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run on every instruction set this machine has.

    The choice belongs to the process, so it is made per module and not inside a test: tests that run in several
    threads share it.
    """
    from fastent._config import use_isa
    from fastent._rows import engine

    before = engine.isa()
    use_isa(request.param)
    try:
        yield request.param
    finally:
        use_isa(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def slow() -> bool:
    """Whether the full sweeps were asked for."""
    return slow_run()


# ---- the table of worst errors, printed at the end of the run ------------------------------------------------------

Worst = dict[tuple[str, str, str], tuple[float, float, str]]
_WORST: pytest.StashKey[Worst] = pytest.StashKey()
_WORST_LOCK = threading.Lock()


@pytest.fixture
def record_error(request: pytest.FixtureRequest) -> Callable[..., None]:
    """record_error(case, dtype, kind, error, bound, where): keeps the largest error, relative to its bound."""
    worst = request.config.stash.setdefault(_WORST, {})

    def record(case: object, dtype: object, kind: str, error: float, bound: float, where: str) -> None:
        key = (str(case), str(dtype), kind)
        with _WORST_LOCK:
            if key not in worst or error / bound > worst[key][0] / worst[key][1]:
                worst[key] = (float(error), float(bound), where)

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    worst = config.stash.get(_WORST, {})
    if worst:
        terminalreporter.section("worst error per measure and dtype")
        for (case, dtype, kind), (error, bound, where) in sorted(worst.items()):
            mark = "" if error <= bound else "  <-- over the bound"
            terminalreporter.write_line(f"{case:32} {dtype:8} {error:9.3g} of {bound:g} {kind:8} {where}{mark}")
