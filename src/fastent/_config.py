"""What this installation computes with."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fastent import _openmp
from fastent._rows import engine
from fastent._threads import decide

ENGINES = ("_rows", "_counts", "_logits", "_continuous", "_neighbors", "_select", "_bins")
"""Where the engines are. Most are imported by the first call that needs them, with the best instruction set chosen."""


def use_isa(name: str) -> None:
    """Compute with the kernels of one instruction set from now on, in all engines."""
    for folder in ENGINES:
        importlib.import_module(f"fastent.{folder}.engine").use_isa(name)


def _is_command() -> bool:
    """Whether the command is what imports the package: its own code, which would say it in one line, comes too late."""
    program = (getattr(sys, "argv", None) or [""])[0]
    if program == "-m":  # python -m is still looking for the module
        return any(word in ("fastent", "-mfastent") for word in sys.orig_argv)
    return Path(program).stem == "fastent"


def _pin_isa() -> None:
    """FASTENT_ISA names the instruction set to compute with."""
    name = os.environ.get("FASTENT_ISA", "").strip()
    if not name:
        return
    if name not in engine.isas():
        message = f"FASTENT_ISA={name} is not available here; these are: {', '.join(engine.isas())}"
        if _is_command():
            print(f"fastent: {message}", file=sys.stderr)
            raise SystemExit(2)
        raise ImportError(message)
    use_isa(name)


_pin_isa()


def show_config(*, verbose: bool = True) -> dict[str, Any]:
    """Print and return what fastent computes with: version, instruction sets, threads, compiler.

    Parameters
    ----------
    verbose : bool
        False returns without printing.

    Returns
    -------
    dict
        version, isa (in use), isa_available, openmp (date of the standard, 0 without), workers (of a large call) and
        workers_from (what decided it), compiler, python, numpy.

    Examples
    --------
    >>> import fastent
    >>> config = fastent.show_config(verbose=False)
    >>> config["isa"] in config["isa_available"]
    True
    """
    from fastent import __version__  # the package imports this module

    workers, source = decide()
    config = {
        "version": __version__,
        "isa": engine.isa(),
        "isa_available": engine.isas(),
        "openmp": _openmp.openmp_version(),
        "workers": workers,
        "workers_from": source,
        "compiler": _openmp.compiler(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    if verbose:
        for name, value in config.items():
            print(f"{name:14} {', '.join(value) if isinstance(value, tuple) else value}")
    return config
