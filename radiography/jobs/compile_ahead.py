"""Kernels that a first run needs later, compiled by a second process while the run compiles what it needs first.

Numba compiles in one thread of a process at a time, so that a first run leaves all processors but one idle. The second
process goes the same way from its end, on small pictures of random numbers, and leaves what it compiles in numba's
cache, where the run finds it.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np

_LONGEST_TURN_S = 10.0  # a process that holds the cache for longer is no more   # chosen
_NICER = 10  # the second process gives way to the run where both want all processors   # chosen


@contextmanager
def compiling_ahead(parts: Sequence[str]) -> Iterator[None]:
    """Have parts of the chain compiled beside whatever runs inside, if this is a first run.

    Nothing is, where numba may use one thread only, or the system has no second process or lock to give.

    Parameters
    ----------
    parts : sequence of str
        Keys of `PARTS`, the one that is needed last first.
    """
    missing = missing_parts(parts)
    if numba.get_num_threads() < 2 or not missing:
        yield
        return
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            lock = context.Lock()
            beside = context.Process(target=_compile, args=(missing, folder, lock), daemon=True)
            beside.start()
        except (ImportError, OSError):  # a sandbox without semaphores, or a limit of processes
            yield
            return
        with in_turn(lock):
            try:
                yield
            finally:
                lock.acquire(timeout=_LONGEST_TURN_S)  # it is not in the middle of writing then
                beside.terminate()
                beside.join()


def missing_parts(parts: Sequence[str]) -> list[str]:
    """Those of the parts whose kernels numba has not kept.

    Parameters
    ----------
    parts : sequence of str
        Keys of `PARTS`.

    Returns
    -------
    missing : list of str
    """
    return [part for part in parts if not _is_kept(*PARTS[part][1:])]


def compile_parts(parts: Sequence[str]) -> None:
    """Compile parts of the chain in this process; what goes wrong shows where the kernels are used.

    Parameters
    ----------
    parts : sequence of str
        Keys of `PARTS`.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _compile_in(parts, folder)


@contextmanager
def in_turn(lock: Any) -> Iterator[None]:
    """Let numba read and write its cache only while this process holds the lock.

    numba writes the index of a cache before the data that it names. Who reads in between may get what an older source
    left under that name, and of two that write one may leave its data under the other's name.

    Parameters
    ----------
    lock : object
        With ``acquire(timeout=)`` and ``release()``, shared by the processes.
    """
    from numba.core.caching import IndexDataCacheFile

    def alone(method: Callable[..., Any]) -> Callable[..., Any]:
        def turn(*arguments: Any) -> Any:
            held = lock.acquire(timeout=_LONGEST_TURN_S)
            try:
                return method(*arguments)
            finally:
                if held:
                    lock.release()

        return turn

    methods = {name: getattr(IndexDataCacheFile, name) for name in ("save", "load")}
    for name, method in methods.items():
        setattr(IndexDataCacheFile, name, alone(method))
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(IndexDataCacheFile, name, method)


def _is_kept(module: str, name: str) -> bool:
    """Whether numba's cache holds a kernel that is not older than its source."""
    kernel = getattr(importlib.import_module(module), name)
    source = Path(kernel.py_func.__code__.co_filename)
    kept = Path(kernel.stats.cache_path).glob(f"{source.stem}.{name}-*.nbi")
    return any(index.stat().st_mtime >= source.stat().st_mtime for index in kept)


def _compile(parts: Sequence[str], folder: str, lock: Any) -> None:
    """What the second process does; it says nothing, and what goes wrong in it shows where the run comes to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends it
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open until the process ends)
    if hasattr(os, "nice"):
        os.nice(_NICER)
    with in_turn(lock):
        _compile_in(parts, folder)


def _compile_in(parts: Sequence[str], folder: str) -> None:
    for part in parts:
        inside = Path(folder) / part
        inside.mkdir()
        with suppress(Exception):
            PARTS[part][0](inside)


def _correction(folder: Path) -> None:
    """Calibration, correction and edge of a panel of random numbers, whose files go to a folder."""
    from radiography.files.frames import write_tiff
    from radiography.jobs.calibrate import calibrate_panel
    from radiography.jobs.measure import measure_mtf
    from radiography.jobs.preparation import Wanted
    from radiography.jobs.reconstruct import reconstruct_frames

    rng = np.random.default_rng(1)
    rows, cols, frames = 240, 300, 4
    response = rng.normal(1.0, 0.02, (rows, cols))
    response[20, 30:32] = 0.0
    distance = np.arange(cols) - cols / 2 - 0.05 * np.arange(rows)[:, None]
    edge = 1.0 / (1.0 + np.exp(-distance))
    for name, exposure, count in (("dark", 0.0, frames), ("flat", 1.0, frames), ("edge", edge, 1)):
        mean_dn = 1500.0 + 8000.0 * response * exposure
        raw_dn = np.rint(rng.normal(mean_dn, np.sqrt(36.0 + 0.5 * (mean_dn - 1500.0)), (count, rows, cols)))
        write_tiff(folder / f"{name}.tif", iter(raw_dn.astype(np.uint16)), 0.139, {})
    calibrate_panel(folder / "dark.tif", folder / "flat.tif", folder / "small.cal")
    reconstruct_frames(folder / "edge.tif", folder / "small.cal", folder / "corrected.tif", wanted=Wanted(dicom=True))
    measure_mtf(folder / "corrected.tif")


def _projection(folder: Path) -> None:
    """Shadow of the shipped objects on a small panel, and the spread of its light."""
    from radiography.config import DATA_FOLDER, load_scene
    from radiography.light.spread import plan_light_spread, spread_light
    from radiography.parts import load_parts
    from radiography.projection.geometry import axis_sample
    from radiography.projection.pixel_means import StripMeans, pixel_sums
    from radiography.projection.project import project_strips

    energy_keV = np.array([30.0, 50.0])
    for name in ("flat", "edge", "card"):
        parts = load_parts(load_scene(name), DATA_FOLDER / "scenes")
        geometry = _small(parts.geometry)
        samples, rays = parts.scene.sampling.samples_per_pixel, parts.scene.sampling.rays_per_sample
        strips = project_strips(
            parts.phantom,
            geometry,
            energy_keV,
            np.ones((5, 5, 8, energy_keV.size)),
            samples_per_pixel=samples,
            rays_per_sample=rays,
            materials=parts.materials,
        )
        size = (geometry.rows * samples, geometry.cols * samples)
        below = StripMeans((4, *size), samples, axis_sample(geometry, samples), 1.001)
        light = np.empty(size, np.float32)
        for top, sums in strips:
            below.add(sums[4:])
            pixel_sums(sums[0], samples)
            light[top : top + sums.shape[1]] = sums[1]
        plan = plan_light_spread(geometry.rows, geometry.cols, 0.139, 0.139, np.ones_like, samples, rays)
        spread_light(light, plan, overwrite=True)


def _frames(folder: Path) -> None:
    """A dark frame and one of the beam, of a small panel."""
    from radiography.acquire import Exposure, acquire_frame
    from radiography.config import load_panel, load_scintillator
    from radiography.light.spread import plan_light_spread
    from radiography.panel.maps import draw_panel_maps
    from radiography.scene import Timing

    panel = load_panel("fully_coated")
    panel = replace(panel, pixels=_small(panel.pixels))
    shape = (panel.pixels.rows, panel.pixels.cols)
    acquisition: Any = SimpleNamespace(  # what frames need of an acquisition; its layer would take long to compute
        panel=panel,
        scene=SimpleNamespace(timing=Timing()),
        scintillator=load_scintillator("CsI_Tl_500um"),
        maps=draw_panel_maps(panel),
        noise_spread=plan_light_spread(*shape, 0.139, 0.139, np.ones_like, 1, white_noise=True),
        quantum_efficiency=0.7,
    )
    rng = np.random.default_rng(1)
    exposure = Exposure(*rng.uniform(1.0, 2.0, (8, *shape)).astype(np.float32))
    _, state = acquire_frame(acquisition, None, rng)
    acquire_frame(acquisition, exposure, rng, state)


def _small(parts: Any) -> Any:
    """A geometry or a grid of pixels, of few of them."""
    return replace(parts, rows=128, cols=160)


def _columns(folder: Path) -> None:
    """The columnar layer of the demo, which stays in the cache of computed results."""
    from radiography.acquire import plan_acquisition
    from radiography.config import DATA_FOLDER, load_scene

    plan_acquisition(replace(load_scene("flat"), scintillator="CsI_Tl_500um"), DATA_FOLDER / "scenes")


# What compiles each part, and its largest kernel, which is there when the part is.
PARTS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "correction": (_correction, "calibration.correction.pass_kernels", "_correct_plain"),
    "projection": (_projection, "radiography.projection.kernels", "_project_bands"),
    "frames": (_frames, "radiography.noise", "_draw_portions"),
    "columns": (_columns, "radiography.light.column_kernels", "trace_columns"),
}
