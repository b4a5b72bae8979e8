"""Hounsfield units to matter: densities of the paper, mass kept, padding is air."""

import numpy as np
import pytest

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
