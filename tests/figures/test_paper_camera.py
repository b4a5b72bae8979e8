"""Figures of film and camera: numbers and shapes that nothing was fitted to, against sums and series of their own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("colour", reason="the figures of the paper need colour-science")

from phantoms.flat_cable import flat_cable
from radiography.beam.attenuation import material
from radiography.camera.camera import efficiency_of
from radiography.camera.exposure import blur_at
from radiography.camera.film_light import light_behind
from radiography.figures.paper.camera_pictures import (
    EXPOSURE_S,
    film_and_camera,
    photographs,
    quanta_of,
)
from radiography.figures.paper.claims import CLAIMS
from radiography.figures.paper.figure_3f import PHASE_NUMBER, PHASE_OVER_ABSORPTION
from radiography.figures.paper.parts import Number, judge
from tests.figures.drawn import QUICK, made, number, ours


@pytest.mark.slow
def test_3f_the_needle_is_as_dark_as_rays_through_the_blur_make_it() -> None:
    found = made("3f")
    curves = {name: np.asarray(column) for name, column in found.curves.items()}
    in_air = 1.0 - curves["needle_blurred_rays"].min()
    # the beetle before and behind the needle hardens the beam, which a needle takes less of
    assert 0.7 * in_air < ours("3f", "contrast of the needle in the beetle") < in_air
    assert 0.3 < ours("3f", "light left behind 3 mm of chitin") < ours("3f", "light left behind 1 mm of chitin") < 0.8
    assert ours("3f", "light left behind 0.4 mm of steel") < 0.1


@pytest.mark.slow
def test_3f_a_wave_makes_less_than_absorption_and_less_than_noise() -> None:
    phase = number("3f", PHASE_NUMBER)
    assert phase.band is not None and phase.band[1] < 1.0
    assert made("3f").status == "differs"
    assert f"phase contrast is {judge(phase, PHASE_OVER_ABSORPTION, np.inf)}" in made("3f").verdict
    assert ours("3f", "fringe of a limb before any blur") > 50 * ours("3f", "fringe of a limb in the picture")
    assert ours("3f", "fringe of a limb in the picture over the noise of a pixel") < 0.2
    # the way to be proved wrong: far from the film there is more of it
    assert ours("3f", "the same over absorption, 500 mm to the film, source 5 um") > 5 * (phase.ours or 0.0)


@pytest.mark.parametrize(
    ("band", "verdict"),
    [((0.001, 0.9), "not supported"), ((0.001, 1.1), "depends"), ((0.9, 2.0), "depends"), ((1.1, 2.0), "supported")],
)
def test_the_number_decides_on_phase_contrast(band: tuple[float, float], verdict: str) -> None:
    claim = next(each for each in CLAIMS if each.number == PHASE_NUMBER)
    assert claim.decide(Number(PHASE_NUMBER, "1", band[0], None, "computed", band)) == verdict


@pytest.mark.slow
def test_3f_electrons_are_energy_times_yield_times_shares() -> None:
    setup = film_and_camera(QUICK)
    lens = setup.camera.lens
    share = lens.transmission * (lens.magnification / (2 * lens.f_number * (1 + lens.magnification))) ** 2
    green = efficiency_of(setup.camera, "green", setup.light.wavelength_nm, setup.emission)
    plate = setup.halo_gain * (1 - (0.49 / 2.49) ** 2) / 1.49**2
    light = (setup.fluence_per_mm2 @ setup.light.light) / (setup.fluence_per_mm2 @ setup.light.quanta)
    assert ours("3f", "electrons for an absorbed X-ray photon") == pytest.approx(
        light * plate * share * green, rel=1e-3
    )
    absorbed = ours("3f", "absorbed, over the incident X-ray photons")
    # far below one electron each electron is a quantum of its own, whatever the X-rays' spread
    assert ours("3f", "DQE at zero frequency of a green pixel") == pytest.approx(
        absorbed * ours("3f", "electrons for an absorbed X-ray photon"), rel=0.01
    )
    grey = quanta_of(film_and_camera(QUICK, "grey_camera"), "grey")
    assert grey.dqe > ours("3f", "DQE at zero frequency of a green pixel")


@pytest.mark.slow
def test_noise_of_the_open_field_is_that_of_counted_electrons_between_pixels() -> None:
    setup = film_and_camera(QUICK)
    first, second = photographs(setup, flat_cable(2), QUICK)
    corner = (slice(-90, -10), slice(-160, -10))
    assert first[corner].mean() == pytest.approx(0.97, abs=0.04)  # the field falls off, and air and halo take some
    electrons = ours("3f", "electrons of a green pixel in the open field") * first[corner].mean()
    sensor = setup.camera.sensor
    added = EXPOSURE_S * sensor.dark_electrons_per_s + sensor.read_noise_electrons**2 + sensor.electrons_per_dn**2 / 12
    # half of the pixels are green themselves, the others means of four: (1 + 1 / 4) / 2 of the variance
    expected = 0.625 * (electrons + added) / electrons**2
    relative = (first[corner] - second[corner]) / first[corner].mean()
    # 12,000 pixels, neighbours alike: their variance is known to some 2 %; X-ray quanta add 0.2 %
    assert 0.5 * relative.var() == pytest.approx(expected, rel=0.06)
    assert np.array_equal(first, photographs(setup, flat_cable(2), QUICK)[0])


@pytest.mark.slow
def test_ed11_conductors_are_twelve_a_millimetre_apart() -> None:
    x, profile = (np.asarray(made("ED11").curves[name]) for name in ("x_mm", "cable_rows"))
    level = 0.55
    falls = x[1:][(profile[:-1] > level) & (profile[1:] <= level)]
    assert len(falls) == 12
    assert np.polyfit(np.arange(12), falls, 1)[0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
def test_ed11_contrast_of_conductors_is_that_of_blurred_strips() -> None:
    """Twelve strips on an open line, 0.65 mm wide and 1 mm apart, times the transfer at each frequency on the film."""
    setup = film_and_camera(QUICK)
    step, count = 0.005, 2**14
    x = step * (np.arange(count) - count // 2)
    from_middle = x - np.clip(np.round(x - 0.5) + 0.5, -5.5, 5.5)
    line = np.where(
        np.abs(from_middle) < 0.325, light_behind(setup.light, setup.fluence_per_mm2, material("Cu"), 0.05), 1.0
    )
    blur = blur_at(setup.light, setup.fluence_per_mm2, setup.halo_at, setup.camera.pitch_mm)
    seen = np.fft.irfft(np.fft.rfft(line) * blur(np.fft.rfftfreq(count, step) * 300 / 350), count)
    cable = np.abs(x) < 5.0
    inside, beside = (seen[cable & part].mean() for part in (np.abs(from_middle) < 0.15, np.abs(from_middle) > 0.42))
    # the fold and the connector, some millimetres away, take from the halo of both
    assert ours("ED11", "contrast of a conductor against the gap beside it") == pytest.approx(
        1 - inside / beside, abs=0.03
    )


@pytest.mark.slow
def test_ed11_harder_rays_are_left_and_fat_is_brighter() -> None:
    assert ours("ED11", "light left behind two, over the square of that") > 1.5
    assert ours("ED11", "contrast of a streak of fat in muscle") < 0 < ours("ED11", "contrast of the needle in pork")
    assert 4 < ours("ED11", "finest lines of the object, modulation 0.1") < 10
