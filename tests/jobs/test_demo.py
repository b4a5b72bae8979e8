"""What the demo says while it works; its results are checked by the tests of the whole line."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from radiography.jobs import demo


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
