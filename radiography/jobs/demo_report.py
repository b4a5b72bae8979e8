"""HTML report of the demo's folder: both panels' sharpness, what it costs, and the network card as both see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiography.config import described_by
from radiography.figures import BAND
from radiography.figures.report.assumptions import assumptions_of
from radiography.figures.report.page import Page, Picture, cell, head, page_html
from radiography.files.frames import read_image
from radiography.jobs.json_text import json_text
from radiography.jobs.report_plots import COLOURS, FREQUENCY, curve_traces

SUMMARY = "summary.json"
PANEL = "fully_coated"  # of the demo's scenes
LAST_PER_MM = 3.6  # the Nyquist frequency of that panel, 1 / (2 x 0.139 mm)


def demo_page(summary: Mapping[str, Any], folder: Path, region: tuple[int, int, int, int]) -> str:
    """The demo's page as HTML text.

    Parameters
    ----------
    summary : mapping
        What ``summary.json`` holds.
    folder : Path
        With the corrected images of both panels.
    region : tuple of int
        First and end row, first and end column of the card on the panel. [pixel]

    Returns
    -------
    html : str

    Raises
    ------
    ValueError
        If plotly or Jinja2 is not installed.
    """
    numbers = json.loads(json_text(summary))
    panels = numbers["panels"]
    first = next(iter(panels.values()))
    rows, cols = slice(region[0], region[1]), slice(region[2], region[3])
    traces = [
        trace
        for place, (name, panel) in enumerate(panels.items())
        for trace in curve_traces(name, panel["mtf"], None, COLOURS[place], LAST_PER_MM)
    ]
    files = [path for name in panels for path in described_by("scintillator", name)]
    files += [*described_by("panel", PANEL), *described_by("beam", first["beam"])]
    return page_html(
        Page(
            title=" against ".join(panels),
            about=f"The demo: {first['beam']}, {first['air_kerma_uGy']:g} µGy, panel {PANEL}, "
            f"{numbers['calibration_frames']} darks and flats for each calibration. After {numbers['paper']}.",
            headline=" ".join(_sentence(name, panel) for name, panel in panels.items()),
            cards=[_card(name, panel, place) for place, (name, panel) in enumerate(panels.items())],
            plots=[
                {"key": "mtf", "title": "Presampled MTF", "x_title": FREQUENCY, "x_range": [0, LAST_PER_MM]}
                | {"y_title": "MTF", "y_type": "linear", "y_range": [0, 1.05], "traces": traces}
            ],
            plots_about="Measured on the corrected image of a tungsten edge; shaded: 95 %.",
            pictures=[
                Picture(name, read_image(folder / name / "card.tif").pixels[rows, cols] / panel["signal_dn"])
                for name, panel in panels.items()
            ],
            pictures_about="The network card of the paper, one frame, corrected. 1 is the open field.",
            tables=[_table(panels)],
            assumptions=[assumptions_of(path) for path in dict.fromkeys(files)],
            warnings=numbers["warnings"],
            command=f"radiography demo --frames {numbers['calibration_frames']} --seed {numbers['seed']} --out demo",
            software=numbers["software"],
            json_name=SUMMARY,
            numbers=numbers,
        )
    )


def _sentence(name: str, panel: Mapping[str, Any]) -> str:
    low, high = panel["dqe0_band"]
    return (
        f"{name} keeps {panel['mtf_at_2_per_mm']['value']:.2f} of the contrast at 2 line pairs per mm; it absorbs "
        f"{100 * panel['quantum_detection_efficiency']:.0f} % of the X-rays, and its DQE(0) is {panel['dqe0']:.3g} "
        f"({low:.3g} to {high:.3g} over what is assumed)."
    )


def _card(name: str, panel: Mapping[str, Any], place: int) -> dict[str, Any]:
    low, high = panel["dqe0_band"]
    lines = (
        ("X-rays absorbed", f"{100 * panel['quantum_detection_efficiency']:.1f} %", ""),
        ("DQE(0), computed", f"{panel['dqe0']:.3g}", f"[{low:.3g} to {high:.3g}]"),
        ("signal that is no light", f"{100 * panel['direct_signal_fraction']:.1f} %", ""),
        ("SNR of a pixel", f"{panel['signal_to_noise']:.1f}", ""),
        ("MTF of the paper at 2 /mm (the layer is fitted to it)", f"{panel['mtf_at_2_per_mm']['paper']:g}", ""),
    )
    return {
        "name": name,
        "colour": COLOURS[place],
        "mtf2": f"{panel['mtf_at_2_per_mm']['value']:.3f}",
        "mtf2_error": f"{BAND * panel['mtf_at_2_per_mm']['standard_error']:.1g}",
        "lines": [dict(zip(("name", "value", "band"), line, strict=True)) for line in lines],
    }


def _table(panels: Mapping[str, Any]) -> dict[str, Any]:
    quantities = (
        ("signal of a pixel, electrons", "signal_electrons"),
        ("signal of a pixel, DN", "signal_dn"),
        ("SNR of a pixel", "signal_to_noise"),
        ("dark noise, DN", "dark_noise_dn"),
        ("DQE(0)", "dqe0"),
        ("quanta absorbed", "quantum_detection_efficiency"),
    )
    rows = [
        [cell(title), *(cell(f"{panel[key]:.4g}", panel[key]) for panel in panels.values())]
        for title, key in quantities
    ]
    heads = [[head("quantity"), *(head(name) for name in panels)]]
    return {"key": "table", "title": "The numbers", "about": "", "heads": heads, "rows": rows}
