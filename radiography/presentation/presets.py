"""Pictures by shipped name or by TOML file."""

from __future__ import annotations

from pathlib import Path

from radiography.config import load_described
from radiography.presentation.steps import PictureSteps

DEFAULT_PICTURE = "default"


def load_picture(name: str | Path = DEFAULT_PICTURE) -> PictureSteps:
    """Steps of a picture by shipped name (`shipped("picture")`) or by TOML file.

    Parameters
    ----------
    name : str or Path
        A shipped name, or the path of a TOML file; `based_on` in the file names another to start from.

    Returns
    -------
    steps : PictureSteps

    Raises
    ------
    ValueError
        If the file says something that a step cannot be, or the name is unknown.
    OSError
        If the file cannot be read.
    """
    return load_described(PictureSteps, "picture", str(name), None)
