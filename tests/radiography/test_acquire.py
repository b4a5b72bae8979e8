"""The chain as a whole: numbers of a frame against closed forms, and the same bytes every time."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

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
from tests.radiography.acquisitions import (
    FLUOROSCOPY,
    SMALL_PANEL,
    mean_frame,
    planned,
    sequence_of,
    trapped_after_half_a_second,
)
from tests.reference import on_threads


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


@pytest.mark.slow
def test_open_field_is_the_cube_of_the_cosine_times_the_absorption_along_the_slant(tmp_path: Path) -> None:
    for scintillator in ("CsPbBr3_75um", "CsI_Tl_500um"):
        acquisition = planned(tmp_path, distance=8.0, scintillator=scintillator)
        exposure = expose(acquisition)
        assert exposure is not None
        y = (np.arange(48) + 0.5 - 24) * 0.139
        x = (np.arange(64) + 0.5 - 32) * 0.139
        longer = np.sqrt(1.0 + (y[:, None] ** 2 + x[None, :] ** 2) / 64.0)[..., None]  # up to 25 % at the corners
        energy_keV = acquisition.spectrum.energy_keV
        absorbed = layer_transmission(acquisition.scintillator, energy_keV) ** longer - 1.0
        absorbed *= cover_transmission(acquisition.panel, energy_keV) ** (longer - 1.0)
        absorbed /= layer_transmission(acquisition.scintillator, energy_keV) - 1.0
        expected = absorbed @ acquisition.layer_weights[0] / acquisition.layer_weights[0].sum() * longer[..., 0] ** -3
        # 4 x 4 rays per pixel see the mean over the pixel, this is its middle: second order in 0.14 / 8; the layer
        # is a hundredth of the distance away, so that its pixels see rays that entered nearer to the axis
        depth_mm = acquisition.light_depth_mm
        assert depth_mm == pytest.approx(0.04 if scintillator == "CsPbBr3_75um" else 0.15, rel=0.1)
        shrunk = 8.0 / (8.0 + depth_mm)
        flux = (1.0 + shrunk**2 * (y[:, None] ** 2 + x[None, :] ** 2) / 64.0) ** -1.5 * longer[..., 0] ** 3
        # 0.3 %: what the chance to leave energy changes with the angle
        np.testing.assert_allclose(
            exposure.quanta / (4 * acquisition.layer_weights[0].sum()), expected * flux, rtol=5e-3
        )


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
        # the rays nearest the axis are 0.1 mm off it: obliquity below 1e-8
        assert plane[24, 32] == pytest.approx(4 * expected, rel=1e-4)


@pytest.mark.slow
def test_a_box_of_air_changes_nothing_and_one_without_air_brightens(tmp_path: Path) -> None:
    box = '[[solids]]\nshape = "box"\nmaterial = "{}"\nsize_mm = [400.0, 400.0, 50.0]\nposition_mm = [0.0, 0.0, 50.0]'
    exposures = [expose(planned(tmp_path, extra=extra)) for extra in ("", box.format("air"), box.format("vacuum"))]
    open_beam = planned(tmp_path)
    bare, air, vacuum = (exposure for exposure in exposures if exposure is not None)
    assert air.scatter is None and bare.scatter is None
    for plane in fields(Exposure)[:-2]:  # without scatter
        # 4e-7: three roundings to float32
        np.testing.assert_allclose(getattr(air, plane.name), getattr(bare, plane.name), rtol=4e-7)
    brighter = np.sum(open_beam.layer_weights[0] * transmission_in_air("vacuum", 50.0, open_beam.spectrum.energy_keV))
    assert brighter / np.sum(open_beam.layer_weights[0]) - 1.0 == pytest.approx(0.0023, abs=1e-4)
    assert vacuum.quanta[24, 32] == pytest.approx(4 * brighter, rel=1e-6)


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
    np.testing.assert_allclose(exposure.light_square[24, 32], 4 * expected, rtol=1e-4)


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
    assert exposure.quanta[:15].max() == 0.0
    assert exposure.quanta[24, 32] > 0.0
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


@pytest.mark.slow
@pytest.mark.parametrize("scintillator", ["CsPbBr3_75um", "CsI_Tl_500um"])
def test_same_seed_same_bytes_on_one_thread_and_on_two(tmp_path: Path, scintillator: str) -> None:
    acquisition = planned(tmp_path, scintillator=scintillator)

    def frames() -> bytes:
        sequence = acquire_sequence(acquisition, expose(acquisition), 3, np.random.default_rng(9))
        return b"".join(frame.tobytes() for frame in sequence)

    one = on_threads(1, frames)
    assert one == on_threads(2, frames)
    other = next(acquire_sequence(acquisition, expose(acquisition), 1, np.random.default_rng(10)))
    assert other.tobytes() != one[: other.nbytes]


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


def test_dark_frames_of_a_sequence_are_dark_and_lag_follows_the_beam(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, extra=FLUOROSCOPY.format(spread=0.0), scintillator="CsI_Tl_500um")
    frames = [frame.mean() for frame in sequence_of(acquisition)]
    assert len(frames) == 9
    # without lag frames differ by line noise only: 200 electrons / 250 / sqrt(48) = 0.12 DN
    assert abs(frames[1] - frames[0]) < 5 * 0.12 * np.sqrt(2)
    exposed = frames[2] - frames[0]
    assert exposed == pytest.approx(2.3e6 / 250, rel=0.2)  # 2.3 million electrons
    tail = np.array(frames[5:]) - frames[0]
    assert (np.diff(tail) < 0).all()
    assert 0.02 < tail[0] / exposed < 0.10  # first-frame lag as published, at 15 frames/s


def test_a_sequence_without_a_beam_pattern_is_exposed_in_every_frame(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    every = sequence_of(acquisition, 2, pattern=(1.0, 1.0))
    assert [frame.tobytes() for frame in sequence_of(acquisition, 2)] == [frame.tobytes() for frame in every]
    assert len(sequence_of(acquisition)) == 1


def test_a_pattern_of_zeros_gives_the_frames_of_a_dark_scene(tmp_path: Path) -> None:
    acquisition = planned(tmp_path)
    dark = list(acquire_sequence(acquisition, None, 2, np.random.default_rng(2)))
    assert [f.tobytes() for f in sequence_of(acquisition, pattern=(0, 0))] == [f.tobytes() for f in dark]


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
    frame = sequence_of(acquisition, pattern=(strength,))[0]
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


def test_continuous_fluoroscopy_carries_prompt_light_in_the_state(tmp_path: Path) -> None:
    timing = "[timing]\nintegration_time_s = 0.001\nframe_interval_s = 0.001\nexposure_time_s = 0.001"
    acquisition = planned(tmp_path, scintillator="CsI_Tl_500um", extra=timing)
    _, state = acquire_frame(acquisition, expose(acquisition), np.random.default_rng(1))
    assert len(state.afterglow) == 4  # two of afterglow, two of prompt light
    _, state = acquire_frame(acquisition, None, np.random.default_rng(1), state)
    assert len(state.afterglow) == 4
