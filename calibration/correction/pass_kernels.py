"""The kernels of `fused_pass`: a frame row by row, and each row step by step.

A row stays in the first-level cache while one short loop after another does its step to it. The loops are short on
purpose, and take rows instead of planes: only a loop over few arrays that begin at zero becomes vector instructions.

The frame is cut into bands of rows as high as a tile of noise; bands are independent, so threads change no bit.
A step that is not wanted has arrays without rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from calibration.correction.pass_arguments import (
    Doubles,
    Flagging,
    Flags,
    Floats,
    LagTerms,
    PanelMaps,
    PassPlanes,
    RowShifts,
    TileNoise,
)

Raw = npt.NDArray[np.uint16] | npt.NDArray[np.float32]
Words = npt.NDArray[np.int64]


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
    lag_gain, tile = tiles.lag_gain, tiles.side
    corrected, flags, stores, random, calibration, counts = planes
    before, source, limit = lag.before, lag.source, flagging.limit_dn
    rows, cols = raw.shape
    with_rate, with_line = rate.shape[0] > 0, line_dn.shape[0] > 0
    with_lag, with_variance = lag.released.size > 0, tiles.per_level.shape[0] > 0
    plain = not (with_rate or with_line or with_lag or with_variance or curves.shape[0] > 0 or limit < np.inf)
    for band in prange((rows + tile - 1) // tile):
        signal, bent, charge = np.empty(cols, np.float32), np.empty(cols, np.float32), np.empty(cols)
        by_signal = lag.fraction.shape[0] > 1
        scratch = np.empty((lag.fraction.shape[0] + 1 if by_signal else 0, cols))
        exponents = np.empty(cols if by_signal else 0, np.int64)
        noise = np.empty((3 + tiles.calibration_dn2.shape[0], cols), np.float32)
        if with_variance:
            _noise_of_band(tiles, band, noise)
        for i in range(band * tile, min(rows, (band + 1) * tile)):
            if plain:
                odd, counts[i, 2] = _offset_and_gain(
                    raw[i], offset[i], gain[i], defects[i], flagging.suspect_dn, corrected[i], flags[i]
                )
                if odd > 0:
                    counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], flagging, flags[i])
                continue
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
                    _subtract_lag(i, lag, stores, signal, charge)
                else:
                    _subtract_lag_of_signal(i, lag, stores, signal, charge, scratch, exponents)
            slope = gain[i]
            if curves.shape[0] == 0:
                _apply_straight(signal, slope, limit, corrected[i])
            else:
                slope = bent
                if curves.shape[0] == 1:
                    _apply_quadratic(signal, gain[i], curves[0, i], limit, corrected[i], slope)
                else:
                    _apply_cubic(signal, gain[i], curves[0, i], curves[1, i], limit, corrected[i], slope)
            no_number, counts[i, 2] = _copy_flags(defects[i], corrected[i], flags[i])
            if limit < np.inf:
                counts[i, 4] = _flag_extrapolated(signal, flagging, flags[i])
            if with_variance:
                _random_variance(corrected[i], slope, noise, lag_gain, random[i])
                _calibration_variance(corrected[i], slope, noise, signal, calibration[i])
            if odd + no_number > 0:
                counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], flagging, flags[i])
                if with_variance:
                    _clear_variances(corrected[i], random[i], calibration[i])


@njit(cache=True)
def _noise_of_band(tiles: TileNoise, band: int, noise: Floats) -> None:
    """Noise of every column in a band of rows, (3 + K, W): dark variance, variance per DN, 1 / level, K terms."""
    _spread_tiles(tiles.dark_variance_dn2[band], tiles.side, noise[0])
    _spread_tiles(tiles.variance_per_dn[band], tiles.side, noise[1])
    _spread_tiles(tiles.per_level[band], tiles.side, noise[2])
    for k in range(tiles.calibration_dn2.shape[0]):
        _spread_tiles(tiles.calibration_dn2[k, band], tiles.side, noise[3 + k])


@njit(cache=True)
def _spread_tiles(tiles: Floats, tile: int, out: Floats) -> None:
    """One row of tiles as values for every column."""
    for k in range(tiles.size):
        out[k * tile : (k + 1) * tile] = tiles[k]


@njit(cache=True)
def _subtract_offset(raw: Raw, offset: Floats, suspect_dn: np.float32, signal: Floats) -> np.int32:
    """signal = raw - offset; returns how many raw values are suspect."""
    suspect = np.int32(0)
    for j in range(signal.size):
        number = np.float32(raw[j])
        signal[j] = number - offset[j]
        suspect += np.int32(number >= suspect_dn)
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
        odd += np.int32(number >= suspect_dn)
        negative += np.int32(value < np.float32(0.0))
        no_number += np.int32(value - value != np.float32(0.0))  # NaN and infinities
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
def _subtract_lag(i: int, lag: LagTerms, stores: Floats, signal: Floats, charge: Doubles) -> None:
    """Lag with the same fractions at every signal: float64 inside; `stores` (N, H, W) before and after the frame.

    `charge` is scratch: what the stores release, then the charge of the frame. Four populations go together.
    """
    released, retained, fraction = lag.released, lag.retained, lag.fraction[0]
    terms = released.size
    trapped = 0.0
    for n in range(terms):
        trapped += fraction[n]
    noise_gain = 1.0 / (1.0 - trapped)  # a division for each pixel would make the pass 10 % slower
    if terms == 4:
        before = stores[0, i], stores[1, i], stores[2, i], stores[3, i]
        _charge_of_four(signal, before, (released[0], released[1], released[2], released[3]), noise_gain, charge)
    else:
        charge[:] = 0.0
        for n in range(terms):
            _release(stores[n, i], released[n], charge)
        _charge(signal, noise_gain, charge)
    _take_charge(charge, lag.largest_dn, signal)
    for n in range(0, terms - 1, 2):
        _store_two(charge, retained[n : n + 2], fraction[n : n + 2], stores[n, i], stores[n + 1, i])
    if terms % 2 == 1:
        _store(charge, retained[terms - 1], fraction[terms - 1], stores[terms - 1, i])


@njit(cache=True)
def _charge_of_four(
    signal: Floats, stores: tuple[Floats, ...], released: tuple[float, ...], noise_gain: float, charge: Doubles
) -> None:
    """Charge of the frame from its signal and what four stores release, all rows at a time."""
    s0, s1, s2, s3 = stores
    r0, r1, r2, r3 = released
    for j in range(charge.size):
        lag = np.float64(s0[j]) * r0 + np.float64(s1[j]) * r1 + np.float64(s2[j]) * r2 + np.float64(s3[j]) * r3
        charge[j] = (np.float64(signal[j]) - lag) * noise_gain


@njit(cache=True)
def _release(store: Floats, released: float, lag: Doubles) -> None:
    """What one store releases, added to `lag`."""
    for j in range(lag.size):
        lag[j] += np.float64(store[j]) * released


@njit(cache=True)
def _charge(signal: Floats, noise_gain: float, charge: Doubles) -> None:
    """Charge of the frame from its signal and the lag, which `charge` holds before."""
    for j in range(charge.size):
        charge[j] = (np.float64(signal[j]) - charge[j]) * noise_gain


@njit(cache=True)
def _take_charge(charge: Doubles, largest: float, signal: Floats) -> None:
    """The charge as `signal`; in `charge` stays what can be trapped, which is nothing where it is no number."""
    for j in range(charge.size):
        value = charge[j]
        signal[j] = value
        charge[j] = value if abs(value) < largest else 0.0


@njit(cache=True)
def _store(charge: Doubles, retained: float, fraction: float, store: Floats) -> None:
    """What one population holds after the frame."""
    for j in range(charge.size):
        store[j] = np.float64(store[j]) * retained + fraction * charge[j]


@njit(cache=True)
def _store_two(charge: Doubles, retained: Doubles, fraction: Doubles, one: Floats, other: Floats) -> None:
    """What two populations hold after the frame; `retained` and `fraction` are (2,)."""
    retained_one, retained_other, to_one, to_other = retained[0], retained[1], fraction[0], fraction[1]
    for j in range(charge.size):
        one[j] = np.float64(one[j]) * retained_one + to_one * charge[j]
        other[j] = np.float64(other[j]) * retained_other + to_other * charge[j]


@njit(cache=True, error_model="numpy")
def _subtract_lag_of_signal(
    i: int, lag: LagTerms, stores: Floats, signal: Floats, charge: Doubles, scratch: Doubles, exponents: Words
) -> None:
    """Lag whose fractions are looked up at the logarithm of the prompt signal; (M, N) `lag.fraction`, M > 1.

    From the first exposure on, each next one adds its difference, as far as the signal has come towards it: loops
    without a branch. `charge` (W,), `scratch` (M + 1, W) and `exponents` (W,) are written over.
    """
    released, retained, fraction = lag.released, lag.retained, lag.fraction
    terms, last = released.size, fraction.shape[0] - 1
    share, mantissa = scratch[0], scratch[last + 1]
    charge[:] = 0.0
    for n in range(terms):
        _release(stores[n, i], released[n], charge)
    _subtract_from(signal, charge)
    _split(charge, lag.prompt_dn[0], lag.prompt_dn[last], share, mantissa.view(np.int64), exponents)
    _logarithms(mantissa, exponents.view(np.float64), share)
    for m in range(last):
        _progress(share, lag.log_prompt[m], lag.log_prompt[m + 1], scratch[m + 1])
    share[:] = fraction[0].sum()
    for m in range(last):
        _add_share(scratch[m + 1], (fraction[m + 1] - fraction[m]).sum(), share)
    _divide_by_rest(share, charge)
    _take_charge(charge, lag.largest_dn, signal)
    for n in range(terms):
        share[:] = fraction[0, n]
        for m in range(last):
            _add_share(scratch[m + 1], fraction[m + 1, n] - fraction[m, n], share)
        _store_share(charge, retained[n], share, stores[n, i])


@njit(cache=True)
def _subtract_from(signal: Floats, lag: Doubles) -> None:
    """`lag` becomes the signal without it."""
    for j in range(lag.size):
        lag[j] = np.float64(signal[j]) - lag[j]


@njit(cache=True)
def _split(prompt: Doubles, lowest: float, highest: float, held: Doubles, mantissa: Words, exponents: Words) -> None:
    """Words of the mantissa, from 1 to 2, and of 2^52 plus the exponent; values beyond the limits count as these."""
    for j in range(held.size):
        value = prompt[j] if prompt[j] > lowest else lowest  # no number: the lowest
        held[j] = value if value < highest else highest
    words = held.view(np.int64)
    for j in range(held.size):
        mantissa[j] = (words[j] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000
        exponents[j] = (words[j] >> 52) | 0x4330000000000000


@njit(cache=True, error_model="numpy")
def _logarithms(mantissa: Doubles, exponents: Doubles, out: Doubles) -> None:
    """Natural logarithms to 1e-15, of numbers split by `_split`: ln 2 times the exponent, and 2 artanh of the rest.

    A function of the library would be called for each pixel; this becomes vector instructions.
    """
    for j in range(out.size):
        s = (mantissa[j] - 1.4142135623730951) / (mantissa[j] + 1.4142135623730951)
        q = s * s
        rest = 1 / 15 + q * (1 / 17 + q * (1 / 19 + q * (1 / 21 + q * (1 / 23))))
        rest = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q * rest)))))
        # 2^52 + 1023 is the bias of the word; 0.5: the root of 2 in the middle
        out[j] = (exponents[j] - 4503599627371519.0 + 0.5) * 0.6931471805599453 + 2.0 * s * (1.0 + q * rest)


@njit(cache=True, error_model="numpy")
def _progress(logarithm: Doubles, lower: float, upper: float, weight: Doubles) -> None:
    """How far values have come from one number to the next, 0 to 1."""
    per_step = 1.0 / (upper - lower)
    for j in range(weight.size):
        value = (logarithm[j] - lower) * per_step
        value = value if value > 0.0 else 0.0
        weight[j] = value if value < 1.0 else 1.0


@njit(cache=True)
def _add_share(weight: Doubles, difference: float, share: Doubles) -> None:
    for j in range(share.size):
        share[j] += weight[j] * difference


@njit(cache=True, error_model="numpy")
def _divide_by_rest(share: Doubles, charge: Doubles) -> None:
    for j in range(charge.size):
        charge[j] /= 1.0 - share[j]


@njit(cache=True)
def _store_share(charge: Doubles, retained: float, share: Doubles, store: Floats) -> None:
    """What one population holds after the frame, with a fraction for each pixel."""
    for j in range(charge.size):
        store[j] = np.float64(store[j]) * retained + share[j] * charge[j]


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
    signal: Floats, gain: Floats, first: Floats, limit: np.float32, corrected: Floats, slope: Floats
) -> None:
    """The dose response with one curvature, and its slope; above the limit along the tangent."""
    two = np.float32(2.0)
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        slope[j] = gain[j] + r * (two * first[j])
    for j in range(signal.size):
        r = limit if signal[j] > limit else signal[j]
        value = r * (gain[j] + r * first[j])
        corrected[j] = value + (signal[j] - r) * slope[j] if signal[j] > limit else value


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
        no_number += np.int32(value - value != np.float32(0.0))
        negative += np.int32(value < np.float32(0.0))
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
        above += np.int32(signal[j] > flagging.limit_dn)
    if above == 0:
        return 0
    extrapolated = 0
    for j in range(signal.size):
        if signal[j] > flagging.limit_dn and not flags[j] & flagging.unusable:
            flags[j] |= flagging.extrapolated
            extrapolated += 1
    return extrapolated


@njit(cache=True)
def _random_variance(corrected: Floats, slope: Floats, noise: Floats, lag_gain: np.float32, random: Floats) -> None:
    """Readout and quanta, down to half of the readout; `noise` is that of `_noise_of_band`."""
    dark, per_dn = noise[0], noise[1]
    for j in range(corrected.size):
        readout = slope[j] * slope[j] * dark[j] * lag_gain
        total = readout + per_dn[j] * corrected[j]
        least = readout * np.float32(0.5)
        random[j] = total if total > least else least


@njit(cache=True)
def _calibration_variance(corrected: Floats, slope: Floats, noise: Floats, dose: Floats, calibration: Floats) -> None:
    """Variance that comes from the maps, by Horner's rule; `dose` is scratch."""
    per_level, last = noise[2], noise.shape[0] - 1
    for j in range(dose.size):
        dose[j] = corrected[j] * per_level[j]
    if last == 5:  # a single dose: three terms
        c0, c1, c2 = noise[3], noise[4], noise[5]
        for j in range(dose.size):
            calibration[j] = (c2[j] * dose[j] + c1[j]) * dose[j] + c0[j]
    else:
        calibration[:] = noise[last]
        for k in range(last - 1, 2, -1):
            _multiply_add(calibration, dose, noise[k])
    for j in range(dose.size):
        error = calibration[j] if calibration[j] > np.float32(0.0) else np.float32(0.0)
        calibration[j] = slope[j] * slope[j] * error


@njit(cache=True)
def _multiply_add(total: Floats, factor: Floats, term: Floats) -> None:
    """total = total * factor + term."""
    for j in range(total.size):
        total[j] = total[j] * factor[j] + term[j]


@njit(cache=True)
def _clear_variances(corrected: Floats, random: Floats, calibration: Floats) -> None:
    """A value that is no number has no variance either."""
    for j in range(corrected.size):
        if not np.isfinite(corrected[j]):
            random[j] = np.float32(0.0)
            calibration[j] = np.float32(0.0)
