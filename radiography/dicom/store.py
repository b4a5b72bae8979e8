"""C-STORE: objects to a DICOM server, each streamed from its file, over associations that end as they should."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiography.dicom.outcome import Outcome, network_library, outcome_of_status
from radiography.dicom.sendable import Sendable, Sent, in_syntax

MOST_CONTEXTS = 126  # of one association: DICOM PS3.8 allows 128; one is for C-ECHO
LARGEST_PART = 2**18  # bytes of one message, where a server takes more   # chosen
SMALLEST_PART = 256  # bytes; a server that takes less would make a picture last for hours   # chosen
AHEAD_BYTES = 2**22  # read from the file and not yet sent   # chosen
VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
_FIND_PENDING = (0xFF00, 0xFF01)
_TRANSIENT = 2  # result of a rejection: DICOM PS3.8 9.3.4


@dataclass(frozen=True)
class StoreServer:
    """A DICOM server and how it is spoken to.

    Attributes
    ----------
    host : str
    port : int
        Where it listens. [1]
    called, calling : str
        Application entity titles: its own, and ours.
    timeout_s : float
        How long nothing may happen. [s]
    tls : SSLContext or None
        None speaks without encryption.
    """

    host: str
    port: int
    called: str
    calling: str
    timeout_s: float
    tls: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class StorePeer:
    """Sends objects to one server, over one association as long as that lasts."""

    def __init__(self, server: StoreServer, objects: Sequence[Sendable], decompress: bool) -> None:
        self._net = network_library("pynetdicom")
        self._server = server
        self._objects = list(objects)
        self._decompress = decompress
        self._assoc: Any = None
        self._proposed: set[tuple[str, str]] = set()
        self._busy = False
        self._sent: Sent = lambda count: None
        self._connection_error: Exception | None = None
        self._addresses = addresses_of(server)

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
        self._sent = sent
        if not self._established() or not self._wanted(item) <= self._proposed:
            self.close()
            failed = self._associate(self._objects[self._objects.index(item) :])
            if failed is not None:
                return failed
        return self._store(item)

    def close(self) -> None:
        """End the association: released where nothing is under way, broken off otherwise."""
        assoc, self._assoc = self._assoc, None
        if assoc is None:
            return
        if self._busy or not assoc.is_established:
            _drop_what_waits(assoc)
            assoc.abort()
        else:
            assoc.release()
        self._busy = False
        assoc.dul.join(self._server.timeout_s)

    def _established(self) -> bool:
        return self._assoc is not None and bool(self._assoc.is_established)

    def _syntaxes(self, item: Sendable) -> list[str]:
        """Transfer syntaxes in which an object may go, its own first."""
        syntaxes = [item.syntax]
        if item.pixels and (self._decompress or not item.compressed):
            syntaxes += [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]
        return list(dict.fromkeys(syntaxes))

    def _wanted(self, item: Sendable) -> set[tuple[str, str]]:
        """The same, each with the SOP class."""
        return {(item.sop_class, syntax) for syntax in self._syntaxes(item)}

    def _associate(self, objects: Sequence[Sendable]) -> Outcome | None:
        """Ask for an association that takes these objects; an outcome where there is none."""
        self._proposed = set()
        for item in objects:
            if len(self._proposed | self._wanted(item)) > MOST_CONTEXTS:
                break
            self._proposed |= self._wanted(item)
        pairs = [(VERIFICATION, str(ImplicitVRLittleEndian)), *sorted(self._proposed)]
        assoc, failed = associate(self._net, self._server, pairs, self._addresses, self._heard)
        if assoc is None:
            return failed
        self._assoc = assoc
        try:
            _bound_parts(assoc)
        except ValueError as error:
            return Outcome("failed", str(error), everything=True)
        if any(context.abstract_syntax == VERIFICATION for context in assoc.accepted_contexts):
            status = assoc.send_c_echo()
            if "Status" not in status:
                return Outcome("failed", "the server does not answer C-ECHO", again=True)
        assoc.dul.to_provider_queue = _Throttled(assoc, self._server.timeout_s)
        return None

    def _heard(self, event: Any) -> None:
        self._sent(len(event.data))

    def _accepted(self, item: Sendable) -> str | None:
        """The transfer syntax in which the server takes an object: its own where it can."""
        accepted = {
            str(context.transfer_syntax[0])
            for context in self._assoc.accepted_contexts
            if context.abstract_syntax == item.sop_class
        }
        return next((syntax for syntax in self._syntaxes(item) if syntax in accepted), None)

    def _store(self, item: Sendable) -> Outcome:
        syntax = self._accepted(item)
        if syntax is None:
            kind = UID(item.sop_class).name
            hint = "; --decompress sends it uncompressed" if item.compressed and not self._decompress else ""
            return Outcome("refused", f"the server does not take {kind} as {item.syntax_name}{hint}")
        with contextlib.ExitStack() as stack:
            path = item.path
            if syntax != item.syntax:
                path = stack.enter_context(in_syntax(item, syntax))
            self._busy = True
            try:
                with _from_file(self._net):
                    status = self._assoc.send_c_store(path)
            except (OSError, RuntimeError, ValueError) as error:
                self.close()
                if isinstance(error, FileNotFoundError | PermissionError):
                    raise ValueError(f"{item.path} cannot be read any more") from error
                return Outcome("failed", "the connection broke off", again=True)
        if "Status" not in status:
            why = "the server broke off" if self._assoc.is_aborted else "the server did not answer in time"
            self.close()
            return Outcome("failed", why, again=True)
        self._busy = False
        outcome = outcome_of_status(int(status.Status))
        if outcome.again:
            self.close()  # the wait may be longer than an association may be idle
        return outcome


def addresses_of(server: StoreServer) -> list[str]:
    """Numeric addresses of a server.

    Parameters
    ----------
    server : StoreServer

    Returns
    -------
    addresses : list of str

    Raises
    ------
    ValueError
        If the name is not known.
    """
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(f"the host '{server.host}' is not known: --to needs HOST:PORT of a DICOM server") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def associate(
    net: Any,
    server: StoreServer,
    pairs: Sequence[tuple[str, str]],
    addresses: Sequence[str],
    heard: Callable[[Any], None] | None = None,
) -> tuple[Any, Outcome | None]:
    """An association with a server, or why there is none.

    Parameters
    ----------
    net : module
        pynetdicom.
    server : StoreServer
    pairs : sequence of (str, str)
        SOP classes and transfer syntaxes, at most 127.
    addresses : sequence of str
        Of the server, tried one after the other.
    heard : callable, optional
        Hears of data that went out.

    Returns
    -------
    association : Association or None
    outcome : Outcome or None
    """
    entity = net.AE(ae_title=server.calling)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = server.timeout_s
    contexts = [net.presentation.build_context(kind, syntax) for kind, syntax in pairs]
    handlers: list[Any] = [(net.evt.EVT_CONN_OPEN, _set_timeout, [server.timeout_s])]
    if heard is not None:
        handlers.append((net.evt.EVT_DATA_SENT, heard))
    tls = None if server.tls is None else (server.tls, server.host)
    outcome = Outcome("failed", "no connection")
    for address in addresses:
        assoc = entity.associate(
            address,
            server.port,
            contexts=contexts,
            ae_title=server.called,
            evt_handlers=handlers,
            tls_args=tls,
        )
        if assoc.is_established:
            return assoc, None
        _end(assoc, server.timeout_s)
        if assoc.is_rejected:
            return None, _rejection(assoc)
        if assoc.rejected_contexts:
            return None, Outcome("refused", "the server takes no kind of object that was offered", everything=True)
        outcome = _why_no_connection(server, address)
    return None, outcome


def _end(assoc: Any, timeout_s: float) -> None:
    """Let the threads of an association that is none end."""
    assoc.kill()
    for thread in (assoc.dul, assoc):
        if thread.is_alive():
            thread.join(timeout_s)


def _rejection(assoc: Any) -> Outcome:
    """Why an association was rejected; DICOM PS3.8 table 9-21."""
    primitive = assoc.acceptor.primitive
    result, source, reason = (getattr(primitive, name, None) for name in ("result", "result_source", "diagnostic"))
    words = {
        (1, 1): "no reason given",
        (1, 2): "the application context is not supported",
        (1, 3): "our title (--aet) is not known there",
        (1, 7): "the called title (--aec) is not known there",
        (2, 2): "the protocol version is not supported",
        (3, 1): "temporary congestion",
        (3, 2): "its limit of associations is reached",
    }.get((source or 0, reason or 0), "no reason given")
    transient = result == _TRANSIENT
    kind = "for now" if transient else "for good"
    return Outcome("refused", f"the server rejects the association {kind}: {words}", again=transient, everything=True)


def _why_no_connection(server: StoreServer, address: str) -> Outcome:
    """Try to connect once more, to learn what the library does not tell."""
    try:
        with socket.create_connection((address, server.port), timeout=server.timeout_s) as plain:
            if server.tls is not None:
                with server.tls.wrap_socket(plain, server_hostname=server.host):
                    pass
    except ssl.SSLCertVerificationError as error:
        why = f"its certificate is not trusted ({error.verify_message})"
        return Outcome("failed", why, everything=True)
    except ssl.SSLError:
        return Outcome("failed", "it does not speak TLS, or refuses ours", everything=True)
    except TimeoutError:
        return Outcome("failed", f"it does not answer within {server.timeout_s:g} s", again=True)
    except ConnectionRefusedError:
        return Outcome("failed", "nothing listens there", again=True)
    except OSError as error:
        return Outcome("failed", f"no connection ({error.strerror or type(error).__name__})", again=True)
    return Outcome("failed", "it does not answer as a DICOM server does", again=True)


def _set_timeout(event: Any, timeout_s: float) -> None:
    """A peer that takes no data cannot hold us for ever."""
    wrapped = event.assoc.dul.socket
    if wrapped is not None and wrapped.socket is not None:
        wrapped.socket.settimeout(timeout_s)


def _bound_parts(assoc: Any) -> None:
    """Messages of a size that neither end chokes on, whatever the server says it takes."""
    for item in assoc.acceptor.user_information:
        length = getattr(item, "maximum_length_received", None)
        if length is None:
            continue
        if 0 < length < SMALLEST_PART:
            raise ValueError(f"the server takes only {length} bytes at a time; {SMALLEST_PART} are needed")
        if length == 0 or length > LARGEST_PART:
            item.maximum_length_received = LARGEST_PART


class _Throttled(queue.Queue[Any]):
    """What waits to be sent: never much more than a few megabytes of a file."""

    def __init__(self, assoc: Any, timeout_s: float) -> None:
        super().__init__()
        self._association = assoc
        self._timeout_s = timeout_s
        self._most = max(AHEAD_BYTES // max(int(assoc.dimse.maximum_pdu_size), 1), 4)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if type(item).__name__ == "P_DATA":
            while self.qsize() >= self._most and self._goes_on():
                time.sleep(0.0005)
            if not self._goes_on():
                raise ConnectionError("the association ended")
        super().put(item, block, timeout)

    def _goes_on(self) -> bool:
        return bool(self._association.is_established and self._association.dul.is_alive())


def _drop_what_waits(assoc: Any) -> None:
    waiting = assoc.dul.to_provider_queue
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()


@contextmanager
def _from_file(net: Any) -> Iterator[None]:
    """The library reads the file part by part, instead of decoding it as a whole."""
    before = net._config.STORE_SEND_CHUNKED_DATASET
    net._config.STORE_SEND_CHUNKED_DATASET = True
    try:
        yield
    finally:
        net._config.STORE_SEND_CHUNKED_DATASET = before


def find_objects(server: StoreServer, objects: Sequence[Sendable]) -> tuple[list[bool], str]:
    """Ask a server, by C-FIND, which objects it has.

    Parameters
    ----------
    server : StoreServer
    objects : sequence of Sendable

    Returns
    -------
    found : list of bool
        One of each object; empty where the server does not answer such questions.
    why : str
        Why it does not; empty otherwise.
    """
    net = network_library("pynetdicom")
    pair = (STUDY_ROOT_FIND, str(ImplicitVRLittleEndian))
    assoc, failed = associate(net, server, [pair], addresses_of(server))
    if assoc is None:
        return [], failed.reason if failed is not None else ""
    found = []
    try:
        for item in objects:
            question = Dataset()
            question.QueryRetrieveLevel = "IMAGE"
            question.StudyInstanceUID = item.study
            question.SeriesInstanceUID = item.series
            question.SOPInstanceUID = item.sop_instance
            count, last = 0, None
            for status, _ in assoc.send_c_find(question, STUDY_ROOT_FIND):
                last = status.get("Status")
                count += last in _FIND_PENDING
            if last != 0:
                return [], "its answer to C-FIND is an error"
            found.append(count > 0)
    except RuntimeError:
        return [], "the connection broke off"
    finally:
        if assoc.is_established:
            assoc.release()
        else:
            assoc.abort()
    return found, ""
