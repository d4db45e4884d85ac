"""The switch for the reduced run, and what the JSON says about the machine."""

from __future__ import annotations

import platform
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="a twentieth of the numbers, to see that all runs")


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    import contestants

    import fastent

    machine_info["fastent"] = {
        **fastent.show_config(verbose=False),
        "quick": config.getoption("--quick"),
        "processors": contestants.PROCESSORS,
        "cpu": machine_info.get("cpu", {}).get("brand_raw") or platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "contestants": {c.key: (f"{c.package} {c.version()}", c.note) for c in contestants.taking_part()},
        "absent": [c.label for c in contestants.absent()],
    }
