"""A headless Chromium that is told what to do by its own protocol, over a pipe: pages, keys, and what is on the screen.

https://chromedevtools.github.io/devtools-protocol; messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import skimage.io
from numpy.typing import NDArray

from tests.viewer.browser import find_browser

PATIENCE_S = 60
FIRST_FREE = 20  # file numbers from here are nobody's; the browser listens on 3 and speaks on 4
OPTIONS = (
    "--headless=new", "--no-sandbox", "--force-device-scale-factor=1", "--disable-dev-shm-usage", "--no-first-run",
    "--remote-debugging-pipe",
)  # fmt: skip
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_BEGIN = "import os, sys; [os.dup2(int(sys.argv[k]), k + 2) for k in (1, 2)]; os.execv(sys.argv[3], sys.argv[3:])"


class Browser:
    """One page of one browser, `with Browser() as browser`; without WebGL a canvas is drawn pixel for pixel."""

    def __init__(self, wide: int = 1280, tall: int = 860, webgl: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (listens, tells), (hears, speaks) = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, FIRST_FREE) for end in (listens, speaks)]
        places = [f"--window-size={wide},{tall}", f"--user-data-dir={self._folder.name}"]
        command = [str(find_browser()), *OPTIONS, *(WEBGL if webgl else ("--disable-gpu",)), *places]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, *map(str, theirs), *command, "about:blank"],
            pass_fds=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (listens, speaks, *theirs):
            os.close(end)
        self._tells, self._hears, self._heard, self._count = tells, hears, b"", 0
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []  # errors and warnings of the page, and what its policy refused
        targets = self.tell("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        self._session = {"sessionId": self.tell("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._tells)
        os.close(self._hears)
        self._folder.cleanup()

    def tell(self, method: str, **words: Any) -> dict[str, Any]:
        """What the browser answers to a message; what it says in between is kept where it is a complaint."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": words, **self._session}
        os.write(self._tells, json.dumps(message).encode() + b"\0")
        ends = time.monotonic() + PATIENCE_S
        while True:
            said, zero, rest = self._heard.partition(b"\0")
            if not zero:
                ready = select.select([self._hears], [], [], max(ends - time.monotonic(), 0))[0]
                more = os.read(self._hears, 1 << 20) if ready else b""
                if not more:
                    raise TimeoutError(f"the browser did not answer {method} within {PATIENCE_S} s, or is gone")
                self._heard += more
                continue
            self._heard = rest
            answer = json.loads(said)
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            kind, about = answer.get("method"), answer.get("params", {})
            loud = kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert")
            if loud or kind in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(about)[:500])

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited."""
        answer = self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script: str, patience_s: float = PATIENCE_S) -> Any:
        """The value of an expression in the page as soon as it is true."""
        ends = time.monotonic() + patience_s
        while not (value := self.run(script)):
            if time.monotonic() > ends:
                raise TimeoutError(f"not within {patience_s:g} s: {script}; {self.complaints[-3:]}")
            time.sleep(0.05)
        return value

    def open(self, address: str) -> None:
        self.tell("Page.navigate", url=address)

    def press(self, key: str) -> None:
        self.tell("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self.tell("Input.dispatchKeyEvent", type="keyUp", key=key)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The first button from one place of the window to another: x, y."""
        for kind, (x, y), buttons in (
            ("mouseMoved", start, 0), ("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0),
        ):  # fmt: skip
            button = "none" if kind == "mouseMoved" and not buttons else "left"
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def screen(self, keep: Path | None = None) -> NDArray[np.uint8]:
        """The window as it is seen, (H, W, 3), after what is waiting was drawn; kept as a file where one is named."""
        self.run("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => 1)")
        picture = base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"])
        if keep is not None:
            keep.write_bytes(picture)
        return np.asarray(skimage.io.imread(io.BytesIO(picture)))[..., :3]
