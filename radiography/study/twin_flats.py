"""Flats of a panel by dose: means of every pixel, noise, and the response that goes through them.

A pixel holds s = b x (1 - n b x / F) of a charge x that a pixel of unit response would hold, all in DN: b is its
response, n what is missing of a full well F. Mean s over the panel against air kerma gives n; what single pixels depart
from that gives theirs. n and F are seen as n / F only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.frame_sums import robust_sigma
from calibration.learn import FrameStack
from calibration.quality.numbers import SCATTER_ERROR
from calibration.response.doses import group_doses
from radiography.study.twin_noise import PairNoise, pair_noise

REPEATS = 1e-4  # relative error of a level beside its noise: what a stable panel and a monitored tube hold   # chosen
LEAST_DOSES = 3  # that tell a bend from a straight line with something left to judge by
SIGNIFICANT = 3.0  # standard errors, from which pixels differ, and line noise is more than none   # chosen
OUTLIER = 5.0  # scatters of the pixels: one that departs by more keeps its own number, noise and all   # chosen
LARGEST_BEND = 0.45  # of n of a pixel, below the 1/2 where more light is less charge   # chosen

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DoseOfFlats:
    """Flats of one dose.

    Attributes
    ----------
    kerma_uGy : float or None
        Of one flat. [uGy]
    frames : int
        How many. [1]
    level_dn : float
        Mean over the good pixels. [DN]
    mean_dn : (H, W) float32
        Mean flat. [DN]
    noise : PairNoise or None
        Of one flat; None of a single one.
    """

    kerma_uGy: float | None
    frames: int
    level_dn: float
    mean_dn: Picture
    noise: PairNoise | None


@dataclass(frozen=True, eq=False)
class PanelResponse:
    """Response of a panel and of its pixels.

    Attributes
    ----------
    charge_dn : (K,) float64
        Charge of the typical pixel at each dose, as if it were linear. [DN]
    bend, bend_error : float
        Mean n at the full well that was given, and its standard error; NaN where exposures are not known or fewer than
        three. [1]
    dn_per_uGy, dn_per_uGy_error : float
        Charge of the typical pixel by air kerma; NaN where that is not known. [DN/uGy]
    response : (H, W) float32
        b of each pixel. [1]
    departure : (H, W) float32 or None
        n of each pixel less the mean; None of one dose. [1]
    departure_noise : float
        Standard error of the departure of a typical pixel. [1]
    departure_kept : float
        Part of the departures' variance that the pixels make; 0 where it does not stand out of the noise. [1]
    response_noise : float
        Standard error of b of a typical pixel, with departures drawn towards 0 by that part. [1]
    """

    charge_dn: FloatArray
    bend: float
    bend_error: float
    dn_per_uGy: float
    dn_per_uGy_error: float
    response: Picture
    departure: Picture | None
    departure_noise: float
    departure_kept: float
    response_noise: float


def gather_flats(
    stacks: Sequence[FrameStack], clean: Callable[[FrameStack], Iterable[npt.NDArray[Any]]], good: Mask
) -> tuple[DoseOfFlats, ...]:
    """Flats sorted into doses and averaged, the lowest dose first.

    Parameters
    ----------
    stacks : sequence of FrameStack
        Flats; by air kerma where all say theirs, else by level.
    clean : callable
        Offset-subtracted frames of a stack, (H, W) each, as often as it is asked. [DN]
    good : (H, W) bool
        Pixels that count for levels and noise.

    Returns
    -------
    doses : tuple of DoseOfFlats

    Raises
    ------
    ValueError
        If a flat has no signal.
    """
    places = [(number, k, level) for number, stack in enumerate(stacks) for k, level in _levels(clean(stack), good)]
    kermas = [stacks[number].conditions.air_kerma_uGy for number, _, _ in places]
    doses = group_doses([level for _, _, level in places], kermas)
    found = []
    for dose in doses:
        wanted = {places[frame][:2] for frame in dose.frames}

        def frames(wanted: set[tuple[int, int]] = wanted) -> Iterator[npt.NDArray[Any]]:
            for number in sorted({stack for stack, _ in wanted}):
                for k, frame in enumerate(clean(stacks[number])):
                    if (number, k) in wanted:
                        yield frame

        found.append(_gathered(frames(), good, dose.kerma_uGy))
    return tuple(found)


def fit_response(
    doses: Sequence[DoseOfFlats], good: Mask, *, full_well_dn: float, read_variance_dn2: float, darks: int
) -> PanelResponse:
    """Response of a panel from its flats.

    Parameters
    ----------
    doses : sequence of DoseOfFlats
        Rising.
    good : (H, W) bool
        Pixels that count.
    full_well_dn : float
        F. [DN]
    read_variance_dn2 : float
        Of a pixel in one dark frame. [DN2]
    darks : int
        Frames behind the offset. [1]

    Returns
    -------
    response : PanelResponse
    """
    level = np.array([dose.level_dn for dose in doses])
    variance = np.array([_variance(dose, read_variance_dn2) for dose in doses])
    offset_variance = read_variance_dn2 / darks
    pixels = max(int(good.sum()), 1)
    bend = bend_error = per_uGy = per_uGy_error = float("nan")
    charge = level
    kermas = [dose.kerma_uGy for dose in doses if dose.kerma_uGy]
    if len(kermas) == len(doses):
        kerma = np.array(kermas)
        error = np.sqrt((variance + offset_variance) / pixels + (REPEATS * level) ** 2)
        if len(doses) >= LEAST_DOSES:
            per_uGy, per_uGy_error, bend, bend_error = _bent_line(kerma, level, error, full_well_dn)
        else:  # taken as straight
            weight = 1.0 / (error / kerma) ** 2
            per_uGy = float(np.average(level / kerma, weights=weight))
            per_uGy_error = float(np.hypot(weight.sum() ** -0.5, np.ptp(level / kerma) / 2.0))
        charge = per_uGy * kerma if len(doses) >= LEAST_DOSES else level
    means = np.stack([dose.mean_dn for dose in doses])
    weight = 1.0 / (variance + offset_variance + (REPEATS * level) ** 2)
    departure, noise, kept = None, float("nan"), 0.0
    slope_noise = float(np.sqrt(variance[0] + offset_variance) / charge[0])
    if len(doses) == 1:
        slope = means[0].astype(np.float64) / charge[0]
    else:  # s = b x - m x^2 in every pixel, n = m F / b^2; offsets of a pixel are off by the same at all doses
        design = np.stack([charge, -(charge**2)], axis=1)
        solve = np.linalg.solve((design.T * weight) @ design, design.T * weight)
        slope, curve = (np.tensordot(row, means, 1) for row in solve)
        bent = full_well_dn * curve / np.maximum(slope, 0.05) ** 2
        middle = float(np.median(bent[good])) if good.any() else 0.0
        noise = full_well_dn * float(np.sqrt((solve[1] ** 2 * variance).sum() + offset_variance * solve[1].sum() ** 2))
        departure = np.clip(bent - middle, -LARGEST_BEND, LARGEST_BEND).astype(np.float32)
        scatter, kept = _kept(departure[good], noise)
        used = middle + np.where(np.abs(departure) > OUTLIER * scatter, departure, kept * departure)
        held = weight * charge / (weight * charge**2).sum()  # b of a pixel whose bend is known
        bow = float((held * charge**2).sum()) * used * slope**2 / full_well_dn
        free = float((solve[0] ** 2 * variance).sum() + offset_variance * solve[0].sum() ** 2)
        slope = np.tensordot(held, means, 1) + bow
        known = float((held**2 * variance).sum() + offset_variance * held.sum() ** 2)
        slope_noise = float(np.sqrt(kept * free + (1.0 - kept) * known))
    return PanelResponse(
        charge_dn=charge,
        bend=bend,
        bend_error=bend_error,
        dn_per_uGy=per_uGy,
        dn_per_uGy_error=per_uGy_error,
        response=slope.astype(np.float32),
        departure=departure,
        departure_noise=noise,
        departure_kept=kept,
        response_noise=slope_noise,
    )


def spread_error_square(scatter: float, noise: float, count: int) -> float:
    """Standard error of the square of a spread that is left of a scatter when its noise is taken out.

    Parameters
    ----------
    scatter, noise : float
        Of a pixel's number, and the part of it that is noise, known to 1 %. [1]
    count : int
        Pixels. [1]

    Returns
    -------
    error : float
        [1]
    """
    error = 2.0 * SCATTER_ERROR * scatter**2 / np.sqrt(max(count, 1))
    return float(error) + 0.02 * noise**2  # 1 %: assumed


def _kept(departure: FloatArray | Picture, noise: float) -> tuple[float, float]:
    """Scatter of the pixels' departures, and the part of its square that is not noise, 0 where that is none."""
    scatter = robust_sigma(departure) if departure.size else 0.0
    square = scatter**2 - noise**2
    if square < SIGNIFICANT * spread_error_square(scatter, noise, departure.size) or scatter == 0:
        return scatter, 0.0
    return scatter, square / scatter**2


def _bent_line(
    kerma_uGy: FloatArray, level_dn: FloatArray, error_dn: FloatArray, full_well_dn: float
) -> tuple[float, float, float, float]:
    """DN per uGy and n, each with its standard error: level / kerma is a (1 - n a kerma / F).

    Errors are those of the levels, or what the doses scatter about the line where that is more; times Student's t over
    1.96, so that two of them hold 95 % however few doses are left over.
    """
    from scipy.stats import t as student

    y, sigma = level_dn / kerma_uGy, error_dn / kerma_uGy
    design = np.stack([np.ones_like(kerma_uGy), kerma_uGy], axis=1) / sigma[:, None]
    covariance = np.linalg.inv(design.T @ design)
    found = covariance @ design.T @ (y / sigma)
    freedom = y.size - 2
    chi_square = float(((y / sigma - design @ found) ** 2).sum())
    scale = max(1.0, (chi_square / freedom) ** 0.5) * float(student.ppf(0.975, freedom)) / 1.96
    errors = scale * np.sqrt(np.diag(covariance))
    a, slope = found.tolist()
    factor = -full_well_dn / a**2
    return a, float(errors[0]), factor * slope, abs(factor) * float(errors[1])


def _variance(dose: DoseOfFlats, read_variance_dn2: float) -> float:
    """Of a pixel in the mean of a dose; of a single flat that of the read noise at least. [DN2]"""
    one = read_variance_dn2 if dose.noise is None else dose.noise.pixel
    return one / dose.frames


def _levels(frames: Iterable[npt.NDArray[Any]], good: Mask) -> Iterator[tuple[int, float]]:
    for k, frame in enumerate(frames):
        level = float(np.mean(frame[good], dtype=np.float64))
        if not level > 0:
            raise ValueError(f"a flat has a mean signal of {level:.4g} DN above the darks: it must be above zero")
        yield k, level


def _gathered(frames: Iterator[npt.NDArray[Any]], good: Mask, kerma_uGy: float | None) -> DoseOfFlats:
    total, count = np.zeros(good.shape), 0

    def summed() -> Iterator[npt.NDArray[Any]]:
        nonlocal count
        for frame in frames:
            np.add(total, frame, out=total)
            count += 1
            yield frame

    watched = summed()
    noise = pair_noise(watched, good, equalised=True)
    for _ in watched:
        pass
    mean_dn = (total / count).astype(np.float32)
    return DoseOfFlats(kerma_uGy, count, float(np.mean(mean_dn[good], dtype=np.float64)), mean_dn, noise)
