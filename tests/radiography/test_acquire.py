"""The chain as a whole: numbers of a frame against closed forms, and the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from radiography.acquire import Acquisition, acquire_frame, acquire_sequence, expose, mean_electrons, plan_acquisition
from radiography.attenuation import linear_attenuation_per_mm, material
from radiography.config import load_scene
from radiography.spectrum import air_kerma_uGy, quanta_per_pixel

SMALL_PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels of the full panel"
serial = "SMALL"
map_seed = 3
[pixels]
rows = 48
cols = 64
[uniformity]
response_spread = {spread}
amplifier_spread = 0.0
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""

SCENE = """
description = "small scene"
panel = "small.toml"
scintillator = "{scintillator}"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = {distance}
{extra}
"""


def planned(
    folder: Path, kerma: float = 15.0, scintillator: str = "CsPbBr3_75um", extra: str = "", distance: float = 1000.0
) -> Acquisition:
    """An acquisition of the 48 x 64 panel without defects or response spread."""
    (folder / "small.toml").write_text(SMALL_PANEL.format(spread=0.0))
    text = SCENE.format(scintillator=scintillator, kerma=kerma, extra=extra, distance=distance)
    (folder / "scene.toml").write_text(text)
    return plan_acquisition(load_scene(folder / "scene.toml"), folder)


def mean_frame(acquisition: Acquisition, frames: int = 8) -> np.ndarray:
    """Mean raw frame above the offset, first frame of a rested panel each time. [electrons]"""
    exposure, rng = expose(acquisition), np.random.default_rng(5)
    total = np.zeros(acquisition.maps.response.shape)
    for _ in range(frames):
        total += acquire_frame(acquisition, exposure, rng)[0]
    return (total / frames - acquisition.maps.offset_dn) * acquisition.panel.readout.electrons_per_dn


def test_kerma_and_fluence_of_the_papers_beam(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    assert air_kerma_uGy(acquisition.spectrum) == pytest.approx(15.0, rel=1e-6)
    # independent: 4,911 photons of the 70 kV, 2.5 mm Al beam on a 139 um pixel at 15 uGy (SpekPy with NIST kerma)
    assert quanta_per_pixel(acquisition.spectrum, 0.139) == pytest.approx(4911, rel=0.005)


def test_quanta_absorbed_by_the_film_and_by_caesium_iodide(tmp_path: Path) -> None:
    # independent Monte Carlo at 15 uGy behind no cover: 1,225 and 4,369 quanta per pixel; the cover of 40 um Al takes
    # about 1 % and the quanta that leave no energy (Rayleigh) another 1-2 %
    film = planned(tmp_path)
    csi = planned(tmp_path, scintillator="CsI_Tl_500um")
    assert 4.0 * film.layer_weights[0].sum() == pytest.approx(1225, rel=0.04)
    assert 4.0 * csi.layer_weights[0].sum() == pytest.approx(4369, rel=0.04)


def test_absorbed_energy_fraction(tmp_path: Path) -> None:
    # independent Monte Carlo: the film of 0.52 packing absorbs 0.188 of the beam's energy, 500 um CsI 0.772
    for scintillator, fraction in (("CsPbBr3_75um", 0.188), ("CsI_Tl_500um", 0.772)):
        acquisition = planned(tmp_path, scintillator=scintillator)
        energy_keV, fluence = acquisition.spectrum.energy_keV, acquisition.spectrum.fluence_per_mm2
        absorbed = fluence @ acquisition.light.absorbed_keV / (fluence @ energy_keV)
        assert absorbed == pytest.approx(fraction, rel=0.015)


def test_mean_signal_is_the_product_of_the_chain(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    expected = mean_electrons(acquisition)
    # independent budget: 1,225 quanta x 29.8 keV x 21 / keV x 0.21 x 0.72 x 0.70 = 8.1e4 electrons, cover 1-2 % less
    # and 0.217 of the light collected instead of 0.21
    assert expected == pytest.approx(8.1e4, rel=0.04)
    direct_keV = acquisition.coated_diode_weights[1].sum()
    dark = acquisition.panel.photodiode.dark_electrons_per_s * acquisition.scene.timing.integration_time_s
    delivered = 1.0 - sum(term.fraction for term in acquisition.panel.lag)
    whole = (expected + direct_keV * 1000.0 / 5.0) * delivered + dark * np.exp(0.2**2 / 2)
    # quantum noise 4.0e3 electrons per pixel: 48 x 64 pixels x 8 frames leave 4.0e3 / 157 = 26, line noise
    # 200 / sqrt(48 x 8) = 10: five standard errors are 140 of 8e4
    assert mean_frame(acquisition).mean() == pytest.approx(whole, abs=140 + 0.001 * whole)


def test_open_field_falls_with_the_cube_of_the_distance(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, distance=8.0)
    exposure = expose(acquisition)
    assert exposure is not None
    y = (np.arange(96) + 0.5 - 48) * 0.139 / 2
    x = (np.arange(128) + 0.5 - 64) * 0.139 / 2
    expected = (1.0 + (y[:, None] ** 2 + x[None, :] ** 2) / 64.0) ** -1.5
    # 2 x 2 rays per sample see the mean over the sample, this is its middle: second order in 0.07 / 8
    np.testing.assert_allclose(exposure.quanta / acquisition.layer_weights[0].sum(), expected, rtol=2e-4)


def test_beer_lambert_behind_aluminium(tmp_path: Path) -> None:
    plate = '[[solids]]\nshape = "box"\nmaterial = "Al"\nsize_mm = [400.0, 400.0, 10.0]\nposition_mm = [0.0, 0.0, 50.0]'
    open_beam, acquisition = planned(tmp_path), planned(tmp_path, extra=plate)
    exposure = expose(acquisition)
    assert exposure is not None
    through = np.exp(-linear_attenuation_per_mm(material("Al"), acquisition.spectrum.energy_keV) * 10.0)
    for plane, weights in zip((exposure.quanta, exposure.light), open_beam.layer_weights[:2], strict=True):
        expected = np.sum(weights * through)
        # the rays nearest the axis are 0.05 mm off it: obliquity below 1e-8
        assert plane[48, 64] == pytest.approx(expected, rel=1e-4)


def test_quantum_noise_behind_aluminium_follows_the_hardened_beam(tmp_path: Path) -> None:
    plate = '[[solids]]\nshape = "box"\nmaterial = "Al"\nsize_mm = [400.0, 400.0, 20.0]\nposition_mm = [0.0, 0.0, 50.0]'
    acquisition = planned(tmp_path, extra=plate)
    exposure = expose(acquisition)
    assert exposure is not None
    through = np.exp(-linear_attenuation_per_mm(material("Al"), acquisition.spectrum.energy_keV) * 20.0)
    expected = np.sum(acquisition.layer_weights[2] * through)  # sum of N L^2 over the energies that are left
    np.testing.assert_allclose(exposure.light_square[48, 64], expected, rtol=1e-4)


def test_a_dark_frame_is_offset_noise_and_dark_current(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, kerma=0.0)
    assert expose(acquisition) is None
    frame, _ = acquire_frame(acquisition, None, np.random.default_rng(1))
    above = (frame - acquisition.maps.offset_dn) * acquisition.panel.readout.electrons_per_dn
    assert above.std() == pytest.approx(1515, rel=0.06)  # 1,500 and 200 electrons, quantised; s.e. 1 / sqrt(2 x 3072)
    assert abs(above.mean() - 1000 * np.exp(0.02)) < 5 * 1515 / np.sqrt(3072) + 5 * 200 / np.sqrt(48)


def test_lag_of_the_previous_exposure_shows_in_a_dark_frame(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    rng = np.random.default_rng(4)
    _, state = acquire_frame(acquisition, expose(acquisition), rng)
    after, _ = acquire_frame(acquisition, None, rng, state)
    rested, _ = acquire_frame(acquisition, None, rng)
    released = sum(t.fraction * -np.expm1(-5.0 / t.time_s) for t in acquisition.panel.lag) * 8e4 / 250  # [DN]
    assert after.mean() - rested.mean() == pytest.approx(released, abs=5 * 6 * np.sqrt(2 / 3072) + 0.9)


def test_outside_the_coating_only_the_diodes_respond(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    panel = replace(acquisition.panel, coating=replace(acquisition.panel.coating, rows_mm=2.0, cols_mm=3.0))
    part = replace(acquisition, panel=panel)
    exposure = expose(part)
    assert exposure is not None
    assert exposure.quanta[:30].max() == 0.0
    assert exposure.quanta[48, 64] > 0.0
    # no film before the bare diode: more X-rays reach it
    assert exposure.diode_energy_keV[0, 0] > 1.1 * exposure.diode_energy_keV[24, 32]
    frame = mean_frame(part)
    # independent budget: 15 uGy in 1.5 um of a-Si give at most 6,000 electrons (W = 5 eV); the film gives 8e4
    direct = exposure.diode_energy_keV[:5].mean() * 200.0
    assert direct == pytest.approx(6000, rel=0.05)
    # a track leaves 6 keV, 1,200 electrons: sqrt(5 x 1200 x 6000) + read noise, over 5 rows x 64 x 8 frames
    error = np.hypot(np.sqrt(1200 * direct), 1515) / np.sqrt(5 * 64 * 8) + 200 / np.sqrt(5 * 8)
    assert frame[:5].mean() == pytest.approx(0.97 * direct + 1000 * np.exp(0.02), abs=5 * error)
    assert frame[22:26, 30:34].mean() > 6e4


@pytest.mark.parametrize("scintillator", ["CsPbBr3_75um", "CsI_Tl_500um"])
def test_same_seed_same_bytes_on_one_thread_and_on_two(tmp_path: Path, scintillator: str) -> None:
    acquisition = planned(tmp_path, scintillator=scintillator)
    frames = {}
    for threads in (1, 2):
        numba.set_num_threads(threads)
        try:
            exposure = expose(acquisition)
            sequence = acquire_sequence(acquisition, exposure, 3, np.random.default_rng(9))
            frames[threads] = b"".join(frame.tobytes() for frame in sequence)
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert frames[1] == frames[2]
    other = next(acquire_sequence(acquisition, expose(acquisition), 1, np.random.default_rng(10)))
    assert other.tobytes() != frames[1][: other.nbytes]


def test_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames must be 1 or more, got 0"):
        next(acquire_sequence(planned(tmp_path, kerma=0.0), None, 0, np.random.default_rng(1)))


def test_rays_per_sample_do_not_change_the_noise(tmp_path: Path) -> None:
    # The mean is averaged over the rays of a sample and that is undone; the noise must not be raised with it.
    spectra = []
    for rays in (1, 3):
        acquisition = planned(tmp_path, kerma=500.0, extra=f"[sampling]\nrays_per_sample = {rays}")
        acquisition = replace(acquisition, coated_diode_weights=1e-6 * acquisition.coated_diode_weights)
        exposure, rng = expose(acquisition), np.random.default_rng(6)
        frames = np.stack([acquire_frame(acquisition, exposure, rng)[0] for _ in range(40)]).astype(float)
        spectra.append(np.abs(np.fft.rfft2(frames - frames.mean(axis=0))) ** 2)
    high = (slice(None), slice(18, 31), slice(22, 31))  # near the Nyquist frequency on both axes
    ratio = spectra[1][high].mean() / spectra[0][high].mean()
    # 40 x 13 x 9 independent values each: standard error sqrt(2 / 4680) = 2 %; the fault was + 25 to + 40 %
    assert ratio == pytest.approx(1.0, abs=0.1)
