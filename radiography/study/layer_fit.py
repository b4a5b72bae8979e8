"""Parameters of a scintillating layer from what was measured of it, and which of them the measurement determines.

The model is the layer's Monte Carlo (`layer_light`) with fixed seeds, searched as `surface_search` tells: with few
photons over all of the bounds, with more where the data fit. Bounds stand for the unit cube, those of lengths in the
logarithm.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.config import build
from radiography.light.layer_light import HISTORIES, layer_light
from radiography.light.scintillator import Scintillator
from radiography.study.layer_measurement import LayerMeasurement, errors, modelled, residuals, scaled_nps
from radiography.study.surface_search import EVEN, chi_square, interval_ends, normal_matrix, search

MOST_PARAMETERS = 5
SEARCH_PHOTONS, FINAL_PHOTONS = 100_000, 400_000  # of one run of the model
FEW_HISTORIES = 10_000  # X-rays per energy where the absorption itself varies from run to run
INTERVAL = 3.841  # rise of chi-square at the ends of a 95 % interval of one parameter
LARGEST_SHARE = 0.5  # assumed: an interval over more of the bounds than this leaves a parameter undetermined
TIED = 0.95  # assumed: a correlation from which a parameter shares the fate of another
MOVES = 0.05  # of its bounds: a parameter that moves by less along an interval is not worth a word
NOTEWORTHY = 1.5  # chi-square over degrees of freedom
_LOGARITHMIC = ("_um", "_mm", "_nm", "_meV", "_keV", "_ns", "_s")  # endings of lengths, rates and energies

FloatArray = npt.NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Vary:
    """A parameter to find: dotted path into the scintillator's file, and its bounds in the unit of the file."""

    key: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ValueError(f"bounds of {self.key} must be two finite rising numbers, got {self.low:g}:{self.high:g}")

    @property
    def logarithmic(self) -> bool:
        """True for lengths, rates and energies: equal ratios count alike."""
        return self.low > 0 and self.key.endswith(_LOGARITHMIC)


@dataclass(frozen=True)
class FittedParameter:
    """A fitted parameter, in the unit of the file.

    ``interval`` is that of 95 %, with the other parameters fitted anew at its ends, cut off at the bounds.
    ``determined`` is False where it covers more than half of the bounds, of lengths in the logarithm.
    """

    key: str
    value: float
    standard_error: float
    interval: tuple[float, float]
    bounds: tuple[float, float]
    determined: bool


@dataclass(frozen=True, eq=False)
class LayerFit:
    """A fitted layer.

    Attributes
    ----------
    scintillator : Scintillator
        With the fitted values.
    parameters : tuple of FittedParameter
        In the order asked for.
    correlation : (P, P) float64
        Of the parameters, lengths in the logarithm. [1]
    chi_square : float
        Of the data at the fit, model noise included in the errors. [1]
    degrees_of_freedom : int
        Data less parameters, and less two for the scale and floor of an NPS.
    notes : tuple of str
        Sentences: what the data do not determine, and what else to know.
    mtf, nps : (N,), (M,) float64
        As measured, of the fitted layer; the NPS on the scale of the data. [1]
    light : float
        Fraction of the light at the diodes. [1]
    runs : int
        Runs of the model.
    """

    scintillator: Scintillator
    parameters: tuple[FittedParameter, ...]
    correlation: FloatArray
    chi_square: float
    degrees_of_freedom: int
    notes: tuple[str, ...]
    mtf: FloatArray
    nps: FloatArray
    light: float
    runs: int


@dataclass(frozen=True)
class _Job:
    """What stays the same from run to run."""

    scintillator: Scintillator
    spectrum: Spectrum
    measurement: LayerMeasurement
    vary: tuple[Vary, ...]
    histories: int


def with_values(scintillator: Scintillator, values: Sequence[tuple[str, float]]) -> Scintillator:
    """The scintillator with other numbers at dotted paths; one number replaces pairs with depth or with energy.

    Parameters
    ----------
    scintillator : Scintillator
        Where to start from.
    values : sequence of (str, float)
        Dotted path and number.

    Returns
    -------
    changed : Scintillator

    Raises
    ------
    ValueError
        If a path leads to no number, or the number is not allowed there.
    """
    table: dict[str, Any] = asdict(scintillator)
    for key, value in values:
        *tables, last = key.split(".")
        place = table
        for name in tables:
            if not isinstance(place.get(name), dict):
                raise ValueError(_no_number(scintillator, key, [k for k, v in place.items() if isinstance(v, dict)]))
            place = place[name]
        numbers = [k for k, v in place.items() if type(v) in (int, float) or _is_pairs(v)]
        if last not in numbers:
            raise ValueError(_no_number(scintillator, key, numbers))
        place[last] = [[place[last][0][0], value]] if _is_pairs(place[last]) else value
        if tables == ["spread"]:
            place["origin"] = "fitted"
    return build(Scintillator, table, ", ".join(f"{key} = {value:g}" for key, value in values))


def whole_key(scintillator: Scintillator, name: str) -> str:
    """Dotted path of a number of a scintillator, from the path itself or from the end of it, without its unit too.

    Parameters
    ----------
    scintillator : Scintillator
        Whose numbers there are.
    name : str
        Such as transport_length for transport.transport_length_um.

    Returns
    -------
    key : str

    Raises
    ------
    ValueError
        If no number has that name, or several have.
    """
    keys = _number_keys(asdict(scintillator), "")
    if name in keys:
        return name
    found = [key for key in keys if f".{key}".endswith(f".{name}")]
    found = found or [key for key in keys if re.search(rf"\.{re.escape(name)}_[^.]*$", f".{key}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"'{name}' may be {' or '.join(found)} of scintillator '{scintillator.name}'; give one of them"
        )
    raise ValueError(_no_number(scintillator, name, keys))


def _number_keys(table: dict[str, Any], path: str) -> list[str]:
    """Dotted paths of all numbers of a table, and of its pairs of numbers."""
    keys = []
    for name, value in table.items():
        if isinstance(value, dict):
            keys += _number_keys(value, f"{path}{name}.")
        elif type(value) in (int, float) or _is_pairs(value):
            keys.append(f"{path}{name}")
    return keys


def _is_pairs(value: object) -> bool:
    """Whether a value of a file is a list of pairs of numbers."""
    return (
        isinstance(value, tuple) and value != () and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    )


def _no_number(scintillator: Scintillator, key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key, [*known, *(one.rpartition(".")[2] for one in known)], n=1, cutoff=0.5)
    meant = next((one for one in known if close and one.endswith(close[0])), None)
    guess = f" (did you mean '{meant}'?)" if meant else ""
    names = ", ".join(known) or "none"
    return f"'{key}' leads to no number of scintillator '{scintillator.name}'{guess}; known there: {names}"


def fit_layer(
    scintillator: Scintillator,
    spectrum: Spectrum,
    measurement: LayerMeasurement,
    vary: Sequence[Vary],
    *,
    search_photons: int = SEARCH_PHOTONS,
    final_photons: int = FINAL_PHOTONS,
    progress: Progress | None = None,
) -> LayerFit:
    """Layer parameters that fit a measurement, with errors and 95 % intervals, and what the data do not determine.

    Parameters
    ----------
    scintillator : Scintillator
        What is known of the layer; where the varied parameters start does not matter.
    spectrum : Spectrum
        Beam of the measurement.
    measurement : LayerMeasurement
        MTF, and NPS and fraction of the light if known.
    vary : sequence of Vary
        1 to 5 parameters.
    search_photons, final_photons : int
        Light photons of a run of the model, in scan and zooms and in the last zoom. [1]
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    fit : LayerFit

    Raises
    ------
    ValueError
        If there are fewer data than parameters, a key leads to no number, or bounds go beyond what is allowed.

    Notes
    -----
    Data count as independent of each other. Where chi-square exceeds its degrees of freedom, errors and intervals are
    widened by the root of the ratio [1]_. Standard errors come from the slopes at the fit, with an even spread over the
    bounds as what was known before; intervals from the rise of chi-square by 3.84.

    References
    ----------
    .. [1] Particle Data Group, "Review of Particle Physics", section 5.2.2 (2022).
    """
    freedom = _check(scintillator, measurement, vary)
    absorption_varies = any(v.key.startswith("thickness") for v in vary)
    histories = FEW_HISTORIES if absorption_varies or scintillator.spread is not None else HISTORIES
    job = _Job(scintillator, spectrum, measurement, tuple(vary), histories)
    found = search(
        lambda point, photons: _run(job, point, photons),
        lambda outputs: residuals(outputs, measurement),
        errors(measurement),
        len(vary),
        (search_photons, final_photons),
        progress or (lambda fraction: None),
    )
    box, best = found.box, found.best
    widened = max(1.0, chi_square(box, best) / freedom) if freedom else 1.0
    normal = normal_matrix(box, best) / widened
    covariance = np.linalg.inv(normal + EVEN * np.eye(best.size))
    error = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(error, error)
    ends = [interval_ends(box, best, index, INTERVAL * widened) for index in range(best.size)]
    determined = _determined(ends, correlation)
    parameters = tuple(
        _parameter(v, float(best[index]), float(error[index]), ends[index], index, bool(determined[index]))
        for index, v in enumerate(vary)
    )
    notes = _undetermined(vary, parameters, ends, normal)
    if widened > NOTEWORTHY:
        notes.append(
            f"chi-square exceeds its degrees of freedom {widened:.2g}-fold; errors are widened by the root of it"
        )
    if not found.settled:
        notes.append("the search did not settle: the fit differs from the surface that it was found on")
    notes += [f"{p.key} lies at its bound {p.value:g}" for p in parameters if p.value in p.bounds]
    return LayerFit(
        scintillator=with_values(scintillator, [(p.key, p.value) for p in parameters]),
        parameters=parameters,
        correlation=correlation,
        chi_square=found.chi_square,
        degrees_of_freedom=freedom,
        notes=tuple(notes),
        mtf=found.outputs[: measurement.mtf.size],
        nps=scaled_nps(found.outputs[None], measurement)[0] if measurement.nps.size else np.empty(0),
        light=float(found.outputs[-1]),
        runs=found.runs,
    )


def _check(scintillator: Scintillator, measurement: LayerMeasurement, vary: Sequence[Vary]) -> int:
    """Degrees of freedom, after refusing what cannot be fitted."""
    keys = [v.key for v in vary]
    if not 1 <= len(keys) <= MOST_PARAMETERS or len(set(keys)) < len(keys):
        raise ValueError(f"a fit varies 1 to {MOST_PARAMETERS} different parameters, got {', '.join(keys) or 'none'}")
    for v in vary:
        if v.key.startswith("transport.") and scintillator.spread is not None:
            raise ValueError(
                f"'{v.key}' has no effect: scintillator '{scintillator.name}' has a [spread], which is used"
            )
        for bound in (v.low, v.high):
            with_values(scintillator, [(v.key, bound)])
    free = len(keys) + (2 if measurement.nps.size else 0)
    count = errors(measurement).size
    if count < free:
        more = " and the scale and floor of the NPS" if measurement.nps.size else ""
        raise ValueError(f"a fit of {len(keys)} parameters{more} needs {free} data or more, got {count}")
    return count - free


def _run(job: _Job, point: FloatArray, photons: int) -> FloatArray:
    """One run of the model at a point of the unit cube."""
    values = [(v.key, _rounded(v, float(u))) for v, u in zip(job.vary, point, strict=True)]
    scintillator = with_values(job.scintillator, values)
    with tempfile.TemporaryDirectory() as folder:  # the runs of a search are of no use to anybody else
        light = layer_light(
            scintillator,
            job.spectrum.energy_keV,
            histories=job.histories,
            photons=photons,
            light_cache=Path(folder),
        )
    return modelled(light, job.spectrum.fluence_per_mm2, scintillator, job.measurement)


def _value(vary: Vary, unit: float) -> float:
    """From 0 ... 1 to between the bounds."""
    if vary.logarithmic:
        return float(vary.low * (vary.high / vary.low) ** unit)
    return float(vary.low + (vary.high - vary.low) * unit)


def _rounded(vary: Vary, unit: float) -> float:
    return min(max(float(f"{_value(vary, unit):.5g}"), vary.low), vary.high)


def _parameter(
    vary: Vary, unit: float, error: float, ends: tuple[FloatArray, FloatArray], index: int, determined: bool
) -> FittedParameter:
    """A parameter from its place between the bounds, the error of that, and the ends of its interval."""
    value = _rounded(vary, unit)
    slope = value * np.log(vary.high / vary.low) if vary.logarithmic else vary.high - vary.low
    low, high = (_rounded(vary, float(end[index])) for end in ends)
    return FittedParameter(vary.key, value, float(error * slope), (low, high), (vary.low, vary.high), determined)


def _determined(ends: Sequence[tuple[FloatArray, FloatArray]], correlation: FloatArray) -> npt.NDArray[np.bool_]:
    """Which parameters the data determine: short intervals, and not tied to one with a long interval."""
    long = np.array([above[index] - below[index] > LARGEST_SHARE for index, (below, above) in enumerate(ends)])
    tied = (np.abs(correlation) > TIED) & long
    return np.asarray(~tied.any(axis=1))


def _undetermined(
    vary: Sequence[Vary],
    parameters: Sequence[FittedParameter],
    ends: Sequence[tuple[FloatArray, FloatArray]],
    normal: FloatArray,
) -> list[str]:
    """A sentence for each group of parameters that the data leave open, and for what they fix instead."""
    notes = []
    told: set[str] = set()
    longest = sorted(range(len(vary)), key=lambda index: float(ends[index][0][index] - ends[index][1][index]))
    for index in longest:
        parameter, (below, above) = parameters[index], ends[index]
        if parameter.determined or parameter.key in told:
            continue
        moved = [i for i in range(len(vary)) if i != index and abs(above[i] - below[i]) > MOVES]
        told |= {vary[i].key for i in moved}
        low, high = parameter.interval
        along = " and ".join(
            f"{vary[i].key} goes from {_rounded(vary[i], float(below[i])):.3g} to "
            f"{_rounded(vary[i], float(above[i])):.3g} with it"
            for i in moved
        )
        if moved:
            notes.append(f"{parameter.key} is not determined: any value from {low:.3g} to {high:.3g} fits, if {along}")
        elif (low, high) == parameter.bounds:
            notes.append(f"the data do not depend on {parameter.key} between {low:g} and {high:g}")
        else:
            notes.append(f"{parameter.key} is not determined: any value from {low:.3g} to {high:.3g} fits")
    size, direction = np.linalg.eigh(normal)
    firm = size >= (2 * 1.96 / LARGEST_SHARE) ** 2
    if told and firm.sum() == 1:
        notes.append(f"the data fix only the combination {_combination(vary, direction[:, -1])}")
    return notes


def _combination(vary: Sequence[Vary], direction: FloatArray) -> str:
    """The direction that the data fix, in the parameters' own units: a sum of values and logarithms."""
    width = [np.log(v.high / v.low) if v.logarithmic else v.high - v.low for v in vary]
    factor = direction / np.array(width)
    factor = factor / factor[np.argmax(np.abs(direction))]
    terms = [
        f"{'+' if f > 0 else '-'} {'' if f == 1 else f'{abs(f):.2g} '}{f'log({v.key})' if v.logarithmic else v.key}"
        for f, v, fraction in zip(factor, vary, direction, strict=True)
        if abs(fraction) > 0.05
    ]
    return " ".join(terms).removeprefix("+ ")
