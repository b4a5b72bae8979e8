"""Numbers of a layer's description that a panel's frames leave open, and what each trades against.

Each is moved by a tenth, the layer run again, and the fitted numbers may move along. What then remains in the data,
against their errors, says whether the frames could tell.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.light.layer_light import HISTORIES
from radiography.light.scintillator import Scintillator
from radiography.study.layer_fit import INTERVAL
from radiography.study.twin_curves import layer_point
from radiography.study.twin_fit import FEW_HISTORIES, TwinData, TwinFit, predicted, scaled
from radiography.study.twin_values import TwinValue, not_determined

MOVED = 1.1  # factor that a number is tried at   # chosen
FIRM = 0.01  # a fitted number that moves by less along with it is not worth a word   # chosen
CANDIDATES = (  # numbers that change curves; a layer has some of them
    "thickness_um",
    "transport.column_radius_um",
    "transport.gap_um",
    "transport.absorption_length_um",
    "transport.roughness",
    "transport.top_reflectivity",
    "transport.sensor_reflectivity",
    "transport.anisotropy",
    "transport.self_absorption.quantum_yield",
    "transport.cover.reflectivity",
    "transport.sensor.reflectivity",
    "spread.collection_fraction",
    "spread.swank_optical",
)

FloatArray = npt.NDArray[np.float64]


def open_values(
    scintillator: Scintillator,
    fitted: Sequence[str],
    candidates: Sequence[str],
    data: TwinData,
    fit: TwinFit,
    photons: int,
    progress: Callable[[float], None],
) -> list[TwinValue]:
    """The start's numbers that were not fitted, each with what the frames say of it.

    Parameters
    ----------
    scintillator : Scintillator
        With the fitted numbers.
    fitted : sequence of str
        Optical parameters that were fitted.
    candidates : sequence of str
        Numbers that are moved, where the layer has them.
    data : TwinData
        Measured.
    fit : TwinFit
        At the fit.
    photons : int
        Light photons of a run. [1]
    progress : callable
        Called with the fraction done.

    Returns
    -------
    values : list of TwinValue
        None of them determined.
    """
    tried = [key for key in candidates if key not in fitted and (_number(scintillator, key) or 0.0) > 0.0]
    kinds = {key == "thickness_um" for key in tried}
    base = {few: _modelled(scintillator, data, fit, photons, few) for few in kinds}
    names = [*fitted, "light.yield_per_keV", "light.yield_spread"] if data.doses else fitted
    values = []
    for number, key in enumerate(tried):
        few = key == "thickness_um"
        old = _number(scintillator, key) or 0.0
        factor = MOVED if _allowed(scintillator, key, MOVED) else 1.0 / MOVED
        moved = _modelled(scaled(scintillator, [(key, factor)]), data, fit, photons, few)
        values.append(not_determined(key, old, _unit(key), _told(moved - base[few], fit, names, factor)))
        progress((number + 1) / len(tried))
    values += [
        not_determined(key, value, unit, how)
        for key, value, unit, how in (
            (
                f"parts.{number}.volume_fraction",
                part.volume_fraction,
                "1",
                "acts through the mass per area only, as thickness_um does; weighing the layer tells",
            )
            for number, part in enumerate(scintillator.parts)
        )
    ]
    values += [
        not_determined(
            f"decay.{number}.time_ns", one.time_ns, "ns", "far shorter than a frame; a pulse of X-rays tells"
        )
        for number, one in enumerate(scintillator.decay)
    ]
    values += [
        not_determined(
            f"afterglow.{number}.fraction",
            one.fraction,
            "1",
            "late light looks like charge from traps: dark frames hold the sum of the two, told as the panel's lag",
        )
        for number, one in enumerate(scintillator.afterglow)
    ]
    return values


def _modelled(scintillator: Scintillator, data: TwinData, fit: TwinFit, photons: int, few: bool) -> FloatArray:
    """What the layer gives where there are data, its yield and spread as fitted; (N,)."""
    with tempfile.TemporaryDirectory() as folder:
        histories = FEW_HISTORIES if few else HISTORIES
        point = layer_point(scintillator, data.place, histories, photons, Path(folder))
    return predicted(data, point, 1.0, fit.yield_square)


def _told(change: FloatArray, fit: TwinFit, names: Sequence[str], factor: float) -> str:
    """What a change of the curves leaves in the data when the fitted numbers, the first of all, move along."""
    white = fit.white(change)
    along = np.asarray(-np.linalg.lstsq(fit.jacobian, white, rcond=1e-9)[0], dtype=np.float64)
    rest = white + fit.jacobian @ along
    widened = max(1.0, fit.chi_square / fit.degrees_of_freedom) if fit.degrees_of_freedom > 0 else 1.0
    rise = float(rest @ rest) / widened
    shift = fit.relative(along)
    moved = [f"{name} goes {100 * by:+.0f} %" for name, by in zip(names, shift, strict=False) if abs(by) > FIRM]
    with_it = f"if {' and '.join(moved)} with it" if moved else "whatever the fitted numbers are"
    by = f"{100 * (factor - 1):+.0f} %"
    if rise < INTERVAL:
        return f"{by} fits as well, {with_it}"
    return f"not fitted but taken from the start; {by} raises chi-square by {rise:.2g}, {with_it}"


def _number(scintillator: Scintillator, key: str) -> float | None:
    """A number at a dotted path, of pairs the first; None where the layer has none or it is endless."""
    place: object = asdict(scintillator)
    for name in key.split("."):
        if not isinstance(place, dict) or name not in place:
            return None
        place = place[name]
    if isinstance(place, tuple):
        place = place[0][1]
    return float(place) if isinstance(place, int | float) and np.isfinite(place) else None


def _allowed(scintillator: Scintillator, key: str, factor: float) -> bool:
    try:
        scaled(scintillator, [(key, factor)])
    except ValueError:
        return False
    return True


def _unit(key: str) -> str:
    return "um" if key.endswith("_um") else "1"
