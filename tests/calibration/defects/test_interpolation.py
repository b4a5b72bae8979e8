"""Values for bad pixels: the plan, the kernel against a slow one, and the variance of what was made up."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from calibration.defects import interpolation
from calibration.defects.interpolation import BATCH, interpolate_defects, plan_interpolation
from calibration.flags import DEAD, INTERPOLATED, SATURATED, SHIELDED, UNCORRECTABLE

ROWS, COLS = 48, 64
DARK_VARIANCE, PER_DN = 36.0, 4.0
STEPS = [(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)]


def panel(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frame with an edge, flags, and bad pixels of every kind: single, cluster, column, corner, too far inside."""
    rng = np.random.default_rng(seed)
    bad = rng.random((ROWS, COLS)) < 0.04
    bad[:, 17] = bad[20:23, 40:44] = bad[0, 0] = True
    bad[:20, :13] = bad[30, 49] = True
    bad[30, 50] = False  # which gets no number
    frame = np.where(np.arange(COLS) < 30, 3000.0, 12000.0) + rng.normal(0, 60, (ROWS, COLS))
    frame[bad] = 1e24
    return frame.astype(np.float32), np.where(bad, DEAD, 0).astype(np.uint16), bad


def slow(frame: np.ndarray, flags: np.ndarray, bad: np.ndarray, random: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and variances pixel by pixel, from the definition in `interpolate_defects`."""
    values, variances = frame.astype(np.float64), random.astype(np.float64)
    for row, col in np.argwhere(bad):
        for avoid in (SATURATED | UNCORRECTABLE, UNCORRECTABLE):
            found = []
            for down, right in STEPS:
                ends = []
                for sign in (1, -1):
                    for step in range(1, interpolation.PAIR_REACH + 1):
                        y, x = row + sign * step * down, col + sign * step * right
                        if not (0 <= y < ROWS and 0 <= x < COLS):
                            break
                        if not bad[y, x]:
                            ends.append((step, y, x))
                            break
                if len(ends) == 2 and not any(flags[y, x] & avoid for _, y, x in ends):
                    (n, *p), (m, *q) = ends
                    a, b = float(frame[tuple(p)]), float(frame[tuple(q)])
                    noise = DARK_VARIANCE + PER_DN * max((a + b) / 2, 0)
                    weight = 1 / ((a - b) ** 2 + 4 * noise) / ((n + m) ** 2 * (down**2 + right**2))
                    fraction = (n**2 + m**2) / (n + m) ** 2
                    mean = (m**2 * random[tuple(p)] + n**2 * random[tuple(q)]) / (n**2 + m**2)
                    found.append((weight, (a * m + b * n) / (n + m), fraction, mean))
            if found:
                weight, value, fraction, mean = np.array(found).T
                values[row, col] = (weight * value).sum() / weight.sum()
                variances[row, col] = mean[weight.argmax()] * (weight**2 * fraction).sum() / weight.sum() ** 2
                break
            for half in range(2, 17):
                near = np.s_[max(0, row - half) : row + half + 1, max(0, col - half) : col + half + 1]
                if (~bad[near]).any():
                    break
            good = ~bad[near] & ((flags[near] & avoid) == 0)
            values[row, col] = variances[row, col] = 0.0
            if good.any():
                values[row, col] = frame[near][good].mean(dtype=float)
                variances[row, col] = random[near][good].sum(dtype=float) / good.sum() ** 2
                break
    return values, variances


@pytest.mark.parametrize("saturated", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("with_variance", [False, True])
def test_values_and_variances_are_those_of_the_definition(saturated: float, with_variance: bool) -> None:
    frame, flags, bad = panel()
    rng = np.random.default_rng(2)
    flags[~bad & (rng.random(bad.shape) < saturated)] |= SATURATED
    frame[30, 50], flags[30, 50] = np.nan, UNCORRECTABLE
    random = rng.uniform(100, 200, bad.shape).astype(np.float32)
    wanted, spread = slow(frame, flags, bad, random)
    planes = random.copy(), 0.1 * random
    plan = plan_interpolation(bad)
    negative, lost = interpolate_defects(
        frame, flags, plan, DARK_VARIANCE, PER_DN, False, planes if with_variance else None
    )
    # differences of float32 values: 3e-8 of 12,000 DN against steps of 60 DN, so weights are good to 1e-5
    assert frame[bad] == pytest.approx(wanted[bad], rel=1e-5)
    assert (flags[bad] & INTERPOLATED).all() and not (flags[~bad] & INTERPOLATED).any()
    assert (negative, lost) == (0, np.count_nonzero(flags[bad] & UNCORRECTABLE)) and lost > 0
    if with_variance:
        assert planes[0][bad] == pytest.approx(spread[bad], rel=1e-3)
        assert planes[1] == pytest.approx(0.1 * planes[0], rel=1e-5)  # linear in the donors' variance


def test_a_frame_without_flags_needs_no_look_at_them() -> None:
    frame, flags, bad = panel()
    plan = plan_interpolation(bad)
    other, other_flags = frame.copy(), flags.copy()
    interpolate_defects(frame, flags, plan, DARK_VARIANCE, PER_DN, False)
    interpolate_defects(other, other_flags, plan, DARK_VARIANCE, PER_DN, True)
    assert frame.tobytes() == other.tobytes() and flags.tobytes() == other_flags.tobytes()


def test_doing_it_again_changes_nothing() -> None:
    frame, flags, bad = panel()
    plan = plan_interpolation(bad)
    interpolate_defects(frame, flags, plan, DARK_VARIANCE, PER_DN)
    before = frame.tobytes(), flags.tobytes()
    interpolate_defects(frame, flags, plan, DARK_VARIANCE, PER_DN)
    assert (frame.tobytes(), flags.tobytes()) == before


def test_the_plan_finds_the_nearest_good_pixels() -> None:
    defects = np.zeros((ROWS, COLS), bool)
    defects[20, 28:32] = True
    plan = plan_interpolation(defects)
    assert plan.pixels.tolist() == [[20, 28], [20, 29], [20, 30], [20, 31]]
    assert plan.pairs[:, 0].tolist() == [[4, 1], [3, 2], [2, 3], [1, 4]]  # along the row: ahead and behind
    assert (plan.pairs[:, 1] == 1).all() and (plan.reach == 2).all()


def test_batches_hold_each_pixel_once_and_one_kind_each() -> None:
    _, _, bad = panel()
    bad[::3, 30::3] = True
    plan = plan_interpolation(bad)
    assert sorted(plan.order.tolist()) == list(range(np.count_nonzero(bad)))
    assert plan.place.tolist() == (plan.pixels @ [COLS, 1])[plan.order].tolist()
    sizes = np.diff(plan.batch_start)
    assert sizes.min() >= 1 and sizes.max() == BATCH and sizes.sum() == len(plan.pixels)
    for first, last in zip(plan.batch_start[:-1], plan.batch_start[1:], strict=True):
        kinds = plan.pairs[plan.order[first:last]]
        assert (kinds == kinds[0]).all()


def test_a_panel_without_defects_is_left_alone() -> None:
    frame, flags = np.full((ROWS, COLS), 7, np.float32), np.zeros((ROWS, COLS), np.uint16)
    plan = plan_interpolation(np.zeros((ROWS, COLS), bool))
    assert interpolate_defects(frame, flags, plan, DARK_VARIANCE, PER_DN) == (0, 0)
    assert (frame == 7).all() and not flags.any()


def test_reference_pixels_keep_their_values_and_give_none() -> None:
    shielded = np.zeros((ROWS, COLS), bool)
    shielded[:, :4] = True
    bad = shielded.copy()
    bad[20, 4] = bad[0, 4] = bad[:, 40] = True  # at the border of the panel a square is averaged
    frame = np.where(shielded, 5.0, 3000.0).astype(np.float32)
    flags = np.where(shielded, SHIELDED, np.where(bad, DEAD, 0)).astype(np.uint16)
    frame[bad & ~shielded] = 1e24
    interpolate_defects(frame, flags, plan_interpolation(bad, shielded), DARK_VARIANCE, PER_DN)
    assert (frame[shielded] == 5.0).all() and (flags[shielded] == SHIELDED).all()
    assert (frame[~shielded] == 3000.0).all()


def test_the_variance_of_an_isolated_pixel_is_what_repeated_frames_show() -> None:
    bad = np.zeros((ROWS, COLS), bool)
    bad[3:-3:6, 3:-3:6] = True
    plan, rng = plan_interpolation(bad), np.random.default_rng(6)
    sigma2 = DARK_VARIANCE + PER_DN * 5000.0
    values, variances = [], []
    for _ in range(60):
        frame = rng.normal(5000, np.sqrt(sigma2), bad.shape).astype(np.float32)
        planes = np.full(bad.shape, sigma2, np.float32), np.full(bad.shape, 0.0, np.float32)
        interpolate_defects(frame, np.zeros(bad.shape, np.uint16), plan, DARK_VARIANCE, PER_DN, True, planes)
        values.append(frame[bad])
        variances.append(planes[0][bad].mean(dtype=float))
    seen = np.var(values, ddof=1)
    # 4,200 values: standard error 2.2 %. The weights follow the noise a little, which is left out: up to 10 %.
    assert 0.9 < seen / np.mean(variances) < 1.15
    assert np.mean(variances) < 0.15 * sigma2  # sixteen neighbours, unequal weights


def test_one_and_two_threads_give_the_same_bytes() -> None:
    results = []
    threads = numba.get_num_threads()
    try:
        for count in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(count)
            frame, flags, bad = panel()
            planes = np.full(bad.shape, 50, np.float32), np.full(bad.shape, 5, np.float32)
            interpolate_defects(frame, flags, plan_interpolation(bad), DARK_VARIANCE, PER_DN, True, planes)
            results.append(b"".join(plane.tobytes() for plane in (frame, flags, *planes)))
    finally:
        numba.set_num_threads(threads)
    assert results[0] == results[1]


def test_the_kernels_agree_with_their_python(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = {name: value for name, value in vars(interpolation).items() if hasattr(value, "py_func")}
    assert len(kernels) > 8
    results = []
    for interpreted in (False, True):
        if interpreted:
            for name, kernel in kernels.items():
                monkeypatch.setattr(interpolation, name, kernel.py_func)
        frame, flags, bad = panel()
        flags[~bad & (np.arange(COLS) % 7 == 0)] |= SATURATED
        planes = np.full(bad.shape, 50, np.float32), np.full(bad.shape, 5, np.float32)
        interpolate_defects(frame, flags, plan_interpolation(bad), DARK_VARIANCE, PER_DN, False, planes)
        results.append(b"".join(plane.tobytes() for plane in (frame, flags, *planes)))
    assert results[0] == results[1]


def test_a_strided_frame_is_refused() -> None:
    frame, flags, bad = panel()
    with pytest.raises(ValueError, match="must be contiguous"):
        interpolate_defects(np.asfortranarray(frame), flags, plan_interpolation(bad), DARK_VARIANCE, PER_DN)
