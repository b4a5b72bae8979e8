"""Width of a phase fringe over the blur of source and film: whether Fig. 3f can be phase contrast, by one number."""

from __future__ import annotations

from radiography.figures.paper.parts import Number
from radiography.light.transport import EV_NM

ENERGY_KEV = 30.0  # chosen: mid of a beam of 50 kV
SOURCE_TO_OBJECT_MM, OBJECT_TO_FILM_MM = 300.0, 50.0  # assumed: the paper gives neither
SOURCE_UM = 50.0  # assumed: of a miniature tube
FILMS_UM = (50.0, 100.0)  # assumed: blur of a film of about its thickness


def fringe_over_blur() -> Number:
    """First Fresnel fringe at an edge, sqrt(lambda R) with R = R1 R2 / (R1 + R2), over the blur behind the object.

    Returns
    -------
    number : Number
        Of kind "computed"; its band is that of the film's blur. [1]
    """
    wavelength_um = 1e-3 * EV_NM / (1e3 * ENERGY_KEV)
    whole_mm = SOURCE_TO_OBJECT_MM + OBJECT_TO_FILM_MM
    fringe_um = (wavelength_um * 1e3 * SOURCE_TO_OBJECT_MM * OBJECT_TO_FILM_MM / whole_mm) ** 0.5
    shrink = SOURCE_TO_OBJECT_MM / whole_mm  # of the film's plane in the object's
    source_um = SOURCE_UM * OBJECT_TO_FILM_MM / whole_mm
    low, high = (fringe_um / (source_um**2 + (shrink * film) ** 2) ** 0.5 for film in reversed(FILMS_UM))
    middle = fringe_um / (source_um**2 + (shrink * 0.5 * sum(FILMS_UM)) ** 2) ** 0.5
    return Number(
        "width of a phase fringe over the blur of source and film",
        "1",
        middle,
        None,
        "computed",
        (low, high),
        "30 keV, 30 cm to the object and 5 cm on, source of 50 um, all assumed; band: blur of the film of 50 to 100 um",
    )
