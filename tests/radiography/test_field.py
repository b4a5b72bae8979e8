"""Slant and heel effect over the panel: against the spectrum at a place, against events, and in what a scene says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import Acquisition, expose, plan_acquisition
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.beam.spectrum import air_kerma_uGy
from radiography.cli import run
from radiography.config import load_scene
from radiography.field import beam_at, depth_nodes, field_gains, kerma_range, path_ratio
from radiography.panel.panel import cover_transmission
from radiography.projection.geometry import Geometry, field_nodes_mm
from radiography.scene import SolidChoice
from radiography.truth.event_frame import acquire_events

PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels of the full panel"
serial = "SMALL"
[pixels]
rows = 48
cols = 64
[uniformity]
defective_rows = 0
defective_cols = 0
"""
PLACE_MM = (-60.0, 150.0)


def planned(
    folder: Path,
    direction: str | None,
    shift_mm: tuple[float, float] = PLACE_MM,
    solids: tuple[SolidChoice, ...] = (),
    kerma_uGy: float = 15.0,
    angle_deg: float | None = None,
) -> Acquisition:
    """A small panel off the axis, with or without heel effect."""
    (folder / "small.toml").write_text(PANEL)
    scene = replace(load_scene("flat"), panel="small.toml", solids=solids)
    beam = replace(scene.beam, air_kerma_uGy=kerma_uGy, anode_direction=direction, anode_angle_deg=angle_deg)
    return plan_acquisition(
        replace(scene, beam=beam, geometry=replace(scene.geometry, panel_shift_mm=shift_mm)), folder
    )


def quanta_and_light(acquisition: Acquisition) -> np.ndarray:
    exposure = expose(acquisition)
    assert exposure is not None
    return np.stack([exposure.quanta, exposure.light, exposure.light_square])


def test_open_field_with_heel_effect_is_that_of_the_spectrum_there(tmp_path: Path) -> None:
    plain, heeled = (planned(tmp_path, direction) for direction in (None, "+cols"))
    assert plain.heel is None and heeled.heel is not None
    spectra = [beam_at(each.spectrum, each.heel, each.geometry, *PLACE_MM)[0] for each in (plain, heeled)]
    assert air_kerma_uGy(spectra[1]) < 0.8 * air_kerma_uGy(spectra[0])
    ratio = spectra[1].fluence_per_mm2 / spectra[0].fluence_per_mm2
    # what the slant does to each energy is in both; 48 x 64 pixels see 0.5 degrees: second order in the middle
    gains = field_gains(plain.panel, plain.scintillator, plain.geometry, plain.light, plain.slanted_light)
    middle = tuple(count // 2 for count in gains.layer.shape[:2])
    weights = plain.layer_weights[:3] * gains.layer[middle]
    expected = (weights @ ratio) / weights.sum(axis=1)
    found = (quanta_and_light(heeled) / quanta_and_light(plain))[:, 23:25, 31:33].mean(axis=(1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_plate_is_seen_by_the_spectrum_of_its_place(tmp_path: Path) -> None:
    plate = (SolidChoice("box", "Al", (150.0, -60.0, 20.0), size_mm=(100.0, 100.0, 10.0)),)
    acquisition = planned(tmp_path, "+cols", solids=plate)
    ratio = float(path_ratio(acquisition.geometry, *PLACE_MM))
    passed = np.exp(-linear_attenuation_per_mm(material("Al"), acquisition.spectrum.energy_keV) * 10.0 * ratio)
    gain = beam_at(acquisition.spectrum, acquisition.heel, acquisition.geometry, *PLACE_MM)[0].fluence_per_mm2
    open_beam = planned(tmp_path, "+cols")
    weights = acquisition.layer_weights[:3] * gain / acquisition.spectrum.fluence_per_mm2
    expected = (weights @ passed) / weights.sum(axis=1)
    found = (quanta_and_light(acquisition) / quanta_and_light(open_beam))[:, 23:25, 31:33].mean(axis=(1, 2))
    # 0.2 %: the slant in the layer weighs the energies a little otherwise than the weights of the central ray
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_turning_the_tube_round_mirrors_the_picture(tmp_path: Path) -> None:
    one, other = (quanta_and_light(planned(tmp_path, direction, (0.0, 0.0))) for direction in ("+cols", "-cols"))
    np.testing.assert_allclose(one, other[:, :, ::-1], rtol=1e-6)
    assert one[0, :, 0].mean() > one[0, :, -1].mean()  # the anode's side, the right one, is darker
    down = quanta_and_light(planned(tmp_path, "-rows", (0.0, 0.0)))
    assert down[0, 0].mean() < down[0, -1].mean()


def test_a_larger_anode_angle_of_the_scene_takes_the_place_of_the_beams(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, "+cols", angle_deg=20.0)
    assert acquisition.beam.anode_angle_deg == 20.0
    assert acquisition.heel is not None and acquisition.heel.anode_angle_deg == 20.0
    steep, shallow = (quanta_and_light(each)[0].mean() for each in (acquisition, planned(tmp_path, "+cols")))
    assert steep > 1.1 * shallow


def test_gains_are_one_along_the_central_ray_and_fall_into_place(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, "+rows", (0.0, 0.0))
    wide = Geometry(1000.0, 400, 400, 1.0)
    gains = field_gains(
        acquisition.panel,
        acquisition.scintillator,
        wide,
        acquisition.light,
        acquisition.slanted_light,
        acquisition.heel,
    )
    y_mm, x_mm = field_nodes_mm(wide)
    centre = (int(np.abs(y_mm).argmin()), int(np.abs(x_mm).argmin()))
    for gain in gains:
        np.testing.assert_allclose(gain[centre], 1.0, rtol=1e-9)
        np.testing.assert_allclose(gain, gain[:, ::-1], rtol=1e-9)  # the anode lies along the rows only


def test_kerma_range_follows_the_inverse_square_and_the_heel(tmp_path: Path) -> None:
    acquisition, wide = planned(tmp_path, "+rows"), Geometry(1000.0, 400, 300, 1.0)
    lowest, highest = kerma_range(acquisition.spectrum, None, wide)
    assert lowest == pytest.approx(1.0 / (1.0 + 0.2**2 + 0.15**2))
    assert highest == pytest.approx(1.0, abs=1e-5)
    heeled = kerma_range(acquisition.spectrum, acquisition.heel, wide)
    assert heeled[0] < 0.5 * lowest and 1.0 < heeled[1] < 1.05
    assert kerma_range(acquisition.spectrum, acquisition.heel, Geometry(1000.0, 500, 300, 1.0))[0] == 0.0


def test_check_says_where_the_anode_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.toml").write_text(PANEL)
    text = (Path(__file__).parents[2] / "radiography/data/scenes/flat.toml").read_text(encoding="utf-8")
    text = text.replace('panel = "fully_coated"', 'panel = "small.toml"')
    for line, expected in (("", "no heel effect: no anode_direction"), ("", "an anode at 12 deg, towards +rows")):
        shown = text if "no heel" in expected else text.replace("# anode_direction", "anode_direction")
        (tmp_path / "scene.toml").write_text(line + shown)
        assert run(["check", str(tmp_path / "scene.toml")]) == 0
        assert expected in capsys.readouterr().out
    (tmp_path / "scene.toml").write_text(text.replace('# anode_direction = "+rows"', 'anode_direction = "up"'))
    assert run(["check", str(tmp_path / "scene.toml")]) == 2
    assert "anode_direction" in capsys.readouterr().err


@pytest.mark.parametrize(("shift_mm", "rms_mm", "nodes"), [(0.0, 0.1, 1), (280.0, 0.02, 3), (280.0, 0.2, 5)])
def test_depths_are_as_many_as_their_blur_needs(shift_mm: float, rms_mm: float, nodes: int) -> None:
    assert depth_nodes(Geometry(1000.0, 48, 64, 0.139, panel_shift_mm=(0.0, shift_mm)), rms_mm) == nodes


@pytest.mark.slow
def test_events_with_the_beam_of_a_place_have_the_light_of_the_frame_there(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, "+cols", (0.0, 150.0), kerma_uGy=1.0)
    exposure = expose(acquisition)
    assert exposure is not None and acquisition.light.transport is not None
    there, incidence_deg = beam_at(acquisition.spectrum, acquisition.heel, acquisition.geometry, 0.0, 150.0)
    assert incidence_deg == pytest.approx(np.rad2deg(np.arctan(0.15)))
    passed = cover_transmission(acquisition.panel, there.energy_keV) ** (1.0 / np.cos(np.deg2rad(incidence_deg)))
    pixels, rng = replace(acquisition.panel.pixels, aperture_mm=0.139), np.random.default_rng(5)
    frames = [
        acquire_events(
            acquisition.scintillator,
            pixels,
            acquisition.light.transport,
            there.energy_keV,
            there.fluence_per_mm2 * passed,
            rng,
            incidence_deg=incidence_deg,
        )
        for _ in range(2)
    ]
    found = np.mean([frame.photons for frame in frames])
    quanta = 2.0 * exposure.quanta.sum()
    # 0.3 %: histories of layer_light; the field is linear over the 9 mm of the panel
    assert float(exposure.spread_light.mean()) == pytest.approx(found, rel=4 * float(np.sqrt(1.5 / quanta)) + 0.003)
