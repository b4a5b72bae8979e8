"""`radiography dqe`: the detective quantum efficiency as a table, JSON, CSV and a plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiography.cli.nps import table_frequencies
from radiography.cli.output import file_of, give_json, progress, warn
from radiography.jobs.dqe import DqeInput, DqeMeasurement, dqe_to_json, measure_dqe


def run_dqe(given: DqeInput, json_file: Path | None, csv_file: Path | None, plot: Path | None) -> None:
    """Print the DQE and what it was made of; write JSON, a table and a plot where asked for."""
    with progress() as report:
        measured = measure_dqe(given, json_file=file_of(json_file), csv_file=csv_file, plot=plot, report=report)
    for doubt in (*measured.doubts, *measured.result.warnings):
        warn(doubt)
    _print(measured)
    give_json(json_file, dqe_to_json(measured), written=True)


def _print(measured: DqeMeasurement) -> None:
    result, response = measured.result, measured.response
    fluence = result.fluence
    name = f"{fluence.name}: " if fluence.name else ""
    print(f"{name}{fluence.per_mm2_uGy:.6g} quanta per mm2 and uGy, {fluence.source}; {result.kerma_uGy:g} uGy")
    worst = "" if response.worst_nonlinearity is None else f", off by {100 * response.worst_nonlinearity:.2f} % at most"
    print(f"response: {response.dn_per_uGy:.6g} DN per uGy, offset {response.offset_dn:.5g} DN{worst}")
    axes = list(result.curves)
    print(f"{'':>8}" + "".join(f"{axis + ':':>16}{'':>26}" for axis in axes))
    print(f"{'1/mm':>8}" + f"{'MTF':>8}{'NNPS [mm2]':>13}{'DQE':>9}{'s.e.':>8}    " * len(axes))
    longest = max((curve.frequency_per_mm for curve in result.curves.values()), key=len)
    for frequency in table_frequencies(longest):
        line = f"{frequency:>8.3g}"
        for axis in axes:
            curve = result.curves[axis]
            if frequency > curve.frequency_per_mm[-1]:
                line += " " * 42
                continue
            mtf, nnps, dqe = (
                float(np.interp(frequency, each.frequency_per_mm, each.value))
                for each in (result.mtf[axis], result.nnps[axis], curve)
            )
            error = float(np.interp(frequency, curve.frequency_per_mm, curve.standard_error))
            line += f"{mtf:>8.4f}{nnps:>13.3e}{dqe:>9.4f}{error:>8.4f}    "
        print(line.rstrip())
    print(f"DQE(0) {result.dqe_zero:.4f} +- {result.dqe_zero_error:.4f}, extrapolated")
