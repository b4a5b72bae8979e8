"""Images of slanted edges whose presampled MTF is known in closed form.

Every blur here has an edge spread function whose second antiderivative is elementary, so that the mean of the tilted
edge over a square pixel is four evaluations of it: no sampling grid, no quadrature and nothing of the estimator.
Lengths in pixels; the edge is a bright half plane at positive distance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from scipy.special import ndtr

PITCH_MM = 0.139


@dataclass(frozen=True)
class Blur:
    """Sum of kernels: (weight, "exponential" | "gauss" | "sharp", length in pixels)."""

    parts: tuple[tuple[float, str, float], ...]


def csi(at_2_per_mm: float = 0.41) -> Blur:
    """1/(1 + H f^2) with the given value at 2/mm: a two-sided exponential line spread."""
    h_mm2 = (1 / at_2_per_mm - 1) / 4
    return Blur(((1.0, "exponential", np.sqrt(h_mm2) / (2 * np.pi) / PITCH_MM),))


GAUSS = Blur(((1.0, "gauss", 0.4),))
SHARP = Blur(((1.0, "sharp", 0.0),))
GLARE = Blur(((0.94, *csi().parts[0][1:]), (0.06, "exponential", 3.0 / PITCH_MM)))


def _second_antiderivative(s: np.ndarray, kind: str, length: float) -> np.ndarray:
    """Twice integrated edge spread function of one kernel."""
    if kind == "sharp":
        return np.where(s > 0, s * s / 2, 0.0)
    if kind == "gauss":
        density = np.exp(-0.5 * (s / length) ** 2) / np.sqrt(2 * np.pi)
        return ((s * s + length**2) * ndtr(s / length) + length * s * density) / 2
    tail = length**2 / 2 * np.exp(-np.abs(s) / length)
    return np.where(s > 0, s * s / 2 + length**2 - tail, tail)


def transfer(blur: Blur, frequency_per_pixel: np.ndarray, angle_deg: float, aperture: float = 1.0) -> np.ndarray:
    """Presampled MTF along the edge's normal: blur times the square aperture seen at the edge's angle."""
    f = np.asarray(frequency_per_pixel, float)
    angle = np.radians(angle_deg)
    total = np.zeros_like(f)
    for weight, kind, length in blur.parts:
        if kind == "gauss":
            total += weight * np.exp(-2 * (np.pi * f * length) ** 2)
        elif kind == "exponential":
            total += weight / (1 + (2 * np.pi * f * length) ** 2)
        else:
            total += weight
    return total * np.sinc(f * aperture * np.cos(angle)) * np.sinc(f * aperture * np.sin(angle))


@dataclass(frozen=True)
class EdgeScene:
    """Where the edge lies and what disturbs it; the image is transposed, flipped or inverted last."""

    blur: Blur = field(default_factory=csi)
    angle_deg: float = 3.0
    shape: tuple[int, int] = (400, 400)
    offset: float = 0.0  # of the edge from the middle column [pixel]
    bow: float = 0.0  # sag of the edge's middle against its ends [pixel]
    heel_along: float = 0.0  # relative change of the open field from first to last row
    heel_across: float = 0.0  # the same from first to last column
    aperture: float = 1.0
    plate: float = 0.0  # signal under the plate, relative to the open field
    horizontal: bool = False
    dark_side_last: bool = False


def _orient(image: np.ndarray, scene: EdgeScene) -> np.ndarray:
    if scene.dark_side_last:
        image = image[:, ::-1]
    return np.ascontiguousarray(image.T if scene.horizontal else image)


def edge_image(scene: EdgeScene, open_dn: float = 1000.0) -> np.ndarray:
    """Noiseless image, float64."""
    rows, columns = scene.shape
    angle = np.radians(scene.angle_deg)
    r = np.arange(rows)[:, None] - (rows - 1) / 2
    c = np.arange(columns)[None, :] - (columns - 1) / 2 - scene.offset
    sag = scene.bow * (1 - (r / (rows / 2)) ** 2)
    s = (c - sag) * np.cos(angle) + r * np.sin(angle)
    a, b = scene.aperture * np.cos(angle) / 2, scene.aperture * np.sin(angle) / 2
    mean = np.zeros((rows, columns))
    for weight, kind, length in scene.blur.parts:
        f2 = [_second_antiderivative(s + x, kind, length) for x in (a + b, a - b, b - a, -a - b)]
        mean += weight * (f2[0] - f2[1] - f2[2] + f2[3]) / (4 * a * b)
    signal = scene.plate + (1 - scene.plate) * mean
    signal = signal * (1 + scene.heel_along * r / rows) * (1 + scene.heel_across * (c + scene.offset) / columns)
    return _orient(open_dn * signal, scene)


def noisy_edge_image(
    scene: EdgeScene, kerma_uGy: float, rng: np.random.Generator, open_dn: float = 1000.0
) -> np.ndarray:
    """The image with quantum noise that went through the same blur, and white electronic noise.

    3.2 % quantum noise per pixel before the blur and 0.6 % electronic noise at 2.5 uGy, both falling as one over the
    root of the exposure: a CsI panel under RQA5.
    """
    signal, filtering = _plain_scene(replace(scene, horizontal=False, dark_side_last=False))
    scale = np.sqrt(2.5 / kerma_uGy)
    quantum = 0.032 * scale * np.sqrt(np.maximum(signal, 0)) * rng.standard_normal(signal.shape)
    quantum = np.fft.irfft2(np.fft.rfft2(quantum) * filtering, s=signal.shape)
    electronic = 0.006 * scale * rng.standard_normal(signal.shape)
    return _orient(open_dn * (signal + quantum + electronic), scene)


@cache
def _plain_scene(scene: EdgeScene) -> tuple[np.ndarray, np.ndarray]:
    """Noiseless signal, and the root of the sampled noise power that the blur leaves of white noise."""
    f_r, f_c = np.fft.fftfreq(scene.shape[0])[:, None], np.fft.rfftfreq(scene.shape[1])[None, :]
    power = np.zeros((f_r.size, f_c.size))
    for i in range(-2, 3):
        for j in range(-2, 3):  # the sampled spectrum holds the aliases
            u, v = f_r + i, f_c + j
            power += (transfer(scene.blur, np.hypot(u, v), 0.0, 1e-9) * np.sinc(u) * np.sinc(v)) ** 2
    return edge_image(scene, 1.0), np.sqrt(power)
