"""Seconds of C-STORE and STOW-RS of one full image to Orthanc, beside storescu of dcmtk, in turns within one run.

Orthanc runs in a network of its own, in which nothing but loopback is. Each repeat sends objects that it does not have
yet, one to each program. storescu is a process, `send_files` a call; the whole command `radiography send`, with the
start of Python, stands beside them.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
SIDE = 3072
WAYS = ("storescu", "C-STORE", "STOW-RS", "C-STORE, whole command")


def objects(folder: Path, repeats: int) -> dict[str, list[Path]]:
    """An image for presentation of each way and repeat, different in its UID alone."""
    import pydicom

    from radiography.dicom.description import DxDescription
    from radiography.dicom.write import export_dx

    rng = np.random.default_rng(1)
    first = folder / "first.dcm"
    corrected_dn = rng.normal(5000.0, 70.0, (SIDE, SIDE)).astype(np.float32)
    export_dx(corrected_dn, 0.139, first, DxDescription(acquired=datetime(2024, 3, 1)))
    data = pydicom.dcmread(first)
    made: dict[str, list[Path]] = {way: [] for way in WAYS}
    for k in range(repeats + 1):
        for number, way in enumerate(WAYS):
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"2.25.{1000 * k + number + 1}"
            path = folder / f"{number}_{k}.dcm"
            data.save_as(path)
            made[way].append(path)
    return made


def measure(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Wall times of each way, the first of each left out. [s]"""
    from radiography.jobs.send import Server, send_files

    store = Server(to="127.0.0.1:4242", called="ORTHANC")
    web = Server(stow="http://127.0.0.1:8042/dicom-web")
    code = "import sys; from radiography.cli import main; main()"

    def by_us(server: Server, path: Path) -> None:
        account = send_files(path, server)
        if not account.all_arrived:
            raise RuntimeError(account.files[0].reason)

    def by_command(words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True)

    whole = [sys.executable, "-c", code, "send", "--to", "127.0.0.1:4242", "--aec", "ORTHANC"]
    ways: dict[str, Callable[[Path], None]] = {
        "storescu": lambda path: by_command(["storescu", "-aec", "ORTHANC", "127.0.0.1", "4242", str(path)]),
        "C-STORE": lambda path: by_us(store, path),
        "STOW-RS": lambda path: by_us(web, path),
        "C-STORE, whole command": lambda path: by_command([*whole, str(path)]),
    }
    files = objects(folder, repeats)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for k in range(repeats + 1):
        for way in WAYS:
            start = time.perf_counter()
            ways[way](files[way][k])
            times[way].append(time.perf_counter() - start)
    return {way: seconds[1:] for way, seconds in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "send.csv")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        print(json.dumps(measure(options.inside, options.repeats)))
        return
    import platform

    from tests.viewer.archives import orthanc, run_beside

    with tempfile.TemporaryDirectory() as folder:
        again = f"import runpy, sys; sys.argv[0] = {__file__!r}; runpy.run_path({__file__!r}, run_name='__main__')"
        words = ["--inside", folder, "--repeats", str(options.repeats)]
        ran = run_beside(orthanc(Path(folder)), [4242, 8042], again, Path(folder), *words)
        if ran.returncode:
            raise SystemExit(ran.stderr)
        times = json.loads(ran.stdout.splitlines()[-1])
    base = statistics.median(times["storescu"])
    rows = [
        {
            "way": way,
            "megabytes": round(2 * SIDE**2 / 1e6, 1),
            "median_s": round(statistics.median(seconds), 3),
            "lowest_s": round(min(seconds), 3),
            "highest_s": round(max(seconds), 3),
            "times_storescu": round(statistics.median(seconds) / base, 2),
        }
        for way, seconds in times.items()
    ]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    options.results.parent.mkdir(exist_ok=True)
    with options.results.open("w", newline="", encoding="utf-8") as file:
        system = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
        file.write(f"# {system}, {options.repeats} repeats, to Orthanc on loopback\n")
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
