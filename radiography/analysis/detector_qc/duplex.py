"""Duplex wires: the dip between the wires of each pair, and the basic spatial resolution.

The profile is taken across the wires, sampled finer than the pixels by their tilt. A pair of wires of diameter d with a
gap of d is resolved as far as the signal between them comes back: the dip is 1 - 2 C / (A + B), A and B the depths of
the two wires below the field, C that between them. What bins and smoothing take from a dip is given back, and the
diameter of a dip of 20 % is looked for on the curve that wires have: between two pairs it bends more than a parabola
follows, which is up to 3.6 % off for a bare aperture.

References
----------
.. [1] ISO 19232-5 and ASTM E2002, wire pairs 1D to 13D as their makers' tables give them; 14D and 15D of longer gauges
   continue the series. The texts were not available.
.. [2] ASTM E2597 as quoted in public discussion: iSRb from a polynomial of second order through the dips of at least
   two pairs above 20 % and, as far as above zero, two below; where there is none below, the next pair with a dip of
   zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.wire_dips import level_between, smoothed, two_peaks
from radiography.analysis.detector_qc.wire_names import pair_names, pairs_beside_gaps, thickest_last
from radiography.analysis.detector_qc.wire_pairs import PairCurve, curve_about, diameter_of_dip, given_back

DIAMETERS_MM = {
    "1D": 0.80,
    "2D": 0.63,
    "3D": 0.50,
    "4D": 0.40,
    "5D": 0.32,
    "6D": 0.25,
    "7D": 0.20,
    "8D": 0.16,
    "9D": 0.13,
    "10D": 0.10,
    "11D": 0.08,
    "12D": 0.063,
    "13D": 0.05,
    "14D": 0.04,
    "15D": 0.032,
}  # [1]
RESOLVED = 0.20  # dip from which a pair counts as resolved; [1], [2]
DEFINITION = (
    "dip = 100 (1 - 2 C / (A + B)) in the profile across the wires of a linear image; SRb: diameter of the first pair "
    "whose dip is below 20 %; iSRb: diameter of a dip of 20 %, between the dips of the pairs on either side of it "
    "along the curve of round wires behind aperture and blur; isrb_parabola_mm: the same on the parabola through the "
    "dips of two pairs above and up to two below that are above zero, or else the next one (ASTM E2597 as quoted)"
)
STEEPEST_DEG = 10.0  # tilt of the wires against the pixels that is looked for   # chosen
FINEST = 8  # bins of the profile per pixel   # chosen
REACHED = 0.7  # of the wires' contrast: a row of less lies beyond their ends   # chosen
SEGMENTS = 12  # parts of the wires' length, left out in turn for the errors   # chosen
LEAST_COUNTED = 0.2  # of the same: a bin between others with fewer good pixels is interpolated   # chosen
LEAST_FULL = 0.6  # of the pixels of most bins: corners of a tilted region have fewer   # chosen
OUTLIER = 8.0  # standard deviations from the profile: a pixel is dead or hot   # chosen
SEEN = 5.0  # standard errors of the profile: a wire is deeper   # chosen
LEAST_DEPTH = 0.02  # of the deepest: a wire is deeper   # chosen
FIELD_MM = 5.0  # window for the field beside the wires; a pair of 0.8 mm takes 2.4 mm   # chosen
FIELD_PERCENTILE = 25.0  # of the depth in it   # chosen: less is free of wires in any window
SHAPE_ERROR = 0.003  # of iSRb, what shapes of blur and places of bins leave   # measured: rms over 128 random gauges
LARGEST_GAP_MM = 1.0  # between the wires of a pair; the widest is 0.8 mm
FARTHEST_SEPARATION = 1.6  # relative, either way: beyond, it is no pair of the series   # chosen
ODD_SEPARATION = 0.06  # relative: of the wires from the nominal one, above which it is said   # chosen

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class WirePair:
    """Dip of one pair, with its standard error, and where it lies along the profile. [mm, 1, mm]"""

    name: str
    diameter_mm: float
    dip: float
    dip_error: float
    position_mm: float


@dataclass(frozen=True, eq=False)
class DuplexWires:
    """Dips of the wire pairs of a gauge.

    Attributes
    ----------
    pairs : tuple of WirePair
        Thickest first, as far as they are seen.
    srb_mm : float
        Diameter of the first pair that is not resolved; NaN where all are. [mm]
    isrb_mm, isrb_error_mm : float
        Diameter of a dip of 20 %, interpolated, and its standard error; NaN where it cannot be. [mm]
    isrb_parabola_mm : float
        The same on the parabola of [2]. [mm]
    angle_deg : float
        Tilt of the wires against the pixels. [deg]
    along : str
        The axis that the wires follow, "rows" or "columns".
    position_mm, profile : (P,) float64
        Across the wires, thickest pair first: depth below the field over the field. [mm, 1]
    separation_ratio : float
        Separation of the wires over the nominal one; above 1 where the gauge is magnified. [1]
    doubts : tuple of str
        A sentence each.
    """

    pairs: tuple[WirePair, ...]
    srb_mm: float
    isrb_mm: float
    isrb_error_mm: float
    isrb_parabola_mm: float
    angle_deg: float
    along: str
    position_mm: FloatArray
    profile: FloatArray
    separation_ratio: float
    doubts: tuple[str, ...]


def measure_duplex(picture: NDArray[Any], pitch_mm: float) -> DuplexWires:
    """Dips and basic spatial resolution from the image of a duplex wire gauge.

    Parameters
    ----------
    picture : (H, W)
        Linear in exposure, above the offset; the gauge's wires, thickest to finest, run through it within 10 degrees
        of the rows or columns. Pixels without a number are left out.
    pitch_mm : float
        Pixel pitch. [mm]

    Returns
    -------
    wires : DuplexWires

    Raises
    ------
    ValueError
        If no pair of wires is seen and resolved.
    """
    picture = np.asarray(picture, dtype=np.float64)
    if min(picture.shape) < 24:
        raise ValueError(f"a duplex wire needs a region of at least 24 x 24 pixels, got {picture.shape}")
    picture = _usable_part(picture)
    if picture.size == 0 or not np.nanmax(picture) > np.nanmin(picture):
        raise ValueError("no wires are seen: every usable pixel of the region has one value")
    across_cols = _unrest(picture) >= _unrest(picture.T)
    turned = _level_rows(picture if across_cols else picture.T)
    slope = _tilt(turned)
    turned = _with_wires(turned, slope)
    moved = abs(slope) * turned.shape[0]
    fine = FINEST if moved >= 2.0 else 1
    doubts = []
    if fine == 1:
        doubts.append(
            f"the wires move by {moved:.2g} pixels along their length: their profile is sampled by whole pixels, tilt "
            f"the gauge by 2 to 5 degrees"
        )
    sums, counts = _segment_sums(_without_outliers(turned, slope, fine), slope, fine)
    step = pitch_mm / fine * float(np.cos(np.arctan(slope)))
    depth, noise = _depth(sums.sum(axis=0), counts.sum(axis=0))
    groups = _groups(depth, noise, step, fine)
    found = [two_peaks(depth, group, noise, fine) for group in groups]
    resolved = [i for i, peaks in enumerate(found) if peaks[3] > 2.0 * RESOLVED]
    if not resolved:
        raise ValueError(
            f"no pair of wires is resolved among the {len(groups)} that are seen: give --roi with the wires of a "
            f"duplex gauge in it, in an image that is linear in exposure"
        )
    if abs(slope) >= np.tan(np.radians(STEEPEST_DEG)):
        raise ValueError(
            f"the wires seem to be tilted by {STEEPEST_DEG:g} degrees or more against the pixels: tilt the gauge by 2 "
            f"to 5 degrees, or give --roi with nothing but its wires"
        )
    separations = {i: (found[i][1] - found[i][0]) * step for i in resolved}
    if thickest_last(separations, len(groups)):
        groups = [slice(depth.size - g.stop, depth.size - g.start) for g in reversed(groups)]
        depth, sums, counts = depth[::-1], sums[:, ::-1], counts[:, ::-1]
        separations = {len(groups) - 1 - i: s for i, s in separations.items()}
    first = min(separations)  # what lies before the thickest pair that is resolved is no pair: thicker ones would be
    groups = groups[first:]
    separations = {i - first: separation for i, separation in separations.items()}
    gaps = _gaps(counts.sum(axis=0), fine)
    names, ratio = pair_names(separations, groups, gaps, DIAMETERS_MM)
    if not 1.0 / FARTHEST_SEPARATION < ratio < FARTHEST_SEPARATION:
        raise ValueError(
            f"the pairs that look resolved are {ratio:.2g} times as wide as those of a duplex gauge: give the pitch at "
            f"the gauge with --pitch and a region of nothing else with --roi, or no pair is resolved"
        )
    groups = groups[: len(names)]
    kept, lost = pairs_beside_gaps(groups, names, gaps, DIAMETERS_MM, step / ratio)
    names = [names[i] for i in kept]
    doubts += lost
    if not kept:
        raise ValueError("no pair of wires lies on usable pixels: give --roi with more of them, or other flags")
    if abs(ratio - 1.0) > ODD_SEPARATION:
        doubts.append(
            f"the wires lie {100 * (ratio - 1):+.1f} % from their nominal separation: the gauge is magnified, the "
            f"pitch is another, or the pairs are not those of the usual series"
        )
    whole = _dips(sums.sum(axis=0), counts.sum(axis=0), groups, noise, fine)[kept]
    diameters = np.array([DIAMETERS_MM[name] for name in names])
    parts = [
        _dips(sums.sum(axis=0) - sums[i], counts.sum(axis=0) - counts[i], groups, noise, fine)[kept]
        for i in range(len(sums))
        if counts[i].any()
    ]
    depth = level_between(depth, groups)
    groups = [groups[i] for i in kept]
    area, middle = np.array([_area_and_middle(depth, group, fine) for group in groups]).T
    dip_of = partial(_dip_alone, noise=noise, fine=fine)
    scale = pitch_mm / ratio, step / ratio
    curve = None
    if fine > 1:
        curve = curve_about(RESOLVED, diameters, whole, area * scale[1], middle - np.rint(middle), scale, dip_of)
    if curve is not None:
        whole, parts = given_back(whole, curve.lost), [given_back(part, curve.lost) for part in parts]
    peaks = np.array([float(smoothed(depth[group], fine).max()) for group in groups])
    # a pair that looks merged in every part may still have a dip as small as noise hides
    dip_error = np.maximum(_jackknife(np.array(parts)), noise / np.maximum(peaks, noise))
    interpolated = _resolution(diameters, whole, curve)
    each = np.array([_resolution(diameters, part, curve) for part in parts])
    below = np.flatnonzero(whole < RESOLVED)
    srb = float(diameters[below[0]]) if below.size else float("nan")
    if not below.size:
        doubts.append("every pair that is seen is resolved: the resolution is finer than the finest of them")
    elif not np.isfinite(interpolated):
        doubts.append("too few pairs are resolved to interpolate the resolution between them")
    else:
        about = slice(max(below[0] - 1, 0), below[0] + 1)
        if (np.abs(whole[about] - RESOLVED) < 2.0 * dip_error[about]).any():
            doubts.append("a dip lies within two standard errors of 20 %: SRb may be that of the neighbouring pair")
    if below.size and (whole[below[0] :] >= RESOLVED).any():
        doubts.append("pairs finer than the first that is not resolved seem to be: noise or bad pixels, not the wires")
    centres = [0.5 * (g.start + g.stop) * step for g in groups]
    return DuplexWires(
        pairs=tuple(
            WirePair(name, DIAMETERS_MM[name], float(dip), float(error), float(centre))
            for name, dip, error, centre in zip(names, whole, dip_error, centres, strict=True)
        ),
        srb_mm=srb,
        isrb_mm=interpolated,
        isrb_error_mm=_resolution_error(each, 0.0 if curve is None else SHAPE_ERROR * interpolated),
        isrb_parabola_mm=interpolated_resolution(diameters, whole),
        angle_deg=float(np.degrees(np.arctan(slope))),
        along="rows" if not across_cols else "columns",
        position_mm=np.arange(depth.size, dtype=np.float64) * step,
        profile=depth,
        separation_ratio=ratio,
        doubts=tuple(doubts),
    )


def interpolated_resolution(diameter_mm: FloatArray, dip: FloatArray) -> float:
    """Diameter of wires with a dip of 20 %, on a parabola through the neighbouring pairs. [mm]

    Parameters
    ----------
    diameter_mm : (P,) float64
        Of pairs, thickest first. [mm]
    dip : (P,) float64
        Of each. [1]

    Returns
    -------
    resolution_mm : float
        NaN where no pair is below 20 %, or the two before it are not above.
    """
    from scipy.optimize import brentq

    below = np.flatnonzero(dip < RESOLVED)
    if below.size == 0 or below[0] < 2:
        return float("nan")
    first = int(below[0])
    under = [i for i in (first, first + 1) if i < dip.size and 0.0 < dip[i] < RESOLVED] or [first]
    used = np.array([first - 2, first - 1, *under])
    parabola = np.polynomial.Polynomial.fit(diameter_mm[used], dip[used] - RESOLVED, 2)
    ends = float(diameter_mm[first]), float(diameter_mm[first - 1])
    at_ends = [float(parabola(end)) for end in ends]
    if at_ends[0] < 0.0 < at_ends[1]:
        return float(brentq(parabola, *ends, xtol=1e-9))
    low, high = dip[first], dip[first - 1]  # the parabola misses it: a line does not
    part = (RESOLVED - low) / (high - low)
    return float(diameter_mm[first] + part * (diameter_mm[first - 1] - diameter_mm[first]))


def _resolution_error(parts: FloatArray, beside_mm: float) -> float:
    """Standard error of what estimates without one part each give, and of something beside; NaN where most are NaN."""
    known = parts[np.isfinite(parts), None]
    return float(np.hypot(_jackknife(known)[0], beside_mm)) if 2 * known.size > parts.size else float("nan")


def _area_and_middle(depth: FloatArray, group: slice, fine: int) -> tuple[float, float]:
    """Integral of the depth of a pair, and its centre of gravity. [bins]"""
    place = np.arange(max(group.start - fine, 0), min(group.stop + fine, depth.size))
    area = float(depth[place].sum())
    return area, float((depth[place] * place).sum()) / area if area > 0.0 else float(place.mean())


def _dip_alone(profile: FloatArray, noise: float, fine: int) -> float:
    """The dip of a profile of one pair alone."""
    return two_peaks(profile, slice(fine, profile.size - fine), noise, fine)[3]


def _resolution(diameters: FloatArray, dips: FloatArray, curve: PairCurve | None) -> float:
    """Diameter of a dip of 20 % between the pairs on either side of it; NaN where there are none. [mm]"""
    below = np.flatnonzero(dips < RESOLVED)
    if curve is None or below.size == 0 or below[0] == 0:
        return interpolated_resolution(diameters, dips)
    pair = slice(below[0] - 1, below[0] + 1)
    (thick, thin), (above, under) = diameters[pair].tolist(), dips[pair].tolist()
    return diameter_of_dip(RESOLVED, (thick, thin), (above, under), curve)


def _usable_part(picture: FloatArray) -> FloatArray:
    """The picture without the lines at its borders that hold no number; those inside keep their place."""
    good = np.isfinite(picture)
    rows, cols = np.flatnonzero(good.any(axis=1)), np.flatnonzero(good.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] if rows.size else picture[:0]


def _unrest(picture: FloatArray) -> float:
    """Mean square of the changes of the mean of all rows, from column to column with numbers."""
    known = np.isfinite(picture).any(axis=0)
    return float(np.mean(np.diff(np.nanmean(picture[:, known], axis=0)) ** 2)) if known.sum() > 1 else 0.0


def _level_rows(picture: FloatArray) -> FloatArray:
    """The picture with its trend along the wires taken out, which the corners of a tilted region would show."""
    place = np.linspace(-1.0, 1.0, len(picture))
    known = np.isfinite(picture).any(axis=1)
    trend = np.polynomial.Polynomial.fit(place[known], np.nanmedian(picture[known], axis=1), 2)(place)
    return np.asarray(picture / np.where(trend == 0.0, 1.0, trend)[:, None] * float(np.mean(trend)))


def _with_wires(picture: FloatArray, slope: float) -> FloatArray:
    """The rows that the wires reach, of a picture that may be longer than they are."""
    parts = min(len(picture) // 4, 64)
    sums, counts = _segment_sums(picture, slope, 1, segments=parts)
    depth, _ = _depth(sums.sum(axis=0), counts.sum(axis=0))
    part = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    known = np.isfinite(part).any(axis=1)
    part[known] -= np.nanmedian(part[known], axis=1)[:, None]
    strength = np.abs(np.nansum(part * depth, axis=1))
    strong = np.flatnonzero(strength > REACHED * np.percentile(strength, 95))
    rows = np.arange(len(picture)) * parts // len(picture)
    return np.asarray(picture[(rows >= strong[0]) & (rows <= strong[-1])])


def _tilt(picture: FloatArray) -> float:
    """Columns that the wires move by per row: where the profile is sharpest."""
    steepest = float(np.tan(np.radians(STEEPEST_DEG)))

    def sharpness(slope: float, fine: int, rows: int) -> float:
        every = max(1, len(picture) // rows)
        few = picture[::every]
        sums, counts = _segment_sums(few, slope * every, fine, segments=1)
        profile = np.divide(
            sums[0], counts[0], out=np.full(sums.shape[1], np.nan), where=counts[0] > LEAST_FULL * len(few) / fine
        )
        return float(np.nanvar(profile))

    step = 0.5 / picture.shape[0] if picture.shape[0] > 60 else 0.5 / 60
    step = max(step, steepest / 100)
    slopes = np.arange(-steepest, steepest + step, step)
    # each row gives each whole pixel one value, so that none of the sharpness comes from the number of rows in a bin
    values = np.array([sharpness(slope, 1, 64) for slope in slopes])
    best = min(slopes[values > values.max() * (1.0 - 1e-9)], key=abs)
    if abs(best) * picture.shape[0] < 4.0:
        return float(best)
    around = best + np.linspace(-1.5, 1.5, 25) / picture.shape[0]  # the wires move by 1.5 pixels more or less
    values = np.array([sharpness(slope, FINEST, 200) for slope in around])
    near = values > 0.5 * (values.max() + values.min())
    square, line, _ = np.polyfit(around[near] - best, values[near], 2)  # its vertex is free of the steps of the bins
    if square < 0:
        best = float(np.clip(best - 0.5 * line / square, around[0], around[-1]))
    return float(best)


def _bins(shape: tuple[int, ...], slope: float, fine: int) -> NDArray[np.int64]:
    """The bin across the wires that each pixel belongs to."""
    rows, cols = shape
    place = fine * (np.arange(cols)[None, :] - slope * (np.arange(rows)[:, None] - 0.5 * (rows - 1)))
    return np.asarray(np.floor(place + 0.5).astype(np.int64))


def _without_outliers(picture: FloatArray, slope: float, fine: int) -> FloatArray:
    """The picture with pixels that stand out of the profile at their place left out, as dead and hot ones do."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    sums, counts = (each.sum(axis=0) for each in _segment_sums(picture, slope, fine))
    known = counts > 0
    profile = np.interp(np.arange(sums.size), np.flatnonzero(known), sums[known] / counts[known])
    bins = np.clip(_bins(picture.shape, slope, fine), 0, profile.size - 1)
    scatter = OUTLIER * 1.4826 * float(np.nanmedian(np.abs(picture - profile[bins])))
    least, most = (each(profile, 2 * fine + 1)[bins] for each in (minimum_filter1d, maximum_filter1d))
    limit = max(scatter, LEAST_DEPTH * float(np.median(profile)))  # beside what the profile is within a pixel
    return np.where((picture < least - limit) | (picture > most + limit), np.nan, picture)


def _segment_sums(
    picture: FloatArray, slope: float, fine: int, segments: int = SEGMENTS
) -> tuple[FloatArray, FloatArray]:
    """Sum and number of pixels in bins across the wires, (S, P), for segments of the wires' length."""
    rows, cols = picture.shape
    bins = _bins(picture.shape, slope, fine)
    good = np.isfinite(picture)
    inside = good & (bins >= 0) & (bins < fine * cols)
    segment = np.broadcast_to((np.arange(rows) * segments // rows)[:, None], picture.shape)
    index = (segment * fine * cols + bins)[inside]
    shape, size = (segments, fine * cols), segments * fine * cols
    sums = np.bincount(index, weights=picture[inside], minlength=size).reshape(shape)
    return sums, np.bincount(index, minlength=size).reshape(shape).astype(np.float64)


def _known(counts: FloatArray) -> tuple[NDArray[np.bool_], slice]:
    """Bins with pixels enough, and where the profile begins and ends."""
    usual = float(np.median(counts[counts > 0]))
    full = np.flatnonzero(counts > LEAST_FULL * usual)
    known = counts > LEAST_COUNTED * usual
    known[: full[0]] = known[full[-1] + 1 :] = False
    return known, slice(int(full[0]), int(full[-1]) + 1)


def _gaps(counts: FloatArray, fine: int) -> list[slice]:
    """Where the profile is interpolated over more than half a pixel."""
    known, full = _known(counts)
    unknown = ~known
    unknown[: full.start] = unknown[full.stop :] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], unknown.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a > fine // 2]


def _depth(sums: FloatArray, counts: FloatArray) -> tuple[FloatArray, float]:
    """Depth of the profile below the field around the wires, over that field, and its noise."""
    known, full = _known(counts)
    place = np.linspace(-1.0, 1.0, sums.size)
    profile = np.divide(sums, counts, out=np.zeros_like(sums), where=known)
    profile = np.interp(place, place[known], profile[known])
    middle = float(np.median(profile[known]))
    sign = 1.0 if middle - profile[known].min() >= profile[known].max() - middle else -1.0  # wires may be bright
    free = known.copy()
    depth, noise = np.zeros_like(profile), 0.0
    for _ in range(40):
        field = np.polynomial.Polynomial.fit(place[free], profile[free], 2)(place)
        depth = sign * (field - profile) / np.where(field == 0.0, 1.0, field)
        above = -depth[known & (depth < 0)]
        noise = 1.4826 * float(np.median(above)) if above.size else 0.0
        keep = known & (depth < max(2.0 * noise, 1e-6))
        if (keep == free).all() or keep.sum() < 0.1 * known.sum():
            break
        free = keep
    depth[: full.start] = depth[full.stop :] = 0.0
    steps = np.diff(depth)[free[1:] & free[:-1]]  # from bin to bin only noise changes, the rest of the field does not
    return depth, max(1.4826 * float(np.median(np.abs(steps))) / 2.0**0.5, 1e-12) if steps.size else 1e-12


def _groups(depth: FloatArray, noise: float, step_mm: float, fine: int) -> list[slice]:
    """Where the pairs of wires lie: runs of depth; two lone wires of one thickness that lie close are one pair."""
    from scipy.ndimage import percentile_filter

    over_pixel = np.convolve(depth, np.full(fine, 1.0 / fine), mode="same")
    # the plastic that holds the wires has edges: what is low within some millimetres is the field
    base = percentile_filter(over_pixel, FIELD_PERCENTILE, size=min(max(round(FIELD_MM / step_mm), 3), depth.size))
    deep = over_pixel - base > max(SEEN * noise, LEAST_DEPTH * float(depth.max()))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], deep.astype(np.int8), [0]])))
    runs = [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= 2]
    groups: list[slice] = []
    skip = False
    for run, following in pairwise([*runs, slice(depth.size * 2, depth.size * 2 + 1)]):
        if skip:
            skip = False
            continue
        width, width_next = run.stop - run.start, following.stop - following.start
        gap = following.start - run.stop
        alike = max(width, width_next) < 1.5 * min(width, width_next)
        if alike and gap < 1.5 * max(width, width_next) and gap * step_mm < LARGEST_GAP_MM:
            groups.append(slice(run.start, following.stop))
            skip = True
        else:
            groups.append(run)
    return groups


def _dips(sums: FloatArray, counts: FloatArray, groups: list[slice], noise: float, fine: int) -> FloatArray:
    """Dip of each pair of one profile."""
    depth = level_between(_depth(sums, counts)[0], groups)
    return np.array([two_peaks(depth, group, noise, fine)[3] for group in groups])


def _jackknife(parts: FloatArray) -> FloatArray:
    """Standard errors from estimates that each leave out one part."""
    return np.asarray(np.sqrt((len(parts) - 1) * np.mean((parts - parts.mean(axis=0)) ** 2, axis=0)))
