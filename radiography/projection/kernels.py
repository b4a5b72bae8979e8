"""Kernels of the projection: which solids each ray meets, path per material, sum over the energies of the beam.

The panel is cut into bands of rows; `crossings.py` finds where the rays of a band cross the solids.
A ray is inside a solid where it has entered it more often than left: bodies of one mesh that overlap are one, and a
shell that is turned inwards is a hole.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.projection.crossings import collect_crossings
from radiography.projection.rays import (
    BandItems,
    BandWork,
    BeamSums,
    CoarseMasses,
    Crossings,
    FanGrid,
    KeptRays,
    RayChunk,
    RayFan,
    RayGrid,
    StripVoxels,
    VoxelRays,
)
from radiography.projection.surfaces import SolidSurfaces
from radiography.projection.volume_paths import add_masses, add_masses_near
from radiography.projection.voxel_world import VoxelWorld

CROSSINGS = "370732c0af1c4bfd"  # start of the SHA-256 of crossings.py, see there
VOLUME_PATHS = "0238e41291b0eb4f"  # the same of volume_paths.py
RAYS_PER_CHUNK = 128  # path, depth and sums of one chunk stay in the first-level cache
LARGEST_DEPTH = 1000.0  # [powers of 2] behind this, 2**-1000 of the beam is left
# 2**x for |x| <= 1/2: Chebyshev's approximation of degree 7, off by 4.2e-11 at most; computed with 40 digits
EXP2 = (
    0.9999999999595618,
    0.6931471805568324,
    0.24022651213498092,
    0.055504109063258665,
    0.009618025613318034,
    0.0013333478473685416,
    0.00015469729214118296,
    1.5303700711365693e-05,
)
ROUNDING = 6755399441055744.0  # 1.5 * 2**52: adding it rounds a float64 to a whole number, held in its lowest bits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NumberArray = npt.NDArray[np.int32]
FlagArray = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.float32]


@njit(cache=True, error_model="numpy")
def _displace(chunk: RayChunk, voxels: VoxelRays, ray: int, first: float, last: float) -> None:
    """Takes the voxels that a solid replaces off the areal masses of a ray, from one crossing to the next."""
    if chunk.seen[ray] and last > first:
        add_masses(voxels.world, chunk.source_mm, chunk.end_mm[ray], (first, last), -1.0, chunk.mass[ray])


@njit(cache=True, error_model="numpy")
def _add_volumes(chunk: RayChunk, voxels: VoxelRays, count: int) -> None:
    """Adds the areal masses of `count` rays through volumes to their paths, and clears them."""
    mass, path_mm, met = chunk.mass, chunk.path_mm, chunk.met
    first = path_mm.shape[0] - mass.shape[1]
    for ray in range(count):
        if chunk.seen[ray]:
            add_masses_near(voxels.world, voxels.coarse, chunk.source[0], chunk.source_mm, chunk.end_mm[ray], mass[ray])
            for basis in range(mass.shape[1]):
                if mass[ray, basis] != 0.0:
                    path_mm[first + basis, ray] += mass[ray, basis]
                    met[first + basis] = True
                    mass[ray, basis] = 0.0


@njit(cache=True, error_model="numpy")
def _resolve_rays(
    crossings: Crossings, chunk: RayChunk, voxels: VoxelRays, count: int, solid_material: IntArray
) -> None:
    """Adds the paths of `count` rays; of solids that overlap, the one that comes last in the phantom owns the ray."""
    t, solid, _, _ = crossings
    path_mm, met, ray_crossing, length_mm = chunk.path_mm, chunk.met, chunk.crossing, chunk.length_mm
    volumes = chunk.mass.shape[1] > 0
    depth = chunk.depth  # (S,), how often each solid was entered less how often left, is 0 before and after
    for ray in range(count):
        first, stop = ray_crossing[0, ray], ray_crossing[1, ray]
        if stop == first + 2:
            material = solid_material[max(solid[first], ~solid[first])]
            along = t[first + 1] - t[first] if solid[first] >= 0 else t[first] - t[first + 1]
            if material >= 0 and along > 0.0:
                path_mm[material, ray] += along * length_mm[ray]
                met[material] = True
            if volumes:
                _displace(chunk, voxels, ray, min(t[first], t[first + 1]), max(t[first], t[first + 1]))
            continue
        for unsorted in range(first + 1, stop):
            along, owner = t[unsorted], solid[unsorted]
            free = unsorted
            while free > first and t[free - 1] > along:
                t[free], solid[free] = t[free - 1], solid[free - 1]
                free -= 1
            t[free], solid[free] = along, owner
        owner = -1
        for crossing in range(first, stop):
            if volumes and owner >= 0:
                _displace(chunk, voxels, ray, t[crossing - 1], t[crossing])
            if owner >= 0 and solid_material[owner] >= 0:
                path_mm[solid_material[owner], ray] += (t[crossing] - t[crossing - 1]) * length_mm[ray]
                met[solid_material[owner]] = True
            crossed = max(solid[crossing], ~solid[crossing])
            depth[crossed] += 1 if solid[crossing] >= 0 else -1
            if depth[crossed] > 0:
                owner = max(owner, crossed)
            elif crossed == owner:
                owner = -1
                for earlier in range(first, crossing):
                    crossed = max(solid[earlier], ~solid[earlier])
                    if depth[crossed] > 0:
                        owner = max(owner, crossed)


# "contract" lets the compiler fuse multiply and add, which rounds once, not twice; NaN and infinity keep their meaning.
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _sum_energies(chunk: RayChunk, count: int, beam: BeamSums, row_place: float, node: int) -> None:
    """Sums of the first `count` rays: sum over energies of weights * 2**-(path through each material * mu_log2).

    The rays lie between two columns of nodes, `node` and the next; weights follow a straight line between the two.

    2**x is 2**whole * 2**rest with |rest| <= 1/2: the second is a polynomial, whose exponent the first is added to.
    """
    path_mm, met, sums, along, scratch, line = (
        chunk.path_mm,
        chunk.met,
        chunk.sums,
        chunk.along,
        chunk.scratch,
        chunk.line,
    )
    mu_log2, weights = beam.mu_log2, beam.weights
    power, fraction, left, rise = scratch[0], scratch[1], line[0], line[1]
    power_bits, fraction_bits = power.view(np.int64), fraction.view(np.int64)
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
            rest = exponent - (rounded - ROUNDING)
            power[ray] = rounded
            series = EXP2[6] + rest * EXP2[7]
            series = EXP2[5] + rest * series
            series = EXP2[4] + rest * series
            series = EXP2[3] + rest * series
            series = EXP2[2] + rest * series
            series = EXP2[1] + rest * series
            fraction[ray] = EXP2[0] + rest * series
        for ray in range(count):
            fraction_bits[ray] += power_bits[ray] << 52
        for quantity in range(left.shape[0]):
            weight, change = left[quantity, energy], rise[quantity, energy]
            for ray in range(count):
                sums[quantity, ray] += (weight + change * along[ray]) * fraction[ray]


@njit(cache=True, error_model="numpy")
def _add_chunk(
    work: BandWork,
    crossings: Crossings,
    count: int,
    place: tuple[float, int],
    each: int,
    sums: FloatArray,
    hits: IntArray,
) -> None:
    """Add `count` rays to the samples that hold them, `sums` (K, W) and `hits` (W,), and clear the paths.

    One ray counts as `each`. `place`: of the row among the nodes, and the column of nodes left of the rays.
    """
    path_mm, met, sample_col, chunk_sums = work.chunk.path_mm, work.chunk.met, work.chunk.sample_col, work.chunk.sums
    _resolve_rays(crossings, work.chunk, work.voxels, count, work.beam.solid_material)
    if work.beam.basis:
        _add_volumes(work.chunk, work.voxels, count)
    if not work.beam.paths_only:
        _sum_energies(work.chunk, count, work.beam, place[0], place[1])
    for quantity in range(sums.shape[0]):
        for ray in range(count):
            sums[quantity, sample_col[ray]] += each * chunk_sums[quantity, ray]
    for ray in range(count):
        hits[sample_col[ray]] += each
    for material in range(len(met)):
        if met[material]:
            for ray in range(count):
                path_mm[material, ray] = 0.0
            met[material] = False


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
                for quantity in range(len(out)):
                    beside = out[quantity, first_sample - top + row, first_col + col] * (total - hit)
                    summed = beside + flux * sums[row, quantity, col]
                    out[quantity, first_sample - top + row, first_col + col] = summed / total


@njit(cache=True, error_model="numpy")
def _keep_rays(mixed: FlagArray, wanted: bool, first_col: int, rays: int) -> KeptRays:
    """The `rays` columns of rays in each of those samples (N, W), from `first_col` on, that are mixed, or are not."""
    rows, cols = mixed.shape
    place, col = np.empty((rows, cols * rays + 1), np.int32), np.empty((rows, cols * rays), np.int32)
    for row in range(rows):
        count = 0
        for sample in range(cols):
            for ray in range(sample * rays, (sample + 1) * rays):
                place[row, ray] = count
                if mixed[row, sample] == wanted:
                    col[row, count] = first_col * rays + ray
                    count += 1
        place[row, cols * rays] = count
    return KeptRays(place, col)


@njit(cache=True, error_model="numpy")
def _add_fan(work: BandWork, fan: RayFan, node_of_ray: FloatArray, each: int, sums: FloatArray, hits: IntArray) -> None:
    """Add the kept rays of a fan to the samples of its band, `sums` (N, K, W) and `hits` (N, W).

    `node_of_ray` (2, 2): for rows and columns, the place of ray 0 among the nodes and the step from ray to ray.
    """
    chunk, (kept_place, kept_col), own_rays = work.chunk, fan.kept, fan.own_rays
    along, length_mm, sample_col, ray_crossing = chunk.along, chunk.length_mm, chunk.sample_col, chunk.crossing
    first_x_mm, step_mm, distance_mm = fan.grid.first_x_mm - fan.source_mm[0], fan.grid.step_mm, fan.source_mm[2]
    first_place, place_step, first_sample_col = node_of_ray[1, 0], node_of_ray[1, 1], fan.first_col // own_rays
    per_ray = 1.0 / own_rays
    crossings = collect_crossings(work.surfaces, fan, work.items)
    begin, stop = crossings.begin, crossings.stop
    shadow, end_mm, seen = work.voxels.shadow, chunk.end_mm, chunk.seen
    left_col, right_col = shadow[2] * own_rays, shadow[3] * own_rays
    for axis in range(3):
        chunk.source_mm[axis] = fan.source_mm[axis]
    for row in range(fan.stop_row - fan.first_row):
        sample = row // own_rays
        y_mm = fan.grid.first_y_mm + (fan.first_row + row) * step_mm - fan.source_mm[1]
        row_place = node_of_ray[0, 0] + (fan.first_row + row) * node_of_ray[0, 1]
        in_shadow = shadow[0] <= fan.first_row // own_rays + sample < shadow[1]
        count = node = int(np.int64(0))  # a bare 0 is a type of its own, for which _add_chunk would be compiled again
        for col in range(kept_place[sample, -1]):
            ray_col = kept_col[sample, col]
            in_volume = in_shadow and left_col <= ray_col < right_col
            if in_volume or stop[row, col] > begin[row, col]:
                place = first_place + ray_col * place_step
                if count == RAYS_PER_CHUNK or (count > 0 and place >= node + 1):
                    _add_chunk(work, crossings, count, (row_place, node), each, sums[sample], hits[sample])
                    count = 0
                if count == 0:
                    node = int(place)
                along[count] = place - node
                x_mm = first_x_mm + ray_col * step_mm
                length_mm[count] = math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
                ray_crossing[0, count], ray_crossing[1, count] = begin[row, col], stop[row, col]
                seen[count] = in_volume
                end_mm[count, 0], end_mm[count, 1] = x_mm + fan.source_mm[0], y_mm + fan.source_mm[1]
                sample_col[count] = int((ray_col + 0.5) * per_ray) - first_sample_col  # faster than to divide
                count += 1
        if count > 0:
            _add_chunk(work, crossings, count, (row_place, node), each, sums[sample], hits[sample])


@njit(cache=True, error_model="numpy")
def _together(strip: StripVoxels) -> VoxelRays:
    """Volumes and coarse rays of a strip as records of their own."""
    world = VoxelWorld(
        codes=strip.codes,
        first_voxel=strip.first_voxel,
        shape=strip.shape,
        table=strip.table,
        first_row=strip.first_row,
        to_voxel=strip.to_voxel,
        first=strip.first,
        stop=strip.stop,
        runs=strip.runs,
        run_axis=strip.run_axis,
    )
    return VoxelRays(world, CoarseMasses(strip.masses, strip.rough, strip.first_mm, strip.per_mm), strip.shadow)


@njit(cache=True, error_model="numpy")
def _project_band(
    band: int,
    surfaces: SolidSurfaces,
    grid: RayGrid,
    bands: BandItems,
    beam: BeamSums,
    voxels: StripVoxels,
    into: tuple[int, Picture],
) -> None:
    """Writes the samples of one band behind an object to `out` (K, R, cols), rows from `top` on with the open beam."""
    top, out = into
    quantities, (sample_rows, sample_cols) = len(out), bands.mixed.shape
    rays, stride, distance_mm, sources = grid.rays_per_sample, grid.stride, grid.source_to_detector_mm, grid.sources_mm
    first, stop = band * bands.samples_per_band, min(sample_rows, (band + 1) * bands.samples_per_band)
    first_col, stop_col = bands.first_ray_col[band] // rays, (bands.stop_ray_col[band] + rays - 1) // rays
    items = bands.item[bands.start[band] : bands.start[band + 1]]
    if first_col >= stop_col:
        return
    sums = np.zeros((stop - first, quantities, stop_col - first_col))
    hits = np.zeros((stop - first, stop_col - first_col), np.int64)
    path_mm = np.zeros((max(1, beam.mu_log2.shape[0]), RAYS_PER_CHUNK))
    met, sample_col = np.zeros(beam.mu_log2.shape[0], np.bool_), np.empty(RAYS_PER_CHUNK, np.int64)
    chunk_sums = path_mm if beam.paths_only else np.empty((quantities, RAYS_PER_CHUNK))
    along, length_mm = np.empty(RAYS_PER_CHUNK), np.empty(RAYS_PER_CHUNK)
    scratch, line = np.empty((2, RAYS_PER_CHUNK)), np.empty_like(beam.weights[0, :2])
    crossing, depth = np.empty((2, RAYS_PER_CHUNK), np.int64), np.zeros_like(beam.solid_material)
    number = np.zeros(1, np.int64)
    chunk = RayChunk(
        path_mm=path_mm,
        met=met,
        sample_col=sample_col,
        sums=chunk_sums,
        along=along,
        length_mm=length_mm,
        crossing=crossing,
        depth=depth,
        scratch=scratch,
        line=line,
        source_mm=np.empty(3),
        source=number,
        end_mm=np.empty((RAYS_PER_CHUNK, 2)),
        seen=np.zeros(RAYS_PER_CHUNK, np.bool_),
        mass=np.zeros((RAYS_PER_CHUNK, beam.basis)),
    )
    work, mixed = BandWork(surfaces, items, beam, chunk, _together(voxels)), bands.mixed[first:stop, first_col:stop_col]
    nodes = np.array([(beam.weights.shape[0] - 1) / sample_rows, (beam.weights.shape[1] - 1) / sample_cols])
    node_of_ray, source_mm, centre = np.empty((2, 2)), np.empty(3), np.array([rays - 1, rays - 1]) * 0.5
    source_mm[2] = distance_mm
    # All rays of the samples that are mixed; then one ray through the middle of each of the others, from the middle of
    # the spot, which counts as all of theirs.
    for source in range(len(sources) + 1):
        of_all = source < len(sources)
        number[0] = min(source, len(sources) - 1)  # where no ray of all is wanted, volumes see one point of the spot
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
    voxels: StripVoxels,
    into: tuple[int, Picture],
) -> None:
    """Writes the samples behind an object of the bands from one end to before the other; a band has one thread."""
    for band in prange(ends[0], ends[1]):
        _project_band(band, surfaces, grid, bands, beam, voxels, into)
