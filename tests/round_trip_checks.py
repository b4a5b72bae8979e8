"""When corrected frames have come back: fixed pattern, chi-square, level, lag and unexposed area against the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.correct import CorrectedFrame, CorrectionPlan
from calibration.dark.scale import dark_scale_from_reference
from tests.round_trip_truth import PIXEL_NOISE_ELECTRONS, Plane, Raw, Rig, corrected_frames, relative_truth

FRAMES = 32
DARK_NOISE_DN = PIXEL_NOISE_ELECTRONS / 250.0
PATTERN_LIMIT = 0.1**2  # of the variance of one frame's quantum noise


@dataclass(frozen=True)
class Residual:
    """What is left in corrected frames of one exposure, over pixels that no frame flags; each with its standard error.

    ``pattern`` fixed pattern of the mean frame beyond noise and calibration noise, as a fraction of one frame's quantum
    variance [1]; ``chi_square`` of (corrected - expected) over both variances [1]; ``level`` mean over expected, less
    1 [1]; ``pixels`` used.
    """

    pattern: float
    pattern_error: float
    chi_square: float
    chi_square_error: float
    level: float
    level_error: float
    pixels: int


def measure(
    frames: Sequence[CorrectedFrame], expected_dn: Plane, dark_noise_dn: float, where: NDArray[np.bool_] | None = None
) -> Residual:
    """Residual against the truth.

    The scale of the expected picture is fitted before the pattern is judged, and reported as ``level``. Errors of means
    over pixels come from the scatter of 8 x 8 blocks, for the spread of light correlates the noise of neighbours.
    """
    usable = np.ones(expected_dn.shape, bool) if where is None else where.copy()
    for frame in frames:
        usable &= frame.flags == 0
    stack = np.stack([frame.corrected_dn for frame in frames]).astype(np.float64)
    random, maps = (
        np.stack([np.asarray(getattr(frame, name), np.float64) for frame in frames])
        for name in ("variance_random", "variance_calibration")
    )
    mean, noise = stack.mean(axis=0), stack.var(axis=0, ddof=1)
    weight = np.sum(expected_dn[usable] ** 2)
    scales = np.array([np.sum(plane[usable] * expected_dn[usable]) / weight for plane in stack])
    quantum = float(noise[usable].mean()) - dark_noise_dn**2
    excess = ((mean - scales.mean() * expected_dn) ** 2 - noise / len(frames) - maps.mean(axis=0)) / quantum
    chi = ((stack - expected_dn) ** 2 / (random + maps)).mean(axis=0)
    return Residual(
        float(excess[usable].mean()),
        block_error(excess, usable),
        float(chi[usable].mean()),
        block_error(chi, usable),
        float(scales.mean()) - 1.0,
        float(scales.std(ddof=1) / np.sqrt(len(frames))),
        int(usable.sum()),
    )


def block_error(plane: Plane, usable: NDArray[np.bool_], blocks: int = 8) -> float:
    """Standard error of the mean of a plane, from the scatter of the means of 8 x 8 blocks."""
    means, counts = [], []
    for rows in np.array_split(np.arange(plane.shape[0]), blocks):
        for cols in np.array_split(np.arange(plane.shape[1]), blocks):
            inside = usable[np.ix_(rows, cols)]
            if inside.sum() > 0.2 * inside.size:
                means.append(plane[np.ix_(rows, cols)][inside].mean())
                counts.append(inside.sum())
    fraction = np.array(counts) / np.sum(counts)
    spread = np.array(means) - np.sum(fraction * np.array(means))
    return float(np.sqrt(np.sum((fraction * spread) ** 2) * len(means) / (len(means) - 1)))


def assert_comes_back(
    rig: Rig,
    plan: CorrectionPlan,
    per_strength_dn: float,
    strengths: tuple[float, ...],
    *,
    dark_scale: Callable[[Raw], float] | None = None,
    truth: Rig | None = None,
    frames: int = FRAMES,
    level_tolerance: float = 0.0,
) -> dict[float, Residual]:
    """Open fields of several strengths, and the plate at strength 1, against the criteria at the head of this file."""
    found = {}
    for strength in strengths:
        taken = corrected_frames(rig, plan, [strength] * frames, int(1e4 * strength) + 3, dark_scale=dark_scale)
        expected_dn = np.full(rig.maps.response.shape, per_strength_dn * strength)
        found[strength] = measure(taken, expected_dn, DARK_NOISE_DN)
    taken = corrected_frames(rig, plan, [1.0] * frames, 77, plate=True, dark_scale=dark_scale)
    picture = relative_truth(truth or rig, plate=True)
    behind = measure(taken, per_strength_dn * picture, DARK_NOISE_DN)
    assert_unexposed_is_zero(taken, picture)
    for strength, residual in {**found, -1.0: behind}.items():
        if abs(strength) == 1.0:  # a tenth of full scale, where the limit is given
            assert residual.pattern_error < 0.25 * PATTERN_LIMIT, (strength, residual)  # or the test could not tell
            assert residual.pattern < PATTERN_LIMIT, (strength, residual)
        assert residual.pattern < PATTERN_LIMIT + 3 * residual.pattern_error, (strength, residual)
        # the level of the flats is known as well as that of these frames, which are as many
        assert abs(residual.level) < 5 * 2**0.5 * residual.level_error + level_tolerance, (strength, residual)
    for strength, residual in found.items():
        assert 0.95 < residual.chi_square < 1.05, (strength, residual)
    return found


def assert_unexposed_is_zero(frames: list[CorrectedFrame], picture: np.ndarray) -> None:
    """Mean of the area behind the plate, negative values and all, to five standard errors of the mean frame."""
    unexposed = np.zeros(picture.shape, bool)
    unexposed[:, : picture.shape[1] // 2 - 16] = True
    unexposed &= np.all([frame.flags == 0 for frame in frames], axis=0)
    assert picture[unexposed].max() < 1e-3
    means = [frame.corrected_dn[unexposed].mean(dtype=np.float64) for frame in frames]
    stored = 5 * DARK_NOISE_DN / np.sqrt(32 * unexposed.sum())  # error of the offset map from 32 darks
    assert abs(np.mean(means)) < 5 * np.std(means, ddof=1) / np.sqrt(len(means)) + stored
    assert 0.3 < np.mean([np.mean(frame.corrected_dn[unexposed] < 0) for frame in frames]) < 0.7


def scale_by_reference(
    calibration: CalibrationSet, integration_time_s: float, told: list[float] | None = None
) -> Callable[[Raw], float]:
    unusable = (calibration.defects & bits.UNUSABLE) != 0

    def scale(raw_dn: Raw) -> float:
        found, _ = dark_scale_from_reference(
            raw_dn,
            calibration.offset_dn,
            calibration.dark_rate_dn_per_s,  # type: ignore[arg-type]
            calibration.dark_time_s,  # type: ignore[arg-type]
            integration_time_s,
            calibration.shielded_cols,
            unusable,
            rate_error_dn_per_s=calibration.dark_rate_error_dn_per_s or 0.0,
        )
        if told is not None:
            told.append(found)
        return found

    return scale


def lag_of(frames: list[CorrectedFrame], good: np.ndarray) -> np.ndarray:
    """Mean of each frame over pixels that nothing flags."""
    usable = good & np.all([(frame.flags & bits.SATURATED) == 0 for frame in frames], axis=0)
    return np.array([frame.corrected_dn[usable].mean(dtype=np.float64) for frame in frames])


def assert_lag_is_gone(
    rig: Rig,
    plan: CorrectionPlan,
    strengths: tuple[float, ...],
    per_strength_dn: float,
    *,
    repeats: int = 1,
    dark_scale: Callable[[Raw], float] | None = None,
) -> None:
    """Below 0.05 % of the exposed signal in the frames 1 to 3 and 50 after the beam, and right from the first lit."""
    good = plan.calibration.defects == 0
    for strength in strengths:
        runs = []
        for repeat in range(repeats):
            pattern = [0.0] * 2 + [strength] * 24 + [0.0] * 52
            taken = corrected_frames(
                rig, plan, pattern, 4000 + 10 * repeat + int(1e3 * strength), dark_scale=dark_scale
            )
            runs.append(lag_of(taken, good) / (per_strength_dn * strength))
        mean = np.mean(runs, axis=0)
        after = mean[[26, 27, 28, 26 + 49]]
        assert np.abs(after).max() < 5e-4, (strength, after)
        # build-up: without correction the first lit frame has 3 % less than the last ones
        assert abs(mean[2] - mean[20:26].mean()) < 2e-3, strength
