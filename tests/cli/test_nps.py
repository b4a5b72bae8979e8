"""`radiography nps` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import write_tiff
from tests.analysis.noise_truth import Flats


@pytest.fixture(scope="module")
def flats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("flats")
    for number, frame in enumerate(Flats(shape=(300, 280), frames=3, rows=0.003, dead=0.001).make(1)):
        write_tiff(made / f"flat_{number}.tif", frame, 0.139, {})
    return made


def test_the_table_and_the_numbers(flats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nps", str(flats / "*.tif"), "--json", str(tmp_path / "nps.json")]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("3 frames, rows 0:300, columns 0:280, mean")
    assert all(len(line.split()) == 11 for line in printed.out.splitlines()[3:9])  # none runs into the next
    assert "nan" not in printed.out and ">100" in printed.out  # fixed noise, of which there is none
    assert "noise of a pixel: total" in printed.out and "pixels left out as defects" in printed.out
    assert "IEC 62220-1-1 asks for 4 million" in printed.err
    assert json.loads((tmp_path / "nps.json").read_text())["frames"] == 3


def test_json_alone_on_standard_output(flats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(flats / f"flat_{number}.tif") for number in range(2)]
    assert run(["nps", *files, "--roi", "10:290,10:", "--block", "128", "--json", "-", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["roi"], found["block_px"], found["frame_correlation"]) == ([10, 290, 10, 280], 128, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--block", "31"], "block_px must be even and 32 or more, got 31"),
        (["--roi", "0:9"], "--roi must be R0:R1,C0:C1"),
        (["--roi", "0:900,0:200"], "roi must lie within 300 rows and 280 columns"),
        (["--csv", "x.txt"], "x.txt must end in .csv"),
        (["--pitch", "-1"], "--pitch must be a positive length"),
    ],
)
def test_one_sentence_for_what_is_wrong(
    flats: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nps", str(flats / "flat_0.tif"), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_frames_without_a_number_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "nan.npy", np.full((300, 300), np.nan, np.float32))
    assert run(["nps", str(tmp_path / "nan.npy"), "--pitch", "0.1"]) == 2
    assert "NaN" in capsys.readouterr().err
