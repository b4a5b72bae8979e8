"""Measured curves: thinned, on their own scale, and one sentence for a file that holds none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiography.jobs.curves import read_mtf, read_nps


def test_the_json_of_mtf_is_thinned_to_independent_points(tmp_path: Path) -> None:
    frequency = np.arange(0.0, 7.0, 0.01 / 0.139)
    columns = {"frequency_per_mm": frequency, "value": 0.5 + 0 * frequency, "standard_error": 0.01 + 0 * frequency}
    text = json.dumps({key: value.tolist() for key, value in columns.items()} | {"pitch_mm": 0.139})
    (tmp_path / "mtf.json").write_text(text)
    (found, value, error), assumed = read_mtf(tmp_path / "mtf.json")
    np.testing.assert_allclose(np.diff(found), 0.05 / 0.139)
    assert found[0] > 0 and value[0] == 0.5 and error[0] == 0.01 and not assumed


def test_an_nps_is_taken_over_its_value_at_the_lowest_frequency(tmp_path: Path) -> None:
    (tmp_path / "nps.csv").write_text("2,3,0.3\n1,6,0.6\n0,99,1\n")
    (frequency, value, error), assumed = read_nps(tmp_path / "nps.csv")
    np.testing.assert_allclose([frequency, value, error], [[1.0, 2.0], [1.0, 0.5], [0.1, 0.05]])
    assert not assumed


@pytest.mark.parametrize("content", ["{}", "[1, 2]", "{not json", '{"frequency_per_mm": 1}', "null"])
def test_json_that_is_no_mtf_says_what_it_needs(tmp_path: Path, content: str) -> None:
    (tmp_path / "mtf.json").write_text(content)
    with pytest.raises(ValueError, match="needs the lists frequency_per_mm, value and standard_error"):
        read_mtf(tmp_path / "mtf.json")
