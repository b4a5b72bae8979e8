"""Darks of an integration time that flats or sequences have, and darks have not, are asked for before the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.files.frames import write_tiff
from radiography.jobs.calibrate import calibrate_panel


@pytest.mark.parametrize("kind", ["flat", "lag"])
def test_missing_darks_are_said_before_a_frame_is_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [np.full((16, 24), 1000, np.uint16)] * 2
    for name, time_s in (("dark", 0.5), ("flat", 0.2 if kind == "flat" else 0.5), ("lag", 0.2)):
        write_tiff(tmp_path / f"{name}.tif", frames, 0.1, {"integration_time_s": time_s})
    lag = [tmp_path / "lag.tif"] if kind == "lag" else []
    for reads in ("learn_panel", "saturation_of_calibration"):
        monkeypatch.setattr(f"radiography.jobs.calibrate.{reads}", None)
    message = rf"{kind}\.tif \({kind}\) was integrated for 0\.2 s but all dark frames for 0\.5 s: .* of 0\.2 s as well"
    with pytest.raises(ValueError, match=message):
        calibrate_panel(tmp_path / "dark.tif", tmp_path / "flat.tif", tmp_path / "x.cal", lag=lag)
    assert not (tmp_path / "x.cal").exists()
