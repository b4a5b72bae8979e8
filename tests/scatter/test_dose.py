"""Doses against published backscatter factors, the law of attenuation, and arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantoms.solids import Box, Phantom, Sphere, place
from radiography.beam.spectrum import Spectrum, air_kerma_uGy, beam_spectrum
from radiography.config import load_beam
from radiography.projection.geometry import Geometry
from radiography.scatter.dose import JOULE_PER_KEV, doses_of

WATER = Phantom("water", (place(Box((300.0, 300.0, 150.0)), "water", (0.0, 0.0, 75.0)),))


def _field(side_mm: float) -> Geometry:
    """A field of a side on the front of 150 mm of water at 1 m from the source."""
    return Geometry(1150.0, 100, 100, side_mm * 1.15 / 100)


# Water, 2.5 mm Al, 300 x 300 x 150 mm at 1 m; Petoussi-Henss et al., Phys. Med. Biol. 43, 2237 (1998), as IAEA TRS 457
# (2007), table VIII.1, has them: kV, side of the field on the surface, factor (from memory, not checked against print).
PUBLISHED = [(70, 100.0, 1.30), (70, 200.0, 1.34), (90, 200.0, 1.39), (90, 250.0, 1.40)]


@pytest.mark.slow
@pytest.mark.parametrize(("kvp", "side_mm", "factor"), PUBLISHED)
def test_backscatter_of_water_is_the_published(kvp: int, side_mm: float, factor: float) -> None:
    beam = replace(load_beam("paper_70kV"), kvp=float(kvp), filters=(("Al", 2.5),))
    found = doses_of(WATER, _field(side_mm), beam_spectrum(beam, 10.0, 1.0), histories=8_000_000)
    assert found.backscatter_error < 0.01
    assert found.backscatter_factor == pytest.approx(factor, rel=0.02)


def test_doses_of_a_slab_agree_with_arithmetic() -> None:
    """A thin slab of water in parallel light takes mu_en / rho times the energy fluence, nearly."""
    geometry = Geometry(10_000.0, 10, 10, 10.0)
    spectrum = Spectrum(np.array([30.0]), np.array([1e6]))
    slab = Phantom("thin", (place(Box((200.0, 200.0, 1.0)), "water", (0.0, 0.0, 50.0)),))
    found = doses_of(slab, geometry, spectrum, histories=2_000_000)
    whole = found.solids[0]
    assert whole.mass_g == pytest.approx(200 * 200 * 1.0 * 1e-3, rel=1e-3)
    # mu_en / rho of water at 30 keV is 0.1557 cm2/g (NIST); only the lit quarter of the slab is in the beam
    kerma = 1e6 * 1e2 * 30.0 * JOULE_PER_KEV * 0.1557 * 1e3 * 1e6  # per cm2, J/g to J/kg, uGy
    assert whole.dose_uGy * 4 == pytest.approx(kerma, rel=0.06)
    assert whole.dose_uGy == pytest.approx(whole.energy_uJ / (1e-3 * whole.mass_g), rel=1e-9)
    assert found.entrance_height_mm == pytest.approx(50.5)
    assert found.kerma_free_uGy == pytest.approx(air_kerma_uGy(spectrum) * (10_000 / 9_949.5) ** 2, rel=0.01)


def test_the_area_product_is_kerma_times_area() -> None:
    geometry = Geometry(100_000.0, 20, 30, 10.0)
    spectrum = Spectrum(np.array([60.0]), np.array([1e5]))
    found = doses_of(WATER, geometry, spectrum, histories=1)
    assert found.area_product_uGy_cm2 == pytest.approx(air_kerma_uGy(spectrum) * 20 * 30, rel=1e-4)
    assert found.histories == 800_000  # two batches at least: an error needs them


@pytest.mark.slow
def test_mass_leaves_out_what_a_later_solid_takes() -> None:
    ball = place(Sphere(50.0), "air", (0.0, 0.0, 75.0))
    holed = Phantom("holed", (*WATER.solids, ball))
    found = doses_of(holed, _field(200.0), Spectrum(np.array([60.0]), np.array([1e5])), histories=1)
    expected = 300 * 300 * 150 - 4 / 3 * np.pi * 50**3
    assert found.solids[0].mass_g == pytest.approx(1e-3 * expected, rel=2e-3)
    assert found.solids[1].energy_uJ < 0.01 * found.solids[0].energy_uJ


@pytest.mark.parametrize(("fluence", "histories", "named"), [(0.0, 1, "holds no photon"), (1.0, 0, "1 or more, got 0")])
def test_no_beam_and_no_histories_are_refused(fluence: float, histories: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        doses_of(WATER, _field(100.0), Spectrum(np.array([60.0]), np.array([fluence])), histories=histories)
