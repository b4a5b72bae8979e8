"""Photons that leave a stack: as many and as hard as other kernels say, the same on any number of threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from radiography.beam.attenuation import Material, material, material_key
from radiography.interaction import absorption, leaving, stack
from radiography.interaction.absorption import cached_layer_response, layer_response
from radiography.interaction.electrons import Slab
from radiography.interaction.leaving import cached_leaving_photons, leaving_photons, stack_transmission
from radiography.interaction.stack import cached_stack_response

ENERGIES = np.array([30.0, 60.0, 100.0])
COPPER = Slab(material("Cu"), 500.0)
GLASS = Slab(material("glass"), 700.0)


@pytest.mark.parametrize("back", [True, False])
def test_energy_that_leaves_a_slab_is_that_of_the_kernels_of_single_layers(back: bool) -> None:
    photons = leaving_photons([COPPER], ENERGIES, 20_000, np.random.default_rng(1), back=back)
    single = layer_response(COPPER.material, 0.5, ENERGIES, 20_000, np.random.default_rng(2))
    wanted = single.back_keV if back else single.front_keV
    weight = photons.interacting / photons.histories
    found, square = (np.bincount(photons.number, photons.energy_keV**n, minlength=3) for n in (1, 2))
    error = np.sqrt(2.0 * square) * weight  # as many histories on either side
    assert (wanted[1:] > 10 * error[1:]).all()
    assert (np.abs(found * weight - wanted) < 4 * error).all()


def test_photons_leave_forwards_from_where_they_were_scattered_to() -> None:
    photons = leaving_photons([GLASS, COPPER], ENERGIES, 2_000, np.random.default_rng(1), back=True)
    assert (photons.cosine > 0).all() and (photons.cosine <= 1).all()
    assert (photons.energy_keV <= ENERGIES[photons.number]).all()
    # a photon that was scattered once, in a stack 1.2 mm thick, is off by at most that times its tangent
    slope = np.hypot(*photons.tangent.T)
    sideways = np.median(np.hypot(*photons.off_mm.T) / slope)
    assert 0.05 < sideways < 1.2
    outwards = np.sum(photons.off_mm * photons.tangent, axis=1) > 0
    assert outwards.mean() > 0.9


def test_what_interacts_is_what_does_not_pass() -> None:
    photons = leaving_photons([GLASS, COPPER], ENERGIES, 10, np.random.default_rng(1), back=True)
    np.testing.assert_allclose(photons.interacting, 1.0 - stack_transmission([COPPER, GLASS], ENERGIES), rtol=1e-12)
    np.testing.assert_array_equal(stack_transmission([], ENERGIES), 1.0)


def test_in_an_opaque_stack_all_photons_interact_and_none_come_through() -> None:
    lead = Slab(material("Pb"), 1e6)
    photons = leaving_photons([lead], ENERGIES, 50, np.random.default_rng(1), back=True)
    np.testing.assert_array_equal(stack_transmission([lead], ENERGIES), 0.0)
    np.testing.assert_array_equal(photons.interacting, 1.0)
    assert photons.number.size == 0
    assert leaving_photons([lead], ENERGIES, 50, np.random.default_rng(1), back=False).number.size > 0


def test_photons_are_the_same_on_one_thread_and_on_two_and_from_the_cache(tmp_path: Path) -> None:
    def traced() -> np.ndarray:
        found = leaving_photons([COPPER], ENERGIES, 600, np.random.default_rng(0), back=True)
        return np.column_stack([found.number, found.energy_keV, found.cosine, found.off_mm, found.tangent])

    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = traced()
        numba.set_num_threads(threads)
        many = traced()
    finally:
        numba.set_num_threads(threads)
    assert one.tobytes() == many.tobytes()
    for _ in range(2):
        kept = cached_leaving_photons([COPPER], ENERGIES, 600, back=True, cache_folder=tmp_path)
        np.testing.assert_array_equal(kept.energy_keV, one[:, 1])
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_kept_depends_on_composition_and_density_and_not_on_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[dict[str, Any]] = []

    def kept(key: dict[str, Any], *_: object) -> None:
        keys.append(key)
        raise LookupError

    def keys_of(one: Slab) -> list[dict[str, Any]]:
        keys.clear()
        for compute in (
            lambda: cached_leaving_photons([one], ENERGIES, 600, back=True),
            lambda: cached_stack_response([one], ENERGIES, 600),
            lambda: cached_layer_response(one.material, 0.5, ENERGIES, 600),
        ):
            with pytest.raises(LookupError):
                compute()
        return [{**key, "energy_keV": None, "frequency_per_mm": None} for key in keys]

    for module in (absorption, leaving, stack):
        monkeypatch.setattr(module, "cached_arrays", kept)
    brass = Material("brass", ((29, 0.7), (30, 0.3)), 8.5, "a test")
    said = {"composition": [[29, 0.7], [30, 0.3]], "density_g_per_cm3": 8.5}
    assert material_key(brass) == said
    ours = keys_of(Slab(brass, 500.0))
    parts = [key["slabs"][0] if "slabs" in key else key for key in ours]
    assert [{name: part[name] for name in said} for part in parts] == [said, said, said]
    assert keys_of(Slab(replace(brass, name="Messing"), 500.0)) == ours
    for other in (replace(brass, density_g_per_cm3=8.4), replace(brass, mass_fractions=((29, 0.6), (30, 0.4)))):
        assert all(a != b for a, b in zip(keys_of(Slab(other, 500.0)), ours, strict=True))


def test_no_histories_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1 history per energy, got 0"):
        leaving_photons([COPPER], ENERGIES, 0, np.random.default_rng(1), back=True)
