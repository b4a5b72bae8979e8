"""Descriptions of cameras, and what a sensor makes of light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.camera.camera import efficiency_of
from radiography.camera.exposure import green_signal, read_sensor, sensor_electrons
from radiography.config import load_camera, shipped

LINE = ([520.0, 530.0, 540.0], [1.0, 2.0, 1.0])


@pytest.mark.parametrize("name", shipped("camera"))
def test_shipped_cameras_have_numbers_with_unit_and_mark(name: str) -> None:
    camera = load_camera(name)
    assert camera.name == name and camera.pitch_mm == pytest.approx(0.06)
    assert camera.lens.object_distance_mm == pytest.approx(550.0)
    assert camera.lens.pupil_radius_mm == pytest.approx(50 / 5.6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sensor]\nmosaic = 'foveon'", "sensor.mosaic"),
        ("[sensor]\nblack_dn = 20000.0", "black_dn must be below 16384 for 14 bits, got 20000"),
        ("[lens]\nf_stop = 2.8", "unknown key 'lens.f_stop'"),
        ("[lens]\nf_number = 0.0", "lens.f_number"),
        ("[efficiency]\nwavelength_nm = [500.0, 400.0]", "2 or more rising wavelengths"),
        ("[efficiency]\ngreen = [0.5]", "efficiency of green needs 12 values, one for each wavelength, got 1"),
    ],
)
def test_a_wrong_camera_names_what_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(f"based_on = 'still_camera'\n{text}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        load_camera("own.toml", tmp_path)


def test_the_films_line_is_green() -> None:
    camera = load_camera("still_camera")
    red, green, blue = (efficiency_of(camera, colour, *LINE) for colour in ("red", "green", "blue"))
    assert green == pytest.approx((0.46 + (0.50 - 0.46) / 3 + 2 * 0.5 + 0.5) / 4)  # lines between the values
    assert green > 5 * max(red, blue)
    with pytest.raises(ValueError, match="red, green, blue or grey, got 'cyan'"):
        efficiency_of(camera, "cyan", *LINE)
    with pytest.raises(ValueError, match="emission is zero"):
        efficiency_of(camera, "green", [530.0], [0.0])


def test_electrons_go_with_light_share_and_colour() -> None:
    camera = load_camera("still_camera")
    light = np.full((48, 64), 1e6, np.float32)
    mean = sensor_electrons(light, 1e-4, camera, *LINE)
    by_colour = [efficiency_of(camera, colour, *LINE) for colour in ("red", "green", "blue")]
    assert mean[0, 0] == pytest.approx(100 * by_colour[0]) and mean[0, 1] == mean[1, 0]
    assert mean[0, 1] == pytest.approx(100 * by_colour[1]) and mean[1, 1] == pytest.approx(100 * by_colour[2])
    grey = sensor_electrons(light, 1e-4, load_camera("grey_camera"), *LINE)
    assert grey == pytest.approx(np.full((48, 64), 100 * efficiency_of(camera, "grey", *LINE)))
    assert np.all(light == 1e6)


def test_noise_of_a_sensor_is_electrons_read_noise_and_rounding() -> None:
    camera = load_camera("grey_camera")
    mean = 400.0
    raw = read_sensor(np.full((200, 300), mean), camera, 30.0, np.random.default_rng(1))
    signal = green_signal(raw, camera)
    dark = 30.0 * camera.sensor.dark_electrons_per_s
    assert signal.mean() == pytest.approx(mean + dark, abs=5 * np.sqrt(412 / 60_000))
    expected = mean + dark + camera.sensor.read_noise_electrons**2 + camera.sensor.electrons_per_dn**2 / 12
    assert signal.var() == pytest.approx(expected, rel=5 * np.sqrt(2 / 60_000))
    again = read_sensor(np.full((200, 300), mean), camera, 30.0, np.random.default_rng(1))
    assert np.array_equal(raw, again)


def test_a_full_well_and_the_last_number_end_the_scale() -> None:
    camera = load_camera("grey_camera")
    raw = read_sensor(np.full((48, 64), 1e6), camera, 0.0, np.random.default_rng(1))
    top = camera.sensor.full_well_electrons / camera.sensor.electrons_per_dn + camera.sensor.black_dn
    assert raw.mean() == pytest.approx(top, abs=1)
    coarse = replace(camera, sensor=replace(camera.sensor, electrons_per_dn=1.0))
    assert np.all(read_sensor(np.full((48, 64), 1e6), coarse, 0.0, np.random.default_rng(1)) == 2**14 - 1)
    dark = read_sensor(np.zeros((48, 64)), camera, 0.0, np.random.default_rng(1))
    assert dark.mean() == pytest.approx(camera.sensor.black_dn, abs=0.1)


def test_a_sensor_refuses_what_cannot_be() -> None:
    camera = load_camera("grey_camera")
    with pytest.raises(ValueError, match="electrons of a sensor must be zero or positive, got -1"):
        read_sensor(np.full((4, 4), -1.0), camera, 1.0, np.random.default_rng(1))
    with pytest.raises(ValueError, match="exposure_s must be zero or a positive time, got -1"):
        read_sensor(np.zeros((4, 4)), camera, -1.0, np.random.default_rng(1))
