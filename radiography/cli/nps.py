"""`radiography nps`: the noise power spectrum of flats, as a table, JSON, CSV and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import numpy as np

from radiography.analysis.nps import NpsResult
from radiography.cli.options import region
from radiography.cli.output import file_of, give_json, progress, warn
from radiography.files.frames import RawLayout
from radiography.jobs.nps import measure_noise, noise_to_json

TABLE_STEPS = 7  # up to Nyquist, about


def run_nps(
    frames: Sequence[str],
    *,
    roi: str | None,
    pitch_mm: float | None,
    flags: Path | None,
    block: int,
    json_file: Path | None,
    csv_file: Path | None,
    plot: Path | None,
    layout: RawLayout | None,
) -> None:
    """Print the noise of flats; write JSON, a table and a plot where asked for."""
    with progress() as report:
        measured = measure_noise(
            frames,
            roi=region(roi),
            pitch_mm=pitch_mm,
            flags=flags,
            block_px=block,
            json_file=file_of(json_file),
            csv_file=csv_file,
            plot=plot,
            layout=layout,
            report=report,
        )
    for doubt in (*measured.doubts, *measured.noise.warnings):
        warn(doubt)
    _print(measured.noise)
    give_json(json_file, noise_to_json(measured), written=True)


def _print(noise: NpsResult) -> None:
    r0, r1, c0, c1 = noise.roi
    print(
        f"{noise.frames} frames, rows {r0}:{r1}, columns {c0}:{c1}, mean {noise.mean_signal:.6g} DN; "
        f"{noise.blocks} blocks of {noise.block_px} x {noise.block_px}, {noise.independent_blocks} independent"
    )
    curves = [*noise.curves, *([noise.temporal.radial, noise.fixed.radial] if noise.temporal and noise.fixed else [])]
    names = ["horizontal", "vertical", "radial", "temporal", "fixed"][: len(curves)]
    print("NNPS [mm2] and standard error [%]; temporal and fixed are radial")
    print(f"{'1/mm':>8}" + "".join(f"{name:>14}{'':>5}" for name in names))
    for frequency in table_frequencies(noise.curves.radial.frequency_per_mm):
        cells = []
        for curve in curves:
            value, error = (
                float(np.interp(frequency, curve.frequency_per_mm, y)) for y in (curve.value, curve.standard_error)
            )
            cells.append(f"{value:>14.3e}{_percent(error, value):>5}")
        print(f"{frequency:>8.3g}" + "".join(cells))
    variance = noise.pixel_variance
    sigma = {
        name: part
        for name in ("total", "temporal", "fixed", "rows", "columns")
        if (part := getattr(variance, name)) is not None
    }
    print("noise of a pixel: " + ", ".join(f"{name} {sqrt(part):.4g} DN" for name, part in sigma.items()))
    if noise.frame_correlation is not None:
        print(f"correlation from frame to frame: {noise.frame_correlation:.4f} +- {noise.frame_correlation_error:.4f}")
    for peak in noise.peaks:
        print(
            f"peak at u {peak.frequency_u_per_mm:.4f}, v {peak.frequency_v_per_mm:.4f} per mm: amplitude "
            f"{100 * peak.relative_amplitude:.4f} % of the mean, {peak.kind}"
        )
    if noise.defect_count:
        print(f"{noise.defect_count} pixels left out as defects")


def _percent(error: float, value: float) -> str:
    """Standard error in percent of a value that is told from zero by it, `>100` of one that is not."""
    return f"{100 * error / value:.1f}" if value >= error else ">100"


def table_frequencies(frequency_per_mm: np.ndarray) -> np.ndarray:
    """Round frequencies for a printed table, within those of a curve. [1/mm]"""
    last = float(frequency_per_mm[-1])
    step = next(
        s * 10.0**p for p in range(-6, 7) for s in (1.0, 2.0, 2.5, 5.0) if s * 10.0**p * TABLE_STEPS >= last * 0.95
    )
    steps = np.arange(1, int(last / step + 1e-9) + 1) * step
    return np.concatenate([[0.5 * step], steps]) if 0.5 * step >= frequency_per_mm[0] else steps
