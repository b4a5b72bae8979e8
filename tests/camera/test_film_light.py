"""Light of a free film: energy times yield times escape, and transfers that fall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.camera.film_light import FilmLight, film_light, light_behind, transfer_of_beam
from radiography.config import load_scintillator


@pytest.mark.slow
def test_light_is_energy_times_yield_times_what_gets_out(tmp_path: Path) -> None:
    film = load_scintillator("CsPbBr3_75um")
    found = film_light(
        film, 75.0, [14.0, 30.0], plate_index=1.49, histories=4000, photons=20_000, cache_folder=tmp_path
    )
    assert found.made == pytest.approx(21.0 * found.absorbed_keV)
    assert found.quanta == pytest.approx([0.89, 0.32], abs=0.02)  # by an independent Monte Carlo
    assert np.all(found.absorbed_keV < found.quanta * found.energy_keV)  # fluorescence gets away
    share = found.light / found.made
    assert np.all((share > 0.05) & (share < 0.5))
    assert share[1] > share[0]  # harder X-rays go deeper, nearer to the plate
    assert np.all(found.light_square * found.quanta >= found.light**2)
    transfer = transfer_of_beam(found, [1.0, 1.0])
    assert transfer[0] == pytest.approx(1.0) and np.all(np.diff(transfer) < 0.02)
    assert transfer[-1] < 0.1
    assert float(found.emission.sum(axis=1)[0]) == pytest.approx(1.0)


def test_columns_are_no_free_film() -> None:
    with pytest.raises(ValueError, match="needs the optics of a turbid layer, but 'CsI_Tl_500um' has none"):
        film_light(load_scintillator("CsI_Tl_500um"), 500.0, [30.0], plate_index=1.49)


def test_light_behind_a_filter_is_an_average_over_the_light() -> None:
    energy, fluence = np.array([20.0, 40.0]), np.array([3.0, 1.0])
    ones = np.ones(2)
    light = FilmLight(energy, ones, ones, ones, np.array([10.0, 30.0]), ones, ones, ones, ones, ones)
    mu = linear_attenuation_per_mm(material("Cu"), energy)
    assert light_behind(light, fluence, material("Cu"), 0.1) == pytest.approx(np.mean(np.exp(-0.1 * mu)))
    assert light_behind(light, fluence, material("Cu"), 0.0, 5.0) == pytest.approx(1.0)
    assert light_behind(light, fluence, material("Cu"), 0.1, 5.0) > light_behind(light, fluence, material("Cu"), 0.1)
