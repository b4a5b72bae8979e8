"""Outcomes of sending, in words of ours: a server's own text may name a patient."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

OUT_OF_RESOURCES = range(0xA700, 0xA800)  # DICOM PS3.4 table B.2-1, as are the others
WARNINGS = {
    0xB000: "values were changed by the server",
    0xB006: "elements were dropped by the server",
    0xB007: "the data set does not match its SOP class",
}
_REFUSALS = {
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0110: "processing failure",
    0x0111: "the server holds an object with this SOP Instance UID already",
    0x0112: "no such object",
    0x0117: "invalid SOP instance",
    0x0118: "no such SOP class",
    0x0122: "the SOP class is not supported",
    0x0124: "not authorised",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0x0212: "mistyped argument",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt to store an object.

    Attributes
    ----------
    status : str
        "stored", "warning", "refused" or "failed".
    reason : str
        In words; empty where it was stored.
    code : int or None
        The server's status. [1]
    again : bool
        Whether another attempt makes sense.
    after_s : float or None
        When, where the server says it. [s]
    everything : bool
        Whether no other object can fare better.
    """

    status: str
    reason: str = ""
    code: int | None = None
    again: bool = False
    after_s: float | None = None
    everything: bool = False


def outcome_of_status(code: int) -> Outcome:
    """Outcome of a status of DIMSE, or of a reason in an answer of STOW-RS.

    Parameters
    ----------
    code : int
        DICOM PS3.7 C, PS3.4 B.2.3. [1]

    Returns
    -------
    outcome : Outcome
    """
    if code == 0:
        return Outcome("stored", code=code)
    if code in WARNINGS:
        return Outcome("warning", WARNINGS[code], code)
    if code in OUT_OF_RESOURCES:
        return Outcome("refused", f"out of resources (status {code:04X})", code, again=True)
    if 0xA900 <= code < 0xAA00:
        reason = "the data set does not match its SOP class"
    elif 0xC000 <= code < 0xD000:
        reason = "the server cannot understand the object"
    elif code in (0x0001, 0x0107, 0x0116) or 0xB000 <= code < 0xC000:
        return Outcome("warning", f"a warning that DICOM leaves to the server (status {code:04X})", code)
    else:
        reason = _REFUSALS.get(code, "a status that DICOM leaves to the server")
    return Outcome("refused", f"{reason} (status {code:04X})", code)


def network_library(name: str) -> Any:
    """A library of the extra `network`, or ValueError with the command that installs it.

    Parameters
    ----------
    name : str
        As it is imported.

    Returns
    -------
    library : module
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        raise ValueError(
            f'sending needs {package}, which is not installed: pip install "radiography[network]" installs it'
        ) from error
