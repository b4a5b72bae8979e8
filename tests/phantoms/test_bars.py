"""Line-pair pattern: the frequencies follow from where the bars lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from phantoms.bars import FOIL_THICKNESS_MM, R20_FREQUENCIES_PER_MM, bar_groups, bar_pattern
from phantoms.solids import Box, PlacedSolid


def bars_by_group(
    solids: tuple[PlacedSolid, ...], frequencies: tuple[float, ...], bars: int
) -> dict[float, list[PlacedSolid]]:
    """Bars in the order of the frequencies; solids holds the bars and the plain foil only."""
    return {frequency: list(solids[i * bars : (i + 1) * bars]) for i, frequency in enumerate(frequencies)}


@pytest.mark.parametrize("bars", [2, 4])
def test_bar_spacing_is_one_line_pair_and_bars_are_half_of_it(bars: int) -> None:
    frequencies = (0.5, 1.25, 3.55)
    solids = bar_pattern(frequencies, bars, columns=1, sheet_thickness_mm=0.0).solids
    assert len(solids) == len(frequencies) * bars + 1
    for frequency, group in bars_by_group(solids, frequencies, bars).items():
        centres = np.array([solid.position_mm[1] for solid in group])
        assert np.diff(centres) == pytest.approx(1.0 / frequency, rel=1e-12)
        for solid in group:
            assert isinstance(solid.shape, Box)
            assert solid.shape.size_mm[1] == pytest.approx(0.5 / frequency, rel=1e-12)
            assert solid.shape.size_mm[2] == FOIL_THICKNESS_MM


def test_layout_tells_where_the_bars_of_each_frequency_lie() -> None:
    groups = bar_groups()
    assert [group.frequency_per_mm for group in groups] == [*R20_FREQUENCIES_PER_MM, 0.0]
    bars = [solid for solid in bar_pattern().solids if solid.material == "Pb"]
    first = 0
    for group in groups:
        mine = bars[first : first + group.bars]
        first += group.bars
        middle = np.mean([solid.position_mm[:2] for solid in mine], axis=0)
        assert middle == pytest.approx(group.centre_mm, abs=1e-9)
    assert first == len(bars)


@pytest.mark.parametrize("columns", [1, 2, 3, 21])
def test_groups_do_not_touch_and_all_columns_are_used(columns: int) -> None:
    groups = bar_groups(columns=columns)
    assert len({round(group.centre_mm[0], 6) for group in groups}) == columns
    for a, b in combinations(groups, 2):
        gaps = [abs(a.centre_mm[k] - b.centre_mm[k]) - 0.5 * (a.size_mm[k] + b.size_mm[k]) for k in (0, 1)]
        assert max(gaps) > 1.9, f"groups {a.frequency_per_mm} and {b.frequency_per_mm} are {max(gaps)} mm apart"


def test_sheets_enclose_all_foil_and_come_first() -> None:
    sheet, *foil = bar_pattern().solids
    assert sheet.material == "PMMA"
    assert isinstance(sheet.shape, Box)
    low = np.array(sheet.position_mm) - 0.5 * np.array(sheet.shape.size_mm)
    high = np.array(sheet.position_mm) + 0.5 * np.array(sheet.shape.size_mm)
    assert low[2] == pytest.approx(0.0, abs=1e-12)
    for solid in foil:
        assert isinstance(solid.shape, Box)
        assert np.all(np.array(solid.position_mm) - 0.5 * np.array(solid.shape.size_mm) > low)
        assert np.all(np.array(solid.position_mm) + 0.5 * np.array(solid.shape.size_mm) < high)


def test_tilt_turns_x_towards_y() -> None:
    upright, turned = bar_pattern(), bar_pattern(tilt_deg=4.0)
    direction = turned.solids[1].rotation @ np.array([1.0, 0.0, 0.0])
    assert np.degrees(np.arctan2(direction[1], direction[0])) == pytest.approx(4.0, abs=1e-12)
    assert np.hypot(*turned.solids[1].position_mm[:2]) == pytest.approx(np.hypot(*upright.solids[1].position_mm[:2]))


def test_gold_pattern_holds_gold() -> None:
    assert {solid.material for solid in bar_pattern(foil_material="Au").solids} == {"PMMA", "Au"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frequencies_per_mm": ()}, "at least 1 group, got none"),
        ({"frequencies_per_mm": (1.0, -2.0)}, "above 0 line pairs per mm, got -2.0"),
        ({"bars_per_group": 1}, "bars_per_group must be 2 or more, got 1"),
        ({"bar_length_mm": 0.0}, "bar_length_mm must be a positive length in mm, got 0.0"),
        ({"columns": 22}, "columns must be between 1 and the 21 groups, got 22"),
        ({"foil_thickness_mm": -0.05}, "foil_thickness_mm must be a positive length in mm, got -0.05"),
        ({"sheet_thickness_mm": -1.0}, "sheet_thickness_mm must be zero or a positive length in mm, got -1.0"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bar_pattern(**arguments)  # type: ignore[arg-type]
