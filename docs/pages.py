"""Pages that are made from the code: one for each room, one for each example, and the table of assumptions."""

from __future__ import annotations

import ast
from pathlib import Path

from assumptions import assumptions_page

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "docs" / "examples"
PACKAGES = ("radiography", "calibration", "phantoms")


def write_pages(folder: Path) -> list[Path]:
    """Write all pages under a folder, remove those of rooms that are no more, and say which are there.

    Parameters
    ----------
    folder : Path
        Made where it is missing. Pages that did not change keep their time, so that little is built anew.

    Returns
    -------
    written : list of Path
    """
    texts = {folder / "assumptions.md": assumptions_page()}
    for name, folders in rooms().items():
        texts[folder / "rooms" / f"{name}.md"] = room_page(name, folders)
    for path in sorted(EXAMPLES.glob("*.py")):
        texts[folder / "examples" / f"{path.stem}.md"] = example_page(path)
    for path in folder.rglob("*.md"):
        if path not in texts:
            path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


def rooms() -> dict[str, list[Path]]:
    """Folders of Python files by the name of their room; what lies directly in a package is a room of its own."""
    found: dict[str, list[Path]] = {}
    for package in PACKAGES:
        for face in sorted((REPOSITORY / package).rglob("__init__.py")):
            parts = face.parent.relative_to(REPOSITORY).parts
            found.setdefault(".".join(parts[:2]), []).append(face.parent)
    return found


def room_page(name: str, folders: list[Path]) -> str:
    """The page of a room: what it is, and what each of its files offers."""
    lines = [f"# {name}", "", _first_paragraph(folders[0] / "__init__.py"), ""]
    for folder in folders:
        for path in sorted(folder.glob("*.py")):
            if path.name == "__init__.py":
                continue
            module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
            heading = f"{path.relative_to(REPOSITORY).as_posix()}"
            lines += [f"## {heading}", "", "```{eval-rst}", f".. automodule:: {module}", "```", ""]
    return "\n".join(lines)


def example_page(path: Path) -> str:
    """An example as a page: comments of `# %% [markdown]` cells as text, the rest as code, its picture at the end."""
    tree_text = path.read_text(encoding="utf-8")
    title = ast.get_docstring(ast.parse(tree_text)) or path.stem
    first, _, rest = title.partition("\n")
    lines = [f"# {first.rstrip('.')}", "", rest.strip(), ""]
    for cell in tree_text.split("\n# %%")[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            text = [line.removeprefix("#").removeprefix(" ") for line in body.splitlines()]
            lines += ["\n".join(text).strip(), ""]
        else:
            lines += ["```python", body.strip("\n"), "```", ""]
    if path.with_suffix(".png").exists():
        lines += [f"![{first}](../../examples/{path.stem}.png)", ""]
    return "\n".join([*lines, f"*The file is `docs/examples/{path.name}`; run it to make the picture.*", ""])


def _first_paragraph(face: Path) -> str:
    docstring = ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ")
