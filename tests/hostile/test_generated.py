"""Thousands of damaged files of every kind: each is read, or refused in one sentence, in 10 s and 1 GB."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.hostile.damage import damaged
from tests.hostile.whole_files import whole_files

PROCESSES = 2


def _faults(first: int, last: int) -> list[str]:
    """What was wrong with the files of one process after the other, each going on where one was killed."""
    faults: list[str] = []
    while first < last:
        command = [sys.executable, "-m", "tests.hostile.reader", str(first), str(last), str(PROCESSES)]
        run = subprocess.run(command, capture_output=True, text=True)
        said = [json.loads(line) for line in run.stdout.splitlines()]
        faults += [line["fault"] for line in said if "fault" in line]
        if run.returncode == 0:
            return faults
        reading = [line["reading"] for line in said if "reading" in line]
        assert reading, run.stderr[-2000:]
        faults.append(f"file {reading[-1]} ended the process with {run.returncode}: {run.stderr[-500:]}")
        first = reading[-1] + PROCESSES
    return faults


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted as Linux does")
@pytest.mark.parametrize(
    ("first", "count"),
    [pytest.param(0, 500, marks=pytest.mark.slow), pytest.param(500, 10_000, marks=pytest.mark.long)],
)
def test_a_hostile_file_is_read_or_refused_in_one_sentence(first: int, count: int) -> None:
    with ThreadPoolExecutor(PROCESSES) as pool:
        found = list(pool.map(_faults, range(first, first + PROCESSES), [first + count] * PROCESSES))
    faults = [fault for own in found for fault in own]
    assert not faults, "\n".join([f"{len(faults)} of {count}:", *faults[:40]])


@pytest.mark.slow
def test_the_same_number_gives_the_same_file_and_few_are_sound() -> None:
    whole = whole_files()
    assert len(whole) > 50
    for name in ("TIFF, plain", "npy, frame", "DICOM, plain", "calibration set, plain", "scene, edge", "mesh, stl"):
        one, other = (
            [damaged(name, whole, np.random.default_rng([5, number])) for number in range(20)] for _ in range(2)
        )
        assert one == other and len(set(one)) > 15 and sum(content == whole[name] for content in one) < 3
