"""Step wedge: signal and noise on each step, the thickness change that stands out of the noise, and the usable range.

The contrast sensitivity at a step is the relative change of thickness whose contrast is so many times the noise of a
pixel; the material range is where the signal-to-noise ratio is high enough and the signal not too near to saturation.

References
----------
.. [1] ASTM E2597 defines an achievable contrast sensitivity (CSa) and a specific material thickness range (SMTR) on a
   wedge whose steps have grooves; its text was not available, so nothing here claims to follow it. The normalisation
   of the SNR to a pixel of 0.0886 mm is that of ISO 17636-2, from public discussion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.snr import RegionNoise, region_noise, signal_to_noise

INNER = 0.6  # of a step along the wedge, that is measured: the rest is blur and scatter of its neighbours   # chosen
BAND = 0.8  # of the region across the wedge   # chosen
SEEN = 2.5  # contrast over noise of a pixel at which a change of thickness is seen   # assumed: as for holes
SNR_LIMITS = (130.0, 250.0)  # assumed: commonly quoted for a contrast sensitivity of 2 % and of 1 %
REFERENCE_MM = 0.0886  # side of a square as large as a round aperture of 0.1 mm, to which an SNR is normalised
MOST_OF_SATURATION = 0.8  # of the saturation value, that the signal may reach   # assumed
DEFINITION = (
    "contrast sensitivity: relative change of thickness whose contrast is 2.5 times the noise of a pixel, from the "
    "slope of the logarithm of the signal at each step; material range: thickness between which the signal-to-noise "
    "ratio is at least the limit; not the grooved wedge of a standard"
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One step of the wedge.

    Attributes
    ----------
    thickness_mm : float
        [mm]
    region : (int, int, int, int)
        First and last row, first and last column of what was measured, half-open. [1]
    noise : RegionNoise
        Signal and noise.
    snr, snr_error : float
        Per pixel. [1]
    attenuation_per_mm, attenuation_error : float
        Minus the slope of the logarithm of the signal, from the step and its neighbours. [1/mm]
    sensitivity_percent, sensitivity_error : float
        Contrast sensitivity. [%]
    """

    thickness_mm: float
    region: tuple[int, int, int, int]
    noise: RegionNoise
    snr: float
    snr_error: float
    attenuation_per_mm: float
    attenuation_error: float
    sensitivity_percent: float
    sensitivity_error: float


@dataclass(frozen=True)
class MaterialRange:
    """Thickness between which a limit of the signal-to-noise ratio holds; NaN where it holds nowhere. [mm]

    `open_thin` and `open_thick` say whether it goes on beyond the wedge.
    """

    snr_limit: float
    thinnest_mm: float
    thickest_mm: float
    thickest_error_mm: float
    open_thin: bool
    open_thick: bool


@dataclass(frozen=True)
class StepWedge:
    """What a wedge says: its steps in the order of the thicknesses given, ranges for each limit, and doubts."""

    steps: tuple[Step, ...]
    ranges: tuple[MaterialRange, ...]
    normalised: bool
    along: str
    doubts: tuple[str, ...]


def measure_step_wedge(
    frames: NDArray[Any],
    thickness_mm: Sequence[float],
    *,
    resolution_mm: float | None = None,
    snr_limits: Sequence[float] = SNR_LIMITS,
    highest_signal: float = np.inf,
) -> StepWedge:
    """Signal, noise, contrast sensitivity and material range from the image of a step wedge.

    Parameters
    ----------
    frames : (N, H, W)
        Signal above the offset; the region is the wedge, from the beginning of its first step to the end of its last,
        within half a step. [DN]
    thickness_mm : sequence of float
        Of each step, in the order of the rows or columns. Steps are of one length. [mm]
    resolution_mm : float, optional
        Basic spatial resolution: signal-to-noise ratios of the ranges are normalised to 0.0886 mm with it. [mm]
    snr_limits : sequence of float
        Of which ranges are looked for. [1]
    highest_signal : float
        That a step of a range may have. [DN]

    Returns
    -------
    wedge : StepWedge

    Raises
    ------
    ValueError
        If there are fewer than three steps, thicknesses do not rise or fall, or the steps are not found.
    """
    heights = np.asarray(thickness_mm, dtype=np.float64)
    if heights.size < 3:
        raise ValueError(f"a wedge needs the thickness of 3 steps or more, got {heights.size}")
    if not (np.isfinite(heights).all() and (heights > 0).all()):
        raise ValueError(f"the thickness of each step must be above 0 mm, got {', '.join(f'{h:g}' for h in heights)}")
    if not ((np.diff(heights) > 0).all() or (np.diff(heights) < 0).all()):
        raise ValueError(f"thicknesses must rise or fall from step to step, got {', '.join(f'{h:g}' for h in heights)}")
    mean = frames.mean(axis=0, dtype=np.float64)
    profiles = [np.nanmedian(mean, axis=axis) for axis in (0, 1)]
    across_cols = bool(np.ptp(profiles[0]) >= np.ptp(profiles[1]))
    profile = profiles[0] if across_cols else profiles[1]
    begin, length = _find_steps(profile, heights.size)
    other = mean.shape[0] if across_cols else mean.shape[1]
    margin = 0.5 * (1.0 - BAND) * other
    doubts: list[str] = []
    regions, noises = [], []
    for number in range(heights.size):
        middle = begin + (number + 0.5) * length
        ends = round(middle - 0.5 * INNER * length), round(middle + 0.5 * INNER * length)
        sides = round(margin), round(other - margin)
        region = (*sides, *ends) if across_cols else (*ends, *sides)
        regions.append(region)
        noises.append(region_noise(frames[:, region[0] : region[1], region[2] : region[3]]))
    signal = np.array([noise.signal for noise in noises])
    if not (signal > 0).all():
        raise ValueError(f"every step must have a signal above the offset, the least is {signal.min():.5g} DN")
    if not ((np.diff(signal) * np.diff(heights)) < 0).all():
        doubts.append("the signal does not fall with the thickness from each step to the next: see the order and --roi")
    slope, slope_error = _slopes(heights, np.log(signal), np.array([n.signal_error / n.signal for n in noises]))
    steps = []
    for height, region, noise, mu, mu_error in zip(heights, regions, noises, slope, slope_error, strict=True):
        ratio = signal_to_noise(noise)
        sensitivity = 100.0 * SEEN / (abs(mu) * height * ratio.value)
        relative = np.hypot(ratio.error / ratio.value, mu_error / abs(mu))
        steps.append(
            Step(
                thickness_mm=float(height),
                region=region,
                noise=noise,
                snr=ratio.value,
                snr_error=ratio.error,
                attenuation_per_mm=float(mu),
                attenuation_error=float(mu_error),
                sensitivity_percent=float(sensitivity),
                sensitivity_error=float(sensitivity * relative),
            )
        )
    scale = 1.0 if resolution_mm is None else REFERENCE_MM / resolution_mm
    ranges = tuple(_range(steps, scale, float(limit), highest_signal) for limit in snr_limits)
    return StepWedge(
        tuple(steps), ranges, resolution_mm is not None, "columns" if across_cols else "rows", tuple(doubts)
    )


def _find_steps(profile: FloatArray, count: int) -> tuple[float, float]:
    """Beginning and length of a step: equal steps that leave the least scatter within each."""
    size = profile.size
    if size < 8 * count:
        raise ValueError(f"{count} steps in {size} pixels leave fewer than 8 pixels a step: see --roi and --thickness")
    value = np.log(np.maximum(profile, 1e-3 * float(np.nanmax(profile))))
    nominal = size / count
    best = (np.inf, 0.0, nominal)
    for length in np.linspace(nominal * (1.0 - 1.0 / count), nominal, 21):
        for begin in np.linspace(0.0, size - length * count, 21):
            place = (np.arange(size) + 0.5 - begin) / length
            number = np.floor(place).astype(int)
            inside = (number >= 0) & (number < count) & (np.abs(place - number - 0.5) < 0.5 * INNER + 0.1)
            total, squares, pixels = (
                np.bincount(number[inside], weights=weight, minlength=count)
                for weight in (value[inside], value[inside] ** 2, None)
            )
            scatter = float((squares - total**2 / np.maximum(pixels, 1)).sum() / inside.sum())
            if scatter < best[0] * (1.0 - 1e-9):
                best = (scatter, float(begin), float(length))
    return best[1], best[2]


def _slopes(height: FloatArray, value: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Minus the slope at each point of the parabola through it and its neighbours, with its standard error."""
    slopes, errors = np.zeros(height.size), np.zeros(height.size)
    for i in range(height.size):
        first = min(max(i - 1, 0), height.size - 3)
        x = height[first : first + 3] - height[i]
        weights = np.linalg.inv(np.vander(x, 3, increasing=True))[1]  # of the values, in the linear term
        slopes[i] = -weights @ value[first : first + 3]
        errors[i] = np.sqrt((weights**2) @ error[first : first + 3] ** 2)
    return slopes, errors


def _range(steps: Sequence[Step], scale: float, limit: float, highest: float) -> MaterialRange:
    """Where the limit holds, the logarithm of the ratio straight between steps."""
    ordered = sorted(steps, key=lambda step: step.thickness_mm)
    heights = np.array([step.thickness_mm for step in ordered])
    above = np.log(np.array([step.snr * scale for step in ordered]) / limit)
    errors = np.array([step.snr_error / step.snr for step in ordered])
    below_top = np.array([step.noise.signal <= highest for step in ordered])
    holds = (above >= 0) & below_top
    if not holds.any():
        return MaterialRange(limit, np.nan, np.nan, np.nan, open_thin=False, open_thick=False)
    first = int(np.argmax(holds))
    last = first
    while last + 1 < len(ordered) and holds[last + 1]:
        last += 1
    thick, thick_error = float(heights[last]), 0.0
    if last + 1 < len(ordered):
        rise = (above[last + 1] - above[last]) / (heights[last + 1] - heights[last])
        thick, thick_error = float(heights[last] - above[last] / rise), float(abs(errors[last] / rise))
    return MaterialRange(
        limit, float(heights[first]), thick, thick_error, open_thin=first == 0, open_thick=last + 1 == len(ordered)
    )
