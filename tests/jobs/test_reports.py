"""The jobs that report on a calibration set, called from Python."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.calibration_set import load_calibration_set, save_calibration_set
from calibration.flags import UNUSABLE
from radiography.files.frames import read_image
from radiography.jobs.defects import report_defects
from radiography.jobs.lag import report_lag
from radiography.jobs.qc import report_quality
from tests.calibration.lag_truth import TIME_S, true_model


def test_the_defect_map_of_a_set(line: Path, tmp_path: Path) -> None:
    found = report_defects(
        line / "small.cal", image=tmp_path / "map.tif", table=str(tmp_path / "map.csv"), overlay=tmp_path / "map.png"
    )
    assert found.source == line / "small.cal" and found.maps == 1 and found.ageing == ()
    assert np.array_equal(found.flags, load_calibration_set(line / "small.cal").defects)
    assert np.count_nonzero(found.flags & UNUSABLE) > 30  # most of a column
    assert np.array_equal(read_image(tmp_path / "map.tif").pixels, found.flags)
    assert {path.name for path in tmp_path.iterdir()} == {"map.tif", "map.csv", "map.png"}


def test_a_map_is_compared_with_an_earlier_one(line: Path) -> None:
    found = report_defects(str(line / "small.cal"), earlier=f"{line / 'small.cal'}@2020-01-01", in_runs=1.0)
    (step,) = found.ageing
    assert found.maps == 2 and step.any_class.new == step.any_class.healed == 0


def test_the_lag_of_a_set(line: Path, tmp_path: Path) -> None:
    save_calibration_set(replace(load_calibration_set(line / "small.cal"), lag=true_model()), tmp_path / "lag.cal")
    found = report_lag(tmp_path / "lag.cal", json_file=tmp_path / "lag.json")
    np.testing.assert_array_equal(found.model.time_s, TIME_S)
    assert json.loads((tmp_path / "lag.json").read_text())["calibration"] == "lag.cal"
    with pytest.raises(ValueError, match="has no lag model"):
        report_lag(line / "small.cal")


def test_the_quality_of_a_set_and_its_limits(line: Path, tmp_path: Path, followed: Any) -> None:
    (tmp_path / "limits.toml").write_text("[bad_pixels]\nmax = 10\n")
    found = report_quality(
        line / "small.cal",
        limits=tmp_path / "limits.toml",
        csv_file=tmp_path / "q.csv",
        json_file=tmp_path / "q.json",
        plot=tmp_path / "q.png",
        report=followed,
    )
    assert [rated.path for rated in found.sets] == [line / "small.cal"] and found.later == 0
    assert found.verdicts["bad_pixels"] and not found.within_limits
    assert json.loads((tmp_path / "q.json").read_text())["within_limits"] is False
    assert len((tmp_path / "q.csv").read_text().splitlines()) == 2
    assert followed.done == {"comparing": 1.0}
