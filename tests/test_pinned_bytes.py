"""Nothing moves a byte of what the shipped scenes give, unless a commit says so: see `tests/pinned_bytes.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pinned_bytes import LAYERS, PANELS, PINS, machine, measure

RECORD = json.loads(PINS.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("panel", PANELS)
def test_frames_calibration_and_corrected_images_are_the_same_bytes(tmp_path: Path, panel: str, layer: str) -> None:
    found, pinned = measure(tmp_path, panel, layer), RECORD["pins"][f"{panel}/{layer}"]
    moved = sorted(name for name in pinned.keys() | found.keys() if pinned.get(name) != found.get(name))
    assert not moved, f"pinned on {RECORD['machine']}, measured on {machine()}"


def test_the_pins_hold_every_kind_of_result() -> None:
    assert RECORD["pins"].keys() == {f"{panel}/{layer}" for panel in PANELS for layer in LAYERS}
    for pins in RECORD["pins"].values():
        assert {name.partition("/")[0] for name in pins} == {"raw", "calibration", "corrected"}
        assert all(len(value) == 64 for value in pins.values())
