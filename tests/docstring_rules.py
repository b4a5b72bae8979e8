"""Docstrings by the rules of numpydoc: `python -m tests.docstring_rules [FILES]`, part of `make lint`.

Every public function, class and file has a docstring. A public function of two or more parameters has *Parameters*
that name each of them, and *Returns* or *Yields* where it gives something back. The validation is numpydoc's.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from numpydoc.hooks.validate_docstrings import AstValidator
from numpydoc.validate import validate

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("radiography", "calibration", "phantoms")
COMMANDS = REPOSITORY / "radiography" / "cli"  # what a command takes is described where its options stand
FEW_PARAMETERS = 2  # a function of fewer may say all in a sentence
# numpydoc's codes: parameters that are not documented, or unknown; nothing said of what is returned
SECTIONS = {"PR01", "PR02", "RT01", "YD01"}


def complaints(path: Path) -> list[str]:
    """What is missing in the docstrings of a file, a line each."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [] if ast.get_docstring(tree) else [f"{path}:1: the file has no docstring"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            found += _of_definition(node, tree, path)
    return found


def _of_definition(node: ast.ClassDef | ast.FunctionDef, tree: ast.Module, path: Path) -> list[str]:
    where = f"{path}:{node.lineno}: {node.name}"
    if ast.get_docstring(node) is None:
        return [f"{where} has no docstring"]
    if isinstance(node, ast.ClassDef) or _parameters(node) < FEW_PARAMETERS or COMMANDS in path.parents:
        return []
    errors = validate(node.name, AstValidator, ast_node=node, filename=path, ancestry=[tree])["errors"]
    return [f"{where}: {code} {text}" for code, text in errors if code in SECTIONS]


def _parameters(node: ast.FunctionDef) -> int:
    given = node.args
    return len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)


if __name__ == "__main__":
    files = [Path(name).resolve() for name in sys.argv[1:]] or sorted(
        path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")
    )
    lines = [line for path in files for line in complaints(path)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)
