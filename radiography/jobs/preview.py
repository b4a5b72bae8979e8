"""The PNG beside a corrected image: the picture for presentation, in the greys of a monitor that follows sRGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.files.frames import write_grey_png, write_preview_png
from radiography.presentation.chain import PresentedPicture, present
from radiography.presentation.exposure import NotExposed
from radiography.presentation.steps import PictureSteps
from radiography.presentation.tone import monitor_grey


def write_preview(
    path: Path, corrected_dn: NDArray[np.floating[Any]], steps: PictureSteps | None = None
) -> PresentedPicture | None:
    """Write an 8-bit PNG that looks on a monitor as the DICOM picture does on a reading one: what absorbs is bright.

    A frame that no X-rays reached has no such picture; its numbers are shown linearly, larger is brighter.

    Parameters
    ----------
    path : Path
        Appears whole, or not at all.
    corrected_dn : (H, W) float
        Linear, corrected image; every pixel a number. [DN]
    steps : PictureSteps, optional
        How the picture is made; the default one without it.

    Returns
    -------
    shown : PresentedPicture or None
        The picture; None of a frame without exposure.
    """
    try:
        shown = present(corrected_dn, steps)
    except NotExposed:
        write_preview_png(path, corrected_dn, longest_side=None)
        return None
    write_grey_png(path, monitor_grey(shown.display, shown.window_center, shown.window_width))
    return shown
