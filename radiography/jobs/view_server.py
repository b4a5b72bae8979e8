"""A server of the viewer page on this machine alone: only the files that were named, by number, behind a secret.

Nobody else can read it: it listens on 127.0.0.1, answers only to its own name (so that no page elsewhere reaches it
under a name that it points here), and only under a path that cannot be guessed. What the page may do is said to the
browser: its own scripts and numbers, nothing from elsewhere.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from calibration.own_words import said_by_us
from radiography.files.frames import RawLayout
from radiography.jobs.inputs import Files
from radiography.jobs.json_text import json_text
from radiography.jobs.view import Shelf, frame_pixels, open_pictures, shelf_to_json
from radiography.jobs.view_regions import checked_region, region_mtf, region_noise

HERE = "127.0.0.1"
PAGE = Path(__file__).resolve().parents[1] / "data" / "viewer"
ASSETS = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "panes.js": ("panes.js", "text/javascript; charset=utf-8"),
    "overlay.js": ("overlay.js", "text/javascript; charset=utf-8"),
    "server.js": ("server.js", "text/javascript; charset=utf-8"),
    "plots.js": ("plots.js", "text/javascript; charset=utf-8"),
    "cornerstone.js": ("cornerstone.js", "text/javascript; charset=utf-8"),
    "NOTICES.txt": ("NOTICES.txt", "text/plain; charset=utf-8"),
}
HEADERS = {
    # Styles in the page's own elements are set by cornerstone3D; no script, picture or request from elsewhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SECRET_BYTES = 24  # 192 bits
LARGEST_QUESTION_BYTES = 4096  # of a POST: a picture, a frame and four numbers
PATIENCE_S = 60  # with a browser that is silent within a request
MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"mtf": region_mtf, "noise": region_noise}
_log = logging.getLogger("radiography")


class PictureServer:
    """Pictures on a page of this machine, until it is closed; also as `with`.

    Attributes
    ----------
    url : str
        The page, secret included: whoever has it can read the pictures.
    once : str
        The same for one use, for a command line that others on the machine can see.
    shelf : Shelf
        What it shows.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._server = _Server(shelf)
        origin = f"http://{HERE}:{self._server.server_port}"
        self.url = f"{origin}/{self._server.secret}/"
        self.once = f"{origin}/{self._server.once}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; the page no longer answers."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> PictureServer:
        """The server itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()


def view_pictures(
    files: Files, *, pitch_mm: float | None = None, layout: RawLayout | None = None, browser: bool = True
) -> PictureServer:
    """A page of this machine that shows pictures: raw, corrected, flags and presentation, to be looked at and measured.

    Parameters
    ----------
    files : str, Path or sequence of them
        Files of frames, patterns or folders, such as what `reconstruct_frames` wrote.
    pitch_mm : float, optional
        Pixel pitch at the detector, where files do not say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.
    browser : bool
        Whether the page is opened in the browser.

    Returns
    -------
    server : PictureServer
        It ends with `close`, at the end of a `with`, or with the program.

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a file cannot be read.
    """
    server = PictureServer(open_pictures(files, pitch_mm=pitch_mm, layout=layout))
    if browser:
        open_in_browser(server)
    return server


def open_in_browser(server: PictureServer) -> bool:
    """Open the page; whether there is a browser that could be asked to.

    Parameters
    ----------
    server : PictureServer

    Returns
    -------
    opened : bool
    """
    import webbrowser

    try:
        return webbrowser.open(server.once)
    except (webbrowser.Error, OSError):
        return False


class _Server(ThreadingHTTPServer):
    """Listens on loopback, at a free port."""

    daemon_threads = True

    def __init__(self, shelf: Shelf) -> None:
        super().__init__((HERE, 0), _Handler)
        self.shelf = shelf
        self.secret = secrets.token_urlsafe(SECRET_BYTES)
        self.once = secrets.token_urlsafe(SECRET_BYTES)
        self.lock = threading.Lock()  # one measurement at a time: each uses all cores
        self.hosts = {f"{HERE}:{self.server_port}", f"localhost:{self.server_port}"}

    def take_once(self, said: str) -> bool:
        """Whether this is the address for one use; it is gone then."""
        with self.lock:
            if self.once and hmac.compare_digest(said.encode(), self.once.encode()):
                self.once = ""
                return True
            return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        _log.debug("the browser went away")


class _Handler(BaseHTTPRequestHandler):
    """Answers the page."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """The page, its scripts, the list of pictures, or the pixels of a frame."""
        place = self._place()
        if place is None:
            return
        if place in ASSETS:
            name, kind = ASSETS[place]
            self._answer(200, (PAGE / name).read_bytes(), kind)
            return
        parts = place.split("/")
        if place == "pictures.json":
            self._answer_json(shelf_to_json(self.server.shelf))
        elif parts[0] == "pixels" and len(parts) == 3:
            self._in_one_sentence(lambda: self._pixels(parts[1], parts[2]))
        else:
            self._refuse(404)

    def do_POST(self) -> None:
        """A measurement in a region."""
        place = self._place()
        if place is None:
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= LARGEST_QUESTION_BYTES):
            self._refuse(413)
            return
        said = self.rfile.read(int(length))
        if place not in MEASURES:
            self._refuse(404)
            return
        if self.headers.get("Origin", f"http://{self.headers['Host']}") != f"http://{self.headers['Host']}":
            self._refuse(403)
            return
        self._in_one_sentence(lambda: self._measure(place, said))

    def version_string(self) -> str:
        """No version of Python."""
        return "radiography"

    def log_message(self, *words: Any) -> None:
        """Nothing: an address holds the secret."""

    def end_headers(self) -> None:
        """What each answer says besides."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _place(self) -> str | None:
        """What is asked for behind the secret; None where the question was refused or sent on."""
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(403)
            return None
        secret, slash, place = self.path.removeprefix("/").partition("/")
        if not slash and self.command == "GET" and self.server.take_once(secret):
            self.send_response(303)
            self.send_header("Location", f"/{self.server.secret}/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if not hmac.compare_digest(secret.encode("utf-8", "replace"), self.server.secret.encode()) or not slash:
            self._refuse(404)
            return None
        return place

    def _pixels(self, number: str, frame: str) -> None:
        """The numbers of one frame, row by row, little endian; about them in the head."""
        pixels, about = frame_pixels(self.server.shelf.pictures[self._number(number)], self._whole(frame))
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(pixels.nbytes))
        self.send_header("X-About", json.dumps({**about, "type": pixels.dtype.name}))
        self.end_headers()
        self.wfile.write(pixels.data)

    def _measure(self, what: str, said: bytes) -> None:
        try:
            asked = json.loads(said)
            number, frame, region = asked["picture"], asked["frame"], asked["region"]
            use_flags = asked.get("flags", True) is True
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("a measurement needs picture, frame and region") from error
        number = self._number(str(number))
        picture = self.server.shelf.pictures[number]
        with self.server.lock:
            found = MEASURES[what](
                self.server.shelf, number, self._whole(str(frame)), checked_region(picture, region), use_flags
            )
        self._answer_json(found)

    def _number(self, said: str) -> int:
        """Which picture; only those on the shelf."""
        number, count = self._whole(said), len(self.server.shelf.pictures)
        if number >= count:
            raise ValueError(f"there are {count} pictures, from 0; {number} is not there")
        return number

    @staticmethod
    def _whole(said: str) -> int:
        if not (said.isascii() and said.isdigit() and len(said) <= 9):
            raise ValueError(f"a number from 0 is needed, got '{said[:40]}'")
        return int(said)

    def _in_one_sentence(self, work: Callable[[], None]) -> None:
        """Answer with the sentence of an error of ours, and with nothing of any other."""
        try:
            work()
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self.close_connection = True
        except (ValueError, TypeError, OSError, MemoryError) as error:
            ours = isinstance(error, ValueError | TypeError | OSError) and said_by_us(error)
            _log.debug("viewer: %s: %s", type(error).__name__, error)
            self._answer_json({"error": self._without_folders(str(error) if ours else "it cannot be worked with")}, 422)

    def _without_folders(self, text: str) -> str:
        for picture in self.server.shelf.pictures:
            text = text.replace(str(picture.source.path), picture.source.path.name)
        return text

    def _answer_json(self, values: dict[str, Any], code: int = 200) -> None:
        self._answer(code, json_text(values).encode(), "application/json")

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, code: int) -> None:
        self.close_connection = True
        self.send_error(code)
