"""How many workers a call gets, and what calls from many Python threads do.

What depends on the environment of a process, or counts its threads, runs in a script of its own.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from oracle import ROWS
from scripts import PRELUDE, run

import fastent
from fastent import _openmp, _threads

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.thread_unsafe(reason="sets what belongs to the process"),
]
parallel = pytest.mark.skipif(not _openmp.openmp_version(), reason="built without OpenMP")

# ---- many Python threads -------------------------------------------------------------------------------------------


def test_concurrent_calls() -> None:
    """Every measure from many threads at once: the bits of a serial call, and threads that end with their caller."""
    rng = np.random.default_rng(5)
    shapes = ((9400, 7), (150, 450), (2, 140_000))
    pairs = [[rng.random(shape) + 0.01 for _ in range(2)] for shape in shapes]
    jobs = [(case, pair[: case.arity]) for case in ROWS for pair in pairs]
    want = [case.call(*pair, workers=1).tobytes() for case, pair in jobs]
    start, failures = threading.Barrier(6), []

    def work(number: int) -> None:
        start.wait()
        for i in range(number, len(jobs) + number, 2):
            case, pair = jobs[i % len(jobs)]
            if case.call(*pair, workers=2).tobytes() != want[i % len(jobs)]:
                failures.append(str(case))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@parallel
def test_threads_end_with_their_caller() -> None:
    script = """
threads = [threading.Thread(target=lambda: [compute(2) for _ in range(20)]) for _ in range(8)]
for thread in threads:
    thread.start()
most = max(tasks() for _ in range(50))
for thread in threads:
    thread.join()
time.sleep(0.2)
assert tasks() <= 2, f"{tasks()} threads are left of {most}"
parallel()
"""
    run(PRELUDE + script)


@parallel
def test_one_region_at_a_time() -> None:
    """Who comes second computes serially, also after a call that failed."""
    p = np.random.default_rng(1).random((100, 1000))
    want = fastent.entropy(p, workers=1).tobytes()
    assert _openmp.enter()
    try:
        assert not _openmp.enter()
        assert fastent.entropy(p, workers=2).tobytes() == want
        assert not _openmp.enter()  # that call has not given away what it did not hold
    finally:
        _openmp.leave()
    with pytest.raises(ValueError, match="row 0"):
        fastent.entropy(-p, workers=2, invalid="raise")
    assert _openmp.enter()
    _openmp.leave()


# ---- how many workers ----------------------------------------------------------------------------------------------

SHOW = PRELUDE + "compute(None)\nconfig = fastent.show_config(verbose=False)\nprint(config['workers'], tasks())"


def workers_and_threads(script: str = SHOW, **environment: str) -> tuple[int, int]:
    """show_config's number, and the threads of a process after one large call."""
    workers, threads = run(script, OPENBLAS_NUM_THREADS="1", **environment).split()
    return int(workers), int(threads)


@parallel
@pytest.mark.parametrize(
    ("environment", "workers"),
    [
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3,2"}, 3),
        ({"FASTENT_NUM_THREADS": "1"}, 1),
        ({"FASTENT_NUM_THREADS": " 4 "}, 4),
        ({"FASTENT_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}, 3),
        ({"FASTENT_NUM_THREADS": "1", "OMP_NUM_THREADS": "3"}, 1),
        ({"FASTENT_NUM_THREADS": "", "OMP_NUM_THREADS": "3"}, 3),
    ],
    ids=str,
)
def test_environment(environment: dict[str, str], workers: int) -> None:
    assert workers_and_threads(**environment) == (workers, workers)


@parallel
def test_environment_malformed() -> None:
    available = _threads.available_processors()
    for text in ("", "two", "0", "-3", "3.5"):  # not ours: ignored, as OpenMP does
        assert workers_and_threads(OMP_NUM_THREADS=text)[0] == available, text
    script = """
import os
assert fastent.entropy([0.5, 0.5]) > 0  # small calls do not look
for text in ("two", "0", "-2", "1.5", "2,3", "\\N{SUPERSCRIPT TWO}", "--1"):
    os.environ["FASTENT_NUM_THREADS"] = text
    try:
        compute(None)
    except ValueError as error:
        assert "FASTENT_NUM_THREADS" in str(error) and text in str(error), error
    else:
        sys.exit(f"FASTENT_NUM_THREADS={text} is accepted")
    compute(2)  # the argument does not need it
"""
    run(PRELUDE + script)


@parallel
def test_read_at_call_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OMP_NUM_THREADS", "3"), ("FASTENT_NUM_THREADS", "5"), ("FASTENT_NUM_THREADS", "-1")):
        monkeypatch.setenv(name, value)
        config = fastent.show_config(verbose=False)
        assert config["workers"] == (_threads.available_processors() if value == "-1" else int(value))
        assert config["workers_from"] == name or value == "-1"


@parallel
@pytest.mark.parametrize("when", ["before", "after"])
def test_affinity(when: str) -> None:
    pin = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    script = pin + SHOW if when == "before" else PRELUDE + pin + SHOW.removeprefix(PRELUDE)
    assert workers_and_threads(script) == (1, 1)


@parallel
def test_threadpoolctl() -> None:
    pytest.importorskip("threadpoolctl")
    script = """
from threadpoolctl import threadpool_limits
for limit in (1, 2):
    with threadpool_limits(limit, user_api="openmp"):
        for workers in (None, 3, 7, -1):
            compute(workers)
            assert tasks() <= limit, f"limit {limit}, workers={workers}: {tasks()} threads"
        assert fastent.show_config(verbose=False)["workers"] == limit
with threadpool_limits(1):
    compute(None)
    assert tasks() <= 2
compute(None)
assert tasks() == 4, tasks()
"""
    run(PRELUDE + script, OMP_NUM_THREADS="4", OPENBLAS_NUM_THREADS="1")


@parallel
def test_threadpoolctl_around_the_import() -> None:
    """A limit that holds already when fastent is imported, and ends later."""
    pytest.importorskip("threadpoolctl")
    script = """
import ctypes, os
os.sched_setaffinity(0, set(range(os.cpu_count())))
ctypes.CDLL("libgomp.so.1")
from threadpoolctl import threadpool_limits
limit = threadpool_limits(1)
import numpy
import fastent
P = numpy.random.default_rng(0).random((300, 1000))
fastent.entropy(P, workers=3)
assert len(os.listdir("/proc/self/task")) == 1, "the limit does not hold"
limit.restore_original_limits()
fastent.entropy(P, workers=3)
assert len(os.listdir("/proc/self/task")) == 3, "the limit does not end"
"""
    run(script, OPENBLAS_NUM_THREADS="1")


@parallel
@pytest.mark.parametrize(
    "setting",
    ["OMP_THREAD_LIMIT=2", "OMP_DYNAMIC=true", "OMP_STACKSIZE=64K", "OMP_PROC_BIND=true", "OMP_SCHEDULE=static"],
)
def test_other_settings_of_openmp(setting: str) -> None:
    """It may give fewer threads than asked, or small stacks; the bits stay."""
    name, value = setting.split("=")
    run(PRELUDE + "for workers in (1, 2, 7, 16):\n    compute(workers)", **{name: value})


@parallel
def test_any_number_of_workers() -> None:
    """A number too large to start is lowered or refused; it does not end the process."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
for workers in (64, 100_000, 2**31, 2**63):
    try:
        compute(workers)
    except ValueError as error:
        assert "workers" in str(error), error
compute(2)
"""
    run(PRELUDE + script)


# ---- precedence and set_workers ------------------------------------------------------------------------------------


@parallel
def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTENT_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    processors = _threads.available_processors()
    assert _threads.decide()[0] == processors
    assert _threads.decide(-1)[0] == processors
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert _threads.decide() == (3, "OMP_NUM_THREADS")
    monkeypatch.setenv("FASTENT_NUM_THREADS", "4")
    assert _threads.decide() == (4, "FASTENT_NUM_THREADS")
    with fastent.set_workers(5):
        assert _threads.decide() == (5, "set_workers")
        assert fastent.show_config(verbose=False)["workers"] == 5
        assert _threads.decide(6)[0] == 6
        with fastent.set_workers(None):
            assert _threads.decide()[0] == 4
        with fastent.set_workers(-1):
            assert _threads.decide()[0] == processors
        assert _threads.decide()[0] == 5
    assert _threads.decide()[0] == 4
    with pytest.raises(KeyError), fastent.set_workers(2):
        raise KeyError
    assert _threads.decide()[0] == 4
    before = fastent.set_workers(2)
    assert _threads.decide() == (2, "set_workers")
    before.__exit__(None, None, None)
    assert _threads.decide()[0] == 4


@parallel
def test_set_workers_counts() -> None:
    script = """
with fastent.set_workers(1):
    compute(None)
    assert tasks() == 1
fastent.set_workers(3)
compute(None)
assert tasks() == 3
fastent.set_workers(None)
P = P[:60]  # too little to share out
WANT = WANT[:60]
with fastent.set_workers(9):
    compute(None)
    assert tasks() == 3
"""
    run(PRELUDE + script, OPENBLAS_NUM_THREADS="1")


@pytest.mark.parametrize("workers", [0, -2, -100, 1.0, 2.5, "2", "all", [2], np.nan])
def test_malformed_workers(workers: Any) -> None:
    error = ValueError if isinstance(workers, int) else TypeError
    p = np.full((100, 1000), 0.5)
    with pytest.raises(error, match=r"entropy: workers must be .*got"):
        fastent.entropy(p, workers=workers)
    with pytest.raises(error, match=r"entropy: workers must be .*got"):
        fastent.entropy(p[0, :3], workers=workers)  # small calls refuse it, too
    with pytest.raises(error, match=r"binary_entropy: workers must be .*got"):
        fastent.binary_entropy(p, workers=workers)
    before = _threads.decide()
    with pytest.raises(error, match=r"set_workers: workers must be .*got"):
        fastent.set_workers(workers)
    assert _threads.decide() == before


def test_integers_of_other_types() -> None:
    p = np.full((100, 1000), 0.5)
    for workers in (np.int64(2), np.uint8(1), np.int8(-1)):
        assert fastent.entropy(p, workers=workers).shape == (100,)


# ---- cgroup quota --------------------------------------------------------------------------------------------------

V1, V2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"
INSIDE_V1 = "5:cpuset:/\n4:cpu,cpuacct:/docker/a1\n1:name=systemd:/docker/a1\n0::/\n"
CGROUPS: dict[str, tuple[dict[str, str], float]] = {
    "no cgroups": ({}, math.inf),
    "v2, no limit": ({"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "max 100000\n"}, math.inf),
    "v2, half a processor": ({"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "50000 100000\n"}, 0.5),
    "v2, three": ({"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "300000 100000\n"}, 3),
    "v2, in a group": ({"/proc/self/cgroup": "0::/a/b\n", f"{V2}/a/b/cpu.max": "150000 100000\n"}, 1.5),
    "v2, above the group": (
        {"/proc/self/cgroup": "0::/a/b\n", f"{V2}/a/b/cpu.max": "max 100000", f"{V2}/a/cpu.max": "250000 100000\n"},
        2.5,
    ),
    "v2, the least counts": (
        {"/proc/self/cgroup": "0::/a/b\n", f"{V2}/a/b/cpu.max": "400000 100000", f"{V2}/a/cpu.max": "200000 100000\n"},
        2,
    ),
    "v2, other period": ({"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "20000 10000\n"}, 2),
    "v1, no limit": ({"/proc/self/cgroup": INSIDE_V1, f"{V1}/docker/a1/cpu.cfs_quota_us": "-1\n"}, math.inf),
    "v1, in a group": (
        {
            "/proc/self/cgroup": INSIDE_V1,
            f"{V1}/docker/a1/cpu.cfs_quota_us": "200000\n",
            f"{V1}/docker/a1/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "v1, seen from inside a container": (
        {"/proc/self/cgroup": INSIDE_V1, f"{V1}/cpu.cfs_quota_us": "150000", f"{V1}/cpu.cfs_period_us": "100000"},
        1.5,
    ),
    "malformed": ({"/proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "plenty\n"}, math.inf),
    "empty": ({"/proc/self/cgroup": "", f"{V2}/cpu.max": ""}, math.inf),
    "nonsense": ({"/proc/self/cgroup": "what is this\n"}, math.inf),
}


@pytest.mark.parametrize(("files", "quota"), CGROUPS.values(), ids=CGROUPS)
def test_cgroup_quota(files: dict[str, str], quota: float, monkeypatch: pytest.MonkeyPatch) -> None:
    class Files(PurePosixPath):
        def read_text(self) -> str:
            if str(self) not in files:
                raise FileNotFoundError(str(self))
            return files[str(self)]

    monkeypatch.setattr(_threads, "Path", Files)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    _threads._cgroup_quota.cache_clear()
    try:
        assert _threads._cgroup_quota() == quota
        assert _threads.available_processors() == min(8, math.ceil(quota) if quota < 8 else 8)
        assert fastent._threads.decide(-1)[0] == (_threads.available_processors() if _openmp.openmp_version() else 1)
    finally:
        _threads._cgroup_quota.cache_clear()
