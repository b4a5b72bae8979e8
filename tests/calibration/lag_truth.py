"""Lag added up frame by frame over every earlier frame, in float64: no code and no recursion of the package's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from calibration.lag.model import LagModel
from calibration.lag.sequence import StepCurve

# Four populations at one frame time: 3 % in the first frame at 0.2 s per frame, then 0.7, 0.4, 0.3 %
TIME_S = np.array([0.080, 0.286, 1.75, 9.4])
FRACTION = np.array([0.022, 0.005, 0.0022, 0.0006])
LEVELS_DN = np.array([1000.0, 5000.0, 15000.0, 45000.0])
FACTORS = np.array([1.6, 1.25, 1.0, 0.75])  # of the fractions at these exposures

FloatArray = NDArray[np.float64]


def factor_at(signal_dn: float) -> float:
    """Linear in the logarithm of the exposure, constant outside."""
    return float(np.interp(np.log(max(signal_dn, 1e-3)), np.log(LEVELS_DN), FACTORS))


def delivered(
    charge_dn: FloatArray,
    times_s: FloatArray,
    factor: Callable[[float], float] = lambda _: 1.0,
    fraction: FloatArray = FRACTION,
    time_s: FloatArray = TIME_S,
) -> FloatArray:
    """What frames of so much charge deliver: at once, and what each earlier one releases in between."""
    scale = np.array([factor(charge) for charge in charge_dn])
    total = charge_dn * (1.0 - scale * fraction.sum())
    for later in range(1, len(charge_dn)):
        age = times_s[later - 1] - times_s[:later]
        released = fraction * np.exp(-age[:, None] / time_s)
        released = released * -np.expm1(-(times_s[later] - times_s[later - 1]) / time_s)
        total[later] += np.sum(charge_dn[:later] * scale[:later] * released.sum(axis=1))
    return total


def step(before: int, on: int, after: int, level_dn: float = 20000.0) -> FloatArray:
    """Charge of dark, exposed and dark frames."""
    return np.concatenate([np.zeros(before), np.full(on, level_dn), np.zeros(after)])


def true_model(factors: FloatArray | None = None, scale: float = 1.0) -> LagModel:
    """The truth as a model; with factors, one row for each of LEVELS_DN."""
    rows = scale * (FRACTION[None] if factors is None else factors[:, None] * FRACTION)
    signals = np.array([15000.0]) if factors is None else LEVELS_DN
    return LagModel(TIME_S, signals, rows, np.zeros_like(rows), np.zeros(4), 0.2, 100.0)


def curve_of(
    charge_dn: FloatArray,
    rng: np.random.Generator,
    noise_dn: float = 0.08,
    interval_s: float = 0.2,
    tube: float = 0.01,
    offset_error_dn: float = 0.0,
    **truth: object,
) -> StepCurve:
    """A measured mean: tube fluctuating, noise of the mean 5 DN over 64 x 64 pixels."""
    charge_dn = charge_dn * (1.0 + tube * rng.standard_normal(charge_dn.size))
    times_s = interval_s * np.arange(charge_dn.size)
    signal_dn = delivered(charge_dn, times_s, **truth) + rng.normal(0, noise_dn, charge_dn.size) + offset_error_dn
    elapsed_s = np.full(charge_dn.size, interval_s)
    level_dn = float(signal_dn[charge_dn > 0][-10:].mean())
    return StepCurve("step", elapsed_s, signal_dn, charge_dn > 0, noise_dn, level_dn, 64, 0, None, 0, 5.0)


def frames_of(
    signal_dn: FloatArray,
    offset_dn: NDArray[np.float64],
    rng: np.random.Generator,
    noise_dn: float = 4.0,
    light: NDArray[np.float64] | float = 1.0,
) -> Iterator[NDArray[np.float32]]:
    """Frames of that mean, one buffer overwritten again and again as a reader of a live panel would."""
    buffer = np.empty(offset_dn.shape, np.float32)
    for mean_dn in signal_dn:
        buffer[...] = offset_dn + mean_dn * light + rng.normal(0, noise_dn, offset_dn.shape)
        yield buffer
