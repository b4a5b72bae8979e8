"""`radiography simulate` of sequences: how many frames, what they say about themselves, and the memory they take."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import plan_acquisition
from radiography.cli.check import run_check
from radiography.cli.simulate import run_simulate
from radiography.config import load_scene
from radiography.files.frames import iterate_frames, open_frames
from radiography.jobs.simulate import frame_conditions, scene_rng
from radiography.projection.project import project

PANEL = """
based_on = "worn"
name = "small"
description = "48 x 64 pixels of the worn panel"
serial = "SMALL-1"
map_seed = 3
[pixels]
rows = {rows}
cols = {cols}
shielded_cols_left = 4
shielded_cols_right = 2
"""

SEQUENCE = """
[timing]
integration_time_s = 0.06
frame_interval_s = 0.0667
exposure_time_s = 0.01
[sequence]
dark_before = 2
beam_on = 3
beam_off = 1
repeats = 2
exposure_spread = 0.01
"""

SCENE = """
description = "small sequence"
panel = "small.toml"
scintillator = "CsI_Tl_500um"
{before}
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
{extra}
"""


def scene_file(
    folder: Path, extra: str = SEQUENCE, kerma: float = 1.0, before: str = "", size: tuple = (48, 64)
) -> str:
    (folder / "small.toml").write_text(PANEL.format(rows=size[0], cols=size[1]))
    path = folder / "scene.toml"
    path.write_text(SCENE.format(kerma=kerma, extra=extra, before=before))
    return str(path)


def test_a_sequence_sets_its_own_number_of_frames(tmp_path: Path) -> None:
    run_simulate(scene_file(tmp_path), tmp_path / "own.tif", None, 1, None)
    run_simulate(scene_file(tmp_path), tmp_path / "four.npy", 4, 1, None)
    own = open_frames(tmp_path / "own.tif")
    assert own.count == 10
    assert open_frames(tmp_path / "four.npy").count == 4
    # dark frames are at 2,000 DN and their dark current, exposed ones some hundred above
    means = [frame[:, 4:62].mean() for frame in iterate_frames(own)]
    assert [mean > 2200 for mean in means] == [False] * 2 + [True] * 3 + [False] + [True] * 3 + [False]


def test_a_scene_without_a_sequence_is_one_frame(tmp_path: Path) -> None:
    run_simulate(scene_file(tmp_path, extra=""), tmp_path / "one.tif", None, 1, None)
    source = open_frames(tmp_path / "one.tif")
    assert source.count == 1
    assert source.metadata["beam_on"] == [[1, True]]


def test_raw_frames_tell_their_conditions(tmp_path: Path) -> None:
    run_simulate(scene_file(tmp_path, before="temperature_C = 31.5"), tmp_path / "raw.tif", None, 1, None)
    metadata = open_frames(tmp_path / "raw.tif").metadata
    assert metadata["beam_on"] == [[2, False], [3, True], [1, False], [3, True], [1, False]]
    assert metadata["shielded_cols"] == [[0, 4], [62, 64]]
    assert (metadata["temperature_C"], metadata["binning"], metadata["gain_mode"]) == (31.5, 1, "standard")
    assert (metadata["frame_interval_s"], metadata["exposure_time_s"]) == (0.0667, 0.01)
    assert metadata["frames"] == 10


def test_a_dark_scene_says_that_the_beam_was_never_on(tmp_path: Path) -> None:
    run_simulate(scene_file(tmp_path, kerma=0.0), tmp_path / "raw.tif", 5, 1, None)
    metadata = open_frames(tmp_path / "raw.tif").metadata
    assert metadata["beam_on"] == [[5, False]]
    assert metadata["temperature_C"] == 25.0


def test_the_truth_holds_what_a_worn_panel_is_and_each_exposure(tmp_path: Path) -> None:
    run_simulate(scene_file(tmp_path), tmp_path / "raw.npy", None, 1, tmp_path / "truth.npz")
    with np.load(tmp_path / "truth.npz") as truth:
        assert truth["nonlinearity"].shape == truth["lag_factor"].shape == (48, 64)
        assert [bool(strength) for strength in truth["relative_exposure"]] == [False] * 2 + [True] * 3 + [False] + [
            True
        ] * 3 + [False]
        strengths = truth["relative_exposure"]
    frames = np.load(tmp_path / "raw.npy")[:, :, 4:62].mean(axis=(1, 2))
    ratio = (frames[3] - frames[0]) / (frames[2] - frames[0])
    # 600 DN above the dark; line noise 0.8 / sqrt(48) DN, quantum noise 0.03 %, and 4 % of lag between the two
    assert ratio == pytest.approx(strengths[3] / strengths[2], abs=0.05)


def test_a_scene_keeps_its_noise_when_scenes_learn_something_new(tmp_path: Path) -> None:
    scene = load_scene(scene_file(tmp_path, extra=""))
    table = asdict(scene)
    known = ("description", "panel", "scintillator", "beam", "geometry", "timing", "phantom", "solids", "materials",
             "sampling")  # fmt: skip
    table = {key: table[key] for key in known}
    table["timing"] = {key: table["timing"][key] for key in ("integration_time_s", "frame_interval_s")}
    spot = {"focal_spot_mm": 0.0, "focal_spot_samples": 1}  # its number of points was 1 where it was not given
    table["geometry"] = {key: table["geometry"][key] for key in ("source_to_detector_mm", "panel_shift_mm")} | spot
    earlier = np.random.default_rng([7, zlib.crc32(json.dumps(table, sort_keys=True, default=str).encode())])
    assert scene_rng(scene, 7).random() == earlier.random()
    assert scene_rng(load_scene(scene_file(tmp_path)), 7).random() != earlier.random()


def test_check_tells_of_the_sequence_and_the_temperature(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check(scene_file(tmp_path, before="temperature_C = 31.5"))
    printed = capsys.readouterr().out
    assert "10 frames, 6 of them with the beam on, at 15 frames/s" in printed
    assert "31.5 deg C" in printed


@pytest.mark.slow
def test_a_measured_focal_spot_is_read_checked_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "spot.npy", np.ones((50, 100)))  # 0.5 x 1 mm
    spot = 'focal_spot_shape = "image"\nfocal_spot_image = "spot.npy"\nfocal_spot_pitch_mm = 0.01\n'
    ball = '[[solids]]\nshape = "sphere"\nmaterial = "W"\nradius_mm = 1.0\nposition_mm = [0.0, 0.0, 199.0]\n'
    path = scene_file(tmp_path, extra=spot + ball)
    run_check(path)
    printed = capsys.readouterr().out
    assert "focal spot 1.01 x 0.507 mm (image)" in printed
    assert "blur at most 252 um, at the object's top 200 mm above the panel (magnification 1.250)" in printed
    assert "16 points in a sample, 1 for a ray; transfer within 0.00" in printed
    sharp = scene_file(tmp_path, extra=ball).replace("scene.toml", "sharp.toml")
    Path(path).rename(sharp)
    scene_file(tmp_path, extra=spot + ball)
    spread = []
    for name in (path, sharp):
        plan = plan_acquisition(load_scene(name), tmp_path)
        quanta = project(plan.phantom, plan.geometry, [50.0], [[1.0]], samples_per_pixel=2, rays_per_sample=4)
        shadow = quanta[0].max() - quanta[0].astype(np.float64)
        columns = np.arange(shadow.shape[1])
        middle = (shadow.sum(axis=0) @ columns) / shadow.sum()
        spread.append((shadow.sum(axis=0) @ (columns - middle) ** 2) / shadow.sum() * (0.139 / 2) ** 2)
    # variances add: that of 1 mm times the magnification less one; the ball's own is that of its shadow
    assert spread[0] - spread[1] == pytest.approx(0.25**2 / 12.0, rel=0.05)
    assert frame_conditions(plan_acquisition(load_scene(path), tmp_path)).focal_spot_mm == pytest.approx(1.007)


def test_the_shipped_fluoroscopy_passes_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    run_check("fluoroscopy")
    assert "65 frames, 30 of them with the beam on" in capsys.readouterr().out


def test_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames must be 1 or more, got 0"):
        run_simulate(scene_file(tmp_path), tmp_path / "raw.tif", 0, 1, None)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is in KiB on Linux only")
def test_hundreds_of_frames_take_no_more_memory_than_twenty(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, size=(256, 320))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from radiography.cli.simulate import run_simulate\n"
        "run_simulate(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), 1, None)\n"
        "status = Path('/proc/self/status').read_text()\n"  # ru_maxrss begins with that of the process that started it
        "print(status.partition('VmHWM:')[2].split()[0])"
    )
    peak_kib = {}
    for frames in (20, 200):
        line = [sys.executable, "-c", code, scene, str(tmp_path / f"{frames}.tif"), str(frames)]
        result = subprocess.run(line, capture_output=True, text=True, check=True)
        peak_kib[frames] = int(result.stdout.split()[-1])
    # 180 frames of 160 KiB are 28,800 KiB; a tenth to a third of that is what the allocator varies by
    assert peak_kib[200] - peak_kib[20] < 12_000
