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
    assert (offset.noise_dn == np.float32(12**-0.5)).all()  # of rounding
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
    from calibration.frame_sums import _add_frame, _no_sums, _settle

    rng = np.random.default_rng(9)
    frames = rng.integers(0, 65536, (3, 5, 7)).astype(np.uint16)
    offset = rng.normal(100, 10, (5, 7)).astype(np.float32)
    compiled, plain = FrameSums(offset), _no_sums((5, 7), all_numbers=True)
    for k, frame in enumerate(frames):
        compiled.add(frame, 0.5, 60000.0)
        _add_frame.py_func(frame, offset, 0.5, 60000.0, k == 0, plain)
    _settle.py_func(plain, 3, 8.0, 0.0, 4)
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
        ([np.zeros((4, 6)), np.full((4, 6), np.nan)], "dark frame 1 holds nothing but values that are NaN"),
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


@pytest.mark.parametrize("scale", [1, 1 / 65535])
@pytest.mark.parametrize("where", [0, 7, 15])
def test_one_gamma_hit_is_left_out_and_the_pixel_stays(where: int, scale: float) -> None:
    rng = np.random.default_rng(31)
    frames = rng.normal(100.0, 4.0, (16, ROWS, COLS)).round()
    hit = frames.copy()
    hit[where, 5, 6] = 65535.0
    hit[where, 7, 8] = hit[1, 7, 8] = 3000.0  # two
    offset = estimate_offset(frame * scale for frame in hit)
    others = np.delete(frames[:, 5, 6], where)
    assert offset.offset_dn[5, 6] == pytest.approx(others.mean() * scale, rel=1e-5)
    assert offset.noise_dn is not None
    assert offset.noise_dn[5, 6] == pytest.approx(others.std(ddof=1) * scale, rel=1e-3)
    assert offset.offset_dn[7, 8] == pytest.approx(100.0 * scale, abs=4.0 * scale)
    untouched = estimate_offset(frame * scale for frame in frames)
    away = np.ones((ROWS, COLS), bool)
    away[[5, 7], [6, 8]] = False
    assert np.array_equal(offset.offset_dn[away], untouched.offset_dn[away])
    assert "3 values stood out of the pixel's other darks" in offset.remarks[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_one_step_of_rounding_is_no_gamma_hit(dtype: type) -> None:
    frames = np.random.default_rng(34).normal(5.2, 0.1, (16, ROWS, COLS)).round().astype(dtype)
    assert 0 < np.count_nonzero(frames == 6) < 0.01 * frames.size and frames.max() == 6
    offset = estimate_offset(frames)
    assert not offset.remarks
    assert np.allclose(offset.offset_dn, frames.mean(axis=0))
    frames[3, 5, 6] = 9
    assert "1 value stood out" in estimate_offset(frames).remarks[0]


def test_a_noisy_pixel_has_no_hits() -> None:
    rng = np.random.default_rng(32)
    frames = rng.normal(100.0, 4.0, (16, ROWS, COLS))
    frames[:, 3, 4] = rng.normal(100.0, 60.0, 16)
    offset = estimate_offset(frames)
    assert offset.noise_dn is not None
    assert offset.noise_dn[3, 4] == pytest.approx(frames[:, 3, 4].std(ddof=1), rel=1e-5)
    assert not offset.remarks


def test_darks_clipped_at_zero_have_the_noise_of_those_that_are_not() -> None:
    frames = np.random.default_rng(33).normal(2.0, 4.0, (16, 120, 151))
    offset = estimate_offset(np.clip(frames.round(), 0, None).astype(np.uint16))
    assert offset.typical_noise_dn == pytest.approx(4.0, rel=0.03)  # 2.98 as they are
    assert np.median(offset.offset_dn) == pytest.approx(2.0, abs=0.1)  # 2.8 as they are
    assert offset.remarks[0].startswith("35.2 % of the dark values are clipped at 0 DN")
    scaled = estimate_offset((np.clip(frames.round(), 0, None) / 65535).astype(np.float32))
    assert scaled.typical_noise_dn == pytest.approx(offset.typical_noise_dn / 65535, rel=1e-4)
    assert not estimate_offset((frames + 100).astype(np.uint16)).remarks


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 1), (np.float32, 1 / 255), (np.uint16, 16)])
def test_noise_is_never_less_than_that_of_rounding(dtype: type, scale: float) -> None:
    frames = np.random.default_rng(34).normal(20.0, 0.1, (8, 120, 151)) + np.linspace(0, 1, 151)
    offset = estimate_offset((frames.round() * scale).astype(dtype))
    assert offset.step_dn == pytest.approx(scale, rel=1e-5)
    assert offset.typical_noise_dn == pytest.approx(scale * 12**-0.5, rel=1e-5)
    assert offset.noise_dn is not None and offset.noise_dn.min() == pytest.approx(scale * 12**-0.5, rel=1e-5)


def test_what_is_no_number_is_left_out_and_a_pixel_without_any_is_absent() -> None:
    frames = np.random.default_rng(35).normal(100.0, 4.0, (8, ROWS, COLS))
    holed = frames.copy()
    holed[0, 2, 3], holed[4:, 5, 6], holed[:, 9, 9] = np.nan, np.inf, np.nan
    offset = estimate_offset(holed)
    assert offset.noise_dn is not None and np.isfinite(offset.offset_dn).all() and np.isfinite(offset.noise_dn).all()
    assert offset.offset_dn[2, 3] == pytest.approx(frames[1:, 2, 3].mean())
    assert offset.noise_dn[5, 6] == pytest.approx(frames[:4, 5, 6].std(ddof=1))
    assert offset.absent is not None and np.argwhere(offset.absent).tolist() == [[9, 9]]
    assert offset.offset_dn[9, 9] == pytest.approx(100.0, abs=1.0)


def test_one_dark_says_that_its_noise_is_not_known(panel) -> None:  # type: ignore[no-untyped-def]
    assert "one dark frame" in estimate_offset([panel.frame(0.0, None)]).remarks[0]
