"""Places of source and panel.

World coordinates are millimetres with the origin where the central ray meets the detector plane: x to the right
(columns increase), y downwards (rows increase), z towards the source. A shifted panel moves in its plane; it does not
tilt to face the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiography.projection.spot_image import SpotImage

SPOT_SHAPES = ("square", "rectangle", "disc", "gaussian", "image")


@dataclass(frozen=True)
class Geometry:
    """Source, panel and their distance, and what fills the space between them.

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
        Width (x) of the focal spot: side of a square or rectangle, diameter of a disc, full width at half maximum of a
        Gaussian; 0 is a point. [mm]
    focal_spot_samples : int or None
        Regular source points per axis, which every ray starts from; None chooses points from the blur. [1]
    focal_spot_shape : str
        One of `SPOT_SHAPES`.
    focal_spot_height_mm : float or None
        Along y, of a rectangle or a Gaussian; None for a Gaussian that is as high as wide. [mm]
    focal_spot_image : SpotImage or None
        Measured distribution, of the shape "image".
    medium : str
        Material between source and panel, which objects displace; the beam is what it is behind this medium.
    """

    source_to_detector_mm: float
    rows: int
    cols: int
    pitch_mm: float
    panel_shift_mm: tuple[float, float] = (0.0, 0.0)
    focal_spot_mm: float = 0.0
    focal_spot_samples: int | None = None
    focal_spot_shape: str = "square"
    focal_spot_height_mm: float | None = None
    focal_spot_image: SpotImage | None = None
    medium: str = "air"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.source_to_detector_mm) and self.source_to_detector_mm > 0):
            raise ValueError(f"source_to_detector_mm must be a positive length, got {self.source_to_detector_mm}")
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"the panel needs at least 1 x 1 pixel, got {self.rows} x {self.cols}")
        if not (np.isfinite(self.pitch_mm) and self.pitch_mm > 0):
            raise ValueError(f"pitch_mm must be a positive length, got {self.pitch_mm}")
        if self.focal_spot_samples is not None and self.focal_spot_samples < 1:
            raise ValueError(f"focal_spot_samples must be 1 or more, got {self.focal_spot_samples}")
        if not np.isfinite(self.panel_shift_mm).all():
            raise ValueError(f"panel_shift_mm must be two finite lengths, got {self.panel_shift_mm}")
        check_focal_spot(
            self.focal_spot_shape,
            self.focal_spot_mm,
            self.focal_spot_height_mm,
            has_image=self.focal_spot_image is not None,
        )


def check_focal_spot(shape: str, width_mm: float, height_mm: float | None, *, has_image: bool) -> None:
    """Refuse a focal spot whose shape and sizes do not belong together.

    Parameters
    ----------
    shape : str
        One of `SPOT_SHAPES`.
    width_mm, height_mm : float, float or None
        As for `Geometry`. [mm]
    has_image : bool
        Whether a measured distribution is given.

    Raises
    ------
    ValueError
        In one sentence.
    """
    if shape not in SPOT_SHAPES:
        raise ValueError(f"focal_spot_shape must be one of {', '.join(SPOT_SHAPES)}, got '{shape}'")
    if not (np.isfinite(width_mm) and width_mm >= 0):
        raise ValueError(f"focal_spot_mm must be zero or a positive length, got {width_mm}")
    if height_mm is not None and not (np.isfinite(height_mm) and height_mm > 0):
        raise ValueError(f"focal_spot_height_mm must be a positive length, got {height_mm}")
    if shape == "image" and not has_image:
        raise ValueError("focal_spot_shape 'image' needs focal_spot_image and focal_spot_pitch_mm, got no image")
    if shape != "image" and has_image:
        raise ValueError(f"focal_spot_image belongs to focal_spot_shape 'image', but the shape is '{shape}'")
    if shape == "image" and (width_mm > 0 or height_mm is not None):
        size_mm = width_mm if height_mm is None else height_mm
        raise ValueError(f"the size of a focal spot of shape 'image' is that of its image, but {size_mm:g} mm is given")
    if shape == "rectangle" and height_mm is None:
        raise ValueError("focal_spot_shape 'rectangle' needs focal_spot_height_mm beside focal_spot_mm")
    if shape in ("square", "disc") and height_mm is not None:
        raise ValueError(
            f"a focal spot of shape '{shape}' has no focal_spot_height_mm, got {height_mm:g}; a 'rectangle' or a "
            "'gaussian' has one"
        )
    if height_mm is not None and width_mm == 0:
        raise ValueError(f"focal_spot_mm must be positive where focal_spot_height_mm is given, got {width_mm:g}")
