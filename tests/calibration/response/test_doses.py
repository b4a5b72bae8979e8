"""Flats sorted into doses, and the panel's level made linear in exposure."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.response.doses import group_doses, linearise_levels

DOSES = np.array([0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 9.5])


def test_a_bent_panel_becomes_linear_in_exposure() -> None:
    levels_dn = 5000 * DOSES * (1 - 0.003 * DOSES)
    found = linearise_levels(levels_dn, DOSES)
    assert found.dn_per_kerma == pytest.approx(5000, rel=1e-4)
    for level_dn, kerma in zip(levels_dn, DOSES, strict=True):
        assert found.target(level_dn) == pytest.approx(5000 * kerma, rel=2e-4)
    # L = 5000 k (1 - 0.003 k): dL/dk = 5000 (1 - 0.006 k), and the target is 5000 k
    assert found.slope(levels_dn[4]) == pytest.approx(1 / (1 - 0.006 * 6.0), rel=5e-4)
    assert found.residual < 2e-4


def test_a_straight_panel_stays_as_it_is() -> None:
    found = linearise_levels(5000 * DOSES, DOSES)
    assert found.coefficients == () and found.target(1234.5) == 1234.5 and found.slope(99.0) == 1.0
    noisy = linearise_levels(5000 * DOSES * (1 + 0.005 * np.random.default_rng(1).normal(size=7)), DOSES)
    assert noisy.coefficients == () and noisy.residual == pytest.approx(0.005, rel=0.6)


def test_twice_the_exposure_unit_changes_nothing_but_the_unit() -> None:
    levels_dn = 5000 * DOSES * (1 - 0.003 * DOSES)
    one, two = linearise_levels(levels_dn, DOSES), linearise_levels(levels_dn, 2 * DOSES)
    assert two.coefficients == pytest.approx(one.coefficients) and two.dn_per_kerma == pytest.approx(
        one.dn_per_kerma / 2
    )


def test_the_order_is_held_to_that_of_the_pixels() -> None:
    levels_dn = 5000 * DOSES * (1 - 0.003 * DOSES)
    assert len(linearise_levels(levels_dn, DOSES, 1).coefficients) == 0
    assert len(linearise_levels(levels_dn, DOSES, 2).coefficients) == 1


@pytest.mark.parametrize(
    ("levels_dn", "kerma", "message"),
    [
        ([1.0, 2.0], [1.0], "2 levels need as many exposures, at least one; got 1"),
        ([], [], "at least one; got 0"),
        ([1.0, -2.0], [1.0, 2.0], "must be positive and finite"),
        ([1000.0, 3000.0, 2000.0], [1.0, 2.0, 3.0], "flats of 2 uGy have 3000 DN, but those of 3 uGy have 2000 DN"),
        (
            [1000.0, 1100.0, 9000.0, 9100.0],
            [1.0, 2.0, 3.0, 4.0],
            "miss any smooth response of the panel by .* limit 5 %",
        ),
    ],
)
def test_exposures_that_do_not_belong_are_refused(levels_dn, kerma, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        linearise_levels(levels_dn, kerma)


def test_flats_are_grouped_by_gaps_between_their_levels() -> None:
    levels_dn = [10000.0, 2000.0, 10300.0, 2060.0, 9800.0, 40000.0]
    doses = group_doses(levels_dn)
    assert [dose.frames for dose in doses] == [(1, 3), (0, 2, 4), (5,)]
    assert [dose.level_dn for dose in doses] == pytest.approx([2030.0, 30100.0 / 3, 40000.0])
    assert all(dose.kerma_uGy is None for dose in doses)
    assert len(group_doses([1000.0, 1079.0])) == 1 and len(group_doses([1000.0, 1081.0])) == 2  # 8 %
    assert len(group_doses([1000.0, 1120.0, 1060.0])) == 1  # a drifting tube: each within 8 % of the one before


def test_flats_are_grouped_by_exposure_where_all_are_known() -> None:
    levels_dn = [5000.0, 5500.0, 5200.0]  # one tube drifts, two doses are near each other
    doses = group_doses(levels_dn, [1.0, 1.1, 1.0])
    assert [dose.frames for dose in doses] == [(0, 2), (1,)]
    assert [dose.kerma_uGy for dose in doses] == pytest.approx([1.0, 1.1])
    assert group_doses(levels_dn, [1.0, None, 1.0]) == group_doses(levels_dn)
    assert group_doses([]) == ()


@pytest.mark.parametrize(
    ("levels_dn", "kerma_uGy", "message"),
    [
        ([1.0, 2.0], [1.0], "2 flats need as many exposures, got 1"),
        ([1.0, 0.0], None, "the level of a flat must be positive and finite, got 0.0"),
        ([1.0, 2.0], [1.0, float("nan")], "the exposure of a flat must be positive and finite, got nan"),
    ],
)
def test_wrong_levels_name_themselves(levels_dn, kerma_uGy, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        group_doses(levels_dn, kerma_uGy)
