"""Scripts that run in a process of their own, with a time limit: a crash or a hang there is a failed test."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "FASTENT_"))}

PRELUDE = """
import os, signal, sys, threading, time
import numpy as np
import fastent

P = np.random.default_rng(0).random((300, 1000))
WANT = fastent.entropy(P, workers=1)

def tasks():
    "Threads of this process."
    return len(os.listdir("/proc/self/task"))

def compute(workers):
    got = fastent.entropy(P, workers=workers)
    assert got.tobytes() == WANT.tobytes(), "other bits"

def parallel(workers=3):
    compute(workers)
    assert tasks() >= workers, f"{tasks()} threads, not {workers}"
"""


def run(script: str, *arguments: str, timeout: float = 60, **environment: str) -> str:
    """What a script prints; a failure if it fails or hangs."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *arguments]
    try:
        done = subprocess.run(command, env=CLEAN | environment, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"no end after {timeout} s: {late.stdout!r} {late.stderr!r}")
    if done.returncode:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def on_a_terminal(*command: str) -> tuple[str, str]:
    """Standard output, and what a terminal on standard error gets to see."""
    import pty

    terminal, end = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True)
    os.close(end)
    seen = b"".join(iter(lambda: read_terminal(terminal), b"")).decode()
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out, seen


def read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other end was closed
        return b""
