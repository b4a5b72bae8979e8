"""Hounsfield units to matter: densities of the paper, mass kept, padding is air."""

import numpy as np
import pytest
import xraylib

from phantoms.hounsfield import BASIS, codes_from_hu, density_from_hu, schneider_table
from radiography.beam.attenuation import material


@pytest.mark.parametrize(
    ("hu", "density"),
    [(-1000, 0.00121), (-98, 0.93), (0, 1.018), (60, 1.003 + 1.169e-3 * 60), (1000, 1.017 + 0.592e-3 * 1000)],
)
def test_density_is_that_of_the_papers_pieces(hu: int, density: float) -> None:
    assert density_from_hu(hu) == pytest.approx(density, abs=0.0015)


def test_table_keeps_the_mass_and_mixes_two_at_most() -> None:
    table, hu = schneider_table(), np.arange(-1024, 3072)
    assert np.allclose(table.sum(axis=1), density_from_hu(hu), rtol=1e-12)
    assert np.count_nonzero(table, axis=1).max() == 2


@pytest.mark.parametrize(
    ("hu", "name"), [(-1024, "air"), (-98, "adipose_tissue"), (20, "soft_tissue"), (3000, BASIS[3])]
)
def test_one_material_alone_at_its_anchor(hu: int, name: str) -> None:
    row = schneider_table()[hu + 1024]
    assert row[BASIS.index(name)] == row.sum()


def test_basis_materials_ship() -> None:
    assert [material(name).name for name in BASIS] == list(BASIS)


def test_padding_is_air_and_metal_is_clipped() -> None:
    codes = codes_from_hu(np.array([[[-3024, -2000, -1024, 0, 3071, 9000]]], np.int16))
    assert codes.ravel().tolist() == [0, 0, 0, 1024, 4095, 4095]


def test_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="must be finite, got 1"):
        codes_from_hu(np.array([[[0.0, np.nan]]]))


# Mass parts [%] of H, C, N, O, Na, Mg, P, S, Cl, Ar, K, Ca, from the HU of the row on to that of the next: the table of
# the paper as a TOPAS file of its 24 bins prints it. The first bin is air, the last ends at 1600 HU.
ELEMENTS = (1, 6, 7, 8, 11, 12, 15, 16, 17, 18, 19, 20)
BINS = {
    -950: (10.3, 10.5, 3.1, 74.9, 0.2, 0.0, 0.2, 0.3, 0.3, 0.0, 0.2, 0.0),
    -120: (11.6, 68.1, 0.2, 19.8, 0.1, 0.0, 0.0, 0.1, 0.1, 0.0, 0.0, 0.0),
    -83: (11.3, 56.7, 0.9, 30.8, 0.1, 0.0, 0.0, 0.1, 0.1, 0.0, 0.0, 0.0),
    -53: (11.0, 45.8, 1.5, 41.1, 0.1, 0.0, 0.1, 0.2, 0.2, 0.0, 0.0, 0.0),
    -23: (10.8, 35.6, 2.2, 50.9, 0.0, 0.0, 0.1, 0.2, 0.2, 0.0, 0.0, 0.0),
    7: (10.6, 28.4, 2.6, 57.8, 0.0, 0.0, 0.1, 0.2, 0.2, 0.0, 0.1, 0.0),
    18: (10.3, 13.4, 3.0, 72.3, 0.2, 0.0, 0.2, 0.2, 0.2, 0.0, 0.2, 0.0),
    120: (9.5, 45.5, 2.5, 35.5, 0.1, 0.0, 2.1, 0.1, 0.1, 0.0, 0.1, 4.5),
    200: (8.9, 42.3, 2.7, 36.3, 0.1, 0.0, 3.0, 0.1, 0.1, 0.0, 0.1, 6.4),
    300: (8.2, 39.1, 2.9, 37.2, 0.1, 0.0, 3.9, 0.1, 0.1, 0.0, 0.1, 8.3),
    400: (7.6, 36.1, 3.0, 38.0, 0.1, 0.1, 4.7, 0.2, 0.1, 0.0, 0.0, 10.1),
    500: (7.1, 33.5, 3.2, 38.7, 0.1, 0.1, 5.4, 0.2, 0.0, 0.0, 0.0, 11.7),
    600: (6.6, 31.0, 3.3, 39.4, 0.1, 0.1, 6.1, 0.2, 0.0, 0.0, 0.0, 13.2),
    700: (6.1, 28.7, 3.5, 40.0, 0.1, 0.1, 6.7, 0.2, 0.0, 0.0, 0.0, 14.6),
    800: (5.6, 26.5, 3.6, 40.5, 0.1, 0.2, 7.3, 0.3, 0.0, 0.0, 0.0, 15.9),
    900: (5.2, 24.6, 3.7, 41.1, 0.1, 0.2, 7.8, 0.3, 0.0, 0.0, 0.0, 17.0),
    1000: (4.9, 22.7, 3.8, 41.6, 0.1, 0.2, 8.3, 0.3, 0.0, 0.0, 0.0, 18.1),
    1100: (4.5, 21.0, 3.9, 42.0, 0.1, 0.2, 8.8, 0.3, 0.0, 0.0, 0.0, 19.2),
    1200: (4.2, 19.4, 4.0, 42.5, 0.1, 0.2, 9.2, 0.3, 0.0, 0.0, 0.0, 20.1),
    1300: (3.9, 17.9, 4.1, 42.9, 0.1, 0.2, 9.6, 0.3, 0.0, 0.0, 0.0, 21.0),
    1400: (3.6, 16.5, 4.2, 43.2, 0.1, 0.2, 10.0, 0.3, 0.0, 0.0, 0.0, 21.9),
    1500: (3.4, 15.5, 4.2, 43.5, 0.1, 0.2, 10.3, 0.3, 0.0, 0.0, 0.0, 22.5),
}


def _mass_attenuation(parts, energy_keV: float) -> float:
    whole = sum(part for _, part in parts)
    return sum(part * xraylib.CS_Total(number, energy_keV) for number, part in parts) / whole


@pytest.mark.parametrize(("energy_keV", "band"), [(40.0, 0.04), (60.0, 0.015), (80.0, 0.012)])
def test_mixtures_attenuate_as_the_papers_compositions(energy_keV: float, band: float) -> None:
    own = np.array([_mass_attenuation(material(name).mass_fractions, energy_keV) for name in BASIS])
    edges = [*BINS, 1600]
    for low, high, parts in zip(edges, edges[1:], BINS.values(), strict=False):
        high = 80 if low == 18 else high  # the bin from 80 to 120, connective tissue, is left out
        row = schneider_table()[(low + high) // 2 + 1024]
        paper = _mass_attenuation(list(zip(ELEMENTS, parts, strict=True)), energy_keV)
        assert row @ own / row.sum() == pytest.approx(paper, rel=band), low
