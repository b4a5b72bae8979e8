"""Objects to an archive: checked, sent with retries, and an account of what arrived."""

from __future__ import annotations

import os
import re
import ssl
import stat
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from radiography.dicom.outcome import Outcome
from radiography.dicom.sendable import Sendable, Sent, check_sendable, check_unchanged, is_marked
from radiography.dicom.store import StorePeer, StoreServer, find_objects
from radiography.dicom.stow import WebPeer, WebServer, check_url, find_on_web
from radiography.jobs.inputs import Files, Report, input_files, named, no_report

LONGEST_BACK_OFF_S = 30.0  # chosen
MOST_RETRIES = 20
TOKEN_VARIABLE = "RADIOGRAPHY_TOKEN"
_TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # DICOM PS3.5 table 6.2-1, AE: no backslash, no control characters


@dataclass(frozen=True)
class Server:
    """Where objects go and how; exactly one of `to` and `stow`.

    Attributes
    ----------
    to : str or None
        HOST:PORT of a DICOM server.
    called, calling : str or None, str
        Application entity titles: the server's, and ours.
    stow : str or None
        Address of a DICOMweb service.
    token_file : str, Path or None
        File with a bearer token; without it the variable RADIOGRAPHY_TOKEN.
    tls : bool
        Whether a DICOM server is spoken to by TLS.
    ca_file, certificate, key : str, Path or None
        Certificates to trust, and no others; ours and its key.
    timeout_s : float
        How long nothing may happen. [s]
    """

    to: str | None = None
    called: str | None = None
    calling: str = "RADIOGRAPHY"
    stow: str | None = None
    token_file: str | Path | None = None
    tls: bool = False
    ca_file: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True)
class SendWanted:
    """What is sent, and how often it is tried.

    Attributes
    ----------
    for_processing : bool
        Whether images for processing go too.
    decompress : bool
        Whether compressed pixels go uncompressed where the server does not take them; to a DICOMweb service always.
    verify : bool
        Whether the server is asked afterwards what it has.
    retries : int
        Attempts after the first. [1]
    back_off_s : float
        Wait before the first of them, doubled from one to the next. [s]
    """

    for_processing: bool = False
    decompress: bool = False
    verify: bool = False
    retries: int = 3
    back_off_s: float = 1.0


@dataclass(frozen=True)
class SentFile:
    """What became of one file.

    Attributes
    ----------
    path : Path
    status : str
        "stored", "warning" (stored, with a warning), "refused", "failed", "not sent" or "left out".
    reason : str
        In words; empty where it was stored.
    code : int or None
        The server's status. [1]
    attempts : int
        How often it was sent. [1]
    size : int
        Of the file. [bytes]
    seconds : float
        From the first attempt to the last answer. [s]
    read_back : str or None
        What the server says it has: "found", "missing", "same pixels" or "other pixels"; None where it was not asked.
    """

    path: Path
    status: str
    reason: str = ""
    code: int | None = None
    attempts: int = 0
    size: int = 0
    seconds: float = 0.0
    read_back: str | None = None

    @property
    def arrived(self) -> bool:
        """Whether the server has it, as far as it says."""
        return self.status in ("stored", "warning") and self.read_back not in ("missing", "other pixels")


@dataclass(frozen=True)
class Account:
    """What arrived of all that was sent.

    Attributes
    ----------
    server : str
        Address.
    service : str
        "C-STORE" or "STOW-RS".
    files : tuple of SentFile
        Those that were to be sent, in the order they were given, then those left out.
    seconds : float
        That sending took. [s]
    interrupted : bool
        Whether the user stopped it.
    doubts : tuple of str
        What to know beside it.
    """

    server: str
    service: str
    files: tuple[SentFile, ...]
    seconds: float
    interrupted: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of files of each status."""
        found = Counter(each.status for each in self.files)
        return {name: found[name] for name in ("stored", "warning", "refused", "failed", "not sent", "left out")}

    @property
    def all_arrived(self) -> bool:
        """Whether all that was to be sent is there."""
        return all(each.arrived for each in self.files if each.status != "left out")


class Peer(Protocol):
    """A server that takes objects one by one."""

    def store(self, item: Sendable, sent: Sent) -> Outcome:
        """Send one object once; ValueError if the file itself is in the way."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


@dataclass
class _Progress:
    """Bytes that went out, for whoever wants to know."""

    total: int
    report: Report
    before: int = 0
    now: int = 0
    most: int = 0

    def sent(self, count: int) -> None:
        self.now += count
        self.report("sending", min(self.before + min(self.now, self.most), self.total) / max(self.total, 1))

    def begin(self, size: int) -> None:
        self.now, self.most = 0, size

    def end(self, size: int) -> None:
        self.before, self.now = self.before + size, 0


@dataclass
class _Chosen:
    """Files that go, and those that do not."""

    going: list[Sendable] = field(default_factory=list)
    left_out: list[SentFile] = field(default_factory=list)


def send_files(
    files: Files, server: Server, wanted: SendWanted | None = None, *, report: Report = no_report
) -> Account:
    """Send DICOM files to an archive.

    Each file is checked before the first is sent. What a server refuses is not sent again; what it may take later is,
    with waits that double. After an attempt that no retry has helped the other files are not tried.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders; of a folder all DICOM files that lie in it.
    server : Server
    wanted : SendWanted, optional
    report : callable, optional
        Called with what is being done and the fraction of it that is done.

    Returns
    -------
    account : Account

    Raises
    ------
    ValueError, OSError
        In one sentence, before anything is sent: a file that is no whole DICOM object, or a server that cannot be.
    """
    wanted = wanted or SendWanted()
    _check_wanted(wanted, server)
    target, doubts = _target(server)
    chosen = _choose(files, wanted, report)
    if not chosen.going:
        raise ValueError(f"nothing is left to send: {chosen.left_out[0].path} {chosen.left_out[0].reason}")
    peer: Peer
    if isinstance(target, StoreServer):
        peer = StorePeer(target, chosen.going, wanted.decompress)
    else:
        peer = WebPeer(target, wanted.decompress)
    started = time.monotonic()
    sent, interrupted = _send_all(peer, chosen.going, wanted, report)
    seconds = time.monotonic() - started
    if wanted.verify and not interrupted:
        try:
            sent, doubt = _read_back(target, chosen.going, sent)
        except KeyboardInterrupt:
            doubt, interrupted = "interrupted", True
        except (ValueError, OSError) as error:
            doubt = str(error)
        doubts += [f"what arrived was not read back: {doubt}"] if doubt else []
    service = "C-STORE" if isinstance(target, StoreServer) else "STOW-RS"
    return Account(target.name, service, (*sent, *chosen.left_out), seconds, interrupted, tuple(doubts))


def _check_wanted(wanted: SendWanted, server: Server) -> None:
    if not 0 <= wanted.retries <= MOST_RETRIES:
        raise ValueError(f"--retries must be 0 to {MOST_RETRIES}, got {wanted.retries}")
    if not 0 < server.timeout_s <= 3600:
        raise ValueError(f"--timeout must be above 0 and at most 3600 s, got {server.timeout_s:g}")


def _target(server: Server) -> tuple[StoreServer | WebServer, list[str]]:
    """The server, checked, and what to doubt about it."""
    if (server.to is None) == (server.stow is None):
        raise ValueError("exactly one of --to HOST:PORT and --stow URL says where the files go")
    paths = {"--tls-ca": server.ca_file, "--tls-cert": server.certificate, "--tls-key": server.key}
    for option, path in paths.items():
        if path is not None and not Path(path).is_file():
            raise FileNotFoundError(f"{option} {path} is no file")
    if server.key is not None and server.certificate is None:
        raise ValueError("--tls-key is the key of a certificate: give --tls-cert as well")
    given = [option for option, path in paths.items() if path is not None]
    if server.to is not None:
        if server.token_file is not None:
            raise ValueError("--token-file is for --stow; C-STORE knows no tokens")
        if given and not server.tls:
            raise ValueError(f"{given[0]} is for an encrypted connection: give --tls as well")
        host, port = _host_and_port(server.to)
        if server.called is None:
            raise ValueError("--aec is needed with --to: the application entity title of the server")
        called, calling = _title("--aec", server.called), _title("--aet", server.calling)
        return StoreServer(host, port, called, calling, server.timeout_s, _tls(server) if server.tls else None), []
    if server.called is not None or server.tls:
        raise ValueError(f"{'--tls' if server.tls else '--aec'} is for --to; --stow has its address alone")
    token, doubts = _token(server.token_file)
    parts = check_url(str(server.stow), bool(token))
    if given and parts.scheme != "https":
        raise ValueError(f"{given[0]} is for an encrypted connection: --stow needs https:// for it")
    if given:
        _tls(server)  # finds what is wrong with the files
    ca, certificate, key = (None if path is None else Path(path) for path in paths.values())
    return WebServer(str(server.stow), server.timeout_s, token, ca, certificate, key), doubts


def _host_and_port(to: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:@/\s\[\]]+)):(\d{1,6})", to, re.ASCII)
    if match is None:
        raise ValueError("--to must be HOST:PORT such as pacs.example:104 or [::1]:104, without user and path")
    port = int(match[3])
    if not 1 <= port <= 65535:
        raise ValueError(f"the port of --to must be 1 to 65535, got {port}")
    return match[1] or match[2], port


def _title(option: str, title: str) -> str:
    stripped = title.strip(" ")
    if not _TITLE.fullmatch(stripped):
        raise ValueError(
            f"{option} must be an application entity title of 1 to 16 plain characters without backslash, got "
            f"{title[:40]!r} of {len(title)}"
        )
    return stripped


def _tls(server: Server) -> ssl.SSLContext:
    """An encrypted connection that verifies the server, of TLS 1.2 or later."""
    try:
        context = ssl.create_default_context(cafile=None if server.ca_file is None else str(server.ca_file))
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"--tls-ca {server.ca_file} holds no certificates (PEM)") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.certificate is not None:
        key = None if server.key is None else str(server.key)
        asked: list[bool] = []

        def no_password() -> str:
            asked.append(True)
            return "\0"

        try:
            context.load_cert_chain(str(server.certificate), key, password=no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            if asked:
                raise ValueError("the key of --tls-cert is locked by a password, which cannot be given here") from error
            raise ValueError(f"--tls-cert {server.certificate} and its key are no pair of PEM files") from error
    return context


def _token(token_file: str | Path | None) -> tuple[str, list[str]]:
    """The token, which no message repeats, and what to doubt about its file."""
    doubts = []
    if token_file is None:
        source, text = f"the variable {TOKEN_VARIABLE}", os.environ.get(TOKEN_VARIABLE, "")
        if not text:
            return "", []
    else:
        path = Path(token_file)
        source = f"--token-file {path}"
        if not path.is_file():
            raise FileNotFoundError(f"{source} is no file")
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            doubts.append(f"{source} can be read by others: `chmod 600` keeps it to its owner")
        with path.open("rb") as file:
            text = file.read(2**16).decode("latin-1")
    token = text.strip()
    if not re.fullmatch(r"[!-~]{1,16384}", token):
        raise ValueError(f"{source} must hold one line with a token of plain characters without spaces")
    return token, doubts


def _choose(files: Files, wanted: SendWanted, report: Report) -> _Chosen:
    """Check every file; each goes once, images for processing only where asked for."""
    inside: set[Path] = set()
    for name in named(files):
        if Path(name).is_dir():
            inside |= set(input_files(name, "DICOM"))
    paths = input_files(files, "DICOM")
    chosen = _Chosen()
    seen: set[Path] = set()
    objects: dict[str, Path] = {}
    for k, path in enumerate(paths):
        report("checking", k / len(paths))
        place = path.resolve()
        if place in seen:
            continue
        seen.add(place)
        if path in inside and (not is_marked(path) or path.name == "DICOMDIR"):
            chosen.left_out.append(SentFile(path, "left out", "is no DICOM object"))
            continue
        item = check_sendable(path)
        if item.for_processing and not wanted.for_processing:
            reason = "is for processing, not for display: --for-processing sends it"
        elif item.sop_instance in objects:
            reason = f"is the same object as {objects[item.sop_instance]}"
        else:
            objects[item.sop_instance] = path
            chosen.going.append(item)
            continue
        chosen.left_out.append(SentFile(path, "left out", reason, size=item.size))
    return chosen


def _send_all(peer: Peer, going: Sequence[Sendable], wanted: SendWanted, report: Report) -> tuple[list[SentFile], bool]:
    """Send one after the other, until all are sent, nothing more can be, or the user interrupts."""
    progress = _Progress(sum(item.size for item in going), report)
    done: list[SentFile] = []
    why, interrupted = "", False
    under_way: list[int] = []
    try:
        for item in going:
            if why:
                done.append(SentFile(item.path, "not sent", why, size=item.size))
                continue
            under_way[:] = [0]
            found, over = _send_one(peer, item, wanted, progress, under_way)
            under_way.clear()
            done.append(found)
            why = found.reason if over else ""
    except KeyboardInterrupt:
        interrupted = True
        item = going[len(done)]
        if under_way:
            done.append(SentFile(item.path, "failed", "interrupted on its way", None, under_way[0], item.size))
        done += [SentFile(item.path, "not sent", "interrupted", size=item.size) for item in going[len(done) :]]
    finally:
        peer.close()
    return done, interrupted


def _send_one(
    peer: Peer, item: Sendable, wanted: SendWanted, progress: _Progress, under_way: list[int]
) -> tuple[SentFile, bool]:
    """One file with its retries, and whether the others need not be tried."""
    started = time.monotonic()
    attempt = 0
    while True:
        attempt += 1
        under_way[:] = [attempt]
        progress.begin(item.size)
        try:
            check_unchanged(item)
            outcome = peer.store(item, progress.sent)
        except ValueError as error:
            outcome = Outcome("failed", str(error))
        if not outcome.again or attempt > wanted.retries:
            break
        wait = min(wanted.back_off_s * 2 ** (attempt - 1), LONGEST_BACK_OFF_S)
        time.sleep(wait if outcome.after_s is None else outcome.after_s)
    progress.end(item.size)
    sent = SentFile(
        item.path, outcome.status, outcome.reason, outcome.code, attempt, item.size, time.monotonic() - started
    )
    return sent, outcome.everything or outcome.again


def _read_back(
    target: StoreServer | WebServer, going: Sequence[Sendable], sent: Sequence[SentFile]
) -> tuple[list[SentFile], str]:
    """What the server says it has of what it stored, and why where it says nothing."""
    stored = [(k, item) for k, item in enumerate(going) if sent[k].status in ("stored", "warning")]
    read = list(sent)
    if not stored:
        return read, ""
    items = [item for _, item in stored]
    if isinstance(target, StoreServer):
        there, why = find_objects(target, items)
        found = ["found" if each else "missing" for each in there]
    else:
        found, why = find_on_web(target, items)
    if not found:
        return read, why
    for (k, _), said in zip(stored, found, strict=True):
        read[k] = replace(read[k], read_back=said)
    return read, ""


def account_to_json(account: Account) -> dict[str, Any]:
    """The account as plain values, without anything of a patient."""
    size = sum(each.size for each in account.files if each.status in ("stored", "warning"))
    return {
        "server": account.server,
        "service": account.service,
        "all_arrived": account.all_arrived,
        "interrupted": account.interrupted,
        **{name.replace(" ", "_"): count for name, count in account.counts.items()},
        "stored_bytes": size,
        "time_s": account.seconds,
        "files": [
            {
                "file": str(each.path),
                "status": each.status,
                "reason": each.reason,
                "code": each.code,
                "attempts": each.attempts,
                "bytes": each.size,
                "time_s": each.seconds,
                "read_back": each.read_back,
            }
            for each in account.files
        ],
        "warnings": list(account.doubts),
    }
