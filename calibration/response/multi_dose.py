"""The response of every pixel over the whole range of dose, learned from flats at several doses.

What is fitted is the inverse: exposure as a polynomial of the pixel's own signal without a constant,
x = c1 r + c2 r^2 + c3 r^3, by weighted least squares [1]_. The target x is not the pixel but the panel: its level at
each dose, itself made linear in air kerma where that is known. Doses pass one after the other; what is held of each is
its part of the normal equations, and the means of every n-th pixel for the statistics of the whole.

References
----------
.. [1] Kwan et al., "An improved method for flat-field correction of flat panel x-ray detector", Med. Phys. 33, 391
   (2006): gain from flats of several doses. We fit the inverse, so that applying it is one polynomial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.dark.offset import OffsetMap
from calibration.frame_sums import NO_SATURATION_DN, FrameSums, check_frame, hit_remark, typical_scatter
from calibration.response.apply import apply_gain, extrapolation_limit
from calibration.response.doses import Linearisation
from calibration.response.normal_equations import DoseNumbers, NormalEquations, PixelFits, no_equations, solve_equations
from calibration.response.single_dose import (
    LIT_RESPONSE,
    GainMap,
    adjacent_noise,
    flat_level,
    single_dose_variance,
)
from calibration.response.statistics import (
    DoseSample,
    calibration_variance,
    judge_fits,
    lowest_sufficient_order,
    residual_pattern,
    variance_slope,
)

LARGEST_DOSE_RATIO = 1.25  # of levels within one dose; beyond it the flats were not sorted   # assumed
# Weights until a dose with two flats has shown the noise; where quanta decide, only its growth with signal matters.
ASSUMED_NOISE = 0.01  # of one flat at the first dose, beyond that of a dark one [1]   # assumed
MOST_DOSES = 255  # a byte counts those of each pixel
NO_EXPOSURES = "exposures are not known: the panel's median signal is taken as linear in exposure"  # a remark
SAMPLE_PIXELS = 250_000  # pixels behind the statistics of the whole panel: 0.3 % of a variance   # chosen
_NO_VARIANCE_DN2 = 1e-30  # of float frames without noise   # chosen
_HALF, _CHECK = 0.5, 0.75  # of the range: mean flats nearest to it serve the defect search, and its check   # chosen


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """Response of a panel to dose, from flats at K doses; from a single dose a straight line.

    Attributes
    ----------
    gain : (H, W) float32
        c1: slope of the inverse response at zero signal, positive; 1 where `flags`. [1]
    curvature : (C - 1, H, W) float32 or None
        c2 and c3; 0 where `flags`; None for order 1. [1/DN, 1/DN2]
    chi_square : (H, W) float32 or None
        Reduced, of the fit with the panel's noise; 0 where no dose is left over to test with; None for K = order. [1]
    flags : (H, W) uint16
        SATURATED where fewer doses than coefficients are unsaturated, DEAD where the response is below 1 %,
        NON_LINEAR where the curve misses the doses or does not rise up to saturation.
    order : int
        C, number of coefficients. [1]
    levels_dn : tuple of K float
        Level of the panel at each dose, rising. [DN]
    targets_dn : tuple of K float
        What the curves lead to there: the same, or made linear in exposure. [DN]
    frames_per_level : tuple of K int
        Flats at each dose. [1]
    signal_dn : (H, W) float32
        Mean offset-corrected flat at `level_dn`. [DN]
    noise : (H, W) float32 or None
        Standard deviation of one of those flats relative to `level_dn`; None from a single flat. [1]
    level_dn : float
        The dose nearest to half of saturation. [DN]
    typical_noise : float
        Median relative noise of one flat there. [1]
    frames_used : int
        Flats there. [1]
    variance_per_dn : float
        Slope of the photon-transfer curve: variance of one flat is dark variance plus this times the signal. [DN]
    chi_square_scale : float
        Typical reduced chi-square: 1 where the noise model holds and the order is high enough. [1]
    calibration_variance : tuple of 2 C + 1 float
        Variance that the calibration leaves in every frame, on the scale of the signal, as a polynomial in
        signal / `level_dn` from the constant up; for the typical pixel, its curvature neglected. [DN2]
    residual, residual_error : tuple of K float
        Fixed pattern left in the corrected mean flat at each dose beyond what noise explains, rms over every n-th
        good pixel and relative to the dose, and its standard error. [1]
    check_dn : (H, W) float32 or None
        Corrected mean flat at the dose nearest to 75 % of saturation, and its level.  [DN]
    check_level_dn : float or None
        [DN]
    limit_dn : float
        Signal above which the calibration is extrapolated. [DN]
    remarks : tuple of str
        What a user should know: one sentence each.
    """

    gain: NDArray[np.float32]
    curvature: NDArray[np.float32] | None
    chi_square: NDArray[np.float32] | None
    flags: NDArray[np.uint16]
    order: int
    levels_dn: tuple[float, ...]
    targets_dn: tuple[float, ...]
    frames_per_level: tuple[int, ...]
    signal_dn: NDArray[np.float32]
    noise: NDArray[np.float32] | None
    level_dn: float
    typical_noise: float
    frames_used: int
    variance_per_dn: float
    chi_square_scale: float
    calibration_variance: tuple[float, ...]
    residual: tuple[float, ...]
    residual_error: tuple[float, ...]
    check_dn: NDArray[np.float32] | None
    check_level_dn: float | None
    limit_dn: float
    remarks: tuple[str, ...]

    @property
    def gain_map(self) -> GainMap:
        """The dose nearest to half of saturation as a gain map, for what judges pixels by one flat."""
        return GainMap(
            gain=self.gain,
            signal_dn=self.signal_dn,
            noise=self.noise,
            flags=self.flags,
            level_dn=self.level_dn,
            typical_noise=self.typical_noise,
            frames_used=self.frames_used,
            levels_dn=self.levels_dn,
        )


def single_dose_response(gain: GainMap, offset: OffsetMap) -> DoseResponse:
    """A gain map from one dose in the form of a dose response: straight lines, nothing to test them with.

    Parameters
    ----------
    gain : GainMap
        From `estimate_gain`.
    offset : OffsetMap
        With which it was learned.

    Returns
    -------
    response : DoseResponse
    """
    dark_variance = offset.typical_noise_dn**2
    flat_noise_dn = gain.typical_noise * gain.level_dn
    return DoseResponse(
        gain=gain.gain,
        curvature=None,
        chi_square=None,
        flags=gain.flags,
        order=1,
        levels_dn=(gain.level_dn,),
        targets_dn=(gain.level_dn,),
        frames_per_level=(gain.frames_used,),
        signal_dn=gain.signal_dn,
        noise=gain.noise,
        level_dn=gain.level_dn,
        typical_noise=gain.typical_noise,
        frames_used=gain.frames_used,
        variance_per_dn=max(flat_noise_dn**2 - dark_variance, 0.0) / gain.level_dn,
        chi_square_scale=0.0,
        calibration_variance=single_dose_variance(
            offset.typical_noise_dn, flat_noise_dn, offset.frames_used, gain.frames_used
        ),
        residual=(),
        residual_error=(),
        check_dn=None,
        check_level_dn=None,
        limit_dn=float("inf"),
        remarks=("one dose: the response is taken as a straight line", *gain.remarks),
    )


def estimate_dose_response(
    doses: Iterable[Iterable[NDArray[Any]]],
    offset: OffsetMap,
    *,
    saturation_dn: float,
    order: int | None = None,
    linearisation: Linearisation | None = None,
    offsets_dn: Iterable[NDArray[np.float32]] | None = None,
) -> DoseResponse:
    """Inverse dose response of every pixel from flats at several doses, in any order of doses.

    Each flat is scaled to the level of its dose before it is averaged, so flats of a dose need not be equal. A
    pixel that saturates at some doses is fitted to the others. Weights are those of the photon-transfer curve measured
    at each dose, for the pixel's own signal, with the error of the offset added.

    Parameters
    ----------
    doses : iterable of iterables of (H, W)
        For each dose its flats, nothing in the beam; see `group_doses`. Consumed one after the other. [DN]
    offset : OffsetMap
        Of the same panel and mode.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    order : 1, 2 or 3, optional
        Highest power. Otherwise the lowest after which one more coefficient does not lower the mean chi-square of
        the good pixels, in units of the noise, by more than 2, and at most the number of doses less one.
    linearisation : Linearisation, optional
        From `linearise_levels`; without it the panel's median signal is taken as linear in exposure, which leaves
        the curvature common to all pixels in the corrected image.
    offsets_dn : iterable of (H, W) float32, optional
        Dark signal at the integration time of each dose, in step with `doses`, where it is not that of `offset`. [DN]

    Returns
    -------
    response : DoseResponse

    Raises
    ------
    ValueError
        If there are fewer doses than `order`, a flat is saturated or too weak, flats of one dose differ by more than
        a quarter, two doses are one, or shapes differ.
    TypeError
        If a frame holds no real numbers.

    Notes
    -----
    Memory does not depend on the numbers of doses and flats: 3 float64 planes for each coefficient that may be fitted,
    3 for the dose being summed and 3 more while it enters the equations, and 8 planes of four bytes. At 3,072 x 3,072
    measured 1.3 GiB beyond the inputs for order 3 or automatic, 1.1 GiB for order 2.
    """
    if not saturation_dn > 0:
        raise ValueError(f"saturation_dn must be positive, got {saturation_dn}")
    if order not in (None, 1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3, got {order}")
    step = max(1, int(np.sqrt(offset.offset_dn.size / SAMPLE_PIXELS)))
    panel = _Panel(offset, saturation_dn, step)
    remarks: list[str] = []
    dark_planes = repeat(offset.offset_dn) if offsets_dn is None else iter(offsets_dn)
    gathered = _gather_doses(doses, panel, dark_planes, order, linearisation, remarks)
    samples, equations = gathered.samples, gathered.equations
    order = lowest_sufficient_order(equations.every(step), len(samples)) if order is None else order
    top_dn = saturation_dn - offset.offset_dn
    if saturation_dn >= NO_SATURATION_DN:  # beyond the doses the curve goes on along its tangent
        top_dn = np.full_like(offset.offset_dn, extrapolation_limit([0.0, *(sample.level_dn for sample in samples)]))
    fits = solve_equations(equations, order, top_dn.astype(np.float32))
    flags, scale = judge_fits(fits, equations, order, samples)
    if all(sample.scatter is None for sample in samples):
        samples = _noise_from_the_fit(samples, scale, panel.dark_variance, remarks)
        if scale > 0:
            fits.chi_square[:] /= np.float32(scale)
            scale = 1.0
    samples = sorted(samples, key=lambda sample: sample.level_dn)
    return _response(fits, flags, scale, replace(gathered, samples=samples), panel, linearisation, remarks)


@dataclass(frozen=True, eq=False)
class _Panel:
    """What is known of a panel before its flats: dark signal, saturation, and that every `step`-th pixel is sampled."""

    offset: OffsetMap
    saturation_dn: float
    step: int

    @property
    def dark_variance(self) -> float:
        """Of the typical pixel in one dark frame; above zero, so that noise-free frames have finite weights. [DN2]"""
        return max(self.offset.typical_noise_dn**2, _NO_VARIANCE_DN2)

    @property
    def offset_variance(self) -> float:
        """Of the offset map. [DN2]"""
        return self.dark_variance / self.offset.frames_used


@dataclass(frozen=True, eq=False)
class _MeanFlat:
    """The mean flat of one dose [DN], and the noise of one of its flats relative to the level [1]."""

    signal_dn: NDArray[np.float32]
    noise: NDArray[np.float32] | None
    sample: DoseSample


@dataclass(frozen=True, eq=False)
class _Gathered:
    """What is held of all doses: equations of the pixels, samples, and the two mean flats that are wanted later."""

    equations: NormalEquations
    samples: list[DoseSample]
    half: _MeanFlat
    check: _MeanFlat


def _gather_doses(
    doses: Iterable[Iterable[NDArray[Any]]],
    panel: _Panel,
    dark_planes: Iterator[NDArray[np.float32]],
    order: int | None,
    linearisation: Linearisation | None,
    remarks: list[str],
) -> _Gathered:
    """Every dose summed, put into the equations and forgotten, but for the mean flats nearest to the wanted levels."""
    rows, cols = panel.offset.offset_dn.shape
    equations = no_equations((rows, cols), order or 3, panel.saturation_dn)
    samples: list[DoseSample] = []
    range_dn = panel.saturation_dn - float(np.median(panel.offset.offset_dn))
    nearest: dict[float, _MeanFlat | None] = {_HALF: None, _CHECK: None}
    for number, frames in enumerate(doses, 1):
        offset_dn = next(dark_planes, None)
        if offset_dn is None:
            raise ValueError(f"there are {number - 1} dark signals, one for each dose, but at least {number} doses")
        total, sample = _sum_dose(frames, number, panel, offset_dn, samples, remarks)
        level_dn = sample.level_dn
        scatter, mean, absent = total.scatter(), total.mean(), total.absent()
        if absent is not None:
            mean[absent] = 0.0  # of no number in any flat: dead
        remarks += [hit_remark(total.hits, f"flats of dose {number}")] * (total.hits > 0)
        dose = DoseNumbers(
            level_dn=level_dn,
            target_dn=level_dn if linearisation is None else linearisation.target(level_dn),
            steepness=1.0 if linearisation is None else linearisation.slope(level_dn),
            frames=sample.frames,
            dark_variance=panel.dark_variance,
            variance_per_dn=sample.variance_per_dn,
            offset_variance=panel.offset_variance,
        )
        equations.add(mean, scatter, dose)
        samples.append(sample)
        for fraction, best in nearest.items():
            wanted_dn = fraction * range_dn
            if best is None or abs(level_dn - wanted_dn) < abs(best.sample.level_dn - wanted_dn):
                noise = scatter if fraction == _HALF else None
                nearest[fraction] = _mean_flat(mean, noise, offset_dn, panel.saturation_dn, sample)
        del total, scatter, mean
    _check_doses(samples, order)
    half, check = nearest[_HALF], nearest[_CHECK]
    assert half is not None and check is not None  # for there is a dose
    return _Gathered(equations, samples, half, check)


def _mean_flat(
    mean: NDArray[np.float64],
    scatter: NDArray[np.float32] | None,
    offset_dn: NDArray[np.float32],
    saturation_dn: float,
    sample: DoseSample,
) -> _MeanFlat:
    """A saturated pixel gets the least that its signal can be, and no noise."""
    signal_dn = (mean * sample.level_dn).astype(np.float32)
    saturated = np.isnan(signal_dn)
    signal_dn[saturated] = saturation_dn - offset_dn[saturated]
    if scatter is not None:
        scatter = np.where(np.isfinite(scatter), scatter, np.float32(0.0))
    return _MeanFlat(signal_dn, scatter, sample)


def _sum_dose(
    frames: Iterable[NDArray[Any]],
    number: int,
    panel: _Panel,
    offset_dn: NDArray[np.float32],
    earlier: Sequence[DoseSample],
    remarks: list[str],
) -> tuple[FrameSums, DoseSample]:
    """Sums of the flats of one dose, each scaled to its own level, and what every n-th pixel says of its noise."""
    offset, saturation_dn, step = panel.offset, panel.saturation_dn, panel.step
    shape = offset.offset_dn.shape
    if offset_dn.shape != shape:
        raise ValueError(f"the dark signal of dose {number} is {offset_dn.shape} but the offset map is {shape}")
    thin_offset_dn = np.ascontiguousarray(offset_dn[::step, ::step])
    total, thin = FrameSums(offset_dn, LIT_RESPONSE), FrameSums(thin_offset_dn, LIT_RESPONSE)
    levels_dn: list[float] = []
    for k, frame in enumerate(frames):
        frame = check_frame(frame, k, shape, f"dose {number}, flat")
        name = f"dose {number}, flat frame {k}"
        levels_dn.append(flat_level(frame, name, offset, saturation_dn=saturation_dn, offset_dn=offset_dn))
        total.add(frame, 1.0 / levels_dn[-1], saturation_dn)
        thin.add(frame[::step, ::step], 1.0 / levels_dn[-1], saturation_dn)
    if not levels_dn:
        raise ValueError(f"dose {number} holds no flat frame")
    if max(levels_dn) > LARGEST_DOSE_RATIO * min(levels_dn):
        raise ValueError(
            f"the flats of dose {number} lie between {min(levels_dn):.0f} and {max(levels_dn):.0f} DN, which is no "
            f"single dose: their ratio may be {LARGEST_DOSE_RATIO:g} at most"
        )
    level_dn = float(np.mean(levels_dn))
    dark_variance = panel.dark_variance
    mean, scatter = thin.mean().astype(np.float32), thin.scatter()
    if scatter is not None:
        flat_noise = typical_scatter(scatter[np.nan_to_num(mean, nan=0.0) > LIT_RESPONSE], len(levels_dn))
        per_dn = max((flat_noise * level_dn) ** 2 - dark_variance, 0.0) / level_dn
    elif any(sample.scatter is not None for sample in earlier):
        per_dn = variance_slope(earlier, dark_variance)
        remarks.append(f"dose {number} has a single flat: its noise was taken from the doses before it")
    else:
        per_dn = ASSUMED_NOISE**2 * (earlier[0].level_dn if earlier else level_dn)
    return total, DoseSample(level_dn, len(levels_dn), per_dn, mean, scatter)


def _check_doses(samples: Sequence[DoseSample], order: int | None) -> None:
    """ValueError for too few doses, or two that are the same."""
    needed = order or 1
    if len(samples) < needed:
        raise ValueError(f"a dose response of order {needed} needs flats at {needed} doses or more, got {len(samples)}")
    if len(samples) > MOST_DOSES:
        raise ValueError(f"{len(samples)} doses are more than the {MOST_DOSES} that can be counted: group the flats")
    levels = sorted(sample.level_dn for sample in samples)
    for low, high in pairwise(levels):
        if high < 1.01 * low:
            raise ValueError(f"two doses have the same level, {low:.0f} and {high:.0f} DN: put their flats together")


def _noise_from_the_fit(
    samples: Sequence[DoseSample], scale: float, dark_variance: float, remarks: list[str]
) -> list[DoseSample]:
    """Photon-transfer slope where every dose has a single flat: what makes the typical chi-square one.

    With no dose left over to judge by, adjacent pixels tell: noise and pixel-to-pixel gain together, too much.
    """
    if scale > 0:
        remarks.append("every dose has a single flat: noise was taken from the scatter of pixels about their curves")
        return [replace(sample, variance_per_dn=sample.variance_per_dn * scale) for sample in samples]
    remarks.append("every dose has a single flat: noise was taken from adjacent pixels, and is too high")
    found = []
    for sample in samples:
        variance = (adjacent_noise(sample.mean, 1.0) * sample.level_dn) ** 2
        found.append(replace(sample, variance_per_dn=max(variance - dark_variance, 0.0) / sample.level_dn))
    return found


def _response(
    fits: PixelFits,
    flags: NDArray[np.uint16],
    scale: float,
    gathered: _Gathered,
    panel: _Panel,
    linearisation: Linearisation | None,
    remarks: list[str],
) -> DoseResponse:
    """Everything put together, samples by rising level; flagged pixels get a gain of one and no curvature."""
    samples, doses, half, check = gathered.samples, gathered.equations.doses, gathered.half, gathered.check
    order = len(fits.coefficients)
    gain = np.where(flags == 0, fits.coefficients[0], np.float32(1.0))
    curvature = np.where(flags == 0, fits.coefficients[1:], np.float32(0.0)) if order > 1 else None
    freedom = doses.astype(np.float32) - order
    reduced = np.divide(fits.chi_square, freedom, out=np.zeros_like(gain), where=freedom > 0)
    levels_dn = tuple(sample.level_dn for sample in samples)
    targets_dn = levels_dn if linearisation is None else tuple(linearisation.target(level) for level in levels_dn)
    if len(samples) == 1:
        remarks.insert(0, "one dose: the response is taken as a straight line")
    elif linearisation is None:
        remarks.insert(0, NO_EXPOSURES)
    dark_variance, offset_variance = panel.dark_variance, panel.offset_variance
    thin = np.s_[..., :: panel.step, :: panel.step]
    residual, residual_error = residual_pattern(
        samples,
        targets_dn,
        gain[thin],
        None if curvature is None else curvature[thin],
        (flags[thin] == 0) & (doses[thin] == len(samples)),
        dark_variance,
        offset_variance,
    )
    level_dn = half.sample.level_dn
    limit_dn = extrapolation_limit(levels_dn)
    at_half = next(sample for sample in samples if sample.level_dn == level_dn)
    flat_variance = dark_variance + at_half.variance_per_dn * level_dn
    return DoseResponse(
        gain=gain,
        curvature=curvature,
        chi_square=reduced if len(samples) > order else None,
        flags=flags,
        order=order,
        levels_dn=levels_dn,
        targets_dn=targets_dn,
        frames_per_level=tuple(sample.frames for sample in samples),
        signal_dn=half.signal_dn,
        noise=half.noise,
        level_dn=level_dn,
        typical_noise=float(np.sqrt(flat_variance)) / level_dn,
        frames_used=half.sample.frames,
        variance_per_dn=variance_slope(samples, dark_variance),
        chi_square_scale=scale,
        calibration_variance=calibration_variance(samples, dark_variance, offset_variance, order, level_dn),
        residual=residual,
        residual_error=residual_error,
        check_dn=apply_gain(check.signal_dn, gain, curvature, limit_dn),
        check_level_dn=check.sample.level_dn,
        limit_dn=limit_dn,
        remarks=tuple(remarks),
    )
