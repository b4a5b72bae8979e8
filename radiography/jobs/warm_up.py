"""Everything that a first run compiles and keeps, done beforehand: for images of machines, and for continuous tests.

Both chains run once on a small panel with each shipped layer, in a folder that is deleted. What stays are the compiled
kernels, in numba's cache, and the light and deposits of the layers, in the cache of computed results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from radiography.cache import default_cache_folder
from radiography.jobs.compile_ahead import PARTS, compiling_ahead

_PANEL = """
based_on = "fully_coated"
name = "small"
description = "what is needed to run every kernel"
[pixels]
rows = 240
cols = 300
[uniformity]
defective_rows = 0
defective_cols = 1
"""
_SCENE = """
description = "to compile"
panel = "small.toml"
scintillator = "{layer}"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
{more}
"""
_EDGE = '[phantom]\nname = "tungsten_edge"\nposition_mm = [0.0, 0.0, 1.0]\nparameters = { tilt_deg = 3.0 }\n'
_SEQUENCE = "[sequence]\ndark_before = 1\nbeam_on = 4\nbeam_off = 8\nrepeats = 1\n"
# A slab as a solid, and as a volume of labels: each has kernels of its own. Its scatter, as coarse as it may be.
_SOLID = """[[solids]]
shape = "box"
material = "PMMA"
size_mm = [40.0, 40.0, 20.0]
position_mm = [0.0, 0.0, 30.0]
"""
_VOLUME = """[[volume]]
file = "slab.npy"
materials = { 1 = "PMMA" }
spacing_mm = [10.0, 10.0, 10.0]
position_mm = [0.0, 0.0, 30.0]
"""
_SCATTER = "[scatter]\nnoise = 0.2\n[grid]\nratio = 8.0\nlines_per_cm = 40.0\nstrip_um = 43.0\n"
_FILM, _COLUMNS = "CsPbBr3_75um", "CsI_Tl_500um"


@dataclass(frozen=True)
class WarmedUp:
    """Folders of what was kept: compiled kernels, and computed layers."""

    kernels: Path
    layers: Path


def warm_up(tell: Callable[[str, float], None]) -> WarmedUp:
    """Compile all kernels that simulation and correction use, and compute the shipped layers.

    Parameters
    ----------
    tell : callable
        Called with each part that is finished, and its seconds.

    Returns
    -------
    kept : WarmedUp
    """
    with TemporaryDirectory() as folder, compiling_ahead(tuple(PARTS)):
        for layer in (_FILM, _COLUMNS):
            inside = Path(folder) / layer
            inside.mkdir()
            for name, part in _PARTS.items():
                started = time.monotonic()
                part(inside, layer)
                tell(f"{name}, {layer}", time.monotonic() - started)
    from calibration.correction.pass_kernels import correct_bands

    return WarmedUp(Path(correct_bands.stats.cache_path), default_cache_folder())


def _simulate(folder: Path, layer: str) -> None:
    from radiography.jobs.simulate import simulate_scene

    (folder / "small.toml").write_text(_PANEL, encoding="utf-8", newline="\n")
    scenes = [("dark", 0.0, "", 4), ("flat", 15.0, "", 4), ("faint", 5.0, "", 4), ("edge", 15.0, _EDGE, 1)]
    for name, kerma, more, frames in [*scenes, ("lag", 15.0, _SEQUENCE, None)]:
        scene = folder / f"{name}.toml"
        scene.write_text(_SCENE.format(layer=layer, kerma=kerma, more=more), encoding="utf-8", newline="\n")
        simulate_scene(scene, folder / f"{name}.tif", frames=frames)


def _scatter(folder: Path, layer: str) -> None:
    """Scatter of a solid and of a volume; kernels of rays and of scattered photons do not know the layer."""
    import numpy as np

    from radiography.jobs.simulate import simulate_scene

    if layer != _FILM:
        return
    np.save(folder / "slab.npy", np.ones((2, 4, 4), np.uint8))
    for name, of in (("solid", _SOLID), ("volume", _VOLUME)):
        scene = folder / f"scatter_of_{name}.toml"
        text = _SCENE.format(layer=layer, kerma=5.0, more=of + _SCATTER)
        scene.write_text(text, encoding="utf-8", newline="\n")
        simulate_scene(scene, folder / f"scatter_of_{name}.tif")


def _calibrate(folder: Path, layer: str) -> None:
    """The film by one dose; the columns by two, and with lag."""
    from radiography.jobs.calibrate import calibrate_panel

    flats = [str(folder / name) for name in (["flat.tif"] if layer == _FILM else ["flat.tif", "faint.tif"])]
    lag = [] if layer == _FILM else [str(folder / "lag.tif")]
    calibrate_panel(str(folder / "dark.tif"), flats, folder / "small.cal", lag=lag)


def _correct(folder: Path, layer: str) -> None:
    from radiography.jobs.preparation import Wanted
    from radiography.jobs.reconstruct import reconstruct_frames

    wanted = Wanted(dicom=True, variance=layer == _COLUMNS)
    reconstruct_frames(str(folder / "edge.tif"), folder / "small.cal", folder / "corrected.tif", wanted=wanted)


def _measure(folder: Path, layer: str) -> None:
    from radiography.jobs.measure import measure_mtf
    from radiography.jobs.qc import report_quality

    measure_mtf(folder / "corrected.tif")
    report_quality(folder / "small.cal")


_PARTS: dict[str, Callable[[Path, str], None]] = {
    "simulate": _simulate,
    "scatter": _scatter,
    "calibrate": _calibrate,
    "correct": _correct,
    "measure": _measure,
}
