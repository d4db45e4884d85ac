"""How many workers a call gets.

The `workers=` argument, else set_workers(), else FASTENT_NUM_THREADS, else OMP_NUM_THREADS, else the processors that
this process may use (affinity and cgroup quota). Limits set at run time through OpenMP, as threadpoolctl does, cap all
of these.
Everything is read at call time, but only by calls with enough work to share out.
"""

from __future__ import annotations

import functools
import math
import operator
import os
from pathlib import Path
from types import TracebackType

from fastent import _openmp

SERIAL_ENTRIES = 1 << 16
"""Calls on fewer entries run serially: below some 50 microseconds of work, waking threads costs more than it gives."""

MOST_WORKERS = 256
"""No call starts more threads, whatever it is asked for: their stacks alone would exhaust a process."""

_default: int | None = None


class set_workers:  # (used like a function, with `with` like a context manager)
    """Set how many workers later calls use when they do not say it themselves.

    Parameters
    ----------
    workers : int or None
        A number of threads, -1 for all processors this process may use, None for the environment's choice.

    Used as a context manager it restores the former setting at the end. Results never depend on it.

    Examples
    --------
    >>> import fastent
    >>> with fastent.set_workers(1):
    ...     fastent.show_config(verbose=False)["workers"]
    1
    """

    def __init__(self, workers: int | None) -> None:
        global _default
        self._former = _default
        _default = None if workers is None else check_workers("set_workers", workers)

    def __enter__(self) -> set_workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _default
        _default = self._former


def check_workers(function: str, workers: int) -> int:
    """The number, or a refusal."""
    try:
        number = operator.index(workers)
    except TypeError:
        raise TypeError(f"{function}: workers must be an integer or None, got {workers!r}") from None
    if number < 1 and number != -1:
        raise ValueError(f"{function}: workers must be at least 1, or -1 for all processors, got {number}")
    return number


@functools.cache
def _cgroup_quota() -> float:
    """Processors that the cgroups of this process may use at a time; infinity without a quota."""
    quota = math.inf
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return quota
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        mount = Path("/sys/fs/cgroup") if not controllers else Path("/sys/fs/cgroup/cpu")
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = mount / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder == mount.parent:
                break
            quota = min(quota, _quota_of(folder))
    return quota


def _quota_of(folder: Path) -> float:
    try:
        allowed, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            allowed = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return math.inf
    if not (allowed.isdecimal() and period.isdecimal() and int(allowed) > 0 and int(period) > 0):
        return math.inf
    return int(allowed) / int(period)


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_processors() -> int:
    """Processors that affinity and cgroup quota leave to this process."""
    quota = _cgroup_quota()
    return max(1, min(_affinity(), math.ceil(quota)) if math.isfinite(quota) else _affinity())


def _omp_num_threads() -> int:
    """The first number of OMP_NUM_THREADS, 0 without one."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _from_environment() -> tuple[int, str] | None:
    text = os.environ.get("FASTENT_NUM_THREADS", "").strip()
    if text:
        if not text.removeprefix("-").isdecimal():
            raise ValueError(f"FASTENT_NUM_THREADS must be a number of threads or -1, got {text!r}")
        return check_workers("FASTENT_NUM_THREADS", int(text)), "FASTENT_NUM_THREADS"
    number = _omp_num_threads()
    return (number, "OMP_NUM_THREADS") if number else None


_openmp_default = max(_openmp.max_threads(), _omp_num_threads() or _affinity())
"""What OpenMP uses when nobody has set a limit, also if somebody had when this was imported."""


def decide(workers: int | None = None) -> tuple[int, str]:
    """Number of workers for a large call, and where the number came from."""
    if workers is not None:
        number, source = workers, "workers= argument"
    elif _default is not None:
        number, source = _default, "set_workers"
    else:
        number, source = _from_environment() or (-1, "processors (affinity, cgroup quota)")
    if number == -1:
        number = available_processors()
    if not _openmp.openmp_version():
        return 1, "built without OpenMP"
    limit = _openmp.max_threads()
    if limit != _openmp_default and limit < number:
        return limit, "limit set through OpenMP"
    return min(number, MOST_WORKERS), source


def workers_for(function: str, workers: int | None, entries: int) -> int:
    """Workers for a call on so many entries."""
    if workers is not None:
        workers = check_workers(function, workers)
    return 1 if entries < SERIAL_ENTRIES else decide(workers)[0]
