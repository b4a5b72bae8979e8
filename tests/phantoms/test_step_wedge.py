"""Step wedge: each step is as thick as asked, and the steps lie side by side."""

from __future__ import annotations

from itertools import pairwise

import pytest

from phantoms.solids import Box
from phantoms.step_wedge import step_wedge


def test_steps_have_the_given_heights_from_left_to_right_on_the_ground() -> None:
    heights = (5.0, 1.0, 2.5)
    wedge = step_wedge(heights, step_length_mm=8.0, width_mm=30.0, material="PMMA")
    for solid, height in zip(wedge.solids, heights, strict=True):
        assert solid.shape == Box((8.0, 30.0, height))
        assert solid.position_mm[2] - 0.5 * height == pytest.approx(0.0, abs=1e-12)
        assert solid.material == "PMMA"


@pytest.mark.parametrize("steps", [1, 4, 11])
def test_steps_touch_and_their_row_is_centred(steps: int) -> None:
    centres = [solid.position_mm[0] for solid in step_wedge([3.0] * steps, step_length_mm=6.0).solids]
    assert sum(centres) == pytest.approx(0.0, abs=1e-9)
    assert [b - a for a, b in pairwise(centres)] == pytest.approx([6.0] * (steps - 1))
    assert {solid.position_mm[1] for solid in step_wedge([3.0] * steps).solids} == {0.0}


def test_default_wedge_rises_by_two_millimetres_of_aluminium() -> None:
    wedge = step_wedge()
    assert {solid.material for solid in wedge.solids} == {"Al"}
    assert [2 * solid.position_mm[2] for solid in wedge.solids] == pytest.approx([2.0 * n for n in range(1, 12)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_heights_mm": []}, "at least 1 step, got none"),
        ({"step_heights_mm": [2.0, -1.0]}, "height of step 2 must be a positive length in mm, got -1.0"),
        ({"step_heights_mm": [float("inf")]}, "height of step 1 .* got inf"),
        ({"step_length_mm": 0.0}, "step_length_mm of the step wedge must be a positive length in mm, got 0.0"),
        ({"width_mm": -4.0}, "width_mm of the step wedge"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_wedge(**arguments)  # type: ignore[arg-type]
