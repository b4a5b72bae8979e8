"""`radiography residual`: what remains of the previous frame at fluoroscopic rates, and whether the decay matters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from calibration.whole_file import staged
from radiography.config import load_panel, load_scintillator
from radiography.jobs.inputs import check_writable
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.study.frame_residual import (
    ExposureKind,
    Remainder,
    ResidualStudy,
    prompt_takes_over_per_s,
    study_residual,
)

PICTURES = (".png", ".pdf", ".svg")
MOST_RATES = 50
LOWEST_PER_S, HIGHEST_PER_S = 1e-3, 1e6  # chosen: beyond these the stages' numbers lose their meaning
PLOTTED_PER_DECADE = 16
NEGLIGIBLE = 0.01  # chosen: a cause with less than this fraction of what remains does not matter
CAUSES = ("total", "panel_lag", "afterglow", "prompt")


def run_residual(
    names: list[str], panel: str, rates: str, exposure: str, json_file: Path | None, plot: Path | None
) -> None:
    """Print what remains of the previous frame for each scintillator; write JSON and a plot where asked for."""
    for path, suffixes in ((json_file, ()), (plot, PICTURES)):
        if path is not None:
            check_writable(path, suffixes)
    kind: ExposureKind
    if exposure == "pulsed":
        kind = "pulsed"
    elif exposure == "continuous":
        kind = "continuous"
    else:
        raise ValueError(f"--exposure must be pulsed or continuous, got '{exposure}'")
    printed = frame_rates(rates)
    layers = [load_scintillator(name) for name in names]
    known = [layer.name for layer in layers]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ValueError(f"scintillator '{twice[0]}' is named twice; each table needs its own name")
    chosen = load_panel(panel)
    studies = [study_residual(layer, chosen, printed, kind) for layer in layers]
    told = assumptions(chosen, layers)
    for study in studies:
        _print_study(study, chosen, exposure)
    sentence = claim(studies, exposure)
    print(sentence)
    for text in told:
        print(f"Assumed: {text}")

    with ExitStack() as files:  # none appears unless all could be written
        if json_file is not None:
            result = {
                "panel": chosen.name,
                "exposure": exposure,
                "rate_per_s": printed,
                "scintillators": {study.scintillator: _numbers(study) for study in studies},
                "conclusion": sentence,
                "assumptions": told,
            }
            folder = files.enter_context(staged(json_file.parent))
            (folder / json_file.name).write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if plot is not None:
            from radiography.figures.residual_plot import residual_figure

            low, high = min(printed), max(printed)
            count = max(2, math.ceil(PLOTTED_PER_DECADE * math.log10(high / low))) if high > low else 2
            dense = np.geomspace(low, high if high > low else 2.0 * low, count + 1).tolist()
            curves = [study_residual(layer, chosen, dense, kind) for layer in layers]
            folder = files.enter_context(staged(plot.parent))
            residual_figure(curves, chosen.name, exposure).savefig(folder / plot.name, dpi=150)


def frame_rates(text: str) -> list[float]:
    """Rates of A:B, the ends and 1, 3, 10, 30, ... between them, or of a list A,B,...; rising. [1/s]"""
    number = r"\d+(?:\.\d*)?|\.\d+"
    span = re.fullmatch(f"({number}):({number})", text.replace(" ", ""))
    if span is not None:
        low, high = float(span[1]), float(span[2])
        if not LOWEST_PER_S <= low < high <= HIGHEST_PER_S:
            raise ValueError(f"--rates A:B must rise within {LOWEST_PER_S:g} to {HIGHEST_PER_S:g} /s, got '{text}'")
        steps = [factor * 10.0**power for power in range(-4, 7) for factor in (1.0, 3.0)]
        return sorted({low, high, *(step for step in steps if low < step < high)})
    parts = text.replace(" ", "").split(",")
    if not all(re.fullmatch(number, part) for part in parts):
        raise ValueError(f"--rates must be A:B such as 1:1000 or a list such as 1,15,30, got '{text}'")
    found = sorted({float(part) for part in parts})
    if len(found) > MOST_RATES:
        raise ValueError(f"--rates takes at most {MOST_RATES} rates, got {len(found)}")
    if not LOWEST_PER_S <= found[0] <= found[-1] <= HIGHEST_PER_S:
        raise ValueError(f"--rates must lie within {LOWEST_PER_S:g} to {HIGHEST_PER_S:g} /s, got '{text}'")
    return found


def claim(studies: Sequence[ResidualStudy], exposure: str) -> str:
    """What the numbers say to the paper's claim that a faster decay makes for better moving pictures."""
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


def assumptions(panel: Panel, layers: Sequence[Scintillator]) -> list[str]:
    """What the study takes for granted, one sentence each."""
    told = [
        "each frame's charge is caught by the same fractions at any frame rate; a panel's are measured at one rate "
        "(the shipped panels': 5 frames/s), so far from it panel lag is an extrapolation",
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


def _print_study(study: ResidualStudy, panel: Panel, exposure: str) -> None:
    print(
        f"{study.scintillator}, effective decay {study.decay_ns:.4g} ns, on panel '{panel.name}', {exposure} exposure"
    )
    print("  first dark frame relative to the exposed frame before it [%]")
    heads = "".join(f"{head:>11}" for head in ("total", "panel lag", "afterglow", "decay"))
    print(f"  {'':>9} {'after one exposed frame':>44} {'after a long run':>45}")
    print(f"  {'frames/s':>9} {heads}  {heads}")
    for index, rate in enumerate(study.rate_per_s):
        columns = [
            "".join(f"{100 * getattr(after, cause)[index]:>11.3g}" for cause in CAUSES)
            for after in (study.after_one, study.after_long)
        ]
        print(f"  {rate:>9g} {columns[0]}  {columns[1]}")


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
