"""What this installation computes with."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from fastent import _openmp
from fastent._bins import engine as bins_engine
from fastent._counts import engine as counts_engine
from fastent._rows import engine
from fastent._select import engine as select_engine
from fastent._threads import decide


def use_isa(name: str) -> None:
    """Compute with the kernels of one instruction set from now on, in all engines."""
    for each in (engine, counts_engine, select_engine, bins_engine):
        each.use_isa(name)


def _pin_isa() -> None:
    """FASTENT_ISA names the instruction set to compute with."""
    name = os.environ.get("FASTENT_ISA", "").strip()
    if not name:
        return
    if name not in engine.isas():
        raise ImportError(f"FASTENT_ISA={name} is not available here; these are: {', '.join(engine.isas())}")
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
