"""Subject of an image as the command line tells it: a file, or a word where a word is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiography.config import build, read_toml

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from radiography.dicom.description import DxDescription
    from radiography.dicom.subject import Subject, Told

WORDS = ("human", "phantom", "workpiece")


def load_subject(said: str | Path | None) -> Subject | None:
    """Subject of a word or of a TOML file; None without either.

    Parameters
    ----------
    said : str, Path or None
        human, phantom or workpiece, or a file such as `radiography init subject` writes.

    Returns
    -------
    subject : Subject or None

    Raises
    ------
    ValueError, OSError
        In one sentence: the file, the key, the value found, and what is allowed.
    """
    from radiography.dicom.subject import Subject

    if said is None:
        return None
    if str(said) in WORDS:
        return build(Subject, {"kind": str(said)}, "--subject")
    path = Path(said)
    if path.suffix != ".toml":
        raise ValueError(f"--subject must be human, phantom, workpiece or a .toml file, got {said}")
    if not path.is_file():
        raise FileNotFoundError(f"subject file {path} does not exist")
    return build(Subject, read_toml(path), str(path))


def told_of_objects(
    subject: str | Path | None,
    magnification: float | None = None,
    target: float | None = None,
    diconde: bool = False,
    anonymous: bool = False,
    picture: str | Path | None = None,
    orientation: str | None = None,
) -> Told:
    """What the command line says about DICOM objects, checked.

    Parameters
    ----------
    subject : str, Path or None
        As for `load_subject`.
    magnification : float, optional
        Of the object plane. [1]
    target : float, optional
        Target exposure index. [1]
    diconde, anonymous : bool
    picture : str or Path, optional
        Shipped name or TOML file of the steps of a picture for presentation.
    orientation : str, optional
        Where rows and columns run to, such as L,F.

    Returns
    -------
    told : Told

    Raises
    ------
    ValueError, OSError
        In one sentence.
    """
    from radiography.dicom.subject import Told

    steps = None
    if picture is not None:
        from radiography.presentation.presets import load_picture

        steps = load_picture(picture)
        if not steps.logarithm.on:
            raise ValueError(
                f"the picture '{steps.name}' has no logarithm: its numbers are linear, and not for display"
            )
    return Told(
        subject=load_subject(subject),
        magnification=magnification,
        target_exposure_index=target,
        diconde=diconde,
        anonymous=anonymous,
        picture=steps,
        orientation=None if orientation is None else _two(orientation),
    )


def _two(orientation: str) -> tuple[str, str]:
    rows, comma, cols = orientation.partition(",")
    if not comma:
        raise ValueError(
            f"--orientation must be two directions of L R A P H F, such as L,F for rows that run to the left and "
            f"columns that run to the feet, got {orientation!r}"
        )
    return rows.strip(), cols.strip()


def with_told(description: DxDescription, told: Told, metadata: Mapping[str, Any]) -> DxDescription:
    """A description with what a person tells on top of what the image says.

    Parameters
    ----------
    description : DxDescription
    told : Told
    metadata : mapping
        Of the image; the scene of a simulated one knows where its object stood.

    Returns
    -------
    description : DxDescription

    Raises
    ------
    ValueError
        If a human has no identifier, by which archives would find the picture.
    """
    from pydicom.dataset import Dataset

    from radiography.dicom.subject import OF_THE_PATIENT, component_module, subject_module

    if (factor := told.magnification) is not None:
        description = replace(description, magnification=factor, magnification_source="magnification told by a person")
    elif description.magnification is None and (plane := _plane_of_scene(metadata)) is not None:
        source_mm, height_mm = plane
        words = f"scene: source {source_mm:g} mm, object {height_mm:g} mm above the panel"
        factor = source_mm / (source_mm - height_mm)
        description = replace(description, magnification=factor, magnification_source=words[:64])
    if told.anonymous:
        description = replace(description, anonymous=True)
    subject, carried = told.subject, description.carried
    if subject is None and told.orientation is None:
        return description
    if subject is None:
        return replace(description, said=_oriented(Dataset(), told))
    if subject.taken is not None and carried is None and description.acquired is None:
        description = replace(description, acquired=datetime.fromisoformat(subject.taken))
    said = _oriented(subject_module(subject), told)
    if subject.kind == "human" and carried is None and "PatientOrientation" not in said:
        said.PatientOrientation = ""  # of a person it is not made up: DICOM PS3.3 C.7.6.1.1.1
    placed = carried is not None and (carried.get("AnatomicRegionSequence") or carried.get("BodyPartExamined"))
    if placed and not (subject.region or subject.body_part):
        del said.AnatomicRegionSequence
    given = description.patient_id if description.patient_id != "PHANTOM" else ""
    if carried is not None:  # `--id` and `--name` have replaced those of the source, where they were given
        for keyword in OF_THE_PATIENT:
            carried.pop(keyword, None)
    identifier = given or subject.identifier or ("" if subject.kind == "human" else subject.kind.upper())
    if not identifier and not told.anonymous:
        raise ValueError("a human subject needs an identifier, by which archives find pictures: --id, or its file")
    name = description.patient_name or subject.name or ""
    said.PatientID = identifier or "ANONYMOUS"
    said.PatientName = f"{name}^" if name and "^" not in name else name
    if told.diconde:
        said.update(component_module(subject.component))
    return replace(description, patient_id=said.PatientID, quality_control=subject.kind != "human", said=said)


def _oriented(said: Dataset, told: Told) -> Dataset:
    if told.orientation is not None:
        said.PatientOrientation = list(told.orientation)
    return said


def _plane_of_scene(metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    """Distance of the source and height of the only object plane of a simulated scene; None where there are more. [mm]

    Only where everything that the scene holds stands at one height is there one plane that lengths are meant in.
    """
    scene = metadata.get("scene")
    if not isinstance(scene, dict):
        return None
    geometry, phantom, solids = scene.get("geometry"), scene.get("phantom"), scene.get("solids")
    source = geometry.get("source_to_detector_mm") if isinstance(geometry, dict) else None
    placed = [each for each in (phantom, *(solids if isinstance(solids, list | tuple) else ())) if each is not None]
    places = [each.get("position_mm") if isinstance(each, dict) else None for each in placed]
    if any(not isinstance(place, list | tuple) or len(place) != 3 for place in places):
        return None
    heights = {place[2] for place in places if place is not None}
    if len(heights) != 1 or not all(isinstance(each, int | float) and isfinite(each) for each in (source, *heights)):
        return None
    height = float(heights.pop())
    return (float(source), height) if source is not None and 0.0 < height < 0.99 * float(source) else None
