"""Grids against brute force over the entry point, and against the properties of real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.scatter.grid import grid_shape, grid_transmission, primary_transmission, strip_shadow
from radiography.scene import GridChoice

LEAD = GridChoice(12.0, 40.0, 43.0)
FIBRE = GridChoice(15.0, 80.0, 24.0, interspace="carbon_fibre")


def _brute_force(grid: GridChoice, across: float, down: float, energy_keV: float, entries: int = 20_000) -> float:
    """Mean over entry points, each ray cut into the strips it meets."""
    mu_gap, mu_strip = (
        float(linear_attenuation_per_mm(material(name), np.array([energy_keV]))[0])
        for name in (grid.interspace, grid.strip)
    )
    pitch, strip = grid.gap_mm + 1e-3 * grid.strip_um, 1e-3 * grid.strip_um
    path, shift = grid.height_mm / down, grid.height_mm * abs(across) / down
    entry = (np.arange(entries) + 0.5) / entries * pitch
    in_strips = np.zeros(entries)
    for number in range(int(shift / pitch) + 3):
        low, high = number * pitch, number * pitch + strip
        if shift > 0:
            overlap = np.minimum(entry + shift, high) - np.maximum(entry, low)
            in_strips += np.clip(overlap, 0.0, None) / shift
        else:
            in_strips += (entry >= low) & (entry < high)
    return float(np.mean(np.exp(-path * (mu_gap + (mu_strip - mu_gap) * in_strips))))


@pytest.mark.parametrize("across", [0.0, 1e-6, 0.003, 0.02, 0.1, 0.5, -0.5, 0.9])
@pytest.mark.parametrize(
    "grid", [LEAD, GridChoice(8.0, 40.0, 43.0), GridChoice(15.0, 80.0, 24.0, interspace="carbon_fibre")]
)
@pytest.mark.parametrize("energy_keV", [35.0, 60.0, 100.0])
def test_the_closed_form_is_the_mean_over_the_entry(grid: GridChoice, across: float, energy_keV: float) -> None:
    along = 0.2
    down = np.sqrt(1 - across**2 - along**2) if across**2 + along**2 < 1 else 0.3
    shape = grid_shape(grid, 120.0)
    found = grid_transmission(shape, 0.0, across, down, energy_keV)
    assert found == pytest.approx(_brute_force(grid, across, down, energy_keV), abs=1e-4)


def test_no_grid_passes_everything() -> None:
    shape = grid_shape(None, 120.0)
    assert np.all(grid_transmission(shape, 0.0, [0.0, 0.5], [1.0, 0.5], 60.0) == 1.0)


def test_a_focused_grid_passes_the_primary_alike_everywhere_and_a_parallel_one_does_not() -> None:
    x_mm = np.array([0.0, 100.0, 200.0])
    focused = primary_transmission(grid_shape(replace(LEAD, focus_mm=1500.0), 120.0), 1500.0, 0.0, x_mm, [60.0])[:, 0]
    parallel = primary_transmission(grid_shape(LEAD, 120.0), 1500.0, 0.0, x_mm, [60.0])[:, 0]
    assert focused[2] == pytest.approx(focused[0], rel=0.01)
    assert parallel[0] == pytest.approx(focused[0], rel=1e-9)
    assert parallel[2] < 0.3 * parallel[0]  # ratio 12: a slope of 2 / 15 is past the strips' 1 / 12


def test_a_focus_off_the_source_cuts_off_at_the_sides() -> None:
    """A ray leans by x (1/f0 - 1/f): a strip's shadow is that times the height wider, less 1/mu h at either edge."""
    grid = replace(LEAD, focus_mm=1000.0)
    x_mm, shape = np.array([0.0, 50.0, 100.0, 150.0]), grid_shape(grid, 120.0)
    passed = primary_transmission(shape, 1500.0, 0.0, x_mm, [40.0])[:, 0]
    lean = grid.height_mm * x_mm * (1 / 1000.0 - 1 / 1500.0)
    seen_through = 2.0 / (float(linear_attenuation_per_mm(material("Pb"), np.array([40.0]))[0]) * grid.height_mm)
    expected = passed[0] * (1 - lean * (1 - seen_through) / grid.gap_mm)
    assert np.all(np.diff(passed) < 0)
    assert passed == pytest.approx(expected, rel=0.03)  # rays are longer off the axis


def test_strips_across_rows_act_on_rows() -> None:
    by_cols, by_rows = (grid_shape(replace(LEAD, across=across), 120.0) for across in ("cols", "rows"))
    energy = np.array([60.0])
    one = primary_transmission(by_cols, 1500.0, 20.0, 150.0, energy)
    other = primary_transmission(by_rows, 1500.0, 150.0, 20.0, energy)
    assert one == pytest.approx(other, rel=1e-12)
    assert one < 0.9 * primary_transmission(by_cols, 1500.0, 150.0, 20.0, energy)


def test_the_shadow_of_strips_has_their_period_and_leaves_the_mean() -> None:
    shape = grid_shape(replace(LEAD, focus_mm=1500.0), 120.0)
    edge_mm = np.arange(0, 401) * 0.025  # ten cells in a period
    shadow = strip_shadow(shape, 1500.0, edge_mm, np.array([1.0]), np.array([60.0]))
    assert shadow.mean() == pytest.approx(1.0, abs=1e-12)
    power = np.abs(np.fft.rfft(shadow - 1.0))
    assert np.argmax(power) == 40  # lines in 10 mm
    mu_gap, mu_strip = (float(linear_attenuation_per_mm(material(m), np.array([60.0]))[0]) for m in ("Al", "Pb"))
    gap, strip = (np.exp(-mu * LEAD.height_mm) for mu in (mu_gap, mu_strip))
    mean = (gap * LEAD.gap_mm + strip * 0.043) / 0.25
    assert shadow.max() == pytest.approx(gap / mean, rel=2e-3)  # a cell that no strip touches; 4,000 points a period


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ratio": -1.0}, "greater than 0"),
        ({"strip_um": 300.0}, "leave no gap at 40 lines per cm: strip_um must be below 250"),
        ({"focus_mm": 0.0}, "greater than 0"),
        ({"focus_mm": 2.0}, "the strips are 2.48 mm high .* focus_mm must be above it, got 2"),
    ],
)
def test_an_impossible_grid_names_itself(values: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(LEAD, **values)
