"""Extra memory of one call on a large input, which only a fresh process can tell.

python benchmarks/memory.py CONTESTANT ITEM BYTES
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import work
from contestants import by_key


def status_bytes(field: str) -> int:
    """VmRSS, the memory in use, or VmHWM, the most there ever was."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def forget_peak() -> None:
    """Make VmHWM start again from here; where that is not allowed, earlier peaks count against the contestant."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def rows(shape: tuple[int, int]) -> work.Array:
    """Positive numbers, made without a temporary of that size."""
    x = np.empty(shape)
    for start in range(0, len(x), 4096):
        x[start : start + 4096] = np.random.default_rng(start).random(shape[1]) + 0.5
    return x


def extra_memory(contestant: str, key: str, size: int) -> dict[str, int]:
    item = next(i for i in work.items(quick=False) if i.key == key)
    prepare = by_key(contestant).prepare
    width, inputs = item.shape[1], 1 if item.measure == "entropy" else 2
    small = prepare(work.job(replace(item, shape=(512, width))))
    assert small is not None
    small()  # imports, compilers, threads

    large = replace(item, shape=(size // (8 * width * inputs), width))
    arrays = [rows(large.shape) for _ in range(inputs)]
    forget_peak()
    before = status_bytes("VmRSS")
    call = prepare(work.Job(large, arrays[0], arrays[-1]))  # with the buffers it asks for
    assert call is not None
    output = np.asarray(call()).nbytes
    return {
        "extra_bytes": status_bytes("VmHWM") - before,
        "output_bytes": output,
        "input_bytes": sum(x.nbytes for x in arrays),
    }


if __name__ == "__main__":
    print(json.dumps(extra_memory(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
