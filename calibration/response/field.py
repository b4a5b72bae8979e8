"""The field of the beam, as far as flats can tell it from the panel: heel effect and inverse square.

A flat is the product of each pixel's response and the beam's smooth field. The smooth part is a polynomial of the
fourth order over the panel; what is left is the pixels'. The field belongs to the beam, and depends on the direction
from the focal spot only: seen from another distance it is the same polynomial at scaled coordinates.

A detector's own smooth sensitivity (coating thickness, say) looks the same and cannot be told apart from flats at one
distance: it counts as field here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.flags import SHIELDED, UNCOATED, UNUSABLE
from calibration.frame_sums import robust_sigma

ORDER = 4  # of the polynomial, 15 terms: leaves 0.03 % of heel x cos^3 at 1 m on 43 cm   # chosen
BLOCK = 8  # pixels on a side of a block whose median counts as one value   # chosen
_EDGE_BLOCKS = 2  # blocks this near to bare photodiodes are left out: light falls off there over some pixels
_OUTLIER_SIGMAS = 4.0  # blocks farther from the fit are left out   # chosen
_POWERS = tuple((i, j) for i in range(ORDER + 1) for j in range(ORDER + 1 - i))  # of row and column


@dataclass(frozen=True)
class BeamField:
    """Relative exposure over a panel, 1 in the middle of what was fitted on average.

    Attributes
    ----------
    coefficients : tuple of 15 float
        Of y^i x^j, i + j <= 4, i first and j fastest; y and x the coordinates below. [1]
    rows, cols : int
        Of the panel. [1]
    centre : tuple of float
        Row and column where the perpendicular from the focal spot meets the panel. [pixels]
    area : tuple of 4 float
        First and last row, first and last column of the fitted area: y = -1..1 and x = -1..1 between them, and the
        field is constant beyond. [pixels]
    source_to_detector_mm : float or None
        Distance in the flats. [mm]
    variance_fraction : float
        Fraction of the variance of the flat, over its usable pixels, that the field takes. [1]
    standard_error : float
        Of the field, rms over the fitted area, from the scatter of the blocks; relative. [1]
    """

    coefficients: tuple[float, ...]
    rows: int
    cols: int
    centre: tuple[float, float]
    area: tuple[float, float, float, float]
    source_to_detector_mm: float | None
    variance_fraction: float
    standard_error: float

    def __post_init__(self) -> None:
        if len(self.coefficients) != len(_POWERS):
            raise ValueError(f"a field has {len(_POWERS)} coefficients, got {len(self.coefficients)}")
        numbers = (*self.coefficients, *self.centre, *self.area, self.variance_fraction, self.standard_error)
        if not np.isfinite(numbers).all():
            raise ValueError("a number of the field is NaN or infinite")
        top, bottom, left, right = self.area
        if not (0 <= top < bottom <= self.rows and 0 <= left < right <= self.cols):
            raise ValueError(f"the fitted area {self.area} does not lie on {self.rows} x {self.cols} pixels")
        if self.source_to_detector_mm is not None and not 0 < self.source_to_detector_mm < np.inf:
            raise ValueError(f"source_to_detector_mm must be positive, got {self.source_to_detector_mm}")


def estimate_field(
    response: NDArray[Any],
    flags: NDArray[np.uint16],
    source_to_detector_mm: float | None = None,
    centre: tuple[float, float] | None = None,
) -> BeamField:
    """Field of the beam in a flat: a polynomial through the medians of 8 x 8 pixels.

    Only pixels that are usable and coated count, and only blocks with at least half of them; a partly coated panel
    gives the field of its coated part. Blocks off the fit by more than four sigma are left out, until none is.

    Parameters
    ----------
    response : (H, W)
        Relative signal of the pixels under the beam: mean flat over its level, or 1 / gain. [1]
    flags : (H, W) uint16
        What is wrong with each pixel: bits of `calibration.flags`.
    source_to_detector_mm : float, optional
        Distance in the flats; without it the field cannot be carried to another distance. [mm]
    centre : tuple of float, optional
        Row and column below the focal spot; the middle of the panel otherwise (assumed). [pixels]

    Returns
    -------
    field : BeamField

    Raises
    ------
    ValueError
        If shapes differ, or fewer than 2 x 2 blocks can be used.

    Notes
    -----
    The order is lowered where there are fewer than five blocks in a direction. The detector's own smooth sensitivity
    is part of the result; see the head of this file.
    """
    if response.shape != flags.shape or response.ndim != 2:
        raise ValueError(f"the response is {response.shape} but the flags are {flags.shape}")
    rows, cols = response.shape
    usable = (flags & (UNUSABLE | UNCOATED | SHIELDED)) == 0
    values, valid = _block_medians(response, usable, (flags & UNCOATED) != 0)
    down, right = np.nonzero(valid)
    order = min(ORDER, len(np.unique(down)) - 1, len(np.unique(right)) - 1)
    if order < 1:
        raise ValueError(
            f"the field needs at least 2 x 2 blocks of {BLOCK} x {BLOCK} good coated pixels, got {valid.sum()} in all"
        )
    high, wide = _block_sizes(rows, cols)
    past = (down.max() + 1) * high, (right.max() + 1) * wide
    area = (  # to the border of the panel where what is beyond the last block is less than a block
        float(down.min() * high),
        float(rows if rows - past[0] < high else past[0]),
        float(right.min() * wide),
        float(cols if cols - past[1] < wide else past[1]),
    )
    y = _scaled((down + 0.5) * high - 0.5, area[0], area[1])
    x = _scaled((right + 0.5) * wide - 0.5, area[2], area[3])
    powers = [(i, j) for i, j in _POWERS if i + j <= order]
    design = np.stack([y**i * x**j for i, j in powers], axis=1)
    fitted, kept = _fit(design, values[valid])
    field_blocks = design @ fitted
    level = float(np.mean(field_blocks))
    residual = (values[valid] - field_blocks)[kept]
    freedom = max(len(residual) - len(powers), 1)
    # Mean leverage is terms over blocks: the mean variance of the fit is that fraction of the scatter's.
    error = float(np.sqrt(residual @ residual / freedom * len(powers) / len(residual))) / level
    coefficients = np.zeros(len(_POWERS))
    for value, power in zip(fitted / level, powers, strict=True):
        coefficients[_POWERS.index(power)] = value
    field = BeamField(
        coefficients=tuple(coefficients.tolist()),
        rows=rows,
        cols=cols,
        centre=centre if centre is not None else ((rows - 1) / 2, (cols - 1) / 2),
        area=area,
        source_to_detector_mm=source_to_detector_mm,
        variance_fraction=0.0,
        standard_error=error,
    )
    return replace(field, variance_fraction=_variance_taken(response, usable, field))


def field_at(
    field: BeamField, shape: tuple[int, int], source_to_detector_mm: float | None = None
) -> NDArray[np.float32]:
    """Relative exposure of every pixel, at the distance of the flats or at another.

    The field at distance s is that of the flats, at coordinates scaled by (distance of the flats) / s about the point
    below the focal spot. Outside of the fitted area the border's value holds: nearer than in the flats the beam
    reaches directions that no flat has seen.

    Parameters
    ----------
    field : BeamField
        From `estimate_field`.
    shape : tuple of int
        Of the frame; the panel's.
    source_to_detector_mm : float, optional
        Distance of the frame; that of the flats if it is not given. [mm]

    Returns
    -------
    exposure : (H, W) float32
        [1]

    Raises
    ------
    ValueError
        If the frame is of another shape, the distance is not positive, or that of the flats is not known.
    """
    if tuple(shape) != (field.rows, field.cols):
        raise ValueError(f"the field is of {field.rows} x {field.cols} pixels but the frame is {tuple(shape)}")
    ratio = 1.0
    if source_to_detector_mm is not None:
        if not 0 < source_to_detector_mm < np.inf:
            raise ValueError(f"source_to_detector_mm must be positive, got {source_to_detector_mm}")
        if field.source_to_detector_mm is None:
            raise ValueError("the flats do not say their source_to_detector_mm: the field cannot be carried over")
        ratio = field.source_to_detector_mm / source_to_detector_mm
    top, bottom, left, right = field.area
    row, col = field.centre
    y = np.clip(_scaled(row + (np.arange(field.rows) - row) * ratio, top, bottom), -1.0, 1.0)
    x = np.clip(_scaled(col + (np.arange(field.cols) - col) * ratio, left, right), -1.0, 1.0)
    by_column = np.zeros((ORDER + 1, field.rows))  # coefficients of x^j in each row
    for value, (i, j) in zip(field.coefficients, _POWERS, strict=True):
        by_column[j] += value * y**i
    out = np.empty((field.rows, field.cols), np.float32)
    for first in range(0, field.rows, 256):  # rows at a time: no float64 plane of the whole panel
        part = by_column[:, first : first + 256, None]
        value = part[ORDER] * x
        for j in range(ORDER - 1, 0, -1):
            value = (value + part[j]) * x
        out[first : first + 256] = value + part[0]
    return out


def field_to_json(field: BeamField) -> dict[str, Any]:
    """A field as JSON values."""
    return asdict(field)


def field_from_json(values: Mapping[str, Any]) -> BeamField:
    """A field from JSON values; ValueError, TypeError or KeyError for anything else."""
    distance = values["source_to_detector_mm"]
    row, col = values["centre"]
    top, bottom, left, right = values["area"]
    return BeamField(
        coefficients=tuple(float(value) for value in values["coefficients"]),
        rows=int(values["rows"]),
        cols=int(values["cols"]),
        centre=(float(row), float(col)),
        area=(float(top), float(bottom), float(left), float(right)),
        source_to_detector_mm=None if distance is None else float(distance),
        variance_fraction=float(values["variance_fraction"]),
        standard_error=float(values["standard_error"]),
    )


def _scaled(position: NDArray[Any], first: float, past: float) -> NDArray[np.float64]:
    """Pixel positions on the scale where the outer edges of `first`..`past` - 1 are -1 and 1. [1]"""
    return np.asarray(2.0 * (position + 0.5 - first) / (past - first) - 1.0)


def _block_sizes(rows: int, cols: int) -> tuple[int, int]:
    """Sides of a block, smaller on a panel of fewer than 5 x 5 blocks."""
    return max(1, min(BLOCK, rows // (ORDER + 1))), max(1, min(BLOCK, cols // (ORDER + 1)))


def _block_medians(
    response: NDArray[Any], usable: NDArray[np.bool_], uncoated: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Median of the usable pixels of each block, and which blocks count. Pixels beyond the last whole block do not."""
    from scipy import ndimage

    high, wide = _block_sizes(*response.shape)
    down, right = response.shape[0] // high, response.shape[1] // wide

    def blocks(plane: NDArray[Any]) -> NDArray[Any]:
        whole = plane[: down * high, : right * wide].reshape(down, high, right, wide)
        return np.asarray(whole.swapaxes(1, 2).reshape(down, right, high * wide))

    good = blocks(usable & np.isfinite(response))
    bare = ndimage.binary_dilation(blocks(uncoated).any(axis=2), np.ones((2 * _EDGE_BLOCKS + 1,) * 2))
    valid = (good.sum(axis=2) >= 0.5 * high * wide) & ~bare
    medians = np.zeros((down, right))
    for row in range(down):  # one row of blocks at a time, in float64
        here = valid[row]
        if here.any():
            strip = response[row * high : (row + 1) * high, : right * wide].reshape(high, right, wide)
            values = strip.swapaxes(0, 1).reshape(right, high * wide)[here].astype(np.float64)
            medians[row, here] = np.nanmedian(np.where(good[row][here], values, np.nan), axis=1)
    return medians, valid


def _fit(design: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Least squares over the values that are no outliers, and which those are."""
    kept = np.ones(len(values), bool)
    fitted = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0])
    for _ in range(10):
        residual = values - design @ fitted
        limit = _OUTLIER_SIGMAS * robust_sigma(residual) + 1e-9 * float(np.abs(values).max())
        within = np.asarray(np.abs(residual) <= limit)
        if (within == kept).all() or within.sum() < 2 * design.shape[1]:
            break
        kept = within
        fitted = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
    return np.asarray(fitted), kept


def _variance_taken(response: NDArray[Any], usable: NDArray[np.bool_], field: BeamField) -> float:
    """Fraction of the variance of the usable pixels in the fitted area that dividing by the field takes away."""
    top, bottom, left, right = (int(side) for side in field.area)
    step = max(1, int(np.sqrt(response.size / 1_000_000)))
    part = np.s_[top:bottom:step, left:right:step]
    smooth = field_at(field, (field.rows, field.cols))[part].astype(np.float64)
    good = usable[part] & np.isfinite(response[part])
    before = response[part][good].astype(np.float64)
    before /= np.median(before)
    after = before / smooth[good]
    total = float(np.var(before))
    return 1.0 - float(np.var(after / np.mean(after))) / total if total > 0 else 0.0
