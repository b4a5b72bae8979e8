"""The chain as a whole: numbers of a frame against closed forms, and the same bytes every time."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numba
import numpy as np
import pytest

from radiography import acquire
from radiography.acquire import (
    Acquisition,
    Exposure,
    acquire_frame,
    acquire_sequence,
    expose,
    mean_electrons,
    plan_acquisition,
)
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.beam.spectrum import air_kerma_uGy, quanta_per_pixel
from radiography.config import load_scene
from radiography.light.scintillator import layer_transmission
from radiography.panel.panel import cover_transmission
from radiography.panel.trapping import FrameTimes, trap_charge

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

WORN_PANEL = """
based_on = "worn"
name = "small"
description = "48 x 64 pixels of the worn panel"
serial = "SMALL"
map_seed = 3
[pixels]
rows = 48
cols = 64
shielded_cols_left = {left}
shielded_cols_right = {right}
[uniformity]
response_spread = 0.0
amplifier_spread = 0.0
defective_fraction = {defective}
defective_rows = 0
defective_cols = 0
lagging_fraction = {defective}
nonlinear_fraction = {defective}
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
    folder: Path,
    kerma: float = 15.0,
    scintillator: str = "CsPbBr3_75um",
    extra: str = "",
    distance: float = 1000.0,
    temperature: float | None = None,
) -> Acquisition:
    """An acquisition of the 48 x 64 panel without defects or response spread."""
    (folder / "small.toml").write_text(SMALL_PANEL.format(spread=0.0))
    text = SCENE.format(scintillator=scintillator, kerma=kerma, extra=extra, distance=distance)
    (folder / "scene.toml").write_text(("" if temperature is None else f"temperature_C = {temperature}\n") + text)
    return plan_acquisition(load_scene(folder / "scene.toml"), folder)


def worn(
    folder: Path, kerma: float = 15.0, extra: str = "", left: int = 0, right: int = 0, defective: float = 0.0
) -> Acquisition:
    """An acquisition with CsI on 48 x 64 pixels of the worn panel."""
    (folder / "small.toml").write_text(WORN_PANEL.format(left=left, right=right, defective=defective))
    text = SCENE.format(scintillator="CsI_Tl_500um", kerma=kerma, extra=extra, distance=1000.0)
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


def trapped_after_half_a_second(acquisition: Acquisition) -> list[float]:
    """Fraction of a short exposure that each population of traps holds at the readout."""
    return [term.fraction * np.exp(-0.5 / term.time_s) for term in acquisition.panel.lag]


def test_mean_signal_is_the_product_of_the_chain(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    expected = mean_electrons(acquisition)
    direct = acquisition.coated_diode_weights[1].sum() * 1000.0 / 3.9
    # independent budget: 1,225 quanta x 29.8 keV x 21 / keV x 0.225 x 0.72 x 0.70 = 8.7e4 electrons, cover 1-2 % less
    assert expected - direct == pytest.approx(8.6e4, rel=0.02)
    # an independent program: 0.0236 keV for each of 4,900 photons in a diode as large as its pixel, good to 20 %
    assert direct == pytest.approx(4900 * 0.0236 * 0.70 * 1000.0 / 3.9, rel=0.2)
    dark = acquisition.panel.photodiode.dark_electrons_per_s * acquisition.scene.timing.integration_time_s
    delivered = 1.0 - sum(trapped_after_half_a_second(acquisition))
    whole = expected * delivered + dark * np.exp(0.2**2 / 2)
    # quantum noise 4.0e3 electrons per pixel: 48 x 64 pixels x 8 frames leave 4.0e3 / 157 = 26, line noise
    # 200 / sqrt(48 x 8) = 10: five standard errors are 140 of 8e4
    assert mean_frame(acquisition).mean() == pytest.approx(whole, abs=140 + 0.001 * whole)


def test_open_field_is_the_cube_of_the_cosine_times_the_absorption_along_the_slant(tmp_path: Path) -> None:
    for scintillator in ("CsPbBr3_75um", "CsI_Tl_500um"):
        acquisition = planned(tmp_path, distance=8.0, scintillator=scintillator)
        exposure = expose(acquisition)
        assert exposure is not None
        y = (np.arange(96) + 0.5 - 48) * 0.139 / 2
        x = (np.arange(128) + 0.5 - 64) * 0.139 / 2
        longer = np.sqrt(1.0 + (y[:, None] ** 2 + x[None, :] ** 2) / 64.0)[..., None]  # up to 25 % at the corners
        energy_keV = acquisition.spectrum.energy_keV
        absorbed = layer_transmission(acquisition.scintillator, energy_keV) ** longer - 1.0
        absorbed *= cover_transmission(acquisition.panel, energy_keV) ** (longer - 1.0)
        absorbed /= layer_transmission(acquisition.scintillator, energy_keV) - 1.0
        expected = absorbed @ acquisition.layer_weights[0] / acquisition.layer_weights[0].sum() * longer[..., 0] ** -3
        # 2 x 2 rays per sample see the mean over the sample, this is its middle: second order in 0.07 / 8; the layer
        # is a hundredth of the distance away, so that its pixels see rays that entered nearer to the axis
        depth_mm = acquisition.light_depth_mm
        assert depth_mm == pytest.approx(0.04 if scintillator == "CsPbBr3_75um" else 0.15, rel=0.1)
        shrunk = 8.0 / (8.0 + depth_mm)
        flux = (1.0 + shrunk**2 * (y[:, None] ** 2 + x[None, :] ** 2) / 64.0) ** -1.5 * longer[..., 0] ** 3
        # 0.3 %: what the chance to leave energy changes with the angle
        np.testing.assert_allclose(exposure.quanta / acquisition.layer_weights[0].sum(), expected * flux, rtol=5e-3)


def test_photodiodes_see_the_slant_of_layer_and_cover(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, extra="panel_shift_mm = [0.0, 500.0]")
    exposure = expose(acquisition)
    assert exposure is not None
    energy_keV, longer = acquisition.spectrum.energy_keV, np.sqrt(1.25)
    passed = layer_transmission(acquisition.scintillator, energy_keV) * cover_transmission(
        acquisition.panel, energy_keV
    )
    expected = acquisition.coated_diode_weights[1] @ passed ** (longer - 1.0) * longer**-2
    # 48 x 64 pixels are 9 mm wide: the middle four of them
    assert exposure.diode_energy_keV[23:25, 31:33].mean() == pytest.approx(expected, rel=2e-4)


def transmission_in_air(name: str, thickness_mm: float, energy_keV: np.ndarray) -> np.ndarray:
    """Of a plate, over that of the air that it displaces, which the beam has passed."""
    mu_per_mm, air_per_mm = (linear_attenuation_per_mm(material(part), energy_keV) for part in (name, "air"))
    return np.exp(-(mu_per_mm - air_per_mm) * thickness_mm)


def test_beer_lambert_behind_aluminium(tmp_path: Path) -> None:
    plate = '[[solids]]\nshape = "box"\nmaterial = "Al"\nsize_mm = [400.0, 400.0, 10.0]\nposition_mm = [0.0, 0.0, 50.0]'
    open_beam, acquisition = planned(tmp_path), planned(tmp_path, extra=plate)
    exposure = expose(acquisition)
    assert exposure is not None
    through = transmission_in_air("Al", 10.0, acquisition.spectrum.energy_keV)
    for plane, weights in zip((exposure.quanta, exposure.light), open_beam.layer_weights[:2], strict=True):
        expected = np.sum(weights * through)
        # the rays nearest the axis are 0.05 mm off it: obliquity below 1e-8
        assert plane[48, 64] == pytest.approx(expected, rel=1e-4)


def test_a_box_of_air_changes_nothing_and_one_without_air_brightens(tmp_path: Path) -> None:
    box = '[[solids]]\nshape = "box"\nmaterial = "{}"\nsize_mm = [400.0, 400.0, 50.0]\nposition_mm = [0.0, 0.0, 50.0]'
    exposures = [expose(planned(tmp_path, extra=extra)) for extra in ("", box.format("air"), box.format("vacuum"))]
    open_beam = planned(tmp_path)
    bare, air, vacuum = (exposure for exposure in exposures if exposure is not None)
    for plane in fields(Exposure):
        # 4e-7: three roundings to float32
        np.testing.assert_allclose(getattr(air, plane.name), getattr(bare, plane.name), rtol=4e-7)
    brighter = np.sum(open_beam.layer_weights[0] * transmission_in_air("vacuum", 50.0, open_beam.spectrum.energy_keV))
    assert brighter / np.sum(open_beam.layer_weights[0]) - 1.0 == pytest.approx(0.0023, abs=1e-4)
    assert vacuum.quanta[48, 64] == pytest.approx(brighter, rel=1e-6)


def test_a_beam_without_air_has_nothing_to_displace(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    assert acquisition.geometry.medium == "air"
    text = 'kvp = 70\nfilters = [{ material = "Al", thickness_mm = 2.5 }]\nair_path_mm = 0.0\nsource = "test"\n'
    (tmp_path / "bare.toml").write_text(text)
    bare = replace(acquisition.scene, beam=replace(acquisition.scene.beam, name="bare.toml"))
    assert plan_acquisition(bare, tmp_path).geometry.medium == "vacuum"


def test_quantum_noise_behind_aluminium_follows_the_hardened_beam(tmp_path: Path) -> None:
    plate = '[[solids]]\nshape = "box"\nmaterial = "Al"\nsize_mm = [400.0, 400.0, 20.0]\nposition_mm = [0.0, 0.0, 50.0]'
    acquisition = planned(tmp_path, extra=plate)
    exposure = expose(acquisition)
    assert exposure is not None
    through = transmission_in_air("Al", 20.0, acquisition.spectrum.energy_keV)
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
    caught = trapped_after_half_a_second(acquisition)
    released = sum(
        fraction * -np.expm1(-5.0 / term.time_s) for fraction, term in zip(caught, acquisition.panel.lag, strict=True)
    )
    released *= mean_electrons(acquisition) / 250  # [DN]
    assert after.mean() - rested.mean() == pytest.approx(released, abs=5 * 6 * np.sqrt(2 / 3072) + 0.9)


def test_outside_the_coating_only_the_diodes_respond(tmp_path: Path) -> None:
    planned(tmp_path)
    panel = SMALL_PANEL.format(spread=0.0) + "[coating]\nrows_mm = 2.0\ncols_mm = 3.0\n"
    (tmp_path / "small.toml").write_text(panel)
    part = plan_acquisition(load_scene(tmp_path / "scene.toml"), tmp_path)
    exposure = expose(part)
    assert exposure is not None
    assert exposure.quanta[:30].max() == 0.0
    assert exposure.quanta[48, 64] > 0.0
    # no film before the bare diode: more X-rays reach it, but none of the film's electrons
    assert 1.5 * exposure.diode_energy_keV[0, 0] < exposure.diode_energy_keV[24, 32]
    frame = mean_frame(part)
    # an independent program: 0.0127 keV for each of 4,900 photons in a diode as large as its pixel, good to 20 %
    direct = exposure.diode_energy_keV[:5].mean() * 1000.0 / 3.9
    assert direct == pytest.approx(4900 * 0.0127 * 0.70 * 1000.0 / 3.9, rel=0.2)
    # 13.7 keV of squared over mean energy, 3,500 electrons, and read noise, over 5 rows x 64 x 8 frames
    error = np.hypot(np.sqrt(3500 * direct), 1515) / np.sqrt(5 * 64 * 8) + 200 / np.sqrt(5 * 8)
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


FLUOROSCOPY = """
[timing]
integration_time_s = 0.06
frame_interval_s = 0.0667
exposure_time_s = 0.06
[sequence]
dark_before = 2
beam_on = 3
beam_off = 4
exposure_spread = {spread}
"""


def test_dark_frames_of_a_sequence_are_dark_and_lag_follows_the_beam(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, extra=FLUOROSCOPY.format(spread=0.0), scintillator="CsI_Tl_500um")
    frames = [frame.mean() for frame in _sequence(acquisition)]
    assert len(frames) == 9
    # without lag frames differ by line noise only: 200 electrons / 250 / sqrt(48) = 0.12 DN
    assert abs(frames[1] - frames[0]) < 5 * 0.12 * np.sqrt(2)
    exposed = frames[2] - frames[0]
    assert exposed == pytest.approx(2.3e6 / 250, rel=0.2)  # 2.3 million electrons
    tail = np.array(frames[5:]) - frames[0]
    assert (np.diff(tail) < 0).all()
    assert 0.02 < tail[0] / exposed < 0.10  # first-frame lag as published, at 15 frames/s


def _sequence(acquisition: Acquisition, frames: int | None = None, **more: object) -> list[np.ndarray]:
    return list(acquire_sequence(acquisition, expose(acquisition), frames, np.random.default_rng(2), **more))


def test_a_sequence_without_a_beam_pattern_is_exposed_in_every_frame(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    every = _sequence(acquisition, 2, pattern=(1.0, 1.0))
    assert [frame.tobytes() for frame in _sequence(acquisition, 2)] == [frame.tobytes() for frame in every]
    assert len(_sequence(acquisition)) == 1


def test_a_pattern_of_zeros_gives_the_frames_of_a_dark_scene(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    dark = list(acquire_sequence(acquisition, None, 2, np.random.default_rng(2)))
    assert [f.tobytes() for f in _sequence(acquisition, pattern=(0, 0))] == [f.tobytes() for f in dark]


def test_twice_the_exposure_of_a_frame_is_twice_its_signal_and_its_noise_power(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, kerma=200.0)
    acquisition = replace(acquisition, coated_diode_weights=1e-6 * acquisition.coated_diode_weights)
    dark, single = mean_frame_of(acquisition, 0.0), mean_frame_of(acquisition, 1.0)
    double = mean_frame_of(acquisition, 2.0)
    # 1.07e6 electrons with 1.5e4 of noise per pixel; 48 x 64 pixels leave 2.6e-4 of the mean
    ratio = (double.mean() - dark.mean()) / (single.mean() - dark.mean())
    assert ratio == pytest.approx(2.0, rel=5 * 2.6e-4 * 1.5)
    # variances of 3,072 pixels, neighbours correlated by the light: 2.6 % each at least
    assert (double.var() - dark.var()) / (single.var() - dark.var()) == pytest.approx(2.0, rel=5 * 0.05)


def mean_frame_of(acquisition: Acquisition, strength: float) -> np.ndarray:
    frame = _sequence(acquisition, pattern=(strength,))[0]
    return np.asarray(frame - acquisition.maps.offset_dn, dtype=np.float64)


@pytest.mark.parametrize(
    ("frames", "pattern", "message"),
    [
        (3, (1.0, 0.0), "at most the 2 of the pattern, got 3"),
        (None, (), "frames must be 1 or more and at most the 0 of the pattern, got 0"),
        (None, (1.0, -0.5), "zero or positive, got -0.5"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(
    tmp_path: Path, frames: int | None, pattern: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        next(acquire_sequence(planned(tmp_path, kerma=0.0), None, frames, np.random.default_rng(1), pattern))


def test_dark_current_doubles_with_eight_degrees(tmp_path: Path) -> None:
    rested = planned(tmp_path, kerma=0.0)
    warm = planned(tmp_path, kerma=0.0, temperature=33.0)
    assert warm.maps.dark_electrons_per_s.tobytes() == (2 * rested.maps.dark_electrons_per_s).tobytes()
    same = planned(tmp_path, kerma=0.0, temperature=25.0)
    assert same.maps.dark_electrons_per_s.tobytes() == rested.maps.dark_electrons_per_s.tobytes()
    frames = [
        np.mean([frame.mean() for frame in acquire_sequence(a, None, 16, np.random.default_rng(1))])
        for a in (rested, warm)
    ]
    # 1,000 electrons more of 250 per DN; the same draws but for the dark current's own noise of 45 electrons
    assert frames[1] - frames[0] == pytest.approx(1000 * np.exp(0.02) / 250, abs=0.05)


def test_shielded_columns_see_dark_current_and_noise_and_nothing_else(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, left=6, right=4)
    exposure = expose(acquisition)
    rng = np.random.default_rng(3)
    exposed, _ = acquire_frame(acquisition, exposure, rng)
    above = (exposed - acquisition.maps.offset_dn) * 250.0
    shielded = np.concatenate([above[:, :6], above[:, 60:]], axis=1)
    # read noise 1,515 electrons in 480 pixels, and line noise 200 in 48 rows
    error = np.hypot(1515 / np.sqrt(480), 200 / np.sqrt(48))
    assert abs(shielded.mean() - 1000 * np.exp(0.02)) < 5 * error
    assert shielded.std() == pytest.approx(1525, rel=5 / np.sqrt(2 * 480))
    assert above[:, 6:60].min() > 1e6


def test_a_worn_panel_bends_and_lags_its_signal_by_the_stated_numbers(tmp_path: Path) -> None:
    acquisition = worn(tmp_path)
    state, frames = None, []
    exposure, rng = expose(acquisition), np.random.default_rng(4)
    for on in (True, False):
        frame, state = acquire_frame(acquisition, exposure if on else None, rng, state)
        frames.append((frame - acquisition.maps.offset_dn).mean() * 250.0)
    generated = mean_electrons(acquisition) + 1000 * np.exp(0.02)
    held = generated * (1 - 0.03 * generated / 15e6)
    factor = np.interp(np.log(held), np.log([0.25e6, 2.5e6, 11.25e6]), [1.6, 1.0, 0.75])
    caught = [fraction * factor for fraction in trapped_after_half_a_second(acquisition)]
    released = [-np.expm1(-5.0 / term.time_s) for term in acquisition.panel.lag]
    # quantum noise 3.9e4 electrons per pixel over 3,072 pixels, 1.5 times for what neighbours fraction
    assert frames[0] == pytest.approx(held * (1 - sum(caught)), abs=5 * 1.5 * 3.9e4 / np.sqrt(3072))
    after = held * sum(c * r for c, r in zip(caught, released, strict=True)) + 1000
    assert frames[1] == pytest.approx(after, abs=5 * (200 / np.sqrt(48) + 1515 / np.sqrt(3072)) + 0.002 * after)


def test_a_worn_panel_rests_in_the_dark(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, kerma=0.0, defective=0.02)
    maps = acquisition.maps
    leaky = replace(maps, dark_electrons_per_s=np.full((48, 64), 2e6, dtype=np.float32))
    frames = list(acquire_sequence(replace(acquisition, maps=leaky), None, 20, np.random.default_rng(4)))
    drift = np.mean(frames[10:], axis=0, dtype=np.float64) - np.mean(frames[:10], axis=0, dtype=np.float64)
    for lagging in (False, True):
        there = ((maps.lag_factor > 1) == lagging) & (maps.noise_factor == 1)
        # a million electrons of dark charge, 7 DN of noise in each pixel and 0.8 DN in each of 48 lines
        error = np.sqrt(2 / 10) * np.hypot(7.0 / np.sqrt(there.sum()), 0.8 / np.sqrt(48))
        assert abs(drift[there].mean()) < 5 * error


def test_traps_of_a_worn_panel_are_as_full_as_the_dark_keeps_them(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, kerma=0.0, defective=0.02)
    dark = np.geomspace(1e3, 1e8, 48 * 64).reshape(48, 64).astype(np.float32)  # the last fill the well in 0.5 s
    acquisition = replace(acquisition, maps=replace(acquisition.maps, dark_electrons_per_s=dark))
    full, maps, panel = acquire._traps_in_the_dark(acquisition), acquisition.maps, acquisition.panel
    charge = np.minimum(0.5 * dark, 15e6)
    held = (charge * (1.0 - maps.nonlinearity * charge / 15e6)).astype(np.float32)
    delivered, after = trap_charge(
        held, full, panel.lag, 5.0, panel.lag_exposure, maps.lag_factor, times=FrameTimes(0.5)
    )
    np.testing.assert_allclose(after, full, rtol=2e-6)
    np.testing.assert_allclose(delivered, held, rtol=2e-6)


def test_lagging_pixels_leave_ten_times_as_much(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, defective=0.02)
    frames = [
        np.asarray(frame - acquisition.maps.offset_dn, dtype=np.float64)
        for frame in _sequence(acquisition, pattern=(0.0, 1.0, 0.0))
    ]
    left = frames[2] - frames[0]
    lagging, sound = acquisition.maps.lag_factor > 1, acquisition.maps.defects == 0
    # 260 DN in sound pixels, 8.5 DN of noise in each, 3 % of quantum noise in the exposure of each lagging one
    factor = acquisition.maps.lag_factor.max()
    assert left[lagging].mean() / left[sound].mean() == pytest.approx(float(factor), rel=5 * 0.03 / np.sqrt(40))


def test_worn_frames_are_the_same_bytes_on_one_thread_and_on_two(tmp_path: Path) -> None:
    acquisition = worn(tmp_path, extra=FLUOROSCOPY.format(spread=0.01), left=4, defective=0.02)
    frames = {}
    for threads in (1, 2):
        numba.set_num_threads(threads)
        try:
            frames[threads] = b"".join(frame.tobytes() for frame in _sequence(acquisition, 5))
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert frames[1] == frames[2]


def test_continuous_fluoroscopy_carries_prompt_light_in_the_state(tmp_path: Path) -> None:
    timing = "[timing]\nintegration_time_s = 0.001\nframe_interval_s = 0.001\nexposure_time_s = 0.001"
    acquisition = planned(tmp_path, scintillator="CsI_Tl_500um", extra=timing)
    _, state = acquire_frame(acquisition, expose(acquisition), np.random.default_rng(1))
    assert len(state.afterglow) == 4  # two of afterglow, two of prompt light
    _, state = acquire_frame(acquisition, None, np.random.default_rng(1), state)
    assert len(state.afterglow) == 4
