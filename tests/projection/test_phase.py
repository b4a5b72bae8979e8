"""The fringe of a wave at an edge: Fresnel's integrals, straight rays where they must come out, and blur."""

from __future__ import annotations

import numpy as np
import pytest
import xraylib
from scipy.special import fresnel

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.beam.refraction import refractive_decrement, wavelength_mm
from radiography.projection.phase import Propagation, blur_fringe, diffracted, rod_fringe

WAVELENGTH_MM = 4.13e-8  # 30 keV
DISTANCE_MM = 43.0
WIDTH_MM = np.sqrt(0.5 * WAVELENGTH_MM * DISTANCE_MM)  # unit of Fresnel's argument


def behind_an_edge(x_mm: np.ndarray, amplitude: complex) -> np.ndarray:
    """Intensity behind a half plane at x < 0 of some amplitude, by Fresnel's integrals: closed form."""
    sine, cosine = fresnel(x_mm / WIDTH_MM)
    lit = (0.5 + cosine + 1j * (0.5 + sine)) / (1 + 1j)
    return np.abs(amplitude + (1 - amplitude) * lit) ** 2


def grating(amplitude: complex, samples: int = 2**16, length_mm: float = 1.0) -> tuple[np.ndarray, np.ndarray, float]:
    """Half of a period of some amplitude, the other half open; x counts from the edge in its middle."""
    step = length_mm / samples
    x = step * (np.arange(samples) + 0.5) - 0.5 * length_mm
    return x, np.where(x > 0, 1.0 + 0j, amplitude), step


@pytest.mark.parametrize("amplitude", [0.0, 0.6, np.exp(0.3j), 0.5 * np.exp(-2.0j)])
def test_a_step_of_any_amplitude_follows_fresnels_integrals(amplitude: complex) -> None:
    x, behind, step = grating(amplitude)
    found = diffracted(behind, step, WAVELENGTH_MM, DISTANCE_MM)
    near = np.abs(x) < 6 * WIDTH_MM
    # the period's other edge is 0.5 mm away, 500 widths: its ripples are 1 / (pi 500) of the step at most
    assert np.abs(found - behind_an_edge(x, amplitude))[near].max() < 3e-3


def test_an_opaque_edge_overshoots_by_037_at_122_widths() -> None:
    x, behind, step = grating(0.0)
    found = diffracted(behind, step, WAVELENGTH_MM, DISTANCE_MM)
    near = np.abs(x) < 3 * WIDTH_MM
    assert found[near].max() == pytest.approx(1.3704, abs=2e-3)  # Born & Wolf, section 8.7.3
    assert x[near][found[near].argmax()] / WIDTH_MM == pytest.approx(1.2172, abs=step / WIDTH_MM)
    assert np.interp(0.0, x, found) == pytest.approx(0.25, abs=2e-3)


def test_nothing_is_lost_and_no_way_changes_nothing() -> None:
    _, behind, step = grating(0.3 * np.exp(1.0j))
    kept = np.mean(np.abs(behind) ** 2)
    assert np.mean(diffracted(behind, step, WAVELENGTH_MM, DISTANCE_MM)) == pytest.approx(kept, rel=1e-12)
    assert diffracted(behind, step, WAVELENGTH_MM, 0.0) == pytest.approx(np.abs(behind) ** 2)


def test_a_smooth_screen_bends_rays_as_optics_without_waves_does() -> None:
    """I = 1 / (1 + R delta T'') where rays do not cross, however short the wave."""
    samples, length = 2**14, 2.0
    x = length / samples * (np.arange(samples) - samples // 2)
    delta, width, height = 4e-7, 0.1, 1.0
    path = height * np.exp(-0.5 * (x / width) ** 2)
    slope = -path * x / width**2
    bend = path * (x**2 / width**4 - 1 / width**2)
    for wavelength in (4e-8, 1e-8):
        behind = np.exp(-2j * np.pi / wavelength * delta * path)
        found = diffracted(behind, x[1] - x[0], wavelength, DISTANCE_MM)
        at = x - DISTANCE_MM * delta * slope  # a lens of index below 1 that is thick in its middle diverges
        expected = np.interp(x, at, 1 / (1 - DISTANCE_MM * delta * bend))
        assert np.abs(found - expected).max() < 2e-5
        assert np.ptp(expected) > 2e-3


def test_the_decrement_is_that_of_electrons_and_of_the_library() -> None:
    water = material("water")
    # r_e lambda^2 n_e / 2 pi with 3.343e23 electrons per cm3, far above the edges
    assert refractive_decrement(water, [10.0])[0] == pytest.approx(2.305e-6, rel=0.005)
    assert refractive_decrement(water, [20.0])[0] == pytest.approx(2.305e-6 / 4, rel=0.005)
    for energy in (12.0, 30.0):
        library = 1.0 - xraylib.Refractive_Index_Re("Fe", energy, 7.874)
        assert refractive_decrement(material("Fe"), [energy])[0] == pytest.approx(library, rel=1e-4)
    assert wavelength_mm([12.39841984])[0] == pytest.approx(1e-7)


def test_a_fringe_is_there_without_blur_and_washed_out_by_it() -> None:
    ways = [Propagation(300.0, 50.0, source) for source in (0.0, 0.1, 0.4)]
    sharp, finer = (
        rod_fringe(material("steel"), 0.4, [25.0, 30.0, 35.0], [1.0, 2.0, 1.0], ways[0], samples=samples)
        for samples in (2**16, 2**17)
    )
    assert sharp.wave.max() > 1.2
    outside = np.abs(sharp.x_mm) > 0.2
    assert sharp.wave[outside].max() > sharp.wave[~outside].max()  # a rod of index below 1 sends its light outwards
    blurs = [blur_fringe(sharp, way) for way in ways]
    contrasts = [fringe.contrast for fringe in blurs]
    assert contrasts == sorted(contrasts, reverse=True) and contrasts[2] < 0.02 * contrasts[0]
    assert contrasts[0] == pytest.approx(sharp.contrast)
    # a blur moves light about and keeps it
    assert np.mean(blurs[2].wave) == pytest.approx(np.mean(sharp.wave), rel=1e-12)
    assert blur_fringe(finer, ways[1]).contrast == pytest.approx(contrasts[1], rel=0.02)


@pytest.mark.parametrize(("name", "diameter_mm"), [("chitin", 1.0), ("chitin", 0.3), ("PMMA", 2.0)])
def test_behind_a_blur_a_fringe_is_what_bent_rays_carry_away(name: str, diameter_mm: float) -> None:
    """Transport of intensity, no waves: absorption A and a shift by -R delta T' give A + R delta (A T')', blurred."""
    way = Propagation(300.0, 50.0, 0.3)
    found = blur_fringe(rod_fringe(material(name), diameter_mm, [30.0], [1.0], way), way)
    delta = refractive_decrement(material(name), [30.0])[0]
    attenuation = linear_attenuation_per_mm(material(name), [30.0])[0]
    path = 2 * np.sqrt(np.maximum(0.25 * diameter_mm**2 - found.x_mm**2, 0.0))
    step = found.x_mm[1] - found.x_mm[0]
    frequency = np.fft.rfftfreq(path.size, step)
    sigma = 0.3 * 50.0 / 350.0 / 2.3548
    carried = np.fft.rfft(np.exp(-attenuation * path) * np.gradient(path, step)) * 2j * np.pi * frequency
    bent = way.distance_mm * delta * np.fft.irfft(carried * np.exp(-2 * (np.pi * sigma * frequency) ** 2), path.size)
    difference = found.wave - found.rays
    assert np.abs(difference - bent).max() < 0.05 * np.abs(bent).max()
    assert 1e-3 < np.abs(bent).max() < 1e-2


def test_a_film_without_any_transfer_leaves_the_mean() -> None:
    way = Propagation(300.0, 50.0)
    fringe = rod_fringe(material("chitin"), 1.0, [30.0], [1.0], way, samples=2**14)
    flat = blur_fringe(fringe, way, lambda frequency: np.where(frequency == 0, 1.0, 0.0))
    assert flat.wave == pytest.approx(np.full(2**14, fringe.wave.mean()))
    assert flat.contrast == pytest.approx(0.0, abs=1e-9)  # a wave loses nothing


def test_blur_by_the_source_is_its_width_times_r2_over_r1() -> None:
    """A rod in contact has no penumbra; else a sharp edge rises over the width that similar triangles give."""
    for far, width in ((0.0, 0.0), (50.0, 0.6 * 50 / 350)):
        way = Propagation(300.0, far, 0.6)
        fringe = blur_fringe(rod_fringe(material("W"), 1.0, [30.0], [1.0], way, samples=2**14), way)
        side = fringe.x_mm > 0
        levels = np.interp([0.2398, 0.7602], fringe.rays[side], fringe.x_mm[side])  # 0.7071 sigma either way
        assert np.ptp(levels) / 1.4142 * 2.3548 == pytest.approx(width, abs=0.004)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Propagation(0.0, 50.0), "source_to_object_mm must be a positive length, got 0"),
        (lambda: Propagation(300.0, -1.0), "object_to_film_mm must be zero or a positive length, got -1"),
        (lambda: rod_fringe(material("Fe"), 0.0, [30.0], [1.0], Propagation(300.0, 50.0)), "diameter_mm of a rod"),
        (
            lambda: rod_fringe(material("Fe"), 1.0, [30.0], [1.0], Propagation(300.0, 50.0), length_mm=1.0),
            "length_mm of a line must be above the rod's diameter of 1 mm",
        ),
        (lambda: rod_fringe(material("Fe"), 1.0, [30.0], [0.0], Propagation(300.0, 50.0)), "some positive"),
    ],
)
def test_what_cannot_be_names_itself(build, words) -> None:
    with pytest.raises(ValueError, match=words):
        build()
