"""`radiography reconstruct`: corrected images from raw frames, and back with --undo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiography.cli.cine import tell_cine
from radiography.cli.output import give_json, progress, warn
from radiography.files.frames import RawLayout
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from radiography.jobs.reconstruct_cine import reconstruct_cine
from radiography.jobs.results import reconstruction_to_json, undone_to_json
from radiography.jobs.undo import undo_frames

_NAMES = {"negative_beyond_noise": "below zero by more than noise"}  # half of the dark pixels are below zero by noise


def run_reconstruct(
    raw: Sequence[str],
    calibration: Path,
    out: Path,
    *,
    pipeline: Path | None,
    wanted: Wanted,
    about: Path | None,
    pitch_mm: float | None,
    layout: RawLayout | None,
    json_file: Path | None,
    cine: bool = False,
    for_processing: bool = False,
) -> None:
    """Write corrected images and what is wanted beside them, or one sequence; print a line for each file."""
    if cine:
        with progress() as report:
            sequence = reconstruct_cine(
                raw,
                calibration,
                out,
                for_processing=for_processing,
                pipeline=pipeline,
                wanted=wanted,
                about=about,
                pitch_mm=pitch_mm,
                layout=layout,
                report=report,
            )
        tell_cine(sequence, json_file)
        return
    with progress() as report:
        made = reconstruct_frames(
            raw,
            calibration,
            out,
            pipeline=pipeline,
            wanted=wanted,
            about=about,
            pitch_mm=pitch_mm,
            layout=layout,
            report=report,
        )
    for warning in made.warnings:
        warn(warning)
    for file in made.files:
        said = {_NAMES.get(name, name): count for name, count in file.counts.items() if count and name != "negative"}
        counts = ", ".join(f"{count} {name}" for name, count in said.items()) or "nothing flagged"
        print(f"{file.image}: corrected, {counts}")
        print(f"{file.preview}: preview")
        for path, what in file.planes.items():
            print(f"{path}: {what}")
        for path in file.dicom:
            print(f"{path}: DICOM DX")
    give_json(json_file, reconstruction_to_json(made))


def run_undo(
    corrected: Sequence[str], calibration: Path, out: Path, refused: Sequence[str], json_file: Path | None
) -> None:
    """Write raw frames from corrected images, and print a line for each file."""
    if refused:
        raise ValueError(f"--undo takes the steps from the corrected images themselves and has no use for {refused[0]}")
    with progress() as report:
        files = undo_frames(corrected, calibration, out, report=report)
    for file in files:
        about = f"raw frame{'s' if file.frames > 1 else ''}, {file.lost} pixels of their neighbours' making"
        without = f", without {' and '.join(file.missing)}, which do not come back" if file.missing else ""
        print(f"{file.path}: {about}{without}")
    give_json(json_file, undone_to_json(files))
