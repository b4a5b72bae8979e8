"""Charge amplifiers and ADC: electrons to digital numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.noise import standard_normal
from radiography.panel.panel import Readout

Array = npt.NDArray[np.float32]


def digitise(
    electrons: Array, offset_dn: Array, noise_factor: Array, readout: Readout, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """Raw frame that the ADC delivers.

    Reset (kTC) and amplifier noise are independent in every pixel; line noise is one draw for a whole row, as all its
    pixels are read at once. Noise is added after the light has spread, so it is white. What lies outside the range of
    the ADC sticks to its ends: that is physics, and the chain behind flags it.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge on each pixel. [electrons]
    offset_dn : (H, W) float32
        Offset map. [DN]
    noise_factor : (H, W) float32
        Noise of each pixel relative to the panel's. [1]
    readout : Readout
        Noise, conversion, number of bits.
    rng : numpy.random.Generator
        Same state, same frame, for any number of threads.

    Returns
    -------
    raw_dn : (H, W) uint16
        [DN]

    Raises
    ------
    ValueError
        If the pictures differ in shape.
    """
    if not (electrons.shape == offset_dn.shape == noise_factor.shape):
        raise ValueError(
            f"electrons are {electrons.shape}, offset {offset_dn.shape}, noise factor {noise_factor.shape}: "
            "all must have one shape"
        )
    rows, cols = electrons.shape
    line_dn = rng.normal(0.0, readout.line_noise_electrons / readout.electrons_per_dn, rows)
    deviates = standard_normal(rows, cols, rng)
    pixel_dn = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons) / readout.electrons_per_dn
    raw_dn = np.empty((rows, cols), dtype=np.uint16)
    _digitise(
        electrons,
        offset_dn,
        noise_factor,
        deviates,
        line_dn,
        pixel_dn,
        1.0 / readout.electrons_per_dn,
        2**readout.bits - 1,
        raw_dn,
    )
    return raw_dn


@njit(parallel=True, cache=True)
def _digitise(electrons, offset_dn, noise_factor, deviates, line_dn, pixel_dn, dn_per_electron, highest, out):  # type: ignore[no-untyped-def]
    """Writes every element of ``out``."""
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            value = electrons[row, col] * dn_per_electron + offset_dn[row, col] + line_dn[row]
            value += noise_factor[row, col] * pixel_dn * deviates[row, col]
            out[row, col] = np.uint16(min(max(np.rint(value), 0.0), highest))
