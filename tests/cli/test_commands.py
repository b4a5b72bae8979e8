"""The commands as a user meets them: the whole line on a small panel, and one sentence for every wrong input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.cli import run
from radiography.files.frames import read_image, write_tiff

PANEL = """
based_on = "fully_coated"
name = "small"
description = "small cut of the full panel"
serial = "SMALL-1"
map_seed = 3
[pixels]
rows = 240
cols = 300
[uniformity]
response_spread = 0.02
defective_fraction = 0.0005
defective_rows = 0
defective_cols = 1
"""

SCENE = """
description = "{description}"
panel = "small.toml"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
{extra}
"""

EDGE = """
[phantom]
name = "tungsten_edge"
position_mm = [0.0, 0.0, 1.0]
parameters = { tilt_deg = 3.0 }
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole line was run once: frames, calibration, corrected edge."""
    folder = tmp_path_factory.mktemp("line")
    (folder / "small.toml").write_text(PANEL)
    for name, kerma, extra in (("dark", 0.0, ""), ("flat", 15.0, ""), ("edge", 15.0, EDGE)):
        (folder / f"{name}.toml").write_text(SCENE.format(description=name, kerma=kerma, extra=extra))
        frames = "1" if name == "edge" else "8"
        assert (
            run(["simulate", str(folder / f"{name}.toml"), "--out", str(folder / f"{name}.tif"), "--frames", frames])
            == 0
        )
    dark, flat = str(folder / "dark.tif"), str(folder / "flat.tif")
    assert run(["calibrate", "--dark", dark, "--flat", flat, "--out", str(folder / "small.cal")]) == 0
    corrected = ["--calibration", str(folder / "small.cal"), "--out", str(folder / "edge_corrected.tif"), "--dicom"]
    assert run(["reconstruct", str(folder / "edge.tif"), *corrected]) == 0
    return folder


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that must fail says: one line on stderr, exit code 2, nothing on stdout."""
    capsys.readouterr()
    assert run(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("radiography: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.slow
def test_the_line_corrects_what_the_panel_broke(line: Path) -> None:
    image = read_image(line / "edge_corrected.tif")
    assert image.pixels.dtype == np.float32
    assert image.pitch_mm == pytest.approx(0.139)
    assert image.metadata["serial"] == "SMALL-1"
    open_field = image.pixels[:, 200:]
    # 107,000 electrons; diodes get 4,900 x 0.0258 x 0.7 keV in portions of 13.4 keV, 256 electrons each: noise 8,800;
    # light 3,800, electronics 1,500; 9,700 x sqrt(1 + 1/8) with 8 flats are 9.6 %; the gain spread of 2 % is gone
    assert open_field.std() / open_field.mean() == pytest.approx(0.094, abs=0.008)


def test_every_result_is_there(line: Path) -> None:
    for name in ("edge_corrected.tif", "edge_corrected.png", "edge_corrected.dcm", "edge_corrected_processing.dcm"):
        assert (line / name).stat().st_size > 1000
    assert not list(line.glob(".*"))


def test_mtf_prints_a_table_and_writes_json_and_plot(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plot = tmp_path / "mtf.json", tmp_path / "mtf.png"
    assert run(["mtf", str(line / "edge_corrected.tif"), "--json", str(out), "--plot", str(plot)]) == 0
    curve = json.loads(out.read_text())
    value = np.interp(2.0, curve["frequency_per_mm"], curve["value"])
    error = np.interp(2.0, curve["frequency_per_mm"], curve["standard_error"])
    assert value == pytest.approx(0.72, abs=4 * error + 0.005)  # the layer's transfer was fitted to this number
    assert abs(curve["angle_deg"]) == pytest.approx(3.0, abs=0.05)
    assert plot.read_bytes()[:4] == b"\x89PNG"
    assert "1/mm" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_file(line: Path, tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        assert run(["simulate", str(line / "edge.toml"), "--out", str(tmp_path / name), "--seed", "4"]) == 0
    first, second = tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "b.tif")
    np.testing.assert_array_equal(first, second)
    assert (first != tifffile.imread(line / "edge.tif")).any()


def test_scenes_of_one_seed_have_their_own_noise(line: Path) -> None:
    edge = tifffile.imread(line / "edge.tif").astype(float)[:, 200:]
    flat = tifffile.imread(line / "flat.tif")[0].astype(float)[:, 200:]
    mean = tifffile.imread(line / "flat.tif")[1:].mean(axis=0)[:, 200:]
    correlation = np.corrcoef((edge - mean).ravel(), (flat - mean).ravel())[0, 1]
    # both share the mean of 7 flats: 1/7 / (1 + 1/7) = 0.125; the same noise would give 1
    assert correlation < 0.25


def test_npy_frames_and_truth(line: Path, tmp_path: Path) -> None:
    out, truth = tmp_path / "edge.npy", tmp_path / "truth.npz"
    assert run(["simulate", str(line / "edge.toml"), "--out", str(out), "--truth", str(truth)]) == 0
    np.testing.assert_array_equal(np.load(out), tifffile.imread(line / "edge.tif"))
    with np.load(truth) as planes:
        assert planes["defects"].shape == (240, 300)
        assert planes["quanta"].max() == pytest.approx(1200, rel=0.05)


def test_a_stack_becomes_a_stack_and_many_files_a_folder(line: Path, tmp_path: Path) -> None:
    cal = str(line / "small.cal")
    assert run(["reconstruct", str(line / "flat.tif"), "--calibration", cal, "--out", str(tmp_path / "flats.tif")]) == 0
    assert tifffile.imread(tmp_path / "flats.tif").shape == (8, 240, 300)
    many = [str(line / "edge.tif"), str(line / "flat.tif")]
    assert run(["reconstruct", *many, "--calibration", cal, "--out", str(tmp_path / "all")]) == 0
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"edge.tif", "edge.png", "flat.tif", "flat.png"}


def test_headerless_raw_gives_what_tiff_gives(line: Path, tmp_path: Path) -> None:
    pixels = tifffile.imread(line / "edge.tif")
    (tmp_path / "edge.raw").write_bytes(b"header" + pixels.astype(">u2").tobytes())
    layout = [
        "--shape",
        "240x300",
        "--dtype",
        "uint16",
        "--byte-order",
        "big",
        "--header-bytes",
        "6",
        "--pitch",
        "0.139",
    ]
    out = tmp_path / "raw.tif"
    assert (
        run(
            [
                "reconstruct",
                str(tmp_path / "edge.raw"),
                "--calibration",
                str(line / "small.cal"),
                "--out",
                str(out),
                *layout,
            ]
        )
        == 0
    )
    np.testing.assert_array_equal(tifffile.imread(out), tifffile.imread(line / "edge_corrected.tif"))


def test_export_writes_both_kinds(line: Path, tmp_path: Path) -> None:
    import pydicom

    image = str(line / "edge_corrected.tif")
    assert run(["export", image, "--out", str(tmp_path / "show.dcm")]) == 0
    assert run(["export", image, "--out", str(tmp_path / "process.dcm"), "--for-processing"]) == 0
    show, process = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("show", "process"))
    assert (show.PresentationIntentType, process.PresentationIntentType) == ("FOR PRESENTATION", "FOR PROCESSING")
    assert show.KVP == 70


def test_check_and_list_answer(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(line / "edge.toml")]) == 0
    assert "4911 photons per pixel" in capsys.readouterr().out
    for kind in ("scintillators", "panels", "beams", "phantoms", "scenes"):
        assert run(["list", kind]) == 0
        assert len(capsys.readouterr().out.splitlines()) >= 2


@pytest.mark.parametrize("kind", ["scintillators", "panels", "beams", "phantoms", "scenes", "pictures"])
def test_a_list_has_its_lines_one_below_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    assert run(["list", kind, "--json", str(tmp_path / "l.json")]) == 0
    entries = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))["entries"]
    lines = capsys.readouterr().out.splitlines()
    begins = {line.index(entry["about"]) for line, entry in zip(lines, entries, strict=False)}
    assert len(begins) == 1 and begins.pop() >= 2 + max(len(entry["name"]) for entry in entries)


@pytest.mark.slow
def test_shipped_scenes_pass_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("dark", "edge", "flat"):
        assert run(["check", name]) == 0
        assert "scene" in capsys.readouterr().out


SCENE_FAULTS: list[tuple[str, str, str]] = [
    ('name = "paper_70kV"', 'name = "paper_70kv"', "did you mean 'paper_70kV'"),
    ("air_kerma_uGy = 15.0", "air_kerma_uGy = -1.0", "beam.air_kerma_uGy must be greater than or equal to 0, got -1"),
    (
        "air_kerma_uGy = 15.0",
        "air_kerma_uGy = 1e30",
        "beam.air_kerma_uGy must be less than or equal to 1000000, got 1e+30",
    ),
    ("air_kerma_uGy = 15.0", 'air_kerma_uGy = "x"', "air_kerma_uGy must be a valid number"),
    ("air_kerma_uGy", "air_kerma", "unknown key 'beam.air_kerma'"),
    ('panel = "small.toml"', 'panel = "gone.toml"', "gone.toml does not exist"),
    ('scintillator = "CsPbBr3_75um"', 'scintillator = "NaI"', "no scintillator 'NaI'"),
    ("tilt_deg", "tilt", "no parameter 'tilt'"),
    ("tungsten_edge", "tungsten", "no phantom 'tungsten'"),
    ("tilt_deg = 3.0", 'material = "unobtainium"', "unobtainium"),
    ("[0.0, 0.0, 1.0]", "[900.0, 0.0, 1.0]", "beam"),
    ("[0.0, 0.0, 1.0]", "[0.0, 0.0, 999.5]", "source"),
    ("[0.0, 0.0, 1.0]", "[0.0, 0.0, -5.0]", "-5"),
    ("description", "descr iption", "not valid TOML"),
]


@pytest.mark.parametrize(("found", "put", "said"), SCENE_FAULTS, ids=[said for *_, said in SCENE_FAULTS])
def test_a_wrong_scene_is_one_sentence(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], found: str, put: str, said: str
) -> None:
    text = (line / "edge.toml").read_text()
    assert found in text
    (tmp_path / "small.toml").write_text(PANEL)
    (tmp_path / "wrong.toml").write_text(text.replace(found, put, 1))
    message = complaint(capsys, "simulate", str(tmp_path / "wrong.toml"), "--out", str(tmp_path / "x.tif"))
    assert said in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml", "wrong.toml"]


def _truncated_tiff(line: Path, folder: Path) -> list[str]:
    (folder / "cut.tif").write_bytes((line / "edge.tif").read_bytes()[:70_000])
    return [
        "reconstruct",
        str(folder / "cut.tif"),
        "--calibration",
        str(line / "small.cal"),
        "--out",
        str(folder / "x.tif"),
    ]


def _truncated_dicom(line: Path, folder: Path) -> list[str]:
    (folder / "cut.dcm").write_bytes((line / "edge_corrected.dcm").read_bytes()[:50_000])
    return ["mtf", str(folder / "cut.dcm"), "--json", str(folder / "x.json")]


def _missing(line: Path, folder: Path) -> list[str]:
    return [
        "calibrate",
        "--dark",
        str(folder / "none.tif"),
        "--flat",
        str(line / "flat.tif"),
        "--out",
        str(folder / "x"),
    ]


def _wrong_shape(line: Path, folder: Path) -> list[str]:
    write_tiff(folder / "odd.tif", np.ones((50, 60), np.uint16), 0.139, {})
    return [
        "reconstruct",
        str(folder / "odd.tif"),
        "--calibration",
        str(line / "small.cal"),
        "--out",
        str(folder / "x.tif"),
    ]


def _swapped(line: Path, folder: Path) -> list[str]:
    return ["calibrate", "--dark", str(line / "flat.tif"), "--flat", str(line / "dark.tif"), "--out", str(folder / "x")]


def _foreign_calibration(line: Path, folder: Path) -> list[str]:
    return [
        "reconstruct",
        str(line / "edge.tif"),
        "--calibration",
        str(line / "edge.tif"),
        "--out",
        str(folder / "x.tif"),
    ]


def _no_folder(line: Path, folder: Path) -> list[str]:
    return ["simulate", str(line / "edge.toml"), "--out", str(folder / "gone" / "x.tif")]


def _no_edge(line: Path, folder: Path) -> list[str]:
    write_tiff(folder / "flat.tif", np.full((200, 300), 7.0, np.float32), 0.139, {})
    return ["mtf", str(folder / "flat.tif"), "--plot", str(folder / "x.png")]


def _no_pitch(line: Path, folder: Path) -> list[str]:
    np.save(folder / "edge.npy", tifffile.imread(line / "edge_corrected.tif"))
    return ["export", str(folder / "edge.npy"), "--out", str(folder / "x.dcm")]


def _bad_roi(line: Path, folder: Path) -> list[str]:
    return ["mtf", str(line / "edge_corrected.tif"), "--roi", "0:9999,0:10"]


def _bad_roi_text(line: Path, folder: Path) -> list[str]:
    return ["mtf", str(line / "edge_corrected.tif"), "--roi", "all"]


def _bad_layout(line: Path, folder: Path) -> list[str]:
    (folder / "a.raw").write_bytes(bytes(1001))
    return ["mtf", str(folder / "a.raw"), "--shape", "20x25"]


def _zero_frames(line: Path, folder: Path) -> list[str]:
    return ["simulate", str(line / "edge.toml"), "--out", str(folder / "x.tif"), "--frames", "0"]


def _unknown_option(line: Path, folder: Path) -> list[str]:
    return ["simulate", str(line / "edge.toml"), "--output", str(folder / "x.tif")]


FILE_FAULTS: list[tuple[Callable[[Path, Path], list[str]], str]] = [
    (_truncated_tiff, "cut.tif"),
    (_truncated_dicom, "cut.dcm"),
    (_missing, "none.tif does not exist"),
    (_wrong_shape, "50 x 60"),
    (_swapped, "swapped"),
    (_foreign_calibration, "calibration"),
    (_no_folder, "does not exist"),
    (_no_edge, "edge"),
    (_no_pitch, "--pitch"),
    (_bad_roi, "9999"),
    (_bad_roi_text, "R0:R1,C0:C1"),
    (_bad_layout, "1001"),
    (_zero_frames, "frames must be 1 or more, got 0"),
    (_unknown_option, "--output"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "said"), FILE_FAULTS, ids=[prepare.__name__ for prepare, _ in FILE_FAULTS])
def test_a_wrong_file_is_one_sentence_and_leaves_nothing(
    line: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Path, Path], list[str]],
    said: str,
) -> None:
    arguments = prepare(line, tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert said in complaint(capsys, *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_failed_run_leaves_an_older_result_alone(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "old.tif"
    out.write_bytes(b"precious")
    (tmp_path / "cut.tif").write_bytes((line / "edge.tif").read_bytes()[:70_000])
    complaint(
        capsys, "reconstruct", str(tmp_path / "cut.tif"), "--calibration", str(line / "small.cal"), "--out", str(out)
    )
    assert out.read_bytes() == b"precious"


def test_a_calibration_of_another_panel_is_refused(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.toml").write_text(PANEL.replace("SMALL-1", "SMALL-2"))
    (tmp_path / "edge.toml").write_text((line / "edge.toml").read_text())
    assert run(["simulate", str(tmp_path / "edge.toml"), "--out", str(tmp_path / "edge.tif")]) == 0
    arguments = ["--calibration", str(line / "small.cal"), "--out", str(tmp_path / "x.tif")]
    message = complaint(capsys, "reconstruct", str(tmp_path / "edge.tif"), *arguments)
    assert "SMALL-2" in message
    assert "SMALL-1" in message
