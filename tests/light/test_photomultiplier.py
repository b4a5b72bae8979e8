"""Counters and limits: closed forms, and errors of both kinds by drawing counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.beam.spectrum import Spectrum
from radiography.config import load_scintillator
from radiography.light.free_film import trace_free_film
from radiography.light.photomultiplier import (
    Flashes,
    counted_per_s,
    flashes_of_film,
    limit_of_blank,
    limit_of_counting,
    weighted_line,
)


def test_dead_time_by_drawing_pulses() -> None:
    rng = np.random.default_rng(1)
    at, dead = np.cumsum(rng.exponential(1 / 2e6, 200_000)), 50e-9
    kept, last = 0, -1.0
    for time in at.tolist():
        if time - last >= dead:
            kept, last = kept + 1, time
    assert counted_per_s(2e6, 50.0) == pytest.approx(kept / at[-1], rel=0.01)
    assert counted_per_s(1e12, 50.0) == pytest.approx(2e7, rel=1e-4)


def test_one_in_twenty_is_wrong_at_currie_s_limit() -> None:
    rng = np.random.default_rng(2)
    background, time, slope = 400.0, 1.0, 50.0
    rate = limit_of_counting(slope, background, time)
    blank, other, signal = (rng.poisson(mean, 200_000) for mean in (400.0, 400.0, 400.0 + slope * rate))
    decided = 1.645 * np.sqrt(2 * background)
    assert np.mean(blank - other > decided) == pytest.approx(0.05, abs=0.006)
    assert np.mean(signal - other < decided) == pytest.approx(0.05, abs=0.006)


def test_the_paper_s_limit_asks_for_a_third_of_it() -> None:
    assert limit_of_blank(1.0, 13.0 / 3) == pytest.approx(13.0)


def test_a_line_has_the_errors_that_it_states() -> None:
    rng = np.random.default_rng(3)
    x = np.geomspace(0.01, 300.0, 15)
    error = 0.02 * x + 0.01
    found = np.array([weighted_line(x, 3 * x + 0.5 + error * rng.standard_normal(15), error) for _ in range(2000)])
    assert found[:, 0].mean() == pytest.approx(3.0, rel=0.002)
    assert found[:, 0].std() == pytest.approx(found[0, 2], rel=0.06)
    assert found[:, 3].mean() == pytest.approx(1.0, abs=0.05)


def test_flashes_count_more_than_their_photoelectrons() -> None:
    # n flashes of g photoelectrons: SNR sqrt(n / (1 + 1/g)); three of them need 9 (1 + 1/g) flashes
    flashes = Flashes(np.array([1000.0]), np.array([4.0]))
    assert flashes.limit_ngy() == pytest.approx(1e3 * 9 * (1 + 1 / 4) / 1000)
    assert flashes.limit_ngy(brighter=1e6) == pytest.approx(9.0)
    assert flashes.seen_per_uGy == pytest.approx(1000 * (1 - np.exp(-4)))
    # single photoelectrons: what they alone would allow
    assert Flashes(np.array([4000.0]), np.array([1e-6])).limit_ngy() == pytest.approx(1e3 * 9 / (4000 * 1e-6), rel=1e-4)


def test_flashes_of_a_film_are_its_x_rays_and_its_light(tmp_path: Path) -> None:
    film = load_scintillator("CsPbBr3_75um")
    spectrum = Spectrum(np.array([0.5, 20.0, 30.0]), np.array([1e9, 50.0, 100.0]))
    given = {"histories": 2000, "photons": 2000, "cache_folder": tmp_path}
    found = flashes_of_film(film, 120.0, spectrum, area_mm2=10.0, quantum_efficiency=0.1, support_index=1.41, **given)
    response, faces = trace_free_film(film, 120.0, [20.0, 30.0], far_index=1.41, **given)
    assert found.per_uGy == pytest.approx(10.0 * np.array([50.0, 100.0]) * response.interaction_fraction)
    assert found.photoelectrons == pytest.approx(
        0.1 * film.light.yield_per_keV * response.mean_energy_keV * (response.depth_fraction @ faces.far)
    )
    assert found.mean == pytest.approx(np.average(found.photoelectrons, weights=found.per_uGy))
