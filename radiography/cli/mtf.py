"""`radiography mtf`: the presampled MTF of an image, as a table, JSON, CSV and a plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiography.analysis.mtf import MtfCurve, low_frequency_drop, mtf50, mtf_at
from radiography.cli.options import region
from radiography.cli.output import file_of, give_json, warn
from radiography.files.frames import RawLayout
from radiography.jobs.measure import Measurement, edge_name, measure_mtf, mtf_to_json

TABLE_STEP_PER_MM = 0.5


def run_mtf(
    image: Path,
    *,
    frame: int | None,
    roi: str | None,
    pitch_mm: float | None,
    json_file: Path | None,
    plot: Path | None,
    layout: RawLayout | None,
    edges: str,
    flags: Path | None,
    no_glare: bool,
    csv_file: Path | None,
    dicom: Path | None,
) -> None:
    """Print the MTF of the edge in an image, or of each; write JSON, CSV and a plot where asked for."""
    measured = measure_mtf(
        image,
        roi=region(roi),
        pitch_mm=pitch_mm,
        frame=frame,
        json_file=file_of(json_file),
        plot=plot,
        layout=layout,
        edges=edges,
        flags=flags,
        no_glare=no_glare,
        csv_file=csv_file,
        dicom=dicom,
    )
    for doubt in measured.doubts:
        warn(doubt)
    for k in range(len(measured.curves)):
        _print(measured, k)
    if dicom is not None:
        print(f"{dicom}: DICOM DX, what was measured burnt in")
    give_json(json_file, mtf_to_json(measured), written=True)


def _print(measured: Measurement, k: int) -> None:
    curve, several = measured.curves[k], len(measured.curves) > 1
    glareless = measured.without_glare[k] if measured.without_glare else None
    r0, r1, c0, c1 = curve.roi
    which = f", {curve.bright_side} side bright" if several else ""
    print(f"{measured.image}: edge at {curve.angle_deg:.3f} deg{which}, rows {r0}:{r1}, columns {c0}:{c1}")
    for warning in curve.warnings:
        warn(f"{edge_name(curve)}: {warning}" if several else warning)
    print(f"{'1/mm':>8}{'MTF':>9}{'s.e.':>9}" + (f"{'no glare':>10}" if glareless else ""))
    highest = float(curve.frequency_per_mm[-1])
    step = TABLE_STEP_PER_MM * 10.0 ** np.floor(np.log10(max(highest, 1e-9) / 2.0))
    for frequency in np.arange(0.0, highest + 1e-9, step):
        value, error = mtf_at(curve, float(frequency))
        inside = glareless is not None and frequency <= glareless.frequency_per_mm[-1]
        other = f"{mtf_at(glareless, float(frequency))[0]:>10.4f}" if glareless is not None and inside else ""
        print(f"{frequency:>8.3g}{value:>9.4f}{error:>9.4f}{other}")
    print(_summary(curve))


def _summary(curve: MtfCurve) -> str:
    """One line of the numbers that people ask for."""
    try:
        half, error = mtf50(curve)
        words = [f"MTF 0.5 at {half:.3f} +- {error:.3f} /mm"]
    except ValueError:
        words = ["MTF above 0.5"]
    drop = low_frequency_drop(curve)
    if np.isfinite(drop):
        words.append(f"low-frequency drop {100 * drop:z.1f} %")
    return ", ".join(words)
