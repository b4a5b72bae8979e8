"""Modulation of patterns, contrast of strips against what lies beside them, and detail that is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.floating[Any]]


def modulation(picture: Picture, part: tuple[int, int, int, int], period: float) -> float:
    """Amplitude of a pattern that repeats along the columns, over the mean of its part of the picture.

    Parameters
    ----------
    picture : (H, W) float
        Linear. [DN]
    part : (int, int, int, int)
        First and end row, first and end column. [pixels]
    period : float
        Of the pattern. [pixels]

    Returns
    -------
    modulation : float
        Rows are averaged first, which takes most of the noise away. [1]

    Raises
    ------
    ValueError
        If the part is narrower than a period, or a period than two pixels.
    """
    r0, r1, c0, c1 = part
    if not 2.0 <= period <= c1 - c0:
        raise ValueError(f"a period must be from 2 pixels to the {c1 - c0} columns of the part, got {period:g}")
    whole = round(int((c1 - c0) / period) * period)
    profile = picture[r0:r1, c0 : c0 + whole].mean(axis=0, dtype=np.float64)
    turn = np.exp(-2j * np.pi * np.arange(whole) / period)
    return float(2.0 * abs(np.mean((profile - profile.mean()) * turn)) / profile.mean())


def contrast_of_strip(
    picture: Picture,
    again: Picture,
    pitch_mm: float,
    ends_mm: tuple[tuple[float, float], tuple[float, float]],
    inside_mm: float,
    beside_mm: tuple[float, float],
) -> tuple[float, float]:
    """Contrast of a straight thing against what lies beside it, and the noise of a pixel there.

    Parameters
    ----------
    picture, again : (H, W) float
        Two exposures alike, linear. [any]
    pitch_mm : float
        Of the pixels, where lengths are measured. [mm]
    ends_mm : pair of (float, float)
        Of its axis, x along the columns and y along the rows, from the middle of the picture. [mm]
    inside_mm, beside_mm : float, (float, float)
        Distances from the axis up to which a pixel is inside, and between which it is beside. [mm]

    Returns
    -------
    contrast, noise : float
        1 - inside / beside, and the standard deviation of a pixel beside over its mean. [1]

    Raises
    ------
    ValueError
        If the two pictures differ in shape, or no pixel lies inside or beside.
    """
    if picture.shape != again.shape:
        raise ValueError(f"two exposures must be of one shape, got {picture.shape} and {again.shape}")
    rows, cols = picture.shape
    y, x = (pitch_mm * (np.arange(count) - 0.5 * (count - 1)) for count in (rows, cols))
    first, last = (np.array(end) for end in ends_mm)
    length = float(np.hypot(*(last - first)))
    along = (last - first) / length
    across = np.abs((x[None] - first[0]) * along[1] - (y[:, None] - first[1]) * along[0])
    at = (x[None] - first[0]) * along[0] + (y[:, None] - first[1]) * along[1]
    within = (at > 0) & (at < length)
    inside = within & (across < inside_mm)
    beside = within & (across > beside_mm[0]) & (across < beside_mm[1])
    if not (inside.any() and beside.any()):
        raise ValueError(f"no pixel of {rows} x {cols} lies inside the strip, or none beside it")
    around = float(picture[beside].mean())
    noise = float(np.std(picture[beside] - again[beside]) / np.sqrt(2.0)) / around
    return 1.0 - float(picture[inside].mean()) / around, noise


def detail_left(
    softer: Picture,
    sharper: Picture,
    pitch_mm: float,
    detail_per_mm: tuple[float, float],
    coarse_per_mm: tuple[float, float],
) -> float:
    """Amplitude of fine structures in one picture over that in another, relative to that of coarse structures.

    Parameters
    ----------
    softer, sharper : (H, W) float
        Mean pictures of the same object in the same place, each on a scale of its own.
    pitch_mm : float
        [mm]
    detail_per_mm, coarse_per_mm : (float, float)
        Rings of frequencies that are compared. [1/mm]

    Returns
    -------
    ratio : float
        [1]

    Raises
    ------
    ValueError
        If the two pictures differ in shape.
    """
    if softer.shape != sharper.shape:
        raise ValueError(f"two pictures of one object must be of one shape, got {softer.shape} and {sharper.shape}")
    window = np.outer(*(np.hanning(size) for size in sharper.shape))
    first, second = (np.fft.rfft2(window * (picture / picture.mean() - 1.0)) for picture in (softer, sharper))
    rows, cols = (np.fft.fftfreq(sharper.shape[0], pitch_mm), np.fft.rfftfreq(sharper.shape[1], pitch_mm))
    frequency = np.hypot(rows[:, None], cols)

    def transfer(ring: tuple[float, float]) -> float:
        inside = (frequency >= ring[0]) & (frequency < ring[1])
        across = (first * second.conj()).real[inside].sum()
        return float(across / (np.abs(second) ** 2)[inside].sum())

    return transfer(detail_per_mm) / transfer(coarse_per_mm)
