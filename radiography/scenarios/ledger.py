"""Lists of what becomes of every key of a foreign file: taken, approximated or refused, nothing in silence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

UNITS = {  # of lengths in mm, angles in degrees, times in seconds, voltages in kV
    "nm": 1e-6, "um": 1e-3, "µm": 1e-3, "mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0,
    "deg": 1.0, "rad": 180.0 / math.pi,
    "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0,
    "V": 1e-3, "kV": 1.0, "MV": 1e3, "keV": 1.0, "MeV": 1e3, "eV": 1e-3,
    "kg/m^3": 1e-3, "g/cm^3": 1.0,
    "px": 1.0, "1": 1.0, "": 1.0,
}  # fmt: skip
LARGEST = 1e15  # in any unit of a file: far beyond what a scene holds, and squares of it are still numbers


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value of a file is a number that a scene can hold.

    Parameters
    ----------
    value : object
        As the file has it.

    Returns
    -------
    holds : bool
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


@dataclass
class Ledger:
    """A foreign file and the three lists that its keys go into.

    Attributes
    ----------
    data : mapping
        The file.
    taken, approximated, refused : dict of str to str
        Key, with all that is below it, and what became of it. The last word on a key counts.
    read : set of str
        Paths that were asked for.
    in_part : set of str
        Keys below which only what was read is in the scene.
    """

    data: Mapping[str, Any]
    taken: dict[str, str] = field(default_factory=dict)
    approximated: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    in_part: set[str] = field(default_factory=set)

    def at(self, path: str) -> Any:
        """What stands at a path such as ``source.window.0.thickness``; None where nothing does."""
        self.read.add(path)
        found: Any = self.data
        for part in path.split("."):
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                return None
        return found

    def value(self, path: str) -> Any:
        """The plain value at a path, taken out of its {value, unit}."""
        found = self.at(path)
        return found.get("value") if isinstance(found, Mapping) else found

    def number(self, path: str, otherwise: float | None = None) -> float | None:
        """The number at a path in our units: mm, degrees, seconds, kV, g/cm3.

        Raises
        ------
        ValueError
            If it is no such number, or its unit is unknown.
        """
        value = self.value(path)
        if value is None:
            return otherwise
        if not is_number(value):
            raise ValueError(f"{path} must be a number within 1e15, got {value!r}")
        found = self.at(path)
        unit = (found.get("unit") if isinstance(found, Mapping) else None) or ""
        if not isinstance(unit, str) or unit not in UNITS:
            raise ValueError(f"{path} has the unit '{unit}', known are: {', '.join(filter(None, UNITS))}")
        return float(value) * UNITS[unit]

    def needed(self, path: str) -> float:
        """A number without which no scene can result.

        Raises
        ------
        ValueError
            If it is missing, or no number.
        """
        found = self.number(path)
        if found is None:
            raise ValueError(f"{path} is missing, and no scene can result without it")
        return found

    def text(self, path: str) -> str | None:
        """The text at a path; None where there is none.

        Raises
        ------
        ValueError
            If something else stands there.
        """
        value = self.value(path)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{path} must be a text, got {value!r}")
        return value or None

    def count(self, path: str) -> int:
        """Entries of the list at a path; a single table counts as none.

        Raises
        ------
        ValueError
            If something else than a list stands there.
        """
        found = self.at(path)
        if found is None:
            return 0
        if not isinstance(found, list):
            raise ValueError(f"{path} must be a list, got {found!r}")
        return len(found)

    def take(self, path: str, what: str) -> None:
        """The key and all below it is in the scene."""
        if self.at(path) is not None:
            self._put(self.taken, path, what)

    def take_what_was_read(self, path: str, what: str) -> None:
        """Of the key and all below it, what is asked for before `close` is in the scene."""
        self.take(path, what)
        self.in_part.add(path)

    def approximate(self, path: str, how: str) -> None:
        """The key is in the scene, but not exactly."""
        if self.at(path) is not None:
            self._put(self.approximated, path, how)

    def refuse(self, path: str, why: str) -> None:
        """The key is not in the scene."""
        self._put(self.refused, path, why)

    def _put(self, wanted: dict[str, str], path: str, what: str) -> None:
        for each in (self.taken, self.approximated, self.refused):
            each.pop(path, None)
        wanted[path] = what

    def close(self) -> None:
        """Put every key that is in no list yet into one: what gives nothing is taken, what is unknown refused."""
        for path, value in leaves(self.data):
            drifting = path.endswith((".drifts", ".drift", ".uncertainty"))
            if drifting:
                if _says_something(value):
                    what = "an uncertainty" if path.endswith("uncertainty") else "a drift"
                    self.refuse(path, f"{what} has no place in a scene of one exposure")
                continue
            if self.has(path):
                continue
            if not _says_something(value):
                self.taken[path] = "gives nothing"
            else:
                self.refuse(path, "this key is not known here, nothing of it is in the scene")

    def has(self, path: str) -> bool:
        """Whether the key, or one above it that stands for it, is in one of the lists."""
        parts = path.split(".")
        above = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        if path not in self.read:
            above -= self.in_part
        return any(above & set(part) for part in (self.taken, self.approximated, self.refused))


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a file that holds a value; a {value, unit} is one, its drift and uncertainty are others.

    Parameters
    ----------
    data : object
        What a JSON file holds.
    path : str
        Where it stands.

    Yields
    ------
    path, value : str, object
    """
    if isinstance(data, Mapping) and "value" in data:
        yield path, data["value"]
        for key, entry in data.items():
            if key in ("drifts", "drift", "uncertainty"):
                yield f"{path}.{key}", entry
            elif key not in ("value", "unit"):
                yield from leaves(entry, f"{path}.{key}")
    elif isinstance(data, Mapping) and data:
        for key, entry in data.items():
            yield from leaves(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list) and any(isinstance(entry, Mapping) for entry in data):
        for number, entry in enumerate(data):
            yield from leaves(entry, f"{path}.{number}")
    elif path:
        yield path, data


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(entry) for key, entry in value.items() if key != "unit")
    if isinstance(value, list):
        return any(_says_something(entry) for entry in value)
    return value not in (None, "", False)
