"""Expected scatter of an object, by a formula: enough to say that a scene needs scatter, not to simulate it.

An object is cut into columns along the rays. A column of low-Z matter with a scattering depth s and an absorption depth
p (Compton and coherent scattering, and photoelectric absorption, at the beam's mean energy) scatters
s (A + B s) / (1 + D p) of the primary energy behind it, from a height h = gap + C thickness over the panel, evenly into
the half space below: a fraction dA h / (2 pi (h2 + r2)^1.5) meets the panel at a distance r. Behind a wide slab that is
s (A + B s) / (1 + D p) (1 - h / sqrt(h2 + R2)) within a field of radius R.

The numbers are fitted to own Monte Carlos of PMMA slabs, 50-300 mm, 70-120 kV, gaps of 20-100 mm, fields of 100-430
mm, and to AAPM report 195 (2015), case 2: 14 ratios within 13 % rms, 26 % at most, for energy that reaches the panel.
Nine of those Monte Carlos score a thick CsI layer; the fit finds 1.76 times as much in it, since it takes scatter,
which is softer and comes in obliquely, better than the primary. Below 50 mm nothing was fitted. Materials that absorb
most of what they scatter (copper, glass fibre board, iron, lead) are left out, and so are grids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from phantoms.solids import Box, Cone, Cylinder, Mesh, Phantom, PlacedSolid, Prism, Sphere
from radiography.beam.attenuation import Material, material
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths
from radiography.projection.volume_paths import trace_rows
from radiography.projection.volume_plan import volume_plan
from radiography.projection.voxel_world import basis_materials, voxel_world

LIGHTEST_G_PER_CM3 = 0.01  # chosen: of a basis material that counts; air does not
LOW_Z_ALBEDO = 0.3  # chosen: least part of the interactions that scatter, at the beam's mean energy
CELLS = 48  # along the longer side of the panel   # chosen
SINGLE = 0.40  # A   # chosen: the part of single scatter that goes on downwards; thick slabs alone would take 0.2
MULTIPLE = 0.288  # B   # fitted to the Monte Carlos named above
EXIT_DEPTH = 0.212  # C: height over its lower face, of its thickness, at which scatter begins   # fitted, the same
ABSORBED = 0.514  # D   # fitted, the same

FloatArray = npt.NDArray[np.float64]


def scatter_to_primary(
    phantom: Phantom | None,
    geometry: Geometry,
    energy_keV: float,
    materials: Mapping[str, Material] | None = None,
) -> float:
    """Largest ratio of scattered to primary energy to expect behind the low-Z parts of an object.

    Parameters
    ----------
    phantom : Phantom or None
        What stands in the beam.
    geometry : Geometry
        Source and panel, which bound the field.
    energy_keV : float
        Mean energy of the beam. [keV]
    materials : mapping of str to Material, optional
        The scene's own materials.

    Returns
    -------
    ratio : float
        Within 30 % of a Monte Carlo for thick slabs; 0 without any low-Z matter. [1]

    Raises
    ------
    ValueError
        If the object lies outside the beam.
    """
    if phantom is None:
        return 0.0
    coarse = coarse_panel(geometry)
    names = _names(phantom) if phantom.solids else []
    depths = {
        name: _depths_per_mm(material(name, materials), energy_keV)
        for name in (*names, *basis_materials(phantom.volumes))
    }
    low_z = [
        name for name, (scattered, absorbed) in depths.items() if scattered > LOW_Z_ALBEDO * (scattered + absorbed)
    ]
    path_mm = np.zeros((len(low_z), coarse.rows, coarse.cols))
    of_solids = [name for name in low_z if name in names]
    if of_solids:
        alone = Phantom(phantom.name, phantom.solids)
        places = [low_z.index(name) for name in of_solids]
        path_mm[places] += path_lengths(alone, coarse, of_solids, rays_per_sample=2)
    if phantom.volumes:
        path_mm += _volume_paths_mm(phantom, coarse, low_z, materials)
    scattered, absorbed = (np.tensordot([depths[name][which] for name in low_z], path_mm, 1) for which in (0, 1))
    if not low_z or not scattered.any():
        return 0.0
    gap_mm = _gap_mm(phantom, {name: depths[name][0] for name in low_z})
    height_mm = gap_mm + EXIT_DEPTH * path_mm.sum(axis=0)
    source = scattered * (SINGLE + MULTIPLE * scattered) / (1.0 + ABSORBED * absorbed)
    scale = 1.0 - min(gap_mm / geometry.source_to_detector_mm, 0.99)  # cells as they lie in the object
    lit = source > 0
    rows, cols = np.nonzero(lit)
    place_mm = np.stack([rows, cols], axis=1) * coarse.pitch_mm * scale
    # a cell of its own meets itself as a disc of its area; height 0 would be a layer on the panel
    area_mm2, height = (coarse.pitch_mm * scale) ** 2, np.maximum(height_mm[lit], 1e-3)
    own = 1.0 - height / np.sqrt(height**2 + area_mm2 / np.pi)
    largest = 0.0
    for number, place in enumerate(place_mm):
        square = np.sum((place_mm - place) ** 2, axis=1)
        fraction = area_mm2 * height / (2.0 * np.pi * (height**2 + square) ** 1.5)
        fraction[number] = own[number]
        largest = max(largest, float(source[lit] @ fraction))
    return largest


def _depths_per_mm(of: Material, energy_keV: float) -> tuple[float, float]:
    """Interactions per mm that scatter, and that absorb. [1/mm]"""
    import xraylib

    scattered = absorbed = 0.0
    for atomic_number, fraction in of.mass_fractions:
        scattered += fraction * (
            xraylib.CS_Compt(atomic_number, energy_keV) + xraylib.CS_Rayl(atomic_number, energy_keV)
        )
        absorbed += fraction * xraylib.CS_Photo(atomic_number, energy_keV)
    return scattered * of.density_g_per_cm3 / 10.0, absorbed * of.density_g_per_cm3 / 10.0


def _names(phantom: Phantom) -> list[str]:
    return sorted({solid.material for solid in phantom.solids})


def _volume_paths_mm(
    phantom: Phantom, coarse: Geometry, names: Sequence[str], materials: Mapping[str, Material] | None
) -> FloatArray:
    """Paths (M, H, W) through the basis materials of volumes, each at its own density; solids are not cut out. [mm]"""
    basis = basis_materials(phantom.volumes)
    y_mm, x_mm = (
        shift_mm + (np.arange(count) - 0.5 * (count - 1)) * coarse.pitch_mm
        for count, shift_mm in zip((coarse.rows, coarse.cols), coarse.panel_shift_mm, strict=True)
    )
    masses = np.zeros((len(basis), coarse.rows, coarse.cols), np.float32)
    source_mm = np.array([0.0, 0.0, coarse.source_to_detector_mm])
    trace_rows(voxel_world(phantom.volumes, basis), source_mm, x_mm, y_mm, masses)
    paths = np.zeros((len(names), coarse.rows, coarse.cols))
    for name, mass in zip(basis, masses, strict=True):
        density = material(name, materials).density_g_per_cm3
        if name in names and density > LIGHTEST_G_PER_CM3:
            paths[names.index(name)] = 10.0 * mass / density
    return paths


def coarse_panel(geometry: Geometry) -> Geometry:
    """The same panel in few cells, seen from the centre of the focal spot.

    Parameters
    ----------
    geometry : Geometry
        Source and panel. [mm]

    Returns
    -------
    coarse : Geometry
        `CELLS` along the longer side.
    """
    pitch_mm = max(geometry.rows, geometry.cols) * geometry.pitch_mm / CELLS
    sides = (geometry.rows * geometry.pitch_mm, geometry.cols * geometry.pitch_mm)
    rows, cols = (max(1, round(side / pitch_mm)) for side in sides)
    return Geometry(geometry.source_to_detector_mm, rows, cols, pitch_mm, geometry.panel_shift_mm)


def _gap_mm(phantom: Phantom, scattered_per_mm: Mapping[str, float]) -> float:
    """Height of the lower faces of solids and volumes over the panel, weighted with what each scatters. [mm]"""
    found = []
    for volume in phantom.volumes:
        corners_mm = volume_plan(Phantom("", (), (volume,)), np.inf, "air").corners_mm
        counts = np.bincount(volume.codes.reshape(-1), minlength=len(volume.partial_g_per_cm3))
        content_mm3 = counts @ volume.partial_g_per_cm3 * float(np.prod(volume.spacing_mm))  # at 1 g/cm3
        weight = sum(
            scattered_per_mm.get(name, 0.0) * float(mass)
            for name, mass in zip(volume.materials, content_mm3, strict=True)
        )
        found.append((float(corners_mm[0, :, 2].min()), weight))
    for solid in phantom.solids:
        corners = _corners_mm(solid) @ solid.rotation.T + np.asarray(solid.position_mm)
        extent = np.ptp(corners, axis=0)
        found.append((corners[:, 2].min(), scattered_per_mm.get(solid.material, 0.0) * float(np.prod(extent))))
    low_mm, weight = np.array(found).T
    return max(float(low_mm @ weight / weight.sum()), 0.0) if weight.sum() > 0 else 0.0


def _corners_mm(solid: PlacedSolid) -> FloatArray:
    """Points of a solid's own box or hull, (N, 3), in its own coordinates. [mm]"""
    shape = solid.shape
    if isinstance(shape, Mesh):
        return shape.vertices_mm
    if isinstance(shape, Prism):
        polygon = np.asarray(shape.polygon_mm, dtype=np.float64)
        half = np.full((len(polygon), 1), 0.5 * shape.length_mm)
        return np.vstack([np.hstack([polygon, half]), np.hstack([polygon, -half])])
    if isinstance(shape, Box):
        size = np.asarray(shape.size_mm)
    elif isinstance(shape, Sphere):
        size = np.full(3, 2.0 * shape.radius_mm)
    elif isinstance(shape, Cylinder):
        size = np.array([2.0 * shape.radius_mm, 2.0 * shape.radius_mm, shape.length_mm])
    else:
        assert isinstance(shape, Cone)
        radius = max(shape.radius_bottom_mm, shape.radius_top_mm)
        size = np.array([2.0 * radius, 2.0 * radius, shape.length_mm])
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T
    return np.asarray(signs * size)
