"""Published panels beside the layers of a benchmark, each quantity in the beam that it was published for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from radiography.config import shipped
from radiography.jobs.inputs import Report
from radiography.study.published import PublishedTable, load_published
from radiography.study.validation import validation_rows

GROUP = "CsI panels"
QUANTITIES = ("MTF at 2/mm, 70 kV", "70 kV and 1 mm Cu", "0.5/mm, RQA5")  # of a flat panel in a usual beam
REFERENCE = "CsI_Tl_published"  # the shipped layer that is as sharp as published panels


def published_panels(layers: Sequence[str], report: Report) -> list[dict[str, Any]]:
    """What was published of CsI panels, and the same as predicted for each layer on the shipped panel.

    Parameters
    ----------
    layers : sequence of str
        Names or files of scintillators.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    rows : list of dict
        {quantity, unit, published, low, high, source, predicted: {layer: value}}.
    """
    table = load_published()
    rows = [row for row in table.rows if row.group == GROUP and row.quantity.endswith(QUANTITIES)]
    named = list(dict.fromkeys([*layers, *([REFERENCE] if REFERENCE in shipped("scintillator") else [])]))
    predicted: list[dict[str, float]] = [{} for _ in rows]
    for name in named:
        own = tuple(replace(row, setting=replace(row.setting, scintillator=(name,))) for row in rows)
        asked = PublishedTable(own, table.beams)
        for number, found in enumerate(validation_rows(asked, progress=lambda what, done: None)):
            predicted[number][name] = found.predicted
            report(f"published panels, {name}", (number + 1) / len(rows))
    return [
        {
            "quantity": row.quantity,
            "unit": row.unit or "1",
            "published": row.published,
            "low": row.low,
            "high": row.high,
            "source": row.source,
            "predicted": values,
        }
        for row, values in zip(rows, predicted, strict=True)
    ]
