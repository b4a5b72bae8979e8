"""Extended Data Table 2: detection limits of perovskite detectors."""

from __future__ import annotations

from radiography.figures.paper.figure_3a import DIAGNOSTIC_UGY_PER_S
from radiography.figures.paper.parts import Making, Number, PaperFigure, paper_table


def detection_limits(making: Making) -> PaperFigure:
    """Limits as printed, and each against the diagnostic dose rate.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    limits = paper_table("scintillators")["limits"]
    own = limits[0]["limit_uGy_per_s"]
    numbers = [
        Number(
            each["name"], "uGy/s", each["limit_uGy_per_s"], each["limit_uGy_per_s"], "quoted", note=each.get("note", "")
        )
        for each in limits
    ]
    second = sorted(each["limit_uGy_per_s"] for each in limits)[1]
    numbers.append(Number("the second lowest over the film's", "1", second / own, None, "computed"))
    return PaperFigure(
        title="Table 2: detection limits",
        status="quoted",
        verdict=f"The film's limit is the lowest, but {second / own:.1f} times below the next only: five of the six "
        "are photoconductors with a readout of their own, and a limit is the spread of a blank over a slope, which "
        "depends on the readout as much as on the material. They were not measured under one condition.",
        numbers=numbers,
        curves={
            "detector": [each["name"] for each in limits],
            "limit_uGy_per_s": [each["limit_uGy_per_s"] for each in limits],
            "diagnostic_over_limit": [DIAGNOSTIC_UGY_PER_S / each["limit_uGy_per_s"] for each in limits],
        },
        notes=("All limits are those that the paper prints.",),
    )
