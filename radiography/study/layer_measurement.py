"""Measurements of a layer - MTF, shape of the NPS, fraction of the light - and the same modelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.light.layer_light import LayerLight, spread_of_beam
from radiography.light.scintillator import Scintillator
from radiography.light.transport import FREQUENCY_PER_MM

HIGHEST_PER_MM = FREQUENCY_PER_MM[-1]  # the light is known so far
ALIASES = 3  # on each side; the squared aperture and the layer leave nothing of the next ones

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMeasurement:
    """What was measured of a layer.

    Attributes
    ----------
    frequency_per_mm, mtf, mtf_error : (N,) float64
        Presampled MTF and its standard error, above zero frequency. [1/mm, 1, 1]
    nps_frequency_per_mm, nps, nps_error : (M,) float64
        Noise power spectrum along an axis over its value at the lowest frequency, and its standard error; empty where
        not measured. [1/mm, 1, 1]
    light, light_error : float or None
        Fraction of the light that reaches the diodes. [1]
    aperture_mm : float
        Side of the square pixel aperture; the pixels are taken to touch. [mm]
    """

    frequency_per_mm: FloatArray
    mtf: FloatArray
    mtf_error: FloatArray
    nps_frequency_per_mm: FloatArray
    nps: FloatArray
    nps_error: FloatArray
    light: float | None
    light_error: float | None
    aperture_mm: float

    def __post_init__(self) -> None:
        _check_curve("MTF", self.frequency_per_mm, self.mtf, self.mtf_error)
        _check_curve("NPS", self.nps_frequency_per_mm, self.nps, self.nps_error)
        wrong = self.mtf[(self.mtf < -0.2) | (self.mtf > 1.2)]
        if wrong.size:
            raise ValueError(f"the MTF must lie between 0 and 1 (not in percent), got {wrong[0]:g}")
        if self.light is not None:
            error = self.light_error if self.light_error is not None else np.nan
            if not (0 < self.light <= 1 and 0 < error < np.inf):
                raise ValueError(
                    "the light must be a fraction above 0 and up to 1, its error above 0, "
                    f"got {self.light:g} +- {error:g}"
                )
        if not 0 <= self.aperture_mm < np.inf:
            raise ValueError(f"the pixel aperture must be a length of 0 or more, got {self.aperture_mm:g} mm")
        if self.nps.size and self.aperture_mm == 0:
            raise ValueError("the NPS of pixels needs their aperture, got 0 mm")


def _check_curve(name: str, frequency: FloatArray, value: FloatArray, error: FloatArray) -> None:
    if frequency.ndim != 1 or not frequency.shape == value.shape == error.shape:
        raise ValueError(f"the {name} needs a value and a standard error for each frequency")
    if not np.isfinite([frequency, value, error]).all():
        raise ValueError(f"the {name} holds a number that is not finite")
    outside = frequency[(frequency <= 0) | (frequency > HIGHEST_PER_MM)]
    if outside.size:
        limit = f"above 0 and up to {HIGHEST_PER_MM:g} /mm"
        raise ValueError(f"frequencies of the {name} must be {limit}, got {outside[0]:g} /mm")
    if (error <= 0).any():
        raise ValueError(
            f"standard errors of the {name} must be above 0, got {error[error <= 0][0]:g} at "
            f"{frequency[error <= 0][0]:g} /mm"
        )


def modelled(
    light: LayerLight, fluence: FloatArray, scintillator: Scintillator, measurement: LayerMeasurement
) -> FloatArray:
    """What the measurement would give of a modelled layer: MTF, shape of the NPS, and fraction of the light last.

    Parameters
    ----------
    light : LayerLight
        Of the layer.
    fluence : (E,) float64
        Photons of the beam at the energies of the light, on any scale. [1]
    scintillator : Scintillator
        For its light yield.
    measurement : LayerMeasurement
        For its frequencies and aperture.

    Returns
    -------
    outputs : (N + M + 1,) float64
        The NPS is without white floor and 1 at its first frequency. [1]

    Notes
    -----
    MTF: signal transfer of the beam, glare included, times the sinc of the aperture. NPS: noise transfer of the beam
    and the squared aperture, with aliases from the axis; those of other rows fall on zeros of the aperture.
    """
    spread = spread_of_beam(light, fluence)
    aperture, frequency = measurement.aperture_mm, measurement.frequency_per_mm
    mtf = spread.mean_at(frequency) * np.abs(np.sinc(frequency * aperture))
    nps = np.zeros(measurement.nps.size)
    if nps.size:
        for alias in range(-ALIASES, ALIASES + 1):
            folded = np.abs(measurement.nps_frequency_per_mm + alias / aperture)
            nps += (spread.noise_at(folded) * np.sinc(folded * aperture)) ** 2
        nps /= nps[0]
    made = scintillator.light.yield_per_keV * (fluence @ light.absorbed_keV)
    return np.concatenate([mtf, nps, [fluence @ light.light / made]])


def residuals(outputs: FloatArray, measurement: LayerMeasurement) -> FloatArray:
    """Modelled minus measured, (R, D), of R models (R, N + M + 1); the NPS after scale and white floor are fitted.

    Parameters
    ----------
    outputs : (R, N + M + 1) float64
        MTF, NPS and light of R models. [1]
    measurement : LayerMeasurement
        What was measured.

    Returns
    -------
    residuals : (R, D) float64
        Over their standard errors where the measurement has them. [1]
    """
    first, last = measurement.mtf.size, measurement.mtf.size + measurement.nps.size
    parts = [outputs[:, :first] - measurement.mtf]
    if measurement.nps.size:
        parts.append(scaled_nps(outputs, measurement) - measurement.nps)
    if measurement.light is not None:
        parts.append(outputs[:, last:] - measurement.light)
    return np.concatenate(parts, axis=1)


def errors(measurement: LayerMeasurement) -> FloatArray:
    """Standard errors of the data in the order of the residuals, (D,)."""
    light = [] if measurement.light is None else [measurement.light_error]
    return np.concatenate([measurement.mtf_error, measurement.nps_error, np.array(light, dtype=np.float64)])


def scaled_nps(outputs: FloatArray, measurement: LayerMeasurement) -> FloatArray:
    """Noise power of R models (R, M) on the scale of the data, over the white floor (0 or more) that suits best.

    Parameters
    ----------
    outputs : (R, N + M + 1) float64
        MTF, NPS and light of R models. [1]
    measurement : LayerMeasurement
        What was measured.

    Returns
    -------
    nps : (R, M) float64
        [1]
    """
    shape = outputs[:, measurement.mtf.size : -1]
    weight = measurement.nps_error**-2
    one, x, xx = weight.sum(), shape @ weight, shape**2 @ weight
    y, xy = weight @ measurement.nps, shape @ (weight * measurement.nps)
    spread = np.maximum(one * xx - x**2, 1e-12 * one * xx)
    floor = np.maximum((xx * y - x * xy) / spread, 0.0)
    scale = (xy - floor * x) / xx
    return np.asarray(scale[:, None] * shape + floor[:, None])
