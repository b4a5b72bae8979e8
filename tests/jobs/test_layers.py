"""The jobs about scintillators, called from Python with few photons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiography.jobs.residual import report_residual
from radiography.jobs.scintillator import Effort, at_frequency, report_scintillators
from radiography.sweep.engine import Engine, has_dask

FILM, CSI = "CsPbBr3_75um", "CsI_Tl_500um"
FEW = Effort(histories=300, photons=10_000, map_size=2)


@pytest.mark.slow
def test_a_layer_is_reported_on(tmp_path: Path, followed: Any) -> None:
    found = report_scintillators(
        FILM, thickness_um=[50, 100], json_file=tmp_path / "film.json", plot=tmp_path / "film.png", effort=FEW,
        report=followed,
    )  # fmt: skip
    assert list(found.reports[0]) == ["paper_70kV", "RQA5"]
    assert [report.thickness_um for report in found.studies[0]] == [50.0, 100.0]
    chosen = found.reports[0]["paper_70kV"]
    assert at_frequency(chosen, chosen.mtf, 2.0) == pytest.approx(0.72, abs=0.03)
    assert json.loads((tmp_path / "film.json").read_text())["beam"] == found.beam == "paper_70kV"
    assert followed.done == {f"{FILM}: light": 1.0, f"{FILM}: thicknesses": 1.0}


@pytest.mark.slow
@pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed")
def test_thicknesses_on_workers_are_those_of_the_loop(tmp_path: Path) -> None:
    for name, engine in (("loop", Engine("none")), ("workers", Engine("local", 2))):
        given = {"thickness_um": [50, 100], "effort": FEW, "engine": engine}
        report_scintillators(FILM, json_file=tmp_path / f"{name}.json", **given)  # type: ignore[arg-type]
    assert (tmp_path / "loop.json").read_bytes() == (tmp_path / "workers.json").read_bytes()


def test_what_remains_of_a_frame(tmp_path: Path) -> None:
    found = report_residual([FILM, CSI], rate_per_s=[1.0, 30.0], json_file=tmp_path / "residual.json")
    assert [study.scintillator for study in found.studies] == [FILM, CSI]
    assert json.loads((tmp_path / "residual.json").read_text())["conclusion"] == found.conclusion
    assert found.assumptions[1] == "the integration fills the frame"


@pytest.mark.parametrize("rates", [[], [30.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 2e6]])
def test_frame_rates_rise_within_what_the_stages_know(rates: list[float]) -> None:
    with pytest.raises(ValueError, match=r"frame rates must rise within 0\.001 to 1e\+06 /s, got \["):
        report_residual(FILM, rate_per_s=rates)
