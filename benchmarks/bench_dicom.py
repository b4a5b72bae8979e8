"""A 3,072 x 3,072 DX object written and read beside the same bytes written and read plainly, in turns within one run.

    python benchmarks/bench_dicom.py [--repeats 21] [--side 3072] [--output benchmarks/results/dicom.csv]

Plain writing is as durable as ours: staged by `calibration.whole_file`, forced to disk, given its name; beside it the
same without a staging folder. Ours also digests the pixels, for UIDs that are the same for the same image, and builds
and checks some 90 attributes. Everything is read from the page
cache into memory of its own. One CSV row per case: median wall and processor seconds, and the median ratios to the
plain case of the same round.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from in_turns import rows_in_turns, write_table

from calibration.conditions import Conditions
from calibration.whole_file import whole_file
from radiography.dicom.cine import CinePixels, write_cine
from radiography.dicom.description import DxDescription
from radiography.dicom.read import iterate_dicom, open_dicom, read_dx
from radiography.dicom.write import write_dx

PITCH_MM = 0.139
ABOUT = DxDescription(acquired=datetime(2024, 3, 1), conditions=Conditions(kvp=70.0, exposure_mAs=2.5, panel="panel"))
FRAMES = 8  # of the sequence


def write_plainly(content: bytes, path: Path) -> None:
    """Bytes into a staged file, forced to disk, under their name: the house's way."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_without_stage(content: bytes, path: Path) -> None:
    """Bytes into a new file, forced to disk, under their name."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def cases_of(side: int, folder: Path) -> list[dict[str, Callable[[], object]]]:
    """Groups of calls that are measured in turns, the plain one first."""
    pixels = np.random.default_rng(1).integers(0, 2**12, (side, side)).astype(np.uint16)
    content, many = pixels.tobytes(), pixels.tobytes() * FRAMES
    plain, ours, raw, run = (folder / name for name in ("plain.raw", "ours.dcm", "run.raw", "run.dcm"))
    about_run = CinePixels(FRAMES, side, side, PITCH_MM, 66.7, "digest", window=(2000, 4000))

    def write() -> None:
        write_dx(ours, pixels, PITCH_MM, ABOUT, window=(2000, 4000))

    def write_and_read_plainly() -> None:
        write_plainly(content, plain)
        np.fromfile(plain, "<u2")

    def write_and_read() -> None:
        write()
        read_dx(ours)

    def read_run_plainly() -> None:
        with raw.open("rb") as file:
            for _ in range(FRAMES):
                np.fromfile(file, "<u2", side * side)

    def read_run() -> None:
        for _ in iterate_dicom(open_dicom(run)):
            pass

    write_plainly(content, plain)
    write_plainly(many, raw)
    write()
    return [
        {
            "plain write": lambda: write_plainly(content, plain),
            "without a staging folder": lambda: write_without_stage(content, plain),
            "write_dx": write,
        },
        {
            "plain read": lambda: np.fromfile(plain, "<u2"),
            "read_dx": lambda: read_dx(ours),
            "pydicom, pixel_array": lambda: pydicom.dcmread(ours).pixel_array,
        },
        {"plain write and read": write_and_read_plainly, "write_dx and read_dx": write_and_read},
        {
            f"plain write of {FRAMES} frames": lambda: write_plainly(many, raw),
            "write_cine": lambda: write_cine(run, (pixels for _ in range(FRAMES)), about_run, ABOUT),
        },
        {f"plain read of {FRAMES} frames": read_run_plainly, "iterate_dicom": read_run},
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the table where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--side", type=int, default=3072)
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args(arguments)
    table: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for cases in cases_of(chosen.side, Path(folder)):
            table += rows_in_turns(cases, chosen.side, chosen.repeats)
    if chosen.output is not None:
        write_table(chosen.output, table)


if __name__ == "__main__":
    main(sys.argv[1:])
