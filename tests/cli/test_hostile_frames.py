"""Frames that lie, files that break off, disks that fill and processes that are killed: one sentence, nothing half."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from calibration.calibration_set import CalibrationSet, load_calibration_set
from radiography.cli import run
from radiography.files.frames import read_image, write_tiff

ROWS, COLS = 120, 150
OFFSET_DN, SIGNAL_DN = 1000.0, 9000.0

Frames = np.ndarray[Any, np.dtype[np.uint16]]


def stack(signal_dn: float, count: int, seed: int, **change: float) -> Frames:
    """Frames of a linear panel of 3 % gain spread; 5 DN of noise in the dark."""
    response = np.random.default_rng(1).normal(1.0, 0.03, (ROWS, COLS))
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, np.sqrt(25.0 + 2.0 * signal_dn), (count, ROWS, COLS))
    return np.clip(OFFSET_DN + response * signal_dn + noise + change.get("add_dn", 0.0), 0, 65535).astype(np.uint16)


def said(serial: str = "A-1", time_s: float = 0.5) -> dict[str, Any]:
    return {"serial": serial, "integration_time_s": time_s, "frame_interval_s": 1.0, "saturation_dn": 60000.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Darks, flats, one raw frame, and the calibration that belongs to them."""
    place = tmp_path_factory.mktemp("hostile")
    write_tiff(place / "dark.tif", stack(0.0, 12, 2), 0.139, said())
    write_tiff(place / "flat.tif", stack(SIGNAL_DN, 16, 3), 0.139, said())
    write_tiff(place / "raw.tif", stack(3000.0, 1, 4)[0], 0.139, said())
    calibrate(place, place / "good.cal")
    return place


def calibrate(folder: Path, out: Path, dark: str = "dark.tif", flat: str = "flat.tif", *more: str) -> None:
    assert run(["calibrate", "--dark", str(folder / dark), "--flat", str(folder / flat), "--out", str(out), *more]) == 0


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on stderr of a command that must fail."""
    capsys.readouterr()
    assert run([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("radiography: ") and printed.err.count("\n") == 1
    return printed.err


def residual(folder: Path, calibration: Path) -> float:
    """Relative scatter of the corrected raw frame; noise alone is 2.6 %: sqrt(25 + 6000) / 3000."""
    out = calibration.with_suffix(".corrected.tif")
    assert run(["reconstruct", str(folder / "raw.tif"), "--calibration", str(calibration), "--out", str(out)]) == 0
    image = read_image(out).pixels
    return float(image.std() / image.mean())


def test_one_hot_pixel_never_spoils_a_calibration(folder: Path, tmp_path: Path) -> None:
    for name, source in (("dark.tif", "dark.tif"), ("flat.tif", "flat.tif")):
        frames = tifffile.imread(folder / source).copy()
        frames[:, 60, 70] = 65535
        write_tiff(tmp_path / name, frames, 0.139, said())
    calibrate(tmp_path, tmp_path / "hot.cal")
    hot, good = load_calibration_set(tmp_path / "hot.cal"), load_calibration_set(folder / "good.cal")
    assert hot.defects[60, 70] and np.count_nonzero(hot.defects) == 1 + np.count_nonzero(good.defects)
    assert hot.level_dn == pytest.approx(good.level_dn, rel=1e-4)
    assert hot.typical_dark_noise_dn == pytest.approx(good.typical_dark_noise_dn, rel=1e-3)
    assert residual(folder, tmp_path / "hot.cal") == pytest.approx(residual(folder, folder / "good.cal"), rel=0.01)


def test_flats_of_unequal_dose_weigh_the_same(folder: Path, tmp_path: Path) -> None:
    levels = np.linspace(0.97, 1.03, 16)
    frames = np.concatenate([stack(SIGNAL_DN * level, 1, 30 + k) for k, level in enumerate(levels)])
    write_tiff(tmp_path / "flat.tif", frames, 0.139, said())
    write_tiff(tmp_path / "dark.tif", stack(0.0, 12, 2), 0.139, said())
    calibrate(tmp_path, tmp_path / "unequal.cal")
    # sqrt(25 + 18000) / 9000 = 1.49 % is quantum noise; the 2 % between frames is not noise
    assert load_calibration_set(tmp_path / "unequal.cal").typical_flat_noise == pytest.approx(0.0149, rel=0.02)
    assert residual(folder, tmp_path / "unequal.cal") == pytest.approx(0.0266, rel=0.03)


def test_a_dark_frame_with_light_is_left_out_and_reported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = tifffile.imread(folder / "dark.tif").copy()
    frames[5] += 400
    write_tiff(tmp_path / "dark.tif", frames, 0.139, said())
    out = tmp_path / "leak.cal"
    calibrate(folder, out, str(tmp_path / "dark.tif"))
    assert "11 dark (1 rejected)" in capsys.readouterr().out
    assert load_calibration_set(out).provenance["darks_rejected"] == [5]


Break = Callable[[Path], list[object]]


def saturated_flats(place: Path) -> list[object]:
    write_tiff(place / "flat.tif", stack(62000.0, 4, 6), 0.139, said())
    return ["--flat", place / "flat.tif"]


def flats_without_beam(place: Path) -> list[object]:
    write_tiff(place / "flat.tif", stack(0.0, 4, 7), 0.139, said())
    return ["--flat", place / "flat.tif"]


def mixed_shapes(place: Path) -> list[object]:
    write_tiff(place / "flat.tif", stack(SIGNAL_DN, 2, 8)[:, :-2], 0.139, said())
    return ["--flat", place / "flat.tif"]


def other_serial(place: Path) -> list[object]:
    write_tiff(place / "flat.tif", stack(SIGNAL_DN, 2, 9), 0.139, said("B-7"))
    return ["--flat", place / "flat.tif"]


def other_time(place: Path) -> list[object]:
    write_tiff(place / "flat.tif", stack(SIGNAL_DN, 2, 9), 0.139, said(time_s=0.1))
    return ["--flat", place / "flat.tif"]


def cut_short(place: Path) -> list[object]:
    whole = place / "whole.tif"
    write_tiff(whole, stack(SIGNAL_DN, 6, 10), 0.139, said())
    (place / "flat.tif").write_bytes(whole.read_bytes()[: -ROWS * COLS * 3])
    return ["--flat", place / "flat.tif"]


def light_in_all_darks(place: Path) -> list[object]:
    frames = stack(0.0, 8, 11)
    frames[::2] += 500
    write_tiff(place / "dark.tif", frames, 0.139, said())
    return ["--dark", place / "dark.tif"]


def no_falling_step(place: Path) -> list[object]:
    write_tiff(place / "step.tif", stack(SIGNAL_DN, 12, 12), 0.139, said())
    return ["--lag", place / "step.tif"]


def unknown_interval(place: Path) -> list[object]:
    frames = np.concatenate([stack(SIGNAL_DN, 6, 12), stack(0.0, 12, 13)])
    write_tiff(place / "step.tif", frames, 0.139, {"serial": "A-1"})
    return ["--lag", place / "step.tif"]


def foreign_criteria(place: Path) -> list[object]:
    (place / "mine.toml").write_text("over_faktor = 2.0\n")
    return ["--criteria", place / "mine.toml"]


def foreign_about(place: Path) -> list[object]:
    (place / "about.toml").write_text('["*.tif"]\nintegration_time = 2.0\n')
    return ["--about", place / "about.toml"]


def earlier_of_another_panel(place: Path) -> list[object]:
    write_tiff(place / "d.tif", stack(0.0, 4, 2)[:, :100], 0.139, {})
    write_tiff(place / "f.tif", stack(SIGNAL_DN, 4, 3)[:, :100], 0.139, {})
    calibrate(place, place / "other.cal", "d.tif", "f.tif")
    return ["--earlier", place / "other.cal"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (saturated_flats, ["saturated", "60000", "limit 1 %"]),
        (flats_without_beam, ["above the darks", "swapped"]),
        (mixed_shapes, ["120 x 150", "118 x 150"]),
        (other_serial, ["serial", "A-1", "B-7"]),
        (other_time, ["0.5", "0.1"]),
        (cut_short, ["flat.tif"]),
        (light_in_all_darks, ["dark frames differ", "light"]),
        (no_falling_step, ["step.tif"]),
        (unknown_interval, ["step.tif", "frame_interval_s"]),
        (foreign_criteria, ["over_faktor", "over_factor"]),
        (foreign_about, ["integration_time", "integration_time_s"]),
        (earlier_of_another_panel, ["earlier", "(100, 150)"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_calibration_input_is_one_sentence_and_leaves_the_old_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Break, words: list[str]
) -> None:
    changed = spoil(tmp_path)
    given: dict[object, object] = {"--dark": folder / "dark.tif", "--flat": folder / "flat.tif"}
    given.update(zip(changed[::2], changed[1::2], strict=True))
    out = tmp_path / "old.cal"
    out.write_bytes(b"the old calibration")
    message = complaint(capsys, "calibrate", *(item for pair in given.items() for item in pair), "--out", out)
    assert all(word in message for word in words), message
    assert out.read_bytes() == b"the old calibration" and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (said("B-7"), ["serial", "B-7", "A-1"]),
        (said(time_s=0.25), ["0.25", "0.5"]),
        ({**said(), "binning": 2}, []),
    ],
)
def test_a_calibration_of_another_panel_or_mode_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], metadata: dict[str, Any], words: list[str]
) -> None:
    write_tiff(tmp_path / "raw.tif", stack(3000.0, 1, 4)[0], 0.139, metadata)
    arguments = ["reconstruct", tmp_path / "raw.tif", "--calibration", folder / "good.cal", "--out", tmp_path / "o.tif"]
    if not words:  # the calibration does not say its binning: not compared
        assert run([str(argument) for argument in arguments]) == 0
        return
    message = complaint(capsys, *arguments)
    assert all(word in message for word in words), message
    assert not (tmp_path / "o.tif").exists()


def test_an_old_or_warm_calibration_is_warned_about_and_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = tmp_path / "about.toml"
    about.write_text('["*.tif"]\ntemperature_C = 25.0\ndate = "2026-01-01T00:00:00Z"\n')
    calibrate(folder, tmp_path / "a.cal", "dark.tif", "flat.tif", "--about", str(about))
    about.write_text('["*.tif"]\ntemperature_C = 31.0\ndate = "2099-01-01T00:00:00Z"\n')
    capsys.readouterr()
    out = tmp_path / "o.tif"
    arguments = ["reconstruct", folder / "raw.tif", "--calibration", tmp_path / "a.cal", "--out", out, "--about", about]
    assert run([str(argument) for argument in arguments]) == 0
    warned = capsys.readouterr().err
    assert warned.count("radiography: warning:") == 2 and "31" in warned and "days" in warned
    assert len(read_image(out).metadata["warnings"]) == 2


@contextmanager
def disk_that_ends_after(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: writing more fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="limits of a process are set on POSIX systems only")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [0, 1000, 40_000])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_files(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    raw, cal = folder / "raw.tif", folder / "good.cal"
    for name in ("panel.cal", "image.tif", "image.png", "image_flags.tif"):
        (tmp_path / name).write_bytes(b"old")
    with disk_that_ends_after(size):
        frames = ["--dark", folder / "dark.tif", "--flat", folder / "flat.tif"]
        complaint(capsys, "calibrate", *frames, "--out", tmp_path / "panel.cal")
        complaint(capsys, "reconstruct", raw, "--calibration", cal, "--out", tmp_path / "image.tif", "--flags")
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
def test_a_killed_calibration_leaves_the_old_set_or_the_whole_new_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "panel.cal"
    arguments = ["calibrate", "--dark", str(folder / "dark.tif"), "--flat", str(folder / "flat.tif"), "--out", str(out)]
    assert run(arguments) == 0
    code = f"import sys; from radiography.cli import run; sys.exit(run({arguments!r}))"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    duration = time.monotonic() - started
    for fraction in np.linspace(0.5, 1.05, 8):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        time.sleep(float(fraction) * duration)
        process.kill()
        process.wait()
        found: CalibrationSet = load_calibration_set(out)
        assert (found.darks_used, found.flats_used) == (12, 16)
    assert run(arguments) == 0
    assert load_calibration_set(out).flats_used == 16
