"""The table of assumptions: every number of `radiography/data` with unit, source and file, read from the TOML files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array, InlineTable, Table

DATA = Path(__file__).resolve().parents[1] / "radiography" / "data"
FOLDERS = ("scintillators", "panels", "beams", "cameras", "scenes")
_UNIT = re.compile(r"^\[(?!A\]|P\]|S\]|C\]|D\]|F\]|B\]|N\])([^\]]*)\]\s*")
_MARK = re.compile(r"\[([A-Z])(?:[,:\]][^\]]*)?\]?")
_LONGEST = 60  # characters of a value that a row shows


@dataclass(frozen=True)
class Assumption:
    """A number of a data file: dotted key, value as written, unit, source marks such as A or F, remark, file."""

    key: str
    value: str
    unit: str
    marks: tuple[str, ...]
    remark: str
    file: str


def assumptions_of(path: Path) -> list[Assumption]:
    """Every value of a data file, in its order.

    The comment of a line reads "[unit] [mark] remark"; a beam says "assumed" in words, which counts as the mark A.
    """
    file = path.relative_to(DATA).as_posix()
    found: list[Assumption] = []
    _walk(tomlkit.parse(path.read_text(encoding="utf-8")), "", file, found)
    return found


def materials_of(path: Path) -> list[Assumption]:
    """Composition and density of every material, with the source that its entry names."""
    found = []
    for name, entry in tomlkit.parse(path.read_text(encoding="utf-8")).unwrap().items():
        source = str(entry["source"])
        marks = ("A",) if "assumed" in source else ()
        density = f"{entry['density_g_per_cm3']:g}" if "density_g_per_cm3" in entry else "of its parts"
        found.append(Assumption(name, density, "g/cm3", marks, source, path.name))
    return found


def sources_of(path: Path) -> str:
    """What a file's first comment lines say about its sources and their marks."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def assumptions_page() -> str:
    """The whole table as a Markdown page."""
    lines = [
        "# What is assumed",
        "",
        "Every number of `radiography/data`, as the files say it. Marks: A assumed, F fitted, D the example of another",
        "code; other letters are publications and data sheets, which the note above each table names. A number without",
        "a mark belongs to the one above it, or is a definition.",
        "",
    ]
    for folder in FOLDERS:
        lines += [f"## {folder.capitalize()}", ""]
        for path in sorted((DATA / folder).glob("*.toml")):
            lines += [f"### {path.stem}", "", _escaped(sources_of(path)), "", *_table(assumptions_of(path))]
    path = DATA / "materials.toml"
    lines += ["## Materials", "", _escaped(sources_of(path)), "", *_table(materials_of(path))]
    return "\n".join(lines)


def _walk(table: Any, prefix: str, file: str, found: list[Assumption]) -> None:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Table):
            _walk(value, f"{name}.", file, found)
        elif isinstance(value, AoT):
            for number, entry in enumerate(value):
                _walk(entry, f"{name}[{number}].", file, found)
        elif isinstance(value, Array) and all(isinstance(entry, dict) for entry in value) and value:
            lines = [line for line in value.as_string().splitlines() if "{" in line]
            for number, entry in enumerate(value.unwrap()):
                comment = lines[number].partition("#")[2].strip() if len(lines) == len(value) else ""
                _, marks, remark = _said(comment)
                what = ": ".join(part for part in (entry.get("material", ""), remark) if part)
                for inner, number_in_it in entry.items():
                    if not isinstance(number_in_it, str):
                        found.append(Assumption(f"{name}[{number}].{inner}", str(number_in_it), "", marks, what, file))
        elif not isinstance(value, str | bool):
            unit, marks, remark = _said(value.trivia.comment.lstrip("# ").strip())
            found.append(Assumption(name, _shown(value), unit, marks, remark, file))


def _said(comment: str) -> tuple[str, tuple[str, ...], str]:
    """Unit, marks and remark of a comment."""
    unit = _UNIT.match(comment)
    rest = comment[unit.end() :] if unit else comment
    marks = dict.fromkeys(_MARK.findall(rest))
    if "assumed" in rest:
        marks["A"] = None
    return (unit[1] if unit else ""), tuple(marks), rest


def _shown(value: Any) -> str:
    plain = value.unwrap() if isinstance(value, Array | InlineTable) else value
    text = str(plain)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _table(rows: list[Assumption]) -> list[str]:
    if not rows:
        return ["Nothing beyond what it is based on.", ""]
    lines = ["| name | value | unit | source | remark | file |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (f"`{row.key}`", f"`{row.value}`", row.unit, ", ".join(row.marks), row.remark, f"`{row.file}`")
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    return [*lines, ""]


def _escaped(text: str) -> str:
    """Text that Markdown leaves alone: no cell ends and no link begins in it."""
    return text if text.startswith("`") else re.sub(r"([|\[\]<>*_#$])", r"\\\1", text)
