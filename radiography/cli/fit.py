"""`radiography fit`: parameters of a layer from a measured MTF, as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from radiography.cli.output import file_of, give_json, progress, warn
from radiography.jobs.fit import FitReport, fit_scintillator, fit_to_json
from radiography.study.layer_fit import Vary


def run_fit(
    name: str,
    mtf_file: Path,
    vary: Sequence[str],
    out: Path,
    *,
    beam: str,
    nps_file: Path | None,
    light: str | None,
    json_file: Path | None,
    plot: Path | None,
    aperture: float,
) -> None:
    """Print the fit; write the fitted scintillator, and JSON and a plot where asked for."""
    with progress() as report:
        found = fit_scintillator(
            name,
            mtf_file,
            [vary_option(text) for text in vary],
            out,
            beam=beam,
            nps_file=nps_file,
            light=None if light is None else light_option(light),
            aperture_mm=aperture,
            json_file=file_of(json_file),
            plot=plot,
            report=report,
        )
    _print(found)
    give_json(json_file, fit_to_json(found), written=True)


def vary_option(text: str) -> Vary:
    """KEY=LOW:HIGH as a parameter to vary.

    Raises
    ------
    ValueError
        If the text is not of that form, or the bounds do not rise.
    """
    key, _, bounds = text.replace(" ", "").partition("=")
    low, _, high = bounds.partition(":")
    try:
        return Vary(key, float(low), float(high))
    except ValueError as error:
        if not re.fullmatch(r"[a-z]\w*(\.\w+)*=[^:=]+:[^:=]+", text.replace(" ", "")) or "convert" in str(error):
            example = "transport.transport_length_um=5:100"
            raise ValueError(f"--vary must be KEY=LOW:HIGH such as {example}, got '{text}'") from error
        raise


def light_option(text: str) -> tuple[float, float]:
    """VALUE+-SE as two numbers.

    Raises
    ------
    ValueError
        If the text is not of that form.
    """
    value, sign, error = text.replace("±", "+-").partition("+-")
    try:
        if not sign:
            raise ValueError
        return float(value), float(error)
    except ValueError as error_found:
        raise ValueError(f"--light must be VALUE+-SE such as 0.21+-0.02, got '{text}'") from error_found


def _print(found: FitReport) -> None:
    fit = found.fit
    width = max(len(p.key) for p in fit.parameters)
    print(f"{'parameter':<{width}}{'value':>12}{'s.e.':>10}{'95 % from':>12}{'to':>12}  determined")
    for p in fit.parameters:
        low, high = p.interval
        known = "yes" if p.determined else "NO"
        print(f"{p.key:<{width}}{p.value:>12.5g}{p.standard_error:>10.2g}{low:>12.4g}{high:>12.4g}  {known}")
    print(f"chi-square {fit.chi_square:.4g} for {fit.degrees_of_freedom} degrees of freedom; {fit.runs} model runs")
    print(f"fraction of the light at the diodes: {fit.light:.4f}")
    for note in found.notes:
        warn(note)
    print(f"wrote {found.out}")
