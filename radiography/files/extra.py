"""Libraries of the extra `formats`, loaded where a file needs them, or asked for in one sentence."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calibration.own_words import refused


def needed_library(name: str, path: Path, what: str) -> Any:
    """A library, or ValueError with the command that installs it.

    Parameters
    ----------
    name : str
        As it is imported.
    path : Path
        The file that needs it.
    what : str
        Its format.

    Returns
    -------
    library : module
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ValueError(
            f'{path} is {what}, which {package} reads: pip install "radiography[formats]" installs it'
        ) from error


@contextmanager
def damage_named(path: Path, what: str, library: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one sentence, and keep its log lines to itself.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        Its format.
    library : str
        Name of the library's logger.

    Raises
    ------
    ValueError
        In place of what was raised; what we raise ourselves, with the name of the file, stays.
    """
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with refused(path, f"is {what} that is damaged or truncated"):
            yield
    finally:
        logger.setLevel(before)
