"""Energy shares of a dual-layer panel's layers against a slow Monte Carlo of all of it, and what scatter adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.beam.attenuation import material
from radiography.beam.spectrum import Spectrum, beam_spectrum
from radiography.beam.tube import Beam
from radiography.config import load_beam, load_scene
from radiography.interaction.electrons import Slab
from radiography.light.layer_light import LayerLight, layer_light
from radiography.light.scintillator import layer_material
from radiography.light.slant import SLANTED_DEG
from radiography.panel.panel import cover_transmission
from radiography.parts import SceneParts, back_parts, load_parts
from radiography.scatter.between_layers import (
    Neighbours,
    Scattered,
    back_neighbours,
    front_neighbours,
    scattered_between,
    with_scattered,
)
from tests.scatter.slow_layers import absorbed_keV

B120 = Beam("120 kV", 120.0, (("Al", 2.5),), "a test")
FEW = 6_000  # histories and light photons: of one layer the energy is known to 0.2 % for a beam
PHOTONS = 800_000  # of the Monte Carlo of all: the back layer's share to 0.4 %
NONE = Neighbours((), (), 0.0, 0)


@pytest.fixture(scope="module")
def parts() -> SceneParts:
    """The shipped dual-layer panel behind 200 um of CsI."""
    return load_parts(replace(load_scene("flat"), panel="dual_layer", scintillator="CsI_Tl_200um"), Path())


def _light(parts: SceneParts, energy_keV: np.ndarray, neighbours: Neighbours | None) -> tuple[LayerLight, Scattered]:
    layer = parts.scintillator
    lights = tuple(
        layer_light(layer, energy_keV, histories=FEW, photons=FEW, incidence_deg=t) for t in (0, SLANTED_DEG)
    )
    scattered = scattered_between(neighbours or NONE, parts.panel, layer, (lights[0], lights[1]), histories=2000)
    return with_scattered(lights[0], scattered), scattered


def _share(parts: SceneParts, spectrum: Spectrum, neighbours: Neighbours | None) -> float:
    light, _ = _light(parts, spectrum.energy_keV, neighbours)
    absorbed_keV = cover_transmission(parts.panel, spectrum.energy_keV) * light.absorbed_keV
    return float(spectrum.fluence_per_mm2 @ absorbed_keV / (spectrum.fluence_per_mm2 @ spectrum.energy_keV))


def _followed(slabs: list[Slab], spectrum: Spectrum, photons: int) -> np.ndarray:
    """Fractions of their energy that photons leave in each slab; each photon stands for as much energy of the beam."""
    rng = np.random.default_rng(3)
    share = np.cumsum(spectrum.fluence_per_mm2 * spectrum.energy_keV)
    energy_keV = spectrum.energy_keV[np.searchsorted(share / share[-1], (np.arange(photons) + 0.5) / photons)]
    plain = [(list(s.material.mass_fractions), s.material.density_g_per_cm3, s.thickness_um * 1e-3) for s in slabs]
    batches = np.array_split(rng.permutation(energy_keV), 10)
    return np.concatenate([absorbed_keV(plain, batch, rng) / batch for batch in batches], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("beam", [load_beam("RQA5"), B120], ids=["RQA5", "120 kV"])
def test_both_layers_absorb_what_a_monte_carlo_of_the_whole_panel_finds(parts: SceneParts, beam: Beam) -> None:
    back, spectrum = back_parts(parts), beam_spectrum(beam, 1.0, 2.0)
    around_front, around_back = front_neighbours(parts), back_neighbours(parts)
    assert around_front is not None
    slabs = [*around_back.before, Slab(layer_material(back.scintillator), 500.0), *around_back.behind]
    places = [len(parts.panel.cover), len(around_back.before)]
    left = _followed(slabs, spectrum, PHOTONS)[places]
    followed, error = left.mean(axis=1), left.std(axis=1) / np.sqrt(PHOTONS)
    assert (error < 0.005 * followed).all()
    shares = [_share(parts, spectrum, around_front), _share(back, spectrum, around_back)]
    np.testing.assert_allclose(shares, followed, rtol=0.01)
    # without what the layers scatter to each other the back layer lacks a tenth and more
    assert _share(back, spectrum, None) < 0.9 * followed[1]
    # one quantum seldom leaves energy in both, so that their noise hardly goes together
    together = left[0] @ left[1] / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))
    assert together < 0.02


def test_nothing_around_a_layer_adds_nothing(parts: SceneParts) -> None:
    energy_keV = np.array([40.0, 60.0, 80.0])
    light, scattered = _light(parts, energy_keV, None)
    alone = layer_light(parts.scintillator, energy_keV, histories=FEW, photons=FEW)
    assert not scattered.light.any() and not scattered.transfer.any()
    np.testing.assert_array_equal(light.light, alone.light)
    np.testing.assert_array_equal(light.signal_transfer, alone.signal_transfer)


def test_scatter_of_a_filter_adds_light_and_takes_from_the_transfer(parts: SceneParts) -> None:
    energy_keV = np.array([60.0, 80.0, 100.0])
    back, around = back_parts(parts), back_neighbours(parts)
    near, far = (_light(back, energy_keV, replace(around, gap_mm=gap)) for gap in (0.0, 20.0))
    alone = layer_light(back.scintillator, energy_keV, histories=FEW, photons=FEW)
    assert (near[1].light > 0.05).all()
    np.testing.assert_allclose(near[0].light, alone.light * (1.0 + near[1].light), rtol=1e-12)
    np.testing.assert_allclose(near[0].signal_transfer[:, 0], 1.0, rtol=1e-12)
    np.testing.assert_array_equal(far[1].light, near[1].light)  # the layer has no sides: nothing is lost on the way
    place = int(np.argmin(np.abs(alone.frequency_per_mm - 0.25)))
    fallen = [each.signal_transfer[:, place] / alone.signal_transfer[:, place] for each in (near[0], far[0])]
    assert (fallen[0] < 1.0).all() and (fallen[1] < fallen[0]).all()
    # all that is scattered is gone from the picture where it arrives far away
    np.testing.assert_allclose(fallen[1], 1.0 / (1.0 + near[1].light), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "name", "more"),
    [("CsI_Tl_500um", "RQA5", 0.0018), ("CsI_Tl_500um", "RQA9", 0.0067), ("CsI_Tl_200um", "RQA5", 0.0068)],
)
def test_the_glass_of_a_single_panel_would_give_back_little(layer: str, name: str, more: float) -> None:
    """Left out for panels with one layer: parts of the light that is modelled, as `docs/scatter.md` says."""
    single = load_parts(replace(load_scene("flat"), scintillator=layer), Path())
    spectrum = beam_spectrum(load_beam(name), 1.0, 2.0)
    glass = tuple(Slab(material(slab.material), slab.thickness_um) for slab in single.panel.stack)
    assert glass[-1].material.name == "glass" and front_neighbours(single) is None
    _, scattered = _light(single, spectrum.energy_keV, Neighbours((), glass, 0.0, 0))
    alone = layer_light(single.scintillator, spectrum.energy_keV, histories=FEW, photons=FEW)
    light = spectrum.fluence_per_mm2 * cover_transmission(single.panel, spectrum.energy_keV) * alone.light
    assert light @ scattered.light / light.sum() == pytest.approx(more, abs=0.0008)
