"""Truth of the samples of a sweep: layers that `simulate --truth` writes, by the same code, for the store of the sweep.

The layers of the panel alone are left out: they are the same for all samples that have the same panel. So is the noise,
which is what frames have beside `noiseless_dn` and `lag_dn`, and whose name is that of a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.acquire import Acquisition, Exposure
from radiography.config import load_scintillator
from radiography.jobs.inputs import no_report
from radiography.jobs.truth import has_late_light, masked_objects, truthful_sequence, write_shared_layers
from radiography.parts import SceneParts, load_parts
from radiography.projection.project import VACUUM
from radiography.projection.voxel_world import basis_materials
from radiography.scene import Scene
from radiography.sweep.samples import DescribedSample, PlannedSweep, describe_sample
from radiography.sweep.store import StoredArray
from radiography.truth.layers import BACK, FRAMES, MASK, MASS, THICKNESS, kind_of, layer_name

SHARED = ("quanta", "light", "light_spread", "primary", "scatter")
ALWAYS = (*SHARED, "mean_electrons", "noiseless_dn", "lag_dn")
AFTERGLOW = "afterglow_electrons"  # where a layer has any, or the panel remembers doses
OF_SAMPLES = {"row": "row", "column": "col", "frame": "frame"}  # as the store names axes


def truth_arrays(plan: PlannedSweep, frame_shape: tuple[int, int, int]) -> tuple[StoredArray, ...]:
    """Arrays for the layers that any sample of a sweep has.

    Parameters
    ----------
    plan : PlannedSweep
        From `plan_sweep`.
    frame_shape : (int, int, int)
        Frames, rows and columns of every sample. [1]

    Returns
    -------
    arrays : tuple of StoredArray
        A sample that has no such layer leaves its place empty: NaN, and false in masks. An object that several samples
        have is loaded once: a volume may take seconds.

    Raises
    ------
    ValueError
        If the name of a material is too long for that of a file.
    """
    names = dict.fromkeys(ALWAYS)
    objects: dict[str, list[str]] = {}  # names of its layers by what describes it
    for index in range(plan.count):
        try:
            described = describe_sample(plan, index)
            if (thing := _object_of(described.scene)) not in objects:
                objects[thing] = _names(load_parts(described.scene, described.folder, described.changes))
            behind = _behind(described)
        except (ValueError, TypeError, OSError):
            continue  # recorded when its turn comes
        names |= dict.fromkeys(_late(described) + objects[thing])
        if behind is not None:
            names |= dict.fromkeys(BACK + name for name in (*ALWAYS, *_late(behind), *objects[thing]))
    return tuple(_array(name, frame_shape) for name in names)


def _behind(described: DescribedSample) -> DescribedSample | None:
    """A sample with the scintillator of its back layer; None of a panel with one layer."""
    back = described.panel.back
    if back is None:
        return None
    return replace(described, scintillator=load_scintillator(back.scintillator, described.folder))


def _late(described: DescribedSample) -> list[str]:
    return [AFTERGLOW] if has_late_light(described) else []


def _object_of(scene: Scene) -> str:
    """All that says what stands in the beam of a scene, and of what materials."""
    table = asdict(scene)
    return json.dumps([table[key] for key in ("phantom", "solids", "volume", "materials")], default=str)


def _names(parts: SceneParts) -> list[str]:
    """Names of the layers of an object."""
    phantom, found = parts.phantom, []
    if phantom is not None:
        materials = dict.fromkeys(solid.material for solid in phantom.solids if solid.material != VACUUM)
        found += [layer_name(THICKNESS, material) for material in materials]
        found += [layer_name(MASS, material) for material in basis_materials(phantom.volumes)]
        found += [layer_name(MASK, one.name) for one in masked_objects(phantom, len(parts.scene.solids))]
        found += [layer_name(MASK, f"volume[{number}]") for number in range(len(phantom.volumes))]
    return found


def _array(name: str, frame_shape: tuple[int, int, int]) -> StoredArray:
    unit, axes, what = kind_of(name)
    shape = frame_shape if axes == FRAMES else frame_shape[1:]
    dtype = "bool" if name.removeprefix(BACK).startswith(MASK) else "float32"
    return StoredArray(name, dtype, tuple(OF_SAMPLES[axis] for axis in axes), shape, {"units": unit, "long_name": what})


class _Held:
    """Layers of one sample in memory, in place of files."""

    frames_axis = True

    def __init__(self) -> None:
        self.layers: dict[str, npt.NDArray[Any]] = {}

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]) -> Any:
        """An array that takes values by slices."""
        self.layers[name] = np.zeros(shape, dtype)
        return self.layers[name]


def truthful_frames(
    acquisition: Acquisition, exposure: Exposure | None, rng: np.random.Generator, pattern: Sequence[float]
) -> tuple[list[npt.NDArray[np.uint16]], dict[str, npt.NDArray[Any]]]:
    """Frames of a sample, the same as without its truth, and the layers behind them.

    Parameters
    ----------
    acquisition, exposure, rng, pattern
        As for `acquire_sequence`.

    Returns
    -------
    raw_dn : list of (H, W) uint16
        [DN]
    layers : dict of str to array
        By name; without exposure those of its light are 0.
    """
    held = _Held()
    said = write_shared_layers(held, acquisition, exposure, pattern, no_report)
    frames = list(truthful_sequence(held, acquisition, exposure, rng, pattern, said))
    shape = acquisition.maps.response.shape
    dark = {name: np.zeros(shape, np.float32) for name in SHARED if name not in held.layers}
    return frames, {**dark, **held.layers}
