"""Predictions of the model beside published values: the rows of a table, and what they say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from radiography.config import load_panel
from radiography.light.layer_light import PHOTONS
from radiography.study.measures import MEASURES, VALIDATION_HISTORIES, Bench
from radiography.study.published import PublishedTable, PublishedValue, beam_named, first_scintillator

LARGE_DEVIATION = 0.1  # beyond this a row must be explained


@dataclass(frozen=True)
class ValidationRow:
    """A quantity as predicted and as published.

    Attributes
    ----------
    group, quantity, unit : str
    predicted, published : float
        [unit]
    published_low, published_high : float or None
        Published uncertainty or range. [unit]
    deviation : float
        Predicted over published, minus 1. [1]
    fitted : bool
        Whether a shipped number was fitted to the published one.
    reference, source, note : str
        Kind of the published value, where it stands, and what must be known or explains a large deviation.
    scintillator : str
        Which shipped file was used; empty where none was.
    """

    group: str
    quantity: str
    unit: str
    predicted: float
    published: float
    published_low: float | None
    published_high: float | None
    deviation: float
    fitted: bool
    reference: str
    source: str
    note: str
    scintillator: str


def check_table(table: PublishedTable) -> None:
    """Complain before the work starts about rows that no measure can predict.

    Raises
    ------
    ValueError
        If a measure is unknown or one of its settings is missing, or a beam or scintillator does not exist.
    """
    for row in table.rows:
        if row.measure not in MEASURES:
            known = ", ".join(sorted(MEASURES))
            raise ValueError(f"'{row.quantity}' asks for the measure '{row.measure}'; known: {known}")
        for key in MEASURES[row.measure].needs:
            if getattr(row.setting, key) in (None, "", ()):
                raise ValueError(f"'{row.quantity}' lacks the setting '{key}' of the measure '{row.measure}'")
        if row.setting.beam:
            beam_named(row.setting.beam, table.beams)
        if row.setting.scintillator:
            first_scintillator(row.setting.scintillator)
        load_panel(row.setting.panel)


def validation_rows(
    table: PublishedTable,
    *,
    histories: int = VALIDATION_HISTORIES,
    photons: int = PHOTONS,
    progress: Callable[[str, float], None] | None = None,
) -> Iterator[ValidationRow]:
    """Every row of a table with its prediction, one after the other.

    Parameters
    ----------
    table : PublishedTable
        Rows in the order wanted.
    histories, photons : int
        X-rays per energy and light photons of the Monte Carlo. [1]
    progress : callable, optional
        Called with the group and the fraction of its rows that are done, 0 to 1.

    Yields
    ------
    row : ValidationRow

    Raises
    ------
    ValueError
        As for `check_table`, or if a prediction is not a number.
    """
    check_table(table)
    sizes = [sum(other.group == row.group for other in table.rows) for row in table.rows]
    place = (0, 0)  # rows of the group that are done, and all of them

    def tell(done: float, to_do: float) -> None:
        if progress is not None:
            progress(row.group, (place[0] + done / to_do) / place[1])

    bench = Bench(table.beams, histories, photons, tell)
    counts: dict[str, int] = {}
    for row, size in zip(table.rows, sizes, strict=True):
        place = (counts.get(row.group, 0), size)
        predicted = float(MEASURES[row.measure].predict(row.setting, bench))
        if not np.isfinite(predicted):
            raise ValueError(f"the prediction of '{row.quantity}' is {predicted}, not a number")
        counts[row.group] = place[0] + 1
        tell(1, 1)
        yield _row(row, predicted)


def _row(row: PublishedValue, predicted: float) -> ValidationRow:
    deviation = predicted / row.published - 1.0
    why = row.beyond or "not explained"
    return ValidationRow(
        group=row.group,
        quantity=row.quantity,
        unit=row.unit,
        predicted=predicted,
        published=row.published,
        published_low=row.low,
        published_high=row.high,
        deviation=deviation,
        fitted=row.fitted,
        reference=row.reference,
        source=row.source,
        note="; ".join(text for text in (row.note, why if abs(deviation) > LARGE_DEVIATION else "") if text),
        scintillator=first_scintillator(row.setting.scintillator).name if row.setting.scintillator else "",
    )


def median_deviation(rows: Sequence[ValidationRow]) -> float:
    """Median of the absolute deviations of the rows that nothing was fitted to; 0 where there is none. [1]"""
    found = [abs(row.deviation) for row in rows if not row.fitted]
    return float(np.median(found)) if found else 0.0


def median_by_group(rows: Sequence[ValidationRow]) -> dict[str, float]:
    """The same for each group that has a row to which nothing was fitted. [1]"""
    groups = dict.fromkeys(row.group for row in rows if not row.fitted)
    return {group: median_deviation([row for row in rows if row.group == group]) for group in groups}
