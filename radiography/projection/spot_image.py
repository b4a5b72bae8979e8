"""A measured image of the focal spot: read from a file, its size, and the transfer of its blur.

The image is what a pinhole or slit camera shows, linear in intensity and background subtracted. Its rows run along y
and its columns along x of the panel, as the spot itself lies there; a pinhole turns it by 180 degrees on the way. Its
centroid is the source point of the geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LARGEST_SIDE = 1024  # pixels of an image, per side
IEC_LEVEL = 0.15  # of the line spread's maximum: where IEC 60336:2020 measures the size of a focal spot


@dataclass(frozen=True, eq=False)
class SpotImage:
    """Distribution of the X-ray source.

    Attributes
    ----------
    weights : (R, C) float64
        Relative emission of each pixel, zero or positive. [1]
    pitch_mm : float
        Pixel pitch in the plane of the focal spot. [mm]
    """

    weights: FloatArray
    pitch_mm: float

    def __post_init__(self) -> None:
        weights = self.weights
        if weights.ndim != 2 or weights.size == 0:
            raise ValueError(f"the image of a focal spot must have rows and columns, got an array of {weights.shape}")
        if max(weights.shape) > LARGEST_SIDE:
            raise ValueError(
                f"the image of a focal spot may have {LARGEST_SIDE} x {LARGEST_SIDE} pixels at most, got "
                f"{weights.shape[0]} x {weights.shape[1]}"
            )
        if not np.isfinite(weights).all():
            raise ValueError("the image of a focal spot must be finite, got NaN or infinity")
        if weights.min() < 0:
            raise ValueError(
                f"the image of a focal spot must be zero or positive, got {weights.min():g} (subtract the background "
                "and set to zero what is below)"
            )
        if not weights.max() > 0:
            raise ValueError("the image of a focal spot must emit somewhere, got only zeros")
        if not (np.isfinite(self.pitch_mm) and self.pitch_mm > 0):
            raise ValueError(f"the pixel pitch of a focal spot's image must be a positive length, got {self.pitch_mm}")


def load_spot_image(path: Path, pitch_mm: float) -> SpotImage:
    """Focal spot from a TIFF or NPY file of one picture.

    Parameters
    ----------
    path : Path
        File that ends in .tif, .tiff or .npy.
    pitch_mm : float
        Pixel pitch in the plane of the focal spot. [mm]

    Returns
    -------
    image : SpotImage

    Raises
    ------
    ValueError
        If the file holds no picture of a focal spot.
    OSError
        If it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"focal_spot_image {path} does not exist")
    ending = path.suffix.lower()
    if ending not in (".tif", ".tiff", ".npy"):
        raise ValueError(f"focal_spot_image must end in .tif, .tiff or .npy, got {path.name}")
    try:
        if ending == ".npy":
            pixels = np.load(path, allow_pickle=False)
        else:
            import tifffile

            pixels = tifffile.imread(path, is_shaped=False)  # else a "shape" in our own metadata is taken for its own
    except Exception as error:  # both readers raise many kinds for a damaged file
        raise OSError(f"focal_spot_image {path} cannot be read as a picture") from error
    if not isinstance(pixels, np.ndarray) or pixels.dtype.kind not in "uif":
        raise ValueError(
            f"focal_spot_image {path} must hold real numbers, got {getattr(pixels, 'dtype', 'an archive')}"
        )
    try:
        return SpotImage(np.ascontiguousarray(pixels, dtype=np.float64), pitch_mm)
    except ValueError as error:
        raise ValueError(f"focal_spot_image {path}: {error}") from error


def pixel_places_mm(image: SpotImage) -> tuple[FloatArray, FloatArray]:
    """Centres of the columns (C,) and rows (R,), x and y from the centroid. [mm]"""
    weights, whole = image.weights, image.weights.sum()
    places = []
    for axis in (0, 1):
        along = np.arange(weights.shape[1 - axis], dtype=np.float64)
        centroid = float(along @ weights.sum(axis=axis)) / whole
        places.append((along - centroid) * image.pitch_mm)
    return places[0], places[1]


def image_size_mm(image: SpotImage) -> tuple[float, float]:
    """Width and height at 15 % of the line spread's maximum, as IEC 60336 measures a focal spot. [mm]"""
    sizes = []
    for axis in (0, 1):
        line = np.concatenate(([0.0], image.weights.sum(axis=axis), [0.0]))
        level = IEC_LEVEL * line.max()
        above = np.flatnonzero(line >= level)
        first, last = int(above[0]), int(above[-1])
        start = first - (line[first] - level) / (line[first] - line[first - 1])
        stop = last + (line[last] - level) / (line[last] - line[last + 1])
        sizes.append(float(stop - start) * image.pitch_mm)
    return sizes[0], sizes[1]


def image_transfer(image: SpotImage, x_per_mm: FloatArray, y_per_mm: FloatArray) -> npt.NDArray[np.complex128]:
    """Fourier transform of the distribution over its integral, uniform within each pixel.

    Parameters
    ----------
    image : SpotImage
        Source.
    x_per_mm, y_per_mm : (F,) float64
        Frequencies in the plane of the focal spot. [1/mm]

    Returns
    -------
    transfer : (F,) complex128
        [1]
    """
    x_mm, y_mm = pixel_places_mm(image)
    rows = np.exp(-2j * np.pi * np.outer(y_per_mm, y_mm)) @ image.weights
    waves = np.exp(-2j * np.pi * np.outer(x_per_mm, x_mm))
    pixel = np.sinc(x_per_mm * image.pitch_mm) * np.sinc(y_per_mm * image.pitch_mm)
    return np.asarray((rows * waves).sum(axis=1) * pixel / image.weights.sum(), dtype=np.complex128)


def draw_from_image(image: SpotImage, unit: FloatArray) -> FloatArray:
    """Points of the unit square carried over to the image, so that equal areas get equal emission.

    Parameters
    ----------
    image : SpotImage
        Source.
    unit : (P, 2) float64
        From 0 to 1; the second coordinate chooses the row, the first the place along it. [1]

    Returns
    -------
    points_mm : (P, 2) float64
        x and y from the centroid. [mm]
    """
    weights = image.weights
    x_mm, y_mm = pixel_places_mm(image)
    row_place = _quantile(weights.sum(axis=1), unit[:, 1])
    rows = np.minimum(row_place.astype(np.int64), weights.shape[0] - 1)
    col_place = np.array([_quantile(weights[row], unit[k : k + 1, 0])[0] for k, row in enumerate(rows)])
    return np.column_stack([x_mm[0] + (col_place - 0.5) * image.pitch_mm, y_mm[0] + (row_place - 0.5) * image.pitch_mm])


def _quantile(weights: FloatArray, fraction: FloatArray) -> FloatArray:
    """Places (P,), from 0 at the start of the first bin, with the fractions (P,) of the weights (B,) before them."""
    sums = np.concatenate(([0.0], np.cumsum(weights)))
    return np.asarray(np.interp(fraction, sums / sums[-1], np.arange(len(sums), dtype=np.float64)), dtype=np.float64)
