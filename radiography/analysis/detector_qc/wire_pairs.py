"""Wire pairs as an aperture and a blur image them: what binning takes from a dip, and the curve between two pairs.

The images of wires that a detector gives hold a dip at a few diameters only, and an estimate of each from a profile in
bins. Both are mended with the pairs' own physics: chords through round wires, attenuation, an aperture, and a blur of
Gaussian core and exponential tails that are fitted to the dips themselves. What these leave over is kept, so that
another shape of blur does little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINER = 16  # steps of the computed profile in a bin of the measured one   # chosen: 1/128 of a pixel
BESIDE = 6.0  # diameters and blurs that a computed profile reaches beyond the wires   # chosen
MOST_DIPS = 0.97  # dips above it tell nothing of the blur   # chosen
NARROWEST = 0.4  # aperture that is tried, in pixels: a fill factor of 0.16   # chosen
BLURS = (0.02, 0.1, 0.25, 0.5, 1.0, 2.0)  # that are tried at first, in pixels   # chosen
WIDEST = 6.0  # pixels   # chosen
WHOLE = 0.02  # dip: what a departure of the aperture from a whole pixel must be worth   # chosen: else it is not told
FITS = 0.03  # of a dip: where the curve misses one by more, it is not the wires'   # chosen
MU_PER_MM = (0.01, 200.0)  # attenuation of wires that is looked for: gold at 20 keV has 150

FloatArray = NDArray[np.float64]
DipOf = Callable[[FloatArray], float]  # of a profile (P,) of depths in bins: the dip as it is measured


@dataclass(frozen=True)
class Imaging:
    """How wires become a profile.

    ``pitch_mm`` of pixels across the wires, in the plane of the wires; ``bin_mm`` width of a bin of the measured
    profile; ``per_mm`` attenuation of the wires.
    """

    pitch_mm: float
    bin_mm: float
    per_mm: float


class Blur(NamedTuple):
    """Side of the aperture and standard deviation of the blur [pixel], and how much of it has exponential tails [1]."""

    aperture: float
    sigma: float
    tails: float


def depth_of_pair(diameter_mm: float, blur: Blur, imaging: Imaging) -> FloatArray:
    """Depth of a pair's image, about its middle, in steps of 1/`FINER` of a bin.

    Parameters
    ----------
    diameter_mm : float
        Of the wires, and of the gap between them. [mm]
    blur : Blur
    imaging : Imaging

    Returns
    -------
    depth : (P,) float64
        Below the field, over the field; P is odd, its middle that of the pair. [1]
    """
    from scipy.fft import irfft, next_fast_len, rfft

    step = imaging.bin_mm / FINER
    aperture, sigma = blur.aperture * imaging.pitch_mm, blur.sigma * imaging.pitch_mm
    half = int(np.ceil((1.5 * diameter_mm + BESIDE * sigma + imaging.pitch_mm) / step)) + 2 * FINER
    size = next_fast_len(2 * half + 1, real=True)
    place = (np.arange(size) - half) * step
    fine = place[:, None] + step * (np.arange(4) - 1.5) / 4.0  # chords begin steeply: means over a step
    radius = 0.5 * diameter_mm
    path = sum(2.0 * np.sqrt(np.maximum(radius**2 - (fine - side) ** 2, 0.0)) for side in (-diameter_mm, diameter_mm))
    depth = 1.0 - np.exp(-imaging.per_mm * path).mean(axis=1)
    frequency = np.fft.rfftfreq(size, step)
    square = 2.0 * (np.pi * sigma * frequency) ** 2
    transfer = ((1.0 - blur.tails) * np.exp(-square) + blur.tails / (1.0 + square)) * np.sinc(frequency * aperture)
    return np.asarray(irfft(rfft(depth) * transfer, size)[: 2 * half + 1])


def dip_of_pair(diameter_mm: float, blur: Blur, imaging: Imaging) -> float:
    """Dip of a pair, as no bins or noise disturb it; 0 where its wires have merged. [1]

    Parameters
    ----------
    diameter_mm, blur, imaging
        As for `depth_of_pair`.

    Returns
    -------
    dip : float
    """
    depth = depth_of_pair(diameter_mm, blur, imaging)
    middle = depth.size // 2
    return float(1.0 - depth[middle] / depth.max())


def dip_in_bins(diameter_mm: float, phase: float, blur: Blur, imaging: Imaging, dip_of: DipOf) -> float:
    """The same as a profile in bins shows it. [1]

    Parameters
    ----------
    diameter_mm : float
        Of the wires. [mm]
    phase : float
        Middle of the pair less that of the bin it lies in. [bin]
    blur, imaging
        As for `depth_of_pair`.
    dip_of : callable
        The dip of a profile in bins.

    Returns
    -------
    dip : float
    """
    depth = depth_of_pair(diameter_mm, blur, imaging)
    first = int(np.rint(depth.size // 2 - 0.5 * (FINER - 1) - phase * FINER)) % FINER
    return dip_of(depth[first : first + (depth.size - first) // FINER * FINER].reshape(-1, FINER).mean(axis=1))


def attenuation_of(area_mm: float, diameter_mm: float) -> float:
    """Attenuation of wires whose pair takes this integral of depth across it, which no blur changes. [1/mm]

    Parameters
    ----------
    area_mm : float
        Integral of the depth. [mm]
    diameter_mm : float
        Of the wires. [mm]

    Returns
    -------
    per_mm : float
        Within `MU_PER_MM`.
    """
    from scipy.optimize import brentq

    across = np.sin((np.arange(200) + 0.5) * np.pi / 400.0)  # even in angle: dense where chords begin
    chord = diameter_mm * np.sqrt(1.0 - across**2)
    weight = 2.0 * diameter_mm * np.sqrt(1.0 - across**2) * np.pi / 400.0

    def missing(log_mu: float) -> float:
        return float((weight * (1.0 - np.exp(-np.exp(log_mu) * chord))).sum()) - area_mm

    low, high = (float(np.log(mu)) for mu in MU_PER_MM)
    if missing(low) >= 0.0 or missing(high) <= 0.0:
        return MU_PER_MM[0] if missing(low) >= 0.0 else MU_PER_MM[1]
    return float(np.exp(brentq(missing, low, high, xtol=1e-3)))


def fitted_blur(
    diameter_mm: FloatArray, phase: FloatArray, dip: FloatArray, imaging: Imaging, dip_of: DipOf
) -> tuple[Blur, FloatArray]:
    """Aperture and blur that give some pairs their dips.

    Parameters
    ----------
    diameter_mm, phase, dip : (P,) float64
        Of the pairs; the dip as measured in bins. [mm, bin, 1]
    imaging : Imaging
    dip_of : callable
        The dip of a profile in bins.

    Returns
    -------
    blur : Blur
    left : (P,) float64
        What it leaves of the dips. [1]
    """
    from scipy.optimize import least_squares

    def left(numbers: FloatArray) -> FloatArray:
        blur = Blur(float(numbers[0]), float(np.exp(numbers[1])), float(numbers[2]))
        own = [dip_in_bins(d, at, blur, imaging, dip_of) for d, at in zip(diameter_mm, phase, strict=True)]
        off = np.minimum(own, MOST_DIPS) - np.minimum(dip, MOST_DIPS)
        return np.append(off, WHOLE * (1.0 - blur.aperture))

    bounds = [NARROWEST, np.log(BLURS[0]), 0.0], [1.0, np.log(WIDEST), 1.0]
    found = []
    for tails in (0.0, 1.0):
        starts = [np.array([1.0, np.log(sigma), tails]) for sigma in BLURS]
        start = min(starts, key=lambda each: float((left(each) ** 2).sum()))
        start = np.clip(start, np.add(bounds[0], 1e-3), np.subtract(bounds[1], 1e-3))
        found.append(least_squares(left, start, bounds=bounds, diff_step=0.01, xtol=1e-4, ftol=1e-4, max_nfev=20))
    best = min(found, key=lambda each: float(each.cost))
    return Blur(float(best.x[0]), float(np.exp(best.x[1])), float(best.x[2])), np.asarray(best.fun[:-1])


@dataclass(frozen=True, eq=False)
class PairCurve:
    """The curve of dips of a gauge: how it is imaged and blurred, and what bins take of dips.

    ``lost`` (P,): to be added to each dip as it is measured in bins. [1]
    """

    imaging: Imaging
    blur: Blur
    lost: FloatArray


def curve_about(
    wanted: float,
    diameter_mm: FloatArray,
    dip: FloatArray,
    area_mm: FloatArray,
    phase: FloatArray,
    scale_mm: tuple[float, float],
    dip_of: DipOf,
) -> PairCurve | None:
    """The curve that the dips of a gauge follow, fitted to those on either side of one that is wanted.

    Parameters
    ----------
    wanted : float
        Dip. [1]
    diameter_mm, dip, area_mm, phase : (P,) float64
        Of each pair, thickest first: its wires, its dip as measured in bins, the integral of its depth, and its middle
        less that of the bin it lies in. [mm, 1, mm, bin]
    scale_mm : (float, float)
        Pitch of the pixels and width of a bin, in the plane of the wires. [mm]
    dip_of : callable
        The dip of a profile in bins of one pair.

    Returns
    -------
    curve : PairCurve or None
        None where no dip is below the wanted one, or the first is, or the dips are not those of such wires.
    """
    below = np.flatnonzero(dip < wanted)
    if below.size == 0 or below[0] == 0:
        return None
    first = int(below[0])
    near = [i for i in (first - 2, first - 1, first, first + 1) if 0 <= i < dip.size]
    used = [i for i in range(dip.size) if i in near or 0.0 < dip[i] < MOST_DIPS]
    mus = [attenuation_of(float(area_mm[i]), float(diameter_mm[i])) for i in near]
    imaging = Imaging(*scale_mm, float(np.exp(np.mean(np.log(mus)))))
    blur, left = fitted_blur(diameter_mm[used], phase[used], dip[used], imaging, dip_of)
    if max(abs(left[used.index(i)]) for i in (first - 1, first)) > FITS:
        return None
    lost = [
        dip_of_pair(d, blur, imaging) - dip_in_bins(d, at, blur, imaging, dip_of)
        for d, at in zip(diameter_mm, phase, strict=True)
    ]
    return PairCurve(imaging, blur, np.array(lost))


def given_back(dip: FloatArray, lost: FloatArray) -> FloatArray:
    """Dips as no bins would show them; wires that have merged stay so.

    Parameters
    ----------
    dip, lost : (P,) float64
        As measured in bins, and what these take. [1]

    Returns
    -------
    dip : (P,) float64
        [1]
    """
    return np.where(dip > 0.0, np.maximum(dip + lost, 0.0), 0.0)


def diameter_of_dip(
    wanted: float, diameter_mm: tuple[float, float], dip: tuple[float, float], curve: PairCurve
) -> float:
    """Diameter of a dip between those of two pairs, on the curve of pairs plus what it leaves of the two. [mm]

    Parameters
    ----------
    wanted : float
        The dip that is looked for. [1]
    diameter_mm, dip : (float, float)
        Of the thicker pair, whose dip is above, and the thinner. [mm, 1]
    curve : PairCurve
        From `curve_about`.

    Returns
    -------
    found_mm : float
    """
    from scipy.optimize import brentq

    thick, thin = diameter_mm
    left = [value - dip_of_pair(d, curve.blur, curve.imaging) for value, d in zip(dip, diameter_mm, strict=True)]

    def missing(d: float) -> float:
        part = (d - thin) / (thick - thin)
        return dip_of_pair(d, curve.blur, curve.imaging) + part * left[0] + (1.0 - part) * left[1] - wanted

    return float(brentq(missing, thin, thick, xtol=1e-6))
