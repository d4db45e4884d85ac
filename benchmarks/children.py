"""What only a fresh process can tell: memory, and the time an import takes.

    python children.py memory CONTESTANT ITEM BYTES    extra memory of one call on an input of that size
    python children.py import CONTESTANT               seconds an import takes when NumPy is there already
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

IMPORTS = {"fastent": "fastent", "scipy": "scipy.stats", "numkong": "numkong", "polars": "polars", "torch": "torch"}
STATUS = Path("/proc/self/status")


def status_bytes(field: str) -> int:
    """VmRSS, the memory in use, or VmHWM, the most there ever was."""
    found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def forget_peak() -> None:
    """Make VmHWM start again from here; where that is not allowed, earlier peaks count against the contestant."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def memory(contestant: str, key: str, size: int) -> dict[str, float]:
    import work
    from contestants import by_key

    item = next(i for i in work.items(quick=False) if i.key == key)
    prepare = by_key(contestant).prepare
    width = item.shape[1]
    small = work.Item(item.key, item.measure, (512, width), item.dtype, item.axis)
    call = prepare(work.job(small))
    assert call is not None
    call()  # imports, compilers, threads

    large = replace(small, shape=(size // (8 * width) // (1 if item.measure == "entropy" else 2), width))
    arrays = []
    for _ in range(1 if item.measure == "entropy" else 2):
        x = np.empty(large.shape)
        for start in range(0, len(x), 4096):
            x[start : start + 4096] = np.random.default_rng(start).random(width) + 0.5
        arrays.append(x)
    job = work.Job(large, arrays[0], arrays[-1])
    forget_peak()
    before = status_bytes("VmRSS")
    call = prepare(job)  # with the buffers it asks for
    assert call is not None
    result = call()
    extra = status_bytes("VmHWM") - before
    return {"extra_bytes": extra, "output_bytes": np.asarray(result).nbytes, "input_bytes": sum(x.nbytes for x in arrays)}


def import_time(contestant: str) -> dict[str, float]:
    start = perf_counter()
    __import__(IMPORTS[contestant])
    return {"import_seconds": perf_counter() - start}


if __name__ == "__main__":
    what, contestant, *rest = sys.argv[1:]
    found = import_time(contestant) if what == "import" else memory(contestant, rest[0], int(rest[1]))
    print(json.dumps(found))
