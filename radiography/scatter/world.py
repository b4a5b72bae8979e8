"""Solids, meshes and volumes in a medium as the photon Monte Carlo asks for them: what is at a point, what bounds it.

The kernel needs of a world: blocks between planes, the strongest attenuation in each, and at a point the number of the
solid there, whose code names a composition, parts of tabulated materials. A solid is one material; a voxel volume is
one more kind of solid, before all others as any of them replaces its voxels, and its code is that of the voxel there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phantoms.solids import Box, Cone, Cylinder, Mesh, Phantom, PlacedSolid, Prism, Sphere
from phantoms.volume import CodeArray
from radiography.beam.attenuation import Material, material
from radiography.projection.surfaces import quadric_ranges_mm, quadrics_of
from radiography.projection.voxel_world import VoxelWorld, basis_materials, occupied_corners_mm, voxel_world
from radiography.scatter.tables import ScatterTables, scatter_tables
from radiography.scatter.voxels import VOLUME_CUTS, rows_within, voxel_amounts

BOX, BALL, FRUSTUM, PRISM, MESH, VOXELS = 0, 1, 2, 3, 4, 5
FAR_MM = 1e5  # where the world ends to the sides
MOST_CUTS = 24  # chosen: planes through the object along each axis
MOST_MESH_CELLS = 128  # along each axis
TOUCHING_MM = 1e-6  # planes nearer than that are one

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class World(NamedTuple):
    """S solids, the first V of them volumes, in a medium, solid S, in blocks between planes; see `world_of`."""

    cut_mm: FloatArray  # (3, P) planes of x, y, z; infinite after the last [mm]
    blocks: IntArray  # (3,) blocks along x, y, z
    block_kind: IntArray  # (blocks,) row of the majorants; x runs fastest
    majorant_per_mm: FloatArray  # (kinds, E) strongest attenuation of a kind of block [1/mm]
    item_start: IntArray  # (blocks + 1,) first of the solids of each block
    item: IntArray  # (items,) solids, the one that counts most first; ~solid where it fills the rest of the block
    kind: IntArray  # (S,) BOX, BALL, FRUSTUM, PRISM, MESH, VOXELS
    bounds_mm: FloatArray  # (S, 2, 3) lowest and highest x, y, z [mm]
    centre_mm: FloatArray  # (S, 3) [mm]
    turn: FloatArray  # (S, 3, 3) local = turn @ (world - centre) [1]
    size_mm: FloatArray  # (S, 3) half sizes; radius, its growth along z, and half length of a frustum [mm]
    corner_start: IntArray  # (S + 1,) first corner of each prism
    corner_mm: FloatArray  # (corners, 2) of prisms, in their own coordinates [mm]
    mesh_of_solid: IntArray  # (S,) number of the mesh, -1 where it is none
    mesh_low_mm: FloatArray  # (meshes, 2) x, y where its cells begin [mm]
    mesh_per_mm: FloatArray  # (meshes, 2) cells per mm along x, y [1/mm]
    mesh_cells: IntArray  # (meshes,) along each axis
    mesh_first_cell: IntArray  # (meshes,)
    mesh_start: IntArray  # (cells + 1,) first triangle of each cell
    mesh_item: IntArray  # (items,) triangles
    triangle_mm: FloatArray  # (T, 3, 3) corners [mm]
    voxels: CodeArray  # (N,) of all volumes, x fastest, then y, then z
    voxel_start: IntArray  # (V,) first voxel of each volume
    voxel_shape: IntArray  # (V, 3) voxels along x, y, z
    voxel_first: IntArray  # (V, 3) occupied voxels along x, y, z: those that are not the medium
    voxel_stop: IntArray  # (V, 3)
    to_voxel: FloatArray  # (V, 3, 4) voxel = to_voxel @ (x, y, z, 1), voxel i from i to i + 1
    voxel_row: IntArray  # (V,) composition of each volume's code 0
    code_of_solid: IntArray  # (S + 1,) composition of each solid and of the medium; -1 for volumes
    code_start: IntArray  # (codes + 1,) first part of each composition
    code_material: IntArray  # (parts,) row of the tables
    code_amount: FloatArray  # (parts,) density of that part over the density of the table [1]


class _MeshCells(NamedTuple):
    """Fields of `World` that are of meshes."""

    mesh_of_solid: IntArray
    mesh_low_mm: FloatArray
    mesh_per_mm: FloatArray
    mesh_cells: IntArray
    mesh_first_cell: IntArray
    mesh_start: IntArray
    mesh_item: IntArray
    triangle_mm: FloatArray


def world_of(
    phantom: Phantom | None,
    medium: str,
    source_to_detector_mm: float,
    highest_keV: float,
    materials: Mapping[str, Material] | None = None,
    planes_mm: Sequence[float] = (),
) -> tuple[World, ScatterTables]:
    """A phantom in its medium between the panel at z = 0 and the source, with the tables of its materials.

    Parameters
    ----------
    phantom : Phantom or None
        Later solids replace what they overlap, and any solid voxels. [mm]
    medium : str
        Material around it.
    source_to_detector_mm : float
        Where the world ends upwards. [mm]
    highest_keV : float
        Highest energy of the photons. [keV]
    materials : mapping of str to Material, optional
        Materials beside the built-in ones.
    planes_mm : sequence of float
        Heights that must be planes between blocks. [mm]

    Returns
    -------
    world : World
    tables : ScatterTables
    """
    solids, volumes = ((), ()) if phantom is None else (phantom.solids, phantom.volumes)
    first = len(volumes)
    names = table_names(phantom, medium)
    found = [material(name, materials) for name in names]
    tables = scatter_tables(found, highest_keV)
    solid_names = [*(solid.material for solid in solids), medium]
    code_of_solid = np.array([-1] * first + [names.index(name) for name in solid_names], dtype=np.int64)
    density = [each.density_g_per_cm3 for each in found]
    voxels = voxel_world(volumes, names, medium, density[0], runs=False)
    amounts = voxel_amounts(volumes, names, density)
    total_per_mm = np.vstack([tables.total_per_mm, amounts @ tables.total_per_mm]) if first else tables.total_per_mm
    corners_mm = occupied_corners_mm(voxels)
    bounds_mm = np.vstack([np.stack([corners_mm.min(axis=1), corners_mm.max(axis=1)], axis=1), _bounds_mm(solids)])
    kind, turn, size_mm, centre_mm, corners = _shapes(solids)
    cut_mm, blocks = _cuts(bounds_mm, first, source_to_detector_mm, planes_mm)
    filling = np.concatenate([_filling_volumes(voxels, bounds_mm), _filling(solids, bounds_mm[first:])])
    item_start, item, held = _items(cut_mm, blocks, bounds_mm, filling)
    code_sets = _code_sets(held, code_of_solid, len(names), voxels, (cut_mm, blocks))
    kinds = {codes: row for row, codes in enumerate(dict.fromkeys(code_sets))}
    majorant = np.array([total_per_mm[list(codes)].max(axis=0) for codes in kinds])
    meshes = _mesh_cells(solids)
    size = [0] * first + [0 if each is None else len(each) for each in corners]
    part_code, part_material = np.nonzero(amounts)
    return World(
        cut_mm=cut_mm,
        blocks=blocks,
        block_kind=np.array([kinds[codes] for codes in code_sets], dtype=np.int64),
        majorant_per_mm=majorant,
        item_start=item_start,
        item=item,
        kind=np.concatenate([np.full(first, VOXELS), kind]),
        bounds_mm=bounds_mm,
        centre_mm=np.vstack([np.zeros((first, 3)), centre_mm]),
        turn=np.concatenate([np.zeros((first, 3, 3)), turn]),
        size_mm=np.vstack([np.zeros((first, 3)), size_mm]),
        corner_start=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        corner_mm=np.vstack([np.empty((0, 2)), *(each for each in corners if each is not None)]),
        voxels=voxels.codes,
        voxel_start=voxels.first_voxel,
        voxel_shape=voxels.shape,
        voxel_first=voxels.first,
        voxel_stop=voxels.stop,
        to_voxel=voxels.to_voxel,
        voxel_row=len(names) + voxels.first_row,
        code_of_solid=code_of_solid,
        code_start=np.concatenate(
            [np.arange(len(names)), np.searchsorted(part_code, np.arange(len(amounts) + 1)) + len(names)]
        ),
        code_material=np.concatenate([np.arange(len(names)), part_material]),
        code_amount=np.concatenate([np.ones(len(names)), amounts[part_code, part_material]]),
        **meshes._replace(mesh_of_solid=np.concatenate([np.full(first, -1), meshes.mesh_of_solid]))._asdict(),
    ), tables


def table_names(phantom: Phantom | None, medium: str) -> list[str]:
    """Materials of a world in the order of its tables.

    Parameters
    ----------
    phantom : Phantom or None
        With or without solids and volumes.
    medium : str
        Material around it.

    Returns
    -------
    names : list of str
        The medium first.
    """
    solids, volumes = ((), ()) if phantom is None else (phantom.solids, phantom.volumes)
    return list(dict.fromkeys([medium, *(solid.material for solid in solids), *basis_materials(volumes)]))


def _world_vertices_mm(solid: PlacedSolid) -> FloatArray:
    """Corners of a box, prism or mesh, (V, 3). [mm]"""
    shape = solid.shape
    if isinstance(shape, Mesh):
        local = shape.vertices_mm
    elif isinstance(shape, Box):
        signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T
        local = signs * np.asarray(shape.size_mm)
    else:
        assert isinstance(shape, Prism)
        outline = np.asarray(shape.polygon_mm, dtype=np.float64)
        ends = [np.full((len(outline), 1), sign * 0.5 * shape.length_mm) for sign in (-1.0, 1.0)]
        local = np.vstack([np.hstack([outline, end]) for end in ends])
    return np.asarray(local @ solid.rotation.T + np.asarray(solid.position_mm))


def _bounds_mm(solids: Sequence[PlacedSolid]) -> FloatArray:
    """Lowest and highest x, y, z of each solid, (S, 2, 3). [mm]"""
    bounds = np.zeros((len(solids), 2, 3))
    quadrics = quadrics_of(solids)
    bounds[quadrics.number] = quadric_ranges_mm(quadrics)
    for number, solid in enumerate(solids):
        if not isinstance(solid.shape, Sphere | Cylinder | Cone):
            vertices = _world_vertices_mm(solid)
            bounds[number] = vertices.min(axis=0), vertices.max(axis=0)
    return bounds


def _shapes(
    solids: Sequence[PlacedSolid],
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, list[FloatArray | None]]:
    """Kind, turn, size, centre and corners of each solid."""
    count = len(solids)
    kind, size = np.zeros(count, dtype=np.int64), np.zeros((count, 3))
    turn = np.array([solid.rotation.T for solid in solids], dtype=np.float64).reshape(-1, 3, 3)
    centre = np.array([solid.position_mm for solid in solids], dtype=np.float64).reshape(-1, 3)
    corners: list[FloatArray | None] = [None] * count
    for number, solid in enumerate(solids):
        match solid.shape:
            case Box(size_mm):
                kind[number], size[number] = BOX, 0.5 * np.asarray(size_mm)
            case Sphere(radius_mm):
                kind[number], size[number] = BALL, (radius_mm, 0.0, radius_mm)
            case Cylinder(radius_mm, length_mm):
                kind[number], size[number] = FRUSTUM, (radius_mm, 0.0, 0.5 * length_mm)
            case Cone(bottom_mm, top_mm, length_mm):
                slope = (top_mm - bottom_mm) / length_mm
                kind[number], size[number] = FRUSTUM, (0.5 * (bottom_mm + top_mm), slope, 0.5 * length_mm)
            case Prism(polygon_mm, length_mm):
                kind[number], size[number] = PRISM, (0.0, 0.0, 0.5 * length_mm)
                corners[number] = np.asarray(polygon_mm, dtype=np.float64)
            case Mesh():
                kind[number] = MESH
    return kind, np.ascontiguousarray(turn), size, centre, corners


def _cuts(
    bounds_mm: FloatArray, volumes: int, top_mm: float, planes_mm: Sequence[float]
) -> tuple[FloatArray, IntArray]:
    """Planes between blocks (3, P), and blocks along each axis: at faces of solids, at most `MOST_CUTS` of them.

    The first solids are volumes, which are cut evenly.
    """
    planes: list[FloatArray] = []
    for axis in range(3):
        even = [np.linspace(low, high, VOLUME_CUTS + 1) for low, high in bounds_mm[:volumes, :, axis]]
        wanted = _apart(np.concatenate([bounds_mm[:, :, axis].ravel(), *even]))
        if len(wanted) > MOST_CUTS:  # even in space, so that many small solids are told apart wherever they are
            places = np.linspace(wanted[0], wanted[-1], MOST_CUTS)
            near = np.abs(wanted[:, None] - places).argmin(axis=0)
            wanted = wanted[np.unique(near)]
        low, high = (0.0, top_mm) if axis == 2 else (-FAR_MM, FAR_MM)
        forced = np.asarray(planes_mm if axis == 2 else [], dtype=np.float64)
        inner = _apart(np.concatenate([wanted, forced]))
        inner = inner[(inner > low + TOUCHING_MM) & (inner < high - TOUCHING_MM)]
        planes.append(np.concatenate([[low], inner, [high]]))
    cut = np.full((3, max(map(len, planes))), np.inf)
    for axis, each in enumerate(planes):
        cut[axis, : len(each)] = each
    return cut, np.array([len(each) - 1 for each in planes], dtype=np.int64)


def _apart(places_mm: FloatArray) -> FloatArray:
    """Rising places that do not touch."""
    rising = np.unique(places_mm)
    keep = np.ones(len(rising), dtype=bool)
    keep[1:] = np.diff(rising) > TOUCHING_MM
    return rising[keep]


def _filling(solids: Sequence[PlacedSolid], bounds_mm: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether a solid is all that its bounds hold: boxes along the axes."""
    filling = np.zeros(len(solids), dtype=bool)
    for number, solid in enumerate(solids):
        if isinstance(solid.shape, Box):
            extent = np.ptp(bounds_mm[number], axis=0)
            filling[number] = np.isclose(np.prod(extent), np.prod(solid.shape.size_mm), rtol=1e-9)
    return filling


def _filling_volumes(voxels: VoxelWorld, bounds_mm: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether the occupied voxels of each volume are all that its bounds hold: volumes along the axes."""
    filling = np.zeros(len(voxels.shape), dtype=bool)
    for number, to_voxel in enumerate(voxels.to_voxel):
        volume_mm3 = np.prod(voxels.stop[number] - voxels.first[number]) / abs(np.linalg.det(to_voxel[:, :3]))
        box_mm3 = np.prod(np.ptp(bounds_mm[number], axis=0))
        filling[number] = volume_mm3 > 0 and bool(np.isclose(box_mm3, volume_mm3, rtol=1e-9))
    return filling


def _items(
    cut_mm: FloatArray,
    blocks: IntArray,
    bounds_mm: FloatArray,
    filling: npt.NDArray[np.bool_],
) -> tuple[IntArray, IntArray, list[list[int]]]:
    """Solids that reach into each block, the last first, up to one that fills it; and these with the medium."""
    reach = np.zeros((len(bounds_mm), 3, 2), dtype=np.int64)  # first block, and the one after the last
    within = np.zeros((len(bounds_mm), 3, 2), dtype=np.int64)  # those that its bounds hold whole
    for axis in range(3):
        planes = cut_mm[axis, : blocks[axis] + 1]
        low, high = bounds_mm[:, 0, axis], bounds_mm[:, 1, axis]
        reach[:, axis, 0] = np.searchsorted(planes[1:], low + TOUCHING_MM)
        reach[:, axis, 1] = np.searchsorted(planes[:-1], high - TOUCHING_MM)
        within[:, axis, 0] = np.searchsorted(planes, low - TOUCHING_MM)
        within[:, axis, 1] = np.searchsorted(planes, high + TOUCHING_MM) - 1
    shape = tuple(blocks[::-1].tolist())
    lists: list[list[int]] = [[] for _ in range(int(np.prod(shape)))]
    number_of = np.arange(len(lists)).reshape(shape)
    closed = np.zeros(shape, dtype=bool)
    for solid in range(len(bounds_mm) - 1, -1, -1):
        x, y, z = (slice(*reach[solid, axis].tolist()) for axis in range(3))
        for block in number_of[z, y, x][~closed[z, y, x]].tolist():
            lists[block].append(solid)
        if filling[solid]:
            x, y, z = (slice(*within[solid, axis].tolist()) for axis in range(3))
            for block in number_of[z, y, x][~closed[z, y, x]].tolist():
                lists[block][-1] = ~solid
            closed[z, y, x] = True
    medium = len(bounds_mm)
    held = []
    for each in lists:
        held.append([solid if solid >= 0 else ~solid for solid in each])
        if not each or each[-1] >= 0:
            held[-1].append(medium)
    start = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int64)
    return start, np.array([solid for each in lists for solid in each], dtype=np.int64), held


def _code_sets(
    held: Sequence[Sequence[int]],
    code_of_solid: IntArray,
    plain: int,
    voxels: VoxelWorld,
    cuts: tuple[FloatArray, IntArray],
) -> list[tuple[int, ...]]:
    """Codes found in each block, rising; those of voxels come after the `plain` ones of single materials."""
    (cut_mm, (count_x, count_y, _)), sets = cuts, []
    for block, solids in enumerate(held):
        codes = {int(code_of_solid[solid]) for solid in solids if code_of_solid[solid] >= 0}
        place = np.array([block % count_x, block // count_x % count_y, block // (count_x * count_y)])
        for volume in (solid for solid in solids if code_of_solid[solid] < 0):
            low_mm, high_mm = (np.take_along_axis(cut_mm, at[:, None], axis=1)[:, 0] for at in (place, place + 1))
            codes |= {plain + row for row in rows_within(voxels, volume, low_mm, high_mm)}
        sets.append(tuple(sorted(codes)))
    return sets


def _mesh_cells(solids: Sequence[PlacedSolid]) -> _MeshCells:
    """Triangles of the meshes, by cells of x and y."""
    of_solid = np.full(len(solids), -1, dtype=np.int64)
    low_mm: list[FloatArray] = []
    per_mm: list[FloatArray] = []
    cells: list[int] = []
    first_cell, first_triangle = [0], 0
    triangles, cell_of, item = [np.empty((0, 3, 3))], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number, solid in enumerate(solids):
        if not isinstance(solid.shape, Mesh):
            continue
        of_solid[number] = len(low_mm)
        corner_mm = _world_vertices_mm(solid)[solid.shape.triangles]
        flat = corner_mm[:, :, :2]
        lowest, highest = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
        count = int(np.clip(np.sqrt(len(corner_mm)), 1, MOST_MESH_CELLS))
        scale = count / np.maximum(highest - lowest, 1e-9)
        one = np.clip(((flat.min(axis=1) - TOUCHING_MM - lowest) * scale).astype(np.int64), 0, count - 1)
        other = np.clip(((flat.max(axis=1) + TOUCHING_MM - lowest) * scale).astype(np.int64), 0, count - 1)
        for triangle, ((left, top), (right, bottom)) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
            own = (np.arange(top, bottom + 1)[:, None] * count + np.arange(left, right + 1)).ravel()
            cell_of.append(own + first_cell[-1])
            item.append(np.full(own.size, triangle + first_triangle))
        triangles.append(corner_mm)
        low_mm.append(lowest)
        per_mm.append(scale)
        cells.append(count)
        first_cell.append(first_cell[-1] + count * count)
        first_triangle += len(corner_mm)
    where = np.concatenate(cell_of)
    order = np.argsort(where, kind="stable")
    start = np.searchsorted(where[order], np.arange(first_cell[-1] + 1))
    return _MeshCells(
        mesh_of_solid=of_solid,
        mesh_low_mm=np.array(low_mm, dtype=np.float64).reshape(-1, 2),
        mesh_per_mm=np.array(per_mm, dtype=np.float64).reshape(-1, 2),
        mesh_cells=np.array(cells, dtype=np.int64),
        mesh_first_cell=np.array(first_cell[:-1], dtype=np.int64),
        mesh_start=start.astype(np.int64),
        mesh_item=np.concatenate(item)[order],
        triangle_mm=np.ascontiguousarray(np.vstack(triangles)),
    )
