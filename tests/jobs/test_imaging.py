"""The jobs from scene to DICOM, called from Python: files are written, a record tells of them, nothing is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.files.frames import open_frames, read_image
from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.check import check_scene
from radiography.jobs.demo import run_demo
from radiography.jobs.export import export_image
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from radiography.jobs.simulate import simulate_scene
from radiography.jobs.undo import undo_frames


def test_a_scene_becomes_frames_and_truth(line: Path, tmp_path: Path, followed: Any) -> None:
    made = simulate_scene(
        str(line / "flat.toml"), str(tmp_path / "raw.npy"), frames=3, truth=tmp_path / "truth.npz", report=followed
    )
    assert (made.frames, made.seed, made.scene.description) == (3, 1, "flat")
    assert np.load(made.out).shape == (3, 48, 64)
    assert made.truth is not None and made.truth.exists()
    assert followed.done["frames"] == 1.0


def test_a_seed_gives_the_same_frames(line: Path, tmp_path: Path) -> None:
    for name in ("once", "again"):
        simulate_scene(line / "flat.toml", tmp_path / f"{name}.npy", seed=5)
    assert (tmp_path / "once.npy").read_bytes() == (tmp_path / "again.npy").read_bytes()


def test_a_check_tells_what_a_scene_takes(line: Path) -> None:
    found = check_scene(line / "edge.toml")
    assert found.solids == 1 and found.object_s > 0
    assert found.memory_bytes == pytest.approx(240e6 + 48 * 64 * (66 + 4 * 8.1))  # 2 x 2 samples a pixel
    assert found.open_field is not None and 0 < found.open_field.absorbed < found.open_field.quanta
    assert check_scene(line / "dark.toml").open_field is None


@pytest.mark.slow
def test_a_check_tells_how_the_focal_spot_blurs(line: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_bytes((line / "small.toml").read_bytes())
    near, high = tmp_path / "near.toml", tmp_path / "high.toml"
    text = (line / "edge.toml").read_text().replace("= 1000.0", "= 1000.0\nfocal_spot_mm = 1.0")
    near.write_text(text)
    high.write_text(text.replace("[0.0, 0.0, 1.0]", "[0.0, 0.0, 199.0]"))
    close = check_scene(near).focal_spot
    assert close is not None and close.points == 1
    assert check_scene(line / "edge.toml").focal_spot is None  # its spot is a point
    far = check_scene(high).focal_spot
    assert far is not None
    assert (far.shape, far.width_mm, far.height_mm, far.top_mm) == ("square", 1.0, 1.0, pytest.approx(200.0))
    assert (far.magnification, far.blur_mm) == (pytest.approx(1.25), pytest.approx(0.25))
    assert (far.points, far.points_per_ray) == (16, 1.0)
    assert far.deviation <= 0.004 and far.up_to_per_mm == pytest.approx(2.0)
    assert check_scene(line / "flat.toml").focal_spot is None


def test_frames_become_a_calibration_set(line: Path, tmp_path: Path, followed: Any) -> None:
    made = calibrate_panel([line / "dark.tif"], [str(line / "flat.tif")], tmp_path / "set.cal", report=followed)
    assert made.out == tmp_path / "set.cal" and made.out.exists()
    assert made.calibration.offset_dn.shape == (48, 64)
    assert made.calibration.darks_used == 8
    assert set(followed.done.values()) == {1.0}


def test_a_calibration_needs_flats(line: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 file of flat frames, got none"):
        calibrate_panel(line / "dark.tif", [], tmp_path / "set.cal")
    assert not list(tmp_path.iterdir())


def test_raw_frames_become_images(line: Path, tmp_path: Path, followed: Any) -> None:
    wanted = Wanted(flags=True, variance=True, dicom=True)
    folder = tmp_path / "images"
    made = reconstruct_frames(
        [line / "edge.tif", line / "flat.tif"], line / "small.cal", folder, wanted=wanted, report=followed
    )
    edge, flat = made.files
    assert edge.image == folder / "edge.tif" and read_image(edge.image).pixels.dtype == np.float32
    assert [path.name for path in edge.planes] == [
        "edge_flags.tif", "edge_variance_random.tif", "edge_variance_calibration.tif",
    ]  # fmt: skip
    assert len(edge.dicom) == 2 and len(flat.dicom) == 16  # two a frame
    named = {path.name for file in made.files for path in (file.image, file.preview, *file.planes, *file.dicom)}
    assert named == {path.name for path in folder.iterdir()}
    assert edge.counts["interpolated"] > 0
    assert made.warnings == ()
    assert followed.done == {"reconstructing": 1.0}


def test_images_go_back_to_raw_frames(line: Path, tmp_path: Path, followed: Any) -> None:
    (back,) = undo_frames(line / "edge_corrected.tif", line / "small.cal", tmp_path / "back.tif", report=followed)
    raw, again = read_image(line / "edge.tif").pixels, read_image(back.path).pixels
    assert back.lost < 0.1 * raw.size
    assert np.mean(raw == again) > 0.9
    assert followed.done == {"going back": 1.0}


def test_an_image_becomes_dicom(line: Path, tmp_path: Path) -> None:
    made = export_image(line / "edge_corrected.tif", tmp_path / "edge.dcm", for_processing=True, pitch_mm=0.2)
    assert (made.out, made.for_processing, made.pitch_mm) == (tmp_path / "edge.dcm", True, 0.2)
    assert open_frames(made.out).cols == 64


def test_a_demo_of_one_frame_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames must be 2 or more, got 1"):
        run_demo(tmp_path / "demo", frames=1)
    assert not list(tmp_path.iterdir())
