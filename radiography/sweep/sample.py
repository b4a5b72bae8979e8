"""One sample of a sweep: simulated, measured and written into the store by whichever process has it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.own_words import said_by_us
from radiography.acquire import Acquisition, Exposure, acquire_sequence, expose
from radiography.parts import load_parts
from radiography.plan import plan_parts
from radiography.scene import relative_exposures
from radiography.sweep.numbers import NUMBERS, SampleFrames
from radiography.sweep.samples import PlannedSweep, describe_sample, digest_of, place_of
from radiography.sweep.store import TEXT, Store, StoredArray, read_value, write_value
from radiography.truth.layers import BACK

DONE = StoredArray("done", "uint8", (), (), {"long_name": "1 where the sample is complete"})
ERROR = StoredArray("error", TEXT, (), (), {"long_name": "why the sample has no result"})


@dataclass(frozen=True, eq=False)
class SampleTask:
    """All that a process needs to know to do a sample of a sweep.

    Attributes
    ----------
    plan : PlannedSweep
        With paths that hold in every process.
    store : Store
        Where results go.
    frame_shape : (int, int, int) or None
        Frames, rows and columns of every sample; None where frames and truth are not kept. [1]
    layers : tuple of StoredArray
        Of the truth, where it is kept.
    truthful : callable or None
        What makes the frames of a sample and the layers behind them, of the same arguments as `acquire_sequence`
        without its state; None where no truth is kept. A function of a module, so that other processes find it.
    dual : bool
        Whether any sample has a dual-layer panel, whose back layer has frames and truth under `back/`.
    """

    plan: PlannedSweep
    store: Store
    frame_shape: tuple[int, int, int] | None
    layers: tuple[StoredArray, ...] = ()
    truthful: Callable[..., tuple[list[Any], dict[str, Any]]] | None = None
    dual: bool = False


@dataclass(frozen=True)
class SampleResult:
    """Numbers of one sample by name, or the sentence that says why there are none."""

    index: int
    numbers: dict[str, float]
    error: str


def arrays_of(task: SampleTask) -> list[StoredArray]:
    """Arrays of a sweep's store, `DONE` last: it is what a sample is judged by.

    Parameters
    ----------
    task : SampleTask
        The sweep.

    Returns
    -------
    arrays : list of StoredArray
    """
    arrays = _numbers_of(task.plan)
    if task.frame_shape is not None and task.plan.sweep.keep.frames:
        both = (("frames", "raw frames"), (f"{BACK}frames", "raw frames of the back layer"))
        for name, what in both[: 1 + task.dual]:
            said = {"units": "DN", "long_name": what}
            arrays.append(StoredArray(name, "uint16", ("frame", "row", "col"), task.frame_shape, said))
    return [*arrays, *task.layers, ERROR, DONE]


def _numbers_of(plan: PlannedSweep) -> list[StoredArray]:
    return [
        StoredArray(name, "float64", (), (), {"units": NUMBERS[name].unit, "long_name": NUMBERS[name].meaning})
        for name in plan.sweep.keep.numbers
    ]


def do_sample(task: SampleTask, item: tuple[int, str]) -> SampleResult:
    """Simulate and measure one sample, and write it, unless it is there already.

    What is wrong with the sample is written too, and is no error here: the others go on.

    Parameters
    ----------
    task : SampleTask
        The sweep.
    item : (int, str)
        Number of the sample, and the digest of what it was when the sweep began.

    Returns
    -------
    result : SampleResult

    Raises
    ------
    OSError
        If the store cannot be written to.
    """
    index, digest = item
    known = result_of(task, index)
    if known is not None:
        return known
    place = place_of(task.plan, index)
    values: dict[str, Any] = {}
    error = ""
    try:
        values = _simulated(task, index, digest)
    except Exception as problem:  # recorded: a sample is not to end the sweep
        error = _sentence(problem)
    if not error:
        for array in arrays_of(task):
            if array.name in values:
                write_value(task.store, array, place, values[array.name])
    record_outcome(task, index, error)
    return SampleResult(index, {name: values[name] for name in task.plan.sweep.keep.numbers if not error}, error)


def record_outcome(task: SampleTask, index: int, error: str) -> None:
    """Write that a sample is done, or why it is not.

    Parameters
    ----------
    task : SampleTask
        The sweep.
    index : int
        Of the sample.
    error : str
        Empty where it is done.

    Raises
    ------
    OSError
        If the store cannot be written to.
    """
    place = place_of(task.plan, index)
    write_value(task.store, ERROR, place, error)
    write_value(task.store, DONE, place, 0 if error else 1)


def result_of(task: SampleTask, index: int) -> SampleResult | None:
    """What the store holds of a sample; None where it is not done.

    Parameters
    ----------
    task : SampleTask
        The sweep.
    index : int
        Of the sample.

    Returns
    -------
    result : SampleResult or None

    Raises
    ------
    ValueError
        If a file of the store is damaged.
    """
    place = place_of(task.plan, index)
    if read_value(task.store, DONE, place) != 1:
        return None
    numbers = {array.name: read_value(task.store, array, place) for array in _numbers_of(task.plan)}
    return SampleResult(index, numbers, "")


def _simulated(task: SampleTask, index: int, digest: str) -> dict[str, Any]:
    """Numbers, frames and planes of a sample by the names of their arrays."""
    sweep = task.plan.sweep
    described = describe_sample(task.plan, index)
    if digest_of(described, {}) != digest:
        raise ValueError("the files of this sample are not those with which the sweep began")
    acquisition = plan_parts(load_parts(described.scene, described.folder, described.changes))
    exposure = expose(acquisition)
    rng = np.random.default_rng([sweep.seed, index])
    pattern = relative_exposures(described.scene, sweep.frames, rng)
    raw_dn, layers = _taken(task, acquisition, exposure, rng, pattern)
    lit = np.array([strength > 0 and exposure is not None for strength in pattern])
    frames = SampleFrames(acquisition, exposure, raw_dn, lit, [])
    values: dict[str, Any] = {name: NUMBERS[name].measure(frames) for name in sweep.keep.numbers}
    if sweep.keep.frames:
        values["frames"] = raw_dn
    if acquisition.back is not None and (sweep.keep.frames or task.truthful is not None):
        del exposure, frames, raw_dn  # else they would stand beside those of the other layer
        rng = np.random.default_rng([sweep.seed, index, 1])  # it takes nothing from the numbers of the front layer
        back_dn, behind = _taken(task, acquisition.back, expose(acquisition.back), rng, pattern)
        layers |= {BACK + name: plane for name, plane in behind.items()}
        if sweep.keep.frames:
            values[f"{BACK}frames"] = back_dn
    return values | {array.name: layers[array.name] for array in task.layers if array.name in layers}


def _taken(
    task: SampleTask,
    acquisition: Acquisition,
    exposure: Exposure | None,
    rng: np.random.Generator,
    pattern: Sequence[float],
) -> tuple[NDArray[np.uint16], dict[str, Any]]:
    """Frames of one layer of a sample, and the truth behind them where it is kept."""
    if task.truthful is None:
        return np.stack(list(acquire_sequence(acquisition, exposure, None, rng, pattern))), {}
    made, layers = task.truthful(acquisition, exposure, rng, pattern)
    return np.stack(made), layers


def _sentence(problem: Exception) -> str:
    """What is wrong with a sample; what no sentence of ours says is told with its kind and place."""
    if isinstance(problem, ValueError | TypeError | OSError) and said_by_us(problem):
        return " ".join(str(problem).split())
    if isinstance(problem, MemoryError):
        return "not enough memory for this sample; fewer workers or a smaller panel need less"
    place = traceback.extract_tb(problem.__traceback__)[-1]
    what = " ".join(str(problem).split())[:200]
    return f"{type(problem).__name__} in {Path(place.filename).name}, line {place.lineno}: {what}"
