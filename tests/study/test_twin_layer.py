"""Pieces of a twin's layer against closed forms: model, measurement, what lag does to noise, and the judgement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.beam.spectrum import Spectrum
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.light.layer_light import layer_light
from radiography.light.optics import EmissionLine
from radiography.light.scintillator import Scintillator, Spread
from radiography.panel.panel import LagTerm, Panel
from radiography.scene import Timing
from radiography.study.layer_report import report_layer
from radiography.study.twin_curves import PanelInBeam, charge_of, layer_point, model_curves, point_of_row
from radiography.study.twin_fit import factor_bounds, scaled
from radiography.study.twin_judge import Judged, judge_dose, judge_edge, judge_lag, judged_text
from radiography.study.twin_layer import noise_kept, twin_layer
from radiography.study.twin_measured import (
    DoseFrames,
    MeasuredDose,
    MeasuredEdge,
    mean_in_bins,
    measure_dose,
    measure_edge,
    noise_frequencies_per_mm,
    noise_nodes_per_mm,
)
from radiography.study.twin_values import value_of

PITCH_MM = 0.139
BEAM = Spectrum(np.array([25.0]), np.array([1e4]))  # below the K edges: hardly any fluorescence
FREQUENCY = np.array([0.25, 1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_panel("fully_coated")


def test_pairs_are_scaled_value_by_value_and_numbers_as_they_are() -> None:
    layer = scaled(load_scintillator("CsI_Tl_500um"), [("transport.crosstalk", 0.5), ("light.yield_per_keV", 2.0)])
    assert layer.transport is not None
    assert layer.transport.crosstalk == ((0.0, 0.3425), (1.0, 0.0855))  # type: ignore[union-attr]
    assert layer.light.yield_per_keV == 108.0


def test_bounds_end_where_a_probability_would_exceed_one() -> None:
    low, high = factor_bounds(load_scintillator("CsI_Tl_500um"), "transport.crosstalk")
    assert low == 0.25
    assert high == pytest.approx(1 / 0.685, rel=1e-4)
    assert high <= 1 / 0.685


def test_model_is_that_of_the_report_on_the_layer(film: Scintillator, panel: Panel) -> None:
    # few photons for both: the same runs, put together by two programs
    report = report_layer(film, panel, BEAM, 4.0, histories=4000, photons=20_000)
    frequency = report.frequency_per_mm[1:20]
    place = PanelInBeam(panel, BEAM, Timing(), frequency, np.array([0.01, 0.02]))
    point = layer_point(film, place, 4000, 20_000)
    again = point_of_row(point.as_row(), frequency.size, 2).as_row()
    assert again == pytest.approx(point.as_row(), rel=1e-12), "a row must give back its point"
    light = layer_light(film, BEAM.energy_keV, histories=4000, photons=20_000)
    charge = charge_of(film, place, (light.wavelength_nm, light.emission))
    curves = model_curves(point, charge, place, np.array([4.0]))
    assert curves.mtf == pytest.approx(report.mtf[1:20], rel=1e-9)
    signal = report.electrons_per_uGy / report.delivered_fraction * 4.0 / panel.readout.electrons_per_dn
    assert curves.signal_dn[0] == pytest.approx(signal, rel=1e-9)
    # traps take a part of signal and quantum noise of a rested frame, not of its electronic noise
    quanta = report.nps_quantum[0] + report.nps_light[0] + report.nps_direct[0]
    dark = panel.photodiode.dark_electrons_per_s * Timing().integration_time_s
    electronic = report.electronic_noise_electrons**2 + dark
    white = PITCH_MM**2 * electronic / (curves.signal_dn[0] * panel.readout.electrons_per_dn) ** 2
    assert curves.nnps[0, 0] == pytest.approx(quanta + white, rel=1e-3)  # at 0.01 /mm instead of 0


def test_twice_the_light_is_twice_the_signal_and_leaves_the_noise_of_quanta(film: Scintillator, panel: Panel) -> None:
    place = PanelInBeam(panel, BEAM, Timing(), FREQUENCY, FREQUENCY)
    point = replace(layer_point(film, place, 4000, 20_000), diode_keV=0.0, diode_square_keV2=0.0, diode_light_keV=0.0)
    light = layer_light(film, BEAM.energy_keV, histories=4000, photons=20_000)
    charge = charge_of(film, place, (light.wavelength_nm, light.emission))
    one, two = (model_curves(point, charge, place, np.array([1e6]), more_light=m) for m in (1.0, 2.0))
    assert two.signal_dn[0] == pytest.approx(2 * one.signal_dn[0])
    per_area = PITCH_MM**2 / (one.signal_dn[0] * panel.readout.electrons_per_dn)  # of counting light, at a huge dose
    assert one.nnps - two.nnps == pytest.approx(np.full((1, 4), per_area / 2), rel=1e-3)
    wide = model_curves(point, charge, place, np.array([1e6]), yield_square=1.5)
    quanta = one.nnps - per_area
    assert wide.nnps - one.nnps == pytest.approx(0.5 * quanta, rel=1e-3)


def test_bins_of_a_power_law_are_its_value_at_their_middles() -> None:
    nodes, middle = noise_nodes_per_mm(PITCH_MM), noise_frequencies_per_mm(PITCH_MM)
    falling = np.exp(-1.3 * nodes)
    assert mean_in_bins(falling[None])[0] == pytest.approx(np.exp(-1.3 * middle), rel=1e-12)


def test_white_noise_has_its_variance_in_every_bin() -> None:
    rng = np.random.default_rng(8)
    frames = [(500.0 + 7.0 * rng.standard_normal((144, 160))).astype(np.float32) for _ in range(6)]
    found = measure_dose(DoseFrames(2.0, frames), PITCH_MM)
    truth = 7.0**2 * PITCH_MM**2 / 500.0**2
    assert np.abs(found.nnps - truth).max() < 4 * found.nnps_error.max()
    assert found.nnps_error.max() < 0.06 * truth
    assert found.variance_dn2 == pytest.approx(49.0, abs=4 * found.variance_error)
    assert found.signal_dn == pytest.approx(500.0, abs=0.1)


def test_lag_lowers_the_noise_of_steady_frames_by_the_squares_of_what_each_delivers(panel: Panel) -> None:
    fraction, time_s, timing = 0.2, 3.0, Timing(integration_time_s=0.5, frame_interval_s=2.0)
    lagging = replace(panel, lag=(LagTerm(fraction, time_s),), lag_exposure=None)
    held = fraction * np.exp(-0.5 / time_s)  # in the traps when its own frame is read
    kept = np.exp(-2.0 / time_s)
    later = held * (1 - kept) * kept ** np.arange(200)
    assert noise_kept(lagging, timing, 1e6) == pytest.approx((1 - held) ** 2 + np.sum(later**2), rel=1e-3)
    assert noise_kept(replace(panel, lag=()), timing, 1e6) == 1.0


def test_flats_are_refused_in_a_sentence(film: Scintillator, panel: Panel) -> None:
    beam, frame = load_beam("RQA5"), np.ones((128, 128), np.float32)
    with pytest.raises(ValueError, match="needs flat frames of known kerma or an edge, got neither"):
        twin_layer(film, panel, beam, ())
    with pytest.raises(ValueError, match="different kermas, got 2, 2"):
        twin_layer(film, panel, beam, [DoseFrames(2.0, [frame]), DoseFrames(2.0, [frame])])
    with pytest.raises(ValueError, match="kerma_error is relative and must be from 0 to below 1, got 5"):
        twin_layer(film, panel, beam, [DoseFrames(2.0, [frame])], kerma_error=5.0)
    with pytest.raises(ValueError, match="128 x 128 pixels or more, got 100 x 300"):
        measure_dose(DoseFrames(2.0, [np.ones((100, 300), np.float32)]), PITCH_MM)
    covered = np.broadcast_to(np.arange(150) >= 120, (200, 150))
    with pytest.raises(ValueError, match=r"got 200 x 150, of which 200 x 120 are not left out"):
        measure_dose(DoseFrames(2.0, [np.ones((200, 150), np.float32)]), PITCH_MM, covered)
    with pytest.raises(ValueError, match="above 0 uGy, got 0"):
        DoseFrames(0.0, [frame])
    with pytest.raises(ValueError, match="no flat frame at 3 uGy"):
        DoseFrames(3.0, [])


@pytest.mark.slow
def test_a_neutron_camera_carries_a_spread_that_no_layer_has_and_no_light(
    shared_data: Path, film: Scintillator, panel: Panel
) -> None:
    """Real frames: one open beam and one dark without a kerma give an MTF, and that is of a lens and a diverging beam.

    The pitch is not told; 0.05 mm is assumed. The fit must say that its curve is not of this kind, and leave the light.
    """
    folder = shared_data / "psi_edges"
    edge, open_beam, dark = (tifffile.imread(folder / f"{n}.tif").astype(float) for n in ("edge20mm_0000", "ob", "dc"))
    picture = (1000.0 * (edge - dark) / np.maximum(open_beam - dark, 1.0))[100:500, 20:130].astype(np.float32)
    fine = replace(panel, pixels=replace(panel.pixels, pitch_mm=0.05, aperture_mm=0.05))
    spread = Spread(3.0, 0.4, 0.95, EmissionLine(530.0, 20.0), "measured", "tests")
    start = replace(film, transport=None, spread=spread)
    twin = twin_layer(start, fine, load_beam("paper_70kV"), (), [picture], tried=())
    (measured,) = twin.curves.edges
    half = value_of(twin.values, "spread.half_frequency_per_mm")
    crossing = float(np.interp(0.5, measured.mtf[::-1], measured.frequency_per_mm[::-1]))
    assert half.determined
    assert half.value == pytest.approx(crossing, abs=3 * half.error)  # half of the MTF, nearly without the aperture
    assert twin.chi_square > 10 * twin.degrees_of_freedom
    assert any("a layer of this kind does not give all of the curves" in note for note in twin.notes)
    for key, value in (("light.yield_per_keV", 21.0), ("light.yield_spread", 0.0)):
        found = value_of(twin.values, key)
        assert (found.determined, found.value, found.how) == (False, value, "there are no flat frames of known kerma")


def _dose(factor: float = 1.0) -> MeasuredDose:
    frequency = noise_frequencies_per_mm(PITCH_MM)
    nnps = factor * 1e-5 * np.exp(-frequency)
    return MeasuredDose(2.0, 400.0, 1.0, 90.0 * factor, 0.4, frequency, nnps, 0.01 * nnps, 8, ())


def test_a_right_twin_is_within_and_one_of_a_tenth_more_noise_is_off() -> None:
    right, wrong = judge_dose(_dose(), _dose(1.02)), judge_dose(_dose(), _dose(1.1))
    assert all(one.within for one in right)
    assert [one.within for one in wrong] == [True] + [False] * 8  # the signal is right
    assert wrong[3].ratio == pytest.approx(1.1)
    assert wrong[3].error == pytest.approx(1.1 * 0.01 * np.sqrt(2))
    assert "OFF by more than 5 %" in judged_text(wrong)
    assert "OFF" not in judged_text(right)


def test_the_mtf_is_judged_to_two_per_mm_and_not_where_it_is_nothing() -> None:
    frequency = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    mtf = np.array([0.9, 0.6, 0.2, 0.04, 0.01])
    edges = [
        MeasuredEdge(frequency, each, np.full(5, 0.002), "vertical", ()) for each in (mtf, mtf * [1, 1, 1.06, 1, 1])
    ]
    judged = judge_edge(*edges)
    assert [one.name[-8:] for one in judged] == ["0.50 /mm", "1.00 /mm", "1.50 /mm"]
    assert [one.within for one in judged] == [True, True, False]


def test_lag_is_judged_over_the_last_exposed_frame() -> None:
    on = (False, True, True, False, False, False)
    measured, twin = [0.0, 90.0, 100.0, 2.0, 1.0, 0.5], [0.0, 180.0, 200.0, 4.1, 2.3, 1.0]
    judged = judge_lag(measured, twin, on, (0.01, 0.02))
    assert [one.name for one in judged] == [f"lag in dark frame {n}" for n in (1, 2, 3)]
    assert [one.ratio for one in judged] == pytest.approx([1.025, 1.15, 1.0])
    assert [one.within for one in judged] == [True, False, True]
    assert judged[0].error == pytest.approx(1.025 * np.hypot(0.01 / 2.0, 0.02 / 4.1))
    with pytest.raises(ValueError, match="an exposed frame and a dark one after it"):
        judge_lag([1.0, 2.0], [1.0, 2.0], (False, True), (0.1, 0.1))


def test_a_shaky_ratio_is_said_to_be_too_uncertain() -> None:
    assert "1.052 +- 0.011  within 5 % but for its error" in judged_text(
        [Judged("x", "lag", 1.0, 1.052, 1.052, 0.011, "1")]
    )
    assert "too uncertain to tell" in judged_text([Judged("x", "nps", 1.0, 1.0, 1.0, 0.03, "1")])


def test_a_gain_map_made_of_the_same_flats_does_not_hide_their_noise() -> None:
    rng = np.random.default_rng(21)
    frames = np.stack([800.0 * k + 9.0 * rng.standard_normal((144, 160)) for k in (1.0, 1.01, 0.99, 1.0)])
    corrected = frames / (frames.mean(axis=0) / frames.mean())
    bad = np.zeros((144, 160), dtype=bool)
    bad[3, 4] = True
    corrected[:, 3, 4] = [1e24, -1e24, 1e24, 0.0]
    found = measure_dose(DoseFrames(2.0, list(corrected.astype(np.float32))), PITCH_MM, bad)
    # 3 x 23,039 differences: 0.5 %
    assert found.variance_dn2 == pytest.approx(81.0, rel=0.02)
    assert found.nnps.mean() == pytest.approx(81.0 * PITCH_MM**2 / 800.0**2, rel=0.04)


@pytest.mark.slow
def test_noise_beyond_what_the_layer_can_have_ends_at_a_spread_of_one(film: Scintillator, panel: Panel) -> None:
    """Frames of another layer: ten times the noise of quanta still gives a layer that its description allows."""
    start = replace(film, transport=None, spread=Spread(3.0, 0.4, 0.95, EmissionLine(530.0, 20.0), "measured", "tests"))
    rng = np.random.default_rng(3)
    flats = [
        DoseFrames(
            kerma, [(300.0 * kerma + noise * rng.standard_normal((128, 144))).astype(np.float32) for _ in "1234"]
        )
        for kerma, noise in ((1.0, 60.0), (4.0, 120.0))
    ]

    flats[1] = DoseFrames(4.0, [k * frame for k, frame in zip((0.9, 1.0, 1.1, 1.0), flats[1].frames, strict=True)])

    twin = twin_layer(start, panel, load_beam("paper_70kV"), flats, tried=(), photons=(2000, 2000))

    restless = [note for note in twin.notes if "the frames' means differ" in note]
    assert len(restless) == 1 and restless[0].startswith("flats at 4 uGy: ")
    assert not any("IEC 62220" in note for note in twin.notes)

    spread = value_of(twin.values, "light.yield_spread")
    assert spread.value == pytest.approx(1.0, abs=1e-6) and spread.value <= 1.0
    assert not spread.determined and "its range ends here" in spread.how
    assert twin.scintillator.light.yield_spread == ((1.0, spread.value),)
    assert any("the noise is higher than the start's layer can have" in note for note in twin.notes)


def test_an_edge_is_looked_for_where_the_region_says() -> None:
    """Beside a step that stands out more, which is no slanted edge of the panel."""
    rng = np.random.default_rng(4)
    rows, cols = np.mgrid[:240, :300]
    frame = np.where(cols > 90 + 0.05 * rows, 1000.0, 100.0) + np.where(cols > 260, 9000.0, 0.0)
    edge = (frame + rng.normal(0.0, 3.0, frame.shape)).astype(np.float32)
    alone = measure_edge(edge[20:220, :200], PITCH_MM)

    inside = measure_edge(edge, PITCH_MM, roi=(20, 220, 0, 200))

    np.testing.assert_array_equal(inside.mtf, alone.mtf)
    assert inside.mtf[1] > 0.95
    assert not np.array_equal(measure_edge(edge, PITCH_MM).mtf, alone.mtf)
