"""What the demo says while it works; its results are checked by the tests of the whole line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from radiography.files.frames import write_tiff
from radiography.jobs import demo
from radiography.jobs.benchmark_report import can_report
from radiography.jobs.demo_report import demo_page


def test_no_step_that_takes_long_goes_by_the_name_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, float]] = []

    def plan_acquisition(scene: object, folder: object, progress: object) -> object:
        assert said[-1] == ("planning flat of CsI_Tl_500um", 0.0)
        return SimpleNamespace(scene=scene, scintillator=SimpleNamespace(name="layer"), panel=SimpleNamespace())

    def frames(acquisition: object, exposure: object, count: int, rng: object) -> Iterator[np.ndarray]:
        yield from (np.zeros((2, 2), np.uint16) for _ in range(count))

    def learn_panel(darks: list, flats: list, **known: object) -> str:  # type: ignore[type-arg]
        for stack in (*darks, *flats):
            list(stack.frames)
        assert said[-1] == ("finding bad pixels of layer", 0.0)
        return "learnt"

    monkeypatch.setattr(demo, "plan_acquisition", plan_acquisition)
    monkeypatch.setattr(demo, "acquire_sequence", frames)
    monkeypatch.setattr(demo, "learn_panel", learn_panel)
    monkeypatch.setattr(demo, "expose", lambda acquisition: None)
    monkeypatch.setattr(demo, "frame_conditions", lambda acquisition: None)
    plan = demo._plan("flat", "CsI_Tl_500um", lambda what, done: said.append((what, done)))
    plan.panel.saturation_dn = 1.0  # type: ignore[misc]
    assert demo._calibrate(plan, plan, 2, 1, lambda what, done: said.append((what, done))) == "learnt"  # type: ignore[comparison-overlap]
    assert ("calibrating layer", 1.0) in said


@pytest.mark.skipif(not can_report(), reason="plotly or Jinja2 is not installed")
def test_the_page_shows_both_panels(tmp_path: Path) -> None:
    curve = {"frequency_per_mm": [0.0, 2.0], "value": [1.0, 0.7], "standard_error": [0.0, 0.01]}
    panel = {
        "beam": "paper_70kV", "air_kerma_uGy": 15.0, "mtf": curve, "dqe0": 0.1, "dqe0_band": [0.05, 0.2],
        "mtf_at_2_per_mm": {"value": 0.7004, "standard_error": 0.01, "paper": 0.72}, "direct_signal_fraction": 0.2,
        "quantum_detection_efficiency": 0.125, "signal_to_noise": 11.5, "signal_electrons": 1e5, "signal_dn": 400.0,
        "dark_noise_dn": 6.0,
    }  # fmt: skip
    names = ("CsPbBr3_75um", "CsI_Tl_500um")
    for name in names:
        (tmp_path / name).mkdir()
        write_tiff(tmp_path / name / "card.tif", np.full((30, 40), 400, np.float32), 0.139, {})
    made = demo.Demonstration(tmp_path, dict.fromkeys(names, panel), (), 4, 1)
    page = demo_page(demo.demo_to_json(made), tmp_path, (5, 25, 10, 30))
    assert page.count('data-key="mtf2">0.700<') == 2
    assert "it absorbs 12 % of the X-rays, and its DQE(0) is 0.1 (0.05 to 0.2 over what is assumed)" in page
    assert '"rows":20,"cols":20,' in page
    assert "radiography demo --frames 4 --seed 1" in page
