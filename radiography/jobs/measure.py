"""Measurements of image files: the presampled MTF, as a record, JSON and a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radiography.analysis.mtf import MtfCurve, slanted_edge_mtf
from radiography.files.frames import RawLayout, read_image
from radiography.files.source import GIVE_PITCH, split_dataset
from radiography.jobs.inputs import PICTURES, all_or_none, check_writable, keep_apart, optional_path
from radiography.jobs.json_text import write_json
from radiography.jobs.judgement import needed_pitch_mm, pitch_contradicted, refuse_not_linear


@dataclass(frozen=True, eq=False)
class Measurement:
    """The MTF of an image, and the files that were written of it.

    Attributes
    ----------
    image : Path
        What was measured.
    curve : MtfCurve
        MTF with its standard error; its warnings say what to doubt.
    json_file, plot : Path or None
        Files of the curve, where they were asked for.
    doubts : tuple of str
        What the image says about itself but is not believed.
    """

    image: Path
    curve: MtfCurve
    json_file: Path | None
    plot: Path | None
    doubts: tuple[str, ...] = ()


def measure_mtf(
    image: str | Path,
    *,
    roi: tuple[int, int, int, int] | None = None,
    pitch_mm: float | None = None,
    frame: int | None = None,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    layout: RawLayout | None = None,
) -> Measurement:
    """Presampled MTF of the slanted edge in an image file.

    Parameters
    ----------
    image : str or Path
        Linear corrected image; pixels without a number are left out.
    roi : (int, int, int, int), optional
        First and last row, first and last column, half-open; found without it. [1]
    pitch_mm : float, optional
        Pixel pitch, where the file does not say it. [mm]
    frame : int, optional
        Which frame of a file of several, from 0. [1]
    json_file, plot : str or Path, optional
        Where the curve is written as JSON, and drawn (.png, .pdf or .svg).
    layout : RawLayout, optional
        Of a headerless raw file.

    Returns
    -------
    measurement : Measurement

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the image holds no such edge or cannot be read; no file is left behind then.
    """
    image, written, drawn = Path(image), optional_path(json_file), optional_path(plot)
    check_writable(written)
    check_writable(drawn, PICTURES)
    keep_apart([written, drawn], [image])
    picture = read_image(image, layout, frame, finite=False)
    refuse_not_linear(image, picture.stage, "an MTF")
    why = ": give --pitch in mm (1 for cycles per pixel)"
    pitch = needed_pitch_mm(image, picture.pitch_mm, picture.warnings, pitch_mm, why)
    pixels = picture.pixels.astype(np.float32)
    no_number = ~np.isfinite(pixels)
    curve = slanted_edge_mtf(pixels, pitch, roi, no_number if no_number.any() else None)
    doubts = tuple(doubt for doubt in picture.warnings if not doubt.endswith(GIVE_PITCH))
    if pitch_mm != 1:  # else frequencies are wanted in cycles per pixel
        doubts += tuple(pitch_contradicted([(image, picture.pitch_mm)], pitch_mm))
    measured = Measurement(image, curve, written, drawn, doubts)
    _write(measured)
    return measured


def mtf_to_json(measured: Measurement) -> dict[str, Any]:
    """The curve with its standard error, and what to doubt."""
    curve = measured.curve
    return {
        "image": split_dataset(measured.image)[0].name,
        "frequency_per_mm": curve.frequency_per_mm.tolist(),
        "value": curve.value.tolist(),
        "standard_error": curve.standard_error.tolist(),
        "angle_deg": float(curve.angle_deg),
        "pitch_mm": curve.pitch_mm,
        "roi": list(curve.roi),
        "warnings": [*measured.doubts, *curve.warnings],
    }


def _write(measured: Measurement) -> None:
    json_file, plot = measured.json_file, measured.plot
    with all_or_none(json_file, plot) as places:
        if json_file is not None:
            write_json(places[json_file], mtf_to_json(measured))
        if plot is not None:
            from radiography.figures.mtf_plot import mtf_figure

            mtf_figure([measured.curve], [measured.image.stem]).savefig(places[plot], dpi=150)
