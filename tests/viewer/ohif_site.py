"""OHIF (MIT) on loopback: its built pages, and DICOMweb of Orthanc under the same address.

A script beside its pages waits until a picture is drawn, and posts what the viewer says of it. Run as a program inside
the network of the archive: `ohif_site.py FOLDER`, with the objects in FOLDER/objects; prints what was posted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = HERE / "ohif" / "package" / "dist"
ARCHIVE = "http://127.0.0.1:8042"
PATIENCE_S = 90
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm",
         ".json": "application/json", ".svg": "image/svg+xml"}  # fmt: skip
SETTINGS = """
window.config = {
  routerBasename: "/", showStudyList: true, extensions: [], modes: [], investigationalUseDialog: { option: "never" },
  defaultDataSourceName: "archive",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb", sourceName: "archive",
    configuration: {
      friendlyName: "archive", name: "archive", qidoRoot: location.origin + "/dicom-web",
      wadoRoot: location.origin + "/dicom-web", wadoUriRoot: location.origin + "/dicom-web",
      qidoSupportsIncludeField: false, imageRendering: "wadors", thumbnailRendering: "wadors",
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true,
    },
  }],
};
const started = Date.now();
const look = setInterval(() => {
  try {
    const engines = window.cornerstone ? window.cornerstone.getRenderingEngines() : [];
    for (const engine of engines || []) for (const viewport of engine.getViewports()) {
      const properties = viewport.getProperties ? viewport.getProperties() : {};
      const data = viewport.getImageData ? viewport.getImageData() : null;
      if (!properties.voiRange || !data) continue;
      const canvas = viewport.getCanvas();
      clearInterval(look);
      setTimeout(() => {
        const at = (i, j) => viewport.worldToCanvas(data.imageData.indexToWorld([i, j, 0]));
        fetch("/seen", { method: "POST", body: JSON.stringify({
          voi: viewport.getProperties().voiRange, invert: !!properties.invert, dimensions: data.dimensions,
          spacing: data.spacing, image: canvas.toDataURL("image/png"), ratio: window.devicePixelRatio,
          size: [canvas.width, canvas.height], shown: [canvas.clientWidth, canvas.clientHeight],
          first: at(0, 0), last: at(data.dimensions[0] - 1, data.dimensions[1] - 1), text: document.body.innerText,
        }) });
      }, 3000);
      return;
    }
  } catch (error) { window.lookError = String(error); }
  if (Date.now() - started > 60000) {
    clearInterval(look);
    fetch("/seen", { method: "POST", body: JSON.stringify({ error: window.lookError || "no picture" }) });
  }
}, 300);
"""


def main(folder: Path) -> None:
    """Send the objects, show their study, and print what the viewer says of it."""
    import radiography as rx
    from tests.viewer.browser import find_browser

    account = rx.send_files(
        folder / "objects", rx.Server(stow=f"{ARCHIVE}/dicom-web"), rx.SendWanted(for_processing=True)
    )
    assert account.all_arrived, account
    with urllib.request.urlopen(f"{ARCHIVE}/dicom-web/studies", timeout=20) as answer:
        (study,) = json.loads(answer.read())
    seen: list[bytes] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0]
            if name.startswith("/dicom-web/"):
                status, kind, body = ask_archive(self.path, self.headers.get("Accept", "*/*"))
            elif name == "/app-config.js":
                status, kind, body = 200, KINDS[".js"], SETTINGS.encode()
            else:
                file = PAGES / name.lstrip("/")
                file = file if file.is_file() else PAGES / "index.html"  # its pages are all one
                status, kind, body = 200, KINDS.get(file.suffix, "application/octet-stream"), file.read_bytes()
            self.send_response(status)
            for key, value in (("Content-Type", kind), ("Content-Length", str(len(body))),
                               ("Cross-Origin-Opener-Policy", "same-origin"),
                               ("Cross-Origin-Embedder-Policy", "require-corp")):  # fmt: skip
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/viewer?StudyInstanceUIDs={study['0020000D']['Value'][0]}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
                   "--ignore-gpu-blocklist", "--disable-dev-shm-usage", "--no-first-run", "--window-size=1300,900",
                   f"--user-data-dir={profile}"]  # fmt: skip
        with subprocess.Popen(
            [str(find_browser()), *options, "--remote-debugging-port=0", address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as browser:  # fmt: skip
            arrived.wait(PATIENCE_S)
            browser.terminate()
            browser.wait(10)
        if len(sys.argv) > 2:  # a picture of the whole window, to look at
            time.sleep(1)
            subprocess.run(
                [str(find_browser()), *options, f"--screenshot={sys.argv[2]}", "--virtual-time-budget=30000", address],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
    server.shutdown()
    if not seen:
        raise TimeoutError(f"OHIF showed nothing within {PATIENCE_S} s")
    print(seen[0].decode())


def ask_archive(place: str, accept: str) -> tuple[int, str, bytes]:
    """What Orthanc answers: status, kind, body."""
    try:
        asked = urllib.request.Request(ARCHIVE + place, headers={"Accept": accept})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, "text/plain", error.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
