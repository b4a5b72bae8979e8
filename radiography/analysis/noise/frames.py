"""Flat frames as residuals: what is left of a frame, relative to its mean, without trend, defects and hum.

Frames are read again for each pass, so that a series of any length needs the memory of a few frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise.two_levels import two_levels

FloatArray = npt.NDArray[np.float64]
Residual = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CELL = (
    16  # side of the cells that the trend is fitted to [pixel]   # chosen: 256 pixels average the noise 16 times down
)
PERSISTENT = 6.5  # standard deviations of the mean frame; one of 10^10 good pixels is farther off   # chosen
MOMENTARY = 12.0  # standard deviations of one frame: beyond what quanta and electrons do   # chosen
LARGEST_CLIPPED = 0.01  # of the pixels, at the highest value of a frame   # chosen: noise alone puts 1e-5 there
HIGHEST_ORDER = 8  # of the polynomial that follows a field where a quadratic does not   # chosen: any dome or heel
SIGNIFICANT = 4.0  # times what noise alone puts into a term   # chosen: neighbouring cells share some noise, up to 2
FLAT = 0.02  # of the mean: a field that varies less is taken as flat   # chosen
NO_NOISE = 1e-6  # of the mean: what float32 leaves of a frame without noise
UNEVEN = 0.375  # of the field's relative variance: error of noise relative to the mean, see `detrended`
COARSEST = 20.0  # of the plain standard deviation over the robust one   # chosen: 0.1 % of dead pixels make it 4
LARGEST_DEAD = 0.5  # of the pixels hold one value in all frames: then frames repeat, or are coarse   # chosen
CHANCE = 1e-3  # of a live pixel holding one value in all frames; what leaving those out adds to the power   # chosen
SAMPLED = 2**17  # pixels that medians over a frame are taken of   # chosen: 0.3 % of a standard deviation


@dataclass(frozen=True, eq=False)
class Region:
    """The part of all frames that is measured, and its quadratic basis.

    ``roi`` (first row, end row, first column, end column). ``rows`` (H, 3), ``cols`` (3, W): powers 0 to 2 of the
    place, -1 to 1 over the region. ``given`` (H, W): True where a defect map says a pixel is unusable.
    """

    roi: tuple[int, int, int, int]
    rows: npt.NDArray[np.float32]
    cols: npt.NDArray[np.float32]
    given: Mask | None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns. [pixel]"""
        return self.rows.shape[0], self.cols.shape[1]


@dataclass(eq=False)
class Seen:
    """What one look at all frames found; filled while they pass.

    ``level`` one mean for each frame [DN], ``sigma`` its robust relative noise [1]. ``mean`` (H, W) relative residual
    averaged over frames, ``momentary`` (H, W) True where one frame has no number or one far off. ``clipped``: largest
    part of a frame's pixels at its highest value. ``coarse``: least noise in units of the last digit, for integers.
    ``repeated``: first frame that equals the one before, or None. ``uneven``: relative variance of the field. [1]
    ``first`` (H, W): the first frame [DN], ``unmoved`` (H, W) True where all others equal it; ``unmoved_share``: of the
    pixels, where the second does.
    """

    level: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    mean: Residual = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    momentary: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    clipped: float = 0.0
    coarse: float = np.inf
    repeated: int | None = None
    uneven: float = 0.0
    first: Residual = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    unmoved: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    unmoved_share: float = 0.0


def region_of(
    shape: tuple[int, int], roi: tuple[int, int, int, int] | None, defects: Mask | None, least: int = 1
) -> Region:
    """The region that is measured, checked, without the rows and columns at its ends that have no usable pixel.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of a frame. [pixel]
    roi : (int, int, int, int) or None
        First and end row, first and end column; None is the whole frame.
    defects : (H, W) bool or None
        True where a pixel is unusable.
    least : int
        Rows and columns that are needed: where fewer are usable, none are left away along that side. [pixel]

    Returns
    -------
    region : Region

    Raises
    ------
    ValueError
        If the region leaves the frame, or the defect map is of another shape.
    """
    rows, cols = shape
    r0, r1, c0, c1 = roi if roi is not None else (0, rows, 0, cols)
    if not (0 <= r0 < r1 <= rows and 0 <= c0 < c1 <= cols):
        raise ValueError(f"roi must lie within {rows} rows and {cols} columns, got rows {r0}:{r1}, columns {c0}:{c1}")
    given = None
    if defects is not None:
        if defects.shape != shape:
            raise ValueError(
                f"the defect map is {defects.shape[0]} x {defects.shape[1]} but the frames are {rows} x {cols}"
            )
        usable = ~np.asarray(defects[r0:r1, c0:c1], dtype=np.bool_)
        r0, r1 = _ends(np.asarray(usable.any(axis=1)), r0, least)
        c0, c1 = _ends(np.asarray(usable.any(axis=0)), c0, least)
        given = np.ascontiguousarray(defects[r0:r1, c0:c1], dtype=np.bool_)
    down, across = _places(r1 - r0), _places(c1 - c0)
    return Region((r0, r1, c0, c1), _powers(down).astype(np.float32), _powers(across).T.astype(np.float32), given)


def _ends(usable: Mask, first: int, least: int) -> tuple[int, int]:
    """First line and end of the usable ones, of all where they are fewer than wanted; counted from ``first``."""
    found = np.flatnonzero(usable)
    if not found.size or found[-1] + 1 - found[0] < least:
        return first, first + usable.size
    return first + int(found[0]), first + int(found[-1]) + 1


def cut_out(frames: Iterable[np.ndarray], region: Region) -> Iterator[tuple[Residual, bool]]:
    """Each frame's region as float32, and whether its stored numbers are whole.

    Parameters
    ----------
    frames : iterable of (H, W) arrays
    region : Region

    Yields
    ------
    part, whole : (h, w) float32, bool
    """
    r0, r1, c0, c1 = region.roi
    for frame in frames:
        frame = np.asarray(frame)
        whole = frame.dtype.kind in "iu"
        yield np.array(frame[r0:r1, c0:c1], dtype=np.float32, order="C"), whole


def detrended(part: Residual, region: Region, mask: Mask | None, *, robust: bool) -> tuple[Residual, float, float]:
    """Relative residual of a frame against its own quadratic trend, zero at masked pixels, with its mean.

    Noise is relative to the mean over the region. In a field that is not flat it may follow the signal (gain), its root
    (quanta) or not at all (electrons). Averages of its square then differ from that at the mean signal, by the field's
    relative variance times 1, 0 and 0; after division by the fourth root of the field by 3/8, -1/8 and 3/8 of it.

    Parameters
    ----------
    part : (h, w) float32
        Of `cut_out`; written over. [DN]
    region : Region
    mask : (h, w) bool or None
        True where a pixel does not count.
    robust : bool
        Whether the cells' medians are fitted, as long as outliers are not known, instead of their means.

    Returns
    -------
    residual, level, unevenness : (h, w) float32, float, float
        [1], the mean of the trend over the region [DN], and the trend's relative variance [1].

    Raises
    ------
    ValueError
        If the mean is not above zero.
    """
    coefficients = _trend(part, mask, robust=robust)
    middle = _powers(_places(part.shape[0])).mean(axis=0), _powers(_places(part.shape[1])).mean(axis=0)
    level = float(middle[0] @ coefficients @ middle[1])
    if not level > 0:
        raise ValueError(
            f"the mean signal of a frame is {level:.4g}; relative noise needs flats above zero (offset subtracted)"
        )
    trend = _surface(region.rows, (coefficients / level).astype(np.float32), region.cols)
    part *= np.float32(1 / level)
    part -= trend
    coarse = trend[::16, ::16]
    if float(np.ptp(coarse)) > FLAT:
        np.maximum(trend, np.float32(0.05), out=trend)
        part /= np.sqrt(np.sqrt(trend))
    if mask is not None:
        part[mask] = 0.0
    return part, level, float(coarse.var())


def look(
    frames: Iterable[np.ndarray], region: Region, name_of: Callable[[int], str] = "frame {}".format
) -> Iterator[tuple[Residual, Seen]]:
    """First look: each frame's residual with outliers cut down, for whoever else looks, and what was seen so far.

    Parameters
    ----------
    frames : iterable of (H, W) arrays
    region : Region
    name_of : callable
        What errors call a frame, by its number from 0.

    Yields
    ------
    residual, seen : (h, w) float32, Seen
        The same `seen` each time; it is whole after the last frame.

    Raises
    ------
    ValueError
        If a frame is clipped, has no signal or no noise, or is no flat: an edge, or a part of it covered.
    """
    seen = Seen(mean=np.zeros(region.shape, np.float32), momentary=np.zeros(region.shape, np.bool_))
    before: Residual | None = None
    for number, (part, whole) in enumerate(cut_out(frames, region)):
        bad = ~np.isfinite(part)
        if region.given is not None:
            bad |= region.given
        if bad.all():
            raise ValueError(f"{name_of(number)} has no usable pixel in the region")
        _refuse_two_levels(part, bad, name_of(number))
        if bad.any():
            part[bad] = np.median(part[~bad])
        _look_at_values(part, whole, name_of(number), seen)
        if number == 0:
            seen.first, seen.unmoved = part.copy(), np.ones(part.shape, np.bool_)
        else:
            seen.unmoved &= part == seen.first
            seen.unmoved_share = seen.unmoved_share if number > 1 else float(seen.unmoved.mean())
        thin = part[:: max(1, part.shape[0] // 64)].copy()
        if before is not None and seen.repeated is None and np.array_equal(thin, before):
            seen.repeated = number
        before = thin
        residual, level, uneven = detrended(part, region, None, robust=True)
        residual[bad] = 0.0
        sigma = robust_sigma(residual)
        if not sigma > NO_NOISE:
            raise ValueError(f"{name_of(number)} has no noise: its pixels hold the same value")
        seen.uneven = max(seen.uneven, uneven)
        if whole:
            seen.coarse = min(seen.coarse, sigma * level)
        seen.level.append(level)
        seen.sigma.append(sigma)
        seen.momentary |= bad
        seen.momentary |= np.abs(residual) > np.float32(MOMENTARY * sigma)
        seen.mean += residual
        limit = np.float32(PERSISTENT * sigma)
        np.clip(residual, -limit, limit, out=residual)
        yield residual, seen
    seen.mean /= np.float32(max(1, len(seen.level)))


def defects_of(seen: Seen, region: Region) -> Mask:
    """Pixels that do not count: given, without a number, and outliers that stand still.

    A whole row or column that is off is line noise, not a row of defects: outliers are looked for without the medians
    of rows and columns.

    Parameters
    ----------
    seen : Seen
        Of all frames.
    region : Region

    Returns
    -------
    mask : (h, w) bool
    """
    structure = structure_of(seen, seen.momentary)
    rest = seen.mean if structure is None else seen.mean - structure
    rest = rest - np.median(rest, axis=1, keepdims=True)
    rest -= np.median(rest, axis=0, keepdims=True)
    mask = seen.momentary | (np.abs(rest) > np.float32(PERSISTENT * robust_sigma(rest)))
    mask |= _dead(seen)
    return np.asarray(mask if region.given is None else mask | region.given)


def _dead(seen: Seen) -> Mask:
    """Pixels that hold one value in all frames: they have no noise, and take as much from the mean power as they are.

    A live pixel of few grey levels of noise may hold its value by chance. How often is seen between the first two
    frames; single pixels are left out where all frames together make it rare, rows and columns where most of it stands.
    """
    unmoved, frames = seen.unmoved, len(seen.level)
    if frames < 2 or (share := float(unmoved.mean())) > LARGEST_DEAD:
        return np.zeros(unmoved.shape, np.bool_)
    if frames > 2 and (seen.unmoved_share - share) ** (frames - 1) < CHANCE:
        return unmoved
    lines = [unmoved.mean(axis=axis, keepdims=True) > LARGEST_DEAD for axis in (0, 1)]
    return np.asarray(unmoved & (lines[0] | lines[1]))


def structure_of(seen: Seen, mask: Mask) -> Residual | None:
    """What is left of the field in the mean of all frames: a polynomial of higher order, where it is significant.

    It holds less than four periods over the region, and is no noise at the frequencies of the spectra.

    Parameters
    ----------
    seen : Seen
        Of all frames.
    mask : (h, w) bool
        True where a pixel does not count.

    Returns
    -------
    structure : (h, w) float32 or None
        To be subtracted from each residual [1]; None where noise explains it.
    """
    value, weight, down, across = _cells(seen.mean, mask)
    rows, cols = (np.polynomial.legendre.legvander(place, HIGHEST_ORDER) for place in (down, across))
    terms = [(i, j) for i in range(HIGHEST_ORDER + 1) for j in range(HIGHEST_ORDER + 1 - i)]
    design: FloatArray = np.stack([np.outer(rows[:, i], cols[:, j]).reshape(-1) for i, j in terms], axis=1)
    free = value.size - len(terms)
    if free < len(terms):
        return None
    taken = np.array([i + j <= 2 for i, j in terms])  # by the trend of each frame

    def squares(design: FloatArray) -> tuple[FloatArray, float]:
        found = _fitted(design, value, weight)
        return found, float(((value - np.einsum("kj,j->k", design, found)) ** 2 * weight**2).sum())

    (found, rest), (_, of_quadratic) = squares(design), squares(design[:, taken])
    if of_quadratic - rest < SIGNIFICANT * rest / free * np.count_nonzero(~taken):
        return None
    coefficients = np.zeros((HIGHEST_ORDER + 1, HIGHEST_ORDER + 1))
    for (i, j), each in zip(terms, found, strict=True):
        coefficients[i, j] = each
    whole = [np.polynomial.legendre.legvander(_places(side), HIGHEST_ORDER) for side in seen.mean.shape]
    structure = _surface(*(each.astype(np.float32) for each in (whole[0], coefficients, whole[1].T)))
    quadratic = _trend(structure, mask, robust=False).astype(np.float32)  # each frame's own trend has it already
    powers = [_powers(_places(side)).astype(np.float32) for side in structure.shape]
    structure -= _surface(powers[0], quadratic, powers[1].T)
    return structure


def robust_sigma(residual: Residual) -> float:
    """Standard deviation from the median of the moduli, of an even sample of the pixels. [as the residual]

    Where most pixels hold one value that median is zero or little: then it is the plain standard deviation.
    """
    flat = residual.reshape(-1)
    step = max(1, flat.size // SAMPLED) | 1  # odd: not the same column again and again
    sample = flat[::step]
    sample = sample[sample != 0] if np.any(sample) else sample
    sigma = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    plain = float(sample.std())
    return sigma if sigma > plain / COARSEST else plain


def _refuse_two_levels(part: Residual, bad: Mask, name: str) -> None:
    found = two_levels(part, bad)
    if found is not None:
        share, ratio = found
        raise ValueError(
            f"{name} is no flat: {100 * share:.0f} % of it lie at {ratio:.2f} of the rest with hardly a pixel between, "
            f"as an edge or a collimator makes it; leave it out, or give a region of one level with --roi"
        )


def _look_at_values(part: Residual, whole: bool, name: str, seen: Seen) -> None:
    """Refuse a clipped frame; note how much of it lies at its highest value."""
    highest = part.max()
    share = float(np.count_nonzero(part == highest)) / part.size
    lively = float(np.std(part[::7, ::5])) > (2.0 if whole else 0.0)
    if share > LARGEST_CLIPPED and lively:
        raise ValueError(
            f"{name} is clipped: {100 * share:.1f} % of its pixels hold its highest value, {highest:g}; "
            "expose less, or mark those pixels in the flags"
        )
    seen.clipped = max(seen.clipped, share if lively else 0.0)


def _places(count: int) -> FloatArray:
    return (2 * np.arange(count) + 1 - count) / max(count, 1)


def _powers(place: FloatArray) -> FloatArray:
    return np.stack([np.ones_like(place), place, place * place], axis=1)


def _trend(part: Residual, mask: Mask | None, *, robust: bool) -> FloatArray:
    """Coefficients (3, 3) of place^i place^j, i + j <= 2, fitted to means or medians of cells."""
    rows, cols = part.shape
    cell = max(1, min(CELL, rows // 8, cols // 8))
    m, n = rows // cell, cols // cell
    cells = part[: m * cell, : n * cell].reshape(m, cell, n, cell)
    if robust:
        thin = cells[:, ::2, :, ::2].transpose(0, 2, 1, 3)  # a quarter of the pixels says enough
        value = np.median(thin.reshape(m * n, -1), axis=1).astype(np.float64)
        weight = np.ones(m * n)
        down, across = (_places(side)[: k * cell].reshape(k, cell).mean(axis=1) for side, k in ((rows, m), (cols, n)))
    else:
        value, weight, down, across = _cells(part, mask)
    down, across = _powers(down), _powers(across)
    terms = [(i, j) for i in range(3) for j in range(3 - i)]
    design = np.stack([np.outer(down[:, i], across[:, j]).reshape(-1) for i, j in terms], axis=1)
    found = _fitted(design, value, weight)
    coefficients = np.zeros((3, 3))
    for (i, j), each in zip(terms, found, strict=True):
        coefficients[i, j] = each
    return coefficients


def _surface(rows: Residual, coefficients: Residual, cols: Residual) -> Residual:
    """Polynomial (H, W) of its values down (H, K) and across (K, W); no matrix product, see `_fitted`."""
    down = np.einsum("ri,ij->rj", rows, coefficients)
    surface = down[:, :1] * cols[0]
    for number in range(1, cols.shape[0]):
        surface += down[:, number : number + 1] * cols[number]
    return np.asarray(surface)


def _fitted(design: FloatArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """Least squares (J,) of a design (K, J); not by LAPACK, whose last digits depend on the threads."""
    weighted = design * weight[:, None]
    normal = np.einsum("ki,kj->ij", weighted, weighted)
    return np.asarray(np.linalg.solve(normal, np.einsum("ki,k->i", weighted, value * weight)))


def _cells(part: Residual, mask: Mask | None) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Means over cells, the root of the pixels in each, and their places down and across."""
    rows, cols = part.shape
    cell = max(1, min(CELL, rows // 8, cols // 8))
    m, n = rows // cell, cols // cell
    cells = part[: m * cell, : n * cell].reshape(m, cell, n, cell)
    if mask is None:
        value, weight = cells.mean(axis=(1, 3), dtype=np.float64).reshape(-1), np.full(m * n, float(cell))
    else:
        good = (~mask[: m * cell, : n * cell]).reshape(m, cell, n, cell)
        count = good.sum(axis=(1, 3)).reshape(-1).astype(np.float64)
        total = np.where(good, cells, np.float32(0)).sum(axis=(1, 3), dtype=np.float64).reshape(-1)
        value, weight = total / np.maximum(count, 1), np.sqrt(count)
    down, across = (_places(side)[: k * cell].reshape(k, cell).mean(axis=1) for side, k in ((rows, m), (cols, n)))
    return value, weight, down, across
