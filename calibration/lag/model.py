"""The lag that earlier frames leave in later ones, and its removal.

Each population n of traps takes a fraction f_n of a frame's charge x and releases its store S_n exponentially in
real time; dt is the time since the previous frame, kappa_n = exp(-dt / tau_n):

    y = x (1 - sum f_n) + sum S_n (1 - kappa_n)           what the frame delivers
    S_n <- S_n kappa_n + f_n x                            what is held afterwards

The correction solves the first line for x and does the same second line. This is the recursion of [1]_ written in
charge, so that nothing has to be rescaled when the frame interval changes. The fractions f_n are what is still trapped
when a frame is read: they hold for the time from exposure to readout at which they were learned, since traps already
release within a frame, and so for one mode of the panel. Nothing is clamped: after the beam is off
noise makes half of the values negative, and cutting there leaves a mean of +0.4 sigma.

References
----------
.. [1] Hsieh, Gurmen & King, "Recursive correction algorithm for detector decay characteristics in CT",
       Proc. SPIE 3977, 298 (2000).
.. [2] Starman, Star-Lack, Virshup, Shapiro & Fahrig, "A nonlinear lag correction algorithm for a-Si flat-panel x-ray
       detectors", Med. Phys. 39, 6035 (2012): fractions that depend on exposure, with the charge conserved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.frame_sums import check_frame, still_saturated
from calibration.lag.record import LagCurve, curve_from_json, curve_to_json

LARGEST_DN = 1e30  # a value beyond is no signal and is not trapped; float32 ends at 3.4e38   # chosen

_LITTLE = 0.25  # of a store in a frame: where either way of rounding is as good   # chosen
ROOT_TWO, LOG_TWO = 1.4142135623730951, 0.6931471805599453

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LagModel:
    """Lag of a panel: N populations of traps, learned at M exposures.

    Attributes
    ----------
    time_s : (N,) float64
        Time constants, rising. [s]
    signal_dn : (M,) float64
        Charge of a frame at which each row of `fraction` was learned, rising. With M = 1 the row holds for any
        exposure; else fractions are linear in the logarithm of the signal between the M and constant outside. [DN]
    fraction : (M, N) float64
        Fraction of a frame's charge that each population traps. [1]
    fraction_error : (M, N) float64
        Standard errors. [1]
    time_error_s : (N,) float64
        Standard errors; NaN for a time constant that was held at the end of what the frames can tell. [s]
    frame_interval_s : float
        Median time from frame to frame in the sequences it was learned from. [s]
    covered_s : float
        Longest time after the beam in those sequences: lag that comes later is not in the model. [s]
    chi_square : float
        Reduced, of the fit; errors are already scaled by its root where it is above 1. [1]
    curves : tuple of LagCurve
        What was measured and what was left after correction, one for each sequence.
    notes : tuple of str
        What the frames could not decide, in words.
    """

    time_s: FloatArray
    signal_dn: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    time_error_s: FloatArray
    frame_interval_s: float
    covered_s: float
    chi_square: float = 1.0
    curves: tuple[LagCurve, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("time_s", "signal_dn", "fraction", "fraction_error", "time_error_s"):
            array = np.array(getattr(self, name), np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        terms, exposures = self.time_s.size, self.signal_dn.size
        if self.time_s.shape != (terms,) or self.signal_dn.shape != (exposures,) or not terms or not exposures:
            raise ValueError(
                f"a lag model needs 1 or more time constants and signals, got {self.time_s.shape} and "
                f"{self.signal_dn.shape}"
            )
        if self.fraction.shape != (exposures, terms):
            raise ValueError(
                f"lag fractions are {self.fraction.shape}, but {exposures} exposures and {terms} time constants need "
                f"{(exposures, terms)}"
            )
        for name, like in (("fraction_error", self.fraction), ("time_error_s", self.time_s)):
            if getattr(self, name).shape != like.shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, but {like.shape} is needed")
        for name in ("time_s", "signal_dn"):
            values = getattr(self, name)
            if not (np.isfinite(values).all() and (values > 0).all() and (np.diff(values) > 0).all()):
                raise ValueError(f"{name} of a lag model must be positive and rising, got {values.tolist()}")
        total = self.fraction.sum(axis=1)
        if not ((self.fraction >= 0).all() and (total < 1).all()):
            raise ValueError(
                f"lag fractions must be 0 or more and sum to less than 1, got {self.fraction.min():g} or more with a "
                f"sum of {total.max():g}"
            )
        if not (np.diff(self.signal_dn * (1.0 - total)) > 0).all():
            raise ValueError("lag fractions rise so fast with the signal that more charge would deliver less")
        for name in ("frame_interval_s", "covered_s"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} of a lag model must be positive, got {getattr(self, name)}")
        if not (np.isfinite(self.chi_square) and self.chi_square >= 0):
            raise ValueError(f"chi_square of a lag model must be 0 or more, got {self.chi_square}")

    @property
    def noise_gain(self) -> FloatArray:
        """Factor on the noise of a frame at each of the M exposures, 1 / (1 - sum of fractions). [1]"""
        return np.asarray(1.0 / (1.0 - self.fraction.sum(axis=1)))


@dataclass(frozen=True, eq=False)
class LagState:
    """What a frame leaves behind: `trapped_dn` (N, H, W) float32, the store of each population after it. [DN]"""

    trapped_dn: NDArray[np.float32]


class LagStep(NamedTuple):
    """The numbers of one frame's step, for kernels, all float32.

    ``released`` (N,) = 1 - kappa of the stores [1]. ``retained`` (2, N): two numbers whose sum is kappa, kappa and 0
    or 1 and kappa - 1 where a store releases little, which then decays at its own rate: next to 1 float32 has steps of
    6e-8. ``fraction`` (M, N + 1): what populations trap at the lowest exposure, then what each next exposure adds;
    their sum stands in the last column [1]. ``noise_gain`` is 1 / (1 - F) of the lowest. ``prompt_dn`` (M,) is what
    frames of the M signals deliver at once [DN], ``log_prompt`` (M,) its logarithm.
    """

    released: NDArray[np.float32]
    retained: NDArray[np.float32]
    fraction: NDArray[np.float32]
    noise_gain: np.float32
    prompt_dn: NDArray[np.float32]
    log_prompt: NDArray[np.float32]


def lag_step(model: LagModel, elapsed_s: float | None) -> LagStep:
    """What a kernel needs of the model for one frame.

    Parameters
    ----------
    model : LagModel
        Of the panel and mode.
    elapsed_s : float or None
        Time since the previous frame; None for the first frame, which has none. [s]

    Returns
    -------
    step : LagStep

    Raises
    ------
    ValueError
        If the time is not positive.
    """
    if elapsed_s is not None and not (math.isfinite(elapsed_s) and elapsed_s > 0):
        raise ValueError(f"the time since the previous frame must be positive, got {elapsed_s} s")
    decay = -(model.frame_interval_s if elapsed_s is None else elapsed_s) / model.time_s
    released = -np.expm1(decay)
    retained = np.where(released < _LITTLE, [np.ones_like(decay), -released], [np.exp(decay), np.zeros_like(decay)])
    total = model.fraction.sum(axis=1)
    fraction = np.column_stack([model.fraction, total])
    prompt_dn = model.signal_dn * (1.0 - total)
    return LagStep(
        released=released.astype(np.float32),
        retained=retained.astype(np.float32),
        fraction=np.diff(fraction, axis=0, prepend=0.0).astype(np.float32),
        noise_gain=np.float32(1.0 / (1.0 - total[0])),
        prompt_dn=prompt_dn.astype(np.float32),
        log_prompt=np.log(prompt_dn).astype(np.float32),
    )


def subtract_lag(
    signal_dn: NDArray[Any], model: LagModel, state: LagState | None, elapsed_s: float | None
) -> tuple[NDArray[np.float32], LagState]:
    """A frame without what earlier frames left in it, and what it leaves itself.

    Goes after the offset and before the gain: traps hold charge, and each pixel its own.

    Parameters
    ----------
    signal_dn : (H, W)
        Offset-subtracted frame, signed. Not written to. [DN]
    model : LagModel
        Of this panel and mode.
    state : LagState or None
        What the previous frame left; None for a panel that has long been read in the dark. Not written to.
    elapsed_s : float or None
        Real time since the previous frame, whatever the interval was when the model was learned; None only without a
        state. [s]

    Returns
    -------
    signal_dn : (H, W) float32
        Charge of this frame alone, signed. [DN]
    state : LagState
        For the next frame.

    Raises
    ------
    ValueError
        If the state is not of this model and frame, or the time is missing or not positive.
    TypeError
        If the frame holds no real numbers.

    Notes
    -----
    For each pixel, every operation rounded to float32, n rising:
    R = sum of S_n released_n;  g = y - R;  f_n = the row of `fraction` (M = 1), or looked up at log(g) between the
    logarithms of `prompt_dn`;  F = sum of f_n;  x = g / (1 - F), for M = 1 g times 1 / (1 - F);
    S_n <- S_n a_n + (S_n b_n + f_n x), a_n + b_n = retained_n.
    Looking up at g = x (1 - F) instead of x needs no iteration; fractions then differ from linear in log(x) by less
    than (change of F)^3 / (8 log(x2 / x1)) between two exposures, 5e-7 for 3 % and 1 % a decade apart. The charge
    y - R + F x is divided between frame and stores, so none is made or lost whatever f is.
    A value that is not finite, or beyond 1e30, stays as it is, and nothing of it is trapped.
    A saturated pixel delivered less than it held: its lag is underestimated, here as everywhere.
    """
    signal_dn = np.asarray(signal_dn)
    if signal_dn.ndim != 2:
        raise ValueError(f"a frame is (rows, columns), got {signal_dn.shape}")
    if signal_dn.dtype.kind not in "uif":
        raise TypeError(f"a frame holds integers or floats, got {signal_dn.dtype}")
    if state is not None and elapsed_s is None:
        raise ValueError("the time since the previous frame is needed to know what its lag has become")
    shape = (model.time_s.size, *signal_dn.shape)
    if state is not None and state.trapped_dn.shape != shape:
        raise ValueError(f"the lag state is {state.trapped_dn.shape}, but this model and frame need {shape}")
    step = lag_step(model, elapsed_s)
    before = np.zeros((shape[0], 1, 1), np.float32) if state is None else state.trapped_dn
    signal_dn = np.ascontiguousarray(signal_dn, dtype=np.float32)
    corrected, after = np.empty(signal_dn.shape, np.float32), np.empty(shape, np.float32)
    _subtract_lag(signal_dn, before, step, np.float32(LARGEST_DN), state is None, corrected, after)
    return corrected, LagState(after)


def without_lag(
    frames: Iterable[NDArray[Any]],
    offset_dn: NDArray[np.float32],
    model: LagModel | None,
    frame_interval_s: float | None,
    saturation_dn: float,
    name: str,
) -> Iterator[NDArray[Any]]:
    """Calibration frames less what the earlier ones of their series left in them; as they are without a model.

    The series starts on a panel that has long been read in the dark. Lag would make its first flats darker than the
    rest. Frames stay raw values, on their offset.

    Parameters
    ----------
    frames : iterable of (H, W)
        Raw frames in reading order; not written to. [DN]
    offset_dn : (H, W) float32
        Dark signal at their integration time. [DN]
    model : LagModel or None
        Of this panel and mode, where there is one.
    frame_interval_s : float or None
        Time from frame to frame; None where it is not known, which serves a single frame only. [s]
    saturation_dn : float
        Raw value from which a pixel no longer responds; a value there stays there. [DN]
    name : str
        What errors call the frames.

    Yields
    ------
    frame : (H, W)
        float32 where something was subtracted. [DN]

    Raises
    ------
    ValueError, TypeError
        If a frame has another shape or holds no finite numbers, or there are several and the time between them is not
        known.
    """
    state: LagState | None = None
    for k, frame in enumerate(frames):
        if model is None:
            yield frame
            continue
        if state is not None and frame_interval_s is None:
            raise ValueError(
                f"{name} does not say frame_interval_s, the time from frame to frame, which its lag depends on"
            )
        frame = check_frame(frame, k, offset_dn.shape, name)
        signal_dn = np.subtract(frame, offset_dn, dtype=np.float32)
        signal_dn, state = subtract_lag(signal_dn, model, state, None if state is None else frame_interval_s)
        yield still_saturated(signal_dn + offset_dn, frame, saturation_dn)


def lag_to_json(model: LagModel) -> dict[str, Any]:
    """A lag model as plain JSON values."""
    times = [None if math.isnan(error) else error for error in model.time_error_s.tolist()]
    return {
        "time_s": model.time_s.tolist(),
        "signal_dn": model.signal_dn.tolist(),
        "fraction": model.fraction.tolist(),
        "fraction_error": model.fraction_error.tolist(),
        "time_error_s": times,
        "frame_interval_s": float(model.frame_interval_s),
        "covered_s": float(model.covered_s),
        "chi_square": float(model.chi_square),
        "curves": [curve_to_json(curve) for curve in model.curves],
        "notes": list(model.notes),
    }


def lag_from_json(values: dict[str, Any]) -> LagModel:
    """The lag model of `lag_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a value is missing or makes no lag model.
    """
    return LagModel(
        time_s=np.array(values["time_s"], np.float64),
        signal_dn=np.array(values["signal_dn"], np.float64),
        fraction=np.array(values["fraction"], np.float64),
        fraction_error=np.array(values["fraction_error"], np.float64),
        time_error_s=np.array([math.nan if error is None else error for error in values["time_error_s"]], np.float64),
        frame_interval_s=float(values["frame_interval_s"]),
        covered_s=float(values["covered_s"]),
        chi_square=float(values["chi_square"]),
        curves=tuple(curve_from_json(curve) for curve in values["curves"]),
        notes=tuple(str(note) for note in values["notes"]),
    )


@njit(parallel=True, cache=True, error_model="numpy")
def _subtract_lag(
    signal: NDArray[np.float32],
    before: NDArray[np.float32],
    step: LagStep,
    largest: float,
    rested: bool,
    corrected: NDArray[np.float32],
    after: NDArray[np.float32],
) -> None:
    """Writes every element of `corrected` (H, W) and `after` (N, H, W); `before` is (N, 1, 1) zeros where `rested`."""
    released, retained, fraction, noise_gain, prompt_dn, log_prompt = step
    rows, cols = signal.shape
    exposures, terms, one = fraction.shape[0], released.size, np.float32(1.0)
    for row in prange(rows):
        weight = np.ones((exposures, cols), np.float32)
        for col in range(cols):
            lag_dn = np.float32(0.0)
            if not rested:
                for n in range(terms):
                    lag_dn += before[n, row, col] * released[n]
            prompt = signal[row, col] - lag_dn
            if exposures == 1:
                charge_dn = prompt * noise_gain
            else:
                _look_up(prompt, prompt_dn, log_prompt, weight[:, col])
                charge_dn = prompt / (one - _share(fraction[:, terms], weight[:, col]))
            corrected[row, col] = charge_dn
        for n in range(terms):
            for col in range(cols):
                charge_dn = corrected[row, col]
                trapped = charge_dn if abs(charge_dn) < largest else np.float32(0.0)  # never NaN
                held = np.float32(0.0) if rested else before[n, row, col]
                taken = _share(fraction[:, n], weight[:, col]) * trapped
                after[n, row, col] = held * retained[0, n] + (held * retained[1, n] + taken)


@njit(cache=True, error_model="numpy")
def _look_up(
    prompt: np.float32, prompt_dn: NDArray[np.float32], log_prompt: NDArray[np.float32], weight: NDArray[np.float32]
) -> None:
    """How far a signal has come from each exposure to the next, 0 to 1, in its logarithm; no number counts as none."""
    zero, one, last = np.float32(0.0), np.float32(1.0), prompt_dn.size - 1
    value = prompt if prompt > prompt_dn[0] else prompt_dn[0]
    logarithm = _logarithm(value if value < prompt_dn[last] else prompt_dn[last])
    for m in range(last):
        per_step = one / (log_prompt[m + 1] - log_prompt[m])
        progress = (logarithm - log_prompt[m]) * per_step
        progress = progress if progress > zero else zero
        weight[m + 1] = progress if progress < one else one


@njit(cache=True)
def _share(fraction: NDArray[np.float32], weight: NDArray[np.float32]) -> np.float32:
    """A fraction at a signal: that of the lowest exposure, and of what each next one adds as much as it weighs."""
    share = fraction[0]
    for m in range(1, fraction.size):
        share += weight[m] * fraction[m]
    return share  # type: ignore[no-any-return]


@njit(cache=True, error_model="numpy")
def _logarithm(value: np.float32) -> np.float32:
    """Natural logarithm in float32, to 1e-6: ln 2 times the exponent, and 2 artanh of the rest.

    In operations that every kernel can round alike, which a library's logarithm is not.
    """
    one, half, root, log_two = np.float32(1.0), np.float32(0.5), np.float32(ROOT_TWO), np.float32(LOG_TWO)
    a, b, c, d = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7), np.float32(1 / 9)
    fraction, exponent = math.frexp(value)  # from 0.5 to 1
    mantissa = np.float32(2.0 * fraction)
    s = (mantissa - root) / (mantissa + root)
    q = s * s
    return (np.float32(exponent - 1) + half) * log_two + (s + s) * (one + q * (a + q * (b + q * (c + q * d))))
