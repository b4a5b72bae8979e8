"""Description of a sweep: a base scene, axes of values for any key, and what is kept of each sample."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT
from radiography.config import build, read_toml
from radiography.sweep.numbers import DEFAULT_NUMBERS, NUMBERS
from radiography.sweep.store import text_of

MOST_SAMPLES = 10_000  # chosen: each has a file for each number
MOST_FRAMES = 1_000  # chosen: the frames of a sample are in memory together
DIGITS = 12  # significant ones of a value of a range: 0.1 + 0.2 is 0.3
Finite = Annotated[float, Field(allow_inf_nan=False)]
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*")


@dataclass(frozen=True, config=STRICT)
class AxisRange:
    """Values from ``low`` to ``high``, both included, by ``step`` or as a number of ``points``, evenly or by ratio."""

    low: Finite
    high: Finite
    step: Finite | None = None
    points: Annotated[int, Field(ge=2, le=MOST_SAMPLES)] | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if (self.step is None) == (self.points is None):
            raise ValueError("a range needs either step or points")
        if not self.low < self.high:
            raise ValueError(f"a range must rise, got low = {self.low:g} and high = {self.high:g}")
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step must be above 0, got {self.step:g}")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("a range with log = true needs points and a low above 0")
        if self.step is not None and (self.high - self.low) / self.step >= MOST_SAMPLES:
            raise ValueError(f"a range has at most {MOST_SAMPLES} values, got steps of {self.step:g}")

    def values(self) -> tuple[int | float, ...]:
        """The values; whole numbers where all are, for keys that take no others."""
        if self.step is not None:
            count = math.floor((self.high - self.low) / self.step * (1.0 + 1e-12) + 1e-9) + 1
            found = [self.low + number * self.step for number in range(count)]
        else:
            points = self.points or 2
            parts = [number / (points - 1) for number in range(points)]
            found = [self.low + part * (self.high - self.low) for part in parts]
            if self.log:
                found = [self.low * (self.high / self.low) ** part for part in parts]
        rounded = [float(f"{value:.{DIGITS}g}") for value in found]
        return tuple(int(value) for value in rounded) if all(map(float.is_integer, rounded)) else tuple(rounded)


@dataclass(frozen=True, config=STRICT)
class Keep:
    """What is kept of each sample: numbers by name, raw frames, and the noiseless exposure behind them."""

    numbers: tuple[str, ...] = DEFAULT_NUMBERS
    frames: bool = False
    truth: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.numbers if name not in NUMBERS]
        if unknown:
            raise ValueError(f"no number '{unknown[0]}'; known: {', '.join(NUMBERS)}")
        if len(set(self.numbers)) < len(self.numbers):
            raise ValueError("numbers must be named once each")
        if not (self.numbers or self.frames or self.truth):
            raise ValueError("nothing is kept: name numbers, or set frames or truth")


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """A scene at many values of its keys.

    ``base`` is a shipped scene, or a file beside that of the sweep. ``axes``: by dotted key of scene, panel,
    scintillator or beam a list of values or a range, combined as each with each (``product``) or first with first
    (``zip``). ``frames`` of each sample; without it as many as the scene's sequence has, or one. [1]
    """

    base: str
    axes: dict[str, Any]
    description: str = ""
    combine: Literal["product", "zip"] = "product"
    seed: Annotated[int, Field(ge=0)] = 1
    frames: Annotated[int, Field(ge=1, le=MOST_FRAMES)] | None = None
    keep: Keep = Field(default_factory=Keep)


@plain_dataclass(frozen=True)
class Axis:
    """A dotted key and the values that it takes, in order."""

    key: str
    values: tuple[Any, ...]


def load_sweep(path: Path) -> tuple[Sweep, tuple[Axis, ...]]:
    """A sweep and its axes from a TOML file.

    Parameters
    ----------
    path : Path
        TOML file.

    Returns
    -------
    sweep : Sweep
    axes : tuple of Axis
        In the order of the file.

    Raises
    ------
    ValueError, OSError
        In one sentence, if the file cannot be read, or says something that a sweep cannot be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"sweep file {path} does not exist")
    sweep = build(Sweep, read_toml(path), str(path))
    axes = tuple(Axis(key, _values(value, f'{path}: axes."{key}"')) for key, value in sweep.axes.items())
    if not axes:
        raise ValueError(f'{path}: a sweep needs an axis or more, such as "beam.air_kerma_uGy" = [1.0, 15.0] in [axes]')
    for axis in axes:
        if _KEY.fullmatch(axis.key) is None:
            raise ValueError(f"{path}: '{axis.key}' is no key: names are joined by dots, as in \"beam.air_kerma_uGy\"")
    lengths = [len(axis.values) for axis in axes]
    if sweep.combine == "zip" and len(set(lengths)) > 1:
        raise ValueError(
            f"{path}: axes that are zipped must be equally long, got {', '.join(map(str, lengths))} values"
        )
    for axis in axes if sweep.combine == "product" else ():
        for value in _again(axis.values):
            raise ValueError(
                f'{path}: axes."{axis.key}" has the value {value!r:.80} more than once: give each once, and frames '
                'for more of the same; with combine = "zip" values may come again'
            )
    count = lengths[0] if sweep.combine == "zip" else math.prod(lengths)
    if count > MOST_SAMPLES:
        raise ValueError(f"{path}: a sweep has at most {MOST_SAMPLES} samples, got {count}")
    for name in sweep.keep.numbers:
        if NUMBERS[name].needs_frames > (sweep.frames or NUMBERS[name].needs_frames):
            raise ValueError(f"{path}: the number {name} needs {NUMBERS[name].needs_frames} frames, got {sweep.frames}")
    return sweep, axes


def _again(values: tuple[Any, ...]) -> Iterator[Any]:
    """Values that were there before: 1 and 1.0 are one number, lists and tables are compared as text."""
    known: set[tuple[type, Any]] = set()
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        key = (float, value) if number else (type(value), text_of(value))
        if key in known:
            yield value
        known.add(key)


def _values(given: Any, where: str) -> tuple[Any, ...]:
    if isinstance(given, list) and given:
        return tuple(given)
    if isinstance(given, Mapping):
        return build(AxisRange, given, where).values()
    raise ValueError(f"{where} must be a list of values, or a range {{ low, high, step or points }}, got {given!r:.80}")
