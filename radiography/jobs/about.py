"""What frames do not say about themselves: a TOML file that tells it, by file name.

    ["darks_100ms*.tif"]
    integration_time_s = 0.1
    temperature_C = 24.0

Patterns are those of the shell and are matched with the file's name; later tables win over earlier ones, and over what
the file says itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Positive
from radiography.config import build, read_toml
from radiography.files.frames import FrameSource


@dataclass(frozen=True, config=STRICT)
class FileConditions:
    """How the frames of a file were taken; what is left out is not said."""

    serial: str | None = None
    panel: str | None = None
    scintillator: str | None = None
    binning: Annotated[int, Field(ge=1)] | None = None
    gain_mode: str | None = None
    integration_time_s: Positive | None = None
    frame_interval_s: Positive | None = None
    temperature_C: float | None = None
    air_kerma_uGy: Annotated[float, Field(ge=0)] | None = None
    kvp: Positive | None = None
    source_to_detector_mm: Positive | None = None
    saturation_dn: Positive | None = None
    pitch_mm: Positive | None = None
    date: str | None = None
    shielded_cols: tuple[tuple[int, int], ...] | None = None


CONDITIONS = tuple(FileConditions.__dataclass_fields__)


def load_about(path: Path | None) -> dict[str, FileConditions]:
    """Conditions by pattern, checked; none without a file.

    Raises
    ------
    ValueError
        If a table is no table, holds an unknown key, or a value is out of range.
    OSError
        If the file cannot be read.
    """
    if path is None:
        return {}
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    found = {}
    for pattern, table in read_toml(path).items():
        if not isinstance(table, dict):
            raise ValueError(f"{path}: '{pattern}' must be a table of conditions headed by a file name or pattern")
        found[pattern] = build(FileConditions, table, f"{path} [{pattern}]")
    return found


def told(sources: Sequence[FrameSource], about: dict[str, FileConditions]) -> list[FrameSource]:
    """The sources with what the about-file tells of them."""
    result = []
    for source in sources:
        known: dict[str, Any] = {}
        for pattern, conditions in about.items():
            if fnmatch(source.path.name, pattern):
                given = {name: getattr(conditions, name) for name in CONDITIONS}
                known.update({name: value for name, value in given.items() if value is not None})
        pitch_mm = known.get("pitch_mm", source.pitch_mm)
        result.append(replace(source, metadata={**source.metadata, **known}, pitch_mm=pitch_mm))
    return result


def number_of(source: FrameSource, key: str) -> float | None:
    """A number that a file says about itself; None where it says none, or something else than a finite number."""
    value = source.metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
