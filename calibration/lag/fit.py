"""Coefficients of the lag model, fitted to beam-on/beam-off sequences, and how well they undo these sequences.

Exposed frames are the input of the recursion, as they were measured: the tube may fluctuate. What is fitted is what
comes after the beam. Fractions enter linearly and are solved for (not negative) inside a search over the logarithms of
the time constants [1]_; a last pass moves all of them together and gives the standard errors.

Afterglow of the scintillator is in these frames too and cannot be told from lag. It is absorbed as a term with an
effective fraction, right for the frame interval it was measured at: traps hold their charge until the next readout,
while light that is emitted between two integrations is lost, so that at another interval or integration time the
afterglow's part in the fractions is wrong.

References
----------
.. [1] Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
       separate", SIAM J. Numer. Anal. 10, 413 (1973).
.. [2] Kass & Raftery, "Bayes factors", J. Am. Stat. Assoc. 90, 773 (1995), table in section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from calibration.lag.model import LagModel, LagState, subtract_lag
from calibration.lag.record import LagCurve, LagValue
from calibration.lag.sequence import STEADY_FRACTION, StepCurve, StepSequence, measure_step
from calibration.lag.solve import LagData, LagFit, after_beam, exposure_numbers, fit_terms, frame_charges, lag_of_frames

MOST_TERMS = 4  # more have not been told apart in published fits   # chosen
LEAST_FRAMES_AFTER = 4  # two unknowns for a term, and something to judge it by
STRONG_EVIDENCE = 6.0  # difference of the Bayesian information criterion that [2]_ calls strong
QUOTED_S = (1.0, 60.0)  # times after the beam at which data sheets give lag
QUOTED_FRAMES = (1, 50)
SINGLE_FRAMES = 30  # of the record; later ones are averaged   # chosen
MOST_POINTS = 100  # of the record   # chosen
LEAST_STEADY_FRAMES = 6  # without as many exposed frames the rising step says nothing   # chosen

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LagEstimate:
    """What beam-on/beam-off sequences say about a panel.

    Attributes
    ----------
    model : LagModel
    first_after_off_dn : (H, W) float32
        First frame without beam, offset-subtracted; mean over repeats at the highest exposure. For pixels that lag
        more than their neighbours. [DN]
    first_after_off_noise_dn : float
        Noise of the typical pixel in that mean. [DN]
    exposed_dn : float
        Signal of the panel in the exposed frames before. [DN]
    """

    model: LagModel
    first_after_off_dn: NDArray[np.float32]
    first_after_off_noise_dn: float
    exposed_dn: float


def estimate_lag(
    sequences: Sequence[StepSequence],
    offset_dn: NDArray[Any],
    *,
    saturation_dn: float,
    unusable: NDArray[np.bool_] | None = None,
    offset_frames: int | None = None,
) -> LagEstimate:
    """Time constants and fractions of a panel's lag from beam-on/beam-off sequences.

    The number of terms, 1 to 4, is the smallest that another does not beat by strong evidence. Sequences at several
    exposures share the time constants; fractions depend on exposure where the evidence for it is strong.

    Parameters
    ----------
    sequences : sequence of StepSequence
        Each from a panel long read in the dark, with frames after the beam went off; the first frames may be dark.
    offset_dn : (H, W)
        Dark signal at the integration time of the sequences. [DN]
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    unusable : (H, W) bool or None
        Pixels that do not count: defects, shielded, uncoated.
    offset_frames : int or None
        Dark frames behind `offset_dn`, which set its error; None for an offset without one.

    Returns
    -------
    estimate : LagEstimate

    Raises
    ------
    ValueError
        If there is no sequence, or one has no beam, no falling step, too few frames after it, saturation, or times
        that do not rise.
    TypeError
        If frames hold no real numbers.

    Notes
    -----
    Noise of the mean is measured from frame to frame in the dark. Where the fit leaves more than that, errors are
    scaled by the root of the reduced chi-square, and the model says so.
    """
    if not sequences:
        raise ValueError("estimate_lag needs at least 1 beam-on/beam-off sequence, got 0")
    if offset_frames is not None and offset_frames < 1:
        raise ValueError(f"offset_frames must be 1 or more, got {offset_frames}")
    shape = np.shape(offset_dn)
    mask = np.zeros(shape, np.bool_) if unusable is None else np.asarray(unusable, np.bool_)
    if mask.shape != shape:
        raise ValueError(f"the mask of unusable pixels is {mask.shape} but the offset map is {shape}")
    curves = [measure_step(sequence, offset_dn, mask, saturation_dn) for sequence in sequences]
    model = fit_lag(curves, offset_frames)
    exposures = exposure_numbers(curves)
    highest = [curve for curve, group in zip(curves, exposures, strict=True) if group == exposures.max()]
    repeats = sum(curve.repeats for curve in highest)
    pictures = [curve.repeats * curve.first_after_off_dn.astype(np.float64) for curve in highest
                if curve.first_after_off_dn is not None]  # fmt: skip
    noise_dn = max(curve.pixel_noise_dn for curve in highest) / np.sqrt(max(repeats, 1))
    exposed_dn = float(np.mean([curve.level_dn for curve in highest]))
    first = (np.sum(pictures, axis=0) / repeats).astype(np.float32) if repeats else np.zeros(shape, np.float32)
    return LagEstimate(model, first, float(noise_dn), exposed_dn)


def fit_lag(curves: Sequence[StepCurve], offset_frames: int | None = None) -> LagModel:
    """The lag model of measured curves; see `estimate_lag`.

    Parameters
    ----------
    curves : sequence of StepCurve
        One for each sequence.
    offset_frames : int or None
        Dark frames behind the offset map that the curves were measured on. [1]

    Returns
    -------
    model : LagModel

    Raises
    ------
    ValueError
        If a curve has too few frames after the beam.
    """
    for curve in curves:
        after = int(np.count_nonzero(after_beam(curve)))
        if after < LEAST_FRAMES_AFTER:
            raise ValueError(
                f"lag sequence {curve.name} has {after} frames after the beam went off; at least {LEAST_FRAMES_AFTER} "
                "are needed"
            )
    data = LagData(curves, offset_frames)
    notes = list(data.notes)
    groups = data.exposures.max() + 1
    most = max(1, min(MOST_TERMS, (max(int(np.count_nonzero(after_beam(curve))) for curve in curves) - 1) // 2))
    fits = [fit for terms in range(1, most + 1) if (fit := fit_terms(data, terms, data.exposures)) is not None]
    scatter = max(1.0, min(fit.chi_square / max(fit.rows - fit.free, 1) for fit in fits))
    best = _chosen(fits, scatter)
    notes += _about_terms(fits, best, scatter)
    if groups > 1:
        shared = fit_terms(data, best.time_s.size, np.zeros_like(data.exposures))
        if shared is not None:
            gain = _criterion(shared, scatter) - _criterion(best, scatter)
            fall = (shared.chi_square - best.chi_square) / scatter
            told = f"chi-square falls by {fall:.3g} for {best.free - shared.free} more numbers"
            if gain > STRONG_EVIDENCE:
                notes.append(f"fractions depend on the exposure: {told}")
            else:
                notes.append(f"one set of fractions serves all {groups} exposures: {told}")
                best = shared
    return _model(data, best, notes)


def _criterion(fit: LagFit, scatter: float) -> float:
    """Bayesian information criterion."""
    return fit.chi_square / scatter + fit.free * float(np.log(fit.rows))


def _chosen(fits: list[LagFit], scatter: float) -> LagFit:
    """The fit with the fewest terms that none with more beats by strong evidence."""
    for fit in fits:
        more = [_criterion(other, scatter) for other in fits if other.time_s.size > fit.time_s.size]
        if not more or _criterion(fit, scatter) - min(more) <= STRONG_EVIDENCE:
            return fit
    return fits[-1]


def _about_terms(fits: list[LagFit], best: LagFit, scatter: float) -> list[str]:
    """Why this number of terms."""
    terms = best.time_s.size
    told = [f"{terms} term{'s' * (terms > 1)}"]
    for other in fits:
        change = (other.chi_square - best.chi_square) / scatter
        if other.time_s.size == terms - 1:
            told.append(f"one fewer raises chi-square by {change:.3g}")
        if other.time_s.size == terms + 1:
            told.append(f"one more lowers it by {max(-change, 0.0):.3g}, which is not strong evidence")
    return [": ".join([told[0], ", ".join(told[1:])]) if told[1:] else told[0]]


def _model(data: LagData, fit: LagFit, notes: list[str]) -> LagModel:
    """The model with its errors, record and notes."""
    terms, groups = fit.time_s.size, len(fit.fraction)
    freedom = max(fit.rows - fit.free, 1)
    reduced = fit.chi_square / freedom
    covariance = fit.covariance * max(1.0, reduced)
    if reduced > 1.0 + 4.0 * np.sqrt(2.0 / freedom):
        notes.append(
            f"the fit leaves {np.sqrt(reduced):.2g} times the noise of the means: the lag is not quite that sum of "
            f"exponentials, or the whole frame fluctuates; the errors are scaled by as much"
        )
    for time_s, pinned in zip(fit.time_s, fit.pinned, strict=True):
        if time_s < data.shortest_s:
            held = f", and its time constant cannot be told: {time_s:.2g} s stands for it" if pinned else ""
            notes.append(
                f"part of the lag is gone after one frame{held}; whether it is fast lag or a beam that reached into "
                f"the first dark frame is open, so do not use the model at intervals below {data.interval_s:.3g} s"
            )
        elif pinned:
            notes.append(
                f"some lag is slower than the {data.covered_s:.3g} s after the beam can tell: its time constant is "
                f"held at {time_s:.3g} s, and what comes later is not known"
            )
    errors = np.sqrt(np.diag(covariance))
    moved = np.where(fit.pinned, 0.0, fit.time_s * errors[:terms])
    fit = replace(
        fit,
        time_s=_as_told(fit.time_s, moved),
        fraction=_as_told(fit.fraction, errors[terms : terms + groups * terms].reshape(groups, terms)),
    )
    time_error_s = np.where(fit.pinned, np.nan, fit.time_s * errors[:terms])
    fraction_error = errors[terms : terms + groups * terms].reshape(groups, terms)
    if (fit.fraction < 3.0 * fraction_error).all():
        notes.append("no lag was found: every fraction is within three standard errors of zero")
    exposure_of = data.exposures if groups > 1 else np.zeros_like(data.exposures)
    charges = frame_charges(data, fit.time_s, fit.fraction, fit.base_dn, exposure_of)
    levels = [
        float(np.mean([charge[curve.exposed & (charge > 0.9 * charge.max())].mean()
                       for charge, curve, group in zip(charges, data.curves, exposure_of, strict=True) if group == g]))
        for g in range(groups)
    ]  # fmt: skip
    if groups == 1:  # the fractions hold for any exposure: the highest stands for them
        levels = [max(float(charge[curve.exposed].max()) for charge, curve in zip(charges, data.curves, strict=True))]
    model = LagModel(
        time_s=fit.time_s,
        signal_dn=np.array(levels),
        fraction=fit.fraction,
        fraction_error=fraction_error,
        time_error_s=time_error_s,
        frame_interval_s=data.interval_s,
        covered_s=data.covered_s,
        chi_square=reduced,
        notes=tuple(notes),
    )
    return replace(model, curves=_records(data, fit, model, covariance, exposure_of))


def _as_told(values: FloatArray, errors: FloatArray) -> FloatArray:
    """Values rounded to a ten-thousandth of their errors: where terms are much alike, what follows is the processor's.

    An error of 0 leaves its value.
    """
    told = values.copy()
    for place in zip(*np.nonzero(errors > 0), strict=True):
        told[place] = round(float(values[place]), 4 - math.floor(math.log10(errors[place])))
    return told


def _records(
    data: LagData, fit: LagFit, model: LagModel, covariance: FloatArray, exposure_of: NDArray[np.intp]
) -> tuple[LagCurve, ...]:
    """The record of every sequence, `exposure_of` (S,) each, with the errors that the covariance gives its lag."""
    parameters = fit.time_s.size * (1 + len(fit.fraction))  # without the zeros of the sequences
    records, row = [], 0
    no_base = fit.jacobian[:, :parameters]
    within = covariance[:parameters, :parameters]
    for s, curve in enumerate(data.curves):
        count = int(data.fitted[s].sum())
        retained = np.exp(-curve.elapsed_s[:, None] / fit.time_s)
        predicted, _ = lag_of_frames(
            curve.signal_dn - fit.base_dn[s], curve.exposed, retained, fit.fraction[exposure_of[s]]
        )
        error = np.zeros(curve.signal_dn.size)
        block = no_base[row : row + count]
        error[data.fitted[s]] = curve.noise_dn * np.sqrt(np.einsum("ij,jk,ik->i", block, within, block))
        records.append(_lag_curve(curve, model, float(fit.base_dn[s]), predicted, error))
        row += count
    return tuple(records)


def _lag_curve(
    curve: StepCurve, model: LagModel, base_dn: float, predicted_dn: FloatArray, predicted_error_dn: FloatArray
) -> LagCurve:
    """The record of one sequence.

    Parameters
    ----------
    curve : StepCurve
        As measured.
    model : LagModel
        Fitted.
    base_dn : float
        What the offset map was off during the sequence, from the fit. [DN]
    predicted_dn, predicted_error_dn : (K,) float64
        Lag in every frame from the fit, and its standard error. [DN]
    """
    signal_dn = curve.signal_dn - base_dn
    corrected_dn = _corrected(signal_dn, curve.elapsed_s, model)
    first, last = _longest_dark(curve.exposed)
    level_dn = float(signal_dn[_steady_before(signal_dn, curve.exposed, first)][-10:].mean())
    off = np.arange(first, last)
    since_s = np.cumsum(curve.elapsed_s[off])
    bins = _bins(off.size)
    gain = float(model.noise_gain[np.argmin(np.abs(model.signal_dn - level_dn))])
    noise = curve.noise_dn / level_dn
    counts = np.diff(np.append(bins, off.size))
    relative, fit, left, time_s = (
        np.add.reduceat(values, bins) / counts
        for values in (signal_dn[off] / level_dn, predicted_dn[off] / level_dn, corrected_dn[off] / level_dn, since_s)
    )
    lag = {"first frame": LagValue(float(predicted_dn[first] / level_dn), float(predicted_error_dn[first] / level_dn))}
    for quoted_s in QUOTED_S:
        if since_s[0] <= quoted_s <= since_s[-1]:
            value, error = (
                float(np.interp(quoted_s, since_s, values[off])) / level_dn
                for values in (predicted_dn, predicted_error_dn)
            )
            lag[f"{quoted_s:g} s"] = LagValue(value, error)
    residual = {
        f"frame {n}": LagValue(float(corrected_dn[off[n - 1]] / level_dn), gain * noise)
        for n in QUOTED_FRAMES
        if n <= off.size
    }
    return LagCurve(
        name=curve.name,
        signal_dn=level_dn,
        frames_on=int(curve.exposed.sum()),
        frames_off=int((~curve.exposed).sum()),
        time_s=time_s,
        relative=relative,
        error=noise / np.sqrt(counts),
        fit=fit,
        left=left,
        lag=lag,
        residual=residual,
        rise=_rise(signal_dn, corrected_dn, curve.exposed, first),
    )


def _corrected(signal_dn: FloatArray, elapsed_s: FloatArray, model: LagModel) -> FloatArray:
    """The curve corrected as frames of one pixel would be; on one thread, since waking another takes longer."""
    state: LagState | None = None
    corrected = np.empty_like(signal_dn)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        for k, value in enumerate(signal_dn):
            frame, state = subtract_lag(np.array([[value]]), model, state, None if k == 0 else float(elapsed_s[k]))
            corrected[k] = frame[0, 0]
    finally:
        numba.set_num_threads(threads)
    return corrected


def _longest_dark(exposed: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last + 1 frame of the longest stretch without beam after one with it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], exposed, [True]]).astype(np.int8)))
    stretches = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if a > 0 and exposed[a - 1]]
    return max(stretches, key=lambda stretch: stretch[1] - stretch[0])


def _steady_before(signal_dn: FloatArray, exposed: NDArray[np.bool_], first: int) -> NDArray[np.intp]:
    """Frames exposed all through in the run of beam that ends before frame `first`."""
    begin = first
    while begin > 0 and exposed[begin - 1]:
        begin -= 1
    run = np.arange(begin, first)
    return np.asarray(run[signal_dn[run] >= STEADY_FRACTION * signal_dn[run].max()], np.intp)


def _bins(frames: int) -> NDArray[np.intp]:
    """First frame of each point of the record: single frames, then logarithmic steps."""
    later = np.geomspace(SINGLE_FRAMES, max(frames, SINGLE_FRAMES), MOST_POINTS - SINGLE_FRAMES, endpoint=False)
    bins: NDArray[np.intp] = np.unique(np.concatenate([np.arange(SINGLE_FRAMES), later]).astype(np.intp))
    return bins[bins < frames]


def _rise(
    signal_dn: FloatArray, corrected_dn: FloatArray, exposed: NDArray[np.bool_], first: int
) -> dict[str, LagValue]:
    """First exposed frame less the last half of them, relative; the error is the tube's fluctuation."""
    steady = _steady_before(signal_dn, exposed, first)
    if steady.size < LEAST_STEADY_FRAMES:
        return {}
    found = {}
    for name, values in (("raw", signal_dn[steady]), ("corrected", corrected_dn[steady])):
        late = values[values.size // 2 :]
        error = float(late.std(ddof=1) / late.mean()) * np.sqrt(1.0 + 1.0 / late.size)
        found[name] = LagValue(float(values[0] / late.mean() - 1.0), float(error))
    return found
