"""`radiography residual`: what remains of the previous frame at fluoroscopic rates, as tables."""

from __future__ import annotations

import re
from pathlib import Path

from radiography.cli.output import file_of, give_json, progress
from radiography.jobs.residual import HIGHEST_PER_S, LOWEST_PER_S, MOST_RATES, report_residual, residual_to_json
from radiography.panel.panel import Panel
from radiography.study.frame_residual import ResidualStudy

CAUSES = ("total", "panel_lag", "afterglow", "prompt")


def run_residual(
    names: list[str], panel: str, rates: str, exposure: str, json_file: Path | None, plot: Path | None
) -> None:
    """Print what remains of the previous frame for each scintillator; write JSON and a plot where asked for."""
    with progress() as report:
        found = report_residual(
            names,
            rate_per_s=frame_rates(rates),
            panel=panel,
            exposure=exposure,
            json_file=file_of(json_file),
            plot=plot,
            report=report,
        )
    for study in found.studies:
        _print_study(study, found.panel, exposure)
    print(found.conclusion)
    for text in found.assumptions:
        print(f"Assumed: {text}")
    give_json(json_file, residual_to_json(found), written=True)


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
