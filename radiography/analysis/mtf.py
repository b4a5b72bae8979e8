"""Presampled modulation transfer function from one image of a slanted edge, after IEC 62220-1-1:2015.

The edge is found and its course fitted, every row is measured against its own plate and open-field level, all pixels
are sorted by their distance to the edge, and a regression spline through them gives the edge spread function whose
transform is the MTF. The curve comes with a standard error at each frequency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from radiography.analysis.edge.bins import BinnedEdge
from radiography.analysis.edge.fitted import FittedEdge, far_off, fit_edge
from radiography.analysis.edge.line import EdgeLine, refuse_steep
from radiography.analysis.edge.modulus import modulus
from radiography.analysis.edge.quality import EdgeQuality, doubts_of, judge_edge
from radiography.analysis.edge.search import (
    SlantedEdge,
    checked_region,
    find_slanted_edges,
    turned_region,
    why_no_edge,
)
from radiography.analysis.edge.spread import SplineEdge

FREQUENCY_STEP = 0.0025  # cycles/pixel; IEC 62220-1-1 averages over 0.01 cycles/pixel, which resolves no glare
NYQUIST = 0.5 + 1e-9  # cycles/pixel
HIGHEST_FREQUENCY = 1.0  # cycles/pixel, twice Nyquist
MOST_LEFT_OUT = 0.1  # of the pixels, as saturated   # chosen
MOST_HIDDEN_BEND = 0.02  # of the contrast; a fifth to a half of it was left over in strong vignetting   # chosen
USUAL_ANGLES_DEG = (1.0, 15.0)  # outside, the result carries a warning; IEC 62220-1-1 asks for 1.5 to 3 degrees


@dataclass(frozen=True, eq=False)
class MtfCurve:
    """Presampled MTF along the normal of one edge.

    ``frequency_per_mm``, ``value``, ``standard_error`` (F,): the curve [1/mm, 1, 1]; value plus or minus 1.96 standard
    errors holds the truth at one frequency in 95 of 100 images, plus or minus ``simultaneous_factor`` of them
    the whole curve to Nyquist. ``cutoff_per_mm``: up to here the rows sample the edge finely enough.
    ``position_mm``, ``esf``, ``esf_fit``, ``lsf_per_mm`` (J,): distance to the edge, mean of the pixels there and
    their fit as parts of the contrast, and the fit's slope [mm, 1, 1, 1/mm]. ``angle_deg`` against the pixel columns
    or rows, as ``orientation`` ("vertical", "horizontal") says; ``bright_side`` the open field's side. ``roi`` (first
    row, end row, first column, end column). ``course`` (N, 2): row and column of the image where the edge was found to
    run [pixel]. ``oversampling``: samples per pixel of distance across the edge.
    ``contrast_dn``: open field minus plate; ``contrast_to_noise`` for one pixel of open field. ``bow_mm``: largest
    departure from a straight edge. ``heel_per_mm``, ``bend_per_mm2``: relative change and bend of the field across the
    edge, removed; 0 where it does not stand out of the noise [1/mm, 1/mm^2].
    ``outlier_count``: pixels left out besides defects. ``certainty``: see SlantedEdge.
    ``quality``: numbers that say whether to believe it; ``warnings``: sentences.
    """

    frequency_per_mm: np.ndarray
    value: np.ndarray
    standard_error: np.ndarray
    simultaneous_factor: float
    cutoff_per_mm: float
    pitch_mm: float
    position_mm: np.ndarray
    esf: np.ndarray
    esf_fit: np.ndarray
    lsf_per_mm: np.ndarray
    angle_deg: float
    orientation: str
    bright_side: str
    roi: tuple[int, int, int, int]
    oversampling: float
    contrast_dn: float
    contrast_to_noise: float
    bow_mm: float
    heel_per_mm: float
    bend_per_mm2: float
    outlier_count: int
    certainty: float
    quality: EdgeQuality
    warnings: tuple[str, ...]
    course: np.ndarray


def slanted_edge_mtf(
    corrected_dn: np.ndarray,
    pitch_mm: float,
    roi: tuple[int, int, int, int] | None = None,
    defects: np.ndarray | None = None,
    frequency_per_mm: np.ndarray | None = None,
    *,
    saturated: np.ndarray | None = None,
    glare: bool = True,
) -> MtfCurve:
    """Presampled MTF along the normal of the strongest slanted edge in a region or an image.

    Measured is what the pixels hold, their aperture included, in the direction across the edge. Curved edges, smooth
    changes of the field along and across the edge (heel effect), unmapped outliers and long tails (glare) are dealt
    with; the normalisation is at frequency zero of the line spread as far as the region reaches, so that glare of
    longer range than the region is not seen.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Linear, offset- and gain-corrected image; zero is no signal. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    roi : (first row, end row, first column, end column), optional
        Region with one edge in it, ends excluded. Without it the clearest edge of the whole image is taken.
    defects : (H, W) bool, optional
        True where a pixel is unusable: it is left out, never replaced.
    frequency_per_mm : (F,) float64, optional
        Frequencies wanted; by default from 0 to the cutoff, at most twice Nyquist, in steps of 1/400 of a cycle per
        pixel. [1/mm]
    saturated : (H, W) bool, optional
        True where a pixel is known to be saturated. Few are left out; half of a side refuses the edge.
    glare : bool
        False cuts the line spread 12 pixels from the edge (three widths for wide edges) and normalises what is left, as
        tools do that look at a narrow window.

    Returns
    -------
    curve : MtfCurve
        The MTF with its standard errors, and what was found on the way.

    Raises
    ------
    TypeError
        If the image is not a two-dimensional array of real numbers.
    ValueError
        If pitch, region or defect map do not fit the image, usable pixels are not finite, no edge stands out, its
        angle leaves pixel phases unsampled, half of a side is clipped, or its contrast drowns in noise.

    Notes
    -----
    Where we differ from IEC 62220-1-1: the edge spread function is not interleaved from N = 1/tan(angle) rows but
    fitted to all pixels, which needs no integer N and no differences of noisy neighbours; the modulus is the real part
    about a fitted smooth phase, which noise does not lift (a modulus of noise is Rician, [2]_). Standard errors come
    from the scatter between up to 40 groups of rows, with the noise that neighbouring ones share, plus the expected
    error of smoothing; they are widened by Student's factor for few groups.

    References
    ----------
    .. [1] IEC 62220-1-1:2015, Medical electrical equipment - Characteristics of digital X-ray imaging devices.
    .. [2] S. O. Rice, "Mathematical analysis of random noise", Bell Syst. Tech. J. 24, 46 (1945).
    """
    region, usable, corner = checked_region(corrected_dn, pitch_mm, roi, defects)
    edges = find_slanted_edges(region, pitch_mm, ~usable)
    if not edges:
        raise ValueError(why_no_edge(region, usable))
    box = edges[0].roi if roi is None else (0, region.shape[0], 0, region.shape[1])
    flagged = _part(saturated, region, corner)
    curve = _measured_edge(_Image(region, usable, flagged, corner), edges[0], box, pitch_mm, frequency_per_mm, glare)
    if len(edges) > 1 and edges[0].certainty < 0.6:
        several = f"{len(edges)} edges of similar strength were found; the strongest was measured"
        curve = replace(curve, warnings=(*curve.warnings, several))
    return curve


def every_edge_mtf(
    corrected_dn: np.ndarray,
    pitch_mm: float,
    roi: tuple[int, int, int, int] | None = None,
    defects: np.ndarray | None = None,
    *,
    saturated: np.ndarray | None = None,
    glare: bool = True,
) -> tuple[tuple[MtfCurve, ...], tuple[str, ...]]:
    """Presampled MTF of all slanted edges in an image, of either direction, each in a clean region of its own.

    Parameters
    ----------
    corrected_dn, pitch_mm, roi, defects, saturated, glare
        As for `slanted_edge_mtf`; here a region may hold several edges.

    Returns
    -------
    curves : tuple of MtfCurve
        The clearest first.
    refused : tuple of str
        Why the others that were found are not measured, a sentence each.

    Raises
    ------
    TypeError, ValueError
        As `slanted_edge_mtf`, or if every edge that was found is refused.
    """
    region, usable, corner = checked_region(corrected_dn, pitch_mm, roi, defects)
    image = _Image(region, usable, _part(saturated, region, corner), corner)
    curves, refused = [], []
    for edge in find_slanted_edges(region, pitch_mm, ~usable, every=True):
        try:
            curves.append(_measured_edge(image, edge, edge.roi, pitch_mm, None, glare))
        except ValueError as error:
            r0, r1, c0, c1 = edge.roi
            where = f"rows {r0 + corner[0]}:{r1 + corner[0]}, columns {c0 + corner[1]}:{c1 + corner[1]}"
            refused.append(f"the edge in {where} is not measured: {error}")
    if not curves:
        raise ValueError(refused[0] if refused else why_no_edge(region, usable))
    return tuple(curves), tuple(refused)


class _Image(NamedTuple):
    """Region of an image (R, C): values [DN], usable and saturated pixels, and its first row and column."""

    values: np.ndarray
    usable: np.ndarray
    saturated: np.ndarray | None
    corner: tuple[int, int]


def _part(saturated: np.ndarray | None, region: np.ndarray, corner: tuple[int, int]) -> np.ndarray | None:
    """Saturated pixels of a region, None where there are none."""
    if saturated is None:
        return None
    part = saturated[corner[0] : corner[0] + region.shape[0], corner[1] : corner[1] + region.shape[1]]
    return part if part.any() else None


def _measured_edge(
    image: _Image,
    edge: SlantedEdge,
    box: tuple[int, int, int, int],
    pitch_mm: float,
    frequency_per_mm: np.ndarray | None,
    glare: bool,
) -> MtfCurve:
    """The curve of one edge in a box of a region."""
    region, usable, _, corner = image
    values, good, middle, slope = turned_region(region, usable, edge, box)
    refuse_steep(slope)
    lost = None if image.saturated is None else turned_region(region, image.saturated, edge, box)[1]
    far = far_off(values, good, edge)
    used = good & ~far
    if lost is not None and lost.mean() < MOST_LEFT_OUT:  # else the edge itself would be lost, and is refused below
        used &= ~lost
    found = fit_edge(values, used, middle, slope, saturated=lost, glare=glare)
    line, gap = found.line, found.gap
    cutoff = min(0.5 / gap, HIGHEST_FREQUENCY)
    frequency = _frequencies(frequency_per_mm, pitch_mm, cutoff)
    value, error, factor = modulus(found, frequency, min(cutoff, NYQUIST))
    quality = judge_edge(
        values, found.values, used, line, found.spline, clipped=found.clipped, gap=gap, pitch_mm=pitch_mm
    )
    esf, esf_fit, lsf = _edge_spread(found.spline, found.binned)
    sign = -1.0 if edge.bright_side in ("left", "top") else 1.0
    return MtfCurve(
        frequency_per_mm=frequency / pitch_mm,
        value=value,
        standard_error=error,
        simultaneous_factor=factor,
        cutoff_per_mm=cutoff / pitch_mm,
        pitch_mm=pitch_mm,
        position_mm=found.binned.position * pitch_mm,
        esf=esf,
        esf_fit=esf_fit,
        lsf_per_mm=lsf / pitch_mm,
        angle_deg=float(np.degrees(np.arctan(line.slope))) * sign,
        orientation=edge.orientation,
        bright_side=edge.bright_side,
        roi=(box[0] + corner[0], box[1] + corner[0], box[2] + corner[1], box[3] + corner[1]),
        oversampling=1 / gap,
        contrast_dn=float(np.median(line.rows.contrast[line.first_row : line.last_row])),
        contrast_to_noise=1 / max(line.sigma_open, 1e-9),
        bow_mm=line.bow * pitch_mm,
        heel_per_mm=found.field.per_pixel * sign / pitch_mm,
        bend_per_mm2=found.field.per_pixel2 / pitch_mm**2,
        outlier_count=found.outlier_count + int(np.count_nonzero(far)),
        certainty=edge.certainty,
        quality=quality,
        warnings=(
            *doubts_of(quality, pitch_mm, value[frequency <= NYQUIST], error[frequency <= NYQUIST]),
            *_warnings(found, int(np.count_nonzero(used))),
        ),
        course=_course_in_image(line, edge, box, corner),
    )


def _course_in_image(
    line: EdgeLine, edge: SlantedEdge, box: tuple[int, int, int, int], corner: tuple[int, int]
) -> np.ndarray:
    """Rows and columns of the image where an edge crosses those of its turned region that were measured."""
    along = np.arange(line.first_row, line.last_row, dtype=np.float64)
    across = line.rows.column[line.first_row : line.last_row]
    vertical = edge.orientation == "vertical"
    if edge.bright_side in ("left", "top"):
        across = (box[3] - box[2] if vertical else box[1] - box[0]) - 1 - across
    row, col = (along, across) if vertical else (across, along)
    return np.column_stack([row + box[0] + corner[0], col + box[2] + corner[1]])


def mtf_at(curve: MtfCurve, frequency_per_mm: float) -> tuple[float, float]:
    """MTF and its standard error at one frequency, interpolated between those of the curve.

    Parameters
    ----------
    curve : MtfCurve
        From `slanted_edge_mtf`.
    frequency_per_mm : float
        Within the curve's frequencies. [1/mm]

    Returns
    -------
    value, standard_error : float
        [1]

    Raises
    ------
    ValueError
        If the curve does not reach the frequency.
    """
    from scipy.interpolate import PchipInterpolator

    first, last = float(curve.frequency_per_mm[0]), float(curve.frequency_per_mm[-1])
    if not first <= frequency_per_mm <= last * (1 + 1e-9):
        raise ValueError(f"frequency_per_mm must be between {first:g} and {last:g}, got {frequency_per_mm:g}")
    inside = min(frequency_per_mm, last)
    value = PchipInterpolator(curve.frequency_per_mm, curve.value)(inside)
    return float(value), float(np.interp(inside, curve.frequency_per_mm, curve.standard_error))


def mtf50(curve: MtfCurve, level: float = 0.5) -> tuple[float, float]:
    """Lowest frequency at which the MTF falls to one half (or another level), and its standard error.

    Parameters
    ----------
    curve : MtfCurve
        From `slanted_edge_mtf`.
    level : float
        Value looked for, between 0 and 1. [1]

    Returns
    -------
    frequency_per_mm, standard_error : float
        The crossing [1/mm] and the curve's error there over its slope. [1/mm]

    Raises
    ------
    ValueError
        If the level is not between 0 and 1 or the curve never falls to it.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level:g}")
    below = np.flatnonzero(curve.value <= level)
    if below.size == 0 or below[0] == 0:
        raise ValueError(f"the MTF does not fall to {level:g} up to {curve.frequency_per_mm[-1]:.3g} per mm")
    j = int(below[0])
    (f0, f1), (v0, v1) = curve.frequency_per_mm[j - 1 : j + 1], curve.value[j - 1 : j + 1]
    slope = (v1 - v0) / (f1 - f0)
    return float(f0 + (level - v0) / slope), float(curve.standard_error[j] / abs(slope))


def low_frequency_drop(curve: MtfCurve) -> float:
    """Part of the signal that glare takes far from the edge: how far below 1 the MTF begins.

    Parameters
    ----------
    curve : MtfCurve
        From `slanted_edge_mtf`, at its own frequencies.

    Returns
    -------
    drop : float
        1 minus the even polynomial of fourth order through the MTF between 0.1 and 0.5 of the frequency where it is
        one half, at frequency 0; NaN where the curve does not show it. Glare beyond the region is not seen. [1]
    """
    try:
        half, _ = mtf50(curve)
    except ValueError:
        half = float(curve.frequency_per_mm[-1])
    inside = (curve.frequency_per_mm > 0.1 * half) & (curve.frequency_per_mm < 0.5 * half)
    if inside.sum() < 6:
        return float("nan")
    square = (curve.frequency_per_mm[inside] / half) ** 2
    return float(1 - np.polynomial.polynomial.polyfit(square, curve.value[inside], 2)[0])


def _frequencies(frequency_per_mm: np.ndarray | None, pitch_mm: float, cutoff: float) -> np.ndarray:
    """Frequencies wanted, or those of every 1/400 of a cycle up to the cutoff. [cycles/pixel]"""
    if frequency_per_mm is None:
        return np.arange(int(cutoff / FREQUENCY_STEP + 1e-6) + 1) * FREQUENCY_STEP
    return np.asarray(frequency_per_mm, dtype=float) * pitch_mm


def _edge_spread(spline: SplineEdge, binned: BinnedEdge) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measured and fitted edge spread [1] and line spread [1/pixel] in each bin, the fit rising from 0 to 1."""
    from scipy.interpolate import BSpline

    curve = BSpline(spline.knots, spline.coefficients, 3)
    start, rise = float(curve(spline.knots[0])), float(curve(spline.knots[-1]) - curve(spline.knots[0]))
    esf = (binned.total.sum(axis=0) / binned.count.sum(axis=0) - start) / rise
    return esf, (curve(binned.position) - start) / rise, curve.derivative()(binned.position) / rise


def _warnings(measured: FittedEdge, pixels: int) -> tuple[str, ...]:
    """What a reader of the curve should know, one sentence each."""
    line, gap, outlier_count = measured.line, measured.gap, measured.outlier_count
    found = []
    angle = float(np.degrees(np.arctan(abs(line.slope))))
    if not USUAL_ANGLES_DEG[0] <= angle <= USUAL_ANGLES_DEG[1]:
        found.append(f"the edge is tilted by {angle:.2f} degrees; IEC 62220-1-1 asks for 1.5 to 3")
    if 0.5 / gap < 0.5:
        found.append(f"the rows sample the edge only every {gap:.2f} pixels, which supports no frequency up to Nyquist")
    ratio = 1 / max(line.sigma_open, 1e-9)
    if ratio < 5:
        found.append(f"the edge's contrast is only {ratio:.1f} times the noise of one pixel")
    if outlier_count > 0.001 * pixels:
        found.append(f"{outlier_count} outliers were left out ({100 * outlier_count / pixels:.1f} % of the pixels)")
    field = measured.field
    hidden = abs(field.per_pixel2) * min(field.reach) ** 2 * field.reading.ground * field.reading.gain
    if hidden > MOST_HIDDEN_BEND:
        found.append(
            f"the field bends by {100 * hidden:.0f} % of the edge's contrast under a plate that transmits; it was "
            "taken out, but low frequencies may be off by more than the standard error"
        )
    if min(line.reach) < 10 * line.width:
        found.append(
            f"one side of the region reaches {min(line.reach):.0f} pixels from an edge {line.width:.1f} pixels wide"
        )
    return tuple(found)
