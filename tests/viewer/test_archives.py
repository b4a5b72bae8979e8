"""Objects in archives that others wrote: Orthanc (apt: orthanc, orthanc-dicomweb) and storescp (apt: dcmtk).

Orthanc listens on every address whatever it is told, so each runs in a network of its own (`unshare`, root or user
namespaces), together with what asks it.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import skimage.io

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx
from tests.viewer import archives

pytest.importorskip("pynetdicom")
needs_network = pytest.mark.skipif(archives.network_of_its_own() is None, reason="no network namespace (unshare, ip)")
needs_orthanc = pytest.mark.skipif(
    archives.find_orthanc() is None, reason="Orthanc or its DICOMweb is not installed (apt: orthanc, orthanc-dicomweb)"
)
needs_storescp = pytest.mark.skipif(shutil.which("storescp") is None, reason="storescp is not installed (apt: dcmtk)")
ROWS, COLS = 320, 400
COMPRESSED = ("jpeg-lossless", "jpeg-ls", "jpeg2000", "rle", "htj2k")

ORTHANC = """
import json, sys, urllib.request
from pathlib import Path
import radiography as rx

folder, out = Path(sys.argv[1]), {}
store = rx.Server(to="127.0.0.1:4242", called="ORTHANC", timeout_s=20.0)
web = rx.Server(stow="http://127.0.0.1:8042/dicom-web", timeout_s=20.0)


def get(place, accept="application/json"):
    asked = urllib.request.Request("http://127.0.0.1:8042" + place, headers={"Accept": accept})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return answer.read()


def told(account):
    return {each.path.stem: [each.status, each.read_back, each.reason] for each in account.files}


wanted = rx.SendWanted(verify=True, for_processing=True)
out["store"] = told(rx.send_files(folder / "pair", store, wanted))
out["pair over web"] = told(rx.send_files(folder / "pair", web, wanted))
out["compressed"] = told(rx.send_files(folder / "compressed", store, wanted))
out["compressed over web"] = told(rx.send_files(folder / "compressed", web, wanted))
out["decompressed"] = told(rx.send_files(folder / "compressed" / "htj2k.dcm", store, rx.SendWanted(decompress=True)))
out["not ours"] = told(rx.send_files(folder / "other" / "presentation.dcm", web, rx.SendWanted(verify=True)))
out["studies"] = len(json.loads(get("/dicom-web/studies", "application/dicom+json")))
out["instances"] = len(json.loads(get("/instances")))
for name in get("/instances").decode().split('"')[1::2]:
    uid = json.loads(get(f"/instances/{name}/simplified-tags"))["SOPInstanceUID"]
    (folder / "got").mkdir(exist_ok=True)
    (folder / "got" / f"{uid}.dcm").write_bytes(get(f"/instances/{name}/file", "*/*"))
    if uid == sys.argv[2]:
        (folder / "rendered.png").write_bytes(get(f"/instances/{name}/rendered", "image/png"))
        tags = json.loads(get(f"/instances/{name}/simplified-tags"))
        place = "/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/metadata"
        out["metadata"] = json.loads(get(place.format(**tags), "application/dicom+json"))
print(json.dumps(out))
"""

STORESCP = """
import json, sys
from pathlib import Path
import radiography as rx

server = rx.Server(to="127.0.0.1:11112", called="STORESCP", timeout_s=20.0)
account = rx.send_files(Path(sys.argv[1]), server, rx.SendWanted(for_processing=True, verify=True))
again = rx.send_files(Path(sys.argv[1]), server, rx.SendWanted(for_processing=True, decompress=True))
told = [{each.path.stem: [each.status, each.reason] for each in one.files} for one in (account, again)]
print(json.dumps([*told, list(account.doubts)]))
"""


def picture(seed: int) -> np.ndarray:
    """A wedge with a bright corner and noise: no mirror image of itself, its levels over the whole range."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    corrected_dn = 40000.0 * np.exp(-3.0 * cols / COLS) * (1.0 + 0.02 * rng.standard_normal((ROWS, COLS)))
    corrected_dn[(rows < 60) & (cols < 60)] = 200.0
    return corrected_dn.astype(np.float32)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linked pair, one object of each compression, and one that differs from the pair's under the same UIDs."""
    folder = tmp_path_factory.mktemp("archive")
    for name in ("pair", "compressed", "other"):
        (folder / name).mkdir()
    about = DxDescription(acquired=datetime(2024, 3, 1), patient_name="Letter F", conditions=Conditions())
    predecessor = export_dx(picture(1), 0.139, folder / "pair" / "processing.dcm", about, for_processing=True)
    export_dx(picture(1), 0.139, folder / "pair" / "presentation.dcm", about, predecessor=predecessor)
    for k, compression in enumerate(COMPRESSED, start=2):
        place = folder / "compressed" / f"{compression}.dcm"
        export_dx(picture(k), 0.139, place, about, compression=compression)
    changed = pydicom.dcmread(folder / "pair" / "presentation.dcm")
    changed.PixelData = bytes(len(changed.PixelData))
    changed.save_as(folder / "other" / "presentation.dcm")
    return folder


@pytest.fixture(scope="module")
def told(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Orthanc made of them."""
    place = tmp_path_factory.mktemp("orthanc")
    shown = str(pydicom.dcmread(objects / "pair" / "presentation.dcm").SOPInstanceUID)
    ran = archives.run_beside(archives.orthanc(place), [4242, 8042], ORTHANC, place, str(objects), shown)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@needs_network
@needs_orthanc
def test_orthanc_stores_the_pair_by_c_store_and_by_web(told: dict[str, Any]) -> None:
    assert {name: said[:2] for name, said in told["store"].items()} == {
        "processing": ["stored", "found"],
        "presentation": ["stored", "found"],
    }
    assert {name: said[:2] for name, said in told["pair over web"].items()} == {
        "processing": ["stored", "same pixels"],
        "presentation": ["stored", "same pixels"],
    }


@pytest.mark.slow
@needs_network
@needs_orthanc
def test_orthanc_takes_compressed_objects_as_they_are(told: dict[str, Any], objects: Path) -> None:
    for name, (status, read_back, reason) in told["compressed"].items():
        expected = ("refused", None) if name == "htj2k" else ("stored", "found")
        assert (status, read_back) == expected, (name, reason)
    assert "--decompress" in told["compressed"]["htj2k"][2]
    assert told["decompressed"]["htj2k"][0] == "stored"
    for name, (status, read_back, reason) in told["compressed over web"].items():
        assert status == "stored" and read_back in ("found", "same pixels"), (name, reason)
    for path in (objects / "compressed").iterdir():
        got = pydicom.dcmread(objects / "got" / f"{pydicom.dcmread(path).SOPInstanceUID}.dcm")
        if path.stem != "htj2k":
            assert got.file_meta.TransferSyntaxUID == pydicom.dcmread(path).file_meta.TransferSyntaxUID
        assert np.array_equal(got.pixel_array, read_dx(path).pixels[0]), path.stem


@needs_network
@needs_orthanc
def test_what_orthanc_holds_is_what_was_sent(told: dict[str, Any], objects: Path) -> None:
    assert (told["studies"], told["instances"]) == (6, 7)  # the pair is one study
    for path in (objects / "pair").iterdir():
        ours = pydicom.dcmread(path)
        got = pydicom.dcmread(objects / "got" / f"{ours.SOPInstanceUID}.dcm")
        assert got == ours
    (metadata,) = told["metadata"]
    ours = pydicom.dcmread(objects / "pair" / "presentation.dcm")
    assert metadata["00281050"]["Value"] == [ours.WindowCenter] and metadata["00280010"]["Value"] == [ROWS]
    assert metadata["00181164"]["Value"] == pytest.approx([0.139, 0.139])


@needs_network
@needs_orthanc
def test_orthanc_keeps_the_older_object_and_reading_back_tells(told: dict[str, Any]) -> None:
    assert told["not ours"]["presentation"][1] == "other pixels"


@needs_network
@needs_orthanc
def test_orthanc_shows_the_levels_of_the_standard(told: dict[str, Any], objects: Path) -> None:
    """Within two levels of DICOM PS3.3 C.11.2.1.2.1: one for rounding, one for the half count at the window's edge."""
    found = read_dx(objects / "pair" / "presentation.dcm")
    center, width = (float(found.metadata[key]) for key in ("WindowCenter", "WindowWidth"))
    stored = found.pixels[0].astype(np.float64)
    expected = np.clip(((stored - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    shown = np.asarray(skimage.io.imread(objects / "rendered.png"), np.float64)
    assert np.abs(shown - expected).max() <= 2
    assert np.ptp(expected) > 200


@pytest.mark.slow
@needs_network
@needs_storescp
def test_storescp_stores_the_pair_and_refuses_what_it_cannot(objects: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    server = ["storescp", "--accept-all", "--output-directory", str(tmp_path / "in"), "11112"]
    ran = archives.run_beside(server, [11112], STORESCP, tmp_path, str(objects / "pair"))
    assert ran.returncode == 0, ran.stderr[-3000:]
    first, again, doubts = json.loads(ran.stdout.splitlines()[-1])
    assert {said[0] for said in (*first.values(), *again.values())} == {"stored"} and "not read back" in doubts[0]
    got = {str(each.SOPInstanceUID): each for each in map(pydicom.dcmread, (tmp_path / "in").iterdir())}
    for path in (objects / "pair").iterdir():
        ours = pydicom.dcmread(path)
        assert got[str(ours.SOPInstanceUID)].PixelData == ours.PixelData
    server = ["storescp", "--output-directory", str(tmp_path / "in"), "11112"]  # uncompressed alone
    ran = archives.run_beside(server, [11112], STORESCP, tmp_path, str(objects / "compressed"))
    first, again, _ = json.loads(ran.stdout.splitlines()[-1])
    assert {said[0] for said in first.values()} == {"refused"} and {said[0] for said in again.values()} == {"stored"}
