"""Command-line text to values, with one sentence for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radiography.files.frames import RawLayout
from radiography.jobs.inputs import Region


def raw_layout(
    shape: str | None, dtype: str, byte_order: str, header_bytes: int, frame_gap_bytes: int
) -> RawLayout | None:
    """Layout of headerless raw files; None when no shape is given."""
    if shape is None:
        given = {"--dtype": dtype != "uint16", "--byte-order": byte_order != "little", "--header-bytes": header_bytes,
                 "--frame-gap": frame_gap_bytes}  # fmt: skip
        if lone := [option for option, value in given.items() if value]:
            raise ValueError(f"{lone[0]} is for headerless raw files, of which --shape ROWSxCOLS is needed as well")
        return None
    match = re.fullmatch(r"(\d+)[x,](\d+)", shape)
    if match is None:
        raise ValueError(f"--shape must be ROWSxCOLS such as 3072x3072, got '{shape}'")
    return RawLayout(int(match[1]), int(match[2]), dtype, byte_order, header_bytes, frame_gap_bytes)


def region(text: str | None, option: str = "--roi") -> Region | None:
    """R0:R1,C0:C1 as (r0, r1, c0, c1), None where a number is left out; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d*):(\d*),(\d*):(\d*)", text.replace(" ", ""))
    if match is None:
        raise ValueError(f"{option} must be R0:R1,C0:C1 such as 100:500,200:600 or 0:,:200, got '{text}'")
    r0, r1, c0, c1 = (int(number) if number else None for number in match.groups())
    return r0, r1, c0, c1


def thickness(option: str, text: str | None) -> tuple[str, float] | None:
    """MATERIAL:MM as a name and a length; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(.+):([0-9.]+(?:[eE][-+]?[0-9]+)?)", text.strip())
    try:
        return (match[1], float(match[2])) if match else _no_thickness(option, text)
    except ValueError:
        return _no_thickness(option, text)


def _no_thickness(option: str, text: str) -> tuple[str, float]:
    raise ValueError(f"{option} must be MATERIAL:MM such as water:20, got '{text}'")


def column_ranges(option: str, text: str) -> tuple[tuple[int, int], ...]:
    """C0:C1,C2:C3 as half-open ranges."""
    ranges = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d+):(\d+)", part)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError(f"{option} must be ranges of columns such as 0:16,3056:3072, got '{text}'")
        ranges.append((int(match[1]), int(match[2])))
    return tuple(ranges)


def banded(value: float, band: Sequence[float]) -> str:
    """A number with its band in brackets, or alone where the band has no width.

    Parameters
    ----------
    value : float
        The number.
    band : sequence of float
        Lowest and highest.

    Returns
    -------
    text : str
    """
    low, high = band
    if high - low < 1e-6:
        return f"{value:.3f}"
    digits = 3 if low < 0.1 else 2
    return f"{value:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
