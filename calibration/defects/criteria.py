"""Limits from which a pixel counts as bad: those of ASTM E2597, or a set from a TOML file.

Sets that ship with the package stand in `calibration/defects/presets`. A key that a file leaves out keeps the E2597
value; a limit set to `false` is not judged.

References
----------
.. [1] ASTM E2597/E2597M-22, bad-pixel classes, as quoted by secondary sources (x-ray-forum.net, 2019); the standard's
       text was not available.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PRESETS = Path(__file__).parent / "presets"
LARGEST_FILE_BYTES = 100_000  # a criteria file holds a dozen numbers   # chosen


_RANGES = {
    "over_factor": (1.0, math.inf),
    "under_factor": (0.0, 1.0),
    "noise_factor": (1.0, math.inf),
    "flat_noise_factor": (1.0, math.inf),
    "non_uniform_fraction": (0.0, 1.0),
    "global_fraction": (0.0, 1.0),
    "lag_factor": (1.0, math.inf),
    "line_fraction": (0.0, 1.0),
    "check_noise": (0.0, 1.0),
    "outlier_sigmas": (0.0, math.inf),
    "hot_fraction": (0.0, 1.0),
    "uncoated_fraction": (0.0, 1.0),
}
MAY_BE_OFF = {key for key in _RANGES if key.endswith("_factor")} | {
    "non_uniform_fraction",
    "global_fraction",
    "line_fraction",
}


@dataclass(frozen=True)
class DefectCriteria:
    """Limits of the classes; the defaults are those of ASTM E2597 [1]_ where it has one. None: not judged.

    Attributes
    ----------
    name, source : str
        What the set is called and where its numbers come from.
    over_factor, under_factor : float or None
        Offset-corrected flat over the median of the 21 x 21 pixels around. [1]
    noise_factor, flat_noise_factor : float or None
        Noise in darks, and in flats, over the median noise of the panel. [1]
    non_uniform_fraction, global_fraction : float or None
        Departure of a corrected frame from the median of 9 x 9 pixels, and from the median of the panel. [1]
    lag_factor : float or None
        First frame after the beam is off over, or under, the median of 9 x 9 pixels. [1]
    line_fraction : float or None
        Fraction of bad pixels from which all of a row or column counts as bad. [1]
    check_noise : float
        Noise of the corrected check frame above which `non_uniform_fraction` would flag good pixels. [1]
    outlier_sigmas : float
        What noise explains; every limit above is also held against this. [1]
    hot_fraction : float
        Dark signal over the saturation level: so much of the range is gone. [1]
    uncoated_fraction : float
        Response over that of the panel below which an area wider than 21 pixels has no scintillator. [1]
    least_frames_for_noise : int
        Frames from which a pixel's standard deviation is taken seriously. [1]
    """

    name: str = "e2597"
    source: str = "ASTM E2597/E2597M-22 as quoted by secondary sources"
    over_factor: float | None = 1.3  # E2597
    under_factor: float | None = 0.6  # E2597
    noise_factor: float | None = 6.0  # E2597, over 30 to 100 dark images
    flat_noise_factor: float | None = 6.0  # assumed: the limit of E2597 for darks
    non_uniform_fraction: float | None = 0.01  # E2597
    global_fraction: float | None = None  # E2597 has none
    lag_factor: float | None = 2.0  # E2597
    line_fraction: float | None = None  # E2597 has none
    check_noise: float = 0.002  # measured: at 0.235 % noise 40 ppm of good pixels pass 1 %, at 0.12 % none
    outlier_sigmas: float = 6.0  # assumed: 1 good pixel in 5e8
    hot_fraction: float = 0.5  # assumed: half of the range is gone
    uncoated_fraction: float = 0.3  # assumed
    least_frames_for_noise: int = 3  # assumed

    def __post_init__(self) -> None:
        for key, (low, high) in _RANGES.items():
            value = getattr(self, key)
            if value is None and key in MAY_BE_OFF:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{key} must be a number{' or false' * (key in MAY_BE_OFF)}, got {value!r}")
            if not low < value < high:
                limits = f"above {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
                raise ValueError(f"{key} must be {limits}, got {value:g}")
        if isinstance(self.least_frames_for_noise, bool) or not isinstance(self.least_frames_for_noise, int):
            raise TypeError(f"least_frames_for_noise must be a whole number, got {self.least_frames_for_noise!r}")
        if self.least_frames_for_noise < 2:
            raise ValueError(f"least_frames_for_noise must be 2 or more, got {self.least_frames_for_noise}")
        for key in ("name", "source"):
            if not isinstance(getattr(self, key), str):
                raise TypeError(f"{key} must be text, got {getattr(self, key)!r}")


E2597 = DefectCriteria()


def shipped_criteria() -> tuple[str, ...]:
    """Names of the criteria that ship with the package."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def load_criteria(name: str | Path) -> DefectCriteria:
    """Criteria by their shipped name, or from a TOML file.

    Parameters
    ----------
    name : str or Path
        One of `shipped_criteria`, or a path; what ends in `.toml` or has a folder in it is a path.

    Returns
    -------
    criteria : DefectCriteria

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the name is unknown, the file is no TOML, a key is unknown, or a limit is out of range.
    TypeError
        If a limit is no number.
    """
    text = str(name)
    if text in shipped_criteria():
        path = PRESETS / f"{text}.toml"
    else:
        path = Path(name)
        if not path.is_file():
            if path.suffix.lower() != ".toml" and path.name == text:
                raise ValueError(f"no criteria are called '{text}'; known: {', '.join(shipped_criteria())}")
            raise FileNotFoundError(f"{path} does not exist")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a criteria file has at most {LARGEST_FILE_BYTES}")
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, a number of thousands of digits, lists in lists
        said = f": {error}" if isinstance(error, tomllib.TOMLDecodeError) else ""
        raise ValueError(f"{path} is no TOML file{said}") from error
    known = [field.name for field in fields(DefectCriteria)]
    unknown = [key for key in values if key not in known]
    if unknown:
        raise ValueError(f"{path} has the unknown key '{unknown[0]}'; known: {', '.join(known)}")
    for key, value in values.items():
        if value is False and key in MAY_BE_OFF:
            values[key] = None
    try:
        return DefectCriteria(**{"name": path.stem, "source": f"file {path.name}", **values})
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
