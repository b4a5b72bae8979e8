"""Kinds of measurement: what is asked for, what was read, and tables of what was found."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import UNKNOWN, Conditions
from radiography.jobs.inputs import Region


@dataclass(frozen=True)
class Asked:
    """What a user asks for; None where the kind has its own way. Regions are half-open. [1, mm, uGy]

    Attributes
    ----------
    roi, background : Region or None
        Region that is measured, and the one around a detail. [1]
    block_mm : float or None
        Side of the squares of a uniformity. [mm]
    diameters_mm : tuple of float or None
        Of discs. [mm]
    d_prime : float or None
        Detectability at the threshold. [1]
    mtf : Path or None
        JSON or table of an MTF.
    thickness_mm : tuple of float or None
        Of the steps of a wedge, in order. [mm]
    resolution_mm : float or None
        Basic spatial resolution. [mm]
    doses_uGy : tuple of float or None
        Of each file, or of each frame of a single one. [uGy]
    """

    roi: Region | None = None
    background: Region | None = None
    block_mm: float | None = None
    diameters_mm: tuple[float, ...] | None = None
    d_prime: float | None = None
    mtf: Path | None = None
    thickness_mm: tuple[float, ...] | None = None
    resolution_mm: float | None = None
    doses_uGy: tuple[float, ...] | None = None


OPTIONS = MappingProxyType(
    {
        "roi": "--roi",
        "background": "--background",
        "block_mm": "--block",
        "diameters_mm": "--diameters",
        "d_prime": "--d-prime",
        "mtf": "--mtf",
        "thickness_mm": "--thickness",
        "resolution_mm": "--srb",
        "doses_uGy": "--dose",
    }
)


@dataclass(frozen=True, eq=False)
class Given:
    """What was read.

    Attributes
    ----------
    frames : list of (N, H, W) float32
        Signal above the offset of each region: the one measured, then the background. [DN]
    levels : (N,) float64
        Mean of each frame over the region, offset included, where only that is needed. [DN]
    level_noise : float
        Standard error of such a mean by the noise of pixels. [DN]
    counts : list of int
        Frames of each file. [1]
    dark_levels, dark_noise, dark_frames : list of float, (float, float) or None, int
        Mean of each dark frame over the region, noise of a pixel in them with its error, and their number. [DN, DN, 1]
    pitch_mm : float or None
        [mm]
    conditions : Conditions
        Of the first file.
    kermas : list of float or None
        What each file says. [uGy]
    """

    frames: list[NDArray[np.float32]]
    levels: NDArray[np.float64]
    level_noise: float = 0.0
    counts: list[int] = field(default_factory=list)
    dark_levels: list[float] = field(default_factory=list)
    dark_noise: tuple[float, float] | None = None
    dark_frames: int = 0
    pitch_mm: float | None = None
    conditions: Conditions = UNKNOWN
    kermas: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """Columns, rows of numbers or text, and sentences about them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float | str, ...], ...]
    lines: tuple[str, ...] = ()

    def as_csv(self) -> str:
        """The columns and rows; what is no number is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            writer.writerow([_cell(value) for value in row])
        return text.getvalue()


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else f"{value:.7g}"
