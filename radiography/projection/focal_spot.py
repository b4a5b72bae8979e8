"""The focal spot as a few points, each with rays of its own, so that its blur costs next to nothing.

A sample of the panel is the mean of a square of rays. If all of them start from one point the spot does not blur; if
each starts from every point of the spot, the cost is that of all points. Here each ray of the square has one point, or
a few, and those points are placed such that rays and points together blur as the square and the whole spot do: their
joint transfer is compared with that of the spot, for all directions and for all heights up to the highest of the
object, and the points are moved until it agrees. A spot whose blur is too small to matter stays a point.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiography.projection.geometry import Geometry
from radiography.projection.spot_image import draw_from_image, image_size_mm, image_transfer

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]

LARGEST_DEVIATION = 0.004  # chosen: of the transfer, which is to be within 0.005
HIGHEST_PER_MM = 2.0  # chosen: up to here the transfer is kept; for small pixels up to as much of their sampling
HIGHEST_PER_PIXEL = 0.278  # [1/pixel] 2 /mm at 139 um
MOST_POINTS = 256  # chosen: of all rays of a sample together
POINTS_PER_RAY = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SIGMA_PER_WIDTH = 1.0 / np.sqrt(8.0 * np.log(2.0))  # of a Gaussian, from its full width at half maximum
DIGITS = 5  # of a point, in widths of the spot: rounding does not depend on the machine's last bits

_STRIDES = (4, 5, 3, 6, 7, 2, 1)  # rays per side of the square that shares the points, the best first
# Order of the points along one axis from ray to ray: as far as can be, neighbours lie apart and nothing rises.
_ORDERS = {
    1: (0,),
    2: (0, 1),
    3: (0, 2, 1),
    4: (1, 3, 0, 2),
    5: (1, 4, 2, 0, 3),
    6: (2, 4, 0, 5, 1, 3),
    7: (1, 5, 2, 6, 3, 0, 4),
}
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)
_FEWEST = 5.0  # points in the square of a period of the highest frequency: fewer have never been enough
_STEPS = 12  # of the search for the points, at most
_GOOD = 0.4 * LARGEST_DEVIATION  # where the search stops


@dataclass(frozen=True, eq=False)
class SpotPoints:
    """Points that stand for the focal spot, and the rays that start from each.

    Attributes
    ----------
    points_mm : (P, 2) float64
        x and y from the middle of the spot. [mm]
    first_ray : (P, 2) int64
        Row and column, below `stride`, of the first ray that starts from the point. [1]
    stride : int
        Rays from one that starts from a point to the next, along both axes. [1]
    deviation : float
        Largest departure of the transfer from the spot's, over all heights and directions. [1]
    up_to_per_mm : float
        Highest frequency of that. [1/mm]
    """

    points_mm: FloatArray
    first_ray: IntArray
    stride: int
    deviation: float
    up_to_per_mm: float

    @property
    def points_per_ray(self) -> float:
        """By which the cost of the projection grows. [1]"""
        return len(self.points_mm) / self.stride**2


def spot_size_mm(geometry: Geometry) -> tuple[float, float]:
    """Width and height of the focal spot, of an image after IEC 60336. [mm]"""
    if geometry.focal_spot_image is not None:
        return image_size_mm(geometry.focal_spot_image)
    height_mm = geometry.focal_spot_height_mm
    return geometry.focal_spot_mm, geometry.focal_spot_mm if height_mm is None else height_mm


def blur_per_spot(height_mm: float, source_to_detector_mm: float) -> float:
    """Size of the spot's shadow on the panel over that of the spot: magnification less one.

    Parameters
    ----------
    height_mm, source_to_detector_mm : float
        Of what casts the shadow and of the source, above the panel. [mm]

    Returns
    -------
    blur : float
        [1]
    """
    return height_mm / (source_to_detector_mm - height_mm)


def spot_transfer(geometry: Geometry, x_per_mm: FloatArray, y_per_mm: FloatArray) -> ComplexArray:
    """Transfer of the focal spot's blur, at frequencies in the plane of the spot.

    A detail of the object with magnification M is blurred on the panel by the transfer at (M - 1) times the frequency
    on the panel.

    Parameters
    ----------
    geometry : Geometry
        With the focal spot.
    x_per_mm, y_per_mm : (F,) float64
        In the plane of the spot. [1/mm]

    Returns
    -------
    transfer : (F,) complex128
        sinc, 2 J1(x)/x, Gaussian, or Fourier transform of the measured image. [1]
    """
    from scipy.special import j1

    if geometry.focal_spot_image is not None:
        return image_transfer(geometry.focal_spot_image, x_per_mm, y_per_mm)
    width_mm, height_mm = spot_size_mm(geometry)
    across, along = width_mm * np.asarray(x_per_mm), height_mm * np.asarray(y_per_mm)
    if geometry.focal_spot_shape == "disc":
        x = np.maximum(np.pi * np.hypot(across, along), 1e-9)
        return np.asarray(2.0 * j1(x) / x, dtype=np.complex128)
    if geometry.focal_spot_shape == "gaussian":
        falls = 2.0 * (np.pi * SIGMA_PER_WIDTH) ** 2 * (across**2 + along**2)
        return np.asarray(np.exp(-falls), dtype=np.complex128)
    return np.asarray(np.sinc(across) * np.sinc(along), dtype=np.complex128)


def spot_points(geometry: Geometry, rays_per_pixel: int, rays_per_sample: int, highest_mm: float) -> SpotPoints:
    """Points of the focal spot for an object, and which rays start from each.

    Parameters
    ----------
    geometry : Geometry
        With the focal spot; `focal_spot_samples`, where given, puts that many regular points per axis on every ray.
    rays_per_pixel, rays_per_sample : int
        Along each axis. [1]
    highest_mm : float
        Top of the object above the panel; 0 where there is none. [mm]

    Returns
    -------
    points : SpotPoints
    """
    blur = blur_per_spot(max(highest_mm, 0.0), geometry.source_to_detector_mm)
    stride = next(side for side in _STRIDES if rays_per_sample % side == 0)
    # What does not change the points is left out, so that one search serves layer and diodes, and other panels.
    spot = replace(geometry, rows=1, cols=1, panel_shift_mm=(0.0, 0.0), medium="vacuum")
    return _spot_points(spot, rays_per_pixel, stride, round(blur, 6))


@functools.lru_cache(maxsize=32)
def _spot_points(geometry: Geometry, rays_per_pixel: int, stride: int, blur: float) -> SpotPoints:
    step_mm = geometry.pitch_mm / rays_per_pixel
    wanted_per_mm = max(HIGHEST_PER_MM, HIGHEST_PER_PIXEL / geometry.pitch_mm)
    highest_per_mm = min(wanted_per_mm, 0.5 / (stride * step_mm))  # beyond, the square of rays itself transfers little
    middle = SpotPoints(np.zeros((1, 2)), np.zeros((1, 2), np.int64), 1, 0.0, highest_per_mm)
    if max(spot_size_mm(geometry)) == 0 or blur == 0:
        return middle
    if geometry.focal_spot_samples is not None:
        side = geometry.focal_spot_samples
        along = (np.arange(side) + 0.5) / side
        y, x = np.meshgrid(along, along, indexing="ij")
        points_mm = _in_spot(geometry, np.column_stack([x.ravel(), y.ravel()]))
        every = SpotPoints(points_mm, np.zeros((side**2, 2), np.int64), 1, 0.0, highest_per_mm)
        return replace(every, deviation=_deviation(every, geometry, step_mm, blur))
    best = replace(middle, deviation=_deviation(middle, geometry, step_mm, blur))
    fewest = _FEWEST * (blur * max(spot_size_mm(geometry)) * highest_per_mm) ** 2
    for points_per_ray in POINTS_PER_RAY:
        if best.deviation <= LARGEST_DEVIATION or stride**2 * points_per_ray > MOST_POINTS:
            break
        if stride**2 * points_per_ray < fewest:
            continue
        points = _placed_points(geometry, stride, points_per_ray, step_mm, blur, highest_per_mm)
        if points is not None and points.deviation < best.deviation:
            best = points
    return best


def _in_spot(geometry: Geometry, unit: FloatArray) -> FloatArray:
    """Points of the unit square (P, 2) carried over to the spot: equal areas get equal emission. [mm]"""
    from scipy.special import ndtri

    if geometry.focal_spot_image is not None:
        return draw_from_image(geometry.focal_spot_image, unit)
    size_mm = np.array(spot_size_mm(geometry))
    if geometry.focal_spot_shape == "gaussian":
        return np.asarray(SIGMA_PER_WIDTH * ndtri(unit) * size_mm, dtype=np.float64)
    if geometry.focal_spot_shape != "disc":
        return np.asarray((unit - 0.5) * size_mm, dtype=np.float64)
    # Squares around the middle become circles (Shirley and Chiu, J. Graphics Tools 2(3), 45, 1997).
    x, y = (2.0 * unit - 1.0).T
    wide = np.abs(x) > np.abs(y)
    radius = np.where(wide, x, y)
    slope = np.divide(np.where(wide, y, x), radius, out=np.zeros_like(radius), where=radius != 0)
    angle = np.where(wide, 0.25 * np.pi * slope, 0.5 * np.pi - 0.25 * np.pi * slope)
    points_mm = 0.5 * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) * size_mm
    return np.asarray(points_mm, dtype=np.float64)


def _placed_points(
    geometry: Geometry, stride: int, points_per_ray: int, step_mm: float, blur: float, highest_per_mm: float
) -> SpotPoints | None:
    """Points for a square of rays; None where so few cannot have the moments of the spot."""
    size = stride**2
    row, col = np.divmod(np.arange(size), stride)
    order = np.array(_ORDERS[stride])
    # Every ray has its own place in a cell, and every copy of the rays its own cell.
    cell = np.stack([stride * order[row] + order[col], stride * order[col] + stride - 1 - order[row]], axis=1)
    place = (cell + 0.5) / size
    copy = np.arange(points_per_ray)[:, None]
    x, y = copy / points_per_ray + place[:, 0] / points_per_ray, copy * _GOLDEN + place[:, 1]
    points_mm = _in_spot(geometry, np.column_stack([x.ravel(), (y % 1.0).ravel()]))
    first_ray = np.tile(np.column_stack([row, col]), (points_per_ray, 1)).astype(np.int64)
    start = SpotPoints(points_mm, first_ray, stride, 0.0, highest_per_mm)
    matched_mm = _with_moments(start, geometry)
    if matched_mm is None:
        return None
    start = replace(start, points_mm=matched_mm)
    points_mm = _searched(start, geometry, step_mm, blur)
    unit_mm = max(spot_size_mm(geometry)) * 10.0**-DIGITS
    found = replace(start, points_mm=np.round(points_mm / unit_mm) * unit_mm)
    return replace(found, deviation=_deviation(found, geometry, step_mm, blur))


def _with_moments(start: SpotPoints, geometry: Geometry) -> FloatArray | None:
    """The points, moved by a linear map: mean and second moments of the spot, and uncorrelated with their rays."""
    points_mm = start.points_mm - start.points_mm.mean(axis=0)
    ray = start.first_ray[:, ::-1] - 0.5 * (start.stride - 1)
    if start.stride > 1:
        points_mm = points_mm - ray @ np.linalg.lstsq(ray, points_mm, rcond=None)[0]
    found, axes = np.linalg.eigh(points_mm.T @ points_mm / len(points_mm))
    wanted = _second_moments_mm2(geometry)
    if not found[0] > 0.1 * np.linalg.eigvalsh(wanted)[0]:
        return None
    values, turned = np.linalg.eigh(wanted)
    return np.asarray(
        points_mm @ (axes / np.sqrt(found)) @ axes.T @ (turned * np.sqrt(values)) @ turned.T, dtype=np.float64
    )


def _second_moments_mm2(geometry: Geometry) -> FloatArray:
    """(2, 2) covariance of the emission, from the curvature of its transfer at zero. [mm2]"""
    step = 1e-3 / max(spot_size_mm(geometry))
    x, y = step * np.array([1.0, 0.0, 1.0]), step * np.array([0.0, 1.0, 1.0])
    xx, yy, both = (1.0 - spot_transfer(geometry, x, y).real) / (2.0 * (np.pi * step) ** 2)
    xy = 0.5 * (both - xx - yy)
    return np.array([[xx, xy], [xy, yy]])


def _waves(points: SpotPoints, x_per_mm: FloatArray, y_per_mm: FloatArray, step_mm: float) -> ComplexArray:
    """(F, P) waves at the rays of the points over their mean, which is what the rays alone would do."""
    ray_mm = points.first_ray * step_mm
    waves = np.exp(-2j * np.pi * (np.outer(x_per_mm, ray_mm[:, 1]) + np.outer(y_per_mm, ray_mm[:, 0])))
    return np.asarray(waves / waves.mean(axis=1, keepdims=True), dtype=np.complex128)


def _searched(start: SpotPoints, geometry: Geometry, step_mm: float, blur: float) -> FloatArray:
    """Points (P, 2) whose joint transfer with their rays is nearest the spot's: damped Gauss-Newton. [mm]"""
    width_mm = blur * max(spot_size_mm(geometry)) * start.up_to_per_mm
    radius = np.arange(1, int(np.ceil(4 + 3 * width_mm)) + 1) / np.ceil(4 + 3 * width_mm) * start.up_to_per_mm
    directions = int(np.ceil(8 + 6 * width_mm))
    angle = np.arange(directions) * np.pi / directions
    x_per_mm, y_per_mm = np.outer(radius, np.cos(angle)).ravel(), np.outer(radius, np.sin(angle)).ravel()
    frequency = np.concatenate([part * blur * np.column_stack([x_per_mm, y_per_mm]) for part in (0.5, 1.0)])
    waves = np.tile(_waves(start, x_per_mm, y_per_mm, step_mm), (2, 1)) / len(start.points_mm)
    wanted = spot_transfer(geometry, frequency[:, 0], frequency[:, 1])

    def departure(points_mm: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        terms = waves * np.exp(-2j * np.pi * (frequency @ points_mm.T))
        return terms, terms.sum(axis=1) - wanted

    points_mm, damping = start.points_mm, 1e-2
    terms, left = departure(points_mm)
    for _ in range(_STEPS):
        if np.abs(left).max() < _GOOD:
            break
        slopes = np.concatenate([-2j * np.pi * frequency[:, axis : axis + 1] * terms for axis in (0, 1)], axis=1)
        real = np.concatenate([slopes.real, slopes.imag])
        square = real.T @ real
        downhill = real.T @ np.concatenate([left.real, left.imag])
        mean = np.trace(square) / len(square)
        while damping < 1e6:
            move = np.linalg.solve(square + damping * mean * np.eye(len(square)), -downhill)
            tried_mm = points_mm + move.reshape(2, -1).T
            tried_terms, tried_left = departure(tried_mm)
            if np.sum(np.abs(tried_left) ** 2) < np.sum(np.abs(left) ** 2):
                points_mm, terms, left, damping = tried_mm, tried_terms, tried_left, damping / 5.0
                break
            damping *= 4.0
    return points_mm


def _deviation(points: SpotPoints, geometry: Geometry, step_mm: float, blur: float) -> float:
    """Largest departure of the transfer from the spot's, over heights, directions and frequencies. [1]"""
    radius = np.arange(1, 33) / 32 * points.up_to_per_mm
    angle = np.arange(36) * np.pi / 36
    x_per_mm, y_per_mm = np.outer(radius, np.cos(angle)).ravel(), np.outer(radius, np.sin(angle)).ravel()
    waves = _waves(points, x_per_mm, y_per_mm, step_mm)
    largest = 0.0
    for part in (0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 1.0):
        x, y = part * blur * x_per_mm, part * blur * y_per_mm
        terms = waves * np.exp(
            -2j * np.pi * (np.outer(x, points.points_mm[:, 0]) + np.outer(y, points.points_mm[:, 1]))
        )
        largest = max(largest, float(np.abs(terms.mean(axis=1) - spot_transfer(geometry, x, y)).max()))
    return largest
