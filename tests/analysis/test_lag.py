"""Lag against traps whose release is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.lag import measure_lag

OFFSET, SIGNAL = 1000.0, 20000.0
FAST = ((0.04, 0.8), (0.01, 6.0))  # part caught, and frames over which it fades
SLOW = ((0.03, 0.8), (0.01, 6.0), (0.003, 40.0))


def sequence(
    traps: tuple[tuple[float, float], ...],
    on: int = 40,
    off: int = 30,
    before: int = 0,
    *,
    noise: float = 0.05,
    flicker: float = 0.003,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of frames, and the true lag after the beam."""
    rng = np.random.default_rng(1)
    part, time = np.array(traps).T
    caught, signal = np.zeros(part.size), []
    for exposure in [0.0] * before + list(SIGNAL * (1 + flicker * rng.standard_normal(on))) + [0.0] * off:
        released = caught * (1.0 - np.exp(-1.0 / time))
        caught = caught - released + part * exposure
        signal.append(exposure + released.sum())
    truth = np.array(signal[before + on :]) / np.mean(signal[before : before + on])
    return OFFSET + np.array(signal) + noise * rng.standard_normal(len(signal)), truth


def darks(count: int = 8) -> NDArray[np.float64]:
    return OFFSET + 0.05 * np.random.default_rng(9).standard_normal(count)


@pytest.mark.parametrize("traps", [FAST[:1], FAST, SLOW])
@pytest.mark.parametrize("off", [6, 30, 100])
def test_lag_with_darks_is_right_in_every_frame(traps: tuple[tuple[float, float], ...], off: int) -> None:
    levels, truth = sequence(traps, off=off)
    found = measure_lag(levels, 0.02, darks())
    assert found.frame.tolist() == list(range(1, off + 1)) and found.last_exposed == 39
    np.testing.assert_allclose(found.residual, truth, rtol=0, atol=1.5e-5)
    assert found.offset_from == "8 dark frames" and not found.doubts


@pytest.mark.parametrize(("traps", "off"), [(FAST[:1], 10), (FAST, 10), (FAST, 60), (SLOW, 100)])
def test_without_darks_the_offset_is_fitted_and_said(traps: tuple[tuple[float, float], ...], off: int) -> None:
    levels, truth = sequence(traps, off=off)
    found = measure_lag(levels, 0.02)
    assert abs(found.residual[0] - truth[0]) < 5e-4
    assert found.offset == pytest.approx(OFFSET, abs=1.0)
    assert "the offset was fitted" in found.doubts[0]


def test_a_lag_slower_than_the_sequence_widens_the_error_of_a_fitted_offset() -> None:
    levels, truth = sequence(((0.03, 0.8), (0.01, 8.0), (0.02, 50.0)), off=30)
    found = measure_lag(levels, 0.02)
    known = measure_lag(levels, 0.02, darks())
    assert (np.abs(found.residual - truth) < 3.0 * found.standard_error).all()
    assert found.standard_error[-1] > 20 * known.standard_error[-1]
    assert any("can hardly be told from the offset" in doubt for doubt in found.doubts)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_without_darks_the_error_holds_the_truth_or_darks_are_asked_for(noise: float) -> None:
    """Any traps, faster and slower than the frames can tell: four terms where three are fitted, and a power law."""
    rng = np.random.default_rng(11)
    off_by, needed = [], []
    for trial in range(24):
        count = 4 if trial % 3 else 12
        time = np.sort(10.0 ** rng.uniform(-0.3, 2.3, count))
        part = 10.0 ** rng.uniform(-3.0, -1.7, count) if count == 4 else 0.01 * time**-0.5
        levels, truth = sequence(tuple(zip(part, time, strict=True)), off=int(rng.choice([12, 30, 80])), noise=noise)
        found = measure_lag(levels, noise)
        error = abs(found.residual[0] - truth[0])
        off_by.append(error / found.standard_error[0])
        needed.append(any("dark frames are needed" in doubt for doubt in found.doubts))
        assert needed[-1] or error < 5e-4
    assert np.mean(np.array(off_by) < 2.0) > 0.9 and max(off_by) < 3.0
    assert np.mean(needed) > 0.5  # most of them hold traps that the frames do not see to their end
    assert not any("are needed" in doubt for doubt in measure_lag(sequence(FAST, off=60)[0], 0.02).doubts)


def test_frames_before_the_beam_are_the_offset_and_said() -> None:
    levels, truth = sequence(SLOW, before=5)
    found = measure_lag(levels, 0.02)
    np.testing.assert_allclose(found.residual, truth, rtol=0, atol=2e-5)
    assert found.offset_from == "the 5 frames before the beam" and found.last_exposed == 44


def test_components_are_those_of_the_traps() -> None:
    levels, _ = sequence(FAST, on=200, flicker=0.0)
    found = measure_lag(levels, 0.02, darks())
    for component, (part, time) in zip(found.components, FAST, strict=True):
        assert component.time_frames == pytest.approx(time, rel=0.01)
        assert component.amplitude == pytest.approx(part / 1.05, rel=0.01)  # of a signal that holds what traps release
        assert 0 < component.amplitude_error < 0.01 * part


def test_the_longest_of_several_falls_counts() -> None:
    short, _ = sequence(FAST, on=10, off=5)
    long, truth = sequence(FAST, on=40, off=50)
    found = measure_lag([*short, *long], 0.02, darks())
    assert found.last_exposed == 54 and found.frame.size == 50
    assert found.residual[0] == pytest.approx(truth[0], abs=1e-4)


def test_a_panel_without_lag_has_none_within_the_error() -> None:
    levels, _ = sequence(((1e-9, 1.0),))
    found = measure_lag(levels, 0.02, darks())
    assert (np.abs(found.residual) < 4.0 * found.standard_error).all() and found.standard_error.max() < 1e-5


def test_flats_are_no_sequence() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        levels = 11000.0 + 50.0 * np.random.default_rng(seed).standard_normal(8)
        with pytest.raises(ValueError, match=r"beam goes off|beam does not go off"):
            measure_lag(levels, 0.1, 1000.0 + 0.1 * rng.standard_normal(4))
    faint, _ = sequence(FAST)
    assert any("see whether the beam goes off" in doubt for doubt in measure_lag(faint + 2e5, 0.02).doubts)


def test_a_frame_exposed_for_a_part_is_said() -> None:
    levels, _ = sequence(FAST)
    levels[40] += 0.4 * SIGNAL
    assert "frame 40 of the sequence, counted from 0, has 4" in measure_lag(levels, 0.02, darks()).doubts[0]
    levels[40] += 0.3 * SIGNAL
    assert "gone off within frame 40" in measure_lag(levels, 0.02, darks()).doubts[0]


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([1.0, 2.0, 30.0, 30.0], "no frame of the 4 follows an exposed one"),
        ([5.0, 5.0, 5.0], "no frame of the 3 follows an exposed one"),
        ([5.0], "2 frames or more"),
        ([100.0, 100.0, 3.0], "cannot be found from 1 frames after the beam: give dark frames with --dark"),
    ],
)
def test_wrong_sequences_name_themselves(levels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_lag(levels, 0.1)
