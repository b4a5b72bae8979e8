"""Phone: inside its outline, the same for the same seed, of sound solids, and as heavy as phones are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from phantoms.phone.battery import CENTRE_MM, SIZE_MM, battery
from phantoms.phone.charging import COIL_MM, GAP_MM, INNER_MM, PITCH_MM, STRAND_MM, TURNS, coil
from phantoms.phone.outline import HEIGHT_MM, LENGTH_MM, WIDTH_MM, disc, hollow, rounded
from phantoms.phone.outline import whole as whole_plate
from phantoms.phone.phone import phone
from phantoms.solids import (
    Box,
    Cone,
    Cylinder,
    Phantom,
    PlacedSolid,
    Prism,
    Sphere,
    move_phantom,
    phantom_of,
    polygon_area_mm2,
)
from radiography.beam.attenuation import material
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths

Vectors = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def whole() -> Phantom:
    return phone()


def half_extent_mm(solid: PlacedSolid) -> Vectors:
    """Half of the box along x, y, z that just holds a placed solid, (3,) float64 [mm]; exact but for cones."""
    shape, axis = solid.shape, solid.rotation[:, 2]
    if isinstance(shape, Sphere):
        return np.full(3, shape.radius_mm)
    if isinstance(shape, Box):
        return np.asarray(np.abs(solid.rotation) @ (0.5 * np.array(shape.size_mm)))
    if isinstance(shape, Prism):
        corners = np.array([(x, y, 0.5 * s * shape.length_mm) for x, y in shape.polygon_mm for s in (-1, 1)])
        return np.asarray(np.abs(corners @ solid.rotation.T).max(axis=0))
    assert isinstance(shape, Cylinder | Cone)
    radius = shape.radius_mm if isinstance(shape, Cylinder) else max(shape.radius_bottom_mm, shape.radius_top_mm)
    return np.asarray(radius * np.sqrt(np.maximum(0.0, 1 - axis**2)) + 0.5 * shape.length_mm * np.abs(axis))


@pytest.mark.slow
def test_outline_is_filled_exactly_and_centred(whole: Phantom) -> None:
    matter = [solid for solid in whole.solids if solid.material != "air"]
    centres = np.array([solid.position_mm for solid in matter])
    extents = np.array([half_extent_mm(solid) for solid in matter])
    high = [0.5 * WIDTH_MM, 0.5 * LENGTH_MM, HEIGHT_MM]
    assert (centres - extents).min(axis=0) == pytest.approx([-high[0], -high[1], 0.0], abs=2e-3)
    assert (centres + extents).max(axis=0) == pytest.approx(high, abs=2e-3)


def test_it_is_made_of_known_materials(whole: Phantom) -> None:
    counts = Counter(solid.material for solid in whole.solids)
    for name in counts:
        assert material(name).density_g_per_cm3 > 0
    # magnets: two cameras of four, loudspeaker's ring and core, earpiece's bars, motor's row
    assert counts["neodymium_magnet"] >= 2 * 4 + 2 + 3 + 5
    assert counts["solder_SAC305"] > 2500
    assert counts["lithium_cobalt_oxide"] == 3 + 2 * 4  # sheets, and bends on both sides


@pytest.mark.slow
def test_same_seed_gives_the_same_phone(whole: Phantom) -> None:
    again = phone(seed=1)
    assert [(s.shape, s.material, s.position_mm) for s in again.solids] == [
        (s.shape, s.material, s.position_mm) for s in whole.solids
    ]


@pytest.mark.slow
def test_another_seed_moves_small_parts_but_not_the_case(whole: Phantom) -> None:
    other = phone(seed=2)
    assert other.solids[0].shape == whole.solids[0].shape
    assert {s.position_mm for s in other.solids} != {s.position_mm for s in whole.solids}


@pytest.mark.slow
def test_small_parts_can_be_left_out(whole: Phantom) -> None:
    assert len(phone(small_parts=0).solids) < len(phone(small_parts=10).solids) < len(whole.solids)


def test_no_solid_is_degenerate(whole: Phantom) -> None:
    for solid in whole.solids:
        assert half_extent_mm(solid).min() > 0.0035  # copper foil of 8 um: half of it
        assert solid.rotation @ solid.rotation.T == pytest.approx(np.eye(3), abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"small_parts": -5}, "small_parts must be 0 or more, got -5"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        phone(**arguments)


def test_a_rounded_rectangle_has_the_area_of_one() -> None:
    area = abs(polygon_area_mm2(np.array(rounded((3.0, -2.0), (20.0, 30.0), 5.0, 60))))
    assert area == pytest.approx(20.0 * 30.0 - (4.0 - np.pi) * 5.0**2, rel=1e-4)


def test_a_disc_is_as_large_as_its_polygon() -> None:
    plate = disc("PET", (7.0, -3.0), 10.0, 0.0, 1.0, 24)
    assert plate.position_mm == pytest.approx((7.0, -3.0, 0.5))
    assert isinstance(plate.shape, Prism)
    area = abs(polygon_area_mm2(np.array(plate.shape.polygon_mm)))
    assert area == pytest.approx(0.5 * 24 * 5.0**2 * np.sin(2 * np.pi / 24), rel=1e-12)


def test_a_ring_of_one_polygon_is_hollow_and_its_seam_is_tight() -> None:
    ring, outer, inner = (
        hollow("Al", (1.0, 4.0), 2.0, 5.0),
        whole_plate("Al", 1.0, 2.0, 5.0),
        whole_plate("Al", 4.0, 2.0, 5.0),
    )
    areas = [
        abs(polygon_area_mm2(np.array(each.shape.polygon_mm)))
        for each in (ring, outer, inner)
        if isinstance(each.shape, Prism)
    ]
    assert areas[0] == pytest.approx(areas[1] - areas[2], rel=1e-9)
    # the corner where the seam begins, in the middle of the panel; 30 um rays along and across it
    corner = np.array(ring.shape.polygon_mm[0]) + ring.position_mm[:2] if isinstance(ring.shape, Prism) else np.zeros(2)
    centred = move_phantom(phantom_of("ring", [ring]), (-float(corner[0]) + 1.5, -float(corner[1]), 0.0))
    geometry = Geometry(source_to_detector_mm=1e6, rows=40, cols=140, pitch_mm=0.03, focal_spot_mm=0.0, medium="vacuum")
    path_mm = path_lengths(centred, geometry, ["Al"])[0]
    # the wall is 3 mm thick and 3 mm high, its outer face at 1.5 mm: open beside it, and nothing leaks in it
    x_mm = 0.03 * (np.arange(140) - 69.5)
    assert path_mm[:, (x_mm > -1.45) & (x_mm < 1.45)] == pytest.approx(3.0, abs=1e-5)
    assert not path_mm[:, (x_mm < -1.55) | (x_mm > 1.55)].any()


def test_the_coil_is_one_spiral_whose_turns_do_not_touch() -> None:
    pieces = [solid for solid in coil() if solid.material == "Cu" and isinstance(solid.shape, Prism)]
    spiral = pieces[: 2 * 12 * TURNS]
    corners = [
        np.array(solid.shape.polygon_mm) + np.array(solid.position_mm[:2]) - COIL_MM
        for solid in spiral
        if isinstance(solid.shape, Prism)
    ]
    radius = np.array([np.linalg.norm(each, axis=1).mean() for each in corners])
    assert radius.min() > INNER_MM - PITCH_MM and radius.max() < INNER_MM + PITCH_MM * (TURNS + 1)
    assert PITCH_MM > 2 * STRAND_MM + GAP_MM
    # copper of a strand: width times the length of an Archimedean spiral, to the chords of its pieces
    length = 2.0 * np.pi * TURNS * (INNER_MM + 0.5 * PITCH_MM * TURNS)
    area = sum(abs(polygon_area_mm2(each)) for each in corners)
    assert area == pytest.approx(2 * STRAND_MM * length, rel=0.01)


def test_the_battery_holds_the_charge_of_such_batteries() -> None:
    """LiCoO2 gives some 150 mAh/g; cells of 80 mm by 40 mm and 3.6 mm hold 1.5 to 2.5 Ah."""
    sheets = [s for s in battery(np.random.default_rng(1)) if s.material == "lithium_cobalt_oxide"]
    assert all(abs(s.position_mm[0] - CENTRE_MM[0]) < 0.5 * SIZE_MM[0] for s in sheets)
    volume_mm3 = sum(float(np.prod(s.shape.size_mm)) for s in sheets if isinstance(s.shape, Box))
    charge_Ah = 0.150 * 1e-3 * volume_mm3 * material("lithium_cobalt_oxide").density_g_per_cm3
    assert 1.5 < charge_Ah < 2.5


def test_it_weighs_what_phones_weigh(whole: Phantom) -> None:
    """Paths of parallel rays times densities; phones of this size weigh 140 to 200 g. Overlaps count once so."""
    pitch, far_mm = 0.5, 1e6
    geometry = Geometry(
        source_to_detector_mm=far_mm, rows=300, cols=148, pitch_mm=pitch, focal_spot_mm=0.0, medium="vacuum"
    )
    names = sorted({solid.material for solid in whole.solids} - {"air"})
    paths = path_lengths(whole, geometry, names, rays_per_sample=2)
    grams = {
        name: float(path.sum(dtype=np.float64)) * pitch**2 * 1e-3 * material(name).density_g_per_cm3
        for name, path in zip(names, paths, strict=True)
    }
    assert 130.0 < sum(grams.values()) < 200.0
