"""A process that forks after computing: the child computes, too, with all its threads, and neither hangs."""

from __future__ import annotations

import sys

import pytest
from scripts import PRELUDE, run

from fastent import _openmp

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(not _openmp.openmp_version(), reason="built without OpenMP"),
]

FORK = """
def child(work=parallel):
    'Fork; the child must finish its work soon.'
    pid = os.fork()
    if pid == 0:
        try:
            assert tasks() == 1
            work()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, f"the child ended with status {status}"
            return
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    sys.exit("the child hangs")

def in_thread(work):
    failures = []
    def run():
        try:
            work()
        except BaseException as error:
            failures.append(repr(error))
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failures, failures
"""


FORKS = {
    "before any use": "child()\nparallel()",
    "after use": "parallel()\nchild()\nparallel()",
    "many times": "for _ in range(20):\n    parallel()\n    child()",
    "in the child": """
parallel()
child(lambda: (parallel(), child(lambda: (parallel(), child())), parallel()))
parallel()
""",
    "from a thread that has not computed": "parallel()\nin_thread(child)\nparallel()",
    "from a thread that has": "in_thread(lambda: (parallel(), child(), parallel()))\nparallel()\nchild()",
    "from several threads": "parallel()\nfor _ in range(3):\n    in_thread(lambda: (parallel(), child()))\nchild()",
    "in a thread of the child": """
parallel()
child(lambda: in_thread(parallel))
child(lambda: (parallel(), in_thread(parallel)))
""",
    "after a refusal": """
try:
    fastent.entropy(np.zeros_like(P), invalid="raise", workers=2)
except ValueError:
    child()
""",
    "while another thread computes": """
stop = threading.Event()
def busy():
    while not stop.is_set():
        fastent.entropy(P, workers=2)
thread = threading.Thread(target=busy)
thread.start()
for _ in range(30):
    child()
stop.set()
thread.join()
parallel()
""",
    "while several threads compute and this one, too": """
stop = threading.Event()
def busy():
    while not stop.is_set():
        fastent.kl_divergence(P, P[::-1], workers=2)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(10):
    compute(3)
    child()
stop.set()
for thread in threads:
    thread.join()
""",
    "by a Pool": """
import multiprocessing
def task(i):
    parallel()
    return os.getpid()
parallel()
with multiprocessing.get_context("fork").Pool(2) as pool:
    done = pool.map_async(task, range(8), chunksize=1).get(timeout=25)
    assert os.getpid() not in done
parallel()
""",
    "by a Pool in a thread": """
import multiprocessing
def task(i):
    parallel()
    return i
parallel()
def pooled():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(task, range(4), chunksize=1).get(timeout=25) == [0, 1, 2, 3]
in_thread(pooled)
parallel()
""",
    "by subprocess": """
import subprocess
parallel()
subprocess.run(["true"], check=True, preexec_fn=lambda: None)
parallel()
""",
}


@pytest.mark.parametrize("script", FORKS.values(), ids=FORKS)
def test_fork(script: str) -> None:
    run(PRELUDE + FORK + script)
