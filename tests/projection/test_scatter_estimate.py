"""The estimate of scatter against Monte Carlos of slabs, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import phantoms
from phantoms.volume import place_volume
from radiography.beam.attenuation import material
from radiography.cli.check import run_check
from radiography.jobs.check import check_scene
from radiography.projection.geometry import Geometry
from radiography.projection.scatter_estimate import (
    ABSORBED,
    EXIT_DEPTH,
    MULTIPLE,
    SINGLE,
    _depths_per_mm,
    scatter_to_primary,
)

# Mean energies behind 2.5 mm Al and 1 m of air, as the package's beams have them. [keV]
KEV = {70: 39.6, 80: 43.1, 100: 49.4, 120: 54.7}


def panel(side_mm: float = 427.0, distance_mm: float = 1500.0) -> Geometry:
    return Geometry(distance_mm, round(side_mm), round(side_mm), 1.0)


def slab(side_mm: float, thickness_mm: float, gap_mm: float, of: str = "PMMA") -> phantoms.Phantom:
    box = phantoms.Box((side_mm, side_mm, thickness_mm))
    return phantoms.phantom_of("slab", [phantoms.place(box, of, (0.0, 0.0, gap_mm + 0.5 * thickness_mm))])


@pytest.mark.parametrize(
    ("of", "thickness", "side", "gap", "kv", "published"),
    [
        ("PMMA", 100.0, 300.0, 20.0, 80, 1.48),  # own Monte Carlo, energy-weighted
        ("PMMA", 200.0, 300.0, 20.0, 80, 3.75),
        ("PMMA", 200.0, 100.0, 20.0, 80, 1.50),
        ("soft_tissue", 200.0, 390.0, 50.0, 120, 3.35),  # AAPM report 195, case 2, central 60 x 60 mm
    ],
)
def test_slabs_scatter_what_monte_carlos_say(
    of: str, thickness: float, side: float, gap: float, kv: int, published: float
) -> None:
    found = scatter_to_primary(slab(side, thickness, gap, of), panel(), KEV[kv])
    assert found == pytest.approx(published, rel=0.20)


@pytest.mark.parametrize(
    ("thickness", "kv", "published"),
    [
        (50.0, 70, 0.727),
        (100.0, 70, 1.74),
        (200.0, 70, 4.81),
        (50.0, 120, 0.755),
        (100.0, 120, 1.96),
        (200.0, 120, 5.89),
    ],
)
def test_thick_caesium_iodide_sees_more_of_it(thickness: float, kv: int, published: float) -> None:
    found = scatter_to_primary(slab(500.0, thickness, 100.0), panel(430.0), KEV[kv])
    assert 1.76 * found == pytest.approx(published, rel=0.25)


def test_a_wide_slab_is_the_closed_form_in_a_square_field() -> None:
    # the share of a square of half side a under a height h, by the solid angle of a pyramid: 2 / pi atan(a2 / ...)
    geometry, gap, thickness = panel(300.0, 1e6), 40.0, 100.0
    found = scatter_to_primary(slab(900.0, thickness, gap), geometry, 50.0)
    scattered, absorbed = _depths_per_mm(material("PMMA"), 50.0)
    s, p = scattered * thickness, absorbed * thickness
    h, a = gap + EXIT_DEPTH * thickness, 150.0
    share = 2 / np.pi * np.arctan(a * a / (h * np.sqrt(h * h + 2 * a * a)))
    assert found == pytest.approx(s * (SINGLE + MULTIPLE * s) / (1 + ABSORBED * p) * share, rel=0.01)


def test_nothing_and_metal_scatter_nothing_worth_a_word() -> None:
    assert scatter_to_primary(None, panel(), 40.0) == 0.0
    assert scatter_to_primary(slab(100.0, 5.0, 20.0, "W"), panel(), 40.0) == 0.0


def test_an_object_outside_the_beam_is_refused() -> None:
    with pytest.raises(ValueError, match="object outside the beam"):
        scatter_to_primary(slab(10.0, 1.0, 20.0), Geometry(1000.0, 8, 8, 0.1, (300.0, 300.0)), 40.0)


def test_more_matter_scatters_more_and_a_gap_lets_it_pass_by() -> None:
    ratios = [scatter_to_primary(slab(200.0, thickness, 20.0), panel(), 45.0) for thickness in (5.0, 20.0, 80.0)]
    assert 0 < ratios[0] < 0.05 and (np.diff(ratios) > 0).all()
    far = scatter_to_primary(slab(200.0, 80.0, 300.0), panel(), 45.0)
    assert far < 0.4 * ratios[-1]


@pytest.mark.parametrize(
    "shape",
    [
        phantoms.Cylinder(50.0, 80.0),
        phantoms.Cone(50.0, 40.0, 80.0),
        phantoms.Sphere(45.0),
        phantoms.Prism(((-50.0, -50.0), (50.0, -50.0), (50.0, 50.0), (-50.0, 50.0)), 80.0),
    ],
)
def test_every_shape_is_like_a_box_of_its_size(shape: phantoms.Shape) -> None:
    solid = phantoms.phantom_of("one", [phantoms.place(shape, "water", (0.0, 0.0, 70.0))])
    box = scatter_to_primary(slab(100.0, 80.0, 30.0, "water"), panel(), 45.0)
    assert scatter_to_primary(solid, panel(), 45.0) == pytest.approx(box, rel=0.45)


SCENE = """
description = "a slab above a small panel"
panel = "small.toml"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
[[solids]]
shape = "box"
material = "PMMA"
size_mm = [300.0, 300.0, {thickness}]
position_mm = [0.0, 0.0, 80.0]
"""
SMALL = """
based_on = "fully_coated"
name = "small"
description = "few pixels"
[pixels]
rows = 96
cols = 96
pitch_mm = 4.0
aperture_mm = 4.0
"""


@pytest.mark.parametrize(("thickness", "kerma", "told"), [(100.0, 2.0, True), (1.0, 2.0, False), (100.0, 0.0, False)])
def test_check_warns_in_one_line_where_scatter_would_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], thickness: float, kerma: float, told: bool
) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "scene.toml").write_text(SCENE.format(thickness=thickness, kerma=kerma))
    run_check(str(tmp_path / "scene.toml"))
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert len(lines) == told
    ratio = check_scene(tmp_path / "scene.toml").scatter_to_primary
    if told:
        assert ratio == pytest.approx(1.4, rel=0.3)
        assert lines[0] == (
            f"radiography: warning: scatter is not simulated; expect about {ratio:.2g} times the primary energy "
            "(+-30 %), without a grid; [scatter] on = true in the scene adds it"
        )


@pytest.mark.slow
def test_the_shipped_card_and_edge_get_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    for scene in ("card", "edge"):
        assert check_scene(scene).scatter_to_primary < 0.05
    run_check("card")
    assert "warning" not in capsys.readouterr().out


def test_a_slab_of_voxels_scatters_as_one_of_a_box() -> None:
    codes = np.ones((20, 30, 30), np.uint16)
    codes[:, :, 25:] = 0  # air within the grid
    table = np.array([[material("air").density_g_per_cm3, 0.0], [0.0, material("soft_tissue").density_g_per_cm3]])
    size = (10.0, 10.0, 10.0)
    voxels = place_volume(codes, table, ("air", "soft_tissue"), size, (0.0, 0.0, 120.0))
    box = phantoms.place(phantoms.Box((250.0, 300.0, 200.0)), "soft_tissue", (-25.0, 0.0, 120.0))
    of_voxels = scatter_to_primary(phantoms.Phantom("", (), (voxels,)), panel(), KEV[80])
    of_box = scatter_to_primary(phantoms.Phantom("", (box,)), panel(), KEV[80])
    assert of_voxels == pytest.approx(of_box, rel=0.02)
    both = scatter_to_primary(phantoms.Phantom("", (slab(20.0, 5.0, 300.0).solids[0],), (voxels,)), panel(), KEV[80])
    assert of_voxels <= both < 1.1 * of_voxels


def test_a_volume_of_air_scatters_nothing() -> None:
    codes = np.zeros((20, 30, 30), np.uint16)
    air = place_volume(codes, np.array([[0.001205]]), ("air",), (10.0, 10.0, 10.0), (0.0, 0.0, 120.0))
    assert scatter_to_primary(phantoms.Phantom("", (), (air,)), panel(), KEV[80]) == 0.0
