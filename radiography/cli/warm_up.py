"""`radiography warm-up`: a first run that is as fast as the second."""

from __future__ import annotations

import time

from radiography.jobs.warm_up import warm_up


def run_warm_up() -> None:
    """Compile and compute; print each part as it is finished, and where the results are kept."""
    started = time.monotonic()
    kept = warm_up(lambda part, seconds: print(f"{part:<32}{seconds:7.1f} s", flush=True))
    print(f"all in {time.monotonic() - started:.0f} s")
    print(f"kernels: {kept.kernels} and its neighbours; NUMBA_CACHE_DIR names another folder")
    print(f"layers: {kept.layers}")
