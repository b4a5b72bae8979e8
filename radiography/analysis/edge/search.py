"""Slanted edges in an image of any size, and the clean region around each of them.

The image is reduced to medians of square blocks; steps between neighbouring blocks that are the largest along their row
vote for straight lines, and the line that collects the longest unbroken run of them is an edge. A region then grows
from the edge's middle until it meets anything that is no part of it: corners of the plate, other objects, the border
of a coated area, a change of the noise. The edge's exact course is found later, from the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from radiography.analysis.edge.blocks import (
    LARGEST_SLOPE,
    LEAST_BLOCKS,
    best_line,
    block_medians,
    block_steps,
    refined_line,
    step_peaks,
)

BLOCKS_ACROSS, LEAST_BLOCK = 160, 4  # blocks along the longer side of the image, at most, and their least size [pixel]
FINE_BLOCK = 8  # pixels, of the second search in large images
STEP_NOISE = 5.0  # a step must exceed this many standard deviations of the steps between featureless blocks
STEP_RANGE = 0.08  # and this part of the image's range
STRUCTURE_STEP = 0.05  # part of the edge's contrast that makes a step elsewhere a structure to stay clear of
NOISY = 2.5  # times the usual spread inside a block makes a block one to stay clear of
MOST_EDGES = 8  # of each orientation and polarity
WORTH_SAYING = 0.05  # of the pixels that do not count, where no edge is found
LONGEST_MM, WIDEST_MM = 100.0, 100.0  # along and across: IEC 62220-1-1:2015 takes 50 mm along and 100 mm across
LEAST_CAP = 500.0  # pixels; a region is never cut below this because of its size
LEAST_SIZE = 24  # pixels, of the sides of a region that is given


@dataclass(frozen=True)
class SlantedEdge:
    """A straight edge found in an image.

    ``orientation`` is the direction the edge nearly has, "vertical" or "horizontal"; ``bright_side`` is "left",
    "right", "top" or "bottom". ``roi`` (first row, end row, first column, end column) is a region that holds this edge
    and nothing else. ``middle`` and ``slope`` give the crossing point in the middle of the region and its columns per
    row (rows per column for a horizontal edge). [pixel, 1] ``angle_deg`` is measured from the rows or columns.
    ``contrast_dn`` is the step, ``contrast_to_noise`` the step over the noise of one pixel, ``length_mm`` the length
    inside the region. ``certainty`` (0 to 1): part of the edge's length on which it stands out, times the fraction of
    its evidence over the evidence for it and the next best edge.
    """

    orientation: str
    bright_side: str
    roi: tuple[int, int, int, int]
    middle: float
    slope: float
    angle_deg: float
    contrast_dn: float
    contrast_to_noise: float
    length_mm: float
    certainty: float


def checked_region(
    corrected_dn: np.ndarray, pitch_mm: float, roi: tuple[int, int, int, int] | None, defects: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Region of an image after all checks of the input.

    Parameters
    ----------
    corrected_dn, pitch_mm, roi, defects
        As for `slanted_edge_mtf`.

    Returns
    -------
    region : (R, C) float32
        [DN]
    usable : (R, C) bool
        False where a pixel is a defect.
    corner : tuple of int
        First row and first column of the region. [pixel]

    Raises
    ------
    TypeError, ValueError
        As `slanted_edge_mtf` for its input.
    """
    if not isinstance(corrected_dn, np.ndarray) or corrected_dn.dtype.kind not in "fiu" or corrected_dn.ndim != 2:
        kind = getattr(corrected_dn, "dtype", type(corrected_dn).__name__)
        raise TypeError(
            f"corrected_dn must be a two-dimensional array of real numbers, got {kind} of shape "
            f"{np.shape(corrected_dn)}"
        )
    if not (np.isfinite(pitch_mm) and pitch_mm > 0):
        raise ValueError(f"pitch_mm must be positive, got {pitch_mm:g}")
    if defects is not None and (defects.shape != corrected_dn.shape or defects.dtype != np.bool_):
        raise ValueError(
            f"defects is {defects.dtype} of shape {defects.shape} but must be bool of shape {corrected_dn.shape}"
        )
    rows, columns = corrected_dn.shape
    r0, r1, c0, c1 = roi if roi is not None else (0, rows, 0, columns)
    if not (0 <= r0 < r1 <= rows and 0 <= c0 < c1 <= columns):
        raise ValueError(
            f"roi (first row, end row, first column, end column) is {(r0, r1, c0, c1)} but the image is "
            f"{(rows, columns)}"
        )
    if min(r1 - r0, c1 - c0) < LEAST_SIZE:
        raise ValueError(f"the region must be at least {LEAST_SIZE} x {LEAST_SIZE} pixels, got {r1 - r0} x {c1 - c0}")
    with np.errstate(over="ignore"):  # a defect may hold anything
        region = np.array(corrected_dn[r0:r1, c0:c1], dtype=np.float32, order="C")  # one type, so one compiled kernel
    usable = np.ones(region.shape, dtype=bool) if defects is None else ~defects[r0:r1, c0:c1]
    lost = int(np.count_nonzero(~np.isfinite(region) & usable))
    if lost and np.isfinite(corrected_dn[r0:r1, c0:c1][usable]).all():
        raise ValueError(
            f"corrected_dn has {lost} values beyond {np.finfo(np.float32).max:.2g}, the largest that is worked with; "
            "divide the image by a constant"
        )
    if lost:
        raise ValueError(
            f"corrected_dn has {lost} values that are not finite outside the defect map; mark them as defects"
        )
    if not usable.any():
        raise ValueError("every pixel of the region is marked as a defect; an edge needs usable pixels")
    return region, usable, (r0, c0)


def _longest_free(blocked: np.ndarray) -> tuple[int, int]:
    """First and end index of the longest stretch without True."""
    ends = np.flatnonzero(np.concatenate([[True], blocked, [True]]))
    longest = int(np.argmax(np.diff(ends)))
    return int(ends[longest]), int(ends[longest + 1] - 1)


def _region(
    structure: np.ndarray, line: tuple[float, float, int], run: tuple[int, int], largest: tuple[float, float]
) -> tuple[int, int, int, int] | None:
    """Blocks (first row, end row, first column, end column) around a run of the line that hold no structure."""
    slope, start, half = line
    rows, columns = structure.shape
    place = start + slope * np.arange(rows)
    first = run[0] if run[0] <= 1 else run[0] + half
    last = run[1] if run[1] >= rows - 1 else run[1] - half
    if run[0] <= 1:
        first = 0
    if run[1] >= rows - 1:
        last = rows
    distance = np.arange(columns)[None, :] - place[:, None]
    foreign = np.where(np.abs(distance) > half, structure, False)
    near = np.where(np.abs(distance) <= max(half + 4, 8), foreign, False).any(axis=1)
    near |= (place < 3) | (place > columns - 4)
    if last - first < LEAST_BLOCKS - 2:
        return None
    free = _longest_free(near[first:last])
    first, last = first + free[0] + int(free[0] > 0), first + free[1] - int(first + free[1] < last)
    if last - first < LEAST_BLOCKS - 2:
        return None
    if last - first > largest[0]:
        middle = (first + last) / 2
        first, last = int(middle - largest[0] / 2), int(middle + largest[0] / 2)
    crossing = place[first:last]
    hit = np.logical_or.reduce(foreign[first:last])
    hit_left = np.flatnonzero(hit[: max(int(crossing.min() - half), 0)])
    hit_right = np.flatnonzero(hit[min(int(np.ceil(crossing.max() + half)) + 1, columns) :])
    low = int(hit_left[-1]) + 2 if hit_left.size else 0
    high = int(hit_right[0]) + min(int(np.ceil(crossing.max() + half)) + 1, columns) - 1 if hit_right.size else columns
    middle = float(np.median(crossing))
    low, high = max(low, int(middle - largest[1] / 2)), min(high, int(np.ceil(middle + largest[1] / 2)))
    return first, last, low, high


def find_slanted_edges(
    corrected_dn: np.ndarray, pitch_mm: float, defects: np.ndarray | None = None, *, every: bool = False
) -> tuple[SlantedEdge, ...]:
    """Straight edges in an image, the best one first, each with a clean region around it.

    A large image is searched in coarse blocks first, and in finer ones where those show no edge: a plate of 150 pixels
    in 3,072 x 3,072 is found.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Image. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    defects : (H, W) bool, optional
        True where a pixel is unusable.
    every : bool
        True searches in finer blocks as well, whatever the coarse ones show.

    Returns
    -------
    edges : tuple of SlantedEdge
        Ordered by the square of contrast to noise times length; empty where nothing stands out.
    """
    rows, columns = corrected_dn.shape
    values = np.require(corrected_dn, np.float32, ["C", "W"])
    usable = np.isfinite(values)
    if defects is not None:
        usable &= ~defects
    block = int(np.clip(-(-max(rows, columns) // BLOCKS_ACROSS), LEAST_BLOCK, max(2, min(rows, columns) // 12)))
    edges = _edges_in_blocks(values, usable, pitch_mm, block)
    if block > FINE_BLOCK and (every or not edges):
        edges += [edge for edge in _edges_in_blocks(values, usable, pitch_mm, FINE_BLOCK)
                  if not any(_same(edge, known, 2.0 * block) for known in edges)]  # fmt: skip
    edges.sort(key=_evidence, reverse=True)
    best = [_evidence(e) for e in edges]
    return tuple(
        replace(e, certainty=e.certainty * b / (b + max(best[:i] + best[i + 1 :], default=0.0)))
        for i, (e, b) in enumerate(zip(edges, best, strict=True))
    )


def _same(edge: SlantedEdge, known: SlantedEdge, near: float) -> bool:
    """Whether the middle of an edge lies on another of the same side. [pixel]"""
    if (edge.orientation, edge.bright_side) != (known.orientation, known.bright_side):
        return False
    k = 0 if edge.orientation == "vertical" else 2
    middle, other = (edge.roi[k] + edge.roi[k + 1]) / 2, (known.roi[k] + known.roi[k + 1]) / 2
    inside = known.roi[k] - near <= middle <= known.roi[k + 1] + near
    return bool(inside and abs(edge.middle - known.middle - known.slope * (middle - other)) < near)


def _edges_in_blocks(values: np.ndarray, usable: np.ndarray, pitch_mm: float, block: int) -> list[SlantedEdge]:
    """Edges in blocks of one size."""
    rows, columns = values.shape
    mean, spread = (np.zeros((rows // block, columns // block)) for _ in range(2))
    if min(mean.shape) < LEAST_BLOCKS:
        return []
    block_medians(values, usable, block, mean, spread)
    known = mean[np.isfinite(mean)]
    if not known.size:
        return []
    low, high = np.percentile(known, [1, 99])
    turned = np.ascontiguousarray(mean.T)
    down, across = block_steps(turned), block_steps(mean)
    fields = {
        "vertical": _Blocks(mean, spread, across, down.T, block, (rows, columns)),
        "horizontal": _Blocks(turned, spread.T, down, across.T, block, (columns, rows)),
    }
    edges = []
    for orientation, blocks in fields.items():
        for candidate in _candidates(blocks.step, low, high):
            edge = _describe(blocks, candidate, orientation, pitch_mm)
            if edge is not None:
                edges.append(edge)
    return edges


class _Blocks(NamedTuple):
    """Blocks of an image turned so that the edges looked for are nearly vertical.

    ``mean`` and ``spread`` (M, N): level and noise of each block [DN]. ``step`` and ``other`` (M, N): steps along the
    rows and along the columns [DN]. ``block``: side of a block; ``shape``: of the turned image. [pixel]
    """

    mean: np.ndarray
    spread: np.ndarray
    step: np.ndarray
    other: np.ndarray
    block: int
    shape: tuple[int, int]


class _Candidate(NamedTuple):
    """A line of steps of one sign: slope, column at row 0 and half width; first and end row of its run, in blocks; and
    the fraction of that run on which steps stand out."""

    sign: int
    line: tuple[float, float, int]
    run: tuple[int, int]
    coverage: float


def _candidates(step: np.ndarray, low: float, high: float) -> list[_Candidate]:
    """Lines on which the steps lie, where blocks go from ``low`` to ``high`` [DN]; those of steps up come first."""
    # featureless neighbours: the smaller half of the steps, so that edges and textures do not count as noise
    noise = 1.4826 * float(np.median(np.abs(step)))
    threshold = max(STEP_NOISE * noise, STEP_RANGE * (high - low), 1e-9 * max(abs(low), abs(high)))
    slopes = np.linspace(-LARGEST_SLOPE, LARGEST_SLOPE, 2 * int(LARGEST_SLOPE * step.shape[0]) + 1)
    found = []
    for sign in (1, -1):
        peaks = step_peaks(step, threshold, sign)
        for _ in range(MOST_EDGES):
            line = best_line(peaks, slopes)
            if line[3] - line[2] < LEAST_BLOCKS:
                break
            slope, start, half = refined_line(step, line, sign)
            off_line = np.arange(step.shape[1]) - (start + slope * np.arange(step.shape[0]))[:, None]
            on_line = np.zeros(step.shape, dtype=bool)
            on_line[...] = np.abs(off_line) <= half
            on_line[: line[2]], on_line[line[3] :] = False, False
            coverage = float(np.where(on_line, peaks, 0).max(axis=1)[line[2] : line[3]].astype(bool).mean())
            peaks = np.where(on_line, 0.0, peaks)
            found.append(_Candidate(sign, (slope, start, half), (line[2], line[3]), coverage))
    return found


def why_no_edge(region: np.ndarray, usable: np.ndarray) -> str:
    """Why no edge was found, in one sentence.

    Parameters
    ----------
    region : (R, C) float32
        From `checked_region`. [DN]
    usable : (R, C) bool
        True where a pixel counts.

    Returns
    -------
    message : str
    """
    low, high = float(region[usable].min()), float(region[usable].max())
    if high == low:
        return f"no edge found: every usable pixel of the region is {low:g}"
    middle, half = np.percentile(region[usable], [50, 75])
    lost = 1.0 - float(usable.mean())
    flagged = f", and {100 * lost:.0f} % of the pixels do not count" if lost >= WORTH_SAYING else ""
    return (
        f"no edge found in {region.shape[0]} x {region.shape[1]} pixels: no straight step stands out (median "
        f"{middle:.4g}, upper quartile {half:.4g}{flagged}); give a roi that holds one slanted edge"
    )


def turned_region(
    region: np.ndarray, usable: np.ndarray, edge: SlantedEdge, box: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A box of the region turned so that its edge is nearly vertical and bright on the right.

    Parameters
    ----------
    region : (R, C) float32
        From `checked_region`. [DN]
    usable : (R, C) bool
        True where a pixel counts.
    edge : SlantedEdge
        Found in the region.
    box : (first row, end row, first column, end column)
        Of the region. [pixel]

    Returns
    -------
    values, good : (r, c) float32, bool
        Turned pixels [DN], and which of them count.
    middle, slope : float
        Where the edge crosses the middle row [pixel], and its columns per row. [1]
    """
    values, good = region[box[0] : box[1], box[2] : box[3]], usable[box[0] : box[1], box[2] : box[3]]
    along, across = (0, 2) if edge.orientation == "vertical" else (2, 0)
    if edge.orientation == "horizontal":
        values, good = values.T, good.T
    shift = (box[along] + box[along + 1] - edge.roi[along] - edge.roi[along + 1]) / 2
    middle, slope = edge.middle + shift * edge.slope - box[across], edge.slope
    if edge.bright_side in ("left", "top"):
        values, good = values[:, ::-1], good[:, ::-1]
        middle, slope = values.shape[1] - 1 - middle, -slope
    return np.ascontiguousarray(values), np.ascontiguousarray(good), float(middle), float(slope)


def _evidence(edge: SlantedEdge) -> float:
    """Length times squared contrast to noise (which beyond 30 no longer matters), less for hardly slanted edges."""
    slanted = min(1.0, (abs(edge.angle_deg) / 1.0) ** 2)
    return edge.length_mm * min(edge.contrast_to_noise, 30.0) ** 2 * slanted


def _describe(blocks: _Blocks, candidate: _Candidate, orientation: str, pitch_mm: float) -> SlantedEdge | None:
    """The edge's region and numbers in pixels, or None where no clean region remains."""
    mean, spread, step, other, block, shape = blocks
    sign, line, run, coverage = candidate
    slope, start, half = line
    rows = np.arange(*run)
    centre = np.rint(start + slope * rows).astype(int)
    limit = mean.shape[1] - 1
    beside = [
        mean[rows[:, None], np.clip(centre[:, None] + side * np.arange(half, half + 3), 0, limit)] for side in (-1, 1)
    ]
    noise = [
        spread[rows[:, None], np.clip(centre[:, None] + side * np.arange(half, half + 3), 0, limit)] for side in (-1, 1)
    ]
    levels = [float(np.nanmedian(b)) if np.isfinite(b).any() else np.nan for b in beside]
    # the quieter quarter: an edge may run on through a noisy part of the panel
    sigma = [float(np.nanquantile(n, 0.25)) if np.isfinite(n).any() else np.nan for n in noise]
    contrast = (levels[1] - levels[0]) * sign
    if not contrast > 0:
        return None
    distance = np.arange(mean.shape[1])[None, :] - (start + slope * np.arange(mean.shape[0]))[:, None]
    sides_apart = [np.where((d > half) & (d < half + 12), np.isfinite(mean), False) for d in (-distance, distance)]
    noise_of_steps = max(
        1.4826 * float(np.median(np.abs(s[side]))) if side.any() else 0.0
        for side in (m[run[0] : run[1]] for m in sides_apart)
        for s in (step[run[0] : run[1]], other[run[0] : run[1]])
    )
    threshold = max(6 * noise_of_steps, STRUCTURE_STEP * contrast)
    usual = np.where(distance * 1.0 > 0, sigma[1], sigma[0])
    noisy = (spread > NOISY * np.maximum(usual, 1e-9 * contrast)) & (spread > 0.05 * contrast)
    padded = np.pad(noisy, 1).astype(int)
    around = sum(padded[a : a + noisy.shape[0], b : b + noisy.shape[1]] for a in range(3) for b in range(3))
    noisy &= np.asarray(around) >= 4  # one noisy block is an outlier, several neighbours are a change of the noise
    structure = (np.abs(step) > threshold) | (np.abs(other) > threshold) | noisy | ~np.isfinite(mean)
    largest = max(LONGEST_MM / pitch_mm, LEAST_CAP) / block, max(WIDEST_MM / pitch_mm, LEAST_CAP) / block
    region = _region(structure, line, run, largest)
    if region is None:
        return None
    first, last, low, high = region
    pixels = [first * block, shape[0] if last == mean.shape[0] else last * block,
              low * block, shape[1] if high == mean.shape[1] else high * block]  # fmt: skip
    middle_row = (pixels[0] + pixels[1] - 1) / 2
    at = (start + slope * ((middle_row + 0.5) / block - 0.5) + 0.5) * block - 0.5
    if not pixels[2] + 4 < at < pixels[3] - 4:
        return None
    angle = float(np.degrees(np.arctan(slope)))
    sides = ("left", "right") if orientation == "vertical" else ("top", "bottom")
    roi = tuple(pixels) if orientation == "vertical" else (pixels[2], pixels[3], pixels[0], pixels[1])
    return SlantedEdge(
        orientation=orientation,
        bright_side=sides[(sign + 1) // 2],
        roi=(roi[0], roi[1], roi[2], roi[3]),
        middle=float(at),
        slope=slope,
        angle_deg=angle,
        contrast_dn=contrast,
        contrast_to_noise=contrast / max(max(sigma), 1e-9 * contrast),
        length_mm=(pixels[1] - pixels[0]) * pitch_mm / float(np.cos(np.radians(angle))),
        certainty=coverage,
    )
