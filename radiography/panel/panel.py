"""Description of a flat panel: pixels, photodiodes, coating, noise, and the maps that make each panel its own.

A panel is described in one TOML file (``data/panels``), every number there with its unit and source. Its offset,
response and defect maps are drawn once from ``map_seed``: the same panel has the same maps in every frame.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import (
    STRICT,
    Celsius,
    FractionAboveZero,
    FractionBelowOne,
    NotNegative,
    Positive,
    check_range,
)
from radiography.beam.attenuation import linear_attenuation_per_mm, material

FloatArray = npt.NDArray[np.float64]

# Pixels whose drawn non-linearity departs from the mean by more spreads than this are put at this limit.  # chosen
NONLINEARITY_SPREADS = 5.0
LAGGING_FACTOR = 10.0  # assumed: a lagging defect traps as many times the charge that its panel's pixels trap
LARGEST_TRAPPED = 0.85  # assumed: whatever its defect, a pixel traps no more of a frame's charge; E2597 asks for > 2 %


@dataclass(frozen=True, config=STRICT)
class Pixels:
    """Array size [1], pitch [mm] and the side of each pixel's square aperture [mm].

    Columns at either side may be shielded from light and X-rays, as references of dark current and line noise. [1]
    """

    rows: Annotated[int, Field(ge=8, le=16384)]
    cols: Annotated[int, Field(ge=8, le=16384)]
    pitch_mm: Positive
    aperture_mm: Positive
    shielded_cols_left: Annotated[int, Field(ge=0)] = 0
    shielded_cols_right: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.cols - self.shielded_cols_left - self.shielded_cols_right < 8:
            raise ValueError(
                f"shielded columns must leave at least 8 of {self.cols} columns to the beam, got "
                f"{self.shielded_cols_left} and {self.shielded_cols_right}"
            )
        if self.aperture_mm > self.pitch_mm:
            raise ValueError(f"aperture_mm must not exceed pitch_mm ({self.pitch_mm:g}), got {self.aperture_mm:g}")


@dataclass(frozen=True, config=STRICT)
class Coating:
    """Extent of the scintillator on the panel, centred on it; a missing extent is the whole panel. [mm]"""

    rows_mm: Positive | None = None
    cols_mm: Positive | None = None


@dataclass(frozen=True, config=STRICT)
class Cover:
    """What the beam passes before the scintillator: a material and its thickness. [um]"""

    material: str
    thickness_um: Positive


@dataclass(frozen=True, config=STRICT)
class Photodiode:
    """a-Si photodiode: fill factor [1], quantum efficiency against wavelength [nm, 1], dark current, direct detection.

    ``energy_per_electron_eV`` [eV] is what an X-ray's electrons spend in the diode to free one, and
    ``energy_per_electron_range_eV`` the range that it may have. ``layer_um`` [um] and ``energy_per_track_keV`` [keV],
    the thickness of the diode and what one photoelectron leaves in it, are for panels without a stack. The dark current
    is that at ``dark_reference_C`` [deg C] and doubles every ``dark_doubling_K`` [K].
    """

    fill_factor: FractionAboveZero
    wavelength_nm: tuple[Positive, ...]
    quantum_efficiency: tuple[FractionAboveZero, ...]
    dark_electrons_per_s: NotNegative
    full_well_electrons: Positive
    energy_per_electron_eV: Positive
    energy_per_electron_range_eV: tuple[Positive, Positive] | None = None
    layer_um: Positive | None = None
    energy_per_track_keV: Positive | None = None
    dark_reference_C: Celsius = 25.0  # assumed
    dark_doubling_K: Positive = (
        8.0  # assumed: an activation energy of 0.66 eV at 25 deg C; 0.9 eV, half a gap, is 5.9 K
    )

    def __post_init__(self) -> None:
        if len(self.wavelength_nm) != len(self.quantum_efficiency) or len(self.wavelength_nm) < 2:
            raise ValueError(
                "wavelength_nm and quantum_efficiency need the same number of entries, at least 2, got "
                f"{len(self.wavelength_nm)} and {len(self.quantum_efficiency)}"
            )
        if any(after <= before for before, after in zip(self.wavelength_nm, self.wavelength_nm[1:], strict=False)):
            raise ValueError("wavelength_nm must rise from entry to entry")
        check_range("energy_per_electron_range_eV", self.energy_per_electron_range_eV, self.energy_per_electron_eV)


@dataclass(frozen=True, config=STRICT)
class StackSlab:
    """A slab between layer and glass, or the glass: material, thickness and the range that it may have. [um]

    Charge that electrons free in the one that ``collects``, the i-layer of the photodiode, counts as signal.
    """

    material: str
    thickness_um: Positive
    range_um: tuple[NotNegative, NotNegative] | None = None
    collects: bool = False

    def __post_init__(self) -> None:
        check_range("range_um", self.range_um, self.thickness_um)


@dataclass(frozen=True, config=STRICT)
class LagTerm:
    """One population of traps: fraction of the charge that it catches as it is freed [1], and time of release [s]."""

    fraction: FractionBelowOne
    time_s: Positive


@dataclass(frozen=True, config=STRICT)
class LagExposure:
    """Factor on all trapped fractions of the lag [1] against the charge of a frame [electrons].

    Linear in the logarithm of the charge between the entries, constant outside.
    """

    charge_electrons: tuple[Positive, ...]
    factor: tuple[Positive, ...]

    def __post_init__(self) -> None:
        if len(self.charge_electrons) != len(self.factor) or len(self.factor) < 2:
            raise ValueError(
                "charge_electrons and factor need the same number of entries, at least 2, got "
                f"{len(self.charge_electrons)} and {len(self.factor)}"
            )
        if any(
            after <= before for before, after in zip(self.charge_electrons, self.charge_electrons[1:], strict=False)
        ):
            raise ValueError("charge_electrons must rise from entry to entry")


@dataclass(frozen=True, config=STRICT)
class Ghosting:
    """One term of the sensitivity that filled traps add: rise per full well of charge, and its limit [1, 1], decay. [s]

    Relative to the sensitivity of a rested diode.
    """

    gain_per_full_well: Positive
    largest_gain: Positive
    time_s: Positive


@dataclass(frozen=True, config=STRICT)
class Readout:
    """Charge amplifiers and ADC: noise [electrons rms], conversion [electrons/DN], offset [DN], bits, column groups.

    Line noise is common to a row, column noise to a column of one frame; flicker noise wanders down each column with a
    power of 1/f, its rms that of a pixel. ``gain_mode`` names the setting of the amplifiers that these numbers are for.
    """

    reset_noise_electrons: NotNegative
    amplifier_noise_electrons: NotNegative
    line_noise_electrons: NotNegative
    electrons_per_dn: Positive
    offset_dn: NotNegative
    offset_spread_dn: NotNegative
    bits: Annotated[int, Field(ge=8, le=16)]
    columns_per_amplifier: Annotated[int, Field(ge=1)]
    gain_mode: str = "standard"
    column_noise_electrons: NotNegative = 0.0
    flicker_noise_electrons: NotNegative = 0.0


@dataclass(frozen=True, config=STRICT)
class Uniformity:
    """Spread of pixel response and of amplifier gain [1, rms]; fraction of defective pixels, number of dead lines. [1]

    A pixel holds q (1 - n q / full well) of a charge q: ``nonlinearity`` is the mean of n, ``nonlinearity_spread`` its
    spread from pixel to pixel. [1, rms] ``lagging_fraction`` and ``nonlinear_fraction`` are those of pixels that are
    defective in that way only. [1]
    """

    response_spread: FractionBelowOne
    amplifier_spread: FractionBelowOne
    defective_fraction: FractionBelowOne
    defective_rows: Annotated[int, Field(ge=0)]
    defective_cols: Annotated[int, Field(ge=0)]
    nonlinearity: Annotated[float, Field(gt=-0.5, lt=0.5)] = 0.0
    nonlinearity_spread: FractionBelowOne = 0.0
    lagging_fraction: FractionBelowOne = 0.0
    nonlinear_fraction: FractionBelowOne = 0.0

    def __post_init__(self) -> None:
        # d/dq of q (1 - n q / full well) at the full well is 1 - 2 n
        largest = self.nonlinearity + NONLINEARITY_SPREADS * self.nonlinearity_spread
        if largest >= 0.5:
            raise ValueError(
                f"nonlinearity + {NONLINEARITY_SPREADS:g} x nonlinearity_spread must be below 0.5, or the charge of "
                f"some pixels falls towards the full well, got {largest:g}"
            )


@dataclass(frozen=True, config=STRICT)
class BackLayer:
    """A second layer with photodiodes of the same kind behind the panel: two frames of one exposure.

    The beam passes cover, layer and stack of the panel, then ``filter``, ``gap_mm`` of air [mm] and ``cover``. The
    layer is ``scintillator``, a shipped name or a file; ``readout`` is the panel's where it is not given. Without
    ``backscatter`` the front layer gets nothing back from what lies behind it, as that of a panel alone.
    """

    scintillator: str
    serial: str
    map_seed: Annotated[int, Field(ge=0)]
    filter: tuple[Cover, ...] = ()
    cover: tuple[Cover, ...] = ()
    gap_mm: NotNegative = 0.0
    readout: Readout | None = None
    backscatter: bool = True


@dataclass(frozen=True, config=STRICT)
class MeasuredMaps:
    """NPZ file of maps measured on one panel, beside the panel's own file, and the SHA-256 of its bytes.

    They take the place of those drawn from ``map_seed``; see `radiography.panel.measured_maps`.
    """

    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, config=STRICT)
class Panel:
    """A flat panel; see the TOML files in ``data/panels`` for each number's source.

    ``stack`` is what lies under the layer, from there to the glass; where it is empty, the photodiode is taken to be
    silicon in silicon. ``back`` is the second layer of a dual-layer panel. With ``maps`` the panel has maps that were
    measured.
    """

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
    lag_exposure: LagExposure | None = None
    stack: tuple[StackSlab, ...] = ()
    ghosting: tuple[Ghosting, ...] = ()
    back: BackLayer | None = None
    maps: MeasuredMaps | None = None

    def __post_init__(self) -> None:
        self._check_stack()
        self._check_back()
        trapped = sum(term.fraction for term in self.lag)
        if trapped >= 1.0:
            raise ValueError(f"lag fractions of panel '{self.name}' must sum to less than 1, got {trapped:g}")
        if self.lag_exposure is not None:
            table = self.lag_exposure
            if trapped * max(table.factor) >= 1.0:
                raise ValueError(
                    f"lag fractions of panel '{self.name}' must sum to less than 1 at every charge, got "
                    f"{trapped * max(table.factor):g} with the factor {max(table.factor):g}"
                )
            # x (1 - F g(x)) rises where 1 - F (g + dg/d ln x) is positive
            steps = zip(table.charge_electrons, table.charge_electrons[1:], strict=False)
            slopes = np.diff(table.factor) / [math.log(after / before) for before, after in steps]
            steepest = trapped * float(np.max(np.maximum(table.factor[:-1], table.factor[1:]) + slopes))
            if steepest >= 1.0:
                raise ValueError(f"lag_exposure of panel '{self.name}' rises so fast that more charge delivers less")
        if max(self.uniformity.defective_rows, self.uniformity.defective_cols) > min(
            self.pixels.rows, self.pixels.cols
        ):
            raise ValueError(f"panel '{self.name}' has more defective lines than lines")

    def _check_back(self) -> None:
        """All that lies before the back layer must be known, and lie before all of it."""
        if self.back is None:
            return
        if not self.stack:
            raise ValueError(
                f"panel '{self.name}' has a [back] layer and needs a [[stack]]: what lies before that layer"
            )
        if self.coating.rows_mm is not None or self.coating.cols_mm is not None:
            raise ValueError(
                f"panel '{self.name}' has a [back] layer, so its front layer must cover all of it: [coating] without "
                f"rows_mm and cols_mm, got {self.coating.rows_mm} and {self.coating.cols_mm}"
            )

    def _check_stack(self) -> None:
        """The diode is described once: by the stack, or by two numbers of the photodiode."""
        diode = {"layer_um": self.photodiode.layer_um, "energy_per_track_keV": self.photodiode.energy_per_track_keV}
        given = [name for name, value in diode.items() if value is not None]
        if self.stack:
            collecting = sum(one.collects for one in self.stack)
            if collecting != 1:
                raise ValueError(f"one slab of the stack of panel '{self.name}' must collect, got {collecting}")
            if given:
                raise ValueError(
                    f"photodiode.{given[0]} of panel '{self.name}' is for a panel without a stack; the stack says how "
                    "thick the diode is"
                )
        elif len(given) < len(diode):
            raise ValueError(
                f"panel '{self.name}' needs a stack of slabs, or photodiode.layer_um and "
                "photodiode.energy_per_track_keV"
            )

    @property
    def saturation_dn(self) -> float:
        """Raw value from which a pixel may be saturated: full well less lag, on the offset, or the end of the ADC. [DN]

        The lag is that of a frame that is read at once; later readouts deliver more. Five spreads of offset, noise and
        non-linearity below the nominal place, so that every full pixel reaches it; lagging and non-linear defects may
        not.
        """
        uniformity = self.uniformity
        held = 1.0 - (uniformity.nonlinearity + NONLINEARITY_SPREADS * uniformity.nonlinearity_spread)
        full = self.photodiode.full_well_electrons * held
        factor = 1.0 if self.lag_exposure is None else float(lag_exposure_factor(self.lag_exposure, full))
        delivered = full * (1.0 - factor * sum(term.fraction for term in self.lag))
        readout = self.readout
        of_lines = np.hypot(readout.column_noise_electrons, readout.flicker_noise_electrons)
        of_pixel = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons)
        noise_dn = np.hypot(of_pixel, of_lines) / readout.electrons_per_dn
        margin_dn = 5.0 * float(np.hypot(np.sqrt(2.0) * readout.offset_spread_dn, noise_dn))
        full_dn = readout.offset_dn + delivered / readout.electrons_per_dn - margin_dn
        return float(min(np.floor(full_dn), 2**readout.bits - 1))


def stack_extremes(panel: Panel) -> tuple[Panel, ...]:
    """The panel with most and with least of an X-ray's energy in its diodes, within the declared ranges of its stack.

    The diode as thick as it may be, and what else lies in the stack as thin, and the other way round. A panel without
    such ranges is returned as it is, once.
    """
    if not any(slab.range_um for slab in panel.stack):
        return (panel,)

    def at_ends(thick_diode: bool) -> Panel:
        slabs = []
        for slab in panel.stack:
            low, high = slab.range_um or (slab.thickness_um, slab.thickness_um)
            thickness_um = high if slab.collects == thick_diode else low
            if thickness_um > 0:
                slabs.append(replace(slab, thickness_um=thickness_um))
        return replace(panel, stack=tuple(slabs))

    return at_ends(thick_diode=True), at_ends(thick_diode=False)


def emission_weighted_quantum_efficiency(panel: Panel, wavelength_nm: FloatArray, emission: FloatArray) -> float:
    """Photodiode quantum efficiency averaged over the light that reaches it.

    Parameters
    ----------
    panel : Panel
        With its table of quantum efficiency; outside it the efficiency is that of the nearest entry.
    wavelength_nm, emission : (L,) float64
        Wavelengths [nm] and fraction of the light at each [1].

    Returns
    -------
    efficiency : float
        [1]
    """
    efficiency = np.interp(wavelength_nm, panel.photodiode.wavelength_nm, panel.photodiode.quantum_efficiency)
    return float(np.sum(emission * efficiency) / np.sum(emission))


def cover_transmission(panel: Panel, energy_keV: FloatArray) -> FloatArray:
    """Fraction of the photons of each energy that pass the panel's cover without any interaction.

    Parameters
    ----------
    panel : Panel
        With the layers of its cover, or none.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    transmission : (E,) float64
        [1]

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


def shielded_columns(panel: Panel) -> tuple[tuple[int, int], ...]:
    """Column ranges [first, last) that see neither light nor X-rays, from left to right. [1]"""
    pixels = panel.pixels
    ranges = ((0, pixels.shielded_cols_left), (pixels.cols - pixels.shielded_cols_right, pixels.cols))
    return tuple((first, last) for first, last in ranges if last > first)


def dark_current_factor(panel: Panel, temperature_C: float) -> float:
    """Dark current at a temperature relative to that at the panel's reference temperature.

    Parameters
    ----------
    panel : Panel
        Its photodiode says at which temperature T0 the dark current is given, and what rise D doubles it.
    temperature_C : float
        Temperature T. [deg C]

    Returns
    -------
    factor : float
        2^((T - T0) / D). [1]
    """
    diode = panel.photodiode
    return float(2.0 ** ((temperature_C - diode.dark_reference_C) / diode.dark_doubling_K))


def lag_exposure_factor(exposure: LagExposure, charge_electrons: npt.ArrayLike) -> FloatArray:
    """Factor on the trapped fractions for the charge of a frame.

    Parameters
    ----------
    exposure : LagExposure
        Table of factors.
    charge_electrons : (...) float
        Charge of the frame. [electrons]

    Returns
    -------
    factor : (...) float64
        That of the lowest entry for no charge. [1]
    """
    lowest = exposure.charge_electrons[0]
    logarithm = np.log(np.maximum(np.asarray(charge_electrons, dtype=np.float64), lowest))
    return np.asarray(np.interp(logarithm, np.log(exposure.charge_electrons), exposure.factor))
