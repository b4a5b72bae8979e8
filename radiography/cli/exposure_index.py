"""`radiography exposure-index`: exposure and deviation index of images, with the region they were taken from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import Flags, Frame, JsonFile, Layout, Pitch, Plot, Result


def exposure_index(
    files: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="Linear images, For Processing DICOM, or raw frames.")
    ],
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="CAL", help="Calibration set whose flats said their air kerma and beam."),
    ] = None,
    dn_per_uGy: Annotated[
        float | None, typer.Option("--dn-per-uGy", metavar="X", help="Signal of 1 uGy [DN/uGy], instead of a set.")
    ] = None,
    offset_dn: Annotated[
        float | None, typer.Option("--offset-dn", metavar="Y", help="Signal without exposure [DN], with --dn-per-uGy.")
    ] = None,
    target: Annotated[
        float | None, typer.Option("--target", metavar="EI", help="Exposure index aimed at: gives the deviation index.")
    ] = None,
    frame: Frame = None,
    flags: Flags = None,
    json_file: JsonFile = None,
    plot: Plot = None,
    dicom: Result = None,
    pitch: Pitch = None,
    layout: Layout = None,
) -> None:
    """Exposure index of images by IEC 62494-1. The region behind the object is found, its median kerma is told."""
    from radiography.analysis.exposure_index import in_words
    from radiography.cli.output import file_of, give_json, progress, warn
    from radiography.jobs.exposure_index import ExposureGiven, exposure_to_json, measure_exposure

    with progress():  # the response to another beam takes seconds to compute
        measured = measure_exposure(
            files,
            calibration=calibration,
            given=ExposureGiven(dn_per_uGy, offset_dn, target),
            frame=frame,
            flags=flags,
            json_file=file_of(json_file),
            plot=plot,
            dicom=dicom,
            pitch_mm=pitch,
            layout=layout,
        )
    for each in measured:
        found, known = each.found, each.calibration
        for doubt in each.doubts:
            warn(doubt)
        words = f"{each.image}: exposure index {found.exposure_index:.4g}"
        if found.deviation_index is not None:
            words += f", deviation index {found.deviation_index:+.1f} (target {found.target:g})"
        print(words)
        shares = ", ".join(f"{100 * part:.1f} % {name}" for name, part in found.region.shares.items() if part)
        beam = known.beam_quality or (f"{known.kvp:g} kV" if known.kvp else "a beam not said")
        print(f"  {in_words(found)}")
        print(
            f"  median of the region {found.value_dn:.5g} DN, {known.dn_per_uGy:.5g} DN/uGy of {beam} ({known.source})"
            f"{f', times {each.beam_ratio:.4g} for the beam of the image' if each.beam_ratio != 1.0 else ''}"
        )
        print(f"  {shares}")
    if dicom is not None:
        print(f"{dicom}: DICOM DX, what was measured burnt in")
    give_json(json_file, exposure_to_json(measured), written=True)
