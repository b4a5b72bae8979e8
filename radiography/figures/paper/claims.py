"""The paper's claims, one by one: supported, dependent on something, or not supported, and the number that decides."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from radiography.figures.paper.contents import made_figure
from radiography.figures.paper.figure_1d import BRIGHTER, COMPARABLE
from radiography.figures.paper.figure_2a import EXPONENT
from radiography.figures.paper.figure_2c import LEAST_RISE
from radiography.figures.paper.figure_3a import LIMIT_NGY_PER_S, PREDICTED_WITHIN
from radiography.figures.paper.figure_3b import EFFECTIVE_NS, NEAR_NS
from radiography.figures.paper.figure_3c import LEAST_BOUND
from radiography.figures.paper.figure_3f import PHASE_NUMBER, PHASE_OVER_ABSORPTION
from radiography.figures.paper.figure_4c import NEAR, PAPER_AT_2
from radiography.figures.paper.figure_ed6 import BARRIER_MEV, NEAR_MEV
from radiography.figures.paper.parts import Judgement, Making, Number, PaperFigure, judge, sheet, status_of

LIMITS = tuple[float, float]
COLOURS = {"supported": "#1a7f4b", "depends": "#b7791f", "not supported": "#c2410c"}
FILM_AT_2 = PAPER_AT_2["CsPbBr3_75um"]


@dataclass(frozen=True)
class Claim:
    """A claim and how it is decided.

    Attributes
    ----------
    claim : str
    figure, number : str
        The number that decides, by its figure and its name.
    holds : (float, float)
        The claim is supported where all of the number's band lies within these limits.
    why : str
        What to know about that.
    possible : (float, float), optional
        It is not supported where none of the band lies within these; by default those of ``holds``.
    """

    claim: str
    figure: str
    number: str
    holds: LIMITS
    why: str
    possible: LIMITS | None = None

    def decide(self, number: Number) -> Judgement:
        """What the number makes of the claim."""
        if judge(number, *self.holds) == "supported":
            return "supported"
        return "not supported" if judge(number, *(self.possible or self.holds)) == "not supported" else "depends"


CLAIMS = (
    Claim(
        "a limit 400 times below diagnostic dose rates",
        "3a",
        "limit of the light alone, signal-to-noise 3 in 1 s",
        (LIMIT_NGY_PER_S / PREDICTED_WITHIN, LIMIT_NGY_PER_S),
        "5.5 uGy/s over 13 nGy/s is 423; what the light allows is another number, and the blank's spread lies between",
        possible=(0.0, LIMIT_NGY_PER_S),
    ),
    Claim(
        "a linear response over four decades",
        "3a",
        "X-rays within a square um and 44.6 ns of another, 278 uGy/s",
        (0.0, 0.01),
        "of a current at one voltage, where flashes do not meet; a counting chain bends, and so do steps of voltage",
    ),
    Claim(
        "one response for doses set by voltage and current",
        "3a",
        "signal of 1 uGy, 10 kV over 50 kV",
        (0.9, 1.1),
        "a µGy of another voltage is another signal",
    ),
    Claim(
        "a film of 0.1 mm as bright as 5 mm of CsI:Tl",
        "1d",
        "film over CsI:Tl, all photons",
        (1.0 / COMPARABLE, COMPARABLE),
        "in photons, over the band of published light yields",
    ),
    *(
        Claim(
            f"at least 5 times brighter than {name}",
            "1d",
            f"film over {name}, all photons",
            (BRIGHTER, inf),
            "in photons, over the band of published light yields; the film's highest was read off this figure",
        )
        for name in ("YAlO3:Ce", "Bi4Ge3O12", "PbWO4")
    ),
    Claim(
        "colours over all of the visible",
        "1e",
        "gamut of 3, 6 and 9 over that of NTSC",
        (1.0, inf),
        "narrow lines lie near the edge of the chart, with and without bowing",
    ),
    Claim(
        "absorption as Z^4 / (A E^3)",
        "2a",
        "power of the energy, 20 to 35 keV",
        (EXPONENT - 0.1, EXPONENT + 0.1),
        "a rule of thumb: the power changes with the element, and edges interrupt it",
    ),
    Claim(
        "light jumps near 14, 16 and 36 keV",
        "2c",
        "smallest of the three rises",
        (LEAST_RISE, inf),
        "less at Cs K than attenuation does, since fluorescence leaves",
    ),
    Claim(
        "a decay of 44.6 ns",
        "3b",
        "the same behind a rise of 2 ns",
        (EFFECTIVE_NS - NEAR_NS, EFFECTIVE_NS + NEAR_NS),
        "an effective decay time, and sensitive to the instrument's rise; it names no lifetime",
    ),
    Claim(
        "ideal for dynamic imaging, by its decay",
        "3b",
        "left of a frame in all, film over CsI:Tl",
        (0.0, 0.5),
        "both decays are over within a frame; the panel's traps and the afterglow of CsI:Tl are what remains",
    ),
    Claim(
        "a barrier of 49 meV",
        "ED6",
        "barrier, fitted with the printed T",
        (BARRIER_MEV - NEAR_MEV, BARRIER_MEV + NEAR_MEV),
        "on whether the printed T was in the fit",
    ),
    Claim(
        "stable under X-rays",
        "3c",
        "lower bound of the wearing dose, scatter 2 %",
        (LEAST_BOUND, inf),
        "a bound, for the dose that was given and the scatter of the readings",
    ),
    Claim(
        "an MTF of 0.72 at 2 /mm, twice that of CsI:Tl",
        "4c",
        "MTF of the film at 2 /mm for any scattering that is assumed",
        (FILM_AT_2 - NEAR, FILM_AT_2 + NEAR),
        "on a scattering length that nobody measured; and what it costs in noise, see DQE(0) there, is not said",
    ),
    Claim(
        "sharp since the thin film scatters less",
        "4c",
        "MTF of the film at 2 /mm without scattering, over that with it",
        (1.0, inf),
        "light that is not scattered runs far sideways between the film's faces",
    ),
    Claim(
        "finer detail of a card than behind CsI:Tl",
        "4e",
        "modulation of a ball grid at 1.0 mm, film over CsI:Tl",
        (1.0, inf),
        "in contrast; noise at the same dose is another matter",
    ),
    Claim(
        "phase contrast of a needle and a beetle",
        "3f",
        PHASE_NUMBER,
        (PHASE_OVER_ABSORPTION, inf),
        "what the wave adds at an edge, over what absorption alone makes there",
    ),
    Claim(
        "the lowest limit of perovskite detectors",
        "T2",
        "the lowest of the others over the film's",
        (10.0, inf),
        "of those in the table; a factor below ten is within what area, time and readout make",
        possible=(1.0, inf),
    ),
)


def deciding_number(claim: Claim, making: Making) -> Number:
    """The number that a claim hangs on.

    Parameters
    ----------
    claim : Claim
    making : Making

    Returns
    -------
    number : Number
    """
    return next(number for number in made_figure(claim.figure, making).numbers if number.name == claim.number)


def claims(making: Making) -> PaperFigure:
    """Each claim with its verdict and the number that decides.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    deciding = [deciding_number(claim, making) for claim in CLAIMS]
    verdicts = [claim.decide(number) for claim, number in zip(CLAIMS, deciding, strict=True)]
    counts = {verdict: sum(each == verdict for each in verdicts) for verdict in COLOURS}
    drawing, (axes,) = sheet(2, rows=1, one=True)
    for place, (claim, number, verdict) in enumerate(zip(CLAIMS, deciding, verdicts, strict=True)):
        axes.plot(0.0, place, "s", color=COLOURS[verdict], markersize=9)
        axes.text(0.02, place, claim.claim, va="center", fontsize=8)
        axes.text(0.44, place, verdict, va="center", fontsize=8, color=COLOURS[verdict])
        axes.text(0.57, place, _shown(claim, number), va="center", fontsize=7.5, color="0.35")
    axes.set(xlim=(-0.02, 1.05), ylim=(len(CLAIMS) - 0.4, -0.6))
    axes.set_axis_off()
    return PaperFigure(
        title="Claim by claim",
        status=status_of(*verdicts),
        verdict=f"Of {len(CLAIMS)} claims {counts['supported']} are supported, {counts['depends']} depend on what is "
        f"named, and {counts['not supported']} are not supported.",
        numbers=[
            Number(
                f"{claim.claim}: {verdict}",
                number.unit,
                number.ours,
                number.paper,
                number.kind,
                number.band,
                f"{number.name} ({claim.figure}), {_limits(claim.holds)}: {claim.why}",
            )
            for claim, number, verdict in zip(CLAIMS, deciding, verdicts, strict=True)
        ],
        curves={
            "claim": [claim.claim for claim in CLAIMS],
            "verdict": verdicts,
            "figure": [claim.figure for claim in CLAIMS],
            "number": [number.name for number in deciding],
            "value": [number.ours for number in deciding],
            "unit": [number.unit for number in deciding],
            "supported_by": [_limits(claim.holds) for claim in CLAIMS],
            "why": [claim.why for claim in CLAIMS],
        },
        drawing=drawing,
        decided_by="A claim is supported where all of its number's band lies within the limits that are given, not "
        "supported where none of it does, and depends on what is assumed otherwise.",
        wrong_if="a measurement of the number beside a claim falls on the other side of its limits.",
    )


def _shown(claim: Claim, number: Number) -> str:
    """The number that decides, with two digits."""
    unit = "" if number.unit == "1" else number.unit
    value = "" if number.ours is None else f" = {float(f'{number.ours:.2g}'):.5g} {unit}"
    return f"{claim.figure}: {number.name}{value}".rstrip()


def _limits(holds: LIMITS) -> str:
    """Limits in words."""
    low, high = holds
    if high == inf:
        return f"supported from {low:.3g} on"
    return f"supported up to {high:.3g}" if low == 0 else f"supported from {low:.3g} to {high:.3g}"
