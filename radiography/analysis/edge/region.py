"""The region an edge is measured in: checked, and turned so that the edge is nearly vertical, bright on the right."""

from __future__ import annotations

import numpy as np

from radiography.analysis.edge.search import SlantedEdge

LEAST_TRAVEL = 1.5  # pixels that the edge must move sideways so that the rows sample every phase of a pixel
LARGEST_ANGLE_DEG = 39.0  # nearer to 45 the rows repeat each other
LEAST_SIZE = 24  # pixels, of a region's sides


def checked_region(
    corrected_dn: np.ndarray, pitch_mm: float, roi: tuple[int, int, int, int] | None, defects: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Region, usable pixels and the region's first row and column, after all checks of the input."""
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
    if lost:
        raise ValueError(
            f"corrected_dn has {lost} values that are not finite outside the defect map; mark them as defects"
        )
    if not usable.any():
        raise ValueError("every pixel of the region is marked as a defect; an edge needs usable pixels")
    return region, usable, (r0, c0)


def why_no_edge(region: np.ndarray, usable: np.ndarray) -> str:
    """Why no edge was found, in one sentence."""
    low, high = float(region[usable].min()), float(region[usable].max())
    if high == low:
        return f"no edge found: every usable pixel of the region is {low:g}"
    middle, half = np.percentile(region[usable], [50, 75])
    return (
        f"no edge found in {region.shape[0]} x {region.shape[1]} pixels: no straight step stands out (median "
        f"{middle:.4g}, upper quartile {half:.4g}); give a roi that holds one slanted edge"
    )


def turned_region(
    region: np.ndarray, usable: np.ndarray, edge: SlantedEdge, box: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Values and usable pixels with the edge nearly vertical and bright on the right, its middle column and slope."""
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


def refuse_steep(slope: float) -> None:
    """The rows must not repeat each other."""
    angle = float(np.degrees(np.arctan(abs(slope))))
    if angle > LARGEST_ANGLE_DEG:
        raise ValueError(
            f"angle too large: the edge is tilted by {angle:.1f} degrees against rows or columns; "
            f"at most {LARGEST_ANGLE_DEG:.0f}"
        )


def refuse_upright(slope: float, rows: int) -> None:
    """The rows must sample all phases of a pixel."""
    travel = rows * abs(slope)
    if travel < LEAST_TRAVEL:
        angle = float(np.degrees(np.arctan(abs(slope))))
        raise ValueError(
            f"angle too small: the edge is tilted by {angle:.2f} degrees and moves by {travel:.1f} pixels over {rows} "
            f"rows; it must move by at least {LEAST_TRAVEL} pixels"
        )
