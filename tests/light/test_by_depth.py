"""Light by depth, weighted with where the quanta are absorbed: two depths whose sums are done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.light.by_depth import (
    collected_fraction,
    collected_square,
    emerging_lines,
    emerging_spectrum,
    light_ends,
    noise_transfer,
    optical_transfer,
)
from radiography.light.transport import LightTransport


def two_depths(collected, transfer):
    zeros, count = np.zeros(2), np.full(2, 100)
    return LightTransport(
        10.0, np.array([2.5, 7.5]), count, count, count, count, count,
        np.array(collected), zeros, np.array([0.0, 2.0]), np.array(transfer), np.zeros((2, 2)),
        zeros, np.zeros((2, 2)), np.array([500.0, 600.0]), np.array([[1.0, 0.0], [0.0, 1.0]]),
    )  # fmt: skip


def test_depths_are_weighted_by_energy_and_light():
    transport = two_depths([0.2, 0.6], [[1.0, 0.5], [1.0, 0.8]])
    fraction = [0.75, 0.25]  # light 0.15 and 0.15 of the emitted, noise power 0.03 and 0.09
    assert collected_fraction(transport, fraction)[0] == pytest.approx(0.3)
    np.testing.assert_allclose(optical_transfer(transport, fraction)[0], [1.0, 0.65])
    np.testing.assert_allclose(noise_transfer(transport, fraction), [1.0, (0.25 + 3 * 0.64) / 4])
    assert collected_square(transport, fraction) == pytest.approx(0.12)
    np.testing.assert_allclose(emerging_lines(transport, fraction), [0.5, 0.5])
    np.testing.assert_allclose(emerging_spectrum(transport, fraction, [400.0, 550.0, 700.0]), [0.5, 0.5])


def test_energies_are_summed_one_by_one_and_one_that_leaves_nothing_has_no_transfer():
    transport = replace(
        two_depths([0.2, 0.6], [[1.0, 0.5], [1.0, 0.8]]),
        collected_error=np.array([0.01, 0.02]),
        transfer_error=np.array([[0.0, 0.0], [0.0, 0.05]]),
    )
    fraction = np.array([[0.75, 0.25], [0.0, 0.0], [0.1, 0.9]])
    for summed in (
        lambda by_depth: collected_fraction(transport, by_depth)[0],
        lambda by_depth: collected_fraction(transport, by_depth)[1],
        lambda by_depth: collected_square(transport, by_depth),
        lambda by_depth: optical_transfer(transport, by_depth)[0],
        lambda by_depth: optical_transfer(transport, by_depth)[1],
        lambda by_depth: noise_transfer(transport, by_depth),
    ):
        together = summed(fraction)
        assert not together[1].any()
        np.testing.assert_allclose(together[[0, 2]], [summed(fraction[0]), summed(fraction[2])], atol=1e-15)


def test_all_light_ends_somewhere():
    counts = {"detected": [10, 60], "absorbed": [50, 20], "lost_at_cover": [30, 20], "strayed": [10, 0]}
    transport = replace(
        two_depths([0.1, 0.6], np.ones((2, 2))), **{end: np.array(count) for end, count in counts.items()}
    )
    ends = light_ends(transport, [0.75, 0.25])
    assert ends == pytest.approx({"diodes": 0.225, "layer": 0.425, "cover": 0.275, "strayed": 0.075})


def test_uncertain_light_of_unlike_depths_makes_their_transfer_uncertain():
    transport = replace(
        two_depths([0.2, 0.6], [[1.0, 0.5], [1.0, 0.8]]),
        collected_error=np.array([0.01, 0.02]),
        transfer_error=np.array([[0.0, 0.0], [0.0, 0.05]]),
    )
    light, light_error = collected_fraction(transport, [0.75, 0.25])
    assert (light, light_error) == pytest.approx((0.3, np.hypot(0.75 * 0.01, 0.25 * 0.02)))
    # the depths are 0.15 off the mean of 0.65, with 0.0075 and 0.005 of uncertain light; one has 0.15 light at 0.05
    expected = np.sqrt((0.0075 * 0.15) ** 2 + (0.005 * 0.15) ** 2 + (0.15 * 0.05) ** 2) / 0.3
    np.testing.assert_allclose(optical_transfer(transport, [0.75, 0.25])[1], [0.0, expected], rtol=1e-12)


@pytest.mark.parametrize(
    ("fraction", "message"),
    [
        (np.ones(3), r"depth_fraction is \(3,\) but the light is known at \(2,\) depths"),
        ([-1.0, 2.0], "must be finite, 0 or more"),
        ([0.0, 0.0], "above 0 at some depth"),
        ([[0.5, 0.5], [3.0, 1.0]], "must sum to 1 over the depths, got 4"),
    ],
)
def test_wrong_depth_fractions_are_refused(fraction, message):
    with pytest.raises(ValueError, match=message):
        collected_fraction(two_depths([0.2, 0.6], np.ones((2, 2))), fraction)


def test_dark_depths_have_no_transfer():
    with pytest.raises(ValueError, match="none of the light"):
        optical_transfer(two_depths([0.0, 0.6], np.ones((2, 2))), [1.0, 0.0])


def test_falling_wavelengths_are_refused():
    with pytest.raises(ValueError, match="rising wavelengths"):
        emerging_spectrum(two_depths([0.2, 0.6], np.ones((2, 2))), [0.5, 0.5], [600.0, 500.0])
