"""What a flat panel is: pixels, photodiodes, coating, noise, and the maps that make each panel its own.

A panel is described in one TOML file (``data/panels``), every number there with its unit and source. Its offset,
response and defect maps are drawn once from ``map_seed``: the same panel has the same maps in every frame.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from radiography.attenuation import linear_attenuation_per_mm, material

FloatArray = npt.NDArray[np.float64]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=_STRICT)
class Pixels:
    """Array size [1], pitch [mm] and the side of each pixel's square aperture [mm]."""

    rows: Annotated[int, Field(ge=8, le=16384)]
    cols: Annotated[int, Field(ge=8, le=16384)]
    pitch_mm: Positive
    aperture_mm: Positive

    def __post_init__(self) -> None:
        if self.aperture_mm > self.pitch_mm:
            raise ValueError(f"aperture_mm must not exceed pitch_mm ({self.pitch_mm:g}), got {self.aperture_mm:g}")


@dataclass(frozen=True, config=_STRICT)
class Coating:
    """Extent of the scintillator on the panel, centred on it; a missing extent is the whole panel. [mm]"""

    rows_mm: Positive | None = None
    cols_mm: Positive | None = None


@dataclass(frozen=True, config=_STRICT)
class Cover:
    """What the beam passes before the scintillator: a material and its thickness. [um]"""

    material: str
    thickness_um: Positive


@dataclass(frozen=True, config=_STRICT)
class Photodiode:
    """a-Si photodiode: fill factor [1], quantum efficiency against wavelength [nm, 1], dark current, direct detection.

    ``layer_um``, ``energy_per_electron_eV`` and ``energy_per_track_keV`` describe X-rays absorbed in the diode itself:
    its thickness [um], the energy that frees one electron [eV], and what one photoelectron leaves in it [keV].
    """

    fill_factor: Fraction
    wavelength_nm: tuple[Positive, ...]
    quantum_efficiency: tuple[Fraction, ...]
    dark_electrons_per_s: NotNegative
    full_well_electrons: Positive
    layer_um: Positive
    energy_per_electron_eV: Positive
    energy_per_track_keV: Positive

    def __post_init__(self) -> None:
        if len(self.wavelength_nm) != len(self.quantum_efficiency) or len(self.wavelength_nm) < 2:
            raise ValueError(
                "wavelength_nm and quantum_efficiency need the same number of entries, at least 2, got "
                f"{len(self.wavelength_nm)} and {len(self.quantum_efficiency)}"
            )
        if any(after <= before for before, after in zip(self.wavelength_nm, self.wavelength_nm[1:], strict=False)):
            raise ValueError("wavelength_nm must rise from entry to entry")


@dataclass(frozen=True, config=_STRICT)
class LagTerm:
    """One population of traps: share of the signal captured in a frame [1] and release time constant [s]."""

    fraction: Share
    time_s: Positive


@dataclass(frozen=True, config=_STRICT)
class Readout:
    """Charge amplifiers and ADC: noise [electrons rms], conversion [electrons/DN], offset [DN], bits, column groups."""

    reset_noise_electrons: NotNegative
    amplifier_noise_electrons: NotNegative
    line_noise_electrons: NotNegative
    electrons_per_dn: Positive
    offset_dn: NotNegative
    offset_spread_dn: NotNegative
    bits: Annotated[int, Field(ge=8, le=16)]
    columns_per_amplifier: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=_STRICT)
class Uniformity:
    """Spread of pixel response and of amplifier gain [1, rms]; share of defective pixels, number of dead lines. [1]"""

    response_spread: Share
    amplifier_spread: Share
    defective_fraction: Share
    defective_rows: Annotated[int, Field(ge=0)]
    defective_cols: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=_STRICT)
class Panel:
    """A flat panel; see the TOML files in ``data/panels`` for each number's source."""

    name: str
    description: str
    serial: str
    map_seed: Annotated[int, Field(ge=0)]
    pixels: Pixels
    coating: Coating
    cover: tuple[Cover, ...]
    photodiode: Photodiode
    lag: tuple[LagTerm, ...]
    readout: Readout
    uniformity: Uniformity

    def __post_init__(self) -> None:
        captured = sum(term.fraction for term in self.lag)
        if captured >= 1.0:
            raise ValueError(f"lag fractions of panel '{self.name}' must sum to less than 1, got {captured:g}")
        if max(self.uniformity.defective_rows, self.uniformity.defective_cols) > min(
            self.pixels.rows, self.pixels.cols
        ):
            raise ValueError(f"panel '{self.name}' has more defective lines than lines")

    @property
    def saturation_dn(self) -> float:
        """Raw value from which a pixel may be saturated: full well less lag, on the offset, or the end of the ADC. [DN]

        Five spreads of offset and noise below the nominal place, so that every full pixel reaches it.
        """
        delivered = self.photodiode.full_well_electrons * (1.0 - sum(term.fraction for term in self.lag))
        readout = self.readout
        noise_dn = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons) / readout.electrons_per_dn
        margin_dn = 5.0 * float(np.hypot(np.sqrt(2.0) * readout.offset_spread_dn, noise_dn))
        full_dn = readout.offset_dn + delivered / readout.electrons_per_dn - margin_dn
        return float(min(np.floor(full_dn), 2**readout.bits - 1))


def emission_weighted_quantum_efficiency(panel: Panel, wavelength_nm: FloatArray, emission: FloatArray) -> float:
    """Photodiode quantum efficiency averaged over the light that reaches it. [1]

    Parameters
    ----------
    panel : Panel
        With its table of quantum efficiency; outside it the efficiency is that of the nearest entry.
    wavelength_nm, emission : (L,) float64
        Wavelengths [nm] and share of the light at each [1].
    """
    efficiency = np.interp(wavelength_nm, panel.photodiode.wavelength_nm, panel.photodiode.quantum_efficiency)
    return float(np.sum(emission * efficiency) / np.sum(emission))


def cover_transmission(panel: Panel, energy_keV: FloatArray) -> FloatArray:
    """Share of the photons of each energy that pass the panel's cover, (E,). [1]

    Raises
    ------
    ValueError
        If a cover is of no known material.
    """
    depth = np.zeros_like(energy_keV)
    for cover in panel.cover:
        depth += linear_attenuation_per_mm(material(cover.material), energy_keV) * cover.thickness_um * 1e-3
    return np.asarray(np.exp(-depth))


def coated(panel: Panel) -> npt.NDArray[np.bool_]:
    """Where the panel carries scintillator: True for pixels whose centre lies on the coating.

    Returns
    -------
    coated : (H, W) bool
    """
    masks = []
    for count, extent_mm in ((panel.pixels.rows, panel.coating.rows_mm), (panel.pixels.cols, panel.coating.cols_mm)):
        centre_mm = (np.arange(count) + 0.5 - 0.5 * count) * panel.pixels.pitch_mm
        masks.append(np.ones(count, dtype=np.bool_) if extent_mm is None else np.abs(centre_mm) <= 0.5 * extent_mm)
    return np.asarray(masks[0][:, None] & masks[1][None, :])
