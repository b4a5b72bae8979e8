"""Samples that one ray stands for: the same sums as of all rays, and never a face's outline among them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from phantoms.solids import Box, Cylinder, Prism, Sphere, phantom_of, place
from radiography.projection import crossings, kernels, project, quadrics, volume_paths
from radiography.projection.geometry import Geometry
from radiography.projection.rays import band_items, ray_grid
from radiography.projection.surfaces import highest_mm, solid_surfaces
from radiography.projection.uniform import mixed_samples
from radiography.scatter import kernels as scatter_kernels
from radiography.scatter import places

ENERGY_KEV = np.array([20.0, 40.0, 70.0])
WEIGHTS = np.array([[1.0, 2.0, 3.0], [20.0, 80.0, 210.0]])
LETTER_MM = ((-2.0, -2.0), (2.0, -2.0), (2.0, 2.0), (1.0, 2.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 2.0), (-2.0, 2.0))
SCENES = {
    "a turned plate": [place(Box((6.0, 5.0, 1.0)), "W", (0.3, -0.2, 20.0), (0.0, 0.0, 7.0))],
    "a letter in a plate": [
        place(Box((7.0, 7.0, 3.0)), "Al", (0.0, 0.0, 30.0)),
        place(Prism(LETTER_MM, 1.0), "Cu", (0.0, 0.0, 30.0)),
    ],
    "thinner than the rays are apart": [
        place(Box((0.01, 5.0, 2.0)), "W", (0.013, 0.0, 9.0)),
        place(Box((5.0, 0.01, 2.0)), "W", (0.0, 0.017, 5.0)),
    ],
    "slanted and round": [
        place(Box((3.0, 3.0, 2.0)), "Al", (-2.0, 0.0, 40.0), (10.0, 20.0, 0.0)),
        place(Sphere(1.5), "Fe", (2.0, 1.0, 60.0)),
        place(Cylinder(1.0, 4.0), "Cu", (1.5, -2.0, 10.0)),
        place(Box((9.0, 9.0, 0.2)), "Cu", (0.0, 0.0, 12.0)),
    ],
    "out of the panel": [place(Box((50.0, 2.0, 1.0)), "Al", (20.0, 1.0, 5.0))],
}
SPOTS = {"a point": {}, "a spot": {"focal_spot_mm": 1.2}, "a grid": {"focal_spot_mm": 2.0, "focal_spot_samples": 3}}


def _panel(**spot) -> Geometry:
    return Geometry(1000.0, 70, 90, 0.1, panel_shift_mm=(0.4, -0.7), **spot)


def _sums(phantom, panel, **sampling):
    return project.project(phantom, panel, ENERGY_KEV, WEIGHTS, **sampling)


@pytest.mark.parametrize("sampling", [(2, 4), (1, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("scene", SCENES)
def test_sums_are_those_of_all_rays(scene: str, spot: str, sampling: tuple[int, int], monkeypatch) -> None:
    phantom, panel = phantom_of(scene, SCENES[scene]), _panel(**SPOTS[spot])
    counts = {"samples_per_pixel": sampling[0], "rays_per_sample": sampling[1]}
    found = _sums(phantom, panel, **counts)
    monkeypatch.setattr(project, "mixed_samples", lambda *sizes: np.ones(sizes[-2:], dtype=np.bool_))
    np.testing.assert_allclose(found, _sums(phantom, panel, **counts), rtol=1.2e-6, atol=1e-9)


def _mixed(solids, panel, rays=4):
    phantom = phantom_of("solids", solids)
    surfaces = solid_surfaces(phantom, panel.source_to_detector_mm)
    grid = ray_grid(panel, 1, rays, highest_mm(phantom, surfaces))
    bands = band_items(surfaces, grid, panel.rows * rays, panel.cols * rays, 16 // rays)
    return mixed_samples(surfaces, grid, bands, panel.rows, panel.cols)


def test_only_the_outline_of_a_plate_is_mixed() -> None:
    panel = Geometry(1000.0, 70, 90, 0.1)
    mixed = _mixed([place(Box((6.0, 4.0, 1.0)), "W", (0.0, 0.0, 2.0))], panel)
    # both faces and the walls: their shadows end within 0.01 mm of 3.006 and 2.004 mm, a ray more on each side
    rows, cols = np.flatnonzero(mixed[:, 45]), np.flatnonzero(mixed[35])
    assert rows.tolist() == [14, 15, 54, 55] and cols.tolist() == [14, 15, 74, 75]
    assert not mixed[16:54, 16:74].any() and not mixed[:14].any()


def test_slant_or_a_quadric_mixes_all_that_it_shades() -> None:
    panel = Geometry(1000.0, 70, 90, 0.1)
    for solid in (
        place(Box((4.0, 4.0, 1.0)), "Al", (0.0, 0.0, 9.0), (5.0, 0.0, 0.0)),
        place(Sphere(2.0), "Al", (0.0, 0.0, 9.0)),
    ):
        assert _mixed([solid], panel)[20:50, 35:55].all()


def test_one_ray_of_a_wide_fan_stands_for_no_others() -> None:
    plate = [place(Box((6.0, 4.0, 1.0)), "W", (0.0, 0.0, 2.0))]
    assert _mixed(plate, Geometry(20.0, 70, 90, 0.1))[20:50, 20:70].all()
    assert not _mixed(plate, Geometry(20.0, 70, 90, 0.1), rays=1).any()


@pytest.mark.parametrize(
    ("held", "user"),
    [(quadrics, crossings), (crossings, kernels), (volume_paths, kernels), (places, scatter_kernels)],
    ids=lambda module: module.__name__,
)
def test_a_kernel_was_compiled_with_what_it_imports(held: ModuleType, user: ModuleType) -> None:
    """An edit of an imported file needs one of the importing file: numba's cache looks at the latter only."""
    found = hashlib.sha256(Path(held.__file__ or "").read_bytes()).hexdigest()[:16]
    name = held.__name__.rpartition(".")[2].upper()
    assert found == getattr(user, name), f'write {name} = "{found}" into {user.__name__}'
