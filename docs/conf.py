"""How the documentation is built: `make docs`. Nothing is fetched, and any warning is an error."""

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pages  # noqa: E402

import radiography  # noqa: E402

project = "radiography"
author = "the radiography developers"
version = release = radiography.__version__

extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
default_role = "py:obj"  # `name` is a link where the name is known, and code everywhere

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and units stand in the docstrings
autodoc_default_options = {"members": True}
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()  # docstrings are judged by tests/docstring_rules.py

html_theme = "furo"
html_title = f"radiography {version}"
html_copy_source = False
html_show_sphinx = False


def plain_references(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A file's references as a plain list, and [1] as plain text where it points to that list.

    numpydoc numbers the references of each function; those of a file, which several functions share, it leaves alone.
    """
    text = "\n".join(lines)
    if what == "module":
        said, _, references = text.partition("\nReferences\n----------\n")
        if references:
            listed = re.sub(r"^\.\. (\[\d+\])", r"\n\1", re.sub(r"^ +", "", references, flags=re.M), flags=re.M)
            text = f"{said}\n\n.. rubric:: References\n{listed}"
        text = re.sub(r"(?<!::)\n\n((?:    .*(?:\n|$))+)", r"\n\n::\n\n\1\n", text)  # a diagram, as it stands
    for number in set(re.findall(r"\[(\d+)\]_", text)):
        if f".. [{number}]" not in text:
            text = text.replace(f"[{number}]_", f"[{number}]")
    text = re.sub(r"\|([^|`\n]+)\|", r"\\|\1\\|", text)  # an absolute value, no substitution
    lines[:] = text.split("\n")


def setup(app: Any) -> None:
    """Write the generated pages before anything is read."""
    app.connect("config-inited", lambda app, config: pages.write_pages(HERE / "pages"))
    app.connect("autodoc-process-docstring", plain_references, priority=400)  # before numpydoc
