"""`check` says what it knows at once."""

from __future__ import annotations

import pytest

from radiography.cli import run


def test_valid_is_said_before_anything_is_computed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def stop(*_: object, **__: object) -> None:
        said.append(capsys.readouterr().out)
        raise ValueError("stopped here")

    monkeypatch.setattr("radiography.jobs.check.plan_parts", stop)
    assert run(["check", "edge"]) == 2
    assert said[0].startswith("valid         edge\n")
    assert "object        phantom (tungsten_edge, 1 solid): " in said[0]
    assert "% of the panel" in said[0]
