"""Blades whose shadow scatter fills: fields of known borders, and what looks like blades and is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter, rotate

from radiography.analysis.collimator_edges import bladed_field
from radiography.analysis.relevant_region import COLLIMATED, relevant_region

SHAPE = (420, 500)


def box(sides: str, turn_deg: float = 0.0) -> np.ndarray:
    """Field of blades at these sides of the panel."""
    rows, cols = SHAPE
    lit = np.zeros(SHAPE)
    lit[70 if "t" in sides else 0 : rows - 90 if "b" in sides else rows,
        85 if "l" in sides else 0 : cols - 65 if "r" in sides else cols] = 1.0  # fmt: skip
    return np.asarray(rotate(lit, turn_deg, reshape=False, order=1) > 0.5)


def thick(lit: np.ndarray, scatter: float, quanta: float = 2000.0, seed: int = 1) -> np.ndarray:
    """A thick body over all of a field, with a spine; so much scatter over primary, which spreads behind the blades."""
    rng = np.random.default_rng(seed)
    attenuation = 0.3 * gaussian_filter(rng.standard_normal(SHAPE), 8.0) / 0.035
    attenuation[:, 230:258] += 1.0
    primary = gaussian_filter(lit * np.exp(-attenuation), 1.0)
    spread = 0.5 * (gaussian_filter(lit.astype(float), 28.0) + gaussian_filter(lit.astype(float), 63.0))
    return rng.poisson(quanta * (primary + scatter * spread)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sides", "turn_deg", "scatter", "quanta"),
    [("lrtb", 0.0, 0.0, 2000.0), ("lrtb", 0.0, 1.0, 2000.0), ("lrtb", 0.0, 3.0, 2000.0), ("lrtb", 7.0, 2.0, 2000.0),
     ("lrtb", -14.0, 2.0, 2000.0), ("lr", 0.0, 2.0, 2000.0), ("tb", 0.0, 2.0, 2000.0), ("lrtb", 0.0, 2.0, 100.0)],
)  # fmt: skip
def test_scatter_behind_blades_is_no_object(sides: str, turn_deg: float, scatter: float, quanta: float) -> None:
    """Nothing of the shadow is taken as the object, and of the field at most five blocks along a border are lost.

    Where scatter is a part or more of primary, up to all of the shadow was taken for the object.
    """
    lit = box(sides, turn_deg)
    inside = relevant_region(thick(lit, scatter, quanta)).kinds != COLLIMATED
    assert (inside & ~lit).sum() < 0.005 * (~lit).sum()
    assert inside[binary_erosion(lit, iterations=20, border_value=1)].all()


def test_a_single_blade_is_not_told_from_a_plate() -> None:
    assert (relevant_region(thick(box("l"), 2.0)).kinds != COLLIMATED).all()


def _log(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    blocks = pixels.reshape(105, 4, 125, 4).mean(axis=(1, 3))
    return np.log(np.maximum(blocks, 1e-3 * blocks.max()) / blocks.max()), 0.01


def test_what_is_dark_and_straight_but_no_shadow_is_left() -> None:
    """A wedge, plates beyond which it is bright, structure behind two edges, a flat, and a field that falls off."""
    cols = np.indices(SHAPE)[1]
    rng = np.random.default_rng(2)
    wedge = np.exp(-0.5 * (cols // 70))
    plates = np.where((abs(cols - 110) < 42) | (abs(cols - 390) < 42), 0.2, 1.0)
    texture = gaussian_filter(rng.standard_normal(SHAPE), 8.0)
    legs = np.where(abs(cols - 250) < 42, 1.0, np.exp(-1.2 - 0.5 * texture / texture.std()))
    for attenuated in (wedge, plates, legs, np.ones(SHAPE), np.exp(-abs(cols - 250) / 110.0)):
        assert bladed_field(*_log(rng.poisson(5000.0 * attenuated).astype(float))) is None


def test_a_thick_part_beside_blades_is_not_cut_off() -> None:
    """Air, soft parts and a pelvis without a gap between their greys, between two blades: a corner of it was lost."""
    rows, cols = np.indices(SHAPE)
    attenuation = 5.2 / (1.0 + np.exp((np.hypot(rows - 60.0, cols - 90.0) - 220.0) / 40.0))
    exposure = np.exp(-attenuation)
    exposure[:, :50] = exposure[:, -60:] = 1e-4
    lit = np.zeros(SHAPE, bool)
    lit[:, 50:-60] = True
    pixels = np.random.default_rng(3).poisson(20000.0 * gaussian_filter(exposure, 1.0)).astype(np.float32)
    inside = relevant_region(pixels).kinds != COLLIMATED
    assert inside[binary_erosion(lit, iterations=20, border_value=1)].mean() > 0.99
