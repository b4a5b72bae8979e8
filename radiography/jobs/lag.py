"""Report on the lag that a calibration set knows: as a record, JSON and a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.calibration_set import load_calibration_set
from calibration.lag.model import LagModel, lag_to_json
from radiography.jobs.inputs import PICTURES, all_or_none, check_writable, keep_apart, optional_path
from radiography.jobs.json_text import write_json


@dataclass(frozen=True, eq=False)
class LagReport:
    """The lag model of a calibration set, and the files that were written of it.

    Attributes
    ----------
    calibration : Path
        File of the set.
    model : LagModel
        The fitted terms, and what remains after correction; its notes say what to doubt.
    origin : tuple of dict
        Name and SHA-256 of each file of the sequences that it was fitted to.
    json_file, plot : Path or None
        Files of the report, where they were asked for.
    """

    calibration: Path
    model: LagModel
    origin: tuple[dict[str, Any], ...]
    json_file: Path | None
    plot: Path | None


def report_lag(
    calibration: str | Path, *, json_file: str | Path | None = None, plot: str | Path | None = None
) -> LagReport:
    """What a calibration set knows about lag.

    Parameters
    ----------
    calibration : str or Path
        Calibration set with a lag model.
    json_file, plot : str or Path, optional
        Where the model is written as JSON, and drawn (.png, .pdf or .svg).

    Returns
    -------
    lag : LagReport

    Raises
    ------
    ValueError, OSError
        In one sentence, if the set has no lag model or cannot be read; no file is left behind then.
    """
    calibration, written, drawn = Path(calibration), optional_path(json_file), optional_path(plot)
    check_writable(written)
    check_writable(drawn, PICTURES)
    keep_apart([written, drawn], [calibration])
    known = load_calibration_set(calibration)
    if known.lag is None:
        raise ValueError(
            f"{calibration} has no lag model: give `radiography calibrate` a beam-on/beam-off sequence with --lag"
        )
    if drawn is not None and not known.lag.curves:
        raise ValueError(f"{calibration} has a lag model without the sequences behind it: there is nothing to plot")
    origin = tuple(known.provenance.get("lag_files", ()))
    found = LagReport(calibration, known.lag, origin, written, drawn)
    with all_or_none(written, drawn) as places:
        if written is not None:
            write_json(places[written], lag_report_to_json(found))
        if drawn is not None:
            from radiography.figures.lag_plot import lag_figure

            lag_figure(known.lag).savefig(places[drawn], dpi=150)
    return found


def lag_report_to_json(found: LagReport) -> dict[str, Any]:
    """The lag model, the sequences that it was fitted to, and what to doubt."""
    return {
        "calibration": found.calibration.name,
        "origin": list(found.origin),
        **lag_to_json(found.model),
        "warnings": list(found.model.notes),
    }
