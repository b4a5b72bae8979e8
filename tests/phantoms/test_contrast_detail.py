"""Contrast-detail plate: holes where the layout says, as deep as it says."""

from __future__ import annotations

import pytest

from phantoms.contrast_detail import SIZES_MM, contrast_detail, contrast_details
from phantoms.solids import Box, Cylinder


def test_holes_lie_where_the_layout_says_and_open_upwards() -> None:
    sheet, *holes = contrast_detail().solids
    details = contrast_details()
    assert len(details) == len(holes) == 225
    assert isinstance(sheet.shape, Box) and sheet.shape.size_mm == (265.0, 265.0, 10.0)
    for hole, detail in zip(holes, details, strict=True):
        assert isinstance(hole.shape, Cylinder) and hole.material == "air"
        assert hole.shape.radius_mm == pytest.approx(detail.diameter_mm / 2)
        assert hole.position_mm[:2] == pytest.approx(detail.centre_mm)
        assert hole.position_mm[2] + hole.shape.length_mm / 2 == pytest.approx(10.0)
        assert hole.shape.length_mm == detail.depth_mm


def test_rows_are_diameters_and_columns_are_depths() -> None:
    details = contrast_details()
    assert [d.diameter_mm for d in details[::15]] == list(SIZES_MM) == [d.depth_mm for d in details[:15]]
    assert details[0].centre_mm == pytest.approx((-112.0, -112.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depths_mm": ()}, "at least 1 diameter and 1 depth"),
        ({"diameters_mm": (1.0, -2.0)}, "diameters_mm must be a positive length in mm, got -2.0"),
        ({"square_mm": 5.0}, "a hole of 8 mm does not fit into a square of 5 mm"),
        ({"sheet_mm": 4.0}, "at least the deepest hole, 8 mm, got 4.0"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contrast_detail(**arguments)  # type: ignore[arg-type]
