"""Published values that the model is held against: one row of a TOML table each, with unit, range and source.

The table that ships is ``data/validation.toml``. A row names the quantity in words, the measure in `measures` that
predicts it, the measure's settings, and the value with its source. Nothing of the model is set by this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Fraction, FractionAboveZero, NotNegative, Positive
from radiography.beam.tube import Beam, beam_from_table
from radiography.config import DATA_FOLDER, build, load_beam, load_scintillator, read_toml, shipped
from radiography.light.scintillator import Scintillator

PUBLISHED_FILE = DATA_FOLDER / "validation.toml"

Reference = Literal["measured", "standard", "table", "formula", "own_monte_carlo"]


@dataclass(frozen=True, config=STRICT)
class Setting:
    """What a measure is asked for; a row gives the keys that its measure needs, and others where it departs.

    Attributes
    ----------
    beam : str
        A shipped beam, or one of the table's own.
    scintillator : tuple of str
        Shipped names, the first that there is counts.
    panel : str
        A shipped panel.
    cover : bool
        Whether the panel has its cover.
    material : str
        Of an attenuation or a filter.
    energy_keV, frequency_per_mm, air_kerma_uGy : float
        Photon energy [keV], spatial frequency [1/mm], dose of a frame. [uGy]
    level : float
        MTF whose frequency is asked for. [1]
    thickness_um : float
        Of the layer, in place of its own. [um]
    pitch_mm : float
        Of pixels that touch, in place of the panel's. [mm]
    transport_length_um : float
        Of a film, in place of its own. [um]
    mean_free_path_um : float
        Of X-rays whose energy is left along exp(-z / length). [um]
    thicknesses_um : tuple of float
        Of a study. [um]
    nitride_um : float
        Of silicon nitride between layer and ITO of a diode. [um]
    frame, frames_on : int
        Number of a dark frame, from 1, and of exposed frames before it.
    frame_interval_s, filled_fraction : float
        Of those frames: time from one to the next [s], and charge over the full well. [1]
    """

    beam: str = ""
    scintillator: tuple[str, ...] = ()
    panel: str = "fully_coated"
    cover: bool = True
    material: str = ""
    energy_keV: Positive | None = None
    frequency_per_mm: Positive | None = None
    air_kerma_uGy: Positive = 2.5
    level: FractionAboveZero | None = None
    thickness_um: Positive | None = None
    pitch_mm: Positive | None = None
    transport_length_um: Positive | None = None
    mean_free_path_um: Positive | None = None
    thicknesses_um: tuple[Positive, ...] = ()
    nitride_um: NotNegative | None = None
    frame: Annotated[int, Field(ge=1, le=10_000)] | None = None
    frames_on: Annotated[int, Field(ge=1, le=10_000)] = 200
    frame_interval_s: Positive | None = None
    filled_fraction: Fraction = 0.25


@dataclass(frozen=True, config=STRICT)
class PublishedValue:
    """One row of the table.

    Attributes
    ----------
    quantity, group : str
        What it is in words, and the heading that it stands under.
    measure : str
        Name of the measure that predicts it.
    published, low, high : float
        Value, and its published uncertainty or range where there is one. [unit]
    unit : str
        Empty for numbers without unit.
    source : str
        Paper or standard, with page, table or abstract.
    reference : str
        "measured", "standard", "table", "formula" or "own_monte_carlo", an independent program written for this.
    fitted : bool
        Whether a shipped number was fitted to it.
    setting : Setting
        What the measure is asked for.
    note, beyond : str
        What a reader must know, and what explains a deviation beyond a tenth.
    """

    quantity: str
    group: str
    measure: str
    published: Positive
    source: str
    reference: Reference
    unit: str = ""
    low: NotNegative | None = None
    high: NotNegative | None = None
    fitted: bool = False
    setting: Setting = field(default_factory=Setting)
    note: str = ""
    beyond: str = ""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"'{self.quantity}' needs both low and high, or neither")
        if self.low is not None and self.high is not None and not self.low <= self.published <= self.high:
            raise ValueError(
                f"'{self.quantity}' is {self.published:g}, outside its range {self.low:g} to {self.high:g}"
            )


@dataclass(frozen=True, config=STRICT)
class PublishedTable:
    """Rows, and tables of the beams that they name beyond the shipped ones."""

    rows: tuple[PublishedValue, ...]
    beams: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [row.quantity for row in self.rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            raise ValueError(f"quantity '{twice[0]}' has two rows" if twice else "there is no row")


def load_published(path: str | Path | None = None) -> PublishedTable:
    """The table of a TOML file, or the one that ships; ValueError or OSError in one sentence where it is wrong."""
    path = PUBLISHED_FILE if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"table of published values {path} does not exist")
    return build(PublishedTable, read_toml(path), str(path))


def beam_named(name: str, beams: Mapping[str, Mapping[str, Any]]) -> Beam:
    """A beam of the table, or a shipped one.

    Parameters
    ----------
    name : str
        Of the beam.
    beams : mapping of str to mapping
        Tables of beams by name.

    Returns
    -------
    beam : Beam

    Raises
    ------
    ValueError
        If there is none of that name, or its table is wrong.
    """
    return beam_from_table(name, beams[name]) if name in beams else load_beam(name)


def first_scintillator(names: tuple[str, ...]) -> Scintillator:
    """The first of some scintillators that ships; ValueError where none does."""
    known = shipped("scintillator")
    return load_scintillator(next((name for name in names if name in known), names[0]))
