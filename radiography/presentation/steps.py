"""The steps from a linear image to a picture for the eye: the values of a TOML picture file.

Every step has its table and runs unless `on` says otherwise. Attenuation is the natural logarithm of exposure without
the object over exposure; contrasts and limits are differences of it: 0.01 is one per cent of exposure.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT

DECADES = 3.5  # of exposure below the open field that a picture holds   # chosen: a panel's dynamic range
HEADROOM = 0.2  # of the natural logarithm above the open field: heel effect and noise of the air   # chosen
OPEN_FIELD_PERCENTILE = 99.5  # of means of blocks, where no open field is told from an object   # chosen


@dataclass(frozen=True, config=STRICT)
class Collimation:
    """What collimators shadow is found and shown black, where the shadow lies along so many sides of the panel. [1]

    Blades come in pairs: a shadow along one side only may as well be a plate that was imaged.
    """

    on: bool = True
    least_sides: Annotated[int, Field(ge=1, le=4)] = 2


@dataclass(frozen=True, config=STRICT)
class Logarithm:
    """Attenuation of each pixel, from `headroom` [1] above the open field to `decades` [1] of exposure below it."""

    on: bool = True
    decades: Annotated[float, Field(ge=1, le=6)] = DECADES
    headroom: Annotated[float, Field(ge=0, le=1)] = HEADROOM


@dataclass(frozen=True, config=STRICT)
class Denoise:
    """Noise of the finest bands, taken away by this strength [1] where nothing stands above it.

    Bands are of details of about 1, 2, 4 ... pixels. [1]
    """

    on: bool = True
    strength: Annotated[float, Field(ge=0, le=1)] = 0.4
    bands: Annotated[int, Field(ge=1, le=4)] = 2


@dataclass(frozen=True, config=STRICT)
class Equalise:
    """Contrasts of all sizes up to `largest_px` [px] raised by `gain` [1] where weak, and none beyond `reach` [1].

    No picture changes by more than `limit` [1]. Up to a gain of 1.25 the order of grey values around a pixel stays.
    """

    on: bool = True
    gain: Annotated[float, Field(ge=0, le=1.25)] = 0.6
    reach: Annotated[float, Field(ge=0.02, le=2)] = 0.3
    limit: Annotated[float, Field(ge=0, le=1)] = 0.2
    largest_px: Annotated[float, Field(ge=4, le=1024)] = 128.0


@dataclass(frozen=True, config=STRICT)
class Edge:
    """Details of the two finest bands raised by `gain` [1]; no edge gets more than `limit` [1] beyond its own step."""

    on: bool = True
    gain: Annotated[float, Field(ge=0, le=3)] = 0.7
    limit: Annotated[float, Field(ge=0, le=0.5)] = 0.12


@dataclass(frozen=True, config=STRICT)
class Curve:
    """Tone: arctan(bend (t - middle)), where t [1] is 0 at the window's dark end and 1 at its bright one.

    It is steepest at `middle` [1], and flatter by 1 + (bend (t - middle))^2 elsewhere; a `bend` [1] of 0 is a straight
    line. It rises everywhere: what lies beyond the window is flattened, not lost.
    """

    on: bool = True
    bend: Annotated[float, Field(ge=0, le=6)] = 2.0
    middle: Annotated[float, Field(ge=0, le=1)] = 0.35


@dataclass(frozen=True, config=STRICT)
class Window:
    """Window on the object: not on the open field, shadows of collimators, or parts too small or too dense.

    From the percentile `low_percent` [%] of the object's attenuation to where less than `least_part` [1] of the object
    attenuates more, but to `reach` [1] times its median at most; `margin` [1] of that wider on both sides, and not
    below `least_width` [1].
    """

    low_percent: Annotated[float, Field(ge=0, le=25)] = 1.0
    least_part: Annotated[float, Field(ge=0, le=0.25)] = 0.05
    reach: Annotated[float, Field(ge=1.5, le=100)] = 4.0
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    least_width: Annotated[float, Field(ge=0.01, le=2)] = 0.1


@dataclass(frozen=True, config=STRICT)
class PictureSteps:
    """The chain of one picture, in order; a name, and a line about what it is for."""

    name: str
    description: str = ""
    collimation: Collimation = Field(default_factory=Collimation)
    logarithm: Logarithm = Field(default_factory=Logarithm)
    denoise: Denoise = Field(default_factory=Denoise)
    equalise: Equalise = Field(default_factory=Equalise)
    edge: Edge = Field(default_factory=Edge)
    curve: Curve = Field(default_factory=Curve)
    window: Window = Field(default_factory=Window)

    def __post_init__(self) -> None:
        asking = [name for name in ("denoise", "equalise", "edge", "curve") if getattr(self, name).on]
        if asking and not self.logarithm.on:
            raise ValueError(f"logarithm is off, which {', '.join(asking)} need: switch them off too")

    @property
    def overshoot(self) -> float:
        """Most that an edge can be raised beyond its own step: a bound by construction. [1]"""
        return (self.edge.limit if self.edge.on else 0.0) + (self.equalise.limit if self.equalise.on else 0.0)
