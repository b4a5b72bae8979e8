"""Frames of a panel with every effect: reference columns, non-linear pixels, lag that depends on the exposure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography import acquire
from radiography.acquire import (
    acquire_frame,
    acquire_sequence,
    expose,
    mean_electrons,
)
from radiography.panel.trapping import FrameTimes, trap_charge
from tests.radiography.acquisitions import (
    FLUOROSCOPY,
    sequence_of,
    trapped_after_half_a_second,
    worn,
)
from tests.reference import on_threads


def test_shielded_columns_see_dark_current_and_noise_and_nothing_else(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, left=6, right=4)
    exposure = expose(acquisition)
    rng = np.random.default_rng(3)
    exposed, _ = acquire_frame(acquisition, exposure, rng)
    above = (exposed - acquisition.maps.offset_dn) * 250.0
    shielded = np.concatenate([above[:, :6], above[:, 60:]], axis=1)
    # read noise 1,515 electrons in 480 pixels, and line noise 200 in 48 rows
    error = np.hypot(1515 / np.sqrt(480), 200 / np.sqrt(48))
    assert abs(shielded.mean() - 1000 * np.exp(0.02)) < 5 * error
    assert shielded.std() == pytest.approx(1525, rel=5 / np.sqrt(2 * 480))
    assert above[:, 6:60].min() > 1e6


def test_a_worn_panel_bends_and_lags_its_signal_by_the_stated_numbers(tmp_path: Path) -> None:
    acquisition = worn(tmp_path)
    state, frames = None, []
    exposure, rng = expose(acquisition), np.random.default_rng(4)
    for on in (True, False):
        frame, state = acquire_frame(acquisition, exposure if on else None, rng, state)
        frames.append((frame - acquisition.maps.offset_dn).mean() * 250.0)
    generated = mean_electrons(acquisition) + 1000 * np.exp(0.02)
    held = generated * (1 - 0.03 * generated / 15e6)
    factor = np.interp(np.log(held), np.log([0.25e6, 2.5e6, 11.25e6]), [1.6, 1.0, 0.75])
    caught = [fraction * factor for fraction in trapped_after_half_a_second(acquisition)]
    released = [-np.expm1(-5.0 / term.time_s) for term in acquisition.panel.lag]
    # quantum noise 3.9e4 electrons per pixel over 3,072 pixels, 1.5 times for what neighbours fraction
    assert frames[0] == pytest.approx(held * (1 - sum(caught)), abs=5 * 1.5 * 3.9e4 / np.sqrt(3072))
    after = held * sum(c * r for c, r in zip(caught, released, strict=True)) + 1000
    assert frames[1] == pytest.approx(after, abs=5 * (200 / np.sqrt(48) + 1515 / np.sqrt(3072)) + 0.002 * after)


def test_a_worn_panel_rests_in_the_dark(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, kerma=0.0, defective=0.02)
    maps = acquisition.maps
    leaky = replace(maps, dark_electrons_per_s=np.full((48, 64), 2e6, dtype=np.float32))
    frames = list(acquire_sequence(replace(acquisition, maps=leaky), None, 20, np.random.default_rng(4)))
    drift = np.mean(frames[10:], axis=0, dtype=np.float64) - np.mean(frames[:10], axis=0, dtype=np.float64)
    for lagging in (False, True):
        there = ((maps.lag_factor > 1) == lagging) & (maps.noise_factor == 1)
        # a million electrons of dark charge, 7 DN of noise in each pixel and 0.8 DN in each of 48 lines
        error = np.sqrt(2 / 10) * np.hypot(7.0 / np.sqrt(there.sum()), 0.8 / np.sqrt(48))
        assert abs(drift[there].mean()) < 5 * error


def test_traps_of_a_worn_panel_are_as_full_as_the_dark_keeps_them(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, kerma=0.0, defective=0.02)
    dark = np.geomspace(1e3, 1e8, 48 * 64).reshape(48, 64).astype(np.float32)  # the last fill the well in 0.5 s
    acquisition = replace(acquisition, maps=replace(acquisition.maps, dark_electrons_per_s=dark))
    full, maps, panel = acquire.traps_in_the_dark(acquisition), acquisition.maps, acquisition.panel
    charge = np.minimum(0.5 * dark, 15e6)
    held = (charge * (1.0 - maps.nonlinearity * charge / 15e6)).astype(np.float32)
    delivered, after = trap_charge(
        held, full, panel.lag, 5.0, panel.lag_exposure, maps.lag_factor, times=FrameTimes(0.5)
    )
    np.testing.assert_allclose(after, full, rtol=2e-6)
    np.testing.assert_allclose(delivered, held, rtol=2e-6)


def test_lagging_pixels_leave_ten_times_as_much(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, defective=0.02)
    frames = [
        np.asarray(frame - acquisition.maps.offset_dn, dtype=np.float64)
        for frame in sequence_of(acquisition, pattern=(0.0, 1.0, 0.0))
    ]
    left = frames[2] - frames[0]
    lagging, sound = acquisition.maps.lag_factor > 1, acquisition.maps.defects == 0
    # 260 DN in sound pixels, 8.5 DN of noise in each, 3 % of quantum noise in the exposure of each lagging one
    factor = acquisition.maps.lag_factor.max()
    assert left[lagging].mean() / left[sound].mean() == pytest.approx(float(factor), rel=5 * 0.03 / np.sqrt(40))


@pytest.mark.slow
def test_worn_frames_are_the_same_bytes_on_one_thread_and_on_two(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, extra=FLUOROSCOPY.format(spread=0.01), left=4, defective=0.02)
    one, two = (
        on_threads(count, lambda: b"".join(frame.tobytes() for frame in sequence_of(acquisition, 5)))
        for count in (1, 2)
    )
    assert one == two
