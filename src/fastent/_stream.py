"""Rows that stay on disk: a .npy file mapped and cut into blocks, results summed up and written as they come.

Nothing here grows with the file. A block is a view of the mapping; after each block the pages it touched are handed
back, so the resident set stays at a block's size while the page cache still serves the next pass. Mapping beats
reading into a buffer: on two Zen 4 cores a warm file streams at 13-15 GB/s through the mapping, the speed of the same
array in memory, and at 4-6 GB/s through readinto, with or without a thread that reads ahead.
"""

import errno
import math
import mmap
import os
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Array = NDArray[Any]
Index = tuple[slice, ...]

BLOCK = 1 << 24  # bytes per block: long enough to hide the call, small enough to report progress and to stop at once
RUN = 1 << 16  # shortest stretch of columns read from each row: shorter ones would touch every page many times over
SAMPLE = 1 << 20  # rows the quantiles are taken from


class InputError(Exception):
    """What the user gave cannot be used; the message is the one line to show."""


class NpyFile:
    """A .npy file: its array is a view of the mapped file, in the file's own order."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for a writer
                raise InputError(f"{path} is not a regular file")
            with open(path, "rb") as file:
                self._open(file)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None

    def _open(self, file: BinaryIO) -> None:
        try:
            version = npy.read_magic(file)
        except ValueError:
            raise InputError(f"{self.path} is not a .npy file") from None
        try:
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, fortran, dtype = read_header(file)
        except (KeyError, TypeError, ValueError):  # later versions only add field names, and rows have no fields
            raise InputError(f"{self.path} has a .npy header that cannot be read as an array of numbers") from None
        if dtype.hasobject:
            raise InputError(f"{self.path} holds pickled Python objects, which are never loaded; save numbers instead")
        if not shape or min(shape) < 0:
            raise InputError(f"{self.path} holds no rows: its shape is {shape}")
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
        end = offset + math.prod(shape) * dtype.itemsize
        if size < end:
            raise InputError(f"{self.path} is truncated: {size:,} bytes where its header promises {end:,}")
        self.fortran = bool(fortran) and len(shape) > 1
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.array: Array = np.ndarray(shape, dtype, self._map, offset, order="F" if fortran else "C")

    def release(self) -> None:
        """Hand the mapped pages back. Safe at any time, also while they are read: they come back from the cache."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


@contextmanager
def releasing(files: Iterable[NpyFile]) -> Iterator[None]:
    """Keep the pages of files from piling up during a long call.

    A block that cannot be made small (a row longer than a block, a narrow column of a tall file) is reduced by a
    single call, so only another thread can keep what is resident from growing with it. It costs nothing to speak of.
    """
    done = threading.Event()

    def release() -> None:
        while not done.wait(0.01):
            for file in files:
                file.release()

    thread = threading.Thread(target=release, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def blocks(shape: tuple[int, ...], axis: int, itemsize: int, block: int = BLOCK, run: int = RUN) -> Iterator[Index]:
    """Cut a C-ordered array of this shape, reduced along axis, into blocks of about block bytes, in memory order.

    One kept axis is cut into slices, the ones before it are walked and the ones after it are taken whole, so that the
    results of successive blocks follow each other in the C order of the kept axes. Where the reduced axis comes before
    the one that is cut, a slice spans at least run bytes of memory, even if that makes the block larger.
    """
    row = max(shape[axis] * itemsize, 64)  # short rows count as longer: they have results too

    def cut(done: Index) -> Iterator[Index]:
        depth = len(done)
        if depth == len(shape):
            yield done
        elif depth == axis:
            yield from cut((*done, slice(None)))
        else:
            after = math.prod(n for i, n in enumerate(shape) if i > depth and i != axis)
            step = block // max(row * after, 1)
            if depth > axis:
                step = max(step, run // max(after * itemsize, 1))
            whole = (slice(None),) * (len(shape) - depth - 1)
            for start in range(0, shape[depth], max(step, 1)):
                part = (*done, slice(start, min(start + max(step, 1), shape[depth])))
                yield from [(*part, *whole)] if step else cut(part)

    return cut(())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a new file beside path that takes its place at the end, or vanishes if anything goes wrong before."""
    path = Path(os.path.realpath(path))  # through a link: replace what it points to, not the link
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with open(temporary, "xb") as file:
            yield file
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@dataclass(frozen=True)
class Layout:
    """Where results belong: a dtype and a shape filled in memory order, which is Fortran's if the input's is."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    def positions(self, numbers: Iterable[int]) -> list[str]:
        """What stands for the results with these numbers: "7", or "3,1" where several axes are kept."""
        if len(self.shape) <= 1:
            return [str(number) for number in numbers]
        axes = np.unravel_index(np.fromiter(numbers, np.intp), self.shape, order="F" if self.fortran else "C")
        return [",".join(map(str, position)) for position in zip(*(axis.tolist() for axis in axes), strict=True)]


class NpyWriter:
    """Results as a .npy file of the kept shape, in the memory order of the input."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.file = file
        fortran = layout.fortran and len(layout.shape) > 1
        header = {"descr": npy.dtype_to_descr(layout.dtype), "fortran_order": fortran, "shape": layout.shape}
        npy.write_array_header_1_0(file, header)

    def write(self, values: Array) -> None:
        self.file.write(values.tobytes())


class CsvWriter:
    """Results as lines: row number (a column per kept axis) and value, in the fewest digits that read back the same."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.file, self.layout, self.rows = file, layout, 0
        columns = [f"axis{i}" for i in range(len(layout.shape))] if len(layout.shape) > 1 else ["row"]
        file.write(",".join([*columns, layout.name]).encode() + b"\n")

    def write(self, values: Array) -> None:
        for start in range(0, len(values), 4096):  # in short steps, so that Ctrl-C is heard
            part = values[start : start + 4096]
            positions = self.layout.positions(range(self.rows, self.rows + len(part)))
            numbers = map(repr, part.tolist()) if part.dtype == np.float64 else map(str, part)  # same text, faster
            self.file.write("".join(map("%s,%s\n".__mod__, zip(positions, numbers, strict=True))).encode())
            self.rows += len(part)


class Summary:
    """Rows, mean, quantiles and the largest values of results that arrive in pieces.

    Up to SAMPLE rows the quantiles are exact. Beyond, they come from a sample: one row drawn from each stretch of
    `step` rows, every row with the same chance, step doubling whenever the sample is full. A fixed seed makes two
    runs agree.
    """

    def __init__(self, top: int = 0) -> None:
        self.rows = self.invalid = 0
        self.total = 0.0
        self.step = 1
        self.top_values: Array = np.empty(0)
        self.top_rows: NDArray[np.intp] = np.empty(0, np.intp)
        self._top = top
        self._parts: list[Array] = []
        self._random = np.random.default_rng(0)

    def add(self, values: Array) -> None:
        bad = np.isnan(values)
        invalid = int(np.count_nonzero(bad))
        valid = values[~bad] if invalid else values
        if self._top:
            self._merge(values)
        self.rows += len(values)
        self.invalid += invalid
        self.total += float(valid.sum(dtype=np.float64))
        self._parts.append(self._draw(valid, self.step))
        while sum(map(len, self._parts)) > SAMPLE:
            self._parts = [self._draw(np.concatenate(self._parts), 2)]
            self.step *= 2

    def _draw(self, values: Array, step: int) -> Array:
        if step == 1:
            return values
        picked = np.arange(0, len(values), step)
        picked += self._random.integers(step, size=len(picked))
        return values[picked[picked < len(values)]]

    def _merge(self, values: Array) -> None:
        full = len(self.top_values) == self._top
        rows = np.flatnonzero(values > self.top_values[-1] if full else ~np.isnan(values))
        merged = np.concatenate([self.top_values, values[rows]])
        rows = np.concatenate([self.top_rows, rows + self.rows])
        best = np.argsort(-merged, kind="stable")[: self._top]  # stable: of equal values the first row wins
        self.top_values, self.top_rows = merged[best], rows[best]

    @property
    def mean(self) -> float:
        """Mean over the valid rows; nan without any."""
        valid = self.rows - self.invalid
        return self.total / valid if valid else math.nan

    def quantiles(self, levels: Iterable[float]) -> list[float]:
        """Smallest value that this share of the valid rows does not exceed; a value of some row, so inf is welcome."""
        levels = list(levels)
        sample = np.concatenate(self._parts) if self._parts else np.empty(0)
        if not len(sample):
            return [math.nan] * len(levels)
        found: list[float] = np.quantile(sample, levels, method="inverted_cdf").tolist()
        return found
