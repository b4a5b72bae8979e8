"""`radiography warm-up`: a first run that is as fast as the second."""

from __future__ import annotations

import time
from pathlib import Path

from radiography.cli.output import give_json
from radiography.jobs.warm_up import warm_up


def run_warm_up(json_file: Path | None) -> None:
    """Compile and compute; print each part as it is finished, and where the results are kept."""
    started = time.monotonic()
    took: dict[str, float] = {}

    def tell(part: str, seconds: float) -> None:
        took[part] = seconds
        print(f"{part:<32}{seconds:7.1f} s", flush=True)

    kept = warm_up(tell)
    print(f"all in {time.monotonic() - started:.0f} s")
    print(f"kernels: {kept.kernels} and its neighbours; NUMBA_CACHE_DIR names another folder")
    print(f"layers: {kept.layers}")
    give_json(json_file, {"kernels": kept.kernels, "layers": kept.layers, "took_s": took, "warnings": []})
