"""Relevant region of a radiograph: what lies behind the object, inside the collimated field and beside metal.

The image is looked at in blocks of pixels, in the logarithm:

    collimation      the field is the convex hull of what is not dark: collimators leave a convex field, however turned;
                     where scatter fills their shadow, what lies between their straight borders (`collimator_edges`)
    direct exposure  a plateau that is the brightest part of the field: a smooth surface, no structure but noise
    metal            far darker than the rest of the object

A field without a plateau, or with nothing beside it, is taken whole: it is a flat, or covered by the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.collimator_edges import bladed_field

RELEVANT, COLLIMATED, DIRECT, METAL, UNUSABLE_PIXEL = range(5)  # kinds of pixels
KIND_NAMES = ("relevant", "collimated", "direct exposure", "metal", "unusable")

BLOCKS = 256  # along the longer side, at most   # chosen: borders within half a per cent of the panel
LEAST_BLOCK = 4  # pixels along a side where the panel has enough of them: noise falls to a quarter   # chosen
LEAST_BLOCKS = 24  # along the shorter side   # chosen
DARK = (0.01, 0.12)  # of the brightest part: between these lies what tells the shadow of collimators   # assumed
LOWER = (0.06, 0.03, 0.015, 0.008, 0.004, 0.002)  # of the brightest part: asked where that hull cuts through an object
LONG = 16  # blocks along a border that is judged by itself   # chosen
SHARP = 0.6  # of a field's border in the panel, across which it darkens at once   # chosen: parts of it are blurred
FALL = 0.4  # of the natural logarithm, from three blocks within a border to three beyond   # chosen
FLOOR = 1e-3  # of the brightest part: what is darker counts as that   # chosen
PLATEAU = 0.03  # of its level: half width of the open field's distribution, if noise is less   # assumed
NOISE_WIDTHS = 4.0  # standard deviations of a block that the plateau is wide   # chosen
START = 0.85  # of the brightest part, from which the plateau grows   # chosen
CONCENTRATED = 0.75  # share of a plateau within half its width: 0.95 for noise, 0.5 for a continuum   # chosen
LEAST_PLATEAU = 0.01  # of the field   # chosen
BLURRED = 3  # blocks by which two ways of finding a border may differ   # chosen
LEAST_OBJECT = 0.03  # of the field: with less beside the plateau, the plateau is what was imaged   # chosen
METAL_BELOW = 5.0  # times darker than the object's median   # assumed: 5 mm of titanium at 70 kV
OPAQUE = (
    0.01  # of the open field: no body part is as dark   # assumed: 30 cm of water at 70 kV without scatter pass 0.002
)

Picture = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RelevantRegion:
    """Each pixel by what it shows.

    Attributes
    ----------
    kinds : (H, W) uint8
        0 relevant, 1 collimated, 2 direct exposure, 3 metal, 4 unusable.
    notes : tuple of str
        What was decided that a user should know, a sentence each.
    """

    kinds: NDArray[np.uint8]
    notes: tuple[str, ...] = ()

    @property
    def relevant(self) -> Mask:
        """Pixels of the region. (H, W)"""
        return np.asarray(self.kinds == RELEVANT)

    @property
    def shares(self) -> Mapping[str, float]:
        """Part of the image of each kind. [1]"""
        counts = np.bincount(self.kinds.ravel(), minlength=len(KIND_NAMES))
        return {name: float(count / self.kinds.size) for name, count in zip(KIND_NAMES, counts, strict=True)}

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First and end row, first and end column of the region, half-open. [1]"""
        rows, cols = (np.flatnonzero(self.relevant.any(axis=axis)) for axis in (1, 0))
        return int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1


def relevant_region(signal_dn: NDArray[Any], unusable: Mask | None = None) -> RelevantRegion:
    """The relevant region of a linear image whose offset is subtracted.

    Parameters
    ----------
    signal_dn : (H, W) float
        Proportional to exposure; pixels without a number are left out. [DN]
    unusable : (H, W) bool, optional
        Further pixels to leave out.

    Returns
    -------
    region : RelevantRegion
        Empty of relevant pixels only where none is usable.

    Raises
    ------
    ValueError
        If the image is not (rows, columns), the mask differs in shape, or nothing is exposed.
    """
    from scipy.ndimage import binary_erosion, median_filter

    pixels = np.asarray(signal_dn, dtype=np.float32)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"an image must be (rows, columns), got shape {pixels.shape}")
    if unusable is not None and unusable.shape != pixels.shape:
        raise ValueError(f"the mask is {unusable.shape} but the image is {pixels.shape}")
    usable = np.isfinite(pixels) if unusable is None else np.isfinite(pixels) & ~unusable
    side = max(-(-max(pixels.shape) // BLOCKS), min(LEAST_BLOCK, min(pixels.shape) // LEAST_BLOCKS), 1)
    level = _block_means(np.where(usable, pixels, 0), usable, side)
    smooth = median_filter(level, 3, mode="nearest")
    top = float(smooth.max())
    if not top > 0:
        raise ValueError("nothing is exposed: no part of the image is above the offset")
    rough, log = (np.log(np.maximum(blocks, FLOOR * top) / top) for blocks in (level, smooth))

    bright = log > np.log(START)
    field = _between_blades(_field(log), log, _noise(rough, bright))
    inner = field if field.all() else binary_erosion(field, iterations=2, border_value=1)  # blurred borders
    inner = inner if inner.any() else field
    direct, metal, notes = _direct_and_metal(log, inner, _noise(rough, inner & bright))

    kinds = np.full(level.shape, RELEVANT, np.uint8)
    kinds[metal], kinds[direct], kinds[~inner] = METAL, DIRECT, COLLIMATED
    full = np.repeat(np.repeat(kinds, side, 0), side, 1)[: pixels.shape[0], : pixels.shape[1]]
    full[~usable] = UNUSABLE_PIXEL
    return RelevantRegion(full, notes)


def _block_means(pixels: NDArray[np.float32], usable: Mask, side: int) -> Picture:
    """Mean of the usable pixels of each block; of a block with few of them that of the nearest other one."""
    from scipy.ndimage import distance_transform_edt

    edges = [np.arange(0, size, side) for size in pixels.shape]

    def sums(plane: NDArray[Any]) -> Picture:
        by_rows = np.add.reduceat(plane, edges[0], axis=0, dtype=np.float64)
        return np.asarray(np.add.reduceat(by_rows, edges[1], axis=1))

    count = sums(usable)
    known = count >= 0.25 * sums(np.ones_like(usable))
    if not known.any():
        raise ValueError("nothing is exposed: no pixel of the image is usable")
    means = sums(pixels) / np.maximum(count, 1)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(means[tuple(nearest)])


def _field(log: Picture) -> Mask:
    """Blocks inside the collimated field: the convex hull of all that is brighter than a shadow.

    Where no level lies between shadow and object, a hull may cut through the object: collimators darken at once, so
    that a lower level is taken whose hull has such a border, or none within the panel.
    """
    from scipy.ndimage import gaussian_filter1d

    low, high = (float(np.log(share)) for share in DARK)
    bins = np.linspace(np.log(FLOOR), 0.0, 70)  # steps of a tenth of an e-fold
    density = gaussian_filter1d(np.histogram(log, bins)[0].astype(float), 1.5)
    centres = 0.5 * (bins[1:] + bins[:-1])
    between = (centres > low) & (centres < high)
    empty = np.flatnonzero(between & (density <= density[between].min() + 1e-9))
    last = np.split(empty, np.flatnonzero(np.diff(empty) > 1) + 1)[-1]  # above the shadow, where it lies between
    usual = float(np.mean(centres[last]))
    for level in (usual, *(np.log(share) for share in LOWER if np.log(share) < usual)):
        field, border = _hull_of(log > level)
        if _sharpness(log, border) >= SHARP:
            break
    return field  # of the lowest level where none is sharp: rather some shadow in the field than an object cut off


def _hull_of(bright: Mask) -> tuple[Mask, tuple[Picture, Picture] | None]:
    """Blocks within the convex hull of bright ones, and its borders: ends in blocks, and outward lines."""
    from scipy.ndimage import binary_opening
    from scipy.spatial import ConvexHull, QhullError

    opened = binary_opening(bright, np.ones((2, 2)))
    points = np.argwhere(opened if opened.any() else bright).astype(float)
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):  # of one row or column
        return bright, None
    where = np.indices(bright.shape).reshape(2, -1)
    beyond = np.max(hull.equations[:, :2] @ where + hull.equations[:, 2:], axis=0)
    return np.asarray((beyond <= 0.5).reshape(bright.shape)), (hull.points[hull.simplices], hull.equations)


def _sharpness(log: Picture, border: tuple[Picture, Picture] | None) -> float:
    """Share of a border within the panel across which it darkens at once, or of its least sharp side; 1 without it."""
    if border is None:
        return 1.0
    falls = []
    for ends, line in zip(*border, strict=True):
        count = int(np.hypot(*(ends[1] - ends[0]))) + 1
        at = ends[0] + (np.arange(count) + 0.5)[:, None] / count * (ends[1] - ends[0])
        ways = [np.rint(at + far * line[:2]).astype(np.int64) for far in (-BLURRED, BLURRED)]
        inside = np.all([(way >= 0) & (way < log.shape) for way in ways], axis=(0, 2))
        before, after = (log[way[inside, 0], way[inside, 1]] for way in ways)
        falls.append(before - after > FALL)
    sides = [np.concatenate(falls), *(fall for fall in falls if fall.size >= LONG)]
    return min((float(side.mean()) for side in sides if side.size), default=1.0)


def _between_blades(field: Mask, log: Picture, noise: float) -> Mask:
    """The field without what lies behind straight blades, where scatter made that look like a part of it."""
    from scipy.ndimage import binary_erosion

    between = bladed_field(log, noise)
    if between is None or not (binary_erosion(field, iterations=BLURRED, border_value=1) & ~between).any():
        return field
    return np.asarray(field & between)


def _noise(log: Picture, where: Mask) -> float:
    """Standard deviation of bright blocks, robust against structure. [1]"""
    pairs = where[:, 1:] & where[:, :-1]
    steps = np.abs(np.diff(log, axis=1)[pairs])
    return float(np.median(steps)) * 1.4826 / np.sqrt(2.0) if steps.size else 0.0


def _direct_and_metal(log: Picture, field: Mask, noise: float) -> tuple[Mask, Mask, tuple[str, ...]]:
    """Blocks of the open field and of metal inside the field; what is left is the object's."""
    from scipy.ndimage import binary_dilation, binary_opening

    none = np.zeros_like(field)
    plateau = _plateau(log, field, noise)
    area = float(field.sum())
    beside = binary_opening(field & ~plateau, np.ones((2, 2)))
    if plateau.any() and beside.sum() >= LEAST_OBJECT * area:
        open_level = float(np.median(log[plateau]))
        opaque = beside & (log < open_level + np.log(OPAQUE))
        seen = beside & ~opaque
        metal = opaque | _metal(log, seen)
        thing = beside & ~binary_dilation(metal, np.ones((3, 3)))
        direct = plateau | (field & ~beside)
        thing &= ~binary_dilation(direct, np.ones((3, 3)))
        if thing.sum() >= LEAST_OBJECT * area:
            wide = field & ~plateau & binary_dilation(metal, np.ones((3, 3)))
            return field & ~thing & ~wide, wide, ()
        away = binary_dilation(beside, np.ones((5, 5)))
        if (direct & ~away).any():
            note = "nothing but metal or an edge stands in the field: the open field is taken as the region"
            return none, field & away, (note,)
    metal = _metal(log, field)
    note = "no object is told from an open field: the whole field without metal is taken as the region"
    return none, field & binary_dilation(metal, np.ones((3, 3))), (note,) if plateau.any() else ()


def _metal(log: Picture, where: Mask) -> Mask:
    """Blocks far darker than the median of the object."""
    from scipy.ndimage import binary_opening

    if not where.any():
        return np.zeros_like(where)
    dark = where & (log < float(np.median(log[where])) - np.log(METAL_BELOW))
    return np.asarray(binary_opening(dark, np.ones((2, 2))))


def _plateau(log: Picture, field: Mask, noise: float) -> Mask:
    """Blocks of the brightest smooth surface of the field; none where the brightest part has structure."""
    none = np.zeros_like(field)
    width = max(PLATEAU, NOISE_WIDTHS * noise)
    start = float(np.percentile(log[field], 99.0))
    rows, cols = np.indices(log.shape)
    y, x = (2.0 * axis / max(size - 1, 1) - 1.0 for axis, size in zip((rows, cols), log.shape, strict=True))
    powers = [np.ones_like(x), x, y, x * x, x * y, y * y]
    member = field & (log > start + np.log(START))
    for terms in (1, 3, 3, 6, 6, 6):
        if member.sum() < 4 * terms:
            return none
        # The brightest crowd of the members: their mode, not their mean, which thin parts of the object lower.
        design = np.stack([power[member] for power in powers[:terms]], axis=1)
        kept = np.linalg.lstsq(design, log[member], rcond=None)[0]
        surface = sum(c * power for c, power in zip(kept, powers[:terms], strict=True))
        off = log - np.clip(surface, start + np.log(0.5), start + np.log(2.0))
        if terms == 1:
            off = off - _mode(off[member], width)
        member = field & (np.abs(off) < width)
    inside = np.abs(off[member]) < 0.5 * width
    brighter = field & (off > width)
    enough = member.sum() >= LEAST_PLATEAU * field.sum()
    if not (enough and inside.mean() >= CONCENTRATED and brighter.sum() <= 0.2 * member.sum()):
        return none
    return np.asarray(member)


def _mode(values: NDArray[Any], width: float) -> float:
    """Middle of the fullest interval of half a plateau's width."""
    ordered = np.sort(values)
    last = np.searchsorted(ordered, ordered + width, side="right")
    first = int(np.argmax(last - np.arange(len(ordered))))
    return float(np.median(ordered[first : last[first]]))
