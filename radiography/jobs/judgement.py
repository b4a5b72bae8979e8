"""Judgement of files before work starts: what was done to their frames already, and what they say but is not believed.

A frame that was corrected, made logarithmic or made for display still looks like a frame. Corrected or measured once
more it gives numbers that look right and are wrong, so it is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from calibration.limits import SAME_PITCH
from radiography.files.source import GIVE_PITCH, FrameSource

_WHAT = {
    "corrected": "is a corrected image",
    "logarithmic": "is logarithmic in exposure",
    "for presentation": "is a picture for presentation",
    "plane": "is a plane of flags, variances or defects",
}


def refuse_processed(sources: Iterable[FrameSource], what: str) -> None:
    """Complain about files whose own words say that their frames are no raw ones.

    Parameters
    ----------
    sources : iterable of FrameSource
        Those that do not say it are taken to be raw.
    what : str
        What messages call them, such as dark or flat.

    Raises
    ------
    ValueError
        Naming the first that is not raw, and what it is.
    """
    for source in sources:
        if source.stage in _WHAT:
            raw = "raw" if what == "raw" else f"raw {what}"
            raise ValueError(f"{source.path} {_WHAT[source.stage]}, as it says itself; {raw} frames are needed")


def refuse_not_linear(path: Path, stage: str | None, what_for: str) -> None:
    """Complain about an image whose numbers do not grow in proportion to exposure.

    Parameters
    ----------
    path : Path
        Named in the error.
    stage : str or None
        As `FrameSource.stage`.
    what_for : str
        What a linear image is needed for.

    Raises
    ------
    ValueError
        If it is logarithmic, made for presentation, or a plane beside an image.
    """
    if stage in _WHAT and stage != "corrected":
        raise ValueError(f"{path} {_WHAT[stage]}, as it says itself; {what_for} needs one that is linear in exposure")


def doubts_about(sources: Sequence[FrameSource], pitch_mm: float | None = None) -> list[str]:
    """What files say but is not believed, a sentence for each kind of doubt with the first file and their number.

    Parameters
    ----------
    sources : sequence of FrameSource
        Files of frames.
    pitch_mm : float, optional
        Pitch that is known from elsewhere: then doubts about that of the files do not matter. [mm]

    Returns
    -------
    doubts : list of str
    """
    found: dict[str, list[Path]] = {}
    for source in sources:
        for warning in source.warnings:
            if not (warning.endswith(GIVE_PITCH) and (pitch_mm or source.pitch_mm)):
                found.setdefault(warning.removeprefix(f"{source.path}: "), []).append(source.path)
    return [
        f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {doubt}"
        for doubt, paths in found.items()
    ]


def pitch_contradicted(said: Iterable[tuple[Path, float | None]], given_mm: float | None) -> list[str]:
    """A sentence where files say another pixel pitch than their user, whose word counts.

    Parameters
    ----------
    said : iterable of (Path, float or None)
        The files, and what each says. [mm]
    given_mm : float or None
        What the user gives. [mm]

    Returns
    -------
    doubts : list of str
        None or one, about the first file and the number of others.
    """
    if given_mm is None:
        return []
    others = [(path, mm) for path, mm in said if mm is not None and abs(mm - given_mm) > SAME_PITCH * mm]
    if not others:
        return []
    path, mm = others[0]
    more = f" and {len(others) - 1} more say" if len(others) > 1 else " says"
    return [f"{path}{more} a pixel pitch of {mm:.4g} mm; --pitch {given_mm:.4g} is used"]


def check_pitch(given_mm: float | None) -> None:
    """Complain about a pitch that is given but is no positive length. [mm]"""
    if given_mm is not None and not 0 < given_mm < float("inf"):
        raise ValueError(f"--pitch must be a positive length in mm, got {given_mm:g}")


def needed_pitch_mm(
    path: Path, said_mm: float | None, warnings: Iterable[str], given_mm: float | None, why: str
) -> float:
    """Pixel pitch that was given, or else said by the file.

    Parameters
    ----------
    path : Path
        Named in the error.
    said_mm : float or None
        What the file says. [mm]
    warnings : iterable of str
        Of the file; those about its pitch say why it is not known.
    given_mm : float or None
        What the user says. [mm]
    why : str
        How the sentence goes on after the missing pitch, with what to do.

    Returns
    -------
    pitch_mm : float
        [mm]

    Raises
    ------
    ValueError
        If nobody says it, or what is given is no length.
    """
    check_pitch(given_mm)
    pitch_mm = given_mm if given_mm is not None else said_mm
    if pitch_mm is None:
        doubt = next((w.removesuffix(f": {GIVE_PITCH}") for w in warnings if w.endswith(GIVE_PITCH)), None)
        reason = f"{path} does not say its pixel pitch" if doubt is None else doubt
        raise ValueError(f"{reason}{why}")
    return pitch_mm
