"""`radiography export`: a corrected image as DICOM, and the pair of DICOM files that `reconstruct` writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.files.frames import RawLayout, read_image
from radiography.jobs.inputs import check_writable


def run_export(
    image: Path,
    frame: int | None,
    out: Path,
    for_processing: bool,
    pitch_mm: float | None,
    name: str,
    identifier: str,
    layout: RawLayout | None,
) -> None:
    """Write one corrected image as DICOM DX."""
    from radiography.dicom.write import export_dx

    check_writable(out)
    picture = read_image(image, layout, frame)
    pitch = pitch_mm or picture.pitch_mm
    if pitch is None:
        raise ValueError(f"{image} does not say its pixel pitch, which DICOM needs: give --pitch in mm")
    description = dx_description(picture.metadata, name, identifier)
    origin = origin_text(picture.metadata)
    export_dx(picture.pixels.astype(np.float32), pitch, out, description, for_processing, origin=origin)
    print(f"{out}: DICOM DX for {'processing' if for_processing else 'presentation'}, {pitch:g} mm pixels")


def dx_description(metadata: Mapping[str, Any], name: str = "", identifier: str = "PHANTOM") -> Any:
    """What a DICOM file says about an image, as far as the image's own metadata knows it."""
    from radiography.dicom.description import DxDescription

    scene = metadata.get("scene")
    anode = {"W": "TUNGSTEN", "Mo": "MOLYBDENUM", "Rh": "RHODIUM", "Au": "GOLD", "Ag": "SILVER"}
    return DxDescription(
        patient_name=name,
        patient_id=identifier,
        series_description=str(scene["description"])[:64] if isinstance(scene, dict) else "",
        model=str(metadata.get("panel", "")),
        serial_number=str(metadata.get("serial", "")),
        detector_id=str(metadata.get("serial", "")),
        detector_description=str(metadata.get("scintillator", "")),
        kvp=metadata.get("kvp"),
        anode=anode.get(str(metadata.get("anode")), ""),
        focal_spot_mm=metadata.get("focal_spot_mm") or None,
        source_to_detector_mm=metadata.get("source_to_detector_mm"),
        air_kerma_uGy=metadata.get("air_kerma_uGy") or None,
    )


def write_dicom_pair(
    corrected_dn: npt.NDArray[np.float32], pitch_mm: float, stem: Path, metadata: Mapping[str, Any]
) -> list[Path]:
    """For Presentation and For Processing, linked; their paths."""
    from radiography.dicom.write import export_dx

    processing, presentation = stem.with_name(f"{stem.name}_processing.dcm"), stem.with_name(f"{stem.name}.dcm")
    description, origin = dx_description(metadata), origin_text(metadata)
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
