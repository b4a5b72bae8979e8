"""Normalised noise power spectrum of flat frames, after IEC 62220-1-1:2015, with its parts told apart.

Each frame is taken relative to its own mean (tube flicker), without a quadratic trend, defective pixels and hum.
Spectra of half-overlapped blocks are averaged; lines on the axes, where row and column noise lies, are kept apart. The
mean of all frames tells what stands still from what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise import frames as passes
from radiography.analysis.noise import hum as patterns
from radiography.analysis.noise import spectra
from radiography.analysis.noise.correlation import FrameCorrelation, correlate, sample_rows, sampled
from radiography.analysis.noise.lines import HALF_WIDTH, Weights, weights_for
from radiography.analysis.noise.result import (
    AxisLines,
    Curve,
    NoiseCurves,
    NoisePeak,
    NpsResult,
    PixelVariance,
)

__all__ = ["AxisLines", "Curve", "NoiseCurves", "NoisePeak", "NpsResult", "PixelVariance", "noise_power_spectrum"]

FloatArray = npt.NDArray[np.float64]
IEC_PIXELS = 4_000_000  # independent pixels, IEC 62220-1-1:2015
FRAMES_GUESSED = 16  # for the progress of a series whose length is not known
DIRECTIONS = ("horizontal", "vertical", "radial")
POOLED = 10  # neighbours on each side whose scatter between blocks is averaged
SMALLEST_BLOCK = 32  # pixels   # chosen: below, a spectrum has hardly a frequency
FEW_DEFECTS = 0.005  # of the pixels; more are said   # chosen
MUCH_FLICKER = 0.02  # standard deviation over mean; more is said   # chosen
COARSE = 0.6  # of a digit: below, rounding adds 1/12 of a digit squared, over a quarter of the variance
LOW_LINES = 3  # bins of a line next to the origin that the trend's rest may fill
SAID_CLIPPED = 0.001  # of a frame's pixels at its highest value   # chosen: a tenth of what is refused
STEEP = 6.0  # times what an axis holds farther out: the field's structure   # chosen: one of 400 single blocks
MUCH_LAG = 0.02  # of a frame in the next, said: it lowers a frame's own noise too   # chosen
FEW_PIXELS = "IEC 62220-1-1 asks for 4 million"  # ends the warning
ONE_FRAME = "a single frame does not tell fixed from temporal noise, and its lag is not known"
TWO_FRAMES = "two frames do not tell lag from a fixed pattern: temporal noise is too low by their correlation"
_DEFINITION = (
    "Normalised noise power spectrum (NPS over the squared mean signal), blocks of {side} x {side} pixels overlapped "
    "by half without a window, two-dimensional second-order polynomial subtracted from each frame over the whole "
    "region; one axis: {lines} lines on each side of the axis without the axis, all bins by their distance from the "
    "origin, averaged over +-0.01/pitch, as in IEC 62220-1-1:2015. Different from it: each frame is divided by its own "
    "mean; sinusoidal patterns, defective pixels and, where significant, a polynomial of eighth order through the "
    "mean of all frames are taken off; the mixing of frequencies by the ends of the blocks and the gaps of missing "
    "pixels are corrected for in the autocovariance."
)

Progress = Callable[[float], None]


def noise_power_spectrum(
    frames: Iterable[np.ndarray],
    pitch_mm: float,
    roi: tuple[int, int, int, int] | None = None,
    defects: np.ndarray | None = None,
    *,
    block_px: int = 256,
    progress: Progress | None = None,
    name_of: Callable[[int], str] = "frame {}".format,
) -> NpsResult:
    """Noise power spectrum of flat frames over their squared mean, with its fixed and temporal parts.

    Parameters
    ----------
    frames : iterable of (H, W) arrays
        Linear, offset-corrected flats of one exposure, in the order in which they were taken. An array (N, H, W), a
        list, or anything that can be iterated over several times; a generator is kept in memory. Values that are no
        numbers are defects. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    roi : (first row, end row, first column, end column), optional
        Region that is measured, ends excluded; without it all. Rows and columns at its ends that are defective
        throughout, such as shielded ones, are no part of it; the result says which region was measured.
    defects : (H, W) bool, optional
        True where a pixel is unusable.
    block_px : int
        Side of the blocks, even. [pixel]
    progress : callable, optional
        Called with the fraction that is done. [1]
    name_of : callable
        What errors call a frame, by its number from 0.

    Returns
    -------
    result : NpsResult

    Raises
    ------
    TypeError
        If a frame is not a two-dimensional array of real numbers.
    ValueError
        If there is no frame, frames differ in shape, the region holds no block, or a frame has no signal, no noise, is
        clipped, or is no flat but an edge.

    Notes
    -----
    With T what changes and F what stands still, the mean power of N frames is T + F and that of their mean F + g T / N,
    where g = 1 without correlation between frames. Differences of neighbouring frames would give T (1 - r), too low by
    their correlation r, which lag makes; here r is measured beside F from frames 1 to N - 1 apart, and g follows.

    Standard errors are those of Gaussian noise, from the number of independent bins in a value, whatever the overlap of
    blocks and the correction for their ends; where blocks scatter more than that, they are as much larger.

    What stands still is seen once, however many frames there are: one axis, seven lines on either side over 0.02
    cycles, is known to 2.9 % (1 + g T / (N F)) in 1,024 x 1,024 pixels, the least that so many bins allow; all
    directions together to 0.6 to 2.4 %. The largest of an axis' hundred values is then 7 to 11 % off; half of that
    takes four times the area.

    References
    ----------
    .. [1] IEC 62220-1-1:2015, Medical electrical equipment - Characteristics of digital X-ray imaging devices.
    .. [2] P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio
       Electroacoust. 15, 70 (1967).
    """
    report = progress or (lambda done: None)
    if not (np.isfinite(pitch_mm) and pitch_mm > 0):
        raise ValueError(f"pitch_mm must be a positive length, got {pitch_mm}")
    if block_px < SMALLEST_BLOCK or block_px % 2:
        raise ValueError(f"block_px must be even and {SMALLEST_BLOCK} or more, got {block_px}")
    again = list(frames) if iter(frames) is frames else frames
    first = next(iter(again), None)
    if first is None:
        raise ValueError("a noise power spectrum needs at least one frame, got none")
    _check(np.asarray(first), None)
    region = passes.region_of(np.asarray(first).shape, roi, _without_value(np.asarray(first), defects), block_px)
    spectra.place_blocks(region.shape, block_px, np.zeros(region.shape, np.bool_))  # complain before the work starts

    search = patterns.begin_search(region.shape)
    seen = passes.Seen()
    expected = len(again) if isinstance(again, Sized) else FRAMES_GUESSED
    for residual, seen in passes.look(_checked(again, np.asarray(first).shape), region, name_of):
        patterns.add_frame(search, residual)
        report(min(0.45, 0.45 * len(seen.level) / expected))
    mask = passes.defects_of(seen, region)
    blocks = spectra.place_blocks(region.shape, block_px, mask)
    series = _Series(again, region, mask if mask.any() else None, passes.structure_of(seen, mask))
    waves = _measured_hum(series, patterns.find_hum(search)[: patterns.MOST_PEAKS])
    del search
    report(0.5)
    count = len(seen.level)
    sums = _Sums.of(series, blocks, waves, count, lambda done: report(0.5 + 0.45 * done / count))
    usable = spectra.missing_pixels(mask, blocks)
    result = _result(sums, blocks, usable, pitch_mm, passes.UNEVEN * seen.uneven)
    level = np.array(sums.level)
    mean_signal = float(level.mean())
    correlation = sums.correlation
    defect_count = int(np.count_nonzero(mask))
    report(1.0)
    return NpsResult(
        definition=_DEFINITION.format(side=block_px, lines=max(1, round(7 / 256 * block_px))),
        pitch_mm=float(pitch_mm),
        frames=count,
        block_px=block_px,
        blocks=blocks.rows.size * count,
        independent_blocks=max(1, round(blocks.apart * count)),
        roi=region.roi,
        mean_signal=mean_signal,
        mean_sigma=float(level.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan"),
        curves=result.total,
        temporal=result.temporal,
        fixed=result.fixed,
        axis_lines=result.axis_lines,
        picture=result.picture,
        peaks=tuple(_peak(wave, amplitude, pitch_mm) for wave, amplitude in waves),
        pixel_variance=result.variance(mean_signal),
        frame_correlation=correlation.neighbours if correlation.known else None,
        frame_correlation_error=correlation.standard_error if correlation.known else None,
        flicker=float(level.std(ddof=1) / mean_signal) if count > 1 else 0.0,
        defect_count=defect_count,
        warnings=_warnings(seen, blocks, correlation, level, defect_count / mask.size, result),
    )


@dataclass(frozen=True, eq=False)
class _Series:
    """The frames as residuals without defects, as often as they are asked for."""

    frames: Iterable[np.ndarray]
    region: passes.Region
    mask: passes.Mask | None
    structure: passes.Residual | None

    def __iter__(self) -> Iterator[tuple[passes.Residual, float, float]]:
        for part, _ in passes.cut_out(self.frames, self.region):
            if self.mask is not None:
                part[self.mask] = 0.0
            residual, level, uneven = passes.detrended(part, self.region, self.mask, robust=False)
            if self.structure is not None:
                residual -= self.structure
                if self.mask is not None:
                    residual[self.mask] = 0.0
            yield residual, level, uneven


Waves = list[tuple[patterns.Hum, patterns.ComplexArray]]


@dataclass(eq=False)
class _Sums:
    """What one pass over all frames adds up: power of each block, of the mean frame, and the correlation."""

    power: npt.NDArray[np.float32]
    mean_power: npt.NDArray[np.float32]
    correlation: FrameCorrelation
    level: list[float]

    @classmethod
    def of(
        cls, series: _Series, blocks: spectra.Blocks, waves: Waves, count: int, report: Callable[[int], None]
    ) -> _Sums:
        """Power (B, S, S/2 + 1) averaged over frames, and that of the mean of all frames."""
        side = blocks.side
        power = np.zeros((blocks.rows.size, side, side // 2 + 1), np.float32)
        mean = np.zeros(series.region.shape, np.float32)
        level: list[float] = []
        samples: list[passes.Residual] = []
        rows = sample_rows(series.region.shape, count)
        for number, (residual, own_level, _) in enumerate(series):
            for wave, amplitude in waves:
                patterns.take_off(residual, wave, complex(amplitude[number]))
            if waves and series.mask is not None:
                residual[series.mask] = 0.0
            level.append(own_level)
            power += spectra.block_power(residual, blocks)
            mean += residual
            samples.append(sampled(residual, rows))
            report(number + 1)
        power /= np.float32(count)
        mean /= np.float32(count)
        mean_power = spectra.block_power(mean, blocks) if count > 1 else power
        whole = blocks.average(power)
        correlation = correlate(np.stack(samples), samples[0].size * whole.mean() ** 2 / (whole**2).mean())
        return cls(power, mean_power, correlation, level)


def _check(frame: np.ndarray, shape: tuple[int, ...] | None) -> None:
    if frame.ndim != 2 or frame.dtype.kind not in "iuf":
        raise TypeError(f"a frame must be a (rows, columns) array of real numbers, got {frame.shape} {frame.dtype}")
    if shape is not None and frame.shape != shape:
        raise ValueError(f"frames differ in shape: {frame.shape} after {shape}")


def _without_value(first: np.ndarray, defects: np.ndarray | None) -> np.ndarray | None:
    """Defects, and what has no number in the first frame; None where there is neither."""
    nothing = ~np.isfinite(first)
    if not nothing.any() or (defects is not None and defects.shape != first.shape):
        return defects
    return np.asarray(nothing if defects is None else nothing | np.asarray(defects, np.bool_))


def _checked(frames: Iterable[np.ndarray], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    for frame in frames:
        _check(np.asarray(frame), shape)
        yield frame


def _measured_hum(series: _Series, found: list[patterns.Hum]) -> Waves:
    """Patterns with their refined frequencies, and their amplitude in each frame."""
    if not found:
        return []
    transforms = [[patterns.quadrants(residual, hum) for hum in found] for residual, _, _ in series]
    together = np.array(transforms)
    return [patterns.refined(hum, together[:, k], series.region.shape) for k, hum in enumerate(found)]


def _peak(hum: patterns.Hum, amplitude: patterns.ComplexArray, pitch_mm: float) -> NoisePeak:
    fixed = patterns.stands_still(amplitude)
    size = abs(amplitude.mean()) if fixed else float(np.sqrt(np.mean(np.abs(amplitude) ** 2) * hum.share))
    kind = "unknown" if amplitude.size == 1 else "fixed" if fixed else "temporal"
    return NoisePeak(hum.u / pitch_mm, hum.v / pitch_mm, float(size), kind)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Curves of all noise and of its parts, the picture, and relative variances."""

    total: NoiseCurves
    temporal: NoiseCurves | None
    fixed: NoiseCurves | None
    axis_lines: AxisLines
    picture: FloatArray
    relative: tuple[float | None, float | None, float, float, float]

    def variance(self, mean_signal: float) -> PixelVariance:
        """In DN squared."""
        square = mean_signal**2
        temporal, fixed, both, rows, columns = self.relative
        return PixelVariance(
            total=(both + rows + columns) * square,
            temporal=None if temporal is None else temporal * square,
            fixed=None if fixed is None else fixed * square,
            rows=rows * square,
            columns=columns * square,
        )


def _result(
    sums: _Sums, blocks: spectra.Blocks, usable: FloatArray | None, pitch_mm: float, scale_error: float
) -> _Parts:
    """Curves and variances out of the power of blocks."""
    smooth, with_axes = spectra.unbiased(blocks.average(sums.power), usable)
    count = sums.correlation.matrix.shape[0]
    several = count > 1
    in_mean = sums.correlation.in_mean
    rest = 1 - in_mean
    mean_smooth, mean_axes = smooth, with_axes
    if several:
        mean_smooth, mean_axes = spectra.unbiased(blocks.average(sums.mean_power), usable)
    temporal = (smooth - mean_smooth) / rest if several else smooth
    fixed = smooth - temporal

    found: dict[str, list[Curve]] = {"total": [], "temporal": [], "fixed": []}
    for direction in DIRECTIONS:
        weights = weights_for(blocks.side, direction)
        own = {"total": smooth, "temporal": temporal, "fixed": fixed}
        value = {name: weights.curve(each) for name, each in own.items()}
        error = _errors(value["temporal"], value["fixed"], weights, blocks, sums)
        for name, curves in found.items():
            area = pitch_mm**2
            both = np.hypot(error[name], scale_error * value[name])
            curves.append(Curve(weights.frequency / pitch_mm, value[name] * area, both * area))
    all_curves = {name: NoiseCurves(*curves) for name, curves in found.items()}
    variances = [spectra.full_plane_mean(spectra.beside_axes(each)) for each in (temporal, fixed)]
    rows, columns = _line_variances(with_axes)
    still = max(variances[1], 0.0)
    return _Parts(
        total=all_curves["total"],
        temporal=all_curves["temporal"] if several else None,
        fixed=all_curves["fixed"] if several else None,
        axis_lines=_axis_lines(with_axes, mean_axes, sums.correlation, blocks, pitch_mm),
        picture=_whole_plane(smooth, with_axes) * pitch_mm**2,
        relative=(*((sum(variances) - still, still) if several else (None, None)), sum(variances), rows, columns),
    )


def _errors(
    temporal: FloatArray, fixed: FloatArray, weights: Weights, blocks: spectra.Blocks, sums: _Sums
) -> dict[str, FloatArray]:
    """Standard errors of a curve and its parts: of Gaussian noise, and larger where blocks scatter more."""
    changing, still = np.maximum(temporal, 0), np.maximum(fixed, 0)
    one_block, independent = 1 / weights.samples, weights.independent(blocks)
    in_mean, in_power = sums.correlation.in_mean, sums.correlation.in_power
    several = sums.correlation.matrix.shape[0] > 1
    rest = 1 - in_mean if several else 1.0
    total = (changing**2 * in_power + 2 * changing * still * in_mean + still**2) * one_block
    within = changing**2 * in_power / rest**2 * (1 - in_mean) * one_block
    mean = (still + in_mean * changing) ** 2 * one_block + in_mean**2 * within
    expected = {"total": total, "temporal": within if several else total, "fixed": mean}

    strength = sums.power.mean(axis=(1, 2), dtype=np.float64)
    strength /= (blocks.weight * strength).sum()  # a field that is not flat makes blocks differ, and that is no error
    of_blocks = np.array([weights.curve(each) for each in sums.power]) / strength[:, None]
    of_mean = np.array([weights.curve(each) for each in sums.mean_power]) / strength[:, None] if several else of_blocks
    changes = (of_blocks - of_mean) / rest if several else of_blocks
    measured = {"total": of_blocks, "temporal": changes, "fixed": of_blocks - changes}
    result = {}
    for name, variance in expected.items():
        excess = _excess(measured[name], variance, blocks)
        result[name] = np.sqrt(variance * excess * weights.samples / independent)
    return result


def _excess(values: FloatArray, expected: FloatArray, blocks: spectra.Blocks) -> FloatArray:
    """How much more the blocks (B, J) scatter than Gaussian noise, in variance, smoothed along the curve; 1 or more.

    Less than a standard deviation of that scatter is chance: to take it for more would widen all bands by a tenth.
    """
    if values.shape[0] < 4 or not np.all(expected > 0):
        return np.ones(expected.size)
    # overlapped blocks scatter less about their own mean than independent ones about the truth
    about = values - np.einsum("b,bj->j", blocks.weight, values)
    scatter = np.einsum("b,bj->j", blocks.weight, about**2) / (1 - 1 / blocks.apart) / expected
    padded = np.pad(scatter, POOLED, mode="reflect")
    pooled = np.convolve(padded, np.full(2 * POOLED + 1, 1 / (2 * POOLED + 1)), mode="valid")
    alone = (2 * POOLED + 1) / (2 * HALF_WIDTH * blocks.side + 1)  # neighbours that share no bins
    chance = np.sqrt(2.0 / (max(blocks.apart - 1.0, 1.0) * alone))
    return np.asarray(np.maximum(pooled - chance, 1.0))


def _line_variances(power: FloatArray) -> tuple[float, float]:
    """Variance that whole rows and whole columns have in common, from what their lines stand out over the next ones."""
    side = power.shape[0]
    over = power - spectra.beside_axes(power)
    rows = float(over[LOW_LINES : side // 2 + 1, 0].mean()) / side
    columns = float(over[0, LOW_LINES:].mean()) / side
    return max(rows, 0.0), max(columns, 0.0)


def _axis_lines(
    power: FloatArray, mean_power: FloatArray, correlation: FrameCorrelation, blocks: spectra.Blocks, pitch_mm: float
) -> AxisLines:
    """The lines on the axes; blocks in one row or column share what lies there."""
    side = blocks.side
    number = np.arange(1, side // 2 + 1)
    frequency = number / side / pitch_mm
    in_mean = correlation.in_mean
    lines = []
    for line, of_mean, starts in (
        (power[0, number], mean_power[0, number], blocks.cols),
        (power[number, 0], mean_power[number, 0], blocks.rows),
    ):
        changing = np.clip((line - of_mean) / (1 - in_mean), 0, line) if correlation.matrix.shape[0] > 1 else line
        still = line - changing
        variance = changing**2 * correlation.in_power + 2 * changing * still * in_mean + still**2
        independent = 1 + (np.unique(starts).size - 1) / 2
        lines.append(Curve(frequency, line * pitch_mm**2, np.sqrt(variance / independent) * pitch_mm**2))
    return AxisLines(*lines)


def _whole_plane(smooth: FloatArray, with_axes: FloatArray) -> FloatArray:
    """The picture, origin in the middle, from half planes off and on the axes."""
    side = smooth.shape[0]
    half = smooth.copy()
    half[:, 0], half[0] = with_axes[:, 0], with_axes[0]
    half[0, 0] = 0.0
    plane = np.empty((side, side))
    plane[:, : side // 2 + 1] = half
    plane[:, side // 2 + 1 :] = half[-np.arange(side)][:, side // 2 - 1 : 0 : -1]
    return np.asarray(np.fft.fftshift(plane))


def _warnings(
    seen: passes.Seen,
    blocks: spectra.Blocks,
    correlation: FrameCorrelation,
    level: FloatArray,
    lost: float,
    parts: _Parts,
) -> tuple[str, ...]:
    """What a reader of the spectra should know, one sentence each."""
    count = level.size
    found = []
    pixels = blocks.apart * count * blocks.side**2
    if pixels < IEC_PIXELS:
        found.append(
            f"only {pixels / 1e6:.2g} million independent pixels ({blocks.apart * count:.0f} blocks of {blocks.side} x "
            f"{blocks.side}); {FEW_PIXELS}"
        )
    if count == 1:
        found.append(ONE_FRAME)
    elif not correlation.known:
        found.append(TWO_FRAMES)
    elif abs(correlation.neighbours) > max(MUCH_LAG, 3 * correlation.standard_error):
        found.append(
            f"a frame's noise goes with that of the next by {correlation.neighbours:.3f} (lag): the parts are "
            "corrected for it, but lag also lowers the noise of each frame"
        )
    if count > 1 and level.std(ddof=1) > MUCH_FLICKER * level.mean():
        found.append(
            f"the frames' means differ by {100 * level.std(ddof=1) / level.mean():.1f} % (standard deviation); each "
            "was divided by its own, which is right if their offset is subtracted"
        )
    if lost > FEW_DEFECTS:
        found.append(f"{100 * lost:.1f} % of the pixels were left out as defects")
    if seen.repeated is not None:
        found.append(f"frame {seen.repeated} repeats the frame before it")
    if seen.clipped > SAID_CLIPPED:
        found.append(f"{100 * seen.clipped:.2f} % of a frame's pixels hold its highest value: it may be clipped")
    if seen.coarse < COARSE:
        found.append(f"the noise is only {seen.coarse:.2f} digits: rounding adds to it")
    if _uneven(parts):
        found.append(
            "the field has structure over the region beside a smooth trend: the lowest frequencies hold it as noise"
        )
    return tuple(found)


def _uneven(parts: _Parts) -> bool:
    """Whether a spectrum rises steeply towards the origin, beyond what its errors allow."""
    value, error = parts.total.radial.value, parts.total.radial.standard_error
    rises = [value[0] > 1.5 * value[5:12].mean() + 3 * error[0]]
    rises += [line.value[0] > STEEP * np.median(line.value[5:20]) for line in parts.axis_lines]
    return any(rises)
