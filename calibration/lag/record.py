"""The falling step a lag model was learned from, in few enough numbers to be saved with it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SERIES = ("time_s", "relative", "error", "fit", "left")


@dataclass(frozen=True)
class LagValue:
    """A fraction of the exposed signal [1] and its standard error [1]."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class LagCurve:
    """One beam-on/beam-off sequence: mean of the panel relative to the exposed frames before, and what was left.

    Attributes
    ----------
    name : str
        Where the frames came from.
    signal_dn : float
        Mean of the last exposed frames, offset-subtracted. [DN]
    frames_on, frames_off : int
        Frames with and without beam. [1]
    time_s : (K,) float64
        Since the last exposed frame, of the longest stretch without beam; later frames are averaged in logarithmic
        steps. [s]
    relative, error : (K,) float64
        Measured, and its standard error. [1]
    fit, left : (K,) float64
        Of the model, and what its correction leaves of the measured. [1]
    lag : dict of str to LagValue
        As data sheets quote it, from the fit: "first frame", and "1 s" and "60 s" where the frames cover them.
    residual : dict of str to LagValue
        Mean of the panel after correction in "frame 1" and "frame 50" after the beam.
    rise : dict of str to LagValue
        What the first fully exposed frame lacks of the last ones, "raw" and "corrected": an independent check, as far
        as the tube was steady. Empty where there are too few exposed frames.
    """

    name: str
    signal_dn: float
    frames_on: int
    frames_off: int
    time_s: NDArray[np.float64]
    relative: NDArray[np.float64]
    error: NDArray[np.float64]
    fit: NDArray[np.float64]
    left: NDArray[np.float64]
    lag: dict[str, LagValue]
    residual: dict[str, LagValue]
    rise: dict[str, LagValue]

    def __post_init__(self) -> None:
        for name in _SERIES:
            series = getattr(self, name)
            if series.shape != self.time_s.shape or series.ndim != 1:
                raise ValueError(f"{name} of a lag curve is {series.shape} but time_s is {self.time_s.shape}")
            if not np.isfinite(series).all():
                raise ValueError(f"{name} of a lag curve holds values that are NaN or infinite")


def curve_to_json(curve: LagCurve) -> dict[str, Any]:
    """A curve as plain JSON values; series with six digits, a tenth of what noise leaves."""
    values: dict[str, Any] = {}
    for field in fields(curve):
        value = getattr(curve, field.name)
        if field.name in _SERIES:
            value = [float(f"{number:.6g}") for number in value]
        elif isinstance(value, dict):
            value = {name: [quoted.value, quoted.error] for name, quoted in value.items()}
        values[field.name] = value
    return values


def curve_from_json(values: dict[str, Any]) -> LagCurve:
    """The curve of `curve_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a value is missing or of another kind.
    """
    time_s, relative, error, fit, left = (np.array(values[name], np.float64) for name in _SERIES)
    lag, residual, rise = (
        {str(key): LagValue(float(value), float(error)) for key, (value, error) in values[name].items()}
        for name in ("lag", "residual", "rise")
    )
    return LagCurve(
        name=str(values["name"]),
        signal_dn=float(values["signal_dn"]),
        frames_on=int(values["frames_on"]),
        frames_off=int(values["frames_off"]),
        time_s=time_s,
        relative=relative,
        error=error,
        fit=fit,
        left=left,
        lag=lag,
        residual=residual,
        rise=rise,
    )
