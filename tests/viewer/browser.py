"""What tests of viewers need beside the browser: where it is, and a site on this machine that it can open."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm",
         ".json": "application/json", ".svg": "image/svg+xml", ".dcm": "application/dicom"}  # fmt: skip
Answer = tuple[int, str, bytes]  # status, kind, body


def find_browser() -> str | None:
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def file_answer(file: Path) -> Answer:
    """A file as it is, or that it is not there."""
    if not file.is_file():
        return 404, "text/plain", b"not here"
    return 200, KINDS.get(file.suffix, "application/octet-stream"), file.read_bytes()


@contextmanager
def site(answer: Callable[[str, str], Answer], heads: Mapping[str, str] | None = None) -> Iterator[str]:
    """Address of a site on loopback that answers each path, the query with it, and what the browser accepts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answer(self.path, self.headers.get("Accept", "*/*"))
            self.send_response(status)
            for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(heads or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
