"""Flat frames whose normalised noise power spectrum is known exactly: white noise filtered on a grid, and disturbances.

The filter is periodic on a grid larger than the frame, so that the frame's noise is stationary and its ends know
nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

PITCH_MM = 0.139
H_MM2 = (1 / 0.41 - 1) / 4  # of the transfer 1/(1 + H f^2), 0.41 at 2/mm


def nnps(u: np.ndarray, v: np.ndarray, kerma_uGy: float = 2.5) -> np.ndarray:
    """Aliased quantum noise over an electronic floor, in mm2, at frequencies along a row and down a column [1/mm].

    As `physics.md` has it for CsI at 2.5 uGy: 1.8e-5 mm2 at low frequency, 3.5e-6 near Nyquist.
    """
    pitch_mm, per_dose = PITCH_MM, 2.5 / kerma_uGy
    total = np.zeros(np.broadcast(u, v).shape)
    for i in range(-2, 3):
        for j in range(-2, 3):
            a, b = u + i / pitch_mm, v + j / pitch_mm
            total += (np.sinc(a * pitch_mm) * np.sinc(b * pitch_mm) / (1 + H_MM2 * (a * a + b * b))) ** 2
    return 1.75e-5 * per_dose * total + 2.6e-6 * per_dose**2


def field(shape: tuple[int, int], rng: np.random.Generator, kerma_uGy: float = 2.5) -> np.ndarray:
    """One field of relative noise of that spectrum, float32."""
    size = tuple(fft.next_fast_len(side + 64, real=True) for side in shape)
    u, v = np.fft.rfftfreq(size[1], PITCH_MM)[None], np.fft.fftfreq(size[0], PITCH_MM)[:, None]
    key = (size, kerma_uGy)
    if key not in _GAINS:
        _GAINS[key] = np.sqrt(nnps(u, v, kerma_uGy) / PITCH_MM**2).astype(np.float32)
    white = rng.standard_normal(size, dtype=np.float32)
    return fft.irfft2(fft.rfft2(white) * _GAINS[key], size)[: shape[0], : shape[1]]


_GAINS: dict = {}


@dataclass(frozen=True)
class Flats:
    """What disturbs a series of flats; all sizes relative to the mean signal."""

    shape: tuple[int, int] = (1024, 1024)
    frames: int = 16
    mean_dn: float = 20000.0
    kerma_uGy: float = 2.5  # sets the noise, not the mean
    fixed: float = 0.0  # amplitude of the fixed field over that of the temporal one
    correlation: float = 0.0  # of a frame's noise with that of the one before
    trend: float = 0.0
    dome: float = 0.0  # of the field over its ends, Gaussian: not quadratic
    rows: float = 0.0
    columns: float = 0.0  # fixed
    hum: float = 0.0
    hum_per_pixel: tuple[float, float] = (0.1234, 0.0567)  # along a row, down a column
    hum_stands: bool = False
    flicker: float = 0.0
    dead: float = 0.0

    def make(self, seed: int) -> np.ndarray:
        """Frames (N, H, W) float32. [DN]"""
        rng = np.random.default_rng(seed)
        h, w = self.shape
        still = self.fixed * field(self.shape, rng, self.kerma_uGy) if self.fixed else 0.0
        still = still + self.columns * rng.standard_normal(w)[None]
        y, x = np.linspace(-1, 1, h)[:, None], np.linspace(-1, 1, w)[None]
        trend = 1 + self.trend * (0.3 * x + 0.2 * y - 0.25 * x * x - 0.2 * y * y + 0.1 * x * y)
        trend = trend * (1 + self.dome * (np.exp(-1.5 * (x * x + y * y)) - 0.4397))
        dead = rng.random(self.shape) < self.dead
        result = np.empty((self.frames, h, w), np.float32)
        moving = field(self.shape, rng, self.kerma_uGy)
        for frame in result:
            noise = still + moving + self.rows * rng.standard_normal(h)[:, None]
            if self.hum:
                phase = 0.0 if self.hum_stands else rng.uniform(0, 2 * np.pi)
                u, v = self.hum_per_pixel
                noise = noise + self.hum * np.cos(2 * np.pi * (u * np.arange(w) + v * np.arange(h)[:, None]) + phase)
            frame[...] = self.mean_dn * (1 + self.flicker * rng.standard_normal()) * trend * (1 + noise)
            frame[dead] = 0.0
            r = self.correlation
            moving = (r * moving + np.sqrt(1 - r * r) * field(self.shape, rng, self.kerma_uGy)).astype(np.float32)
        return result


def axis_truth(frequency_per_mm: np.ndarray, kerma_uGy: float = 2.5) -> np.ndarray:
    """Spectrum along an axis, where an axis average of seven lines on both sides looks. [mm2]"""
    return nnps(frequency_per_mm, np.zeros(1), kerma_uGy)


def radial_truth(frequency_per_mm: np.ndarray) -> np.ndarray:
    """Spectrum averaged over all directions. [mm2]"""
    angle = (np.arange(90) + 0.5) * np.pi / 180
    f = np.asarray(frequency_per_mm)[:, None]
    return nnps(f * np.cos(angle), f * np.sin(angle)).mean(axis=1)
