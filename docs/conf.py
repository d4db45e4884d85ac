"""Sphinx: `python -m sphinx -W --keep-going -b html docs docs/_build/html` builds the pages.

What can be derived is written here before the pages are read: a reference page for every public module, the list of
differences from other libraries out of the docstrings of `fastent.compat`, and the table of lost digits, which is
measured on the spot.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import fastent

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples" / "theory"))

project = "fastent"
author = "The fastent developers"
copyright = author
version = release = fastent.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated/*.md"]  # the latter are parts of other pages
autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
default_role = "literal"
nitpicky = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "fastent"
html_static_path = ["_static"]
html_css_files = ["fastent.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "start": []}  # pages without a section
html_theme_options = {
    "show_prev_next": True,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

NOT_REFERENCE = {"fastent.cli", "fastent.distributions"}  # a command, and the home of fastent's own names


def public_modules() -> list[str]:
    """fastent and every public module below it that has names to offer."""
    found = ["fastent"]
    for package in ("fastent", "fastent.compat"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            private = module.name.rpartition(".")[2].startswith("_")
            if not private and module.name not in NOT_REFERENCE:
                found.append(module.name)
    return [name for name in found if hasattr(importlib.import_module(name), "__all__")]


def write(path: Path, text: str) -> None:
    """Only what has changed, so that Sphinx need not read the rest again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def reference_page(name: str) -> str:
    """The module's own words, its functions in a table, then each in full."""
    module = importlib.import_module(name)
    members = [member for member in module.__all__ if callable(getattr(module, member))]
    if name in COMPAT:  # their docstrings are the list of differences
        about = "Every difference from the original stands in :doc:`/_generated/differences`.\n"
    else:
        about = f".. automodule:: {name}\n   :no-members:\n   :no-index:\n"
    parts = [
        f"{name}\n{'=' * len(name)}\n",
        about,
        f".. currentmodule:: {name}\n",
        ".. autosummary::\n   :nosignatures:\n",
    ]
    parts.append("".join(f"   {member}\n" for member in members))
    for member in members:
        kind = "class" if isinstance(getattr(module, member), type) else "function"
        parts.append(f".. auto{kind}:: {member}\n")
    return "\n".join(parts)


def modules_list(names: list[str]) -> str:
    """The modules, each with the first sentence of its docstring."""
    first = {name: (importlib.import_module(name).__doc__ or "").split("\n\n")[0] for name in names}
    lines = (
        f"- [`{name}`](../_generated/reference/{name}.rst): {' '.join(text.split())}\n" for name, text in first.items()
    )
    return "".join(lines)


COMPAT = [name for name in public_modules() if name.startswith("fastent.compat.")]


def differences_page() -> str:
    """The docstrings of all modules of compat that have a table, private ones too."""
    title = "Differences from SciPy and scikit-learn"
    parts = [title, "=" * len(title), "", "What `fastent.compat` does otherwise than the functions it stands for.", ""]
    package = importlib.import_module("fastent.compat")
    names = [module.name for module in pkgutil.iter_modules(package.__path__, "fastent.compat.")]
    for name in sorted(names, key=lambda name: ("._" in name, name)):
        about = importlib.import_module(name).__doc__ or ""
        if "\n====" in about:
            heading = about.split()[0] if "._" in name else name  # a private module is about one function
            parts += [heading, "-" * len(heading), ""]
            parts += [f".. automodule:: {name}", "   :no-members:", "   :no-index:", ""]
    return "\n".join(parts)


def generate(app: Any) -> None:
    import accuracy_table

    modules = public_modules()
    for name in modules:
        write(HERE / "_generated" / "reference" / f"{name}.rst", reference_page(name))
    write(HERE / "_generated" / "modules.md", modules_list(modules))
    write(HERE / "_generated" / "differences.rst", differences_page())
    write(HERE / "_generated" / "accuracy.md", accuracy_table.markdown())


def mathml(writer: Any, node: nodes.Node, as_block: bool) -> None:
    """Formulas as MathML, which browsers draw themselves: no script, nothing to load from elsewhere."""
    formula = re.sub(r"(frac)(\d)(\d)", r"\1{\2}{\3}", node.astext())  # docutils takes \frac12 for a fraction of 12
    formula = re.sub(r"(?<=[\w})])\s*\\(log|ln)\b", r"\\,\\\1", formula)  # and sets no space around a function
    formula = re.sub(r"\\(log|ln)\b(?!\s*\()", r"\\\1\\,", formula)
    writer.body.append(tex2mathml(formula, as_block=as_block))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    app.connect("builder-inited", generate)
    renderers = [(lambda writer, node, block=block: mathml(writer, node, block), None) for block in (False, True)]
    app.add_html_math_renderer("mathml", *renderers)
