"""Study of what remains of the previous frame at fluoroscopic rates, and whether the decay matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from radiography.config import load_panel
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Report,
    all_or_none,
    check_writable,
    keep_apart,
    load_layers,
    named,
    no_report,
    optional_path,
)
from radiography.jobs.json_text import write_json
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.study.frame_residual import (
    ExposureKind,
    Remainder,
    ResidualStudy,
    prompt_takes_over_per_s,
    study_residual,
)

MOST_RATES = 50
LOWEST_PER_S, HIGHEST_PER_S = 1e-3, 1e6  # chosen: beyond these the stages' numbers lose their meaning
PLOTTED_PER_DECADE = 16
NEGLIGIBLE = 0.01  # chosen: a cause with less than this fraction of what remains does not matter


@dataclass(frozen=True, eq=False)
class ResidualReport:
    """What remains of the previous frame, and the files that were written of it.

    Attributes
    ----------
    panel : Panel
        The panel behind the scintillators.
    exposure : str
        "pulsed" or "continuous".
    studies : tuple of ResidualStudy
        One for each scintillator, in the order given.
    conclusion : str
        What the numbers say to the claim that a faster decay makes for better moving pictures.
    assumptions : tuple of str
        What the study takes for granted, one sentence each.
    json_file, plot : Path or None
        Files of the report, where they were asked for.
    """

    panel: Panel
    exposure: ExposureKind
    studies: tuple[ResidualStudy, ...]
    conclusion: str
    assumptions: tuple[str, ...]
    json_file: Path | None
    plot: Path | None


def report_residual(
    scintillators: Files,
    *,
    rate_per_s: Sequence[float] = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
    panel: str | Path = "fully_coated",
    exposure: str = "pulsed",
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    report: Report = no_report,
) -> ResidualReport:
    """What remains of the previous frame: panel lag, afterglow and prompt decay, for each scintillator.

    Parameters
    ----------
    scintillators : str, Path or sequence of them
        Shipped names or .toml files.
    rate_per_s : sequence of float
        Frame rates, rising. [1/s]
    panel : str or Path
        Shipped name or .toml file.
    exposure : str
        "pulsed" or "continuous".
    json_file, plot : str or Path, optional
        Where the numbers are written as JSON, and drawn (.png, .pdf or .svg).
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    found : ResidualReport

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a description or setting is wrong; no file is left behind then.
    """
    written, drawn = optional_path(json_file), optional_path(plot)
    check_writable(written)
    check_writable(drawn, PICTURES)
    keep_apart([written, drawn], [*named(scintillators), panel])
    kind = _kind(exposure)
    rates = list(rate_per_s)
    if not (rates and sorted(set(rates)) == rates and LOWEST_PER_S <= rates[0] <= rates[-1] <= HIGHEST_PER_S):
        raise ValueError(f"frame rates must rise within {LOWEST_PER_S:g} to {HIGHEST_PER_S:g} /s, got {rates}")
    layers = load_layers(scintillators, "table")
    chosen = load_panel(str(panel))
    studies = _studies(layers, chosen, rates, kind, lambda done: report("following frames", done))
    found = ResidualReport(
        panel=chosen,
        exposure=kind,
        studies=studies,
        conclusion=claim(studies, kind),
        assumptions=tuple(_assumptions(chosen, layers)),
        json_file=written,
        plot=drawn,
    )
    with all_or_none(written, drawn) as places:
        if written is not None:
            write_json(places[written], residual_to_json(found))
        if drawn is not None:
            from radiography.figures.residual_plot import residual_figure

            curves = _studies(layers, chosen, _dense(rates), kind, lambda done: report("drawing", done))
            residual_figure(curves, chosen.name, kind).savefig(places[drawn], dpi=150)
    return found


def _studies(
    layers: Sequence[Scintillator],
    panel: Panel,
    rates: Sequence[float],
    kind: ExposureKind,
    progress: Callable[[float], None],
) -> tuple[ResidualStudy, ...]:
    studies = []
    for number, layer in enumerate(layers, 1):
        studies.append(study_residual(layer, panel, rates, kind))
        progress(number / len(layers))
    return tuple(studies)


def _kind(exposure: str) -> ExposureKind:
    for kind in get_args(ExposureKind):
        if exposure == kind:
            return kind  # type: ignore[no-any-return]
    raise ValueError(f"--exposure must be pulsed or continuous, got '{exposure}'")


def _dense(rates: Sequence[float]) -> list[float]:
    """Rates of a smooth curve from the lowest to the highest. [1/s]"""
    low, high = min(rates), max(rates)
    count = max(2, math.ceil(PLOTTED_PER_DECADE * math.log10(high / low))) if high > low else 2
    dense: list[float] = np.geomspace(low, high if high > low else 2.0 * low, count + 1).tolist()
    return dense


def claim(studies: Sequence[ResidualStudy], exposure: str) -> str:
    """What the numbers say to the paper's claim that a faster decay makes for better moving pictures.

    Parameters
    ----------
    studies : sequence of ResidualStudy
        One for each scintillator.
    exposure : str
        "pulsed" or "continuous".

    Returns
    -------
    sentence : str
    """
    found = sorted({study.decay_ns for study in studies})
    times = " or ".join(f"{time:.4g}" for time in found) + " ns" + (" or another time" if len(found) == 1 else "")
    matters = "moving pictures (Chen et al. 2018 claim that it does)."
    rates = studies[0].rate_per_s
    at = f"{rates[0]:g} frames/s" if rates.size == 1 else f"{rates[0]:g} to {rates[-1]:g} frames/s"
    fractions = [
        (float(np.max(after.prompt / np.where(after.total > 0, after.total, 1.0))), study)
        for study in studies
        for after in (study.after_one, study.after_long)
    ]
    rest = _spread([after.panel_lag + after.afterglow for s in studies for after in (s.after_one, s.after_long)])
    others = (
        "panel lag and afterglow leave" if any(s.after_long.afterglow.any() for s in studies) else "panel lag leaves"
    )
    largest = max(fraction for fraction, _ in fractions)
    if largest < NEGLIGIBLE:
        part = f"less than {100 * NEGLIGIBLE:g} % of it" if largest > 0 else "nothing of it"
        return (
            f"At {at}, {exposure}, {others} {rest} of the previous frame and prompt decay {part}: whether the "
            f"decay takes {times} does not matter for {matters}"
        )
    worst = max(studies, key=lambda study: float(study.after_one.prompt.max()))
    after = worst.after_one
    safe = worst.rate_per_s[after.prompt < NEGLIGIBLE * after.total]
    small = f"{100 * NEGLIGIBLE:g} % of what remains"
    below = f"up to {safe[-1]:g} frames/s below {small}" if safe.size else f"above {small} at every rate"
    over = prompt_takes_over_per_s(worst)
    beyond = "never more than that" if over is None else f"from {over:g} frames/s on more than that"
    in_run = 100 * float(np.max(worst.after_long.prompt / worst.after_long.total))
    so = (
        f" Up to {safe[-1]:g} frames/s whether the decay takes {times} does not matter for {matters}"
        if safe.size
        else ""
    )
    return (
        f"At {at}, {exposure}, {others} {rest} of the previous frame. Prompt decay leaves "
        f"{100 * float(after.prompt.max()):.2g} % at most ({worst.scintillator}, {worst.decay_ns:.4g} ns): after one "
        f"exposed frame {below} and {beyond}, after a long run at most {in_run:.2g} % of what remains.{so}"
    )


def _assumptions(panel: Panel, layers: Sequence[Scintillator]) -> list[str]:
    """What the study takes for granted, one sentence each."""
    told = [
        "traps catch the same fractions of the charge at any frame rate and release it in real time; a panel's are "
        "measured at one rate (the shipped panels': 5 frames/s), so lag faster than such a frame is an extrapolation",
        "the integration fills the frame",
    ]
    if panel.lag_exposure is not None:
        told.append("frames at a tenth of the full well, since this panel's lag depends on the exposure")
    for layer in layers:
        if not layer.afterglow:
            told.append(f"{layer.name} has no afterglow, because its file lists none: none was measured")
    return told


def _spread(values: Sequence[Any]) -> str:
    every = 100 * np.concatenate(values)
    low, high = float(every.min()), float(every.max())
    return f"{low:.2g} %" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g} %"


def residual_to_json(report: ResidualReport) -> dict[str, Any]:
    """What remains of the previous frame by cause, as fractions of it, for each scintillator and rate."""
    return {
        "panel": report.panel.name,
        "exposure": report.exposure,
        "rate_per_s": report.studies[0].rate_per_s,
        "scintillators": {study.scintillator: _numbers(study) for study in report.studies},
        "conclusion": report.conclusion,
        "assumptions": list(report.assumptions),
        "warnings": [],
    }


def _numbers(study: ResidualStudy) -> dict[str, Any]:
    def split(after: Remainder) -> dict[str, list[float]]:
        return {
            "total": after.total.tolist(),
            "panel_lag": after.panel_lag.tolist(),
            "afterglow": after.afterglow.tolist(),
            "prompt_decay": after.prompt.tolist(),
        }

    return {
        "effective_decay_ns": study.decay_ns,
        "after_one_frame": split(study.after_one),
        "after_long_run": split(study.after_long),
        "prompt_decay_takes_over_per_s": prompt_takes_over_per_s(study),
    }
