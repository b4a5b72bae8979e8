"""Noise of the data lines: what a column of pixels has in common through its amplifier.

All pixels of a column are read one after the other by the amplifier at the end of their data line. What that amplifier
is off by in a whole frame shifts the column; its flicker noise, of a power that goes as one over the frequency [1]_,
wanders down the column from row to row. Both are added
to the charge before it is digitised, in shielded columns too. No published rms of a radiographic panel was found, so
both are off unless a panel's file gives them.

References
----------
.. [1] Weisfield & Bennett, "Electronic noise analysis of a 127-micron pixel TFT/photodiode array", Proc. SPIE 4320, 209
       (2001): that amplifier and data line have it; no number is taken from there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import get_num_threads

from radiography.noise import standard_normal
from radiography.panel.panel import Readout

Array = npt.NDArray[np.float32]


def data_line_noise(rows: int, cols: int, readout: Readout, rng: np.random.Generator) -> Array:
    """Noise that the data lines add to one frame.

    Parameters
    ----------
    rows, cols : int
        Size of the frame. [1]
    readout : Readout
        With the noise of a column and the flicker noise, each the rms of a pixel.
    rng : numpy.random.Generator
        Same state, same noise, for any number of threads.

    Returns
    -------
    electrons : (rows, cols) float32
        [electrons]
    """
    noise = np.zeros((rows, cols), dtype=np.float32)
    if readout.flicker_noise_electrons > 0:
        noise += np.float32(readout.flicker_noise_electrons) * flicker(rows, cols, rng)
    if readout.column_noise_electrons > 0:
        noise += rng.normal(0.0, readout.column_noise_electrons, cols).astype(np.float32)
    return noise


def flicker(rows: int, cols: int, rng: np.random.Generator) -> Array:
    """Deviates of unit variance whose power goes as 1/f down each column, columns independent.

    Of a period of twice as many rows one half is taken, so that the last row knows nothing of the first. Frequencies
    are those of that period but 0: slower noise shifts the whole column and counts as its own.

    Parameters
    ----------
    rows, cols : int
        [1]
    rng : numpy.random.Generator
        Same state, same deviates, for any number of threads.

    Returns
    -------
    deviates : (rows, cols) float32
        [1]
    """
    from scipy import fft

    period = 2 * rows
    spectrum = fft.rfft(standard_normal(period, cols, rng), axis=0, workers=get_num_threads())
    number = np.arange(1, rows + 1)
    power = 1.0 / number
    both_signs = np.where(number < rows, 2.0, 1.0)  # the Nyquist frequency stands once in the whole period
    amplitude = np.sqrt(power * period / np.sum(both_signs * power))
    spectrum[0] = 0.0
    spectrum[1:] *= amplitude[:, None].astype(np.float32)
    found = fft.irfft(spectrum, n=period, axis=0, workers=get_num_threads(), overwrite_x=True)
    return np.ascontiguousarray(found[:rows], dtype=np.float32)
