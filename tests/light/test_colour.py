"""Chromaticity against values computed elsewhere, the white point, and the area of a gamut."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("colour", reason="colours need colour-science")

from radiography.light.colour import NTSC, chromaticity, gamut_area, matching_functions, spectrum_locus
from radiography.light.halides import Line, line_spectrum

WAVELENGTH_NM = np.arange(360.0, 831.0)


# Gaussian lines of power: (peak, FWHM) -> x, y by colour-science used alone.
@pytest.mark.parametrize(
    ("peak_nm", "fwhm_nm", "x", "y"),
    [(410, 12, 0.172, 0.005), (480, 18, 0.096, 0.133), (530, 20, 0.164, 0.791), (630, 35, 0.691, 0.309)],
)
def test_lines_lie_where_they_are_known_to_lie(peak_nm: float, fwhm_nm: float, x: float, y: float) -> None:
    power = line_spectrum(Line(peak_nm, fwhm_nm), WAVELENGTH_NM)
    assert chromaticity(WAVELENGTH_NM, power * WAVELENGTH_NM) == pytest.approx((x, y), abs=0.0015)


def test_equal_energy_is_white() -> None:
    assert chromaticity(WAVELENGTH_NM, WAVELENGTH_NM) == pytest.approx((1 / 3, 1 / 3), abs=2e-4)


def test_the_step_of_the_wavelengths_does_not_matter() -> None:
    line = Line(530.0, 20.0)
    coarse, fine = np.arange(380.0, 780.0, 2.0), np.arange(380.0, 780.0, 0.25)
    assert chromaticity(coarse, line_spectrum(line, coarse)) == pytest.approx(
        chromaticity(fine, line_spectrum(line, fine)), abs=2e-4
    )


def test_light_that_nobody_sees_has_no_colour() -> None:
    with pytest.raises(ValueError, match="visible"):
        chromaticity([900.0, 901.0], [1.0, 1.0])


def test_areas() -> None:
    assert gamut_area([(0, 0), (1, 0), (0, 1)]) == 0.5
    assert gamut_area(NTSC) == pytest.approx(0.1582, abs=1e-4)
    locus = spectrum_locus()
    assert locus.shape == (311, 2) and matching_functions()[1].max() > 1.7
    assert np.all(locus.sum(axis=1) <= 1 + 1e-12)
