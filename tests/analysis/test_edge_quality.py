"""The slanted-edge MTF knows when it must not be believed: one number and one sentence for each reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from radiography.analysis.edge import fitted
from radiography.analysis.mtf import MtfCurve, slanted_edge_mtf
from tests.analysis.edge_truth import GAUSS, GLARE, PITCH_MM, SHARP, EdgeScene, edge_image, noisy_edge_image, transfer

SMALL = EdgeScene(shape=(200, 200))
AT = np.array([0.5, 1.0, 2.0, 3.5])  # 1/mm


def measured(image: np.ndarray, **options: object) -> MtfCurve:
    whole = (0, image.shape[0], 0, image.shape[1])
    return slanted_edge_mtf(image.astype(np.float32), PITCH_MM, whole, **options)  # type: ignore[arg-type]


def noisy(scene: EdgeScene = SMALL, kerma_uGy: float = 2.5, seed: int = 1) -> np.ndarray:
    return noisy_edge_image(scene, kerma_uGy, np.random.default_rng(seed))


def off(curve: MtfCurve, scene: EdgeScene) -> np.ndarray:
    found = np.interp(AT, curve.frequency_per_mm, curve.value)
    return np.asarray(np.abs(found - transfer(scene.blur, AT * PITCH_MM, scene.angle_deg)))


@pytest.mark.parametrize("kerma_uGy", [15.0, 2.5, None], ids=["15", "2.5", "noiseless"])
@pytest.mark.parametrize("part", [0.975, 0.95, 0.9])
def test_a_clipped_open_field_is_refused_with_the_remedy(part: float, kerma_uGy: float | None) -> None:
    image = edge_image(SMALL) if kerma_uGy is None else noisy(kerma_uGy=kerma_uGy)
    with pytest.raises(ValueError, match=r"of the open field lies at exactly 9.* clipped.*less exposure"):
        measured(np.minimum(image, 1000 * part))


@pytest.mark.parametrize("below", [0.0, 50.0])
def test_a_clipped_plate_is_refused_with_the_remedy(below: float) -> None:
    with pytest.raises(ValueError, match=r"of the plate lies at exactly 0: it is clipped.*add an offset"):
        measured(np.maximum(noisy(kerma_uGy=15.0) - below, 0))


def test_a_side_clipped_in_part_is_noted_and_counted() -> None:
    scene = replace(SMALL, heel_along=0.2)
    curve = measured(np.minimum(noisy(scene), 1060))
    assert 0.1 < curve.quality.clipped_open < 0.3
    assert curve.quality.clipped_plate == 0.0
    assert any("of the open field is clipped" in sentence for sentence in curve.warnings)


def test_the_flag_plane_is_believed_where_the_values_do_not_show_it() -> None:
    image, rng = noisy(), np.random.default_rng(2)
    gain = rng.normal(1.0, 0.02, image.shape)  # corrected: what was one raw value is no longer
    clipped = image * gain > 950
    image = np.minimum(image * gain, 950) / gain
    with pytest.raises(ValueError, match=r"of the open field is flagged as saturated.*less exposure"):
        measured(image, saturated=clipped)
    few = rng.random(image.shape) < 0.01
    curve = measured(np.where(few, 5000.0, noisy()), saturated=few)
    assert curve.quality.clipped_open == pytest.approx(0.01, abs=0.004)
    assert off(curve, SMALL).max() < 0.02


@pytest.mark.parametrize(
    "image",
    [
        noisy(),
        noisy(kerma_uGy=0.5),
        edge_image(SMALL),
        edge_image(replace(SMALL, blur=SHARP)),
        np.random.default_rng(1).poisson(edge_image(SMALL)),
        np.random.default_rng(1).poisson(edge_image(SMALL) + 0.5),
        np.round(edge_image(SMALL) / 5),
        np.round(noisy() / 5),
        noisy(replace(SMALL, blur=GLARE, heel_along=0.06, heel_across=0.06)),
        noisy(replace(SMALL, blur=GAUSS, bow=1.5)),
        noisy(replace(SMALL, horizontal=True, dark_side_last=True)),
    ],
    ids=["noisy", "weak", "clean", "sharp", "quanta", "few quanta", "coarse", "coarse noisy", "heel", "bow", "turned"],
)  # fmt: skip
def test_a_good_edge_gets_no_doubt(image: np.ndarray) -> None:
    curve = measured(image.astype(float))
    assert not [sentence for sentence in curve.warnings if "degrees" not in sentence]
    assert curve.quality.clipped_open == curve.quality.clipped_plate == 0.0


def wavy(image: np.ndarray) -> np.ndarray:
    shifts = 0.3 * np.sin(2 * np.pi * np.arange(200) / 40)
    waves = np.array([edge_image(replace(SMALL, offset=float(shift)))[row] for row, shift in enumerate(shifts)])
    return np.asarray(image + waves - edge_image(SMALL))


SPOILED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "wavy": (wavy, "the edge is wavy by 0.2. pixels"),
    "columns": (lambda image: image * np.where(np.arange(200) >= 150, 1.01, 1.0), "a step of .* % of the contrast"),
    "levels": (lambda image: np.round(image / 20), "only 50 grey levels apart; 64 are needed"),
    "logarithm": (
        lambda image: np.log(np.maximum(image, -29) + 30),
        "the two sides of the edge differ by .* logarithm",
    ),
    "inverted": (lambda image: 1100 - image, "times as noisy as the brighter one"),
    "gamma": (lambda image: np.sqrt(np.maximum(image + 50, 0)), "linear in exposure"),
    "sharpened": (lambda image: 2.5 * image - 1.5 * uniform_filter(image, 5), "the curve rises to 1.3"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", SPOILED)
def test_each_reason_for_doubt_has_its_sentence(how: str) -> None:
    spoil, sentence = SPOILED[how]
    warnings = " | ".join(measured(spoil(noisy())).warnings)
    assert re.search(sentence, warnings), warnings


def test_the_numbers_of_doubt_are_those_that_were_put_in() -> None:
    assert measured(wavy(noisy())).quality.waviness_mm == pytest.approx(0.3 / np.sqrt(2) * PITCH_MM, rel=0.1)
    stepped = noisy() * np.where(np.arange(200) >= 150, 1.02, 1.0)
    assert measured(stepped).quality.block_step == pytest.approx(0.02, rel=0.25)
    assert measured(np.round(noisy() / 20)).quality.grey_levels == pytest.approx(50, rel=0.02)
    assert measured(noisy()).quality.waviness_mm == measured(noisy()).quality.block_step == 0.0


def test_a_large_standard_error_is_said() -> None:
    curve = measured(noisy(replace(SMALL, plate=0.9), 0.5))
    assert any("the standard error reaches" in sentence for sentence in curve.warnings)


def test_numbers_too_large_for_the_arithmetic_are_named() -> None:
    with pytest.raises(ValueError, match=r"values beyond 3\.4e.38, the largest that is worked with; divide"):
        slanted_edge_mtf(edge_image(SMALL) * 1e36, PITCH_MM)


def test_a_short_edge_is_measured_where_no_phase_is_missing() -> None:
    scene = EdgeScene(shape=(65, 65), angle_deg=0.75)
    assert off(measured(edge_image(scene)), scene).max() < 1e-3
    curve = measured(noisy(scene, 15.0))
    assert off(curve, scene).max() < 0.015  # three standard errors
    assert abs(curve.angle_deg) == pytest.approx(0.75, abs=0.05)
    with pytest.raises(ValueError, match=r"angle too small.* moves by 0.5 pixels over 65 rows"):
        measured(edge_image(replace(scene, angle_deg=0.45)))


def test_the_angle_is_judged_after_outliers_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def upright_then(*given: Any) -> Any:
        binned, count, line, first = sorted_pixels(*given)
        return binned, count, replace(line, slope=np.tan(np.radians(0.01))), first

    sorted_pixels = fitted._sorted_pixels
    monkeypatch.setattr(fitted, "_sorted_pixels", upright_then)
    with pytest.raises(ValueError, match=r"angle too small: the edge is tilted by 0\.01 degrees"):
        measured(noisy())
