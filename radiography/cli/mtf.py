"""`radiography mtf`: the presampled MTF of an image, as a table, JSON and a plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiography.analysis.mtf import MtfCurve, mtf_at
from radiography.cli.options import region
from radiography.cli.output import file_of, give_json, warn
from radiography.files.frames import RawLayout
from radiography.jobs.measure import measure_mtf, mtf_to_json

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
) -> None:
    """Print the MTF of the edge in an image; write JSON and a plot where asked for."""
    measured = measure_mtf(
        image, roi=region(roi), pitch_mm=pitch_mm, frame=frame, json_file=file_of(json_file), plot=plot, layout=layout
    )
    for doubt in measured.doubts:
        warn(doubt)
    _print(measured.curve, image)
    give_json(json_file, mtf_to_json(measured), written=True)


def _print(curve: MtfCurve, image: Path) -> None:
    r0, r1, c0, c1 = curve.roi
    print(f"{image}: edge at {curve.angle_deg:.3f} deg, rows {r0}:{r1}, columns {c0}:{c1}")
    for warning in curve.warnings:
        warn(warning)
    print(f"{'1/mm':>8}{'MTF':>9}{'s.e.':>9}")
    highest = float(curve.frequency_per_mm[-1])
    step = TABLE_STEP_PER_MM * 10.0 ** np.floor(np.log10(max(highest, 1e-9) / 2.0))
    for frequency in np.arange(0.0, highest + 1e-9, step):
        value, error = mtf_at(curve, float(frequency))
        print(f"{frequency:>8.3g}{value:>9.4f}{error:>9.4f}")
