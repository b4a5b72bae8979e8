"""About-files: TOML that tells, by file name, what frames do not say about themselves.

    ["darks_100ms*.tif"]
    integration_time_s = 0.1
    temperature_C = 24.0

Patterns are those of the shell and are matched with the file's name; later tables win over earlier ones, and over what
the file says itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from calibration.conditions import Conditions, conditions_from, overlaid
from radiography.config import read_toml
from radiography.files.frames import FrameSource


def load_about(path: Path | None) -> dict[str, Conditions]:
    """Conditions by pattern, checked; none without a file.

    Raises
    ------
    ValueError
        If a table is no table, holds an unknown key, or a value is out of range.
    OSError
        If the file cannot be read.
    """
    if path is None:
        return {}
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    found = {}
    for pattern, table in read_toml(path).items():
        if not isinstance(table, dict):
            raise ValueError(f"{path}: '{pattern}' must be a table of conditions headed by a file name or pattern")
        found[pattern] = conditions_from(table, f"{path} [{pattern}]", others_allowed=False)
    return found


def told(sources: Sequence[FrameSource], about: dict[str, Conditions]) -> list[FrameSource]:
    """The sources with what the about-file tells of them.

    Parameters
    ----------
    sources : sequence of FrameSource
        Files of frames.
    about : dict of str to Conditions
        Conditions by pattern of file names.

    Returns
    -------
    sources : list of FrameSource
        Later patterns win over earlier ones, and over what the file says itself.
    """
    result = []
    for source in sources:
        conditions, pitch_source = source.conditions, source.pitch_source
        for pattern, more in about.items():
            if fnmatch(source.path.name, pattern):
                conditions = overlaid(conditions, more)
                pitch_source = pitch_source if more.pitch_mm is None else "the about-file"
        result.append(replace(source, conditions=conditions, pitch_source=pitch_source))
    return result


def unmatched(sources: Sequence[FrameSource], about: dict[str, Conditions], path: str | Path | None) -> tuple[str, ...]:
    """A sentence about the patterns that no file matches, such as misspelt ones: what they say is not used.

    Parameters
    ----------
    sources : sequence of FrameSource
        All files of frames.
    about : dict of str to Conditions
        Conditions by pattern of file names.
    path : str, Path or None
        The about-file, for the message.

    Returns
    -------
    warnings : tuple of str
        Empty, or one sentence.
    """
    unused = [f"'{pattern}'" for pattern in about if not any(fnmatch(source.path.name, pattern) for source in sources)]
    if not unused:
        return ()
    return (f"{path}: no file matches {', '.join(unused)}, so what it says there is not used",)
