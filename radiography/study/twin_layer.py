"""Layer of a panel from its own frames: what spreads the light, how much of it there is, how evenly quanta give it.

Edge and flat frames give MTF, noise power and signal; a layer of a known kind is fitted to all of them at once. One
number of what the light meets stands for the spread, the light yield for the signal, the spread of the yield for the
noise. What the frames leave open - most of a layer's description - stays as in the start file and is listed as such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import beam_spectrum
from radiography.beam.tube import Beam
from radiography.light.layer_light import layer_light
from radiography.light.optics import ColumnarLayer
from radiography.light.scintillator import Scintillator, yield_variance
from radiography.panel.panel import Panel
from radiography.panel.trapping import FrameTimes, trap_charge
from radiography.scene import Timing
from radiography.study.layer_fit import NOTEWORTHY, with_values
from radiography.study.twin_curves import PanelInBeam, charge_of, model_curves
from radiography.study.twin_fit import MOST_SQUARE, TwinData, TwinFit, fit_twin, scaled
from radiography.study.twin_measured import (
    DoseFrames,
    MeasuredDose,
    MeasuredEdge,
    mean_in_bins,
    measure_dose,
    measure_edge,
    mtf_frequencies_per_mm,
    noise_frequencies_per_mm,
    noise_nodes_per_mm,
)
from radiography.study.twin_open import CANDIDATES, open_values
from radiography.study.twin_values import TwinValue, found, not_determined

BIN_KEV = 1.0  # as in frames
SCAN_PHOTONS, FINAL_PHOTONS = 50_000, 200_000  # light photons of a run
TOO_QUIET = 3.0  # standard errors by which the noise may be below what the start's absorption allows
LARGEST_ERROR = 0.5  # relative: a factor of the spread that is less sure is open   # chosen
THICKNESS_ERROR = 0.15  # relative: two simulated films were 11 and 14 % off, by the Monte Carlo of few X-rays
IMPULSE_FRAMES = 60  # over which released charge is followed
SPREAD_KEYS = {  # what stands for the spread of the light, by the kind of layer
    "spread": "spread.half_frequency_per_mm",
    "columnar": "transport.crosstalk",
    "turbid": "transport.transport_length_um",
}

FloatArray = npt.NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class TwinCurves:
    """What was measured, and the fitted layer's curves at the same places.

    Attributes
    ----------
    edges, doses : tuple of MeasuredEdge, tuple of MeasuredDose
        Measured.
    frequency_per_mm, mtf : (F,) float64
        Of the twin. [1/mm, 1]
    noise_frequency_per_mm : (J,) float64
        [1/mm]
    nnps : (D, J) float64
        Of the twin, by dose. [mm2]
    signal_dn, variance_dn2 : (D,) float64
        Of the twin. [DN, DN2]
    """

    edges: tuple[MeasuredEdge, ...]
    doses: tuple[MeasuredDose, ...]
    frequency_per_mm: FloatArray
    mtf: FloatArray
    noise_frequency_per_mm: FloatArray
    nnps: FloatArray
    signal_dn: FloatArray
    variance_dn2: FloatArray


@dataclass(frozen=True, eq=False)
class LayerTwin:
    """A layer that does what a panel's frames show.

    Attributes
    ----------
    scintillator, beam : Scintillator, Beam
        For the simulator.
    values : tuple of TwinValue
        Fitted numbers with errors, and those that the frames leave open.
    curves : TwinCurves
        Measured and fitted.
    chi_square : float
        At the fit. [1]
    degrees_of_freedom : int
    notes : tuple of str
        What to doubt, a sentence each.
    """

    scintillator: Scintillator
    beam: Beam
    values: tuple[TwinValue, ...]
    curves: TwinCurves
    chi_square: float
    degrees_of_freedom: int
    notes: tuple[str, ...]


def twin_layer(
    start: Scintillator,
    panel: Panel,
    beam: Beam,
    flats: Sequence[DoseFrames],
    edges: Sequence[npt.NDArray[np.floating]] = (),
    *,
    roi: tuple[int, int, int, int] | None = None,
    timing: Timing | None = None,
    kerma_error: float = 0.0,
    electrons_per_dn_error: float | None = None,
    defects: npt.NDArray[np.bool_] | None = None,
    lag_corrected: bool = True,
    photons: tuple[int, int] = (SCAN_PHOTONS, FINAL_PHOTONS),
    vary: Sequence[str] = (),
    tried: Sequence[str] = CANDIDATES,
    progress: Progress | None = None,
) -> LayerTwin:
    """The layer that, on a panel and in a beam, gives the MTF, noise and signal of corrected frames.

    Parameters
    ----------
    start : Scintillator
        Kind of the layer, and every number that frames do not determine.
    panel : Panel
        Pixels, diodes, electronic noise and conversion.
    beam : Beam
        Of the frames.
    flats : sequence of DoseFrames
        Corrected flat frames at one or more doses; without any, only the spread of the light is fitted, to the edges.
    edges : sequence of (H, W) arrays
        Corrected frames of a slanted edge; without any the spread is that which the noise shows. [DN]
    roi : (first row, end row, first column, end column), optional
        Where the edges lie. [pixel]
    timing : Timing, optional
        Of a frame; by default that of a scene that says nothing of it.
    kerma_error : float
        Relative standard error of all kermas together. [1]
    electrons_per_dn_error : float, optional
        Relative standard error of the panel's conversion; None where it is not known, so that the light yield is that
        for the panel's number. [1]
    defects : (H, W) bool, optional
        True where a pixel is unusable.
    lag_corrected : bool
        False for flat frames that follow one another and whose lag was not mended.
    photons : (int, int)
        Light photons of a run of the model, in the scan and at the end. [1]
    vary : sequence of str
        Dotted keys of the numbers that stand for what the light meets; by default the one in `SPREAD_KEYS`.
    tried : sequence of str
        Numbers that are not fitted but moved, to say what the frames leave open; a run of the model each.
    progress : callable, optional
        Called with the fraction done.

    Returns
    -------
    twin : LayerTwin

    Raises
    ------
    TypeError, ValueError
        If there are neither flat frames nor edges, kermas repeat, an error is negative, or a frame cannot be measured.

    Notes
    -----
    Signal determines the product of light yield, collection, quantum efficiency, fill factor and DN per electron: it is
    told as the yield. Noise determines absorbed fraction times Swank factor: it is told as the spread of the yield,
    with the thickness of the start, or as the thickness where the noise is lower than that allows.
    """
    _check(flats, edges, kerma_error, electrons_per_dn_error)
    report = progress or (lambda done: None)
    timing = timing or Timing()
    pitch_mm = panel.pixels.pitch_mm
    doses = tuple(measure_dose(each, pitch_mm, defects) for each in flats)
    report(0.1)
    seen = tuple(measure_edge(each, pitch_mm, defects, roi) for each in edges)
    report(0.15)
    data = _data(start, panel, beam, timing, doses, seen, lag_corrected)
    keys = list(vary) or [_spread_key(start)]
    notes = []
    fit = fit_twin(start, keys, data, photons, lambda done: report(0.15 + 0.65 * done))
    if doses and fit.yield_square < 1.0 + 1e-6 and _noise_excess(fit, data) < -TOO_QUIET:
        keys.append("thickness_um")
        notes.append(
            f"the noise is lower than {start.thickness_um:g} um of the start's layer can have: its thickness is fitted "
            "in place of its spread of the yield"
        )
        known = 1.0 + float(np.mean(yield_variance(start.light, data.place.spectrum.energy_keV)))
        fit = fit_twin(start, keys, data, photons, lambda done: report(0.15 + 0.65 * done), spread_fixed=known)
    scintillator = _layer(start, keys, fit, doses)
    values = _fitted_values(start, keys, fit, kerma_error, electrons_per_dn_error, data)
    values += open_values(scintillator, keys, tried, data, fit, photons[1], lambda done: report(0.8 + 0.2 * done))
    notes += _doubts(fit, doses, seen)
    return LayerTwin(
        scintillator=scintillator,
        beam=beam,
        values=tuple(values),
        curves=_curves(data, fit),
        chi_square=fit.chi_square,
        degrees_of_freedom=fit.degrees_of_freedom,
        notes=tuple(notes),
    )


def _check(
    flats: Sequence[DoseFrames],
    edges: Sequence[npt.NDArray[np.floating]],
    kerma_error: float,
    conversion_error: float | None,
) -> None:
    kermas = [each.air_kerma_uGy for each in flats]
    if not kermas and not len(edges):
        raise ValueError("a layer's twin needs flat frames of known kerma or an edge, got neither")
    if len(set(kermas)) < len(kermas):
        raise ValueError(f"flat frames of a twin must have different kermas, got {', '.join(f'{k:g}' for k in kermas)}")
    for name, error in (("kerma_error", kerma_error), ("electrons_per_dn_error", conversion_error or 0.0)):
        if not 0.0 <= error < 1.0:
            raise ValueError(f"{name} is relative and must be from 0 to below 1, got {error:g}")


def _spread_key(start: Scintillator) -> str:
    if start.transport is None:
        return SPREAD_KEYS["spread"]
    return SPREAD_KEYS["columnar" if isinstance(start.transport, ColumnarLayer) else "turbid"]


def _data(
    start: Scintillator,
    panel: Panel,
    beam: Beam,
    timing: Timing,
    doses: tuple[MeasuredDose, ...],
    edges: tuple[MeasuredEdge, ...],
    lag_corrected: bool,
) -> TwinData:
    """Data beside the model's place; the colour of the light is that of the start."""
    pitch_mm = panel.pixels.pitch_mm
    spectrum = beam_spectrum(beam, 1.0, BIN_KEV)
    place = PanelInBeam(panel, spectrum, timing, mtf_frequencies_per_mm(pitch_mm), noise_nodes_per_mm(pitch_mm))
    light = layer_light(start, spectrum.energy_keV)
    charge = charge_of(start, place, (light.wavelength_nm, light.emission))
    mean_electrons = sum(dose.signal_dn for dose in doses) / max(len(doses), 1) * panel.readout.electrons_per_dn
    kept = 1.0 if lag_corrected or not doses else noise_kept(panel, timing, mean_electrons)
    return TwinData(edges, doses, place, charge, kept)


def noise_kept(panel: Panel, timing: Timing, electrons: float) -> float:
    """Part of the variance of quanta that steady frames keep which follow one another without lag correction.

    Parameters
    ----------
    panel : Panel
        With its lag.
    timing : Timing
        Of a frame.
    electrons : float
        Mean charge of a frame. [electrons]

    Returns
    -------
    kept : float
        Sum of the squares of the charge that each later frame delivers of a small change. [1]
    """
    if not panel.lag or not electrons > 0:
        return 1.0
    times = FrameTimes(timing.integration_time_s, timing.exposure_time_s)
    steady = np.full((1, 2), electrons, dtype=np.float32)
    trapped, change = None, 0.05 * electrons
    kept = 0.0
    for number in range(2 * IMPULSE_FRAMES):
        charge = steady.copy()
        if number == IMPULSE_FRAMES:
            charge[0, 1] += np.float32(change)
        delivered, trapped = trap_charge(
            charge, trapped, panel.lag, timing.frame_interval_s, panel.lag_exposure, times=times
        )
        kept += (float(delivered[0, 1] - delivered[0, 0]) / change) ** 2
    return kept


def _noise_excess(fit: TwinFit, data: TwinData) -> float:
    """Measured noise power over that of the fit, over its standard error: mean of all bins and doses. [1]"""
    curves = model_curves(
        fit.point,
        data.charge,
        data.place,
        data.kerma_uGy,
        more_light=fit.more_light,
        yield_square=fit.yield_square,
        noise_kept=data.noise_kept,
    )
    measured = np.array([dose.nnps for dose in data.doses])
    error = np.array([dose.nnps_error for dose in data.doses])
    weight = (measured / error) ** 2
    return float(np.sum(weight * np.log(measured / mean_in_bins(curves.nnps))) / np.sqrt(weight.sum()))


def _layer(start: Scintillator, keys: Sequence[str], fit: TwinFit, doses: Sequence[MeasuredDose]) -> Scintillator:
    """The start with the fitted numbers."""
    moved = scaled(start, list(zip(keys, fit.factor.tolist(), strict=True)))
    if doses:
        moved = scaled(moved, [("light.yield_per_keV", fit.more_light)])
    if not doses or "thickness_um" in keys:
        return moved
    return with_values(moved, [("light.yield_spread", _spread_of(fit))])


def _spread_of(fit: TwinFit) -> float:
    return float(np.sqrt(max(fit.yield_square - 1.0, 0.0)))


def _too_noisy(fit: TwinFit) -> bool:
    return fit.yield_square > MOST_SQUARE - 1e-6


def _fitted_values(
    start: Scintillator,
    keys: Sequence[str],
    fit: TwinFit,
    kerma_error: float,
    conversion_error: float | None,
    data: TwinData,
) -> list[TwinValue]:
    """Numbers that the frames determine, with their errors; not determined where an error is as large as the number."""
    values = []
    given = ["MTF of the edge"] * bool(data.edges) + ["shape of the noise power"] * bool(data.doses)
    source = f"{' and '.join(given)}, the start's other numbers held"
    for key, factor, error in zip(keys, fit.factor, fit.factor_error, strict=True):
        if key == "thickness_um":
            how = "fitted to the level of the noise power, which the start's thickness does not allow; good to "
            how += f"{100 * THICKNESS_ERROR:.0f} %: weighing the layer tells"
            values.append(not_determined(key, start.thickness_um * factor, "um", how))
            continue
        for name, value in _numbers_at(start, key):
            if error < LARGEST_ERROR and not fit.at_bound:
                values.append(found(name, value * factor, value * factor * error, _unit(name), source))
            else:
                reach = "its range ends here" if fit.at_bound else f"any value within {100 * error:.0f} % fits"
                how = f"{source}, leaves it open: {reach}"
                values.append(not_determined(name, value * factor, _unit(name), how))
    if not data.doses:
        how = "there are no flat frames of known kerma"
        values.append(not_determined("light.yield_per_keV", start.light.yield_per_keV, "1/keV", how))
        values.append(not_determined("light.yield_spread", start.light.yield_spread[0][1], "1", how))
        return values
    rough = THICKNESS_ERROR if "thickness_um" in keys else 0.0  # of what is absorbed
    error = float(np.linalg.norm([fit.more_light_error, kerma_error, conversion_error or 0.0, rough]))
    how = "signal per air kerma; frames determine only its product with quantum efficiency, fill factor and DN/electron"
    if conversion_error is None:
        how += f", so this is for {data.place.panel.readout.electrons_per_dn:g} electrons/DN, whose error is not in it"
    value = start.light.yield_per_keV * fit.more_light
    values.append(found("light.yield_per_keV", value, value * error, "1/keV", how))
    if "thickness_um" not in keys:
        values.append(_yield_spread(start, fit, kerma_error))
    return values


def _yield_spread(start: Scintillator, fit: TwinFit, kerma_error: float) -> TwinValue:
    """Spread of the light of quanta that are alike; open where none at all would fit too."""
    square, error = fit.yield_square - 1.0, float(np.hypot(fit.yield_square_error, fit.yield_square * kerma_error))
    spread, key = _spread_of(fit), "light.yield_spread"
    how = (
        "level of the noise power; frames of one beam determine only absorbed fraction times Swank factor, so this is "
    )
    how += f"for {start.thickness_um:g} um of the start's layer"
    if _too_noisy(fit):
        return not_determined(key, spread, "1", f"{how}: its range ends here")
    if square < 2.0 * error:
        return not_determined(
            key, spread, "1", f"{how}: anything up to {min(np.sqrt(square + 2.0 * error), 1.0):.2g} fits"
        )
    return found(key, spread, error / (2.0 * spread), "1", how)


def _numbers_at(start: Scintillator, key: str) -> list[tuple[str, float]]:
    """Dotted keys and values of a number, or of the values of pairs."""
    place = asdict(start)
    for name in key.split("."):
        place = place[name]
    if isinstance(place, tuple):
        if len(place) == 1:
            return [(key, float(place[0][1]))]
        return [(f"{key}.{number}.1", float(value)) for number, (_, value) in enumerate(place)]
    return [(key, float(place))]  # type: ignore[arg-type]


def _unit(key: str) -> str:
    for ending, unit in (("_um", "um"), ("_per_mm", "1/mm"), ("_per_keV", "1/keV")):
        if key.endswith(ending):
            return unit
    return "1"


def _doubts(fit: TwinFit, doses: Sequence[MeasuredDose], edges: Sequence[MeasuredEdge]) -> list[str]:
    notes = []
    if fit.degrees_of_freedom > 0 and fit.chi_square > NOTEWORTHY * fit.degrees_of_freedom:
        ratio = fit.chi_square / fit.degrees_of_freedom
        notes.append(
            f"chi-square exceeds its degrees of freedom {ratio:.2g}-fold: a layer of this kind does not give all of "
            "the curves; errors are widened by the root of it"
        )
    if not fit.settled:
        notes.append("the search did not settle: the fit left the range of its last runs")
    if fit.at_bound:
        notes.append("a number of the spread lies at the end of its range, a quarter or four times that of the start")
    if _too_noisy(fit):
        notes.append(
            "the noise is higher than the start's layer can have: the spread of its yield lies at its end, 1, and a "
            "layer that absorbs less would fit: try another --scintillator"
        )
    if not edges:
        notes.append("there is no edge: the spread of the light is that which the noise shows")
    for dose in doses:
        if dose.frames < 3:
            notes.append(
                f"{dose.frames} frame{'s' if dose.frames > 1 else ''} at {dose.air_kerma_uGy:.3g} uGy "
                f"do{'' if dose.frames > 1 else 'es'} not tell a fixed pattern from noise: "
                "what stands still counts as noise"
            )
    at: dict[str, list[str]] = {}  # doses of which a warning is said, so that each is said once
    for dose in doses:
        for warning in dict.fromkeys(dose.warnings):
            at.setdefault(warning, []).append(f"{dose.air_kerma_uGy:.3g}")
    notes += [f"flats at {', '.join(kermas)} uGy: {warning}" for warning, kermas in at.items()]
    notes += [f"edge: {warning}" for edge in edges for warning in edge.warnings]
    return notes


def _curves(data: TwinData, fit: TwinFit) -> TwinCurves:
    curves = model_curves(
        fit.point,
        data.charge,
        data.place,
        data.kerma_uGy,
        more_light=fit.more_light,
        yield_square=fit.yield_square,
        noise_kept=data.noise_kept,
    )
    return TwinCurves(
        edges=data.edges,
        doses=data.doses,
        frequency_per_mm=data.place.frequency_per_mm,
        mtf=curves.mtf,
        noise_frequency_per_mm=noise_frequencies_per_mm(data.place.panel.pixels.pitch_mm),
        nnps=mean_in_bins(curves.nnps),
        signal_dn=curves.signal_dn,
        variance_dn2=curves.variance_dn2,
    )
