"""Fig. 4d and e: a network card as both panels see it."""

from __future__ import annotations

import numpy as np

from phantoms.card.network_card import OUTLINE_X_MM, OUTLINE_Y_MM
from phantoms.card.routing import CONTROLLER_AT, INTERFACE_AT
from radiography.analysis.detector_qc.snr import square_snr
from radiography.analysis.patterns import modulation
from radiography.figures.paper.contents import made_figure
from radiography.figures.paper.panel_pictures import LAYERS, PITCH_MM, corrected, region
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, status_of
from radiography.figures.picture_plate import picture_plate

CARD_MM = (95.5, 144.5)  # rows and columns that the card covers
ENLARGED_MM = (30.0, 51.0)  # its quad flat package and ball grid
PACKAGE_MM = (-4.2, 8.2)  # middle of that from the middle of the panel
MAGNIFICATION = 1000.0 / (1000.0 - 23.0)  # of the parts on the card, 23 mm above the panel, as the scene has it
FEET_MM = 10.9  # from the package's middle to that of the feet of its leads
LEADS_MM, BALLS_MM = 0.5, 1.0  # pitch of the package's leads and of the ball grid
SHARPER = 1.2  # a modulation that the eye tells from another   # chosen
SQUARE = 7  # pixels of a square of a millimetre


def part_of_card(
    shape: tuple[int, int], at_mm: tuple[float, float], size_mm: tuple[float, float], down_mm: float = 0.0
) -> tuple[int, int, int, int]:
    """Region of the picture around a part of the card.

    Parameters
    ----------
    shape : (int, int)
        Of the picture. [pixels]
    at_mm : (float, float)
        Place on the card, x and y. [mm]
    size_mm : (float, float)
        Height and width. [mm]
    down_mm : float
        From there in y. [mm]

    Returns
    -------
    part : (int, int, int, int)
        [pixels]
    """
    x, y = at_mm[0] - 0.5 * sum(OUTLINE_X_MM), at_mm[1] + down_mm - 0.5 * sum(OUTLINE_Y_MM)
    return region(shape, size_mm, (MAGNIFICATION * y, MAGNIFICATION * x))


def _snr_band(snr: float, dqe: Number) -> tuple[float, float]:
    """SNR over the band of a DQE, which goes as its square."""
    low, high = (snr * float(np.sqrt(end / dqe.ours)) for end in dqe.band or ()) if dqe.ours else (snr, snr)
    return low, high


def network_card(making: Making) -> PaperFigure:
    """One frame of 15 uGy of each panel, shown alike.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    pictures = {words: corrected("card", layer, making.quick) for layer, words in LAYERS.items()}
    shape = next(iter(pictures.values())).shape
    size = (shape[0], shape[1])
    drawing = picture_plate(pictures, region(size, CARD_MM), region(size, ENLARGED_MM, PACKAGE_MM))
    snr = {words: square_snr(corrected("flat", layer, making.quick), SQUARE) for layer, words in LAYERS.items()}
    dqe = {number.name: number for number in made_figure("4c", making).numbers}
    lead_mm, ball_mm = MAGNIFICATION * LEADS_MM, MAGNIFICATION * BALLS_MM
    feet = [part_of_card(size, INTERFACE_AT, (0.8, 11.0), side * FEET_MM) for side in (-1, 1)]
    balls = [part_of_card(size, CONTROLLER_AT, (14.0, 14.0))]
    leads_of, balls_of = (
        [
            float(np.mean([modulation(picture, part, pitch / PITCH_MM) for part in parts]))
            for picture in pictures.values()
        ]
        for parts, pitch in ((feet, lead_mm), (balls, ball_mm))
    )
    leads = Number(
        "modulation of leads at 0.5 mm, film over CsI:Tl",
        "1",
        leads_of[0] / leads_of[1],
        None,
        "fitted",
        note="both layers are fitted to the paper's MTF at 2 /mm, 0.72 over 0.36, near the leads' frequency",
    )
    ball_grid = Number(
        "modulation of a ball grid at 1.0 mm, film over CsI:Tl",
        "1",
        balls_of[0] / balls_of[1],
        None,
        "computed",
        note="at a frequency that nothing was fitted to",
    )
    judged = judge(ball_grid, 1.0, np.inf), judge(leads, SHARPER, np.inf)
    film_snr, columns_snr = snr.values()
    numbers = [
        leads,
        ball_grid,
        *(
            Number(
                f"SNR of a square millimetre, {words}",
                "1",
                each,
                None,
                "computed",
                _snr_band(each, dqe[f"DQE(0) at 15 uGy, {words}"]),
                "band: that of its DQE(0) in Fig. 4c",
            )
            for words, each in snr.items()
        ),
    ]
    sharper = "not supported" not in judged
    profile = {words: picture[size[0] // 2] for words, picture in pictures.items()}
    return PaperFigure(
        title="A network card",
        status=status_of(*judged),
        verdict=(
            "Leads that CsI:Tl runs together stand apart behind the film, as the paper shows"
            if sharper
            else "Leads do not stand apart better behind the film"
        )
        + f": {leads_of[0] / leads_of[1]:.1f} times the modulation at 0.5 mm and {balls_of[0] / balls_of[1]:.1f} times "
        "at 1.0 mm. The paper does not say what that costs in noise: at the same dose a square millimetre has SNR "
        f"{film_snr:.0f} behind the film and {columns_snr:.0f} behind CsI:Tl.",
        numbers=numbers,
        curves={"column": np.arange(size[1]), **{f"middle_row_{words}_dn": row for words, row in profile.items()}},
        drawing=drawing,
        notes=(
            "Simulated card of layers of copper, solder, packages and pins; dimensions of common parts: assumed. The "
            "paper coated 8 × 8 cm of its panel, less than such a card; ours carries the layer on all of it.",
            f"{size[0]:,} × {size[1]:,} pixels{', the middle of the panel' if making.quick else ', the full panel'}.",
            "The film's noise is that of X-rays in the diodes, which rest on the layers assumed between film and "
            "diode: see the band of its DQE in Fig. 4c.",
        ),
        decided_by=f"Leads have more than {SHARPER:g} times, and balls more than once, the modulation of CsI:Tl.",
        wrong_if="in the paper's own pictures the pins of 0.5 mm pitch are modulated alike behind both layers, or the "
        "film's open field is as quiet as that of CsI:Tl.",
    )
