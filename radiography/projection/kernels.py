"""Kernels of the projection: which solids each ray meets, path per material, sum over the energies of the beam.

The panel is cut into bands of rows. In a band each face and each quadric is scan-converted inside its own footprint, so
cost follows covered area. A crossing is (t, solid), with t = 0 at the source and t = 1 at the panel; `~solid` where the
ray leaves. Whether a row of rays crosses a face is decided edge by edge, each edge from its lower end; the two faces
that share an edge decide alike, so every ray enters a closed surface as often as it leaves it and none leaks between
faces. A ray is inside a solid where it has entered it more often than left: bodies of one mesh that overlap are one,
and a shell that is turned inwards is a hole.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.projection.quadrics import cross_quadric
from radiography.projection.rays import (
    BandItems,
    BandWork,
    BeamSums,
    Crossings,
    FanGrid,
    KeptRays,
    RayChunk,
    RayFan,
    RayGrid,
    Shadow,
)
from radiography.projection.surfaces import HULL_SIDES, SolidSurfaces

QUADRICS = "61e65cbf8b4e99ab"  # start of the SHA-256 of quadrics.py, see there
RAYS_PER_CHUNK = 128  # path, depth and sums of one chunk stay in the first-level cache
LARGEST_DEPTH = 1000.0  # [powers of 2] behind this, 2**-1000 of the beam is left
ROUNDING = 6755399441055744.0  # 1.5 * 2**52: adding it rounds a float64 to a whole number, held in its lowest bits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NumberArray = npt.NDArray[np.int32]
FlagArray = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.float32]


@njit(cache=True, error_model="numpy")
def _column_from(x_mm: float, fan: RayFan) -> int:
    """First column of rays at or right of x_mm, within the fan."""
    column = math.ceil((x_mm - fan.grid.first_x_mm) / fan.grid.step_mm)
    if not column > fan.first_col:
        return fan.first_col
    return fan.stop_col if column >= fan.stop_col else int(column)


@njit(cache=True, error_model="numpy")
def _edge_at(ax: float, ay: float, bx: float, by: float, y_mm: float) -> tuple[bool, float]:
    """Whether an edge spans a row (lower end in, upper end out) and where; the same for both directions of the edge."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    if not (ay <= y_mm < by):
        return False, 0.0
    return True, ax + (y_mm - ay) * ((bx - ax) / (by - ay))


@njit(cache=True, error_model="numpy")
def _face_columns(shadow: Shadow, y_mm: float, fan: RayFan, edges: IntArray) -> int:
    """Sorted columns in `edges`, an even number, where a row meets a polygon: twice the column, + 1 if y falls."""
    corner_mm = shadow.corner_mm
    count = 0
    previous = shadow.size - 1
    for corner in range(shadow.size):
        ax, ay, bx, by = corner_mm[previous, 0], corner_mm[previous, 1], corner_mm[corner, 0], corner_mm[corner, 1]
        spans, x_mm = _edge_at(ax, ay, bx, by, y_mm)
        previous = corner
        if spans:
            edge, place = 2 * _column_from(x_mm, fan) + (1 if ay > by else 0), count
            while place > 0 and edges[place - 1] > edge:
                edges[place] = edges[place - 1]
                place -= 1
            edges[place] = edge
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def _hull_columns(shadow: Shadow, y_mm: float, fan: RayFan) -> tuple[int, int]:
    """Columns of a row that the shadow of a quadric's hull covers."""
    if shadow.everywhere:
        return fan.first_col, fan.stop_col
    corner_mm = shadow.corner_mm
    lowest, highest = np.inf, -np.inf
    for corner in range(HULL_SIDES):
        following = (corner + 1) % HULL_SIDES
        for a, b in ((corner, following), (corner + HULL_SIDES, following + HULL_SIDES), (corner, corner + HULL_SIDES)):
            spans, x_mm = _edge_at(corner_mm[a, 0], corner_mm[a, 1], corner_mm[b, 0], corner_mm[b, 1], y_mm)
            if spans:
                lowest = min(lowest, x_mm)
                highest = max(highest, x_mm)
    if lowest > highest:
        return fan.first_col, fan.first_col
    return _column_from(lowest, fan), _column_from(highest, fan)


@njit(cache=True, error_model="numpy")
def _cast_shadow(surfaces: SolidSurfaces, fan: RayFan, item: int, corner_mm: FloatArray) -> Shadow:
    """Shadow of a face (item below F) or of a quadric's hull; its corners are written to `corner_mm`."""
    source_mm = fan.source_mm
    distance_mm = source_mm[2]
    face_count = len(surfaces.face_solid)
    if item < face_count:
        point_mm = surfaces.corner_mm[surfaces.face_start[item] : surfaces.face_start[item + 1]]
    else:
        point_mm = surfaces.quadric_hull_mm[item - face_count]
    everywhere = False
    lowest, highest, nearest, farthest = np.inf, -np.inf, np.inf, -np.inf
    for corner in range(len(point_mm)):
        height_mm = point_mm[corner, 2]
        if height_mm >= distance_mm:
            everywhere = True
            continue
        scale = distance_mm / (distance_mm - height_mm)
        y_mm = source_mm[1] + (point_mm[corner, 1] - source_mm[1]) * scale
        corner_mm[corner, 0] = source_mm[0] + (point_mm[corner, 0] - source_mm[0]) * scale
        corner_mm[corner, 1] = y_mm
        lowest, highest = min(lowest, y_mm), max(highest, y_mm)
        depth = (distance_mm - height_mm) / distance_mm
        nearest, farthest = min(nearest, depth), max(farthest, depth)
    first_row, stop_row = fan.first_row, fan.stop_row
    if not everywhere:
        low = max(-1.0, math.floor((lowest - fan.grid.first_y_mm) / fan.grid.step_mm))
        high = min(stop_row + 0.0, math.ceil((highest - fan.grid.first_y_mm) / fan.grid.step_mm) + 1.0)
        first_row, stop_row = max(first_row, int(low)), min(stop_row, int(high))
    return Shadow(corner_mm, len(point_mm), everywhere, first_row, stop_row, nearest, farthest)


@njit(cache=True, error_model="numpy")
def _count_item(begin: NumberArray, face: bool, shadow: Shadow, fan: RayFan, edges: IntArray) -> None:
    """Add one item's crossings to `begin`, as differences from each ray to the next of its row."""
    for ray_row in range(shadow.first_row, shadow.stop_row):
        row = ray_row - fan.first_row
        place = fan.kept.place[row // fan.own_rays]
        y_mm = fan.grid.first_y_mm + ray_row * fan.grid.step_mm
        if face:
            for edge in range(_face_columns(shadow, y_mm, fan, edges)):
                begin[row, place[(edges[edge] >> 1) - fan.first_col]] += 1 if edge % 2 == 0 else -1
        else:
            left, right = _hull_columns(shadow, y_mm, fan)
            begin[row, place[left - fan.first_col]] += 2
            begin[row, place[right - fan.first_col]] -= 2


@njit(cache=True, error_model="numpy")
def _fill_face(
    crossings: Crossings, surfaces: SolidSurfaces, face: int, shadow: Shadow, fan: RayFan, edges: IntArray
) -> None:
    """Append the crossings of all rays with one face."""
    t, solid, _, stop = crossings
    source_mm, nearest, farthest = fan.source_mm, shadow.nearest, shadow.farthest
    number, normal = surfaces.face_solid[face], surfaces.face_normal[face]
    height = surfaces.face_offset_mm[face] - (
        normal[0] * source_mm[0] + normal[1] * source_mm[1] + normal[2] * source_mm[2]
    )
    for ray_row in range(shadow.first_row, shadow.stop_row):
        row = ray_row - fan.first_row
        y_mm = fan.grid.first_y_mm + ray_row * fan.grid.step_mm
        steep = normal[1] * (y_mm - source_mm[1]) + normal[2] * -source_mm[2]
        kept_place, kept_col = fan.kept.place[row // fan.own_rays], fan.kept.col[row // fan.own_rays]
        count = _face_columns(shadow, y_mm, fan, edges)
        falling = 0  # less rising edges left of the ray: positive in a face that looks at the source
        for pair in range(0, count, 2):
            falling += 2 * (edges[pair] & 1) - 1
            crossed = number if falling > 0 else ~number
            falling += 2 * (edges[pair + 1] & 1) - 1
            left, right = (edges[pair] >> 1) - fan.first_col, (edges[pair + 1] >> 1) - fan.first_col
            for col in range(kept_place[left], kept_place[right]):
                x_mm = fan.grid.first_x_mm + kept_col[col] * fan.grid.step_mm
                slant = normal[0] * (x_mm - source_mm[0]) + steep
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
def _fill_quadric(crossings: Crossings, surfaces: SolidSurfaces, quadric: int, shadow: Shadow, fan: RayFan) -> None:
    """Append the crossings of all rays with one quadric, two for a ray that meets it."""
    t, solid, _, stop = crossings
    source_mm, number = fan.source_mm, surfaces.quadric_solid[quadric]
    ray_mm = np.array([0.0, 0.0, -source_mm[2]])
    for ray_row in range(shadow.first_row, shadow.stop_row):
        row = ray_row - fan.first_row
        y_mm = fan.grid.first_y_mm + ray_row * fan.grid.step_mm
        ray_mm[1] = y_mm - source_mm[1]
        kept_place, kept_col = fan.kept.place[row // fan.own_rays], fan.kept.col[row // fan.own_rays]
        left, right = _hull_columns(shadow, y_mm, fan)
        for col in range(kept_place[left - fan.first_col], kept_place[right - fan.first_col]):
            ray_mm[0] = fan.grid.first_x_mm + kept_col[col] * fan.grid.step_mm - source_mm[0]
            enter, leave = cross_quadric(surfaces, quadric, source_mm, ray_mm)
            if enter < leave:
                place = stop[row, col]
                t[place], t[place + 1] = enter, leave
                solid[place], solid[place + 1] = number, ~number
                stop[row, col] = place + 2


@njit(cache=True, error_model="numpy")
def _collect_crossings(surfaces: SolidSurfaces, fan: RayFan, items: IntArray) -> Crossings:
    """Crossings of the kept rays of a fan with the faces and quadrics of its band."""
    face_count = len(surfaces.face_solid)
    most = 2 * HULL_SIDES
    for item in items:
        if item < face_count:
            most = max(most, surfaces.face_start[item + 1] - surfaces.face_start[item])
    corner_mm, edges = np.empty((most, 2)), np.empty(most, np.int64)
    rows, cols = fan.stop_row - fan.first_row, fan.kept.place[:, -1].max()
    begin, stop = np.zeros((rows, cols + 1), np.int32), np.empty((rows, cols), np.int32)
    for item in items:
        shadow = _cast_shadow(surfaces, fan, item, corner_mm)
        _count_item(begin, item < face_count, shadow, fan, edges)
    total = 0  # the differences become sums, and these the place where each ray's crossings begin
    for row in range(rows):
        running = 0
        for col in range(fan.kept.place[row // fan.own_rays, -1]):
            running += begin[row, col]
            begin[row, col] = stop[row, col] = total
            total += running
    crossings = Crossings(np.empty(total), np.empty(total, np.int32), begin, stop)
    for item in items:
        shadow = _cast_shadow(surfaces, fan, item, corner_mm)
        if item < face_count:
            _fill_face(crossings, surfaces, item, shadow, fan, edges)
        else:
            _fill_quadric(crossings, surfaces, item - face_count, shadow, fan)
    return crossings


@njit(cache=True, error_model="numpy")
def _resolve_ray(
    t: FloatArray,
    solid: NumberArray,
    ray_length_mm: float,
    solid_material: IntArray,
    path_mm: FloatArray,
    met: FlagArray,
    depth: IntArray,
) -> None:
    """Adds the path (M,) through each material, where the solid that comes last in the phantom owns an overlap."""
    count = len(t)  # depth (S,), how often each solid was entered less how often left, is 0 before and after
    if count == 2:
        material = solid_material[max(solid[0], ~solid[0])]
        along = t[1] - t[0] if solid[0] >= 0 else t[0] - t[1]
        if material >= 0 and along > 0.0:
            path_mm[material] += along * ray_length_mm
            met[material] = True
        return
    for unsorted in range(1, count):
        along, owner = t[unsorted], solid[unsorted]
        place = unsorted
        while place > 0 and t[place - 1] > along:
            t[place], solid[place] = t[place - 1], solid[place - 1]
            place -= 1
        t[place], solid[place] = along, owner
    owner = -1
    for crossing in range(count):
        if owner >= 0 and solid_material[owner] >= 0:
            path_mm[solid_material[owner]] += (t[crossing] - t[crossing - 1]) * ray_length_mm
            met[solid_material[owner]] = True
        crossed = max(solid[crossing], ~solid[crossing])
        depth[crossed] += 1 if solid[crossing] >= 0 else -1
        if depth[crossed] > 0:
            owner = max(owner, crossed)
        elif crossed == owner:
            owner = -1
            for earlier in range(crossing):
                crossed = max(solid[earlier], ~solid[earlier])
                if depth[crossed] > 0:
                    owner = max(owner, crossed)


# "contract" lets the compiler fuse multiply and add, which rounds once, not twice; NaN and infinity keep their meaning.
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _sum_energies(chunk: RayChunk, count: int, beam: BeamSums, row_place: float, node: int) -> None:
    """Sums of the first `count` rays: sum over energies of weights * 2**-(path through each material * mu_log2).

    The rays lie between two columns of nodes, `node` and the next; weights follow a straight line between the two.

    2**x is 2**whole * 2**rest with |rest| <= 1/2: the first is built from its bits, the second is the Taylor series of
    exp(rest ln 2) to the ninth power, whose first neglected term is below 1e-11.
    """
    path_mm, met, _, sums, along, scratch, line = chunk
    mu_log2, weights = beam.mu_log2, beam.weights
    power, fraction, left, rise = scratch[0], scratch[1], line[0], line[1]
    power_bits, ln2 = power.view(np.int64), math.log(2.0)
    row_node, down = int(row_place), row_place - int(row_place)
    for quantity in range(left.shape[0]):
        for energy in range(left.shape[1]):
            here = weights[row_node, node, quantity, energy]
            here += down * (weights[row_node + 1, node, quantity, energy] - here)
            there = weights[row_node, node + 1, quantity, energy]
            there += down * (weights[row_node + 1, node + 1, quantity, energy] - there)
            left[quantity, energy], rise[quantity, energy] = here, there - here
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
        for quantity in range(left.shape[0]):
            weight, change = left[quantity, energy], rise[quantity, energy]
            for ray in range(count):
                sums[quantity, ray] += (weight + change * along[ray]) * fraction[ray]


@njit(cache=True, error_model="numpy")
def _add_chunk(
    work: BandWork, count: int, row_place: float, node: int, each: int, sums: FloatArray, hits: IntArray
) -> None:
    """Add `count` rays to the samples that hold them, `sums` (K, W) and `hits` (W,), and clear the paths.

    One ray counts as `each`.
    """
    chunk, beam = work.chunk, work.beam
    if not beam.paths_only:
        _sum_energies(chunk, count, beam, row_place, node)
    for quantity in range(sums.shape[0]):
        for ray in range(count):
            sums[quantity, chunk.sample_col[ray]] += each * chunk.sums[quantity, ray]
    for ray in range(count):
        hits[chunk.sample_col[ray]] += each
    for material in range(len(chunk.met)):
        if chunk.met[material]:
            for ray in range(count):
                chunk.path_mm[material, ray] = 0.0
            chunk.met[material] = False


@njit(cache=True, error_model="numpy")
def _write_samples(
    out: Picture, grid: RayGrid, paths_only: bool, corner: tuple[int, int, int], sums: FloatArray, hits: IntArray
) -> None:
    """In the rows of a band, where `hits` (N, W) rays met a solid, their `sums` (N, K, W) replace the open beam.

    `corner`: row of the panel where `out` begins, first row and column of the band.
    """
    (top, first_sample, first_col), rays, distance_mm = corner, grid.rays_per_sample, grid.source_to_detector_mm
    total = (rays // grid.stride) ** 2 * len(grid.sources_mm)
    to_centre_mm = 0.5 * (rays - 1) * grid.step_mm
    for row in range(sums.shape[0]):
        y_mm = grid.first_y_mm + (first_sample + row) * rays * grid.step_mm + to_centre_mm
        for col in range(sums.shape[2]):
            hit = hits[row, col]
            if hit:
                x_mm = grid.first_x_mm + (first_col + col) * rays * grid.step_mm + to_centre_mm
                length_mm = math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                flux = 1.0 if paths_only else (distance_mm / length_mm) ** 3
                place = out[:, first_sample - top + row, first_col + col]
                for quantity in range(len(place)):
                    place[quantity] = (place[quantity] * (total - hit) + flux * sums[row, quantity, col]) / total


@njit(cache=True, error_model="numpy")
def _keep_rays(mixed: FlagArray, wanted: bool, first_col: int, rays: int) -> KeptRays:
    """The `rays` columns of rays in each of those samples (N, W), from `first_col` on, that are mixed, or are not."""
    rows, cols = mixed.shape
    place, col = np.empty((rows, cols * rays + 1), np.int32), np.empty((rows, cols * rays), np.int32)
    for row in range(rows):
        count = 0
        for ray in range(cols * rays):
            place[row, ray] = count
            if mixed[row, ray // rays] == wanted:
                col[row, count] = first_col * rays + ray
                count += 1
        place[row, cols * rays] = count
    return KeptRays(place, col)


@njit(cache=True, error_model="numpy")
def _add_fan(work: BandWork, fan: RayFan, node_of_ray: FloatArray, each: int, sums: FloatArray, hits: IntArray) -> None:
    """Add the kept rays of a fan to the samples of its band, `sums` (N, K, W) and `hits` (N, W).

    `node_of_ray` (2, 2): for rows and columns, the place of ray 0 among the nodes and the step from ray to ray.
    """
    chunk, solid_material, own_rays = work.chunk, work.beam.solid_material, fan.own_rays
    distance_mm, first_sample_col = fan.source_mm[2], fan.first_col // own_rays
    depth = np.zeros_like(solid_material)
    t, solid, begin, stop = _collect_crossings(work.surfaces, fan, work.items)
    for row in range(fan.stop_row - fan.first_row):
        sample = row // own_rays
        y_mm = fan.grid.first_y_mm + (fan.first_row + row) * fan.grid.step_mm - fan.source_mm[1]
        row_place = node_of_ray[0, 0] + (fan.first_row + row) * node_of_ray[0, 1]
        count = node = int(np.int64(0))  # a bare 0 is a type of its own, for which _add_chunk would be compiled again
        for col in range(fan.kept.place[sample, -1]):
            a, b = begin[row, col], stop[row, col]
            if b > a:
                ray_col = fan.kept.col[sample, col]
                place = node_of_ray[1, 0] + ray_col * node_of_ray[1, 1]
                if count == RAYS_PER_CHUNK or (count > 0 and place >= node + 1):
                    _add_chunk(work, count, row_place, node, each, sums[sample], hits[sample])
                    count = 0
                if count == 0:
                    node = int(place)
                chunk.along[count] = place - node
                x_mm = fan.grid.first_x_mm + ray_col * fan.grid.step_mm - fan.source_mm[0]
                length_mm = math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                path_mm = chunk.path_mm[:, count]
                _resolve_ray(t[a:b], solid[a:b], length_mm, solid_material, path_mm, chunk.met, depth)
                chunk.sample_col[count] = ray_col // own_rays - first_sample_col
                count += 1
        if count > 0:
            _add_chunk(work, count, row_place, node, each, sums[sample], hits[sample])


@njit(cache=True, error_model="numpy")
def _project_band(
    band: int, surfaces: SolidSurfaces, grid: RayGrid, bands: BandItems, beam: BeamSums, top: int, out: Picture
) -> None:
    """Writes the samples of one band behind a solid to `out` (K, R, cols), rows from `top` on with the open beam."""
    quantities, (sample_rows, sample_cols) = len(out), bands.mixed.shape
    rays, stride, distance_mm, sources = grid.rays_per_sample, grid.stride, grid.source_to_detector_mm, grid.sources_mm
    first, stop = band * bands.samples_per_band, min(sample_rows, (band + 1) * bands.samples_per_band)
    first_col, stop_col = bands.first_ray_col[band] // rays, (bands.stop_ray_col[band] + rays - 1) // rays
    items = bands.item[bands.start[band] : bands.start[band + 1]]
    if len(items) == 0:
        return
    sums = np.zeros((stop - first, quantities, stop_col - first_col))
    hits = np.zeros((stop - first, stop_col - first_col), np.int64)
    path_mm = np.zeros((max(1, beam.mu_log2.shape[0]), RAYS_PER_CHUNK))
    met, sample_col = np.zeros(beam.mu_log2.shape[0], np.bool_), np.empty(RAYS_PER_CHUNK, np.int64)
    chunk_sums = path_mm if beam.paths_only else np.empty((quantities, RAYS_PER_CHUNK))
    along, scratch, line = np.empty(RAYS_PER_CHUNK), np.empty((2, RAYS_PER_CHUNK)), np.empty_like(beam.weights[0, :2])
    chunk = RayChunk(path_mm, met, sample_col, chunk_sums, along, scratch, line)
    work, mixed = BandWork(surfaces, items, beam, chunk), bands.mixed[first:stop, first_col:stop_col]
    nodes = np.array([(beam.weights.shape[0] - 1) / sample_rows, (beam.weights.shape[1] - 1) / sample_cols])
    node_of_ray, source_mm, centre = np.empty((2, 2)), np.empty(3), np.array([rays - 1, rays - 1]) * 0.5
    source_mm[2] = distance_mm
    # All rays of the samples that are mixed; then one ray through the middle of each of the others, from the middle of
    # the spot, which counts as all of theirs.
    for source in range(len(sources) + 1):
        of_all = source < len(sources)
        own_rays = rays // stride if of_all else 1
        kept = _keep_rays(mixed, of_all, first_col, own_rays)
        if kept.place[:, -1].max() == 0:
            continue
        ray, own_stride, each = centre, rays, (rays // stride) ** 2 * len(sources)
        if of_all:
            ray, own_stride, each = grid.first_ray[source] * 1.0, stride, 1
        for axis in range(2):
            source_mm[axis] = sources[source, axis] if of_all else sources[:, axis].mean()
            node_of_ray[axis, 0], node_of_ray[axis, 1] = (
                (ray[axis] + 0.5) * nodes[axis] / rays,
                own_stride * nodes[axis] / rays,
            )
        x_mm, y_mm = grid.first_x_mm + ray[1] * grid.step_mm, grid.first_y_mm + ray[0] * grid.step_mm
        own = FanGrid(x_mm, y_mm, own_stride * grid.step_mm)
        ends = (first * own_rays, stop * own_rays, first_col * own_rays, stop_col * own_rays)
        _add_fan(work, RayFan(own, source_mm, *ends, own_rays, kept), node_of_ray, each, sums, hits)
    _write_samples(out, grid, beam.paths_only, (top, first, first_col), sums, hits)


@njit(parallel=True, cache=True, error_model="numpy")
def _project_bands(
    ends: tuple[int, int],
    surfaces: SolidSurfaces,
    grid: RayGrid,
    bands: BandItems,
    beam: BeamSums,
    top: int,
    out: Picture,
) -> None:
    """Writes the samples behind solids of the bands from the first end to before the other; a band has one thread."""
    for band in prange(ends[0], ends[1]):
        _project_band(band, surfaces, grid, bands, beam, top, out)
