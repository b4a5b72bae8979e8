"""DICOM files that begin with their first element: without preamble, and mostly without a word on their encoding.

Old archives and network dumps hold such files. The first elements tell them from raw pixels: their tags rise, begin in
the group of the identifying attributes, their lengths lead from one to the next, and they hold text.
"""

from __future__ import annotations

import struct

ELEMENTS = 3  # that must follow each other; three chance numbers do not   # chosen
LONGEST = 2**16  # bytes of one of them; they are names, dates and UIDs   # chosen
FIRST_GROUPS = (0x0002, 0x0008)  # of the file itself, or of what identifies an object
_LONG = {b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UC", b"UN", b"UR", b"UT"}  # 4 bytes of length: PS3.5 table 7.1-1
_SHORT = {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL",
          b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}  # fmt: skip
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"  # PS3.5 10.1, A.1 to A.3


def bare_syntax(head: bytes) -> str | None:
    """Transfer syntax of a DICOM file that begins with its first element, or None where these bytes are no such file.

    Parameters
    ----------
    head : bytes
        The beginning of the file.

    Returns
    -------
    syntax : str or None
        UID of the uncompressed syntax that the elements are written in.
    """
    tried = ((EXPLICIT, "<", True), (IMPLICIT, "<", False), (BIG, ">", True))
    return next((uid for uid, order, explicit in tried if _elements_follow(head, order, explicit)), None)


def _elements_follow(head: bytes, order: str, explicit: bool) -> bool:
    place, before = 0, (0, -1)
    for number in range(ELEMENTS):
        if place + 12 > len(head):
            return False
        tag = struct.unpack_from(f"{order}HH", head, place)
        if tag <= before or tag[0] % 2 or (number == 0 and tag[0] not in FIRST_GROUPS):
            return False
        name = head[place + 4 : place + 6]
        if explicit and name in _SHORT:
            (length,) = struct.unpack_from(f"{order}H", head, place + 6)
            place += 8
        elif explicit and name in _LONG:
            (length,) = struct.unpack_from(f"{order}I", head, place + 8)
            place += 12
        elif explicit:
            return False
        else:
            (length,) = struct.unpack_from(f"{order}I", head, place + 4)
            place += 8
            if tag[0] not in FIRST_GROUPS or not _is_text(head[place : place + length], tag[1]):
                return False
        if length % 2 or length > LONGEST:
            return number == ELEMENTS - 1 and explicit and name == b"SQ"
        place, before = place + length, tag
    return True


def _is_text(value: bytes, element: int) -> bool:
    """Whether a value without a word on its type is what the first elements hold: text, or the length of a group."""
    if element <= 1:  # group length, and the retired length to end
        return len(value) == 4
    return bool(value) and all(0x20 <= byte < 0x7F for byte in value.rstrip(b"\0"))
