"""A flat flexible cable with a fold, in its connector: tinned copper in polyester, contacts in a housing.

Pitch and conductors as of common cables of 1 mm pitch; housing and contacts are drawn after such connectors. # assumed
"""

from __future__ import annotations

import numpy as np

from phantoms.solids import Box, Phantom, PlacedSolid, Prism, phantom_of, place

FILM_MM = 0.06  # polyester with adhesive, on either side of the conductors   # assumed
STIFFENER_MM = 0.22  # assumed
FOLD_MM = -11.0  # the fold is where x + y has this value
CABLE_MIDDLE_MM = -6.0  # x of the part that runs down
END_MM, REACH_MM = 8.5, 17.0  # y of the end in the connector, x of that off the picture
TURNED_Z_MM = 0.3  # height of the part that is folded over


def flat_cable(
    conductors: int = 12, pitch_mm: float = 1.0, conductor_width_mm: float = 0.65, conductor_thickness_mm: float = 0.05
) -> Phantom:
    """A flat cable that runs upwards from its connector and is folded over to the right.

    Parameters
    ----------
    conductors : int
        [1]
    pitch_mm : float
        From middle to middle. [mm]
    conductor_width_mm, conductor_thickness_mm : float
        Of the copper. [mm]

    Returns
    -------
    phantom : Phantom
        About 31 mm wide and 25 mm high, thinner than 4 mm; place it 2 mm or more above the film.

    Raises
    ------
    ValueError
        If there are not 2 to 16 conductors, or they do not fit into their pitch.
    """
    if not 2 <= conductors <= 16:
        raise ValueError(f"a flat cable needs 2 to 16 conductors, got {conductors}")
    if not (0 < conductor_width_mm < pitch_mm <= 1.5 and 0 < conductor_thickness_mm <= 0.2):
        raise ValueError(
            "a flat cable needs conductors narrower than their pitch of at most 1.5 mm and at most 0.2 mm thick, got "
            f"{conductor_width_mm:g} x {conductor_thickness_mm:g} mm at {pitch_mm:g} mm"
        )
    places = CABLE_MIDDLE_MM + pitch_mm * (np.arange(conductors) - 0.5 * (conductors - 1))
    left, right = places[0] - 0.5 * pitch_mm - 0.3, places[-1] + 0.5 * pitch_mm + 0.3
    solids = [*_films(float(left), float(right), conductor_thickness_mm)]
    for x in places.tolist():
        turn = FOLD_MM - x  # y where it is folded over, and runs on
        width, thick = conductor_width_mm, conductor_thickness_mm
        solids.append(place(Box((width, END_MM - turn, thick)), "Cu", (x, 0.5 * (END_MM + turn), 0.0)))
        solids.append(place(Box((REACH_MM - x, width, thick)), "Cu", (0.5 * (REACH_MM + x), turn, TURNED_Z_MM)))
    return phantom_of("flat cable", [*solids, *_connector(places.tolist(), pitch_mm)])


def _films(left: float, right: float, thick: float) -> list[PlacedSolid]:
    """Polyester of the part that runs down and of the part that is folded over, and the stiffener."""
    depth = thick + 2.0 * FILM_MM
    down = ((left, FOLD_MM - left), (right, FOLD_MM - right), (right, END_MM), (left, END_MM))
    across = (
        (left, FOLD_MM - left),
        (right, FOLD_MM - right),
        (REACH_MM, FOLD_MM - right),
        (REACH_MM, FOLD_MM - left),
    )
    return [
        place(Prism(down, depth), "PET"),
        place(Prism(across, depth), "PET", (0.0, 0.0, TURNED_Z_MM)),
        place(Box((right - left, 6.0, STIFFENER_MM)), "PET", (0.5 * (left + right), END_MM - 3.0, -0.25)),
    ]


def _connector(places: list[float], pitch: float) -> list[PlacedSolid]:
    """Housing with a slot, a contact for each conductor, solder tails, and a clamp at either end."""
    middle, wide = 0.5 * (places[0] + places[-1]), places[-1] - places[0] + 4.5
    contact = 0.3 * pitch
    solids = [
        place(Box((wide, 4.6, 2.6)), "polyamide", (middle, 8.2, 0.0)),
        place(Box((wide - 2.2, 3.2, 0.7)), "air", (middle, 7.4, 0.0)),
        place(Box((wide - 1.0, 1.2, 0.9)), "polyamide", (middle, 6.4, 1.6)),
    ]
    for x in places:
        solids.append(place(Box((contact, 3.8, 0.2)), "phosphor_bronze", (x, 8.0, 0.75)))
        solids.append(place(Box((contact, 2.2, 0.2)), "phosphor_bronze", (x, 7.4, -0.65), (6.0, 0.0, 0.0)))
        solids.append(place(Box((contact, 0.25, 1.6)), "phosphor_bronze", (x, 9.9, 0.1)))
        solids.append(place(Box((contact, 1.6, 0.2)), "phosphor_bronze", (x, 10.8, -0.9)))
        solids.append(place(Box((1.8 * contact, 0.9, 0.15)), "solder_SAC305", (x, 11.2, -1.05)))
    for side in (-1.0, 1.0):
        at = middle + side * (0.5 * wide + 0.1)
        solids.append(place(Box((0.9, 2.4, 0.25)), "brass", (at, 8.8, -0.9)))
        solids.append(place(Box((0.25, 2.4, 1.6)), "brass", (at - side * 0.4, 8.8, -0.2)))
    return solids
