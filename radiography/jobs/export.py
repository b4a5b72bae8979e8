"""Export of corrected images: DICOM files of one, and the linked pair that a reconstruction writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.conditions import Conditions
from calibration.flags import SATURATED
from radiography.files.frames import RawLayout, read_image
from radiography.files.source import GIVE_PITCH
from radiography.jobs.exposure_calibration import with_exposure_index
from radiography.jobs.flag_planes import LEFT_OUT
from radiography.jobs.inputs import check_writable, keep_apart
from radiography.jobs.judgement import needed_pitch_mm, pitch_contradicted, refuse_not_linear
from radiography.jobs.subject import with_told

if TYPE_CHECKING:
    from radiography.dicom.description import DxDescription, LossyStep
    from radiography.dicom.modules import DxReference
    from radiography.dicom.subject import Told
    from radiography.presentation.chain import PresentedPicture


PHANTOM = "PHANTOM"  # identifier of an image that is of no patient
MOST_PACKED = 1e4  # ratio of a compression that is believed   # chosen
SIMULATION = "radiography simulation"  # maker of a panel that does not exist


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
    pitch_source : str
        Where the pitch is from.
    scale : str
        How the values became stored counts, of a For Processing file.
    compression : str or None
        Lossless, of its pixels.
    warnings : tuple of str
        What is unknown that DICOM asks for, and what should not be believed.
    picture : str
        How a picture for presentation was made, with its noise gain.
    """

    out: Path
    for_processing: bool
    pitch_mm: float
    pitch_source: str = ""
    scale: str = ""
    compression: str | None = None
    warnings: tuple[str, ...] = ()
    picture: str = ""


def export_image(
    image: str | Path,
    out: str | Path,
    *,
    for_processing: bool = False,
    pitch_mm: float | None = None,
    name: str | None = None,
    identifier: str | None = None,
    frame: int | None = None,
    layout: RawLayout | None = None,
    compression: str | None = None,
    told: Told | None = None,
) -> ExportedImage:
    """One corrected image as DICOM DX.

    Parameters
    ----------
    image, out : str or Path
        Linear corrected image, some pixels of which may hold no number, and the DICOM file to write.
    for_processing : bool
        Linear pixels (For Processing) instead of For Presentation.
    pitch_mm : float, optional
        Pixel pitch, where the file does not say it. [mm]
    name, identifier : str, optional
        Of the patient or part, in place of what the image says.
    frame : int, optional
        Which frame of a file of several, from 0. [1]
    layout : RawLayout, optional
        Of a headerless raw file.
    compression : str, optional
        Lossless: jpeg-lossless (SV1), jpeg-ls, jpeg2000, htj2k or rle; none without it.
    told : Told, optional
        What a person tells of subject, exposure, object plane and picture, and whether the object shall be anonymous.

    Returns
    -------
    exported : ExportedImage

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the image cannot be read, is not linear, or has no pitch.
    """
    from radiography.dicom.compress import check_compression
    from radiography.dicom.subject import NOTHING_TOLD
    from radiography.dicom.write import export_dx

    check_compression(compression)
    image, out = Path(image), Path(out)
    check_writable(out)
    keep_apart([out], [image])
    picture = read_image(image, layout, frame, finite=False)
    refuse_not_linear(image, picture.stage, "the export")
    why = ", which DICOM needs: give --pitch in mm"
    pitch = needed_pitch_mm(image, picture.pitch_mm, picture.warnings, pitch_mm, why)
    description = dx_description(
        picture.conditions, picture.metadata, name, identifier, frame=frame or 0, where=str(image)
    )
    told = told or NOTHING_TOLD
    description = with_told(description, told, picture.metadata)
    target = told.target_exposure_index
    description, of_index = with_exposure_index(description, picture.pixels, picture.metadata, target=target)
    written = export_dx(
        picture.pixels.astype(np.float32), pitch, out, description, for_processing,
        origin=origin_text(picture.metadata), stage=picture.stage, compression=compression,
        picture_steps=told.picture,
    )  # fmt: skip
    return ExportedImage(
        out,
        for_processing,
        pitch,
        "--pitch" if pitch_mm is not None else picture.pitch_source or "",
        str(written.scale or ""),
        compression=compression,
        warnings=(
            *(doubt for doubt in picture.warnings if not doubt.endswith(GIVE_PITCH)),
            *pitch_contradicted([(image, picture.pitch_mm)], pitch_mm),
            *left_empty(description, str(image)),
            *of_index,
            *not_fitting(image, written),
            *(_still_said(description, image) if (name or identifier) and not told.anonymous else ()),
        ),
        picture=written.picture,
    )


def not_fitting(image: Path | str, *written: DxReference) -> tuple[str, ...]:
    """What of an image does not fit its attributes in the files written, a sentence each."""
    return tuple(dict.fromkeys(f"{image} in DICOM: {reference.told}" for reference in written if reference.told))


def _still_said(description: DxDescription, image: Path) -> tuple[str, ...]:
    """One sentence where a new name or identifier stands beside what else the image says of the same patient."""
    asked = {"PatientBirthDate": "birth date", "PatientSex": "sex", "StudyInstanceUID": "study",
             "AccessionNumber": "accession number", "InstitutionName": "institution"}  # fmt: skip
    carried = description.carried
    stay = [words for keyword, words in asked.items() if carried is not None and carried.get(keyword)]
    return (f"{', '.join(stay)} stay those that {image} says, beside what was given",) if stay else ()


def dx_description(
    conditions: Conditions,
    metadata: Mapping[str, Any],
    name: str | None = None,
    identifier: str | None = None,
    *,
    frame: int = 0,
    where: str = "the image",
) -> DxDescription:
    """What a DICOM file says about an image, as far as the image itself knows it.

    An image of a DICOM frame keeps its patient, study and exposure; one that is of no patient is called `PHANTOM`.

    Parameters
    ----------
    conditions : Conditions
        How its raw frame was taken.
    metadata : mapping
        What else the image says about itself; the scene of a simulated one names the series.
    name, identifier : str, optional
        Of the patient or part, in place of what the image says.
    frame : int
        Which of the frames of its source it shows, from 0. [1]
    where : str
        Named in errors.

    Returns
    -------
    description : DxDescription

    Raises
    ------
    ValueError
        If a text does not fit DICOM, or what the image carries of a DICOM header is damaged.
    """
    from radiography.dicom.carried import add_loss, header_of, is_of_a_patient, magnification_of
    from radiography.dicom.description import DxDescription

    scene, record = metadata.get("scene"), metadata.get("dicom")
    simulated = isinstance(scene, dict)
    carried = header_of(record, where) if isinstance(record, dict) else None
    lossy = lossy_steps(metadata)
    if carried is not None:
        add_loss(carried, lossy)
    description = DxDescription(
        patient_name=name or "",
        patient_id=PHANTOM if identifier is None else identifier,
        series_description=str(scene.get("description", "")) if isinstance(scene, dict) else "",
        acquired=date_of(conditions.date),
        manufacturer=SIMULATION if simulated else "",
        conditions=conditions,
        magnification=None if carried is None else magnification_of(carried),
        magnification_source="magnification that the source image says",
        quality_control=carried is None or not is_of_a_patient(carried),
        carried=carried,
        frame=frame,
        lossy=lossy,
        event=_irradiation(metadata, frame),
        whole_panel=simulated,
    )
    if carried is not None and name is not None:  # checked above as the description's own
        carried.PatientName = f"{name}^" if name and "^" not in name else name
    if carried is not None and identifier is not None:
        carried.PatientID = identifier
        for keyword in ("IssuerOfPatientID", "OtherPatientIDs"):  # of the identifier that was replaced
            carried.pop(keyword, None)
    return description


def _irradiation(metadata: Mapping[str, Any], frame: int) -> str:
    """Which raw frame an image is of, however it was corrected; empty where it does not say."""
    raw = metadata.get("raw")
    digest = raw.get("sha256") if isinstance(raw, dict) else None
    return f"{digest} {frame}" if isinstance(digest, str) and digest else ""


def lossy_steps(metadata: Mapping[str, Any]) -> tuple[LossyStep, ...]:
    """The compressions with loss that the metadata of an image tell of; what they say wrongly is left out.

    Parameters
    ----------
    metadata : mapping

    Returns
    -------
    steps : tuple of LossyStep
    """
    from radiography.dicom.codestream import LOSSY, LOSSY_METHODS
    from radiography.dicom.description import LossyStep

    said = metadata.get(LOSSY, [])
    steps = []
    for step in said if isinstance(said, list) else [said]:
        method, ratio = (step.get("method"), step.get("ratio")) if isinstance(step, dict) else (None, None)
        believed = float(ratio) if isinstance(ratio, int | float) and 1.0 <= ratio <= MOST_PACKED else None
        steps.append(LossyStep(method if method in LOSSY_METHODS else None, believed))
    return tuple(steps)


def write_dicom_pair(
    corrected_dn: npt.NDArray[np.float32],
    pitch_mm: float,
    stem: Path,
    conditions: Conditions,
    metadata: Mapping[str, Any],
    frame: int = 0,
    flags: npt.NDArray[np.uint16] | None = None,
    *,
    told: Told | None = None,
    shown: PresentedPicture | None = None,
) -> tuple[list[Path], tuple[str, ...]]:
    """For Presentation and For Processing, linked; their paths, and what to be warned of.

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
    frame : int
        Which of the frames of its source it is, from 0. [1]
    flags : (H, W) uint16, optional
        Bits of `calibration.flags`, for the exposure index.
    told : Told, optional
        What a person tells of subject, exposure and object plane.
    shown : PresentedPicture, optional
        The picture for presentation, where it is made already.

    Returns
    -------
    paths, warnings : list of Path, tuple of str
    """
    from radiography.dicom.subject import NOTHING_TOLD
    from radiography.dicom.write import export_dx

    processing, presentation = stem.with_name(f"{stem.name}_processing.dcm"), stem.with_name(f"{stem.name}.dcm")
    description = dx_description(conditions, metadata, frame=frame, where=stem.name)
    masks = (None, None) if flags is None else ((flags & np.uint16(LEFT_OUT)) != 0, (flags & np.uint16(SATURATED)) != 0)
    told = told or NOTHING_TOLD
    description = with_told(description, told, metadata)
    target = told.target_exposure_index
    description, of_index = with_exposure_index(description, corrected_dn, metadata, *masks, target=target)
    origin = origin_text(metadata)
    reference = export_dx(corrected_dn, pitch_mm, processing, description, True, origin=origin)
    picture = export_dx(corrected_dn, pitch_mm, presentation, description, False, predecessor=reference, origin=origin,
                        picture_steps=told.picture, shown=shown)  # fmt: skip
    raw = metadata.get("raw")
    name = str(raw.get("name", stem.name)) if isinstance(raw, dict) else stem.name
    return [presentation, processing], (*of_index, *not_fitting(name, reference, picture))


def date_of(said: str | None) -> datetime | None:
    """Date and time of an exposure where they are said in ISO 8601; None where they are not."""
    try:
        return None if said is None else datetime.fromisoformat(said)
    except ValueError:
        return None


def left_empty(description: DxDescription, name: str) -> tuple[str, ...]:
    """A sentence about what DICOM asks for and nobody knows; it is left empty rather than made up.

    Parameters
    ----------
    description : DxDescription
        From `dx_description`.
    name : str
        What the sentence calls the image.

    Returns
    -------
    warnings : tuple of str
        Empty, or one sentence.
    """
    carried, said = description.carried, description.said
    told = {element.keyword for element in said if element.value} if said is not None else set()
    if carried is not None:
        asked = {"StudyDate": "the date of its study", "PatientID": "PatientID"}
        unknown = [words for keyword, words in asked.items() if not carried.get(keyword) and keyword not in told]
    else:
        unknown = ["its date"] if description.acquired is None and description.manufacturer != SIMULATION else []
    warnings = (f"{name} does not say {', '.join(unknown)}: left empty in the DICOM file",) if unknown else ()
    oriented = (
        said is None or "PatientOrientation" not in said if carried is None else carried.get("PatientOrientation")
    )
    if oriented or "PatientOrientation" in told:
        return warnings
    return (
        *warnings,
        f"{name} does not say where its rows and columns run to in the body: left empty in the DICOM file, which a "
        "projection image (DX) may not be: give --orientation, such as L,F",
    )


def origin_text(metadata: Mapping[str, Any]) -> str:
    """How an image was corrected and with what, as far as its own metadata knows it, in a line of text."""
    steps = metadata.get("steps")
    said = [", ".join(str(step) for step in steps)] if isinstance(steps, list) and steps else []
    for kind in ("raw", "calibration", "pipeline_file"):
        file = metadata.get(kind)
        if isinstance(file, dict) and "sha256" in file:
            said.append(f"{kind.removesuffix('_file')} {file.get('name')} SHA-256 {file['sha256']}")
    return "; ".join(said)[:4096]
