"""The viewer's server: what it shows of which file, what it measures, and what it tells to nobody else."""

from __future__ import annotations

import http.client
import json
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.flags import DEAD, INTERPOLATED
from radiography.dicom.description import DxDescription
from radiography.dicom.write import export_dx
from radiography.files.frames import write_tiff
from radiography.jobs.measure import measure_mtf
from radiography.jobs.view import frame_pixels, open_pictures, shelf_to_json
from radiography.jobs.view_regions import region_mtf, region_noise
from radiography.jobs.view_server import ASSETS, PAGE, PictureServer

ROWS, COLS = 200, 160
PITCH_MM = 0.139
REGION = (20, 180, 40, 120)


def edge(rng: np.random.Generator) -> np.ndarray:
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    dn = 1000.0 + 3000.0 / (1.0 + np.exp(-(cols - 80.0 - 0.05 * (rows - 100.0)) / 0.5))
    return (dn + rng.normal(0.0, 10.0, dn.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `reconstruct --flags --dicom` leaves, beside a file that is no picture and a preview."""
    place = tmp_path_factory.mktemp("a private name")
    corrected = edge(np.random.default_rng(1))
    flags = np.zeros((ROWS, COLS), np.uint16)
    flags[50, 60] = DEAD | INTERPOLATED
    raw = {"raw": {"name": "edge_raw.tif"}}
    write_tiff(place / "edge.tif", corrected, PITCH_MM, {"kind": "corrected", "steps": ["offset subtracted"], **raw})
    write_tiff(place / "edge_flags.tif", flags, PITCH_MM, {"kind": "flags", **raw})
    write_tiff(place / "edge_variance_random.tif", corrected, PITCH_MM, {"kind": "variance_random", "unit": "DN^2"})
    export_dx(corrected, PITCH_MM, place / "edge.dcm", DxDescription(magnification=1.2, acquired=datetime(2024, 3, 1)))
    (place / "edge.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "notes.txt").write_text("no picture\n")
    stack = np.stack([corrected, 2 * corrected]).astype(np.uint16)
    write_tiff(place.parent / "edge_raw.tif", stack, PITCH_MM, {"kind": "raw"})
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[PictureServer]:
    with PictureServer(open_pictures([folder, folder.parent / "edge_raw.tif"])) as serving:
        yield serving


def ask(
    server: PictureServer, place: str, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    host, _, path = server.url.removeprefix("http://").partition("/")
    talk = http.client.HTTPConnection(host, timeout=30)
    talk.request(method, f"/{path}{place}" if not place.startswith("/") else place, body, headers)
    answer = talk.getresponse()
    found = answer.status, dict(answer.headers), answer.read()
    talk.close()
    return found


def test_pictures_come_in_the_order_of_the_chain_with_unit_flags_and_spacing(folder: Path) -> None:
    shelf = open_pictures([folder, folder.parent / "edge_raw.tif", folder / "edge.tif"])
    told = shelf_to_json(shelf)
    rows = [(each["name"], each["kind"], each["unit"], each["flags"]) for each in told["pictures"]]
    assert rows == [
        ("edge_raw.tif", "raw", "DN", 3),
        ("edge.tif", "corrected", "DN", 3),
        ("edge.dcm", "presentation", "", 3),
        ("edge_flags.tif", "flags", "", None),
        ("edge_variance_random.tif", "variance of the frame", "DN^2", None),
    ]
    spacings = [each["spacing_mm"] for each in told["pictures"]]
    assert spacings == pytest.approx([PITCH_MM, PITCH_MM, PITCH_MM / 1.2, PITCH_MM, PITCH_MM], rel=1e-6)
    assert told["pictures"][2]["detector_mm"] == PITCH_MM and "in the object" in told["pictures"][2]["spacing_says"]
    assert told["pictures"][0]["frames"] == 2 and told["pictures"][1]["steps"] == ["offset subtracted"]
    assert sorted(told["left_out"])[0] == "edge.png is the preview of edge.tif"
    assert any(text.startswith("notes.txt is ") for text in told["left_out"]) and len(told["left_out"]) == 2
    assert {flag["name"] for flag in told["flags"]} >= {"dead", "saturated", "interpolated"}


def test_the_window_of_a_dicom_file_is_that_of_its_header(folder: Path) -> None:
    picture = shelf_to_json(open_pictures(folder / "edge.dcm"))["pictures"][0]
    import pydicom

    header = pydicom.dcmread(folder / "edge.dcm", stop_before_pixels=True)
    lower, upper = picture["window"]
    assert (lower + upper) / 2 == float(header.WindowCenter) - 0.5 and upper - lower == float(header.WindowWidth) - 1


def test_a_picture_that_is_not_linear_has_the_polarity_of_its_header(folder: Path, tmp_path: Path) -> None:
    import pydicom

    header = pydicom.dcmread(folder / "edge.dcm")
    header.PhotometricInterpretation, header.PresentationLUTShape = "MONOCHROME1", "INVERSE"
    header.save_as(tmp_path / "presentation.dcm")
    del header.PresentationIntentType
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    header.save_as(tmp_path / "cr.dcm")
    del header.PixelIntensityRelationship
    header.save_as(tmp_path / "unknown.dcm")
    told = {each["name"]: (each["kind"], each["inverted"]) for each in _told(tmp_path)}
    assert told["presentation.dcm"] == ("presentation", True) and told["cr.dcm"] == ("logarithmic", True)
    assert told["unknown.dcm"] == ("image", True)
    about = DxDescription(acquired=datetime(2024, 3, 1))
    export_dx(edge(np.random.default_rng(1)), PITCH_MM, tmp_path / "linear.dcm", about, for_processing=True)
    header = pydicom.dcmread(tmp_path / "linear.dcm")
    header.PhotometricInterpretation = "MONOCHROME1"
    header.save_as(tmp_path / "linear.dcm")
    (linear,) = _told(tmp_path / "linear.dcm")
    assert linear["kind"] == "corrected" and not linear["inverted"]  # beside its raw frame and its TIFF
    assert not any(each["inverted"] for each in _told(folder))


def _told(place: Path) -> list[dict[str, Any]]:
    return list(shelf_to_json(open_pictures(place))["pictures"])


def test_pixels_keep_their_numbers(folder: Path, tmp_path: Path) -> None:
    shelf = open_pictures([folder, folder.parent / "edge_raw.tif"])
    second, about = frame_pixels(shelf.pictures[0], 1)
    assert second.dtype == "<u2" and second.shape == (ROWS, COLS) and about["not_finite"] == 0
    corrected, about = frame_pixels(shelf.pictures[1], 0)
    assert corrected.dtype == "<f4" and about["least"] == corrected.min() and about["greatest"] == corrected.max()
    assert about["least"] < about["lower"] < about["upper"] < about["greatest"]
    lost = corrected.copy()
    lost[3, 4], lost[5, 6] = np.nan, np.inf
    write_tiff(tmp_path / "lost.tif", lost, None, {})
    pixels, about = frame_pixels(open_pictures(tmp_path / "lost.tif").pictures[0], 0)
    assert np.array_equal(pixels, lost, equal_nan=True) and about["not_finite"] == 2
    assert np.isfinite(list(about.values())).all()
    np.save(tmp_path / "flat.npy", np.full((4, 5), -7, np.int32))
    pixels, about = frame_pixels(open_pictures(tmp_path / "flat.npy").pictures[0], 0)
    assert pixels.dtype == "<f4" and (pixels == -7).all() and about["upper"] > about["lower"]
    with pytest.raises(ValueError, match="holds 1 frames, from 0; frame 1 is not there"):
        frame_pixels(open_pictures(tmp_path / "flat.npy").pictures[0], 1)


def test_what_cannot_be_shown_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture\n")
    with pytest.raises(ValueError, match=r"holds no file of frames, such as notes\.txt is"):
        open_pictures(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_pictures([folder, tmp_path / "gone.tif"])


def test_an_mtf_region_gives_what_the_command_gives(folder: Path) -> None:
    shelf = open_pictures(folder)
    found = region_mtf(shelf, 0, 0, REGION)
    same = measure_mtf(folder / "edge.tif", roi=REGION, flags=folder / "edge_flags.tif").curve
    assert found["angle_deg"] == same.angle_deg and found["nyquist"] == pytest.approx(0.5 / PITCH_MM)
    assert found["value"][0] == pytest.approx(same.value[0], abs=1e-6) and found["per"] == "1/mm"
    assert found["command"] == "radiography mtf edge.tif --roi 20:180,40:120 --flags edge_flags.tif"
    assert str(folder) not in json.dumps(found)
    with pytest.raises(ValueError, match="picture for presentation"):
        region_mtf(shelf, 1, 0, REGION)


def test_the_command_of_a_region_names_the_data_set_and_quotes_what_a_shell_would_split(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    place = tmp_path / "one edge.h5"
    with h5py.File(place, "w") as written:
        written["entry/data"] = edge(np.random.default_rng(2))
    shelf = open_pictures(f"{place}::/entry/data")
    words = shlex.split(region_mtf(shelf, 0, 0, REGION)["command"])
    dataset = shelf.pictures[0].source.dataset
    assert words == [
        "radiography", "mtf", f"one edge.h5::{dataset}", "--roi", "20:180,40:120", "--pitch", "1",
    ]  # fmt: skip


def test_noise_of_a_region_is_that_of_the_pixels_that_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    dn = (1000.0 + 2.0 * rows + 0.5 * cols + rng.normal(0.0, 10.0, (ROWS, COLS))).astype(np.float32)
    dn[100, 80] = 1e6
    flags = np.zeros((ROWS, COLS), np.uint16)
    flags[100, 80] = DEAD | INTERPOLATED
    write_tiff(tmp_path / "flat.tif", dn, None, {"kind": "corrected"})
    write_tiff(tmp_path / "flat_flags.tif", flags, None, {"kind": "flags"})
    shelf = open_pictures(tmp_path)
    found = region_noise(shelf, 0, 0, (50, 150, 30, 130))
    assert (found["pixels"], found["left_out"]) == (9999, 1)
    assert found["mean"] == pytest.approx(1000 + 2 * 99.5 + 0.5 * 79.5, abs=5 * 10 / 100)
    assert found["sd_about_plane"] == pytest.approx(10.0, rel=5 / np.sqrt(2 * 9999))  # five standard errors
    assert found["sd"] > 50 and "slopes" in found["notes"][0]
    assert found["snr"] == pytest.approx(found["mean"] / found["sd_about_plane"])
    assert region_noise(shelf, 0, 0, (50, 150, 30, 130), use_flags=False)["greatest"] == 1e6


def test_the_page_is_served_with_what_a_browser_is_told_to_refuse(server: PictureServer) -> None:
    for name in ASSETS:
        code, headers, body = ask(server, name)
        assert code == 200 and body == (PAGE / ASSETS[name][0]).read_bytes()
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers and "Python" not in headers["Server"]


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    for name in ("page.html", "page.css", "page.js", "server.js", "panes.js", "overlay.js", "plots.js"):
        text = (PAGE / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "innerHTML" not in text and "eval(" not in text, name


def test_pixels_and_measurements_go_over_the_wire(server: PictureServer, folder: Path) -> None:
    code, headers, body = ask(server, "pixels/0/1")
    about = json.loads(headers["X-About"])
    assert code == 200 and np.frombuffer(body, about["type"]).size == ROWS * COLS
    question = json.dumps({"picture": 1, "frame": 0, "region": list(REGION)})
    code, _, body = ask(server, "mtf", "POST", question)
    assert code == 200 and json.loads(body)["mtf50"][0] > 0
    code, _, body = ask(server, "noise", "POST", question)
    assert code == 200 and json.loads(body)["pixels"] == 160 * 80 - 1  # one is flagged
    code, _, body = ask(server, "pictures.json")
    assert code == 200 and str(folder).encode() not in body and b"a private name" not in body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "", "localhost.evil.example"])
def test_a_name_that_points_here_is_refused(server: PictureServer, host: str) -> None:
    assert ask(server, "pictures.json", Host=host)[0] == 403
    assert ask(server, "mtf", "POST", "{}", Host=host)[0] == 403


def test_only_who_knows_the_secret_is_answered(server: PictureServer) -> None:
    secret = server.url.rstrip("/").rpartition("/")[2]
    assert len(secret) >= 32
    for place in ("/", "/pictures.json", "/page.js", f"/{secret[:-1]}/pictures.json", f"/{secret}x/", f"/{secret}",
                  f"//{secret}x/", "/pixels/0/0"):  # fmt: skip
        code, _, body = ask(server, place)
        assert code == 404 and secret.encode() not in body, place
    assert ask(server, f"/{secret}/pictures.json", Host=server.url.split("/")[2])[0] == 200


def test_the_address_of_the_browser_works_once(folder: Path) -> None:
    with PictureServer(open_pictures(folder / "edge.tif")) as serving:
        secret = serving.url.rstrip("/").rpartition("/")[2]
        assert secret not in serving.once
        place = "/" + serving.once.rpartition("/")[2]
        code, headers, _ = ask(serving, place)
        assert code == 303 and headers["Location"] == f"/{secret}/"
        assert ask(serving, place)[0] == 404
        assert ask(serving, "/")[0] == 404  # an empty one is none either


@pytest.mark.parametrize(
    "place",
    [
        "../page.py", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "pixels/../../etc/passwd", "pixels/0/../0", "page.html",
        "cornerstone.js/../page.js", "mtf", "pixels", "pixels/0", "pixels/0/0/0", "notes.txt", "edge.tif",
    ],
)  # fmt: skip
def test_no_other_file_is_served(server: PictureServer, place: str) -> None:
    code, _, body = ask(server, place)
    assert code in (404, 422) and b"no picture" not in body and b"root:" not in body


@pytest.mark.parametrize(
    "place", ["pixels/99/0", "pixels/0/99", "pixels/-1/0", "pixels/0/-1", "pixels/a/0", "pixels/٣/0"]
)
def test_numbers_that_are_not_there_are_one_sentence(server: PictureServer, place: str) -> None:
    from urllib.parse import quote

    code, _, body = ask(server, quote(place))
    assert code == 422 and set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", "needs picture, frame and region"),
        ("[]", "needs picture, frame and region"),
        ("[" * 2000, "needs picture, frame and region"),
        ('{"picture": 1, "frame": 0, "region": [0, 10, 0]}', "first and end row"),
        ('{"picture": 1, "frame": 0, "region": [0, 10, 0, true]}', "first and end row"),
        ('{"picture": 1, "frame": 0, "region": [0, 10, 0, 1e3]}', "first and end row"),
        ('{"picture": 1, "frame": 0, "region": [0, 10, 0, 1000]}', "must lie within 200 rows and 160 columns"),
        ('{"picture": 1, "frame": 0, "region": [10, 10, 0, 10]}', "must lie within"),
        ('{"picture": 7, "frame": 0, "region": [0, 10, 0, 10]}', "there are 5 pictures, from 0; 7 is not there"),
        ('{"picture": "../x", "frame": 0, "region": [0, 10, 0, 10]}', "a number from 0 is needed"),
        ('{"picture": 2, "frame": 0, "region": [0, 90, 0, 90]}', "edge.dcm is a picture for presentation"),
        ('{"picture": 1, "frame": 0, "region": [0, 30, 0, 30]}', "edge"),
    ],
)
def test_a_wrong_question_is_answered_in_one_sentence(
    server: PictureServer, folder: Path, question: str, words: str
) -> None:
    code, _, body = ask(server, "mtf", "POST", question)
    told: dict[str, Any] = json.loads(body)
    assert code == 422 and words in told["error"] and str(folder) not in told["error"]


def test_large_questions_and_other_origins_are_refused(server: PictureServer) -> None:
    assert ask(server, "mtf", "POST", "x" * 5000)[0] == 413
    question = '{"picture": 1, "frame": 0, "region": [0, 90, 0, 90]}'
    assert ask(server, "mtf", "POST", question, Origin="http://evil.example")[0] == 403
    assert ask(server, "noise", "POST", question, Origin=f"http://{server.url.split('/')[2]}")[0] == 200
    assert ask(server, "pictures.json", "PUT", "")[0] == 501
    assert ask(server, "pictures.json", "OPTIONS")[0] == 501


def test_it_listens_on_this_machine_alone_and_ends(folder: Path) -> None:
    serving = PictureServer(open_pictures(folder / "edge.tif"))
    assert serving._server.server_address[0] == "127.0.0.1"
    serving.close()
    with pytest.raises(ConnectionRefusedError):
        ask(serving, "")
