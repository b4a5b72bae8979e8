"""`radiography export`: a corrected image as DICOM."""

from __future__ import annotations

from pathlib import Path

from radiography.files.frames import RawLayout
from radiography.jobs.export import export_image


def run_export(
    image: Path,
    out: Path,
    *,
    frame: int | None,
    for_processing: bool,
    pitch_mm: float | None,
    name: str,
    identifier: str,
    layout: RawLayout | None,
) -> None:
    """Write one corrected image as DICOM DX and say so."""
    pitch = export_image(
        image,
        out,
        for_processing=for_processing,
        pitch_mm=pitch_mm,
        name=name,
        identifier=identifier,
        frame=frame,
        layout=layout,
    )
    print(f"{out}: DICOM DX for {'processing' if for_processing else 'presentation'}, {pitch:g} mm pixels")
