"""The kernels of `fused_pass`: a frame row by row, and each row step by step.

A row stays in the first-level cache while one short loop after another does its step to it: only a short loop over few
arrays that begin at zero, rows instead of planes, becomes vector instructions. The frame is cut into bands of rows as
high as a tile of noise; bands are independent, so threads change no bit. A step not wanted has arrays without rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from calibration.correction.pass_arguments import (
    Flagging,
    Flags,
    Floats,
    LagTerms,
    PanelMaps,
    PassPlanes,
    Raw,
    RowShifts,
    Singles,
    TileNoise,
    Words,
)
from calibration.lag.model import LOG_TWO, ROOT_TWO


@njit(parallel=True, cache=True)
def correct_bands(
    raw: Raw,
    maps: PanelMaps,
    shifts: RowShifts,
    lag: LagTerms,
    flagging: Flagging,
    tiles: TileNoise,
    planes: PassPlanes,
) -> None:
    """Every step, row by row; `signal` and `slope` are the row between the steps.

    Parameters
    ----------
    raw : (H, W) uint16 or float32
        What the ADC delivered. [DN]
    maps : PanelMaps
        Of the calibration.
    shifts : RowShifts
        Line noise of this frame.
    lag : LagTerms
        For the time since the previous frame.
    flagging : Flagging
        Limits and bits.
    tiles : TileNoise
        Noise of the panel; its tiles are as high as the bands.
    planes : PassPlanes
        Written to.
    """
    offset, rate, excess, gain, curves, defects = maps
    line_dn, cols_per_group = shifts
    tile = tiles.side
    corrected, flags, stores, random, calibration, counts = planes
    before, source, limit = lag.before, lag.source, flagging.limit_dn
    rows, cols = raw.shape
    with_rate, with_line = rate.shape[0] > 0, line_dn.shape[0] > 0
    with_lag, with_variance = lag.released.size > 0, tiles.per_level.shape[0] > 0
    plain = not (with_rate or with_line or with_lag or curves.shape[0] > 0 or limit < np.inf)
    for band in prange((rows + tile - 1) // tile):
        signal, bent = np.empty(cols, np.float32), np.empty(cols, np.float32)
        scratch = np.empty((lag.fraction.shape[0] + 1 if with_lag else 0, cols), np.float32)
        for i in range(band * tile, min(rows, (band + 1) * tile)):
            slope = gain[i]
            if plain:
                odd, counts[i, 2] = _offset_and_gain(
                    raw[i], offset[i], slope, defects[i], flagging.suspect_dn, corrected[i], flags[i]
                )
            else:
                odd = _subtract_offset(raw[i], offset[i], flagging.suspect_dn, signal)
                if with_rate:
                    _subtract_growing_offset(raw[i], offset[i], rate[i], excess, signal)
                if with_line:
                    _subtract_line(line_dn[i], cols_per_group, signal)
                if with_lag:
                    for n in range(stores.shape[0]):
                        if source == 0:
                            stores[n, i, :] = np.float32(0.0)
                        elif source == 1:
                            stores[n, i, :] = before[n, i, :]
                    if lag.fraction.shape[0] == 1:
                        _subtract_lag(i, lag, stores, signal, scratch[0])
                    else:
                        _subtract_lag_of_signal(i, lag, stores, signal, scratch)
                if curves.shape[0] == 0:
                    _apply_straight(signal, slope, limit, corrected[i])
                elif curves.shape[0] == 1:
                    slope = bent
                    _apply_quadratic(signal, gain[i], curves[0, i], limit, corrected[i], slope)
                else:
                    slope = bent
                    _apply_cubic(signal, gain[i], curves[0, i], curves[1, i], limit, corrected[i], slope)
                no_number, counts[i, 2] = _copy_flags(defects[i], corrected[i], flags[i])
                odd += no_number
                if limit < np.inf:
                    counts[i, 4] = _flag_extrapolated(signal, flagging, flags[i])
            if with_variance:
                _variances(corrected[i], slope, tiles, band, random[i], calibration[i])
            if odd > 0:
                counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], flagging, flags[i])
                if with_variance:
                    _clear_variances(corrected[i], random[i], calibration[i])


@njit(parallel=True, cache=True)
def _correct_plain(raw: Raw, maps: PanelMaps, flagging: Flagging, planes: PassPlanes) -> None:
    """`correct_bands` where offset and gain are all there is to do: it compiles in a tenth of the time."""
    offset, gain, defects = maps.offset_dn, maps.gain, maps.defects
    corrected, flags, counts = planes.corrected_dn, planes.flags, planes.counts
    for i in prange(raw.shape[0]):
        odd, counts[i, 2] = _offset_and_gain(
            raw[i], offset[i], gain[i], defects[i], flagging.suspect_dn, corrected[i], flags[i]
        )
        if odd > 0:
            counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], flagging, flags[i])


@njit(cache=True)
def _subtract_offset(raw: Raw, offset: Floats, suspect_dn: np.float32, signal: Floats) -> np.int32:
    """signal = raw - offset; returns how many raw values are suspect."""
    suspect = np.int32(0)
    for j in range(signal.size):
        number = np.float32(raw[j])
        signal[j] = number - offset[j]
        suspect = np.int32(suspect + np.int32(number >= suspect_dn))  # a bare += would count in 64 bits
    return suspect


@njit(cache=True)
def _offset_and_gain(
    raw: Raw, offset: Floats, gain: Floats, defects: Flags, suspect_dn: np.float32, corrected: Floats, flags: Flags
) -> tuple[np.int32, np.int32]:
    """The whole row where no other step is on; returns how many values need a flag, and how many are negative."""
    odd = negative = no_number = np.int32(0)
    for j in range(corrected.size):
        number = np.float32(raw[j])
        value = (number - offset[j]) * gain[j]
        corrected[j] = value
        flags[j] = defects[j]
        odd = np.int32(odd + np.int32(number >= suspect_dn))
        negative = np.int32(negative + np.int32(value < np.float32(0.0)))
        no_number = np.int32(no_number + np.int32(value - value != np.float32(0.0)))  # NaN and infinities
    return odd + no_number, negative


@njit(cache=True)
def _subtract_growing_offset(raw: Raw, offset: Floats, rate: Floats, excess: np.float32, signal: Floats) -> None:
    """signal = raw - (offset + rate * excess)."""
    for j in range(signal.size):
        signal[j] = np.float32(raw[j]) - (offset[j] + rate[j] * excess)


@njit(cache=True)
def _subtract_line(line: Floats, cols_per_group: int, signal: Floats) -> None:
    """The row's shift, group of columns by group of columns."""
    for group in range(line.size):
        for j in range(group * cols_per_group, min(signal.size, (group + 1) * cols_per_group)):
            signal[j] -= line[group]


@njit(cache=True)
def _subtract_lag(i: int, lag: LagTerms, stores: Floats, signal: Floats, charge: Floats) -> None:
    """Lag with the same fractions at every signal; `stores` (N, H, W) before and after the frame.

    `charge` is scratch. Four populations go together.
    """
    released, kept, rest, fraction = lag.released, lag.retained[0], lag.retained[1], lag.fraction[0]
    terms = released.size
    if terms == 4:
        before = stores[0, i], stores[1, i], stores[2, i], stores[3, i]
        _charge_of_four(signal, before, (released[0], released[1], released[2], released[3]), lag.noise_gain)
    else:
        _release_all(i, lag, stores, charge)
        _charge(charge, lag.noise_gain, signal)
    for n in range(0, terms - 1, 2):
        one, other = (kept[n], rest[n], fraction[n]), (kept[n + 1], rest[n + 1], fraction[n + 1])
        _store_two(signal, lag.largest_dn, one, other, stores[n, i], stores[n + 1, i])
    if terms % 2 == 1:
        last = terms - 1
        _store(signal, lag.largest_dn, (kept[last], rest[last], fraction[last]), stores[last, i])


@njit(cache=True)
def _charge_of_four(signal: Floats, stores: tuple[Floats, ...], released: Singles, noise_gain: np.float32) -> None:
    """The signal becomes the charge of the frame, less what four stores release."""
    s0, s1, s2, s3 = stores
    r0, r1, r2, r3 = released
    for j in range(signal.size):
        lag = np.float32(0.0) + s0[j] * r0 + s1[j] * r1 + s2[j] * r2 + s3[j] * r3
        signal[j] = (signal[j] - lag) * noise_gain


@njit(cache=True)
def _release_all(i: int, lag: LagTerms, stores: Floats, out: Floats) -> None:
    """What all stores of row `i` release."""
    out[:] = np.float32(0.0)
    for n in range(lag.released.size):
        _add_scaled(stores[n, i], lag.released[n], out)


@njit(cache=True)
def _add_scaled(values: Floats, factor: np.float32, out: Floats) -> None:
    for j in range(out.size):
        out[j] += values[j] * factor


@njit(cache=True)
def _charge(lag: Floats, noise_gain: np.float32, signal: Floats) -> None:
    """The signal becomes the charge of the frame, less the lag."""
    for j in range(signal.size):
        signal[j] = (signal[j] - lag[j]) * noise_gain


@njit(cache=True)
def _store(charge: Floats, largest: np.float32, numbers: Singles, store: Floats) -> None:
    """What one population holds after the frame; `numbers`: both parts of `retained`, and the fraction."""
    kept, rest, fraction = numbers
    for j in range(charge.size):
        x = charge[j] if abs(charge[j]) < largest else np.float32(0.0)
        store[j] = store[j] * kept + (store[j] * rest + fraction * x)


@njit(cache=True)
def _store_two(
    charge: Floats,
    largest: np.float32,
    of_one: Singles,
    of_other: Singles,
    one: Floats,
    other: Floats,
) -> None:
    """What two populations hold after the frame."""
    kept_one, rest_one, to_one = of_one
    kept_other, rest_other, to_other = of_other
    for j in range(charge.size):
        x = charge[j] if abs(charge[j]) < largest else np.float32(0.0)
        one[j] = one[j] * kept_one + (one[j] * rest_one + to_one * x)
        other[j] = other[j] * kept_other + (other[j] * rest_other + to_other * x)


@njit(cache=True, error_model="numpy")
def _subtract_lag_of_signal(i: int, lag: LagTerms, stores: Floats, signal: Floats, scratch: Floats) -> None:
    """Lag whose fractions are looked up at the logarithm of the prompt signal; (M, N + 1) `lag.fraction`, M > 1.

    From the first exposure on, each next one adds its difference, as far as the signal has come towards it: loops
    without a branch. `scratch` (M + 1, W) is written over.
    """
    fraction, terms = lag.fraction, lag.released.size
    last = fraction.shape[0] - 1
    exponent, share, weights = scratch[0], scratch[1], scratch[2:]
    mantissa = weights[last - 1]
    _release_all(i, lag, stores, share)
    _add_scaled(share, np.float32(-1.0), signal)
    _hold(signal, lag.prompt_dn[0], lag.prompt_dn[last], mantissa)
    _split(mantissa.view(np.int32), exponent)
    _logarithms(mantissa, exponent)
    for m in range(last):
        _progress(exponent, lag.log_prompt[m], lag.log_prompt[m + 1], weights[m])
    _shares(fraction[:, terms], weights, share)
    _divide_by_rest(share, signal)
    for n in range(terms):
        _shares(fraction[:, n], weights, share)
        _store_share(signal, lag.largest_dn, lag.retained[:, n], share, stores[n, i])


@njit(cache=True)
def _hold(prompt: Floats, lowest: np.float32, highest: np.float32, out: Floats) -> None:
    """Values beyond the limits count as these, and what is no number as the lower one."""
    for j in range(out.size):
        value = prompt[j] if prompt[j] > lowest else lowest
        out[j] = value if value < highest else highest


@njit(cache=True)
def _split(words: Words, exponent: Floats) -> None:
    """The words of positive numbers become those of their mantissas, 1 to 2; `exponent` is that of 2."""
    for j in range(words.size):
        word = words[j]
        exponent[j] = np.float32(np.int32((word >> 23) - 127))
        words[j] = (word & 0x007FFFFF) | 0x3F800000


@njit(cache=True, error_model="numpy")
def _logarithms(mantissa: Floats, exponent: Floats) -> None:
    """`exponent` becomes the natural logarithm, as in `calibration.lag.model`.

    A function of the library would be called for each pixel; this becomes vector instructions.
    """
    one, half, root, log_two = np.float32(1.0), np.float32(0.5), np.float32(ROOT_TWO), np.float32(LOG_TWO)
    a, b, c, d = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7), np.float32(1 / 9)
    for j in range(mantissa.size):
        s = (mantissa[j] - root) / (mantissa[j] + root)
        q = s * s
        exponent[j] = (exponent[j] + half) * log_two + (s + s) * (one + q * (a + q * (b + q * (c + q * d))))


@njit(cache=True, error_model="numpy")
def _progress(logarithm: Floats, lower: np.float32, upper: np.float32, weight: Floats) -> None:
    """How far values have come from one number to the next, 0 to 1."""
    zero, one = np.float32(0.0), np.float32(1.0)
    per_step = one / (upper - lower)
    for j in range(weight.size):
        value = (logarithm[j] - lower) * per_step
        value = value if value > zero else zero
        weight[j] = value if value < one else one


@njit(cache=True)
def _shares(fraction: Floats, weights: Floats, share: Floats) -> None:
    """The first fraction, and of what each next exposure adds as much as it weighs."""
    share[:] = fraction[0]
    for m in range(1, fraction.size):
        _add_scaled(weights[m - 1], fraction[m], share)


@njit(cache=True, error_model="numpy")
def _divide_by_rest(share: Floats, charge: Floats) -> None:
    for j in range(charge.size):
        charge[j] /= np.float32(1.0) - share[j]


@njit(cache=True)
def _store_share(charge: Floats, largest: np.float32, retained: Floats, share: Floats, store: Floats) -> None:
    """What one population holds after the frame, with a fraction for each pixel."""
    kept, rest = retained[0], retained[1]
    for j in range(charge.size):
        x = charge[j] if abs(charge[j]) < largest else np.float32(0.0)
        store[j] = store[j] * kept + (store[j] * rest + share[j] * x)


@njit(cache=True)
def _apply_straight(signal: Floats, gain: Floats, limit: np.float32, corrected: Floats) -> None:
    """The dose response as a straight line; above the limit in the two terms of a tangent, as it is for curves."""
    if limit == np.inf:
        for j in range(signal.size):
            corrected[j] = signal[j] * gain[j]
    else:
        for j in range(signal.size):
            r = limit if signal[j] > limit else signal[j]
            value = r * gain[j]
            corrected[j] = value + (signal[j] - r) * gain[j] if signal[j] > limit else value


@njit(cache=True)
def _apply_quadratic(
    signal: Floats, gain: Floats, first: Floats, limit: np.float32, out: Floats, slope: Floats
) -> None:
    """The dose response with one curvature, and its slope; above the limit along the tangent."""
    two = np.float32(2.0)
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        slope[j] = gain[j] + r * (two * first[j])
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        value = r * (gain[j] + r * first[j])
        out[j] = value + (signal[j] - r) * slope[j] if signal[j] > limit else value


@njit(cache=True)
def _apply_cubic(
    signal: Floats, gain: Floats, first: Floats, second: Floats, limit: np.float32, corrected: Floats, slope: Floats
) -> None:
    """The dose response with two curvatures, and its slope; above the limit along the tangent."""
    two, three = np.float32(2.0), np.float32(3.0)
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        slope[j] = gain[j] + r * (two * first[j] + r * (three * second[j]))
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        value = r * (gain[j] + r * (first[j] + r * second[j]))
        corrected[j] = value + (signal[j] - r) * slope[j] if signal[j] > limit else value


@njit(cache=True)
def _copy_flags(defects: Flags, corrected: Floats, flags: Flags) -> tuple[np.int32, np.int32]:
    """The calibration's flags; returns how many values are no number, and how many are below zero."""
    no_number = negative = np.int32(0)
    for j in range(corrected.size):
        value = corrected[j]
        flags[j] = defects[j]
        no_number = np.int32(no_number + np.int32(value - value != np.float32(0.0)))
        negative = np.int32(negative + np.int32(value < np.float32(0.0)))
    return no_number, negative


@njit(cache=True)
def _flag_row(raw: Raw, corrected: Floats, flagging: Flagging, flags: Flags) -> tuple[int, int, int]:
    """Flags saturated and suspect pixels and those that are no number; returns how many of each are not bad."""
    saturated, suspect, no_number = 0, 0, 0
    for j in range(raw.size):
        bad = flags[j] & flagging.unusable
        if not np.isfinite(corrected[j]):
            flags[j] |= flagging.uncorrectable
            no_number += bad == 0
        if bad:
            continue
        number = np.float32(raw[j])
        if number >= flagging.saturation_dn:
            flags[j] |= flagging.saturated
            saturated += 1
        elif number >= flagging.suspect_dn:
            flags[j] |= flagging.suspect
            suspect += 1
    return saturated, suspect, no_number


@njit(cache=True)
def _flag_extrapolated(signal: Floats, flagging: Flagging, flags: Flags) -> int:
    """Flags the pixels above the doses of the calibration, but not the bad ones, and returns how many."""
    above = np.int32(0)
    for j in range(signal.size):
        above = np.int32(above + np.int32(signal[j] > flagging.limit_dn))
    if above == 0:
        return 0
    extrapolated = 0
    for j in range(signal.size):
        if signal[j] > flagging.limit_dn and not flags[j] & flagging.unusable:
            flags[j] |= flagging.extrapolated
            extrapolated += 1
    return extrapolated


@njit(cache=True)
def _variances(
    corrected: Floats, slope: Floats, tiles: TileNoise, band: int, random: Floats, calibration: Floats
) -> None:
    """Both variances of a row, tile by tile: the numbers of a tile stay in registers.

    A view of a row for each tile would take longer than its pixels.
    """
    polynomial, lag_gain = tiles.calibration_dn2, tiles.lag_gain
    terms = polynomial.shape[0]
    for k in range(tiles.per_level.shape[1]):
        first, per_level = k * tiles.side, tiles.per_level[band, k]
        size = min(tiles.side, corrected.size - first)
        dark, per_dn = tiles.dark_variance_dn2[band, k], tiles.variance_per_dn[band, k]
        _random_variance(first, size, corrected, slope, (dark, lag_gain, per_dn), random)
        if terms == 3:  # a single dose
            three = polynomial[0, band, k], polynomial[1, band, k], polynomial[2, band, k]
            _quadratic(first, size, corrected, per_level, three, calibration)
        else:
            calibration[first : first + size] = polynomial[terms - 1, band, k]
            for n in range(terms - 2, -1, -1):
                _multiply_add(first, size, corrected, per_level, polynomial[n, band, k], calibration)
        _through_slope(first, size, slope, calibration)


@njit(cache=True)
def _random_variance(first: int, size: int, corrected: Floats, slope: Floats, noise: Singles, random: Floats) -> None:
    """Readout and quanta of one tile, down to half of the readout. Indices are unsigned, here and below: none wraps."""
    dark, lag_gain, per_dn = noise
    for k in range(size):
        j = np.uint64(first + k)
        readout = slope[j] * slope[j] * dark * lag_gain
        total = readout + per_dn * corrected[j]
        least = readout * np.float32(0.5)
        random[j] = total if total > least else least


@njit(cache=True)
def _quadratic(first: int, size: int, corrected: Floats, per_level: np.float32, terms: Singles, out: Floats) -> None:
    """Horner's rule at the dose of one tile, with three terms."""
    c0, c1, c2 = terms
    for k in range(size):
        j = np.uint64(first + k)
        dose = corrected[j] * per_level
        out[j] = (c2 * dose + c1) * dose + c0


@njit(cache=True)
def _multiply_add(first: int, size: int, dose: Floats, per_level: np.float32, term: np.float32, out: Floats) -> None:
    """A step of Horner's rule at the dose of one tile."""
    for k in range(size):
        j = np.uint64(first + k)
        out[j] = out[j] * (dose[j] * per_level) + term


@njit(cache=True)
def _through_slope(first: int, size: int, slope: Floats, error: Floats) -> None:
    """The variance of a signal becomes that of the corrected value, of one tile; never below zero."""
    for k in range(size):
        j = np.uint64(first + k)
        positive = error[j] if error[j] > np.float32(0.0) else np.float32(0.0)
        error[j] = slope[j] * slope[j] * positive


@njit(cache=True)
def _clear_variances(corrected: Floats, random: Floats, calibration: Floats) -> None:
    """A value that is no number has no variance either."""
    for j in range(corrected.size):
        if not np.isfinite(corrected[j]):
            random[j] = np.float32(0.0)
            calibration[j] = np.float32(0.0)
