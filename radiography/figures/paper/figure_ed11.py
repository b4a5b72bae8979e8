"""Extended Data Fig. 11: a flat cable and a needle in pork, by a film on a disk and a digital camera."""

from __future__ import annotations

from math import inf

import numpy as np
from scipy.optimize import brentq

from phantoms.flat_cable import CABLE_MIDDLE_MM, flat_cable
from phantoms.meat import HUB, OUTER_MM, STREAKS, TIP, meat
from phantoms.solids import Vector
from radiography.beam.attenuation import material
from radiography.camera.exposure import blur_at
from radiography.camera.film_light import light_behind
from radiography.figures.paper.camera_pictures import (
    OBJECT_TO_FILM_MM,
    ROSE,
    SOURCE_TO_OBJECT_MM,
    contrast_along,
    film_and_camera,
    number_behind,
    over_exposures,
    over_noise_of_1mm,
    photographs,
)
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, sheet, status_of

CONDUCTORS, PITCH_MM, WIDTH_MM, COPPER_MM = 12, 1.0, 0.65, 0.05
STRAIGHT_MM = (2.0, 5.5)  # y between fold and connector
RESOLVED = 0.1  # of the modulation


def cable_and_meat(making: Making) -> PaperFigure:
    """Photographs of both, contrasts over noise, and the finest lines.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    setup = film_and_camera(making)
    pitch = setup.camera.pitch_mm
    size = (SOURCE_TO_OBJECT_MM + OBJECT_TO_FILM_MM) / SOURCE_TO_OBJECT_MM
    cable = flat_cable(CONDUCTORS, PITCH_MM, WIDTH_MM, COPPER_MM)
    cables, meats = (photographs(setup, phantom, making) for phantom in (cable, meat()))
    places = CABLE_MIDDLE_MM + PITCH_MM * (np.arange(CONDUCTORS) - 0.5 * (CONDUCTORS - 1))
    lines = [
        contrast_along(cables, pitch, ((x, STRAIGHT_MM[0], 0.0), (x, STRAIGHT_MM[1], 0.0)), 0.15, (0.42, 0.58))
        for x in places[1:-1].tolist()  # the outermost have a neighbour on one side only
    ]
    conductor, cable_noise = (float(np.mean(each)) for each in zip(*lines, strict=True))
    needle, meat_noise = contrast_along(meats, pitch, (TIP, HUB), 0.25, (0.8, 1.4))
    middle, half, turn = STREAKS[1]
    reach = 0.6 * half * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    ends: tuple[Vector, Vector] = (
        (middle[0] - reach[0], middle[1] - reach[1], 0.0),
        (middle[0] + reach[0], middle[1] + reach[1], 0.0),
    )
    streak, _ = contrast_along(meats, pitch, ends, 0.2, (0.9, 1.4))
    transfer_at = blur_at(setup.light, setup.fluence_per_mm2, setup.halo_at, pitch)
    finest = size * float(brentq(lambda f: float(transfer_at(np.array([f]))[0]) - RESOLVED, 1.0, 16.0))
    one, two = (light_behind(setup.light, setup.fluence_per_mm2, material("Cu"), count * COPPER_MM) for count in (1, 2))
    numbers = [
        Number("contrast of a conductor against the gap beside it", "1", conductor, None, "computed"),
        over_exposures("contrast of a conductor over the noise of a pixel", conductor / cable_noise),
        number_behind(setup, "a conductor", "Cu", COPPER_MM),
        Number("light left behind two, over the square of that", "1", two / one**2, None, "computed"),
        Number("contrast of the needle in pork", "1", needle, None, "computed"),
        over_exposures("contrast of the needle in pork over the noise of a pixel", needle / meat_noise),
        Number("contrast of a streak of fat in muscle", "1", streak, None, "computed", note="negative: brighter"),
        over_exposures("contrast of fat over the noise of a pixel", streak / meat_noise),
        Number("finest lines of the object, modulation 0.1", "1/mm", finest, None, "computed"),
    ]
    of_1mm = [
        over_noise_of_1mm("a conductor", conductor / cable_noise, WIDTH_MM, pitch),
        over_noise_of_1mm("the needle in pork", needle / meat_noise, OUTER_MM, pitch),
    ]
    numbers += of_1mm
    drawing, (of_cable, of_meat, across, tissue) = sheet(2, 2)
    for axes, picture in ((of_cable, cables[0]), (of_meat, meats[0])):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1.1 * float(np.percentile(picture, 98)))
        axes.set_axis_off()
    rows, cols = cables[0].shape
    x = pitch / size * (np.arange(cols) - 0.5 * (cols - 1))
    top, end = (int(0.5 * rows + y * size / pitch) for y in STRAIGHT_MM)
    profile = cables[0][top:end].mean(axis=0)
    row = int(0.5 * rows + 0.5 * (TIP[1] + HUB[1]) * size / pitch)
    through = meats[0][row - 2 : row + 3].mean(axis=0)
    across.plot(x, profile, linewidth=0.9)
    across.set(xlabel="x (mm)", ylabel="over the open field", xlim=(-14, 2))
    across.set_title("mean of rows through the cable", fontsize=9, loc="left")
    tissue.plot(x, through, linewidth=0.9)
    tissue.set(xlabel="x (mm)", ylabel="over the open field")
    tissue.set_title("mean of five rows through pork and needle", fontsize=9, loc="left")
    return PaperFigure(
        title="A flat cable and a needle in pork",
        status=status_of(*(judge(number, ROSE, inf) for number in of_1mm)),
        verdict=f"Conductors stand apart with {conductor:.2f} of contrast, {conductor / cable_noise:.1f} times the "
        f"noise of a pixel, and the needle with {needle:.2f}, {needle / meat_noise:.1f} times; a streak of fat has "
        f"{-streak:.2f}, {-streak / meat_noise:.1f} times. Lines up to {finest:.1f} /mm are resolved. What phase adds "
        "is told by 3f.",
        numbers=numbers,
        curves={"x_mm": x, "cable_rows": profile, "pork_rows": through},
        drawing=drawing,
        notes=(
            "Film, disk, camera, exposure and distances as for 3f: assumed. Cable of 12 conductors of 0.65 x 0.05 mm "
            "at 1 mm, pork of made-up shape, needle of 21 gauge: assumed. Scattered X-rays are left out.",
        ),
        decided_by=f"A millimetre of a conductor and of the needle has at least {ROSE:g} times its noise (Rose) at "
        "every exposure.",
        wrong_if="a photograph by such a camera shows lines finer than these, or less noise at this exposure.",
    )
