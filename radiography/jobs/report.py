"""Reports as one HTML page: of a calibration set, and of somebody's own edges and flats."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from calibration.calibration_set import load_calibration_set
from calibration.flags import count_flags
from calibration.quality.quality import QUANTITIES
from calibration.whole_file import whole_file
from radiography.figures import BAND
from radiography.figures.report.page import Page, Picture, cell, head, page_html
from radiography.files.source import split_dataset
from radiography.jobs.dqe import DqeInput, DqeMeasurement, dqe_to_json, measure_dqe
from radiography.jobs.inputs import Report, check_writable, input_files, keep_apart, named, no_report
from radiography.jobs.json_text import json_text
from radiography.jobs.kept_pictures import BESIDE_PLOTS, keep_pictures
from radiography.jobs.qc import quality_report_to_json, report_quality
from radiography.jobs.report_plots import COLOURS, FREQUENCY, PANES, curve_traces
from radiography.jobs.view import open_pictures

LONGEST_PX = 900  # side of a map that the page shows; larger ones are means of blocks   # chosen: 2 MB each
SHOWN_EDGES = 3
SHOWN_PER_MM = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
PAGES = (".html", ".htm")


def report_calibration(calibration: str | Path, out: str | Path, report: Report = no_report) -> Path:
    """Page of a calibration set: its quality, its maps and its bad pixels.

    Parameters
    ----------
    calibration : str or Path
        File of the set.
    out : str or Path
        File to write (.html).
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    out : Path

    Raises
    ------
    ValueError, OSError
        In one sentence, if the set cannot be read, plotly is missing, or the page cannot be written.
    """
    path, out = Path(calibration), Path(out)
    check_writable(out, PAGES)
    keep_apart([out], [path])
    numbers = json.loads(json_text(quality_report_to_json(report_quality(path, report=report))))
    learned = load_calibration_set(path)
    offset = learned.offset_dn / np.median(learned.offset_dn)
    flags = count_flags(learned.defects)
    rows = []
    for name, number in numbers["numbers"].items():
        unit, what = QUANTITIES[name]
        value, error = number["value"], number["error"]
        rows.append(
            [
                cell(what),
                cell("" if unit == "1" else unit),
                cell("" if value is None else f"{value:.5g}", value),
                cell("" if error is None else f"{error:.2g}", error),
                cell(number["note"]),
            ]
        )
    tables = [
        {
            "key": "quality",
            "title": "Quality",
            "about": "Quantities after ASTM E2737, as radiography qc prints them.",
            "heads": [[head(text) for text in ("quantity", "unit", "value", "standard error", "note")]],
            "rows": rows,
        },
        {
            "key": "defects",
            "title": "Bad pixels",
            "about": "",
            "heads": [[head("class"), head("pixels")]],
            "rows": [[cell(name), cell(str(count), count)] for name, count in flags.items()],
        },
    ]
    page = Page(
        title=f"Calibration set {path.name}",
        about=f"{learned.offset_dn.shape[0]} × {learned.offset_dn.shape[1]} pixels, {learned.darks_used} darks and "
        f"{learned.flats_used} flats, signal {learned.level_dn:.5g} DN.",
        pictures=[
            Picture("response over its mean", _smaller(1 / learned.gain)),
            Picture("offset over its median", _smaller(offset)),
            Picture("bad pixels", _smaller((learned.defects != 0).astype(np.float32) * 2)),
        ],
        pictures_about="Maps of the set; 1 is the typical pixel.",
        tables=tables,
        warnings=numbers["warnings"],
        command=shlex.join(["radiography", "report", str(path), "--out", out.name]),
        software=f"radiography {version('radiography')}",
        json_name=f"radiography qc {path.name} --json",
        numbers=numbers,
    )
    return _write(page, out)


def report_frames(given: DqeInput, out: str | Path, report: Report = no_report, *, pictures: bool = True) -> Path:
    """Page of edges and flats of any panel: MTF, NNPS, DQE and NEQ, and the frames themselves to look at.

    Parameters
    ----------
    given : DqeInput
        As for `measure_dqe`.
    out : str or Path
        File to write (.html).
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.
    pictures : bool
        Whether the page of `radiography view` is in it, with the first edges and the first file of flats.

    Returns
    -------
    out : Path

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if files cannot be read or do not go together, or the page cannot be made.
    """
    out = Path(out)
    check_writable(out, PAGES)
    keep_apart([out], [*named(given.edges), *named(given.flats), *named(given.response)])
    measured = measure_dqe(given, report=report)
    numbers = json.loads(json_text(dqe_to_json(measured)))
    fluence, zero = measured.result.fluence, numbers["dqe_zero"]
    name = f"{fluence.name}: " if fluence.name else ""
    view = None
    if pictures:
        files = [*input_files(given.edges, "edge")[:SHOWN_EDGES], *input_files(given.flats, "flat")[:1]]
        shelf = open_pictures(files, pitch_mm=given.pitch_mm, layout=given.layout)
        view = keep_pictures(shelf, most_pixels=BESIDE_PLOTS)
    page = Page(
        title="Image quality of edges and flats",
        about=f"{name}{fluence.per_mm2_uGy:.6g} quanta per mm² and µGy, {fluence.source}; {given.kerma_uGy:g} µGy; "
        f"{len(measured.edges)} edges, {measured.noise.frames} flats. DQE(0) {zero['value']:.4g} "
        f"± {BAND * zero['standard_error']:.2g} (95 %).",
        plots=_plots(numbers),
        plots_about="Shaded: 95 %. Point at a curve for its numbers.",
        view=view,
        tables=[_table(numbers)],
        warnings=numbers["warnings"],
        command=shlex.join(_command(given, measured, out)),
        software=f"radiography {version('radiography')}",
        json_name="radiography dqe --json",
        numbers=numbers,
    )
    return _write(page, out)


def _write(page: Page, out: Path) -> Path:
    html = page_html(page)
    with whole_file(out) as place:
        place.write_text(html, encoding="utf-8", newline="\n")
    return out


def _smaller(plane: np.ndarray) -> np.ndarray:
    """Means of whole blocks, at most `LONGEST_PX` on a side."""
    step = -(-max(plane.shape) // LONGEST_PX)
    rows, cols = (n // step for n in plane.shape)
    blocks = plane[: rows * step, : cols * step].reshape(rows, step, cols, step)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), dtype=np.float32)


def _plots(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """MTF, NNPS, DQE and NEQ, a curve for each direction."""
    nyquist = 0.5 / numbers["pitch_mm"]
    plots = []
    for key, title, label, scale, reach in PANES:
        curves = numbers["curves" if key == "dqe" else key]
        traces = [
            trace
            for place, (axis, curve) in enumerate(curves.items())
            if curve is not None
            for trace in curve_traces(axis, curve, None, COLOURS[place], nyquist)
        ]
        plots.append(
            {"key": key, "title": title, "x_title": FREQUENCY, "x_range": [0, nyquist], "y_title": label}
            | {"y_type": scale, "y_range": reach, "traces": traces}
        )
    return plots


def _table(numbers: dict[str, Any]) -> dict[str, Any]:
    """Values of the curves at a few frequencies."""
    axes = [axis for axis, curve in numbers["curves"].items() if curve is not None]
    keys = (("MTF", "mtf"), ("NNPS, mm²", "nnps"), ("DQE", "curves"), ("NEQ, 1/mm²", "neq_per_mm2"))
    rows = []
    for title, key in keys:
        for frequency in SHOWN_PER_MM:
            row = [cell(f"{title} at {frequency:g} /mm")]
            for axis in axes:
                curve = numbers[key][axis]
                if frequency > curve["frequency_per_mm"][-1]:
                    row += [cell(""), cell("")]
                    continue
                value, error = (
                    float(np.interp(frequency, curve["frequency_per_mm"], curve[part]))
                    for part in ("value", "standard_error")
                )
                row += [cell(f"{value:.4g}", value), cell(f"{BAND * error:.2g}", BAND * error)]
            rows.append(row)
    return {
        "key": "table",
        "title": "The numbers",
        "about": numbers["definition"],
        "heads": [
            [head(""), *(head(axis, 2) for axis in axes)],
            [head("quantity"), *([head("value"), head("± 95 %")] * len(axes))],
        ],
        "rows": rows,
    }


def _command(given: DqeInput, measured: DqeMeasurement, out: Path) -> list[str]:
    """What makes the page again, files by the names that they have."""
    words = ["radiography", "report", "--edge", *(split_dataset(path)[0].name for path in measured.edge_files)]
    words += ["--flats", *(split_dataset(path)[0].name for path in measured.flat_files)]
    words += ["--kerma", f"{given.kerma_uGy:g}"]
    words += ["--fluence", f"{given.fluence_per_mm2_uGy:g}"] if given.beam is None else ["--beam", given.beam]
    words += ["--edition", given.edition] if given.edition != "2015" else []
    words += ["--response", *(Path(name).name for name in named(given.response))] if given.response else []
    return [*words, "--out", out.name]
