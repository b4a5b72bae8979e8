"""Data sets of images, joined from their modules: what DX and RF objects have in common."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from radiography.dicom import modules
from radiography.dicom.anonymous import anonymised, uid_of_text
from radiography.dicom.carried import exposure_module, identity_module, source_module
from radiography.dicom.description import DxDescription
from radiography.dicom.modules import DxReference

IMPLEMENTATION_UID = "2.25.50952867020306765175694280703454222581"  # of this writer, drawn once


def join_modules(
    reference: DxReference,
    description: DxDescription,
    shape: tuple[int, int],
    pitch_mm: float,
    *,
    window: tuple[int, int] | None,
    digest: str,
    comment: str,
    derivation: str,
    stage: str | None,
    number: int,
    frame: int | None,
    predecessor: DxReference | None = None,
) -> Dataset:
    """Every attribute of an image but its pixels. What a person tells goes before the source, that before the rest.

    Parameters
    ----------
    reference : DxReference
        UIDs, and of linear counts their scale.
    description : DxDescription
        Who, what, when and how.
    shape : (int, int)
        Rows and columns. [1]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    window : (int, int) or None
        Centre and width of a picture; None for linear counts, which are for processing. [1]
    digest : str
        Of the detector image; names its irradiation where nothing else does.
    comment, derivation : str
        How the pixels came about, and how they were made of a DICOM frame.
    stage : str or None
        Of the values that the scale leads back to.
    number : int
        In the series. [1]
    frame : int or None
        Which frame of its source it shows, from 0. [1]
    predecessor : DxReference, optional
        The For Processing object that a picture was made from.

    Returns
    -------
    dataset : Dataset
    """
    for_processing, carried = window is None, description.carried
    parts = [
        modules.common_module(reference.sop_class_uid, reference.sop_instance_uid),
        modules.patient_modules(description),
        modules.study_module(description, reference.study_uid),
        modules.series_modules(description, reference.series_uid, for_processing),
        modules.equipment_module(description, software()),
        modules.image_module(description, for_processing, number, comment),
        modules.anatomy_module(description),
        modules.pixel_modules(*shape, for_processing, window),
        modules.detector_module(description, pitch_mm),
        modules.field_of_view_module(description, shape, pitch_mm),
        modules.positioning_module(description),
        modules.exposure_modules(description),
    ]
    if description.conditions.air_kerma_uGy != 0.0:  # dark frames are of no irradiation
        parts[0].IrradiationEventUID = uid_of("irradiation", description.event or digest)
    if reference.scale is not None:
        parts.append(modules.scale_module(reference.scale, stage))
    if carried is not None:
        known = {element.tag for part in parts for element in part if element.value not in ("", None)}
        known -= {tag_for_keyword("IrradiationEventUID")}
        beside = exposure_module(carried)
        parts.append(Dataset({element.tag: element for element in beside if element.tag not in known}))
        parts.append(identity_module(carried))
        parts[-1].StudyInstanceUID = reference.study_uid
        parts.append(source_module(carried, derivation, frame))
    if predecessor is not None:
        parts.append(modules.predecessor_module(predecessor, comment))
    if description.said is not None:
        parts.append(description.said)
    dataset = Dataset()
    for part in parts:
        dataset.update(part)
    return anonymised(dataset, software()) if description.anonymous else dataset


def add_file_meta(dataset: Dataset, syntax: UID) -> None:
    """Add a preamble of zeros and what is said of the file: DICOM PS3.10 7.1.

    Parameters
    ----------
    dataset : Dataset
        With its UIDs; changed.
    syntax : UID
        Transfer syntax.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "RADIOGRAPHY"
    dataset.file_meta, dataset.preamble = meta, bytes(128)


def study_uid_of(description: DxDescription, digest: str) -> str:
    """The study that an image belongs to: the one told, that of its source, or one of its own.

    Parameters
    ----------
    description : DxDescription
    digest : str
        Of the detector image.

    Returns
    -------
    uid : str
    """
    own = uid_of("study", digest, description.patient_id, description.study_id)
    return description.study_uid or str((description.carried or {}).get("StudyInstanceUID", "")) or own


def told_text(description: DxDescription) -> tuple[str, ...]:
    """What a person tells, as a part of `uid_of`; nothing where nobody tells anything."""
    return () if description.said is None else (description.said.to_json(),)


@cache
def software() -> str:
    """Name and version of this program."""
    return f"radiography {version('radiography')}"


def pixel_element_head(length: int) -> bytes:
    """Tag, type and length of native Pixel Data, explicit little endian: DICOM PS3.5 7.1.2.

    Parameters
    ----------
    length : int
        Of the value, even. [byte]

    Returns
    -------
    head : bytes
        The value follows.
    """
    return b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little")


def uid_of(*parts: object) -> str:
    """UID that is the same for the same parts."""
    return uid_of_text(repr(parts))
