"""Extended Data Table 2: detection limits of perovskite detectors."""

from __future__ import annotations

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam
from radiography.figures.paper.figure_3a import AREA_MM2, DIAGNOSTIC_UGY_PER_S
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, paper_table, sheet

QUANTA = 9.0  # that stand out by three standard deviations of their own number
AREAS_MM2 = (10.0, 1000.0)  # assumed: of detectors, around the 1 cm2 that Fig. 3a takes


def detection_limits(making: Making) -> PaperFigure:
    """Limits as printed, each against the diagnostic dose rate and against counting every X-ray.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    limits = paper_table("scintillators")["limits"]
    printed = {each["name"]: float(each["limit_uGy_per_s"]) for each in limits}
    film, own = next(iter(printed.items()))
    others = sorted(value for name, value in printed.items() if name != film)
    spectrum = beam_spectrum(load_beam("gold_end_window"), 1.0, 0.5, making.cache_folder)
    per_uGy_mm2 = float(spectrum.fluence_per_mm2.sum())
    perfect = QUANTA / (per_uGy_mm2 * AREA_MM2)  # uGy in a second
    ends = [QUANTA / (per_uGy_mm2 * area) for area in AREAS_MM2]
    numbers = [
        Number(name, "uGy/s", value, value, "quoted", note=each.get("note", ""))
        for (name, value), each in zip(printed.items(), limits, strict=True)
    ]
    next_lowest = Number(
        "the lowest of the others over the film's", "1", others[0] / own, None, "quoted", note="both are the paper's"
    )
    counting = Number(
        "limit of a detector that counts every X-ray, 1 cm2 and 1 s",
        "uGy/s",
        perfect,
        own,
        "computed",
        (min(ends), max(ends)),
        "nine X-rays of the gold tube at 50 kV; band: 10 cm2 to 0.1 cm2; beside the film's printed limit",
    )
    numbers += [next_lowest, counting]
    lowest = judge(next_lowest, 1.0, float("inf")) == "supported"
    readout = own > 10.0 * max(ends)
    drawing, (axes,) = sheet()
    for place, (name, value) in enumerate(printed.items()):
        axes.plot(value, place, "o", color="C0" if name == film else "0.35")
    axes.axvspan(min(ends), max(ends), color="0.88", label="every X-ray counted, 0.1 to 10 cm², 1 s")
    axes.axvline(DIAGNOSTIC_UGY_PER_S, color="0.5", linewidth=0.8, linestyle="--", label="diagnostic, 5.5 µGy/s")
    axes.set_yticks(range(len(printed)), list(printed), fontsize=8)
    axes.set(
        xscale="log", xlabel="detection limit as printed (µGy/s)", xlim=(1e-6, 1e4), ylim=(len(printed) + 0.4, -0.5)
    )
    axes.legend(fontsize=7, loc="lower right")
    return PaperFigure(
        title="Table 2: detection limits",
        status="quoted" if lowest else "differs",
        verdict=(
            f"The film's limit is the lowest, {others[0] / own:.1f} times below the next. "
            if lowest
            else "The film's limit is not the lowest of the table. "
        )
        + (
            "All lie far above what counting every X-ray would allow: a limit is the spread of a blank over a slope, "
            "and the blank is that of a readout, whatever the material. "
            if readout
            else "The lowest is near what counting every X-ray would allow. "
        )
        + "The table does not say that they were measured with one readout, area, time and beam.",
        numbers=numbers,
        curves={
            "detector": list(printed),
            "limit_uGy_per_s": list(printed.values()),
            "diagnostic_over_limit": [DIAGNOSTIC_UGY_PER_S / value for value in printed.values()],
            "limit_over_counting": [value / perfect for value in printed.values()],
        },
        drawing=drawing,
        notes=("All limits are those that the paper prints. Area and time of the detectors: assumed.",),
        decided_by="The film's printed limit is the lowest of the table.",
        wrong_if="one of the other detectors, behind the film's readout and beam, has a lower limit than the film.",
    )
