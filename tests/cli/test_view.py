"""`radiography view`: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import write_tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corrected image and its flags, beside a file that is no picture."""
    write_tiff(tmp_path / "edge.tif", np.ones((20, 30), np.float32), 0.139, {"kind": "corrected"})
    write_tiff(tmp_path / "edge_flags.tif", np.zeros((20, 30), np.uint16), 0.139, {"kind": "flags"})
    (tmp_path / "notes.txt").write_text("no picture\n")
    return tmp_path


def test_the_command_says_where_the_page_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["view", str(folder), "--no-browser", "--for", "0"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2 pictures at http://127.0.0.1:") and line.endswith("it ends after 0 s")
    for wrong in (["view", str(folder / "gone.tif")], ["view", str(folder / "notes.txt")],
                  ["view", str(folder), "--for", "-1"], ["view", str(folder), "--pitch", "0"]):  # fmt: skip
        assert run([*wrong, "--no-browser"]) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and printed.err.count("\n") == 1, printed.err


def test_a_machine_without_a_browser_is_told_the_address(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)))
    assert run(["view", str(folder / "edge.tif"), "--for", "0"]) == 0
    printed = capsys.readouterr()
    assert "no browser could be opened" in printed.err
    assert opened[0] not in printed.out  # the address of the command line is not the one that lasts


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process is interrupted otherwise there")
def test_ctrl_c_ends_it(folder: Path) -> None:
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where a shell ignores it
    command = [sys.executable, "-c", heard + "from radiography.cli import main; main()", "view",
               str(folder / "edge.tif"), "--no-browser"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert "Ctrl-C ends it" in process.stdout.readline()
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == "radiography: interrupted, nothing was left half-written\n"
