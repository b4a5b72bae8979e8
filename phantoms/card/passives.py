"""Capacitors, resistors, coils and the crystal of the network card.

Every part stands in board coordinates (see card_drawing) centred on x = y = 0, its long axis along x, and brings its
own pads and solder. Outlines are the usual chip sizes; what is inside is assumed, after common practice.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import TOP_MM, Point, Point3, box, post, put, rod, soldered_pin, wire
from phantoms.solids import Phantom, PlacedSolid, phantom_of

_FRAME = "copper_alloy_194"


def _end_joints(length: float, width: float, cap: float, solder: str) -> list[PlacedSolid]:
    """Copper pads and solder fillets at both ends of a chip [mm]."""
    solids = []
    for side in (-1, 1):
        x = side * 0.5 * (length - cap + 0.35)
        solids.append(box("Cu", (x, 0.0), (cap + 0.75, width + 0.15), 0.0, TOP_MM))
        solids.append(box(solder, (x, 0.0), (cap + 0.55, width), TOP_MM, TOP_MM + 0.1))
    return solids


def chip_resistor(solder: str, length: float = 1.6, width: float = 0.8) -> Phantom:
    """Thick-film resistor: alumina plate with tinned ends [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    length : float
        Of the part. [mm]
    width : float
        Of track, strip or part. [mm]

    Returns
    -------
    phantom : Phantom
    """
    cap, height = 0.2 * length, 0.45
    solids = _end_joints(length, width, cap, solder)
    low = TOP_MM + 0.03
    solids += [box("Sn", (side * 0.5 * (length - cap), 0.0), (cap, width), low, low + height) for side in (-1.0, 1.0)]
    solids.append(box("alumina", (0.0, 0.0), (length - 0.06, width), low + 0.03, low + height - 0.03))
    return phantom_of("chip resistor", solids)


def resistor_array(solder: str) -> Phantom:
    """Four resistors on one alumina plate, 3.2 mm by 1.6 mm, contacts along both long sides."""
    low = TOP_MM + 0.03
    solids = []
    for index in range(4):
        x = (index - 1.5) * 0.8
        for side in (-1.0, 1.0):
            solids.append(box("Cu", (x, side * 0.85), (0.45, 0.9), 0.0, TOP_MM))
            solids.append(box(solder, (x, side * 0.8), (0.42, 0.6), TOP_MM, low + 0.2))
    solids.append(box("alumina", (0.0, 0.0), (3.2, 1.5), low, low + 0.5))
    return phantom_of("resistor array", solids)


def ceramic_capacitor(solder: str, length: float = 1.6, width: float = 0.8, height: float = 0.8) -> Phantom:
    """Multilayer ceramic capacitor: barium titanate with the nickel of all its electrodes as one plate, tinned ends.

    The electrodes, tens of plates about 1 um thick, are far below what a detector resolves: one plate as thick as
    all of them together attenuates the same [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    length : float
        Of the part. [mm]
    width : float
        Of track, strip or part. [mm]
    height : float
        Of the part. [mm]

    Returns
    -------
    phantom : Phantom
    """
    cap = 0.22 * length
    low = TOP_MM + 0.03
    solids = _end_joints(length, width, cap, solder)
    solids += [box("Sn", (side * 0.5 * (length - cap), 0.0), (cap, width), low, low + height) for side in (-1.0, 1.0)]
    solids.append(box("barium_titanate", (0.0, 0.0), (length - 0.05, width - 0.03), low + 0.02, low + height - 0.02))
    electrodes = 0.06 * height
    middle = low + 0.5 * height
    overlap = (length - 2 * cap, 0.7 * width)
    solids.append(box("Ni", (0.0, 0.0), overlap, middle - 0.5 * electrodes, middle + 0.5 * electrodes))
    return phantom_of("ceramic capacitor", solids)


def tantalum_capacitor(solder: str, length: float = 7.3, width: float = 4.3, height: float = 2.8) -> Phantom:
    """Moulded tantalum capacitor: sintered slug in manganese dioxide and silver, riser wire, lead frame [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    length : float
        Of the part. [mm]
    width : float
        Of track, strip or part. [mm]
    height : float
        Of the part. [mm]

    Returns
    -------
    phantom : Phantom
    """
    low = TOP_MM + 0.08
    z = low + 0.5 * height
    slug = (0.55 * length, 0.72 * width)
    slug_x = 0.08 * length
    wire_end = -0.5 * length + 0.6
    solids = _end_joints(length, 0.6 * width, 1.3, solder)
    solids += [
        box("mould_compound", (0.0, 0.0), (length, width), low, low + height),
        box("Ag", (slug_x, 0.0), (slug[0] + 0.16, slug[1] + 0.16), low + 0.42, low + height - 0.42),
        box("manganese_dioxide", (slug_x, 0.0), (slug[0] + 0.12, slug[1] + 0.12), low + 0.44, low + height - 0.44),
        # sintered powder is a third metal: full tantalum over a third of the slug's height
        box("Ta", (slug_x, 0.0), slug, z - 0.14 * height, z + 0.14 * height),
        rod("Ta", (wire_end, 0.0, z), (slug_x - 0.5 * slug[0], 0.0, z), 0.45),
    ]
    strip = 0.55 * width
    for side, reach in ((-1.0, 0.9), (1.0, 1.6)):  # leads: out of the body, down its end, under it
        edge = side * 0.5 * length
        solids.append(box(_FRAME, (edge - side * 0.5 * reach, 0.0), (reach, strip), z - 0.06, z + 0.06))
        solids.append(box(_FRAME, (edge + side * 0.06, 0.0), (0.12, strip), low - 0.05, z + 0.06))
        solids.append(box(_FRAME, (edge - side * 0.65, 0.0), (1.3, strip), low - 0.05, low + 0.07))
    return phantom_of("tantalum capacitor", solids)


def electrolytic_capacitor(solder: str, diameter: float = 6.3, height: float = 8.0, pin_pitch: float = 2.5) -> Phantom:
    """Aluminium electrolytic capacitor standing on its pins: can, wound foil and paper, rubber bung, two leads [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    diameter : float
        [mm]
    height : float
        Of the part. [mm]
    pin_pitch : float
        From lead to lead. [mm]

    Returns
    -------
    phantom : Phantom
    """
    low = TOP_MM + 0.3
    solids = [
        post("Al", (0.0, 0.0), diameter, low, low + height),
        post("polyethylene", (0.0, 0.0), diameter - 0.6, low - 0.01, low + height - 0.3),
    ]
    turns = max(3, int((diameter - 1.8) / 0.8))
    for turn in range(turns):  # foil wound with wet paper: rings of aluminium in place of the spiral
        outer = diameter - 0.9 - 0.8 * turn
        solids.append(post("Al", (0.0, 0.0), outer, low + 1.8, low + height - 0.8))
        solids.append(post("PMMA", (0.0, 0.0), outer - 0.3, low + 1.8, low + height - 0.8))
    for side in (-1.0, 1.0):
        x = side * 0.5 * pin_pitch
        solids += soldered_pin((x, 0.0), 0.6, 0.9, solder, "Fe", low + 1.5, thermal_relief=side > 0)
        solids.append(post("Al", (x, 0.0), 1.2, low + 0.6, low + 2.6))
    return phantom_of("electrolytic capacitor", solids)


def crystal_can(solder: str, length: float = 11.0, width: float = 4.6, height: float = 3.6) -> Phantom:
    """HC-49/S crystal: oblong nickel-silver can on a base with glass seals, a quartz disc on two springs [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    length : float
        Of the part. [mm]
    width : float
        Of track, strip or part. [mm]
    height : float
        Of the part. [mm]

    Returns
    -------
    phantom : Phantom
    """
    wall = 0.25
    low = TOP_MM + 0.3
    solids = []
    for material, grow, z_low, z_high in (
        ("brass", 0.35, low, low + 0.5),
        ("brass", 0.0, low + 0.5, low + height),
        ("air", -wall, low + 0.5, low + height - wall),
    ):
        half = 0.5 * (length - width)
        across = width + 2 * grow
        solids.append(box(material, (0.0, 0.0), (2 * half, across), z_low, z_high))
        solids += [post(material, (side * half, 0.0), across, z_low, z_high) for side in (-1.0, 1.0)]
    solids.append(box("glass", (0.0, 0.0), (7.6, 0.12), low + 0.9, low + height - 0.5))  # quartz, on edge
    for side in (-1.0, 1.0):
        pin = (side * 2.44, 0.0)
        solids.append(post("glass", pin, 1.5, low, low + 0.5))
        solids += soldered_pin(pin, 0.43, 0.8, solder, "kovar", low + 0.8)
        solids.append(box("kovar", (side * 3.2, 0.0), (1.6, 0.5), low + 0.8, low + 0.95))
    return phantom_of("crystal", solids)


def wound_toroid(
    rng: np.random.Generator,
    outer_diameter: float,
    inner_diameter: float,
    height: float,
    turns: int,
    wire_diameter: float,
    inside: str,
    arc_deg: tuple[float, float] = (20.0, 340.0),
) -> list[PlacedSolid]:
    """Ferrite ring lying flat on z = 0, wound by hand with copper wire over an arc [mm].

    ``inside`` is the material that fills the ring's hole. Every turn is four straight wires; ``rng`` sets how
    unevenly they lie.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what differs from part to part.
    outer_diameter : float
        Of the ring. [mm]
    inner_diameter : float
        Of the ring. [mm]
    height : float
        Of the part. [mm]
    turns : int
        How many. [1]
    wire_diameter : float
        [mm]
    inside : str
        Material that fills the ring's hole.
    arc_deg : (float, float)
        First and last turn. [deg]

    Returns
    -------
    solids : list of PlacedSolid
    """
    outer, inner = 0.5 * outer_diameter, 0.5 * inner_diameter
    lift = 0.5 * wire_diameter
    solids = [post("ferrite", (0.0, 0.0), outer_diameter, lift * 2, height + lift * 2)]
    solids.append(post(inside, (0.0, 0.0), inner_diameter, lift * 2, height + lift * 2))
    pitch = (arc_deg[1] - arc_deg[0]) / turns
    angles = arc_deg[0] + pitch * (np.arange(turns) + 0.5 + rng.uniform(-0.25, 0.25, turns))
    for angle in np.radians(angles):
        half_pitch = 0.5 * np.radians(pitch)
        out_a = (outer + lift) * np.array([np.cos(angle), np.sin(angle)])
        in_a = (inner - lift) * np.array([np.cos(angle), np.sin(angle)])
        out_b = (outer + lift) * np.array([np.cos(angle + half_pitch), np.sin(angle + half_pitch)])
        top, bottom = height + 3 * lift, lift
        corners: list[Point3] = [
            (float(out_b[0]), float(out_b[1]), bottom),
            (float(in_a[0]), float(in_a[1]), bottom),
            (float(in_a[0]), float(in_a[1]), top),
            (float(out_a[0]), float(out_a[1]), top),
            (float(out_a[0]), float(out_a[1]), bottom),
        ]
        solids += wire("Cu", corners, wire_diameter)
    return solids


def toroid_choke(rng: np.random.Generator, solder: str, turns: int = 24) -> Phantom:
    """Storage choke: ring core lying on the board, wound with 0.6 mm wire, two leads in holes.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what differs from part to part.
    solder : str
        Material of the solder.
    turns : int
        How many. [1]

    Returns
    -------
    phantom : Phantom
    """
    ring = phantom_of("ring", wound_toroid(rng, 11.5, 6.2, 4.8, turns, 0.6, "air"))
    low = TOP_MM + 0.3
    solids = list(put(ring, (0.0, 0.0), 0.0, low))
    for side in (-1.0, 1.0):
        hole = (6.6, side * 2.0)
        solids += soldered_pin(hole, 0.6, 0.9, solder, "Cu", low + 0.3)
        solids.append(rod("Cu", (5.7, side * 2.0, low + 0.3), (6.7, side * 2.0, low + 0.3), 0.6))
    return phantom_of("toroid choke", solids)


def drum_choke(solder: str, diameter: float = 7.0) -> Phantom:
    """Surface-mount choke: ferrite drum with copper wound on its waist, on two pads [mm].

    Parameters
    ----------
    solder : str
        Material of the solder.
    diameter : float
        [mm]

    Returns
    -------
    phantom : Phantom
    """
    low = TOP_MM + 0.15
    solids = _end_joints(diameter, 3.0, 1.6, solder)
    solids += [
        post("ferrite", (0.0, 0.0), diameter, low, low + 0.9),
        post("Cu", (0.0, 0.0), 0.86 * diameter, low + 0.9, low + 2.7),
        post("ferrite", (0.0, 0.0), 0.42 * diameter, low + 0.9, low + 2.7),
        post("ferrite", (0.0, 0.0), diameter, low + 2.7, low + 3.5),
    ]
    # copper fills half of the winding's window: resin rings between the layers
    for fraction in (0.80, 0.68, 0.56):
        solids.append(post("epoxy", (0.0, 0.0), fraction * diameter, low + 0.9, low + 2.7))
        solids.append(post("Cu", (0.0, 0.0), (fraction - 0.06) * diameter, low + 0.9, low + 2.7))
    solids.append(post("ferrite", (0.0, 0.0), 0.42 * diameter, low + 0.9, low + 2.7))
    return phantom_of("drum choke", solids)


def glass_diode(solder: str) -> Phantom:
    """MELF diode: glass tube with two metal ends and a crystal between studs."""
    z = TOP_MM + 0.75
    solids = _end_joints(3.5, 1.3, 0.5, solder)
    ends: list[tuple[Point, str, float]] = [((-1.25, 1.25), "glass", 1.3), ((-1.25, -0.15), "kovar", 0.7)]
    ends += [((0.15, 1.25), "kovar", 0.7), ((-1.75, -1.25), "Cu", 1.4), ((1.25, 1.75), "Cu", 1.4)]
    ends.append(((-0.15, 0.15), "Si", 0.6))
    solids += [rod(material, (a, 0.0, z), (b, 0.0, z), diameter) for (a, b), material, diameter in ends]
    return phantom_of("glass diode", solids)
