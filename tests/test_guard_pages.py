"""No kernel reads past its data or writes past its output: arrays that end or begin at an unreadable page.

The calls run in processes of their own: this file as a script. It notes each call in a file before it makes it.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conftest import slow_run
from oracle import CASES, ELEMENTWISE, Case

PAGE = mmap.PAGESIZE
PROT_NONE = 0
LENGTHS = (*range(1, 41), 100, 2047, 2048, 2049)
DTYPES = [np.dtype(t) for t in ("f8", "f4", "u1", "f2", "i2", "u4", "i8", ">f8", ">f4", ml_dtypes.bfloat16, "?")]
EDGES = ("end", "begin")
LITTER = 0xFF  # as a float a NaN: what is read around the data shows up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mprotect through ctypes")


class Guarded:
    """Memory between two pages that must not be touched."""

    def __init__(self, pages: int) -> None:
        self.memory = mmap.mmap(-1, (pages + 2) * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for page in (address, address + (pages + 1) * PAGE):
            if protect(page, PAGE, PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes = np.frombuffer(self.memory, np.uint8)[PAGE:-PAGE]
        self.bytes[:] = LITTER
        self.used = self.bytes[:0]

    def place(self, values: np.ndarray, edge: str, step: int = 1) -> np.ndarray:
        """The values in this memory, every `step`-th item of it, up to its end or from its beginning."""
        self.used[:] = LITTER
        size = ((values.size - 1) * step + 1) * values.itemsize
        start = self.bytes.size - size if edge == "end" else 0
        if start < 0:
            raise ValueError(f"{size} bytes do not fit in {self.bytes.size}")
        self.used = self.bytes[start : start + size]
        line = np.ndarray(values.size, values.dtype, self.used, strides=(step * values.itemsize,))
        line[:] = values.ravel()
        return line.reshape(values.shape)

    def written_outside(self) -> bool:
        """Whether something changed within a page of the used memory."""
        before = self.used.ctypes.data - self.bytes.ctypes.data
        after = before + self.used.size
        near = self.bytes[max(0, before - PAGE) : before], self.bytes[after : after + PAGE]
        return any((part != LITTER).any() for part in near)


# ---- the script ----------------------------------------------------------------------------------------------------


class Calls:
    """Makes a call on arrays at both edges, notes it before, and compares the result with that on ordinary memory."""

    def __init__(self, note: str, pages: int) -> None:
        self.note = os.open(note, os.O_RDWR | os.O_CREAT)
        self.p, self.q, self.where, self.out = (Guarded(pages) for _ in range(4))
        self.count = 0
        self.failures: list[str] = []

    def __call__(self, case: Case, arrays: list[np.ndarray], step: int = 1, **options: Any) -> None:
        plain = arrays if step == 1 else [np.repeat(a, step).reshape(*a.shape, step)[..., 0] for a in arrays]
        want = np.asarray(case.call(*plain, **options))
        for edge in EDGES:
            shown = {name: "given" if name == "where" else value for name, value in options.items()}
            label = f"{case} of {[f'{a.dtype}{a.shape}' for a in arrays]} at the {edge}, step {step}, {shown}"
            os.pwrite(self.note, label.encode().ljust(300), 0)
            self.count += 1
            placed = [g.place(a, edge, step) for g, a in zip((self.p, self.q), arrays, strict=False)]
            out = self.out.place(np.full_like(want, np.nan), edge)
            mask = {"where": self.where.place(options["where"], edge)} if "where" in options else {}
            case.call(*placed, **options | mask, out=out)
            if out.tobytes() != want.tobytes():
                self.failures.append(f"{label}: other values than on ordinary memory: {out}, not {want}")
            if self.out.written_outside():
                self.failures.append(f"{label}: writes outside of out")


def numbers(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).integers(1, 100, shape)
    return values.astype(dtype) if dtype.kind in "iu" else (values / 100).astype(dtype)


def shapes(length: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Along the memory and across it: one row, more than a vector, more than a tile."""
    for n in (1, 9) if length < 9 else (9 if length % 2 else 1,):
        yield (n, length), -1
        yield (length, n), 0
    if length in (1, 7, 33):
        yield (131, length), -1
        yield (length, 131), 0


def inputs(case: Case, dtype: np.dtype[Any], shape: tuple[int, ...]) -> list[np.ndarray]:
    return [numbers(dtype, shape, seed) for seed in range(case.arity)]


def every_length(call: Calls) -> None:
    """float64, the type that is read in place."""
    for case in SOME:
        for length in LENGTHS:
            for shape, axis in shapes(length):
                call(case, inputs(case, DTYPES[0], shape), **axis_option(case, axis))


def every_dtype(call: Calls) -> None:
    for case in FEW:
        for dtype in DTYPES:
            for length in LENGTHS[:: 1 if slow_run() or dtype == DTYPES[1] else 4]:
                for shape, axis in shapes(length):
                    call(case, inputs(case, dtype, shape), **axis_option(case, axis))


def masks(call: Calls) -> None:
    for case in FEW:
        for dtype in DTYPES[:4]:
            for length in (*range(1, 10), 16, 17, 31, 32, 33, 100, 2049):
                for shape, axis in shapes(length):
                    where = np.random.default_rng(3).random(shape) < 0.7
                    call(case, inputs(case, dtype, shape), where=where, **axis_option(case, axis))


def steps(call: Calls) -> None:
    """Every second or fifth item, and axes in any place."""
    for case in FEW:
        for dtype in (DTYPES[0], DTYPES[1], DTYPES[2], DTYPES[7]):
            for length in (1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 100, 2049):
                for shape, axis in shapes(length):
                    for step in (2, 5):
                        call(case, inputs(case, dtype, shape), step=step, **axis_option(case, axis))
            for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
                for shape in ((3, 5, 7), (2, 33, 9), (4, 2, 65)):
                    call(case, inputs(case, dtype, shape), **axis_option(case, axis))


def bad_rows(call: Calls) -> None:
    """Rows that are done again, scaled: overflowing, subnormal, invalid."""
    for case in SOME:
        for value in (1.7e308, 5e-324, np.nan):
            for length in (1, 7, 33, 2049):
                for shape, axis in shapes(length):
                    arrays = inputs(case, DTYPES[0], shape)
                    arrays[-1][(slice(None), 0) if axis == 0 else 0] = value
                    call(case, arrays, **axis_option(case, axis))


def broadcasts(call: Calls) -> None:
    """All pairs and one reference."""
    for case in [c for c in SOME if c.arity == 2]:
        for length in (1, 7, 33, 100):
            p, q = numbers(DTYPES[0], (3, length), 0), numbers(DTYPES[0], (5, length), 1)
            call(case, [p[:, None], q[None]])
            call(case, [p, q[0]])
            call(case, [p[0], q])
    for dtype in DTYPES[:3]:  # enough rows to be prepared
        for length in (32, 33, 100, 601):
            p, q = numbers(dtype, (9, length), 0), numbers(dtype, (11, length), 1)
            call(next(c for c in SOME if c.id == "js_divergence"), [p[:, None], q[None]])


def long_rows(call: Calls) -> None:
    """Cut among threads."""
    for case in FEW:
        for shape, axis in (((1, 140_001), -1), ((20_003, 7), 0), ((9363, 7), -1)):
            call(case, inputs(case, DTYPES[0], shape), workers=2, **axis_option(case, axis))


def every_column(call: Calls) -> None:
    """Columns of codes, which are read in place: around words of 64 samples, vectors of 512, and blocks of 8192."""
    from fastent.discrete import contingency, mutual_information, mutual_information_matrix

    for rows, levels, edge in itertools.product((1, 63, 64, 65, 511, 512, 513, 8193), (2, 10, 17), EDGES):
        x, y = numbers(DTYPES[2], (rows, 3), 1) % levels, numbers(DTYPES[2], (rows,), 2) % 10
        want = contingency(x, y, method="cells")
        y_placed = call.q.place(y, edge)
        for order, x_placed in (("C", call.p.place(x, edge)), ("F", call.out.place(x.T, edge).T)):
            label = f"{rows} samples of {levels} levels, {order}, at the {edge}"
            os.pwrite(call.note, label.encode().ljust(300), 0)
            call.count += 1
            for method in ("cells", "words", "planes"):
                if not np.array_equal(contingency(x_placed, y_placed, method=method), want):
                    call.failures.append(f"{label}: other counts by {method}")
            mutual_information(x_placed, y_placed)
            mutual_information(y_placed, np.ascontiguousarray(y[::-1]))
            mutual_information_matrix(x_placed)


def axis_option(case: Case, axis: Any) -> dict[str, Any]:
    return {} if case in ELEMENTWISE else {"axis": axis}


SOME = CASES if slow_run() else [c for c in CASES if c.params.get("order", 0) in (0, 0.5, 7.25, math.inf)]
IDS = ("entropy", "renyi_entropy-0.5", "kl_divergence", "js_divergence", "information_content", "binary_cross_entropy")
FEW = [c for c in CASES if c.id in IDS]
SWEEPS: tuple[Callable[[Calls], None], ...] = (
    every_length, every_dtype, masks, steps, bad_rows, broadcasts, long_rows, every_column
)  # fmt: skip


def main(isa: str, note: str) -> None:
    from fastent._counts import engine as counting
    from fastent._rows import engine

    engine.use_isa(isa)
    counting.use_isa(isa)
    call = Calls(note, pages=300)
    for sweep in SWEEPS:
        sweep(call)
    print(call.count)
    if call.failures:
        sys.exit("\n".join([f"{len(call.failures)} failures", *call.failures[:20]]))


# ---- the tests -----------------------------------------------------------------------------------------------------


def test_no_byte_outside(isa: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    done = subprocess.run([sys.executable, __file__, isa, str(note)], capture_output=True, text=True, timeout=250)
    if done.returncode < 0:
        pytest.fail(f"{signal.Signals(-done.returncode).name} in {note.read_text().strip()}")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000


def test_the_guards_hold(tmp_path: Path) -> None:
    """A read one byte past either end is a crash, and so the tests above can fail."""
    script = f"""
import ctypes, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_guard_pages import Guarded
memory = Guarded(1).bytes
start = memory.__array_interface__["data"][0]
at = int(sys.argv[1])
print(len(ctypes.string_at(start + (at if at < 0 else memory.size + at - 1), 1)))
"""
    for at, crash in ((-1, True), (0, False), (1, True)):
        done = subprocess.run([sys.executable, "-c", script, str(at)], capture_output=True, text=True, timeout=60)
        assert done.returncode == (-signal.SIGSEGV if crash else 0), (at, done.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
