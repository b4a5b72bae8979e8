"""The paper's claims, one by one: supported, dependent on something, or not supported, and the number that decides."""

from __future__ import annotations

from dataclasses import dataclass

from radiography.figures.paper.figure_1c import emission_of_compositions
from radiography.figures.paper.figure_1d import brightness_of_five
from radiography.figures.paper.figure_1e import colours_of_compositions
from radiography.figures.paper.figure_2a import attenuation_curves
from radiography.figures.paper.figure_2c import synchrotron_scan
from radiography.figures.paper.figure_3a import dose_rate_response
from radiography.figures.paper.figure_3b import decay
from radiography.figures.paper.figure_3c import photostability
from radiography.figures.paper.figure_ed6 import scans_and_quenching
from radiography.figures.paper.parts import Making, Number, PaperFigure
from radiography.figures.paper.table_2 import detection_limits


@dataclass(frozen=True)
class Claim:
    """A claim, what comes of it, the number that decides by figure and name, and why."""

    claim: str
    verdict: str
    figure: str
    number: str
    why: str


CLAIMS = (
    Claim(
        "a limit 400 times below diagnostic dose rates",
        "depends",
        "3a",
        "limit of the photoelectrons alone, 1 s",
        "the ratio is right, but the limit is the spread of one blank, far above what the light allows",
    ),
    Claim(
        "a linear response over four decades",
        "supported",
        "3a",
        "slope of the fitted line over the true one",
        "of a current, at one voltage; a counting chain loses most of the counts at the top",
    ),
    Claim(
        "one response for doses set by voltage and current",
        "not supported",
        "3a",
        "signal of 1 uGy, 10 kV over 50 kV",
        "a µGy of another voltage is another signal",
    ),
    Claim(
        "a film of 0.1 mm as bright as 5 mm of CsI:Tl",
        "depends",
        "1d",
        "film over CsI:Tl, all photons",
        "within the band of published light yields",
    ),
    Claim(
        "at least 5 times brighter than YAlO3:Ce",
        "not supported",
        "1d",
        "film over YAlO3:Ce, all photons",
        "with the yields of data sheets, neither in photons nor in the height of the line",
    ),
    Claim(
        "at least 5 times brighter than Bi4Ge3O12",
        "depends",
        "1d",
        "film over Bi4Ge3O12, all photons",
        "with the middle of the film's yields; not with the lowest",
    ),
    Claim(
        "at least 5 times brighter than PbWO4",
        "supported",
        "1d",
        "film over PbWO4, all photons",
        "over the whole band of yields",
    ),
    Claim(
        "colours over all of the visible",
        "supported",
        "1e",
        "gamut of 3, 6 and 9 over that of NTSC",
        "narrow lines lie near the edge of the chart, with and without bowing",
    ),
    Claim(
        "absorption as Z^4 / (A E^3)",
        "depends",
        "2a",
        "power of the energy, 20 to 35 keV",
        "a rule of thumb: the power is lower, and edges interrupt it",
    ),
    Claim(
        "light jumps at the edges near 14, 16 and 36 keV",
        "supported",
        "2c",
        "light above over below Cs K",
        "less at Cs K than attenuation does",
    ),
    Claim(
        "a decay of 44.6 ns",
        "depends",
        "3b",
        "the same behind a rise of 2 ns",
        "an effective decay time, and sensitive to the instrument's rise; it names no lifetime",
    ),
    Claim(
        "a barrier of 49 meV",
        "depends",
        "ED6",
        "barrier, fitted with the printed T",
        "on whether the printed T was in the fit",
    ),
    Claim(
        "stable under X-rays",
        "depends",
        "3c",
        "lower bound of the wearing dose, scatter 2 %",
        "a bound, for the dose that was given",
    ),
    Claim(
        "the lowest limit of perovskite detectors",
        "depends",
        "T2",
        "the second lowest over the film's",
        "by a factor that readouts decide",
    ),
)
MAKERS = {
    "1c": emission_of_compositions,
    "1d": brightness_of_five,
    "1e": colours_of_compositions,
    "2a": attenuation_curves,
    "2c": synchrotron_scan,
    "3a": dose_rate_response,
    "3b": decay,
    "3c": photostability,
    "ED6": scans_and_quenching,
    "T2": detection_limits,
}


def claims(making: Making) -> PaperFigure:
    """Each claim with its verdict and the number that decides.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    made = {key: MAKERS[key](making) for key in sorted({claim.figure for claim in CLAIMS})}
    deciding = [
        next(number for number in made[claim.figure].numbers if number.name == claim.number) for claim in CLAIMS
    ]
    counts = {
        verdict: sum(claim.verdict == verdict for claim in CLAIMS)
        for verdict in ("supported", "depends", "not supported")
    }
    return PaperFigure(
        title="Claim by claim",
        status="differs",
        verdict=f"Of {len(CLAIMS)} claims {counts['supported']} are supported, {counts['depends']} depend on what is "
        f"named, and {counts['not supported']} are not supported.",
        numbers=[
            Number(
                f"{claim.claim}: {claim.verdict}",
                number.unit,
                number.ours,
                number.paper,
                number.kind,
                number.band,
                f"{number.name} ({claim.figure}): {claim.why}",
            )
            for claim, number in zip(CLAIMS, deciding, strict=True)
        ],
        curves={
            "claim": [claim.claim for claim in CLAIMS],
            "verdict": [claim.verdict for claim in CLAIMS],
            "figure": [claim.figure for claim in CLAIMS],
            "number": [number.name for number in deciding],
            "value": [number.ours for number in deciding],
            "unit": [number.unit for number in deciding],
            "why": [claim.why for claim in CLAIMS],
        },
    )
