"""Non-uniformity against fields whose means over squares are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.uniformity import measure_uniformity, spread_of

PITCH = 0.5  # squares of 20 pixels
SHAPE = (200, 260)


def frames_of(field: NDArray[np.float64], noise: float, count: int = 8) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    return np.stack([field + noise * rng.standard_normal(field.shape) for _ in range(count)]).astype(np.float32)


def means(field: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Means over squares inside a border of one, centred."""
    rows, cols = ((length - 2 * side) // side for length in field.shape)
    top, left = (field.shape[0] - rows * side) // 2, (field.shape[1] - cols * side) // 2
    inside = field[top : top + rows * side, left : left + cols * side]
    return inside.reshape(rows, side, cols, side).mean(axis=(1, 3))


@pytest.mark.parametrize(("trend", "bend"), [(0.0, 0.0), (0.3, 0.0), (0.1, -0.2)])
def test_global_and_local_are_right_within_a_fifth_of_a_percent(trend: float, bend: float) -> None:
    y, x = (np.linspace(-0.5, 0.5, length) for length in SHAPE)
    field = 10000.0 * (1.0 + trend * x[None, :] + bend * (x[None, :] ** 2 + y[:, None] ** 2))
    found = measure_uniformity(frames_of(field, 50.0), PITCH)
    truth = means(field, 20)
    assert found.signal.shape == truth.shape == (8, 11)
    local = max(np.abs(np.diff(truth, axis=axis)).max() for axis in (0, 1))
    assert found.of_signal.global_percent == pytest.approx(100 * np.ptp(truth) / truth.mean(), abs=0.2)
    assert found.of_signal.local_percent == pytest.approx(100 * local / truth.mean(), abs=0.2)
    np.testing.assert_allclose(found.signal, truth, rtol=0.001)
    assert found.noise.mean() == pytest.approx(50.0, rel=0.01)  # the trend within a square is no noise


def test_noise_alone_is_what_an_even_field_shows() -> None:
    found = measure_uniformity(frames_of(np.full(SHAPE, 10000.0), 300.0, 2), PITCH)
    for spread in (found.of_signal, found.of_noise, found.of_ratio):
        assert 0.7 < spread.global_percent / spread.global_of_noise < 1.4
        assert 0.6 < spread.local_percent / spread.local_of_noise < 1.6


def test_snr_follows_the_square_root_of_a_trend() -> None:
    field = 10000.0 * (1.0 + 0.5 * np.linspace(-0.5, 0.5, SHAPE[1])) * np.ones(SHAPE)
    rng = np.random.default_rng(3)
    frames = np.stack([field + 2.0 * np.sqrt(field) * rng.standard_normal(SHAPE) for _ in range(16)])
    found = measure_uniformity(frames, PITCH)
    truth = np.sqrt(means(field, 20)) / 2.0
    spread = 100 * np.ptp(truth) / truth.mean()
    # the largest and smallest of 88 squares, each known to 0.9 %
    assert spread < found.of_ratio.global_percent < spread + 2 * found.of_ratio.global_of_noise


def test_a_dead_column_and_a_bare_square_change_nothing_else() -> None:
    field = np.full(SHAPE, 10000.0)
    frames = frames_of(field, 50.0)
    clean = measure_uniformity(frames, PITCH)
    frames[:, :, 100] = 0.0
    frames[:, 80:100, 120:140] = np.nan
    found = measure_uniformity(frames, PITCH)
    assert np.isnan(found.signal).sum() in (0, 1) and found.bad_pixels >= 600 - 20
    assert found.of_signal.global_percent == pytest.approx(clean.of_signal.global_percent, abs=0.05)


@pytest.mark.parametrize(
    ("shape", "pitch", "message"),
    [((50, 60), 0.5, "holds no two squares of 10 mm"), ((200, 260), 3.0, "are 3 pixels of 3 mm; at least 4")],
)
def test_wrong_sizes_name_themselves(shape: tuple[int, int], pitch: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_uniformity(np.ones((1, *shape)), pitch)


def test_a_signal_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="mean signal must be above 0"):
        measure_uniformity(-np.ones((1, 200, 260)), 0.5)


def test_spread_of_two_squares() -> None:
    found = spread_of(np.array([[1.0, 3.0]]), np.array([[0.1, 0.1]]))
    assert found.global_percent == found.local_percent == pytest.approx(100.0)
    assert found.global_error == pytest.approx(100 * np.hypot(0.1, 0.1) / 2)
