"""Hum: sinusoidal patterns of one frequency in all frames, found, measured and taken off.

A pattern may stand still (grid lines, pick-up in step with the read-out) or change its phase from frame to frame. Both
stand out of the noise in a spectrum of the whole region, of which noise gets a small part in each bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise.frames import Residual

ComplexArray = npt.NDArray[np.complex128]
MOST_PEAKS = 16
LOWEST_CYCLES = 8  # over the region: below, what the trend leaves looks like peaks   # chosen
FALSE_ALARMS = 1e-4  # expected in a series without hum   # chosen
MARGIN = 1.5  # of the threshold: the background is smoothed over cells in which it changes   # chosen
CELL = 16  # side of a background cell [bins]
LINE = 65  # bins of a line that its background is the median of
STANDS_STILL = 0.8  # of a pattern's power in the mean of frames, from which it is fixed   # chosen


@dataclass(frozen=True)
class Hum:
    """One pattern: frequency along a row, down a column [cycles/pixel], and the share of its power not noise. [1]"""

    u: float
    v: float
    share: float


@dataclass(eq=False)
class HumSearch:
    """Spectra of the whole region, added up frame by frame. ``shape``: a size that transforms quickly."""

    shape: tuple[int, int]
    window: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    power: npt.NDArray[np.float32]
    mean: npt.NDArray[np.complex64]
    count: int = 0


def begin_search(shape: tuple[int, int]) -> HumSearch:
    """A search in regions of a shape (rows, columns)."""
    rows, cols = (_quick(side) for side in shape)
    half = (rows, cols // 2 + 1)
    window = _hann(rows), _hann(cols)
    return HumSearch((rows, cols), window, np.zeros(half, np.float32), np.zeros(half, np.complex64))


def add_frame(search: HumSearch, residual: Residual) -> None:
    """Add the spectrum of a frame's residual, (H, W) float32, without outliers.

    Parameters
    ----------
    search : HumSearch
        Changed.
    residual : (H, W) float32
        Not changed. [1]
    """
    from scipy import fft

    rows, cols = search.shape
    spectrum = fft.rfft2(residual[:rows, :cols] * search.window[0][:, None] * search.window[1])
    search.power += spectrum.real**2 + spectrum.imag**2
    search.mean += spectrum
    search.count += 1


def find_hum(search: HumSearch) -> list[Hum]:
    """Patterns that stand out of the noise beyond chance, strongest first."""
    count = search.count
    still = np.abs(search.mean / np.float32(count)) ** 2
    moving = (search.power / np.float32(count) - still) * np.float32(count / max(count - 1, 1))
    found = _peaks(still, 1, search.shape)
    if count > 1:
        found += _peaks(moving, count - 1, search.shape)
    found.sort(key=lambda each: -each[0])
    kept: list[Hum] = []
    for _, hum in found:
        near = [
            other
            for other in kept
            if abs(other.u - hum.u) * search.shape[1] < 4 and abs(other.v - hum.v) * search.shape[0] < 4
        ]
        if not near:
            kept.append(hum)
    return kept


def quadrants(residual: Residual, hum: Hum) -> ComplexArray:
    """Transform of the four quadrants of a residual at one frequency, each under a Hann window, phases of the whole.

    Parameters
    ----------
    residual : (H, W) float32
        [1]
    hum : Hum

    Returns
    -------
    transform : (2, 2) complex128
        Upper and lower, left and right.
    """
    down, across = (_half_waves(side, f) for side, f in zip(residual.shape, (hum.v, hum.u), strict=True))
    half = residual.shape[1] // 2
    left = np.einsum("rc,c->r", residual[:, :half], across[:half, 0].astype(np.complex64))
    right = np.einsum("rc,c->r", residual[:, half : 2 * half], across[half:, 1].astype(np.complex64))
    return np.asarray(np.einsum("ri,rj->ij", down, np.stack([left, right], axis=1)[: down.shape[0]]))


def refined(hum: Hum, transforms: ComplexArray, shape: tuple[int, int]) -> tuple[Hum, ComplexArray]:
    """The pattern with its frequency from the phases between quadrants, and its amplitude in each frame.

    Parameters
    ----------
    hum : Hum
    transforms : (N, 2, 2) complex128
        Of `quadrants`, one for each frame.
    shape : (int, int)
        Of the residuals. [pixel]

    Returns
    -------
    hum, amplitude : Hum, (N,) complex128
        A residual holds Re(amplitude exp(2 pi i (u column + v row))). [1]
    """
    lag = [
        np.sum(np.conj(transforms[:, 0]) * transforms[:, 1]),
        np.sum(np.conj(transforms[:, :, 0]) * transforms[:, :, 1]),
    ]
    halves = [side // 2 for side in shape]
    shift = [
        0.0 if f in (0.0, 0.5) else float(np.angle(each)) / (2 * np.pi * half)
        for each, half, f in zip(lag, halves, (hum.v, hum.u), strict=True)
    ]
    centre = [np.array([half / 2, 1.5 * half]) - 0.5 for half in halves]
    turn = np.exp(-2j * np.pi * np.add.outer(shift[0] * centre[0], shift[1] * centre[1]))
    total = (transforms * turn).sum(axis=(1, 2))
    better = Hum(hum.u + shift[1], hum.v + shift[0], hum.share)
    down, across = (_half_waves(side, 2 * f) for side, f in zip(shape, (better.v, better.u), strict=True))
    weight = 4.0 * float(_hann(halves[0]).sum()) * float(_hann(halves[1]).sum())
    double = complex(down.sum() * across.sum())
    if abs(double) > 0.99 * weight:  # at Nyquist of both axes cosine and sine are one
        return better, total / weight
    return better, 2 * (total * weight - np.conj(total) * double) / (weight**2 - abs(double) ** 2)


def stands_still(amplitude: ComplexArray) -> bool:
    """Whether a pattern has the same phase in all frames, from its amplitudes (N,)."""
    return bool(np.abs(amplitude.mean()) ** 2 > STANDS_STILL * np.mean(np.abs(amplitude) ** 2))


def take_off(residual: Residual, hum: Hum, amplitude: complex) -> None:
    """Subtract a pattern from a residual in place.

    Parameters
    ----------
    residual : (H, W) float32
        Written over. [1]
    hum : Hum
    amplitude : complex
        [1]
    """
    down = amplitude * np.exp(2j * np.pi * hum.v * np.arange(residual.shape[0]))
    across = np.exp(2j * np.pi * hum.u * np.arange(residual.shape[1]))
    residual -= down.real.astype(np.float32)[:, None] * across.real.astype(np.float32)
    residual += down.imag.astype(np.float32)[:, None] * across.imag.astype(np.float32)


def _quick(side: int) -> int:
    """Largest number up to the side that has no prime factor over 5."""
    while True:
        rest = side
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return side
        side -= 1


def _hann(side: int) -> npt.NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)).astype(np.float32)


def _half_waves(side: int, frequency: float) -> ComplexArray:
    """(2 h, 2): Hann-windowed conjugate waves of the first and of the second half, zero in the other."""
    half = side // 2
    wave = np.exp(-2j * np.pi * frequency * np.arange(2 * half))
    result = np.zeros((2 * half, 2), np.complex128)
    result[:half, 0] = wave[:half] * _hann(half)
    result[half:, 1] = wave[half:] * _hann(half)
    return result


def _peaks(power: npt.NDArray[np.float32], degrees: int, shape: tuple[int, int]) -> list[tuple[float, Hum]]:
    """Peaks over the background, with their ratio to it; lines on the axes have a background of their own."""
    from scipy.stats import gamma

    background = _background(power) * np.float32(degrees / gamma.ppf(0.5, degrees))
    limit = MARGIN * float(gamma.isf(FALSE_ALARMS / power.size, degrees)) / degrees
    ratio = power / background
    rows, cols = power.shape
    v = np.minimum(np.arange(rows), rows - np.arange(rows))[:, None]
    ratio[(v**2 + (np.arange(cols) * shape[0] / shape[1]) ** 2) < LOWEST_CYCLES**2] = 0.0
    places = np.flatnonzero((ratio > limit) & _summits(power))
    places = places[np.argsort(-ratio.reshape(-1)[places], kind="stable")][: 40 * MOST_PEAKS]
    found: list[tuple[float, Hum]] = []
    taken: list[tuple[int, int]] = []
    for place in places:
        r, c = divmod(int(place), cols)
        if any(min(abs(r - a), rows - abs(r - a)) < 4 and abs(c - b) < 4 for a, b in taken):
            continue
        taken.append((r, c))
        if c in (0, shape[1] / 2) and r > rows // 2:
            continue  # the same wave the other way round
        v_bin = _vertex(power[:, c], r)
        u_bin = 0.0 if c == 0 else _vertex(power[r], c)
        frequency = v_bin / shape[0]
        frequency = frequency - 1 if frequency > 0.5 else frequency
        frequency = 0.0 if r == 0 else frequency
        share = 1 - 1 / float(ratio[r, c])
        found.append((float(ratio[r, c]), Hum(u_bin / shape[1], frequency, share)))
    return found


def _summits(power: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """True at bins that no neighbour exceeds; rows go round."""
    from scipy.ndimage import maximum_filter

    return np.asarray(power >= maximum_filter(power, 3, mode=("wrap", "nearest")))


def _vertex(line: npt.NDArray[np.float32], at: int) -> float:
    """Place of a peak between bins, for a Hann window; the ends of a half spectrum stay where they are."""
    if at == 0 or at + 1 >= line.size:
        return float(at)
    before, peak, after = (float(np.sqrt(max(line[i], 1e-300))) for i in (at - 1, at, at + 1))
    # the two largest bins of a Hann-windowed wave at bin + d are as (1 + d) to (2 - d)
    side, sign = (after, 1) if after >= before else (before, -1)
    return at + sign * float(np.clip((2 * side - peak) / (side + peak), 0.0, 0.5))


def _background(power: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Median of the surroundings of each bin, by cells; on the axes and beside them, along the line."""
    rows, cols = power.shape
    m, n = max(1, rows // CELL), max(1, cols // CELL)
    at_row, at_col = np.minimum(np.arange(rows) * m // rows, m - 1), np.minimum(np.arange(cols) * n // cols, n - 1)
    first_row, first_col = np.searchsorted(at_row, np.arange(m + 1)), np.searchsorted(at_col, np.arange(n + 1))
    cells = np.empty((m, n), np.float32)
    for i in range(m):
        for j in range(n):
            cells[i, j] = np.median(power[first_row[i] : first_row[i + 1], first_col[j] : first_col[j + 1]])
    background = cells[at_row][:, at_col]
    for r in (0, 1, rows - 1):
        background[r] = _line_background(power[r])
    for c in (0, 1):
        background[:, c] = np.maximum(_line_background(power[:, c]), np.float32(0))
    return np.asarray(np.maximum(background, np.float32(1e-30)))


def _line_background(line: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(line, min(LINE, line.size), mode="reflect"), dtype=np.float32)
