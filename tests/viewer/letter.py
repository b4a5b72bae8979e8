"""A picture whose polarity, orientation and levels can be seen in any viewer: the letter F over a wedge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.ndimage

from radiography.dicom.read import read_dx

PITCH_MM = 0.139
ROWS, COLS = 320, 400
F_STROKES = ((slice(60, 260), slice(60, 90)), (slice(60, 90), slice(60, 180)), (slice(140, 170), slice(60, 150)))
STEPS_MM = np.arange(11)  # wedge, thicker to the right
MARKER = (slice(60, 80), slice(340, 360))  # of lead; with it the picture's counts reach past both ends of its window


def exposure() -> np.ndarray:
    """A thick letter F and a lead marker over a wedge of 11 steps whose exposure halves from step to step."""
    corrected_dn = np.full((ROWS, COLS), 40000.0, dtype=np.float32)
    for stroke in F_STROKES:
        corrected_dn[stroke] = 400.0
    for k in STEPS_MM:
        corrected_dn[275:315, 20 + 34 * k : 54 + 34 * k] = 40000.0 * 0.5**k
    corrected_dn[MARKER] = 1.0
    return corrected_dn


def by_the_standard(stored: np.ndarray, center: float, width: float) -> np.ndarray:
    """8-bit level of each stored count: DICOM PS3.3 C.11.2.1.2.1, function LINEAR."""
    level = ((stored.astype(np.float64) - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(level, 0, 255)


def window_of(path: Path) -> tuple[float, float]:
    metadata = read_dx(path).metadata
    return float(metadata["WindowCenter"]), float(metadata["WindowWidth"])


def check_upright_letter(shown: np.ndarray) -> None:
    """The letter is bright on dark, stands upright and is not mirrored; the wedge brightens to the right."""
    inside = np.zeros((ROWS, COLS), dtype=bool)
    for stroke in F_STROKES:
        inside[stroke] = True
    far_inside = scipy.ndimage.binary_erosion(inside, iterations=2)
    far_outside = ~scipy.ndimage.binary_dilation(inside, iterations=2)
    far_outside[270:] = False  # the wedge
    far_outside[50:90, 330:370] = False  # the marker, and what dwv draws a pixel off
    assert int(shown[far_inside].min()) > int(shown[far_outside].max()) + 40
    steps = [shown[285:305, 30 + 34 * k : 44 + 34 * k].mean() for k in STEPS_MM]
    assert np.all(np.diff(steps) >= 0)
    assert np.count_nonzero(np.diff(steps) > 15) >= 7  # those within the window: 1375 of some 13 000 counts each
