"""Charge amplifiers and ADC: electrons to digital numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.noise import standard_normal
from radiography.panel.data_lines import data_line_noise
from radiography.panel.panel import Readout

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


class DigitalConversion(NamedTuple):
    """Numbers that turn electrons into DN: conversion [DN/electron], noise of a pixel [DN rms], end of the ADC. [DN]"""

    dn_per_electron: float
    pixel_noise_dn: float
    highest_dn: int


def digitise(
    electrons: Array,
    offset_dn: Array,
    noise_factor: Array,
    readout: Readout,
    rng: np.random.Generator,
    analog_dn: FloatArray | None = None,
) -> npt.NDArray[np.uint16]:
    """Raw frame that the ADC delivers.

    Reset (kTC) and amplifier noise are independent in every pixel; line noise is one draw for a whole row, as all its
    pixels are read at once; data lines add theirs where a panel has it. Noise is added after the light has spread, so
    that of pixels is white. What lies outside the range of the ADC sticks to its ends: that is physics, and the chain
    behind flags it.

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
    analog_dn : (H, W) float64, or None
        Written with what the ADC is given, noise included, before it rounds and clips. [DN]

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
    pixel_noise_electrons = float(np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons))
    if readout.column_noise_electrons > 0 or readout.flicker_noise_electrons > 0:
        electrons = electrons + data_line_noise(rows, cols, readout, rng)
    conversion = DigitalConversion(
        dn_per_electron=1.0 / readout.electrons_per_dn,
        pixel_noise_dn=pixel_noise_electrons / readout.electrons_per_dn,
        highest_dn=2**readout.bits - 1,
    )
    if analog_dn is not None:  # the sum of the kernel, in its order
        np.multiply(electrons, np.float64(conversion.dn_per_electron), out=analog_dn)
        analog_dn += offset_dn
        analog_dn += np.expand_dims(line_dn, axis=1)
        analog_dn += noise_factor * np.float64(conversion.pixel_noise_dn) * deviates
    raw_dn = np.empty((rows, cols), dtype=np.uint16)
    _digitise(electrons, offset_dn, noise_factor, deviates, line_dn, conversion, raw_dn)
    return raw_dn


@njit(parallel=True, cache=True)
def _digitise(
    electrons: Array,
    offset_dn: Array,
    noise_factor: Array,
    deviates: Array,
    line_dn: FloatArray,
    conversion: DigitalConversion,
    out: npt.NDArray[np.uint16],
) -> None:
    """Writes every element of ``out``; all are (H, W) but for ``line_dn`` (H,)."""
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            value = electrons[row, col] * conversion.dn_per_electron + offset_dn[row, col] + line_dn[row]
            value += noise_factor[row, col] * conversion.pixel_noise_dn * deviates[row, col]
            out[row, col] = np.uint16(min(max(np.rint(value), 0.0), conversion.highest_dn))
