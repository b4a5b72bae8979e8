"""Memory of a process that makes a map of scatter, and the error that the map states, as the benchmark has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.02, 0.01])
def test_a_map_is_made_in_little_memory_with_the_error_asked_for(noise: float) -> None:
    """Behind 20 cm of PMMA at 120 kV; kernels are compiled before. Times are for the benchmark to tell."""
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_scatter.py"), "--work", str(noise), "1"]
    for _ in range(2):
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        )
    *_, stated, peak_MB = done.stdout.splitlines()[0].split(",")
    assert float(stated) <= noise
    assert float(peak_MB) < 300.0
