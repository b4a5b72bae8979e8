"""A small panel that is neither square nor clean, and the frames it delivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet, calibration_set
from calibration.conditions import Conditions
from calibration.dark.offset import estimate_offset
from calibration.defects.find import find_defects
from calibration.response.single_dose import estimate_gain

ROWS, COLS = 48, 64
DARK_NOISE_DN = 4.0
DN_PER_QUANTUM = 4.0
SATURATION_DN = 60000.0


@dataclass(frozen=True, eq=False)
class Panel:
    """A linear panel: raw = offset + response * signal + noise, in whole DN from 0 to 65535."""

    offset_dn: NDArray[np.float64]
    response: NDArray[np.float64]

    def frame(self, signal_dn: float | NDArray[np.float64], rng: np.random.Generator | None) -> NDArray[np.uint16]:
        """A frame of a uniform or given signal; without a generator there is no noise, only rounding. [DN]"""
        mean = self.response * signal_dn
        if rng is not None:
            mean = DN_PER_QUANTUM * rng.poisson(np.maximum(mean, 0) / DN_PER_QUANTUM) + rng.normal(
                0, DARK_NOISE_DN, mean.shape
            )
        frame = np.clip(np.round(self.offset_dn + mean), 0, 65535).astype(np.uint16)
        frame.setflags(write=False)
        return frame

    def frames(self, signal_dn: float, count: int, rng: np.random.Generator) -> list[NDArray[np.uint16]]:
        return [self.frame(signal_dn, rng) for _ in range(count)]

    def calibrated(self, darks: int, flats: int, signal_dn: float, seed: int = 8) -> CalibrationSet:
        """A calibration from noisy frames of this panel."""
        rng = np.random.default_rng(seed)
        offset = estimate_offset(self.frames(0.0, darks, rng))
        gain = estimate_gain(self.frames(signal_dn, flats, rng), offset, saturation_dn=SATURATION_DN)
        defects = find_defects(offset, gain, saturation_dn=SATURATION_DN)
        return calibration_set(
            offset, gain, defects, saturation_dn=SATURATION_DN, provenance={}, conditions=Conditions(panel="test")
        )


@pytest.fixture
def panel() -> Panel:
    """5 % gain spread, column offsets in blocks, a heel along the rows."""
    rng = np.random.default_rng(1)
    offset_dn = 1500 + rng.normal(0, 30, (ROWS, COLS)) + np.repeat(rng.normal(0, 60, COLS // 16), 16)
    response = rng.normal(1, 0.05, (ROWS, COLS)) * np.linspace(0.9, 1.1, ROWS)[:, None]
    for plane in (offset_dn, response):
        plane.setflags(write=False)
    return Panel(offset_dn, response)


def with_pixels(plane: NDArray[np.float64], pixels: object, value: float) -> NDArray[np.float64]:
    """A copy of a plane with some pixels set."""
    changed = plane.copy()
    changed[pixels] = value  # type: ignore[index]
    return changed


@pytest.fixture
def altered(panel: Panel):  # type: ignore[no-untyped-def]
    """altered(pixels, response=..., offset_dn=...): the panel with some pixels changed."""

    def make(pixels: object, response: float | None = None, offset_dn: float | None = None) -> Panel:
        return Panel(
            panel.offset_dn if offset_dn is None else with_pixels(panel.offset_dn, pixels, offset_dn),
            panel.response if response is None else with_pixels(panel.response, pixels, response),
        )

    return make
