"""Noise of the data lines: its spectrum and size, and calibration that lives with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.conditions import Conditions
from calibration.dark.line_noise import estimate_line_noise
from calibration.learn import FrameStack, learn_panel
from radiography.panel.data_lines import data_line_noise, flicker
from radiography.panel.panel import Panel, Readout
from radiography.panel.readout import digitise
from tests import reference


@pytest.fixture
def silent(small_panel: Panel) -> Readout:
    return replace(
        small_panel.readout, reset_noise_electrons=0.0, amplifier_noise_electrons=0.0, line_noise_electrons=0.0
    )


def raw_of(numbers: Readout, rng: np.random.Generator, rows: int = 96, cols: int = 128) -> np.ndarray:
    electrons, offset, factor = (np.full((rows, cols), value, np.float32) for value in (1e6, 2000.0, 1.0))
    return digitise(electrons, offset, factor, numbers, rng)


def test_panels_have_none_of_it_and_then_frames_stay_what_they_were(small_panel: Panel) -> None:
    numbers = small_panel.readout
    assert (numbers.column_noise_electrons, numbers.flicker_noise_electrons) == (0.0, 0.0)
    assert not data_line_noise(48, 64, numbers, np.random.default_rng(1)).any()
    # the draws of the other noise come first: a frame less its data lines is the frame without them
    plain = raw_of(numbers, np.random.default_rng(2)).astype(int)
    with_columns = raw_of(replace(numbers, column_noise_electrons=25000.0), np.random.default_rng(2)).astype(int)
    shift = with_columns - plain
    assert (np.ptp(shift, axis=0) <= 1).all() and shift.std() > 50  # rounding moves by one at most


def test_flicker_noise_has_a_power_of_one_over_the_frequency() -> None:
    rows, cols = 1024, 600
    noise = flicker(rows, cols, np.random.default_rng(3)).astype(np.float64)
    # a Hann window keeps the lowest frequencies, of far more power, out of the others
    power = (np.abs(np.fft.rfft(noise * np.hanning(rows)[:, None], axis=0)) ** 2).mean(axis=1)
    number = np.arange(8, 400)
    slope, _ = np.polyfit(np.log(number), np.log(power[number]), 1, w=np.sqrt(number))
    # 600 columns: 4 % for each frequency, of 392: 0.002 on the slope; aliases there are none
    assert slope == pytest.approx(-1.0, abs=0.015)
    expected = np.hanning(rows) @ np.hanning(rows) / (2 * number / rows * np.sum(1 / np.arange(1, rows + 1)))
    assert power[number] == pytest.approx(expected, rel=0.2)
    assert np.mean(power[number] / expected) == pytest.approx(1.0, abs=0.02)


def test_flicker_noise_has_unit_variance_everywhere_and_columns_of_their_own() -> None:
    noise = np.stack([flicker(64, 500, np.random.default_rng(seed)) for seed in range(8)]).astype(np.float64)
    by_row = noise.transpose(1, 0, 2).reshape(64, -1).var(axis=1)
    assert by_row == pytest.approx(np.ones(64), abs=5 * np.sqrt(2 / 4000))  # 4,000 independent columns
    neighbours = np.mean(noise[:, :, 1:] * noise[:, :, :-1])
    assert abs(neighbours) < 5 * np.sqrt(np.mean(np.mean(noise**2, axis=1) ** 2) / (8 * 499))
    # the first row and the last are as far apart as a period can be, not beside each other
    assert np.mean(noise[:, 0] * noise[:, -1]) < 0.1 < 0.5 < np.mean(noise[:, 0] * noise[:, 1])


def test_both_add_in_quadrature_and_twice_the_number_is_twice_the_noise(silent: Readout) -> None:
    rng = np.random.default_rng(4)

    def frames(**noise: float) -> np.ndarray:
        numbers = replace(silent, **noise)
        return np.stack([raw_of(numbers, rng) for _ in range(60)]).astype(np.float64) * numbers.electrons_per_dn

    for size in (1000.0, 2000.0):
        columns = frames(column_noise_electrons=size)
        assert (columns == columns[:, :1]).all()  # common to a column
        assert columns[:, 0].std() == pytest.approx(np.hypot(size, 250 / 12**0.5), rel=4 / np.sqrt(2 * 60 * 128))
        assert abs(np.corrcoef(columns[:-1, 0].ravel(), columns[1:, 0].ravel())[0, 1]) < 4 / np.sqrt(59 * 128)
    both = frames(column_noise_electrons=1500.0, flicker_noise_electrons=2000.0)
    # 7,680 columns, of flicker noise about a third of the power in each column's mean
    assert (both - 3e6 / 2).std() == pytest.approx(np.hypot(2500.0, 250 / 12**0.5), rel=0.02)


def test_one_thread_and_two_give_the_same_bytes(small_panel: Panel) -> None:
    numbers = replace(small_panel.readout, column_noise_electrons=300.0, flicker_noise_electrons=400.0)

    def frame() -> np.ndarray:
        return raw_of(numbers, np.random.default_rng(5), 97, 131)

    assert reference.on_threads(1, frame).tobytes() == reference.on_threads(2, frame).tobytes()
    assert frame().tobytes() != raw_of(numbers, np.random.default_rng(6), 97, 131).tobytes()


@pytest.mark.parametrize("name", ["column_noise_electrons", "flicker_noise_electrons"])
def test_negative_noise_is_refused(small_panel: Panel, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(small_panel.readout, **{name: -1.0})


def test_line_noise_is_still_found_beside_it(small_panel: Panel) -> None:
    # 32 shielded columns, line noise of 2,000 electrons, 8 DN; columns of 1,000 and flicker of 1,000
    numbers = replace(
        small_panel.readout,
        line_noise_electrons=2000.0,
        column_noise_electrons=1000.0,
        flicker_noise_electrons=1000.0,
    )
    rng, shielded = np.random.default_rng(7), ((0, 16), (112, 128))
    offset = np.full((96, 128), 6000.0, np.float32)
    nothing = np.zeros((96, 128), np.bool_)
    sizes, left = [], []
    for _ in range(20):
        state = rng.bit_generator.state
        line = estimate_line_noise(raw_of(numbers, rng), offset, shielded, nothing)
        twin = np.random.default_rng()
        twin.bit_generator.state = state
        true_dn = twin.normal(0.0, 8.0, 96)
        sizes.append(float(line.sigma_dn[0]))
        left.append(np.std(true_dn - line.line_dn[:, 0]))
    assert np.mean(sizes) == pytest.approx(8.0, rel=4 / np.sqrt(2 * 96 * 20) + 0.02)
    # pixel noise of 6 and column and flicker noise of 4 DN each, over 32 pixels: 1.4 DN at the most
    assert np.mean(left) < 1.5


def test_darks_and_flats_calibrate_with_it(small_panel: Panel) -> None:
    numbers = replace(small_panel.readout, column_noise_electrons=300.0, flicker_noise_electrons=400.0)
    rng = np.random.default_rng(8)

    def stack(electrons: float, what: str) -> FrameStack:
        planes = (np.full((96, 128), value, np.float32) for value in (electrons, 2000.0, 1.0))
        held = list(planes)
        quanta = [held[0] + rng.normal(0, np.sqrt(200 * electrons), (96, 128)).astype(np.float32) for _ in range(16)]
        return FrameStack([digitise(each, held[1], held[2], numbers, rng) for each in quanta], what)

    found = learn_panel(
        [stack(0.0, "dark")],
        [stack(2e6, "flat")],
        saturation_dn=60000.0,
        conditions=Conditions(pitch_mm=0.139),
        provenance={},
    )
    assert (found.defects == 0).all()
    # pixel noise 1,500, columns 300, flicker 400 electrons and rounding
    expected = np.sqrt(1499.3**2 + 300**2 + 400**2 + 250**2 / 12) / 250
    assert found.typical_dark_noise_dn == pytest.approx(expected, rel=0.03)
    assert np.std(found.offset_dn) == pytest.approx(expected / 4, rel=0.1)
