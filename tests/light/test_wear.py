"""Light of films that wear out, against exponentials."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.light.wear import cycled_light, light_after


def test_wear_and_recovery() -> None:
    assert light_after([0.0, 50.0], 50.0) == pytest.approx([1.0, np.exp(-1)])
    assert light_after([1e9], 50.0, lasting=0.3) == pytest.approx([0.3])
    time_s = np.arange(0.0, 60.5, 0.5)
    worn = cycled_light(time_s, 0.01, np.inf, 30.0)
    assert worn[60] == pytest.approx(np.exp(-0.3), rel=2e-3) and worn[-1] == worn[60]
    assert cycled_light(time_s, 0.01, 1.0, 30.0)[-1] == pytest.approx(1.0, abs=1e-6)
    assert np.all(cycled_light(time_s, 0.0, 1.0, 30.0) == 1.0)


def test_wear_refuses_what_is_no_dose_or_time() -> None:
    with pytest.raises(ValueError, match=r"wearing dose must be positive, got 0"):
        light_after([1.0], 0.0)
    with pytest.raises(ValueError, match=r"positive times, got 0 and 1 s"):
        cycled_light(np.arange(3.0), 0.1, 1.0, 0.0)
