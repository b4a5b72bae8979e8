"""Places of source and panel.

World coordinates are millimetres with the origin where the central ray meets the detector plane: x to the right
(columns increase), y downwards (rows increase), z towards the source. A shifted panel moves in its plane; it does not
tilt to face the source. The detector plane is where X-rays enter the layer: heights, distances and the exposure are
counted from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiography.projection.spot_image import SpotImage

NODES_PER_DISTANCE = 250  # 4 mm at 1 m: straight lines between nodes then err by 2e-6 of a weight that goes with 1/cos
MOST_NODES = 128  # along each axis

SPOT_SHAPES = ("square", "rectangle", "disc", "gaussian", "image")

FloatArray = npt.NDArray[np.float64]


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


def field_nodes_mm(geometry: Geometry) -> tuple[FloatArray, FloatArray]:
    """Places at which what changes slowly over the panel is computed: even steps from border to border.

    Parameters
    ----------
    geometry : Geometry
        Source and panel. [mm]

    Returns
    -------
    y_mm, x_mm : (R,) float64, (C,) float64
        Of the rows and columns of nodes, two or more each. [mm]
    """
    step_mm = geometry.source_to_detector_mm / NODES_PER_DISTANCE
    places = []
    for pixels, shift_mm in zip((geometry.rows, geometry.cols), geometry.panel_shift_mm, strict=True):
        size_mm = pixels * geometry.pitch_mm
        count = min(MOST_NODES, 1 + int(np.ceil(size_mm / step_mm)))
        places.append(shift_mm + size_mm * np.linspace(-0.5, 0.5, count))
    return places[0], places[1]


def at_depth(geometry: Geometry, depth_mm: float) -> Geometry:
    """The pixels as they project from the source onto the detector plane, for what happens at a depth below it.

    A ray goes on outwards below the plane where it enters, so a pixel sees rays that entered nearer to the axis: the
    picture at a depth is magnified by 1 + depth / distance.

    Parameters
    ----------
    geometry : Geometry
        Source and panel. [mm]
    depth_mm : float
        Below the detector plane. [mm]

    Returns
    -------
    geometry : Geometry
        With pitch and shift of the panel divided by the magnification. [mm]

    Raises
    ------
    ValueError
        If the depth is negative.
    """
    if not depth_mm >= 0:
        raise ValueError(f"depth_mm below the detector plane must be zero or positive, got {depth_mm}")
    shrink = geometry.source_to_detector_mm / (geometry.source_to_detector_mm + depth_mm)
    down_mm, right_mm = geometry.panel_shift_mm
    return replace(geometry, pitch_mm=geometry.pitch_mm * shrink, panel_shift_mm=(down_mm * shrink, right_mm * shrink))


def axis_sample(geometry: Geometry, samples_per_pixel: int) -> tuple[float, float]:
    """Row and column of samples where the central ray meets the panel.

    Parameters
    ----------
    geometry : Geometry
        Source and panel. [mm]
    samples_per_pixel : int
        Samples per pixel and axis. [1]

    Returns
    -------
    row, col : float
        0 is the centre of the first sample; they may lie outside the panel. [1]
    """
    row, col = (
        (0.5 * pixels - shift_mm / geometry.pitch_mm) * samples_per_pixel - 0.5
        for pixels, shift_mm in zip((geometry.rows, geometry.cols), geometry.panel_shift_mm, strict=True)
    )
    return row, col
