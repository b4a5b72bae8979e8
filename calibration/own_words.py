"""Errors in our own words and those of others: a user reads sentences of this package, never those of a library."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OURS = ("calibration", "phantoms", "radiography")


def said_by_us(error: BaseException) -> bool:
    """Whether an error comes from a `raise` of these packages: what numpy or Python raises inside them does not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    code = trace.tb_frame.f_code
    if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS:
        return False
    return linecache.getline(code.co_filename, trace.tb_lineno).strip().startswith("raise")


@contextmanager
def refused(path: str | Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises over a file into a ValueError that says `what` of it; our sentences name it.

    Parameters
    ----------
    path : str or Path
        The file.
    what : str
        The rest of the sentence, such as "is a damaged TIFF file".

    Raises
    ------
    ValueError
        In one sentence that begins with the file.
    """
    try:
        yield
    except OSError as error:
        own = error.filename is not None and os.fsdecode(error.filename) == str(path)
        if own or (said_by_us(error) and str(path) in str(error)):
            raise
        raise ValueError(f"{path} {what}") from error
    except Exception as error:
        if not said_by_us(error) or not isinstance(error, ValueError | TypeError):
            raise ValueError(f"{path} {what}") from error
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} {what}: {error}") from error


def check_frames_wanted(path: Path, frames: range, count: int) -> None:
    """Raise ValueError where frames are wanted that a file does not hold.

    Parameters
    ----------
    path : Path
        Named in the error.
    frames : range
        Wanted, from 0 and upwards. [1]
    count : int
        Frames of the file. [1]
    """
    missing = [k for k in (min(frames), max(frames)) if not 0 <= k < count] if frames else []
    if missing or frames.step < 1:
        held = "1 frame, number 0" if count == 1 else f"{count} frames (0 to {count - 1})"
        said = f"frame {missing[-1]} is" if missing else f"{frames} are"
        raise ValueError(f"{said} not in {path}, which has {held}")
