"""Volume of a DICOM series: slices in their order in space, each rescaled by its own numbers, on one regular grid."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phantoms.volume_file import StoredVolume, check_claim, refuse

LARGEST_TILT_DEG = 0.5  # chosen: a shear below it moves the end of a 200 mm stack by less than 2 mm
LARGEST_UNEVENNESS = 0.02  # [1] of the distance of slices   # chosen: rounded positions of thin slices stay below it
OUTSIDE = -1024.0  # what padding becomes: air   [HU]

FloatArray = npt.NDArray[np.float64]


def dicom_series(folder: Path, series: str | None = None) -> StoredVolume:
    """Voxels of the DICOM series in a folder.

    Parameters
    ----------
    folder : Path
        Files that are no DICOM images are passed over.
    series : str, optional
        SeriesInstanceUID; needed where there are several.

    Returns
    -------
    stored : StoredVolume
        int16 where every rescale slope and intercept is whole, else float32; padding is -1024.

    Raises
    ------
    ValueError
        In one sentence, if there is no series or more than one, or its slices are no regular grid.
    """
    heads = _heads(folder, series)
    first = heads[0][1]
    shape = (int(first.Rows), int(first.Columns))
    for file, head in heads:
        if (int(head.Rows), int(head.Columns)) != shape:
            refuse(
                folder, f"has slices of {shape} and, in {file.name}, of {(int(head.Rows), int(head.Columns))} pixels"
            )
    heads, axes, step_mm = _in_space(folder, heads)
    rescales = [(float(head.get("RescaleSlope", 1.0)), float(head.get("RescaleIntercept", 0.0))) for _, head in heads]
    whole = all(slope.is_integer() and intercept.is_integer() for slope, intercept in rescales)
    check_claim(folder, (len(heads), *shape), np.int16 if whole else np.float32)
    values = np.empty((len(heads), *shape), np.int16 if whole else np.float32)
    for number, ((file, head), (slope, intercept)) in enumerate(zip(heads, rescales, strict=True)):
        values[number] = np.clip(_slice(folder, file, head, slope, intercept), -32768.0, 32767.0)
    down_mm, across_mm = _pixel_spacing(folder, first)
    return StoredVolume(values, (across_mm, down_mm, step_mm), axes, str(first.get("Modality", "")))


def _heads(folder: Path, series: str | None) -> list[tuple[Path, Any]]:
    """Files of one series, with what they say of themselves."""
    import pydicom

    found: list[tuple[Path, Any]] = []
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            head = pydicom.dcmread(file, stop_before_pixels=True)
        except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError, NotImplementedError):
            continue
        if "Rows" in head and "Columns" in head:
            found.append((file, head))
    counts = Counter(str(head.get("SeriesInstanceUID", "")) for _, head in found)
    listed = ", ".join(f"{name} ({number} slices)" for name, number in counts.items())
    if not found:
        refuse(folder, "holds no DICOM or TIFF slices")
    if series is None and len(counts) > 1:
        refuse(folder, f"holds {len(counts)} series; name one as series: {listed}")
    if series is not None and series not in counts:
        refuse(folder, f"holds no series '{series}'; it holds {listed}")
    chosen = [(file, head) for file, head in found if series in (None, str(head.get("SeriesInstanceUID", "")))]
    for file, head in chosen:
        if int(head.get("NumberOfFrames", 1) or 1) > 1:
            refuse(folder, f"holds a file of several frames, {file.name}; series of single slices are read")
        if int(head.get("SamplesPerPixel", 1) or 1) != 1:
            refuse(folder, f"holds a picture in colour, {file.name}")
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if head.get(name) is None:
                refuse(folder, f"holds a slice that has no {name}, {file.name}")
    return chosen


def _in_space(folder: Path, heads: list[tuple[Path, Any]]) -> tuple[list[tuple[Path, Any]], FloatArray, float]:
    """Slices from one side to the other, the directions of x, y, z as columns, and the distance of slices. [mm]"""
    cosines = np.array([[float(v) for v in head.ImageOrientationPatient] for _, head in heads])
    if np.abs(cosines - cosines[0]).max() > 1e-3:
        odd = int(np.abs(cosines - cosines[0]).max(axis=1).argmax())
        refuse(folder, f"holds slices that are turned against each other, such as {heads[odd][0].name}: a scout view?")
    across, down = cosines[0, :3], cosines[0, 3:]
    normal = np.cross(across, down)
    if not np.isclose(np.linalg.norm(normal), 1.0, atol=1e-3):
        refuse(folder, "has an ImageOrientationPatient that is no pair of directions at right angles")
    places = np.array([[float(v) for v in head.ImagePositionPatient] for _, head in heads])
    order = np.argsort(places @ normal, kind="stable")
    heads, places = [heads[number] for number in order], places[order]
    axes = np.stack([across, down, normal], axis=1)
    if len(heads) == 1:
        thickness = heads[0][1].get("SliceThickness")
        if thickness is None or not float(thickness) > 0:
            refuse(folder, "holds one slice, which does not say its SliceThickness")
        return heads, axes, float(thickness)
    along = places @ normal
    steps = np.diff(along)
    step = float(np.median(steps))
    close = int(steps.argmin())
    if steps[close] < 1e-3:
        names = f"{heads[close][0].name} and {heads[close + 1][0].name}"
        refuse(folder, f"holds two slices at one place, {names}: two reconstructions in one series?")
    tilt_deg = np.degrees(np.arctan2(np.linalg.norm((places[-1] - places[0]) @ axes[:, :2]), along[-1] - along[0]))
    if tilt_deg > LARGEST_TILT_DEG:
        refuse(
            folder, f"was taken with the gantry tilted by {tilt_deg:.1f} degrees: its slices are sheared; resample it"
        )
    uneven = int(np.abs(steps - step).argmax())
    if abs(steps[uneven] - step) > LARGEST_UNEVENNESS * step + 1e-3:
        refuse(
            folder,
            f"has a gap: {heads[uneven][0].name} and {heads[uneven + 1][0].name} are {steps[uneven]:.4g} mm apart, the "
            f"others {step:.4g} mm; slices are missing",
        )
    return heads, axes, float(np.mean(steps))


def _pixel_spacing(folder: Path, head: Any) -> tuple[float, float]:
    """Distance of rows and of columns. [mm]"""
    down_mm, across_mm = (float(v) for v in head.PixelSpacing)
    if not (down_mm > 0 and across_mm > 0):
        refuse(folder, f"has a PixelSpacing of {down_mm:g} x {across_mm:g} mm")
    return down_mm, across_mm


def _slice(folder: Path, file: Path, head: Any, slope: float, intercept: float) -> FloatArray:
    """One slice in the unit of its rescaling, padding outside."""
    import pydicom

    try:
        stored = pydicom.dcmread(file).pixel_array.astype(np.float64)
    except Exception as error:  # pydicom and its decoders raise many kinds for a damaged slice
        raise ValueError(f"volume {folder} has a slice that cannot be read, {file.name}") from error
    values = stored * slope + intercept
    padding = head.get("PixelPaddingValue")
    if padding is not None:
        limit = head.get("PixelPaddingRangeLimit", padding)
        low, high = sorted((float(padding), float(limit)))
        values[(stored >= low) & (stored <= high)] = OUTSIDE
    return np.asarray(values)
