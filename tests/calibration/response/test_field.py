"""The field of the beam: heel and inverse square against pixels that scatter, another distance, a partial coating."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.dark.offset import OffsetMap
from calibration.defects.find import find_defects
from calibration.flags import DEAD, UNCOATED
from calibration.response.field import BeamField, estimate_field, field_at, field_from_json, field_to_json
from calibration.response.single_dose import GainMap

PANEL_MM = 427.0


def beam(rows: int, cols: int, distance_mm: float, heel: float = 0.35) -> NDArray[np.float64]:
    """Inverse square with obliquity, cos^3, and a heel of 35 %/rad along the rows; written from the geometry."""
    pitch_mm = PANEL_MM / max(rows, cols)
    y = ((np.arange(rows) - (rows - 1) / 2) * pitch_mm)[:, None]
    x = ((np.arange(cols) - (cols - 1) / 2) * pitch_mm)[None, :]
    cosine = distance_mm / np.sqrt(distance_mm**2 + x**2 + y**2)
    return np.asarray(cosine**3 * (1 + heel * np.arctan(y / distance_mm)))


def no_flags(rows: int, cols: int) -> NDArray[np.uint16]:
    return np.zeros((rows, cols), np.uint16)


def test_heel_and_inverse_square_are_recovered_under_5_per_cent_pixel_spread() -> None:
    rows, cols = 448, 512
    truth = beam(rows, cols, 1000.0)
    response = (truth * np.random.default_rng(0).normal(1, 0.05, truth.shape)).astype(np.float32)
    response[100:103] = 1e24  # a poisoned line, flagged
    flags = no_flags(rows, cols)
    flags[100:103] = DEAD
    field = estimate_field(response, flags, 1000.0)
    ratio = field_at(field, (rows, cols)) / truth
    error = float(ratio.std() / ratio.mean())
    # a block's median scatters by 1.253 * 5 % / 8 = 0.78 %; 15 terms from 56 x 64 blocks: 0.78 % sqrt(15 / 3584)
    assert field.standard_error == pytest.approx(0.0507e-2, rel=0.1)
    assert error < 0.058e-2
    assert np.ptp(truth) / truth.mean() == pytest.approx(0.2, abs=0.03)  # what there was to find
    # variance of the field over that of the flat, from the truth
    assert field.variance_fraction == pytest.approx(np.var(truth) / (np.var(truth) + 0.05**2), abs=0.02)


def test_a_patch_that_no_flag_knows_does_not_bend_the_field() -> None:
    clean = (beam(160, 240, 1000.0) * np.random.default_rng(4).normal(1, 0.01, (160, 240))).astype(np.float32)
    stained = clean.copy()
    stained[40:64, 100:124] *= 1.2  # 3 x 3 to 4 x 4 blocks of 600
    ours, theirs = (field_at(estimate_field(plane, no_flags(160, 240)), (160, 240)) for plane in (clean, stained))
    assert theirs / theirs.mean() == pytest.approx(ours / ours.mean(), abs=1e-3)  # 9 e-3 with the patch in the fit


def test_without_noise_the_polynomial_leaves_three_hundredths_of_a_per_cent() -> None:
    truth = beam(480, 512, 1000.0)
    ratio = field_at(estimate_field(truth, no_flags(480, 512)), (480, 512)) / truth
    assert np.abs(ratio / ratio.mean() - 1).max() < 1.5e-3 and ratio.std() < 2e-4  # of the fifth order, in the corners


def test_a_uniform_beam_has_a_field_of_one(panel) -> None:  # type: ignore[no-untyped-def]
    field = estimate_field(np.full((48, 64), 7.0), no_flags(48, 64))
    assert field_at(field, (48, 64)) == pytest.approx(1.0, abs=1e-6)
    assert field.variance_fraction == 0.0 and field.standard_error < 1e-12


@pytest.mark.slow
def test_a_gain_map_is_carried_to_another_distance() -> None:
    rows, cols = 360, 384
    at_calibration, at_frame = beam(rows, cols, 1000.0), beam(rows, cols, 1800.0)
    pixels = np.random.default_rng(1).normal(1, 0.05, (rows, cols))
    gain = 1 / (pixels * at_calibration)
    field = estimate_field(1 / gain, no_flags(rows, cols), 1000.0)
    same = pixels * at_frame * gain
    carried = same * field_at(field, (rows, cols)) / field_at(field, (rows, cols), 1800.0)
    left_in = same * field_at(field, (rows, cols))
    centre = np.s_[rows // 2, cols // 2]
    assert (same / same[centre]).max() - 1 == pytest.approx(0.13, abs=0.02)
    assert np.abs(carried / carried.mean() - 1).max() < 3e-3
    assert carried.mean() == pytest.approx(same[centre], rel=2e-3)  # the level of the middle stays
    assert left_in / left_in.mean() == pytest.approx(at_frame / at_frame.mean(), rel=2e-3)  # "none": the beam as it was


def test_the_field_at_its_own_distance_is_the_field() -> None:
    field = estimate_field(beam(48, 64, 1000.0), no_flags(48, 64), 1000.0)
    assert np.array_equal(field_at(field, (48, 64)), field_at(field, (48, 64), 1000.0))
    assert field_at(field, (48, 64), 1e9) == pytest.approx(
        float(field_at(field, (48, 64))[23:25, 31:33].mean()), rel=1e-3
    )


@pytest.mark.slow
def test_the_field_scales_about_the_point_below_the_focal_spot() -> None:
    rows, cols = 240, 320
    pitch_mm, spot = PANEL_MM / cols, (30.0, 260.0)
    y, x = ((np.arange(n) - middle) * pitch_mm for n, middle in zip((rows, cols), spot, strict=True))

    def shifted(distance_mm: float) -> NDArray[np.float64]:
        return np.asarray((1 + (y[:, None] ** 2 + x[None, :] ** 2) / distance_mm**2) ** -1.5)

    field = estimate_field(shifted(1000.0), no_flags(rows, cols), 1000.0, spot)
    found = field_at(field, (rows, cols), 1800.0)
    assert found / found[30, 260] == pytest.approx(shifted(1800.0), rel=2e-3)


def test_a_partly_coated_panel_gives_the_field_of_its_coating() -> None:
    rows, cols = 480, 512
    lit = np.zeros((rows, cols), bool)
    lit[195:285, 211:301] = True  # 8 x 8 cm in the middle of 43
    truth = beam(rows, cols, 1000.0, heel=1.0)
    rng = np.random.default_rng(2)
    response = np.where(lit, truth * rng.normal(1, 0.05, truth.shape), 0.04 * rng.normal(1, 0.3, truth.shape))
    response = np.where(lit & ~np.roll(lit, 12, axis=1), 0.6 * response, response).astype(np.float32)  # penumbra
    flags = no_flags(rows, cols)
    flags[~lit] = UNCOATED
    field = estimate_field(response, flags, 1000.0)
    everywhere = field_at(field, (rows, cols))
    assert np.isfinite(everywhere).all() and everywhere.min() > 0.85 and everywhere.max() < 1.15
    inner = np.s_[216:264, 232:280]  # two blocks from the bare part
    ratio = everywhere[inner] / truth[inner]
    # 15 terms from the 7 x 7 to 8 x 8 blocks left: about 0.78 % * sqrt(15 / 49)
    assert field.standard_error == pytest.approx(0.43e-2, rel=0.5)
    assert ratio.std() / ratio.mean() < 3 * field.standard_error
    assert np.array_equal(everywhere[0], everywhere[100]) and everywhere[240, 0] == everywhere[240, 100]


def test_the_field_works_on_what_the_defect_search_calls_uncoated() -> None:
    rows, cols = 240, 256
    signal = 400 + np.random.default_rng(3).normal(0, 20, (rows, cols))
    signal[75:165, 83:173] = 20000 * beam(90, 90, 5000.0)
    gain = GainMap(
        np.ones((rows, cols), "f4"), signal.astype("f4"), None, no_flags(rows, cols), 20000.0, 0.01, 1, (20000.0,)
    )
    offset = OffsetMap(np.full((rows, cols), 1000, "f4"), None, 4.0, 1, ())
    flags = find_defects(offset, gain, saturation_dn=60000.0).flags
    everywhere = field_at(estimate_field(signal, flags), (rows, cols))
    assert everywhere == pytest.approx(1.0, abs=0.02)


def test_json_brings_a_field_back() -> None:
    field = estimate_field(beam(48, 64, 900.0), no_flags(48, 64), 900.0)
    assert field_from_json(json.loads(json.dumps(field_to_json(field)))) == field
    values = {**field_to_json(field), "coefficients": [1.0, 2.0]}
    with pytest.raises(ValueError, match="a field has 15 coefficients, got 2"):
        field_from_json(values)


def test_the_inputs_are_unchanged() -> None:
    response, flags = beam(48, 64, 900.0), no_flags(48, 64)
    for plane in (response, flags):
        plane.setflags(write=False)
    estimate_field(response, flags)


def a_field(distance_mm: float | None = None) -> BeamField:
    return estimate_field(np.ones((48, 64)), no_flags(48, 64), distance_mm)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate_field(np.ones((48, 64)), no_flags(64, 48)), r"\(48, 64\) but the flags are \(64, 48\)"),
        (
            lambda: estimate_field(np.ones((48, 64)), no_flags(48, 64) | UNCOATED),
            "at least 2 x 2 blocks .* got 0 in all",
        ),
        (lambda: a_field(-3.0), "source_to_detector_mm must be positive, got -3.0"),
        (lambda: field_at(a_field(), (64, 48)), r"48 x 64 pixels but the frame is \(64, 48\)"),
        (lambda: field_at(a_field(), (48, 64), 1800.0), "flats do not say their source_to_detector_mm"),
        (lambda: field_at(a_field(1000.0), (48, 64), 0.0), "source_to_detector_mm must be positive, got 0.0"),
    ],
)
def test_a_wrong_input_names_itself(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()
