"""Runs that are killed: all old or all new, never old beside new, and nothing left after the next run."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from radiography.files.frames import write_tiff

ROWS, COLS, FRAMES = 96, 120, 40
NAMES = ("image.tif", "image_flags.tif", "image_variance_random.tif", "image_variance_calibration.tif", "image.png")
RUN = "import sys; from radiography.cli import run; sys.exit(run(sys.argv[1:]))"


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, arguments)], stderr=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)  # fmt: skip


def _work_s(process: subprocess.Popen[bytes], most_s: float = math.inf) -> float:
    """Seconds a process worked until it ended, or did as much as this: of CPU on Linux, where other work on the
    machine does not move them, and by the clock elsewhere."""
    begun, spent_s = time.monotonic(), 0.0
    while spent_s < most_s and process.poll() is None:
        time.sleep(0.002)
        try:
            ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            spent_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            spent_s = time.monotonic() - begun
    return spent_s


def _digests(folder: Path) -> tuple[str | None, ...]:
    """Of each result, None where it is absent."""
    paths = [folder / name for name in NAMES]
    return tuple(hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None for path in paths)


def _stack(level: float, count: int, seed: int) -> list[np.ndarray[tuple[int, int], np.dtype[np.uint16]]]:
    rng = np.random.default_rng(seed)
    return [rng.normal(level, 20.0, (ROWS, COLS)).astype(np.uint16) for _ in range(count)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
@pytest.mark.parametrize(
    "kills",
    [pytest.param(12, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.long)],
)
def test_a_killed_run_leaves_old_or_new_and_never_both(tmp_path: Path, kills: int) -> None:
    """Half of the kills fall into the last 5 % of a run."""
    for name, level, count in (
        ("dark", 100.0, 4),
        ("flat", 9000.0, 4),
        ("one", 3000.0, FRAMES),
        ("two", 4000.0, FRAMES),
    ):
        write_tiff(tmp_path / f"{name}.tif", _stack(level, count, int(level)), 0.139, {})
    frames = ["--dark", tmp_path / "dark.tif", "--flat", tmp_path / "flat.tif"]
    assert _start("calibrate", *frames, "--out", tmp_path / "good.cal").wait() == 0
    out = tmp_path / "out"
    out.mkdir()

    def line(raw: str) -> list[object]:
        about = ["--calibration", tmp_path / "good.cal", "--flags", "--variance"]
        return ["reconstruct", tmp_path / f"{raw}.tif", "--out", out / "image.tif", *about]

    whole, seconds = {}, []
    for raw in ("one", "two", "one", "two"):
        process = _start(*line(raw))
        seconds.append(_work_s(process))
        assert process.wait() == 0
        whole[raw] = _digests(out)
    assert all(one != two for one, two in zip(whole["one"], whole["two"], strict=True))
    duration = min(seconds[1:])
    rng = np.random.default_rng(10)
    before, new_ones, unfinished = "two", 0, 0
    for number in range(kills):
        now = "one" if before == "two" else "two"
        process = _start(*line(now))
        _work_s(process, duration * rng.uniform(*((0.95, 1.0) if number % 2 else (0.0, 1.0))))
        process.kill()
        process.wait()
        found = _digests(out)
        places = {raw: [own == there for own, there in zip(whole[raw], found, strict=True)] for raw in whole}
        assert not (any(places["one"]) and any(places["two"])), f"kill {number} left {places}"
        assert all(map(any, zip(*places.values(), [there is None for there in found], strict=True))), found
        if None in found:
            unfinished += 1
            assert _start(*line(now)).wait() == 0
            found = _digests(out)
        before = "one" if found == whole["one"] else "two"
        new_ones += before == now
        if number % 2:  # the end of a run is where it is now: machines are busier at times
            duration *= 0.95 if before == now else 1.1
        assert found == whole[before]
    assert 0 < new_ones < kills  # else nothing was killed at the end of its work
    print(f"{kills} kills: {new_ones} new, {kills - new_ones} old, {unfinished} to be finished by the next run")
    assert _start(*line(before)).wait() == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
