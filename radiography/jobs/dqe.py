"""Detective quantum efficiency of a panel from files of edges and flats, as a record, JSON, CSV and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.dqe import (
    AXES,
    EDITIONS,
    IEC_FLUENCE_PER_MM2_UGY,
    DqeResult,
    Fluence,
    detective_quantum_efficiency,
    iec_fluence,
)
from radiography.analysis.mtf import MtfCurve, slanted_edge_mtf
from radiography.analysis.nps import Curve, NpsResult, noise_power_spectrum
from radiography.analysis.response import IEC_NONLINEARITY, DoseResponse, fit_response, mean_of_flat
from radiography.config import load_beam
from radiography.files.frames import FrameSource, RawLayout, iterate_frames, open_frames
from radiography.files.source import split_dataset
from radiography.jobs.about import load_about, told, unmatched
from radiography.jobs.flag_planes import left_out_pixels
from radiography.jobs.flat_series import FlatSeries, doubts_of, open_flats, series_pitch_mm
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Region,
    Report,
    all_or_none,
    check_writable,
    input_files,
    keep_apart,
    no_report,
    open_all,
    optional_path,
    region_within,
)
from radiography.jobs.json_text import write_json
from radiography.jobs.judgement import refuse_not_linear
from radiography.jobs.nps import curve_to_json, curves_as_csv

WHAT = "a DQE"
KERMA_AGREES = 0.05  # between --kerma and what flats say, relative   # chosen: dosimeters are good to 5 %
EDGES, RESPONSE, NOISE = "measuring the edges", "measuring the response", "measuring the noise"


@dataclass(frozen=True)
class DqeInput:
    """What a DQE is made of; see `measure_dqe`."""

    edges: Files
    flats: Files
    kerma_uGy: float
    beam: str | None = None
    fluence_per_mm2_uGy: float | None = None
    edition: str = "2015"
    response: Files = ()
    response_kerma: str | Sequence[float] | None = None
    about: str | Path | None = None
    roi: Region | None = None
    edge_roi: Region | None = None
    pitch_mm: float | None = None
    flags: str | Path | None = None
    block_px: int = 256
    layout: RawLayout | None = None


@dataclass(frozen=True, eq=False)
class DqeMeasurement:
    """A DQE, what it was made of, and the files that were written of it.

    Attributes
    ----------
    result : DqeResult
        Curves with their standard errors; its warnings say what to doubt.
    edges : tuple of MtfCurve
        One for each edge.
    noise : NpsResult
        Of the flats.
    response : DoseResponse
        As measured, or the flats' own mean over their kerma.
    edge_files, flat_files : tuple of Path
        What was measured.
    json_file, csv_file, plot : Path or None
        Files of the curves, where they were asked for.
    doubts : tuple of str
        What makes the numbers doubtful beside the result's own warnings.
    """

    result: DqeResult
    edges: tuple[MtfCurve, ...]
    noise: NpsResult
    response: DoseResponse
    edge_files: tuple[Path, ...]
    flat_files: tuple[Path, ...]
    json_file: Path | None
    csv_file: Path | None
    plot: Path | None
    doubts: tuple[str, ...]


def measure_dqe(
    given: DqeInput,
    *,
    json_file: str | Path | None = None,
    csv_file: str | Path | None = None,
    plot: str | Path | None = None,
    report: Report = no_report,
) -> DqeMeasurement:
    """Detective quantum efficiency from files of slanted edges and flats.

    Parameters
    ----------
    given : DqeInput
        ``edges``: files of one slanted edge each, frames of a file are averaged; ``flats``: of one exposure, in their
        order; ``kerma_uGy``: air kerma of the flats [uGy]; ``beam``: shipped name or file, or else
        ``fluence_per_mm2_uGy`` [1/(mm2 uGy)]; ``edition``: "2015" or "2003" of the standard for beams it tabulates, or
        "computed" from the tube; ``response``: flats of several doses, whose kerma the files say, or ``about``, or
        ``response_kerma`` in their order [uGy]; ``roi`` of the flats and ``edge_roi`` (first and end row, first and end
        column); ``pitch_mm`` [mm]; ``flags``: plane of flags or defect map; ``block_px`` [pixel]; ``layout`` of
        headerless raw files.
    json_file, csv_file, plot : str or Path, optional
        Where the curves are written as JSON and as a table, and drawn (.png, .pdf or .svg).
    report : callable
        Called with what is being done and the fraction that is done.

    Returns
    -------
    measurement : DqeMeasurement

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if files cannot be read or do not go together; no file is left behind then.
    """
    written, table, drawn = optional_path(json_file), optional_path(csv_file), optional_path(plot)
    mask_file, about_file = optional_path(given.flags), optional_path(given.about)
    check_writable(written)
    check_writable(table, (".csv",))
    check_writable(drawn, PICTURES)
    if not (np.isfinite(given.kerma_uGy) and given.kerma_uGy > 0):
        raise ValueError(f"--kerma must be positive, got {given.kerma_uGy:g} uGy")
    fluence = _fluence(given)
    about = load_about(about_file)
    flats = open_flats(given.flats, given.layout, WHAT)
    edges = _linear([open_frames(path, given.layout) for path in input_files(given.edges, "edge")])
    series = _linear(told(open_all(given.response, "response", given.layout), about)) if given.response else []
    sources = [*flats.sources, *edges]
    inputs = [source.path for source in (*sources, *series)]
    keep_apart([written, table, drawn], [*inputs, mask_file, about_file, given.beam])
    pitch = series_pitch_mm(tuple(sources), given.pitch_mm)
    alike = [source for source in sources if (source.rows, source.cols) == flats.shape]
    said = [(source.path, source.conditions) for source in alike]
    flagged = left_out_pixels(mask_file, said, flats.shape, "the flats are")
    defects = None if flagged is None else flagged.left_out
    doubts = [*doubts_of(tuple(sources), given.pitch_mm), *unmatched(series, about, about_file)]
    doubts += flagged.doubts if flagged else ()
    doubts += _kerma_doubts(flats, given.kerma_uGy)
    if mask_file is not None and any((source.rows, source.cols) != flats.shape for source in edges):
        doubts.append(f"{mask_file} is of the flats; edges of another shape are measured without flags")

    response = _response(series, given, defects, report) if series else None
    if response is not None:
        doubts += _response_doubts(response, series)
        flats = replace(flats, convert=_linearised(response))
    curves = []
    for number, source in enumerate(edges):
        report(EDGES, number / len(edges))
        curves.append(_edge(source, pitch, given.edge_roi, defects, response))
    report(NOISE, 0.0)
    noise = noise_power_spectrum(
        flats,
        pitch,
        region_within(given.roi, flats.shape),
        defects,
        block_px=given.block_px,
        name_of=flats.name_of,
        progress=lambda done: report(NOISE, done),
    )
    if response is None:
        response = DoseResponse(0.0, noise.mean_signal / given.kerma_uGy, None, 1)
        doubts.append("no --response was given: signal is taken as proportional to dose, without an offset")
    elif abs(noise.mean_signal / given.kerma_uGy - 1) > KERMA_AGREES:
        doubts.append(
            f"the response puts the flats at {noise.mean_signal:.4g} uGy, but --kerma says {given.kerma_uGy:g} uGy"
        )
    result = detective_quantum_efficiency(curves, noise, given.kerma_uGy, fluence)
    measured = DqeMeasurement(
        result=result,
        edges=tuple(curves),
        noise=noise,
        response=response,
        edge_files=tuple(source.path for source in edges),
        flat_files=tuple(source.path for source in flats.sources),
        json_file=written,
        csv_file=table,
        plot=drawn,
        doubts=tuple(doubts),
    )
    _write(measured)
    return measured


def dqe_to_json(measured: DqeMeasurement) -> dict[str, Any]:
    """The curves with their standard errors, what they were made of, and what to doubt."""
    result, response = measured.result, measured.response

    def by_axis(curves: dict[str, Curve]) -> dict[str, Any]:
        return {axis: curve_to_json(curves[axis]) if axis in curves else None for axis in AXES}

    return {
        "measure": "dqe",
        "definition": result.definition,
        "unit": "1",
        "edge_files": [split_dataset(path)[0].name for path in measured.edge_files],
        "flat_files": [split_dataset(path)[0].name for path in measured.flat_files],
        "beam": {
            "name": result.fluence.name,
            "fluence_per_mm2_uGy": result.fluence.per_mm2_uGy,
            "source": result.fluence.source,
        },
        "edition": result.fluence.edition,
        "kerma_uGy": result.kerma_uGy,
        "pitch_mm": measured.noise.pitch_mm,
        "frames": measured.noise.frames,
        "curves": by_axis(result.curves),
        "mtf": by_axis(result.mtf),
        "nnps": by_axis(result.nnps),
        "neq_per_mm2": by_axis(result.neq_per_mm2),
        "dqe_zero": {"value": result.dqe_zero, "standard_error": result.dqe_zero_error},
        "response": {
            "offset_dn": response.offset_dn,
            "dn_per_uGy": response.dn_per_uGy,
            "worst_nonlinearity": response.worst_nonlinearity,
            "doses": response.doses,
        },
        "warnings": [*measured.doubts, *result.warnings],
    }


def _fluence(given: DqeInput) -> Fluence:
    """Quanta per area and kerma: given, of the standard's table, or of the beam's spectrum."""
    if (given.beam is None) == (given.fluence_per_mm2_uGy is None):
        raise ValueError("a DQE needs either --beam NAME or --fluence Q, quanta per mm2 and uGy")
    if given.fluence_per_mm2_uGy is not None:
        if not (np.isfinite(given.fluence_per_mm2_uGy) and given.fluence_per_mm2_uGy > 0):
            raise ValueError(f"--fluence must be positive, got {given.fluence_per_mm2_uGy:g}")
        return Fluence(None, float(given.fluence_per_mm2_uGy), "given by the user", None)
    name = str(given.beam)
    if given.edition not in (*EDITIONS, "computed"):
        raise ValueError(f"--edition must be one of {', '.join(EDITIONS)}, computed, got '{given.edition}'")
    if given.edition != "computed" and name in IEC_FLUENCE_PER_MM2_UGY[given.edition]:
        return iec_fluence(name, given.edition)
    from radiography.beam.spectrum import beam_spectrum, fluence_per_mm2_uGy

    beam = load_beam(name)
    value = fluence_per_mm2_uGy(beam_spectrum(beam, 1.0))
    filters = ", ".join(f"{mm:g} mm {material}" for material, mm in beam.filters)
    return Fluence(beam.name, value, f"computed from the tube: {beam.kvp:g} kV {beam.anode}, {filters}", None)


def _linear(sources: list[FrameSource]) -> list[FrameSource]:
    for source in sources:
        refuse_not_linear(source.path, source.stage, WHAT)
    return sources


def _kerma_doubts(flats: FlatSeries, kerma_uGy: float) -> list[str]:
    """A sentence where flats say another kerma than the user, whose word counts."""
    for source in flats.sources:
        said = source.conditions.air_kerma_uGy
        if said is not None and abs(said - kerma_uGy) > KERMA_AGREES * kerma_uGy:
            return [f"{source.path} says an air kerma of {said:g} uGy; --kerma {kerma_uGy:g} is used"]
    return []


def _response(
    series: list[FrameSource], given: DqeInput, defects: NDArray[np.bool_] | None, report: Report
) -> DoseResponse:
    """Line through the means of the flats of several doses, over the region of the flats."""
    kermas = _kermas(series, given.response_kerma)
    shape = (series[0].rows, series[0].cols)
    r0, r1, c0, c1 = region_within(given.roi, shape) or (0, shape[0], 0, shape[1])
    cut = None if defects is None or defects.shape != shape else defects[r0:r1, c0:c1]
    signals, doses = [], []
    for number, (source, kerma) in enumerate(zip(series, kermas, strict=True)):
        report(RESPONSE, number / len(series))
        means = [mean_of_flat(frame[r0:r1, c0:c1], cut) for frame in iterate_frames(source, finite=False)]
        signals.append(float(np.mean(means)))
        doses.append(kerma)
    return fit_response(doses, signals)


def _kermas(series: list[FrameSource], told_kerma: str | Sequence[float] | None) -> list[float]:
    """Air kerma of each file of the dose series. [uGy]"""
    if told_kerma is not None:
        try:
            parts = told_kerma.split(",") if isinstance(told_kerma, str) else list(told_kerma)
            values = [float(part) for part in parts]
        except ValueError as error:
            raise ValueError(f"--response-kerma must be numbers such as 0.5,1,2, got '{told_kerma}'") from error
        if len(values) != len(series):
            raise ValueError(f"--response-kerma gives {len(values)} doses for {len(series)} files of --response")
        return values
    found = []
    for source in series:
        kerma = source.conditions.air_kerma_uGy
        if kerma is None:
            raise ValueError(
                f"{source.path} does not say its air kerma: give --response-kerma UGY,... or --about FILE.toml"
            )
        found.append(kerma)
    return found


def _response_doubts(response: DoseResponse, series: list[FrameSource]) -> list[str]:
    if response.worst_nonlinearity is None:
        return ["the response was fitted to two doses only: whether it is linear is not known"]
    if response.worst_nonlinearity > IEC_NONLINEARITY:
        return [
            f"the response departs from a line by {100 * response.worst_nonlinearity:.1f} % at one of "
            f"{len(series)} files; IEC 62220-1-1 allows 2 %"
        ]
    return []


def _linearised(response: DoseResponse) -> Any:
    """Frames from DN to uGy."""
    offset, slope = np.float32(response.offset_dn), np.float32(1 / response.dn_per_uGy)
    return lambda frame: (frame.astype(np.float32) - offset) * slope


def _edge(
    source: FrameSource,
    pitch_mm: float,
    roi: Region | None,
    defects: NDArray[np.bool_] | None,
    response: DoseResponse | None,
) -> MtfCurve:
    """MTF of the edge in a file, whose frames are averaged."""
    total = np.zeros((source.rows, source.cols), np.float32)
    for frame in iterate_frames(source, finite=False):
        total += frame
    mean = total / np.float32(source.count)
    if response is not None:
        mean = _linearised(response)(mean)
    bad = ~np.isfinite(mean)
    if defects is not None and defects.shape == mean.shape:
        bad |= defects
    try:
        return slanted_edge_mtf(mean, pitch_mm, region_within(roi, mean.shape), bad if bad.any() else None)
    except ValueError as error:
        raise ValueError(f"{source.path}: {error}") from error


def _write(measured: DqeMeasurement) -> None:
    json_file, csv_file, plot = measured.json_file, measured.csv_file, measured.plot
    with all_or_none(json_file, csv_file, plot) as places:
        if json_file is not None:
            write_json(places[json_file], dqe_to_json(measured))
        if csv_file is not None:
            result = measured.result
            columns = {
                f"{name}_{axis}{unit}": curve
                for name, unit, curves in (
                    ("dqe", "", result.curves),
                    ("mtf", "", result.mtf),
                    ("nnps", "_mm2", result.nnps),
                    ("neq", "_per_mm2", result.neq_per_mm2),
                )
                for axis, curve in curves.items()
            }
            places[csv_file].write_text(curves_as_csv(columns), encoding="utf-8", newline="\n")
        if plot is not None:
            from radiography.figures.dqe_plot import dqe_figure

            dqe_figure(measured.result).savefig(places[plot], dpi=150)
