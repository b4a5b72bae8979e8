"""Personal words of a DICOM file go to the images that are made of it, and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import re
import shlex
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from radiography.cli import run
from radiography.jobs.view import open_pictures
from radiography.jobs.view_server import ASSETS, PictureServer
from tests.dicom.dicom_frames import write_frames
from tests.jobs.test_export import EXPOSURE, OBJECT

WORD = "Quixotic"  # planted in every personal text; nothing of ours says it
TEXTS = {"PN": f"{WORD}^{WORD}", "LO": WORD, "SH": WORD, "ST": WORD, "LT": WORD, "UT": WORD, "UC": WORD}
GROUPS = (0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040, 0x4008)  # of patient, study, series, visit, report
# Of the panel and the beam, not of a person: every record says by which panel an image was taken.
OF_THE_PANEL = {"Manufacturer", "ManufacturerModelName", "DetectorID", "DeviceSerialNumber", "DetectorDescription",
                "DetectorManufacturerName", "DetectorManufacturerModelName", "SoftwareVersions"}  # fmt: skip
COMMANDS = (
    "info edge.dcm --json info.json",
    "calibrate --dark dark.dcm --flat flat.dcm --out panel.cal --json calibrate.json",
    "qc panel.cal --csv qc.csv --json qc.json --plot qc.png",
    "defects panel.cal --table defects.csv --image defects.tif --overlay overlay.png --json defects.json",
    "reconstruct edge.dcm --calibration panel.cal --out out --flags --variance --dicom --json reconstruct.json",
    "reconstruct out/edge.tif --undo --calibration panel.cal --out undone.tif --json undone.json",
    "info out/edge.tif --json info_corrected.json",
    "mtf out/edge.tif --flags out/edge_flags.tif --json mtf.json --csv mtf.csv --plot mtf.png",
    "mtf edge.dcm --json mtf_raw.json --plot mtf_raw.png",
    "nps flat.dcm --json nps.json --csv nps.csv --plot nps.png",
    "dqe --edge edge.dcm --flats flat.dcm --kerma 2.5 --beam RQA5 --json dqe.json --csv dqe.csv",
    "exposure-index out/edge.tif --dn-per-uGy 900 --json index.json --plot index.png",
    "exposure-index edge.dcm --dn-per-uGy 900 --json index_raw.json --plot index_raw.png",
    "measure snr out/edge.tif --json snr.json --csv snr.csv --plot snr.png",
    "measure uniformity flat.dcm --json uniformity.json --plot uniformity.png",
    "report panel.cal --out set.html",
    "report --edge edge.dcm --flats flat.dcm --kerma 2.5 --beam RQA5 --out measured.html",
    "export out/edge.tif --out exported.dcm --json export.json",
    "export out/edge.tif --out linear.dcm --for-processing --name Other^Name",
    "export sequence.dcm --out run.dcm --cine --frame-time 100 --for-processing --json cine.json",
    "export out/edge.tif --out anonymous.dcm --anonymise --json anonymous.json",
    "export sequence.dcm --out anonymous_run.dcm --cine --frame-time 100 --for-processing --anonymise",
    "reconstruct edge.dcm --calibration panel.cal --out nobody.tif --anonymise --dicom --flags --json nobody.json",
    "reconstruct sequence.dcm --calibration panel.cal --out nobody_run.dcm --anonymise --cine --frame-interval 0.1",
    "report out edge.dcm exported.dcm nobody_run.dcm --out pictures.html",
    "report nobody.tif nobody.dcm --out nobody.html --part 20:240,40:300",
)
REFUSED = (  # messages about what is wrong with the file itself
    "mtf dark.dcm --frame 9",
    "export damaged.tif --out never.dcm",
    "reconstruct other.dcm --calibration panel.cal --out never.tif",
    "send edge.dcm --to 127.0.0.1:1 --aec NOBODY --retries 0",
)
PACKED = re.compile(rb'"data": ?"(eN[A-Za-z0-9+/]+=*)"')  # pictures of a report, deflated
# An image is of a person: these say of whom, so that what is made of them still is.
MEANT_TO = {"dark.dcm", "flat.dcm", "edge.dcm", "other.dcm", "damaged.tif", "edge.tif", "undone.tif", "sequence.dcm",
            "edge_processing.dcm", "exported.dcm", "linear.dcm", "run.dcm"}  # fmt: skip


def planted() -> dict[str, object]:
    """Every text of the dictionary about person, place and study with the word in it."""
    found: dict[str, object] = {**EXPOSURE, **OBJECT, "PatientBirthDate": "18390422", "PatientAge": "077Y"}
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if keyword and not retired and vr in TEXTS and keyword not in OF_THE_PANEL and tag >> 16 in GROUPS:
            found[keyword] = TEXTS[vr]
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = WORD, f"99{WORD.upper()}", WORD
    codes = {"AnatomicRegionSequence": [item], "RequestAttributesSequence": [item]}
    return {**found, "BodyPartExamined": WORD.upper(), "RescaleType": "US", **codes}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Raw frames of a person whose name is the word."""
    monkeypatch.chdir(tmp_path)
    rng, shape = np.random.default_rng(1), (288, 320)
    rows, cols = np.indices(shape)
    blurred = 1 / (1 + np.exp(-(cols - 160.0 - 0.06 * (rows - 144)) / 0.7))
    means = {"dark": np.full(shape, 200.0), "flat": np.full(shape, 20200.0), "edge": 200.0 + 18000.0 * blurred + 2000.0}
    for kind, mean in means.items():
        frames = np.stack([rng.poisson(mean) for _ in range(1 if kind == "edge" else 4)]).astype(np.uint16)
        write_frames(tmp_path / f"{kind}.dcm", frames, **planted())
    write_frames(tmp_path / "other.dcm", frames[:, :64], **planted())  # of another size
    write_frames(tmp_path / "sequence.dcm", np.concatenate([frames, frames]), **planted())
    return tmp_path


def texts_of(path: Path) -> Iterator[bytes]:
    """All that a file says; what is packed, unpacked."""
    content = path.read_bytes()
    yield content
    for text in PACKED.findall(content) if path.suffix == ".html" else ():
        unpacked = zlib.decompress(base64.b64decode(text))  # pictures have their high bytes first
        half = len(unpacked) // 2
        yield from (
            unpacked,
            bytes(each for pair in zip(unpacked[half:], unpacked[:half], strict=False) for each in pair),
        )
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    if path.suffix == ".png":
        with Image.open(path) as picture:
            picture.load()
            yield repr(picture.info).encode()


def says(path: Path) -> bool:
    """Whether the name or the content of a file holds the word, in any case of its letters, in 8 or 16 bits."""
    wanted = (WORD.lower().encode(), WORD.lower().encode("utf-16-le"))
    return WORD.lower() in path.name.lower() or any(word in text.lower() for text in texts_of(path) for word in wanted)


@pytest.mark.slow
def test_personal_words_are_in_images_alone(
    person: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="radiography")
    for command in COMMANDS:
        assert run([*shlex.split(command), "--verbose"]) == 0, (command, capfd.readouterr().err)
    corrected = (person / "out" / "edge.tif").read_bytes()
    (person / "damaged.tif").write_bytes(corrected.replace(b'"00100010"', b'"00100011"').replace(b'"PN"', b'"US"'))
    for command in REFUSED:
        assert run([*shlex.split(command), "--verbose"]) != 0, command
    said = capfd.readouterr()
    assert "edge.dcm" in said.out + said.err  # something was said
    assert WORD.lower() not in (said.out + said.err + caplog.text).lower()
    written = [path for path in person.rglob("*") if path.is_file()]
    assert len(written) > 50
    found = {path.name for path in written if says(path)}
    assert found == MEANT_TO
    assert len(PACKED.findall((person / "pictures.html").read_bytes())) > 3
    assert not [words for words in answers(person) if WORD.lower().encode() in words.lower()]


def answers(folder: Path) -> Iterator[bytes]:
    """All that the page of `radiography view` is told: of every picture, and of measurements that work or do not."""
    with PictureServer(open_pictures([folder, folder / "out"])) as serving:
        told = urlopen(f"{serving.url}pictures.json").read()
        yield told
        for name in ASSETS:
            yield urlopen(serving.url + name).read()
        pictures = json.loads(told)["pictures"]
        assert len(pictures) > 15
        for number in range(len(pictures)):
            with urlopen(f"{serving.url}pixels/{number}/0") as answer:
                yield str(answer.headers).encode() + answer.read()
            for what in ("mtf", "noise"):
                asked = {"picture": number, "frame": 0, "region": [20, 268, 60, 260]}
                try:
                    yield urlopen(Request(serving.url + what, json.dumps(asked).encode())).read()
                except HTTPError as refused:
                    yield refused.read()


def test_the_word_would_be_found(person: Path) -> None:
    assert says(person / "edge.dcm")
    with zipfile.ZipFile(person / "a.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside", 50 * WORD)
    assert says(person / "a.npz")
    assert run(["reconstruct", "edge.dcm", "--calibration", "none.cal", "--out", "x.tif"]) == 2


def test_a_name_that_replaces_a_person_leaves_what_was_not_replaced(person: Path) -> None:
    assert run(["export", "edge.dcm", "--out", "x.dcm", "--name", "Other^Name"]) == 0
    assert pydicom.dcmread("x.dcm").PatientName == "Other^Name" and says(person / "x.dcm")
    assert run(["export", "edge.dcm", "--out", "y.dcm", "--subject", "phantom", "--anonymise"]) == 0
    assert not says(person / "y.dcm")


@pytest.mark.slow
def test_an_anonymous_reconstruction_says_neither_who_nor_when(person: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Corrected image, flags, DICOM pair and sequence; numbers of the exposure stay."""
    assert run(shlex.split(COMMANDS[1])) == 0
    for name in ("edge", "sequence"):  # files are called after people, too
        (person / f"{WORD}_{name}.dcm").write_bytes((person / f"{name}.dcm").read_bytes())
    for command in COMMANDS:
        if "nobody" in command and command.startswith("reconstruct"):
            words = command.replace("reconstruct ", f"reconstruct {WORD}_").replace("--json nobody.json", "")
            assert run(shlex.split(words)) == 0, capfd.readouterr().err
    written = sorted(path for path in person.glob("nobody*") if path.is_file())
    assert len(written) == 6
    source = pydicom.dcmread("edge.dcm", stop_before_pixels=True)
    days = {source.get(keyword) for keyword in ("StudyDate", "AcquisitionDate", "ContentDate", "PatientBirthDate")}
    days = {day.encode() for day in days if day}
    assert days
    for path in written:
        assert not says(path), path
        content = path.read_bytes().replace(b"-", b"")
        assert not [day for day in days if day in content], path
    made = pydicom.dcmread("nobody.dcm")
    assert made.PatientIdentityRemoved == "YES" and made.PatientID == "ANONYMOUS"
    assert made.KVP == source.KVP
    assert made.StudyInstanceUID.startswith("2.25.")
    linked = pydicom.dcmread("nobody_processing.dcm")
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == linked.SOPInstanceUID
