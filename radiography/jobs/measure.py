"""Measurements of image files: the presampled MTF, as a record, JSON, CSV and a plot."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiography.analysis.mtf import MtfCurve, every_edge_mtf, low_frequency_drop, mtf50, slanted_edge_mtf
from radiography.files.frames import RawLayout, read_image
from radiography.files.source import GIVE_PITCH, split_dataset
from radiography.jobs.annotated import DICOM, MeasuredImage, mtf_marks, write_result
from radiography.jobs.flag_planes import left_out_pixels
from radiography.jobs.inputs import (
    PICTURES,
    Region,
    all_or_none,
    check_writable,
    keep_apart,
    optional_path,
    region_within,
)
from radiography.jobs.json_text import write_json
from radiography.jobs.judgement import needed_pitch_mm, pitch_contradicted, refuse_not_linear

MTF_DEFINITION = (
    "presampled MTF along the normal of a slanted edge, pixel aperture included: the transform of the derivative of a "
    "regression spline through all pixels by their distance to the edge, 1 at frequency 0 of the line spread as far as "
    "the region reaches; IEC 62220-1-1:2015 interleaves rows instead"
)
EDGES = ("strongest", "all")


@dataclass(frozen=True, eq=False)
class Measurement:
    """The MTF of an image, and the files that were written of it.

    Attributes
    ----------
    image : Path
        What was measured.
    curve : MtfCurve
        MTF of the clearest edge with its standard error; its warnings say what to doubt.
    json_file, plot : Path or None
        Files of the curve, where they were asked for.
    doubts : tuple of str
        What the image says about itself but is not believed, and edges that were found but not measured.
    curves : tuple of MtfCurve
        Of every edge that was measured, the clearest first.
    without_glare : tuple of MtfCurve
        The same without glare, where that was asked for.
    csv_file : Path or None
        Table of the curves, where it was asked for.
    dicom : Path or None
        Picture of the image with the edges that were measured, where it was asked for.
    """

    image: Path
    curve: MtfCurve
    json_file: Path | None
    plot: Path | None
    doubts: tuple[str, ...] = ()
    curves: tuple[MtfCurve, ...] = ()
    without_glare: tuple[MtfCurve, ...] = ()
    csv_file: Path | None = None
    dicom: Path | None = None


def measure_mtf(
    image: str | Path,
    *,
    roi: Region | None = None,
    pitch_mm: float | None = None,
    frame: int | None = None,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    layout: RawLayout | None = None,
    edges: str = "strongest",
    flags: str | Path | None = None,
    no_glare: bool = False,
    csv_file: str | Path | None = None,
    dicom: str | Path | None = None,
) -> Measurement:
    """Presampled MTF of the slanted edge in an image file, or of all edges in it.

    Parameters
    ----------
    image : str or Path
        Linear corrected image; pixels without a number are left out.
    roi : (int, int, int, int), optional
        First and end row, first and end column, half-open; None stands for the image's border. Found without it. [1]
    pitch_mm : float, optional
        Pixel pitch, where the file does not say it. [mm]
    frame : int, optional
        Which frame of a file of several, from 0. [1]
    json_file, plot : str or Path, optional
        Where the curve is written as JSON, and drawn (.png, .pdf or .svg).
    layout : RawLayout, optional
        Of a headerless raw file.
    edges : str
        "strongest", or "all": of each edge of the plate, in both directions.
    flags : str or Path, optional
        Flag plane of the image, as `reconstruct` writes it, or a mask that is not zero where a pixel is unusable.
    no_glare : bool
        Also the curve whose line spread is cut where glare begins.
    csv_file : str or Path, optional
        Where the curves are written as a table (.csv).
    dicom : str or Path, optional
        Where the image is written as a DICOM picture with regions, edges and MTF burnt in (.dcm).

    Returns
    -------
    measurement : Measurement

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the image holds no such edge or cannot be read; no file is left behind then.
    """
    image, written, drawn, table = Path(image), optional_path(json_file), optional_path(plot), optional_path(csv_file)
    burnt = optional_path(dicom)
    if edges not in EDGES:
        raise ValueError(f"--edges must be {' or '.join(EDGES)}, got '{edges}'")
    check_writable(written)
    check_writable(drawn, PICTURES)
    check_writable(table, (".csv",))
    check_writable(burnt, DICOM)
    keep_apart([written, drawn, table, burnt], [image, flags])
    if burnt is not None and pitch_mm == 1:
        raise ValueError("--pitch 1 stands for cycles per pixel, and is no length that --dicom could say")
    picture = read_image(image, layout, frame, finite=False)
    refuse_not_linear(image, picture.stage, "an MTF")
    why = ": give --pitch in mm (1 for cycles per pixel)"
    pitch = needed_pitch_mm(image, picture.pitch_mm, picture.warnings, pitch_mm, why)
    doubts = tuple(doubt for doubt in picture.warnings if not doubt.endswith(GIVE_PITCH))
    if pitch_mm != 1:  # else frequencies are wanted in cycles per pixel
        doubts += tuple(pitch_contradicted([(image, picture.pitch_mm)], pitch_mm))
    with np.errstate(over="ignore"):
        pixels = picture.pixels.astype(np.float32)
    defects = ~np.isfinite(pixels)
    too_large = int(np.count_nonzero(defects & np.isfinite(picture.pixels)))
    if too_large:
        doubts += (f"{image}: {too_large} pixels are too large a number and are left out, as defects",)
    saturated = None
    where = region_within(roi, pixels.shape)
    flagged = left_out_pixels(optional_path(flags), [(image, picture.conditions)], pixels.shape, f"{image} is")
    if flagged is not None:
        defects |= flagged.unusable
        saturated = flagged.saturated
        doubts += flagged.doubts
    given = (pixels, pitch, where, defects if defects.any() else None)
    if edges == "all":
        curves, refused = every_edge_mtf(*given, saturated=saturated)
        doubts += refused
        glareless = every_edge_mtf(*given, saturated=saturated, glare=False)[0] if no_glare else ()
    else:
        curves = (slanted_edge_mtf(*given, saturated=saturated),)
        glareless = (slanted_edge_mtf(*given, saturated=saturated, glare=False),) if no_glare else ()
    measured = Measurement(image, curves[0], written, drawn, doubts, curves, glareless, csv_file=table, dicom=burnt)
    return _written(measured, MeasuredImage(image, pixels, pitch, picture.conditions, picture.metadata, frame))


def mtf_to_json(measured: Measurement) -> dict[str, Any]:
    """The curve of the clearest edge with its standard error and what to doubt, and under "edges" that of each."""
    name = split_dataset(measured.image)[0].name
    glareless = measured.without_glare or (None,) * len(measured.curves)
    edges = [_edge_to_json(name, *pair) for pair in zip(measured.curves, glareless, strict=True)]
    return {**edges[0], "warnings": [*measured.doubts, *edges[0]["warnings"]], "edges": edges}


def _edge_to_json(name: str, curve: MtfCurve, glareless: MtfCurve | None) -> dict[str, Any]:
    """One edge: the curve, the numbers that describe it, and those that say whether to believe it."""
    try:
        half: dict[str, float] | None = dict(zip(("value", "standard_error"), mtf50(curve), strict=True))
    except ValueError:
        half = None
    found = {
        "image": name,
        "definition": MTF_DEFINITION,
        "frequency_per_mm": curve.frequency_per_mm.tolist(),
        "value": curve.value.tolist(),
        "standard_error": curve.standard_error.tolist(),
        "simultaneous_factor": curve.simultaneous_factor,
        "nyquist_per_mm": 0.5 / curve.pitch_mm,
        "cutoff_per_mm": curve.cutoff_per_mm,
        "mtf50_per_mm": half,
        "low_frequency_drop": low_frequency_drop(curve),
        "contrast_dn": curve.contrast_dn,
        "contrast_to_noise": curve.contrast_to_noise,
        "angle_deg": float(curve.angle_deg),
        "orientation": curve.orientation,
        "bright_side": curve.bright_side,
        "bow_mm": curve.bow_mm,
        "heel_per_mm": curve.heel_per_mm,
        "bend_per_mm2": curve.bend_per_mm2,
        "outlier_count": curve.outlier_count,
        "pitch_mm": curve.pitch_mm,
        "roi": list(curve.roi),
        "quality": asdict(curve.quality),
        "warnings": list(curve.warnings),
    }
    if glareless is not None:
        found["without_glare"] = {
            "frequency_per_mm": glareless.frequency_per_mm.tolist(),
            "value": glareless.value.tolist(),
            "standard_error": glareless.standard_error.tolist(),
            "reach_mm": float(np.abs(glareless.position_mm).max()),
        }
    return found


def edge_name(curve: MtfCurve) -> str:
    """An edge of a plate in words: the side on which it is bright, and its angle."""
    return f"{curve.bright_side} edge at {abs(curve.angle_deg):.2f} deg"


def _written(measured: Measurement, image: MeasuredImage) -> Measurement:
    """All files that are wanted, or none; the measurement with what the picture lets doubt."""
    json_file, plot, table = measured.json_file, measured.plot, measured.csv_file
    with all_or_none(json_file, plot, table, measured.dicom) as places:
        if measured.dicom is not None:
            told = write_result(places[measured.dicom], image, mtf_marks(measured.curves), "MTF")
            measured = replace(measured, doubts=(*measured.doubts, *told))
        if json_file is not None:
            write_json(places[json_file], mtf_to_json(measured))
        if table is not None:
            _write_table(places[table], measured)
        if plot is not None:
            from radiography.figures.mtf_plot import mtf_figure

            several = len(measured.curves) > 1
            names = [edge_name(curve) if several else measured.image.stem for curve in measured.curves]
            mtf_figure(measured.curves, names).savefig(places[plot], dpi=150)
    return measured


def _write_table(path: Path, measured: Measurement) -> None:
    """A row for each frequency; of one edge alone `radiography fit` reads it."""
    several = len(measured.curves) > 1
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        beside = ["edge", "bright_side"] if several else []
        more = ["without_glare", "without_glare_standard_error"] if measured.without_glare else []
        writer.writerow([*beside, "frequency_per_mm", "mtf", "standard_error", *more])
        for k, curve in enumerate(measured.curves):
            columns = [curve.frequency_per_mm, curve.value, curve.standard_error]
            if measured.without_glare:
                other = measured.without_glare[k]
                columns += [np.interp(curve.frequency_per_mm, other.frequency_per_mm, y)
                            for y in (other.value, other.standard_error)]  # fmt: skip
            for row in zip(*columns, strict=True):
                writer.writerow([*([k + 1, curve.bright_side] if several else []), *(f"{float(x):.9g}" for x in row)])
