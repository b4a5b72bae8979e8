"""Maps of a panel for the simulator, from its calibration: what each pixel is, as far as the frames can tell it.

A number of a pixel that is mostly the frames' noise is drawn towards the panel's: by the part of its scatter that the
pixels make (James and Stein), so that the map is the best guess of each. Bad pixels keep what was seen of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.flags import DEAD, HOT, LAGGING, NOISY, NON_LINEAR, OVER, SHIELDED, UNDER, UNUSABLE
from calibration.frame_sums import robust_sigma
from calibration.quality.numbers import SCATTER_ERROR
from radiography.panel import maps as kinds
from radiography.panel.maps import PanelMaps
from radiography.panel.panel import LAGGING_FACTOR, LARGEST_TRAPPED, Panel
from radiography.study.twin_flats import LARGEST_BEND, OUTLIER, PanelResponse, spread_error_square
from radiography.study.twin_values import TwinValue, found, not_determined

LEAST_RATE = 1e-3  # of the read noise in a second: less is no dark current   # chosen
LARGEST_RESPONSE = 20.0  # of the typical pixel: what is more is no response to X-rays   # chosen
LINE = 10  # dead pixels in a row that make a line; E2597's clusters end there

Picture = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MapsOfTwin:
    """Maps of a panel, values that they give for its file, the share of bad pixels off lines [1], and notes.

    ``unit`` is the median pixel's response, over the mean one's, which counts as 1 in the maps. [1]
    """

    maps: PanelMaps
    values: tuple[TwinValue, ...]
    defective_fraction: float
    notes: tuple[str, ...]
    unit: float


def twin_maps(
    calibration: CalibrationSet,
    response: PanelResponse,
    good: Mask,
    *,
    start: Panel,
    electrons_per_dn: float,
    integration_time_s: float | None,
    trapped: float,
) -> MapsOfTwin:
    """Maps of a panel for the simulator.

    Parameters
    ----------
    calibration : CalibrationSet
        Of the panel.
    response : PanelResponse
        From its flats.
    good : (H, W) bool
        Pixels that count.
    start : Panel
        What the frames do not determine is its.
    electrons_per_dn : float
        [electrons/DN]
    integration_time_s : float or None
        Of the flats; None where it is not known. [s]
    trapped : float
        Largest part of a charge that the panel's traps catch; lagging defects trap more than that. [1]

    Returns
    -------
    maps : MapsOfTwin
    """
    flags, notes = calibration.defects, []
    offset_dn, rate_dn_per_s, dark_values = _dark(calibration, good, start, electrons_per_dn, integration_time_s)
    relative, unit, spread_values = _response(calibration, response, good, start)
    bent, bend_values = _bend(response, good, flags, start)
    noise_factor = np.ones(flags.shape, dtype=np.float32)
    noisy = (flags & NOISY) != 0
    if calibration.offset_noise_dn is not None and calibration.typical_dark_noise_dn > 0:
        noise_factor[noisy] = calibration.offset_noise_dn[noisy] / np.float32(calibration.typical_dark_noise_dn)
    lagging = (flags & LAGGING) != 0
    lag_factor = None
    if lagging.any() and trapped > 0:
        lag_factor = np.ones(flags.shape, dtype=np.float32)
        lag_factor[lagging] = max(min(LAGGING_FACTOR, LARGEST_TRAPPED / trapped), 1.0)
        notes.append(
            f"{int(lagging.sum())} lagging pixels get {lag_factor.max():.3g} times the lag: assumed, not fitted"
        )
    defects = _kinds(flags)
    off_lines = ((flags & UNUSABLE) != 0) & ((defects & kinds.LINE) == 0)
    middle = float(np.median(offset_dn[good]))
    values = [
        found(
            "readout.offset_dn",
            middle,
            np.hypot(dark_values[1], _median_error(offset_dn[good], calibration)),
            "DN",
            f"median pixel of {calibration.darks_used} darks, dark current taken out",
        ),
        *dark_values[0],
        *spread_values,
        *bend_values,
    ]
    maps = PanelMaps(
        offset_dn=offset_dn.astype(np.float32),
        response=relative,
        dark_electrons_per_s=(rate_dn_per_s * electrons_per_dn).astype(np.float32),
        noise_factor=noise_factor,
        defects=defects,
        nonlinearity=bent,
        lag_factor=lag_factor,
    )
    return MapsOfTwin(maps, tuple(values), float(off_lines.mean()), tuple(notes), unit)


def _median_error(offset_dn: npt.NDArray[Any], calibration: CalibrationSet) -> float:
    """Standard error of the median of offsets that have noise of their own, over pixels that are what they are. [DN]

    With a density f of pixels around the median, noise moves of N pixels N f E|noise| across it, as many either way
    but for the root of them: that root over N f is the error.
    """
    noise = calibration.typical_dark_noise_dn / np.sqrt(calibration.darks_used)
    spread = max(robust_sigma(offset_dn), noise)
    return float(np.sqrt(np.sqrt(2.0 / np.pi) * noise * spread * np.sqrt(2.0 * np.pi) / offset_dn.size))


def _dark(
    calibration: CalibrationSet, good: Mask, start: Panel, electrons_per_dn: float, integration_time_s: float | None
) -> tuple[Picture, Picture, tuple[list[TwinValue], float]]:
    """Offset without dark current [DN], dark current [DN/s]; values, and what its error makes of the offset. [DN]"""
    time_s = calibration.dark_time_s or integration_time_s or 0.5
    key, unit = "photodiode.dark_electrons_per_s", "electrons/s"
    noise = calibration.typical_dark_noise_dn / np.sqrt(calibration.darks_used)
    rate, error = calibration.dark_rate_dn_per_s, 0.0
    if rate is None:
        typical = start.photodiode.dark_electrons_per_s / electrons_per_dn
        rate = np.full(good.shape, typical, dtype=np.float32)
        why = "darks of a second integration time would determine it; it is taken out of the offset here"
        values = [not_determined(key, start.photodiode.dark_electrons_per_s, unit, why)]
    else:
        typical = max(float(np.median(rate[good])), 0.0)
        error = calibration.dark_rate_error_dn_per_s or 0.0
        scatter = robust_sigma(rate[good])
        # What the frames' noise makes of a pixel's rate: from the times' own spread.
        times = calibration.dark_times_s
        span = float(np.std(times)) * len(times) ** 0.5 if len(times) > 1 else time_s
        own = noise / max(span, 1e-9)
        part = max(1.0 - own**2 / max(scatter**2, 1e-30), 0.0)
        own_too = ~good | (np.abs(rate - typical) > OUTLIER * scatter)
        rate = np.where(own_too, rate, typical + part * (rate - typical)).astype(np.float32)
        np.maximum(rate, 0.0, out=rate)
        if typical <= LEAST_RATE * calibration.typical_dark_noise_dn:
            rate, typical = np.zeros_like(rate), 0.0
        how = f"darks of {len(calibration.dark_times_s)} integration times: {typical:.4g} DN/s in the median pixel"
        values = [found(key, typical * electrons_per_dn, max(error, 0.0) * electrons_per_dn, unit, how)]
    offset_dn = calibration.offset_dn - rate * np.float32(time_s)
    low, high = offset_dn[:, :-1], offset_dn[:, 1:]
    pairs = good[:, :-1] & good[:, 1:]
    scatter = robust_sigma((high - low)[pairs]) / 2**0.5
    spread = float(np.sqrt(max(scatter**2 - noise**2, 0.0)))
    count = int(pairs.sum())
    key = "readout.offset_spread_dn"
    if calibration.darks_used < 2:
        why = (
            "offset and noise of a single dark are one pattern, and so in the map: a second dark would tell them apart"
        )
        values.append(not_determined(key, scatter, "DN", why))
    else:
        how = "neighbours along the rows, without the error of the darks' mean"
        values.append(found(key, spread, 1.3 * SCATTER_ERROR * scatter / count**0.5, "DN", how))
    return offset_dn, rate, (values, error * time_s)


def _response(
    calibration: CalibrationSet, response: PanelResponse, good: Mask, start: Panel
) -> tuple[Picture, float, list[TwinValue]]:
    """Response of each pixel over that of the median one, without the inverse square of the beam; and that one's."""
    distance_mm = calibration.conditions.source_to_detector_mm
    alike = response.response / inverse_square(distance_mm, start.pixels.pitch_mm, good.shape)
    unit = float(np.median(alike[good]))
    relative: Picture = (alike / unit).astype(np.float32)
    np.clip(relative, 0.0, LARGEST_RESPONSE, out=relative)
    relative[(calibration.defects & DEAD) != 0] = 0.0
    relative[(calibration.defects & SHIELDED) != 0] = 0.0
    pairs = good[:, :-1] & good[:, 1:]
    scatter = robust_sigma((relative[:, 1:] - relative[:, :-1])[pairs]) / 2**0.5
    noise = response.response_noise / unit
    spread = float(np.sqrt(max(scatter**2 - noise**2, 0.0)))
    key, error = "uniformity.response_spread", 1.3 * SCATTER_ERROR * scatter / int(pairs.sum()) ** 0.5
    if calibration.knows_flat_noise:
        how = "neighbours along the rows, without the noise of the mean flat"
        values = [found(key, spread, error, "1", how)]
    else:
        why = "response and noise of a single flat are one pattern, and so in the map: a second flat would tell"
        values = [not_determined(key, min(scatter, 0.9), "1", why)]
    why = "steps between readout chips are in the map; where chips begin would have to be told"
    values.append(not_determined("uniformity.amplifier_spread", start.uniformity.amplifier_spread, "1", why))
    return relative, unit, values


def inverse_square(distance_mm: float | None, pitch_mm: float, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Exposure of each pixel over that where the axis meets the panel: what distance and obliquity leave of the beam.

    The simulator adds it itself, so that it is no part of a panel.

    Parameters
    ----------
    distance_mm : float or None
        Of the source; None where it is not known. [mm]
    pitch_mm : float
        Pixel pitch. [mm]
    shape : (int, int)
        Rows and columns; the axis meets their middle. [1]

    Returns
    -------
    exposure : (H, W) float64
        [1]  1 everywhere where the distance is not known.
    """
    if distance_mm is None:
        return np.ones(shape)
    y, x = ((np.arange(count) + 0.5 - 0.5 * count) * pitch_mm for count in shape)
    return np.asarray((1.0 + (y[:, None] ** 2 + x[None, :] ** 2) / distance_mm**2) ** -1.5)


def _bend(
    response: PanelResponse, good: Mask, flags: npt.NDArray[np.uint16], start: Panel
) -> tuple[Picture | None, list[TwinValue]]:
    """n of each pixel and its spread; None where it is that of all."""
    mean = response.bend if np.isfinite(response.bend) else start.uniformity.nonlinearity
    key = "uniformity.nonlinearity_spread"
    if response.departure is None:
        why = "flats of two doses or more would determine it"
        return None, [not_determined(key, 0.0, "1", why)]
    departure = response.departure
    scatter, noise = robust_sigma(departure[good]), response.departure_noise
    count = int(good.sum())
    error_square = spread_error_square(scatter, noise, count)
    how = f"scatter of the pixels' own bends, {noise:.2g} of it the noise of the flats taken out"
    spread = response.departure_kept**0.5 * scatter
    if spread == 0:
        square = max(scatter**2 - noise**2, 0.0)
        values = [found(key, 0.0, (square + error_square) ** 0.5, "1", how)]
    else:
        values = [found(key, spread, error_square / (2.0 * spread), "1", how)]
    bent = np.float32(mean) + np.float32(response.departure_kept) * departure
    odd = ((flags & (NON_LINEAR | OVER)) != 0) | (good & (np.abs(departure) > OUTLIER * scatter))
    bent[odd] = np.float32(mean) + departure[odd]
    bent[(flags & (DEAD | SHIELDED)) != 0] = mean
    np.clip(bent, -LARGEST_BEND, LARGEST_BEND, out=bent)
    if spread == 0 and not odd.any() and mean == 0:
        return None, values
    return bent.astype(np.float32), values


def _kinds(flags: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Classes of the calibration as kinds of the simulator; what only responds otherwise is in the response."""
    found_kinds = np.zeros(flags.shape, dtype=np.uint8)
    for flag, kind in (
        (DEAD, kinds.DEAD),
        (HOT, kinds.HOT),
        (NOISY, kinds.NOISY),
        (UNDER, kinds.UNDER),
        (NON_LINEAR, kinds.NON_LINEAR),
        (LAGGING, kinds.LAGGING),
    ):
        found_kinds[(flags & flag) != 0] |= kind
    dead = (flags & DEAD) != 0
    found_kinds[_runs(dead) | _runs(dead.T).T] |= kinds.LINE
    return found_kinds


def _runs(mask: Mask) -> Mask:
    """Where more than `LINE` neighbours along a row are True."""
    from scipy.ndimage import binary_opening

    return np.asarray(binary_opening(mask, np.ones((1, LINE + 1), dtype=bool)))
