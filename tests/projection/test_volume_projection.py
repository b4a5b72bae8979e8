"""Volumes in the projection: beside and together with solids, as plain sums along each ray have it."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.solids import Box, Cylinder, Phantom, Sphere, place
from phantoms.volume import place_volume
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.projection.geometry import Geometry
from radiography.projection.project import project, project_strips
from tests.reference import on_threads, partial_densities_at

PANEL = Geometry(500.0, 12, 18, 0.9)
ENERGY_KEV = np.array([40.0, 70.0])
WEIGHTS = np.array([[1.0, 2.0], [40.0, 140.0]])
STEPS = 20_000  # along each ray


def _volume(seed: int, position_mm=(0.5, -1.0, 40.0), rotation_deg=(10.0, 20.0, 30.0), shape=(7, 8, 9)):
    rng = np.random.default_rng(seed)
    table = np.vstack([[0.0, 0.0], rng.uniform(0.2, 2.0, (4, 2))])
    codes = rng.integers(0, 5, shape).astype(np.uint16)
    return place_volume(codes, table, ("soft_tissue", "cortical_bone"), (1.1, 0.9, 1.7), position_mm, rotation_deg)


def _stepped(phantom: Phantom, geometry: Geometry) -> np.ndarray:
    """The sums at the pixels' centres by many small steps along each ray, which solids and voxels own in turn."""
    air = linear_attenuation_per_mm(material(geometry.medium), ENERGY_KEV)
    y = (np.arange(geometry.rows) - 0.5 * (geometry.rows - 1)) * geometry.pitch_mm
    x = (np.arange(geometry.cols) - 0.5 * (geometry.cols - 1)) * geometry.pitch_mm
    distance = geometry.source_to_detector_mm
    sums = np.empty((2, geometry.rows, geometry.cols))
    along = (np.arange(STEPS) + 0.5) / STEPS * 0.15 + 0.85  # what stands here is within 75 mm of the panel
    for row, y_mm in enumerate(y):
        for col, x_mm in enumerate(x):
            points = np.column_stack([along * x_mm, along * y_mm, distance * (1.0 - along)])
            step_mm = 0.15 / STEPS * np.sqrt(x_mm**2 + y_mm**2 + distance**2)
            mu = np.zeros((STEPS, 2))
            for volume in phantom.volumes:
                density = partial_densities_at(volume, points)
                for column, name in enumerate(volume.materials):
                    of = material(name)
                    per_mm = linear_attenuation_per_mm(of, ENERGY_KEV) / of.density_g_per_cm3
                    mu += density[:, column, None] * per_mm
                local = (points - volume.position_mm) @ volume.rotation / volume.size_mm
                mu[(np.abs(local) < 0.5).all(axis=1)] -= air
            for solid in phantom.solids:
                local = (points - solid.position_mm) @ solid.rotation
                if isinstance(solid.shape, Sphere):
                    inside = (local**2).sum(axis=1) < solid.shape.radius_mm**2
                else:
                    inside = (np.abs(local) < 0.5 * np.array(solid.shape.size_mm)).all(axis=1)
                mu[inside] = linear_attenuation_per_mm(material(solid.material), ENERGY_KEV) - air
            flux = (distance / np.sqrt(x_mm**2 + y_mm**2 + distance**2)) ** 3
            sums[:, row, col] = flux * (WEIGHTS @ np.exp(-mu.sum(axis=0) * step_mm))
    return sums


IMPLANT = place(Sphere(2.0), "Ti@4.5", (0.5, -1.0, 41.0))
VOID = place(Box((3.0, 2.0, 4.0)), "air", (-2.0, 1.0, 39.0), (0.0, 0.0, 30.0))
BESIDE = place(Box((2.0, 9.0, 3.0)), "Al", (5.5, 0.0, 15.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "solids", [(), (IMPLANT,), (VOID, IMPLANT, BESIDE)], ids=["alone", "an implant", "an implant in a void, and beside"]
)
def test_volume_and_solids_are_sums_along_the_rays(solids) -> None:
    phantom = Phantom("body", solids, (_volume(1),))
    found = project(phantom, PANEL, ENERGY_KEV, WEIGHTS)
    expected = _stepped(phantom, PANEL)
    assert expected.min() < 0.6 * expected.max()
    # a step is 4 um; each of some 20 borders on a ray may be off by half of one, of up to 0.2/mm: 2e-3 at the worst
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert np.abs(found / expected - 1.0).mean() < 3e-4


def test_a_volume_of_the_medium_changes_nothing() -> None:
    air = material("air").density_g_per_cm3
    nothing = place_volume(np.zeros((4, 4, 4), np.uint16), np.array([[air]]), ("air",), (3.0, 3.0, 3.0), (0, 0, 40.0))
    held = Phantom("air", (BESIDE,), (nothing,))
    assert np.array_equal(
        project(held, PANEL, ENERGY_KEV, WEIGHTS), project(Phantom("", (BESIDE,)), PANEL, ENERGY_KEV, WEIGHTS)
    )


def test_a_solid_that_holds_the_volume_replaces_it_all() -> None:
    block = place(Box((40.0, 40.0, 30.0)), "PMMA", (0.0, 0.0, 40.0))
    with_voxels = project(Phantom("", (block,), (_volume(2),)), PANEL, ENERGY_KEV, WEIGHTS)
    np.testing.assert_allclose(with_voxels, project(Phantom("", (block,)), PANEL, ENERGY_KEV, WEIGHTS), rtol=1e-6)


def test_two_volumes_beside_each_other_attenuate_one_after_the_other() -> None:
    low, high = _volume(3, (0.0, 0.0, 30.0)), _volume(4, (0.5, 0.0, 60.0))
    both = project(Phantom("", (), (low, high)), PANEL, [60.0], [[1.0]])
    open_beam = project(None, PANEL, [60.0], [[1.0]])
    each = [project(Phantom("", (), (one,)), PANEL, [60.0], [[1.0]]) / open_beam for one in (low, high)]
    np.testing.assert_allclose(both / open_beam, each[0] * each[1], rtol=1e-4)


def test_strips_and_threads_change_no_byte_and_the_volume_is_not_written_to() -> None:
    volume = _volume(5, shape=(20, 60, 70))
    volume.codes.setflags(write=False)
    phantom, panel = Phantom("body", (IMPLANT,), (volume,)), Geometry(500.0, 150, 90, 0.4, focal_spot_mm=1.0)
    one, two = (on_threads(n, lambda: project(phantom, panel, ENERGY_KEV, WEIGHTS, rays_per_sample=2)) for n in (1, 2))
    strips = [sums for _, sums in project_strips(phantom, panel, ENERGY_KEV, WEIGHTS, rays_per_sample=2)]
    assert len(strips) == 2
    assert one.tobytes() == two.tobytes() == np.concatenate(strips, axis=1).tobytes()


def test_the_focal_spot_blurs_the_edge_of_a_volume_as_that_of_a_box() -> None:
    codes, table = np.ones((20, 20, 20), np.uint16), np.array([[0.0], [material("PMMA").density_g_per_cm3]])
    block = place_volume(codes, table, ("PMMA",), (1.0, 1.0, 1.0), (10.0, 0.0, 60.0))
    solid = place(Box((20.0, 20.0, 20.0)), "PMMA", (10.0, 0.0, 60.0))
    panel = Geometry(200.0, 20, 60, 0.2, focal_spot_mm=2.0)
    found, expected = (
        project(held, panel, [40.0], [[1.0]], rays_per_sample=4)
        for held in (Phantom("", (), (block,)), Phantom("", (solid,)))
    )
    assert np.ptp(expected[0, 10]) > 0.3
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ((_volume(6, (0.0, 0.0, 2.0)),), r"volume\[0\] reaches from z = -\d.* to .* mm, but volumes must lie between"),
        ((_volume(6, (0.0, 0.0, 499.0)),), r"and the source at 500 mm"),
        ((_volume(6), _volume(7, (2.0, 0.0, 45.0))), r"volume\[0\] and volume\[1\] overlap"),
        ((_volume(6, (100.0, 0.0, 40.0)),), r"object outside the beam: the shadow of phantom 'body' falls at x = "),
    ],
)
def test_volumes_that_cannot_stand_there_say_so(volumes, words) -> None:
    with pytest.raises(ValueError, match=words):
        project(Phantom("body", (), volumes), PANEL, ENERGY_KEV, WEIGHTS)


def test_a_body_as_solids_and_the_same_body_as_voxels_agree() -> None:
    """Soft tissue with two lungs and a spine, 0.5 mm voxels of one tissue each, 60 keV."""
    middle, spacing = np.array([0.0, 0.0, 80.0]), 0.5
    spine = place(Cylinder(6.0, 70.0), "cortical_bone", (0.0, 0.0, 95.0), (90.0, 0.0, 0.0))
    lungs = [place(Sphere(15.0), "lung_tissue", (x, 0.0, 78.0)) for x in (-19.0, 19.0)]
    solids = (place(Sphere(45.0), "soft_tissue", (0.0, 0.0, 80.0)), *lungs, spine)
    along = (np.arange(184) + 0.5) * spacing - 46.0
    z, y, x = along[:, None, None] + middle[2], along[:, None], along
    labels = np.zeros((184, 184, 184), np.uint16)
    for number, solid in enumerate(solids[:3]):
        centre, radius = solid.position_mm, solid.shape.radius_mm
        inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < radius**2
        labels[inside] = min(number, 1) + 1
    labels[np.broadcast_to((x**2 + (z - 95.0) ** 2 < 36.0) & (np.abs(y) < 35.0), labels.shape)] = 3
    names = ("air", "soft_tissue", "lung_tissue", "cortical_bone")
    table = np.diag([material(name).density_g_per_cm3 for name in names])
    voxels = place_volume(labels, table, names, (spacing,) * 3, tuple(middle))
    panel = Geometry(1000.0, 90, 100, 0.9)
    one, other = (
        -np.log(project(held, panel, [60.0], [[1.0]])[0] / project(None, panel, [60.0], [[1.0]])[0])
        for held in (Phantom("", solids), Phantom("", (), (voxels,)))
    )
    inside = one > 0.1 * one.max()
    error = (other[inside] - one[inside]) / one[inside].mean()
    assert inside.mean() > 0.5
    assert np.sqrt(np.mean(error**2)) < 0.01
    assert abs(error.mean()) < 0.001
