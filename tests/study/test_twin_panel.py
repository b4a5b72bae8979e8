"""Simulated panels and their twins: every number within three of its standard errors, and maps that are the panel's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pytest

from calibration.conditions import Conditions
from calibration.frame_sums import robust_sigma
from radiography.config import load_panel
from radiography.panel.maps import NOISY, NON_LINEAR
from radiography.panel.panel import Panel, lag_exposure_factor, shielded_columns
from radiography.study.twin_panel import PanelTwin, twin_panel
from radiography.study.twin_values import value_of
from tests.round_trip_truth import KERMA_UGY, Rig, at, build_rig, electrons, stack_of, with_panel

BAND = 3.0  # standard errors: 1 normal value in 370 lies outside
DOSES = (0.5, 1.5, 3.0, 5.0, 7.0)
LAG_DOSES = (0.3, 2.0, 6.0)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Layer and beam on a panel of no effect."""
    return build_rig(tmp_path_factory.mktemp("rig"), 128, 160)


def _rig(bare: Rig, name: str, map_seed: int = 7) -> Rig:
    rows, cols = bare.open_field.quanta.shape
    shielded = {"pixels.shielded_cols_left": 8, "pixels.shielded_cols_right": 8} if name == "worn" else {}
    changes = {"pixels.rows": rows, "pixels.cols": cols, "map_seed": map_seed, **shielded}
    return with_panel(bare, load_panel(name, changes=changes))


def _twin(
    rig: Rig,
    seed: int,
    *,
    darks: int = 24,
    dark_times_s: Sequence[float] = (0.1, 4.0),
    flats: int = 10,
    doses: Sequence[float] = DOSES,
    off: int = 300,
    lag_doses: Sequence[float] = LAG_DOSES,
    start: Panel | None = None,
    electrons_per_dn: float | None = None,
) -> PanelTwin:
    panel = rig.panel
    return twin_panel(
        [stack_of(at(rig, time_s), [0.0] * darks, seed + k) for k, time_s in enumerate(dark_times_s)],
        [stack_of(rig, [dose] * flats, seed + 20 + k) for k, dose in enumerate(doses)],
        lag=[stack_of(rig, [0.0] * 4 + [d] * 30 + [0.0] * off, seed + 40 + k) for k, d in enumerate(lag_doses)],
        start=start or panel,
        saturation_dn=panel.saturation_dn,
        conditions=Conditions(source_to_detector_mm=1000.0, pitch_mm=0.139, shielded_cols=shielded_columns(panel)),
        electrons_per_dn=electrons_per_dn,
    )


def _area_variance_per_dn(rig: Rig) -> float:
    """Variance of a large area by its mean, of one frame before traps, from the means of the chain. [DN]"""
    field, diode = rig.open_field, rig.panel.photodiode
    per_photon, per_keV = diode.fill_factor * rig.chain.quantum_efficiency, 1e3 / diode.energy_per_electron_eV
    mean = electrons(rig, field).mean()
    variance = (
        per_photon**2 * field.light_square.mean()
        + per_photon * field.light.mean()
        + per_keV**2 * field.diode_energy_square_keV2.mean()
        + 2.0 * per_photon * per_keV * field.diode_light_energy_keV.mean()
    )
    return float(variance / mean / rig.panel.readout.electrons_per_dn)


def _truth(rig: Rig, twin: PanelTwin) -> dict[str, float]:
    """What the values of a twin should be, in its own electrons per DN."""
    panel, maps, good = rig.panel, rig.maps, twin.good
    per_dn = twin.panel.readout.electrons_per_dn / panel.readout.electrons_per_dn
    response = float(np.median(maps.response[good]))
    truth = {
        "measured.read_noise_dn": float(np.hypot(400.0, 1445.0)) / 250.0,
        "readout.line_noise_electrons": 200.0 * per_dn,
        "readout.offset_dn": float(np.median(maps.offset_dn[good])),
        "photodiode.dark_electrons_per_s": float(np.median(maps.dark_electrons_per_s[good])) * per_dn,
        "readout.offset_spread_dn": panel.readout.offset_spread_dn,
        "uniformity.response_spread": panel.uniformity.response_spread * float(maps.response[good].mean()) / response,
        "uniformity.nonlinearity": panel.uniformity.nonlinearity,
        "measured.dn_per_uGy": float(electrons(rig, rig.open_field).mean()) / 250.0 / KERMA_UGY * response,
        "measured.area_variance_per_dn": _area_variance_per_dn(rig) * response,
    }
    if panel.uniformity.nonlinearity_spread > 0:
        truth["uniformity.nonlinearity_spread"] = panel.uniformity.nonlinearity_spread
    factor, at_dn = None, twin.calibration.lag.signal_dn if twin.calibration.lag is not None else np.zeros(0)
    if panel.lag_exposure is not None:
        factor = lag_exposure_factor(panel.lag_exposure, at_dn * 250.0)
        for number, value in enumerate(factor / factor[factor.size // 2]):
            truth[f"lag_exposure.factor.{number}"] = float(value)
    if twin.panel.lag and len(twin.panel.lag) == len(panel.lag):
        middle = 1.0 if factor is None else float(factor[factor.size // 2])
        for number, term in enumerate(panel.lag):
            truth[f"lag.{number}.fraction"] = term.fraction * middle
            truth[f"lag.{number}.time_s"] = term.time_s
    return truth


def _departures(rig: Rig, twin: PanelTwin) -> dict[str, float]:
    """How far each determined value lies from the truth. [standard errors]"""
    found = {}
    for key, true in _truth(rig, twin).items():
        value = next((each for each in twin.values if each.key == key), None)
        if value is not None and value.determined and value.error > 0:
            found[key] = (value.value - true) / value.error
    return found


@lru_cache(maxsize=2)
def _made(bare: Rig, name: str, seed: int) -> tuple[Rig, PanelTwin]:
    rig = _rig(bare, name)
    return rig, _twin(rig, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fully_coated", "worn"])
def test_values_lie_within_three_standard_errors(bare: Rig, name: str) -> None:
    rig, twin = _made(bare, name, 1000)
    departures = _departures(rig, twin)

    assert len(departures) >= 9
    assert all(abs(value) < BAND for value in departures.values()), departures


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fully_coated", "worn"])
def test_maps_are_those_of_the_panel(bare: Rig, name: str) -> None:
    rig, twin = _made(bare, name, 1000)
    good, truth, maps = twin.good, rig.maps, twin.maps
    response = truth.response / np.median(truth.response[good])

    # Read noise of 6 DN over the root of the darks; 250 times that and of two darks over 3.9 s, against 400 of the map.
    assert robust_sigma((maps.offset_dn - truth.offset_dn)[good]) < 1.1 * 6.0 / np.sqrt(24)
    assert robust_sigma((maps.dark_electrons_per_s - truth.dark_electrons_per_s)[good]) < 1.1 * 250 * 0.444
    assert robust_sigma((maps.response - response)[good]) < 0.1 * robust_sigma(response[good])
    assert np.corrcoef(maps.offset_dn[good], truth.offset_dn[good])[0, 1] > 0.999
    if name == "worn":
        assert maps.nonlinearity is not None and truth.nonlinearity is not None
        assert np.corrcoef(maps.nonlinearity[good], truth.nonlinearity[good])[0, 1] > 0.9
    hard = (truth.defects & ~np.uint8(NOISY | NON_LINEAR)) != 0
    hard[:, [*range(8), *range(152, 160)]] = False
    assert np.mean(maps.defects[hard] != 0) > 0.9


@pytest.mark.slow
def test_electrons_per_dn_come_from_long_darks_only(bare: Rig) -> None:
    rig = _rig(bare, "fully_coated")
    start = load_panel("fully_coated", changes={"readout.electrons_per_dn": 300.0})
    short = _twin(rig, 5, doses=(3.0,), off=40, lag_doses=(2.0,), start=start)
    long = _twin(rig, 5, darks=32, dark_times_s=(0.1, 60.0, 120.0), doses=(3.0,), off=40, lag_doses=(2.0,), start=start)
    told = _twin(rig, 5, doses=(3.0,), off=40, lag_doses=(2.0,), start=start, electrons_per_dn=250.0)

    key = "readout.electrons_per_dn"
    assert not value_of(short.values, key).determined and value_of(short.values, key).value == 300.0
    found = value_of(long.values, key)
    assert found.determined and abs(found.value - 250.0) < BAND * found.error and found.error < 15.0
    assert value_of(told.values, key).value == 250.0 and not value_of(told.values, key).determined
    # In DN the panels are one.
    for one in (short, told):
        dn = [np.hypot(one.panel.readout.reset_noise_electrons, one.panel.readout.amplifier_noise_electrons)]
        dn += [one.panel.photodiode.dark_electrons_per_s, one.panel.photodiode.full_well_electrons]
        found_dn = np.array(dn) / one.panel.readout.electrons_per_dn
        np.testing.assert_allclose(found_dn[:2], [6.0, 8.0], rtol=0.02)
    assert short.panel.photodiode.full_well_electrons / 300.0 == pytest.approx(50_000.0)


@pytest.mark.slow
def test_one_dark_and_one_flat_determine_maps_only(bare: Rig) -> None:
    rig = _rig(bare, "fully_coated")
    twin = _twin(rig, 9, darks=1, dark_times_s=(0.1,), flats=1, doses=(3.0,), lag_doses=())

    determined = {value.key for value in twin.values if value.determined}
    assert determined <= {"readout.offset_dn", "measured.dn_per_uGy"}
    assert "what traps take of a frame not in it" in value_of(twin.values, "measured.dn_per_uGy").how
    assert all(value.how for value in twin.values)
    assert twin.panel.readout.amplifier_noise_electrons == rig.panel.readout.amplifier_noise_electrons
    assert np.corrcoef(twin.maps.offset_dn[twin.good], rig.maps.offset_dn[twin.good])[0, 1] > 0.99


@pytest.mark.parametrize(("told", "said"), [(-1.0, "-1"), (1e300, r"1e\+300"), (float("nan"), "nan")])
def test_told_electrons_per_dn_must_be_positive_and_possible(bare: Rig, told: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"electrons_per_dn must be positive and at most 1e\+09, got {said}$"):
        _twin(_rig(bare, "fully_coated"), 1, darks=1, flats=1, lag_doses=(), electrons_per_dn=told)


@pytest.mark.long
@pytest.mark.parametrize("name", ["fully_coated", "worn"])
def test_values_of_19_in_20_panels_lie_within_three_standard_errors(bare: Rig, name: str) -> None:
    runs = []
    for number in range(20):
        rig = _rig(bare, name, map_seed=100 + number)
        runs.append(_departures(rig, _twin(rig, 5000 + 100 * number)))

    outside = {key: [run[key] for run in runs if abs(run.get(key, 0.0)) >= BAND] for key in runs[0]}
    assert all(len(values) <= 1 for values in outside.values()), outside
    scatter = {key: float(np.std([run[key] for run in runs if key in run])) for key in runs[0]}
    assert all(value < 1.6 for value in scatter.values()), scatter  # 1 where errors are right; 0.16 its own error
