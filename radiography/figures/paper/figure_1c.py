"""Fig. 1c: emission spectra of twelve compositions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from radiography.figures.paper.parts import Making, Number, PaperFigure, paper_table, sheet
from radiography.light.halides import END_NM, LARGEST_BOW_EV, Line, halide_line, line_spectrum

WAVELENGTH_NM = np.arange(380.0, 780.5, 0.5)
OUT_OF_ORDER = 5  # CsPbCl2.5Br0.5, between 4 and 6 in the paper's numbering


def composition_lines(bow_eV: float = 0.0) -> dict[int, Line]:
    """Line of each composition, by its number in the paper."""
    return {
        each["number"]: halide_line(each["Cl"], each["Br"], each["I"], bow_eV)
        for each in paper_table("compositions")["compositions"]
    }


def emission_of_compositions(making: Making) -> PaperFigure:
    """Lines of mixed halides between the ends that the paper gives.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    straight, bowed = composition_lines(), composition_lines(LARGEST_BOW_EV)
    kept = [number for number in straight if number != OUT_OF_ORDER]
    rising = all(lines[a].peak_nm < lines[b].peak_nm for lines in (straight, bowed) for a, b in pairwise(kept))
    drawing, (axes,) = sheet()
    curves: dict[str, Any] = {"wavelength_nm": WAVELENGTH_NM}
    for place, (number, line) in enumerate(sorted(straight.items(), key=lambda each: each[1].peak_nm)):
        spectrum = line_spectrum(line, WAVELENGTH_NM)
        curves[f"composition_{number}"] = spectrum
        axes.plot(WAVELENGTH_NM, spectrum, color=_shown_colour(line.peak_nm), linewidth=1.4)
        axes.annotate(str(number), (line.peak_nm, 1.02 + 0.05 * (place % 2)), ha="center", fontsize=8)
    axes.set(xlabel="wavelength (nm)", ylabel="light, 1 at its peak", ylim=(0, 1.15))
    axes.set_title("lines without bowing of the gap", fontsize=9, loc="left")
    filters = {
        each["number"]: each["filter_nm"] for each in paper_table("compositions")["compositions"] if "filter_nm" in each
    }
    numbers = [
        Number("peak of CsPbCl3", "nm", straight[1].peak_nm, END_NM["Cl"], "fitted", note="end of the series"),
        Number("peak of CsPbBr3", "nm", straight[6].peak_nm, END_NM["Br"], "fitted", note="given by the paper"),
        Number("peak of CsPbI3", "nm", straight[12].peak_nm, END_NM["I"], "fitted", note="end of the series"),
        Number(
            "peak of composition 9, CsPbBr1.5I1.5",
            "nm",
            straight[9].peak_nm,
            filters[9],
            "computed",
            (straight[9].peak_nm, bowed[9].peak_nm),
            "beside the filter of its pictures; band: bowing of 0 to 0.2 eV",
        ),
    ]
    return PaperFigure(
        title="Emission of twelve compositions",
        status="reproduced" if rising else "differs",
        verdict="From violet to red the lines follow the mass of the halides, in the order of the paper's numbers, "
        "but for composition 5 (Cl2.5Br0.5): it lies between 1 and 2 whatever the bowing, not between 4 and 6, so "
        "that the list is out of order there."
        if rising
        else "The lines are not in the order of the paper's numbers, composition 5 left aside.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        notes=(
            "Ends of the series (410, 530 and 700 nm) and the widths (12 to 40 nm) are the paper's; between them the "
            "gap is a straight line of the composition, bent by 0 to 0.2 eV (assumed).",
        ),
        decided_by="All compositions but the fifth follow one another in the order of their numbers, at either bowing.",
        wrong_if="a composition other than 5 peaks out of the order of its number, or composition 5 between 4 and 6.",
    )


def _shown_colour(wavelength_nm: float) -> tuple[float, float, float]:
    """A colour of the rainbow that stands for a wavelength in a drawing."""
    from matplotlib import colormaps

    red, green, blue, _ = colormaps["turbo"](float(np.clip((wavelength_nm - 400) / 310, 0.05, 0.95)))
    return red, green, blue
