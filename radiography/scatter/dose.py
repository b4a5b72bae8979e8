"""Doses of the object, from the same histories as its scatter: entrance air kerma, dose-area product, absorbed dose.

Energy is absorbed where a photon sets electrons free; they get less far than a millimetre in tissue at these energies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.beam.heel import HeelEffect, heel_gain
from radiography.beam.spectrum import JOULE_PER_KEV, Spectrum, air_energy_absorption_cm2_per_g, air_kerma_uGy
from radiography.projection.geometry import Geometry
from radiography.scatter.grid import grid_shape
from radiography.scatter.kernels import BACK_KERMA
from radiography.scatter.places import count_voxels, volume_share
from radiography.scatter.scene_scatter import SEED, scatter_experiment
from radiography.scatter.transport import CHUNKS_PER_BATCH, HISTORIES_PER_CHUNK, Experiment, batches, panel_field_mm
from radiography.scatter.world import TOUCHING_MM, table_names

ENTRANCE_RADIUS_MM = 20.0  # chosen: backscatter is counted within it, about the central ray
VOLUME_POINTS = 2**14  # of a solid's bounds: its volume within 0.1 %   # chosen

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SolidDose:
    """What one exposure leaves in a solid.

    Attributes
    ----------
    solid : int
        Its number in the phantom.
    material : str
        Its material.
    mass_g : float
        Without what later solids take of it. [g]
    energy_uJ, dose_uGy : float
        Absorbed energy, and that per mass: the mean absorbed dose. [uJ, uGy]
    error : float
        Standard error of both, from independent parts of the histories, over their value. [1]
    """

    solid: int
    material: str
    mass_g: float
    energy_uJ: float
    dose_uGy: float
    error: float


@dataclass(frozen=True)
class VoxelDose:
    """What one exposure leaves in a volume, or in one of the materials that its voxels are mixtures of.

    Attributes
    ----------
    volume : int
        Its number in the phantom.
    material : str
        Name of the material; "" for the volume as a whole.
    mass_g : float
        Of the box of its voxels that are not the medium, without voxels whose middle a solid takes. [g]
    energy_uJ, dose_uGy : float
        Absorbed energy, and that per mass: the mean absorbed dose. [uJ, uGy]
    error : float
        Standard error of both, from independent parts of the histories, over their value. [1]
    """

    volume: int
    material: str
    mass_g: float
    energy_uJ: float
    dose_uGy: float
    error: float


@dataclass(frozen=True)
class ObjectDose:
    """Doses of one exposure.

    Attributes
    ----------
    entrance_height_mm : float
        Of the top of the object over the panel. [mm]
    kerma_free_uGy : float
        Air kerma there on the central ray, object absent. [uGy]
    backscatter_factor, backscatter_error : float
        Air kerma with the object over that without it, on its surface; and the standard error. [1]
    entrance_kerma_uGy : float
        Air kerma with backscatter. [uGy]
    area_product_uGy_cm2 : float
        Dose-area product: air kerma free in air, over the field, which is the panel. [uGy cm2]
    solids : tuple of SolidDose
        In the order of the phantom.
    volumes : tuple of VoxelDose
        Each volume as a whole, and after it each of its materials. Energy counts for the material whose atoms took it:
        in a volume of labels that is the dose of each material, in a mixture its share.
    histories : int
        Photons followed. [1]
    """

    entrance_height_mm: float
    kerma_free_uGy: float
    backscatter_factor: float
    backscatter_error: float
    entrance_kerma_uGy: float
    area_product_uGy_cm2: float
    solids: tuple[SolidDose, ...]
    volumes: tuple[VoxelDose, ...]
    histories: int


def doses_of(
    phantom: Phantom,
    geometry: Geometry,
    spectrum: Spectrum,
    heel: HeelEffect | None = None,
    *,
    materials: Mapping[str, Material] | None = None,
    histories: int = 4_000_000,
    rng: np.random.Generator | None = None,
    progress: Callable[[float], None] | None = None,
) -> ObjectDose:
    """Doses of an object in a beam that lights the panel and nothing beside it.

    Parameters
    ----------
    phantom : Phantom
        The object.
    geometry : Geometry
        Source, panel and the medium between them.
    spectrum : Spectrum
        Where the central ray meets the panel, object absent: it sets the exposure.
    heel : HeelEffect or None
        How the beam changes over the field.
    materials : mapping of str to Material, optional
        Materials beside the built-in ones.
    histories : int
        Photons to be followed; whole batches of them. [1]
    rng : numpy.random.Generator, optional
        Same state, same doses, for any number of threads; without one those of one seed.
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    doses : ObjectDose

    Raises
    ------
    ValueError
        If fewer than one history is asked for, or the spectrum holds no photon.
    """
    if histories < 1:
        raise ValueError(f"histories must be 1 or more, got {histories}")
    if not spectrum.fluence_per_mm2.sum() > 0:
        raise ValueError("a dose needs a beam, but the spectrum holds no photon")
    highest_keV = float(spectrum.energy_keV[-1])
    nothing = np.zeros((int(2 * highest_keV) + 3, 2, 1))
    shape = grid_shape(None, highest_keV)
    experiment = scatter_experiment(phantom, geometry, spectrum, heel, nothing, shape, materials=materials)
    top_mm = float(experiment.world.bounds_mm[:, 1, 2].max())
    planes = experiment.world.cut_mm[2]
    entrance = int(np.argmin(np.abs(planes - top_mm)))
    if abs(planes[entrance] - top_mm) > 2 * TOUCHING_MM:
        raise AssertionError("the top of the object is no plane between blocks")
    detector = experiment.detector._replace(entrance=entrance, entrance_radius_mm=ENTRANCE_RADIUS_MM)
    experiment = replace(experiment, detector=detector)
    wanted = max(2, -(-histories // (CHUNKS_PER_BATCH * HISTORIES_PER_CHUNK)))
    parts, back, before = [], [], None
    followed = batches(experiment, np.random.default_rng(SEED) if rng is None else rng)
    for number, sums in zip(range(1, wanted + 1), followed, strict=False):
        earlier = (0.0, 0.0) if before is None else (before.deposits_keV, before.totals[BACK_KERMA])
        parts.append(sums.deposits_keV - earlier[0])
        back.append(sums.totals[BACK_KERMA] - earlier[1])
        before = sums
        if progress is not None:
            progress(number / wanted)
    assert before is not None
    per_photon = experiment.photons / before.histories
    free = _free_in_air(spectrum, geometry, top_mm)
    free_sum = float(free.fluence_per_mm2 @ (free.energy_keV * air_energy_absorption_cm2_per_g(free.energy_keV)))
    back_share = np.array(back) * per_photon * wanted / (np.pi * ENTRANCE_RADIUS_MM**2) / free_sum
    kerma_uGy = air_kerma_uGy(free)
    factor = 1.0 + float(back_share.mean())
    return ObjectDose(
        entrance_height_mm=top_mm,
        kerma_free_uGy=kerma_uGy,
        backscatter_factor=factor,
        backscatter_error=float(back_share.std(ddof=1) / np.sqrt(wanted)),
        entrance_kerma_uGy=kerma_uGy * factor,
        area_product_uGy_cm2=_area_product(spectrum, heel, geometry),
        solids=_solid_doses(experiment, phantom, np.array(parts), materials),
        volumes=_voxel_doses(experiment, phantom, np.array(parts), table_names(phantom, geometry.medium)),
        histories=before.histories,
    )


def _free_in_air(spectrum: Spectrum, geometry: Geometry, height_mm: float) -> Spectrum:
    """The spectrum on the central ray at a height, with less of the medium behind it."""
    nearer = geometry.source_to_detector_mm / (geometry.source_to_detector_mm - height_mm)
    medium = linear_attenuation_per_mm(material(geometry.medium), spectrum.energy_keV)
    return Spectrum(spectrum.energy_keV, spectrum.fluence_per_mm2 * nearer**2 * np.exp(medium * height_mm))


def _area_product(spectrum: Spectrum, heel: HeelEffect | None, geometry: Geometry) -> float:
    """Air kerma over the panel, which goes with the inverse square of the distance. [uGy cm2]"""
    low_mm, high_mm = panel_field_mm(geometry)
    distance_mm = geometry.source_to_detector_mm
    x, y = (low + (high - low) * (np.arange(64) + 0.5) / 64 for low, high in zip(low_mm, high_mm, strict=True))
    kerma = 1.0 / (1.0 + (x**2 + y[:, None] ** 2) / distance_mm**2)
    if heel is not None:
        weight = spectrum.fluence_per_mm2 * spectrum.energy_keV * air_energy_absorption_cm2_per_g(spectrum.energy_keV)
        kerma = kerma * (heel_gain(heel, y[:, None] / distance_mm, x / distance_mm) @ weight / weight.sum())
    return air_kerma_uGy(spectrum) * float(kerma.mean() * np.prod(high_mm - low_mm)) / 100.0


def _solid_doses(
    experiment: Experiment, phantom: Phantom, parts_keV: FloatArray, materials: Mapping[str, Material] | None
) -> tuple[SolidDose, ...]:
    """From the deposits of each batch (B, D)."""
    from scipy.stats import qmc

    world = experiment.world
    points = qmc.Sobol(3, scramble=False).random(VOLUME_POINTS)
    doses = []
    for number, solid in enumerate(phantom.solids, len(phantom.volumes)):
        volume_mm3 = float(np.prod(np.ptp(world.bounds_mm[number], axis=0)) * volume_share(world, number, points))
        mass_g = 1e-3 * volume_mm3 * material(solid.material, materials).density_g_per_cm3
        found = _absorbed(experiment, parts_keV[:, number], mass_g)
        doses.append(SolidDose(number - len(phantom.volumes), solid.material, mass_g, *found))
    return tuple(doses)


def _absorbed(experiment: Experiment, left_keV: FloatArray, mass_g: float) -> tuple[float, float, float]:
    """Energy [uJ], dose [uGy] and their error [1] from what each batch (B,) left in some mass."""
    count = len(left_keV)
    histories = count * CHUNKS_PER_BATCH * HISTORIES_PER_CHUNK
    energy_J = float(left_keV.sum()) * JOULE_PER_KEV * experiment.photons / histories
    error = float(left_keV.std(ddof=1) / np.sqrt(count) / left_keV.mean()) if left_keV.any() else 0.0
    return 1e6 * energy_J, 1e6 * energy_J / (1e-3 * mass_g) if mass_g > 0 else 0.0, error


def _voxel_doses(
    experiment: Experiment, phantom: Phantom, parts_keV: FloatArray, names: Sequence[str]
) -> tuple[VoxelDose, ...]:
    """From the deposits of each batch (B, D); those of the tabulated materials come after the medium."""
    world, doses = experiment.world, []
    for number, volume in enumerate(phantom.volumes):
        counts = np.zeros(len(volume.partial_g_per_cm3), np.int64)
        linear, offset = world.to_voxel[number, :, :3], world.to_voxel[number, :, 3]
        back = np.linalg.inv(linear)
        count_voxels(world, number, np.column_stack([back, -back @ offset]), counts)
        masses_g = counts @ volume.partial_g_per_cm3 * (1e-3 * float(np.prod(volume.spacing_mm)))
        start = len(world.kind) + 1 + number * len(names)
        own_keV = parts_keV[:, start : start + len(names)]
        whole = _absorbed(experiment, own_keV.sum(axis=1), float(masses_g.sum()))
        doses.append(VoxelDose(number, "", float(masses_g.sum()), *whole))
        for name in dict.fromkeys(volume.materials):
            mass_g = float(sum(mass for mass, held in zip(masses_g, volume.materials, strict=True) if held == name))
            left_keV = own_keV[:, names.index(name)]
            doses.append(VoxelDose(number, name, mass_g, *_absorbed(experiment, left_keV, mass_g)))
    return tuple(doses)
