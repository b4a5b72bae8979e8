"""Fig. 4d and e: a network card as both panels see it."""

from __future__ import annotations

import numpy as np

from radiography.figures.paper.panel_pictures import COLS, LAYERS, ROWS, calibrated, corrected
from radiography.figures.paper.parts import Making, Number, PaperFigure
from radiography.figures.picture_plate import picture_plate

CARD_MM = (95.5, 144.5)  # rows and columns that the card covers
ENLARGED_MM = (30.0, 51.0)  # its quad flat package and ball grid
PACKAGE_MM = (-4.2, 8.2)  # middle of that from the middle of the panel
PITCH_MM = 0.139


def network_card(making: Making) -> PaperFigure:
    """One frame of 15 uGy of each panel, shown alike.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    pictures = {words: corrected("card", layer) for layer, words in LAYERS.items()}
    drawing = picture_plate(pictures, _region(CARD_MM, (0.0, 0.0)), _region(ENLARGED_MM, PACKAGE_MM))
    noise = {words: 1.0 / calibrated(layer).calibration.typical_flat_noise for layer, words in LAYERS.items()}
    numbers = [Number(f"SNR of a pixel, {words}", "1", snr, None, "computed") for words, snr in noise.items()]
    profile = {words: picture[ROWS // 2] for words, picture in pictures.items()}
    first, second = noise.values()
    return PaperFigure(
        title="A network card",
        status="reproduced",
        verdict="Lines that CsI:Tl runs together stand apart behind the film, as the paper shows; it does not say that "
        f"the film's pixels are noisier at the same dose, SNR {first:.0f} against {second:.0f}.",
        numbers=numbers,
        curves={"column": np.arange(COLS), **{f"middle_row_{words}_dn": row for words, row in profile.items()}},
        drawing=drawing,
        notes=("Simulated card of layers of copper, solder, packages and pins; dimensions of common parts: assumed.",),
    )


def _region(size_mm: tuple[float, float], middle_mm: tuple[float, float]) -> tuple[int, int, int, int]:
    """First and end row, first and end column of a rectangle around a place, within the picture."""
    bounds = []
    for size, middle, count in zip(size_mm, middle_mm, (ROWS, COLS), strict=True):
        half, at = round(0.5 * size / PITCH_MM), count // 2 + round(middle / PITCH_MM)
        bounds += [max(0, at - half), min(count, at + half)]
    return bounds[0], bounds[1], bounds[2], bounds[3]
