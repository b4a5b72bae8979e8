"""Places of source and panel.

World coordinates are millimetres with the origin where the central ray meets the detector plane: x to the right
(columns increase), y downwards (rows increase), z towards the source. A shifted panel moves in its plane; it does not
tilt to face the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Source, panel and their distance.

    Attributes
    ----------
    source_to_detector_mm : float
        Distance of the focal spot from the detector plane. [mm]
    rows, cols : int
        Pixels of the panel. [1]
    pitch_mm : float
        Pixel pitch. [mm]
    panel_shift_mm : (float, float)
        Shift of the panel's centre from the central ray, along rows (y) and columns (x). [mm]
    focal_spot_mm : float
        Side of the uniform square focal spot; 0 is a point. [mm]
    focal_spot_samples : int
        Source points per side that stand for the focal spot. [1]
    """

    source_to_detector_mm: float
    rows: int
    cols: int
    pitch_mm: float
    panel_shift_mm: tuple[float, float] = (0.0, 0.0)
    focal_spot_mm: float = 0.0
    focal_spot_samples: int = 1

    def __post_init__(self) -> None:
        if not (np.isfinite(self.source_to_detector_mm) and self.source_to_detector_mm > 0):
            raise ValueError(f"source_to_detector_mm must be a positive length, got {self.source_to_detector_mm}")
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"the panel needs at least 1 x 1 pixel, got {self.rows} x {self.cols}")
        if not (np.isfinite(self.pitch_mm) and self.pitch_mm > 0):
            raise ValueError(f"pitch_mm must be a positive length, got {self.pitch_mm}")
        if not (np.isfinite(self.focal_spot_mm) and self.focal_spot_mm >= 0):
            raise ValueError(f"focal_spot_mm must be zero or a positive length, got {self.focal_spot_mm}")
        if self.focal_spot_samples < 1:
            raise ValueError(f"focal_spot_samples must be 1 or more, got {self.focal_spot_samples}")
        if not np.isfinite(self.panel_shift_mm).all():
            raise ValueError(f"panel_shift_mm must be two finite lengths, got {self.panel_shift_mm}")
