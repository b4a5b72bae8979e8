"""Panel lag against closed forms and against every charge added up over every later frame."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.panel import trapping as lag
from radiography.panel.panel import LagExposure, LagTerm
from radiography.panel.trapping import FrameTimes, trap_charge, trapped_fractions
from tests import reference

INTERVAL_S = 0.2  # the frame time to which the shipped lag is fitted
LEFT = 0.0770 * np.exp(-0.2 / 0.137) + 0.0039 * np.exp(-0.2 / 25.0)  # trapped at the readout of such a frame
SINGLE = 1e-6  # a few roundings to float32


@pytest.fixture
def electrons():
    return reference.read_only(np.random.default_rng(1).uniform(0.0, 1e6, (48, 64)))


def _frames(terms, charges, interval_s=INTERVAL_S, times=None):
    """Charge delivered by one pixel in successive frames, and the stores at the end."""
    stores, delivered = None, []
    for charge in charges:
        frame, stores = trap_charge(np.full((1, 1), charge, np.float32), stores, terms, interval_s, times=times)
        delivered.append(float(frame[0, 0]))
    return np.array(delivered), stores


def test_a_panel_without_traps_delivers_its_charge_bit_for_bit(electrons):
    delivered, stores = trap_charge(electrons, None, (), INTERVAL_S)
    np.testing.assert_array_equal(delivered, electrons)
    assert stores.shape == (0, 48, 64)


def test_traps_that_take_nothing_deliver_the_charge_bit_for_bit(electrons):
    delivered, stores = trap_charge(electrons, None, (LagTerm(0.0, 1.0),), INTERVAL_S)
    np.testing.assert_array_equal(delivered, electrons)
    assert not stores[0].any()


def test_twice_the_trapped_fraction_is_twice_the_residual(electrons):
    residual = []
    for fraction in (0.01, 0.02):
        terms = (LagTerm(fraction, 1.0),)
        _, stores = trap_charge(electrons, None, terms, INTERVAL_S)
        residual.append(trap_charge(np.zeros_like(electrons), stores, terms, INTERVAL_S)[0])
    np.testing.assert_allclose(residual[1], 2 * residual[0], rtol=SINGLE)


def test_charge_is_conserved_over_frames(small_panel):
    charges = [1e6, 0.0, 0.0, 4e5, *[0.0] * 96]
    delivered, stores = _frames(small_panel.lag, charges)
    total = delivered.sum() + sum(float(store[0, 0]) for store in stores)
    assert abs(total / 1.4e6 - 1.0) < 100 * 6e-8  # one rounding to float32 per frame


def test_a_long_exposure_delivers_all_its_charge(small_panel):
    delivered, _ = _frames(small_panel.lag, [1e6] * 1500)
    # After 300 s the slowest traps (25 s) hold all but exp(-12) of what they can: they release what they trap.
    assert delivered[-1] == pytest.approx(1e6, rel=1e-6)


def test_one_exposed_frame_comes_back_as_a_sum_of_exponentials(small_panel):
    delivered, _ = _frames(small_panel.lag, [1e6, 0.0, 0.0, 0.0, 0.0])
    left = [sum(term.fraction * np.exp(-k * INTERVAL_S / term.time_s) for term in small_panel.lag) for k in range(1, 6)]
    assert delivered[0] == pytest.approx(1e6 * (1 - left[0]), rel=SINGLE)
    np.testing.assert_allclose(delivered[1:], -1e6 * np.diff(left), rtol=SINGLE)


def test_dark_frames_after_a_long_exposure_hold_the_residual_of_the_panels_file(small_panel):
    delivered, _ = _frames(small_panel.lag, [1e6] * 200 + [0.0] * 50)
    residual = delivered[[200, 201, 202, 203, 249]] / delivered[199]
    # published: 2-10 %, then 0.7, 0.4, 0.3 % (half a unit of the digit printed), and 0.2-0.4 % in the 50th frame
    assert 0.02 < residual[0] < 0.10
    np.testing.assert_allclose(residual[1:4], [0.007, 0.004, 0.003], atol=5e-4)
    assert 0.002 < residual[4] < 0.004
    np.testing.assert_allclose(residual, [0.0210, 0.00722, 0.00401, 0.00324, 0.00209], rtol=3e-3)  # the panel's file


def test_fifteen_frames_a_second_hold_what_is_published_of_them(small_panel):
    # Starman et al. 2012: falling steps at 15 frames/s, residual of the first frame some %, of the 50th 0.2-0.4 %
    times = FrameTimes(0.060, 0.010)
    delivered, _ = _frames(small_panel.lag, [1e6] * 600 + [0.0] * 50, 1 / 15, times)
    residual = delivered[[600, 649]] / delivered[599]
    assert 0.02 < residual[0] < 0.10 and 0.002 < residual[1] < 0.004


@pytest.mark.parametrize(
    ("interval_s", "integration_s", "exposure_s"),
    [(0.7, None, 0.0), (0.2, 0.15, 0.0), (0.2, 0.15, 0.05), (0.2, 0.2, 0.2), (5.0, 0.5, 0.3)],
)
def test_frames_agree_with_every_charge_added_up_over_every_later_frame(
    small_panel, interval_s, integration_s, exposure_s
):
    charges = [1e6, 0.0, 3e5, 2e6, 0.0, 0.0, 0.0]
    times = None if integration_s is None else FrameTimes(integration_s, exposure_s or None)
    delivered, _ = _frames(small_panel.lag, charges, interval_s, times)
    terms = [(term.fraction, term.time_s) for term in small_panel.lag]
    expected = reference.charge_by_frame(charges, terms, interval_s, integration_s, exposure_s)
    np.testing.assert_allclose(delivered, expected, rtol=SINGLE)


def test_one_panel_decays_alike_at_any_frame_time(small_panel):
    # five frames of 0.2 s deliver what one of 1 s does, exposed all through, during the exposure and after it
    rate, seconds = 1e6, 30
    on = [1.0] * 20 + [0.0] * (seconds - 20)
    slow, held_slow = _frames(small_panel.lag, [rate * each for each in on], 1.0, FrameTimes(1.0, 1.0))
    fast, held_fast = _frames(small_panel.lag, np.repeat(on, 5) * rate / 5, 0.2, FrameTimes(0.2, 0.2))
    np.testing.assert_allclose(fast.reshape(seconds, 5).sum(axis=1), slow, rtol=20 * SINGLE, atol=1e-6 * rate)
    np.testing.assert_allclose(held_fast, held_slow, rtol=20 * SINGLE)
    # a short exposure at the start of a second: in one frame, or in the first of five
    one, _ = _frames(small_panel.lag, [rate, 0.0, 0.0], 1.0)
    five, _ = _frames(small_panel.lag, [rate, *[0.0] * 14], 0.2)
    np.testing.assert_allclose(five.reshape(3, 5).sum(axis=1), one, rtol=SINGLE, atol=1e-6 * rate)


def test_the_longer_a_frame_the_less_it_misses(small_panel):
    fractions = [trapped_fractions(small_panel.lag, FrameTimes(time_s)).sum() for time_s in (1e-6, 0.05, 0.2, 1.0, 1e4)]
    assert (np.diff(fractions) < 0).all()
    assert fractions[0] == pytest.approx(0.0809, rel=1e-4) and fractions[-1] < 1e-100
    # a constant exposure misses less of its start and more of its end than a short one in its middle
    all_through = trapped_fractions(small_panel.lag, FrameTimes(0.2, 0.2))
    in_the_middle = trapped_fractions(small_panel.lag, FrameTimes(0.1))
    assert (all_through > in_the_middle).all()


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (FrameTimes(0.0), "integration time must be positive, got 0 s"),
        (FrameTimes(0.1, 0.2), r"at most the integration time \(0.1 s\), got 0.2 s"),
        (FrameTimes(0.1, 0.0), "above 0 and at most"),
    ],
)
def test_times_that_cannot_be_are_refused(small_panel, electrons, times, message):
    with pytest.raises(ValueError, match=message):
        trap_charge(electrons, None, small_panel.lag, INTERVAL_S, times=times)


def test_a_long_pause_leaves_no_residual(small_panel):
    _, stores = trap_charge(np.full((1, 1), 1e6, np.float32), None, small_panel.lag, INTERVAL_S)
    _, stores = trap_charge(np.zeros((1, 1), np.float32), stores, small_panel.lag, 1000.0)
    assert sum(float(store[0, 0]) for store in stores) < 1e-12  # 40 of the slowest time constants


def test_traps_delay_charge_and_never_add_to_it(small_panel, electrons):
    first, stores = trap_charge(electrons, None, small_panel.lag, INTERVAL_S)
    second, _ = trap_charge(np.zeros_like(electrons), stores, small_panel.lag, INTERVAL_S)
    assert (first < electrons).all()
    assert (second > 0).all()
    assert (second < LEFT * electrons).all()  # all that is trapped


def test_stores_of_the_previous_frame_stay_as_they_are(small_panel, electrons):
    _, stores = trap_charge(electrons, None, small_panel.lag, INTERVAL_S)
    locked, before = reference.read_only(stores), stores.copy()
    trap_charge(electrons, locked, small_panel.lag, INTERVAL_S)  # writing to a locked array is an error
    np.testing.assert_array_equal(locked, before)


def test_stores_of_another_panel_are_refused(small_panel, electrons):
    with pytest.raises(ValueError, match=r"\(1, 48, 64\) but 2 lag terms need \(2, 48, 64\)"):
        trap_charge(electrons, electrons[None], small_panel.lag, INTERVAL_S)


EXPOSURE = LagExposure((1e4, 1e5, 1e6), (1.6, 1.0, 0.75))


def _slow_frames(panel, pictures, exposure, lag_factor, interval_s=INTERVAL_S):
    """Frames by the definition, population by population in float64."""
    stores = [np.zeros(pictures[0].shape) for _ in panel.lag]
    delivered = []
    for picture in np.asarray(pictures, dtype=np.float64):
        factor = np.full(picture.shape, exposure.factor[0])
        lit = picture > exposure.charge_electrons[0]
        factor[lit] = np.interp(np.log10(picture[lit]), np.log10(exposure.charge_electrons), exposure.factor)
        out = picture.copy()
        for number, term in enumerate(panel.lag):
            retained = np.exp(-interval_s / term.time_s)
            trapped = term.fraction * retained * factor * lag_factor * picture
            out += stores[number] * (1 - retained) - trapped
            stores[number] = stores[number] * retained + trapped
        delivered.append(out)
    return delivered, stores


@pytest.fixture
def pictures():
    rng = np.random.default_rng(2)
    return [(10 ** rng.uniform(3, 7, (48, 64))).astype(np.float32) * on for on in (1, 1, 0, 1, 0)]


@pytest.fixture
def lag_factor():
    return np.where(np.random.default_rng(3).random((48, 64)) < 0.02, 10.0, 1.0).astype(np.float32)


def test_factors_of_one_change_nothing_bit_for_bit(small_panel, electrons):
    plain = trap_charge(electrons, None, small_panel.lag, INTERVAL_S)
    ones = LagExposure((1e4, 1e6), (1.0, 1.0)), np.ones((48, 64), dtype=np.float32)
    same = trap_charge(electrons, None, small_panel.lag, INTERVAL_S, *ones)
    assert all(one.tobytes() == two.tobytes() for one, two in zip(plain, same, strict=True))


def test_frames_with_factors_agree_with_slow_arithmetic(small_panel, pictures, lag_factor):
    expected, last = _slow_frames(small_panel, pictures, EXPOSURE, lag_factor)
    stores = None
    for picture, slow in zip(pictures, expected, strict=True):
        delivered, stores = trap_charge(picture, stores, small_panel.lag, INTERVAL_S, EXPOSURE, lag_factor)
        np.testing.assert_allclose(delivered, slow, rtol=2 * SINGLE, atol=1e-3)
    np.testing.assert_allclose(stores, last, rtol=2 * SINGLE)


@pytest.mark.parametrize(
    ("charge", "factor"),
    [(1e3, 1.6), (1e4, 1.6), (10**4.5, 1.3), (1e5, 1.0), (10**5.5, 0.875), (1e6, 0.75), (1e8, 0.75)],
)
def test_the_trapped_fraction_depends_on_the_charge_as_described(small_panel, charge, factor):
    picture = np.full((1, 1), charge, dtype=np.float32)
    _, stores = trap_charge(picture, None, small_panel.lag, INTERVAL_S, EXPOSURE)
    fractions = [term.fraction * np.exp(-INTERVAL_S / term.time_s) * factor for term in small_panel.lag]
    np.testing.assert_allclose(stores[:, 0, 0] / picture[0, 0], fractions, rtol=SINGLE)


@pytest.mark.parametrize("charge", [0.0, -50.0])
def test_no_charge_and_less_than_none_stay_finite(small_panel, charge):
    picture = np.full((1, 1), charge, dtype=np.float32)
    delivered, stores = trap_charge(picture, None, small_panel.lag, INTERVAL_S, EXPOSURE)
    assert delivered[0, 0] == pytest.approx(charge * (1 - 1.6 * LEFT), rel=SINGLE)
    assert np.isfinite(stores).all()


def test_charge_is_conserved_when_the_fractions_depend_on_it(small_panel, pictures, lag_factor):
    stores, delivered = None, np.zeros((48, 64))
    for picture in pictures:
        frame, stores = trap_charge(picture, stores, small_panel.lag, INTERVAL_S, EXPOSURE, lag_factor)
        delivered += frame
    total = np.sum(pictures, axis=0, dtype=np.float64)
    np.testing.assert_allclose(delivered + stores.sum(axis=0, dtype=np.float64), total, rtol=10 * SINGLE)


def test_a_lagging_pixel_keeps_as_many_times_more(small_panel, electrons, lag_factor):
    _, plain = trap_charge(electrons, None, small_panel.lag, INTERVAL_S)
    _, stores = trap_charge(electrons, None, small_panel.lag, INTERVAL_S, None, lag_factor)
    np.testing.assert_allclose(stores, lag_factor * plain, rtol=SINGLE)


def test_compiled_and_uncompiled_kernels_agree(small_panel, pictures, lag_factor, monkeypatch):
    factors = (EXPOSURE, lag_factor)
    _, before = trap_charge(pictures[0], None, small_panel.lag, INTERVAL_S, *factors)
    compiled = trap_charge(pictures[1], before, small_panel.lag, INTERVAL_S, *factors)
    monkeypatch.setattr(lag, "_charge_factor", lag._charge_factor.py_func)
    monkeypatch.setattr(lag, "_trap_charge", lag._trap_charge.py_func)
    slow = trap_charge(pictures[1], before, small_panel.lag, INTERVAL_S, *factors)
    for one, two in zip(compiled, slow, strict=True):
        np.testing.assert_allclose(one, two, rtol=SINGLE)


def test_one_thread_and_two_trap_the_same_charge(small_panel, pictures, lag_factor):
    def trapped():
        return trap_charge(pictures[0], None, small_panel.lag, INTERVAL_S, EXPOSURE, lag_factor)[1]

    assert reference.on_threads(1, trapped).tobytes() == reference.on_threads(2, trapped).tobytes()


def test_lag_factors_of_another_panel_are_refused(small_panel, electrons, lag_factor):
    with pytest.raises(ValueError, match=r"lag_factor is \(64, 48\) but the frame is \(48, 64\)"):
        trap_charge(electrons, None, small_panel.lag, INTERVAL_S, None, lag_factor.T)
