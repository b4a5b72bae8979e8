"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from radiography.config import load_panel, load_scintillator
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """Spectra and layer responses are kept in pytest's own cache, never in the user's."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("radiography") if cache else None
    with pytest.MonkeyPatch.context() as patch:
        if folder is not None:
            patch.setenv("XDG_CACHE_HOME", str(folder))
            if "PYTEST_XDIST_WORKER" in os.environ:
                _share_the_machine(folder / "kernels.lock", patch)
        yield


def _share_the_machine(path: Path, patch: pytest.MonkeyPatch) -> None:
    """One thread for each worker of pytest-xdist, and one worker at a time in numba's cache of kernels.

    Tests of threads ask for their number. numba writes the index of a cache before the data that it names: a worker
    that reads in between gets what an older source left there, and two that write can leave one's data under the
    other's name.
    """
    from filelock import FileLock

    lock = FileLock(path)  # once: it may be taken again by who holds it

    def alone(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def turn(*arguments: Any) -> Any:
            with lock:
                return method(*arguments)

        return turn

    numba.set_num_threads(1)
    for name in ("save", "load"):
        patch.setattr(IndexDataCacheFile, name, alone(getattr(IndexDataCacheFile, name)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real detector data beside the checkout; skips where it is not there."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real detector data (../shared/data) is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def film() -> Scintillator:
    """The paper's CsPbBr3 film."""
    return load_scintillator("CsPbBr3_75um")


@pytest.fixture(scope="session")
def csi() -> Scintillator:
    """Columnar CsI:Tl."""
    return load_scintillator("CsI_Tl_500um")


@pytest.fixture(scope="session")
def small_panel() -> Panel:
    """The shipped panel with 48 x 64 pixels, 4 amplifiers and enough defects to see them."""
    panel = load_panel("fully_coated")
    return replace(
        panel,
        pixels=replace(panel.pixels, rows=48, cols=64),
        readout=replace(panel.readout, columns_per_amplifier=16),
        uniformity=replace(panel.uniformity, defective_fraction=0.02),
    )
