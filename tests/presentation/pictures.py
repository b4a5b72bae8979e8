"""Linear images whose truth is known: steps, flats, plates and bars, with quantum noise and blur."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def exposed(
    attenuation: np.ndarray, quanta: float | None = 4000.0, *, blur: float = 0.0, seed: int = 3, dn: float = 2.0
) -> np.ndarray:
    """Linear image of an attenuation, blurred and with quantum noise; `quanta` of the open field, None for none."""
    mean = np.exp(-np.asarray(attenuation, np.float64))
    mean = gaussian_filter(mean, blur, mode="nearest") if blur else mean
    drawn = 1000.0 * mean if quanta is None else np.random.default_rng(seed).poisson(quanta * mean)
    pixels = (dn * drawn).astype(np.float32)
    pixels.flags.writeable = False
    return pixels


def step(height: float, rows: int = 160, cols: int = 240, base: float = 0.5) -> np.ndarray:
    """Attenuation of an object whose right half attenuates more by `height`, beside a strip of open field."""
    attenuation = np.full((rows, cols), base)
    attenuation[:, cols // 2 :] += height
    attenuation[:, :24] = 0.0
    return attenuation


def board(rows: int = 300, cols: int = 360, seed: int = 1) -> np.ndarray:
    """A plate of 0.6 with soft structure, in an open field."""
    rng = np.random.default_rng(seed)
    attenuation = np.zeros((rows, cols))
    texture = gaussian_filter(rng.standard_normal((rows, cols)), 6.0)
    inside = (slice(60, rows - 60), slice(60, cols - 60))
    attenuation[inside] = 0.6 + 0.1 * texture[inside] / texture.std()
    return attenuation
