"""Results of measurements as DICOM pictures: the image that was measured, and the marks and words of each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.conditions import Conditions
from calibration.defects.clusters import DefectGroups, count_groups, group_name, worst_groups
from calibration.flags import UNUSABLE, count_flags
from radiography.analysis.exposure_index import ExposureIndex
from radiography.analysis.mtf import MtfCurve, mtf50, mtf_at
from radiography.analysis.relevant_region import DIRECT, METAL
from radiography.jobs.export import dx_description, left_empty, not_fitting, origin_text
from radiography.jobs.exposure_calibration import SAID, with_exposure_index
from radiography.jobs.subject import with_told

if TYPE_CHECKING:
    from radiography.presentation.annotation import Marks

DICOM = (".dcm",)  # what such pictures may end in
NAMED_GROUPS = 5  # largest groups of defects that get their name   # chosen: more would hide the picture
CLASSES = 4  # of defects in one line


@dataclass(frozen=True, eq=False)
class MeasuredImage:
    """An image that was measured, as far as its picture needs it.

    Attributes
    ----------
    path : Path
        Its file.
    pixels : (H, W) float
        Linear; NaN where there is no number. [DN]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    conditions : Conditions
        How its raw frame was taken.
    metadata : mapping
        What else it says about itself.
    frame : int or None
        Which frame of its file, from 0. [1]
    """

    path: Path
    pixels: npt.NDArray[Any]
    pitch_mm: float
    conditions: Conditions
    metadata: Mapping[str, Any]
    frame: int | None = None


def write_result(
    place: Path, image: MeasuredImage, marks: Marks, result: str, index: ExposureIndex | None = None
) -> tuple[str, ...]:
    """The picture of an image with a result burnt in, as DICOM DX.

    Parameters
    ----------
    place : Path
        File to write.
    image : MeasuredImage
    marks : Marks
        What is burnt in.
    result : str
        One of `radiography.dicom.annotated.RESULTS`.
    index : ExposureIndex, optional
        Where that is what was measured, it goes into the header in place of what the image says.

    Returns
    -------
    warnings : tuple of str
        What is unknown that DICOM asks for, and what does not fit.

    Raises
    ------
    ValueError, OSError
        In one sentence, if the image cannot be presented, or what it says of itself is damaged.
    """
    from radiography.dicom.annotated import write_annotated
    from radiography.dicom.subject import NOTHING_TOLD

    said = str(image.path)
    description = dx_description(image.conditions, image.metadata, frame=image.frame or 0, where=said)
    description = with_told(description, NOTHING_TOLD, image.metadata)
    of_index: tuple[str, ...] = ()
    if index is None:
        description, of_index = with_exposure_index(description, image.pixels, image.metadata)
    else:
        for keyword in SAID if description.carried is not None else ():
            description.carried.pop(keyword, None)  # type: ignore[union-attr]
        description = replace(description, exposure_index=index.exposure_index, target_exposure_index=index.target)
    pixels = np.asarray(image.pixels, np.float32)
    written, left_out = write_annotated(
        place, pixels, image.pitch_mm, description, marks, result=result, origin=origin_text(image.metadata)
    )
    small = f"{said} is too small for the words of the picture, which stand in its header alone"
    return (*left_empty(description, said), *of_index, *not_fitting(said, written), *((small,) if left_out else ()))


def mtf_marks(curves: Sequence[MtfCurve]) -> Marks:
    """Region and course of each edge that was measured, with its MTF.

    Parameters
    ----------
    curves : sequence of MtfCurve

    Returns
    -------
    marks : Marks
    """
    from radiography.presentation.annotation import Label, Marks

    return Marks(
        boxes=[curve.roi for curve in curves],
        lines=[curve.course for curve in curves],
        labels=[Label(_edge_words(curve), curve.roi) for curve in curves],
    )


def _edge_words(curve: MtfCurve) -> tuple[str, ...]:
    try:
        words = "MTF 0.5 at {:.3f} ± {:.3f} /mm".format(*mtf50(curve))
    except ValueError:
        words = "MTF above 0.5"
    lines = [words]
    middle = 0.25 / curve.pitch_mm  # half of Nyquist
    if middle <= curve.frequency_per_mm[-1]:
        value, error = mtf_at(curve, middle)
        lines.append(f"MTF({middle:.3g} /mm) {value:.3f} ± {error:.3f}")
    lines.append(f"edge at {curve.angle_deg:.3f} deg, {curve.bright_side} side bright")
    doubts = len(curve.warnings)
    return (*lines, f"{doubts} doubt{'s' * (doubts > 1)}: see the warnings") if doubts else tuple(lines)


def exposure_marks(found: ExposureIndex, signal_dn: npt.NDArray[Any]) -> Marks:
    """The relevant region outlined, what was left out hatched, and the exposure index.

    Parameters
    ----------
    found : ExposureIndex
    signal_dn : (H, W) float
        The image, its offset subtracted. [DN]

    Returns
    -------
    marks : Marks
    """
    from radiography.presentation.annotation import Label, Marks

    region = found.region
    shares = region.shares
    low, high = np.percentile(signal_dn[region.relevant], (25.0, 75.0)) * (found.kerma_uGy / found.value_dn)
    first = f"exposure index {found.exposure_index:.4g}"
    if found.deviation_index is not None:
        first += f", deviation index {found.deviation_index:+.1f} (target {found.target:.4g})"
    lines = [
        first,
        f"{found.kerma_uGy:.3g} uGy: median of the outlined region, {100 * shares['relevant']:.3g} %",
        f"half of its pixels within {low:.3g} to {high:.3g} uGy",
    ]
    left_out = ", ".join(f"{name} {100 * part:.2g} %" for name, part in shares.items() if part and name != "relevant")
    lines += [f"left out: {left_out}"] if left_out else []
    kinds = region.kinds
    hatched = [kinds == DIRECT, kinds == METAL]
    whole = np.isin(kinds, (0, 4))  # an unusable pixel makes no hole in the outline
    return Marks(areas=[whole], hatched=hatched, labels=[Label(tuple(lines))])


def defect_marks(flags: npt.NDArray[np.uint16], groups: DefectGroups) -> Marks:
    """A frame around each group of bad pixels, the names of the largest, and how many there are of each class.

    Parameters
    ----------
    flags : (H, W) uint16
        Bits of `calibration.flags`.
    groups : DefectGroups
        From `find_groups` of the same flags.

    Returns
    -------
    marks : Marks
    """
    from radiography.presentation.annotation import Label, Marks

    boxes = [(int(top), int(bottom), int(left), int(right)) for top, bottom, left, right in groups.box]
    bad = int(np.count_nonzero(flags & UNUSABLE))
    classes = [f"{count:,} {name}" for name, count in count_flags(flags & np.uint16(UNUSABLE)).items() if count]
    kinds = [f"{count:,} {name}{'s' * (name != 'single' and count != 1)}"
             for name, count in count_groups(groups).items() if count]  # fmt: skip
    lines = [f"{bad:,} bad of {flags.size:,} pixels ({1e6 * bad / flags.size:.0f} ppm)"]
    lines += [", ".join(classes[first : first + CLASSES]) for first in range(0, len(classes), CLASSES)]
    lines += [f"groups: {', '.join(kinds)}"] if kinds else []
    named = [number for number in worst_groups(groups, NAMED_GROUPS) if groups.count[number] > 1]
    labels = [Label((group_name(groups, number),), boxes[number]) for number in named]
    return Marks(boxes=boxes, labels=[Label(tuple(lines)), *labels])
