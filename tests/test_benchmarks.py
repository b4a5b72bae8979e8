"""Benchmarks fit the code: what each uses is there, and plain numpy draws the frames that it is compared with."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.acquire import acquire_frame, expose
from tests.radiography.acquisitions import planned

BENCHMARKS = sorted((Path(__file__).resolve().parents[1] / "benchmarks").glob("bench_*.py"))


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script finds the files beside it, as Python does when it runs one."""
    monkeypatch.syspath_prepend(str(BENCHMARKS[0].parent))


def loaded(path: Path) -> Any:
    """A benchmark as a module; it does not run."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_what_a_benchmark_uses_is_there(path: Path) -> None:
    assert callable(loaded(path).main)


def test_the_frame_in_plain_numpy_is_ours(tmp_path: Path) -> None:
    module = loaded(next(path for path in BENCHMARKS if path.stem == "bench_frame"))
    acquisition = planned(tmp_path, scintillator="CsI_Tl_500um")
    exposure, rng = expose(acquisition), np.random.default_rng(3)
    offset_dn = acquisition.maps.offset_dn
    plain = [module.numpy_frame(acquisition, exposure, rng) - offset_dn for _ in range(8)]
    ours = [acquire_frame(acquisition, exposure, rng)[0] - offset_dn for _ in range(8)]
    # ours has lag, afterglow and energy in the diodes too, 1 to 3 per cent; 25,000 pixels, neighbours correlated
    assert np.mean(plain) == pytest.approx(np.mean(ours), rel=0.05)
    assert np.std(np.diff(plain, axis=0)) == pytest.approx(np.std(np.diff(ours, axis=0)), rel=0.07)
