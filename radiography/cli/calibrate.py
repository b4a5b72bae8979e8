"""`radiography calibrate`: from dark frames, flats and beam-on/beam-off sequences to a calibration set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radiography.cli.options import column_ranges
from radiography.cli.output import give_json, progress, warn
from radiography.files.frames import RawLayout
from radiography.jobs.calibrate import calibrate_panel, describe, saturation_of
from radiography.jobs.freed_memory import keep_freed_memory
from radiography.jobs.results import calibration_to_json


@dataclass(frozen=True)
class CalibrationFiles:
    """What the command line names: files of frames by kind, earlier sets, what files do not say, raw layout."""

    dark: Sequence[str]
    flat: Sequence[str]
    lag: Sequence[str]
    check: Sequence[str]
    earlier: Sequence[str]
    about: Path | None
    layout: RawLayout | None


def run_calibrate(
    files: CalibrationFiles,
    out: Path,
    *,
    criteria: str,
    order: int | None,
    shielded: str | None,
    saturation_dn: float | None,
    pitch_mm: float | None,
    json_file: Path | None,
) -> None:
    """Write the calibration set learned from the frames, and print what it holds."""
    keep_freed_memory()
    with progress() as report:
        made = calibrate_panel(
            files.dark,
            files.flat,
            out,
            lag=files.lag,
            check=files.check,
            earlier=files.earlier,
            criteria=criteria,
            order=order,
            shielded_cols=None if shielded is None else column_ranges("--shielded", shielded),
            saturation_dn=saturation_dn,
            about=files.about,
            pitch_mm=pitch_mm,
            layout=files.layout,
            report=report,
        )
    for warning in made.warnings:
        warn(warning)
    print(f"{made.out}: {describe(made.calibration)}")
    print(f"  {saturation_of(made.calibration)}")
    for note in made.calibration.provenance["notes"]:
        warn(note)
    give_json(json_file, calibration_to_json(made))
