"""Inputs that a twin refuses: unseen frames that were seen, and a folder of somebody else's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from radiography.files.frames import FrameSource, sha256_of

RECORD = "values.json"  # by which a folder is known as that of a twin


def refuse_seen(kinds: Mapping[str, Sequence[FrameSource]]) -> None:
    """Refuse unseen frames that the twin is made from: it would be judged by what it has seen.

    Parameters
    ----------
    kinds : mapping of str to sequence of FrameSource
        Files by kind; those whose kind begins with "unseen" are judged by.

    Raises
    ------
    ValueError
        If one of them is a file that is fitted, by its path, as a link, or byte for byte.
    """
    fitted = [(kind, source) for kind, sources in kinds.items() if not _unseen(kind) for source in sources]
    for kind, sources in kinds.items():
        for source in sources if _unseen(kind) else ():
            for of, other in fitted:
                if _same_frames(source, other):
                    raise ValueError(
                        f"{source.path} ({kind}) holds the same frames as {other.path} ({of}), which the twin is made "
                        "from: what it is judged by must be other frames"
                    )


def refuse_foreign(out: Path, names: Sequence[str]) -> None:
    """Refuse a folder whose files would be written over and that no twin was written into.

    Parameters
    ----------
    out : Path
        Folder to write into.
    names : sequence of str
        Files that will be written.

    Raises
    ------
    ValueError
        If it holds one of them but not the record of a twin.
    """
    there = [name for name in names if (out / name).exists()]
    if there and not _is_record(out / RECORD):
        raise ValueError(
            f"{out} holds {', '.join(there)} but no {RECORD} of a twin, so they are not written over: give the twin "
            "another folder"
        )


def _unseen(kind: str) -> bool:
    return kind.startswith("unseen")


def _same_frames(one: FrameSource, other: FrameSource) -> bool:
    """Whether two are one file, or files of the same bytes; of an HDF5 file each dataset counts by itself."""
    if one.dataset != other.dataset:
        return False
    if one.path.samefile(other.path):
        return True
    return one.path.stat().st_size == other.path.stat().st_size and sha256_of(one.path) == sha256_of(other.path)


def _is_record(path: Path) -> bool:
    """Whether a file is what a twin writes of its values."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and {"start", "files", "values"} <= set(record)
