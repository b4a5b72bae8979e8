"""Values of a data set within what their DICOM types hold, at one place, just before they are written.

A name or serial number out of a file may be longer than its attribute, or hold characters that DICOM does not allow
there. What does not fit is written differently and said with its full value, so that nothing is lost unseen. Texts by
which something is identified keep their end, followed by a digest of the whole: two of them that differ stay apart.
The full serial number of a panel goes to DetectorDescription as well, from where it is read back.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pydicom.datadict import dictionary_VM
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

# Characters, not bytes, of one value: DICOM PS3.5 table 6.2-1; PN is of each of its groups.
LONGEST = {"AE": 16, "CS": 16, "SH": 16, "LO": 64, "PN": 64, "ST": 1024, "LT": 10240}
LONGEST_UID = 64  # DICOM PS3.5 9.1
LONGEST_NUMBER = 16  # of a decimal string: DICOM PS3.5 table 6.2-1
_INTEGERS = range(-(2**31), 2**31)  # of an integer string: DICOM PS3.5 table 6.2-1
_OF_LINES = ("ST", "LT")  # may hold line ends and backslashes: DICOM PS3.5 6.1.3, 6.2
_CUT = "..."  # three bytes: dciodvfy counts bytes where DICOM counts characters
_PAD = 1  # left free in what is cut: some readers count the blank that makes a length even
_LINE_ENDS = "\t\n\f\r"
_DIGEST = 6  # hexadecimal digits that keep texts of one end apart, 24 bits   # chosen
# By these something is found again; those of a person or study are never told.
IDENTIFIERS = frozenset({"DetectorID", "DeviceSerialNumber", "StationName", "GantryID", "CodeValue", "PatientID",
                         "OtherPatientIDs", "IssuerOfPatientID", "StudyID", "AccessionNumber"})  # fmt: skip
PRIVATE = frozenset({"PatientName", "PatientID", "OtherPatientIDs", "IssuerOfPatientID", "StudyID", "AccessionNumber",
                     "ReferringPhysicianName", "OperatorsName", "PerformingPhysicianName", "PhysiciansOfRecord",
                     "InstitutionName", "InstitutionAddress"})  # fmt: skip
_FULL_SERIAL = "serial number "


def fit_values(dataset: Dataset) -> str:
    """Bound every value of a data set by its type, in place.

    Parameters
    ----------
    dataset : Dataset
        Joined attributes, in sequences too; changed where a value does not fit.

    Returns
    -------
    told : str
        What is written differently, with its full value, as one sentence; empty where everything fits.

    Raises
    ------
    ValueError
        If an identifier of DICOM's own is none, which nothing can be cut from.
    """
    told: list[str] = []
    comment = str(dataset.get("ImageComments", ""))
    _fit_all(dataset, told, comment if len(comment) <= LONGEST["LT"] else "")
    return "; ".join(told)


def shortened(text: str, longest: int) -> str:
    """An identifier of its end and a digest of the whole, where it is too long or holds what DICOM does not allow.

    Parameters
    ----------
    text : str
        As it is known.
    longest : int
        Characters that its attribute holds, more than 7. [1]

    Returns
    -------
    short : str
        The text itself where it fits.
    """
    clean = _one_line(text)
    if clean == text.strip() and len(clean) <= longest:
        return clean
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{clean[-(longest - _DIGEST - 1 - _PAD) :].strip()}~{digest}"


def full_serial(detector_id: str, description: str) -> str:
    """Serial number of a panel, in full where its description holds it.

    Parameters
    ----------
    detector_id, description : str
        DetectorID and DetectorDescription of a header.

    Returns
    -------
    serial : str
        The identifier itself where the description says no serial number that was shortened to it.
    """
    if "~" not in detector_id or not description.startswith(_FULL_SERIAL):
        return detector_id
    parts = description.removeprefix(_FULL_SERIAL).split("; ")
    ends = ("; ".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((serial for serial in ends if shortened(serial, LONGEST["SH"]) == detector_id), detector_id)


def _fit_all(dataset: Dataset, told: list[str], comment: str) -> None:
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                _fit_all(item, told, comment)
        elif element.VR == "UI":
            for uid in _values_of(element):
                if not UID(uid).is_valid or len(uid) > LONGEST_UID:
                    raise ValueError(f"{element.keyword} must be a DICOM UID of digits and dots, got {str(uid)[:80]!r}")
        elif element.VR == "IS":
            if any(int(value) not in _INTEGERS for value in _values_of(element)):
                told.append(f"{element.keyword} of {element.value} is left out, beyond 32 bits")
                del dataset[element.tag]
        elif element.VR == "DS":
            if any(len(str(value)) > LONGEST_NUMBER for value in _values_of(element)):
                _set(element, [format_number_as_ds(float(value)) for value in _values_of(element)])
        elif element.VR in LONGEST:
            _fit_text(dataset, element, told, comment)


def _fit_text(dataset: Dataset, element: DataElement, told: list[str], comment: str) -> None:
    values = [str(value) for value in _values_of(element)]
    if len(values) > 1 and dictionary_VM(element.tag) == "1":
        values = ["\\".join(values)]  # a backslash in a single value is none between two
    written = [_fitted(value, element.VR, element.keyword) for value in values]
    if written == values:
        return
    _set(element, written)
    in_comment = element.keyword == "DerivationDescription" and values[0] in comment
    if in_comment or [value.strip() for value in values] == written:
        return  # stands in full in the comment of the image, or has lost nothing
    full = "\\".join(values)
    if element.keyword in PRIVATE:
        told.append(f"{element.keyword} does not fit DICOM's {LONGEST[element.VR]} characters and is changed")
        return
    told.append(f"{element.keyword} is {written[0]!r} for {full!r}, at most {LONGEST[element.VR]} allowed characters")
    if element.keyword == "DetectorID":
        beside = str(dataset.get("DetectorDescription", ""))
        stated = f"{_FULL_SERIAL}{full}" + (f"; {beside}" if beside else "")
        dataset.DetectorDescription = _fitted(stated, "LT", "DetectorDescription")


def _fitted(text: str, vr: str, keyword: str) -> str:
    longest = LONGEST[vr]
    if keyword in IDENTIFIERS:
        return shortened(text, longest)
    if vr == "PN":
        return "=".join(_one_line(group)[:longest] for group in text.split("="))
    clean = _lines(text) if vr in _OF_LINES else _one_line(text)
    return clean if len(clean) <= longest else f"{clean[: longest - len(_CUT) - _PAD].rstrip()}{_CUT}"


def _one_line(text: str) -> str:
    """Printable characters only, a slash for the backslash that separates values."""
    return "".join(each if each.isprintable() else " " for each in text.replace("\\", "/")).strip()


def _lines(text: str) -> str:
    return "".join(each if each.isprintable() or each in _LINE_ENDS else " " for each in text).rstrip()


def _values_of(element: DataElement) -> list[Any]:
    value = element.value
    if isinstance(value, MultiValue | list):
        return list(value)
    return [] if value in (None, "") else [value]


def _set(element: DataElement, values: list[str]) -> None:
    element.value = values if len(values) > 1 else values[0]
