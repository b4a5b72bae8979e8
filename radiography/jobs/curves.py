"""Measured curves in files: the MTF and the noise power spectrum that a layer is fitted to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

ASSUMED_MTF_ERROR = 0.005  # where the file gives none
ASSUMED_NPS_ERROR = 0.03  # of the value: 1,000 independent spectra
STEP_CYCLES_PER_PIXEL = 0.05  # nearer points of `radiography mtf` share their noise
_LARGEST_FILE_BYTES = 16 * 1024 * 1024

FloatArray = npt.NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray, FloatArray]  # frequency [1/mm], value and its standard error [1]


def read_mtf(path: Path) -> tuple[Curve, bool]:
    """Frequencies above 0, MTF and standard errors of a file, and whether the errors had to be assumed.

    Parameters
    ----------
    path : Path
        JSON of `radiography mtf`, or a table of frequency, MTF and perhaps standard error.

    Returns
    -------
    curve, assumed : Curve, bool

    Raises
    ------
    ValueError
        If the file holds no such curve.
    OSError
        If it cannot be read.
    """
    if path.suffix.lower() != ".json":
        curve, assumed = _read_table(path, "MTF", ASSUMED_MTF_ERROR, 0.0)
    else:
        try:
            table = json.loads(_text(path))
            columns = [
                np.array(table[key], dtype=np.float64) for key in ("frequency_per_mm", "value", "standard_error")
            ]
            pitch = float(table.get("pitch_mm") or 0.0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            wanted = "lists frequency_per_mm, value and standard_error"
            raise ValueError(f"{path} is not the JSON of an MTF: it needs the {wanted}") from error
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise ValueError(f"{path}: the lists of the MTF must be equally long, got {[c.size for c in columns]}")
        curve, assumed = (columns[0], columns[1], columns[2]), False
        if pitch > 0 and curve[0].size > 1:
            step = float(np.median(np.diff(curve[0]))) * pitch
            every = max(1, round(STEP_CYCLES_PER_PIXEL / step)) if step > 0 else 1
            curve = (curve[0][::every], curve[1][::every], curve[2][::every])
    above = curve[0] != 0.0
    return (curve[0][above], curve[1][above], curve[2][above]), assumed


def read_nps(path: Path) -> tuple[Curve, bool]:
    """Frequencies above 0, NPS over its value at the lowest of them, and standard errors; errors as for `read_mtf`."""
    curve, assumed = _read_table(path, "NPS", 0.0, ASSUMED_NPS_ERROR)
    above = curve[0] != 0.0
    frequency, value, error = (column[above] for column in curve)
    order = np.argsort(frequency)
    if not order.size or not value[order[0]] > 0:
        raise ValueError(f"{path}: the NPS at the lowest frequency must be above 0")
    scale = value[order[0]]
    return (frequency[order], value[order] / scale, error[order] / scale), assumed


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, a curve has at most {_LARGEST_FILE_BYTES}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error


def _read_table(path: Path, what: str, error: float, relative_error: float) -> tuple[Curve, bool]:
    """Two or three columns of numbers, by commas, semicolons or blanks; one line of headings and comments allowed."""
    rows: list[list[float]] = []
    headings = 0
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = re.split(r"[,;\s]+", line.partition("#")[0].strip().strip(",;"))
        if words == [""]:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError as problem:
            if rows or headings:
                raise ValueError(f"{path}, line {number}: '{line.strip()[:60]}' is not a row of numbers") from problem
            headings += 1
            continue
        if len(row) not in (2, 3) or (rows and len(row) != len(rows[0])):
            wanted = f"{len(rows[0])} numbers as before" if rows else f"frequency, {what} and perhaps standard error"
            raise ValueError(f"{path}, line {number}: a row must hold {wanted}, got {len(row)} numbers")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} holds no rows of frequency and {what}")
    columns = np.array(rows, dtype=np.float64).T
    assumed = len(columns) == 2
    errors = columns[2] if not assumed else error + relative_error * np.abs(columns[1])
    return (columns[0], columns[1], errors), assumed
