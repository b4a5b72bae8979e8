"""The kernels of `fused_pass`: a frame row by row, and each row step by step.

A row stays in the first-level cache while one short loop after another does its step to it. The loops are short on
purpose, and take rows instead of planes: only a loop over few arrays that begin at zero becomes vector instructions.

The frame is cut into bands of rows as high as a tile of noise; bands are independent, so threads change no bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True)
def correct_bands(  # type: ignore[no-untyped-def]
    raw,
    dark,
    with_rate,
    line,
    with_line,
    lag,
    with_lag,
    response,
    defects,
    limits,
    bits,
    tiles,
    with_variance,
    lag_gain,
    tile,
    out,
    counts,
):
    """Every step, row by row; writes every element of `corrected`, `flags`, and of what else is asked for.

    `out`: corrected, flags, stores (N, H, W) and both variances; `counts` (H, 5). `signal` and `slope` are the row
    between the steps, and stay in the first-level cache.
    """
    offset, rate, excess = dark
    line_dn, cols_per_group = line
    released, kept, fraction, prompt, log_prompt, largest, before, source = lag
    gain, curves = response
    dark_tiles, per_dn_tiles, calibration_tiles, level_tiles = tiles
    corrected, flags, stores, random, calibration = out
    rows, cols = raw.shape
    plain = not (with_rate or with_line or with_lag or with_variance or curves.shape[0] > 0 or limits[2] < np.inf)
    for band in prange((rows + tile - 1) // tile):
        signal, bent, held = np.empty(cols, np.float32), np.empty(cols, np.float32), np.empty(cols)
        noise = np.empty((3 + calibration_tiles.shape[0], cols), np.float32)
        if with_variance:
            _spread_tiles(dark_tiles[band], tile, noise[0])
            _spread_tiles(per_dn_tiles[band], tile, noise[1])
            _spread_tiles(level_tiles[band], tile, noise[2])
            for k in range(calibration_tiles.shape[0]):
                _spread_tiles(calibration_tiles[k, band], tile, noise[3 + k])
        for i in range(band * tile, min(rows, (band + 1) * tile)):
            if plain:
                odd, counts[i, 2] = _offset_and_gain(
                    raw[i], offset[i], gain[i], defects[i], limits[1], corrected[i], flags[i]
                )
                if odd > 0:
                    counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], limits, bits, flags[i])
                continue
            odd = _subtract_offset(raw[i], offset[i], limits[1], signal)
            if with_rate:
                _subtract_growing_offset(raw[i], offset[i], rate[i], excess, signal)
            if with_line:
                _subtract_line(line_dn[i], cols_per_group, signal)
            if with_lag:
                for n in range(released.size):
                    if source == 0:
                        stores[n, i, :] = np.float32(0.0)
                    elif source == 1:
                        stores[n, i, :] = before[n, i, :]
                if fraction.shape[0] == 1:
                    _subtract_lag(i, released, kept, fraction[0], largest, stores, signal, held)
                else:
                    _subtract_lag_of_signal(i, released, kept, fraction, prompt, log_prompt, largest, stores, signal)
            slope = gain[i]
            if curves.shape[0] == 0:
                _apply_straight(signal, slope, limits[2], corrected[i])
            else:
                slope = bent
                if curves.shape[0] == 1:
                    _apply_quadratic(signal, gain[i], curves[0, i], limits[2], corrected[i], slope)
                else:
                    _apply_cubic(signal, gain[i], curves[0, i], curves[1, i], limits[2], corrected[i], slope)
            no_number, counts[i, 2] = _copy_flags(defects[i], corrected[i], flags[i])
            if limits[2] < np.inf:
                counts[i, 4] = _flag_extrapolated(signal, limits[2], bits, flags[i])
            if with_variance:
                _random_variance(corrected[i], slope, noise, lag_gain, random[i])
                _calibration_variance(corrected[i], slope, noise, signal, calibration[i])
            if odd + no_number > 0:
                counts[i, 0], counts[i, 1], counts[i, 3] = _flag_row(raw[i], corrected[i], limits, bits, flags[i])
                if with_variance:
                    _clear_variances(corrected[i], random[i], calibration[i])


@njit(cache=True)
def _spread_tiles(tiles, tile, out):  # type: ignore[no-untyped-def]
    """One row of tiles as values for every column."""
    for k in range(tiles.size):
        out[k * tile : (k + 1) * tile] = tiles[k]


@njit(cache=True)
def _subtract_offset(raw, offset, suspect_dn, signal):  # type: ignore[no-untyped-def]
    """signal = raw - offset; returns how many raw values are suspect."""
    suspect = np.int32(0)
    for j in range(signal.size):
        number = np.float32(raw[j])
        signal[j] = number - offset[j]
        suspect += np.int32(number >= suspect_dn)
    return suspect


@njit(cache=True)
def _offset_and_gain(raw, offset, gain, defects, suspect_dn, corrected, flags):  # type: ignore[no-untyped-def]
    """The whole row where no other step is on; returns how many values need a flag, and how many are negative."""
    odd = np.int32(0)
    negative = np.int32(0)
    no_number = np.int32(0)
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
def _subtract_growing_offset(raw, offset, rate, excess, signal):  # type: ignore[no-untyped-def]
    """signal = raw - (offset + rate * excess)."""
    for j in range(signal.size):
        signal[j] = np.float32(raw[j]) - (offset[j] + rate[j] * excess)


@njit(cache=True)
def _subtract_line(line, cols_per_group, signal):  # type: ignore[no-untyped-def]
    """The row's shift, group of columns by group of columns."""
    for group in range(line.size):
        for j in range(group * cols_per_group, min(signal.size, (group + 1) * cols_per_group)):
            signal[j] -= line[group]


@njit(cache=True)
def _subtract_lag(i, released, kept, fraction, largest, stores, signal, held):  # type: ignore[no-untyped-def]
    """Lag with the same fractions at every signal: float64 inside; `stores` (N, H, W) before and after the frame.

    `held` is scratch: what the stores release, then the charge of the frame. Four populations go together.
    """
    terms = released.size
    caught = 0.0
    for n in range(terms):
        caught += fraction[n]
    noise_gain = 1.0 / (1.0 - caught)
    if terms == 4:
        before = stores[0, i], stores[1, i], stores[2, i], stores[3, i]
        _charge_of_four(signal, *before, released[0], released[1], released[2], released[3], noise_gain, held)
    else:
        held[:] = 0.0
        for n in range(terms):
            _release(stores[n, i], released[n], held)
        _charge(signal, noise_gain, held)
    _keep_numbers(held, largest, signal)
    for n in range(0, terms - 1, 2):
        _store_two(held, kept[n], fraction[n], stores[n, i], kept[n + 1], fraction[n + 1], stores[n + 1, i])
    if terms % 2 == 1:
        _store(held, kept[terms - 1], fraction[terms - 1], stores[terms - 1, i])


@njit(cache=True)
def _charge_of_four(signal, s0, s1, s2, s3, r0, r1, r2, r3, noise_gain, held):  # type: ignore[no-untyped-def]
    """Charge of the frame from its signal and what four stores release, all planes at a time."""
    for j in range(held.size):
        lag = np.float64(s0[j]) * r0 + np.float64(s1[j]) * r1 + np.float64(s2[j]) * r2 + np.float64(s3[j]) * r3
        held[j] = (np.float64(signal[j]) - lag) * noise_gain


@njit(cache=True)
def _release(store, released, held):  # type: ignore[no-untyped-def]
    """What one store releases, added to `held`."""
    for j in range(held.size):
        held[j] += np.float64(store[j]) * released


@njit(cache=True)
def _charge(signal, noise_gain, held):  # type: ignore[no-untyped-def]
    """Charge of the frame from its signal and the lag in `held`."""
    for j in range(held.size):
        held[j] = (np.float64(signal[j]) - held[j]) * noise_gain


@njit(cache=True)
def _keep_numbers(held, largest, signal):  # type: ignore[no-untyped-def]
    """The charge as `signal`; what is no number is not held."""
    for j in range(held.size):
        charge = held[j]
        signal[j] = charge
        held[j] = charge if abs(charge) < largest else 0.0


@njit(cache=True)
def _store(held, kept, fraction, store):  # type: ignore[no-untyped-def]
    """What one population holds after the frame."""
    for j in range(held.size):
        store[j] = np.float64(store[j]) * kept + fraction * held[j]


@njit(cache=True)
def _store_two(held, kept, fraction, store, other_kept, other_fraction, other):  # type: ignore[no-untyped-def]
    """What two populations hold after the frame."""
    for j in range(held.size):
        store[j] = np.float64(store[j]) * kept + fraction * held[j]
        other[j] = np.float64(other[j]) * other_kept + other_fraction * held[j]


@njit(cache=True)
def _subtract_lag_of_signal(  # type: ignore[no-untyped-def]
    i, released, kept, fraction, prompt, log_prompt, largest, stores, signal
):
    """Lag whose fractions are looked up at the logarithm of the prompt signal; (M, N) `fraction`, M > 1."""
    terms = released.size
    last = fraction.shape[0] - 1
    for j in range(signal.size):
        lag_dn = 0.0
        for n in range(terms):
            lag_dn += np.float64(stores[n, i, j]) * released[n]
        prompt_dn = np.float64(signal[j]) - lag_dn
        m, weight = 0, 0.0
        if prompt_dn >= prompt[last]:
            m = last
        elif prompt_dn > prompt[0]:
            while m < last - 1 and prompt_dn >= prompt[m + 1]:
                m += 1
            weight = (np.log(prompt_dn) - log_prompt[m]) / (log_prompt[m + 1] - log_prompt[m])
        above = min(m + 1, last)
        caught = 0.0
        for n in range(terms):
            caught += fraction[m, n] + weight * (fraction[above, n] - fraction[m, n])
        charge = prompt_dn / (1.0 - caught)
        signal[j] = charge
        held = charge if abs(charge) < largest else 0.0
        for n in range(terms):
            trapped = fraction[m, n] + weight * (fraction[above, n] - fraction[m, n])
            stores[n, i, j] = np.float64(stores[n, i, j]) * kept[n] + trapped * held


@njit(cache=True)
def _apply_straight(signal, gain, limit, corrected):  # type: ignore[no-untyped-def]
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
def _apply_quadratic(signal, gain, first, limit, corrected, slope):  # type: ignore[no-untyped-def]
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
def _apply_cubic(signal, gain, first, second, limit, corrected, slope):  # type: ignore[no-untyped-def]
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
def _copy_flags(defects, corrected, flags):  # type: ignore[no-untyped-def]
    """The calibration's flags; returns how many values are no number, and how many are below zero."""
    no_number = np.int32(0)
    negative = np.int32(0)
    for j in range(corrected.size):
        value = corrected[j]
        flags[j] = defects[j]
        no_number += np.int32(value - value != np.float32(0.0))
        negative += np.int32(value < np.float32(0.0))
    return no_number, negative


@njit(cache=True)
def _flag_row(raw, corrected, limits, bits, flags):  # type: ignore[no-untyped-def]
    """Flags saturated and suspect pixels and those that are no number; returns how many of each are not bad."""
    saturated_bit, suspect_bit, no_number_bit, _, unusable = bits
    saturated, suspect, no_number = 0, 0, 0
    for j in range(raw.size):
        bad = flags[j] & unusable
        if not np.isfinite(corrected[j]):
            flags[j] |= no_number_bit
            no_number += bad == 0
        if bad:
            continue
        number = np.float32(raw[j])
        if number >= limits[0]:
            flags[j] |= saturated_bit
            saturated += 1
        elif number >= limits[1]:
            flags[j] |= suspect_bit
            suspect += 1
    return saturated, suspect, no_number


@njit(cache=True)
def _flag_extrapolated(signal, limit, bits, flags):  # type: ignore[no-untyped-def]
    """Flags the pixels above the doses of the calibration, but not the bad ones, and returns how many."""
    _, _, _, extrapolated_bit, unusable = bits
    above = np.int32(0)
    for j in range(signal.size):
        above += np.int32(signal[j] > limit)
    if above == 0:
        return 0
    extrapolated = 0
    for j in range(signal.size):
        if signal[j] > limit and not flags[j] & unusable:
            flags[j] |= extrapolated_bit
            extrapolated += 1
    return extrapolated


@njit(cache=True)
def _random_variance(corrected, slope, noise, lag_gain, random):  # type: ignore[no-untyped-def]
    """`noise` (3 + K, W): dark variance, variance per DN, 1 / level, calibration terms."""
    dark, per_dn = noise[0], noise[1]
    for j in range(corrected.size):
        readout = slope[j] * slope[j] * dark[j] * lag_gain
        total = readout + per_dn[j] * corrected[j]
        least = readout * np.float32(0.5)
        random[j] = total if total > least else least


@njit(cache=True)
def _calibration_variance(corrected, slope, noise, dose, calibration):  # type: ignore[no-untyped-def]
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
def _multiply_add(total, factor, term):  # type: ignore[no-untyped-def]
    """total = total * factor + term."""
    for j in range(total.size):
        total[j] = total[j] * factor[j] + term[j]


@njit(cache=True)
def _clear_variances(corrected, random, calibration):  # type: ignore[no-untyped-def]
    """A value that is no number has no variance either."""
    for j in range(corrected.size):
        if not np.isfinite(corrected[j]):
            random[j] = np.float32(0.0)
            calibration[j] = np.float32(0.0)


@njit(parallel=True, cache=True)
def flag_neighbours(flags, counts, saturated_bit, suspect_bit, unusable):  # type: ignore[no-untyped-def]
    """Adds `suspect_bit` to the neighbours of saturated pixels; each row writes that bit of its own pixels only."""
    rows, cols = flags.shape
    for i in prange(rows):
        first, last = max(0, i - 1), min(rows, i + 2)
        if counts[first:last, 0].sum() == 0:
            continue
        for j in range(cols):
            if flags[i, j] & (saturated_bit | suspect_bit):
                continue
            beside = False
            for y in range(first, last):
                for x in range(max(0, j - 1), min(cols, j + 2)):
                    beside |= (flags[y, x] & saturated_bit) != 0
            if beside:
                flags[i, j] |= suspect_bit
                counts[i, 1] += (flags[i, j] & unusable) == 0
