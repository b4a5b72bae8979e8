"""Where the saturation level of a calibration and of its frames comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.calibration_set import load_calibration_set
from calibration.flags import DEAD, UNCORRECTABLE
from radiography.files.frames import read_image
from radiography.jobs.calibrate import calibrate_panel, saturation_of
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames

SHAPE = (60, 80)


def frames(level: float, count: int, seed: int, bright: int = 0, clip_dn: int = 16383) -> NDArray[np.uint16]:
    """Frames of a 14-bit panel; `bright` pixels see far too much."""
    rng = np.random.default_rng(seed)
    stack = 500.0 + rng.normal(level, np.sqrt(16.0 + level), (count, *SHAPE))
    stack.reshape(count, -1)[:, :bright] = 1e6
    return np.round(np.clip(stack, 0, clip_dn)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "dark.npy", frames(0.0, 4, 1))
    np.save(tmp_path / "flat.npy", frames(4000.0, 4, 2))
    np.save(tmp_path / "clipped.npy", frames(4000.0, 4, 3, bright=20))
    np.save(tmp_path / "raw.npy", frames(3000.0, 1, 4, bright=400))
    return tmp_path


def calibrated(folder: Path, flat: str, **options: float) -> str:
    made = calibrate_panel(folder / "dark.npy", folder / flat, folder / "cal", **options)  # type: ignore[arg-type]
    return str(saturation_of(made.calibration))


def corrected(folder: Path, **options: float) -> tuple[int, tuple[str, ...], float]:
    made = reconstruct_frames(folder / "raw.npy", folder / "cal", folder / "out.tif", wanted=Wanted(**options))  # type: ignore[arg-type]
    metadata = read_image(folder / "out.tif").metadata
    return made.files[0].counts["saturated"], made.warnings, metadata["saturated_from_dn"]


def test_flats_show_where_they_were_clipped(folder: Path) -> None:
    assert calibrated(folder, "clipped.npy") == "saturation 16383 DN: 20 pixels piled up at 2^14 - 1 in the flats"
    assert corrected(folder) == (380, (), 16383.0)  # 20 of the 400 are bad: they over-respond in the flats


def test_the_lowest_level_of_several_flats_counts(folder: Path) -> None:
    np.save(folder / "flat_12.npy", frames(4000.0, 4, 5))
    (folder / "about.toml").write_text('["flat.npy"]\nsaturation_dn = 15000.0\n["flat_*"]\nsaturation_dn = 9000.0\n')
    flats = [folder / "flat.npy", folder / "flat_12.npy"]
    made = calibrate_panel(folder / "dark.npy", flats, folder / "cal", about=folder / "about.toml")
    assert saturation_of(made.calibration).value_dn == 9000.0


@pytest.mark.slow
def test_frames_show_what_the_flats_did_not(folder: Path) -> None:
    said = calibrated(folder, "flat.npy")
    assert said.startswith("saturation 65535 DN: the end of the range of uint16, for no file says it and no pixel")
    saturated, warnings, level_dn = corrected(folder)
    assert (saturated, level_dn) == (400, 16383.0)
    assert warnings[0].endswith("saturation 16383 DN: 400 pixels piled up at 2^14 - 1 in raw.npy, which is not that of "
                                "the calibration")  # fmt: skip


@pytest.mark.parametrize("flats", ["uint16", "int16"])
@pytest.mark.parametrize("raw", ["float32", "uint16", "int32"])
def test_the_end_of_another_type_is_not_known_to_be_the_panel(folder: Path, flats: str, raw: str) -> None:
    for name in ("dark.npy", "flat.npy"):
        np.save(folder / name, np.load(folder / name).astype(flats))
    np.save(folder / "raw.npy", np.load(folder / "raw.npy").astype(raw))
    assert "the end of the range of" in calibrated(folder, "flat.npy")
    saturated, _, level_dn = corrected(folder)
    assert (saturated, level_dn) == (400, 16383.0)


def test_a_level_that_is_given_decides(folder: Path) -> None:
    assert calibrated(folder, "clipped.npy", saturation_dn=15000.0) == "saturation 15000 DN: as given"
    saturated, warnings, level_dn = corrected(folder, saturation_dn=16000.0)
    assert (saturated, level_dn) == (380, 16000.0) and "saturation 16000 DN: as given" in warnings[0]
    assert corrected(folder, saturation_dn=15000.0)[1] == ()
    with pytest.raises(ValueError, match="the saturation level must be a positive raw value in DN, got -1"):
        corrected(folder, saturation_dn=-1.0)


def test_what_a_file_says_comes_before_what_it_shows(folder: Path) -> None:
    (folder / "about.toml").write_text('["*"]\nsaturation_dn = 12000.0\n')
    made = calibrate_panel(folder / "dark.npy", folder / "flat.npy", folder / "cal", about=folder / "about.toml")
    assert str(saturation_of(made.calibration)) == "saturation 12000 DN: said by flat.npy"


def test_what_is_no_number_is_left_out_flagged_and_filled(folder: Path) -> None:
    dark, flat, raw = (np.load(folder / f"{name}.npy").astype(np.float32) for name in ("dark", "flat", "raw"))
    raw = np.minimum(raw, 9000.0)
    dark[1, 3, 4] = flat[0, 5, 6] = raw[0, 7, 8] = np.nan
    flat[:, 20, 21], raw[0, 30, 31] = np.inf, -np.inf
    for name, frames_ in (("dark", dark), ("flat", flat), ("raw", raw)):
        np.save(folder / f"{name}.npy", frames_)
    calibrated(folder, "flat.npy")
    defects = load_calibration_set(folder / "cal").defects
    assert np.argwhere(defects & DEAD).tolist() == [[20, 21]] and np.count_nonzero(defects) == 1
    made = reconstruct_frames(folder / "raw.npy", folder / "cal", folder / "out.tif", wanted=Wanted(flags=True))
    assert made.files[0].counts["uncorrectable"] == 2
    corrected_dn, flags = read_image(folder / "out.tif").pixels, read_image(folder / "out_flags.tif").pixels
    assert np.argwhere(flags & UNCORRECTABLE).tolist() == [[7, 8], [30, 31]]
    assert corrected_dn[30, 31] == pytest.approx(3000.0, rel=0.03)
    dark[:] = np.nan
    np.save(folder / "dark.npy", dark)
    with pytest.raises(ValueError, match="frame 0 holds 4800 pixels that are NaN or infinite"):
        calibrated(folder, "flat.npy")


def test_float_frames_without_a_clipped_pixel_have_no_level(folder: Path) -> None:
    for name in ("dark", "flat", "raw"):
        np.save(folder / f"{name}.npy", (np.load(folder / f"{name}.npy") / 65535.0).astype(np.float32))
    assert calibrated(folder, "flat.npy").startswith("saturation not known: no file says it")
    saturated, _, level_dn = corrected(folder)
    assert saturated == 400 and level_dn == pytest.approx(16383 / 65535)
