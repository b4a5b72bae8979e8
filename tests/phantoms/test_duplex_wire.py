"""Duplex wire gauge: wires, gaps and places."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.duplex_wire import WIRE_DIAMETERS_MM, duplex_wire
from phantoms.solids import Box, Cylinder
from radiography.analysis.detector_qc.duplex import DIAMETERS_MM


def test_wires_are_two_of_each_diameter_with_a_gap_of_one() -> None:
    wires = duplex_wire(tilt_deg=0.0, body_thickness_mm=0.0).solids
    assert len(wires) == 26
    for number, diameter in enumerate(WIRE_DIAMETERS_MM):
        left, right = wires[2 * number : 2 * number + 2]
        assert isinstance(left.shape, Cylinder) and left.shape.radius_mm == pytest.approx(diameter / 2)
        assert right.position_mm[0] - left.position_mm[0] == pytest.approx(2 * diameter)
        np.testing.assert_allclose(np.abs(left.rotation @ [0.0, 0.0, 1.0]), [0.0, 1.0, 0.0], atol=1e-12)
        assert left.material == right.material == ("W" if diameter >= 0.5 else "Pt")


def test_the_gauge_is_that_which_is_measured() -> None:
    assert tuple(DIAMETERS_MM.values())[:13] == WIRE_DIAMETERS_MM


def test_plastic_encloses_the_wires_and_the_whole_is_turned() -> None:
    body, *wires = duplex_wire(tilt_deg=90.0).solids
    assert isinstance(body.shape, Box) and body.material == "PMMA"
    assert body.shape.size_mm[2] > 2 * max(abs(w.position_mm[2] - body.position_mm[2]) for w in wires) + 0.8
    assert np.ptp([w.position_mm[1] for w in wires]) > 50 > 1e-9 > np.ptp([w.position_mm[0] for w in wires])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"diameters_mm": ()}, "at least 1 pair of wires, got none"),
        ({"spacing_mm": 2.0}, "must fit into the spacing of 2 mm, got a diameter of 0.8 mm"),
        ({"length_mm": -1.0}, "length_mm must be a positive length in mm, got -1.0"),
        ({"body_thickness_mm": 0.5}, "0 or more than the thickest wire, 0.8 mm, got 0.5"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        duplex_wire(**arguments)  # type: ignore[arg-type]
