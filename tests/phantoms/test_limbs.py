"""Rods between points, ribs and lumps; beetle, cable and meat with their parts in place."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.beetle import NEEDLE_END, NEEDLE_TIP, beetle
from phantoms.closed_surface import signed_volume
from phantoms.flat_cable import flat_cable
from phantoms.limbs import jointed, lumpy, ribbed, rod
from phantoms.meat import BORE_MM, OUTER_MM, meat
from phantoms.solids import Cone, Phantom, Sphere, move_phantom, phantom_of
from radiography.beam.attenuation import material
from radiography.jobs.valid import validate_scene
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths

PANEL = Geometry(100_000.0, 300, 400, 0.1)  # nearly parallel rays, 0.1 mm apart


def paths(phantom: Phantom, *names: str) -> np.ndarray:
    return path_lengths(move_phantom(phantom, (0.0, 0.0, 20.0)), PANEL, list(names))


def at(x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(150 + y_mm / 0.1 - 0.5), round(200 + x_mm / 0.1 - 0.5)


@pytest.mark.parametrize(("start", "end"), [((1, 2, 3), (4, 6, 3)), ((0, 0, 0), (0, 0, -2)), ((1, 0, 0), (0, 1, 5))])
def test_a_rod_ends_at_its_points(start, end) -> None:
    solid = rod(start, end, 0.5, "steel", 0.2)
    assert isinstance(solid.shape, Cone)
    for local, expected in ((-0.5, start), (0.5, end)):
        found = solid.rotation @ [0, 0, local * solid.shape.length_mm] + np.asarray(solid.position_mm)
        assert found == pytest.approx(expected, abs=1e-12)
    assert solid.shape.radius_bottom_mm == 0.5 and solid.shape.radius_top_mm == 0.2
    assert solid.rotation.T @ solid.rotation == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(solid.rotation) == pytest.approx(1.0)


def test_joints_are_balls_but_for_a_tip() -> None:
    solids = jointed([(0, 0, 0), (1, 0, 0), (2, 1, 0)], (0.3, 0.2, 0.0), "steel")
    assert sum(isinstance(solid.shape, Sphere) for solid in solids) == 2 and len(solids) == 4
    depth = paths(phantom_of("limb", solids), "steel")[0]
    assert depth[at(1.0, 0.0)] == pytest.approx(0.4, abs=0.06)
    with pytest.raises(ValueError, match="a rod needs two points that differ"):
        rod((1, 1, 1), (1, 1, 1), 0.5, "steel")


def test_ribs_and_lumps_keep_the_volume_of_their_ellipsoid() -> None:
    whole = 4 / 3 * np.pi * 3 * 5 * 2
    assert signed_volume(*vars(ribbed((3, 5, 2), 20, 0.02)).values()) == pytest.approx(whole, rel=0.01)
    meshes = [lumpy((3, 5, 2), 0.1, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(meshes[0].vertices_mm, meshes[1].vertices_mm)
    assert not np.array_equal(meshes[0].vertices_mm, meshes[2].vertices_mm)
    volumes = [signed_volume(*vars(mesh).values()) for mesh in meshes]
    assert volumes[0] == pytest.approx(whole, rel=0.4) and volumes[0] != volumes[2]


def test_a_beetle_is_a_shell_of_chitin_with_a_needle_through_it() -> None:
    chitin, tissue, steel = paths(beetle(), "chitin", "soft_tissue", "steel")
    assert 0.7 <= chitin[at(2.0, 3.5)] <= 1.6  # two walls of wing case and two of the abdomen
    # the rim is met along the shell: at its inner border the chord is 2 * 3.6 * sqrt(1 - (4.85 / 5.2)^2) = 2.6 mm
    rim = chitin[at(0.0, 3.6)[0], at(-5.2, 0.0)[1] : at(-4.6, 0.0)[1]]
    assert rim.max() == pytest.approx(2.6, abs=0.25)
    assert 3.0 < tissue[at(3.2, 3.6)] < 6.0
    middle = 0.5 * (np.asarray(NEEDLE_TIP) + NEEDLE_END)
    assert steel[at(middle[0], middle[1])] == pytest.approx(0.4, abs=0.06)
    assert steel[at(3.0, 3.6)] == 0 and steel[at(NEEDLE_END[0], NEEDLE_END[1])] > 0.9  # its head
    no_needle = {solid.material for solid in beetle(0.0).solids}
    assert "steel" not in no_needle
    left, right = chitin[:, :200][:, ::-1], chitin[:, 200:]
    assert np.mean(np.abs(left - right) > 0.3) < 0.02  # two sides alike, but for the needle


def test_a_cable_has_its_conductors_once_and_twice_where_it_is_folded() -> None:
    copper, film, bronze = paths(flat_cable(), "Cu", "PET", "phosphor_bronze")
    assert copper[at(8.0, -0.5)] == 0 or copper[at(8.0, -0.5)] == pytest.approx(0.05)
    across = copper[:, at(8.0, 0.0)[1]]
    assert np.count_nonzero(np.diff((across > 0.025).astype(int)) == 1) == 12
    assert across.max() == pytest.approx(0.05, rel=1e-3)
    assert copper[at(-2.5, -2.5)[0] - 20 : at(-2.5, -2.5)[0] + 20, at(-2.5, 0)[1]].max() == pytest.approx(0.1, rel=1e-3)
    assert film[at(8.0, -4.0)] == pytest.approx(0.12, abs=0.06)
    assert np.count_nonzero(np.diff((bronze[at(0, 8.3)[0]] > 0.1).astype(int)) == 1) == 12
    fewer = paths(flat_cable(6), "Cu")[0][:, at(8.0, 0.0)[1]]
    assert np.count_nonzero(np.diff((fewer > 0.025).astype(int)) == 1) == 6


def test_a_piece_of_meat_has_fat_above_bone_below_and_a_hollow_needle() -> None:
    muscle, fat, bone, tube = paths(meat(), "soft_tissue", "adipose_tissue", "cortical_bone", "stainless_steel")
    assert fat[at(0.0, -8.0)] > 1 and muscle[at(0.0, -8.0)] == 0
    assert muscle[at(4.0, 3.0)] > 5
    rows, cols = np.nonzero(bone > 0.2)
    assert np.all(cols < at(3.0, 0)[1]) and np.all(rows > at(0, 2.0)[0])
    assert bone[at(-5.0, 5.2)] < bone[at(-5.0, 3.8)]  # marrow inside of the shell
    middle = tube[at(2.5, -1.9)[0] - 8 : at(2.5, -1.9)[0] + 8, at(2.5, 0)[1]]
    wall = OUTER_MM - BORE_MM
    assert middle[7:9].min() == pytest.approx(wall, abs=0.08) and middle.max() > 1.3 * wall
    assert "stainless_steel" not in {solid.material for solid in meat(needle=False).solids}


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: beetle(-1.0), "needle_mm of a beetle must be between 0 and 2 mm, got -1"),
        (lambda: flat_cable(1), "2 to 16 conductors, got 1"),
        (lambda: flat_cable(conductor_width_mm=1.2), r"narrower than their pitch .* got 1\.2 x 0\.05 mm at 1 mm"),
    ],
)
def test_what_cannot_be_names_itself(build, words) -> None:
    with pytest.raises(ValueError, match=words):
        build()


@pytest.mark.parametrize("name", ["beetle", "flat_cable", "meat"])
def test_the_shipped_scenes_show_the_whole_object(name: str) -> None:
    found = validate_scene(name)
    assert found.doubts == ()
    rows, cols = found.objects[0].extent.shadow_pixels
    assert 100 < rows < 575 and 100 < cols < 575  # within 8 cm of film


def test_every_material_is_known() -> None:
    for phantom in (beetle(), flat_cable(), meat()):
        for name in {solid.material for solid in phantom.solids}:
            material(name)
