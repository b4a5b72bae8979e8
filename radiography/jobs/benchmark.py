"""Benchmark of scintillators on a panel: measured on images through the whole chain, beside what transport predicts."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from calibration.whole_file import folder_for, staged
from radiography.beam.spectrum import beam_spectrum
from radiography.config import described_by, load_beam, load_panel
from radiography.figures.report.assumptions import assumptions_of
from radiography.files.tiff import MOST_PAGES
from radiography.jobs import benchmark_frames as chain
from radiography.jobs.benchmark_frames import Bench, Protocol
from radiography.jobs.benchmark_measures import agreement, measure_images, predict_images
from radiography.jobs.benchmark_published import published_panels
from radiography.jobs.benchmark_report import can_report, report_benchmark
from radiography.jobs.benchmark_table import summary_rows
from radiography.jobs.inputs import (
    Files,
    Report,
    check_at_least,
    check_folder,
    load_layers,
    named,
    no_report,
    tell_front_only,
)
from radiography.jobs.json_text import json_text, write_json
from radiography.jobs.kept_stages import keep_stage, software_digest
from radiography.jobs.scintillator import MEASURED_MTF
from radiography.panel.panel import Panel
from radiography.plan import BIN_KEV
from radiography.study.layer_report import LayerReport, report_layer
from radiography.sweep.engine import IN_A_LOOP, LOOP, Engine, check_engine, values_of_tasks

STEP_OF_DOSES = 3.2  # IEC 62220-1-1:2015: noise at a third and at three times the nominal exposure
HIGH_DOSE = 16.0  # times the nominal one, for calibration flats, edges and lag   # chosen: above electronic noise
USABLE = 0.4  # of the saturation dose, at most, in any exposure   # chosen
NPS_PIXELS = 4_194_304  # in the flats of a dose, at least: the 4 million of IEC 62220-1-1:2015, in blocks
DARKS, FLATS = 16, (16, 32)  # darks at full size; flats of a dose: 16 of 125 mm know a mean over 0.2 /mm to 0.7 %
EDGES, FEWEST = 4, 4  # frames of each edge, and the fewest that can be asked for of anything else   # chosen
PUBLISHED = "published"  # folder of the comparison with published panels
_FOLDER = re.compile(r"[\w+-][\w.+-]*")
SMALLEST_MM = 3.0 * chain.STEP_RADIUS_MM  # of the region that is measured: the disc and half its radius around it
SMALLEST, LARGEST = 256, 3072  # side of the panel [pixel]; one block of the noise spectrum, and the shipped panel


@dataclass(frozen=True)
class BenchmarkSetup:
    """What is benchmarked: names of layers, panel and beam; dose [uGy]; side of the panel used [pixel]; seed.

    ``frames``: flats of each dose, and darks and flats of the calibration; None for as many as the standard asks for.
    """

    layers: Files
    panel: str = "fully_coated"
    beam: str = "RQA5"
    dose_uGy: float = 2.5
    size: int = 3072
    seed: int = 1
    frames: int | None = None


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What a benchmark found and wrote.

    Attributes
    ----------
    folder : Path
        Folder of the results.
    numbers : mapping
        What ``benchmark.json`` holds.
    report : Path or None
        The HTML page; None where plotly or Jinja2, which make it, are not installed.
    """

    folder: Path
    numbers: Mapping[str, Any]
    report: Path | None


def run_benchmark(
    setup: BenchmarkSetup, out: str | Path, report: Report = no_report, *, engine: Engine = IN_A_LOOP
) -> Benchmark:
    """MTF, NNPS, DQE, lag and more of layers on one panel, measured on simulated images beside their prediction.

    Each layer has a folder of stages; a stage that is there from the same inputs and software is not made again.

    Parameters
    ----------
    setup : BenchmarkSetup
        Layers, panel, beam, dose, size and seed.
    out : str or Path
        Folder for the results, ``benchmark.json`` and tables and pictures beside it.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.
    engine : Engine
        Where layers are measured.

    Returns
    -------
    benchmark : Benchmark

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a description or setting is wrong.
    """
    out = Path(out)
    check_at_least("size", setup.size, SMALLEST, LARGEST)
    check_at_least("seed", setup.seed, 0)
    if setup.frames is not None:
        check_at_least("frames", setup.frames, FEWEST, MOST_PAGES)
    check_folder(out)
    check_engine(engine)
    if not (np.isfinite(setup.dose_uGy) and setup.dose_uGy > 0):
        raise ValueError(f"--dose must be above 0 uGy, got {setup.dose_uGy:g}")
    layers = load_layers(setup.layers, "benchmark")
    _check_names([layer.name for layer in layers])
    panel, beam = load_panel(setup.panel), load_beam(setup.beam)
    if setup.size > min(panel.pixels.rows, panel.pixels.cols):
        smaller = min(panel.pixels.rows, panel.pixels.cols)
        raise ValueError(f"--size must be at most {smaller} pixels, the side of panel '{panel.name}', got {setup.size}")
    panel = replace(panel, pixels=replace(panel.pixels, rows=setup.size, cols=setup.size))
    _check_region(panel)
    tell_front_only(panel)
    spectrum = beam_spectrum(beam, setup.dose_uGy, BIN_KEV)
    predictions, benches = [], []
    for layer, name in zip(layers, named(setup.layers), strict=True):
        what = f"{layer.name}: transport"
        predicted = report_layer(
            layer,
            panel,
            spectrum,
            setup.dose_uGy,
            progress=lambda done, to_do, what=what: report(what, done / to_do),  # type: ignore[misc]
        )
        report(what, 1.0)
        protocol = _protocol(setup, predicted, panel.pixels.pitch_mm)
        predictions.append([report_layer(layer, panel, spectrum, dose) for dose in protocol.doses_uGy])
        benches.append(Bench(layer, panel, beam, (name, setup.panel, setup.beam), protocol, setup.seed))
    software = software_digest()
    with folder_for(out):
        # on workers a layer says nothing until it is done
        within, outside = (report, no_report) if engine.scheduler == LOOP else (no_report, report)
        task = partial(_measure_layer, out.resolve(), software, within)
        names, pairs = [bench.layer.name for bench in benches], list(zip(benches, predictions, strict=True))
        measured = values_of_tasks(task, pairs, names, engine, partial(outside, "layers"))
        found = dict(zip(names, measured, strict=True))
        published = _published(benches, out, software, report)
        numbers = json.loads(json_text(_numbers(setup, benches[0], found, published)))
        report("writing tables and figures", 0.0)
        with staged(out) as folder:
            _write(numbers, folder)
        page = out / "report.html" if can_report() else None
        if page is not None:
            report("writing the report", 0.0)
            report_benchmark(out, page)
    return Benchmark(out, numbers, page)


def _check_names(names: list[str]) -> None:
    """Complain about a layer whose name cannot be that of its folder."""
    folders = [PUBLISHED]  # names that differ in their case are one folder on Windows and macOS
    for name in names:
        if _FOLDER.fullmatch(name) is None:
            raise ValueError(
                f"scintillator '{name}' cannot name a folder of results: letters, digits, '_', '-', '+' and '.' can"
            )
        if name.casefold() in folders:
            raise ValueError(f"the folder '{name}' would hold two results: give scintillator '{name}' another name")
        folders.append(name.casefold())


def _check_region(panel: Panel) -> None:
    """Complain about a panel whose coated middle is too small to be measured."""
    row, end, _, _ = chain.central(panel, chain.IEC_SIDE_MM)
    side, side_mm = end - row, (end - row) * panel.pixels.pitch_mm
    if side < SMALLEST:
        raise ValueError(
            f"panel '{panel.name}' is coated on {side} x {side} pixels of its middle only, less than the "
            f"{SMALLEST} x {SMALLEST} of a noise spectrum: give a panel that is coated on more"
        )
    if side_mm < SMALLEST_MM:
        raise ValueError(
            f"the middle of panel '{panel.name}' that is measured is {side_mm:.3g} mm wide, less than the "
            f"{SMALLEST_MM:g} mm that an aluminium disc and its surroundings need: give a larger --size"
        )


def _protocol(setup: BenchmarkSetup, predicted: LayerReport, pitch_mm: float) -> Protocol:
    """Doses and frames for one layer: what would saturate is left out, and the nominal dose refused if it would."""
    largest = USABLE * predicted.saturation_uGy
    if setup.dose_uGy > largest:
        raise ValueError(
            f"--dose {setup.dose_uGy:g} uGy is above {largest:.3g} uGy, {100 * USABLE:g} % of what saturates "
            f"the panel under '{predicted.scintillator}': give less"
        )
    low, above = (
        float(f"{setup.dose_uGy * factor:.4g}")
        for factor in (1 / STEP_OF_DOSES, min(STEP_OF_DOSES, largest / setup.dose_uGy))
    )
    doses = (low, setup.dose_uGy, above) if above > 1.1 * setup.dose_uGy else (low, setup.dose_uGy)
    high = min(HIGH_DOSE * setup.dose_uGy, largest)
    area = setup.size**2
    block = min(area, round(chain.IEC_SIDE_MM / pitch_mm) ** 2)
    flats = int(np.clip(math.ceil(NPS_PIXELS / block), *FLATS))
    darks = int(np.clip(DARKS * 4 * 1024**2 / area, DARKS, 4 * DARKS))
    if setup.frames is not None:
        return Protocol(doses, high, setup.frames, setup.frames, setup.frames, EDGES)
    return Protocol(doses, high, darks, DARKS, flats, EDGES)


def _measure_layer(out: Path, software: str, report: Report, item: tuple[Bench, list[LayerReport]]) -> dict[str, Any]:
    """All stages of one layer, each kept or made, and its part of the result; beside the layer, what is predicted."""
    bench, predicted = item
    own = out / bench.layer.name
    inputs = {
        "software": software,
        "layer": asdict(bench.layer),
        "panel": asdict(bench.panel),
        "beam": asdict(bench.beam),
        "protocol": asdict(bench.protocol),
        "seed": bench.seed,
    }

    def progress(what: str) -> Any:
        return lambda done: report(f"{bench.layer.name}: {what}", done)

    cal = own / "calibration" / "calibration.cal"
    digest = keep_stage(
        cal.parent, inputs, lambda place: chain.write_calibration(bench, place, progress("calibration"))
    )
    digests = {}
    for name, write in {
        "flats": chain.write_flats,
        "edges": chain.write_edges,
        "objects": chain.write_objects,
        "lag": chain.write_lag,
    }.items():
        digests[name] = keep_stage(
            own / name,
            {"stage": name, "calibration": digest},
            lambda place, write=write, name=name: write(bench, cal, place, progress(name)),  # type: ignore[misc]
        )
    keep_stage(own / "measured", digests, lambda place: measure_images(bench, own, place, report))
    measured = json.loads((own / "measured" / "measured.json").read_text(encoding="utf-8"))
    files = sorted(
        path.relative_to(out).as_posix() for path in own.rglob("*") if path.suffix in (".tif", ".csv", ".png", ".cal")
    )
    predictions = predict_images(bench, predicted)
    return {
        **measured,
        "predicted": predictions,
        "agreement": agreement(measured, predictions),
        "published": MEASURED_MTF.get(bench.layer.name),
        "description": bench.layer.description,
        "protocol": asdict(bench.protocol),
        "files": files,
    }


def _published(benches: list[Bench], out: Path, software: str, report: Report) -> list[dict[str, Any]]:
    """Published panels, kept like a stage; of the layers."""
    layers = [bench.names[0] for bench in benches]
    inputs = {"software": software, "layers": [asdict(bench.layer) for bench in benches], "names": layers}
    place = out / PUBLISHED
    keep_stage(place, inputs, lambda new: write_json(new / "published.json", published_panels(layers, report)))
    rows: list[dict[str, Any]] = json.loads((place / "published.json").read_text(encoding="utf-8"))
    return rows


def _numbers(
    setup: BenchmarkSetup, bench: Bench, layers: dict[str, Any], published: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "measure": "benchmark",
        "software": f"radiography {version('radiography')}",
        "panel": bench.panel.name,
        "panel_file": setup.panel,
        "pitch_mm": bench.panel.pixels.pitch_mm,
        "beam": bench.beam.name,
        "kvp": bench.beam.kvp,
        "dose_uGy": setup.dose_uGy,
        "size": setup.size,
        "seed": setup.seed,
        "frames": setup.frames,
        "layer_files": named(setup.layers),
        "beam_file": setup.beam,
        "layers": layers,
        "published": published,
        "assumptions": [assumptions_of(path) for path in _description_files(setup)],
        "warnings": list(dict.fromkeys(w for layer in layers.values() for w in layer["warnings"])),
    }


def _description_files(setup: BenchmarkSetup) -> list[Path]:
    """Files behind the numbers, and those that they are based on."""
    wanted = [*(("scintillator", name) for name in named(setup.layers)), ("panel", setup.panel), ("beam", setup.beam)]
    return list(dict.fromkeys(path for kind, name in wanted for path in described_by(kind, name)))


def _write(numbers: Mapping[str, Any], folder: Path) -> None:
    """benchmark.json, its table, and the figure of all layers."""
    from radiography.figures.benchmark_plot import benchmark_figure

    write_json(folder / "benchmark.json", numbers)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    heads = [f"{name} {what}" for name in numbers["layers"] for what in ("measured", "standard error", "predicted")]
    table.writerow(["quantity", "unit", *heads])
    for row in summary_rows(numbers):
        cells = [value for entry in row.entries for value in entry]
        table.writerow([row.quantity, row.unit, *("" if cell is None else f"{cell:.6g}" for cell in cells)])
    (folder / "benchmark.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")
    benchmark_figure(numbers).savefig(folder / "benchmark.png", dpi=150)
