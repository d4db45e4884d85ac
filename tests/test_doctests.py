"""Every example in a docstring and in the README runs and prints what it says."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import fastent

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    "fastent",
    *(m.name for m in pkgutil.walk_packages(fastent.__path__, "fastent.") if not m.name.endswith("__main__")),
]
PUBLIC = [
    *(f"fastent.{name}" for name in fastent.__all__ if callable(getattr(fastent, name))),
    *(f"fastent.discrete.{name}" for name in fastent.discrete.__all__ if name.islower()),
    *(f"fastent.continuous.{name}" for name in fastent.continuous.__all__ if name.islower()),
    *(f"fastent.feature_selection.{name}" for name in fastent.feature_selection.__all__ if name.islower()),
    *(f"fastent.logits.{name}" for name in fastent.logits.__all__),
    *(f"fastent.uncertainty.{name}" for name in fastent.uncertainty.__all__ if name.islower()),
]


@pytest.mark.parametrize("name", MODULES)
def test_module_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_an_example_and_its_options(name):
    module, _, function = name.rpartition(".")
    text = getattr(importlib.import_module(module), function).__doc__
    assert ">>> " in text
    assert not re.search("<[A-Z]+>", text), "an option text is missing"


def test_readme_examples():
    readme = Path(__file__).parents[1] / "README.md"
    if not readme.exists():
        pytest.skip("the README is not beside the tests")
    result = doctest.testfile(str(readme), module_relative=False, optionflags=FLAGS)
    assert result.attempted > 0
    assert result.failed == 0
