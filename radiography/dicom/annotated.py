"""Results of a measurement as pictures that any viewer shows: derived DX images with what was measured burnt in.

A presentation state would keep picture and marks apart, but the validator finds an error in every one that refers to a
DX image (its Laterality), and web viewers leave it out. The object is one of its own beside picture and linear image:
DERIVED and SECONDARY, with burnt-in annotation, in a series for each kind of result; it is in the study of the image
that was measured and names the object of that image, where that was one. DICOM PS3.3 A.26, C.7.6.1.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.uid import ExplicitVRLittleEndian

from radiography.dicom import modules
from radiography.dicom.description import DxDescription
from radiography.dicom.joined import add_file_meta, join_modules, study_uid_of, told_text, uid_of
from radiography.dicom.modules import DxReference
from radiography.dicom.texts import fit_values
from radiography.dicom.write import digest_of, write_native
from radiography.presentation.annotation import Label, Marks, burn_in
from radiography.presentation.chain import present

RESULTS = ("MTF", "exposure index", "defects")  # each in a series of its own, behind picture and linear image
FIRST_SERIES = 3


def write_annotated(
    path: str | Path,
    corrected_dn: NDArray[np.floating[Any]],
    pitch_mm: float,
    description: DxDescription,
    marks: Marks,
    *,
    result: str,
    origin: str = "",
) -> tuple[DxReference, tuple[Label, ...]]:
    """The picture of a linear image with a result burnt in, as a DX file.

    Parameters
    ----------
    path : str or Path
        File to write; whole, or not at all.
    corrected_dn : (H, W) float
        The image that was measured; NaN where there is no number. [DN]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    description : DxDescription
        Who, what, when and how.
    marks : Marks
        What is burnt in; its texts stand in the header too.
    result : str
        What was measured, one of `RESULTS`.
    origin : str
        How the image was corrected and with what.

    Returns
    -------
    reference, left_out : DxReference, tuple of Label
        With a sentence about texts that do not fit their attributes; texts that the picture is too small for.

    Raises
    ------
    ValueError
        If the image cannot be presented, or the result is of no known kind; OSError if the file cannot be written.
    """
    if result not in RESULTS:
        raise ValueError(f"a result must be one of {', '.join(RESULTS)}, got {result!r}")
    digest = digest_of(corrected_dn)
    numbers = np.where(np.isfinite(corrected_dn), corrected_dn, 0)
    picture = present(numbers)
    drawn, left_out = burn_in(picture.display, picture.window_center, marks)
    window = (picture.window_center, picture.window_width)
    study_uid = study_uid_of(description, digest)
    series_uid = uid_of("series", study_uid, digest, result)
    made_of = (digest_of(drawn), window, pitch_mm, description.magnification, *told_text(description))
    instance_uid = uid_of("instance", series_uid, *made_of)
    reference = DxReference(modules.FOR_PRESENTATION_UID, instance_uid, series_uid, study_uid, None)
    said = "; ".join(", ".join(label.lines) for label in marks.labels)
    derivation = f"{result} burnt into the picture: {said}"
    comment = "; ".join(part for part in (derivation, picture.description, origin) if part)
    with disable_value_validation():  # what does not fit is found and told at the end
        dataset = join_modules(
            reference, description, drawn.shape, pitch_mm, window=window, digest=digest, comment=comment,
            derivation=derivation, stage=None, number=(description.frame or 0) + 1, frame=description.frame,
        )  # fmt: skip
        dataset.ImageType = ["DERIVED", "SECONDARY", ""]
        dataset.BurnedInAnnotation = "YES"
        dataset.DerivationDescription = derivation
        dataset.SeriesNumber = int(dataset.SeriesNumber) - 1 + FIRST_SERIES + RESULTS.index(result)
        named = str(dataset.get("SeriesDescription", ""))
        dataset.pop("SeriesDescription", None)  # else checked as it was made: too early
        dataset.SeriesDescription = f"{result} measured" + (f": {named}" if named else "")
        not_fitting = fit_values(dataset)
        add_file_meta(dataset, ExplicitVRLittleEndian)
    write_native(path, drawn, lambda stored: (dataset, reference))
    return replace(reference, told=not_fitting), left_out
