"""A call on a large input takes the memory of its output and little more: at most 1 MiB for each worker.

Each call runs in a child process of its own, whose peak is compared before and after it. The input is in memory before,
and code and threads are warm, so that only what the call allocates counts.
"""

from __future__ import annotations

import json
import sys

import pytest
from scripts import run

WORKERS = 2
SLACK = 1 << 20  # Python's own objects, the allocator's granularity

MEASURE = """
import numpy as np
import fastent

rng = np.random.default_rng(0)

def fill(array):
    "Touch every page, without a temporary array."
    flat = array.reshape(-1)
    some = rng.integers(1, 100, 1 << 16).astype(array.dtype)
    for start in range(0, flat.size, some.size):
        flat[start : start + some.size] = some[: flat.size - start]
    return array

def numbers(*shape, dtype=float, order="C"):
    return fill(np.empty(shape[::-1], dtype)).T if order == "F" else fill(np.empty(shape, dtype))

def forget_peak():
    "Where the kernel lets us; otherwise what was freed before hides as much."
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass

def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
"""
SMALL, LARGE = 1 << 17, 1 << 23  # entries: enough for threads; 64 MiB of float64

# The input p of about n entries, and the call.
CALLS = {
    "rows": ("numbers(n // 1024, 1024)", "fastent.entropy(p, workers=w)"),
    "columns": ("numbers(1024, n // 1024)", "fastent.entropy(p, axis=0, workers=w)"),
    "Fortran rows": ("numbers(n // 1024, 1024, order='F')", "fastent.entropy(p, workers=w)"),
    "Fortran columns": ("numbers(1024, n // 1024, order='F')", "fastent.entropy(p, axis=0, workers=w)"),
    "short rows": ("numbers(n // 8, 8)", "fastent.entropy(p, workers=w)"),
    "one long row": ("numbers(n)", "fastent.entropy(p, workers=w)"),
    "few long rows": ("numbers(2, n // 2)", "fastent.entropy(p, workers=w)"),
    "two columns": ("numbers(n // 2, 2)", "fastent.entropy(p, axis=0, workers=w)"),
    "ten columns": ("numbers(n // 10, 10)", "fastent.renyi_entropy(p, 2, axis=0, workers=w)"),
    "all axes": ("numbers(n // 1024, 32, 32)", "fastent.entropy(p, axis=None, workers=w)"),
    "two axes of three": ("numbers(32, n // 1024, 32)", "fastent.entropy(p, axis=(0, 2), workers=w)"),
    "float32": ("numbers(2 * n // 1024, 1024, dtype='f4')", "fastent.entropy(p, workers=w)"),
    "float32 columns": ("numbers(1024, 2 * n // 1024, dtype='f4')", "fastent.entropy(p, axis=0, workers=w)"),
    "uint8": ("numbers(4 * n // 1024, 1024, dtype='u1')", "fastent.entropy(p, workers=w)"),
    "float16 long": ("numbers(2 * n, dtype='f2')", "fastent.entropy(p, workers=w)"),
    "int64 columns": ("numbers(1024, n // 1024, dtype='i8')", "fastent.entropy(p, axis=0, workers=w)"),
    "byte-swapped": ("numbers(n // 1024, 1024, dtype='>f8')", "fastent.entropy(p, workers=w)"),
    "strided": ("numbers(n // 1024, 1024)", "fastent.entropy(p[::-1, ::2], workers=w)"),
    "pairs": ("numbers(2, n // 2048, 1024)", "fastent.js_divergence(p[0], p[1], workers=w)"),
    "pairs of two layouts": (
        "numbers(n // 1024, 512), numbers(n // 1024, 512, dtype='f4', order='F')",
        "fastent.kl_divergence(p[0], p[1], workers=w)",
    ),
    "all pairs": ("numbers(n // 16384, 2, 32)", "fastent.kl_divergence(p[:, None, 0], p[None, :, 1], workers=w)"),
    "one reference": ("numbers(n // 1024, 1024)", "fastent.kl_divergence(p, p[0], workers=w)"),
    "where": (
        "numbers(n // 1024, 1024), numbers(n // 1024, 1024, dtype='?')",
        "fastent.entropy(p[0], where=p[1], workers=w)",
    ),
    "where of a column": (
        "numbers(n // 1024, 1024)",
        "fastent.normalized_entropy(p, where=np.arange(1024) % 3 > 0, workers=w)",
    ),
    "where, normalized": (
        "numbers(n // 1024, 1024), numbers(n // 1024, 1024, dtype='?')",
        "fastent.normalized_entropy(p[0], where=p[1], workers=w)",
    ),
    "out": ("numbers(n // 8, 8), numbers(n // 8)", "fastent.js_distance(p[0], p[0], out=p[1], workers=w)"),
    "out of another dtype": (
        "numbers(n // 8, 8), numbers(n // 8, dtype='f4')",
        "fastent.entropy(p[0], out=p[1], workers=w)",
    ),
    "keepdims": ("numbers(n // 1024, 1024)", "fastent.entropy(p, keepdims=True, axis=0, workers=w)"),
    "raise": ("numbers(n // 1024, 1024)", "fastent.entropy(p, invalid='raise', workers=w)"),
    "not normalised": ("numbers(n // 1024, 1024)", "fastent.kl_divergence(p, p, normalize=False, workers=w)"),
    "elements": ("numbers(n)", "fastent.information_content(p, workers=w)"),
    "elements, out": ("numbers(n), numbers(n)", "fastent.binary_cross_entropy(p[0], p[0], out=p[1], workers=w)"),
    "elements, transposed": ("numbers(n // 1024, 1024)", "fastent.information_content(p.T, workers=w)"),
    "read-only file": ("stored(n)", "fastent.entropy(p, axis=-1, workers=w)"),
}

SCRIPT = """
import json, os, sys

def stored(n):
    "A memory-mapped file, read once."
    import tempfile
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        fill(np.lib.format.open_memmap(file.name, "w+", float, (n // 1024, 1024)))
        mapped = np.load(file.name, mmap_mode="r")
    assert mapped.sum() > 0
    return mapped

def extra_memory(given, call, w):
    "Bytes by which the peak grows in a call, and bytes of a new result."
    fastent.entropy(np.ones((200, 1000)), workers=w)
    for n in (SMALL, LARGE):
        p = eval(given, globals(), {"n": n})
        forget_peak()
        before = peak()
        result = eval(call, globals(), {"p": p, "w": w})
        extra = peak() - before
    return extra, 0 if isinstance(p, tuple) and result is p[1] else result.nbytes

failed = False
for name, (given, call) in json.loads(sys.argv[1]).items():
    if os.fork() == 0:
        print(json.dumps([name, *extra_memory(given, call, WORKERS)]), flush=True)
        os._exit(0)
    failed |= os.wait()[1] != 0
sys.exit("a call failed" if failed else 0)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[int, int]]:
    script = SCRIPT.replace("WORKERS", str(WORKERS)).replace("SMALL", str(SMALL)).replace("LARGE", str(LARGE))
    lines = run(MEASURE + script, json.dumps(CALLS), timeout=100, MALLOC_MMAP_THRESHOLD_="131072").splitlines()
    return {name: (extra, output) for name, extra, output in map(json.loads, lines)}


@pytest.mark.parametrize("name", CALLS)
def test_extra_memory(name: str, measured: dict[str, tuple[int, int]]) -> None:
    extra, output = measured[name]
    print(f"{name}: {extra / 2**20:.2f} MiB, of which the output {output / 2**20:.2f}")
    assert extra <= output + (WORKERS << 20) + SLACK


def test_the_peak_is_seen() -> None:
    """A copy of the input would be noticed."""
    script = "p = numbers(1 << 22)\nforget_peak()\nbefore = peak()\nq = p + 1\nprint(peak() - before)"
    assert int(run(MEASURE + script)) > 30 << 20
