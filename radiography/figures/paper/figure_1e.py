"""Fig. 1e: the twelve compositions on the CIE 1931 chart."""

from __future__ import annotations

import numpy as np

from radiography.figures.paper.figure_1c import WAVELENGTH_NM, composition_lines
from radiography.figures.paper.parts import Making, Number, PaperFigure, sheet
from radiography.light.colour import NTSC, chromaticity, gamut_area, spectrum_locus
from radiography.light.halides import LARGEST_BOW_EV, line_spectrum

# Where marks crowd, how far the number lies from its mark. [points]
LABELS = {1: (7, -9), 2: (-9, -9), 3: (-11, 1), 5: (8, 3), 10: (2, 8), 11: (8, 2)}
CORNERS = (3, 6, 9)  # blue, green and red
# Where colours lie in the chart, as boxes of x and y; Kelly, J. Opt. Soc. Am. 33, 627 (1943), simplified.
AREAS = {"blue": ((0.0, 0.25), (0.0, 0.25)), "green": ((0.0, 0.32), (0.5, 0.85)), "red": ((0.58, 0.74), (0.24, 0.42))}


def colours_of_compositions(making: Making) -> PaperFigure:
    """Chromaticity of each line, and the gamut of compositions 3, 6 and 9.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    found = {
        bow_eV: {
            number: chromaticity(WAVELENGTH_NM, line_spectrum(line, WAVELENGTH_NM))
            for number, line in composition_lines(bow_eV).items()
        }
        for bow_eV in (0.0, LARGEST_BOW_EV)
    }
    points = found[0.0]
    areas = [gamut_area([places[number] for number in CORNERS]) / gamut_area(NTSC) for places in found.values()]
    named = {
        colour: all(
            low_x <= places[number][0] <= high_x and low_y <= places[number][1] <= high_y for places in found.values()
        )
        for (colour, ((low_x, high_x), (low_y, high_y))), number in zip(AREAS.items(), CORNERS, strict=True)
    }
    drawing, (axes,) = sheet()
    locus = spectrum_locus()
    axes.fill(*np.vstack([locus, locus[:1]]).T, facecolor="0.95", edgecolor="0.4")
    for corners, label, style in (
        ([points[number] for number in CORNERS], "compositions 3, 6, 9", "-"),
        (NTSC, "NTSC 1953", "--"),
    ):
        axes.plot(*np.vstack([corners, corners[:1]]).T, style, color="0.25", linewidth=1.0, label=label)
    for number, (x, y) in points.items():
        axes.plot(x, y, "o", color="C0", markersize=5)
        away = LABELS.get(number, (5, 3))
        axes.annotate(str(number), (x, y), textcoords="offset points", xytext=away, fontsize=8)
    axes.set(xlabel="x", ylabel="y", xlim=(0, 0.8), ylim=(-0.05, 0.88), aspect="equal")
    axes.legend(fontsize=8, loc="upper right")
    numbers = [
        Number(
            "gamut of 3, 6 and 9 over that of NTSC",
            "1",
            areas[0],
            None,
            "computed",
            (min(areas), max(areas)),
            "band: bowing of 0 to 0.2 eV",
        )
    ]
    for colour, number in zip(AREAS, CORNERS, strict=True):
        for axis, name in enumerate("xy"):
            both = [places[number][axis] for places in found.values()]
            numbers.append(
                Number(
                    f"{name} of composition {number} ({colour})",
                    "1",
                    both[0],
                    None,
                    "computed",
                    (min(both), max(both)),
                    "band: bowing of 0 to 0.2 eV",
                )
            )
    wrong = [colour for colour, holds in named.items() if not holds]
    return PaperFigure(
        title="Colours of the compositions",
        status="reproduced" if not wrong else "differs",
        verdict="Composition 3 is blue, 6 green and 9 red, as the paper says, with and without bowing of the gap."
        if not wrong
        else f"Not of the colour that the paper names over all of the bowing: {', '.join(wrong)}.",
        numbers=numbers,
        curves={
            "composition": list(points),
            "x": [place[0] for place in points.values()],
            "y": [place[1] for place in points.values()],
        },
        drawing=drawing,
        notes=("CIE 1931, 2 degree observer. Lines of Fig. 1c; their widths lie between the paper's 12 and 40 nm.",),
        decided_by="Compositions 3, 6 and 9 lie in the parts of the chart that are called blue, green and red, at "
        "either bowing.",
        wrong_if="a measured line of one of them lies outside its part of the chart, or away from the chart's edge.",
    )
