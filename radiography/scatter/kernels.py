"""Compiled Monte Carlo of photons through solids and voxels in a medium, from the source to the panel.

Analogue histories: what a photon meets is drawn as nature would. The space is cut into blocks by planes; within one a
photon flies as in the block's strongest matter and passes as many of its collisions as the matter at hand is weaker
(Woodcock tracking [1]_), so that a pin of steel costs nothing elsewhere, and in a block of one solid no collision is
passed. The generator is xoshiro256++ [2]_, seeded once per chunk of histories.

References
----------
.. [1] Woodcock et al., "Techniques used in the GEM code for Monte Carlo neutronics calculations in reactors and other
       systems of complex geometry", ANL-7050 (1965).
.. [2] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.scatter.places import inside
from radiography.scatter.tables import ANGLE_STEPS, ELECTRON_KEV, ENERGY_STEP_KEV, LOWEST_KEV, ScatterTables
from radiography.scatter.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

PLACES = "88818b8af6eb7b92"  # start of the SHA-256 of places.py, see there
UNSCATTERED, BACK_KERMA, SCATTERED, SCATTERED_ENERGY, TOTALS = 0, 1, 2, 3, 4  # columns of `totals`, see Tallies
COUNT, SQUARE, FIRST = 0, 1, 2  # columns of `cells`, see Tallies


class Source(NamedTuple):
    """A point source over z, and the rectangle of the panel's plane that it lights."""

    z_mm: float
    low_mm: FloatArray  # (2,) x, y of the rectangle [mm]
    high_mm: FloatArray  # (2,) [mm]
    energy_keV: FloatArray  # (N,) [keV]
    cumulative: FloatArray  # (N,) probability of an energy up to each [1]
    weight: FloatArray  # (R, C, N) of a photon, at even nodes of the rectangle, rows along y [1]
    histories: int  # of each chunk


class GridShape(NamedTuple):
    """An anti-scatter grid; ``ratio`` of 0 is none. Strips run along y, or along x where ``across`` is 1."""

    ratio: float  # height over the width between strips [1]
    gap_mm: float  # between strips [mm]
    strip_mm: float  # [mm]
    focus_mm: float  # distance of the line that the strips point to; infinite where they are parallel [mm]
    across: int  # axis across the strips: 0 x, 1 y
    mu_gap_per_mm: FloatArray  # (E,) at the energies of the tables [1/mm]
    mu_strip_per_mm: FloatArray  # (E,) [1/mm]


class Detector(NamedTuple):
    """What is scored where a photon meets the panel's plane."""

    low_mm: FloatArray  # (2,) x, y of the cells' outer border [mm]
    cell_mm: FloatArray  # (2,) [mm]
    portions: FloatArray  # (E, A + 1, Q) what a photon gives, at even steps of the cosine to the normal from 0 to 1
    entrance: int  # plane of z whose upward crossings give backscattered kerma; -1 for none
    entrance_radius_mm: float  # about the central ray [mm]


class Tallies(NamedTuple):
    """Sums over the histories of chunks."""

    cells: FloatArray  # (chunks, R, C, 2 + Q) scattered photons, their squared first portion, and their portions
    totals: FloatArray  # (chunks, TOTALS), see `transport.Sums`
    deposits_keV: FloatArray  # (chunks, D), see `transport.Sums` [keV]


@njit(cache=True, error_model="numpy")
def _generator(seed: np.uint64) -> WordArray:
    """State of a generator, filled from one seed by splitmix64."""
    state = np.empty(4, dtype=np.uint64)
    for index in range(4):
        seed += np.uint64(0x9E3779B97F4A7C15)
        word = (seed ^ (seed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state[index] = word ^ (word >> np.uint64(31))
    return state


@njit(cache=True, error_model="numpy", inline="always")
def _rotate_left(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@njit(cache=True, error_model="numpy")
def _uniform(state: WordArray) -> float:
    """Uniform in (0, 1), 53 bits; ``state`` is (4,) uint64, changed in place."""
    word = _rotate_left(state[0] + state[3], 23) + state[0]
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = _rotate_left(state[3], 45)
    return (np.float64(word >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@njit(cache=True, error_model="numpy")
def _strip_transmission(
    grid: GridShape, c: float, a: float, mu_gap_per_mm: float, mu_strip_per_mm: float, height_mm: float
) -> float:
    """Transmission of a linear grid, averaged over where a ray enters; see `grid.grid_transmission`.

    ``c`` and ``a`` are the cosines of the ray along the strips' height and across them.
    """
    gap, strip = grid.gap_mm, grid.strip_mm
    path, pitch = height_mm / c, gap + strip
    shift = height_mm * abs(a) / c
    excess = mu_strip_per_mm - mu_gap_per_mm
    if shift < 1e-9 * pitch or abs(excess) * path < 1e-12:
        return math.exp(-mu_gap_per_mm * path) * (gap + strip * math.exp(-excess * path)) / pitch
    k = excess * path / shift
    whole = math.floor(shift / pitch)
    rest = shift - whole * pitch
    most, least = min(rest, strip), max(0.0, rest - gap)
    at_most, at_least = math.exp(-k * most), math.exp(-k * least)
    total = abs(rest - strip) * at_most + abs(gap - rest) * at_least + 2.0 / k * (at_least - at_most)
    return math.exp(-mu_gap_per_mm * path - k * whole * strip) * total / pitch


@njit(cache=True, error_model="numpy")
def ray_transmission(grid: GridShape, place_mm: float, across: float, down: float, energy_keV: float) -> float:
    """Transmission of a grid for a ray.

    Parameters
    ----------
    grid : GridShape
        With a ratio above 0.
    place_mm : float
        Where the ray meets the panel, across the strips. [mm]
    across, down : float
        Its cosines across the strips and towards the panel. [1]
    energy_keV : float
        [keV]

    Returns
    -------
    transmission : float
        Averaged over where the ray enters within a period of the strips. [1]
    """
    if grid.focus_mm < np.inf:  # in axes that point to the focus
        slope = place_mm / grid.focus_mm
        scale = 1.0 / math.sqrt(1.0 + slope * slope)
        across, down = (across - slope * down) * scale, (down + slope * across) * scale
        if down <= 0.0:
            return 0.0
    place = energy_keV / ENERGY_STEP_KEV
    index = int(place)
    part = place - index
    mu_gap = grid.mu_gap_per_mm[index] + part * (grid.mu_gap_per_mm[index + 1] - grid.mu_gap_per_mm[index])
    mu_strip = grid.mu_strip_per_mm[index] + part * (grid.mu_strip_per_mm[index + 1] - grid.mu_strip_per_mm[index])
    return float(_strip_transmission(grid, down, across, mu_gap, mu_strip, grid.ratio * grid.gap_mm))


@njit(cache=True, error_model="numpy")
def _score(
    scorer: tuple[Detector, GridShape],
    cells: FloatArray,
    place_mm: FloatArray,
    way: FloatArray,
    energy_keV: float,
    weight: float,
) -> None:
    """Add a photon that meets the panel to its cell."""
    detector, grid = scorer
    step = energy_keV / ENERGY_STEP_KEV
    bin_ = int(step + 0.5)
    down = -way[2]
    angle = down * (detector.portions.shape[1] - 1)
    low = min(int(angle), detector.portions.shape[1] - 2)
    part = angle - low
    if grid.ratio > 0.0:
        across = grid.across
        weight *= ray_transmission(grid, place_mm[across], way[across], down, energy_keV)
    first = detector.portions[bin_, low, 0]
    first += part * (detector.portions[bin_, low + 1, 0] - first)
    row = math.floor((place_mm[1] - detector.low_mm[1]) / detector.cell_mm[1])
    col = math.floor((place_mm[0] - detector.low_mm[0]) / detector.cell_mm[0])
    if not (0 <= row < cells.shape[0] and 0 <= col < cells.shape[1]):
        return
    cell = cells[int(row), int(col)]
    cell[COUNT] += 1.0
    cell[SQUARE] += (weight * first) ** 2
    for quantity in range(detector.portions.shape[2]):
        value = detector.portions[bin_, low, quantity]
        value += part * (detector.portions[bin_, low + 1, quantity] - value)
        cell[FIRST + quantity] += weight * value


@njit(cache=True, error_model="numpy")
def _turn(way: FloatArray, u: float, state: WordArray) -> None:
    """Turn a unit vector by the angle whose half has the sine ``u``, at random azimuth, in place."""
    cosine = 1.0 - 2.0 * u * u
    sine = 2.0 * u * math.sqrt(max(0.0, 1.0 - u * u))
    azimuth = 2.0 * math.pi * _uniform(state)
    a, b = sine * math.cos(azimuth), sine * math.sin(azimuth)
    x, y, z = way[0], way[1], way[2]
    across = math.sqrt(x * x + y * y)
    if across < 1e-8:
        way[0], way[1], way[2] = a, b, cosine * z
    else:
        way[0] = x * cosine + (a * x * z - b * y) / across
        way[1] = y * cosine + (a * y * z + b * x) / across
        way[2] = z * cosine - a * across
    norm = 1.0 / math.sqrt(way[0] ** 2 + way[1] ** 2 + way[2] ** 2)
    way[0] *= norm
    way[1] *= norm
    way[2] *= norm


@njit(cache=True, error_model="numpy")
def _start(source: Source, place_mm: FloatArray, way: FloatArray, state: WordArray) -> tuple[float, float]:
    """A photon of the source: writes place and direction, returns energy [keV] and weight."""
    while True:  # even over the solid angle: as the cube of the cosine over the panel
        across, along = _uniform(state), _uniform(state)
        x = source.low_mm[0] + across * (source.high_mm[0] - source.low_mm[0])
        y = source.low_mm[1] + along * (source.high_mm[1] - source.low_mm[1])
        cosine = source.z_mm / math.sqrt(x * x + y * y + source.z_mm * source.z_mm)
        if _uniform(state) < cosine * cosine * cosine:
            break
    place_mm[0], place_mm[1], place_mm[2] = 0.0, 0.0, source.z_mm
    way[0], way[1], way[2] = x * cosine / source.z_mm, y * cosine / source.z_mm, -cosine
    wanted, low, high = _uniform(state), 0, len(source.cumulative) - 1
    while low < high:
        middle = (low + high) >> 1
        if source.cumulative[middle] > wanted:
            high = middle
        else:
            low = middle + 1
    row, col = along * (source.weight.shape[0] - 1), across * (source.weight.shape[1] - 1)
    top, left = int(row), int(col)
    row -= top
    col -= left
    upper = source.weight[top, left, low] * (1.0 - col) + source.weight[top, left + 1, low] * col
    lower = source.weight[top + 1, left, low] * (1.0 - col) + source.weight[top + 1, left + 1, low] * col
    return source.energy_keV[low], upper * (1.0 - row) + lower * row


@njit(cache=True, error_model="numpy", inline="always")
def _between(table: FloatArray, row: int, index: int, part: float) -> float:
    """Value between two columns of a row."""
    return float(table[row, index] + part * (table[row, index + 1] - table[row, index]))


@njit(cache=True, error_model="numpy")
def _trace_chunk(
    world: World,
    tables: ScatterTables,
    source: Source,
    scorer: tuple[Detector, GridShape],
    tally: tuple[FloatArray, FloatArray, FloatArray],
    seed: np.uint64,
) -> None:
    """The histories of one chunk, added to its ``tally``: cells, totals, deposits."""
    cells, totals, deposits_keV = tally
    entrance, square_mm2 = scorer[0].entrance, scorer[0].entrance_radius_mm ** 2
    # Taken out of their tuples once: threads wait for each other wherever numba counts the uses of an array.
    cuts, block_kind, majorant = world.cut_mm, world.block_kind, world.majorant_per_mm
    count_x, count_y, count_z = world.blocks[0], world.blocks[1], world.blocks[2]
    item_start, item, code_of_solid = world.item_start, world.item, world.code_of_solid
    code_start, code_material, code_amount = world.code_start, world.code_material, world.code_amount
    voxels, voxel_start, voxel_shape, voxel_row = world.voxels, world.voxel_start, world.voxel_shape, world.voxel_row
    voxel_first, voxel_stop, to_voxel = world.voxel_first, world.voxel_stop, world.to_voxel
    photo, compton, total = tables.photo_per_mm, tables.compton_per_mm, tables.total_per_mm
    compton_angle, rayleigh_angle = tables.compton_angle, tables.rayleigh_angle
    air_kerma = tables.air_kerma_cm2_per_g
    medium, volumes, materials = len(world.kind), len(world.voxel_start), len(total)
    state, place, way = _generator(seed), np.empty(3), np.empty(3)
    first_x, first_y = np.searchsorted(cuts[0, : count_x + 1], 0.0), np.searchsorted(cuts[1, : count_y + 1], 0.0)
    for _ in range(source.histories):
        energy, weight = _start(source, place, way, state)
        x = first_x if cuts[0, first_x] == 0.0 and way[0] >= 0.0 else first_x - 1
        y = first_y if cuts[1, first_y] == 0.0 and way[1] >= 0.0 else first_y - 1
        z = count_z - 1
        scattered, depth = False, -math.log(_uniform(state))
        while True:
            step = energy / ENERGY_STEP_KEV
            index = int(step)
            part = step - index
            block = (z * count_y + y) * count_x + x
            strongest = _between(majorant, block_kind[block], index, part)
            way_x = (cuts[0, x + 1 if way[0] > 0.0 else x] - place[0]) / way[0] if way[0] != 0.0 else np.inf
            way_y = (cuts[1, y + 1 if way[1] > 0.0 else y] - place[1]) / way[1] if way[1] != 0.0 else np.inf
            way_z = (cuts[2, z + 1 if way[2] > 0.0 else z] - place[2]) / way[2] if way[2] != 0.0 else np.inf
            way_out = max(0.0, min(way_x, way_y, way_z))
            if depth > strongest * way_out:  # on to the next block
                depth -= strongest * way_out
                place[0] += way_out * way[0]
                place[1] += way_out * way[1]
                place[2] += way_out * way[2]
                if way_z <= way_x and way_z <= way_y:
                    if way[2] > 0.0:
                        z += 1
                        place[2] = cuts[2, z]
                        if z == entrance and scattered and place[0] ** 2 + place[1] ** 2 < square_mm2:
                            kerma = air_kerma[index] + part * (air_kerma[index + 1] - air_kerma[index])
                            totals[BACK_KERMA] += weight * energy * kerma / way[2]
                        if z == count_z:
                            break
                    else:
                        place[2] = cuts[2, z]
                        z -= 1
                        if z < 0:
                            if scattered:
                                _score(scorer, cells, place, way, energy, weight)
                                totals[SCATTERED] += weight
                                totals[SCATTERED_ENERGY] += weight * energy
                            else:
                                totals[UNSCATTERED] += weight * energy
                            break
                elif way_x <= way_y:
                    forward = way[0] > 0.0
                    place[0] = cuts[0, x + 1 if forward else x]
                    x += 1 if forward else -1
                    if x < 0 or x == count_x:
                        break
                else:
                    forward = way[1] > 0.0
                    place[1] = cuts[1, y + 1 if forward else y]
                    y += 1 if forward else -1
                    if y < 0 or y == count_y:
                        break
                continue
            flight = depth / strongest
            place[0] += flight * way[0]
            place[1] += flight * way[1]
            place[2] += flight * way[2]
            depth = -math.log(_uniform(state))
            solid = medium
            for entry in range(item_start[block], item_start[block + 1]):
                if item[entry] < 0:  # fills the rest of the block
                    solid = ~item[entry]
                    break
                if inside(world, item[entry], place[0], place[1], place[2]):
                    solid = item[entry]
                    break
            held = solid < volumes
            code = code_of_solid[solid]
            if held:  # the occupied voxel that is nearest, as rounding may set a point beside them
                at, stride = voxel_start[solid], 1
                for axis in range(3):
                    across, along = to_voxel[solid, axis, 0] * place[0], to_voxel[solid, axis, 1] * place[1]
                    voxel = math.floor(across + along + to_voxel[solid, axis, 2] * place[2] + to_voxel[solid, axis, 3])
                    voxel = min(max(voxel, voxel_first[solid, axis]), voxel_stop[solid, axis] - 1)
                    at += stride * voxel
                    stride *= voxel_shape[solid, axis]
                code = voxel_row[solid] + int(voxels[at])
            wanted, number, amount = _uniform(state) * strongest, 0, 0.0
            for entry in range(code_start[code], code_start[code + 1]):
                number, amount = code_material[entry], code_amount[entry]
                here = amount * _between(total, number, index, part)
                if wanted < here:
                    break
                wanted -= here
                amount = 0.0
            if amount == 0.0:  # a collision that this matter is too weak for
                continue
            if held:  # of a volume each material has its own
                solid = medium + 1 + solid * materials + number
            absorbed = amount * _between(photo, number, index, part)
            if wanted < absorbed:
                deposits_keV[solid] += weight * energy
                break
            place_u = _uniform(state) * ANGLE_STEPS
            low, nearest = int(place_u), int(step + 0.5)
            if wanted < absorbed + amount * _between(compton, number, index, part):
                u = np.float64(compton_angle[number, nearest, low])
                u += (place_u - low) * (compton_angle[number, nearest, low + 1] - u)
                less = energy / (1.0 + energy / ELECTRON_KEV * 2.0 * u * u)
                deposits_keV[solid] += weight * (energy - less)
                energy = less
                if energy < LOWEST_KEV:
                    deposits_keV[solid] += weight * energy
                    break
            else:
                u = np.float64(rayleigh_angle[number, nearest, low])
                u += (place_u - low) * (rayleigh_angle[number, nearest, low + 1] - u)
            scattered = True
            _turn(way, u, state)


@njit(parallel=True, cache=True, error_model="numpy")
def trace_chunks(
    world: World,
    tables: ScatterTables,
    source: Source,
    detector: Detector,
    grid: GridShape,
    seeds: WordArray,
    tallies: Tallies,
) -> None:
    """Add the histories of chunks to their own tallies; one seed and one thread for each chunk.

    Parameters
    ----------
    world, tables : World, ScatterTables
        From `world.world_of`.
    source, detector, grid : Source, Detector, GridShape
        Where photons start, what is scored, and what stands before it.
    seeds : (chunks,) uint64
        One for each chunk.
    tallies : Tallies
        Added to.
    """
    for chunk in prange(len(seeds)):
        tally = (tallies.cells[chunk], tallies.totals[chunk], tallies.deposits_keV[chunk])
        _trace_chunk(world, tables, source, (detector, grid), tally, seeds[chunk])
