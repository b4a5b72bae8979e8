"""Kernel that crosses a ray with a ball or a frustum.

It lies apart because `crossings.py` is long. numba's cache does not see an edit here, so `crossings.QUADRICS` names
this file's contents: an edit here is followed by one there, which a test demands.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def cross_quadric(
    shape: tuple[float, float, float],
    turn: FloatArray,
    centre_mm: FloatArray,
    source_mm: FloatArray,
    ray_mm: FloatArray,
) -> tuple[float, float]:
    """Entry and exit of a ray through a ball or a frustum.

    Parameters
    ----------
    shape : (float, float, float)
        Its radius in the middle [mm], slope [1] and half length, infinite for a ball [mm].
    turn : (3, 3) float64
        Into its own axes. [1]
    centre_mm, source_mm, ray_mm : (3,) float64
        Its centre, the start of the ray, and from there to its place on the panel. [mm]

    Returns
    -------
    enter, leave : float
        Along the ray, 0 at its start and 1 on the panel; not rising where it misses. [1]
    """
    radius_mm, slope, half_length_mm = shape
    middle = 0.0
    for axis in range(3):
        middle += (centre_mm[axis] - source_mm[axis]) * ray_mm[axis]
    middle /= ray_mm[0] * ray_mm[0] + ray_mm[1] * ray_mm[1] + ray_mm[2] * ray_mm[2]
    # From the point nearest the centre, the quadratic loses no digits to the long way from the source.
    px, py, pz = 0.0, 0.0, 0.0
    dx, dy, dz = 0.0, 0.0, 0.0
    for axis in range(3):
        offset = source_mm[axis] + middle * ray_mm[axis] - centre_mm[axis]
        px += turn[0, axis] * offset
        py += turn[1, axis] * offset
        pz += turn[2, axis] * offset
        dx += turn[0, axis] * ray_mm[axis]
        dy += turn[1, axis] * ray_mm[axis]
        dz += turn[2, axis] * ray_mm[axis]
    if math.isinf(half_length_mm):
        a = dx * dx + dy * dy + dz * dz
        b = px * dx + py * dy + pz * dz
        c = px * px + py * py + pz * pz - radius_mm * radius_mm
        inside = b * b - a * c
        if inside <= 0.0:
            return 1.0, 0.0
        root = math.sqrt(inside)
        return middle + (-b - root) / a, middle + (-b + root) / a
    if dz == 0.0:
        if abs(pz) > half_length_mm:
            return 1.0, 0.0
        enter, leave = -np.inf, np.inf
    else:
        bottom, top = (-half_length_mm - pz) / dz, (half_length_mm - pz) / dz
        enter, leave = min(bottom, top), max(bottom, top)
    # x**2 + y**2 = (radius + slope z)**2 along the ray: a t**2 + 2 b t + c = 0, negative inside
    here, growth = radius_mm + slope * pz, slope * dz
    a = dx * dx + dy * dy - growth * growth
    b = px * dx + py * dy - growth * here
    c = px * px + py * py - here * here
    if a == 0.0:
        if b == 0.0:
            if c > 0.0:
                return 1.0, 0.0
        elif b > 0.0:
            leave = min(leave, -0.5 * c / b)
        else:
            enter = max(enter, -0.5 * c / b)
        return middle + enter, middle + leave
    inside = b * b - a * c
    if a > 0.0:
        if inside <= 0.0:
            return 1.0, 0.0
        root = math.sqrt(inside)
        enter, leave = max(enter, (-b - root) / a), min(leave, (-b + root) / a)
    else:
        # Steeper than the cone's side: inside before one root and after the other, on the two cones that meet at the
        # apex; ours is the one where the radius is positive.
        root = math.sqrt(max(inside, 0.0))
        if growth > 0.0:
            enter = max(enter, (-b - root) / a)
        else:
            leave = min(leave, (-b + root) / a)
    return middle + enter, middle + leave
