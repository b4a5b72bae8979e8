"""Extended Data Fig. 9: quantum yield and absorption cross section of dissolved nanocrystals."""

from __future__ import annotations

import numpy as np

from radiography.figures.paper.parts import Making, Number, PaperFigure, sheet, status_of
from radiography.light.luminescence import molar_absorption, own_quantum_yield

SIDE_NM = 9.6  # of the cubes, the paper's mean
ABSORPTION_PER_CM = 5e4  # of solid CsPbBr3 at its edge   # assumed: usual, 2e4 to 1e5
ABSORPTION_RANGE_PER_CM = (2e4, 1e5)


def cross_sections(making: Making) -> PaperFigure:
    """Absorption of one cube by its volume, and what light absorbed again does to a quantum yield.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    side_cm = 1e-7 * np.linspace(4.0, 16.0, 121)
    sigma = ABSORPTION_PER_CM * side_cm**3
    again = np.linspace(0.0, 0.9, 91)
    drawing, (sizes, yields) = sheet(2)
    sizes.semilogy(1e7 * side_cm, molar_absorption(sigma))
    sizes.axvline(SIDE_NM, color="0.6", linewidth=0.8, label=f"{SIDE_NM:g} nm, the paper")
    sizes.set(xlabel="side of the cubes (nm)", ylabel="molar absorption at the edge (1/(M cm))")
    sizes.legend(fontsize=8)
    curves = {"reabsorbed": again}
    for observed in (0.4, 0.6, 0.8):
        curves[f"own_yield_of_{observed:g}"] = np.array([own_quantum_yield(observed, part) for part in again])
        yields.plot(again, curves[f"own_yield_of_{observed:g}"], label=f"observed {observed:g}")
    yields.set(xlabel="part of the light that the sample absorbs again", ylabel="quantum yield of the crystals")
    yields.legend(fontsize=8)
    one = ABSORPTION_PER_CM * (1e-7 * SIDE_NM) ** 3
    low, high = (each * (1e-7 * SIDE_NM) ** 3 for each in ABSORPTION_RANGE_PER_CM)
    numbers = [
        Number("cross section of a cube of 9.6 nm at the edge", "cm2", one, None, "computed", (low, high)),
        Number(
            "its molar absorption",
            "1/(M cm)",
            float(molar_absorption(one)),
            None,
            "computed",
            (float(molar_absorption(low)), float(molar_absorption(high))),
        ),
        Number(
            "own yield behind .6 observed and half absorbed again", "1", own_quantum_yield(0.6, 0.5), None, "computed"
        ),
    ]
    return PaperFigure(
        title="Quantum yield and cross section of dissolved crystals",
        status=status_of(),
        verdict="The paper's relations hold together: the volume of a cube of 9.6 nm gives the size of its cross "
        "section. PLQY = P / (S_ref - S) leaves out light that the sample absorbs again, and is too low by that.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        decided_by="The paper gives a cross section or a yield to hold these against, which it does not.",
        wrong_if="a measured molar absorption of 9.6 nm cubes at the edge lies outside the band, or does not grow as "
        "the cube of their side.",
        notes=("Absorption of the solid at its edge: 5e4 per cm, 2e4 to 1e5, assumed.",),
    )
