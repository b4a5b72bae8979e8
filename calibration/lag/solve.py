"""The arithmetic of the lag fit: variable projection over time constants, then all parameters together.

Fractions enter linearly and are solved for (not negative) inside a search over the logarithms of the time
constants [1]_, begun from the best choice on a grid; a last pass moves all of them and gives the covariance.

References
----------
.. [1] Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
       separate", SIAM J. Numer. Anal. 10, 413 (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.lag.sequence import StepCurve

SHORTEST_IN_INTERVALS = 1 / 3  # a faster term is gone after one frame (5 % left): there is one such term, not several
SEARCH_FROM_INTERVALS = 1 / 20  # nothing (2e-9) is left of it after one frame: there is no faster one to be seen
LARGEST_LOG_ERROR = 0.5  # of a fast time constant; beyond it the frames do not tell it   # chosen
NEAREST_RATIO = 1.3  # of two time constants   # chosen: nearer ones are one
SAME_EXPOSURE = 0.1  # levels within 10 % are one exposure   # chosen
GRID = 14  # time constants tried before the search, in logarithmic steps   # chosen
DISAGREEMENT_SIGMAS = 4.0  # between offset map and the frames before the beam   # chosen

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LagFit:
    """A fit of one number of terms: values, their covariance, and the Jacobian for errors of what follows."""

    time_s: FloatArray  # (N,) rising [s]
    fraction: FloatArray  # (G, N), G = 1 or the number of exposures [1]
    base_dn: FloatArray  # (S,) zero of each sequence above its offset map [DN]
    pinned: NDArray[np.bool_]  # (N,) time constant held at a bound
    covariance: FloatArray  # of (log time, fractions, bases), zero for what was held
    jacobian: FloatArray  # (rows, parameters) of the prediction in standard deviations
    chi_square: float
    rows: int  # fitted frames, and zeros that are known
    free: int  # parameters that were not held


class LagData:
    """Curves made ready for the fit: which frames are fitted, with what noise, and how far the zero is known."""

    def __init__(self, curves: Sequence[StepCurve], offset_frames: int | None) -> None:
        self.curves = curves
        self.exposures = exposure_numbers(curves)
        self.fitted = [~curve.exposed for curve in curves]
        self.notes: list[str] = []
        self.base_error_dn: list[float] = []  # 0: the zero is the offset map's, infinite: it is free
        for curve in curves:
            known_dn = 0.0 if offset_frames is None else curve.noise_dn / np.sqrt(offset_frames)
            before = ~curve.exposed & ~after_beam(curve)
            if before.any():
                own_dn = float(curve.signal_dn[before].mean())
                if abs(own_dn) > DISAGREEMENT_SIGMAS * np.hypot(known_dn, curve.noise_dn / np.sqrt(before.sum())):
                    known_dn = np.inf
                    self.notes.append(
                        f"{curve.name or 'the sequence'} starts {own_dn:+.2g} DN off the offset map: its own "
                        f"{int(before.sum())} frames before the beam set the zero"
                    )
            self.base_error_dn.append(known_dn)
            if curve.tiles_left_out:
                self.notes.append(
                    f"{curve.tiles_left_out} of {curve.tiles + curve.tiles_left_out} tiles decay otherwise or are "
                    f"noisier than the rest and were left out"
                )
        elapsed = np.concatenate([curve.elapsed_s[1:] for curve in curves])
        self.interval_s = float(np.median(elapsed))
        self.covered_s = max(_longest_after(curve) for curve in curves)
        self.shortest_s = SHORTEST_IN_INTERVALS * self.interval_s
        self.longest_s = max(self.covered_s, 2.0 * self.shortest_s)
        self.search_from_s = SEARCH_FROM_INTERVALS * self.interval_s

    @property
    def free_bases(self) -> list[int]:
        return [k for k, error in enumerate(self.base_error_dn) if error > 0]

    def residuals(
        self, time_s: FloatArray, fraction: FloatArray, base_dn: FloatArray, exposure_of: NDArray[Any]
    ) -> FloatArray:
        """Prediction less measurement of every fitted frame, and of every known zero, in standard deviations."""
        rows = []
        for s, curve in enumerate(self.curves):
            retained = np.exp(-curve.elapsed_s[:, None] / time_s)
            predicted, _ = lag_of_frames(
                curve.signal_dn - base_dn[s], curve.exposed, retained, fraction[exposure_of[s]]
            )
            left = predicted + base_dn[s] - curve.signal_dn
            rows.append(left[self.fitted[s]] / curve.noise_dn)
        known = [k for k in self.free_bases if np.isfinite(self.base_error_dn[k])]
        rows.append(np.array([base_dn[k] / self.base_error_dn[k] for k in known]))
        return np.concatenate(rows)


def fit_terms(data: LagData, terms: int, exposure_of: NDArray[Any]) -> LagFit | None:
    """The best fit of so many terms.

    Parameters
    ----------
    data : LagData
        S sequences.
    terms : int
        Populations of traps, N. [1]
    exposure_of : (S,) int
        Number of the exposure of each sequence: those of one number have the same fractions. [1]

    Returns
    -------
    fit : LagFit or None
        None where two terms have come so close that they are one.
    """
    from scipy.optimize import least_squares

    groups, bases = int(exposure_of.max()) + 1, data.free_bases
    charges = [np.where(curve.exposed, curve.signal_dn, 0.0) for curve in data.curves]
    low, high = np.log(data.search_from_s), np.log(data.longest_s)
    seen = np.linspace(np.log(data.shortest_s), high, GRID - 1)
    log_time = _start(data, terms, exposure_of, charges, np.concatenate([[0.5 * (low + seen[0])], seen]))
    for _ in range(3):  # the charge of the exposed frames depends a little on the lag in them

        def solved(log_time: FloatArray) -> FloatArray:
            return _solve(data, np.exp(log_time), exposure_of, charges)[2]  # noqa: B023 - used within the loop

        log_time = np.clip(log_time, low + 1e-6, high - 1e-6)
        log_time = least_squares(solved, log_time, bounds=(low, high), diff_step=1e-5, max_nfev=60).x
        fraction, base_dn, _ = _solve(data, np.exp(log_time), exposure_of, charges)
        fraction = fraction * min(1.0, 0.9 / max(fraction.sum(axis=1).max(), 1e-30))
        charges = frame_charges(data, np.exp(log_time), fraction, base_dn, exposure_of)

    def unpacked(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        base_dn = np.zeros(len(data.curves))
        base_dn[bases] = values[terms + groups * terms :]
        return np.exp(values[:terms]), values[terms : terms + groups * terms].reshape(groups, terms), base_dn

    start = np.concatenate([np.clip(log_time, low + 1e-6, high - 1e-6), fraction.ravel() + 1e-9, base_dn[bases]])
    least = np.concatenate([np.full(terms, low), np.zeros(groups * terms), np.full(len(bases), -np.inf)])
    most = np.concatenate([np.full(terms, high), np.full(groups * terms, 0.99 / terms), np.full(len(bases), np.inf)])
    result = least_squares(
        lambda values: data.residuals(*unpacked(values), exposure_of),
        np.clip(start, least, np.nextafter(most, least)),
        bounds=(least, most), jac="3-point", x_scale="jac", xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=200,
    )  # fmt: skip
    time_s, fraction, base_dn = unpacked(result.x)
    order = np.argsort(time_s)
    near = np.diff(np.log(time_s[order])) < np.log(NEAREST_RATIO)
    if near.any() or np.count_nonzero(time_s < data.shortest_s) > 1:
        return None
    fraction = np.where(fraction < 1e-12, 0.0, fraction)
    place = np.concatenate([order, *(terms + g * terms + order for g in range(groups))]).astype(np.intp)
    place = np.concatenate([place, np.arange(place.size, result.x.size)])
    jacobian = result.jac[:, place]
    held = np.zeros(result.x.size, np.bool_)
    held[:terms] = (result.x[order] < low + 0.02) | (result.x[order] > high - 0.02)
    errors = np.sqrt(np.diag(_covariance(jacobian, ~held)))[:terms]
    held[:terms] |= (time_s[order] < data.shortest_s) & (errors > LARGEST_LOG_ERROR)
    return LagFit(
        time_s=time_s[order],
        fraction=fraction[:, order],
        base_dn=base_dn,
        pinned=held[:terms],
        covariance=_covariance(jacobian, ~held),
        jacobian=jacobian,
        chi_square=float(2.0 * result.cost),
        rows=jacobian.shape[0],
        free=int((~held).sum()),
    )


def _start(
    data: LagData, terms: int, exposure_of: NDArray[Any], charges: list[FloatArray], log_times: FloatArray
) -> FloatArray:
    """Logarithms of the best time constants among all choices from a grid."""
    from scipy.optimize import nnls

    factors: list[FloatArray] = []
    for group in range(int(exposure_of.max()) + 1):
        members = [s for s in range(len(data.curves)) if exposure_of[s] == group]
        matrix, target = _matrix(data, np.exp(log_times), members, charges)
        factors.append(np.asarray(np.linalg.qr(np.column_stack([matrix, target]), mode="r")))
    best: tuple[int, ...] = ()
    least = np.inf
    for choice in combinations(range(log_times.size), terms):
        left = 0.0
        for factor in factors:
            columns = factor[:, [*choice, *range(log_times.size, factor.shape[1] - 1)]]
            left += nnls(columns, factor[:, -1])[1] ** 2
        if left < least:
            best, least = choice, left
    return log_times[list(best)]


def _matrix(
    data: LagData, time_s: FloatArray, members: list[int], charges: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Columns and target of one exposure's linear problem.

    The columns are the released charge per unit fraction, and the zero of each sequence with either sign, for the
    solver finds no negative values.
    """
    blocks, targets = [], []
    bases = [s for s in members if data.base_error_dn[s] > 0]
    for s in members:
        curve = data.curves[s]
        retained = np.exp(-curve.elapsed_s[:, None] / time_s)
        columns = _released(charges[s], retained)[data.fitted[s]] / curve.noise_dn
        zero = np.zeros((len(columns), 2 * len(bases)))
        if s in bases:
            zero[:, 2 * bases.index(s)], zero[:, 2 * bases.index(s) + 1] = 1 / curve.noise_dn, -1 / curve.noise_dn
        blocks.append(np.hstack([columns, zero]))
        targets.append(curve.signal_dn[data.fitted[s]] / curve.noise_dn)
    for k, s in enumerate(bases):
        if np.isfinite(data.base_error_dn[s]):
            row = np.zeros((1, time_s.size + 2 * len(bases)))
            row[0, time_s.size + 2 * k], row[0, time_s.size + 2 * k + 1] = np.array([1, -1]) / data.base_error_dn[s]
            blocks.append(row)
            targets.append(np.zeros(1))
    return np.vstack(blocks), np.concatenate(targets)


def _solve(
    data: LagData, time_s: FloatArray, exposure_of: NDArray[Any], charges: list[FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fractions (G, N), zeros (S,) and residuals for given time constants and charges."""
    from scipy.optimize import nnls

    groups, terms = int(exposure_of.max()) + 1, time_s.size
    fraction, base_dn, left = np.zeros((groups, terms)), np.zeros(len(data.curves)), []
    for group in range(groups):
        members = [s for s in range(len(data.curves)) if exposure_of[s] == group]
        matrix, target = _matrix(data, time_s, members, charges)
        scale = np.linalg.norm(matrix, axis=0)
        scale[scale == 0] = 1.0
        values = nnls(matrix / scale, target)[0] / scale
        fraction[group] = values[:terms]
        bases = [s for s in members if data.base_error_dn[s] > 0]
        base_dn[bases] = values[terms::2] - values[terms + 1 :: 2]
        left.append(matrix @ values - target)
    return fraction, base_dn, np.concatenate(left)


def frame_charges(
    data: LagData, time_s: FloatArray, fraction: FloatArray, base_dn: FloatArray, exposure_of: NDArray[Any]
) -> list[FloatArray]:
    """Charge of every frame of every sequence.

    Parameters
    ----------
    data : LagData
        S sequences.
    time_s : (N,) float64
        Time constants. [s]
    fraction : (G, N) float64
        Trapped fractions at each exposure. [1]
    base_dn : (S,) float64
        Zero of each sequence above its offset map. [DN]
    exposure_of : (S,) int
        Number of the exposure of each sequence. [1]

    Returns
    -------
    charges : list of S (K,) float64
        Zero in the dark. [DN]
    """
    return [
        lag_of_frames(
            curve.signal_dn - base_dn[s],
            curve.exposed,
            np.exp(-curve.elapsed_s[:, None] / time_s),
            fraction[exposure_of[s]],
        )[1]
        for s, curve in enumerate(data.curves)
    ]


def _covariance(jacobian: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    """Inverse of the curvature for the free parameters, zero elsewhere; a direction without data gets no error."""
    covariance = np.zeros((free.size, free.size))
    scale = np.linalg.norm(jacobian[:, free], axis=0)
    scale[scale == 0] = 1.0
    scaled = jacobian[:, free] / scale
    covariance[np.ix_(free, free)] = np.linalg.pinv(scaled.T @ scaled, rcond=1e-14) / np.outer(scale, scale)
    return covariance


def exposure_numbers(curves: Sequence[StepCurve]) -> NDArray[np.intp]:
    """Number of the exposure of each curve, rising with its level; within 10 % they are one."""
    levels = np.array([curve.level_dn for curve in curves])
    order = np.argsort(levels, kind="stable")
    number, groups, first = np.zeros(levels.size, np.intp), 0, levels[order[0]]
    for place in order:
        if levels[place] > (1.0 + SAME_EXPOSURE) * first:
            groups, first = groups + 1, levels[place]
        number[place] = groups
    return number


def after_beam(curve: StepCurve) -> NDArray[np.bool_]:
    """Frames without beam after the first with it."""
    return np.asarray(~curve.exposed & (np.cumsum(curve.exposed) > 0))


def _longest_after(curve: StepCurve) -> float:
    """Longest time without beam after one with it. [s]"""
    longest, since, seen = 0.0, 0.0, False
    for exposed, elapsed in zip(curve.exposed, curve.elapsed_s, strict=True):
        since, seen = (0.0, True) if exposed else (since + float(elapsed), seen)
        longest = max(longest, since if seen else 0.0)
    return longest


@njit(cache=True)
def lag_of_frames(
    signal: FloatArray, exposed: NDArray[np.bool_], retained: FloatArray, fraction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What each frame of a sequence holds of earlier ones, and its own charge.

    Parameters
    ----------
    signal : (K,) float64
        Of the frames, above their zero. [DN]
    exposed : (K,) bool
        Frames with beam; the others have no charge of their own.
    retained : (K, N) float64
        Fraction of each store that is left at the end of the frame. [1]
    fraction : (N,) float64
        Fraction of a frame's charge that each population traps. [1]

    Returns
    -------
    lag, charge : (K,) float64
        [DN]
    """
    frames, terms = retained.shape
    lag, charge = np.empty(frames), np.zeros(frames)
    store = np.zeros(terms)
    prompt = 1.0 - fraction.sum()
    for k in range(frames):
        released = 0.0
        for n in range(terms):
            released += store[n] * (1.0 - retained[k, n])
        if exposed[k]:
            charge[k] = (signal[k] - released) / prompt
        for n in range(terms):
            store[n] = store[n] * retained[k, n] + fraction[n] * charge[k]
        lag[k] = released
    return lag, charge


@njit(cache=True)
def _released(charge: FloatArray, retained: FloatArray) -> FloatArray:
    """(K, N) what each frame holds of earlier ones if each population trapped all of the charge (K,). [DN]"""
    frames, terms = retained.shape
    released = np.empty((frames, terms))
    store = np.zeros(terms)
    for k in range(frames):
        for n in range(terms):
            released[k, n] = store[n] * (1.0 - retained[k, n])
            store[n] = store[n] * retained[k, n] + charge[k]
    return released
