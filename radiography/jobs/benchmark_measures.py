"""Measurements of a benchmark on corrected images, the same as predicted by transport, and how far they agree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from radiography.analysis.dqe import DqeResult, detective_quantum_efficiency
from radiography.analysis.mtf import MtfCurve, mtf_at
from radiography.analysis.nps import Curve, NpsResult, noise_power_spectrum
from radiography.config import load_scene
from radiography.files.frames import iterate_frames, open_frames, read_image
from radiography.jobs import benchmark_frames as chain
from radiography.jobs.benchmark_contrast import measure_details, predict_details
from radiography.jobs.benchmark_frames import Bench
from radiography.jobs.dqe import DqeInput, DqeMeasurement, dqe_to_json, measure_dqe
from radiography.jobs.flag_planes import read_flags
from radiography.jobs.flat_series import open_flats
from radiography.jobs.inputs import Report
from radiography.jobs.json_text import write_json
from radiography.jobs.nps import curve_to_json
from radiography.study.layer_report import LayerReport

COMPARED_TO_PER_MM = 2.0  # how far NNPS and DQE are compared with the prediction
COMPARED_STEP_PER_MM = 0.2  # width of the means that are compared   # chosen
ACROSS = {"vertical": "horizontal", "horizontal": "vertical"}  # edge -> direction that it measures
MOST_FLATS = 32  # that a contrast-detail measurement reads at once   # chosen
SHARING = 4  # values of a curve that share frequencies: means over +-0.01/pitch at steps of 1/256 pitch


def measure_images(bench: Bench, own: Path, place: Path, report: Report) -> None:
    """Numbers and curves of one layer from its corrected files, and nothing else, as ``measured.json``.

    Parameters
    ----------
    bench : Bench
        Layer, panel and protocol.
    own : Path
        Folder with the stages of the layer.
    place : Path
        Folder to write into; the table and the figure of the DQE go there as well.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.
    """
    dose, doses = chain.nominal(bench.protocol), bench.protocol.doses_uGy
    series = [own / "flats" / chain.flats_name(each) for each in doses]
    flats, flags = own / "flats" / chain.flats_name(dose), own / "flats" / "flags.tif"
    edges = [own / "edges" / f"edge_{edge}.tif" for edge in chain.EDGES]

    def said(what: str, done: float) -> None:
        report(f"{bench.layer.name}: {what}", done)

    measured = measure_dqe(
        DqeInput(
            edges,
            flats,
            dose,
            bench.names[2],
            edition="computed",
            response=series,
            response_kerma=doses,
            edge_roi=_edge_region(bench),
            flags=flags,
        ),
        csv_file=place / "dqe.csv",
        plot=place / "dqe.png",
        report=said,
    )
    found = {dose: (measured.noise, measured.result)}
    for other in doses:
        if other != dose:
            found[other] = _at_other_dose(own / "flats" / chain.flats_name(other), flags, other, measured)
    raw = json.loads((own / "flats" / "signal.json").read_text(encoding="utf-8"))
    raw_dn = float(np.interp(dose, raw["air_kerma_uGy"], raw["raw_signal_dn"]))
    lag = json.loads((own / "lag" / "lag.json").read_text(encoding="utf-8"))
    contrast, spread = _contrast(read_image(own / "objects" / "disc.tif").pixels, bench.panel.pixels.pitch_mm)
    range_dn = bench.panel.saturation_dn - bench.panel.readout.offset_dn
    said_json = dqe_to_json(measured)
    mtf = {ACROSS[curve.orientation]: _mtf(curve) for curve in measured.edges}
    write_json(
        place / "measured.json",
        {
            "mtf": mtf,
            "nnps": _noise(measured.noise),
            "dqe": said_json["curves"],
            "dqe_temporal": _temporal(measured.noise, measured, dose),
            "neq_per_mm2": said_json["neq_per_mm2"],
            "dqe_zero": said_json["dqe_zero"],
            "doses": [
                {
                    "air_kerma_uGy": each,
                    "snr": _snr(noise),
                    "dqe_zero": {"value": result.dqe_zero, "standard_error": result.dqe_zero_error},
                    "nnps_temporal": _curves(_parts(noise)),
                    "dqe_temporal": _temporal(noise, measured, each),
                }
                for each, (noise, result) in sorted(found.items())
            ],
            "lag": lag,
            "snr": _snr(measured.noise),
            "cnr": {
                "value": contrast / spread,
                "contrast": contrast,
                "noise": spread,
                "object": f"{chain.STEP_MM:g} mm Al, {2 * chain.STEP_RADIUS_MM:g} mm wide",
                "definition": "open field less disc, over the standard deviation of a pixel of the open field",
            },
            "contrast_detail": _details(bench, own, mtf),
            "electrons": raw_dn * bench.panel.readout.electrons_per_dn,
            "saturation_uGy": range_dn * dose / raw_dn,
            "response": said_json["response"],
            "fluence": said_json["beam"],
            "warnings": said_json["warnings"],
        },
    )


def _at_other_dose(path: Path, flags: Path, dose: float, measured: DqeMeasurement) -> tuple[NpsResult, DqeResult]:
    series = open_flats(path, None, "a benchmark")
    defects = read_flags(flags, series.shape, "the flats are").left_out
    noise = noise_power_spectrum(series, measured.noise.pitch_mm, None, defects)
    return noise, detective_quantum_efficiency(measured.edges, noise, dose, measured.result.fluence)


def _details(bench: Bench, own: Path, mtf: Mapping[str, Any]) -> dict[str, Any]:
    """Threshold contrasts at the nominal dose, of as many flats as are read at once."""
    flats = open_flats(own / "flats" / chain.flats_name(chain.nominal(bench.protocol)), None, "a benchmark")
    bad = read_flags(own / "flats" / "flags.tif", flats.shape, "the flats are").left_out
    plate = list(iterate_frames(open_frames(own / "objects" / "plate.tif")))
    some = np.stack(list(islice(flats, MOST_FLATS)))
    source_mm = load_scene(chain.SCENE).geometry.source_to_detector_mm
    return measure_details(some, bad, mtf, np.stack(plate), bench.panel.pixels.pitch_mm, source_mm)


def _parts(noise: NpsResult) -> Any:
    """Curves of what changes from frame to frame."""
    return noise.curves if noise.temporal is None else noise.temporal


def _temporal(noise: NpsResult, measured: DqeMeasurement, dose: float) -> dict[str, Any]:
    """DQE without what the calibration adds, that of a panel calibrated with frames without end."""
    clean = replace(noise, curves=_parts(noise))
    result = detective_quantum_efficiency(measured.edges, clean, dose, measured.result.fluence)
    zero = {"value": result.dqe_zero, "standard_error": result.dqe_zero_error}
    return {**{axis: curve_to_json(curve) for axis, curve in result.curves.items()}, "zero": zero}


def _edge_region(bench: Bench) -> tuple[int, int, int, int]:
    """The middle of the corrected files, clear of the plate's ends. [pixel]"""
    whole, inner = chain.central(bench.panel, chain.IEC_SIDE_MM), chain.central(bench.panel, chain.EDGE_SIDE_MM)
    row, col = inner[0] - whole[0], inner[2] - whole[2]
    return row, row + inner[1] - inner[0], col, col + inner[3] - inner[2]


def _mtf(curve: MtfCurve) -> dict[str, Any]:
    value, error = mtf_at(curve, 2.0)
    return {
        **curve_to_json(Curve(curve.frequency_per_mm, curve.value, curve.standard_error)),
        "at_2_per_mm": {"value": value, "standard_error": error},
        "edge_angle_deg": float(curve.angle_deg),
    }


def _curves(curves: Any) -> dict[str, Any]:
    """Both axes and the radial curve."""
    return {axis: curve_to_json(curve) for axis, curve in curves._asdict().items()}


def _noise(noise: NpsResult) -> dict[str, Any]:
    fixed = None if noise.fixed is None else _curves(noise.fixed)
    return {
        **_curves(noise.curves),
        "temporal": _curves(_parts(noise)),
        "fixed": fixed,
        "definition": noise.definition,
        "frames": noise.frames,
        "independent_blocks": noise.independent_blocks,
        "frame_correlation": noise.frame_correlation,
        "roi": noise.roi,
    }


def _snr(noise: NpsResult) -> float:
    """Mean over standard deviation of one pixel. [1]"""
    return float(noise.mean_signal / np.sqrt(noise.pixel_variance.total))


def _contrast(picture: np.ndarray, pitch_mm: float) -> tuple[float, float]:
    """Contrast of the disc in the middle of a picture, and the noise of a pixel beside it. [1]"""
    rows, cols = picture.shape
    y, x = np.ogrid[:rows, :cols]
    radius = np.hypot(y - (rows - 1) / 2, x - (cols - 1) / 2) * pitch_mm / chain.STEP_RADIUS_MM
    inside, beside = picture[radius < 0.8], picture[radius > 1.3]
    return float(1 - inside.mean(dtype=np.float64) / beside.mean(dtype=np.float64)), float(
        beside.std(dtype=np.float64) / beside.mean(dtype=np.float64)
    )


def predict_images(bench: Bench, reports: Sequence[LayerReport]) -> dict[str, Any]:
    """The same numbers as the transport says them, and no image.

    Parameters
    ----------
    bench : Bench
        Layer, panel and protocol.
    reports : sequence of LayerReport
        Of the layer, one for each dose of the protocol.

    Returns
    -------
    predicted : dict
        JSON values and arrays.
    """
    report = next(each for each in reports if each.air_kerma_uGy == chain.nominal(bench.protocol))
    electrons = report.electrons_per_uGy * report.air_kerma_uGy
    return {
        "mtf": {
            "frequency_per_mm": report.frequency_per_mm,
            "value": report.mtf,
            "standard_error": report.mtf_error,
        },
        **_spectra(report),
        "doses": [{"air_kerma_uGy": each.air_kerma_uGy, **_spectra(each), "dqe_zero": each.dqe0} for each in reports],
        "contrast_detail": predict_details(report),
        "dqe_zero": report.dqe0,
        "dqe_zero_band": list(report.dqe0_band),
        "lag": chain.predicted_lag(bench, electrons * bench.protocol.high_uGy / report.air_kerma_uGy),
        "electrons": electrons,
        "saturation_uGy": report.saturation_uGy,
        "quantum_detection_efficiency": report.quantum_detection_efficiency,
        "absorbed_energy_fraction": report.absorbed_energy_fraction,
        "swank": report.swank_xray * report.swank_optical * report.swank_yield,
        "electrons_per_absorbed_quantum": report.electrons_per_absorbed_quantum,
        "direct_signal_fraction": report.direct_signal_fraction,
        "crossover_uGy": report.crossover_uGy,
    }


def _spectra(report: LayerReport) -> dict[str, Any]:
    """NNPS and DQE of one dose, to the Nyquist frequency."""
    within = report.frequency_per_mm <= report.nyquist_per_mm
    frequency = report.frequency_per_mm[within]
    total = report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic
    return {
        "nnps": {"frequency_per_mm": frequency, "value": total[within]},
        "dqe": {"frequency_per_mm": frequency, "value": report.dqe[within], "band": report.dqe_band[:, within]},
    }


def agreement(measured: Mapping[str, Any], predicted: Mapping[str, Any]) -> dict[str, Any]:
    """Largest departures of what was measured from what was predicted, each with its standard error.

    Parameters
    ----------
    measured, predicted : mapping
        From `measure_images` and `predict_images`.

    Returns
    -------
    found : dict
        MTF to the Nyquist frequency; NNPS of what changes from frame to frame, and DQE with it, as means over 0.2 /mm
        from 0.2 to 2 /mm, at the nominal dose, and under "doses" at each.
    """
    nyquist = predicted["nnps"]["frequency_per_mm"][-1]
    found: dict[str, Any] = {}
    transfer = predicted["mtf"]
    worst = (0.0, 0.0)
    for curve in measured["mtf"].values():
        frequency, value, error = (np.array(curve[key]) for key in ("frequency_per_mm", "value", "standard_error"))
        within = frequency <= nyquist
        off = value - np.interp(frequency, transfer["frequency_per_mm"], transfer["value"])
        place = int(np.argmax(np.abs(off) * within))
        worst = max(worst, (abs(float(off[place])), float(error[place])))
    found["mtf_worst_difference"] = {"value": worst[0], "standard_error": worst[1]}
    found |= _departures(measured["nnps"]["temporal"], measured["dqe_temporal"], predicted)
    found["doses"] = [
        {"air_kerma_uGy": own["air_kerma_uGy"], **_departures(own["nnps_temporal"], own["dqe_temporal"], should)}
        for own, should in zip(measured["doses"], predicted["doses"], strict=True)
    ]
    return found


def _departures(nnps: Mapping[str, Any], dqe: Mapping[str, Any], predicted: Mapping[str, Any]) -> dict[str, Any]:
    """Worst and mean departures of NNPS and DQE at one dose."""
    found: dict[str, Any] = {}
    for name, curves in (("nnps", nnps), ("dqe", dqe)):
        rows = [_binned(curve, predicted[name]) for axis, curve in curves.items() if axis in ("horizontal", "vertical")]
        ratio = max((row for each in rows for row in each), key=lambda row: abs(row[0]))
        found[f"{name}_worst_relative_difference"] = {"value": ratio[0], "standard_error": ratio[1]}
        every = np.array([row for each in rows for row in each])
        found[f"{name}_mean_relative_difference"] = float(every[:, 0].mean())
    return found


def _binned(curve: Mapping[str, Any], predicted: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Relative departures of means over 0.2 /mm from 0.2 /mm on, and their standard errors."""
    frequency, value, error = (np.array(curve[key]) for key in ("frequency_per_mm", "value", "standard_error"))
    should = np.interp(frequency, predicted["frequency_per_mm"], np.asarray(predicted["value"]))
    rows = []
    for low in np.arange(COMPARED_STEP_PER_MM, COMPARED_TO_PER_MM - 1e-9, COMPARED_STEP_PER_MM):
        inside = (frequency >= low) & (frequency < low + COMPARED_STEP_PER_MM)
        shared = max(1.0, np.count_nonzero(inside) / SHARING)
        off = float(value[inside].mean() / should[inside].mean() - 1)
        rows.append((off, float((error[inside] / should[inside]).mean() / np.sqrt(shared))))
    return rows
