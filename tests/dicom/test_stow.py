"""Objects sent to DICOMweb services on loopback: what goes out, what is tried again, and what answers mean."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from radiography.dicom.stow import WebServer, open_session
from radiography.jobs.send import SendWanted, Server, account_to_json, send_files
from tests.dicom import archive
from tests.dicom.sending import FAST, needs_openssl, silent, statuses, uid, web

pytestmark = pytest.mark.usefixtures("no_token", "threads_end")
pytest.importorskip("dicomweb_client")


def test_stow_sends_the_file_as_it_is_with_its_token(folder: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc.def\n")
    token.chmod(0o600)
    bodies: list[bytes] = []

    def answer(number: int, request: Any, body: bytes) -> archive.Answer:
        bodies.append(body)
        return 200, {"Content-Type": "application/dicom+json"}, archive.stow_answer(uid(folder / "a.dcm"))

    with archive.web_server(answer) as (port, heard):
        account = send_files(folder / "a.dcm", web(port, token_file=token))
    assert account.all_arrived and not account.doubts
    (method, path, headers), body = heard[0], bodies[0]
    assert (method, path) == ("POST", "/dicom-web/studies") and headers["Authorization"] == "Bearer abc.def"
    head, _, rest = body.partition(b"\r\n\r\n")
    boundary = head.partition(b"\r\n")[0]
    assert rest == (folder / "a.dcm").read_bytes() + b"\r\n" + boundary + b"--\r\n"
    assert int(headers["Content-Length"]) == len(body)


def test_a_token_that_others_can_read_is_warned_of(folder: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    token.chmod(0o644)
    ours = archive.stow_answer(uid(folder / "a.dcm"))
    with archive.web_server(lambda number, request, body: (200, {}, ours)) as (port, heard):
        account = send_files(folder / "a.dcm", web(port, token_file=token))
    assert "can be read by others" in account.doubts[0] and "abc" not in account.doubts[0]
    assert heard[0][2]["Authorization"] == "Bearer abc"


def test_a_token_of_the_environment_and_none_of_netrc(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    ours = archive.stow_answer(uid(folder / "a.dcm"))
    with archive.web_server(lambda number, request, body: (200, {}, ours)) as (port, heard):
        assert send_files(folder / "a.dcm", web(port)).all_arrived
        monkeypatch.setenv("RADIOGRAPHY_TOKEN", "xyz")
        assert send_files(folder / "a.dcm", web(port)).all_arrived
    assert "Authorization" not in heard[0][2] and heard[1][2]["Authorization"] == "Bearer xyz"


@pytest.mark.parametrize(
    ("status", "failure", "warning", "expected", "words"),
    [
        (200, 0xC000, None, "refused", "cannot understand"),
        (409, 0x0122, None, "refused", "not supported"),
        (409, 0xA900, None, "refused", "does not match"),
        (202, None, 0xB006, "warning", "dropped"),
        (200, None, None, "stored", ""),
    ],
)
def test_failed_objects_are_counted(
    folder: Path, status: int, failure: int | None, warning: int | None, expected: str, words: str
) -> None:
    ours = archive.stow_answer(uid(folder / "a.dcm"), failure, warning)
    with archive.web_server(lambda number, request, body: (status, {}, ours)) as (port, heard):
        account = send_files(folder / "a.dcm", web(port), SendWanted(**FAST))
    assert statuses(account) == [expected] and words in account.files[0].reason and len(heard) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "request wrong"), (401, "token"), (403, "allow"), (404, "no DICOMweb"), (413, "too large"), (500, "failed")],
)
def test_a_refusal_is_not_tried_again(folder: Path, status: int, words: str) -> None:
    with archive.web_server(lambda number, request, body: (status, {}, b"Doe^Jane")) as (port, heard):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], web(port), SendWanted(**FAST))
    assert words in account.files[0].reason and "Doe" not in str(account_to_json(account))
    assert len(heard) == (1 if status in (401, 403, 404) else 2)


def test_a_busy_server_says_when_to_come_again(folder: Path) -> None:
    def busy(number: int, request: Any, body: bytes) -> archive.Answer:
        if number == 1:
            return 503, {"Retry-After": "0.3"}, b""
        if number == 2:
            return 429, {}, b""
        return 200, {}, archive.stow_answer(uid(folder / "a.dcm"))

    with archive.web_server(busy) as (port, heard):
        started = time.monotonic()
        account = send_files(folder / "a.dcm", web(port), SendWanted(**FAST))
        assert account.all_arrived and len(heard) == account.files[0].attempts == 3
        assert time.monotonic() - started > 0.3
    with archive.web_server(lambda number, request, body: (503, {"Retry-After": "7200"}, b"")) as (port, heard):
        account = send_files([folder / "a.dcm", folder / "b.dcm"], web(port), SendWanted(**FAST))
    assert len(heard) == 1 and "asks for 7200 s" in account.files[0].reason and statuses(account)[1] == "not sent"


def test_a_connection_that_is_reset_is_tried_again(folder: Path) -> None:
    def reset(number: int, request: Any, body: bytes) -> archive.Answer:
        if number == 1:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            request.connection.shutdown(socket.SHUT_RDWR)
        return 200, {}, archive.stow_answer(uid(folder / "a.dcm"))

    with archive.web_server(reset) as (port, _):
        account = send_files(folder / "a.dcm", web(port), SendWanted(**FAST))
    assert account.all_arrived and account.files[0].attempts == 2


def test_a_redirect_is_not_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOGRAPHY_TOKEN", "xyz")
    with archive.web_server(lambda number, request, body: (200, {}, b"")) as (other, heard):
        for status in (301, 302, 307, 308):
            place = {"Location": f"http://localhost:{other}/studies"}
            with archive.web_server(lambda number, request, body, s=status, p=place: (s, p, b"")) as (port, _):
                account = send_files(folder / "a.dcm", web(port), SendWanted(verify=True, **FAST))
            assert statuses(account) == ["refused"] and "not followed" in account.files[0].reason
        assert not heard


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"not json", b'{"00081199": 3}', b"[" * 5000, b"x" * 2**23])
def test_an_answer_that_names_no_object_is_said(folder: Path, body: bytes) -> None:
    with archive.web_server(lambda number, request, sent: (200, {}, body)) as (port, _):
        account = send_files(folder / "a.dcm", web(port), SendWanted(**FAST))
    assert account.files[0].status in ("warning", "failed") and account.files[0].reason


@pytest.mark.parametrize(
    "talk", [lambda taken: taken.sendall(b"\x02\0\0\0\xff\xff\r\n\r\n"), silent], ids=["noise", "silent"]
)
def test_a_peer_that_is_no_web_server_is_one_sentence(folder: Path, talk: Any) -> None:
    with archive.raw_server(talk) as port:
        account = send_files(folder / "a.dcm", web(port, timeout_s=0.5), SendWanted(retries=0))
    assert statuses(account) == ["failed"] and account.files[0].reason


def test_certificates_that_are_given_go_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    session = open_session(WebServer("https://pacs.example/x", 5.0, ca_file=tmp_path / "ours.pem"))
    found = session.merge_environment_settings("https://pacs.example/x", {}, None, None, None)
    assert found["verify"] == str(tmp_path / "ours.pem")


@needs_openssl
def test_https_verifies_the_server(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOGRAPHY_TOKEN", "xyz")
    certificate, key = archive.make_certificate(tmp_path)
    ours = archive.stow_answer(uid(folder / "a.dcm"))
    with archive.web_server(lambda *_: (200, {}, ours), archive.serving(certificate, key)) as (port, heard):
        account = send_files(folder / "a.dcm", Server(stow=f"https://localhost:{port}/x", timeout_s=5.0))
        assert "not trusted" in account.files[0].reason and not heard
        trusting = Server(stow=f"https://localhost:{port}/x", timeout_s=5.0, ca_file=certificate)
        assert send_files(folder / "a.dcm", trusting).all_arrived
