"""Crossings of the rays of a band with the faces and quadrics of a phantom.

Each face and each quadric is scan-converted inside its own footprint, so cost follows covered area. A crossing is
(t, solid), with t = 0 at the source and t = 1 at the panel; `~solid` where the ray leaves. Whether a row of rays
crosses a face is decided edge by edge, each edge from its lower end; the two faces that share an edge decide alike, so
every ray enters a closed surface as often as it leaves it and none leaks between faces.

numba counts an array as used wherever it is taken out of a tuple, cut out of another array or handed over in a tuple,
with instructions for which threads wait for each other: such things stay out of what is done ray by ray. It does not
see an edit here where `kernels.py` is compiled: `kernels.CROSSINGS` names this file's content, and a test compares it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.projection.quadrics import cross_quadric
from radiography.projection.rays import Crossings, RayFan
from radiography.projection.surfaces import HULL_SIDES, SolidSurfaces

QUADRICS = "18e98a2352850918"  # start of the SHA-256 of quadrics.py, see there

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NumberArray = npt.NDArray[np.int32]
FlagArray = npt.NDArray[np.bool_]


class Shadows(NamedTuple):
    """Shadows of the faces, or of the hulls of the quadrics, of a band for one point of the focal spot; I items."""

    start: IntArray  # (I + 1,) first corner of each
    corner_mm: FloatArray  # (C, 2) corners (x, y) on the panel [mm]
    everywhere: FlagArray  # (I,) whether a corner is at or above the source: the shadow has no end
    ray_row: IntArray  # (I, 2) rows of the rays that may meet it, without the last
    depth: FloatArray  # (I, 2) lowest and highest t of its corners [1]


class Across(NamedTuple):
    """Columns of the rays of a fan."""

    first_x_mm: float  # of column 0 [mm]
    step_mm: float  # between rays [mm]
    first_col: int
    stop_col: int


@njit(cache=True, error_model="numpy")
def _column_from(x_mm: float, across: Across) -> int:
    """First column of rays at or right of x_mm, counted from the first of the fan, within the fan."""
    column = math.ceil((x_mm - across.first_x_mm) / across.step_mm)
    if not column > across.first_col:
        return 0
    return (across.stop_col if column >= across.stop_col else int(column)) - across.first_col


@njit(cache=True, error_model="numpy")
def _edge_at(ax: float, ay: float, bx: float, by: float, y_mm: float) -> tuple[bool, float]:
    """Whether an edge spans a row (lower end in, upper end out) and where; the same for both directions of the edge."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    if not (ay <= y_mm < by):
        return False, 0.0
    return True, ax + (y_mm - ay) * ((bx - ax) / (by - ay))


@njit(cache=True, error_model="numpy")
def _face_columns(corner_mm: FloatArray, ends: tuple[int, int], y_mm: float, across: Across, edges: IntArray) -> int:
    """Sorted columns in `edges`, an even number, where a row meets a polygon: twice the column, + 1 if y falls."""
    count = 0
    previous = ends[1] - 1
    for corner in range(ends[0], ends[1]):
        ax, ay, bx, by = corner_mm[previous, 0], corner_mm[previous, 1], corner_mm[corner, 0], corner_mm[corner, 1]
        spans, x_mm = _edge_at(ax, ay, bx, by, y_mm)
        previous = corner
        if spans:
            edge, place = 2 * _column_from(x_mm, across) + (1 if ay > by else 0), count
            while place > 0 and edges[place - 1] > edge:
                edges[place] = edges[place - 1]
                place -= 1
            edges[place] = edge
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def _hull_columns(corner_mm: FloatArray, first: int, everywhere: bool, y_mm: float, across: Across) -> tuple[int, int]:
    """Columns of a row that the shadow of a quadric's hull covers."""
    if everywhere:
        return 0, across.stop_col - across.first_col
    lowest, highest = np.inf, -np.inf
    for corner in range(HULL_SIDES):
        following = (corner + 1) % HULL_SIDES
        for edge in range(3):  # of the one end, of the other, and between them
            a = first + corner + (HULL_SIDES if edge == 1 else 0)
            b = first + (corner + HULL_SIDES if edge == 2 else following + (HULL_SIDES if edge == 1 else 0))
            spans, x_mm = _edge_at(corner_mm[a, 0], corner_mm[a, 1], corner_mm[b, 0], corner_mm[b, 1], y_mm)
            if spans:
                lowest = min(lowest, x_mm)
                highest = max(highest, x_mm)
    if lowest > highest:
        return 0, 0
    return _column_from(lowest, across), _column_from(highest, across)


@njit(cache=True, error_model="numpy")
def _cast_shadows(surfaces: SolidSurfaces, fan: RayFan, items: IntArray) -> Shadows:
    """Shadows of faces (items below F) and of quadrics' hulls."""
    face_start, corner_mm, hull_mm = surfaces.face_start, surfaces.corner_mm, surfaces.quadric_hull_mm
    face_count, first_y_mm, step_mm = len(surfaces.face_solid), fan.grid.first_y_mm, fan.grid.step_mm
    first_row, stop_row = fan.first_row, fan.stop_row
    source_x_mm, source_y_mm, distance_mm = fan.source_mm[0], fan.source_mm[1], fan.source_mm[2]
    start = np.empty(len(items) + 1, np.int64)
    start[0] = 0
    for place in range(len(items)):
        item = items[place]
        corners = face_start[item + 1] - face_start[item] if item < face_count else 2 * HULL_SIDES
        start[place + 1] = start[place] + corners
    shadow_mm, everywhere = np.empty((start[-1], 2)), np.zeros(len(items), np.bool_)
    ray_row, depth = np.empty((len(items), 2), np.int64), np.empty((len(items), 2))
    for place in range(len(items)):
        item = items[place]
        lowest, highest, nearest, farthest = np.inf, -np.inf, np.inf, -np.inf
        for corner in range(start[place + 1] - start[place]):
            if item < face_count:
                point = face_start[item] + corner
                x_mm, y_mm, z_mm = corner_mm[point, 0], corner_mm[point, 1], corner_mm[point, 2]
            else:
                quadric = item - face_count
                x_mm, y_mm, z_mm = hull_mm[quadric, corner, 0], hull_mm[quadric, corner, 1], hull_mm[quadric, corner, 2]
            if z_mm >= distance_mm:
                everywhere[place] = True
                continue
            scale = distance_mm / (distance_mm - z_mm)
            y_mm = source_y_mm + (y_mm - source_y_mm) * scale
            shadow_mm[start[place] + corner, 0] = source_x_mm + (x_mm - source_x_mm) * scale
            shadow_mm[start[place] + corner, 1] = y_mm
            lowest, highest = min(lowest, y_mm), max(highest, y_mm)
            along = (distance_mm - z_mm) / distance_mm
            nearest, farthest = min(nearest, along), max(farthest, along)
        ray_row[place, 0], ray_row[place, 1] = first_row, stop_row
        depth[place, 0], depth[place, 1] = nearest, farthest
        if not everywhere[place]:
            low = max(-1.0, math.floor((lowest - first_y_mm) / step_mm))
            high = min(stop_row + 0.0, math.ceil((highest - first_y_mm) / step_mm) + 1.0)
            ray_row[place, 0], ray_row[place, 1] = max(first_row, int(low)), min(stop_row, int(high))
    return Shadows(start, shadow_mm, everywhere, ray_row, depth)


@njit(cache=True, error_model="numpy")
def _count_crossings(
    begin: NumberArray, shadows: Shadows, items: IntArray, face_count: int, fan: RayFan, edges: IntArray
) -> None:
    """Add all items' crossings to `begin`, as differences from each ray to the next of its row."""
    start, corner_mm, everywhere, ray_row, _ = shadows
    kept_place, own_rays, top = fan.kept.place, fan.own_rays, fan.first_row
    first_y_mm, step_mm = fan.grid.first_y_mm, fan.grid.step_mm
    across = Across(fan.grid.first_x_mm, step_mm, fan.first_col, fan.stop_col)
    for item in range(len(items)):
        for row in range(ray_row[item, 0] - top, ray_row[item, 1] - top):
            sample = row // own_rays
            y_mm = first_y_mm + (top + row) * step_mm
            if items[item] < face_count:
                for edge in range(_face_columns(corner_mm, (start[item], start[item + 1]), y_mm, across, edges)):
                    begin[row, kept_place[sample, edges[edge] >> 1]] += 1 if edge % 2 == 0 else -1
            else:
                left, right = _hull_columns(corner_mm, start[item], everywhere[item], y_mm, across)
                begin[row, kept_place[sample, left]] += 2
                begin[row, kept_place[sample, right]] -= 2


@njit(cache=True, error_model="numpy")
def _cross_faces(
    crossings: Crossings, surfaces: SolidSurfaces, shadows: Shadows, items: IntArray, fan: RayFan, edges: IntArray
) -> None:
    """Append the crossings of all rays with the faces among the items."""
    t, solid, _, stop = crossings
    start, corner_mm, _, ray_row, depth = shadows
    face_normal, face_offset_mm, face_solid = surfaces.face_normal, surfaces.face_offset_mm, surfaces.face_solid
    (kept_place, kept_col), own_rays, top = fan.kept, fan.own_rays, fan.first_row
    first_x_mm, first_y_mm, step_mm = fan.grid.first_x_mm, fan.grid.first_y_mm, fan.grid.step_mm
    source_x_mm, source_y_mm, source_z_mm = fan.source_mm[0], fan.source_mm[1], fan.source_mm[2]
    across = Across(first_x_mm, step_mm, fan.first_col, fan.stop_col)
    for item in range(len(items)):
        face = items[item]
        if face >= len(face_solid):
            continue
        nearest, farthest, number = depth[item, 0], depth[item, 1], face_solid[face]
        normal_x, normal_y, normal_z = face_normal[face, 0], face_normal[face, 1], face_normal[face, 2]
        height = face_offset_mm[face] - (normal_x * source_x_mm + normal_y * source_y_mm + normal_z * source_z_mm)
        for row in range(ray_row[item, 0] - top, ray_row[item, 1] - top):
            sample = row // own_rays
            y_mm = first_y_mm + (top + row) * step_mm
            steep = normal_y * (y_mm - source_y_mm) + normal_z * -source_z_mm
            count = _face_columns(corner_mm, (start[item], start[item + 1]), y_mm, across, edges)
            falling = 0  # less rising edges left of the ray: positive in a face that looks at the source
            for pair in range(0, count, 2):
                falling += 2 * (edges[pair] & 1) - 1
                crossed = number if falling > 0 else ~number
                falling += 2 * (edges[pair + 1] & 1) - 1
                for col in range(kept_place[sample, edges[pair] >> 1], kept_place[sample, edges[pair + 1] >> 1]):
                    x_mm = first_x_mm + kept_col[sample, col] * step_mm
                    slant = normal_x * (x_mm - source_x_mm) + steep
                    along = height / slant if slant != 0.0 else nearest
                    # A face seen edge on has no digits left in `along`, but cannot leave its own depth.
                    if not along > nearest:
                        along = nearest
                    elif along > farthest:
                        along = farthest
                    place = stop[row, col]
                    t[place], solid[place] = along, crossed
                    stop[row, col] = place + 1


@njit(cache=True, error_model="numpy")
def _cross_one_quadric(
    crossings: Crossings, surfaces: SolidSurfaces, quadric: int, shadows: Shadows, item: int, fan: RayFan
) -> None:
    """Append the crossings of all rays with one quadric, two for a ray that meets it."""
    t, solid, _, stop = crossings
    start, corner_mm, everywhere, ray_row, _ = shadows
    (kept_place, kept_col), own_rays, top = fan.kept, fan.own_rays, fan.first_row
    first_x_mm, first_y_mm, step_mm = fan.grid.first_x_mm, fan.grid.first_y_mm, fan.grid.step_mm
    across = Across(first_x_mm, step_mm, fan.first_col, fan.stop_col)
    turn, centre_mm = surfaces.quadric_turn[quadric], surfaces.quadric_centre_mm[quadric]
    radius_mm, slope = surfaces.quadric_radius_mm[quadric], surfaces.quadric_slope[quadric]
    shape = (radius_mm, slope, surfaces.quadric_half_length_mm[quadric])
    source_mm, number = fan.source_mm, surfaces.quadric_solid[quadric]
    ray_mm = np.array([0.0, 0.0, -source_mm[2]])
    for row in range(ray_row[item, 0] - top, ray_row[item, 1] - top):
        sample = row // own_rays
        y_mm = first_y_mm + (top + row) * step_mm
        ray_mm[1] = y_mm - source_mm[1]
        left, right = _hull_columns(corner_mm, start[item], everywhere[item], y_mm, across)
        for col in range(kept_place[sample, left], kept_place[sample, right]):
            ray_mm[0] = first_x_mm + kept_col[sample, col] * step_mm - source_mm[0]
            enter, leave = cross_quadric(shape, turn, centre_mm, source_mm, ray_mm)
            if enter < leave:
                place = stop[row, col]
                t[place], t[place + 1] = enter, leave
                solid[place], solid[place + 1] = number, ~number
                stop[row, col] = place + 2


@njit(cache=True, error_model="numpy")
def collect_crossings(surfaces: SolidSurfaces, fan: RayFan, items: IntArray) -> Crossings:
    """Crossings of the kept rays of a fan with the faces and quadrics of its band.

    Parameters
    ----------
    surfaces : SolidSurfaces
        Of the phantom. [mm]
    fan : RayFan
        The rays. [mm]
    items : (I,) int64
        Which faces (number below F), then quadrics.

    Returns
    -------
    crossings : Crossings
        Of each ray in the order of the items, not in that along the ray.
    """
    face_count, (kept_place, _) = len(surfaces.face_solid), fan.kept
    shadows = _cast_shadows(surfaces, fan, items)
    most = 0
    for item in range(len(items)):
        most = max(most, shadows.start[item + 1] - shadows.start[item])
    edges = np.empty(most, np.int64)
    rows, cols = fan.stop_row - fan.first_row, kept_place[:, -1].max()
    begin, stop = np.zeros((rows, cols + 1), np.int32), np.empty((rows, cols), np.int32)
    _count_crossings(begin, shadows, items, face_count, fan, edges)
    total = 0  # the differences become sums, and these the place where each ray's crossings begin
    for row in range(rows):
        running = 0
        for col in range(kept_place[row // fan.own_rays, -1]):
            running += begin[row, col]
            begin[row, col] = stop[row, col] = total
            total += running
    crossings = Crossings(np.empty(total), np.empty(total, np.int32), begin, stop)
    _cross_faces(crossings, surfaces, shadows, items, fan, edges)
    for item in range(len(items)):
        if items[item] >= face_count:
            _cross_one_quadric(crossings, surfaces, items[item] - face_count, shadows, item, fan)
    return crossings
