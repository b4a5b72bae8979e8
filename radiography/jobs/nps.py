"""Noise of flat frames in files: its normalised power spectrum and its parts, as a record, JSON, CSV and a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radiography.analysis.nps import Curve, NoiseCurves, NpsResult, noise_power_spectrum
from radiography.files.frames import RawLayout
from radiography.files.source import split_dataset
from radiography.jobs.flag_planes import left_out_pixels
from radiography.jobs.flat_series import doubts_of, open_flats, series_pitch_mm
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Region,
    Report,
    all_or_none,
    check_writable,
    keep_apart,
    no_report,
    optional_path,
    region_within,
)
from radiography.jobs.json_text import write_json

WHAT = "measuring the noise"


@dataclass(frozen=True, eq=False)
class NoiseMeasurement:
    """The noise of flats, and the files that were written of it.

    Attributes
    ----------
    files : tuple of Path
        What was measured.
    noise : NpsResult
        Spectra with their standard errors; its warnings say what to doubt.
    json_file, csv_file, plot : Path or None
        Files of the spectra, where they were asked for.
    doubts : tuple of str
        What the files say about themselves that makes the numbers doubtful.
    """

    files: tuple[Path, ...]
    noise: NpsResult
    json_file: Path | None
    csv_file: Path | None
    plot: Path | None
    doubts: tuple[str, ...] = ()


def measure_noise(
    frames: Files,
    *,
    roi: Region | None = None,
    pitch_mm: float | None = None,
    flags: str | Path | None = None,
    block_px: int = 256,
    json_file: str | Path | None = None,
    csv_file: str | Path | None = None,
    plot: str | Path | None = None,
    layout: RawLayout | None = None,
    report: Report = no_report,
) -> NoiseMeasurement:
    """Noise power spectrum of flat frames in files.

    Parameters
    ----------
    frames : str, Path or sequence of them
        Linear corrected flats of one exposure, in the order in which they were taken: files of one or several frames,
        patterns or folders. Pixels without a number, and columns that the files name as shielded, are left out.
    roi : (int, int, int, int), optional
        First and end row, first and end column; all without it. [1]
    pitch_mm : float, optional
        Pixel pitch, where the files do not say it. [mm]
    flags : str or Path, optional
        Plane of flags; pixels that are no measurement of their own are left out.
    block_px : int
        Side of a block. [pixel]
    json_file, csv_file, plot : str or Path, optional
        Where the spectra are written as JSON and as a table, and drawn (.png, .pdf or .svg).
    layout : RawLayout, optional
        Of headerless raw files.
    report : callable
        Called with what is being done and the fraction that is done.

    Returns
    -------
    measurement : NoiseMeasurement

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the frames are no flats of one series or cannot be read; no file is left behind then.
    """
    written, table, drawn = optional_path(json_file), optional_path(csv_file), optional_path(plot)
    mask_file = optional_path(flags)
    check_writable(written)
    check_writable(table, (".csv",))
    check_writable(drawn, PICTURES)
    series = open_flats(frames, layout, "a noise power spectrum")
    files = tuple(source.path for source in series.sources)
    keep_apart([written, table, drawn], [*files, mask_file])
    pitch = series_pitch_mm(series.sources, pitch_mm)
    said = [(source.path, source.conditions) for source in series.sources]
    flagged = left_out_pixels(mask_file, said, series.shape, "the flats are")
    report(WHAT, 0.0)
    noise = noise_power_spectrum(
        series,
        pitch,
        region_within(roi, series.shape),
        None if flagged is None else flagged.left_out,
        block_px=block_px,
        name_of=series.name_of,
        progress=lambda done: report(WHAT, done),
    )
    doubts = [*doubts_of(series.sources, pitch_mm), *(flagged.doubts if flagged else ())]
    measured = NoiseMeasurement(files, noise, written, table, drawn, tuple(doubts))
    with all_or_none(written, table, drawn) as places:
        if written is not None:
            write_json(places[written], noise_to_json(measured))
        if table is not None:
            places[table].write_text(curves_as_csv(_columns(noise)), encoding="utf-8", newline="\n")
        if drawn is not None:
            from radiography.figures.noise_plot import noise_figure

            noise_figure(noise).savefig(places[drawn], dpi=150)
    return measured


def noise_to_json(measured: NoiseMeasurement) -> dict[str, Any]:
    """The spectra with their standard errors, their parts, and what to doubt."""
    noise = measured.noise
    return {
        "measure": "nps",
        "definition": noise.definition,
        "unit": "mm2",
        "files": [split_dataset(path)[0].name for path in measured.files],
        "pitch_mm": noise.pitch_mm,
        "frames": noise.frames,
        "block_px": noise.block_px,
        "blocks": noise.blocks,
        "independent_blocks": noise.independent_blocks,
        "roi": list(noise.roi),
        "mean_signal": noise.mean_signal,
        "mean_signal_unit": "DN",
        "curves": curves_to_json(noise.curves),
        "temporal": curves_to_json(noise.temporal),
        "fixed": curves_to_json(noise.fixed),
        "axis_lines": {
            "horizontal": curve_to_json(noise.axis_lines.horizontal),
            "vertical": curve_to_json(noise.axis_lines.vertical),
        },
        "peaks": [asdict(peak) for peak in noise.peaks],
        "pixel_variance": asdict(noise.pixel_variance),
        "pixel_variance_unit": "DN2",
        "frame_correlation": noise.frame_correlation,
        "frame_correlation_error": noise.frame_correlation_error,
        "flicker": noise.flicker,
        "defect_count": noise.defect_count,
        "warnings": [*measured.doubts, *noise.warnings],
    }


def curves_to_json(curves: NoiseCurves | None) -> dict[str, Any] | None:
    """Three curves by direction; None where they could not be told."""
    if curves is None:
        return None
    return {name: curve_to_json(curve) for name, curve in curves._asdict().items()}


def curve_to_json(curve: Curve) -> dict[str, list[float]]:
    """Frequency, value and standard error as lists."""
    return {
        "frequency_per_mm": curve.frequency_per_mm.tolist(),
        "value": curve.value.tolist(),
        "standard_error": curve.standard_error.tolist(),
    }


def curves_as_csv(curves: Mapping[str, Curve]) -> str:
    """A table of curves of one list of frequencies, each with its standard error; empty where a curve does not reach.

    Parameters
    ----------
    curves : mapping of str to Curve
        By the heading of their column.

    Returns
    -------
    text : str
    """
    frequencies = np.unique(np.concatenate([np.round(curve.frequency_per_mm, 9) for curve in curves.values()]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["frequency_per_mm", *(f"{name}{end}" for name in curves for end in ("", "_standard_error"))])
    rows = {f: [f"{f:.7g}"] for f in frequencies.tolist()}
    for curve in curves.values():
        own = {
            f: (f"{v:.7g}", f"{e:.3g}")
            for f, v, e in zip(
                np.round(curve.frequency_per_mm, 9).tolist(), curve.value, curve.standard_error, strict=True
            )
        }
        for f, row in rows.items():
            row += own.get(f, ("", ""))
    writer.writerows(rows.values())
    return text.getvalue()


def _columns(noise: NpsResult) -> dict[str, Curve]:
    parts = {"": noise.curves, "temporal_": noise.temporal, "fixed_": noise.fixed}
    found = {f"{part}{name}_mm2": c for part, each in parts.items() if each for name, c in each._asdict().items()}
    return found | {f"axis_line_{name}_mm2": curve for name, curve in noise.axis_lines._asdict().items()}
