"""Bodies made by code: closed meshes of the right content, chest and hand with their tissues in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phantoms.chest import chest
from phantoms.closed_meshes import ellipsoid, elliptic_ring
from phantoms.closed_surface import signed_volume
from phantoms.hand import hand
from phantoms.solids import move_phantom
from radiography.beam.attenuation import material
from radiography.jobs.valid import validate_scene
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths


def test_an_ellipsoid_holds_what_it_should() -> None:
    found = signed_volume(*vars(ellipsoid((3.0, 5.0, 7.0))).values())
    assert found == pytest.approx(4.0 / 3.0 * np.pi * 3 * 5 * 7, rel=0.006)
    finer = signed_volume(*vars(ellipsoid((3.0, 5.0, 7.0), 96)).values())
    assert finer == pytest.approx(4.0 / 3.0 * np.pi * 3 * 5 * 7, rel=0.002)


def test_a_round_ring_holds_what_a_torus_does() -> None:
    found = signed_volume(*vars(elliptic_ring((20.0, 20.0), 3.0, 192, 48)).values())
    assert found == pytest.approx(2.0 * np.pi**2 * 20 * 9, rel=0.005)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ellipsoid((1.0, 0.0, 1.0)), r"semi_axes_mm\[y\]"),
        (lambda: elliptic_ring((20.0, 5.0), 2.0), "below its smallest radius of bend"),
        (lambda: chest(thickness_mm=50.0), "between 150 and 350 mm, got 50"),
        (lambda: chest(nodule_mm=-1.0), "nodule_mm of a chest must be between 0 and 60 mm, got -1"),
        (lambda: hand(ring_mm=50.0), "ring_mm of a hand must be between 0 and 12 mm, got 50"),
    ],
)
def test_lengths_that_cannot_be_name_themselves(build, words) -> None:
    with pytest.raises(ValueError, match=words):
        build()


def test_every_tissue_is_known() -> None:
    for phantom in (chest(10.0), hand(5.0)):
        for name in {solid.material for solid in phantom.solids}:
            material(name)


def test_a_chest_has_lungs_a_heart_to_the_left_and_a_spine_at_the_back() -> None:
    panel = Geometry(100_000.0, 46, 34, 10.0)  # nearly parallel rays, 10 mm apart
    body = move_phantom(chest(), (0.0, 0.0, 200.0))
    soft, lung, bone = path_lengths(body, panel, ["soft_tissue", "lung_tissue", "cortical_bone"])
    right, left, middle = 9, 24, slice(16, 18)  # columns at x = -75, +75 and 0
    assert lung[15:23, right].min() > 100 and lung[15:23, left].min() > 100  # upper rows
    assert lung[27, right] > lung[27, left]  # at y = 45 the heart takes of the left lung
    assert lung[:, middle].max() == 0 < bone[:, middle].max()
    assert soft[23, middle].mean() == pytest.approx(230.0, rel=0.1)
    spine = [solid for solid in chest().solids if solid.position_mm[2] > 50]
    assert len(spine) == 26


def test_a_nodule_takes_the_place_of_lung() -> None:
    panel = Geometry(100_000.0, 1, 1, 1.0, panel_shift_mm=(-40.0, -80.0))
    soft = [
        path_lengths(move_phantom(chest(size), (0.0, 0.0, 200.0)), panel, ["soft_tissue"])[0, 0, 0]
        for size in (0.0, 20.0)
    ]
    assert soft[1] - soft[0] == pytest.approx(20.0, abs=0.3)


def test_a_hand_has_bones_in_soft_tissue_and_may_wear_a_ring() -> None:
    panel = Geometry(100_000.0, 60, 40, 5.0)
    soft, bone = path_lengths(move_phantom(hand(), (0.0, 0.0, 20.0)), panel, ["soft_tissue", "cortical_bone"])
    assert bone.max() > 3.0 and soft.max() > 20.0
    assert ((bone > 0) & (soft == 0)).sum() == 0
    assert {solid.material for solid in hand(5.0).solids} - {solid.material for solid in hand().solids} == {"Au"}


@pytest.mark.parametrize(("name", "height_mm"), [("chest", 130.0), ("hand", 20.0)])
def test_a_body_stands_above_the_panel_where_the_docs_lift_it(tmp_path: Path, name: str, height_mm: float) -> None:
    text = (Path(__file__).parents[2] / "docs" / "volumes.md").read_text(encoding="utf-8")
    assert f"[0.0, 0.0, {height_mm}]" in text.partition("## Bodies without a file")[2]
    scene = f"""description = "a {name}"
panel = "fully_coated"
scintillator = "CsI_Tl_500um"
beam = {{ name = "paper_70kV", air_kerma_uGy = 5.0 }}
geometry = {{ source_to_detector_mm = 1500.0 }}
phantom = {{ name = "{name}", position_mm = [0.0, 0.0, PLACE] }}
"""
    path = tmp_path / "scene.toml"
    path.write_text(scene.replace("PLACE", str(height_mm)), encoding="utf-8")
    assert validate_scene(path).objects[0].name == "phantom"
    path.write_text(scene.replace("PLACE", "0.0"), encoding="utf-8")
    with pytest.raises(ValueError, match="solids must lie between the panel"):
        validate_scene(path)
