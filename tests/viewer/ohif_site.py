"""OHIF (MIT) on loopback: its built pages, and DICOMweb of Orthanc under the same address.

A script beside its pages waits until a picture is drawn, and keeps what the viewer says of it. Run as a program inside
the network of the archive: `ohif_site.py FOLDER`, with the objects in FOLDER/objects; prints what was kept, and leaves
FOLDER/window.png.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
PAGES = HERE / "ohif" / "package" / "dist"
ARCHIVE = "http://127.0.0.1:8042"
PATIENCE_S = 90
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
let before = null, since = 0; // a viewport may be replaced while the page is put together
const look = setInterval(() => {
  try {
    const engines = window.cornerstone ? window.cornerstone.getRenderingEngines() : [];
    const viewports = (engines || []).flatMap((engine) => engine.getViewports());
    const viewport = viewports.find((each) => each.getProperties?.().voiRange && each.getImageData?.());
    if (viewport !== before) [before, since] = [viewport, Date.now()];
    if (viewport && Date.now() - since > 3000) {
      const data = viewport.getImageData(), canvas = viewport.getCanvas(), properties = viewport.getProperties();
      const at = (i, j) => viewport.worldToCanvas(data.imageData.indexToWorld([i, j, 0]));
      window.seenByViewer = {
        voi: properties.voiRange, invert: !!properties.invert, dimensions: data.dimensions,
        spacing: data.spacing, image: canvas.toDataURL("image/png"), ratio: window.devicePixelRatio,
        size: [canvas.width, canvas.height], shown: [canvas.clientWidth, canvas.clientHeight],
        first: at(0, 0), last: at(data.dimensions[0] - 1, data.dimensions[1] - 1), text: document.body.innerText,
      };
      clearInterval(look);
      return;
    }
  } catch (error) { window.lookError = String(error); }
  if (Date.now() - started > 80000) {
    clearInterval(look);
    window.seenByViewer = { error: window.lookError || "no picture" };
  }
}, 300);
"""


def main(folder: Path) -> None:
    """Send the objects, show their study, and print what the viewer says of it."""
    import radiography as rx
    from tests.viewer.browser import Answer, file_answer, site
    from tests.viewer.driven import Browser

    account = rx.send_files(
        folder / "objects", rx.Server(stow=f"{ARCHIVE}/dicom-web"), rx.SendWanted(for_processing=True)
    )
    assert account.all_arrived, account
    with urllib.request.urlopen(f"{ARCHIVE}/dicom-web/studies", timeout=20) as answer:
        (study,) = json.loads(answer.read())

    def pages(place: str, accept: str) -> Answer:
        name = place.partition("?")[0]
        if name.startswith("/dicom-web/"):
            return ask_archive(place, accept)
        if name == "/app-config.js":
            return 200, "text/javascript", SETTINGS.encode()
        file = PAGES / name.lstrip("/")
        return file_answer(file if file.is_file() else PAGES / "index.html")  # its pages are all one

    heads = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
    with site(pages, heads) as address, Browser(1300, 900) as browser:
        browser.open(f"{address}/viewer?StudyInstanceUIDs={study['0020000D']['Value'][0]}")
        seen = browser.wait("window.seenByViewer", PATIENCE_S)
        browser.screen(folder / "window.png")
    print(json.dumps(seen))


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
