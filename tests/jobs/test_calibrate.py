"""What a calibration says of itself: line, summary and notes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.quality.quality import quality_of
from radiography.jobs.calibrate import calibrate_panel, describe, summary_of

SHAPE = (120, 151)


def panel(level: float, count: int, seed: int, *, offset: float = 500.0, spread: float = 30.0) -> NDArray[np.float64]:
    """Frames with offset and response spread, 4 DN of dark noise and a DN of variance per DN."""
    maps, rng = np.random.default_rng(1), np.random.default_rng(seed)
    offset_dn = offset + maps.normal(0.0, spread, SHAPE)
    signal_dn = level * maps.normal(1.0, 0.03, SHAPE)
    return offset_dn + signal_dn + rng.normal(0.0, np.sqrt(16.0 + signal_dn), (count, *SHAPE))


def calibrated(folder: Path, dark: NDArray[np.generic], flat: NDArray[np.generic]):  # type: ignore[no-untyped-def]
    np.save(folder / "dark.npy", dark)
    np.save(folder / "flat.npy", flat)
    return calibrate_panel(folder / "dark.npy", folder / "flat.npy", folder / "cal").calibration


def words(frames: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.clip(np.round(frames), 0, 65535).astype(np.uint16)


def test_the_summary_has_the_numbers_and_what_to_doubt(tmp_path: Path) -> None:
    calibration = calibrated(tmp_path, words(panel(0.0, 16, 2)), words(panel(4615.0, 16, 3)))
    summary = summary_of(calibration)
    assert list(summary) == [
        "level_dn", "offset_dn", "noise_dn", "defects", "saturation_dn", "saturation_source", "warnings",
    ]  # fmt: skip
    assert summary["level_dn"] == pytest.approx(4615.0, rel=0.002)
    assert summary["offset_dn"] == pytest.approx(500.0, abs=1.0)
    assert summary["noise_dn"] == pytest.approx(4.0, rel=0.02)
    assert (summary["saturation_dn"], summary["defects"]) == (65535.0, {})
    assert summary["warnings"][0] == "one dose: the response is taken as a straight line"


def test_shielded_columns_that_see_light_are_said(tmp_path: Path) -> None:
    dark, flat = panel(0.0, 4, 2), panel(4615.0, 4, 3)
    flat[:, :, :8] = panel(0.0, 4, 4)[:, :, :8]
    np.save(tmp_path / "dark.npy", words(dark))
    np.save(tmp_path / "flat.npy", words(flat))
    for cols, said in (
        ((0, 8), None),
        ((143, 151), "the shielded columns 143:151 show 100 % of the signal of the rest"),
    ):
        found = calibrate_panel(
            tmp_path / "dark.npy", tmp_path / "flat.npy", tmp_path / "cal", shielded_cols=[cols]
        ).calibration
        about = [sentence for sentence in summary_of(found)["warnings"] if "shielded columns" in sentence]
        assert about[0].startswith(said) if said else not about


def test_scaled_floats_are_the_same_panel(tmp_path: Path) -> None:
    dark, flat = words(panel(0.0, 16, 2)), words(panel(4615.0, 16, 3))
    whole = summary_of(calibrated(tmp_path, dark, flat))
    scaled = summary_of(calibrated(tmp_path, (dark / 65535).astype(np.float32), (flat / 65535).astype(np.float32)))
    for name in ("level_dn", "offset_dn", "noise_dn"):
        assert scaled[name] * 65535 == pytest.approx(whole[name], rel=1e-4)
    assert scaled["saturation_dn"] is None and scaled["defects"] == {}


def test_eight_bits_without_noise_are_no_noisy_pixels(tmp_path: Path) -> None:
    dark = np.round(panel(0.0, 16, 2, offset=20.0, spread=1.5) / 25.0 + 20.0).clip(0, 255).astype(np.uint8)
    flat = np.round(panel(3000.0, 16, 3, offset=20.0, spread=1.5) / 25.0 + 20.0).clip(0, 255).astype(np.uint8)
    calibration = calibrated(tmp_path, dark, flat)
    assert calibration.typical_dark_noise_dn == pytest.approx(12**-0.5)
    assert summary_of(calibration)["defects"] == {}


def test_one_dark_and_one_flat_have_no_noise(tmp_path: Path) -> None:
    calibration = calibrated(tmp_path, words(panel(0.0, 1, 2)), words(panel(4615.0, 1, 3)))
    assert "dark noise not known" in describe(calibration) and summary_of(calibration)["noise_dn"] is None
    assert sum("the noise is not known" in note for note in calibration.provenance["notes"]) == 2


def test_a_bright_patch_neither_sets_the_level_nor_makes_the_panel_noisy(tmp_path: Path) -> None:
    flat = panel(4615.0, 16, 3)
    flat[:, :20, :20] += 2 * (flat[:, :20, :20] - 500.0)
    summary = summary_of(calibrated(tmp_path, words(panel(0.0, 16, 2)), words(flat)))
    assert summary["level_dn"] == pytest.approx(4615.0, rel=0.002)
    assert sum(summary["defects"].values()) <= 400 and "noisy" not in summary["defects"]
    clipped = words(flat)
    clipped[:, :20, :20] = 16383
    with pytest.raises(ValueError, match=r"is saturated \(16383 DN\) in 2.2 % of its pixels, limit 1 %"):
        calibrated(tmp_path, words(panel(0.0, 16, 2)), clipped)


def test_a_level_of_a_small_bright_part_is_said(tmp_path: Path) -> None:
    flat = panel(500.0, 16, 3)
    flat[:, 40:60, 40:60] += 29 * (flat[:, 40:60, 40:60] - 500.0)  # all that is coated, or a bright patch
    notes = calibrated(tmp_path, words(panel(0.0, 16, 2)), words(flat)).provenance["notes"]
    (note,) = (note for note in notes if "a bright region set the level" in note)
    assert re.match(r"9[78]\.\d % of the pixels see little of the 1[45]\d{3} DN of the rest", note)
    even = calibrated(tmp_path, words(panel(0.0, 16, 2)), words(panel(500.0, 16, 3))).provenance["notes"]
    assert not any("a bright region" in note for note in even)


def test_a_covered_border_is_no_defect(tmp_path: Path) -> None:
    flat = panel(4615.0, 16, 3)
    flat[:, :, :40] = panel(60.0, 16, 4)[:, :, :40]
    said = describe(calibrated(tmp_path, words(panel(0.0, 16, 2)), words(flat)))
    assert said.endswith("defects: none; 4800 pixels uncoated or behind a collimator")


def test_outliers_of_few_flats_are_not_said_not_to_be_looked_for(tmp_path: Path) -> None:
    flat = words(panel(4615.0, 2, 3))
    flat[:, 50, 60:63] = 6250
    calibration = calibrated(tmp_path, words(panel(0.0, 16, 2)), flat)
    assert calibration.provenance["defects"]["non-uniform"] == 3
    skipped = "; ".join(calibration.provenance["defects_skipped"])
    assert "non-uniform pixels are only those that stand out of the flats" in skipped
    assert "non-uniform and lagging" not in skipped and "lagging pixels were not looked for" in skipped
    number = quality_of(calibration).numbers["non_uniform_pixels"]
    assert number.value == 3 and "only those that stand out" in number.note
