"""Defect maps in and out of files.

Read: our own tables (CSV, JSON), and the bad-pixel map (BPM) that PerkinElmer and Varex panels come with, an XML file.
Written: tables of bad pixels with class and group. Files come from strangers, so nothing in them is believed before it
is checked: no XML entities, no sizes beyond what a panel can have. What is written appears whole under its name, or
not at all.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from calibration.defects.ageing import DatedMap
from calibration.defects.clusters import KIND_NAMES, DefectGroups, group_name
from calibration.flags import DEAD, FLAG_NAMES, NOISY, UNUSABLE
from calibration.own_words import refused
from calibration.whole_file import whole_file

TABLE_FORMAT = "radiography defect map"
TABLE_VERSION = 1
COLUMNS = ("row", "col", "classes", "group", "kind", "name")
LARGEST_FILE_BYTES = 2**29  # 9.4 million bad pixels in a BPM file are 600 MB: nobody's map   # chosen
LARGEST_SIDE, LARGEST_PANEL_PIXELS = 65_535, 2**27  # pixels; the largest panels have 2**24   # chosen
_CHUNK_BYTES = 2**20
_CLASS_BITS = {name: bit for name, bit in FLAG_NAMES.items() if bit & UNUSABLE}


def read_defect_map(path: str | Path, taken: date | None = None) -> DatedMap:
    """A defect map from a table or a BPM file; the first bytes tell.

    Parameters
    ----------
    path : str or Path
        A table of `write_defect_table`, or a BPM file.
    taken : date, optional
        Day of the map, where the file does not know it or knows it wrongly.

    Returns
    -------
    defects : DatedMap
        Pixels of a BPM file, which has no classes, are DEAD, or NOISY where it says so.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError
        If the file is of no known kind, damaged, too large, or says impossible things.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; a defect map is needed")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK"):
        raise ValueError(f"{path} is a zip file, as calibration sets are; a defect table or BPM file is needed")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a defect map has at most {LARGEST_FILE_BYTES}")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return DatedMap(_read_bpm(path), taken, path.name)
    if start.startswith((b"{", b"#")):
        reader = _read_json if start.startswith(b"{") else _read_csv
        flags, day = reader(path)
        return DatedMap(flags, taken or day, path.name)
    raise ValueError(f"{path} is no defect table (CSV, JSON), no BPM file (XML) and no calibration set")


def write_defect_table(
    path: str | Path, flags: NDArray[np.uint16], groups: DefectGroups, about: Mapping[str, Any]
) -> None:
    """Write the bad pixels of a map as a table: row, column, classes, group, kind and name of the group.

    Parameters
    ----------
    path : str or Path
        Ends in `.csv` or `.json`. Appears whole, or not at all.
    flags : (H, W) uint16
        Bits of `calibration.flags`.
    groups : DefectGroups
        From `find_groups` of the same flags.
    about : mapping
        JSON values that head the table: source, criteria; `date` (ISO) is read back.

    Raises
    ------
    ValueError
        If the name ends otherwise, or the groups are those of another map.
    TypeError
        If `about` cannot be written as JSON.
    FileNotFoundError, IsADirectoryError
        If the folder does not exist, or the name is one.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise ValueError(f"{path} must end in .csv or .json")
    if len(groups.pixels) != np.count_nonzero(flags & UNUSABLE):
        raise ValueError(
            f"the groups hold {len(groups.pixels)} bad pixels, the map {np.count_nonzero(flags & UNUSABLE)}"
        )
    head = {"format": TABLE_FORMAT, "version": TABLE_VERSION, "rows": flags.shape[0], "cols": flags.shape[1], **about}
    try:
        heading = json.dumps(head, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the heading of {path} cannot be written as JSON: {error}") from error
    text = _csv_text(heading, flags, groups) if suffix == ".csv" else _json_text(heading, flags, groups)
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode())


def day_of(value: object, path: str | Path) -> date | None:
    """The day of an ISO date, or of a date and time.

    Parameters
    ----------
    value : object
        As it stands in a file; None where there is no date.
    path : str or Path
        That file, for the error.

    Returns
    -------
    day : date or None

    Raises
    ------
    ValueError
        If the value is no date.
    """
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise ValueError(f"{path} has the date {str(value)[:20]!r}; a date is YYYY-MM-DD") from error


# -------------------------------------------------------------------------------------------------------- our tables


def _rows(flags: NDArray[np.uint16], groups: DefectGroups) -> list[tuple[int, int, str, int, str, str]]:
    """One tuple of COLUMNS for each bad pixel."""
    kinds = [KIND_NAMES[kind] for kind in groups.kind]
    names = [group_name(groups, number) for number in range(len(groups.count))]
    own = flags[tuple(groups.pixels.T)] & np.uint16(UNUSABLE)
    known = {int(value): "+".join(n for n, bit in _CLASS_BITS.items() if bit & int(value)) for value in np.unique(own)}
    return [
        (row, col, known[bits], group, kinds[group], names[group])
        for (row, col), bits, group in zip(groups.pixels.tolist(), own.tolist(), groups.group.tolist(), strict=True)
    ]


def _csv_text(heading: str, flags: NDArray[np.uint16], groups: DefectGroups) -> str:
    out = io.StringIO()
    out.write(f"# {heading}\n")
    out.write(
        "# row and column count from 0; classes of calibration.flags; groups as in calibration.defects.clusters\n"
    )
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(flags, groups))
    return out.getvalue()


def _json_text(heading: str, flags: NDArray[np.uint16], groups: DefectGroups) -> str:
    lines = ",\n".join(json.dumps(row) for row in _rows(flags, groups))
    return f'{heading[:-1]}, "columns": {json.dumps(COLUMNS)},\n"pixels": [\n{lines}\n]}}\n'


def _read_csv(path: Path) -> tuple[NDArray[np.uint16], date | None]:
    lines = _text(path).splitlines()
    head = _heading(lines[0].removeprefix("#"), path)
    flags = _empty_map(head.get("rows"), head.get("cols"), path)
    body = [line for line in lines if not line.startswith("#")]
    reader = csv.reader(body)
    columns = next(reader, [])
    if columns[:3] != list(COLUMNS[:3]):
        raise ValueError(f"{path} has the columns {', '.join(columns)[:100]}; {', '.join(COLUMNS)} are needed")
    try:
        for cells in reader:
            if len(cells) < 3:
                raise ValueError(f"{path} is damaged: a line has {len(cells)} cells")
            _mark(flags, cells[0], cells[1], _class_bits(cells[2], path), path)
    except csv.Error as error:
        raise ValueError(f"{path} is damaged: line {reader.line_num} is no row of cells") from error
    return flags, day_of(head.get("date"), path)


def _read_json(path: Path) -> tuple[NDArray[np.uint16], date | None]:
    head = _heading(_text(path), path)
    flags = _empty_map(head.get("rows"), head.get("cols"), path)
    rows = head.get("pixels")
    if not isinstance(rows, list) or list(head.get("columns") or ())[:3] != list(COLUMNS[:3]):
        raise ValueError(f"{path} is damaged: it has no table of pixels with {', '.join(COLUMNS[:3])}")
    for cells in rows:
        if not isinstance(cells, list) or len(cells) < 3:
            raise ValueError(f"{path} is damaged: {str(cells)[:40]!r} is no bad pixel")
        _mark(flags, cells[0], cells[1], _class_bits(cells[2], path), path)
    return flags, day_of(head.get("date"), path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file in UTF-8") from error


def _heading(text: str, path: Path) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no defect table: its heading cannot be read") from error
    if not isinstance(head, dict) or head.get("format") != TABLE_FORMAT:
        raise ValueError(f"{path} is no defect table: its heading says otherwise")
    if head.get("version") != TABLE_VERSION:
        raise ValueError(f"{path} is of version {head.get('version')}; version {TABLE_VERSION} is read")
    return head


def _class_bits(text: object, path: Path) -> int:
    total = 0
    for name in str(text).split("+"):
        if name not in _CLASS_BITS:
            raise ValueError(f"{path} has a pixel of class '{name[:40]}'; known: {', '.join(_CLASS_BITS)}")
        total |= _CLASS_BITS[name]
    return total


# --------------------------------------------------------------------------------------------------------- BPM (XML)


@dataclass
class _BpmReader:
    """What the parser has met so far."""

    path: Path
    flags: NDArray[np.uint16] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.flags is None:
            if name != "BadPixelMap":
                raise ValueError(f"{self.path} is XML, but its first element is {name[:40]}, not BadPixelMap")
            self.flags = _empty_map(attributes.get("SizeY"), attributes.get("SizeX"), self.path)
        elif name == "BadPixel":
            bit = NOISY if attributes.get("NoisyPixel", "false").lower() == "true" else DEAD
            _mark(self.flags, attributes.get("Y"), attributes.get("X"), bit, self.path)
        elif name == "BadRow":
            row = _whole(attributes.get("Y"), self.flags.shape[0], "row", self.path)
            self.flags[row] |= np.uint16(DEAD)
        elif name == "BadColumn":
            col = _whole(attributes.get("X"), self.flags.shape[1], "column", self.path)
            self.flags[:, col] |= np.uint16(DEAD)
        elif name not in ("BadPixels", "UserDefinedBadPixels", "BadRows", "BadColumns"):
            raise ValueError(f"{self.path} holds the element {name[:40]}, which no known bad-pixel map has")

    def refuse(self, *_: object) -> None:
        raise ValueError(f"{self.path} declares a document type or entities, which no bad-pixel map needs")


def _read_bpm(path: Path) -> NDArray[np.uint16]:
    """Bad pixels of a BPM file, read in pieces; X counts columns and Y rows, from 0.

    The samples of this format hold no BadRow or BadColumn; that these name Y and X is assumed.
    """
    reader = _BpmReader(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    refuse: Callable[..., Any] = reader.refuse
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    with refused(path, "is no whole XML file"), path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    if reader.flags is None:
        raise ValueError(f"{path} holds no bad-pixel map")
    return reader.flags


# ------------------------------------------------------------------------------------------------------------ pieces


def _empty_map(rows: object, cols: object, path: Path) -> NDArray[np.uint16]:
    height, width = (_whole(side, LARGEST_SIDE + 1, "panel side", path) for side in (rows, cols))
    if height * width > LARGEST_PANEL_PIXELS or not height or not width:
        raise ValueError(f"{path} says the panel is {height} x {width}; 1 to {LARGEST_PANEL_PIXELS} pixels are read")
    return np.zeros((height, width), np.uint16)


def _mark(flags: NDArray[np.uint16], row: object, col: object, bit: int, path: Path) -> None:
    flags[_whole(row, flags.shape[0], "row", path), _whole(col, flags.shape[1], "column", path)] |= np.uint16(bit)


def _whole(value: object, end: int, what: str, path: Path) -> int:
    """A whole number from 0 to below `end`, or one sentence."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) < end):
        raise ValueError(f"{path} names {what} {text[:20]!r}; 0 to {end - 1} are allowed")
    return int(text)
