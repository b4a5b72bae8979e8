"""Objects sent to servers on loopback: what arrives, what is tried again, and what a wrong peer gets us to say."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from radiography.cli import run
from radiography.dicom.outcome import outcome_of_status
from radiography.dicom.read import read_dx
from radiography.jobs.send import SendWanted, send_files
from tests.dicom import archive
from tests.dicom.sending import FAST, needs_openssl, silent, statuses, to, uid, web

pytestmark = [
    pytest.mark.usefixtures("no_token", "threads_end"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),  # of pynetdicom, after a
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # connection that failed
]
pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")


def test_pictures_arrive_bit_for_bit_and_images_for_processing_stay(folder: Path) -> None:
    heard: list[float] = []
    with archive.dicom_server() as (port, stored):
        account = send_files(folder, to(port), SendWanted(verify=True), report=lambda what, done: heard.append(done))
        assert statuses(account) == ["stored", "stored", "left out", "left out"]
        assert [each.read_back for each in account.files[:2]] == ["found", "found"]
        assert account.all_arrived and not account.doubts
        for name in ("a.dcm", "b.dcm"):
            assert stored[uid(folder / name)].PixelData == pydicom.dcmread(folder / name).PixelData
        assert heard[-1] == 1.0 and heard == sorted(heard[:3]) + heard[3:]
        account = send_files(folder, to(port), SendWanted(for_processing=True))
        assert account.counts["stored"] == 3 and uid(folder / "p.dcm") in stored


def test_a_file_named_twice_and_an_object_in_two_files_go_once(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a.dcm", tmp_path / "copy.dcm")
    (tmp_path / "link.dcm").symlink_to(folder / "a.dcm")
    taken: list[str] = []
    with archive.dicom_server(lambda event: taken.append("x") or 0) as (port, _):
        names = [folder / "a.dcm", folder / "a.dcm", tmp_path / "link.dcm", tmp_path / "copy.dcm"]
        account = send_files(names, to(port))
    assert len(taken) == 1 and statuses(account) == ["stored", "left out"]
    assert "is the same object as" in account.files[1].reason


@pytest.mark.parametrize("max_pdu", [0, 4096, 2**20])
def test_a_server_says_how_much_it_takes_at_a_time(folder: Path, max_pdu: int) -> None:
    with archive.dicom_server(max_pdu=max_pdu) as (port, stored):
        assert send_files(folder / "a.dcm", to(port)).all_arrived
        assert stored[uid(folder / "a.dcm")].PixelData == pydicom.dcmread(folder / "a.dcm").PixelData


def test_a_server_of_implicit_vr_alone_gets_the_same_object(folder: Path) -> None:
    with archive.dicom_server(syntaxes=("1.2.840.10008.1.2",)) as (port, stored):
        assert send_files(folder / "a.dcm", to(port)).all_arrived
    found, ours = stored[uid(folder / "a.dcm")], pydicom.dcmread(folder / "a.dcm")
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert found.PixelData == ours.PixelData and found.PatientID == ours.PatientID
    assert {element.tag for element in found} == {element.tag for element in ours}


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "rle"])
def test_a_compressed_object_goes_as_it_is_or_decompressed_if_asked(compression: str, tmp_path: Path) -> None:
    path = archive.write_object(tmp_path / "c.dcm", 5, compression=compression)
    with archive.dicom_server() as (port, stored):
        assert send_files(path, to(port), SendWanted(decompress=True)).all_arrived
        assert stored[uid(path)].file_meta.TransferSyntaxUID == pydicom.dcmread(path).file_meta.TransferSyntaxUID
    with archive.dicom_server(syntaxes=("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")) as (port, stored):
        account = send_files([path, archive.write_object(tmp_path / "d.dcm", 6)], to(port))
        assert statuses(account) == ["refused", "stored"] and account.files[0].attempts == 1
        assert "--decompress" in account.files[0].reason
        assert send_files(path, to(port), SendWanted(decompress=True)).all_arrived
        pixels = np.frombuffer(stored[uid(path)].PixelData, "<u2").reshape(48, 64)
        assert np.array_equal(pixels, read_dx(path).pixels[0])


def test_out_of_resources_is_tried_again_and_what_is_refused_is_not(folder: Path) -> None:
    answers = iter([0xA700, 0xA702, 0])
    with archive.dicom_server(lambda event: next(answers)) as (port, stored):
        account = send_files(folder / "a.dcm", to(port), SendWanted(**FAST))
        assert (account.files[0].status, account.files[0].attempts, len(stored)) == ("stored", 3, 1)
    for status, words in ((0xA900, "does not match"), (0xC123, "cannot understand"), (0x0124, "not authorised")):
        taken: list[int] = []
        with archive.dicom_server(lambda event, s=status, t=taken: t.append(s) or s) as (port, _):
            account = send_files([folder / "a.dcm", folder / "b.dcm"], to(port), SendWanted(**FAST))
        assert statuses(account) == ["refused", "refused"] and len(taken) == 2
        assert words in account.files[0].reason and account.files[0].code == status
        assert not account.all_arrived


def test_after_the_last_retry_the_others_are_not_tried(folder: Path) -> None:
    taken: list[int] = []
    with archive.dicom_server(lambda event: taken.append(1) or 0xA700) as (port, _):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], to(port), SendWanted(retries=2, **FAST))
    assert statuses(account) == ["refused", "not sent"] and len(taken) == account.files[0].attempts == 3


def test_a_warning_is_told_and_counts_as_arrived(folder: Path) -> None:
    with archive.dicom_server(lambda event: 0xB007) as (port, _):
        account = send_files(folder / "a.dcm", to(port))
    assert statuses(account) == ["warning"] and account.all_arrived


def test_a_peer_that_breaks_off_is_tried_again(folder: Path) -> None:
    taken: list[int] = []

    def break_off_once(event: Any) -> int:
        taken.append(1)
        if len(taken) == 1:
            event.assoc.abort()
        return 0

    with archive.dicom_server(break_off_once) as (port, _):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], to(port), SendWanted(**FAST))
    assert statuses(account) == ["stored", "stored"] and account.files[0].attempts == 2


def test_a_rejected_association_is_not_tried_again(folder: Path) -> None:
    with archive.dicom_server(title="OTHER") as (port, _):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], to(port), SendWanted(**FAST))
    assert statuses(account) == ["refused", "not sent"] and account.files[0].attempts == 1
    assert "--aec" in account.files[0].reason


def test_a_server_that_answers_no_questions_gives_a_doubt(folder: Path) -> None:
    with archive.dicom_server(find=False) as (port, _):
        account = send_files(folder / "a.dcm", to(port), SendWanted(verify=True))
    assert account.all_arrived and account.files[0].read_back is None and "not read back" in account.doubts[0]


def test_a_server_that_leaves_while_it_is_asked_gives_a_doubt(folder: Path) -> None:
    from pynetdicom import evt

    def leave(event: Any) -> None:
        if type(event.message).__name__ == "C_FIND_RSP" and event.message.command_set.Status == 0:
            event.assoc.abort()

    with archive.dicom_server(extra=((evt.EVT_DIMSE_SENT, leave),)) as (port, _):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], to(port), SendWanted(verify=True))
    assert statuses(account) == ["stored", "stored"] and "not read back" in account.doubts[0]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError("the host is not known"), OSError("is gone")])
def test_the_account_outlives_the_questions(folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: Any) -> None:
    def ask(*_: Any) -> Any:
        raise trouble

    monkeypatch.setattr("radiography.jobs.send.find_objects", ask)
    with archive.dicom_server() as (port, _):
        account = send_files(folder / "a.dcm", to(port), SendWanted(verify=True))
    assert statuses(account) == ["stored"] and account.files[0].read_back is None
    assert "not read back" in account.doubts[0] and account.interrupted == (trouble is KeyboardInterrupt)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (lambda taken: taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "as a DICOM server"),
        (lambda taken: taken.sendall(bytes(range(1, 200))), "as a DICOM server"),
        (lambda taken: taken.sendall(b"\x02\x00\x00\x00\x00\x04abcd"), "no kind of object"),
        (lambda taken: None, "as a DICOM server"),
        (silent, "as a DICOM server"),
    ],
    ids=["web", "noise", "short", "closes", "silent"],
)
def test_a_peer_that_is_no_dicom_server_is_one_sentence(folder: Path, talk: Any, words: str) -> None:
    with archive.raw_server(talk) as port:
        account = send_files(folder / "a.dcm", to(port, timeout_s=0.5), SendWanted(retries=0))
    assert statuses(account)[0] in ("failed", "refused") and words in account.files[0].reason


def test_a_peer_that_does_not_answer_in_time(folder: Path) -> None:
    with archive.dicom_server(lambda event: time.sleep(1.2) or 0) as (port, _):
        account = send_files(folder / "a.dcm", to(port, timeout_s=0.4), SendWanted(retries=0))
    assert statuses(account) == ["failed"]
    assert account.files[0].reason in ("the server did not answer in time", "the server broke off")


def test_a_peer_that_stops_reading_is_left(folder: Path, tmp_path: Path) -> None:
    from pynetdicom import evt

    data = pydicom.dcmread(folder / "a.dcm")
    data.NumberOfFrames, data.SOPInstanceUID = 4096, "2.25.99"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.PixelData = data.PixelData * 4096  # 25 MB: more than what lies in the buffers of a connection
    data.save_as(tmp_path / "long.dcm")
    over = threading.Event()

    def stop_reading(event: Any) -> None:
        if event.data[0] == 4:  # P-DATA
            over.wait(10)

    with archive.dicom_server(extra=((evt.EVT_DATA_RECV, stop_reading),)) as (port, _):
        started = time.monotonic()
        account = send_files(tmp_path / "long.dcm", to(port, timeout_s=1.0), SendWanted(retries=0))
        over.set()
    assert statuses(account) == ["failed"] and time.monotonic() - started < 8


def test_nothing_listens(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    started = time.monotonic()
    account = send_files(folder / "a.dcm", to(port), SendWanted(retries=2, **FAST))
    assert account.files[0].reason == "nothing listens there" and account.files[0].attempts == 3
    assert time.monotonic() - started < 5


@needs_openssl
def test_tls_verifies_the_server_and_shows_our_certificate(folder: Path, tmp_path: Path) -> None:
    certificate, key = archive.make_certificate(tmp_path)
    own = {"ca_file": certificate, "certificate": certificate, "key": key}
    once = SendWanted(retries=0)
    with archive.dicom_server(tls=archive.serving(certificate, key, certificate)) as (port, stored):
        assert send_files(folder / "a.dcm", to(port, tls=True, **own), once).all_arrived and len(stored) == 1
        account = send_files(folder / "a.dcm", to(port, tls=True), once)
        assert "not trusted" in account.files[0].reason and account.files[0].attempts == 1
        assert not send_files(folder / "a.dcm", to(port, timeout_s=1.0), once).all_arrived
        assert not send_files(
            folder / "a.dcm", to(port, tls=True, ca_file=certificate, timeout_s=1.0), once
        ).all_arrived
    with archive.dicom_server() as (port, _):
        account = send_files(folder / "a.dcm", to(port, tls=True, timeout_s=1.0, **own), once)
        assert not account.all_arrived


def test_a_file_that_is_gone_or_changed_since_the_check_is_told(folder: Path, tmp_path: Path) -> None:
    for change in ("gone", "changed"):
        first, second = archive.write_object(tmp_path / "1.dcm", 11), archive.write_object(tmp_path / "2.dcm", 12)
        third = archive.write_object(tmp_path / "3.dcm", 13)

        def act(event: Any, change: str = change, second: Path = second) -> int:
            if second.exists():
                second.unlink() if change == "gone" else second.write_bytes(b"other")
            return 0

        with archive.dicom_server(act) as (port, _):
            account = send_files([first, second, third], to(port), SendWanted(**FAST))
        assert statuses(account) == ["stored", "failed", "stored"] and change in account.files[1].reason


def test_no_room_to_decompress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive.write_object(tmp_path / "c.dcm", 5, compression="rle")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with archive.dicom_server(syntaxes=("1.2.840.10008.1.2.1",)) as (port, _):
        account = send_files(path, to(port), SendWanted(decompress=True))
    assert statuses(account) == ["failed"] and "temporary folder" in account.files[0].reason
    with archive.web_server(lambda number, request, body: (200, {}, b"")) as (port, heard):
        account = send_files(path, web(port), SendWanted(decompress=True))
    assert statuses(account) == ["failed"] and "temporary folder" in account.files[0].reason and not heard


def test_no_message_names_a_patient(folder: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with archive.dicom_server(lambda event: 0xC000) as (port, _):
        line = ["send", str(folder / "a.dcm"), "--to", f"127.0.0.1:{port}", "--aec", "ARCHIVE", "--verbose"]
        assert run([*line, "--json", str(tmp_path / "x.json")]) == 1
    said = "".join(capfd.readouterr()) + (tmp_path / "x.json").read_text()
    assert "Doe" not in said and "SECRET" not in said and "cannot understand" in said


def test_the_command_line_gives_the_account(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive.dicom_server() as (port, _):
        line = ["send", str(folder), "--to", f"localhost:{port}", "--aec", "ARCHIVE", "--verify"]
        assert run(line) == 0
        said = capsys.readouterr().out
        assert said.count(": stored; read back: found") == 2 and "2 of 2 files arrived by C-STORE" in said
        assert run([*line, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["stored"], found["left_out"], found["all_arrived"]) == (2, 2, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--aec A", "exactly one of --to"),
        ("--to h:104 --stow http://h --aec A", "exactly one of --to"),
        ("--to h --aec A", "HOST:PORT"),
        ("--to user:pw@h:104 --aec A", "HOST:PORT"),
        ("--to 127.0.0.1:0 --aec A", "1 to 65535, got 0"),
        ("--to 127.0.0.1:70000 --aec A", "1 to 65535, got 70000"),
        ("--to no-such-host.invalid:104 --aec A", "is not known"),
        ("--to 127.0.0.1:104", "--aec is needed"),
        ("--to 127.0.0.1:104 --aec SEVENTEEN_LETTERS", "1 to 16 plain characters"),
        ("--to 127.0.0.1:104 --aec A --aet B\\C", "1 to 16 plain characters"),
        ("--to 127.0.0.1:104 --aec A --tls-ca notes.txt", "give --tls as well"),
        ("--to 127.0.0.1:104 --aec A --tls --tls-ca notes.txt", "holds no certificates"),
        ("--to 127.0.0.1:104 --aec A --tls --tls-cert notes.txt", "no pair of PEM files"),
        ("--to 127.0.0.1:104 --aec A --tls --tls-key notes.txt", "give --tls-cert"),
        ("--to 127.0.0.1:104 --aec A --tls --tls-ca none.pem", "is no file"),
        ("--to 127.0.0.1:104 --aec A --retries 99", "0 to 20, got 99"),
        ("--to 127.0.0.1:104 --aec A --timeout 0", "above 0"),
        ("--to 127.0.0.1:104 --aec A --timeout nan", "above 0"),
        ("--to 127.0.0.1:104 --aec A --token-file notes.txt", "is for --stow"),
        ("--stow ftp://h/x", "needs an address"),
        ("--stow https://me:secretword@h/x", "a user or a password"),
        ("--stow https://h/x?token=secretword", "without ? and #"),
        ("--stow https://h:99999/x", "no address"),
        ("--stow https://h/x --aec A", "--aec is for --to"),
        ("--stow http://127.0.0.1/x --tls-ca notes.txt", "needs https"),
        ("--stow https://h/x --token-file none", "is no file"),
        ("--stow https://h/x --token-file two.txt", "one line"),
        ("--stow https://h/x --token-file empty.txt", "one line"),
        ("--stow http://h/x --token-file token.txt", "not sent over http"),
    ],
)
def test_wrong_input_is_one_sentence(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("notes", "no key"), ("two", "secretword\r\nX: y"), ("empty", "\n"), ("token", "secretword\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    assert run(["send", str(folder / "a.dcm"), *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and said in printed.err
    assert "secretword" not in printed.err and "pw" not in printed.err


@pytest.mark.parametrize(
    "kind", ["text", "cut", "empty", "no meta", "directory", "two objects", "only processing", "none"]
)
def test_a_file_that_cannot_be_sent_is_refused_before_anything_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    whole = (folder / "a.dcm").read_bytes()
    path = tmp_path / "x.dcm"
    path.write_bytes({"text": b"hello" * 99, "cut": whole[:-99], "empty": b"", "no meta": whole[132:]}.get(kind, whole))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "directory":
            data = pydicom.dcmread(path)
            data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
            data.save_as(path)
        if kind == "two objects":
            data = pydicom.dcmread(path)
            data.SOPInstanceUID = "2.25.7"
            pydicom.dcmwrite(path, data)
            path.write_bytes(path.read_bytes().replace(b"2.25.7\0", b"2.25.8\0", 1))
    if kind == "only processing":
        path = folder / "p.dcm"
    if kind == "none":
        path = tmp_path / "none.dcm"
    with archive.dicom_server() as (port, stored):
        line = ["send", str(folder / "b.dcm")] if kind != "only processing" else ["send"]
        assert run([*line, str(path), "--to", f"127.0.0.1:{port}", "--aec", "ARCHIVE"]) == 2
        assert not stored
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and str(path) in printed.err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_gives_the_account(folder: Path, tmp_path: Path) -> None:
    waiting = threading.Event()

    def slow_second(event: Any) -> int:
        if not waiting.is_set() and len(stored) == 1:
            waiting.set()
            time.sleep(1.0)
        return 0

    with archive.dicom_server(slow_second) as (port, stored):
        heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where it is ignored
        code = heard + "import sys; from radiography.cli import main; sys.exit(main())"
        line = ["send", str(folder / "a.dcm"), str(folder / "b.dcm"), "--to", f"127.0.0.1:{port}", "--aec", "ARCHIVE"]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert waiting.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert f"{folder / 'a.dcm'}: stored" in out and f"{folder / 'b.dcm'}: failed: interrupted on its way" in out
    assert "1 of 2 files arrived" in out


def test_a_missing_library_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for library, words in (
        ("pynetdicom", "--to 127.0.0.1:104 --aec A"),
        ("dicomweb_client", "--stow http://localhost/x"),
    ):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, library, None)
            assert run(["send", str(folder / "a.dcm"), *words.split()]) == 2
        assert 'pip install "radiography[network]"' in capsys.readouterr().err


def test_statuses_in_words() -> None:
    assert outcome_of_status(0).status == "stored"
    assert {outcome_of_status(code).status for code in (0xB000, 0xB006, 0xB007, 0xB123)} == {"warning"}
    assert all(outcome_of_status(code).again for code in (0xA700, 0xA7FF))
    for code in (0xA900, 0xC000, 0x0122, 0x0110, 0x1234, 0xFFFF):
        assert outcome_of_status(code).status == "refused" and not outcome_of_status(code).again
