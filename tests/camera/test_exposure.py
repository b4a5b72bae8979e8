"""Film and camera together: the DQE of frames against its closed form, shadows, and light that is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantoms.solids import Box, phantom_of, place
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.camera.accounting import account_for_quanta
from radiography.camera.exposure import blur_at, expose_film, film_shadow, read_sensor
from radiography.camera.film_light import FilmLight, transfer_between
from radiography.config import load_camera
from radiography.projection.geometry import Geometry
from tests.reference import on_threads, read_only

FLUENCE = np.array([2e5, 3e5])  # 1/mm2


@pytest.fixture
def light() -> FilmLight:
    """A film of made-up numbers at two energies, its light as sharp as its pixels."""
    quanta, mean, square = np.array([0.7, 0.3]), np.array([30.0, 50.0]), np.array([1200.0, 4000.0])
    return FilmLight(
        energy_keV=np.array([20.0, 40.0]),
        quanta=quanta,
        absorbed_keV=quanta * [15.0, 25.0],
        made=quanta * [100.0, 170.0],
        light=quanta * mean,
        light_square=quanta * square,
        frequency_per_mm=np.array([0.0, 50.0]),
        transfer=np.ones((2, 2)),
        wavelength_nm=np.array([530.0]),
        emission=np.ones((2, 1)),
    )


def squared_sum_ratio(signal: np.ndarray, block: int = 4) -> float:
    """Squared mean over variance of the sums of blocks."""
    rows, cols = (size // block for size in signal.shape)
    sums = signal[: rows * block, : cols * block].reshape(rows, block, cols, block).sum(axis=(1, 3))
    return float(sums.mean() ** 2 / sums.var())


@pytest.mark.parametrize("share", [1e-3, 3e-2, 0.5])
def test_the_dqe_of_frames_is_that_of_the_quanta(light: FilmLight, share: float) -> None:
    """Below, about and above one electron for an absorbed quantum; nothing is fitted."""
    geometry = Geometry(1000.0, 240, 320, 0.06)
    camera = load_camera("grey_camera", changes={"sensor.electrons_per_dn": 0.5, "sensor.full_well_electrons": 1e9})
    camera = replace(camera, sensor=replace(camera.sensor, bits=16, read_noise_electrons=5.0))
    account = account_for_quanta(light, FLUENCE, share, 1.0)
    incident = FLUENCE.sum() * 0.06**2
    shadow = film_shadow(None, geometry, light, FLUENCE)
    seen = expose_film(shadow, geometry, blur_at(light, FLUENCE), np.random.default_rng(1))
    raw = read_sensor(share * seen.astype(np.float64), camera, 0.0, np.random.default_rng(2))
    signal = (raw - camera.sensor.black_dn) * camera.sensor.electrons_per_dn
    added = 5.0**2 + 0.5**2 / 12
    expected = 1.0 / (1.0 / account.dqe + added / (incident * account.electrons**2))  # in electrons of one X-ray
    # 4,800 blocks: their variance is known to sqrt(2 / 4,800), 2 %; light on the next pixel takes 1 or 2 % of it
    assert squared_sum_ratio(signal) / (16 * incident) == pytest.approx(expected, rel=0.07)
    assert account.electrons_per_absorbed == pytest.approx(share * FLUENCE @ light.light / (FLUENCE @ light.quanta))


def test_the_dqe_has_its_limits() -> None:
    ones = np.ones(1)
    film = FilmLight(ones * 30, ones * 0.5, ones, ones * 500, ones * 50, ones * 5000, ones, ones, ones, ones)
    many, few = (account_for_quanta(film, [1.0], share, 1.0) for share in (1.0, 1e-6))
    assert many.swank == pytest.approx(1.0) and many.dqe == pytest.approx(0.5 / (1 + 1 / 100))
    assert few.dqe == pytest.approx(0.5 * few.electrons_per_absorbed, rel=1e-3)  # each electron is a quantum of its own
    stages = (many.absorbed, many.made, many.in_plate, many.in_lens, many.electrons)
    assert stages == pytest.approx((0.5, 500, 50, 50, 50))
    with pytest.raises(ValueError, match=r"share of a quantum account must be from 0 to 1, got 1\.5"):
        account_for_quanta(film, [1.0], 1.5, 1.0)
    with pytest.raises(ValueError, match="the beam makes none"):
        account_for_quanta(film, [0.0], 0.5, 1.0)


def test_a_shadow_is_that_of_attenuation(light: FilmLight) -> None:
    geometry = Geometry(1000.0, 48, 64, 0.06)
    plate = phantom_of("plate", [place(Box((40.0, 40.0, 2.0)), "Al", (0.0, 0.0, 10.0))])
    blur = blur_at(light, FLUENCE)
    behind, open_field = (
        expose_film(film_shadow(body, geometry, light, FLUENCE), geometry, blur) for body in (plate, None)
    )
    kept = np.exp(-2.0 * linear_attenuation_per_mm(material("Al"), light.energy_keV))
    expected = (FLUENCE * light.light) @ kept / (FLUENCE @ light.light)
    assert behind[24, 32] / open_field[24, 32] == pytest.approx(expected, rel=2e-3)  # air that the plate displaces
    assert open_field[24, 32] == pytest.approx(FLUENCE @ light.light * 0.06**2, rel=1e-3)


def test_halo_moves_light_and_keeps_it(light: FilmLight) -> None:
    geometry = Geometry(1000.0, 48, 64, 0.06)
    half = phantom_of("half", [place(Box((40.0, 40.0, 5.0)), "W", (20.0, 0.0, 10.0))])
    shadow = film_shadow(half, geometry, light, FLUENCE)
    sharp = expose_film(shadow, geometry, blur_at(light, FLUENCE))
    hazy = expose_film(shadow, geometry, blur_at(light, FLUENCE, lambda f: np.where(f == 0, 1.0, 0.7)))
    assert hazy.mean() == pytest.approx(sharp.mean(), rel=1e-5)
    assert sharp[24, 56] < 0.01 * sharp[24, 8]
    assert hazy[24, 56] / hazy[24, 8] == pytest.approx(0.3 * 0.5 / (0.7 + 0.3 * 0.5), rel=0.05)


def test_a_picture_is_the_same_on_any_number_of_threads_and_leaves_its_shadow(light: FilmLight) -> None:
    geometry = Geometry(1000.0, 48, 64, 0.06)
    plate = phantom_of("plate", [place(Box((1.0, 1.0, 2.0)), "Al", (0.0, 0.0, 10.0))])

    def picture() -> np.ndarray:
        shadow = read_only(film_shadow(plate, geometry, light, FLUENCE), np.float32)
        return expose_film(shadow, geometry, blur_at(light, FLUENCE), np.random.default_rng(3))

    first, again = on_threads(1, picture), on_threads(2, picture)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, first[::-1])


def test_pixels_blur_by_their_width(light: FilmLight) -> None:
    frequency = np.array([0.0, 4.0, 1 / 0.06])
    assert blur_at(light, FLUENCE, pixel_mm=0.06)(frequency) == pytest.approx(np.sinc(frequency * 0.06))


def test_a_transfer_goes_on_as_one_over_f() -> None:
    known, transfer = np.array([0.0, 1.0, 4.0]), np.array([1.0, 0.8, 0.2])
    found = transfer_between(np.array([0.0, 1.0, 4.0, 8.0, -40.0]), known, transfer)
    assert found == pytest.approx([1.0, 0.8, 0.2, 0.1, 0.02])
