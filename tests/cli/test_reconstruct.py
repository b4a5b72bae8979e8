"""`calibrate` and `reconstruct` with everything they can be given, on a small panel made in the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from calibration import flags as bits
from calibration.calibration_set import load_calibration_set
from radiography.cli import run
from radiography.files.frames import read_image, sha256_of, write_tiff

ROWS, COLS = 96, 136
SHIELDED = 8  # columns on the left that see no X-rays
INTERVAL_S, TIME_S = 0.1, 0.08
DEAD = (40, 60)
Plane = np.ndarray[Any, np.dtype[Any]]


class Panel:
    """A panel with gain spread, dark current, line noise and one term of lag; its own arithmetic, float64."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.response = rng.normal(1.0, 0.03, (ROWS, COLS))
        self.response[:, :SHIELDED] = 0.0
        self.response[DEAD] = 0.0
        self.rate = rng.normal(400.0, 60.0, (ROWS, COLS))
        self.base = rng.normal(1000.0, 40.0, (ROWS, COLS))

    def frames(self, signals_dn: list[float], seed: int, time_s: float = TIME_S, warmth: float = 1.0) -> Plane:
        rng = np.random.default_rng(seed)
        store = np.zeros((ROWS, COLS))
        kept = np.exp(-INTERVAL_S / 0.25)
        raw = []
        for signal_dn in signals_dn:
            charge = self.response * signal_dn
            charge = charge + rng.normal(0.0, np.sqrt(0.5 * charge))
            delivered = charge * 0.97 + store * (1.0 - kept)
            store = store * kept + 0.03 * charge
            line = rng.normal(0.0, 8.0, (ROWS, 1))
            dark = self.base + self.rate * time_s * warmth
            raw.append(np.rint(dark + delivered + line + rng.normal(0.0, 4.0, (ROWS, COLS))))
        return np.clip(np.stack(raw), 0, 65535).astype(np.uint16)


def said(time_s: float = TIME_S, **more: Any) -> dict[str, Any]:
    own = {"serial": "R-1", "integration_time_s": time_s, "frame_interval_s": INTERVAL_S, "saturation_dn": 60000.0}
    return {**own, "source_to_detector_mm": 1000.0, "shielded_cols": [[0, SHIELDED]], **more}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Darks of two times, flats of three doses, a beam-on/beam-off sequence, a fluoroscopy, and their calibration."""
    folder, panel = tmp_path_factory.mktemp("panel"), Panel()
    files = {
        "dark_80ms": (panel.frames([0.0] * 24, 1), said()),
        "dark_400ms": (panel.frames([0.0] * 24, 2, 0.4), said(0.4)),
        "flat_2k": (panel.frames([2000.0] * 16, 3), said()),
        "flat_8k": (panel.frames([8000.0] * 16, 4), said()),
        "flat_32k": (panel.frames([32000.0] * 16, 5), said()),
        "step": (panel.frames([20000.0] * 12 + [0.0] * 30, 6), said()),
        "fluoroscopy": (panel.frames([20000.0] * 6 + [0.0] * 6, 8), said()),
        "one": (panel.frames([12000.0], 9)[0], said()),
    }
    for name, (frames, metadata) in files.items():
        write_tiff(folder / f"{name}.tif", frames, 0.139, metadata)
    command = ["calibrate", "--dark", str(folder / "dark_*.tif"), "--flat", str(folder / "flat_*.tif")]
    assert run([*command, "--lag", str(folder / "step.tif"), "--out", str(folder / "panel.cal")]) == 0
    return folder


def reconstruct(place: Path, name: str, out: Path, *more: str) -> Plane:
    raw, cal = str(place / f"{name}.tif"), str(place / "panel.cal")
    assert run(["reconstruct", raw, "--calibration", cal, "--out", str(out), *more]) == 0
    return tifffile.imread(out)


@pytest.mark.slow
def test_the_calibration_holds_all_that_the_frames_tell(place: Path) -> None:
    calibration = load_calibration_set(place / "panel.cal")
    assert calibration.dark_times_s == (TIME_S, 0.4) and calibration.dark_time_s == TIME_S
    assert calibration.shielded_cols == ((0, SHIELDED),)
    assert calibration.dark_rate_dn_per_s is not None and calibration.lag is not None
    assert np.median(calibration.dark_rate_dn_per_s) == pytest.approx(400.0, abs=5.0)
    # 30 frames of 96 x 128 pixels: 0.03 to much better than 2 %
    assert calibration.lag.fraction.sum() == pytest.approx(0.03, rel=0.02)
    assert len(calibration.levels_dn) == 3 and calibration.field is not None
    assert calibration.defects[DEAD] & bits.DEAD
    assert (calibration.defects[:, :SHIELDED] == bits.SHIELDED).all()
    hashes = {file["sha256"] for file in calibration.provenance["lag_files"]}
    assert hashes == {sha256_of(place / "step.tif")}


@pytest.mark.slow
def test_flags_and_variances_stand_beside_the_image(place: Path, tmp_path: Path) -> None:
    image = reconstruct(place, "one", tmp_path / "one.tif", "--flags", "--variance")
    flags = tifffile.imread(tmp_path / "one_flags.tif")
    random, calibrated = (tifffile.imread(tmp_path / f"one_variance_{kind}.tif") for kind in ("random", "calibration"))
    assert flags.dtype == np.uint16 and flags[DEAD] & bits.INTERPOLATED
    open_field = flags[:, SHIELDED:] == 0
    pixels = image[:, SHIELDED:][open_field]
    variance = (random + calibrated)[:, SHIELDED:][open_field]
    # line noise of 8 DN from 8 columns of 4 DN: its rest and the pixel noise are left; chi-square of 12,000 pixels
    assert np.mean((pixels - pixels.mean()) ** 2 / variance) == pytest.approx(1.0, abs=0.05)
    assert read_image(tmp_path / "one_flags.tif").metadata["bits"]["interpolated"] == bits.INTERPOLATED
    metadata = read_image(tmp_path / "one.tif").metadata
    assert metadata["calibration"]["sha256"] == sha256_of(place / "panel.cal")
    assert metadata["raw"]["sha256"] == sha256_of(place / "one.tif")
    assert metadata["steps"][:4] == [
        "saturation flagged",
        "line noise subtracted",
        "offset subtracted",
        "lag subtracted",
    ]
    assert metadata["counts"]["interpolated"] == 1


def test_lag_passes_from_frame_to_frame_and_from_file_to_file(place: Path, tmp_path: Path) -> None:
    whole = reconstruct(place, "fluoroscopy", tmp_path / "whole.tif")
    frames = tifffile.imread(place / "fluoroscopy.tif")
    first_dark = whole[6][:, SHIELDED:].mean() / whole[:6][..., SHIELDED:].mean()
    # 1 % of lag (0.03 x 0.33 after a few frames) down to 0.05 %; 12,000 pixels of 9 DN in 20,000: 4e-6
    assert abs(first_dark) < 5e-4
    parts = []
    for number in range(0, 12, 4):
        write_tiff(tmp_path / f"part{number:02d}.tif", frames[number : number + 4], 0.139, said())
        parts.append(str(tmp_path / f"part{number:02d}.tif"))
    cal = ["--calibration", str(place / "panel.cal")]
    assert run(["reconstruct", *parts, *cal, "--out", str(tmp_path / "parts"), "--sequence"]) == 0
    joined = np.concatenate([tifffile.imread(path) for path in sorted((tmp_path / "parts").glob("*.tif"))])
    np.testing.assert_array_equal(joined, whole)
    assert run(["reconstruct", *parts, *cal, "--out", str(tmp_path / "alone")]) == 0
    assert (tifffile.imread(tmp_path / "alone" / "part08.tif") != whole[8:]).any()


def test_a_sequence_without_an_interval_is_corrected_without_lag_and_says_so(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = said()
    del metadata["frame_interval_s"]
    write_tiff(tmp_path / "raw.tif", tifffile.imread(place / "fluoroscopy.tif"), 0.139, metadata)
    arguments = ["reconstruct", str(tmp_path / "raw.tif"), "--calibration", str(place / "panel.cal"), "--out"]
    capsys.readouterr()
    assert run([*arguments, str(tmp_path / "a.tif")]) == 0
    assert "lag was not corrected" in capsys.readouterr().err
    assert "lag subtracted" not in read_image(tmp_path / "a.tif", frame=0).metadata["steps"]
    assert run([*arguments, str(tmp_path / "b.tif"), "--frame-interval", str(INTERVAL_S)]) == 0
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "b.tif"), reconstruct(place, "fluoroscopy", tmp_path / "c.tif")
    )


def test_a_pipeline_switches_steps(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = tmp_path / "pipeline.toml"
    off = "".join(f"[{step}]\non = false\n" for step in ("line_noise", "lag", "gain", "defects"))
    pipeline.write_text(off + '[offset]\nscale = "none"\n')
    image = reconstruct(place, "one", tmp_path / "one.tif", "--pipeline", str(pipeline))
    offset = load_calibration_set(place / "panel.cal").offset_dn
    np.testing.assert_array_equal(image, tifffile.imread(place / "one.tif").astype(np.float32) - offset)
    metadata = read_image(tmp_path / "one.tif").metadata
    assert metadata["steps"] == ["saturation flagged", "offset subtracted"]
    assert metadata["pipeline_file"]["sha256"] == sha256_of(pipeline)
    for text, words in (
        ("[glare]\non = true\n", "fraction"),
        ("[gain]\nflaten = 'none'\n", "flatten"),
        ("[gain]\nflatten = 'some'\n", "'same', 'none' or 'lowfreq'"),
    ):
        pipeline.write_text(text)
        capsys.readouterr()
        arguments = [
            str(place / "one.tif"),
            "--calibration",
            str(place / "panel.cal"),
            "--out",
            str(tmp_path / "x.tif"),
        ]
        assert run(["reconstruct", *arguments, "--pipeline", str(pipeline)]) == 2
        assert words in capsys.readouterr().err and not (tmp_path / "x.tif").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("distance_mm", "warned"), [(1500.0, False), (700.0, True)])
def test_the_field_at_a_shorter_distance_is_warned_about(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], distance_mm: float, warned: bool
) -> None:
    frame = tifffile.imread(place / "one.tif")
    write_tiff(tmp_path / "raw.tif", frame, 0.139, said(source_to_detector_mm=distance_mm))
    arguments = [str(tmp_path / "raw.tif"), "--calibration", str(place / "panel.cal"), "--flatten", "lowfreq"]
    capsys.readouterr()
    assert run(["reconstruct", *arguments, "--out", str(tmp_path / "o.tif")]) == 0
    assert ("held constant" in capsys.readouterr().err) == warned


def test_undo_gives_the_raw_frame_back(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = tmp_path / "pipeline.toml"
    pipeline.write_text("[line_noise]\non = false\n[lag]\non = false\n")
    reconstruct(place, "one", tmp_path / "one.tif", "--pipeline", str(pipeline), "--flags")
    back = ["--undo", str(tmp_path / "one.tif"), "--calibration", str(place / "panel.cal"), "--out"]
    assert run(["reconstruct", *back, str(tmp_path / "raw.tif")]) == 0
    raw, truth = tifffile.imread(tmp_path / "raw.tif"), tifffile.imread(place / "one.tif")
    free = (tifffile.imread(tmp_path / "raw_flags.tif") & (bits.INTERPOLATED | bits.UNCORRECTABLE)) == 0
    assert raw.dtype == np.uint16 and np.count_nonzero(~free) == 1
    np.testing.assert_array_equal(raw[free], truth[free])
    (tmp_path / "one_flags.tif").unlink()
    capsys.readouterr()
    assert run(["reconstruct", *back, str(tmp_path / "again.tif")]) == 2
    assert "--flags" in capsys.readouterr().err and not (tmp_path / "again.tif").exists()


def test_undo_with_another_calibration_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reconstruct(place, "one", tmp_path / "one.tif", "--flags")
    frames = ["--dark", str(place / "dark_80ms.tif"), "--flat", str(place / "flat_8k.tif")]
    assert run(["calibrate", *frames, "--out", str(tmp_path / "other.cal")]) == 0
    capsys.readouterr()
    back = ["--undo", str(tmp_path / "one.tif"), "--calibration", str(tmp_path / "other.cal")]
    assert run(["reconstruct", *back, "--out", str(tmp_path / "raw.tif")]) == 2
    assert "SHA-256" in capsys.readouterr().err


def test_a_warmer_panel_is_scaled_by_its_shielded_columns(place: Path, tmp_path: Path) -> None:
    frames = Panel().frames([0.0] * 2, 11, 0.4, warmth=1.5)
    write_tiff(tmp_path / "warm.tif", frames, 0.139, said(0.4))
    arguments = ["reconstruct", str(tmp_path / "warm.tif"), "--calibration", str(place / "panel.cal")]
    assert run([*arguments, "--out", str(tmp_path / "w.tif")]) == 0
    metadata = read_image(tmp_path / "w.tif", frame=0).metadata
    # 768 shielded pixels of 160 DN dark signal; line noise of 8 DN in 96 rows is 0.8 DN of it
    assert metadata["dark_scale"] == pytest.approx(1.5, abs=5 * 0.8 / 160)
    left = tifffile.imread(tmp_path / "w.tif")[0][:, SHIELDED:]
    assert abs(left.mean()) < 5.0  # 80 DN without the scale


@pytest.mark.slow
def test_earlier_sets_keep_bad_pixels_bad_and_lend_their_lag(place: Path, tmp_path: Path) -> None:
    frames = ["--dark", str(place / "dark_80ms.tif"), "--flat", str(place / "flat_8k.tif")]
    old = [str(place / "panel.cal")]
    for number in range(3):
        out = tmp_path / f"{number}.cal"
        assert run(["calibrate", *frames, "--earlier", *old, "--out", str(out)]) == 0
        old.append(str(out))
    calibration = load_calibration_set(tmp_path / "2.cal")
    assert calibration.lag is not None
    assert calibration.lag.fraction.sum() == load_calibration_set(place / "panel.cal").lag.fraction.sum()  # type: ignore[union-attr]
    assert len(calibration.provenance["earlier_files"]) == 3
    assert "the lag model is that of an earlier calibration set" in calibration.provenance["notes"]


def test_the_image_becomes_dicom_that_says_how_it_was_made(place: Path, tmp_path: Path) -> None:
    import pydicom

    reconstruct(place, "one", tmp_path / "one.tif", "--dicom")
    for name in ("one.dcm", "one_processing.dcm"):
        comment = pydicom.dcmread(tmp_path / name).ImageComments
        assert "lag subtracted" in comment and sha256_of(place / "panel.cal") in comment


def test_the_new_commands_answer(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cal = str(place / "panel.cal")
    assert run(["lag", cal, "--json", str(tmp_path / "lag.json")]) == 0
    assert run(["defects", cal, "--table", str(tmp_path / "defects.csv")]) == 0
    assert run(["qc", cal, "--json", str(tmp_path / "qc.json")]) == 0
    assert json.loads((tmp_path / "lag.json").read_text()) and json.loads((tmp_path / "qc.json").read_text())
    assert "40,60" in (tmp_path / "defects.csv").read_text()
    printed = capsys.readouterr().out
    assert "dead" in printed and "first frame" in printed


def test_the_png_follows_the_picture_and_the_tiff_does_not(place: Path, tmp_path: Path) -> None:
    plain = reconstruct(place, "one", tmp_path / "default.tif")
    drawn = reconstruct(place, "one", tmp_path / "wire.tif", "--picture", "wire")
    assert np.array_equal(plain, drawn) and plain.dtype == np.float32
    assert sha256_of(tmp_path / "default.png") != sha256_of(tmp_path / "wire.png")
