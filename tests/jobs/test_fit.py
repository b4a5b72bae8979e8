"""The fit of a layer, called from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.config import load_scintillator
from radiography.jobs.fit import fit_scintillator, toml_text
from radiography.study.layer_fit import Vary

FREQUENCY = np.arange(0.0, 4.1, 0.25)
MTF = np.sinc(0.139 * FREQUENCY) / (1.0 + (FREQUENCY / 2.3) ** 2)
LAYER = """
name = "measured"
description = "a layer whose spread was measured"
thickness_um = 75.0
parts = [{material = "CsPbBr3", volume_fraction = 0.52}]
[light]
yield_per_keV = 21.0
[[decay]]
amplitude_fraction = 1.0
time_ns = 12.0
[spread]
half_frequency_per_mm = 1.0
collection_fraction = 0.3
swank_optical = 0.9
origin = "measured"
note = "for tests"
[spread.emission]
peak_nm = 530.0
fwhm_nm = 20.0
"""


@pytest.mark.slow
def test_a_layer_is_fitted_to_its_mtf(tmp_path: Path, followed: Any) -> None:
    (tmp_path / "layer.toml").write_text(LAYER)
    np.savetxt(tmp_path / "mtf.csv", np.stack((FREQUENCY, MTF), axis=1), delimiter=",")
    found = fit_scintillator(
        tmp_path / "layer.toml",
        tmp_path / "mtf.csv",
        [Vary("spread.half_frequency_per_mm", 0.5, 10.0)],
        tmp_path / "fitted.toml",
        json_file=tmp_path / "fit.json",
        report=followed,
    )
    (parameter,) = found.fit.parameters
    assert parameter.value == pytest.approx(2.3, rel=1e-3)
    fitted = load_scintillator(str(found.out))
    assert fitted.spread is not None and fitted.spread.half_frequency_per_mm == parameter.value
    assert found.notes[-1] == "mtf.csv gives no standard errors: 0.005 is assumed"
    assert json.loads((tmp_path / "fit.json").read_text())["notes"] == list(found.notes)
    assert followed.done == {"runs of the model": 1.0}


@pytest.mark.parametrize("name", ["CsPbBr3_75um", "CsI_Tl_500um"])
def test_a_written_scintillator_reads_back_the_same(tmp_path: Path, name: str) -> None:
    before = load_scintillator(name)
    (tmp_path / "again.toml").write_text(toml_text(before, ["one\nline"]))
    assert load_scintillator(str(tmp_path / "again.toml")) == before
