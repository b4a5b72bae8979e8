"""A DICOM file opened in a web viewer inside a headless browser; what the viewer shows comes back as numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 40
KINDS = {".html": "text/html", ".js": "text/javascript", ".dcm": "application/dicom"}


def find_browser() -> str | None:
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def show(page: str, picture: Path, rows: int, cols: int) -> dict[str, Any]:
    """What `page` posts after it opened `picture`: grey (rows, cols), of several frames one more axis, window, ..."""
    posted: list[bytes] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("?")[0]
            file = picture if name == "/picture.dcm" else HERE / name.lstrip("/")
            if not file.is_file():
                self.send_error(404)
                return
            body = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", KINDS.get(file.suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            address = f"http://127.0.0.1:{server.server_port}/{page}#{rows}x{cols}"
            options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--force-device-scale-factor=1",
                       "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}",
                       f"--window-size={cols + 200},{rows + 200}"]  # fmt: skip
            with subprocess.Popen(
                [str(find_browser()), *options, "--remote-debugging-port=0", address],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as browser:  # fmt: skip
                arrived.wait(PATIENCE_S)
                browser.terminate()
                browser.wait(10)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    if not posted:
        raise TimeoutError(f"{page} showed nothing within {PATIENCE_S} s")
    shown: dict[str, Any] = json.loads(posted[0])
    if "error" in shown:
        raise RuntimeError(f"{page}: {shown['error']}")
    frames = [shown["frames"]] if "frames" in shown else []
    shown["grey"] = np.array(shown.pop("red"), dtype=np.uint8).reshape(*frames, shown["height"], shown["width"])
    return shown
