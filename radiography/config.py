"""TOML files to checked descriptions: scenes, panels, scintillators, beams and cameras.

A key that is not known is an error that names the file, the key and the keys that are allowed. A name without
``.toml`` is one that ships with the package (``radiography/data``); a name ending in ``.toml`` is a user's file, looked
up beside the file that names it.
"""

from __future__ import annotations

import difflib
import json
import logging
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from calibration.steps import Steps
from radiography.beam.tube import Beam, beam_from_table
from radiography.camera.camera import Camera
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.scene import Scene

_log = logging.getLogger("radiography")
DATA_FOLDER = Path(__file__).parent / "data"
_FOLDERS = {
    "panel": "panels",
    "scintillator": "scintillators",
    "beam": "beams",
    "scene": "scenes",
    "picture": "pictures",
    "camera": "cameras",
}
_RANGES = {  # of a number, as another file gives it: it does not outlive the number
    "yield_per_keV": "yield_range_per_keV",
    "energy_per_electron_eV": "energy_per_electron_range_eV",
}
_LARGEST_TOML_BYTES = 4 * 1024 * 1024
_WORDING = {  # pydantic's words -> those of a TOML file
    "Input should be": "must be",
    "Tuple should": "must",
    " after validation": "",
    "Field required": "is missing",
    "an object": "a table",
    "a valid dictionary": "a table",
    "a valid array": "a list",
}

Changes = Mapping[str, Any]  # values by dotted key, as a TOML file would hold them

T = TypeVar("T")


def shipped(kind: str) -> tuple[str, ...]:
    """Names of the panels, scintillators, beams, scenes or pictures that ship with the package, sorted."""
    return tuple(sorted(path.stem for path in (DATA_FOLDER / _FOLDERS[kind]).glob("*.toml")))


def load_panel(name: str, beside: Path | None = None, changes: Changes | None = None) -> Panel:
    """Panel by shipped name or by TOML file.

    Parameters
    ----------
    name : str
        A shipped name, or the path of a TOML file.
    beside : Path, optional
        Folder that a relative path starts from; by default the working folder.
    changes : mapping, optional
        Values that take the place of the file's, by dotted key such as "pixels.rows"; checked like the file's own.

    Returns
    -------
    panel : Panel

    Raises
    ------
    ValueError
        If the file says something that a panel cannot be, or the name is unknown.
    OSError
        If the file cannot be read.
    """
    return load_described(Panel, "panel", name, beside, changes)


def load_scintillator(name: str, beside: Path | None = None, changes: Changes | None = None) -> Scintillator:
    """Scintillator by shipped name or by TOML file.

    Parameters
    ----------
    name, beside, changes
        As for `load_panel`.

    Returns
    -------
    scintillator : Scintillator

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    return load_described(Scintillator, "scintillator", name, beside, changes)


def load_camera(name: str, beside: Path | None = None, changes: Changes | None = None) -> Camera:
    """Digital camera by shipped name or by TOML file.

    Parameters
    ----------
    name, beside, changes
        As for `load_panel`.

    Returns
    -------
    camera : Camera

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    return load_described(Camera, "camera", name, beside, changes)


def load_beam(name: str, beside: Path | None = None, changes: Changes | None = None) -> Beam:
    """Beam by shipped name or by TOML file.

    Parameters
    ----------
    name, beside, changes
        As for `load_panel`.

    Returns
    -------
    beam : Beam

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    path = _find("beam", name, beside)
    table = _changed(read_toml(path), changes, path)
    try:
        return beam_from_table(path.stem, table)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def load_scene(name: str | Path, changes: Changes | None = None) -> Scene:
    """Scene by shipped name or by TOML file.

    Parameters
    ----------
    name, changes
        As for `load_panel`.

    Returns
    -------
    scene : Scene

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    return load_described(Scene, "scene", str(name), None, changes)


def load_steps(path: Path | None) -> Steps:
    """Corrections of a TOML pipeline file, all where there is no file; errors as for `load_panel`."""
    if path is None:
        return Steps()
    if not path.is_file():
        raise FileNotFoundError(f"pipeline file {path} does not exist")
    return build(Steps, read_toml(path), str(path))


def scene_folder(name: str | Path) -> Path:
    """Folder that a scene's own relative paths start from."""
    return _find("scene", str(name), None).parent


def build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A checked description from a TOML table.

    Parameters
    ----------
    kind : type
        A dataclass with declared limits.
    table : mapping
        What the file holds.
    where : str
        Named in errors, usually the file.

    Returns
    -------
    description
        An instance of ``kind``.

    Raises
    ------
    ValueError
        One sentence: which key, the value found, what is allowed.
    """
    _refuse_unknown_keys(kind, table, where, ())
    try:
        return TypeAdapter(kind).validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        raise ValueError(f"{where}: {_first_problem(error)}") from error
    except RecursionError as error:
        raise ValueError(f"{where} holds tables that are nested too deeply") from error


def load_described(kind: type[T], folder_of: str, name: str, beside: Path | None, changes: Changes | None = None) -> T:
    """A description by shipped name or by TOML file.

    Parameters
    ----------
    kind : type
        A dataclass with declared limits.
    folder_of : str
        What it describes: "panel", "scintillator", "scene" or "picture".
    name : str
        A shipped name, or the path of a TOML file.
    beside : Path or None
        Folder that a relative path starts from; the working folder without it.
    changes : mapping, optional
        As for `load_panel`.

    Returns
    -------
    description
        An instance of ``kind``.

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    path = _find(folder_of, name, beside)
    table = _with_maps_beside(folder_of, path, read_toml(path))
    return build(kind, _changed(_with_base(folder_of, path, table, ()), changes, path), str(path))


def _with_maps_beside(folder_of: str, path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """The table of a panel with the place of its measured maps, which lie beside the file that names them."""
    maps = table.get("maps")
    if folder_of != "panel" or not isinstance(maps, dict) or not isinstance(maps.get("file"), str):
        return table
    file = maps["file"]
    if file != Path(file).name or "\\" in file or not file.endswith(".npz"):
        raise ValueError(f"{path}: maps.file must be the name of an .npz file beside it, got {file!r}")
    return {**table, "maps": {**maps, "file": str(path.parent / file)}}


def _changed(table: dict[str, Any], changes: Changes | None, path: Path) -> dict[str, Any]:
    """The table with other values at dotted keys; a number in a key counts the entries of a list from 0."""
    for key, value in (changes or {}).items():
        table = _with_value(table, key.split("."), value, f"{path}: unknown key '{key}'")
    return table


def _with_value(table: Any, parts: list[str], value: Any, unknown: str) -> Any:
    """A copy of a table or list with another value below it; whether a table may hold the key is for `build` to say."""
    part, rest = parts[0], parts[1:]
    if isinstance(table, list):
        if not (part.isdecimal() and int(part) < len(table)):
            raise ValueError(f"{unknown}: '{part}' is no entry of a list of {len(table)}, counted from 0")
        inside = _with_value(table[int(part)], rest, value, unknown) if rest else value
        return [*table[: int(part)], inside, *table[int(part) + 1 :]]
    if not isinstance(table, Mapping):
        raise ValueError(f"{unknown}: '{part}' would be inside {table!r}, which is no table")
    new = {key: entry for key, entry in table.items() if key != _RANGES.get(part)}
    new[part] = _with_value(table.get(part, {}), rest, value, unknown) if rest else value
    return new


def _with_base(folder_of: str, path: Path, table: dict[str, Any], seen: tuple[Path, ...]) -> dict[str, Any]:
    """The table laid over the one that its ``based_on`` names; nested tables merge, everything else replaces.

    Name and description are never inherited: the "500 um" of a base would be said of a layer of another thickness.
    """
    if folder_of == "scene" or "based_on" not in table:
        return table
    if path.resolve() in seen:
        raise ValueError(f"{path}: based_on leads back to the file itself")
    base_name = table.pop("based_on")
    if not isinstance(base_name, str):
        raise ValueError(f"{path}: based_on must be the name of a {folder_of}, got {base_name!r}")
    try:
        base_path = _find(folder_of, base_name, path.parent)
    except ValueError as error:
        raise ValueError(f"{path}: based_on: {error}") from error
    table.setdefault("name", path.stem)
    table.setdefault("description", f"based on {base_name}")
    base = _with_maps_beside(folder_of, base_path, read_toml(base_path))
    return _merged(_with_base(folder_of, base_path, base, (*seen, path.resolve())), table)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in below.items() if key not in {_RANGES.get(changed) for changed in above}}
    for key, value in above.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if nested else value
    return result


def _find(kind: str, name: str, beside: Path | None) -> Path:
    if name.endswith(".toml"):
        path = Path(name) if beside is None else beside / name
        if not path.is_file():
            raise FileNotFoundError(f"{kind} file {path} does not exist")
        return path
    if name in shipped(kind):
        return DATA_FOLDER / _FOLDERS[kind] / f"{name}.toml"
    raise ValueError(f"no {kind} '{name}'{_nearest(name, shipped(kind))}; or give the path of a .toml file")


def described_by(kind: str, name: str) -> list[Path]:
    """Files that describe something: its own, and those that it is based on.

    Parameters
    ----------
    kind : str
        "panel", "scintillator" or "beam".
    name : str
        A shipped name, or the path of a TOML file.

    Returns
    -------
    paths : list of Path

    Raises
    ------
    ValueError, OSError
        As for `load_panel`.
    """
    path = _find(kind, name, None)
    paths = [path]
    while (base := read_toml(path).get("based_on")) is not None:
        path = _find(kind, str(base), path.parent)
        if path in paths:
            raise ValueError(f"{path}: based_on leads back to the file itself")
        paths.append(path)
    return paths


def files_named_in(description: object, folder: Path) -> list[Path]:
    """Files that a description names, such as the panel of a scene or the mesh of a phantom.

    Parameters
    ----------
    description : object
        Record, mapping, sequence or text.
    folder : Path
        Folder that its relative names start from.

    Returns
    -------
    paths : list of Path
        Those of its texts that are names of files.
    """
    if isinstance(description, str):
        with suppress(OSError, ValueError):  # a long text is no name
            return [folder / description] if (folder / description).is_file() else []
    if is_dataclass(description) and not isinstance(description, type):
        description = vars(description)
    if isinstance(description, Mapping):
        description = list(description.values())
    if isinstance(description, list | tuple):
        return [path for part in description for path in files_named_in(part, folder)]
    return []


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds; ValueError in one sentence when it is none."""
    if path.stat().st_size > _LARGEST_TOML_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, a TOML file here has at most {_LARGEST_TOML_BYTES}")
    _log.debug("read %s", path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a TOML file: it is not UTF-8 text") from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        said = f": {error}" if isinstance(error, tomllib.TOMLDecodeError) else ": a number in it has too many digits"
        raise ValueError(f"{path} is not valid TOML{said}") from error
    except RecursionError as error:
        raise ValueError(f"{path} holds lists that are nested too deeply") from error


def _nearest(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence about an unknown name: the nearest known one and all of them."""
    known = tuple(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"{hint}; known: {', '.join(known)}"


def _refuse_unknown_keys(kind: Any, value: Any, where: str, path: tuple[str, ...]) -> None:
    """Walk a table beside its dataclass and name the first key that the dataclass does not have."""
    if typing.get_origin(kind) is dict and isinstance(value, Mapping):
        for key, entry in value.items():
            _refuse_unknown_keys(typing.get_args(kind)[1], entry, where, (*path, key))
        return
    kind = _inner_dataclass(kind, value)
    if kind is None:
        return
    if isinstance(value, list):
        for number, entry in enumerate(value):
            _refuse_unknown_keys(kind, entry, where, (*path[:-1], f"{path[-1]}[{number}]"))
        return
    if not isinstance(value, Mapping):
        return
    hints = typing.get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for key, entry in value.items():
        if key not in known:
            raise ValueError(f"{where}: unknown key '{'.'.join((*path, key))}'{_nearest(key, known)}")
        _refuse_unknown_keys(hints[key], entry, where, (*path, key))
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING and field.name not in value:
            raise ValueError(f"{where}: the key '{'.'.join((*path, field.name))}' is missing")


def _inner_dataclass(kind: Any, value: Any) -> Any:
    """The dataclass inside Annotated, Optional and tuple types, or None; of several, the one that ``model`` names."""
    if is_dataclass(kind):
        return kind
    if typing.get_origin(kind) not in (typing.Annotated, tuple, typing.Union, types.UnionType):
        return None
    found = [inner for inner in (_inner_dataclass(k, value) for k in typing.get_args(kind)) if inner is not None]
    if len(found) > 1:
        model = value.get("model") if isinstance(value, Mapping) else None
        found = [inner for inner in found if any(f.name == "model" and f.default == model for f in fields(inner))]
    return found[0] if found else None


def _first_problem(error: ValidationError) -> str:
    """The first of pydantic's findings as a sentence."""
    problems = error.errors()
    problem, loc = problems[0], problems[0]["loc"]
    text = problem["msg"].removeprefix("Value error, ")
    # Where a word or another kind of value may stand, pydantic tries each and puts its own name of it into the place.
    choice = next((n for n, part in enumerate(loc) if str(part).startswith("literal[")), None)
    if choice is not None:
        others = [each for each in problems[1:] if each["loc"][:choice] == loc[:choice]]
        deeper = [each for each in others if len(each["loc"]) > choice + 1]
        problem = deeper[0] if deeper else problem
        loc = problem["loc"][:choice] + problem["loc"][choice + 1 :]
        text = problem["msg"] if deeper else " or ".join(each["msg"] for each in (problem, *others))
        text = text.replace(" or Input should be", " or")
    place = ".".join(str(part) for part in loc)
    if problem["type"] == "value_error":
        return f"{place}: {text}" if place else text
    if problem["type"] == "json_invalid":
        return "tables are nested too deeply"
    for theirs, ours in _WORDING.items():
        text = text.replace(theirs, ours)
    found = repr(problem["input"])
    return f"{place} {text[0].lower() + text[1:]}, got {found if len(found) <= 80 else found[:77] + '...'}"
