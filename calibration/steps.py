"""The corrections that a frame goes through, and how: the values of a TOML pipeline file.

Every step has its table; `on` may be left out, and then the step runs where the calibration knows what it needs. A
step that is switched on by name and that the calibration knows nothing about is an error, never skipped in silence.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Positive


@dataclass(frozen=True, config=STRICT)
class Saturation:
    """Always on: raw values from this fraction of the saturation level upwards are SUSPECT. [1]"""

    suspect_fraction: Annotated[float, Field(gt=0, le=1)] = 0.95


@dataclass(frozen=True, config=STRICT)
class LineNoise:
    """Noise common to a row, from shielded columns: half-open ranges, and columns that share a readout chip. [1]

    Without ranges those of the calibration are used; 0 columns per group takes the whole row as one.
    """

    on: bool | None = None
    shielded_cols: tuple[tuple[int, int], ...] = ()
    cols_per_group: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        for first, last in self.shielded_cols:
            if not 0 <= first < last:
                raise ValueError(f"shielded_cols must be pairs [first, last) that rise from 0, got [{first}, {last}]")


@dataclass(frozen=True, config=STRICT)
class Offset:
    """Dark signal, at the frame's integration time where the calibration knows how it grows.

    `scale` says where the factor on the dark current comes from: the temperatures of calibration and frame, the
    shielded columns of the frame, nowhere, or "auto": the shielded columns where they can tell, else the temperature.
    """

    on: bool = True
    scale: Literal["auto", "none", "temperature", "reference"] = "auto"


@dataclass(frozen=True, config=STRICT)
class Lag:
    """Signal that earlier frames left; `frame_interval_s` where the frames do not say it. [s]"""

    on: bool | None = None
    frame_interval_s: Positive | None = None


@dataclass(frozen=True, config=STRICT)
class Gain:
    """Response of each pixel to dose, and what happens to the field of the beam that the flats saw.

    `flatten` "same" takes the field out as it was in the flats, "lowfreq" as it is at the frame's source distance,
    "none" leaves it in the picture.
    """

    on: bool = True
    flatten: Literal["same", "none", "lowfreq"] = "same"


@dataclass(frozen=True, config=STRICT)
class Defects:
    """Interpolation of bad pixels; without it they keep their own values and their flags."""

    on: bool = True


@dataclass(frozen=True, config=STRICT)
class Glare:
    """Long-range glare: fraction of the signal [1], its length [mm] and its kernel; off until it is asked for."""

    on: bool = False
    fraction: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    radius_mm: Positive | None = None
    kernel: Literal["exponential", "lorentzian"] = "exponential"

    def __post_init__(self) -> None:
        if self.on and (self.fraction == 0.0 or self.radius_mm is None):
            raise ValueError("glare is on and needs fraction and radius_mm of the glare")


@dataclass(frozen=True, config=STRICT)
class Steps:
    """The chain of one frame, in order."""

    saturation: Saturation = Field(default_factory=Saturation)
    line_noise: LineNoise = Field(default_factory=LineNoise)
    offset: Offset = Field(default_factory=Offset)
    lag: Lag = Field(default_factory=Lag)
    gain: Gain = Field(default_factory=Gain)
    defects: Defects = Field(default_factory=Defects)
    glare: Glare = Field(default_factory=Glare)
