"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numba
import pytest

from radiography.config import load_panel, load_scintillator
from radiography.jobs.compile_ahead import in_turn
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
        with (
            _sharing_the_machine(folder)
            if folder is not None and "PYTEST_XDIST_WORKER" in os.environ
            else nullcontext()
        ):
            yield


@contextmanager
def _sharing_the_machine(folder: Path) -> Iterator[None]:
    """One thread for each worker of pytest-xdist, and one worker at a time in numba's cache of kernels.

    Tests of threads ask for their number.
    """
    from filelock import FileLock

    numba.set_num_threads(1)
    with in_turn(FileLock(folder / "kernels.lock")):
        yield


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
