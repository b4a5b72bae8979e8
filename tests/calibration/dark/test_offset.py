"""The offset map: exact on integers, unmoved by one bad pixel, and by light in one frame."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.dark.offset import estimate_offset, subtract_offset
from calibration.frame_sums import FrameSums

ROWS, COLS = 48, 64


def test_frames_without_noise_give_themselves(panel) -> None:  # type: ignore[no-untyped-def]
    frame = panel.frame(0.0, None)
    offset = estimate_offset([frame] * 4)
    assert np.array_equal(offset.offset_dn, frame)
    assert not offset.noise_dn.any()
    assert (offset.frames_used, offset.frames_rejected) == (4, ())


def test_mean_and_noise_are_those_of_numpy(panel) -> None:  # type: ignore[no-untyped-def]
    frames = panel.frames(0.0, 7, np.random.default_rng(3))
    offset = estimate_offset(iter(frames))
    assert offset.offset_dn == pytest.approx(np.mean(frames, axis=0), rel=1e-7)  # float32
    assert offset.noise_dn == pytest.approx(np.std(np.asarray(frames, np.float64), axis=0, ddof=1), rel=1e-6)


def test_twice_the_noise_is_twice_the_noise() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 1, (20, ROWS, COLS))
    one, two = (estimate_offset(1000 + k * noise).noise_dn for k in (1.0, 2.0))
    assert two == pytest.approx(2 * one, rel=1e-5)


def test_a_large_mean_does_not_eat_a_small_scatter() -> None:
    # float32 sums would lose a scatter of 0.1 on 4e9 altogether; rounding of float64 at 4e9 is 5e-7
    frames = 4e9 + np.random.default_rng(4).normal(0, 0.1, (9, ROWS, COLS))
    assert estimate_offset(frames).noise_dn == pytest.approx(frames.std(axis=0, ddof=1), rel=1e-4)


def test_the_kernel_agrees_with_its_python() -> None:
    from calibration.frame_sums import _add_frame, _Sums

    rng = np.random.default_rng(9)
    frames = rng.integers(0, 65536, (3, 5, 7)).astype(np.uint16)
    offset = rng.normal(100, 10, (5, 7)).astype(np.float32)
    compiled, plain = FrameSums(offset), _Sums(*(np.zeros((5, 7)) for _ in range(3)))
    for k, frame in enumerate(frames):
        compiled.add(frame, 0.5, 60000.0)
        _add_frame.py_func(frame, offset, 0.5, 60000.0, k == 0, plain)
    assert np.array_equal(compiled.mean(), plain.first + plain.total / 3, equal_nan=True)


@pytest.mark.parametrize("position", [0, 1, 5])
@pytest.mark.parametrize("where", [np.s_[:, :], np.s_[:8, 56:]])
def test_light_in_one_dark_frame_leaves_it_out(panel, position: int, where: object) -> None:  # type: ignore[no-untyped-def]
    frames = panel.frames(0.0, 8, np.random.default_rng(6))
    lit = frames[position].copy()
    lit[where] += 100  # type: ignore[index]
    with_light = [lit if k == position else frame for k, frame in enumerate(frames)]
    offset = estimate_offset(with_light)
    assert offset.frames_rejected == (position,)
    without = estimate_offset([frame for k, frame in enumerate(frames) if k != position])
    assert np.array_equal(offset.offset_dn, without.offset_dn)


def test_a_slow_drift_is_no_light(panel) -> None:  # type: ignore[no-untyped-def]
    # 1 DN a frame over 31 frames: 30 DN from the first, limit 20, but never more than 16 from the running mean
    rng = np.random.default_rng(6)
    frames = [panel.frame(0.0, rng) + np.uint16(k) for k in range(31)]
    assert estimate_offset(frames).frames_rejected == ()


def test_one_hot_pixel_and_one_dead_line_reject_nothing(panel) -> None:  # type: ignore[no-untyped-def]
    frames = [frame.copy() for frame in panel.frames(0.0, 6, np.random.default_rng(6))]
    for k, frame in enumerate(frames):
        frame[3, 5] = 65535 * (k % 2)
        frame[:, 9] = 65535 * (k % 3 == 0)
    assert estimate_offset(frames).frames_rejected == ()


@pytest.mark.parametrize(("lit", "frames"), [(1, 2), (2, 4), (3, 5)])
def test_a_stack_of_which_too_many_frames_are_lit_is_refused(panel, lit: int, frames: int) -> None:  # type: ignore[no-untyped-def]
    stack = panel.frames(0.0, frames, np.random.default_rng(6))
    stack = [frame + np.uint16(200) if k < lit else frame for k, frame in enumerate(stack)]
    with pytest.raises(ValueError, match=r"dark frames differ from the others by up to .* DN in some region, limit"):
        estimate_offset(stack)


def test_a_single_frame_has_no_noise_map_but_a_typical_noise() -> None:
    frame = np.random.default_rng(2).normal(1000, 5, (ROWS, COLS))
    offset = estimate_offset([frame])
    assert offset.noise_dn is None
    # robust sigma of 3024 differences: standard error about 2 %, five of them
    assert offset.typical_noise_dn == pytest.approx(5, rel=0.1)


def test_the_frames_are_unchanged(panel) -> None:  # type: ignore[no-untyped-def]
    frames = panel.frames(0.0, 3, np.random.default_rng(6))  # read-only
    before = [frame.copy() for frame in frames]
    estimate_offset(frames)
    assert np.array_equal(frames, before)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "needs at least 1 dark frame, got 0"),
        ([np.zeros((4, 6)), np.zeros((6, 4))], r"dark frame 1 is \(6, 4\) but \(4, 6\) is needed"),
        ([np.zeros(6)], r"dark frame 0 has shape \(6,\)"),
        ([np.zeros((4, 6), complex)], "dark frame 0 holds complex128"),
        ([np.zeros((4, 6)), np.full((4, 6), np.nan)], "dark frame 1 holds values that are NaN"),
    ],
)
def test_a_wrong_frame_names_itself(frames: list[np.ndarray], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        estimate_offset(frames)


def test_typical_noise_of_few_frames_is_not_too_low():
    rng = np.random.default_rng(12)
    for count in (3, 4, 16):
        frames = [np.rint(1000 + 20 * rng.standard_normal((150, 200))).astype(np.uint16) for _ in range(count)]
        # a median of 30,000 standard deviations: 1.25 x 20 / sqrt(2 x 3 x 30,000) = 0.06 for the fewest
        assert estimate_offset(frames).typical_noise_dn == pytest.approx(20.0, abs=0.3)


def test_settling_frames_are_dropped_and_keep_their_numbers(panel) -> None:  # type: ignore[no-untyped-def]
    frames = panel.frames(0.0, 9, np.random.default_rng(6))
    unsettled = [frame + np.uint16(500 - 200 * k) for k, frame in enumerate(frames[:2])]
    lit = frames[5] + np.uint16(100)
    offset = estimate_offset([*unsettled, *frames[2:5], lit, *frames[6:]], settling_frames=2)
    assert offset.frames_rejected == (5,)
    assert offset.frames_used == 6
    assert np.array_equal(offset.offset_dn, estimate_offset([*frames[2:5], *frames[6:]]).offset_dn)


@pytest.mark.parametrize(
    ("settling", "frames", "message"),
    [
        (-1, 4, "settling_frames must be 0 or more, got -1"),
        (4, 4, "needs at least 1 dark frame after 4 settling frames, got 4"),
        (9, 4, "needs at least 1 dark frame after 9 settling frames, got 4"),
    ],
)
def test_settling_must_leave_a_frame(settling: int, frames: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_offset(np.zeros((frames, 4, 6)), settling)


def test_offset_subtraction_keeps_its_sign_and_its_input(panel) -> None:  # type: ignore[no-untyped-def]
    frame = panel.frame(0.0, np.random.default_rng(1))  # read-only
    signal = subtract_offset(frame, panel.offset_dn.astype(np.float32))
    assert signal.dtype == np.float32
    assert signal.min() < 0 < signal.max()
    assert np.array_equal(subtract_offset(frame, np.zeros(frame.shape, np.float32)), frame)
    with pytest.raises(ValueError, match=r"offset map is \(64, 48\) but the frame is \(48, 64\)"):
        subtract_offset(frame, panel.offset_dn.T.astype(np.float32))
