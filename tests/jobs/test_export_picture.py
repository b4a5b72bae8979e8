"""Pictures of exported objects: made by the steps that are asked for, which is told with their noise gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from radiography.config import shipped
from radiography.files.frames import write_tiff
from radiography.jobs.export import export_image
from radiography.jobs.reconstruct import Wanted, reconstruct_frames
from radiography.jobs.subject import told_of_objects


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy field with a plate of a third of its exposure."""
    path = tmp_path_factory.mktemp("picture") / "plate.tif"
    pixels = np.full((256, 256), 4000.0)
    pixels[64:192, 64:192] /= 3.0
    noisy = np.random.default_rng(1).poisson(pixels).astype(np.float32)
    write_tiff(path, noisy, 0.139, {"kind": "corrected"})
    return path


def test_steps_change_the_picture_and_are_told(image: Path, tmp_path: Path) -> None:
    seen = {}
    for name in sorted(set(shipped("picture")) - {"identity"}):
        made = export_image(image, tmp_path / f"{name}.dcm", told=told_of_objects(None, picture=name))
        stored = pydicom.dcmread(tmp_path / f"{name}.dcm")
        assert f"picture '{name}'" in made.picture and made.picture in stored.ImageComments
        assert "that of flat parts x " in made.picture
        assert "VOILUTFunction" not in stored and float(stored.WindowWidth) >= 1
        seen[name] = stored.PixelData
    assert len(set(seen.values())) == len(seen)
    export_image(image, tmp_path / "plain.dcm")
    assert pydicom.dcmread(tmp_path / "plain.dcm").PixelData == seen["default"]


def test_a_file_is_taken_and_a_wrong_one_refused_before_anything_is_written(image: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('based_on = "board"\nname = "mine"\n[denoise]\nstrength = 1.0\n')
    made = export_image(image, tmp_path / "mine.dcm", told=told_of_objects(None, picture=tmp_path / "mine.toml"))
    assert "picture 'mine'" in made.picture and "lowered by up to 1" in made.picture
    (tmp_path / "linear.toml").write_text(
        'name = "linear"\n'
        + "".join(f"[{s}]\non = false\n" for s in ("logarithm", "denoise", "equalise", "edge", "curve"))
    )
    with pytest.raises(ValueError, match="the picture 'linear' has no logarithm"):
        told_of_objects(None, picture=tmp_path / "linear.toml")
    with pytest.raises(ValueError, match="no picture 'chess'"):
        told_of_objects(None, picture="chess")


@pytest.mark.slow
def test_reconstruct_takes_them_too(line: Path, tmp_path: Path) -> None:
    wanted = Wanted(dicom=True, told=told_of_objects(None, picture="wire"))
    reconstruct_frames(line / "edge.tif", line / "small.cal", tmp_path / "edge.tif", wanted=wanted)
    assert "picture 'wire'" in pydicom.dcmread(tmp_path / "edge.dcm").ImageComments
