"""HTML report of a benchmark's folder: its numbers, curves, pictures, assumptions, and how to make it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from calibration.whole_file import whole_file
from radiography.figures import BAND
from radiography.figures.report.page import Page, Picture, cell, head, page_html
from radiography.files.frames import read_image
from radiography.jobs.benchmark_table import Row, mean_curve, summary_rows
from radiography.jobs.inputs import check_writable
from radiography.jobs.report_plots import COLOURS, benchmark_plots

PICTURES_BYTES = 5_000_000  # of all pictures of a page, before they are text   # chosen: 12 MB with plotly
LIMITS = {"mtf": 0.01, "nnps": 0.03, "dqe": 0.04}  # of what is measured off what is predicted
BENCHMARK = "benchmark.json"


def can_report() -> bool:
    """Whether what makes pages is installed."""
    return all(find_spec(name) is not None for name in ("plotly", "jinja2"))


def report_benchmark(folder: str | Path, out: str | Path) -> Path:
    """One self-contained HTML page of the results in a benchmark's folder.

    Parameters
    ----------
    folder : str or Path
        With ``benchmark.json`` and the folders of the layers.
    out : str or Path
        File to write (.html).

    Returns
    -------
    out : Path

    Raises
    ------
    ValueError, OSError
        In one sentence, if the folder holds no benchmark, plotly is missing, or the page cannot be written.
    """
    folder, out = Path(folder), Path(out)
    check_writable(out, (".html", ".htm"))
    numbers = _read(folder)
    try:
        page = _page(numbers, folder)
    except (KeyError, TypeError, IndexError) as error:  # something that this version writes is not there
        raise ValueError(
            f"{folder / BENCHMARK} is incomplete or of another version: run the benchmark again"
        ) from error
    html = page_html(page)
    with whole_file(out) as place:
        place.write_text(html, encoding="utf-8", newline="\n")
    return out


def _read(folder: Path) -> dict[str, Any]:
    path = folder / BENCHMARK
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {BENCHMARK}: give the --out folder of `radiography benchmark`")
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(numbers, dict) or numbers.get("measure") != "benchmark":
        raise ValueError(f"{path} is not the result of a benchmark")
    return numbers


def _page(numbers: Mapping[str, Any], folder: Path) -> Page:
    names = list(numbers["layers"])
    size, dose = numbers["size"], numbers["dose_uGy"]
    command = ["radiography", "benchmark", *numbers["layer_files"], "--panel", numbers["panel_file"]]
    command += ["--beam", numbers["beam_file"], "--dose", f"{dose:g}", "--size", str(size)]
    command += ["--seed", str(numbers["seed"])]
    command += [] if numbers["frames"] is None else ["--frames", str(numbers["frames"])]
    command += ["--out", "benchmark"]
    about = (
        f"{numbers['beam']} ({numbers['kvp']:g} kV), {dose:g} µGy, panel {numbers['panel']}, {size} × {size} pixels of "
        f"{1000 * numbers['pitch_mm']:g} µm. Simulated frames through the whole chain: acquired, calibrated with their "
        "own darks and flats, corrected, and measured as frames of any panel would be."
    )
    pictures = _pictures(names, folder)
    side_mm = 0.0 if not pictures else pictures[0].pixels.shape[0] * numbers["pitch_mm"]
    return Page(
        title=" against ".join(names) if len(names) < 3 else f"{len(names)} scintillators side by side",
        about=about,
        headline=_headline(numbers),
        cards=[_card(name, layer, k) for k, (name, layer) in enumerate(numbers["layers"].items())],
        plots=benchmark_plots(numbers),
        plots_about="Measured on corrected images, both directions averaged; shaded: 95 %. Dashed: predicted by "
        "transport, with nothing fitted to the images; dotted: lowest and highest predicted within the declared "
        "ranges. Point at a curve for its numbers.",
        pictures=pictures,
        pictures_about=f"A network card, one frame at {dose:g} µGy, corrected; the middle {side_mm:.0f} mm of the "
        "panel. 1 is the open field.",
        tables=[
            _summary(numbers),
            _closed_loop(numbers),
            _by_dose(numbers),
            _contrast_detail(numbers),
            _published(numbers),
        ],
        assumptions=numbers["assumptions"],
        warnings=numbers["warnings"],
        command=shlex.join(command),
        software=numbers["software"],
        json_name=BENCHMARK,
        numbers=numbers,
    )


def _at(curves: Mapping[str, Any], frequency_per_mm: float) -> tuple[float, float]:
    curve = mean_curve(curves)
    value, error = (
        float(np.interp(frequency_per_mm, curve["frequency_per_mm"], curve[key])) for key in ("value", "standard_error")
    )
    return value, error


def _headline(numbers: Mapping[str, Any]) -> str:
    """Sharpness of the first two layers, and what it costs."""
    layers = list(numbers["layers"].items())[:2]
    parts = []
    for name, layer in layers:
        predicted = layer["predicted"]
        low, high = predicted["dqe_zero_band"]
        parts.append(
            f"{name} keeps {_at(layer['mtf'], 2.0)[0]:.2f} of the contrast at 2 line pairs per mm; it absorbs "
            f"{100 * predicted['quantum_detection_efficiency']:.0f} % of the X-rays, and its DQE(0) is "
            f"{_digits(layer['dqe_zero']['value'])} ({_digits(low)} to {_digits(high)} over what is assumed)"
        )
    return ". ".join(parts) + "."


def _card(name: str, layer: Mapping[str, Any], place: int) -> dict[str, Any]:
    predicted = layer["predicted"]
    value, error = _at(layer["mtf"], 2.0)
    at_2, at_2_error = _at(layer["dqe"], 2.0)
    zero = layer["dqe_zero"]
    frequency = predicted["dqe"]["frequency_per_mm"]
    band = [float(np.interp(2.0, frequency, edge)) for edge in predicted["dqe"]["band"]]
    lines = [
        _line("X-rays absorbed", f"{100 * predicted['quantum_detection_efficiency']:.1f} %"),
        _line("energy absorbed", f"{100 * predicted['absorbed_energy_fraction']:.1f} %"),
        _line("DQE(0)", _with_error(zero["value"], zero["standard_error"]), predicted["dqe_zero_band"]),
        _line("DQE at 2 /mm", _with_error(at_2, at_2_error), band),
        _line("signal that is no light", f"{100 * predicted['direct_signal_fraction']:.1f} %"),
        _line("SNR of a pixel", f"{layer['snr']:.1f}"),
    ]
    if layer["published"] is not None:
        frequency, mtf = layer["published"]
        lines.append(_line(f"published MTF at {frequency:g} /mm (the layer is fitted to it)", f"{mtf:g}"))
    return {
        "name": name,
        "colour": COLOURS[place % len(COLOURS)],
        "mtf2": f"{value:.3f}",
        "mtf2_error": f"{BAND * error:.1g}",
        "lines": lines,
    }


def _line(name: str, value: str, band: list[float] | None = None) -> dict[str, str]:
    said = "" if band is None else f"[{_digits(band[0])} to {_digits(band[1])}]"
    return {"name": name, "value": value, "band": said}


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.2g}"


def _with_error(value: float, error: float) -> str:
    return f"{value:.4f} ± {BAND * error:.4f}" if value < 0.1 else f"{value:.3f} ± {BAND * error:.3f}"


def _pictures(names: list[str], folder: Path) -> list[Picture]:
    paths = {name: folder / name / "objects" / "card.tif" for name in names}
    present = {name: path for name, path in paths.items() if path.is_file()}
    if not present:
        return []
    most = int(np.sqrt(PICTURES_BYTES / 2 / len(present)))
    found = []
    for name, path in present.items():
        pixels = read_image(path).pixels
        cut = [slice(max(0, (n - most) // 2), max(0, (n - most) // 2) + min(n, most)) for n in pixels.shape]
        found.append(Picture(name, pixels[cut[0], cut[1]]))
    return found


def _summary(numbers: Mapping[str, Any]) -> dict[str, Any]:
    names = list(numbers["layers"])

    def cells(row: Row) -> list[dict[str, Any]]:
        shown = [cell(row.quantity), cell("" if row.unit == "1" else _unit(row.unit))]
        for measured, error, predicted in row.entries:
            shown += [cell("", None) if v is None else cell(f"{v:.4g}", v) for v in (measured,)]
            shown += [cell("", None) if error is None else cell(f"{BAND * error:.2g}", BAND * error)]
            shown += [cell("", None) if predicted is None else cell(f"{predicted:.4g}", predicted)]
        return shown

    return {
        "key": "table",
        "title": "The numbers",
        "about": "Measured on corrected images, ± 95 %, both directions averaged; predicted by X-ray, light and "
        "electron transport. The saturation dose is measured where the correction calls a pixel saturated, and "
        "predicted where its diode is full. Lag is that of uncorrected frames.",
        "heads": [
            [head("", 2), *(head(name, 3) for name in names)],
            [head("quantity"), head("unit"), *([head("measured"), head("±"), head("predicted")] * len(names))],
        ],
        "rows": [cells(row) for row in summary_rows(numbers)],
    }


def _unit(unit: str) -> str:
    return unit.replace("mm2", "mm²").replace("uGy", "µGy")


def _closed_loop(numbers: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for name, layer in numbers["layers"].items():
        found = layer["agreement"]
        compared = [("mtf", "MTF to Nyquist, difference", found["mtf_worst_difference"])]
        for dose in found["doses"]:
            for key in ("nnps", "dqe"):
                what = f"{key.upper()} to 2 /mm at {dose['air_kerma_uGy']:g} µGy"
                compared.append((key, what, dose[f"{key}_worst_relative_difference"]))
        for key, what, worst in compared:
            value, error = worst["value"], BAND * worst["standard_error"]
            off, band = cell(f"{value:.4f}", value), cell(f"{error:.4f}", error)
            rows.append([cell(name), cell(what), off, band, cell(f"{LIMITS[key]:g}")])
    return {
        "key": "agreement",
        "title": "Closed loop",
        "about": "The largest departure of what the images gave from what the transport predicts, with its own 95 %. "
        "NNPS and DQE relative, as means over 0.2 /mm, with the noise that changes from frame to frame; noise that the "
        "calibration adds, which no transport predicts, is in the curves above. The prediction is of a rested panel; "
        "charge that traps give back from earlier flats raises the signal, and lowers the NNPS, by up to 1 %.",
        "heads": [[head("layer"), head("what"), head("at worst"), head("±"), head("aim")]],
        "rows": rows,
    }


def _by_dose(numbers: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for name, layer in numbers["layers"].items():
        for dose in layer["doses"]:
            zero, snr = dose["dqe_zero"], dose["snr"]
            value, error, kerma = zero["value"], BAND * zero["standard_error"], dose["air_kerma_uGy"]
            numbers_of_dose = ((kerma, "g"), (snr, ".4g"), (value, ".4g"), (error, ".2g"))
            rows.append([cell(name), *(cell(format(number, digits), number) for number, digits in numbers_of_dose)])
    return {
        "key": "doses",
        "title": "Dose series",
        "about": "A third of the nominal dose, the dose, and three times as much, as IEC 62220-1-1 has it.",
        "heads": [[head("layer"), head("µGy"), head("SNR of a pixel"), head("DQE(0)"), head("±")]],
        "rows": rows,
    }


def _contrast_detail(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Threshold contrasts, and the depths of holes that have them."""
    rows = []
    layers = list(numbers["layers"].values())
    sheet = layers[0]["contrast_detail"]["plate"]["sheet_mm"]
    for number, diameter in enumerate(layers[0]["contrast_detail"]["diameter_mm"]):
        row = [cell(f"{diameter:g}", diameter)]
        for layer in layers:
            found = layer["contrast_detail"]
            value, error = found["threshold_contrast"][number], BAND * found["standard_error"][number]
            row += [cell(f"{value:.4f}", value), cell(f"{error:.2g}", error)]
            depth = found["threshold_depth_mm"][number]
            row.append(cell(f"> {sheet:g}", None) if depth is None else cell(f"{depth:.2f}", depth))
        rows.append(row)
    plate = layers[0]["contrast_detail"]
    return {
        "key": "contrast",
        "title": "Contrast-detail",
        "about": f"Contrast of a disc that the {plate['observer']} sees with d' = {plate['d_prime']:g}, in one frame "
        f"of the nominal dose at the panel, from the noise of the flats and the measured MTF; and the depth of a hole "
        f"in acrylic that has it, from the contrasts of wide holes in a sheet of {sheet:g} mm, "
        "imaged through the whole chain.",
        "heads": [
            [head(""), *(head(name, 3) for name in numbers["layers"])],
            [head("disc (mm)"), *([head("contrast"), head("±"), head("hole (mm)")] * len(layers))],
        ],
        "rows": rows,
    }


def _published(numbers: Mapping[str, Any]) -> dict[str, Any]:
    rows = numbers["published"]
    names = list(rows[0]["predicted"]) if rows else []
    shown = []
    for row in rows:
        reach = "" if row["low"] is None else f" ({row['low']:g} to {row['high']:g})"
        unit = "" if row["unit"] == "1" else f" {_unit(row['unit'])}"
        values = [row["predicted"][name] for name in names]
        shown.append(
            [
                cell(row["quantity"]),
                cell(f"{row['published']:g}{unit}{reach}"),
                *(cell(f"{v:.3g}", v) for v in values),
                cell(row["source"]),
            ]
        )
    return {
        "key": "published",
        "title": "Against published panels",
        "about": "Published values, and the same as predicted for each layer in the beam of the publication. "
        "No single layer has the 0.36 at 2 /mm of the paper's panel and the half value at 1.29 /mm of six published "
        "ones: as sharp as the first, it keeps half of its contrast to a higher frequency, and fitted to the second "
        "(CsI_Tl_published) it falls below 0.36. The two sets cannot both hold for one panel. No measured MTF, noise "
        "and DQE of a CsPbBr3 panel together is known, so the film's DQE stands with its band.",
        "heads": [[head("quantity"), head("published"), *(head(name) for name in names), head("source")]],
        "rows": shown,
    }
