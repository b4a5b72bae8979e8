"""No output option of any command replaces what is no ordinary file, or what the command reads."""

from __future__ import annotations

import os
import stat
import typing
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from calibration.calibration_set import load_calibration_set, save_calibration_set
from calibration.conditions import Conditions
from calibration.learn import FrameStack, learn_panel
from radiography.cli import run
from radiography.cli.app import app
from radiography.files.frames import read_image, write_tiff

ROWS, COLS = 40, 56
READ = {  # what commands are given to read
    "calibration", "about", "pipeline", "over", "mtf_file", "nps_file", "image of mtf", "image of export",
    "table of validate", "flags of nps", "flags of dqe", "flags of mtf", "flags of report", "flags of measure",
    "scenario of import", "sweep_file of sweep",
    "flags of exposure-index", "token_file of send", "tls_ca of send", "tls_cert of send", "tls_key of send",
    "results of report", "mtf of measure",
}  # fmt: skip
FRAMES = "--dark {folder}/dark.tif --flat {folder}/flat.tif"
DQE = "dqe --edge {folder}/raw.tif --flats {folder}/flat.tif --kerma 2.5 --beam RQA5"
RAW = "{folder}/raw.tif --calibration {folder}/good.cal"
LINES = {  # parameter of a command -> a whole command line that writes to {out}, the end of its name, what it reads
    "out of simulate": ("simulate {folder}/scene.toml --out {out}", ".tif", ["spot.tif"]),
    "truth of simulate": ("simulate {folder}/scene.toml --out {folder}/s.tif --truth {out}", ".npz", []),
    "back of simulate": ("simulate {folder}/dual.toml --out {folder}/s.tif --back {out}", ".tif", ["dual.toml"]),
    "out of calibrate": (f"calibrate {FRAMES} --out {{out}}", ".tif", ["dark.tif", "flat.tif"]),
    "out of reconstruct": (f"reconstruct {RAW} --out {{out}}", ".tif", ["raw.tif"]),
    "image of defects": ("defects {folder}/good.cal --image {out} --over {folder}/raw.tif --overlay {folder}/o.png",
                         ".tif", ["raw.tif"]),
    "table of defects": ("defects {folder}/map.csv --table {out}", ".csv", ["map.csv"]),
    "overlay of defects": ("defects {folder}/good.cal --overlay {out}", ".png", []),
    "dicom of defects": ("defects {folder}/good.cal --over {folder}/raw.tif --dicom {out}", ".dcm", []),
    "json_file of lag": ("lag {folder}/good.cal --json {out}", ".json", ["good.cal"]),
    "plot of lag": ("lag {folder}/good.cal --plot {out}", ".png", []),
    "csv_file of qc": ("qc {folder}/good.cal --csv {out}", ".csv", []),
    "json_file of qc": ("qc {folder}/same.json --json {out}", ".json", ["same.json"]),
    "plot of qc": ("qc {folder}/good.cal --plot {out}", ".png", []),
    "json_file of residual": ("residual CsI_Tl_500um {folder}/layer.toml --json {out}", ".json", ["layer.toml"]),
    "plot of residual": ("residual CsI_Tl_500um --plot {out}", ".png", []),
    "json_file of mtf": ("mtf {folder}/raw.tif --json {out}", ".json", ["raw.tif"]),
    "csv_file of mtf": ("mtf {folder}/raw.tif --csv {out}", ".csv", []),
    "dicom of mtf": ("mtf {folder}/raw.tif --dicom {out}", ".dcm", []),
    "plot of mtf": ("mtf {folder}/raw.tif --plot {out}", ".png", []),
    "json_file of nps": ("nps {folder}/raw.tif --json {out}", ".tif", ["raw.tif"]),
    "csv_file of nps": ("nps {folder}/raw.tif --csv {out}", ".csv", []),
    "plot of nps": ("nps {folder}/raw.tif --plot {out}", ".png", []),
    "json_file of dqe": (f"{DQE} --json {{out}}", ".tif", ["raw.tif", "flat.tif"]),
    "csv_file of dqe": (f"{DQE} --csv {{out}}", ".csv", []),
    "plot of dqe": (f"{DQE} --plot {{out}}", ".png", []),
    "json_file of exposure-index": ("exposure-index {folder}/raw.tif --dn-per-uGy 900 --json {out}", ".tif",
                                    ["raw.tif"]),
    "plot of exposure-index": ("exposure-index {folder}/raw.tif --dn-per-uGy 900 --plot {out}", ".png", []),
    "dicom of exposure-index": ("exposure-index {folder}/raw.tif --dn-per-uGy 900 --dicom {out}", ".dcm", []),
    "json_file of measure": ("measure snr {folder}/raw.tif --json {out}", ".tif", ["raw.tif"]),
    "csv_file of measure": ("measure snr {folder}/raw.tif --csv {out}", ".csv", []),
    "plot of measure": ("measure snr {folder}/raw.tif --plot {out}", ".png", []),
    "out of report": ("report {folder}/good.cal --out {out}", ".html", []),
    "json_file of benchmark": ("benchmark CsPbBr3_75um --size 256 --out {folder}/b --json {out}", ".json", []),
    "json_file of info": ("info {folder}/raw.tif --json {out}", ".json", ["raw.tif"]),
    "json_file of send": ("send {folder}/new.dcm --to 127.0.0.1:1 --aec A --retries 0 --json {out}", ".json", []),
    "out of subtract": ("subtract {folder}/raw.tif {folder}/flat.tif --weight 1 --out {out}", ".tif",
                        ["raw.tif", "flat.tif"]),
    "json_file of subtract": ("subtract {folder}/raw.tif {folder}/flat.tif --weight 1 --out {folder}/d.tif "
                              "--json {out}", ".tif", ["raw.tif"]),
    "out of init": ("init scene --out {out}", ".toml", []),
    "json_file of init": ("init scene --out {folder}/new.toml --json {out}", ".json", []),
    "out of export": ("export {folder}/raw.tif --out {out}", ".dcm", ["raw.tif"]),
    "degeneracy of scintillator": ("scintillator CsPbBr3_75um --degeneracy {out}", ".png", []),
    "json_file of scintillator": ("scintillator {folder}/layer.toml --json {out}", ".json", ["layer.toml"]),
    "plot of scintillator": ("scintillator CsPbBr3_75um --plot {out}", ".png", []),
    "out of fit": ("fit {folder}/layer.toml --mtf {folder}/mtf.csv --vary thickness_um=50:100 --out {out}",
                   ".toml", ["layer.toml"]),
    "json_file of fit": ("fit {folder}/layer.toml --mtf {folder}/mtf.csv --vary thickness_um=50:100 --out "
                         "{folder}/f.toml --json {out}", ".json", ["mtf.csv", "layer.toml"]),
    "json_file of simulate": ("simulate {folder}/scene.toml --out {folder}/s.tif --json {out}", ".toml",
                              ["scene.toml"]),
    "json_file of calibrate": (f"calibrate {FRAMES} --out {{folder}}/new.cal --json {{out}}", ".tif", ["dark.tif"]),
    "json_file of reconstruct": (f"reconstruct {RAW} --out {{folder}}/new.tif --json {{out}}", ".cal", ["good.cal"]),
    "json_file of defects": ("defects {folder}/map.csv --json {out}", ".csv", ["map.csv"]),
    "json_file of export": ("export {folder}/raw.tif --out {folder}/new.dcm --json {out}", ".tif", ["raw.tif"]),
    "plot of check": ("check {folder}/scene.toml --plot {out}", ".png", []),
    "json_file of check": ("check {folder}/scene.toml --json {out}", ".toml", ["scene.toml"]),
    "json_file of list": ("list scenes --json {out}", ".json", []),
    "json_file of import": ("import {folder}/scenario.json --json {out}", ".json", ["scenario.json"]),
    "json_file of view": ("view {folder}/raw.tif --no-browser --for 0 --json {out}", ".json", ["raw.tif"]),
    "json_file of sweep": ("sweep {folder}/sweep.toml --out {folder}/new.zarr --json {out}", ".toml", ["sweep.toml"]),
    "json_file of twin": (f"twin {FRAMES} --out {{folder}}/twin --json {{out}}", ".tif", ["dark.tif", "flat.tif"]),
    "plot of twin": (f"twin {FRAMES} --out {{folder}}/twin --plot {{out}}", ".png", []),
    "json_file of warm-up": ("warm-up --json {out}", ".json", []),
    "json_file of demo": ("demo --out {folder}/demo --json {out}", ".json", []),
    "json_file of paper": ("paper T2 --out {folder}/paper --json {out}", ".json", []),
    "json_file of validate": ("validate --out {folder}/validate --json {out}", ".json", []),
    "plot of fit": ("fit {folder}/layer.toml --mtf {folder}/mtf.csv --vary thickness_um=50:100 --out "
                    "{folder}/f.toml --plot {out}", ".png", []),
}  # fmt: skip
SCENE = """
description = "a flat"
panel = "fully_coated"
scintillator = "CsPbBr3_75um"
beam = {name = "paper_70kV", air_kerma_uGy = 15.0}
[geometry]
source_to_detector_mm = 1000.0
focal_spot_shape = "image"
focal_spot_image = "spot.tif"
focal_spot_pitch_mm = 0.1
"""
SCENARIO = """
{"File format version": [1, 0, 0],
 "Detector": {"Position": [0, 200, 0, "mm"], "UpVector": [0, 0, -1], "RightVector": [-1, 0, 0],
              "NumberOfPixels": [64, 48], "Spacing": [500, 500, "um"]},
 "Source": {"Position": [0, -800, 0, "mm"], "Shape": "POINTSOURCE", "Beam": {"Peak kilo voltage": 85}},
 "Samples": []}
"""
FOLDERS = {
    "out of demo": "demo --out {out}",
    "out of import": "import scene.json --out {out}",
    "out of validate": "validate --out {out}",
    "out of paper": "paper T2 --out {out}",
    "out of sweep": "sweep sweep.toml --out {out}",
    "out of twin": "twin --dark dark.tif --flat flat.tif --out {out}",
    "out of benchmark": "benchmark CsPbBr3_75um --size 256 --out {out}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all the command lines read."""
    place = tmp_path_factory.mktemp("outputs")
    rng = np.random.default_rng(1)
    darks = rng.normal(100.0, 4.0, (4, ROWS, COLS)).astype(np.uint16)
    flats = rng.normal(9000.0, 90.0, (4, ROWS, COLS)).astype(np.uint16)
    for name, frames in (("dark", darks), ("flat", flats), ("raw", flats[:1])):
        write_tiff(place / f"{name}.tif", list(frames), 0.139, {})
    calibration = learn_panel([FrameStack(list(darks), "dark")], [FrameStack(list(flats), "flat")],
                              saturation_dn=6e4, conditions=Conditions(pitch_mm=0.139, date="2026-01-01"),
                              provenance={})  # fmt: skip
    save_calibration_set(calibration, place / "good.cal")
    save_calibration_set(calibration, place / "same.json")
    assert load_calibration_set(place / "good.cal").offset_dn.shape == (ROWS, COLS)
    assert run(["defects", str(place / "good.cal"), "--table", str(place / "map.csv")]) == 0
    write_tiff(place / "spot.tif", np.ones((3, 3), np.float32), None, {})
    (place / "scene.toml").write_text(SCENE)
    (place / "dual.toml").write_text(SCENE.replace("fully_coated", "dual_layer"))
    (place / "scenario.json").write_text(SCENARIO)
    (place / "sweep.toml").write_text('base = "scene.toml"\n[axes]\n"beam.air_kerma_uGy" = [1.0, 2.0]\n')
    (place / "layer.toml").write_text('based_on = "CsPbBr3_75um"\nname = "layer"\ndescription = "l"\n')
    (place / "mtf.csv").write_text("0.5,0.9,0.01\n1,0.8,0.01\n2,0.6,0.01\n3,0.4,0.01\n")
    return place


def test_every_path_of_every_command_is_an_input_or_is_tested_here() -> None:
    paths = set()
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        hints = typing.get_type_hints(command.callback)
        paths |= {f"{key} of {name}" for key, hint in hints.items() if hint in (Path, Path | None)}
    read = {name for name in paths if name in READ or name.split(" of ")[0] in READ - {"table", "image"}}
    assert paths - read == set(LINES) | set(FOLDERS)


def _complaint(capsys: pytest.CaptureFixture[str], line: str, **names: object) -> str:
    capsys.readouterr()
    code = run([word.format(**names) for word in line.split()])
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1), printed.err
    return printed.err


def _contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.name: (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.iterdir())
    }


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("kind", ["folder", "pipe", "symbolic link", "device"])
@pytest.mark.parametrize("parameter", LINES)
def test_only_an_ordinary_file_is_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], parameter: str, kind: str
) -> None:
    line, suffix, _ = LINES[parameter]
    out = tmp_path / f"out{suffix}"
    if kind == "folder":
        out.mkdir()
    elif kind == "pipe":
        os.mkfifo(out)
    elif kind == "symbolic link":
        (tmp_path / "target").write_text("old")
        out.symlink_to("target")
    else:
        try:
            os.mknod(out, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    before = _contents(tmp_path), _contents(folder)
    said = _complaint(capsys, line, folder=folder, out=out)
    reason = "exists and is left as it is" if parameter == "out of init" else f"a {kind}"
    assert str(out) in said and reason in said
    assert (_contents(tmp_path), _contents(folder)) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameter", "read"), [(parameter, read) for parameter, (_, _, inputs) in LINES.items() for read in inputs]
)
@pytest.mark.parametrize("spelling", ["same", "roundabout", "hard link"])
def test_no_input_is_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], parameter: str, read: str, spelling: str
) -> None:
    line, suffix, _ = LINES[parameter]
    out = folder / read
    if spelling == "hard link" or not read.endswith(suffix):
        out = tmp_path / f"other{suffix}"
        out.hardlink_to(folder / read)
    if spelling == "roundabout":
        out = out.parent / ".." / out.parent.name / out.name
    before = _contents(folder)
    assert "would be overwritten by a result" in _complaint(capsys, line, folder=folder, out=out)
    assert _contents(folder) == before


def test_what_stands_beside_an_image_replaces_no_input_either(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw.png"
    raw.write_bytes(imagecodecs.png_encode(read_image(folder / "raw.tif").pixels))
    before = raw.read_bytes()
    line = "reconstruct {raw} --calibration {folder}/good.cal --out {out}"
    assert "raw.png would be overwritten" in _complaint(capsys, line, folder=folder, raw=raw, out=tmp_path)
    assert raw.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_two_results_do_not_share_a_name(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "scintillator CsPbBr3_75um --plot {out} --json {out}"
    said = _complaint(capsys, line, out=tmp_path / "same.png")
    assert "two results would be written to" in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("parameter", FOLDERS)
def test_a_folder_of_results_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str], parameter: str) -> None:
    (tmp_path / "file").write_text("old")
    assert "is not a folder" in _complaint(capsys, FOLDERS[parameter], out=tmp_path / "file")
    assert "does not exist" in _complaint(capsys, FOLDERS[parameter], out=tmp_path / "gone" / "deeper")
    assert (tmp_path / "file").read_text() == "old"
