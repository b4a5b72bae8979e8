"""Scenes: ready phantoms, own solids of every shape, mesh files and own materials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from phantoms.solids import Box, Cone, Cylinder, Mesh, Prism, Sphere
from radiography.beam.attenuation import material
from radiography.config import load_scene
from radiography.scene import (
    PHANTOMS,
    BeamSequence,
    MaterialChoice,
    PhantomChoice,
    SolidChoice,
    Timing,
    beam_pattern,
    build_phantom,
    relative_exposures,
    scene_materials,
    scene_phantom,
)


@pytest.fixture(scope="module")
def empty():
    return load_scene("flat")


def _solids(empty, folder, *choices):
    return scene_phantom(replace(empty, solids=choices), folder).solids


def test_a_scene_with_nothing_in_the_beam_has_no_phantom(empty, tmp_path):
    assert scene_phantom(empty, tmp_path) is None


TRIANGLE = ((0.0, 0.0), (4.0, 0.0), (0.0, 3.0))


@pytest.mark.parametrize(
    ("shape", "lengths", "expected"),
    [
        ("box", {"size_mm": (1.0, 2.0, 3.0)}, Box((1.0, 2.0, 3.0))),
        ("cylinder", {"radius_mm": 2.0, "length_mm": 5.0}, Cylinder(2.0, 5.0)),
        ("sphere", {"radius_mm": 2.0}, Sphere(2.0)),
        ("cone", {"radius_bottom_mm": 2.0, "radius_top_mm": 0.0, "length_mm": 5.0}, Cone(2.0, 0.0, 5.0)),
        ("prism", {"polygon_mm": TRIANGLE, "length_mm": 5.0}, Prism(TRIANGLE, 5.0)),
    ],
)
def test_each_shape_is_built_from_its_own_lengths(empty, tmp_path, shape, lengths, expected):
    choice = SolidChoice(shape, "Al", position_mm=(1.0, -2.0, 30.0), rotation_deg=(0.0, 0.0, 90.0), **lengths)
    (solid,) = _solids(empty, tmp_path, choice)
    assert solid.shape == expected
    assert (solid.material, solid.position_mm) == ("Al", (1.0, -2.0, 30.0))
    np.testing.assert_allclose(solid.rotation @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)  # x towards y


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ("box", {}, r"solids\[1\] is a box and needs size_mm"),
        ("cylinder", {"radius_mm": 2.0}, r"solids\[1\] is a cylinder and needs length_mm"),
        ("cone", {"length_mm": 1.0}, "is a cone and needs radius_bottom_mm, radius_top_mm"),
        ("prism", {"length_mm": 1.0}, "is a prism and needs polygon_mm"),
        ("mesh", {}, "is a mesh and needs file"),
        ("sphere", {"radius_mm": 2.0, "length_mm": 5.0}, "is a sphere, which has no length_mm; it has radius_mm"),
        ("box", {"size_mm": (1, 2, 3), "file": "a.stl"}, "is a box, which has no file; it has size_mm"),
        ("box", {"size_mm": (1, 2, 3), "scale_to_mm": 2.0}, "is a box, which has no scale_to_mm"),
        ("mesh", {"file": "a.stl", "radius_mm": 2.0}, "is a mesh, which has no radius_mm; it has file"),
        ("sphere", {"radius_mm": -2.0}, r"solids\[1\]: radius_mm must be a positive length in mm, got -2.0"),
        ("box", {"size_mm": (1.0, 0.0, 1.0)}, r"solids\[1\]: size_mm\[y\] must be a positive length"),
        ("prism", {"polygon_mm": TRIANGLE[:2], "length_mm": 1.0}, "needs at least 3 corners, got 2"),
    ],
)
def test_missing_surplus_and_impossible_lengths_name_the_solid(empty, tmp_path, shape, lengths, message):
    sound = SolidChoice("sphere", "Al", radius_mm=1.0)
    with pytest.raises(ValueError, match=message):
        _solids(empty, tmp_path, sound, SolidChoice(shape, "Al", **lengths))


@pytest.fixture
def mesh_folder(tmp_path):
    """A cuboid of 1 x 2 x 3 file units as STL, the same with a hole, and what is no mesh."""
    cuboid = trimesh.creation.box((1.0, 2.0, 3.0))
    cuboid.export(tmp_path / "cuboid.stl")
    trimesh.Trimesh(cuboid.vertices, cuboid.faces[:-1]).export(tmp_path / "open.stl")
    (tmp_path / "text.stl").write_text("not a mesh", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("scale", "expected_mm"), [(None, (1.0, 2.0, 3.0)), (10.0, (10.0, 20.0, 30.0))])
def test_a_mesh_is_read_beside_the_scene_and_scaled(empty, mesh_folder, scale, expected_mm):
    (solid,) = _solids(empty, mesh_folder, SolidChoice("mesh", "Fe", file="cuboid.stl", scale_to_mm=scale))
    assert isinstance(solid.shape, Mesh)
    assert tuple(np.ptp(solid.shape.vertices_mm, axis=0)) == expected_mm
    assert solid.shape.triangles.shape == (12, 3)


@pytest.mark.parametrize(
    ("file", "scale", "kind", "message"),
    [
        ("cuboid.stl", 0.0, ValueError, r"solids\[0\]: scale_to_mm must be a positive length in mm, got 0"),
        ("cuboid.stl", -1.0, ValueError, "scale_to_mm must be a positive length in mm, got -1"),
        ("open.stl", None, ValueError, r"solids\[0\]: mesh .*open.stl is not closed"),
        ("nowhere.stl", None, FileNotFoundError, "mesh file .*nowhere.stl does not exist"),
        ("text.stl", None, OSError, "text.stl"),
    ],
)
def test_a_mesh_that_cannot_be_used_is_refused(empty, mesh_folder, file, scale, kind, message):
    with pytest.raises(kind, match=message):
        _solids(empty, mesh_folder, SolidChoice("mesh", "Fe", file=file, scale_to_mm=scale))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PHANTOMS if name != "network_card"])
def test_a_ready_phantom_is_moved_to_its_place(empty, tmp_path, name):
    scene = replace(empty, phantom=PhantomChoice(name, position_mm=(3.0, -4.0, 20.0)))
    moved, built = scene_phantom(scene, tmp_path), build_phantom(name, {})
    assert len(moved.solids) == len(built.solids)
    shift = np.subtract(moved.solids[0].position_mm, built.solids[0].position_mm)
    np.testing.assert_allclose(shift, [3.0, -4.0, 20.0], atol=1e-12)


def test_own_solids_come_after_the_phantom_and_so_take_precedence(empty, tmp_path):
    scene = replace(
        empty,
        phantom=PhantomChoice("tungsten_edge", {"tilt_deg": 3.0}),
        solids=(SolidChoice("sphere", "vacuum", radius_mm=1.0), SolidChoice("sphere", "Pb", radius_mm=0.5)),
    )
    assert [solid.material for solid in scene_phantom(scene, tmp_path).solids] == ["W", "vacuum", "Pb"]


def test_a_list_of_whole_numbers_may_stand_for_lengths():
    wedge = build_phantom("step_wedge", {"step_heights_mm": [1, 2, 3.5], "material": "Cu"})
    assert [solid.shape.size_mm[2] for solid in wedge.solids] == [1.0, 2.0, 3.5]
    assert wedge.solids[0].material == "Cu"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("tungsten_edg", {}, "no phantom 'tungsten_edg'; known: tungsten_edge, bar_pattern"),
        ("tungsten_edge", {"tilt": 2.0}, "phantom 'tungsten_edge' has no parameter 'tilt'; known: tilt_deg, covered"),
        ("tungsten_edge", {"tilt_deg": "2.5"}, "tilt_deg of phantom 'tungsten_edge' must be a valid number, got '2.5'"),
        ("tungsten_edge", {"tilt_deg": True}, "tilt_deg of phantom 'tungsten_edge' must be a valid number, got True"),
        ("tungsten_edge", {"tilt_deg": [2.5]}, r"must be a valid number, got \[2.5\]"),
        ("tungsten_edge", {"tilt_deg": float("nan")}, "tilt_deg must be between -20 and 20 degrees, got nan"),
        ("tungsten_edge", {"tilt_deg": 50.0}, "tilt_deg must be between -20 and 20 degrees, got 50"),
        ("tungsten_edge", {"covered_side": "lft"}, "must be 'left', 'right', 'top' or 'bottom', got 'lft'"),
        ("step_wedge", {"step_heights_mm": [1.0, "a"]}, "parameter step_heights_mm.1 of phantom 'step_wedge'.*got 'a'"),
        ("bar_pattern", {"columns": 2.5}, "columns of phantom 'bar_pattern' must be a valid integer, got 2.5"),
        ("bar_pattern", {"foil_material": 3}, "foil_material of phantom 'bar_pattern' must be a valid string, got 3"),
    ],
)
def test_an_unknown_phantom_or_parameter_and_a_value_of_the_wrong_kind_are_named(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        build_phantom(name, parameters)


def _materials(empty, **choices):
    return scene_materials(replace(empty, materials=choices))


def test_a_material_of_its_own_may_be_a_formula(empty):
    own = _materials(empty, salt=MaterialChoice(2.17, formula="NaCl"))["salt"]
    assert (own.name, own.density_g_per_cm3) == ("salt", 2.17)
    # Na 22.990, Cl 35.45: 39.34 % and 60.66 % of the mass.
    assert dict(own.mass_fractions) == pytest.approx({11: 0.3934, 17: 0.6066}, abs=1e-4)


def test_a_material_of_its_own_may_be_mass_parts(empty):
    own = _materials(empty, bronze=MaterialChoice(8.8, mass_fractions={"Cu": 88.0, "Sn": 12.0}))["bronze"]
    assert own.density_g_per_cm3 == 8.8
    assert dict(own.mass_fractions) == pytest.approx({29: 0.88, 50: 0.12}, rel=1e-9)


def test_mass_parts_of_compounds_add_up_their_elements(empty):
    own = _materials(empty, brine=MaterialChoice(1.1, mass_fractions={"water": 0.8, "CsI": 0.2}))["brine"]
    masses = {z: 0.8 * fraction for z, fraction in material("water").mass_fractions}
    masses |= {z: 0.2 * fraction for z, fraction in material("CsI").mass_fractions}
    assert dict(own.mass_fractions) == pytest.approx(masses, rel=1e-9)


def test_a_scene_without_materials_has_none(empty):
    assert scene_materials(empty) == {}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (MaterialChoice(2.0, formula="Xx"), r"materials\.mine: 'Xx' is not a chemical formula"),
        (MaterialChoice(2.0, mass_fractions={"Unobtainium": 1.0}), r"materials\.mine: no attenuation data for 'Unobt"),
        (MaterialChoice(2.0, mass_fractions={"vacuum": 1.0}), r"materials\.mine: it cannot hold 'vacuum'"),
        (MaterialChoice(2.0, mass_fractions={}), r"materials\.mine: .*holds no element"),
    ],
)
def test_a_material_that_cannot_be_made_names_itself(empty, choice, message):
    with pytest.raises(ValueError, match=message):
        _materials(empty, mine=choice)


@pytest.mark.parametrize("arguments", [{}, {"formula": "NaCl", "mass_fractions": {"Na": 1.0}}], ids=["neither", "both"])
def test_a_material_needs_either_formula_or_mass_parts(arguments):
    with pytest.raises(ValueError, match="either a formula or mass_fractions"):
        MaterialChoice(2.0, **arguments)


def test_frames_closer_than_their_integration_are_refused():
    with pytest.raises(ValueError, match=r"frame_interval_s must be at least integration_time_s \(0.5\), got 0.1"):
        Timing(0.5, 0.1)


def test_an_exposure_longer_than_the_integration_is_refused():
    with pytest.raises(ValueError, match=r"exposure_time_s must be at most integration_time_s \(0.5\), got 0.6"):
        Timing(0.5, 1.0, 0.6)


@pytest.mark.parametrize(
    ("sequence", "frames", "expected"),
    [
        (None, 3, "111"),
        (BeamSequence(beam_on=2, beam_off=1, dark_before=2, repeats=2), 8, "00110110"),
        (BeamSequence(beam_on=2, beam_off=1, dark_before=2), 9, "001101101"),  # the turn goes on
        (BeamSequence(beam_on=2, beam_off=1, dark_before=2), 1, "0"),
        (BeamSequence(beam_on=1), 2, "11"),
        (BeamSequence(beam_on=0, beam_off=4), 4, "0000"),
    ],
)
def test_the_beam_is_on_as_the_sequence_says(sequence, frames, expected):
    assert "".join(str(int(on)) for on in beam_pattern(sequence, frames)) == expected


def test_a_sequence_counts_its_frames():
    assert BeamSequence(beam_on=20, beam_off=30, dark_before=5, repeats=3).frames == 155


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam_on": 0}, "frames with beam_on or beam_off, got none"),
        ({"beam_on": -1}, "beam_on"),
        ({"beam_on": 1, "repeats": 0}, "repeats"),
        ({"beam_on": 1, "exposure_spread": 0.2}, "exposure_spread"),
    ],
)
def test_a_sequence_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=rf"(?s){message}"):
        BeamSequence(**arguments)


def test_a_pattern_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="frames must be 1 or more, got 0"):
        beam_pattern(None, 0)


def _fluoroscopy(empty, exposure_spread):
    sequence = BeamSequence(beam_on=3, beam_off=4, dark_before=2, exposure_spread=exposure_spread)
    return replace(empty, sequence=sequence)


def test_exposures_fluctuate_as_described_and_dark_frames_do_not(empty):
    pulses = np.array(relative_exposures(_fluoroscopy(empty, 0.02), 4000, np.random.default_rng(1)))
    on = pulses > 0
    assert (~on).sum() == pytest.approx(4000 * 4 / 7, abs=7)
    assert abs(pulses[on].std() / 0.02 - 1.0) < 4 / np.sqrt(2 * on.sum())
    assert abs(pulses[on].mean() - 1.0) < 4 * 0.02 / np.sqrt(on.sum())


def test_a_steady_tube_draws_no_random_numbers(empty):
    rng = np.random.default_rng(1)
    relative_exposures(_fluoroscopy(empty, 0.0), None, rng)
    assert rng.random() == np.random.default_rng(1).random()
