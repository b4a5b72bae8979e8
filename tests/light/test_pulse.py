"""Pulses: closed forms, and effective decay times by summing."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.light.pulse import effective_decay_ns, pulse

SPLIT = ((0.8, 0.2), (12.0, 175.0))


def test_two_exponentials_have_the_mean_of_their_decays() -> None:
    assert effective_decay_ns(*SPLIT) == pytest.approx(44.6, rel=1e-12)


@pytest.mark.parametrize("rise_ns", [0.5, 2.0, 12.0])
def test_a_rise_makes_the_effective_decay_longer(rise_ns: float) -> None:
    time = np.linspace(0, 4000, 400_001)
    light = pulse(time, *SPLIT, rise_ns)
    by_sum = np.trapezoid(light, time) / light.max()
    assert effective_decay_ns(*SPLIT, rise_ns) == pytest.approx(by_sum, rel=1e-5)
    assert by_sum > 44.6


def test_one_exponential_of_12_ns_behind_a_rise_of_2_ns() -> None:
    # closed form: the top is at ln(t/r) r t/(t - r), and 12 becomes 12 * 6^(1/5)
    assert effective_decay_ns([1.0], [12.0], 2.0) == pytest.approx(12.0 * 6.0**0.2, rel=1e-9)


def test_equal_rise_and_decay() -> None:
    assert pulse([12.0], [1.0], [12.0], 12.0) == pytest.approx(np.exp(-1), rel=1e-12)
    assert pulse([12.0], [1.0], [12.0], 12.0 * (1 - 1e-7)) == pytest.approx(np.exp(-1), rel=1e-6)
    assert pulse([-1.0], [1.0], [12.0]) == 0.0


@pytest.mark.parametrize("wrong", [([1.0], [1.0, 2.0], 0.0), ([], [], 0.0), ([1.0], [0.0], 0.0), ([1.0], [1.0], -1.0)])
def test_what_is_no_pulse(wrong: tuple[list[float], list[float], float]) -> None:
    with pytest.raises(ValueError, match="got"):
        effective_decay_ns(*wrong)
