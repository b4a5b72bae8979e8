"""Exposure index of pictures whose kerma is known."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.analysis.exposure_index import deviation_index, exposure_index, in_words


def flat(level_dn: float, seed: int = 1) -> np.ndarray:
    """96 x 128 pixels with a noise of 2 %."""
    return level_dn * np.random.default_rng(seed).normal(1.0, 0.02, (96, 128))


def test_it_is_a_hundred_times_the_kerma_and_grows_with_it() -> None:
    found = exposure_index(flat(2000.0), 800.0)
    assert found.exposure_index == pytest.approx(250.0, rel=1e-3)  # noise of the mean: 0.02 %
    assert found.kerma_uGy == pytest.approx(found.exposure_index / 100)
    assert exposure_index(2 * flat(2000.0), 800.0).exposure_index == pytest.approx(2 * found.exposure_index, rel=1e-6)


def test_an_offset_is_subtracted() -> None:
    plain, lifted = exposure_index(flat(2000.0), 800.0), exposure_index(flat(2000.0) + 300.0, 800.0, offset_dn=300.0)
    assert lifted.kerma_uGy == pytest.approx(plain.kerma_uGy, rel=1e-5)


def test_deviation_is_ten_times_the_logarithm_and_told_in_words() -> None:
    assert deviation_index(500.0, 250.0) == pytest.approx(3.0103, abs=1e-4)
    found = exposure_index(flat(1600.0), 800.0, target=400.0)
    assert found.deviation_index == pytest.approx(-3.0103, abs=0.01)
    assert "50 % less than the 4 uGy" in in_words(found)


def test_skewed_noise_does_not_lower_it() -> None:
    rare = np.random.default_rng(2).poisson(3.0, (192, 256)) * 100.0  # median of the pixels 300, of means of 64 too
    rare += 200.0 * np.random.default_rng(3).exponential(1.0, rare.shape)
    assert np.median(rare) < 0.97 * 500.0
    assert exposure_index(rare, 100.0).kerma_uGy == pytest.approx(5.0, rel=0.01)


def test_half_a_region_saturated_is_refused_and_a_tenth_is_said() -> None:
    image = flat(2000.0)
    flags = np.zeros(image.shape, bool)
    flags[:10] = True
    assert "10.4 % of the relevant region is saturated" in exposure_index(image, 1.0, saturated=flags).warnings
    flags[:60] = True
    with pytest.raises(ValueError, match="62 % of the relevant region is saturated"):
        exposure_index(image, 1.0, saturated=flags)
    clipped = np.minimum(flat(2000.0, 4), 1980.0).astype(np.uint16)
    with pytest.raises(ValueError, match="saturated"):
        exposure_index(clipped, 1.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dn_per_uGy": 0.0}, "DN per uGy must be a positive number, got 0"),
        ({"dn_per_uGy": 1.0, "target": -1.0}, "target exposure index must be a positive number, got -1"),
        ({"dn_per_uGy": 1.0, "offset_dn": np.nan}, "offset must be a number"),
        ({"dn_per_uGy": 1.0, "offset_dn": 1e6}, "nothing is exposed"),
    ],
)
def test_a_wrong_number_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        exposure_index(flat(2000.0), **given)
