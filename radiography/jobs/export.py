"""Export of corrected images: DICOM files of one, and the linked pair that a reconstruction writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.conditions import Conditions
from radiography.files.frames import RawLayout, read_image
from radiography.jobs.inputs import check_writable, keep_apart
from radiography.jobs.judgement import needed_pitch_mm, refuse_not_linear

if TYPE_CHECKING:
    from radiography.dicom.description import DxDescription


@dataclass(frozen=True)
class ExportedImage:
    """A DICOM file that was written.

    Attributes
    ----------
    out : Path
        The file.
    for_processing : bool
        Linear pixels (For Processing) instead of For Presentation.
    pitch_mm : float
        Pixel pitch that it says. [mm]
    """

    out: Path
    for_processing: bool
    pitch_mm: float


def export_image(
    image: str | Path,
    out: str | Path,
    *,
    for_processing: bool = False,
    pitch_mm: float | None = None,
    name: str = "",
    identifier: str = "PHANTOM",
    frame: int | None = None,
    layout: RawLayout | None = None,
) -> ExportedImage:
    """One corrected image as DICOM DX.

    Parameters
    ----------
    image, out : str or Path
        Linear corrected image, and the DICOM file to write.
    for_processing : bool
        Linear pixels (For Processing) instead of For Presentation.
    pitch_mm : float, optional
        Pixel pitch, where the file does not say it. [mm]
    name, identifier : str
        Of the patient or part.
    frame : int, optional
        Which frame of a file of several, from 0. [1]
    layout : RawLayout, optional
        Of a headerless raw file.

    Returns
    -------
    exported : ExportedImage

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the image cannot be read or has no pitch.
    """
    from radiography.dicom.write import export_dx

    image, out = Path(image), Path(out)
    check_writable(out)
    keep_apart([out], [image])
    picture = read_image(image, layout, frame)
    refuse_not_linear(image, picture.stage, "the export")
    why = ", which DICOM needs: give --pitch in mm"
    pitch = needed_pitch_mm(image, picture.pitch_mm, picture.warnings, pitch_mm, why)
    description = dx_description(picture.conditions, picture.metadata, name, identifier)
    origin = origin_text(picture.metadata)
    export_dx(picture.pixels.astype(np.float32), pitch, out, description, for_processing, origin=origin)
    return ExportedImage(out, for_processing, pitch)


def dx_description(
    conditions: Conditions, metadata: Mapping[str, Any], name: str = "", identifier: str = "PHANTOM"
) -> DxDescription:
    """What a DICOM file says about an image, as far as the image itself knows it.

    Parameters
    ----------
    conditions : Conditions
        How its raw frame was taken.
    metadata : mapping
        What else the image says about itself; the scene of a simulated one names the series.
    name, identifier : str
        Of the patient or part.

    Returns
    -------
    description : DxDescription
    """
    from radiography.dicom.description import DxDescription

    scene = metadata.get("scene")
    return DxDescription(
        patient_name=name,
        patient_id=identifier,
        series_description=str(scene["description"])[:64] if isinstance(scene, dict) else "",
        conditions=conditions,
    )


def write_dicom_pair(
    corrected_dn: npt.NDArray[np.float32],
    pitch_mm: float,
    stem: Path,
    conditions: Conditions,
    metadata: Mapping[str, Any],
) -> list[Path]:
    """For Presentation and For Processing, linked; their paths.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Linear, corrected image. [DN]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    stem : Path
        Where they go, without the ends of their names.
    conditions : Conditions
        How the raw frame was taken.
    metadata : mapping
        What else the image says about itself.

    Returns
    -------
    paths : list of Path
    """
    from radiography.dicom.write import export_dx

    processing, presentation = stem.with_name(f"{stem.name}_processing.dcm"), stem.with_name(f"{stem.name}.dcm")
    description, origin = dx_description(conditions, metadata), origin_text(metadata)
    reference = export_dx(corrected_dn, pitch_mm, processing, description, True, origin=origin)
    export_dx(corrected_dn, pitch_mm, presentation, description, False, predecessor=reference, origin=origin)
    return [presentation, processing]


def origin_text(metadata: Mapping[str, Any]) -> str:
    """How an image was corrected and with what, as far as its own metadata knows it, in a line of text."""
    steps = metadata.get("steps")
    said = [", ".join(str(step) for step in steps)] if isinstance(steps, list) and steps else []
    for kind in ("raw", "calibration", "pipeline_file"):
        file = metadata.get(kind)
        if isinstance(file, dict) and "sha256" in file:
            said.append(f"{kind.removesuffix('_file')} {file.get('name')} SHA-256 {file['sha256']}")
    return "; ".join(said)[:4096]
