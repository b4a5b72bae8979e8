"""Sound and motion of the phone: loudspeaker and earpiece with their magnets, and the motor that makes it shake.

In phone coordinates (see outline); what is in the parts follows common practice: assumed.
"""

from __future__ import annotations

from phantoms.card.drawing import Point, box, post, track
from phantoms.phone.cameras import microphone
from phantoms.phone.outline import slab
from phantoms.solids import PlacedSolid

SPEAKER_MM: Point = (53.4, 130.8)
EARPIECE_MM: Point = (39.0, 5.4)
MOTOR_MM: Point = (17.6, 132.4)


def sound() -> list[PlacedSolid]:
    """Loudspeaker, earpiece, motor, and the two lower microphones.

    Returns
    -------
    solids : list of PlacedSolid
    """
    return [
        *_loudspeaker(),
        *_earpiece(),
        *_motor(),
        *microphone((22.4, 142.0), 2.4),
        *microphone((48.8, 142.2), 2.4),
    ]


def _loudspeaker() -> list[PlacedSolid]:
    """Box of plastic with a steel plate, magnet ring and inner magnet, a voice coil in the gap, and grains of foam."""
    x, y = SPEAKER_MM
    low = 1.6
    solids = [
        slab("polyamide", (x + 1.2, y), (22.4, 18.4), low, 5.1, 1.6),
        slab("air", (x + 1.2, y), (21.0, 17.0), low + 0.6, 4.5, 1.2),
        slab("stainless_steel", (x + 1.2, y), (21.4, 17.4), 4.85, 4.95, 1.2),
        slab("polycarbonate", SPEAKER_MM, (16.0, 12.4), low + 0.6, 4.4, 1.4),
        slab("air", SPEAKER_MM, (14.8, 11.2), low + 0.6, 4.4, 1.0),
        # yoke, ring of magnet with its pole plate, inner magnet with its own
        slab("steel", SPEAKER_MM, (14.6, 11.0), 2.3, 2.6, 1.0),
        slab("neodymium_magnet", SPEAKER_MM, (14.4, 10.8), 2.6, 3.5, 1.8),
        slab("steel", SPEAKER_MM, (14.4, 10.8), 3.5, 3.8, 1.8),
        slab("air", SPEAKER_MM, (11.4, 7.8), 2.6, 3.8, 1.8),
        slab("neodymium_magnet", SPEAKER_MM, (9.0, 5.4), 2.6, 3.5, 1.0),
        slab("steel", SPEAKER_MM, (9.0, 5.4), 3.5, 3.8, 1.0),
        slab("Cu", SPEAKER_MM, (10.6, 7.0), 2.8, 4.0, 1.4),
        slab("air", SPEAKER_MM, (9.9, 6.3), 2.79, 4.01, 1.1),
        slab("neodymium_magnet", SPEAKER_MM, (9.0, 5.4), 2.79, 3.5, 1.0),
        slab("steel", SPEAKER_MM, (9.0, 5.4), 3.5, 3.8, 1.0),
        slab("PET", SPEAKER_MM, (14.0, 10.4), 4.1, 4.15, 1.2),
        slab("Al", SPEAKER_MM, (8.6, 5.0), 4.15, 4.25, 0.8),
    ]
    for side in (-1.0, 1.0):  # spring contacts, and the screws' lugs
        solids.append(box("phosphor_bronze", (x - 10.2, y - 5.0 + 1.3 * side), (1.6, 0.7), 4.0, 4.12))
        solids.append(post("brass", (x + 10.8, y + 7.6 * side), 2.2, 3.2, 4.8))
    for index in range(7):  # holes of the grille are in the frame: posts across it
        solids.append(box("air", (49.0 + 2.2 * index, 145.7), (1.0, 2.8), 3.2, 4.2))
        solids.append(box("air", (10.0 + 2.2 * index, 145.7), (1.0, 2.8), 3.2, 4.2))
    return solids


def _earpiece() -> list[PlacedSolid]:
    """Flat receiver: steel cup, bar magnets, coil."""
    x, y = EARPIECE_MM
    return [
        slab("polycarbonate", EARPIECE_MM, (13.4, 5.4), 2.0, 4.3, 0.8),
        slab("air", EARPIECE_MM, (12.6, 4.6), 2.2, 4.1, 0.6),
        slab("steel", EARPIECE_MM, (12.0, 4.4), 2.2, 2.5, 0.6),
        box("neodymium_magnet", (x, y), (8.4, 1.6), 2.5, 3.3),
        box("steel", (x, y), (8.4, 1.6), 3.3, 3.5),
        box("neodymium_magnet", (x, y - 1.75), (10.0, 0.7), 2.5, 3.3),
        box("neodymium_magnet", (x, y + 1.75), (10.0, 0.7), 2.5, 3.3),
        slab("Cu", EARPIECE_MM, (9.4, 2.4), 2.8, 3.7, 0.5),
        slab("air", EARPIECE_MM, (8.9, 1.9), 2.79, 3.71, 0.4),
        box("neodymium_magnet", (x, y), (8.4, 1.6), 2.79, 3.3),
        box("steel", (x, y), (8.4, 1.6), 3.3, 3.5),
        slab("stainless_steel", (x, 1.9), (11.0, 1.2), 5.4, 6.6, 0.5),
    ]


def _motor() -> list[PlacedSolid]:
    """Linear motor: steel case, weights of tungsten at both ends of a row of magnets, two flat coils, springs."""
    x, y = MOTOR_MM
    low, high = 1.7, 5.0
    solids = [
        slab("stainless_steel", MOTOR_MM, (25.0, 10.4), low, high, 0.8),
        slab("air", MOTOR_MM, (24.4, 9.8), low + 0.25, high - 0.25, 0.6),
        box("polyimide", (x + 15.4, y + 2.0), (6.0, 3.0), 4.4, 4.5),
        box("Cu", (x + 15.4, y + 1.4), (6.0, 0.5), 4.5, 4.54),
        box("Cu", (x + 15.4, y + 2.6), (6.0, 0.5), 4.5, 4.54),
    ]
    for side in (-1.0, 1.0):
        solids.append(slab("tungsten_alloy", (x + side * 7.4, y), (3.6, 7.6), low + 0.6, high - 0.6, 0.5, 3))
        solids.append(slab("Cu", (x + side * 2.9, y), (5.0, 7.2), low + 0.3, low + 0.55, 1.0, 4))
        solids.append(slab("air", (x + side * 2.9, y), (1.6, 3.8), low + 0.3, low + 0.55, 0.5, 4))
        spring = [(x + side * (9.6 + 0.5 * turn), y + (3.6 if turn % 2 else -3.6)) for turn in range(5)]
        solids.append(track(spring, 0.22, low + 0.8, high - 0.8, "stainless_steel"))
    for index in range(5):
        size = (1.9, 6.8) if index % 2 == 0 else (1.1, 6.8)
        offset = 2.2 * (index - 2)
        solids.append(box("neodymium_magnet", (x + offset, y), size, low + 0.9, high - 0.7))
    solids.append(box("steel", (x, y), (11.0, 7.4), high - 0.7, high - 0.45))
    return solids
