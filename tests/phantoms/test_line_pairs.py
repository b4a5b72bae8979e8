"""Line-pair plate: frequencies follow from where the bars lie."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.line_pairs import BLOCK, BLOCKS, UNIT_MM, line_pair_blocks, line_pairs
from phantoms.solids import Box


def test_bars_have_the_frequency_of_their_block() -> None:
    bars = [solid for solid in line_pairs(tilt_deg=0.0).solids if solid.material == "Pb"]
    for frequency, place in BLOCKS:
        count = int(BLOCK * UNIT_MM * frequency)
        mine, bars = bars[:count], bars[count:]
        x = np.array([bar.position_mm[0] for bar in mine])
        np.testing.assert_allclose(np.diff(x), 1.0 / frequency, rtol=1e-9)
        assert x.mean() == pytest.approx(place * UNIT_MM, abs=1e-9)
        assert all(
            isinstance(bar.shape, Box) and bar.shape.size_mm[0] == pytest.approx(0.5 / frequency) for bar in mine
        )
    assert not bars


def test_blocks_do_not_touch_and_lie_on_the_sheet() -> None:
    blocks = line_pair_blocks()
    side = BLOCK * UNIT_MM
    for i, one in enumerate(blocks):
        for other in blocks[i + 1 :]:
            gaps = [abs(a - b) - side for a, b in zip(one.centre_mm, other.centre_mm, strict=True)]
            assert max(gaps) > 0.0, (one, other)
    sheet, *others = line_pairs(tilt_deg=0.0).solids
    assert isinstance(sheet.shape, Box)
    for solid in others:
        assert isinstance(solid.shape, Box)
        for axis in (0, 1):
            reach = abs(solid.position_mm[axis]) + 0.5 * solid.shape.size_mm[axis]
            assert reach < 0.5 * sheet.shape.size_mm[axis]
        assert solid.position_mm[2] - 0.5 * solid.shape.size_mm[2] == pytest.approx(sheet.shape.size_mm[2])


def test_the_plate_stands_on_its_corner() -> None:
    sheet = line_pairs().solids[0]
    np.testing.assert_allclose(sheet.rotation @ [1.0, 0.0, 0.0], np.array([1.0, 1.0, 0.0]) / np.sqrt(2), atol=1e-12)
