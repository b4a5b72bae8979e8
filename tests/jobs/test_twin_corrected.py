"""Corrected frames of a twin: sorted by dose, counted without being read, made anew each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibration_set import load_calibration_set
from calibration.correct import correct_frame, plan_correction
from radiography.files.frames import FrameSource, iterate_frames, open_frames
from radiography.jobs.calibrate import FrameCounter
from radiography.jobs.inputs import no_report
from radiography.jobs.twin_corrected import corrected_doses, mean_corrected


def _of_kerma(source: FrameSource, kerma_uGy: float | None) -> FrameSource:
    return replace(source, conditions=replace(source.conditions, air_kerma_uGy=kerma_uGy))


def test_flats_are_counted_without_being_read(line: Path) -> None:
    source = open_frames(line / "flat.tif")
    read: list[float] = []
    counter = FrameCounter(lambda what, done: read.append(done), 99)
    flats = [_of_kerma(source, kerma) for kerma in (5.0, 2.0, 5.0)]

    doses = corrected_doses(load_calibration_set(line / "small.cal"), flats, counter, 1.0)

    assert doses is not None
    assert [(dose.air_kerma_uGy, len(dose.frames)) for dose in doses] == [(2.0, 8), (5.0, 16)]
    assert read == []
    assert len(list(doses[1].frames)) == 16
    assert len(read) == 16


def test_frames_are_corrected_one_by_one(line: Path) -> None:
    source, calibration = open_frames(line / "flat.tif"), load_calibration_set(line / "small.cal")
    raw = list(iterate_frames(source))
    plan = plan_correction(calibration)

    doses = corrected_doses(calibration, [_of_kerma(source, 5.0)], FrameCounter(no_report, 8), 1.0)

    assert doses is not None
    np.testing.assert_array_equal(doses[0].frames[0], correct_frame(raw[0], plan).corrected_dn)
    mean = np.mean([correct_frame(frame, plan).corrected_dn for frame in raw], axis=0, dtype=np.float64)
    np.testing.assert_allclose(mean_corrected(source, plan), mean, rtol=1e-6)


@pytest.mark.parametrize("kerma", [None, 0.0])
def test_a_flat_without_kerma_gives_no_doses(line: Path, kerma: float | None) -> None:
    source = open_frames(line / "flat.tif")
    flats = [_of_kerma(source, 5.0), _of_kerma(source, kerma)]

    assert corrected_doses(load_calibration_set(line / "small.cal"), flats, FrameCounter(no_report, 16), 1.0) is None
