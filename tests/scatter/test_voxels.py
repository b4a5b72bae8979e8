"""Scatter of voxels: a body as a solid and as voxels is the same, however it is turned, mixed and filled."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numba
import numpy as np
import pytest

from phantoms.solids import Box, Phantom, Sphere, Vector, place, rotation_matrix
from phantoms.volume import Volume, place_volume
from radiography.beam.attenuation import material, mixture
from radiography.beam.spectrum import Spectrum
from radiography.projection.geometry import Geometry
from radiography.projection.voxel_world import voxel_world
from radiography.scatter.dose import ObjectDose, doses_of
from radiography.scatter.transport import CHUNKS_PER_BATCH, HISTORIES_PER_CHUNK, Sums, batches
from radiography.scatter.voxels import rows_within
from radiography.scatter.world import world_of
from tests.scatter.conftest import MakeExperiment

BATCH = CHUNKS_PER_BATCH * HISTORIES_PER_CHUNK
FIELD = Geometry(1000.0, 48, 64, 4.0)
ENERGY_KEV, FLUENCE = np.array([40.0, 70.0]), np.array([1.0, 1.0])
SIZE_MM, CENTRE_MM = (240.0, 200.0, 100.0), (0.0, 0.0, 90.0)
PMMA = Phantom("slab", (place(Box(SIZE_MM), "PMMA", CENTRE_MM),))
DENSITY = {name: material(name).density_g_per_cm3 for name in ("air", "water", "PMMA", "Al")}


def _slab(density: dict[str, float], rotation_deg: Vector = (0.0, 0.0, 0.0), air: int = 0) -> Volume:
    """The slab in voxels of 10 x 8 x 5 mm of a mixture, and some of air around them."""
    codes = np.pad(np.ones((20, 25, 24), np.uint16), air)
    table = np.array([[DENSITY["air"]] + [0.0] * len(density), [0.0, *density.values()]])
    return place_volume(codes, table, ("air", *density), (10.0, 8.0, 5.0), CENTRE_MM, rotation_deg)


def _sums(make: MakeExperiment, phantom: Phantom, count: int = 4, seed: int = 1) -> Sums:
    experiment = make(phantom, FIELD, ENERGY_KEV, FLUENCE, cells=(4, 4))
    return next(islice(batches(experiment, np.random.default_rng(seed)), count - 1, None))


def _same_scatter(one: Sums, other: Sums) -> None:
    """16 cells of the panel within 4 standard errors, and the sum of all within 4 of its own."""
    difference = one.portions[..., 0] - other.portions[..., 0]
    variance = one.square + other.square
    assert np.abs(difference / np.sqrt(variance)).max() < 4.0
    assert abs(difference.sum()) < 4.0 * np.sqrt(variance.sum())


@pytest.fixture(scope="module")
def solid(experiment_of: MakeExperiment) -> Sums:
    return _sums(experiment_of, PMMA)


@pytest.mark.slow
@pytest.mark.parametrize("air", [0, 2])
@pytest.mark.parametrize("rotation_deg", [(0.0, 0.0, 0.0), (0.0, 0.0, 180.0), (0.0, 0.0, 0.01)])
def test_a_slab_of_voxels_scatters_as_the_solid_does(
    experiment_of: MakeExperiment, solid: Sums, rotation_deg: Vector, air: int
) -> None:
    """Within 4 standard errors, 1.5 % of the whole; 0.01 degrees shift the rim by 0.02 mm."""
    volume = _slab({"PMMA": DENSITY["PMMA"]}, rotation_deg, air)
    found = _sums(experiment_of, Phantom("voxels", (), (volume,)), seed=2)
    assert np.sqrt(solid.square.sum()) / solid.portions.sum() < 0.003
    _same_scatter(found, solid)
    # energy left: that of PMMA comes after the volume, 0, and the medium
    assert found.deposits_keV[0] == 0.0 and found.deposits_keV.shape == (2 + 2,)
    assert found.deposits_keV[3] == pytest.approx(solid.deposits_keV[0], rel=0.005)


@pytest.mark.slow
def test_a_turned_volume_scatters_as_the_turned_solid(experiment_of: MakeExperiment) -> None:
    turn = (25.0, 10.0, 30.0)
    solid = _sums(experiment_of, Phantom("turned", (place(Box(SIZE_MM), "PMMA", CENTRE_MM, turn),)))
    volume = _slab({"PMMA": DENSITY["PMMA"]}, turn, 1)
    _same_scatter(_sums(experiment_of, Phantom("voxels", (), (volume,)), seed=2), solid)


@pytest.mark.slow
def test_a_mixture_scatters_as_the_material_of_its_parts(experiment_of: MakeExperiment) -> None:
    """0.8 g of water and 0.3 g of aluminium per cm3 in each voxel, and a solid of one such material."""
    parts = {"water": 0.8, "Al": 0.3}
    mixed = mixture("mixed", [(material(name), grams / DENSITY[name]) for name, grams in parts.items()], source="test")
    mixed = replace(mixed, density_g_per_cm3=sum(parts.values()))
    slab = Phantom("mixed", (place(Box(SIZE_MM), "mixed", CENTRE_MM),))
    experiment = experiment_of(slab, FIELD, ENERGY_KEV, FLUENCE, cells=(4, 4), materials={"mixed": mixed})
    solid = next(islice(batches(experiment, np.random.default_rng(1)), 3, None))
    found = _sums(experiment_of, Phantom("voxels", (), (_slab(parts),)), seed=2)
    _same_scatter(found, solid)
    water, aluminium = found.deposits_keV[3], found.deposits_keV[4]
    assert water + aluminium == pytest.approx(solid.deposits_keV[0], rel=0.005)
    assert aluminium > water  # at 40 keV a gram of aluminium absorbs seven times as much


@pytest.mark.slow
def test_a_solid_laid_into_a_volume_replaces_its_voxels(experiment_of: MakeExperiment) -> None:
    rod = place(Box((60.0, 60.0, 60.0)), "Al", CENTRE_MM)
    hole = place(Sphere(25.0), "air", (60.0, 40.0, 90.0))
    solids = _sums(experiment_of, Phantom("solids", (*PMMA.solids, rod, hole)))
    volume = _slab({"PMMA": DENSITY["PMMA"]}, air=1)
    found = _sums(experiment_of, Phantom("voxels", (rod, hole), (volume,)), seed=2)
    _same_scatter(found, solids)
    assert found.deposits_keV[1] == pytest.approx(solids.deposits_keV[1], rel=0.01)  # the rod, after the volume
    assert found.deposits_keV[2] < 0.01 * found.deposits_keV[1]
    assert found.deposits_keV[4:].sum() == pytest.approx(solids.deposits_keV[0], rel=0.005)


@pytest.mark.slow
def test_several_volumes_have_their_own_codes(experiment_of: MakeExperiment) -> None:
    """Two halves of the slab, whose tables and materials come in another order."""
    table = np.array([[0.0, DENSITY["air"]], [DENSITY["PMMA"], 0.0]])
    codes = np.ones((10, 25, 24), np.uint16)
    low = place_volume(codes, table, ("PMMA", "air"), (10.0, 8.0, 5.0), (0.0, 0.0, 65.0))
    high = place_volume(
        np.zeros_like(codes), table[::-1, ::-1].copy(), ("air", "PMMA"), (10.0, 8.0, 5.0), (0.0, 0.0, 115.0)
    )
    found = _sums(experiment_of, Phantom("halves", (), (low, high)), seed=2)
    _same_scatter(found, _sums(experiment_of, PMMA))
    world, _ = world_of(Phantom("halves", (), (low, high)), "air", 1000.0, 70.0)
    assert world.voxel_row.tolist() == [2, 4]


def test_air_in_voxels_is_the_air_around_them(experiment_of: MakeExperiment) -> None:
    empty = place_volume(np.zeros((3, 4, 5), np.uint16), np.array([[DENSITY["air"]]]), ("air",), (9.0, 9.0, 9.0),
                         (0.0, 0.0, 50.0))  # fmt: skip
    found = _sums(experiment_of, Phantom("air", (), (empty,)), 1)
    experiment = experiment_of(None, FIELD, ENERGY_KEV, FLUENCE, cells=(4, 4))
    none = next(batches(experiment, np.random.default_rng(1)))
    assert found.portions.sum() == pytest.approx(none.portions.sum(), rel=0.05)  # the same photons but for blocks


@pytest.mark.slow
def test_same_bytes_on_one_thread_and_two(experiment_of: MakeExperiment) -> None:
    phantom = Phantom("voxels", (place(Sphere(20.0), "Al", CENTRE_MM),), (_slab({"water": 0.8, "Al": 0.3}, air=1),))
    threads = numba.get_num_threads()
    found = []
    try:
        for count in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(count)
            found.append(_sums(experiment_of, phantom, 1))
    finally:
        numba.set_num_threads(threads)
    assert all(
        getattr(found[0], name).tobytes() == getattr(found[1], name).tobytes()
        for name in ("cells", "totals", "deposits_keV")
    )


@pytest.mark.parametrize("turned", [False, True])
def test_blocks_know_the_voxels_within(turned: bool) -> None:
    """Every code is in the block of its voxel's middle; where the volume is not turned nothing else far from it is."""
    codes = np.arange(6 * 7 * 8, dtype=np.uint16).reshape(6, 7, 8)
    turn = (20.0, 30.0, 40.0) if turned else (0.0, 0.0, 0.0)
    volume = place_volume(codes, np.ones((codes.size, 1)), ("water",), (2.0, 3.0, 4.0), (1.0, 2.0, 30.0), turn)
    voxels = voxel_world([volume], ["water"])
    low, high = np.array([-3.0, -4.0, 22.0]), np.array([5.0, 5.0, 30.0])
    places = (np.indices((8, 7, 6)).reshape(3, -1).T + 0.5 - np.array([4.0, 3.5, 3.0])) * (2.0, 3.0, 4.0)
    middle = places @ rotation_matrix(turn).T + (1.0, 2.0, 30.0)
    within = ((middle > low) & (middle < high)).all(axis=1)
    expected = set(codes.transpose(2, 1, 0).ravel()[within].tolist())
    found = rows_within(voxels, 0, low, high)
    assert len(expected) > 10 and expected <= set(found)
    if not turned:
        assert len(found) <= 6 * 5 * 4


def _doses(phantom: Phantom) -> ObjectDose:
    return doses_of(phantom, FIELD, Spectrum(ENERGY_KEV, 1e5 * FLUENCE), histories=2_000_000)


@pytest.mark.slow
def test_doses_of_voxels_are_those_of_the_solid() -> None:
    solid = _doses(PMMA)
    found = _doses(Phantom("voxels", (), (_slab({"PMMA": DENSITY["PMMA"]}, air=1),)))
    assert found.solids == () and [each.material for each in found.volumes] == ["", "air", "PMMA"]
    whole, air, pmma = found.volumes
    assert whole.mass_g == pytest.approx(240 * 200 * 100 * 1e-3 * DENSITY["PMMA"], rel=1e-9)
    assert whole.mass_g == pytest.approx(solid.solids[0].mass_g, rel=1e-3)
    assert (air.mass_g, air.energy_uJ, air.dose_uGy) == (0.0, 0.0, 0.0)
    assert pmma.energy_uJ == whole.energy_uJ
    error = 4.0 * np.hypot(whole.error, solid.solids[0].error)
    assert error < 0.01
    assert whole.dose_uGy == pytest.approx(solid.solids[0].dose_uGy, rel=max(error, 1e-3) + 1e-3)
    assert found.entrance_height_mm == pytest.approx(solid.entrance_height_mm, abs=1e-6)
    errors = np.hypot(found.backscatter_error, solid.backscatter_error)
    assert found.backscatter_factor == pytest.approx(solid.backscatter_factor, abs=4.0 * errors)


@pytest.mark.slow
def test_mass_of_voxels_leaves_out_what_a_solid_takes() -> None:
    ball = place(Box((60.0, 72.0, 50.0)), "Al", CENTRE_MM)  # 6 x 9 x 10 voxels
    found = _doses(Phantom("implant", (ball,), (_slab({"water": 0.8, "Al": 0.3}),)))
    whole, _, water, aluminium = found.volumes
    left_cm3 = (240 * 200 * 100 - 60 * 72 * 50) * 1e-3
    assert water.mass_g == pytest.approx(0.8 * left_cm3, rel=1e-9)
    assert aluminium.mass_g == pytest.approx(0.3 * left_cm3, rel=1e-9)
    assert whole.energy_uJ == pytest.approx(water.energy_uJ + aluminium.energy_uJ, rel=1e-9)
    assert found.solids[0].solid == 0 and found.solids[0].energy_uJ > 0
    assert found.solids[0].mass_g == pytest.approx(60 * 72 * 50 * 1e-3 * DENSITY["Al"], rel=1e-3)
