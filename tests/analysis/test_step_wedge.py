"""Step wedges of an exponential law and Poisson-like noise: contrast sensitivity and range in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.step_wedge import measure_step_wedge

HEIGHTS = np.arange(2.0, 24.0, 2.0)
MU, OPEN, GAIN = 0.05, 20000.0, 9.0  # 1/mm, DN, DN^2 of noise per DN


def wedge(extra: tuple[int, int] = (0, 0), width: int = 40, count: int = 2) -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    row = np.pad(np.repeat(OPEN * np.exp(-MU * HEIGHTS), width), extra, constant_values=OPEN)
    even = np.ones((100, 1)) * row
    return np.stack([even + np.sqrt(GAIN * even) * rng.standard_normal(even.shape) for _ in range(count)])


def true_snr(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(OPEN * np.exp(-MU * thickness) / GAIN)


@pytest.mark.parametrize("extra", [(0, 0), (15, 10)])
@pytest.mark.parametrize("turned", [False, True])
def test_signal_noise_and_sensitivity_of_each_step(extra: tuple[int, int], turned: bool) -> None:
    frames = wedge(extra)
    found = measure_step_wedge(frames.swapaxes(1, 2) if turned else frames, HEIGHTS)
    assert found.along == ("rows" if turned else "columns") and not found.doubts
    snr = true_snr(HEIGHTS)
    for step, truth in zip(found.steps, snr, strict=True):
        assert step.snr == pytest.approx(truth, abs=4 * step.snr_error)
        assert step.attenuation_per_mm == pytest.approx(MU, abs=4 * step.attenuation_error)
        sensitivity = 100 * 2.5 / (MU * step.thickness_mm * truth)
        assert step.sensitivity_percent == pytest.approx(sensitivity, abs=4 * step.sensitivity_error)
        assert step.sensitivity_error < 0.05 * sensitivity


def test_the_range_ends_where_the_snr_falls_to_the_limit() -> None:
    found = measure_step_wedge(wedge(count=4), HEIGHTS, snr_limits=(30.0, 20.0, 60.0))
    middle, all_of_it, none = found.ranges
    truth = np.log(OPEN / GAIN / 30.0**2) / MU
    assert middle.thickest_mm == pytest.approx(truth, abs=3 * middle.thickest_error_mm)
    assert middle.thickest_error_mm < 1.0 and middle.open_thin and not middle.open_thick
    assert all_of_it.open_thick and all_of_it.thickest_mm == 22.0
    assert np.isnan(none.thinnest_mm)


def test_a_normalised_snr_and_a_highest_signal_move_the_range() -> None:
    frames = wedge()
    found = measure_step_wedge(frames, HEIGHTS, resolution_mm=0.0443, snr_limits=(60.0,), highest_signal=15000.0)
    assert found.normalised  # pixels half as fine as the reference count twice
    assert found.ranges[0].thinnest_mm == 6.0 and not found.ranges[0].open_thin
    same = measure_step_wedge(frames, HEIGHTS, snr_limits=(30.0,))
    assert found.ranges[0].thickest_mm == pytest.approx(same.ranges[0].thickest_mm)


def test_a_wrong_order_is_said() -> None:
    assert "does not fall with the thickness" in measure_step_wedge(wedge(), HEIGHTS[::-1]).doubts[0]


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ((2.0, 4.0), "3 steps or more, got 2"),
        ((2.0, 0.0, 4.0), "must be above 0 mm, got 2, 0, 4"),
        ((2.0, 6.0, 4.0), "must rise or fall from step to step, got 2, 6, 4"),
        (tuple(range(1, 100)), "fewer than 8 pixels a step"),
    ],
)
def test_wrong_thicknesses_name_themselves(heights: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_step_wedge(wedge(), heights)
