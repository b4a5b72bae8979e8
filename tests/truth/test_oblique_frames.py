"""Frames at the corner of the panel against the event mode at the angle of incidence there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import Acquisition, expose, plan_acquisition
from radiography.analysis.mtf import mtf_at, slanted_edge_mtf
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_scene
from radiography.field import beam_at, largest_path_ratio
from radiography.light.layer_light import layer_light, spread_of_beam
from radiography.light.slant import depth_spread
from radiography.light.spread import spread_light
from radiography.noise import draw_portions
from radiography.panel.direct_detection import draw_diode_energy
from radiography.panel.panel import Pixels, cover_transmission
from radiography.projection.geometry import Geometry
from radiography.scene import MaterialChoice, SolidChoice
from radiography.truth.event_frame import acquire_events
from tests.reference import on_threads

INCIDENCE_DEG = 15.8
DISTANCE_MM = 1000.0
CORNER_MM = DISTANCE_MM * np.tan(np.deg2rad(INCIDENCE_DEG))
FREQUENCY_PER_MM = np.array([0.5, 1.0, 2.0, 3.0])
PANEL = """
based_on = "fully_coated"
name = "small"
description = "96 x 128 pixels of the full panel"
serial = "SMALL"
[pixels]
rows = 96
cols = 128
[uniformity]
defective_rows = 0
defective_cols = 0
"""


def planned(
    folder: Path,
    scintillator: str,
    x_mm: float,
    y_mm: float = 0.0,
    *,
    edge: bool,
    kerma_uGy: float = 15.0,
    anode_direction: str | None = None,
) -> Acquisition:
    """A small panel off the axis; an edge of 10 um of something opaque, tilted by 3 degrees, shades its right half."""
    (folder / "small.toml").write_text(PANEL)
    scene = replace(load_scene("flat"), scintillator=scintillator, panel="small.toml")
    beam = replace(scene.beam, air_kerma_uGy=kerma_uGy, anode_direction=anode_direction)
    scene = replace(scene, beam=beam)
    plate = SolidChoice("box", "black", (x_mm + 100.0, y_mm, 0.01), (0.0, 0.0, 3.0), size_mm=(200.0, 200.0, 0.01))
    scene = replace(
        scene,
        geometry=replace(scene.geometry, source_to_detector_mm=DISTANCE_MM, panel_shift_mm=(y_mm, x_mm)),
        materials={"black": MaterialChoice(density_g_per_cm3=20_000.0, formula="W")},
        solids=(plate,) if edge else (),
    )
    return plan_acquisition(scene, folder)


def edge_transfer(acquisition: Acquisition) -> np.ndarray:
    """MTF of the mean light of an edge, without noise."""
    exposure = expose(acquisition)
    assert exposure is not None
    curve = slanted_edge_mtf(exposure.spread_light, acquisition.panel.pixels.pitch_mm)
    return np.array([mtf_at(curve, frequency)[0] for frequency in FREQUENCY_PER_MM.tolist()])


def test_edge_across_the_radius_loses_what_the_depths_take_and_one_along_it_nothing(tmp_path: Path) -> None:
    centre, across, along = (
        edge_transfer(planned(tmp_path, "CsI_Tl_500um", *place, edge=True))
        for place in ((0.0, 0.0), (CORNER_MM, 0.0), (0.0, CORNER_MM))
    )
    acquisition = planned(tmp_path, "CsI_Tl_500um", CORNER_MM, edge=True)
    assert len(acquisition.mean_spread) == 3
    ratio, fluence = largest_path_ratio(acquisition.geometry), acquisition.spectrum.fluence_per_mm2
    nodes = depth_spread(acquisition.scintillator, acquisition.light, fluence, ratio)
    waves = np.exp(-2j * np.pi * FREQUENCY_PER_MM * nodes.offset_mm[:, None] * CORNER_MM / DISTANCE_MM)
    parts = np.array([node(FREQUENCY_PER_MM) for node in nodes.transfer_at])
    expected = np.abs((parts * waves).sum(axis=0)) / parts.sum(axis=0)
    # 0.006: the edge's own curve, from a picture 18 mm wide
    np.testing.assert_allclose(across / centre, expected, atol=0.006)
    np.testing.assert_allclose(along / centre, 1.0, atol=0.006)
    assert across[2] / centre[2] == pytest.approx(0.89, abs=0.01)


def test_picture_of_an_edge_lies_farther_out_by_the_mean_depth_times_the_tangent(tmp_path: Path) -> None:
    lit_mm = []
    for x_mm in (0.0, CORNER_MM):
        acquisition = planned(tmp_path, "CsI_Tl_500um", x_mm, edge=True)
        exposure = expose(acquisition)
        assert exposure is not None
        light = exposure.spread_light[28:68].mean(axis=0)
        lit_mm.append((light / light[5:30].mean()).sum() * 0.139)
    # 10 um of plate at 15 um above the panel throw their shadow out by 5 um; the flux falls by 0.4 % up to the edge,
    # which the mean of the lit part makes 0.01 mm; 0.155 mm deep, tangent 0.283
    assert lit_mm[1] - lit_mm[0] == pytest.approx(0.155 * 0.283 + 0.005, abs=0.02)


def test_no_blur_is_planned_near_the_axis_or_in_the_open_beam(tmp_path: Path) -> None:
    assert len(planned(tmp_path, "CsI_Tl_500um", 0.0, edge=True).mean_spread) == 1
    assert len(planned(tmp_path, "CsI_Tl_500um", CORNER_MM, edge=False).mean_spread) == 1
    assert len(planned(tmp_path, "CsI_Tl_500um", 2 * CORNER_MM, edge=True).mean_spread) == 5


def test_one_thread_and_two_give_the_same_bytes_at_the_corner(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, "CsI_Tl_500um", CORNER_MM, 150.0, edge=True)
    found = []
    for count in (1, 2):
        exposure = on_threads(count, lambda: expose(acquisition))
        assert exposure is not None
        found.append(exposure.spread_light.tobytes() + exposure.light.tobytes())
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.parametrize(("angle_deg", "count"), [(INCIDENCE_DEG, 3), (30.0, 5)])
def test_nodes_of_depth_have_the_transfer_and_the_shift_of_events(csi, angle_deg: float, count: int) -> None:
    beam = beam_spectrum(load_beam("paper_70kV"), 1.0)
    light, fluence = layer_light(csi, beam.energy_keV), beam.fluence_per_mm2
    side, pitch_mm = 601, 0.01
    cells = np.zeros((fluence.size, side, side))
    cells[:, side // 2, side // 2] = fluence / fluence.sum() * 5e4 / pitch_mm**2
    pixels, rng = Pixels(side, side, pitch_mm, pitch_mm), np.random.default_rng(4)
    frame = acquire_events(
        csi, pixels, light.transport, light.energy_keV, cells, rng, margin_mm=0.0, incidence_deg=angle_deg
    )
    place = (np.arange(side) - side // 2) * pitch_mm
    waves = np.exp(-2j * np.pi * FREQUENCY_PER_MM[:, None] * place) / np.sinc(FREQUENCY_PER_MM[:, None] * pitch_mm) ** 2
    everything = frame.photons.sum() + frame.outside
    radial, across = (waves @ frame.photons.sum(axis=axis) / everything for axis in (0, 1))
    tangent = np.tan(np.deg2rad(angle_deg))
    nodes = depth_spread(csi, light, fluence, 1.0 / np.cos(np.deg2rad(angle_deg)), count)
    depth_mm = nodes.mean_depth_mm + nodes.offset_mm
    expected = sum(
        node(FREQUENCY_PER_MM) * np.exp(-2j * np.pi * FREQUENCY_PER_MM * depth * tangent)
        for node, depth in zip(nodes.transfer_at, depth_mm, strict=True)
    )
    normal = spread_of_beam(light, fluence).mean_at(FREQUENCY_PER_MM)
    error = 0.3 / np.sqrt(frame.quanta)
    # events across the radius are those of normal incidence; 0.008: limits named in acquire_events
    np.testing.assert_allclose(across.real, normal, atol=4 * error + 0.008)
    found, predicted = np.abs(radial) / across.real, np.abs(expected) / normal
    # both in units of the transfer itself; 0.004: limits named in acquire_events
    np.testing.assert_allclose(found * normal, predicted * normal, atol=6 * error + 0.004)
    # at 3 /mm and 30 degrees a transfer of 0.09 +- 0.002 says little about the shift
    shift_mm = np.angle(radial / expected) / (2 * np.pi * FREQUENCY_PER_MM)
    np.testing.assert_allclose(shift_mm[:3], 0.0, atol=0.004)


def noise_rings(noise: np.ndarray, pitch_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Noise power of (N, H, W) pictures in rings of 0.6 /mm from 0.3 on, and its relative standard error."""
    power = (np.abs(np.fft.rfft2(noise)) ** 2).mean(axis=0) / noise[0].size
    frequency = np.hypot(np.fft.fftfreq(noise.shape[1], pitch_mm)[:, None], np.fft.rfftfreq(noise.shape[2], pitch_mm))
    rings = [(frequency >= low) & (frequency < low + 0.6) for low in np.arange(0.3, 3.3, 0.6)]
    return np.array([power[ring].mean() for ring in rings]), np.array(
        [(ring.sum() * len(noise)) ** -0.5 for ring in rings]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scintillator", "kerma_uGy", "frames"),
    [pytest.param("CsPbBr3_75um", 0.5, 6, marks=pytest.mark.long), ("CsI_Tl_500um", 0.02, 4)],
)
def test_frames_have_the_mean_and_the_noise_of_events_at_the_corner(
    tmp_path: Path, scintillator: str, kerma_uGy: float, frames: int
) -> None:
    acquisition = planned(tmp_path, scintillator, CORNER_MM, edge=False, kerma_uGy=kerma_uGy)
    exposure, pitch_mm = expose(acquisition), acquisition.panel.pixels.pitch_mm
    assert exposure is not None and acquisition.light.transport is not None
    light, ratio = acquisition.light, 1.0 / np.cos(np.deg2rad(INCIDENCE_DEG))
    arriving = acquisition.spectrum.fluence_per_mm2 * cover_transmission(acquisition.panel, light.energy_keV) ** ratio
    rng, pixels = np.random.default_rng(8), replace(acquisition.panel.pixels, aperture_mm=pitch_mm)
    events = np.stack(
        [
            acquire_events(
                acquisition.scintillator,
                pixels,
                light.transport,
                light.energy_keV,
                arriving * ratio**-3,
                rng,
                incidence_deg=INCIDENCE_DEG,
            ).photons
            for _ in range(frames)
        ]
    ).astype(np.float64)
    fast = []
    for _ in range(3 * frames):
        noise = draw_portions(exposure.quanta, exposure.light, exposure.light_square, rng) - exposure.light
        picture = spread_light(noise, acquisition.noise_spread) + exposure.spread_light
        fast.append(rng.poisson(np.maximum(picture, 0.0)) - exposure.spread_light)
    centre = exposure.spread_light[44:52, 60:68].mean()
    per_frame = arriving @ light.quanta * pitch_mm**2 * exposure.spread_light.size * 0.9
    # 0.3 %: histories of layer_light; pixels are 9 mm to the sides of the angle: second order
    assert centre == pytest.approx(events.mean(), rel=4 * np.sqrt(1.5 / per_frame / frames) + 0.003)
    (found, found_error), (expected, expected_error) = (
        noise_rings(noise, pitch_mm) for noise in (np.stack(fast), events - events.mean())
    )
    # 2.5 / quanta: spread of the light of single quanta, all frequencies alike; 2 %: limits named in acquire_events
    shared = 4 / (3 * frames)
    tolerance = 4 * np.hypot(np.hypot(found_error, expected_error), np.sqrt(2.5 / per_frame * shared)) + 0.02
    assert (np.abs(found / expected - 1) < tolerance).all()


@pytest.mark.parametrize(
    ("scintillator", "kerma_uGy", "frames"),
    [
        pytest.param("CsPbBr3_75um", 0.2, 5, marks=pytest.mark.slow),
        pytest.param("CsI_Tl_500um", 0.02, 12, marks=pytest.mark.long),
    ],
)
def test_charge_of_frames_is_that_of_events_with_slant_heel_stack_and_yield_spread(
    tmp_path: Path, scintillator: str, kerma_uGy: float, frames: int
) -> None:
    """Light and diode energy together, as charge: mean, variance and noise power, with all that a frame can have."""
    acquisition = planned(tmp_path, scintillator, CORNER_MM, edge=False, kerma_uGy=kerma_uGy, anode_direction="-cols")
    exposure, panel, light = expose(acquisition), acquisition.panel, acquisition.light
    assert exposure is not None and light.transport is not None and acquisition.heel is not None
    beam, incidence_deg = beam_at(acquisition.spectrum, acquisition.heel, acquisition.geometry, 0.0, CORNER_MM)
    per_photon = panel.photodiode.fill_factor * acquisition.quantum_efficiency
    per_keV = 1000.0 / panel.photodiode.energy_per_electron_eV
    rng, pixels = np.random.default_rng(9), replace(panel.pixels, aperture_mm=panel.pixels.pitch_mm)
    counted = []
    for _ in range(frames):
        frame = acquire_events(
            acquisition.scintillator,
            pixels,
            light.transport,
            light.energy_keV,
            beam.fluence_per_mm2,
            rng,
            incidence_deg=incidence_deg,
            panel=panel,
            margin_mm=2.0,
        )
        assert frame.diode_keV is not None
        counted.append(per_photon * frame.photons + per_keV * frame.diode_keV)
    fast = []
    for _ in range(3 * frames):
        noise = draw_portions(exposure.quanta, exposure.light, exposure.light_square, rng) - exposure.light
        picture = spread_light(noise, acquisition.noise_spread) + exposure.spread_light
        diode_keV = draw_diode_energy(exposure.diode_means, exposure.light_square, noise, rng)
        fast.append(per_photon * rng.poisson(np.maximum(picture, 0.0)) + per_keV * diode_keV)
    events, pictures = np.stack(counted), np.stack(fast)
    trend = per_photon * exposure.spread_light + per_keV * exposure.diode_energy_keV
    events, pictures = events - trend * (events.mean() / trend.mean()), pictures - trend
    # portions that vary as much as here leave 1 % of the mean and 3 % of the variance
    level = np.stack(counted).mean()
    assert np.stack(fast).mean() == pytest.approx(level, rel=0.012)
    assert pictures.var() == pytest.approx(events.var(), rel=4 * np.sqrt(8 / events.size * 4 / 3) + 0.04)
    (found, found_error), (expected, expected_error) = (
        noise_rings(noise, panel.pixels.pitch_mm) for noise in (pictures, events)
    )
    assert (np.abs(found / expected - 1) < 4 * np.hypot(found_error, expected_error) + 0.04).all(), found / expected


def test_farthest_corner_of_a_shifted_panel_has_the_longest_path() -> None:
    geometry = Geometry(1000.0, 100, 200, 1.0, panel_shift_mm=(-150.0, 100.0))
    assert largest_path_ratio(geometry) == pytest.approx(np.sqrt(1.0 + 0.2**2 + 0.2**2))
