"""Kernels of the projection: which solids each ray meets, path per material, sum over the energies of the beam.

The panel is cut into bands of rows. In a band each face and each quadric is scan-converted inside its own footprint, so
cost follows covered area. A crossing is (t, solid), with t = 0 at the source and t = 1 at the panel. Whether a row of
rays crosses a face is decided edge by edge, each edge from its lower end; the two faces that share an edge decide
alike, so every ray crosses a closed surface an even number of times and no ray leaks between faces.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from radiography.projection.rays import BandItems, RayGrid
from radiography.projection.surfaces import HULL_SIDES, SolidSurfaces

RAYS_PER_CHUNK = 128  # path, depth and sums of one chunk stay in the first-level cache
LARGEST_DEPTH = 1000.0  # [powers of 2] behind this, 2**-1000 of the beam is left
ROUNDING = 6755399441055744.0  # 1.5 * 2**52: adding it rounds a float64 to a whole number, held in its lowest bits


@njit(cache=True, error_model="numpy")
def _column_from(x_mm: float, grid: RayGrid, first_col: int, stop_col: int) -> int:
    """First column of rays at or right of x_mm, within the window."""
    column = math.ceil((x_mm - grid.first_x_mm) / grid.step_mm)
    if not column > first_col:
        return first_col
    return stop_col if column >= stop_col else int(column)


@njit(cache=True, error_model="numpy")
def _project_point(point_mm: Any, source_x_mm: float, source_y_mm: float, distance_mm: float) -> tuple[float, float]:
    """Shadow (x, y) of a point on the panel."""
    scale = distance_mm / (distance_mm - point_mm[2])
    return source_x_mm + (point_mm[0] - source_x_mm) * scale, source_y_mm + (point_mm[1] - source_y_mm) * scale


@njit(cache=True, error_model="numpy")
def _edge_at(ax: float, ay: float, bx: float, by: float, y_mm: float) -> tuple[bool, float]:
    """Whether an edge spans a row (lower end in, upper end out) and where; the same for both directions of the edge."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    if not (ay <= y_mm < by):
        return False, 0.0
    return True, ax + (y_mm - ay) * ((bx - ax) / (by - ay))


@njit(cache=True, error_model="numpy")
def _face_columns(shadow: Any, size: int, y_mm: float, grid: RayGrid, first_col: int, stop_col: int, edges: Any) -> int:
    """Sorted columns in `edges` where a row enters and leaves a polygon; their number is even."""
    count = 0
    previous = size - 1
    for corner in range(size):
        spans, x_mm = _edge_at(shadow[previous, 0], shadow[previous, 1], shadow[corner, 0], shadow[corner, 1], y_mm)
        previous = corner
        if spans:
            column = _column_from(x_mm, grid, first_col, stop_col)
            place = count
            while place > 0 and edges[place - 1] > column:
                edges[place] = edges[place - 1]
                place -= 1
            edges[place] = column
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def _hull_columns(
    shadow: Any, y_mm: float, grid: RayGrid, first_col: int, stop_col: int, everywhere: bool
) -> tuple[int, int]:
    """Columns of a row that the shadow of a quadric's hull covers."""
    if everywhere:
        return first_col, stop_col
    lowest, highest = np.inf, -np.inf
    for corner in range(HULL_SIDES):
        following = (corner + 1) % HULL_SIDES
        for a, b in (
            (corner, following),
            (corner + HULL_SIDES, following + HULL_SIDES),
            (corner, corner + HULL_SIDES),
        ):
            spans, x_mm = _edge_at(shadow[a, 0], shadow[a, 1], shadow[b, 0], shadow[b, 1], y_mm)
            if spans:
                lowest = min(lowest, x_mm)
                highest = max(highest, x_mm)
    if lowest > highest:
        return first_col, first_col
    return _column_from(lowest, grid, first_col, stop_col), _column_from(highest, grid, first_col, stop_col)


@njit(cache=True, error_model="numpy")
def _cross_quadric(
    turn: Any, centre_mm: Any, radius_mm: float, slope: float, half_length_mm: float, source_mm: Any, ray_mm: Any
) -> tuple[float, float]:
    """Entry and exit of a ray through a ball or a frustum; entry is not below exit where it misses."""
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


@njit(cache=True, error_model="numpy")
def _collect_crossings(
    surfaces: SolidSurfaces,
    grid: RayGrid,
    items: Any,
    source: int,
    first_row: int,
    stop_row: int,
    first_col: int,
    stop_col: int,
) -> Any:
    """Crossings of all rays of a band: t and solid, and where each ray's crossings begin and end."""
    rows, cols = stop_row - first_row, stop_col - first_col
    distance_mm = grid.source_to_detector_mm
    source_mm = np.array([grid.sources_mm[source, 0], grid.sources_mm[source, 1], distance_mm])
    ray_mm = np.array([0.0, 0.0, -distance_mm])
    face_count = len(surfaces.face_solid)
    most = 2 * HULL_SIDES
    for item in items:
        if item < face_count:
            most = max(most, surfaces.face_start[item + 1] - surfaces.face_start[item])
    shadow = np.empty((most, 2))
    edges = np.empty(most, np.int64)
    begin = np.zeros((rows, cols + 1), np.int32)
    stop = np.empty((rows, cols), np.int32)
    t = np.empty(0)
    solid = np.empty(0, np.int32)
    # First time round counts by differences along each row, second time round fills.
    for filling in (False, True):
        if filling:
            total = 0
            for row in range(rows):
                running = 0
                for col in range(cols):
                    running += begin[row, col]
                    begin[row, col] = total
                    stop[row, col] = total
                    total += running
            t = np.empty(total)
            solid = np.empty(total, np.int32)
        for item in items:
            is_face = item < face_count
            quadric = item - face_count
            size = 2 * HULL_SIDES
            everywhere = False
            lowest, highest = np.inf, -np.inf
            nearest, farthest = np.inf, -np.inf
            if is_face:
                size = surfaces.face_start[item + 1] - surfaces.face_start[item]
            for corner in range(size):
                if is_face:
                    point_mm = surfaces.corner_mm[surfaces.face_start[item] + corner]
                else:
                    point_mm = surfaces.quadric_hull_mm[quadric, corner]
                if point_mm[2] >= distance_mm:
                    everywhere = True
                    continue
                x_mm, y_mm = _project_point(point_mm, source_mm[0], source_mm[1], distance_mm)
                shadow[corner, 0], shadow[corner, 1] = x_mm, y_mm
                lowest, highest = min(lowest, y_mm), max(highest, y_mm)
                depth = (distance_mm - point_mm[2]) / distance_mm
                nearest, farthest = min(nearest, depth), max(farthest, depth)
            low, high = first_row, stop_row
            if not everywhere:
                low = max(low, int(max(-1.0, math.floor((lowest - grid.first_y_mm) / grid.step_mm))))
                high = min(high, int(min(stop_row + 0.0, math.ceil((highest - grid.first_y_mm) / grid.step_mm) + 1.0)))
            for ray_row in range(low, high):
                row = ray_row - first_row
                y_mm = grid.first_y_mm + ray_row * grid.step_mm
                ray_mm[1] = y_mm - source_mm[1]
                if is_face:
                    count = _face_columns(shadow, size, y_mm, grid, first_col, stop_col, edges)
                    normal = surfaces.face_normal[item]
                    height = surfaces.face_offset_mm[item] - (
                        normal[0] * source_mm[0] + normal[1] * source_mm[1] + normal[2] * source_mm[2]
                    )
                    steep = normal[1] * ray_mm[1] + normal[2] * ray_mm[2]
                    for pair in range(0, count, 2):
                        left, right = edges[pair] - first_col, edges[pair + 1] - first_col
                        if not filling:
                            begin[row, left] += 1
                            begin[row, right] -= 1
                            continue
                        for col in range(left, right):
                            x_mm = grid.first_x_mm + (col + first_col) * grid.step_mm
                            slant = normal[0] * (x_mm - source_mm[0]) + steep
                            along = height / slant if slant != 0.0 else nearest
                            # A face seen edge on has no digits left in `along`, but cannot leave its own depth.
                            if not along > nearest:
                                along = nearest
                            elif along > farthest:
                                along = farthest
                            place = stop[row, col]
                            t[place] = along
                            solid[place] = surfaces.face_solid[item]
                            stop[row, col] = place + 1
                else:
                    left, right = _hull_columns(shadow, y_mm, grid, first_col, stop_col, everywhere)
                    if not filling:
                        begin[row, left - first_col] += 2
                        begin[row, right - first_col] -= 2
                        continue
                    for col in range(left - first_col, right - first_col):
                        ray_mm[0] = grid.first_x_mm + (col + first_col) * grid.step_mm - source_mm[0]
                        enter, leave = _cross_quadric(
                            surfaces.quadric_turn[quadric],
                            surfaces.quadric_centre_mm[quadric],
                            surfaces.quadric_radius_mm[quadric],
                            surfaces.quadric_slope[quadric],
                            surfaces.quadric_half_length_mm[quadric],
                            source_mm,
                            ray_mm,
                        )
                        if enter < leave:
                            place = stop[row, col]
                            t[place], t[place + 1] = enter, leave
                            solid[place] = solid[place + 1] = surfaces.quadric_solid[quadric]
                            stop[row, col] = place + 2
    return t, solid, begin, stop


@njit(cache=True, error_model="numpy")
def _resolve_ray(
    t: Any, solid: Any, ray_length_mm: float, solid_material: Any, path_mm: Any, ray: int, met: Any, active: Any
) -> None:
    """Adds the path through each material, where the solid that comes last in the phantom owns an overlap."""
    count = len(t)
    if count == 2:
        material = solid_material[solid[0]]
        if material >= 0:
            path_mm[material, ray] += abs(t[1] - t[0]) * ray_length_mm
            met[material] = True
        return
    for unsorted in range(1, count):
        along, owner = t[unsorted], solid[unsorted]
        place = unsorted
        while place > 0 and t[place - 1] > along:
            t[place], solid[place] = t[place - 1], solid[place - 1]
            place -= 1
        t[place], solid[place] = along, owner
    inside = 0
    owner = -1
    for crossing in range(count):
        if owner >= 0 and solid_material[owner] >= 0:
            path_mm[solid_material[owner], ray] += (t[crossing] - t[crossing - 1]) * ray_length_mm
            met[solid_material[owner]] = True
        crossed = solid[crossing]
        place = 0
        while place < inside and active[place] != crossed:
            place += 1
        if place == inside:
            active[inside] = crossed
            inside += 1
            owner = max(owner, crossed)
        else:
            inside -= 1
            active[place] = active[inside]
            if crossed == owner:
                owner = -1
                for place in range(inside):
                    owner = max(owner, active[place])


# "contract" lets the compiler fuse multiply and add, which rounds once, not twice; NaN and infinity keep their meaning.
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _sum_energies(
    path_mm: Any, met: Any, count: int, mu_log2: Any, weights: Any, sums: Any, power: Any, fraction: Any
) -> None:
    """sums (K, rays) = sum over energies of weights (K, E) * 2**-(path through each material * mu_log2).

    2**x is 2**whole * 2**rest with |rest| <= 1/2: the first is built from its bits, the second is the Taylor series of
    exp(rest ln 2) to the ninth power, whose first neglected term is below 1e-11.
    """
    power_bits = power.view(np.int64)
    ln2 = math.log(2.0)
    for quantity in range(weights.shape[0]):
        for ray in range(count):
            sums[quantity, ray] = 0.0
    for energy in range(mu_log2.shape[1]):
        for ray in range(count):
            fraction[ray] = 0.0
        for material in range(mu_log2.shape[0]):
            if met[material]:
                mu = mu_log2[material, energy]
                for ray in range(count):
                    fraction[ray] += mu * path_mm[material, ray]
        for ray in range(count):
            exponent = -min(fraction[ray], LARGEST_DEPTH)
            rounded = exponent + ROUNDING
            rest = (exponent - (rounded - ROUNDING)) * ln2
            power[ray] = rounded
            series = 1.0 + rest / 9.0
            series = 1.0 + rest * series * (1.0 / 8.0)
            series = 1.0 + rest * series * (1.0 / 7.0)
            series = 1.0 + rest * series * (1.0 / 6.0)
            series = 1.0 + rest * series * (1.0 / 5.0)
            series = 1.0 + rest * series * (1.0 / 4.0)
            series = 1.0 + rest * series * (1.0 / 3.0)
            series = 1.0 + rest * series * (1.0 / 2.0)
            fraction[ray] = 1.0 + rest * series
        for ray in range(count):
            power_bits[ray] = (power_bits[ray] << 52) + (1023 << 52)
        for ray in range(count):
            fraction[ray] *= power[ray]
        for quantity in range(weights.shape[0]):
            weight = weights[quantity, energy]
            for ray in range(count):
                sums[quantity, ray] += weight * fraction[ray]


@njit(cache=True, error_model="numpy")
def _project_band(
    band: int,
    surfaces: SolidSurfaces,
    grid: RayGrid,
    bands: BandItems,
    solid_material: Any,
    mu_log2: Any,
    weights: Any,
    paths_only: bool,
    out: Any,
) -> None:
    """Writes every sample of one band of `out` (K, rows, cols): weighted sums, or mean paths when paths_only."""
    quantities, sample_rows, sample_cols = out.shape
    rays = grid.rays_per_sample
    first_sample = band * bands.samples_per_band
    stop_sample = min(sample_rows, first_sample + bands.samples_per_band)
    first_row, stop_row = first_sample * rays, stop_sample * rays
    first_col, stop_col = bands.first_ray_col[band], bands.stop_ray_col[band]
    first_sample_col, stop_sample_col = first_col // rays, (stop_col + rays - 1) // rays
    window = stop_sample_col - first_sample_col
    items = bands.item[bands.start[band] : bands.start[band + 1]]
    distance_mm = grid.source_to_detector_mm
    sums = np.zeros((stop_sample - first_sample, quantities, window))
    hits = np.zeros((stop_sample - first_sample, window), np.int64)
    path_mm = np.zeros((max(1, mu_log2.shape[0]), RAYS_PER_CHUNK))
    met = np.zeros(mu_log2.shape[0], np.bool_)
    chunk_sums = path_mm if paths_only else np.empty((quantities, RAYS_PER_CHUNK))
    chunk_col = np.empty(RAYS_PER_CHUNK, np.int64)
    power = np.empty(RAYS_PER_CHUNK)
    fraction = np.empty(RAYS_PER_CHUNK)
    active = np.empty(len(solid_material), np.int64)
    source_count = len(grid.sources_mm) if len(items) else 0
    for source in range(source_count):
        t, solid, begin, stop = _collect_crossings(
            surfaces, grid, items, source, first_row, stop_row, first_col, stop_col
        )
        for row in range(stop_row - first_row):
            sample = row // rays
            y_mm = grid.first_y_mm + (first_row + row) * grid.step_mm - grid.sources_mm[source, 1]
            count = 0
            for col in range(stop_col - first_col):
                a, b = begin[row, col], stop[row, col]
                if b > a:
                    x_mm = grid.first_x_mm + (first_col + col) * grid.step_mm - grid.sources_mm[source, 0]
                    length_mm = math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                    _resolve_ray(t[a:b], solid[a:b], length_mm, solid_material, path_mm, count, met, active)
                    chunk_col[count] = (first_col + col) // rays - first_sample_col
                    count += 1
                if count == RAYS_PER_CHUNK or (count > 0 and col == stop_col - first_col - 1):
                    if not paths_only:
                        _sum_energies(path_mm, met, count, mu_log2, weights, chunk_sums, power, fraction)
                    for quantity in range(quantities):
                        for ray in range(count):
                            sums[sample, quantity, chunk_col[ray]] += chunk_sums[quantity, ray]
                    for ray in range(count):
                        hits[sample, chunk_col[ray]] += 1
                    for material in range(len(met)):
                        if met[material]:
                            for ray in range(count):
                                path_mm[material, ray] = 0.0
                            met[material] = False
                    count = 0
    total = rays * rays * len(grid.sources_mm)
    to_centre_mm = 0.5 * (rays - 1) * grid.step_mm
    for sample in range(first_sample, stop_sample):
        y_mm = grid.first_y_mm + sample * rays * grid.step_mm + to_centre_mm
        for quantity in range(quantities):
            white = 0.0
            if not paths_only:
                for energy in range(weights.shape[1]):
                    white += weights[quantity, energy]
            row_out = out[quantity, sample]
            for col in range(sample_cols):
                x_mm = grid.first_x_mm + col * rays * grid.step_mm + to_centre_mm
                cosine = distance_mm / math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                row_out[col] = white if paths_only else white * cosine * cosine * cosine
            for inside in range(window):
                hit = hits[sample - first_sample, inside]
                if hit:
                    mean = (sums[sample - first_sample, quantity, inside] + white * (total - hit)) / total
                    if not paths_only:
                        x_mm = grid.first_x_mm + (first_sample_col + inside) * rays * grid.step_mm + to_centre_mm
                        cosine = distance_mm / math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                        mean *= cosine * cosine * cosine
                    row_out[first_sample_col + inside] = mean


@njit(parallel=True, cache=True, error_model="numpy")
def project_bands(
    first_band: int,
    stop_band: int,
    surfaces: SolidSurfaces,
    grid: RayGrid,
    bands: BandItems,
    solid_material: Any,
    mu_log2: Any,
    weights: Any,
    paths_only: bool,
    out: Any,
) -> None:
    """Writes every sample of the bands from first_band up to stop_band; each band belongs to one thread."""
    for band in prange(first_band, stop_band):
        _project_band(band, surfaces, grid, bands, solid_material, mu_log2, weights, paths_only, out)
