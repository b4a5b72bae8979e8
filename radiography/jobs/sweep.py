"""Sweep of a scene over values of its keys: what is not done yet is done, and told as a table and a figure."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from radiography.jobs.check import frame_memory_bytes
from radiography.jobs.inputs import Report, all_or_none, check_folder, check_writable, keep_apart, no_report
from radiography.sweep.engine import IN_A_LOOP, Engine, check_engine, run_tasks
from radiography.sweep.numbers import NUMBERS
from radiography.sweep.sample import SampleResult, SampleTask, arrays_of, do_sample, record_outcome, result_of
from radiography.sweep.samples import (
    CheckedSweep,
    PlannedSweep,
    check_samples,
    describe_sample,
    plan_sweep,
    values_of,
)
from radiography.sweep.store import Store, attributes_of, create_store, text_of
from radiography.truth.layers import BACK

SUFFIX = ".zarr"
_FIGURE_OF = "radiography sweep"  # said in the figure, by which a sweep knows its own


@dataclass(frozen=True, eq=False)
class SweepResult:
    """What a sweep found and wrote.

    Attributes
    ----------
    out, csv_file, plot : Path
        The zarr group, and beside it the table and the figure.
    plan : PlannedSweep
        What was asked for.
    samples : tuple of SampleResult
        In the order of their index.
    done_before : int
        Samples that were found done. [1]
    dual : bool
        Whether any sample has a dual-layer panel, whose numbers are of the front layer.
    """

    out: Path
    csv_file: Path
    plot: Path
    plan: PlannedSweep
    samples: tuple[SampleResult, ...]
    done_before: int
    dual: bool

    @property
    def failed(self) -> tuple[SampleResult, ...]:
        """Samples without a result."""
        return tuple(sample for sample in self.samples if sample.error)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the results, a sentence each."""
        keep = self.plan.sweep.keep
        if not self.dual:
            return ()
        kept = " and ".join(["frames"] * keep.frames + ["truth"] * keep.truth)
        of_back = f"{kept} of the back layer are in its group 'back'" if kept else "nothing of the back layer is kept"
        return (f"the numbers of a dual-layer panel are of its front layer; {of_back}",)


def run_sweep(
    sweep_file: str | Path,
    out: str | Path,
    *,
    engine: Engine = IN_A_LOOP,
    json_file: Path | None = None,
    report: Report = no_report,
) -> SweepResult:
    """A scene at many values of its keys, each sample kept in a zarr group; what is there already is not done again.

    A sample has its random numbers from the sweep's seed and its index: neither order nor machine changes a byte.

    Parameters
    ----------
    sweep_file : str or Path
        TOML file: base scene, axes, and what is kept.
    out : str or Path
        Folder that ends in .zarr, new or of the same sweep. Its table (.csv) and figure (.png) are written beside it.
    engine : Engine
        Where samples run. A script that has local workers begins with ``if __name__ == "__main__":``.
    json_file : Path, optional
        Where the caller will write numbers: refused where that is another result, or a file that the sweep reads.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    result : SweepResult

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the sweep is wrong or the folder holds something else.
    """
    sweep_file, out = Path(sweep_file), Path(out)
    check_folder(out)
    if out.suffix != SUFFIX:
        raise ValueError(f"{out} must end in {SUFFIX}")
    table, plot = out.with_suffix(".csv"), out.with_suffix(".png")
    for path in (table, plot):
        check_writable(path)
    check_engine(engine)
    plan = plan_sweep(sweep_file)
    checked = check_samples(plan, lambda done: report("looking at the samples", done))
    keep_apart([table, plot, json_file], [sweep_file, plan.base, *checked.inputs])
    store = Store(out.resolve(), plan.shape)
    task = _task(plan, store, _frame_shape(plan, checked), checked.dual)
    _check_beside(table, plot, plan)
    _open(task, checked)
    found = {index: result for index in range(plan.count) if (result := result_of(task, index)) is not None}
    before = len(found)
    missing = [index for index in range(plan.count) if index not in found]
    report("samples", before / plan.count)
    items = [(index, checked.digests[index]) for index in missing]
    for outcome in run_tasks(partial(do_sample, task), items, engine, _memory_bytes(task)):
        index = missing[outcome.number]
        if outcome.lost:
            record_outcome(task, index, outcome.lost)
        found[index] = outcome.value if not outcome.lost else SampleResult(index, {}, outcome.lost)
        report("samples", len(found) / plan.count)
    samples = tuple(found[index] for index in range(plan.count))
    swept = SweepResult(out, table, plot, plan, samples, before, checked.dual)
    _write(swept)
    return swept


def sweep_to_json(result: SweepResult) -> dict[str, Any]:
    """A sweep as JSON values: a row for each sample."""
    return {
        "software": f"radiography {version('radiography')}",
        "sweep": result.plan.file,
        "base": result.plan.sweep.base,
        "out": result.out,
        "files": [result.csv_file, result.plot],
        "samples": result.plan.count,
        "done_before": result.done_before,
        "failed": len(result.failed),
        "units": {name: NUMBERS[name].unit for name in result.plan.sweep.keep.numbers},
        "rows": [
            {
                "index": one.index,
                "values": values_of(result.plan, one.index),
                "numbers": one.numbers,
                "error": one.error,
            }
            for one in result.samples
        ],
        "warnings": list(result.notes),
    }


def _task(plan: PlannedSweep, store: Store, frame_shape: tuple[int, int, int] | None, dual: bool) -> SampleTask:
    """All that a process needs to know; the code of the truth is loaded only where it is kept."""
    if frame_shape is None or not plan.sweep.keep.truth:
        return SampleTask(plan, store, frame_shape, dual=dual)
    from radiography.jobs.sweep_truth import truth_arrays, truthful_frames

    return SampleTask(plan, store, frame_shape, truth_arrays(plan, frame_shape), truthful_frames, dual)


def _frame_shape(plan: PlannedSweep, checked: CheckedSweep) -> tuple[int, int, int] | None:
    """Frames, rows and columns where pictures are kept, which all samples must have alike."""
    keep = plan.sweep.keep
    if not (keep.frames or keep.truth):
        return None
    if checked.frame_shape is None:
        raise ValueError(
            f"{plan.file}: frames and truth are kept in one array, but the samples differ in frames, rows or columns: "
            "keep numbers only, or sweep them apart"
        )
    return checked.frame_shape


def _check_beside(table: Path, plot: Path, plan: PlannedSweep) -> None:
    """Complain about a table or figure that no sweep with these columns has written."""
    own = _line(_heading(plan)).encode()
    for path, what, begins, said in ((table, "table", own, b""), (plot, "figure", b"\x89PNG", _FIGURE_OF.encode())):
        if not path.exists():
            continue
        with path.open("rb") as file:
            start = file.read(max(len(begins), 4096))
        if not start.startswith(begins) or said not in start:
            raise ValueError(
                f"{path} is there already and is no {what} of this sweep: remove it, or give another --out"
            )


def _open(task: SampleTask, checked: CheckedSweep) -> None:
    """Make the store, or find that it is the same sweep's."""
    plan, folder = task.plan, task.store.folder
    sweep = {key: value for key, value in asdict(plan.sweep).items() if key != "description"}
    software = f"radiography {version('radiography')}"
    layers = [[layer.name for layer in task.layers]] if task.layers else []
    if task.dual and plan.sweep.keep.frames:
        layers.append([f"{BACK}frames"])
    whole = json.dumps([sweep, list(plan.dimensions), checked.digests, *layers], sort_keys=True, default=str)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    held = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    if not held:
        attributes = {
            "title": plan.sweep.description or f"sweep of {plan.sweep.base}",
            "sweep": plan.file.read_text(encoding="utf-8"),
            "sweep_sha256": digest,
            "software": software,
            "axes": [{"key": axis.key, "values": [_jsonable(value) for value in axis.values]} for axis in plan.axes],
        }
        zipped = plan.sweep.combine == "zip"
        along = {axis.key: ("sample" if zipped else axis.key, axis.values) for axis in plan.axes}
        create_store(task.store, plan.dimensions, arrays_of(task), along, attributes)
        return
    there = attributes_of(folder)
    if there is None or "sweep_sha256" not in there:
        raise ValueError(f"{folder} holds no sweep but '{held[0]}': give another folder")
    if there["sweep_sha256"] != digest:
        raise ValueError(
            f"{folder} holds another sweep, or this one before its file, its base or what they name was changed: "
            "give another folder, or remove that one"
        )
    if there.get("software") != software:
        raise ValueError(f"{folder} was begun by {there.get('software')}, this is {software}: give another folder")


def _jsonable(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else text_of(value)


def _memory_bytes(task: SampleTask) -> float:
    """That a sample takes at the most, by the first that can be described. [byte]"""
    plan, truth = task.plan, 4.0 * sum(math.prod(layer.shape) for layer in task.layers)
    for index in range(plan.count):
        try:
            described = describe_sample(plan, index)
        except (ValueError, TypeError, OSError):
            continue
        sequence = described.scene.sequence
        frames = plan.sweep.frames or (sequence.frames if sequence else 1)
        pixels = described.panel.pixels.rows * described.panel.pixels.cols
        stacks = 2.0 * frames * pixels * (1 + task.dual)
        return frame_memory_bytes(pixels, described.scene.sampling.samples_per_pixel) + stacks + truth
    return 0.0


def _write(result: SweepResult) -> None:
    """The table and the figure, together."""
    from radiography.figures.sweep_plot import sweep_figure

    plan = result.plan
    names = list(plan.sweep.keep.numbers)
    rows = [(values_of(plan, one.index), one.numbers) for one in result.samples]
    figure = sweep_figure(
        [axis.key for axis in plan.axes],
        {name: NUMBERS[name].unit for name in names},
        [(values, numbers) for values, numbers in rows if numbers],
        zipped=plan.sweep.combine == "zip",
    )
    with all_or_none(result.csv_file, result.plot) as places:
        text = _as_csv(names, plan, result.samples)
        places[result.csv_file].write_text(text, encoding="utf-8", newline="\n")
        figure.savefig(places[result.plot], dpi=120, metadata={"Source": _FIGURE_OF})


def _as_csv(names: list[str], plan: PlannedSweep, samples: Iterable[SampleResult]) -> str:
    """A row for each sample: index, its values by key, its numbers to the last digit, and why there are none."""
    lines = [_line(_heading(plan))]
    for one in samples:
        values = [text_of(value) for value in values_of(plan, one.index).values()]
        lines.append(_line([one.index, *values, *(one.numbers.get(name, "") for name in names), one.error]))
    return "".join(lines)


def _heading(plan: PlannedSweep) -> list[str]:
    """Names of the columns of the table."""
    return ["index", *(axis.key for axis in plan.axes), *plan.sweep.keep.numbers, "error"]


def _line(values: Iterable[Any]) -> str:
    """A line of the table."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(values)
    return stream.getvalue()
