"""STOW-RS: objects to a DICOMweb server, one a request, each streamed from its file; QIDO-RS and WADO-RS read back."""

from __future__ import annotations

import contextlib
import email.utils
import ipaddress
import json
import ssl
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from radiography.dicom.outcome import WARNINGS, Outcome, network_library, outcome_of_status
from radiography.dicom.read import iterate_dicom, open_dicom
from radiography.dicom.sendable import Sendable, Sent, in_syntax

LARGEST_ANSWER_BYTES = 2**22  # of what a server says about one object   # chosen
LONGEST_WAIT_S = 60.0  # that a server may ask for   # chosen
AGAIN = (408, 425, 429, 502, 503, 504)  # what passes by itself: RFC 9110, 8470 and 6585
_FAILED, _REFERENCED, _REASON, _WARNING, _INSTANCE = "00081198", "00081199", "00081197", "00081196", "00081155"
_WORDS = {
    400: "the server finds the request wrong",
    401: "the server wants a token, or another one",
    403: "the server does not allow it",
    404: "there is no DICOMweb service at this address",
    405: "the server takes no objects at this address",
    406: "the server has no answer in JSON",
    409: "the server refuses the object",
    411: "the server wants another form of request",
    413: "the object is too large for the server",
    415: "the server does not take this kind of object or its transfer syntax",
    501: "the server takes no objects",
}
_FOR_ALL = (401, 403, 404, 405, 406, 411, 501)  # what every other object meets as well


@dataclass(frozen=True)
class WebServer:
    """A DICOMweb server and how it is spoken to.

    Attributes
    ----------
    url : str
        Of the service, checked by `check_url`.
    timeout_s : float
        How long nothing may happen. [s]
    token : str
        Bearer token; empty for none. Shown nowhere.
    ca_file : Path or None
        Certificates to trust, and no others; without it those of requests or of REQUESTS_CA_BUNDLE.
    certificate, key : Path or None
        Our own certificate and its key.
    """

    url: str
    timeout_s: float
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def name(self) -> str:
        """Address without a trailing slash."""
        return self.url.rstrip("/")


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine.

    Parameters
    ----------
    host : str or None

    Returns
    -------
    loopback : bool
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_url(url: str, token: bool) -> SplitResult:
    """The parts of the address of a DICOMweb service.

    Parameters
    ----------
    url : str
    token : bool
        Whether a token goes along.

    Returns
    -------
    parts : SplitResult

    Raises
    ------
    ValueError
        In one sentence that repeats no password: no http or https, no host, a user, a query, or a token in the clear.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(
            "--stow is no address such as https://pacs.example/dicom-web, with a port up to 65535"
        ) from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("--stow holds a user or a password: give a token by --token-file or RADIOGRAPHY_TOKEN instead")
    if parts.scheme not in ("http", "https") or not host or port == 0 or any(ord(c) <= 32 or ord(c) > 126 for c in url):
        raise ValueError(
            f"--stow needs an address such as https://pacs.example/dicom-web, got '{url.partition('?')[0]}'"
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("--stow is the address of a service, without ? and #")
    if token and parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"a token is not sent over http, which everyone on the way can read: use https://{host}")
    return parts


class WebPeer:
    """Sends objects to one DICOMweb service."""

    def __init__(self, server: WebServer, decompress: bool) -> None:
        self._requests = network_library("requests")
        network_library("dicomweb_client")
        self._server = server
        self._decompress = decompress
        self._session = open_session(server)

    def store(self, item: Sendable, sent: Sent) -> Outcome:
        """Send one object once.

        Parameters
        ----------
        item : Sendable
        sent : callable
            Hears of bytes that went out.

        Returns
        -------
        outcome : Outcome

        Raises
        ------
        ValueError
            If the file itself is in the way.
        """
        with contextlib.ExitStack() as stack:
            path = item.path
            if self._decompress and item.compressed and item.pixels:
                path = stack.enter_context(in_syntax(item, str(ExplicitVRLittleEndian)))
            body = stack.enter_context(_Multipart(path, sent))
            return self._post(item, body)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _post(self, item: Sendable, body: _Multipart) -> Outcome:
        errors = self._requests.exceptions
        headers = {"Content-Type": body.content_type, "Accept": "application/dicom+json"}
        wait = self._server.timeout_s
        try:
            with self._session.post(
                f"{self._server.name}/studies", data=body, headers=headers, timeout=(wait, wait), stream=True,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                text = b""
                for part in answer.iter_content(2**16):
                    text += part
                    if len(text) > LARGEST_ANSWER_BYTES:
                        return Outcome("failed", f"its answer is longer than {LARGEST_ANSWER_BYTES} bytes")
                return _outcome(item, answer.status_code, answer.headers, text)
        except errors.SSLError as error:
            return Outcome("failed", _why_no_tls(error), everything=True)
        except errors.Timeout:
            return Outcome("failed", f"the server does not answer within {wait:g} s", again=True)
        except errors.ConnectionError as error:
            return Outcome("failed", _why_no_connection(error), again=True)
        except errors.RequestException as error:
            return Outcome("failed", f"the answer is no proper HTTP ({type(error).__name__})", again=True)


class _Multipart:
    """One object as a multipart message that is read from its file as it goes out."""

    def __init__(self, path: Path, sent: Sent) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        self._head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._path, self._sent = path, sent
        self._length = path.stat().st_size
        self._at = 0

    def __enter__(self) -> _Multipart:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise ValueError(f"{self._path} cannot be read any more") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._head) + self._length + len(self._tail) - self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; fewer at the seams."""
        start, head, body = self._at, len(self._head), self._length
        most = len(self) if size < 0 else size
        if start < head:
            part = self._head[start : start + most]
        elif start < head + body:
            part = self._file.read(min(most, head + body - start))
            if not part:
                raise ValueError(f"{self._path} became shorter while it was sent")
        else:
            part = self._tail[start - head - body : start - head - body + most]
        self._at += len(part)
        self._sent(len(part))
        return part


def open_session(server: WebServer) -> Any:
    """A session of HTTP that follows no redirect and gives the token to nobody else.

    Parameters
    ----------
    server : WebServer

    Returns
    -------
    session : Session

    Raises
    ------
    ValueError
        If a certificate cannot be used.
    """
    requests = network_library("requests")
    session = requests.Session()
    session.trust_env = not is_loopback(urlsplit(server.url).hostname)  # a proxy is not this machine
    session.get_redirect_target = lambda answer: None  # nothing is followed
    if server.ca_file is not None:  # at each request: else REQUESTS_CA_BUNDLE of the environment would go before it
        merge, ca_file = session.merge_environment_settings, str(server.ca_file)

        def settings(url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            return merge(url, proxies, stream, ca_file, cert)

        session.merge_environment_settings = settings
    if server.certificate is not None:
        session.cert = str(server.certificate) if server.key is None else (str(server.certificate), str(server.key))

    def authorise(request: Any) -> Any:  # also where there is no token: else one of ~/.netrc would go along
        if server.token:
            request.headers["Authorization"] = f"Bearer {server.token}"
        return request

    session.auth = authorise
    return session


def _outcome(item: Sendable, status: int, headers: Any, text: bytes) -> Outcome:
    """What the answer of a server says of one object; DICOM PS3.18 10.5.3."""
    if status in AGAIN:
        after = _retry_after(headers.get("Retry-After"))
        if after is not None and after > LONGEST_WAIT_S:
            return Outcome(
                "failed", f"the server is busy (HTTP {status}) and asks for {after:.0f} s", status, everything=True
            )
        return Outcome("failed", f"the server is busy (HTTP {status})", status, again=True, after_s=after)
    if 300 <= status < 400:
        host = urlsplit(str(headers.get("Location", ""))).hostname
        where = f" ({host})" if host else ""
        return Outcome(
            "refused", f"the server points to another address{where}, which is not followed (HTTP {status})", status,
            everything=True,
        )  # fmt: skip
    said = _read_answer(text)
    found = None if said is None else _of_our_object(said, item.sop_instance)
    if found is not None and (found.status == "refused" or status < 300):
        return found
    if status in (200, 202) and (said is None or not said):
        return Outcome(
            "warning", f"the server takes it (HTTP {status}) but does not say which object it stored", status
        )
    if 200 <= status < 300:
        return Outcome("failed", f"the server's answer (HTTP {status}) does not name the object", status)
    words = _WORDS.get(status, "the server failed" if status >= 500 else "the server refuses the object")
    return Outcome("refused", f"{words} (HTTP {status})", status, everything=status in _FOR_ALL)


def _read_answer(text: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _items(said: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    value = said.get(tag)
    items = value.get("Value") if isinstance(value, dict) else None
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _first(item: dict[str, Any], tag: str) -> Any:
    value = item.get(tag)
    values = value.get("Value") if isinstance(value, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _of_our_object(said: dict[str, Any], sop_instance: str) -> Outcome | None:
    """What FailedSOPSequence or ReferencedSOPSequence say of our object; None where neither names it."""
    failed = _items(said, _FAILED)
    for item in failed:
        if _first(item, _INSTANCE) in (sop_instance, None) or len(failed) == 1:
            reason = _first(item, _REASON)
            found = outcome_of_status(reason if isinstance(reason, int) else 0xC000)
            if found.status != "refused":
                return Outcome("refused", "the server says that it failed, without a reason", found.code)
            return found
    for item in _items(said, _REFERENCED):
        if _first(item, _INSTANCE) == sop_instance:
            warning = _first(item, _WARNING)
            if isinstance(warning, int) and warning:
                return Outcome("warning", WARNINGS.get(warning, "the server stored it with a warning"), warning)
            return Outcome("stored", code=0)
    return None


def _retry_after(text: str | None) -> float | None:
    """Seconds, or until a date; None where it says neither."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(text)
        return max(seconds, 0.0) if seconds < float("inf") else None
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it came from."""
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo and len(found) < 20:
        each = todo.pop()
        if not isinstance(each, BaseException) or each in found:
            continue
        found.append(each)
        todo += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return found


def _why_no_tls(error: BaseException) -> str:
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({each.verify_message})"
    return "it does not speak TLS, or refuses ours"


def _why_no_connection(error: BaseException) -> str:
    for each in _causes(error):
        if isinstance(each, ConnectionRefusedError):
            return "nothing listens there"
        if isinstance(each, ConnectionResetError | BrokenPipeError):
            return "the connection broke off"
    return "no connection, or it broke off"


def find_on_web(server: WebServer, objects: Sequence[Sendable]) -> tuple[list[str], str]:
    """Ask a server, by QIDO-RS, which objects it has, and compare their pixels, by WADO-RS, with ours.

    Parameters
    ----------
    server : WebServer
    objects : sequence of Sendable

    Returns
    -------
    found : list of str
        Of each object "missing", "found", "same pixels" or "other pixels"; empty where the server does not answer.
    why : str
        Why it does not; empty otherwise.
    """
    requests = network_library("requests")
    session = open_session(server)
    client = network_library("dicomweb_client").DICOMwebClient(server.name, session=session, timeout=server.timeout_s)
    client.set_http_retry_params(False)
    found = []
    try:
        for item in objects:
            listed = client.search_for_instances(
                item.study, item.series, search_filters={"SOPInstanceUID": item.sop_instance}
            )
            there = any(_first(each, "00080018") == item.sop_instance for each in listed)
            found.append("missing" if not there else _pixels_there(client, item))
    except (requests.exceptions.RequestException, ValueError, KeyError, TypeError):
        return [], "the server does not answer QIDO-RS"
    finally:
        session.close()
    return found, ""


def _pixels_there(client: Any, item: Sendable) -> str:
    """Compare frame by frame; "found" where the server hands no plain frames over."""
    if not item.pixels:
        return "found"
    source = open_dicom(item.path)
    for k, frame in enumerate(iterate_dicom(source), start=1):
        try:
            (given,) = client.retrieve_instance_frames(
                item.study, item.series, item.sop_instance, [k], media_types=("application/octet-stream",)
            )
        except Exception:  # of the library, the connection or the answer: the object itself was found
            return "found"
        ours = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<")).tobytes()
        if len(given) not in (len(ours), len(ours) + len(ours) % 2):
            return "found"  # still compressed, by a server that cannot undo it
        if given[: len(ours)] != ours:
            return "other pixels"
    return "same pixels"
