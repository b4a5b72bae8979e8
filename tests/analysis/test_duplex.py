"""Duplex wires against images whose dips follow in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.duplex import DIAMETERS_MM, interpolated_resolution, measure_duplex
from tests.analysis.duplex_truth import duplex_picture, true_dip, true_resolution

PITCH = 0.139


def picture(noise: float = 60.0, **other: Any) -> NDArray[np.float64]:
    return duplex_picture(**{"shape": (140, 460), "pitch_mm": PITCH, "sigma_mm": 0.06, "noise": noise, **other})


@pytest.mark.parametrize(
    ("sigma_mm", "pitch_mm", "mu"),
    [
        (0.05, 0.139, 5.0),
        pytest.param(0.15, 0.2, 20.0, marks=pytest.mark.slow),
        pytest.param(0.0, 0.139, 5.0, marks=pytest.mark.slow),
        pytest.param(0.1, 0.139, 5.0, marks=pytest.mark.slow),
        pytest.param(0.04, 0.05, 10.0, marks=pytest.mark.slow),
    ],
)
def test_dips_and_resolution_are_right(sigma_mm: float, pitch_mm: float, mu: float) -> None:
    shape = (140, int(62 / pitch_mm))
    found = measure_duplex(duplex_picture(shape, pitch_mm, sigma_mm=sigma_mm, mu=mu, noise=20.0), pitch_mm)
    assert [pair.name for pair in found.pairs] == list(DIAMETERS_MM)[:13]
    for pair in found.pairs:
        truth = true_dip(pair.diameter_mm, mu, sigma_mm, pitch_mm)
        assert abs(pair.dip - truth) < max(4.0 * pair.dip_error, 0.005)
    truth_mm = true_resolution(mu, sigma_mm, pitch_mm)
    assert found.isrb_mm == pytest.approx(truth_mm, rel=0.005)
    assert found.isrb_parabola_mm == pytest.approx(truth_mm, rel=0.03)  # by its own shape
    assert 0 < found.isrb_error_mm < 0.02 * truth_mm
    below = [d for d in DIAMETERS_MM.values() if true_dip(d, mu, sigma_mm, pitch_mm) < 0.2]
    assert found.srb_mm == below[0]


@pytest.mark.parametrize(
    ("sigma_mm", "tails", "fill", "pitch_mm", "angle_deg"),
    [
        (0.0, False, 1.0, 0.163, 1.8),
        (0.037, True, 0.78, 0.179, 2.4),
        pytest.param(0.0, False, 1.0, 0.1, 5.0, marks=pytest.mark.slow),
        pytest.param(0.09, True, 1.0, 0.15, 3.5, marks=pytest.mark.slow),
        pytest.param(0.03, False, 0.8, 0.2, 6.0, marks=pytest.mark.slow),
    ],
)
def test_apertures_and_tails_are_followed(
    sigma_mm: float, tails: bool, fill: float, pitch_mm: float, angle_deg: float
) -> None:
    """The parabola is 0.3 to 3.6 % off."""
    shape = (160, int(62 / pitch_mm))
    blur = {"sigma_mm": sigma_mm, "tails": tails}
    image = duplex_picture(shape, pitch_mm, **blur, fill=fill, angle_deg=angle_deg, noise=10.0)  # type: ignore[arg-type]
    found = measure_duplex(image, pitch_mm)
    truth_mm = true_resolution(5.0, sigma_mm, fill * pitch_mm, tails)
    assert found.isrb_mm == pytest.approx(truth_mm, rel=0.01)
    assert abs(found.isrb_mm - truth_mm) < 3.0 * found.isrb_error_mm
    for pair in found.pairs[6:]:
        assert pair.dip == pytest.approx(true_dip(pair.diameter_mm, 5.0, sigma_mm, fill * pitch_mm, tails), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "along", "angle_deg"),
    [
        (lambda p: p.T, "rows", 3.0),
        (lambda p: p[:, ::-1], "columns", -3.0),
        (lambda p: 20000.0 - p[::-1], "columns", -3.0),
        (lambda p: p * (1 + 0.3 * np.linspace(-0.5, 0.5, 460) + np.linspace(-0.1, 0.1, 140)[:, None]), "columns", 3.0),
    ],
    ids=["turned", "mirrored", "upside down and bright", "trend"],
)  # fmt: skip
def test_it_is_found_however_it_lies(change: Any, along: str, angle_deg: float) -> None:
    found = measure_duplex(change(picture()), PITCH)
    assert found.along == along and found.angle_deg == pytest.approx(angle_deg, abs=0.03)
    assert found.pairs[0].name == "1D" and len(found.pairs) == 13 and not found.doubts
    assert found.isrb_mm == pytest.approx(true_resolution(5.0, 0.06, PITCH), rel=0.02)


@pytest.mark.slow
def test_a_region_longer_than_the_wires_and_lost_pixels_change_little() -> None:
    long = picture(shape=(300, 460))
    rng = np.random.default_rng(3)
    long[:90], long[220:] = (10000.0 + 60.0 * rng.standard_normal((n, 460)) for n in (90, 80))
    long[120], long[:, 100] = np.nan, np.nan
    found = measure_duplex(long, PITCH)
    assert found.isrb_mm == pytest.approx(true_resolution(5.0, 0.06, PITCH), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "part_mm", "left", "said"),
    [
        (["7D"], 0.5, 12, "pair 7D lies on pixels without a number"),
        (["6D"], 2.6, 12, None),
        (["2D", "5D", "6D"], 2.6, 10, None),
        (["10D"], 1.6, 9, "pixels without a number beside 9D may hide the next pair"),
    ],
)
def test_pairs_on_lost_columns_do_not_shift_the_others(
    names: list[str], part_mm: float, left: int, said: str | None
) -> None:
    """Columns that were cut out let the next pair take the name: iSRb was 22 % too large, and nothing said."""
    lost = picture()
    for name in names:
        middle = 229.5 + (list(DIAMETERS_MM).index(name) - 6) * 4.0 / PITCH
        half = 0.5 * part_mm / PITCH + 4.0  # the tilt moves the wires by 3.7 pixels either way
        lost[:, round(middle - half) : round(middle + half)] = np.nan
    found = measure_duplex(lost, PITCH)
    expected = [name for name in list(DIAMETERS_MM)[:13] if name not in names][:left]
    assert [pair.name for pair in found.pairs] == expected
    for pair in found.pairs:
        assert pair.dip == pytest.approx(true_dip(pair.diameter_mm, 5.0, 0.06, PITCH), abs=0.02)
    assert (said in " ".join(found.doubts)) if said else not found.doubts
    if left > 9:
        assert found.isrb_mm == pytest.approx(true_resolution(5.0, 0.06, PITCH), rel=0.02)


@pytest.mark.slow
def test_edges_of_the_plastic_and_dead_pixels_are_no_wires() -> None:
    held = picture(shape=(140, 500), noise=30.0)
    held[:, 15:-20] *= 0.94
    held[np.random.default_rng(1).random(held.shape) < 0.001] = 0.0
    found = measure_duplex(held, PITCH)
    assert found.pairs[0].name == "1D" and not found.doubts
    assert found.isrb_mm == pytest.approx(true_resolution(5.0, 0.06, PITCH), rel=0.02)


@pytest.mark.slow
def test_a_part_of_the_gauge_is_named_by_its_separations() -> None:
    found = measure_duplex(picture(names=list(DIAMETERS_MM)[2:10]), PITCH)
    assert [pair.name for pair in found.pairs] == list(DIAMETERS_MM)[2:10]


@pytest.mark.slow
def test_another_pitch_and_wires_along_the_pixels_are_said() -> None:
    assert "from their nominal separation" in " ".join(measure_duplex(picture(), 0.15).doubts)
    assert "sampled by whole pixels" in " ".join(measure_duplex(picture(angle_deg=0.0), PITCH).doubts)


@pytest.mark.slow
def test_errors_hold_the_truth() -> None:
    off = []
    for seed in range(8):
        few = picture(noise=150.0, seed=seed, names=list(DIAMETERS_MM)[3:9], shape=(100, 200))
        off += [
            (p.dip - true_dip(p.diameter_mm, 5.0, 0.06, PITCH)) / p.dip_error for p in measure_duplex(few, PITCH).pairs
        ]
    assert 0.6 < np.sqrt(np.mean(np.square(off))) < 1.5


def test_without_a_gauge_or_where_no_pair_is_resolved_it_is_refused() -> None:
    flat = 10000.0 + 60.0 * np.random.default_rng(1).standard_normal((140, 460))
    with pytest.raises(ValueError, match="no pair of wires is resolved among the 0"):
        measure_duplex(flat, PITCH)
    for value in (0.0, 7.0, np.nan):
        with pytest.raises(ValueError, match="every usable pixel of the region has one value"):
            measure_duplex(np.full((140, 460), value), PITCH)
    with pytest.raises(ValueError, match="no pair of wires is resolved among the 13"):
        measure_duplex(picture(sigma_mm=0.6), PITCH)
    with pytest.raises(ValueError, match="times as wide as those of a duplex gauge"):
        measure_duplex(picture(), 3.0 * PITCH)
    with pytest.raises(ValueError, match="tilted by 10 degrees or more"):
        measure_duplex(picture(angle_deg=12.0), PITCH)
    with pytest.raises(ValueError, match="at least 24 x 24 pixels"):
        measure_duplex(flat[:10], PITCH)


def test_the_parabola_takes_two_above_and_two_below() -> None:
    diameter = np.array([0.5, 0.4, 0.32, 0.25, 0.2, 0.16])
    straight = 2.0 * (diameter - 0.15)
    assert interpolated_resolution(diameter, straight) == pytest.approx(0.25)
    bent = straight + 3.0 * (diameter - 0.25) * (diameter - 0.5)
    assert interpolated_resolution(diameter, bent) == pytest.approx(0.25)
    assert np.isnan(interpolated_resolution(diameter, np.full(6, 0.5)))
    assert np.isnan(interpolated_resolution(diameter, np.full(6, 0.1)))
