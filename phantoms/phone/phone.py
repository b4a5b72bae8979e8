"""Phone: the object of the paper's Fig. 4f, drawn part by part."""

from __future__ import annotations

import numpy as np

from phantoms.phone.battery import battery
from phantoms.phone.board import board
from phantoms.phone.cameras import cameras
from phantoms.phone.case import buttons, display, frame, glasses, screws, sim_tray, springs
from phantoms.phone.charging import charging
from phantoms.phone.outline import LENGTH_MM, WIDTH_MM
from phantoms.phone.sound import sound
from phantoms.solids import Phantom, move_phantom, phantom_of


def phone(seed: int = 1, small_parts: int = 800) -> Phantom:
    """Phone of glass and aluminium, 71 mm by 147 mm and 7.5 mm high, front glass up.

    A round-edged frame with antenna gaps between two glasses, a display on its steel sheet, a wound lithium-ion battery
    with protection board, a board in the shape of an L with chips on balls, shields and connectors, two cameras with
    voice coils and magnets and one without, loudspeaker, earpiece, a motor with weights of tungsten, a spiral coil on
    ferrite, a USB Type-C connector, SIM tray, buttons, screws and flexible leads.

    Parameters
    ----------
    seed : int
        Seed of everything irregular: small parts, vias and tracks, balls and their voids, sheets of the battery. The
        same seed gives the same phone. [1]
    small_parts : int
        Chip capacitors and resistors to scatter over the board; fewer are placed if there is no room. [1]

    Returns
    -------
    phantom : Phantom
        About 9,000 solids. Origin at the centre of the outline in x and y, upper edge with the cameras at y < 0; z from
        0 (back glass) to 7.5 mm (front glass).

    Raises
    ------
    ValueError
        If the seed or the number of small parts is negative.

    Notes
    -----
    Invented, after what is common in phones of 2018 to 2020: sizes, layout and what is inside the parts are assumed.
    The paper shows the radiograph of a phone but does not name it.
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    if small_parts < 0:
        raise ValueError(f"small_parts must be 0 or more, got {small_parts}")
    rng = np.random.default_rng(seed)
    solids = [
        *frame(),
        *display(),
        *cameras(),
        *board(rng, small_parts),
        *battery(rng),
        *sound(),
        *sim_tray(),
        *buttons(),
        *springs(),
        *screws(),
        *charging(),
        *glasses(),
    ]
    return move_phantom(phantom_of("phone", solids), (-0.5 * WIDTH_MM, -0.5 * LENGTH_MM, 0.0))
