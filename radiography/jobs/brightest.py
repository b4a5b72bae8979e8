"""The brightest part of the field as raw values, pixel by pixel, and the exposure that saturates few of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiography.acquire import mean_electrons
from radiography.field import kerma_range
from radiography.plan import Acquisition
from radiography.projection.project import project
from radiography.projection.scatter_estimate import coarse_panel

SPREADS = 2.0  # chosen: of a sequence's exposures above their mean; one frame in 44 is brighter
LARGEST_SHARE = 0.002  # chosen: of the pixels of the brightest part; hot pixels are fewer
_PIXELS = 250_000  # chosen: that stand for a panel's; the share of them is then within 0.02 %
_HALVINGS = 30  # of the interval of factors: to 1e-9


@dataclass(frozen=True, eq=False)
class BrightestPart:
    """What pixels of a panel would give in the brightest part of the field, if they and the converter had no end.

    The panel's pixels, each with its own response, offset, dark current and noise, stand for those of that part.

    Attributes
    ----------
    beam_electrons, light_variance : float
        Mean charge from the beam in a frame of nominal exposure, and its variance by the number of quanta, as if light
        did not spread, which makes it less. [electrons, electrons2]
    largest_exposure : float
        Exposure of the brightest frames relative to the nominal one: `SPREADS` spreads more. [1]
    dark_electrons, offset_dn : float
        Mean charge from dark current, and nominal offset. [electrons, DN]
    electrons_per_dn, full_well_electrons, saturation_dn : float
        Of the panel. [electrons/DN, electrons, DN]
    pixel_response, pixel_offset_dn, pixel_dark_electrons, pixel_noise_electrons : (N,) float64
        Of some of the pixels that see the beam; noise is that of the readout. [1, DN, electrons, electrons]
    pixel_nonlinearity : (N,) float64
        n of a charge q that is held as q (1 - n q / full well). [1]
    """

    beam_electrons: float
    light_variance: float
    largest_exposure: float
    dark_electrons: float
    offset_dn: float
    electrons_per_dn: float
    full_well_electrons: float
    saturation_dn: float
    pixel_response: npt.NDArray[np.float64]
    pixel_offset_dn: npt.NDArray[np.float64]
    pixel_dark_electrons: npt.NDArray[np.float64]
    pixel_noise_electrons: npt.NDArray[np.float64]
    pixel_nonlinearity: npt.NDArray[np.float64]

    @property
    def mean_dn(self) -> float:
        """Mean raw value at the nominal exposure. [DN]"""
        return self.offset_dn + (self.beam_electrons + self.dark_electrons) / self.electrons_per_dn

    def saturated_share(self, beam: float = 1.0, time: float = 1.0) -> float:
        """Share of the pixels that reach the panel's `saturation_dn` in the brightest frames.

        Parameters
        ----------
        beam, time : float
            Air kerma and integration time relative to those of the scene. [1]

        Returns
        -------
        share : float
            [1]
        """
        from scipy.special import ndtr

        exposure, full_well = beam * self.largest_exposure, self.full_well_electrons
        counted = exposure * self.beam_electrons * self.pixel_response + time * self.pixel_dark_electrons
        charge = np.minimum(counted, full_well)
        held = charge * (1.0 - self.pixel_nonlinearity * charge / full_well)
        variance = counted + exposure * self.light_variance * self.pixel_response**2 + self.pixel_noise_electrons**2
        missing = (self.saturation_dn - self.pixel_offset_dn) * self.electrons_per_dn - held
        return float(np.mean(ndtr(-missing / np.sqrt(np.maximum(variance, 1e-30)))))


def brightest_part(acquisition: Acquisition) -> BrightestPart:
    """The brightest part of the field: where the object lets most of the beam through, at the highest air kerma.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`, or the back layer of one; the beam may be off.

    Returns
    -------
    part : BrightestPart
    """
    scene, panel, maps = acquisition.scene, acquisition.panel, acquisition.maps
    readout, time_s, weights = panel.readout, scene.timing.integration_time_s, acquisition.layer_weights
    beam_electrons, light_variance = 0.0, 0.0
    if scene.beam.air_kerma_uGy > 0:
        passing, samples = _passing(acquisition), scene.sampling.samples_per_pixel**2
        beam_electrons = passing * mean_electrons(acquisition)
        per_photon = panel.photodiode.fill_factor * acquisition.quantum_efficiency
        light_variance = passing * float(weights[2].sum()) * samples * per_photon**2
    seeing = maps.response > 0
    step = max(1, round(math.sqrt(seeing.size / _PIXELS)))
    if seeing[::step, ::step].any():
        some = {name: plane[::step, ::step] for name, plane in vars(maps).items() if plane is not None}
        maps = replace(maps, **some)
        seeing = seeing[::step, ::step]

    def pixels(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return plane[seeing].astype(np.float64)

    noise = (
        readout.reset_noise_electrons,
        readout.amplifier_noise_electrons,
        readout.line_noise_electrons,
        readout.column_noise_electrons,
        readout.flicker_noise_electrons,
    )
    offset_dn, dark = pixels(maps.offset_dn), pixels(maps.dark_electrons_per_s) * time_s
    return BrightestPart(
        beam_electrons=beam_electrons,
        light_variance=light_variance,
        largest_exposure=1.0 + SPREADS * (scene.sequence.exposure_spread if scene.sequence is not None else 0.0),
        dark_electrons=float(np.median(dark)) if dark.size else 0.0,
        offset_dn=readout.offset_dn,
        electrons_per_dn=readout.electrons_per_dn,
        full_well_electrons=panel.photodiode.full_well_electrons,
        saturation_dn=panel.saturation_dn,
        pixel_response=pixels(maps.response),
        pixel_offset_dn=offset_dn,
        pixel_dark_electrons=dark,
        pixel_noise_electrons=pixels(maps.noise_factor) * math.hypot(*noise),
        pixel_nonlinearity=np.zeros(offset_dn.size) if maps.nonlinearity is None else pixels(maps.nonlinearity),
    )


def doubt_of_brightest(part: BrightestPart, which: str, air_kerma_uGy: float, integration_time_s: float) -> str | None:
    """What saturates, and which air kerma or integration time would not; None where few pixels do.

    Parameters
    ----------
    part : BrightestPart
        Of one layer.
    which : str
        The layer in words: "the panel".
    air_kerma_uGy, integration_time_s : float
        Of the scene; no air kerma in the dark. [uGy, s]

    Returns
    -------
    doubt : str or None
        One clause without a full stop.
    """
    share = part.saturated_share()
    if share <= LARGEST_SHARE:
        return None
    in_dark, at_once = part.saturated_share(beam=0.0), part.saturated_share(time=0.0)
    cause = "dark current" if air_kerma_uGy == 0 else "the brightest part of the field"
    if air_kerma_uGy > 0 and in_dark > LARGEST_SHARE:
        cause += ", with its dark current,"
    steady = part.largest_exposure == 1.0 or air_kerma_uGy == 0
    where = "" if steady else f" in frames {SPREADS:g} x exposure_spread above it"
    told = (
        f"{cause} saturates {which}: its mean is {part.mean_dn:.0f} DN, and{where} about {_percent(share)} % of its "
        f"pixels reach {part.saturation_dn:.0f} DN, from which on a pixel counts as saturated (saturation_dn)"
    )
    if part.saturated_share(beam=0.0, time=0.0) > LARGEST_SHARE:
        return f"{told}; the offset alone does"
    named = {"air_kerma_uGy": air_kerma_uGy, "integration_time_s": integration_time_s}
    if in_dark <= LARGEST_SHARE:
        factor = _largest(lambda f: part.saturated_share(beam=f))
        del named["integration_time_s"]
    elif air_kerma_uGy == 0 or at_once <= LARGEST_SHARE:
        factor = _largest(lambda f: part.saturated_share(time=f))
        del named["air_kerma_uGy"]
    else:
        factor = _largest(lambda f: part.saturated_share(beam=f, time=f))
    advice = " with ".join(f"{key} = {_rounded_down(factor * value)}" for key, value in named.items())
    return f"{told}; {advice} would not"


def _passing(acquisition: Acquisition) -> float:
    """Light of the brightest place of the panel, object present, relative to that of the open central ray. [1]"""
    coarse, energy_keV = coarse_panel(acquisition.geometry), acquisition.spectrum.energy_keV
    weights, materials = acquisition.layer_weights[1:2], acquisition.materials
    passing = 1.0
    if acquisition.phantom is not None and weights.any():
        seen, open_field = (
            project(thing, coarse, energy_keV, weights, materials=materials)[0] for thing in (acquisition.phantom, None)
        )
        passing = float((seen / np.maximum(open_field, 1e-30)).max())
    return passing * kerma_range(acquisition.spectrum, acquisition.heel, coarse)[1]


def _largest(share: Callable[[float], float]) -> float:
    """Largest factor from 0 to 1, at which no more than `LARGEST_SHARE` saturates."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share(middle) <= LARGEST_SHARE else (low, middle)
    return max(low, 0.5**_HALVINGS)


def _percent(share: float) -> str:
    """A share in percent, to two digits."""
    return f"{100 * share:.2g}" if share < 0.995 else "100"


def _rounded_down(value: float) -> str:
    """A positive number to two digits, none of them rounded up."""
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return f"{np.floor(value / step) * step:.12g}"
