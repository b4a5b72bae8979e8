"""`radiography info`, and frames of every format through the other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from fabio.edfimage import EdfImage

from radiography.cli import run
from radiography.files.frames import write_tiff

ROWS, COLS = 48, 64


def stack(signal_dn: float, count: int, seed: int) -> np.ndarray:
    """Frames of a linear panel of 3 % gain spread, clipped at 14 bits."""
    response = np.random.default_rng(1).normal(1.0, 0.03, (ROWS, COLS))
    noise = np.random.default_rng(seed).normal(0.0, np.sqrt(25.0 + 2.0 * signal_dn), (count, ROWS, COLS))
    return np.clip(1000.0 + response * signal_dn + noise, 0, 16383).astype(np.uint16)


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The JSON of `info` for these arguments."""
    capsys.readouterr()
    assert run(["info", *(str(argument) for argument in arguments), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_info_says_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flat.tif"
    frames = stack(9000.0, 2, 3)
    frames[0, :3, :10] = 16383
    write_tiff(path, frames, 0.139, {"kind": "raw", "kvp": 70.0, "serial": "A-1"})
    assert run(["info", str(path)]) == 0
    text = capsys.readouterr().out
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == f"{path}: tiff, 2 frames of 48 x 64 uint16"
    assert lines[1] == "stage       raw" and lines[2].startswith("pitch       0.139 mm")
    assert lines[3].endswith("0.488 % at the greatest") and " to 16383; " in lines[3]  # 30 of 6144
    assert lines[4].startswith("saturation  16383 DN: ") and lines[5] == "conditions  serial A-1, kvp 70.0"
    found = told(capsys, path)
    assert found["shape"] == [48, 64] and found["frames"] == 2 and found["dtype"] == "uint16"
    assert found["pitch_mm"] == 0.139 and found["pitch_source"] and found["stage"] == "raw"
    assert found["range_dn"] == [int(frames.min()), 16383] and found["share_at_greatest"] == 30 / 6144
    assert found["saturation_dn"] == 16383 and found["conditions"]["kvp"] == 70.0 and found["warnings"] == []
    assert found["share_at_least"] == np.count_nonzero(frames == frames.min()) / frames.size


def test_info_of_several_files_is_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiff(tmp_path / "a.tif", stack(9000.0, 1, 3)[0], None, {"kind": "corrected"})
    tifffile.imwrite(tmp_path / "b.tif", stack(9000.0, 1, 3)[0], resolution=(72, 72), resolutionunit="INCH")
    first, second = told(capsys, tmp_path / "a.tif", tmp_path / "b.tif")
    assert (first["stage"], first["saturation_dn"]) == ("corrected", None)
    assert second["pitch_mm"] is None and "72 dots per inch" in second["warnings"][0]
    assert run(["info", str(tmp_path / "*.tif"), "--json", str(tmp_path / "x.json")]) == 0
    assert len(json.loads((tmp_path / "x.json").read_text())) == 2


def test_info_of_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.tif").write_bytes(b"%PDF-1.7")
    assert run(["info", str(tmp_path / "x.tif"), "--json", str(tmp_path / "x.json")]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "x.tif is a PDF document: export the frame as TIFF" in printed.err
    assert not (tmp_path / "x.json").exists()


def test_a_header_before_each_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = stack(9000.0, 3, 4).astype(np.float32) - 1000
    path = tmp_path / "x.raw"
    path.write_bytes(b"head" + b"".join(b"gap" + frame.tobytes() for frame in frames))
    layout = ["--shape", "48x64", "--dtype", "float32", "--header-bytes", 4, "--frame-gap", 3]
    found = told(capsys, path, *layout)
    assert found["frames"] == 3 and found["range_dn"] == [float(frames.min()), float(frames.max())]
    assert run(["info", str(path), "--frame-gap", "3"]) == 2
    assert "--frame-gap is for headerless raw files, of which --shape" in capsys.readouterr().err


def test_calibrate_and_reconstruct_take_hdf5_and_edf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dark, flat, raw = stack(0.0, 8, 2), stack(9000.0, 8, 3), stack(3000.0, 1, 4)
    with h5py.File(tmp_path / "run_1.h5", "w") as file:
        file["entry/dark"], file["entry/flat"] = dark, flat
    EdfImage(data=raw[0]).write(str(tmp_path / "raw.edf"))
    write_tiff(tmp_path / "dark.tif", dark, None, {})
    write_tiff(tmp_path / "flat.tif", flat, None, {})
    write_tiff(tmp_path / "raw.tif", raw, None, {})
    names = {
        "h5": (f"{tmp_path}/run_*.h5::/entry/dark", f"{tmp_path}/run_1.h5::/entry/flat", "raw.edf"),
        "tif": (f"{tmp_path}/dark.tif", f"{tmp_path}/flat.tif", "raw.tif"),
    }
    images = []
    for kind, (darks, flats, frame) in names.items():
        cal, out = str(tmp_path / f"{kind}.cal"), tmp_path / f"{kind}_out.tif"
        assert run(["calibrate", "--dark", darks, "--flat", flats, "--out", cal, "--pitch", "0.139"]) == 0
        assert run(["reconstruct", str(tmp_path / frame), "--calibration", cal, "--out", str(out)]) == 0
        images.append(tifffile.imread(out))
    assert np.array_equal(*images)
    capsys.readouterr()
    arguments = ["--dark", names["h5"][0], "--flat", names["h5"][1], "--out", str(tmp_path / "run_1.h5")]
    assert run(["calibrate", *arguments]) == 2
    assert "run_1.h5 would be overwritten by a result" in capsys.readouterr().err
