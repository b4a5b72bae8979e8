"""The gain map: flats of unequal dose, saturated and missing beams, one hot pixel."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.dark.offset import estimate_offset
from calibration.flags import DEAD, SATURATED
from calibration.response.single_dose import estimate_gain, signal_level, single_dose_variance

SATURATION_DN = 60000.0


def offset_of(panel):  # type: ignore[no-untyped-def]
    return estimate_offset([panel.frame(0.0, None)] * 3)


def test_gain_undoes_the_response(panel) -> None:  # type: ignore[no-untyped-def]
    flat = panel.frame(20000.0, None)
    gain = estimate_gain([flat] * 2, offset_of(panel), saturation_dn=SATURATION_DN)
    relative = gain.gain * panel.response
    assert relative / np.median(relative) == pytest.approx(1.0, abs=1e-4)  # a DN of rounding on 18000
    corrected = (flat - panel.frame(0.0, None).astype(float)) * gain.gain
    assert corrected == pytest.approx(gain.level_dn, rel=1e-6)
    assert not gain.flags.any() and gain.gain.dtype == np.float32


def test_flats_of_unequal_dose_are_scaled_before_they_are_averaged(panel) -> None:  # type: ignore[no-untyped-def]
    offset = offset_of(panel)
    doses = [8000.0, 20000.0, 40000.0]
    flats = [panel.frame(dose, None) for dose in doses]
    gain = estimate_gain(flats, offset, saturation_dn=SATURATION_DN)
    assert gain.levels_dn == pytest.approx([dose * np.median(panel.response) for dose in doses], rel=1e-3)
    assert gain.noise.max() < 3e-4  # rounding to whole DN at 8000: 1 / 7000; the doses do not pass for noise
    single = estimate_gain(flats[1:2], offset, saturation_dn=SATURATION_DN)
    assert gain.gain == pytest.approx(single.gain, rel=2e-4)


def test_twice_the_dose_gives_the_same_gain(panel) -> None:  # type: ignore[no-untyped-def]
    one, two = (
        estimate_gain([panel.frame(dose, None)] * 2, offset_of(panel), saturation_dn=SATURATION_DN)
        for dose in (20000.0, 40000.0)
    )
    assert two.gain == pytest.approx(one.gain, rel=1e-4)
    assert two.level_dn == pytest.approx(2 * one.level_dn, rel=1e-4)


def test_relative_noise_is_that_of_the_flats(panel) -> None:  # type: ignore[no-untyped-def]
    flats = panel.frames(20000.0, 12, np.random.default_rng(7))
    gain = estimate_gain(flats, offset_of(panel), saturation_dn=SATURATION_DN)
    # 5000 quanta of 4 DN and 4 DN dark noise: sqrt(4 * 20000 + 16) / 20000; median of s over n = 12 is 0.97 sigma
    assert gain.typical_noise == pytest.approx(0.97 * np.sqrt(4 * 20000 + 16) / 20000, rel=0.03)


def test_a_hot_pixel_and_a_dead_pixel_spoil_nothing_but_themselves(panel, altered) -> None:  # type: ignore[no-untyped-def]
    clean = estimate_gain([panel.frame(20000.0, None)] * 2, offset_of(panel), saturation_dn=SATURATION_DN)
    bad = altered((3, 5), response=50.0)  # poisons: saturates in every flat
    bad = type(bad)(bad.offset_dn, np.where(np.arange(64)[None, :] == 9, 0.0, bad.response))
    gain = estimate_gain([bad.frame(20000.0, None)] * 2, offset_of(bad), saturation_dn=SATURATION_DN)
    assert gain.flags[3, 5] == SATURATED and (gain.flags[:, 9] == DEAD).all()
    assert np.isfinite(gain.gain).all() and np.isfinite(gain.noise).all() and gain.gain[3, 5] == 1.0
    good = gain.flags == 0
    assert good.sum() == 48 * 63 - 1
    ratio = gain.gain[good] / clean.gain[good]
    assert np.ptp(ratio) < 1e-6 and ratio[0] == pytest.approx(1.0, abs=2e-3)  # the median may move by its neighbours


def test_the_level_of_a_partly_coated_panel_is_that_of_its_coating() -> None:
    signal = np.full((100, 120), 40.0)
    signal[:10, :30] = 1000.0  # 2.5 % of the area
    signal[50, 60] = 1e24
    assert signal_level(signal) == 1000.0


def test_a_saturated_flat_is_refused_and_a_saturated_pixel_is_not(panel) -> None:  # type: ignore[no-untyped-def]
    flat = panel.frame(20000.0, None).copy()
    flat[:5, :10] = 65535
    with pytest.raises(ValueError, match=r"flat frame 1 is saturated \(60000 DN\) in 1.6 % of its pixels, limit 1 %"):
        estimate_gain([panel.frame(20000.0, None), flat], offset_of(panel), saturation_dn=SATURATION_DN)
    flat = panel.frame(20000.0, None).copy()
    flat[4, 4] = 65535  # in one of two flats
    gain = estimate_gain([panel.frame(20000.0, None), flat], offset_of(panel), saturation_dn=SATURATION_DN)
    assert np.argwhere(gain.flags == SATURATED).tolist() == [[4, 4]]


@pytest.mark.parametrize("signal_dn", [0.0, 2.0])
def test_flats_without_beam_are_refused(panel, signal_dn: float) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    offset = estimate_offset(panel.frames(0.0, 4, rng))
    with pytest.raises(ValueError, match=r"flat frame 0 is only .* DN above the darks, .* files are swapped"):
        estimate_gain(panel.frames(signal_dn, 2, rng), offset, saturation_dn=SATURATION_DN)


def test_darks_and_flats_swapped_are_refused(panel) -> None:  # type: ignore[no-untyped-def]
    offset = estimate_offset([panel.frame(20000.0, None)] * 2)
    with pytest.raises(ValueError, match=r"only -\d+.* DN above the darks"):
        estimate_gain([panel.frame(0.0, None)], offset, saturation_dn=SATURATION_DN)


def test_the_frames_are_unchanged(panel) -> None:  # type: ignore[no-untyped-def]
    flat = panel.frame(20000.0, None)  # read-only
    before = flat.copy()
    estimate_gain([flat], offset_of(panel), saturation_dn=SATURATION_DN)
    assert np.array_equal(flat, before)


@pytest.mark.parametrize(
    ("frames", "saturation_dn", "message"),
    [
        ([], 60000.0, "needs at least 1 flat frame, got 0"),
        ([np.ones((64, 48))], 60000.0, r"flat frame 0 is \(64, 48\) but \(48, 64\) is needed"),
        ([np.ones((48, 64))], 0.0, "saturation_dn must be positive, got 0.0"),
    ],
)
def test_a_wrong_input_names_itself(panel, frames: list[np.ndarray], saturation_dn: float, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        estimate_gain(frames, offset_of(panel), saturation_dn=saturation_dn)


def test_one_flat_at_the_level_of_the_frame_doubles_the_variance() -> None:
    for flats in (1, 16, 100):
        at_the_level = sum(single_dose_variance(4.0, 280.0, 3, flats))  # u = 1
        assert at_the_level == pytest.approx(280.0**2 / flats, rel=1e-12)  # the offset cancels, whatever the darks
    assert single_dose_variance(4.0, 280.0, 4, 2) == (4.0, -8.0, 4.0 + 39200.0)


@pytest.mark.parametrize(
    ("signal_dn", "darks", "flats"), [(300.0, 2, 4), (300.0, 16, 1), (20000.0, 2, 1), (5000.0, 3, 5)]
)
def test_noise_of_few_darks_and_flats_is_as_predicted(signal_dn: float, darks: int, flats: int) -> None:
    rng = np.random.default_rng(11)
    shape, level_dn, dark_noise_dn, per_dn = (300, 400), 20000.0, 6.0, 0.5

    def frame(mean_dn: float) -> np.ndarray:
        return 1500 + mean_dn + rng.normal(0, np.sqrt(dark_noise_dn**2 + per_dn * mean_dn), shape)

    offset = estimate_offset([frame(0.0) for _ in range(darks)])
    gain = estimate_gain([frame(level_dn) for _ in range(flats)], offset, saturation_dn=SATURATION_DN)
    corrected = (frame(signal_dn) - offset.offset_dn) * gain.gain
    own, of_flat = (dark_noise_dn**2 + per_dn * mean_dn for mean_dn in (signal_dn, level_dn))
    terms = single_dose_variance(dark_noise_dn, float(np.sqrt(of_flat)), darks, flats)
    expected = (own + np.polynomial.polynomial.polyval(signal_dn / level_dn, terms)) / signal_dn**2
    # variance of 120,000 normal values: sqrt(2 / 120,000) = 0.41 %; three of those
    assert np.var(corrected) / np.mean(corrected) ** 2 == pytest.approx(float(expected), rel=0.0123)


@pytest.mark.parametrize(
    ("region", "value_dn"),
    [
        ((slice(0, 20), slice(0, 20)), 13816.0),  # 2.2 % at three times the rest
        ((slice(0, 20), slice(0, 20)), 30000.0),
        ((slice(0, 50), slice(None)), 13816.0),  # 42 %
        ((slice(0, 20), slice(0, 20)), 400.0),
        ((slice(0, 50), slice(None)), 1400.0),  # dim
        ((slice(0, 84), slice(None)), 180.0),  # 70 % bare, or behind a collimator
        ((slice(0, 20), slice(0, 20)), np.nan),
    ],
)
def test_one_odd_region_never_sets_the_level(region: tuple[slice, slice], value_dn: float) -> None:
    rng = np.random.default_rng(21)
    signal = rng.normal(4615.0, 100.0, (120, 151))
    signal[region] = rng.normal(1.0, 0.02, signal[region].shape) * value_dn
    assert signal_level(signal) == pytest.approx(4615.0, rel=0.002)


def test_the_level_is_the_same_at_any_scale() -> None:
    signal = np.random.default_rng(22).normal(4615.0, 100.0, (120, 151))
    signal[:20, :40] *= 3.0
    assert signal_level(signal / 65535.0) == pytest.approx(signal_level(signal) / 65535.0, rel=1e-12)


def test_clipped_pixels_do_not_set_the_level(panel) -> None:  # type: ignore[no-untyped-def]
    flat = panel.frame(300.0, np.random.default_rng(23)).copy()
    flat[3, :30] = 65535  # 0.98 % of the pixels at 200 times the rest
    level_dn = estimate_gain([flat], offset_of(panel), saturation_dn=SATURATION_DN).level_dn
    assert level_dn == pytest.approx(300.0, rel=0.02)


def test_a_gamma_hit_in_one_flat_is_left_out_even_where_it_saturates(panel) -> None:  # type: ignore[no-untyped-def]
    flats = [frame.copy() for frame in panel.frames(20000.0, 16, np.random.default_rng(24))]
    clean = estimate_gain(flats, offset_of(panel), saturation_dn=SATURATION_DN)
    flats[0][5, 6] = flats[9][7, 8] = 65535
    flats[3][10, 11] += 9000
    gain = estimate_gain(flats, offset_of(panel), saturation_dn=SATURATION_DN)
    assert not gain.flags.any() and gain.remarks[0].startswith("3 values stood out of the pixel's other flats")
    # a mean of 15 of the 16: sqrt(1 / 15 - 1 / 16) of the 1.4 % noise of one is 0.1 %
    assert gain.gain == pytest.approx(clean.gain, rel=0.005)
    assert gain.noise is not None and clean.noise is not None
    hit = [[5, 7, 10], [6, 8, 11]]
    assert gain.noise[hit[0], hit[1]] == pytest.approx(clean.noise[hit[0], hit[1]], rel=0.25)


def test_a_pixel_that_is_no_number_in_any_flat_is_dead(panel) -> None:  # type: ignore[no-untyped-def]
    flats = [frame.astype(np.float32) for frame in panel.frames(20000.0, 4, np.random.default_rng(25))]
    for flat in flats:
        flat[5, 6] = np.nan
    flats[1][7, 8] = np.inf
    gain = estimate_gain(flats, offset_of(panel), saturation_dn=SATURATION_DN)
    assert np.argwhere(gain.flags).tolist() == [[5, 6]] and gain.flags[5, 6] == DEAD
    assert np.isfinite(gain.gain).all() and np.isfinite(gain.noise).all()
