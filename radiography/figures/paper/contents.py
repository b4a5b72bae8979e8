"""Table of contents: each figure and table of the paper that can be made, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from radiography.figures.paper.parts import Making, PaperFigure

FIGURES = {  # key, as the paper numbers it -> file and function
    "1c": "figure_1c:emission_of_compositions",
    "1d": "figure_1d:brightness_of_five",
    "1e": "figure_1e:colours_of_compositions",
    "2a": "figure_2a:attenuation_curves",
    "2c": "figure_2c:synchrotron_scan",
    "2g": "figure_2g:photoconductor",
    "3a": "figure_3a:dose_rate_response",
    "3b": "figure_3b:decay",
    "3c": "figure_3c:photostability",
    "3f": "figure_3f:beetle_with_needle",
    "4c": "figure_4c:mtf_of_panels",
    "4e": "figure_4e:network_card",
    "4f": "figure_4f:phone_on_both",
    "ED3": "figure_ed3:emerging_line",
    "ED6": "figure_ed6:scans_and_quenching",
    "ED9": "figure_ed9:cross_sections",
    "ED10": "figure_ed10:thickness_and_tube",
    "ED11": "figure_ed11:cable_and_meat",
    "T1": "table_1:scintillators",
    "T2": "table_2:detection_limits",
    "claims": "claims:claims",
}
SHOWN_WITH = {"2h": "2g", "ED4": "1d", "ED5": "1d"}  # parts of a figure that are drawn with another
NOT_IMAGING = {  # parts of the paper that no imaging system computes
    "band structures": "Density functional theory of the crystals' states; no input of the detector depends on it.",
    "synthesis": "Chemistry of the nanocrystals; the detector takes their size and line as they were measured.",
    "TEM, XRD, XPS": "Microscopy and diffraction of the powders; they give size and phase, which are inputs.",
    "in vivo imaging": "Light from within animals; neither its source nor the tissue in its way is described.",
}


def figure_maker(key: str) -> Callable[[Making], PaperFigure]:
    """The function that makes a figure.

    Parameters
    ----------
    key : str
        As in `FIGURES` or `SHOWN_WITH`.

    Returns
    -------
    make : callable

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    named = SHOWN_WITH.get(key, key)
    if named not in FIGURES:
        known = ", ".join([*FIGURES, *SHOWN_WITH])
        raise ValueError(f"no figure '{key}' is made; there are {known}")
    file, function = FIGURES[named].split(":")
    made: Callable[[Making], PaperFigure] = getattr(import_module(f"radiography.figures.paper.{file}"), function)
    return made


def made_figure(key: str, making: Making) -> PaperFigure:
    """A figure, made once for all that ask for it.

    Parameters
    ----------
    key : str
        As in `FIGURES` or `SHOWN_WITH`.
    making : Making

    Returns
    -------
    figure : PaperFigure

    Raises
    ------
    ValueError
        As `figure_maker`.
    """
    make, named = figure_maker(key), SHOWN_WITH.get(key, key)
    if named not in making.done:
        making.done[named] = make(making)
    return making.done[named]
