"""Names of layers, and the noise that makes frames bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.truth.layers import MASK, THICKNESS, Constants, exact_noise, layer_name, rounded_frame

CONSTANTS = Constants(integration_time_s=0.5, full_well_electrons=1e7, electrons_per_dn=250.0, highest_dn=65535)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Al", "Al"),
        ("C5H8O2@1.18", "C5H8O2@1.18"),
        ("solids[0]", "solids[0]"),
        ("my/alloy", "my%2Falloy"),
        ("..", "%2E."),
        ("__x", "%5F_x"),
        ("zarr.json", "%7Aarr.json"),
        ("C:\\x", "C%3A%5Cx"),
        ("", "%"),
    ],
)
def test_a_name_of_a_material_is_safe_as_that_of_a_folder(name: str, expected: str) -> None:
    assert layer_name(THICKNESS, name) == f"thickness_mm/{expected}"


def test_a_name_that_no_folder_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 300 bytes as that of a layer of the truth: 200 at most"):
        layer_name(MASK, "x" * 300)


def test_noise_is_rounded_to_the_side_on_which_the_frame_lies() -> None:
    rng = np.random.default_rng(1)
    # Just above and below what rounds up: float32 of the noise alone would fall on the wrong side of many.
    analog_dn = rng.integers(0, 65000, (200, 300)) + 0.5 + rng.normal(0.0, 1e-7, (200, 300))
    level = (analog_dn - rng.normal(0.0, 300.0, analog_dn.shape)).astype(np.float32)
    lag_dn = rng.normal(0.0, 5.0, analog_dn.shape).astype(np.float32)
    raw_dn = np.rint(analog_dn).astype(np.uint16)
    plain = (analog_dn - level - lag_dn).astype(np.float32)
    assert (rounded_frame(level, lag_dn, plain, CONSTANTS) != raw_dn).any()
    noise_dn = exact_noise(analog_dn, (level, lag_dn), raw_dn, CONSTANTS)
    np.testing.assert_array_equal(rounded_frame(level, lag_dn, noise_dn, CONSTANTS), raw_dn)
    np.testing.assert_allclose(noise_dn, plain, rtol=3e-7)


def test_a_frame_that_the_signal_did_not_make_is_an_error() -> None:
    level = np.full((3, 4), 100.0, np.float32)
    nothing = np.zeros_like(level)
    raw_dn = np.full((3, 4), 100, np.uint16)
    raw_dn[1, 2] = 101
    with pytest.raises(ArithmeticError, match="do not make 1 pixels"):
        exact_noise(level.astype(np.float64), (level, nothing), raw_dn, CONSTANTS)
