"""Measurements in a region that somebody drew on the viewer page: the MTF of an edge, and mean and noise."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.mtf import mtf50
from radiography.jobs.flag_planes import read_flags
from radiography.jobs.measure import measure_mtf
from radiography.jobs.view import Shelf, Shown, file_of, frame_pixels

Region = tuple[int, int, int, int]
LEAST_SIDE = 2  # pixels of a region for its noise
MOST_POINTS = 400  # of a curve on the page   # chosen


def checked_region(picture: Shown, said: Any) -> Region:
    """First and end row, first and end column of a region in the picture.

    Parameters
    ----------
    picture : Shown
    said : any
        Four whole numbers, from whoever speaks to the server. [1]

    Returns
    -------
    region : (int, int, int, int)

    Raises
    ------
    ValueError
        If it is not four whole numbers, or lies outside the picture.
    """
    rows, cols = picture.source.rows, picture.source.cols
    if not (isinstance(said, list) and len(said) == 4 and all(type(number) is int for number in said)):
        raise ValueError(f"a region is first and end row, first and end column, got {str(said)[:80]}")
    r0, r1, c0, c1 = said
    if not (0 <= r0 < r1 <= rows and 0 <= c0 < c1 <= cols):
        raise ValueError(f"the region must lie within {rows} rows and {cols} columns, got {r0}:{r1},{c0}:{c1}")
    return r0, r1, c0, c1


def region_mtf(shelf: Shelf, number: int, frame: int, region: Region, use_flags: bool = True) -> dict[str, Any]:
    """The MTF of the edge in a region, as `radiography mtf --roi` measures it.

    Parameters
    ----------
    shelf : Shelf
    number, frame : int
        Which picture, and which of its frames. [1]
    region : (int, int, int, int)
        First and end row, first and end column. [1]
    use_flags : bool
        Whether flagged pixels are left out, where the picture has flags.

    Returns
    -------
    found : dict
        Curve, its error, MTF50, angle, warnings and the command that gives the same.

    Raises
    ------
    ValueError, OSError
        In one sentence, if the region holds no edge, or the picture is not linear.
    """
    picture = shelf.pictures[number]
    name = file_of(picture)
    flags = _flags(shelf, picture) if use_flags else None
    pitch = shelf.pitch_mm if shelf.pitch_mm is not None else (None if picture.detector_mm else 1.0)
    several = picture.source.count > 1
    measured = measure_mtf(
        name, roi=region, pitch_mm=pitch, frame=frame if several else None, layout=shelf.layout, flags=flags
    )
    curve = measured.curve
    step = max(1, curve.frequency_per_mm.size // MOST_POINTS)
    try:
        half: list[float] | None = [float(value) for value in mtf50(curve)]
    except ValueError:
        half = None
    r0, r1, c0, c1 = region
    words = ["radiography", "mtf", _without_folder(name, picture), "--roi", f"{r0}:{r1},{c0}:{c1}"]
    words += ["--frame", str(frame)] if several else []
    words += ["--flags", flags.name] if flags is not None else []
    words += ["--pitch", f"{pitch:g}"] if pitch is not None else []
    return {
        "frequency": [round(float(value), 6) for value in curve.frequency_per_mm[::step]],
        "value": [round(float(value), 6) for value in curve.value[::step]],
        "error": [round(float(value), 6) for value in curve.standard_error[::step]],
        "per": "1/mm" if picture.detector_mm else "cycles/pixel",
        "nyquist": 0.5 / curve.pitch_mm,
        "mtf50": half,
        "angle_deg": float(curve.angle_deg),
        "orientation": curve.orientation,
        "contrast": curve.contrast_dn,
        "contrast_to_noise": curve.contrast_to_noise,
        "warnings": [_without_folder(text, picture) for text in (*measured.doubts, *curve.warnings)],
        "command": shlex.join(words),
    }


def region_noise(shelf: Shelf, number: int, frame: int, region: Region, use_flags: bool = True) -> dict[str, Any]:
    """Mean, standard deviation and their ratio in a region, with and without a slope of the field.

    Parameters
    ----------
    shelf, number, frame, region, use_flags
        As for `region_mtf`.

    Returns
    -------
    found : dict
        Mean, sd, sd about a fitted plane, snr, range, pixels and how many were left out.

    Raises
    ------
    ValueError, OSError
        In one sentence, if too few pixels count.
    """
    picture = shelf.pictures[number]
    r0, r1, c0, c1 = region
    if min(r1 - r0, c1 - c0) < LEAST_SIDE:
        raise ValueError(f"noise needs {LEAST_SIDE} x {LEAST_SIDE} pixels or more, got {r1 - r0} x {c1 - c0}")
    part = frame_pixels(picture, frame)[0][r0:r1, c0:c1].astype(np.float64)
    counts = np.isfinite(part)
    plane = _flags(shelf, picture) if use_flags else None
    if plane is not None:
        counts &= ~read_flags(plane, (picture.source.rows, picture.source.cols), "the picture is").left_out[
            r0:r1, c0:c1
        ]
    left = int(counts.sum())
    if left < LEAST_SIDE**2:
        raise ValueError(f"only {left} pixels of the region hold a measurement of their own")
    values = part[counts]
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    flat_sd = _sd_about_plane(part, counts)
    notes = []
    if picture.source.stage == "raw":
        notes.append("raw: the mean holds the panel's offset, so that mean / SD is no signal-to-noise ratio")
    elif not picture.is_linear:
        notes.append("not linear in exposure: mean / SD is no signal-to-noise ratio")
    if flat_sd < 0.9 * sd:
        notes.append("the field slopes across the region: the SD about a fitted plane is the noise")
    return {
        "mean": mean,
        "sd": sd,
        "sd_about_plane": flat_sd,
        "snr": mean / flat_sd if flat_sd > 0 else None,
        "least": float(values.min()),
        "greatest": float(values.max()),
        "pixels": left,
        "left_out": int(part.size - left),
        "unit": picture.unit,
        "notes": notes,
    }


def _sd_about_plane(part: NDArray[np.float64], counts: NDArray[np.bool_]) -> float:
    """Standard deviation about a fitted plane."""
    rows, cols = np.nonzero(counts)
    tilt = np.stack([np.ones(rows.size), rows - rows.mean(), cols - cols.mean()], axis=1)
    values = part[counts]
    if values.size <= tilt.shape[1]:
        return float(values.std(ddof=1))
    fitted = np.linalg.lstsq(tilt, values, rcond=None)[0]
    return float(np.sqrt(np.sum((values - tilt @ fitted) ** 2) / (values.size - tilt.shape[1])))


def _flags(shelf: Shelf, picture: Shown) -> Path | None:
    return None if picture.flags is None else shelf.pictures[picture.flags].source.path


def _without_folder(text: str, picture: Shown) -> str:
    """A sentence that names the file, not where it lies."""
    return text.replace(str(picture.source.path), picture.source.path.name)
