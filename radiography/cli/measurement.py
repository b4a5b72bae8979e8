"""`radiography mtf`: the presampled MTF of an image, as a table, JSON and a plot."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from radiography.analysis.mtf import MtfCurve, mtf_at, slanted_edge_mtf
from radiography.cli.options import region
from radiography.files.frames import RawLayout, read_image
from radiography.jobs.inputs import check_writable
from radiography.jobs.staging import staged

TABLE_STEP_PER_MM = 0.5


def run_mtf(
    image: Path,
    frame: int | None,
    roi: str | None,
    pitch_mm: float | None,
    json_file: Path | None,
    plot: Path | None,
    layout: RawLayout | None,
) -> None:
    """Print the MTF of the edge in an image; write JSON and a plot where asked for."""
    if json_file is not None:
        check_writable(json_file)
    if plot is not None:
        check_writable(plot, (".png", ".pdf", ".svg"))
    picture = read_image(image, layout, frame)
    pitch = pitch_mm or picture.pitch_mm
    if pitch is None:
        raise ValueError(f"{image} does not say its pixel pitch: give --pitch in mm (1 for cycles per pixel)")
    curve = slanted_edge_mtf(picture.pixels.astype(np.float32), pitch, region(roi))
    _write(curve, image, json_file, plot)
    _print(curve, image)


def _print(curve: MtfCurve, image: Path) -> None:
    r0, r1, c0, c1 = curve.roi
    print(f"{image}: edge at {curve.angle_deg:.3f} deg, rows {r0}:{r1}, columns {c0}:{c1}")
    for warning in curve.warnings:
        print(f"note: {warning}")
    print(f"{'1/mm':>8}{'MTF':>9}{'s.e.':>9}")
    highest = float(curve.frequency_per_mm[-1])
    step = TABLE_STEP_PER_MM * 10.0 ** np.floor(np.log10(max(highest, 1e-9) / 2.0))
    for frequency in np.arange(0.0, highest + 1e-9, step):
        value, error = mtf_at(curve, float(frequency))
        print(f"{frequency:>8.3g}{value:>9.4f}{error:>9.4f}")


def _write(curve: MtfCurve, image: Path, json_file: Path | None, plot: Path | None) -> None:
    result = {
        "image": image.name,
        "frequency_per_mm": curve.frequency_per_mm.tolist(),
        "value": curve.value.tolist(),
        "standard_error": curve.standard_error.tolist(),
        "angle_deg": float(curve.angle_deg),
        "pitch_mm": curve.pitch_mm,
        "roi": list(curve.roi),
        "warnings": list(curve.warnings),
    }
    with ExitStack() as both:  # neither file appears unless both could be written
        if json_file is not None:
            folder = both.enter_context(staged(json_file.parent))
            (folder / json_file.name).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        if plot is not None:
            from radiography.figures.mtf_plot import mtf_figure

            mtf_figure([curve], [image.stem]).savefig(both.enter_context(staged(plot.parent)) / plot.name, dpi=150)
