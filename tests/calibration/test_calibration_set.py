"""The calibration file: whole or not there, exactly the name given, refused when any byte is wrong."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibration_set import CalibrationSet, load_calibration_set, save_calibration_set
from calibration.conditions import Conditions
from calibration.lag.model import LagModel
from calibration.response.field import BeamField

CONDITIONS = Conditions(serial="FP-17", pitch_mm=0.139, date="2026-01-01")


@pytest.fixture
def calibration(panel) -> CalibrationSet:  # type: ignore[no-untyped-def]
    made = panel.calibrated(darks=4, flats=4, signal_dn=20000.0)
    return replace(made, provenance={**made.provenance, "sources": {"dark.tif": "00ff"}}, conditions=CONDITIONS)


def test_a_calibration_comes_back_as_it_was(tmp_path: Path, calibration: CalibrationSet) -> None:
    path = tmp_path / "panel 17.calibration"  # no suffix is added
    save_calibration_set(calibration, path)
    assert list(tmp_path.iterdir()) == [path]
    loaded = load_calibration_set(path)
    for name in ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise"):
        before, after = getattr(calibration, name), getattr(loaded, name)
        assert after.dtype == before.dtype and np.array_equal(after, before)
    for name in (
        "saturation_dn",
        "level_dn",
        "typical_dark_noise_dn",
        "typical_flat_noise",
        "darks_used",
        "flats_used",
    ):
        assert getattr(loaded, name) == getattr(calibration, name)
    assert loaded.provenance == calibration.provenance
    assert loaded.conditions == calibration.conditions == CONDITIONS and loaded.provenance["flatten"] == "same"


def test_a_calibration_of_single_frames_comes_back_without_noise(tmp_path: Path, panel) -> None:  # type: ignore[no-untyped-def]
    save_calibration_set(panel.calibrated(1, 1, 20000.0), tmp_path / "c.npz")
    loaded = load_calibration_set(tmp_path / "c.npz")
    assert loaded.offset_noise_dn is None and loaded.gain_noise is None
    assert len(loaded.provenance["defects_skipped"]) == 3


def test_the_same_calibration_gives_the_same_bytes(tmp_path: Path, calibration: CalibrationSet) -> None:
    for name in ("a", "b"):
        save_calibration_set(calibration, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_numpy_opens_the_file(tmp_path: Path, calibration: CalibrationSet) -> None:
    save_calibration_set(calibration, tmp_path / "c")
    with np.load(tmp_path / "c", allow_pickle=False) as planes:
        assert np.array_equal(planes["gain"], calibration.gain)


def test_a_changed_byte_anywhere_is_refused_or_harmless(tmp_path: Path, calibration: CalibrationSet) -> None:
    path = tmp_path / "c"
    save_calibration_set(calibration, path)
    content = path.read_bytes()
    rng = np.random.default_rng(4)
    with zipfile.ZipFile(path) as archive:
        starts = [info.header_offset for info in archive.infolist()]
    positions = [*rng.integers(0, len(content), 60), *(s + rng.integers(0, 200) for s in starts for _ in range(15))]
    positions += [*(len(content) - rng.integers(1, 400) for _ in range(60))]
    refused = 0
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        try:
            loaded = load_calibration_set(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        # what survives is a byte of the archive's dates and attributes; no plane and no number may differ
        assert np.array_equal(loaded.gain, calibration.gain) and loaded.provenance == calibration.provenance
        assert np.array_equal(loaded.offset_dn, calibration.offset_dn) and loaded.level_dn == calibration.level_dn
    assert refused > len(positions) // 2


@pytest.mark.parametrize("part", [0, 3, 100, 0.3, 0.9, -1])
def test_a_cut_file_is_refused(tmp_path: Path, calibration: CalibrationSet, part: float) -> None:
    path = tmp_path / "c"
    save_calibration_set(calibration, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content)) if 0 < part < 1 else part])
    with pytest.raises(ValueError, match="no calibration set, or a damaged one"):
        load_calibration_set(path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", gain=np.ones((4, 6)))
    with pytest.raises(ValueError, match="is no calibration set: it holds gain"):
        load_calibration_set(tmp_path / "foreign.npz")
    np.savez(tmp_path / "foreign.npz", description=np.frombuffer(b'{"format": "cake"}', np.uint8))
    with pytest.raises(ValueError, match="its description says otherwise"):
        load_calibration_set(tmp_path / "foreign.npz")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_calibration_set(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_calibration_set(tmp_path)


def test_a_pickle_in_a_calibration_is_never_opened(tmp_path: Path, calibration: CalibrationSet) -> None:
    path = tmp_path / "c"
    save_calibration_set(calibration, path)
    with np.load(path) as planes:
        stolen = {name: planes[name] for name in planes}
    np.savez(tmp_path / "p.npz", **(stolen | {"gain": np.array([{"x": 1}], object)}))
    with pytest.raises(ValueError, match="is no calibration set, or a damaged one"):
        load_calibration_set(tmp_path / "p.npz")


@pytest.mark.parametrize("broken", ["whole_file.os.fsync", "calibration_set.np.savez"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, calibration: CalibrationSet, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "c"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"calibration.{broken}", full)
    with pytest.raises(OSError, match="No space left"):
        save_calibration_set(calibration, path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_names_itself(tmp_path: Path, calibration: CalibrationSet) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        save_calibration_set(calibration, tmp_path / "nowhere" / "c")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        save_calibration_set(calibration, tmp_path)
    with pytest.raises(TypeError, match=r"provenance of .* cannot be written as JSON"):
        save_calibration_set(replace(calibration, provenance={"rng": object()}), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": np.ones((64, 48), np.float32)}, r"gain is \(64, 48\) but offset_dn is \(48, 64\)"),
        ({"gain": np.ones((48, 64))}, "gain must be float32, got float64"),
        ({"gain": np.zeros((48, 64), np.float32)}, "gain must be positive, its smallest value is 0.0"),
        ({"offset_dn": np.full((48, 64), np.nan, np.float32)}, "offset_dn holds values that are NaN"),
        ({"defects": np.zeros((48, 64), bool)}, "defects must be uint16, got bool"),
        ({"saturation_dn": 0.0}, "saturation_dn must be finite and positive, got 0.0"),
        ({"level_dn": float("inf")}, "level_dn must be finite and positive, got inf"),
        ({"flats_used": 0}, "flats_used must be 1 or more, got 0"),
    ],
)
def test_an_impossible_calibration_is_refused(
    calibration: CalibrationSet, change: dict[str, object], message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        replace(calibration, **change)  # type: ignore[arg-type]


def rich(calibration: CalibrationSet) -> CalibrationSet:
    """A calibration with everything that more than one dark and one flat stack teach."""
    shape = calibration.offset_dn.shape
    plane = np.random.default_rng(4).normal(1.0, 0.1, shape).astype(np.float32)
    field = BeamField((1.0,) + (0.0,) * 14, *shape, (23.5, 31.5), (0.0, 48.0, 0.0, 64.0), 1000.0, 0.2, 1e-4)
    model = LagModel([0.1, 1.0], [500.0, 9000.0], [[0.03, 0.01], [0.02, 0.01]], np.full((2, 2), 1e-4), [1e-3, np.nan],
                     0.07, 6.0)  # fmt: skip
    return replace(
        calibration,
        dark_rate_dn_per_s=plane,
        dark_rate_error_dn_per_s=0.01,
        quality={"flats": []},
        conditions=Conditions(integration_time_s=0.5, temperature_C=25.0, shielded_cols=((0, 4), (60, 64))),
        dark_times_s=(0.1, 0.5),
        doubling_K=8.0,
        curvature=np.stack([plane * 1e-7, plane * 1e-12]).astype(np.float32),
        chi_square=plane,
        levels_dn=(1000.0, 20000.0),
        calibration_variance=(0.5, -1.0, 40.0),
        field=field,
        lag=model,
    )


def test_everything_that_was_learned_comes_back(panel, tmp_path):  # type: ignore[no-untyped-def]
    calibration = rich(panel.calibrated(4, 4, 20000.0))
    save_calibration_set(calibration, tmp_path / "a.cal")
    back = load_calibration_set(tmp_path / "a.cal")
    for name in ("dark_rate_dn_per_s", "curvature", "chi_square"):
        assert np.array_equal(getattr(back, name), getattr(calibration, name))
    for name in (
        "conditions",
        "quality",
        "dark_rate_error_dn_per_s",
        "dark_times_s",
        "doubling_K",
        "levels_dn",
        "calibration_variance",
    ):
        assert getattr(back, name) == getattr(calibration, name)
    assert (back.dark_time_s, back.shielded_cols) == (0.5, ((0, 4), (60, 64))) and back.field == calibration.field
    assert back.lag is not None and np.array_equal(back.lag.fraction, [[0.03, 0.01], [0.02, 0.01]])
    assert np.isnan(back.lag.time_error_s[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"curvature": np.zeros((3, 48, 64), np.float32)}, "1 or 2 planes, got 3"),
        ({"curvature": np.zeros((1, 48, 63), np.float32)}, "curvature is"),
        ({"chi_square": np.full((48, 64), np.nan, np.float32)}, "chi_square holds"),
        ({"conditions": Conditions(integration_time_s=0.5, shielded_cols=((60, 65),))}, "60:65"),
        ({"conditions": Conditions()}, "needs integration_time_s"),
        ({"levels_dn": (1000.0, np.inf)}, "levels_dn must be finite"),
    ],
)
def test_what_cannot_be_is_refused(panel, change, words):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=words):
        replace(rich(panel.calibrated(4, 4, 20000.0)), **change)


def write_old(path: Path, version: int, **more: object) -> None:
    """A small set as earlier versions wrote it: its conditions lie among its provenance."""
    head = {
        "format": "radiography calibration set",
        "version": version,
        "saturation_dn": 60000.0,
        "level_dn": 9000.0,
        "typical_dark_noise_dn": 4.0,
        "typical_flat_noise": 0.01,
        "darks_used": 5,
        "flats_used": 6,
        **more,
    }
    plane = np.ones((3, 4), np.float32)
    with path.open("wb") as file:
        description = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez(file, description=description, offset_dn=plane, gain=plane, defects=np.zeros((3, 4), np.uint16))


def test_a_set_of_version_1_is_read(tmp_path: Path) -> None:
    write_old(tmp_path / "old.cal", 1, provenance={"serial": "OLD-1"})
    old = load_calibration_set(tmp_path / "old.cal")
    assert (old.flats_used, old.lag, old.curvature, old.levels_dn) == (6, None, None, ())
    assert old.conditions == Conditions(serial="OLD-1") and old.provenance == {}


def test_conditions_and_history_of_version_2_are_told_apart(tmp_path: Path) -> None:
    said = {"serial": "OLD-2", "pitch_mm": 0.139, "source_to_detector_mm": 1000.0, "date": "2026-01-01", "kvp": 70.0}
    history = {"dark_files": [{"name": "d.tif", "sha256": "00ff"}], "software": "radiography 0.2"}
    learned = {"integration_time_s": 0.2, "dark_rate_error_dn_per_s": 0.01, "quality": {"flats": []}}
    numbers = {"dark_time_s": 0.2, "temperature_C": 25.0, "doubling_K": 8.0, "shielded_cols": [[0, 1]]}
    write_old(tmp_path / "old.cal", 2, provenance={**said, **history, **learned}, **numbers)
    old = load_calibration_set(tmp_path / "old.cal")
    assert old.conditions == Conditions(
        **said,
        integration_time_s=0.2,
        temperature_C=25.0,
        shielded_cols=((0, 1),),  # type: ignore[arg-type]
    )
    assert (old.doubling_K, old.dark_rate_error_dn_per_s, old.quality) == (8.0, 0.01, {"flats": []})
    assert old.provenance == history


def test_a_condition_that_cannot_be_is_a_damaged_set(tmp_path: Path) -> None:
    write_old(tmp_path / "old.cal", 2, provenance={"pitch_mm": -1.0})
    with pytest.raises(
        ValueError, match=r"old\.cal is a damaged calibration set: conditions: pitch_mm must be greater"
    ):
        load_calibration_set(tmp_path / "old.cal")
