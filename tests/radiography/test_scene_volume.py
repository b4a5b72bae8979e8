"""Volumes of a scene: read, turned and placed, and what is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantoms.hounsfield import BASIS
from radiography.config import build, load_scene
from radiography.projection.scene_volume import VolumeChoice, volume_files
from radiography.scene import MaterialChoice, Scene, scene_phantom
from tests.phantoms.volume_writers import write_dicom
from tests.reference import partial_densities_at

SPACING = (0.5, 0.75, 2.0)


@pytest.fixture
def folder(tmp_path):
    """Hounsfield units with bone at the right, front, lower corner of LPS voxels; labels; a CT series."""
    hu = np.full((4, 5, 6), -1000, np.int16)
    hu[0, 0, 0], hu[3, 4, 5] = 1524, 20
    np.save(tmp_path / "hu.npy", hu)
    np.save(tmp_path / "unsigned.npy", (hu + 1024).astype(np.uint16))
    np.save(tmp_path / "labels.npy", np.where(hu > 1000, 2, hu > 0).astype(np.uint8))
    np.save(tmp_path / "nan.npy", np.full(hu.shape, np.nan))
    write_dicom(tmp_path / "ct", hu, SPACING)
    write_dicom(tmp_path / "mr", hu, SPACING, change=lambda head, n: setattr(head, "Modality", "MR"))
    return tmp_path


def _volume(folder, **choice):
    scene = replace(load_scene("flat"), volume=(VolumeChoice(**{"materials": "schneider", **choice}),))
    (volume,) = scene_phantom(scene, folder).volumes
    return volume


@pytest.mark.parametrize(
    ("view", "bone_mm"),
    [
        (None, (-1.25, 3.0, -1.5)),  # LIP: right, below, front
        ("AP", (1.25, 3.0, 1.5)),
        ("left lateral", (-1.5, 3.0, 1.25)),
        ("LPS", (-1.25, -1.5, -3.0)),
    ],
)
@pytest.mark.parametrize("source", ["ct", "hu.npy"])
def test_bone_comes_to_lie_where_the_view_says(folder, source, view, bone_mm) -> None:
    said = {} if source == "ct" else {"spacing_mm": SPACING, "orientation": "LPS"}
    volume = _volume(folder, file=source, view=view, position_mm=(1.0, 2.0, 30.0), **said)
    point = np.add([bone_mm], (1.0, 2.0, 30.0))
    density = partial_densities_at(volume, point)[0]
    assert density[BASIS.index("cortical_bone")] == pytest.approx(1.92, rel=0.01)


def test_a_turn_comes_after_the_view(folder) -> None:
    volume = _volume(folder, file="ct", rotation_deg=(0.0, 0.0, 90.0))  # x towards y
    assert partial_densities_at(volume, np.array([[-3.0, -1.25, -1.5]]))[0].sum() == pytest.approx(1.92, rel=0.01)


def test_without_orientation_columns_rows_and_slices_are_x_y_z(folder) -> None:
    volume = _volume(folder, file="hu.npy", spacing_mm=SPACING)
    assert partial_densities_at(volume, np.array([[-1.25, -1.5, -3.0]]))[0].sum() == pytest.approx(1.92, rel=0.01)


def test_labels_have_the_density_of_their_material_own_ones_too(folder) -> None:
    scene = replace(
        load_scene("flat"),
        materials={"plaster": MaterialChoice(2.3, formula="CaSO4")},
        volume=(VolumeChoice("labels.npy", {"0": "air", "1": "water", "2": "plaster"}, spacing_mm=SPACING),),
    )
    (volume,) = scene_phantom(scene, folder).volumes
    assert partial_densities_at(volume, np.array([[-1.25, -1.5, -3.0]]))[0].sum() == 2.3


def test_slope_and_intercept_bring_stored_values_to_hounsfield_units(folder) -> None:
    given = _volume(folder, file="hu.npy", spacing_mm=SPACING)
    shifted = _volume(folder, file="unsigned.npy", spacing_mm=SPACING, intercept=-1024.0)
    assert np.array_equal(given.codes, shifted.codes)
    with pytest.warns(UserWarning, match=r"no value below 24, but air is -1000 HU: is intercept = -1024 missing"):
        _volume(folder, file="unsigned.npy", spacing_mm=SPACING)


def test_metal_is_warned_of(folder) -> None:
    with pytest.warns(UserWarning, match="reaches 3048 HU; metal cannot be told"):
        _volume(folder, file="hu.npy", spacing_mm=SPACING, slope=2.0)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"file": "hu.npy"}, r"volume\[0\]: hu.npy does not say how far apart its voxels are; spacing_mm is missing"),
        ({"file": "ct", "spacing_mm": (1.0, 1.0, 2.0)}, "says itself that its voxels are 0.5, 0.75, 2 mm apart"),
        ({"file": "ct", "orientation": "LPS"}, "says itself how it lies in the patient; leave orientation out"),
        ({"file": "hu.npy", "spacing_mm": SPACING, "view": "AP"}, "view needs orientation beside it"),
        ({"file": "hu.npy", "spacing_mm": SPACING, "orientation": "LXS"}, "orientation must be three letters"),
        ({"file": "ct", "view": "RIP"}, "view 'RIP' would mirror the patient"),
        ({"file": "mr"}, "mr is MR, not CT"),
        ({"file": "nan.npy", "spacing_mm": SPACING}, "nan.npy holds Hounsfield units that are not finite"),
        ({"file": "labels.npy", "spacing_mm": SPACING}, "whole numbers from 0 to 2, which are labels"),
        ({"file": "labels.npy", "spacing_mm": SPACING, "materials": {"0": "air", "2": "water"}}, "none for label 1"),
        ({"file": "labels.npy", "spacing_mm": SPACING, "materials": {"bone": "air"}}, "no whole number"),
        (
            {"file": "labels.npy", "spacing_mm": SPACING, "materials": {"0": "vacuum", "1": "water", "2": "water"}},
            "cannot hold 'vacuum', which weighs nothing",
        ),
        (
            {"file": "labels.npy", "spacing_mm": SPACING, "materials": {"0": "air", "1": "wat", "2": "water"}},
            "no attenuation data for 'wat'",
        ),
        ({"file": "v.raw", "shape": (4, 5, 6)}, "dtype is missing: a raw file needs shape"),
        ({"file": "hu.npy", "shape": (4, 5, 6), "dtype": "int16"}, "says itself how it is laid out"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_volume_that_cannot_be_used_says_why(folder, choice, words) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        _volume(folder, **choice)
    assert str(caught.value).startswith("volume[0]: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"file": "a.npy"}, r"the key 'volume\[0\].materials' is missing"),
        (
            {"file": "a.npy", "materials": "hounsfield"},
            r"toml: volume\.0\.materials must be 'schneider' or a table, got 'hou",
        ),
        ({"file": "a.npy", "materials": {"0": 1}}, r"toml: volume\.0\.materials\.0 must be a valid string, got 1"),
        ({"file": "a.npy", "materials": "schneider", "spacing": 1}, r"unknown key 'volume\[0\].spacing'"),
        ({"file": "a.npy", "materials": "schneider", "spacing_mm": [1, 1, 0]}, "volume.0.spacing_mm.2"),
    ],
)
def test_a_table_that_is_wrong_names_its_key(table, words) -> None:
    scene = {"description": "", "panel": "a", "scintillator": "b", "beam": {"name": "c", "air_kerma_uGy": 1.0},
             "geometry": {"source_to_detector_mm": 1000.0}, "volume": [table]}  # fmt: skip
    with pytest.raises(ValueError, match=words):
        build(Scene, scene, "scene.toml")


def test_files_of_a_volume_are_not_to_be_written_over(folder) -> None:
    (folder / "two.mhd").write_text("")
    (folder / "two.raw").write_text("")
    choices = [VolumeChoice(name, "schneider") for name in ("ct", "two.mhd", "hu.npy", "gone.npy")]
    found = [path.relative_to(folder).as_posix() for path in volume_files(choices, folder)]
    assert found == [*(f"ct/1.2.3_00{n}.dcm" for n in range(4)), "two.mhd", "two.raw", "hu.npy"]
