"""Picture for presentation from a corrected, linear image: the chain of steps, in order.

    collimation   what collimators shadow is found, and black in the end
    logarithm     exposure becomes attenuation: the same detail has the same contrast behind thin and thick parts, and
                  larger means thicker: metal and bone come out bright, as on film
    denoise       of a Laplacian pyramid, the finest bands lose noise where nothing stands above it
    equalise      weak contrasts of all sizes are raised, strong ones stay
    edge          the finest details are raised, within a bound
    window        on the object, without open field and shadows
    curve         tone, in the pixels

Everything is raised only where it stands above the noise of its band. Measurements belong to the linear image, never
to this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.equalise import equalised_bands
from radiography.presentation.exposure import FoundRegion, attenuate, find_region
from radiography.presentation.noise import NoiseTables, flat_noise_gain, noise_tables
from radiography.presentation.presets import load_picture
from radiography.presentation.pyramid import Plane, add_expanded, block_means, gaussian_levels, shape_band
from radiography.presentation.shadow import LitField, continued, lit_field
from radiography.presentation.steps import PictureSteps
from radiography.presentation.tone import DISPLAY_MAXIMUM, as_counts, choose_window, span_of, tone_curve
from radiography.presentation.usable import usable_blocks

EDGE_BANDS = 2  # the finest: details of about 1 and 2 pixels; the others are equalised
LEAST_SIDE = 8  # of a level, in pixels   # chosen


@dataclass(frozen=True, eq=False)
class ProcessedPicture:
    """Attenuation after all steps but window and curve.

    Attributes
    ----------
    values : (H, W) float32
        Attenuation [1]; the input itself [DN] where the logarithm is off.
    region : FoundRegion or None
        What was found; None where the logarithm is off.
    noise : NoiseTables or None
        Of the bands; None where no step asked for it.
    noise_gain : float or None
        Standard deviation of flat parts, over that before; None where there are none. [1]
    lit : LitField or None
        What collimators left in the light; None where they are not looked for, or not found.
    """

    values: Plane
    region: FoundRegion | None
    noise: NoiseTables | None = None
    noise_gain: float | None = None
    lit: LitField | None = None


@dataclass(frozen=True, eq=False)
class PresentedPicture:
    """A picture and how to look at it.

    Attributes
    ----------
    display : (H, W) uint16
        14 bits, larger where fewer X-rays arrived. [1]
    window_center, window_width : int
        Window in display counts. [1]
    open_field_dn : float
        Exposure that was taken as no object. [DN]
    description : str
        One line on how the picture was made, with what was measured.
    noise_gain : float or None
        Noise of flat parts, before the curve, over that of the logarithm; None where no part is flat. [1]
    shown : (float, float)
        Window in attenuation. [1]
    """

    display: NDArray[np.uint16]
    window_center: int
    window_width: int
    open_field_dn: float
    description: str
    noise_gain: float | None = None
    shown: tuple[float, float] = (0.0, 0.0)


def present(
    corrected_dn: NDArray[np.floating[Any]],
    picture: PictureSteps | str | None = None,
    *,
    variance_dn2: NDArray[np.floating[Any]] | None = None,
    open_field_dn: float | None = None,
) -> PresentedPicture:
    """The picture to look at, with its window.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image. [DN]
    picture : PictureSteps or str, optional
        Steps, or the name or TOML file of them; "default" when left out.
    variance_dn2 : (H, W) float, optional
        Variance of each pixel; measured in the picture when left out. [DN^2]
    open_field_dn : float, optional
        Exposure without object; found when left out. [DN]

    Returns
    -------
    picture : PresentedPicture

    Raises
    ------
    ValueError
        If a pixel is NaN or infinite, no pixel is exposed (`NotExposed`), or the logarithm is off.
    """
    steps = picture if isinstance(picture, PictureSteps) else load_picture(picture or "default")
    if not steps.logarithm.on:
        raise ValueError(f"the picture '{steps.name}' has no logarithm: its numbers are linear, and not for display")
    made = process_picture(corrected_dn, steps, variance_dn2=variance_dn2, open_field_dn=open_field_dn)
    region = made.region
    assert region is not None
    blocks = block_means(made.values, region.side)
    shown = choose_window(blocks, region.shows_object, steps.window, made.noise)
    lit = None if made.lit is None else made.lit.shown
    knots = tone_curve(span_of(steps.logarithm), shown, steps.curve)
    display = as_counts(made.values, knots, lit)
    low, high = (float(np.interp(end, *knots)) for end in shown)
    center, width = round(0.5 * (low + high)), _fitting(max(round(high - low), 2), display)
    words = _told(steps, made, lit, knots)
    return PresentedPicture(display, center, width, region.open_field_dn, words, made.noise_gain, shown)


def _fitting(width: int, display: NDArray[np.uint16]) -> int:
    """A window no wider than the picture's counts are apart, as web viewers narrow it anyway, and differently.

    A field that fills less than half of its window stays as it is: its noise would become all that is seen.
    """
    spread = int(display.max()) - int(display.min())
    return spread if spread < width <= 2 * spread else width


def process_picture(
    corrected_dn: NDArray[np.floating[Any]],
    steps: PictureSteps,
    *,
    variance_dn2: NDArray[np.floating[Any]] | None = None,
    open_field_dn: float | None = None,
) -> ProcessedPicture:
    """All steps but window and curve, in numbers with a unit.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image. [DN]
    steps : PictureSteps
    variance_dn2 : (H, W) float, optional
        Variance of each pixel; measured in the picture when left out. [DN^2]
    open_field_dn : float, optional
        Exposure without object; found when left out. [DN]

    Returns
    -------
    processed : ProcessedPicture
        Attenuation with details raised and noise lowered; that of `attenuate`, bit for bit, where all those steps are
        off, and the input itself where the logarithm is off too.

    Raises
    ------
    ValueError
        If the image is not (rows, columns), a pixel is NaN or infinite, or no pixel is exposed.
    """
    pixels = np.asarray(corrected_dn)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"corrected_dn must be (rows, columns), got shape {pixels.shape}")
    if not np.isfinite(pixels.sum(dtype=np.float64)):
        bad = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        raise ValueError(f"corrected_dn holds {bad} pixels that are NaN or infinite; correct them before presenting")
    if not steps.logarithm.on:
        return ProcessedPicture(np.array(pixels, np.float32), None)
    if variance_dn2 is not None and variance_dn2.shape != pixels.shape:
        raise ValueError(f"the variance is {variance_dn2.shape} but the image is {pixels.shape}")
    region = find_region(pixels, open_field_dn)
    attenuation = attenuate(pixels, region.open_field_dn, steps.logarithm.decades)
    lit = lit_field(region, attenuation, steps.collimation.least_sides) if steps.collimation.on else None
    if not (steps.denoise.on or steps.equalise.on or steps.edge.on):
        return ProcessedPicture(attenuation, region, lit=lit)
    known = None
    if variance_dn2 is not None:
        floor = region.open_field_dn * 10.0**-steps.logarithm.decades
        known = np.asarray(variance_dn2 / np.square(np.maximum(pixels, floor)), np.float32)
    usable = usable_blocks(attenuation, lit)
    whole = attenuation if lit is None else continued(attenuation, lit)
    change, noise = _change_of_bands(whole, steps, known, usable)
    values = attenuation.copy() if change is None else np.add(change, attenuation, out=change)
    return ProcessedPicture(values, region, noise, flat_noise_gain(attenuation, values, usable, noise), lit)


def _change_of_bands(
    attenuation: Plane, steps: PictureSteps, known: Plane | None, usable: NDArray[np.bool_] | None
) -> tuple[Plane | None, NoiseTables | None]:
    """What denoising, equalising and sharpening the bands adds to a picture, and the noise that was found."""
    size = steps.equalise.largest_px if steps.equalise.on else 0.0
    bands = max(EDGE_BANDS, steps.denoise.bands, int(np.ceil(np.log2(size))) if size else 0)
    levels = gaussian_levels(attenuation, LEAST_SIDE, bands)
    if len(levels) < 2:
        return None, None
    noise = noise_tables(levels, span_of(steps.logarithm), known, usable)
    coarse = levels[EDGE_BANDS:]
    if steps.equalise.on and len(coarse) > 1:
        added = equalised_bands(coarse, steps.equalise.gain, steps.equalise.reach)
    else:
        added = [np.zeros_like(level) for level in coarse[:-1]]
    raised: Plane | None = None
    for k in reversed(range(len(levels) - 1)):
        strength = steps.denoise.strength if steps.denoise.on and k < steps.denoise.bands else 0.0
        if k < EDGE_BANDS:
            gain, limit = (steps.edge.gain, steps.edge.limit / EDGE_BANDS) if steps.edge.on else (0.0, 0.0)
            change = np.zeros_like(levels[k])
        else:
            gain, limit = 0.0, steps.equalise.limit / len(added) if steps.equalise.on else 0.0
            change = added[k - EDGE_BANDS]
        if limit > 0 or strength > 0:
            scale = (noise.first, noise.per_unit)
            shape_band(levels[k], levels[k + 1], noise.variances[k], scale, (strength, gain, limit), change)
        if raised is not None:
            add_expanded(change, raised)
        raised = change
    return change, noise


def _told(
    steps: PictureSteps, made: ProcessedPicture, lit: NDArray[np.int64] | None,
    knots: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> str:  # fmt: skip
    """One line on how a picture was made, as it stands in its file."""
    region = made.region
    assert region is not None
    at = round(float(np.interp(0.0, *knots)))
    said = [f"picture '{steps.name}': natural logarithm of exposure, larger = fewer X-rays"]
    if lit is not None:
        said.append(f"{100 * (1 - np.diff(lit).sum() / made.values.size):.0f} % in the shadow of collimators black")
    if steps.denoise.on:
        said.append(f"noise of the {steps.denoise.bands} finest bands lowered by up to {steps.denoise.strength:g}")
    if steps.equalise.on:
        said.append(f"contrasts below {steps.equalise.reach:g} raised by up to {steps.equalise.gain:g}")
    if steps.edge.on:
        said.append(f"finest detail raised by up to {steps.edge.gain:g}")
    if steps.overshoot:
        said.append(f"no edge by more than {steps.overshoot:g}")
    if made.noise is not None:
        said.append(f"noise {made.noise.source}")
    if made.noise_gain is not None:
        said.append(f"that of flat parts x {made.noise_gain:.2f}")
    elif made.noise is not None:
        said.append("no part flat enough to tell its gain")
    straight = not steps.curve.on or steps.curve.bend == 0
    per_e_fold = f"{DISPLAY_MAXIMUM / np.ptp(span_of(steps.logarithm)):.2f} counts per e-fold"
    said.append(per_e_fold if straight else f"tone curve of bend {steps.curve.bend:g}")
    return f"{', '.join(said)}; open field {region.open_field_dn:.6g} DN at count {at}"
