"""Files that claim more than they hold, or hold more than any detector file: refused in 10 s and 1 GB, by name."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.files.frames import iterate_frames, open_frames, write_tiff
from radiography.files.tiff import MOST_PAGES
from tests.hostile.whole_files import ABOUT

SIDE = 16_384
SECONDS, BYTES = 10.0, 2**30
RUN = """
import json, resource, sys, time
from radiography.cli import run
for line in json.loads(sys.argv[1]):
    begun = time.process_time()
    code = run(line)
    try:  # ru_maxrss begins with that of the process that started this one
        status = open("/proc/self/status", encoding="ascii").read()
        kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([code, time.process_time() - begun, kilobytes * 1024]), file=sys.stderr)
"""


def _directory(tags: list[tuple[int, int, int, int]], following: int) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def _tags(rows: int, cols: int, *more: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    """A grey 16-bit page whose only strip begins at byte 8; later tags win."""
    strip = [(273, 4, 1, 8), (278, 4, 1, rows), (279, 4, 1, rows * cols * 2)]
    head = [(256, 4, 1, cols), (257, 4, 1, rows), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    return list({tag[0]: tag for tag in [*head, *strip, *more]}.values())


def _deflated(path: Path) -> None:
    strip = zlib.compress(bytes(64 * SIDE * 2), 9)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(iter([strip] * (SIDE // 64)), shape=(SIDE, SIDE), dtype=np.uint16, compression="zlib",
                   rowsperstrip=64, photometric="minisblack", metadata=None)  # fmt: skip
    assert path.stat().st_size < 600_000


def _pages(path: Path) -> None:
    tags = _tags(2, 3)
    length = len(_directory(tags, 0))
    pages = b"".join(_directory(tags, 24 + (k + 1) * length if k < 99_999 else 0) for k in range(100_000))
    path.write_bytes(b"II*\0" + struct.pack("<I", 24) + bytes(16) + pages)


def _strips(path: Path) -> None:
    count = 3_000_000
    page = _directory(_tags(16_000, 16, (278, 4, 1, 1), (273, 4, count, 512), (279, 4, count, 512)), 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + page + bytes(512 + 4 * count))


def _hollow(head: bytes, length: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(length)

    return make


def _hollow_array(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (SIDE, SIDE)})
        file.truncate(file.tell() + SIDE * SIDE * 8)


def _described(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        tifffile.imwrite(path, np.ones((20, 30), np.uint16), description=text, metadata=None)

    return make


HOLLOW_TIFF = b"II*\0" + struct.pack("<I", 8) + _directory(_tags(SIDE, SIDE), 0)
BIG_TEXT = _hollow(b"# a text\n", 100 * 2**20)
ENDLESS_MESH = bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(5000)
SCENE = """
description = "a mesh"
panel = "fully_coated"
scintillator = "CsPbBr3_75um"
beam = {{name = "paper_70kV", air_kerma_uGy = 15.0}}
geometry = {{source_to_detector_mm = 1000.0}}
[[solids]]
shape = "mesh"
file = "{name}"
material = "W"
position_mm = [0.0, 0.0, 20.0]
"""
BOMBS: dict[str, tuple[str, Callable[[Path], None], str, str]] = {  # name, maker, command, what it is told
    "deflated": ("a.tif", _deflated, "mtf {path} --pitch 1", "claims to unpack"),
    "pages": ("b.tif", _pages, "mtf {path} --pitch 1", f"holds more than {MOST_PAGES} pages"),
    "strips": ("c.tif", _strips, "mtf {path} --pitch 1", "claims 3000000 values"),
    "hollow .npy": ("d.npy", _hollow_array, "mtf {path} --pitch 1", "hold data"),
    "hollow TIFF": ("e.tif", _hollow(HOLLOW_TIFF, SIDE * SIDE * 2 + 8), "mtf {path} --pitch 1", "hold data"),
    "hollow raw": ("f.raw", _hollow(b"1", 2**29), f"mtf {{path}} --pitch 1 --shape {SIDE}x{SIDE}", "hold data"),
    "hollow set": ("g.cal", _hollow(b"PK\3\4", 2**33), "qc {path}", "no calibration set"),
    "scene": ("h.toml", BIG_TEXT, "check {path}", "at most"),
    "about": ("i.toml", BIG_TEXT, "calibrate --dark a --flat a --out {folder}/a.cal --about {path}", "at most"),
    "criteria": ("j.toml", BIG_TEXT, "calibrate --dark a --flat a --out {folder}/a.cal --criteria {path}", "at most"),
    "panel": ("k.toml", BIG_TEXT, "residual CsI_Tl_500um --panel {path}", "at most"),
    "published": ("l.toml", BIG_TEXT, "validate --out {folder}/v --table {path}", "at most"),
    "curve": ("m.csv", BIG_TEXT, "fit CsPbBr3_75um --mtf {path} --vary thickness_um=1:2 --out {folder}/n.toml",
              "at most"),
    "defect map": ("o.csv", BIG_TEXT, "defects {path}", "no defect table"),
    "sweep": ("v.toml", BIG_TEXT, "sweep {path} --out {folder}/v.zarr", "at most"),
    "endless mesh": ("p.stl", _hollow(ENDLESS_MESH, 5084), "check {folder}/p.stl.toml", "p.stl"),
    "nested": ("r.tif", _described('{"kvp": ' + "[" * 200_000), "mtf {path} --pitch 1 --roi 0:20,0:30", ""),
    "long number": ("s.tif", _described('{"kvp": ' + "9" * 10**6 + "}"), "mtf {path} --pitch 1 --roi 0:20,0:30", ""),
    "long time": ("t.tif", _described('{"integration_time_s": 1e308}'), "mtf {path} --pitch 1", "integration_time_s"),
    "endless time": ("u.tif", _described('{"frame_interval_s": 1e999}'), "mtf {path} --pitch 1", "frame_interval_s"),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int, float, int]]:
    """What one process says of each bomb: sentence, exit code, seconds of CPU, and bytes that it ever took."""
    folder = tmp_path_factory.mktemp("bombs")
    lines = []
    for name, make, command, _ in BOMBS.values():
        make(folder / name)
        (folder / f"{name}.toml").write_text(SCENE.format(name=name))
        lines.append([word.format(path=folder / name, folder=folder) for word in command.split()])
    command = [sys.executable, "-c", RUN, json.dumps(lines)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stderr.splitlines()
    assert len(said) == 2 * len(BOMBS), said
    found = {}
    for number, bomb in enumerate(BOMBS):
        code, seconds, taken = json.loads(said[2 * number + 1])
        found[bomb] = (said[2 * number], code, seconds, taken)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted, and files are hollow, as on Linux")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(told: dict[str, tuple[str, int, float, int]], bomb: str) -> None:
    sentence, code, seconds, taken = told[bomb]
    assert code == 2 and sentence.startswith("radiography: ") and len(sentence) < 500, sentence
    name, _, _, words = BOMBS[bomb]
    assert words in sentence and (name in sentence or not words), sentence
    assert seconds < SECONDS and taken < BYTES, (seconds, taken)


def test_zero_in_a_rational_tag_says_no_pitch(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    page = _directory(_tags(2, 3, (282, 5, 1, 20), (283, 5, 1, 20), (296, 3, 1, 3)), 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", 36) + bytes(12) + struct.pack("<II", 0, 0) + bytes(8) + page)
    source = open_frames(path)
    assert source.pitch_mm is None and next(iterate_frames(source)).shape == (2, 3)


@pytest.mark.slow
def test_a_large_frame_that_is_whole_is_read(tmp_path: Path) -> None:
    frame = np.random.default_rng(1).integers(0, 4096, (8192, 16_384), dtype=np.uint16)
    write_tiff(tmp_path / "a.tif", frame, 0.1, {})
    tifffile.imwrite(tmp_path / "b.tif", frame, compression="zlib", rowsperstrip=64, compressionargs={"level": 1})
    np.save(tmp_path / "c.npy", frame)
    for path in sorted(tmp_path.iterdir()):
        assert np.array_equal(next(iterate_frames(open_frames(path))), frame)


def test_a_small_blank_frame_may_pack_as_it_will(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3072, 3072), np.uint16), compression="zlib")
    assert (tmp_path / "a.tif").stat().st_size < 30_000
    assert not next(iterate_frames(open_frames(tmp_path / "a.tif"))).any()


def test_an_about_file_of_impossible_numbers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from radiography.cli import run

    for number in ("nan", "inf", "1e308", "-1", "1e999"):
        path = tmp_path / "about.toml"
        path.write_text(ABOUT.replace("0.1", number))
        arguments = ["--dark", "a", "--flat", "a", "--out", str(tmp_path / "x.cal"), "--about", str(path)]
        assert run(["calibrate", *arguments]) == 2
        said = capsys.readouterr().err
        assert "integration_time_s" in said and said.count("\n") == 1, said
