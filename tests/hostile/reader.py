"""Reads generated files one after the other in a process of its own, and says of each how that went.

`python -m tests.hostile.reader FIRST LAST STEP` prints a line of JSON for each file that was not read or refused as it
should be, and one with the worst time and memory at the end.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from calibration.calibration_set import load_calibration_set
from calibration.defects.criteria import load_criteria
from calibration.defects.files import read_defect_map
from calibration.own_words import said_by_us
from phantoms.mesh_file import load_mesh
from radiography.cli import run
from radiography.config import load_beam, load_panel, load_scene, load_scintillator, load_steps
from radiography.files.frames import RawLayout, iterate_frames, open_frames
from radiography.jobs.about import load_about
from radiography.jobs.curves import read_mtf, read_nps
from radiography.jobs.qc import load_limits
from radiography.study.published import load_published
from tests.hostile.damage import damaged
from tests.hostile.whole_files import COLS, ROWS, whole_files

ROOM_BYTES = 2**30  # what one file may take beyond the program itself
SECONDS = 10
_WITH_A_PLACE = (tomllib.TOMLDecodeError, json.JSONDecodeError)  # they say the line and what is wrong there
COMMAND_EVERY = 20  # every so manieth file goes through a command as well


def _frames(path: Path) -> None:
    layout = RawLayout(ROWS, COLS) if path.suffix == ".raw" else None
    source = open_frames(path, layout)
    for frame in iterate_frames(source, range(min(source.count, 1000))):
        assert frame.shape == (source.rows, source.cols) and frame.dtype.name == source.dtype
    assert repr(source.conditions)


def _scene(path: Path) -> None:
    load_scene(path)


_FIT = "--vary thickness_um=50:100 --out gone/x.toml"
READERS: dict[str, tuple[str, Callable[[Path], Any], str]] = {  # ending of the name, loader, command
    "TIFF": (".tif", _frames, "export {path} --pitch 1 --out {path}.dcm"),
    "npy": (".npy", _frames, "mtf {path} --pitch 1"),
    "DICOM": (".dcm", _frames, "export {path} --pitch 1 --out {path}.out"),
    "NRRD": (".nrrd", _frames, "export {path} --pitch 1 --out {path}.dcm --frame 0"),
    "MetaImage": (".mha", _frames, "export {path} --pitch 1 --out {path}.dcm --frame 0"),
    "PNG": (".png", _frames, "export {path} --pitch 1 --out {path}.dcm"),
    "maker": (".seq", _frames, "export {path} --pitch 1 --out {path}.dcm --frame 0"),
    "HDF5": (".h5", _frames, "export {path}::/entry/data --pitch 1 --out {path}.dcm --frame 0"),
    "EDF": (".edf", _frames, "export {path} --pitch 1 --out {path}.dcm"),
    "CBF": (".cbf", _frames, "export {path} --pitch 1 --out {path}.dcm"),
    "raw": (".raw", _frames, f"mtf {{path}} --shape {ROWS}x{COLS} --pitch 1"),
    "calibration set": (".cal", load_calibration_set, "qc {path}"),
    "defect map": ("", read_defect_map, "defects {path}"),
    "curve": ("", lambda path: (read_mtf(path), read_nps(path)), f"fit gone.toml --mtf {{path}} {_FIT}"),
    "panel": (".toml", lambda path: load_panel(str(path)), "residual CsI_Tl_500um --panel {path}"),
    "scintillator": (".toml", lambda path: load_scintillator(str(path)), "residual {path}"),
    "beam": (".toml", lambda path: load_beam(str(path)), f"fit CsPbBr3_75um --mtf gone.csv --beam {{path}} {_FIT}"),
    "scene": (".toml", _scene, "check gone.toml"),
    "criteria": (".toml", load_criteria, "calibrate --dark gone.tif --flat gone.tif --out x.cal --criteria {path}"),
    "limits": (".toml", lambda path: load_limits(str(path)), "qc gone.cal --limits {path}"),
    "published": (".toml", load_published, "validate --out /gone/gone --table {path}"),
    "about": (".toml", load_about, "calibrate --dark gone.tif --flat gone.tif --out x.cal --about {path}"),
    "pipeline": (".toml", load_steps, "reconstruct gone.tif --calibration gone.cal --out x.tif --pipeline {path}"),
    "mesh": ("", load_mesh, "check gone.toml"),
}  # fmt: skip


def _fault(error: BaseException, path: Path) -> str | None:
    """What is wrong with an error that a user would read."""
    text = str(error)
    if not isinstance(error, ValueError | TypeError | OSError):
        return f"{type(error).__name__} is no kind of error for a user"
    if not said_by_us(error):
        return "the words are not ours"
    cause = error.__cause__
    foreign = cause is not None and not said_by_us(cause) and not isinstance(cause, _WITH_A_PLACE)
    if foreign and len(str(cause)) > 12 and str(cause)[:60] in text:
        return "a library's words are in it"
    if path.name not in text:
        return "the file is not named"
    if "\n" in text.strip() or "Traceback" in text:
        return "it is no sentence"
    return None


class _TooSlow(BaseException):
    pass


def _stop(*_: object) -> None:
    raise _TooSlow


def read(number: int, whole: dict[str, bytes], folder: Path) -> str | None:
    """What was wrong with the reading of one file; None where it was read, or refused as it should be."""
    rng = np.random.default_rng([5, number])
    name = list(whole)[number % len(whole)]
    kind, _, variant = name.partition(", ")
    suffix, reader, command = READERS[kind]
    endings = {"text": ".stl", "json": ".json", "csv": ".csv", "xml": ".bpm.xml", "tif": ".tif"}
    path = folder / f"file{suffix or endings.get(variant, '.' + variant)}"
    path.write_bytes(damaged(name, whole, rng))
    found, accepted = None, False
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reader(path)
            accepted = True
    except _TooSlow:
        found = f"it took longer than {SECONDS} s"
    except BaseException as error:
        fault = _fault(error, path)
        if fault:
            place = traceback.extract_tb(error.__traceback__)[-1]
            found = f"{fault}: {type(error).__name__}: {str(error)[:300]} ({place.filename}:{place.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    odd = [str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)]
    if accepted and odd:
        found = f"it is read with the warning of a library: {odd[0][:300]}"
    if number % COMMAND_EVERY == 0 and not found:
        found = _command(command, path)
    return found and f"{name} {number}: {found}"


def _command(line: str, path: Path) -> str | None:
    """What is wrong with the way a command takes a file."""
    out, err = StringIO(), StringIO()
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = run([word.format(path=path) for word in line.split()])
    except BaseException as error:
        return f"`{line}` raises {type(error).__name__}: {str(error)[:300]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    said = err.getvalue().splitlines()
    if code not in (0, 1, 2) or any(not text.startswith("radiography: ") for text in said):
        return f"`{line}` ends with {code} and says {err.getvalue()[:300]}"
    if code == 2 and len([text for text in said if "warning" not in text]) != 1:
        return f"`{line}` says {err.getvalue()[:300]}"
    return None


def main(first: int, last: int, step: int) -> None:
    """Read files `first`, `first + step`, ... before `last`."""
    whole = whole_files()
    signal.signal(signal.SIGALRM, _stop)
    logging.lastResort = logging.NullHandler()  # as commands do
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, used + ROOM_BYTES))
    slowest = (0.0, -1)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, last, step):
            print(json.dumps({"reading": number}), flush=True)
            begun = time.monotonic()
            found = read(number, whole, Path(folder))
            slowest = max(slowest, (time.monotonic() - begun, number))
            if found:
                print(json.dumps({"fault": found}), flush=True)
    print(json.dumps({"slowest_s": slowest, "peak_kB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
