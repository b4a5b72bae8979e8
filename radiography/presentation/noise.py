"""Noise of each band of a picture, by attenuation: measured in the picture itself, or from a known variance.

Of attenuation u, quanta give a variance that grows as e^u, electronics one that grows as e^2u, and the panel's fixed
pattern a constant one. The three are fitted to what is measured in classes of attenuation: the most frequent variance
of small blocks, so that structure, which most blocks of a class do not hold, counts little. Where structure is in every
block, no band holds more noise than the finest differences of the picture allow (`noise_colour`), and the third no more
than the first two do: light that spreads takes less from each band than from the finer one. Beyond three bands noise is
white: each band has a quarter of the variance of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.noise_colour import LEVELS, finest_difference, variances_of_bands
from radiography.presentation.pyramid import Plane, expanded
from radiography.presentation.usable import USABLE_BLOCK, usable_of_level

MEASURED_BANDS = 3  # of which the noise is measured   # chosen
WHITE = (
    0.0595,
    0.190,
)  # variance of white noise in the second band over that in the first; in the third over the second
ROOM = (
    1.3  # of the variance that finer bands and finest differences tell   # chosen: noise that is not quite of two parts
)
KNOTS = 17  # attenuations at which they are asked   # chosen
STRIP_ROWS = 8  # side of a block, and rows that are looked at together   # chosen: 18 % error of a block's variance
STRIPS = 64  # of a level, evenly spread   # chosen
CLASSES = 16  # of equal population   # chosen
LEAST_BLOCKS = 24  # of a class   # chosen
OVER = 0.15  # weight of classes above the fit: structure raises a variance, nothing lowers it   # chosen
TABLE = 1024  # entries of a table by attenuation   # chosen: steps of 1 % of the variance at most
FLAT_BLOCK = USABLE_BLOCK  # side of a block in which flat noise is compared   # chosen
BANDS_OF_BLOCK = 4  # whose noise varies within a block of 16 pixels
MOST_OF_FLAT = 2.0  # of the variance of noise, in flat blocks   # chosen: 1.0 in flats, 30 % of them by chance
FLAT_SHARE = 0.3  # of the blocks that are looked at: those with least variance for their class   # chosen
LEAST_VARIANCE = 1e-14  # of a table   # chosen
ROUNDING = 1e-11  # variance of float32 at the largest attenuation, 14, is 3e-12; of 1e9 quanta 1e-9   # chosen


@dataclass(frozen=True, eq=False)
class NoiseTables:
    """Variance of the noise of each band by attenuation.

    Attributes
    ----------
    first, per_unit : float
        Attenuation of the first entry, and entries per unit of it. [1]
    variances : tuple of (N,) float32
        One for each band. [1]
    source : str
        "measured in the picture" or "from the variance given".
    """

    first: float
    per_unit: float
    variances: tuple[Plane, ...]
    source: str

    def at(self, attenuation: float) -> tuple[float, ...]:
        """Variance of the noise of each band there. [1]"""
        place = int(np.clip((attenuation - self.first) * self.per_unit, 0, len(self.variances[0]) - 1))
        return tuple(float(table[place]) for table in self.variances)


def noise_tables(
    levels: Sequence[Plane],
    span: tuple[float, float],
    known: Plane | None = None,
    usable: NDArray[np.bool_] | None = None,
) -> NoiseTables:
    """Noise of all bands of a picture.

    Parameters
    ----------
    levels : sequence of (H, W) float32
        Attenuation and its coarser levels. [1]
    span : (float, float)
        Attenuation from and to. [1]
    known : (H, W) float32, optional
        Variance of the attenuation of each pixel. How it is shared among the bands is then measured only. [1]
    usable : (H // 16, W // 16) bool, optional
        Blocks of pixels that count, from `usable_blocks`; all without it.

    Returns
    -------
    tables : NoiseTables
    """
    first, last = span
    at = np.linspace(first, last, TABLE)
    given = None if known is None else _fit(*_classes_of(*_known_blocks(levels[0], known, usable)))
    most = _most_noise(levels, at, usable)
    variances: list[Plane] = []
    for k in range(len(levels) - 1):
        if k < MEASURED_BANDS or not variances:
            attenuation, variance = _band_blocks(levels, k, usable)
            centres, found = _classes_of(attenuation, variance)
            if not centres.size:
                table = variances[-1] / 4 if variances else np.zeros(TABLE, np.float32)
            elif given is None:
                table = _model(_fit(centres, found), at)
            else:  # structure only raises the share of a class
                table = _model(given, at) * float(np.percentile(found / _model(given, centres), 25.0))
            table = table if most is None or k >= MEASURED_BANDS else np.minimum(table, most[k])
            if k == 2:
                table = np.minimum(table, _most_of_third(variances[0], variances[1]))
        else:
            table = variances[-1] / 4
        variances.append(np.asarray(np.maximum(table, LEAST_VARIANCE), np.float32))
    source = "measured in the picture" if known is None else "from the variance given"
    return NoiseTables(first, (TABLE - 1) / (last - first), tuple(variances), source)


def flat_noise_gain(
    before: Plane, after: Plane, usable: NDArray[np.bool_] | None = None, noise: NoiseTables | None = None
) -> float | None:
    """How many times the noise of flat parts is larger in one picture than in another; None where none is found.

    Parameters
    ----------
    before, after : (H, W) float32
        The same picture, without and with what was done to it. [1]
    usable : (H // 16, W // 16) bool, optional
        Blocks that count, from `usable_blocks`; all without it.
    noise : NoiseTables, optional
        Of the first picture: blocks that vary by far more hold structure and are not flat.

    Returns
    -------
    gain : float or None
        Of standard deviations within blocks of 16 x 16 pixels. [1]
    """
    first, second = _blocks(before, usable), _blocks(after, usable)
    noisy = first.var(axis=(1, 2)) > ROUNDING
    first, second = first[noisy], second[noisy]
    if not len(first):
        return None
    level, own = first.mean(axis=(1, 2)), first.var(axis=(1, 2))
    expected = _model(_fit(*_classes_of(level, own)), level) if len(first) >= LEAST_BLOCKS else np.median(own)
    relative = own / np.maximum(expected, LEAST_VARIANCE)
    flat = relative <= np.quantile(relative, FLAT_SHARE)
    if noise is not None:
        place = np.clip((level - noise.first) * noise.per_unit, 0, len(noise.variances[0]) - 1).astype(np.int64)
        bands = np.sum([table[place] for table in noise.variances[:BANDS_OF_BLOCK]], axis=0)
        flat &= own <= MOST_OF_FLAT * bands
        if not flat.any():
            return None
    return float(np.sqrt(second[flat].var(axis=(1, 2)).sum() / own[flat].sum()))


def _most_of_third(first: Plane, second: Plane) -> NDArray[np.float64]:
    """Most variance of the third band's noise, by attenuation: from the second to the third it rises, over white noise,
    by no more than from the first to the second. (N,)"""
    rise = np.maximum(second.astype(np.float64) / first / WHITE[0], 1.0)
    return np.asarray(ROOM * WHITE[1] * second * rise)


def _most_noise(
    levels: Sequence[Plane], at: NDArray[np.float64], usable: NDArray[np.bool_] | None
) -> NDArray[np.float64] | None:
    """Most variance of each measured band's noise, by attenuation; None where no difference holds noise. (bands, N)"""
    if len(levels) < LEVELS:
        return None
    fitted, seen = [], []
    for k in range(LEVELS):
        centres, found = _classes_of(*_finest_blocks(levels, k, usable))
        if not centres.size:
            return None
        fitted.append(_fit(centres, found))
        seen.append((centres.min(), centres.max()))
    least, greatest = np.median(seen, axis=0)
    knots = np.linspace(least, greatest, KNOTS if greatest > least else 1)  # beyond, colour is as at the ends
    finest = np.maximum([_model(terms, knots) for terms in fitted], LEAST_VARIANCE)
    shares = np.log(np.maximum(variances_of_bands(finest, MEASURED_BANDS), LEAST_VARIANCE) / finest[0])
    own = ROOM * np.maximum(_model(fitted[0], at), LEAST_VARIANCE)
    return np.stack([own * np.exp(np.interp(at, knots, share)) for share in shares])


def _strips(rows: int) -> list[int]:
    """First rows of the strips of a level that are looked at."""
    every = np.arange(0, rows - STRIP_ROWS + 1, STRIP_ROWS)
    return [int(r) for r in every[np.linspace(0, len(every) - 1, min(STRIPS, len(every))).astype(int)]] if rows else []


def _band_blocks(
    levels: Sequence[Plane], k: int, usable: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean attenuation, and mean square of the band, of blocks of 8 x 8 pixels."""
    level, coarser = levels[k], levels[k + 1]
    means, squares = [], []
    for top in _strips(level.shape[0]):
        smooth = expanded(coarser, (level.shape[0], level.shape[1]), top, top + STRIP_ROWS)
        detail = level[top : top + STRIP_ROWS] - smooth
        means.append(_across(smooth))
        squares.append(_across(detail * detail))
    return _counted(means, squares, (level, k, usable))


def _finest_blocks(
    levels: Sequence[Plane], k: int, usable: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean attenuation, and mean square of the finest difference, of blocks of 8 x 8 pixels."""
    level = levels[k]
    means, squares = [], []
    for top in _strips(level.shape[0]):
        difference = finest_difference(level, top, STRIP_ROWS)
        means.append(_across(level[top : top + STRIP_ROWS]))
        squares.append(_across(difference * difference))
    return _counted(means, squares, (level, k, usable))


def _known_blocks(
    level: Plane, known: Plane, usable: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tops = _strips(level.shape[0])
    means, squares = ([_across(plane[top : top + STRIP_ROWS]) for top in tops] for plane in (level, known))
    return _counted(means, squares, (level, 0, usable))


def _counted(
    means: list[NDArray[np.float64]],
    squares: list[NDArray[np.float64]],
    where: tuple[Plane, int, NDArray[np.bool_] | None],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The blocks of the strips of a level that are usable, of all where none is."""
    if not means:
        return np.empty(0), np.empty(0)
    level, k, usable = where
    if usable is not None:
        shape = (level.shape[0] // STRIP_ROWS, level.shape[1] // STRIP_ROWS)
        rows = usable_of_level(usable, k, STRIP_ROWS, shape)[[top // STRIP_ROWS for top in _strips(level.shape[0])]]
        if rows.any():
            return np.stack(means)[rows], np.stack(squares)[rows]
    return np.concatenate(means), np.concatenate(squares)


def _across(strip: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of the square blocks of a strip, the remainder left out."""
    count = strip.shape[1] // STRIP_ROWS
    cut = strip[:, : count * STRIP_ROWS].reshape(STRIP_ROWS, count, STRIP_ROWS)
    return np.asarray(cut.mean(axis=(0, 2), dtype=np.float64))


def _blocks(picture: Plane, usable: NDArray[np.bool_] | None) -> Plane:
    """An even scatter of square blocks, (N, side, side)."""
    side = FLAT_BLOCK
    rows, cols = picture.shape[0] // side, picture.shape[1] // side
    step = max(1, -(-rows * cols // 4096))
    chosen = np.arange(0, rows * cols, step + (1 if step > 1 and cols % step == 0 else 0))
    if usable is not None:
        chosen = chosen[usable.ravel()[chosen]]
    parts = [
        picture[r * side : (r + 1) * side, c * side : (c + 1) * side] for r, c in (divmod(k, cols) for k in chosen)
    ]
    return np.stack(parts) if parts else np.empty((0, side, side), picture.dtype)


def _classes_of(
    attenuation: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median attenuation and most frequent variance of classes of equal population, of blocks that hold noise."""
    told = variance > ROUNDING
    attenuation, variance = attenuation[told], variance[told]
    count = max(1, min(CLASSES, attenuation.size // LEAST_BLOCKS))
    centres, found = [], []
    for members in np.array_split(np.argsort(attenuation, kind="stable"), count):
        own = np.log(variance[members])
        if own.size:
            centres.append(float(np.median(attenuation[members])))
            found.append(float(np.exp(_mode(own))))
    return np.asarray(centres), np.asarray(found)


def _mode(values: NDArray[np.float64]) -> float:
    """Middle of the shortest interval that holds a third of the values."""
    ordered = np.sort(values)
    held = max(1, -(-len(ordered) // 3))
    first = int(np.argmin(ordered[held - 1 :] - ordered[: len(ordered) - held + 1]))
    return float(np.median(ordered[first : first + held]))


def _model(terms: NDArray[np.float64], attenuation: NDArray[np.floating]) -> NDArray[np.float64]:
    grown = np.exp(np.asarray(attenuation, np.float64))
    return np.asarray(terms[0] + terms[1] * grown + terms[2] * grown * grown)


def _fit(centres: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """The three terms, none negative, of least relative error; what lies above the fit counts less."""
    from scipy.optimize import nnls

    if not centres.size:
        return np.zeros(3)
    grown = np.exp(centres)
    design = np.stack([np.ones_like(grown), grown, grown * grown], axis=1) / found[:, None]
    weight, terms = np.ones(len(found)), np.zeros(3)
    for _ in range(8):
        terms = nnls(design * weight[:, None], weight)[0]
        weight = np.where(design @ terms < 1.0, np.sqrt(OVER), 1.0)
    return np.asarray(terms)
