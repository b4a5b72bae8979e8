"""Servers on loopback that take DICOM objects, or do what servers do wrong."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.write import export_dx

NAME = "Doe^Jane"


def write_object(path: Path, seed: int = 1, **settings: Any) -> Path:
    """A small DX object, each seed another one."""
    rng = np.random.default_rng(seed)
    corrected_dn = (1000 + 8000 * rng.random((48, 64))).astype(np.float32)
    about = DxDescription(
        acquired=datetime.datetime(2024, 3, 1), patient_name=NAME, patient_id="SECRET-7", conditions=Conditions()
    )
    export_dx(corrected_dn, 0.139, path, about, **settings)
    return path


@contextlib.contextmanager
def dicom_server(
    answer: Callable[[Any], int] | None = None,
    *,
    syntaxes: tuple[str, ...] | None = None,
    find: bool = True,
    tls: ssl.SSLContext | None = None,
    title: str | None = None,
    max_pdu: int = 16382,
    extra: tuple[Any, ...] = (),
) -> Iterator[tuple[int, dict[str, Any]]]:
    """A server of pynetdicom: its port, and the objects that it stored, by UID."""
    from pydicom.uid import ImplicitVRLittleEndian
    from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
    from pynetdicom.presentation import AllStoragePresentationContexts
    from pynetdicom.transport import ThreadedAssociationServer as Threaded

    stored: dict[str, Any] = {}

    def on_store(event: Any) -> int:
        status = answer(event) if answer is not None else 0
        if status in (0, 0xB000, 0xB006, 0xB007):
            data = event.dataset
            data.file_meta = event.file_meta
            stored[str(data.SOPInstanceUID)] = data
        return status

    def on_find(event: Any) -> Iterator[Any]:
        uid = str(event.identifier.SOPInstanceUID)
        if uid in stored:
            yield 0xFF00, event.identifier

    entity = AE(ae_title=title or "ARCHIVE")
    entity.require_called_aet = title is not None
    entity.maximum_pdu_size = max_pdu
    for context in AllStoragePresentationContexts:
        if "1.2.840.10008.5.1.4.1.1.1.1" in str(context.abstract_syntax):
            entity.add_supported_context(context.abstract_syntax, list(syntaxes or ALL_TRANSFER_SYNTAXES))
    entity.add_supported_context("1.2.840.10008.1.1")
    if find:
        entity.add_supported_context("1.2.840.10008.5.1.4.1.2.2.1", ImplicitVRLittleEndian)
    handlers: list[Any] = [(evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find)]
    server = entity.make_server(
        ("127.0.0.1", 0), evt_handlers=[*handlers, *extra], ssl_context=tls, server_class=Threaded
    )
    entity._servers.append(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1], stored
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what it likes."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                taken, _ = listening.accept()
                with taken:
                    talk(taken)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def web_server(
    answer: Callable[[int, BaseHTTPRequestHandler, bytes], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[tuple[str, str, dict[str, str]]]]]:
    """A server of HTTP: its port, and the requests it got: method, path, headers."""
    heard: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard.append((self.command, self.path, dict(self.headers)))
            status, headers, text = answer(len(heard), self, body)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = handle_one

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stow_answer(uid: str, failure: int | None = None, warning: int | None = None) -> bytes:
    """What STOW-RS says of one object."""
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    if failure is not None:
        item["00081197"] = {"vr": "US", "Value": [failure]}
        return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()
    if warning is not None:
        item["00081196"] = {"vr": "US", "Value": [warning]}
    return json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, by openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key),
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def serving(certificate: Path, key: Path, clients: Path | None = None) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context
